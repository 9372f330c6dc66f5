"""Columns are found by their names: in files and DataFrames, for networks and models, in what is saved and exported."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from microgradcnn.cli import main
from microgradcnn.data import DataError, Dataset, as_images, load, two_classes, with_classes
from microgradcnn.data.columns import PositionWarning, arranged, columns_of
from microgradcnn.data.dataset import UNKNOWN, Columns
from microgradcnn.data.scaling import Scaling, unscaled
from microgradcnn.experiment import KIND, ImageModel, Trained, experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.networks import NETWORKS

FEATURES = ("width", "height", "depth")


def rows(n: int = 40) -> pd.DataFrame:
    """Three measurements of very different sizes, so that exchanging two changes every prediction; and two kinds."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, 3)) * [1.0, 10.0, 100.0] + [0.0, 50.0, -3.0], columns=FEATURES)
    frame["kind"] = np.where(frame.width * 10 + frame.height > 50.0, "big", "small")
    return frame


def write(folder: Path, frame: pd.DataFrame, name: str = "other.csv", **options: Any) -> Path:
    path = folder / name
    frame.to_csv(path, index=False, **options)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(str(stop.code))
    return code, *capsys.readouterr()


def predicted(
    capsys: pytest.CaptureFixture[str], parameters: Path, data: object, *options: object, network: str = "single_layer"
) -> tuple[list[Any], float | None, str]:
    """What predict gives for every row, the accuracy, and what it says on stderr."""
    code, out, err = run(
        capsys, "predict", network, "--parameters", parameters, "--data", data, "--target", "kind", "--json", *options
    )
    assert code == 0, err
    record = json.loads(out)
    return record["predictions"], record["accuracy"], err


@pytest.fixture
def parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """single_layer, trained on width, height, depth."""
    path = write(tmp_path, rows(), "train.csv")
    code, _, err = run(capsys, "train", "single_layer", "--data", path, "--epochs", 60, "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    return tmp_path / "run" / "parameters.npz"


def told(capsys: pytest.CaptureFixture[str], parameters: Path, data: object, *options: object) -> tuple[Any, Any, str]:
    """The same without --target: what was the label in training is the label."""
    code, out, err = run(
        capsys, "predict", "single_layer", "--parameters", parameters, "--data", data, "--json", *options
    )
    assert code == 0, err
    record = json.loads(out)
    return record["predictions"], record["accuracy"], err


# Files, by name


@pytest.mark.parametrize("order", [*itertools.permutations((*FEATURES, "kind"))], ids="-".join)
def test_the_same_columns_in_any_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path, order: Sequence[str]
) -> None:
    """Labels are told by their name too, wherever they are."""
    expected = told(capsys, parameters, tmp_path / "train.csv")
    assert expected[1] is not None
    assert expected[1] >= 0.9
    assert expected[2] == ""
    assert told(capsys, parameters, write(tmp_path, rows()[list(order)])) == expected


@pytest.mark.parametrize("order", [*itertools.permutations(FEATURES)], ids="-".join)
def test_files_without_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path, order: Sequence[str]
) -> None:
    expected, _, _ = told(capsys, parameters, tmp_path / "train.csv")
    path = write(tmp_path, rows()[list(order)])
    assert told(capsys, parameters, path) == (expected, None, "")
    labelled = write(tmp_path, rows()[[order[0], "kind", *order[1:]]])
    assert told(capsys, parameters, labelled, "--drop", "kind") == (expected, None, "")


OTHERS = {
    "another name": (
        lambda frame: frame.rename(columns={"width": "breadth"}),
        "lacks the columns 'width', which training had, and has 'breadth', which training had not: are these called",
    ),
    "one is missing": (lambda frame: frame.drop(columns="depth"), "lacks the columns 'depth', which training had"),
    "one more": (
        lambda frame: frame.assign(**{"a weight": 1.0})[["a weight", *frame.columns]],
        "has the columns 'a weight', which training had not: leave them out with --drop 'a weight'",
    ),
    "all in capitals": (lambda frame: frame.rename(columns=str.upper), "lacks the columns 'width', 'height', 'depth'"),
    "other classes": (
        lambda frame: frame.assign(kind=frame.kind.str.upper()),
        "has the classes 'BIG', 'SMALL' in 'kind', training had 'big', 'small': rename them, or leave out the column "
        "with --drop kind",
    ),
    "one class more": (
        lambda frame: frame.assign(kind=["huge", *frame.kind[1:]]),
        "has the classes 'huge' in 'kind', training had 'big', 'small': keep the rows of others with --classes big,sma",
    ),
    "numbers for classes": (lambda frame: frame.assign(kind=(frame.kind == "big") * 1), "has the classes '0', '1' in"),
}


