"""Worksheets: what they ask, that their keys are right by another way, and that no key is on a student's sheet.

The oracle is each network written out by hand in plain Python, and its central differences: no engine, no chain rule.
"""

from __future__ import annotations

import html.parser
import json
import math
import os
import re
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import needs_chromium, needs_pdflatex
from many_cases import slow_but
from playwright.sync_api import Page
from test_notation import check_latex, check_mathml

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers.parser import parse
from microgradcnn.views.answers.tokens import Names
from microgradcnn.views.documents.document import Lettered
from microgradcnn.views.documents.html import html_lines
from microgradcnn.views.documents.latex import latex_lines
from microgradcnn.views.formulas.expression import add, equation, symbol
from microgradcnn.views.formulas.line_breaks import PAGE, width
from microgradcnn.views.formulas.notation import latex, mathml, python, text
from microgradcnn.views.worksheets.derivation_task import Material, with_symbols
from microgradcnn.views.worksheets.draw import Draw
from microgradcnn.views.worksheets.planted import Plant, account, mend, plants
from microgradcnn.views.worksheets.worksheet import Worksheet

WINDOWS = ((1, 2, 4, 5), (2, 3, 5, 6), (4, 5, 7, 8), (5, 6, 8, 9))
VARIANTS = [("sigmoid", 0.0), ("relu", 0.0), ("sigmoid", 0.01), ("relu", 0.01)]
SHEETS = [(name, *VARIANTS[(i + step) % 4]) for i, name in enumerate(NETWORKS) for step in (0, 1)]
every_sheet = pytest.mark.parametrize(
    ("name", "activation", "decay"),
    [pytest.param(*sheet, marks=() if sheet[0] == "single_layer" else pytest.mark.slow) for sheet in SHEETS],
)


@cache
def made(name: str, activation: str = "sigmoid", decay: float = 0.0, seed: str = "7", questions: int = 6) -> Worksheet:
    graph = loss_graph(name, activation, decay)
    return mg.worksheet(graph.loss, [*graph.parameters.values()], seed, questions, f"Backpropagation: {name}")


def by_hand(name: str, activation: str, decay: float, at: dict[str, float]) -> dict[str, float]:
    """Every number of a network, as the lecture writes it."""
    squash = {"sigmoid": lambda a: 1.0 / (1.0 + math.exp(-a)), "relu": lambda a: max(a, 0.0)}[activation]
    if name == "single_layer":
        a = [at[f"{row}_1"] * at["x_1"] + at[f"{row}_2"] * at["x_2"] for row in "suv"]
    else:
        filters = 2 if name.startswith("two") else 1
        a = [
            sum(at[f"c_{4 * k + j + 1}"] * at[f"p_{pixel}"] for j, pixel in enumerate(window))
            for k in range(filters)
            for window in WINDOWS
        ]
    z = [squash(x) for x in a]
    w = [at[label] for label in sorted((k for k in at if k[0] == "w"), key=lambda label: int(label[2:]))]
    halves = [sum(z[:4]) / 4, sum(z[4:]) / 4]
    y_hat = {
        "conv_average": lambda: halves[0],
        "two_conv_average": lambda: (halves[0] + halves[1]) / 2,
        "two_conv_average_linear": lambda: w[0] * halves[0] + w[1] * halves[1],
    }.get(name, lambda: sum(u * v for u, v in zip(w, z, strict=True)))()
    squares = sum(v * v for label, v in at.items() if label[0] in "suvwc")
    named = {f"{letter}_{i}": v for letter, row in (("a", a), ("z", z)) for i, v in enumerate(row, start=1)}
    return {**at, **named, "y_hat": y_hat, "f": (y_hat - at["y"]) ** 2 + decay * squares, "t_1": squares}


def slope_by_hand(name: str, activation: str, decay: float, at: dict[str, float], label: str) -> float:
    h = 1e-6
    above, below = (by_hand(name, activation, decay, {**at, label: at[label] + s})["f"] for s in (h, -h))
    return (above - below) / (2 * h)


def value_of(formula: str, known: dict[str, float], activation: str) -> float:
    return parse(formula, Names(known, activation), lambda label: Value(known[label], label=label)).item()


