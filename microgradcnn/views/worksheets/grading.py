"""Answer files marked with the key of their sheet: marks, the diagnosis, and a table that a spreadsheet can open."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgradcnn.views.answers.diagnosis import Kind
from microgradcnn.views.answers.parser import parse
from microgradcnn.views.answers.tokens import FormulaError, Names
from microgradcnn.views.worksheets.stored_loss import StoredLoss

FORMAT = 1
LARGEST_FILE = 64_000  # bytes of one student's answers

# The share of the mark for a formula with one mistake; nothing for what is not here.
SHARES: dict[Kind, float] = {
    **dict.fromkeys(("factor", "sign", "root", "regularisation"), 0.5),
    **dict.fromkeys(("missing path", "extra path", "inner derivative", "missing factor", "extra factor"), 0.25),
    **dict.fromkeys(("index", "other parameter"), 0.25),
}
SCHEME = (
    "Every question gives one mark.",
    "A formula that is right, in any notation, gets it. Half of it remains if a constant factor, a sign or the "
    "regularisation is wrong, or √f stands for ŷ − y; a quarter if a path, an inner derivative, a factor or an index "
    "is wrong, or it is the gradient of another parameter. Two mistakes: the product, in full quarters.",
    "A derivation to mend: half for the line that goes wrong, half for the right last line.",
    "A number gets the mark within its tolerance; half of it within ten tolerances, with the wrong sign, for half or "
    "twice the gradient, for f without its square, for a step uphill or one without the learning rate; a quarter for "
    "the gradient in place of the step.",
)


class AnswersError(ValueError):
    """A file that is no answer file."""


@dataclass(frozen=True)
class Answers:
    """What stands in an answer file: `sheet`, `name`, `id`, `q1`, `q2 line` and so on; and what was odd about it."""

    fields: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Mark:
    """One question of one student; `question` is 'total' for the sum."""

    question: str
    kind: str
    answer: str
    marks: float
    of: float
    diagnosis: str


_FIELD = re.compile(r"\s*(?:(sheet|name|id)|q\s*(\d{1,3})(\s*line)?)\s*:(.*)", re.IGNORECASE)


def read_answers(content: bytes) -> Answers:
    """An answer file. A line without a field of its own continues the answer above it; # starts a comment.

    Raises AnswersError, in a few words, for what is no text or too long.
    """
    if len(content) > LARGEST_FILE:
        raise AnswersError(f"not graded: longer than {LARGEST_FILE} bytes")
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        raise AnswersError("not graded: no text in UTF-8") from None
    if "\0" in text:
        raise AnswersError("not graded: no text")
    found, key = Answers(), ""
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        match = _FIELD.fullmatch(printable(line))
        if match is not None:
            head, number, part, words = match.groups()
            key = head.lower() if head else f"q{int(number)}{' line' if part else ''}"
            _note(found, key, words.strip())
        elif key[:1] == "q" and line.strip():
            found.fields[key] = f"{found.fields[key]} {printable(line).strip()}".strip()
    return found


def printable(text: str) -> str:
    """The text without what would move a terminal's cursor or break a line."""
    return "".join(c if c.isprintable() else " " for c in text)


def _note(found: Answers, key: str, words: str) -> None:
    """Put a field down; an empty one never takes the place of another."""
    before = found.fields.get(key, "")
    if before and words not in ("", before):
        found.notes.append(f"{key} is answered twice: the last answer counts")
    found.fields[key] = words or before


# What a key holds about a question of each kind, beside its label.
_PARTS = {"derive": (), "mistake": ("line", "planted"), "number": ("answer", "tolerance", "near", "misses")}


