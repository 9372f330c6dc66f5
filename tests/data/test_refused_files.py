"""Files that are not read are named for what they are, and the guess at a name is the right one, or there is none."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sqlite3
import zipfile
from pathlib import Path

import pytest

from microgradcnn.cli import main
from microgradcnn.data import BUILT_IN, DataError, load
from microgradcnn.data.dataset import suggest

CSV = b"a,b,label\n1,2,0\n3,4,1\n"


def refusal(source: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        load(source)
    assert str(caught.value).isprintable()
    return str(caught.value)


def zipped(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"<xml/>")
    return content.getvalue()


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a, b)")
    content = connection.serialize()
    connection.close()
    return content


FRAME = {"a": [1.0, 2.0], "label": [0, 1]}
# The name that it usually has, its content, what it is called, and a part of the way out.
KINDS: dict[str, tuple[str, bytes, str, str]] = {
    "Excel, old": ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a workbook", "pandas.read_excel"),
    "LibreOffice": ("t.ods", zipped("mimetype", "content.xml"), "a workbook", "pandas.read_excel"),
    "Feather": ("t.feather", b"ARROW1\0\0", "an Arrow file", "pandas.read_feather"),
    "pickle": ("t.pkl", pickle.dumps(FRAME), "a pickle, which can run code", "np.savez"),
    "HDF5": ("t.h5", b"\x89HDF\r\n\x1a\n", "an HDF5 or MATLAB file", "np.savez"),
    "SQLite": ("t.db", database(), "a database", "pandas.read_sql"),
    "a web page": ("t.html", b"<!DOCTYPE html>\n<html>", "a page or XML", "as a CSV file"),
    "PDF": ("t.pdf", b"%PDF-1.7\n", "a PDF document", "as a CSV file"),
    "PNG": (
        "a.png",
        b"\x89PNG\r\n\x1a\n",
        "a picture",
        "np.savez('data.npz', x=..., y=...) with x of shape (n, height",
    ),
    "JPEG": ("a.jpg", b"\xff\xd8\xff\xe0", "a picture", "with x of shape (n, height, width)"),
    "bzip2": ("t.csv.bz2", bz2.compress(CSV), "a packed file", "unpack it first"),
    "xz": ("t.csv.xz", lzma.compress(CSV), "a packed file", "unpack it first"),
    "zip": ("t.zip", zipped("t.csv", "readme.txt"), "a zip of 't.csv', 'readme.txt'", "unpack it first"),
}


@pytest.mark.parametrize(("name", "content", "kind", "remedy"), KINDS.values(), ids=KINDS)
def test_a_file_of_another_kind_is_named(tmp_path: Path, name: str, content: bytes, kind: str, remedy: str) -> None:
    """Under its own name, without an ending, with a wrong one, and once more in gzip: all but the ending of CSV."""
    for called in (name, "data", "data.dat", "data.csv", "data.gz"):
        path = tmp_path / called
        path.write_bytes(gzip.compress(content) if called == "data.gz" else content)
        message = refusal(path)
        if content.startswith(b"PK") and called == "data.gz":
            kind, remedy = "a zip in gzip", "unpack it first"
        assert f"{called} is {kind}, which is not read: " in message
        assert remedy in message


@pytest.mark.parametrize("start", ["PAR1", "FEA1", "ARROW1", "MATLAB", "BZh", "GIF8", "RIFF", "Rar!", "II", "SQLite"])
def test_names_of_columns_are_no_signs_of_other_kinds(tmp_path: Path, start: str) -> None:
    (tmp_path / "table").write_text(f"{start},b,label\n1,2,0\n")
    assert load(tmp_path / "table").features == (start, "b")


def test_a_folder_of_tables_is_named_for_what_is_in_it(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "readme.md"):
        (tmp_path / name).write_bytes(b"")
    assert refusal(tmp_path).endswith("is a folder: give one of the files in it, 'a.csv', 'b.csv'")
    for name in ("one", "two", "three.csv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("a,b\n1,2\n")
    has = "'a.csv', 'b.csv', 'one/a.csv', 'three.csv/a.csv', 'two/a.csv'"
    assert refusal(tmp_path).endswith(f"is a folder: give one of the files in it, {has}")


# Guesses

GUESSES = {
    **{"digit": "digits", "Digits": "digits", "mnist": "mnist_5000", "MNIST": "mnist_5000", "sidee": "side"},
    **{"breast": "breast_cancer", "breastcancer": "breast_cancer", "cancer": "breast_cancer", "bar": "bars"},
    **{"wegde": "wedge", "dgits": "digits", "iris": None, "wine": None, "diabetes": None, "titanic": None},
    **{"cars": None, "video": None, "penguins": None, "housing": None, "cifar10": None, "moons": None, "": None},
}


@pytest.mark.parametrize("word", GUESSES)
def test_a_guess_is_right_or_there_is_none(word: str) -> None:
    guess = GUESSES[word]
    assert suggest(word, BUILT_IN) == (f", did you mean {guess!r}?" if guess else "")


# What a network of the lecture cannot learn


def test_what_can_learn_whole_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("p_1,p_2,p_3,p_4,y\n" + "".join(f"{i},{i % 7},1,2,{i}\n" for i in range(30)))
    assert main(["train", "conv_average", "--data", str(tmp_path / "t.csv"), "--target-kind", "classes"]) == 2
    err = capsys.readouterr().err
    assert "has 30 different numbers in 'y': name two that it has" in err
    for other in ("lenet", "MicrogradClassifier", "MicrogradRegressor", "fit trains a network of one's own"):
        assert other in err


def test_lenet_names_no_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{i},1,2,3,{i + 0.5}\n" for i in range(30))
    (tmp_path / "t.csv").write_text("p_1,p_2,p_3,p_4,y\n" + rows)
    assert main(["train", "lenet", "--data", str(tmp_path / "t.csv")]) == 2
    assert "t.csv has numbers in 'y', not classes: " in capsys.readouterr().err
