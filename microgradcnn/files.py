"""Files that are whole or not written, and arrays on disk that are what was written or are refused.

Arrays go into an NPZ file, which np.load opens: `description.json` in it says what the file is, with the name, shape
and dtype of every array and a SHA-256 over all of that and over the arrays themselves. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import secrets
import stat
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.system import archives
from microgradcnn.system.archives import Array

FORMAT = 2  # 1 had no SHA-256
DESCRIPTION = "description.json"


class FileError(ValueError):
    """A file is missing, damaged, not one of ours or cannot be written."""


def make_folder(folder: Path) -> None:
    """Make a folder to write into, before work is done that would be lost. Raises FileError where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        file = next((path for path in (folder, *folder.parents) if path.is_file()), None)
        why = error.strerror or error if file is None else f"{file} is a file, no folder: name another folder"
        raise FileError(f"{folder} cannot be written to: {why}") from None


def check_folder_of(path: Path) -> None:
    """Refuse a file whose folder is none, before work is done that would be lost. Raises FileError."""
    if not os.path.isdir(folder := path.parent):
        why = "is a file, no folder: name another" if folder.is_file() else "does not exist: make it first"
        raise FileError(f"{path} cannot be written: the folder {folder} {why}")


def write_whole(path: Path, content: bytes, private: bool = False) -> None:
    """Write a file whole or not at all; where a link leads to it, the link stays. Raises FileError if that is refused.

    A new file has the mode that the umask leaves, one that was there keeps its own, and a `private` one is for its
    owner alone. What is no file, such as a pipe or /dev/null, is written to as it is.
    """
    part = None
    check_folder_of(path)
    try:
        there = _mode(path)
        if there is not None and not stat.S_ISREG(there):
            path.write_bytes(content)
            return
        target = path.resolve()
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        at_first = 0o600 if private or there is not None else 0o666  # less what the umask takes away
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, at_first)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if there is not None and not private:
            os.chmod(part, stat.S_IMODE(there))
        os.replace(part, target)
        _confirm_names(target.parent)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        if part is not None:
            remove(part)


def read_whole(path: Path, kind: str) -> bytes:
    """The bytes of a file, which is to be a `kind`. Raises FileError where it does not exist or cannot be read."""
    try:
        with open(path, "rb") as stream:  # a device or a pipe has no size, and may not end
            return stream.read(os.fstat(stream.fileno()).st_size or archives.MAX_UNPACKED)
    except FileNotFoundError:
        raise FileError(f"{path} does not exist: give the {kind}") from None
    except OSError as error:
        if path.is_dir():
            names = ", ".join(sorted(file.name for file in path.glob("*.npz"))[:10])
            there = f", one of {names}" if names else ""
            raise FileError(f"{path} cannot be read: it is a folder; give the {kind}{there}") from None
        raise FileError(f"{path} cannot be read: {error.strerror or error}") from None


def json_text(data: Any, not_finite: Callable[[float], Any] = lambda _: None, **layout: Any) -> str:
    """Data as JSON that every reader takes: NaN and infinities, which it has no words for, as null or `not_finite`."""
    return json.dumps(_finite(data, not_finite), allow_nan=False, **({"ensure_ascii": False} | layout))


def remove(path: Path) -> None:
    """Remove a file that is in nobody's way if it has to stay, or is not there."""
    with suppress(OSError):
        path.unlink()


