"""The page's boxes against check_answer: the same verdict and the same mistake for every answer of the files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from answers_table import FILE, Case, cases, told_kinds, verdict
from conftest import needs_chromium
from many_cases import slow_but
from test_bounds import CASES as BOUNDED
from test_edits import NOT_EXPLAINED, SOFTMAX, WORDS, graph_of, leaf, wrong_cases
from test_more_answers import CASES as MORE
from test_more_answers import check as more_verdict
from test_more_answers import graph_of as more_graph
from test_more_answers import parameters

from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.views.answers.answer import Answer
from microgradcnn.views.answers.tokens import FormulaError
from microgradcnn.views.derivations.named_graph import recomputed
from microgradcnn.views.pages.exercise import Problem, scripts

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

JUDGE = """([tasks, texts]) => texts.map(([place, parameter, text]) => {
    const task = tasks[place];
    const before = performance.now();
    try {
        const {right, diagnoses} = verdict(task, parameter, text);
        const parts = ({kind, clause, nodes = [], direct = false}) => [kind, clause, nodes, direct];
        return {right, told: diagnoses.map(parts),
            time: performance.now() - before};
    } catch (error) {
        if (!(error instanceof formula.FormulaError)) throw error;
        return {right: false, told: [["error", error.message]], time: performance.now() - before};
    }
})"""


def problem_of(loss: Value) -> Problem:
    """A page's problem of any loss: all its leaves are parameters."""
    leaves = [node for node in topological(loss) if node.op is None and node.label is not None]
    numbers = np.array([float(leaf.data) for leaf in leaves])
    return Problem(loss, leaves, [], np.zeros((1, 0)), numbers, numbers, 0.1)


def judged(page: Page, chosen: Sequence[Case]) -> list[dict[str, Any]]:
    """What the page says of every case, all losses in one page."""
    losses = list(dict.fromkeys(case.loss for case in chosen))
    tasks = "\n".join(problem_of(loss).script(f"task{i}", key=False) for i, loss in enumerate(losses))
    page.set_content(f"<!doctype html><script>{scripts()}{tasks}</script>")
    texts = [[losses.index(case.loss), case.wrt.label, case.answer] for case in chosen]
    names = ", ".join(f"task{i}" for i in range(len(losses)))
    found: list[dict[str, Any]] = page.evaluate(f"(texts) => ({JUDGE})([[{names}], texts])", texts)
    return found


def said_in_python(case: Case, check: Callable[[Case], Answer]) -> tuple[bool, list[list[Any]]]:
    """Whether an answer is right, and of each mistake its kind, its words and the nodes that it is at."""
    try:
        answer = check(case)
    except FormulaError as error:
        return False, [["error", str(error)]]
    return answer.right, [[d.kind, d.clause, [*d.nodes], d.direct] for d in answer.diagnoses]


def differences(page: Page, chosen: Sequence[Case], check: Callable[[Case], Answer] = verdict) -> list[str]:
    """The cases that the page and Python do not judge alike: in the same words, of the same nodes."""
    different = []
    for case, said in zip(chosen, judged(page, chosen), strict=True):
        right, told = said_in_python(case, check)
        if [kind for kind, *_ in told] == ["error"]:
            told = [each for each in said["told"] if each[0] == "error"]  # in words of its own
        if (right, told) != (said["right"], said["told"]):
            different.append(f"{case.told}\n    {right} {told}\n    {said['right']} {said['told']}")
    return different


def test_the_page_keeps_bounds_as_python_does(page: Page) -> None:
    assert differences(page, BOUNDED) == []


FILES = [FILE, FILE.with_name("mistakes.json")]


@pytest.mark.parametrize("file", slow_but(FILES[1], among=FILES), ids=lambda file: file.stem)
def test_the_page_says_what_python_says(page: Page, file: Path) -> None:
    assert differences(page, cases(file)) == []


def test_a_page_knows_that_targets_are_a_distribution(page: Page) -> None:
    loss = graph_of(f"y_1 = 0; y_2 = 1; y_3 = 0; {SOFTMAX}")
    answers = {"(q_2 − y_2)x": True, "(q_2 − 1)x": True, "(q_2 + y_2)x": False, "q_2 x": False}
    chosen = [Case(loss, leaf(loss, "w_2"), text, right, (), text) for text, right in answers.items()]
    loss, _ = recomputed(loss, {leaf(loss, "x"): 0.3})  # no text, whose numbers would be known
    answers |= {"(q_2 − 1)x": False}
    chosen += [Case(loss, leaf(loss, "w_2"), text, right, (), text) for text, right in answers.items()]
    assert [told_kinds(case)[0] for case in chosen] == [case.right for case in chosen]
    assert differences(page, chosen) == []


@pytest.mark.parametrize("every", slow_but(20, among=[20, 1]))
def test_the_page_says_what_python_says_of_many_graphs(page: Page, every: int) -> None:
    """Those of scalars that are asked for one derivative; λ among the answers' names is the graphs' own."""
    chosen = {}
    for row in MORE[::every]:
        graph, wrt = more_graph(row.graph), parameters(row)
        if len(wrt) == 1:
            case = Case(graph.loss, wrt[0], row.answer, row.right, row.kinds, f"{row.graph}: {row.answer}")
            chosen[case] = row
    assert differences(page, [*chosen], lambda case: more_verdict(chosen[case])) == []


PARTIAL = "h = tanh(w*x); g = tanh(v*h + w*x); o = g*h + w; (o - y)^2"  # its loss has no name
DERIVATIVES = {
    "df/do (∂o/∂w + ∂o/∂h dh/dw + ∂o/∂g dg/dw)": True,
    "df/do (∂o/∂w + ∂o/∂h ∂h/∂w + ∂o/∂g (∂g/∂w + ∂g/∂h ∂h/∂w))": True,
    "df/do do/dw": True,
    "df/do (do/dh dh/dw + dg/dw + 1)": False,
    "df/do (∂o/∂h dh/dw + 1)": False,
    "df/do ∂o/∂w": False,
}


def test_the_page_knows_the_derivatives_of_a_loss_without_a_name(page: Page) -> None:
    loss = graph_of(PARTIAL)
    chosen = [Case(loss, leaf(loss, "w"), text, right, (), text) for text, right in DERIVATIVES.items()]
    assert [told_kinds(case)[0] for case in chosen] == [case.right for case in chosen]
    assert differences(page, chosen) == []


def test_the_page_says_the_words_of_the_graph(page: Page) -> None:
    rows = [(graph, wrt, text) for graph, wrt, text, _ in WORDS] + NOT_EXPLAINED
    losses = {graph: graph_of(graph) for graph, _, _ in rows}
    chosen = [Case(losses[graph], leaf(losses[graph], wrt), text, False, (), text) for graph, wrt, text in rows]
    assert differences(page, chosen) == []


@pytest.mark.slow
def test_the_page_says_what_python_says_of_two_mistakes_at_once(page: Page) -> None:
    assert differences(page, list(wrong_cases(60, seed=3))) == []
