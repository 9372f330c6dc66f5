"""Data from files: CSV, NumPy's NPZ and MNIST's IDX, read strictly or refused in one sentence.

Lines and columns in messages are counted from 1, as editors and spreadsheets count them.
"""

import csv
import difflib
import gzip
import math
import os
import re
import struct
import sys
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_LINE = 16 * 2**20  # bytes: an endless line must not fill the memory
MAX_LABEL = 100  # characters: NumPy stores every text at the width of the longest
TARGET_NAMES = ("target", "label", "class", "y")

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # ASCII's control characters but the tab
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class DataError(ValueError):
    """A user's mistake about data, in one sentence that says where it is and how to mend it."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples, one a row, and their labels.

    `x` is (n, m) float64. `y` is (n,): float64, or str where the labels are text. `image` is (h, w) when
    a row holds the h·w pixels of a grey image, row by row. `classes` names what the labels 0, 1, ... mean.
    Raises DataError if the shapes do not fit together or a number is not finite.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    features: tuple[str, ...]
    target: str
    image: tuple[int, int] | None
    name: str
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.x.ndim != 2 or 0 in self.x.shape:
            raise DataError(f"{self.name}: x has shape {self.x.shape}, but needs rows and columns, (n, m)")
        n, m = self.x.shape
        if self.y.shape != (n,):
            raise DataError(f"{self.name}: y has shape {self.y.shape}, but x has {n} rows: y needs ({n},)")
        if len(self.features) != m:
            raise DataError(f"{self.name}: {len(self.features)} feature names for {m} columns")
        if self.image is not None and (min(self.image) < 1 or math.prod(self.image) != m):
            size = "×".join(map(str, self.image))
            raise DataError(f"{self.name}: an image of {size} pixels is not a row of {m} columns")
        for key, values in (("x", self.x), ("y", self.y)):
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                place = np.argwhere(~np.isfinite(values))[0].tolist()
                raise DataError(f"{self.name}: {key}{place} is {values[tuple(place)]}, not a finite number")


def numbered(letter: str, count: int) -> tuple[str, ...]:
    """Name `count` columns as the lecture does: x_1, x_2, ..."""
    return tuple(f"{letter}_{i}" for i in range(1, count + 1))


def listed(names: Iterable[str]) -> str:
    """Quote the first ten names for a message."""
    quoted = [_short(name) for name in names]
    return ", ".join(quoted[:10] + ["..."] * (len(quoted) > 10)) or "none"


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ", did you mean ...?" if a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file's bytes; whatever the system refuses, here or while reading, is a DataError."""
    if "\0" in str(path):
        raise DataError(f"{show(path)} is not a file name")
    try:
        with open(path, "rb") as stream:
            yield stream
    except FileNotFoundError:
        hint = suggest(path.name, (file.name for file in path.parent.glob("*")))
        raise DataError(f"{show(path)} does not exist{hint}") from None
    except OSError as error:
        raise DataError(f"{show(path)} cannot be read: {error.strerror or error}") from None


def show(path: Path | str) -> str:
    """Return the path on one line, whatever characters it has."""
    return str(path) if str(path).isprintable() else repr(str(path))


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def read_csv(path: str | Path, target: str | int | None = None) -> Dataset:
    """Read numbers separated by tab, semicolon, comma or space: the first of these in line 1, quotes apart.

    Line 1 is a header if none of its cells is a number, or if its numbers count the columns (0, 1, 2, ...
    or 1, 2, 3, ...) and another of its cells stands above a number.
    `target` is the label's column: a name, or a number counted from 0 (negative from the end); without one
    it is the column called target, label, class or y, else the last. Labels are all numbers or all text;
    every other cell is a plain finite number. UTF-8; cells may be quoted; only the end may have blank lines.
    Raises DataError naming file, line and column.
    """
    path = Path(path)
    with opened(path) as stream:
        rows = _rows(path, stream)
        head = list(islice(rows, 2))
        if not head:
            raise DataError(f"{show(path)} is empty")
        width = len(head[0][1])
        if width == 1:
            raise DataError(f"{show(path)}, line 1: one column only, but a row needs a feature and a label")
        names = head.pop(0)[1] if _is_header(*(cells for _, cells in head)) else None
        table = _Table(path, names, width)
        return table.read(chain(head, rows), table.find(target))


def _rows(path: Path, stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """The line number and the cells of every line but the blank ones at the end."""
    delimiter, blank = "", 0
    for line, raw in enumerate(iter(lambda: stream.readline(MAX_LINE + 1), b""), start=1):
        where = f"{show(path)}, line {line}"
        text = _decoded(where, raw, "utf-8-sig" if line == 1 else "utf-8")
        if not text:
            blank = blank or line
            continue
        if blank:
            raise DataError(f"{show(path)}, line {blank} is blank, but rows follow: delete it")
        delimiter = delimiter or next((d for d in "\t;," if d in re.sub('"[^"]*"', "", text)), " ")
        yield line, _cells(where, text, delimiter)


def _decoded(where: str, raw: bytes, encoding: str) -> str:
    if len(raw) > MAX_LINE:
        raise DataError(f"{where} is longer than {MAX_LINE} bytes: is this a text file with line ends?")
    try:
        text = raw.decode(encoding).removesuffix("\n").removesuffix("\r").strip(" ")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}, byte {error.start + 1} is not UTF-8: save the file as UTF-8") from None
    if control := _CONTROL.search(text):
        raise DataError(f"{where} holds the control character {control[0]!r}: is this a text file?")
    return text


