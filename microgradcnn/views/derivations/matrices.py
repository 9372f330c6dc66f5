"""The derivation for arrays: cotangents in matrix notation with their shapes, from f back to the parameter."""

from __future__ import annotations

import numpy as np

from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import Backward
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.derivations.numbers import compared, finite_difference, single
from microgradcnn.views.derivations.windows import windows_step
from microgradcnn.views.documents.document import Line, Step, Table
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.arguments import indexed, times
from microgradcnn.views.formulas.expression import ONE, Expr, add, equation, functions, heads, number, value
from microgradcnn.views.formulas.notation import formula

MOST_ELEMENTS = 6  # shown beside their finite differences
MEANING = {
    "conv2d_kernel": "conv2d_kernel(x, g) adds up, for every weight, the pixel under it times g over all windows.",
    "conv2d_input": "conv2d_input(g, w) adds, for every pixel, g times the weight that met it, over all windows.",
    "fold": "fold adds, for every pixel, what all windows that contain it send back.",
    "unfold": "unfold lists all windows.",
    "spread": "spread gives the number of every window to all pixels in it; where windows overlap, they add up.",
    "order": "order(x) has the places of the numbers of x in ascending order.",
    "take": "take(x, i) has the rows of x whose numbers are in i.",
    "take_along_axis": "take_along_axis(x, i) has the numbers of x whose places are in i.",
    "index_add": "index_add(g, i) adds every row of g to the row whose number is in i.",
    "scatter_add": "scatter_add(g, i) adds every number of g at the place that is in i.",
    "scatter": "scatter puts every number where the index would take it from, and 0 elsewhere.",
}


class Cotangents(Backward):
    """df/dnode for every named node from f to x, as formulas in those before."""

    def __init__(self, graph: Graph, x: Value) -> None:
        super().__init__(graph, x)
        self.nodes = [n for n in graph.order if n in self.path and n in graph.names and n is not graph.f and n is not x]
        stops = {x, *self.nodes}
        terms: dict[Value, list[Expr]] = {node: [] for node in stops}
        for t in (graph.f, *reversed(self.nodes)):
            seed = Value(np.ones(t.shape, t.dtype))  # a Value: what the rules make of raw numbers has no formula
            for link in graph.links(t, stops, self.path, seed, ONE if t is graph.f else self.symbol(t)):
                terms[link.node].append(link.formula)
        self.outer = {node: simplified(_added(terms[node])) for node in reversed(self.nodes)}
        self.gradient = simplified(_added(terms[x]))


def _added(terms: list[Expr]) -> Expr:
    """The sum of what comes in; 0 where nothing does, as through a comparison."""
    return add(*terms) if terms else number(0)


def tensor_steps(found: Cotangents) -> list[Step]:
    """Loss, backward and windows of convolutions, with shapes."""
    windows = windows_step(found.graph, found.path)
    return [_loss(found), _backward(found), *([windows] if windows else [])]


def _loss(found: Cotangents) -> Step:
    graph, step = found.graph, Step("Loss")
    leaves = [node for node in graph.names if node.op is None and node.shape]
    for leaf in leaves:
        step.say(graph.names[leaf], f" is of shape {times(leaf.shape)}.")
    if {1, 2} <= {node.ndim for node in graph.names}:
        step.say("Vectors are columns.")
    for node in graph.order:
        if node.op is not None and node in graph.names:
            step.say(equation(graph.names[node], graph.definition(node)), _of_shape(node))
    for name in sorted(_used_forwards(found)):
        step.say(MEANING[name])
    return step


def _used_forwards(found: Cotangents) -> set[str]:
    """The functions in the loss that are told there, at their first place."""
    graph = found.graph
    computed = [node for node in graph.order if node.op is not None and node in graph.names]
    return {name for node in computed for name in functions(graph.definition(node))} & set(MEANING)


def _backward(found: Cotangents) -> Step:
    step, used = Step("Backward"), set[str]()
    for node, e in found.derivatives.items():
        step.say(equation(found.symbol(node), e), _of_shape(node))
        used.update(functions(e))
        if "hadamard" in heads(e):
            used.add("⊙")
    if "⊙" in used:
        step.say("⊙ multiplies element by element.")
    for name in sorted(used & set(MEANING) - _used_forwards(found)):
        step.say(MEANING[name])
    step.lines += _repeated(found)
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
