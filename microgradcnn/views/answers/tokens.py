"""The words of a student's formula: the text cut into tokens, names resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from microgradcnn.views.answers.reading import notations
from microgradcnn.views.answers.reading.names import FormulaError, Names, Token, canonical, shown, spelled
from microgradcnn.views.answers.reading.notations import SPELLINGS

__all__ = ["SPELLINGS", "FormulaError", "Names", "Token", "canonical", "derivative_in", "shown", "tokenize"]

_HIGH, _LOW = str.maketrans(notations.HIGH), str.maketrans(notations.LOW)
_SAME_CHARACTERS = str.maketrans(notations.SAME_CHARACTERS)

_KINDS = {  # of the pieces that are one token each; any other is its own kind
    **{notations.NUMBER: "number", notations.DECIMAL_COMMA: "number", notations.WORD: "function"},
    **{notations.ELSE: "else", notations.IF: "if", notations.TRANSPOSED: "transposed", notations.PRIME: "'"},
    notations.INDICATOR: "indicator",
}


def tokenize(text: str, names: Names) -> Iterator[Token]:
    """The text cut up, names resolved. Raises FormulaError at the first thing that belongs in no formula."""
    text = text.translate(_SAME_CHARACTERS)
    at, last, calls = 0, Token("", "", 0), [""]  # what is open: the functions, and the brackets that are of none
    before, indices = [last], set[str]()  # what stands before each of these brackets; what sums have run over so far
    while at < len(text):
        found = notations.SPACE.match(text, at)
        if found is None:
            if text[at] == "," and before[-1].kind == "name":
                names.refuse_arguments(before[-1])
            found, at = _match(text, at, calls[-1], names, indices)
            for token in _tokens(found, text, names, indices):
                if token.kind in notations.CLOSING:
                    calls.append(last.text if last.kind == "function" else token.kind)
                    before.append(last)
                elif token.kind in notations.CLOSING.values() and len(calls) > 1:
                    calls.pop()
                    before.pop()
                last = token
                yield token
        else:
            at = found.end()


def _match(text: str, at: int, inside: str, names: Names, indices: set[str]) -> tuple[re.Match[str], int]:
    """The next piece of the text, among the arguments of a function or inside a bracket, and where it ends."""
    if found := names.place_at(text, at):
        return found, found.end()
    found = notations.STATIC.match(text, at)
    if found and found[1] in names.parameters(inside)[1] and ("=" in found[0] or found[1] not in names.labels):
        return found, found.end()
    choices = [notations.CASE] * (inside == "{") + [notations.CHOICE] * (names.find("if") is None)
    found = _first(text, at, *choices, notations.WORD)
    if found and (found.re in choices or (found[0] in names.functions and canonical(found[0]) is None)):
        return found, found.end()
    if indices and (found := notations.INDEXED.match(text, at)) and (end := _end_of_index(found, indices)):
        return found, end
    if (found := _compound(text, at, names, indices)) is not None:
        return found, found.end()
    alone = inside in ("", *notations.CLOSING) or names.takes_one(SPELLINGS.get(inside, inside))
    patterns = [notations.DECIMAL_COMMA] if alone else []
    patterns += [notations.NUMBER, notations.RAISED, notations.NAME, notations.SYMBOL]
    patterns += [notations.COMMA, notations.EQUALS] if inside else []
    patterns += [notations.ELSE, notations.IF, notations.EQUAL] if inside == "cases" else []
    if (found := _first(text, at, *patterns)) is None:
        why = notations.WHY.get(text[at], "has no place in a formula")
        command = re.match(r"\\[A-Za-z]*", text[at : at + 20])
        raise FormulaError(f"{shown(command[0] if command else text[at])} in column {at + 1} {why}")
    return found, found.end()


def _first(text: str, at: int, *patterns: re.Pattern[str]) -> re.Match[str] | None:
    return next((found for pattern in patterns if (found := pattern.match(text, at))), None)


def _compound(text: str, at: int, names: Names, indices: set[str]) -> re.Match[str] | None:
    """What begins like a name or a number, and is more: a sum, a derivative, w[0], a transpose, an indicator."""
    found = notations.SUM.match(text, at)
    if found and (text[at] != "s" or "=" in found[0] or names.find(canonical(found[0]) or "") is None):
        return found
    found = notations.DERIVATIVE.match(text, at) if names.asked is not None else None
    if found and derivative_in(found, names, indices):
        return found
    if (found := notations.ENTRY.match(text, at)) and (name := canonical(found[1])) and not names.find(name):
        return found if names.family(name) or names.family(name, "_[0-9]+") else None
    if (found := notations.TRANSPOSED.match(text, at)) and not names.find("T"):
        return found
    return _first(text, at, notations.PRIME, notations.INDICATOR)


def derivative_in(found: re.Match[str], names: Names, indices: Set[str] = frozenset()) -> str | None:
    """A match of DERIVATIVE as its d, ∂ or d, and the names above and below; None where it is a quotient of names.

    dz/dx is a derivative also where d is a name, which would cancel in the quotient. Raises FormulaError for an unknown
    name.
    """
    first = next(place for place in (1, 5, 9) if found[place])
    d, top, bottom = found[first], found[first + 1], found[first + 3]
    above, below = canonical(top) or "", canonical(bottom) or ""
    unknown = [name for name in (above, below) if names.find(name) is None and indices.isdisjoint(name.split("_"))]
    joined = found.end(first) == found.start(first + 1)
    if d == "d" and (names.find(f"d{above}") or (names.find("d") and (unknown or not joined))):
        return None
    for name in unknown:
        raise FormulaError(f"{names.unknown(name)} (column {found.start() + 1})")
    return f"{'d' if 'd' in d else '∂'} {above} {below}"


def _end_of_index(found: re.Match[str], indices: set[str]) -> int:
    """Where a name ends whose index speaks of what a sum runs over; 0 for any other."""
    _, braces, letters, low = found.groups()
    if letters is None:
        inside = re.findall("[a-z]+", braces or low.translate(_LOW))
        return found.end() if any(set(piece) <= indices for piece in inside) else 0
    length = next((i for i, letter in enumerate(letters) if letter not in indices), len(letters))
    return found.start(3) + length if length else 0


def _tokens(found: re.Match[str], text: str, names: Names, indices: set[str]) -> Iterator[Token]:
    """What a piece of the text stands for."""
    column = found.start() + 1
    if found[0] in names.places:
        yield Token("name", found[0], column)
    elif found.re is notations.NAME:
        yield from _named(found, text, names, indices)
    elif found.re is notations.RAISED:
        yield Token("^", found[0], column)
        yield Token("raised", found[0].translate(_HIGH), column)
    elif found.re is notations.STATIC:
        yield Token("static", found[1], column)
    elif found.re is notations.SUM:
        index = (found[1] or found[2] or found[4]).translate(_LOW)
        indices.add(index)
        yield Token("sum", " ".join([index, found[3] or "", found[5] or found[6] or ""]), column)
    elif found.re is notations.DERIVATIVE:
        yield Token("derivative", derivative_in(found, names, indices) or "", column)
    elif found.re is notations.ENTRY:
        yield _entry(found, names)
    elif found.re is notations.INDEXED:
        yield from _indexed(found, names, indices)
    else:
        kind = _KINDS.get(found.re, notations.SAME.get(found[0], found[0]))
        yield Token(found[0].removeprefix(", ") if found.re is notations.CASE else kind, found[0], column)


def _entry(found: re.Match[str], names: Names) -> Token:
    """w[0] as Python counts, from 0: w_1."""
    places = [int(place) for place in re.findall("[0-9]+", found[0][len(found[1]) :])]
    name = canonical(found[1]) or ""
    label = names.labels.get("_".join([name, *(str(place + 1) for place in places)]))
    if label is None:
        family = [*(names.family(name) or names.family(name, "_[0-9]+")).values()]
        raise FormulaError(
            f"{shown(found[0])} in column {found.start() + 1} is none of {family[0]} to {family[-1]}: "
            f"Python counts from 0, and {found[1]}[0] is {family[0]}"
        )
    return Token("name", label, found.start() + 1)


def _indexed(found: re.Match[str], names: Names, indices: set[str]) -> Iterator[Token]:
    """w_i as the name and its index: "w i"; what is written together with it before."""
    end = _end_of_index(found, indices)
    index = (found[2] or (found[3] or "")[: end - found.start(3)] or found[4].translate(_LOW)).strip()
    name, column = canonical(found[1]) or "", found.start() + 1
    letters = [*name] if name.isalpha() and found[1] == name and not _has_family(name, names) else [name]
    for letter in letters[:-1]:
        label = letter if letter in indices else names.find(letter)
        if label is None or len(letters) > 8:
            raise FormulaError(f"{names.unknown(f'{name}_{index}')} (column {column})")
        yield Token("index" if letter in indices else "name", label, column)
    for sign in "+-":
        index = sign.join(part.strip() for part in index.split(sign))
    yield Token("indexed", f"{letters[-1]} {index.replace(',', ' ')}", column)


def _has_family(name: str, names: Names) -> bool:
    return names.find(f"{name}_1") is not None or bool(names.family(name, "(_[0-9]+)*"))


def _named(match: re.Match[str], text: str, names: Names, indices: set[str]) -> Iterator[Token]:
    """One name, or several that are written together."""
    name, column = spelled(match), match.start() + 1
    end = space.end() if (space := notations.SPACE.match(text, match.end())) else match.end()
    label = names.find(name)
    after = text[end : end + 1]
    own = name in names.functions and name not in names.labels and after in ("'", *notations.CLOSING)
    if name in indices:
        yield Token("index", name, column)
    elif own or (name in SPELLINGS and (label is None or (after in ("(", "'") and name not in notations.YIELDING))):
        yield Token("function", name, column)
    elif label is not None:
        yield Token("name", label, column)
    elif name == "e" and (after == "^" or text[end : end + 2] == "**"):
        yield Token("function", name, column)
    elif names.constant(name):  # in brackets, so that 2π is a product
        yield from (Token("(", "(", column), Token("number", name, column), Token(")", ")", column))
    elif names.family(name):
        yield Token("vector", name, column)
    else:
        letters, _, index = name.partition("_")
        pieces = [*letters[:-1][:8], f"{letters[-1]}_{index}" if index else letters[-1]]
        labels = [piece if piece in indices else names.find(piece) for piece in pieces]
        if len(letters) > 8 or None in labels:
            raise FormulaError(f"{names.unknown(name)} (column {column})")
        yield from (
            Token("index" if piece in indices else "name", str(label), column)
            for piece, label in zip(pieces, labels, strict=True)
        )
