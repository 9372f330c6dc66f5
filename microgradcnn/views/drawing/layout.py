"""A layered drawing of an acyclic graph, from left to right: pure geometry, which knows no Values.

Four steps (Sugiyama, Tagawa and Toda 1981): a column for every node, with leaves near their use; an order in each
column with few crossings; heights; and the curves of the edges. An edge that passes a column takes up room there, so
that it runs through no node; the edges of one node share that room, which keeps the memory near linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from microgradcnn.views.drawing.ordering import Neighbours, ordered
from microgradcnn.views.drawing.placing import heights, straightened

NODE_GAP, LINE_GAP = 12.0, 9.0  # room around a node, and around an edge that passes
NARROW, WIDE, STEEP = 20.0, 50.0, 0.09  # room for the curves between two columns: at least, at most, by their height
CROWD = 1.0  # more room for each curve, up to twice the most
PROPORTION, MOST_STRETCH = 1.2, 2.5  # where the drawing is narrower than so many times its height, curves get more room
ALIKE = 1.5  # how many times narrower than the widest of its column a box may be to be made as wide
PARENTS = 4.0  # how much more a node is drawn to the middle of its parents than to what is computed from it
HEAVY = 4.0  # what the edges of a computed node weigh beside those of a leaf, where they cross
PORTS = 17.0  # between the ends of two edges at the same node, at most

Edge = tuple[int, int]


class Place(NamedTuple):
    """Where a node lies: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Point(NamedTuple):
    """A place in the drawing; y grows downward."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """A box for every node, a route for every edge, and the drawing's width and height.

    A route has an odd number of points: from the first a curve to the second, straight to the third, a curve to the
    next and so on. Its last stretch is straight and has room for the label.
    """

    boxes: list[Place]
    routes: list[list[Point]]
    size: tuple[float, float]


def layout(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], labels: Sequence[float]) -> Layout:
    """Lay out nodes of the given widths and heights; every edge goes from a lower number to a higher one.

    `labels` are the widths of the edges' labels. Boxes of a column that are nearly as wide as the widest are made as
    wide; they end at the same place.
    """
    if not sizes:
        return Layout([], [], (0.0, 0.0))
    column_of = columns_of(len(sizes), edges)
    items = _Items(column_of, edges)
    columns = ordered(items.columns(), items.before, items.after, items.weights())
    tall = [h for _, h in sizes] + [0.0] * (len(items.before) - len(sizes))
    gaps = [NODE_GAP] * len(sizes) + [LINE_GAP] * (len(items.before) - len(sizes))
    middle = heights(columns, tall, gaps, items.pulls(len(sizes)))
    rank: dict[int, tuple[Sequence[int], int]] = {
        item: (column, i) for column in columns for i, item in enumerate(column)
    }
    for node, chain in items.chains.items():
        straightened(chain, middle[node], rank, tall, gaps, middle)
    return _drawn(sizes, edges, labels, column_of, items, middle)


def columns_of(count: int, edges: Sequence[Edge]) -> list[int]:
    """The column of each node: right after the last of its parents; a leaf right before the first that uses it.

    What is computed from leaves alone may wait as they do: of the two ways, the one with the shorter edges is taken.
    """
    parents: list[list[int]] = [[] for _ in range(count)]
    children: list[list[int]] = [[] for _ in range(count)]
    for a, b in dict.fromkeys(edges):
        parents[b].append(a)
        children[a].append(b)
    early: list[int] = []
    for before in parents:
        early.append(max((early[p] + 1 for p in before), default=0))
    ways = [_waiting(early, depth, children) for depth in (0, 1)]
    return min(ways, key=lambda columns: _length(columns, children))


def _waiting(early: Sequence[int], depth: int, children: Neighbours) -> list[int]:
    """The columns with the nodes up to that depth right before the first that uses them, from 0."""
    found = list(early)
    for node in range(len(found) - 1, -1, -1):
        if early[node] <= depth and children[node]:
            found[node] = min(found[child] for child in children[node]) - 1
    first = min(found)
    return [column - first for column in found]


def _length(columns: Sequence[int], children: Neighbours) -> int:
    """How many columns the edges pass: those of one node run together."""
    return sum(
        max((columns[c] for c in after), default=columns[node]) - columns[node] for node, after in enumerate(children)
    )


class _Items:
    """The nodes, and an item for every column that the edges of a node pass; neighbours lie in adjacent columns."""

    def __init__(self, column_of: Sequence[int], edges: Sequence[Edge]) -> None:
        self.column = list(column_of)
        self.before: list[list[int]] = [[] for _ in column_of]
        self.after: list[list[int]] = [[] for _ in column_of]
        self.chains: dict[int, list[int]] = {}
        for a, b in dict.fromkeys(edges):
            chain = self.chains.setdefault(a, [])
            length = column_of[b] - column_of[a] - 1
            while len(chain) < length:
                self.column.append(column_of[a] + len(chain) + 1)
                self.before.append([])
                self.after.append([])
                self._join(chain[-1] if chain else a, len(self.column) - 1)
                chain.append(len(self.column) - 1)
            self._join(chain[length - 1] if length else a, b)

    def _join(self, a: int, b: int) -> None:
        self.after[a].append(b)
        self.before[b].append(a)

    def passed(self, a: int, b: int) -> list[int]:
        """The items between the two ends of an edge."""
        return self.chains[a][: self.column[b] - self.column[a] - 1]

    def columns(self) -> list[list[int]]:
        """The items by column, in the order in which a walk from the last node back to the leaves meets them."""
        found: list[list[int]] = [[] for _ in range(max(self.column) + 1)]
        seen = [False] * len(self.column)
        for root in range(len(self.column) - 1, -1, -1):
            if self.after[root] or seen[root]:
                continue
            stack = [root]
            seen[root] = True
            while stack:
                item = stack.pop()
                found[self.column[item]].append(item)
                for other in reversed(self.before[item]):
                    if not seen[other]:
                        seen[other] = True
                        stack.append(other)
        return found

    def weights(self) -> list[float]:
        """What a crossing of the edges that start at each item costs: those of leaves may cross rather than others."""
        found = [HEAVY if before else 1.0 for before in self.before]
        for node, chain in self.chains.items():
            for item in chain:
                found[item] = found[node]
        return found

    def pulls(self, count: int) -> list[list[tuple[int, float]]]:
        """What draws each item to its height: most of all a node's parents, and the rest of an edge that passes."""
        found: list[list[tuple[int, float]]] = []
        for item, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            passing = item >= count
            found.append([(other, (PARENTS, 2.0, 8.0)[(other >= count) + passing]) for other in before])
            found[-1] += [(other, (1.0, 2.0, 8.0)[(other >= count) + passing]) for other in after]
        return found


