"""Numbers to predict: tidy ones for every leaf, and what is to be computed from them by hand.

They are drawn until no answer is a whole number or one that the sheet shows, and every answer comes out the same when
the intermediates are rounded to four digits on the way, and agrees with a finite difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import Any, Literal, NamedTuple, TypeAlias

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import ChainRule, chosen_stations
from microgradcnn.views.derivations.named_graph import Graph, recomputed
from microgradcnn.views.derivations.numbers import AGREES, finite_difference, numbers_step, update_step
from microgradcnn.views.derivations.steps import by_letter
from microgradcnn.views.documents.document import Line, Table
from microgradcnn.views.formulas.expression import Expr, derivative, equation, name_of, symbol, value
from microgradcnn.views.worksheets.derivation_task import Material, Task

TOLERANCE, NEAR = 0.002, 10  # how far from the answer is right; in so many of these it is nearly right
RATES = (0.5, 1.0, 2.0)
TABLED: dict[str, Callable[[float], float]] = {  # what a sheet has a table of, if its loss takes it
    "sigmoid": lambda a: 1.0 / (1.0 + math.exp(-a)),
    "exp": math.exp,
    "tanh": math.tanh,
}
ARGUMENTS = tuple(i / 2 for i in range(1, 9))  # for which
SMALLEST, LARGEST = 0.05, 20.0  # sizes of an answer
_TRIES, _POINTS = 3000, 3
_MANY = 3  # more inputs of one letter than this are pixels: zeros and ones
_INPUTS, _PIXELS = (-1.0, 1.0, 2.0), (0.0, 1.0)
_WEIGHTS = {True: (-1.0, -0.5, 0.5, 1.0), False: (-0.6, -0.3, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)}  # with a table or not

Numbers: TypeAlias = dict[str, float]
Miss: TypeAlias = tuple[float, float, str]  # a wrong number, its share of the mark, and what went wrong


class Wanted(NamedTuple):
    """What to predict: the value of a node, df/dlabel, or the label's number after a step with a learning rate."""

    what: Literal["value", "gradient", "update"]
    label: str
    rate: float = 0.0


@dataclass(frozen=True)
class Prediction:
    """A loss at the numbers drawn, what is wanted of it, and the gradients that this takes."""

    numbers: Numbers
    loss: Value
    nodes: Mapping[str, Value]
    gradients: Mapping[str, Value]

    def answer(self, wanted: Wanted) -> float:
        """The number wanted."""
        node = self.nodes[wanted.label]
        if wanted.what == "value":
            return node.item()
        slope = self.gradients[wanted.label].item()
        return slope if wanted.what == "gradient" else node.item() - wanted.rate * slope

    def by_hand(self, wanted: Wanted) -> float:
        """The same with every intermediate rounded to four digits, as on paper."""
        node = self.nodes[wanted.label]
        goal = node if wanted.what == "value" else self.gradients[wanted.label]
        known = {n: round(n.item(), 4) for n in topological(goal) if n.op is not None and n.label and n is not goal}
        result = recomputed(goal, known)[0].item()
        return node.item() - wanted.rate * result if wanted.what == "update" else result


def predictions(material: Material, wanted: Sequence[Wanted], rng: Random) -> Prediction:
    """Tidy numbers for every leaf, at which all that is wanted is worth predicting.

    Raises ValueError if none are found.
    """
    by_gradient = list(dict.fromkeys(w.label for w in wanted if w.what != "value"))
    related = related_numbers(material, wanted)
    unrelated = [pair for pair in combinations(wanted, 2) if frozenset(pair) not in related]
    for _ in range(_TRIES):
        found = _at(material, _drawn(material, rng), by_gradient)
        if (
            all(_is_worth_predicting(material, found, w) for w in wanted)
            and not any(_gives_away(found, *pair) for pair in unrelated)
            and all(_agrees(found, x) for x in by_gradient)
        ):
            return found
    raise ValueError(
        f"{_TRIES} tries found no tidy numbers at which all answers take work: ask less, or take another seed"
    )


def _at(material: Material, numbers: Numbers, by_gradient: Sequence[str]) -> Prediction:
    loss, copies = recomputed(material.loss, {node: numbers[label] for label, node in material.leaves.items()})
    nodes = {label: copies[node] for label, node in material.nodes.items()}
    slopes = grad(loss, [nodes[label] for label in by_gradient])
    return Prediction(numbers, loss, nodes, dict(zip(by_gradient, slopes, strict=True)))


def related_numbers(material: Material, wanted: Sequence[Wanted]) -> set[frozenset[Wanted]]:
    """The pairs of which one number gives the other wherever the loss is taken, as q_1 gives q_2 = 1 − q_1.

    A gradient gives the step, and so does one that is the same but for the sign.
    """
    rng, by_gradient = Random(0), list(dict.fromkeys(w.label for w in wanted if w.what != "value"))
    points = []
    for _ in range(_POINTS):
        numbers = _drawn(material, rng)  # labels of classes as they will be
        numbers |= {label: rng.uniform(0.2, 1.3) for label in numbers if name_of(label).base != "y"}
        points.append(_at(material, numbers, by_gradient))
    slopes = {w: Wanted("gradient", w.label) if w.what == "update" else w for w in wanted}
    return {
        frozenset((one, other))
        for one, other in combinations(wanted, 2)
        if all(_gives_away(at, slopes[one], slopes[other]) for at in points)
    }


def _gives_away(found: Prediction, one: Wanted, other: Wanted) -> bool:
    """Whether the sum or the difference of two numbers is 0 or 1: -df/dv_1 for df/dv_2, 1 - q_1 or df/db + y for q."""
    a, b = found.answer(one), found.answer(other)
    return any(abs(abs(both) - n) <= TOLERANCE for both in (a + b, a - b) for n in (0.0, 1.0))


