"""What NumPy lacks, on raw arrays: a sigmoid that keeps its digits, fast sums, scatter, and all of windows.py."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array, dtype_of, shape_of
from microgradcnn.engine.keeping import Picks, forget, keep
from microgradcnn.engine.kernels.windows import NO_SIDES as NO_SIDES
from microgradcnn.engine.kernels.windows import Pair as Pair
from microgradcnn.engine.kernels.windows import Sides as Sides
from microgradcnn.engine.kernels.windows import average as average
from microgradcnn.engine.kernels.windows import convolve as convolve
from microgradcnn.engine.kernels.windows import convolve_input as convolve_input
from microgradcnn.engine.kernels.windows import convolve_kernel as convolve_kernel
from microgradcnn.engine.kernels.windows import fold as fold
from microgradcnn.engine.kernels.windows import largest as largest
from microgradcnn.engine.kernels.windows import largest_back as largest_back
from microgradcnn.engine.kernels.windows import reach as reach
from microgradcnn.engine.kernels.windows import spread as spread
from microgradcnn.engine.kernels.windows import unfold as unfold

WORTH_ONES = 256  # numbers to add up before a product, or one call more, takes less time than a sum
FEW_ONES = TURNED = 1 << 12  # ones that are worth being kept; numbers of a matrix that are worth a copy for a product
FEW_ROWS = 80  # of a table: to them a product with ones and zeros adds rows faster than one number after the other
MULTIPLIED = 8  # exponents up to which x**k is a product: np.power takes a hundred times as long


def sigmoid(x: Array) -> Array:
    """1/(1 + exp(-x)), from exp(-|x|), which cannot overflow; 1 - σ(-x) on the right loses half a digit less."""
    e = np.abs(x, out=np.empty_like(x))
    np.exp(np.negative(e, out=e), out=e)
    np.divide(e, 1.0 + e, out=e)
    np.subtract(np.greater_equal(x, 0), e, out=e)  # left of 0 that is -e, on the right 1 - e; np.where is far slower
    return np.abs(e, out=e)


def sigmoid_of_number(x: float) -> float:
    """The same for a Python float."""
    e = math.exp(-abs(x))
    return 1.0 - e / (1.0 + e) if x >= 0.0 else e / (1.0 + e)


def power(x: Any, exponent: float) -> Any:
    """x**exponent of arrays, or of NumPy's numbers, which IEEE has answers for where Python raises or turns complex."""
    x = np.asarray(x)
    return math.prod([x] * (int(exponent) - 1), start=x) if exponent in range(3, MULTIPLIED + 1) else x**exponent


def relu(x: Any) -> Any:
    """max(x, 0); of arrays by an array of zeros, a third of the time: NumPy compares with a number one by one."""
    if type(x) is not np.ndarray or x.dtype.kind != "f":
        return np.maximum(x, 0.0)
    y = np.empty_like(x)
    y.fill(0.0)
    return np.maximum(x, y, out=y)


def relu_back(g: Array, y: Array, x: Array) -> Array:
    """g where x > 0, and y elsewhere, which is 0 or NaN: by g's bits times 0 or 1, as in `where`, in half its time."""
    if g.dtype is not y.dtype or g.shape != y.shape or math.isnan(np.vdot(flat := y.ravel("K"), flat)):
        return where(x > 0.0, g, y)
    taken = np.greater(y, 0.0, out=np.empty_like(y, f"i{y.itemsize}"))
    return np.multiply(taken, g.view(taken.dtype), out=taken).view(y.dtype)


def where(condition: Any, a: Any, b: Any) -> Any:
    """np.where; of arrays alike by their bits times 0 or 1, a fraction of the time: no branch is guessed.

    The condition may lack leading axes, as a mask of attention does, and b may be a number.
    """
    known = type(condition) is type(a) is np.ndarray and condition.dtype == np.bool_ and a.dtype.kind == "f"
    if not known or a.shape[a.ndim - condition.ndim :] != condition.shape:
        return np.where(condition, a, b)
    taken = condition.astype(f"i{a.itemsize}")
    if type(b) is float and b == 0.0 and math.copysign(1.0, b) > 0.0:
        return np.multiply(taken, a.view(taken.dtype)).view(a.dtype)
    if type(b) is float:
        b = np.full((), b, a.dtype)
    elif type(b) is not np.ndarray or b.shape != a.shape or b.dtype != a.dtype:
        return np.where(condition, a, b)
    bits = np.bitwise_xor(a.view(taken.dtype), b.view(taken.dtype))
    np.multiply(taken, bits, out=bits)
    return np.bitwise_xor(bits, b.view(taken.dtype), out=bits).view(a.dtype)


