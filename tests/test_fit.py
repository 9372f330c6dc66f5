"""fit: the steps of a model of layers against steps written out by hand; what stops it, and how it goes on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.data.images import shifted
from microgradcnn.files import FileError
from microgradcnn.fit import DivergedError, evaluate, fit
from microgradcnn.networks import single_layer
from microgradcnn.training.batches import BLOCK, ENGINES, outputs
from microgradcnn.training.descent import Descent

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 4))
CLASSES = RNG.integers(0, 3, 23)
IMAGES = RNG.normal(size=(20, 1, 6, 6))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))


def linear(outputs: int = 3, inputs: int = 4, **options: Any) -> nn.Linear:
    return nn.Linear(inputs, outputs, rng=np.random.default_rng(1), **options)


def convolutional(dtype: Any = np.float64, *more: nn.Module) -> nn.Sequential:
    options = {"rng": np.random.default_rng(2), "dtype": dtype}
    head = (nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), *more, nn.Linear(8, 3, **options))
    return nn.Sequential(nn.Conv2d(1, 2, 3, **options), *head)


def numbers(model: nn.Module) -> np.ndarray:
    return np.concatenate([p.data.ravel() for p in model.parameters()])


def softmax_regression(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[float, float, list]:
    """Loss, accuracy and gradients of −log softmax(x Wᵀ + b)_y, by their closed forms."""
    logits = x @ w.T + b
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    rows = np.arange(len(x))
    error = p.copy()
    error[rows, y] -= 1.0
    right = np.mean(logits.argmax(axis=1) == y)
    return -np.mean(np.log(p[rows, y])), right, [error.T @ x / len(x), error.mean(axis=0)]


def adam(parameters: list, gradients: list, memory: dict, rate: float) -> list:
    memory["t"] = t = memory.get("t", 0) + 1
    moved = []
    for i, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
        m = memory["m", i] = 0.9 * memory.get(("m", i), 0.0) + 0.1 * g
        v = memory["v", i] = 0.999 * memory.get(("v", i), 0.0) + 0.001 * g * g
        moved.append(p - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8))
    return moved


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimiser", ["gradient_descent", "adam"])
def test_the_steps_of_softmax_regression_are_those_written_out_by_hand(engine: str, optimiser: str) -> None:
    model, rng = linear(), np.random.default_rng(7)
    w, b = model.weight.data.copy(), model.bias.data.copy()
    run = fit(
        model, X, CLASSES, optimiser=optimiser, rate=0.1, schedule="cosine", epochs=3, batch=8, seed=7, engine=engine
    )
    memory: dict = {}
    for epoch, row in enumerate(run.history):
        rate, sums = 0.1 * (1 + np.cos(np.pi * epoch / 3)) / 2, np.zeros(2)
        order = rng.permutation(23)
        for batch in (order[:8], order[8:16], order[16:]):  # at most 8 of 23, as equal as can be
            loss, right, gradients = softmax_regression(X[batch], CLASSES[batch], w, b)
            sums += len(batch) * np.array([loss, right])
            if optimiser == "adam":
                w, b = adam([w, b], gradients, memory, rate)
            else:
                w, b = w - rate * gradients[0], b - rate * gradients[1]
        assert row == pytest.approx(
            {"epoch": epoch + 1, "rate": rate, "loss": sums[0] / 23, "accuracy": sums[1] / 23}, abs=1e-12
        )
    np.testing.assert_allclose(model.weight.data, w, rtol=0, atol=1e-12)
    np.testing.assert_allclose(model.bias.data, b, rtol=0, atol=1e-12)
    assert (run.status, run.message) == ("epochs", "trained for 3 epochs")


def test_images_are_moved_as_by_hand() -> None:
    model, rng = nn.Sequential(nn.Flatten(), linear(inputs=36)), np.random.default_rng(3)
    w, b = (p.data.copy() for p in model.parameters())
    y = CLASSES[:20]
    fit(model, IMAGES, y, optimiser="gradient_descent", rate=0.1, epochs=2, batch=20, seed=3, shift=2)
    for _ in range(2):
        order = rng.permutation(20)
        places = rng.integers(0, 5, (2, 20))
        moved = np.zeros((20, 10, 10))
        for image, i, down, right in zip(moved, order, *places, strict=True):
            image[4 - down : 10 - down, 4 - right : 10 - right] = IMAGES[i, 0]
        _, _, gradients = softmax_regression(moved[:, 2:8, 2:8].reshape(20, 36), y[order], w, b)
        w, b = w - 0.1 * gradients[0], b - 0.1 * gradients[1]
    np.testing.assert_allclose(model[1].weight.data, w, rtol=0, atol=1e-12)


def test_every_move_happens() -> None:
    image = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    found = shifted(np.repeat(image, 400, axis=0), 1, np.random.default_rng(0))
    assert found.shape == (400, 1, 3, 3)
    distinct = {tuple(moved.ravel()) for moved in found}
    assert len(distinct) == 9
    assert tuple(image.ravel()) in distinct
    assert (0, 0, 0, 0, 1, 2, 0, 4, 5) in distinct  # down and to the right
    assert (2, 3, 0, 5, 6, 0, 8, 9, 0) in distinct  # to the left


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_every_engine_takes_the_same_steps(engine: str) -> None:
    found = {}
    for name in ("eager", engine):
        model = convolutional()
        run = fit(model, IMAGES, CLASSES[:20], rate=0.01, epochs=4, batch=7, shift=1, engine=name)
        found[name] = numbers(model), [list(row.values()) for row in run.history]
    np.testing.assert_allclose(found[engine][0], found["eager"][0], rtol=0, atol=1e-10)
    np.testing.assert_allclose(found[engine][1], found["eager"][1], rtol=1e-9)
    assert np.abs(found["eager"][0] - numbers(convolutional())).max() > 0.01


@pytest.mark.parametrize("engine", ENGINES)
def test_the_parameters_type_is_that_of_the_training(engine: str) -> None:
    model, double = convolutional(np.float32), convolutional()
    options: dict[str, Any] = {"rate": 0.01, "epochs": 2, "batch": 7, "engine": engine}
    fit(model, IMAGES, CLASSES[:20], **options)
    fit(double, IMAGES, CLASSES[:20], **options)
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(numbers(model), numbers(double), rtol=0, atol=1e-4)


@pytest.mark.parametrize("engine", ["eager", "numpy", "jit"])
def test_the_same_seed_gives_the_same_bits(engine: str) -> None:
    found = []
    for seed in (0, 0, 1):
        model = convolutional(np.float32)
        run = fit(model, IMAGES, CLASSES[:20], epochs=3, batch=6, shift=1, seed=seed, engine=engine)
        found.append((numbers(model).tobytes(), run.history))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


SIGNS = np.array([1.0, -1.0, 1.0, -1.0])
SCORES = np.array([0.5, 2.0, -0.1, -3.0])  # right about the first and the last


@pytest.mark.parametrize(
    ("loss", "y", "value", "right"),
    [
        (nn.hinge_loss, SIGNS, (0.5 + 3.0 + 1.1 + 0.0) / 4, 0.5),
        (nn.binary_cross_entropy_with_logits, (SIGNS + 1) / 2, np.mean(np.log1p(np.exp(-SIGNS * SCORES))), 0.5),
        (nn.mse_loss, np.zeros(4), np.mean(SCORES**2), None),
    ],
)
def test_loss_and_accuracy_by_hand(loss: Any, y: np.ndarray, value: float, right: float | None) -> None:
    model = linear(1, 1)
    model.weight.data, model.bias.data = np.ones((1, 1)), np.zeros(1)
    x, y = SCORES.reshape(4, 1), y.reshape(4, 1)
    expected = {"loss": value} | ({} if right is None else {"accuracy": right})
    assert evaluate(model, x, y, loss) == pytest.approx(expected, rel=1e-14)
    row = fit(model, x, y, loss=loss, epochs=1, batch=4, rate=1e-3).history[0]  # measured before its only step
    assert row == pytest.approx({"epoch": 1, "rate": 1e-3, **expected}, rel=1e-14)


def test_a_row_whose_logits_are_all_equal_is_not_right() -> None:
    model = linear()
    model.weight.data, model.bias.data = np.zeros((3, 4)), np.zeros(3)
    assert evaluate(model, X, CLASSES) == pytest.approx({"loss": np.log(3.0), "accuracy": 0.0})


def test_validation_is_measured_after_every_epoch_in_eval_mode() -> None:
    model = nn.Sequential(nn.Dropout(0.5, rng=np.random.default_rng(0)), linear())
    unseen, y = RNG.normal(size=(BLOCK + 40, 4)), RNG.integers(0, 3, BLOCK + 40)
    model[0].eval()  # the modes are given back as they were
    run = fit(model, X, CLASSES, epochs=2, batch=8, rate=0.1, engine="eager", validation=(unseen, y))
    loss, right, _ = softmax_regression(unseen, y, *(p.data for p in model.parameters()))
    assert run.history[1]["validation_loss"] == pytest.approx(loss, rel=1e-12)
    assert run.history[1]["validation_accuracy"] == pytest.approx(right, rel=1e-12)
    assert run.history[0]["validation_loss"] != run.history[1]["validation_loss"]
    assert list(run.history[0]) == ["epoch", "rate", "loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert (model.training, model[0].training) == (True, False)
    plain = nn.Sequential(nn.Dropout(0.0, rng=np.random.default_rng(0)), linear())
    fit(plain, X, CLASSES, epochs=2, batch=8, rate=0.1, engine="eager")
    assert np.abs(numbers(plain) - numbers(model)).max() > 1e-3  # Dropout was at work in training


def test_outputs_in_blocks_are_those_of_all_rows_at_once() -> None:
    model, x = linear(), RNG.normal(size=(2 * BLOCK + 1, 4))
    np.testing.assert_allclose(outputs(model, x), x @ model.weight.data.T + model.bias.data, rtol=1e-13)


BAD = X.copy()
BAD[2, 1] = np.nan
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "engine": ({"engine": "numba"}, "'numba' is none of eager, numpy, jit, jax"),
    "optimiser": (
        {"optimiser": "sgd"},
        "'sgd' is none of gradient_descent, momentum, nesterov, adam, adamw, rmsprop, adagrad",
    ),
    "schedule": ({"schedule": "linear"}, "'linear' is none of constant, step, inverse, exponential, cosine"),
    "epochs": ({"epochs": 0}, "epochs must be at least 1, not 0"),
    "batch": ({"batch": 0}, "batch must be at least 1, not 0"),
    "rate": ({"rate": -1.0}, "the learning rate must be a positive number, not -1.0"),
    "no images": ({"shift": 1}, "shift moves images (n, channels, height, width) by fewer pixels than they have"),
    "columns": ({"x": X[:, :3]}, "takes rows of 4 numbers, (n, 4), not an input of shape (1, 3)"),
    "rows": ({"y": CLASSES[:9]}, "not the shapes (23, 4) and (9,)"),
    "no rows": ({"x": X[:0], "y": CLASSES[:0]}, "n ≥ 1, not the shapes (0, 4) and (0,)"),
    "a class": ({"y": np.full(23, 3)}, "cross_entropy takes logits (n, classes) and n class numbers from 0"),
    "half a class": ({"y": np.full(23, 0.5)}, "targets of shape (23,) (from 0.5 to 0.5)"),
    "text": ({"y": np.full(23, "six")}, "y must be real numbers, not <U3: number the classes from 0, as np.unique"),
    "nan": ({"x": BAD}, "x[2, 1] is nan: training needs finite numbers"),
    "validation": ({"validation": (X, CLASSES[:9])}, "validation x and y must have one row an example"),
    "mispaired": ({"loss": nn.mse_loss}, "the predictions have shape (23, 3) and the targets (23,)"),
    "resume": ({"resume": True}, "every and resume need checkpoint"),
}


@pytest.mark.parametrize(("options", "says"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_one_sentence_and_changes_nothing(options: dict[str, Any], says: str) -> None:
    model = linear()
    before = numbers(model)
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        fit(model, **({"x": X, "y": CLASSES} | options))
    assert "\n" not in str(error.value)
    np.testing.assert_array_equal(numbers(model), before)


class Two(nn.Module):
    """The mean and the logarithm of the variance, as an encoder gives them."""

    def __init__(self) -> None:
        self.mean, self.variance = linear(), linear()

    def forward(self, x: mg.Value) -> Any:
        return self.mean(x), self.variance(x)


def test_models_that_cannot_be_trained() -> None:
    for used in (fit, evaluate):
        with pytest.raises(
            TypeError,
            match=r"^fit and evaluate take a Module, such as nn\.Sequential.*, not function: write class Net\(nn",
        ):
            used(lambda x: x, X, CLASSES)
        with pytest.raises(TypeError, match="not SingleLayer, which train and accuracy take"):
            used(single_layer(m=2), X, CLASSES)
        with pytest.raises(ValueError, match="need parameters, all of one type, but the model has none"):
            used(nn.ReLU(), X, CLASSES)
    with pytest.raises(TypeError, match=r"one Value of a model, not a tuple: give it mg\.concatenate"):
        fit(Two(), X, CLASSES, loss=lambda found, y: found[0].mean())
    mixed = nn.Sequential(linear(), nn.Linear(3, 3, rng=RNG, dtype=np.float32))
    with pytest.raises(ValueError, match=r"but 0\.weight is float64, .*1\.bias is float32"):
        fit(mixed, X, CLASSES)
    dropping = nn.Sequential(nn.Dropout(0.5, rng=RNG), linear())
    with pytest.raises(ValueError, match=r"^layer 0 is a Dropout, which draws anew in every step: take engine='eager'"):
        fit(dropping, X, CLASSES)


def interrupt(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ctrl-C in a step, counted from 1."""
    real, steps = Descent.step, 0

    def stepped(self: Descent, rate: float) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            raise KeyboardInterrupt
        real(self, rate)

    monkeypatch.setattr(Descent, "step", stepped)