def _drawn(material: Material, rng: Random) -> Numbers:
    letters = [name_of(label).base for label in material.leaves]
    numbers: Numbers = {}
    for (label, leaf), letter in zip(material.leaves.items(), letters, strict=True):
        if letter == "λ":
            numbers[label] = leaf.item()  # a choice of whoever wrote the loss
        elif label in material.rules:
            numbers[label] = rng.choice(_WEIGHTS[not material.taken.isdisjoint(TABLED)])
        else:
            numbers[label] = rng.choice(_PIXELS if letters.count(letter) > _MANY or letter == "y" else _INPUTS)
    classes = [label for label, letter in zip(material.leaves, letters, strict=True) if letter == "y"]
    if len(classes) > 1 and "log" in material.taken:  # −Σ y log q: one of them is the true one
        true = rng.choice(classes)
        numbers |= {label: float(label == true) for label in classes}
    return numbers


def _is_worth_predicting(material: Material, found: Prediction, wanted: Wanted) -> bool:
    """Whether the answer is of a fair size, is no number of the sheet, and survives rounding on the way."""
    answer = abs(found.answer(wanted))
    if not SMALLEST <= answer <= LARGEST:
        return False
    tables = [f(a) for name, f in TABLED.items() if name in material.taken for a in ARGUMENTS]
    shown = [*map(abs, found.numbers.values()), *tables, 0.5, round(answer)]
    if min(abs(answer - number) for number in shown) <= TOLERANCE:
        return False
    if wanted.what == "update" and wanted.rate * abs(found.gradients[wanted.label].item()) < NEAR * TOLERANCE:
        return False
    return abs(found.answer(wanted) - found.by_hand(wanted)) <= TOLERANCE / 2


def _agrees(found: Prediction, label: str) -> bool:
    """Whether the gradient is what a finite difference gives: there is no kink nearby."""
    exact = found.gradients[label].item()
    return abs(finite_difference(_rule(found, label)) - exact) <= AGREES * max(1.0, abs(exact))


def _rule(found: Prediction, label: str) -> ChainRule:
    graph, x = Graph(found.loss), found.nodes[label]
    return ChainRule(graph, x, chosen_stations(graph, x, None))


def predict(material: Material, found: Prediction, wanted: Wanted) -> Task:
    """A number to predict."""
    names, answer = material.graph.names, found.answer(wanted)
    x = names[material.nodes[wanted.label]]
    f = names[material.loss]
    within = f" Give it to within {TOLERANCE}."
    asked: dict[str, Line] = {
        "value": ("What is ", x, " at the numbers above?", within),
        "gradient": ("What is ", derivative(f, x), " at the numbers above?", within),
        "update": (
            "What does one step of gradient descent make of ",
            x,
            ", from the numbers above, with ",
            equation(symbol("eta"), value(wanted.rate)),
            "?",
            within,
        ),
    }
    record: dict[str, Any] = {"what": wanted.what, "rate": wanted.rate, "answer": answer, "tolerance": TOLERANCE}
    record["near"], record["misses"] = NEAR * TOLERANCE, _misses(found, wanted)
    solution = list(_solution(found, wanted))
    return Task("number", wanted.label, [asked[wanted.what]], 4.0 if wanted.what == "value" else 6.0, solution, record)


def _solution(found: Prediction, wanted: Wanted) -> Iterator[Line | Table]:
    if wanted.what == "value":
        inside = set(topological(found.nodes[wanted.label]))
        computed = {label: node for label, node in found.nodes.items() if node.op is not None and node in inside}
        yield from given({label: node.item() for label, node in computed.items()})
        return
    rule = _rule(found, wanted.label)
    yield from numbers_step(rule).lines
    if wanted.what == "update":
        yield update_step(rule, wanted.rate).lines[0]


def _misses(found: Prediction, wanted: Wanted) -> list[Miss]:
    """Wrong numbers that tell what went wrong, unless they lie too near to the right one."""
    answer, node = found.answer(wanted), found.nodes[wanted.label]
    misses: list[Miss] = [(-answer, 0.5, "the sign is wrong")]
    if wanted.what == "value" and node.op is not None and node.op.name == "square":
        root = node.parents[0].item()
        misses += [(root, 0.5, "it is not squared"), (-root, 0.5, "it is not squared")]
    if wanted.what == "gradient":
        misses += [(answer / 2, 0.5, "it is half of that: is a 2 missing?"), (2 * answer, 0.5, "it is twice that")]
    if wanted.what == "update":
        slope = found.gradients[wanted.label].item()
        misses += [
            (node.item() + wanted.rate * slope, 0.5, "this step goes uphill: θ ← θ − η df/dθ"),
            (node.item() - slope, 0.5, "the learning rate is left out"),
            (slope, 0.25, "this is the gradient alone"),
        ]
    return [miss for miss in misses if abs(miss[0] - answer) > NEAR * TOLERANCE]


def given(numbers: Mapping[str, float]) -> list[Line]:
    """The numbers as they are written, one line for each letter: (c_1, …, c_4) = (1, 0.5, −1, 1)."""
    return [
        _listed([symbol(label) for label in labels], [value(numbers[label]) for label in labels])
        for labels in by_letter(numbers)
    ]


def _listed(names: Sequence[Expr], numbers: Sequence[Expr]) -> Line:
    if len(names) == 1:
        return (names[0], " = ", numbers[0])
    shown = names if len(names) <= 3 else [names[0], None, names[-1]]
    left = [piece for name in shown for piece in (", ", name if name is not None else "…")][1:]
    return ("(", *left, ") = ", Expr("vector", tuple(numbers)))
