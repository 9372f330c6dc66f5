"""From images of any number of classes to a trained model, measured on images that training did not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from microgradcnn.classifier import Classifier, new_model
from microgradcnn.data import as_images, split
from microgradcnn.data.columns import columns_of
from microgradcnn.data.dataset import DataError, Dataset, listed
from microgradcnn.data.scaling import unit_pixels, unscaled
from microgradcnn.experiment import TEST_FRACTION
from microgradcnn.fit import Fit, evaluate, fit


@dataclass(frozen=True)
class Classification:
    """What came out: the trained model, how training went, and loss and accuracy on both parts of the data."""

    classifier: Classifier
    run: Fit
    rows: tuple[int, int]
    train: dict[str, float]
    test: dict[str, float]


def classification(
    name: str,
    data: Dataset,
    test: Dataset | None = None,
    *,
    seed: int = 0,
    scale: bool = True,
    training: dict[str, Any] | None = None,
) -> Classification:
    """Train the model of MODELS called `name` on images of classes 0, 1, ..., as data.with_classes gives them.

    Images are brought to SIDE × SIDE, and their pixels to [0, 1] unless `scale` is off. A fifth of the rows, drawn with
    `seed`, is for the test unless `test` has them; the seed also draws the start and the batches. `training` are
    further arguments of `fit`. Raises ValueError if they do not fit, DataError for rows that are no images.
    """
    data = as_images(data)
    learn, test = split(data, TEST_FRACTION, seed) if test is None else (data, test)
    classes, image = data.classes or (), data.image
    assert image is not None  # as_images gives one to whatever has none
    if test.classes != classes:
        raise DataError(
            f"{test.name} has the classes {listed(test.classes or ())}, not {listed(classes)} as in training"
        )
    scaling = unit_pixels(learn.x) if scale else unscaled(learn.x.shape[1])
    done = Classifier(name, new_model(name, len(classes), seed), scaling, classes, image, columns_of(data))
    parts = [(done.images(part), part.y) for part in (learn, test)]
    run = fit(done.model, *parts[0], seed=seed, validation=parts[1], **(training or {}))
    measured = [evaluate(done.model, *part) for part in parts]
    return Classification(done, run, (len(learn.x), len(test.x)), *measured)
