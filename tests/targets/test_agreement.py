"""Where backends could part from the engine, each case on every backend and in the source.

Ties, the tails of losses, empty arrays, arguments that are NumPy's numbers, and primitives of the user's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from many_cases import offenders
from test_backends import by_engine, difference, leaves
from test_source import executed

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.native import jit

WAYS = ("numpy", "jit", "fused", "jax", "source")  # the jit opens small programs into scalars; "fused" keeps it from it
LARGE = 300  # copies of a few numbers, which are too many to be opened into scalars
every_size = pytest.mark.parametrize(
    ("way", "copies"),
    [
        *(pytest.param(way, 1, marks=pytest.mark.slow if way == "jit" else ()) for way in WAYS),
        *(("numpy", LARGE), ("jit", LARGE)),
    ],
    indirect=["way"],
)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    if request.param == "fused":
        monkeypatch.setattr(jit, "OPENED", -1)
    return request.param


def compiled(way: str, loss: Value, wrt: Sequence[Value], inputs: Sequence[Value] = (), **options: Any) -> Any:
    """What gives the loss, the gradients at the parameters of the moment, and the further numbers."""
    program = mg.compile(loss, wrt, inputs, {"fused": "jit", "source": "numpy"}.get(way, way), **options)
    if way == "source":
        run = executed(program.source)
        return lambda *xs: (*run(*xs, *[p.data for p in wrt]), [])[:3]

    def evaluate(*xs: Any) -> Any:
        trainer = program.bind(*xs)
        value = trainer.evaluate()
        return value, [np.array(part) for part in trainer.parts(trainer.gradient)], trainer.also

    return evaluate


# Ties: the gradient is shared equally by the largest, however many they are


def tied(k: int, n: int = 4) -> np.ndarray:
    """k times a number, and n − k smaller ones between them."""
    x = np.full(n, 3.0)
    x[1 : 1 + n - k] = [-1.0, 0.0, 2.0][: n - k]
    return x


def shares(x: np.ndarray) -> np.ndarray:
    """df/dx of the maximum of a vector."""
    return (x == x.max()) / np.sum(x == x.max())


# The kink, and df/dx for a vector x of four numbers with a tie.
KINKS: dict[str, tuple[Callable[[Any], Any], Callable[[np.ndarray], np.ndarray]]] = {
    "max": (lambda x: mg.max(x, axis=-1), shares),
    "max of computed numbers": (lambda x: mg.max(2.0 * x + 1.0, axis=-1), lambda x: 2.0 * shares(x)),
    "max, kept": (lambda x: mg.max(x, axis=-1, keepdims=True) * 3.0, lambda x: 3.0 * shares(x)),
    "max over two axes": (lambda x: mg.max(x.reshape(-1, 2, 2), axis=(1, 2)), shares),
    "max_pool2d": (lambda x: mg.max_pool2d(x.reshape(-1, 1, 2, 2), 2), shares),
    "max_pool2d, along": (lambda x: mg.max_pool2d(x.reshape(-1, 1, 1, 4), (1, 4)), shares),
    "max_pool2d, overlapping": (
        lambda x: mg.max_pool2d(x.reshape(-1, 1, 1, 4), (1, 3), 1),
        lambda x: np.append(shares(x[:3]), 0.0) + np.append(0.0, shares(x[1:])),
    ),
    "maximum": (lambda x: mg.maximum(x, 3.0), lambda x: (x == 3.0) / 2.0),
    "maximum of two": (lambda x: mg.maximum(x, x[..., ::-1]), lambda x: (x > x[::-1]) * 2.0 + (x == x[::-1])),
    "minimum": (lambda x: mg.minimum(x, 3.0), lambda x: (x < 3.0) + (x == 3.0) / 2.0),
    "relu": (lambda x: mg.relu(x - 3.0), lambda x: 0.0 * x),
    "abs": (lambda x: mg.abs(x - 3.0), lambda x: np.sign(x - 3.0)),
    "hinge": (lambda x: mg.relu(6.0 - 2.0 * x), lambda x: -2.0 * (x < 3.0)),
    "where": (lambda x: mg.where(x >= 3.0, 2.0 * x, x), lambda x: 1.0 + (x == 3.0)),
    "median of three": (
        lambda x: mg.maximum(mg.minimum(x, 3.0), mg.minimum(mg.maximum(x, 3.0), 5.0)),
        lambda x: np.where(x == 3.0, 0.5, 0.0),
    ),
}


@every_size
def test_ties(way: str, copies: int) -> None:
    """Recorded away from the ties, as parameters of one program."""
    points = [tied(k) for k in (2, 3, 4)]
    x = np.tile(points, (copies, 1))
    for chosen in [list(KINKS)] if way == "jax" else [[name] for name in KINKS]:
        ps = leaves([np.arange(x.size).reshape(x.shape) % 7 / 8.0] * len(chosen), chosen)
        parts = [mg.sum(KINKS[name][0](p)) for name, p in zip(chosen, ps, strict=True)]
        run = compiled(way, sum(parts[1:], parts[0]), ps)
        for p in ps:
            p.data = x
        found = run()
        for name, gradient in zip(chosen, found[1], strict=True):
            assert np.array_equal(gradient, np.tile([KINKS[name][1](x) for x in points], (copies, 1))), name


def test_ties_over_rows(way: str) -> None:
    """A maxout of weights that start from zero, and images whose pixels are alike."""

    def loss(x: Any, w: Any, b: Any) -> Value:
        pooled = mg.max_pool2d(mg.conv2d(x, w.reshape(1, 1, 2, 2)), 2)
        return mg.mean((mg.max((x.reshape(-1, 25) @ b).reshape(-1, 2, 3), axis=2) - 1.0) ** 2) + mg.mean(pooled)

    X = np.ones((4, 1, 5, 5)) * np.array([0.0, 1.0, -2.0, 3.0]).reshape(4, 1, 1, 1)
    at = [np.array([1.0, -2.0, 0.0, 4.0]), np.zeros((25, 6))]
    x, w, b = leaves([np.linspace(-1.0, 1.0, 75).reshape(3, 1, 5, 5), at[0] / 3.0, at[1] + 0.1], "xwb")
    run = compiled(way, loss(x, w, b), [w, b], [x])
    w.data, b.data = at
    value, gradients, _ = run(X)
    assert difference((value, gradients), by_engine(loss, [X], at, "float64")) <= 1e-13


@pytest.mark.parametrize("way", ["numpy", "jit", "fused", "source"], indirect=True)
def test_a_quotient_is_rounded_as_the_engine_rounds_it(way: str) -> None:
    """3·(1/3), not rounded, is less than 1: a division is no product with an inverse, or relu is not at its kink."""
    (x,) = leaves([np.zeros(12)], "x")
    run = compiled(way, mg.sum(mg.relu(1.0 - x / np.arange(1.0, 13.0))), [x])
    x.data = np.arange(1.0, 13.0)
    assert np.array_equal(run()[1][0], np.zeros(12))


def test_a_point_where_the_numbers_cancel_is_no_cause_for_a_warning(way: str) -> None:
    """Arrays are opened, and lines folded, at numbers that nobody sees."""

    def loss(a: Any, b: Any, c: Any) -> Value:
        return mg.sum(a / (b - c) * np.array([[-0.5, 0.25]])) + mg.sum(mg.log(b - c) @ (a - a))

    at = [np.array([1.0, 3.0]), np.array([[2.0, 4.0]]), np.array(1.0)]
    ps = leaves([np.zeros(2), np.zeros((1, 2)), 0.0], "abc")
    run = compiled(way, loss(*ps), ps)
    for p, data in zip(ps, at, strict=True):
        p.data = data
    assert difference(run()[:2], by_engine(loss, [], at, "float64")) <= 1e-14


# Tails: losses and gradients to 1e-12 of themselves, however small they are

LOGITS = np.array(
    [
        *[[40.0, 0.0, -3.0], [0.0, 40.0, 40.0], [5.0, 5.0, 5.0], [700.0, 0.0, 1.0], [-700.0, 0.0, -690.0]],
        *[[36.7, 0.0, 0.5], [-36.0, 2.0, -80.0], [1e3, 0.0, 900.0], [1e-9, 0.0, -1e-9], [1e3, 1e3, 1e3 - 40.0]],
    ]
)
NUMBERS = np.array([0.0, 1.0, -1.0, 17.5, -20.0, 36.0, -36.0, 40.0, -40.0, 300.0, -300.0, 690.0, -690.0, 1e-9, 800.0])


def exact(function: Callable[..., Any], *arguments: Any) -> float:
    """A number to 400 digits, enough for 1 − exp(−900), rounded once."""
    with mpmath.workdps(400):
        return float(function(*map(mpmath.mpf, arguments)))


def _softplus(x: Any) -> Any:
    return mpmath.log(1 + mpmath.exp(x))


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


def log_share(row: list[float], c: int) -> tuple[float, float, list[float]]:
    """log p and p of class c, and the derivatives of −log p, p_j − [j = c]."""
    with mpmath.workdps(400):
        powers = [mpmath.exp(mpmath.mpf(x) - mpmath.mpf(row[c])) for x in row]
        total = mpmath.fsum(powers)
        slopes = [float(power / total - (j == c)) for j, power in enumerate(powers)]
        return float(-mpmath.log(total)), float(1 / total), slopes


# Losses of numbers: ours, the loss and its derivative.
TAILS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Callable[[Any], Any]]] = {
    "softplus": (mg.softplus, _softplus, _sigmoid),
    "log sigmoid": (lambda x: -mg.softplus(-x), lambda x: -_softplus(-x), lambda x: _sigmoid(-x)),
    "bce, 0": (lambda x: 0.0 * mg.softplus(-x) + 1.0 * mg.softplus(x), lambda x: _softplus(x), lambda x: _sigmoid(x)),
    "bce, 1": (lambda x: 1.0 * mg.softplus(-x), lambda x: _softplus(-x), lambda x: -_sigmoid(-x)),
    "log1p of exp": (
        lambda x: mg.log1p(mg.exp(-mg.abs(x))),
        lambda x: _softplus(-abs(x)),
        lambda x: -mpmath.sign(x) * _sigmoid(-abs(x)),
    ),
    "sigmoid, left": (
        lambda x: mg.sigmoid(-mg.abs(x)),
        lambda x: _sigmoid(-abs(x)),
        lambda x: -mpmath.sign(x) * _sigmoid(-abs(x)) * _sigmoid(abs(x)),
    ),
    "expm1": (
        lambda x: mg.expm1(-mg.abs(x)),
        lambda x: mpmath.expm1(-abs(x)),
        lambda x: -mpmath.sign(x) * mpmath.exp(-abs(x)),
    ),
}


def is_close(found: Any, expected: Any) -> bool:
    """To 1e-12 of every number itself."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    return found.shape == expected.shape and bool(np.all(np.abs(found - expected) <= 1e-12 * np.abs(expected)))


