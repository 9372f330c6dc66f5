"""What a document is made of, steps of words, formulas and tables; and its text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from textwrap import wrap
from typing import TypeAlias

from microgradcnn.system.text_layout import columns, text_table, wrapped
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr, equation, heads
from microgradcnn.views.formulas.line_breaks import text_rows
from microgradcnn.views.formulas.typeset import Tall, Text, Typeable

Line: TypeAlias = tuple[str | Expr, ...]  # words and formulas; a line of one formula is displayed

LONGEST, WIDEST = 90, 100  # an equation with more characters takes several rows, and so does a side that is wider


BRACKETS = "[...] is 1 where the condition holds, else 0."


@dataclass(frozen=True)
class Table:
    """Cells, each a line, under a header."""

    header: Sequence[Line]
    rows: Sequence[Sequence[Line]]


@dataclass(frozen=True)
class Lettered:
    """Equations that are spoken of as (A), (B), ..."""

    lines: Sequence[Line]


Block: TypeAlias = Line | Table | Lettered


@dataclass
class Step:
    """A title, and what is said under it."""

    title: str
    subject: Expr | None = None  # what it is about, where several parameters are derived
    lines: list[Line | Table] = field(default_factory=list)
    tall: bool = False  # whether cases stand below each other in text: they read better so, and no answer is read so

    @property
    def heading(self) -> Line:
        """The title, and the subject where there is one."""
        return (self.title,) if self.subject is None else (self.title, ", ", self.subject)

    def say(self, *pieces: str | Expr) -> None:
        """Add a line; of sides of an equation that read alike, one behind the other, one."""
        self.lines.append(tuple([_read_once(p) if isinstance(p, Expr) else p for p in pieces]))

    @property
    def formulas(self) -> list[Expr]:
        """The formulas in its lines, those of tables left out."""
        return [e for line in self.lines if not isinstance(line, Table) for e in line if isinstance(e, Expr)]

    def explain_brackets(self) -> None:
        """Add what [a > 0] means, if it occurs."""
        if any("indicator" in heads(e) for e in self.formulas):
            self.say(BRACKETS)

    def define_functions(self, told: set[str]) -> None:
        """Add what the functions in it stand for, but for those `told` before."""
        for definition in notation.definitions(self.formulas, told, composed=True):
            self.say(definition)


def as_text(steps: Iterable[Step], width: int | None = None) -> str:
    """The steps for a terminal of so many columns; None for one where tables are as wide as they are, lines WIDEST."""
    room = WIDEST if width is None else min(width, WIDEST)
    pieces: list[str] = []
    for i, step in enumerate(steps, start=1):
        pieces += wrapped(f"{i}. {text_line(step.heading)}", room, hanging=3)
        flat = Text() if step.tall else Typeable()
        for line in step.lines:
            write = Tall() if step.tall else Typeable()
            rows = _text_table(line, flat, width) if isinstance(line, Table) else _text_lines(line, write, room)
            pieces += [part for row in rows for part in write.laid_out(row)]
        if not step.tall and (BRACKETS,) not in step.lines and any("cases" in heads(e) for e in step.formulas):
            pieces.append("   " + BRACKETS)
        pieces.append("")
    return "\n".join(pieces).rstrip() + "\n"


def _read_once(e: Expr) -> Expr:
    """An equation without the sides on its right that read as the one before."""
    if e.head != "equation" or len(e.args) < 3:
        return e
    read = list(map(notation.text, e.args[1:]))
    return equation(
        *e.args[:2], *[side for side, (a, b) in zip(e.args[2:], pairwise(read), strict=True) if a != b], sign=e.value
    )


def _text_lines(line: Line, write: Text, width: int) -> list[str]:
    """A line; a long equation has each of its signs at the start of a row, and a long side takes several rows."""
    whole = text_line(line, write)
    if columns(whole) <= min(LONGEST, width - 3):
        return ["   " + whole]
    if not is_display(line):
        return wrap(whole, width, initial_indent="   ", subsequent_indent="   ", break_on_hyphens=False)
    sign, first, others, words = sides(line, write)
    others[-1] += text_line(words, write)
    apart = columns(first) > width / 3
    lines, margin = ["   " + first] if apart else [], "   " + " " * (3 if apart else columns(first))
    for side in others:
        room = width - columns(f"{margin} {sign} ")
        row, *more = text_rows(side, room - 4, room)
        lines += [f"{margin if lines else '   ' + first} {sign} {row}", *(f"{margin}       {x}" for x in more)]
    return lines


def sides(line: Block, write: Callable[[Expr], str]) -> tuple[str, str, list[str], Line]:
    """The sign of an equation, its first side, the others, and what is said after it."""
    assert isinstance(line, tuple)
    e, *words = line
    assert isinstance(e, Expr)
    first, *others = [write(side) for side in e.args]
    return e.value, first, others, tuple(words)


def text_line(line: Line, write: Callable[[Expr], str] = notation.text) -> str:
    """Words and formulas as one line of Unicode."""
    return "".join(piece if isinstance(piece, str) else write(piece) for piece in line)


def _text_table(table: Table, write: Text, width: int | None) -> list[str]:
    cells = [[text_line(cell, write) for cell in row] for row in (table.header, *table.rows)]
    return ["   " + line for line in text_table(cells, width and width - 3, rule=True)]


def is_display(line: Block) -> bool:
    """Whether a line starts with an equation, to stand by itself."""
    return isinstance(line, tuple) and isinstance(line[0], Expr) and line[0].head == "equation"
