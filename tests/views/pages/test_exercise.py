"""The exercise in a browser: answers judged, training with them, the map of the loss; and no key for students."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from conftest import needs_chromium
from test_edits import graph_of
from test_same_verdicts import problem_of

import microgradcnn as mg
from microgradcnn.data import load
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.views.pages.exercise import Problem, boxes, landscape, scripts, start_script, training

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

RATE = {"conv_average": 5.0, "conv_linear": 0.2, "single_layer": 0.3}


def problem(name: str, **options: Any) -> Problem:
    """A network on thirty rows of `side`, or of `wedge` for the one whose inputs are no image."""
    data = load("wedge" if name == "single_layer" else "side")
    rows = np.column_stack([data.x, data.y])[:: len(data.x) // 30 + 1].round(3)
    network = NETWORKS[name](seed=0, **options)
    example = network.example(rows[0, :-1], rows[0, -1])
    start = np.array([v.data for v in example.parameters.values()]).round(3)
    columns = [*example.inputs, example.y]
    return Problem(
        example.loss, list(example.parameters.values()), columns, rows, start, 2.0 * start, RATE.get(name, 0.2)
    )


FILLS = {"nonsense": {"c_1": "f", "w_1": "y"}}


Show = Callable[..., str]


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Show:
    """Opens a problem's page from a file, and gives its source."""

    def shown(task: Problem, key: bool) -> str:
        labels = [str(p.label) for p in task.parameters]
        text = f"""<!doctype html><meta charset="utf-8"><section id="exercise">{boxes(task, FILLS if key else {})}
            {training(task)}</section><section id="landscape">{landscape(task, labels[0], labels[-1])}</section>
            <script>{scripts()}{task.script("task", key)}{start_script("task", FILLS if key else {})}</script>"""
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        return text

    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    return shown


def answered(page: Page, parameter: str, answer: str) -> str:
    """What the box says to an answer and Enter."""
    box = page.locator(f"form[data-parameter='{parameter}']")
    box.locator("input").fill(answer)
    box.locator("input").press("Enter")
    return box.locator("output").text_content() or ""


def verdict(page: Page, parameter: str, answer: str) -> str:
    """What the page would say."""
    return str(page.evaluate("([name, text]) => verdict(task, name, text).words", [parameter, answer]))


