"""Layers without parameters that apply a function: ReLU, Sigmoid, Tanh, Softmax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module


class ReLU(Module):
    """x where x > 0, otherwise 0."""

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        return mg.relu(x)


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

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        n = len(np.shape(x))
        if not -n <= self.dim < n:
            self.refuse(x, f"arrays with an axis {self.dim}")
        return mg.softmax(x, self.dim)
