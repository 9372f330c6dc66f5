"""Sheets about graphs that no network of the lecture is: apart, evenly wrong, in mathematics, and exported whole."""

from __future__ import annotations

import html.parser
import json
import math
import re
from collections import Counter, defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nbformat
import pytest
from conftest import needs_chromium
from many_cases import slow_but
from playwright.sync_api import Page
from test_fair_sheets import check_apart

from microgradcnn.cli import main
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.worksheets.grading import Answers, Key
from microgradcnn.views.worksheets.worksheet import Worksheet, sheets_of

SHARES = "S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))"
MORE = "S = exp(o_1) + exp(o_2) + exp(o_3); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; q_3 = exp(o_3)/S; "
BINARY = "-(y*log(q) + (1 - y)*log(1 - q))"
GRAPHS = {
    "skip": "z_1 = sigmoid(u_1*x); z_2 = tanh(u_2*z_1); y_hat = w_1*z_2 + w_2*z_1; (y_hat - y)^2",
    "λ": "lambda = 0.1; z = sigmoid(u*x + b); y_hat = w*z; (y_hat - y)^2 + lambda*(u^2 + w^2)",
    "two classes": "o_1 = v_1*x; o_2 = v_2*x; " + SHARES,
    "three classes": "o_1 = v_1*x; o_2 = v_2*x; o_3 = v_3*x; " + MORE
    + "-(y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3))",
    "logistic, three layers": "a_1 = tanh(s*x); a_2 = tanh(u*a_1); q = sigmoid(v*a_2); " + BINARY,
    "two steps": "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); y_hat = w*h_2; (y_hat - y)^2",
    "attention": "s_1 = q*k_1; s_2 = q*k_2; g = sigmoid(s_1 - s_2); y_hat = g*v_1 + (1-g)*v_2; (y_hat - y)^2",
    "pooling of two": "z_1 = relu(c_1*p_1 + c_2*p_2); z_2 = relu(c_1*p_2 + c_2*p_3); m = maximum(z_1, z_2); "
    "y_hat = w*m; (y_hat - y)^2",
}  # fmt: skip
FAST = ("skip", "λ")


@cache
def maker(name: str) -> Any:
    graph = loss_graph(GRAPHS[name])
    return sheets_of(graph.loss, [*graph.parameters.values()], 6, name)


@cache
def made(name: str, seed: int) -> Worksheet:
    return maker(name)(f"another {seed}")


every_graph = pytest.mark.parametrize("name", slow_but(*FAST, among=GRAPHS))