@pytest.mark.parametrize(("change", "says"), OTHERS.values(), ids=OTHERS)
def test_other_names_are_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path, change: Any, says: str
) -> None:
    path = write(tmp_path, change(rows()))
    code, out, err = run(capsys, "predict", "single_layer", "--parameters", parameters, "--data", path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err
    assert "other.csv" in err


def test_more_columns_are_dropped_by_name_or_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path
) -> None:
    expected = told(capsys, parameters, tmp_path / "train.csv")
    frame = rows().assign(**{"who": "Anna", "when": 7.0})
    path = write(tmp_path, frame[["who", "depth", "kind", "when", "height", "width"]])
    for drop in ("who,when", "0,3", "who,-3", "when,0"):
        assert told(capsys, parameters, path, "--drop", drop) == expected
    code, _, err = run(
        capsys, "predict", "single_layer", "--parameters", parameters, "--data", path, "--drop", "whe,who"
    )
    assert (code, "no column 'whe' to drop" in err, "did you mean 'when'?" in err) == (2, True, True)


def test_rows_of_one_class_more_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path
) -> None:
    expected, _, _ = told(capsys, parameters, tmp_path / "train.csv")
    path = write(tmp_path, rows().assign(kind=["huge", *rows().kind[1:]]))
    found, accuracy, _ = told(capsys, parameters, path, "--classes", "small,big")
    assert [row["class"] for row in found] == [row["class"] for row in expected[1:]]
    assert accuracy is not None


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            (*FEATURES, "kind"),
            "does not say what its columns are called: by position they are taken for 'width', 'height', 'depth'\n",
        ),
        (FEATURES, "'depth'; the last is one of them, and no label\n"),
    ],
)
def test_a_file_without_names_goes_by_position_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path, columns: Sequence[str], says: str
) -> None:
    expected, accuracy, _ = told(capsys, parameters, tmp_path / "train.csv")
    path = write(tmp_path, rows()[list(columns)], header=False)
    found = told(capsys, parameters, path)
    assert found[:2] == (expected, accuracy if "kind" in columns else None)
    assert found[2].startswith("microgradcnn: other.csv does not say")
    assert found[2].endswith(says)
    assert found[2].count("\n") == 1
    np.savez(tmp_path / "other.npz", x=rows()[list(FEATURES)], y=rows().kind.to_numpy(str))
    assert told(capsys, parameters, tmp_path / "other.npz")[0] == expected


def test_a_training_without_names_goes_by_position_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, rows(), header=False)
    assert run(capsys, "train", "single_layer", "--data", path, "--epochs", 5, "--out", tmp_path)[0] == 0
    for named in (False, True):
        other = write(tmp_path, rows(), header=named)
        _, _, err = told(capsys, tmp_path / "parameters.npz", other)
        said = "the parameters do not say what columns are called: those of other.csv are taken by position"
        assert err == f"microgradcnn: {said}\n"


