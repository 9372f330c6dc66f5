"""A derivation in LaTeX: the body of a document whose lines are no longer than those of LaTeX's article."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from string import ascii_uppercase

from microgradcnn.views.documents.document import Block, Lettered, Line, Step, Table, is_display, sides
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.latex import InlineLatex, Latex
from microgradcnn.views.formulas.latex import words as latex_words
from microgradcnn.views.formulas.line_breaks import PAGE, latex_rows, width

SIGN, INDENT = 1.4, 2.0  # em of a line that an equals sign takes, and the rows that continue a side
LETTER = 3.0  # em that the letter beside an equation takes
MOST_ROWS = 20  # in one block, which is on one page


def as_latex(steps: Iterable[Step]) -> str:
    """The steps as the body of a LaTeX document with amsmath and amssymb."""
    pieces: list[str] = []
    for i, step in enumerate(steps, start=1):
        short = not step.lines or is_display(step.lines[0]) or isinstance(step.lines[0], Table)
        space = r"\hfill\null" if short else ""  # what is displayed after a full line keeps its distance
        pieces.append(rf"\paragraph{{{i}. {inline_latex(step.heading)}.}}{space}")
        pieces += [*latex_lines(step.lines), ""]
    return "\n".join(pieces)


def latex_lines(content: Iterable[Block]) -> list[str]:
    """Lines and tables as LaTeX, equations that follow each other as one display."""
    pieces: list[str] = []
    for displayed, group in groupby(content, is_display):
        lines = list(group)
        pieces += [f"\\[{aligned}\\]" for aligned in _aligned(lines)] if displayed else map(_latex_block, lines)
    return pieces


def _latex_block(block: Block) -> str:
    if isinstance(block, Lettered):
        return _latex_lettered(block)
    return _latex_table(block) if isinstance(block, Table) else _latex_words(block)


def equations(steps: Iterable[Step]) -> str:
    """The displayed formulas alone, one below the other, as one piece of LaTeX mathematics."""
    lines = [line for step in steps for line in step.lines if is_display(line)]
    return "\n".join(f"$${aligned}$$" for aligned in _aligned(lines))


def _aligned(lines: Sequence[Block]) -> list[str]:
    """Equations below each other in blocks of some rows, so that a page may end between them."""
    rows = [row for equation in _equations(lines, PAGE) for row in equation]
    blocks = [rows[i : i + MOST_ROWS] for i in range(0, len(rows), MOST_ROWS)]
    return ["\\begin{aligned}\n" + " \\\\\n".join(block) + "\n\\end{aligned}" for block in blocks]


def _latex_lettered(block: Lettered) -> str:
    """Equations below each other, each with its letter beside its last row."""
    equations = zip(_equations(block.lines, PAGE - LETTER), ascii_uppercase, strict=False)
    rows = [row for rows, letter in equations for row in [*rows[:-1], rf"{rows[-1]} \tag{{{letter}}}"]]
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _equations(lines: Sequence[Block], room: float) -> list[list[str]]:
    """Every equation in rows of at most `room` em, their signs below each other."""
    equations = [sides(line, notation.latex) for line in lines]
    left = max([w for _, first, *_ in equations if (w := width(first)) <= PAGE / 3], default=0.0)
    return [_latex_rows(*equation, room - left - SIGN) for equation in equations]


def _latex_rows(sign: str, first: str, others: list[str], words: Line, room: float) -> list[str]:
    """An equation in rows: a long one has each of its signs at the start of a row, and a long side takes several."""
    sign, apart = Latex.signs.get(sign, sign), width(first) > PAGE / 3
    if not apart and width(whole := f" {sign} ".join(others)) <= room:
        others = [whole]
    rows = [f"&{first}"] if apart else []
    for side in others:
        row, *more = latex_rows(side, room - INDENT, room)
        rows += [f"{'' if rows else first} &{sign} {row}", *(rf"&\quad {{}} {further}" for further in more)]
    if words:
        after = inline_latex(words)
        fits = width(others[-1]) + _inline_width(words) + 1 <= room
        gap = "" if after.startswith(",") else r" \quad"
        rows[-1:] = [rf"{rows[-1]}{gap}\text{{{after}}}"] if fits else [rows[-1], rf"&\quad\text{{{after}}}"]
    return rows


def inline_latex(line: Line) -> str:
    """Words and formulas as LaTeX text."""
    return "".join(latex_words(p) if isinstance(p, str) else f"${InlineLatex()(p)}$" for p in line)


def _inline_width(line: Line) -> float:
    """How wide words and formulas will be, in em."""
    return sum(0.5 * len(p) if isinstance(p, str) else width(InlineLatex()(p)) for p in line)


def _latex_words(line: Line) -> str:
    return rf"{{\raggedright {inline_latex(line)}\par}}"


def _latex_table(table: Table) -> str:
    """A table; one that is too wide in smaller letters, and in several parts that share the first column."""
    lines = (table.header, *table.rows)
    widths = [max(_inline_width(row[j]) for row in lines) for j in range(len(table.header))]
    small = sum(widths) + 1.2 * len(widths) > PAGE
    scale, gap = (0.85, 0.6) if small else (1.0, 1.2)
    parts, filled = [[0]], scale * widths[0] + gap
    for j in range(1, len(widths)):
        filled += scale * widths[j] + gap
        if filled > PAGE and parts[-1] != [0]:
            parts.append([0])
            filled = scale * (widths[0] + widths[j]) + 2 * gap
        parts[-1].append(j)
    written = "\n".join(f"\\[{_tabular([[row[j] for j in part] for row in lines])}\\]" for part in parts)
    return rf"{{\footnotesize\setlength{{\tabcolsep}}{{3pt}}{written}}}" if small else written


def _tabular(lines: Sequence[Sequence[Line]]) -> str:
    header, *rows = [" & ".join(map(inline_latex, row)) for row in lines]
    body = " \\\\\n".join(rows)
    return f"\\begin{{tabular}}{{{'l' * len(lines[0])}}}\n{header} \\\\ \\hline\n{body}\n\\end{{tabular}}"