def _cells(where: str, text: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        text = re.sub(" +", " ", text)  # columns lined up with spaces
    try:
        # One line at a time, so that a quote left open ends where it began, not at the end of the file.
        cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=delimiter != " ", strict=True))
        if text.count('"') % 2:  # csv takes a quote within a cell for a letter
            raise csv.Error
    except csv.Error:
        raise DataError(f"{where}: a quote is not closed, or a cell is longer than {csv.field_size_limit()}") from None
    return [cell.strip(" \t") for cell in cells]


def _is_header(first: list[str], below: Iterable[str] = ()) -> bool:
    counted = [cell for cell in first if _float(cell) is not None]
    if counted not in ([str(i + start) for i in range(len(counted))] for start in (0, 1)):
        return False
    pairs = zip(first, below, strict=False)
    return not counted or any(_float(name) is None and _float(cell) is not None for name, cell in pairs)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class _Table:
    """A CSV file's columns: their names, if it has a header, and how its rows are read."""

    def __init__(self, path: Path, names: list[str] | None, width: int) -> None:
        self.path, self.names, self.width = path, names or [], width
        for column, name in enumerate(self.names):
            if not name or name in self.names[:column]:
                raise self.error(1, column, f"the header has {'this name twice' if name else 'no name here'}")

    def error(self, line: int, column: int, reason: str) -> DataError:
        name = "".join(f" ({_short(name)})" for name in self.names[column : column + 1])
        return DataError(f"{show(self.path)}, line {line}, column {column + 1}{name}: {reason}")

    def find(self, target: str | int | None) -> int:
        """The target's column, counted from 0."""
        if target is None:
            lower = [name.lower() for name in self.names]
            return next((lower.index(name) for name in TARGET_NAMES if name in lower), self.width - 1)
        if target in self.names:
            return self.names.index(str(target))
        if re.fullmatch(r"[+-]?[0-9]{1,9}", str(target)) and -self.width <= int(target) < self.width:
            return int(target) % self.width
        known = f"names: {listed(self.names)}; numbers: 0 to {self.width - 1}{suggest(str(target), self.names)}"
        raise DataError(f"{show(self.path)}, line 1: no column {target!r} for the target; {known}")

    def read(self, rows: Iterable[tuple[int, list[str]]], target: int) -> Dataset:
        x, y, texts = array("d"), array("d"), list[str]()
        for line, cells in rows:
            if len(cells) != self.width:
                fault = f"the row has {len(cells)} cells, but line 1 has {self.width}"
                raise self.error(line, min(len(cells), self.width), fault)
            label = self.label(line, target, cells.pop(target))
            if isinstance(label, float):
                y.append(label)
            else:
                texts.append(sys.intern(label))
            if y and texts:
                raise self.error(line, target, f"with {label!r} the labels are neither all numbers nor all text")
            x.extend(self.numbers(line, target, cells))
        if not x:
            raise DataError(f"{show(self.path)}, line 1: the header has no rows below it")
        labels = np.array(texts) if texts else np.frombuffer(y)
        name = self.names[target] if self.names else "y"
        features = tuple(self.names[:target] + self.names[target + 1 :]) or numbered("x", self.width - 1)
        return Dataset(np.frombuffer(x).reshape(-1, self.width - 1), labels, features, name, None, show(self.path.name))

    def label(self, line: int, column: int, cell: str) -> float | str:
        if not cell or _float(cell) is not None:
            return self.number(line, column, cell)
        if len(cell) > MAX_LABEL:
            raise self.error(line, column, f"a label of {len(cell)} characters is longer than {MAX_LABEL}")
        return cell

    def numbers(self, line: int, target: int, cells: list[str]) -> "array[float]":
        """A row without its target: all at once if nothing is suspect, else cell by cell."""
        text = "".join(cells)
        if text.isascii() and "_" not in text:  # then float() reads plain numbers, NaN and inf only
            with suppress(ValueError):
                row = array("d", map(float, cells))
                if all(map(math.isfinite, row)):
                    return row
        places = (column for column in range(self.width) if column != target)
        return array("d", [self.number(line, *place) for place in zip(places, cells, strict=True)])

    def number(self, line: int, column: int, cell: str) -> float:
        value = _float(cell)
        if value is not None and math.isfinite(value) and _NUMBER.fullmatch(cell):
            return value
        infinite = value is not None and not math.isfinite(value)
        fault = f"{_short(cell)} is not a {'finite' if infinite else 'plain'} number such as -1.5 or 2e3"
        raise self.error(line, column, fault if cell else "the cell is empty")


