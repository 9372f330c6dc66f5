"""A long formula in several rows: where it may be broken, how wide its pieces are, and how they fill the rows.

A row is broken before a sign or after a comma, rather between terms than inside the brackets of one. The width of LaTeX
is estimated, in em of its 10 pt fonts and a little too large; that of text is its number of characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from microgradcnn.system.text_layout import columns

PAGE = 33.5  # em: a little less than the lines of LaTeX's article, 34.5
WIDE = 24.0  # em: a fraction, root or case that is wider is written so that it can be broken
_LEAST = 0.4  # of a row must be filled before a break outside brackets is better than a later one inside


class _Piece(NamedTuple):
    """A part that is not broken, how wide it is, and how many brackets a break before it would be in, if allowed."""

    text: str
    width: float
    depth: int | None


def text_rows(line: str, limit: int, first: int) -> list[str]:
    """A line of Unicode in rows of at most `limit` characters, the first of `first`, where it can be broken.

    What has no other place for it is broken between factors.
    """
    pieces, depth = list[_Piece](), 0
    for part in _parts(line, r"(?<=, )| (?=[+−⊙=] )"):
        factors = _parts(part, r"(?=·)|(?<=[)\]])(?=[(\[A-Za-zΑ-ω])") if columns(part) > min(limit, first) else [part]
        for i, factor in enumerate(factors):
            pieces.append(_Piece(factor, columns(factor), depth + _NEED * (i > 0)))
            depth += sum((c in "([{") - (c in ")]}") for c in factor)
    return ["".join(piece.text for piece in row).strip() for row in _evenly(pieces, limit, first)]


def _parts(line: str, breaks: str) -> list[str]:
    """The line cut where the pattern, of no width, is found."""
    starts = [0, *(found.start() for found in re.finditer(breaks, line)), len(line)]
    return [line[start:end] for start, end in pairwise(starts)]


def latex_rows(tex: str, limit: float, first: float) -> list[str]:
    """LaTeX mathematics in rows of at most `limit` em, the first of `first`, where it can be broken."""
    if len(tex) < 2 * first or width(tex) <= first:
        return [tex]
    tex = re.sub(r"\\(left|right)(?=[(\[|)\]])", lambda m: {"left": r"\Bigl", "right": r"\Bigr"}[m[1]], tex)
    rows = _evenly(list(_pieces(tex)), limit, first)
    return [r"\cdot " * (row[0].text == " ") + "".join(piece.text for piece in row).strip() for row in rows]


def width(tex: str) -> float:
    """How wide LaTeX mathematics will be, in em."""
    return sum(piece.width for piece in _pieces(tex))


def _evenly(pieces: Sequence[_Piece], limit: float, first: float) -> list[Sequence[_Piece]]:
    """As few rows as there can be, of about the same width."""
    rows = list(_filled(pieces, limit, first))
    low, high = 0.0, 1.0
    for _ in range(5 if len(rows) > 1 else 0):
        scale = (low + high) / 2
        tried = list(_filled(pieces, scale * limit, scale * first))
        if len(tried) > len(rows):
            low = scale
        else:
            rows, high = tried, scale
    return rows


def _filled(pieces: Sequence[_Piece], limit: float, first: float) -> Iterable[Sequence[_Piece]]:
    """Every row as full as it can be."""
    start, room = 0, first
    while start < len(pieces):
        filled, end, best = 0.0, start, None
        while end < len(pieces) and (filled + pieces[end].width <= room or end == start):
            filled += pieces[end].width
            end += 1
            depth = pieces[end].depth if end < len(pieces) else None
            if depth is not None and (best is None or filled < _LEAST * room or depth <= best[1]):
                best = end, depth
        if end < len(pieces):
            beyond = (i for i in range(end, len(pieces)) if pieces[i].depth is not None)
            end = best[0] if best else next(beyond, len(pieces))
        yield pieces[start:end]
        start, room = end, limit


_TOKEN = re.compile(r"\\begin\{cases\}|\\[A-Za-z]+|\\.| (?:[-+=<>/]|\\(?:cdot|odot|le|ge|ne)) |, |.", re.DOTALL)
_BINARY = 1.3
_WORDS = (r"\text", r"\textit", r"\mathit", r"\operatorname")
_WIDER = {r"\sqrt": (1.0, 1.0), **dict.fromkeys("_^", (0.8, 0.06)), **dict.fromkeys(_WORDS, (1.0, 0.0))}
_WIDER |= dict.fromkeys((r"\hat", r"\bar", r"\tilde"), (1.0, 0.0))
_WIDTHS = {r"\exp": 1.5, r"\log": 1.3, r"\tanh": 2.1, r"\max": 1.9, r"\min": 1.7, r"\quad": 1.0, r"\dots": 1.2}
_WIDTHS |= {r"\sin": 1.2, r"\cos": 1.4, r"\tan": 1.4, r"\sinh": 1.8, r"\cosh": 2.0, r"\lfloor": 0.5, r"\rfloor": 0.5}
_WIDTHS |= {r"\arcsin": 2.5, r"\arccos": 2.7, r"\arctan": 2.7}
_WIDTHS |= {r"\left": 0.0, r"\right": 0.0, r"\Bigl": 0.2, r"\Bigr": 0.2, r"\infty": 1.0, r"\leftarrow": 1.5}
_WIDTHS |= {**dict.fromkeys(" {}&", 0.0), ",": 0.45, ", ": 0.45, "w": 0.76, r"\eta": 0.55, r"\lambda": 0.6, "m": 0.9}
_WIDTHS |= {**dict.fromkeys("()[]|ijlt", 0.42), **dict.fromkeys("-+=<>", 0.8)}
_WIDTHS |= {**dict.fromkeys("0123456789acegqrsvxyz", 0.52), **dict.fromkeys("bdhknopu", 0.58)}
_LETTER = 0.76
_NEED = 20  # as if so many brackets stood around it


def _pieces(tex: str) -> Iterable[_Piece]:
    """Every token of LaTeX with its arguments; a break is allowed before signs and words, after commas, and in need
    between the factors of a product."""
    at, depth, after_comma = 0, 0, False
    while at < len(tex):
        token = _TOKEN.match(tex, at)
        assert token is not None
        kind, start = token[0], at
        at, wide = _measured(kind, tex, token.end())
        allowed = after_comma or (len(kind) > 2 and kind[0] == kind[-1] == " ") or tex.startswith(r"\text{ ", start)
        yield _Piece(tex[start:at], wide, depth if allowed else depth + _NEED if kind == " " else None)
        depth += (kind in "([") - (kind in ")]")
        after_comma = kind == ", "


def _measured(kind: str, tex: str, at: int) -> tuple[int, float]:
    """Where a token and its arguments end, and how wide they are."""
    if kind == r"\begin{cases}":
        at, cells = _cases(tex, at)
        return at, 2.5 + max(map(width, cells[::2])) + max(map(width, cells[1::2]))
    if kind in (r"\frac", r"\tfrac"):
        above, at = _group(tex, at)
        below, at = _group(tex, at)
        return at, 0.3 + max(width(above), width(below))
    if kind in _WIDER:
        inside, at = _group(tex, at)
        scale, more = _WIDER[kind]
        return at, scale * (_width_of_words(inside) if kind in _WORDS else width(inside)) + more
    return at, _BINARY if len(kind) > 2 and kind[0] == kind[-1] == " " else _WIDTHS.get(kind, _LETTER)


def _group(tex: str, at: int) -> tuple[str, int]:
    """What stands in the braces that open at `at`, or the one character there; and where it ends."""
    if tex[at : at + 1] != "{":
        return tex[at : at + 1], at + 1
    depth, end = 0, at
    while True:
        depth += (tex[end] == "{") - (tex[end] == "}")
        end += 2 if tex[end] == "\\" else 1
        if depth == 0:
            return tex[at + 1 : end - 1], end


def _cases(tex: str, at: int) -> tuple[int, list[str]]:
    """Where the cases that began before `at` end, and their cells: what and when, without what is nested in them."""
    depth, cells, start = 1, list[str](), at
    for found in re.finditer(r"\\begin\{cases\}|\\end\{cases\}|\\\\|(?<!\\)&", tex[at:]):
        depth += {r"\b": 1, r"\e": -1}.get(found[0][:2], 0)
        if depth == 0 or (depth == 1 and found[0] in ("&", r"\\")):
            cells.append(tex[start : at + found.start()])
            start = at + found.end()
        if depth == 0:
            break
    return start, cells


def _width_of_words(words: str) -> float:
    letters = re.sub(r"\\[A-Za-z]+", "M", words)
    return sum(0.75 if c.isupper() or c in "+<>" else 0.5 for c in letters if c not in "\\{}$")