# What is asked, and the key


@every_sheet
def test_the_key_is_right_by_hand(name: str, activation: str, decay: float) -> None:
    key = made(name, activation, decay).key()
    at = {label: number + 0.017 for label, number in key["numbers"].items()}  # away from the kinks of relu
    known = by_hand(name, activation, decay, at)
    there = by_hand(name, activation, decay, key["numbers"])
    for question in key["questions"]:
        label, answer = question["label"], question["answer"]
        if question["kind"] == "number":
            slope = slope_by_hand(name, activation, decay, key["numbers"], label) if label in key["numbers"] else 0.0
            moved = there[label] - question["rate"] * slope
            expected = {"value": there[label], "gradient": slope, "update": moved}[question["what"]]
            assert answer == pytest.approx(expected, abs=1e-7)
        else:
            slope = slope_by_hand(name, activation, decay, at, label)
            assert value_of(answer, known, activation) == pytest.approx(slope, abs=1e-8)


@every_sheet
def test_what_was_planted_is_wrong_by_hand(name: str, activation: str, decay: float) -> None:
    rng = np.random.default_rng(1)
    for question in made(name, activation, decay).key()["questions"]:
        wrong = 0.0
        for _ in range(20 if question["kind"] == "mistake" else 0):
            at = {label: float(v) for label, v in zip(made(name).numbers, rng.normal(size=99), strict=False)}
            known, slope = (
                by_hand(name, activation, decay, at),
                slope_by_hand(name, activation, decay, at, question["label"]),
            )
            assert value_of(question["answer"], known, activation) == pytest.approx(slope, rel=1e-5, abs=1e-6)
            wrong = max(wrong, abs(value_of(question["planted"]["formula"], known, activation) - slope))
        assert wrong > 1e-3 or question["kind"] != "mistake"


@every_sheet
def test_what_was_planted_is_what_check_answer_finds(name: str, activation: str, decay: float) -> None:
    network = NETWORKS[name](seed=5, activation=activation, regularise=decay)
    example = network.example([0.3] * network.inputs, 0.0)
    planted = [q for q in made(name, activation, decay).key()["questions"] if q["kind"] == "mistake"]
    assert planted
    for question in planted:
        theta = example.parameters[question["label"]]
        (gradient,) = mg.grad(example.loss, [theta])
        wrong = mg.check_answer(question["planted"]["formula"].replace("t₁", "t_1"), gradient, example.loss, theta)
        assert [d.kind for d in wrong.diagnoses] == [question["planted"]["kind"]]
        assert question["planted"]["clause"] in wrong.verdict
        assert mg.check_answer(question["answer"], gradient, example.loss, theta).right


@pytest.mark.parametrize("seed", slow_but(0, 1, among=range(8)))
def test_the_line_that_goes_wrong(seed: int) -> None:
    for task in made("conv_average", seed=str(seed)).tasks:
        if task.kind == "mistake":
            (shown,) = [block for block in task.asked if isinstance(block, Lettered)]
            lines = ["".join(p if isinstance(p, str) else text(p) for p in line) for line in shown.lines]
            low = partial(re.sub, r"(?<=[a-z])\d", lambda m: "₀₁₂₃₄₅₆₇₈₉"[int(m[0])])
            j = int(task.label[2:])
            inner = [f"z{i + 1}(1 − z{i + 1})p{window[j - 1]}" for i, window in enumerate(WINDOWS)]
            right = ["df/dzᵢ = ½(ŷ − y) for i = 1, …, 4"]
            right += [low(f"dz{i + 1}/dc{j} = {term}") for i, term in enumerate(inner)]
            paths = " + ".join(f"(df/dz{i})(dz{i}/dc{j})" for i in range(1, 5))
            right.append(low(f"df/dc{j} = {paths} = ½(ŷ − y)[{' + '.join(inner)}]"))
            first = next(i for i in range(6) if lines[i] != right[i])
            assert task.record["line"] == "ABCDEF"[first]
            assert lines[first + 1 : 5] == right[first + 1 : 5]
            assert lines[5] != right[5]


