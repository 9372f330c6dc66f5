"""The part of the table that goes along axes: running sums, norms, orders, and numbers taken by their places.

Places are floats here, as all numbers in a Value are, so that they can be inputs of a program; no gradient flows into
them. Taking numbers and adding them back at their places are each other's rule, by rows or number by number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradcnn.engine import kernels
from microgradcnn.engine.arrays import Array, dtype_of, glimpse, shape_of
from microgradcnn.engine.primitives import equal, exp, getitem, kept, where
from microgradcnn.engine.record import Primitive


def whole(indices: Any) -> Array:
    """Places as integers. Raises ValueError where one is no whole number, TypeError for what is no number at all."""
    places = np.asarray(indices)
    if places.size and places.dtype.kind not in "iubf":
        raise TypeError(f"indices are whole numbers, not {glimpse(indices)}")
    if places.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            found = places.astype(np.intp)
        if (found != places).any():
            wrong = places[found != places].flat[0]
            raise ValueError(f"{wrong} is no place: indices are whole numbers, from 0 or, from the end, from -1")
        return found
    return places.astype(np.intp)


def _order(x: Any, axis: int) -> Array:
    return np.argsort(x, axis=axis, kind="stable").astype(dtype_of(x))


def _index_add(g: Any, indices: Any, axis: int, length: int) -> Array:
    at, count = axis % (np.ndim(g) - np.ndim(indices) + 1), np.ndim(indices)
    before, after = np.shape(g)[:at], np.shape(g)[at + count :]
    parts = (
        np.take(np.arange(length), whole(indices)).reshape(-1, 1) + length * np.arange(math.prod(before))[:, None, None]
    )
    inside = np.arange(math.prod(after))  # one table is large: its places are not counted through
    return _added_at(parts * len(inside) + inside, g, (*before, length, *after))


def _added_at(where: Array, g: Array, shape: tuple[int, ...]) -> Array:
    """Zeros to which g is added at these places, also twice."""
    out = np.zeros(math.prod(shape), dtype_of(g))
    np.add.at(out, where.reshape(-1), np.reshape(g, -1))
    return out.reshape(shape)


def _scatter_add(g: Any, indices: Any, axis: int, length: int) -> Array:
    at = axis % np.ndim(g)
    shape = (*g.shape[:at], length, *g.shape[at + 1 :])
    return _added_at(np.take_along_axis(kernels.places(shape), whole(indices), at), g, shape)


def _logsumexp(x: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=keepdims))
    return total + np.reshape(top, shape_of(total))


logsumexp: Primitive = Primitive(
    "logsumexp",
    _logsumexp,
    (lambda g, y, x, axis, keepdims: kept(g, x, axis) * exp(x - kept(y, x, axis)),),
    "logsumexp(x)",
    repeats=True,
)


def _norm_rule(g: Any, y: Any, x: Any, axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    length = kept(y, x, axis)
    return kept(g, x, axis) * (x / where(equal(length, 0.0), math.inf, length))


vector_norm: Primitive = Primitive(
    "vector_norm",
    lambda x, axis, keepdims: np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims)),
    (_norm_rule,),
    "vector_norm(x)",
    symbol="norm",
    work="product",
    repeats=True,
)


def _cumsum_rule(g: Any, y: Any, x: Any, axis: int) -> Any:
    backwards = (*[slice(None)] * (axis % len(shape_of(x))), slice(None, None, -1))
    return getitem(cumsum(getitem(g, index=backwards), axis=axis), index=backwards)


cumsum: Primitive = Primitive(
    "cumsum", lambda x, axis: np.cumsum(x, axis=axis), (_cumsum_rule,), "cumsum(x)", work="arithmetic"
)
order: Primitive = Primitive("order", _order, (None,), "order(x)")
take: Primitive = Primitive(
    "take",
    lambda x, indices, axis: np.take(x, whole(indices), axis=axis),
    (lambda g, y, x, indices, axis: index_add(g, indices, axis=axis, length=shape_of(x)[axis]), None),
    "take(x, indices)",
    work="moves",
)
index_add: Primitive = Primitive(
    "index_add",
    _index_add,
    (lambda g, y, x, indices, axis, length: take(g, indices, axis=axis), None),
    "index_add(g, indices)",
    work="sum",
)
take_along_axis: Primitive = Primitive(
    "take_along_axis",
    lambda x, indices, axis: np.take_along_axis(x, whole(indices), axis),
    (lambda g, y, x, indices, axis: scatter_add(g, indices, axis=axis, length=shape_of(x)[axis]), None),
    "take_along_axis(x, indices)",
    work="moves",
)
scatter_add: Primitive = Primitive(
    "scatter_add",
    _scatter_add,
    (lambda g, y, x, indices, axis, length: take_along_axis(g, indices, axis=axis), None),
    "scatter_add(g, indices)",
    work="sum",
)
