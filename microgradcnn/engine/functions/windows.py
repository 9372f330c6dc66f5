"""Functions of images by their windows: convolution and pooling, with PyTorch's arguments."""

from __future__ import annotations

import operator
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arguments import Operand, explained, of_one, of_two
from microgradcnn.engine.arrays import dtype_of, shape_of
from microgradcnn.engine.kernels import NO_SIDES, Pair, Sides, reach
from microgradcnn.engine.primitives import getitem, reshape, scatter
from microgradcnn.engine.table import images

Sizes: TypeAlias = int | tuple[int, int]


@of_two
@explained
def conv2d(
    x: Operand, w: Operand, stride: Sizes = 1, padding: Sizes | str = 0, dilation: Sizes = 1, groups: int = 1
) -> Any:
    """The cross-correlation of images (n, channels, h, w) with kernels (filters, channels/groups, kh, kw), as PyTorch.

    The result is (n, filters, rows, columns), rows = (h + 2·padding - dilation·(kh - 1) - 1)/stride + 1 rounded down,
    columns likewise. `padding` is "valid" for none, "same" for results of the images' size at stride 1: where it cannot
    be the same on both sides, there is one more below and on the right. With `groups` the channels and the filters are
    shared out, and every filter meets the channels of its own group: as many groups as channels are a depthwise
    convolution. Raises ValueError for what does not fit together.
    """
    steps, spread = pair(stride, "stride", 1), pair(dilation, "dilation", 1)
    size = shape_of(w)[2:] if len(shape_of(w)) == 4 else (1, 1)  # kernels of another shape are refused below
    around, odd = padded(padding, size, steps, spread)
    y = images.conv2d(x, w, stride=steps, padding=around, **_unusual(spread, single(groups, "groups", 1)))
    return y if odd == (0, 0) else getitem(y, index=(slice(None), slice(None), *[slice(k, None) for k in odd]))


@of_two
@explained
def conv1d(x: Operand, w: Operand, stride: int = 1, padding: int | str = 0, dilation: int = 1, groups: int = 1) -> Any:
    """conv2d of a single row: of rows (n, channels, length) with kernels (filters, channels/groups, k), as PyTorch."""
    for name, given in (("rows (n, channels, length)", x), ("kernels (filters, channels, length)", w)):
        if len(shape_of(given)) != 3:
            raise ValueError(f"{name} have three axes, not shape {shape_of(given)}")
    steps, spread = (1, single(stride, "stride", 1)), (1, single(dilation, "dilation", 1))
    around = padding if isinstance(padding, str) else (0, single(padding, "padding", 0))
    rows, kernels = (reshape(a, shape=(*shape_of(a)[:2], 1, shape_of(a)[2])) for a in (x, w))
    y = conv2d(rows, kernels, steps, around, spread, groups)
    return reshape(y, shape=(*shape_of(y)[:2], shape_of(y)[3]))


