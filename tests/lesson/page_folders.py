"""Folders of pages of the lecture and of the course in course.py, made once in a session for all who look at them."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

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
    """The rows of the six networks, trained."""

    def train(folder: Path) -> None:
        (folder / "rows").write_bytes(pickle.dumps(list(lessons.lesson())))

    found: list[NetworkRow] = pickle.loads((once(factory, "six-rows", train) / "rows").read_bytes())
    return found


def six_written(factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What the command `lesson` printed in ASCII, and the folder that it made under the mask 0o027."""

    def write(here: Path) -> None:
        before = os.umask(0o027)
        try:
            done = run("lesson", "--out", here / "lesson", encoding="ascii")
        finally:
            os.umask(before)
        (here / "done").write_bytes(pickle.dumps(done))

    here = once(factory, "six-written", write)
    done: Done = pickle.loads((here / "done").read_bytes())
    return done, here / "lesson"


def six_pages(factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The folders of the lecture's pages: the teacher's, as the command wrote it, and under True the student's."""

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


def course_pages(factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """What the command writes of course.py, for teachers and under True for students."""

    def write(here: Path) -> None:
        shutil.copy(COURSE, here / "mine.py")
        (here / "mine.md").write_text(WORDS, encoding="utf-8")
        for student in (False, True):
            done = run("lesson", str(here / "mine.py"), *(["--student"] * student), "--out", str(here / str(student)))
            assert done.code == 0, done.err
            assert "Softmax is not trained: no built-in data set fits it" in done.err
            assert "layers is not trained: no built-in data set fits it" in done.err

    here = once(factory, "course", write)
    return {student: here / str(student) for student in (False, True)}
