"""Numbers at the edges, with mpmath as the oracle: tails, kinks, IEEE's special values, and where's other branch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value

INF, NAN = math.inf, math.nan
TINY = float(np.finfo(float).tiny)  # the smallest normal double
mpmath.mp.dps = 50

TAILS = [
    s * x
    for x in (0.0, 1e-300, 1e-9, 0.1, 0.7, 1.0, 3.0, 17.0, 36.7, 40.0, 300.0, 707.0, 745.0, 1000.0)
    for s in (1, -1)
]
SWEEP = [*TAILS, *np.linspace(-1000, 1000, 401).tolist(), *np.linspace(-45, 45, 1201).tolist()]


def relative(found: float, true: Any) -> float:
    """The relative error of `found`; what is below the normal doubles only has to be as small."""
    if abs(true) < TINY:
        return 0.0 if abs(found) <= TINY else INF
    return float(abs((mpmath.mpf(float(found)) - true) / true))


def big_sigmoid(x: float) -> Any:
    return 1 / (1 + mpmath.exp(-mpmath.mpf(x)))


def slope_of(function: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of the sum of function(x), with backward, and with grad: they must be the same."""
    leaf = Value(x)
    total = mg.sum(function(leaf))
    total.backward()
    (g,) = mg.grad(total, [leaf])
    np.testing.assert_array_equal(leaf.grad, g.data)
    return leaf.grad


# From -1000 to 1000

SMOOTH = [mg.sigmoid, mg.tanh, mg.relu, mg.softplus, mg.abs]


@pytest.mark.parametrize("function", SMOOTH, ids=lambda f: f.__name__)
def test_nothing_is_nan_or_warns_to_order_3(function: Callable[[Any], Any]) -> None:
    for x in (np.array(SWEEP), *TAILS):
        v = Value(x)
        y = function(v)
        for _ in range(3):
            assert np.all(np.isfinite(y.data))
            (y,) = mg.grad(mg.sum(y), [v])
        assert np.all(np.isfinite(y.data))
        assert np.all(np.isfinite(slope_of(function, x)))


@pytest.mark.parametrize("function", [mg.softmax, mg.log_softmax], ids=lambda f: f.__name__)
@pytest.mark.parametrize("others", [(0.0,), (1000.0, -1000.0), (3.0, 3.0, 3.0)])
def test_no_softmax_is_nan_or_warns_to_order_2(function: Callable[[Any], Any], others: tuple[float, ...]) -> None:
    logits = Value(np.array([[x, *others] for x in SWEEP]))
    y = function(logits)
    (g,) = mg.grad(mg.sum(y * np.arange(1.0, 2.0 + len(others))), [logits])
    (h,) = mg.grad(mg.sum(g * np.arange(2.0, 3.0 + len(others))), [logits])
    for node in (y, g, h):
        assert np.all(np.isfinite(node.data))


def test_sigmoid_to_1e_15_relative_and_its_gradient_to_1e_16_absolute() -> None:
    values, slopes = mg.sigmoid(np.array(SWEEP)), slope_of(mg.sigmoid, np.array(SWEEP))
    for x, value, slope in zip(SWEEP, values, slopes, strict=True):
        true = big_sigmoid(x)
        for found in (value, mg.sigmoid(x)):
            assert relative(found, true) < 1e-15
        for found in (slope, slope_of(mg.sigmoid, x)):
            assert abs(mpmath.mpf(float(found)) - true * big_sigmoid(-x)) < 1e-16


def test_softplus_and_its_gradient_to_1e_12_relative() -> None:
    values, slopes = mg.softplus(np.array(SWEEP)), slope_of(mg.softplus, np.array(SWEEP))
    for x, value, slope in zip(SWEEP, values, slopes, strict=True):
        true = mpmath.log1p(mpmath.exp(mpmath.mpf(x)))
        for found in (value, mg.softplus(x)):
            assert relative(found, true) < 1e-12
        for found in (slope, slope_of(mg.softplus, x)):
            assert relative(found, big_sigmoid(x)) < 1e-12


