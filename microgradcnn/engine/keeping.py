"""What was computed on the way to an array, kept as long as that lives: for a rule that gets the array.

A rule may be called with the value of any node, so what was kept for that array is never needed, only faster.
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.arrays import Array

_kept: dict[int, tuple[weakref.ref[Array], Any]] = {}  # by the id of the array that it was computed for


class Picks(NamedTuple):
    """What is kept for an array of zeros but for one number in each row: where that stands, and these numbers."""

    at: tuple[Array, Array]
    numbers: Array


def keep(y: Any, made: Any) -> None:
    """Keep what was made for y, as long as y lives.

    A number, which a Value holds in another form than NumPy, is nothing to keep it for.
    """
    if type(y) is np.ndarray and y.ndim:
        place = id(y)
        _kept[place] = weakref.ref(y, lambda _: _kept.pop(place, None)), made


def kept(y: Any) -> Any:
    """What was kept for this very array; None if nothing was."""
    found = _kept.get(id(y))
    return found[1] if found is not None and found[0]() is y else None


def forget(y: Array) -> None:
    """Keep nothing more for y, which is about to change."""
    _kept.pop(id(y), None)