@of_two
@explained
def conv_transpose2d(
    x: Operand,
    w: Operand,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """The adjoint of conv2d in its images, as PyTorch: x (n, channels, h, w), w (channels, filters/groups, kh, kw).

    The result is (n, filters, rows, columns), rows = (h - 1)·stride - 2·padding + dilation·(kh - 1) + output_padding
    + 1, columns likewise: of the images that conv2d makes (h, w) of, those larger by `output_padding` than the
    smallest. Raises ValueError for what does not fit together.
    """
    steps, around = pair(stride, "stride", 1), pair(padding, "padding", 0)
    spread, more = pair(dilation, "dilation", 1), pair(output_padding, "output_padding", 0)
    given, kernels, count = shape_of(x), shape_of(w), single(groups, "groups", 1)
    if len(given) != 4 or len(kernels) != 4 or given[1] != kernels[0] or given[1] % count:
        raise ValueError(
            f"images (n, channels, height, width) of shape {given} and kernels (channels, filters, height, width) of "
            f"shape {kernels} need the same number of channels, which {count} groups share equally"
        )
    if any(m >= max(s, d) for m, s, d in zip(more, steps, spread, strict=True)):
        raise ValueError(
            f"output_padding must be smaller than stride or dilation: {more} is not for {steps} and {spread}"
        )
    tall = reach(kernels[2:], spread)
    rows, columns = ((given[2 + k] - 1) * steps[k] - 2 * around[k] + tall[k] + more[k] for k in (0, 1))
    if rows < 1 or columns < 1:
        raise ValueError(f"images of {rows}×{columns} pixels would be left of {given[2]}×{given[3]}: pad them less")
    beyond = tuple([given[2 + k] + more[k] // steps[k] for k in (0, 1)])
    if beyond != given[2:]:  # windows of zeros, where the images are larger by whole strides
        whole = slice(None)
        x = scatter(x, index=(whole, whole, slice(given[2]), slice(given[3])), shape=(*given[:2], *beyond))
    options = _unusual(spread, count)
    return images.conv2d_input(x, w, stride=steps, padding=around, image=(rows, columns), **options)


@of_one
@explained
def avg_pool2d(
    x: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    """The mean of every window of images (n, channels, h, w); the stride is the window's size unless it is given.

    `padding` rings the images with zeros, which count unless `count_include_pad` is False. With `ceil_mode` a last
    window may stick out; what lies beyond the padding never counts. Raises ValueError for what does not fit together.
    """
    size, steps = _window(kernel_size, stride)
    sides = pooled(shape_of(x), size, steps, pair(padding, "padding", 0), (1, 1), ceil_mode)
    if sides == NO_SIDES:
        return images.avg_pool2d(x, size=size, stride=steps)
    y = images.avg_pool2d(x, size=size, stride=steps, padding=sides)
    rows, columns = (
        _counted(shape_of(y)[2 + k], size[k], steps[k], sides[k][0], shape_of(x)[2 + k], count_include_pad)
        for k in (0, 1)
    )
    share = size[0] * size[1] / (rows[:, None] * columns)
    return y if (share == 1.0).all() else y * share.astype(dtype_of(y))[None, None]


@of_one
@explained
def max_pool2d(
    x: Operand,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Any:
    """The largest of every window of images (n, channels, h, w); ties share the gradient.

    The stride is the window's size unless it is given. `padding` rings the images with -inf, `dilation` sets the pixels
    of a window so far apart, and with `ceil_mode` a last window may stick out. Raises ValueError for what does not fit.
    """
    size, steps = _window(kernel_size, stride)
    spread = pair(dilation, "dilation", 1)
    sides = pooled(shape_of(x), size, steps, pair(padding, "padding", 0), spread, ceil_mode)
    options = {} if sides == NO_SIDES else {"padding": sides}
    return images.max_pool2d(x, size=size, stride=steps, **options, **_unusual(spread, 1))


def single(given: int, name: str, least: int) -> int:
    """A number of at least `least`, which may be alone in a tuple. Raises TypeError or ValueError by `name`."""
    if isinstance(given, tuple | list) and len(given) == 1:
        (given,) = given
    if not isinstance(given, int | np.integer) or isinstance(given, bool):
        raise TypeError(f"{name} is a number, not {given!r}")
    if given < least:
        raise ValueError(f"{name} must be at least {least}, not {given}")
    return operator.index(given)


def pair(given: Sizes, name: str, least: int) -> Pair:
    """One number for both axes of an image, or two: at least `least` each. Raises TypeError or ValueError by `name`."""
    pair = (given, given) if isinstance(given, int | np.integer) else given
    if not isinstance(pair, tuple | list) or len(pair) != 2 or isinstance(given, bool):
        raise TypeError(f"{name} is a number or a pair, not {given!r}")
    rows, columns = pair
    if rows < least or columns < least:
        raise ValueError(f"{name} must be at least {least}, not {given}")
    return operator.index(rows), operator.index(columns)


def padded(padding: Sizes | str, size: tuple[int, ...], stride: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """As many pixels as a convolution has on both sides, and how many of its first results are left out for that.

    Raises ValueError for a word other than "same" and "valid", and for "same" at another stride than 1.
    """
    if not isinstance(padding, str):
        return pair(padding, "padding", 0), (0, 0)
    if padding not in ("same", "valid"):
        raise ValueError(f"padding is a number, a pair, 'same' or 'valid', not {padding!r}")
    if padding == "valid":
        return (0, 0), (0, 0)
    if stride != (1, 1):
        raise ValueError(f"padding='same' is for stride 1, not {stride}: give the padding as a number or a pair")
    down, right = (d * (k - 1) for k, d in zip(size, dilation, strict=True))
    return (-(-down // 2), -(-right // 2)), (down % 2, right % 2)


def pooled(shape: tuple[int, ...], size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> Sides:
    """The pixels around images of that shape, with those that a last window needs which sticks out.

    That window starts in the image, or in what is before it. Raises ValueError for padding over half of a window.
    """
    if padding == (0, 0) and not ceil_mode:
        return NO_SIDES
    if 2 * padding[0] > size[0] or 2 * padding[1] > size[1]:
        raise ValueError(f"padding is at most half of kernel_size: {padding} is too much for {size}")
    more = [0, 0]
    for k, length in enumerate(shape[2:4] if ceil_mode else ()):
        left = length + 2 * padding[k] - reach(size, dilation)[k]  # to move the window over
        steps = -(-left // stride[k])
        if steps * stride[k] >= length + padding[k]:
            steps -= 1
        more[k] = max(0, steps * stride[k] - left) if steps >= 0 else 0
    return (padding[0], padding[0] + more[0]), (padding[1], padding[1] + more[1])


def _window(kernel_size: Sizes, stride: Sizes | None) -> tuple[Pair, Pair]:
    """Size and stride of what is pooled."""
    size = pair(kernel_size, "kernel_size", 1)
    return size, size if stride is None else pair(stride, "stride", 1)


def _counted(windows: int, size: int, stride: int, padding: int, length: int, include: bool) -> Any:
    """How many pixels of every window along an axis count: those of the image and, to `include`, of its padding."""
    starts, ring = np.arange(windows) * stride - padding, padding if include else 0
    return np.minimum(starts + size, length + ring) - np.maximum(starts, -ring)


def _unusual(dilation: Pair, groups: int) -> dict[str, Any]:
    """The arguments that are not as for a plain convolution, which has no others."""
    given: dict[str, Any] = {} if dilation == (1, 1) else {"dilation": dilation}
    return given if groups == 1 else {**given, "groups": groups}