def test_what_was_dropped_in_training_is_dropped_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An index whose column has no name, and text, in any place; by number where there are no names at all."""
    frame = rows().assign(who=[f"P{i}" for i in range(40)])[["who", "depth", "kind", "height", "width"]]
    frame.to_csv(tmp_path / "index.csv")
    code, _, err = run(capsys, "train", "single_layer", "--data", tmp_path / "index.csv")
    assert (code, "line 1, column 1 (''): the header has no name here" in err, "--drop 0" in err) == (2, True, True)
    train = ("train", "single_layer", "--epochs", 60, "--out", tmp_path, "--data")
    assert run(capsys, *train, tmp_path / "index.csv", "--target", "kind", "--drop", "0,who")[0] == 0
    parameters = tmp_path / "parameters.npz"
    assert load_trained(parameters).columns == Columns(("depth", "height", "width"), "kind", ("", "who"))
    expected = told(capsys, parameters, tmp_path / "index.csv")
    assert told(capsys, parameters, write(tmp_path, rows())) == expected
    rows().assign(who="x").to_csv(tmp_path / "again.csv")
    assert told(capsys, parameters, tmp_path / "again.csv") == expected
    path = write(tmp_path, frame[["who", "depth", "height", "width", "kind"]], header=False)
    assert run(capsys, *train, path, "--drop", "0")[0] == 0
    assert load_trained(parameters).columns == Columns(None, None, (0,))
    assert told(capsys, parameters, path)[0] != []


NOT_TO_DROP = {
    "unknown": ("a,b,y\n1,2,0\n", ["c"], "line 1: no column 'c' to drop; names: 'a', 'b', 'y'; numbers: 0 to 2"),
    "too large": ("a,b,y\n1,2,0\n", ["3"], "no column '3' to drop"),
    "all": ("a,b,y\n1,2,0\n", ["a", "b"], "no column is left for a feature"),
}


@pytest.mark.parametrize(("text", "drop", "says"), NOT_TO_DROP.values(), ids=NOT_TO_DROP)
def test_what_cannot_be_dropped(tmp_path: Path, text: str, drop: list[str], says: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=re.escape(says)):
        load(tmp_path / "t.csv", drop=drop)


def test_the_target_is_not_dropped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,y\n1,2,0\n")
    with pytest.raises(DataError, match="this column is the target, and cannot be dropped"):
        load(tmp_path / "t.csv", "a", ["0"])


def test_columns_of_data_sets_with_names_are_dropped() -> None:
    data = load("breast_cancer", drop=["mean radius", "worst area"])
    assert data.x.shape == (569, 28)
    assert "mean radius" not in data.features
    np.testing.assert_array_equal(data.x[:, 0], load("breast_cancer").x[:, 1])
    with pytest.raises(DataError, match="no column 'mean radios' to drop, did you mean 'mean radius'"):
        load("breast_cancer", drop=["mean radios"])
    with pytest.raises(DataError, match="digits has no columns with names: nothing can be dropped"):
        load("digits", drop=["p_1"])


# Python


@pytest.fixture(scope="module")
def cancer() -> tuple[Trained, Dataset, pd.DataFrame]:
    data = two_classes(load("breast_cancer"))
    frame = pd.DataFrame(data.x, columns=list(data.features))
    return experiment("single_layer", data, training={"epochs": 30}).trained, data, frame


@pytest.mark.parametrize("seed", range(5))
def test_datasets_and_dataframes_in_another_order(cancer: Any, seed: int) -> None:
    trained, data, frame = cancer
    expected = predict(trained, data.x)
    np.testing.assert_array_equal(predict(trained, data), expected)
    order = np.random.default_rng(seed).permutation(30)
    shuffled = replace(data, x=data.x[:, order], features=tuple(data.features[i] for i in order))
    np.testing.assert_array_equal(predict(trained, shuffled), expected)
    other = frame.iloc[:, order]
    np.testing.assert_array_equal(predict(trained, other), expected)
    other = other.assign(diagnosis="benign").astype({"mean area": np.float32})
    np.testing.assert_allclose(predict(trained, other), expected, rtol=1e-4)


def test_what_training_dropped_and_its_labels_are_known_in_any_dataset(tmp_path: Path) -> None:
    """Also where the data were read without knowing, so that a feature was taken for the label."""
    numbers = rows().assign(kind=(rows().kind == "big") * 1.0, who=7.0)
    data = two_classes(load(write(tmp_path, numbers), "kind", ["who"]))
    trained = experiment("single_layer", data, training={"epochs": 20}).trained
    assert trained.columns == Columns(FEATURES, "kind", ("who",))
    other = load(write(tmp_path, numbers[["kind", "depth", "who", "height", "width"]]))
    assert other.target == "width"
    found = trained.arranged(other)
    np.testing.assert_array_equal(found.x, data.x)
    np.testing.assert_array_equal(found.y, numbers.kind)
    assert (found.features, found.target) == (FEATURES, "kind")
    np.testing.assert_array_equal(predict(trained, other), predict(trained, data))
    np.testing.assert_array_equal(predict(trained, numbers), predict(trained, data))


FRAMES = {
    "another name": (lambda f: f.rename(columns={"mean area": "area"}), "the DataFrame lacks the columns 'mean area'"),
    "one more": (lambda f: f.assign(age=1.0), "the DataFrame has the columns 'age', which training had not"),
    "text": (lambda f: f.assign(**{"mean area": "large"}), "has a column 'mean area' that is no numbers: training had"),
    "a text more": (lambda f: f.assign(who="Ann"), "has a column 'who' that is no numbers: leave it out"),
    "missing": (lambda f: f.assign(**{"mean area": np.nan}), "is nan, not a finite number"),
    "twice": (lambda f: pd.concat([f, f[["mean area"]]], axis=1), "has a column twice"),
    "nothing": (lambda f: f[[]], "needs rows and columns"),
}


@pytest.mark.parametrize(("change", "says"), FRAMES.values(), ids=FRAMES)
def test_other_dataframes_are_refused_by_name(cancer: Any, change: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        predict(cancer[0], change(cancer[2]))


def test_what_has_no_names_goes_by_position(cancer: Any) -> None:
    trained, data, frame = cancer
    expected = predict(trained, data.x)
    for unnamed in (pd.DataFrame(frame.to_numpy()), replace(data, named=False)):
        with pytest.warns(PositionWarning, match="by position they are taken for 'mean radius'"):
            np.testing.assert_array_equal(predict(trained, unnamed), expected)
    with pytest.raises(DataError, match="the DataFrame has 29 input columns, but the network was trained on 30"):
        predict(trained, pd.DataFrame(frame.to_numpy()[:, 1:]))


# Images


def pixels(n: int = 24, side: int = 4, names: str = "p_{}") -> pd.DataFrame:
    """Images whose upper or lower half is bright; no two pixels are alike."""
    rng = np.random.default_rng(1)
    x = rng.integers(0, 90, (n, side, side)) + np.arange(side * side).reshape(side, side)
    x[::2, : side // 2] += 150
    x[1::2, side // 2 :] += 150
    frame = pd.DataFrame(x.reshape(n, -1), columns=[names.format(i + 1) for i in range(side * side)])
    return frame.assign(kind=np.arange(n) % 2)


@pytest.fixture(scope="module")
def lenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lenet, trained on a table of pixels that are named, in an order of their own."""
    folder = tmp_path_factory.mktemp("lenet")
    frame = pixels().sample(frac=1.0, axis=1, random_state=2)
    path = write(folder, frame, "train.csv")
    options = ["--target", "kind", "--epochs", "2", "--engine", "jit", "--out", str(folder), "--json"]
    assert main(["train", "lenet", "--data", str(path), *options]) == 0
    return folder / "parameters.npz"


