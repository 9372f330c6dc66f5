"""What notebooks written for micrograd do with its Value: every kind of cell, with the import changed.

Its demonstration, and its two lectures on building it: expressions with labels, pictures by graphviz, slopes by hand,
gradients set by hand, the chain rule walked node by node, a topological order of one's own, tanh taken apart, numbers
held against PyTorch's, and classes of neurons trained in a loop.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from microgradcnn import Value

BIAS = 6.8813735870195432  # arsinh(1) + 6: tanh is √½ there


class Digraph:
    """Stands in for graphviz's, which the notebooks draw with: it keeps what it is told, text only."""

    def __init__(self) -> None:
        self.boxes: dict[str, str] = {}
        self.arrows: set[tuple[str, str]] = set()

    def node(self, name: str, label: str) -> None:
        assert type(name) is type(label) is str
        self.boxes[name] = label

    def edge(self, start: str, end: str) -> None:
        self.arrows.add((start, end))


def picture(root: Any) -> Digraph:
    """A box for each node, with its numbers, and one for what made it, found by walking `_prev`."""
    found, waiting = {root}, [root]
    while waiting:
        for parent in waiting.pop()._prev:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    drawn = Digraph()
    for v in found:
        drawn.node(str(id(v)), "%s | data %.4f | grad %.4f" % (v.label, v.data, v.grad))  # noqa: UP031, as they write
        if v._op:
            drawn.node(str(id(v)) + v._op, v._op)
            drawn.edge(str(id(v)) + v._op, str(id(v)))
        for parent in v._prev:
            drawn.edge(str(id(parent)), str(id(v)) + v._op)
    return drawn


def order(root: Any) -> list[Any]:
    """Every node after its parents, by recursion over `_prev`."""
    found: list[Any] = []

    def visit(v: Any) -> None:
        if v not in found:
            for parent in v._prev:
                visit(parent)
            found.append(v)

    visit(root)
    return found


def expression(**moved: float) -> dict[str, Any]:
    """L = (a b + c) f with a name for each node; `moved` is added to leaves."""
    at = {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0}
    v: dict[str, Any] = {name: Value(x, label=name) for name, x in at.items()}
    for name, h in moved.items():
        v[name].data += h
    v["e"] = v["a"] * v["b"]
    v["d"] = v["e"] + v["c"]
    v["L"] = v["d"] * v["f"]
    for name in "edL":
        v[name].label = name
    return v


def neuron(last: Callable[[Any], Any] = Value.tanh) -> dict[str, Any]:
    """Two inputs, their weights and a bias, every step labelled as it is written."""
    v: dict[str, Any] = {
        name: Value(x, label=name) for name, x in {"x1": 2.0, "x2": 0.0, "w1": -3.0, "w2": 1.0, "b": BIAS}.items()
    }
    v["x1*w1"], v["x2*w2"] = v["x1"] * v["w1"], v["x2"] * v["w2"]
    v["x1*w1 + x2*w2"] = v["x1*w1"] + v["x2*w2"]
    v["n"] = v["x1*w1 + x2*w2"] + v["b"]
    v["o"] = last(v["n"])
    for name, node in v.items():
        node.label = name
    return v


