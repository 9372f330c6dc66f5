"""What every language that formulas are written in shares: brackets only where they are needed.

`Emitter` knows precedence and signs; each subclass knows how its language writes a fraction, a power or a root.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

from microgradcnn.views.formulas.algebra import is_inverse, is_negative
from microgradcnn.views.formulas.expression import (
    ONE,
    Expr,
    branches,
    divide,
    fences,
    flat,
    function_name,
    multiply,
    name_of,
    number,
    placed,
    power,
    value,
)

WORDS, EQUATION, COMPARE, SUM, PRODUCT, POWER, ATOM = range(7)  # how tightly each binds

_ENDS = (*"\ue001 ½⅓⅔¼¾⅕⅛0123456789",)  # what a function's name may follow without a dot
OPEN, CLOSE = "\ue000", "\ue001"  # stand for brackets until it is known how deep they are nested
GLYPHS = {Fraction(n, d): g for g, n, d in zip("½⅓⅔¼¾⅕⅛", (1, 1, 2, 1, 3, 1, 1), (2, 3, 3, 4, 4, 5, 8), strict=True)}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPT = dict(zip("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))
NAMED = {"nan": "NaN", "inf": "∞", "-inf": "-∞"}  # what is measured and no number
COMBINING = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303"}


def numeral(value: Any) -> str | tuple[int, int]:
    """How a number of at least 0 is written: as a numeral, or as a fraction (numerator, denominator)."""
    if not isinstance(value, Fraction):
        return "NaN" if math.isnan(value) else "∞"
    n, d = value.numerator, value.denominator
    if d == 1:
        return str(n) if n < 10**15 else f"{float(n):.6g}"
    if d <= 1000 and (d % 10 or 10**9 % d):  # 0.05, but 1/4 and 1/180
        return n, d
    return f"{n / d:.15g}"


class Emitter:
    """What the languages share. Called on a formula, it gives the text."""

    fractions_are_atoms = False
    inverts = True  # x⁻¹ is written 1/x
    functions_need_dots = False
    room, _depth = 2, 0  # fractions in each other before they get too small, and those around what is written
    bracket: str | tuple[str, ...] = OPEN  # how a part in brackets starts
    minus, plus, dot, comma = "−", "+", "·", ", "
    juxtaposed = before_functions = ""

    def __call__(self, e: Expr) -> str:
        """The text of a formula."""
        return self.finish(self.emit(e))

    def finish(self, done: str) -> str:
        """The whole text with its brackets in place: ( ), and [ ] around those."""
        depths, stack, pieces = dict[int, int](), list[int](), list(done) if OPEN in done else [done]
        for i, c in enumerate(pieces):
            if c == OPEN:
                stack.append(i)
                depths[i] = 0
            elif c == CLOSE:
                start = stack.pop()
                pieces[start], pieces[i] = "[]" if depths[start] % 2 else "()"
                if stack:
                    depths[stack[-1]] = max(depths[stack[-1]], depths[start] + 1)
        return "".join(pieces)

    def emit(self, e: Expr) -> str:
        """The text of a formula, its brackets not yet chosen."""
        head = "product" if self.inverts and is_inverse(e) else e.head
        return str(getattr(self, f"_{head}")(e))

    def within(self, e: Expr, level: int) -> str:
        """The text of a part, in brackets if it binds less tightly than `level`."""
        done = self.emit(e)
        return done if self.level(e) >= level or e.head == "cases" else self.brackets(done)

    def deeper(self, *parts: Expr) -> list[str]:
        """The texts of the parts of a fraction, where fractions get smaller."""
        self._depth += 1
        done = [self.emit(part) for part in parts]
        self._depth -= 1
        return done

    @property
    def is_deep(self) -> bool:
        """Whether a fraction here would have letters smaller than those of an index."""
        return self._depth >= self.room

    def brackets(self, inside: str) -> str:
        """The text in brackets."""
        return f"{OPEN}{inside}{CLOSE}"

    def level(self, e: Expr) -> int:
        """How tightly a formula binds as this language writes it."""
        if e.head == "number":
            written = numeral(abs(e.value))
            if isinstance(written, str):
                scaled = POWER if written.startswith("1e") else PRODUCT  # 10⁻⁵, 2·10⁻⁵
                return SUM if e.value < 0 else scaled if "e" in written else ATOM
            spread = not self.is_glyph(e) and not self.fractions_are_atoms
            return SUM if e.value < 0 else PRODUCT if spread else ATOM
        if e.head in ("product", "quotient", "derivative", "hadamard", "matmul") or (self.inverts and is_inverse(e)):
            if is_negative(e):
                return SUM
            shown = as_fraction(e)
            return ATOM if self.fractions_are_atoms and shown.head in ("quotient", "derivative") else PRODUCT
        if e.head == "power":
            return ATOM if self.is_root(e) and self.fractions_are_atoms else POWER
        if e.head == "value":
            return SUM if is_negative(e) else PRODUCT if "e" in rounded(e) else ATOM
        others = {"over": PRODUCT, "sum": SUM, "equation": EQUATION, "compare": COMPARE, "cases": WORDS, "text": WORDS}
        return others.get(e.head, POWER if e.head == "transpose" else ATOM)

    def is_glyph(self, e: Expr) -> bool:
        """Whether a fraction is written as one character."""
        return False

    def is_root(self, e: Expr) -> bool:
        """Whether a power is written as a root."""
        return bool(e.args[1].value == Fraction(1, 2))

    def spaced(self, sign: str) -> str:
        """A binary sign with the space around it."""
        return f" {sign} "

    def _sum(self, e: Expr) -> str:
        pieces: list[str] = []
        for i, term in enumerate(flat(e, "sum")):
            negative, body = positive(term)
            sign = self.spaced(self.minus if negative else self.plus) if i else self.minus if negative else ""
            pieces += [sign, self.within(body, PRODUCT)]
        return "".join(pieces)

    def _product(self, e: Expr) -> str:
        negative, body = positive(e)
        if negative:
            return self.minus + self.within(body, PRODUCT)
        shown = as_fraction(e)
        if shown.head != "product":
            return self.emit(shown)
        factors = list(_factors(shown))
        parts = [self.factor(f) for f in factors]
        if factors[-1].head in ("matmul", "over") and all(f.head == "number" for f in factors[:-1]):
            parts[-1] = self.emit(factors[-1])
        return self.joined(parts, factors)

    def factor(self, e: Expr) -> str:
        """A factor of a product."""
        return self.within(e, POWER)

    def base(self, e: Expr) -> str:
        """What a power stands on: a fraction needs brackets there, however it is written."""
        tall = e.head in ("number", "product", "quotient", "derivative", "cases") and not self.is_glyph(e)
        whole = (
            e.head == "number" and e.value >= 0 and isinstance(written := numeral(e.value), str) and "e" not in written
        )
        return self.brackets(self.emit(e)) if tall and not whole else self.within(e, ATOM)

    def joined(self, parts: Sequence[str], factors: Sequence[Expr]) -> str:
        """Factors side by side, with a dot where they would run together."""
        return parts[0] + "".join(map(str.__add__, self.joints(parts, factors), parts[1:]))

    def joints(self, parts: Sequence[str], factors: Sequence[Expr]) -> Iterator[str]:
        """What stands between each two factors."""
        for (before, now), (part, following) in zip(pairwise(factors), pairwise(parts), strict=True):
            apart = starts_with_number(now) and not following.startswith(self.bracket)
            apart = apart or is_word(before) or is_word(now)
            apart = apart or (self.functions_need_dots and is_named_function(now) and part[-1] not in _ENDS)
            yield self.dot if apart else self.before_functions if is_named_function(now) else self.juxtaposed

    def _hadamard(self, e: Expr) -> str:
        return self.spaced("⊙").join(self.within(f, POWER) for f in flat(e, "hadamard"))

    def _matmul(self, e: Expr) -> str:
        return self.joined([self.within(f, POWER) for f in e.args], e.args)

    def _equation(self, e: Expr) -> str:
        return self.spaced(e.value).join(self.within(side, EQUATION) for side in e.args)

    def _compare(self, e: Expr) -> str:
        return self.spaced(e.value).join(self.within(side, SUM) for side in e.args)

    def fenced(self, left: str, inside: str, right: str) -> str:
        """Something between two signs."""
        return f"{left}{inside}{right}"

    def function(self, name: str) -> str:
        """The name of a function, with what stands between it and its arguments."""
        return function_name(name)

    def _call(self, e: Expr) -> str:
        inside = self.comma.join(map(self.emit, shown(e.args)))
        if e.value == "scatter":
            return self.emit(placed(e))
        signs = fences(e)
        return self.fenced(signs[0], inside, signs[1]) if signs else self.function(e.value) + self.around(inside)

    def around(self, inside: str) -> str:
        """The brackets of a function's arguments."""
        return self.fenced("(", inside, ")")

    def _index(self, e: Expr) -> str:
        inside = self.comma.join(map(self.position, e.value[0].split(", ")))
        level = ATOM + (e.args[0].head == "derivative")  # which is in brackets though it may be a fraction
        return self.within(e.args[0], level) + self.fenced("[", inside, "]")

    def position(self, part: str) -> str:
        """A part of an index."""
        return part

    def _indicator(self, e: Expr) -> str:
        return self.fenced("[", self.emit(e.args[0]), "]")

    def in_braces(self, e: Expr) -> str:
        """Cases in words: {1 if a > 0, else 0}."""
        *some, (otherwise,) = branches(e)
        pieces = [f"{self.emit(then)} {self.when(condition, self.emit)}" for then, condition in some]
        return f"{{{', '.join(pieces)}, else {self.emit(otherwise)}}}"

    def when(self, condition: Expr, write: Callable[[Expr], str]) -> str:
        """When a case holds: `if` a condition, or `at` places that are given in words."""
        return str(condition.value[0]) if condition.head == "text" else f"if {write(condition)}"

    def _over(self, e: Expr) -> str:
        return self.big(e.value[0], e.value[1]) + self.within(e.args[0], PRODUCT)

    def big(self, sign: str, letters: str) -> str:
        """A sign such as Σ over what the letters run through."""
        raise NotImplementedError(sign)

    def _vector(self, e: Expr) -> str:
        return self.brackets(self.comma.join(map(self.emit, e.args)))

    def _value(self, e: Expr) -> str:
        digits, _, exponent = rounded(e).partition("e")
        return self.measured(digits, str(int(exponent)) if exponent else "")

    def measured(self, digits: str, exponent: str) -> str:
        """A rounded number, with a power of ten if `exponent` is not empty."""
        done = NAMED.get(digits, digits).replace("-", self.minus)
        return self.times_ten(done, exponent) if exponent else done

    def times_ten(self, digits: str, exponent: str) -> str:
        """Digits, if there are any, times a power of ten."""
        return f"{digits}·10{exponent.translate(SUPERSCRIPT)}".removeprefix("·")

    def numeral(self, written: str) -> str:
        """A numeral as Python prints it: 1e-05 is 10⁻⁵."""
        digits, _, exponent = written.partition("e")
        return self.times_ten("" if digits == "1" else digits, str(int(exponent))) if exponent else written


