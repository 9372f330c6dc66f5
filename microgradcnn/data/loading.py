"""`load`, of any file or name, and what chooses among its rows and columns: dropped, of some classes, split."""

import gzip
import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.data.array_files import read_idx, read_npz
from microgradcnn.data.built_in import BUILT_IN
from microgradcnn.data.dataset import Columns, DataError, Dataset, chosen_names, dropping, listed, show, suggest
from microgradcnn.data.other_files import START, refuse_folder, refuse_other
from microgradcnn.data.readers import read_csv, unpacked
from microgradcnn.data.tables.categories import name_the_rows, names_of
from microgradcnn.data.tables.missing import POLICIES
from microgradcnn.system.advice import Advice
from microgradcnn.system.text_layout import how_many

# What is there for labels that a network of one output, or lenet, cannot learn.
_OTHER_MODELS = (
    "networks of several outputs, which train --help names at --classes, learn any number of classes of rows, and "
    "numbers, lenet classes of images, MicrogradClassifier and MicrogradRegressor (in microgradcnn.estimator) both "
    "with more layers; fit trains a network of one's own"
)
MANY = 20  # different numbers that may still be classes
KINDS = ("classes", "number")  # of targets
TEXT = (".csv", ".tsv", ".txt")


def load(
    source: str | Path,
    target: str | int | None = None,
    drop: Sequence[str | int] | str | int = (),
    like: Columns | None = None,
    missing: str | None = None,
) -> Dataset:
    """Load a built-in data set by its name, or a file: .csv .tsv .txt .npz, or IDX (also a folder), plain or in gzip.

    A Path, or a text with a slash such as ./digits, is always a file; a file of another ending is told by its first
    bytes. `target` is the label's column in a CSV file (see `read_csv`) or the label's array in an NPZ file; `drop` are
    columns to leave out, several or one, or a text "a,b"; `like` the columns of training, and `missing` is "drop" or
    "mean", for `read_csv`.
    Raises DataError, and MissingExtra if a built-in data set needs a package that is not installed.
    """
    drop = chosen_names(drop)
    if missing not in (None, *POLICIES):
        raise ValueError(f"missing is {' or '.join(POLICIES)}, not {missing!r}")
    if isinstance(source, str) and source in BUILT_IN:
        _refuse(target, source)
        _refuse_missing(missing, source)
        return without(BUILT_IN[source](), drop)
    path = Path(source)
    if source == path.name and not path.suffix and not os.path.exists(source):
        known = f"{listed(BUILT_IN)}{suggest(source, BUILT_IN)}"
        raise DataError(f"no file and no built-in data set is called {source!r}; built in are {known}")
    return _read(path, target, drop, like, missing)


def dataset_of(data: Any) -> Dataset:
    """A Dataset itself, or what `load` makes of a file or a name. Raises TypeError for anything else."""
    if isinstance(data, str | Path):
        return load(data)
    if not isinstance(data, Dataset):
        found = type(data).__name__
        raise TypeError(f"data are a Dataset, such as load('data.csv') gives, or what load takes, not a {found}")
    return data


def _read(
    path: Path, target: str | int | None, drop: Sequence[str | int], like: Columns | None, missing: str | None
) -> Dataset:
    ending = path.suffix.lower()
    if os.path.isdir(path):
        refuse_folder(path)
        start = b"\0\0"
    else:
        start = _start(path, ending)
        refuse_other(path, start)
    if ending != ".npz" and not start.startswith(b"PK") and (ending in TEXT or not start.startswith(b"\0\0")):
        return read_csv(path, target, drop, like, missing)
    _refuse_missing(missing, show(path))
    if ending == ".npz" or start.startswith(b"PK"):
        return without(read_npz(path, target), drop)
    _refuse(target, show(path))
    return without(read_idx(path), drop)


def _start(path: Path, ending: str) -> bytes:
    """The first bytes of a file, of one in gzip those that are packed; none of a pipe."""
    with unpacked(path) as stream:
        if stream.seekable():
            start = stream.read(START)
            if start.startswith(b"PK") and isinstance(stream, gzip.GzipFile):
                raise DataError(f"{show(path)} is a zip in gzip, which is not read: unpack it first, as gunzip does")
            return start
        if ending not in TEXT:  # a pipe's first bytes, once read here, would be missing later
            raise DataError(f"{show(path)} is a stream: save it as a file first")
    return b""