# do/dn = 1 − ½, which sums pass on, and products times the other factor.
SLOPES = {"o": 1.0, "n": 0.5, "b": 0.5, "x1*w1 + x2*w2": 0.5, "x1*w1": 0.5, "x2*w2": 0.5}
SLOPES |= {"x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0}


def check_slopes(v: dict[str, Any]) -> None:
    for name, slope in SLOPES.items():
        assert v[name].grad == pytest.approx(slope, abs=1e-14), name


# Pictures


def test_a_picture_before_any_pass() -> None:
    v = expression()
    drawn = picture(v["L"])
    labels = sorted(drawn.boxes.values())
    assert labels[:3] == ["*", "*", "+"]
    assert "a | data 2.0000 | grad 0.0000" in labels
    assert "L | data -8.0000 | grad 0.0000" in labels
    assert len(labels) == 7 + 3
    assert len(drawn.arrows) == 3 + 6
    assert (str(id(v["a"])), str(id(v["e"])) + "*") in drawn.arrows


def test_a_picture_after_a_pass_and_of_a_node_used_twice() -> None:
    v = neuron()
    v["o"].backward()
    labels = {*picture(v["o"]).boxes.values()}
    assert {"o | data 0.7071 | grad 1.0000", "x1 | data 2.0000 | grad -1.5000", "tanh"} <= labels
    a = Value(3.0, label="a")
    b = a + a
    b.label = "b"
    b.backward()
    drawn = picture(b)
    assert sorted(drawn.boxes.values()) == ["+", "a | data 3.0000 | grad 2.0000", "b | data 6.0000 | grad 1.0000"]
    assert len(drawn.arrows) == 2


def test_a_picture_with_numbers_that_are_no_values() -> None:
    """They are boxes with their number; micrograd makes Values of them."""
    y = (Value(1.0, label="x") * 2 + 1).relu()
    y.backward()
    drawn = {*picture(y).boxes.values()}
    assert {"x | data 1.0000 | grad 2.0000", "None | data 2.0000 | grad 0.0000", "ReLU", "*", "+"} <= drawn


# Slopes and steps by hand


@pytest.mark.parametrize(("leaf", "slope"), {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0}.items())
def test_a_slope_by_moving_a_leaf(leaf: str, slope: float) -> None:
    h = 0.001
    assert (expression(**{leaf: h})["L"].data - expression()["L"].data) / h == pytest.approx(slope, abs=1e-9)
    v = expression()
    v["L"].backward()
    assert v[leaf].grad == pytest.approx(slope, abs=1e-14)


def test_a_step_up_before_any_pass_changes_nothing_and_with_gradients_by_hand_it_does() -> None:
    v = expression()
    for name in "abcf":
        v[name].data += 0.01 * v[name].grad
    assert ((v["a"] * v["b"] + v["c"]) * v["f"]).data == -8.0
    for name, slope in {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0}.items():
        v[name].grad = slope
        v[name].data += 0.01 * v[name].grad
    assert ((v["a"] * v["b"] + v["c"]) * v["f"]).data == pytest.approx(-7.286496, abs=1e-12)


def test_gradients_set_by_hand_from_the_outside_in() -> None:
    v = neuron()
    v["o"].grad = 1.0
    v["n"].grad = 1 - v["o"].data ** 2
    v["x1*w1 + x2*w2"].grad = v["b"].grad = v["n"].grad
    v["x1*w1"].grad = v["x2*w2"].grad = 0.5
    for i in "12":
        v[f"x{i}"].grad = v[f"w{i}"].data * v[f"x{i}*w{i}"].grad
        v[f"w{i}"].grad = v[f"x{i}"].data * v[f"x{i}*w{i}"].grad
    check_slopes(v)
    assert all(node.has_grad for node in v.values())


BY_HAND = ["o", "n", "b", "x1*w1 + x2*w2", "x2*w2", "x1*w1"]


@pytest.mark.parametrize("step", ["_backward", "backward_step"])
def test_the_chain_rule_node_by_node(step: str) -> None:
    v = neuron()
    v["o"].grad = 1.0
    for k, name in enumerate(BY_HAND):
        getattr(v[name], step)()
        known = {name for name, node in v.items() if node.has_grad}
        assert len(known) == [2, 4, 4, 6, 8, 10][k], "a step goes no further than the parents"
    check_slopes(v)


def test_the_chain_rule_along_an_order_of_ones_own() -> None:
    v = neuron()
    nodes = order(v["o"])
    assert nodes[-1] is v["o"]
    assert len(nodes) == len(v)
    assert all(nodes.index(parent) < nodes.index(node) for node in nodes for parent in node._prev)
    v["o"].grad = 1.0
    for node in reversed(nodes):
        node._backward()
    check_slopes(v)
    v["o"].backward()
    assert v["x1"].grad == pytest.approx(2 * SLOPES["x1"]), "a second pass adds to leaves"
    for node in nodes:
        node.grad = 0.0
    v["o"].backward()
    check_slopes(v)


def test_nodes_used_twice_add_up() -> None:
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    f = d * e
    f.backward()
    assert [x.grad for x in (a, b, d, e)] == [-3.0, -8.0, 1.0, -6.0]


# tanh, whole and taken apart


@pytest.mark.parametrize(
    "last",
    [
        Value.tanh,
        lambda n: ((e := (2 * n).exp()) - 1) / (e + 1),
        lambda n: ((e := (n * 2).exp()) + -1) * (e + 1) ** -1,
        lambda n: 1 - 2 / ((2 * n).exp() + 1),
    ],
)
def test_tanh_by_any_formula(last: Callable[[Any], Any]) -> None:
    v = neuron(last)
    v["o"].backward()
    assert v["o"].data == pytest.approx(math.sqrt(0.5), rel=1e-14)
    check_slopes(v)
    picture(v["o"])


def test_the_numbers_that_the_lecture_has_from_pytorch() -> None:
    """Its bias came from a float32 tensor."""
    v = neuron()
    v["b"].data = float(np.float32(BIAS))
    o = (v["x1"] * v["w1"] + v["x2"] * v["w2"] + v["b"]).tanh()
    o.backward()
    assert o.data == pytest.approx(0.7071066904050358, rel=1e-15)
    found = [v[name].grad for name in ("x2", "w2", "x1", "w1")]
    np.testing.assert_allclose(found, [0.5000001283844369, 0.0, -1.5000003851533106, 1.0000002567688737], rtol=1e-14)


def test_floats_on_either_side() -> None:
    a = Value(2.0)
    assert [v.data for v in (a + 1, 1 + a, a - 1, 1 - a, a * 3, 3 * a, a / 4, 4 / a, a**2, -a, a**-1)] == [
        *(3.0, 3.0, 1.0, -1.0, 6.0, 6.0, 0.5, 2.0, 4.0, -2.0, 0.5)
    ]


# Classes of neurons


class Neuron:
    def __init__(self, inputs: int) -> None:
        self.weights = [Value(random.uniform(-1, 1)) for _ in range(inputs)]
        self.bias = Value(random.uniform(-1, 1))

    def __call__(self, x: Any) -> Any:
        return sum((w * number for w, number in zip(self.weights, x, strict=True)), self.bias).tanh()

    def parameters(self) -> list[Value]:
        return [*self.weights, self.bias]


def test_a_network_of_ones_own_learns_four_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", random.Random(3).uniform)
    layers = [[Neuron(m) for _ in range(k)] for m, k in ((3, 4), (4, 4), (4, 1))]
    parameters = [p for layer in layers for unit in layer for p in unit.parameters()]
    assert len(parameters) == 41

    def score(x: Any) -> Any:
        for layer in layers:
            x = [unit(x) for unit in layer]
        return x[0]

    rows = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    targets = [1.0, -1.0, -1.0, 1.0]
    losses: list[float] = []
    for _ in range(20):
        scores = [score(row) for row in rows]
        loss: Any = sum((found - wanted) ** 2 for wanted, found in zip(targets, scores, strict=True))
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data += -0.1 * p.grad
        losses.append(loss.data)
    assert losses[-1] < 0.1 * losses[0]
    assert [found.data > 0 for found in scores] == [wanted > 0 for wanted in targets]
    assert re.fullmatch(r"\[Value\(0\.\d+, op='tanh'\), .*\]", repr(scores))


def test_what_is_plotted_of_a_network_is_plain_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores over a grid, as a decision boundary takes them."""
    monkeypatch.setattr(random, "uniform", random.Random(1).uniform)
    unit = Neuron(2)
    xs, ys = np.meshgrid(np.arange(-1, 1, 0.5), np.arange(-1, 1, 0.5))
    grid = np.c_[xs.ravel(), ys.ravel()]
    inside = np.array([unit(list(map(Value, row))).data > 0 for row in grid]).reshape(xs.shape)
    assert (inside.dtype, inside.shape) == (np.bool_, (4, 4))
