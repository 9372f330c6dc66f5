"""From a data set to a trained network: split, scale, train, and measure on rows that training did not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.data import as_images, split
from microgradcnn.data.columns import columns_of
from microgradcnn.data.dataset import Columns, Dataset
from microgradcnn.data.scaling import Scaling, standardised, unit_pixels, unscaled
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.train import Training, accuracy, train
from microgradcnn.trained import Trained

TEST_FRACTION = 0.2


@dataclass(frozen=True)
class Experiment:
    """What came out: the trained network, how training went, and the accuracies on both parts of the data."""

    trained: Trained
    training: Training
    rows: tuple[int, int]
    train_accuracy: float
    test_accuracy: float


def experiment(
    name: str,
    data: Dataset,
    *,
    seed: int = 0,
    scale: bool = True,
    shrunk: int | None = None,
    columns: Columns | None = None,
    network: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
) -> Experiment:
    """Train the network called `name` on four fifths of `data`, two classes as 0 and 1, and test it on the last fifth.

    `seed` draws the split, the start and the batches. `shrunk` records the size to which images were shrunk before, and
    `columns` what they were then (those of `data`).
    `network` and `training` are further arguments of the network and of `train`. Raises ValueError if they do not fit.
    """
    kind = NETWORKS[name]
    data = as_images(data) if kind.takes_images() else data
    built = kind(seed=seed, **{**kind.sizes_for(data), **(network or {})})
    learn, test = split(data, TEST_FRACTION, seed)
    scaling = fit_scaling(learn) if scale else unscaled(data.x.shape[1])
    x, x_test = scaling.apply(learn.x), scaling.apply(test.x)
    run = train(built, x, learn.y, seed=seed, **(training or {}))
    return Experiment(
        Trained(built, scaling, data.classes, shrunk, columns or columns_of(data)),
        run,
        (len(learn.x), len(test.x)),
        accuracy(built, x, learn.y),
        accuracy(built, x_test, test.y),
    )


def fit_scaling(rows: Dataset) -> Scaling:
    """Pixels to [0, 1]; other columns to mean 0 and deviation 1; fitted on these rows."""
    return unit_pixels(rows.x) if rows.image is not None else standardised(rows.x)


def predict(trained: Trained, data: Any) -> np.ndarray[Any, Any]:
    """ŷ, (n,), for rows as they are in the data, before scaling: a Dataset, a DataFrame or an array (n, inputs).

    Columns are found by their names, as `Trained.arranged` says; an array's go by position, after any shrinking.
    """
    network: Network = trained.network
    rows = trained.arranged(data).x if isinstance(data, Dataset) or hasattr(data, "columns") else data
    return np.asarray(network.predict(trained.scaling.apply(rows)).data)