def load_parts(
    source: str | Path, target: str | int | None = None, drop: Sequence[str | int] | str | int = ()
) -> tuple[Dataset, Dataset] | None:
    """MNIST's training and test part, if the source is a folder with both: IDX files called train-... and t10k-....

    None for anything else. Raises DataError if one of the files is damaged, and for a `target` or columns to
    `drop`, as `load` does.
    """
    if source in BUILT_IN or not os.path.isdir(source):
        return None
    found = [sorted(Path(source).glob(f"{part}[-.]images?idx3*")) for part in ("train", "t10k")]
    if not all(found):
        return None
    _refuse(target, show(source))
    drop = chosen_names(drop)
    return without(read_idx(found[0][0]), drop), without(read_idx(found[1][0]), drop)


def _refuse(target: str | int | None, name: str) -> None:
    if target is not None:
        raise DataError(f"{name} has labels of its own: leave out the target {target!r}")


def _refuse_missing(missing: str | None, name: str) -> None:
    if missing is not None:
        raise DataError(f"{name} has numbers in all its places: leave out missing {missing!r}, which is for CSV files")


def without(data: Dataset, drop: Sequence[str | int]) -> Dataset:
    """Leave out the columns of these names. Raises DataError for one that is not there."""
    if not drop:
        return data
    if not data.named or data.image is not None:
        raise DataError(f"{data.name} has no columns with names: nothing can be dropped")
    known = [*data.features, *data.categories]
    for name in drop:
        if name not in known:
            raise DataError(f"{data.name} has no column {name!r} to drop{suggest(str(name), known)}")
    gone = {*drop, *(each for name, texts in data.categories.items() if name in drop for each in names_of(name, texts))}
    kept = data.columns([i for i, name in enumerate(data.features) if name not in gone])
    categories = {name: texts for name, texts in data.categories.items() if name not in drop}
    return replace(kept, categories=categories, dropped=(*data.dropped, *drop))


def class_name(data: Dataset, label: float | str) -> str:
    """Return a label of the data as text: its class's name where the labels 0 and 1 stand for `classes`, 6 for 6.0."""
    if isinstance(label, str):
        return str(label)
    if data.classes is not None and label in range(len(data.classes)):
        return data.classes[int(label)]
    return str(int(label)) if float(label).is_integer() else repr(float(label))


def class_names(data: Dataset) -> list[str]:
    """The names of all classes, in the order of their labels."""
    return [class_name(data, label) for label in np.unique(data.y).tolist()]


def two_classes(data: Dataset, classes: Sequence[str | float] | str | None = None) -> Dataset:
    """Keep the rows of two classes, such as ("6", "7"), (6, 7) or the text "6,7", labelled 0.0 and 1.0 in this order.

    Without `classes`, the data must have exactly two, taken in sorted order. Raises DataError.
    """
    if classes is None and len(names := class_names(data)) != 2:
        numbers = data.y.dtype.kind == "f" and len(names) > MANY
        what = f"different numbers in {data.target!r}" if numbers else f"classes, {listed(names)}"
        others = f"; {_OTHER_MODELS}" if len(names) > 2 else ""
        raise DataError(f"{data.name} has {len(names)} {what}: name two that it has, as in --classes A,B{others}")
    if classes is not None and len(named := _as_texts(data, classes)) != 2:
        raise DataError(f"two classes are needed, not {len(named)}: {listed(named)}")
    return with_classes(data, classes)


def _as_texts(data: Dataset, classes: Sequence[str | float] | str) -> tuple[str, ...]:
    """Classes by their names: of labels that are numbers 6 is "6"."""
    return tuple(class_name(data, each) for each in chosen_names(classes))


def with_classes(data: Dataset, classes: Sequence[str | float] | str | None = None) -> Dataset:
    """Keep the rows of some classes, given as in `two_classes`, and label them 0.0, 1.0, ... in this order.

    Without `classes` all are kept, in sorted order. Raises DataError for a class that is not there, or named twice, and
    for labels that are more than two fractions, and so no classes.
    """
    names = class_names(data)
    if classes is None and len(names) > 2 and data.y.dtype.kind == "f" and np.any(data.y % 1):
        raise DataError(f"{data.name} has numbers in {data.target!r}, not classes: {_OTHER_MODELS}")
    classes = tuple(names) if classes is None else _as_texts(data, classes)
    for i, name in enumerate(classes):
        if name not in names:
            raise DataError(f"{data.name} has no class {name!r}{suggest(name, names)}; its classes are {listed(names)}")
        if name in classes[:i]:
            raise DataError(f"different classes are needed, not {name!r} twice")
    if len(classes) < 2:
        raise DataError(f"{data.name} has one class only, {listed(classes)}: two are needed to tell apart")
    numbers = np.array([classes.index(name) if name in classes else -1 for name in names], dtype=np.float64)
    y = numbers[np.unique(data.y, return_inverse=True)[1]]
    return replace(data, y=y, classes=classes).rows(y >= 0)