@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_kinds_are_balanced_and_questions_differ(name: str) -> None:
    for questions in (1, 5, 6):
        kinds = Counter(task.kind for task in made(name, questions=questions).tasks)
        assert sum(kinds.values()) == questions
        assert max(kinds.values()) - min(kinds[kind] for kind in ("derive", "mistake", "number")) <= 1


@pytest.mark.slow
def test_a_long_sheet_asks_nothing_twice_and_plants_all_kinds() -> None:
    tasks = made("conv_average", decay=0.01, questions=24).tasks
    assert len({"".join(map(str, task.asked)) for task in tasks}) == 24
    assert Counter(task.kind for task in tasks)["derive"] == 4  # there are four gradients
    planted = Counter(task.record["planted"]["kind"] for task in tasks if task.kind == "mistake")
    assert set(planted) == {"factor", "sign", "root", "inner derivative", "index", "missing path", "regularisation"}
    assert max(planted.values()) - min(planted.values()) <= 1


@every_sheet
def test_numbers_are_tidy_and_answers_need_work(name: str, activation: str, decay: float) -> None:
    sheet = made(name, activation, decay)
    assert all(abs(10 * v - round(10 * v)) < 1e-12 and abs(v) <= 2 for v in sheet.numbers.values())
    for task in sheet.tasks:
        if task.kind == "number":
            answer = task.record["answer"]
            assert 0.05 <= abs(answer) <= 20
            assert min(abs(answer - v) for v in sheet.numbers.values()) > task.record["tolerance"]
            for miss, share, clause in task.record["misses"]:
                assert abs(miss - answer) > task.record["near"]
                assert 0 < share < 1
                assert clause


def test_a_weight_left_out_is_planted_where_there_is_one() -> None:
    ex = NETWORKS["single_layer"]().example([0.5, 1.0], 1.0)
    material = Material(ex.loss, list(ex.parameters.values()))
    (plant,) = [plant for plant in plants(material.rules["s_1"]) if plant.kind == "missing factor"]
    task = mend(material, "s_1", plant)
    assert task is not None
    assert task.record["planted"]["formula"] == "2(ŷ − y)z₁(1 − z₁)x₁"
    assert task.record["line"] == "A"


def test_a_plant_that_is_no_mistake_or_another_is_not_used() -> None:
    ex = NETWORKS["conv_average"]().example([0.5] * 9, 1.0)
    material = Material(ex.loss, list(ex.parameters.values()))
    rule = material.rules["c_1"]
    assert mend(material, "c_1", Plant("sign", account(rule))) is None  # right as it is
    by_kind = {plant.kind: plant for plant in plants(rule)}
    assert mend(material, "c_1", by_kind["sign"]) is not None
    assert mend(material, "c_1", by_kind["sign"]._replace(kind="factor")) is None
    both = replace(by_kind["sign"].account, left_out=by_kind["missing path"].account.left_out)
    assert mend(material, "c_1", Plant("sign", both)) is None


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "microgradcnn", "worksheet", "conv_average", "--seed", "7", "--out"]
    for hashing in "12":
        run = [*command, str(tmp_path / hashing)]
        subprocess.run(run, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": hashing})
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / hashing).iterdir()} for hashing in "12")
    assert first == second
    assert len(first) == 6
    assert first == {name: content.encode() for name, content in made("conv_average").files().items()}


def neuron() -> tuple[Value, list[Value]]:
    w, b, x, y = (Value(0.5, label=label) for label in "wbxy")
    y_hat = (w * x + b).sigmoid()
    y_hat.label = "y_hat"
    return (y_hat - y) ** 2, [w, b]


NEURON = neuron()


@pytest.mark.slow
def test_another_seed_gives_another_sheet() -> None:
    sheets = [made("single_layer", seed=str(seed)) for seed in range(10)]
    assert len({sheet.identifier for sheet in sheets}) == 10
    assert len({str([task.asked for task in sheet.tasks]) for sheet in sheets}) == 10