class Key:
    """The key of one sheet, as `Worksheet.key` describes it; `student` is the id of whom it was written for, if any.

    Raises ValueError for anything else.
    """

    def __init__(self, record: Mapping[str, Any]) -> None:
        try:
            if record["format"] != FORMAT:
                raise ValueError(f"the key has format {record['format']}, this version reads {FORMAT}")
            self.sheet, self.questions = str(record["sheet"]), list(record["questions"])
            self.title, self.student = str(record.get("title", "Worksheet")), str(record.get("student", ""))
            self.stored = StoredLoss(record["loss"])
            for question in self.questions:
                if question["label"] not in self.stored.nodes or set(_PARTS[question["kind"]]) - set(question):
                    raise KeyError(question)
        except (KeyError, TypeError, IndexError, AttributeError):
            raise ValueError("it is no key that `worksheet` wrote") from None

    def rows(self, answers: Answers) -> list[Mark]:
        """A row for each question, and the total. Raises AnswersError for the answers to another sheet."""
        sheet = answers.fields.get("sheet", "")
        if sheet and sheet.lower() != self.sheet:
            raise AnswersError(f"not graded: these are answers to sheet {sheet[:20]}, and the key is for {self.sheet}")
        rows = [self._row(f"q{i}", question, answers) for i, question in enumerate(self.questions, start=1)]
        known = {row.question for row in rows}
        strange = [key for key in answers.fields if key[0] == "q" and key.removesuffix(" line") not in known]
        notes = [*answers.notes, *(f"there is no question {key[1:]}" for key in strange)]
        return [*rows, Mark("total", "", "", sum(r.marks for r in rows), float(len(rows)), "; ".join(notes))]

    def _row(self, name: str, question: Mapping[str, Any], answers: Answers) -> Mark:
        given, line = answers.fields.get(name, ""), answers.fields.get(f"{name} line", "")
        if question["kind"] == "number":
            share, diagnosis = marked_number(question, given)
        else:
            share, diagnosis = marked_formula(self.stored, question["label"], given)
        if question["kind"] == "mistake":
            found = _letter(line) == question["line"]
            share = (0.5 if share == 1.0 else 0.0) + (0.5 if found else 0.0)
            told = (
                "the line is right" if found else f"line {question['line']} goes wrong: {question['planted']['clause']}"
            )
            given, diagnosis = f"line {_letter(line) or line or '–'}: {given}", f"{told}; {diagnosis}"
        return Mark(name, question["kind"], given, share, 1.0, diagnosis)


_NOTHING = (0.0, "no answer")


def marked_formula(stored: StoredLoss, wrt: str, given: str) -> tuple[float, str]:
    """The share of the mark for a formula, and the verdict on it."""
    text = _right_side(given)
    if not text:
        return _NOTHING
    try:
        answer = stored.check(wrt, text)
    except ValueError as error:  # a FormulaError as a rule
        return 0.0, f"not read: {error}"
    share = math.prod(SHARES.get(diagnosis.kind, 0.0) for diagnosis in answer.diagnoses)
    return math.floor(4 * share) / 4, answer.verdict


def marked_number(question: Mapping[str, Any], given: str) -> tuple[float, str]:
    """The share of the mark for a number, which may be written as 3/8 or with a comma, and what is wrong with it."""
    text = re.sub(r"(?<=\d),(?=\d)", ".", _right_side(given))
    if not text:
        return _NOTHING
    try:
        number = parse(text, Names([])).item()
    except FormulaError as error:
        return 0.0, f"not read as a number: {error}"
    answer, tolerance, near = (question[part] for part in ("answer", "tolerance", "near"))
    off = abs(number - answer) * (1.0 - 1e-9)
    if off <= tolerance:
        return 1.0, f"Right: it is {answer:.5g}."
    for miss, share, clause in question["misses"]:
        if abs(number - miss) <= tolerance:
            return share, f"Not quite: {clause}; it is {answer:.5g}."
    if off <= near:
        return 0.5, f"Not quite: it is {answer:.5g}, and {number:.5g} is near it."
    return 0.0, f"Not quite: it is {answer:.5g}."


def _right_side(given: str) -> str:
    """The answer without what it is an answer to, as in df/dc_1 = ..., and without the dollars of LaTeX."""
    text = given.strip(" $`").removesuffix(".").strip(" $`")
    return re.sub(r"^[^=<>]{0,60}=(?!=)", "", text).strip()


def _letter(line: str) -> str:
    match = re.fullmatch(r"\W*(?:line)?\W*([A-Za-z])\W*", line, re.IGNORECASE)
    return match[1].upper() if match else ""


COLUMNS = ("file", "name", "id", "sheet", "question", "kind", "answer", "marks", "of", "diagnosis")
_LONGEST_CELL = 1000
_FORMULA = tuple("=+-@＝＋－＠")


def as_csv(
    rows: Iterable[Sequence[str | float]],
    columns: Sequence[str] = COLUMNS,
    longest: int = _LONGEST_CELL,
    bom: bool = True,
) -> bytes:
    """Rows under their columns as a CSV file that spreadsheets open as text: no cell is taken for a formula.

    In UTF-8, with a byte order mark, without which they would not know ŷ, unless `bom` says no. A cell that starts with
    = + - or @ gets an apostrophe in front, and is cut where it is longer than `longest`.
    """
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([columns, *([_safe(cell, longest) for cell in row] for row in rows)])
    return stream.getvalue().encode("utf-8-sig" if bom else "utf-8")


def _safe(cell: str | float, longest: int) -> str:
    if not isinstance(cell, str):
        return f"{cell:g}"
    text = printable(cell if len(cell) <= longest else cell[: longest - 1] + "…")
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text
