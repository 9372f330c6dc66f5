"""Normalisation and log-softmax of raw arrays, there and back: what the way there computed serves the way back.

A rule may be called with the value of any node, so what was kept for that array is never needed, only faster.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.kernels import mean, total

_kept: dict[int, tuple[weakref.ref[Array], Any]] = {}  # by the id of the array that it was computed for


def keep(y: Any, made: Any) -> None:
    """Keep what was computed on the way to y, as long as y lives: for the rule, which gets y.

    A number, which a Value holds in another form than NumPy, is nothing to keep it for.
    """
    if type(y) is np.ndarray and y.ndim:
        place = id(y)
        _kept[place] = weakref.ref(y, lambda _: _kept.pop(place, None)), made


def kept(y: Any) -> Any:
    """What was kept for this very array; None if nothing was."""
    found = _kept.get(id(y))
    return found[1] if found is not None and found[0]() is y else None


def normalised(x: Array, axis: tuple[int, ...] | None, eps: float) -> Array:
    """(x - mean)/√(variance + eps) over the axes."""
    y = x - mean(x, axis, keepdims=True)
    scale = np.sqrt(mean(np.square(y), axis, keepdims=True) + eps)
    y /= scale
    keep(y, scale)
    return y


def normalised_back(g: Array, y: Array, x: Array, axis: tuple[int, ...] | None, eps: float) -> Array:
    """(g - mean of g - y·(mean of g·y))/√(variance + eps)."""
    if (scale := kept(y)) is None:
        scale = np.sqrt(mean(np.square(x - mean(x, axis, keepdims=True)), axis, keepdims=True) + eps)
    along = g * y
    np.multiply(y, mean(along, axis, keepdims=True), out=along)
    sent = g - mean(g, axis, keepdims=True)
    sent -= along
    sent /= scale
    return sent


def log_softmax(x: Array, axis: int) -> Array:
    """x - m - log(1 + the rest) with m the largest: no number near 1 is rounded before its logarithm is taken."""
    last = np.asarray(x).swapaxes(axis, -1)
    flat = np.ascontiguousarray(last.reshape(-1, last.shape[-1]))
    largest = flat.argmax(1) + np.arange(0, flat.size, flat.shape[1])
    shifted = flat - flat.take(largest)[:, None]
    rest = np.exp(shifted)
    rest.put(largest, 0.0)
    shifted -= np.log1p(total(rest, (1,), keepdims=True))
    return shifted.reshape(last.shape).swapaxes(axis, -1)


def log_softmax_back(g: Array, y: Array, x: Array, axis: int) -> Array:
    """p(g - Σg) - g(p - 1), for p = exp(y)."""
    sent = np.exp(y)
    sent *= g - total(g, (axis,), keepdims=True)
    less = np.expm1(y)
    less *= g
    sent -= less
    return sent