@every_size
def test_the_tails_of_losses_of_numbers(way: str, copies: int) -> None:
    x = np.tile(NUMBERS, copies)
    ps = leaves([np.linspace(-1.0, 1.0, x.size)] * len(TAILS), list(TAILS))
    losses = [ours(p) for (ours, _, _), p in zip(TAILS.values(), ps, strict=True)]
    total = sum((mg.sum(v) for v in losses[1:]), mg.sum(losses[0]))
    run = compiled(way, total, ps, also=[v[i] for v in losses for i in range(len(NUMBERS))])
    for p in ps:
        p.data = x
    with np.errstate(over="ignore"):  # of which NumPy warns in the source
        _, gradients, values = run()
    for i, (name, (_, loss, slope)) in enumerate(TAILS.items()):
        assert is_close(values[i * len(NUMBERS) :][: len(NUMBERS)], [exact(loss, v) for v in NUMBERS]), name
        assert is_close(gradients[i][: len(NUMBERS)], [exact(slope, v) for v in NUMBERS]), name


@every_size
@pytest.mark.parametrize("axis", [0, 1])
def test_the_tails_of_log_softmax(way: str, axis: int, copies: int) -> None:
    """−log p of every class and its gradient p_j − [j = class], and p itself, of logits recorded elsewhere."""
    logits = np.tile(LOGITS, (copies, 1)) if axis else np.tile(LOGITS, (copies, 1)).T
    ps = leaves([np.linspace(-1.0, 1.0, logits.size).reshape(logits.shape)] * 3, "abc")  # one for each class
    log_ps = [mg.log_softmax(p, axis=axis)[(slice(None), c) if axis else c] for c, p in enumerate(ps)]
    also = [v[i] for log_p in log_ps for v in (-log_p, mg.exp(log_p)) for i in range(len(LOGITS))]
    run = compiled(way, -mg.sum(log_ps[0]) - mg.sum(log_ps[1]) - mg.sum(log_ps[2]), ps, also=also)
    for p in ps:
        p.data = logits
    _, gradients, values = run()
    for c in range(3):
        expected = [log_share(row, c) for row in LOGITS.tolist()]
        losses, shares = np.reshape(values, (3, 2, -1))[c]
        assert is_close(losses, [-log_p for log_p, _, _ in expected]), c
        assert is_close(shares, [p for _, p, _ in expected]), c
        gradient = gradients[c] if axis else gradients[c].T
        assert is_close(gradient[: len(LOGITS)], [slopes for _, _, slopes in expected]), c


