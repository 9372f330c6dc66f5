"""Indices: what the sums around a place in a formula run over, and the names that speak of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from microgradcnn.views.answers.reading.names import Names
from microgradcnn.views.answers.reading.notations import TERMS


class Indices:
    """The place of every index of a sum now, and how far the names in a sum without bounds let its index go."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.places = dict[str, int]()
        self.reaches = dict[str, set[int]]()

    def find(self, pieces: Sequence[str]) -> str | None:
        """The label of a name in pieces, its letter and its indices, such as w, i and j+1; None if there is none."""
        label = self._label(pieces, self.places)
        for index, reaches in self.reaches.items() if label is not None else ():
            if any(index in piece for piece in pieces[1:]):
                place = self.places[index]
                while place <= TERMS and self._label(pieces, {**self.places, index: place + 1}) is not None:
                    place += 1
                reaches.add(place)
        return label

    def _label(self, pieces: Sequence[str], places: Mapping[str, int]) -> str | None:
        base, *indices = pieces
        found = [base]
        for piece in indices:
            apart = [*piece] if piece.isalpha() and piece not in places and places.keys() >= {*piece} else [piece]
            found += [_place(part, places) for part in apart]
        return self.names.find("_".join(found))


def _place(index: str, places: Mapping[str, int]) -> str:
    """What i, or i+1, is now; an index of which nothing is known stays as it is."""
    terms = re.findall("([+-]?)([a-z]+|[0-9]+)", index)
    if not all(term.isdigit() or term in places for _, term in terms):
        return index
    known = {**places, **{term: int(term) for _, term in terms if term.isdigit()}}
    return str(sum(-known[term] if sign == "-" else known[term] for sign, term in terms))
