"""The sizes that files may have and unpack to, with a limit that is small enough for files of a test."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from microgradcnn.data import DataError, load
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.system import archives

MEMORY = 8 * 2**20  # bytes that refusing a file may take


def npy_header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": kind, "fortran_order": False, "shape": shape})
    return header.getvalue()


def zipped(method: int = zipfile.ZIP_DEFLATED, **members: tuple[bytes, int]) -> bytes:
    """A zip of members that are a start and a number of zero bytes after it, written without keeping the zeros."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, (start, zeros) in members.items():
            with archive.open(name.replace("_", "."), "w", force_zip64=True) as member:
                member.write(start)
                for _ in range(zeros // 2**20):
                    member.write(bytes(2**20))
                member.write(bytes(zeros % 2**20))
    return content.getvalue()


def labels(n: int) -> tuple[bytes, int]:
    return npy_header((n,)), 8 * n


def declared(content: bytes, size: int) -> bytes:
    """The zip with `size` in place of what its directory and its members' headers say of the first member's size."""
    changed = bytearray(content)
    for signature, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        start = content.index(signature)
        changed[start + place : start + place + 4] = struct.pack("<I", size)
    return bytes(changed)


def refused(read: Callable[[], object]) -> str:
    """The sentence with which a file is refused, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises((DataError, FileError)) as caught:
            read()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MEMORY, f"{peak} bytes were taken"
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.fixture(autouse=True)
def ten_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit, made small enough for files of a test."""
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10**7)


ROWS, COLUMNS = 20_000, 100  # 16 MB as float64

BOMBS = {
    "bytes that become float64": (
        lambda: zipped(x_npy=(npy_header((ROWS, COLUMNS), "|u1"), ROWS * COLUMNS), y_npy=labels(ROWS)),
        "unpacks to 0.016 GB, and a packed file may to 0.01 GB: if it is yours, write it again with np.savez",
    ),
    "bzip2": (
        lambda: zipped(zipfile.ZIP_BZIP2, x_npy=(npy_header((ROWS, COLUMNS)), 8 * ROWS * COLUMNS), y_npy=labels(ROWS)),
        "damaged",
    ),
    "a directory that says less, in bzip2": (
        lambda: declared(zipped(zipfile.ZIP_BZIP2, x_npy=(npy_header((5, 2)), 20_000_000), y_npy=labels(5)), 208),
        "damaged",
    ),
    "a header that says less": (
        lambda: zipped(x_npy=(npy_header((5, 2)), 9_000_000), y_npy=labels(5)),
        "declares an array of shape (5, 2)",
    ),
    "numbers of no size": (lambda: zipped(x_npy=(npy_header((2**40, 2), "|V0"), 0), y_npy=labels(5)), "damaged"),
    "no rows of many columns": (lambda: zipped(x_npy=(npy_header((0, 2**40)), 0), y_npy=labels(0)), "x has shape (0, "),
}


@pytest.mark.parametrize(("content", "says"), BOMBS.values(), ids=BOMBS)
def test_data_that_unpack_to_too_much(tmp_path: Path, content: Callable[[], bytes], says: str) -> None:
    path = tmp_path / "data.npz"
    path.write_bytes(content())
    message = refused(lambda: load(path))
    assert says in message
    assert "data.npz" in message


def test_data_as_large_as_their_file_are_read(tmp_path: Path) -> None:
    x = np.zeros((ROWS, COLUMNS))
    np.savez(tmp_path / "stored.npz", x=x, y=np.arange(ROWS) % 2)
    assert load(tmp_path / "stored.npz").x.shape == x.shape
    np.savez_compressed(tmp_path / "packed.npz", x=x[: ROWS // 2], y=np.arange(ROWS // 2) % 2)
    assert load(tmp_path / "packed.npz").x.shape == (ROWS // 2, COLUMNS)


def test_what_is_written_is_read_whatever_its_size(tmp_path: Path) -> None:
    write_arrays(tmp_path / "large.npz", "test", {}, {"w": np.zeros(2 * 10**6)})
    assert read_arrays(tmp_path / "large.npz", "test")[1]["w"].shape == (2 * 10**6,)


def gzipped(start: bytes, zeros: bytes, times: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(start) + b"".join(packer.compress(zeros) for _ in range(times)) + packer.flush()


@pytest.mark.slow
def test_a_table_that_unpacks_to_too_much(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzipped(b"", b"0,0,0\n" * 10_000, 2000))
    message = refused(lambda: load(tmp_path / "t.csv.gz"))
    assert message.endswith("t.csv.gz unpacks to more than 0.01 GB: if it is yours, unpack it first, as gunzip does")
    (tmp_path / "lies.csv.gz").write_bytes(gzipped(b"", b"0,0,0\n" * 10_000, 2000)[:-4] + struct.pack("<I", 6))
    assert "unpacks to more than 0.01 GB" in refused(lambda: load(tmp_path / "lies.csv.gz"))


def test_images_that_become_too_much(tmp_path: Path) -> None:
    images = 10_000  # 7.84 MB, but as float64
    header = bytes([0, 0, 8, 3]) + struct.pack(">3I", images, 28, 28)
    (tmp_path / "images-idx3.gz").write_bytes(gzipped(header, bytes(28 * 28 * 100), 100))
    (tmp_path / "labels-idx1").write_bytes(bytes([0, 0, 8, 1]) + struct.pack(">I", images) + bytes(10_000))
    message = refused(lambda: load(tmp_path / "images-idx3.gz"))
    assert "unpacks to" in message
    assert "unpack it first, as gunzip does" in message


def test_the_limit_is_above_the_data_that_people_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert archives.MAX_UNPACKED >= 70_000 * 784 * 8  # all of MNIST
    assert archives.MAX_UNPACKED <= 10**9
