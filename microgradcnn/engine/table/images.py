"""The part of the table that is about images: convolution, windows, and pooling over them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradcnn.engine import kernels
from microgradcnn.engine.arrays import dtype_of, shape_of
from microgradcnn.engine.primitives import broadcast_to, reshape, sum, where
from microgradcnn.engine.record import Primitive, on_arrays

# Convolution is bilinear, and each of these three is what the other two need: if y = conv(x, w), then
# Σ g·conv(x, w) = Σ conv_input(g, w)·x = Σ conv_kernel(x, g)·w for every g.
conv2d: Primitive = Primitive(
    "conv2d",
    kernels.convolve,
    (
        lambda g, y, x, w, **s: conv2d_input(g, w, **s, image=shape_of(x)[2:]),
        lambda g, y, x, w, **s: conv2d_kernel(x, g, **s, size=shape_of(w)[2:]),
    ),
    "conv2d(x, w)",
    work="product",
)
conv2d_input: Primitive = Primitive(
    "conv2d_input",
    kernels.convolve_input,
    (
        lambda g, y, d, w, image, **s: conv2d(g, w, **s),
        lambda g, y, d, w, image, **s: conv2d_kernel(g, d, **s, size=shape_of(w)[2:]),
    ),
    "conv2d_input(g, w)",
    work="product",
)
conv2d_kernel: Primitive = Primitive(
    "conv2d_kernel",
    kernels.convolve_kernel,
    (
        lambda g, y, x, d, size, **s: conv2d_input(d, g, **s, image=shape_of(x)[2:]),
        lambda g, y, x, d, size, **s: conv2d(x, g, **s),
    ),
    "conv2d_kernel(x, g)",
    work="product",
)

# Windows of images, and pooling over them
unfold: Primitive = Primitive(
    "unfold",
    kernels.unfold,
    (lambda g, y, x, size, beyond=0.0, **s: fold(g, image=shape_of(x)[2:], **s),),
    "unfold(x)",
    work="moves",
)
fold: Primitive = Primitive(
    "fold", kernels.fold, (lambda g, y, x, image, **s: unfold(g, size=shape_of(x)[4:], **s),), "fold(x)", work="sum"
)


@on_arrays(lambda g, y, x, size, **s: kernels.spread(g / math.prod(size), x.shape[2:], size, **s))
def _average_rule(g: Any, y: Any, x: Any, size: tuple[int, int], **s: Any) -> Any:
    """A share of every number of g given to all pixels of its window."""
    each = reshape(g / math.prod(size), shape=(*shape_of(g), 1, 1))
    return fold(broadcast_to(each, shape=(*shape_of(g), *size)), image=shape_of(x)[2:], **s)


avg_pool2d: Primitive = Primitive("avg_pool2d", kernels.average, (_average_rule,), "avg_pool2d(x)", work="mean")


@on_arrays(kernels.largest_back)
def _max_pool_rule(g: Any, y: Any, x: Any, size: tuple[int, int], **s: Any) -> Any:
    each, beyond = (*shape_of(y), 1, 1), {"beyond": -np.inf} if "padding" in s else {}
    one, zero = map(dtype_of(x).type, (1.0, 0.0))
    hit = where(unfold(x, size=size, **s, **beyond) >= reshape(y, shape=each), one, zero)
    share = hit / sum(hit, axis=(4, 5), keepdims=True)
    return fold(reshape(g, shape=each) * share, image=shape_of(x)[2:], **s)


max_pool2d: Primitive = Primitive(
    "max_pool2d", kernels.largest, (_max_pool_rule,), "max_pool2d(x)", work="max", repeats=True
)
