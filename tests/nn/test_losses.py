"""The losses with every option: values, gradients and Hessian-vector products are PyTorch's; what does not fit."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from every_backend import BACKENDS, HERE, answer
from hypothesis import given
from hypothesis import strategies as st
from many_cases import slow_but
from pytorch_losses import CASES, PATH, drawn

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.targets.row_axis import RowsError

NAMES = sorted({name for name, *_ in CASES})
CLOSE = {"rtol": 1e-11, "atol": 1e-12}


@pytest.fixture(scope="module")
def expected() -> list[tuple[Any, Any, Any]]:
    """PyTorch's loss, gradient and Hessian-vector product of every case."""
    with np.load(PATH, allow_pickle=False) as archive:
        numbers = archive["losses"]
    found = []
    for number in range(len(CASES)):
        a, _, _, weights, _ = drawn(number)
        sizes = [np.shape(weights), a.shape, a.shape]
        parts = np.split(numbers, np.cumsum([np.prod(size, dtype=int) for size in sizes]))
        found.append(tuple(part.reshape(size) for part, size in zip(parts, sizes, strict=False)))
        numbers = parts[-1]
    assert not numbers.size
    return found


@pytest.mark.parametrize("kind", [np.asarray, Value], ids=["array", "Value"])
@pytest.mark.parametrize("name", NAMES)
def test_a_loss_is_pytorchs_to_its_second_derivatives(name: str, kind: Any, expected: Any) -> None:
    for number, case in enumerate(CASES):
        if case[0] != name:
            continue
        numbers, target, options, weights, direction = drawn(number)
        a = Value(numbers)
        loss = getattr(nn, name)(a, kind(target), **options)
        (gradient,) = mg.grad((loss * weights).sum(), [a])
        (product,) = mg.grad((gradient * direction).sum(), [a])
        for found, wanted in zip((loss, gradient, product), expected[number], strict=True):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found.data, wanted, **CLOSE, err_msg=str(case))
        plain = getattr(nn, name)(numbers, target, **options)
        assert not isinstance(plain, Value)
        np.testing.assert_allclose(plain, expected[number][0], **CLOSE)


@pytest.mark.parametrize("backend", slow_but("numpy", among=BACKENDS))
@pytest.mark.parametrize("name", NAMES)
def test_a_loss_runs_compiled(name: str, backend: str, expected: Any) -> None:
    """All cases of a loss in one program, each at numbers of its own."""
    numbers = [number for number, case in enumerate(CASES) if case[0] == name]
    cases = [drawn(number) for number in numbers]

    def loss(*leaves: Value) -> Value:
        terms = [
            (getattr(nn, name)(a, target, **options) * weights).sum()
            for a, (_, target, options, weights, _) in zip(leaves, cases, strict=True)
        ]
        return mg.stack(terms).sum()

    _, gradients = answer(backend, loss, [case[0] for case in cases])
    for number, gradient in zip(numbers, gradients, strict=True):
        np.testing.assert_allclose(gradient, expected[number][1], **CLOSE, err_msg=str(CASES[number]))


W, X = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(7, 3))
CLASSES, SIGNS = np.array([0.0, 3.0, 1.0, 1.0, 2.0, 0.0, 3.0]), np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0])
P = mg.softmax(np.random.default_rng(2).normal(size=(7, 4)))
POINTS = np.stack([CLASSES, CLASSES[::-1]], axis=1)
BY_CLASS = np.array([0.5, 1.0, 2.0, 0.1])


def twice(logits: Any) -> Value:
    """Two points a row."""
    return mg.stack([logits, mg.square(logits)], axis=2)


ROWS: dict[str, tuple[Any, Any]] = {
    "cross_entropy": (nn.cross_entropy, CLASSES),
    "smoothed": (lambda a, y: nn.cross_entropy(a, y, label_smoothing=0.1), CLASSES),
    "probabilities": (lambda a, y: nn.cross_entropy(a, y, BY_CLASS, label_smoothing=0.1), P),
    "points": (lambda a, y: nn.cross_entropy(twice(a), y), POINTS),
    "nll_loss": (lambda a, y: nn.nll_loss(mg.log_softmax(a), y), CLASSES),
    "l1_loss": (nn.l1_loss, P),
    "huber_loss": (lambda a, y: nn.huber_loss(a, y, delta=0.5), P),
    "smooth_l1_loss": (nn.smooth_l1_loss, P),
    "binary": (lambda a, y: nn.binary_cross_entropy_with_logits(a, y, BY_CLASS, pos_weight=[2.0]), P),
    "hinge_loss": (lambda a, y: nn.hinge_loss(a[:, 0], y), SIGNS),
}


