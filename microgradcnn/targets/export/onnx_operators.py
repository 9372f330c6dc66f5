"""What every primitive is called in ONNX: an operator, or a few of them.

A row gets the writer, the line and the names of its arguments, and gives the name of the result. The operators are
those of opset 16 (2022), the first in which ScatterElements adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.export.onnx_axes import ALONG_AXES
from microgradcnn.targets.export.onnx_writer import Writer
from microgradcnn.targets.lines import COMPARISONS, Line, Rows, Shape
from microgradcnn.targets.notation import missing_line

OPSET, IR_VERSION = 16, 8

Row: TypeAlias = str | Callable[[Writer, Line, list[str]], str]


def operator(writer: Writer, line: Line, args: list[str]) -> str:
    """Write the operators of a line; returns the name of the result. Raises ValueError for what has none, by name."""
    row = OPERATORS.get(line.op) or _own(writer, line)
    if line.dtype.kind == "b" and line.op not in COMPARISONS | ANY_TYPE:
        raise ValueError(f"{line.op} of booleans has no operator in ONNX: mg.where(condition, 1.0, 0.0) makes numbers")
    if line.op not in ANY_TYPE:
        conditions = args[: int(line.op == "where")]
        rest = zip(args[len(conditions) :], line.args[len(conditions) :], strict=True)
        args = conditions + [writer.cast(name) if arg.dtype.kind == "b" else name for name, arg in rest]
    return writer.node(row, *args) if isinstance(row, str) else row(writer, line, args)


def _own(writer: Writer, line: Line) -> Row:
    """The operator that a user's primitive names, with its static arguments as attributes."""
    name = TABLE[line.op].targets.get("onnx")
    if name is None:
        raise ValueError(missing_line(line, "onnx"))
    if not writer.onnx.defs.has(name, OPSET, ""):
        raise ValueError(f"the primitive {line.op!r} is {name} in ONNX, which has no such operator in opset {OPSET}")
    return lambda w, line, args: w.node(name, *args, **line.static)


def _lengths(shape: Shape) -> list[int]:
    """A shape for Reshape, which counts the length that is -1 itself."""
    return [-1 if isinstance(length, Rows) else length for length in shape]


def _fixed(shape: Shape) -> list[int]:
    """The lengths that do not depend on the number of rows."""
    return [length for length in shape if not isinstance(length, Rows)]


# Functions that ONNX lacks, by others that keep the digits near 0


def _expm1(w: Writer, line: Line, args: list[str]) -> str:
    """tanh(x/2)·(exp(x) + 1)."""
    half = w.node("Tanh", w.node("Mul", args[0], w.constant(0.5)))
    return w.node("Mul", half, w.node("Add", w.node("Exp", args[0]), w.constant(1.0)))


def _log1p(w: Writer, line: Line, args: list[str]) -> str:
    """2 artanh(x/(2 + x)) near 0, log(1 + x) elsewhere."""
    near = w.node("Less", w.node("Abs", args[0]), w.constant(0.5))
    small = w.node("Where", near, args[0], w.constant(0.0))
    ratio = w.node("Div", small, w.node("Add", small, w.constant(2.0)))
    inside = w.node("Mul", w.node("Atanh", ratio), w.constant(2.0))
    return w.node("Where", near, inside, w.node("Log", w.node("Add", args[0], w.constant(1.0))))


def _where(w: Writer, line: Line, args: list[str]) -> str:
    condition = args[0] if line.args[0].dtype.kind == "b" else w.cast(args[0], np.bool_)
    return w.node("Where", condition, *args[1:])


# Shapes


def _reshape(w: Writer, line: Line, args: list[str]) -> str:
    before, after = line.args[0].shape, line.shape
    if before == after:
        return args[0]
    if len(after) == 2 and len(before) > 2 and before[0] == after[0]:
        return w.node("Flatten", args[0], axis=1)
    return w.node("Reshape", args[0], w.integers(*_lengths(after)))


def _transpose(w: Writer, line: Line, args: list[str]) -> str:
    n, axes = len(line.shape), line.static["axes"]
    return w.node("Transpose", args[0], perm=list(range(n))[::-1] if axes is None else list(axes)) if n > 1 else args[0]


def _broadcast_to(w: Writer, line: Line, args: list[str]) -> str:
    before: Shape = (1,) * (len(line.shape) - len(line.args[0].shape)) + line.args[0].shape
    if line.args[0].shape == line.shape:
        return args[0]
    # The axis of the rows, which x has already, is left as it is by a length of 1.
    lengths = [b if a == 1 and not isinstance(b, Rows) else 1 for a, b in zip(before, line.shape, strict=True)]
    return w.node("Expand", args[0], w.integers(*lengths))


