"""The order of the items of each column so that few edges cross: barycentre sweeps, and exchanges of neighbours.

Sweeps: Sugiyama, Tagawa and Toda 1981; exchanges: Gansner, Koutsofios, North and Vo 1993. Each item has a weight, its
edges to the right with it, and a crossing counts the product of both: so what belongs together stays together, and the
edges that may cross are the light ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

SWEEPS = 12  # to the left and back, at most
EXCHANGES = 8  # rounds of exchanging neighbours, at most
PATIENCE = 4  # sweeps without fewer crossings before giving up

Neighbours = Sequence[Sequence[int]]
Columns = list[list[int]]


def ordered(columns: Columns, before: Neighbours, after: Neighbours, weights: Sequence[float]) -> Columns:
    """The columns with their items in an order that costs less, never more than the one given.

    `before[i]` and `after[i]` are the neighbours of item i in the column to its left and to its right.
    """
    best, least = [list(column) for column in columns], crossings(columns, after, weights)
    current, stale = [list(column) for column in columns], 0
    for sweep in range(2 * SWEEPS):
        if least == 0 or stale >= PATIENCE:
            break
        if sweep % 2:
            _swept(current, before, weights, range(1, len(current)))
        else:
            _swept(current, after, [1.0] * len(after), range(len(current) - 2, -1, -1))
        _exchanged(current, before, after, weights, rounds=1)
        found = crossings(current, after, weights)
        stale += 1
        if found < least:
            best, least, stale = [list(column) for column in current], found, 0
    _exchanged(best, before, after, weights, EXCHANGES)
    return best


def crossings(columns: Columns, after: Neighbours, weights: Sequence[float]) -> float:
    """What the crossings between neighbouring columns cost: for each pair of edges, the product of their weights."""
    total = 0.0
    for left, right in pairwise(columns):
        place = {item: i for i, item in enumerate(right)}
        ended = np.zeros(len(right))  # the weights of the edges from above that end at each place
        for item in left:
            ends = [place[other] for other in after[item]]
            total += weights[item] * float(sum(ended[end + 1 :].sum() for end in ends))
            np.add.at(ended, ends, weights[item])
    return total


def _swept(columns: Columns, neighbours: Neighbours, weights: Sequence[float], order: range) -> None:
    """Sort each column by the mean place of the neighbours; an item without any keeps its place."""
    for i in order:
        place = {item: float(j) for j, item in enumerate(columns[i - order.step])}
        means = {x: _mean(neighbours[x], place, weights) for x in columns[i] if neighbours[x]}
        moving = iter(sorted(means, key=means.__getitem__))
        columns[i] = [next(moving) if x in means else x for x in columns[i]]


def _mean(items: Sequence[int], place: dict[int, float], weights: Sequence[float]) -> float:
    return sum(place[y] * weights[y] for y in items) / sum(weights[y] for y in items)


def _exchanged(columns: Columns, before: Neighbours, after: Neighbours, weights: Sequence[float], rounds: int) -> None:
    """Exchange neighbours wherever that takes crossings away."""
    for _ in range(rounds):
        improved = False
        for i, column in enumerate(columns):
            sides = []
            for neighbours, j in ((before, i - 1), (after, i + 1)):
                if 0 <= j < len(columns):
                    place = {item: k for k, item in enumerate(columns[j])}
                    left = neighbours is before
                    sides.append(
                        {x: sorted((place[y], weights[y if left else x]) for y in neighbours[x]) for x in column}
                    )
            for k in range(len(column) - 1):
                a, b = column[k], column[k + 1]
                now = sum(_crossing(s[a], s[b]) for s in sides)
                if now and now > sum(_crossing(s[b], s[a]) for s in sides):
                    column[k], column[k + 1] = b, a
                    improved = True
        if not improved:
            break


def _crossing(above: Sequence[tuple[int, float]], below: Sequence[tuple[int, float]]) -> float:
    """What the crossings of two neighbours' edges cost, from the sorted places where they end and their weights."""
    if not above or not below or above[-1][0] <= below[0][0]:
        return 0.0
    cost = passed = 0.0
    i = 0
    for end, weight in above:
        while i < len(below) and below[i][0] < end:
            passed += below[i][1]
            i += 1
        cost += weight * passed
    return cost
