"""What every primitive is called in Python: an expression in NumPy's functions, which are JAX's too.

What NumPy does not have in one expression is a function of its own, written in terms of xp, NumPy or jax.numpy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape
from microgradcnn.targets.notation import own_line

Text = Callable[[Line, Sequence[str]], str]


def expression(line: Line, args: Sequence[str]) -> str:
    """The right-hand side of a line, in the names of its arguments. Raises ValueError for a primitive without a row."""
    if line.op == "constant":
        return f"xp.{_array(line.value)}"
    if line.op not in EXPRESSIONS:
        return own_line(line, "python", args, _argument)
    row = EXPRESSIONS[line.op]
    return row(line, args) if callable(row) else row.format(*args)


def shape_text(shape: Shape) -> str:
    """A shape as Python source, with n for the number of rows."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def number(line: Line) -> str:
    """A line that is a number as Python source; with n for the number of rows where it depends on it."""
    if not line.power:
        return _literal(line.value)
    power = "" if abs(line.power) == 1 else f"**{abs(line.power)}"
    if line.power < 0:  # what is divided by n goes to the rows, where there are any
        return f"({_literal(line.value)} / max(n, 1){power})"
    n = f"n{power}"
    return n if line.value == 1.0 else f"({_literal(line.value)} * {n})"


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    if value != value or value in (np.inf, -np.inf):
        return f'float("{value}")'
    return repr(value) if value >= 0 else f"({value!r})"


def _array(value: Any) -> str:
    """The call that makes an array of nested lists, every number with all its digits."""
    if not value.size:  # whose lists would not tell its shape
        return f"zeros({value.shape}, dtype={str(value.dtype)!r})"
    text = re.sub(r"\b(inf|nan)\b", r'float("\1")', repr(value.tolist()))
    return f"array({text}, dtype={str(value.dtype)!r})"


def _reduction(name: str) -> Text:
    def text(line: Line, args: Sequence[str]) -> str:
        axis, keepdims = line.static["axis"], line.static["keepdims"]
        options = "" if axis is None else f", axis={axis}"
        return f"xp.{name}({args[0]}{options}{', keepdims=True' if keepdims else ''})"

    return text


def _with(name: str, *statics: str) -> Text:
    """A call of one of the definitions, with arguments that are no arrays, and xp."""

    def text(line: Line, args: Sequence[str]) -> str:
        given = [f"{s}={_static(line.static[s])}" for s in statics]
        return f"{name}({', '.join([*args, *given, 'xp=xp'])})"

    return text


def _argument(value: Any) -> str:
    return _literal(value) if isinstance(value, int | float) else _static(value)


def _static(value: Any) -> str:
    if isinstance(value, tuple) and any(isinstance(part, slice | np.ndarray | Rows) for part in value):
        return f"({', '.join(map(_static, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, np.ndarray):
        return f"numpy.{_array(value)}"
    return str(value) if isinstance(value, Rows) else repr(value)


def _index(index: Any) -> str:
    parts = index if isinstance(index, tuple) else (index,)
    if not parts:
        return "()"
    return ", ".join(_slice(p) if isinstance(p, slice) else "..." if p is Ellipsis else _static(p) for p in parts)


def _slice(part: slice) -> str:
    ends = ":".join("" if end is None else str(end) for end in (part.start, part.stop))
    return ends if part.step is None else f"{ends}:{part.step}"


def _joined(name: str) -> Text:
    return lambda line, args: f"xp.{name}([{', '.join(args)}], axis={line.static['axis']})"


