"""What is what in a loss that somebody has written: its parameters, inputs and targets, and which nodes it predicts.

The letters of the leaves say it, as in the lecture, or an Example does. A loss over arrays is opened into scalars.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import reached, topological
from microgradcnn.engine.record import Primitive
from microgradcnn.engine.value import Constant, Value, apply
from microgradcnn.networks.example import Example
from microgradcnn.targets.scalars import opened_arrays
from microgradcnn.targets.trace import recorded

INPUTS, TARGETS, CONSTANTS = ("x", "p"), ("y",), ("lambda",)  # the letters of leaves that are no parameters
PREDICTION = "y_hat"


@dataclass(frozen=True)
class Roles:
    """A loss, its leaves by what they are, and the nodes that are its predictions, one for each target where it can be.

    `parameters` maps labels to the leaf, or to the scalars that it was opened into.
    """

    loss: Value
    parameters: Mapping[str, Sequence[Value]]
    inputs: Sequence[Value]
    targets: Sequence[Value]
    outputs: Sequence[Value]

    @property
    def leaves(self) -> list[Value]:
        """Everything that has numbers of its own, constants left out."""
        return [*(v for values in self.parameters.values() for v in values), *self.inputs, *self.targets]

    @property
    def is_scalar(self) -> bool:
        """Whether every node is one number."""
        return not any(node.shape for node in topological(self.loss))


def threshold(roles: Roles) -> float:
    """The prediction from which on class 1 is meant: 0 where the loss of both classes is the same there, as of a logit
    or a score that is to be ±1, else ½."""
    at_zero = _cost(roles, 0.0, 0.0), _cost(roles, 0.0, 1.0)
    return 0.0 if math.isclose(*at_zero, rel_tol=1e-12) and _cost(roles, 0.5, 1.0) != at_zero[1] else 0.5


def is_of_differences(roles: Roles) -> bool:
    """Whether a loss is one of ŷ − y, as the squared error is and the likelihood of counts is not; True if unknown."""
    costs = [_cost(roles, predicted, y) for predicted, y in ((0.25, 0.75), (1.25, 1.75), (1.25, 0.75))]
    return math.isclose(*costs[:2], rel_tol=1e-9) or costs[0] == costs[2] or math.isnan(costs[0])


def _cost(roles: Roles, predicted: float, y: float) -> float:
    """The loss where all that is predicted is one number, and all targets another; NaN where there are several."""
    if (len(roles.outputs), len(roles.targets)) != (1, 1):
        return math.nan
    (output,), (target,) = roles.outputs, roles.targets
    new = {output: Value(0.0 * output.data + predicted), target: Value(0.0 * target.data + y)}
    with np.errstate(all="ignore"):
        return float(replayed([roles.loss], new)[0].item())


def letter(node: Value) -> str:
    """The label of a node without its indices."""
    return (node.label or "").partition("_")[0]


def roles_of(found: Value | Example, name: str) -> Roles:
    """The roles in a loss with labelled leaves. Raises ValueError for a leaf without a label, or with another's."""
    loss = found.loss if isinstance(found, Example) else found
    nodes = topological(loss)
    leaves, computed = (
        [node for node in nodes if node.op is None],
        {node.label for node in nodes if node.op is not None},
    )
    labels = [node.label for node in leaves]
    for label in labels:
        if label is None:
            raise ValueError(f"{name} has a leaf without a label: write Value(2.0, label='w')")
        if labels.count(label) > 1:
            raise ValueError(f"{name} has {labels.count(label)} leaves labelled {label}: give each a label of its own")
        if label in computed:
            fix = f"write mg.stop_gradient({label}) for {label}.detach(), or give the leaf another label"
            raise ValueError(f"{name} has a leaf labelled {label}, and computes a {label}: {fix}")
    if loss.shape:
        raise ValueError(f"{name} has shape {loss.shape}: a loss is one number, such as its mean()")
    if isinstance(found, Example):
        parameters = {str(label): [leaf] for label, leaf in found.parameters.items()}
        return Roles(loss, parameters, found.inputs, found.targets, found.outputs)
    inputs = [leaf for leaf in leaves if letter(leaf) in INPUTS]
    targets = [leaf for leaf in leaves if letter(leaf) in TARGETS]
    others = [leaf for leaf in leaves if letter(leaf) not in (*INPUTS, *TARGETS, *CONSTANTS)]
    if not others:  # better than nothing to differentiate by
        inputs, targets, others = [], [], leaves
    parameters = {str(leaf.label): [leaf] for leaf in others}
    return Roles(loss, parameters, inputs, targets, _predictions(loss, inputs, targets))


