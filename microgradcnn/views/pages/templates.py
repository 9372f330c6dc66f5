"""Formulas of a page, written once in MathML, which its script copies, and numbers put into them later.

A number that is not known yet is a slot: <mrow data-value="7"> for the value of node 7 of the order, data-gradient for
its gradient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import ChainRule, chosen_stations
from microgradcnn.views.derivations.matrices import Cotangents, tensor_steps
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.derivations.steps import chain_steps, weight_of_squares, where_step
from microgradcnn.views.documents.document import Step
from microgradcnn.views.documents.html import html_lines
from microgradcnn.views.documents.pieces import Pieces
from microgradcnn.views.formulas.expression import Expr, heads, substituted
from microgradcnn.views.formulas.mathml import Exponent, MathML
from microgradcnn.views.pages.page_level import Level

MOST_DERIVED = 60  # nodes of a graph
_XMLNS = ' xmlns="http://www.w3.org/1998/Math/MathML"'  # which HTML does without


class _Slots(MathML):
    """Formulas with slots; numbers do not stand side by side without a dot."""

    def joined(self, parts: Sequence[str], factors: Sequence[Expr]) -> str:
        """Factors, with a dot between any two if there are slots."""
        return self.dot.join(parts) if any("slot" in heads(e) for e in factors) else super().joined(parts, factors)

    def _slot(self, e: Expr) -> str:
        kind, place = e.value
        return f'<mrow data-{kind}="{place}"></mrow>'

    def exponent(self, e: Expr) -> str:
        """An exponent, which may have slots too."""
        return _SlotsOfExponent().emit(e)


class _SlotsOfExponent(_Slots, Exponent):
    """An exponent with slots."""


class _SlotPieces(_Slots, Pieces):
    """Formulas with slots in pieces: the terms of a sum, each as a whole."""

    def emit(self, e: Expr) -> str:
        """A term."""
        return self.whole().emit(e)

    def whole(self) -> MathML:
        """What writes a term."""
        return _Slots()


def math(e: Expr, **data: int) -> str:
    """A <math> element with data- attributes."""
    attributes = "".join(f' data-{name}="{value}"' for name, value in data.items())
    return f"<math{attributes}>{_Slots()(e)}</math>"


def math_pieces(e: Expr) -> str:
    """An equation, or a side of one, as <math> elements, between which a row is broken where there is no room."""
    *left, right = e.args if e.head == "equation" else (e,)
    first, *others = _SlotPieces().of(right)
    pieces = ["".join(f"{_Slots()(side)}<mo>=</mo>" for side in left) + first, *others]
    return "".join(f"<math>{piece}</math>" for piece in pieces)


def slotted(e: Expr, level: Level) -> Expr | None:
    """The formula with slots for numbers and for gradients; None if it speaks of an array or of what has no box."""
    scalars = {level.names[v].value: i for i, v in enumerate(level.nodes) if v is not None and not v.shape}
    try:
        return _slotted(e, scalars, level.names[level.f])
    except KeyError:
        return None


def _slotted(e: Expr, places: Mapping[str, int], f: Expr) -> Expr:
    if e.head == "symbol":
        return Expr("slot", value=("value", places[e.value]))
    if e.head == "derivative":
        top, bottom = e.args
        if top != f:
            raise KeyError(top.value)
        return Expr("slot", value=("gradient", places[bottom.value]))
    return Expr(e.head, tuple([_slotted(a, places, f) for a in e.args]), e.value)


def level_templates(level: Level) -> Iterator[str]:
    """The formulas of a level: names, what each box computes, with symbols and with slots, and what each edge sends."""
    for box, (node, formula) in enumerate(zip(level.nodes, level.formulas, strict=True)):
        if node is not None:
            yield math(level.names[node], name=box)
        if node is None or formula is None:
            continue
        yield math(formula, formula=box)
        if level.live and (numbers := slotted(formula, level)) is not None:
            yield math(numbers, numbers=box)
    for i, link in enumerate(level.links):
        if link.local_formula is not None:
            yield math(link.local_formula, local=i)
        if link.sent_formula is not None:
            yield math(link.sent_formula, sent=i)


class Derivations:
    """Derivations in lines of HTML, every line kept once under its number; levels of the same graph share them."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self._graphs: dict[Value, Graph] = {}
        self._told: dict[Value, tuple[list[tuple[str, list[int]]], Expr]] = {}

    def of(self, x: Value, level: Level) -> tuple[list[tuple[str, list[int]]], Expr]:
        """The steps of df/dx, each a title and the numbers of its lines, and df/dx."""
        if x not in self._told:
            steps, gradient = _steps(self._graph(level), x)
            told = [(step.title, [self._number(line) for line in html_lines(step.lines)]) for step in steps]
            self._told[x] = told, gradient
        return self._told[x]

    def templates(self) -> Iterator[str]:
        """All lines."""
        for line, number in self.lines.items():
            yield f'<div data-line="{number}">{line}</div>'

    def _graph(self, level: Level) -> Graph:
        if level.f not in self._graphs:
            graph = self._graphs[level.f] = Graph(level.f, with_lambda=True)
            graph.names.update({v: name for v, name in level.symbols.items() if v in graph.names})
        return self._graphs[level.f]

    def _number(self, line: str) -> int:
        return self.lines.setdefault(line.replace(_XMLNS, ""), len(self.lines))


def _steps(graph: Graph, x: Value) -> tuple[list[Step], Expr]:
    """The steps of df/dx that hold whatever the numbers are, and df/dx with the number of λ, which has no box."""
    if any(node.shape for node in graph.depending_on(x)):
        cotangents = Cotangents(graph, x)
        return tensor_steps(cotangents), cotangents.gradient
    rule = ChainRule(graph, x, chosen_stations(graph, x, None))
    where, given = where_step(rule), weight_of_squares(graph)
    if given is not None:
        where.say(given)
    return [where, *chain_steps(rule, False)], substituted(
        rule.gradient, dict([(given.args[0], given.args[1])] if given else [])
    )


def derived(level: Level) -> list[Value]:
    """The nodes of a level whose gradients are derived: leaves, then others with labels, but f."""
    labelled = [v for v in level.names if v.label is not None and v is not level.f and v.dtype.kind == "f"]
    return sorted(labelled, key=lambda v: v.op is not None)[:MOST_DERIVED] if level.gradients else []
