"""What somebody who comes from micrograd tries first: gradients before a pass, steps by hand, attributes, resets."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value, nn, optim


def scalar() -> Value:
    """A leaf as the lecture begins with."""
    return Value(2.0, label="a")


# .grad before a pass


ZEROS: list[tuple[str, Callable[[Any], Any], Any]] = [
    ("str", str, "0.0"),
    ("repr of it as a float", lambda g: repr(float(g)), "0.0"),
    ("format", lambda g: f"{g:.4f}", "0.0000"),
    ("percent", lambda g: "%.3f" % g, "0.000"),  # noqa: UP031  (as micrograd's drawing writes it)
    ("plus", lambda g: g + 1.0, 1.0),
    ("plus from the right", lambda g: 1.0 + g, 1.0),
    ("times", lambda g: -0.01 * g, 0.0),
    ("sum", lambda g: sum([g, g]), 0.0),
    ("abs", abs, 0.0),
    ("equality", lambda g: g == 0, True),
    ("truth", bool, False),
    ("square", lambda g: g**2, 0.0),
    ("math", math.cos, 1.0),
    ("round", lambda g: round(float(g), 2), 0.0),
]


@pytest.mark.parametrize("make", [scalar, lambda: scalar() * 3.0], ids=["leaf", "node"])
@pytest.mark.parametrize(("how", "use", "gives"), ZEROS, ids=[how for how, _, _ in ZEROS])
def test_a_gradient_before_a_pass_is_the_number_0(
    make: Callable[[], Value], how: str, use: Callable[[Any], Any], gives: object
) -> None:
    v = make()
    assert use(v.grad) == gives
    assert not v.has_grad


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 2, 2), (0,)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_array_has_zeros_of_its_shape(shape: tuple[int, ...], dtype: type) -> None:
    v = Value(np.ones(shape, dtype))
    assert np.shape(v.grad) == shape
    assert np.asarray(v.grad).dtype == dtype
    assert np.array_equal(v.data - 0.1 * v.grad, v.data)
    assert np.sum(v.grad) == 0.0
    assert not v.has_grad


def test_reading_it_does_not_compute_it() -> None:
    a = scalar()
    f = a * a
    assert (a.grad, f.grad) == (0.0, 0.0)
    picture = mg.draw(f).svg()
    assert "not computed" in picture
    a.grad += 0.0  # adding makes it one
    f.backward()
    assert "not computed" not in mg.draw(f).svg()
    assert a.grad == 4.0


def test_adding_to_it_before_a_pass_begins_at_0() -> None:
    a = scalar()
    a.grad += 1.5
    assert a.grad == 1.5
    assert a.has_grad
    (a * 3.0).backward()
    assert a.grad == 4.5
    v = Value([1.0, 2.0])
    v.grad += np.array([1.0, -1.0])
    assert np.array_equal(v.grad, [1.0, -1.0])


@pytest.mark.parametrize("reset", [None, 0, 0.0, np.float64(0.0)], ids=str)
@pytest.mark.parametrize("data", [2.0, [1.0, 2.0]], ids=["number", "array"])
def test_a_reset_lets_the_next_pass_begin_at_0(reset: Any, data: Any) -> None:
    p = Value(data)
    for _ in range(3):
        p.grad = reset
        assert np.array_equal(p.grad, np.zeros(np.shape(data)))
        assert p.has_grad == (reset is not None)
        (p * p).sum().backward()
        assert np.allclose(p.grad, 2.0 * np.asarray(data), rtol=0.0, atol=0.0)


@pytest.mark.parametrize("make", [lambda p: optim.SGD(p, lr=0.1), lambda p: optim.Adam(p, lr=0.1)], ids=["SGD", "Adam"])
def test_an_optimiser_after_a_reset(make: Callable[[Any], Any]) -> None:
    """A zero by hand lets a parameter stay; one of None is no gradient, and a step says whose."""
    p, unused = Value([1.0, -2.0], label="p"), Value(3.0, label="unused")
    optimiser = make([p, unused])
    for _ in range(2):
        for each in (p, unused):
            each.grad = 0.0
        before = (p * p).sum()
        (p * p).sum().backward()
        optimiser.step()
        assert float((p.data**2).sum()) < before.data
        assert float(unused.data) == 3.0
    optimiser.zero_grad()
    assert np.array_equal(p.grad, [0.0, 0.0])
    unused.grad = None
    (p * p).sum().backward()
    with pytest.raises(ValueError, match="unused has no gradient"):
        optimiser.step()


def test_a_step_of_descent_before_any_pass_moves_nothing() -> None:
    model = nn.MLP(3, [4, 1])
    before = [float(p.data) for p in model.parameters()]
    for p in model.parameters():
        p.data += -0.1 * p.grad
    assert [float(p.data) for p in model.parameters()] == before


# Steps by hand


UNARY = {
    "abs": 0.7, "arccos": 0.3, "arccosh": 1.7, "arcsin": 0.3, "arcsinh": 0.3, "arctan": 0.3, "arctanh": 0.3, "cos": 0.3,
    "cosh": 0.3, "erf": 0.3, "exp": 0.3, "expm1": 0.3, "gelu": 0.3, "log": 0.3, "log10": 0.3, "log1p": 0.3, "log2": 0.3,
    "relu": 0.3, "sigmoid": 0.3, "silu": 0.3, "sin": 0.3, "sinh": 0.3, "softplus": 0.3, "sqrt": 0.3, "square": 0.3,
    "tan": 0.3, "tanh": 0.3, "negative": 0.3, "reciprocal": 0.3, "exp2": 0.3, "cbrt": 0.3, "elu": -0.3, "softsign": 0.3,
}  # fmt: skip
BINARY = ("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "hypot", "logaddexp", "arctan2")


def order(f: Value) -> list[Value]:
    """The nodes of f as micrograd's lecture sorts them, written with `_prev` alone."""
    found: list[Value] = []
    seen: set[int] = set()

    def visit(v: Any) -> None:
        if id(v) not in seen:
            seen.add(id(v))
            for each in v._prev:
                visit(each)
            found.append(v)

    visit(f)
    return found


