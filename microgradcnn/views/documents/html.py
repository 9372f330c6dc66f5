"""A derivation as HTML with MathML; what is wider than the page scrolls by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby, repeat
from string import ascii_uppercase

from microgradcnn.system.text_layout import columns
from microgradcnn.views.documents.document import LONGEST, Block, Lettered, Line, Step, Table, is_display, text_line
from microgradcnn.views.documents.pieces import InlinePieces, Pieces
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.mathml import InlineMathML

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
@media (max-width: 30em) {
.derivation ol { padding-left: 1.5em }
.derivation .aligned { font-size: 0.9em }
.derivation table:not(.aligned) { font-size: 0.85em }
.derivation th, .derivation td { padding: 0.15em 0.25em }
}
@media print { .derivation .wide, .derivation p { overflow: visible } }
"""
NARROW = 30  # columns of a formula between words that a telephone is wide enough for
_MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML"{}>{}</math>'


def as_html(steps: Iterable[Step]) -> str:
    """The steps as HTML, well-formed XML under one element."""
    pieces = [f'<div class="derivation"><style>{STYLE}</style><ol>']
    for step in steps:
        title = f'<p role="heading" aria-level="2"><b>{inline_html(step.heading)}.</b></p>'
        pieces += [f"<li>{title}", *html_lines(step.lines), "</li>"]
    return "\n".join([*pieces, "</ol></div>"])


def html_fragment(content: Iterable[Block]) -> str:
    """Lines and tables as HTML by themselves, well-formed XML under one element."""
    return "\n".join([f'<div class="derivation"><style>{STYLE}</style>', *html_lines(content), "</div>"])


def notebook_bundle(page: str, text: str) -> dict[str, str]:
    """What a notebook shows: the page, or the text where MathML is taken out, which would leave df/da as dfda.

    What takes it out, as JupyterLab does in a notebook that is not trusted, takes style sheets out too.
    """
    shown = ".microgradcnn-mathml { display: block !important } .microgradcnn-text { display: none }"
    hidden = '<div class="microgradcnn-mathml" style="display: none">'
    plain = f'<pre class="microgradcnn-text">{escape(text)}</pre>'
    return {"text/html": f"<style>{shown}</style>{hidden}{page}</div>{plain}"}


def html_lines(content: Iterable[Block]) -> list[str]:
    """Lines and tables as HTML, equations that follow each other as one table."""
    pieces: list[str] = []
    for displayed, group in groupby(content, is_display):
        lines = list(group)
        pieces += [_aligned(lines)] if displayed else _paragraphs(lines)
    return pieces


def _paragraphs(blocks: Iterable[Block]) -> Iterator[str]:
    """Each by itself; short sentences that follow each other, as those on shapes, as one paragraph."""
    for short, group in groupby(blocks, _is_short):
        if short:
            yield f"<p>{' '.join(inline_html(line) for line in group if isinstance(line, tuple))}</p>"
        else:
            yield from map(_block, group)


def _is_short(block: Block) -> bool:
    return isinstance(block, tuple) and columns(line := text_line(block)) <= NARROW and line.endswith(".")


def _block(block: Block) -> str:
    if isinstance(block, Lettered):
        return _aligned(block.lines, [f"<td>({letter})</td>" for letter in ascii_uppercase])
    if isinstance(block, Table):
        return _table(block)
    scrolls = any(columns(notation.text(e)) > NARROW for e in block if isinstance(e, Expr))
    start = '<p tabindex="0">' if scrolls else "<p>"
    return f"{start}{inline_html(block)}</p>"


def _aligned(lines: Iterable[Block], letters: Iterable[str] = repeat("")) -> str:
    """Equations below each other, aligned at their signs.

    A long one has each of its signs in a row of its own; others may break before a sign where there is no room.
    """
    cells: list[str] = []
    for line, letter in zip(lines, letters, strict=False):
        assert isinstance(line, tuple)
        e, *words = line
        assert isinstance(e, Expr)
        first, *others = ["".join(map(_display, _parts(side, e.value if i else ""))) for i, side in enumerate(e.args)]
        *before, last = others if columns(text_line(line)) > LONGEST else ["".join(others)]
        starts = [f"{letter}<td>{first}</td>", *["<td></td>" * (2 if letter else 1)] * len(before)]
        rights = [*before, last + inline_html(tuple(words))]
        cells += [f"<tr>{start}<td>{right}</td></tr>" for start, right in zip(starts, rights, strict=True)]
    return _wide(f'<table class="aligned" role="presentation"><tbody>{"".join(cells)}</tbody></table>', "equations")


def _parts(side: Expr, sign: str) -> list[str]:
    """A side behind its sign, in parts between which a narrow window may break it, as before the sides of an update."""
    if side.head == "equation":
        return [part for i, each in enumerate(side.args) for part in _parts(each, side.value if i else sign)]
    first, *others = Pieces().of(side)
    return [f"<mo>{escape(sign)}</mo>{first}" if sign else first, *others]


def _wide(inside: str, what: str) -> str:
    """What scrolls by itself, by keyboard too."""
    return f'<div class="wide" tabindex="0" role="group" aria-label="{what}">{inside}</div>'


def _display(markup: str) -> str:
    """Mathematics as in a line of its own, but where the row puts it."""
    return _MATH.format(' displaystyle="true"', f"<mrow>{markup}</mrow>")


def inline_html(line: Line) -> str:
    """Words and formulas as HTML."""
    return "".join(
        escape(p) if isinstance(p, str) else "".join(_MATH.format("", piece) for piece in InlinePieces().of(p))
        for p in line
    )


def _table(table: Table) -> str:
    header = "".join(f'<th scope="col">{_labelled(cell)}</th>' for cell in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{inline_html(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return _wide(f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>", "table")


def _labelled(cell: Line) -> str:
    """A cell whose formula, if it is one, has its text for whoever asks what the column is called."""
    if len(cell) == 1 and isinstance(cell[0], Expr):
        return _MATH.format(f' aria-label="{escape(text_line(cell))}"', InlineMathML()(cell[0]))
    return inline_html(cell)
