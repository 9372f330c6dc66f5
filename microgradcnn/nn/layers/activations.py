"""Layers without parameters that apply a function: ReLU, LeakyReLU, GELU, SiLU, Sigmoid, Tanh, Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers, check_real
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module


class ReLU(Module):
    """x where x > 0, otherwise 0."""

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.relu(x)


@dataclass(eq=False, repr=False)
class LeakyReLU(Module):
    """x where x > 0, otherwise negative_slope·x. (Maas, Hannun and Ng 2013.)"""

    negative_slope: float = 0.01

    def __post_init__(self) -> None:
        check_real(negative_slope=self.negative_slope)

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.leaky_relu(x, self.negative_slope)


@dataclass(eq=False, repr=False)
class GELU(Module):
    """x Φ(x), Φ the distribution function of N(0, 1), or with approximate="tanh" what comes close to it.

    That is x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2. (Hendrycks and Gimpel 2016.) Raises ValueError for another
    approximation.
    """

    approximate: str = "none"

    def __post_init__(self) -> None:
        if self.approximate not in ("none", "tanh"):
            raise ValueError(f"approximate is none or tanh, not {self.approximate!r}")

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.gelu(x, self.approximate)


class SiLU(Module):
    """x σ(x), also called swish."""

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.silu(x)


class Sigmoid(Module):
    """1/(1 + exp(−x))."""

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.tanh(x)


@dataclass(eq=False, repr=False)
class Softmax(Module):
    """exp(x)/Σ exp(x) along an axis. Train without it: cross_entropy takes what goes in here, the logits."""

    dim: int = -1

    def __post_init__(self) -> None:
        check_integers(dim=self.dim)

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        n = len(np.shape(x))
        if not -n <= self.dim < n:
            self.refuse(x, f"arrays with an axis {self.dim}")
        return mg.softmax(x, self.dim)
