"""A progress bar on a terminal that can clear a line: tqdm where it is installed, else one plain line.

Neither is longer than the terminal's line: of what is noted beside it as much is shown as there is room for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator

from microgradcnn.system.terminal import USUAL, columns, is_terminal

UPDATES = 200  # how often the plain line is rewritten
BAR = 10  # columns of tqdm's bar, at least
BESIDE = len("100%|| / [00:00<00:00, 1234.56epoch/s, ]")  # columns of what it writes around its bar and the counts


def bar(
    total: int, wanted: bool, note: Callable[[], str], start: int = 0, unit: str = "epoch"
) -> Generator[int, None, None]:
    """Count from `start` to total - 1, showing on stderr, if that is a terminal, how far it is, with `note()`.

    `unit` is what is counted.
    """
    if not wanted or not is_terminal(sys.stderr):
        yield from range(start, total)
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield from _plain(total, note, start, unit)
        return
    with tqdm(total=total, initial=start, unit=unit, leave=False, dynamic_ncols=True) as shown:
        for i in range(start, total):
            yield i
            room = _columns() - BAR - BESIDE - 2 * len(str(total))
            shown.set_postfix_str(_fitting(note(), room), refresh=False)
            shown.update()


def _plain(total: int, note: Callable[[], str], start: int, unit: str) -> Generator[int, None, None]:
    every = max(total // UPDATES, 1)
    try:
        for i in range(start, total):
            yield i
            if i % every == 0:
                start_of_line = f"{100 * i // total:3d}% {unit} {i} of {total}"
                told = _fitting(note(), _columns() - len(start_of_line) - 1)
                sys.stderr.write(f"\r{start_of_line} {told}\033[K")
                sys.stderr.flush()
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()


def _columns() -> int:
    """How long a line may be: one that fills the last column would start the next."""
    return (columns(sys.stderr) or USUAL) - 1


def _fitting(note: str, room: int) -> str:
    """As many parts of the note, from its start, as there is room for."""
    parts = note.split(", ")
    while parts and len(", ".join(parts)) > room:
        parts.pop()
    return ", ".join(parts)
