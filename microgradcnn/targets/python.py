"""What every primitive is called in Python: an expression in NumPy's functions, which are JAX's too.

What NumPy does not have in one expression is a function of its own, written in terms of xp, NumPy or jax.numpy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.targets.export.python_functions import DEFINITIONS, NEEDS
from microgradcnn.targets.lines import Line, Rows, Shape
from microgradcnn.targets.notation import own_line, rows

Text = Callable[[Line, Sequence[str]], str]


def expression(line: Line, args: Sequence[str]) -> str:
    """The right-hand side of a line, in the names of its arguments. Raises ValueError for a primitive without a row."""
    if line.op == "constant":
        return f"xp.{_array(line.value)}"
    if line.op not in EXPRESSIONS:
        return own_line(line, "python", args, _argument)
    row = EXPRESSIONS[line.op]
    text = row(line, args) if callable(row) else row.format(*args)
    decide = any if line.op in ("concatenate", "stack") else all  # numbers are written as Python's: as float64
    if line.dtype == np.float32 and line.shape and decide(arg.op == "number" for arg in line.args):
        return f"xp.asarray({text}, dtype='float32')"
    return text


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
    """A call of one of the definitions, with arguments that are no arrays, those that the line has, and xp."""

    def text(line: Line, args: Sequence[str]) -> str:
        given = [f"{s}={_argument(line.static[s])}" for s in statics if s in line.static]
        return f"{name}({', '.join([*args, *given, 'xp=xp'])})"

    return text


def _convolution(*statics: str) -> Text:
    names = ("stride", "padding", *statics, "dilation", "groups")
    return lambda line, args: _with(_function(line), *names)(line, args)


def _windows(line: Line, args: Sequence[str], **beyond: float) -> str:
    """The windows that are pooled."""
    unfolded = line.changed("unfold", line.args, {**line.static, **(beyond if "padding" in line.static else {})})
    return expression(unfolded, args)


def _function(line: Line) -> str:
    """The name among DEFINITIONS of what a line is, if it is there."""
    return f"grouped_{line.op}" if "groups" in line.static else line.op


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
    **rows("python"),
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
    "take": lambda line, args: f"xp.take({args[0]}, whole({args[1]}, xp), axis={line.static['axis']})",
    "index_add": _with("index_add", "axis", "length"),
    "take_along_axis": lambda line, args: (
        f"xp.take_along_axis({args[0]}, whole({args[1]}, xp), axis={line.static['axis']})"
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
    "conv2d": _convolution(),
    "conv2d_input": _convolution("image"),
    "conv2d_kernel": _convolution("size"),
    "unfold": _with("unfold", "size", "stride", "padding", "dilation", "beyond"),
    "fold": _with("fold", "image", "stride", "padding", "dilation"),
    "avg_pool2d": lambda line, args: f"xp.mean({_windows(line, args)}, axis=(4, 5))",
    "max_pool2d": lambda line, args: f"xp.max({_windows(line, args, beyond=-np.inf)}, axis=(4, 5))",
}


def definitions(lines: Iterable[Line]) -> list[str]:
    """The functions that these lines need, those that others call first."""
    needed: dict[str, None] = {}

    def add(name: str) -> None:
        for other in NEEDS.get(name, ()):
            add(other)
        if name in DEFINITIONS:
            needed[name] = None

    for name in sorted(set(map(_function, lines))):
        add(name)
    return [DEFINITIONS[name].strip() for name in needed]
