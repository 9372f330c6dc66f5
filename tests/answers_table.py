"""Every case of files/answers.json through check_answer, and a table of those that come out otherwise.

    python tests/answers_table.py [file.json]

A case has a graph (a network's name, a formula, or graphs.py:NAME of `GRAPHS`), the parameter, an answer, whether it is
right, and the kinds of mistake any of which names what is wrong with it. "error" is for what cannot be read.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS, Network, SingleLayer, conv_average, conv_linear, two_conv_average_linear
from microgradcnn.views.answers.answer import Answer, check_answer
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.tokens import FormulaError, canonical

FILE = Path(__file__).parent / "files" / "answers.json"
GRAPHS: dict[str, Callable[[], Network]] = {
    "single45": lambda: SingleLayer(m=4, k=5, seed=1),
    "single_relu": lambda: SingleLayer(activation="relu", seed=4),
    "conv43": lambda: conv_average(image=(4, 4), kernel=(3, 3), seed=1),
    "conv_lin43": lambda: conv_linear(image=(4, 4), kernel=(3, 3), seed=1),
    "conv_avg_lam": lambda: conv_average(regularise=0.1, seed=1),
    "single_lam": lambda: SingleLayer(regularise=0.01, seed=1),
    "conv_lin_relu": lambda: conv_linear(activation="relu", seed=5),
    "tcal_lam": lambda: two_conv_average_linear(regularise=0.05, seed=2),
}


class Case(NamedTuple):
    """A graph's loss and what the answer is the derivative by; the answer, and what it should get."""

    loss: Value
    wrt: Value
    answer: str
    right: bool
    kinds: tuple[str, ...]
    told: str

    def check(self) -> Answer:
        """The verdict. Raises FormulaError."""
        (gradient,) = mg.grad(self.loss, [self.wrt])
        return check_answer(self.answer, gradient, self.loss, self.wrt)

    def kept(self, right: bool, kinds: list[str]) -> bool:
        """Whether a verdict and the kinds that it names are as they should be."""
        return right == self.right and (right or bool({*kinds} & {*self.kinds}))


def loss_of(graph: str) -> Value:
    """The loss of a case's graph."""
    name = graph.removeprefix("graphs.py:")
    if name in GRAPHS or name in NETWORKS:
        network = (GRAPHS[name] if name in GRAPHS else NETWORKS[name])()
        return network.example(np.random.default_rng(3).normal(size=network.inputs).round(2), 1.0).loss
    return read_assignments(graph, iter(np.random.default_rng(3).uniform(0.2, 0.9, 99).tolist()).__next__)[0]


@functools.cache
def cases(file: Path = FILE) -> tuple[Case, ...]:
    """All cases of a file, the same ones each time."""
    found, losses = [], dict[str, Value]()
    for row in json.loads(file.read_text(encoding="utf-8")):
        loss = losses.setdefault(row["graph"], loss_of(row["graph"]))
        wrt = canonical(row["wrt"])
        (theta,) = (node for node in topological(loss) if node.label == wrt)
        told = f"{row['graph'][:40]} d/d{wrt}: {row['answer'][:90]}"
        found.append(Case(loss, theta, row["answer"], row["right"], tuple(row["kinds"]), told))
    return tuple(found)


@functools.cache
def verdict(case: Case) -> Answer:
    """What is said of a case, found once for all who ask. Raises FormulaError."""
    return case.check()


def told_kinds(case: Case) -> tuple[bool, list[str], str]:
    """What check_answer says: whether it is right, the kinds of mistake, and the sentence."""
    try:
        answer = verdict(case)
    except FormulaError as error:
        return False, ["error"], str(error)
    return answer.right, [d.kind for d in answer.diagnoses], answer.verdict


def main(file: Path) -> Any:
    """Print the cases that come out otherwise, and how many there are."""
    rows = [(case, *told_kinds(case)) for case in cases(file)]
    wrong = [row for row in rows if not row[0].kept(row[1], row[2])]
    for case, _, kinds, verdict in wrong:
        print(f"{case.told}\n    wanted {'right' if case.right else case.kinds}, got {kinds}: {verdict}")
    print(f"{len(wrong)} of {len(rows)} cases come out otherwise")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
