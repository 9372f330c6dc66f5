"""Folders of pages of the lecture and of the course in course.py, made once in a session for all who look at them."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
from command_line import run
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


def six_pages(factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """The folders of the lecture's pages: of the teacher's edition, and under True of the student's."""

    def write(folder: Path) -> None:
        rows = six_rows(factory)
        for student in (False, True):
            (folder / str(student)).mkdir()
            for name, text in lesson_pages(rows, lessons.data_sets(), LADDER, student):
                (folder / str(student) / name).write_text(text, encoding="utf-8")

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