def _reduction(name: str) -> Callable[[Writer, Line, list[str]], str]:
    def row(w: Writer, line: Line, args: list[str]) -> str:
        shape, axis, keep = line.args[0].shape, line.static["axis"], int(line.static["keepdims"])
        if axis == () or not shape:
            return args[0]
        axes = None if axis is None else [a % len(shape) for a in axis]
        if name == "ReduceSum":  # the first of them whose axes became an input
            return w.node(name, *args, *([] if axes is None else [w.integers(*axes)]), keepdims=keep)
        return w.node(name, *args, keepdims=keep, axes=axes)

    return row


def _stack(w: Writer, line: Line, args: list[str]) -> str:
    axis = line.static["axis"] % len(line.shape)
    return w.node("Concat", *[w.node("Unsqueeze", name, w.integers(axis)) for name in args], axis=axis)


def _norm(w: Writer, line: Line, args: list[str]) -> str:
    nothing = not line.args[0].shape or line.static["axis"] == ()
    return w.node("Abs", args[0]) if nothing else _reduction("ReduceL2")(w, line, args)


# Parts


def _getitem(w: Writer, line: Line, args: list[str]) -> str:
    """Slice, Gather and Unsqueeze for slices, integers and None; one Gather of all places for arrays."""
    shape, (name,) = line.args[0].shape, args
    parts = _parts(line.static["index"], len(shape))
    if any(isinstance(part, np.ndarray | bool | np.bool_) for part in parts):
        places, rows = _places(line, shape, line.shape)
        size = math.prod(_fixed(shape))
        if len(shape) - rows != 1:
            name = w.node("Reshape", name, w.integers(*[-1] * rows, size))
        return w.node("Gather", name, w.constant(places, "places"), axis=rows)
    along = [part for part in parts if part is not None]
    cut = [i for i, part in enumerate(along) if isinstance(part, slice) and part != slice(None)]
    if cut:
        spans = [along[i].indices(shape[i]) for i in cut]
        ends = [stop if stop >= 0 else -(2**63) for _, stop, _ in spans]  # backwards, 0 is the last before that
        bounds = [w.integers(*values) for values in ([s[0] for s in spans], ends, cut, [s[2] for s in spans])]
        name = w.node("Slice", name, *bounds)
    for i in reversed(range(len(along))):
        if not isinstance(along[i], slice):
            name = w.node("Gather", name, w.constant(np.int64(along[i]), "index"), axis=i)
    left = [part for part in parts if part is None or isinstance(part, slice)]
    new = [i for i, part in enumerate(left) if part is None]
    return w.node("Unsqueeze", name, w.integers(*new)) if new else name


def _scatter(w: Writer, line: Line, args: list[str]) -> str:
    """ScatterElements into zeros, which are one axis long, or two where there are rows."""
    places, rows = _places(line, line.shape, line.args[0].shape)
    added = w.node("Reshape", args[0], w.integers(*[-1] * rows, places.size))
    shape = w.integers(math.prod(_fixed(line.shape)))
    if rows:
        shape = w.node("Concat", w.node("Shape", added, start=0, end=1), shape, axis=0)
    zeros = w.node("ConstantOfShape", shape, value=w.onnx.numpy_helper.from_array(np.zeros(1, w.dtype)))
    indices = w.constant(places.reshape((1,) * rows + (-1,)), "places")
    if rows:
        indices = w.node("Expand", indices, w.node("Shape", added))
    found = w.node("ScatterElements", zeros, indices, added, axis=rows, reduction="add")
    return w.node("Reshape", found, w.integers(*_lengths(line.shape)))


def _parts(index: Any, n: int) -> list[Any]:
    """An index with a part for every one of n axes."""
    parts = list(index) if isinstance(index, tuple) else [index]
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    return parts[:at] + [slice(None)] * (n - sum(map(_axes, parts))) + parts[at + 1 :]


def _axes(part: Any) -> int:
    """How many axes a part of an index takes."""
    if part is None or part is Ellipsis or isinstance(part, bool | np.bool_):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype.kind == "b" else 1


def _places(line: Line, whole: Shape, part: Shape) -> tuple[Array, int]:
    """Where in the flattened array what an index picks lies, in its shape, for one row if there are rows; and if so."""
    rows = int(isinstance(whole[0], Rows))
    parts, sizes = _parts(line.static["index"], len(whole)), _fixed(whole)
    if len(sizes) + rows == len(whole) and whole[:rows] == part[:rows]:
        places = np.arange(math.prod(sizes)).reshape(sizes)[tuple(parts[rows:])]
        if places.shape == part[rows:]:
            return places, rows
    raise ValueError(f"{line.op} moves the rows from axis 0, which the ONNX export leaves where it is: {parts}")


# Images


def _conv2d(w: Writer, line: Line, args: list[str]) -> str:
    return w.node("Conv", *args, kernel_shape=line.args[1].shape[2:], **_window(line))


def _conv2d_input(w: Writer, line: Line, args: list[str]) -> str:
    """ConvTranspose, told how many pixels the last windows did not reach."""
    image, size = line.static["image"], line.args[1].shape[2:]
    left = _left(line.args[0].shape[2:], size, image, line.static["stride"], line.static["padding"])
    return w.node("ConvTranspose", *args, kernel_shape=size, output_padding=left, **_window(line))


