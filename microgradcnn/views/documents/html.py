"""A derivation as HTML with MathML; what is wider than the page scrolls by itself."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby, repeat
from string import ascii_uppercase

from microgradcnn.views.documents.document import (
    LONGEST,
    Block,
    Lettered,
    Line,
    Step,
    Table,
    is_display,
    sides,
    text_line,
)
from microgradcnn.views.formulas.line_breaks import columns
from microgradcnn.views.formulas.mathml import InlineMathML, MathML

# Notebooks align the cells of every table to the right and stripe its rows: a class named thrice outranks that.
STYLE = """
.derivation table { border-collapse: collapse }
.derivation th, .derivation td { padding: 0.15em 0.6em; white-space: nowrap }
.derivation.derivation.derivation :is(tr, th, td) { text-align: left; background: none }
.derivation th { border-bottom: 1px solid; font-weight: normal }
.derivation .aligned td { padding: 0.25em 0.15em; border: 0; white-space: normal }
.derivation.derivation.derivation .aligned td:first-child { text-align: right; white-space: nowrap }
.derivation .aligned math { padding: 0.1em 0 }
.derivation .wide { overflow: auto hidden; margin: 0.6em 0; padding: 0.4em 0 }
.derivation p { overflow: auto hidden; padding: 0.4em 0 }
@media print { .derivation .wide, .derivation p { overflow: visible } }
"""
_MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML"{}>{}</math>'


def as_html(steps: Iterable[Step]) -> str:
    """The steps as HTML, well-formed XML under one element."""
    pieces = [f'<div class="derivation"><style>{STYLE}</style><ol>']
    for step in steps:
        pieces += [f"<li><p><b>{_inline(step.heading)}.</b></p>", *html_lines(step.lines), "</li>"]
    return "\n".join([*pieces, "</ol></div>"])


def html_lines(content: Iterable[Block]) -> list[str]:
    """Lines and tables as HTML, equations that follow each other as one table."""
    pieces: list[str] = []
    for displayed, group in groupby(content, is_display):
        lines = list(group)
        pieces += [_aligned(lines)] if displayed else map(_block, lines)
    return pieces


def _block(block: Block) -> str:
    if isinstance(block, Lettered):
        return _aligned(block.lines, [f"<td>({letter})</td>" for letter in ascii_uppercase])
    return _table(block) if isinstance(block, Table) else f"<p>{_inline(block)}</p>"


def _aligned(lines: Iterable[Block], letters: Iterable[str] = repeat("")) -> str:
    """Equations below each other, aligned at their signs.

    A long one has each of its signs in a row of its own; others may break before a sign where there is no room.
    """
    cells: list[str] = []
    for line, letter in zip(lines, letters, strict=False):
        assert isinstance(line, tuple)
        sign, first, others, words = sides(line, MathML())
        parts = [_display(f"<mo>{escape(sign)}</mo>{side}") for side in others]
        *before, last = parts if columns(text_line(line)) > LONGEST else ["".join(parts)]
        starts = [f"{letter}<td>{_display(first)}</td>", *["<td></td>" * (2 if letter else 1)] * len(before)]
        rights = [*before, last + _inline(words)]
        cells += [f"<tr>{start}<td>{right}</td></tr>" for start, right in zip(starts, rights, strict=True)]
    return f'<div class="wide"><table class="aligned"><tbody>{"".join(cells)}</tbody></table></div>'


def _display(markup: str) -> str:
    """Mathematics as in a line of its own, but where the row puts it."""
    return _MATH.format(' displaystyle="true"', f"<mrow>{markup}</mrow>")


def _inline(line: Line) -> str:
    return "".join(escape(p) if isinstance(p, str) else _MATH.format("", InlineMathML()(p)) for p in line)


def _table(table: Table) -> str:
    header = "".join(f"<th>{_inline(cell)}</th>" for cell in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_inline(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f'<div class="wide"><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>'
