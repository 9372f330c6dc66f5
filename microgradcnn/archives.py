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


class UnpackedSizeError(ValueError):
    """A file unpacks to more than MAX_UNPACKED bytes, and to more than it has itself."""


def check_unpacked(wanted: int, stored: int) -> None:
    """Raise UnpackedSizeError if `wanted` bytes are too many for a file that has `stored`."""
    if wanted > max(MAX_UNPACKED, stored):
        raise UnpackedSizeError(f"unpacks to {gigabytes(wanted)}, and a packed file may to {gigabytes(MAX_UNPACKED)}")


def gigabytes(size: int) -> str:
    """A number of bytes, to be read."""
    return f"{size / 1e9:.2g} GB" if size < 10**10 else f"{size / 1e9:,.0f} GB"


def read_members(archive: zipfile.ZipFile, names: Iterable[str], stored: int) -> dict[str, bytes]:
    """The content of these members by name; the archive has `stored` bytes.

    Raises UnpackedSizeError before anything is unpacked if they are declared to be too large together, ValueError for
    one that is not what is declared, and whatever zipfile raises for one that is damaged.
    """
    found = [_member(archive, name) for name in names]
    check_unpacked(sum(info.file_size for info in found), stored)
    members = {}
    for info in found:
        with archive.open(info) as member:
            content = member.read(info.file_size)  # without a size it would unpack more before it looks
        if len(content) != info.file_size:
            raise ValueError(f"{info.filename} ends too early")
        members[info.filename] = content
    return members


def read_header(archive: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype that an array in NumPy's format declares. Raises ValueError unless they fit the member's size."""
    info = _member(archive, name)
    with archive.open(info) as member:
        return _header(member, info.file_size)


def read_array(content: bytes) -> Array:
    """The array in NumPy's format. Raises ValueError unless its header fits; nothing is ever unpickled."""
    _header(io.BytesIO(content), len(content))
    array: Array = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    return array


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a bound
        raise ValueError(f"{name} is packed in another way than NumPy packs")
    return info


def _header(stream: Any, size: int) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    shape, _, dtype = readers[version](stream)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError("Python objects, or nothing, in place of numbers")
    if math.prod(shape) * dtype.itemsize != size - stream.tell():
        raise ValueError(f"an array of shape {shape} is declared, but {size - stream.tell()} bytes follow")
    return shape, dtype