def target_kind(data: Dataset) -> str:
    """What the target is: "classes" if it is text, two values, or few whole numbers, else "number".

    Few are at most 20, and at most half as many as there are rows.
    """
    values = np.unique(data.y)
    if data.classes is not None or data.y.dtype.kind == "U" or len(values) <= 2:
        return "classes"
    few = len(values) <= MANY and 2 * len(values) <= len(data.y)
    return "classes" if few and not np.any(data.y % 1) else "number"


def with_target(
    data: Dataset, kind: str | None = None, classes: Sequence[str | float] | str | None = None, several: bool = True
) -> Dataset:
    """The data with the target as a network learns it: classes, labelled 0.0, 1.0, ... and named, or numbers.

    `kind` is "classes" or "number", by itself what `target_kind` finds. `classes` are those to keep; without `several`
    there may be only two. Raises DataError for a target that is not of that kind, or has one value only.
    """
    kind = "classes" if kind is None and classes is not None else kind or target_kind(data)
    if kind not in KINDS:
        raise ValueError(f"the kind of target is {' or '.join(KINDS)}, not {kind!r}")
    column, values = f"{data.target!r} of {data.name}", np.unique(data.y)
    if kind == "classes":
        if data.y.dtype.kind == "U" and name_the_rows(len(values), len(data.y)) and len(values) > 2:
            own = "every row has a class of its own"
            own = own if len(values) == len(data.y) else f"{len(values)} classes differ in {len(data.y)} rows"
            raise DataError(
                f"{own} in {column}: name the target with --target, and leave out a column "
                f"that names the rows with {dropping([data.target])}"
            )
        return with_classes(data, classes) if several else two_classes(data, classes)
    check_numbers(data, None if classes is None else _as_texts(data, classes))
    if len(values) < 2:
        raise DataError(f"there is one number only in {column}, {values[0]:g}: nothing can be learnt from it")
    return data


def check_numbers(data: Dataset, classes: tuple[str, ...] | None = None) -> None:
    """Raise DataError if the target is no numbers, or there are `classes` of it."""
    if classes is not None or data.classes is not None or data.y.dtype.kind == "U":
        named = listed(classes or class_names(data))
        raise DataError(f"there are classes in {data.target!r} of {data.name}, {named}, and no numbers")


def check_parts(learn: Dataset, test: Dataset) -> None:
    """Raise DataError unless the classes of both parts are called alike."""
    if test.classes != learn.classes:
        theirs, ours = listed(test.classes or ()), listed(learn.classes or ())
        raise DataError(f"{test.name} has the classes {theirs}, not {ours} as in training")


class ClassesWarning(Advice):
    """A split left a part without any row of a class."""


def tell_absent(learn: Dataset, test: Dataset) -> None:
    """Warn, in a sentence, where the part to train on or the one to test on has no row of a class."""
    names = learn.classes or ("0", "1")
    if not all(np.isin(part.y, range(len(names))).all() for part in (learn, test)):
        return
    for part, lost in ((learn, "no network learns it"), (test, "what is measured there says nothing of it")):
        if absent := [name for label, name in enumerate(names) if label not in part.y]:
            use = "to train on" if part is learn else "to test on"
            warnings.warn(
                f"the split leaves {how_many(len(part.x), 'row')} {use}, none of class {listed(absent)}: {lost}; "
                "another seed splits otherwise",
                ClassesWarning,
                stacklevel=3,
            )


def split(data: Dataset, test_fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Shuffle the rows and part them into a training set and a test set of about `test_fraction` of them.

    Raises DataError if either would be empty.
    """
    n = len(data.x)
    test = round(n * test_fraction) if 0 < test_fraction < 1 else 0
    if not 0 < test < n:
        raise DataError(
            f"{data.name} has {how_many(n, 'row')}: a test fraction of {test_fraction} leaves a part without any"
        )
    order = np.random.default_rng(seed).permutation(n)
    return data.rows(order[test:]), data.rows(order[:test])