def test_pixels_are_put_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str], lenet: Path) -> None:
    capsys.readouterr()
    assert load_trained(lenet).network.image == (4, 4)
    expected = predicted(capsys, lenet, write(tmp_path, pixels()), network="lenet")
    assert expected[2] == ""
    for seed in range(3):
        path = write(tmp_path, pixels().sample(frac=1.0, axis=1, random_state=seed))
        assert predicted(capsys, lenet, path, network="lenet") == expected
    path = write(tmp_path, pixels(names="pixel{}"))
    assert predicted(capsys, lenet, path, network="lenet") == expected
    frame = pixels()
    np.savez(tmp_path / "x.npz", x=frame.drop(columns="kind").to_numpy().reshape(-1, 4, 4), kind=frame.kind)
    assert predicted(capsys, lenet, tmp_path / "x.npz", network="lenet") == expected
    done = load_trained(lenet)
    np.testing.assert_array_equal(predict(done, frame), predict(done, frame.iloc[:, ::-1]))


def test_pixels_without_labels_and_without_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lenet: Path
) -> None:
    capsys.readouterr()
    expected, _, _ = predicted(capsys, lenet, write(tmp_path, pixels()), network="lenet")
    command = ("predict", "lenet", "--parameters", lenet, "--json", "--data")
    path = write(tmp_path, pixels().drop(columns="kind").iloc[:, ::-1])
    code, out, err = run(capsys, *command, path)
    assert (code, json.loads(out)["predictions"], json.loads(out)["accuracy"], err) == (0, expected, None, "")
    code, out, err = run(capsys, *command, write(tmp_path, pixels(), header=False))
    assert (code, json.loads(out)["predictions"]) == (0, expected)
    assert err == (
        "microgradcnn: other.csv does not say what its columns are called: by position they are taken for pixels, "
        "row by row\n"
    )


