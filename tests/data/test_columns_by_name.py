"""Columns go by their names: whatever order a file has them in, predictions are the same; other names are refused.

`table_without_names.npz`, `images_without_names.npz` and `lenet_without_names.npz.gz` in tests/files were written
before names were kept: single_layer on width, height and depth, conv_linear on the data set side, and lenet on images
of 6×6 whose bright quarter is the class. `table_with_names.npz`, `images_shrunk.npz` (conv_linear on the sixes and
sevens of digits, shrunk to 3×3) and `lenet_with_image.npz.gz` were written with names, before networks and models had
one format. What was predicted with them then is written below.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Done, one_sentence, run, strict
from conftest import ROOT
from many_cases import slow_but

from microgradcnn.data import load, two_classes
from microgradcnn.data.scaling import Scaling
from microgradcnn.experiment import KIND, Trained, experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.networks import NETWORKS

DATA = ROOT / "tests" / "files"
NAMES = ["width", "height", "depth", "mass"]
RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(60, 4)) * [1.0, 10.0, 100.0, 0.1] + [5.0, 50.0, -20.0, 1.0]
LABELS = np.where((ROWS[:, 0] - 5) - (ROWS[:, 1] - 50) / 10 + (ROWS[:, 3] - 1) / 0.2 > 0, "yes", "no")
ORDERS = [[3, 2, 1, 0], [1, 0, 2, 3], [1, 2, 3, 0], [0, 1, 3, 2]]


def write(
    path: Path, names: Sequence[str] | None, rows: Any, labels: Sequence[Any] | None, target: str = "kind"
) -> Path:
    """A CSV file: a header where there are names, the labels last where there are labels."""
    lines = [",".join([*names, *([target] if labels is not None else [])])] if names is not None else []
    for i, row in enumerate(rows):
        lines.append(",".join([*(repr(float(x)) for x in row), *([str(labels[i])] if labels is not None else [])]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def predictions(done: Done) -> list[Any]:
    """What was predicted, row by row."""
    assert done.code == 0, done.err
    rows = strict(done.out)["predictions"]
    assert isinstance(rows, list)
    return rows


def accuracy(done: Done) -> float:
    assert done.code == 0, done.err
    return float(strict(done.out)["accuracy"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("columns")


@pytest.fixture(scope="module")
def table(folder: Path) -> tuple[str, ...]:
    """The command that predicts with a single_layer which was trained on the table, without its --data."""
    path = write(folder / "table.csv", NAMES, ROWS, LABELS)
    done = run("train", "single_layer", "--data", path, "--epochs", 300, "--out", folder / "table")
    assert done.code == 0, done.err
    return ("predict", "single_layer", "--parameters", str(folder / "table/parameters.npz"), "--json", "--data")


# A table


def test_the_table_is_learnt_so_that_an_order_matters(table: tuple[str, ...], folder: Path) -> None:
    assert accuracy(run(*table, folder / "table.csv")) > 0.9


@pytest.mark.parametrize("order", ORDERS)
def test_another_order_gives_the_same_predictions(
    order: list[int], table: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    wanted = run(*table, folder / "table.csv")
    names, rows = [NAMES[i] for i in order], ROWS[:, order]
    found = run(*table, write(tmp_path / "t.csv", names, rows, LABELS))
    assert predictions(found) == predictions(wanted)
    assert accuracy(found) == accuracy(wanted)
    bare = run(*table, write(tmp_path / "bare.csv", names, rows, None))
    assert predictions(bare) == predictions(wanted)
    assert strict(bare.out)["accuracy"] is None


def test_the_target_may_stand_anywhere(table: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    wanted = run(*table, folder / "table.csv")
    lines = [line.split(",") for line in (folder / "table.csv").read_text().splitlines()]
    for order in ([4, 0, 1, 2, 3], [3, 2, 4, 1, 0], [1, 4, 3, 0, 2]):
        (tmp_path / "t.csv").write_text("".join(",".join(line[i] for i in order) + "\n" for line in lines))
        for target in ("kind", order.index(4)):
            found = run(*table, tmp_path / "t.csv", "--target", target)
            assert predictions(found) == predictions(wanted)
            assert accuracy(found) == accuracy(wanted)


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_another_delimiter_and_another_order(
    delimiter: str, table: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "t.csv", [NAMES[i] for i in ORDERS[0]], ROWS[:, ORDERS[0]], LABELS)
    path.write_text(path.read_text().replace(",", delimiter))
    assert predictions(run(*table, path)) == predictions(run(*table, folder / "table.csv"))


REFUSED = [
    ("renamed", ["width", "height", "depth", "weight"], ("weight", "mass")),
    ("all others", ["a", "b", "c", "d"], ("width",)),
    ("two names exchanged for others", ["width", "length", "area", "mass"], ("length", "depth")),
    ("missing", ["width", "height", "mass"], ("depth",)),
    ("one more", ["width", "age", "height", "depth", "mass"], ("age",)),
    ("another capital", ["Width", "height", "depth", "mass"], ("Width", "width")),
]


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(("names", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_other_names_are_refused_by_name(
    names: list[str], says: tuple[str, ...], labelled: bool, table: tuple[str, ...], tmp_path: Path
) -> None:
    rows = np.ones((6, len(names)))
    labels = ["yes", "no"] * 3 if labelled else None
    done = run(*table, write(tmp_path / "t.csv", names, rows, labels))
    assert done.code == 2
    assert one_sentence(done.err), done.err
    assert all(name in done.err for name in says), done.err
    assert not strict(done.out).keys() - {"error", "exit_code"}


def test_a_file_without_names_goes_by_position_and_says_so(
    table: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    found = run(*table, write(tmp_path / "t.csv", None, ROWS, LABELS))
    assert predictions(found) == predictions(run(*table, folder / "table.csv"))
    assert one_sentence(found.err), found.err
    assert "position" in found.err
    assert run(*table, folder / "table.csv").err == ""


def test_training_without_names_goes_by_position_and_says_so(folder: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", None, ROWS, LABELS)
    assert run("train", "single_layer", "--data", path, "--epochs", 300, "--out", tmp_path).code == 0
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    wanted = predictions(run(*arguments, path))
    write(folder / "table.csv", NAMES, ROWS, LABELS)
    found = run(*arguments, folder / "table.csv")
    assert predictions(found) == wanted
    assert "position" in found.err


@pytest.mark.parametrize("names", [["x_1", "x_2", "x_3", "x_4"], ["1st", "2nd", "σ", "a b"], ["a", "b ", " c", "d"]])
def test_names_of_any_kind(names: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", names, ROWS, LABELS)
    assert run("train", "single_layer", "--data", path, "--epochs", 50, "--out", tmp_path).code == 0
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    wanted = predictions(run(*arguments, path))
    swapped = write(tmp_path / "s.csv", [names[i] for i in ORDERS[0]], ROWS[:, ORDERS[0]], LABELS)
    assert predictions(run(*arguments, swapped)) == wanted


def test_a_run_does_not_go_on_with_columns_in_another_order(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", NAMES, ROWS, LABELS)
    arguments = ("train", "single_layer", "--checkpoint", tmp_path / "c", "--out", tmp_path, "--epochs", 20)
    assert run(*arguments, "--data", path).code == 0
    swapped = write(tmp_path / "s.csv", [NAMES[i] for i in ORDERS[0]], ROWS[:, ORDERS[0]], LABELS)
    done = run(*arguments, "--data", swapped, "--resume")
    assert done.code == 2
    assert one_sentence(done.err), done.err


# Breast cancer, as the data set's name and as a file


@pytest.fixture(scope="module")
def cancer(folder: Path) -> tuple[str, ...]:
    done = run("train", "single_layer", "--data", "breast_cancer", "--epochs", 200, "--out", folder / "cancer")
    assert done.code == 0, done.err
    return ("predict", "single_layer", "--parameters", str(folder / "cancer/parameters.npz"), "--json", "--data")


def cancer_file(path: Path, order: Sequence[int]) -> Path:
    data = two_classes(load("breast_cancer"))
    assert data.classes is not None
    labels = [data.classes[int(y)] for y in data.y]
    return write(path, [data.features[i] for i in order], data.x[:, list(order)], labels, "diagnosis")


def test_breast_cancer_in_any_order(cancer: tuple[str, ...], tmp_path: Path) -> None:
    wanted = run(*cancer, "breast_cancer")
    assert accuracy(wanted) > 0.9
    for order in (range(30), range(29, -1, -1), np.random.default_rng(1).permutation(30).tolist()):
        found = run(*cancer, cancer_file(tmp_path / "c.csv", order), "--target", "diagnosis")
        assert predictions(found) == predictions(wanted)
        assert accuracy(found) == accuracy(wanted)


def test_trained_on_a_file_of_breast_cancer_and_used_on_its_name(tmp_path: Path) -> None:
    path = cancer_file(tmp_path / "c.csv", range(29, -1, -1))
    assert run("train", "single_layer", "--data", path, "--epochs", 200, "--out", tmp_path).code == 0
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    assert predictions(run(*arguments, "breast_cancer")) == predictions(run(*arguments, path))
    assert accuracy(run(*arguments, "breast_cancer")) > 0.9


# Images


def squares(n: int, height: int, width: int, classes: int = 2) -> tuple[Any, Any]:
    """Images that are bright at the top for class 0, below for class 1; the left side counts two more."""
    rng = np.random.default_rng(2)
    y = np.arange(n) % classes
    images = rng.integers(0, 60, (n, height, width))
    for image, label in zip(images, y, strict=True):
        half = image[: height // 2] if label % 2 == 0 else image[height // 2 :]
        half[:, : width // 2 if label >= 2 else width] += 190
    return images, y


def save_images(path: Path, height: int, width: int, classes: int = 2, labels: Any = None) -> Path:
    images, y = squares(40, height, width, classes)
    np.savez(path, x=images.astype(np.uint8), y=y if labels is None else labels[y])
    return path


def pixel_names(height: int, width: int, form: str) -> list[str]:
    return [form.format(i=i, row=i // width, column=i % width) for i in range(height * width)]


SMALL = {
    "single_layer": ("--epochs", "20"),
    "conv_linear": ("--epochs", "20"),
    "two_conv_average_linear": ("--epochs", "20"),
    "lenet": ("--epochs", "2", "--engine", "eager"),
}
every_kind = pytest.mark.parametrize("network", SMALL)


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, tuple[object, ...]]:
    """For each network, the command that predicts with what was learnt from 6×6 images in two classes."""
    path, commands = save_images(folder / "images.npz", 6, 6), dict[str, tuple[object, ...]]()
    for network, options in SMALL.items():
        done = run("train", network, "--data", path, *options, "--out", folder / network)
        assert done.code == 0, done.err
        commands[network] = (
            "predict",
            network,
            "--parameters",
            folder / network / "parameters.npz",
            "--json",
            "--data",
        )
    return commands


@every_kind
@pytest.mark.parametrize("size", [(8, 8), (3, 3), (4, 9), (9, 4), (1, 36), (12, 12)])
def test_images_of_another_size_are_refused_by_size(
    network: str, size: tuple[int, int], models: dict[str, tuple[object, ...]], tmp_path: Path
) -> None:
    done = run(*models[network], save_images(tmp_path / "other.npz", *size))
    assert done.code == 2
    assert one_sentence(done.err), done.err
    assert f"{size[0]}×{size[1]}" in done.err or "36" in done.err or str(size[0] * size[1]) in done.err
    assert "6×6" in done.err or "36" in done.err


@every_kind
def test_images_of_the_same_size_are_taken_without_a_word(
    network: str, models: dict[str, tuple[object, ...]], folder: Path
) -> None:
    done = run(*models[network], folder / "images.npz")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize("size", [(4, 4), (6, 6), (9, 9), (28, 28)])
def test_shrunk_images_come_from_images_of_the_same_size(size: tuple[int, int], tmp_path: Path) -> None:
    options = ("--shrink", 3, "--epochs", 20, "--out", tmp_path)
    assert run("train", "conv_linear", "--data", save_images(tmp_path / "eight.npz", 8, 8), *options).code == 0
    arguments = ("predict", "conv_linear", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    assert run(*arguments, tmp_path / "eight.npz").code == 0
    done = run(*arguments, save_images(tmp_path / "other.npz", *size))
    assert done.code == 2
    assert f"{size[0]}×{size[1]}" in done.err
    assert "8×8" in done.err


@every_kind
def test_a_table_for_an_image_is_never_taken_without_a_word(
    network: str, models: dict[str, tuple[object, ...]], tmp_path: Path
) -> None:
    names = [f"measurement {i}" for i in range(36)]
    done = run(*models[network], write(tmp_path / "t.csv", names, np.ones((4, 36)), ["0", "1"] * 2))
    assert one_sentence(done.err), done.err
    assert done.code == 2 or (network != "lenet" and "position" in done.err)


def test_an_image_for_a_table_is_never_taken_without_a_word(table: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*table, save_images(tmp_path / "two.npz", 2, 2, labels=np.array(["no", "yes"])))
    assert one_sentence(done.err), done.err
    assert done.code == 2 or "position" in done.err


@every_kind
@pytest.mark.parametrize("form", slow_but("p_{i}", among=["pixel_{row}_{column}", "pixel{i}", "p_{i}"]))
def test_pixels_in_another_order_are_put_in_order(network: str, form: str, tmp_path: Path) -> None:
    images, y = squares(40, 6, 6)
    rows, names = images.reshape(40, 36), pixel_names(6, 6, form)
    path = write(tmp_path / "images.csv", names, rows, y.tolist(), "label")
    done = run("train", network, "--data", path, *SMALL[network], "--out", tmp_path)
    assert done.code == 0, done.err
    arguments = ("predict", network, "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    wanted = predictions(run(*arguments, path))
    order = np.random.default_rng(3).permutation(36).tolist()
    shuffled = write(tmp_path / "shuffled.csv", [names[i] for i in order], rows[:, order], y.tolist(), "label")
    assert predictions(run(*arguments, shuffled)) == wanted


# Classes


@every_kind
def test_labels_of_other_names_are_refused_by_name(
    network: str, models: dict[str, tuple[object, ...]], tmp_path: Path
) -> None:
    for labels in (np.array([3, 4]), np.array(["cat", "dog"]), np.array([1, 2])):
        done = run(*models[network], save_images(tmp_path / "other.npz", 6, 6, 2, labels))
        assert done.code == 2
        assert one_sentence(done.err), done.err
        assert str(labels[1]) in done.err


def test_other_classes_of_the_same_data_set_are_refused(tmp_path: Path) -> None:
    data = ("--data", "digits", "--classes")
    options = ("--shrink", 3, "--epochs", 50, "--out", tmp_path)
    assert run("train", "conv_linear", *data, "6,7", *options).code == 0
    arguments = ("predict", "conv_linear", "--parameters", tmp_path / "parameters.npz", "--json", *data)
    right = accuracy(run(*arguments, "6,7"))
    assert right != 0.5
    turned = run(*arguments, "7,6")
    assert turned.code == 2 or accuracy(turned) == right
    for others in ("3,4", "8,9"):
        done = run(*arguments, others)
        assert done.code == 2
        assert one_sentence(done.err), done.err
        assert set(others.split(",")) & set(done.err)


def test_the_order_and_number_of_labels_in_a_file_do_not_matter(
    table: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    whole = predictions(run(*table, folder / "table.csv"))
    turned = run(*table, write(tmp_path / "turned.csv", NAMES, ROWS[::-1], LABELS[::-1]))
    assert [row["class"] for row in predictions(turned)] == [row["class"] for row in whole[::-1]]
    assert accuracy(turned) == accuracy(run(*table, folder / "table.csv"))
    for kind in ("yes", "no"):
        chosen = kind == LABELS
        alone = run(*table, write(tmp_path / "alone.csv", NAMES, ROWS[chosen], LABELS[chosen]))
        assert predictions(alone)
        hits = [row["class"] == kind for row, there in zip(whole, chosen, strict=True) if there]
        assert accuracy(alone) == pytest.approx(np.mean(hits))


def test_a_third_label_is_refused_by_name_or_left_out(table: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    labels = ["maybe", *LABELS.tolist()[1:]]
    done = run(*table, write(tmp_path / "t.csv", NAMES, ROWS, labels))
    assert done.code in (0, 2)
    if done.code == 2:
        assert "maybe" in done.err
    else:
        found = [row["class"] for row in predictions(run(*table, folder / "table.csv"))]
        assert accuracy(done) == pytest.approx(np.mean(np.array(found[1:]) == LABELS[1:]))


# Parameters from before names were kept


@pytest.mark.parametrize("labelled", [True, False])
def test_an_old_file_of_a_table_goes_by_position_and_says_so(labelled: bool, tmp_path: Path) -> None:
    names = ["width", "height", "depth"]
    labels = ["yes", "no", "no"] if labelled else None
    probe = write(tmp_path / "probe.csv", names, [[5, 50, -20], [6, 40, -20], [4, 60, 80]], labels)
    old = DATA / "table_without_names.npz"
    done = run("predict", "single_layer", "--parameters", old, "--data", probe, "--json")
    found = predictions(done)
    numbers = [0.47694517586643503, 1.1581241004487683, -0.12918314620725238]
    assert [row["prediction"] for row in found] == pytest.approx(numbers, rel=1e-12)
    assert [row["class"] for row in found] == ["no", "yes", "no"]
    assert one_sentence(done.err), done.err
    assert "position" in done.err


def test_an_old_file_of_images_still_loads() -> None:
    old = DATA / "images_without_names.npz"
    done = run("predict", "conv_linear", "--parameters", old, "--data", "side", "--json")
    found = predictions(done)
    numbers = [0.48367751742402443, 0.5791038692500485, 0.48489427521056516]
    assert [row["prediction"] for row in found[:3]] == pytest.approx(numbers, rel=1e-12)
    assert [row["class"] for row in found[:3]] == ["right", "left", "right"]
    assert accuracy(done) == 1.0


def test_an_old_file_of_lenet_still_loads(tmp_path: Path) -> None:
    old = tmp_path / "old.npz"
    old.write_bytes(gzip.decompress((DATA / "lenet_without_names.npz.gz").read_bytes()))
    images = np.full((4, 6, 6), 30, np.uint8)
    for label in range(4):
        images[label, 3 * (label // 2) :, 3 * (label % 2) :][:3, :3] = 220
    np.savez(tmp_path / "probe.npz", x=images, y=np.arange(4))
    done = run("predict", "lenet", "--parameters", old, "--data", tmp_path / "probe.npz", "--json")
    assert [row["class"] for row in predictions(done)] == ["0", "1", "2", "3"]
    assert predictions(done)[0]["probability"] == pytest.approx(0.8303, abs=1e-3)
    assert run("export", "lenet", "--parameters", old, "--out", tmp_path / "m.onnx").code == 0


def test_files_from_before_networks_and_models_had_one_format(tmp_path: Path) -> None:
    rows = np.arange(60.0).reshape(20, 3)[:3] % 7
    swapped = np.insert(rows[:, [2, 0, 1]], 1, 9, 1)
    probe = write(tmp_path / "probe.csv", ["depth", "id", "width", "height"], swapped, None)
    (tmp_path / "lenet.npz").write_bytes(gzip.decompress((DATA / "lenet_with_image.npz.gz").read_bytes()))
    images = np.full((4, 6, 6), 30.0)
    for label in range(4):
        images[label, 3 * (label // 2) :, 3 * (label % 2) :][:3, :3] = 200.0 + label
    np.savez(tmp_path / "probe.npz", x=images, y=np.arange(4))
    sixes = ("digits", "--classes", "6,7")
    for network, file, data, key, numbers in (
        ("single_layer", DATA / "table_with_names.npz", (probe,), "prediction", [0.0399967, -0.0186885, 0.9219817]),
        ("conv_linear", DATA / "images_shrunk.npz", sixes, "prediction", [0.45520874, 0.56963592, 0.46922926]),
        ("lenet", tmp_path / "lenet.npz", (tmp_path / "probe.npz",), "probability", [0.999822, 0.99997, 0.999984]),
    ):
        done = run("predict", network, "--parameters", file, "--json", "--data", *data)
        assert done.err == ""
        assert [row[key] for row in predictions(done)[:3]] == pytest.approx(numbers, abs=1e-6)
        assert run("export", network, "--parameters", file, "--out", tmp_path / "m.onnx").code == 0
        again = tmp_path / "again.npz"  # read as it was, and written as files are today
        save_trained(again, load_trained(file))
        assert run("predict", network, "--parameters", again, "--json", "--data", *data) == done


def test_an_old_file_is_exported(tmp_path: Path) -> None:
    for network, name in (("single_layer", "table"), ("conv_linear", "images")):
        old = DATA / f"{name}_without_names.npz"
        assert run("export", network, "--parameters", old, "--out", tmp_path / "m.onnx").code == 0


# ONNX files


def test_an_exported_file_says_which_columns_it_takes(table: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    out = tmp_path / "m.onnx"
    done = run("export", "single_layer", "--parameters", table[3], "--out", out)
    assert done.code == 0
    model = onnx.load(str(out))
    told = done.out + model.doc_string + "".join(f"{entry.key} {entry.value}" for entry in model.metadata_props)
    told += "".join(value.doc_string for value in model.graph.input)
    places = [told.find(name) for name in NAMES]
    assert -1 not in places
    assert places == sorted(places)
    (values,) = onnxruntime.InferenceSession(str(out)).run(None, {"x": ROWS.astype(np.float32)})
    wanted = [row["prediction"] for row in predictions(run(*table, folder / "table.csv"))]
    np.testing.assert_allclose(np.ravel(values), wanted, rtol=0, atol=1e-4)


def test_an_exported_file_says_which_classes_there_are(table: tuple[str, ...], tmp_path: Path) -> None:
    done = run("export", "single_layer", "--parameters", table[3], "--out", tmp_path / "m.onnx")
    assert "yes" in done.out


# Scaling of another width


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_scaling_of_another_width_is_refused_where_it_is_used(width: int) -> None:
    scaling = Scaling(np.zeros(width), np.ones(width))
    with pytest.raises(ValueError, match=r"4|columns") as caught:
        scaling.apply(np.ones((6, 4)))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("width", [1, 3, 5])
def test_a_scaling_of_another_width_is_refused_in_a_file(width: int, table: tuple[str, ...], tmp_path: Path) -> None:
    about, arrays = read_arrays(Path(table[3]), KIND)
    about.pop("kind")
    for changed in (("shift",), ("scale",), ("shift", "scale")):
        write_arrays(tmp_path / "p.npz", KIND, about, arrays | {name: np.ones(width) for name in changed})
        with pytest.raises(FileError, match="shape"):
            load_trained(tmp_path / "p.npz")
        for command in ("predict", "export"):
            last = ("--data", "side") if command == "predict" else ("--out", tmp_path / "m.onnx")
            done = run(command, "single_layer", "--parameters", tmp_path / "p.npz", *last)
            assert (done.code, done.out) == (2, "")
            assert one_sentence(done.err), done.err


@pytest.mark.parametrize("network", ["single_layer", "conv_linear"])
def test_what_does_not_fit_its_network_is_not_saved(network: str, tmp_path: Path) -> None:
    built = NETWORKS[network](seed=0)
    for width in (1, built.inputs + 1):
        scaling = Scaling(np.zeros(width), np.ones(width))
        with pytest.raises(ValueError, match=r"\d") as caught:  # noqa: PT012  either may refuse
            save_trained(tmp_path / "p.npz", Trained(built, scaling, ("a", "b")))
            load_trained(tmp_path / "p.npz")
        assert str(caught.value).isprintable()


# In Python


def test_what_is_trained_in_python_is_read_back(tmp_path: Path) -> None:
    data = two_classes(load(write(tmp_path / "t.csv", NAMES, ROWS, LABELS)))
    done = experiment("single_layer", data, training={"epochs": 50})
    save_trained(tmp_path / "p.npz", done.trained)
    wanted = predict(done.trained, data.x)
    np.testing.assert_array_equal(predict(load_trained(tmp_path / "p.npz"), data.x), wanted)
    swapped = write(tmp_path / "s.csv", [NAMES[i] for i in ORDERS[0]], ROWS[:, ORDERS[0]], LABELS)
    arguments = ("predict", "single_layer", "--parameters", tmp_path / "p.npz", "--json", "--data")
    found = [row["prediction"] for row in predictions(run(*arguments, swapped))]
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_rows_of_another_width_are_refused_in_python(columns: int, table: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"4") as caught:
        predict(load_trained(Path(table[3])), np.ones((2, columns)))
    assert str(caught.value).isprintable()


def test_the_four_fields_of_before_still_make_a_trained_network(tmp_path: Path) -> None:
    network = NETWORKS["single_layer"](seed=3, m=3)
    scaling = Scaling(np.zeros(3), np.ones(3))
    save_trained(tmp_path / "p.npz", Trained(network, scaling, ("no", "yes"), None))
    loaded = load_trained(tmp_path / "p.npz")
    assert (loaded.classes, loaded.shrink) == (("no", "yes"), None)
    probe = write(tmp_path / "t.csv", ["a", "b", "c"], np.ones((2, 3)), None)
    done = run("predict", "single_layer", "--parameters", tmp_path / "p.npz", "--data", probe, "--json")
    assert len(predictions(done)) == 2
    assert "position" in done.err
