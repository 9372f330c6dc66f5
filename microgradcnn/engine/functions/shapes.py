"""Functions that arrange numbers, and compute none: shapes, axes, parts, joined arrays, dtypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, axis_of, explained, of_many, of_one
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
    return primitives.concatenate(*values, axis=axis_of("concatenate", axis))


@of_many
@explained
def stack(values: Sequence[Operand], axis: int = 0) -> Any:
    """Values of one shape joined along a new axis."""
    return primitives.stack(*values, axis=axis_of("stack", axis))


def _index_array(part: Any) -> Array:
    check_unmasked(part)
    array = np.array(part)
    return array if array.size or isinstance(part, np.ndarray) else array.astype(np.intp)
