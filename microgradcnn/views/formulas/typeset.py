"""Formulas as one line of Unicode and, for pictures, as pieces of text with their style: italics, subscripts, widths.

Widths are those of Times and Helvetica (and of the free fonts cut to the same measures), because a picture is laid out
before anybody knows which font will be found.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from typing import NamedTuple

from microgradcnn.system.text_layout import columns
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.emitter import (
    ATOM,
    COMBINING,
    GLYPHS,
    POWER,
    PRODUCT,
    SUBSCRIPT,
    SUPERSCRIPT,
    Emitter,
    numeral,
)
from microgradcnn.views.formulas.expression import ZERO, Expr, add, branches, cut, is_path, multiply, name_of, number

LOWERED = 0.79  # the size of a subscript or superscript, as a share of the text's: 11 pixels of 14

_ITALIC, _LOW, _HIGH, _END = "\ue002", "\ue003", "\ue004", "\ue005"  # marks within a text; private, as brackets are
_FIRST_BLOCK = 0xE100  # private characters that keep the room of what takes several lines
_SIGNS = re.compile(f"([{_ITALIC}{_LOW}{_HIGH}{_END}])")

# Thousandths of the font's size, upright or italic, whichever is more; what is not listed is as wide as most letters.
_SERIF = {
    250: " ,.",
    278: "'|ijltι/:;\\",
    333: "!()-I[]`fr·",
    400: "Jsγζετ",
    450: '?"acezxkvyχξνλ',
    611: "BCEFLPRSTVXYZ",
}
_SERIF |= {564: "÷≤≥≠√+<=>~−×Σφ", 722: "ADGHKNOQUwmωΔψΩ∞", 750: "½⅓¼¾⅔⅕⅛&", 889: "MW%", 1000: "…←@⊙"}
_SANS = {191: "'", 222: "ijlι", 278: " !,./:;I[\\]ft|", 334: "()-`r·{}", 400: '"*τ', 469: "^ζεξ", 500: "Jcksvxyzγκλν"}
_SANS |= {
    584: "+<=>~−×÷≤≥≠√σμαβρ",
    667: "&ABEKPSVXYFTZΔπΣφ",
    722: "CDHNRUwψ∞",
    780: "GOQωΩ",
    834: "Mm½⅓¼¾⅔⅕⅛%",
    1000: "W…←@⊙",
}
_WIDTHS = [{c: w / 1000 for w, chars in table.items() for c in chars} for table in (_SERIF, _SANS)]
_AVERAGE = (0.51, 0.57)


class Text(Emitter):
    """One line of Unicode, for terminals."""

    functions_need_dots = True

    def is_glyph(self, e: Expr) -> bool:
        """½ is one character."""
        return e.value in GLYPHS

    def _number(self, e: Expr) -> str:
        written = numeral(abs(e.value))
        done = (
            self.numeral(written) if isinstance(written, str) else GLYPHS.get(abs(e.value), "/".join(map(str, written)))
        )
        return f"−{done}" if e.value < 0 else done

    def _symbol(self, e: Expr) -> str:
        name = name_of(e.value)
        base = name.base + COMBINING[name.accent] if name.accent else name.base
        base = "ŷ" if base == "y\u0302" else base
        if all(c in SUBSCRIPT for part in name.subscripts for c in part):
            comma = "" if all(len(part) == 1 for part in name.subscripts) else ","
            return base + comma.join("".join(SUBSCRIPT[c] for c in part) for part in name.subscripts)
        return "_".join([base, *name.subscripts])

    def _text(self, e: Expr) -> str:
        return str(e.value[0])

    def _quotient(self, e: Expr) -> str:
        return f"{self.within(e.args[0], PRODUCT)}/{self.within(e.args[1], POWER)}"

    def _derivative(self, e: Expr) -> str:
        return "/".join(f"{e.value or 'd'}{self.within(a, ATOM)}" for a in e.args)

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            return f"√{self.within(e.args[0], ATOM)}"
        exponent = e.args[1].value if e.args[1].head == "number" else None
        base = self.base(e.args[0])
        if isinstance(exponent, Fraction) and exponent.denominator == 1:
            return base + str(exponent).translate(SUPERSCRIPT)
        return f"{base}^{self.within(e.args[1], ATOM)}"

    def _transpose(self, e: Expr) -> str:
        return f"{self.within(e.args[0], ATOM)}ᵀ"

    def _cases(self, e: Expr) -> str:
        return self.in_braces(e)

    def big(self, sign: str, letters: str) -> str:
        """Σᵣ,ₛ, with a space; Σ_f,r where a letter cannot be lowered."""
        below = letters.replace(" ", "")
        lowered = all(c in SUBSCRIPT or c == "," for c in below)
        return f"{sign}{''.join(SUBSCRIPT.get(c, c) for c in below)} " if lowered else f"{sign}_{below} "

    def laid_out(self, row: str) -> list[str]:
        """A row of a text in as many lines as it takes."""
        return [row]


class Typeable(Text):
    """Text of scalars as an answer may be typed, cases as sums of [a > b], which is 1 where that holds."""

    def __call__(self, e: Expr) -> str:
        """The text of a formula."""
        return super().__call__(indicated(e))


_OUTCOMES = {"<": "<", "=": "=", ">": ">", "≤": "<=", "≥": "=>", "≠": "<>"}
_AS_TYPED: dict[str, list[tuple[int, str]]] = {  # as answers have them: [a = b] is [a ≥ b] − [a > b]
    "<": [(1, "<")],
    ">": [(1, ">")],
    "<=": [(1, "≤")],
    "=>": [(1, "≥")],
    "=": [(1, "≥"), (-1, ">")],
    "<>": [(1, "<"), (1, ">")],
}


def indicated(e: Expr) -> Expr:
    """The formula of scalars with cases as sums: ½[a > b] + ½[a ≥ b] for {1 if a > b, ½ if a = b, else 0}."""
    *some, (otherwise,) = branches(e)
    if not some or any(condition.head != "compare" for _, condition in some):
        return Expr(e.head, tuple(map(indicated, e.args)), e.value) if e.args else e
    possible: dict[tuple[Expr, ...], str] = {}  # how what was compared may still turn out
    terms: list[Expr] = []
    for then, condition in some:
        before, now = possible.get(condition.args, "<=>"), _OUTCOMES[condition.value]
        holds = possible | {condition.args: "".join([c for c in before if c in now])}
        possible[condition.args] = "".join([c for c in before if c not in now])
        terms += _where(then, holds)
    return simplified(add(ZERO, *terms, *_where(otherwise, possible)))


def _where(then: Expr, holds: Mapping[tuple[Expr, ...], str]) -> Iterator[Expr]:
    """A case times what is 1 where all that was compared turns out so."""
    outcomes = [(sides, _AS_TYPED.get(found, [])) for sides, found in holds.items() if found != "<=>"]
    for signs in product(*([(c, sides, sign) for c, sign in ways] for sides, ways in outcomes)):
        indicators = [Expr("indicator", (Expr("compare", tuple(map(indicated, s)), sign),)) for _, s, sign in signs]
        yield multiply(number(prod(c for c, _, _ in signs)), indicated(then), *indicators)


class Tall(Text):
    """Unicode in which cases stand below each other behind a brace: `laid_out` makes the lines of a row.

    Until then private characters keep the room of each block, and no row is broken there.
    """

    def __init__(self) -> None:
        self._blocks: dict[str, list[str]] = {}

    def _cases(self, e: Expr) -> str:
        *some, (otherwise,) = branches(e)
        cells = [(self.laid_out(self(then)), self.when(condition, self.plain)) for then, condition in some]
        cells.append((self.laid_out(self(otherwise)), "else"))
        wide = max(columns(line) for cell, _ in cells for line in cell)
        lines: list[str] = []
        for cell, when in cells:  # a cell has several lines where cases stand in cases
            beside = [f"  {when}" if i == len(cell) // 2 else "" for i in range(len(cell))]
            lines += [f"{line}{' ' * (wide - columns(line))}{more}" for line, more in zip(cell, beside, strict=True)]
        lines[len(lines) // 2 : len(lines) // 2] = [""] * (1 - len(lines) % 2)
        braces = ["⎧", *"⎪" * (len(lines) // 2 - 1), "⎨", *"⎪" * (len(lines) // 2 - 1), "⎩"]
        longest = max(map(columns, lines))
        mark = chr(_FIRST_BLOCK + len(self._blocks))
        pairs = zip(braces, lines, strict=True)
        self._blocks[mark] = [f"{brace} {line}{' ' * (longest - columns(line))}" for brace, line in pairs]
        return mark * (longest + 2)

    def plain(self, e: Expr) -> str:
        """A condition, on one line."""
        return Text()(e)

    def laid_out(self, row: str) -> list[str]:
        """The row with its blocks in their places, the lines above it first."""
        parts = [(found[0], self._blocks.get(found[0][0])) for found in re.finditer(r"([\ue100-\uefff])\1*|.", row)]
        reach = max((len(block) // 2 for _, block in parts if block), default=0)
        lines = ["".join(_line_of(*part, above) for part in parts) for above in range(reach, -reach - 1, -1)]
        return [line.rstrip() for line in lines]


def _line_of(part: str, block: list[str] | None, above: int) -> str:
    """A part of a row as it is so many lines above the row."""
    if block is None:
        return part if above == 0 else " " * columns(part)
    place = len(block) // 2 - above
    return block[place] if 0 <= place < len(block) else " " * len(part)


class Run(NamedTuple):
    """A piece of text in one style; `level` is −1 for a subscript, 1 for a superscript."""

    text: str
    italic: bool = False
    level: int = 0


class Typeset(Text):
    """A formula with marks where its style changes; `runs` reads them."""

    def _symbol(self, e: Expr) -> str:
        name = name_of(clean(cut(e.value)))
        base = unicodedata.normalize("NFC", name.base + COMBINING.get(name.accent, ""))
        if not name.subscripts:
            return f"{_ITALIC}{base}{_END}" if base[:1].isalpha() and not is_path(e.value) else base
        if sum(len(part) > 1 and part.isalpha() for part in name.subscripts) > 1:  # words joined by _, not subscripts
            return f"{_ITALIC}{clean(cut(e.value))}{_END}"
        comma = "," if any(len(part) > 1 for part in name.subscripts) and len(name.subscripts) > 1 else ""
        return f"{_ITALIC}{base}{_END}{_LOW}{comma.join(name.subscripts)}{_END}"

    def _power(self, e: Expr) -> str:
        if self.is_root(e):
            return super()._power(e)
        return f"{self.base(e.args[0])}{_HIGH}{self.emit(e.args[1])}{_END}"

    def _transpose(self, e: Expr) -> str:
        return f"{self.within(e.args[0], ATOM)}{_HIGH}T{_END}"

    def times_ten(self, digits: str, exponent: str) -> str:
        """Digits, if there are any, times a power of ten."""
        return f"{digits}·10{_HIGH}{exponent.replace('-', self.minus)}{_END}".removeprefix("·")


def clean(text: str) -> str:
    """Text without the characters that XML forbids, lone surrogates and private ones that would be read as marks."""
    if text.isprintable():
        return text
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn") else "\ufffd" for c in text)


def typeset(e: Expr) -> list[Run]:
    """The pieces of a formula."""
    return list(_runs(Typeset()(e)))


def _runs(marked: str) -> Iterator[Run]:
    stack: list[str] = []
    for piece in _SIGNS.split(marked):
        if piece == _END:
            stack.pop()
        elif _SIGNS.fullmatch(piece):
            stack.append(piece)
        elif piece:
            shifts = [mark for mark in stack if mark != _ITALIC]
            level = 0 if not shifts else -1 if shifts[-1] == _LOW else 1
            yield Run(piece, _ITALIC in stack, level)


def shortened(runs: Sequence[Run], size: float, limit: float) -> list[Run]:
    """The pieces, cut where they get wider than `limit`, with … in the place of the rest."""
    if width(runs, size) <= limit:
        return list(runs)
    kept: list[Run] = []
    room = limit / size - _width("…", 0)
    for run in runs:
        fitting = 0
        for c in run.text:
            room -= _width(c, 0) * (LOWERED if run.level else 1.0)
            if room < 0:
                break
            fitting += 1
        kept.append(run._replace(text=run.text[:fitting]))
        if room < 0:
            break
    kept[-1] = kept[-1]._replace(text=kept[-1].text.rstrip(" +−·=("))
    return [*(run for run in kept if run.text), Run("…")]


def width(runs: Sequence[Run], size: float) -> float:
    """How wide a formula is in a serif font of that size, in pixels."""
    return sum(_width(run.text, 0) * (LOWERED if run.level else 1.0) for run in runs) * size


def sans_width(text: str, size: float) -> float:
    """How wide a text is in a font without serifs."""
    return _width(text, 1) * size


def _width(text: str, font: int) -> float:
    table, average = _WIDTHS[font], _AVERAGE[font]
    total = 0.0
    for c in text:
        if (known := table.get(c)) is not None:
            total += known
        elif not unicodedata.combining(c):
            total += 1.0 if unicodedata.east_asian_width(c) in "WF" else average
    return total