@every_graph
def test_no_question_answers_another(name: str) -> None:
    for seed in range(3):
        check_apart(made(name, seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAST)
def test_no_question_of_sixty_sheets_answers_another(name: str) -> None:
    for seed in range(60):
        check_apart(made(name, seed))


@every_graph
def test_no_number_is_another_questions_number(name: str) -> None:
    """q₁ is 1 − q₂, and df/dv₁ is −df/dv₂, where there are two classes: who has one has both."""
    same = []
    for seed in range(12):
        numbers = [task.record["answer"] for task in made(name, seed).tasks if task.kind == "number"]
        for a, b in combinations(numbers, 2):
            same += [(seed, a, b)] if math.isclose(abs(a), abs(b)) or math.isclose(a + b, 1.0) else []
    assert len(same) <= 2, same  # by chance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["skip", "λ", "two classes", "logistic, three layers"])
def test_the_wrong_line_is_any_line(name: str) -> None:
    """Sheets: χ² of the lines of a gradient's derivation, at 0.1 % with what is lost where two share a line."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for seed in range(60):
        for task in made(name, seed).tasks:
            if task.kind == "mistake":
                counts[task.label][task.record["line"]] += 1
    for label, of in counts.items():
        expected = sum(of.values()) / 3
        assert len(of) == 3, (label, of)
        assert sum((n - expected) ** 2 / expected for n in of.values()) < 2 * 13.8, (label, of)


def test_nothing_is_used_before_it_is_defined() -> None:
    text = "a_1 = u*x_1; h_1 = sigmoid(a_1); a_2 = u*x_2 + v*h_1; h_2 = sigmoid(a_2); y_hat = w*h_2; (y_hat - y)^2"
    graph = loss_graph(text)
    computed = sheets_of(graph.loss, [*graph.parameters.values()], 6, "steps")("any seed").introduction[0]
    lines = [notation.text(line[0]) for line in computed.lines if isinstance(line[0], Expr)]
    names = [[re.findall(r"[a-zŷ][₀-₉]*", side) for side in line.split(" = ", 1)] for line in lines]
    known: set[str] = set()
    for (left,), right in names:
        assert {*right} & {"a₁", "a₂", "h₁", "h₂", "ŷ"} <= known, lines
        known.add(left)
    assert known == {"a₁", "a₂", "h₁", "h₂", "ŷ", "f"}


def test_a_number_that_has_a_name_keeps_its_number() -> None:
    """lambda = 0.1 is what the author wrote: no sheet has another λ, and none has one below 0."""
    assert {made("λ", seed).numbers["lambda"] for seed in range(8)} == {0.1}


@every_graph
def test_keys_are_mathematics(name: str) -> None:
    for seed in range(3):
        sheet = made(name, seed)
        for task in sheet.tasks:
            assert not re.search(r"\{[^}]* if |scatter|None|\0", str(task.record["answer"])), task.record["answer"]
        for file, source in sheet.files().items():
            assert "\0" not in source, file


@pytest.mark.slow
def test_softmax_keys_are_as_taught() -> None:
    answers = {task.record["answer"] for seed in range(4) for task in made("three classes", seed).tasks}
    formulas = {a for a in answers if isinstance(a, str)}
    assert formulas <= {f"(q{i} − y{i})x" for i in "₁₂₃"} | {f"[(y₁ + y₂ + y₃)q{i} − y{i}]x" for i in "₁₂₃"}, formulas


def test_a_maximum_of_three_can_be_asked() -> None:
    pooled = (
        "z_1 = sigmoid(c_1*p_1 + c_2*p_2); z_2 = sigmoid(c_1*p_2 + c_2*p_3); z_3 = sigmoid(c_1*p_3 + c_2*p_4); "
        "m = maximum(z_1, maximum(z_2, z_3)); y_hat = w*m; (y_hat - y)^2"
    )
    graph = loss_graph(pooled)
    assert len(sheets_of(graph.loss, [*graph.parameters.values()], 4, "pooling")("a").tasks) == 4


@every_graph
def test_answers_of_the_key_get_all_marks_and_signs_half(name: str) -> None:
    sheet = made(name, 1)
    key = Key(json.loads(json.dumps(sheet.key())))
    for sign, share in (("", 1.0), ("-", 0.5)):
        fields = {}
        for i, task in enumerate(sheet.tasks, start=1):
            answer = task.record["answer"]
            number = f"{answer if sign == '' else -answer:.4f}" if task.kind == "number" else ""
            fields[f"q{i}"] = number or f"{sign}({answer})"
            fields |= {f"q{i} line": task.record["line"]} if task.kind == "mistake" else {}
        rows = key.rows(Answers(fields))
        assert all(row.marks >= share for row in rows[:-1]), [(row.marks, row) for row in rows]
        assert sign == "" or all(row.marks < 1.0 for row in rows[:-1]), rows


# Exports


TAGS = {"p", "h3", "h4", "h5", "table", "thead", "tbody", "tr", "th", "td", "div", "span", "br", "em", "b"}


class Text(html.parser.HTMLParser):
    """What a browser would have: the tags, balanced, and the text between them."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [] if tag in ("br", "hr", "img") else [tag]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


EXPORTED = {**{name: GRAPHS[name] for name in ("λ", "two classes", "pooling of two", "two steps")},
            "below": "z_1 = sigmoid(c*p_1); z_2 = sigmoid(c*p_2); m = minimum(z_1, z_2); (w*m - y)^2"}  # fmt: skip


@pytest.mark.parametrize("form", ["moodle", "stack"])
@pytest.mark.parametrize("name", slow_but("below", among=EXPORTED))
def test_xml_for_moodle(name: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As https://docs.moodle.org/en/Moodle_XML_format has it; what is in a <text format="html"> is HTML."""
    command = ["worksheet", EXPORTED[name], "--seed", "5", "--questions", "3", "--format", form, "--out", str(tmp_path)]
    assert main(command) == 0, capsys.readouterr().err
    capsys.readouterr()
    (path,) = tmp_path.iterdir()
    quiz = ElementTree.fromstring(path.read_bytes())
    assert quiz.tag == "quiz"
    category, *questions = quiz.findall("question")
    assert category.get("type") == "category"
    assert str(category.findtext("category/text")).startswith("$course$/")
    assert len({q.findtext("name/text") for q in questions}) == len(questions) >= 3
    assert sum(float(q.findtext("defaultgrade") or 1) for q in questions) == 3.0
    allowed = {"moodle": {"numerical", "shortanswer", "essay"}, "stack": {"stack", "numerical", "shortanswer"}}[form]
    for question in questions:
        assert question.get("type") in allowed
        for part in question.iter():
            if part.get("format") == "html" and (source := part.findtext("text")):
                read = Text(source)
                assert set(read.tags) <= TAGS, read.tags
                assert read.text.count(r"\(") == read.text.count(r"\)")
                outside = re.sub(r"\\\(.*?\\\)", "", read.text)
                assert not re.search(r"\\[a-z]+|\$", outside), outside
        if question.get("type") in ("numerical", "shortanswer"):
            fractions = [float(str(answer.get("fraction"))) for answer in question.findall("answer")]
            assert max(fractions) == 100.0
            assert all(0.0 <= fraction <= 100.0 for fraction in fractions)
        if question.get("type") == "numerical":
            assert all(float(str(a.findtext("tolerance"))) > 0.0 for a in question.findall("answer"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_notebooks_are_valid(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["worksheet", EXPORTED[name], "--seed", "5", "--questions", "4", "--format", "notebook"]
    assert main([*command, "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    capsys.readouterr()
    (path,) = tmp_path.iterdir()
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    about = [cell.metadata.nbgrader for cell in notebook.cells]
    assert sum(each.get("points", 0) for each in about if each.grade) == 4
    assert all(each.schema_version == 3 for each in about)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, path.name, "exec")
        assert not cell.get("outputs")


@pytest.mark.slow
@needs_chromium
def test_sheets_fit_a_phone(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    found = {}
    for name in GRAPHS:
        for file, source in made(name, 2).files().items():
            if file.endswith(".html"):
                (tmp_path / file).write_text(source, encoding="utf-8")
                page.goto((tmp_path / file).as_uri())
                if (width := page.evaluate("document.documentElement.scrollWidth")) > 390:
                    found[f"{name} {file}"] = width
                assert page.locator("main").count() == 1
                assert page.locator("h1").count() == 1
    assert found == {}
