"""Answers that people would type to graphs of many kinds: all right ones are right, and mistakes have their names.

tests/files/more_answers.json has for each the graph, what it is differentiated by, the text, the `kinds` of which one
is to be named if it is wrong, and what it `means` in Python, which is compared here with finite differences.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from many_cases import offenders, slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli.loss_graphs import LossGraph, loss_graph
from microgradcnn.views.answers.answer import Answer

FILES = Path(__file__).parents[2] / "files"


@dataclass(frozen=True)
class Case:
    answer: str
    wrt: str
    graph: str
    right: bool
    mistake: str | None
    kinds: tuple[str, ...]
    note: str
    means: str


CASES = [
    Case(**case | {"kinds": tuple(case["kinds"])})
    for case in json.loads((FILES / "more_answers.json").read_text(encoding="utf-8"))
]
RIGHT = [case for case in CASES if case.right]
WRONG = [case for case in CASES if not case.right]
KINDS = {  # of a mistake, as answers name it
    *("added", "extra", "extra factor", "extra path", "factor", "index", "inner derivative", "missing -1"),
    *("missing factor", "missing path", "missing y", "other parameter", "product of sums", "regularisation", "root"),
    *("sign", "wrong name"),
}

FUNCTIONS: dict[str, Any] = {
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "sign", "pi")},
    "sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)),
    "dsigmoid": lambda a: 0.25 / np.cosh(a / 2.0) ** 2,
    "step": lambda a: float(a > 0.0),
}


@functools.cache
def graph_of(name: str) -> LossGraph:
    return loss_graph(str(FILES / name) if name.startswith("more_graphs.py:") else name)


def parameters(case: Case) -> list[Value]:
    return graph_of(case.graph).find(case.wrt.split(","))


def free_leaves(graph: LossGraph) -> list[str]:
    """What may have any number: in a formula what is assigned none, in a file all but one-hot labels y_1, y_2, ..."""
    leaves = [*graph.parameters, *graph.inputs]
    return [name for name in leaves if (name in graph.drawn if graph.drawn else not name.startswith("y_"))]


def differences(graph: LossGraph, wrt: list[str], at: dict[str, float], step: float = 1e-6) -> np.ndarray[Any, Any]:
    """The gradient of the loss at these numbers, by central differences."""
    moved = [[float(graph.moved(at | {name: at[name] + h}).loss.data) for h in (step, -step)] for name in wrt]
    return np.array([(up - down) / (2.0 * step) for up, down in moved])


def meaning(case: Case, graph: LossGraph) -> np.ndarray[Any, Any]:
    """What the answer means, in Python, at the numbers of the graph."""
    numbers = {label.replace("lambda", "lambda_"): float(node.data) for label, node in graph.nodes.items()}
    return np.atleast_1d(eval(case.means, {"__builtins__": {}}, FUNCTIONS | numbers))


def distances(case: Case) -> list[float]:
    """How far what the answer means is from the gradient, relatively, at some random points."""
    graph = graph_of(case.graph)
    names = free_leaves(graph)
    wrt = [str(node.label) for node in parameters(case)]
    found = []
    for draw in np.random.default_rng(11).normal(size=(6, len(names))):
        at = dict(zip(names, map(float, draw), strict=True))
        gradient, meant = differences(graph, wrt, at), meaning(case, graph.moved(at))
        found.append(float(np.abs(meant - gradient).max() / (np.abs(gradient).max() + np.abs(meant).max() + 1e-3)))
    return found


@functools.cache
def check(case: Case) -> Answer:
    """The verdict on the answer; several parameters make one gradient, a vector."""
    graph, wrt = graph_of(case.graph), parameters(case)
    gradients = mg.grad(graph.loss, wrt)
    if len(wrt) > 1:
        return mg.check_answer(case.answer, mg.stack(gradients), graph.loss)
    return mg.check_answer(case.answer, gradients[0], graph.loss, wrt[0])


@pytest.mark.slow
def test_the_file_is_what_it_says() -> None:
    """The right ones agree with finite differences wherever one looks, every wrong one differs somewhere."""

    def fair(case: Case) -> None:
        found = distances(case)
        assert max(found) < 1e-6 if case.right else max(found) > 1e-3, found
        assert case.right == (case.mistake is None) == (not case.kinds)
        assert KINDS.issuperset(case.kinds)

    assert offenders(CASES, fair) == []
    assert len(RIGHT) >= 70
    assert len(WRONG) >= 120
    assert len({(case.graph, case.wrt, case.answer) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("every", slow_but(12, among=[12, 1]))
def test_every_right_answer_is_right(every: int) -> None:
    def right(case: Case) -> None:
        answer = check(case)
        assert answer.right, answer.verdict

    assert offenders(RIGHT[::every], right) == []


@pytest.mark.parametrize("every", slow_but(12, among=[12, 1]))
def test_no_wrong_answer_is_right(every: int) -> None:
    """Nor is it unread, nor an error."""

    def wrong(case: Case) -> None:
        answer = check(case)
        assert not answer.right, answer.verdict

    assert offenders(WRONG[::every], wrong) == []


@pytest.mark.slow
def test_mistakes_are_named() -> None:
    """At least 95 % of them, by one of the kinds that explain the answer equally well."""

    def named(case: Case) -> None:
        kinds = [diagnosis.kind for diagnosis in check(case).diagnoses]
        if not set(kinds) & set(case.kinds):
            pytest.fail(f"{case.mistake} is {case.kinds}, not {kinds}")

    missed = offenders(WRONG, named)
    assert len(missed) <= 0.05 * len(WRONG), "\n".join(missed)
