"""Files that are something else than they seem: named for what they are, with what to do; gzip is simply read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import sqlite3
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Done, one_sentence, run, strict

ROWS = [f"{i},{i * i % 7},{'yes' if i % 2 else 'no'}" for i in range(20)]
TABLE = "\n".join(["a,b,kind", *ROWS]) + "\n"


def trained(data: Path, out: Path, *more: object) -> Done:
    return run("train", "single_layer", "--data", data, "--epochs", 3, "--out", out, *more)


def said(done: Done, path: Path) -> str:
    """The sentence on stderr, without the path that it names."""
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err
    return done.err.replace(str(path), "it").replace(path.name if "." in path.name else str(path), "it")


def parameters(folder: Path) -> dict[str, Any]:
    with np.load(folder / "parameters.npz") as archive:
        return {name: archive[name] for name in ("parameter_S", "parameter_w", "shift", "scale")}


def same_parameters(one: Path, other: Path) -> bool:
    first, second = parameters(one), parameters(other)
    return all(np.array_equal(first[name], second[name]) for name in first)


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def png(height: int = 2, width: int = 2) -> bytes:
    """A grey PNG image."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes(width)) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def database() -> bytes:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (a, b)")
    content = connection.serialize()
    connection.close()
    return bytes(content)


def packed_folder() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        entry = tarfile.TarInfo("table.csv")
        entry.size = len(TABLE)
        archive.addfile(entry, io.BytesIO(TABLE.encode()))
    return out.getvalue()


