"""exp, log and their relatives in LLVM's language: branch-free, so that they run on whole vectors, right to 2 ulp.

No result depends on a library for mathematics, on the processor or on the number of lanes. The methods are the old
ones: arguments reduced to |r| ≤ ln 2/2 with ln 2 in two parts (Cody and Waite 1980), the logarithm from
s = f/(2 + f) as in fdlibm (Sun 1993). The coefficients are minimax, found by Remez's exchange with 200 bits.

What is written as Python arithmetic below makes instructions: `_Term` is a number, or a vector, of the program.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class _Format(NamedTuple):
    """A floating-point format: LLVM's names, the layout of its bits, and the tables that were made for it."""

    short: str
    integer: str
    mantissa: int  # bits
    bias: int
    ln2: tuple[float, float]  # rounded, and what was rounded off
    exp_ends: tuple[float, float]  # where exp is the smallest normal and the largest finite number
    exp: tuple[float, ...]  # (exp(r) - 1 - r)/r², lowest first
    log: tuple[float, ...]  # (log((1 + s)/(1 - s)) - 2s)/s³ in s²


_FORMATS = {
    "double": _Format(
        *("f64", "i64", 52, 1023, (0.6931471805599453, 2.3190468138462996e-17)),
        (-708.3964185322641, 709.782712893384),
        (
            *(0.5000000000000006, 0.16666666666666685, 0.04166666666657367, 0.008333333333314588),
            *(0.0013888888932368838, 0.0001984126990299887, 2.4801504455510355e-05, 2.755722800447262e-06),
            *(2.7626323341573646e-07, 2.51144521991901e-08),
        ),
        (
            *(0.6666666666666666, 0.400000000000014, 0.2857142857044252, 0.22222222466898262),
            *(0.18181788472590246, 0.15386587419213224, 0.13260413302189364, 0.1316573203307507),
        ),
    ),
    "float": _Format(
        *("f32", "i32", 23, 127, (0.6931471824645996, -1.9046542121259336e-09)),
        (-87.33654022216797, 88.72283172607422),
        (0.5, 0.1666654348373413, 0.04166628047823906, 0.008366582915186882, 0.0013946456601843238),
        (0.6666677594184875, 0.39977455139160156, 0.29874351620674133),
    ),
}


def symbol(name: str, kind: str, lanes: int) -> str:
    """The name that a function has in the program: symbol("exp", "double", 8) is @exp.v8f64, with one lane @exp.f64."""
    short = _FORMATS[kind].short
    return f"@{name}.{short if lanes == 1 else f'v{lanes}{short}'}"


def definitions(names: Iterable[str], kind: str, lanes: int) -> str:
    """LLVM's text for these functions of `lanes` numbers each, "double" or "float"; with one lane, of plain numbers.

    There are exp, expm1, log, log1p, tanh, sigmoid, softplus and pow, the last of two arguments. They are internal and
    inlined wherever they are called; each name is defined once. NaN gives NaN, subnormal results may be 0. Intrinsics
    are not declared, since LLVM does that by itself, and a second declaration would be an error.
    Raises KeyError for a name or a kind that does not exist.
    """
    return "".join(_definition(name, kind, lanes) for name in dict.fromkeys(names))


class _Body:
    """The instructions of one function, in the order in which they were made."""

    def __init__(self, kind: str, lanes: int, lines: list[str]) -> None:
        self.format, self.kind, self.lanes, self.lines = _FORMATS[kind], kind, lanes, lines
        self.number, self.integer = self.vector(kind), self.vector(self.format.integer)

    def vector(self, scalar: str) -> str:
        return scalar if self.lanes == 1 else f"<{self.lanes} x {scalar}>"

    def make(self, instruction: str, type_: str) -> _Term:
        name = f"%t{len(self.lines)}"
        self.lines.append(f"  {name} = {instruction}\n")
        return _Term(self, name, type_)

    def call(self, intrinsic: str, *terms: _Term | float) -> _Term:
        arguments = ", ".join(f"{self.number} {self.text(term)}" for term in terms)
        name = symbol(f"llvm.{intrinsic}", self.kind, self.lanes)
        return self.make(f"call {self.number} {name}({arguments})", self.number)

    def text(self, term: _Term | float, integer: bool = False) -> str:
        """A term's name, or a constant; LLVM writes the bits of a double, for a float as well."""
        if isinstance(term, _Term):
            return term.name
        if self.kind == "float" and not integer:
            term = float(np.float32(term))
        text = str(term) if integer else f"0x{struct.unpack('Q', struct.pack('d', term))[0]:016X}"
        return text if self.lanes == 1 else f"splat ({self.format.integer if integer else self.kind} {text})"


