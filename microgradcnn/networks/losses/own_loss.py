"""What networks share whose loss somebody else has written, in scalars or over arrays: nobody knows more of it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.networks.network import Network


class OwnLossNetwork(Network):
    """A network with a loss of its own, `own_loss`; it starts at numbers of its own, whatever the seed.

    λ is 0 unless `regularise` is set. `are_shares` says whether its predictions are probabilities already.
    """

    formula = ""
    parts: ClassVar[Mapping[str, str]] = {}
    activation, regularise = "", 0.0
    are_shares: bool = False

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The names of the parameters, and their shapes."""
        return {name: p.shape for name, p in self.parameters.items()}

    def loss(self, x: Any, y: Any) -> Value:
        """The loss over n rows x, (n, inputs), and y, (n,): the mean of what each costs, plus λ Σ θ²."""
        return self.regularised(self.own_loss(x, y), self.parameters.values())

    @abstractmethod
    def own_loss(self, x: Any, y: Any) -> Value:
        """The loss over n rows that was written, without λ Σ θ²."""

    def measured(self, x: Any, y: Any) -> tuple[Value, Value, Value]:
        """As Network has it; the error is the loss that was written."""
        error = self.own_loss(x, y)
        return self.regularised(error, self.parameters.values()), error, self.predict(x)

    @property
    def error_name(self) -> str:
        """What the loss without λ Σ θ² is called in the history of a training."""
        return "error"

    def error_of_guessing(self, y: Array) -> float:
        """Infinite: nobody knows what guessing costs in a loss of somebody's own."""
        return math.inf

    def probabilities(self, prediction: Value) -> Value:
        """The predictions themselves where they are probabilities, else their softmax."""
        return prediction if self.are_shares else super().probabilities(prediction)

    def check_data(self, data: Dataset) -> None:
        """Raise DataError unless rows have as many numbers as the data columns, and targets are as theirs."""
        two = 2 * bool(np.isin(data.y, (0.0, 1.0)).all())
        columns, classes = data.x.shape[1], len(data.classes or ()) or two
        if self.inputs != columns:
            numbers = f"{self.inputs} number{'s' * (self.inputs != 1)}"
            raise DataError(f"{self.name} takes rows of {numbers}, and {data.name} has {columns}")
        if self.outputs > 1 and self.outputs != classes:
            found = f"{classes} classes" if classes else "numbers"
            raise DataError(
                f"{self.name} has an output for each of {self.outputs} classes, and {data.name} has {found}"
            )
        if self.outputs == 1 and classes > 2:
            raise DataError(f"{self.name} has one output, and {data.name} has {classes} classes")


def add_up_to_1(predictions: Array) -> bool:
    """Whether several predictions, (n, outputs), are probabilities."""
    sums = predictions.sum(axis=-1)
    return predictions.shape[-1] > 1 and bool((predictions >= 0.0).all() and np.allclose(sums, 1.0))