@pytest.mark.parametrize("backend", slow_but("numpy", among=BACKENDS))
@pytest.mark.parametrize("name", ROWS)
def test_a_mean_over_rows_runs_compiled_with_any_number_of_rows(name: str, backend: str) -> None:
    loss, target = ROWS[name]
    w = Value(W)
    eager = loss(X @ w, target)
    eager.backward()
    w_too, x, y = Value(W, label="w"), Value(X[:2], label="x"), Value(target[:2], label="y")
    value, (gradient,) = mg.compile(loss(x @ w_too, y), [w_too], [x, y], backend)(X, target)
    np.testing.assert_allclose(value, eager.data, rtol=1e-12)
    np.testing.assert_allclose(gradient, w.grad, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    "loss",
    [
        lambda a, y: nn.cross_entropy(a, y, BY_CLASS),
        lambda a, y: nn.cross_entropy(a, y, ignore_index=1),
        lambda a, y: nn.cross_entropy(a, y, reduction="sum"),
        lambda a, y: nn.nll_loss(mg.log_softmax(a), y, BY_CLASS),
    ],
)
def test_a_program_over_rows_refuses_by_name_to_weigh_them_by_one_another(loss: Any) -> None:
    w, x, y = Value(W, label="w"), Value(X[:2], label="x"), Value(CLASSES[:2], label="y")
    with pytest.raises(RowsError, match="mixes rows by sum"):
        mg.compile(loss(x @ w, y), [w], [x, y], "numpy")


def test_a_program_that_is_called_with_no_class_gives_nan() -> None:
    w, x, y = Value(W, label="w"), Value(X[:2], label="x"), Value(CLASSES[:2], label="y")
    program = mg.compile(nn.cross_entropy(x @ w, y), [w], [x, y], "numpy")
    assert np.isnan(program(X[:2], np.array([-100.0, 1.0]))[0])


@pytest.mark.parametrize("kind", [np.asarray, Value], ids=["array", "Value"])
def test_an_ignored_row_has_no_part_even_where_its_logits_are_infinite(kind: Any) -> None:
    a = Value([[-np.inf, 0.0, 1.0], [0.5, -0.5, 0.0]])
    loss = nn.cross_entropy(a, kind([-100.0, 1.0]))
    loss.backward()
    alone = Value([[0.5, -0.5, 0.0]])
    nn.cross_entropy(alone, [1]).backward()
    assert loss.item() == nn.cross_entropy(alone, [1]).item()
    assert a.grad[1].tolist() == alone.grad[0].tolist()
    assert np.isnan(nn.cross_entropy(a, kind([-100.0, -100.0])).item())  # a mean of none


@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_hinge_loss_reduces(reduction: str) -> None:
    a = Value([3.0, -1.0, 0.25, 2.0])
    losses = [0.0, 0.0, 0.75, 3.0]
    found = nn.hinge_loss(a, [1, -1, 1, -1], reduction=reduction)
    assert found.data.tolist() == losses if reduction == "none" else found.item() == sum(losses)
    found.sum().backward()
    assert a.grad.tolist() == [0.0, 0.0, -1.0, 1.0]


def test_a_weight_may_be_learnt() -> None:
    w, a = Value(BY_CLASS), Value(W)
    assert mg.check_gradients(lambda w, a: nn.cross_entropy(a, [0, 3, 1], w), w, a)
    assert mg.check_gradients(lambda w, a: nn.mse_loss(a, np.zeros((3, 4)), weight=mg.exp(w) * np.ones((3, 4))), w, a)
    assert mg.check_gradients(lambda w, a: nn.binary_cross_entropy_with_logits(a, P[:3], pos_weight=w), w, a)


@pytest.mark.parametrize("way", HERE[:2])
def test_probabilities_may_be_learnt(way: str) -> None:
    """As a student's from a teacher's, both with gradients."""
    value, gradients = answer(way, lambda a, b: nn.cross_entropy(a, mg.softmax(b)), [W, W + 1.0])
    assert value == pytest.approx(-np.mean(np.sum(mg.softmax(W) * mg.log_softmax(W), axis=1)))
    np.testing.assert_allclose(gradients[0], 0.0, atol=1e-15)  # equal already
    assert abs(gradients[1]).max() > 1e-3


def test_float32_logits_have_a_float32_loss() -> None:
    a = Value(W.astype(np.float32))
    for target in ([0, 3, 1], Value([0.0, 3.0, -100.0]), P[:3]):
        for options in ({}, {"weight": BY_CLASS}, {"label_smoothing": 0.1}):
            found = nn.cross_entropy(
                a, target if not isinstance(target, Value) else target.astype(np.float32), **options
            )
            assert found.dtype == np.float32


