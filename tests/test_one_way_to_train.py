"""One way to train: groups of arguments or single names, one loop, one file of parameters for networks and models."""

from __future__ import annotations

import dataclasses
import json
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from sklearn.exceptions import ConvergenceWarning

from microgradcnn import nn
from microgradcnn.cli import main
from microgradcnn.data import Dataset, load, with_classes
from microgradcnn.estimator import MicrogradClassifier
from microgradcnn.experiment import experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError
from microgradcnn.fit import Checkpoints, Patience, Schedule, evaluate, fit, train
from microgradcnn.networks import two_conv_linear

Array = Any
BARS = load("bars")


@dataclass(frozen=True)
class Way:
    """`train` of a network of the lecture, or `fit` of a model: what both are asked."""

    run: Callable[..., Any]
    new: Callable[[], Any]
    y: Array
    defaults: Schedule

    def flat(self, what: Any) -> Array:
        """All parameters as one vector."""
        parameters = what.parameters() if isinstance(what, nn.Module) else what.parameters.values()
        return np.concatenate([np.ravel(np.asarray(p.data)) for p in parameters])

    def trained(self, *groups: Any, **singly: Any) -> tuple[Array, Any]:
        """The parameters and what the run says, from the same start every time."""
        what = self.new()
        run = self.run(what, BARS.x, self.y, *groups, **singly)
        return self.flat(what), run


def _model() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(9, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))


TRAIN = Way(
    train,
    lambda: two_conv_linear(seed=0),
    BARS.y,
    Schedule(epochs=1000, rate=None, decay="inverse", batch=None, optimiser="gradient_descent"),
)
FIT = Way(fit, _model, BARS.y.astype(int), Schedule())
ways = pytest.mark.parametrize("way", [TRAIN, FIT], ids=["train", "fit"])

SETTINGS: list[dict[str, Any]] = [
    {"epochs": 3},
    {"epochs": 4, "rate": 0.25},
    {"epochs": 4, "rate": 0.25, "schedule": "constant"},
    {"epochs": 6, "rate": 0.05, "schedule": "cosine", "batch": 32, "optimiser": "adam"},
    {"epochs": 6, "rate": 0.05, "schedule": "step", "batch": 7, "optimiser": "momentum"},
    {"epochs": 5, "rate": 0.05, "schedule": "exponential", "batch": 200, "optimiser": "gradient_descent"},
    {"epochs": 5, "rate": 0.05, "schedule": "inverse", "batch": 1000, "optimiser": "adam"},
]


def _schedule(way: Way, singly: dict[str, Any]) -> Schedule:
    names = {"schedule": "decay"}
    return dataclasses.replace(way.defaults, **{names.get(name, name): value for name, value in singly.items()})


@pytest.mark.parametrize("singly", SETTINGS, ids=str)
@ways
def test_a_schedule_is_its_names_singly_to_the_bit(way: Way, singly: dict[str, Any]) -> None:
    one, by_name = way.trained(seed=3, **singly)
    two, grouped = way.trained(_schedule(way, singly), seed=3)
    assert one.tobytes() == two.tobytes()
    assert by_name.history == grouped.history
    assert (by_name.rate, by_name.status, by_name.message) == (grouped.rate, grouped.status, grouped.message)
    assert not np.array_equal(one, way.flat(way.new()))


@ways
def test_a_schedule_by_its_name_is_the_decay(way: Way) -> None:
    grouped = _schedule(way, {"epochs": 4, "rate": 0.1, "schedule": "cosine"})
    for singly in ({"schedule": "cosine"}, {"decay": "cosine"}):
        parameters, _ = way.trained(epochs=4, rate=0.1, **singly)
        assert parameters.tobytes() == way.trained(grouped)[0].tobytes()
    assert way.trained("cosine", epochs=4, rate=0.1)[0].tobytes() == way.trained(grouped)[0].tobytes()


