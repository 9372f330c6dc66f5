"""How right predictions are: the share of rows whose class is the target's, by their loss, or R² of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value


def at_least(threshold: float, below: float) -> Callable[[Value, Any], Value]:
    """The accuracy of numbers that are to be ≥ the threshold where the target is 1, and less where it is `below`."""

    def accuracy(found: Value, target: Any) -> Value:
        one = found.dtype.type(1.0)
        return _share(mg.equal(mg.where(found >= threshold, one, below * one), target), one)

    return accuracy


def _largest(logits: Value, target: Any) -> Value:
    """The share of rows whose target has the largest logit, and no other class one as large."""
    one = logits.dtype.type(1.0)
    hit = mg.equal(target.reshape(-1, 1), np.arange(logits.shape[1], dtype=logits.dtype))
    own = mg.sum(mg.where(hit, logits, 0.0 * one), axis=1, keepdims=True)
    return _share(mg.equal(mg.sum(mg.where(logits >= own, one, 0.0 * one), axis=1), one), one)


def _share(right: Any, one: Any) -> Value:
    return mg.mean(mg.where(right, one, 0.0 * one))


ACCURACIES: dict[Callable[[Any, Any], Value], Callable[[Value, Any], Value]] = {
    nn.cross_entropy: _largest,
    nn.binary_cross_entropy_with_logits: at_least(0.0, below=0.0),
    nn.hinge_loss: at_least(0.0, below=-1.0),
}


def r_squared(found: Array, y: Array) -> float:
    """R² of predictions of numbers y, both (n,): 1 − Σ(y − ŷ)²/Σ(y − mean)²; NaN if y are all the same."""
    spread = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((y - found) ** 2)) / spread if spread else math.nan


def mean_absolute_error(found: Array, y: Array) -> float:
    """The mean of |y − ŷ|, both (n,)."""
    return float(np.mean(np.abs(y - found)))
