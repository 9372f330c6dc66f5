"""Lines that work on windows of images, each as a compiled kernel of its own where there are loops for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape, lengths
from microgradcnn.targets.native.convolution import ConvolutionLoops, has_loops
from microgradcnn.targets.native.llvm import FunctionEmitter
from microgradcnn.targets.native.pooling import PoolingLoops, spread

LARGEST_WINDOW = 64  # pixels of a window to pool, all of which the text names


@dataclass(eq=False)
class ImageKernel:
    """A line to be computed by a kernel of its own, from `arrays`."""

    line: Line
    arrays: Sequence[Line]

    in_place, is_flat, channels = False, False, 1
    numbers: Sequence[Line] = ()

    @property
    def args(self) -> Sequence[Line]:
        """What has to be there before."""
        return self.arrays

    @property
    def lines(self) -> Sequence[Line]:
        """The line itself."""
        return [self.line]

    @property
    def outputs(self) -> Sequence[Line]:
        """The line itself."""
        return [self.line]

    @property
    def shape(self) -> Shape:
        """The shape of its result."""
        return self.line.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its numbers."""
        return self.line.dtype

    def text(self, name: str, lanes: int) -> str:
        """LLVM's text of the function `name`."""
        kind = {"float64": "double", "float32": "float"}[str(self.dtype)]
        f = self._loops(kind, lanes)
        last = len(self.arrays)
        head = [f"define void @{name}(ptr %arrays, ptr %numbers, i64 %rows, i64 %inner) {{", "entry:"]
        for i, operand in [*zip(range(last), ("%a", "%b"), strict=False), (last, "%out")]:
            head += [f"{operand}p = getelementptr ptr, ptr %arrays, i64 {i}", f"{operand} = load ptr, ptr {operand}p"]
        return "\n".join([*head, f.text(), "ret void", "}"])

    def _loops(self, kind: str, lanes: int) -> FunctionEmitter:
        if self.line.op.startswith("conv2d"):
            convolution = ConvolutionLoops(kind, lanes, self.dtype.itemsize)
            convolution.convolution(self.line)
            return convolution
        pooling = PoolingLoops(kind, 1)
        (pooling.average if self.line.op == "avg_pool2d" else pooling.spread)(self.line)
        return pooling


def image_kernel(line: Line, dtype: np.dtype[Any], lanes: int) -> ImageKernel | None:
    """The kernel of a line whose images are the rows of the program; None if there are no loops for it."""
    if line.op in ("conv2d", "conv2d_input", "conv2d_kernel"):
        arrays = line.args if has_loops(line, lanes) else ()
    elif line.op == "avg_pool2d":
        arrays = line.args if math.prod(line.static["size"]) <= LARGEST_WINDOW else ()
    elif line.op == "fold":
        numbers, size = spread(line), lengths(line.args[0].shape, 1)[4:]
        arrays = (numbers,) if numbers is not None and math.prod(size) <= LARGEST_WINDOW else ()
    else:
        return None
    known = all(array.dtype == dtype and _is_of_images(array) for array in (line, *arrays))
    return ImageKernel(line, arrays) if arrays and known else None


def _is_of_images(array: Line) -> bool:
    """Whether rows, if there are any, are images: axis 0, and no other."""
    first, rest = array.shape[0], array.shape[1:]
    return (first == Rows() or not isinstance(first, Rows)) and not any(isinstance(n, Rows) for n in rest)
