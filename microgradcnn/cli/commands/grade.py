"""`microgradcnn grade`: a folder of answer files, marked with the keys of their sheets."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path, PurePath

from microgradcnn.cli.output import Record, show, table
from microgradcnn.cli.streams import escaped, tell
from microgradcnn.cli.user_scripts import run_script
from microgradcnn.files import make_folder, read_whole, write_whole
from microgradcnn.views.worksheets.exports.gradebook import (
    NOTHING,
    Submission,
    for_canvas,
    for_moodle,
    missing,
    one_each,
    submission,
)
from microgradcnn.views.worksheets.grading import (
    COLUMNS,
    LARGEST_FILE,
    SCHEME,
    Answers,
    AnswersError,
    Key,
    Mark,
    as_csv,
    printable,
    read_answers,
)
from microgradcnn.views.worksheets.roster import Roster, read_roster


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `grade` takes."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the answer files, one for each student")
    parser.add_argument(
        "--key", type=Path, required=True, metavar="KEY", help="the key's JSON, or a folder of keys, one for each sheet"
    )
    parser.add_argument("-o", "--out", type=Path, default=Path("grades.csv"), metavar="FILE", help="(grades.csv)")
    parser.add_argument(
        "--graph", metavar="file.py", help="the file that the sheet is of, run first: for primitives that it defines"
    )
    parser.add_argument(
        "--roster",
        type=Path,
        metavar="CSV",
        help="the class list: who handed in nothing has a row, files find their owner",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--format",
        choices=("moodle", "canvas"),
        default="moodle",
        help="one row a student, for this grade book (moodle)",
    )
    form.add_argument("--long", action="store_true", help="a row for each student and question, with the answer")
    parser.epilog = " ".join(SCHEME)


def run(options: argparse.Namespace) -> int:
    """The marks of every student in a CSV file; what could not be graded is told on stderr."""
    if not options.folder.is_dir():
        raise ValueError(f"{options.folder} is no folder: give the one with the students' answer files")
    if options.graph is not None:
        run_script(options.graph)
    keys = _keys(options.key)
    roster = read_roster(read_whole(options.roster, _ROSTER), str(options.roster)) if options.roster else None
    files = [path for path in sorted(options.folder.rglob("*")) if _is_answer_file(path, options)]
    if not files:
        raise ValueError(f"there are no answer files in {options.folder}")
    make_folder(options.out.parent)
    graded = _noted([_graded(path, path.relative_to(options.folder), keys, roster) for path in files])
    for one in graded:
        if notes := "; ".join(filter(None, [one.marks[-1].diagnosis, *one.notes])):
            tell(f"{printable(one.file)}: {notes}")
    if roster is not None:
        graded += _absent(graded, roster, keys)
    title = next(iter(keys.values())).title
    write_whole(options.out, _table(graded, roster, options, title))
    show(_records(graded) if options.json else _summary(graded, options), options.json)
    return 0


_OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # what Windows and macOS put into folders, in small letters
_ROSTER = "class list, a CSV file with the columns id and name"


def _noted(graded: list[Submission]) -> list[Submission]:
    """With a word in the total where one student's id stands in several files."""
    files = Counter(one.id for one in graded)
    return [_with_note(one, files[one.id]) if one.id and files[one.id] > 1 else one for one in graded]


def _with_note(one: Submission, files: int) -> Submission:
    *marks, total = one.marks
    note = f"{files} files have the id {one.id}"
    return replace(one, marks=[*marks, replace(total, diagnosis="; ".join(filter(None, [total.diagnosis, note])))])


def _absent(graded: list[Submission], roster: Roster, keys: dict[str, Key]) -> list[Submission]:
    """Who handed in nothing."""
    absent = missing(graded, roster, float(max(len(key.questions) for key in keys.values())))
    if absent:
        who = ", ".join(f"{one.name or 'no name'} ({one.id})" for one in absent)
        tell(f"{NOTHING} by {who}")
    return absent