def test_the_identifier_is_of_all_that_a_sheet_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So a version that draws other questions from a seed makes another sheet of it, whose key fits no old answers."""
    sheet, same = (mg.worksheet(*NEURON, seed=3, questions=3) for _ in range(2))
    assert sheet.identifier == same.identifier
    title = mg.worksheet(*NEURON, seed=3, questions=3, title="Another")
    fewer = mg.worksheet(*NEURON, seed=3, questions=2)
    monkeypatch.setattr("microgradcnn.views.worksheets.predicted.RATES", (0.5, 0.25))
    monkeypatch.setattr("microgradcnn.views.worksheets.predicted._INPUTS", (-3.0, 3.0))
    numbers = mg.worksheet(*NEURON, seed=3, questions=3)
    monkeypatch.setattr(Draw, "_rarity", lambda self, place: (0, -place[2]))
    others = mg.worksheet(*NEURON, seed=3, questions=3)
    assert [task.asked for task in others.tasks] != [task.asked for task in numbers.tasks]
    assert len({s.identifier for s in (sheet, title, fewer, numbers, others)}) == 5


# No key on the sheet


def spellings(sheet: Worksheet) -> Iterator[str]:
    """The answers of a key in every notation that a source may have."""
    material = Material(*written_out(sheet))
    for task in sheet.tasks:
        if task.kind == "number":
            yield from {f"{task.record['answer']:.{digits}f}".lstrip("-") for digits in (3, 4, 5, 6)}
        else:
            gradient = material.rules[task.label].gradient
            yield from (task.record["answer"], latex(gradient), python(gradient))
            yield mathml(gradient).removesuffix("</math>").split(">", 1)[1]
        if task.kind == "mistake":
            yield task.record["planted"]["clause"]


def written_out(sheet: Worksheet) -> tuple[Value, list[Value]]:
    name = sheet.title.split()[-1]
    ex = NETWORKS[name](regularise=0.01 if "t_1" in str(sheet.loss) else 0.0).example(
        [1.0] * NETWORKS[name]().inputs, 1
    )
    return ex.loss, list(ex.parameters.values())


def leaks(source: str, answers: set[str]) -> list[str]:
    """The answers that stand in a source as a whole, spaces aside: no longer numeral or product, nothing in front."""
    packed, end = re.sub(r"\s|&", "", source), r"(?=$|\\\\|\\tag|\\end|\$|</math>|</t|[\"<,;])"
    wanted = {answer: re.sub(r"\s|&", "", answer) for answer in answers}
    present = {answer: re.escape(text) for answer, text in wanted.items() if text in packed}
    return [answer for answer, text in present.items() if re.search(rf"(?<![\d.−-])(?<!−</mo>){text}{end}", packed)]


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *(pytest.param(name, "7", marks=() if name == "single_layer" else pytest.mark.slow) for name in NETWORKS),
        pytest.param("conv_linear", "zq8xk", marks=pytest.mark.slow),
    ],
)
def test_no_answer_is_on_the_sheet(name: str, seed: str) -> None:
    sheet = made(name, seed=seed)
    answers = set(spellings(sheet))
    for file, source in sheet.files().items():
        if file.startswith("key"):
            assert leaks(source, answers), file  # the search finds what is there
        else:
            assert not leaks(source, answers), file
            assert seed == "7" or seed not in source


@every_sheet
def test_what_a_student_gets_does_not_depend_on_the_key(name: str, activation: str, decay: float) -> None:
    sheet = made(name, activation, decay)
    blind = replace(sheet, seed="", loss=[], tasks=tuple(replace(t, solution=[], record={}) for t in sheet.tasks))
    for file, source in blind.files().items():
        assert file.startswith("key") or source == sheet.files()[file]


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_hidden_in_the_sources(name: str) -> None:
    for file, source in made(name).files().items():
        if file.endswith(".tex"):
            assert not re.search(r"(?<!\\)%", source)
            assert r"\pdfinfo" not in source
        if file.endswith(".html"):
            assert "<!--" not in source
            assert re.findall(r"<meta[^>]*>", source) == [
                '<meta charset="utf-8">',
                '<meta name="viewport" content="width=device-width, initial-scale=1">',
            ]
            assert " data-" not in source
            assert "<script" not in source


# The documents


class Balanced(html.parser.HTMLParser):
    """Fails where an element is not closed in its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@every_sheet
