"""A model of MODELS behind rows of pixels, as training by name has it: what a network has, for images of any size."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.data import resampling
from microgradcnn.engine.arrays import Array, dtype_of
from microgradcnn.engine.value import Value
from microgradcnn.nn.models import SIDE, new_model
from microgradcnn.nn.summary import in_mode
from microgradcnn.training.batches import outputs


class ImageModel:
    """A model of MODELS behind rows of pixels, with what a network of the lecture has.

    Rows are (n, h·w), images of (h, w) that are brought to SIDE × SIDE for the `module`. Raises ValueError for an image
    that is no height and width.
    """

    input_letter, unit_name = "p", "filter"
    whole_inputs = False
    criterion = staticmethod(nn.cross_entropy)

    def __init__(self, name: str, classes: int, image: tuple[int, int], seed: int = 0) -> None:
        height, width = image
        self.name, self.classes, self.image = name, classes, (height, width)
        self.outputs, self.module = classes, new_model(name, classes, seed)

    @property
    def parameters(self) -> dict[str, Value]:
        """Every parameter by its dotted name."""
        return dict(self.module.named_parameters())

    @property
    def inputs(self) -> int:
        """The number of pixels."""
        return math.prod(self.image)

    def options(self) -> dict[str, Any]:
        """The arguments that build this model again, with its name."""
        return {"classes": self.classes, "image": list(self.image)}

    def pictures(self, image: tuple[int, ...] | None) -> Array:
        """The filters of the first convolution, as a Network gives its own."""
        return np.asarray(next(p.data for p in self.parameters.values() if p.ndim == 4))

    def images(self, x: Any) -> Any:
        """Rows, an array or a Value, as the module takes them: (n, 1, SIDE, SIDE)."""
        images = mg.reshape(x, (-1, 1, *self.image))
        if self.image == (SIDE, SIDE):
            return images
        rows, columns = (weights.astype(dtype_of(x)) for weights in resampling(self.image, SIDE))
        return rows @ images @ columns.T

    shaped = images  # what a network of a module calls it

    def targets(self, y: Any) -> Any:
        """The classes, as cross-entropy takes them."""
        return y

    def probabilities(self, prediction: Value) -> Value:
        """The predictions themselves."""
        return prediction

    def predict(self, x: Any) -> Value:
        """The probabilities of all classes for rows, (n, classes); of an array they are no graph."""
        if isinstance(x, Value):
            with in_mode(self.module, training=False):
                found = mg.softmax(self.module(self.images(x)))
        else:
            found = Value(mg.softmax(outputs(self.module, self.images(x))))
        found.label = "probabilities"
        return found
