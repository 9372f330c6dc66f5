"""The mean squared error, and losses of classes that are right in both tails; shapes that mispair are refused."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.engine.arrays import Array, bare_array, shape_of
from microgradcnn.engine.value import Value


def mse_loss(prediction: Any, target: Any, *, reduction: str = "mean") -> Value:
    """The mean of (prediction − target)². Raises ValueError unless both have one shape: broadcasting mispairs them."""
    _same_shape(prediction, target)
    return _reduced(mg.square(prediction - target), reduction)


def binary_cross_entropy_with_logits(logits: Any, target: Any, *, reduction: str = "mean") -> Value:
    """The mean of −y log σ(a) − (1 − y) log(1 − σ(a)) for logits a and targets y in [0, 1], both of one shape.

    Written with softplus, log(1 + exp(a)), so that a logit of −1000 against 1 costs 1000 and its gradient is −1. Raises
    ValueError for other shapes, or a target outside [0, 1].
    """
    _same_shape(logits, target)
    target, numbers = _target(target)
    if not ((numbers >= 0.0) & (numbers <= 1.0)).all():
        raise ValueError(f"the targets must lie in [0, 1], and these go {_span(numbers)}")
    return _reduced(target * mg.softplus(-logits) + (1.0 - target) * mg.softplus(logits), reduction)


def hinge_loss(score: Any, target: Any, *, reduction: str = "mean") -> Value:
    """The mean of max(0, 1 − y·score) for scores and targets y = ±1, both of one shape; its derivative at 1 is 0.

    Raises ValueError for other shapes, or a target that is neither −1 nor 1.
    """
    _same_shape(score, target)
    target, numbers = _target(target)
    if not np.isin(numbers, (-1.0, 1.0)).all():
        raise ValueError(f"the targets must be -1 or 1, and these go {_span(numbers)}")
    return _reduced(mg.relu(1.0 - target * score), reduction)


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Value:
    """The mean of −log softmax(logits)[target] for logits (n, classes) and class numbers (n,).

    Class numbers in a Value may be inputs of a program; where it is called with one that is no class, the loss is NaN.
    Raises ValueError for other shapes, or a target that is no class number.
    """
    target, classes = _target(target)
    n, k = shape_of(logits) if len(shape_of(logits)) == 2 else (-1, -1)
    if classes.shape != (n,) or not np.isin(classes, np.arange(k)).all():
        raise ValueError(
            f"cross_entropy takes logits (n, classes) and n class numbers from 0, not logits of shape "
            f"{shape_of(logits)} and targets of shape {classes.shape} ({_span(classes)})"
        )
    log_p = mg.log_softmax(logits)
    if not isinstance(target, Value):
        return -_reduced(log_p[np.arange(n), classes.astype(int)], reduction)
    hit, one = mg.equal(target.reshape(-1, 1), np.arange(k, dtype=log_p.dtype)), log_p.dtype.type(1.0)
    hits = mg.sum(mg.where(hit, one, 0.0 * one), axis=1)  # 1, or 0 where the target is no class
    return -_reduced(mg.sum(mg.where(hit, log_p, 0.0), axis=1) / hits, reduction)


def _reduced(losses: Any, reduction: str) -> Value:
    if reduction not in ("mean", "none"):
        raise ValueError(f"the reduction is mean or none, not {reduction!r}")
    return mg.mean(losses) if reduction == "mean" else losses


def _target(target: Any) -> tuple[Any, Array]:
    """The target as a Value or an array, and its numbers."""
    if isinstance(target, Value):
        return target, np.asarray(target.data)
    numbers = bare_array(target)
    return numbers, numbers


def _span(numbers: Array) -> str:
    if numbers.dtype.kind not in "biuf":
        return f"of type {numbers.dtype}"
    return f"from {numbers.min()} to {numbers.max()}" if numbers.size else "none"


def _same_shape(prediction: Any, target: Any) -> None:
    if np.shape(prediction) != np.shape(target):
        raise ValueError(
            f"the predictions have shape {np.shape(prediction)} and the targets {np.shape(target)}: "
            "broadcasting would pair each with every other, so reshape one of them"
        )
