"""What computes a network's loss and gradient while it trains: the graph itself, or a program compiled from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.value import Value
from microgradcnn.networks import Network
from microgradcnn.training.batches import ENGINES, Batches, batches

__all__ = ["ENGINES", "Engine", "accuracy_of", "engine"]

Array = np.ndarray[Any, np.dtype[Any]]


class Engine:
    """A network and its rows: `flat` holds all parameters in one vector, `gradient` the gradient found last."""

    def __init__(self, rows: Batches) -> None:
        self._rows, self._has_classes = rows, bool(np.isin(rows.y, (0.0, 1.0)).all())

    @property
    def flat(self) -> Array:
        """The parameters; assign a vector to change them."""
        return self._rows.flat

    @flat.setter
    def flat(self, vector: Array) -> None:
        self._rows.flat = vector

    @property
    def gradient(self) -> Array:
        """The gradient that was found last, as a vector."""
        return self._rows.gradient

    def measure(self) -> dict[str, float]:
        """The loss, the norm of its gradient, the mean squared error and the accuracy over all rows, at `flat`."""
        loss = self._rows.evaluate()
        error, accuracy = self._rows.also
        norm = math.sqrt(float(np.dot(self.gradient, self.gradient)))
        accuracy = accuracy if self._has_classes else math.nan
        return {"loss": loss, "gradient_norm": norm, "mean_squared_error": error, "accuracy": accuracy}

    def differentiate(self, rows: Array) -> None:
        """Find the gradient of the loss over some rows, given by number."""
        self._rows.evaluate(self._rows.x[rows], self._rows.y[rows])

    def write(self) -> None:
        """Give the network's parameters the numbers of `flat`."""
        self._rows.write()


def engine(name: str, network: Network, x: Array, y: Array) -> Engine:
    """The engine of that name over rows x, (n, inputs), and y, (n,). Raises MissingExtra where one is not installed."""

    def objective(x: Any, y: Any) -> list[Value]:
        prediction = network.predict(x)
        right = mg.equal(mg.where(prediction >= 0.5, 1.0, 0.0), y)
        error, accuracy = (prediction - y).square().mean(), mg.where(right, 1.0, 0.0).mean()
        return [network.objective(prediction, y), error, accuracy]

    return Engine(batches(name, objective, list(network.parameters.values()), x, y))


def accuracy_of(prediction: Array, y: Array) -> float:
    """The share of rows whose ŷ ≥ ½ agrees with y, 0 or 1; NaN if y is neither."""
    if not np.isin(y, (0.0, 1.0)).all():
        return math.nan
    return float(np.mean((prediction >= 0.5) == (y == 1.0)))