def _operator(name: str) -> Callable[[_Term, _Term | float], _Term]:
    def make(left: _Term, right: _Term | float) -> _Term:
        integer = left.type != left.body.number
        instruction = f"{'' if integer else 'f'}{name} {left.type} {left.name}, {left.body.text(right, integer)}"
        return left.body.make(instruction, left.type)

    return make


@dataclass(frozen=True)
class _Term:
    """One value of the program, numbers or, after `bits`, integers; + - * / and - before it make instructions."""

    body: _Body
    name: str
    type: str

    __add__, __sub__, __mul__ = _operator("add"), _operator("sub"), _operator("mul")
    __truediv__, __or__ = _operator("div"), _operator("or")
    __lshift__, __rshift__ = _operator("shl"), _operator("lshr")

    def __rtruediv__(self, other: float) -> _Term:
        return self.body.make(f"fdiv {self.type} {self.body.text(other)}, {self.name}", self.type)

    def __neg__(self) -> _Term:
        return self.body.make(f"fneg {self.type} {self.name}", self.type)

    def bits(self) -> _Term:
        """The integers with the same bits."""
        return self.to("bitcast", self.body, self.body.integer)

    def real(self) -> _Term:
        """The numbers with the same bits as these integers."""
        return self.to("bitcast", self.body, self.body.number)

    def to(self, conversion: str, body: _Body, type_: str) -> _Term:
        return body.make(f"{conversion} {self.type} {self.name} to {type_}", type_)

    def chosen(self, by: _Term, relation: str, other: _Term | float, term: _Term | float) -> _Term:
        """These numbers, but `term` where `fcmp relation` holds between those of `by` and `other`."""
        body, truth = self.body, self.body.vector("i1")
        test = body.make(f"fcmp {relation} {body.number} {by.name}, {body.text(other)}", truth)
        instead = f"{body.number} {body.text(term)}, {body.number} {self.name}"
        return body.make(f"select {truth} {test.name}, {instead}", body.number)


def _definition(name: str, kind: str, lanes: int) -> str:
    body, arity = _Body(kind, lanes, []), 2 if name == "pow" else 1
    arguments = [_Term(body, f"%{letter}", body.number) for letter in "xy"[:arity]]
    result = _FUNCTIONS[name](*arguments)
    head = ", ".join(f"{body.number} {argument.name}" for argument in arguments)
    start = f"define internal {body.number} {symbol(name, kind, lanes)}({head}) alwaysinline nounwind {{\n"
    return f"{start}{''.join(body.lines)}  ret {body.number} {result.name}\n}}\n\n"


def _fma(a: _Term, b: _Term | float, c: _Term | float) -> _Term:
    """a·b + c, rounded once."""
    return a.body.call("fma", a, b, c)


def _limited(x: _Term, relation: str, limit: float) -> _Term:
    return x.chosen(x, relation, limit, limit)


