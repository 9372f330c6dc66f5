"""THE table: every primitive is declared once: its value, its chain rule, how it is written.

The part about axes is in axes.py, that about images in images.py.

A rule gets g = df/dy, the value y and the inputs, and gives df/d(that input). It is written with the operators and with
the primitives of this table, so it serves numbers, arrays and Values alike, and the table is closed under
differentiation. Where NumPy repeats an input by broadcasting, the engine adds its cotangents up; no rule does. A rule
that makes many arrays may have a kernel beside it (`on_arrays`), which gives the very same numbers.

Conventions where the derivative is not defined, or the formula is not finite:

    relu, at 0                     0
    abs, at 0                      0
    maximum, minimum, at a tie     half to each side
    max, min, max_pool2d, at ties  shared equally by the largest, or smallest
    norm, std, at 0                0, and its second derivatives as well
    sort, of equal numbers         each its own, in the order in which they stand; NaN stands last
    logsumexp, of -inf alone       NaN
    any of these, with NaN         NaN for everything that was compared with it
    x**0                           0 everywhere; x**1 has 1, x**2 has 0 and x**0.5 has inf at 0
    power of Values, 0**b          d/da is 0 for b = 0, d/db is 0 for b ≥ 0
    power of Values, 0**0, 0**1    d²/da db is NaN in either order: its limits are inf and -inf
    sqrt, log, division, at 0      as IEEE: sqrt'(0) = inf, log(0) = -inf, log'(0) = inf, 1/0 = inf, sqrt(-1) = NaN
    comparisons                    no gradient flows through them; with NaN they are False
    where                          the branch not taken gets 0, even if it is inf or NaN
    sigmoid                        σ(x)(1 - σ(x)), right to 1e-16 absolute; losses take logits where the tail matters
    broadcasting                   as in NumPy, silently: (n, 1) - (n,) is (n, n), which the losses of mg.nn refuse
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from microgradcnn.engine import kernels, normalising
from microgradcnn.engine.arrays import dtype_of, shape_of
from microgradcnn.engine.record import Each, Primitive, on_arrays


def _swap(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.T if x.ndim == 2 else x.swapaxes(x.ndim - 2, x.ndim - 1)


def _column(v: Any) -> Any:
    return v.reshape((*v.shape, 1))


def _row(v: Any) -> Any:
    return v.reshape((*v.shape[:-1], 1, v.shape[-1]))


def kept(reduced: Any, x: Any, axis: tuple[int, ...] | None) -> Any:
    """A reduction of x with the reduced axes put back as length 1, so that it broadcasts against x."""
    if axis is None:
        return reduced  # one number, which broadcasts already
    axes = [a % len(shape_of(x)) for a in axis]
    shape = tuple([1 if i in axes else n for i, n in enumerate(shape_of(x))])
    return reduced if shape_of(reduced) == shape else reshape(reduced, shape=shape)


def _count(x: Any, y: Any) -> float:
    """How many numbers of x go into each of y."""
    return math.prod(shape_of(x)) / (math.prod(shape_of(y)) or 1)


def _without_nan(y: Any, c: Any) -> Any:
    """c, but NaN where y is NaN."""
    return where(equal(y, y), c, y)


# Arithmetic
add: Primitive = Primitive("add", np.add, (lambda g, y, a, b: g, lambda g, y, a, b: g), "a + b", operator.add)
sub: Primitive = Primitive("sub", np.subtract, (lambda g, y, a, b: g, lambda g, y, a, b: -g), "a - b", operator.sub)
mul: Primitive = Primitive(
    "mul", np.multiply, (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a), "a * b", operator.mul
)
div: Primitive = Primitive(
    "div", np.divide, (lambda g, y, a, b: g / b, lambda g, y, a, b: -(g * y) / b), "a / b", operator.truediv
)
neg: Primitive = Primitive("neg", np.negative, (lambda g, y, x: -g,), "-x", operator.neg, work="arithmetic")


def _power_rule(g: Any, y: Any, x: Any, exponent: float) -> Any:
    if exponent == 0:
        return broadcast_to(0.0, shape=shape_of(x))
    return g * (exponent * power(x, exponent=exponent - 1)) if exponent != 1 else g


power: Primitive = Primitive(
    "power", kernels.power, (_power_rule,), "x ** exponent", lambda x, exponent: math.pow(x, exponent)
)


def _instead_of_0(a: Any, other: Any) -> Any:
    """a, but `other` where it is 0."""
    return a if type(a) is float and a != 0.0 else where(equal(a, 0.0), other, a)


def _kink(a: Any, b: Any, x: Any) -> Any:
    """0, but for 0**0 and 0**1 with a derivative by x that is NaN: sqrt(0·x) has inf·0."""
    if (type(a) is float and a != 0.0) or (type(b) is float and b not in (0.0, 1.0)):
        return 0.0
    return where(equal(a, 0.0), where(equal(b * (b - 1.0), 0.0), sqrt(0.0 * x), 0.0), 0.0)


def _base_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    base = _instead_of_0(a, where(equal(b, 0.0), 1.0, a))  # 0·0**-1 is 0
    return g * (b * pow(base, b - 1.0) + _kink(a, b, b))


def _exponent_rule(g: Any, y: Any, a: Any, b: Any) -> Any:
    base = _instead_of_0(a, where(b >= 0.0, 1.0, 0.0))  # 0·log 0 is 0; -0.0 must not count: 1/-0.0 is -inf
    return g * (y * log(base) + _kink(a, b, a))


pow: Primitive = Primitive("pow", np.power, (_base_rule, _exponent_rule), "a ** b", math.pow)
square: Primitive = Primitive("square", np.square, (lambda g, y, x: g * (2.0 * x),), "x ** 2", lambda x: x * x)
sqrt: Primitive = Primitive("sqrt", np.sqrt, (lambda g, y, x: g / (2.0 * y),), "sqrt(x)", math.sqrt)
abs: Primitive = Primitive(
    "abs", np.abs, (lambda g, y, x: where(x > 0.0, g, where(x < 0.0, -g, 0.0 * x)),), "abs(x)", operator.abs
)

# Exponential functions, and those made of them
exp: Primitive = Primitive("exp", np.exp, (lambda g, y, x: g * y,), "exp(x)", math.exp)
expm1: Primitive = Primitive("expm1", np.expm1, (lambda g, y, x: g * exp(x),), "expm1(x)", math.expm1)
log: Primitive = Primitive("log", np.log, (lambda g, y, x: g / x,), "log(x)", math.log)
log1p: Primitive = Primitive("log1p", np.log1p, (lambda g, y, x: g / (1.0 + x),), "log1p(x)", math.log1p)
tanh: Primitive = Primitive("tanh", np.tanh, (lambda g, y, x: g * (1.0 - y * y),), "tanh(x)", math.tanh)
sigmoid: Primitive = Primitive(
    "sigmoid",
    kernels.sigmoid,
    (lambda g, y, x: g * (y * (1.0 - y)),),
    "sigmoid(x)",
    kernels.sigmoid_of_number,
    symbol="σ",
)
softplus: Primitive = Primitive(
    "softplus",
    lambda x: np.logaddexp(0.0, x),
    (lambda g, y, x: g * sigmoid(x),),
    "softplus(x)",
    lambda x: (x if x > 0.0 else 0.0) + math.log1p(math.exp(-operator.abs(x))),
)


@on_arrays(normalising.log_softmax_back)
def _log_softmax_rule(g: Any, y: Any, x: Any, axis: int) -> Any:
    # g - p Σg, with g(1 - p) taken together so that a p near 1 costs no digits: 1 - p = -expm1(log p).
    return exp(y) * (g - sum(g, axis=(axis,), keepdims=True)) - g * expm1(y)


log_softmax: Primitive = Primitive(
    "log_softmax", normalising.log_softmax, (_log_softmax_rule,), "log_softmax(x)", repeats=True
)


# Comparisons and what is made of them
less: Primitive = Primitive("less", np.less, (None, None), "a < b", operator.lt)
less_equal: Primitive = Primitive("less_equal", np.less_equal, (None, None), "a <= b", operator.le)
greater: Primitive = Primitive("greater", np.greater, (None, None), "a > b", operator.gt)
greater_equal: Primitive = Primitive("greater_equal", np.greater_equal, (None, None), "a >= b", operator.ge)
equal: Primitive = Primitive("equal", np.equal, (None, None), "a == b", operator.eq)
where: Primitive = Primitive(
    "where",
    kernels.where,
    (None, lambda g, y, c, a, b: where(c, g, 0.0), lambda g, y, c, a, b: where(c, 0.0, g)),
    "where(condition, a, b)",
    kernels.where_of_numbers,
)
relu: Primitive = Primitive(
    "relu",
    kernels.relu,
    (on_arrays(kernels.relu_back)(lambda g, y, x: where(x > 0.0, g, y)),),  # y is 0, or NaN
    "relu(x)",
    lambda x: 0.0 if x <= 0.0 else x,
)
maximum: Primitive = Primitive(
    "maximum",
    np.maximum,
    (
        lambda g, y, a, b: _without_nan(y, where(a > b, g, where(a < b, 0.0, 0.5 * g))),
        lambda g, y, a, b: _without_nan(y, where(b > a, g, where(b < a, 0.0, 0.5 * g))),
    ),
    "max(a, b)",
    lambda a, b: a if a >= b or a != a else b,
    repeats=True,
)
minimum: Primitive = Primitive(
    "minimum",
    np.minimum,
    (
        lambda g, y, a, b: _without_nan(y, where(a < b, g, where(a > b, 0.0, 0.5 * g))),
        lambda g, y, a, b: _without_nan(y, where(b < a, g, where(b > a, 0.0, 0.5 * g))),
    ),
    "min(a, b)",
    lambda a, b: a if a <= b or a != a else b,
    repeats=True,
)


def _to_each(g: Any, x: Any, axis: tuple[int, ...] | None) -> Any:
    """g given to all numbers of x that were taken together."""
    repeat = kernels.broadcast_to if type(x) is np.ndarray else broadcast_to  # in a graph it is a node
    return repeat(kept(g, x, axis), shape=shape_of(x))


# Reductions: axis is None or a tuple
sum: Primitive = Primitive(
    "sum", kernels.total, (lambda g, y, x, axis, keepdims: _to_each(g, x, axis),), "sum(x)", work="sum"
)
mean: Primitive = Primitive(
    "mean", kernels.mean, (lambda g, y, x, axis, keepdims: _to_each(g / _count(x, y), x, axis),), "mean(x)", work="mean"
)


def _shared(g: Any, hits: Any, x: Any, axis: tuple[int, ...] | None) -> Any:
    """g in equal parts to the numbers of x that are hit."""
    hit = where(hits, 1.0, 0.0)
    return kept(g, x, axis) * (hit / sum(hit, axis=axis, keepdims=True))


max: Primitive = Primitive(
    "max",
    lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims),
    (lambda g, y, x, axis, keepdims: _shared(g, x >= kept(y, x, axis), x, axis),),
    "max(x)",
    work="max",
    repeats=True,
)
min: Primitive = Primitive(
    "min",
    lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims),
    (lambda g, y, x, axis, keepdims: _shared(g, x <= kept(y, x, axis), x, axis),),
    "min(x)",
    work="max",
    repeats=True,
)


@on_arrays(normalising.normalised_back)
def normalised_rule(g: Any, y: Any, x: Any, axis: tuple[int, ...] | None, eps: float) -> Any:
    """(g - mean of g - y·(mean of g·y))/√(variance + eps)."""
    over: dict[str, Any] = {"axis": axis, "keepdims": True}
    variance = mean(square(x - mean(x, **over)), **over)
    return (g - mean(g, **over) - y * mean(g * y, **over)) / sqrt(variance + eps)


# One primitive, for its gradient: that of the composition takes three times as long, and nobody can read it.
normalised: Primitive = Primitive(
    "normalised",
    normalising.normalised,
    (normalised_rule,),
    "(x - mean(x, axis=axis, keepdims=True)) / sqrt(mean(square(x - mean(x, axis=axis, keepdims=True)), axis=axis, "
    "keepdims=True) + eps)",
    composed=True,
)


# Products
def times(a: Any, b: Any) -> Any:
    """a @ b in a rule: of arrays, or a node in a graph."""
    return (kernels.matmul if type(a) is type(b) is np.ndarray else matmul)(a, b)


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:  # y[..., i] = Σ a[..., i, j] b[j]
        return g * b if a.ndim == 1 else matmul(_column(g), _row(b))
    if a.ndim == 1:  # y[..., j] = Σ a[i] b[..., i, j]
        return sum(_row(g) * b, axis=(-1,), keepdims=False)
    return times(g, _swap(b))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else _column(a) * _row(g)
    if b.ndim == 1:
        return g @ a if a.ndim == 2 else sum(_column(g) * a, axis=(-2,), keepdims=False)
    if b.ndim == 2 < a.ndim:  # every row of the stack goes through the one matrix
        rows = math.prod(a.shape[:-1])
        return times(a.reshape((rows, a.shape[-1])).T, g.reshape((rows, g.shape[-1])))
    return times(_swap(a), g)


matmul: Primitive = Primitive("matmul", kernels.matmul, (_matmul_left, _matmul_right), "a @ b", work="product")

# Shapes, dtypes and parts
reshape: Primitive = Primitive(
    "reshape",
    lambda x, shape: np.asarray(x).reshape(shape),
    (lambda g, y, x, shape: g.reshape(shape_of(x)) if type(g) is np.ndarray else reshape(g, shape=shape_of(x)),),
    "reshape(x, shape)",
    work="moves",
)


def _transpose_rule(g: Any, y: Any, x: Any, axes: tuple[int, ...] | None) -> Any:
    back = axes and kernels.order_back(axes)
    return g.transpose(back) if type(g) is np.ndarray else transpose(g, axes=back)


transpose: Primitive = Primitive(
    "transpose", lambda x, axes: np.asarray(x).transpose(axes), (_transpose_rule,), "x.T", work="moves"
)
broadcast_to: Primitive = Primitive(
    "broadcast_to", kernels.broadcast_to, (lambda g, y, x, shape: g,), "broadcast_to(x, shape)", work="moves"
)
astype: Primitive = Primitive(
    "astype",
    lambda x, dtype: np.asarray(x).astype(dtype),
    (lambda g, y, x, dtype: astype(g, dtype=dtype_of(x)),),
    "x",
    work="moves",
)
getitem: Primitive = Primitive(
    "getitem",
    kernels.part,
    (lambda g, y, x, index: scatter(g, index=index, shape=shape_of(x)),),
    "x[index]",
    work="moves",
)
scatter: Primitive = Primitive(
    "scatter",
    kernels.scatter,
    (lambda g, y, x, index, shape: getitem(g, index=index),),
    "scatter(x, index)",
    work="sum",
)


def _concatenate_rule(i: int, g: Any, y: Any, *xs: Any, axis: int) -> Any:
    ends = np.cumsum([shape_of(x)[axis] for x in xs]).tolist()
    part = slice(ends[i] - shape_of(xs[i])[axis], ends[i])
    return getitem(g, index=(*[slice(None)] * (axis % len(shape_of(y))), part))


concatenate: Primitive = Primitive(
    "concatenate", lambda *xs, axis: np.concatenate(xs, axis), Each(_concatenate_rule), "concatenate(*xs)", work="moves"
)
stack: Primitive = Primitive(
    "stack",
    lambda *xs, axis: np.stack(xs, axis),
    Each(lambda i, g, y, *xs, axis: getitem(g, index=(*[slice(None)] * (axis % len(shape_of(y))), i))),
    "stack(*xs)",
    work="moves",
)