OTHER_IMAGES = {
    "larger": (pixels(side=6), "has images of 6×6 pixels, but the model is trained on 4×4"),
    "another shape": (pixels().rename(columns=lambda n: n.replace("p_", "1x")), "has images of 1×16 pixels, but"),
    "measurements": (pixels(names="width {}"), "'width 4', 'width 5', 'width 6', 'width 7', 'width 8'"),
    "one more": (pixels().assign(age=1).iloc[:, ::-1], "'age' are no pixels"),
    "other classes": (pixels().assign(kind=["a", "b"] * 12), "has the classes 'a', 'b' in 'kind', training had '0', '"),
}


@pytest.mark.parametrize(("frame", "says"), OTHER_IMAGES.values(), ids=OTHER_IMAGES)
def test_other_images_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lenet: Path, frame: pd.DataFrame, says: str
) -> None:
    capsys.readouterr()
    path = write(tmp_path, frame)
    code, out, err = run(capsys, "predict", "lenet", "--parameters", lenet, "--data", path, "--target", "kind")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


@pytest.mark.parametrize("network", [*NETWORKS, "lenet"])
def test_a_table_of_measurements_is_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str], network: str) -> None:
    frame = pixels(side=2, names="petal {}")
    for header in (True, False):
        path = write(tmp_path, frame, header=header)
        code, _, err = run(capsys, "train", network, "--data", path, "--epochs", 1, "--out", tmp_path)
        if network == "single_layer":
            assert code == 0
            continue
        assert (code, err.count("\n")) == (2, 1)
        assert "'petal 1', 'petal 2', 'petal 3', 'petal 4' are no pixels" in err or "have no names" in err
        assert "name pixels p_1, p_2, ... row by row" in err


def test_shrunk_images_come_from_images_of_the_same_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "8.npz", x=load("digits").x.reshape(-1, 8, 8)[:200], y=load("digits").y[:200])
    command = ("--classes", "6,7", "--data")
    train = ("train", "conv_linear", "--shrink", 3, "--epochs", 5, "--out", tmp_path)
    assert run(capsys, *train, *command, tmp_path / "8.npz")[0] == 0
    ask = ("predict", "conv_linear", "--parameters", tmp_path / "parameters.npz", *command)
    code, out, err = run(capsys, *ask, tmp_path / "8.npz")
    assert (code, err) == (0, "")
    assert load_trained(tmp_path / "parameters.npz").columns.image == (8, 8)
    trained = load_trained(tmp_path / "parameters.npz")
    small = two_classes(load(tmp_path / "8.npz"), ("6", "7"))
    predictions, _, _ = out.partition("\n\n")
    assert len(predict(trained, small)) == len(predictions.splitlines()) - 1
    for shape in ((4, 16), (16, 16)):
        x = np.ones((200, *shape))
        np.savez(tmp_path / "other.npz", x=x, y=load("digits").y[:200])
        code, _, err = run(capsys, *ask, tmp_path / "other.npz")
        assert code == 2
        assert f"has images of {shape[0]}×{shape[1]} pixels, but the model is trained on 8×8" in err


