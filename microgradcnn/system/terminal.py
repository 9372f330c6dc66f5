"""What a terminal can show: how many columns it has, text within them, and whether it is to be coloured."""

from __future__ import annotations

import os
from typing import TextIO

from microgradcnn.system.text_layout import wrapped

USUAL = 80  # columns of a terminal that does not say
NARROWEST = 40


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody reads the stream on a terminal that can move its cursor."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def columns(stream: TextIO) -> int | None:
    """The columns of a line: COLUMNS where that is set, in a pipe too, else those of the terminal; None of a pipe."""
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdecimal() and int(given):
        return max(int(given), NARROWEST)
    if not stream.isatty():
        return None
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):  # it is a terminal by its word only
        found = 0
    return max(found, NARROWEST) if found else USUAL


def fitted(text: str, stream: TextIO) -> str:
    """The text with lines that are longer than the stream's broken at spaces; in a pipe as it is."""
    width = columns(stream)
    return "\n".join([row for line in text.split("\n") for row in wrapped(line, width)])


def has_colours(stream: TextIO) -> bool:
    """Whether what is written there may be coloured.

    NO_COLOR (no-color.org) says no and FORCE_COLOR (force-color.org) yes, whatever they are set to unless to nothing;
    else a terminal is coloured that is not TERM=dumb.
    """
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or is_terminal(stream)


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """The text in red, green or blue, or bold, where the stream has colours."""
    codes = {"bold": 1, "red": 31, "green": 32, "blue": 34}
    return f"\033[{codes[colour]}m{text}\033[0m" if text and has_colours(stream) else text
