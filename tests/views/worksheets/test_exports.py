"""Exports of a sheet: Moodle's XML by the structure that its importer reads, STACK's, and nbgrader's notebooks."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import jsonschema
import nbformat
import pytest
from many_cases import slow_but
from test_fair_sheets import GRAPHS, made

from microgradcnn.cli import main
from microgradcnn.engine.gradient import grad
from microgradcnn.views.derivations.named_graph import recomputed
from microgradcnn.views.worksheets.exports.moodle import as_moodle, as_stack
from microgradcnn.views.worksheets.exports.notebook import as_notebook
from microgradcnn.views.worksheets.grading import marked_number
from microgradcnn.views.worksheets.stored_loss import from_plain
from microgradcnn.views.worksheets.worksheet import worksheet

every_graph = pytest.mark.parametrize("name", slow_but("conv_average", "softmax", "pooling", among=GRAPHS))


def questions(files: dict[str, str]) -> list[Element]:
    """The questions of the one file, after its category, with what each must have for Moodle's importer."""
    (source,) = files.values()
    quiz = ElementTree.fromstring(source.encode())
    assert quiz.tag == "quiz"
    category, *found = quiz
    assert category.get("type") == "category"
    assert (category.findtext("category/text") or "").startswith("$course$/top/")
    for question in found:
        assert question.tag == "question"
        assert question.findtext("name/text")
        assert question.find("questiontext").get("format") == "html"
        body = ElementTree.fromstring(f"<div>{question.findtext('questiontext/text')}</div>".replace("&emsp;", " "))
        assert body.findall(".//p")
        assert "<p>" in (question.findtext("generalfeedback/text") or "<p>")
        assert float(question.findtext("defaultgrade")) > 0
    return found


@every_graph
def test_moodle(name: str) -> None:
    sheet = made(name)
    found = questions(as_moodle(sheet))
    assert sum(float(question.findtext("defaultgrade")) for question in found) == len(sheet.tasks)
    types = {"derive": ["essay"], "mistake": ["shortanswer", "essay"], "number": ["numerical"]}
    assert [q.get("type") for q in found] == [kind for task in sheet.tasks for kind in types[task.kind]]
    for question in found:
        answers = question.findall("answer")
        if question.get("type") == "essay":
            assert "Right: " in question.findtext("graderinfo/text")
            assert not answers
        else:
            assert float(answers[0].get("fraction")) == 100
            assert all(float(a.get("fraction")) in (100, 50, 25) and a.findtext("text") for a in answers)
            assert question.get("type") == "shortanswer" or all(float(a.findtext("tolerance")) > 0 for a in answers)


@pytest.mark.parametrize("off", [0.0, 0.0019, 0.01, 0.0199, 0.05])
def test_numbers_get_the_marks_that_grade_gives(off: float) -> None:
    sheet = made("relu")
    numerical = [q for q in questions(as_moodle(sheet)) if q.get("type") == "numerical"]
    records = [task.record for task in sheet.tasks if task.kind == "number"]
    for question, record in zip(numerical, records, strict=True):
        for near in (record["answer"], *(miss for miss, *_ in record["misses"])):
            given = near + off
            share = next(
                (
                    float(a.get("fraction")) / 100
                    for a in question.findall("answer")
                    if abs(given - float(a.findtext("text"))) <= float(a.findtext("tolerance")) * (1 + 1e-9)
                ),
                0.0,
            )
            assert share == marked_number(record, f"{given:.9f}")[0]


@every_graph
def test_stack(name: str) -> None:
    sheet = made(name)
    found = questions(as_stack(sheet))
    assert len(found) == len(sheet.tasks)
    for question, task in zip(found, sheet.tasks, strict=True):
        assert question.get("type") == "stack"
        inputs = {field.findtext("name"): field for field in question.findall("input")}
        trees = {tree.findtext("name"): tree for tree in question.findall("prt")}
        body, feedback = question.findtext("questiontext/text"), question.findtext("specificfeedback/text")
        assert set(re.findall(r"\[\[input:(\w+)\]\]", body)) == set(inputs)
        assert set(re.findall(r"\[\[feedback:(\w+)\]\]", feedback)) == set(trees)
        assert len(inputs) == len(trees) == (2 if task.kind == "mistake" else 1)
        assert sum(float(tree.findtext("value")) for tree in trees.values()) == 1.0
        for tree in trees.values():
            nodes = tree.findall("node")
            names = [node.findtext("name") for node in nodes]
            assert names == [str(i) for i in range(len(nodes))]
            assert [node.findtext("falsenextnode") for node in nodes] == [*names[1:], "-1"]
            assert [node.findtext("truenextnode") for node in nodes] == ["-1"] * len(nodes)
            assert float(nodes[0].findtext("truescore")) == 1.0


def variables(question: Element) -> dict[str, str]:
    found = question.findtext("questionvariables/text") or ""
    return dict(re.findall(r"(\w+): (.*);", found))