@pytest.mark.parametrize("target", [[0], [1], [2]])
def test_infinite_logits(way: str, target: list[int]) -> None:
    """A class that is masked out by −inf has probability 0, and two that are +inf have none."""
    points = [
        [-np.inf, -np.inf, 1.0],
        [-np.inf, 2.0, 3.0],
        [1.0, np.inf, 0.0],
        [np.inf, np.inf, 1.0],
        [np.nan, 1.0, 2.0],
    ]
    (p,) = leaves([[[0.1, 0.2, 0.3]]], "p")
    run = compiled(way, nn.cross_entropy(p, np.array(target)), [p])
    for x in points:
        p.data = np.array([x])
        with np.errstate(invalid="ignore"):
            value, gradients, _ = run()
        wanted, expected = by_engine(lambda p: nn.cross_entropy(p, np.array(target)), [], [[x]], "float64")
        assert np.allclose(value, wanted, 1e-12, 0.0, equal_nan=True), x
        assert np.allclose(gradients, expected, 1e-12, 0.0, equal_nan=True), x


# Empty arrays

Z = np.zeros
EMPTY: dict[str, tuple[Callable[..., Any], list[np.ndarray]]] = {
    "sum": (lambda x: mg.sum(x), [Z(0)]),
    "mean": (lambda x: mg.mean(x), [Z(0)]),
    "mean, no axis left": (lambda x: mg.mean(x) + mg.sum(x), [Z((0, 3))]),
    "mean over the empty axis": (lambda x: mg.sum(mg.mean(x, axis=0)), [Z((0, 3))]),
    "mean over the empty axis, kept": (lambda x: mg.sum(mg.mean(x, axis=1, keepdims=True) * 2.0), [Z((3, 0))]),
    "mean over the other axis": (lambda x: mg.sum(mg.mean(x, axis=1)), [Z((0, 3))]),
    "mean of two empty axes": (lambda x: mg.sum(mg.mean(x, axis=0)), [Z((0, 0))]),
    "sum over the empty axis": (lambda x: mg.sum(mg.sum(x, axis=1) + 1.0), [Z((3, 0))]),
    "sum over the other axis": (lambda x: mg.sum(mg.sum(x, axis=1)) + 1.0, [Z((0, 3))]),
    "max over the other axis": (lambda x: mg.sum(mg.max(x, axis=1)), [Z((0, 3))]),
    "matmul, inner": (lambda x, y: mg.sum(x @ y + 1.0), [Z((2, 0)), Z((0, 3))]),
    "matmul, outer": (lambda x, y: mg.sum(x @ y) + mg.sum(y), [Z((0, 2)), np.ones((2, 3))]),
    "matrix and vector": (lambda x, y: mg.sum(x @ y + 1.0), [Z((2, 0)), Z(0)]),
    "two vectors": (lambda x, y: x @ y + 1.0, [Z(0), Z(0)]),
    "stacks of matrices": (lambda x, y: mg.sum(x @ y + 1.0), [Z((2, 3, 0)), Z((2, 0, 4))]),
    "conv2d of no image": (lambda x, w: mg.sum(mg.conv2d(x, w)) + mg.sum(w), [Z((0, 1, 3, 3)), np.ones((1, 1, 2, 2))]),
    "avg_pool2d of no image": (lambda x: mg.sum(mg.avg_pool2d(x, 2)), [Z((0, 1, 4, 4))]),
    "avg_pool2d of no channel": (lambda x: mg.sum(mg.avg_pool2d(x, 2)) + 1.0, [Z((2, 0, 4, 4))]),
    "max_pool2d of no image": (lambda x: mg.sum(mg.max_pool2d(x, 2)), [Z((0, 1, 4, 4))]),
    "max_pool2d of no channel": (lambda x: mg.sum(mg.max_pool2d(x, 2)) + 1.0, [Z((2, 0, 4, 4))]),
    "unfold": (lambda x: mg.sum(TABLE["unfold"](x, size=(2, 2), stride=(1, 1))), [Z((0, 1, 3, 3))]),
    "concatenate": (lambda x, y: mg.sum(mg.concatenate([x, y]) ** 2), [Z(0), np.ones(3)]),
    "concatenate nothing": (lambda x, y: mg.sum(mg.concatenate([x, y]) ** 2), [Z(0), Z(0)]),
    "stack": (lambda x, y: mg.sum(mg.stack([x, y], axis=1)), [Z(0), Z(0)]),
    "log_softmax": (lambda x: mg.sum(mg.log_softmax(x)), [Z((0, 3))]),
    "cross-entropy of nothing": (lambda x: nn.cross_entropy(x, Z(0, int)), [Z((0, 3))]),
    "an empty slice": (lambda x: mg.sum(x[1:1]) + 1.0, [np.ones(3)]),
    "an empty slice's mean": (lambda x: mg.mean(x[1:1]) + mg.sum(x), [np.ones(3)]),
    "no indices": (lambda x: mg.sum(x[np.array([], int)]) + 1.0, [np.ones(3)]),
    "no indices, two columns": (lambda x: mg.sum(x[Z((0, 2), int)]) + 1.0, [np.ones(3)]),
    "an empty mask": (lambda x: mg.sum(x[Z(3, bool)]) + 1.0, [np.ones(3)]),
    "reshape": (lambda x: mg.sum(x.reshape(3, 0)) + 1.0, [Z((0, 3))]),
    "transpose": (lambda x: mg.sum(x.T * 2.0) + 1.0, [Z((0, 3))]),
    "broadcast_to": (lambda x: mg.sum(mg.broadcast_to(x, (0, 3))) + mg.sum(x), [np.ones(3)]),
    "broadcasting": (lambda x, y: mg.sum(x * y) + mg.sum(y), [Z((0, 3)), np.ones(3)]),
    "operations": (
        lambda x: mg.sum(mg.exp(x) * mg.sigmoid(x) + mg.relu(x) ** 3 + mg.tanh(x) / mg.maximum(x, 1.0)),
        [Z((0, 3))],
    ),
    "where": (lambda x: mg.sum(mg.where(x > 0.0, x, 0.0)) * 2.0, [Z((0, 3))]),
    "a constant": (lambda x: mg.sum(x * Z((0, 3))) + mg.sum(x), [np.ones(3)]),
    "a constant matrix": (lambda x: mg.sum(Z((0, 3)) @ x) + mg.sum(x), [np.ones(3)]),
    "a constant without columns": (lambda x: mg.sum(Z((2, 0)) @ x + 1.0), [Z((0, 3))]),
}
EMPTY_ROWS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "no features": (lambda x, p: mg.mean(mg.sum(x, axis=1) * p + p), (0,)),
    "no features, meant": (lambda x, p: mg.mean(x * p) + p, (0,)),
    "no features, meant in two steps": (lambda x, p: mg.mean(mg.mean(x, axis=1) * p) + p, (0,)),
    "no channels": (lambda x, p: mg.mean(mg.sum(mg.max_pool2d(x, 2), axis=(1, 2, 3)) * p + p), (0, 2, 2)),
    "an empty slice": (lambda x, p: mg.mean(mg.sum(x[:, 1:1], axis=1) * p + p), (2,)),
    "the largest of none": (lambda x, p: mg.mean(mg.sum(mg.max(x[:, :, 1:1], axis=1), axis=1) * p + p), (2, 2)),
    "no class": (lambda x, p: mg.mean(mg.sum(mg.log_softmax(x[:, :0]), axis=(1, 2)) * p + p), (2, 2)),
}


