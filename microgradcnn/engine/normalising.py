"""Normalisation and log-softmax of raw arrays, there and back: what the way there computed serves the way back."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.keeping import Picks, keep, kept
from microgradcnn.engine.kernels import WORTH_ONES, mean, ones, row_numbers, total

SHORT, MANY = 128, 2048  # bytes of a row, numbers in all: with them the largest is found in all rows at a time


def normalised(x: Array, axis: tuple[int, ...] | None, eps: float) -> Array:
    """(x - mean)/√(variance + eps) over the axes."""
    x = np.asarray(x)
    y, scale = _centred(x, axis, eps)
    y /= scale
    y = y.reshape(x.shape)
    keep(y, scale)
    return y


def normalised_back(g: Array, y: Array, x: Array, axis: tuple[int, ...] | None, eps: float) -> Array:
    """(g - mean of g - y·(mean of g·y))/√(variance + eps)."""
    if (scale := kept(y)) is None:
        _, scale = _centred(x, axis, eps)
    shape, (table, mean) = g.shape, _table(g.shape, g.dtype, axis)
    g, y = g.reshape(table), y.reshape(table)
    along = g * y
    np.multiply(y, mean(along), out=along)
    sent = g - mean(g)
    sent -= along
    sent /= scale
    return sent.reshape(shape)


def _centred(x: Array, axis: tuple[int, ...] | None, eps: float) -> tuple[Array, Array]:
    """x - mean and √(variance + eps), as tables."""
    shape, mean = _table(x.shape, x.dtype, axis)
    table = x.reshape(shape)
    y = table - mean(table)
    return y, np.sqrt(mean(np.square(y)) + eps)


@lru_cache(maxsize=64)
def _table(
    shape: tuple[int, ...], dtype: np.dtype[Any], axis: tuple[int, ...] | None
) -> tuple[tuple[int, ...], Callable[[Array], Array]]:
    """The shape of a table with the rows of such arrays, and a function of it: the means over the axes, which stay.

    A table is faster than many axes. Where the axes are others than its rows or columns, arrays stay what they are.
    """
    size, ndim = math.prod(shape), len(shape)
    if size > WORTH_ONES and dtype.kind == "f":
        if ndim == 2 and axis == (0,):
            rows, weights = shape[0], ones(shape[0], dtype)
            return shape, lambda t: weights.dot(t) / rows
        if axis in ((-1,), (ndim - 1,)) and ndim > 1 and shape[-1] <= 128:
            columns, summing = shape[-1], ones(shape[-1], dtype)
            return (size // columns, columns), lambda t: t.dot(summing)[:, None] / columns
    return shape, lambda t: mean(t, axis, keepdims=True)


def log_softmax(x: Array, axis: int) -> Array:
    """x - m - log(1 + the rest) with m the largest: no number near 1 is rounded before its logarithm is taken."""
    if type(x) is np.ndarray and x.ndim == 2 and axis in (-1, 1):  # most often
        return _log_softmax_of_rows(np.ascontiguousarray(x)) if x.size else x
    if not np.size(x):
        return np.asarray(x)
    last = np.asarray(x).swapaxes(axis, -1)
    flat = np.ascontiguousarray(last.reshape(-1, last.shape[-1]))
    return _log_softmax_of_rows(flat).reshape(last.shape).swapaxes(axis, -1)


def _log_softmax_of_rows(flat: Array) -> Array:
    if flat.dtype.kind != "f":
        flat = flat.astype(np.float64)
    short = flat.size >= MANY and flat.shape[1] * flat.itemsize <= SHORT
    if short and (found := _log_softmax_of_short_rows(flat)) is not None:
        return found
    largest = flat.argmax(1) + flat.shape[1] * row_numbers(len(flat))
    shifted = flat - flat.take(largest)[:, None]
    rest = np.exp(shifted)
    rest.put(largest, 0.0)
    shifted -= np.log1p(total(rest, (1,), keepdims=True))
    return shifted


def _log_softmax_of_short_rows(flat: Array) -> Array | None:
    """The same without a branch on where the largest is: all that are as large leave the rest, and all but one return.

    The processor guesses that place of most rows wrong, which takes as long as their exponentials. None where a row has
    a number that is NaN less the largest: what that is depends on its place.
    """
    shifted = flat - np.maximum.reduce(np.ascontiguousarray(flat.T))[:, None]
    largest, weights = np.equal(shifted, 0.0).astype(flat.dtype), ones(flat.shape[1], flat.dtype)
    rest = np.exp(shifted)
    rest -= largest
    sums = np.dot(largest, weights)
    sums -= 1.0
    sums += np.dot(rest, weights)
    if math.isnan(np.vdot(sums, sums)):
        return None
    shifted -= np.log1p(sums)[:, None]
    return shifted


def log_softmax_back(g: Array, y: Array, x: Array, axis: int) -> Array:
    """p(g - Σg) - g(p - 1), for p = exp(y)."""
    sent, picks = np.exp(y), kept(g)
    if type(picks) is Picks and axis in (-1, 1):  # all else of g is 0, and Σg what was picked
        sent *= -picks.numbers[:, None]
        sent[picks.at] = -picks.numbers * np.expm1(y[picks.at])
        return sent
    sent *= g - total(g, (axis,), keepdims=True)
    less = np.expm1(y)
    less *= g
    sent -= less
    return sent
