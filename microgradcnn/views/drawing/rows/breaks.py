"""Where a long layout may go on in a new row: after a column that few arrows leave, so that the rows are low together.

Routes are cut there into legs, one for each row that they pass.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from microgradcnn.views.drawing.layout import Layout, Point

MOST_LINES = 8  # that may go on in the next row
GUTTER, LANE = 16.0, 9.0  # beside and between rows, and more for each further line that goes on
NEAR = 1e-6  # places that are one

Legs = list[tuple[int, list[Point]]]


@dataclass
class Column:
    """The right end of a column, how far up and down it reaches, and the heights at which lines go on from it."""

    end: float
    top: float = inf
    bottom: float = -inf
    lines: set[float] = field(default_factory=set)

    def reach(self, *heights: float) -> None:
        """Reach these heights as well."""
        self.top, self.bottom = min(self.top, *heights), max(self.bottom, *heights)


def columns(layout: Layout) -> list[Column]:
    """The columns of a layout from left to right."""
    found: list[Column] = []
    for x in sorted(box.x + box.width for box in layout.boxes):
        if not found or x > found[-1].end + NEAR:
            found.append(Column(x))
    ends = [column.end for column in found[:-1]]
    for box in layout.boxes:
        found[row_at(box.x + box.width, ends)].reach(box.y, box.y + box.height)
    for route in layout.routes:
        parts = legs(route, ends)
        for column, leg in parts:
            found[column].reach(*(point.y for point in leg))
        for column, leg in parts[1:]:
            found[column - 1].lines.add(leg[0].y)
    return found


def breaks(columns: Sequence[Column], most: float) -> list[float] | None:
    """The ends of all rows but the last that are lowest together, each at most so wide; None if there are none."""
    lowest, before = [0.0] + [inf] * len(columns), [0] * (len(columns) + 1)
    starts = [0.0, *(column.end for column in columns)]
    for last, column in enumerate(columns, start=1):
        top, bottom = inf, -inf
        for first in range(last - 1, -1, -1):
            if column.end - starts[first] > most:
                break
            top, bottom = min(top, columns[first].top), max(bottom, columns[first].bottom)
            lines = len(columns[first - 1].lines) if first else 0
            height = lowest[first] + bottom - top + gap(lines)
            if lines <= MOST_LINES and height < lowest[last]:
                lowest[last], before[last] = height, first
    if lowest[-1] == inf:
        return None
    found, at = list[float](), before[-1]
    while at:
        found.append(starts[at])
        at = before[at]
    return found[::-1]


def gap(lines: int) -> float:
    """The room that so many lines from one row to the next need, between them and beside them."""
    return 2 * GUTTER + LANE * (lines - 1) if lines else 0.0


def legs(route: Sequence[Point], ends: Sequence[float]) -> Legs:
    """The parts of a route by rows that end at `ends`: each is a route itself, and starts where the one before ends."""
    row = row_at(route[0].x, ends)
    found: Legs = [(row, [route[0]])]
    for to, end in zip(route[1::2], route[2::2], strict=True):
        while row < row_at(to.x, ends):  # a curve starts at the end of the row
            at, row = found[-1][1][-1], row + 1
            found.append((row, [at]))
        found[-1][1].append(to)
        while row < row_at(end.x, ends):  # straight on into the next row
            at, row = Point(ends[row], to.y), row + 1
            found[-1][1].append(at)
            found.append((row, [at, at]))
        found[-1][1].append(end)
    return found


def row_at(x: float, ends: Sequence[float]) -> int:
    """The row of a place; what is at the end of a row is in it."""
    return bisect_left(ends, x - NEAR)
