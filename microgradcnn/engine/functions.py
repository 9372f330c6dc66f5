"""The functions on Values, with NumPy's names and arguments; each is a method of Value too.

Any mixture of Values, numbers and arrays goes in. If a Value is among them a Value comes out, otherwise plain data.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from microgradcnn.engine import images, primitives
from microgradcnn.engine.arguments import explained, of_many, of_one, of_three, of_two
from microgradcnn.engine.arrays import Array, as_data, check_unmasked, shape_of
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value

Operand: TypeAlias = Any  # a Value, a number or an array
Axis: TypeAlias = int | Sequence[int] | None


@of_one
def exp(x: Operand) -> Any:
    """The exponential, element by element."""
    return primitives.exp(x)


@of_one
def expm1(x: Operand) -> Any:
    """exp(x) - 1, right for small x too."""
    return primitives.expm1(x)


@of_one
def log(x: Operand) -> Any:
    """The natural logarithm: -inf at 0, NaN below."""
    return primitives.log(x)


@of_one
def log1p(x: Operand) -> Any:
    """log(1 + x), right for small x too."""
    return primitives.log1p(x)


@of_one
def sqrt(x: Operand) -> Any:
    """The square root: NaN below 0; its derivative at 0 is inf."""
    return primitives.sqrt(x)


@of_one
def square(x: Operand) -> Any:
    """x²."""
    return primitives.square(x)


@of_one
def sigmoid(x: Operand) -> Any:
    """σ(x) = 1/(1 + exp(-x)), the lecture's activation; its derivative is σ(x)(1 - σ(x))."""
    return primitives.sigmoid(x)


@of_one
def tanh(x: Operand) -> Any:
    """The hyperbolic tangent."""
    return primitives.tanh(x)


@of_one
def relu(x: Operand) -> Any:
    """x where x > 0, otherwise 0; its derivative at 0 is 0."""
    return primitives.relu(x)


@of_one
def softplus(x: Operand) -> Any:
    """log(1 + exp(x)), right in both tails; its derivative is σ(x)."""
    return primitives.softplus(x)


@of_one
def abs(x: Operand) -> Any:
    """The absolute value; its derivative at 0 is 0."""
    return primitives.abs(x)


@of_one
def negative(x: Operand) -> Any:
    """-x."""
    return primitives.neg(x)


@of_two
def power(x: Operand, exponent: Operand) -> Any:
    """x to the power of a number, or of a Value or an array (which may be differentiated as well)."""
    if type(exponent) is int and -(2**53) < exponent < 2**53:
        return primitives.power(x, exponent=exponent)
    if isinstance(exponent, int | float | np.integer | np.floating) and not isinstance(exponent, bool):
        return primitives.power(x, exponent=float(as_data(exponent)))
    return primitives.pow(x, exponent)


@of_two
def maximum(a: Operand, b: Operand) -> Any:
    """The larger of two, element by element; a tie shares the gradient."""
    return primitives.maximum(a, b)


@of_two
def minimum(a: Operand, b: Operand) -> Any:
    """The smaller of two, element by element; a tie shares the gradient."""
    return primitives.minimum(a, b)


@of_two
def equal(a: Operand, b: Operand) -> Any:
    """Where a equals b, as booleans; `==` between Values asks whether they are the same node."""
    return primitives.equal(a, b)


@of_three
@explained
def where(condition: Operand, a: Operand, b: Operand) -> Any:
    """a where the condition holds, otherwise b; nothing flows back into what was not taken, not even NaN."""
    return primitives.where(condition, a, b)


@of_one
@explained
def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over all axes, or over one or several."""
    return primitives.sum(x, axis=_axes("sum", axis), keepdims=keepdims)


@of_one
@explained
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over all axes, or over one or several; NaN of nothing."""
    return primitives.mean(x, axis=_axes("mean", axis), keepdims=keepdims)


@of_one
@explained
def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest over all axes, or over one or several; ties share the gradient."""
    return primitives.max(x, axis=_axes("max", axis), keepdims=keepdims)


@of_two
def matmul(a: Operand, b: Operand) -> Any:
    """The matrix product a @ b, for one or more axes each, as in NumPy."""
    return primitives.matmul(a, b)


@of_one
@explained
def reshape(x: Operand, *shape: Any) -> Any:
    """The same numbers in another shape, given as numbers or as one tuple; one of them may be -1."""
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return primitives.reshape(x, shape=tuple(wanted))


@of_one
@explained
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Any:
    """The axes reversed, or in the order given."""
    n = len(shape_of(x))
    return primitives.transpose(x, axes=None if axes is None else tuple([a + n if -n <= a < 0 else a for a in axes]))


@of_one
@explained
def broadcast_to(x: Operand, shape: Sequence[int]) -> Any:
    """x repeated to a larger shape, as broadcasting does."""
    return primitives.broadcast_to(x, shape=(shape,) if isinstance(shape, int | np.integer) else tuple(shape))


@of_one
@explained
def astype(x: Operand, dtype: Any) -> Any:
    """x as float32 or float64; the gradient comes back in the dtype of x. Raises TypeError for any other dtype."""
    if np.dtype(dtype) not in (np.float32, np.float64):
        raise TypeError(f"a Value holds float64 or float32, not {np.dtype(dtype)}")
    return primitives.astype(x, dtype=np.dtype(dtype))


@of_one
def getitem(x: Operand, index: Any) -> Any:
    """x[index] for integers, slices, None, ... and arrays of integers or booleans. Raises TypeError for Values."""
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(part, Value) for part in parts):
        raise TypeError(
            "an index cannot be a Value: mg.where chooses by a condition, .data takes the index of this moment"
        )
    fixed = tuple([part if part is None or isinstance(part, _BASIC) else _index_array(part) for part in parts])
    return primitives.getitem(x, index=fixed if isinstance(index, tuple) else fixed[0])


@of_many
@explained
def concatenate(values: Sequence[Operand], axis: int = 0) -> Any:
    """Values joined along an axis that they have."""
    return primitives.concatenate(*values, axis=_axis("concatenate", axis))


@of_many
@explained
def stack(values: Sequence[Operand], axis: int = 0) -> Any:
    """Values of one shape joined along a new axis."""
    return primitives.stack(*values, axis=_axis("stack", axis))


@of_one
@explained
def log_softmax(x: Operand, axis: int = -1) -> Any:
    """x - log Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return primitives.log_softmax(x, axis=_axis("log_softmax", axis))


