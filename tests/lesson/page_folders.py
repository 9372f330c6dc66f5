"""Folders of pages of the lecture and of the course in course.py, made once in a session for all who look at them."""

from __future__ import annotations

import io
import os
import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import pytest
from command_line import Done, run
from once import once

from microgradcnn.lesson import run as lessons
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.lesson.run import NetworkRow

COURSE = Path(__file__).with_name("course.py")
WORDS = """# Three kinds of network

Hello.

## Softmax: Three classes

About softmax.

### One path

My own words of a path.

### Errata

- The book forgets b. Teacher: It is df/db that is missing. Student: What is missing?

### Errata: The loss as a landscape

- It is no landscape.
"""
LADDER = {"conv_average": 0.73, "two_conv_linear": 1.0}


def six_rows(factory: pytest.TempPathFactory) -> list[NetworkRow]:
    """The rows of the six networks, trained, which tells nothing where there is no terminal."""

    def train(folder: Path) -> None:
        with redirect_stderr(io.StringIO()) as told:
            rows = list(lessons.lesson(progress=True))
        assert told.getvalue() == ""
        (folder / "rows").write_bytes(pickle.dumps(rows))

    found: list[NetworkRow] = pickle.loads((once(factory, "six-rows", train) / "rows").read_bytes())
    return found


@contextmanager
def six_are_trained(six: list[NetworkRow]) -> Iterator[None]:
    """The lesson finds the six networks trained, and trains whatever others there are."""
    rows, make = {row.network: row for row in six}, lessons.network_row

    def row_of(name: str, *arguments: Any, **options: Any) -> NetworkRow:
        return rows[name] if name in rows else make(name, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lessons, "network_row", row_of)
        yield


def six_written(factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What the command `lesson` printed in ASCII, and the folder that it made under the mask 0o027."""

    def write(here: Path) -> None:
        rows, before = six_rows(factory), os.umask(0o027)
        try:
            with six_are_trained(rows):
                done = run("lesson", "--out", here / "lesson", encoding="ascii")
        finally:
            os.umask(before)
        (here / "done").write_bytes(pickle.dumps(done))

    here = once(factory, "six-written", write)
    return pickle.loads((here / "done").read_bytes()), here / "lesson"


def six_pages(factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The folders of the lecture's pages: of the teacher's edition, and under True of the student's."""

    def write(folder: Path) -> None:
        for student in (False, True):
            (folder / str(student)).mkdir()
        for path in six_written(factory)[1].iterdir():
            if path.is_file() and path.name != "lesson.json":
                shutil.copy(path, folder / "False")
        for name, text in lesson_pages(six_rows(factory), lessons.data_sets(), LADDER, student=True):
            (folder / "True" / name).write_text(text, encoding="utf-8")

    folder = once(factory, "six-pages", write)
    return {student: folder / str(student) for student in (False, True)}


@contextmanager
def trained_once() -> Iterator[None]:
    """The networks of a course are trained for its first edition, and its second has the same trainings."""
    done: dict[tuple[str, str], Any] = {}
    train = lessons.experiment

    def remembered(known: Any, rows: Any, **options: Any) -> Any:
        name = (getattr(known, "name", known), rows.name)
        if name not in done:
            done[name] = train(known, rows, **options)
        return done[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lessons, "experiment", remembered)
        yield


def course_pages(factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """What the command writes of course.py, for teachers and under True for students."""

    def write(here: Path) -> None:
        shutil.copy(COURSE, here / "mine.py")
        (here / "mine.md").write_text(WORDS, encoding="utf-8")
        with trained_once():
            for student in (False, True):
                done = run("lesson", here / "mine.py", *(["--student"] * student), "--out", here / str(student))
                assert done.code == 0, done.err
                assert "Softmax is not trained: no built-in data set fits it" in done.err
                assert "layers is not trained: no built-in data set fits it" in done.err

    here = once(factory, "course", write)
    return {student: here / str(student) for student in (False, True)}
