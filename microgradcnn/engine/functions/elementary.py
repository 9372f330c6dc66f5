"""The elementary functions: circular, hyperbolic and inverse ones, logarithms to other bases, erf, angles."""

from __future__ import annotations

import math
from typing import Any

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, of_one, of_two
from microgradcnn.engine.table import elementary

_LN2 = math.log(2.0)


@of_one
def sin(x: Operand) -> Any:
    """The sine of an angle in radians."""
    return elementary.sin(x)


@of_one
def cos(x: Operand) -> Any:
    """The cosine of an angle in radians."""
    return elementary.cos(x)


@of_one
def tan(x: Operand) -> Any:
    """The tangent of an angle in radians; its derivative is 1 + tan²."""
    return elementary.tan(x)


@of_one
def sinh(x: Operand) -> Any:
    """The hyperbolic sine, (exp(x) - exp(-x))/2."""
    return elementary.sinh(x)


@of_one
def cosh(x: Operand) -> Any:
    """The hyperbolic cosine, (exp(x) + exp(-x))/2."""
    return elementary.cosh(x)


@of_one
def arcsin(x: Operand) -> Any:
    """The angle from -π/2 to π/2 whose sine is x: NaN for |x| > 1; its derivative at ±1 is inf."""
    return elementary.arcsin(x)


@of_one
def arccos(x: Operand) -> Any:
    """The angle from 0 to π whose cosine is x: NaN for |x| > 1; its derivative at ±1 is -inf."""
    return elementary.arccos(x)


@of_one
def arctan(x: Operand) -> Any:
    """The angle from -π/2 to π/2 whose tangent is x."""
    return elementary.arctan(x)


@of_two
def arctan2(a: Operand, b: Operand) -> Any:
    """The angle from -π to π of the point with height a and width b, as `math.atan2(a, b)`."""
    return elementary.arctan2(a, b)


@of_one
def arcsinh(x: Operand) -> Any:
    """The inverse of sinh, log(x + √(x² + 1))."""
    return elementary.arcsinh(x)


@of_one
def arccosh(x: Operand) -> Any:
    """The inverse of cosh, log(x + √(x² - 1)): NaN for x < 1; its derivative at 1 is inf."""
    return elementary.arccosh(x)


@of_one
def arctanh(x: Operand) -> Any:
    """The inverse of tanh, log((1 + x)/(1 - x))/2: NaN for |x| > 1; its derivative at ±1 is inf."""
    return elementary.arctanh(x)


@of_one
def log2(x: Operand) -> Any:
    """The logarithm to base 2: -inf at 0, NaN below."""
    return elementary.log2(x)


@of_one
def log10(x: Operand) -> Any:
    """The logarithm to base 10: -inf at 0, NaN below."""
    return elementary.log10(x)


@of_one
def exp2(x: Operand) -> Any:
    """2 to the power of x."""
    return primitives.pow(2.0, x)


@of_two
def logaddexp(a: Operand, b: Operand) -> Any:
    """log(exp(a) + exp(b)), without overflow."""
    return elementary.logaddexp(a, b)


@of_two
def logaddexp2(a: Operand, b: Operand) -> Any:
    """log2(2**a + 2**b), without overflow."""
    return elementary.logaddexp(primitives.mul(a, _LN2), primitives.mul(b, _LN2)) / _LN2


@of_one
def erf(x: Operand) -> Any:
    """The error function, 2/√π times the integral of exp(-t²) from 0 to x."""
    return elementary.erf(x)


@of_one
def stop_gradient(x: Operand) -> Any:
    """x itself, as a constant of every derivative; a program computes it anew, where x.detach() is a number."""
    return elementary.stop_gradient(x)


@of_two
def hypot(a: Operand, b: Operand) -> Any:
    """√(a² + b²), without overflow; its derivatives at (0, 0) are NaN."""
    return elementary.hypot(a, b)


@of_one
def sinc(x: Operand) -> Any:
    """sin(πx)/(πx), and 1 at 0; near 0 its series, as the derivatives of the quotient lose their digits there."""
    angle = primitives.mul(math.pi, x)
    near = primitives.less(primitives.abs(angle), 0.2)
    squared = primitives.square(primitives.where(near, angle, 0.0))
    series = -1.0 / math.factorial(15)
    for k in reversed(range(7)):
        series = series * squared + (-1.0) ** k / math.factorial(2 * k + 1)
    far = primitives.where(near, 1.0, angle)
    return primitives.where(near, series, elementary.sin(far) / far)


@of_one
def deg2rad(x: Operand) -> Any:
    """An angle in degrees as one in radians."""
    return primitives.mul(math.pi / 180.0, x)


@of_one
def rad2deg(x: Operand) -> Any:
    """An angle in radians as one in degrees."""
    return primitives.mul(180.0 / math.pi, x)
