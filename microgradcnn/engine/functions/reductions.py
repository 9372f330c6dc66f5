"""Functions that take axes together, or along one: sums, means, extremes, and the softmax."""

from __future__ import annotations

from typing import Any

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Axis, Operand, axes_of, axis_of, explained, of_one
from microgradcnn.engine.functions.elementwise import exp


@of_one
@explained
def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over all axes, or over one or several."""
    return primitives.sum(x, axis=axes_of("sum", axis), keepdims=keepdims)


@of_one
@explained
def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over all axes, or over one or several; NaN of nothing."""
    return primitives.mean(x, axis=axes_of("mean", axis), keepdims=keepdims)


@of_one
@explained
def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest over all axes, or over one or several; ties share the gradient."""
    return primitives.max(x, axis=axes_of("max", axis), keepdims=keepdims)


@of_one
@explained
def log_softmax(x: Operand, axis: int = -1) -> Any:
    """x - log Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return primitives.log_softmax(x, axis=axis_of("log_softmax", axis))


@of_one
@explained
def softmax(x: Operand, axis: int = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis, value and gradient right to 1e-12 in both tails."""
    return exp(log_softmax(x, axis))


@of_one
@explained
def normalised(x: Operand, axis: Axis = None, eps: float = 1e-5) -> Any:
    """(x - mean)/√(variance + eps) over all axes, or over one or several; the variance is the biased one."""
    return primitives.normalised(x, axis=axes_of("normalised", axis), eps=float(eps))
