"""Gradient descent as the lecture describes it, with momentum and Adam besides, and decreasing learning rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microgradcnn.arrays import Data
from microgradcnn.value import Value

# The learning rate at epoch t of T, as a share of the rate at the start.
SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": lambda t, T: 1.0,
    "step": lambda t, T: 0.5 ** (5 * t // T),  # halved after every fifth of the epochs
    "inverse": lambda t, T: 1.0 / (1.0 + 10.0 * t / T),
    "exponential": lambda t, T: 0.01 ** (t / T),  # a hundredth at the end
    "cosine": lambda t, T: (1.0 + math.cos(math.pi * t / T)) / 2.0,
}


class GradientDescent:
    """θ ← θ − η df/dθ, every gradient taken at the old values."""

    def __init__(self, parameters: Sequence[Value]) -> None:
        self.parameters = list(parameters)

    def step(self, rate: float) -> None:
        """Move every parameter by its `.grad`, at the learning rate given. Raises ValueError if one has no gradient."""
        for p in self.parameters:
            if p.grad is None:
                raise ValueError(f"{p.describe()} has no gradient: call backward() on the loss before step()")
        for i, p in enumerate(self.parameters):
            p.data = p.data - rate * self.direction(i, p.grad)
        self.after_step()

    def direction(self, i: int, gradient: Data) -> Any:
        """What parameter number i moves against."""
        return gradient

    def after_step(self) -> None:
        """Called when all parameters have moved."""


class Momentum(GradientDescent):
    """v ← βv + df/dθ and θ ← θ − ηv, as in PyTorch's SGD (Polyak 1964); β = 0.9."""

    def __init__(self, parameters: Sequence[Value], beta: float = 0.9) -> None:
        super().__init__(parameters)
        self.beta = beta
        self.velocities: list[Any] = [0.0 for _ in self.parameters]

    def direction(self, i: int, gradient: Data) -> Any:
        """The velocity."""
        self.velocities[i] = self.beta * self.velocities[i] + gradient
        return self.velocities[i]


class Adam(GradientDescent):
    """Adam (Kingma and Ba 2015, algorithm 1) with their β₁ = 0.9, β₂ = 0.999 and ε = 1e-8."""

    def __init__(
        self, parameters: Sequence[Value], betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(parameters)
        self.betas, self.eps, self.steps = betas, eps, 1
        self.first: list[Any] = [0.0 for _ in self.parameters]
        self.second: list[Any] = [0.0 for _ in self.parameters]

    def direction(self, i: int, gradient: Data) -> Any:
        """The mean gradient over the root of the mean squared one, both corrected for their start at 0."""
        one, two = self.betas
        self.first[i] = one * self.first[i] + (1.0 - one) * gradient
        self.second[i] = two * self.second[i] + (1.0 - two) * gradient * gradient
        mean, square = self.first[i] / (1.0 - one**self.steps), self.second[i] / (1.0 - two**self.steps)
        return mean / (np.sqrt(square) + self.eps)

    def after_step(self) -> None:
        """Counts the steps."""
        self.steps += 1


OPTIMISERS: dict[str, type[GradientDescent]] = {"gradient_descent": GradientDescent, "momentum": Momentum, "adam": Adam}
