"""The order of the items of each column so that few edges cross: median-like sweeps with exchanges of neighbours.

Barycentre sweeps: Sugiyama, Tagawa and Toda 1981; exchanges: Gansner, Koutsofios, North and Vo 1993.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

SWEEPS = 12  # from the left and back, at most
EXCHANGES = 8  # rounds of exchanging neighbours, at most
PATIENCE = 4  # sweeps without fewer crossings before giving up

Neighbours = Sequence[Sequence[int]]
Columns = list[list[int]]


def ordered(columns: Columns, before: Neighbours, after: Neighbours) -> Columns:
    """The columns with their items in an order with fewer crossings, never more than in the one given.

    `before[i]` and `after[i]` are the neighbours of item i in the column to its left and to its right.
    """
    best, fewest = [list(column) for column in columns], crossings(columns, after)
    current, stale = [list(column) for column in columns], 0
    for sweep in range(2 * SWEEPS):
        if fewest == 0 or stale >= PATIENCE:
            break
        _swept(current, before, range(1, len(current))) if sweep % 2 else _swept(
            current, after, range(len(current) - 2, -1, -1)
        )
        _exchanged(current, before, after, rounds=2)
        found = crossings(current, after)
        stale += 1
        if found < fewest:
            best, fewest, stale = [list(column) for column in current], found, 0
    _exchanged(best, before, after, EXCHANGES)
    return best


def crossings(columns: Columns, after: Neighbours) -> int:
    """How many pairs of edges cross between neighbouring columns."""
    total = 0
    for left, right in pairwise(columns):
        place = {item: i for i, item in enumerate(right)}
        seen: list[int] = []
        for item in left:
            ends = sorted(place[other] for other in after[item])
            total += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _swept(columns: Columns, neighbours: Neighbours, order: range) -> None:
    """Sort each column by the mean place of the neighbours; an item without any keeps its place."""
    for i in order:
        column = columns[i]
        place = {item: j for j, item in enumerate(columns[i - order.step])}
        means = {x: sum(place[y] for y in neighbours[x]) / len(neighbours[x]) for x in column if neighbours[x]}
        moving = iter(sorted(means, key=means.__getitem__))
        columns[i] = [next(moving) if x in means else x for x in column]


def _exchanged(columns: Columns, before: Neighbours, after: Neighbours, rounds: int) -> None:
    """Exchange neighbours wherever that takes crossings away."""
    for _ in range(rounds):
        improved = False
        for i, column in enumerate(columns):
            sides = []
            for neighbours, j in ((before, i - 1), (after, i + 1)):
                if 0 <= j < len(columns):
                    place = {item: k for k, item in enumerate(columns[j])}
                    sides.append({x: sorted(place[y] for y in neighbours[x]) for x in column})
            for k in range(len(column) - 1):
                a, b = column[k], column[k + 1]
                if sum(_crossing(s[a], s[b]) - _crossing(s[b], s[a]) for s in sides) > 0:
                    column[k], column[k + 1] = b, a
                    improved = True
        if not improved:
            break


def _crossing(above: Sequence[int], below: Sequence[int]) -> int:
    """How many edges of two neighbours cross, from the sorted places where they end."""
    count = i = 0
    for end in above:
        while i < len(below) and below[i] < end:
            i += 1
        count += i
    return count
