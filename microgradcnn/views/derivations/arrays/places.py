"""Operations that mathematics writes with the places of numbers: log-softmax, convolution, pooling, sorting, taking."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.named_graph import PLACED, Graph
from microgradcnn.views.derivations.windows import (
    PIXEL,
    ROLES,
    WINDOW,
    channel_letter,
    convolved,
    counted,
    pooled,
    sent_back,
)
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.arguments import indexed
from microgradcnn.views.formulas.expression import ONE, ZERO, Expr, add, call, equation, minus, multiply, symbol
from microgradcnn.views.formulas.expression import text as words
from microgradcnn.views.formulas.notation import formula

POOLINGS = ("avg_pool2d", "max_pool2d")
_LETTERS = "ijlmnpqabcd"
_GATHERS = ("take", "take_along_axis")


def computed(graph: Graph, node: Value) -> Line:
    """What a named node is computed from."""
    assert node.op is not None
    name = graph.names[node]
    if node.op.name == "log_softmax":
        return (_log_softmax(graph, node),)
    if node.op.name in POOLINGS:
        return (pooled(graph, node),)
    if node.op.name in ("conv2d_input", "conv2d_kernel"):
        place, total = convolved(graph, node, ROLES[node.op.name][-1])
        return (equation(indexed(name, words(place)), total),)
    if node.op.name == "order":
        of = formula(node.parents[0], graph.names)
        return (
            name,
            " has the places of the numbers of ",
            of,
            f" in ascending order, along axis {node.static['axis']}".replace("-", "−"),
        )
    if node.op.name in PLACED - {"conv2d"}:
        places = _Places(graph, node)
        x = formula(node.parents[0], graph.names)
        if node.op.name in _GATHERS:
            taken = equation(places.small(name), places.large(x, places.at))
            return taken, " with ", equation(symbol(places.at), places.index)
        return (equation(places.large(name, places.k), places.gathered(x)),)
    return (equation(name, graph.definition(node)),)


def sent(
    graph: Graph, x: Value, path: set[Value], symbol_of: Callable[[Value], Expr], beside: Expr
) -> tuple[list[Line], Expr] | None:
    """What comes back to a named node from operations by places, in words and as an equation; None if there are none.

    `beside` is what comes from others.
    """
    users = [user for user in graph.consumers.get(x, []) if sends(graph, user, x, path)]
    parts = [_part(graph, user, x, ONE if user is graph.f else symbol_of(user)) for user in users]
    places = list(dict.fromkeys(place for place, _ in parts))
    if len(places) != 1:
        return None
    said = dict.fromkeys(line for user in users for line in _reasons(graph, user, x))
    place = words(places[0])
    rest = [beside if beside.head == "number" else indexed(beside, place)] if beside != ZERO else []
    return list(said), equation(indexed(symbol_of(x), place), add(*(part for _, part in parts), *rest))


def sends(graph: Graph, user: Value, x: Value, path: set[Value]) -> bool:
    """Whether what comes from one node to another is a sum over places."""
    if user not in graph.names or user.op is None or user.op.name not in PLACED - {"order"}:
        return False
    if user.op.name not in ROLES and user.parents[0] is not x:  # an index gets nothing
        return False
    return user.parents.count(x) == 1 and all(p in graph.names for p in user.parents if p in path)


def _part(graph: Graph, user: Value, x: Value, cotangent: Expr) -> tuple[str, Expr]:
    """Where a number of x stands, and what it gets from one operation."""
    assert user.op is not None
    if user.op.name in POOLINGS:
        return "u, v", sent_back(graph, user, lambda _: cotangent)
    if user.op.name in ROLES:
        return convolved(graph, user, ROLES[user.op.name][user.parents.index(x)], cotangent)
    places = _Places(graph, user)
    if user.op.name in _GATHERS:
        return places.where(places.k), simplified(places.gathered(cotangent))
    return ", ".join(places.letters), places.large(cotangent, places.at)


def _reasons(graph: Graph, user: Value, x: Value) -> list[Line]:
    """What is said before the sum that comes back to x."""
    assert user.op is not None
    name = user.op.name
    said: list[Line] = []
    if name in POOLINGS or (name in ROLES and ROLES[name][user.parents.index(x)] == "image"):
        share: Line = ("; ", symbol("m"), " is how many pixels of a window are its maximum")
        more = share if name == "max_pool2d" else ()
        said.append(("The sum is over the windows ", WINDOW, " that the pixel ", PIXEL, " is in", *more, "."))
    if name in ROLES and user.static.get("groups", 1) > 1:
        said.append(
            (symbol(channel_letter(graph)), " counts the channels in the group of the filter ", symbol("f"), ".")
        )
    if name in ("index_add", "scatter_add"):
        places = _Places(graph, user)
        said.append((equation(symbol(places.at), places.index), "."))
    return said


class _Places:
    """The letters of numbers that are taken, or added, at the places that an index has, along an axis."""

    def __init__(self, graph: Graph, node: Value) -> None:
        assert node.op is not None
        name, places = node.op.name, node.parents[1]
        small = node if name in _GATHERS else node.parents[0]
        taken = {str(e.value) for e in graph.names.values()}
        at, k, free = ([c for c in letters if c not in taken] for letters in ("oeab", "kht", _LETTERS))
        self.at, self.k, self.letters = at[0], k[0], free[: small.ndim]
        along = name in ("take_along_axis", "scatter_add")
        ndim = small.ndim if along else (node.parents[0] if name == "take" else node).ndim
        self.axis, count = node.static["axis"] % ndim, 1 if along else places.ndim
        self.own = self.letters[self.axis : self.axis + count]
        self.after = self.letters[self.axis + count :]
        e = formula(places, graph.names)
        at = self.letters if along else self.own
        self.index = indexed(e, words(", ".join(at))) if at else e

    def small(self, e: Expr) -> Expr:
        """A number of what is taken, or what is added."""
        return indexed(e, words(", ".join(self.letters))) if self.letters else e

    def where(self, letter: str) -> str:
        """The place of a number of that from which is taken, or to which is added."""
        return ", ".join([*self.letters[: self.axis], letter, *self.after])

    def large(self, e: Expr, letter: str) -> Expr:
        """That number."""
        return indexed(e, words(self.where(letter)))

    def gathered(self, e: Expr) -> Expr:
        """The sum of the numbers whose place is k."""
        here = Expr("indicator", (Expr("compare", (self.index, symbol("k")), "="),))
        hit = multiply(self.small(e), here)
        return Expr("over", (hit,), ("Σ", ", ".join(self.own))) if self.own else hit


def _log_softmax(graph: Graph, node: Value) -> Expr:
    """y[i, j] = x[i, j] − log Σ over k of exp(x[i, k])."""
    (x,), letters = node.parents, list(_LETTERS[: node.ndim])
    along = [*letters]
    along[node.static["axis"]] = "k"
    e, place = formula(x, graph.names), words(", ".join(letters))
    total = Expr("over", (call("exp", indexed(e, words(", ".join(along)))),), ("Σ", "k"))
    return equation(indexed(graph.names[node], place), add(indexed(e, place), minus(call("log", total))))


def shares(graph: Graph, nodes: Sequence[Value]) -> list[Line]:
    """What the numbers are that averages are multiplied by where windows stick out."""
    return list(dict.fromkeys(line for node in nodes if (line := counted(graph, node))))