@every_graph
def test_stack_compares_with_the_gradient_at_points(name: str) -> None:
    """The right numbers are gradients at the points, which give every name the value that it has there."""
    sheet = made(name)
    loss = from_plain(sheet.loss)
    for question, task in zip(questions(as_stack(sheet)), sheet.tasks, strict=True):
        if task.kind == "number":
            continue
        known = variables(question)
        right = [float(x) for x in known["right"].strip("[]").split(",")]
        points = [dict(re.findall(r"(\w+)=([^,\]]+)", known[f"at{i + 1}"])) for i in range(len(right))]
        assert len(points) >= 5
        for slope, point in zip(right, points, strict=True):
            leaves = {n: float(point[n.label]) for n in _leaves(loss)}
            there, nodes = recomputed(loss, leaves)
            x = next(node for node in nodes if node.label == task.label)
            (gradient,) = grad(there, [nodes[x]])
            assert slope == pytest.approx(gradient.item(), rel=1e-8, abs=1e-12)
            assert float(point["f"]) == pytest.approx(there.item(), rel=1e-8)


def _leaves(loss: Any) -> list[Any]:
    found, stack = [], [loss]
    seen = set()
    while stack:
        node = stack.pop()
        if node in seen or (node.op is None and node.label is None):
            continue
        seen.add(node)
        found += [node] if node.op is None else []
        stack += node.parents
    return found


SCHEMA: dict[str, Any] = {  # of nbgrader's cell metadata, version 3
    "type": "object",
    "properties": {
        "schema_version": {"const": 3},
        "grade": {"type": "boolean"},
        "locked": {"type": "boolean"},
        "solution": {"type": "boolean"},
        "task": {"type": "boolean"},
        "grade_id": {"type": "string", "pattern": r"^[a-zA-Z0-9_\-]*$"},
        "points": {"type": "number", "minimum": 0},
        "cell_type": {"enum": ["raw", "code", "markdown"]},
    },
    "required": ["schema_version", "grade", "locked", "solution"],
    "additionalProperties": False,
}


@every_graph
def test_the_notebook_is_one_with_nbgraders_metadata(name: str) -> None:
    sheet = made(name)
    (source,) = as_notebook(sheet).values()
    notebook = nbformat.reads(source, as_version=4)
    nbformat.validate(notebook)
    about = [cell.metadata.nbgrader for cell in notebook.cells]
    for metadata, cell in zip(about, notebook.cells, strict=True):
        jsonschema.validate(dict(metadata), SCHEMA)
        assert metadata.cell_type == cell.cell_type
        assert ("points" in metadata) == metadata.grade
    assert len({metadata.grade_id for metadata in about}) == len(about)
    assert sum(metadata.get("points", 0) for metadata in about) == len(sheet.tasks)
    assert [m.solution for m in about].count(True) == len(sheet.tasks)


@pytest.mark.parametrize("name", slow_but("conv_average", among=["conv_average", "softmax", "relu"]))
def test_hidden_tests_give_marks_for_what_is_written_above(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = made(name)
    (source,) = as_notebook(sheet).values()
    cells = nbformat.reads(source, as_version=4).cells
    for i, task in enumerate(sheet.tasks, start=1):
        parts = {cell.metadata.nbgrader.grade_id: cell.source for cell in cells}
        answer, tests = parts[f"q{i}-answer"], parts[f"q{i}-mark"]
        hidden = tests.split("### BEGIN HIDDEN TESTS")
        assert hidden[0].strip() == "# one mark"
        *statements, last = hidden[1].removesuffix("### END HIDDEN TESTS").strip().splitlines()
        for stripped, marks in ((False, 1.0), (True, 0.0)):
            written = re.sub(r"### BEGIN SOLUTION(.|\n)*### END SOLUTION", "", answer) if stripped else answer
            known: dict[str, Any] = {}
            exec("\n".join([written, *statements]), known)
            assert eval(last, known) == marks
        assert str(task.record["answer"]) not in re.sub(r"### BEGIN SOLUTION(.|\n)*### END SOLUTION", "", answer)
    capsys.readouterr()


def test_a_hostile_title_stays_text() -> None:
    loss = from_plain(made("relu").loss)
    leaf = next(node for node in _leaves(loss) if node.label == "w_1")
    sheet = worksheet(loss, leaf, questions=3, title=r"<b>a</b> & $5 \(x\) / ]]> ☃")
    for export in (as_moodle, as_stack):
        (source,) = export(sheet).values()
        quiz = ElementTree.fromstring(source.encode())
        assert (
            quiz.findtext("question/category/text")
            == f"$course$/top/{sheet.title.replace('/', '//')}, sheet {sheet.identifier}"
        )
    first = nbformat.reads(*as_notebook(sheet).values(), as_version=4).cells[0].source
    assert "<b>" not in first
    assert "$5" not in first


@pytest.mark.parametrize("form", ["moodle", "stack", "notebook"])
def test_exports_from_the_command_line(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["worksheet", "conv_average", "--format", form, "--out", str(tmp_path), "--json"]) == 0
        (path,) = map(Path, json.loads(capsys.readouterr().out)["files"])
        assert os.listdir(tmp_path) == [path.name]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, "it has the answers"
        assert path.name.startswith(f"{form}-")


def test_a_function_that_maxima_lacks_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = main(["worksheet", "(erf(w*x) - y)**2", "--questions", "2", "--format", "stack", "--out", str(tmp_path)])
    assert code == 2
    assert "Maxima has no erf" in capsys.readouterr().err
