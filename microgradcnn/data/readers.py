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
from contextlib import contextmanager
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
from microgradcnn.data.tables.categories import source_of
from microgradcnn.data.tables.cells import as_float, has_commas, is_missing, is_missing_label, is_plain
from microgradcnn.data.tables.features import MAX_LABEL, Features
from microgradcnn.system import archives
from microgradcnn.system.text_layout import how_many

MAX_LINE = 16 * 2**20  # bytes: an endless line must not fill the memory
TARGET_NAMES = ("target", "label", "class", "y")
GZIP = b"\x1f\x8b"

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # ASCII's control characters but the tab


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
    path: str | Path,
    target: str | int | None = None,
    drop: Sequence[str | int] = (),
    like: Columns | None = None,
    missing: str | None = None,
) -> Dataset:
    """Read a table separated by tab, semicolon, comma or space: the first of these in line 1, quotes apart.

    Line 1 is a header if none of its cells is a number, or if its numbers count the columns (0, 1, 2, ...
    or 1, 2, 3, ...) and another of its cells stands above a number.
    `target` is the label's column: a name, or a number counted from 0 (negative from the end); without one
    it is the column called target, label, class or y, else the last. `drop` are columns to leave out, whatever is in
    them. `like` are the columns that something was trained on: where the file has its target, and what it dropped,
    they are taken for that, and so are its categories and its means of missing values. Labels are all numbers or all
    text. So is every other column: a plain finite number, or a text that is a category, one-hot in x (data.tables); of
    20 rows or more, texts of which more than half as many differ name the rows, and are refused.
    `missing` "drop" leaves out rows with an empty cell, or NA, nan, null, ...; "mean" takes the column's mean, and of
    categories their shares; without it they are refused. UTF-8, plain or in gzip; cells may be quoted; only the end may
    have blank lines. Raises DataError naming file, line and column.
    """
    path = Path(path)
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
        return _Table(path, names, width, target, drop, like, missing).read(chain(head, rows))


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
        fault = f"a quote is not closed at the end of its cell, or a cell is longer than {csv.field_size_limit()}"
        raise DataError(f"{where}: {fault}") from None
    return [cell.strip(" \t") for cell in cells]


def _is_header(first: list[str], below: Iterable[str] = ()) -> bool:
    counted = [cell for cell in first if as_float(cell) is not None]
    if counted not in ([str(i + start) for i in range(len(counted))] for start in (0, 1)):
        return False
    pairs = zip(first, below, strict=False)
    return not counted or any(as_float(name) is None and as_float(cell) is not None for name, cell in pairs)


