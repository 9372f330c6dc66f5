"""Linear and Embedding, and what every layer with a weight shares: how it is drawn, from which generator and dtype."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module
from microgradcnn.system.text_layout import how_many

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


def check_dtype(dtype: Any) -> None:
    """Raise TypeError for what parameters cannot be."""
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"parameters are float64 or float32, not {np.dtype(dtype)}")


class Embedding(Module):
    """Row i of `weight`, (num_embeddings, embedding_dim), for every i of an array of whole numbers from 0.

    The weight starts from N(0, 1). Row `padding_idx` starts at 0 and gets no gradient; a program of mg.compile has it
    as it was. Raises TypeError or ValueError for arguments that fit no layer.
    """

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None = None

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: Generator | None = None,
        dtype: Any = np.float64,
    ) -> None:
        rng = check_generator(rng)
        check_dtype(dtype)
        check_integers(num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if min(num_embeddings, embedding_dim) < 1:
            raise ValueError(f"Embedding needs a row of one number at least, not {num_embeddings} of {embedding_dim}")
        if padding_idx is not None:
            check_integers(padding_idx=padding_idx)
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(f"padding_idx is one of {how_many(num_embeddings, 'row')}, not {padding_idx}")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        drawn = rng.standard_normal((num_embeddings, embedding_dim))
        if self.padding_idx is not None:
            drawn[self.padding_idx] = 0.0
        self.weight = Value(drawn.astype(dtype))

    def forward(self, x: Any) -> Value:
        """(*the shape of x, embedding_dim)."""
        numbers = np.asarray(x.data if isinstance(x, Value) else x)
        if numbers.dtype.kind not in "biuf":
            self.refuse(x, f"whole numbers from 0 to {self.num_embeddings - 1}", f"an array of {numbers.dtype}")
        wrong = (numbers < 0) | (numbers >= self.num_embeddings) | (numbers % 1 != 0)
        if wrong.any():
            self.refuse(x, f"whole numbers from 0 to {self.num_embeddings - 1}", f"{numbers[wrong][0]}")
        rows = mg.take(self.weight, x, axis=0) if isinstance(x, Value) else self.weight[numbers.astype(np.intp)]
        if self.padding_idx is None:
            return rows
        padding = mg.reshape(mg.equal(x, self.padding_idx), (*numbers.shape, 1))
        return mg.where(padding, mg.stop_gradient(self.weight)[self.padding_idx], rows)


class Affine(Module):
    """What Linear and the convolutions share: a `weight`, and a `bias` for each output unless there is none."""

    weight: Value
    bias: Value | None

    def draw(
        self,
        shape: tuple[int, ...],
        bias: bool,
        init: str,
        rng: Generator | None,
        dtype: Any,
        outputs: int | None = None,
    ) -> None:
        """Draw `weight` in that shape, and `bias` for as many outputs, by default those along its first axis.

        Raises TypeError or ValueError as the layers say.
        """
        rng = check_generator(rng)
        check_dtype(dtype)
        if init not in INITIALISATIONS:
            raise ValueError(f"init is {', '.join(INITIALISATIONS)}, not {init!r}")
        if min(shape) < 1:
            raise ValueError(f"{type(self).__name__} needs one of everything at least, not a weight of shape {shape}")
        window = math.prod(shape[2:])
        fans = shape[1] * window, shape[0] * window
        self.weight = Value(INITIALISATIONS[init](rng, shape, *fans).astype(dtype))
        self.bias = None
        if bias:
            units = (shape[0] if outputs is None else outputs,)
            start = INITIALISATIONS[init](rng, units, *fans) if init == "uniform" else np.zeros(units)
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
        check_integers(in_features=in_features, out_features=out_features)
        self.in_features, self.out_features = in_features, out_features
        self.draw((out_features, in_features), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(..., out_features)."""
        if np.shape(x)[-1:] != (self.in_features,):
            self.refuse(x, f"rows of {how_many(self.in_features, 'number')}, (n, {self.in_features})")
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
