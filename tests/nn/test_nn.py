"""The losses: values, gradients and digits in both tails, against mpmath with fifty digits."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn

LOGITS = [-1000.0, -745.0, -300.0, -40.0, -15.0, -2.0, -0.5, 0.0, 0.5, 2.0, 15.0, 40.0, 300.0, 745.0, 1000.0]
CLOSE = {"rel": 1e-12, "abs": 1e-307}  # below 1e-307 a float has fewer digits


@pytest.fixture(autouse=True)
def digits() -> Any:
    with mpmath.workdps(500):  # 1 + exp(-1000) needs 435
        yield


def exact_bce(logit: float, target: float) -> tuple[float, float]:
    """−y log σ(a) − (1 − y) log(1 − σ(a)), and its derivative σ(a) − y."""
    a, y = mpmath.mpf(logit), mpmath.mpf(target)
    σ = 1 / (1 + mpmath.exp(-a))
    return float(-y * mpmath.log(σ) - (1 - y) * mpmath.log(1 - σ)), float(σ - y)


def exact_cross_entropy(logits: list[float], target: int) -> tuple[float, list[float]]:
    """−log softmax(a)[target], and its derivatives softmax(a) − one-hot."""
    powers = [mpmath.exp(mpmath.mpf(a)) for a in logits]
    p = [power / sum(powers) for power in powers]
    return float(-mpmath.log(p[target])), [float(q - (i == target)) for i, q in enumerate(p)]


def frozen(numbers: Any) -> Any:
    array = np.array(numbers)
    array.setflags(write=False)
    return array


TARGET_KINDS = pytest.mark.parametrize("kind", [np.array, frozen, Value, list])


@pytest.mark.parametrize("target", [0.0, 1.0, 0.25, 0.9])
@pytest.mark.parametrize("logit", LOGITS)
def test_binary_cross_entropy_of_one_logit_in_both_tails(logit: float, target: float) -> None:
    a = Value(logit)
    loss = nn.binary_cross_entropy_with_logits(a, target)
    loss.backward()
    value, gradient = exact_bce(logit, target)
    assert loss.data == pytest.approx(value, **CLOSE)
    assert a.grad == pytest.approx(gradient, **CLOSE)


@TARGET_KINDS
def test_binary_cross_entropy_of_many_logits_is_their_mean(kind: Any) -> None:
    targets = [0.0, 1.0, 0.25, 1.0, 0.0, 0.5, 0.75, 1.0, 0.0, 0.0, 1.0, 0.0, 0.5, 1.0, 0.0]
    a = Value(LOGITS)
    loss = nn.binary_cross_entropy_with_logits(a, kind(targets))
    loss.backward()
    exact = [exact_bce(logit, target) for logit, target in zip(LOGITS, targets, strict=True)]
    assert loss.data == pytest.approx(sum(value for value, _ in exact) / len(exact), rel=1e-12)
    assert a.grad == pytest.approx([gradient / len(exact) for _, gradient in exact], **CLOSE)


def test_the_worst_possible_logit_costs_a_thousand_and_pulls_with_one() -> None:
    a = Value(-1000.0)
    loss = nn.binary_cross_entropy_with_logits(a, 1.0)
    loss.backward()
    assert (loss.data, a.grad) == (1000.0, -1.0)


ROWS = [
    ([1000.0, 0.0, -1000.0], 0),  # the right class dominates
    ([1000.0, 0.0, -1000.0], 1),  # a wrong one does
    ([1000.0, 0.0, -1000.0], 2),
    ([40.0, 0.0, -3.0], 0),
    ([40.0, 0.0, -3.0], 2),
    ([700.0, 700.0, 660.0], 2),
    ([-1000.0, -1000.0, -1000.0], 1),
    ([0.3, -0.2, 0.1], 0),
]


@pytest.mark.parametrize(("logits", "target"), ROWS)
@pytest.mark.parametrize("kind", [list, Value])
def test_cross_entropy_of_one_row_in_both_tails(logits: list[float], target: int, kind: Any) -> None:
    a = Value([logits])
    loss = nn.cross_entropy(a, kind([target]))
    loss.backward()
    value, gradient = exact_cross_entropy(logits, target)
    assert loss.data == pytest.approx(value, **CLOSE)
    assert a.grad[0] == pytest.approx(gradient, **CLOSE)


@pytest.mark.parametrize("kind", [np.array, frozen, list, Value, lambda targets: np.array(targets, dtype=float)])
def test_cross_entropy_of_many_rows_is_their_mean(kind: Any) -> None:
    a = Value([logits for logits, _ in ROWS])
    loss = nn.cross_entropy(a, kind([target for _, target in ROWS]))
    loss.backward()
    exact = [exact_cross_entropy(logits, target) for logits, target in ROWS]
    assert loss.data == pytest.approx(sum(value for value, _ in exact) / len(exact), rel=1e-12)
    for found, (_, gradient) in zip(a.grad, exact, strict=True):
        assert found == pytest.approx([g / len(exact) for g in gradient], **CLOSE)


@TARGET_KINDS
def test_mean_squared_error(kind: Any) -> None:
    prediction = Value([0.5, 2.0, -1.0, 3.0])
    loss = nn.mse_loss(prediction, kind([1.0, 0.0, -1.0, 2.5]))
    loss.backward()
    assert loss.data == pytest.approx((0.25 + 4.0 + 0.0 + 0.25) / 4, rel=1e-15)
    assert prediction.grad.tolist() == [-0.25, 1.0, 0.0, 0.25]


@TARGET_KINDS
def test_hinge_loss(kind: Any) -> None:
    """max(0, 1 − y·score): right and sure, right and on the margin, right and unsure, wrong, and as wrong as can be."""
    score = Value([3.0, -1.0, 0.25, 2.0, 1e300])
    loss = nn.hinge_loss(score, kind([1.0, -1.0, 1.0, -1.0, -1.0]))
    loss.backward()
    assert loss.data == pytest.approx((0.0 + 0.0 + 0.75 + 3.0 + 1e300) / 5, rel=1e-15)
    assert score.grad.tolist() == [0.0, 0.0, -0.2, 0.2, 0.2]


def test_losses_of_plain_arrays_are_plain_numbers() -> None:
    assert nn.mse_loss(np.array([1.0, 3.0]), np.array([0.0, 1.0])) == 2.5
    assert nn.binary_cross_entropy_with_logits(np.array([-1000.0]), np.array([1])) == 1000.0
    assert nn.cross_entropy(np.array([[0.0, 1000.0]]), [0]) == 1000.0
    assert nn.hinge_loss(np.array([-1.0]), [1]) == 2.0


σ = 1.0 / (1.0 + np.exp([-0.5, 1.0, 3.0]))
p = np.exp([-0.5, 1.0, 3.0]) / np.exp([-0.5, 1.0, 3.0]).sum()


@pytest.mark.parametrize(
    ("loss", "hessian"),
    [
        (lambda a: nn.mse_loss(a, np.array([1.0, 0.0, 2.0])), np.diag([2 / 3, 2 / 3, 2 / 3])),
        (lambda a: nn.binary_cross_entropy_with_logits(a, np.array([1.0, 0.0, 0.3])), np.diag(σ * (1 - σ) / 3)),
        (lambda a: nn.cross_entropy(a.reshape(1, 3), [1]), np.diag(p) - np.outer(p, p)),
        (lambda a: nn.cross_entropy(a.reshape(1, 3), Value([1])), np.diag(p) - np.outer(p, p)),
    ],
    ids=["mse_loss", "binary_cross_entropy_with_logits", "cross_entropy", "cross_entropy of a Value"],
)
def test_second_derivatives(loss: Any, hessian: Any) -> None:
    a = Value([-0.5, 1.0, 3.0])
    (gradient,) = mg.grad(loss(a), a)
    rows = [mg.grad(gradient[i], a)[0].data for i in range(3)]
    np.testing.assert_allclose(rows, hessian, rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_all_of_it_is_there_and_comes_when_it_is_asked_for() -> None:
    assert mg.nn is nn
    assert sorted(nn.__all__) == nn.__all__
    assert all(getattr(nn, name).__doc__ for name in nn.__all__)
    code = "import sys, microgradcnn as mg; assert 'microgradcnn.nn' not in sys.modules; mg.nn.Linear; mg.optim.Adam"
    subprocess.run([sys.executable, "-c", code], check=True)


COLUMN, VECTOR = Value(np.zeros((3, 1))), np.zeros(3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nn.mse_loss(COLUMN, VECTOR), "the predictions have shape (3, 1) and the targets (3,)"),
        (lambda: nn.mse_loss(Value(VECTOR), np.zeros((3, 1))), "predictions have shape (3,) and the targets (3, 1)"),
        (lambda: nn.mse_loss(Value(VECTOR), 1.0), "the predictions have shape (3,) and the targets ()"),
        (lambda: nn.mse_loss(Value(VECTOR), [1.0, 2.0]), "the predictions have shape (3,) and the targets (2,)"),
        (lambda: nn.binary_cross_entropy_with_logits(COLUMN, VECTOR), "have shape (3, 1) and the targets (3,)"),
        (lambda: nn.binary_cross_entropy_with_logits(Value(0.0), 1.5), "must lie in [0, 1], and these go from 1.5"),
        (lambda: nn.binary_cross_entropy_with_logits(Value(VECTOR), [1, -1, 1]), "and these go from -1 to 1"),
        (lambda: nn.binary_cross_entropy_with_logits(Value(0.0), Value(2.0)), "and these go from 2.0 to 2.0"),
        (lambda: nn.binary_cross_entropy_with_logits(Value(0.0), np.nan), "must lie in [0, 1]"),
        (lambda: nn.hinge_loss(COLUMN, VECTOR), "have shape (3, 1) and the targets (3,)"),
        (lambda: nn.hinge_loss(Value(VECTOR), [1, 0, 1]), "the targets must be -1 or 1, and these go from 0 to 1"),
        (lambda: nn.hinge_loss(Value(0.0), Value(2.0)), "must be -1 or 1, and these go from 2.0 to 2.0"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), Value([0, 3])), "targets of shape (2,) (from 0.0 to 3.0)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), [0, 3]), "targets of shape (2,) (from 0 to 3)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), [-1, 0]), "targets of shape (2,) (from -1 to 0)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), [0.5, 1.0]), "targets of shape (2,) (from 0.5 to 1.0)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), [np.nan, 1.0]), "n class numbers from 0"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), ["a", "b"]), "targets of shape (2,) (of type <U1)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), [[0], [1]]), "targets of shape (2, 1)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3))), []), "targets of shape (0,) (none)"),
        (lambda: nn.cross_entropy(Value(np.zeros(3)), [0]), "not logits of shape (3,) and targets of shape (1,)"),
        (lambda: nn.cross_entropy(Value(0.0), 0), "not logits of shape () and targets of shape ()"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_one_sentence(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the sentence is compared
        wrong()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
