"""Lines that work on windows of images, each as a compiled kernel of its own where there are loops for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Rows, lengths
from microgradcnn.targets.native.convolution import ConvolutionLoops, has_loops, lanes_for
from microgradcnn.targets.native.llvm import FunctionEmitter

LARGEST_WINDOW = 64  # pixels of a window to pool, all of which the text names


class ImageKernel:
    """A line to be computed by a kernel of its own, from `arrays`; in the form of a group of one line."""

    in_place, takes_strides = False, False
    numbers: Sequence[Line] = ()

    def __init__(self, line: Line, arrays: Sequence[Line]) -> None:
        self.line, self.shape, self.dtype = line, line.shape, line.dtype
        self.arrays = self.args = arrays
        self.lines = self.outputs = [line]

    def counts(self, rows: int, strides: Sequence[Any]) -> Any:
        """The number of images in a block of so many rows; everything lies in one piece."""
        varies = any(array.varies for array in (self.line, *self.arrays))
        return np.array([rows if varies else self.shape[0]], np.int64)

    def text(self, name: str, lanes: int) -> str:
        """LLVM's text of the function `name`."""
        kind = {"float64": "double", "float32": "float"}[str(self.dtype)]
        f = self._loops(kind, lanes)
        last = len(self.arrays)
        head = [f"define void @{name}(ptr %arrays, ptr %numbers, ptr %counts) {{", "entry:"]
        head.append("%rows = load i64, ptr %counts")
        for i, operand in [*zip(range(last), ("%a", "%b"), strict=False), (last, "%out")]:
            head += [f"{operand}p = getelementptr ptr, ptr %arrays, i64 {i}", f"{operand} = load ptr, ptr {operand}p"]
        return "\n".join([*head, f.text(), "ret void", "}"])

    def _loops(self, kind: str, lanes: int) -> FunctionEmitter:
        if self.line.op.startswith("conv2d"):
            convolution = ConvolutionLoops(kind, lanes_for(self.line, lanes), self.dtype.itemsize)
            convolution.convolution(self.line)
            return convolution
        pooling = PoolingLoops(kind, 1)
        (pooling.average if self.line.op == "avg_pool2d" else pooling.spread)(self.line)
        return pooling


def image_kernel(line: Line, dtype: np.dtype[Any], lanes: int) -> ImageKernel | None:
    """The kernel of a line whose images are the rows of the program; None if there are no loops for it."""
    if not any(array.varies for array in (line, *line.args)):
        return None
    if line.op in ("conv2d", "conv2d_input", "conv2d_kernel"):
        arrays = line.args if has_loops(line, lanes) else ()
    elif not line.static.keys().isdisjoint(("padding", "dilation")):
        return None
    elif line.op == "avg_pool2d":
        arrays = line.args if math.prod(line.static["size"]) <= LARGEST_WINDOW else ()
    elif line.op == "fold":
        numbers, size = _spread(line), lengths(line.args[0].shape, 1)[4:]
        arrays = (numbers,) if numbers is not None and math.prod(size) <= LARGEST_WINDOW else ()
    else:
        return None
    known = all(array.dtype == dtype and _is_of_images(array) for array in (line, *arrays))
    return ImageKernel(line, arrays) if arrays and known else None


def _is_of_images(array: Line) -> bool:
    """Whether rows, if there are any, are images: axis 0, and no other."""
    first, rest = array.shape[0], array.shape[1:]
    return (first == Rows() or not isinstance(first, Rows)) and not any(isinstance(n, Rows) for n in rest)


def _spread(line: Line) -> Line | None:
    """What a `fold` gives to all pixels of its windows alike, (n, c, rows, columns); None if they differ."""
    each = line.args[0]
    numbers = each.args[0] if each.op == "broadcast_to" else None
    if numbers is None or numbers.op != "reshape" or numbers.shape != (*each.shape[:4], 1, 1):
        return None
    return numbers.args[0] if numbers.args[0].shape == each.shape[:4] else None


class PoolingLoops(FunctionEmitter):
    """Average pooling and its adjoint, a number at a time: the operand lies at %a, the result at %out."""

    def average(self, line: Line) -> None:
        """The mean of every window of a."""
        (_, channels, height, width), (*_, rows, columns) = lengths(line.args[0].shape, 1), lengths(line.shape, 1)
        (kh, kw), (down, right) = line.static["size"], line.static["stride"]
        share = self.constant(1.0 / (kh * kw))
        planes = self.make(f"mul i64 %rows, {channels}")
        with self.loop("0", planes) as (n, _), self.loop("0", str(rows)) as (r, _):
            corner = self.offset((n, height * width), (r, down * width))
            place = self.offset((n, rows * columns), (r, columns))
            with self.loop("0", str(columns)) as (s, _):
                at, total = self.offset((corner, 1), (s, right)), ""
                for i, j in product(range(kh), range(kw)):
                    pixel = self.make(f"load {self.kind}, ptr {self.address('%a', at, i * width + j)}")
                    total = self.binary("fadd", total, pixel) if total else pixel
                mean = self.binary("fmul", total, share)
                self.add(f"store {self.kind} {mean}, ptr {self.address('%out', self.offset((place, 1), (s, 1)))}")

    def spread(self, line: Line) -> None:
        """The numbers of a given to all pixels of their windows."""
        (_, channels, height, width), windows = lengths(line.shape, 1), lengths(line.args[0].shape, 1)
        rows, columns, kh, kw = windows[2:]
        down, right = line.static["stride"]
        planes = self.make(f"mul i64 %rows, {channels}")
        if (rows * kh, columns * kw, down, right) != (height, width, kh, kw):  # a pixel may be in no window, or several
            with self.loop("0", self.offset((planes, height * width))) as (pixel, _):
                self.add(f"store {self.kind} {self.constant(0.0)}, ptr {self.address('%out', pixel)}")
        with self.loop("0", planes) as (n, _), self.loop("0", str(rows)) as (r, _):
            corner = self.offset((n, height * width), (r, down * width))
            given = self.offset((n, rows * columns), (r, columns))
            with self.loop("0", str(columns)) as (s, _):
                at = self.offset((corner, 1), (s, right))
                number = self.make(f"load {self.kind}, ptr {self.address('%a', self.offset((given, 1), (s, 1)))}")
                for i, j in product(range(kh), range(kw)):
                    place = self.address("%out", at, i * width + j)
                    sent = number
                    if kh > down or kw > right:  # a pixel may be in several windows
                        sent = self.binary("fadd", self.make(f"load {self.kind}, ptr {place}"), number)
                    self.add(f"store {self.kind} {sent}, ptr {place}")