# What every primitive is called in Python: an expression in its arguments {0}, {1}, ... and in xp.
EXPRESSIONS: dict[str, str | Text] = {
    "add": "{0} + {1}",
    "sub": "{0} - {1}",
    "mul": "{0} * {1}",
    "div": "{0} / {1}",
    "neg": "-{0}",
    "power": lambda line, args: f"{args[0]} ** {_literal(line.static['exponent'])}",
    "pow": "xp.power({0}, {1})",
    "square": "{0} * {0}",
    "sqrt": "xp.sqrt({0})",
    "abs": "xp.abs({0})",
    "exp": "xp.exp({0})",
    "expm1": "xp.expm1({0})",
    "log": "xp.log({0})",
    "log1p": "xp.log1p({0})",
    "tanh": "xp.tanh({0})",
    "sigmoid": "1.0 / (1.0 + xp.exp(-{0}))",
    "softplus": "xp.logaddexp(0.0, {0})",
    "log_softmax": _with("log_softmax", "axis"),
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "equal": "{0} == {1}",
    "where": "xp.where({0}, {1}, {2})",
    "relu": "xp.maximum({0}, 0.0)",
    "maximum": "xp.maximum({0}, {1})",
    "minimum": "xp.minimum({0}, {1})",
    "sum": _reduction("sum"),
    "mean": _reduction("mean"),
    "max": _reduction("max"),
    "min": _reduction("min"),
    "vector_norm": lambda line, args: f"xp.sqrt({_reduction('sum')(line, [f'{args[0]} * {args[0]}'])})",
    "logsumexp": _with("logsumexp", "axis", "keepdims"),
    "cumsum": lambda line, args: f"xp.cumsum({args[0]}, axis={line.static['axis']})",
    "order": lambda line, args: (
        f"xp.argsort({args[0]}, axis={line.static['axis']}, stable=True).astype({str(line.dtype)!r})"
    ),
    "take": lambda line, args: f"xp.take({args[0]}, {_places(args[1])}, axis={line.static['axis']})",
    "index_add": _with("index_add", "axis", "length"),
    "take_along_axis": lambda line, args: (
        f"xp.take_along_axis({args[0]}, {_places(args[1])}, axis={line.static['axis']})"
    ),
    "scatter_add": _with("scatter_add", "axis", "length"),
    "matmul": "{0} @ {1}",
    "reshape": lambda line, args: f"xp.reshape({args[0]}, {shape_text(line.shape)})",
    "transpose": lambda line, args: (
        f"{args[0]}.T" if line.static["axes"] is None else f"xp.transpose({args[0]}, {line.static['axes']})"
    ),
    "broadcast_to": lambda line, args: f"xp.broadcast_to({args[0]}, {shape_text(line.shape)})",
    "astype": lambda line, args: f"xp.asarray({args[0]}).astype({str(line.dtype)!r})",
    "getitem": lambda line, args: f"{args[0]}[{_index(line.static['index'])}]",
    "scatter": lambda line, args: (
        f"scatter({args[0]}, index={_static(line.static['index'])}, shape={shape_text(line.shape)}, xp=xp)"
    ),
    "concatenate": _joined("concatenate"),
    "stack": _joined("stack"),
    "conv2d": _with("conv2d", "stride", "padding"),
    "conv2d_input": _with("conv2d_input", "stride", "padding", "image"),
    "conv2d_kernel": _with("conv2d_kernel", "stride", "padding", "size"),
    "unfold": _with("unfold", "size", "stride"),
    "fold": _with("fold", "image", "stride"),
    "avg_pool2d": lambda line, args: f"xp.mean({_windows(line, args)}, axis=(4, 5))",
    "max_pool2d": lambda line, args: f"xp.max({_windows(line, args)}, axis=(4, 5))",
}


def _places(name: str) -> str:
    return f"xp.asarray({name}).astype(int)"


def _windows(line: Line, args: Sequence[str]) -> str:
    return f"unfold({args[0]}, size={line.static['size']}, stride={line.static['stride']}, xp=xp)"


