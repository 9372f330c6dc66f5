"""A class list: who gets a sheet, the seed of each from one secret, and whose work an answer file is."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from microgradcnn.views.worksheets.grading import printable
from microgradcnn.views.worksheets.worksheet import Worksheet

# What systems call these columns, in any letters, in English and German; a list of Canvas has an ID of its own beside
# that of the school.
_IDS = ("sis user id", "id number", "id-nummer", "student id", "matrikelnummer", "id", "username", "anmeldename")
_NAMES = ("name", "student", "full name", "vollständiger name")
_NAME_PARTS = (
    ("first name", "firstname", "given name", "vorname"),
    ("last name", "lastname", "surname", "family name", "nachname", "familienname"),
)
_TRIES = 20  # seeds of one student


@dataclass(frozen=True)
class Student:
    """One line of a class list: the id, the name, and the whole line by its columns."""

    id: str
    name: str
    columns: Mapping[str, str]

    def seed(self, secret: str, attempt: int = 0) -> str:
        """The seed of their sheet: nobody who knows it learns the secret, or the seed of another student."""
        words = f"{self.id}\n{attempt}" if attempt else self.id
        return hmac.new(secret.encode(), words.encode(), hashlib.sha256).hexdigest()[:32]

    def sheet(self, make: Callable[[str], Worksheet], secret: str) -> Worksheet:
        """Their sheet, with their name on it. Where a seed finds no tidy numbers, the next one of theirs is taken."""
        for attempt in range(_TRIES):
            try:
                return replace(make(self.seed(secret, attempt)), name=self.name, student=self.id)
            except ValueError:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError

    @property
    def folder(self) -> str:
        """The id as the name of a folder, another one for each id."""
        safe = [c if c.isalnum() or c in "-_@" or (c == "." and i) else f"%{ord(c):02X}" for i, c in enumerate(self.id)]
        return "".join(safe)


class Roster:
    """The students of a class, in the order of their list."""

    def __init__(self, students: Iterable[Student]) -> None:
        self.students = list(students)
        self._by_id = {student.id.casefold(): student for student in self.students}

    def with_id(self, given: str) -> Student | None:
        """The student with this id."""
        return self._by_id.get(given.strip().casefold())

    def named(self, given: str) -> list[Student]:
        """The students with this name, its words in any order."""
        return [s for s in self.students if _words(given) and sorted(_words(s.name)) == sorted(_words(given))]

    def owner(self, file: PurePath) -> Student | None:
        """The one student whose name or id is in the name of a file, or of a folder that it is in."""
        for part in reversed(_own_names(file)):
            words, joined = _words(part), _words(part.partition("_")[0])
            found = _only(s for s in self.students if _is_in(_words(s.name), words, "".join(joined)))
            found = found or _only(s for s in self.students if _words(s.id) and _has(words, _words(s.id)))
            found = found or _only(s for s in self.students if {w for w in _words(s.name) if len(w) > 1} & {*words})
            if found is not None:
                return found
        return None


def read_roster(content: bytes, name: str) -> Roster:
    """A class list in CSV: a line for each student under a line that names the columns, id and name among them.

    Lists of participants that Moodle writes, and grade books of Canvas, are such lists. `name` is the file's. Raises
    ValueError, in one sentence, for another encoding, a missing column or id, and an id that two students have.
    """
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name} is no text in UTF-8: save the class list as CSV in UTF-8") from None
    above, lines = _lines(text, name)
    heads = [head.strip().casefold() for head in lines[0]]
    at = next((heads.index(head) for head in _IDS if head in heads), None)
    if at is None or _name_in(heads, [""] * len(heads)) is None:
        raise ValueError(f"{name} has no columns id and name: its first line has to name them, as in id,name")
    students: dict[str, tuple[int, Student]] = {}
    for number, line in enumerate(lines[1:], start=above + 2):
        cells = [printable(cell).strip() for cell in line] + [""] * len(heads)
        if not any(cells) or _is_of_canvas(heads, cells):
            continue
        student = Student(cells[at], str(_name_in(heads, cells)), dict(zip(heads, cells, strict=False)))
        if not student.id:
            raise ValueError(f"line {number} of {name} has no id: {student.name or 'give every student one'}")
        before, _ = students.setdefault(student.id.casefold(), (number, student))
        if before != number:
            raise ValueError(f"lines {before} and {number} of {name} have the same id, {student.id}: give each its own")
    if not students:
        raise ValueError(f"{name} names no students: give a line with an id and a name for each")
    return Roster(student for _, student in students.values())


def name_of_file(file: PurePath) -> str:
    """The name that a system put in front of an answer file or its folder, else the file's own: Ada Lovelace, ada."""
    for part in reversed(_own_names(file)):
        if (found := re.match(r"([^\W\d][^_]*)_\d+_(assignsubmission|\d)", part)) is not None:
            return found[1].strip()
    stem = _own_names(file)[-1]
    return "" if re.match(r"(?i)answers?\b|sheet\b|solutions?\b", stem) else stem


def _lines(text: str, name: str) -> tuple[int, list[list[str]]]:
    """How many lines stand above the columns' names, and the cells from there: Excel names its delimiter, as sep=;."""
    named = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    body = text[named.end() :] if named else text
    first = body.partition("\n")[0]
    delimiter = named[1] if named else max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"{name} is no CSV file: {error}") from None
    return int(named is not None), lines or [[]]


def _name_in(heads: Sequence[str], cells: Sequence[str]) -> str | None:
    """The name in a line; None without a column for it."""
    whole = next((cells[heads.index(head)] for head in _NAMES if head in heads), None)
    if whole is not None:
        return whole
    parts = [next((cells[heads.index(head)] for head in some if head in heads), None) for some in _NAME_PARTS]
    return None if None in parts else " ".join(filter(None, parts))


def _is_of_canvas(heads: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether a line of a grade book of Canvas is about its columns, and no student's."""
    return "sis user id" in heads and (cells[0].startswith("Points Possible") or not any(cells[:5]))


def _own_names(file: PurePath) -> list[str]:
    return [*file.parts[:-1], file.stem]


def _words(text: str) -> list[str]:
    """The words of a text, without accents and in small letters."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def _is_in(name: Sequence[str], words: Sequence[str], joined: str) -> bool:
    """Whether a name is among words, its own words from left to right or the last in front, or is all `joined`."""
    orders = [[*name], [*name[-1:], *name[:-1]]]
    return bool(name) and any(_has(words, order) or "".join(order) == joined for order in orders)


def _has(words: Sequence[str], some: Sequence[str]) -> bool:
    return any([*words[i : i + len(some)]] == [*some] for i in range(len(words) - len(some) + 1))


def _only(found: Iterable[Student]) -> Student | None:
    students = list(found)
    return students[0] if len(students) == 1 else None