def _polynomial(x: _Term, coefficients: tuple[float, ...]) -> _Term:
    """Σ coefficients[i]·xⁱ, in pairs, and pairs of pairs (Estrin): what waits for a result is rarely a whole chain."""
    level: list[_Term | float] = [*coefficients]
    while len(level) > 1:
        pairs = [_fma(x, b, a) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = [*pairs, *level[2 * len(pairs) :]]
        x = x * x
    assert isinstance(level[0], _Term)
    return level[0]


def _reduced(x: _Term, rest: _Term | None = None) -> tuple[_Term, _Term]:
    """exp(x + rest) as 2ᵏ·exp(r), |r| < 0.35: a number whose lowest bits are k, and r; for |x| < 1000 (float: 100)."""
    form = x.body.format
    shifter = 1.5 * 2.0**form.mantissa  # a sum with this is rounded to a whole number
    shifted = _fma(x, 1 / math.log(2), shifter)
    k = shifted - shifter
    r = _fma(k, -form.ln2[0], x)
    return shifted, r + _fma(k, -form.ln2[1], rest) if rest else _fma(k, -form.ln2[1], r)


def _series(r: _Term) -> _Term:
    """exp(r) - 1 for a reduced r."""
    return _fma(r * r, _polynomial(r, r.body.format.exp), r)


def _power_of_two(shifted: _Term, less: int = 0) -> _Term:
    """2ᵏ/2^less for the first result of `_reduced`."""
    form = shifted.body.format
    return ((shifted.bits() << form.mantissa) + ((form.bias - less) << form.mantissa)).real()


def _exp(x: _Term, rest: _Term | None = None) -> _Term:
    form = x.body.format
    shifted, r = _reduced(x, rest)
    y = ((_series(r) + 1.0).bits() + (shifted.bits() << form.mantissa)).real()  # below 1 where k = 1024: no overflow
    y = y.chosen(y, "uno", y, math.inf) if rest else y  # which only the rest can make overflow
    y = y.chosen(x, "ugt", form.exp_ends[1], x * math.inf)
    return y.chosen(x, "olt", form.exp_ends[0], 0.0)


def _expm1(x: _Term) -> _Term:
    """2ᵏ·(exp(r) - 1 - r) + (2ᵏr + (2ᵏ - 1)): the second term is large, and rounded once."""
    form = x.body.format
    shifted, r = _reduced(_limited(_limited(x, "olt", -2.0 * form.mantissa), "ogt", form.exp_ends[1] + 0.25))
    half = _power_of_two(shifted, 1)  # 2ᵏ itself would be infinite for the largest x
    y = _fma(half, r * r * _polynomial(r, form.exp), _fma(half, r, half - 0.5))
    return x.body.call("copysign", y * 2.0, x)


def _sigmoid(x: _Term) -> _Term:
    """1/(1 + 2ᵏ + 2ᵏt) with t = exp(r) - 1: exp(-x) is not rounded before, nor 1 lost where 2ᵏ is large."""
    form = x.body.format
    shifted, r = _reduced(-_limited(x, "ogt", 80.0))
    scale = _power_of_two(shifted)
    large = scale.chosen(scale, "olt", 2.0 ** (form.mantissa - 9), 0.0)  # added last, since 1 + 2ᵏ may not be exact
    total = _fma(scale, _series(r), (scale - large) + 1.0) + large
    return (1.0 / total).chosen(x, "olt", form.exp_ends[0], 0.0)


def _tanh(x: _Term) -> _Term:
    """(1 - e)/(1 + e), e = exp(-2|x|) = 2ᵏ(1 + t), and to that what the division, above and below it were rounded."""
    shifted, r = _reduced(_limited(x.body.call("fabs", x), "ogt", 25.0) * -2.0)
    scale, t = _power_of_two(shifted), _series(r)
    down = -scale
    whole = down + 1.0
    above, below = _fma(down, t, whole), _fma(scale, t, scale + 1.0)
    quotient = above / below
    lost_above, lost_below = _fma(down, t, whole - above), _fma(scale, t, scale - (below - 1.0))
    rest = _fma(-quotient, below, above) + _fma(-quotient, lost_below, lost_above)
    quotient = _fma(rest, _fma(quotient, 0.5, 0.5), quotient)  # (1 + tanh)/2 = 1/(1 + e)
    return x.body.call("copysign", quotient, x)


def _log(x: _Term) -> _Term:
    k, m = _split_any(x)
    return _log_ends(x, _log_sum(k, m - 1.0))


def _log1p(x: _Term) -> _Term:
    form = x.body.format
    u = x + 1.0
    k, m = _split(u)
    scale = ((m.bits() - u.bits()) + (form.bias << form.mantissa)).real()  # 2⁻ᵏ
    f = _fma(x, scale, scale - 1.0)  # rounded once, whereas u has lost digits of x
    f = f.chosen(x, "ogt", 2.0 ** (form.mantissa + 9), m - 1.0)
    return x.body.call("copysign", _log_ends(u, _log_sum(k, f)), x)


def _split(x: _Term) -> tuple[_Term, _Term]:
    """x > 0 as 2ᵏ·m with √½ ≤ m < √2: k as a number, and m."""
    form = x.body.format
    root = ((form.bias - 1) << form.mantissa) + int((math.sqrt(2) - 1) * 2.0**form.mantissa)  # the bits of √½
    one_more = (form.bias + 1) << form.mantissa  # what keeps the next sum positive: k + bias + 1 above the mantissa
    k = (x.bits() + (one_more - root)) >> form.mantissa
    m = x.bits() - ((k << form.mantissa) - one_more)
    real = (k | ((form.bias + form.mantissa) << form.mantissa)).real() - (2.0**form.mantissa + form.bias + 1)
    return real, m.real()


def _split_any(x: _Term) -> tuple[_Term, _Term]:
    """`_split` for subnormal numbers as well."""
    form = x.body.format
    tiny, lift = 2.0 ** (1 - form.bias), form.mantissa + 2
    k, m = _split(x.chosen(x, "olt", tiny, x * 2.0**lift))
    return k.chosen(x, "olt", tiny, k - float(lift)), m


def _log_sum(k: _Term, f: _Term) -> _Term:
    """k·ln 2 + log(1 + f): log(1 + f) = f - h + s(h + s²P(s²)) with h = f²/2."""
    form = k.body.format
    s = f / (f + 2.0)
    z = s * s
    h = f * 0.5 * f
    low = _fma(s, _fma(z, _polynomial(z, form.log), h), k * form.ln2[1])
    return _fma(k, form.ln2[0], f - (h - low))


def _log_ends(x: _Term, y: _Term) -> _Term:
    """y, the logarithm of x, set right where x is no positive number."""
    y = y.chosen(x, "uge", math.inf, x)
    y = y.chosen(x, "ole", 0.0, -math.inf)
    return y.chosen(x, "olt", 0.0, math.nan)


def _softplus(x: _Term) -> _Term:
    """max(x, 0) + log(1 + exp(-|x|))."""
    return _limited(x, "olt", 0.0) + _log1p(_exp(-x.body.call("fabs", x)))


def _pow(x: _Term, y: _Term) -> _Term:
    narrow, wide = x.body, _Body("double", x.body.lanes, x.body.lines)
    if narrow.kind == "double":
        return _pow_of_doubles(x, y)
    doubles = (term.to("fpext", wide, wide.number) for term in (x, y))
    return _pow_of_doubles(*doubles).to("fptrunc", narrow, narrow.number)


def _pow_of_doubles(x: _Term, y: _Term) -> _Term:
    """exp(y·log|x|) with the logarithm in two parts, and C's rules for signs, 0, 1 and what is not finite."""
    call = x.body.call
    size = call("fabs", x)
    high, low = _log_pair(size)
    product = y * high
    rest = _fma(y, low, _fma(y, high, -product)).chosen(call("fabs", product), "uge", 1e3, 0.0)
    result = _exp(product, rest).chosen(size, "oeq", 1.0, 1.0)
    whole, half = call("trunc", y), y * 0.5
    sign = call("copysign", 1.0, x).chosen(call("trunc", half), "oeq", half, 1.0).chosen(whole, "une", y, 1.0)
    without = x.chosen(whole, "oeq", y, 1.0).chosen(x, "oeq", -math.inf, 1.0)  # negative where there is no real power
    result = call("copysign", result, sign).chosen(without, "olt", 0.0, math.nan)
    return result.chosen(x, "uno", y, math.nan).chosen(y, "oeq", 0.0, 1.0).chosen(x, "oeq", 1.0, 1.0)


def _log_pair(x: _Term) -> tuple[_Term, _Term]:
    """log(x) as the sum of two doubles, to some 2⁻⁶⁵ of it; what x was rounded by is x_low (Dekker 1971)."""
    k, m = _split_any(x)
    f, below = m - 1.0, m + 1.0
    inverse = 1.0 / below
    s = f * inverse
    s_low = _fma(-s, m - (below - 1.0), _fma(-s, below, f)) * inverse
    z = s * s
    z_low = _fma(s + s, s_low, _fma(s, s, -z))
    first, *others = x.body.format.log
    w = z * _polynomial(z, tuple(others))
    c = w + first
    c_low = (w - (c - first)) + 3.700743415417188e-17  # which 2/3 is more than its double
    v = z * c
    v_low = _fma(z, c, -v) + _fma(z, c_low, z_low * c)
    g = v + 2.0
    g_low = (v - (g - 2.0)) + v_low
    h = s * g
    h_low = _fma(s, g, -h) + _fma(s, g_low, s_low * g)
    whole = k * 0.6931471805598903  # exact, since this has 42 bits; what ln 2 has beyond them comes last
    total = whole + h
    return _log_ends(x, total), (h - (total - whole)) + _fma(k, 5.497923018708371e-14, h_low)


_NAMED = (_exp, _expm1, _log, _log1p, _tanh, _sigmoid, _softplus, _pow)
_FUNCTIONS: dict[str, Callable[..., _Term]] = {function.__name__[1:]: function for function in _NAMED}
