"""Columns of text as numbers: one column for each category, 1 where a row has it and 0 elsewhere (one-hot).

The column colour becomes colour_blue, colour_red, ..., in the order of the texts. A row whose text is missing has NaN
in all of them. What training did not have is refused by name, as scikit-learn's OneHotEncoder does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from microgradcnn.data.dataset import DataError, Dataset, listed, short
from microgradcnn.engine.arrays import Array

MANY_ROWS = 20  # from which a text that hardly comes twice is no category


def name_the_rows(texts: int, rows: int) -> bool:
    """Whether so many different texts in so many rows are no categories, but names of the rows.

    They are where every row has its own, and of 20 rows or more where more than half as many differ.
    """
    return texts == rows or (rows >= MANY_ROWS and 2 * texts > rows)


def names_of(column: str, categories: Sequence[str]) -> list[str]:
    """The names of the columns that a column of text becomes."""
    return [f"{column}_{category}" for category in categories]


def one_hot(
    x: Array, features: Sequence[str], texts: Mapping[str, Sequence[str]], categories: Mapping[str, Sequence[str]]
) -> tuple[Array, tuple[str, ...]]:
    """Rows and features with the columns of text as one column for each of their `categories`.

    In x, (n, m), these columns hold the numbers of their `texts`, or NaN. Raises DataError for a name that comes twice.
    """
    columns, names = list[Array](), list[str]()
    for i, feature in enumerate(features):
        if feature not in texts:
            columns.append(x[:, i])
            names.append(feature)
            continue
        known = [*categories[feature]]
        place = {number: known.index(text) for number, text in enumerate(texts[feature]) if text in known}
        found = np.array([place.get(number, -1) for number in range(len(texts[feature]))], dtype=float)
        absent = np.isnan(x[:, i])
        numbers = np.where(absent, np.nan, found[np.where(absent, 0, x[:, i]).astype(int)])
        columns += [np.where(absent, np.nan, numbers == number) for number in range(len(known))]
        names += names_of(feature, known)
    if twice := {name for name in names if names.count(name) > 1}:
        raise DataError(f"the categories make columns of one name, {listed(sorted(twice))}: rename a column")
    return (np.column_stack(columns) if columns else x), tuple(names)


def unknown_category(text: str, column: str, categories: Sequence[str]) -> str:
    """The sentence about a text that training did not have."""
    return f"{short(text)} is no category that training had in {column!r}, which are {listed(categories)}"


def source_of(feature: str, categories: Mapping[str, Sequence[str]]) -> str:
    """The column of text that a feature comes from, or its own name."""
    return next((column for column, texts in categories.items() if feature in names_of(column, texts)), feature)


def recoded(data: Dataset, categories: Mapping[str, tuple[str, ...]]) -> Dataset:
    """The data with the categories of training in its own columns of text, where they are others.

    Raises DataError for a category that training did not have.
    """
    for column, own in data.categories.items():
        known = categories.get(column, own)
        if known == own:
            continue
        place = {text: data.features.index(name) for text, name in zip(own, names_of(column, own), strict=True)}
        for text in own:
            if text not in known and np.any(data.x[:, place[text]] == 1.0):
                raise DataError(f"{data.name}: {unknown_category(text, column, known)}")
        others, unseen = [i for i in range(len(data.features)) if i not in place.values()], len(data.features)
        at = sum(i < place[own[0]] for i in others)
        chosen = [*others[:at], *(place.get(text, unseen) for text in known), *others[at:]]
        names = [data.features[i] for i in others]
        data = replace(
            data,
            x=np.column_stack([data.x, np.zeros(len(data.x))])[:, chosen],
            features=(*names[:at], *names_of(column, known), *names[at:]),
            categories={**data.categories, column: known},
            missing=None
            if data.missing is None
            else np.column_stack([data.missing, data.missing[:, place[own[0]]]])[:, chosen],
        )
    return data
