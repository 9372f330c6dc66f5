"""ledger: every `+=` into a `.grad`, in the order of the backward pass.

>>> import microgradcnn as mg
>>> from microgradcnn.views.derivations.ledger import ledger
>>> x = mg.Value(3.0, label="x")
>>> print(ledger(x * x))
#  from        to  df/dfrom  dfrom/dto  sent  total
1  t1 = x * x  x   1         3          3     3
2  t1 = x * x  x   1         3          3     6
The pass starts from t1 with dt1/dt1 = 1.
x is used 2 times: what comes back (steps 1 and 2) is added up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradcnn.engine.arguments import check_value
from microgradcnn.engine.arrays import Data, ieee, shape_of
from microgradcnn.engine.gradient import Watcher, cotangents, seed_of, topological, watching
from microgradcnn.engine.value import Constant, Value
from microgradcnn.system.text_layout import text_table, wrapped
from microgradcnn.views.derivations.numbers import undefined
from microgradcnn.views.documents.document import Line, Table, text_line
from microgradcnn.views.documents.html import html_fragment, notebook_bundle
from microgradcnn.views.documents.latex import latex_lines
from microgradcnn.views.formulas.expression import Expr, derivative, equation, printed, symbol, value
from microgradcnn.views.formulas.notation import formula

_MOST_ROWS = 200  # that str() prints


@dataclass(frozen=True)
class Entry:
    """One `+=`: `sender` sends `sent` = `cotangent` · `local` to `receiver`, whose gradient so far is then `total`.

    `cotangent` is df/d(sender) and `local` d(sender)/d(receiver), None between arrays, where it is no single number.
    `operation` says how the sender was computed. It is the `nth` that the receiver gets.
    """

    step: int
    sender: str
    operation: str
    receiver: str
    cotangent: Data
    local: Data
    sent: Data
    total: Data
    nth: int


@dataclass(frozen=True)
class Closing:
    """What the pass does to a leaf's `.grad`: `before` (None where there was none) + `gradient` = `after`."""

    leaf: str
    before: Data
    gradient: Data
    after: Data


@dataclass(frozen=True)
class Ledger(Sequence[Entry]):
    """The entries of a backward pass in their order; `closings` for the leaves, `notes` that explain. str() is a table.

    `start` is the name of the node that the pass starts from and `seed` the cotangent there; `undefined` says what is
    not finite at the numbers of the graph, and is empty where all is. `formulas` has what each sender was computed as,
    where that can be written.
    """

    start: str
    seed: Data
    entries: tuple[Entry, ...]
    closings: tuple[Closing, ...]
    undefined: str = ""
    formulas: Mapping[str, Expr] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: Any) -> Any:
        return self.entries[index]

    def into(self, label: str) -> list[Entry]:
        """The entries whose receiver has that name."""
        return [entry for entry in self.entries if entry.receiver == label]

    @property
    def notes(self) -> list[str]:
        """Where the pass starts, which nodes are used more than once, and which leaves had a `.grad` already."""
        start = printed(self.start)
        d = f"d{start}/d{start}"
        first = f"The pass starts from {start} with {d} = {_show(self.seed)}."
        return [first, *self._reuse(), *self._resets(), *filter(None, [self.undefined])]

    def _reuse(self) -> Iterator[str]:
        steps: dict[str, list[str]] = {}
        for entry in self.entries:
            steps.setdefault(entry.receiver, []).append(str(entry.step))
        for receiver, at in steps.items():
            if len(at) > 1:
                yield f"{printed(receiver)} is used {len(at)} times: what comes back (steps {_listed(at)}) is added up."

    def _resets(self) -> Iterator[str]:
        held = [c for c in self.closings if c.before is not None and np.any(c.before)]
        reset = f"Set .grad = None first for the gradient of {printed(self.start)} alone."
        for again, why in (
            (True, "this very gradient already: backward() has run before, and a second pass doubles it"),
            (False, "what another pass left, and this one adds to it: a forgotten reset?"),
        ):
            those = [(printed(c.leaf), c) for c in held if np.array_equal(c.before, c.gradient) is again]
            sums = [f"{leaf}: {_show(c.before)} + {_show(c.gradient)} = {_show(c.after)}" for leaf, c in those]
            if those:
                shown = "; ".join([*sums[:3], *["..."] * (len(sums) > 3)])
                yield f"The .grad of {_listed([leaf for leaf, _ in those])} holds {why} ({shown}). {reset}"

    def latex(self) -> str:
        """The table and the notes as the body of a LaTeX document with amsmath."""
        return "\n".join(latex_lines(self._lines()))

    def mathml(self) -> str:
        """The table and the notes as HTML whose formulas are MathML Core."""
        return html_fragment(self._lines())

    def _repr_html_(self) -> str:
        return self.mathml()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return notebook_bundle(self.mathml(), self.text())

    def _lines(self) -> list[Line | Table]:
        """What str() prints, with formulas."""
        sender, receiver, f = symbol("from"), symbol("to"), symbol(self.start)
        slopes: list[Line] = [(derivative(f, sender),), (derivative(sender, receiver),)]
        shown = self.entries[:_MOST_ROWS]
        table = Table([("#",), ("from",), ("to",), *slopes, ("sent",), ("total",)], [self._row(e) for e in shown])
        more: list[Line] = [(f"... and {len(self) - len(shown)} more",)] if len(self) > len(shown) else []
        return [table, *more, *((note,) for note in self.notes)]

    def _row(self, e: Entry) -> list[Line]:
        sender, made = symbol(e.sender), self.formulas.get(e.sender)
        what: Line = (sender, f" = {e.operation}") if made is None else (equation(sender, made),)
        numbers: list[Line] = [_measured(x) for x in (e.cotangent, e.local, e.sent, e.total)]
        return [(str(e.step),), what, (symbol(e.receiver),), *numbers]

    def text(self, width: int | None = None) -> str:
        """The table and the notes in lines of at most `width` columns, or as long as they are."""
        head = ("#", "from", "to", "df/dfrom", "dfrom/dto", "sent", "total")
        shown = self.entries[:_MOST_ROWS]
        names = [(str(e.step), f"{printed(e.sender)} = {e.operation}", printed(e.receiver)) for e in shown]
        numbers = [map(_show, (e.cotangent, e.local, e.sent, e.total)) for e in shown]
        table = text_table([head, *[(*three, *four) for three, four in zip(names, numbers, strict=True)]], width, {0})
        more = [f"... and {len(self) - len(shown)} more"] if len(self) > len(shown) else []
        return "\n".join([*table, *more, *[row for note in self.notes for row in wrapped(note, width)]])

    def __str__(self) -> str:
        return self.text()


