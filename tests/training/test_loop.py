"""One loop: its arguments in groups and singly, its stop policies, and the way to it from the command line."""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn
from microgradcnn import nn
from microgradcnn.cli import main
from microgradcnn.fit import Checkpoints, Patience, Schedule, fit, train
from microgradcnn.networks import conv_linear
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
