"""Windows of images on raw arrays: convolution, pooling, and what both send back.

Images are (n, channels, height, width), kernels (filters, channels/groups, kh, kw); sizes, strides, paddings and
dilations are pairs. As in every deep-learning library, convolution is cross-correlation: the kernel is not flipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array

Pair = tuple[int, int]
Sides = tuple[Pair, Pair]  # of an image: (top, bottom), (left, right)
NO_SIDES: Sides = ((0, 0), (0, 0))
COPIED = 1 << 19  # numbers that are copied at a time, for the windows of some rows
APART = 16  # numbers between the rows of a matrix: a power of two from row to row has few places in the cache


def unfold(
    x: Array, size: Pair, stride: Pair, padding: Sides = NO_SIDES, dilation: Pair = (1, 1), beyond: float = 0.0
) -> Array:
    """The windows of `size` of (n, c, h, w) images, as a view of shape (n, c, rows, columns, *size).

    The pixels of a window are `dilation` apart; `padding` pixels on each side of an image are `beyond`.
    """
    shape = (*x.shape[:2], *_windows(x, size, stride, padding, dilation), *size)
    x = _padded(x, padding, beyond)
    image, channel, row, column = x.strides
    strides = (image, channel, row * stride[0], column * stride[1], row * dilation[0], column * dilation[1])
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)  # a third of sliding_window_view's time


def reach(size: Pair, dilation: Pair = (1, 1)) -> Pair:
    """How far the pixels of a window lie apart, the first and the last included."""
    return dilation[0] * (size[0] - 1) + 1, dilation[1] * (size[1] - 1) + 1


def _windows(x: Array, size: Pair, stride: Pair, padding: Sides = NO_SIDES, dilation: Pair = (1, 1)) -> Pair:
    """How many windows of `size` lie below and beside each other."""
    if x.ndim != 4:
        raise ValueError(f"images are (n, channels, height, width), not of shape {x.shape}")
    (tall, wide), ((top, bottom), (left, right)) = reach(size, dilation), padding
    height, width = x.shape[2] + top + bottom, x.shape[3] + left + right
    if tall > height or wide > width:
        shape = (*x.shape[:2], height, width)
        raise ValueError(f"a window of {(tall, wide)} does not fit into images of shape {shape}, padding included")
    return (height - tall) // stride[0] + 1, (width - wide) // stride[1] + 1


def fold(windows: Array, image: Pair, stride: Pair, padding: Sides = NO_SIDES, dilation: Pair = (1, 1)) -> Array:
    """The adjoint of `unfold`: every window added back to where it came from, as (n, c, *image)."""
    n, c, rows, columns, kh, kw = windows.shape
    if (kh, kw) == stride == (1, 1) and padding == NO_SIDES:  # each window is a pixel
        return windows[..., 0, 0]
    (tall, wide), ((top, below), (left, beside)) = reach((kh, kw), dilation), padding
    padded = np.zeros((c, top + image[0] + below, left + image[1] + beside, n), windows.dtype).transpose(3, 0, 1, 2)
    apart = stride[0] >= tall and stride[1] >= wide
    rights = _along(kw, columns, stride[1], dilation[1])
    for i, down in enumerate(_along(kh, rows, stride[0], dilation[0])):
        for j, right in enumerate(rights):
            place = padded[:, :, down, right]
            if apart:  # no pixel is in two windows
                place[...] = windows[..., i, j]
            else:
                np.add(place, windows[..., i, j], out=place)
    return padded[:, :, top : top + image[0], left : left + image[1]]


def _along(size: int, windows: int, stride: int, dilation: int = 1) -> list[slice]:
    """For every place along an axis of a window, the pixels that lie there in all windows."""
    return [slice(i, i + stride * windows, stride) for i in range(0, dilation * size, dilation)]


def convolve(x: Array, w: Array, stride: Pair, padding: Pair, dilation: Pair = (1, 1), groups: int = 1) -> Array:
    """y[n, f, r, s] = Σ over c, i, j of x[n, c, r + i, s + j] · w[f, c, i, j] (at stride 1, without padding).

    With `groups` the filters and the channels are shared out, and a filter meets the channels of its own group only.
    """
    if w.ndim != 4 or x.ndim != 4 or x.shape[1] != groups * w.shape[1] or len(w) % groups:
        raise ValueError(
            f"images (n, channels, height, width) of shape {x.shape} and kernels "
            f"(filters, channels, height, width) of shape {w.shape} "
            + ("need the same number of channels" if groups == 1 else f"cannot be shared out to {groups} groups")
        )
    rows, columns = _windows(x, w.shape[2:], stride, (padding[:1] * 2, padding[1:] * 2), dilation)
    new = np.empty if w.size else np.zeros
    y = new((groups, len(w) // groups, rows, columns * len(x)), np.result_type(x, w))
    weights = w.swapaxes(1, 2).reshape(groups, 1, y.shape[1], math.prod(w.shape[1:]))
    for band, windows in _windows_by_rows(x, w.shape[2:], (rows, columns), stride, padding, dilation, groups):
        np.matmul(weights, windows, out=y[:, :, band].swapaxes(1, 2))
    return y.reshape(len(w), rows, columns, len(x)).transpose(3, 0, 1, 2)


def convolve_input(
    g: Array, w: Array, stride: Pair, padding: Pair, image: Pair, dilation: Pair = (1, 1), groups: int = 1
) -> Array:
    """The adjoint of `convolve` in its images: what each pixel receives from g, (n, filters, rows, columns)."""
    (n, _, rows, columns), (kh, kw), filters, c = g.shape, w.shape[2:], len(w) // groups, w.shape[1]
    tall, wide = reach((kh, kw), dilation)
    if stride[0] >= tall and stride[1] >= wide:  # no pixel is in two windows
        flat = _grouped(g, groups).reshape(groups, filters, rows * columns * n)
        each = w.reshape(groups, filters, c * kh * kw).swapaxes(1, 2) @ flat
        pixels = each.reshape(groups * c, kh, kw, rows, columns, n).transpose(5, 0, 3, 4, 1, 2)
        return fold(pixels, image, stride, (padding[:1] * 2, padding[1:] * 2), dilation)
    height, width = image[0] + 2 * padding[0], image[1] + 2 * padding[1]
    x = np.zeros((groups, c, height, width, n), np.result_type(g, w))
    w, given = w.reshape(groups, filters, c, kh, kw).transpose(0, 2, 4, 3, 1), _grouped(g, groups).swapaxes(1, 2)
    above, rights = dilation[0] * (kh - 1) // stride[0], _along(kw, columns, stride[1], dilation[1])
    bands = _bands(-(-height // stride[0]), groups * (c * kw + filters) * columns * n * bool(w.size))
    padded = _apart(np.zeros, (groups, above + -(-height // stride[0]), filters, columns, n), g.dtype)
    padded[:, above : above + rows].reshape(given.shape)[...] = given
    for first in range(stride[0]):  # pixels in every so manieth row meet the same rows of kernels, from below
        meet = [i for i in reversed(range(kh)) if dilation[0] * i % stride[0] == first]
        over = [above - dilation[0] * i // stride[0] for i in meet]
        weights = w[:, :, :, meet].reshape(groups, 1, c * kw, len(meet) * filters)
        for band in bands if meet else []:
            place = x[:, :, first :: stride[0]][:, :, band].swapaxes(1, 2)
            sending = _together(padded[:, band.start :], place.shape[1], 1, over)
            sent = _times(weights, sending).reshape(*place.shape[:3], kw, columns, n)
            for j, right in enumerate(rights):
                place[:, :, :, right] += sent[:, :, :, j]
    x = x.reshape(groups * c, height, width, n)
    return x[:, padding[0] : padding[0] + image[0], padding[1] : padding[1] + image[1]].transpose(3, 0, 1, 2)


def convolve_kernel(
    x: Array, g: Array, stride: Pair, padding: Pair, size: Pair, dilation: Pair = (1, 1), groups: int = 1
) -> Array:
    """The adjoint of `convolve` in its kernels: what each weight receives from g, (n, filters, rows, columns)."""
    filters, (kh, kw), c = g.shape[1] // groups, size, x.shape[1] // groups
    total = np.zeros((groups, kh * c * kw, filters), np.result_type(x, g))
    given = _grouped(g, groups).transpose(0, 2, 1, 3, 4)
    for band, windows in _windows_by_rows(x, size, g.shape[2:], stride, padding, dilation, groups):
        sent = given[:, band].reshape(*windows.shape[:2], filters, windows.shape[3])
        total += (windows @ sent.swapaxes(2, 3)).sum(1)  # BLAS: up to twice as fast as the other way round
    by_filters = np.ascontiguousarray(total.reshape(groups, kh, c, kw, filters).transpose(0, 4, 2, 1, 3))
    return by_filters.reshape(groups * filters, c, kh, kw)


def _windows_by_rows(
    x: Array, size: Pair, windows: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int
) -> Iterator[tuple[slice, Array]]:
    """For bands of rows of windows, what lies in each row: (groups, rows, kh·channels·kw, columns·n).

    Pixels are copied for all windows of their row, not of their column: a row of windows then lies in memory in one
    piece, of which the next row has most (M. Cho and D. Brand: MEC, Memory-efficient convolution, ICML 2017).
    """
    images, tall, (count, columns) = _grouped(x, groups, padding), reach(size, dilation)[0], windows
    for band in _bands(count, stride[0] * x.shape[1] * size[1] * columns * len(x)):
        rows = images[:, :, band.start * stride[0] : (band.stop - 1) * stride[0] + tall]
        group, channel, row, column, image = rows.strides
        shape = (groups, rows.shape[2], rows.shape[1], size[1], columns, len(x))
        strides = (group, row, channel, column * dilation[1], column * stride[1], image)
        found = np.lib.stride_tricks.as_strided(rows, shape, strides, writeable=False)
        copied = _apart(np.empty, shape, x.dtype)
        copied.reshape(shape)[...] = found
        yield band, _together(copied, band.stop - band.start, stride[0], range(0, tall, dilation[0]))


def _together(rows: Array, count: int, stride: int, taken: Sequence[int]) -> Array:
    """`count` times, `stride` rows further each time, the rows `taken`, as one matrix; no copy of such that touch."""
    group, row, *inside = rows.strides
    step = taken[1] - taken[0] if len(taken) > 1 else 1
    shape, strides = (len(rows), count, len(taken), *rows.shape[2:]), (group, stride * row, step * row, *inside)
    found = np.lib.stride_tricks.as_strided(rows[:, taken[0] :], shape, strides, writeable=False)
    return found.reshape(len(rows), count, len(taken) * shape[3], shape[4])


def _apart(new: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """A `new` array (groups, rows, terms, numbers) for numbers of that shape, in which the matrices' rows lie apart."""
    *outside, columns, n = shape
    return new((*outside[:2], math.prod(outside[2:]), columns * n + APART), dtype)[..., : columns * n]


