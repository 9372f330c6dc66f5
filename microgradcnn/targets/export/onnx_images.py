"""What convolution, windows and pooling are called in ONNX, with where the windows lie as attributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradcnn.engine.kernels import reach
from microgradcnn.targets.export.onnx_writer import Row, Writer, fixed_lengths, lengths_for_reshape
from microgradcnn.targets.lines import Line, Shape


def _conv2d(w: Writer, line: Line, args: list[str]) -> str:
    return w.node("Conv", *args, kernel_shape=line.args[1].shape[2:], **_window(line))


def _conv2d_input(w: Writer, line: Line, args: list[str]) -> str:
    """ConvTranspose, told how many pixels the last windows did not reach."""
    size, around = line.args[1].shape[2:], line.static["padding"]
    left = _left(line, line.args[0].shape[2:], size, [2 * pad for pad in around])
    return w.node("ConvTranspose", *args, kernel_shape=size, output_padding=left, **_window(line))


def _conv2d_kernel(w: Writer, line: Line, args: list[str]) -> str:
    """Conv of the images by g, with channels for examples and examples for channels, and strides for dilations.

    What a channel is in its group is the example, and all examples are the channels of that group.
    """
    images, kernels = args
    groups, (_, channels, *image) = line.static.get("groups", 1), line.args[0].shape
    if groups == 1:
        images = w.node("Transpose", images, perm=[1, 0, 2, 3])
    else:
        each = fixed_lengths((channels,))[0] // groups
        images = w.reshape(images, -1, groups, each, *fixed_lengths(tuple(image)))
        images = w.node("Transpose", images, perm=[2, 1, 0, 3, 4])
        images = w.reshape(images, each, -1, *fixed_lengths(tuple(image)))
    kernels = w.node("Transpose", kernels, perm=[1, 0, 2, 3])
    given = _window(line)
    given["strides"], given["dilations"] = given.get("dilations"), given["strides"]
    found = w.node("Conv", images, kernels, **given)
    found = w.node("Slice", found, w.integers(0, 0), w.integers(*line.static["size"]), w.integers(2, 3))
    return w.node("Transpose", found, perm=[1, 0, 2, 3])


def _unfold(w: Writer, line: Line, args: list[str]) -> str:
    """The pixels of all windows gathered by rows, then by columns."""
    counts, sizes, name = fixed_lengths(line.shape[2:4]), fixed_lengths(line.shape[4:]), args[0]
    if "padding" in line.static:
        name = _padded(w, line, name, line.static.get("beyond", 0.0))
    each = zip((2, 4), counts, line.static["stride"], sizes, line.static.get("dilation", (1, 1)), strict=True)
    for axis, count, step, size, apart in each:
        places = np.arange(count)[:, None] * step + np.arange(size) * apart
        name = w.node("Gather", name, w.constant(places, "places"), axis=axis)
    return w.node("Transpose", name, perm=[0, 1, 2, 4, 3, 5])


def _fold(w: Writer, line: Line, args: list[str]) -> str:
    """ConvTranspose of every channel alone, by kernels that have a single 1."""
    rows, columns, *size = fixed_lengths(line.args[0].shape[2:])
    sides = line.static.get("padding", ((0, 0), (0, 0)))
    moved = w.node("Transpose", args[0], perm=[0, 1, 4, 5, 2, 3])
    flat = w.reshape(moved, -1, math.prod(size), rows, columns)
    kernels = w.constant(np.eye(math.prod(size)).reshape(-1, 1, *size), "kernels")
    left = _left(line, (rows, columns), tuple(size), list(map(sum, sides)))
    added = w.node("ConvTranspose", flat, kernels, kernel_shape=size, output_padding=left, **_window(line))
    return w.reshape(added, *lengths_for_reshape(line.shape))


def _avg_pool2d(w: Writer, line: Line, args: list[str]) -> str:
    counted = {"count_include_pad": 1} if "padding" in line.static else {}
    return w.node("AveragePool", *args, kernel_shape=line.static["size"], **_window(line), **counted)


def _max_pool2d(w: Writer, line: Line, args: list[str]) -> str:
    size, given = line.static["size"], _window(line)
    if any(pad >= k for pad, k in zip(given.get("pads", ()), size * 2, strict=False)):  # which onnxruntime refuses
        args = [_padded(w, line, args[0], -np.inf)]
        del given["pads"]
    return w.node("MaxPool", *args, kernel_shape=size, **given)


def _padded(w: Writer, line: Line, images: str, beyond: float) -> str:
    """The images with the padding of the line around them."""
    return w.node("Pad", images, w.integers(0, 0, *_pads(line)[:2], 0, 0, *_pads(line)[2:]), w.constant(beyond))


def _window(line: Line) -> dict[str, Any]:
    """The attributes that say where windows lie, those of them that are not usual."""
    given, renamed = dict[str, Any](), {"stride": "strides", "dilation": "dilations", "groups": "group"}
    given |= {name: line.static[key] for key, name in renamed.items() if key in line.static}
    if "padding" in line.static:
        given["pads"] = _pads(line)
    return given


def _pads(line: Line) -> list[int]:
    """The pixels above and on the left, below and on the right: of a convolution, as many on both sides."""
    sides = [pad if isinstance(pad, tuple) else (pad, pad) for pad in line.static["padding"]]
    return [side[end] for end in (0, 1) for side in sides]


def _left(line: Line, windows: Shape, size: Shape, padding: list[int]) -> list[int]:
    """How many pixels at the end of an image, padding included, no window of that size reaches; for both axes."""
    tall = reach((fixed_lengths(size)[0], fixed_lengths(size)[1]), line.static.get("dilation", (1, 1)))
    each = zip(fixed_lengths(windows), tall, line.static["image"], line.static["stride"], padding, strict=True)
    return [pixels + pad - (count - 1) * step - length for count, length, pixels, step, pad in each]


OF_IMAGES: dict[str, Row] = {
    "conv2d": _conv2d,
    "conv2d_input": _conv2d_input,
    "conv2d_kernel": _conv2d_kernel,
    "unfold": _unfold,
    "fold": _fold,
    "avg_pool2d": _avg_pool2d,
    "max_pool2d": _max_pool2d,
}