def by_loops(logits: Any, target: Any, weight: Any, ignore_index: int, smoothing: float, reduction: str) -> Any:
    """The cross-entropy with class numbers, a place at a time."""
    losses, shares = np.zeros(target.shape), np.zeros(target.shape)
    for place in np.ndindex(target.shape):
        if target[place] == ignore_index:
            continue
        a = logits[(place[0], slice(None), *place[1:])]
        log_p = a - a.max() - math.log(sum(math.exp(b - a.max()) for b in a))
        wanted = np.full(len(a), smoothing / len(a))
        wanted[target[place]] += 1.0 - smoothing
        losses[place], shares[place] = -(weight * wanted * log_p).sum(), weight[target[place]]
    return {"none": losses, "sum": losses.sum(), "mean": losses.sum() / shares.sum()}[reduction]


@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    weighed=st.booleans(),
    ignore=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.3, 1.0]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_cross_entropy_of_any_shape(
    shape: list[int], seed: int, weighed: bool, ignore: bool, smoothing: float, reduction: str
) -> None:
    rng = np.random.default_rng(seed)
    logits, target = 3.0 * rng.normal(size=shape), rng.integers(shape[1], size=(shape[0], *shape[2:]))
    ignore_index = int(target.flat[0] + 1) % shape[1] if ignore and shape[1] > 1 else -100
    weight = 0.1 + rng.random(shape[1]) if weighed else None
    wanted = by_loops(
        logits, target, np.ones(shape[1]) if weight is None else weight, ignore_index, smoothing, reduction
    )
    for kind in (np.asarray, Value):
        found = nn.cross_entropy(
            Value(logits),
            kind(target),
            weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=smoothing,
        )
        np.testing.assert_allclose(found.data, wanted, rtol=1e-12, atol=1e-13)


@given(
    shape=st.lists(st.integers(1, 4), min_size=2, max_size=4),
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(["numbers", "in a Value", "probabilities"]),
    options=st.sampled_from([{}, {"weight": True}, {"ignore_index": 0}, {"weight": True, "ignore_index": 0}]),
    reduction=st.sampled_from(["mean", "sum", "none"]),
)
def test_a_row_of_weight_2_is_the_row_twice(
    shape: list[int], seed: int, kind: str, options: dict[str, Any], reduction: str
) -> None:
    rng = np.random.default_rng(seed)
    logits, target = 3.0 * rng.normal(size=shape), rng.integers(shape[1], size=(shape[0], *shape[2:]))
    times = rng.permutation(1 + np.arange(shape[0]))
    options = options | ({"weight": 0.1 + rng.random(shape[1])} if "weight" in options else {})
    if kind == "probabilities":
        target, options = rng.dirichlet(np.ones(shape[1]), size=(shape[0], *shape[2:])), {}
        target = np.moveaxis(target, -1, 1)
    made = Value if kind == "in a Value" else np.asarray
    repeated = Value(np.repeat(logits, times, axis=0)), made(np.repeat(target, times, axis=0))
    options["reduction"] = reduction if reduction == "mean" else "sum"
    twice = nn.cross_entropy(*repeated, **options).item() / (1.0 if reduction == "mean" else times.mean())
    weighed = options | {"reduction": reduction, "sample_weight": times / times.mean()}
    found = np.asarray(nn.cross_entropy(Value(logits), made(target), **weighed).data)
    np.testing.assert_allclose(found.sum(), twice, rtol=1e-12, atol=1e-13)
    if kind == "numbers":
        log_p = Value(mg.log_softmax(logits, 1))
        np.testing.assert_array_equal(nn.nll_loss(log_p, target, **weighed).data, found)


