"""A trained model that names what images show: the model, how images are prepared for it, the names of its classes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn.data import resampling
from microgradcnn.data.columns import arranged, different_texts, restored
from microgradcnn.data.dataset import UNKNOWN, Columns, Dataset
from microgradcnn.data.scaling import Scaling
from microgradcnn.engine.arrays import dtype_of
from microgradcnn.files import FileError, check_arrays, read_arrays, write_arrays
from microgradcnn.nn.models import lenet
from microgradcnn.nn.module import Module
from microgradcnn.trained import KIND
from microgradcnn.training.batches import Array, outputs

# By name, what makes a model of a number of classes for images of SIDE × SIDE pixels.
MODELS: dict[str, Callable[..., Module]] = {"lenet": lenet}
SIDE = 28
DTYPE = np.float32  # half the memory and the time of float64, and as right


@dataclass(frozen=True)
class Classifier:
    """A model of MODELS, and the preparation of its inputs: images of (h, w) scaled, then brought to SIDE × SIDE.

    `columns` are those that it was trained on; UNKNOWN where nobody knows more than the images' size. Raises
    ValueError for columns or a scaling that do not fit the images.
    """

    name: str
    model: Module
    scaling: Scaling
    classes: tuple[str, ...]
    image: tuple[int, int]
    columns: Columns = UNKNOWN

    def __post_init__(self) -> None:
        self.scaling.check_width(math.prod(self.image))
        if self.columns.features is not None or self.columns.image not in (None, self.image):
            raise ValueError(f"has columns that are not the pixels of images of {self.image[0]}×{self.image[1]}")

    def arranged(self, data: Any) -> Dataset:
        """A Dataset or a DataFrame with the pixels of training, in order.

        A table without names goes by position, with a PositionWarning. Raises DataError for rows that are no images of
        the size that the model is trained on.
        """
        return arranged(data, replace(self.columns, image=self.image), math.prod(self.image))

    def prepared(self, x: Any) -> Any:
        """Rows of pixels as they are in the data, (n, h·w), as images for the model, (n, 1, SIDE, SIDE)."""
        dtype = dtype_of(x)
        shift, scale = self.scaling.shift.astype(dtype), self.scaling.scale.astype(dtype)
        if np.any(shift):
            x = x - shift
        images = mg.reshape(x / scale, (-1, 1, *self.image))
        if self.image == (SIDE, SIDE):
            return images
        rows, columns = (weights.astype(dtype) for weights in resampling(self.image, SIDE))
        return rows @ images @ columns.T

    def images(self, data: Any) -> Array:
        """The rows of a Dataset or a DataFrame, `arranged` and `prepared`, in the type of the parameters."""
        return np.asarray(self.prepared(self.arranged(data).x.astype(DTYPE)))

    def probabilities(self, data: Any) -> Array:
        """The probability of every class, in the order of `classes`, for every row: (n, classes).

        Raises DataError, as `arranged` does.
        """
        return np.asarray(mg.softmax(outputs(self.model, self.images(data))))


def new_model(name: str, classes: int, seed: int) -> Module:
    """The model with random weights, from N(0, 2/fan_in), as suits relu."""
    return MODELS[name](classes, rng=np.random.default_rng(seed), init="he", dtype=DTYPE)


def save_classifier(path: Path, done: Classifier) -> None:
    """Write an NPZ file, whole or not at all. Raises FileError where the folder cannot be written."""
    about = {"network": done.name, "classes": done.classes, "image": done.image, "columns": asdict(done.columns)}
    scaling = {"shift": done.scaling.shift, "scale": done.scaling.scale}
    write_arrays(path, KIND, about | {"architecture": done.model.architecture()}, done.model.state_dict() | scaling)


def load_classifier(path: Path, name: str) -> Classifier:
    """Read what `save_classifier` wrote for a model of that name; nothing is unpickled.

    Raises FileError in one sentence for anything else.
    """
    about, arrays = read_arrays(path, KIND)
    if (found := about.get("network")) != name:
        raise FileError(f"{path} holds a {found}, not a {name}")
    try:
        classes, (height, width) = about["classes"], about["image"]
        if not different_texts(classes):
            raise ValueError("classes have different names")
        model, one = new_model(name, len(classes), seed=0), np.ones(height * width)
        architecture, columns = list(about["architecture"]), restored(about.get("columns"), height * width)
    except (ValueError, KeyError, TypeError):
        raise FileError(f"{path} is damaged, or no {KIND}") from None
    wanted = {"shift": one, "scale": one}
    scaling = {part: arrays.pop(part) for part in wanted if part in arrays}
    try:
        check_arrays(scaling, wanted, f"{name} for {height}×{width} pixels")
        done = Classifier(name, model, Scaling(**scaling), tuple(classes), (height, width), columns)
    except ValueError as error:
        raise FileError(f"{path} {error}") from None
    model.take(path, architecture, arrays)
    return done