def test_the_documents_are_well_formed(name: str, activation: str, decay: float) -> None:
    for file, source in made(name, activation, decay).files().items():
        if file.endswith(".tex"):
            check_latex(source.split(r"\begin{document}")[1].split(r"\end{document}")[0])
            assert re.findall(r"\\usepackage.*", source) == [r"\usepackage{amsmath}"]
        if file.endswith(".html"):
            parser = Balanced()
            parser.feed(source)
            assert not parser.open
            assert not set(re.findall(r"https?://[^\"]*", source)) - {"http://www.w3.org/1998/Math/MathML"}
            for formula in re.findall(r"<math.*?</math>", source):
                check_mathml(ElementTree.fromstring(formula))


@pytest.mark.slow
@needs_pdflatex
@pytest.mark.parametrize("name", NETWORKS)
def test_pdflatex_sets_sheet_and_key(name: str, tmp_path: Path) -> None:
    variant = VARIANTS[list(NETWORKS).index(name) % len(VARIANTS)]
    for file, source in made(name, *variant).files().items():
        if file.endswith(".tex"):
            assert "Overfull" not in typeset(source, tmp_path / file)


def typeset(source: str, file: Path) -> str:
    file.write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name]
    run = subprocess.run(command, cwd=file.parent, capture_output=True, check=False)
    log = run.stdout.decode(errors="replace")
    assert run.returncode == 0, log[-2000:]
    assert "mktexpk" not in log  # a font that is no outline
    return log


def neuron() -> tuple[Value, list[Value]]:
    w, b = Value(0.5, label="w"), Value(-0.2, label="b")
    x, y = Value(2.0, label="x"), Value(1.0, label="y")
    prediction = (w * x + b).sigmoid()
    prediction.label = "y_hat"
    return (prediction - y).square(), [w, b]


HOSTILE = r"100% <b>\input{x}</b> $\alpha$ #1 & {~^_ Übungsblatt Ærø \end{document} Ж"


@pytest.mark.slow
@needs_pdflatex
def test_a_hostile_title_and_seed_are_printed_as_they_are(tmp_path: Path) -> None:
    sheet = mg.worksheet(*neuron(), seed=HOSTILE, questions=4, title=HOSTILE + "\n q1: 3")
    for file, source in sheet.files().items():
        if file.endswith(".tex"):
            typeset(source, tmp_path / file)
        if file.endswith(".html"):
            assert "<b>" not in source
            assert "&lt;b&gt;" in source
    assert sum(line.startswith("q") for line in sheet.answer_file().splitlines()) == sum(
        2 if task.kind == "mistake" else 1 for task in sheet.tasks
    )


@needs_chromium
@pytest.mark.parametrize("variant", VARIANTS)
def test_pages_fit_their_paper(variant: tuple[str, float], page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 760, "height": 1000})  # less than A4, which is 794 wide
    for file, source in made("two_conv_linear", *variant).files().items():
        if file.endswith(".html"):
            (tmp_path / file).write_text(source, encoding="utf-8")
            page.goto((tmp_path / file).as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), file
            assert page.locator("section").count() >= 8
            rooms = page.locator(".room").evaluate_all("rooms => rooms.map(room => room.offsetHeight)")
            assert len(rooms) == (6 if file.startswith("sheet") else 0)
            assert all(height > 80 for height in rooms)


def test_lettered_equations_in_latex_and_html() -> None:
    a, b = symbol("a"), symbol("b")
    long = equation(a, add(*[symbol(f"b_{i}") for i in range(30)]), b)
    block = Lettered([(equation(a, b), " here"), (long,)])
    (tex,) = latex_lines([block])
    first, *_, last = tex.splitlines()[1:-1]
    assert first == r"a &= b \quad\text{ here} \tag{A} \\"
    assert last == r" &= b \tag{B}"
    assert tex.count(r"\tag") == 2
    assert max(width(row) for row in tex.split(r"\\")) < PAGE
    rows = ElementTree.fromstring("".join(html_lines([block]))).findall(".//tr")
    assert [row.findtext("td[1]") for row in rows] == ["(A)", "(B)", ""]
    assert [len(row) for row in rows] == [3, 3, 3]