# The gradients as they stand on paper, in notations that students use.
RIGHT = {
    "single_layer": {
        "w_2": "2(w1*z1 + w2*z2 + w3*z3 - y)*z2",
        "s_1": r"2(\hat{y} - y)w_1 z_1(1 - z_1)x_1",
        "v_2": "2(ŷ − y)w₃z₃(1 − z₃)x₂",
    },
    "conv_average": {
        "c_1": "½(ŷ − y)[z₁(1 − z₁)p₁ + z₂(1 − z₂)p₂ + z₃(1 − z₃)p₄ + z₄(1 − z₄)p₅]",
        "c_4": "(ŷ - y)/2*(z1(1-z1)p_{15} + z2(1-z2)p_{26} + z3(1-z3)p_{48} + z4(1-z4)p_{59})",
    },
    "conv_linear": {
        "w_3": "2(ŷ − y)z_3",
        "c_2": "2(yhat - y)(w1*z1*(1-z1)*p2 + w2*z2*(1-z2)*p3 + w3*z3*(1-z3)*p5 + w4*z4*(1-z4)*p6)",
    },
    "two_conv_average": {"c_5": r"\frac{1}{4}(ŷ−y)(σ'(a_5)p_1 + σ'(a_6)p_2 + σ'(a_7)p_4 + σ'(a_8)p_5)"},
    "two_conv_average_linear": {
        "w_2": "(ŷ − y)(z_5 + z_6 + z_7 + z_8)/2",
        "c_8": "½(ŷ−y)w_2(z5(1-z5)p5 + z6(1-z6)p6 + z7(1-z7)p8 + z8(1-z8)p9)",
    },
    "two_conv_linear": {"c_7": "2(ŷ−y)(w5 σ'(a5) p4 + w6 σ'(a6) p5 + w7 σ'(a7) p7 + w8 σ'(a8) p8)"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_right_answers_are_right_by_finite_differences_alone(page: Page, show: Show, name: str) -> None:
    show(problem(name), key=False)
    for parameter, answer in RIGHT[name].items():
        assert verdict(page, parameter, answer) == f"Right: this is df/d{parameter}."


WRONG = [  # in conv_linear
    ("w_1", "2(y - ŷ)z_1", "the sign is wrong: it is −df/dw_1"),
    ("w_1", "(ŷ - y)z_1", "a constant factor is wrong: it is 1/2 times df/dw_1"),
    ("w_1", "-3(ŷ - y)z_1", "a constant factor is wrong: it is −3/2 times df/dw_1"),
    ("w_1", "2√f z_1", "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y"),
    ("w_1", "f^{1/2} z_1", "constant factor is wrong: it is 1/2 times df/dw_1; and √f is |ŷ − y|, which has lost"),
    ("w_1", "2|ŷ - y|z_1", "|ŷ − y| has lost the sign of ŷ − y: it is wrong where ŷ < y"),
    ("w_1", "2(ŷ - y)z_2", "this is df/dw_2, not df/dw_1"),
    ("w_1", "2z_1", "the factor (ŷ − y) is missing"),
    ("w_1", "4z_1", "the factor (ŷ − y) is missing; and a constant factor is wrong: it is 2 times what it should be"),
    ("w_1", "2(ŷ - y)z_1 w_1", "the factor w_1 is too much"),
    ("w_1", "2(ŷ - y)z_1(1 - z_1)", "the factor (1 − z_1) is too much"),
    ("w_1", "sqrt(-1)", "your answer is not a number at some points where the gradient is one"),
    ("w_1", "2(ŷ - y)z_1 + y", "a term with y is too much in a sum"),
    ("w_1", "exp(y) + 7", "none of the usual mistakes explains it; at y = "),
]


@pytest.mark.parametrize("key", [True, False], ids=["teacher", "student"])
def test_the_usual_mistakes_have_names(page: Page, show: Show, key: bool) -> None:
    show(problem("conv_linear"), key)
    for parameter, answer, words in WRONG:
        assert words in verdict(page, parameter, answer), answer


def test_boxes_answer_and_refuse(page: Page, show: Show) -> None:
    show(problem("conv_linear"), key=False)
    assert answered(page, "w_1", "2(ŷ - y)z_1") == "Right: this is df/dw_1."
    assert answered(page, "w_1", "2(ŷ - y)z_9").startswith(
        "This cannot be read: z_9 is not known here: did you mean z_1"
    )
    assert (
        answered(page, "w_1", "<script>alert(1)</script>")
        == "This cannot be read: script is not known here (column 2)."
    )
    assert answered(page, "w_1", "fetch('x')").startswith("This cannot be read: fetch is not known here")
    assert answered(page, "w_1", "") == ""


def test_a_mistake_is_typeset(page: Page, show: Show) -> None:
    show(problem("conv_linear"), key=False)
    answered(page, "c_1", "2(ŷ - y)(w_1z_1(1 - z_1)p_1 + w_2z_2(1 - z_2)p_2 + w_3z_3(1 - z_3)p_4)")
    output = page.locator("form[data-parameter='c_1'] output")
    assert "the path through z4 is missing" in (output.text_content() or "")
    assert output.locator("math msub").evaluate_all("(all) => all.map((x) => x.children.length)") == [2]
    answered(page, "w_1", "(ŷ - y)z_1")
    assert page.locator("form[data-parameter='w_1'] output math mfrac").text_content() == "dfdw1"
    answered(page, "w_1", "2ŷ z_1")
    assert page.locator("form[data-parameter='w_1'] output mover").count() == 2
    assert answered(page, "w_1", "<b>w_1").startswith("This cannot be read")
    assert page.locator("output b").count() == 0


def drawn_paths(page: Page, lit: str = "") -> tuple[list[str], list[str]]:
    """The boxes and arrows of the picture under an answer, or those that are lit."""
    boxes, arrows = (page.locator(f"figure.paths:visible g{lit}[data-{what}]") for what in ("node", "from"))
    ends = arrows.evaluate_all("(all) => all.map(({dataset}) => `${dataset.from} ${dataset.to}`)")
    return sorted(boxes.evaluate_all("(all) => all.map((g) => g.dataset.node)")), sorted(ends)


def along(*paths: str) -> tuple[list[str], list[str]]:
    """The boxes and arrows of paths, each written as a b c."""
    steps = [path.split() for path in paths]
    arrows = {f"{a} {b}" for path in steps for a, b in pairwise(path)}
    return sorted({box for path in steps for box in path}), sorted(arrows)


SPIKED = "z = sigmoid(w*x); h = tanh(z); y_hat = u*h + z*z + 3*z; (y_hat - y)^2"
TWICE = "h = tanh(w*x); y_hat = h*w; (y_hat - y)^2"
STEPS = "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); h_3 = tanh(u*x_3 + v*h_2); y_hat = w*h_3; (y_hat - y)^2"
BESIDE = ["z_2 y_hat f", "w y_hat"]
THROUGH_TIME = ["u h_1 h_2 h_3 y_hat f", "u h_2", "u h_3"]
CONVOLUTION = [f"c_1 a_{i} z_{i} y_hat f" for i in (1, 2, 3, 4)]
PATHS = [  # a graph, the parameter, an answer, all paths that are drawn, and those that are lit
    ("conv_linear", "c_1", "2(ŷ−y)(w1z1(1−z1)p1 + w2z2(1−z2)p2 + w3z3(1−z3)p4)", CONVOLUTION, CONVOLUTION[3:]),
    ("conv_linear", "c_1", "2(ŷ−y)(w1z1(1−z1)p1 + w3z3(1−z3)p4)", CONVOLUTION, CONVOLUTION[1::2]),
    ("conv_linear", "c_1", "2(ŷ−y)(w1z1(1−z1)p1+w2z2(1−z2)p2+w3z3(1−z3)p4+w4 p5)", CONVOLUTION, CONVOLUTION[3:]),
    ("conv_linear", "w_1", "−2(ŷ−y)z_1", [], []),
    ("conv_linear", "w_1", "2(ŷ−y)z_9", [], []),
    ("z_1 = tanh(u*x); z_2 = tanh(v*x); y_hat = w*(z_1 + z_2); (y_hat - y)^2", "w", "2(ŷ−y)z_1", BESIDE, BESIDE[:1]),
    (SPIKED, "w", "2(ŷ−y)(u(1−h²) + 2z)z(1−z)x", ["w z h y_hat f", "w z 3z y_hat f", "z y_hat"], ["w z 3z y_hat f"]),
    (SPIKED, "w", "2(ŷ−y)(2z + 3)z(1−z)x", ["w z h y_hat f", "w z y_hat f"], ["w z h y_hat f"]),
    (TWICE, "w", "2(ŷ−y)w(1−h²)x", ["w h y_hat f", "w y_hat"], ["w y_hat f"]),
    (TWICE, "w", "2(ŷ−y)h", ["w h y_hat f", "w y_hat"], ["w h y_hat f"]),
    (STEPS, "u", "2(ŷ−y)w(1−h3²)x3", THROUGH_TIME, THROUGH_TIME[:2]),
    (STEPS, "u", "2(ŷ−y)w(1−h3²)(x3 + v(1−h2²)x2)", THROUGH_TIME, THROUGH_TIME[:1]),
]


def test_the_paths_that_a_mistake_is_about_light_up(page: Page, show: Show) -> None:
    for graph, rows in groupby(PATHS, key=lambda row: row[0]):
        show(problem(graph) if graph in NETWORKS else problem_of(graph_of(graph)), key=False)
        for _, parameter, answer, drawn, lit in rows:
            answered(page, parameter, answer)
            assert drawn_paths(page) == along(*drawn), answer
            assert drawn_paths(page, ".lit") == along(*lit), answer


def test_a_right_answer_puts_the_light_out_and_nothing_is_said_twice(page: Page, show: Show) -> None:
    show(problem("conv_linear"), key=True)
    all_four = [f"w{i}z{i}(1−z{i})p{p}" for i, p in enumerate((1, 2, 4, 5), 1)]
    answer = "2(ŷ−y)({})".format
    box, picture = page.locator("form[data-parameter='c_1']"), page.locator("figure.paths")
    assert picture.is_hidden()
    said = answered(page, "c_1", answer(" + ".join(all_four[:3])))
    assert said == box.locator("[aria-live]").text_content() == "Not quite: the path through z4 is missing."
    assert box.locator("[aria-live] svg").count() == 0
    assert picture.get_by_role("img", name="The paths from c_1 to f; marked: c_1, a_4, z_4, y_hat, f.").is_visible()
    assert box.locator("input").evaluate("(input) => input === document.activeElement")
    page.keyboard.press("Tab")  # there is nothing to stop at
    page.keyboard.press("Tab")
    assert page.locator("form[data-parameter='c_2'] input").evaluate("(input) => input === document.activeElement")
    answered(page, "c_2", "2(ŷ−y)w1z1(1−z1)p2")
    assert picture.count() == 1
    assert page.locator("form[data-parameter='c_2'] figure").is_visible()
    answered(page, "c_1", answer(" + ".join(all_four)))
    assert picture.is_hidden()


def test_verdicts_are_those_of_check_answer(page: Page, show: Show) -> None:
    task = problem("conv_linear")
    show(task, key=True)
    (gradient,) = mg.grad(task.loss, [task.parameters[4]])
    for _, answer, _ in WRONG:
        assert verdict(page, "w_1", answer) == str(mg.check_answer(answer, gradient, task.loss))


def test_relu_is_judged_away_from_its_kinks(page: Page, show: Show) -> None:
    show(problem("conv_average", activation="relu"), key=False)
    answer = "½(ŷ−y)([a_1>0]p_1 + σ'(a_2)p_2 + step(a_3)p_4 + [a_4>0]p_5)"
    assert verdict(page, "c_1", answer) == "Right: this is df/dc_1."
    assert "a constant factor is wrong: it is 2 times" in verdict(page, "c_1", f"2*({answer})")
    assert page.evaluate("task.evidence('c_1').g.length") == 96


def test_the_random_points_have_errors_of_both_signs(page: Page, show: Show) -> None:
    for name in ("single_layer", "two_conv_linear"):
        show(problem(name), key=False)
        parameter = "c_1" if name == "two_conv_linear" else "w_1"
        signs = f"task.evidence('{parameter}').error.filter((x) => x > 0).length"
        assert 12 < page.evaluate(signs) < 84


def started(task: Problem, name: str) -> Network:
    network, at = NETWORKS[name](), 0
    for p in network.parameters.values():
        p.data, at = task.start[at : at + p.data.size].reshape(p.shape), at + p.data.size
    return network


def descended(task: Problem, name: str, steps: int) -> float:
    """The loss after steps of gradient descent at the problem's rate, by the lecture's closed forms."""
    network = started(task, name)
    x, y = task.rows[:, :-1], task.rows[:, -1]
    for _ in range(steps):
        each = [network.closed_form(row, target) for row, target in zip(x, y.tolist(), strict=True)]
        for key, p in network.parameters.items():
            p.data = p.data - task.rate * np.mean([g[key] for g in each], axis=0)
    return float(network.loss(x, y).data)


@pytest.mark.parametrize("key", [True, False], ids=["teacher", "student"])
def test_training_takes_the_steps_of_gradient_descent(page: Page, show: Show, key: bool) -> None:
    task = problem("conv_linear")
    show(task, key)
    losses = page.evaluate(f"task.descend(task.start, {task.rate}, 25).map((step) => step.loss)")
    assert losses[-1] == pytest.approx(descended(task, "conv_linear", 25), rel=1e-10 if key else 1e-6)
    told = page.locator("#exercise .told").text_content() or ""
    assert re.fullmatch(r"The true gradient: loss 0\.\d+ → 0\.\d+\. Yours: fill a box first\.", told)


def told_losses(page: Page, name: str, error: str) -> str:
    for parameter, answer in ALL[name].items():
        page.locator(f"form[data-parameter='{parameter}'] input").fill(answer.format(error))
    page.locator("form button").last.click()
    return (page.locator("#exercise .told").text_content() or "").split("Your formula")[1]


WINDOWS = [(1, 2, 4, 5), (2, 3, 5, 6), (4, 5, 7, 8), (5, 6, 8, 9)]  # of every c_j the pixels in windows 1 to 4
ALL = {
    "conv_average": {
        f"c_{j + 1}": "½{}(" + "+".join(f"z{i + 1}(1-z{i + 1})p{w[j]}" for i, w in enumerate(WINDOWS)) + ")"
        for j in range(4)
    },
    "conv_linear": {**{f"c_{i}": "0{}" for i in range(1, 5)}, **{f"w_{i}": f"2{{}}z_{i}" for i in range(1, 5)}},
}


def test_the_right_formulas_train_and_root_f_does_not(page: Page, show: Show) -> None:
    show(problem("conv_average"), key=False)
    assert re.fullmatch(
        r"s for c_1, c_2, c_3, c_4: loss 0\.2\d+ → 0\.0\d+\. ", told_losses(page, "conv_average", "(ŷ-y)")
    )
    assert page.locator("polyline.yours").get_attribute("points") == page.locator("polyline.true").get_attribute(
        "points"
    )
    lost = told_losses(page, "conv_average", "√f")
    assert float(re.findall(r"→ (\S+), no better than guessing", lost)[0]) > 0.4  # ŷ goes to 0 for all
    show(problem("conv_linear"), key=False)
    assert "the loss runs away" in told_losses(page, "conv_linear", "√f")


def test_one_formula_drives_its_parameter_and_the_true_gradient_the_others(page: Page, show: Show) -> None:
    task = problem("conv_linear")
    show(task, key=True)
    answered(page, "w_1", "0")
    assert (
        (page.locator("#exercise .told").text_content() or "").split(". ")[1].startswith("Your formula for w_1: loss")
    )
    run = "task.descend(task.start, 0.2, 5, {formulas: new Map([['w_1', () => 0]])}).at(-1).weights"
    weights = page.evaluate(run)
    assert weights[4] == pytest.approx(task.start[4], rel=1e-4)
    assert all(abs(w - s) > 1e-4 for i, (w, s) in enumerate(zip(weights, task.start, strict=True)) if i != 4)


def test_buttons_fill_all_boxes(page: Page, show: Show) -> None:
    show(problem("conv_linear"), key=True)
    page.get_by_role("button", name="nonsense").click()
    inputs = page.locator("form.answer input")
    assert [inputs.nth(i).input_value() for i in range(8)] == ["f", "", "", "", "y", "", "", ""]
    page.get_by_role("button", name="Clear all").click()
    assert [inputs.nth(i).input_value() for i in range(8)] == [""] * 8


def test_the_map_and_its_path(page: Page, show: Show) -> None:
    task = problem("conv_average")
    show(task, key=False)
    told = page.locator("#landscape .told")

    def numbers() -> tuple[float, float]:
        first, last = re.findall(r"loss (\S+) → ([^\s,]+)[,.]", told.text_content() or "")[0]
        return float(first), float(last.rstrip("."))

    weights = task.trained.copy()
    weights[[0, 3]] = task.start[[0, 3]]
    network = NETWORKS["conv_average"]()
    network.parameters["c"].data = weights.reshape(1, 1, 2, 2)
    assert numbers()[0] == round(float(network.loss(task.rows[:, :-1], task.rows[:, -1]).data), 3)
    assert numbers()[1] < numbers()[0]
    good = numbers()[1]
    page.get_by_role("button", name="cautious").click()
    assert good < numbers()[1] < numbers()[0]
    before = numbers()[0]
    page.locator("canvas").focus()
    page.keyboard.press("ArrowRight")
    assert numbers()[0] != before
    page.get_by_label("across").select_option("c₂")
    assert "c₂" in page.evaluate("document.querySelector('[name=across]').selectedOptions[0].text")
    colours = page.evaluate(
        "new Set(document.querySelector('canvas').getContext('2d').getImageData(0, 0, 480, 480).data).size"
    )
    assert colours > 30


def test_a_loss_that_is_no_number_everywhere_has_a_map(page: Page, show: Show) -> None:
    w, v, x, y = (mg.Value(number, label=label) for label, number in (("w", 0.5), ("v", 1.5), ("x", 0.7), ("y", 0.2)))
    loss = (w * x * mg.log(v) - y) ** 2  # no number where v is below 0, and a pole at 0
    rows = np.array([[0.7, 0.2], [0.3, -0.1]])
    start = np.array([0.5, 1.5])
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    show(Problem(loss, [w, v], [x, y], rows, start, start, 0.1), key=False)
    assert errors == []
    assert "steps at rate" in (page.locator("#landscape .told").text_content() or "")


def test_a_rate_that_is_too_large_is_seen(page: Page, show: Show) -> None:
    show(problem("conv_linear"), key=False)
    page.get_by_label("across").select_option("w₁")
    page.get_by_role("button", name="too large").click()
    assert "for the rate is too large" in (page.locator("#landscape .told").text_content() or "")


def test_a_students_page_has_no_key_in_its_source(page: Page, show: Show) -> None:
    with_key, without = (show(problem("conv_linear"), key) for key in (True, False))
    assert "function gradient" in with_key
    assert "function gradient" not in without
    assert "gradient: null" in without
    own = without.split("const task")[1]  # what is not the same on all pages
    assert not re.search(r"1 ?[-−] ?z_|df_d|[zt]_?[0-9]+ \* \(?1 -", own)
    assert re.search(r"1 - z_", with_key.split("const task")[1])


def test_labels_are_text(page: Page, show: Show) -> None:
    w, x = mg.Value(0.5, label='w"><script>alert(1)</script>'), mg.Value(2.0, label="<b>x")
    y = mg.Value(1.0, label="</script>")
    f = (w * x - y) ** 2
    show(Problem(f, [w], [x, y], np.ones((4, 2)), np.ones(1), np.zeros(1), 0.1), key=True)
    assert page.locator("b").count() == 0
    assert "<b>x" in (page.locator(".names").text_content() or "")
    assert page.locator("form").get_attribute("data-parameter") == w.label


def test_leaves_without_names_are_refused() -> None:
    w = mg.Value(0.5)
    with pytest.raises(ValueError, match="need a name each"):
        Problem((w * w), [w], [], np.ones((1, 0)), np.ones(1), np.ones(1), 0.1)
