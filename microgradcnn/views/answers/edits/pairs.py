"""Which numbers explain others: a row that is a multiple of them, two rows that add up, two edits of one path.

Two at once are met in the middle: what the one leaves to be explained is looked up among the others, which are sorted
by their numbers at one point.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.answers.diagnosis import is_close, is_tidy
from microgradcnn.views.answers.edits.program import Edge, Flow, Steps
from microgradcnn.views.answers.edits.single import Edit, Edits
from microgradcnn.views.answers.edits.table import BOUNDS
from microgradcnn.views.answers.points import same

_NEAR = 1e-8  # of the size of numbers: what may be the same, to be compared at all points


def multiples(rows: Array, a: Array) -> Iterator[tuple[int, float]]:
    """The rows of which `a` is a multiple at all points, and by what."""
    with np.errstate(all="ignore"):
        k = rows @ a / np.sum(rows * rows, axis=1)
        scaled = k[:, None] * rows
        near = abs(a - scaled) <= 1e-9 * np.maximum(abs(a), abs(scaled)) + 1e-12 * np.max(abs(a))
    for i in np.flatnonzero(np.all(near, axis=1) & (k != 0.0)).tolist():
        yield i, float(k[i])


def first_match(rows: Array, a: Array) -> tuple[int, float] | None:
    """The first row that `a` is at all points; failing that, the first of which it is a tidy multiple, and by what."""
    found = [(i, k) for i, k in multiples(rows, a) if is_tidy(k)]
    return next((match for match in found if is_close(match[1], 1.0)), found[0] if found else None)


def steepest(a: Array) -> int:
    """The point at which numbers are largest, where the fewest others are the same by chance."""
    return int(np.argmax(abs(a)))


class SortedRows:
    """Rows of numbers, to be found by what they are at one point."""

    def __init__(self, rows: Array, point: int) -> None:
        self.rows, self.point, self.order = rows, point, np.argsort(rows[:, point], kind="stable")
        self.sorted = rows[self.order, point]

    def near(self, wanted: Array, size: Array, steps: Steps) -> Iterator[tuple[int, int]]:
        """For each of the numbers wanted the rows that have it there, but for `size`: the places of both, in order."""
        steps.take(len(wanted))
        low = np.searchsorted(self.sorted, wanted - size, "left")
        high = np.searchsorted(self.sorted, wanted + size, "right")
        for i in np.flatnonzero(low < high).tolist():
            steps.take(int(high[i] - low[i]))
            yield from ((i, j) for j in sorted(self.order[low[i] : high[i]].tolist()))


def equal_rows(rows: SortedRows, others: Array, steps: Steps) -> Iterator[int]:
    """The places of those of the `others` that are the same as one of the rows at all points."""
    for i, j in rows.near(others[:, rows.point], _NEAR * np.max(abs(others), axis=1), steps):
        if same(rows.rows[j], others[i]):
            yield i


def two_of(
    changes: Array, wanted: Array, steps: Steps, apart: Callable[[int, int], bool] = lambda i, j: True
) -> tuple[int, int] | None:
    """The first two rows that add up to what is wanted, and are `apart`."""
    if not len(changes) or not np.all(np.isfinite(wanted)):
        return None
    size, point = 1e-9 * np.max(abs(wanted)), steepest(wanted)
    for i, j in SortedRows(changes, point).near(wanted[point] - changes[:, point], 2.0 * size, steps):
        if i < j and np.max(abs(changes[i] + changes[j] - wanted)) <= size and apart(i, j):
            return i, j
    return None


class _EditsOfEdge:
    """The edits of one edge by how they change its local derivative, at the point where f sees most of that."""

    def __init__(self, edge: Edge, edits: Sequence[Edit], flow: Flow) -> None:
        self.edge, self.edits = edge, edits
        self.changes = np.array([edit.changed[edge] for edit in edits]) - flow.slope(edge)
        self.point = steepest(flow.along(edge, flow.program.ones))
        self.rows, self.most = SortedRows(self.changes, self.point), self.seen(flow)

    def seen(self, flow: Flow) -> float:
        """What f sees of a change by 1."""
        return float(flow.along(self.edge, flow.program.ones)[self.point])

    def bringing(self, left: Array, seen: Array, size: float, steps: Steps) -> Iterator[tuple[int, Edit]]:
        """For each of the numbers that are left to be explained the edits that explain it, where f sees so much."""
        seen = np.where(abs(seen) > _NEAR * abs(self.most), seen, np.nan)
        for i, j in self.rows.near(left / seen, size / abs(seen), steps):
            yield i, self.edits[j]


def along_a_path(edits: Edits, singles: Sequence[Edit], wanted: Array) -> tuple[Edit, Edit] | None:
    """Two edits of edges, or one of an edge after one of all of a kind."""
    for one, other in _that_may_explain(edits, singles, wanted):
        edits.steps.take(len(edits.flow.edges))
        if same(edits.flow.with_slopes({**one.changed, **other.changed}).total, wanted):
            return one, other
    return None


def _that_may_explain(edits: Edits, singles: Sequence[Edit], wanted: Array) -> Iterator[tuple[Edit, Edit]]:
    """Two edits that give at one point what is wanted there."""
    flow, steps, size = edits.flow, edits.steps, 2e-9 * float(np.max(abs(wanted)))
    alone: dict[Edge, list[Edit]] = {}
    for edit in singles:
        if len(edit.changed) == 1:
            alone.setdefault(next(iter(edit.changed)), []).append(edit)
    if len(alone) > BOUNDS["paired"]:
        return
    by_edge = [_EditsOfEdge(edge, own, flow) for edge, own in alone.items()]
    for i, below in enumerate(by_edge):
        left = wanted - flow.total - flow.along(below.edge, below.changes)
        for above in by_edge[i + 1 :]:
            link = edits.sent(flow.parent(above.edge)).get(below.edge[0], flow.nothing)
            both = flow.down[above.edge[0]] * link * flow.up[flow.parent(below.edge)]
            seen = above.most + (both * below.changes)[:, above.point]
            for j, other in above.bringing(left[:, above.point], seen, size, steps):
                yield below.edits[j], other
    for edit in [edit for edit in singles if len(edit.changed) > 1][: BOUNDS["paired"]]:
        steps.take(2 * len(flow.edges))
        after = flow.with_slopes(edit.changed)
        for own in by_edge:
            left, seen = (wanted - after.total)[[own.point]], np.array([own.seen(after)])
            for _, other in own.bringing(left, seen, size, steps) if own.edge not in edit.changed else ():
                yield edit, other


def with_a_factor(edits: Array, factors: Array, wanted: Array, steps: Steps) -> tuple[int, int, bool] | None:
    """An edit and a factor of the whole that is missing (True) or too much."""
    if not len(edits) or not len(factors):
        return None
    known = SortedRows(factors, steepest(wanted))
    for missing in (True, False):
        with np.errstate(all="ignore"):
            needed = edits[:, known.point] / wanted[known.point]
            needed = needed if missing else 1.0 / needed
        for i, j in known.near(needed, _NEAR * abs(needed), steps):
            if same(*((wanted * factors[j], edits[i]) if missing else (wanted, edits[i] * factors[j]))):
                return i, j, missing
    return None
