"""`microgradcnn grade`: a folder of answer files, marked with the keys of their sheets."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from microgradcnn.cli.output import Record, show, table
from microgradcnn.cli.streams import escaped
from microgradcnn.cli.user_scripts import run_script
from microgradcnn.files import make_folder, write_whole
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

SUMMARY = "mark a folder of answer files with the key of their worksheet"


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
    parser.epilog = " ".join(SCHEME)


def run(options: argparse.Namespace) -> int:
    """A row for each student and question, and a total, in a CSV file; what could not be graded is told on stderr."""
    if not options.folder.is_dir():
        raise ValueError(f"{options.folder} is no folder: give the one with the students' answer files")
    if options.graph is not None:
        run_script(options.graph)
    keys = _keys(options.key)
    files = [path for path in sorted(options.folder.iterdir()) if _is_answer_file(path, options)]
    if not files:
        raise ValueError(f"there are no answer files in {options.folder}")
    make_folder(options.out.parent)
    graded = [record for path in files for record in _graded(path, keys)]
    totals = [record for record in graded if record["question"] == "total"]
    _note_twins(totals)
    write_whole(options.out, as_csv([[record[column] for column in COLUMNS] for record in graded]))
    for record in totals:
        if record["diagnosis"]:
            print(f"microgradcnn: {record['file']}: {record['diagnosis']}", file=sys.stderr)
    columns = ("file", "name", "id", "sheet", "marks", "of")
    summary = table([{column: record[column] for column in columns} for record in totals])
    show(graded if options.json else f"{summary}\n{escaped(str(options.out))}: {len(graded)} rows", options.json)
    return 0


def _is_answer_file(path: Path, options: argparse.Namespace) -> bool:
    """Whether a file may be a student's: not hidden, no key, and not the table written before."""
    ours = path.suffix == ".json" or os.path.realpath(path) in map(os.path.realpath, (options.out, options.key))
    return path.is_file() and not path.name.startswith(".") and not ours


def _keys(path: Path) -> dict[str, Key]:
    """The keys by the sheets that they are for. One that cannot be read is an error alone, in a folder a warning."""
    if not path.is_dir():
        key = _key(path)
        return {key.sheet: key}
    keys: dict[str, Key] = {}
    for file in sorted(path.glob("*.json")):
        try:
            key = _key(file)
            keys[key.sheet] = key
        except ValueError as error:
            print(f"microgradcnn: {escaped(str(error))}", file=sys.stderr)
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


def _graded(path: Path, keys: dict[str, Key]) -> list[Record]:
    """The rows of one student: what is wrong with a file is in its total, and costs nobody else anything."""
    answers, key = Answers(), next(iter(keys.values())) if len(keys) == 1 else None
    try:
        with path.open("rb") as stream:
            answers = read_answers(stream.read(LARGEST_FILE + 1))
        sheet = answers.fields.get("sheet", "").lower()
        key = key or keys.get(sheet)
        if key is None:
            raise AnswersError(f"not graded: there is no key for sheet {sheet}" if sheet else "not graded: no sheet")
        rows = key.rows(answers)
    except (OSError, AnswersError) as error:
        told = error.strerror if isinstance(error, OSError) else str(error)
        rows = [Mark("total", "", "", 0.0, float(len(key.questions)) if key else 0.0, str(told))]
    head = {
        "file": printable(path.name),
        **{part: answers.fields.get(part, "")[:80] for part in ("name", "id", "sheet")},
    }
    return [{**head, **asdict(row)} for row in rows]


def _note_twins(totals: list[Record]) -> None:
    """Say so where one student's id stands in several files."""
    files = Counter(record["id"] for record in totals)
    for record in totals:
        if record["id"] and files[record["id"]] > 1:
            note = f"{files[record['id']]} files have the id {record['id']}"
            record["diagnosis"] = "; ".join(filter(None, (record["diagnosis"], note)))