def test_rates_fall_as_the_names_say() -> None:
    shares = {"constant": [1.0, 1.0, 1.0, 1.0], "cosine": [(1.0 + np.cos(np.pi * e / 4)) / 2 for e in range(4)]}
    for decay, exact in shares.items():
        run = fit(_model(), BARS.x, FIT.y, Schedule(epochs=4, rate=0.02, decay=decay))
        assert [row["rate"] for row in run.history] == pytest.approx([0.02 * share for share in exact], rel=1e-12)


@ways
def test_saving_is_its_names_singly_and_goes_on_to_the_bit(way: Way, tmp_path: Path) -> None:
    whole, run = way.trained(epochs=8, rate=0.05, batch=16)
    for folder, groups in (("grouped", True), ("singly", False)):
        path = tmp_path / folder

        def saving(resume: bool, path: Path = path, groups: bool = groups) -> dict[str, Any]:
            if groups:
                return {"checkpoints": Checkpoints(path, every=3, resume=resume)}
            return {"checkpoint": path, "every": 3, "resume": resume}

        saved, _ = way.trained(epochs=8, rate=0.05, batch=16, **saving(resume=False))
        assert saved.tobytes() == whole.tobytes()
        newest = max(path.glob("checkpoint-*.npz"))
        newest.unlink()  # as if it had been stopped at the one before
        assert list(path.glob("checkpoint-*.npz"))
        again, resumed = way.trained(epochs=8, rate=0.05, batch=16, **saving(resume=True))
        assert again.tobytes() == whole.tobytes()
        assert resumed.history == run.history


class _StoppedError(Exception):
    """Raised in place of the end of a process."""


def _until(at: int | None, signal: type[BaseException]) -> Callable[[Any], str]:
    """A stop policy that goes on, but raises `signal` after `at` epochs."""

    def stop(history: Any) -> str:
        if len(history) == at:
            raise signal
        return "epochs"

    return stop


@pytest.mark.parametrize("signal", [KeyboardInterrupt, _StoppedError])
@pytest.mark.parametrize("at", [2, 5])
def test_a_stopped_fit_goes_on_to_the_bit(signal: type[BaseException], at: int, tmp_path: Path) -> None:
    """Stopped after an epoch by its stop policy's being asked: Ctrl-C keeps that epoch, anything else goes through."""
    settings = {"epochs": 6, "batch": 16}
    whole, run = FIT.trained(**settings, stop=_until(None, signal))
    settings |= {"checkpoint": tmp_path, "every": 1}
    if signal is KeyboardInterrupt:
        kept, stopped = FIT.trained(**settings, stop=_until(at, signal))
        assert (stopped.status, len(stopped.history)) == ("interrupted", at)
        assert f"after epoch {at} of 6" in stopped.message
        assert (
            kept.tobytes()
            == FIT.trained(epochs=6, batch=16, stop=lambda h: "enough" if len(h) == at else "epochs")[0].tobytes()
        )
    else:
        with pytest.raises(_StoppedError):
            FIT.trained(**settings, stop=_until(at, signal))
    again, resumed = FIT.trained(**settings, stop=_until(None, signal), resume=True)
    assert again.tobytes() == whole.tobytes()
    assert resumed.history == run.history


@pytest.mark.parametrize("at", [1, 4])
def test_the_epoch_that_is_kept_is_the_one_on_disk(at: int, tmp_path: Path) -> None:
    _, stopped = FIT.trained(epochs=6, checkpoint=tmp_path, every=1, stop=_until(at, KeyboardInterrupt))
    assert len(stopped.history) == at
    assert (tmp_path / f"checkpoint-{at:08}.npz").exists()


def test_patience_stops_where_the_loss_has_stalled() -> None:
    for epochs in (1, 3, 7):
        run = fit(_model(), BARS.x, FIT.y, Schedule(epochs=50, rate=1e-12), stop=Patience(epochs=epochs))
        assert (run.status, len(run.history)) == ("stalled", 1 + epochs)
        assert f"after epoch {1 + epochs} of 50" in run.message
    run = fit(_model(), BARS.x, FIT.y, Schedule(epochs=5, rate=0.05, batch=None), stop=Patience(tol=0.0, epochs=1))
    losses = [row["loss"] for row in run.history]
    assert losses == sorted(losses, reverse=True)  # falling all the time: patience is not tried
    assert (run.status, len(run.history)) == ("epochs", 5)


