"""Text in so many columns: how many a line takes, where it is broken, and tables that give way where there is no room.

>>> from microgradcnn.system.text_layout import text_table
>>> rows = [("part", "operations"), ("objective", "2nmk + nk + 2n"), ("total", "4nmk + 7nk")]
>>> print(*text_table(rows), sep="\\n")
part       operations
objective  2nmk + nk + 2n
total      4nmk + 7nk
>>> print(*text_table(rows, 22), sep="\\n")
part       operations
objective  2nmk + nk
           + 2n
total      4nmk + 7nk
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence

GAP = "  "  # between two columns
_MOST_ROWS = 3  # that a cell takes: with more of them a row is easier to read as a list
_BREAK = re.compile(r"(?<= )(?=[^ ])(?<! [-+−*·×⊙=<>≤≥] )")  # before a word, but not between a sign and what it is of


def how_many(count: int, one: str) -> str:
    """A number with what it counts: 1 row, 2 rows, 3 classes."""
    return f"{count} {one}" if count == 1 else f"{count} {one}{'es' if one.endswith('ss') else 's'}"


def columns(line: str) -> int:
    """How many columns of a terminal a line takes."""
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line if not unicodedata.combining(c))


def wrapped(line: str, width: int | None, hanging: int = 0) -> list[str]:
    """A line in rows of at most `width` columns, all as far in as it is, and the later ones by `hanging` more.

    It is broken at spaces, before a sign rather than behind it, and what is too long after commas. Any other long word,
    such as a path, stays whole, to be copied.
    """
    if width is None or columns(line) <= width:
        return [line]
    inside = line.lstrip(" ")
    margin = " " * (len(line) - len(inside))
    rows = [margin]
    for piece in _pieces(inside, width - len(margin) - hanging):
        if rows[-1].strip() and columns(rows[-1] + piece.rstrip()) > width:
            rows.append(margin + " " * hanging)
        rows[-1] += piece
    return [row.rstrip() for row in rows]


def text_table(
    rows: Sequence[Sequence[str]], width: int | None = None, right: Collection[int] = (), rule: bool = False
) -> list[str]:
    """Rows of cells, titles first, as lines of at most `width` columns; the columns of numbers `right` end alike.

    With `rule` there is a line below the titles. Where there is no room cells take several rows; where that is not
    enough either, every row of the table is a list of titles and cells.
    """
    natural = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    widths = natural if width is None else _narrowed(rows, natural, width - len(GAP) * (len(natural) - 1))
    broken = [[wrapped(cell, wide) for cell, wide in zip(row, widths, strict=True)] for row in rows]
    longest = max(len(cell) for row in broken for cell in row)
    if width is not None and (longest > _MOST_ROWS or sum(widths) + len(GAP) * (len(widths) - 1) > width):
        return _listed(rows, width)
    lines: list[str] = []
    for row in broken:
        for i in range(max(map(len, row))):
            cells = [cell[i] if i < len(cell) else "" for cell in row]
            lines.append(
                GAP.join(_padded(c, w, j in right) for j, (c, w) in enumerate(zip(cells, widths, strict=True)))
            )
        if rule and row is broken[0]:
            lines.append("─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    return [line.rstrip() for line in lines]


def _pieces(text: str, room: int) -> list[str]:
    """What may stand on a row of its own, each with the spaces after it."""
    pieces = _BREAK.split(text)
    return [
        part for piece in pieces for part in (re.split(r"(?<=,)(?=[^ ])", piece) if columns(piece) > room else [piece])
    ]


def _narrowed(rows: Sequence[Sequence[str]], natural: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fill the room, the widest cut first, as far as their words allow."""
    columns_of_cells = zip(*rows, strict=True)
    least = [max(columns(p.rstrip()) for cell in cells for p in _pieces(cell, room)) for cells in columns_of_cells]
    widths = list(natural)
    while sum(widths) > room and (possible := [j for j, wide in enumerate(widths) if wide > least[j]]):
        widths[max(possible, key=widths.__getitem__)] -= 1
    return widths


def _listed(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A row after the other, in as many lines as it takes, each cell after its title, without empty ones."""
    titles, *others = rows
    lines: list[str] = []
    for row in others:
        filled: list[str] = []
        for said in [f"{title}: {cell}" if title else cell for title, cell in zip(titles, row, strict=True) if cell]:
            if filled and columns(filled[-1] + GAP + said) <= width:
                filled[-1] += GAP + said
            else:
                filled.append(GAP * bool(filled) + said)
        lines += [line for one in filled for line in wrapped(one, width, hanging=4)]
    return lines


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - columns(cell))
    return space + cell if right else cell + space
