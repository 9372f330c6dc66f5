"""Arrays of scalars, and any choice among them by index: by strides, as windows, or number by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape

Index: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]
Sizes: TypeAlias = tuple[int, ...]
Steps: TypeAlias = list[tuple[int, int]]  # lengths and strides of nested loops, the innermost last
DType: TypeAlias = np.dtype[Any] | None


@dataclass(frozen=True)
class Stack:
    """An array of scalars of `sizes`; rows of the data, if its line varies, lie along one more axis, the last."""

    line: Line
    sizes: Sizes

    @property
    def size(self) -> int:
        """How many scalars there are."""
        return prod(self.sizes)


def rowed(line: Line, sizes: Sizes) -> Shape:
    """The shape of an array of these sizes for every row, or of one for all."""
    return (*sizes, Rows()) if line.varies else sizes


def made(op: str, args: Sequence[Line], static: dict[str, Any], sizes: Sizes, dtype: DType = None) -> Stack:
    """A line of arrays of these sizes, which varies if one of its arguments does, of the type of the first."""
    varies = any(arg.varies for arg in args)
    shape: Shape = (*sizes, Rows()) if varies else sizes
    return Stack(Line(op, tuple(args), static, shape, dtype or args[0].dtype, varies), sizes)


def combined(op: str, args: Sequence[Stack], static: dict[str, Any], dtype: DType = None) -> Stack:
    """A primitive that works element by element, of arrays that are repeated where they are shorter."""
    varies = any(arg.line.varies for arg in args)
    lines = [_beside_rows(arg) if varies and not arg.line.varies else arg.line for arg in args]
    return made(op, lines, static, np.broadcast_shapes(*(arg.sizes for arg in args)), dtype or args[0].line.dtype)


def _beside_rows(x: Stack) -> Line:
    """What is the same for all rows, with an axis of length 1 for them."""
    shape = (*x.sizes, 1)
    return Line("reshape", (x.line,), {"shape": shape}, shape, x.line.dtype) if x.sizes else x.line


def reshaped(x: Stack, sizes: Sizes) -> Stack:
    """The same scalars in the same order in another shape."""
    if x.sizes == sizes:
        return x
    line = x.line.args[0] if x.line.op == "reshape" else x.line
    shape = rowed(x.line, sizes)
    return Stack(line, sizes) if line.shape == shape else made("reshape", [line], {"shape": shape}, sizes)


def transposed(x: Stack, axes: tuple[int, ...]) -> Stack:
    """The axes, other than that of the rows, in another order."""
    sizes = tuple([x.sizes[axis] for axis in axes])
    long = [axis for axis in axes if x.sizes[axis] > 1]
    if long == sorted(long):
        return reshaped(x, sizes)
    if not x.line.varies and len(axes) == 2:
        return made("transpose", [x.line], {"axes": None}, sizes)
    return made("transpose", [x.line], {"axes": (*axes, len(axes)) if x.line.varies else axes}, sizes)


def whole(x: Stack, sizes: Sizes) -> Stack:
    """x repeated along its axes of length 1 until it has these sizes."""
    if x.size == prod(sizes):
        return reshaped(x, sizes)
    return made("broadcast_to", [x.line], {"shape": rowed(x.line, sizes)}, sizes)


class Picker:
    """Picks from arrays, the same choice once."""

    def __init__(self) -> None:
        self.found: dict[Any, Stack] = {}

    def pick(self, x: Stack, index: Index) -> Stack:
        """x.ravel()[index], of length 1 along axes where that is the same anyway; of no axes if x is one number."""
        key = x.line, index.shape, index.tobytes()
        if key not in self.found:
            self.found[key] = _picked(x, index)
        return self.found[key]


def _picked(x: Stack, index: Index) -> Stack:
    if x.size == 1:
        return reshaped(x, ())
    for axis in range(index.ndim):
        if (index == index.take([0], axis)).all():
            index = index.take([0], axis)
    if index.size == 1:
        at = tuple(int(i) for i in np.unravel_index(index.ravel()[0], x.sizes))
        return made("getitem", [x.line], {"index": at}, ())
    return reshaped(_core(x, index.squeeze()), index.shape)


def _core(x: Stack, index: Index) -> Stack:
    """The choice along axes none of which is of length 1."""
    if index.size == x.size and (index.ravel() == np.arange(x.size)).all():
        return reshaped(x, index.shape)
    offset = int(index.ravel()[0])
    steps = strides(index)
    if steps is not None:
        found = _permuted(x, steps, offset) or _slice(x, steps, offset) or _windows(x, steps, offset)
        if found is not None:
            return reshaped(found, index.shape)
    return made("getitem", [reshaped(x, (x.size,)).line], {"index": index}, index.shape)


def strides(index: Index) -> list[Steps] | None:
    """The steps along every axis of an index that is a sum of steps along each, None if it is not."""
    origin = index.ravel()[0]
    total, found = np.full((1,) * index.ndim, origin), []
    for axis in range(index.ndim):
        along = index[tuple(slice(None) if a == axis else slice(0, 1) for a in range(index.ndim))] - origin
        total = total + along
        steps = _steps(along.ravel())
        if steps is None:
            return None
        found.append(steps)
    return found if (total == index).all() else None


def _steps(along: Index) -> Steps | None:
    if len(along) == 1:
        return []
    stride = int(along[1])
    run = np.arange(len(along)) * stride
    length = int(np.argmax(along != run)) or len(along)
    if length == len(along):
        return [(length, stride)]
    if stride == 0 or len(along) % length:
        return None
    rows = along.reshape(-1, length)
    if not (rows == rows[:, :1] + run[:length]).all():
        return None
    outer = _steps(rows[:, 0])
    return None if outer is None else [*outer, (length, stride)]


def _permuted(x: Stack, steps: list[Steps], offset: int) -> Stack | None:
    """All of x, with its axes in another order."""
    every = [step for of_axis in steps for step in of_axis]
    order = sorted(range(len(every)), key=lambda i: -every[i][1])
    sizes = tuple([every[i][0] for i in order])
    if offset or prod(sizes) != x.size:
        return None
    if any(every[i][1] != prod(sizes[k + 1 :]) for k, i in enumerate(order)):
        return None
    back = [order.index(i) for i in range(len(order))]
    return transposed(reshaped(x, sizes), tuple(back))


def _slice(x: Stack, steps: list[Steps], offset: int) -> Stack | None:
    """Equal steps along one axis, forward or back."""
    if len(steps) != 1 or len(steps[0]) != 1:
        return None
    ((length, stride),) = steps[0]
    if stride == 0:
        return None
    flat, last = reshaped(x, (x.size,)), offset + stride * (length - 1)
    stop = last + (1 if stride > 0 else -1)
    part = slice(offset or None, stop if 0 <= stop < x.size else None, None if stride == 1 else stride)
    return made("getitem", [flat.line], {"index": part}, (length,))


def _windows(x: Stack, steps: list[Steps], offset: int) -> Stack | None:
    """Windows over images: positions along the first axis and what a window holds along the second, or the reverse."""
    if len(steps) != 2 or offset or not x.line.varies or any(stride < 1 for part in steps for _, stride in part):
        return None
    for positions, inside, turned in ((steps[0], steps[1], False), (steps[1], steps[0], True)):
        for width in {stride for _, stride in (*inside, *positions) if stride > 1}:
            found = _unfolded(x, positions, inside, width)
            if found is not None:
                return transposed(found, (1, 0)) if turned else found
    return None


def _unfolded(x: Stack, positions: Steps, inside: Steps, width: int) -> Stack | None:
    """The windows of images so wide, (positions, channels · height · width of a window), None if that is not them."""
    by_stride = {stride: length for length, stride in inside}
    if [stride for _, stride in inside] != sorted(by_stride, reverse=True):  # not channels, then rows, then columns
        return None
    kernel = by_stride.pop(width, 1), by_stride.pop(1, 1)
    channels = 1
    if by_stride:
        ((pixels, channels), *more) = by_stride.items()
        if more or pixels * channels != x.size:
            return None
    height, rest = divmod(x.size // channels, width)
    vertical = [(length, stride) for length, stride in positions if stride % width == 0]
    across = [(length, stride) for length, stride in positions if stride % width]
    if rest or len(vertical) > 1 or len(across) > 1 or [*vertical, *across] != positions:
        return None
    down = (vertical[0][1] // width, vertical[0][0]) if vertical else (1, 1)
    right = (across[0][1], across[0][0]) if across else (1, 1)
    for length, size, (step, count) in zip((height, width), kernel, (down, right), strict=True):
        if size > length or (length - size) // step + 1 != count:
            return None
    images = _rows_first(x, (channels, height, width))
    static = {"size": kernel, "stride": (down[0], right[0])}
    sizes = (down[1], right[1], channels, *kernel)
    windows = Line("unfold", (images,), static, (Rows(), channels, *sizes[:2], *kernel), images.dtype, True)
    by_position = made("transpose", [windows], {"axes": (2, 3, 1, 4, 5, 0)}, sizes)
    found = reshaped(by_position, (down[1] * right[1], channels * kernel[0] * kernel[1]))
    found.line.label = "windows"
    return found


def _rows_first(x: Stack, sizes: Sizes) -> Line:
    """x in these sizes, the axis of the rows first."""
    shape: Shape = (Rows(), *sizes)
    if x.line.op == "transpose" and x.line.args[0].op == "input":
        (line,) = x.line.args
        return Line("reshape", (line,), {"shape": shape}, shape, line.dtype, True)
    line = reshaped(x, sizes).line
    axes = (len(sizes), *range(len(sizes)))
    return Line("transpose", (line,), {"axes": axes}, shape, line.dtype, True)