def test_names_in_words_are_symbols() -> None:
    shown = with_symbols("this is df/dw_1, not df/dw_12: y_hat − delta_2 stands for z_i(1 − z_i), 2·s_1_2")
    assert [piece.value for piece in shown if not isinstance(piece, str)] == (
        ["w_1", "w_12", "y_hat", "delta_2", "z_i", "z_i", "s_1_2"]
    )
    assert "".join(p if isinstance(p, str) else p.value for p in shown).startswith("this is df/dw_1, not df/dw_12: y_")


# A loss of one's own


def test_a_worksheet_about_a_loss_of_ones_own() -> None:
    sheet = mg.worksheet(*neuron(), seed=3, questions=9)
    source = sheet.files()[f"sheet-{sheet.identifier}.html"]
    assert "Backpropagation" in source
    for question in sheet.key()["questions"]:
        at = sheet.numbers
        y_hat = 1 / (1 + math.exp(-at["w"] * at["x"] - at["b"]))
        slope = 2 * (y_hat - at["y"]) * y_hat * (1 - y_hat) * {"w": at["x"]}.get(question["label"], 1.0)
        known = {**at, "y_hat": y_hat, "f": (y_hat - at["y"]) ** 2}
        if question["kind"] != "number":
            assert value_of(question["answer"], known, "sigmoid") == pytest.approx(slope, rel=1e-12)
        elif question["what"] == "gradient":
            assert question["answer"] == pytest.approx(slope, rel=1e-12)


def test_one_value_to_differentiate_by() -> None:
    loss, (w, _) = neuron()
    assert {task.label for task in mg.worksheet(loss, w, questions=4).tasks} <= {"w", "y_hat", "f"}


def test_what_cannot_be_asked_is_one_sentence() -> None:
    loss, (w, b) = neuron()
    with pytest.raises(ValueError, match="from 1 to 24 questions, not 0"):
        mg.worksheet(loss, [w, b], questions=0)
    with pytest.raises(ValueError, match="was not computed from"):
        mg.worksheet(loss, [w, Value(1.0, label="q")])
    with pytest.raises(ValueError, match="was not computed from"):
        mg.worksheet(loss, Value(1.0))
    with pytest.raises(ValueError, match=r"no more than \d+ different questions"):
        mg.worksheet(loss, w, questions=24)
    with pytest.raises(ValueError, match="array: write the graph out in scalars"):
        mg.worksheet(Value([1.0, 2.0], label="x").square().sum(), [])
    x = Value(0.5, label="x")
    with pytest.raises(ValueError, match="cannot be asked for"):
        mg.worksheet(mg.where(mg.equal(x * 2.0, 0.5), x, x * x), x)
    assert mg.worksheet(mg.maximum(x * 2.0, 0.5) ** 1.5, x, questions=3)
    assert mg.worksheet(mg.expm1(x * 2.0) ** 1.5 + mg.softplus(x), x, questions=3)
    with pytest.raises(ValueError, match="tries found no tidy numbers"):
        mg.worksheet((x * 1e-9 - 1.0).square(), x, questions=3)


NOT_FINITE = """
from microgradcnn import Value
w, x, u = Value(float("nan"), label="w"), Value(2.0, label="x"), Value(float("inf"), label="u")
f = (w * x + u).sigmoid() * w * u
"""


def test_keys_are_for_their_owner_and_strict_json_whatever_the_numbers_of_the_leaves(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("model.py").write_text(NOT_FINITE)
    assert main(["worksheet", "model.py:f", "--wrt", "w,u", "--questions", "2", "--out", "sheets"]) == 0
    modes = {path.name.split("-")[0]: stat.S_IMODE(path.stat().st_mode) for path in Path("sheets").iterdir()}
    assert modes["key"] == 0o600
    assert modes["sheet"] == modes["answers"] == 0o666 & ~umask()
    (key,) = Path("sheets").glob("key-*.json")
    json.loads(key.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    Path("answers").mkdir()
    Path(next(Path("sheets").glob("answers-*"))).rename("answers/anna.txt")
    assert main(["grade", "answers", "--key", "sheets"]) == 0
    assert "anna.txt" in capsys.readouterr().out


def umask():
    """The mask of this process, which can only be seen by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
