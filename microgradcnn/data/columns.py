"""Other data brought to the columns that something was trained on: by their names, or by position, which is told."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from microgradcnn.data.dataset import UNKNOWN, Columns, DataError, Dataset, dropping, listed, short
from microgradcnn.data.images import as_images, pixel_place
from microgradcnn.data.loading import without
from microgradcnn.data.tables.categories import names_of, one_hot, recoded, source_of, unknown_category
from microgradcnn.data.tables.cells import is_missing
from microgradcnn.data.tables.missing import filled, means_by_name
from microgradcnn.engine.arrays import Array
from microgradcnn.system.advice import Advice


class PositionWarning(Advice):
    """Columns were taken by their position, because nobody says what they are called."""


def columns_of(data: Dataset) -> Columns:
    """The columns of data that something is to be trained on."""
    features = data.features if data.named and data.image is None else None
    target = data.target if data.named else None
    return Columns(features, target, data.dropped, data.image, data.categories, means_by_name(data))


def arranged(data: Any, columns: Columns, width: int | None) -> Dataset:
    """A Dataset, or a DataFrame, with the columns of training in their order; `width` is how many, None if not known.

    Columns are found by their names. A column of training that was taken for the labels is put back among the
    features. Where either side has no names it goes by position, with a PositionWarning; images go by their size.
    Raises DataError for names that are missing or were not trained on, and for another size or number of columns.
    """
    data = data if isinstance(data, Dataset) else _of_frame(data, columns)
    if data.named and data.image is None:
        data = without(data, [name for name in columns.dropped if name in data.features or name in data.categories])
    data = filled(recoded(data, columns.categories), columns.means)
    if columns.image is not None and (data.image is not None or data.named):
        data = as_images(_with_pixel(_labelled(data, columns)))
        if data.image != columns.image:
            theirs, ours = ("×".join(map(str, size or ())) for size in (data.image, columns.image))
            raise DataError(f"{data.name} has images of {theirs} pixels, but the model is trained on {ours}")
        return data
    if columns.features is not None and data.named:
        return _by_name(_labelled(data, columns), columns, columns.features)
    return _by_position(data, columns, width)


def _with_pixel(data: Dataset) -> Dataset:
    """A table of pixels whole: without labels, its last pixel was taken for them."""
    return _unlabelled(data) if data.image is None and pixel_place(data.target) else data


def _by_name(data: Dataset, columns: Columns, wanted: tuple[str, ...]) -> Dataset:
    if data.target in wanted and data.target not in data.features:
        data = _unlabelled(data)
    missing = _sources((name for name in wanted if name not in data.features), columns.categories)
    others = _sources((name for name in data.features if name not in wanted), data.categories)
    if missing:
        others += (
            [data.target] if data.target not in ("", columns.target) else []
        )  # a feature may have been taken for labels
        has = f", and has {listed(others)}, which training had not: are these called otherwise?" if others else ""
        raise DataError(f"{data.name} lacks the columns {listed(missing)}, which training had{has}")
    if others:
        remedy = f"leave them out with {dropping(others)}"
        raise DataError(f"{data.name} has the columns {listed(others)}, which training had not: {remedy}")
    return data.columns([data.features.index(name) for name in wanted])


def _sources(features: Iterable[str], categories: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The columns that these features come from, each once."""
    return list(dict.fromkeys(source_of(name, categories) for name in features))


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
    missing = None if data.missing is None else np.column_stack([data.missing, np.zeros(len(x), bool)])
    return replace(data, x=x, features=features, target="", y=np.full(len(x), ""), missing=missing)


def _labelled(data: Dataset, columns: Columns) -> Dataset:
    """The data with the labels of training as labels, where they were taken for a feature."""
    if columns.target not in data.features:
        return data
    data = _unlabelled(data) if data.target else data
    place = data.features.index(columns.target)
    others = data.columns([i for i in range(len(data.features)) if i != place])
    return replace(others, target=columns.target, y=data.x[:, place])