def read_npz(path: str | Path, target: str | int | None = None) -> Dataset:
    """Read the arrays x (or X), (n, m) or images (n, h, w), and y (or Y), (n,), of np.savez.

    `target` names another array for the labels. Pickled objects are never loaded. Raises DataError.
    """
    path = Path(path)
    labels = ("y", "Y") if target is None else (str(target),)
    with opened(path) as stream:
        if not zipfile.is_zipfile(stream):
            raise DataError(f"{show(path)} is not a whole NPZ file: write it with np.savez(path, x=..., y=...)")
        stream.seek(0)
        try:
            with np.load(stream, allow_pickle=False) as arrays:
                x = np.asarray(arrays[_key(path, arrays.files, "x", "X")])
                y = np.asarray(arrays[_key(path, arrays.files, *labels)])
        except DataError:
            raise
        except Exception as error:  # a damaged zip fails in whatever way zipfile, zlib or NumPy happens to
            reason = f"an array is damaged or holds Python objects ({type(error).__name__})"
            raise DataError(f"{show(path)}: {reason}: write it again with np.savez") from error
    if not np.can_cast(x.dtype, np.float64) or x.ndim not in (2, 3):
        raise DataError(f"{show(path)}: x is {x.dtype} {x.shape}, but needs real numbers, (n, m) or (n, h, w)")
    if not np.can_cast(y.dtype, np.float64) and y.dtype.kind != "U":
        raise DataError(f"{show(path)}: the labels are {y.dtype}, but need to be real numbers or str")
    image = (x.shape[1], x.shape[2]) if x.ndim == 3 else None
    x = x.reshape(len(x), math.prod(x.shape[1:])).astype(np.float64)
    y = y if y.dtype.kind == "U" else y.astype(np.float64)
    return Dataset(x, y, numbered("p" if image else "x", x.shape[1]), labels[0], image, show(path.name))


def _key(path: Path, keys: list[str], *names: str) -> str:
    found = [name for name in names if name in keys]
    if len(found) != 1:
        raise DataError(f"{show(path)}: one array {' or '.join(names)} is needed, but the arrays are {listed(keys)}")
    return found[0]


def read_idx(path: str | Path) -> Dataset:
    """Read MNIST's format, plain or gzip: an images file, its labels beside it, or a folder of one such pair.

    The labels' file has the images' name with "labels" for "images" and "idx1" for "idx3".
    `x` is (n, h·w), pixels 0 to 255 as they are in the file. Raises DataError.
    """
    path = Path(path)
    if os.path.isdir(path):  # unlike Path.is_dir, it never raises
        files = {file.name.removesuffix(".gz"): file for file in sorted(path.glob("*images*idx3*"))}
        if len(files) != 1:
            raise DataError(f"{show(path)}: one images file is needed, but the folder has {listed(files)}")
        path = next(iter(files.values()))
    if "images" not in path.name:
        raise DataError(f"{show(path)}: give the images file, one with 'images' in its name")
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    images = _idx_bytes(path, 3)
    beside = [file for file in (path.with_name(name), path.with_name(name + ".gz")) if os.path.exists(file)]
    if not beside:
        raise DataError(f"{show(path)}: its labels, {show(name)} or {show(name)}.gz, are not beside it")
    labels = _idx_bytes(beside[0], 1)
    n, height, width = images.shape
    if len(labels) != n:
        raise DataError(f"{show(beside[0])} has {len(labels)} labels, but {show(path.name)} has {n} images")
    x, y = images.reshape(n, height * width).astype(np.float64), labels.astype(np.float64)
    return Dataset(x, y, numbered("p", height * width), "label", (height, width), show(path.name))


def _idx_bytes(path: Path, ndim: int) -> NDArray[np.uint8]:
    """The file's array of bytes; what the header claims is never allocated before it is read."""
    with opened(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            header, magic = stream.read(4 + 4 * ndim), bytes([0, 0, 8, ndim])
            if header[:4] != magic or len(header) < 4 + 4 * ndim:
                start = f"starts with {header.hex(' ') or 'nothing'}, not with {magic.hex(' ')} and {ndim} sizes"
                raise DataError(f"{show(path)} is not IDX of {ndim}-dimensional bytes: it {start}")
            shape = struct.unpack(f">{ndim}I", header[4:])
            size, content = math.prod(shape), bytearray()
            while len(content) <= size and (chunk := stream.read(min(2**20, size + 1 - len(content)))):
                content += chunk
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DataError(f"{show(path)} is a damaged or truncated gzip file: fetch it again") from None
    if len(content) != size or size == 0:
        claim, held = "×".join(map(str, shape)), "more" if len(content) > size else len(content)
        raise DataError(f"{show(path)} declares {claim} = {size} bytes after its header, but has {held}")
    return np.frombuffer(content, np.uint8).reshape(shape)
