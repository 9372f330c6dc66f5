"""The elementary functions of the table: circular, hyperbolic and inverse ones, logarithms, erf, and steps.

What NumPy, C, JavaScript and ONNX have is one record with its lines for them, as a user's primitive is.

Conventions beside those in primitives.py:

    sign, floor                    0; of NaN they are NaN
    arcsin, arccos, at 1           inf and -inf, as IEEE has 1/0; outside NaN, with the value
    arccosh, arctanh, at 1         inf; arctanh is NaN outside, its derivative 1/(1 - x²)
    arctan2, hypot, at (0, 0)      NaN, as 0/0
    mod, at a jump                 d/da is 1 and d/db is -⌊a/b⌋ there too; with b = 0 the value is NaN
    logaddexp, at a tie            half to each side; NaN where both are inf or both -inf
    clip, at its bounds            1 to x, as PyTorch before 2.14; of NaN NaN, with 1 to x
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array, shape_of
from microgradcnn.engine.keeping import keep, kept
from microgradcnn.engine.primitives import broadcast_to, exp, sigmoid, sqrt, tanh
from microgradcnn.engine.record import Primitive, on_arrays

# erf as x·P(x²)/Q(x²) for |x| ≤ SPLIT and as 1 - exp(-x²)·P(x)/Q(x) above, highest power first: W. J. Cody, Rational
# Chebyshev approximations for the error function, Math. Comp. 23 (1969) 631-637.
SPLIT = 0.46875
NEAR = (
    (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3),
    (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3),
)
FAR = (
    (
        *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1),
        *(2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3),
        1.23033935479799725e3,
    ),
    (
        *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
        *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
    ),
)
_BLOCK = 1 << 13  # numbers of which erf computes all powers before it goes on to the next: they stay in the cache


def _erf(x: Any) -> Any:
    """The error function right to 4 ulp, block by block."""
    x = np.asarray(x)
    flat, out = x.reshape(-1), np.empty(x.size, x.dtype)
    for start in range(0, x.size, _BLOCK):
        part = flat[start : start + _BLOCK]
        size = np.minimum(np.abs(part), 6.0)  # where 1 is rounded to already
        z = size * size
        far = 1.0 - np.exp(-z) * _ratio(size, *FAR)
        out[start : start + _BLOCK] = np.where(size <= SPLIT, part * _ratio(z, *NEAR), np.copysign(far, part))
    return out.reshape(x.shape)


def _ratio(z: Any, above: tuple[float, ...], below: tuple[float, ...]) -> Any:
    """P(z)/Q(z), by Horner's scheme."""
    p, q = above[0] * z, below[0] * z
    for a, b in zip(above[1:-1], below[1:-1], strict=True):
        for sum_, c in ((p, a), (q, b)):
            sum_ += c
            sum_ *= z
    return (p + above[-1]) / (q + below[-1])


def _known(
    forward: np.ufunc, scalar: Callable[[float], float], rule: Callable[[Any, Any, Any], Any], base: str = ""
) -> Primitive:
    """The record of a function that is math's `scalar`, under that name in C and JavaScript.

    So it is in ONNX, capitalised, unless it is a logarithm to a `base`, as formulas write that.
    """
    name, c = forward.__name__, scalar.__name__
    targets = {"python": f"xp.{name}(x)", "javascript": f"Math.{c}(x)", "llvm": c}
    if not base:
        targets["onnx"] = c.capitalize()
    return Primitive(name, forward, (rule,), f"{name}(x)", scalar, targets, symbol=f"log{base}" if base else None)


# Circular and hyperbolic functions
sin: Primitive = _known(np.sin, math.sin, lambda g, y, x: g * cos(x))
cos: Primitive = _known(np.cos, math.cos, lambda g, y, x: -(g * sin(x)))
tan: Primitive = _known(np.tan, math.tan, lambda g, y, x: g * (1.0 + y * y))
sinh: Primitive = _known(np.sinh, math.sinh, lambda g, y, x: g * cosh(x))
cosh: Primitive = _known(np.cosh, math.cosh, lambda g, y, x: g * sinh(x))

# Their inverses
arcsin: Primitive = _known(np.arcsin, math.asin, lambda g, y, x: g / sqrt(1.0 - x * x))
arccos: Primitive = _known(np.arccos, math.acos, lambda g, y, x: -(g / sqrt(1.0 - x * x)))
arctan: Primitive = _known(np.arctan, math.atan, lambda g, y, x: g / (1.0 + x * x))
arcsinh: Primitive = _known(np.arcsinh, math.asinh, lambda g, y, x: g / sqrt(x * x + 1.0))
arccosh: Primitive = _known(np.arccosh, math.acosh, lambda g, y, x: g / sqrt(x * x - 1.0))
arctanh: Primitive = _known(np.arctanh, math.atanh, lambda g, y, x: g / (1.0 - x * x))
arctan2: Primitive = Primitive(
    "arctan2",
    np.arctan2,
    (lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -(g * a / (a * a + b * b))),
    "arctan2(a, b)",
    math.atan2,
    {"python": "xp.arctan2(a, b)", "javascript": "Math.atan2(a, b)", "llvm": "atan2"},
    repeats=True,
)

