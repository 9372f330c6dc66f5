"""Layers, with PyTorch's argument names and array shapes; those that draw random numbers take a generator, `rng`.

They are typed for Values; of a raw array those without parameters make an array, like the functions that they call.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import dtype_of
from microgradcnn.engine.functions import pair
from microgradcnn.engine.value import Value
from microgradcnn.nn.module import Module

Pair: TypeAlias = tuple[int, int]
Generator: TypeAlias = np.random.Generator
Draw: TypeAlias = Callable[[Generator, tuple[int, ...], int, int], Any]

# Weights by shape, from the numbers of inputs and of outputs that one of them connects: fan_in and fan_out.
INITIALISATIONS: dict[str, Draw] = {
    "uniform": lambda rng, shape, fan_in, fan_out: rng.uniform(-1.0, 1.0, shape) / math.sqrt(fan_in),
    "glorot": lambda rng, shape, fan_in, fan_out: rng.uniform(-1.0, 1.0, shape) * math.sqrt(6.0 / (fan_in + fan_out)),
    "he": lambda rng, shape, fan_in, fan_out: rng.normal(0.0, math.sqrt(2.0 / fan_in), shape),
}


class _Affine(Module):
    """What Linear and Conv2d share: a `weight`, and a `bias` for each output unless there is none."""

    weight: Value
    bias: Value | None

    def _draw(self, shape: tuple[int, ...], bias: bool, init: str, rng: Generator, dtype: Any) -> None:
        _check_generator(rng)
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


class Linear(_Affine):
    """y = x Wᵀ + b for x (..., in_features): `weight` W is (out_features, in_features), `bias` b (out_features,).

    `init` is "uniform", PyTorch's default, weights and biases from U(−1/√fan_in, 1/√fan_in); "glorot", weights from
    U(−r, r), r² = 6/(fan_in + fan_out), which keeps the variances of values and gradients from layer to layer under
    tanh and sigmoid (Glorot and Bengio 2010, equation 16); or "he", weights from N(0, 2/fan_in), which keeps them under
    relu (He et al. 2015, equation 10). With the last two biases start at 0. `dtype` is float64 or float32. Raises
    TypeError or ValueError for other arguments.
    """

    in_features: int
    out_features: int

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Generator,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self._draw((out_features, in_features), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(..., out_features)."""
        if np.shape(x)[-1:] != (self.in_features,):
            self.refuse(x, f"rows of {self.in_features} numbers, (n, {self.in_features})")
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


