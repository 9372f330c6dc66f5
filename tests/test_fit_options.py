"""What `fit` is asked besides: weights of rows, clipped steps, patience, callbacks, more epochs; and the confusion."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.metrics import confusion_matrix, recall_score
from sklearn.utils.class_weight import compute_sample_weight

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.files import FileError
from microgradcnn.fit import EpochEnd, Patience, Schedule, evaluate, fit, train
from microgradcnn.networks import single_layer
from microgradcnn.training.accuracy import confused
from microgradcnn.training.batches import ENGINES, row_weights
from microgradcnn.training.schedule import SCHEDULES

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(23, 4)), RNG.integers(0, 3, 23)
WEIGHTS = RNG.integers(0, 4, 23)
SLOW = {"jit", "jax"}  # to compile
engines = pytest.mark.parametrize(
    "engine", [pytest.param(engine, marks=[pytest.mark.slow] * (engine in SLOW)) for engine in ENGINES]
)


def linear(outputs: int = 3, inputs: int = 4) -> nn.Linear:
    return nn.Linear(inputs, outputs, rng=np.random.default_rng(1))


def numbers(model: nn.Module) -> np.ndarray:
    return np.concatenate([p.data.ravel() for p in model.parameters()])


def scaled(load: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    x, y = load(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


def softmax_regression(x: np.ndarray, y: np.ndarray, weights: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple:
    """The weighted mean of −log softmax(x Wᵀ + b)_y and its gradients, by their closed forms."""
    logits = x @ w.T + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = (p - np.eye(3)[y]) * (weights / weights.sum())[:, None]
    loss = -np.sum(weights * np.log(p[np.arange(len(x)), y])) / weights.sum()
    return loss, error.T @ x, error.sum(axis=0)


# Weights of rows


LOSSES: dict[str, tuple[Any, int, np.ndarray]] = {
    "cross_entropy": (nn.cross_entropy, 3, CLASSES),
    "mse_loss": (nn.mse_loss, 2, RNG.normal(size=(23, 2))),
    "binary": (nn.binary_cross_entropy_with_logits, 1, (CLASSES[:, None] > 0) * 1.0),
    "hinge": (nn.hinge_loss, 1, (CLASSES[:, None] > 0) * 2.0 - 1.0),
}


@engines
@pytest.mark.parametrize("name", LOSSES)
def test_a_row_of_weight_2_is_the_row_twice(engine: str, name: str) -> None:
    loss, outputs, y = LOSSES[name]
    models = [linear(outputs) for _ in range(2)]
    options: dict[str, Any] = {"loss": loss, "batch": None, "epochs": 4, "rate": 0.3, "engine": engine}
    options["optimiser"] = "gradient_descent"
    weighted = fit(models[0], X, y, sample_weight=WEIGHTS, **options)
    repeated = fit(models[1], X.repeat(WEIGHTS, axis=0), y.repeat(WEIGHTS, axis=0), **options)
    np.testing.assert_allclose(numbers(models[0]), numbers(models[1]), rtol=0, atol=1e-12)
    for one, two in zip(weighted.history, repeated.history, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], abs=1e-12)


@engines
def test_weighted_batches_are_those_written_out_by_hand(engine: str) -> None:
    model, rng, weights = linear(), np.random.default_rng(7), 0.5 + RNG.random(23)
    w, b = model.weight.data.copy(), model.bias.data.copy()
    run = fit(
        model, X, CLASSES, sample_weight=weights, class_weight={0: 3.0, 2: 0.5}, optimiser="gradient_descent", rate=0.1,
        epochs=3, batch=8, seed=7, engine=engine,
    )  # fmt: skip
    weights = weights * np.array([3.0, 1.0, 0.5])[CLASSES]
    for row in run.history:
        total, order = 0.0, rng.permutation(23)
        for batch in (order[:8], order[8:16], order[16:]):
            loss, *gradients = softmax_regression(X[batch], CLASSES[batch], weights[batch], w, b)
            total += weights[batch].sum() * loss
            w, b = w - 0.1 * gradients[0], b - 0.1 * gradients[1]
        assert row["loss"] == pytest.approx(total / weights.sum(), abs=1e-12)
    np.testing.assert_allclose(numbers(model), np.concatenate([w.ravel(), b]), rtol=0, atol=1e-12)


def test_weights_of_1_change_nothing() -> None:
    plain, weighted = linear(), linear()
    fit(plain, X, CLASSES)
    fit(weighted, X, CLASSES, sample_weight=np.full(23, 1.0))
    np.testing.assert_allclose(numbers(plain), numbers(weighted), rtol=0, atol=1e-14)


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
@pytest.mark.parametrize("weight", ["balanced", {0: 2.0, 1: 0.25}, {1: 7}, None])
def test_class_weights_are_scikit_learns(load: Callable[..., Any], weight: Any) -> None:
    _, y = load(return_X_y=True)
    other = np.random.default_rng(1).random(len(y))
    expected = compute_sample_weight(weight, y)
    if weight is not None:
        assert row_weights(y, weight) == pytest.approx(expected, rel=1e-14)
    if weight == "balanced":
        assert expected[0] == pytest.approx(len(y) / (len(set(y)) * np.sum(y == y[0])), rel=1e-14)
        expected = other.sum() / (len(set(y)) * np.array([other[y == label].sum() for label in y]))
    assert row_weights(y, weight, other) == pytest.approx(expected * other, rel=1e-14)


def test_balanced_weights_count_a_row_of_weight_2_twice_and_one_of_0_not_at_all() -> None:
    weights, times = np.where(CLASSES == 2, 0, WEIGHTS), WEIGHTS * (CLASSES < 2)
    repeated = row_weights(CLASSES.repeat(times), "balanced")
    assert row_weights(CLASSES, "balanced", weights).repeat(times) == pytest.approx(repeated * weights.repeat(times))


def test_a_rare_class_is_told_right_more_often_with_balanced_weights() -> None:
    x, y = scaled(load_breast_cancer)
    keep = np.flatnonzero((y == 1) | (np.arange(len(y)) % 20 == 0))
    found = []
    for weight in (None, "balanced"):
        model = linear(2, 5)
        fit(model, x[keep][:, :5], y[keep], class_weight=weight, epochs=30, rate=0.02, seed=1)
        found.append(evaluate(model, x[:, :5], y).confusion.recall[0])
    assert found[1] > found[0] + 0.05


@pytest.mark.slow
@given(st.lists(st.floats(0.0, 10.0), min_size=4, max_size=4), st.lists(st.integers(0, 2), min_size=4, max_size=4))
def test_a_weighted_mean_is_one_for_any_weights(weights: list[float], y: list[int]) -> None:
    if sum(weights) < 1e-3:
        return
    model, x = linear(), X[:4]
    w, b = model.weight.data.copy(), model.bias.data.copy()
    run = fit(model, x, y, sample_weight=weights, epochs=1, batch=None, optimiser="gradient_descent", rate=0.5)
    loss, *gradients = softmax_regression(x, np.array(y), np.array(weights), w, b)
    assert run.history[0]["loss"] == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(model.weight.data, w - 0.5 * gradients[0], rtol=0, atol=1e-12)


def of_their_own(found: Any, y: Any) -> Any:
    return ((found[:, 0] - y) ** 2).mean()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sample_weight": np.ones(22)}, "sample_weight must have a number for each of the 23 rows, not shape (22,)"),
        (
            {"sample_weight": -np.ones(23)},
            "weights of rows must be finite numbers ≥ 0 that are not all zero, and these",
        ),
        ({"sample_weight": np.zeros(23)}, "finite numbers ≥ 0 that are not all zero, and these go from 0.0 to 0.0"),
        ({"class_weight": {0: 1.0, 3: 2.0}}, "class_weight has a weight for 3, and y the classes 0.0, 1.0, 2.0"),
        ({"class_weight": "even"}, "class_weight is a dict of classes and weights, 'balanced' or None, not 'even'"),
        (
            {"class_weight": [1.0, 2.0, 3.0]},
            "class_weight is a dict of classes and weights, 'balanced' or None, not [1.0",
        ),
        (
            {"class_weight": "balanced", "loss": nn.mse_loss, "y": np.ones((23, 3))},
            "class_weight needs one class a row, not y of shape (23, 3)",
        ),
        (
            {"sample_weight": np.ones(23), "loss": of_their_own},
            "weights need what each row costs: let of_their_own take reduction='none', as the losses of mg.nn",
        ),
    ],
)
def test_weights_that_do_not_fit(options: dict[str, Any], says: str) -> None:
    y = options.pop("y", CLASSES)
    with pytest.raises(ValueError, match=re.escape(says)):
        fit(linear(), X, y, **options)


# Clipped steps


@engines
@pytest.mark.parametrize("clip", [{"clip": 0.05}, {"clip": 1e3}, {"clip_value": 0.02}, {}])
def test_a_clipped_step_is_that_of_numpy(engine: str, clip: dict[str, float]) -> None:
    model = linear()
    w, b = model.weight.data.copy(), model.bias.data.copy()
    fit(model, X, CLASSES, epochs=3, batch=None, rate=0.5, optimiser="gradient_descent", engine=engine, **clip)
    lengths = []
    for _ in range(3):
        _, *gradients = softmax_regression(X, CLASSES, np.ones(23), w, b)
        gradient = np.concatenate([g.ravel() for g in gradients])
        lengths.append(np.linalg.norm(gradient))
        if "clip" in clip:
            gradient = gradient * min(1.0, clip["clip"] / (lengths[-1] + 1e-6))  # as PyTorch's clip_grad_norm_
        if "clip_value" in clip:
            gradient = np.minimum(np.maximum(gradient, -0.02), 0.02)
        w, b = w - 0.5 * gradient[:12].reshape(3, 4), b - 0.5 * gradient[12:]
    assert min(lengths) > 0.05
    np.testing.assert_allclose(numbers(model), np.concatenate([w.ravel(), b]), rtol=0, atol=1e-12)


def test_a_network_of_the_lecture_is_clipped_too() -> None:
    x, y = X, CLASSES % 2.0
    network = single_layer(m=4, k=2, seed=0)
    before = np.concatenate([np.ravel(p.data) for p in network.parameters.values()])
    train(network, x, y, Schedule(epochs=1, rate=1.0, clip=1e-3))
    after = np.concatenate([np.ravel(p.data) for p in network.parameters.values()])
    assert np.linalg.norm(after - before) in (0.0, pytest.approx(1e-3, rel=1e-2))


@pytest.mark.parametrize(
    ("bounds", "kind", "says"),
    [
        ({"clip": 0.0}, ValueError, "clip must be a positive number, not 0.0"),
        ({"clip_value": -1}, ValueError, "clip_value must be a positive number, not -1"),
        ({"clip": "norm"}, TypeError, "clip must be a number, not 'norm'"),
        ({"clip": 1.0, "clip_value": 1.0}, ValueError, "clip bounds the norm of the gradient and clip_value each"),
    ],
)
def test_bounds_that_are_none(bounds: dict[str, Any], kind: type[Exception], says: str) -> None:
    for teach in (lambda: fit(linear(), X, CLASSES, **bounds), lambda: Schedule(**bounds)):
        with pytest.raises(kind, match=re.escape(says)):
            teach()


# Patience


def replayed(costs: list[float], epochs: int, tol: float = 1e-4) -> int:
    """After how many epochs Patience stops, counted as one does by hand."""
    lowest, waited = np.inf, 0
    for number, cost in enumerate(costs, start=1):
        waited = 0 if cost <= lowest - tol else waited + 1
        lowest = min(lowest, cost)
        if waited == epochs:
            return number
    return len(costs)


@pytest.mark.parametrize("validated", [False, True])
def test_patience_ends_what_no_longer_gets_better(validated: bool) -> None:
    x, y = scaled(load_wine)
    parts: dict[str, Any] = {"validation": (x[1::2], y[1::2])} if validated else {}
    options = {"rate": 0.5, "batch": 16, "optimiser": "adam", "seed": 2}
    whole = fit(linear(3, 13), x[::2], y[::2], epochs=60, **options, **parts)
    costs = [row["validation_loss" if validated else "loss"] for row in whole.history]
    assert 3 < replayed(costs, 3) < 60
    models = [linear(3, 13) for _ in range(3)]
    watch = "validation_loss" if validated else "loss"
    run = fit(models[0], x[::2], y[::2], epochs=60, patience=3, **options, **parts)
    assert len(run.history) == replayed(costs, 3)
    assert (run.status, run.history) == ("stalled", whole.history[: len(run.history)])
    same = fit(models[1], x[::2], y[::2], epochs=60, stop=Patience(epochs=3, watch=watch), **options, **parts)
    assert same == run
    best = Patience(epochs=3, watch=watch, restore_best=True)
    restored = fit(models[2], x[::2], y[::2], epochs=60, stop=best, **options, **parts)
    until = int(np.argmin(costs[: len(run.history)])) + 1
    kept = "" if until == len(run.history) else f"; the best parameters, after epoch {until}, are kept"
    assert restored.message == run.message + kept
    straight = linear(3, 13)
    fit(straight, x[::2], y[::2], epochs=until, **options, **parts)
    assert np.array_equal(numbers(models[2]), numbers(straight))
    assert np.array_equal(numbers(models[0]), numbers(straight)) == (until == len(run.history))
    assert not validated or until < len(run.history)


def test_an_accuracy_has_to_rise() -> None:
    patience = Patience(tol=0.1, epochs=2, watch="validation_accuracy")
    rows = [{"validation_accuracy": value} for value in (0.5, 0.7, 0.9, 0.95, 0.9)]
    assert [patience(rows[:n]) for n in range(1, 6)] == ["epochs"] * 4 + ["stalled"]
    with pytest.raises(ValueError, match="Patience watches validation_accuracy, and the history has epoch, rate, loss"):
        fit(linear(), X, CLASSES, stop=patience)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"patience": 0}, ValueError, "patience must be at least 1, not 0"),
        ({"patience": 1.5}, TypeError, "patience must be a whole number, not 1.5"),
        ({"patience": 3, "stop": Patience()}, ValueError, "patience=3 is a stop policy, and stop= another"),
        ({"callbacks": print}, TypeError, "callbacks are a list of functions of an EpochEnd, not <built-in"),
        ({"callbacks": [3]}, TypeError, "callbacks are a list of functions of an EpochEnd, not [3]"),
    ],
)
def test_policies_that_are_none(options: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=re.escape(says)):
        fit(linear(), X, CLASSES, **options)


# Callbacks


def test_callbacks_see_every_epoch_with_its_parameters() -> None:
    seen: list[tuple[int, int, float]] = []
    model = linear()

    def look(end: EpochEnd) -> None:
        assert end.model is model
        assert model.training
        seen.append((end.epoch, len(end.history), evaluate(end.model, X, CLASSES)["loss"]))

    run = fit(model, X, CLASSES, epochs=4, validation=(X, CLASSES), callbacks=[look, lambda end: 1])
    assert seen == [(row["epoch"], row["epoch"], row["validation_loss"]) for row in run.history]
    assert run.status == "epochs"


@pytest.mark.parametrize("yes", [True, np.True_])
def test_a_callback_that_returns_true_ends_the_training_and_resumed_it_goes_on(tmp_path: Path, yes: Any) -> None:
    told: list[int] = []
    options: dict[str, Any] = {"epochs": 6, "batch": 5, "checkpoint": tmp_path, "every": 4}
    model, straight = linear(), linear()
    run = fit(
        model, X, CLASSES, callbacks=[lambda e: yes if e.epoch == 3 else 0, lambda e: told.append(e.epoch)], **options
    )
    assert (run.status, run.message) == ("stopped", "stopped: training ended after epoch 3 of 6")
    assert told == [1, 2, 3]
    whole = fit(straight, X, CLASSES, epochs=6, batch=5)
    assert run.history == whole.history[:3]
    assert fit(model, X, CLASSES, resume=True, **options) == whole
    assert np.array_equal(numbers(model), numbers(straight))


class _GoneWrongError(Exception):
    """What a callback raises."""


@pytest.mark.parametrize("error", [_GoneWrongError, SystemExit])
def test_an_exception_in_a_callback_goes_through_and_nothing_is_lost(
    tmp_path: Path, error: type[BaseException]
) -> None:
    def fails(end: EpochEnd) -> None:
        if end.epoch == 3:
            raise error

    options: dict[str, Any] = {"epochs": 6, "batch": 5, "checkpoint": tmp_path, "every": 5}
    model, three, straight = linear(), linear(), linear()
    with pytest.raises(error):
        fit(model, X, CLASSES, callbacks=[fails], **options)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000003.npz"]
    fit(three, X, CLASSES, epochs=3, batch=5)
    assert np.array_equal(numbers(model), numbers(three))
    whole = fit(straight, X, CLASSES, epochs=6, batch=5)
    assert fit(model, X, CLASSES, resume=True, **options) == whole
    assert np.array_equal(numbers(model), numbers(straight))


def test_ctrl_c_in_a_callback_is_ctrl_c(tmp_path: Path) -> None:
    def stops(end: EpochEnd) -> None:
        raise KeyboardInterrupt

    run = fit(linear(), X, CLASSES, callbacks=[stops], checkpoint=tmp_path)
    assert (run.status, len(run.history)) == ("interrupted", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-00000001.npz"]


# More epochs than were planned


def _network(epochs: int, decay: str, **saved: Any) -> tuple[np.ndarray, Any]:
    network = single_layer(m=4, k=2, seed=0)
    options: dict[str, Any] = {"epochs": epochs, "schedule": decay, "rate": 0.1, "batch": 6, "optimiser": "adam"}
    run = train(network, X, CLASSES % 2.0, **options, **saved)
    return np.concatenate([np.ravel(p.data) for p in network.parameters.values()]), run


def _model(epochs: int, decay: str, **saved: Any) -> tuple[np.ndarray, Any]:
    model = linear()
    run = fit(model, X, CLASSES, epochs=epochs, schedule=decay, rate=0.1, batch=6, **saved)
    return numbers(model), run


ways = pytest.mark.parametrize("way", [_network, _model])


@ways
def test_a_finished_run_goes_on_as_if_more_epochs_had_been_planned(way: Callable[..., Any], tmp_path: Path) -> None:
    way(3, "constant", checkpoint=tmp_path)
    found, run = way(8, "constant", checkpoint=tmp_path, resume=True)
    straight, whole = way(8, "constant")
    assert run.history == whole.history
    assert np.array_equal(found, straight)


@ways
@pytest.mark.parametrize("decay", SCHEDULES)
def test_the_epochs_that_are_added_have_the_rates_of_the_longer_schedule(
    way: Callable[..., Any], decay: str, tmp_path: Path
) -> None:
    way(3, decay, checkpoint=tmp_path / "once")
    found, run = way(8, decay, checkpoint=tmp_path / "once", resume=True)
    rates = [0.1 * SCHEDULES[decay](t, 3) for t in range(3)] + [0.1 * SCHEDULES[decay](t, 8) for t in range(3, 8)]
    assert [row["rate"] for row in run.history] == pytest.approx(rates, rel=1e-14)
    way(3, decay, checkpoint=tmp_path / "stopped", every=1)
    way(8, decay, checkpoint=tmp_path / "stopped", every=2, resume=True)
    (tmp_path / "stopped" / "checkpoint-00000008.npz").unlink()  # as if it had been stopped at the one before
    again, resumed = way(8, decay, checkpoint=tmp_path / "stopped", every=2, resume=True)
    assert resumed.history == run.history
    assert np.array_equal(again, found)


@ways
def test_fewer_epochs_or_more_before_they_have_run_out_are_another_run(way: Callable[..., Any], tmp_path: Path) -> None:
    way(4, "constant", checkpoint=tmp_path, every=1)
    with pytest.raises(FileError, match="is of another run, with epochs 4 instead of 3"):
        way(3, "constant", checkpoint=tmp_path, resume=True)
    (tmp_path / "checkpoint-00000004.npz").unlink()
    with pytest.raises(FileError, match="is of another run, with epochs 4 instead of 5"):
        way(5, "constant", checkpoint=tmp_path, resume=True)


def test_a_run_that_stalled_has_nothing_to_go_on_for(tmp_path: Path) -> None:
    options: dict[str, Any] = {"stop": Patience(tol=10.0, epochs=2), "checkpoint": tmp_path}
    run = fit(linear(), X, CLASSES, epochs=3, **options)
    assert run.status == "stalled"
    assert fit(linear(), X, CLASSES, epochs=9, resume=True, **options).history == run.history


def test_other_weights_or_bounds_are_another_run(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "checkpoint": tmp_path}
    fit(linear(), X, CLASSES, sample_weight=WEIGHTS, **options)
    for other, says in (({}, 'weights "'), ({"sample_weight": WEIGHTS, "clip": 1.0}, "clip null instead of 1.0")):
        with pytest.raises(FileError, match=f"is of another run, with {says}"):
            fit(linear(), X, CLASSES, resume=True, **options, **other)


# What rows were taken for


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer])
def test_the_confusion_is_scikit_learns(load: Callable[..., Any]) -> None:
    x, y = scaled(load)
    model = linear(len(set(y)), x.shape[1])
    fit(model, x, y, epochs=2, rate=0.02)
    found = evaluate(model, x, y)
    predicted = model(x).data.argmax(axis=1)
    assert np.array_equal(found.confusion.counts, confusion_matrix(y, predicted))
    assert found.confusion.recall == pytest.approx(recall_score(y, predicted, average=None))
    assert found["accuracy"] == pytest.approx(np.trace(found.confusion.counts) / len(y))
    assert sorted(found) == ["accuracy", "loss"]


def test_the_confusion_of_two_classes_goes_by_the_sign() -> None:
    model = linear(1, 1)
    model.weight.data, model.bias.data = np.array([[1.0]]), np.array([0.0])
    x, truth = np.array([[-2.0], [-1.0], [0.0], [3.0], [4.0]]), np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    found = evaluate(model, x, truth, nn.binary_cross_entropy_with_logits)
    assert found.confusion.counts.tolist() == [[1, 1], [1, 2]]
    signs = evaluate(model, x, 2.0 * truth - 1.0, nn.hinge_loss).confusion
    assert (signs.classes, signs.counts.tolist()) == (("-1", "1"), [[1, 1], [1, 2]])
    assert evaluate(model, x, 0.5 * truth, nn.binary_cross_entropy_with_logits).confusion is None
    assert evaluate(linear(2, 1), x, np.ones((5, 2)), nn.binary_cross_entropy_with_logits).confusion is None
    assert evaluate(model, x, truth, nn.mse_loss).confusion is None


def test_an_evaluation_is_printed_as_a_table() -> None:
    model = linear(3, 3)
    model.weight.data, model.bias.data = np.eye(3), np.zeros(3)
    x = np.eye(3)[[0, 0, 1, 1, 0]]
    assert str(evaluate(model, x, [0, 0, 1, 0, 1])).splitlines() == [
        "loss 0.9514, accuracy 0.6",
        "true \\ predicted  0  1  2  recall",
        "0                 2  1  0   0.667",
        "1                 1  1  0   0.500",
        "2                 0  0  0     nan",
    ]
    assert str(evaluate(model, x, x, nn.mse_loss)) == "loss 0"
    assert "plum\\nred" in str(confused(np.array([0]), np.array([0]), ["plum\nred"]))


# Parts that no gradient reaches


class Padded(nn.Module):
    """Rows of whole numbers, of which 1 pads: its row of the embedding is 2, and moves by weight decay alone."""

    def __init__(self) -> None:
        self.embed, self.head = nn.Embedding(5, 4, padding_idx=1, rng=np.random.default_rng(1)), linear()
        table = np.array(self.embed.weight.data)
        table[1] = 2.0
        self.embed.weight.data = table

    def forward(self, x: mg.Value) -> mg.Value:
        return self.head(self.embed(x).mean(axis=1))


class Behind(nn.Module):
    """A new layer behind one that keeps its weights."""

    def __init__(self) -> None:
        self.trained, self.head = linear(4), linear()

    def forward(self, x: mg.Value) -> mg.Value:
        return self.head(mg.stop_gradient(self.trained(x).tanh()))


@engines
@pytest.mark.parametrize("make", [Padded, Behind])
def test_what_lies_behind_a_stop_gradient_is_computed_anew_in_every_step(engine: str, make: Callable[[], Any]) -> None:
    x = X if make is Behind else np.random.default_rng(2).integers(0, 5, (23, 3))
    by_hand, model = make(), make()
    for trained, by in ((by_hand, "eager"), (model, engine)):
        fit(trained, x, CLASSES, epochs=8, rate=0.1, batch=8, optimiser="adamw", engine=by)
    np.testing.assert_allclose(numbers(model), numbers(by_hand), rtol=1e-9, atol=1e-12)
    kept = model.embed.weight.data[1] / 2.0 if make is Padded else model.trained.weight.data / linear(4).weight.data
    np.testing.assert_allclose(kept, (1.0 - 0.1 * 0.01) ** 24)  # weight decay, in 24 steps
