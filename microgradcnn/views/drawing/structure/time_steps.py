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

    The weight is a leaf, be it transposed in every step, or what is made of leaves alone. Of several the one that ends
    the steps as they are ends them all alike, such as that of the state.

    A step holds what only it uses, such as its input; what comes after the last one is in none.
    """
    place = {node: i for i, node in enumerate(order)}
    parents = [[place[p] for p in node.parents if type(p) is not Constant] for node in order]
    users: list[set[int]] = [set() for _ in order]
    for i, before in enumerate(parents):
        for p in before:
            users[p].add(i)
    early = [all(order[p].op is None for p in before) for before in parents]
    uses = [_uses(order, users, i) if early[i] else set[int]() for i in range(len(order))]
    weights = [i for i, after in enumerate(uses) if len(after) >= FEWEST]
    best, whole = list[list[int]](), False
    for weight in sorted(weights, key=lambda i: -len(uses[i]))[:TRIED]:
        longer = len(uses[weight]) > len(best)
        if longer or (len(uses[weight]) == len(best) and not whole):
            found, alike = _steps(order, parents, users, weight, uses[weight])
            if found and (longer or alike):
                best, whole = found, alike
    return [Meant(f"step {t}", "step", members) for t, members in enumerate(best, start=1)]


def _uses(order: Sequence[Value], users: Sequence[set[int]], weight: int) -> set[int]:
    """The nodes that use a weight, as it is or transposed."""
    turned = {i for i in users[weight] if (op := order[i].op) is not None and op.name == "transpose"}
    return (users[weight] - turned).union(*(users[i] for i in turned))


def _steps(
    order: Sequence[Value], parents: Sequence[list[int]], users: Sequence[set[int]], weight: int, uses: set[int]
) -> tuple[list[list[int]], bool]:
    """The steps of a loop in which every step uses this weight once, none if it is not used so; and whether the last
    one is like the others."""
    step = [0] * len(order)
    for i, before in enumerate(parents):
        step[i] = max((step[p] for p in before), default=0) + (i in uses)
    last = len(uses)
    if sorted(step[i] for i in uses) != list(range(1, last + 1)):
        return [], False
    _with_what_only_they_use(step, users, weight)
    kinds: list[list[tuple[int, str]]] = [[] for _ in range(last + 1)]
    for i, node in enumerate(order):
        if node.op is not None:
            kinds[step[i]].append((i, node.op.name))
    del kinds[0]
    pattern = Counter(op for _, op in kinds[-2])
    alike = _last_step(kinds[-1], pattern, parents)
    kinds[-1] = alike or kinds[-1][: pattern.total()]
    if pattern.total() < 2 or any(Counter(op for _, op in each) != pattern for each in kinds[1:]):
        return [], False
    kept = {i for i, _ in kinds[-1]}
    step = [0 if t == last and order[i].op is not None and i not in kept else t for i, t in enumerate(step)]
    step = [0 if order[i].op is None else t for i, t in enumerate(step)]
    _with_what_only_they_use(step, users, weight)
    members: list[list[int]] = [[] for _ in range(last)]
    for i, t in enumerate(step):
        if t:
            members[t - 1].append(i)
    return members, bool(alike)


def _last_step(
    nodes: Sequence[tuple[int, str]], pattern: Counter[str], parents: Sequence[list[int]]
) -> list[tuple[int, str]]:
    """What of the nodes behind the last use of the weight is a step like the others, all that leads to one of them."""
    ops, size = dict(nodes), pattern.total()
    leading: dict[int, set[int]] = {}
    for i, _ in nodes:
        before = [leading.get(p, set()) if p in ops else set() for p in parents[i]]
        found = {i}.union(*before)
        if len(found) <= size and all(p in leading for p in parents[i] if p in ops):
            leading[i] = found
        if Counter(ops[k] for k in found) == pattern:
            return [(k, ops[k]) for k in sorted(found)]
    return []


def _with_what_only_they_use(step: list[int], users: Sequence[set[int]], weight: int) -> None:
    """Put what comes before the loop, and is used by one step alone, into that step."""
    for i in range(len(step) - 1, -1, -1):
        if not step[i] and i != weight and len(after := {step[user] for user in users[i]}) == 1:
            (step[i],) = after
