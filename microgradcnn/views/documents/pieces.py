"""Formulas as MathML in pieces, between which a row of a page may be broken where there is no room."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from microgradcnn.system.text_layout import columns
from microgradcnn.views.formulas.emitter import ATOM, OPEN, POWER, PRODUCT, positive
from microgradcnn.views.formulas.expression import Expr, branches, flat
from microgradcnn.views.formulas.mathml import InlineMathML, MathML, row
from microgradcnn.views.formulas.typeset import Text

NARROW = 20  # columns of a formula that a telephone is wide enough for, beside the left side of an equation
WIDE, WIDEST = 30, 45  # columns of a part of a fraction, and of cases, that are still drawn as one
_BREAK = "\ue006"  # where a row may be broken; private, as brackets are
_NO_BREAK = "\u00a0"  # a space that is kept where a piece ends
_SPACE = f"<mtext>{_NO_BREAK}</mtext>"
_BREAKABLE = ("sum", "product", "quotient", "hadamard", "matmul", "call", "over", "index", "transpose", "cases", "text")


class Pieces(MathML):
    """MathML in pieces between which a row may be broken: the terms of a sum, the factors of what is wide."""

    comma = MathML.comma + _BREAK
    bracket = (*MathML.bracket, f'<mo stretchy="false">{OPEN}', f'<mo minsize="2em">{OPEN}')

    def of(self, e: Expr) -> list[str]:
        """The inside of a <math> element for each piece."""
        whole = self._sum(e) if e.head == "sum" else self.emit(e)
        return self.finish(whole).split(_BREAK)

    def emit(self, e: Expr) -> str:
        """The text of a formula, with marks where it may be broken; what is drawn as a whole has none."""
        if e.head in _BREAKABLE and _is_wide(e):
            return str(getattr(self, f"_{e.head}")(e))
        return self.whole().emit(e)

    def whole(self) -> MathML:
        """What writes formulas that are not broken, as deep in fractions as this is."""
        writer = MathML()
        writer._depth = self._depth
        return writer

    def fenced(self, left: str, inside: str, right: str) -> str:
        """Something between two signs, of a size that is given where it may be broken: they cannot grow there."""
        if _BREAK not in inside:
            return super().fenced(left, inside, right)
        mo = '<mo minsize="2em">' if "<mfrac" in inside or "<mtable" in inside else '<mo stretchy="false">'
        return f"{mo}{left}</mo>{inside}{mo}{right}</mo>"

    def signed(self, done: str) -> str:
        """A minus in front, which may stand behind a bracket."""
        return f'<mo form="prefix">−</mo>{done[1:]}' if done.startswith("−") else done

    def _sum(self, e: Expr) -> str:
        pieces: list[str] = []
        for i, term in enumerate(flat(e, "sum")):
            negative, body = positive(term)
            sign = "−" if negative else "+"
            pieces.append(f'<mo form="{"infix" if i else "prefix"}">{sign}</mo>' if i or negative else "")
            pieces[-1] += self.within(body, PRODUCT)
        return _BREAK.join(pieces)

    def joined(self, parts: Sequence[str], factors: Sequence[Expr]) -> str:
        """Factors side by side, a break before each sign between them."""
        return parts[0] + "".join(map(f"{_BREAK}{{}}{{}}".format, self.joints(parts, factors), parts[1:]))

    def _quotient(self, e: Expr) -> str:
        above, below = e.args
        if not any(_is_wide(part, WIDE) for part in e.args):
            return self.whole().emit(e)
        if _is_wide(below, WIDE):
            return f'{self.within(above, POWER)}{_BREAK}<mo form="infix">/</mo>{self.within(below, POWER)}'
        inverse = self.whole().fraction("<mn>1</mn>", self.whole().emit(below))
        return f"{inverse}{_BREAK}{self.juxtaposed}{self.within(above, PRODUCT)}"

    def big(self, sign: str, letters: str) -> str:
        """A sum or a maximum with its letters below, whole."""
        return self.whole().big(sign, letters)

    def _cases(self, e: Expr) -> str:
        """Cases with braces; in words where those are too wide."""
        if not _is_wide(e, WIDEST):
            return row(self.whole()._cases(e))
        *some, (otherwise,) = branches(e)
        said = [f"{self.emit(then)}{_BREAK}{_SPACE}{self.when(condition, self.emit)}" for then, condition in some]
        return self.brackets(_BREAK.join([*said, f"<mtext>,{_NO_BREAK}else{_NO_BREAK}</mtext>{self.emit(otherwise)}"]))

    def _text(self, e: Expr) -> str:
        """Words, broken after commas."""
        parts = re.findall(r".+?(?:, |$)", e.value[0])
        return _BREAK.join(f"<mtext>{escape(part.replace(' ', _NO_BREAK))}</mtext>" for part in parts)

    def _transpose(self, e: Expr) -> str:
        return f"{self.within(e.args[0], ATOM)}<msup><mrow></mrow><mo>⊤</mo></msup>"

    def _hadamard(self, e: Expr) -> str:
        return f'{_BREAK}<mo form="infix">⊙</mo>'.join(self.within(f, POWER) for f in flat(e, "hadamard"))


def _is_wide(e: Expr, room: int = NARROW) -> bool:
    return columns(Text()(e)) > room


class InlinePieces(Pieces, InlineMathML):
    """The same within a line of words."""

    def whole(self) -> MathML:
        """What writes formulas within a line."""
        return InlineMathML()
