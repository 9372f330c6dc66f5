"""What goes along an axis in ONNX: running sums, orders, numbers taken by their places and added there."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from microgradcnn.targets.export.onnx_writer import Writer
from microgradcnn.targets.lines import Line, Rows


def _cumsum(w: Writer, line: Line, args: list[str]) -> str:
    return w.node("CumSum", *args, w.constant(np.int64(line.static["axis"]), "axis"))


def _order(w: Writer, line: Line, args: list[str]) -> str:
    """The places that TopK gives: of what is equal it takes the first one first."""
    axis = line.static["axis"] % len(line.shape)
    outputs = [w.name("sorted"), w.name("places")]
    count = w.integers(_known(line, axis))
    w.nodes.append(
        w.onnx.helper.make_node("TopK", [args[0], count], outputs, name=outputs[1], axis=axis, largest=0, sorted=1)
    )
    return w.cast(outputs[1])


def _take(w: Writer, line: Line, args: list[str]) -> str:
    axis = line.static["axis"] % len(line.args[0].shape)
    return w.node("Gather", args[0], w.cast(args[1], np.int64), axis=axis)


def _index_add(w: Writer, line: Line, args: list[str]) -> str:
    """A product with a matrix that has a 1 in the column of each place."""
    axis, (g, indices) = line.static["axis"] % len(line.shape), line.args
    places = range(axis, axis + len(indices.shape))
    rest = [i for i in range(len(g.shape)) if i not in places]
    count = math.prod(_known(indices, i) for i in range(len(indices.shape)))
    moved = w.node("Transpose", args[0], perm=[*rest, *places]) if len(g.shape) > 1 else args[0]
    lengths = [-1 if isinstance(g.shape[i], Rows) else _known(g, i) for i in rest]
    column = w.reshape(w.cast(args[1], np.int64), count, 1)
    negative = w.node("Less", column, w.integers(0))
    column = w.node("Where", negative, w.node("Add", column, w.integers(line.static["length"])), column)
    hits = w.cast(w.node("Equal", column, w.integers(*range(line.static["length"]))))
    added = w.node("MatMul", w.reshape(moved, *lengths, count), hits)
    back = [*range(axis), len(rest), *range(axis, len(rest))]
    return w.node("Transpose", added, perm=back) if len(back) > 1 else added


def _take_along_axis(w: Writer, line: Line, args: list[str]) -> str:
    axis = line.static["axis"] % len(line.shape)
    x, indices = (_to_the_same(w, name, arg, line, axis) for name, arg in zip(args, line.args, strict=True))
    return w.node("GatherElements", x, w.cast(indices, np.int64), axis=axis)


def _scatter_add(w: Writer, line: Line, args: list[str]) -> str:
    axis, n = line.static["axis"] % len(line.shape), len(line.shape)
    indices = _to_the_same(w, args[1], line.args[1], line.args[0], axis)
    ends = [w.node("Shape", args[0], start=a, end=b) for a, b in ((0, axis), (axis + 1, n)) if a < b]
    length = w.integers(line.static["length"])
    shape = w.node("Concat", *[*ends[: axis and 1], length, *ends[axis and 1 :]], axis=0)
    zeros = w.node("ConstantOfShape", shape, value=w.onnx.numpy_helper.from_array(np.zeros(1, w.dtype)))
    return w.node("ScatterElements", zeros, w.cast(indices, np.int64), args[0], axis=axis, reduction="add")


def _to_the_same(w: Writer, name: str, arg: Line, wanted: Line, axis: int) -> str:
    """An array repeated to the lengths of `wanted`, but along the axis: ONNX broadcasts neither numbers nor places."""
    pairs = [(a, b) for i, (a, b) in enumerate(zip(arg.shape, wanted.shape, strict=True)) if i != axis]
    if all(a == b for a, b in pairs):
        return name
    lengths = [1 if i == axis or a == b else b for i, (a, b) in enumerate(zip(arg.shape, wanted.shape, strict=True))]
    if any(isinstance(length, Rows) for length in lengths):
        raise ValueError(f"{wanted.op} repeats places for every row, which the ONNX export cannot: repeat them before")
    return w.node("Expand", name, w.integers(*[int(str(length)) for length in lengths]))


def _known(line: Line, axis: int) -> int:
    length = line.shape[axis]
    if isinstance(length, Rows):
        raise ValueError(f"{line.op} along the rows has no operator in ONNX, whose files take any number of them")
    return length


ALONG_AXES: dict[str, Callable[[Writer, Line, list[str]], str]] = {
    "cumsum": _cumsum,
    "order": _order,
    "take": _take,
    "index_add": _index_add,
    "take_along_axis": _take_along_axis,
    "scatter_add": _scatter_add,
}
