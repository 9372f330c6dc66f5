"""A layout that is too long for a slide in rows below each other: arrows lead from the end of one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from microgradcnn.views.drawing.layout import Layout, Place, Point
from microgradcnn.views.drawing.rows.breaks import GUTTER, LANE, Legs, breaks, columns, gap, legs, row_at

SLIDE = (1504.0, 754.0)  # beside margins and legend: where text 12 pixels high is 10 once the slide is 1280 wide
WORTH = 1.25  # times as large as in one row: what would be less, or fits a slide at 1 / 1.25 of its size, stays one
TRIED = 16  # widths of rows


@dataclass
class _Row:
    """A part of a long layout from `start` to `end`, to be moved to the `left` and `down`.

    `heights` are those that it reaches, `coming` those at which lines come in from the row before.
    """

    start: float
    end: float
    heights: list[float] = field(default_factory=list)
    coming: list[float] = field(default_factory=list)
    left: float = 0.0
    down: float = 0.0

    def moved(self, point: Point) -> Point:
        """Where a point of the long layout is in the rows."""
        return Point(point.x - self.left, point.y + self.down)

    @property
    def bottom(self) -> float:
        """How far down it reaches."""
        return self.down + max(self.heights)


def in_rows(layout: Layout) -> Layout:
    """The layout itself, or where it is longer than a slide, in as many rows as make it largest on one."""
    best, least = layout, WORTH * _scale(layout)
    if least > 1.0:
        return layout
    parts, (low, high) = columns(layout), (0.0, layout.size[0])
    for _ in range(TRIED):
        most = (low + high) / 2
        ends = breaks(parts, most)
        found = wrapped(layout, ends) if ends is not None else None
        if found and found.size[0] / SLIDE[0] > found.size[1] / SLIDE[1]:
            high = most
        else:
            low = most
        if found and (scale := _scale(found)) > least:
            best, least = found, scale
    return best


def _scale(layout: Layout) -> float:
    return min(room / length for room, length in zip(SLIDE, layout.size, strict=True))


def wrapped(layout: Layout, ends: Sequence[float]) -> Layout:
    """The layout in rows that end at these places of it, from left to right."""
    cut = [legs(route, ends) for route in layout.routes]
    rows = [_Row(*sides) for sides in pairwise([0.0, *ends, layout.size[0]])]
    places = [row_at(box.x + box.width, ends) for box in layout.boxes]
    for box, place in zip(layout.boxes, places, strict=True):
        rows[place].heights += [box.y, box.y + box.height]
    for parts in cut:
        for number, leg in parts:
            rows[number].heights += [point.y for point in leg]
    for number, row in enumerate(rows):
        row.coming = sorted({leg[0].y for parts in cut for at, leg in parts[1:] if at == number})
    gaps, bottom = [gap(len(row.coming)) for row in rows], 0.0
    margin = max(gaps)
    for row, above in zip(rows, gaps, strict=True):
        row.left, row.down = row.start - margin, bottom + above - min(row.heights)
        bottom = row.bottom
    boxes = [
        Place(*rows[place].moved(Point(box.x, box.y)), box.width, box.height)
        for box, place in zip(layout.boxes, places, strict=True)
    ]
    routes = [[*_joined(parts, rows)] for parts in cut]
    width = margin + max(row.end - row.start + after for row, after in zip(rows, [*gaps[1:], 0.0], strict=True))
    return Layout(boxes, routes, (width, rows[-1].bottom))


def _joined(parts: Legs, rows: Sequence[_Row]) -> Iterator[Point]:
    """The legs of a route with what leads from each to the next: out of the row, down, back to the left and down."""
    number, first = parts[0]
    yield from map(rows[number].moved, first)
    for number, leg in parts[1:]:
        row = rows[number]
        before, height = rows[number - 1], leg[0].y
        last = before.moved(leg[0])
        place = row.coming.index(height)
        outer = LANE * (len(row.coming) - 1 - place)  # the topmost goes farthest out and lowest: none cross
        right, down = last.x + GUTTER + outer, before.bottom + GUTTER + outer
        start = row.moved(leg[0])
        left = start.x - GUTTER - LANE * place
        yield from (last, Point(right, last.y), Point(right, down), Point(left, down), Point(left, start.y), start)
        yield from map(row.moved, leg[1:])
