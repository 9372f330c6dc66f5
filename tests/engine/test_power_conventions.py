"""Second derivatives are symmetric or NaN, powers at 0 above all; and a kink passes NaN on to its gradient."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine import primitives

NAN, INF = float("nan"), float("inf")
BASES = EXPONENTS = [-3.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
GRID = list(itertools.product(BASES, EXPONENTS))


def with_numbers(function: Callable[..., Any], at: tuple[float, ...], order: tuple[int, ...]) -> float:
    """The derivative of a function of numbers by its inputs of these places, one after another."""
    leaves = [Value(x) for x in at]
    y = function(*leaves)
    for place in order:
        (y,) = mg.grad(y, [leaves[place]])
    return y.data


def with_arrays(function: Callable[..., Any], at: tuple[float, ...], order: tuple[int, ...]) -> float:
    leaves = [Value([x, x]) for x in at]
    y = function(*leaves)
    for place in order:
        (y,) = mg.grad(mg.sum(y), [leaves[place]])
    return y.data[1]


def with_backward(function: Callable[..., Any], at: tuple[float, ...], order: tuple[int, ...]) -> float:
    leaves = [Value(x) for x in at]
    y = function(*leaves)
    for place in order[:-1]:
        (y,) = mg.grad(y, [leaves[place]])
    y.backward()
    last = leaves[order[-1]].grad
    return 0.0 if last is None else last  # None where the derivative before is a constant


WAYS = pytest.mark.parametrize("way", [with_numbers, with_arrays, with_backward], ids=lambda f: f.__name__)
POWERS = pytest.mark.parametrize(
    "power", [lambda x, y: x**y, mg.power, np.power], ids=["the operator", "mg.power", "np.power"]
)


@WAYS
@POWERS
def test_the_mixed_second_derivative_of_a_power_is_the_same_both_ways(way: Any, power: Any) -> None:
    found = [(at, (way(power, at, (0, 1)), way(power, at, (1, 0)))) for at in GRID]  # no dict: 0.0 and -0.0 are one key
    apart = {str(at): pair for at, pair in found if not np.array_equal(*np.atleast_1d(*pair), equal_nan=True)}
    near = {at: pair for at, pair in apart.items() if not np.allclose(*pair, rtol=1e-14, atol=0)}
    assert not near, "d²/dxdy and d²/dydx differ"


@pytest.mark.slow
@WAYS
def test_every_way_and_dtype_has_the_same_second_derivatives(way: Any) -> None:
    for at, order in itertools.product(GRID, [(0, 0), (0, 1), (1, 0), (1, 1)]):
        numbers = with_numbers(mg.power, at, order)
        np.testing.assert_allclose(way(mg.power, at, order), numbers, rtol=1e-14, err_msg=f"{at} {order}")
        single = [Value(np.float32(x)) for x in at]
        y = single[0] ** single[1]
        for place in order:
            (y,) = mg.grad(y, [single[place]])
        np.testing.assert_allclose(y.data, numbers, rtol=1e-5, err_msg=f"float32 {at} {order}")


X, Y = sympy.symbols("x y", positive=True)


@WAYS
@pytest.mark.parametrize("order", [*itertools.product((0, 1), repeat=2), *itertools.product((0, 1), repeat=3)])
def test_derivatives_at_positive_bases_are_those_of_the_formula(way: Any, order: tuple[int, ...]) -> None:
    formula = X**Y
    for place in order:
        formula = sympy.diff(formula, (X, Y)[place])
    exact = sympy.lambdify((X, Y), formula, "math")
    for at in itertools.product([0.5, 1.0, 2.0, 3.0], EXPONENTS):
        np.testing.assert_allclose(way(mg.power, at, order), exact(*at), rtol=1e-12, atol=1e-13, err_msg=str(at))


@WAYS
def test_derivatives_by_a_negative_base_are_those_of_a_whole_power(way: Any) -> None:
    for x, n in itertools.product([-3.0, -1.0, -0.5], [-2, -1, 0, 1, 2, 3]):
        at = (x, float(n))
        first, second = n * x ** (n - 1), n * (n - 1) * x ** (n - 2)
        np.testing.assert_allclose(way(mg.power, at, (0,)), first, rtol=1e-14)
        np.testing.assert_allclose(way(mg.power, at, (0, 0)), second, rtol=1e-14)
        for order in ((1,), (1, 1), (0, 1), (1, 0)):
            assert math.isnan(way(mg.power, at, order)), (at, order)


@WAYS
def test_where_the_limit_at_a_base_of_0_is_finite_it_is_the_derivative(way: Any) -> None:
    for y in (2.0, 2.5, 3.0):  # x^(y - 1) (1 + y log x) and x^y log² x go to 0 with x
        for order in ((0,), (1,), (0, 1), (1, 0), (1, 1)):
            assert way(mg.power, (0.0, y), order) == 0.0
        limit = {2.0: 2.0, 2.5: 0.0, 3.0: 0.0}[y]
        assert way(mg.power, (0.0, y), (0, 0)) == limit


@WAYS
def test_where_the_limit_at_a_base_of_0_is_infinite_no_other_number_is_told_for_it(way: Any) -> None:
    """At (0, 1) the limit is -inf: the convention's 0, -inf or NaN, but one of them both ways, and not 1."""
    pair = way(mg.power, (0.0, 1.0), (0, 1)), way(mg.power, (0.0, 1.0), (1, 0))
    np.testing.assert_equal(*pair)
    assert pair[0] != 1.0


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_programs_have_the_second_derivatives_of_the_engine(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    by_a, by_b = mg.grad(a**b, [a, b])
    programs = [mg.compile(slope, [a, b], backend=backend) for slope in (by_a, by_b)]
    for x, y in GRID:
        a.data, b.data = x, y
        mixed = [programs[0]()[1][1], programs[1]()[1][0]]
        np.testing.assert_allclose(*mixed, rtol=1e-13, err_msg=f"{(x, y)} both ways")
        np.testing.assert_allclose(mixed[0], with_numbers(mg.power, (x, y), (0, 1)), rtol=1e-13, err_msg=f"{(x, y)}")


TWO: list[tuple[str, Callable[..., Any]]] = [
    ("add", lambda a, b: a + b),
    ("subtract", lambda a, b: a - b),
    ("multiply", lambda a, b: a * b),
    ("divide", lambda a, b: a / b),
    ("a square of a product", lambda a, b: (a * b) ** 2),
    ("maximum", mg.maximum),
    ("minimum", mg.minimum),
    ("maximum of squares", lambda a, b: mg.maximum(a * a, a * b)),
    ("where", lambda a, b: mg.where(a > b, a * b, a / b)),
    ("matmul", lambda a, b: (a * b) @ (a + b) if a.ndim else (a * b) * (a + b)),
    ("sqrt of a sum", lambda a, b: mg.sqrt(a * a + b * b)),
    ("log of a sum", lambda a, b: mg.log(a * a + b * b)),
]


@pytest.mark.parametrize("function", [t[1] for t in TWO], ids=[t[0] for t in TWO])
@pytest.mark.parametrize("way", [with_numbers, with_arrays], ids=lambda f: f.__name__)
def test_mixed_second_derivatives_of_other_primitives_are_symmetric(way: Any, function: Callable[..., Any]) -> None:
    for at in itertools.product([-2.0, -1.0, 0.0, 1.0, 2.0], repeat=2):
        pair = way(function, at, (0, 1)), way(function, at, (1, 0))
        np.testing.assert_allclose(*pair, rtol=1e-14, err_msg=str(at))


def test_the_table_of_conventions_says_what_holds_at_0_and_1() -> None:
    assert re.search(r"(second|mixed|d²).*\b0\b|\(0, 1\)|0\*\*1", primitives.__doc__ or "")


# NaN in, NaN out

# Each function of one array, whose gradient is NaN in the places where the array is; in all others what it would be.
ELEMENTWISE: list[tuple[str, Callable[[Any], Any]]] = [
    ("relu", mg.relu),
    ("abs", mg.abs),
    ("abs()", abs),
    ("np.abs", np.abs),
    ("nn.ReLU", nn.ReLU()),
    ("maximum with a number", lambda x: mg.maximum(x, 0.5)),
    ("maximum on the right", lambda x: mg.maximum(0.5, x)),
    ("minimum with a number", lambda x: mg.minimum(x, 0.5)),
    ("minimum on the right", lambda x: mg.minimum(0.5, x)),
    ("maximum with itself", lambda x: mg.maximum(x, x)),
    ("minimum with itself", lambda x: mg.minimum(x, x)),
    ("leaky relu by maximum", lambda x: mg.maximum(x, 0.1 * x)),
    ("a clip", lambda x: mg.minimum(mg.maximum(x, -1.0), 1.0)),
    ("hinge", lambda x: mg.relu(1.0 - x)),
    ("relu of relu", lambda x: mg.relu(mg.relu(x))),
    ("relu squared", lambda x: mg.relu(x).square()),
    ("sigmoid", mg.sigmoid),
    ("softplus", mg.softplus),
    ("tanh", mg.tanh),
    ("exp", mg.exp),
    ("expm1", mg.expm1),
    ("log", mg.log),
    ("log1p", mg.log1p),
    ("sqrt", mg.sqrt),
    ("square", mg.square),
    ("x**3", lambda x: x**3),
    ("x**0.5", lambda x: x**0.5),
    ("2**x", lambda x: 2.0**x),
    ("x**x", lambda x: x**x),
    ("1/x", lambda x: 1.0 / x),
]
POINTS = np.array([NAN, 0.75, 0.25, NAN, 2.0])


def slope(function: Callable[[Any], Any], data: Any, way: str) -> Any:
    x = Value(data)
    y = function(x)
    if way == "backward":
        y.backward(np.ones(y.shape))
        return x.grad
    (g,) = mg.grad(y, [x], seed=np.ones(y.shape))
    return g.data


@pytest.mark.parametrize("function", [e[1] for e in ELEMENTWISE], ids=[e[0] for e in ELEMENTWISE])
@pytest.mark.parametrize("way", ["backward", "grad"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=lambda d: d.__name__)
def test_the_gradient_at_nan_is_nan(function: Callable[[Any], Any], way: str, dtype: Any) -> None:
    points = POINTS.astype(dtype)
    found = slope(function, points, way)
    assert found.dtype == dtype
    assert np.isnan(found).tolist() == np.isnan(points).tolist()
    plain = slope(function, points[[1, 2, 4]], way)
    assert np.array_equal(found[[1, 2, 4]], plain)
    assert math.isnan(slope(function, points[0], way))
    assert math.isnan(slope(function, -points[0], way))


WHOLE: list[tuple[str, Callable[[Any], Any], tuple[int, ...]]] = [  # one NaN is a NaN for all that it competes with
    ("max", mg.max, (4,)),
    ("max of one axis", lambda x: mg.max(x, axis=1), (1, 4)),
    ("max, keepdims", lambda x: mg.max(x, keepdims=True), (2, 2)),
    ("np.max", np.max, (4,)),
    ("max_pool2d", lambda x: mg.max_pool2d(x, 2), (1, 1, 2, 2)),
    ("nn.MaxPool2d", nn.MaxPool2d(2), (1, 1, 2, 2)),
    ("softmax", lambda x: mg.softmax(x) ** 2, (4,)),
    ("log_softmax", lambda x: mg.log_softmax(x) ** 2, (4,)),
    ("a norm", lambda x: mg.sqrt(x.square().sum()), (4,)),
    ("cross_entropy", lambda x: nn.cross_entropy(x, [1]), (1, 4)),
]


@pytest.mark.parametrize(("function", "shape"), [w[1:] for w in WHOLE], ids=[w[0] for w in WHOLE])
@pytest.mark.parametrize("way", ["backward", "grad"])
@pytest.mark.parametrize("place", range(4))
def test_the_gradient_of_a_row_with_nan_is_nan(
    function: Callable[[Any], Any], shape: tuple[int, ...], way: str, place: int
) -> None:
    data = np.array([1.0, 3.0, 3.0, 2.0])
    data[place] = NAN
    found = slope(function, data.reshape(shape), way)
    assert np.all(np.isnan(found))


def test_a_window_with_nan_leaves_the_other_windows_alone() -> None:
    image = np.arange(16.0).reshape(1, 1, 4, 4)
    image[0, 0, 0, 0] = NAN
    found = slope(lambda x: mg.max_pool2d(x, 2), image, "backward")[0, 0]
    assert np.isnan(found[:2, :2]).all()
    assert found[:2, 2:].tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert found[2:].tolist() == [[0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    rows = np.array([[NAN, 1.0], [1.0, 2.0]])
    found = slope(lambda x: mg.max(x, axis=1), rows, "backward")
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("function", [mg.maximum, mg.minimum, np.maximum, np.minimum], ids=lambda f: f.__name__)
@pytest.mark.parametrize("at", [(NAN, 1.0), (1.0, NAN), (NAN, NAN), (NAN, INF), (-INF, NAN)], ids=str)
def test_the_larger_of_two_has_a_gradient_of_nan_for_the_one_that_is(function: Any, at: tuple[float, float]) -> None:
    for shape in ((), (3,)):
        leaves = [Value(np.full(shape, x)) for x in at]
        y = function(*leaves)
        y.backward(np.ones(shape))
        graphs = mg.grad(function(*leaves), leaves, seed=np.ones(shape))
        for x, leaf, graph in zip(at, leaves, graphs, strict=True):
            for gradient in (leaf.grad, graph.data):
                assert np.all(np.isnan(gradient)) or not math.isnan(x)


def test_losses_of_nan_have_gradients_of_nan() -> None:
    for loss in (nn.mse_loss, nn.hinge_loss, nn.binary_cross_entropy_with_logits):
        found = slope(lambda p, f=loss: f(p, np.array([1.0, 1.0])), np.array([NAN, 0.5]), "backward")
        assert math.isnan(found[0])
        assert not math.isnan(found[1])


def test_nan_upstream_goes_through_a_kink_that_is_open() -> None:
    for function in (mg.relu, mg.abs, lambda x: mg.maximum(x, 0.0), lambda x: mg.minimum(x, 5.0)):
        x = Value([1.0, 2.0])
        function(x).backward(np.array([NAN, 1.0]))
        assert math.isnan(x.grad[0])
        assert x.grad[1] == 1.0