def where_of_numbers(condition: Any, a: Any, b: Any) -> Any:
    """The same for Python's numbers of one type. Raises ValueError for others: NumPy says what they are together."""
    if type(a) is type(b):
        return a if condition else b
    raise ValueError(f"{a!r} and {b!r} are not of one type")


def matmul(a: Array, b: Array) -> Array:
    """a @ b; by dot, which is the same for one or two axes and faster, where it can be.

    All rows of a stack times one matrix are one product: np.matmul makes a small one of each. A small matrix that lies
    turned on the right is copied first, and a stack of products lies in memory as the right factors do.
    """
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not a.ndim or not b.ndim:
        return np.matmul(a, b)
    if b.ndim > 1 and b.strides[-1] != b.itemsize and b.size <= a.size and math.prod(b.shape[-2:]) <= TURNED:
        b = np.ascontiguousarray(b)
    if b.ndim > 2:
        alike = a.shape[:-2] == b.shape[:-2] and a.dtype is b.dtype and b.strides[-1] == b.itemsize
        return np.matmul(a, b, out=np.empty_like(b, shape=(*a.shape[:-1], b.shape[-1])) if alike else None)
    if a.ndim < 3 or a.shape[-1] != b.shape[0]:
        return a.dot(b) if a.ndim < 3 else np.matmul(a, b)
    return a.reshape(math.prod(a.shape[:-1]), len(b)).dot(b).reshape(a.shape[:-1] + b.shape[1:])


def total(x: Any, axis: tuple[int, ...] | None, keepdims: bool = False) -> Any:
    """np.add.reduce; of a large array over first axes, or a short last one, by a product with ones: that is faster.

    NumPy too adds up to 128 numbers of a row without halving them.
    """
    if axis and type(x) is np.ndarray and x.size > WORTH_ONES and len(axis) < x.ndim and x.dtype.kind == "f":
        if axis == (0,) or axis == tuple(range(len(axis))):
            y = over_first(x, len(axis))
            return y.reshape((*[1] * len(axis), *y.shape)) if keepdims else y
        if axis in ((-1,), (x.ndim - 1,)) and x.shape[-1] <= 128:
            terms = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
            y = terms.dot(ones(x.shape[-1], x.dtype))
            return y.reshape((*x.shape[:-1], 1) if keepdims else x.shape[:-1])
    whole: Any = np.add.reduce
    return whole(x, axis=axis, keepdims=keepdims)


def over_first(x: Array, count: int) -> Array:
    """The sum over so many first axes, but not over all; of a large array by a product with ones.

    NumPy too adds first axes up one after another.
    """
    if x.size <= WORTH_ONES or x.dtype.kind != "f":
        return np.asarray(np.add.reduce(x, axis=tuple(range(count))))
    if x.ndim == 2:
        return ones(len(x), x.dtype).dot(x)
    left = x.shape[count:]
    terms = x.reshape(math.prod(x.shape[:count]), -1)
    return ones(len(terms), x.dtype).dot(terms).reshape(left)


def ones(count: int, dtype: np.dtype[Any]) -> Array:
    """So many ones, to be read: few are made once."""
    return _few_ones(count, dtype.char) if count <= FEW_ONES else np.ones(count, dtype)


_few_ones = lru_cache(maxsize=64)(np.ones)


