"""Tables from CSV files, read strictly or refused in one sentence.

Lines and columns in messages are counted from 1, as editors and spreadsheets count them.
"""

import csv
import gzip
import math
import re
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from microgradcnn.data.dataset import (
    UNKNOWN,
    Columns,
    DataError,
    Dataset,
    dropping,
    listed,
    numbered,
    short,
    show,
    suggest,
)
from microgradcnn.system import archives

MAX_LINE = 16 * 2**20  # bytes: an endless line must not fill the memory
MAX_LABEL = 100  # characters: NumPy stores every text at the width of the longest
TARGET_NAMES = ("target", "label", "class", "y")
GZIP = b"\x1f\x8b"

# What stands for a missing value; among labels of text only what is no class of anybody's.
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "."}
_MISSING_LABELS = {"NA", "N/A", "#N/A", "NULL", "null", "?"}

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # ASCII's control characters but the tab
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
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


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """Open a file as `opened` does; of a gzip file, unless it is a pipe, the bytes are those that are packed in it.

    A gzip file that is damaged, or found to unpack to too much while it is read, is a DataError.
    """
    with opened(path) as raw:
        packed = False
        if raw.seekable():  # a pipe's first bytes, once read here, would be missing later
            packed = raw.read(2) == GZIP
            raw.seek(0)
        stream: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            yield stream
        except archives.SizeError as error:
            raise DataError(f"{show(path)} {error}: if it is yours, unpack it first, as gunzip does") from None
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise DataError(f"{show(path)} is a damaged or truncated gzip file: fetch it again") from None


def _look_through(stream: gzip.GzipFile) -> None:
    """Read all that is packed: damage is told before what it does to a line, and too much before it is kept."""
    size = 0  # what the file itself says of it may be a lie, and is, modulo 2³², of large ones
    while chunk := stream.read(2**20):
        size += len(chunk)
        if size > archives.MAX_UNPACKED:
            raise archives.SizeError(f"unpacks to more than {archives.gigabytes(archives.MAX_UNPACKED)}")
    stream.seek(0)


def read_csv(
    path: str | Path, target: str | int | None = None, drop: Sequence[str | int] = (), like: Columns | None = None
) -> Dataset:
    """Read numbers separated by tab, semicolon, comma or space: the first of these in line 1, quotes apart.

    Line 1 is a header if none of its cells is a number, or if its numbers count the columns (0, 1, 2, ...
    or 1, 2, 3, ...) and another of its cells stands above a number.
    `target` is the label's column: a name, or a number counted from 0 (negative from the end); without one
    it is the column called target, label, class or y, else the last. `drop` are columns to leave out, whatever is in
    them. `like` are the columns that something was trained on: where the file has its target, and what it dropped,
    they are taken for that. Labels are all numbers or all text;
    every other cell is a plain finite number. UTF-8, plain or in gzip; cells may be quoted; only the end may have
    blank lines. Raises DataError naming file, line and column.
    """
    path, like = Path(path), like or UNKNOWN
    with unpacked(path) as stream:
        if isinstance(stream, gzip.GzipFile):
            _look_through(stream)
        rows = _rows(path, stream)
        head = list(islice(rows, 2))
        if not head:
            raise DataError(f"{show(path)} is empty")
        width = len(head[0][1])
        if width == 1:
            raise DataError(f"{show(path)}, line 1: one column only, but a row needs a feature and a label")
        names = head.pop(0)[1] if _is_header(*(cells for _, cells in head)) else None
        return _Table(path, names, width, target, drop, like).read(chain(head, rows))