class _Table:
    """A CSV file's columns: their names, if it has a header, which are read as what, and how its rows are read."""

    def __init__(
        self,
        path: Path,
        names: list[str] | None,
        width: int,
        target: str | int | None,
        drop: Sequence[str | int],
        like: Columns | None,
        missing: str | None,
    ) -> None:
        self.path, self.names, self.width = path, names or [], width
        unknown = "" if like is None else ", which may be left out here"
        self.missing, given, like = missing, like, like or UNKNOWN
        self.dropped = {i for wanted in drop for i in self.find(wanted, "to drop")}
        self.dropped |= {i for i in range(width) if (self.names[i] if self.names else i) in like.dropped}
        self.target = self.label_column(like) if target is None else self.find(target, "for the target" + unknown)[0]
        if self.target is not None and self.target in self.dropped:
            raise self.error(1, self.target, "this column is the target, and cannot be dropped")
        self.features = [i for i in range(width) if i != self.target and i not in self.dropped]
        if not self.features:
            raise DataError(f"{show(path)}, line 1: no column is left for a feature")
        self.check_names()
        self.table = Features(self.feature_names(like), given, self.error, self.fault, self.called)

    def feature_names(self, like: Columns) -> dict[int, str]:
        """The columns of features with their names: those of training or x_1, x_2, ... where there is no header."""
        sources = list(dict.fromkeys(source_of(name, like.categories) for name in like.features or ()))
        known = [self.names[i] for i in self.features] if self.names else numbered("x", len(self.features))
        known = sources if not self.names and len(sources) == len(known) else known
        return dict(zip(self.features, known, strict=True))

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

    def label_column(self, like: Columns) -> int | None:
        """The target's column where nobody names it, counted from 0; None if it would be a feature of training."""
        kept = [i for i in range(self.width) if i not in self.dropped] or [0]
        lower = {name.lower(): i for i, name in reversed([*enumerate(self.names)]) if i in kept}
        trained = [i for i, name in enumerate(self.names) if name == like.target and i in kept]
        found = next(iter(trained), next((lower[name] for name in TARGET_NAMES if name in lower), kept[-1]))
        features = {source_of(name, like.categories) for name in like.features or ()}
        return None if not trained and self.names and self.names[found] in features else found

    def find(self, wanted: str | int, purpose: str) -> list[int]:
        """The columns of that name, or the one of that number, counted from 0."""
        if wanted in self.names:
            return [i for i, name in enumerate(self.names) if name == wanted]
        if re.fullmatch(r"[+-]?[0-9]{1,9}", str(wanted)) and -self.width <= int(wanted) < self.width:
            return [int(wanted) % self.width]
        known = f"names: {listed(self.names)}; numbers: 0 to {self.width - 1}{suggest(str(wanted), self.names)}"
        raise DataError(f"{show(self.path)}, line 1: no column {wanted!r} {purpose}; {known}")

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> Dataset:
        y, texts, left_out = array("d"), list[str](), 0
        others = sorted({*self.dropped, *([] if self.target is None else [self.target])}, reverse=True)
        for line, cells in rows:
            if len(cells) != self.width:
                fault = f"the row has {how_many(len(cells), 'cell')}, but line 1 has {self.width}"
                raise self.error(line, min(len(cells), self.width), fault)
            label: float | str | None = None
            if self.target is not None:
                if self.missing == "drop" and is_missing_label(cells[self.target]):
                    left_out += 1
                    continue
                label = self.label(line, self.target, cells[self.target])
            for column in others:
                del cells[column]
            self.table.add(line, cells)
            if isinstance(label, float):
                y.append(label)
            elif label is not None:
                texts.append(sys.intern(label))
            if self.target is not None and y and texts:
                raise self.error(line, self.target, f"with {label!r} the labels are neither all numbers nor all text")
        if not self.table.x and not left_out:
            raise DataError(f"{show(self.path)}, line 1: the header has no rows below it")
        table = self.table.table(self.missing)
        if not table.kept.any():
            raise DataError(f"{show(self.path)} has no row with all its values: take --missing mean, or --drop columns")
        labels = np.array(texts) if texts else np.frombuffer(y) if y else np.full(len(table.kept), "")
        return Dataset(
            table.x,
            labels[table.kept],
            table.features,
            "" if self.target is None else self.names[self.target] if self.names else "y",
            None,
            show(self.path.name),
            named=bool(self.names),
            dropped=tuple(self.names[i] if self.names else i for i in sorted(self.dropped)),
            categories=table.categories,
            missing=table.missing,
            left_out=left_out + int(np.sum(~table.kept)),
        )

    def label(self, line: int, column: int, cell: str) -> float | str:
        number = as_float(cell)
        if number is not None and math.isfinite(number) and is_plain(cell):
            return number
        if not cell or number is not None:
            raise self.error(line, column, self.fault(column, cell))
        if len(cell) > MAX_LABEL:
            raise self.error(line, column, f"a label of {len(cell)} characters is longer than {MAX_LABEL}")
        if is_missing_label(cell):
            way = f"delete the row, or fill it in{self.rows_without_a_label()}"
            raise self.error(line, column, f"{cell!r} stands for a missing label: {way}")
        return cell

    def called(self, column: int) -> str:
        """The option that leaves a column out."""
        return dropping(self.names[column : column + 1] or [column])

    def fault(self, column: int, cell: str) -> str:
        """What is wrong with a cell that is no plain number, and what is to be done."""
        infinite = as_float(cell) is not None and not math.isfinite(float(cell))
        fault = f"{short(cell)} is not a {'finite' if infinite else 'plain'} number such as -1.5 or 2e3"
        if is_missing(cell):
            fault = f"{short(cell)} stands for a missing value" if cell else "the cell is empty"
        return fault + self.remedy(column, cell)

    def rows_without_a_label(self) -> str:
        """The option of training that leaves rows without a label out."""
        return "; --missing drop leaves such rows out" if self.table.like is None else ""

    def remedy(self, column: int, cell: str) -> str:
        """What is to be done about a cell that is no number."""
        drop, like = f"leave the column out with {self.called(column)}", self.table.like
        needed = like is not None and {*self.names[column : column + 1]} & {*(like.features or ()), *like.categories}
        if is_missing(cell) and column == self.target:
            return f": fill it in, or delete the row{self.rows_without_a_label()}"
        if is_missing(cell):
            return ": fill it in, or delete the row" if needed else f": fill it in, delete the row, or {drop}"
        if has_commas(cell):
            return ": decimals have a point, 1.5 for 1,5, and thousands no mark"
        return "" if needed or column == self.target or cell[:1] in "+-.0123456789" else f": {drop}"
