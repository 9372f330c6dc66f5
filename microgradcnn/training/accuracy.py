"""How right predictions are: the share of rows whose class, by the rule of their loss, is the target's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.value import Value


def at_least(threshold: float, below: float) -> Callable[[Value, Any], Value]:
    """The accuracy of numbers that are to be ≥ the threshold where the target is 1, and less where it is `below`."""

    def accuracy(found: Value, target: Any) -> Value:
        one = found.dtype.type(1.0)
        return _share(mg.equal(mg.where(found >= threshold, one, below * one), target), one)

    return accuracy


def _largest(logits: Value, target: Any) -> Value:
    """The share of rows whose target, or the most probable one, has the largest logit, and no other class one as large.

    A class number that is to be ignored is none, so its row is not right.
    """
    one, classes = logits.dtype.type(1.0), np.arange(logits.shape[1], dtype=logits.dtype)
    if np.shape(target) == logits.shape:
        hit = target >= mg.max(target, axis=1, keepdims=True)
    else:
        places = logits.shape[2:]
        hit = mg.equal(target.reshape(-1, 1, *places), classes.reshape(-1, *[1] * len(places)))
    own = mg.max(mg.where(hit, logits, -np.inf * one), axis=1, keepdims=True)
    return _share(mg.equal(mg.sum(mg.where(logits >= own, one, 0.0 * one), axis=1), one), one)


def _share(right: Any, one: Any) -> Value:
    return mg.mean(mg.where(right, one, 0.0 * one))


ACCURACIES: dict[Callable[[Any, Any], Value], Callable[[Value, Any], Value]] = {
    nn.cross_entropy: _largest,
    nn.binary_cross_entropy_with_logits: at_least(0.0, below=0.0),
    nn.hinge_loss: at_least(0.0, below=-1.0),
}
