"""Zip archives of arrays, read in no more memory than their declared sizes say, and refused where those are too large.

What a zip's directory or an array's header says may be a lie: nothing is allocated for it that is not there.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterable
from typing import Any

import numpy as np

MAX_UNPACKED = 10**9  # bytes: the 70,000 images of MNIST as float64 have 0.44 · 10⁹

Array = np.ndarray[Any, np.dtype[Any]]


class SizeError(ValueError):
    """A file unpacks to too much, or its parts are not of the sizes that it declares; said of it, without its name."""


def check_unpacked(wanted: int, stored: int) -> None:
    """Raise SizeError if `wanted` bytes are more than MAX_UNPACKED, and more than the `stored` ones of the file."""
    if wanted > max(MAX_UNPACKED, stored):
        raise SizeError(f"unpacks to {gigabytes(wanted)}, and a packed file may to {gigabytes(MAX_UNPACKED)}")


def gigabytes(size: int) -> str:
    """A number of bytes, to be read."""
    return f"{size / 1e9:.2g} GB" if size < 10**10 else f"{size / 1e9:,.0f} GB"


def declared(archive: zipfile.ZipFile, names: Iterable[str], stored: int) -> list[zipfile.ZipInfo]:
    """What an archive of `stored` bytes says of these members; nothing is unpacked.

    Raises SizeError if they are too large together, ValueError for one that is packed in another way than NumPy packs.
    """
    members = [archive.getinfo(name) for name in names]
    for member in members:
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a bound
            raise ValueError(f"{member.filename} is packed in another way than NumPy packs")
    check_unpacked(sum(member.file_size for member in members), stored)
    return members


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of a declared member. Raises ValueError for less, and whatever zipfile raises for a damaged one."""
    with archive.open(member) as stream:
        content = stream.read(member.file_size)  # without a size it would unpack more before it looks
    if len(content) != member.file_size:
        raise ValueError(f"{member.filename} ends too early")
    return content


def read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that a declared array in NumPy's format has. Raises SizeError unless they fit its size."""
    with archive.open(member) as stream:
        return _header(stream, member.file_size)


def read_array(content: bytes) -> Array:
    """The array in NumPy's format. Raises SizeError unless its header fits; nothing is ever unpickled."""
    _header(io.BytesIO(content), len(content))
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array


def _header(stream: Any, size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("Python objects, or nothing, in place of numbers")
    if math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise SizeError(f"declares an array of shape {shape}, but has {size - stream.tell()} bytes for it")
    return shape, dtype