def _drawn(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[Edge],
    labels: Sequence[float],
    column_of: Sequence[int],
    items: _Items,
    middle: list[float],
) -> Layout:
    top = min(*(m - h / 2 for m, (_, h) in zip(middle, sizes, strict=False)), *middle)
    middle = [m - top for m in middle]
    height = max(*(m + h / 2 for m, (_, h) in zip(middle, sizes, strict=False)), *middle)
    widths, landings = [0.0] * (max(column_of) + 1), [0.0] * (max(column_of) + 1)
    for node, (width, _) in enumerate(sizes):
        widths[column_of[node]] = max(widths[column_of[node]], width)
    for edge, (_, b) in enumerate(edges):
        landings[column_of[b]] = max(landings[column_of[b]], labels[edge])
    bends = _bends(items, middle, sum(widths) + sum(landings), height)
    right = list(accumulate(map(sum, zip(bends, landings, widths, strict=True))))
    left = [x - width for x, width in zip(right, widths, strict=True)]
    boxes = []
    for (width, h), column, m in zip(sizes, column_of, middle, strict=False):
        wide = widths[column] if width * ALIKE >= widths[column] else width
        boxes.append(Place(right[column] - wide, m - h / 2, wide, h))
    routes = []
    for (a, b), end in zip(edges, _ports(sizes, edges, items, middle), strict=True):
        stretches = [(items.column[i], middle[i], right[items.column[i]]) for i in items.passed(a, b)]
        route = [Point(right[column_of[a]], middle[a])]
        for column, y, x in (*stretches, (column_of[b], end, boxes[b].x)):
            if len(route) > 1 and route[-1].y == y:  # straight on
                route[-1] = Point(x, y)
            else:
                route += [Point(left[column] - landings[column], y), Point(x, y)]
        routes.append(route)
    return Layout(boxes, routes, (right[-1], height))


def _bends(items: _Items, middle: Sequence[float], rest: float, height: float) -> list[float]:
    """The room for the curves before each column: more for steep ones, and where the drawing is higher than wide."""
    climbs, most = [0.0] * (max(items.column) + 1), [WIDE] * (max(items.column) + 1)
    for a, others in enumerate(items.after):
        for b in others:
            climbs[items.column[b]] = max(climbs[items.column[b]], abs(middle[a] - middle[b]))
            most[items.column[b]] += min(CROWD, 2 * WIDE - most[items.column[b]])
    found = [min(wide, NARROW + STEEP * climb) for wide, climb in zip(most, climbs, strict=True)]
    found[0] = 0.0
    stretch = (PROPORTION * height - rest) / (sum(found) or 1.0)
    return [bend * min(max(stretch, 1.0), MOST_STRETCH) for bend in found]


def _ports(
    sizes: Sequence[tuple[float, float]], edges: Sequence[Edge], items: _Items, middle: Sequence[float]
) -> list[float]:
    """The height at which each edge ends: side by side along its node, in the order in which they come in."""
    coming: dict[int, list[tuple[float, int]]] = {}
    for edge, (a, b) in enumerate(edges):
        coming.setdefault(b, []).append((middle[[a, *items.passed(a, b)][-1]], edge))
    found = [0.0] * len(edges)
    for b, arrivals in coming.items():
        apart = min(PORTS, (sizes[b][1] - min(10.0, sizes[b][1] / 5)) / max(len(arrivals) - 1, 1))
        for i, (_, edge) in enumerate(sorted(arrivals)):
            found[edge] = middle[b] + (i - (len(arrivals) - 1) / 2) * apart
    return found
