"""Linear, and what every layer with a weight shares: how it is drawn, from which generator, in which dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module

Generator: TypeAlias = np.random.Generator
SEED = 0  # of the generator that layers draw from which are given none, when the process starts

_shared = np.random.default_rng(SEED)

Draw: TypeAlias = Callable[[Generator, tuple[int, ...], int, int], Any]

# Weights by shape, from the numbers of inputs and of outputs that one of them connects: fan_in and fan_out.
INITIALISATIONS: dict[str, Draw] = {
    "uniform": lambda rng, shape, fan_in, fan_out: rng.uniform(-1.0, 1.0, shape) / math.sqrt(fan_in),
    "glorot": lambda rng, shape, fan_in, fan_out: rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / (fan_in + fan_out)),
    "he": lambda rng, shape, fan_in, fan_out: rng.normal(0.0, math.sqrt(2.0 / fan_in), shape),
}


class Affine(Module):
    """What Linear and Conv2d share: a `weight`, and a `bias` for each output unless there is none."""

    weight: Value
    bias: Value | None

    def draw(self, shape: tuple[int, ...], bias: bool, init: str, rng: Generator | None, dtype: Any) -> None:
        """Draw `weight` in that shape, outputs first, and `bias`. Raises TypeError or ValueError as the layers say."""
        rng = check_generator(rng)
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise TypeError(f"parameters are float64 or float32, not {np.dtype(dtype)}")
        if init not in INITIALISATIONS:
            raise ValueError(f"init is {', '.join(INITIALISATIONS)}, not {init!r}")
        if min(shape) < 1:
            raise ValueError(f"{type(self).__name__} needs one of everything at least, not a weight of shape {shape}")
        window = math.prod(shape[2:])
        fans = shape[1] * window, shape[0] * window
        self.weight = Value(INITIALISATIONS[init](rng, shape, *fans).astype(dtype))
        self.bias = None
        if bias:
            start = INITIALISATIONS[init](rng, shape[:1], *fans) if init == "uniform" else np.zeros(shape[0])
            self.bias = Value(start.astype(dtype))


class Linear(Affine):
    """y = x Wᵀ + b for x (..., in_features): `weight` W is (out_features, in_features), `bias` b (out_features,).

    `init` is "uniform", PyTorch's default, weights and biases from U(−1/√fan_in, 1/√fan_in); "glorot", weights from
    U(−r, r), r² = 6/(fan_in + fan_out), which keeps the variances of values and gradients from layer to layer under
    tanh and sigmoid (Glorot and Bengio 2010, equation 16); or "he", weights from N(0, 2/fan_in), which keeps them under
    relu (He et al. 2015, equation 10). With the last two biases start at 0. Without `rng` they are drawn from the
    process's own generator, as `manual_seed` says. `dtype` is float64 or float32. Raises TypeError or ValueError for
    other arguments.
    """

    in_features: int
    out_features: int

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Generator | None = None,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.draw((out_features, in_features), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(..., out_features)."""
        if np.shape(x)[-1:] != (self.in_features,):
            self.refuse(x, f"rows of {self.in_features} numbers, (n, {self.in_features})")
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


def check_generator(rng: object) -> Generator:
    """The generator itself, or the process's own for None. Raises TypeError for what is no random generator."""
    if rng is None:
        return _shared
    if not isinstance(rng, Generator):
        raise TypeError(f"rng is a random generator such as np.random.default_rng(0), not {rng!r}")
    return rng


def manual_seed(seed: int) -> Generator:
    """Start the process's own generator anew from a seed, a whole number ≥ 0; returns the generator.

    Layers that are given no `rng` draw from it, one after another, and a Dropout at every call, so that the same
    program gives the same numbers. A process starts as by manual_seed(0). Raises TypeError or ValueError for what is no
    such number.
    """
    if not isinstance(seed, Integral):
        raise TypeError(f"a seed is a whole number ≥ 0, not {seed!r}")
    if seed < 0:
        raise ValueError(f"a seed is a whole number ≥ 0, not {seed}")
    _shared.bit_generator.state = np.random.default_rng(int(seed)).bit_generator.state
    return _shared
