"""Layers that slide a window of weights over images."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.functions import pair
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.linear import Affine, Generator
from microgradcnn.nn.module import Module

Pair: TypeAlias = tuple[int, int]


class Conv2d(Affine):
    """Cross-correlation of images (n, in_channels, height, width) with out_channels kernels, and a bias for each.

    `weight` is (out_channels, in_channels, kh, kw), `bias` (out_channels,). Sizes are numbers or pairs (height, width).
    `rng`, `init` and `dtype` are those of Linear; fan_in is in_channels·kh·kw, fan_out out_channels·kh·kw.
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
        rng: Generator | None = None,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = pair(kernel_size, "kernel_size", 1), pair(stride, "stride", 1)
        self.padding = pair(padding, "padding", 0)
        self.draw((out_channels, in_channels, *self.kernel_size), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(n, out_channels, rows, columns), rows = (height + 2·padding − kh)/stride + 1 rounded down."""
        check_images(self, x, self.kernel_size, self.in_channels, self.padding)
        y = mg.conv2d(x, self.weight, self.stride, self.padding)
        return y if self.bias is None else y + self.bias.reshape(1, self.out_channels, 1, 1)


def check_images(layer: Module, x: Any, window: Any, channels: int | None = None, padding: Pair = (0, 0)) -> None:
    """Raise ValueError, in the name of the layer, for what is no images in which the window fits."""
    shape, (kh, kw) = np.shape(x), window
    least = max(kh - 2 * padding[0], 1), max(kw - 2 * padding[1], 1)
    if len(shape) != 4 or shape[1] != (channels or shape[1]) or shape[2] < least[0] or shape[3] < least[1]:
        size = f" of {least[0]}×{least[1]} at least" if max(least) > 1 else ""
        layer.refuse(x, f"images (n, {channels or 'channels'}, height, width){size}")
