"""Fair sheets: no question answers another, any line may be the wrong one, and losses of all kinds are asked."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from functools import cache
from itertools import permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import needs_chromium, needs_pdflatex
from many_cases import offenders, slow_but
from playwright.sync_api import Page
from test_worksheet import typeset

from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.documents.document import Lettered, Table, text_line
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.notation import text
from microgradcnn.views.worksheets.derivation_task import Material, Task
from microgradcnn.views.worksheets.draw import Draw
from microgradcnn.views.worksheets.grading import Answers, Key, marked_number
from microgradcnn.views.worksheets.planted import Mistakes
from microgradcnn.views.worksheets.predicted import Wanted, related_numbers
from microgradcnn.views.worksheets.worksheet import Worksheet, sheets_of

LOSSES = {
    "logistic": "y_hat = sigmoid(w_1*x_1 + w_2*x_2 + b); -(y*log(y_hat) + (1-y)*log(1-y_hat))",
    "softmax": "o_1 = w_1*x; o_2 = w_2*x; o_3 = w_3*x; e_1 = exp(o_1); e_2 = exp(o_2); e_3 = exp(o_3); "
    "s = e_1 + e_2 + e_3; q_1 = e_1/s; q_2 = e_2/s; q_3 = e_3/s; -(y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3))",
    "log softmax": "o_1 = w_1*x; o_2 = w_2*x; q_1 = exp(o_1)/(exp(o_1) + exp(o_2)); -log(q_1)",
    "pooling": "z_1 = sigmoid(c_1*p_1 + c_2*p_2); z_2 = sigmoid(c_1*p_2 + c_2*p_3); y_hat = maximum(z_1, z_2); "
    "(y_hat - y)**2",
    "relu": "z_1 = relu(u_1*x_1 + u_2*x_2); z_2 = relu(v_1*x_1 + v_2*x_2); y_hat = w_1*z_1 + w_2*z_2; (y_hat - y)**2",
    "bias": "y_hat = w_1*x_1 + w_2*x_2 + b; (y_hat - y)**2",
    "tanh": "a = tanh(u*x); b = tanh(v*a); y_hat = w*b; (y_hat - y)**2",
}
RECURRENT = "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); y_hat = w*h_2; (y_hat - y)**2"
GRAPHS = {**dict.fromkeys(NETWORKS), **LOSSES}


@cache
def maker(name: str, decay: float | None = None, questions: int = 6) -> Any:
    graph = loss_graph(GRAPHS[name] or name, regularise=decay)
    return sheets_of(graph.loss, [*graph.parameters.values()], questions, f"Backpropagation: {name}")


@cache
def made(name: str, seed: int | str = 7, decay: float | None = None) -> Worksheet:
    return maker(name, decay)(seed)


def sides(task: Task) -> set[str]:
    """Every formula that a question gives, each side of an equation by itself."""
    lines = [line for b in task.asked for line in (b.lines if isinstance(b, Lettered) else [b])]
    formulas = [e for line in lines if not isinstance(line, Table) for e in line if isinstance(e, Expr)]
    return {text(side) for e in formulas for side in (e.args[1:] if e.head == "equation" else ())}


def right_line(task: Task) -> set[str]:
    """The formulas of the line that goes wrong as it should be: the first equation of the solution."""
    line = next(line for line in task.solution if isinstance(line[0], Expr) and line[0].head == "equation")
    return {text(side) for side in line[0].args[1:]}


def check_apart(sheet: Worksheet) -> None:
    for one, other in permutations(sheet.tasks, 2):
        if one.kind == "number" or other.kind == "number":
            both = one.kind == other.kind
            assert not both or one.label != other.label, "a gradient gives the step"
            continue
        assert one.label != other.label, f"two questions have the answer df/d{one.label}"
        assert one.record["answer"] not in sides(other), f"{one.label} is given with {other.label}"
        if one.kind == "mistake":
            assert not right_line(one) & sides(other), f"the line of {one.label} is right with {other.label}"


@pytest.mark.parametrize("name", slow_but("conv_average", "logistic", among=[n for n in GRAPHS if n != "tanh"]))
def test_no_question_answers_another(name: str) -> None:
    assert offenders([(name, seed) for seed in range(12)], lambda case: check_apart(made(*case))) == []


def test_a_gradient_that_is_a_line_of_another_derivation_is_not_asked_beside_it() -> None:
    """df/db is 2(ŷ − y), which every derivation by a weight has in its first line, where that is right."""
    for seed in range(30):
        check_apart(maker("bias", questions=4)(seed))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lines", "sheets"), [("conv_average", 6, 75), ("single_layer", 3, 300)])
def test_any_line_may_be_the_wrong_one(name: str, lines: int, sheets: int) -> None:
    """χ² of the lines' counts, halved because two questions of a sheet may have to share their line.

    Sheets are drawn, and their numbers left to others.
    """
    graph = loss_graph(name)
    mistakes = Mistakes(Material(graph.loss, [*graph.parameters.values()]))
    drawn = [task for seed in range(sheets) for task in Draw(mistakes, Random(str(seed))).tasks(6)]
    counts = Counter(task.record["line"] for task in drawn if isinstance(task, Task) and task.kind == "mistake")
    expected = sum(counts.values()) / lines
    assert len(counts) == lines
    assert sum((n - expected) ** 2 / expected for n in counts.values()) / 2 < {3: 9.2, 5: 13.3, 6: 15.1}[lines]  # 1 %


@pytest.mark.parametrize("name", slow_but("relu", among=GRAPHS))
def test_a_sign_is_worth_half_in_every_number(name: str) -> None:
    for seed in (1, 2):
        for task in made(name, seed).tasks:
            if task.kind == "number":
                share, told = marked_number(task.record, f"{-task.record['answer']:.5f}")
                assert (share, "sign is wrong" in told) == (0.5, True), (task.record, told)


@pytest.mark.parametrize("name", slow_but("logistic", among=LOSSES))
def test_other_losses_have_sheets_whose_keys_get_all_marks(name: str) -> None:
    for seed in range(4):
        sheet = made(name, seed)
        assert {task.kind for task in sheet.tasks} == {"derive", "mistake", "number"}
        fields = {}
        for i, task in enumerate(sheet.tasks, start=1):
            answer = task.record["answer"]
            fields |= {f"q{i}": f"{answer:.4f}" if task.kind == "number" else answer}
            fields |= {f"q{i} line": task.record["line"]} if task.kind == "mistake" else {}
            if task.kind == "mistake":
                square = "log" not in json.dumps(sheet.loss)
                assert square or task.record["planted"]["kind"] != "root", (
                    "√f means nothing for a loss without a square"
                )
        rows = Key(json.loads(json.dumps(sheet.key()))).rows(Answers(fields))
        assert [row.marks for row in rows] == [1.0] * 6 + [6.0], rows


def test_labels_of_classes_are_one_hot_and_tables_are_there() -> None:
    for seed in range(5):
        sheet = made("softmax", seed)
        assert sorted(sheet.numbers[f"y_{i}"] for i in (1, 2, 3)) == [0.0, 0.0, 1.0]
        (table,) = [line for section in sheet.introduction for line in section.lines if isinstance(line, Table)]
        assert [text_line(cell) for cell in table.rows[0]][:3] == ["exp(a)", f"{math.exp(0.5):.4g}", f"{math.e:.4g}"]
    said = " ".join(str(s.lines) for s in made("pooling").introduction)
    assert "[a > b]" in said
    assert "[a > b]" not in " ".join(str(s.lines) for s in made("logistic").introduction)


def test_what_was_tried_for_one_sheet_changes_no_other() -> None:
    warm = [maker("relu")(seed) for seed in (3, 4)]
    graph = loss_graph(LOSSES["relu"])
    for sheet in warm[::-1]:
        cold = sheets_of(graph.loss, [*graph.parameters.values()], 6, sheet.title)(sheet.seed)
        assert cold.files() == sheet.files()


@pytest.mark.slow
@needs_pdflatex
@pytest.mark.parametrize("name", GRAPHS)
def test_no_line_of_a_sheet_is_overfull(name: str, tmp_path: Path) -> None:
    """A key has every line of its sheet but those that all sheets have."""
    for seed in (1, 2, "0123456789abcdef" * 2):
        for file, source in made(name, seed).files().items():
            if file.endswith(".tex") and (seed == 1 or file.startswith("key-")):
                log = typeset(source, tmp_path / file)
                assert not re.findall(r"Overfull \\[hv]box.*", log), (file, log)


@needs_chromium
@pytest.mark.parametrize("name", ["conv_average", "logistic", "softmax"])
def test_sheets_on_a_telephone(name: str, page: Page, tmp_path: Path) -> None:
    """Nothing is wider than the window, and there is one main landmark with headings in order."""
    page.set_viewport_size({"width": 390, "height": 844})
    for file, source in made(name).files().items():
        if file.endswith(".html"):
            (tmp_path / file).write_text(source, encoding="utf-8")
            page.goto((tmp_path / file).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= 390"), file
            cut = page.locator(".wide, p").evaluate_all(
                "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
            )
            assert cut == 0, file
            assert page.locator("main").count() == page.locator("h1").count() == 1
            assert page.evaluate("document.documentElement.lang") == "en"
            levels = page.locator("h1, h2, h3").evaluate_all("all => all.map(e => e.tagName)")
            assert levels == ["H1", *["H2"] * (len(levels) - 1)]


def test_sides_of_equations_are_found() -> None:
    task = next(task for task in made("conv_average").tasks if task.kind == "mistake")
    assert len(sides(task)) >= 6
    assert right_line(task)


def test_planted_derivations_tell_direct_derivatives_from_total_ones() -> None:
    """dh_2/du = (1 − h_2²)x_2 would be a second line that is wrong."""
    loss, _ = read_assignments(RECURRENT, iter([0.3, 0.5, 0.7, 0.9, 1.1, 0.2]).__next__)
    nodes = {node.label: node for node in topological(loss)}
    make = sheets_of(loss, [nodes[label] for label in "uvw"], 3, "")
    task = next(task for seed in range(40) for task in make(seed).tasks if task.kind == "mistake" and task.label == "u")
    shown = [text_line(line) for b in task.asked for line in (b.lines if isinstance(b, Lettered) else [b])]
    assert any(line.startswith("∂h₂/∂u is the direct derivative, with h₁ held fixed") for line in shown)
    assert any(line.startswith("∂h₂/∂u = ") for line in shown)
    assert not any(line.startswith("dh₂/du = ") for line in shown)
    assert any(line.startswith("df/du = ") and "∂h₂/∂u" in line for line in shown)


@pytest.mark.parametrize(
    ("formula", "related"),
    [
        (
            "o_1 = v_1*x; o_2 = v_2*x; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; "
            "-(y_1*log(q_1) + y_2*log(q_2))",
            {"q_1 q_2", "v_1 v_2"},
        ),
        ("q = sigmoid(v*x + b); -(y*log(q) + (1 - y)*log(1 - q))", {"b q"}),
        ("a = tanh(u*x); y_hat = w*a; (y_hat - y)**2", set()),
    ],
)
def test_numbers_that_give_one_another_are_known(formula: str, related: set[str]) -> None:
    graph = loss_graph(formula)
    material = Material(graph.loss, [*graph.parameters.values()])
    wanted = [Wanted("gradient", label) for label in material.rules]
    wanted += [Wanted("value", label) for label in graph.nodes if label[0] == "q"]
    found = related_numbers(material, [*wanted, *(Wanted("update", w.label, 2.0) for w in wanted if w.what != "value")])
    pairs = {" ".join(sorted({w.label for w in pair})) for pair in found}
    assert {pair for pair in pairs if " " in pair} == related
    assert pairs - related == {w.label for w in wanted if w.what != "value"}, "a gradient gives the step"
