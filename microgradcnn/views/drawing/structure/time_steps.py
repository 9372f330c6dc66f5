"""Steps of a loop over time: the same operations again and again, each time from what the last time gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.drawing.structure.layers import Meant

FEWEST = 3  # steps of a loop
TRIED = 8  # nodes that may be the recurrent weight: those that are used most often


def time_steps(order: Sequence[Value]) -> list[Meant]:
    """The steps of the longest loop, each from the use of a weight that every step uses once up to the next; or none.

    The weight is a leaf, or what is made of leaves alone, as a transposed one.

    A step holds what only it uses, such as its input; what comes after the last one is in none.
    """
    place = {node: i for i, node in enumerate(order)}
    parents = [[place[p] for p in node.parents if type(p) is not Constant] for node in order]
    users: list[set[int]] = [set() for _ in order]
    for i, before in enumerate(parents):
        for p in before:
            users[p].add(i)
    early = [all(order[p].op is None for p in before) for before in parents]
    weights = [i for i, after in enumerate(users) if early[i] and len(after) >= FEWEST]
    best: list[list[int]] = []
    for weight in sorted(weights, key=lambda i: -len(users[i]))[:TRIED]:
        if len(users[weight]) > len(best) and (found := _steps(order, parents, users, weight)):
            best = found
    return [Meant(f"step {t}", "step", members) for t, members in enumerate(best, start=1)]


def _steps(
    order: Sequence[Value], parents: Sequence[list[int]], users: Sequence[set[int]], weight: int
) -> list[list[int]]:
    """The steps of a loop in which every step uses this weight once; none if it is not used so."""
    step = [0] * len(order)
    for i, before in enumerate(parents):
        step[i] = max((step[p] for p in before), default=0) + (weight in before)
    last = len(users[weight])
    if sorted(step[i] for i in users[weight]) != list(range(1, last + 1)):
        return []
    _with_what_only_they_use(step, users, weight)
    kinds: list[list[tuple[int, str]]] = [[] for _ in range(last + 1)]
    for i, node in enumerate(order):
        if node.op is not None:
            kinds[step[i]].append((i, node.op.name))
    del kinds[0]
    size = len(kinds[-2])
    kinds[-1] = kinds[-1][:size]
    alike = [Counter(op for _, op in each) for each in kinds]
    if size < 2 or any(each != alike[-1] for each in alike[1:]):
        return []
    kept = {i for i, _ in kinds[-1]}
    step = [0 if t == last and order[i].op is not None and i not in kept else t for i, t in enumerate(step)]
    step = [0 if order[i].op is None else t for i, t in enumerate(step)]
    _with_what_only_they_use(step, users, weight)
    members: list[list[int]] = [[] for _ in range(last)]
    for i, t in enumerate(step):
        if t:
            members[t - 1].append(i)
    return members


def _with_what_only_they_use(step: list[int], users: Sequence[set[int]], weight: int) -> None:
    """Put what comes before the loop, and is used by one step alone, into that step."""
    for i in range(len(step) - 1, -1, -1):
        if not step[i] and i != weight and len(after := {step[user] for user in users[i]}) == 1:
            (step[i],) = after
