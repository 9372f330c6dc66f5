"""A formula in LaTeX, with amsmath."""

from __future__ import annotations

import re
from typing import ClassVar

from microgradcnn.views.emitters import ATOM, CLOSE, OPEN, Emitter, numeral
from microgradcnn.views.expression import GREEK, Expr, name_of

_GREEK = {letter: "\\" + name for name, letter in GREEK.items()}


class Latex(Emitter):
    """LaTeX, with amsmath."""

    fractions_are_atoms = True
    minus, dot, juxtaposed = "-", r" \cdot ", " "
    signs: ClassVar[dict[str, str]] = {"⊙": r"\odot", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "←": r"\leftarrow"}
    named: ClassVar[dict[str, str]] = {
        "sigmoid": r"\sigma",
        **{name: "\\" + name for name in ("exp", "log", "tanh", "max", "min")},
    }

    def spaced(self, sign: str) -> str:
        """A binary sign as LaTeX has it."""
        return f" {self.signs.get(sign, sign)} "

    def brackets(self, inside: str) -> str:
        """Brackets that grow around fractions."""
        if any(tall in inside for tall in (r"\frac", r"\begin")):
            return rf"\left{OPEN}{inside}\right{CLOSE}"
        return super().brackets(inside)

    def _number(self, e: Expr) -> str:
        written = numeral(abs(e.value))
        if isinstance(written, tuple):
            done = r"\frac{{{}}}{{{}}}".format(*written)
        else:
            done = {"∞": r"\infty", "NaN": r"\mathrm{NaN}"}.get(written, written)
        return f"-{done}" if e.value < 0 else done

    def measured(self, digits: str, exponent: str) -> str:
        """A rounded number, with a power of ten if there is one."""
        digits = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\mathrm{NaN}"}.get(digits, digits)
        return rf"{digits} \cdot 10^{{{exponent}}}" if exponent else digits

    def _symbol(self, e: Expr) -> str:
        name = name_of(e.value)
        base = self.word(name.base)
        if name.accent:
            base = rf"\{name.accent}{{{base}}}"
        return base + (f"_{{{','.join(map(self.word, name.subscripts))}}}" if name.subscripts else "")

    def word(self, letters: str) -> str:
        """A letter, a Greek letter or a word."""
        if letters in _GREEK:
            return _GREEK[letters]
        return (
            letters
            if (len(letters) == 1 and letters.isalnum()) or letters.isdecimal()
            else rf"\mathit{{{plain(letters)}}}"
        )

    def _text(self, e: Expr) -> str:
        return rf"\text{{{plain(e.value)}}}"

    def _quotient(self, e: Expr) -> str:
        return rf"\frac{{{self.emit(e.args[0])}}}{{{self.emit(e.args[1])}}}"

    def _derivative(self, e: Expr) -> str:
        return r"\frac{{d{}}}{{d{}}}".format(*(self.within(a, ATOM) for a in e.args))

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            return rf"\sqrt{{{self.emit(e.args[0])}}}"
        return f"{self.base(e.args[0])}^{{{self.emit(e.args[1])}}}"

    def _transpose(self, e: Expr) -> str:
        return rf"{self.within(e.args[0], ATOM)}^{{\top}}"

    def _call(self, e: Expr) -> str:
        inside = ", ".join(map(self.emit, e.args))
        if e.value == "abs":
            return rf"\left|{inside}\right|"
        return self.named.get(e.value, rf"\operatorname{{{plain(e.value)}}}") + self.around(inside)

    def around(self, inside: str) -> str:
        """The brackets of a function's arguments."""
        return rf"\left({inside}\right)" if r"\frac" in inside else f"({inside})"

    def _index(self, e: Expr) -> str:
        return rf"{self.within(e.args[0], ATOM)}[\text{{{plain(e.value)}}}]"

    def _cases(self, e: Expr) -> str:
        condition, then, otherwise = map(self.emit, e.args)
        return rf"\begin{{cases}} {then} & \text{{if }} {condition} \\ {otherwise} & \text{{else}} \end{{cases}}"


def plain(words: str) -> str:
    """Words as LaTeX text: its special characters escaped."""
    escaped = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return re.sub(r"[\\~^&%$#_{}]", lambda m: escaped.get(m[0], "\\" + m[0]), words)
