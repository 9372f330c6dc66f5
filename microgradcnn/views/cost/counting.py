"""The count at one size: what the objective takes, and what every update adds to it, or would by itself.

The objective comes first, then the update of each group of parameters, θ − η df/dθ, those nearest to the loss first, as
in the backward pass. What several need is counted once, with the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import grad, reached, topological
from microgradcnn.engine.value import Value
from microgradcnn.views.cost.building import OBJECTIVE
from microgradcnn.views.cost.operations import Operation, Reader
from microgradcnn.views.cost.work import Work

Groups = Mapping[str, Sequence[Value]]
Needed = dict[Operation, Array]


@dataclass(frozen=True)
class Count:
    """What a part of an iteration takes, by kind of work: "operations" (+ − × ÷), or the name of a function.

    `work` is counted here, and `shared` is what of it later parts use as well. `separately` is what the part takes if
    every coordinate of it is computed by itself, from the parameters, with nothing kept.
    """

    work: Counter[str]
    shared: Counter[str]
    separately: Counter[str]


def counted(loss: Value, groups: Groups, separately: bool = True) -> dict[str, Count]:
    """The operations of one iteration at the size that the graph has: the objective, then every group's update.

    Without `separately`, whose time grows with the number of parameters, that count is left out.
    """
    iteration = _Iteration(loss, groups)
    cones = [iteration.needed([(v, np.ones(v.shape, bool)) for v in values]) for values in iteration.parts.values()]
    counts, done = {}, Needed()
    for i, (name, cone) in enumerate(zip(iteration.parts, cones, strict=True)):
        new = _where({op: (mask & ~done[op] if op in done else mask) for op, mask in cone.items()})
        later = _union(cones[i + 1 :])
        shared = _where({op: mask & later[op] for op, mask in new.items() if op in later})
        alone = iteration.separate(name) if separately else Counter[str]()
        counts[name] = Count(iteration.cost(new), iteration.cost(shared), alone)
        done = _union([done, cone])
    return counts


class _Iteration:
    """The operations of one iteration; `parts` holds what each part computes."""

    def __init__(self, loss: Value, groups: Groups) -> None:
        nodes = topological(loss)
        parameters = [p for group in groups.values() for p in group]
        rate, seed = Value(0.1, label="eta"), Value(np.ones((), loss.dtype))
        gradients = dict(zip(parameters, grad(loss, parameters, seed), strict=True))
        updates = {p: p - rate * g for p, g in gradients.items()}
        uses = {p: i for i, node in reversed(list(enumerate(nodes))) for p in node.parents}
        nearest = sorted(groups, key=lambda name: -min(uses[p] for p in groups[name]))
        self.parts = {OBJECTIVE: [loss], **{name: [updates[p] for p in groups[name]] for name in nearest}}
        reader = Reader([*parameters, rate], seed)
        self.found = reader.read(reached([loss, *updates.values()]))
        self.works: dict[Operation, Work] = {}
        for op in reader.order:
            self.works[op] = Work(op, [self.works[arg] for arg in op.args])
        self._backwards = [op for op in reversed(reader.order) if op.args]

    def needed(self, wanted: Sequence[tuple[Value, Array]]) -> Needed:
        """Everything that has to be computed for what is wanted."""
        found: Needed = {}
        for value, mask in wanted:
            _add(found, self.found[value], mask)
        for op in self._backwards:
            if op in found:
                for arg, mask in self.works[op].asked(found[op])[1]:
                    _add(found, arg, mask)
        return found

    def cost(self, needed: Needed) -> Counter[str]:
        """The work of it, by kind."""
        total: Counter[str] = Counter()
        for op, mask in needed.items():
            work = self.works[op]
            total[work.kind] += work.asked(mask)[0]
        return +total

    def separate(self, name: str) -> Counter[str]:
        """The work of a part, each number of it computed by itself."""
        total: Counter[str] = Counter()
        for value in self.parts[name]:
            for place in np.ndindex(value.shape):
                mask = np.zeros(value.shape, bool)
                mask[place] = True
                total += self.cost(self.needed([(value, mask)]))
        return total


def _where(needed: Needed) -> Needed:
    """What is needed anywhere."""
    return {op: mask for op, mask in needed.items() if mask.any()}


def _union(parts: Sequence[Needed]) -> Needed:
    found: Needed = {}
    for part in parts:
        for op, mask in part.items():
            _add(found, op, mask)
    return found


def _add(found: Needed, op: Operation, mask: Array) -> None:
    found[op] = found[op] | mask if op in found else mask
