"""The features of a table while its rows are read: numbers, texts by their numbers, NaN where a value is missing."""

import math
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from microgradcnn.data.dataset import Columns, DataError, listed, short
from microgradcnn.data.tables.categories import name_the_rows, one_hot, unknown_category
from microgradcnn.data.tables.cells import as_float, common_unit, is_missing, is_plain, is_text
from microgradcnn.data.tables.missing import means_of_known
from microgradcnn.engine.arrays import Array

MAX_LABEL = 100  # characters: NumPy stores every text at the width of the longest


class Encoded(NamedTuple):
    """What the features came to: rows (n, m), the names of columns, the texts that are one-hot, where values lacked.

    `kept` says which of the rows that were read are here.
    """

    x: Array
    features: tuple[str, ...]
    categories: dict[str, tuple[str, ...]]
    missing: Array | None
    kept: Array


class Features:
    """Columns by their numbers in the file, with their names, whose cells are added row by row.

    A column is numbers, or texts; of those that something was trained on, `like`, only these are texts that were then.
    `error` makes the error about a line, a column and what is wrong there, `fault` says what is wrong with a cell that
    is no number, and `called` what a column is called to leave it out.
    """

    def __init__(
        self,
        names: Mapping[int, str],
        like: Columns | None,
        error: Callable[[int, int, str], DataError],
        fault: Callable[[int, str], str],
        called: Callable[[int], str],
    ) -> None:
        self.names, self.like, self.error, self.fault, self.called = names, like, error, fault, called
        known = {} if like is None else like.categories
        self.texts = {i: {text: n for n, text in enumerate(known[name])} for i, name in names.items() if name in known}
        self.numbers = set[int]()
        self.first = dict[int, tuple[int, str]]()  # text of a column, with its line
        self.gaps = Counter[int]()
        self.first_gap: tuple[int, int, str] | None = None
        self.x = array("d")

    def add(self, line: int, cells: list[str]) -> None:
        """The features of a row: all at once if nothing is suspect, else cell by cell."""
        numbers = self._with_numbers(cells) if self.texts else cells
        text = "".join(numbers)
        if text.isascii() and "_" not in text:  # then float() reads plain numbers, NaN and inf only
            with suppress(ValueError):
                row = array("d", map(float, numbers))
                if all(map(math.isfinite, row)):
                    if len(self.numbers) + len(self.texts) < len(self.names):
                        self.numbers.update(self.names.keys() - self.texts.keys())
                    self.x.extend(row)
                    return
        self.x.extend([self._value(line, *place) for place in zip(self.names, cells, strict=True)])

    def _with_numbers(self, cells: list[str]) -> list[str]:
        """The cells with the numbers of their texts in place of those that are known, and of others what is none."""
        found = list(cells)
        for place, column in enumerate(self.names):
            if column in self.texts:
                found[place] = str(self.texts[column].get(cells[place], "_"))
        return found

    def _value(self, line: int, column: int, cell: str) -> float:
        if is_missing(cell):
            self.gaps[column] += 1
            self.first_gap = self.first_gap or (line, column, cell)
            return math.nan
        if column not in self.texts and column not in self.numbers and self.like is None and is_text(cell):
            self.texts[column], self.first[column] = {}, (line, cell)
        if column in self.texts:
            return self._category(line, column, cell)
        self.numbers.add(column)
        number = as_float(cell)
        if number is None or not math.isfinite(number) or not is_plain(cell):
            raise self.error(line, column, self.fault(column, cell))
        return number

    def _category(self, line: int, column: int, cell: str) -> float:
        known = self.texts[column]
        if cell in known:
            return known[cell]
        if self.like is not None:
            says = unknown_category(cell, self.names[column], list(known))
            raise self.error(line, column, f"{says}: write one of these, or leave the row out")
        if not is_text(cell):  # the column is one of numbers, and the text was the mistake
            line, cell = self.first[column]
            raise self.error(line, column, self.fault(column, cell))
        if len(cell) > MAX_LABEL:
            raise self.error(line, column, f"a text of {len(cell)} characters is longer than {MAX_LABEL}")
        return known.setdefault(sys.intern(cell), len(known))

    def table(self, missing: str | None) -> Encoded:
        """All rows that were added, with the policy for missing values: "drop", "mean", or None to refuse them.

        Raises DataError for missing values that are refused or cannot be filled, and for a column of texts that
        `name_the_rows`.
        """
        x = np.frombuffer(self.x).reshape(-1, len(self.names))
        absent: Array = np.isnan(x)
        means = None if self.like is None else self.like.means
        self._check_texts(absent)
        if self.first_gap is not None and missing is None and means is None:
            raise self._gap_error(*self.first_gap)
        empty = [name for i, name in enumerate(self.names.values()) if absent[:, i].all()]
        if missing == "mean" and empty:
            raise DataError(f"there is no value at all in {listed(empty)}, and so no mean: leave them out with --drop")
        kept: Array = np.full(len(x), True) if missing != "drop" else ~np.any(absent, axis=1)
        x, texts = x[kept], {self.names[i]: list(known) for i, known in self.texts.items()}
        categories = {name: self._categories(x, name, known) for name, known in texts.items()}
        x, features = one_hot(x, list(self.names.values()), texts, categories)
        absent = np.isnan(x)
        if means is not None:
            row = np.array([means.get(name, 0.0) for name in features])  # what training had not is refused by name
            x = np.where(absent, row, x)
        elif missing == "mean":
            x = np.where(absent, means_of_known(x, absent), x)
        return Encoded(x, features, categories, absent if missing == "mean" else None, kept)

    def _categories(self, x: Array, name: str, known: list[str]) -> tuple[str, ...]:
        """The texts of a column in their order: those of training, or those that the rows have."""
        if self.like is not None:
            return tuple(known)
        found = np.unique(x[:, list(self.names.values()).index(name)])
        return tuple(sorted(known[int(number)] for number in found[~np.isnan(found)]))

    def _check_texts(self, absent: Array) -> None:
        """Raise DataError for a column of texts that names the rows."""
        for column, (line, cell) in self.first.items():
            texts, rows = len(self.texts[column]), len(absent) - self.gaps[column]
            if name_the_rows(texts, rows):
                unit = common_unit(self.texts[column])
                fix = "" if unit is None else f", but one with the unit {unit!r} (write the numbers without it)"
                own = "every row has a text of its own" if texts == rows else f"{texts} texts differ in {rows} rows"
                fault = (
                    f"{short(cell)} is not a plain number such as -1.5 or 2e3{fix}, and no category, for {own} there"
                )
                raise self.error(line, column, f"{fault}: leave the column out with {self.called(column)}")

    def _gap_error(self, line: int, column: int, cell: str) -> DataError:
        counts = ", ".join(f"{short(self.names[i])} lacks {n}" for i, n in sorted(self.gaps.items())[:10])
        if self.like is None:
            way = f"--missing drop leaves such rows out, --missing mean takes the column's mean ({counts})"
        else:
            way = f"or train with --missing mean, which predict then takes ({counts})"
        return self.error(line, column, f"{self.fault(column, cell)}; {way}")