def by_hand(f: Value) -> None:
    f.grad = 1.0
    for v in reversed(order(f)):
        if isinstance(v, Value) and v._prev:
            v.backward_step()


def agrees(build: Callable[..., Value], *numbers: float) -> None:
    walked, passed = ([Value(number) for number in numbers] for _ in range(2))
    by_hand(build(*walked))
    build(*passed).backward()
    for a, b in zip(walked, passed, strict=True):
        assert a.has_grad == b.has_grad
        assert a.grad == pytest.approx(b.grad, rel=1e-14, abs=1e-16)  # sums may be added up in another order


@pytest.mark.parametrize("name", [name for name in UNARY if hasattr(mg, name)])
def test_a_function_of_one_number_step_by_step(name: str) -> None:
    agrees(getattr(mg, name), UNARY[name])
    agrees(lambda x: getattr(mg, name)(x) * x, UNARY[name])  # which is used twice


@pytest.mark.parametrize("name", [name for name in BINARY if hasattr(mg, name)])
def test_a_function_of_two_numbers_step_by_step(name: str) -> None:
    agrees(getattr(mg, name), 0.7, 1.3)
    agrees(lambda x, y: getattr(mg, name)(x * y, y + x), 0.7, 1.3)


def test_the_table_of_one_number_is_no_empty_one() -> None:
    assert sum(hasattr(mg, name) for name in UNARY) >= 20
    assert sum(hasattr(mg, name) for name in BINARY) >= 5


@pytest.mark.parametrize(
    "build",
    [
        lambda a, b: a + a,
        lambda a, b: a * a * a + b,
        lambda a, b: (a + b) * (a - b) / (a * b),
        lambda a, b: (a * b).tanh() * (a * b).exp() - a,
        lambda a, b: (c := a * b) * c + c,
        lambda a, b: 2 - a ** 3 + (-b) / 4 + 1 / a,
        lambda a, b: ((a + 1).relu() - b) ** 2 + (a - b) ** 2,
    ],
    ids=range(7),
)  # fmt: skip
def test_graphs_with_nodes_used_twice(build: Callable[..., Value]) -> None:
    agrees(build, 0.7, -1.3)


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8))
def test_any_small_graph_walked_is_the_pass(operations: list[tuple[str, int, int]]) -> None:
    def build(a: Value, b: Value) -> Value:
        nodes = [a, b]
        for kind, i, j in operations:
            left, right = nodes[i % len(nodes)], nodes[j % len(nodes)]
            nodes.append({"+": left.__add__, "-": left.__sub__, "*": left.__mul__}[kind](right).tanh())
        return nodes[-1] * a + b

    walked, passed = ([Value(0.5), Value(-0.75)] for _ in range(2))
    by_hand(build(*walked))
    build(*passed).backward()
    assert [v.grad for v in walked] == pytest.approx([v.grad for v in passed], rel=1e-12, abs=1e-15)