def _conv2d_kernel(w: Writer, line: Line, args: list[str]) -> str:
    """Conv of the images by g, with channels for examples and examples for channels, and strides for dilations."""
    images, kernels = (w.node("Transpose", name, perm=[1, 0, 2, 3]) for name in args)
    given = _window(line)
    found = w.node("Conv", images, kernels, pads=given["pads"], dilations=given["strides"])
    found = w.node("Slice", found, w.integers(0, 0), w.integers(*line.static["size"]), w.integers(2, 3))
    return w.node("Transpose", found, perm=[1, 0, 2, 3])


def _unfold(w: Writer, line: Line, args: list[str]) -> str:
    """The pixels of all windows gathered by rows, then by columns."""
    rows, columns, kh, kw = _fixed(line.shape[2:])
    (down, right), name = line.static["stride"], args[0]
    for axis, count, step, size in ((2, rows, down, kh), (4, columns, right, kw)):
        places = np.arange(count)[:, None] * step + np.arange(size)
        name = w.node("Gather", name, w.constant(places, "places"), axis=axis)
    return w.node("Transpose", name, perm=[0, 1, 2, 4, 3, 5])


def _fold(w: Writer, line: Line, args: list[str]) -> str:
    """ConvTranspose of every channel alone, by kernels that have a single 1."""
    rows, columns, *size = _fixed(line.args[0].shape[2:])
    stride, image = line.static["stride"], line.static["image"]
    moved = w.node("Transpose", args[0], perm=[0, 1, 4, 5, 2, 3])
    flat = w.node("Reshape", moved, w.integers(-1, math.prod(size), rows, columns))
    kernels = w.constant(np.eye(math.prod(size)).reshape(-1, 1, *size), "kernels")
    left = _left((rows, columns), tuple(size), image, stride, (0, 0))
    added = w.node("ConvTranspose", flat, kernels, kernel_shape=size, strides=stride, output_padding=left)
    return w.node("Reshape", added, w.integers(*_lengths(line.shape)))


def _pool(name: str) -> Row:
    return lambda w, line, args: w.node(name, *args, kernel_shape=line.static["size"], strides=line.static["stride"])


def _window(line: Line) -> dict[str, Any]:
    return {"strides": line.static["stride"], "pads": line.static["padding"] * 2}


def _left(windows: Shape, size: Shape, image: Any, stride: Any, padding: Any) -> list[int]:
    """How many pixels at the end of an image, padding included, no window of that size reaches; for both axes."""
    each = zip(_fixed(windows), _fixed(size), image, stride, padding, strict=True)
    return [pixels + 2 * pad - (count - 1) * step - length for count, length, pixels, step, pad in each]


OPERATORS: dict[str, Row] = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mul",
    "div": "Div",
    "neg": "Neg",
    "power": lambda w, line, args: w.node("Pow", *args, w.constant(float(line.static["exponent"]))),
    "pow": "Pow",
    "square": lambda w, line, args: w.node("Mul", *args, *args),
    "sqrt": "Sqrt",
    "abs": "Abs",
    "exp": "Exp",
    "expm1": _expm1,
    "log": "Log",
    "log1p": _log1p,
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "log_softmax": lambda w, line, args: w.node("LogSoftmax", *args, axis=line.static["axis"]),
    "less": "Less",
    "less_equal": "LessOrEqual",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "equal": "Equal",
    "where": _where,
    "relu": "Relu",
    "maximum": "Max",
    "minimum": "Min",
    "sum": _reduction("ReduceSum"),
    "mean": _reduction("ReduceMean"),
    "max": _reduction("ReduceMax"),
    "min": _reduction("ReduceMin"),
    "vector_norm": _norm,
    "logsumexp": _reduction("ReduceLogSumExp"),
    **ALONG_AXES,
    "matmul": "MatMul",
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "astype": lambda w, line, args: args[0],  # all numbers of a file have one dtype
    "getitem": _getitem,
    "scatter": _scatter,
    "concatenate": lambda w, line, args: w.node("Concat", *args, axis=line.static["axis"]),
    "stack": _stack,
    "conv2d": _conv2d,
    "conv2d_input": _conv2d_input,
    "conv2d_kernel": _conv2d_kernel,
    "unfold": _unfold,
    "fold": _fold,
    "avg_pool2d": _pool("AveragePool"),
    "max_pool2d": _pool("MaxPool"),
    # What the export makes of several lines
    "gemm": lambda w, line, args: w.node("Gemm", *args, **line.static),
    "softmax": lambda w, line, args: w.node("Softmax", *args, axis=line.static["axis"]),
}
ANY_TYPE = {"reshape", "transpose", "broadcast_to", "getitem", "concatenate", "stack"}  # booleans too
