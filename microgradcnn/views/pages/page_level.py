"""One level of a page: a drawing whose boxes can be stepped through, with the program that computes all its numbers.

The same graph has several levels: operation by operation, formula by formula (c_1·p_1 + ... as one box a_1), and, for
arrays, number by number. A level is `live` if a browser can compute it, numbers by a program in scalars and arrays by
one in arrays; otherwise it shows what was recorded. Of what is no single number a live one has the values alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import accumulate
from operator import add
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import Watcher, cotangents, grad, topological, watching
from microgradcnn.engine.value import Constant, Value
from microgradcnn.targets.export.javascript import NoLineError, TooLargeError, function
from microgradcnn.targets.export.javascript_arrays import array_program
from microgradcnn.views.drawing.colours import gradient_scale, largest, plane
from microgradcnn.views.drawing.scene import Drawing, constant_formula
from microgradcnn.views.drawing.structure.parameters import place_of, shown_names
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.expression import Expr, derivative, symbol
from microgradcnn.views.formulas.notation import formula
from microgradcnn.views.pages.assets import compact

MOST_TEXT = 150_000  # characters of a program that a page carries
MOST_NUMBERS, MOST_COMPUTED = 300_000, 2_000_000  # of leaves and constants, and of all values
MOST_WRITTEN = 400  # operations and symbols of a formula
NO_GRADIENT = "Only a single number has a gradient"
REPLAYS = "the page replays the numbers that were computed when it was made"


@dataclass
class EdgeNumbers:
    """An edge of the drawing: `local` is d(child)/d(parent), `sent` what the child sends back, None where unknown."""

    parent: int  # boxes, by their place in the drawing
    child: int
    local: Value | None = None
    sent: Value | None = None
    local_formula: Expr | None = None
    sent_formula: Expr | None = None


class Level:
    """The boxes and edges of a drawing of f, their formulas, and what of them JavaScript computes.

    `nodes` are the Values that the boxes show, None for a group that has many results, and `names` their symbols, among
    the `symbols` of all; `links` are the edges in the order of the drawing. `starts` has the place of each leaf's
    first number among those of all leaves. One that is not to be `tried` has no program.
    """

    def __init__(self, title: str, f: Value, drawing: Drawing, leaves: Sequence[Value], tried: bool = True) -> None:
        self.title, self.f, self.drawing, self.leaves = title, f, drawing, list(leaves)
        self.order = topological(f)
        names = shown_names(self.order)
        self.symbols = {node: symbol(name) for node, name in names.items()}
        sizes = accumulate((int(np.size(node.data)) for node in self.leaves), initial=0)
        self.starts = dict(zip(self.leaves, sizes, strict=False))
        self.places = {place for node in self.leaves if node in names and (place := place_of(node, names))}
        self.nodes = [None if box.index is None else self.order[box.index] for box in drawing.boxes]
        self.names = {node: self.symbols[node] for node in self.nodes if node is not None}
        self._groups = {group.name: group for group in drawing.groups}
        self._constants: dict[Value, Expr] = {
            p: constant_formula(p) for node in self.order for p in node.parents if type(p) is Constant
        }
        self._known = {**self._constants, **self.names}
        self.formulas = [
            None if node is None or node.op is None else self._forward(i) for i, node in enumerate(self.nodes)
        ]
        self.links = [EdgeNumbers(edge.source, edge.target) for edge in drawing.edges]
        self.gradients: dict[Value, Value] = {}
        self.of_arrays = any(node.shape for node in self.order)
        self.program, self.constants, self.why_not, self.error = "", np.empty(0), "", ""
        try:
            self.program = self._program(tried)
        except ValueError as error:
            self.why_not, self.error = _why_not(error), str(error)

    @property
    def live(self) -> bool:
        """Whether a browser computes the numbers.

        If not, or not the gradients, `why_not` says why to a student; `error` says it to who made the graph.
        """
        return bool(self.program)

    @property
    def passes(self) -> list[int]:
        """The links along which something is sent back, in the order of the backward pass."""
        sent = [i for i, link in enumerate(self.links) if link.sent is not None]
        return sorted(sent, key=lambda i: -self.links[i].child)

    def members(self, box: int) -> list[Value]:
        """What is computed in a box, itself last."""
        group = self.drawing.boxes[box].group
        node = self.nodes[box]
        if group is not None:
            return [self.order[i] for i in self._groups[group].members]
        return [node] if node is not None else []

    def outputs(self) -> list[Value]:
        """All that the program computes, in its order: values, gradients, local derivatives, what is sent."""
        nodes = [node for node in self.nodes if node is not None]
        parts: list[Value | None] = [*nodes, *(self.gradients.get(node) for node in nodes)]
        parts += [*(link.local for link in self.links), *(link.sent for link in self.links)]
        return [v for v in parts if v is not None]

    def _program(self, tried: bool) -> str:
        nodes = [node for node in self.nodes if node is not None]
        given, computed = (
            sum(np.size(v.data) for v in part) for part in ([*self.leaves, *self._constants], self.order)
        )
        if not tried or len(nodes) < len(self.nodes) or given > MOST_NUMBERS or computed > MOST_COMPUTED:
            raise TooLargeError("the graph is too large for every number to be shown")
        if not self.f.shape or self.f.has_grad:
            self._differentiate()
        else:
            self.why_not = f"{NO_GRADIENT}, as mg.draw(loss) shows it: of these numbers the page computes the values."
        gradients = [self.gradients[node].data for node in nodes if node in self.gradients]
        self.drawing = replace(self.drawing, scales=(self.drawing.scales[0], gradient_scale(largest(gradients))))
        if self.of_arrays:
            text, self.constants = array_program(self.outputs(), self.leaves)
        else:
            text = function(self.outputs(), self.leaves)
        text = compact(text)
        if len(text) > MOST_TEXT:
            raise TooLargeError("the graph is too large to be computed on a page")
        return text

    def _forward(self, box: int) -> Expr | None:
        """What a box computes from others; None where one of these has no name."""
        members, known = self.members(box), self._known
        inside = set(members)
        if any(p not in known and p not in inside for member in members for p in member.parents):
            return None
        try:
            return formula(members[-1], known, top=True)
        except ValueError:  # a primitive whose notation cannot be written
            return None

    def _differentiate(self) -> None:
        """The gradient of every box, and of every edge what the engine sends along it."""
        reached = [node for node in self.order if node.dtype != np.bool_]
        with watching(clerk := _Clerk()):
            self.gradients = dict(zip(reached, grad(self.f, reached), strict=True))
        known = self._known
        for link, edge in zip(self.links, self.drawing.edges, strict=True):
            child, parent, members = self.nodes[link.child], self.nodes[link.parent], self.members(link.child)
            assert child is not None
            assert parent is not None
            arguments = [(m, k) for m in members for k, p in enumerate(m.parents) if p is parent]
            sent = [clerk.sent[m, k] for m, k in arguments if (m, k) in clerk.sent and edge.argument in (None, k)]
            if not sent:
                continue
            link.sent = reduce(add, sent)
            if child.shape == parent.shape == ():
                link.local = _local(child, members, parent, edge.argument)
                link.local_formula = _written(link.local, known)
            else:
                above = {self.gradients[child]: derivative(self.names[self.f], self.names[child])}
                link.sent_formula = _written(link.sent, {**known, **above})


def _why_not(error: ValueError) -> str:
    """Why a page shows what was recorded, for who looks at it."""
    if isinstance(error, TooLargeError):
        return f"This network is too large to be computed again here: {REPLAYS}."
    if isinstance(error, NoLineError):
        return f"The operation {error.op} cannot be computed here: {REPLAYS}."
    return f"{NO_GRADIENT}: {REPLAYS}."  # this is a comparison, or several numbers


class _Clerk(Watcher):
    """Writes down what the engine sends from every node to its inputs, by their numbers."""

    def __init__(self) -> None:
        self.sent: dict[tuple[Value, int], Value] = {}

    def gradient(self, node: Value, k: int, parent: Value, g: Any, sent: Any, total: Any) -> None:
        self.sent[node, k] = sent if isinstance(sent, Value) else Value(sent)


def _local(child: Value, members: Sequence[Value], parent: Value, argument: int | None) -> Value:
    """d(child)/d(parent) as a graph, through the members of the child's box and its `argument`, or all of them."""
    with watching(clerk := _Clerk()):
        through_all = cotangents(child, 1.0, [parent, *members], on_values=True)[parent]
    found = through_all if argument is None else clerk.sent[child, argument]
    return found if isinstance(found, Value) else Value(found)


def _is_long(v: Value, names: Mapping[Value, Expr]) -> bool:
    """Whether a formula in these names is longer than anybody reads: what is used twice stands there twice."""
    waiting, length = [v], 0
    while waiting and length < MOST_WRITTEN:
        node, length = waiting.pop(), length + 1
        if node is v or node not in names:
            waiting += node.parents
    return bool(waiting)


def _written(derivative: Value, names: Mapping[Value, Expr]) -> Expr | None:
    """The formula of a derivative, None if it cannot be written as one, or nobody would read it."""
    if _is_long(derivative, names):
        return None
    try:
        return simplified(formula(derivative, names, gradient=True))
    except ValueError:
        return None


def cells(node: Value) -> Array | None:
    """Which number each cell of a node's heat map shows, -1 for none; None if the map shows means of numbers."""
    places = plane(np.arange(1.0, 1.0 + np.size(node.data)).reshape(node.shape))
    shown = places[places > 0]
    return places - 1 if shown.size == np.size(node.data) == np.unique(shown).size else None
