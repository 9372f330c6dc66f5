"""Files read exactly, and every malformed file refused in one sentence that says where the fault is."""

import builtins
import gzip
import io
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradcnn.data import readers
from microgradcnn.data.array_files import read_idx, read_npz
from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.data.readers import read_csv

IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def refusal(read: Callable[..., Any], path: Path, *arguments: Any) -> str:
    """The one sentence with which `path` is refused."""
    with pytest.raises(DataError) as caught:
        read(path, *arguments)
    message = str(caught.value)
    assert path.name in message
    assert message.isprintable()
    assert len(message) < 400
    return message


def write(folder: Path, content: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# CSV


WELL_FORMED = {
    "commas": "a,b,label\n1,2,0\n-3.5,4e-1,1\n",
    "semicolons": "a;b;label\n1;2;0\n-3.5;.4;1\n",
    "tabs": "a\tb\tlabel\n1\t2\t0\n-3.5\t0.4\t1\n",
    "spaces": "a b label\n1 2 0\n-3.5 0.4 1\n",
    "columns lined up with spaces": "   a   b label\n   1   2     0\n-3.5 0.4     1\n",
    "spaces after commas": "a, b, label\n1, 2, 0\n-3.5 , 0.4, 1\n",
    "quoted cells": '"a","b","label"\n"1","2","0"\n"-3.5","0.4","1"\n',
    "quotes after spaces": 'a, "b", label\n1, "2", 0\n-3.5, "0.4", 1\n',
    "a byte-order mark": "\ufeffa,b,label\n1,2,0\n-3.5,0.4,1\n",
    "Windows line ends": "a,b,label\r\n1,2,0\r\n-3.5,0.4,1\r\n",
    "no line end at the end": "a,b,label\n1,2,0\n-3.5,0.4,1",
    "blank lines at the end": "a,b,label\n1,2,0\n-3.5,0.4,1\n\n  \n\r\n",
    "the target first": "label,a,b\n0,1,2\n1,-3.5,0.4\n",
    "the target in capitals": "Label,a,b\n0,1,2\n1,-3.5,0.4\n",
    "the target in the middle": "a,y,b\n1,0,2\n-3.5,1,0.4\n",
    "no header": "1,2,0\n-3.5,0.4,1\n",
    "numbers from 0 for names": "0,1,label\n1,2,0\n-3.5,0.4,1\n",
    "numbers from 1 for names": "label,1,2\n0,1,2\n1,-3.5,0.4\n",
}


@pytest.mark.parametrize("text", WELL_FORMED.values(), ids=WELL_FORMED)
def test_well_formed_csv(tmp_path: Path, text: str) -> None:
    data = read_csv(write(tmp_path, text))
    np.testing.assert_array_equal(data.x, [[1, 2], [-3.5, 0.4]], strict=True)
    np.testing.assert_array_equal(data.y, [0.0, 1.0], strict=True)
    assert (data.image, data.name) == (None, "data.csv")


HEADERS = {
    "named": ("width,height,class\n1,2,0\n", ("width", "height"), "class"),
    "unnamed": ("1,2,0\n", ("x_1", "x_2"), "y"),
    "target before label": ("label,target,size\n1,2,3\n", ("label", "size"), "target"),
    "the last column otherwise": ("a,b,c\n1,2,3\n", ("a", "b"), "c"),
    "a semicolon in quotes": ('"a;b",c,d\n1,2,3\n', ("a;b", "c"), "d"),
    "spaces in names": ("a b,c d,e f\n1,2,3\n", ("a b", "c d"), "e f"),
    "text labels below": ("width,species\n1,setosa\n2,virginica\n", ("width",), "species"),
    "text labels, no header": ("1,setosa\n2,virginica\n", ("x_1",), "y"),
}


@pytest.mark.parametrize(("text", "features", "target"), HEADERS.values(), ids=HEADERS)
def test_names_of_columns(tmp_path: Path, text: str, features: tuple[str, ...], target: str) -> None:
    data = read_csv(write(tmp_path, text))
    assert (data.features, data.target) == (features, target)
    assert len(data.x) == text.count("\n") - (features[0][:2] != "x_")


@pytest.mark.parametrize("target", ["b", 1, -2, "1", "-2", "+1"])
def test_target_by_name_or_number(tmp_path: Path, target: str | int) -> None:
    data = read_csv(write(tmp_path, "a,b,c\n1,2,3\n4,5,6\n"), target)
    np.testing.assert_array_equal(data.x, [[1, 3], [4, 6]])
    np.testing.assert_array_equal(data.y, [2, 5])
    assert (data.features, data.target) == (("a", "c"), "b")


def test_a_name_goes_before_a_number(tmp_path: Path) -> None:
    assert read_csv(write(tmp_path, "1,2,label\n7,8,9\n"), "1").y.tolist() == [7]


def test_text_labels(tmp_path: Path) -> None:
    data = read_csv(write(tmp_path, 'a,class\n1,café\n2,"x, y"\n3,0x1F\n'))
    assert data.y.dtype.kind == "U"
    assert data.y.tolist() == ["café", "x, y", "0x1F"]


MALFORMED = {
    "empty file": (b"", "is empty"),
    "blank lines only": ("\n\n", "is empty"),
    "byte-order mark only": ("\ufeff", "is empty"),
    "header but no rows": ("a,b,label\n", "line 1: the header has no rows"),
    "header and blank lines": ("a,b,label\n\n\n", "line 1: the header has no rows"),
    "one column": ("1\n2\n", "line 1: one column"),
    "one named column": ("label\n1\n", "line 1: one column"),
    "pipes": ("1|2|0\n3|4|1\n", "line 1: one column only, with cells between |, which is not read: put commas in its"),
    "pipes and a header": ("a|b|label\n1|2|0\n", "with cells between |"),
    "pipes and spaces": ("| a | label |\n| 1 | 0 |\n", "line 1: one column only, with cells between |"),
    "colons": ("1:2:0\n3:4:1\n", "line 1: one column"),
    "too few cells": ("a,b,label\n1,2,0\n3,4\n", "line 3, column 3 ('label'): the row has 2 cells, but line 1 has 3"),
    "too many cells": ("a,b,label\n1,2,0\n3,4,5,1\n", "line 3, column 4: the row has 4 cells, but line 1 has 3"),
    "too few cells, no header": ("1,2,0\n3,4\n", "line 2, column 3: the row has 2 cells"),
    "header too short": ("a,label\n1,2,0\n", "line 2, column 3: the row has 3 cells"),
    "header too long": ("a,b,c,label\n1,2,0\n", "line 2, column 4 ('label'): the row has 3 cells"),
    "comma at the end": ("1,2,\n3,4,\n", "line 1, column 3: the cell is empty"),
    "comma at one end": ("a,b,label\n1,2,0,\n", "line 2, column 4: the row has 4 cells"),
    "another delimiter below": ("1,2,0\n3;4;1\n", "line 2, column 2: the row has 1 cell,"),
    "text": ("a,b,label\n1,2,0\n3,four,1\n", "line 3, column 2 ('b'): 'four' is not a plain number"),
    "text in the first row": ("a,b,label\nx,2,0\n", "line 2, column 1 ('a'): 'x' is not a plain number"),
    "text in the first row, no header": ("x,2,0\n1,3,1\n", "line 1, column 1: 'x' is not a plain number"),
    "text after the target": ("label,a,b\n0,1,x\n", "line 2, column 3 ('b'): 'x' is not a plain number"),
    "two columns of text": ("1,a,b\n2,c,d\n", "line 1, column 2: 'a' is not a plain number"),
    "empty cell": ("a,b,label\n1,,0\n", "line 2, column 2 ('b'): the cell is empty"),
    "cell of spaces": ("a,b,label\n1,  ,0\n", "line 2, column 2 ('b'): the cell is empty"),
    "empty quoted cell": ('a,b,label\n1,"",0\n', "line 2, column 2 ('b'): the cell is empty"),
    "empty label": ("a,b,label\n1,2,0\n1,2,\n", "line 3, column 3 ('label'): the cell is empty"),
    "empty text label": ("a,label\n1,x\n2,\n", "line 3, column 2 ('label'): the cell is empty"),
    "NaN": ("a,b,label\n1,nan,0\n", "line 2, column 2 ('b'): 'nan' stands for a missing value"),
    "signed NaN": ("a,b,label\n-NaN,1,0\n", "line 2, column 1 ('a'): '-NaN' stands for a missing value"),
    "inf": ("1,2,0\n1,inf,0\n", "line 2, column 2: 'inf' is not a finite number"),
    "minus infinity": ("1,2,0\n-Infinity,1,0\n", "line 2, column 1: '-Infinity' is not a finite number"),
    "1e999": ("1,2,0\n1,1e999,0\n", "line 2, column 2: '1e999' is not a finite number"),
    "NaN label": ("1,2,nan\n", "line 1, column 3: 'nan' stands for a missing value"),
    "infinite label among text": ("7,a\n2,inf\n", "line 2, column 2: 'inf' is not a finite number"),
    "only NaN": ("nan,nan\n", "line 1, column 2: 'nan' stands for a missing value"),
    "underscore": ("1,2,0\n1_000,2,0\n", "line 2, column 1: '1_000' is not a plain number"),
    "underscore in a label": ("1,2,1_0\n", "line 1, column 3: '1_0' is not a plain number"),
    "full-width digits": ("1,2,0\n1,２,0\n", "line 2, column 2: '２' is not a plain number"),
    "full-width label": ("1,2,３\n", "line 1, column 3: '３' is not a plain number"),
    "Arabic digits": ("1,2,0\n١,2,0\n", "line 2, column 1: '١' is not a plain number"),
    "no-break space": ("1,2,0\n1\u00a0,2,0\n", "line 2, column 1: "),
    "minus sign": ("1,2,0\n−1,2,0\n", "line 2, column 1: '−1' is not a plain number"),
    "hexadecimal": ("1,2,0\n0x1F,2,0\n", "line 2, column 1: '0x1F' is not a plain number"),
    "complex": ("1,2,0\n1+2j,2,0\n", "line 2, column 1: '1+2j' is not a plain number"),
    "decimal comma": ("1,5;2;0\n", "line 1, column 1: '1,5' is not a plain number"),
    "decimal commas": ("a;b;label\n1;-0,25;0\n", "such as -1.5 or 2e3: decimals have a point, 1.5 for 1,5, and thousa"),
    "a decimal comma in a label": ("a\tlabel\n1\t0\n2\t0,5\n", "line 3, column 2 ('label'): with '0,5' the labels"),
    "NA": (
        "a,b c,label\n1,NA,0\n",
        "'NA' stands for a missing value: fill it in, delete the row, or leave the column out with --drop 'b",
    ),
    "n/a": (
        "1,2,0\n1,n/a,0\n",
        "line 2, column 2: 'n/a' stands for a missing value: fill it in, delete the row, or leave",
    ),
    "#N/A": ("1,2,0\n1,#N/A,0\n", "a missing value: fill it in, delete the row, or leave the column out with --drop 1"),
    "null": ("1,2,0\n1,NULL,0\n", "stands for a missing value"),
    "None": ("1,2,0\n1,None,0\n", "stands for a missing value"),
    "a question mark": ("1,2,0\n1,?,0\n", "stands for a missing value"),
    "a dash": ("1,2,0\n1,-,0\n", "stands for a missing value"),
    "a missing number": ("1,2,0\n1,,0\n", "the cell is empty: fill it in, delete the row, or leave"),
    "a missing label": ("1,2,0\n1,3,\n", "the cell is empty: fill it in, or delete the row"),
    "NA among labels": (
        "1,yes\n2,NA\n",
        "line 2, column 2: 'NA' stands for a missing label: delete the row, or fill it in",
    ),
    "a name for a number": (
        "who,b,label\nAnna,2,0\n",
        "'Anna' is not a plain number such as -1.5 or 2e3, and no category, for every row has a text of its own",
    ),
    "thousands comma": ('1,2,0\n"1,000",2,0\n', "line 2, column 1: '1,000' is not a plain number"),
    "per cent": ("1,2,0\n5%,2,0\n", "line 2, column 1: '5%' is not a plain number"),
    "two numbers in a cell": ("1,2,0\n1 2,2,0\n", "line 2, column 1: '1 2' is not a plain number"),
    "two points": ("1,2,0\n1.2.3,2,0\n", "line 2, column 1: '1.2.3' is not a plain number"),
    "comment": ("# made by me\n1,2,0\n", "line 2, column 2 ('made'): the row has 1 cell, but line 1 has 4"),
    "blank line between rows": ("1,2,0\n\n3,4,1\n", "line 2 is blank"),
    "blank line at the start": ("\n1,2,0\n", "line 1 is blank"),
    "quote left open": ('1,2,0\n"3,4,1\n5,6,0\n', "line 2: a quote is not closed"),
    "quote closed too early": ('1,2,0\n"3"4,4,1\n', "line 2: a quote is not closed"),
    "quote closed too early, tabs": ('1\t2\n"3"4\t5\n', "line 2: a quote is not closed"),
    "quote within a cell": ('1,2,0\n3"4,4,1\n', "line 2: a quote is not closed"),
    "quote within a label": ('1,cat\n2,cat"\n', "line 2: a quote is not closed"),
    "quotes within a cell": ('1,2,0\n3"4",4,1\n', "line 2, column 1: '3\"4\"' is not a plain number"),
    "line end in quotes": ('1,2,0\n"3\n",4,1\n', "line 2: a quote is not closed at the end of its cell, or"),
    "name twice": ("a,b,a\n1,2,0\n", "line 1, column 3 ('a'): the header has this name twice"),
    "name missing": (",a,label\n1,2,0\n", "line 1, column 1 (''): the header has no name here"),
    "an index": (
        '"","a","label"\n"1",2,0\n',
        "no name here, as where an index was written: leave this column out with --drop 0",
    ),
    "number among the names": ("a,7,label\n1,2,0\n", "line 1, column 1: 'a' is not a plain number"),
    "numbers then a text label": ("1,2,0\n3,4,b\n", "line 2, column 3: with 'b' the labels are neither"),
    "text then a number label": ("5,2,a\n3,4,7\n", "line 2, column 3: with 7.0 the labels are neither"),
    "long label": ("1,2," + "l" * 101 + "\n", "line 1, column 3: a label of 101 characters"),
    "long text": ("1,2,0\n1," + "t" * 5000 + ",0\n", "line 2, column 2: 'ttt"),
    "field beyond csv's limit": (
        "1,2,0\n1," + "t" * 200_000 + ",0\n",
        "line 2: a quote is not closed at the end of its cell, or a cell is longer than 131072",
    ),
    "NUL": (b"1,2,0\n1,\x002,0\n", "line 2 holds the control character '\\x00'"),
    "binary": (b"\x7fELF\x02\x01\x01\x00\x00\n", "line 1 holds the control character"),
    "form feed": ("1,2,0\n1,\x0c2,0\n", "line 2 holds the control character '\\x0c'"),
    "old Macintosh line ends": ("1,2,0\r3,4,1\r", "line 1 holds the control character '\\r'"),
    "Latin-1": ("a,b,label\n1,2,caf\xe9\n".encode("latin-1"), "line 2, byte 8 is not UTF-8"),
    "UTF-16": ("a,b,label\n1,2,0\n".encode("utf-16"), "line 1, byte 1 is not UTF-8"),
    "UTF-16 without a mark": ("a,b,label\n1,2,0\n".encode("utf-16-le"), "line 1 holds the control character"),
    "a second byte-order mark": ("1,2,0\n\ufeff3,4,1\n", "line 2, column 1: "),
}


@pytest.mark.parametrize(("content", "fault"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_csv(tmp_path: Path, content: str | bytes, fault: str) -> None:
    assert fault in refusal(read_csv, write(tmp_path, content))


UNKNOWN_TARGETS = {
    "close name": ("with,height,label\n1,2,0\n", "width", "names: 'with', 'height', 'label'; numbers: 0 to 2, did you"),
    "other name": ("a,b,label\n1,2,0\n", "zzz", "line 1: no column 'zzz' for the target; names: 'a', 'b', 'label'"),
    "name without a header": ("1,2,0\n", "label", "names: none; numbers: 0 to 2"),
    "too large": ("a,b,label\n1,2,0\n", 3, "no column 3 for the target"),
    "too small": ("1,2,0\n", -4, "no column -4 for the target"),
    "huge": ("1,2,0\n", "9" * 5000, "numbers: 0 to 2"),
    "wide": (",".join(f"c{i}" for i in range(99)) + "\n" + "1," * 98 + "1\n", "c", "'c9', ...; numbers: 0 to 98"),
}


@pytest.mark.parametrize(("text", "target", "fault"), UNKNOWN_TARGETS.values(), ids=UNKNOWN_TARGETS)
def test_unknown_target(tmp_path: Path, text: str, target: str | int, fault: str) -> None:
    if target == "9" * 5000:
        with pytest.raises(DataError, match=fault):
            read_csv(write(tmp_path, text), target)
    else:
        assert fault in refusal(read_csv, write(tmp_path, text), target)


def test_endless_line_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_LINE", 1000)
    path = write(tmp_path, b"1,2,0\n" + b"1" * 20_000_000)
    tracemalloc.start()
    message = refusal(read_csv, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "line 2 is longer than 1000 bytes" in message
    assert peak < 1_000_000


@pytest.mark.slow
def test_rows_are_not_kept_as_lists(tmp_path: Path) -> None:
    path = write(tmp_path, "0.123456789,0.987654321,a\n" * 50_000)
    tracemalloc.start()
    data = read_csv(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert data.x.shape == (50_000, 2)
    assert peak < 4 * data.x.nbytes


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.integers(1, 5).flatmap(lambda m: st.lists(st.tuples(*[FINITE] * (m + 1)), min_size=1, max_size=20)))
def test_numbers_come_back_exactly(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]) -> None:
    text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    data = read_csv(write(tmp_path_factory.getbasetemp(), text))
    np.testing.assert_array_equal(np.column_stack([data.x, data.y]), rows, strict=True)


CELLS = st.sampled_from(["1", "a", "", " ", "nan", "1_0", "２", '"', ",", ";", "\t", "\n", "\r", "\0", "é", "-.5e1"])


@given(st.lists(CELLS, max_size=30).map("".join).map(str.encode) | st.binary(max_size=60))
def test_anything_is_data_or_a_data_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for read, name in ((read_csv, "any.csv"), (read_npz, "any.npz"), (read_idx, "any-images-idx3")):
        path = write(folder, content, name)
        try:
            outcome = np.isfinite(read(path).x).all()
        except DataError as error:
            outcome = str(error).isprintable()
        assert outcome


# What the system refuses


READERS = [read_csv, read_npz, read_idx]


@pytest.mark.parametrize("read", READERS)
def test_missing_file(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    write(tmp_path, "1,2\n", "flower-images.csv")
    assert "does not exist, did you mean 'flower-images.csv'?" in refusal(read, tmp_path / "flowers-images.csv")
    assert refusal(read, tmp_path / "no" / "such-images").endswith("does not exist")


@pytest.mark.parametrize("read", [read_csv, read_npz])
def test_folder_for_a_file(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    assert "Is a directory" in refusal(read, tmp_path)


@pytest.mark.parametrize("read", READERS)
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., Dataset]) -> None:
    path = write(tmp_path, "1,2\n", "secret-images")

    def refuse(*arguments: Any, **options: Any) -> Any:  # root may read anything, so the system cannot be asked to
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(builtins, "open", refuse)
    message = refusal(read, path)
    monkeypatch.undo()
    assert message.endswith("secret-images cannot be read: Permission denied")


class Failing(io.BytesIO):
    def readline(self, size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_failure_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "1,2\n")
    monkeypatch.setattr(builtins, "open", lambda *arguments, **options: Failing())
    message = refusal(read_csv, path)
    monkeypatch.undo()
    assert message.endswith("cannot be read: Input/output error")


@pytest.mark.parametrize("name", ["a\0images", "images" * 100])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    for read in READERS:
        with pytest.raises(DataError, match=r"is not a file name|cannot be read"):
            read(str(tmp_path) + "/" + name)


def test_line_end_in_the_name_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "1,x\n2,y\nz,x\n", "two\nlines.csv")
    with pytest.raises(DataError) as caught:
        read_csv(path)
    assert "two\\nlines.csv', line 3, column 1" in str(caught.value)
    assert str(caught.value).isprintable()


# NPZ


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


X, Y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 1])

