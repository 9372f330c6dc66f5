"""Missing values: the rows that have one left out, or the means of the training rows in their places."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from microgradcnn.data.dataset import Dataset
from microgradcnn.engine.arrays import Array

POLICIES = ("drop", "mean")


def means_of_known(x: Array, missing: Array) -> Array:
    """The mean of every column over the rows that have a value there, (m,); of all rows where none has one."""
    known = ~missing | missing.all(axis=0)
    return np.asarray(np.where(known, x, 0.0).sum(axis=0) / known.sum(axis=0))


def means_by_name(data: Dataset) -> dict[str, float] | None:
    """The means of the columns, by their names; None where nothing may be missing."""
    if data.missing is None:
        return None
    return dict(zip(data.features, means_of_known(data.x, data.missing).tolist(), strict=True))


def filled(data: Dataset, means: Mapping[str, float] | None) -> Dataset:
    """The data with these means where a value is missing; as they are without means."""
    if data.missing is None or means is None:
        return data
    row = np.array([means.get(name, np.nan) for name in data.features])
    return replace(data, x=np.where(data.missing & ~np.isnan(row), row, data.x))
