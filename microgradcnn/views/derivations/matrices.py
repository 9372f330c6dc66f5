"""The derivation for arrays: cotangents in matrix notation with their shapes, from f back to the parameter."""

from __future__ import annotations

import numpy as np

from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.arrays.elements import Elements
from microgradcnn.views.derivations.arrays.knowledge import Knowledge
from microgradcnn.views.derivations.arrays.places import POOLINGS, computed, sends, sent, shares
from microgradcnn.views.derivations.chain import SHORT, Backward
from microgradcnn.views.derivations.named_graph import Graph, is_placed
from microgradcnn.views.derivations.numbers import compared, finite_difference, single
from microgradcnn.views.derivations.steps import weight_of_squares
from microgradcnn.views.derivations.windows import PLACE, WINDOW, windows_step
from microgradcnn.views.documents.document import Line, Step, Table
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.arguments import indexed, times
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    add,
    equation,
    functions,
    heads,
    number,
    quantities,
    size,
    substituted,
    value,
)
from microgradcnn.views.formulas.notation import formula

MOST_ELEMENTS = 6  # shown beside their finite differences
MEANING = {
    "conv2d_kernel": "conv2d_kernel(x, g) adds up, for every weight, the pixel under it times g over all windows.",
    "conv2d_input": "conv2d_input(g, w) adds, for every pixel, g times the weight that met it, over all windows.",
    "fold": "fold adds, for every pixel, what all windows that contain it send back.",
    "unfold": "unfold lists all windows.",
    "spread": "spread gives the number of every window to all pixels in it; where windows overlap, they add up.",
    "logsumexp": "logsumexp(x) is the logarithm of the sum of exp(x).",
    "order": "order(x) has the places of the numbers of x in ascending order.",
    "take": "take(x, i) has the rows of x whose numbers are in i.",
    "take_along_axis": "take_along_axis(x, i) has the numbers of x whose places are in i.",
    "index_add": "index_add(g, i) adds every row of g to the row whose number is in i.",
    "scatter_add": "scatter_add(g, i) adds every number of g at the place that is in i.",
}


class Cotangents(Backward):
    """df/dnode for every named node from f to x, as formulas in those before.

    `forms` has what each is before it is simplified and on the way, and `reasons` what was used.
    """

    def __init__(self, graph: Graph, x: Value) -> None:
        super().__init__(graph, x)
        for node in graph.order:  # a reshaped image that numbers are sent back to, too
            if node in self.path and node not in graph.names and any(map(is_placed, graph.consumers.get(node, ()))):
                graph.give_name(node)
        self.nodes = [n for n in graph.order if n in self.path and n in graph.names and n is not graph.f and n is not x]
        stops = {x, *self.nodes}
        terms: dict[Value, list[Expr]] = {node: [] for node in stops}
        self.beside = {node: list[Expr]() for node in stops}  # what does not come from an operation by places
        for t in (graph.f, *reversed(self.nodes)):
            seed = Value(np.ones(t.shape, t.dtype))  # a Value: what the rules make of raw numbers has no formula
            for link in graph.links(t, stops, self.path, seed, ONE if t is graph.f else self.symbol(t)):
                terms[link.node].append(link.formula)
                if not sends(graph, t, link.node, self.path):
                    self.beside[link.node].append(link.formula)
        self.elements, self._closed = Elements(graph, Knowledge(graph, self.path)), dict[Expr, Expr]()
        self.forms, self.reasons = dict[Value, list[Expr]](), dict[Value, list[Line]]()
        self._shorter = set[Expr]()  # short derivatives that have become shorter
        self.outer = {node: self._shortened(node, terms[node]) for node in reversed(self.nodes)}
        self.gradient = self._shortened(x, terms[x])

    def _shortened(self, node: Value, terms: list[Expr]) -> Expr:
        """df/dnode from what comes in, with formulas of derivatives before it in their places if something cancels."""
        raw = simplified(_added(terms))
        whole = simplified(substituted(raw, self._closed))
        reads = not set(functions(whole)) & MEANING.keys() - set(functions(raw))  # without what is no mathematics
        found = self.elements.shorter(whole) if reads else None
        again = reads and self._is_told_again(raw) and "derivative" not in heads(whole)
        forms, self.reasons[node] = found or ([self.elements.written(factored(whole))] if again else [], [])
        self.forms[node] = list(dict.fromkeys([self.elements.written(raw), *forms]))
        result = self.forms[node][-1]
        closed = next((e for e in (result, whole) if "derivative" not in heads(e)), None)
        if closed is not None and size(closed) <= SHORT:
            self._closed[self.symbol(node)] = closed
            self._shorter |= {self.symbol(node)} if closed == result and len(self.forms[node]) > 1 else set()
        return raw

    def _is_told_again(self, e: Expr) -> bool:
        """Whether a formula has derivatives that have become shorter, or are numbers that go into a sum."""
        known = {q: self._closed[q] for q in quantities(e) if q in self._closed}
        return any(q in self._shorter or (e.head == "sum" and new.head == "number") for q, new in known.items())


def _added(terms: list[Expr]) -> Expr:
    """The sum of what comes in; 0 where nothing does, as through a comparison."""
    return add(*terms) if terms else number(0)


