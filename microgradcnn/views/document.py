"""Steps of words, formulas and tables, as text, LaTeX and HTML with MathML."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import TypeAlias

from microgradcnn.views import notation
from microgradcnn.views.expression import Expr, heads
from microgradcnn.views.latex import Latex
from microgradcnn.views.latex import words as latex_words

Line: TypeAlias = tuple[str | Expr, ...]  # words and formulas; a line of one formula is displayed

LONGEST = 90  # an equation with more characters takes several lines


@dataclass(frozen=True)
class Table:
    """Cells, each a line, under a header."""

    header: Sequence[Line]
    rows: Sequence[Sequence[Line]]


@dataclass
class Step:
    """A title, and what is said under it."""

    title: str
    subject: Expr | None = None  # what it is about, where several parameters are derived
    lines: list[Line | Table] = field(default_factory=list)

    @property
    def heading(self) -> Line:
        """The title, and the subject where there is one."""
        return (self.title,) if self.subject is None else (self.title, ", ", self.subject)

    def say(self, *pieces: str | Expr) -> None:
        """Add a line."""
        self.lines.append(pieces)

    def explain_brackets(self) -> None:
        """Add what [a > 0] means, if it occurs."""
        pieces = [piece for line in self.lines if not isinstance(line, Table) for piece in line]
        if any("indicator" in heads(piece) for piece in pieces if isinstance(piece, Expr)):
            self.say("[...] is 1 where the condition holds, else 0.")


def as_text(steps: Iterable[Step]) -> str:
    """The steps for a terminal."""
    pieces: list[str] = []
    for i, step in enumerate(steps, start=1):
        pieces.append(f"{i}. " + _text_line(step.heading))
        for line in step.lines:
            pieces += _text_table(line) if isinstance(line, Table) else _text_lines(line)
        pieces.append("")
    return "\n".join(pieces).rstrip() + "\n"


def _text_lines(line: Line) -> list[str]:
    """A line; a long equation has each of its signs at the start of a line."""
    e, *words = line
    if not _is_display(line) or not isinstance(e, Expr) or len(_text_line(line)) <= LONGEST:
        return ["   " + _text_line(line)]
    first, *others = [notation.text(side) for side in e.args]
    margin = "   " + " " * _width(first)
    lines = [f"   {first} {e.value} {others[0]}", *(f"{margin} {e.value} {side}" for side in others[1:])]
    return [*lines[:-1], lines[-1] + _text_line(tuple(words))]


def _text_line(line: Line) -> str:
    return "".join(piece if isinstance(piece, str) else notation.text(piece) for piece in line)


def _text_table(table: Table) -> list[str]:
    cells = [[_text_line(cell) for cell in row] for row in (table.header, *table.rows)]
    widths = [max(_width(row[j]) for row in cells) for j in range(len(cells[0]))]
    lines = [
        "   " + "  ".join(c + " " * (w - _width(c)) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells
    ]
    return [lines[0], "   " + "─" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]]


def _width(cell: str) -> int:
    return sum(not unicodedata.combining(c) for c in cell)


def as_latex(steps: Iterable[Step]) -> str:
    """The steps as the body of a LaTeX document with amsmath and amssymb."""
    pieces: list[str] = []
    for i, step in enumerate(steps, start=1):
        pieces.append(rf"\paragraph{{{i}. {_latex_inline(step.heading)}.}}")
        for displayed, lines in groupby(step.lines, _is_display):
            if displayed:
                pieces.append("\\[" + _aligned(lines) + "\\]")
            else:
                pieces += [_latex_table(x) if isinstance(x, Table) else _latex_inline(x) + r"\par" for x in lines]
        pieces.append("")
    return "\n".join(pieces)


def equations(steps: Iterable[Step]) -> str:
    """The displayed formulas alone, one below the other, as one piece of LaTeX mathematics."""
    return "$$" + _aligned(line for step in steps for line in step.lines if _is_display(line)) + "$$"


def _is_display(line: Line | Table) -> bool:
    """Whether a line starts with an equation, to stand by itself."""
    return isinstance(line, tuple) and isinstance(line[0], Expr) and line[0].head == "equation"


def _aligned(lines: Iterable[Line | Table]) -> str:
    """Equations below each other; a long one has each of its signs at the start of a line."""
    rows: list[str] = []
    for line in lines:
        assert isinstance(line, tuple)
        e, *words = line
        assert isinstance(e, Expr)
        sign = Latex.signs.get(e.value, e.value)
        first, *others = [notation.latex(side) for side in e.args]
        apart = f" \\\\\n&{sign} " if len(notation.text(e)) > LONGEST else f" {sign} "
        after = rf" \quad\text{{{_latex_inline(tuple(words))}}}" if words else ""
        rows.append(f"{first} &{sign} {apart.join(others)}{after}")
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _latex_inline(line: Line) -> str:
    return "".join(latex_words(p) if isinstance(p, str) else f"${notation.latex(p)}$" for p in line)


def _latex_table(table: Table) -> str:
    header, *rows = [" & ".join(map(_latex_inline, row)) for row in (table.header, *table.rows)]
    body = " \\\\\n".join(rows)
    columns = "l" * len(table.header)
    return f"\\[\\begin{{tabular}}{{{columns}}}\n{header} \\\\ \\hline\n{body}\n\\end{{tabular}}\\]"


_STYLE = (
    ".derivation table { border-collapse: collapse; margin: 0.5em 0 } "
    ".derivation th, .derivation td { padding: 0.15em 0.6em; text-align: left } "
    ".derivation .aligned td { padding: 0.25em 0.15em } "
    ".derivation .aligned td:first-child { text-align: right }"
)


def as_html(steps: Iterable[Step]) -> str:
    """The steps as HTML with MathML, well-formed XML under one element."""
    pieces = [f'<div class="derivation"><style>{_STYLE}</style><ol>']
    for step in steps:
        pieces.append(f"<li><p><b>{_html_line(step.heading, False)}.</b></p>")
        for displayed, lines in groupby(step.lines, _is_display):
            if displayed:
                pieces.append(_html_aligned(lines))
            else:
                pieces += [_html_block(line) for line in lines]
        pieces.append("</li>")
    return "\n".join([*pieces, "</ol></div>"])


def _html_block(line: Line | Table) -> str:
    return _html_table(line) if isinstance(line, Table) else f"<p>{_html_line(line, False)}</p>"


def _html_aligned(lines: Iterable[Line | Table]) -> str:
    """Equations below each other, aligned at their signs; a long one has each of its signs in a row of its own."""
    rows: list[tuple[str, str]] = []
    for line in lines:
        assert isinstance(line, tuple)
        e, *words = line
        assert isinstance(e, Expr)
        first, *others = [_html_display(side) for side in e.args]
        sides = [f"{escape(e.value)} {side}" for side in others]
        if len(notation.text(e)) <= LONGEST:
            sides = [" ".join(sides)]
        sides[-1] += _html_line(tuple(words), False)
        rows += [(first if i == 0 else "", side) for i, side in enumerate(sides)]
    cells = "".join(f"<tr><td>{left}</td><td>{right}</td></tr>" for left, right in rows)
    return f'<table class="aligned"><tbody>{cells}</tbody></table>'


def _html_display(e: Expr) -> str:
    """A formula in a line of its own, but where the line puts it."""
    return notation.mathml(e, True).replace('display="block"', 'displaystyle="true"', 1)


def _html_line(line: Line, block: bool) -> str:
    return "".join(escape(p) if isinstance(p, str) else notation.mathml(p, block) for p in line)


def _html_table(table: Table) -> str:
    header = "".join(f"<th>{_html_line(cell, False)}</th>" for cell in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{_html_line(c, False)}</td>" for c in row) + "</tr>" for row in table.rows)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table>"
