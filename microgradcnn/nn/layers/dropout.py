"""Dropout: numbers set to 0 at random while a model is trained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_real
from microgradcnn.engine.arrays import dtype_of
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.linear import Generator, check_generator
from microgradcnn.nn.module import Module


class Dropout(Module):
    """In train() mode 0 with probability p, otherwise x/(1 − p), drawn anew at every call; in eval() mode x itself.

    (Srivastava et al. 2014.) A program of mg.compile draws nothing, so compile a model in eval() mode. Without
    `rng` it draws from the process's own generator, as `manual_seed` says. Raises ValueError unless 0 ≤ p < 1, and
    TypeError for what is no generator.
    """

    p: float

    def __init__(self, p: float = 0.5, *, rng: Generator | None = None) -> None:
        check_real(p=p)
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p is the probability of a 0, from 0 to below 1, not {p}")
        self.p, self.rng = p, check_generator(rng)

    def forward(self, x: Any) -> Value:
        """The shape of x: x itself, or where it draws a Value, of an array too."""
        if not self.training or self.p == 0.0:
            return x
        shape, keep = np.shape(x), 1.0 - self.p
        drawn = (self.rng.random(math.prod(shape)) < keep) / keep
        dtype = dtype_of(x) if dtype_of(x).kind == "f" else np.float64  # whole numbers would cut 1/(1 − p) to 1
        mask = Value(drawn.astype(dtype), label=self.named("mask"))
        # All in one axis: a program for any number of rows then refuses the mask, even one that was drawn for one row.
        return (mg.reshape(x, -1) * mask).reshape(shape)

    def in_each_step(self) -> str:
        """It draws, unless p is 0."""
        return "draws anew in every step" if self.p > 0.0 else ""
