"""What computes a network's loss and gradient while it trains: the graph itself, or a program compiled from it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

import microgradcnn.functions as mg
from microgradcnn.networks import Network
from microgradcnn.targets.program import BACKENDS, compile
from microgradcnn.targets.trainer import Trainer
from microgradcnn.value import Value

Array = np.ndarray[Any, np.dtype[Any]]


class Engine(ABC):
    """A network and its rows: `flat` holds all parameters in one vector, `gradient` the gradient found last."""

    flat: Array
    gradient: Array

    @abstractmethod
    def measure(self) -> dict[str, float]:
        """The loss, the norm of its gradient, the mean squared error and the accuracy over all rows, at `flat`."""

    @abstractmethod
    def differentiate(self, rows: Array) -> None:
        """Find the gradient of the loss over some rows, given by number."""

    @abstractmethod
    def write(self) -> None:
        """Give the network's parameters the numbers of `flat`."""


class Eager(Engine):
    """Builds the graph anew in every step and runs the chain rule over it."""

    def __init__(self, network: Network, x: Array, y: Array) -> None:
        self.network, self.x, self.y = network, x, y
        self.parameters = list(network.parameters.values())
        self.flat = _joined(p.data for p in self.parameters)
        self.gradient = np.zeros_like(self.flat)

    def measure(self) -> dict[str, float]:
        """As Engine says."""
        prediction, loss = self._backward(self.x, self.y)
        error = float(np.mean(np.square(prediction - self.y)))
        return measured(loss, self.gradient, error, accuracy_of(prediction, self.y))

    def differentiate(self, rows: Array) -> None:
        """As Engine says."""
        self._backward(self.x[rows], self.y[rows])

    def write(self) -> None:
        """As Engine says."""
        ends = np.cumsum([p.data.size for p in self.parameters])
        for p, part in zip(self.parameters, np.split(self.flat, ends[:-1]), strict=True):
            p.data = part.reshape(p.shape)

    def _backward(self, x: Array, y: Array) -> tuple[Array, float]:
        self.write()
        for p in self.parameters:
            p.grad = None
        prediction = self.network.predict(x)
        loss = self.network.objective(prediction, y)
        loss.backward()
        self.gradient = _joined(p.grad for p in self.parameters)
        return np.asarray(prediction.data), loss.item()


class Compiled(Engine):
    """Runs a program that was compiled once, with one of the backends of mg.compile."""

    def __init__(self, network: Network, x: Array, y: Array, backend: str) -> None:
        self.x, self.y = x, y
        rows, targets = Value(x[:2], label=network.input_letter), Value(y[:2], label="y")
        prediction = network.predict(rows)
        right = mg.equal(mg.where(prediction >= 0.5, 1.0, 0.0), targets)
        also = [(prediction - targets).square().mean(), mg.where(right, 1.0, 0.0).mean()]
        wrt = list(network.parameters.values())
        self.program = compile(network.objective(prediction, targets), wrt, [rows, targets], backend, also)
        self.trainer = self.program.bind(x, y)
        self.has_classes = bool(np.isin(y, (0.0, 1.0)).all())
        self.flat = self.trainer.flat.copy()
        self._batches: dict[int, Trainer] = {}

    def measure(self) -> dict[str, float]:
        """As Engine says."""
        self.trainer.flat = self.flat
        loss = float(self.trainer.evaluate())
        self.gradient = self.trainer.gradient
        error, accuracy = self.trainer.also
        return measured(loss, self.gradient, float(error), float(accuracy) if self.has_classes else math.nan)

    def differentiate(self, rows: Array) -> None:
        """As Engine says."""
        batch = self._batches.get(len(rows))
        if batch is None:
            batch = self._batches[len(rows)] = self.program.bind(self.x[rows], self.y[rows])
        else:
            batch.set_inputs([self.x[rows], self.y[rows]])
        batch.flat = self.flat
        batch.evaluate()
        self.gradient = batch.gradient

    def write(self) -> None:
        """As Engine says."""
        self.trainer.flat = self.flat
        self.trainer.parameters()


def engine(name: str, network: Network, x: Array, y: Array) -> Engine:
    """The engine of that name over rows x, (n, inputs), and y, (n,). Raises MissingExtra where one is not installed."""
    return Eager(network, x, y) if name == "eager" else Compiled(network, x, y, name)


ENGINES = ("eager", *BACKENDS)


def measured(loss: float, gradient: Array, error: float, accuracy: float) -> dict[str, float]:
    """What an epoch's line of the history says of the network."""
    norm = math.sqrt(float(np.dot(gradient, gradient)))
    return {"loss": loss, "gradient_norm": norm, "mean_squared_error": error, "accuracy": accuracy}


def accuracy_of(prediction: Array, y: Array) -> float:
    """The share of rows whose ŷ ≥ ½ agrees with y, 0 or 1; NaN if y is neither."""
    if not np.isin(y, (0.0, 1.0)).all():
        return math.nan
    return float(np.mean((prediction >= 0.5) == (y == 1.0)))


def _joined(arrays: Iterable[Any]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])