@of_one
@explained
def softmax(x: Operand, axis: int = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return exp(log_softmax(x, axis))


@of_two
@explained
def conv2d(x: Operand, w: Operand, stride: int | tuple[int, int] = 1, padding: int | tuple[int, int] = 0) -> Any:
    """The cross-correlation of images (n, channels, h, w) with kernels (filters, channels, kh, kw), as in PyTorch.

    The result is (n, filters, rows, columns), rows = (h + 2·padding - kh)/stride + 1 rounded down, columns likewise.
    """
    return images.conv2d(x, w, stride=pair(stride, "stride", 1), padding=pair(padding, "padding", 0))


@of_one
@explained
def avg_pool2d(x: Operand, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> Any:
    """The mean of every window of images (n, channels, h, w); the stride is the window's size unless it is given."""
    size = pair(kernel_size, "kernel_size", 1)
    return images.avg_pool2d(x, size=size, stride=size if stride is None else pair(stride, "stride", 1))


@of_one
@explained
def max_pool2d(x: Operand, kernel_size: int | tuple[int, int], stride: int | tuple[int, int] | None = None) -> Any:
    """The largest of every window of images (n, channels, h, w); ties share the gradient."""
    size = pair(kernel_size, "kernel_size", 1)
    return images.max_pool2d(x, size=size, stride=size if stride is None else pair(stride, "stride", 1))


def _axes(function: str, axis: Axis) -> tuple[int, ...] | None:
    if axis is None:
        return None
    if isinstance(axis, Sequence | np.ndarray) and not isinstance(axis, str):
        return tuple([_axis(function, a) for a in axis])
    return (_axis(function, axis),)


def _axis(function: str, axis: Any) -> int:
    if isinstance(axis, Value):
        raise TypeError(
            f"the axis of {function} is an integer, not {axis.describe()}: mg.stack and mg.concatenate take their "
            "Values in one list, mg.maximum and mg.minimum take two"
        )
    try:
        return operator.index(axis)
    except TypeError:
        raise TypeError(f"the axis of {function} is an integer, such as -1 for the last, not {axis!r}") from None


def pair(given: int | tuple[int, int], name: str, least: int) -> tuple[int, int]:
    """One number for both axes of an image, or two: at least `least` each. Raises TypeError or ValueError by `name`."""
    pair = (given, given) if isinstance(given, int | np.integer) else given
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"{name} is a number or a pair, not {given!r}")
    rows, columns = pair
    if rows < least or columns < least:
        raise ValueError(f"{name} must be at least {least}, not {given}")
    return operator.index(rows), operator.index(columns)


_BASIC = (int, slice, np.integer, np.bool_, type(...))  # what an index may hold besides None and arrays


def _index_array(part: Any) -> Array:
    check_unmasked(part)
    array = np.array(part)
    return array if array.size or isinstance(part, np.ndarray) else array.astype(np.intp)


BUILT_IN = frozenset(TABLE)

METHODS = (
    *(abs, astype, avg_pool2d, conv2d, exp, expm1, log, log1p, log_softmax, matmul, max, max_pool2d, maximum, mean),
    *(minimum, relu, reshape, sigmoid, softmax, softplus, sqrt, square, sum, tanh),
)
for _function in METHODS:
    setattr(Value, _function.__name__, _function)


def _transpose_method(self: Value, *axes: Any) -> Any:
    return transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int | np.integer) else axes or None)


def _no_parts(self: Value, *index_and_new: Any) -> NoReturn:
    raise TypeError(
        f"no part of {self.describe()} can be changed: mg.where, mg.stack and mg.concatenate make a Value with other "
        "parts, and .data of a leaf takes a whole new array"
    )


def _reflected_power(self: Value, base: Operand) -> Any:
    return power(base, self)


for _name, _operator in {
    "transpose": _transpose_method,
    "__pow__": power,
    "__rpow__": _reflected_power,
    "__neg__": negative,
    "__abs__": abs,
    "__getitem__": getitem,
    "__setitem__": _no_parts,
    "__delitem__": _no_parts,
}.items():
    setattr(Value, _name, _operator)