def test_empty_arrays(way: str) -> None:
    def check(case: str) -> None:
        loss, arrays = EMPTY[case]
        ps = leaves(arrays, "pq"[: len(arrays)])
        value, gradients, _ = compiled(way, loss(*ps), ps)()
        wanted, expected = by_engine(loss, [], arrays, "float64")
        assert np.array_equal(value, wanted, equal_nan=True)
        assert [np.shape(g) for g in gradients] == [x.shape for x in arrays]
        assert all(np.array_equal(g, e, equal_nan=True) for g, e in zip(gradients, expected, strict=True))

    assert offenders(EMPTY, check) == []


@pytest.mark.parametrize("case", EMPTY_ROWS)
def test_rows_with_nothing_in_them(way: str, case: str) -> None:
    loss, shape = EMPTY_ROWS[case]
    x, p = leaves([Z((3, *shape)), 2.0], "xp")
    run = compiled(way, loss(x, p), [p], [x])
    found = run(np.ones((5, *shape)))[:2]
    wanted, (slope,) = by_engine(loss, [np.ones((5, *shape))], [2.0], "float64")
    assert np.allclose([found[0], float(found[1][0])], [wanted, slope], 1e-15, 0.0, equal_nan=True)


# Arguments that are NumPy's numbers

i64, T = np.int64, TABLE
X = np.random.default_rng(0).normal(size=(3, 4))
ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "an index": lambda x: x[i64(2)],
    "two indices": lambda x: x[i64(2), np.int8(-1)],
    "a slice": lambda x: x[i64(1) : i64(3)],
    "steps": lambda x: x[:: i64(2), :: -i64(1)],
    "an unsigned index": lambda x: x[np.uint64(1)],
    "behind an ellipsis": lambda x: x[..., i64(1)],
    "behind a new axis": lambda x: x[None, i64(1)],
    "an array of indices": lambda x: x[np.array([0, 0, 2], np.int32)],
    "an array and a slice": lambda x: x[np.array([[0, 1], [2, 2]]), i64(1) :],
    "a mesh": lambda x: x[np.ix_([0, 2], [1, 3])],
    "a list": lambda x: x[[0, 1]],
    "no index": lambda x: x[()],
    "an array of one": lambda x: x[np.array(1)],
    "a mask": lambda x: x[np.array([True, False, True])],
    "a mask of numbers": lambda x: x[X > 0],
    "true": lambda x: x[np.bool_(True)],
    "false": lambda x: x[np.bool_(False)],
    "reshape": lambda x: x.reshape(*np.array([4, 3])),
    "broadcast_to": lambda x: mg.broadcast_to(x, np.array([2, 3, 4])),
    "sum": lambda x: mg.sum(x, axis=i64(1)),
    "mean": lambda x: mg.mean(x, axis=np.array([0, 1])),
    "max": lambda x: mg.max(x, axis=(i64(-1),)),
    "log_softmax": lambda x: mg.log_softmax(x, axis=np.int32(0)),
    "transpose": lambda x: mg.transpose(x, (i64(1), i64(0))),
    "transpose, from the end": lambda x: mg.transpose(x, np.array([-1, 0])),
    "concatenate": lambda x: mg.concatenate([x, 2.0 * x], axis=i64(1)),
    "stack": lambda x: mg.stack([x, 2.0 * x], axis=np.int16(-1)),
    "astype": lambda x: mg.astype(mg.astype(x, np.dtype("float64")), np.float64),
    "power": lambda x: mg.abs(x) ** i64(3) + mg.abs(x) ** np.float64(1.5),
    "power, single": lambda x: mg.abs(x) ** np.float32(0.5),
    "the primitive power": lambda x: T["power"](mg.abs(x), exponent=np.float64(2.5)),
    "the primitive power, whole": lambda x: T["power"](mg.abs(x), exponent=i64(11)),
    "the primitive getitem": lambda x: T["getitem"](x, index=(i64(1), Ellipsis)),
    "the primitive scatter": lambda x: T["scatter"](x, index=(slice(i64(1), i64(4)),), shape=(i64(5), i64(4))),
    "a number": lambda x: x * np.float64(2.5) + i64(3) + np.bool_(True),
    "infinity": lambda x: mg.minimum(x, np.array([np.inf, 1.0, -0.5, 2.0])),
    "a boolean constant": lambda x: mg.where(np.array([True, False, True, False]), x, 0.0),
    "conv2d": lambda x: mg.conv2d(x.reshape(1, 1, 3, 4), np.ones((1, 1, 2, 2)), i64(1), (i64(1), i64(0))),
    "pooling": lambda x: (
        mg.avg_pool2d(x.reshape(1, 1, 3, 4), i64(2), i64(1))
        + mg.max_pool2d(x.reshape(1, 1, 3, 4), (i64(2), i64(2)), (i64(1), i64(1)))
    ),
    "the primitive conv2d": lambda x: T["conv2d"](
        x.reshape(1, 1, 3, 4), np.ones((1, 1, 2, 2)), stride=(i64(1), i64(1)), padding=(i64(0), i64(1))
    ),
    "the primitives of windows": lambda x: T["fold"](
        T["unfold"](x.reshape(1, 1, 3, 4), size=(i64(2), i64(2)), stride=(i64(1), i64(2))),
        **{"image": (i64(3), i64(4)), "stride": (i64(1), i64(2))},
    ),
}


