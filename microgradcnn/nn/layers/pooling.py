"""Layers that take the windows of images together: their mean, their largest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import microgradcnn.engine.functions as mg
from microgradcnn.engine.functions import pair
from microgradcnn.engine.value import Value
from microgradcnn.nn.layers.convolution import Pair, check_images
from microgradcnn.nn.module import Module


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
        check_images(self, x, self.kernel_size)
        return mg.avg_pool2d(x, self.kernel_size, self.stride)


class MaxPool2d(_Pool):
    """The largest of every window of images (n, channels, height, width); the stride is the window's size unless given.

    Where several are the largest they share the gradient; PyTorch gives all of it to the first.
    """

    def forward(self, x: Any) -> Value:
        """(n, channels, rows, columns)."""
        check_images(self, x, self.kernel_size)
        return mg.max_pool2d(x, self.kernel_size, self.stride)
