"""A loss over rows, some of them at a time: by the graph or a compiled program, with all parameters in one vector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode
from microgradcnn.targets.backends.trainer import Trainer
from microgradcnn.targets.program import BACKENDS, compile

Objective: TypeAlias = Callable[[Any, Any], Sequence[Value]]  # of rows x and y: the loss, and further means over them

ENGINES = ("eager", *BACKENDS)
BLOCK = 256  # rows whose activations are in memory at once where there is nothing to differentiate


class Batches(ABC):
    """Rows x and y, and the loss of any of them, at parameters that are all in one vector, `flat`: assign it.

    `evaluate` sets `gradient`, a vector too, and `also`, what the objective gives besides the loss.
    """

    flat: Array
    gradient: Array
    also: list[float]

    def __init__(self, parameters: Sequence[Value], x: Array, y: Array) -> None:
        self.parameters, self.x, self.y = parameters, x, y
        self.flat = _joined(p.data for p in parameters)

    @abstractmethod
    def evaluate(self, *rows: Array) -> float:
        """The loss at `flat` over the rows x and y that are given, or over all."""

    def write(self) -> None:
        """Give the parameters the numbers of `flat`."""
        ends = np.cumsum([np.size(p.data) for p in self.parameters])
        for p, part in zip(self.parameters, np.split(self.flat, ends[:-1]), strict=True):
            p.data = part.reshape(p.shape)


class Eager(Batches):
    """Builds the graph anew for every evaluation and runs the chain rule over it."""

    def __init__(self, objective: Objective, parameters: Sequence[Value], x: Array, y: Array) -> None:
        super().__init__(parameters, x, y)
        self._objective = objective

    def evaluate(self, *rows: Array) -> float:
        """As Batches says."""
        self.write()
        for p in self.parameters:
            p.grad = None
        loss, *also = self._objective(*(rows or (self.x, self.y)))
        loss.backward()
        self.gradient = _joined(np.zeros(p.shape, p.dtype) if p.grad is None else p.grad for p in self.parameters)
        self.also = [v.item() for v in also]
        return loss.item()


class Compiled(Batches):
    """Runs a program that was compiled once, with one of the backends of mg.compile."""

    def __init__(self, objective: Objective, parameters: Sequence[Value], x: Array, y: Array, backend: str) -> None:
        super().__init__(parameters, x, y)
        inputs = Value(x[[0, -1]], label="x"), Value(y[[0, -1]], label="y")
        loss, *also = objective(*inputs)
        self._program = compile(loss, parameters, inputs, backend, also)
        self._trainers: dict[int | None, Trainer] = {}  # by their number of rows; None has all, as they are

    def evaluate(self, *rows: Array) -> float:
        """As Batches says."""
        key = len(rows[0]) if rows else None
        if key not in self._trainers:
            self._trainers[key] = self._program.bind(*(rows or (self.x, self.y)))
        elif rows:
            self._trainers[key].set_inputs(rows)
        trainer = self._trainers[key]
        trainer.flat = self.flat
        loss = float(trainer.evaluate())
        self.gradient, self.also = trainer.gradient, [float(v) for v in trainer.also]
        return loss


def batches(engine: str, objective: Objective, parameters: Sequence[Value], x: Array, y: Array) -> Batches:
    """Rows x, (n, ...), and y, (n, ...), whose loss is computed by "eager" or a backend of mg.compile.

    Raises MissingExtra where that is not installed, and what mg.compile raises.
    """
    if engine == "eager":
        return Eager(objective, parameters, x, y)
    return Compiled(objective, parameters, x, y, engine)


def outputs(model: Module, x: Array) -> Array:
    """What the model gives in eval() mode for rows x, (n, ...), computed some rows at a time."""
    starts = range(0, max(len(x), 1), BLOCK)
    with no_grad(), in_mode(model, training=False):
        return np.concatenate([model(Value(x[start : start + BLOCK])).data for start in starts])


def _joined(arrays: Iterable[Any]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])
