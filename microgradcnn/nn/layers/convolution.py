"""Layers that slide a window of weights over images, or over rows of numbers."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arguments import check_integers
from microgradcnn.engine.functions import pair
from microgradcnn.engine.functions.windows import padded, single
from microgradcnn.engine.kernels import reach
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.linear import Affine, Generator
from microgradcnn.nn.module import Module

Pair: TypeAlias = tuple[int, int]


class Conv2d(Affine):
    """Cross-correlation of images (n, in_channels, height, width) with out_channels kernels, and a bias for each.

    `weight` is (out_channels, in_channels/groups, kh, kw), `bias` (out_channels,). Sizes are numbers or pairs (height,
    width); `padding` is also "same" or "valid", and `groups` shares the channels out, as `mg.conv2d` says. `init` and
    `dtype` are those of Linear; fan_in is in_channels/groups·kh·kw, fan_out out_channels·kh·kw. Raises TypeError or
    ValueError for other arguments.
    """

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair | str = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair | str = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Generator | None = None,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        if isinstance(dilation, bool):  # in whose place `bias` was before there were dilations
            bias, dilation = dilation, 1
        check_integers(in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = pair(kernel_size, "kernel_size", 1), pair(stride, "stride", 1)
        self.dilation, self.groups = pair(dilation, "dilation", 1), shared(groups, in_channels, out_channels)
        around, _ = padded(padding, self.kernel_size, self.stride, self.dilation)
        self.padding = padding if isinstance(padding, str) else around
        self.draw((out_channels, in_channels // self.groups, *self.kernel_size), bias, init, rng, dtype)

    def forward(self, x: Any) -> Value:
        """(n, out_channels, rows, columns), rows = (height + 2·padding − dilation·(kh − 1) − 1)/stride + 1 or less."""
        around, _ = padded(self.padding, self.kernel_size, self.stride, self.dilation)
        check_images(self, x, reach(self.kernel_size, self.dilation), self.in_channels, around)
        y = mg.conv2d(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + self.bias.reshape(1, self.out_channels, 1, 1)


class Conv1d(Affine):
    """Cross-correlation of rows (n, in_channels, length) with out_channels kernels, and a bias for each.

    `weight` is (out_channels, in_channels/groups, kernel_size), `bias` (out_channels,); the rest is as in Conv2d.
    """

    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int | str = 0
    dilation: int = 1
    groups: int = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        padding: int | str = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: Generator | None = None,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        check_integers(in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = single(kernel_size, "kernel_size", 1), single(stride, "stride", 1)
        self.dilation, self.groups = single(dilation, "dilation", 1), shared(groups, in_channels, out_channels)
        self.padding = padding if isinstance(padding, str) else single(padding, "padding", 0)
        self._around()
        self.draw((out_channels, in_channels // self.groups, self.kernel_size), bias, init, rng, dtype)

    def _around(self) -> int:
        """How many numbers are put before a row and after it. Raises ValueError for a padding that there is not."""
        row = self.padding if isinstance(self.padding, str) else (0, self.padding)
        return padded(row, (1, self.kernel_size), (1, self.stride), (1, self.dilation))[0][1]

    def forward(self, x: Any) -> Value:
        """(n, out_channels, numbers), as many as (length + 2·padding − dilation·(kernel_size − 1) − 1)/stride + 1."""
        shape, least = np.shape(x), self.dilation * (self.kernel_size - 1) + 1 - 2 * self._around()
        if len(shape) != 3 or shape[1] != self.in_channels or shape[2] < max(least, 1):
            self.refuse(x, f"rows (n, {self.in_channels}, length)" + (f" of {least} at least" if least > 1 else ""))
        y = mg.conv1d(x, self.weight, self.stride, self.padding, self.dilation, self.groups)
        return y if self.bias is None else y + self.bias.reshape(1, self.out_channels, 1)


class ConvTranspose2d(Affine):
    """The adjoint of a Conv2d in its images, and a bias: from (n, in_channels, height, width) to larger images.

    `weight` is (in_channels, out_channels/groups, kh, kw), `bias` (out_channels,). Sizes are numbers or pairs (height,
    width), as `mg.conv_transpose2d` says. `init` and `dtype` are those of Linear; as in PyTorch, fan_in is
    out_channels/groups·kh·kw, fan_out in_channels·kh·kw. Raises TypeError or ValueError for other arguments.
    """

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair = (1, 1)
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    groups: int = 1
    dilation: Pair = (1, 1)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Pair = 1,
        *,
        rng: Generator | None = None,
        init: str = "uniform",
        dtype: Any = np.float64,
    ) -> None:
        check_integers(in_channels=in_channels, out_channels=out_channels)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size, self.stride = pair(kernel_size, "kernel_size", 1), pair(stride, "stride", 1)
        self.padding, self.output_padding = pair(padding, "padding", 0), pair(output_padding, "output_padding", 0)
        self.groups, self.dilation = shared(groups, in_channels, out_channels), pair(dilation, "dilation", 1)
        shape = (in_channels, out_channels // self.groups, *self.kernel_size)
        self.draw(shape, bias, init, rng, dtype, out_channels)

    def forward(self, x: Any) -> Value:
        """(n, out_channels, rows, columns) with rows = (height − 1)·stride − 2·padding + dilation·(kh − 1) + 1 + more.

        `more` is output_padding, and columns likewise.
        """
        check_images(self, x, (1, 1), self.in_channels)
        y = mg.conv_transpose2d(
            x, self.weight, self.stride, self.padding, self.output_padding, self.groups, self.dilation
        )
        return y if self.bias is None else y + self.bias.reshape(1, self.out_channels, 1, 1)


def shared(groups: int, in_channels: int, out_channels: int) -> int:
    """Into how many groups the channels are shared out. Raises TypeError or ValueError unless they can be."""
    count = single(groups, "groups", 1)
    for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
        if channels % count:
            raise ValueError(f"{name} must be divisible by groups: {channels} is not by {count}")
    return count


def check_images(layer: Module, x: Any, window: Any, channels: int | None = None, padding: Pair = (0, 0)) -> None:
    """Raise ValueError, in the name of the layer, for what is no images in which the window fits."""
    shape, (kh, kw) = np.shape(x), window
    least = max(kh - 2 * padding[0], 1), max(kw - 2 * padding[1], 1)
    if len(shape) != 4 or shape[1] != (channels or shape[1]) or shape[2] < least[0] or shape[3] < least[1]:
        size = f" of {least[0]}×{least[1]} at least" if max(least) > 1 else ""
        layer.refuse(x, f"images (n, {channels or 'channels'}, height, width){size}")
