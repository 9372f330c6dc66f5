"""What a network's drawing is made of, read from its graph: inputs and units in layers, the weights between them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import Example, Network

Incoming = Mapping[Value, Mapping[Value, str]]
Point = tuple[float, float]
APART = (72.0, 18.0)  # labels on lines, with their numbers, at least: across, or else up


def told(example: Example, names: Collection[Value]) -> list[Value]:
    """The nodes with a name on the way to ŷ, but for the sums that another of them is a function of."""
    before = {node for output in example.outputs for node in topological(output)} - {*example.outputs}
    named = [node for node in topological(example.loss) if node in before and node.op is not None and node in names]
    sums = {node.parents[0] for node in (*named, *example.outputs) if len(node.parents) == 1}
    return [node for node in named if node not in sums or node in example.z]


def incoming(example: Example) -> dict[Value, dict[Value, str]]:
    """For every unit and ŷ the inputs and units that it is computed from, with what they are multiplied by, or "".

    Units are the z's, or where none is called so what has a label and is `told`.
    """
    labelled = [node for node in topological(example.loss) if node.label]
    units = [*(example.z or told(example, labelled)), *example.outputs]
    return {unit: _sources(unit, {*example.inputs, *units}, set(example.parameters.values())) for unit in units}


def _sources(unit: Value, units: set[Value], weights: set[Value]) -> dict[Value, str]:
    found: dict[Value, str] = {}
    waiting, seen = [unit], set[Value]()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        product = node.op is not None and node.op.name == "mul"
        by = [str(p.label) for p in node.parents if p in weights] if product else []
        met = [node] if node in units and node is not unit else [p for p in node.parents if p in units and by]
        for source in met:
            found.setdefault(source, "" if node in met else by[0])
        waiting += [] if met else reversed(node.parents)
    return found


def added(unit: Value, sources: Incoming, weights: Collection[Value]) -> list[tuple[str, str]]:
    """The parameters that a unit adds as they are, its biases, each after its sign."""
    before, found, waiting, seen = {*sources}, list[tuple[str, str]](), [unit], set[Value]()
    while waiting:
        node = waiting.pop()
        if node in seen or (node in before and node is not unit):
            continue
        seen.add(node)
        if node.op is not None and node.op.name in ("add", "sub"):
            signs = ("+", "−" if node.op.name == "sub" else "+")
            found += [(sign, str(p.label)) for sign, p in zip(signs, node.parents, strict=True) if p in weights]
        waiting += [] if node.op is not None and node.op.name == "mul" else reversed(node.parents)
    return list(dict.fromkeys(found))


def layers(example: Example, sources: Incoming) -> list[list[Value]]:
    """The units by how many others come before them; inputs stand in the layer before the first that takes them."""
    depth: dict[Value, int] = dict.fromkeys(example.inputs, 0)
    for unit, met in sources.items():
        depth[unit] = 1 + max((depth[source] for source in met), default=0)
    for unit in example.inputs:
        depth[unit] = min((depth[taker] for taker, met in sources.items() if unit in met), default=1) - 1
    order = [*sources, *example.inputs]  # in a layer of both, inputs below
    found = [[unit for unit in order if depth[unit] == layer] for layer in range(max(depth.values()) + 1)]
    return [layer for layer in found if layer]


def image_of(network: Network, example: Example) -> tuple[int, int] | None:
    """Height and width of the image that the inputs are: the network's own, or a square of pixels called p."""
    if network.image is not None and len(network.image) == 2:
        return network.image[0], network.image[1]
    side = math.isqrt(len(example.inputs))
    pixels = all(str(v.label).startswith("p_") for v in example.inputs)
    return (side, side) if pixels and side > 1 and side * side == len(example.inputs) else None


def shown(layer: Sequence[Value], most: int) -> list[Value | None]:
    """Those that are drawn; None stands for the dots in the place of the others."""
    return [*layer] if len(layer) <= most else [*layer[: most - 2], None, layer[-1]]


def lie_over_one_another(names: Iterable[tuple[tuple[float, float], float]], high: float) -> bool:
    """Whether a name reaches over half of another, in lines that touch: by the middle and the width of each."""
    return any(
        abs(y - v) < high and min(x + wide / 2, u + broad / 2) - max(x - wide / 2, u - broad / 2) > min(wide, broad) / 2
        for ((x, y), wide), ((u, v), broad) in combinations(names, 2)
    )


def between(start: Point, end: Point, share: float) -> Point:
    """The point that lies a share of the way from one to the other."""
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def free_place(start: Point, end: Point, shares: Sequence[float], taken: Sequence[Point]) -> Point:
    """A place on a line for a label: the first that is not too near to others, or the one that is furthest away."""
    places = [between(start, end, share) for share in shares]
    apart = [
        min((max(abs(x - u) / APART[0], abs(y - v) / APART[1]) for u, v in taken), default=math.inf) for x, y in places
    ]
    return next(
        (place for place, far in zip(places, apart, strict=True) if far >= 1.0), places[apart.index(max(apart))]
    )


def stacked(count: int, middle: Point, apart: float) -> list[Point]:
    """Places below each other."""
    return [(middle[0], middle[1] + (i - (count - 1) / 2) * apart) for i in range(count)]
