"""Functions of images by their windows: convolution and pooling, with PyTorch's arguments."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from microgradcnn.engine import images
from microgradcnn.engine.arguments import Operand, explained, of_one, of_two


@of_two
@explained
def conv2d(x: Operand, w: Operand, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0) -> Any:
    """The cross-correlation of images (n, channels, h, w) with kernels (filters, channels, kh, kw), as in PyTorch.

    The result is (n, filters, rows, columns), rows = (h + 2·padding - kh)/stride + 1 rounded down, columns likewise.
    """
    return images.conv2d(x, w, stride=pair(stride, "stride", 1), padding=pair(padding, "padding", 0))


@of_one
@explained
def avg_pool2d(x: Operand, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> Any:
    """The mean of every window of images (n, channels, h, w); the stride is the window's size unless it is given."""
    size = pair(kernel_size, "kernel_size", 1)
    return images.avg_pool2d(x, size=size, stride=size if stride is None else pair(stride, "stride", 1))


@of_one
@explained
def max_pool2d(x: Operand, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> Any:
    """The largest of every window of images (n, channels, h, w); ties share the gradient."""
    size = pair(kernel_size, "kernel_size", 1)
    return images.max_pool2d(x, size=size, stride=size if stride is None else pair(stride, "stride", 1))


def pair(given: int | tuple[int, int], name: str, least: int) -> tuple[int, int]:
    """One number for both axes of an image, or two: at least `least` each. Raises TypeError or ValueError by `name`."""
    pair = (given, given) if isinstance(given, int | np.integer) else given
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"{name} is a number or a pair, not {given!r}")
    rows, columns = pair
    if rows < least or columns < least:
        raise ValueError(f"{name} must be at least {least}, not {given}")
    return operator.index(rows), operator.index(columns)
