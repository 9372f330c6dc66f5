"""Checkpoints of a training run: a folder with the newest one and the one before, each whole, each of the same run.

Nothing here knows what is trained. Whoever trains says which run it is, and saves the state after an epoch: numbers as
JSON holds them, and named arrays.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.files import FileError, make_folder, read_arrays, remove, write_arrays
from microgradcnn.system.advice import Advice

KIND = "checkpoint"
KEPT = 2  # the newest, and the one before in case the newest is damaged
_NAME = re.compile(r"checkpoint-(\d+)\.npz")
_UNFINISHED = re.compile(r"\.checkpoint-\d+\.npz\..+")  # what a killed process was writing


class CheckpointWarning(Advice):
    """A run does not go on from where its user may think it does."""


@dataclass(frozen=True)
class Checkpoint:
    """What was saved after `epoch` epochs: `state` as JSON holds it, and named `arrays`, unchanged to the bit."""

    epoch: int
    state: dict[str, Any]
    arrays: dict[str, Array]


class CheckpointFolder:
    """The checkpoints of one run in a folder, the newest and the one before.

    `about` says which run this is, in nested dicts that JSON can hold: what is trained, the arguments of the training,
    a digest of the data. A checkpoint with another `about` is never taken, but for its number of "epochs", which may be
    more than planned before once they have run out. One is due after `every` epochs.
    """

    def __init__(self, folder: str | Path, about: Mapping[str, Any], every: int = 1) -> None:
        self.folder, self.every = Path(folder), every
        self.about: dict[str, Any] = json.loads(json.dumps(about, default=np.generic.item))
        self.found: Checkpoint | None = None
        self._ours: list[Path] = []  # oldest first

    def begin(self, resume: bool) -> Checkpoint | None:
        """Make the folder ready; `found`, the checkpoint to go on from, is None for a new run.

        With `resume` it is the newest, and a folder without any is a CheckpointWarning. Raises FileError, as `newest`
        does and for a folder that cannot be written to, and without `resume` for one that holds checkpoints already.
        """
        self.found = self.newest() if resume else None
        if not resume and (there := self.paths()):
            raise FileError(f"{there[-1]} is there already: resume its run, or give another folder than {self.folder}")
        make_folder(self.folder)
        for name in os.listdir(self.folder):
            if _UNFINISHED.fullmatch(name):
                remove(self.folder / name)
        if resume and self.found is None:
            warnings.warn(f"{self.folder} has no checkpoint: training starts anew", CheckpointWarning, stacklevel=4)
        return self.found

    def newest(self) -> Checkpoint | None:
        """The newest whole checkpoint, None if there is none; a damaged one is passed over with a CheckpointWarning.

        Raises FileError if all are damaged, or if it is of another run: it names what differs.
        """
        there, damaged = self.paths(), []
        for path in reversed(there):
            try:
                saved, arrays = read_arrays(path, KIND)
            except FileError as error:
                damaged.append(str(error))
                continue
            before, planned = saved["about"], self.about.get("epochs", 0)
            if before.get("epochs") == saved["epoch"] < planned:
                before = before | {"epochs": planned}
            if differences := list(_differences(before, self.about)):
                null = " (null: not given)" if any(re.search(r"\bnull\b", each) for each in differences) else ""
                raise FileError(
                    f"{path} is of another run, with {', and '.join(differences)}: "
                    f"start this one as that was started{null}, or give another folder"
                )
            if damaged:
                warnings.warn(f"{'; '.join(damaged)}: going on from {path}", CheckpointWarning, stacklevel=5)
            self._ours = [*(other for other in there if other != path), path]
            return Checkpoint(saved["epoch"], saved["state"], arrays)
        if damaged:
            raise FileError(f"{'; '.join(damaged)}: to start anew, give another folder")
        return None

    def save(self, epoch: int, state: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Write the checkpoint after `epoch` epochs, whole or not at all, then remove all but it and the one before.

        Takes time in proportion to what is saved, and for the disk to confirm it. Raises FileError if it cannot be
        written; those before are whole then.
        """
        path = self.folder / f"checkpoint-{epoch:08d}.npz"
        try:
            write_arrays(path, KIND, {"about": self.about, "epoch": epoch, "state": state}, arrays)
        except FileError as error:
            before = f"; {self._ours[-1]} is whole: resume from there" if self._ours else ""
            raise FileError(f"{error}{before}") from None
        self._ours = [*(other for other in self._ours if other != path), path]
        for old in self._ours[:-KEPT]:
            remove(old)
        self._ours = self._ours[-KEPT:]

    def paths(self) -> list[Path]:
        """All checkpoints in the folder, whole or not, the newest last."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FileError(f"{self.folder} cannot be read: {error.strerror or error}") from None
        numbered = {int(found[1]): name for name in names if (found := _NAME.fullmatch(name))}
        return [self.folder / numbered[number] for number in sorted(numbered)]


@dataclass(frozen=True)
class Checkpoints:
    """Save a run in `folder` after `every` epochs, None for a hundredth of them; with `resume` go on from there.

    Raises ValueError for `every` < 1.
    """

    folder: str | Path
    every: int | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise ValueError(f"every must be at least 1, not {self.every}")

    def begun(self, name: str) -> Any:
        """What the newest whole checkpoint of a run to be resumed says of `name`; None where there is none."""
        for path in reversed(CheckpointFolder(self.folder, {}).paths() if self.resume else []):
            with contextlib.suppress(FileError):
                return read_arrays(path, KIND)[0]["about"].get(name)
        return None

    def open(self, epochs: int, about: Mapping[str, Any]) -> CheckpointFolder:
        """The checkpoints of the run that is described, with the one to go on from. Raises FileError as they do."""
        found = CheckpointFolder(self.folder, about, self.every or max(epochs // 100, 1))
        found.begin(self.resume)
        return found


def digest(*arrays: Array) -> str:
    """A SHA-256 over the shapes, dtypes and numbers of arrays, for what a run is about; takes time in their size."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(json.dumps([str(array.dtype), array.shape]).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def described(given: Any) -> Any:
    """A function, or an argument of one, in what a run is about: as JSON has it, the same in every process.

    A functools.partial is its function with its arguments and options, an array its shape and its digest, another
    function its name; an object is what it prints, or its class where that tells the place in memory.
    """
    if isinstance(given, partial):
        options = {name: described(option) for name, option in sorted(given.keywords.items())}
        return {"function": described(given.func), "arguments": described(list(given.args)), "options": options}
    if isinstance(given, list | tuple):
        return [described(part) for part in given]
    if isinstance(given, Mapping):
        return {str(name): described(part) for name, part in given.items()}
    if given is None or isinstance(given, bool | int | float | str):
        return given
    if isinstance(given, Value | np.ndarray | np.generic):
        numbers = np.asarray(given.data if isinstance(given, Value) else given)
        return numbers.item() if not numbers.ndim else {"shape": list(numbers.shape), "SHA-256": digest(numbers)}
    name = getattr(given, "__qualname__", repr(given))
    return type(given).__qualname__ if " at 0x" in name else name


def _differences(theirs: Any, ours: Any, name: str = "") -> Iterator[str]:
    """What differs, by its name, with both values; older checkpoints know of a partial only that it is one."""
    if theirs == partial.__qualname__ and isinstance(ours, dict):
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**theirs, **ours}:
            yield from _differences(theirs.get(key), ours.get(key), f"{name}.{key}" if name else key)
    elif theirs != ours:
        yield f"{name} {json.dumps(theirs, ensure_ascii=False)} instead of {json.dumps(ours, ensure_ascii=False)}"
