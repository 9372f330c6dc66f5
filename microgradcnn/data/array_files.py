"""Arrays from files: NumPy's NPZ and MNIST's IDX, read strictly or refused in one sentence."""

import gzip
import math
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microgradcnn.data.dataset import DataError, Dataset, listed, numbered, show
from microgradcnn.data.readers import opened, unpacked
from microgradcnn.system import archives
from microgradcnn.system.text_layout import how_many


def read_npz(path: str | Path, target: str | int | None = None) -> Dataset:
    """Read the arrays x (or X), (n, m) or images (n, h, w), and y (or Y), (n,), of np.savez.

    `target` names another array for the labels. Pickled objects are never loaded. Raises DataError.
    """
    path = Path(path)
    labels = ("y", "Y") if target is None else (str(target),)
    with opened(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if not zipfile.is_zipfile(stream):
            raise DataError(f"{show(path)} is not a whole NPZ file: write it with np.savez(path, x=..., y=...)")
        try:
            with zipfile.ZipFile(stream) as archive:
                x, y = _arrays(path, archive, size, ("x", "X"), labels)
        except DataError:
            raise
        except archives.SizeError as error:
            remedy = "if it is yours, write it again with np.savez, which packs nothing"
            raise DataError(f"{show(path)} {error}: {remedy}") from None
        except Exception as error:  # a damaged zip fails in whatever way zipfile, zlib or NumPy happens to
            reason = f"an array is damaged or holds Python objects ({type(error).__name__})"
            raise DataError(f"{show(path)}: {reason}: write it again with np.savez") from error
    if 0 in x.shape:
        raise DataError(f"{show(path)}: x has shape {x.shape}, but needs rows and columns, (n, m)")
    if not np.can_cast(x.dtype, np.float64) or x.ndim not in (2, 3):
        raise DataError(f"{show(path)}: x is {x.dtype} {x.shape}, but needs real numbers, (n, m) or (n, h, w)")
    if not np.can_cast(y.dtype, np.float64) and y.dtype.kind != "U":
        raise DataError(f"{show(path)}: the labels are {y.dtype}, but need to be real numbers or str")
    image = (x.shape[1], x.shape[2]) if x.ndim == 3 else None
    x = x.reshape(len(x), math.prod(x.shape[1:])).astype(np.float64)
    y = y if y.dtype.kind == "U" else y.astype(np.float64)
    features = numbered("p" if image else "x", x.shape[1])
    return Dataset(x, y, features, labels[0], image, show(path.name), named=False)


def _arrays(path: Path, archive: zipfile.ZipFile, size: int, *wanted: tuple[str, ...]) -> list[NDArray[Any]]:
    """An array for each of some names that it may have, from an archive of `size` bytes."""
    arrays = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    keys = [f"{_key(path, arrays, *names)}.npy" for names in wanted]
    members = archives.declared(archive, keys, size)
    for member in members:
        shape, dtype = archives.read_header(archive, member)
        if dtype.kind != "U":  # numbers become float64
            archives.check_unpacked(8 * math.prod(shape), 8 * size)
    return [archives.read_array(archives.read_member(archive, member)) for member in members]


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
        raise DataError(
            f"{show(beside[0])} has {how_many(len(labels), 'label')}, but {show(path.name)} has {how_many(n, 'image')}"
        )
    x, y = images.reshape(n, height * width).astype(np.float64), labels.astype(np.float64)
    return Dataset(x, y, numbered("p", height * width), "label", (height, width), show(path.name), named=False)


def _idx_bytes(path: Path, ndim: int) -> NDArray[np.uint8]:
    """The file's array of bytes; what the header claims is never allocated before it is read."""
    with unpacked(path) as stream:
        header, magic = stream.read(4 + 4 * ndim), bytes([0, 0, 8, ndim])
        if header[:4] != magic or len(header) < 4 + 4 * ndim:
            start = f"starts with {header.hex(' ') or 'nothing'}, not with {magic.hex(' ')} and {ndim} sizes"
            raise DataError(f"{show(path)} is not IDX of {ndim}-dimensional bytes: it {start}")
        shape = struct.unpack(f">{ndim}I", header[4:])
        size, content = math.prod(shape), bytearray()
        if isinstance(stream, gzip.GzipFile):
            archives.check_unpacked(8 * size, 0)  # as float64
        while len(content) <= size and (chunk := stream.read(min(2**20, size + 1 - len(content)))):
            content += chunk
    if len(content) != size or size == 0:
        claim, held = "×".join(map(str, shape)), "more" if len(content) > size else len(content)
        raise DataError(f"{show(path)} declares {claim} = {size} bytes after its header, but has {held}")
    return np.frombuffer(content, np.uint8).reshape(shape)
