"""A progress bar on a terminal that can clear a line: tqdm where it is installed, else one plain line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

UPDATES = 200  # how often the plain line is rewritten


def bar(total: int, wanted: bool, note: Callable[[], str], start: int = 0) -> Iterator[int]:
    """Count from `start` to total - 1, showing on stderr, if that is a terminal, how far it is, with `note()`."""
    if not wanted or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield from range(start, total)
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield from _plain(total, note, start)
        return
    with tqdm(total=total, initial=start, unit="epoch", leave=False, dynamic_ncols=True) as shown:
        for i in range(start, total):
            yield i
            shown.set_postfix_str(note(), refresh=False)
            shown.update()


def _plain(total: int, note: Callable[[], str], start: int) -> Iterator[int]:
    every = max(total // UPDATES, 1)
    try:
        for i in range(start, total):
            yield i
            if i % every == 0:
                sys.stderr.write(f"\r{100 * i // total:3d}% epoch {i} of {total} {note()}\033[K")
                sys.stderr.flush()
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
