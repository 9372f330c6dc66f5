"""What one iteration of gradient descent costs a network of the lecture, and how it is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.views.cost.cost import Cost, cost
from microgradcnn.views.documents.document import Line, Step
from microgradcnn.views.formulas.expression import add as plus
from microgradcnn.views.formulas.expression import equation, minus, number, power, symbol

PARTS = {"S": "hidden layer", "c": "filters", "w": "final layer"}
IMAGE, KERNEL, SQUARED = symbol("image"), symbol("kernel"), number(2)
MEANINGS: dict[str, Line] = {
    "single_layer": ("n rows, m inputs, k hidden units",),
    "convolutional": (
        *("n images, F filters of ", equation(symbol("q"), power(KERNEL, SQUARED)), " weights, "),
        *(equation(symbol("P"), power(plus(IMAGE, minus(KERNEL), number(1)), SQUARED)), " positions of each"),
    ),
}
SIZES, SQUARES = range(2, 6), (4, 9, 16, 25)
COUNTED: dict[str, dict[str, Any]] = {
    "single_layer": dict.fromkeys("nmk", SIZES),
    "convolutional": {"n": SIZES, "F": SIZES, "P": SQUARES, "q": SQUARES},
}

Graph = tuple[Value, dict[str, list[Value]]]


class NetworkCost(NamedTuple):
    """The cost of a network of any size, that at the lecture's sizes, which are given, and what the variables mean."""

    found: Cost
    lecture: Cost
    sizes: dict[str, int]
    meaning: Line

    def steps(self, name: str) -> list[Step]:
        """The count told: the parts, the same without backpropagation, and the convention."""
        steps = self.found.steps()
        steps[0].lines = [(f"{name}: ", *self.meaning), *steps[0].lines, _at(self.sizes, self.lecture)]
        return steps


def network_cost(name: str, activation: str = "sigmoid", regularise: float = 0.0) -> NetworkCost:
    """Count the operations of one iteration of a network, as polynomials in n, m and k, or in n, F, P and q."""
    build = builder(name, activation, regularise)
    sizes, lecture = _lecture(name, build)
    return NetworkCost(cost(build, COUNTED[kind(name)]), lecture, sizes, MEANINGS[kind(name)])


def builder(name: str, activation: str = "sigmoid", regularise: float = 0.0) -> Callable[..., Graph]:
    """What builds the graph of a network's objective: of n, m, k, or of n, F, P, q for a convolutional one.

    P, the positions of a filter, and q, the pixels under it, are squares, as image and kernel are.
    """

    def single_layer(n: int, m: int, k: int) -> Graph:
        return _graph(NETWORKS[name](m=m, k=k, activation=activation, regularise=regularise), n)

    def convolutional(n: int, F: int, P: int, q: int) -> Graph:
        positions, kernel = math.isqrt(P), math.isqrt(q)
        shapes = {"image": (positions + kernel - 1,) * 2, "kernel": (kernel, kernel)}
        return _graph(NETWORKS[name](filters=F, **shapes, activation=activation, regularise=regularise), n)

    return single_layer if kind(name) == "single_layer" else convolutional


def kind(name: str) -> str:
    """single_layer or convolutional."""
    return "single_layer" if name == "single_layer" else "convolutional"


def _graph(network: Network, n: int) -> Graph:
    rng = np.random.default_rng(0)
    loss = network.loss(rng.normal(size=(n, network.inputs)), rng.normal(size=n))
    return loss, {PARTS[p]: [value] for p, value in network.parameters.items()}


def _lecture(name: str, build: Callable[..., Graph]) -> tuple[dict[str, int], Cost]:
    """The sizes that the lecture fixes, and the cost in the others, counted anew: one filter needs no mean."""
    own = NETWORKS[name]().options()
    if name == "single_layer":
        fixed = {"k": own["k"]}
    else:
        (height, width), (rows, columns) = own["image"], own["kernel"]
        fixed = {"F": own["filters"], "P": (height - rows + 1) * (width - columns + 1), "q": rows * columns}
    return fixed, cost(partial(build, **fixed), {v: s for v, s in COUNTED[kind(name)].items() if v not in fixed})


def _at(sizes: dict[str, int], found: Cost) -> Line:
    total = found.total
    where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    functions = (" and ", *total.pieces()) if total.functions else ()
    first = f"In all, with the lecture's {where}, counted by themselves: "
    return first, total.operations.formula, *functions, ", ", total.all.growth, f", for {found.domain}."