def test_a_test_part_of_other_classes_is_refused() -> None:
    learn = with_classes(load("digits"), ("0", "1", "2"))
    test = with_classes(load("digits"), ("1", "0", "2"))
    with pytest.raises(DataError, match="has the classes '1', '0', '2', not '0', '1', '2' as in training"):
        experiment("lenet", learn, test)


# On disk


def test_old_files_go_by_position_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path
) -> None:
    about, arrays = read_arrays(parameters, KIND)
    about = {name: value for name, value in about.items() if name not in ("kind", "columns")}
    old = tmp_path / "old.npz"
    write_arrays(old, KIND, about, arrays)
    assert load_trained(old).columns == UNKNOWN
    expected, accuracy, _ = told(capsys, parameters, tmp_path / "train.csv")
    found = told(capsys, old, tmp_path / "train.csv")
    assert found[:2] == (expected, accuracy)
    assert found[2] == (
        "microgradcnn: the parameters do not say what columns are called: those of train.csv are taken by position\n"
    )
    code, _, err = run(capsys, "export", "single_layer", "--parameters", old, "--out", tmp_path / "m.onnx")
    assert (code, err.count("\n")) == (0, 1)
    assert "old.npz does not say what columns are called: the file takes them by position" in err
    with pytest.warns(PositionWarning, match="by position"):
        predict(load_trained(old), rows()[list(FEATURES)])


def test_old_files_of_lenet_still_know_their_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lenet: Path
) -> None:
    about, arrays = read_arrays(lenet, KIND)
    write_arrays(tmp_path / "old.npz", KIND, {n: v for n, v in about.items() if n not in ("kind", "columns")}, arrays)
    capsys.readouterr()
    path = write(tmp_path, pixels())
    assert predicted(capsys, tmp_path / "old.npz", path, network="lenet") == predicted(
        capsys, lenet, path, network="lenet"
    )


WHOLE = {"features": list(FEATURES), "target": "kind", "dropped": ["id", 3], "image": None}
BROKEN = {
    "no dict": 7,
    "a text": "width",
    "a list": [],
    "empty": {},
    "a name too few": WHOLE | {"features": ["width", "height"]},
    "a name too many": WHOLE | {"features": [*FEATURES, "age"]},
    "the same twice": WHOLE | {"features": ["width", "width", "depth"]},
    "names that are none": WHOLE | {"features": [1, 2, 3]},
    "names as a text": WHOLE | {"features": "abc"},
    "the target among them": WHOLE | {"target": "width"},
    "a target that is none": WHOLE | {"target": 1.5},
    "names and an image": WHOLE | {"image": [1, 3]},
    "another image": WHOLE | {"features": None, "image": [2, 2]},
    "half an image": WHOLE | {"features": None, "image": [3]},
    "a negative image": WHOLE | {"features": None, "image": [-1, -3]},
    "an image of halves": WHOLE | {"features": None, "image": [1.5, 2]},
    "dropped as a text": WHOLE | {"dropped": "id"},
    "dropped no list": WHOLE | {"dropped": 3},
    "dropped what is no name": WHOLE | {"dropped": [None]},
    "no target": {name: value for name, value in WHOLE.items() if name != "target"},
}


def three_columns() -> Trained:
    return Trained(NETWORKS["single_layer"](m=3), unscaled(3), ("a", "b"), None, Columns(FEATURES, "kind", ("id", 3)))


def test_columns_come_back_as_they_were(tmp_path: Path) -> None:
    save_trained(tmp_path / "p.npz", three_columns())
    assert load_trained(tmp_path / "p.npz").columns == three_columns().columns
    about, _ = read_arrays(tmp_path / "p.npz", KIND)
    assert about["columns"] == WHOLE