def _of_frame(frame: Any, columns: Columns) -> Dataset:
    """A DataFrame, of pandas or any other with `columns`, without labels and what was dropped in training."""
    names = [name for name in frame.columns if name not in (columns.target, *columns.dropped)]
    texts = tuple(map(str, names))
    if len(set(texts)) < len(texts):
        raise DataError(f"the DataFrame has a column twice: {listed(texts)}")
    x = np.empty((len(frame), len(names)))
    for i, name in enumerate(names):
        try:
            known = columns.categories.get(str(name))
            x[:, i] = (
                np.asarray(frame[name], dtype=np.float64) if known is None else _numbered(frame[name], name, known)
            )
        except DataError:
            raise
        except (TypeError, ValueError):
            fix = "training had numbers there" if str(name) in (columns.features or ()) else "leave it out"
            raise DataError(f"the DataFrame has a column {short(str(name))} that is no numbers: {fix}") from None
    named = all(isinstance(name, str) for name in names)
    of_text = {name: known for name, known in columns.categories.items() if name in texts}
    x, features = one_hot(x, texts, of_text, of_text)
    if columns.means is not None:
        x = np.where(np.isnan(x), [columns.means.get(name, np.nan) for name in features], x)
    return Dataset(x, np.full(len(x), ""), features, "", None, "the DataFrame", named=named, categories=of_text)


def _numbered(column: Any, name: str, known: Sequence[str]) -> Array:
    """The categories of a DataFrame's column by their numbers, NaN where missing. Raises DataError for others."""
    texts = [str(cell) for cell in column]
    for text in texts:
        if text not in known and not is_missing(text):
            raise DataError(f"the DataFrame: {unknown_category(text, name, known)}")
    return np.array([known.index(text) if text in known else np.nan for text in texts])


def recorded(columns: Columns) -> dict[str, Any]:
    """Columns as JSON holds them; categories and means where there are some."""
    found = asdict(columns)
    return {name: part for name, part in found.items() if part or name not in ("categories", "means")}


def restored(found: Any, width: int | None) -> Columns:
    """Columns as JSON holds them, for rows of `width` numbers (None: any); of a file that has none they are UNKNOWN.

    Raises ValueError, TypeError or KeyError for anything else, and for what contradicts itself or the width.
    """
    if found is None:
        return UNKNOWN
    features, target, dropped, image = (found[name] for name in ("features", "target", "dropped", "image"))
    categories, means = found.get("categories") or {}, found.get("means")
    fits = [isinstance(dropped, list) and all(type(name) in (str, int) for name in dropped)]
    fits += [target is None or isinstance(target, str)]
    if features is not None:
        fits += [different_texts(features), target not in features, image is None, width in (None, len(features))]
    if image is not None:
        fits += [[type(side) for side in image] == [int, int], min(image) > 0, width in (None, math.prod(image))]
    fits += [isinstance(categories, dict) and all(map(different_texts, categories.values()))]
    fits += [means is None or (isinstance(means, dict) and {type(mean) for mean in means.values()} == {float})]
    if not all(fits):
        raise ValueError("the columns contradict themselves or the rest")
    one_hot_names = [name for column, texts in categories.items() for name in names_of(column, texts)]
    if features is not None and not {*one_hot_names} <= {*features} <= {*(means or features)}:
        raise ValueError("the categories or the means are of other columns")
    if means is not None and not all(map(math.isfinite, means.values())):
        raise ValueError("a mean is a finite number")
    categories = {name: tuple(texts) for name, texts in categories.items()}
    return Columns(features and tuple(features), target, tuple(dropped), image and tuple(image), categories, means)


def different_texts(found: Any) -> bool:
    """Whether this is a list of texts, at least one and no two the same, such as the names of columns or classes."""
    texts = isinstance(found, list) and all(isinstance(name, str) for name in found)
    return texts and 0 < len(found) == len(set(found))
