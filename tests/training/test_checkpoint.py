"""Checkpoints: what is read is what was saved, the newest whole one of this run, whatever stopped a save."""

from __future__ import annotations

import os
import re
import resource
import stat
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn import files
from microgradcnn.files import FileError
from microgradcnn.training.checkpoint import CheckpointFolder, CheckpointWarning, digest

ABOUT = {"network": "linear", "options": {"m": 3, "image": (2, 2)}, "rate": 0.1, "batch": None}


def contents(epoch: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a run saves: integers of 128 bits, infinities, numbers whose last bit counts."""
    state = {"generator": {"state": (1 << 127) + epoch}, "best": float("inf") if epoch == 1 else 0.1 + epoch}
    return state, {"w": np.arange(3.0) / 3.0 + epoch, "0.history": np.full((9, 2), np.nan), "n": np.array(epoch)}


def save(folder: Path, *epochs: int) -> CheckpointFolder:
    """A process that goes on in the folder, and saves after these epochs."""
    checkpoints = CheckpointFolder(folder, ABOUT)
    checkpoints.newest()
    for epoch in epochs:
        checkpoints.save(epoch, *contents(epoch))
    return checkpoints


def newest(folder: Path) -> int | None:
    """The epoch of the newest checkpoint, in which nothing may have changed."""
    found = CheckpointFolder(folder, ABOUT).newest()
    if found is None:
        return None
    state, arrays = contents(found.epoch)
    assert (found.state, list(found.arrays)) == (state, list(arrays))
    for array_name, array in arrays.items():
        assert np.array_equal(found.arrays[array_name], array, equal_nan=True)
        assert found.arrays[array_name].dtype == array.dtype
    return found.epoch


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def name(epoch: int) -> str:
    return f"checkpoint-{epoch:08d}.npz"


@pytest.mark.parametrize("epoch", [1, 2, 99_999_999, 10**12])
def test_what_is_found_is_what_was_saved(tmp_path: Path, epoch: int) -> None:
    save(tmp_path, epoch)
    assert newest(tmp_path) == epoch


def test_the_newest_and_the_one_before_are_kept(tmp_path: Path) -> None:
    checkpoints = save(tmp_path, 1, 2, 3)
    assert names(tmp_path) == [name(2), name(3)]
    checkpoints.save(3, *contents(3))  # again, as at the end of a run
    assert names(tmp_path) == [name(2), name(3)]
    save(tmp_path, 9)
    assert names(tmp_path) == [name(3), name(9)]


def test_epochs_are_in_the_order_of_numbers_and_not_of_letters(tmp_path: Path) -> None:
    save(tmp_path, 99_999_999, 100_000_000)
    assert newest(tmp_path) == 100_000_000
    save(tmp_path, 100_000_001)
    assert names(tmp_path) == [name(100_000_000), name(100_000_001)]


def test_a_new_run_makes_its_folder(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path / "a" / "b", ABOUT).begin(resume=False) is None
    assert names(tmp_path / "a" / "b") == []


def test_resuming_where_there_is_nothing_starts_anew_and_says_so(tmp_path: Path) -> None:
    with pytest.warns(CheckpointWarning, match=re.escape(f"{tmp_path / 'new'} has no checkpoint: training starts")):
        assert CheckpointFolder(tmp_path / "new", ABOUT).begin(resume=True) is None


def test_a_new_run_never_takes_the_folder_of_another(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    with pytest.raises(FileError, match=f"{name(2)} is there already: resume its run, or give another folder than"):
        CheckpointFolder(tmp_path, ABOUT).begin(resume=False)
    assert newest(tmp_path) == 2


def test_saving_without_looking_removes_nothing_of_another_run(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    CheckpointFolder(tmp_path, ABOUT).save(3, *contents(3))
    assert names(tmp_path) == [name(1), name(2), name(3)]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    save(tmp_path, 4)
    others = [".checkpoint-x.npz.abc", "checkpoint-4.npz.bak", "history.csv", "xcheckpoint-00000001.npz"]
    for file in (f".{name(5)}.abcd_123", f".{name(4)}.x", *others):
        (tmp_path / file).write_bytes(b"half")
    found = CheckpointFolder(tmp_path, ABOUT).begin(resume=True)
    assert found is not None
    assert names(tmp_path) == sorted([*others, name(4)])


def test_a_folder_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder, resume, says in (("file", True, "read"), ("file", False, "read"), ("file/below", False, "read")):
        with pytest.raises(FileError, match=f"cannot be {says}"):
            CheckpointFolder(tmp_path / folder, ABOUT).begin(resume)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rate": 0.05}, "rate 0.1 instead of 0.05"),
        ({"batch": 8}, "batch null instead of 8"),
        ({"network": "λ"}, 'network "linear" instead of "λ"'),
        ({"options": {"m": 4, "image": [2, 2]}}, "options.m 3 instead of 4"),
        ({"options": {"m": 3, "image": [2, 3]}}, "options.image [2, 2] instead of [2, 3]"),
        ({"options": None}, 'options {"m": 3, "image": [2, 2]} instead of null'),
        ({"rate": 1.0, "seed": 3}, "rate 0.1 instead of 1.0, and seed null instead of 3"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_with_what_differs(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    save(tmp_path, 1, 2)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError) as caught:
        CheckpointFolder(tmp_path, ABOUT | change).begin(resume=True)
    assert f"{tmp_path / name(2)} is of another run, with {says}: start this one as" in str(caught.value)
    assert ("(null: not given)" in str(caught.value)) == ("null" in says)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def damages(whole: bytes) -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    cut = {f"cut at {n}": whole[:n] for n in (0, 1, len(whole) - 1, *rng.integers(len(whole), size=20).tolist())}
    places = rng.integers(len(whole), size=80).tolist()
    flipped = {f"flip at {i}": whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :] for i in places}
    return {**cut, **flipped, "text": b"no checkpoint", "longer": whole + whole}


def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(tmp_path: Path) -> None:
    save(tmp_path, 6, 7)
    path, fallen = tmp_path / name(7), 0
    for damaged in damages(path.read_bytes()).values():
        path.write_bytes(damaged)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = newest(tmp_path)
        assert (found, len(told)) in ((6, 1), (7, 0))  # a date in the zip's own lists is nobody's content
        if told:
            fallen += 1
            assert str(told[0].message) == (f"{path} is damaged, or no checkpoint: going on from {tmp_path / name(6)}")
    assert fallen > 80


def test_after_a_fallback_the_damaged_one_goes_when_two_whole_ones_are_there(tmp_path: Path) -> None:
    save(tmp_path, 6, 7)
    (tmp_path / name(7)).write_bytes(b"damaged")
    with pytest.warns(CheckpointWarning, match="going on from"):
        checkpoints = save(tmp_path)
    assert names(tmp_path) == [name(6), name(7)]
    checkpoints.save(8, *contents(8))
    assert names(tmp_path) == [name(6), name(8)]


@pytest.mark.parametrize("epochs", [(7,), (6, 7)])
def test_if_all_are_damaged_nothing_starts_anew(tmp_path: Path, epochs: tuple[int, ...]) -> None:
    save(tmp_path, *epochs)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileError) as caught:
        CheckpointFolder(tmp_path, ABOUT).begin(resume=True)
    assert str(caught.value).endswith(": to start anew, give another folder")
    assert "\n" not in str(caught.value)
    assert all(name(epoch) in str(caught.value) for epoch in epochs)
    assert names(tmp_path) == [name(epoch) for epoch in epochs]


# Whatever stops a save, the checkpoint before it is whole, and the next process goes on.

SYSTEM_CALLS = ("open", "fsync", "chmod", "replace", "close", "unlink")


def stopped_save(folder: Path, epoch: int, at: int, stop: Callable[[], BaseException], when: str) -> bool:
    """A save in which system call number `at` fails, before or after it has done its work; whether there was one."""
    calls, real = 0, {call: getattr(os, call) for call in SYSTEM_CALLS}

    def stand_in(call: str) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at + 1 and when == "before":
                raise stop()
            result = real[call](*arguments, **options)
            if calls == at + 1:
                raise stop()
            return result

        return called

    checkpoints = save(folder)
    with pytest.MonkeyPatch.context() as patch:
        for call in SYSTEM_CALLS:
            patch.setattr(os, call, stand_in(call))
        with suppress(FileError, KeyboardInterrupt):
            checkpoints.save(epoch, *contents(epoch))
    return calls > at


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, lambda: OSError(28, "No space left on device")])
def test_a_save_stopped_in_any_system_call_leaves_the_one_before(
    tmp_path: Path, stop: Callable[[], BaseException], when: str
) -> None:
    save(tmp_path, 1, 2)
    at = 0
    while stopped_save(tmp_path, 3, at, stop, when):
        assert newest(tmp_path) in (2, 3)
        assert name(2) in names(tmp_path)
        (tmp_path / name(3)).unlink(missing_ok=True)
        at += 1
    assert at >= 6
    CheckpointFolder(tmp_path, ABOUT).begin(resume=True)
    assert names(tmp_path) == [name(2), name(3)]


def test_an_older_one_goes_only_when_the_disk_has_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints, events = save(tmp_path, 1, 2), []
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def spy_fsync(descriptor: int) -> None:
        events.append("folder confirmed" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content confirmed")
        fsync(descriptor)

    def spy_replace(part: str, path: Path) -> None:
        events.append(f"{path.name} there")
        replace(part, path)

    def spy_unlink(path: Path) -> None:
        if Path(path).exists():
            events.append(f"{path.name} gone")
        unlink(path)

    for call, spy in (("fsync", spy_fsync), ("replace", spy_replace), ("unlink", spy_unlink)):
        monkeypatch.setattr(os, call, spy)
    checkpoints.save(3, *contents(3))
    assert events == ["content confirmed", f"{name(3)} there", "folder confirmed", f"{name(1)} gone"]


def interrupted_save(folder: Path, moment: int) -> bool:
    """A save with Ctrl-C at one call or return of a function while the file is written; whether there was one."""
    checkpoints, events, write_whole = save(folder), 0, files.write_whole

    def profile(*event: Any) -> None:
        nonlocal events
        events += 1
        if events == moment + 1:
            raise KeyboardInterrupt

    def profiled(path: Path, content: bytes) -> None:
        sys.setprofile(profile)
        write_whole(path, content)

    with pytest.MonkeyPatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(files, "write_whole", profiled)
        try:
            checkpoints.save(3, *contents(3))
        finally:
            sys.setprofile(None)
    return events > moment


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Exception ignored")  # a file that was not yet in its `with` is closed late
def test_ctrl_c_at_any_moment_of_a_save_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    save(tmp_path, 2)
    moment = 0
    while interrupted_save(tmp_path, moment):
        assert newest(tmp_path) in (2, 3)
        assert name(2) in names(tmp_path)
        (tmp_path / name(3)).unlink(missing_ok=True)
        moment += 1
    assert moment > 100


def test_a_full_disk_is_a_sentence_and_leaves_the_one_before(tmp_path: Path) -> None:
    """A file that may not grow, as the system itself refuses it."""
    checkpoints = save(tmp_path, 1, 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 100, (tmp_path / name(2)).stat().st_size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(FileError, match=f"{name(3)} cannot be written: File too large"):
                checkpoints.save(3, *contents(3))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(tmp_path) == [name(1), name(2)]
        assert newest(tmp_path) == 2
    checkpoints.save(3, *contents(3))
    assert newest(tmp_path) == 3


def test_a_folder_that_went_away_is_a_sentence(tmp_path: Path) -> None:
    checkpoints = CheckpointFolder(tmp_path / "gone", ABOUT)
    with pytest.raises(FileError, match=f"{name(1)} cannot be written: the folder .* does not exist: make it first"):
        checkpoints.save(1, *contents(1))


def test_a_digest_is_of_shapes_dtypes_and_numbers() -> None:
    a = np.arange(6.0).reshape(2, 3)
    same = [digest(a), digest(np.asfortranarray(a)), digest(np.vstack([a, a])[:2])]
    others = [
        digest(a.T),
        digest(a.ravel()),
        digest(a, a),
        digest(a.astype(np.float32)),
        digest(a.view(np.int64)),
        digest(np.where(a == 5.0, np.nextafter(5.0, 6.0), a)),
        digest(),
    ]
    assert len({*same, *others}) == 1 + len(others)