XLSX = zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", "xl/worksheets/sheet1.xml": b""})
ODS = zipped({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"})
PARQUET = b"PAR1" + bytes(60) + b"PAR1"
RECORDS = json.dumps([{"a": 1, "b": 2, "kind": "yes"}, {"a": 3, "b": 4, "kind": "no"}]).encode()

# File names, what is in them, what they are called, what to do
KINDS: list[tuple[list[str], bytes, str, str]] = [
    (["t.xlsx", "t.csv", "t.npz", "t"], XLSX, r"Excel|[xX][lL][sS][xX]|spreadsheet|workbook", "CSV"),
    (["t.parquet", "t.csv", "t"], PARQUET, r"[pP]arquet", "CSV"),
    (["t.npy", "t.csv", "t.npz"], npy(np.ones((4, 3))), r"NPY|\.npy|one array|single array", r"savez|NPZ|\.npz"),
    (["t.json", "t.csv", "t.txt"], RECORDS, r"JSON", "CSV"),
    (["columns.json"], json.dumps({"a": [1, 2], "kind": ["x", "y"]}).encode(), r"JSON", "CSV"),
    (["lines.json", "t.jsonl"], b'{"a": 1, "kind": "x"}\n{"a": 2, "kind": "y"}\n', r"JSON", "CSV"),
]
NAMED = [(name, content, what, todo) for names, content, what, todo in KINDS for name in names]


@pytest.mark.parametrize("network", ["single_layer", "lenet"])
@pytest.mark.parametrize(("name", "content", "what", "todo"), NAMED, ids=[f"{n} {w[:4]}" for n, _, w, _ in NAMED])
def test_a_file_of_another_kind_is_named(
    network: str, name: str, content: bytes, what: str, todo: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    sentence = said(run("train", network, "--data", tmp_path / name), tmp_path / name)
    assert re.search(what, sentence), sentence
    assert re.search(todo, sentence), sentence


OTHERS: dict[str, bytes] = {
    "t.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "t.ods": ODS,
    "t.zip": zipped({"table.csv": TABLE.encode()}),
    "t.tar.gz": packed_folder(),
    "t.csv.bz2": bz2.compress(TABLE.encode()),
    "t.csv.xz": lzma.compress(TABLE.encode()),
    "t.feather": b"ARROW1\0\0" + bytes(60) + b"ARROW1",
    "t.h5": b"\x89HDF\r\n\x1a\n" + bytes(60),
    "t.mat": b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(100),
    "t.pkl": b"\x80\x04\x95" + bytes(40),
    "t.png": png(),
    "t.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(60),
    "t.pdf": b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n" + bytes(60),
    "t.sqlite": database(),
    "t.html": b"<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n",
    "t.py": b"from microgradcnn import Value\nf = Value(1.0)\n",
    "t.gz": gzip.compress(bytes(50)),
    "t.pt": zipped({"archive/data.pkl": b"\x80\x02", "archive/version": b"3"}),
    "utf16.csv": TABLE.encode("utf-16"),
    "latin.csv": TABLE.replace("kind", "größe").encode("latin-1"),
}


@pytest.mark.parametrize("ending", ["as it is", ".csv", ".npz"])
@pytest.mark.parametrize("name", OTHERS)
def test_any_other_file_is_refused_in_a_sentence(name: str, ending: str, tmp_path: Path) -> None:
    path = tmp_path / (name if ending == "as it is" else name.split(".")[0] + ending)
    path.write_bytes(OTHERS[name])
    done = run("train", "single_layer", "--data", path)
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err
    assert path.name in done.err
    assert len(done.err) < 500 + len(str(path))


@pytest.mark.parametrize("content", [XLSX, PARQUET, RECORDS, png(), OTHERS["t.zip"]])
def test_predict_says_the_same(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    assert trained(tmp_path / "t.csv", tmp_path).code == 0
    (tmp_path / "other").write_bytes(content)
    found = [
        run(*command, "--data", tmp_path / "other")
        for command in (
            ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz"),
            ("train", "single_layer"),
        )
    ]
    assert [done.code for done in found] == [2, 2]
    assert found[0].err == found[1].err


# Folders


@pytest.mark.parametrize("layout", ["flat", "a folder for each class", "mixed"])
@pytest.mark.parametrize(("ending", "content"), [("png", png()), ("jpg", OTHERS["t.jpg"])], ids=["png", "jpg"])
@pytest.mark.parametrize("network", ["lenet", "conv_linear", "single_layer"])
def test_a_folder_of_pictures(network: str, ending: str, content: bytes, layout: str, tmp_path: Path) -> None:
    for i in range(6):
        folder = tmp_path / "pictures" / {"flat": ".", "mixed": "." if i < 3 else "b"}.get(layout, "ab"[i % 2])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{i}.{ending}").write_bytes(content)
    sentence = said(run("train", network, "--data", tmp_path / "pictures"), tmp_path / "pictures")
    assert re.search(rf"{ending}|{ending.upper()}|picture", sentence), sentence
    assert re.search(r"NPZ|\.npz|savez", sentence), sentence


@pytest.mark.parametrize("names", [[], ["a.csv"], ["a.txt", "b.txt"]])
def test_a_folder_of_something_else(names: list[str], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in names:
        (tmp_path / "folder" / name).write_text(TABLE)
    done = run("train", "single_layer", "--data", tmp_path / "folder")
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err


# Tables packed with gzip


@pytest.mark.parametrize("name", ["t.csv.gz", "t.tsv.gz", "t.txt.gz"])
def test_a_packed_table_is_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    text = TABLE.replace(",", "\t") if "tsv" in name else TABLE
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    for path, out in ((tmp_path / "t.csv", "plain"), (tmp_path / name, "packed")):
        done = trained(path, tmp_path / out)
        assert done.code == 0, done.err
    assert same_parameters(tmp_path / "plain", tmp_path / "packed")
    command = ("predict", "single_layer", "--parameters", tmp_path / "packed/parameters.npz", "--json", "--data")
    plain, packed = (strict(run(*command, path).out) for path in (tmp_path / "t.csv", tmp_path / name))
    assert packed["predictions"] == plain["predictions"]


def test_a_packed_table_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    assert trained(tmp_path / "t.csv", tmp_path).code == 0
    turned = "".join("{1},{0},{2}\n".format(*line.split(",")) for line in TABLE.splitlines())
    (tmp_path / "turned.csv.gz").write_bytes(gzip.compress(turned.encode()))
    command = ("predict", "single_layer", "--parameters", tmp_path / "parameters.npz", "--json", "--data")
    plain, packed = (strict(run(*command, tmp_path / name).out) for name in ("t.csv", "turned.csv.gz"))
    assert packed["predictions"] == plain["predictions"]


@pytest.mark.parametrize("fault", ["cut", "changed", "no gzip", "trailing"])
def test_a_damaged_packed_table(fault: str, tmp_path: Path) -> None:
    whole = gzip.compress(TABLE.encode())
    content = {
        "cut": whole[:-20],
        "changed": whole[:30] + bytes([whole[30] ^ 255]) + whole[31:],
        "no gzip": TABLE.encode(),
        "trailing": whole + b"more",
    }[fault]
    (tmp_path / "t.csv.gz").write_bytes(content)
    done = trained(tmp_path / "t.csv.gz", tmp_path)
    if fault in ("cut", "changed"):
        assert (done.code, done.out) == (2, "")
        assert one_sentence(done.err), done.err
        assert "damaged or truncated gzip file" in done.err
    else:
        assert done.code == 0 or one_sentence(done.err)


# Tables that were written by other programs


def test_a_table_separated_by_pipes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "pipes.csv").write_text(TABLE.replace(",", "|"))
    assert trained(tmp_path / "t.csv", tmp_path / "plain").code == 0
    done = trained(tmp_path / "pipes.csv", tmp_path / "pipes")
    if done.code == 0:
        assert same_parameters(tmp_path / "plain", tmp_path / "pipes")
    else:
        assert one_sentence(done.err), done.err
        assert "|" in done.err
        assert "comma" in done.err


def test_an_index_column_is_named_and_dropped(tmp_path: Path) -> None:
    """What pandas writes without index=False: a column of row numbers whose header is empty."""
    (tmp_path / "t.csv").write_text(TABLE)
    indexed = "\n".join([",a,b,kind", *(f"{i},{row}" for i, row in enumerate(ROWS))]) + "\n"
    (tmp_path / "indexed.csv").write_text(indexed)
    done = trained(tmp_path / "indexed.csv", tmp_path)
    assert done.code == 2
    assert one_sentence(done.err), done.err
    assert "--drop" in done.err
    assert trained(tmp_path / "t.csv", tmp_path / "plain").code == 0
    done = trained(tmp_path / "indexed.csv", tmp_path / "dropped", "--drop", "0")
    assert done.code == 0, done.err
    assert same_parameters(tmp_path / "plain", tmp_path / "dropped")
    command = ("predict", "single_layer", "--parameters", tmp_path / "dropped/parameters.npz", "--json", "--data")
    plain = strict(run(*command, tmp_path / "t.csv").out)
    done = run(*command, tmp_path / "indexed.csv", "--drop", "0")
    assert (done.code, strict(done.out)["predictions"]) == (0, plain["predictions"])


def test_columns_are_dropped_by_name(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE)
    wider = "\n".join(["name,a,b,kind", *(f"row {i},{row}" for i, row in enumerate(ROWS))]) + "\n"
    (tmp_path / "wider.csv").write_text(wider)
    assert trained(tmp_path / "t.csv", tmp_path / "plain").code == 0
    done = trained(tmp_path / "wider.csv", tmp_path / "dropped", "--drop", "name")
    assert done.code == 0, done.err
    assert same_parameters(tmp_path / "plain", tmp_path / "dropped")
    for absent in ("nmae", "7"):
        done = trained(tmp_path / "wider.csv", tmp_path / "dropped", "--drop", absent)
        assert done.code == 2
        assert one_sentence(done.err), done.err
        assert absent in done.err
    for command in ("train", "predict"):
        assert "--drop" in run(command, "--help").out


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_decimal_commas(delimiter: str, tmp_path: Path) -> None:
    lines = [delimiter.join(["a", "b", "kind"])]
    lines += [delimiter.join([f"{i},5", f"{i * i % 7},25", "yn"[i % 2]]) for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    sentence = said(trained(tmp_path / "t.csv", tmp_path), tmp_path / "t.csv")
    assert "decimal" in sentence
    assert "0,5" in sentence
    assert "point" in sentence or "0.5" in sentence


@pytest.mark.parametrize("written", ["NA", "N/A", "NaN", "nan", "null", "", "#N/A"])
@pytest.mark.parametrize("column", [0, 1])
def test_a_missing_value_is_called_missing(written: str, column: int, tmp_path: Path) -> None:
    cells = ["3", "4", "yes"]
    cells[column] = written
    (tmp_path / "t.csv").write_text(TABLE + ",".join(cells) + "\n")
    sentence = said(trained(tmp_path / "t.csv", tmp_path), tmp_path / "t.csv")
    assert "line 22" in sentence
    assert f"column {column + 1}" in sentence
    assert "missing" in sentence
    assert re.search(r"\brows?\b|\bfill", sentence), sentence  # what to do


# What the networks of the lecture cannot learn


@pytest.mark.parametrize("network", ["conv_linear", "conv_average"])
@pytest.mark.parametrize("labels", [list("rgb"), [0, 1, 2], ["a", "b", "c", "d", "e"]])
def test_three_classes_say_who_can(network: str, labels: list[Any], tmp_path: Path) -> None:
    lines = ["p_1,p_2,p_3,p_4,kind", *(f"{i},{i * 3 % 7},1,2,{labels[i % len(labels)]}" for i in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    done = run("train", network, "--data", tmp_path / "t.csv", "--out", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err
    assert "two" in done.err
    assert "--classes" in done.err
    assert re.search("MicrogradClassifier|estimator", done.err), done.err


def test_images_in_ten_classes_are_for_lenet(tmp_path: Path) -> None:
    for network in ("two_conv_average", "conv_linear"):
        done = run("train", network, "--data", "digits", "--out", tmp_path)
        assert (done.code, one_sentence(done.err)) == (2, True)
        assert "lenet" in done.err
        assert "--classes" in done.err


@pytest.mark.parametrize("target", [lambda i: i * 1.5 + 2.0, lambda i: -1.0 / (i + 1), lambda i: 100.0 + 0.1 * i])
def test_a_numeric_target_says_who_can(target: Callable[[int], float], tmp_path: Path) -> None:
    lines = ["a,b,price", *(f"{i},{i * 3 % 7},{target(i)!r}" for i in range(30))]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    done = trained(tmp_path / "t.csv", tmp_path, "--target-kind", "classes")
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err
    assert re.search("MicrogradRegressor|estimator", done.err), done.err
    assert len(done.err) < 600
    assert trained(tmp_path / "t.csv", tmp_path).code == 0


# Images that are none


def measurements(path: Path, columns: int, names: list[str] | None = None) -> Path:
    names = names or ["sepal length", "sepal width", "petal length", "petal width", *(f"m{i}" for i in range(60))]
    rng = np.random.default_rng(0)
    rows = [[*(f"{x:.2f}" for x in rng.random(columns)), ["setosa", "virginica"][i % 2]] for i in range(30)]
    path.write_text("".join(",".join(row) + "\n" for row in [[*names[:columns], "species"], *rows]))
    return path


@pytest.mark.parametrize("network", ["lenet", "conv_linear", "two_conv_average"])
@pytest.mark.parametrize("columns", [4, 9, 16, 64])
def test_measurements_are_no_pixels(network: str, columns: int, tmp_path: Path) -> None:
    data = measurements(tmp_path / "t.csv", columns)
    done = run("train", network, "--data", data, "--epochs", 1, "--out", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err
    assert "image" in done.err
    assert "sepal length" in done.err


@pytest.mark.parametrize("network", ["lenet", "conv_linear"])
@pytest.mark.parametrize("form", ["pixel_{row}_{column}", "pixel{i}", "pixel_{i}", "p_{i}", "p{i}"])
def test_pixels_by_name_are_images(network: str, form: str, tmp_path: Path) -> None:
    names = [form.format(i=i, row=i // 4, column=i % 4) for i in range(16)]
    data = measurements(tmp_path / "t.csv", 16, names)
    done = run("train", network, "--data", data, "--epochs", 1, "--out", tmp_path)
    assert done.code == 0, done.err


@pytest.mark.slow
def test_data_sets_and_arrays_of_images_are_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", x=np.random.default_rng(0).random((20, 5, 4)), y=np.arange(20) % 2)
    options = ("--epochs", "1", "--engine", "eager", "--out", tmp_path)
    assert run("train", "lenet", "--data", tmp_path / "t.npz", *options).code == 0
    assert run("train", "lenet", "--data", "side", *options).code == 0
