"""What is slow to make, a folder of pages say, is made once in a session: by the first worker who asks for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PATIENCE = 900.0  # seconds that another worker may take


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name that `make` has filled, in the temporary files that all workers of a session share.

    Whoever makes `name.begun` first fills it, and all others wait for `name.done`. Raises TimeoutError if it never
    comes, and what `make` raises, once more for every worker that waits.
    """
    base = factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # a worker's own is in that of the session
    folder, begun, done = (root / f"{name}{suffix}" for suffix in ("", ".begun", ".done"))
    try:
        begun.mkdir()
    except FileExistsError:
        return _awaited(folder, done)
    said = "failed"
    try:
        folder.mkdir()
        make(folder)
        said = "whole"
    finally:
        done.with_suffix(".part").write_text(said)
        done.with_suffix(".part").rename(done)
    return folder


def _awaited(folder: Path, done: Path) -> Path:
    for _ in range(int(PATIENCE / 0.1)):
        if done.exists():
            if done.read_text() != "whole":
                raise RuntimeError(f"another worker could not make {folder.name}")
            return folder
        time.sleep(0.1)
    raise TimeoutError(f"nobody has made {folder.name} in {PATIENCE:g} s")
