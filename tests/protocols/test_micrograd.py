"""The situations in which micrograd's tests put its engine, with the numbers worked out by hand.

A pyramid at x = −4 in which every node is used twice, and a chain at (a, b) = (−4, 2) of every operator that micrograd
has, names reassigned on the way. Here on every engine, from numbers and arrays, and with rows as inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from every_backend import answer, compiled, every_backend, every_way

import microgradcnn as mg
from microgradcnn import Value


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


def pyramid(x: Any) -> Any:
    """At −4: z = 3x + 2 = −10, q = 0 + zx = 40, h = z² = 100, and the top is 100 + 40 − 160."""
    base = 2 * x + 2 + x
    side = base.relu() + base * x
    square = (base * base).relu()
    return square + side + side * x


def chain(a: Any, b: Any) -> Any:
    """At (−4, 2): c goes −2, −3, −1, d goes 0, 0, 6, and (c − d)² is 49."""
    c, d = a + b, a * b + b**3
    for step in (1, 2):
        if step == 1:
            c += c + 1
            d += d * 2 + (b + a).relu()  # relu(−2): nothing comes back
        else:
            c += 1 + c + (-a)
            d += 3 * d + (b - a).relu()  # relu(6)
    gap = (c - d) ** 2
    total = gap / 2.0
    total += 10.0 / gap
    return total


# dc/da = 2·2 − 1, dc/db = 2·2; dd/da = 4·3·b − 1, dd/db = 4·3·(a + 3b²) + 1
OUTER = (0.5 - 10 / 49**2) * 2 * -7
CHAIN = 24.5 + 10 / 49, [OUTER * (3 - 23), OUTER * (4 - 97)]
PYRAMID = -20.0, [-6 * 10 - 22 + (-22 * -4 + 40)]
SITUATIONS: dict[str, tuple[Callable[..., Any], list[float], tuple[float, list[float]]]] = {
    "pyramid": (pyramid, [-4.0], PYRAMID),
    "chain": (chain, [-4.0, 2.0], CHAIN),
}
every_situation = pytest.mark.parametrize("name", SITUATIONS)


def test_the_numbers_that_are_known() -> None:
    """As PyTorch has them in double precision."""
    assert PYRAMID == (-20.0, [46.0])
    np.testing.assert_allclose(CHAIN[0], 24.70408163265306, rtol=1e-15)
    np.testing.assert_allclose(CHAIN[1], [138.83381924198252, 645.5772594752186], rtol=1e-14)


@every_way
@every_situation
def test_numbers(name: str, way: str) -> None:
    function, at, (value, slopes) = SITUATIONS[name]
    found, gradients = answer(way, function, at)
    np.testing.assert_allclose(found, value, rtol=1e-14)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-14)
    assert all(isinstance(number, float) for number in (found, *gradients))


@every_situation
def test_the_leaves_have_it_in_grad(name: str) -> None:
    function, at, (value, slopes) = SITUATIONS[name]
    leaves = [Value(x) for x in at]
    top = function(*leaves)
    top.backward()
    np.testing.assert_allclose([top.data, top.grad], [value, 1.0], rtol=1e-14)
    np.testing.assert_allclose([leaf.grad for leaf in leaves], slopes, rtol=1e-14)


@every_way
@every_situation
def test_arrays_of_numbers(name: str, way: str) -> None:
    function, at, (value, slopes) = SITUATIONS[name]
    found, gradients = answer(way, lambda *p: mg.sum(function(*p)), [np.full((2, 3), x) for x in at])
    np.testing.assert_allclose(found, 6 * value, rtol=1e-14)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, np.full((2, 3), slope), rtol=1e-14)


@every_backend
@every_situation
def test_recorded_at_1_with_rows(name: str, backend: str) -> None:
    """A parameter that multiplies every input: its gradient is Σ x df/dx."""
    function, at, (value, slopes) = SITUATIONS[name]
    program = compiled(
        backend, lambda *leaves: function(*[leaves[-1] * x for x in leaves[:-1]]), [1.0], [1.0] * len(at)
    )
    found, (gradient,) = program(*[np.full(5, x) for x in at])
    np.testing.assert_allclose(found, value, rtol=1e-14)
    np.testing.assert_allclose(gradient, np.dot(at, slopes), rtol=1e-13)


@every_way
@pytest.mark.parametrize("x", [-1.0, 0.123, 2.0])
def test_tanh_and_exp(x: float, way: str) -> None:
    for function, value, slope in ((mg.tanh, math.tanh(x), 1 / math.cosh(x) ** 2), (mg.exp, math.exp(x), math.exp(x))):
        found, (gradient,) = answer(way, function, [x])
        np.testing.assert_allclose([found, gradient], [value, slope], rtol=1e-14)
