"""A network with the preparation of its rows, so that it takes them as they are in the data, and what it predicts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.data import as_images, shrink
from microgradcnn.data.columns import arranged
from microgradcnn.data.dataset import UNKNOWN, Columns, Dataset
from microgradcnn.data.scaling import Scaling
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.networks import named
from microgradcnn.system.text_layout import how_many


@dataclass(frozen=True)
class Trained:
    """A network or model, and the preparation of its rows: images shrunk to `shrink`² (None: as they are), then scaled.

    `columns` are those that it was trained on, before images were shrunk; UNKNOWN where nobody knows them. `target` is
    the scaling of a target of numbers, None where it is classes. Raises ValueError for columns, a scaling or a number
    of classes that do not fit.
    """

    network: Any  # a Network or an ImageModel
    scaling: Scaling
    classes: tuple[str, ...] | None = None
    shrink: int | None = None
    columns: Columns = UNKNOWN
    target: Scaling | None = None

    def __post_init__(self) -> None:
        self.scaling.check_width(self.network.inputs)
        image, wanted = self.columns.image, getattr(self.network, "image", None)
        fits = image in (None, wanted) and self.columns.features is None
        if wanted is not None and self.shrink is None and not fits:
            raise ValueError(f"has columns of images of {image}, and a network for {wanted}")
        count = max(2, self.network.outputs)
        if self.classes is not None and len(self.classes) != count:
            raise ValueError(f"has {how_many(len(self.classes), 'class')}, and a network for {count}")
        if self.target is not None:
            self.target.check_width(1)
            if self.classes is not None or count != 2:
                raise ValueError("has classes, and numbers for a target")

    def arranged(self, data: Any) -> Dataset:
        """A Dataset or a DataFrame as the network takes it, before scaling: its columns in order, its images shrunk.

        Where either side has no names of columns they go by position, with a PositionWarning. Raises DataError for
        columns or images that the network was not trained on, in a sentence that names them.
        """
        if self.shrink is None:
            return arranged(data, self.columns, self.network.inputs)
        small = (self.shrink, self.shrink)
        if isinstance(data, Dataset) and data.image == small:
            return data
        found = arranged(data, self.columns, None if self.columns.image is None else math.prod(self.columns.image))
        if found.x.shape[1] == self.network.inputs:
            return found
        return shrink(as_images(found, self.columns.image), self.shrink)

    def scaled(self, rows: Any) -> Any:
        """Rows (n, inputs), an array or a Value, as the network takes them: scaled in the type of its parameters."""
        dtype = next(iter(self.network.parameters.values())).dtype
        return self.scaling.apply(rows if isinstance(rows, Value) else np.ascontiguousarray(rows, dtype), dtype)

    def answer(self, rows: Any) -> Value:
        """What is said of rows (n, inputs), an array or a Value, before scaling.

        It is ŷ, (n,), numbers in the units of the data, or the probabilities of more than two classes, or of a model,
        (n, classes).
        """
        found: Value = self.network.predict(self.scaled(rows))
        if self.network.outputs > 1:
            return named(self.network.probabilities(found), "probabilities")
        if self.target is None:
            return found
        return named(found * self.target.scale.item() + self.target.shift.item(), "y_hat")


def predict(trained: Trained, data: Any) -> Array:
    """`Trained.answer` as numbers, for a Dataset, a DataFrame or an array (n, inputs): ŷ, or probabilities.

    Rows are as they are in the data, before scaling. Columns are found by their names, as `Trained.arranged` says; an
    array's go by position, after any shrinking.
    """
    rows = trained.arranged(data).x if isinstance(data, Dataset) or hasattr(data, "columns") else data
    return np.asarray(trained.answer(rows).data)