def ledger(f: Value, seed: object = None) -> Ledger:
    """What `f.backward(seed)` would add to every `.grad` now, step by step; no `.grad` is changed.

    Leaves that have a `.grad` already, from an earlier pass, start from it. Raises ValueError as `backward` does.
    """
    check_value(f, "ledger takes a Value", "mg.ledger({})")
    order, start = topological(f), seed_of(f, seed.data if isinstance(seed, Value) else seed)
    clerk = _Clerk(node_names(order))
    with watching(clerk):
        gradients = cotangents(f, start, order)
    leaves = {leaf: g for leaf, g in gradients.items() if leaf.op is None}
    closings = [
        Closing(clerk.names[leaf], leaf.grad, g, leaf.grad + g)
        if leaf.has_grad
        else Closing(clerk.names[leaf], None, g, g)
        for leaf, g in leaves.items()
    ]
    lost = text_line(undefined(f, leaves, {node: symbol(name) for node, name in clerk.names.items()}))
    return Ledger(clerk.names[f], start, tuple(clerk.entries), tuple(closings), lost, _formulas(clerk.names))


def _formulas(names: Mapping[Value, str]) -> dict[str, Expr]:
    """What every node that can be written was computed as, under its name."""
    symbols, found = {node: symbol(name) for node, name in names.items()}, dict[str, Expr]()
    for node, name in names.items():
        with suppress(ValueError):  # an array of numbers has no name
            found |= {name: formula(node, symbols, top=True)} if node.op is not None else {}
    return found


class _Clerk(Watcher):
    """Writes down what the engine sends."""

    def __init__(self, names: dict[Value, str]) -> None:
        self.names = names
        self.entries: list[Entry] = []
        self._received = Counter[str]()

    def gradient(self, node: Value, k: int, parent: Value, g: Data, sent: Data, total: Data) -> None:
        to = self.names[parent]
        self._received[to] += 1
        step, operation, local = len(self.entries) + 1, _operation(node, self.names), _local(node, k)
        self.entries.append(Entry(step, self.names[node], operation, to, g, local, sent, total, self._received[to]))


def local_derivatives(node: Value) -> list[tuple[bool, float | None]]:
    """For every input of a node: whether a gradient flows to it, and d(node)/d(input), None but between scalars."""
    assert node.op is not None
    chain = node.op.chain
    flows = [
        type(p) is not Constant and p.dtype != np.bool_ and chain[k] is not None for k, p in enumerate(node.parents)
    ]
    return [(flow, _local(node, k) if flow else None) for k, flow in enumerate(flows)]


def _local(node: Value, k: int) -> float | None:
    """d(node)/d(input number k), to which a gradient flows."""
    assert node.op is not None
    rule, inputs = node.op.chain[k], [p.data for p in node.parents]
    if rule is None or not node.shape == np.shape(inputs[k]) == ():
        return None
    with np.errstate(all="ignore"):
        return float(rule(*map(ieee, (1.0, node.data, *inputs)), **node.static))


def node_names(order: list[Value]) -> dict[Value, str]:
    """What the nodes are called, in their order: the labels, and t1, t2, ... for what has none or shares one."""
    names: dict[Value, str] = {}
    taken, used = {node.label for node in order}, set[str]()
    free = (name for i in range(1, 2 * len(order) + 2) if (name := f"t{i}") not in taken)
    for node in order:
        names[node] = next(free) if node.label is None or node.label in used else node.label
        used.add(names[node])
    return names


def _operation(node: Value, names: dict[Value, str]) -> str:
    """`a * b`, or `sigmoid(a)`."""
    assert node.op is not None
    inputs = [_show(p.data) if type(p) is Constant else printed(names[p]) for p in node.parents]
    numbers = [f"{value:g}" for value in node.static.values() if isinstance(value, int | float)]
    if node.op.infix and len(inputs) + len(numbers) == 2:
        return f" {node.op.infix} ".join([*inputs, *numbers])
    static = [f"{key}={value}" for key, value in node.static.items()]
    return f"{printed(node.op.name)}({', '.join([*inputs, *static])})"


def _show(x: Data) -> str:
    if x is None:
        return "-"
    shape = shape_of(x)
    return f"array {shape}" if shape else f"{float(x):.6g}"


def _measured(x: Data) -> Line:
    """A number, or what there is instead."""
    return (_show(x),) if x is None or shape_of(x) else (value(float(x), 6),)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
