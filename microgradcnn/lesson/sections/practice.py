"""What a page of the lesson asks, and computes with in the browser: boxes, training with them, the loss as a map."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape

import numpy as np

from microgradcnn.data import Dataset
from microgradcnn.data.scaling import standardised, unscaled
from microgradcnn.engine.arrays import Array
from microgradcnn.experiment import fit_scaling
from microgradcnn.fit import DivergedError, train
from microgradcnn.lesson.course import Course
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.lesson.run import BUILT_IN, REGULARISE, data_set, uninterrupted
from microgradcnn.networks import Network
from microgradcnn.training.convergence import default_rate, largest_stable_rate
from microgradcnn.views.derivations.derivation import Derivation
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.expression import Expr, heads, substituted, symbol
from microgradcnn.views.pages.exercise import Problem, boxes, fill_buttons, landscape, start_script, training
from microgradcnn.views.worksheets.derivation_task import sided

ROWS = 40  # of data in a page
UNREADABLE = {"cases", "derivative"}  # in the formula of a box


@dataclass(frozen=True)
class Practice:
    """A problem, and the words for its rows."""

    problem: Problem
    rows: str


def problem(name: str, data: Mapping[str, Dataset], course: Course = LECTURE) -> Problem:
    """What a network's page computes with, as `practice` has it."""
    return practice(course.networks[name], data).problem


def practice(kind: type[Network], data: Mapping[str, Dataset]) -> Practice:
    """A network at its own sizes, and a few rows for it, before training and after.

    They are of the last of the `data` that fit it, of a built-in data set, or random ones that it answers itself with
    other weights.
    """
    network = kind(seed=0)
    x, y, words = _rows(network, data)
    start, rate = _flat(network), default_rate(largest_stable_rate(network, x, y))
    example = network.example(x[0], float(y[0]))
    network.regularise = REGULARISE  # weights without bounds would leave the map
    with suppress(DivergedError):  # the best weights so far are kept
        if example.targets:
            uninterrupted(train(network, x, y, epochs=1500))
    columns, classes = [*example.inputs, *example.targets], len(example.targets)
    targets = np.eye(classes)[y.astype(int)] if classes > 1 else y[:, None][:, :classes]
    rows = np.column_stack([x, targets])
    parameters = list(example.parameters.values())
    return Practice(Problem(example.loss, parameters, columns, rows, start, _flat(network), rate), words)


def _rows(network: Network, data: Mapping[str, Dataset]) -> tuple[Array, Array, str]:
    """A few rows of inputs, scaled, their targets, and what they are in words."""
    for name in (*reversed(list(data)), *BUILT_IN):
        rows = data_set(name, data)
        if rows.x.shape[1] == network.inputs and _answers(network, rows):
            few, what = _few(rows), "small images" if rows.image is not None else "rows"
            scaling = standardised(rows.y[:, None]) if rows.classes is None else unscaled(1)
            y = np.asarray(scaling.apply(rows.y[few, None]))[:, 0]
            return fit_scaling(rows).apply(rows.x)[few], y, f"{len(few)} {what} of <code>{escape(name)}</code>"
    x, words = np.random.default_rng(0).normal(size=(ROWS, network.inputs)), f"{ROWS} random rows"
    if not network.example(x[0], 0.0).targets:
        return x, np.zeros(ROWS), words
    return x, _own_answers(network, x), f"{words}, answered by the same network with other weights"


def _answers(network: Network, rows: Dataset) -> bool:
    """Whether the targets are what the outputs say: numbers, or 0 and 1, or a class for each of several outputs."""
    classes = len(rows.classes or ())
    return rows.y.dtype.kind == "f" and (classes <= 2 if network.outputs == 1 else classes == network.outputs)


def _few(rows: Dataset) -> Array:
    """The numbers of some rows, of every class as many."""
    kinds = np.unique(rows.y) if rows.classes is not None else [rows.y]
    of_class = [np.flatnonzero(np.isin(rows.y, kind)) for kind in kinds]
    most = ROWS // len(of_class)
    return np.concatenate([at[np.linspace(0, len(at) - 1, min(most, len(at))).astype(int)] for at in of_class])


def _own_answers(network: Network, x: Array) -> Array:
    """What the network says of rows with weights that are N(0, 0.5²) away from its own: a number, or a class."""
    rng, held = np.random.default_rng(1), {name: p.data for name, p in network.parameters.items()}
    for p in network.parameters.values():
        p.data = p.data + rng.normal(0.0, 0.5, p.shape)
    found = np.asarray(network.predict(x).data)
    for name, p in network.parameters.items():
        p.data = held[name]
    if network.outputs == 1:
        return np.resize(found, len(x))  # one number for all rows where the network has no inputs
    return found.argmax(axis=1).astype(float)


def _flat(network: Network) -> Array:
    return np.concatenate([np.ravel(p.data) for p in network.parameters.values()])


def fills(
    derivation: Derivation, slips: Mapping[str, tuple[str, str]], known: Collection[str]
) -> dict[str, dict[str, str]]:
    """The formulas for all boxes that can read them, by the names of buttons: as `slips` have them, and right.

    `known` are the labels that boxes know; what else the derivation gives a name to is written out, and a maximum's
    derivative is 1 on its one side: a tie is left aside.
    """
    labels, written_out = {symbol(label) for label in known}, dict[Expr, Expr]()
    for name, formula in derivation.definitions:
        if name not in labels:
            written_out[name] = substituted(formula, written_out)
    whole = {label: substituted(g, written_out) for label, g in derivation.gradients.items()}
    whole = {label: factored(simplified(sided(g))) if "cases" in heads(g) else g for label, g in whole.items()}
    readable = {label: g for label, g in whole.items() if not heads(g) & UNREADABLE}
    right = {label: notation.text(gradient) for label, gradient in readable.items()}
    wrong = {name: {label: text.replace(*slip) for label, text in right.items()} for name, slip in slips.items()}
    error = any("(ŷ − y)" in text for text in right.values())
    found = {name: texts for name, texts in wrong.items() if texts != right}
    return found | {"Right: ŷ − y" if error else "Right": right} if right else {}


def exercise(done: Practice) -> dict[str, object]:
    """The boxes."""
    return {"boxes": boxes(done.problem, {})}


def mistakes(done: Practice, filled: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Training with what is in the boxes, and buttons that write into them."""
    return {"fills": fill_buttons(filled), "rows": done.rows, "training": training(done.problem)}


def landscapes(done: Practice) -> dict[str, object] | None:
    """The loss over two weights; None where there is only one."""
    labels = [str(p.label) for p in done.problem.parameters]
    if len(labels) < 2:
        return None
    moved = not np.array_equal(done.problem.start, done.problem.trained)
    left = ", all others as training on these rows left them" if moved else ", all others as they are"
    others = left if len(labels) > 2 else ""
    return {"landscape": landscape(done.problem, labels[0], labels[-1]), "rows": done.rows, "others": others}


def script(done: Practice, filled: Mapping[str, Mapping[str, str]], key: bool) -> str:
    """What brings all of them to life, with the program of the gradient if `key`."""
    started = start_script("task", filled, len(done.problem.parameters) > 1)
    return f"{done.problem.script('task', key)}\n{started}"