class Inline(Emitter):
    """What the languages of two dimensions share within a line of words: a derivative there is as low as a quotient."""

    def level(self, e: Expr) -> int:
        """dz/dc binds like a quotient."""
        return PRODUCT if e.head == "derivative" else super().level(e)


def shown(args: Iterable[Expr]) -> list[Expr]:
    """The arguments of a function without those that people need not see."""
    return [a for a in args if a.head != "text" or a.value[0]]


def is_word(e: Expr) -> bool:
    """Whether a factor is a symbol that is no single letter, which would run into its neighbours."""
    while e.head in ("power", "transpose", "index"):
        e = e.args[0]
    base = name_of(e.value).base if e.head == "symbol" else ""
    return e.head == "text" or len(base) > 1 or (base != "" and not base.isalpha())


def rounded(e: Expr) -> str:
    """A measured number with its digits."""
    measured, digits = e.value
    return f"{measured:.{digits}g}"


def starts_with_number(e: Expr) -> bool:
    """Whether a factor begins with a digit, which would run into a number before it."""
    while e.head in ("power", "index"):
        e = e.args[0]
    return e.head in ("number", "value")


def is_named_function(e: Expr) -> bool:
    """Whether a formula starts with the name of a function of several letters."""
    while e.head == "power":
        e = e.args[0]
    return e.head == "call" and len(function_name(e.value)) > 1 and not fences(e)


