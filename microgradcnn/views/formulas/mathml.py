"""A formula as MathML Core, for pages, and as Python, for programs that read it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from keyword import iskeyword
from typing import ClassVar
from xml.sax.saxutils import escape

import numpy as np

from microgradcnn.engine.record import TABLE
from microgradcnn.views.formulas.emitter import ATOM, CLOSE, NAMED, OPEN, POWER, PRODUCT, Emitter, Inline, numeral
from microgradcnn.views.formulas.expression import ONE, ZERO, Expr, branches, flat, function_name, name_of

_ACCENTS = {"hat": "ˆ", "bar": "¯", "tilde": "˜"}
_CALLED = {"float", "max", "min", "s_", "sign", "spread"}  # by Python lines, beside the primitives


class MathML(Emitter):
    """The inside of a <math> element."""

    fractions_are_atoms = True
    bracket: tuple[str, ...] = (f"<mrow><mo>{OPEN}", f'<mrow><mo stretchy="false">{OPEN}')
    dot, comma = "<mo>·</mo>", "<mo>,</mo>"
    juxtaposed = "<mo>\u2062</mo>"  # invisible times, for those who listen
    before_functions = '<mo lspace="0" rspace="0.1667em">\u2062</mo>'

    def spaced(self, sign: str) -> str:
        """A binary sign; the browser knows the space around it."""
        return f"<mo>{escape(sign)}</mo>"

    def emit(self, e: Expr) -> str:
        """One element for each formula."""
        done = super().emit(e)
        return done if e.head in ("number", "symbol", "quotient", "text") and "<mo" not in done else row(done)

    def brackets(self, inside: str) -> str:
        """Brackets that grow around what is tall."""
        return self.fenced(OPEN, inside, CLOSE)

    def fenced(self, left: str, inside: str, right: str) -> str:
        """Something between two signs, which grow only where they must: growing ones stand farther apart."""
        tall = any(tag in inside for tag in ("<mfrac", "<mtable>"))
        mo = "<mo>" if tall else '<mo stretchy="false">'
        return row(f"{mo}{left}</mo>{inside}{mo}{right}</mo>")

    def _sum(self, e: Expr) -> str:
        return self.signed(super()._sum(e))

    def _product(self, e: Expr) -> str:
        return self.signed(super()._product(e))

    def signed(self, done: str) -> str:
        """A minus in front is an operator too."""
        return f"<mo>−</mo>{done[1:]}" if done.startswith("−") else done

    def _number(self, e: Expr) -> str:
        written = numeral(abs(e.value))
        if isinstance(written, tuple):
            done = self.fraction(*(f"<mn>{n}</mn>" for n in written))
        else:
            done = self.numeral(written) if "e" in written else f"<mn>{written}</mn>"
        return f"<mo>−</mo>{done}" if e.value < 0 else done

    def measured(self, digits: str, exponent: str) -> str:
        """A rounded number, with a power of ten if there is one."""
        written = NAMED.get(digits, digits).removeprefix("-")
        done = self.times_ten(written, exponent) if exponent else f"<mn>{written}</mn>"
        return f"<mo>−</mo>{done}" if digits.startswith("-") else done

    def times_ten(self, digits: str, exponent: str) -> str:
        """Digits, if there are any, times a power of ten."""
        ten = f"<msup><mn>10</mn><mn>{exponent.replace('-', '−')}</mn></msup>"
        return f"<mn>{digits}</mn><mo>·</mo>{ten}" if digits else ten

    def _symbol(self, e: Expr) -> str:
        name = name_of(e.value)
        base = f"<mi>{escape(name.base)}</mi>"
        if name.accent:
            base = f'<mover accent="true">{base}<mo>{_ACCENTS[name.accent]}</mo></mover>'
        if not name.subscripts:
            return base
        parts = [f"<mn>{s}</mn>" if s.isdecimal() else f"<mi>{escape(s)}</mi>" for s in name.subscripts]
        return f"<msub>{base}{row(self.comma.join(parts)) if len(parts) > 1 else parts[0]}</msub>"

    def _text(self, e: Expr) -> str:
        return f"<mtext>{escape(e.value[0])}</mtext>"

    def _quotient(self, e: Expr) -> str:
        return self.fraction(*self.deeper(*e.args))

    def fraction(self, above: str, below: str) -> str:
        """A fraction, its letters no smaller than those of an index."""
        same = ' displaystyle="false" scriptlevel="0"' if self.is_deep else ""
        return f"<mfrac{same}>{above}{below}</mfrac>"

    def _derivative(self, e: Expr) -> str:
        return self.fraction(*self.differentials(e))

    def differentials(self, e: Expr) -> Iterator[str]:
        """dz and dc, or ∂z and ∂c."""
        return (row(f"<mi>{e.value or 'd'}</mi>{self.within(a, ATOM)}") for a in e.args)

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            return f"<msqrt>{self.emit(e.args[0])}</msqrt>"
        return f"<msup>{self.base(e.args[0])}{self.exponent(e.args[1])}</msup>"

    def exponent(self, e: Expr) -> str:
        """An exponent."""
        return Exponent().emit(e)

    def _transpose(self, e: Expr) -> str:
        return f"<msup>{self.base(e.args[0])}<mo>⊤</mo></msup>"

    def function(self, name: str) -> str:
        """The name, and that it is applied."""
        return f"<mi>{escape(function_name(name))}</mi><mo>\u2061</mo>"

    def position(self, part: str) -> str:
        """A part of an index: a letter stands for a number, and so does 2r + i."""
        if re.fullmatch(r"\d*[a-z]( [+−] \w+)+", part, re.ASCII):
            return "".join(map(self.position, re.findall(r"\d+|[a-z]|[+−]", part)))
        tag = "mn" if part.isdecimal() else "mi" if part.isalpha() else "mo" if part in "+−" else "mtext"
        return f"<{tag}>{escape(part)}</{tag}>"

    def _cases(self, e: Expr) -> str:
        *some, (otherwise,) = branches(e)
        rows = [(*self.deeper(then), self.when(condition, self.emit)) for then, condition in some]
        rows.append((*self.deeper(otherwise), "<mtext>else</mtext>"))
        cells = "".join(f"<mtr><mtd>{a}</mtd><mtd>{row(b)}</mtd></mtr>" for a, b in rows)
        return f"<mo>{{</mo><mtable>{cells}</mtable>"

    def when(self, condition: Expr, write: Callable[[Expr], str]) -> str:
        """When a case holds."""
        return write(condition) if condition.head == "text" else f"<mtext>if&#160;</mtext>{write(condition)}"

    def big(self, sign: str, letters: str) -> str:
        """A sum or a maximum with its letters below."""
        below = self.comma.join(f"<mi>{letter}</mi>" for letter in letters.split(", "))
        return f"<munder><mo>{'∑' if sign == 'Σ' else sign}</mo>{row(below)}</munder>"


class InlineMathML(Inline, MathML):
    """MathML within a line of words."""

    room = 1

    def _derivative(self, e: Expr) -> str:
        return "<mo>/</mo>".join(self.differentials(e))


class Exponent(InlineMathML):
    """MathML within an exponent, where fractions have a slash."""

    fractions_are_atoms = False

    def fraction(self, above: str, below: str) -> str:
        """With a slash."""
        return row(f"{above}<mo>/</mo>{below}")

    def _quotient(self, e: Expr) -> str:
        return self.fraction(self.within(e.args[0], PRODUCT), self.within(e.args[1], POWER))


def row(inside: str) -> str:
    """Elements grouped into one."""
    return f"<mrow>{inside}</mrow>"


class Python(Emitter):
    """A Python expression with the labels as names; fractions are written as 1/4, which SymPy reads exactly."""

    minus, dot, juxtaposed, before_functions = "-", "*", "*", "*"
    signs: ClassVar[dict[str, str]] = {"≤": "<=", "≥": ">=", "=": "==", "≠": "!="}

    def finish(self, done: str) -> str:
        """Round brackets only."""
        return done.replace(OPEN, "(").replace(CLOSE, ")")

    def spaced(self, sign: str) -> str:
        """A binary sign in Python."""
        return f" {self.signs.get(sign, sign)} "

    def _number(self, e: Expr) -> str:
        if not isinstance(e.value, Fraction):
            return f"float('{e.value}')"
        return str(e.value)

    def level(self, e: Expr) -> int:
        """A fraction is a quotient, an indicator a function."""
        if e.head == "number" and isinstance(e.value, Fraction) and e.value.denominator != 1 and e.value > 0:
            return PRODUCT
        return ATOM if e.head == "derivative" else super().level(e)

    def _symbol(self, e: Expr) -> str:
        name = identifier(e.value)
        return name + "_" if name in TABLE or name in _CALLED else name

    def measured(self, digits: str, exponent: str) -> str:
        """A rounded number as Python has it."""
        return f"{digits}e{exponent}" if exponent else digits

    def _text(self, e: Expr) -> str:
        return str(e.value[1])

    def _quotient(self, e: Expr) -> str:
        return f"{self.factor(e.args[0])}/{self.factor(e.args[1])}"

    def _derivative(self, e: Expr) -> str:
        return "{0}{1}_{0}{2}".format("partial_" if e.value else "d", *map(self.emit, e.args))

    def _power(self, e: Expr) -> str:
        return f"{self.base(e.args[0])}**{self.within(e.args[1], ATOM)}"

    def _transpose(self, e: Expr) -> str:
        return f"{self.within(e.args[0], ATOM)}.T"

    def _call(self, e: Expr) -> str:
        return f"{identifier(e.value)}({', '.join(map(self.emit, e.args))})"

    def _equation(self, e: Expr) -> str:
        left, *right = map(self.emit, e.args)
        if e.args[0].head == "call":  # the definition of a function
            left, right = identifier(e.args[0].value), [f"lambda {left[left.index('(') + 1 : -1]}: {right[0]}"]
        return " = ".join([left, *right])

    def _index(self, e: Expr) -> str:
        return f"{self.within(e.args[0], ATOM)}[{e.value[1]}]"

    def _indicator(self, e: Expr) -> str:
        return f"where({self.emit(e.args[0])}, 1, 0)"

    def _cases(self, e: Expr) -> str:
        return f"where({', '.join(map(self.emit, e.args))})"

    def _hadamard(self, e: Expr) -> str:
        return "*".join(self.factor(f) for f in flat(e, "hadamard"))

    def _matmul(self, e: Expr) -> str:
        return " @ ".join(self.factor(f) for f in e.args)


class Typed(Python):
    """A formula as a student may type it: with decimals, labels, ^, sqrt and [a > 0]."""

    level, inverts = Emitter.level, False
    signs: ClassVar[dict[str, str]] = {"≤": "<=", "≥": ">="}

    def is_glyph(self, e: Expr) -> bool:
        """A decimal needs no brackets."""
        return True

    def _number(self, e: Expr) -> str:
        return np.format_float_positional(float(e.value), trim="-")

    def _symbol(self, e: Expr) -> str:
        return str(e.value)

    def _derivative(self, e: Expr) -> str:
        return "/".join(f"{e.value or 'd'}{self.within(x, ATOM)}" for x in e.args)

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            return f"sqrt({self.emit(e.args[0])})"
        return f"{self.base(e.args[0])}^{self.within(e.args[1], ATOM)}"

    def _cases(self, e: Expr) -> str:
        if e.args[1:] == (ONE, ZERO):
            return f"[{self.emit(e.args[0])}]"
        ties = any(branch[-1].value == "=" for branch in branches(e)[:-1])
        return self.in_braces(e) if ties else super()._cases(e)


def identifier(name: str) -> str:
    """A name as Python takes it."""
    name = "".join(c if f"_{c}".isidentifier() else "_" for c in name) or "_"
    return f"{'' if name.isidentifier() else '_'}{name}{'_' if iskeyword(name) else ''}"
