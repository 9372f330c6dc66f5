"""What is made once in a session is made by the first who asks, and whoever asks after a failure is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from once import once


def test_the_first_who_asks_makes_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    asked: list[Path] = []

    def make(folder: Path) -> None:
        asked.append(folder)
        (folder / "page.html").write_text("whole")

    first, second = (once(tmp_path_factory, "made-once", make) for _ in range(2))
    assert asked == [first] == [second]
    assert (second / "page.html").read_text() == "whole"


def test_a_failure_is_told_to_all(tmp_path_factory: pytest.TempPathFactory) -> None:
    def make(folder: Path) -> None:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        once(tmp_path_factory, "never-made", make)
    with pytest.raises(RuntimeError, match="another worker could not make never-made"):
        once(tmp_path_factory, "never-made", make)