@pytest.mark.parametrize("engine", ["eager", "numpy"])
def test_ctrl_c_keeps_the_last_whole_epoch(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = linear(), linear()
    options: dict[str, Any] = {"batch": 8, "rate": 0.1, "engine": engine}
    two = fit(whole, X, CLASSES, epochs=2, **options)
    interrupt(monkeypatch, 3 * 2 + 2)
    run = fit(stopped, X, CLASSES, epochs=5, **options)
    assert (run.status, run.message) == ("interrupted", "interrupted: the parameters after epoch 2 of 5 are kept")
    assert run.history == two.history
    np.testing.assert_array_equal(numbers(stopped), numbers(whole))


def test_ctrl_c_in_the_first_epoch_leaves_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear()
    interrupt(monkeypatch, 2)
    run = fit(model, X, CLASSES, batch=8)
    assert (run.status, run.history) == ("interrupted", [])
    assert run.message == "interrupted in the first epoch: the parameters are as they were"
    np.testing.assert_array_equal(numbers(model), numbers(linear()))


@pytest.mark.parametrize("engine", ["eager", "numpy", "jit"])
def test_divergence_names_the_epoch_and_a_rate_and_keeps_finite_parameters(engine: str) -> None:
    model = linear(1)
    y = X.sum(axis=1, keepdims=True)
    options: dict[str, Any] = {"loss": nn.mse_loss, "optimiser": "gradient_descent", "batch": 23, "engine": engine}
    with pytest.raises(DivergedError, match=r"^training diverged in epoch \d+: .*; the rate 1e\+20 is too large, try"):
        fit(model, X, y, rate=1e20, epochs=200, **options)
    assert np.isfinite(numbers(model)).all()
    with pytest.raises(DivergedError, match=r"^training cannot start: the loss of the first batch is inf; bring x to"):
        fit(linear(1), 1e200 * X, y, rate=0.1, **options)


def noisy() -> nn.Sequential:
    """A model whose training draws for the batches, the moves and a Dropout."""
    return convolutional(np.float32, nn.Dropout(0.3, rng=np.random.default_rng(5)))


RESUMABLE: dict[str, Any] = {"epochs": 6, "batch": 7, "rate": 0.01, "schedule": "cosine", "shift": 1, "engine": "eager"}
WHOLE = {**RESUMABLE, "validation": (IMAGES[:5], CLASSES[:5])}


@pytest.mark.parametrize("step", [2, 3 * 1 + 1, 3 * 4 + 2, 3 * 5 + 3])
@pytest.mark.parametrize("every", [1, 4])
def test_resume_goes_on_to_the_bit(step: int, every: int, tmp_path: Path) -> None:
    expected, stopped, resumed = noisy(), noisy(), noisy()
    whole = fit(expected, IMAGES, CLASSES[:20], **WHOLE)
    saving: dict[str, Any] = {"checkpoint": tmp_path / "run", "every": every}
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, step)
        assert fit(stopped, IMAGES, CLASSES[:20], **WHOLE, **saving).status == "interrupted"
    if step > 3:
        run = fit(resumed, IMAGES, CLASSES[:20], **WHOLE, **saving, resume=True)
        assert run == whole
        assert numbers(resumed).tobytes() == numbers(expected).tobytes()
        again = noisy()  # of a run that is finished there is nothing left to do
        assert fit(again, IMAGES, CLASSES[:20], **WHOLE, **saving, resume=True) == whole
        assert numbers(again).tobytes() == numbers(expected).tobytes()