@pytest.mark.slow
def test_arguments_that_are_numpys_numbers(way: str) -> None:
    def check(case: str) -> None:
        def loss(x: Any) -> Value:
            return mg.sum(mg.square(ARGUMENTS[case](x))) + mg.sum(x)

        (x,) = leaves([X], "x")
        f = loss(x)
        assert "np." not in mg.compile(f, [x]).source
        value, gradients, _ = compiled(way, f, [x])()
        assert difference((value, gradients), by_engine(loss, [], [X], "float64")) <= 1e-14

    assert offenders(ARGUMENTS, check) == []


# Primitives of the user's own: the jit leaves the program to NumPy, and JAX says what it needs


def own() -> dict[str, Callable[[Any], Any]]:
    """Primitives that work element by element, with `scalar` and without, and one of whole arrays."""
    cube, make = [lambda g, y, x: g * 3.0 * x * x], mg.primitive
    floor = make("own_floor", np.floor, [None])
    hypot = make("own_hypot", np.hypot, [lambda g, y, a, b: g * a / y, None])
    bell = make(
        "own_bell",
        lambda x, width: np.exp(-x * x / width),
        [lambda g, y, x, width: g * y * (-2.0 * x / width)],
        scalar=lambda x, width: math.exp(-x * x / width),
    )
    return {
        "with scalar": make("own_cube", lambda x: x**3.0, cube, scalar=lambda x: x * x * x),
        "with an argument": lambda x: bell(x, width=2.0),
        "without scalar": make("own_power", lambda x: np.power(x, 3.0), cube),
        "a ufunc": lambda x: floor(x) * x,
        "a ufunc of two": lambda x: hypot(x, 2.0),
        "of an array": make("own_norm", lambda x: np.sqrt(np.sum(x * x)), [lambda g, y, x: g * x / y]),
    }


