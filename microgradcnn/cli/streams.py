"""Standard output and error that take whatever is written, in an encoding without σ and closed as well."""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import TextIO

from microgradcnn.system.terminal import coloured, fitted

_SIGNS = {"−": "-", "–": "-", "·": "*", "×": "x", "÷": "/", "√": "sqrt ", "≤": "<=", "≥": ">=", "≠": "!=", "∞": "inf"}
_SIGNS |= {"←": "<-", "→": "->", "…": "...", "─": "-", "⊙": "(*)", "‖": "||", "ŷ": "y_hat", "✓": "ok", "✗": "wrong"}
_SIGNS |= {"\u0302": "_hat", "\u0304": "_bar", "\u0303": "_tilde"}
_RAISED = {"<super>": "^", "<sub>": "_"}
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def escaped(text: str, keep: str = "") -> str:
    """The text with what would move a terminal's cursor or colour it written out, as \\n; `keep` stays as it is."""
    return _CONTROLS.sub(lambda m: m[0] if m[0] in keep else m[0].encode("unicode_escape").decode(), text)


def takes(text: str, stream: TextIO) -> bool:
    """Whether the stream's encoding has every character of the text."""
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def lenient_streams() -> Iterator[None]:
    """Inside, both streams write in ASCII what their encoding lacks, sigma for σ; a closed one keeps nothing."""
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stack.enter_context(_lenient(name))
        yield


@contextmanager
def _lenient(name: str) -> Iterator[None]:
    stream = getattr(sys, name)
    if stream is None:  # closed by whoever started us: a file that is opened later must not get its number
        with open(os.devnull, "w", encoding="utf-8") as sink:
            setattr(sys, name, sink)
            try:
                yield
            finally:
                setattr(sys, name, None)
    elif isinstance(stream, io.TextIOWrapper):
        before = stream.errors
        stream.reconfigure(errors="microgradcnn.ascii")
        try:
            yield
        finally:
            with suppress(OSError, ValueError):  # its reader has left
                stream.reconfigure(errors=before)
    else:
        yield


def tell(sentence: object, failed: bool = False) -> None:
    """Say a sentence on standard error, after the program's name, which is red where something has failed."""
    name = "microgradcnn:"
    text = fitted(f"{name} {sentence}", sys.stderr)
    print(coloured(name, "red", sys.stderr) + text.removeprefix(name) if failed else text, file=sys.stderr)


def discard_output() -> None:
    """Let go nowhere what is still in the buffer of a stream whose reader has left, or whose disk is full."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start, end = error.object, error.start, error.end
    return "".join(_spelt(text[i], text[i - 1] if i else "") for i in range(start, end)), end


@cache
def _signs() -> dict[str, str]:
    """_SIGNS with the Greek letters, which formulas have: the help does without, and is there the earlier."""
    from microgradcnn.views.formulas.expression import GREEK

    return _SIGNS | {letter: name for name, letter in GREEK.items()}


def _spelt(character: str, before: str) -> str:
    """A character in ASCII: by its name, as _1 or ^2 (once for several in a row), or as an escape."""
    if (sign := _signs().get(character)) is not None:
        return sign
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    plain = "".join(chr(int(code, 16)) for code in codes)
    plain = "".join(_signs().get(c, c) for c in plain)
    if kind in _RAISED and plain.isascii():
        follows = bool(before) and unicodedata.decomposition(before).startswith(kind)
        return plain if follows else _RAISED[kind] + plain
    if kind == "<fraction>":
        return f"({plain.replace(chr(0x2044), '/')})"
    return character.encode("ascii", "backslashreplace").decode()


codecs.register_error("microgradcnn.ascii", _in_ascii)