def in_scalars(roles: Roles) -> Roles:
    """The same, with the numbers of arrays as Values of their own wherever an array is computed with.

    A primitive of the user's own is taken to work element by element among numbers. Among arrays that has to be known:
    else it raises ValueError.
    """
    ops = {node.op for node in topological(roles.loss) if node.op is not None}
    if roles.is_scalar and all(op.elementwise or op.name not in BUILT_IN for op in ops):
        return roles
    outputs = [roles.loss, *roles.outputs]
    lines = recorded(outputs, roles.leaves)
    found, grids = opened_arrays(lines.outputs, lines.inputs)
    opened: list[Any] = [scalar for grid in found for scalar in grid.flat]
    scalars: dict[Value, list[Any]] = {leaf: [*grid.flat] for leaf, grid in zip(roles.leaves, grids, strict=True)}

    def of(leaves: Iterable[Value]) -> list[Value]:
        return [scalar for leaf in leaves for scalar in scalars[leaf]]

    return Roles(
        opened[0],
        {label: of(leaves) for label, leaves in roles.parameters.items()},
        of(roles.inputs),
        of(roles.targets),
        opened[1:],
    )


def replayed(
    outputs: Sequence[Value], new: Mapping[Value, Value], instead: Mapping[Value, Primitive] | None = None
) -> list[Value]:
    """What the outputs are with other leaves, which may be columns of numbers where each was one.

    Other primitives stand `instead` of those of some nodes.
    """
    copies, ops = dict(new), instead or {}
    for node in reached(outputs):
        if node in copies or node.op is None:
            continue
        parents = [p if type(p) is Constant else copies.get(p, p) for p in node.parents]
        if node in ops or any(a is not b for a, b in zip(parents, node.parents, strict=True)):
            copies[node] = apply(ops.get(node, node.op), *parents, **node.static)
            copies[node].label = node.label
    return [copies.get(node, node) for node in outputs]


def _predictions(loss: Value, inputs: Collection[Value], targets: Sequence[Value]) -> list[Value]:
    """The nodes labelled y_hat, or y_hat_1, y_hat_2, ...; failing that, the last ones that no target goes into.

    Where these are more than the targets, it is for one target the node that all of them are computed from, and for
    several what each target meets first.
    """
    order = [node for node in topological(loss) if node.op is not None]
    called = {node: re.fullmatch(rf"{PREDICTION}(?:_(\d+))?", node.label or "") for node in order}
    if labelled := [node for node in order if called[node]]:
        return sorted(labelled, key=lambda node: int((called[node] or [0, 0])[1] or 0))
    of_targets, of_inputs = _after(order, targets), _after(order, inputs)
    candidates = of_inputs - of_targets if inputs else set(order) - of_targets
    frontier = [_without_log(node) for node in _met(order, of_targets, candidates)]
    if len(frontier) <= max(1, len(targets)):
        return frontier
    if len(targets) > 1:
        first = [next(iter(_met(order, of_targets, candidates, by=target)), None) for target in targets]
        return [_without_log(node) for node in first if node is not None]
    gates = (node for node in reversed(order) if node in candidates and loss not in _after(order, inputs, node))
    return [next(gates, frontier[-1])]


def _without_log(node: Value) -> Value:
    """What a cross-entropy takes the logarithm of, which is what is predicted."""
    return node.parents[0] if node.op is not None and node.op.name == "log" and node.parents[0].op is not None else node


def _after(order: Sequence[Value], start: Collection[Value], without: Value | None = None) -> set[Value]:
    """What is computed from some leaves, on ways that do not lead through one node."""
    found = set(start)
    for node in order:
        if node is not without and any(p in found for p in node.parents):
            found.add(node)
    return found - set(start)


def _met(
    order: Sequence[Value], of_targets: Collection[Value], candidates: Collection[Value], by: Value | None = None
) -> list[Value]:
    """Those of the candidates that a node with a target in it is computed from, in order; or a node of this target."""
    users = [node for node in order if (node in of_targets if by is None else by in node.parents)]
    return list(dict.fromkeys(p for node in users for p in node.parents if p in candidates))
