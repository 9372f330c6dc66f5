"""The part of the table that is attention: the softmax of products of queries and keys, in one piece."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine import kernels
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.keeping import keep, kept
from microgradcnn.engine.normalising import log_softmax
from microgradcnn.engine.primitives import sum, times
from microgradcnn.engine.record import Primitive
from microgradcnn.engine.table.layers import plus

_SEEN = 1e-3  # a sum of a row's exponentials, all less the largest of all rows, from which on no digit is lost by that


def _scores(q: Array, k: Array, mask: Any, scale: float) -> Array:
    scores = kernels.matmul(q, k.swapaxes(-1, -2))
    scores = np.multiply(scores, scale, out=scores if scores.dtype.kind == "f" else None)
    if type(mask) is float and mask == 0.0:
        return scores
    return plus(scores, mask)


def _attention_weights(q: Array, k: Array, mask: Any, scale: float) -> Array:
    """The softmax of each row of scores: all less one number, the largest of all, if no row is far below.

    Else each less its own largest, as log_softmax has it, also where something is not finite.
    """
    shares = _scores(q, k, mask, scale)
    shares -= np.maximum.reduce(shares, None, initial=-np.inf)
    np.exp(shares, out=shares)
    sums = kernels.total(shares, (-1,), keepdims=True)
    if not np.minimum.reduce(sums, None, initial=1.0) > _SEEN:
        return np.exp(log_softmax(_scores(q, k, mask, scale), -1))
    shares /= sums
    return shares


def _sent_to_scores(g: Any, y: Any, q: Any, k: Any, mask: Any, scale: float) -> Any:
    """y ⊙ (g - Σ y ⊙ g), of arrays once for all inputs that need it."""
    if type(g) is not np.ndarray or type(y) is not np.ndarray:
        return y * (g - sum(y * g, axis=(-1,), keepdims=True))
    made = kept(y)
    if made is None or made[0] is not g:
        sent = g - kernels.total(y * g, (-1,), keepdims=True)
        sent *= y
        keep(y, made := (g, sent))
    return made[1]


# One primitive for its time: a composition takes twice as long, over five nodes and the arrays between them.
attention_weights: Primitive = Primitive(
    "attention_weights",
    _attention_weights,
    (
        lambda g, y, q, k, mask, scale: times(_sent_to_scores(g, y, q, k, mask, scale), k) * scale,
        lambda g, y, q, k, mask, scale: times(_sent_to_scores(g, y, q, k, mask, scale).swapaxes(-1, -2), q) * scale,
        _sent_to_scores,
    ),
    "softmax(q @ swapaxes(k, -1, -2) * scale + mask)",
    repeats=True,
    composed=True,
)
