"""The part of the table that networks are made of, each in one piece: a linear map, two norms and cross-entropy.

They are primitives for their time: each saves nodes, and arrays between them, in every layer of a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.engine import kernels
from microgradcnn.engine.arrays import Array, shape_of
from microgradcnn.engine.keeping import keep, kept
from microgradcnn.engine.primitives import (
    broadcast_to,
    exp,
    expm1,
    log_softmax,
    normalised,
    normalised_rule,
    scatter,
    times,
)
from microgradcnn.engine.record import Primitive


def plus(y: Any, b: Any) -> Any:
    """y + b, in y itself, which nobody else has, where b has its type and its last axes."""
    if type(y) is type(b) is np.ndarray and b.dtype is y.dtype and b.shape == y.shape[y.ndim - b.ndim :]:
        y += b
        return y
    return y + b


def _linear(x: Array, weight: Array, bias: Array) -> Array:
    if len(shape_of(weight)) != 2 or shape_of(bias) != weight.shape[:1]:
        raise ValueError("a weight is (outputs, inputs), and a bias (outputs,)")
    return plus(kernels.matmul(x, weight.T), bias)


def _linear_input_rule(g: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
    return times(g, weight)


def _linear_weight_rule(g: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
    if len(shape_of(x)) != 2:  # every row goes through the one matrix
        (outputs, inputs), rows = shape_of(weight), math.prod(shape_of(x)[:-1])
        g, x = g.reshape((rows, outputs)), x.reshape((rows, inputs))
    return times(g.T, x)


linear: Primitive = Primitive(
    "linear",
    _linear,
    (_linear_input_rule, _linear_weight_rule, lambda g, y, x, weight, bias: g),
    "x @ weight.T + bias",
    composed=True,
)


def _normalised_and_scaled(x: Array, weight: Array, bias: Array, axis: tuple[int, ...], eps: float) -> Array:
    made = normalised.forward(x, axis, eps)
    y = plus(made * weight, bias)
    keep(y, made)
    return y


def _layer_norm(x: Array, weight: Array, bias: Array, axis: tuple[int, ...], eps: float) -> Array:
    if not shape_of(weight) == shape_of(bias) == shape_of(x)[-len(axis) :]:
        raise ValueError("a weight and a bias are of the shape that is normalised")
    return _normalised_and_scaled(x, weight, bias, axis, eps)


def _batch_norm(x: Array, weight: Array, bias: Array, axis: tuple[int, ...], eps: float) -> Array:
    if not shape_of(weight) == shape_of(bias) == (shape_of(x)[1], *[1] * (len(shape_of(x)) - 2)):
        raise ValueError("a weight and a bias have a number for each feature")
    return _normalised_and_scaled(x, weight, bias, axis, eps)


def _normalised_of(y: Any, x: Any, axis: tuple[int, ...], eps: float) -> Any:
    """What was kept for the norm y, or computed anew, as in a graph."""
    return normalised(x, axis=axis, eps=eps) if (made := kept(y)) is None else made


def _norm_rule(g: Any, y: Any, x: Any, weight: Any, bias: Any, axis: tuple[int, ...], eps: float) -> Any:
    return normalised_rule(g * weight, _normalised_of(y, x, axis, eps), x, axis=axis, eps=eps)


def _norm(name: str, forward: Callable[..., Any]) -> Primitive:
    rules = (
        _norm_rule,
        lambda g, y, x, weight, bias, axis, eps: g * _normalised_of(y, x, axis, eps),
        lambda g, y, x, weight, bias, axis, eps: g,
    )
    return Primitive(name, forward, rules, "normalised(x, axis=axis, eps=eps) * weight + bias", composed=True)


layer_norm = _norm("layer_norm", _layer_norm)
batch_norm = _norm("batch_norm", _batch_norm)


def _cross_entropy(x: Array, index: tuple[Array, Array]) -> Any:
    log_p = log_softmax.forward(x, 1)
    keep(index[1], (x, log_p))  # the value is a number, but every call has an index of its own
    return -np.add.reduce(log_p[index]) / len(x)


def _cross_entropy_rule(g: Any, y: Any, x: Any, index: tuple[Array, Array]) -> Any:
    """(p - 1 at the classes, p elsewhere)·g/rows, for p = exp(log p) and p - 1 = expm1(log p)."""
    share = g / len(x)
    if type(x) is not np.ndarray:
        log_p = log_softmax(x, axis=1)
        picked = scatter(broadcast_to(-share, shape=shape_of(x)[:1]), index=index, shape=shape_of(x))
        return exp(log_p) * (picked + share) - picked * expm1(log_p)  # log_softmax's rule, for which Σg is -share
    of_x, log_p = kept(index[1]) or (None, None)
    if of_x is not x:
        log_p = log_softmax.forward(x, 1)
    sent = np.exp(log_p)
    sent[index] = np.expm1(log_p[index])
    sent *= share
    return sent


cross_entropy: Primitive = Primitive(
    "cross_entropy", _cross_entropy, (_cross_entropy_rule,), "-mean(log_softmax(x, axis=1)[index])", composed=True
)
