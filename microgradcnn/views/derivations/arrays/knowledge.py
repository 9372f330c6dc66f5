"""What is known of the arrays of a graph: which are the shares of a softmax or of σ, and which labels add up to 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.arrays.products import factors, is_opposite
from microgradcnn.views.derivations.named_graph import Graph, unsigned
from microgradcnn.views.documents.document import Line
from microgradcnn.views.formulas.algebra import simplified, split
from microgradcnn.views.formulas.arguments import settings
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    add,
    call,
    divide,
    equation,
    exchanged,
    minus,
    multiply,
    number,
    parts_of,
    power,
    symbols,
)
from microgradcnn.views.formulas.notation import formula

_MOVING = {"reshape", "broadcast_to", "transpose", "astype", "neg"}  # what stands between a total and what it divides


class Knowledge:
    """Of a graph and the way to what is differentiated by. `used` are the facts that mattered, in words.

    While it is `supposed`, all labels add up to 1.
    """

    supposed = False

    def __init__(self, graph: Graph, path: set[Value]) -> None:
        self.graph, self.used = graph, dict[Line, None]()
        self._softmaxes: dict[int, Expr] = {}  # by the axis along which each adds up to 1
        self._ones: set[tuple[frozenset[tuple[Expr, Expr]], int]] = set()  # shares, their factors in any order
        self._of: dict[Expr, tuple[Expr, Expr]] = {}  # numerators: the share of each, and what it is divided by
        self._marks: dict[Expr, Expr] = {}
        self._logistics: dict[Expr, tuple[Expr, bool]] = {}  # sums 1 + exp(a): the share, and whether it is 1 − q
        self._opposites: dict[Expr, Expr] = {}  # names of 1 − q
        self._totals = False  # whether logarithms of a sum of exponentials are in the graph
        for node in graph.order:
            self._read(node)
        self._labels = dict(self._weighing(path)) if self._softmaxes or self._totals else {}

    def _read(self, node: Value) -> None:
        name = "" if node.op is None else node.op.name
        if name == "log_softmax" and node in self.graph.names:
            self._softmax(call("exp", self.graph.names[node]), node.static["axis"] % node.ndim)
        elif name == "logsumexp" or (name == "log" and _sum_of_powers(node.parents[0]) is not None):
            self._totals = True
        elif name == "sub" and node in self.graph.names and is_opposite(meant := self.graph.definition(node)):
            self._opposites[self.graph.names[node]] = meant
        elif name == "div":
            above, total = node.parents
            q = self.graph.names.get(node)
            numerator, below = (formula(p, self.graph.names) for p in (above, total))
            added = _sum_of_powers(total)
            if added is not None and formula(added.parents[0], self.graph.names) == numerator:
                axis = added.static["axis"] or tuple(range(added.parents[0].ndim))
                self._softmax(
                    q or simplified(formula(node, self.graph.names)),
                    axis[0] % max(above.ndim, 1) if len(axis) == 1 else -1,
                )
                if q is not None:
                    self._of[numerator] = q, below
            elif (e := _one_and_power(total)) is not None and (_is_one(above) or above is e):
                self._logistics[simplified(below)] = q or divide(numerator, below), _is_one(above)

    def _softmax(self, q: Expr, axis: int) -> None:
        self._softmaxes.setdefault(axis, q)
        self._ones.add((frozenset(split(q)[1].items()), axis))

    def _weighing(self, path: set[Value]) -> Iterator[tuple[Expr, Any]]:
        """What multiplies logarithms, or says where they count, and does not depend on what is differentiated by."""
        names = self.graph.names
        for node in self.graph.order:
            name = "" if node.op is None else node.op.name
            if name == "mul":
                pairs = (node.parents, node.parents[::-1])
                for label, other in pairs:
                    bare = unsigned(label)
                    if bare not in path and bare.shape and _is_logarithm(other):
                        yield formula(bare, names), bare.data
            elif name == "where" and node.parents[0] in names and _is_logarithm(node.parents[1]):
                yield Expr("indicator", (names[node.parents[0]],)), node.parents[0].data
            elif name == "getitem" and _is_logarithm(node.parents[0]):
                yield _one_hot(node)
            elif name == "log" and (taken := _bare(node.parents[0])).op is not None and taken.op.name == "getitem":
                yield _one_hot(taken)

    def adds_labels_up(self, e: Expr) -> bool:
        """Whether a formula has the sum of labels."""
        sums = (part for part in parts_of(e) if part.head == "call" and part.value == "sum")
        return any(added.args[0] in self._labels for added in sums)

    def may_cancel(self, e: Expr) -> bool:
        """Whether something is divided by, or labels may be added up."""
        divided = any(x.head == "number" and x.value < 0 and b.head != "number" for b, x in factors(e))
        return divided or bool(self._labels and any(p.head == "call" and p.value == "sum" for p in parts_of(e)))

    def total(self, e: Expr, axes: Sequence[int], shape: tuple[int, ...]) -> int | None:
        """What a formula of commuting products adds up to along axes of something of that shape, if it is known."""
        if e == ONE:
            return int(np.prod([shape[a] for a in axes], dtype=int)) if axes else None
        if len(axes) != 1:
            axes = [-1] if len(axes) == len(shape) == 1 else axes
        key = frozenset(split(plain := simplified(e))[1].items())
        if len(axes) == 1 and ((key, axes[0]) in self._ones or (len(shape) == 1 and (key, -1) in self._ones)):
            return 1
        labels = np.asarray(self._labels.get(plain, -1.0), dtype=float)
        if labels.shape != shape or plain not in self._labels:
            return None
        if self.supposed:
            self.used["Where the labels ", plain, " of each add up to 1"] = None
        elif (labels < 0).any() or not (abs(labels.sum(tuple(axes)) - 1.0) < 1e-12).all():
            return None
        else:
            self.used[self._add_up(plain, axes[0], len(shape))] = None
        return 1

    def _add_up(self, labels: Expr, axis: int, ndim: int) -> Line:
        of = {1: "", 2: ("of each column", "of each row")[axis]}.get(ndim, f"along axis {axis}")
        what: Line = (labels, f" {of} add up to 1".replace("  ", " "))
        q = self._softmaxes.get(axis)
        known: Line = () if q is None else (q, f" is the softmax {of}".rstrip(), ", and the ")
        if labels.head == "call":
            return (*known, "label is 1 at one place.") if known else ("The label is 1 at one place.",)
        return (*known, "labels ", *what, ".") if known else ("The labels ", *what, ".")

    def with_shares(self, e: Expr) -> tuple[Expr, list[Line]]:
        """E = Q ⊙ S in place of E, for Q = E/S, where something is divided by S; the like for 1/(1 + exp(a))."""
        reasons: list[Line] = []
        below = {b for b, x in factors(e) if x.head == "number" and x.value < 0}
        present = set(parts_of(e))
        if opposites := {p: meant for p, meant in self._opposites.items() if symbols(meant)[0] in symbols(e)}:
            e = simplified(exchanged(e, opposites))
        for numerator, (q, total) in self._of.items():
            plain = simplified(total)
            if plain in below or (numerator in present and q in present):
                mark = self._mark(plain)
                new = exchanged(exchanged(e, {plain: mark}), {numerator: multiply(q, mark)})
                if (new := simplified(new)) != simplified(exchanged(e, {plain: mark})):
                    reasons.append(
                        (
                            equation(numerator, Expr("hadamard", (q, total))),
                            ", because ",
                            equation(q, divide(numerator, total)),
                            ".",
                        )
                    )
                e = new
        for total, (q, is_first) in self._logistics.items():
            exponential = next(a for a in total.args if a != ONE)
            if total in below or (exponential in present and q in present):
                mark = self._mark(q)
                share = mark if is_first else add(ONE, minus(mark))
                e = exchanged(e, {total: power(share, number(-1))})
                rest = simplified(add(ONE, minus(share)))
                e = simplified(exchanged(e, {exponential: multiply(rest, power(share, number(-1)))}))
        return e, reasons

    def _mark(self, e: Expr) -> Expr:
        return e if e.head == "symbol" else self._marks.setdefault(e, Expr("symbol", value=f"\0{len(self._marks)}"))

    def unmarked(self, e: Expr) -> Expr:
        """The formula with what the marks stand for."""
        return exchanged(e, {mark: simplified(meant) for meant, mark in self._marks.items()})


def _one_hot(taken: Value) -> tuple[Expr, Any]:
    """1 at the places that an index takes, else 0: as a formula, and its numbers."""
    (x,), counted = taken.parents, np.zeros(taken.parents[0].shape)
    np.add.at(counted, taken.static["index"], 1.0)
    return call(
        "scatter", ONE, *settings("scatter", {"index": taken.static["index"], "shape": x.shape}).values()
    ), counted


def _bare(node: Value) -> Value:
    """The node without what only moves or repeats its numbers, or changes the sign."""
    while node.op is not None and node.op.name in _MOVING:
        node = node.parents[0]
    return node


def _sum_of_powers(total: Value) -> Value | None:
    """The sum of exponentials along an axis that this is, moved perhaps."""
    bare = _bare(total)
    added = bare if bare.op is not None and bare.op.name == "sum" else None
    return added if added is not None and (op := added.parents[0].op) is not None and op.name == "exp" else None


def _one_and_power(total: Value) -> Value | None:
    """exp(a) where this is 1 + exp(a)."""
    if total.op is None or total.op.name != "add" or not any(map(_is_one, total.parents)):
        return None
    return next((p for p in total.parents if p.op is not None and p.op.name == "exp"), None)


def _is_one(node: Value) -> bool:
    return node.op is None and node.label is None and node.shape == () and node.item() == 1.0


def _is_logarithm(node: Value) -> bool:
    """Whether a node is a logarithm of what is computed, moved or taken in parts perhaps, or a sum with one in it."""
    node = _bare(node)
    name = "" if node.op is None else node.op.name
    if name in ("add", "sub"):
        return any(map(_is_logarithm, node.parents))
    return name in ("log", "log_softmax", "logsumexp") or (name == "getitem" and _is_logarithm(node.parents[0]))