def test_patience_by_hand() -> None:
    patience = Patience(tol=0.1, epochs=2)
    cases = [
        ([1.0, 0.8, 0.6, 0.4], False),
        ([1.0, 0.95, 0.95], True),  # neither is a tenth below the lowest
        ([1.0, 0.95, 0.85], False),
        ([1.0, 0.5, 0.6, 0.7], True),
        ([1.0, 2.0], False),
    ]
    for losses, stalled in cases:
        said = [patience([{"loss": loss} for loss in losses[: n + 1]]) for n in range(len(losses))]
        assert (said[-1] == "stalled") == stalled, losses


Mistake = tuple[dict[str, Any], str]
MISTAKES: list[Mistake] = [
    ({"epochs": 0}, "epochs must be at least 1, not 0"),
    ({"rate": -1.0}, "the learning rate must be a positive number, not -1.0"),
    ({"rate": float("nan")}, "the learning rate must be a positive number, not nan"),
    ({"schedule": "cosin"}, "'cosin' is none of constant, step, inverse, exponential, cosine"),
    ({"optimiser": "adm"}, "'adm' is none of gradient_descent, momentum, nesterov, adam, adamw, rmsprop, adagrad"),
    ({"batch": 0}, "batch must be at least 1, not 0"),
    ({"every": 3}, "every and resume need checkpoint"),
    ({"resume": True}, "every and resume need checkpoint"),
    ({"checkpoint": "run", "every": 0}, "every must be at least 1, not 0"),
    ({"engine": "cuda"}, "'cuda' is none of eager, numpy, jit, jax"),
    ({"schedule": Schedule(), "epochs": 3}, "a Schedule is given, and epochs besides"),
    (
        {"checkpoints": Checkpoints("run"), "resume": True},
        "Checkpoints are given, and checkpoint, every or resume besides",
    ),
]
BAD_SENTENCES: list[Mistake] = [
    ({"epoch": 3}, r"(?<!__init__\(\) got an )unexpected keyword argument 'epoch'"),
    ({"checkpoints": "run"}, "Checkpoints"),
    ({"epochs": "3"}, "epochs.*'3'"),
    ({"epochs": 2.5}, r"epochs.*2\.5"),
    ({"rate": "fast"}, "rate.*'fast'"),
    ({"seed": -1}, "seed.*-1"),
]


@pytest.mark.parametrize(("mistake", "said"), MISTAKES, ids=lambda case: str(case))
@ways
def test_mistakes_are_sentences(
    way: Way, mistake: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(said)):
        way.trained(**mistake)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("mistake", "said"), BAD_SENTENCES, ids=lambda case: str(case))
