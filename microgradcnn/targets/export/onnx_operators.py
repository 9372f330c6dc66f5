"""What every primitive is called in ONNX: an operator, or a few of them.

A row gets the writer, the line and the names of its arguments, and gives the name of the result. The operators are
those of opset 16 (2022), the first in which ScatterElements adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.export.onnx_axes import ALONG_AXES
from microgradcnn.targets.export.onnx_images import OF_IMAGES
from microgradcnn.targets.export.onnx_writer import Row, Writer, fixed_lengths, lengths_for_reshape
from microgradcnn.targets.lines import COMPARISONS, Line, Rows, Shape
from microgradcnn.targets.notation import missing_line, rows

OPSET, IR_VERSION = 16, 8


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


def _log_to(base: float) -> Row:
    return lambda w, line, args: w.node("Mul", w.node("Log", *args), w.constant(1.0 / math.log(base)))


def _logaddexp(w: Writer, line: Line, args: list[str]) -> str:
    """max(a, b) + softplus(-|a - b|), and a + log 2 where they are equal, both infinite perhaps."""
    apart = w.node("Neg", w.node("Abs", w.node("Sub", *args)))
    found = w.node("Add", w.node("Max", *args), w.node("Softplus", apart))
    return w.node("Where", w.node("Equal", *args), w.node("Add", args[0], w.constant(math.log(2.0))), found)


def _hypot(w: Writer, line: Line, args: list[str]) -> str:
    return w.node("Sqrt", w.node("Add", *[w.node("Mul", x, x) for x in args]))


def _arctan2(w: Writer, line: Line, args: list[str]) -> str:
    """2 arctan of a/(b + √(a² + b²)), or of (√(a² + b²) - b)/a for b < 0, whose sum would cancel."""
    (a, b), zero = args, w.constant(0.0)
    length, left, flat = _hypot(w, line, args), w.node("Less", b, zero), w.node("Equal", a, zero)
    above = w.node("Where", left, w.node("Sub", length, b), a)
    below = w.node("Where", left, a, w.node("Add", b, length))
    half = w.node("Atan", w.node("Div", above, below))
    on_axis = w.node("Where", left, w.constant(math.pi), zero)
    return w.node("Where", flat, on_axis, w.node("Mul", half, w.constant(2.0)))


def _mod(w: Writer, line: Line, args: list[str]) -> str:
    """The remainder with the sign of a, and b more where that is not the sign of b."""
    rest = w.node("Mod", *args, fmod=1)
    other_sign = w.node("Less", w.node("Mul", w.node("Sign", rest), w.node("Sign", args[1])), w.constant(0.0))
    return w.node("Where", other_sign, w.node("Add", rest, args[1]), rest)


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
    return w.reshape(args[0], *lengths_for_reshape(after))


def _transpose(w: Writer, line: Line, args: list[str]) -> str:
    n, axes = len(line.shape), line.static["axes"]
    return w.node("Transpose", args[0], perm=list(range(n))[::-1] if axes is None else list(axes)) if n > 1 else args[0]


def _broadcast_to(w: Writer, line: Line, args: list[str]) -> str:
    before: Shape = (1,) * (len(line.shape) - len(line.args[0].shape)) + line.args[0].shape
    if line.args[0].shape == line.shape:
        return args[0]
    # The axis of the rows, if x has it already, is left as it is by a length of 1.
    lengths = [b if a == 1 and not isinstance(b, Rows) else 1 for a, b in zip(before, line.shape, strict=True)]
    if not isinstance(line.shape[0], Rows) or isinstance(before[0], Rows):
        return w.node("Expand", args[0], w.integers(*lengths))
    rows = w.node("Shape", w.with_rows, start=0, end=1)  # as many as the inputs have, of the one that there is
    return w.node("Expand", args[0], w.node("Concat", rows, w.integers(*lengths[1:]), axis=0))


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
        size = math.prod(fixed_lengths(shape))
        if len(shape) - rows != 1:
            name = w.reshape(name, *[-1] * rows, size)
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
    added = w.reshape(args[0], *[-1] * rows, places.size)
    shape = w.integers(math.prod(fixed_lengths(line.shape)))
    if rows:
        shape = w.node("Concat", w.node("Shape", added, start=0, end=1), shape, axis=0)
    zeros = w.node("ConstantOfShape", shape, value=w.onnx.numpy_helper.from_array(np.zeros(1, w.dtype)))
    indices = w.constant(places.reshape((1,) * rows + (-1,)), "places")
    if rows:
        indices = w.node("Expand", indices, w.node("Shape", added))
    found = w.node("ScatterElements", zeros, indices, added, axis=rows, reduction="add")
    return w.reshape(found, *lengths_for_reshape(line.shape))


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
    parts, sizes = _parts(line.static["index"], len(whole)), fixed_lengths(whole)
    if len(sizes) + rows == len(whole) and whole[:rows] == part[:rows]:
        places = np.arange(math.prod(sizes)).reshape(sizes)[tuple(parts[rows:])]
        if places.shape == part[rows:]:
            return places, rows
    raise ValueError(f"{line.op} moves the rows from axis 0, which the ONNX export leaves where it is: {parts}")


OPERATORS: dict[str, Row] = {
    **rows("onnx"),
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
    "log2": _log_to(2.0),
    "log10": _log_to(10.0),
    "logaddexp": _logaddexp,
    "hypot": _hypot,
    "arctan2": _arctan2,
    "mod": _mod,
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
    **OF_IMAGES,
    # What the export makes of several lines
    "gemm": lambda w, line, args: w.node("Gemm", *args, **line.static),
    "softmax": lambda w, line, args: w.node("Softmax", *args, axis=line.static["axis"]),
}
ANY_TYPE = {"reshape", "transpose", "broadcast_to", "getitem", "concatenate", "stack"}  # booleans too
