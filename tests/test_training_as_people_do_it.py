"""fit with everything at once, as people train: patience, weights, clipping, callbacks, resuming, what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.metrics import confusion_matrix, recall_score

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.fit import Patience, evaluate, fit
from microgradcnn.training.checkpoint import described

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
ORDER = np.random.default_rng(0).permutation(150)
LEARN, UNSEEN = (X[ORDER[:100]], Y[ORDER[:100]]), (X[ORDER[100:]], Y[ORDER[100:]])


def perceptron(seed: int = 0, dropout: bool = False) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    drops = [nn.Dropout(0.3, rng=rng)] if dropout else []
    return nn.Sequential(nn.Linear(4, 8, rng=rng), nn.BatchNorm1d(8), nn.Tanh(), *drops, nn.Linear(8, 3, rng=rng))


def linear(outputs: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, outputs, rng=np.random.default_rng(0)))


def same(one: nn.Module, two: nn.Module) -> bool:
    states = one.state_dict(), two.state_dict()
    return list(states[0]) == list(states[1]) and all(np.array_equal(a, states[1][k]) for k, a in states[0].items())


class CrashError(Exception):
    """Of a callback."""


EVERYTHING: dict[str, dict[str, Any]] = {
    "cosine": {"schedule": "cosine"},
    "weights and clipping": {"class_weight": "balanced", "clip": 0.5, "optimiser": "rmsprop"},
    "the best, by the validation": {
        "stop": Patience(epochs=6, watch="validation_loss", restore_best=True),
        "optimiser": "nesterov",
    },
    "patience": {"patience": 4, "optimiser": "adamw"},
}


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", EVERYTHING)
def test_a_run_that_crashed_goes_on_to_the_bit(name: str, dropout: bool, tmp_path: Path) -> None:
    options: dict[str, Any] = {"rate": 0.05, "epochs": 30, "batch": 16, "engine": "eager", "validation": UNSEEN}
    options |= EVERYTHING[name]
    straight, crashed, resumed = perceptron(0, dropout), perceptron(0, dropout), perceptron(9, dropout)
    whole = fit(straight, *LEARN, **options)

    def crash(end: Any) -> None:
        if end.epoch == len(whole.history) // 2:
            raise CrashError

    with pytest.raises(CrashError):
        fit(crashed, *LEARN, checkpoint=tmp_path, every=3, callbacks=[crash], **options)
    again = fit(resumed, *LEARN, checkpoint=tmp_path, every=3, resume=True, **options)
    assert (again.history, again.message) == (whole.history, whole.message)
    assert same(resumed, straight)


@pytest.mark.parametrize("seed", range(2))
def test_the_best_parameters_come_with_the_running_statistics_of_their_epoch(seed: int) -> None:
    model = perceptron(seed)
    stop = Patience(epochs=5, watch="validation_loss", restore_best=True)
    run = fit(model, *LEARN, rate=0.1, epochs=40, batch=16, engine="eager", validation=UNSEEN, stop=stop)
    best = min(row["validation_loss"] for row in run.history)
    assert len(run.history) > 1 + np.argmin([row["validation_loss"] for row in run.history])
    assert evaluate(model, *UNSEEN)["loss"] == pytest.approx(best, abs=1e-14)


def test_more_epochs_than_planned_are_the_longer_run_with_its_statistics(tmp_path: Path) -> None:
    options: dict[str, Any] = {"rate": 0.02, "batch": 16, "engine": "eager", "validation": UNSEEN}
    longer, straight = perceptron(), perceptron()
    fit(perceptron(), *LEARN, epochs=3, checkpoint=tmp_path, **options)
    run = fit(longer, *LEARN, epochs=5, checkpoint=tmp_path, resume=True, **options)
    assert run.history == fit(straight, *LEARN, epochs=5, **options).history
    assert same(longer, straight)


def test_what_evaluate_tells_is_scikit_learns() -> None:
    model = perceptron()
    fit(model, *LEARN, rate=0.05, epochs=5, batch=16, engine="eager", class_weight="balanced", clip=1.0)
    told = evaluate(model, *UNSEEN)
    model.eval()
    predicted = model(UNSEEN[0]).data.argmax(axis=1)
    assert told.confusion is not None
    np.testing.assert_array_equal(told.confusion.counts, confusion_matrix(UNSEEN[1], predicted))
    np.testing.assert_allclose(told.confusion.recall, recall_score(UNSEEN[1], predicted, average=None))
    lines = str(told).splitlines()
    assert lines[1].split() == ["true", "\\", "predicted", "0", "1", "2", "recall"]
    assert lines[2].split()[:4] == ["0", *map(str, told.confusion.counts[0])]


def test_of_many_classes_the_recalls_alone_are_printed() -> None:
    y = np.arange(60) % 30
    told = evaluate(nn.Sequential(nn.Linear(4, 30)), X[:60], y)
    assert told.confusion is not None
    assert told.confusion.counts.shape == (30, 30)
    lines = str(told).splitlines()[1:]
    assert [len(line.split()) for line in lines] == [2] * 31
    assert lines[0].split() == ["true", "recall"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            lambda: fit(linear(), X, Y, validation=X),
            "validation is a pair (x, y) of rows that are not trained on and their targets, not ",
        ),
        (lambda: fit(linear(), X, Y, validation=(X,)), "validation is a pair (x, y)"),
        (lambda: fit(linear(), X, Y, validation=(X, Y[:9])), "validation x and y must have one row an example"),
        (
            lambda: fit(linear(1), X, X[:, :1], loss=nn.mse_loss, class_weight="balanced"),
            "class_weight is for classes, and y has fractions: weigh its rows by sample_weight",
        ),
        (lambda: fit(linear(), X, Y, class_weight={7: 2.0}), "class_weight has a weight for 7, and y the classes"),
        (lambda: fit(linear(), X, Y, class_weight=[1.0, 2.0, 3.0]), "class_weight is a dict of classes and weights"),
        (
            lambda: fit(perceptron(), X, Y),
            "layer 1 is a BatchNorm1d, which takes the mean and the variance of the batch",
        ),
        (lambda: fit(linear(), X * np.nan, Y), "x[0, 0] is nan: training needs finite numbers"),
        (lambda: fit(linear(), X, np.array(list("abc"))[Y]), "number the classes from 0, as np.unique"),
    ],
)
def test_a_mistake_is_told_in_a_sentence(wrong: Callable[[], Any], says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(says)):
        wrong()


CLASS_WEIGHTS = np.array([0.5, 1.0, 4.0])
MEANS: dict[str, Callable[..., Any]] = {
    "cross_entropy": nn.cross_entropy,
    "with weights of classes": partial(nn.cross_entropy, weight=CLASS_WEIGHTS),
    "smoothed": partial(nn.cross_entropy, label_smoothing=0.3, weight=CLASS_WEIGHTS),
    "nll_loss": lambda found, y, sample_weight=None: nn.nll_loss(
        mg.log_softmax(found, 1), y, sample_weight=sample_weight
    ),
}


@pytest.mark.parametrize("name", MEANS)
def test_weights_of_1_change_nothing_where_rows_are_ignored(name: str) -> None:
    y = np.where(np.arange(150) % 5 == 0, -100, Y)
    plain, weighted = linear(), linear()
    options: dict[str, Any] = {"rate": 0.1, "epochs": 2, "batch": 16, "engine": "eager", "loss": MEANS[name]}
    fit(plain, X, y, **options)
    fit(weighted, X, y, sample_weight=np.ones(150), **options)
    np.testing.assert_allclose(weighted[0].weight.data, plain[0].weight.data, rtol=1e-12)


@pytest.mark.parametrize("name", MEANS)
def test_a_row_of_weight_2_is_the_row_twice_where_rows_are_ignored(name: str) -> None:
    y = np.where(np.arange(150) % 5 == 0, -100, Y)
    times = np.arange(150) % 3
    twice, weighted = linear(), linear()
    options: dict[str, Any] = {"rate": 0.1, "epochs": 3, "batch": None, "engine": "eager", "loss": MEANS[name]}
    fit(twice, np.repeat(X, times, axis=0), np.repeat(y, times), **options)
    fit(weighted, X, y, sample_weight=times, **options)
    np.testing.assert_allclose(weighted[0].weight.data, twice[0].weight.data, rtol=1e-9)


def test_a_mean_that_is_not_that_of_the_rows_is_refused_with_weights() -> None:
    def loss(found: Any, y: Any, reduction: str = "mean") -> Any:
        return nn.cross_entropy(found, y, reduction=reduction)

    y = np.where(np.arange(150) % 5 == 0, -100, Y)
    with pytest.raises(ValueError, match=r"with weights of 1 the loss would be .* let it take sample_weight"):
        fit(linear(), X, y, sample_weight=np.ones(150), loss=loss, engine="eager")
    assert fit(linear(), X, Y, sample_weight=np.ones(150), loss=loss, epochs=1).status == "epochs"


@pytest.mark.parametrize("ignored", [-100, 255])
@pytest.mark.parametrize("remainder", [0, 2])
def test_a_loss_that_no_program_takes_by_rows_is_refused_with_the_engine_that_does(
    remainder: int, ignored: int
) -> None:
    """Wherever the first row is that it ignores."""
    y = np.where(np.arange(150) % 5 == remainder, ignored, Y)
    loss = partial(nn.cross_entropy, ignore_index=ignored)
    with pytest.raises(ValueError, match=r"mixes rows.*or take engine='eager', which runs any loss"):
        fit(linear(), X, y, epochs=1, loss=loss)
    assert fit(linear(), X, y, epochs=1, loss=loss, engine="eager").status == "epochs"


MEASURING: dict[str, Callable[[Any], object]] = {
    "in eval mode": lambda end: end.model.eval()(X).shape,
    "by evaluate": lambda end: evaluate(end.model, *UNSEEN)["loss"],
    "and writing": lambda end: setattr(end.model.parameters()[0], "data", np.zeros((8, 4))),
}


@pytest.mark.parametrize("name", MEASURING)
def test_a_callback_that_measures_changes_nothing(name: str) -> None:
    plain, measured = perceptron(dropout=True), perceptron(dropout=True)
    options: dict[str, Any] = {"rate": 0.02, "epochs": 3, "batch": 16, "engine": "eager"}
    run = fit(plain, *LEARN, **options)
    assert fit(measured, *LEARN, callbacks=[MEASURING[name]], **options).history == run.history
    assert same(measured, plain)
    assert measured.training


def own_loss(found: Any, y: Any, power: float = 1.0) -> Any:
    return nn.cross_entropy(found, y) ** power


PARTIALS: dict[str, tuple[Any, Any, str]] = {
    "an option": (
        partial(nn.cross_entropy, label_smoothing=0.1),
        partial(nn.cross_entropy, label_smoothing=0.9),
        "loss.options.label_smoothing 0.1 instead of 0.9",
    ),
    "an array": (
        partial(nn.cross_entropy, weight=np.array([1.0, 2.0, 3.0])),
        partial(nn.cross_entropy, weight=np.array([1.0, 2.0, 4.0])),
        "loss.options.weight.SHA-256 ",
    ),
    "one option less": (partial(own_loss, power=2.0), partial(own_loss), "loss.options.power 2.0 instead of null"),
    "another function": (partial(nn.cross_entropy), partial(own_loss), 'loss.function "cross_entropy" instead of'),
    "no partial": (partial(own_loss, power=2.0), own_loss, 'instead of "own_loss"'),
}


@pytest.mark.parametrize("name", PARTIALS)
def test_a_loss_with_another_option_is_another_run(name: str, tmp_path: Path) -> None:
    first, second, says = PARTIALS[name]
    again = partial(first.func, **{option: np.copy(value)[()] for option, value in first.keywords.items()})
    options: dict[str, Any] = {"checkpoint": tmp_path, "engine": "eager"}
    fit(linear(), X, Y, epochs=1, loss=first, **options)
    with pytest.raises(FileError, match="is of another run.*" + re.escape(says)):
        fit(linear(), X, Y, epochs=2, resume=True, loss=second, **options)
    run = fit(linear(), X, Y, epochs=2, resume=True, loss=again, **options)
    assert run.history == fit(linear(), X, Y, epochs=2, loss=first, engine="eager").history


def test_a_stop_policy_with_another_option_is_another_run(tmp_path: Path) -> None:
    def until(history: Any, loss: float) -> str:
        return "enough" if history[-1]["loss"] < loss else "epochs"

    fit(linear(), X, Y, epochs=1, checkpoint=tmp_path, stop=partial(until, loss=0.1))
    with pytest.raises(FileError, match=r"stop\.options\.loss 0\.1 instead of 0\.2"):
        fit(linear(), X, Y, epochs=2, checkpoint=tmp_path, resume=True, stop=partial(until, loss=0.2))
    assert fit(linear(), X, Y, epochs=2, checkpoint=tmp_path, resume=True, stop=partial(until, loss=0.1)).history


def test_a_checkpoint_that_knows_only_that_there_is_a_partial_goes_on(tmp_path: Path) -> None:
    smooth = partial(nn.cross_entropy, label_smoothing=0.1)
    fit(linear(), X, Y, epochs=1, checkpoint=tmp_path, loss=smooth)
    (path,) = tmp_path.iterdir()
    saved, arrays = read_arrays(path, "checkpoint")
    write_arrays(path, "checkpoint", saved | {"about": saved["about"] | {"loss": "partial"}}, arrays)
    with pytest.raises(FileError, match='loss "partial" instead of "cross_entropy"'):
        fit(linear(), X, Y, epochs=2, checkpoint=tmp_path, resume=True)
    assert len(fit(linear(), X, Y, epochs=2, checkpoint=tmp_path, resume=True, loss=smooth).history) == 2


class Shifted:
    def __call__(self, history: Any) -> str:
        return "epochs"


@pytest.mark.parametrize(
    ("given", "is_described"),
    [
        (nn.mse_loss, "mse_loss"),
        (Shifted(), "Shifted"),
        (Patience(epochs=3), "Patience(tol=0.0001, epochs=3, watch='loss', restore_best=False)"),
        (partial(max, 1, key=abs), {"function": "max", "arguments": [1], "options": {"key": "abs"}}),
        (partial(max, (np.float32(0.5), None)), {"function": "max", "arguments": [[0.5, None]], "options": {}}),
        (
            partial(max, mg.Value(2.0), by={"a": True}),
            {"function": "max", "arguments": [2.0], "options": {"by": {"a": True}}},
        ),
        (partial(partial(max, 1), 2), {"function": "max", "arguments": [1, 2], "options": {}}),
    ],
)
def test_what_a_function_is_described_as_is_json_without_a_place_in_memory(given: Any, is_described: Any) -> None:
    assert described(given) == is_described == json.loads(json.dumps(described(given)))
