"""Lines of a sheet as HTML whose mathematics is LaTeX, for pages on which MathJax sets it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from string import ascii_uppercase
from typing import NamedTuple

from microgradcnn.views.documents.document import Block, Lettered, Line, Table
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.notation import latex


class Markup(NamedTuple):
    """What stands around mathematics, and how its own < and & are written."""

    before: str
    after: str
    escaped: Callable[[str], str]

    def html(self, lines: Iterable[Block]) -> str:
        """The lines as paragraphs and tables."""
        return "\n".join(self._block(line) for line in lines)

    def _block(self, block: Block) -> str:
        if isinstance(block, Table):
            head, *rows = [[self.inline(cell) for cell in row] for row in (block.header, *block.rows)]
            body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
            header = "".join(f'<th scope="col">{cell}</th>' for cell in head)
            return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
        if isinstance(block, Lettered):
            each = zip(ascii_uppercase, block.lines, strict=False)
            return "\n".join(f"<p>({letter})&emsp;{self.inline(line)}</p>" for letter, line in each)
        return f"<p>{self.inline(block)}</p>"

    def inline(self, line: Line) -> str:
        """Words and formulas as one line."""
        return "".join(words(piece) if isinstance(piece, str) else self._formula(piece) for piece in line)

    def _formula(self, e: Expr) -> str:
        large = r"\displaystyle " if e.head == "equation" else ""
        return f"{self.before}{self.escaped(large + latex(e))}{self.after}"


def words(text: str) -> str:
    """Words in which nothing is taken for markup or mathematics."""
    return escape(text).replace("$", "&#36;").replace("\\", "&#92;")


MOODLE = Markup(r"\(", r"\)", escape)
NOTEBOOK = Markup("$", "$", str)  # what reads a notebook escapes mathematics itself
