"""A check takes a bounded number of steps on the worst graphs and answers, and gives up with what is known by then."""

from __future__ import annotations

import pytest
from answers_table import Case
from many_cases import slow_but
from test_edits import DEEP, leaf

from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.edits import program
from microgradcnn.views.answers.edits.table import BOUNDS

NONSENSE = "2(ŷ − y)v_1 x_2 sin(x_1)"


def layers(count: int, width: int) -> str:
    """Dense layers of tanh, each unit with a weight for each unit before it: width^count paths from x to ŷ."""
    lines, below = list[str](), [f"x_{i}" for i in range(1, width + 1)]
    for layer in range(1, count + 1):
        units = range(1, width + 1)
        for unit in units:
            terms = [f"w_{layer}_{unit}_{i}*{x}" for i, x in enumerate(below, 1)]
            lines += [f"a_{layer}_{unit} = {' + '.join(terms)}", f"z_{layer}_{unit} = tanh(a_{layer}_{unit})"]
        below = [f"z_{layer}_{unit}" for unit in units]
    head = " + ".join(f"v_{i}*{z}" for i, z in enumerate(below, 1))
    return "; ".join([*lines, f"y_hat = {head}", "(y_hat - y)^2"])


def recurrent(steps: int, also: str = "") -> str:
    """h_t = tanh(w h_{t−1}), and what else is in each of them."""
    lines = [f"h_{t} = tanh(w*h_{t - 1}{also.format(t=t)})" for t in range(2, steps + 1)]
    return "; ".join(["h_1 = tanh(u*x_1)", *lines, f"y_hat = v_1*h_{steps} + 0*x_2", "(y_hat - y)^2"])


LONG = f"2(ŷ − y)({'+'.join(f'z_1_1 a_1_2 w_1_1_{i % 2 + 1} sin(x_1 v_{i % 2 + 1})' for i in range(110))})"
WORST = {
    "256 paths": (layers(8, 2), "w_1_1_1", NONSENSE),
    "64 nodes of one path": (recurrent(30), "u", NONSENSE),
    "16 steps of time": (recurrent(16, " + u*x_1"), "w", NONSENSE),
    "dense layers": (layers(2, 4), "w_1_1_1", NONSENSE),
    "wide layers": (layers(2, 8), "w_1_1_1", NONSENSE),
    "a long answer": (layers(2, 4), "w_1_1_1", LONG),
}


def worst(name: str) -> Case:
    graph, wrt, answer = WORST[name]
    loss, _ = read_assignments(graph, iter([0.3 + 0.6 * i / 200 for i in range(200)]).__next__)
    return Case(loss, leaf(loss, wrt), answer, False, (), name)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are taken, one number for each time that some are."""
    steps, take = list[int](), program.Steps.take

    def counted(self: program.Steps, count: int) -> None:
        steps.append(count)
        take(self, count)

    monkeypatch.setattr(program.Steps, "take", counted)
    return steps


@pytest.mark.parametrize("name", slow_but("dense layers", among=WORST))
def test_the_worst_is_judged_within_the_steps(name: str, taken: list[int]) -> None:
    answer = worst(name).check()
    assert not answer.right
    assert [found.kind for found in answer.diagnoses] == ["unknown"]  # it was searched for to the end
    assert 10_000 < sum(taken) <= 1_000_000


@pytest.mark.parametrize(
    ("text", "steps", "kinds"),
    [
        ("2(ŷ−y)w h2(1−h2) v h1(1−h1) x", 1_000_000, ["inner derivative"]),
        ("2(ŷ−y)w h2(1−h2) v h1(1−h1) x", 100, ["unknown"]),
        ("−2(ŷ−y)w h2(1−h2) v (1−h1²) x", 0, ["sign"]),  # what the whole answer is takes no search
        ("2(ŷ−y)w h2(1−h2) v (1−h1²) x", 0, []),  # nor does a right answer
    ],
)
def test_what_is_not_found_within_the_steps_is_not_named(
    text: str, steps: int, kinds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BOUNDS, "steps", steps)
    loss, _ = read_assignments(DEEP, iter([0.1 * i for i in range(1, 20)]).__next__)
    answer = Case(loss, leaf(loss, "u"), text, not kinds, (), text).check()
    assert answer.right == (not kinds)
    assert [found.kind for found in answer.diagnoses] == kinds


def test_no_more_steps_are_taken_than_there_are() -> None:
    steps = program.Steps()
    steps.take(steps.left)
    with pytest.raises(program.OutOfSteps):
        steps.take(1)
