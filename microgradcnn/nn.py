"""Losses, with PyTorch's names and shapes; those on logits keep their digits in both tails."""

from __future__ import annotations

from typing import Any

import numpy as np

import microgradcnn.functions as mg
from microgradcnn.arrays import shape_of
from microgradcnn.value import Value


def mse_loss(prediction: Any, target: Any) -> Value:
    """The mean of (prediction − target)². Raises ValueError unless both have one shape: broadcasting mispairs them."""
    _same_shape(prediction, target)
    return mg.mean(mg.square(prediction - target))


def binary_cross_entropy_with_logits(logits: Any, target: Any) -> Value:
    """The mean of −y log σ(a) − (1 − y) log(1 − σ(a)) for logits a and targets y in [0, 1], both of one shape.

    Written with softplus, log(1 + exp(a)), so that a logit of −1000 against 1 costs 1000 and its gradient is −1. Raises
    ValueError for other shapes, or a target outside [0, 1].
    """
    _same_shape(logits, target)
    target = target if isinstance(target, Value) else np.asarray(target)
    numbers = np.asarray(target.data if isinstance(target, Value) else target)
    if not ((numbers >= 0.0) & (numbers <= 1.0)).all():
        raise ValueError(f"the targets must lie in [0, 1], and these go {_span(numbers)}")
    return mg.mean(target * mg.softplus(-logits) + (1.0 - target) * mg.softplus(logits))


def cross_entropy(logits: Any, target: Any) -> Value:
    """The mean of −log softmax(logits)[target] for logits (n, classes) and class numbers (n,).

    Raises ValueError for other shapes, or a target that is no class number.
    """
    classes = np.asarray(target)
    n, k = shape_of(logits) if len(shape_of(logits)) == 2 else (-1, -1)
    if classes.shape != (n,) or not np.isin(classes, np.arange(k)).all():
        raise ValueError(
            f"cross_entropy takes logits (n, classes) and n class numbers from 0, not logits of shape "
            f"{shape_of(logits)} and targets of shape {classes.shape} ({_span(classes)})"
        )
    return -mg.mean(mg.log_softmax(logits)[np.arange(n), classes.astype(int)])


def _span(numbers: np.ndarray[Any, Any]) -> str:
    if numbers.dtype.kind not in "biuf":
        return f"of type {numbers.dtype}"
    return f"from {numbers.min()} to {numbers.max()}" if numbers.size else "none"


def _same_shape(prediction: Any, target: Any) -> None:
    if np.shape(prediction) != np.shape(target):
        raise ValueError(
            f"the predictions have shape {np.shape(prediction)} and the targets {np.shape(target)}: "
            "broadcasting would pair each with every other, so reshape one of them"
        )
