"""Files written whole or not at all, so that nothing is lost when a disk is full or a run is stopped."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


class FileError(ValueError):
    """A file or folder cannot be written, or a file is missing, damaged or not one of ours."""


def make_folder(folder: Path) -> None:
    """Make a folder to write into, before work is done that would be lost. Raises FileError where that is refused."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise FileError(f"{folder} cannot be written to: {error.strerror or error}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises FileError where that is refused."""
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
            part.write(content)
            part.flush()
            os.fsync(part.fileno())
        os.chmod(part.name, 0o644)  # a temporary file is private
        os.replace(part.name, path)
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        if part is not None:
            Path(part.name).unlink(missing_ok=True)