def test_cross_entropy_of_logits_written_with_softplus() -> None:
    for logit, label, loss, slope in ((-1000.0, 1, 1000.0, -1.0), (1000.0, 0, 1000.0, 1.0), (1000.0, 1, 0.0, 0.0)):
        x = Value(logit)
        f = mg.softplus(x) - label * x
        f.backward()
        assert (f.data, x.grad) == (loss, slope)


ROWS = [
    *[[x, 0.0] for x in TAILS],
    *[[x, 0.0, 0.0] for x in TAILS],
    *[[x, 1.0, -1.0, 1000.0, -1000.0] for x in TAILS],
    *[[37.0, 37.0 + 1e-9, 36.0], [-800.0, -801.0, -1545.0], [1e-9, 0.0, -1e-9, 2e-9], [500.0] * 3],
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_softmax_and_log_softmax_value_and_gradient_to_1e_12_relative(row: list[float]) -> None:
    shares = [mpmath.exp(mpmath.mpf(x)) for x in row]
    total = mpmath.fsum(shares)
    p = [share / total for share in shares]
    rest = [mpmath.fsum(shares[:i] + shares[i + 1 :]) / total for i in range(len(row))]  # 1 - p, without cancelling
    log_p = [-mpmath.log1p(r / (1 - r)) if r < 0.5 else mpmath.log(q) for q, r in zip(p, rest, strict=True)]
    for i in range(len(row)):
        assert relative(mg.softmax(np.array(row))[i], p[i]) < 1e-12
        assert relative(mg.log_softmax(np.array(row))[i], log_p[i]) < 1e-12
        one = slope_of(lambda x, i=i: mg.log_softmax(x)[i], np.array(row))
        two = slope_of(lambda x, i=i: mg.softmax(x)[i], np.array(row))
        for j in range(len(row)):
            assert relative(one[j], rest[i] if i == j else -p[j]) < 1e-12
            assert relative(two[j], p[i] * rest[i] if i == j else -p[i] * p[j]) < 1e-12


def test_softmax_over_any_axis_and_with_a_masked_logit() -> None:
    x = np.array([[1.0, 2.0, -INF], [0.5, -INF, 3.0]])
    for axis, data in ((-1, x), (0, x.T), (1, x)):
        v = Value(data)
        y = mg.softmax(v, axis=axis)
        y[0, 0].backward()
        np.testing.assert_allclose(y.data.sum(axis), 1.0)
        assert y.data[np.isinf(data)].tolist() == [0.0, 0.0]
        assert np.all(np.isfinite(v.grad))
        assert v.grad[np.isinf(data)].tolist() == [0.0, 0.0]


# Kinks and special values: the table in the docstring of primitives.py

KINKS: list[tuple[str, Callable[..., Any], tuple[float, ...], float, tuple[float, ...]]] = [
    # what, function, at, value, partial derivatives
    ("relu", mg.relu, (0.0,), 0.0, (0.0,)),
    ("relu at -0", mg.relu, (-0.0,), 0.0, (0.0,)),
    ("abs", mg.abs, (0.0,), 0.0, (0.0,)),
    ("maximum", mg.maximum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("minimum", mg.minimum, (2.0, 2.0), 2.0, (0.5, 0.5)),
    ("x**0", lambda x: x**0, (0.0,), 1.0, (0.0,)),
    ("x**0 of inf", lambda x: x**0, (INF,), 1.0, (0.0,)),
    ("x**1", lambda x: x**1, (0.0,), 0.0, (1.0,)),
    ("x**2", lambda x: x**2, (0.0,), 0.0, (0.0,)),
    ("x**0.5", lambda x: x**0.5, (0.0,), 0.0, (INF,)),
    ("x**-1", lambda x: x**-1, (0.0,), INF, (-INF,)),
    ("0**0", lambda a, b: a**b, (0.0, 0.0), 1.0, (0.0, 0.0)),
    ("0**1", lambda a, b: a**b, (0.0, 1.0), 0.0, (1.0, 0.0)),
    ("0**2", lambda a, b: a**b, (0.0, 2.0), 0.0, (0.0, 0.0)),
    ("0**-1", lambda a, b: a**b, (0.0, -1.0), INF, (-INF, -INF)),
    ("2**3", lambda a, b: a**b, (2.0, 3.0), 8.0, (12.0, 8 * math.log(2))),
    ("(-2)**3", lambda a, b: a**b, (-2.0, 3.0), -8.0, (12.0, NAN)),
    ("(-8)**(1/3)", lambda a: a ** (1 / 3), (-8.0,), NAN, (NAN,)),
    ("(-8)**Value(1/3)", lambda a, b: a**b, (-8.0, 1 / 3), NAN, (NAN, NAN)),
    ("overflow of **", lambda x: x**2, (1e200,), INF, (2e200,)),
    ("overflow of 2**x", lambda x: 2.0**x, (2000.0,), INF, (INF,)),
    ("overflow of a**b", lambda a, b: a**b, (10.0, 400.0), INF, (INF, INF)),
    ("sqrt", mg.sqrt, (0.0,), 0.0, (INF,)),
    ("sqrt(-1)", mg.sqrt, (-1.0,), NAN, (NAN,)),
    ("square", mg.square, (1e200,), INF, (2e200,)),
    ("log(0)", mg.log, (0.0,), -INF, (INF,)),
    ("log(-1)", mg.log, (-1.0,), NAN, (-1.0,)),
    ("log1p(-1)", mg.log1p, (-1.0,), -INF, (INF,)),
    ("log1p(-2)", mg.log1p, (-2.0,), NAN, (-1.0,)),
    ("1/0", lambda x: 1.0 / x, (0.0,), INF, (-INF,)),
    ("1/-0", lambda x: 1.0 / x, (-0.0,), -INF, (-INF,)),
    ("0/0", lambda a, b: a / b, (0.0, 0.0), NAN, (INF, NAN)),
    ("1/inf", lambda x: 1.0 / x, (INF,), 0.0, (-0.0,)),
    ("inf - inf", lambda a, b: a - b, (INF, INF), NAN, (1.0, -1.0)),
    ("0 * inf", lambda a, b: a * b, (0.0, INF), NAN, (INF, 0.0)),
    ("overflow of *", lambda a, b: a * b, (1e200, 1e200), INF, (1e200, 1e200)),
    ("exp(1000)", mg.exp, (1000.0,), INF, (INF,)),
    ("exp(-1000)", mg.exp, (-1000.0,), 0.0, (0.0,)),
    ("expm1(1000)", mg.expm1, (1000.0,), INF, (INF,)),
    ("sigmoid(inf)", mg.sigmoid, (INF,), 1.0, (0.0,)),
    ("sigmoid(-inf)", mg.sigmoid, (-INF,), 0.0, (0.0,)),
    ("sigmoid(nan)", mg.sigmoid, (NAN,), NAN, (NAN,)),
    ("tanh(inf)", mg.tanh, (INF,), 1.0, (0.0,)),
    ("softplus(inf)", mg.softplus, (INF,), INF, (1.0,)),
    ("softplus(-inf)", mg.softplus, (-INF,), 0.0, (0.0,)),
    ("softplus(nan)", mg.softplus, (NAN,), NAN, (NAN,)),
    ("relu(nan)", mg.relu, (NAN,), NAN, (NAN,)),
    ("abs(nan)", mg.abs, (NAN,), NAN, (NAN,)),
    ("relu(inf)", mg.relu, (INF,), INF, (1.0,)),
    ("abs(-inf)", mg.abs, (-INF,), INF, (-1.0,)),
    ("maximum(nan, 1)", mg.maximum, (NAN, 1.0), NAN, (NAN, NAN)),
    ("maximum(1, nan)", mg.maximum, (1.0, NAN), NAN, (NAN, NAN)),
    ("minimum(nan, 1)", mg.minimum, (NAN, 1.0), NAN, (NAN, NAN)),
    ("minimum(1, nan)", mg.minimum, (1.0, NAN), NAN, (NAN, NAN)),
]


def with_numbers(function: Callable[..., Any], at: tuple[float, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value(x) for x in at]
    y = function(*leaves)
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def with_arrays(function: Callable[..., Any], at: tuple[float, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value([x, x]) for x in at]
    y = function(*leaves)
    y.backward(np.ones(2))
    return y.data[1], [leaf.grad[1] for leaf in leaves]


def with_graphs(function: Callable[..., Any], at: tuple[float, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value(x) for x in at]
    y = function(*leaves)
    return y.data, [g.data for g in mg.grad(y, leaves)]


def with_graphs_of_arrays(function: Callable[..., Any], at: tuple[float, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value([x, x]) for x in at]
    y = function(*leaves)
    return y.data[1], [g.data[1] for g in mg.grad(y, leaves, seed=np.ones(2))]


WAYS = [with_numbers, with_arrays, with_graphs, with_graphs_of_arrays]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_kinks_and_special_values(way: Callable[..., Any]) -> None:
    def check(kink: Any) -> None:
        _, function, at, value, slopes = kink
        found, gradients = way(function, at)
        assert isinstance(found, float)
        np.testing.assert_allclose(found, value, rtol=1e-15)
        np.testing.assert_allclose(gradients, slopes, rtol=1e-14)

    assert offenders(KINKS, check) == []


ORDERS = [  # function, at, its derivatives of order 1, 2, 3
    (lambda x: x**0, 0.0, (0.0, 0.0, 0.0)),
    (lambda x: x**1, 0.0, (1.0, 0.0, 0.0)),
    (lambda x: x**2, 0.0, (0.0, 2.0, 0.0)),
    (lambda x: x**3, 0.0, (0.0, 0.0, 6.0)),
    (lambda x: x**2.0, 0.0, (0.0, 2.0, 0.0)),
    (lambda x: x**0.5, 0.0, (INF, -INF, INF)),
    (lambda x: x**1.5, 0.0, (0.0, INF, -INF)),
    (lambda x: x ** np.array(2.0), 0.0, (0.0, 2.0, 0.0)),
    (lambda x: x ** np.array(1.0), 0.0, (1.0, 0.0, 0.0)),
    (lambda x: x ** np.array(0.0), 0.0, (0.0, 0.0, 0.0)),
    (mg.relu, 0.0, (0.0, 0.0, 0.0)),
    (mg.relu, 2.0, (1.0, 0.0, 0.0)),
    (mg.abs, 0.0, (0.0, 0.0, 0.0)),
    (mg.abs, -2.0, (-1.0, 0.0, 0.0)),
    (mg.square, 0.0, (0.0, 2.0, 0.0)),
    (lambda x: mg.maximum(x, 2.0 * x), 0.0, (1.5, 0.0, 0.0)),
    (mg.tanh, 0.0, (1.0, 0.0, -2.0)),
    (mg.sigmoid, 0.0, (0.25, 0.0, -0.125)),
    (lambda x: x**5, 1.0, (5.0, 20.0, 60.0)),
    (lambda x: 1.0 / x, 1.0, (-1.0, 2.0, -6.0)),
    (lambda x: mg.where(x > 0.0, x**2, x), 0.0, (1.0, 0.0, 0.0)),
]


@pytest.mark.parametrize(("function", "at", "expected"), ORDERS)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_derivatives_of_order_1_to_3(function: Callable[..., Any], at: float, expected: Any, shape: Any) -> None:
    x = Value(np.full(shape, at))
    y = function(x)
    for slope in expected:
        (y,) = mg.grad(mg.sum(y), [x])
        np.testing.assert_allclose(y.data, np.full(shape, slope), rtol=1e-15)


@pytest.mark.parametrize(
    ("exponent", "expected"), [(-1.0, INF), (0.0, NAN), (0.5, NAN), (1.0, NAN), (1.5, 0.0), (2.0, 0.0)]
)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_mixed_second_derivatives_of_a_power_at_base_0(exponent: float, expected: float, shape: Any) -> None:
    """The same in either order: a**(b - 1) (1 + b log a), which has no value where inf - inf or 0·inf is in it."""
    a, b = Value(np.zeros(shape)), Value(np.full(shape, exponent))
    for first, second in ((a, b), (b, a)):
        (g,) = mg.grad(mg.sum(a**b), [first])
        np.testing.assert_array_equal(mg.grad(mg.sum(g), [second])[0].data, np.full(shape, expected))


TIES = [([1.0, 3.0, 3.0], [0.0, 0.5, 0.5]), ([2.0, 2.0, 2.0], [1 / 3] * 3), ([NAN, 1.0, 2.0], [NAN] * 3)]


@pytest.mark.parametrize(("row", "shares"), TIES)
def test_ties_of_max_share_the_gradient(row: list[float], shares: list[float]) -> None:
    x = np.array([row, [0.0, 1.0, 2.0]])
    np.testing.assert_allclose(slope_of(lambda v: mg.max(v, axis=1), x), [shares, [0.0, 0.0, 1.0]])
    image = np.zeros((1, 1, 2, 3)) - 9.0
    image[0, 0, 0] = row
    pooled = slope_of(lambda v: mg.max_pool2d(v, (2, 3)), image)
    np.testing.assert_allclose(pooled[0, 0, 0], shares)


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        (lambda a, b: a < b, [True, False, False, False]),
        (lambda a, b: a <= b, [True, True, False, False]),
        (lambda a, b: a > b, [False, False, True, False]),
        (lambda a, b: a >= b, [False, True, True, False]),
        (mg.equal, [False, True, False, False]),
    ],
)
def test_comparisons_at_ties_and_nan(compare: Callable[..., Value], expected: list[bool]) -> None:
    a, b = [1.0, 2.0, 3.0, NAN], [2.0, 2.0, 2.0, 2.0]
    assert compare(Value(a), Value(b)).data.tolist() == expected
    assert [compare(Value(x), y).data for x, y in zip(a, b, strict=True)] == expected


# where: nothing comes back from the branch not taken

BRANCHES: list[tuple[str, Callable[[Any], Any], float, float, tuple[float, ...], tuple[float, ...]]] = [
    # what, function, where the bad branch is not taken, where it is, derivatives of order 1 and 2 at the one, the other
    ("sqrt", lambda x: mg.where(x > 0, mg.sqrt(x), 0.0), -1.0, 4.0, (0.0, 0.0), (0.25, -1 / 32)),
    ("sqrt at 0", lambda x: mg.where(x > 0, mg.sqrt(x), 0.0), 0.0, 1.0, (0.0, 0.0), (0.5, -0.25)),
    ("log", lambda x: mg.where(x > 0, mg.log(x), x), -2.0, 2.0, (1.0, 0.0), (0.5, -0.25)),
    ("log at 0", lambda x: mg.where(x > 0, mg.log(x), 3.0 * x), 0.0, 2.0, (3.0, 0.0), (0.5, -0.25)),
    ("x log x", lambda x: mg.where(x > 0, x * mg.log(x), 0.0), 0.0, 1.0, (0.0, 0.0), (1.0, 1.0)),
    ("x log x below", lambda x: mg.where(x > 0, x * mg.log(x), 0.0), -1.0, 2.0, (0.0, 0.0), (1 + math.log(2), 0.5)),
    ("1/x", lambda x: mg.where(mg.abs(x) > 0, 1.0 / x, 0.0), 0.0, 2.0, (0.0, 0.0), (-0.25, 0.25)),
    ("x/x", lambda x: mg.where(mg.equal(x, 0.0), 5.0 * x, x**2 / x), 0.0, 2.0, (5.0, 0.0), (1.0, 0.0)),
    ("exp", lambda x: mg.where(x < 9, mg.exp(x), x), 1000.0, 0.0, (1.0, 0.0), (1.0, 1.0)),
    ("exp of exp", lambda x: mg.where(x < 1, mg.exp(mg.exp(x)), 2.0), 9.0, 0.0, (0.0, 0.0), (math.e, 2 * math.e)),
    ("power", lambda x: mg.where(x > 0, x**-1.5, 0.0), 0.0, 1.0, (0.0, 0.0), (-1.5, 3.75)),
    ("x**1.5", lambda x: mg.where(x > 0, x**1.5, x), 0.0, 1.0, (1.0, 0.0), (1.5, 0.75)),
    ("pow", lambda x: mg.where(x > 0, x ** np.array(0.5), 0.0), -1.0, 1.0, (0.0, 0.0), (0.5, -0.25)),
    ("log1p", lambda x: mg.where(x > -1, mg.log1p(x), 0.0), -1.0, 0.0, (0.0, 0.0), (1.0, -1.0)),
    ("of NaN", lambda x: mg.where(x > 0, mg.sigmoid(mg.log(x)), 0.0), -1.0, 1.0, (0.0, 0.0), (0.25, -0.25)),
    ("abs of NaN", lambda x: mg.where(x > 0, mg.abs(mg.log(x)), x), -1.0, 2.0, (1.0, 0.0), (0.5, -0.25)),
    ("softplus", lambda x: mg.where(x > 0, mg.softplus(mg.log(x)), 0.0), -1.0, 1.0, (0.0, 0.0), (0.5, -0.25)),
    ("division", lambda x: mg.where(x > 0, mg.sqrt(x) / mg.sqrt(x), x), 0.0, 4.0, (1.0, 0.0), (0.0, 0.0)),
    ("the other way", lambda x: mg.where(x <= 0, 0.0, mg.sqrt(x)), -1.0, 4.0, (0.0, 0.0), (0.25, -1 / 32)),
    (
        "nested",
        lambda x: mg.where(x > 0, mg.where(x > 1, mg.log(x - 1.0), mg.sqrt(1.0 - x)), mg.sqrt(-x)),
        -1.0,
        2.0,
        (-0.5, -0.25),
        (1.0, -1.0),
    ),
    (
        "nested, outer not taken",
        lambda x: mg.where(x < 5, mg.where(x > 0, mg.sqrt(x), 1.0 / (x - x)), 0.0),
        7.0,
        4.0,
        (0.0, 0.0),
        (0.25, -1 / 32),
    ),
    (
        "reduced",
        lambda x: mg.where(x > 0, mg.sum(mg.sqrt(mg.stack([x, x])), axis=0), 0.0),
        -1.0,
        4.0,
        (0.0, 0.0),
        (0.5, -1 / 16),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "untaken", "taken", "quiet", "active"), [b[1:] for b in BRANCHES], ids=[b[0] for b in BRANCHES]
)
def test_where_sends_nothing_to_the_branch_not_taken(
    function: Callable[[Any], Any], untaken: float, taken: float, quiet: Any, active: Any
) -> None:
    for x, (first, second) in ((untaken, quiet), (taken, active)):
        leaf = Value(x)
        assert slope_of(function, x) == pytest.approx(first, abs=1e-15)
        (g,) = mg.grad(function(leaf), [leaf])
        assert mg.grad(g, [leaf])[0].data == pytest.approx(second, abs=1e-14)
        g.backward()
        assert leaf.grad == pytest.approx(second, abs=1e-14)
    both = np.array([untaken, taken, untaken])
    np.testing.assert_allclose(slope_of(function, both), [quiet[0], active[0], quiet[0]], rtol=1e-14, atol=1e-15)
    leaf = Value(both)
    (g,) = mg.grad(mg.sum(function(leaf)), [leaf])
    (h,) = mg.grad(mg.sum(g), [leaf])
    np.testing.assert_allclose(h.data, [quiet[1], active[1], quiet[1]], rtol=1e-14, atol=1e-15)


def test_where_with_one_condition_for_a_whole_array() -> None:
    x = Value(np.array([-1.0, 0.0, 4.0]))
    for condition, expected in ((Value(1.0) > 0, [NAN, INF, 0.25]), (Value(-1.0) > 0, [0.0, 0.0, 0.0])):
        x.grad = None
        mg.sum(mg.where(condition, mg.sqrt(x), 0.0)).backward()
        np.testing.assert_array_equal(x.grad, expected)


def test_where_hides_no_nan_of_the_branch_that_is_taken() -> None:
    x = Value(np.array([-1.0, 0.0]))
    y = mg.where(x < 1, mg.sqrt(x), 0.0)
    mg.sum(y).backward()
    np.testing.assert_array_equal(x.grad, [NAN, INF])
    u = Value(NAN)
    assert math.isnan(slope_of(lambda w: mg.where(True, u * w, 0.0), 2.0))


MIXERS = [  # functions that mix elements and keep the shape: (2, 2) in, (2, 2) out
    lambda x: x @ np.array([[1.0, 2.0], [3.0, 4.0]]),
    lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x,
    lambda x: x.T,
    lambda x: x[::-1],
    lambda x: x[np.array([1, 1])],
    lambda x: mg.log_softmax(x),
    lambda x: mg.softmax(x, axis=0),
    lambda x: x.reshape(4)[np.array([3, 0, 1, 2])].reshape(2, 2),
    lambda x: mg.broadcast_to(mg.sum(x, axis=0, keepdims=True), (2, 2)),
    lambda x: x - mg.mean(x),
    lambda x: x.reshape(1, 1, 2, 2).conv2d(np.arange(1.0, 10.0).reshape(1, 1, 3, 3), padding=1).reshape(2, 2),
    lambda x: mg.concatenate([x[1:], x[:1]]),
    lambda x: mg.stack([x[1], x[0]]),
    lambda x: mg.relu(x) @ x,
]


@pytest.mark.parametrize("mix", MIXERS)
def test_where_after_a_function_that_mixes_elements(mix: Callable[[Any], Any]) -> None:
    at, taken = np.array([[0.3, -0.8], [1.1, 0.6]]), np.array([[True, False], [True, True]])
    by_mask = slope_of(lambda x: mg.where(taken, mix(x), 0.0), at)
    by_product = slope_of(lambda x: mix(x) * taken.astype(float), at)
    np.testing.assert_allclose(by_mask, by_product, rtol=1e-14)
    assert np.any(by_mask)


def test_where_keeps_a_second_derivative_where_the_first_is_0() -> None:
    for x, w in ((Value(1.0), Value(0.0)), (Value([1.0, 2.0]), Value([0.0, 3.0]))):
        (g,) = mg.grad(mg.sum(mg.where(x > 0.0, (x * w) ** 2, 0.0)), [w])
        (h,) = mg.grad(mg.sum(g), [w])
        np.testing.assert_allclose(h.data, 2.0 * x.data**2)


def test_a_mask_belongs_to_the_numbers_that_it_was_computed_from() -> None:
    def f(x: Any) -> Any:
        return mg.relu(x) + mg.abs(x) + mg.maximum(x, 1.0) + mg.where(x > 0, x**2, -x) + mg.max(mg.stack([x, -2.0 * x]))

    x = Value(3.0)
    (at_3,) = mg.grad(f(x), [x])
    x.data = -3.0
    (at_minus_3,) = mg.grad(f(x), [x])
    assert at_3.data == 1.0 + 1.0 + 1.0 + 6.0 + 1.0
    assert at_minus_3.data == 0.0 - 1.0 + 0.0 - 1.0 - 2.0
    masks = {node.op.name for node in graph(at_3) if node.op is not None and node.dtype == bool}
    assert masks >= {"greater", "less", "greater_equal"}  # recorded, for whoever evaluates the graph elsewhere


def graph(root: Value) -> list[Value]:
    found, stack = [], [root]
    while stack:
        found.append(stack.pop())
        stack.extend(found[-1].parents)
    return found


# Scalars as IEEE has them: no exception, no warning, no complex number

SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 1e-320, 1e308, -1e308, 710.0, INF, -INF, NAN]
UNARY = [
    *[np.negative, np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.square, np.tanh, np.abs],
    *[lambda x: x**3, lambda x: x**-2, lambda x: x**0.7, lambda x: x ** (1 / 3), lambda x: x**-0.5, lambda x: x**0],
]
BINARY = [
    *[np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum],
    *[np.less, np.less_equal, np.greater, np.greater_equal],
]


def same(found: Any, expected: Any) -> bool:
    """Equal, or both NaN, up to the last digits of C's functions and NumPy's."""
    return bool(np.isclose(found, expected, rtol=1e-15, atol=0, equal_nan=True))


@pytest.mark.parametrize("function", UNARY)
def test_ieee_of_one_scalar(function: Callable[..., Any]) -> None:
    for x in SPECIAL:
        with np.errstate(all="ignore"):
            expected = function(np.array([x]))[0]
        v = Value(x)
        y = function(v)
        assert type(y.data) is float
        assert same(y.data, expected)
        y.backward()
        array = Value([x])
        function(array).backward(np.ones(1))
        assert type(v.grad) is float
        assert same(v.grad, array.grad[0])
        (g,) = mg.grad(y, [v])
        assert same(g.data, v.grad)
        assert type(mg.grad(g, [v])[0].data) is float


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_ieee_of_two_scalars(function: Callable[..., Any]) -> None:
    for a, b in itertools.product(SPECIAL, SPECIAL):
        with np.errstate(all="ignore"):
            expected = function(np.array([a]), np.array([b]))[0]
        v, w = Value(a), Value(b)
        y = function(v, w)
        assert type(y.data) is (bool if expected.dtype == bool else float)
        assert same(y.data, expected)
        if expected.dtype == bool:
            continue
        y.backward()
        arrays = Value([a]), Value([b])
        function(*arrays).backward(np.ones(1))
        graphs = mg.grad(y, [v, w])
        for leaf, array, g in zip((v, w), arrays, graphs, strict=True):
            assert type(leaf.grad) is float
            assert same(leaf.grad, array.grad[0])
            assert same(g.data, leaf.grad)
        total = graphs[0] + graphs[1]
        if total.op is not None:
            assert all(type(h.data) is float for h in mg.grad(total, [v, w]))


@pytest.mark.usefixtures("own_primitives")
def test_a_rule_in_which_python_would_raise_or_turn_complex() -> None:
    root = mg.primitive("root", np.sqrt, [lambda g, y, x: g * 0.5 * x**-0.5])
    inverse = mg.primitive("inverse", lambda x: 1.0 / x, [lambda g, y, x: -g / (x * x)])
    for op, x, slope in ((root, -4.0, NAN), (root, 0.0, INF), (root, 4.0, 0.25), (inverse, 0.0, -INF)):
        v = Value(x)
        op(v).backward()
        np.testing.assert_equal(v.grad, slope)
        np.testing.assert_equal(mg.grad(op(v), [v])[0].data, slope)
