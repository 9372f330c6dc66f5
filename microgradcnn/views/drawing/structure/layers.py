"""Groups for the objects that parameters belong to: a layer with its weights, a neuron, a block of layers.

Who computed a node is read off the graph: what takes a parameter belongs to the parameter's object, and so does what
only joins such nodes; among numbers, and in an object that is no Module, also the activation right behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.drawing.structure.namespace import DEEPEST, PLACED, Owner, Owners
from microgradcnn.views.drawing.structure.parameters import layer_numbers

ACTIVATIONS = {"relu", "tanh", "sigmoid", "softplus", "elu", "gelu", "leaky_relu", "silu"}


@dataclass(frozen=True)
class Meant:
    """Nodes by their places in the order that are one thing, called `name`; `kind` is layer, object or step."""

    name: str
    kind: str
    members: list[int]


def labelled_owners(order: Sequence[Value]) -> dict[Value, tuple[Owner, ...]]:
    """The layers that parameters' dotted labels name: blocks.0.weight is within blocks.0, and that within blocks.

    Of a network of numbers the lists are no layers: layers.0.neurons.3.w.1 is within neuron 1.4, and that in layer 1.
    What is deeper than DEEPEST objects, each with its place in a list, belongs to the last of them.
    """
    labelled = {node: node.label.split(".", 2 * DEEPEST) for node in order if node.op is None and node.label}
    of_numbers = not any(node.shape for node, parts in labelled.items() if len(parts) > 1)
    found: dict[Value, tuple[Owner, ...]] = {}
    for node, parts in labelled.items():
        path = parts[:-1] if all(parts[:-1]) else []
        if of_numbers:
            found[node] = tuple(_listed(path[:-1] if parts[-1].isdigit() else path))
        else:
            above = [".".join(path[: i + 1]) for i in range(len(path))]
            found[node] = tuple((hash(name), name if not path[i].isdigit() else "") for i, name in enumerate(above))
    return {node: owners for node, owners in found.items() if owners}


def _listed(path: Sequence[str]) -> Iterator[Owner]:
    """The objects of a path in which a name with a number behind it is a list of what it says."""
    for i, part in enumerate(path):
        above = path[: i + 1]
        if path[len(above) :] and path[len(above)].isdigit():
            continue
        named = [name.removesuffix("s") for name in above if not name.isdigit()]
        number = ".".join(str(int(name) + 1) for name in above if name.isdigit())
        called = f"{named[-1] if named else 'layer'} {PLACED}{number}" if part.isdigit() else part
        yield hash(".".join(above)), called


def layers(order: Sequence[Value], owners: Owners, apart: set[int]) -> Iterator[Meant]:
    """The parts of a graph that its objects are, each before those that it is in; nodes in `apart` are in none.

    A layer that is called by its place in a model, as the 7 of 7.weight, has the number that its weight W_3 has; what
    has no arrays of its own, as a block of layers, is counted among those of its kind, or in its lists.
    """
    called = _Names(order)
    computed = _Computed(order, owners, apart)
    inner: dict[Owner, list[int]] = {}
    around: dict[Owner, tuple[Owner, ...]] = {}
    for path in owners.values():
        around[path[-1]] = path[:-1]
    for place, owner in enumerate(computed.owner):
        if owner is not None:
            inner.setdefault(owner, []).append(place)
    depth = max(map(len, around.values()), default=0)
    members = {owner: list(places) for owner, places in inner.items()}
    for owner, places in inner.items():
        for outer in around[owner]:
            members.setdefault(outer, []).extend(places)
    kinds = {owner: "layer" if computed.strict[owner] else "object" for owner in inner}
    levels = {owner: len(path) for owner, path in around.items()}
    for path in around.values():
        levels |= {outer: level for level, outer in enumerate(path)}
    for level in range(depth, -1, -1):
        for owner, places in members.items():
            whole = len(places) == sum(map(len, inner.values()))
            if levels[owner] != level or len(places) < 2 or (whole and len(inner) > 1):  # the whole is no part
                continue
            if owner in inner and len(places) == len(inner[owner]):
                yield Meant(called.name(owner, places), kinds[owner], sorted(places))
            else:
                yield Meant(called.name(owner, inner.get(owner, [])), "object", computed.with_between(places))


class _Names:
    """What the objects around parameters are called, by the layers' numbers and by kinds."""

    def __init__(self, order: Sequence[Value]) -> None:
        self.order, self.numbers = order, layer_numbers(order)
        self.counted = Counter[str]()

    def name(self, owner: Owner, places: Sequence[int]) -> str:
        """The name of an object that computes these nodes itself; without one it is called after what it computes."""
        kind, placed, listed = owner[1].partition(PLACED)
        if owner[1] and not placed:
            return owner[1]
        held = [self.order[i] for i in places]
        numbers = {self.numbers[node] for node in held if node in self.numbers}
        kind = kind.strip() or _kind_of(held)
        if len(numbers) == 1:
            return f"{kind} {numbers.pop()}"
        self.counted[kind] += 1
        return f"{kind} {listed or self.counted[kind]}"


