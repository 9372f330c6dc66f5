"""check_gradients: right rules pass, wrong ones are caught and named, and where nobody can know it says so."""

from __future__ import annotations

import dataclasses
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.checking.check import GradientCheck, _slope, _steps, check_gradients
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.table.axes import index_add, scatter_add

random = np.random.default_rng(20)
X, y = random.normal(size=(10, 2)), random.normal(size=10)


def normal(*shape: int, label: str | None = None, scale: float = 1.0) -> Value:
    return Value(random.normal(size=shape) * scale, label=label)


def single_layer(S: Value, w: Value) -> Value:
    return ((X @ S.T).sigmoid() @ w - y).square().mean()


def deep(x: Value, w: Value) -> Value:
    """Every primitive that `wrong_rule` spoils, among forty others."""
    h = x
    for i in range(5):
        h = (h * w + 0.1 * i).tanh() + (h - w).sigmoid()
        h = mg.exp(-h) / (1.0 + h * h) + mg.sqrt(1.0 + h**4)
    return mg.log(1.0 + (h @ w).square())


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch, own_primitives: None) -> Callable[..., None]:
    """spoil(name, factor, which): for this test, one rule of a primitive of the table gives `factor` times too much."""

    def set_rule(name: str, factor: float, which: int = 0) -> None:
        # Not `factor * c`: mul's own rule may be the wrong one.
        scaled = mg.primitive("scaled", lambda c: c * factor, [lambda g, y, c: scaled(g)])
        rules = list(TABLE[name].chain)
        right = rules[which]
        rules[which] = lambda g, y, *inputs, **static: scaled(right(g, y, *inputs, **static))
        monkeypatch.setattr(TABLE[name], "chain", tuple(rules))

    return set_rule


# Right rules

