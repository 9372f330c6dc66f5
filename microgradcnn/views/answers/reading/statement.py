"""What stands around a formula: a left side, dollars, a full stop, and what names mean ("where e = ŷ − y")."""

from __future__ import annotations

import re
from typing import NamedTuple

from microgradcnn.views.answers.reading import notations
from microgradcnn.views.answers.reading.names import FormulaError, Names, canonical

_SAME_CHARACTERS = str.maketrans(notations.SAME_CHARACTERS)


class Statement(NamedTuple):
    """A formula, and the formulas that names in it stand for; each in its column of the text, after spaces."""

    formula: str
    meanings: dict[str, str]


def statement(text: str, names: Names) -> Statement:
    """The formula in a text, without what stands around it.

    Raises FormulaError for a left side that is not what is asked for, and for meanings without a formula.
    """
    text = _unwrapped(text.translate(_SAME_CHARACTERS))
    outside = _outside(text)
    found = [match for match in notations.MEANING.finditer(text) if match.end() - 1 in outside]
    if len(found) > notations.MEANINGS:
        raise FormulaError(f"{len(found)} names are given a meaning: {notations.MEANINGS} are the most")
    ends = [*(match.start() for match in found), len(text)]
    meanings, plain = dict[str, str](), [(0, ends[0])]
    for match, end in zip(found, ends[1:], strict=True):
        stop = next((i for i in range(match.end(), end) if text[i] in ";\n" and i in outside), end)
        plain.append((stop + 1, end))
        if (name := canonical(match[1]) or "") in meanings:
            raise FormulaError(f"{name} in column {match.start(1) + 1} has a meaning already")
        meanings[name] = " " * match.end() + text[match.end() : stop]
    plain = [(start, end) for start, end in plain if text[start:end].strip()]
    if found and not plain:
        raise FormulaError(f"'=' in column {found[0].end()} {notations.WHY['=']}")
    if len(plain) != 1:  # whatever separates them has no place in a formula
        return Statement(text, {})
    ((start, end),) = plain
    return Statement(_right_side(" " * start + text[start:end], names), meanings)


def _unwrapped(text: str) -> str:
    """The text without a final full stop, and with spaces for what tells mathematics from words."""
    for opening, closing in notations.WRAPPERS:
        count = text.count(opening)
        if count and count == text.count(closing) and (opening != closing or count % 2 == 0):
            text = text.replace(opening, " " * len(opening)).replace(closing, " " * len(closing))
    text = text.rstrip()
    return text[:-1] if text.endswith(".") else text


def _outside(text: str) -> set[int]:
    """Where the text is in no brackets."""
    depth, found = 0, set()
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            found.add(i)
    return found


def _right_side(text: str, names: Names) -> str:
    """The formula without a left side that says what it is. Raises FormulaError if that is not what is asked for."""
    spaces = notations.SPACE.match(text)
    start = spaces.end() if spaces else 0
    left = notations.DERIVATIVE.match(text, start) or notations.GRADIENT.match(text, start)
    equals = left and re.compile(r"[ ]*=(?!=)").match(text, left.end())
    if left is None or equals is None:
        return text
    pieces = [piece for piece in left.groups() if piece]
    above, below = (pieces[1], pieces[3]) if left.re is notations.DERIVATIVE else (pieces[-1], *pieces[:-1], "")[:2]
    if names.asked is not None:
        f, x = names.asked
        known, by = names.find(canonical(above) or ""), canonical(below) or ""
        if known not in (None, f) or (by and names.find(by) != x and by != (canonical(x) or "").rpartition("_")[0]):
            raise FormulaError(f"{left[0].strip()} in column {start + 1} is not d{f}/d{x}, which is asked for")
    return " " * equals.end() + text[equals.end() :]
