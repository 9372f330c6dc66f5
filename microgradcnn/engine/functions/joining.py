"""Functions that make larger arrays or smaller ones: numbers repeated, shifted, framed, joined side by side, split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Axis, Operand, check_integers, explained, integers_of, of_many, of_one, shown
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.functions.shapes import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    concatenate,
    getitem,
    place,
    places,
    ravel,
    reshape,
    shape,
)
from microgradcnn.engine.value import Value

PADS = ("constant", "edge", "reflect", "symmetric", "wrap")


@of_one
@explained
def roll(x: Operand, shift: int | Sequence[int], axis: Axis = None) -> Any:
    """The numbers moved on along axes, those that leave at the end coming in at the start; without an axis, of all."""
    shift = integers_of("the shift of roll", shift)
    if axis is None:
        return reshape(roll(ravel(x), np.sum(shift), 0), shape(x))
    shifts, axes = np.broadcast_arrays(shift, places("roll", axis, len(shape(x))))
    for by, at in zip(shifts.tolist(), axes.tolist(), strict=True):
        if length := shape(x)[at]:
            x = concatenate([_along(x, at, slice(-by % length, None)), _along(x, at, slice(None, -by % length))], at)
    return x


@of_one
@explained
def repeat(x: Operand, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Every number, or every part along an axis, several times in a row; without an axis, of x made flat."""
    if axis is None:
        return repeat(ravel(x), repeats, 0)
    at = place("repeat", axis, len(shape(x)))
    return _along(x, at, np.repeat(np.arange(shape(x)[at]), integers_of("the number of repeats", repeats, 0)))


@of_one
@explained
def tile(x: Operand, reps: int | Sequence[int]) -> Any:
    """x as a whole several times along its axes, the last of `reps` along the last axis."""
    times = tuple(np.atleast_1d(integers_of("the number of tiles", reps, 0)).tolist())
    lengths = (1,) * (len(times) - len(shape(x))) + shape(x)
    x = reshape(x, lengths)
    for at, count in enumerate((1,) * (len(lengths) - len(times)) + times):
        if count != 1:
            x = _along(x, at, np.tile(np.arange(lengths[at]), count))
    return x


