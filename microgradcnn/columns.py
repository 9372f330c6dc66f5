"""Other data brought to the columns that something was trained on: by their names, or by position, which is told."""

from __future__ import annotations

import warnings
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from microgradcnn.data import as_images, pixel_place
from microgradcnn.dataset import UNKNOWN, Columns, DataError, Dataset, dropping, listed, short


class PositionWarning(UserWarning):
    """Columns were taken by their position, because nobody says what they are called."""


def columns_of(data: Dataset) -> Columns:
    """The columns of data that something is to be trained on."""
    features = data.features if data.named and data.image is None else None
    return Columns(features, data.target if data.named else None, data.dropped, data.image)


def arranged(data: Any, columns: Columns, width: int | None) -> Dataset:
    """A Dataset, or a DataFrame, with the columns of training in their order; `width` is how many, None if not known.

    Columns are found by their names. A column of training that was taken for the labels is put back among the
    features. Where either side has no names it goes by position, with a PositionWarning; images go by their size.
    Raises DataError for names that are missing or were not trained on, and for another size or number of columns.
    """
    data = data if isinstance(data, Dataset) else _of_frame(data, columns)
    if columns.image is not None and (data.image is not None or data.named):
        data = as_images(_with_pixel(data))
        if data.image != columns.image:
            theirs, ours = ("×".join(map(str, size or ())) for size in (data.image, columns.image))
            raise DataError(f"{data.name} has images of {theirs} pixels, but the model is trained on {ours}")
        return data
    if columns.features is not None and data.named:
        return _by_name(data, columns.features)
    return _by_position(data, columns, width)


def _with_pixel(data: Dataset) -> Dataset:
    """A table of pixels whole: without labels, its last pixel was taken for them."""
    return _unlabelled(data) if data.image is None and pixel_place(data.target) else data


def _by_name(data: Dataset, wanted: tuple[str, ...]) -> Dataset:
    if data.target in wanted and data.target not in data.features:
        data = _unlabelled(data)
    missing = [name for name in wanted if name not in data.features]
    others = [name for name in data.features if name not in wanted]
    if missing:
        has = f", and has {listed(others)}, which training had not: are these called otherwise?" if others else ""
        raise DataError(f"{data.name} lacks the columns {listed(missing)}, which training had{has}")
    if others:
        remedy = f"leave them out with {dropping(others)}"
        raise DataError(f"{data.name} has the columns {listed(others)}, which training had not: {remedy}")
    order = [data.features.index(name) for name in wanted]
    return replace(data, x=data.x[:, order], features=wanted)


def _by_position(data: Dataset, columns: Columns, width: int | None) -> Dataset:
    others = ""
    if data.x.shape[1] + 1 == width and data.y.dtype.kind == "f" and data.classes is None:
        data, others = _unlabelled(data), "; the last is one of them, and no label"
    if width is not None and data.x.shape[1] != width:
        raise DataError(f"{data.name} has {data.x.shape[1]} input columns, but the network was trained on {width}")
    if columns.features is None and columns.image is None:
        said = f"the parameters do not say what columns are called: those of {data.name} are taken by position"
    else:
        trained = "pixels, row by row" if columns.features is None else listed(columns.features)
        said = f"{data.name} does not say what its columns are called: by position they are taken for {trained}"
    warnings.warn(said + others, PositionWarning, stacklevel=4)
    named = columns.features is not None
    return replace(data, features=columns.features or data.features, named=named, image=columns.image or data.image)


def _unlabelled(data: Dataset) -> Dataset:
    """The data with the column that was taken for labels as a feature, the last one, as it was in the file."""
    if data.y.dtype.kind != "f" or data.classes is not None:
        raise DataError(f"{data.name} has labels in the column {data.target!r}, where training had numbers")
    x, features = np.column_stack([data.x, data.y]), (*data.features, data.target)
    return replace(data, x=x, features=features, target="", y=np.full(len(x), ""))


def _of_frame(frame: Any, columns: Columns) -> Dataset:
    """A DataFrame, of pandas or any other with `columns`, without labels and what was dropped in training."""
    names = [name for name in frame.columns if name not in (columns.target, *columns.dropped)]
    texts = tuple(map(str, names))
    if len(set(texts)) < len(texts):
        raise DataError(f"the DataFrame has a column twice: {listed(texts)}")
    parts = []
    for name in names:
        try:
            parts.append(np.asarray(frame[name], dtype=np.float64))
        except (TypeError, ValueError):
            raise DataError(f"the DataFrame has a column {short(str(name))} that is no numbers: leave it out") from None
    x = np.column_stack(parts) if parts else np.empty((len(frame), 0))
    named = all(isinstance(name, str) for name in names)
    return Dataset(x, np.full(len(x), ""), texts, "", None, "the DataFrame", named=named)


def stored(columns: Columns) -> dict[str, Any]:
    """The columns as JSON holds them."""
    return asdict(columns)


def restored(found: Any, width: int | None) -> Columns:
    """What `stored` gave, for rows of `width` numbers (None: any); nothing, from a file that does not say, is UNKNOWN.

    Raises ValueError, TypeError or KeyError for anything else, and for what contradicts itself or the width.
    """
    if found is None:
        return UNKNOWN
    columns = Columns(
        None if found["features"] is None else tuple(found["features"]),
        found["target"],
        tuple(found["dropped"]),
        None if found["image"] is None else tuple(found["image"]),
    )
    features, image = columns.features, columns.image
    if features is not None:
        texts = all(isinstance(name, str) for name in features) and len(set(features)) == len(features)
        if not texts or image is not None or columns.target in features or width not in (None, len(features)):
            raise ValueError("the names of features contradict the rest")
    if image is not None:
        height, side = image
        if not (type(height) is type(side) is int and min(image) > 0 and width in (None, height * side)):
            raise ValueError("the size of images contradicts the rest")
    others = [*columns.dropped, "" if columns.target is None else columns.target]
    if not all(type(name) in (str, int) for name in others):
        raise TypeError("columns are called by names, or counted")
    return columns
