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
    step, last = _numbered(parents, users, uses), len(uses)
    if step is None:
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


def _numbered(parents: Sequence[list[int]], users: Sequence[set[int]], uses: set[int]) -> list[int] | None:
    """The step of each node, 0 of what is before the loop; None unless each use of the weight is behind the last.

    A step ends before the next use of the weight: what that needs is in it, and what only later uses need is not, such
    as the other gates of an LSTM. What no later use needs, such as an output, is in the step of what it is computed
    from, or in the next, as are others that are computed with its weight, and what is computed with one for the next.
    """
    used, last = [0] * len(parents), len(uses)
    for i, before in enumerate(parents):
        used[i] = max((used[p] for p in before), default=0) + (i in uses)
    if sorted(used[i] for i in uses) != list(range(1, last + 1)):
        return None
    needed = [last] * len(parents)
    for i in range(len(parents) - 1, -1, -1):
        for p in parents[i]:
            needed[p] = min(needed[p], used[i] - 1 if i in uses else needed[i])
    step, leaf = [0] * len(parents), _leaves(parents, users)
    later = dict[int, int]()  # how much later than the rest what a weight takes part in is
    for i in sorted(filter(used.__getitem__, range(len(parents))), key=lambda i: needed[i] == last):
        rest = max((step[p] for p in parents[i]), default=0)
        weights = [leaf[p] for p in parents[i] if p in leaf]
        if needed[i] < last:
            step[i] = needed[i]
            later |= {p: step[i] - rest for p in weights if rest}
        else:
            step[i] = rest + max((later.get(p, 0) for p in weights), default=0)
    for i in range(len(parents) - 1, -1, -1):
        if used[i] and users[i] and not leaf.keys().isdisjoint(parents[i]):
            step[i] = max(step[i], min(step[user] for user in users[i]))
    return step


def _leaves(parents: Sequence[list[int]], users: Sequence[set[int]]) -> dict[int, int]:
    """The leaf that each weight is, or that it is made of alone, as a transposed one; one is used more than once."""
    found: dict[int, int] = {}
    for i, before in enumerate(parents):
        leaf = before[0] if len(before) == 1 else i
        if not parents[leaf] and len(users[leaf]) + len(users[i]) > 2:
            found[i] = leaf
    return found


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
