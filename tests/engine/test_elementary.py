"""Elementary functions and what is made of them: fifty digits of mpmath for value, slope and curvature, on every way.

The primitives among them are in test_primitives.py and test_backends.py as well; here are their edges, and the
functions that are compositions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from every_backend import HERE, answer, every_way
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes

import microgradcnn as mg
from microgradcnn import Value

mpmath.mp.dps = 50
INF, NAN = math.inf, math.nan
ANY = (-6.1, -2.3, -0.9, -0.31, -1e-3, 1e-9, 0.2, 0.46, 0.47, 0.8, 1.7, 3.9, 5.8)
INSIDE = (-0.95, -0.6, -1e-3, 1e-9, 0.3, 0.8)
POSITIVE = (1e-9, 0.2, 0.9, 1.0, 3.7, 1e5)
Exact = Callable[[Any], Any]


def phi(x: Any) -> Any:
    return (1 + mpmath.erf(x / mpmath.sqrt(2))) / 2


def by_tanh(x: Any) -> Any:
    return x / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)))


ONE: dict[str, tuple[Callable[[Any], Any], Exact, tuple[float, ...]]] = {
    **{n: (getattr(mg, n), getattr(mpmath, n), ANY) for n in ("sin", "cos", "tan", "sinh", "cosh", "erf", "sign")},
    **{f"arc{n}": (getattr(mg, f"arc{n}"), getattr(mpmath, f"a{n}"), INSIDE) for n in ("sin", "cos", "tanh")},
    **{f"arc{n}": (getattr(mg, f"arc{n}"), getattr(mpmath, f"a{n}"), ANY) for n in ("tan", "sinh")},
    "arccosh": (mg.arccosh, mpmath.acosh, (1.001, 1.5, 40.0)),
    "log2": (mg.log2, lambda x: mpmath.log(x, 2), POSITIVE),
    "log10": (mg.log10, lambda x: mpmath.log(x, 10), POSITIVE),
    "exp2": (mg.exp2, lambda x: mpmath.mpf(2) ** x, ANY),
    "floor": (mg.floor, mpmath.floor, ANY),
    "ceil": (mg.ceil, mpmath.ceil, ANY),
    "sinc": (mg.sinc, mpmath.sincpi, (*ANY, 0.0, 1e-300, 1e-5, -0.06, 0.0636, -0.0637)),
    "deg2rad": (mg.deg2rad, mpmath.radians, ANY),
    "rad2deg": (mg.rad2deg, mpmath.degrees, ANY),
    "reciprocal": (mg.reciprocal, lambda x: 1 / x, tuple(x for x in ANY if abs(x) > 0.1)),
    "silu": (mg.silu, lambda x: x / (1 + mpmath.exp(-x)), ANY),
    "gelu": (mg.gelu, lambda x: x * phi(x), ANY),
    "gelu, tanh": (lambda x: mg.gelu(x, approximate="tanh"), by_tanh, ANY),
    "leaky_relu": (mg.leaky_relu, lambda x: x if x > 0 else x * mpmath.mpf(0.01), ANY),
    "leaky_relu, 0.2": (lambda x: mg.leaky_relu(x, 0.2), lambda x: x if x > 0 else x * mpmath.mpf(0.2), ANY),
    "clip": (lambda x: x.clip(-0.5, 2), lambda x: min(max(x, mpmath.mpf(-0.5)), mpmath.mpf(2)), ANY),
    "mod": (lambda x: x % 0.7, lambda x: x - mpmath.floor(x / mpmath.mpf(0.7)) * mpmath.mpf(0.7), ANY),
    "mod, negative": (lambda x: x % -0.7, lambda x: x - mpmath.floor(x / mpmath.mpf(-0.7)) * mpmath.mpf(-0.7), ANY),
    "zeros_like": (mg.zeros_like, lambda x: mpmath.mpf(0), ANY),
    "ones_like": (mg.ones_like, lambda x: mpmath.mpf(1), ANY),
}


def derivative(exact: Exact, x: float, n: int) -> float:
    at = mpmath.mpf(x)
    return float(exact(at) if n == 0 else mpmath.diff(exact, at, n, h=mpmath.mpf(10) ** -15))


def close(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    np.testing.assert_allclose(found, expected, tolerance, tolerance)


@pytest.mark.parametrize("name", ONE)
def test_value_slope_and_curvature(name: str) -> None:
    function, exact, points = ONE[name]
    x = Value(np.array(points), label="x")
    y = function(x)
    (slope,) = mg.grad(y.sum(), [x])
    (curvature,) = mg.grad((slope * np.arange(1.0, len(points) + 1)).sum(), [x])  # a Hessian times a vector
    close(y.data, [derivative(exact, p, 0) for p in points], 1e-14)
    close(slope.data, [derivative(exact, p, 1) for p in points])
    close(curvature.data, [(i + 1) * derivative(exact, p, 2) for i, p in enumerate(points)])
    for p in points:  # and on Python's floats
        leaf = Value(p)
        function(leaf).backward()
        close([function(leaf).item(), leaf.grad], [derivative(exact, p, 0), derivative(exact, p, 1)])


@every_way
def test_on_every_way(way: str) -> None:
    """All functions in one program, since JAX takes its time over each."""

    def loss(*xs: Value) -> Value:
        parts = [mg.sum(mg.square(f(x)) * 0.5) for (f, _, _), x in zip(ONE.values(), xs, strict=True)]
        return mg.sum(mg.stack(parts))

    arrays = [np.array(points) for _, _, points in ONE.values()]
    value, gradients = answer(way, loss, arrays)
    total = 0.0
    for (name, (_, exact, points)), gradient in zip(ONE.items(), gradients, strict=True):
        values, slopes = ([derivative(exact, p, n) for p in points] for n in (0, 1))
        total += sum(v * v / 2 for v in values)
        np.testing.assert_allclose(gradient, np.multiply(values, slopes), 1e-10, 1e-10, err_msg=name)
    close(value, total)


TWO: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "arctan2": (mg.arctan2, mpmath.atan2),
    "hypot": (mg.hypot, mpmath.hypot),
    "logaddexp": (mg.logaddexp, lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b))),
    "logaddexp2": (mg.logaddexp2, lambda a, b: mpmath.log(mpmath.mpf(2) ** a + mpmath.mpf(2) ** b, 2)),
    "mod": (mg.mod, lambda a, b: a - b * mpmath.floor(a / b)),
}
AT = ((0.7, 1.3), (-0.7, 1.3), (2.9, -0.8), (-3.1, -0.4), (1.25, 1.24))


@pytest.mark.parametrize("name", TWO)
def test_two_inputs(name: str) -> None:
    function, exact = TWO[name]
    for a, b in AT:
        x, y = Value(a), Value(b)
        slopes = mg.grad(function(x, y), [x, y])
        point = tuple(map(mpmath.mpf, (a, b)))
        close(function(x, y).item(), float(exact(*point)), 1e-14)
        for orders, slope in (((1, 0), slopes[0]), ((0, 1), slopes[1])):
            close(slope.item(), float(mpmath.diff(exact, point, orders, h=mpmath.mpf(10) ** -15)))
            seconds = [g.item() for g in mg.grad(slope + 0.0 * x * y, [x, y])]
            mixed = [(orders[0] + 1, orders[1]), (orders[0], orders[1] + 1)]
            close(seconds, [float(mpmath.diff(exact, point, n, h=mpmath.mpf(10) ** -12)) for n in mixed], 1e-9)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.sampled_from(sorted(TWO)))
def test_broadcasting(shapes: Any, name: str) -> None:
    a, b = (Value(np.random.default_rng(i).uniform(0.5, 2.0, shape)) for i, shape in enumerate(shapes.input_shapes))
    y = TWO[name][0](a, b)
    assert y.shape == shapes.result_shape
    slopes = mg.grad(y.sum(), [a, b])
    assert [g.shape for g in slopes] == [a.shape, b.shape]
    np.testing.assert_allclose(y.data, getattr(np, name)(a.data, b.data), 1e-14)


# The edges, as NumPy has them: no exception, no warning

EDGES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 1e-310, 1e308, -1e308, 750.0, -750.0, INF, -INF, NAN])
BY_NUMPY = ("sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "log2")
BY_NUMPY += ("log10", "exp2", "sign", "floor", "ceil", "reciprocal", "isnan", "isinf", "isfinite", "deg2rad", "rad2deg")
BY_NUMPY += ("zeros_like", "ones_like", "nan_to_num", "sinc")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", BY_NUMPY)
def test_edges_are_numpys(name: str, dtype: str) -> None:
    with np.errstate(all="ignore"):
        edges = EDGES.astype(dtype)
        expected = getattr(np, name)(edges)
        singly = [getattr(np, name)(x) for x in edges]
    tolerance = 1e-14 if dtype == "float64" else 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = getattr(np, name)(x := Value(edges))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found.data, expected, tolerance)
        if dtype == "float64":
            np.testing.assert_allclose([getattr(mg, name)(Value(float(x))).item() for x in edges], singly, tolerance)
        if expected.dtype != bool:
            assert mg.grad(found.sum(), [x])[0].dtype == dtype


@pytest.mark.parametrize("name", TWO)
def test_edges_of_two_are_numpys(name: str) -> None:
    a, b = np.meshgrid(EDGES, EDGES)
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(a, b)
    found = getattr(np, name)(Value(a), Value(b)).data
    large = (
        name == "logaddexp2" and np.maximum(np.abs(a), np.abs(b)) > 1e307
    )  # which log 2 takes to other numbers, or none
    np.testing.assert_allclose(np.where(large, 0.0, found), np.where(large, 0.0, expected), 1e-13)


def test_erf_to_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-7.0, 7.0, 999), np.geomspace(1e-300, 0.5, 99), [0.0, -0.0, INF, -INF, NAN]])
    exact = np.array([float(mpmath.erf(p)) for p in x])
    found = mg.erf(x)
    assert np.nanmax(np.abs(found[:-3] - exact[:-3]) / np.spacing(np.abs(exact[:-3]))) <= 4
    assert found[-3:-1].tolist() == [1.0, -1.0]
    assert np.isnan(found[-1])
    assert np.signbit(mg.erf(np.array([-0.0])))[0]
    single = mg.erf(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, 5e-7, 1e-38)
    large = mg.erf(np.broadcast_to(x[:3], (5000, 3)))  # more than one block
    assert (large == found[:3]).all()


# clip, as NumPy has its values and PyTorch its gradients


BOUNDS: list[tuple[Any, Any]] = [(0.0, 1.0), (None, 0.5), (-0.5, None), (None, None), (1.0, -1.0), (0.3, 0.3)]


@pytest.mark.parametrize(("low", "high"), BOUNDS)
def test_clip_between_numbers(low: Any, high: Any) -> None:
    x = Value(np.array([-2.0, -0.5, 0.0, 0.3, 1.0, 1.5, INF, NAN]), label="x")
    y = mg.clip(x, low, high)
    np.testing.assert_array_equal(y.data, np.clip(x.data, low, high))
    np.testing.assert_array_equal(y.data, np.clip(x, low, high).data)
    below, above = (np.less(x.data, -INF if low is None else low), np.greater(x.data, INF if high is None else high))
    if low is None or high is None or low <= high:
        y.backward(np.ones(8))
        np.testing.assert_array_equal(x.grad, np.where(below | above, 0.0, 1.0))


@pytest.mark.parametrize("way", HERE)
def test_clip_sends_what_it_does_not_take_to_the_bounds(way: str) -> None:
    x, low, high = np.array([-1.0, 0.2, 0.5, 3.0]), np.array([0.0, 0.2, 0.1, 0.0]), np.array(1.0)
    weights = np.array([1.0, 2.0, 4.0, 8.0])
    value, gradients = answer(way, lambda *p: mg.sum(mg.clip(*p) * weights), [x, low, high])
    assert value == np.sum(np.clip(x, low, high) * weights)
    for found, expected in zip(gradients, ([0.0, 2.0, 4.0, 0.0], [1.0, 0.0, 0.0, 0.0], 8.0), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gelu_refuses_another_approximation() -> None:
    with pytest.raises(ValueError, match=r"^approximate is 'none' or 'tanh', not 'fast'$"):
        mg.gelu(Value(1.0), "fast")


def test_programs_over_rows_take_the_rows_of_what_is_asked_for() -> None:
    x, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(3), label="w")
    loss = mg.mean(mg.zeros_like(x) + mg.ones_like(x * w) * w)
    program = mg.compile(loss, [w], [x])
    value, (gradient,) = program(np.full((5, 3), NAN))
    assert value == 1.0
    np.testing.assert_allclose(gradient, [1 / 3] * 3, 1e-15)


def test_booleans_choose_and_carry_no_gradient() -> None:
    x = Value(np.array([1.0, NAN, INF, -2.0]), label="x")
    kept = mg.where(mg.isnan(x), 0.0, x)
    (slope,) = mg.grad(mg.where(x.isfinite(), kept * 3.0, 0.0).sum(), [x])
    assert slope.data.tolist() == [3.0, 0.0, 0.0, 3.0]
    assert x.isinf().data.tolist() == [False, False, True, False]
    assert mg.nan_to_num(x, nan=7.0, posinf=8.0).data.tolist() == [1.0, 7.0, 8.0, -2.0]
