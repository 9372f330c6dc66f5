"""What trains: a program bound to its rows, with all parameters in one vector."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.system.text_layout import how_many


class Trainer(ABC):
    """A program bound to rows: all parameters are one vector, `flat`, in the order of `wrt`.

    Raises ValueError if the parameters have different types.
    """

    def __init__(self, wrt: Sequence[Value]) -> None:
        if len({v.dtype for v in wrt}) > 1:
            types = ", ".join(f"{v.describe()} is {v.dtype}" for v in wrt)
            raise ValueError(f"parameters in one vector need one type, but {types}: use astype in the loss")
        self._wrt = list(wrt)

    @property
    def wrt(self) -> list[Value]:
        """The Values whose numbers `flat` has, one after the other."""
        return self._wrt

    @property
    @abstractmethod
    def flat(self) -> Array:
        """The parameters; assign a vector to change them."""

    @flat.setter
    @abstractmethod
    def flat(self, vector: Array) -> None: ...

    @property
    @abstractmethod
    def gradient(self) -> Array:
        """The gradient that was found last, as a vector."""

    @property
    @abstractmethod
    def also(self) -> list[float]:
        """The further numbers that were found last."""

    @abstractmethod
    def set_inputs(self, inputs: Sequence[Array]) -> None:
        """Take other rows, as many as before."""

    @abstractmethod
    def evaluate(self) -> float:
        """The loss at `flat`; sets `gradient` and `also`."""

    @abstractmethod
    def step(self, rate: float) -> Any:
        """One step of gradient descent, flat ← flat − rate·gradient; returns the loss before it."""

    def parameters(self) -> list[Value]:
        """The Values of `wrt`, given the numbers of `flat`."""
        for v, part in zip(self._wrt, self.parts(self.flat), strict=True):
            v.data = part.copy()
        return self._wrt

    def parts(self, vector: Array) -> list[Array]:
        """`vector`, cut into views in the shapes of the parameters."""
        shapes = [v.shape for v in self._wrt]
        ends = [*accumulate(map(math.prod, shapes), initial=0)]
        return [vector[a:b].reshape(shape) for (a, b), shape in zip(pairwise(ends), shapes, strict=True)]


class VectorTrainer(Trainer):
    """A trainer whose parameters and gradient are NumPy vectors that stay where they are, those of `before` if any."""

    def __init__(self, wrt: Sequence[Value], before: VectorTrainer | None = None) -> None:
        super().__init__(wrt)
        if before is None:
            self._flat: Array = np.concatenate([np.ravel(v.data) for v in wrt]) if wrt else np.zeros(0)
            self._gradient: Array = np.zeros_like(self._flat)
        else:
            self._flat, self._gradient = before.flat, before.gradient
        self._also: list[float] = []
        self._move = np.empty_like(self._flat)

    @property
    def flat(self) -> Array:
        """The parameters, to be read and written in place."""
        return self._flat

    @flat.setter
    def flat(self, vector: Array) -> None:
        if np.shape(vector) != self._flat.shape:
            size = self._flat.size
            raise ValueError(
                f"the parameters are a vector of {how_many(size, 'number')}, not of shape {np.shape(vector)}"
            )
        self._flat[...] = vector

    @property
    def gradient(self) -> Array:
        """The gradient, in memory that the next evaluation writes to."""
        return self._gradient

    @property
    def also(self) -> list[float]:
        """The further numbers that were found last."""
        return self._also

    def step(self, rate: float) -> float:
        """One step of gradient descent; returns the loss before it."""
        loss = self.evaluate()
        self._descend(rate)
        return loss

    def _descend(self, rate: float) -> None:
        np.multiply(self._gradient, rate, self._move)
        np.subtract(self._flat, self._move, self._flat)
