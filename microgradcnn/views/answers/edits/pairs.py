"""Two edits at once: two places of one path, a place and all of a kind, a place and a factor of the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.answers.diagnosis import is_tidy
from microgradcnn.views.answers.edits.program import Edge, Flow
from microgradcnn.views.answers.edits.single import Edit
from microgradcnn.views.answers.evidence import same

_FEW = 4  # points at which all pairs are tried
_MOST = 60  # edges, and edits of all of a kind


def first_match(values: Array, a: Array) -> tuple[int, float] | None:
    """The first row of which `a` is a tidy multiple at all points, and by what."""
    with np.errstate(all="ignore"):
        k = values @ a / np.sum(values * values, axis=1)
        scaled = k[:, None] * values
        near = abs(a - scaled) <= 1e-9 * np.maximum(abs(a), abs(scaled)) + 1e-12 * np.max(abs(a))
    for i in np.flatnonzero(np.all(near, axis=1) & (k != 0.0)).tolist():
        if is_tidy(float(k[i])):
            return i, float(k[i])
    return None


def two_of(changes: Array, wanted: Array) -> tuple[int, int] | None:
    """The first two rows that add up to what is wanted."""
    if not len(changes) or not np.all(np.isfinite(wanted)):
        return None
    size, near = float(np.max(abs(wanted))), np.triu(np.ones((len(changes), len(changes)), bool), 1)
    for x, own in zip(wanted[:_FEW], changes[:, :_FEW].T, strict=True):
        near &= abs(x - own[:, None] - own[None, :]) <= 1e-9 * size
    for i, j in np.argwhere(near).tolist():
        if np.max(abs(changes[i] + changes[j] - wanted)) <= 1e-9 * size:
            return i, j
    return None


def along_a_path(edits: Sequence[Edit], flow: Flow, wanted: Array) -> tuple[Edit, Edit] | None:
    """Two edits of edges, or one of an edge after one of all of a kind."""
    size, by_edge = 1e-9 * float(np.max(abs(wanted))), dict[Edge, list[Edit]]()
    for edit in edits:
        if len(edit.changed) == 1:
            by_edge.setdefault(next(iter(edit.changed)), []).append(edit)
    if len(by_edge) > _MOST:
        return None
    for one, other, values in _of_two_edges(by_edge, flow):
        for i, j in np.argwhere(np.all(abs(values - wanted[:_FEW]) <= size, axis=2)).tolist():
            pair = by_edge[one][i], by_edge[other][j]
            if same(flow.with_slopes({**pair[0].changed, **pair[1].changed}).total, wanted):
                return pair
    for edit in [edit for edit in edits if len(edit.changed) > 1][:_MOST]:
        after = flow.with_slopes(edit.changed)
        for edge, own in by_edge.items():
            if edge not in edit.changed:
                effects = [after.along(edge, other.changed[edge] - flow.slope(edge))[:_FEW] for other in own]
                near = np.all(abs(after.total[:_FEW] + np.array(effects) - wanted[:_FEW]) <= size, axis=1)
                for i in np.flatnonzero(near).tolist():
                    if same(after.with_slopes(own[i].changed).total, wanted):
                        return edit, own[i]
    return None


def _of_two_edges(by_edge: dict[Edge, list[Edit]], flow: Flow) -> Iterator[tuple[Edge, Edge, Array]]:
    """For any two edges what every edit of the one and every edit of the other give together, at few points."""
    parents, links = flow.program.parents, {n: flow.sent(n) for n in flow.on}
    changes = {edge: np.array([edit.changed[edge] - flow.slope(edge) for edit in own]) for edge, own in by_edge.items()}
    edges = list(by_edge)
    for i, one in enumerate(edges):
        below = flow.up[parents[one[0]][one[1]]]
        for other in edges[i + 1 :]:
            above, link = flow.down[other[0]], links[parents[other[0]][other[1]]][one[0]]
            first, second = (np.array([flow.along(e, change) for change in changes[e]])[:, :_FEW] for e in (one, other))
            values = flow.total[:_FEW] + first[:, None] + second[None]
            if link is not None and above is not None and below is not None:
                through = (above * link * below)[:_FEW]
                values = values + through * changes[one][:, None, :_FEW] * changes[other][None, :, :_FEW]
            yield one, other, values


def with_a_factor(edits: Sequence[Edit], factors: Sequence[Array], wanted: Array) -> tuple[int, int, bool] | None:
    """An edit and a factor of the whole that is missing (True) or too much."""
    if not edits or not factors:
        return None
    with np.errstate(all="ignore"):
        rest = wanted[:_FEW] / np.array([edit.values[:_FEW] for edit in edits])
        few = np.array([factor[:_FEW] for factor in factors])
        tests: list[tuple[bool, Callable[[Array], Array]]] = [(True, lambda f: 1.0 / f), (False, lambda f: f)]
        for missing, of in tests:
            near = np.all(abs(rest[:, None] - of(few)[None]) <= 1e-9 * abs(rest[:, None]), axis=2)
            for i, j in np.argwhere(near).tolist():
                sides = (wanted * factors[j], edits[i].values) if missing else (wanted, edits[i].values * factors[j])
                if same(*sides):
                    return i, j, missing
    return None
