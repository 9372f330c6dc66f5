"""One loop: its arguments in groups and singly, its stop policies, and the way to it from the command line."""

from __future__ import annotations

import re
import sys
import warnings
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn
from microgradcnn import Value, nn
from microgradcnn.cli import main
from microgradcnn.fit import Checkpoints, Patience, Schedule, fit, train
from microgradcnn.networks import Network, conv_linear
from microgradcnn.training.checkpoint import CheckpointWarning
from microgradcnn.training.descent import Descent
from microgradcnn.training.stopping import GOING, all_epochs

ROWS = np.random.default_rng(0).normal(size=(20, 9))
CLASSES = np.arange(20) % 2.0
PACKAGE = Path(microgradcnn.__file__).parent


def linear() -> nn.Linear:
    return nn.Linear(9, 2, rng=np.random.default_rng(1))


# The arguments


def test_groups_are_what_their_parts_are_singly(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"epochs": 3, "rate": 0.1, "batch": 6, "optimiser": "momentum"}
    schedule = Schedule(decay="cosine", **parts)
    for teach, build in ((fit, linear), (train, conv_linear)):
        folders = [tmp_path / f"{teach.__name__}-{way}" for way in ("grouped", "singly")]
        grouped = teach(build(), ROWS, CLASSES, schedule, checkpoints=Checkpoints(folders[0], every=2))
        singly = teach(build(), ROWS, CLASSES, **parts, schedule="cosine", checkpoint=folders[1], every=2)
        assert grouped == singly
        assert len(grouped.history) == 3
        assert [path.name for path in sorted(folders[0].iterdir())] == [p.name for p in sorted(folders[1].iterdir())]
        again = teach(build(), ROWS, CLASSES, schedule, checkpoints=Checkpoints(folders[1], resume=True))
        assert again == singly


def test_no_batch_is_one_step_with_all_rows() -> None:
    whole, batches = linear(), linear()
    fit(whole, ROWS, CLASSES, Schedule(epochs=3, batch=None))
    fit(batches, ROWS, CLASSES, Schedule(epochs=3, batch=20))
    np.testing.assert_array_equal(whole.weight.data, batches.weight.data)


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (
            {"schedule": Schedule(), "rate": 0.1, "epochs": 2},
            ValueError,
            "a Schedule is given, and rate, epochs besides",
        ),
        (
            {"checkpoints": Checkpoints("x"), "checkpoint": "y"},
            ValueError,
            "Checkpoints are given, and checkpoint, every or resume",
        ),
        ({"schedule": Schedule(rate=None)}, ValueError, "fit needs a learning rate, such as 1e-3"),
        ({"epoch": 3}, TypeError, "unexpected keyword argument 'epoch'"),
        ({"every": 3}, ValueError, "every and resume need checkpoint, the folder that a run is saved in"),
    ],
)
def test_arguments_that_contradict_each_other(arguments: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=re.escape(says)):
        fit(linear(), ROWS, CLASSES, **arguments)


# Stop policies


@pytest.mark.parametrize(
    ("losses", "stalls"),
    [
        ([5.0, 4.0, 3.0, 2.0, 1.0], False),
        ([5.0, 5.0, 5.0], False),  # the first has nothing to be compared with, two are no three
        ([5.0, 5.0, 5.0, 5.0], True),
        ([5.0, 4.9, 4.8, 4.7], True),  # falls, but by less than 0.5 below the lowest
        ([5.0, 4.9, 4.8, 4.3], False),
        ([5.0, 9.0, 9.0, 4.5], False),
        ([5.0, 3.0, 9.0, 4.0, 4.0], True),
    ],
)
def test_patience_by_hand(losses: list[float], stalls: bool) -> None:
    history = [{"loss": loss} for loss in losses]
    assert Patience(tol=0.5, epochs=3)(history) == ("stalled" if stalls else GOING)
    assert all_epochs(history) == GOING


def test_a_run_ends_when_its_stop_policy_says_so(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 50, "rate": 1e-9, "batch": 20, "stop": Patience(epochs=4)}
    run = fit(linear(), ROWS, CLASSES, **options, checkpoint=tmp_path)
    assert (run.status, run.message) == ("stalled", "stalled: training ended after epoch 5 of 50")
    assert len(run.history) == 5
    again = linear()
    assert fit(again, ROWS, CLASSES, **options, checkpoint=tmp_path, resume=True) == run  # it stays ended
    with pytest.raises(ValueError, match="is of another run, with stop "):
        fit(again, ROWS, CLASSES, **options | {"stop": all_epochs}, checkpoint=tmp_path, resume=True)
    with pytest.raises(ValueError, match="patience lasts an epoch at least, not 0"):
        Patience(epochs=0)


