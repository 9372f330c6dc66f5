"""A formula in LaTeX, with amsmath."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import ClassVar

from microgradcnn.views.formulas.emitter import ATOM, CLOSE, OPEN, POWER, PRODUCT, Emitter, Inline, numeral
from microgradcnn.views.formulas.expression import GREEK, Expr, branches, function_name, is_path, name_of
from microgradcnn.views.formulas.line_breaks import WIDE, width

_GREEK = {letter: "\\" + name for name, letter in GREEK.items()}
_SIGNS = {"−": "-", "×": r"\times", "√": r"\surd", "ŷ": r"\hat{y}", "✓": r"\checkmark", "✗": r"\times", "→": r"\to"}
_SIGNS |= {"∞": r"\infty", "⊙": r"\odot", "∂": r"\partial", "≈": r"\approx", "·": r"\cdot", "≥": r"\ge", "≤": r"\le"}
_SIGNS |= {**{c: c for c in "<>|"}, **_GREEK}
_SIGNS |= {
    c: f"{shift}{i}" for shift, digits in (("_", "₀₁₂₃₄₅₆₇₈₉"), ("^", "⁰¹²³⁴⁵⁶⁷⁸⁹")) for i, c in enumerate(digits)
}
_FENCES = {"‖": r"\|", "⌊": r"\lfloor ", "⌋": r"\rfloor "}
_BIG = {"Σ": r"\sum", "max": r"\max"}
_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\dots{}"}
_ESCAPED |= {c: "\\" + c for c in "&%$#_{}"} | {"ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}"}
_ESCAPED |= {"–": "--", "œ": r"\oe{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}"}
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)


class Latex(Emitter):
    """LaTeX, with amsmath."""

    fractions_are_atoms = True
    minus, dot, juxtaposed, before_functions = "-", r" \cdot ", " ", " "
    signs: ClassVar[dict[str, str]] = {**_SIGNS, "–": "-", "≠": r"\ne", "←": r"\leftarrow"}
    operators = (  # that LaTeX has a command for
        *("exp", "log", "max", "min", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan"),
    )

    def spaced(self, sign: str) -> str:
        """A binary sign as LaTeX has it."""
        return f" {self.signs.get(sign, sign)} "

    def brackets(self, inside: str) -> str:
        """Brackets that grow around fractions."""
        if any(tall in inside for tall in (r"\frac", r"\tfrac", r"\begin")):
            return rf"\left{OPEN}{inside}\right{CLOSE}"
        return super().brackets(inside)

    def _number(self, e: Expr) -> str:
        written = numeral(abs(e.value))
        if isinstance(written, tuple):
            done = self.fraction(*map(str, written))
        else:
            done = {"∞": r"\infty", "NaN": r"\mathrm{NaN}"}.get(written) or self.numeral(written)
        return f"-{done}" if e.value < 0 else done

    def measured(self, digits: str, exponent: str) -> str:
        """A rounded number, with a power of ten if there is one."""
        digits = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(digits, digits)
        return self.times_ten(digits, exponent) if exponent else digits

    def times_ten(self, digits: str, exponent: str) -> str:
        """Digits, if there are any, times a power of ten."""
        return (rf"{digits} \cdot " if digits else "") + f"10^{{{exponent}}}"

    def _symbol(self, e: Expr) -> str:
        name = name_of(e.value)
        base = rf"\text{{{words(name.base)}}}" if is_path(e.value) else self.word(name.base)
        if name.accent:
            base = rf"\{name.accent}{{{base}}}"
        return base + (f"_{{{','.join(map(self.word, name.subscripts))}}}" if name.subscripts else "")

    def word(self, letters: str) -> str:
        """A letter, a Greek letter or a word."""
        if letters in _GREEK:
            return _GREEK[letters]
        plain = letters.isascii() and letters.isalnum()
        if plain and (len(letters) == 1 or letters.isdecimal()):
            return letters
        return rf"\mathit{{{letters}}}" if plain else rf"\textit{{{words(letters)}}}"

    def _text(self, e: Expr) -> str:
        return rf"\text{{{words(e.value[0])}}}"

    def _quotient(self, e: Expr) -> str:
        above, below = self.deeper(*e.args)
        if _is_wide(below):
            return self.brackets(f"{self.brackets(above)} / {self.brackets(below)}")
        return f"{self.fraction('1', below)} {self.brackets(above)}" if _is_wide(above) else self.fraction(above, below)

    def fraction(self, above: str, below: str) -> str:
        r"""A fraction whose letters are no smaller than those of an index: \tfrac where fractions are in fractions."""
        return rf"\{'t' if self.is_deep else ''}frac{{{above}}}{{{below}}}"

    def _derivative(self, e: Expr) -> str:
        return self.fraction(*self.differentials(e))

    def differentials(self, e: Expr) -> Iterator[str]:
        """dz and dc, or ∂z and ∂c."""
        return ((r"\partial " if e.value else "d") + self.within(a, ATOM) for a in e.args)

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            inside = self.emit(e.args[0])
            return rf"{self.brackets(inside)}^{{1/2}}" if _is_wide(inside) else rf"\sqrt{{{inside}}}"
        return f"{self.base(e.args[0])}^{{{self.exponent(e.args[1])}}}"

    def exponent(self, e: Expr) -> str:
        """An exponent: fractions are written with a slash there."""
        return _Exponent().emit(e)

    def _transpose(self, e: Expr) -> str:
        return rf"{self.within(e.args[0], ATOM)}^{{\top}}"

    def function(self, name: str) -> str:
        """A command of LaTeX, a Greek letter, or the name in upright letters."""
        known, *base = re.split("([₀-₉]+)", function_name(name))  # log₂
        if base:
            return f"{self.function(known)}_{{{base[0].translate(_LOW)}}}"
        if known in self.operators or known in _GREEK:
            return _GREEK.get(known, f"\\{known}")
        name = words(known)
        return rf"\operatorname{{{name}}}" if known.isascii() and known.isidentifier() else rf"\text{{{name}}}"

    def fenced(self, left: str, inside: str, right: str) -> str:
        """Something between two signs, which grow around fractions; bars always do."""
        tall = left in "|‖" or "frac" in inside
        left, right = _FENCES.get(left, left), _FENCES.get(right, right)
        return rf"\left{left}{inside}\right{right}" if tall else f"{left}{inside}{right}"

    def when(self, condition: Expr, write: Callable[[Expr], str]) -> str:
        """When a case holds."""
        said = condition.head == "text"
        return write(condition) if said else rf"\text{{if }} {write(condition)}"

    def big(self, sign: str, letters: str) -> str:
        """A sum or a maximum with its letters below."""
        return rf"{_BIG[sign]}_{{{letters}}} "

    def position(self, part: str) -> str:
        """A part of an index: a letter stands for a number, and so does 2r + i."""
        if re.fullmatch(r"\w( [+−] \w+)*|\d*[a-z]( [+−] \w+)*", part, re.ASCII):
            return part.replace("−", "-")
        return self.word(part) if part.isascii() and part.isalnum() else rf"\text{{{words(part)}}}"

    def _cases(self, e: Expr) -> str:
        *conditional, (last,) = branches(e)
        some = [(self.deeper(then)[0], self.when(condition, self.emit)) for then, condition in conditional]
        (otherwise,) = self.deeper(last)
        rows = "".join(rf"{then} & {condition} \\ " for then, condition in some)
        tall = rf"\begin{{cases}} {rows}{otherwise} & \text{{else}} \end{{cases}}"
        if _is_wide(tall):
            said = r" \text{, } ".join(rf"{then} \text{{ }} {condition}" for then, condition in some)
            return self.brackets(rf"{said} \text{{, else }} {otherwise}")
        return tall


class InlineLatex(Inline, Latex):
    """LaTeX within a line of words."""

    room = 1

    def _derivative(self, e: Expr) -> str:
        return "/".join(self.differentials(e))


class _Exponent(InlineLatex):
    """LaTeX within an exponent."""

    fractions_are_atoms = False

    def fraction(self, above: str, below: str) -> str:
        """With a slash."""
        return f"{above}/{below}"

    def _quotient(self, e: Expr) -> str:
        return f"{self.within(e.args[0], PRODUCT)}/{self.within(e.args[1], POWER)}"


def _is_wide(tex: str) -> bool:
    return len(tex) > WIDE and width(tex) > WIDE


def words(plain: str) -> str:
    """Words as LaTeX text in ASCII: special characters escaped, and what its fonts lack written by its number."""
    return "".join(map(_character, unicodedata.normalize("NFC", plain)))


def _character(c: str) -> str:
    if c in _ESCAPED:
        return _ESCAPED[c]
    if c in _SIGNS:
        return f"${_SIGNS[c]}$"
    if c.isascii():
        return c
    parts = unicodedata.normalize("NFD", c)
    if len(parts) == 2 and parts[1] in _ACCENTS and parts[0].isascii() and parts[0].isalpha():
        return f"\\{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"U+{ord(c):04X}"