RIGHT: dict[str, tuple[Callable[..., Value], list[Value]]] = {
    "a cube": (lambda x: x**3, [Value(3.0, label="x")]),
    "scalars": (lambda a, b, c: (a * b + c).sigmoid() / (a - c), [Value(0.3), Value(-1.2), Value(2.0)]),
    "identity": (lambda x: x, [Value(2.0)]),
    "one layer": (single_layer, [normal(3, 2, label="S"), normal(3, label="w")]),
    "a deep graph": (deep, [normal(3), normal(3)]),
    "no scalar": (lambda a: a.tanh(), [normal(2, 3)]),
    "broadcasting": (lambda a, b, c: a * b + c / (2.0 + b * b), [normal(3, 1), normal(1, 4), Value(0.7)]),
    "a row against a matrix": (lambda a, b: (a - b).square(), [normal(4), normal(2, 4)]),
    "convolution": (lambda x, w: mg.conv2d(x, w).sigmoid(), [normal(2, 1, 3, 3), normal(2, 1, 2, 2)]),
    "strides and padding": (
        lambda x, w: mg.conv2d(x, w, stride=(2, 1), padding=(1, 2)).square(),
        [normal(1, 2, 4, 5), normal(3, 2, 3, 2)],
    ),
    "pooling": (lambda x: mg.max_pool2d(x, 2) * mg.avg_pool2d(x, 2), [normal(1, 2, 4, 4)]),
    "where": (lambda a, b: mg.where(a > b, a * a, b.exp()), [normal(5), normal(5)]),
    "where, one branch NaN": (lambda x: mg.where(x > 0.0, x.sqrt(), 0.0), [Value([-1.0, 2.0])]),
    "relu beside its kink": (lambda x: x.relu().square() + abs(x), [Value([-1e-3, 1e-3, 2.0])]),
    "maximum and minimum": (lambda a, b: mg.maximum(a, b) * mg.minimum(a, b + 1.0), [normal(4), normal(4)]),
    "max along an axis": (lambda a: a.max(axis=1).exp(), [normal(3, 4)]),
    "softmax": (lambda a: a.softmax(axis=1), [normal(3, 4)]),
    "log-softmax": (lambda a: (a.log_softmax(axis=0) * np.arange(6.0).reshape(3, 2)).sum(), [normal(3, 2)]),
    "softplus": (lambda a: a.softplus(), [Value([-30.0, -1.0, 0.5, 30.0])]),
    "powers": (lambda a, b: mg.power(a, b) + a**0.5 + a**-2, [Value([0.5, 2.0]), Value([1.5, -0.3])]),
    "parts": (lambda a: a[1:, [0, 0, 2]] * a[0, 1], [normal(3, 3)]),
    "joined": (lambda a, b: mg.concatenate([a, b]).exp() @ mg.stack([a[0], b[0], b[1]]), [normal(1), normal(2)]),
    "matrices": (lambda a, b: (a @ b).T @ a, [normal(2, 3), normal(3, 2)]),
    "logs": (lambda a: mg.log1p(a * a) + mg.expm1(-a) + mg.log(abs(a)), [normal(4)]),
    "used twice": (lambda a, b: a * a * b + b, [Value(1.5), Value(-0.5)]),
    "large and small": (lambda a, b: (a * b).tanh(), [Value(3e7), Value(2e-8)]),
    "far apart": (lambda a, b: a.square().sum() * b.sum(), [normal(3, scale=1e8), normal(3, scale=1e-8)]),
    "a gradient inside": (lambda x: x * mg.grad((x.tanh() * x).sum(), [x])[0], [normal(3)]),
    "float32": (lambda a, b: (a * b).exp(), [Value(np.float32([0.1, 0.2]), label="a"), Value(np.float32(0.3))]),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", RIGHT)
def test_right_rules_are_right(name: str, order: int) -> None:
    function, values = RIGHT[name]
    result = check_gradients(function, *values, order=order)
    assert result.ok, result
    assert result.error + result.doubt <= 1e-7
    assert result.primitive is None
    assert result.checked == result.elements == sum(np.size(v.data) for v in values)


ZERO: dict[str, tuple[Callable[..., Value], list[Value]]] = {
    "a constant": (lambda x: Value(5.0), [normal(3)]),
    "the constant 0": (lambda x: Value(0.0), [normal(3)]),
    "nothing of it": (lambda x: (0.0 * x).sum() + 5.0, [normal(3)]),
    "one of two unused": (lambda a, b: a.exp(), [normal(3), normal(2)]),
    "probabilities add up to 1": (lambda x: x.softmax().sum(), [normal(5)]),
    "a dead relu": (lambda x: (x * x + 1.0).__neg__().relu().sum(), [normal(3)]),
    "a minimum": (lambda x: x * x, [Value(0.0)]),
    "a minimum elsewhere": (lambda x: (x - 1.0).square(), [Value(1.0)]),
    "a product of zeros": (lambda a, b: a * b, [Value(0.0), Value(0.0)]),
    "saturated": (lambda x: x.sigmoid(), [Value(800.0)]),
    "x - x": (lambda x: x - x, [Value(3.0)]),
    "a straight line": (lambda x: 2.0 * x + 1.0, [normal(3)]),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("name", ZERO)
def test_gradients_that_are_zero_on_both_sides_are_right(name: str, order: int) -> None:
    function, values = ZERO[name]
    result = check_gradients(function, *values, order=order)
    assert result.ok, result


def test_the_numbers_are_those_of_the_derivative() -> None:
    result = check_gradients(lambda x: x**3, Value(3.0, label="x"), order=1)
    assert (result.label, result.index, result.order, result.quantity) == ("x", (), 1, "f")
    assert result.autodiff == 27.0
    assert result.difference == pytest.approx(27.0, rel=1e-11)
    second = check_gradients(lambda x: x**2 * x.data, Value(3.0, label="x"), order=1)
    assert (second.autodiff, second.difference) == (18.0, pytest.approx(27.0, rel=1e-11))
    assert second.error == pytest.approx(1 / 3, rel=1e-9)


# Wrong rules

SPOILT = ["exp", "tanh", "sigmoid", "mul", "div", "sqrt", "square", "log", "matmul", "power", "sub", "add"]


@pytest.mark.parametrize("off", slow_but(1e-7, among=[1e-7, -1e-7, 1e-5, 1e-3, 1.0, -2.0]), ids=lambda off: f"{off:g}")
@pytest.mark.parametrize("name", slow_but("exp", "mul", "sub", "matmul", among=SPOILT))
def test_a_wrong_rule_is_caught_and_named_among_many(name: str, off: float, spoil: Callable[..., None]) -> None:
    spoil(name, 1.0 + off)
    x, w = Value([0.3, -0.7, 1.1], label="x"), Value([0.9, 0.2, -0.4], label="w")
    result = check_gradients(deep, x, w, order=1)
    assert (result.verdict, result.primitive) == ("wrong", name), result


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but("mul", "tanh", "matmul", among=SPOILT))
def test_order_2_names_a_wrong_first_rule_too(name: str, spoil: Callable[..., None]) -> None:
    spoil(name, 1.0 - 1e-6)
    result = check_gradients(deep, Value([0.3, -0.7, 1.1]), Value([0.9, 0.2, -0.4]))
    assert (result.verdict, result.order, result.primitive) == ("wrong", 1, name), result


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv2d", "softplus", "log_softmax", "max", "getitem", "where", "avg_pool2d"])
def test_wrong_rules_of_other_kinds_are_named(name: str, spoil: Callable[..., None]) -> None:
    def function(x: Value, w: Value) -> Value:
        h = mg.conv2d(x, w).softplus()
        pooled = mg.avg_pool2d(mg.where(h > 0.8, h, 0.5), 2)
        return pooled[0].max(axis=0).log_softmax() * np.array([[1.0]]) + pooled[0, 1]

    spoil(name, 1.0 + 1e-4, 1 if name == "where" else 0)
    values = np.random.default_rng(3)
    x, w = Value(values.normal(size=(1, 1, 5, 5))), Value(values.normal(size=(2, 1, 2, 2)))
    result = check_gradients(function, x, w)
    assert (result.verdict, result.primitive) == ("wrong", name), result


def test_the_worst_of_two_wrong_rules_is_named(spoil: Callable[..., None]) -> None:
    spoil("tanh", 1.0 + 1e-5)
    spoil("exp", 1.0 + 1e-3)
    result = check_gradients(lambda x: x.tanh().exp().sum(), normal(3))
    assert (result.verdict, result.primitive) == ("wrong", "exp")


def test_a_missing_path(own_primitives: None) -> None:
    product = mg.primitive("half_product", lambda a, b: a * b, [lambda g, y, a, b: g * b, None])
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    result = check_gradients(lambda a, b: product(a, b).exp() + b, a, b)
    assert (result.verdict, result.label, result.primitive) == ("wrong", "b", "half_product")
    assert (result.autodiff, result.difference) == (1.0, pytest.approx(1.0 + 2.0 * math.exp(6.0)))


def test_a_missing_inner_derivative(own_primitives: None) -> None:
    steep = mg.primitive("steep", lambda x: np.tanh(3.0 * x), [lambda g, y, x: g * (1.0 - y * y)])
    result = check_gradients(lambda x: steep(x).sum(), normal(3, label="x"))
    assert (result.verdict, result.order, result.primitive) == ("wrong", 1, "steep")
    assert result.difference == pytest.approx(3.0 * result.autodiff)


def test_a_rule_that_is_wrong_only_where_one_node_in_many_goes(own_primitives: None) -> None:
    odd = mg.primitive("odd_one", np.tanh, [lambda g, y, x: g * mg.where(x > 1.0, 1.0, 1.0 - y * y)])
    xs = [Value(0.02 * i - 0.3, label=f"x_{i}") for i in range(45)] + [Value(1.3, label="x_high")]
    result = check_gradients(lambda *xs: sum(odd(x) for x in xs), *xs, order=1)
    assert (result.verdict, result.label, result.primitive) == ("wrong", "x_high", "odd_one")


def raw(x: Any) -> Any:
    return x.data if isinstance(x, Value) else x


def nearly(x: Any) -> Any:
    """x, with a derivative of 1 + 1e-6."""
    return x + 1e-6 * (x - raw(x))


HALF_RIGHT: dict[str, list[Any]] = {
    "the input left the graph": [lambda g, y, x: g * (1.0 - mg.tanh(raw(x)) ** 2)],
    "the output left the graph": [lambda g, y, x: g * (1.0 - raw(y) ** 2)],
    "the cotangent left the graph": [lambda g, y, x: raw(g) * (1.0 - y * y)],
    "the curvature is a little off": [lambda g, y, x: g * nearly(1.0 - y * y)],
    "other numbers for Values": [lambda g, y, x: g * (1.0 - y * y) * (1.001 if isinstance(x, Value) else 1.0)],
}


@pytest.mark.parametrize("how", HALF_RIGHT)
def test_a_rule_right_as_numbers_and_wrong_as_a_graph_is_named_at_order_2(how: str, own_primitives: None) -> None:
    half = mg.primitive("half_right", np.tanh, HALF_RIGHT[how])
    x, w = Value([0.3, -0.8], label="x"), Value([1.2, 0.7], label="w")

    def function(x: Value, w: Value) -> Value:
        return (half(x * w + 0.2).exp() * w.sigmoid()).sum()

    first = check_gradients(function, x, w, order=1)
    assert first.ok, first
    second = check_gradients(function, x, w)
    assert (second.verdict, second.order, second.primitive) == ("wrong", 2, "half_right"), second


def test_order_1_runs_no_rule_on_values(own_primitives: None) -> None:
    def numbers_only(g: Any, y: Any, x: Any) -> Any:
        assert not isinstance(x, Value)
        return g * np.cos(x) * factor

    sine = mg.primitive("sine", np.sin, [numbers_only])
    factor = 1.0
    assert check_gradients(lambda x: sine(x).sum(), normal(3), order=1).ok
    with pytest.raises(AssertionError):
        check_gradients(lambda x: sine(x).sum(), normal(3))
    factor = 1.001
    assert check_gradients(lambda x: sine(x).sum(), normal(3), order=1).primitive == "sine"


@pytest.mark.parametrize(
    "function",
    [
        lambda v: mg.sort(v).sum(),
        lambda v: np.sort(v)[0] * v.sum(),
        lambda v: mg.take_along_axis(v, mg.argsort(v), 0).sum(),
        lambda v: mg.take(v, mg.argsort(v)).sum(),
        lambda v: index_add(v, mg.argsort(v), axis=0, length=4).sum(),
        lambda v: scatter_add(v, mg.argsort(v), axis=0, length=4).sum(),
    ],
)
@pytest.mark.parametrize("order", [1, 2])
def test_places_are_no_numbers_to_disturb(function: Any, order: int) -> None:
    v = Value(np.array([0.3, -1.2, 0.8]), label="v")
    assert check_gradients(function, v, order=order).ok


@pytest.mark.parametrize(("factor", "blamed"), [(1.0, None), (1.5, "my_rows")])
def test_a_wrong_rule_beside_places_is_blamed(own_primitives: None, factor: float, blamed: str | None) -> None:
    def rows(x: Any, i: Any) -> Any:
        return x[np.asarray(i).astype(int)]

    rule = lambda g, y, x, i: factor * index_add(g, i, axis=0, length=len(x))  # noqa: E731
    mine = mg.primitive("my_rows", rows, [rule, None], "my_rows(x, i)", work="moves")
    assert check_gradients(lambda v: mine(v, mg.argsort(v)).sum(), normal(3)).primitive == blamed


def test_what_is_no_place_is_named_in_full() -> None:
    near = Value(np.array([0.0, 1.0 + 2.0**-48]), label="")
    with pytest.raises(ValueError, match=r"unlabelled leaf of shape \(2,\): 1\.0000000000000036 is no place"):
        mg.take(Value(np.ones(3), label="v"), near)


def test_a_path_that_leaves_the_graph_blames_no_primitive() -> None:
    result = check_gradients(lambda x: (x * x.data).sum(), Value([3.0, 4.0], label="x"))
    assert (result.verdict, result.primitive) == ("wrong", None)
    assert "leaves the graph" in str(result)


def test_a_gradient_that_is_nan_is_wrong(own_primitives: None) -> None:
    root = mg.primitive("nan_at_1", np.square, [lambda g, y, x: g * (2.0 * x) * (x - 1.0) / (x - 1.0)])
    result = check_gradients(lambda x: root(x), Value(1.0, label="x"))
    assert (result.verdict, result.primitive, result.error) == ("wrong", "nan_at_1", math.inf)
    assert math.isnan(result.autodiff)
    assert result.difference == pytest.approx(2.0)


def test_the_element_is_named_by_label_and_index(own_primitives: None) -> None:
    spots = np.ones((3, 2))
    spots[1, 0] = 1.0 + 1e-6
    spotted = mg.primitive("spotted", lambda x: x * x, [lambda g, y, x: g * (2.0 * x) * spots])
    S, b = Value(np.full((3, 2), 0.5), label="S"), Value(0.25, label="b")
    result = check_gradients(lambda b, S: spotted(S).sum() * b, b, S)
    assert (result.verdict, result.label, result.index, result.element) == ("wrong", "S", (1, 0), "S[1, 0]")
    assert result.error == pytest.approx(1e-6, rel=1e-3)
    assert (result.autodiff, result.difference) == (pytest.approx(0.25 * (1 + 1e-6)), pytest.approx(0.25))
    unlabelled = check_gradients(lambda b, S: spotted(S).sum() * b, Value(0.25), Value(S.data))
    assert unlabelled.element == "values[1][1, 0]"
    scalar = check_gradients(lambda b: spotted(b * np.ones((3, 2)))[1, 0], Value(0.25, label="b"))
    assert (scalar.element, scalar.index) == ("b", ())


def test_a_sample_of_the_elements_and_directions_through_all_of_them(own_primitives: None) -> None:
    spots = np.ones(5000)
    spots[4321] = 1.01
    spotted = mg.primitive("one_in_5000", np.exp, [lambda g, y, x: g * y * spots])
    big, small = normal(5000, label="big"), Value(2.0, label="small")
    result = check_gradients(lambda x, c: (spotted(x) * c).sum(), big, small, elements=20, order=1)
    assert (result.verdict, result.primitive) == ("wrong", "one_in_5000")
    assert (result.index, result.element) == (None, "big along a random direction")
    right = check_gradients(lambda x, c: (mg.exp(x) * c).sum(), big, small, elements=20, order=1)
    assert right.ok
    assert (right.checked, right.elements) == (20, 5001)  # 19 of big, and small
    assert "20 out of 5001" in str(right)


def test_more_values_than_the_bound_get_one_element_each() -> None:
    xs = [normal(2) for _ in range(7)]
    result = check_gradients(lambda *xs: mg.stack(xs).tanh().sum(), *xs, elements=3)
    assert result.ok
    assert (result.checked, result.elements) == (7, 14)


# Undecidable

TWO_TO_THE_53 = 2.0**53

UNDECIDABLE: dict[str, tuple[Callable[..., Value], float]] = {
    "relu at 0": (mg.relu, 0.0),
    "abs at 0": (abs, 0.0),
    "max at a tie": (lambda x: mg.maximum(x, 2.0), 2.0),
    "a kink a last digit away": (lambda x: mg.relu(x - 3.0), 3.0 * (1.0 + 2.0**-52)),
    "a step": (lambda x: mg.where(x > 1.0, 1.0, 0.0) + x, 1.0),
    "relu² at 0, order 2": (lambda x: mg.relu(x).square(), 0.0),
    "cancellation": (lambda x: 1e16 + x - 1e16, 3.0),
    "cancellation of a square": (lambda x: (1e16 + x - 1e16).square(), 3.0),
    "hidden by a large term": (lambda x: 1e16 + x.tanh(), 1.0),
    "beyond the last digits": (lambda x: 1.0 + 1e-9 * x.tanh(), 1.0),
    "far beyond them": (lambda x: 1.0 + 1e-15 * x.tanh(), 1.0),
    "near a minimum": (lambda x: (x - 1.0).exp() - x, 1.0 + 1e-9),
    "float32 on the way": (lambda x: x.astype(np.float32).tanh() * 1.0, 0.7),
    "the root at 0": (mg.sqrt, 0.0),
}


@pytest.mark.parametrize("name", UNDECIDABLE)
def test_where_differences_cannot_tell_nothing_is_said(name: str) -> None:
    function, x = UNDECIDABLE[name]
    result = check_gradients(function, Value(x, label="x"))
    assert result.verdict == "undecidable", result
    assert not result.ok
    assert result.primitive is None
    assert result.doubt > 1e-8


def test_a_wrong_rule_that_rounding_hides_is_undecidable_and_yet_named(spoil: Callable[..., None]) -> None:
    spoil("tanh", 1.001)
    result = check_gradients(lambda x: 1e16 + x.tanh(), Value(1.0), order=1)
    assert (result.verdict, result.primitive) == ("undecidable", "tanh")
    spoil("tanh", 0.0)  # now the gradient is zero on both sides
    result = check_gradients(lambda x: 1e16 + x.tanh(), Value(1.0), order=1)
    assert (result.verdict, result.autodiff, result.primitive) == ("undecidable", 0.0, "tanh")
    assert "the chain rule of tanh is wrong by itself" in str(result)


def test_a_gross_error_is_wrong_even_where_1e_7_could_not_be_told(spoil: Callable[..., None]) -> None:
    function = lambda x: 1e8 + x.tanh()  # noqa: E731
    assert check_gradients(function, Value(1.0)).verdict == "undecidable"
    spoil("tanh", -1.0)
    result = check_gradients(function, Value(1.0))
    assert (result.verdict, result.primitive) == ("wrong", "tanh")
    assert result.doubt > 1e-7


@pytest.mark.slow
def test_noise_that_no_graph_shows(own_primitives: None) -> None:
    """A user's primitive that computes in float32 inside: only the differences can tell."""
    coarse = mg.primitive(
        "coarse", lambda x: np.float64(np.tanh(np.float32(x))), [lambda g, y, x: g * (1.0 - mg.tanh(x) ** 2)]
    )
    points = np.random.default_rng(4).normal(size=40).tolist()
    for function in (coarse, lambda x: coarse(x) + x, lambda x: coarse(x * 2.0).exp() * x):
        results = [check_gradients(lambda x, f=function: f(x), Value(x), order=1) for x in points]
        verdicts = [result.verdict for result in results]
        assert "wrong" not in verdicts
        assert verdicts.count("undecidable") > 30


def test_steps_do_not_meet_the_zeros_of_a_sine(own_primitives: None) -> None:
    sine = mg.primitive("sine", np.sin, [lambda g, y, x: g * cosine(x)])
    cosine = mg.primitive("cosine", np.cos, [lambda g, y, x: -g * sine(x)])
    for k in range(24):
        result = check_gradients(lambda x, k=k: sine(2.0**k * math.pi * x), Value(0.5), order=1)
        assert result.verdict == "right" if k < 10 else result.verdict != "wrong", (k, result)


# Never wrong without reason

UNARY = {
    "exp": mg.exp,
    "tanh": mg.tanh,
    "sigmoid": mg.sigmoid,
    "square": mg.square,
    "softplus": mg.softplus,
    "neg": mg.negative,
    "log": lambda a: mg.log(1.0 + a * a),
    "sqrt": lambda a: mg.sqrt(1.0 + a * a),
    "cube": lambda a: a**3,
    "inverse": lambda a: 1.0 / (1.0 + a * a),
    "expm1": lambda a: mg.expm1(mg.tanh(a)),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (1.0 + b * b),
}
SHAPES = [(), (3,), (2, 3), (2, 1)]


def random_graph(rng: np.random.Generator, inputs: int) -> Callable[..., Value]:
    steps = []
    for made in range(int(rng.integers(1, 9))):
        names = list(UNARY if rng.random() < 0.5 else BINARY)
        steps.append((names[rng.integers(len(names))], rng.integers(0, inputs + made, 2).tolist()))

    def function(*xs: Value) -> Value:
        nodes = list(xs)
        for name, (i, j) in steps:
            nodes.append(UNARY[name](nodes[i]) if name in UNARY else BINARY[name](nodes[i], nodes[j]))
        return nodes[-1]

    return function


def check_random_graph(seed: int, log10_low: float, log10_high: float) -> GradientCheck | None:
    """None where the graph overflows."""
    rng = np.random.default_rng(seed)
    inputs = int(rng.integers(1, 4))
    function = random_graph(rng, inputs)
    sizes = 10.0 ** rng.uniform(log10_low, log10_high, inputs)
    values = [Value(rng.normal(size=SHAPES[rng.integers(len(SHAPES))]) * size) for size in sizes]
    try:
        return check_gradients(function, *values, order=1 + seed % 2)
    except ValueError:
        return None


@pytest.mark.slow
@settings(max_examples=120)
@given(st.integers(0, 2**32), st.floats(-8, 8), st.floats(-8, 8))
def test_no_right_graph_is_called_wrong_at_any_magnitude(seed: int, one: float, other: float) -> None:
    result = check_random_graph(seed, min(one, other), max(one, other))
    assert result is None or result.verdict != "wrong" or not math.isfinite(result.autodiff), result


@pytest.mark.slow
def test_nearly_every_right_graph_is_called_right_at_ordinary_magnitudes() -> None:
    results = [result for seed in range(80) if (result := check_random_graph(seed, -1.0, 0.5)) is not None]
    verdicts = [result.verdict for result in results]
    assert len(verdicts) > 75
    assert "wrong" not in verdicts
    assert verdicts.count("right") >= 0.95 * len(verdicts)


SLOPES: dict[str, tuple[Callable[[float], float], float]] = {
    "exp": (math.exp, 1.0),
    "sin": (math.sin, 1.0),
    "fast": (lambda t: math.sin(200.0 * t), 200.0),
    "polynomial": (lambda t: 1.0 + 3.0 * t - 4.0 * t**4 + 7.0 * t**5, 3.0),
    "even": (math.cos, 0.0),
    "kink": (lambda t: max(t, 0.0), 0.0),
    "kink, from the right": (lambda t: max(t, 0.0), 1.0),
    "kink beside": (lambda t: max(t - 1e-5, 0.0), 0.0),
    "kink beside a slope": (lambda t: 2.0 * t + max(t - 1e-3, 0.0), 2.0),
    "kinks on both sides": (lambda t: t + max(t - 1e-3, 0.0) - max(-t - 1e-3, 0.0), 1.0),
    "step": (lambda t: float(t > 0.0), 0.0),
    "half a square": (lambda t: max(t, 0.0) ** 2, 0.0),
    "coarse": (lambda t: round(t * 1e4) / 1e4, 1.0),
    "domain": (lambda t: math.log(1.0 + 64.0 * t) if t > -1 / 64 else math.nan, 64.0),
}


@pytest.mark.parametrize("name", SLOPES)
def test_the_doubt_covers_the_error(name: str) -> None:
    phi, slope = SLOPES[name]
    found, doubt = _slope(phi, phi(0.0), 2.0**-52 * (abs(phi(0.0)) + abs(phi(2.0**-7))), 1e-9)
    assert abs(found - slope) <= 2.0 * doubt
    smooth = name not in ("kink", "kink, from the right", "step", "coarse")
    assert (doubt <= 1e-9 * max(1.0, abs(slope))) == smooth


def test_steps_follow_the_magnitude_of_each_element() -> None:
    x = np.array([1e-8, 1.0, -3.0, 1e8, 0.0])
    assert _steps(x) == pytest.approx([0.75e-8, 0.75, 2.25, 0.75e8, 0.75e8])
    assert _steps(np.zeros((2, 1))).tolist() == [[0.75], [0.75]]
    assert _steps(np.array(-2.0)) == 1.5


# The report


def test_the_result_reads_as_a_sentence_and_cannot_be_changed(spoil: Callable[..., None]) -> None:
    x = Value([0.5, 1.0], label="x")
    right = check_gradients(lambda x: x.tanh().sum(), x)
    spoil("tanh", 1.5)
    wrong = check_gradients(lambda x: x.tanh().sum(), x)
    assert str(right).startswith("right at x[")
    assert "2 out of 2 elements" in str(right)
    assert str(wrong) == (
        "wrong at x[0]: d(f)/dx is 1.17967159945 by autodiff, 0.786447732966 by differences, relative error 3.3e-01 "
        f"± {wrong.doubt:.0e}; the chain rule of tanh is wrong by itself."
    )
    assert right
    assert not wrong
    assert pickle.loads(pickle.dumps(wrong)) == wrong
    with pytest.raises(dataclasses.FrozenInstanceError):
        wrong.verdict = "right"  # type: ignore[misc]


def test_the_same_seed_gives_the_same_result_and_chance_is_left_alone() -> None:
    x, before = normal(30), np.random.get_state()[1].copy()
    one, two = (check_gradients(lambda x: (x * x).tanh(), x, elements=5) for _ in range(2))
    other = check_gradients(lambda x: (x * x).tanh(), x, elements=5, seed=1)
    assert one == two
    assert one != other
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_values_are_not_touched() -> None:
    S, w = normal(3, 2, label="S"), normal(3, label="w")
    f = single_layer(S, w)
    f.backward()
    before = [(v.data, v.grad, v.grad.copy(), v._birth) for v in (S, w)]
    seen: list[str | None] = []

    def function(S: Value, w: Value) -> Value:
        seen.extend([S.label, w.label])
        return single_layer(S, w)

    assert check_gradients(function, S, w).ok
    assert set(seen) == {"S", "w"}
    for v, (data, grad, numbers, birth) in zip((S, w), before, strict=True):
        assert v.data is data
        assert v.grad is grad
        assert np.array_equal(grad, numbers)
        assert v._birth == birth
    f.backward()  # S and w were not given new data


def test_a_result_of_an_operation_can_be_checked_as_a_leaf() -> None:
    x = Value(0.5, label="x")
    assert check_gradients(lambda h: h.exp(), x * 2.0).ok


def test_float32_values_are_checked_in_float64() -> None:
    seen = set()

    def function(a: Value) -> Value:
        seen.add(a.dtype)
        return a.exp().sum()

    assert check_gradients(function, Value(np.float32([0.1, 0.7]))).ok
    assert seen == {np.dtype(np.float64)}


def test_an_overflow_on_the_way_is_told() -> None:
    result = check_gradients(lambda x: 1.0 / mg.exp(x), Value(800.0))
    assert (result.verdict, result.primitive) == ("wrong", None)  # autodiff's number is NaN
    assert "overflows" in str(result)


BAD: dict[str, tuple[Callable[[], GradientCheck], type[Exception], str]] = {
    "no values": (lambda: check_gradients(lambda: Value(1.0)), TypeError, "needs Values"),
    "order 3": (lambda: check_gradients(mg.exp, Value(1.0), order=3), TypeError, "order 1 or 2, not 3"),
    "a float": (lambda: check_gradients(mg.exp, 1.0), TypeError, "1.0"),
    "a comparison": (lambda: check_gradients(mg.exp, Value(1.0) > 0.0), TypeError, "real numbers"),
    "no Value comes back": (
        lambda: check_gradients(lambda x: 2.0, Value(1.0)),
        TypeError,
        "what the function returned",
    ),
    "a boolean comes back": (lambda: check_gradients(lambda x: x > 0.0, Value(1.0)), TypeError, "real numbers"),
    "NaN": (lambda: check_gradients(mg.exp, Value(math.nan, label="c_1")), ValueError, "c_1 is empty or not finite"),
    "inf": (lambda: check_gradients(mg.exp, Value([1.0, math.inf], label="w")), ValueError, "w is empty or not finite"),
    "empty": (lambda: check_gradients(mg.exp, Value(np.zeros((0, 2)), label="S")), ValueError, "S is empty"),
    "NaN comes back": (lambda: check_gradients(mg.log, Value(-1.0)), ValueError, "what the function returned"),
    "nothing comes back": (lambda: check_gradients(lambda x: x[:0], Value([1.0])), ValueError, "is empty"),
    "chance": (lambda: check_gradients(lambda x: x * random.normal(), Value(1.0)), ValueError, "two results"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_use_is_told_in_one_sentence(name: str) -> None:
    call, kind, text = BAD[name]
    with pytest.raises(kind, match=text) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: mg.sum(mg.sort(x) * np.arange(1.0, 4.0)),
        lambda x: mg.sum(mg.take(x, Value([2.0, 0.0])) * 2.0),
        lambda x: mg.sum(mg.take_along_axis(x, Value([2.0, 0.0]), 0)),
    ],
)
def test_places_are_no_numbers_to_move(function: Any) -> None:
    """Their second derivatives are zero, so that every primitive is looked at by itself."""
    assert mg.check_gradients(function, Value([3.0, 0.5, 2.0])).verdict == "right"


def test_a_stop_gradient_is_no_wrong_rule() -> None:
    found = mg.check_gradients(lambda v: mg.stop_gradient(v) * v, Value(0.5))
    assert (found.verdict, found.primitive) == ("wrong", None)
    assert "so a path leaves the graph (.data, float(), stop_gradient) or overflows" in str(found)
