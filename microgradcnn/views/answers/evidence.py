"""What a gradient is compared with: its numbers and those that have names, and how it comes about.

That is the parameter θ that it belongs to, the error ŷ − y, the regularisation (the part that is a constant times θ),
and what flows along the paths of the loss.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from contextvars import Context
from functools import cached_property

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.answers.assignments import given_names, given_numbers
from microgradcnn.views.answers.edits.program import Edge, Flow, LossProgram
from microgradcnn.views.answers.points import COUNT, Points, bounds_in, is_lambda, is_target, ratio, slope
from microgradcnn.views.answers.reading.derivatives import derivative_node
from microgradcnn.views.derivations.cancelling import known_sums, probabilities, softmaxes
from microgradcnn.views.derivations.named_graph import Graph


class Evidence:
    """A gradient at random points, the values that have names there, and what the gradient is made of.

    `theta` is the parameter, None if it could not be found; `decay` the 2λ of a regularisation λθ²; `error` is ŷ − y,
    None if the graph has no such difference or several, one for each row.
    """

    def __init__(self, gradient: Value, loss: Value | None, wrt: Value | None) -> None:
        beside = given_names(loss) if loss is not None else {}
        roots = [root for root in (gradient, loss, wrt) if root is not None]
        roots += [node for node in beside.values() if not is_lambda(node)]
        first = [root for root in (loss, *roots) if root is not None]  # names stand as in the loss
        self.order = list(dict.fromkeys(node for root in first for node in topological(root)))
        self.gradient = gradient
        targets, self.held = distributions(loss) if loss is not None else ([], [])
        self.held = [y for y in self.held if y is not wrt]
        self.points, self.g = _sampled(
            gradient, roots, targets, self.held, bounds_in(gradient if loss is None else loss)
        )
        labels = Counter(node.label for node in self.order)
        self.nodes = {n.label: n for n in self.order if n.label and n.shape == () and labels[n.label] == 1}
        ops = {node.op.name for node in self.order if node.op is not None}
        self.activation = next((name for name in ("sigmoid", "relu", "tanh") if name in ops), "sigmoid")
        errors = [node for node in self.order if _is_error(node)]
        self.several_errors = len(errors) > 1
        self.error, self.error_node = None, errors[0] if len(errors) == 1 else None
        if self.error_node is not None:
            self.error = self.points(self.error_node) * (1.0 if is_target(self.error_node.parents[1]) else -1.0)
        self.apart = 0.0  # the constant times θ that no loss accounts for
        self.theta, self.decay, self.flow = self._parameter(loss, wrt)
        self.loss = loss.label if loss is not None and loss.label in self.nodes else "f"  # its name
        self.named = dict(self.nodes)  # what a formula may speak of
        if loss is not None:
            self.named.setdefault(self.loss, loss)
        elif self.error_node is not None:
            self.named.setdefault("f", Context().run(self.error_node.square))  # recorded under no_grad() too
        if self.decay:
            self.named.setdefault("lambda", Value(float(f"{self.decay / 2.0:.12g}")))  # it was measured
        self.named = probabilities(gradient if loss is None else loss) | self.named
        graph = Graph(loss) if loss is not None else None
        self.invented = {graph.label(n): n for n in graph.named_here if n.shape == ()} if graph is not None else {}
        self.values = {label: self.points(node) for label, node in self.named.items()}

    @property
    def label(self) -> str:
        """The name of θ, "" if it has none or is not known."""
        return str(self.theta.label or "") if self.theta is not None else ""

    @property
    def name(self) -> str:
        """df/dc_1, or what to call the gradient of something unknown."""
        return f"df/d{self.label}" if self.label else "the gradient"

    def mentioned(self, label: str) -> Value:
        """A leaf for a formula that speaks of what has this label, or of a derivative such as dz_1/ds_1."""
        if label not in self.named:
            self.named[label] = self.invented.get(label) or derivative_node(label, {**self.invented, **self.named})
            self.values[label] = self.points(self.named[label])
        node = self.named[label]
        leaf = Value(node.data, label=label)
        self.points.known[leaf] = self.values[label]
        return leaf

    @property
    def asked(self) -> tuple[str, str] | None:
        """What an answer is the derivative of, and by what; None if that could not be found."""
        return (self.loss, self.label) if self.label else None

    @property
    def regularisation(self) -> Array:
        """2λθ at all points."""
        return self.decay * self.points(self.theta) if self.theta is not None else 0.0 * self.g

    @cached_property
    def others(self) -> dict[str, Array]:
        """The gradients with respect to the other leaves, with their own regularisation."""
        nodes = self.flow.program.nodes
        sent = self.flow.program.sent(len(nodes) - 1)
        leaves = [(n, x) for n, x in enumerate(nodes) if x.op is None and x.label in self.nodes and x is not self.theta]
        return {str(x.label): sent[n] + self.apart * self.points(x) for n, x in leaves if n in sent}

    def _parameter(self, loss: Value | None, wrt: Value | None) -> tuple[Value | None, float, Flow]:
        """θ, the constant times θ that its gradient has besides, and the flow from θ without that, if it is known."""
        base = self.error_node if loss is None else loss
        if base is not None:
            root = base if base is loss else Context().run(base.square)  # recorded under no_grad() too
            with suppress(ValueError):
                return self._found(LossProgram(root, self.points, self.points.count), wrt)
        return self._unknown(wrt)

    def _unknown(self, wrt: Value | None) -> tuple[Value | None, float, Flow]:
        root = Context().run(Value(0.0).__neg__)
        return wrt, 0.0, Flow(LossProgram(root, self.points, self.points.count), 0, frozenset({(1, 0)}))  # of no paths

    def _found(self, program: LossProgram, wrt: Value | None) -> tuple[Value | None, float, Flow]:
        """θ is the leaf for which df/dθ is that of the program and a constant times θ, if there is only one."""
        sent, found, size = program.sent(len(program.nodes) - 1), list[tuple[int, float]](), np.max(abs(self.g))
        for n, leaf in enumerate(program.nodes):
            if leaf.op is not None or (leaf is not wrt if wrt is not None else leaf.label not in self.nodes):
                continue
            theta = program.values[n]
            rest = self.g - sent.get(n, 0.0)
            decay = slope(rest, theta)
            if np.max(abs(rest)) <= 1e-11 * size:
                found.append((n, 0.0))
            elif np.max(abs(rest - decay * theta)) <= 1e-12 * size:
                found.append((n, decay))
        if len(found) != 1:
            return self._unknown(None)
        ((n, self.apart),) = found
        flow = Flow(program, n)
        penalty = self._penalty(flow)
        return program.nodes[n], self.apart + sum(penalty.values()), Flow(program, n, frozenset(penalty))

    @cached_property
    def penalised(self) -> dict[str, Array]:
        """The other leaves of which a constant times their own value is in their gradient."""
        if not self.decay or self.apart:
            return {}
        program = self.flow.program
        flows = {n: Flow(program, n) for n, label in enumerate(program.labels) if label in self.nodes}
        leaves = [n for n in flows if not program.ops[n] and n != self.flow.theta]
        return {str(program.labels[n]): program.values[n] for n in leaves if self._penalty(flows[n])}

    def _penalty(self, flow: Flow) -> dict[Edge, float]:
        """The edges at θ along which a constant times θ comes, beside what the data send; with that constant."""
        program, theta = flow.program, flow.program.values[flow.theta]
        if not any(map(is_target, program.nodes)):
            return {}
        own = [edge for edge in flow.edges if flow.parent(edge) == flow.theta]
        found = {edge: ratio(flow.along(edge), theta) for edge in own}
        constants = {edge: k for edge, k in found.items() if k is not None}
        return constants if len(constants) < len(own) else {}


def distributions(loss: Value) -> tuple[list[tuple[Value, ...]], list[Value]]:
    """The targets of softmaxes that answers may count on: families that add up to 1, and those that are what they are.

    They are what they are in a text that gives them their numbers, as y_1 = 0; y_2 = 1 does.
    """
    families = [labels for labels in known_sums(loss) if softmaxes(loss) and all(y.op is None for y in labels)]
    given = given_numbers(loss)
    if given is None:
        return families, []
    return [], [y for labels in families if given.issuperset(str(label.label) for label in labels) for y in labels]


def _is_error(node: Value) -> bool:
    """Whether a node is ŷ − y or y − ŷ; 1 − y is none."""
    if node.op is None or node.op.name != "sub" or node.shape != ():
        return False
    constants = [type(p) is Constant or (p.op is None and p.label is None) for p in node.parents]
    return any(map(is_target, node.parents)) and not any(constants)


def _sampled(
    gradient: Value, roots: list[Value], targets: list[tuple[Value, ...]], held: list[Value], bounds: list[Value]
) -> tuple[Points, Array]:
    """Points at which the gradient is a finite number, and its values there."""
    for near in (False, True):
        points = Points(roots, near, targets=targets, held=held, bounds=bounds)
        finite = np.isfinite(points(gradient))
        if finite.sum() >= COUNT:
            points.keep(finite)
            return points, points(gradient)
    raise ValueError(f"{gradient.describe()} is not finite at random points near its data: no answer can be checked")
