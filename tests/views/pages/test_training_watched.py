"""A training that is to write a page: the same training, whatever becomes of the page."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn import nn
from microgradcnn.data import load
from microgradcnn.files import FileError
from microgradcnn.fit import DivergedError, EpochEnd, fit, train
from microgradcnn.networks import NETWORKS
from microgradcnn.views.pages.training.data_sets import PLANE, in_the_plane, packed
from microgradcnn.views.pages.training.watching import PageWarning, TrainingPage

BARS = load("bars")


def task_of(page: Path) -> Any:
    """What a page is told."""
    text = page.read_text(encoding="utf-8")
    return json.loads(text[text.index('getElementById("training"), ') + 28 : text.rindex(");\n</script>")])


def test_a_page_changes_nothing_of_its_training(tmp_path: Path) -> None:
    plain, paged = NETWORKS["conv_linear"](), NETWORKS["conv_linear"]()
    told = TrainingPage(tmp_path / "new" / "run.html", "Bars <&>", (BARS.x[:5], BARS.y[:5]), "bars", BARS.classes)
    first = train(plain, BARS.x, BARS.y, epochs=5)
    second = train(paged, BARS.x, BARS.y, epochs=5, page=told)
    assert first.history == second.history
    for name, p in plain.parameters.items():
        np.testing.assert_array_equal(p.data, paged.parameters[name].data)
    text = (tmp_path / "new" / "run.html").read_text(encoding="utf-8")
    assert "<title>Bars &lt;&amp;&gt;</title>" in text
    assert "takes JavaScript" in text
    assert len(text) < 260_000


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (3, TypeError),
        (Path(), FileError),
        (Path("file") / "run.html", FileError),
        (Path("run.png"), FileError),
        (Path("run"), FileError),
    ],
)
def test_a_page_that_cannot_be_is_refused_before_a_step(page: Any, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    network = NETWORKS["conv_average"]()
    before = network.parameters["c"].data
    with pytest.raises(error, match=r"page|cannot be written to"):
        train(network, BARS.x, BARS.y, epochs=2, page=tmp_path / page if isinstance(page, Path) else page)
    assert network.parameters["c"].data is before


def test_a_network_that_is_too_large_for_a_page_is_replayed(tmp_path: Path) -> None:
    network, plain = NETWORKS["single_layer"](m=200, k=110), NETWORKS["single_layer"](m=200, k=110)
    x, y = np.random.default_rng(0).normal(size=(4, 200)), np.arange(4) % 2
    done = train(network, x, y, epochs=3, rate=1e-3, page=tmp_path / "run.html")
    assert done.history == train(plain, x, y, epochs=3, rate=1e-3).history
    task = task_of(tmp_path / "run.html")
    assert "replays the 3 epochs" in task["replay"]["why"]
    assert "a row takes " in task["replay"]["why"]
    assert [kept["epoch"] for kept in task["replay"]["snapshots"]] == [0, 1, 2, 3]


def test_a_page_that_is_not_written_is_told_and_the_training_kept(tmp_path: Path) -> None:
    path = tmp_path / "run.html"

    def fails(end: EpochEnd) -> None:
        if end.epoch == 2:
            path.mkdir()

    model = nn.Sequential(nn.Linear(9, 1, rng=np.random.default_rng(0)))
    with pytest.warns(PageWarning, match="the training is whole, its page is not written: .*run.html cannot be"):
        done = fit(model, BARS.x, BARS.y[:, None], loss=nn.mse_loss, epochs=3, callbacks=[fails], page=path)
    assert len(done.history) == 3


def test_a_training_that_diverges_has_a_page_to_see_it(tmp_path: Path) -> None:
    with pytest.raises(DivergedError):
        train(
            NETWORKS["single_layer"](activation="relu"), BARS.x[:, :2] * 1e3, BARS.y, rate=9.0, page=tmp_path / "a.html"
        )
    assert (tmp_path / "a.html").stat().st_size > 50_000


def test_rows_that_need_each_other_are_replayed_and_a_test_of_others_is_refused(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(9, 1, rng=np.random.default_rng(0)))
    told: dict[str, Any] = {"engine": "eager", "epochs": 2, "loss": lambda found, y: nn.mse_loss(found, y).sqrt()}
    fit(model, BARS.x, BARS.y[:, None], page=tmp_path / "run.html", **told)
    assert "its rows are not computed one by one" in task_of(tmp_path / "run.html")["replay"]["why"]
    page = TrainingPage(tmp_path / "run.html", test=(BARS.x[:3, :4], BARS.y[:3]))
    with pytest.raises(ValueError, match=r"rows like x \(200, 9\) and y \(200, 1\), not the shapes \(3, 4\)"):
        fit(model, BARS.x, BARS.y[:, None], page=page, **told)


def test_a_recording_of_a_run_that_went_on_says_since_when_it_knows_the_weights(tmp_path: Path) -> None:
    x, y = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 2

    def run(epochs: int, **how: Any) -> Any:
        layers = nn.Linear(4, 5, rng=np.random.default_rng(0)), nn.Dropout(0.5), nn.Linear(5, 2)
        saved: dict[str, Any] = {"checkpoint": tmp_path / "saved", "every": 1}
        return fit(nn.Sequential(*layers), x, y, engine="eager", epochs=epochs, **saved, **how)

    run(3)
    done = run(6, resume=True, page=tmp_path / "run.html")
    task = task_of(tmp_path / "run.html")
    assert [kept["epoch"] for kept in task["replay"]["snapshots"]] == [3, 4, 5, 6]
    assert [row["loss"] for row in task["history"]] == [row["loss"] for row in done.history]
    assert "from epoch 3 on" in task["notes"][0]


def test_a_recording_stays_small(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(60, 80, rng=rng), nn.ReLU(), nn.Dropout(0.1), nn.Linear(80, 2, rng=rng))
    x, y = rng.normal(size=(12, 60)), np.arange(12) % 2
    fit(model, x, y, epochs=150, engine="eager", page=tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text(encoding="utf-8")
    task = task_of(tmp_path / "run.html")
    epochs = [kept["epoch"] for kept in task["replay"]["snapshots"]]
    assert len(text) < 600_000
    assert (epochs[0], epochs[-1], len(task["history"])) == (0, 150, 150)
    assert 20 < len(epochs) < 150


@pytest.mark.parametrize(
    "numbers",
    [
        np.arange(20) / 16.0,
        np.array([[0.25, -3.0]]),
        np.tile([np.pi, -0.1], 40),
        np.array([1e300, -0.1]),
        np.zeros((0, 2)),
    ],
)
def test_rows_are_packed_to_the_bit(numbers: np.ndarray) -> None:
    told = packed(numbers)
    if "floats" in told:
        flat = np.frombuffer(base64.b64decode(told["floats"]), "<f8")
    else:
        kind = "bytes" if "bytes" in told else "shorts"
        places = np.frombuffer(base64.b64decode(told[kind]), np.uint8 if kind == "bytes" else "<i2")
        table = np.frombuffer(base64.b64decode(told.get("table", "")), "<f8")
        flat = table[places] if "table" in told else places / told["over"]
    np.testing.assert_array_equal(flat.reshape(told["shape"]), numbers)


@pytest.mark.parametrize("name", PLANE)
def test_data_sets_of_the_plane(name: str) -> None:
    x, y = in_the_plane(name)
    assert x.shape == (200, 2)
    assert np.bincount(y.astype(int)).tolist() == [100, 100]
    assert np.abs(x).max() < 1.7
    again, _ = in_the_plane(name, seed=1)
    assert not np.array_equal(x, again)