A, Y = Value(np.zeros((2, 3))), np.array([0, 2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: nn.cross_entropy(A, Y, sample_weight=np.ones((2, 1))),
            "sample_weight has a number for each of the 2 rows, not the shape (2, 1)",
        ),
        (lambda: nn.cross_entropy(A, Y, reduction="avg"), "reduction is 'mean', 'sum' or 'none', not 'avg'"),
        (lambda: nn.mse_loss(A, np.ones((2, 3)), reduction=None), "reduction is 'mean', 'sum' or 'none', not None"),
        (lambda: nn.cross_entropy(A, Y, [1.0, 2.0]), "for each of the 3 classes, not the shape (2,)"),
        (lambda: nn.cross_entropy(A, [0, 3], ignore_index=4), "(from 0 to 3)"),
        (lambda: nn.cross_entropy(A, Y, label_smoothing=1.5), "label_smoothing is a share from 0 to 1, not 1.5"),
        (lambda: nn.cross_entropy(A, np.ones((2, 3))), "these go from 1.0 to 1.0 with sums from 3.0 to 3.0"),
        (lambda: nn.cross_entropy(A, [[2.0, -1.0, 0.0]] * 2), "these go from -1.0 to 2.0 with sums from 1.0 to 1.0"),
        (lambda: nn.cross_entropy(A, np.full((2, 3), np.nan)), "these go from nan to nan"),
        (lambda: nn.cross_entropy(A, [["a", "b", "c"]] * 2), "these go of type <U1"),
        (lambda: nn.cross_entropy(A, np.full((2, 3), 1 / 3), ignore_index=0), "ignore_index=0 is for class numbers"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3, 4))), np.zeros((2, 3), int)), "targets of shape (2, 3)"),
        (lambda: nn.cross_entropy(Value(np.zeros((2, 3, 4))), np.zeros(2, int)), "or (n, classes, ...) and (n, ...)"),
        (lambda: nn.nll_loss(A, [0, 3]), "nll_loss takes logarithms (n, classes) and n class numbers from 0"),
        (lambda: nn.nll_loss(A, np.full((2, 3), 1 / 3)), "targets of shape (2, 3)"),
        (lambda: nn.l1_loss(A, np.zeros(3)), "the predictions have shape (2, 3) and the targets (3,)"),
        (lambda: nn.huber_loss(A, np.zeros((2, 1))), "the predictions have shape (2, 3) and the targets (2, 1)"),
        (lambda: nn.huber_loss(A, np.zeros((2, 3)), delta=0.0), "must be positive, not 0.0"),
        (lambda: nn.smooth_l1_loss(A, np.zeros((2, 3)), beta=-1.0), "must be positive, not -1.0"),
        (lambda: nn.mse_loss(A, np.zeros((2, 3)), weight=np.ones(3)), "in their shape (2, 3), not (3,)"),
        (
            lambda: nn.binary_cross_entropy_with_logits(A, np.zeros((2, 3)), np.ones(2)),
            "weight broadcasts to the logits, of shape (2, 3), not from (2,)",
        ),
        (
            lambda: nn.binary_cross_entropy_with_logits(A, np.zeros((2, 3)), pos_weight=np.ones((1, 2, 3))),
            "pos_weight broadcasts to the logits, of shape (2, 3), not from (1, 2, 3)",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_in_one_sentence(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the sentence is compared
        wrong()
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


# Shapes of logits, targets, and how the sentence ends.
NO_CLASSES = {
    "too large": ((4, 3), [0, 1, 2, 5], r": target\[3\] is 5, and the 3 classes are 0 to 2$"),
    "negative": ((2, 3), [-1, 5], r": target\[0\] is -1, and the 3 classes are 0 to 2$"),
    "a fraction": ((2, 3), [1.0, 0.5], r": target\[1\] is 0.5, and the 3 classes are 0 to 2$"),
    "in a row": ((2, 3, 2), [[0, 1], [7, 1]], r": target\[1, 0\] is 7, and the 3 classes are 0 to 2$"),
    "classes last": ((2, 5, 7), np.zeros((2, 5)), r"axis 1, so write \w+.reshape\(-1, 7\) and targets.resh"),
    "one row too few": ((4, 3), [0, 1], r"targets of shape \(2,\) \(from 0 to 1\)$"),
}


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.nll_loss])
@pytest.mark.parametrize(("shape", "target", "ends"), NO_CLASSES.values(), ids=NO_CLASSES)
def test_what_is_no_class_is_named_with_its_place(loss: Any, shape: tuple[int, ...], target: Any, ends: str) -> None:
    for targets in (np.asarray(target), Value(target)):
        with pytest.raises(ValueError, match=r"takes log.* not log") as caught:
            loss(Value(np.zeros(shape)), targets)
        assert re.search(ends, str(caught.value).replace(".0", ""))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("target", [2, np.array(1), Value(1.0), np.array([0.2, 0.5, 0.3]), -100])
def test_logits_without_an_axis_for_rows_are_one_row(target: Any, reduction: str) -> None:
    logits = Value(np.array([0.3, -1.2, 2.0]))
    numbers = np.asarray(target.data if isinstance(target, Value) else target)
    options = {"weight": [1.0, 2.0, 0.5], "reduction": reduction}
    for loss in (nn.cross_entropy, nn.nll_loss) if not numbers.ndim else (nn.cross_entropy,):
        alone = loss(logits, target, **options)
        batch = loss(logits.reshape(1, 3), numbers[None], **options)
        assert alone.shape == ()
        np.testing.assert_array_equal(alone.data, np.reshape(batch.data, ()))
        np.testing.assert_array_equal(mg.grad(alone, [logits])[0].data, mg.grad(batch.sum(), [logits])[0].data)


def test_one_row_of_what_is_no_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="are probabilities whose sum over the classes is 1, and these go from 0 to 2"):
        nn.cross_entropy(Value(np.zeros(3)), np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="takes logarithms"):
        nn.nll_loss(Value(np.zeros(3)), np.array([0, 1, 2]))