# Exponentials, logarithms and what is made of squares
log2: Primitive = _known(np.log2, math.log2, lambda g, y, x: g / (x * math.log(2.0)), base="₂")
log10: Primitive = _known(np.log10, math.log10, lambda g, y, x: g / (x * math.log(10.0)), base="₁₀")
erf: Primitive = Primitive(
    "erf",
    _erf,
    (lambda g, y, x: g * (2.0 / math.sqrt(math.pi) * exp(-(x * x))),),
    "erf(x)",
    math.erf,
    {"python": "erf(x, xp)", "javascript": "erf(x)", "llvm": "erf", "onnx": "Erf"},
)

_STEEP = math.sqrt(2.0 / math.pi)
_BENT = 0.044715 * _STEEP


def _gelu_tanh(x: Array) -> Array:
    share = x * x
    share *= _BENT
    share += _STEEP
    share *= x
    share = np.tanh(share, out=share if np.ndim(share) else None)
    share *= 0.5
    share += 0.5
    y = x * share
    keep(y, share)
    return y


def _gelu_tanh_back(g: Array, y: Array, x: Array) -> Array:
    if (share := kept(y)) is None:
        share = 0.5 + 0.5 * np.tanh(x * (_STEEP + _BENT * (x * x)))
    slope = x * x
    slope *= 6.0 * _BENT
    slope += 2.0 * _STEEP
    left = 1.0 - share
    left *= y
    slope *= left
    slope += share
    slope *= g
    return slope


@on_arrays(_gelu_tanh_back)
def _gelu_tanh_rule(g: Any, y: Any, x: Any) -> Any:
    square = x * x
    share = 0.5 + 0.5 * tanh(x * (_STEEP + _BENT * square))  # y is x times that
    return g * (share + y * (1.0 - share) * (2.0 * _STEEP + 6.0 * _BENT * square))


# One primitive for its time: a composition takes twice as long over a transformer's hidden numbers, and back.
gelu_tanh: Primitive = Primitive(
    "gelu_tanh",
    _gelu_tanh,
    (_gelu_tanh_rule,),
    f"0.5 * x * (1.0 + tanh({_STEEP!r} * (x + 0.044715 * x ** 3)))",
    lambda x: x * (0.5 + 0.5 * math.tanh(x * (_STEEP + _BENT * (x * x)))),
    composed=True,
)
logaddexp: Primitive = Primitive(
    "logaddexp",
    np.logaddexp,
    (lambda g, y, a, b: g * sigmoid(a - b), lambda g, y, a, b: g * sigmoid(b - a)),
    "logaddexp(a, b)",
    targets={"python": "xp.logaddexp(a, b)", "javascript": "logaddexp(a, b)"},
    repeats=True,
)
hypot: Primitive = Primitive(
    "hypot",
    np.hypot,
    (lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y),
    "hypot(a, b)",
    math.hypot,
    {"python": "xp.hypot(a, b)", "javascript": "Math.hypot(a, b)", "llvm": "hypot"},
)


# Steps, of which the derivative is 0, and the remainder
def _flat(g: Any, y: Any, x: Any) -> Any:
    return broadcast_to(0.0, shape=shape_of(x))


# What `detach` makes is a leaf, whose number a program keeps: this one stays in the graph, and is computed anew.
stop_gradient: Primitive = Primitive(
    "stop_gradient", lambda x: x, (None,), "x", lambda x: x, work="moves", composed=True
)
sign: Primitive = Primitive(
    "sign",
    np.sign,
    (_flat,),
    "sign(x)",
    lambda x: float((x > 0.0) - (x < 0.0)) if x == x else x,
    {"python": "xp.sign(x)", "javascript": "Math.sign(x)", "onnx": "Sign"},
)
floor: Primitive = Primitive(
    "floor",
    np.floor,
    (_flat,),
    "floor(x)",
    lambda x: float(math.floor(x)),
    {"python": "xp.floor(x)", "javascript": "Math.floor(x)", "onnx": "Floor"},
)
mod: Primitive = Primitive(
    "mod",
    np.remainder,
    (lambda g, y, a, b: g, lambda g, y, a, b: -(g * floor(a / b))),
    "mod(a, b)",
    operator.mod,
    {"python": "xp.mod(a, b)", "javascript": "mod(a, b)"},
)
