"""A sheet as a Jupyter notebook with the cell metadata of nbgrader, which marks what students write into it.

Every question has a cell to fill in and a cell of hidden tests, which holds the key and gives part of the mark for an
answer with one mistake, as `grade` does. `nbgrader generate_assignment` takes the tests and the solutions out.
"""

from __future__ import annotations

from typing import Any

from microgradcnn.files import json_text
from microgradcnn.views.worksheets.derivation_task import Task
from microgradcnn.views.worksheets.exports.markup import NOTEBOOK, words
from microgradcnn.views.worksheets.worksheet import HOW_TO, Worksheet

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_TESTS = """
### BEGIN HIDDEN TESTS
import json
from microgradcnn.views.worksheets.grading import Answers, Key
key = Key(json.loads({key!r}))
mark = key.rows(Answers({{{fields}}}))[0]
print(mark.diagnosis)
mark.marks
### END HIDDEN TESTS
"""


def as_notebook(sheet: Worksheet) -> dict[str, str]:
    """One file, by its name: the teacher's notebook, in nbformat 4.5, with solutions and hidden tests."""
    intro = "\n".join(f"<h2>{words(s.heading)}</h2>\n{NOTEBOOK.html(s.lines)}" for s in sheet.introduction)
    title = f"<h1>{words(sheet.title)}, sheet {sheet.identifier}</h1>"
    how_to = (
        f"<p>{words(HOW_TO.replace('the file that came with this sheet', 'the cells below, as text in quotes'))}</p>"
    )
    cells = [_cell("markdown", "sheet", f"<div>\n{title}\n{intro}\n{how_to}\n</div>", locked=True)]
    for i, task in enumerate(sheet.tasks, start=1):
        cells += _cells(sheet, task, f"q{i}")
    metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return {f"notebook-{sheet.identifier}.ipynb": json_text(notebook, indent=1) + "\n"}


def _cells(sheet: Worksheet, task: Task, name: str) -> list[dict[str, Any]]:
    """The question, the cell for the answer, and the cell that marks it."""
    asked = f"<div>\n<h2>Question {name[1:]}</h2>\n{NOTEBOOK.html(task.asked)}\n</div>"
    right = f"{task.record['answer']:.6g}" if task.kind == "number" else task.record["answer"]
    fields = {name: right} | ({f"{name}_line": task.record["line"]} if task.kind == "mistake" else {})
    solution = "\n".join(f"{field} = {given!r}" for field, given in fields.items())
    empty = "\n".join(f'{field} = ""' for field in fields)
    answer = f"{empty}\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    key = {**sheet.key(), "seed": "", "questions": [{"kind": task.kind, "label": task.label, **task.record}]}
    given = {"q1": name} | ({"q1 line": f"{name}_line"} if task.kind == "mistake" else {})
    tests = _TESTS.format(key=json_text(key), fields=", ".join(f"{q!r}: str({v})" for q, v in given.items()))
    return [
        _cell("markdown", f"{name}-question", asked, locked=True),
        _cell("code", f"{name}-answer", answer, solution=True),
        _cell("code", f"{name}-mark", f"# one mark\n{tests.strip()}", locked=True, points=1),
    ]


def _cell(
    kind: str, name: str, source: str, locked: bool = False, solution: bool = False, points: float | None = None
) -> dict[str, Any]:
    """A cell with what nbgrader has to know of it, in version 3 of its schema."""
    graded = {} if points is None else {"points": points}
    known = {"grade": points is not None, "grade_id": name, "locked": locked, "solution": solution, "task": False}
    about = {"nbgrader": {"schema_version": 3, "cell_type": kind, **known, **graded}}
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": about, "source": source.splitlines(keepends=True), **code}