@ways
def test_mistakes_of_type_are_sentences_about_the_argument(way: Way, mistake: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        way.trained(**mistake)


@ways
def test_a_checkpoint_of_another_run_is_refused_by_what_differs(way: Way, tmp_path: Path) -> None:
    way.trained(epochs=4, rate=0.05, checkpoint=tmp_path)
    for other, said in [({"rate": 0.06}, "rate"), ({"batch": 3}, "batch"), ({"optimiser": "momentum"}, "optimiser")]:
        with pytest.raises(FileError, match=f"is of another run, with .*{said}"):
            way.trained(**{"epochs": 4, "rate": 0.05} | other, checkpoint=tmp_path, resume=True)
    damaged = max(tmp_path.glob("checkpoint-*.npz"))
    for file in tmp_path.glob("checkpoint-*.npz"):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    with pytest.raises(FileError, match=damaged.name):
        way.trained(epochs=4, rate=0.05, checkpoint=tmp_path, resume=True)


def test_the_same_loop_gives_estimators_and_fit_the_same_bits() -> None:
    settings = {"hidden_layer_sizes": (4,), "max_iter": 5, "batch_size": 16, "random_state": 0}
    with pytest.warns(ConvergenceWarning):
        one, two = (MicrogradClassifier(**settings, n_iter_no_change=100).fit(BARS.x, BARS.y) for _ in range(2))
    assert FIT.flat(one.model_).tobytes() == FIT.flat(two.model_).tobytes()
    found = evaluate(one.model_, BARS.x, FIT.y)
    assert found["accuracy"] == pytest.approx(one.score(BARS.x, BARS.y))


OLD_RESULTS = {  # what training gave before the package had rooms, by the names of that day, as a pickle says them
    "train": ("microgradcnn.train", "Training"),
    "fit": ("microgradcnn.fit", "Fit"),
    "experiment": ("microgradcnn.experiment", "Experiment"),
    "trained": ("microgradcnn.trained", "Trained"),
}


@pytest.mark.parametrize("verb", OLD_RESULTS)
def test_old_pickles_of_what_training_gave_find_their_class(verb: str) -> None:
    module, name = OLD_RESULTS[verb]
    assert isinstance(pickle.loads(f"c{module}\n{name}\n.".encode()), type)


def _pixels(path: Path, n: int = 24) -> Path:
    """An NPZ file of n images, 8×8, of two classes that are told by one glance."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    x = rng.random((n, 8, 8)) * 0.2
    x[y == 0, :, :4] += 0.8
    x[y == 1, :, 4:] += 0.8
    np.savez(path, x=x, y=y)
    return path


def _classed(data: Dataset) -> Dataset:
    """Rows with classes, which a file of numbers has not."""
    return data if data.classes else with_classes(data)


FILES = {  # a network of the lecture and a model: one file format, by the command line or by Python
    "conv_linear": (["--epochs", "20"], {"epochs": 20}),
    "lenet": (["--epochs", "1"], {"epochs": 1}),
}


@pytest.mark.parametrize("by", ["command", "python"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_by_one_path_is_read_by_every_other(
    name: str, by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    data = "bars" if name == "conv_linear" else str(_pixels(tmp_path / "images.npz"))
    arguments, settings = FILES[name]
    file = tmp_path / "run" / "parameters.npz"
    if by == "command":
        assert main(["train", name, "--data", data, *arguments, "--out", "run"]) == 0
    else:
        file.parent.mkdir()
        save_trained(file, experiment(name, _classed(load(data)), training=settings).trained)
    capsys.readouterr()
    assert main(["predict", name, "--parameters", str(file), "--data", data, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"]
    rows = load(data)
    numbers = predict(load_trained(file), rows)
    if name == "conv_linear":
        assert [row["prediction"] for row in told] == pytest.approx(numbers.tolist(), rel=1e-12)
    else:
        assert numbers.sum(axis=1) == pytest.approx(np.ones(len(numbers)), rel=1e-5)
        assert [row["class"] for row in told] == [str(k) for k in numbers.argmax(axis=1)]
    assert main(["export", name, "--parameters", str(file), "--out", "n.onnx"]) == 0
    session = onnxruntime.InferenceSession("n.onnx")
    taken = session.get_inputs()[0]
    x = np.asarray(rows.x, np.float32).reshape(len(rows.x), *(d for d in taken.shape[1:]))
    (exported, *_) = session.run(None, {taken.name: x})
    if name == "conv_linear":
        np.testing.assert_allclose(np.ravel(exported), numbers, rtol=1e-4, atol=1e-5)
    else:
        assert np.asarray(exported).argmax(axis=1).tolist() == numbers.argmax(axis=1).tolist()
    with np.load(file, allow_pickle=False) as arrays:
        assert arrays.files
    other = "lenet" if name == "conv_linear" else "conv_linear"
    assert main(["predict", other, "--parameters", str(file), "--data", data]) == 2
    assert name in capsys.readouterr().err


def test_a_command_and_python_train_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "conv_linear", "--data", "bars", "--epochs", "9", "--out", "run"]) == 0
    command = load_trained(tmp_path / "run" / "parameters.npz")
    python = experiment(
        "conv_linear", BARS, network={"regularise": 0.001}, training={"epochs": 9}
    ).trained  # as --help has it
    assert TRAIN.flat(command.network).tobytes() == TRAIN.flat(python.network).tobytes()
