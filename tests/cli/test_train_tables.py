"""`train`, `predict` and `export` on three classes and on a number: what is decided, measured and said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from command_line import run, strict
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.preprocessing import StandardScaler

from microgradcnn.data import load, split
from microgradcnn.experiment import load_trained


def with_names(found: Any) -> pd.DataFrame:
    frame: pd.DataFrame = found.frame
    if "target_names" in found:
        frame["target"] = found.target_names[found.target]
    return frame


FRAMES = {
    "iris": with_names(load_iris(as_frame=True)),
    "wine": with_names(load_wine(as_frame=True)),
    "diabetes": with_names(load_diabetes(as_frame=True)),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, frame in FRAMES.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trained(name: str, *more: object) -> Any:
    done = run("train", "single_layer", "--data", f"{name}.csv", "--json", *more)
    assert done.code == 0, done.err
    return strict(done.out)


def predicted(name: str) -> Any:
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", f"{name}.csv", "--json")
    assert done.code == 0, done.err
    return strict(done.out)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["iris", "wine"])
def test_three_classes_over_ten_splits(name: str, folder: Path) -> None:
    assert np.median([trained(name, "--seed", seed)["test_accuracy"] for seed in range(10)]) >= 0.93


@pytest.mark.slow
def test_a_number_over_ten_splits_is_as_good_as_ridge_regression(folder: Path) -> None:
    ours, theirs = [], []
    for seed in range(10):
        ours.append(trained("diabetes", "--seed", seed)["test_r2"])
        learn, test = split(load("diabetes.csv"), 0.2, seed)
        scaler = StandardScaler().fit(learn.x)
        ridge = Ridge().fit(scaler.transform(learn.x), learn.y)
        theirs.append(r2_score(test.y, ridge.predict(scaler.transform(test.x))))
    assert np.median(ours) >= np.median(theirs) - 0.05


def test_three_classes(folder: Path) -> None:
    done = run("train", "single_layer", "--data", "iris.csv", "--epochs", 300)
    assert done.code == 0, done.err
    assert "classes: 0 is setosa, 1 is versicolor, 2 is virginica; an output for each, with softmax\n" in done.out
    assert "\naccuracy 0." in done.out
    record = predicted("iris")
    assert list(record["predictions"][0]) == ["row", "probability", "class"]
    right = np.mean(
        [row["class"] == name for row, name in zip(record["predictions"], FRAMES["iris"].target, strict=True)]
    )
    assert record["accuracy"] == right >= 0.9
    assert "cross_entropy" in (folder / "history.csv").read_text().splitlines()[0]


def test_a_number_is_predicted_in_its_own_units(folder: Path) -> None:
    record = trained("diabetes", "--epochs", 300)
    assert (record["target_kind"], record["classes"], record["target"]) == ("number", None, "target")
    assert "train_accuracy" not in record
    found = predicted("diabetes")
    numbers = [row["prediction"] for row in found["predictions"]]
    target = FRAMES["diabetes"].target
    assert found["r2"] == pytest.approx(r2_score(target, numbers), rel=1e-12)
    assert found["mean_absolute_error"] == pytest.approx(mean_absolute_error(target, numbers), rel=1e-12)
    assert found["r2"] > 0.4
    learn, test = split(load("diabetes.csv"), 0.2, 0)
    scaling = load_trained(Path("parameters.npz")).target
    assert scaling is not None
    assert scaling.shift.item() == pytest.approx(learn.y.mean())
    assert scaling.scale.item() == pytest.approx(learn.y.std())
    assert record["rows"] == {"train": len(learn.x), "test": len(test.x)}


@pytest.mark.slow
def test_what_is_said_of_a_number(folder: Path) -> None:
    done = run("train", "single_layer", "--data", "diabetes.csv", "--epochs", 5, "--plot", "plot.svg")
    assert "target: target is a number, learnt with the squared error (--target-kind classes" in done.out
    assert "\nR² " in done.out
    assert "\nmean absolute error " in done.out
    assert "R² " in (folder / "plot.svg").read_text(encoding="utf-8")
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "diabetes.csv")
    assert "R² " in done.out.splitlines()[-1]
    FRAMES["diabetes"].drop(columns="target").to_csv("new.csv", index=False)
    assert "R²" not in run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "new.csv").out
    FRAMES["diabetes"].assign(target="much").to_csv("text.csv", index=False)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "text.csv")
    assert (done.code, "has text in 'target', such as 'much', training had numbers" in done.err) == (2, True)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "new.csv", "--classes", "a,b")
    assert (done.code, "predicts numbers: leave out --classes" in done.err) == (2, True)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_exported_it_answers_the_same(name: str, folder: Path) -> None:
    trained(name, "--epochs", 100)
    done = run("export", "single_layer", "--parameters", "parameters.npz", "--out", "m.onnx", "--json")
    assert done.code == 0, done.err
    record = strict(done.out)
    rows = FRAMES[name].drop(columns="target").to_numpy()
    (found,) = onnxruntime.InferenceSession("m.onnx").run(None, {"x": rows.astype(np.float32)})
    told = predicted(name)["predictions"]
    if name == "iris":
        np.testing.assert_allclose(found.max(axis=1), [row["probability"] for row in told], rtol=1e-4)
        assert record["description"].endswith("probabilities are of setosa, versicolor, virginica")
    else:
        np.testing.assert_allclose(found, [row["prediction"] for row in told], rtol=1e-4)
        assert record["description"].endswith("y_hat is target, a number in its own units")


def test_the_kind_is_chosen(folder: Path) -> None:
    frame = FRAMES["iris"].assign(target=load_iris().target)
    frame.to_csv("numbered.csv", index=False)
    assert trained("numbered", "--epochs", 3)["classes"] == ["0", "1", "2"]
    assert trained("numbered", "--epochs", 3, "--target-kind", "number")["classes"] is None
    two = frame[frame.target < 2]
    two.to_csv("two.csv", index=False)
    assert trained("two", "--epochs", 3)["classes"] == ["0", "1"]
    assert "train_r2" in trained("two", "--epochs", 3, "--target-kind", "number")
    done = run("train", "lenet", "--data", "digits", "--target-kind", "number")
    assert (done.code, "--target-kind is not for lenet: it learns classes" in done.err) == (2, True)
    assert trained("iris", "--epochs", 3, "--classes", "virginica,setosa")["classes"] == ["virginica", "setosa"]
    assert "--target-kind" in run("train", "--help").out


def test_another_network_learns_a_number(folder: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.random((60, 9)), columns=[f"p_{i}" for i in range(1, 10)])
    frame["brightness"] = 40.0 * (frame.p_1 + frame.p_2 + frame.p_3) - 40.0 * (frame.p_7 + frame.p_8 + frame.p_9) + 3.0
    frame.to_csv("pixels.csv", index=False)
    done = run("train", "two_conv_linear", "--data", "pixels.csv", "--epochs", 2000, "--json")
    assert strict(done.out)["test_r2"] > 0.8
    found = run("predict", "two_conv_linear", "--parameters", "parameters.npz", "--data", "pixels.csv", "--json")
    assert strict(found.out)["r2"] > 0.8


REFUSED = {
    "one class": ("a,kind\n1,x\n2,x\n3,x\n", [], "has one class only, 'x'"),
    "one number": ("a,price\n1,5\n2,5\n3,5\n", ["--target-kind", "number"], "there is one number only in 'price'"),
    "names": (
        "a,who\n1,Ann\n2,Bob\n3,Eve\n",
        [],
        "every row has a class of its own in 'who' of t.csv: name the target",
    ),
    "missing": ("a,price\n1,2.5\n2,nan\n3,4.5\n", [], "line 3, column 2 ('price'): 'nan' stands for a missing value"),
    "no numbers": (
        "a,kind\n1,x\n2,y\n3,x\n",
        ["--target-kind", "number"],
        "there are classes in 'kind' of t.csv, 'x', 'y'",
    ),
    "a near column": ("size,hue,kind\n1,2,x\n2,3,y\n", ["--drop", "huee"], "did you mean 'hue'?"),
}


@pytest.mark.parametrize(("text", "more", "says"), REFUSED.values(), ids=REFUSED)
def test_a_target_that_cannot_be_learnt(text: str, more: list[str], says: str, folder: Path) -> None:
    (folder / "t.csv").write_text(text)
    done = run("train", "single_layer", "--data", "t.csv", *more)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 1