def _factors(e: Expr) -> Iterator[Expr]:
    """The factors of nested products, except where a minus needs its brackets."""
    for part in e.args:
        if part.head == "product" and not is_negative(part) and as_fraction(part) is part:
            yield from _factors(part)
        else:
            yield part


def positive(e: Expr) -> tuple[bool, Expr]:
    """Whether a formula has a minus in front, and the formula without it."""
    if not is_negative(e):
        return False, e
    if e.head == "number":
        return True, number(-e.value)
    if e.head == "value":
        return True, value(-e.value[0], e.value[1])
    first = positive(e.args[0])[1]
    if e.head == "quotient":
        return True, divide(first, e.args[1])
    return True, multiply(*([first] if first != ONE or len(e.args) == 1 else []), *e.args[1:])


def as_fraction(e: Expr) -> Expr:
    """A product with negative powers as a quotient; anything else as it is."""
    if e.head != "product" and not is_inverse(e):
        return e
    above, below, coefficient = list[Expr](), list[Expr](), Fraction(1)
    for factor in flat(e, "product"):
        exponent = factor.args[1].value if factor.head == "power" else None
        if isinstance(exponent, Fraction) and exponent < 0:
            below.append(factor.args[0] if exponent == -1 else power(factor.args[0], number(-exponent)))
        else:
            above.append(factor)
    if not below:
        return e
    if above and above[0].head == "number" and isinstance(numeral(abs(above[0].value)), tuple):
        coefficient = above.pop(0).value
        below.insert(0, number(coefficient.denominator))
        above = [number(coefficient.numerator), *above] if coefficient.numerator != 1 else above
    return divide(multiply(*(above or [ONE])), multiply(*below))
