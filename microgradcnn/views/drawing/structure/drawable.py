"""What can be drawn as one: whether there is an order in which everything comes after what it is computed from."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter

from microgradcnn.views.drawing.structure.layers import Meant


def sorted_items(items: Sequence[int | str], edges: Collection[tuple[int, int]]) -> list[int | str] | None:
    """What is drawn, each after all that it is computed from; None if two are before each other."""
    first: dict[int | str, int] = {}
    for node, item in enumerate(items):
        first.setdefault(item, node)
    sorter = TopologicalSorter[int | str](dict.fromkeys(first, ()))
    for a, b in edges:
        if items[a] != items[b]:
            sorter.add(items[b], items[a])
    try:
        sorter.prepare()
    except CycleError:
        return None
    ready: list[tuple[int, int | str]] = []
    done: list[int | str] = []
    while sorter.is_active():
        for item in sorter.get_ready():
            heapq.heappush(ready, (first[item], item))
        done.append(heapq.heappop(ready)[1])
        sorter.done(done[-1])
    return done


def drawn_as_one(parts: Sequence[Meant], count: int, edges: Collection[tuple[int, int]]) -> list[Meant]:
    """The parts of `count` nodes that can be drawn as one: all inner ones or, where these cannot, each that can."""

    def possible(tried: Sequence[Meant]) -> bool:
        joined: list[int | str] = list(range(count))
        for number, part in enumerate(tried):
            for i in part.members:
                joined[i] = f"{number} {part.name}"
        return sorted_items(joined, edges) is not None

    smallest: dict[int, Meant] = {}
    for part in sorted(parts, key=lambda part: len(part.members)):
        for i in part.members:
            smallest.setdefault(i, part)
    alone = [all(smallest[i] is part for i in part.members) for part in parts]
    inner = [part for part, is_alone in zip(parts, alone, strict=True) if is_alone]
    found = inner if possible(inner) else [part for part in inner if possible([part])]
    return found + [part for part, is_alone in zip(parts, alone, strict=True) if not is_alone and possible([part])]
