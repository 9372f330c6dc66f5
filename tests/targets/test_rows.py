"""Rows: which losses go row by row, with the means of any number of rows, and which are refused, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from many_cases import slow_but
from test_backends import BACKENDS, by_engine, by_program, difference

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.row_axis import RowsError


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


def slope_of_part(z: Value) -> Value:
    """The gradient of the squares in the first part of z, with zeros for the others."""
    squares = mg.square(z[0])
    return mg.grad(squares, [z], mg.ones_like(squares))[0]


# Losses of x (n, 3), y (n,), a number c without rows, and parameters w (3,) and W (2, 3)

ACCEPTED: dict[str, Callable[..., Any]] = {
    "a mean over everything": lambda x, y, c, w, W: mg.mean(mg.tanh(x * w) * W[0]),
    "a mean over the rows alone": lambda x, y, c, w, W: mg.sum(mg.mean(x @ W.T, axis=0)),
    "means over the rows, weighed": lambda x, y, c, w, W: mg.sum(mg.mean(x @ W.T, axis=0) * W[:, 0]),
    "a mean over the rows, last": lambda x, y, c, w, W: mg.mean(mg.mean(x @ W.T, axis=1)),
    "a mean that keeps its axes": lambda x, y, c, w, W: mg.mean(x @ W.T, keepdims=True)[0, 0],
    "terms without rows": lambda x, y, c, w, W: mg.mean((x @ w - y) ** 2) + 0.1 * (mg.sum(w * w) + mg.sum(W * W)),
    "a number given at the call": lambda x, y, c, w, W: mg.mean((x @ w - y) ** 2) + c * mg.sum(w * w),
    "that number among the rows": lambda x, y, c, w, W: mg.mean(mg.tanh(c * x @ w)),
    "half a mean": lambda x, y, c, w, W: 0.5 * mg.mean((x @ w - y) ** 2),
    "a mean times a parameter": lambda x, y, c, w, W: mg.mean(mg.tanh(x @ w)) * mg.sum(w),
    "a mean divided": lambda x, y, c, w, W: -mg.mean((x @ w - y) ** 2) / (c * c + 1.0),
    "two means": lambda x, y, c, w, W: mg.mean((x @ w - y) ** 2) + mg.mean(mg.abs(x) @ mg.exp(w)),
    "a loss of the parameters only": lambda x, y, c, w, W: mg.sum(mg.sigmoid(w)) + W[0, 0],
    "a loss of the inputs only": lambda x, y, c, w, W: mg.mean(x @ np.ones(3) - y),
    "reshape to -1": lambda x, y, c, w, W: mg.mean(mg.square(mg.reshape(x, (-1, 1, 3)) - W)),
    "reshape to the number of rows": lambda x, y, c, w, W: mg.mean(
        mg.square((x * w).reshape(x.shape[0], 3, 1) - y.reshape(x.shape[0], 1, 1))
    ),
    "rows in one long axis": lambda x, y, c, w, W: mg.mean(mg.square((x * w).reshape(-1) - 0.5)),
    "and back again": lambda x, y, c, w, W: mg.mean((x * w).reshape(-1).reshape(-1, 3) @ W.T),
    "rows in axis 1": lambda x, y, c, w, W: mg.mean(mg.sigmoid(W @ x.T)),
    "rows in axis 1 with y": lambda x, y, c, w, W: mg.mean((w[:2] @ mg.sigmoid(W @ x.T) - y) ** 2),
    "softmax beside rows in axis 1": lambda x, y, c, w, W: mg.mean(mg.log_softmax(W @ x.T, axis=0)[0]),
    "rows in the last of three axes": lambda x, y, c, w, W: mg.mean(
        mg.square(mg.transpose(x.reshape(-1, 3, 1) * W[0], (1, 2, 0)) - y)
    ),
    "concatenation": lambda x, y, c, w, W: mg.mean(mg.concatenate([x, x * w], axis=1) ** 2),
    "concatenation in axis 0 beside rows": lambda x, y, c, w, W: mg.mean(mg.concatenate([W @ x.T, x.T]) ** 2),
    "stack": lambda x, y, c, w, W: mg.mean(mg.stack([x @ w, y], axis=1) ** 2),
    "stack in axis 0": lambda x, y, c, w, W: mg.mean(mg.stack([x @ w, y]) ** 2),
    "the slope of an index beside rows in axis 1": lambda x, y, c, w, W: mg.mean(slope_of_part(mg.stack([x * w, x]))),
    "indices beside the rows": lambda x, y, c, w, W: mg.mean((x * w)[:, [2, 0, 0]] ** 2) + mg.mean((x * w)[..., 1]),
    "a new axis": lambda x, y, c, w, W: mg.mean((x @ w)[None] * y) + mg.mean((x * w)[:, None, ::-1] * W),
    "indices around a new axis": lambda x, y, c, w, W: mg.mean((x * w).reshape(-1, 1, 3)[:, [0], None, [2]]),
    "broadcasting": lambda x, y, c, w, W: mg.mean(mg.broadcast_to(x @ w, (5, x.shape[0])) * mg.exp(W[:1, :1])),
    "broadcasting a column": lambda x, y, c, w, W: mg.mean(
        mg.square(mg.broadcast_to((x @ w)[:, None], (x.shape[0], 4)) - c)
    ),
    "softmax over the classes": lambda x, y, c, w, W: -mg.mean(mg.sum(mg.log_softmax(x @ W.T) * x[:, :2], axis=1)),
    "cross entropy of probabilities": lambda x, y, c, w, W: nn.binary_cross_entropy_with_logits(x @ w, mg.sigmoid(y)),
    "the squared loss": lambda x, y, c, w, W: nn.mse_loss(x @ w, y),
    "an unused input and parameter": lambda x, y, c, w, W: mg.mean(x @ w),
    "an average of windows": lambda x, y, c, w, W: mg.mean(
        mg.square(mg.avg_pool2d((x * w).reshape(-1, 1, 1, 3), (1, 2), 1)[:, 0, 0, 0] - y)
    ),
}


def arrays(n: int, seed: int) -> tuple[list[Any], list[Any]]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, 3)), rng.normal(size=n), rng.normal()], [rng.normal(size=3), rng.normal(size=(2, 3))]


@pytest.mark.parametrize("backend", slow_but("numpy", among=["numpy", "jit"]))
@pytest.mark.parametrize("name", ACCEPTED)
def test_accepted(name: str, backend: str) -> None:
    for recorded, called in ((4, 7), (1, 5), (3, 1), (2, 3)):
        at = arrays(called, seed=called)
        found = by_program(ACCEPTED[name], arrays(recorded, seed=0), at, backend)
        assert difference(found, by_engine(ACCEPTED[name], *at, "float64")) <= 1e-12, (recorded, called)


@pytest.mark.parametrize("name", ["a number given at the call", "means over the rows, weighed", "two means"])
def test_accepted_with_jax(name: str) -> None:
    at = arrays(5, seed=5)
    found = by_program(ACCEPTED[name], arrays(4, seed=0), at, "jax")
    assert difference(found, by_engine(ACCEPTED[name], *at, "float64")) <= 1e-12


RECORDED = "cannot be taken with another number of rows than the 4 it was recorded with"
REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "standard deviation": (lambda x, y, c, w, W: mg.mean((x @ w - mg.mean(x @ w)) ** 2), "uses a mean over rows"),
    "centring": (lambda x, y, c, w, W: mg.mean((x - mg.mean(x, axis=0)) @ w), "uses a mean over rows"),
    "variance": (lambda x, y, c, w, W: mg.mean((x @ w) ** 2) - mg.mean(x @ w) ** 2, "more with its mean"),
    "choice by a mean": (
        lambda x, y, c, w, W: mg.mean(mg.where(mg.mean(x @ w) > 0, x @ w, y)),
        "uses a mean over rows",
    ),
    "maximum": (lambda x, y, c, w, W: mg.max(x @ w), "mixes rows by max"),
    "maximum over the rows alone": (lambda x, y, c, w, W: mg.sum(mg.max(x * w, axis=0)), "mixes rows by max"),
    "sum": (lambda x, y, c, w, W: mg.sum(x @ w), "mixes rows by sum.*write mean for sum"),
    "sum over the rows alone": (lambda x, y, c, w, W: mg.mean(mg.sum(x * w, axis=0)), "mixes rows by sum"),
    "sum divided": (lambda x, y, c, w, W: mg.sum(x @ w) / x.shape[0], "mixes rows by sum.*write mean for sum"),
    "softmax over the rows": (lambda x, y, c, w, W: mg.mean(mg.softmax(x * w, axis=0)), "by log_softmax along axis 0"),
    "softmax over rows in axis 1": (
        lambda x, y, c, w, W: mg.mean(mg.softmax(W @ x.T, axis=1)),
        "by log_softmax along axis 1",
    ),
    "root of a mean": (lambda x, y, c, w, W: mg.sqrt(mg.mean((x @ w - y) ** 2)), "more with its mean"),
    "squared mean": (lambda x, y, c, w, W: mg.mean(x @ w) ** 2, "more with its mean"),
    "product of means": (lambda x, y, c, w, W: mg.mean(x @ w) * mg.mean(mg.exp(x @ w)), "more with its mean"),
    "kernel matrix": (lambda x, y, c, w, W: mg.mean((x * w) @ x.T), "matmul compares every row with every other"),
    "every pair": (lambda x, y, c, w, W: mg.mean((x @ w)[:, None] - y), "sub compares every row with every other"),
    "covariance": (lambda x, y, c, w, W: mg.mean((x * w).T @ x), "mixes rows by matmul"),
    "product over rows": (lambda x, y, c, w, W: (x @ w) @ y, "mixes rows by matmul"),
    "constants with rows": (lambda x, y, c, w, W: mg.mean((x @ w - np.arange(4.0)) ** 2), RECORDED),
    "an array of constants with rows": (lambda x, y, c, w, W: mg.mean((x * np.ones((4, 3))) @ w), RECORDED),
    "class numbers": (lambda x, y, c, w, W: nn.cross_entropy(x @ W.T, np.array([0, 1, 1, 0])), RECORDED),
    "one row": (lambda x, y, c, w, W: mg.mean((x @ w)[0]), "mixes rows by getitem"),
    "some rows": (lambda x, y, c, w, W: mg.mean((x @ w)[1:]), "mixes rows by getitem"),
    "rows up to a number": (lambda x, y, c, w, W: mg.mean((x @ w)[0:4]), "mixes rows by getitem"),
    "rows reversed": (lambda x, y, c, w, W: mg.mean((x @ w)[::-1] * y), "mixes rows by getitem"),
    "rows in axis 1 reversed": (
        lambda x, y, c, w, W: mg.mean((W @ x.T)[:, ::-1] * y),
        "mixes rows by getitem along axis 1",
    ),
    "rows by number": (lambda x, y, c, w, W: mg.mean((x @ w)[[1, 0, 1, 0]]), "mixes rows by getitem"),
    "rows permuted": (lambda x, y, c, w, W: mg.mean((x @ w)[[3, 2, 1, 0]] * y), RECORDED),
    "rows by a mask": (lambda x, y, c, w, W: mg.mean((x @ w)[np.array([True, False, True, True])]), RECORDED),
    "twice as many rows": (lambda x, y, c, w, W: mg.mean(mg.concatenate([x, x]) @ w), "by concatenate along axis 0"),
    "rows and something else": (
        lambda x, y, c, w, W: mg.mean(mg.concatenate([x @ w, w])),
        "by concatenate along axis 0",
    ),
    "transposed, then in one axis": (lambda x, y, c, w, W: mg.mean((x * w).T.reshape(-1)), "mixes rows: the new shape"),
    "transposed, then back by reshape": (
        lambda x, y, c, w, W: mg.mean((x * w).T.reshape(4, 3) @ w),
        "mixes rows: the new shape",
    ),
    "two rows in one": (lambda x, y, c, w, W: mg.mean((x * w).reshape(2, 6) ** 2), "mixes rows: the new shape"),
    "one row in two": (lambda x, y, c, w, W: mg.mean((x * w).reshape(6, 2) ** 2), "mixes rows: the new shape"),
    "rows as height": (
        lambda x, y, c, w, W: mg.mean(mg.conv2d((x * w).reshape(1, 1, -1, 3), np.ones((1, 1, 1, 1)))),
        "by conv2d along axis 2",
    ),
    "rows as filters": (
        lambda x, y, c, w, W: mg.mean(mg.conv2d(np.ones((2, 1, 1, 3)), (x * w).reshape(-1, 1, 1, 3))),
        "by conv2d along axis 1",
    ),
    "rows as pixels to pool": (
        lambda x, y, c, w, W: mg.mean(mg.max_pool2d((x * w).reshape(1, 1, -1, 3), 1)),
        "by max_pool2d along axis 2",
    ),
    "a sum of kernels": (
        lambda x, y, c, w, W: mg.mean(
            TABLE["conv2d_kernel"](images(x * w), images(x), stride=(1, 1), padding=(0, 0), size=(1, 1))
        ),
        "mixes rows by conv2d_kernel",
    ),
    "a slope of a mean": (lambda x, y, c, w, W: mg.sum(mg.grad(mg.mean((x @ w) ** 2), [w])[0] ** 2), RECORDED),
    "a slope for every row": (lambda x, y, c, w, W: mg.mean(mg.grad(mg.sum(mg.tanh(x * w)), [x])[0] ** 2), RECORDED),
}


def images(x: Any) -> Any:
    return x.reshape(-1, 1, 1, 3)


def compiled(loss: Callable[..., Any], backend: str = "numpy", n: int = 4) -> mg.Program:
    inputs, parameters = arrays(n, seed=0)
    leaves = [Value(a, label=name) for a, name in zip([*inputs, *parameters], "xycwW", strict=True)]
    return mg.compile(loss(*leaves), leaves[3:], leaves[:3], backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, backend: str) -> None:
    loss, reason = REFUSED[name]
    with pytest.raises(RowsError, match=reason) as caught:
        compiled(loss, backend)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_a_refusal_names_what_mixes() -> None:
    def loss(x: Value, y: Value, c: Value, w: Value, W: Value) -> Value:
        spread = mg.max(x @ w)
        spread.label = "spread"
        return spread

    with pytest.raises(
        RowsError, match=r"^spread mixes rows by max: one mean over them may end the loss, nothing else$"
    ):
        compiled(loss)


def test_inputs_with_different_numbers_of_rows() -> None:
    x, y = Value(np.ones((4, 3)), label="x"), Value(np.ones(3), label="y")
    with pytest.raises(RowsError, match=r"rows are axis 0 of the inputs.*x has 4, y has 3"):
        mg.compile(mg.mean(x * y), [], [x, y])


def test_a_recording_without_rows() -> None:
    x = Value(np.ones((0, 3)), label="x")
    with pytest.raises(RowsError, match="recorded with no rows"):
        mg.compile(mg.sum(x), [], [x])


def test_arrays_in_a_loss_of_one_example() -> None:
    x, w = Value(2.0, label="x"), Value(np.ones(3), label="w")
    z = x * w
    z.label = "z"
    with pytest.raises(RowsError, match=re.escape("z has shape (3,), but the inputs are scalars")):
        mg.compile(mg.sum(z), [w], [x])


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_further_numbers_may_be_made_of_means(backend: str) -> None:
    """The root of a mean cannot be the loss, whose gradient would need it in every row; beside a loss it may be had."""
    x, y, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(2), label="y"), Value(np.ones(3), label="w")
    mse = nn.mse_loss(x @ w, y)
    program = mg.compile(mse, [w], [x, y], backend, also=[mg.sqrt(mse), mse / 2.0, mg.mean(x) ** 2])
    X, Y = np.arange(12.0).reshape(4, 3) / 7.0, np.array([1.0, -1.0, 0.5, 3.0])
    trainer = program.bind(X, Y)
    error = np.mean((X @ np.ones(3) - Y) ** 2)
    assert trainer.evaluate() == pytest.approx(error, rel=1e-14)
    np.testing.assert_allclose(trainer.also, [np.sqrt(error), error / 2.0, np.mean(X) ** 2], rtol=1e-14)


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_a_penalty_on_slopes_in_scalars(backend: str) -> None:
    """(y − tanh(wx))² + (dŷ/dx)²: a gradient in the loss of one example, differentiated again."""
    x, y, w = (Value(v, label=name) for v, name in ((0.5, "x"), (1.0, "y"), (0.7, "w")))
    guess = mg.tanh(w * x)
    loss = (y - guess) ** 2 + mg.grad(guess, [x])[0] ** 2
    X, Y, v = np.array([0.3, -1.2, 2.0]), np.array([1.0, 0.0, -1.0]), -0.8
    w.data = v
    found, (slope,) = mg.compile(refreshed(loss, x, y, w), [w], [x, y], backend)(X, Y)
    t = np.tanh(v * X)
    s = 1.0 - t**2
    assert found == pytest.approx(np.mean((Y - t) ** 2 + (v * s) ** 2), rel=1e-14)
    assert slope == pytest.approx(np.mean(-2.0 * (Y - t) * s * X + 2.0 * v * s * (s - 2.0 * v * t * s * X)), rel=1e-13)


def refreshed(loss: Value, x: Value, y: Value, w: Value) -> Value:
    """The loss above, at the data that w has now."""
    guess = mg.tanh(w * x)
    return (y - guess) ** 2 + mg.grad(guess, [x])[0] ** 2


# Any shapes


@st.composite
def patterns(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """The shapes of x and y behind their rows, with as many axes, and of a parameter that broadcasts against them."""
    shape = tuple(draw(st.lists(st.integers(1, 3), max_size=3)))
    ones = [tuple(draw(st.sampled_from([1, length])) for length in shape) for _ in range(3)]
    return ones[0], ones[1], ones[2][draw(st.integers(0, len(shape))) :]


@pytest.mark.slow
@given(patterns(), st.integers(1, 4), st.integers(1, 5), st.sampled_from(["numpy", "jit"]), st.booleans())
@example(((), (), ()), 2, 3, "numpy", False)
@example(((3, 1), (1, 2), (2,)), 3, 2, "jit", True)
@settings(max_examples=60)
def test_any_broadcasting(shapes: Any, recorded: int, called: int, backend: str, first: bool) -> None:
    x_shape, y_shape, p_shape = shapes

    def loss(x: Value, y: Value, p: Value) -> Value:
        z = mg.tanh(x * p) - (y if first else 2.0 * y) * p
        return mg.mean(mg.mean(mg.square(z), axis=0)) + 0.1 * mg.sum(p * p)

    def point(n: int, seed: int) -> tuple[list[Any], list[Any]]:
        rng = np.random.default_rng(seed)
        return [rng.normal(size=(n, *x_shape)), rng.normal(size=(n, *y_shape))], [rng.normal(size=p_shape)]

    at = point(called, 1)
    found = by_program(loss, point(recorded, 0), at, backend)
    assert difference(found, by_engine(loss, *at, "float64")) <= 1e-12


@given(st.integers(1, 12), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_reshape_is_refused_or_right(n: int, shape: list[int], random: Any) -> None:
    """Any factorisation of n·m numbers: what is accepted gives the numbers that NumPy gives for other rows."""
    size = int(np.prod(shape))
    length = random.choice([k for k in range(1, n * size + 1) if (n * size) % k == 0])
    new = (length, n * size // length)
    x, p = Value(np.arange(float(n * size)).reshape(n, *shape), label="x"), Value(0.5, label="p")
    weights = np.cos(np.arange(new[1]))
    try:
        program = mg.compile(mg.mean(mg.square(p * x.reshape(new)) * weights), [p], [x])
    except RowsError:
        assert new[0] % n or n == 1
        return
    assume(new[0] % n == 0)
    X = np.sin(np.arange(5.0 * size)).reshape(5, *shape)
    expected = np.mean((0.5 * X.reshape(5 * new[0] // n, new[1])) ** 2 * weights)
    assert program(X)[0] == pytest.approx(expected, rel=1e-12)
