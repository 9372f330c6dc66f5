"""A network of a loss that somebody has written for one example: its graph, replayed over the columns of many rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.gradient import reached
from microgradcnn.engine.value import Value
from microgradcnn.networks.example import Example
from microgradcnn.networks.losses.own_loss import add_up_to_1
from microgradcnn.networks.losses.written_loss import LossNetwork
from microgradcnn.networks.roles import PREDICTION, in_scalars, is_of_differences, letter, replayed, threshold
from microgradcnn.networks.writing import named


class ExampleLossNetwork(LossNetwork):
    """A LossNetwork whose loss is that of one example: over rows it is their mean."""

    def read(self) -> None:
        """Open the loss into scalars, of which the inputs and the targets are then columns."""
        self._opened = in_scalars(self.written)
        self.predictions = [*self._opened.outputs]
        self.m, self.outputs = len(self._opened.inputs), max(1, len(self._opened.targets))
        self.threshold, self.of_differences = threshold(self._opened), is_of_differences(self._opened)
        self.are_shares = add_up_to_1(np.array([float(node.data) for node in self.predictions]))

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value | list[Value]]:
        """The nodes called z, and the predictions. Raises ValueError unless there is one for each target."""
        outputs = self.predicted(self.outputs)
        z = [node for node in reached(outputs) if node.op is not None and letter(node) == "z"]
        found = replayed([*z, *outputs], self._leaves(x, p))
        return found[: len(z)], found[-1] if self.outputs == 1 else found[len(z) :]

    def own_loss(self, x: Any, y: Any) -> Value:
        """The mean of what each row costs."""
        return self._over_rows(x, y, [])[0]

    def measured(self, x: Any, y: Any) -> tuple[Value, Value, Value]:
        """As Network has it; the error is the loss that was written."""
        error, *outputs = self._over_rows(x, y, self.predicted(self.outputs))
        prediction = outputs[0] if self.outputs == 1 else mg.stack(outputs, axis=1)
        objective = self.regularised(error, self.parameters.values())
        return objective, error, named(prediction, PREDICTION)

    def example(self, x: Sequence[float] | Array, y: float) -> Example:
        """The loss as it was written, for one row and its y, at the parameters of this moment.

        Raises ValueError as Network's does, and for a loss over arrays.
        """
        row = self.checked_row(x, y)
        targets = [float(y == i) for i in range(self.outputs)] if self.outputs > 1 else [y]
        numbers = dict(zip(self.written.inputs, row.tolist(), strict=True))
        numbers |= dict(zip(self.written.targets, targets, strict=False))
        return self._example(numbers, self.parameters)

    def hand_example(self) -> Example:
        """The example as it was written, at numbers of its own. Raises ValueError for a loss over arrays."""
        self.check_scalar()
        return self._example({}, {name: leaf for name, (leaf,) in self.written.parameters.items()})

    def drawn_rows(self, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Rows near the numbers that the loss was written with, and their y; of several targets classes in turn."""
        own, targets = ([float(v.data) for v in leaves] for leaves in (self._opened.inputs, self._opened.targets))
        x = np.array(own) + 0.1 * rng.normal(size=(n, len(own)))
        return x, np.arange(n) % self.outputs if self.outputs > 1 else np.resize(targets or 0.0, n)

    def labels(self, name: str) -> list[str]:
        """The label of a parameter, or those of the numbers in it."""
        return [str(leaf.label) for leaf in self._opened.parameters[name]]

    def _leaves(self, x: Sequence[Any], p: Mapping[str, Sequence[Any]]) -> dict[Value, Any]:
        """What stands for the inputs, and for the numbers of the parameters."""
        new = dict(zip(self._opened.inputs, x, strict=True))
        for name, leaves in self._opened.parameters.items():
            new |= dict(zip(leaves, p[name], strict=True))
        return new

    def _over_rows(self, x: Any, y: Any, outputs: Sequence[Value]) -> list[Value]:
        """The mean loss of n rows, and the columns of the outputs."""
        self.check_rows(x)
        rows: Any = x if isinstance(x, Value) else bare_array(x)
        numbers = {name: [p.reshape(-1)[i] for i in range(math.prod(p.shape))] for name, p in self.parameters.items()}
        new = self._leaves([rows[:, i] for i in range(self.m)], numbers)
        new |= dict(zip(self._opened.targets, self._columns_of(y), strict=True))
        loss, *found = replayed([self._opened.loss, *outputs], new)
        return [loss.mean() if loss.shape else loss, *found]

    def _columns_of(self, y: Any) -> list[Any]:
        """The numbers for every target: y, or of several 1 where it is the class y."""
        if self.outputs > 1:
            return self.of_classes(y, self.outputs)
        return [y if isinstance(y, Value) else bare_array(y)][: len(self._opened.targets)]

    def _example(self, numbers: Mapping[Value, float], parameters: Mapping[str, Value]) -> Example:
        """The graph once more, on leaves of its own."""
        roles, z = self.written, [node for node in reached([self.written.loss]) if letter(node) == "z"]
        new = {leaf: Value(numbers.get(leaf, leaf.data), label=leaf.label) for leaf in (*roles.inputs, *roles.targets)}
        own = {name: Value(p.data, label=name) for name, p in parameters.items()}
        new |= {leaf: own[name] for name, (leaf,) in roles.parameters.items()}
        loss, *found = replayed([roles.loss, *z, *roles.outputs], new)
        inputs, targets = ([new[leaf] for leaf in leaves] for leaves in (roles.inputs, roles.targets))
        outputs = found[len(z) :]
        for i, output in enumerate(outputs, start=1):
            output.label = output.label or (PREDICTION if len(outputs) == 1 else f"{PREDICTION}_{i}")
        loss = named(self.regularised(loss, own.values()), roles.loss.label or "f")
        return Example(inputs, targets, own, found[: len(z)], outputs, loss)