def mean(x: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """The sum by how many numbers go into it; NaN of nothing."""
    s = total(x := np.asarray(x), axis, keepdims)
    return s / (x.size / (s.size or 1))


def broadcast_to(x: Array, shape: tuple[int, ...]) -> Array:
    """x repeated to `shape`; a copy, which is made, and read later, faster than NumPy's view with strides of 0.

    Except where the last axis is repeated: every operation knows how to take one number for a whole run.
    """
    if len(shape_of(x)) > len(shape):  # which the assignment would allow
        raise ValueError(f"{len(shape_of(x))} axes cannot become {len(shape)}")
    if shape_of(x)[-1:] == (1,) != shape[-1:]:
        return np.broadcast_to(x, shape)
    out = np.empty(shape, dtype_of(x))
    out[...] = x
    return out


@lru_cache(maxsize=256)
def order_back(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The order of axes that undoes one."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def part(x: Any, index: Any) -> Any:
    """x[index]; whole rows, as of embeddings, by np.take, a third of the time."""
    x = np.asarray(x)
    return x.take(index, 0) if type(index) is np.ndarray and index.dtype.kind == "i" and x.ndim else x[index]


def scatter(g: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """The adjoint of x[index]: zeros of x's shape to which g is added at that index."""
    if type(index) is np.ndarray and (sums := _sums_of_few_rows(g, index, shape)) is not None:
        return sums
    out = np.zeros(shape, dtype_of(g))
    if _picks_of_rows(index, shape):
        out[index] = g
        keep(out, Picks(index, g))
    elif type(index) is tuple and all(type(part) is slice or type(part) is int for part in index):
        out[index] = g  # no place twice
    else:
        add_at(out, g, index)
    return out


def _picks_of_rows(index: Any, shape: tuple[int, ...]) -> bool:
    if len(shape) != 2 or type(index) is not tuple or len(index) != 2 or type(index[0]) is not np.ndarray:
        return False
    return index[0].shape == shape[:1] and index[0] is row_numbers(shape[0])


def are_indices(numbers: Array, count: int) -> bool:
    """Whether all are integers from 0 to count - 1, by one look: without its sign a negative one is larger."""
    return numbers.dtype == np.intp and bool(np.maximum.reduce(numbers.view(np.uintp), None, initial=0) < count)


@lru_cache(maxsize=16)
def row_numbers(count: int) -> Array:
    """0, 1, 2, ... for so many rows, once for all indices that pick one number of each row."""
    numbers = np.arange(count)
    numbers.setflags(write=False)
    return numbers


def add_at(total: Array, g: Array, index: Any) -> None:
    """Add g to `total` at that index, in place, also where the index names a place twice."""
    forget(total)
    arrays = [part for part in (index if type(index) is tuple else (index,)) if isinstance(part, np.ndarray)]
    if not arrays:
        total[index] += g  # no place twice: ten times as fast
    elif np.size(g) <= WORTH_ONES or not total.flags.c_contiguous:
        np.add.at(total, index, g)
    elif type(index) is not np.ndarray or index.dtype.kind not in "iu":
        numbered = len(arrays) == len(index) == total.ndim and all(part.dtype.kind in "iu" for part in arrays)
        where = np.ravel_multi_index(index, total.shape, mode="wrap") if numbered else places(total.shape)[index]
        np.add.at(total.reshape(-1), where.reshape(-1), np.reshape(g, -1))  # eight times as fast
    elif (sums := _sums_of_few_rows(g, index, total.shape)) is not None:
        total += sums
    else:
        rows, width = index.reshape(-1).astype(np.intp), total[0].size
        np.add.at(total.reshape(-1), (rows[:, None] * width + np.arange(width)).reshape(-1), np.reshape(g, -1))


def _sums_of_few_rows(g: Array, index: Array, shape: tuple[int, ...]) -> Array | None:
    """Rows of g, as of embeddings, added up where the index names one; None where a product is not the way to do it."""
    count, width = shape[0], math.prod(shape[1:])
    if index.dtype.kind not in "iu" or not 0 < count <= min(FEW_ROWS, 4 * width) or not math.isfinite(np.vdot(g, g)):
        return None
    rows = index.reshape(-1)
    hits = np.zeros((len(rows), count), g.dtype)
    hits[np.arange(len(rows)), rows] = 1.0
    return np.dot(hits.T, g.reshape(len(rows), width)).reshape(shape)


def places(shape: tuple[int, ...]) -> Array:
    """An array of that shape with the places of its numbers, one after the other."""
    return np.arange(math.prod(shape)).reshape(shape)
