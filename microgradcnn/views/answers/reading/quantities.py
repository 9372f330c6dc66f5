"""Quantities: what the numbers and names in a formula stand for, also in sums and where the text explains names."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from microgradcnn.engine.value import Value
from microgradcnn.views.answers.reading.cursor import Cursor
from microgradcnn.views.answers.reading.derivatives import derivative_name
from microgradcnn.views.answers.reading.names import FormulaError, Names
from microgradcnn.views.answers.reading.notations import FRACTIONS, LARGEST, TERMS
from microgradcnn.views.answers.reading.vectors import Term, vector

Leaf: TypeAlias = Callable[[str], Value]  # gives the Value of a name


class Indices:
    """The place of every index of a sum now, and how far the names in a sum without bounds let its index go."""

    def __init__(self, names: Names, step: Callable[[], None]) -> None:
        self.names, self.step = names, step
        self.places = dict[str, int]()
        self.reaches = dict[str, set[int]]()

    def find(self, pieces: Sequence[str]) -> str | None:
        """The label of a name in pieces, its letter and its indices, such as w, i and j+1; None if there is none."""
        label = self.names.find(self.spelled(pieces))
        for index, reaches in self.reaches.items() if label is not None else ():
            if any(index in piece for piece in pieces[1:]):
                place = self.places[index]
                while place <= TERMS and self._is_known(pieces, {**self.places, index: place + 1}):
                    self.step()
                    place += 1
                reaches.add(place)
        return label

    def _is_known(self, pieces: Sequence[str], places: Mapping[str, int]) -> bool:
        return self.names.find(self.spelled(pieces, places)) is not None

    def spelled(self, pieces: Sequence[str], places: Mapping[str, int] | None = None) -> str:
        """The name in pieces with the places in it that indices have, now or otherwise: w_1_3 for w, i and j+1."""
        places = self.places if places is None else places
        base, *indices = pieces
        found = [base]
        for piece in indices:
            apart = [*piece] if piece.isalpha() and piece not in places and places.keys() >= {*piece} else [piece]
            found += [_place(part, places) for part in apart]
        return "_".join(found)


def _place(index: str, places: Mapping[str, int]) -> str:
    """What i, or i+1, is now; an index of which nothing is known stays as it is."""
    terms = re.findall("([+-]?)([a-z]+|[0-9]+)", index)
    if not all(term.isdigit() or term in places for _, term in terms):
        return index
    known = {**places, **{term: int(term) for _, term in terms if term.isdigit()}}
    return str(sum(-known[term] if sign == "-" else known[term] for sign, term in terms))


class Quantities(Cursor):
    """Tokens, and the Values of those that are numbers or names; `digits` are those of the decimals among them."""

    def __init__(self, names: Names, leaf: Leaf, most_steps: int) -> None:
        super().__init__(most_steps)
        self.names, self.leaf, self.indices, self.digits = names, leaf, Indices(names, self.step), list[int]()
        self.meanings: Mapping[str, str] = {}  # of names that the text itself explains
        self.known = dict[str, Term]()  # what those stand for that were met

    def quantity(self) -> Term:
        """What the next token stands for. Raises FormulaError if it is neither a number nor a name."""
        if self.kind == "number":
            return self.number()
        if self.kind == "name":
            return self.value(self.take().text)
        if self.kind in ("index", "indexed"):
            return self.indexed()
        if self.kind == "vector":
            token = self.take()
            if self.kind == "[":
                raise FormulaError(f"the index of {token.text} in column {token.column} is no whole number from 0")
            family = self.names.family(token.text).values()
            for _ in family:
                self.step()
            return vector(map(self.value, family), token)
        if self.kind == "derivative":
            return self.derivative()
        raise self.unexpected()

    def value(self, name: str) -> Term:
        """What a name stands for: what the text says, in which the name is the graph's; or what is the graph's."""
        if name not in self.meanings:
            return self.leaf(name)
        if name not in self.known:
            others = {other: text for other, text in self.meanings.items() if other != name}
            self.known[name] = self.explained(self.meanings[name], others)
        return self.known[name]

    @abstractmethod
    def explained(self, text: str, others: Mapping[str, str]) -> Term:
        """What a text stands for that explains a name, where these others are explained too."""

    def number(self) -> Value:
        """The next number. Raises FormulaError for 1,000, which could be two, and for one that is too large."""
        token = self.take()
        text = token.text.replace(",", ".")
        if re.fullmatch("[1-9][0-9]{0,2},[0-9]{3}", token.text):
            raise FormulaError(
                f"{token.text} in column {token.column} could be {text} or {token.text.replace(',', '')}"
            )
        value = FRACTIONS[text] if text in FRACTIONS else float(text)
        if abs(value) > LARGEST:
            raise FormulaError(f"the number in column {token.column} is too large: {LARGEST:.0e} is the most")
        if "." in text:
            self.digits.append(len(text.lower().partition("e")[0].replace(".", "").lstrip("0")))
        return -Value(abs(value)) if value < 0 else Value(abs(value))

    def indexed(self) -> Term:
        """A name whose index speaks of what a sum runs over, or that itself as a number."""
        token = self.take()
        if token.text in self.indices.places:
            return Value(float(self.indices.places[token.text]))
        pieces = token.text.split(" ")
        if (label := self.indices.find(pieces)) is None:
            raise FormulaError(f"{self.names.unknown(self.indices.spelled(pieces))} (column {token.column})")
        return self.value(label)

    def derivative(self) -> Value:
        """A derivative of the graph. Raises FormulaError for what is asked for, and where a name was explained."""
        token = self.take()
        d, *names = token.text.split(" ")
        above, below = (self.indices.find(name.split("_")) for name in names)
        if (above, below) == self.names.asked:
            raise FormulaError(f"d{above}/d{below} in column {token.column} is what is asked for: write it out")
        if above is None or below is None or not self.meanings.keys().isdisjoint((above, below)):
            raise FormulaError(f"there is no derivative d{names[0]}/d{names[1]} here (column {token.column})")
        return self.leaf(derivative_name(d, above, below))
