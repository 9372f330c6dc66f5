"""A network of a loss that somebody has written over arrays whose axis 0 are rows: it is taken over other rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import Context
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value, apply
from microgradcnn.networks.losses.own_loss import add_up_to_1
from microgradcnn.networks.losses.written_loss import LossNetwork
from microgradcnn.networks.roles import PREDICTION, Roles, is_of_differences, threshold
from microgradcnn.networks.writing import named
from microgradcnn.targets.lines import Line, Lines, in_order, lengths
from microgradcnn.targets.row_axis import RowsError
from microgradcnn.targets.trace import trace_forward


class BatchLossNetwork(LossNetwork):
    """A LossNetwork whose loss is a mean over rows already: axis 0 of all its inputs and of its targets.

    Targets are numbers or classes, (n,), or have a column for each class, 1 for the row's own.
    """

    rows_are_a_size = True

    def read(self) -> None:
        """Find out how many numbers a row has, and how the loss and the predictions are computed for any rows."""
        roles = self.written
        self.m = sum(math.prod(leaf.shape[1:]) for leaf in roles.inputs)
        self.predictions = [*roles.outputs]
        self.outputs = math.prod(self.predictions[0].shape[1:]) if len(self.predictions) == 1 else 1
        self.threshold, self.of_differences = threshold(roles), is_of_differences(roles)
        self.are_shares = self.outputs > 1 and add_up_to_1(np.asarray(self.predictions[0].data))
        self._loss, *self._prediction = [_of_rows(roles, output) for output in (roles.loss, *self.predictions)]

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> Any:
        """Raises ValueError: there is no scalar form."""
        self.check_scalar()

    def predict(self, x: Any) -> Value:
        """What is predicted for n rows, (n,), or (n, outputs)."""
        self.check_rows(x)
        self.predicted(1)
        found = _run(self._prediction[0], len(x), self._inputs(x), self.parameters)
        return named(found if self.outputs > 1 else found.reshape(-1), PREDICTION)

    def own_loss(self, x: Any, y: Any) -> Value:
        """The loss over n rows."""
        self.check_rows(x)
        return _run(self._loss, len(x), [*self._inputs(x), self._target(y)], self.parameters)

    def drawn_rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """The rows that the loss was written with, over again where more are needed, and their targets, (n,)."""
        (target,), inputs = self.written.targets, self.written.inputs
        x, y = np.hstack([np.reshape(leaf.data, (len(leaf), -1)) for leaf in inputs]), np.asarray(target.data)
        y = y.argmax(axis=1) if math.prod(y.shape[1:]) > 1 else y.reshape(-1)
        return np.resize(x, (n, self.m)), np.resize(y, n)

    def _inputs(self, x: Any) -> list[Any]:
        """The columns of rows (n, inputs) that each input has, in its shape."""
        rows, found, start = x if isinstance(x, Value) else bare_array(x), [], 0
        for leaf in self.written.inputs:
            end = start + math.prod(leaf.shape[1:])
            found.append(rows[:, start:end].reshape(-1, *leaf.shape[1:]))
            start = end
        return found

    def _target(self, y: Any) -> Any:
        """Numbers or classes, (n,), as the loss takes them."""
        shape = self.written.targets[0].shape[1:]
        if math.prod(shape) > 1:
            return mg.stack(self.of_classes(y, math.prod(shape)), axis=1)
        return (y if isinstance(y, Value) else bare_array(y)).reshape(-1, *shape)


def is_batch(roles: Roles) -> bool:
    """Whether a loss ends in a mean over rows, axis 0 of its inputs and of its one target, that go their own ways."""
    rows = [*roles.inputs, *roles.targets]
    if not roles.inputs or len(roles.targets) != 1 or not all(leaf.shape for leaf in rows):
        return False
    try:
        _of_rows(roles, roles.loss)
    except RowsError:
        return False
    return True


def _of_rows(roles: Roles, output: Value) -> Lines:
    parameters = [leaf for (leaf,) in roles.parameters.values()]
    # In a context of its own: no_grad() is not about the nodes that are made on the way.
    return Context().run(trace_forward, output, parameters, [*roles.inputs, *roles.targets])


def _run(lines: Lines, n: int, inputs: list[Any], parameters: Mapping[str, Value]) -> Value:
    """What lines compute for n rows."""
    found: dict[Line, Any] = dict(zip(lines.inputs, inputs, strict=False))
    found |= dict(zip(lines.parameters, parameters.values(), strict=True))
    for line in in_order([lines.loss]):
        if line.op == "number":
            found[line] = line.value * float(n) ** line.power
        elif line.op == "constant":
            found[line] = line.value
        elif line not in found:
            found[line] = apply(TABLE[line.op], *[found[arg] for arg in line.args], **lengths(line.static, n))
            found[line].label = line.label
    return found[lines.loss]
