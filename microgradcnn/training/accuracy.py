"""How right predictions are: the share of rows whose class, by the rule of their loss, is the target's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.value import Value


def at_least_half(prediction: Value, y: Any) -> Value:
    """The share of ŷ that are ≥ ½ where y is 1, and below where it is 0."""
    return _share(mg.equal(mg.where(prediction >= 0.5, 1.0, 0.0), y), 1.0)


def _largest(logits: Value, target: Any) -> Value:
    """The share of rows whose target has the largest logit, and no other class one as large."""
    one = logits.dtype.type(1.0)
    hit = mg.equal(target.reshape(-1, 1), np.arange(logits.shape[1], dtype=logits.dtype))
    own = mg.sum(mg.where(hit, logits, 0.0 * one), axis=1, keepdims=True)
    return _share(mg.equal(mg.sum(mg.where(logits >= own, one, 0.0 * one), axis=1), one), one)


def _above(logits: Value, target: Any) -> Value:
    """The share of logits that are ≥ 0 where the target is 1, and below where it is 0."""
    one = logits.dtype.type(1.0)
    return _share(mg.equal(mg.where(logits >= 0.0, one, 0.0 * one), target), one)


def _signs(score: Value, target: Any) -> Value:
    """The share of scores that are ≥ 0 where the target is 1, and below where it is −1."""
    one = score.dtype.type(1.0)
    return _share(mg.equal(mg.where(score >= 0.0, one, -one), target), one)


def _share(right: Any, one: Any) -> Value:
    return mg.mean(mg.where(right, one, 0.0 * one))


ACCURACIES: dict[Callable[[Any, Any], Value], Callable[[Value, Any], Value]] = {
    nn.cross_entropy: _largest,
    nn.binary_cross_entropy_with_logits: _above,
    nn.hinge_loss: _signs,
}