@pytest.mark.parametrize("columns", BROKEN.values(), ids=BROKEN)
def test_damaged_or_contradictory_columns_are_refused(tmp_path: Path, columns: Any) -> None:
    save_trained(tmp_path / "p.npz", three_columns())
    about, arrays = read_arrays(tmp_path / "p.npz", KIND)
    about = {name: value for name, value in about.items() if name != "kind"}
    write_arrays(tmp_path / "p.npz", KIND, about | {"columns": columns}, arrays)
    with pytest.raises(FileError, match="is damaged, or no parameters file"):
        load_trained(tmp_path / "p.npz")
    model = Trained(ImageModel("lenet", 2, (1, 3)), unscaled(3), ("a", "b"), None, Columns(image=(1, 3)))
    save_trained(tmp_path / "c.npz", model)
    about, arrays = read_arrays(tmp_path / "c.npz", KIND)
    about = {name: value for name, value in about.items() if name != "kind"}
    write_arrays(tmp_path / "c.npz", KIND, about | {"columns": columns}, arrays)
    with pytest.raises(FileError, match=r"c\.npz .*damaged|c\.npz has columns"):
        load_trained(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("classes", classes) for classes in (7, "ab", ["a"], ["a", "b", "c"], [1, 2], ["a", "a"], [])),
        *(("shrink", size) for size in ("3", [3])),
    ],
)
def test_other_contradictory_fields_are_refused(tmp_path: Path, name: str, value: Any) -> None:
    save_trained(tmp_path / "p.npz", three_columns())
    about, arrays = read_arrays(tmp_path / "p.npz", KIND)
    about = {key: kept for key, kept in about.items() if key != "kind"}
    write_arrays(tmp_path / "p.npz", KIND, about | {name: value}, arrays)
    with pytest.raises(FileError, match=r"is damaged, or no parameters file|has \d class(?:es)?, and a network for 2"):
        load_trained(tmp_path / "p.npz")


def test_columns_that_do_not_fit_the_network() -> None:
    conv = NETWORKS["conv_average"](image=(3, 3))
    with pytest.raises(ValueError, match="has columns of images of"):
        Trained(conv, unscaled(9), None, None, Columns(image=(1, 9)))


# Scaling of another width


@pytest.mark.parametrize("width", [1, 2, 4])
def test_a_scaling_of_another_width_is_refused(width: int) -> None:
    """Of width 1 it would be broadcast."""
    says = rf"the scaling was fitted on rows of {width} numbers?, not of"
    with pytest.raises(ValueError, match=says):
        Trained(NETWORKS["single_layer"](m=3), unscaled(width))
    with pytest.raises(ValueError, match=says):
        Trained(ImageModel("lenet", 2, (3, 3)), unscaled(width), ("a", "b"))


@pytest.mark.parametrize(
    ("shift", "scale"), [(np.zeros(3), np.ones(1)), (np.zeros(()), np.ones(())), (np.zeros(2), np.array([1.0, 0.0]))]
)
def test_a_scaling_of_two_widths_or_by_0_is_refused(shift: Any, scale: Any) -> None:
    with pytest.raises(ValueError, match="a scaling has a shift, and a scale other than 0, for every column"):
        Scaling(shift, scale)


# ONNX


def test_export_says_what_its_columns_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], parameters: Path, lenet: Path
) -> None:
    capsys.readouterr()
    out = tmp_path / "m.onnx"
    for network, file, about in (
        ("single_layer", parameters, {"features": list(FEATURES), "classes": ["big", "small"]}),
        ("lenet", lenet, {"image": [4, 4], "classes": ["0", "1"]}),
    ):
        code, text, err = run(capsys, "export", network, "--parameters", file, "--out", out, "--json")
        assert (code, err) == (0, "")
        found = onnx.load(out)
        assert {entry.key: json.loads(entry.value) for entry in found.metadata_props} == about
        assert found.doc_string == json.loads(text)["description"]
        assert json.loads(text)["features"] == about.get("features")
    assert (
        "in this order: width, height, depth"
        in run(capsys, "export", "single_layer", "--parameters", parameters, "--out", out)[1]
    )


def test_arranged_columns_are_those_of_training() -> None:
    """Arranging once more changes nothing, and warns no more."""
    data = replace(load("breast_cancer"), named=False)
    columns = columns_of(load("breast_cancer"))
    with pytest.warns(PositionWarning):
        once = arranged(data, columns, 30)
    assert arranged(once, columns, 30).features == columns.features
    images = as_images(load("digits"))
    np.testing.assert_array_equal(arranged(images, columns_of(images), 64).x, images.x)