def _rows(path: Path, stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
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
        delimiter = delimiter or _delimiter(where, text)
        yield line, _cells(where, text, delimiter)


def _delimiter(where: str, text: str) -> str:
    unquoted = re.sub('"[^"]*"', "", text)
    found = next((d for d in "\t;," if d in unquoted), " ")
    if found == " " and "|" in unquoted:
        raise DataError(f"{where}: one column only, with cells between |, which is not read: put commas in its place")
    return found


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
    """A CSV file's columns: their names, if it has a header, which are read as what, and how its rows are read."""

    def __init__(
        self,
        path: Path,
        names: list[str] | None,
        width: int,
        target: str | int | None,
        drop: Sequence[str | int],
        like: Columns,
    ) -> None:
        self.path, self.names, self.width = path, names or [], width
        self.dropped = {i for wanted in drop for i in self.find(wanted, "to drop")}
        self.dropped |= {i for i in range(width) if (self.names[i] if self.names else i) in like.dropped}
        self.target = self.label_column(like) if target is None else self.find(target, "for the target")[0]
        if self.target in self.dropped:
            raise self.error(1, self.target, "this column is the target, and cannot be dropped")
        self.features = [i for i in range(width) if i != self.target and i not in self.dropped]
        if not self.features:
            raise DataError(f"{show(path)}, line 1: no column is left for a feature")
        self.check_names()

    def check_names(self) -> None:
        """Raise DataError for a column that is read and has no name, or one that another has."""
        for column, name in enumerate(self.names):
            if column in self.dropped or (name and name not in self.names[:column]):
                continue
            unnamed = f"no name here, as where an index was written: leave this column out with --drop {column}"
            raise self.error(1, column, f"the header has {'this name twice' if name else unnamed}")

    def error(self, line: int, column: int, reason: str) -> DataError:
        name = "".join(f" ({short(name)})" for name in self.names[column : column + 1])
        return DataError(f"{show(self.path)}, line {line}, column {column + 1}{name}: {reason}")

    def label_column(self, like: Columns) -> int:
        """The target's column where nobody names it, counted from 0."""
        kept = [i for i in range(self.width) if i not in self.dropped] or [0]
        lower = {name.lower(): i for i, name in reversed([*enumerate(self.names)]) if i in kept}
        trained = [i for i, name in enumerate(self.names) if name == like.target and i in kept]
        return next(iter(trained), next((lower[name] for name in TARGET_NAMES if name in lower), kept[-1]))

    def find(self, wanted: str | int, purpose: str) -> list[int]:
        """The columns of that name, or the one of that number, counted from 0."""
        if wanted in self.names:
            return [i for i, name in enumerate(self.names) if name == wanted]
        if re.fullmatch(r"[+-]?[0-9]{1,9}", str(wanted)) and -self.width <= int(wanted) < self.width:
            return [int(wanted) % self.width]
        known = f"names: {listed(self.names)}; numbers: 0 to {self.width - 1}{suggest(str(wanted), self.names)}"
        raise DataError(f"{show(self.path)}, line 1: no column {wanted!r} {purpose}; {known}")

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> Dataset:
        x, y, texts = array("d"), array("d"), list[str]()
        others = sorted({self.target, *self.dropped}, reverse=True)
        for line, cells in rows:
            if len(cells) != self.width:
                fault = f"the row has {len(cells)} cells, but line 1 has {self.width}"
                raise self.error(line, min(len(cells), self.width), fault)
            label = self.label(line, cells[self.target])
            if isinstance(label, float):
                y.append(label)
            else:
                texts.append(sys.intern(label))
            if y and texts:
                raise self.error(line, self.target, f"with {label!r} the labels are neither all numbers nor all text")
            for column in others:
                del cells[column]
            x.extend(self.numbers(line, cells))
        if not x:
            raise DataError(f"{show(self.path)}, line 1: the header has no rows below it")
        labels, count = np.array(texts) if texts else np.frombuffer(y), len(self.features)
        return Dataset(
            np.frombuffer(x).reshape(-1, count),
            labels,
            tuple(self.names[i] for i in self.features) if self.names else numbered("x", count),
            self.names[self.target] if self.names else "y",
            None,
            show(self.path.name),
            named=bool(self.names),
            dropped=tuple(self.names[i] if self.names else i for i in sorted(self.dropped)),
        )

    def label(self, line: int, cell: str) -> float | str:
        if not cell or _float(cell) is not None:
            return self.number(line, self.target, cell)
        if len(cell) > MAX_LABEL:
            raise self.error(line, self.target, f"a label of {len(cell)} characters is longer than {MAX_LABEL}")
        if cell in _MISSING_LABELS:
            raise self.error(line, self.target, f"{cell!r} stands for a missing label: delete the row, or fill it in")
        return cell

    def numbers(self, line: int, cells: list[str]) -> "array[float]":
        """The features of a row: all at once if nothing is suspect, else cell by cell."""
        text = "".join(cells)
        if text.isascii() and "_" not in text:  # then float() reads plain numbers, NaN and inf only
            with suppress(ValueError):
                row = array("d", map(float, cells))
                if all(map(math.isfinite, row)):
                    return row
        return array("d", [self.number(line, *place) for place in zip(self.features, cells, strict=True)])

    def number(self, line: int, column: int, cell: str) -> float:
        value = _float(cell)
        if value is not None and math.isfinite(value) and _NUMBER.fullmatch(cell):
            return value
        infinite = value is not None and not math.isfinite(value)
        fault = f"{short(cell)} is not a {'finite' if infinite else 'plain'} number such as -1.5 or 2e3"
        raise self.error(line, column, (fault if cell else "the cell is empty") + self.remedy(column, cell))

    def remedy(self, column: int, cell: str) -> str:
        """What is to be done about a cell that is no number."""
        drop = f"leave the column out with {dropping(self.names[column : column + 1] or [column])}"
        if cell.lower().lstrip("+-") in _MISSING:
            others = "delete the row" if column == self.target else f"delete the row, or {drop}"
            return f": a value is missing; fill it in, {others}"
        if re.fullmatch(r"[+-]?[0-9]+(,[0-9]+)+", cell):
            return ": decimals have a point, 1.5 for 1,5, and thousands no mark"
        return "" if column == self.target or cell[:1] in "+-.0123456789" else f"; or {drop}"