@of_one
@explained
def pad(x: Operand, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """x with a frame, (before, after) wide along each axis: of constants, or of numbers of x.

    `mode` is NumPy's "constant", "edge", "reflect", "symmetric" or "wrap". Raises ValueError for another, and for
    widths and constants that are not one number, a pair, or a pair for each axis.
    """
    if mode not in PADS:
        raise ValueError(f"the mode of pad is one of {', '.join(PADS)}, not {mode!r}")
    widths = integers_of("pad_width", _pairs("pad_width", pad_width, shape(x)), 0).tolist()
    constants = _pairs("constant_values", constant_values, shape(x))
    if mode != "constant":
        for at, (length, width) in enumerate(zip(shape(x), widths, strict=True)):
            if any(width):
                x = _along(x, at, np.pad(np.arange(length), width, mode))  # type: ignore[call-overload]
        return x
    lengths = [before + n + after for (before, after), n in zip(widths, shape(x), strict=True)]
    inside = tuple([slice(w[0], w[0] + n) if any(w) else slice(None) for w, n in zip(widths, shape(x), strict=True)])
    framed = primitives.scatter(x, index=inside, shape=tuple(lengths)) if any(map(any, widths)) else x
    if not np.any(constant_values):
        return framed
    for at, ((before, after), values) in enumerate(zip(widths, constants, strict=True)):
        for side, value in ((slice(None, before), values[0]), (slice(lengths[at] - after, None), values[1])):
            if before or after:
                frame = np.zeros([n if i == at else 1 for i, n in enumerate(lengths)], bool)
                frame[(*[slice(None)] * at, side)] = True
                framed = primitives.where(frame, value, framed)
    return framed


@of_many
@explained
def hstack(values: Sequence[Operand]) -> Any:
    """Values joined side by side: along their second axis, vectors along their only one."""
    parts = [atleast_1d(v) for v in values]
    return concatenate(parts, 1 if parts and len(shape(parts[0])) > 1 else 0)


@of_many
@explained
def vstack(values: Sequence[Operand]) -> Any:
    """Values joined below each other: along their first axis, vectors as rows."""
    return concatenate([atleast_2d(v) for v in values], 0)


@of_many
@explained
def dstack(values: Sequence[Operand]) -> Any:
    """Values joined behind each other: along their third axis."""
    return concatenate([atleast_3d(v) for v in values], 2)


@of_many
@explained
def column_stack(values: Sequence[Operand]) -> Any:
    """Values joined side by side, vectors as columns."""
    return concatenate([v if len(shape(v)) > 1 else reshape(v, -1, 1) for v in values], 1)


@explained
def split(x: Operand, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """A list of parts along an axis: so many alike, or cut before these places.

    Raises ValueError where the length cannot be divided.
    """
    at = place("split", axis, len(shape(x)))
    cuts = _cuts("split", indices_or_sections)
    if not cuts.ndim and shape(x)[at] % cuts:
        raise ValueError(f"{shape(x)[at]} along axis {axis} are not {cuts} parts alike: see array_split")
    return array_split(x, indices_or_sections, axis)


@explained
def array_split(x: Operand, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """A list of parts along an axis, as `split` gives them, of which the first may be longer by one."""
    at = place("array_split", axis, len(shape(x)))
    cuts = _cuts("array_split", indices_or_sections)
    if not cuts.ndim:
        lengths = [len(part) for part in np.array_split(np.arange(shape(x)[at]), cuts)]
        cuts = np.cumsum(lengths[:-1], dtype=np.intp)
    places_of_cuts = cuts.tolist()  # which need not ascend
    return [_along(x, at, slice(*ends)) for ends in zip([None, *places_of_cuts], [*places_of_cuts, None], strict=True)]


@explained
def hsplit(x: Operand, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """A list of parts side by side: along the second axis, those of a vector along its only one."""
    return split(x, indices_or_sections, min(1, len(shape(x)) - 1))


@explained
def vsplit(x: Operand, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """A list of parts below each other: along the first axis."""
    return split(x, indices_or_sections, 0)


@explained
def dsplit(x: Operand, indices_or_sections: int | Sequence[int]) -> list[Any]:
    """A list of parts behind each other: along the third axis."""
    return split(x, indices_or_sections, 2)


@of_one
@explained
def append(x: Operand, values: Operand, axis: int | None = None) -> Any:
    """x with others joined to its end along an axis; without one, both made flat."""
    return concatenate([ravel(x), ravel(values)], 0) if axis is None else concatenate([x, values], axis)


@of_one
@explained
def diff(x: Operand, n: int = 1, axis: int = -1) -> Any:
    """Every number minus the one before it along an axis, n times over. Raises ValueError for a negative n."""
    check_integers(n=n)
    if n < 0:
        raise ValueError(f"diff takes differences n times, not {n}")
    at = place("diff", axis, len(shape(x)))
    for _ in range(n):
        x = _along(x, at, slice(1, None)) - _along(x, at, slice(None, -1))
    return x


def _cuts(function: str, given: Any) -> Array:
    """How many parts, as an array of no axes, or the places to cut at. Raises TypeError and ValueError for neither."""
    found: Array = integers_of(f"what {function} cuts into, or at,", given)
    if found.ndim > 1:
        raise ValueError(f"{function} cuts into so many parts, or at places in one list, not {shown(given)}")
    if not found.ndim and found < 1:
        raise ValueError(f"{function} makes one part or more, not {found}")
    return found


def _along(x: Any, axis: int, part: slice | Array) -> Any:
    return getitem(x, (*[slice(None)] * axis, part))


def _pairs(name: str, given: Any, lengths: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """A pair for each axis. Raises ValueError, by the name of the argument, for what is none, TypeError for Values."""
    if isinstance(given, Value):
        raise TypeError(f"{name} is made of plain numbers, not of {given.describe()}: mg.concatenate joins Values")
    try:
        return [tuple(pair) for pair in np.broadcast_to(given, (len(lengths), 2)).tolist()]
    except ValueError:
        raise ValueError(f"{name} is a number, a pair, or a pair for each axis of {lengths}, not {given!r}") from None