def tensor_steps(found: Cotangents) -> list[Step]:
    """Loss, backward and windows of convolutions, with shapes."""
    windows = windows_step(found.graph, found.path)
    return [_loss(found), _backward(found), *([windows] if windows else [])]


def _loss(found: Cotangents) -> Step:
    graph, step = found.graph, Step("Loss", tall=True)
    leaves = [node for node in graph.names if node.op is None and node.shape]
    for leaf in leaves:
        step.say(graph.names[leaf], f" is of shape {times(leaf.shape)}.")
    if {1, 2} <= {node.ndim for node in graph.names}:
        step.say("Vectors are columns.")
    if any(node.op is not None and node.op.name in POOLINGS for node in graph.names):
        step.say(WINDOW, " counts windows and ", PLACE, " the places in one, from 0, in every channel of every image.")
    if (given := weight_of_squares(graph)) is not None:
        step.say(given)
    for node, told in _computed(found).items():
        step.say(*told, _of_shape(node))
    step.lines += shares(graph, graph.order)
    for name in sorted(_used_forwards(found)):
        step.say(MEANING[name])
    return step


def _computed(found: Cotangents) -> dict[Value, Line]:
    """What each named node is computed from: number by number where that alone reads as mathematics."""
    graph = found.graph
    return {node: computed(graph, node) for node in graph.order if node.op is not None and node in graph.names}


def _used_forwards(found: Cotangents) -> set[str]:
    """The functions in the loss that are told there, at their first place."""
    told = (e for line in _computed(found).values() for e in line if isinstance(e, Expr))
    return {name for e in told for name in functions(e)} & set(MEANING)


def _backward(found: Cotangents) -> Step:
    step, used, given = Step("Backward", tall=True), set[str](), set[Line]()
    for node, forms in found.forms.items():
        beside = found.elements.written(simplified(_added(found.beside[node])))
        placed = sent(found.graph, node, found.path, found.symbol, beside)
        reasons, told = placed or (found.reasons[node], equation(found.symbol(node), *forms))
        for line in dict.fromkeys(reasons):
            if line not in given:
                given.add(line)
                step.say(*line)
        step.say(told, _of_shape(node))
        used.update(functions(told))
        if "hadamard" in heads(told):
            used.add("⊙")
    step.lines += filter(None, [found.elements.for_distributions(found.forms[found.x][-1])])
    if "⊙" in used:
        step.say("⊙ multiplies element by element.")
    for name in sorted(used & set(MEANING) - _used_forwards(found)):
        step.say(MEANING[name])
    step.lines += _repeated(found) + _taken_twice(found)
    step.explain_brackets()
    return step


def _repeated(found: Cotangents) -> list[Line]:
    """What broadcasting repeated on the way from x to f, and so was summed on the way back."""
    lines: list[Line] = []
    for node in found.graph.order:
        repeats = node.op is not None and (node.op.elementwise or node.op.name == "broadcast_to")
        parents = node.parents if repeats and node in found.path else ()
        for parent in (p for p in parents if p in found.path and p.shape != node.shape):
            lead = node.ndim - parent.ndim
            axes = [i for i in range(node.ndim) if i < lead or parent.shape[i - lead] != node.shape[i]]
            what: Line = (formula(parent, found.graph.names), f" ({times(parent.shape) or 'a number'})")
            where = ("axis " if len(axes) == 1 else "axes ") + ", ".join(map(str, axes))
            lines.append((*what, f" was repeated to {times(node.shape)}: its gradient is summed over {where}."))
    return lines


def _taken_twice(found: Cotangents) -> list[Line]:
    """Of which arrays on the way from x to f an index takes a place more than once: what comes back to it adds up."""
    lines: list[Line] = []
    for node in found.graph.order:
        if node.op is not None and node.op.name == "getitem" and node in found.path:
            (x,), taken = node.parents, np.zeros(node.parents[0].shape)
            np.add.at(taken, node.static["index"], 1)
            if taken.max(initial=0) > 1:
                lines.append(
                    ("Of ", formula(x, found.graph.names), " equal places are taken: what comes to one adds up.")
                )
    return lines


def tensor_numbers(found: Cotangents) -> Step:
    """The elements with the largest gradients beside their finite differences."""
    graph, x, step = found.graph, found.x, Step("Numbers")
    gradient = np.asarray(grad(graph.f, x)[0].data)
    largest = np.argsort(-abs(gradient), axis=None, kind="stable")[:MOST_ELEMENTS]
    rows = []
    for flat in sorted(largest.tolist()):
        place = tuple(int(i) for i in np.unravel_index(flat, gradient.shape))
        e = indexed(graph.names[x], place) if place else graph.names[x]
        difference = finite_difference(found, place)
        verdict = compared(float(gradient[place]), difference, single(found.path))
        rows.append([(e,), (value(gradient[place]),), (value(difference), verdict)])
    step.lines.append(Table([("element",), (found.symbol(x),), ("finite difference",)], rows))
    return step


def _of_shape(node: Value) -> str:
    return f" ({times(node.shape) or 'a number'})"
