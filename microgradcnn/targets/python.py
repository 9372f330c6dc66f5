"""What every primitive is called in Python: an expression in NumPy's functions, which are JAX's too.

What NumPy does not have in one expression is a function of its own, written in terms of xp, NumPy or jax.numpy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.elementary import FAR, NEAR, SPLIT
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


def _listed(numbers: Sequence[float]) -> str:
    """A tuple, a few numbers a line."""
    lines = [", ".join(map(repr, numbers[i : i + 4])) for i in range(0, len(numbers), 4)]
    return f"({(',' + chr(10) + ' ' * 9).join(lines)})"


# The functions that expressions call, and what these need in turn.
NEEDS = {
    "conv2d": ("unfold",),
    "conv2d_kernel": ("unfold",),
    "conv2d_input": ("fold",),
    "grouped_conv2d": ("unfold", "by_groups"),
    "grouped_conv2d_kernel": ("unfold", "by_groups"),
    "grouped_conv2d_input": ("fold", "by_groups"),
    "fold": ("add_at",),
    "scatter": ("add_at",),
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
    "log_softmax": '''
def log_softmax(x, axis, xp):
    """x - log(sum(exp(x))), from the largest x: no number near 1 is rounded before its logarithm is taken."""
    top = xp.expand_dims(xp.argmax(x, axis), axis)
    shifted = x - xp.take_along_axis(x, top, axis)
    places = xp.reshape(xp.arange(x.shape[axis]), [-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])
    rest = xp.where(places == top, 0.0, xp.exp(shifted))
    return shifted - xp.log1p(xp.sum(rest, axis, keepdims=True))
''',
    "erf": f'''
def erf(x, xp):
    """The error function, by the rational approximations of W. J. Cody, Math. Comp. 23 (1969)."""

    def ratio(z, above, below):
        p, q = above[0], below[0]
        for a, b in zip(above[1:], below[1:]):
            p, q = p * z + a, q * z + b
        return p / q

    size = xp.minimum(xp.abs(x), 6.0)
    near = x * ratio(
        size * size,
        {_listed(NEAR[0])},
        {_listed(NEAR[1])},
    )
    far = 1.0 - xp.exp(-size * size) * ratio(
        size,
        {_listed(FAR[0])},
        {_listed(FAR[1])},
    )
    return xp.where(size <= {SPLIT}, near, xp.copysign(far, x))
''',
    "unfold": '''
def unfold(x, size, stride, xp, padding=((0, 0), (0, 0)), dilation=(1, 1), beyond=0.0):
    """The windows of images (n, c, h, w), as (n, c, rows, columns, *size), with the same number beyond the edges."""
    x = xp.pad(x, ((0, 0), (0, 0), *padding), constant_values=beyond)
    rows, columns = ((x.shape[2 + i] - dilation[i] * (size[i] - 1) - 1) // stride[i] + 1 for i in (0, 1))

    def part(i, j):
        i, j = dilation[0] * i, dilation[1] * j
        return x[:, :, i : i + stride[0] * rows : stride[0], j : j + stride[1] * columns : stride[1]]

    return xp.stack([xp.stack([part(i, j) for j in range(size[1])], axis=-1) for i in range(size[0])], axis=-2)
''',
    "fold": '''
def fold(windows, image, stride, xp, padding=((0, 0), (0, 0)), dilation=(1, 1)):
    """Every window added back to where unfold took it from, as (n, c, *image)."""
    n, c, rows, columns, kh, kw = windows.shape
    (top, bottom), (left, right) = padding
    out = xp.zeros((n, c, top + image[0] + bottom, left + image[1] + right), windows.dtype)
    for i in range(kh):
        for j in range(kw):
            y, x = dilation[0] * i, dilation[1] * j
            place = (slice(y, y + stride[0] * rows, stride[0]), slice(x, x + stride[1] * columns, stride[1]))
            out = add_at(out, (slice(None), slice(None), *place), windows[..., i, j], xp)
    return out[:, :, top : top + image[0], left : left + image[1]]
''',
    "conv2d": '''
def conv2d(x, w, stride, padding, xp, dilation=(1, 1)):
    """The cross-correlation of images (n, c, h, w) with kernels (filters, c, kh, kw)."""
    windows = unfold(x, w.shape[2:], stride, xp, [(p, p) for p in padding], dilation)
    return xp.transpose(xp.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))), (0, 3, 1, 2))
''',
    "conv2d_input": '''
def conv2d_input(g, w, stride, padding, image, xp, dilation=(1, 1)):
    """What conv2d sends back to its images, from g = df/dy."""
    windows = xp.transpose(xp.tensordot(g, w, ((1,), (0,))), (0, 3, 1, 2, 4, 5))
    return fold(windows, image, stride, xp, [(p, p) for p in padding], dilation)
''',
    "conv2d_kernel": '''
def conv2d_kernel(x, g, stride, padding, size, xp, dilation=(1, 1)):
    """What conv2d sends back to its kernels, from g = df/dy."""
    windows = unfold(x, size, stride, xp, [(p, p) for p in padding], dilation)
    return xp.tensordot(g, windows, ((0, 2, 3), (0, 2, 3)))
''',
    "by_groups": '''
def by_groups(x, axis, groups, xp):
    """x with an axis for the groups before that axis, which they share out."""
    return xp.reshape(x, (*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :]))
''',
    "grouped_conv2d": '''
def grouped_conv2d(x, w, stride, padding, groups, xp, dilation=(1, 1)):
    """conv2d of every group of channels with its own kernels, (filters, c / groups, kh, kw) altogether."""
    windows = unfold(x, w.shape[2:], stride, xp, [(p, p) for p in padding], dilation)
    y = xp.einsum("ngcrsij,gfcij->ngfrs", by_groups(windows, 1, groups, xp), by_groups(w, 0, groups, xp))
    return xp.reshape(y, (y.shape[0], w.shape[0], *y.shape[3:]))
''',
    "grouped_conv2d_input": '''
def grouped_conv2d_input(g, w, stride, padding, image, groups, xp, dilation=(1, 1)):
    """What grouped_conv2d sends back to its images, from g = df/dy."""
    windows = xp.einsum("ngfrs,gfcij->ngcrsij", by_groups(g, 1, groups, xp), by_groups(w, 0, groups, xp))
    windows = xp.reshape(windows, (g.shape[0], groups * w.shape[1], *windows.shape[3:]))
    return fold(windows, image, stride, xp, [(p, p) for p in padding], dilation)
''',
    "grouped_conv2d_kernel": '''
def grouped_conv2d_kernel(x, g, stride, padding, size, groups, xp, dilation=(1, 1)):
    """What grouped_conv2d sends back to its kernels, from g = df/dy."""
    windows = unfold(x, size, stride, xp, [(p, p) for p in padding], dilation)
    w = xp.einsum("ngcrsij,ngfrs->gfcij", by_groups(windows, 1, groups, xp), by_groups(g, 1, groups, xp))
    return xp.reshape(w, (g.shape[1], *w.shape[2:]))
''',
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
