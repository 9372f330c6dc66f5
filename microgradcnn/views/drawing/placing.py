"""How high each item of a column stands: near the mean of its neighbours, long edges straight, nothing overlapping.

The heights minimise Σ weight·(difference along each edge)², column by column: with the order and the distances fixed
this is an isotonic regression, which pooling adjacent violators solves exactly (Ayer et al. 1955; weights by the kind
of edge as in Gansner et al. 1993).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

ALONE = 0.01  # the weight of an item without neighbours
SWEEPS = 24  # over all columns, to the right and back in turn

Columns = Sequence[Sequence[int]]
Edges = Sequence[Sequence[tuple[int, float]]]  # for each item its neighbours, with weights


def heights(columns: Columns, sizes: Sequence[float], gaps: Sequence[float], neighbours: Edges) -> list[float]:
    """The middle of every item: consecutive ones of a column at least half of both sizes and gaps apart.

    `neighbours` holds, for each item, those to the left and to the right.
    """
    found = [0.0] * len(sizes)
    offsets = [_offsets(column, sizes, gaps) for column in columns]
    for column, offset in zip(columns, offsets, strict=True):
        for item, at in zip(column, offset, strict=True):
            found[item] = at - offset[-1] / 2
    for sweep in range(SWEEPS):
        order = range(len(columns)) if sweep % 2 else range(len(columns) - 1, -1, -1)
        for i in order:
            _settle(columns[i], offsets[i], neighbours, found)
    return found


def distance(a: int, b: int, sizes: Sequence[float], gaps: Sequence[float]) -> float:
    """How far apart the middles of two neighbours in a column have to be."""
    return (sizes[a] + sizes[b] + gaps[a] + gaps[b]) / 2


def _offsets(column: Sequence[int], sizes: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Where the middles are if everything is as near as allowed, from 0."""
    found = [0.0] * bool(column)
    for a, b in pairwise(column):
        found.append(found[-1] + distance(a, b, sizes, gaps))
    return found


def _settle(column: Sequence[int], offsets: Sequence[float], neighbours: Edges, found: list[float]) -> None:
    """Move a column's items to the least squares, keeping their order and distances."""
    blocks: list[tuple[float, float, int]] = []  # weight, mean, how many items
    for item, offset in zip(column, offsets, strict=True):
        weight = wanted = 0.0
        for other, pull in neighbours[item]:
            weight += pull
            wanted += pull * found[other]
        mean, count = (wanted / weight if weight else found[item]) - offset, 1
        weight = weight or ALONE
        while blocks and blocks[-1][1] > mean:
            w, m, n = blocks.pop()
            mean = (w * m + weight * mean) / (w + weight)
            weight, count = w + weight, n + count
        blocks.append((weight, mean, count))
    i = 0
    for _, mean, count in blocks:
        for _ in range(count):
            found[column[i]] = mean + offsets[i]
            i += 1


def straightened(
    chain: Sequence[int],
    start: float,
    rank: Mapping[int, tuple[Sequence[int], int]],
    sizes: Sequence[float],
    gaps: Sequence[float],
    found: list[float],
) -> None:
    """Put the items of a chain, one in each of several columns, at one height if their neighbours leave room for it.

    It is the height at which their edge starts, or the nearest there is. `rank` has each item's column and place in it.
    """
    low, high = float("-inf"), float("inf")
    for item in chain:
        column, place = rank[item]
        if place:
            low = max(low, found[column[place - 1]] + distance(column[place - 1], item, sizes, gaps))
        if place + 1 < len(column):
            high = min(high, found[column[place + 1]] - distance(item, column[place + 1], sizes, gaps))
    if low <= high:
        for item in chain:
            found[item] = min(max(start, low), high)
