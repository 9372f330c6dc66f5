"""Neurons and layers that nobody has called so: in a graph of numbers, sums of products with weights of their own.

Parameters in lists, in dictionaries or in nothing at all tell no layers. What repeats does: a neuron adds up products
of its weights and its inputs, and a layer are the neurons that are given the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.drawing.structure.namespace import PLACED, Owner

FEWEST = 30  # nodes: a smaller graph is read as it is


@dataclass
class _Sum:
    """What a neuron adds up: its weights, what they are multiplied by, leaves that stand alone, as its bias.

    `depth` is how many sums there are on the way to it.
    """

    weights: frozenset[Value]
    inputs: frozenset[Value | float]  # nodes, or raw numbers
    alone: list[Value]
    depth: int


def neurons(order: Sequence[Value], known: Collection[Value]) -> dict[Value, tuple[Owner, ...]]:
    """The layer, and the neuron in it, of each parameter; none where labels, or `known` parameters, tell.

    A weight belongs to one neuron. That may be used for several rows, but not, as in a loop, on what it has computed.
    """
    inner = order[:-1]
    told = any(node.label for node in inner if node.op is not None) or any(node in known for node in order)
    if told or len(order) <= FEWEST or any(node.shape or "." in (node.label or "") for node in inner):
        return {}
    sums = list(_sums(order))
    first = {each.weights: each for each in reversed(sums)}  # of several rows: it tells what a neuron is given
    layers: dict[frozenset[Value | float], list[_Sum]] = {}
    for each in reversed(first.values()):
        layers.setdefault(each.inputs, []).append(each)
    held = Counter(weight for neuron in first for weight in neuron)
    loops = any(each.depth != first[each.weights].depth for each in sums)
    if loops or max(held.values(), default=2) > 1 or max(map(len, layers.values())) < 2:
        return {}
    found: dict[Value, tuple[Owner, ...]] = {}
    for number, layer in enumerate(layers.values(), start=1):
        outer = (hash(("layer", number)), f"layer {PLACED}{number}")
        for place, neuron in enumerate(layer, start=1):
            own = (hash(("neuron", number, place)), f"neuron {PLACED}{number}.{place}")
            found |= dict.fromkeys([*neuron.weights, *neuron.alone], (outer, own) if len(layer) > 1 else (outer,))
    return found


def _sums(order: Sequence[Value]) -> Iterator[_Sum]:
    """The sums of products with a weight each, and of leaves, in their order."""
    inside = {parent for node in order if _is(node, "add") for parent in node.parents if _is(parent, "add")}
    products = Counter(p for node in order if _is(node, "mul") and len({*node.parents}) > 1 for p in node.parents)
    depth: dict[Value, int] = {}
    for node in order:
        depth[node] = max((depth.get(parent, 0) for parent in node.parents), default=0)
        if _is(node, "add") and node not in inside:
            terms = _terms(node)
            alone = [term for term in terms if term.op is None]
            read = dict(filter(None, (_weight(term, products) for term in terms)))
            if read and len(read) + len(alone) == len(terms):
                depth[node] += 1
                yield _Sum(frozenset(read), frozenset(read.values()), alone, depth[node])


def _terms(total: Value) -> list[Value]:
    """What is added up, without raw numbers."""
    found: list[Value] = []
    rest = [total]
    while rest:
        node = rest.pop()
        if _is(node, "add"):
            rest += node.parents
        elif type(node) is not Constant:
            found.append(node)
    return found


def _weight(term: Value, products: Mapping[Value, int]) -> tuple[Value, Value | float] | None:
    """A product's weight and what it is multiplied by: of two leaves the one that is in no other is the weight."""
    leaves = [p for p in term.parents if p.op is None and type(p) is not Constant]
    weights = leaves if len(leaves) == 1 else [leaf for leaf in leaves if products[leaf] == 1]
    if not _is(term, "mul") or len(weights) != 1:
        return None
    (given,) = (p for p in term.parents if p is not weights[0])
    return weights[0], float(given.data) if type(given) is Constant else given


def _is(node: Value, name: str) -> bool:
    return node.op is not None and node.op.name == name