def _is_start(node: Value) -> bool:
    """Whether a node is the 0 that a sum starts with, which is nobody's."""
    return node.op is None and node.label is None and not node.shape and node.data == 0.0


def _kind_of(nodes: Sequence[Value]) -> str:
    ops = (node.op for node in nodes)
    kinds = [op.name for op in ops if op is not None and op.name not in ("reshape", "transpose", "add")]
    return "linear" if kinds[:1] == ["matmul"] else (kinds or ["layer"])[0]


class _Computed:
    """Who each node was computed by, in one pass over the graph and one back."""

    def __init__(self, order: Sequence[Value], owners: Owners, apart: set[int]) -> None:
        place = {node: i for i, node in enumerate(order)}
        users: list[list[int]] = [[] for _ in order]
        parents = [[place[p] for p in node.parents if type(p) is not Constant] for node in order]
        for i, before in enumerate(parents):
            for p in before:
                users[p].append(i)
        self.parents, self.users = parents, users
        self.owner: list[Owner | None] = [None] * len(order)
        pure = [False] * len(order)  # computed from parameters of one object alone
        given = [False] * len(order)  # and from raw numbers, which may be what the object was called with
        self.strict = {path[-1]: "." in (node.label or "") for node, path in owners.items()}
        for i, node in enumerate(order):
            if i in apart:
                continue
            if node.op is None:
                self.owner[i] = owners[node][-1] if owners.get(node) else None
                pure[i] = self.owner[i] is not None
                continue
            raw = [p for p in node.parents if type(p) is Constant]
            looked_up = node.op.name == "getitem"  # rows of an embedding
            given[i] = bool(raw) or looked_up or any(given[p] for p in parents[i])
            held = [p for p in parents[i] if self.owner[p] is not None]
            if len(held) == 1 and node.op.name == "add" and any(map(_is_start, node.parents)):
                (self.owner[i],) = {self.owner[p] for p in held}
                for p in parents[i]:  # a 0 that was made for this sum
                    self.owner[p] = self.owner[i] if len(users[p]) == 1 else self.owner[p]
                continue
            joined = {self.owner[p] for p in held}
            alone = {self.owner[p] for p in held if pure[p]}
            if len(joined) > 1:  # what another object made of raw numbers is no parameter
                alone = {self.owner[p] for p in held if pure[p] and not given[p]}
            if len(alone) == 1:
                (self.owner[i],) = alone
                own = all(pure[p] and self.owner[p] in alone for p in parents[i])
                pure[i] = own and not any(p.shape for p in raw)
            elif not alone and len(joined) == 1 and len(parents[i]) == len(held) > 1:
                (self.owner[i],) = joined
            elif not alone and len(joined) == 1 == len(parents[i]) and node.op.name in ACTIVATIONS:
                (last,) = parents[i]
                owner = self.owner[last]
                apart_from_it = owner is not None and self.strict[owner] and node.shape  # a layer of its own
                if len(users[last]) == 1 and not apart_from_it:
                    self.owner[i] = owner
        for i in range(len(order) - 1, -1, -1):  # what is between the nodes of one object
            after = {self.owner[u] for u in users[i]}
            if self.owner[i] is None and len(after) == 1 and parents[i] and i not in apart:
                (owner,) = after
                self.owner[i] = owner if {self.owner[p] for p in parents[i]} == {owner} else None

    def with_between(self, places: Sequence[int]) -> list[int]:
        """These nodes, and those on a path from one of them to another that nobody owns."""
        after, before = set(places), set(places)
        for i, parents in enumerate(self.parents):
            if not after.isdisjoint(parents):
                after.add(i)
        for i in range(len(self.users) - 1, -1, -1):
            if not before.isdisjoint(self.users[i]):
                before.add(i)
        return sorted({*places, *(i for i in after & before if self.owner[i] is None)})
