"""Marks as one row a student, in the two forms that the grade books of Moodle and Canvas import.

Moodle (Grades, Import, CSV file) asks which column is what: the id, every mark, the feedback. Canvas (Grades, Import)
wants columns of its own, and a line of points possible below them; feedback it does not take.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from microgradcnn.views.worksheets.grading import Answers, Mark, as_csv
from microgradcnn.views.worksheets.roster import Roster, Student, name_of_file

NOTHING = "nothing was handed in"
_NO_ID = "there is no id in it"
_LONGEST = 30_000  # characters of feedback: a cell of Excel has 32,767
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


@dataclass(frozen=True)
class Submission:
    """An answer file that was marked or could not be: whose it is, its marks, the total last, and how that was found.

    `file` is empty for a student who handed in nothing, `student` None for who is on no roster.
    """

    file: str
    name: str
    id: str
    sheet: str
    marks: Sequence[Mark]
    notes: tuple[str, ...] = ()
    student: Student | None = None

    @property
    def is_graded(self) -> bool:
        """Whether there are marks for questions."""
        return len(self.marks) > 1

    @property
    def feedback(self) -> str:
        """Everything that was said of the answers, for the student, or why there are no marks."""
        *questions, total = self.marks
        said = [f"{m.question} ({m.marks:g}/{m.of:g}): {m.diagnosis}" for m in questions]
        return " ".join([*said, *filter(None, [total.diagnosis])])


def submission(
    file: PurePath, answers: Answers, marks: Sequence[Mark], roster: Roster | None, sheet_of: str = ""
) -> Submission:
    """Whose file it is: most of the id in it, the name in it, its own name or its folder's, and the id of the student
    whom its sheet was written for, `sheet_of`, say that; of two with as many the one that comes first here.

    An id that is on no roster is never another's because of the sheet alone. What says something else is told.
    """
    name, given, sheet = (answers.fields.get(part, "")[:80] for part in ("name", "id", "sheet"))
    if roster is None:
        return Submission(file.as_posix(), name or name_of_file(file), given, sheet, marks, () if given else (_NO_ID,))
    namesakes = roster.named(name)
    said = {"id": roster.with_id(given), "name": namesakes[0] if len(namesakes) == 1 else None}
    own, sheets = roster.owner(file), roster.with_id(sheet_of)
    signs = [*said.values(), own]
    signs += [sheets] if not given or any(signs) else []
    votes = Counter(student.id for student in signs if student is not None)
    known = roster.with_id(votes.most_common(1)[0][0]) if votes else None
    others = {**said, "sheet": sheets}.items()
    notes = [f"its {what} is that of {_who(s)}" for what, s in others if s is not None and s is not known]
    if said["id"] is None:
        notes.insert(0, f"the id {given} is not on the roster" if given else _NO_ID)
    if known is None:
        several = (
            f"{len(namesakes)} on the roster have this name" if namesakes else "nobody on the roster has this name"
        )
        notes.append(f"and {several}")
        return Submission(file.as_posix(), name or name_of_file(file), given, sheet, marks, (*notes,))
    notes += [f"taken for {known.name or known.id}"] if said["id"] is not known else []
    return Submission(file.as_posix(), known.name, known.id, sheet, marks, (*notes,), known)


def _who(student: Student) -> str:
    return f"{student.name or 'no name'} ({student.id})"


def missing(submissions: Iterable[Submission], roster: Roster, of: float) -> list[Submission]:
    """An entry for each student of the roster of whom there is no file."""
    there = {s.student.id for s in submissions if s.student is not None}
    mark = Mark("total", "", "", 0.0, of, NOTHING)
    return [Submission("", s.name, s.id, "", [mark], (), s) for s in roster.students if s.id not in there]


def one_each(submissions: Iterable[Submission], roster: Roster | None = None) -> list[Submission]:
    """For each student one, in the order of the roster: of several files with one id the one with the most marks."""
    best: dict[str, Submission] = {}
    for one in submissions:
        who = f"id {one.id.casefold()}" if one.id else f"file {one.file}"
        other = best.setdefault(who, one)
        if (one.is_graded, one.marks[-1].marks) > (other.is_graded, other.marks[-1].marks):
            best[who] = one
    places = {s.id: place for place, s in enumerate(roster.students if roster is not None else ())}
    return sorted(best.values(), key=lambda one: places.get(one.id, len(places)))


def for_moodle(students: Sequence[Submission]) -> bytes:
    """A CSV file with the id, the name, a mark for each question, the total and the feedback, a row a student.

    Where there are no marks cells are empty, which Moodle takes for no mark yet.
    """
    questions = _questions(students)
    email = next((head for head in ("email address", "email") if any(_column(s, head) for s in students)), None)
    points = _points(students)
    columns = ["id", "name", *(["email"] if email else []), *questions, "total", "of", "sheet", "file", "feedback"]
    rows = [
        [
            *(s.id, s.name, *([_column(s, email)] if email else [])),
            *(_marks(s).get(question, "") for question in questions),
            *(_marks(s).get("total", ""), s.marks[-1].of or points, s.sheet, s.file, s.feedback),
        ]
        for s in students
    ]
    return as_csv(rows, columns, _LONGEST)


def for_canvas(students: Sequence[Submission], assignment: str) -> bytes:
    """A CSV file as Canvas exports its grade book, with the total as the points of an assignment of this name.

    A roster that Canvas exported gives its own columns back; ids of any other are those of the school.
    """
    points = _points(students)
    rows: list[list[str | float]] = [["    Points Possible", *[""] * (len(_CANVAS) - 1), points]]
    for s in students:
        own = _column(s, "id") if _column(s, "sis user id") else ""
        head = [s.name, own, s.id, _column(s, "sis login id"), _column(s, "section")]
        rows.append([*head, _marks(s).get("total", "")])
    return as_csv(rows, [*_CANVAS, assignment], bom=False)


def _points(students: Iterable[Submission]) -> float:
    return max(s.marks[-1].of for s in students)


def _questions(students: Iterable[Submission]) -> list[str]:
    longest = max((s.marks[:-1] for s in students), key=len)
    return [mark.question for mark in longest]


def _marks(one: Submission) -> dict[str, float]:
    return {mark.question: mark.marks for mark in one.marks} if one.is_graded else {}


def _column(one: Submission, head: str) -> str:
    return "" if one.student is None else one.student.columns.get(head, "")
