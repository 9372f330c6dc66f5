"""Functions that work element by element, by broadcasting: what is made of each number alone, or of two or three."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, explained, of_one, of_three, of_two
from microgradcnn.engine.arrays import as_data, dtype_of
from microgradcnn.engine.table import elementary


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


@of_one
def reciprocal(x: Operand) -> Any:
    """1/x."""
    return primitives.div(1.0, x)


@of_one
def sign(x: Operand) -> Any:
    """1 where x > 0, -1 where x < 0, 0 at 0; its derivative is 0."""
    return elementary.sign(x)


@of_one
def floor(x: Operand) -> Any:
    """The largest whole number that is not above x; its derivative is 0."""
    return elementary.floor(x)


@of_one
def ceil(x: Operand) -> Any:
    """The smallest whole number that is not below x; its derivative is 0."""
    return primitives.neg(elementary.floor(primitives.neg(x)))


@of_two
def mod(a: Operand, b: Operand) -> Any:
    """a - b⌊a/b⌋, the remainder with the sign of b; also `a % b`."""
    return elementary.mod(a, b)


@of_one
@explained
def clip(x: Operand, min: Operand = None, max: Operand = None) -> Any:
    """x, but min where x is less, and max where x is more (also where max is less than min); None is no bound.

    The gradient goes to x from min to max, both ends included, otherwise to the bound; PyTorch had it so until 2.14.
    NaN stays NaN.
    """
    if min is not None and max is not None:
        min = primitives.minimum(min, max)
    inside = x if max is None else primitives.where(primitives.greater(x, max), max, x)
    return inside if min is None else primitives.where(primitives.less(x, min), min, inside)


@of_one
@explained
def leaky_relu(x: Operand, negative_slope: float = 0.01) -> Any:
    """x where x > 0, otherwise negative_slope·x, which has its derivative at 0 too."""
    return primitives.where(primitives.greater(x, 0.0), x, primitives.mul(negative_slope, x))


@of_one
def silu(x: Operand) -> Any:
    """x·σ(x), the swish (Hendrycks and Gimpel 2016; Elfwing et al. 2018)."""
    return primitives.mul(x, primitives.sigmoid(x))


@of_one
@explained
def gelu(x: Operand, approximate: str = "none") -> Any:
    """x·Φ(x) with Φ the normal distribution, or "tanh", an approximation to 5e-4 (Hendrycks and Gimpel 2016).

    Raises ValueError for another `approximate` than "none" and "tanh".
    """
    if approximate == "none":
        return primitives.mul(0.5, x) * (1.0 + elementary.erf(primitives.div(x, math.sqrt(2.0))))
    if approximate == "tanh":
        return elementary.gelu_tanh(x)
    raise ValueError(f"approximate is 'none' or 'tanh', not {approximate!r}")


@of_one
def isnan(x: Operand) -> Any:
    """Where x is NaN, as booleans."""
    return primitives.equal(primitives.equal(x, x), False)


@of_one
def isinf(x: Operand) -> Any:
    """Where x is inf or -inf, as booleans."""
    return primitives.equal(primitives.abs(x), math.inf)


@of_one
def isfinite(x: Operand) -> Any:
    """Where x is neither NaN nor inf nor -inf, as booleans."""
    return primitives.less(primitives.abs(x), math.inf)


@of_one
@explained
def nan_to_num(x: Operand, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
    """x with numbers for NaN, inf and -inf, of which the largest and the smallest finite ones are the defaults."""
    largest = float(np.finfo(dtype_of(x)).max)
    finite = primitives.where(primitives.equal(x, -math.inf), -largest if neginf is None else neginf, x)
    finite = primitives.where(primitives.equal(x, math.inf), largest if posinf is None else posinf, finite)
    return primitives.where(primitives.equal(x, x), finite, nan)


@of_one
@explained
def zeros_like(x: Operand) -> Any:
    """Zeros in the shape and dtype of x, to which no gradient flows; x goes in, so that they have as many rows."""
    return primitives.where(primitives.less(x, x), x, 0.0)


@of_one
@explained
def ones_like(x: Operand) -> Any:
    """Ones in the shape and dtype of x, as `zeros_like`."""
    return primitives.where(primitives.less(x, x), x, 1.0)
