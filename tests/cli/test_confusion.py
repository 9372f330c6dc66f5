"""`train` and `predict` say what rows were taken for; `train --resume` goes on with more epochs than were planned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, recall_score

from microgradcnn.cli import main
from microgradcnn.data import load, split, two_classes
from microgradcnn.experiment import load_trained, predict

TRAIN = ("train", "single_layer", "--data", "digits", "--classes", "3,8", "--epochs", "30", "--seed", "2")


def ran(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_train_and_predict_print_what_rows_were_taken_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    record = json.loads(ran(capsys, *TRAIN, "--out", tmp_path, "--json"))
    data = two_classes(load("digits"), ("3", "8"))
    trained = load_trained(tmp_path / "parameters.npz")
    for rows, told in (
        (split(data, 0.2, 2)[1], record["confusion"]),
        (data, json.loads(ran(capsys, *_predict(tmp_path), "--json"))["confusion"]),
    ):
        found = predict(trained, rows) >= 0.5
        assert told["classes"] == ["3", "8"]
        assert told["counts"] == confusion_matrix(rows.y, found).tolist()
        assert told["recall"] == pytest.approx(recall_score(rows.y, found, average=None))
    lines = ran(capsys, *TRAIN, "--out", tmp_path).splitlines()
    place = lines.index("what the rows of the test were taken for:")
    assert lines[place - 1].startswith("accuracy ")
    assert [line.split()[1:3] for line in lines[place + 2 : place + 4]] == [
        [str(n) for n in row] for row in record["confusion"]["counts"]
    ]
    table = ran(capsys, *_predict(tmp_path)).splitlines()[-4:]
    assert table[0].split() == ["true", "\\", "predicted", "3", "8", "recall"]
    counts = np.array([[int(n) for n in line.split()[1:3]] for line in table[1:3]])
    assert table[3] == f"accuracy {np.trace(counts) / counts.sum():.3f}"


def _predict(folder: Path) -> tuple[Any, ...]:
    return "predict", "single_layer", "--parameters", folder / "parameters.npz", *TRAIN[2:6]


def test_rows_without_labels_were_taken_for_nothing_known(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "".join(f"{n},1,{'no' if n < 20 else 'yes'}\n" for n in range(40)))
    ran(capsys, "train", "single_layer", "--data", table, "--epochs", 5, "--out", tmp_path)
    table.write_text("a,b\n1,1\n30,1\n")
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--data", table)
    assert json.loads(ran(capsys, *arguments, "--json"))["confusion"] is None
    assert "predicted" not in ran(capsys, *arguments)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_finished_training_goes_on_with_more_epochs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, schedule: str
) -> None:
    command = ("train", "single_layer", "--data", "side", "--schedule", schedule, "--json")
    saved = ("--checkpoint", tmp_path / "saved", "--out", tmp_path)
    assert json.loads(ran(capsys, *command, *saved, "--epochs", 5))["epochs"] == 5
    record = json.loads(ran(capsys, *command, *saved, "--epochs", 12, "--resume"))
    history = (tmp_path / "history.csv").read_text()
    straight = json.loads(ran(capsys, *command, "--out", tmp_path, "--epochs", 12))
    assert (record["epochs"], straight["epochs"]) == (12, 12)
    assert (record["loss"] == straight["loss"]) == (schedule == "constant")
    assert ((tmp_path / "history.csv").read_text() == history) == (schedule == "constant")