def test_a_step_twice_sends_twice() -> None:
    a, b = Value(2.0), Value(3.0)
    f = a * b
    f.grad = 1.0
    f.backward_step()
    f._backward()
    assert (a.grad, b.grad) == (6.0, 4.0)


def test_micrograds_class_backward_written_by_oneself() -> None:
    class Walker:
        def __init__(self, root: Value) -> None:
            self.topo = order(root)

        def run(self) -> None:
            self.topo[-1].grad = 1.0
            for node in reversed(self.topo):
                node._backward()

    a, b = Value(2.0, label="a"), Value(-3.0, label="b")
    f = (a * b + b).tanh() * a
    Walker(f).run()
    t = math.tanh(-9.0)
    assert (a.grad, b.grad) == pytest.approx((t + 2.0 * (1.0 - t * t) * -3.0, 2.0 * (1.0 - t * t) * 3.0))


# Names and attributes


def test_what_made_a_node_is_read() -> None:
    a, b = Value(2.0), Value(3.0)
    for node, op in (
        (a + b, "+"),
        (a * b, "*"),
        (a**3, "**3"),
        (a.relu(), "ReLU"),
        (a.tanh(), "tanh"),
        (a.exp(), "exp"),
    ):
        assert node._op == op
        assert isinstance(node._prev, set)
        assert node._prev <= {a, b}
    assert (a._prev, a._op) == (set(), "")


COPIES = [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]


@pytest.mark.parametrize("again", COPIES, ids=["copy", "deepcopy", "pickle"])
def test_names_and_attributes_survive_a_copy(again: Callable[[Any], Any]) -> None:
    a = Value(2.0, label="a")
    a.layer, a.notes = 3, {"tags": ["x"]}
    f = a * 3.0 + a
    f.colour = "red"
    g = again(f)
    assert (g.colour, g._op, len(g._prev), g.data) == ("red", "+", 2, 8.0)
    g.backward()
    leaf = next(v for v in order(g) if getattr(v, "label", None) == "a")
    assert (leaf.layer, leaf.notes, leaf.grad) == (3, {"tags": ["x"]}, 4.0)
    b = again(a)
    assert (b.layer, b.label, b._op, b._prev) == (3, "a", "", set())


@pytest.mark.parametrize("again", COPIES[1:], ids=["deepcopy", "pickle"])
def test_a_gradient_that_was_not_computed_stays_so_in_a_copy(again: Callable[[Any], Any]) -> None:
    a = again(Value([1.0, 2.0]))
    assert not a.has_grad
    assert np.array_equal(a.grad, [0.0, 0.0])
    a.grad = None
    (a * a).sum().backward()
    assert again(a).has_grad
    assert np.array_equal(again(a).grad, [2.0, 4.0])


@pytest.mark.parametrize("name", ["data2", "layer", "_mine", "σ", "forward_hook"])
def test_any_attribute_of_ones_own(name: str) -> None:
    v = Value(1.0)
    with pytest.raises(AttributeError, match=name):
        getattr(v, name)
    setattr(v, name, [1])
    assert getattr(v, name) == [1]
    delattr(v, name)
    assert not hasattr(v, name)


def test_a_node_by_hand_is_refused_with_what_to_write() -> None:
    a, b = Value(1.0), Value(2.0)
    for arguments in ((3.0, (a, b), "+"), (3.0, (a, b))):
        with pytest.raises((TypeError, ValueError)) as caught:
            Value(*arguments)  # type: ignore[call-arg, arg-type]
        assert "primitive" in str(caught.value)
    with pytest.raises((TypeError, ValueError, AttributeError)) as refused:
        (a + b)._backward = lambda: None  # type: ignore[method-assign]
    assert "primitive" in str(refused.value)
