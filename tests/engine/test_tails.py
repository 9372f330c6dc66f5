"""The tails of every loss, value and gradient, on every engine: 1e-12 relative to mpmath's fifty digits.

A gradient in a factor of 1 is the value that it stands beside, so that one program shows the value of every element.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from every_backend import HERE, answer, compiled, every_size, every_way, padded
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value, nn

mpmath.mp.dps = 50
EXACT = 1e-12
TINY = float(np.finfo(float).tiny)  # the smallest normal double
EPSILON = float(np.finfo(float).eps)

SIZES = (0.0, 1e-300, 1e-9, 0.1, 0.7, 1.0, 3.0, 17.0, 36.7, 40.0, 300.0, 707.0, 745.0, 800.0, 1000.0)
TAILS = [sign * x for x in SIZES for sign in (1, -1)]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


def exactly(found: Any, true: Any, what: Any) -> None:
    """To 1e-12 relative; what is below the normal doubles only has to be as small."""
    if abs(true) < TINY:
        assert abs(found) <= TINY, (what, found, true)
    else:
        assert abs((mpmath.mpf(float(found)) - true) / true) <= EXACT, (what, found, mpmath.nstr(true, 20))


def sigmoid(x: float) -> Any:
    return 1 / (1 + mpmath.exp(-mpmath.mpf(x)))


def softplus(x: float) -> Any:
    return mpmath.log1p(mpmath.exp(mpmath.mpf(x)))


class Shares:
    """Softmax of a row: p, 1 − p without cancelling, and log p."""

    def __init__(self, row: Sequence[float]) -> None:
        powers = [mpmath.exp(mpmath.mpf(x)) for x in row]
        total = mpmath.fsum(powers)
        self.p = [power / total for power in powers]
        self.rest = [mpmath.fsum(powers[:i] + powers[i + 1 :]) / total for i in range(len(row))]
        self.log = [
            -mpmath.log1p(r / (1 - r)) if r < 0.5 else mpmath.log(p) for p, r in zip(self.p, self.rest, strict=True)
        ]


ROWS: list[list[list[float]]] = [  # of one length each
    [[40.0, 0.0], [0.0, 40.0], [800.0, 0.0], [0.0, 800.0], *[[x, 0.0] for x in TAILS]],
    [*[[x, 0.0, 0.0] for x in TAILS], [37.0, 37.0 + 1e-9, 36.0], [-800.0, -801.0, -1545.0], [500.0] * 3],
    [*[[x, 1.0, -1.0, 1000.0, -1000.0] for x in TAILS[::3]], [1e-9, 0.0, -1e-9, 2e-9, 40.0]],
]
every_length = pytest.mark.parametrize("rows", slow_but(ROWS[0], among=ROWS), ids=lambda r: f"{len(r[0])} classes")


def asked(way: str, loss: Callable[..., Value], parameters: Sequence[Any]) -> Callable[..., Any]:
    """The gradients of a loss as a function of its parameters; a program is compiled once."""
    if way in HERE[:2]:
        return lambda *at: answer(way, loss, at)
    program = compiled(way, loss, parameters)

    def ask(*at: Any) -> Any:
        for p, data in zip(program.parameters, at, strict=True):
            p.data = data
        return program()

    return ask


def test_the_oracle() -> None:
    """What others say of the best-known of these numbers."""
    assert float(-Shares([40.0, 0.0]).log[0]) == 4.248354255291589e-18
    assert float(softplus(-40.0)) == 4.248354255291589e-18
    assert float(-Shares([800.0, 0.0]).log[1]) == 800.0


@every_way
@every_size
@every_length
def test_cross_entropy(rows: list[list[float]], size: str, way: str) -> None:
    for target in range(len(rows[0])):
        loss, (start, *more), _ = padded(size, lambda x, t=target: nn.cross_entropy(x, np.array([t])), [[rows[0]]])
        if way == "jax" and target:
            break  # one program is enough: it takes long to compile
        ask = asked(way, loss, [start, *more])
        for row in rows:
            true = Shares(row)
            value, (gradient, *_) = ask(np.array([row]), *more)
            exactly(value, -true.log[target], (row, target))
            for j, slope in enumerate(gradient[0]):
                exactly(slope, -true.rest[j] if j == target else true.p[j], (row, target, j))


@every_way
@every_size
def test_cross_entropy_of_rows_with_their_classes(size: str, way: str) -> None:
    """Logits and class numbers as inputs, one row at a time."""

    def loss(x: Any, y: Any, p: Any) -> Value:
        return nn.cross_entropy(x + p, y)

    loss, parameters, more = padded(size, loss, [np.zeros(2)], [np.zeros((1, 2)), np.zeros(1)])
    cases = [([x, 0.0], target) for x in TAILS for target in (0, 1)]
    program = None if way in HERE[:2] else compiled(way, loss, parameters, more)
    for row, target in cases:
        inputs = [np.array([row]), np.array([float(target)]), *more[2:]]
        value, (gradient, *_) = program(*inputs) if program else answer(way, loss, parameters, inputs)
        true = Shares(row)
        exactly(value, -true.log[target], (row, target))
        for j, slope in enumerate(gradient):
            exactly(slope, -true.rest[j] if j == target else true.p[j], (row, target, j))


@every_way
@every_size
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_binary_cross_entropy(target: float, size: str, way: str) -> None:
    loss, parameters, _ = padded(
        size, lambda a: nn.binary_cross_entropy_with_logits(a, np.array([target])), [np.zeros(1)]
    )
    ask = asked(way, loss, parameters)
    for x in TAILS:
        value, (gradient, *_) = ask(np.array([x]), *parameters[1:])
        exactly(value, softplus(x if target == 0 else -x), (x, target))
        exactly(gradient[0], sigmoid(x) if target == 0 else -sigmoid(-x), (x, target))


@every_way
@every_size
def test_softplus_and_sigmoid(size: str, way: str) -> None:
    """Values to 1e-12 relative, softplus's gradient too; sigmoid's absolute, as the table of conventions says."""
    x, ones = np.array(TAILS), np.ones(len(TAILS))
    loss, parameters, _ = padded(size, lambda x, q: mg.sum(mg.softplus(x) * q), [x, ones])
    _, (slopes, values, *_) = answer(way, loss, parameters)
    for point, value, slope in zip(TAILS, values, slopes, strict=True):
        exactly(value, softplus(point), point)
        exactly(slope, sigmoid(point), point)
    loss, parameters, _ = padded(size, lambda x, q: mg.sum(mg.sigmoid(x) * q), [x, ones])
    _, (slopes, values, *_) = answer(way, loss, parameters)
    for point, value, slope in zip(TAILS, values, slopes, strict=True):
        exactly(value, sigmoid(point), point)
        assert abs(mpmath.mpf(float(slope)) - sigmoid(point) * sigmoid(-point)) <= EPSILON, point


@every_way
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_softplus_and_sigmoid_of_numbers(sign: float, way: str) -> None:
    """In scalars, one row: log(1 + exp(±ax)) and its derivative in a, the logistic loss as a lecture writes it."""

    def loss(x: Any, a: Any) -> Value:
        return mg.softplus(sign * (a * x))

    def share(x: Any, a: Any) -> Value:
        return mg.sigmoid(sign * (a * x))

    programs = None if way in HERE[:2] else [compiled(way, f, [1.0], [0.3]) for f in (loss, share)]
    for x in TAILS:
        (value, (slope,)), (p, _) = (
            [program(x) for program in programs] if programs else [answer(way, f, [1.0], [x]) for f in (loss, share)]
        )
        exactly(value, softplus(sign * x), x)
        exactly(slope, sign * mpmath.mpf(x) * sigmoid(sign * x), x)
        exactly(p, sigmoid(sign * x), x)


@every_way
@every_size
@every_length
def test_log_softmax_and_softmax(rows: list[list[float]], size: str, way: str) -> None:
    x = np.array(rows)
    truths = [Shares(row) for row in rows]
    classes = range(x.shape[1])
    for function in (mg.log_softmax, mg.softmax):
        loss, parameters, _ = padded(size, lambda x, q, f=function: mg.sum(f(x) * q), [x, np.zeros(x.shape)])
        ask = asked(way, loss, parameters)
        for i in classes:  # the gradient of the share of class i
            one = np.zeros(x.shape)
            one[:, i] = 1.0
            _, (slopes, values, *_) = ask(x, one, *parameters[2:])
            for (row, true), j in itertools.product(enumerate(truths), classes):
                what = function.__name__, rows[row], i, j
                if function is mg.log_softmax:
                    exactly(values[row, j], true.log[j], what)
                    exactly(slopes[row, j], true.rest[i] if i == j else -true.p[j], what)
                else:
                    exactly(values[row, j], true.p[j], what)
                    exactly(slopes[row, j], true.p[i] * (true.rest[i] if i == j else -true.p[j]), what)


@every_way
def test_log_softmax_of_stacked_scalars(way: str) -> None:
    ask = asked(way, lambda a, b, c: -mg.log_softmax(mg.stack([a, b, c]))[0], [1.0, 0.0, 2.0])
    for row in ROWS[1]:
        true = Shares(row)
        value, gradient = ask(*row)
        exactly(value, -true.log[0], row)
        for j, slope in enumerate(gradient):
            exactly(slope, true.p[j] if j else -true.rest[0], (row, j))


@every_way
def test_a_model_that_is_sure(way: str) -> None:
    """The weights' gradients: (p − [class]) x, where x·w is (40, 0), and a batch of one."""
    x = np.array([[8.0, 4.0]])

    def loss(x: Any, w: Any) -> Value:
        return nn.cross_entropy(x @ w, np.array([0]))

    w = np.array([[4.0, 0.0], [2.0, 0.0]])
    value, (gradient,) = answer(way, lambda w: loss(x, w), [w])
    true = Shares([40.0, 0.0])
    exactly(value, -true.log[0], "loss")
    for (i, row), (j, sign) in itertools.product(enumerate(x[0]), enumerate((-1, 1))):
        exactly(gradient[i, j], mpmath.mpf(row) * sign * true.rest[0], (i, j))