def test_a_dropout_that_is_not_put_back_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, resumed = noisy(), noisy()
    fit(expected, IMAGES, CLASSES[:20], **WHOLE)
    saving: dict[str, Any] = {"checkpoint": tmp_path / "run"}
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, 8)
        fit(noisy(), IMAGES, CLASSES[:20], **WHOLE, **saving)
    restore = Descent.restore
    start = [part.rng.bit_generator.state for _, part in noisy().named_modules() if isinstance(part, nn.Dropout)]

    def forgetting(self: Descent, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        restore(self, {**state, "dropouts": start}, arrays)

    monkeypatch.setattr(Descent, "restore", forgetting)
    fit(resumed, IMAGES, CLASSES[:20], **WHOLE, **saving, resume=True)
    assert numbers(resumed).tobytes() != numbers(expected).tobytes()


def test_another_run_is_not_gone_on_with(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "checkpoint": tmp_path / "run"}
    fit(linear(), X, CLASSES, **options)
    with pytest.raises(FileError, match=r"is there already: resume its run"):
        fit(linear(), X, CLASSES, **options)
    with pytest.raises(FileError, match=r"is of another run, with rate 0\.001 instead of 0\.5: "):
        fit(linear(), X, CLASSES, rate=0.5, **options, resume=True)
    with pytest.raises(FileError, match=r"is of another run, with data\.SHA-256 "):
        fit(linear(), 2.0 * X, CLASSES, **options, resume=True)
    with pytest.raises(FileError, match=r"is of another run, with model "):
        fit(nn.Sequential(linear()), X, CLASSES, **options, resume=True)


def test_a_loss_of_ones_own() -> None:
    model = linear(1)

    def absolute(found: mg.Value, y: Any) -> mg.Value:
        return mg.mean(mg.abs(found[:, 0] - y))

    y = X[:, 0]
    run = fit(model, X, y, loss=absolute, rate=0.05, epochs=60, batch=5)
    assert list(run.history[0]) == ["epoch", "rate", "loss"]
    assert run.history[-1]["loss"] < 0.1 * run.history[0]["loss"]
    assert evaluate(model, X, y, absolute)["loss"] == pytest.approx(
        np.mean(np.abs(X @ model.weight.data[0] + model.bias.data - y)), rel=1e-12
    )


class Line(nn.Module):
    """Two parameters that are single numbers."""

    def __init__(self) -> None:
        self.slope, self.intercept = mg.Value(0.0), mg.Value(0.0)

    def forward(self, x: mg.Value) -> mg.Value:
        return self.slope * x[:, 0] + self.intercept


@pytest.mark.parametrize("engine", ["eager", "numpy"])
def test_parameters_may_be_single_numbers(engine: str) -> None:
    x, line = np.linspace(-1.0, 1.0, 16)[:, None], Line()
    options: dict[str, Any] = {"optimiser": "gradient_descent", "schedule": "constant", "rate": 0.5, "engine": engine}
    fit(line, x, 3.0 * x[:, 0] + 1.0, loss=nn.mse_loss, epochs=100, batch=16, **options)
    assert [p.item() for p in line.parameters()] == pytest.approx([3.0, 1.0], abs=1e-6)