OWN_FORMS: dict[str, tuple[Callable[..., Any], tuple[int, ...], tuple[int, ...] | None]] = {
    "an array": (lambda own, p: mg.sum(own(p) * 2.0), (3,), None),
    "a number": (lambda own, p: own(p) * p, (), None),
    "small rows": (lambda own, p, x: mg.mean(own(x[:, :3] * p) ** 2), (3,), (4, 3)),
    "large rows": (lambda own, p, x: mg.mean(mg.tanh(own(x @ p)) ** 2), (30, 40), (7, 30)),
    "one example": (lambda own, p, x: own(p * x) ** 2 + p, (), (6,)),
}


@pytest.mark.filterwarnings("ignore:NumPy runs a part of this program")
@pytest.mark.parametrize("form", OWN_FORMS)
@pytest.mark.parametrize("way", ["numpy", "jit", "fused"], indirect=True)
def test_primitives_of_ones_own(way: str, form: str, own_primitives: None) -> None:
    build, shape, rows = OWN_FORMS[form]
    rng = np.random.default_rng(1)
    at = rng.normal(size=shape)
    data = [] if rows is None else [rng.normal(size=rows)]
    for name, function in own().items():
        if name == "of an array" and "rows" in form:
            continue  # it mixes them, and is refused by name

        def loss(*given: Any, own: Any = function) -> Value:
            *x, p = given
            return build(own, p, *x)

        p = Value(np.full(shape, 0.7), label="p")
        inputs = leaves([x if form != "one example" else 0.3 for x in data], "x" * len(data))
        run = compiled(way, loss(*inputs, p), [p], inputs)
        p.data = at
        value, gradients, _ = run(*data)
        points = [[x] for x in data[0]] if form == "one example" else [data]
        rowwise = [by_engine(loss, point, [at], "float64") for point in points]
        assert np.allclose(value, np.mean([f for f, _ in rowwise]), 1e-13, 0.0), name
        assert np.allclose(gradients[0], np.mean([g[0] for _, g in rowwise], axis=0), 1e-13, 1e-15), name


@pytest.mark.parametrize("form", OWN_FORMS)
@pytest.mark.parametrize("ask", [lambda loss, p, x: mg.compile(loss, p, x).source, lambda *a: mg.compile(*a, "jax")])
def test_source_and_jax_say_what_a_primitive_of_ones_own_lacks(form: str, ask: Any, own_primitives: None) -> None:
    build, shape, rows = OWN_FORMS[form]
    inputs = [] if rows is None else leaves([0.3 if form == "one example" else np.ones(rows)], "x")
    p = Value(np.full(shape, 0.7), label="p")
    with pytest.raises(ValueError, match=r"^the primitive 'own_cube' has no line in Python.* targets=") as caught:
        ask(build(own()["with scalar"], p, *inputs), [p], inputs)
    assert "\n" not in str(caught.value)