def write_arrays(path: Path, kind: str, description: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write named arrays and a description that JSON can hold, whole or not at all.

    `kind` says what the file is, as in "parameters file that train wrote". The same content gives the same bytes.
    Raises FileError where the file cannot be written.
    """
    members = {name: _npy(np.asarray(array)) for name, array in arrays.items()}
    sizes = {name: _size(np.asarray(array)) for name, array in arrays.items()}
    about = {"kind": kind, "format": FORMAT, **description, "arrays": sizes}
    about["sha256"] = _sha256(about, members)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(DESCRIPTION), _described(about))
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member)
    write_whole(path, content.getvalue())


def read_arrays(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """The description and the arrays that `write_arrays` wrote, unchanged to the bit.

    Raises FileError in one sentence for a file that is missing, damaged, of another kind or of another format.
    """
    content = read_whole(path, kind)
    try:
        about, members = _opened(content)
        written, found = about.pop("format"), about["kind"]
        if written != FORMAT:
            raise FileError(f"{path} has format {written}, this version reads {FORMAT}")
        if found != kind:
            raise FileError(f"{path} is a {found}, and no {kind}")
        if about.pop("sha256") != _sha256({**about, "format": FORMAT}, members):
            raise ValueError("something has changed since it was written")
        arrays = {name: archives.read_array(member) for name, member in members.items()}
        if about.pop("arrays") != {name: _size(array) for name, array in arrays.items()}:
            raise ValueError("the description is not that of the arrays")
    except FileError:
        raise
    except archives.SizeError as error:
        raise FileError(f"{path} {error}: it is damaged, or no {kind}") from None
    except Exception:  # a damaged zip fails in whatever way zipfile, zlib, json or NumPy happens to
        raise FileError(f"{path} is damaged, or no {kind}") from None
    return about, arrays


def check_arrays(arrays: Mapping[str, Any], wanted: Mapping[str, Any], owner: str) -> None:
    """Raise ValueError unless `arrays` are finite and have the names, shapes and dtypes of `wanted`, `owner`'s."""
    check_sizes(arrays, wanted, owner)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"has {name} with NaN or infinity in it")


def check_sizes(arrays: Mapping[str, Any], wanted: Mapping[str, Any], owner: str) -> None:
    """Raise ValueError unless `arrays` have the names, shapes and dtypes of `wanted`, `owner`'s."""
    missing, unknown = [n for n in wanted if n not in arrays], [n for n in arrays if n not in wanted]
    faults = [f"lacks {', '.join(missing)}"] if missing else []
    faults += [f"has {', '.join(unknown)}, which {owner} has not"] if unknown else []
    if faults:
        raise ValueError(" and ".join(faults))
    for name, array in arrays.items():
        found, needed = _size(np.asarray(array)), _size(np.asarray(wanted[name]))
        if found != needed:
            raise ValueError(f"has {name} as {_said(found)}, and {owner} as {_said(needed)}")


def _mode(path: Path) -> int | None:
    """The type and mode of what is there, None if nothing is."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _finite(data: Any, not_finite: Callable[[float], Any]) -> Any:
    if isinstance(data, Mapping):
        return {key: _finite(value, not_finite) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value, not_finite) for value in data]
    return not_finite(data) if isinstance(data, float) and not math.isfinite(data) else data


def _described(about: Mapping[str, Any]) -> str:
    """The description as JSON, in which an infinite number is {"float": "inf"}."""
    return json_text(about, lambda number: {"float": repr(float(number))}, indent=1)


def _confirm_names(folder: Path) -> None:
    """Wait until the disk has the names of the files in a folder: without it a power cut may bring an old one back."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder, and this one may be for writing only
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _opened(content: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The description, and the bytes of every array by its name."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        declared = archives.declared(archive, archive.namelist(), len(content))
        members = {member.filename: archives.read_member(archive, member) for member in declared}
    if "description.npy" in members and DESCRIPTION not in members:
        return {"format": 1, "kind": None}, {}
    about = json.loads(
        members.pop(DESCRIPTION), object_hook=lambda it: float(it["float"]) if [*it] == ["float"] else it
    )
    return about, {name.removesuffix(".npy"): member for name, member in members.items()}


def _sha256(about: Mapping[str, Any], members: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, member in members.items():
        digest.update(json.dumps([name, len(member)]).encode())
        digest.update(member)
    return digest.hexdigest()


def _npy(array: Array) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    return content.getvalue()


def _size(array: Array) -> dict[str, Any]:
    return {"dtype": str(array.dtype), "shape": list(array.shape)}


def _said(size: dict[str, Any]) -> str:
    return f"{size['dtype']} of shape {tuple(size['shape'])}"