def _table(graded: list[Submission], roster: Roster | None, options: argparse.Namespace, title: str) -> bytes:
    if options.long:
        return as_csv([[record[column] for column in COLUMNS] for record in _records(graded)])
    students = one_each(graded, roster)
    return for_canvas(students, title) if options.format == "canvas" else for_moodle(students)


def _records(graded: list[Submission]) -> list[Record]:
    """A record for each student and question, and the total of each."""
    return [
        {"file": printable(one.file), "name": one.name, "id": one.id, "sheet": one.sheet, **asdict(mark)}
        for one in graded
        for mark in one.marks
    ]


def _summary(graded: list[Submission], options: argparse.Namespace) -> str:
    columns = ("file", "name", "id", "sheet", "marks", "of")
    records = _records(graded)
    totals = [{column: record[column] for column in columns} for record in records if record["question"] == "total"]
    rows = len(records) if options.long else len(one_each(graded))
    return f"{table(totals)}\n{escaped(str(options.out))}: {rows} row{'s' * (rows != 1)}"


def _is_answer_file(path: Path, options: argparse.Namespace) -> bool:
    """Whether a file may be a student's: not hidden, no key, roster or table written before."""
    own = {os.path.realpath(given) for given in (options.out, options.key, options.roster) if given is not None}
    inside = path.relative_to(options.folder)
    places = {os.path.realpath(options.folder / place) for place in (inside, *inside.parents[:-1])}
    hidden = any(part.startswith(".") or part.lower() in _OF_SYSTEMS for part in inside.parts)
    there = path.is_file() or path.is_symlink()
    return there and path.suffix != ".json" and not hidden and not own & places


def _leads_astray(path: Path, name: PurePath) -> bool:
    """Whether a symbolic link, at this place in the folder, leads out of it or to no file: it could show any file."""
    folder = Path(os.path.realpath(path.parents[len(name.parts) - 1]))
    return path.is_symlink() and not (path.is_file() and Path(os.path.realpath(path)).is_relative_to(folder))


def _keys(path: Path) -> dict[str, Key]:
    """The keys by the sheets that they are for. One that cannot be read is an error alone, in a folder a warning.

    The folder of a lesson has its own lesson.json beside its keys.
    """
    if not path.is_dir():
        key = _key(path)
        return {key.sheet: key}
    keys: dict[str, Key] = {}
    for file in sorted(file for file in path.glob("*.json") if file.name != "lesson.json"):
        try:
            key = _key(file)
            keys[key.sheet] = key
        except ValueError as error:
            tell(escaped(str(error)))
    if not keys:
        raise ValueError(f"there is no key in {path}: worksheet writes them as key-....json")
    return keys


def _key(path: Path) -> Key:
    try:
        return Key(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: give the key-....json that worksheet wrote") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be used: {error}") from None


def _graded(path: Path, name: PurePath, keys: dict[str, Key], roster: Roster | None) -> Submission:
    """The marks of one student: what is wrong with a file is in its total, and costs nobody else anything."""
    answers, key = Answers(), next(iter(keys.values())) if len(keys) == 1 else None
    try:
        if _leads_astray(path, name):
            raise AnswersError("not graded: a symbolic link to no file in this folder: put the file itself here")
        with path.open("rb") as stream:
            answers = read_answers(stream.read(LARGEST_FILE + 1))
        sheet = answers.fields.get("sheet", "").lower()
        if not answers.fields:
            answers.notes.append("this is no answer file: it has no line such as q1: 2*w")
        elif not sheet and key is not None:
            answers.notes.append(f"it has no line sheet: ..., and is marked with the only key, {key.sheet}")
        key = key or keys.get(sheet)
        if key is None:
            raise AnswersError(f"not graded: there is no key for sheet {sheet}" if sheet else "not graded: no sheet")
        rows = key.rows(answers)
    except (OSError, AnswersError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        rows = [Mark("total", "", "", 0.0, float(len(key.questions)) if key else 0.0, str(told))]
    own = keys.get(answers.fields.get("sheet", "").lower())
    return submission(name, answers, rows, roster, own.student if own else "")