# The way to it


def test_the_way_from_the_command_line_to_a_training_step_is_short(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The functions of the package on the stack in the first step of the optimiser, from main on."""
    ways: list[list[str]] = []
    step = Descent.step

    def stepped(self: Descent, rate: float) -> None:
        frame, way = sys._getframe(1), ["Descent.step"]
        while frame is not None:
            if PACKAGE in Path(frame.f_code.co_filename).parents:
                way.append(frame.f_code.co_qualname)
            frame = frame.f_back
        ways.append(way[::-1])
        step(self, rate)

    monkeypatch.setattr(Descent, "step", stepped)
    options = ("--data", "digits", "--classes", "0,1", "--epochs", "1", "--out", str(tmp_path))
    assert main(["train", "lenet", *options]) == 0
    assert ways[0][0] == "main"
    assert ways[0][1:] == [
        "_run",
        "run",
        "experiment",
        "fit",
        "TrainingLoop.run",
        "ModelLoop.epoch",
        "TrainingLoop.steps",
        "Descent.step",
    ]
    assert len(ways[0]) <= 18
    assert all(before == after for before, after in pairwise(ways))


# Ctrl-C

IN_AN_EPOCH = {  # the functions that may be under way
    *("ModelLoop.epoch", "ModelLoop.called_back", "TrainingLoop.steps", "Descent.see", "Descent.step"),
    *("Descent.snapshot", "Recorder.note", "Recorder.epoch_done", "Recorder.save"),
}


class CtrlC:
    """Raises KeyboardInterrupt before the nth line of those functions that is run after the first epoch has begun."""

    def __init__(self, n: int) -> None:
        self.left, self.begun = n, False

    def __enter__(self) -> CtrlC:
        self._before = sys.gettrace()
        sys.settrace(self._called)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(self._before)

    def _called(self, frame: Any, event: str, argument: Any) -> Any:
        self.begun |= frame.f_code.co_qualname == "ModelLoop.epoch"
        return self._line if self.begun and frame.f_code.co_qualname in IN_AN_EPOCH else None

    def _line(self, frame: Any, event: str, argument: Any) -> Any:
        self.left -= event == "line"
        if self.left == 0 and event == "line":
            sys.settrace(None)
            raise KeyboardInterrupt
        return self._line


def normalised() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(9, 2, rng=rng), nn.BatchNorm1d(2), nn.Dropout(0.2, rng=rng))


def numbers(model: nn.Module) -> dict[str, Any]:
    return {name: np.asarray(array).tolist() for name, array in model.state_dict().items()}


@pytest.mark.slow
@pytest.mark.parametrize("stop", [all_epochs, Patience(epochs=2, tol=-1.0, restore_best=True)], ids=["all", "best"])
def test_wherever_ctrl_c_comes_what_is_kept_is_on_disk_and_goes_on_to_the_bit(stop: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 2, "batch": None, "rate": 0.1, "engine": "eager", "stop": stop, "every": 2}
    whole = normalised()
    run = fit(whole, ROWS, CLASSES, **options | {"every": None})
    for n in count(1, step=2):
        kept, again, folder = normalised(), normalised(), tmp_path / str(n)
        with CtrlC(n):
            stopped = fit(kept, ROWS, CLASSES, **options, checkpoint=folder)
        if stopped.status != "interrupted":
            break
        done = len(stopped.history)
        assert stopped.history == run.history[:done], n
        shorter = normalised()
        if done:
            assert max(folder.iterdir()).name == f"checkpoint-{done:08}.npz", n
            fit(shorter, ROWS, CLASSES, **options | {"every": None, "epochs": done})
        assert numbers(kept) == numbers(shorter), n
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CheckpointWarning)  # of a folder without any
            resumed = fit(again, ROWS, CLASSES, **options, checkpoint=folder, resume=True)
        assert resumed.history == run.history, n
        assert (resumed.status, numbers(again)) == (run.status, numbers(whole)), n
    assert n > 50


def test_a_network_may_keep_how_many_units_it_has_as_hidden(tmp_path: Path) -> None:
    class Units(Network):
        def __init__(
            self, hidden: int = 2, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0
        ) -> None:
            self.m, self.hidden = 2, hidden  # type: ignore[method-assign, assignment]
            super().__init__(activation, regularise, seed)

        def shapes(self) -> dict[str, tuple[int, ...]]:
            return {"s": (self.m,), "w": (1,)}

        def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
            z = self.unit(p["s"], x, 1)
            return [z], p["w"][0] * z

    page = tmp_path / "page.html"
    rows = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    train(Units(activation="relu"), rows, np.array([0.0, 1.0, 1.0]), page=page, epochs=2, rate=0.1)
    assert page.exists()
