"""Layers that take the windows of images together: their mean, their largest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import microgradcnn.engine.functions as mg
from microgradcnn.engine.functions import pair
from microgradcnn.engine.functions.windows import pooled
from microgradcnn.engine.kernels import reach
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.convolution import Pair, check_images
from microgradcnn.nn.module import Module


class _Pool(Module):
    """What AvgPool2d and MaxPool2d share: sizes are kept as pairs; the stride is the window's size unless it is given.

    Raises TypeError or ValueError for arguments that cannot be, as padding over half of the window.
    """

    kernel_size: Any
    stride: Any
    padding: Any
    dilation: Any = (1, 1)
    ceil_mode: bool

    def __post_init__(self) -> None:
        self.kernel_size = pair(self.kernel_size, "kernel_size", 1)
        if self.stride is not None:
            self.stride = pair(self.stride, "stride", 1)
        self.padding, self.dilation = pair(self.padding, "padding", 0), pair(self.dilation, "dilation", 1)
        pooled((), self.kernel_size, (1, 1), self.padding, self.dilation, self.ceil_mode)

    def _check(self, x: Any) -> None:
        """Raise ValueError for what is no images in which a window fits, or sticks out by less than a stride."""
        tall, step = reach(self.kernel_size, self.dilation), self.stride or self.kernel_size
        least = (tall[0] - step[0] + 1, tall[1] - step[1] + 1) if self.ceil_mode else tall
        check_images(self, x, least, padding=self.padding)


@dataclass(eq=False, repr=False)
class AvgPool2d(_Pool):
    """The mean of every window of images (n, channels, height, width), with the arguments of `mg.avg_pool2d`."""

    kernel_size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = (0, 0)
    ceil_mode: bool = False
    count_include_pad: bool = True

    def forward(self, x: Any) -> Value:
        """(n, channels, rows, columns)."""
        self._check(x)
        return mg.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


@dataclass(eq=False, repr=False)
class MaxPool2d(_Pool):
    """The largest of every window of images (n, channels, height, width), with the arguments of `mg.max_pool2d`.

    Where several are the largest they share the gradient; PyTorch gives all of it to the first.
    """

    kernel_size: int | Pair
    stride: int | Pair | None = None
    padding: int | Pair = (0, 0)
    dilation: int | Pair = (1, 1)
    ceil_mode: bool = field(default=False, kw_only=True)  # PyTorch's fifth argument is another one

    def forward(self, x: Any) -> Value:
        """(n, channels, rows, columns)."""
        self._check(x)
        return mg.max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
