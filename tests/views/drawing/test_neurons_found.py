"""Layers and neurons of networks whose parameters are in lists, in dictionaries or in nothing that is known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value

RNG = np.random.default_rng(0)
Numbers = Sequence[Value | float]


def values(count: int) -> list[Value]:
    return [Value(float(x)) for x in RNG.normal(size=count)]


def row() -> list[float]:
    return [float(x) for x in RNG.normal(size=2)]


class Weights:
    """Two inputs, four hidden neurons, two after these, and one; `start` is what a sum starts with."""

    def __init__(self, start: str = "bias", activation: str = "tanh") -> None:
        self.start, self.activation = start, activation
        sizes = itertools.pairwise((2, 4, 2, 1))
        self.w = [[values(m) for _ in range(n)] for m, n in sizes]
        self.b = [[Value(0.0) for _ in layer] for layer in self.w]

    def __call__(self, x: Numbers) -> Value:
        for w, b in zip(self.w, self.b, strict=True):
            x = [self.neuron(weights, bias, x) for weights, bias in zip(w, b, strict=True)]
        (y,) = x
        assert isinstance(y, Value)
        return y

    def neuron(self, w: list[Value], b: Value, x: Numbers) -> Value:
        products = [a * c for a, c in zip(w, x, strict=True)]
        start: Value | float = {"bias": b, "0": 0.0, "a leaf": Value(0.0)}[self.start]
        z = sum(products, start) if self.start == "bias" else sum(products, start) + b
        assert isinstance(z, Value)
        return z.tanh() if self.activation == "tanh" else z


def networks() -> Iterator[tuple[str, Value]]:
    for start in ("bias", "0", "a leaf"):
        net = Weights(start)
        yield f"raw inputs, sums that start with {start}", (net(row()) - 1.0) ** 2
    yield "leaves as inputs", (Weights()(values(2)) - 1.0) ** 2
    net = Weights()
    yield "several rows", ((net(row()) - 1.0) ** 2 + (net(row()) + 1.0) ** 2) / 2.0
    yield "without activations", (Weights(activation="none")(row()) - 1.0) ** 2


@pytest.mark.parametrize("case", list(networks()), ids=lambda case: case[0])
def test_layers_are_what_is_given_the_same(case: tuple[str, Value]) -> None:
    picture = mg.draw(case[1])
    closed = [box.words.partition(":")[0] for box in picture.drawing.boxes if box.group is not None]
    assert [name for name in closed if name.startswith("layer")] == ["layer 1", "layer 2", "layer 3"]
    outer = {group.name: group.outer and group.outer.name for group in picture.drawing.groups}
    assert [outer[f"neuron 1.{i}"] for i in range(1, 5)] == ["layer 1"] * 4
    assert (outer["neuron 2.2"], "neuron 3.1" in outer) == ("layer 2", False)


def loop() -> Value:
    w, u, h = Value(0.5), Value(0.3), Value(0.0)
    for t in range(12):
        h = (w * h + u * (0.1 * t)).tanh()
    return h


def filtered() -> Value:
    """A filter of two weights that slides over the hidden units of a layer."""
    c, hidden = values(2), [(w * 0.5 + b * 2.0).tanh() for w, b in zip(values(5), values(5), strict=True)]
    slid = [(c[0] * a + c[1] * b).tanh() for a, b in itertools.pairwise(hidden)]
    last = (c[0] * slid[0] + c[1] * slid[3]).tanh()  # and once more over what it gave
    return sum(slid, last)


def labelled() -> Value:
    first, second = Weights()(row()), Weights()(row())
    first.label = "left"
    return first * second


@pytest.mark.parametrize("make", [loop, filtered, labelled])
def test_what_is_no_such_network_has_no_layers_of_it(make: Callable[[], Value]) -> None:
    assert not [name for name in mg.draw(make()).groups if name.startswith(("layer", "neuron"))]
