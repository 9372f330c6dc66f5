"""Functions that work element by element, by broadcasting: what is made of each number alone, or of two or three."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, explained, of_one, of_three, of_two
from microgradcnn.engine.arrays import as_data


@of_one
def exp(x: Operand) -> Any:
    """The exponential, element by element."""
    return primitives.exp(x)


@of_one
def expm1(x: Operand) -> Any:
    """exp(x) - 1, right for small x too."""
    return primitives.expm1(x)


@of_one
def log(x: Operand) -> Any:
    """The natural logarithm: -inf at 0, NaN below."""
    return primitives.log(x)


@of_one
def log1p(x: Operand) -> Any:
    """log(1 + x), right for small x too."""
    return primitives.log1p(x)


@of_one
def sqrt(x: Operand) -> Any:
    """The square root: NaN below 0; its derivative at 0 is inf."""
    return primitives.sqrt(x)


@of_one
def square(x: Operand) -> Any:
    """x²."""
    return primitives.square(x)


@of_one
def sigmoid(x: Operand) -> Any:
    """σ(x) = 1/(1 + exp(-x)), the lecture's activation; its derivative is σ(x)(1 - σ(x))."""
    return primitives.sigmoid(x)


@of_one
def tanh(x: Operand) -> Any:
    """The hyperbolic tangent."""
    return primitives.tanh(x)


@of_one
def relu(x: Operand) -> Any:
    """x where x > 0, otherwise 0; its derivative at 0 is 0."""
    return primitives.relu(x)


@of_one
def softplus(x: Operand) -> Any:
    """log(1 + exp(x)), right in both tails; its derivative is σ(x)."""
    return primitives.softplus(x)


@of_one
def abs(x: Operand) -> Any:
    """The absolute value; its derivative at 0 is 0."""
    return primitives.abs(x)


@of_one
def negative(x: Operand) -> Any:
    """-x."""
    return primitives.neg(x)


@of_two
def power(x: Operand, exponent: Operand) -> Any:
    """x to the power of a number, or of a Value or an array (which may be differentiated as well)."""
    if type(exponent) is int and -(2**53) < exponent < 2**53:
        return primitives.power(x, exponent=exponent)
    if isinstance(exponent, int | float | np.integer | np.floating) and not isinstance(exponent, bool):
        return primitives.power(x, exponent=float(as_data(exponent)))
    return primitives.pow(x, exponent)


@of_two
def maximum(a: Operand, b: Operand) -> Any:
    """The larger of two, element by element; a tie shares the gradient."""
    return primitives.maximum(a, b)


@of_two
def minimum(a: Operand, b: Operand) -> Any:
    """The smaller of two, element by element; a tie shares the gradient."""
    return primitives.minimum(a, b)


@of_two
def equal(a: Operand, b: Operand) -> Any:
    """Where a equals b, as booleans; `==` between Values asks whether they are the same node."""
    return primitives.equal(a, b)


@of_three
@explained
def where(condition: Operand, a: Operand, b: Operand) -> Any:
    """a where the condition holds, otherwise b; nothing flows back into what was not taken, not even NaN."""
    return primitives.where(condition, a, b)
