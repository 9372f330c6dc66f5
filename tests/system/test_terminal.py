"""What a terminal is asked: its columns, and whether it has colours."""

from __future__ import annotations

import io
import os

import pytest

from microgradcnn.system.terminal import NARROWEST, USUAL, coloured, columns


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("given", "found", "of_a_terminal", "of_a_pipe"),
    [
        (None, 132, 132, None),
        (None, 0, USUAL, None),  # a terminal that does not say
        (None, 20, NARROWEST, None),
        ("72", 132, 72, 72),
        ("7", 132, NARROWEST, NARROWEST),
        *((odd, 132, 132, None) for odd in ("", "0", "-5", "wide", "٧٢", "1e2")),
    ],
)
def test_columns(
    given: str | None, found: int, of_a_terminal: int, of_a_pipe: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if given is not None:
        monkeypatch.setenv("COLUMNS", given)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((found, 24)))
    assert columns(Terminal()) == of_a_terminal
    assert columns(io.StringIO()) == of_a_pipe


def test_a_terminal_by_its_word_only_has_the_usual_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)

    def refuse(_: int) -> os.terminal_size:
        raise OSError("not a terminal")

    monkeypatch.setattr(os, "get_terminal_size", refuse)
    assert columns(Terminal()) == USUAL


@pytest.mark.parametrize(
    ("settings", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": "0"}, False, False),  # whatever it is set to
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours(settings: dict[str, str], terminal: bool, pipe: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for stream, wanted in ((Terminal(), terminal), (io.StringIO(), pipe)):
        assert coloured("right", "green", stream) == ("\033[32mright\033[0m" if wanted else "right")
        assert coloured("", "green", stream) == ""
