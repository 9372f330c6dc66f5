"""Examples with their labels and the names of their columns, and how mistakes about them are told."""

import difflib
import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradcnn.engine.arrays import check_unmasked
from microgradcnn.system.text_layout import how_many

_OPTIONS = re.compile(r"--(drop|missing|target|classes)(?![\w-])")


class DataError(ValueError):
    """A user's mistake about data, in one sentence that says where it is and how to mend it.

    Where it names options of the command line it ends with what they are called in Python, which `sentence` lacks.
    """

    def __init__(self, sentence: str) -> None:
        arguments = [f"{name}=" for name in dict.fromkeys(_OPTIONS.findall(sentence))]
        self.sentence = sentence.partition(" (in Python ")[0]
        said = not arguments or sentence.endswith("=)")  # of another DataError's sentence
        super().__init__(sentence if said else f"{sentence} (in Python {', '.join(arguments)})")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples, one a row, and their labels.

    `x` is (n, m) float64. `y` is (n,): float64, or str where the labels are text. `image` is (h, w) when a row holds
    the h·w pixels of a grey image, row by row. `classes` names what the labels 0, 1, ... mean; it is None where the
    labels are as a file has them, until data.with_classes, two_classes or with_target number them. `named` says whether
    the data themselves name their columns, `dropped` which others they had: by name, or else by number from 0. `target`
    names the labels; it is empty, and so is every label, where the data have none. `categories` are the texts of
    columns that are one-hot in x: colour is colour_blue, colour_red. `missing` is (n, m), true where there was no value
    and the column's mean stands in x; None where nothing may be missing. `left_out` counts the rows that are not here
    because they lack a value.
    Raises DataError if the shapes do not fit together or a number is not finite, ValueError for masked entries.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    features: tuple[str, ...]
    target: str
    image: tuple[int, int] | None
    name: str
    classes: tuple[str, ...] | None = None
    named: bool = True
    dropped: tuple[str | int, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: NDArray[np.bool_] | None = None
    left_out: int = 0

    def __post_init__(self) -> None:
        check_unmasked([self.x, self.y])
        if self.x.ndim != 2 or 0 in self.x.shape:
            raise DataError(f"{self.name}: x has shape {self.x.shape}, but needs rows and columns, (n, m)")
        n, m = self.x.shape
        if self.y.shape != (n,):
            raise DataError(f"{self.name}: y has shape {self.y.shape}, but x has {how_many(n, 'row')}: y needs ({n},)")
        if len(self.features) != m:
            raise DataError(f"{self.name}: {how_many(len(self.features), 'feature name')} for {how_many(m, 'column')}")
        if self.image is not None and (min(self.image) < 1 or math.prod(self.image) != m):
            size = "×".join(map(str, self.image))
            raise DataError(f"{self.name}: an image of {size} pixels is not a row of {how_many(m, 'column')}")
        for key, values in (("x", self.x), ("y", self.y)):
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                place = np.argwhere(~np.isfinite(values))[0].tolist()
                raise DataError(f"{self.name}: {key}{place} is {values[tuple(place)]}, not a finite number")

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickles from before there were categories say nothing of them."""
        self.__dict__.update({"categories": {}} | state)

    def rows(self, chosen: NDArray[Any]) -> "Dataset":
        """The same with these rows only, by their numbers or where `chosen` is true."""
        missing = None if self.missing is None else self.missing[chosen]
        return replace(self, x=self.x[chosen], y=self.y[chosen], missing=missing)

    def columns(self, chosen: Sequence[int]) -> "Dataset":
        """The same with these columns only, by their numbers, in this order."""
        missing = None if self.missing is None else self.missing[:, chosen]
        features = tuple(self.features[i] for i in chosen)
        return replace(self, x=self.x[:, chosen], features=features, missing=missing)


@dataclass(frozen=True)
class Columns:
    """The columns that something is trained on, which those of other data are to be.

    `features` names them in their order; None where the data named none, or are images, whose pixels have places.
    `target` names the labels, `dropped` what was left out, and `categories` the texts that are one-hot in `features`,
    as in Dataset; `image` is (h, w) of the images. `means` are what a missing value is taken for, by feature; None
    where nothing may be missing.
    """

    features: tuple[str, ...] | None = None
    target: str | None = None
    dropped: tuple[str | int, ...] = ()
    image: tuple[int, int] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    means: Mapping[str, float] | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Pickles from before there were categories say nothing of them."""
        self.__dict__.update({"categories": {}} | state)


UNKNOWN = Columns()  # of a parameters file that does not say


def numbered(letter: str, count: int) -> tuple[str, ...]:
    """Name `count` columns as the lecture does: x_1, x_2, ..."""
    return tuple(f"{letter}_{i}" for i in range(1, count + 1))


def listed(names: Iterable[str]) -> str:
    """Quote the first ten names for a message."""
    quoted = [short(name) for name in names]
    return ", ".join(quoted[:10] + ["..."] * (len(quoted) > 10)) or "none"


def chosen_names(given: Any) -> tuple[Any, ...]:
    """Several names or numbers, one, or a text with commas between, as on the command line."""
    if isinstance(given, str):
        return tuple(name.strip() for name in given.split(",") if name.strip())
    return tuple(given) if isinstance(given, Iterable) else (given,)


def dropping(names: Iterable[str | int]) -> str:
    """The option that leaves these columns out, as it is typed."""
    return f"--drop {shlex.quote(','.join(map(str, names)))}"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ", did you mean ...?" if a known word is near: a slip of the finger away, or the word is in it."""
    known = list(known)
    near = [name for name in known if name[:1].lower() == word[:1].lower()]
    whole = [name for name in known if len(word) > 2 and word.lower() in name.lower()]
    close = whole or difflib.get_close_matches(word, near, n=1, cutoff=0.65)
    return f", did you mean {close[0]!r}?" if close else ""


def show(path: Path | str) -> str:
    """Return the path on one line, whatever characters it has."""
    return str(path) if str(path).isprintable() else repr(str(path))


def short(text: str) -> str:
    """Quote a text, cut where it is long."""
    return repr(text if len(text) <= 40 else text[:37] + "...")