def _times(weights: Array, windows: Array) -> Array:
    """The products of weights and the windows of each row."""
    shape = (*windows.shape[:2], weights.shape[2], windows.shape[3])
    return np.matmul(weights, windows, out=_apart(np.empty, (*shape, 1), np.result_type(weights, windows)))


def _bands(rows: int, each: int) -> list[slice]:
    """The rows by so many that what is made of them, `each` numbers a row, stays in the cache; none for nothing."""
    height = max(1, COPIED // max(1, each))
    return [slice(row, min(rows, row + height)) for row in range(0, rows if each else 0, height)]


def _grouped(x: Array, groups: int, padding: Pair = (0, 0)) -> Array:
    """Images as (groups, channels of one, height, width, n), in long runs, with zeros around them.

    Those of convolutions and pools lie so, and without zeros are no copy.
    """
    (n, c, height, width), (top, left) = x.shape, padding
    lying = x.transpose(1, 2, 3, 0)
    if padding != (0, 0):
        padded = np.zeros((c, height + 2 * top, width + 2 * left, n), x.dtype)
        padded[:, top : top + height, left : left + width] = lying
        lying = padded
    return np.ascontiguousarray(lying).reshape(groups, c // groups, *lying.shape[1:])


def spread(g: Array, image: Pair, size: Pair, stride: Pair, padding: Sides = NO_SIDES) -> Array:
    """Every number of g given to all pixels of its window, (n, c, *image)."""
    each = _grouped(g, 1)[0].transpose(3, 0, 1, 2)[..., None, None]
    return fold(np.broadcast_to(each, (*g.shape, *size)), image, stride, padding)


def largest(x: Array, size: Pair, stride: Pair, padding: Sides = NO_SIDES, dilation: Pair = (1, 1)) -> Array:
    """The largest of every window, (n, c, rows, columns); no number of its type is below what is padded."""
    lowest = -np.inf if x.dtype.kind not in "iub" else np.iinfo(x.dtype).min if x.dtype.kind != "b" else False
    places = _places_in_windows(x, size, stride, padding, dilation)
    x = _padded(x, padding, lowest)
    found = x[next(places)].copy("K")
    for place in places:
        np.maximum(found, x[place], out=found)
    return found


def largest_back(
    g: Array, y: Array, x: Array, size: Pair, stride: Pair, padding: Sides = NO_SIDES, dilation: Pair = (1, 1)
) -> Array:
    """The gradient of `largest`: every number of g to the pixel of its window that is y, or in shares to all such."""
    places = list(_places_in_windows(x, size, stride, padding, dilation))
    padded = _padded(x, padding, -np.inf)
    hits = [padded[place] >= y for place in places]
    count = hits[0].astype(g.dtype)
    for hit in hits[1:]:
        count += hit
    share = np.multiply(g, np.reciprocal(count, out=count), out=count)  # in memory as the image is, whatever g is
    sent = np.zeros_like(padded, dtype=g.dtype)
    for place, hit in zip(places, hits, strict=True):
        sent[place] += share * hit
    ((top, _), (left, _)) = padding
    return sent[:, :, top : top + x.shape[2], left : left + x.shape[3]]


def average(x: Array, size: Pair, stride: Pair, padding: Sides = NO_SIDES) -> Array:
    """The mean of every window, (n, c, rows, columns)."""
    places = _places_in_windows(x, size, stride, padding)
    x = _padded(x, padding, 0.0)
    total = x[next(places)].astype(np.result_type(x, 1.0))  # which lies in memory as x does
    for place in places:
        total += x[place]
    return np.divide(total, size[0] * size[1], out=total)


def _places_in_windows(
    x: Array, size: Pair, stride: Pair, padding: Sides, dilation: Pair = (1, 1)
) -> Iterator[tuple[slice, ...]]:
    """For every place in a window, the index of the pixels that lie there in all windows of a padded image.

    What is done to these images, one after another, is far faster than over windows as axes, which are short.
    """
    rows, columns = _windows(x, size, stride, padding, dilation)
    rights = _along(size[1], columns, stride[1], dilation[1])
    downs = _along(size[0], rows, stride[0], dilation[0])
    return ((slice(None), slice(None), down, right) for down in downs for right in rights)


def _padded(x: Array, padding: Sides, beyond: Any) -> Array:
    """The images with `padding` pixels on each side, which are `beyond`."""
    return x if padding == NO_SIDES else np.pad(x, ((0, 0), (0, 0), *padding), constant_values=beyond)
