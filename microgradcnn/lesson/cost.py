"""What one iteration of gradient descent costs a network of any size, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.networks.network import COUNTED_AT, CostSize
from microgradcnn.views.cost.building import Build
from microgradcnn.views.cost.cost import Cost, cost
from microgradcnn.views.cost.polynomial import NotPolynomialError
from microgradcnn.views.documents.document import Line, Step
from microgradcnn.views.formulas.expression import Expr, equation, minus, number, power, symbol
from microgradcnn.views.formulas.expression import add as plus

AT_MORE = range(2, 9)  # sizes for polynomials of a higher degree than COUNTED_AT shows
MOST_BY_THEMSELVES = 100  # parameters, each of whose derivatives is counted by itself as well
IMAGE, KERNEL, SQUARED = symbol("image"), symbol("kernel"), number(2)
EQUAL = {"P": power(plus(IMAGE, minus(KERNEL), number(1)), SQUARED), "q": power(KERNEL, SQUARED)}


class NetworkCost(NamedTuple):
    """The cost of a network of any size, that at its own sizes, which are given, and what the variables mean."""

    found: Cost
    lecture: Cost
    sizes: dict[str, int]
    meaning: Line

    def steps(self, name: str) -> list[Step]:
        """The count told: the parts, the same without backpropagation, and the convention."""
        steps = self.found.steps()
        own = [_at(name, self.sizes, self.lecture)] if self.sizes else []
        steps[0].lines = [(f"{name}: ", *self.meaning), *steps[0].lines, *own]
        return steps


def network_cost(
    network: str | type[Network], activation: str | None = None, regularise: float | None = None
) -> NetworkCost:
    """Count the operations of one iteration of a network, of a name or a class, as polynomials in its `cost_sizes`.

    They are counted anew at the sizes that the lecture fixes: one filter needs no mean. `activation` (sigmoid) and
    `regularise` (0) are for those that take them.
    """
    kind = NETWORKS[network] if isinstance(network, str) else network
    build, sizes = builder(kind, activation, regularise), kind.cost_sizes()
    counted, fixed = {size: about.counted for size, about in sizes.items()}, kind().own_sizes()
    separately = sum(math.prod(p.shape) for p in kind().parameters.values()) <= MOST_BY_THEMSELVES

    def count(build: Build, at: Mapping[str, Iterable[int]]) -> Cost:
        try:
            return cost(build, at, separately)
        except NotPolynomialError:  # of a higher degree than the lecture's networks have, as of layers of one size
            return cost(build, {size: AT_MORE if it == COUNTED_AT else it for size, it in at.items()}, separately)

    lecture = count(partial(build, **fixed), {size: at for size, at in counted.items() if size not in fixed})
    found = count(build, counted) if fixed else lecture
    return NetworkCost(found, lecture, fixed, _meaning(sizes))


def builder(network: str | type[Network], activation: str | None = None, regularise: float | None = None) -> Build:
    """What builds the graph of a network's objective, of n rows and the other `cost_sizes`."""
    kind = NETWORKS[network] if isinstance(network, str) else network
    given = {"activation": activation, "regularise": regularise}
    options: dict[str, Any] = {name: option for name, option in given.items() if option is not None}

    def build(n: int, **sizes: int) -> tuple[Value, dict[str, list[Value]]]:
        try:
            made = kind(**kind.of_sizes(sizes), **options)
        except ValueError as error:
            where = ", ".join(f"{size} = {number}" for size, number in sizes.items())
            raise ValueError(
                f"a cost is counted at several sizes, and {kind.name} has none at {where}: {error}"
            ) from None
        x, y = made.drawn_rows(n, np.random.default_rng(0))
        if made.whole_inputs:  # words, say: how often each is among the rows would count
            x = np.repeat(x[:1], n, axis=0)
        return made.loss(x, y), made.groups()

    return build


def _meaning(sizes: Mapping[str, CostSize]) -> Line:
    """What the sizes count: n rows, m inputs, k hidden units; with a formula for those that have one."""
    pieces: list[str | Expr] = []
    for size, about in sizes.items():
        words = f" {about.meaning}".rstrip()
        pieces += [", "] if pieces else []
        pieces += [equation(symbol(size), EQUAL[size]), words] if size in EQUAL else [f"{size}{words}"]
    return tuple(pieces)


def _at(name: str, sizes: dict[str, int], found: Cost) -> Line:
    total = found.total
    where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    functions = (" and ", *total.pieces()) if total.functions else ()
    whose = "the lecture's " if name in NETWORKS and NETWORKS[name].section else ""
    first = f"In all, with {whose}{where}, counted by themselves: "
    return first, total.operations.formula, *functions, ", ", total.all.growth, f", for {found.domain}."