class Conv2d(_Affine):
    """Cross-correlation of images (n, in_channels, height, width) with out_channels kernels, and a bias for each.

    `weight` is (out_channels, in_channels, kh, kw), `bias` (out_channels,). Sizes are numbers or pairs (height, width).
    `init` and `dtype` are those of Linear; fan_in is in_channels·kh·kw, fan_out out_channels·kh·kw.
    """

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        bias: bool = True,
        *,
        rng: Generator,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = pair(kernel_size, "kernel_size", 1), pair(stride, "stride", 1)
        self.padding = pair(padding, "padding", 0)
        self._draw((out_channels, in_channels, *self.kernel_size), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(n, out_channels, rows, columns), rows = (height + 2·padding − kh)/stride + 1 rounded down."""
        _check_images(self, x, self.kernel_size, self.in_channels, self.padding)
        y = mg.conv2d(x, self.weight, self.stride, self.padding)
        return y if self.bias is None else y + self.bias.reshape(1, self.out_channels, 1, 1)


@dataclass(eq=False, repr=False)
class _Pool(Module):
    """What AvgPool2d and MaxPool2d share: the window's size and the stride, which is the same unless it is given."""

    kernel_size: int | Pair
    stride: int | Pair | None = None

    def __post_init__(self) -> None:
        self.kernel_size = pair(self.kernel_size, "kernel_size", 1)
        if self.stride is not None:
            self.stride = pair(self.stride, "stride", 1)


class AvgPool2d(_Pool):
    """The mean of every window of images (n, channels, height, width); the stride is the window's size unless given."""

    def forward(self, x: Any) -> Value:
        """(n, channels, rows, columns)."""
        _check_images(self, x, self.kernel_size)
        return mg.avg_pool2d(x, self.kernel_size, self.stride)


class MaxPool2d(_Pool):
    """The largest of every window of images (n, channels, height, width); the stride is the window's size unless given.

    Where several are the largest they share the gradient; PyTorch gives all of it to the first.
    """

    def forward(self, x: Any) -> Value:
        """(n, channels, rows, columns)."""
        _check_images(self, x, self.kernel_size)
        return mg.max_pool2d(x, self.kernel_size, self.stride)


@dataclass(eq=False, repr=False)
class Flatten(Module):
    """The axes from start_dim to end_dim, both included, as one."""

    start_dim: int = 1
    end_dim: int = -1

    def forward(self, x: Any) -> Value:
        """(n, numbers), with the defaults."""
        shape = np.shape(x)
        first, last = (dim + len(shape) if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < len(shape):
            self.refuse(x, f"arrays with axes {self.start_dim} to {self.end_dim}, as (n, channels, height, width)")
        return mg.reshape(x, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


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


class Dropout(Module):
    """In train() mode 0 with probability p, otherwise x/(1 − p), drawn anew at every call; in eval() mode x itself.

    (Srivastava et al. 2014.) A program of mg.compile draws nothing, so compile a model in eval() mode. Raises
    ValueError unless 0 ≤ p < 1.
    """

    p: float

    def __init__(self, p: float = 0.5, *, rng: Generator) -> None:
        _check_generator(rng)
        if not 0.0 <= p < 1.0:
            raise ValueError(f"p is the probability of a 0, from 0 to below 1, not {p}")
        self.p, self.rng = p, rng

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        if not self.training or self.p == 0.0:
            return x
        shape, keep = np.shape(x), 1.0 - self.p
        drawn = (self.rng.random(math.prod(shape)) < keep) / keep
        mask = Value(drawn.astype(dtype_of(x)), label=f"{self._path}.mask" if self._path else "mask")
        # All in one axis: a program for any number of rows then refuses the mask, even one that was drawn for one row.
        return (mg.reshape(x, -1) * mask).reshape(shape)


class Sequential(Module):
    """Layers one after another: layer 0 gets the input, each other one the output of the one before.

    `model[0]` is the first layer, `model[:2]` a Sequential of the first two, which share their parameters with it.
    Raises TypeError for what is no Module.
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                is_class = isinstance(layer, type) and issubclass(layer, Module)
                fix = f": write {layer.__name__}(...)" if is_class else ", such as nn.ReLU()"
                raise TypeError(f"layer {i} of a Sequential is {layer!r}, which is no Module{fix}")
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Value:
        """What comes out of the last layer."""
        for layer in self:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Module]:
        return iter([part for name, part in vars(self).items() if name.isdigit()])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __getitem__(self, index: int | slice) -> Module:
        layers = list(self)
        return Sequential(*layers[index]) if isinstance(index, slice) else layers[index]


def _check_images(layer: Module, x: Any, window: Any, channels: int | None = None, padding: Pair = (0, 0)) -> None:
    shape, (kh, kw) = np.shape(x), window
    least = max(kh - 2 * padding[0], 1), max(kw - 2 * padding[1], 1)
    if len(shape) != 4 or shape[1] != (channels or shape[1]) or shape[2] < least[0] or shape[3] < least[1]:
        size = f" of {least[0]}×{least[1]} at least" if max(least) > 1 else ""
        layer.refuse(x, f"images (n, {channels or 'channels'}, height, width){size}")


def _check_generator(rng: object) -> None:
    if not isinstance(rng, Generator):
        raise TypeError(f"rng is a random generator such as np.random.default_rng(0), not {rng!r}")
