"""Formulas as one small tree: numbers are exact, symbols are the labels of Values.

number      value: a Fraction, or inf or NaN        call        value: the function's name
symbol      value: a label such as c_1              compare     value: one of < ≤ > ≥ =
sum         the terms                               cases       condition, then, otherwise
product     the factors                             indicator   1 where the condition holds, else 0
quotient    numerator, denominator                  derivative  d(first)/d(second), value: ∂ if it is partial
power       base, exponent                          equation    value: = or ←; its sides
matmul      the matrices                            hadamard    the factors, multiplied element by element
transpose   the matrix                              index       value: the index as it is written, and in Python
vector      the entries                             text        value: words, and what Python writes for them
value       value: a measured number, rounded           over        value: Σ or max, and the letters below it
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from microgradcnn.engine.record import TABLE

_SMALL = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi"
_CAPITAL = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK = dict(zip(_SMALL.split(), "αβγδεζηθικλμνξπρστυφχψ", strict=True)) | {"omega": "ω"}
GREEK |= dict(zip(_CAPITAL.split(), "ΓΔΘΛΞΠΣΥΦΨΩ", strict=True))
ACCENTS = ("hat", "bar", "tilde")
LONGEST_LABEL = 100  # characters of a label that are shown
LARGEST_ROOT = 1000  # √n is written for a whole n below
LARGEST_DENOMINATOR = 1000  # 1/3 is a small fraction, 0.123456789 is data


@dataclass(frozen=True, slots=True)
class Expr:
    """A formula: what it is (`head`), what it is made of (`args`), and the number or name of an atom (`value`)."""

    head: str
    args: tuple[Expr, ...] = ()
    value: Any = None


@dataclass(frozen=True, slots=True)
class Name:
    """A label taken apart: base letter or word, accent ('' or hat, bar, tilde) and subscripts."""

    base: str
    accent: str
    subscripts: tuple[str, ...]


def number(value: Any) -> Expr:
    """A number, exactly: a float becomes the small fraction that rounds to it, or else the decimal it is printed as."""
    if isinstance(value, int | Fraction):
        return Expr("number", value=Fraction(value))
    value = float(value)
    if not math.isfinite(value):
        return Expr("number", value=value)
    small = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    is_small = abs(float(small) - value) <= 2 * math.ulp(value)  # 1/3 − 1 is not the float nearest to −2/3
    return Expr("number", value=small if is_small else Fraction(repr(value)))


ZERO, ONE, MINUS_ONE = number(0), number(1), number(-1)


def symbol(label: str) -> Expr:
    """The symbol for a label."""
    return Expr("symbol", value=label)


def text(words: str, code: str | None = None) -> Expr:
    """Words within a formula, and what Python writes for them: the words as a string unless it is given."""
    return Expr("text", value=(words, repr(words) if code is None else code))


def add(*terms: Expr) -> Expr:
    """The sum of the terms, as written."""
    return Expr("sum", terms) if len(terms) > 1 else terms[0]


def multiply(*factors: Expr) -> Expr:
    """The product of the factors, as written."""
    return Expr("product", factors) if len(factors) > 1 else factors[0]


def minus(x: Expr) -> Expr:
    """−x."""
    return number(-x.value) if x.head == "number" else multiply(MINUS_ONE, x)


def divide(a: Expr, b: Expr) -> Expr:
    """a/b, as written."""
    return Expr("quotient", (a, b))


def power(base: Expr, exponent: Expr) -> Expr:
    """The base to the power of the exponent; ½ is a root."""
    return Expr("power", (base, exponent))


def root(x: Expr) -> Expr:
    """√x."""
    return power(x, number(Fraction(1, 2)))


def call(name: str, *args: Expr) -> Expr:
    """A function of some arguments."""
    return Expr("call", args, name)


def branches(e: Expr) -> list[tuple[Expr, ...]]:
    """Cases within the last of cases, all in one list: (then, condition), ..., (otherwise,)."""
    found: list[tuple[Expr, ...]] = []
    while e.head == "cases":
        condition, then, e = e.args
        found.append((then, condition))
    return [*found, (e,)]


def cases(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    """A formula where the condition holds, another elsewhere; cases in them with the same condition are decided."""
    return Expr("cases", (condition, _decided(then, condition, True), _decided(otherwise, condition, False)))


def _decided(e: Expr, condition: Expr, holds: bool) -> Expr:
    while e.head == "cases" and e.args[0] == condition:
        e = e.args[1 if holds else 2]
    return Expr(e.head, tuple([_decided(a, condition, holds) for a in e.args]), e.value) if e.args else e


def placed(e: Expr) -> Expr:
    """What scatter stands for: its numbers at the places of its index, else 0."""
    return Expr("cases", (text(f"at [{e.args[1].value[0]}]"), e.args[0], ZERO))


_PI = symbol("pi")
_KNOWN = {  # floats that stand for something better known: no data are one of these by chance
    **{math.log(base): call("log", number(base)) for base in (2, 10)},
    **{1 / math.log(base): divide(ONE, call("log", number(base))) for base in (2, 10)},
    **{math.pi: _PI, math.pi / 180: divide(_PI, number(180)), 180 / math.pi: divide(number(180), _PI)},
    **{math.sqrt(n): root(number(n)) for n in range(2, LARGEST_ROOT) if math.isqrt(n) ** 2 != n},
    **{1 / math.sqrt(n): divide(ONE, root(number(n))) for n in range(2, LARGEST_ROOT) if math.isqrt(n) ** 2 != n},
    math.sqrt(2 / math.pi): root(divide(number(2), _PI)),
    2 / math.sqrt(math.pi): divide(number(2), root(_PI)),
}


def constant(value: float) -> Expr:
    """A number that a graph was written with: log 2, π, √3, ... for the float nearest to it, else as `number`."""
    return _KNOWN.get(value) or number(value)


def value(measured: float, digits: int = 4) -> Expr:
    """A number that was computed, shown to so many digits."""
    return Expr("value", value=(float(measured) + 0.0, digits))


def derivative(top: Expr, bottom: Expr) -> Expr:
    """d(top)/d(bottom)."""
    return Expr("derivative", (top, bottom))


def equation(*sides: Expr, sign: str = "=") -> Expr:
    """left = right = ..., or with another sign."""
    return Expr("equation", sides, sign)


def cut(text: str, longest: int = LONGEST_LABEL) -> str:
    """A text for display: of one that is too long the beginning and the end, where indices are."""
    return text if len(text) <= longest else f"{text[: longest * 2 // 3]}…{text[-longest // 3 + 1 :]}"


def printed(label: str) -> str:
    """A label as a line of text may have it: cut, and what cannot be printed, as a line feed, replaced."""
    return _printable(cut(label))


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join([c if c.isprintable() else "\ufffd" for c in text])


def fences(e: Expr) -> str:
    """The two signs that a call is written between, as in |x|, ‖x‖ and ⌊x⌋; empty for any other."""
    args = [a for a in e.args if a.head != "text" or a.value[0]]
    return {"abs": "||", "floor": "⌊⌋", "vector_norm": "‖‖"}.get(e.value, "") if len(args) == 1 else ""


def function_name(name: str) -> str:
    """What people call a function: σ for the primitive sigmoid."""
    return printed(TABLE[name].symbol if name in TABLE else name)


def name_of(label: str) -> Name:
    """The parts of a label: y_hat is a y with a hat, c_1 and c1 have the subscript 1, s_1_2 has two.

    What cannot be printed, as a line feed, is replaced, and the middle of a long label is cut out.
    """
    return _parts(cut(label))


@lru_cache(maxsize=2**15)  # names of as many nodes as a page opens
def _parts(label: str) -> Name:
    if is_path(label):
        return Name(_printable(label), "", ())
    base, *rest = _printable(label).split("_")
    if not rest and (digits := re.fullmatch(r"([^\W\d]+)(\d+)", base)):
        base, rest = digits[1], [digits[2]]
    accent = next((part for part in rest if part in ACCENTS), "")
    if accent:
        rest.remove(accent)
    return Name(GREEK.get(base, base) or "_", accent, tuple(GREEK.get(part, part) for part in rest if part))


def is_path(label: str) -> bool:
    """Whether a label says where something is, as 0.weight does: it is one word, dots and all, in upright letters."""
    return re.fullmatch(r"\w+(\.\w+)*\.[^\W\d]\w*", label) is not None


def spelling(label: str) -> str:
    """The same for all labels that are printed alike, or alike in Python: c1 and c_1, λ and lambda."""
    name = _parts(label)
    return re.sub(r"\W", "_", "_".join([name.base, name.accent, *name.subscripts]))


def flat(e: Expr, head: str) -> Iterator[Expr]:
    """The terms of nested sums, or the factors of nested products, from left to right; any depth is fine."""
    stack = [e]
    while stack:
        top = stack.pop()
        if top.head == head:
            stack.extend(reversed(top.args))
        else:
            yield top


def symbols(e: Expr) -> list[str]:
    """The labels in a formula, in order of appearance."""
    return list(dict.fromkeys(part.value for part in parts_of(e) if part.head == "symbol"))


def quantities(e: Expr) -> list[Expr]:
    """The symbols and derivatives in a formula, in order of appearance: df/dx is one quantity, and f and x none."""
    parts = parts_of(e, closed="derivative")
    return list(dict.fromkeys(part for part in parts if part.head in ("symbol", "derivative")))


def functions(e: Expr) -> list[str]:
    """The names of the functions in a formula, in order of appearance."""
    return list(dict.fromkeys(part.value for part in parts_of(e) if part.head == "call"))


def generic(formulas: Sequence[Expr], indices: Sequence[str]) -> Expr | None:
    """One formula in the index i that stands for all, one for each index; None if they differ in more than that."""
    first = formulas[0]
    if all(e == first for e in formulas):
        return first
    if any(e.head != first.head or len(e.args) != len(first.args) for e in formulas):
        return None
    if first.head == "symbol":
        stem = first.value.removesuffix(indices[0])
        follows = stem.endswith("_") and all(e.value == stem + i for e, i in zip(formulas, indices, strict=True))
        return symbol(stem + "i") if follows else None
    if not first.args or any(e.value != first.value for e in formulas):
        return None
    args = [generic(parts, indices) for parts in zip(*(e.args for e in formulas), strict=True)]
    return None if any(a is None for a in args) else Expr(first.head, tuple([a for a in args if a]), first.value)


def flattened(e: Expr) -> Expr:
    """The formula with sums in sums, and products in products, as one: (a + b) + c is one sum; 0 + a and 1·a are a."""
    if e.head == "sum":
        return add(*([term for term in map(flattened, flat(e, "sum")) if term != ZERO] or [ZERO]))
    if e.head == "product":
        parts = [flattened(factor) for factor in flat(e, "product")]
        signs = [part for part in parts if part == MINUS_ONE]
        rest = [part for part in parts if part not in (ONE, MINUS_ONE)]
        return multiply(*(signs[: len(signs) % 2] + rest or [ONE]))
    return Expr(e.head, tuple([flattened(a) for a in e.args]), e.value) if e.args else e


def heads(e: Expr) -> set[str]:
    """What kinds of formula occur in a formula."""
    return {part.head for part in parts_of(e)}


def size(e: Expr) -> int:
    """How many nodes the formula has."""
    return sum(1 for _ in parts_of(e))


def parts_of(e: Expr, closed: str = "") -> Iterator[Expr]:
    """The formula and all that it is made of, from left to right, but for what is `closed`; any depth is fine."""
    stack = [e]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(top.args) if top.head != closed else ())


def replaced(e: Expr, new: Mapping[str, Expr]) -> Expr:
    """The formula with formulas in place of symbols."""
    if e.head == "symbol":
        return new.get(e.value, e)
    return Expr(e.head, tuple([replaced(a, new) for a in e.args]), e.value) if e.args else e


def substituted(e: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """The formula with formulas in place of quantities; a derivative keeps the symbols it is named by."""
    if e.head in ("symbol", "derivative"):
        return new.get(e, e)
    return Expr(e.head, tuple([substituted(a, new) for a in e.args]), e.value) if e.args else e


def exchanged(e: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """The formula with others in place of some parts, the whole before what is in it."""
    if e in new:
        return new[e]
    return Expr(e.head, tuple([exchanged(a, new) for a in e.args]), e.value) if e.args else e
