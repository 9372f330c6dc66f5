"""What is kept for an array serves only that array, and only as long as it is what it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.engine.keeping import Picks, kept
from microgradcnn.engine.kernels import row_numbers
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value

X, CLASSES = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, 1])
P = np.exp(X) / np.exp(X).sum(1, keepdims=True)
HIT = np.eye(3)[CLASSES]


@pytest.mark.parametrize("last", ["the picks", "the squares"])
def test_what_else_is_made_of_the_logarithms_counts_beside_what_is_picked(last: str) -> None:
    """Whichever sends first: the cotangent of the logarithms is picks alone until the other is added, in place."""
    x = Value(X)
    log_p = mg.log_softmax(x, 1)
    made = [lambda: nn.nll_loss(log_p, CLASSES), lambda: (log_p * log_p).sum()]
    parts = [part() for part in (made if last == "the squares" else made[::-1])]
    (parts[0] + parts[1]).backward()
    of_squares = 2.0 * np.log(P)
    of_squares -= P * of_squares.sum(1, keepdims=True)
    np.testing.assert_allclose(x.grad, (P - HIT) / 4 + of_squares, 1e-12, 1e-14)


def one_hot(classes: Any, k: int) -> Any:
    return np.eye(k)[np.asarray(classes, int)]


# What may be made of logarithms, with classes: its value, and d(it)/d(the logarithms) by hand.
USES: dict[str, Callable[[Value, Any], tuple[Any, Any]]] = {
    "picks": lambda y, c: (nn.nll_loss(y, c), -one_hot(c, y.shape[1]) / len(c)),
    "picks, added up": lambda y, c: (nn.nll_loss(y, c, reduction="sum"), -one_hot(c, y.shape[1])),
    "picks, 0 ignored": lambda y, c: (
        nn.nll_loss(y, c, ignore_index=0, reduction="sum"),
        -one_hot(c, y.shape[1]) * (c != 0)[:, None],
    ),
    "picks, the last ignored by -1": lambda y, c: (
        nn.nll_loss(y, np.r_[c[:-1], -1], ignore_index=-1, reduction="sum"),
        -one_hot(c, y.shape[1]) * (np.arange(len(c)) < len(c) - 1)[:, None],
    ),
    "weighed picks": lambda y, c: (
        (y[np.arange(len(c)), c] * (c + 0.5)).sum(),
        one_hot(c, y.shape[1]) * (c + 0.5)[:, None],
    ),
    "smoothed picks": lambda y, c: (
        nn.nll_loss(y, c, reduction="sum") * 0.9 - 0.1 * y.mean(1).sum(),
        -0.9 * one_hot(c, y.shape[1]) - 0.1 / y.shape[1],
    ),
    "squares": lambda y, c: ((y * y).sum(), 2.0 * y.data),
    "a column": lambda y, c: (y[:, 0].sum(), one_hot(0 * c, y.shape[1])),
    "entropy": lambda y, c: ((y.exp() * y).sum(), np.exp(y.data) * (1.0 + y.data)),
}


@given(st.data())
def test_whatever_is_made_of_the_logarithms_in_whatever_order(data: st.DataObject) -> None:
    """The gradient is that by hand, twice after two passes, and that of `grad`, whose rules keep nothing."""
    n, k = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    several = st.lists(st.integers(0, k - 1), min_size=n, max_size=n).map(np.array)
    uses = data.draw(st.lists(st.tuples(st.sampled_from([*USES]), several), min_size=1, max_size=5))
    x = Value(np.random.default_rng(n * k).normal(size=(n, k)))
    log_p = mg.log_softmax(x, data.draw(st.sampled_from([1, -1])))
    made = [USES[name](log_p, classes) for name, classes in uses]
    f, g = sum((part for part, _ in made), Value(0.0)), sum(slope for _, slope in made)
    expected = g - np.exp(log_p.data) * g.sum(1, keepdims=True)
    f.backward()
    np.testing.assert_allclose(x.grad, expected, 1e-10, 1e-12)
    np.testing.assert_allclose(mg.grad(f, x)[0].data, expected, 1e-10, 1e-12)
    f.backward()
    np.testing.assert_allclose(x.grad, 2.0 * expected, 1e-10, 1e-12)


@pytest.mark.parametrize("ignore_index", [-100, 1, 7])
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "float32", "bool"])
def test_class_numbers_of_any_type_are_picked(kind: str, ignore_index: int) -> None:
    classes = (CLASSES % 2).astype(kind)
    x = Value(X)
    nn.cross_entropy(x, classes, ignore_index=ignore_index).backward()
    counted = (classes != ignore_index)[:, None]
    np.testing.assert_allclose(x.grad, (P - one_hot(classes, 3)) * counted / counted.sum(), 1e-12)


def test_a_gradient_of_picks_is_a_seed_like_any_other() -> None:
    x, z = Value(X), Value(X[::-1].copy())
    log_p, log_q = mg.log_softmax(x), mg.log_softmax(z)
    nn.nll_loss(log_p, CLASSES).backward()
    assert type(kept(log_p.grad)) is Picks
    for seed in (log_p.grad, Value(log_p.grad), log_p.grad.copy()):
        z.grad = None
        log_q.backward(seed)
        np.testing.assert_allclose(z.grad, (P[::-1] - HIT) / 4, 1e-12)


def test_steps_by_hand_after_picks() -> None:
    x = Value(X)
    log_p = mg.log_softmax(x)
    f = nn.nll_loss(log_p, CLASSES)
    f.backward()
    x.grad = None
    log_p.grad = 2.0 * log_p.grad
    log_p.backward_step()
    np.testing.assert_allclose(x.grad, (P - HIT) / 2, 1e-12)


def test_losses_that_share_their_class_numbers_know_their_own_logits() -> None:
    """In the table an index may be shared, although each call of mg.cross_entropy has one of its own."""
    index, xs = (row_numbers(4), CLASSES), [Value(X), Value(2.0 * X)]
    for function in (lambda x: TABLE["cross_entropy"](x, index=index), lambda x: mg.cross_entropy(x, CLASSES)):
        for order in (1, -1):
            losses = [function(x) for x in xs]
            for x, f in [*zip(xs, losses, strict=True)][::order]:
                x.grad = None
                f.backward()
            q = np.exp(2.0 * X) / np.exp(2.0 * X).sum(1, keepdims=True)
            for x, p in zip(xs, (P, q), strict=True):
                np.testing.assert_allclose(x.grad, (p - HIT) / 4, 1e-12)


def test_a_loss_that_is_taken_twice() -> None:
    x = Value(X)
    f = mg.cross_entropy(x, CLASSES)
    (f * f).backward()
    first = x.grad
    np.testing.assert_allclose(first, 2.0 * f.data * (P - HIT) / 4, 1e-12)
    (f + nn.cross_entropy(x, CLASSES)).backward()
    np.testing.assert_allclose(x.grad - first, (P - HIT) / 2, 1e-12)


@pytest.mark.parametrize("function", [mg.cross_entropy, nn.cross_entropy])
def test_differences_agree(function: Any) -> None:
    w = Value(np.eye(3), label="w")
    assert mg.check_gradients(lambda w: function(X @ w, CLASSES) ** 2, w).verdict == "right"


def test_an_index_of_a_matrix_makes_no_row_numbers() -> None:
    """Which would be kept, as long as a large matrix has rows."""
    before = row_numbers.cache_info()
    x = Value(np.ones((999, 2)))
    (x[:, 0].sum() + x[5, 1] + x[np.array([1, 2]), 0].sum()).backward()
    assert row_numbers.cache_info() == before
