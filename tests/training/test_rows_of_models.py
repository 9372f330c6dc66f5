"""Rows for any model: one of single numbers, one layer after another, recurrences of one's own; and what is refused."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.fit import evaluate, fit

RNG = np.random.default_rng(5)
X = RNG.normal(size=(24, 2))
ONES = (X[:, 0] * X[:, 1] > 0.0) * 1.0
SEQUENCES = RNG.normal(size=(24, 4, 2))
HOW: dict[str, Any] = {"optimiser": "gradient_descent", "rate": 0.1, "epochs": 4, "batch": None}


class Recurrence(nn.Module):
    """ŷ = v·h_T with h_t = tanh(W x_t + U h_{t−1} + b), from a state that `begin` makes for n rows of k units."""

    def __init__(self, begin: Callable[[int, int], Any], k: int = 3) -> None:
        rng = np.random.default_rng(0)
        self.begin, self.k = begin, k
        self.W, self.U = mg.Value(0.5 * rng.normal(size=(2, k))), mg.Value(0.5 * rng.normal(size=(k, k)))
        self.b, self.v = mg.Value(0.1 * np.ones(k)), mg.Value(rng.normal(size=k))

    def forward(self, x: mg.Value) -> mg.Value:
        h = self.begin(x.shape[0], self.k)
        for t in range(x.shape[1]):
            h = mg.tanh(x[:, t] @ self.W + h @ self.U + self.b)
        return h @ self.v


class RecurrenceOfNumbers(nn.Module):
    """h_t = tanh(w x_t + u h_{t−1}) in single numbers, the columns of the rows one after the other."""

    def __init__(self, begin: Callable[[int], Any] = lambda n: 0.0) -> None:
        self.w, self.u, self.v, self.begin = mg.Value(0.4), mg.Value(-0.3), mg.Value(0.9), begin

    def forward(self, x: mg.Value) -> mg.Value:
        h = self.begin(len(x))
        for column in x.T:
            h = mg.tanh(self.w * column + self.u * h)
        return self.v * h


def zeros(n: int, k: int) -> Any:
    return np.zeros((n, k))


def leaf(n: int, k: int) -> Any:
    return mg.Value(np.zeros((n, k)))


def by_hand(model: nn.Module, loss: Callable[[], mg.Value]) -> list[float]:
    """The losses before four steps of gradient descent, from the graph."""
    losses = []
    for _ in range(HOW["epochs"]):
        model.zero_grad()
        found = loss()
        found.backward()
        losses.append(found.item())
        for p in model.parameters():
            p.data = p.data - HOW["rate"] * p.grad
    return losses


@pytest.mark.parametrize("begin", [zeros, leaf])
@pytest.mark.parametrize("engine", ["eager", "numpy"])
def test_a_recurrence_of_arrays_learns_from_rows(begin: Callable[[int, int], Any], engine: str) -> None:
    y = SEQUENCES.sum(axis=(1, 2))
    one, other = Recurrence(begin), Recurrence(begin)
    run = fit(one, SEQUENCES, y, loss=nn.mse_loss, engine=engine, **HOW)
    by_hand(other, lambda: mg.mean((other(SEQUENCES) - y) ** 2))
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(p.data, q.data, rtol=1e-12)
    assert run.history[-1]["loss"] < run.history[0]["loss"]


def test_a_program_begins_anew_for_any_number_of_rows() -> None:
    model, x = Recurrence(zeros), mg.Value(SEQUENCES[:2], label="x")
    program = mg.compile(mg.mean(model(x)), model.parameters(), [x], backend="numpy")
    loss = program(SEQUENCES)[0]
    np.testing.assert_allclose(loss, model(SEQUENCES).data.mean(), rtol=1e-12)


def test_a_state_that_is_not_zero_stays_refused() -> None:
    model, y = Recurrence(lambda n, k: np.arange(1.0 * n * k).reshape(n, k)), np.zeros(24)
    with pytest.raises(ValueError, match="leave the number of rows out of shapes; or take engine='eager'"):
        fit(model, SEQUENCES, y, loss=nn.mse_loss, engine="numpy", **HOW)


def test_a_model_of_single_numbers_learns_from_rows() -> None:
    random.seed(1)
    one, other, logits = nn.MLP(2, [4, 1]), nn.MLP(2, [4, 1]), nn.MLP(2, [4, 2])
    other.load_state_dict(one.state_dict())
    fit(one, X, ONES, loss=nn.binary_cross_entropy_with_logits, **HOW)
    columns = list(X.T)
    by_hand(other, lambda: nn.binary_cross_entropy_with_logits(other(columns), ONES))
    np.testing.assert_allclose([p.item() for p in one.parameters()], [p.item() for p in other.parameters()], rtol=1e-12)
    run = fit(logits, X, ONES, validation=(X, ONES), **HOW)
    found = np.stack([v.data for v in logits(columns)], axis=1)
    assert evaluate(logits, X, ONES)["accuracy"] == np.mean(found.argmax(axis=1) == ONES)
    assert run.history[-1]["validation_accuracy"] == evaluate(logits, X, ONES)["accuracy"]


@pytest.mark.parametrize("begin", [lambda n: 0.0, np.zeros], ids=["number", "a number each"])
def test_a_recurrence_of_single_numbers_learns_from_rows(begin: Callable[[int], Any]) -> None:
    rows, y = SEQUENCES[..., 0], SEQUENCES[..., 0].sum(axis=1)
    one, other = RecurrenceOfNumbers(begin), RecurrenceOfNumbers(begin)
    fit(one, rows, y, loss=nn.mse_loss, engine="numpy", **HOW)
    by_hand(other, lambda: mg.mean((other(mg.Value(rows)) - y) ** 2))
    np.testing.assert_allclose([p.item() for p in one.parameters()], [p.item() for p in other.parameters()], rtol=1e-12)


class ByExample(RecurrenceOfNumbers):
    def forward(self, x: mg.Value) -> mg.Value:
        h: Any = 0.0
        for number in x:
            h = mg.tanh(self.w * number + self.u * h)
        return self.v * h


class Sequences(nn.Module):
    def __init__(self) -> None:
        self.rnn, self.out = nn.RNN(2, 3), nn.Linear(3, 2)

    def forward(self, x: mg.Value) -> mg.Value:
        return self.out(self.rnn(x)[0][:, -1])


LINE = nn.Sequential(nn.Linear(2, 1))
BCE, MSE = "take loss=nn.binary_cross_entropy_with_logits", "take loss=nn.mse_loss"
REFUSED: dict[str, tuple[nn.Module, Any, Any, dict[str, Any], str]] = {
    "classes": (nn.MLP(2, [3, 1]), X, ONES, {}, f"the model gives one number a row; for these targets {BCE}"),
    "signs": (nn.MLP(2, [3, 1]), X, 2.0 * ONES - 1.0, {}, "for these targets take loss=nn.hinge_loss"),
    "numbers": (
        LINE,
        X,
        X[:, 0],
        {},
        f"the model gives one number a row; for these targets {MSE} and y.reshape(-1, 1)",
    ),
    "a column": (LINE, X, X[:, 0], {"loss": nn.mse_loss}, "the targets as (24, 1), which is y.reshape(-1, 1)"),
    "by example": (ByExample(), X, X[:, 0], {"loss": nn.mse_loss}, "x[:, 0] is a column, and so is each in x.T"),
    "time first": (Sequences(), SEQUENCES, ONES, {}, "layer rnn takes (time, n, features) unless it has batch_first"),
}


@pytest.mark.parametrize(("model", "x", "y", "how", "says"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_what_to_write(model: nn.Module, x: Any, y: Any, how: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        fit(model, x, y, **how)


def test_what_takes_columns_says_how_rows_become_them() -> None:
    model = nn.MLP(2, [3, 1])
    with pytest.raises(ValueError, match=r"list\(x\.T\) has the columns$"):
        model(X)
    assert model(list(X.T)).shape == (24,)