# The functions that expressions call, and what these need in turn.
NEEDS = {
    "conv2d": ("unfold",),
    "conv2d_kernel": ("unfold",),
    "conv2d_input": ("fold",),
    "fold": ("add_at",),
    "scatter": ("add_at",),
    "add_to": ("add_at",),
    "index_add": ("add_to",),
    "scatter_add": ("add_to",),
    "avg_pool2d": ("unfold",),
    "max_pool2d": ("unfold",),
}
DEFINITIONS = {
    "add_at": '''
def add_at(out, index, g, xp):
    """out with g added at that index, where an array may name a place twice."""
    if xp is not numpy:
        return out.at[index].add(g)
    numpy.add.at(out, index, g)
    return out
''',
    "scatter": '''
def scatter(g, index, shape, xp):
    """Zeros to which g is added at that index: what x[index] sends back to x."""
    return add_at(xp.zeros(shape, xp.asarray(g).dtype), index, g, xp)
''',
    "add_to": '''
def add_to(shape, places, g, xp):
    """Zeros of a shape to which g is added at places that are counted through all of them."""
    out = xp.zeros(int(numpy.prod(shape)), g.dtype)
    return xp.reshape(add_at(out, xp.ravel(places), xp.ravel(g), xp), shape)
''',
    "index_add": '''
def index_add(g, indices, axis, length, xp):
    """Zeros to which g is added at these places along an axis: what take sends back."""
    g, indices = xp.asarray(g), xp.asarray(indices).astype(int)
    axis = axis % (g.ndim - indices.ndim + 1)
    shape = (*g.shape[:axis], length, *g.shape[axis + indices.ndim :])
    places = xp.reshape(xp.arange(int(numpy.prod(shape))), shape)
    return add_to(shape, xp.take(places, indices, axis), g, xp)
''',
    "scatter_add": '''
def scatter_add(g, indices, axis, length, xp):
    """Zeros to which g is added at these places along an axis: what take_along_axis sends back."""
    axis = axis % g.ndim
    shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
    places = xp.reshape(xp.arange(int(numpy.prod(shape))), shape)
    return add_to(shape, xp.take_along_axis(places, indices.astype(int), axis), g, xp)
''',
    "logsumexp": '''
def logsumexp(x, axis, keepdims, xp):
    """log(sum(exp(x))), from the largest x, which cannot overflow."""
    top = xp.max(x, axis, keepdims=True, initial=-xp.inf)
    top = xp.where(xp.isfinite(top), top, 0.0)
    total = xp.log(xp.sum(xp.exp(x - top), axis, keepdims=keepdims))
    return total + xp.reshape(top, total.shape)
''',
    "log_softmax": '''
def log_softmax(x, axis, xp):
    """x - log(sum(exp(x))), from the largest x: no number near 1 is rounded before its logarithm is taken."""
    top = xp.expand_dims(xp.argmax(x, axis), axis)
    shifted = x - xp.take_along_axis(x, top, axis)
    places = xp.reshape(xp.arange(x.shape[axis]), [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    rest = xp.where(places == top, 0.0, xp.exp(shifted))
    return shifted - xp.log1p(xp.sum(rest, axis, keepdims=True))
''',
    "unfold": '''
def unfold(x, size, stride, xp, padding=(0, 0)):
    """The windows of images (n, c, h, w), as (n, c, rows, columns, *size)."""
    x = xp.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    rows, columns = ((x.shape[2 + i] - size[i]) // stride[i] + 1 for i in (0, 1))

    def part(i, j):
        return x[:, :, i : i + stride[0] * rows : stride[0], j : j + stride[1] * columns : stride[1]]

    return xp.stack([xp.stack([part(i, j) for j in range(size[1])], axis=-1) for i in range(size[0])], axis=-2)
''',
    "fold": '''
def fold(windows, image, stride, xp, padding=(0, 0)):
    """Every window added back to where unfold took it from, as (n, c, *image)."""
    n, c, rows, columns, kh, kw = windows.shape
    out = xp.zeros((n, c, image[0] + 2 * padding[0], image[1] + 2 * padding[1]), windows.dtype)
    for i in range(kh):
        for j in range(kw):
            down, right = slice(i, i + stride[0] * rows, stride[0]), slice(j, j + stride[1] * columns, stride[1])
            out = add_at(out, (slice(None), slice(None), down, right), windows[..., i, j], xp)
    return out[:, :, padding[0] : padding[0] + image[0], padding[1] : padding[1] + image[1]]
''',
    "conv2d": '''
def conv2d(x, w, stride, padding, xp):
    """The cross-correlation of images (n, c, h, w) with kernels (filters, c, kh, kw)."""
    windows = unfold(x, w.shape[2:], stride, xp, padding)
    return xp.transpose(xp.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))), (0, 3, 1, 2))
''',
    "conv2d_input": '''
def conv2d_input(g, w, stride, padding, image, xp):
    """What conv2d sends back to its images, from g = df/dy."""
    windows = xp.transpose(xp.tensordot(g, w, ((1,), (0,))), (0, 3, 1, 2, 4, 5))
    return fold(windows, image, stride, xp, padding)
''',
    "conv2d_kernel": '''
def conv2d_kernel(x, g, stride, padding, size, xp):
    """What conv2d sends back to its kernels, from g = df/dy."""
    return xp.tensordot(g, unfold(x, size, stride, xp, padding), ((0, 2, 3), (0, 2, 3)))
''',
}


def definitions(used: Iterable[str]) -> list[str]:
    """The functions that these primitives need, those that others call first."""
    needed: dict[str, None] = {}

    def add(name: str) -> None:
        for other in NEEDS.get(name, ()):
            add(other)
        if name in DEFINITIONS:
            needed[name] = None

    for op in sorted(used):
        add(op)
    return [DEFINITIONS[name].strip() for name in needed]