WELL_FORMED_NPZ = {
    "float64": npz(x=X, y=Y),
    "capitals": npz(X=X, Y=Y),
    "integers": npz(x=X.astype(np.int8), y=Y.astype(bool)),
    "float16": npz(x=X.astype(np.float16), y=Y),
    "other byte order": npz(x=X.astype(">f4"), y=Y),
    "columns first": npz(x=np.asfortranarray(X), y=Y),
    "an object array beside": npz(x=X, y=Y, notes=np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("content", WELL_FORMED_NPZ.values(), ids=WELL_FORMED_NPZ)
def test_well_formed_npz(tmp_path: Path, content: bytes) -> None:
    data = read_npz(write(tmp_path, content, "data.npz"))
    np.testing.assert_array_equal(data.x, X, strict=True)
    np.testing.assert_array_equal(data.y, Y.astype(float), strict=True)
    assert (data.features, data.target, data.image, data.name) == (("x_1", "x_2"), "y", None, "data.npz")


def test_npz_of_images_with_text_labels(tmp_path: Path) -> None:
    content = npz(x=np.arange(12).reshape(2, 2, 3), kind=np.array(["cat", "dog"]))
    data = read_npz(write(tmp_path, content, "data.npz"), "kind")
    np.testing.assert_array_equal(data.x, np.arange(12.0).reshape(2, 6), strict=True)
    assert (data.image, data.features[0], data.target, data.y.tolist()) == ((2, 3), "p_1", "kind", ["cat", "dog"])


def lying_npz() -> bytes:
    """An array whose header claims 2^40 numbers, of which the file holds none."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**20, 2**20)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.npy", header.getvalue())
        archive.writestr("y.npy", header.getvalue())
    return buffer.getvalue()


def raw_zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", content)
        archive.writestr("y", content)
    return buffer.getvalue()


def with_flipped_byte(content: bytes) -> bytes:
    """One bit of x's first number changed, so that the checksum no longer fits."""
    place = content.index(X.tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


MALFORMED_NPZ = {
    "empty": (b"", "not a whole NPZ file"),
    "text": (b"1,2,0\n", "not a whole NPZ file"),
    "a pickle": (b"\x80\x04\x95\x00\x00.", "not a whole NPZ file"),
    "a single array": (b"\x93NUMPY\x01\x00", "not a whole NPZ file"),
    "truncated": (npz(x=X, y=Y)[:-30], "not a whole NPZ file"),
    "damaged": (with_flipped_byte(npz(x=X, y=Y)), "an array is damaged"),
    "claims too much": (lying_npz(), "declares an array of shape (1048576, 1048576), but has 0 bytes for it"),
    "objects": (npz(x=np.array([[{}]], dtype=object), y=np.zeros(1)), "holds Python objects"),
    "object labels": (npz(x=X, y=np.array(["a", 1, None], dtype=object)), "holds Python objects"),
    "a zip of other files": (raw_zip(b"hello"), "one array x or X is needed, but the arrays are none"),
    "no arrays": (npz(), "one array x or X is needed, but the arrays are none"),
    "no x": (npz(a=X, y=Y), "one array x or X is needed, but the arrays are 'a', 'y'"),
    "no y": (npz(x=X), "one array y or Y is needed, but the arrays are 'x'"),
    "both x and X": (npz(x=X, X=X, y=Y), "one array x or X is needed"),
    "one dimension": (npz(x=np.arange(3.0), y=Y), "x is float64 (3,), but needs real numbers, (n, m) or (n, h, w)"),
    "four dimensions": (npz(x=np.zeros((3, 2, 2, 1)), y=Y), "x is float64 (3, 2, 2, 1)"),
    "no rows": (npz(x=np.zeros((0, 2)), y=np.zeros(0)), "x has shape (0, 2)"),
    "no columns": (npz(x=np.zeros((3, 0)), y=Y), "x has shape (3, 0)"),
    "images without pixels": (npz(x=np.zeros((3, 0, 4)), y=Y), "x has shape (3, 0, 4)"),
    "other number of labels": (npz(x=X, y=np.zeros(4)), "y has shape (4,), but x has 3 rows"),
    "labels in two dimensions": (npz(x=X, y=np.zeros((3, 1))), "y has shape (3, 1)"),
    "complex": (npz(x=X + 1j, y=Y), "x is complex128"),
    "text in x": (npz(x=X.astype(str), y=Y), "x is <U"),
    "dates": (npz(x=X.astype("datetime64[s]"), y=Y), "x is datetime64"),
    "bytes for labels": (npz(x=X, y=np.array([b"a", b"b", b"c"])), "the labels are |S1"),
    "complex labels": (npz(x=X, y=Y + 1j), "the labels are complex128"),
    "NaN": (npz(x=np.array([[1, 2], [3, np.nan], [5, 6]]), y=Y), "x[1, 1] is nan, not a finite number"),
    "infinite label": (npz(x=X, y=np.array([0, np.inf, 1])), "y[1] is inf, not a finite number"),
}


@pytest.mark.parametrize(("content", "fault"), MALFORMED_NPZ.values(), ids=MALFORMED_NPZ)
def test_malformed_npz(tmp_path: Path, content: bytes, fault: str) -> None:
    assert fault in refusal(read_npz, write(tmp_path, content, "data.npz"))


def test_npz_without_the_named_labels(tmp_path: Path) -> None:
    path = write(tmp_path, npz(x=X, y=Y), "data.npz")
    assert "one array kind is needed, but the arrays are 'x', 'y'" in refusal(read_npz, path, "kind")


# IDX


def idx(array: np.ndarray[Any, Any], claim: tuple[int, ...] | None = None, kind: int = 8) -> bytes:
    shape = claim or array.shape
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + array.astype(np.uint8).tobytes()


PIXELS = np.arange(250, 250 + 2 * 2 * 3).reshape(2, 2, 3) % 256
DIGITS = np.array([7, 3])


@pytest.mark.parametrize("images", [IMAGES, IMAGES + ".gz", "t10k-images.idx3-ubyte"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("folder", [False, True])
def test_well_formed_idx(tmp_path: Path, images: str, packed: bool, folder: bool) -> None:
    labels = images.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    write(tmp_path, gzip.compress(idx(PIXELS)) if images.endswith(".gz") else idx(PIXELS), images)
    write(tmp_path, gzip.compress(idx(DIGITS)) if packed else idx(DIGITS), labels + ".gz" * packed)
    data = read_idx(tmp_path if folder else tmp_path / images)
    np.testing.assert_array_equal(data.x, PIXELS.reshape(2, 6).astype(float), strict=True)
    np.testing.assert_array_equal(data.y, [7.0, 3.0], strict=True)
    assert (data.image, data.features[-1], data.target, data.name) == ((2, 3), "p_6", "label", images)


BOMB = gzip.compress(idx(np.zeros(20_000_000, np.uint8), claim=(1, 2, 2)), compresslevel=1)

MALFORMED_IDX = {
    "empty": (b"", "starts with nothing, not with 00 00 08 03"),
    "text": (b"1,2,0\n3,4,1\n5,6,0\n", "starts with 31 2c 32"),
    "labels for images": (idx(DIGITS), "starts with 00 00 08 01"),
    "other type of number": (idx(PIXELS, kind=0x0D), "starts with 00 00 0d 03"),
    "header cut short": (idx(PIXELS)[:10], "not with 00 00 08 03 and 3 sizes"),
    "truncated": (idx(PIXELS)[:-1], "declares 2×2×3 = 12 bytes after its header, but has 11"),
    "bytes at the end": (idx(PIXELS) + b"\0", "declares 2×2×3 = 12 bytes after its header, but has more"),
    "claims 2^31 images": (idx(np.zeros(1000), claim=(2**31, 28, 28)), "but has 1000"),
    "claims 2^31 images, packed": (gzip.compress(idx(np.zeros(1000), claim=(2**31, 28, 28))), "unpacks to 13,469 GB"),
    "no images": (idx(np.zeros((0, 2, 3)), claim=(0, 2, 3)), "declares 0×2×3 = 0 bytes"),
    "no pixels": (idx(np.zeros(0), claim=(2, 0, 3)), "declares 2×0×3 = 0 bytes"),
    "gzip bomb": (BOMB, "declares 1×2×2 = 4 bytes after its header, but has more"),
    "truncated gzip": (gzip.compress(idx(PIXELS))[:-9], "damaged or truncated gzip"),
    "damaged gzip": (gzip.compress(idx(PIXELS))[:10] + b"\xff" * 20, "damaged or truncated gzip"),
    "wrong checksum": (gzip.compress(idx(PIXELS))[:-8] + b"\0" * 8, "damaged or truncated gzip"),
    "bytes after the gzip": (gzip.compress(idx(PIXELS)) + b"more", "damaged or truncated gzip"),
    "gzip of nothing": (gzip.compress(b""), "starts with nothing"),
}


@pytest.mark.parametrize(("content", "fault"), MALFORMED_IDX.values(), ids=MALFORMED_IDX)
def test_malformed_idx(tmp_path: Path, content: bytes, fault: str) -> None:
    write(tmp_path, idx(DIGITS), LABELS)
    path = write(tmp_path, content, IMAGES)
    tracemalloc.start()
    message = refusal(read_idx, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fault in message
    assert peak < 3_000_000


MALFORMED_LABELS = {
    "missing": (None, IMAGES, f"its labels, {LABELS} or {LABELS}.gz, are not beside it"),
    "too few": (idx(np.array([7])), LABELS, "has 1 label, but train-images-idx3-ubyte has 2 images"),
    "images for labels": (idx(PIXELS), LABELS, "starts with 00 00 08 03"),
    "truncated": (idx(DIGITS)[:-1], LABELS, "declares 2 = 2 bytes after its header, but has 1"),
    "truncated gzip": (gzip.compress(idx(DIGITS))[:-9], LABELS, "damaged or truncated gzip"),
}


@pytest.mark.parametrize(("content", "named", "fault"), MALFORMED_LABELS.values(), ids=MALFORMED_LABELS)
def test_malformed_labels(tmp_path: Path, content: bytes | None, named: str, fault: str) -> None:
    path = write(tmp_path, idx(PIXELS), IMAGES)
    if content is not None:
        write(tmp_path, content, LABELS)
    with pytest.raises(DataError) as caught:
        read_idx(path)
    message = str(caught.value)
    assert named in message
    assert fault in message
    assert message.isprintable()


FOLDERS = {
    "empty": ([], "has none"),
    "two pairs": ([IMAGES, "t10k-images-idx3-ubyte"], "has 't10k-images-idx3-ubyte', 'train-images-idx3-ubyte'"),
    "labels only": ([LABELS], "has none"),
}


@pytest.mark.parametrize(("names", "fault"), FOLDERS.values(), ids=FOLDERS)
def test_folder_without_one_pair(tmp_path: Path, names: list[str], fault: str) -> None:
    for name in names:
        write(tmp_path, idx(PIXELS), name)
    assert fault in refusal(read_idx, tmp_path)


def test_unpacked_beside_packed_is_one_pair(tmp_path: Path) -> None:
    for name, content in ((IMAGES, idx(PIXELS)), (LABELS, idx(DIGITS))):
        write(tmp_path, content, name)
        write(tmp_path, gzip.compress(content), name + ".gz")
    assert read_idx(tmp_path).y.tolist() == [7, 3]


def test_labels_file_given_for_the_images(tmp_path: Path) -> None:
    assert "give the images file" in refusal(read_idx, write(tmp_path, idx(DIGITS), LABELS))


# Dataset


MISFITS = {
    "x": ({"x": np.zeros(3)}, "made up: x has shape (3,), but needs rows and columns, (n, m)"),
    "y": ({"y": np.zeros(2)}, "made up: y has shape (2,), but x has 3 rows: y needs (3,)"),
    "features": ({"features": ("a",)}, "made up: 1 feature name for 4 columns"),
    "image": ({"image": (3, 3)}, "made up: an image of 3×3 pixels is not a row of 4 columns"),
    "negative image": ({"image": (-2, -2)}, "made up: an image of -2×-2 pixels is not a row of 4 columns"),
    "NaN": ({"x": np.full((3, 4), np.nan)}, "made up: x[0, 0] is nan, not a finite number"),
}


@pytest.mark.parametrize(("change", "message"), MISFITS.values(), ids=MISFITS)
def test_parts_that_do_not_fit(change: dict[str, Any], message: str) -> None:
    fitting: dict[str, Any] = {"x": np.zeros((3, 4)), "y": np.zeros(3), "features": ("a", "b", "c", "d")}
    rest: dict[str, Any] = {"target": "y", "image": (2, 2), "name": "made up"}
    Dataset(**fitting, **rest)
    with pytest.raises(DataError, match=re.escape(message)):
        Dataset(**{**fitting, **rest, **change})
