"""Functions that choose numbers by their places, and put them in order: taking, sorting, running sums.

Places may be a Value, such as an input of a program: its numbers are whole, as class numbers are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, axis_of, explained, of_one, of_two
from microgradcnn.engine.arrays import Array, shape_of
from microgradcnn.engine.functions.shapes import getitem, place, ravel, shape
from microgradcnn.engine.table import axes
from microgradcnn.engine.value import Value


@of_two
@explained
def take(x: Operand, indices: Operand, axis: int | None = None) -> Any:
    """The numbers of x at these places, the parts of x along an axis, or rows of a table as an embedding takes them.

    The shape is x's with that of the indices in the place of the axis; without an axis x is flat. Raises IndexError for
    a place that there is not, ValueError for one that is no whole number.
    """
    x, axis = _along("take", x, axis)
    if isinstance(indices, Value):
        return axes.take(x, indices, axis=axis)
    at = place("take", axis, len(shape(x)))
    return getitem(x, (*[slice(None)] * at, axes.whole(indices)))


@of_two
@explained
def take_along_axis(x: Operand, indices: Operand, axis: int | None = -1) -> Any:
    """For every number of `indices` the one of x at that place along the axis, all others being the same.

    Raises IndexError and ValueError as `take` does.
    """
    x, axis = _along("take_along_axis", x, axis)
    if isinstance(indices, Value):
        return axes.take_along_axis(x, indices, axis=axis)
    at = place("take_along_axis", axis, len(shape(x)))
    if np.ndim(indices) != len(shape(x)):
        raise ValueError(f"take_along_axis takes indices of {len(shape(x))} axes, as x has, not {np.ndim(indices)}")
    grid: list[Any] = list(np.ix_(*map(np.arange, shape(x))))
    return getitem(x, (*grid[:at], axes.whole(indices), *grid[at + 1 :]))


@explained
def select(condlist: Sequence[Operand], choicelist: Sequence[Operand], default: Operand = 0) -> Any:
    """Where the first of the conditions holds, the number of the first choice, and so on; `default` where none does.

    Raises ValueError unless there are as many choices as conditions.
    """
    if len(condlist) != len(choicelist):
        raise ValueError(f"select takes a choice for each condition, not {len(choicelist)} for {len(condlist)}")
    found = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        found = primitives.where(condition, choice, found)
    return found


@of_one
@explained
def sort(x: Operand, axis: int | None = -1) -> Any:
    """The numbers in ascending order along an axis, NaN last; what is equal keeps its order, and its gradient."""
    x, axis = _along("sort", x, axis)
    return axes.take_along_axis(x, axes.order(x, axis=axis), axis=axis) if shape_of(x) else x


@of_one
@explained
def cumsum(x: Operand, axis: int | None = None) -> Any:
    """The sums of all numbers up to each, along an axis; without one, of x made flat."""
    x, axis = _along("cumsum", x, axis)
    return axes.cumsum(x, axis=axis)


@explained
def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest, the first of several, as NumPy's integers of this moment, without a gradient."""
    return np.argmax(_data(x), _axis("argmax", axis), keepdims=keepdims)


@explained
def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest, the first of several, as NumPy's integers of this moment, without a gradient."""
    return np.argmin(_data(x), _axis("argmin", axis), keepdims=keepdims)


@explained
def argsort(x: Operand, axis: int | None = -1) -> Any:
    """The places in ascending order, of equal numbers the first one first, as NumPy's integers of this moment."""
    return np.argsort(_data(x), _axis("argsort", axis), kind="stable")


def _along(function: str, x: Any, axis: Any) -> tuple[Any, int]:
    """x and an axis of it: of x made flat, where the axis is None."""
    return (ravel(x), 0) if axis is None else (x, axis_of(function, axis))


def _axis(function: str, axis: Any) -> int | None:
    return None if axis is None else axis_of(function, axis)


def _data(x: Any) -> Array:
    return np.asarray(x.data if isinstance(x, Value) else x)
