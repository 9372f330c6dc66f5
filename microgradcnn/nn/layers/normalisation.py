"""Layers that bring numbers to mean 0 and variance 1, those of a batch or of each row, and then scale and move them."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers, check_real, listed
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.linear import check_dtype
from microgradcnn.nn.module import Buffer, Module


class BatchNorm(Module):
    """What BatchNorm1d and BatchNorm2d share: every feature of axis 1 normalised over the batch, y = x̂·weight + bias.

    In train() mode with the mean and the biased variance of the batch, which move `running_mean` and `running_var`, the
    latter by the unbiased one, by a share `momentum`; None makes them means over all batches. In eval() mode with these
    running statistics, or again with the batch's without `track_running_stats`. They are Buffers, in the state but no
    parameters. Without `affine` there are no `weight` and `bias`. (Ioffe and Szegedy 2015, algorithms 1 and 2.) The
    statistics of a batch mix its rows: a program of mg.compile for any number of rows takes eval() mode. Raises
    TypeError or ValueError for arguments that fit no layer.
    """

    inputs: ClassVar[str]  # what it takes, as an error says it
    axes: ClassVar[tuple[int, ...]]  # how many axes that may have

    num_features: int
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        dtype: Any = np.float64,
    ) -> None:
        check_dtype(dtype)
        check_integers(num_features=num_features)
        check_real(eps=eps, **({} if momentum is None else {"momentum": momentum}))
        if num_features < 1:
            raise ValueError(f"num_features must be at least 1, not {num_features}")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight = Value(np.ones(num_features, dtype)) if affine else None
        self.bias = Value(np.zeros(num_features, dtype)) if affine else None
        self.running_mean = Buffer(np.zeros(num_features, dtype)) if track_running_stats else None
        self.running_var = Buffer(np.ones(num_features, dtype)) if track_running_stats else None
        self.num_batches_tracked = Buffer(np.int64(0)) if track_running_stats else None

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        shape = np.shape(x)
        if len(shape) not in self.axes or shape[1] != self.num_features:
            self.refuse(x, self.inputs.format(self.num_features))
        of_features = (1, self.num_features, *[1] * (len(shape) - 2))
        if self.training or self.running_mean is None or self.running_var is None:
            y = self._of_the_batch(x)
        else:
            centred = x - self.running_mean.leaf().reshape(of_features)
            y = centred / mg.sqrt(self.running_var.leaf().reshape(of_features) + self.eps)
        if self.weight is None or self.bias is None:
            return y
        return y * self.weight.reshape(of_features) + self.bias.reshape(of_features)

    def _of_the_batch(self, x: Any) -> Any:
        """x normalised by its own mean and variance; in train() mode the running statistics follow them."""
        shape = np.shape(x)
        count = math.prod(shape) // self.num_features
        if self.training and count < 2:
            self.refuse(x, "two numbers or more of each feature in train() mode")
        axes = (0, *range(2, len(shape)))
        y = mg.normalised(x, axes, self.eps)
        if isinstance(y, Value):
            y.label = self.named("centred")  # by which a program that keeps its rows apart refuses it
        if self.training:
            numbers = x.data if isinstance(x, Value) else np.asarray(x)
            self._follow(np.mean(numbers, axes), np.var(numbers, axes, ddof=1))
        return y

    def _follow(self, mean: Array, unbiased: Array) -> None:
        """Move the running statistics towards those of a batch."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.data = self.num_batches_tracked.data + 1
        share = 1.0 / float(self.num_batches_tracked.data) if self.momentum is None else self.momentum
        for running, new in ((self.running_mean, mean), (self.running_var, unbiased)):
            running.data = (1.0 - share) * running.data + share * new

    def in_each_step(self) -> str:
        """It takes the statistics of the batch."""
        return "takes the mean and the variance of the batch in every step"


class BatchNorm1d(BatchNorm):
    """Batch normalisation of rows (n, num_features) or sequences (n, num_features, length), as BatchNorm says."""

    inputs, axes = "rows (n, {0}) or sequences (n, {0}, length)", (2, 3)


class BatchNorm2d(BatchNorm):
    """Batch normalisation of images (n, num_features, height, width), as BatchNorm says."""

    inputs, axes = "images (n, {0}, height, width)", (4,)


class LayerNorm(Module):
    """Every row of the last axes, of `normalized_shape`, normalised by its own mean and biased variance.

    Then y = x̂·weight + bias, both of `normalized_shape`; without `bias` only the weight, without `elementwise_affine`
    neither. (Ba, Kiros and Hinton 2016.) Raises TypeError or ValueError for arguments that fit no layer.
    """

    normalized_shape: tuple[int, ...]
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: Value | None

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        dtype: Any = np.float64,
    ) -> None:
        check_dtype(dtype)
        check_real(eps=eps)
        shape = tuple(listed(normalized_shape))
        for length in shape:
            check_integers(normalized_shape=length)
        if not shape or min(shape) < 1:
            raise ValueError(f"normalized_shape has one axis of one number at least, not {normalized_shape}")
        self.normalized_shape, self.eps, self.elementwise_affine = shape, eps, elementwise_affine
        self.weight = Value(np.ones(shape, dtype)) if elementwise_affine else None
        self.bias = Value(np.zeros(shape, dtype)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Value:
        """The shape of x."""
        last = len(self.normalized_shape)
        if np.shape(x)[-last:] != self.normalized_shape:
            self.refuse(x, f"arrays (..., {', '.join(map(str, self.normalized_shape))})")
        found: Value = mg.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return found
