"""Functions of shapes: axes given, exchanged, moved or reversed, parts, joined arrays, dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Axis, Operand, axis_of, check_integers, explained, listed, of_many, of_one
from microgradcnn.engine.arrays import Array, check_unmasked, shape_of
from microgradcnn.engine.value import Value

_BASIC = (int, slice, np.integer, np.bool_, type(...))  # what an index may hold besides None and arrays


@of_one
@explained
def reshape(x: Operand, *shape: Any) -> Any:
    """The same numbers in another shape, given as numbers or as one tuple; one of them may be -1."""
    wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return primitives.reshape(x, shape=tuple(wanted))


@of_one
@explained
def ravel(x: Operand) -> Any:
    """All numbers in one axis, row by row."""
    return primitives.reshape(x, shape=(-1,))


@of_one
@explained
def flatten(x: Operand) -> Any:
    """All numbers in one axis, row by row, as `ravel` gives them."""
    return ravel(x)


@of_one
@explained
def squeeze(x: Operand, axis: Axis = None) -> Any:
    """x without its axes of length 1, or without those given. Raises ValueError for one of another length."""
    lengths = shape(x)
    gone = places("squeeze", axis, len(lengths)) if axis is not None else [i for i, n in enumerate(lengths) if n == 1]
    if long := [i for i in gone if lengths[i] != 1]:
        raise ValueError(
            f"squeeze takes axes of length 1, and axis {long[0]} of shape {lengths} has {lengths[long[0]]}"
        )
    return primitives.reshape(x, shape=tuple([n for i, n in enumerate(lengths) if i not in gone]))


@of_one
@explained
def expand_dims(x: Operand, axis: int | Sequence[int]) -> Any:
    """x with new axes of length 1 at these places of the result."""
    lengths = list(shape(x))
    for place in sorted(places("expand_dims", axis, len(lengths) + len(listed(axis)))):
        lengths.insert(place, 1)
    return primitives.reshape(x, shape=tuple(lengths))


@of_one
@explained
def swapaxes(x: Operand, axis1: int, axis2: int) -> Any:
    """x with two axes exchanged."""
    order = list(range(len(shape(x))))
    a, b = (place("swapaxes", axis, len(order)) for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return primitives.transpose(x, axes=tuple(order))


@of_one
@explained
def moveaxis(x: Operand, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """x with axes moved to these places of the result; the others keep their order."""
    n = len(shape(x))
    taken, wanted = (places("moveaxis", axes, n) for axes in (source, destination))
    if len(taken) != len(wanted):
        raise ValueError(f"moveaxis moves as many axes as it has places, not {source!r} to {destination!r}")
    order = [i for i in range(n) if i not in taken]
    for place, axis in sorted(zip(wanted, taken, strict=True)):
        order.insert(place, axis)
    return primitives.transpose(x, axes=tuple(order))


@of_one
@explained
def rollaxis(x: Operand, axis: int, start: int = 0) -> Any:
    """x with an axis moved back until it lies before the one at `start`."""
    n = len(shape(x))
    at = place("rollaxis", axis, n)
    check_integers(start=start)
    before = start + n if start < 0 else start
    return moveaxis(x, at, before - (before > at))


@of_one
@explained
def flip(x: Operand, axis: Axis = None) -> Any:
    """The order of the numbers reversed, along all axes or those given."""
    n = len(shape(x))
    axes = range(n) if axis is None else places("flip", axis, n)
    return getitem(x, tuple([slice(None, None, -1) if i in axes else slice(None) for i in range(n)])) if n else x


@of_one
@explained
def flipud(x: Operand) -> Any:
    """The order of the rows reversed."""
    return flip(x, 0)


@of_one
@explained
def fliplr(x: Operand) -> Any:
    """The order of the columns reversed."""
    return flip(x, 1)


@of_one
@explained
def rot90(x: Operand, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """x turned k times by a quarter in the plane of two axes, from the first one towards the second."""
    check_integers(k=k)
    plane = places("rot90", axes, len(shape(x)))
    if len(plane) != 2:
        raise ValueError(f"rot90 turns in the plane of two axes, not {axes!r}")
    first, second = plane
    if k % 4 == 2:
        return flip(x, (first, second))
    if k % 4 == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second) if k % 4 == 3 else x


@of_one
@explained
def atleast_1d(x: Operand) -> Any:
    """x with one axis, if it has none."""
    return primitives.reshape(x, shape=shape(x) or (1,))


@of_one
@explained
def atleast_2d(x: Operand) -> Any:
    """x with two axes at least: a vector as a row."""
    lengths = shape(x)
    return primitives.reshape(x, shape=(1,) * (2 - len(lengths)) + lengths)


@of_one
@explained
def atleast_3d(x: Operand) -> Any:
    """x with three axes at least: a vector between two new ones, a matrix before one."""
    lengths = shape(x)
    return primitives.reshape(
        x, shape=(1,) * (len(lengths) < 2) + lengths + (1,) * min(3 - len(lengths), 1 + (not lengths))
    )


@of_one
@explained
def transpose(x: Operand, axes: Sequence[int] | None = None) -> Any:
    """The axes reversed, or in the order given."""
    if axes is not None:
        axes, n = tuple(listed(axes)), len(shape_of(x))
        if {*map(type, axes)} != {int}:
            axes = tuple([axis_of("transpose", a) for a in axes])
        if len(axes) != n:
            pair = ": swapaxes({}, {}) exchanges two".format(*axes) if len(axes) == 2 else ""
            who = x.describe() if isinstance(x, Value) else "an array"
            raise ValueError(f"transpose cannot take {who} of {n} axes in the order {axes}: it has to name all{pair}")
        if min(axes, default=0) < 0:
            axes = tuple([a + n if -n <= a < 0 else a for a in axes])
    return primitives.transpose(x, axes=axes)


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
    fixed = tuple([part if part is None or isinstance(part, _BASIC) else _index_array(part) for part in parts])
    return primitives.getitem(x, index=fixed if isinstance(index, tuple) else fixed[0])


@of_many
@explained
def concatenate(values: Sequence[Operand], axis: int = 0) -> Any:
    """Values joined along an axis that they have."""
    return primitives.concatenate(*values, axis=axis_of("concatenate", axis))


@of_many
@explained
def stack(values: Sequence[Operand], axis: int = 0) -> Any:
    """Values of one shape joined along a new axis."""
    return primitives.stack(*values, axis=axis_of("stack", axis))


def shape(x: Operand) -> tuple[int, ...]:
    """The shape of a Value, or of what NumPy makes an array of."""
    return x.shape if isinstance(x, Value) else np.shape(x)


def places(function: str, axis: int | Sequence[int], n: int) -> list[int]:
    """One axis or several, each counted from the first of n. Raises ValueError for one that there is not, or twice."""
    axes = [axis_of(function, a) for a in listed(axis)]
    if wrong := [a for a in axes if not -n <= a < n]:
        raise ValueError(f"{function} has no axis {wrong[0]} to take: there are {n}")
    found = [a % n for a in axes]
    if len(set(found)) < len(found):
        raise ValueError(f"{function} takes every axis once, not {axis!r}")
    return found


def place(function: str, axis: int, n: int) -> int:
    """One axis, counted from the first of n. Raises TypeError for what is none, ValueError for one beyond them."""
    return places(function, axis_of(function, axis), n)[0]


def _index_array(part: Any) -> Array:
    if isinstance(part, Value):
        raise TypeError(
            "an index cannot be a Value: mg.where chooses by a condition, .data takes the index of this moment, "
            "and mg.take takes parts at places that a Value has"
        )
    check_unmasked(part)
    array = np.array(part)
    return array if array.size or isinstance(part, np.ndarray) else array.astype(np.intp)
