"""The progress bar: what a terminal shows, and that a pipe sees nothing."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from microgradcnn.fit import train
from microgradcnn.networks import conv_average
from microgradcnn.training.progress import bar


@pytest.fixture(autouse=True)
def _able_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


class Terminal(io.StringIO):
    """A terminal of one line."""

    def isatty(self) -> bool:
        return True

    def line(self) -> str:
        """What can be read on it now: \\r goes back to the start, ESC[K clears to the end."""
        cells: list[str] = []
        at = 0
        for character in self.getvalue().replace("\033[K", "\0"):
            if character == "\r":
                at = 0
            elif character == "\0":
                del cells[at:]
            else:
                cells[at : at + 1] = [character]
                at += 1
        return "".join(cells).rstrip()


# pytest puts its own stderr back after the fixtures are set up, so a test puts the terminal in place itself.
Show = Callable[[io.StringIO], io.StringIO]


@pytest.fixture
def show_on(monkeypatch: pytest.MonkeyPatch) -> Show:
    def shown(stream: io.StringIO) -> io.StringIO:
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return shown


@pytest.fixture(params=["tqdm", "plain"])
def either_bar(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """For a test that runs with tqdm, and again as if it were not installed."""
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "tqdm", None)
    return request.param


@pytest.mark.parametrize("total", [0, 1, 2, 1000])
def test_it_counts_to_the_end_and_clears_its_line(either_bar: str, show_on: Show, total: int) -> None:
    terminal = show_on(Terminal())
    assert list(bar(total, True, lambda: "loss 0.25")) == list(range(total))
    assert "\n" not in terminal.getvalue()
    assert terminal.line() == ""


def test_tqdm_draws_the_bar_where_it_is_installed(show_on: Show) -> None:
    terminal = show_on(Terminal())
    numbers = bar(1000, True, lambda: "")
    next(numbers)
    assert "0/1000" in terminal.line()
    assert "epoch/s" in terminal.line()
    numbers.close()


def test_the_plain_line_says_where_it_is(monkeypatch: pytest.MonkeyPatch, show_on: Show) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = show_on(Terminal())
    lines = [terminal.line() for _ in bar(1000, True, lambda: "loss 0.25")]
    assert lines[0] == ""
    assert lines[1] == "  0% epoch 0 of 1000 loss 0.25"
    assert lines[501] == " 50% epoch 500 of 1000 loss 0.25"
    assert len(set(lines)) == 1 + 200  # rewritten at every fifth epoch only


def test_it_may_start_in_the_middle(either_bar: str, show_on: Show) -> None:
    terminal = show_on(Terminal())
    numbers = bar(1000, True, lambda: "loss 0.25", 600)
    assert [next(numbers), next(numbers)] == [600, 601]
    assert " 60%" in terminal.line()
    assert list(numbers) == list(range(602, 1000))
    assert list(bar(1000, True, lambda: "", 1000)) == []


def interrupted(numbers: Iterator[int], how: type[BaseException] | None) -> None:
    for i in numbers:
        if i == 3 and how is None:
            break
        if i == 3:
            raise how


@pytest.mark.parametrize("how", [None, ValueError, KeyboardInterrupt])
def test_the_line_is_cleared_however_the_loop_ends(
    either_bar: str, show_on: Show, how: type[BaseException] | None
) -> None:
    terminal = show_on(Terminal())
    with suppress(how or ()):
        interrupted(bar(100, True, lambda: "loss 0.25"), how)
    assert "epoch" in terminal.getvalue()
    assert terminal.line() == ""


@pytest.mark.parametrize(("wanted", "stream"), [(True, io.StringIO), (False, io.StringIO), (False, Terminal)])
def test_a_pipe_or_a_user_who_wants_none_sees_nothing(
    show_on: Show, wanted: bool, stream: Callable[[], io.StringIO]
) -> None:
    shown = show_on(stream())
    assert list(bar(1000, wanted, lambda: "loss 0.25")) == list(range(1000))
    assert shown.getvalue() == ""


@pytest.mark.parametrize(("stream", "words"), [(Terminal, ["of 20", "loss 0."]), (io.StringIO, [])])
def test_training_shows_its_loss_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, show_on: Show, stream: Callable[[], io.StringIO], words: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    shown = show_on(stream())
    x, y = np.random.default_rng(0).uniform(size=(4, 9)), np.array([0.0, 1.0, 0.0, 1.0])
    assert len(train(conv_average(), x, y, epochs=20, progress=True).history) == 20
    assert all(word in shown.getvalue() for word in words)
    assert bool(shown.getvalue()) == bool(words)


def test_a_dumb_terminal_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(bar(5, True, lambda: "note")) == [0, 1, 2, 3, 4]
    assert terminal.getvalue() == ""


NOTE = ["loss 0.25", "accuracy 0.9712", "validation accuracy 0.9583", "something 1"]


@pytest.mark.parametrize(("columns", "parts"), [(40, 1), (60, 2), (80, 3), (100, 4)])
def test_a_plain_line_is_shorter_than_the_terminal_and_no_part_of_the_note_is_cut(
    columns: int, parts: int, show_on: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = show_on(Terminal())
    lines = {terminal.line() for _ in bar(1000, True, lambda: ", ".join(NOTE))}
    assert f" 50% epoch 500 of 1000 {', '.join(NOTE[:parts])}" in lines
    assert max(map(len, lines)) < columns


@pytest.mark.parametrize(("columns", "parts"), [(60, 0), (80, 1), (100, 2), (132, 4)])
def test_a_line_of_tqdm_keeps_its_bar_and_no_part_of_the_note_is_cut(
    columns: int, parts: int, show_on: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tqdm

    lines = []

    class Drawn(tqdm.tqdm):  # type: ignore[misc, type-arg]
        """Lines as tqdm lays them out after a minute in a terminal of so many columns."""

        def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
            lines.append(self.format_meter(500, 1000, 0.5, ncols=columns - 1, unit="epoch", postfix=s))

    monkeypatch.setattr(tqdm, "tqdm", Drawn)
    monkeypatch.setenv("COLUMNS", str(columns))
    show_on(Terminal())
    assert list(bar(3, True, lambda: ", ".join(NOTE), 0)) == [0, 1, 2]
    assert list(bar(1000, True, lambda: ", ".join(NOTE), 998)) == [998, 999]
    assert "█████" in lines[-1]
    assert len(lines[-1]) < columns
    assert lines[-1].endswith(f"1000.00epoch/s{''.join(f', {part}' for part in NOTE[:parts])}]")
