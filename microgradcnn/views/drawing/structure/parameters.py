"""Short names for what a model's parameters are called by their places in it: W₁ for 0.weight, w₁₄₂ for a neuron's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.ledger import node_names
from microgradcnn.views.formulas.expression import spelling

LONGEST = 200  # characters of a place in a model
_LETTERS = {"weight": "W", "bias": "b"}  # as they are taught; an array that is called otherwise keeps its own name


def shown_names(order: Sequence[Value]) -> dict[Value, str]:
    """What the nodes are called in a picture, in their order: as `node_names`, but parameters of models by letters.

    An array is numbered by its layer, of those that have any, as they are used: 0.weight and 2.weight are W_1 and W_2.
    A number is numbered from 1 by all the lists that it is in: layers.0.neurons.3.w.1 is w_1_4_2. Where two would be
    called alike, or as something else is, both keep their labels.
    """
    names = node_names(list(order))
    short = dict(_short({node: name for node, name in names.items() if node.op is None and _is_place(name)}))
    spelt = Counter(spelling(short.get(node, name)) for node, name in names.items())
    return {
        node: short[node] if node in short and spelt[spelling(short[node])] == 1 else name
        for node, name in names.items()
    }


def layer_numbers(order: Sequence[Value]) -> dict[Value, int]:
    """The number of the layer that each array of a model is a parameter of, which `shown_names` give it."""
    places = {node: label.rpartition(".")[0] for node in order if (label := label_in_model(node)) and node.shape}
    numbers = {layer: number for number, layer in enumerate(dict.fromkeys(places.values()), 1)}
    return {node: numbers[layer] for node, layer in places.items()}


def label_in_model(node: Value) -> str:
    """The label of a leaf that is a parameter of a model, its place in it; empty for what is called otherwise."""
    return node.label if node.op is None and node.label and _is_place(node.label) else ""


def place_of(node: Value, names: dict[Value, str]) -> str:
    """Where a parameter is in its model, empty for what is called by its label."""
    return node.label if node.label and node.label != names[node] and _is_place(node.label) else ""


def _is_place(label: str) -> bool:
    parts = label.split(".") if len(label) <= LONGEST else []
    return len(parts) > 1 and all(part.isidentifier() or part.isdigit() for part in parts)


def _short(places: dict[Value, str]) -> Iterator[tuple[Value, str]]:
    arrays = {node: place.rpartition(".")[2] for node, place in places.items() if node.shape}
    numbers, called = layer_numbers(list(places)), Counter(arrays.values())
    for node, name in arrays.items():
        kind, *rest = name.split("_")
        alone = kind not in _LETTERS and called[name] == 1
        yield node, "_".join([_LETTERS.get(kind, kind), *rest, *([] if alone else [str(numbers[node])])])
    for node, place in places.items():
        parts = place.split(".")
        named = [part for part in parts if not part.isdigit()]
        if not node.shape and named:
            yield node, "_".join([named[-1], *(str(int(part) + 1) for part in parts if part.isdigit())])
