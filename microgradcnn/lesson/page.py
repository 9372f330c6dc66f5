"""The lesson's page of one network: drawn, derived, checked, asked, trained. Students get no derivation and no key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from microgradcnn.data import Dataset, load, two_classes
from microgradcnn.engine.value import Value
from microgradcnn.experiment import Experiment, fit_scaling
from microgradcnn.fit import train
from microgradcnn.lesson.cost import network_cost
from microgradcnn.lesson.errata import note
from microgradcnn.lesson.run import REGULARISE, NetworkRow, uninterrupted
from microgradcnn.lesson.schematic import sliding
from microgradcnn.networks import NETWORKS, Example, Network
from microgradcnn.targets.program import compile
from microgradcnn.training.convergence import default_rate, largest_stable_rate
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.derivations.named_graph import recomputed
from microgradcnn.views.documents.html import as_html, html_lines
from microgradcnn.views.drawing.boxes import shown
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import derivative, equation, heads, symbol
from microgradcnn.views.pages.charts import curves, tiles
from microgradcnn.views.pages.exercise import Problem, boxes, landscape, scripts, start_script, training
from microgradcnn.views.pages.picture import draw

ROWS = 40  # of data in a page
STEP = 1e-5  # of the finite differences
UNREADABLE = {"cases", "compare", "indicator", "derivative"}  # in the formula of a box

Array = np.ndarray[Any, np.dtype[Any]]
Section = tuple[str, str, str]  # id, title, HTML


@dataclass(frozen=True)
class Page:
    """A page of the lesson: its sections, its scripts, and the files that it shows beside itself, by their names."""

    sections: list[Section]
    script: str
    beside: dict[str, str]


def network_page(row: NetworkRow, data: Mapping[str, Dataset], student: bool) -> Page:
    """The page of the network of a row of the lesson's table, trained on `data`, for teachers or students."""
    name, example, task = row.network, NETWORKS[row.network]().hand_example(), problem(row.network, data)
    sections, beside = [("network", "The network", _network(row, task, student))], dict[str, str]()
    fills: dict[str, dict[str, str]] = {}
    if not student:
        beside[file := f"{name}_graph.html"] = draw(example.loss).html()  # before backward, which it steps through
        example.loss.backward()
        derivation = explain(example.loss, list(example.parameters.values()))
        fills = _fills(derivation)
        sections.append(("graph", "Its graph", _graph(file, name)))
        sections.append(("derivation", "The chain rule", _derivations(example, derivation)))
    sections += [
        ("checks", "Numbers to check against", _checks(row, example, student)),
        ("exercise", "Check your answer", _exercise(name, task, fills, student)),
        ("landscape", "The loss as a landscape", _landscape(task, student)),
        ("training", "Trained on data", _runs(row, data, student)),
        ("cost", "What one iteration costs", _cost(name, student)),
        ("program", "The program", _program(example, student)),
    ]
    script = "\n".join([scripts(), task.script("task", key=not student), start_script("task", fills)])
    return Page(sections, script, beside)


def problem(name: str, data: Mapping[str, Dataset]) -> Problem:
    """What a network's page computes with: the last of the `data` for one that takes images, `wedge` for the others."""
    kind = NETWORKS[name]
    rows = list(data.values())[-1] if kind.takes_images() else two_classes(load("wedge"))
    of_class = [np.flatnonzero(rows.y == label) for label in (0.0, 1.0)]
    few = np.concatenate([at[np.linspace(0, len(at) - 1, min(ROWS // 2, len(at))).astype(int)] for at in of_class])
    x, y = fit_scaling(rows).apply(rows.x)[few], rows.y[few]
    network = kind(seed=0, **kind.sizes_for(rows))
    start, rate = _flat(network), default_rate(largest_stable_rate(network, x, y))
    example = network.example(x[0], float(y[0]))
    network.regularise = REGULARISE  # weights without bounds would leave the map
    uninterrupted(train(network, x, y, epochs=1500))
    columns = [*example.inputs, example.y]
    return Problem(
        example.loss, list(example.parameters.values()), columns, np.column_stack([x, y]), start, _flat(network), rate
    )


def _flat(network: Network) -> Array:
    return np.concatenate([np.ravel(p.data) for p in network.parameters.values()])


def _fills(derivation: Derivation) -> dict[str, dict[str, str]]:
    """The formulas for all boxes that can read them: as the lecture has them, and as they are right."""
    readable = {label: g for label, g in derivation.gradients.items() if not heads(g) & UNREADABLE}
    right = {label: notation.text(gradient) for label, gradient in readable.items()}
    lecture = {label: text.replace("(ŷ − y)", "√f ") for label, text in right.items()}
    return {"The lecture's √f": lecture, "Right: ŷ − y": right}


# The sections


def _network(row: NetworkRow, task: Problem, student: bool) -> str:
    network = NETWORKS[row.network]()
    where = f"The network of the lecture's {row.section}" if row.section else f"The network {row.network}"
    about = "; σ is the sigmoid, σ(a) = 1/(1 + e<sup>−a</sup>)" if task.activation == "sigmoid" else ""
    return (
        f"<p>{escape(where, quote=False)}: {_flat(network).size} weights{about}.</p>"
        f"{sliding(network, f'drawn-{row.network}')}{note(student, *network.slips)}"
    )


def _graph(file: str, name: str) -> str:
    return (
        "<p>One example, to step through forward and backward, with every number and where it comes from; change a "
        f'number, or let it descend. <a href="{file}">Open it in a window of its own</a>.</p>'
        f'<iframe src="{file}" title="The graph of {name}" loading="lazy"></iframe>'
    )


def _derivations(example: Example, derivation: Derivation) -> str:
    """One derivation for every kind of weight in full, and all results."""
    pieces = [note(False, "chain")]
    for i, label in enumerate(representatives(example)):
        title = notation.mathml(derivative(symbol("f"), symbol(label)))
        told = explain(example.loss, [example.parameters[label]]).mathml()
        pieces.append(f"<details{' open' * (i == 0)}><summary>{title}, step by step</summary>{told}</details>")
    lines = [(equation(derivative(symbol("f"), symbol(x)), g),) for x, g in derivation.gradients.items()]
    pieces += [
        '<details><summary>All of them</summary><div class="derivation">',
        *html_lines(lines),
        "</div></details>",
    ]
    return "".join(pieces)


def representatives(example: Example) -> list[str]:
    """A weight of every kind: the first of each letter, and of a second filter the first as well."""
    labels = list(example.parameters)
    letters = {label.split("_")[0]: label for label in reversed(labels)}
    return sorted(
        {*letters.values(), *({"c_5"} & set(labels))}, key=lambda label: (label != "w_1", labels.index(label))
    )


def _checks(row: NetworkRow, example: Example, student: bool) -> str:
    """The example's numbers, gradients by differences, and how far all ways to find them are apart."""
    given = _values([*example.inputs, example.y])
    found = _values([*example.z, example.prediction, example.loss])
    header = ["weight", "value", "by finite differences", *([] if student else ["by the chain rule"])]
    rows = []
    for p in example.parameters.values():
        numbers = [p.item(), _difference(example.loss, p), *([] if student else [float(p.grad)])]
        rows.append([_name(p), *(shown(x, 6) for x in numbers)])
    checks, closed = row.checks, row.checks.closed_form
    ways, by_hand = "three", ""
    if closed is not None:
        ways, by_hand = "four", f"the lecture's closed form (with the sign put right) {closed:.0e}, "
    apart = (
        f"<p>Over random rows and with λ = {REGULARISE:g} the gradients found in {ways} ways agree: as a share "
        f"of the largest, the scalar form is {checks.scalar_form:.0e} away from the tensor form, {by_hand}and finite "
        f"differences {checks.differences:.0e}.</p>"
    )
    return f'<p class="values">One example: {given}. Then {found}.</p>{table(header, rows)}{apart}'


def _values(nodes: Iterable[Value]) -> str:
    return ", ".join(f"<span>{_name(v)} = {shown(v.item(), 6)}</span>" for v in nodes)


def _difference(loss: Value, p: Value) -> float:
    above, _ = recomputed(loss, {p: p.item() + STEP})
    below, _ = recomputed(loss, {p: p.item() - STEP})
    return (above.item() - below.item()) / (2.0 * STEP)


def _exercise(name: str, task: Problem, fills: Mapping[str, Mapping[str, str]], student: bool) -> str:
    what = "small images" if NETWORKS[name].takes_images() else "points of <code>wedge</code>"
    about = (
        f"<p>Gradient descent on {len(task.rows)} {what}, λ = 0. A weight whose box has a formula follows it, all "
        "others follow the true gradient.</p>"
    )
    asked = f"{note(student, 'root', 'quotient')}{boxes(task, fills)}"
    return f"{asked}<h3>Train with your formulas</h3>{about}{training(task)}"


def _landscape(task: Problem, student: bool) -> str:
    about = (
        "<p>The loss over two of the weights, all others as training left them, and 60 steps of gradient descent. "
        "Click on the map, or move with the arrow keys, to start elsewhere.</p>"
    )
    first, last = (str(task.parameters[i].label) for i in (0, -1))
    return f"{about}{landscape(task, first, last)}{note(student, 'descent')}"


def _runs(row: NetworkRow, data: Mapping[str, Dataset], student: bool) -> str:
    pieces = [] if "c" not in NETWORKS[row.network]().parameters else [note(student, "decay")]
    for name, done in row.runs.items():
        learnt = _run(done, data[name])
        pieces.append(f"<h3>The data set <code>{escape(name)}</code></h3>{_classes(data[name])}{learnt}")
    losses = {name: [epoch["loss"] for epoch in done.training.history] for name, done in row.runs.items()}
    about = f"The loss of {row.network} over the epochs of training"
    return f"{curves(losses, about)}{''.join(pieces)}"


def _classes(data: Dataset) -> str:
    """The mean image of each class."""
    if data.image is None or data.classes is None:
        return ""
    top = float(np.abs(data.x).max())
    shown = [
        tiles(data.x[data.y == label].mean(axis=0).reshape(data.image) / top, f"y = {label:g}: the mean “{name}”", True)
        for label, name in enumerate(data.classes)
    ]
    return f'<div class="row">{"".join(shown)}</div>'


def _run(done: Experiment, data: Dataset) -> str:
    run, network = done.training, done.trained.network
    last = run.history[-1]
    facts = (
        f"<p>{done.rows[0]} images to train on and {done.rows[1]} to test on. Rate {run.rate:.3g} at first "
        f"(the largest stable one is {run.stable_rate:.3g}), λ = {REGULARISE:g}. {escape(run.message.capitalize())}. "
        f"Loss {last['loss']:.4f}; {100 * done.test_accuracy:.3g}% of the test images are told right.</p>"
    )
    return f'{facts}<p>What it has learnt:</p><div class="row">{"".join(_learnt(network, data))}</div>'


def _learnt(network: Network, data: Dataset) -> Iterator[str]:
    """The weights that meet the inputs as pictures, if they can be, and all other parameters."""
    rest, pictures = dict(network.parameters), network.pictures(data.image)
    if pictures is not None:
        rest.pop(next(iter(rest)))
        for i, picture in enumerate(pictures, start=1):
            yield tiles(picture, f"{network.unit_name} {i}" if len(pictures) > 1 else network.unit_name)
    for name, p in rest.items():
        yield tiles(np.asarray(p.data).reshape(-1, p.shape[-1] if p.shape else 1), name)


def _cost(name: str, student: bool) -> str:
    """The lecture's questions Q1 and Q2, and the count of operations for teachers."""
    asked = (
        "<p>How does the time of one iteration of gradient descent grow with the number of rows, inputs and hidden "
        "units or filters: of the final layer's update, and of what lies before it?</p>"
    )
    if student:
        return asked
    *counts, convention = network_cost(name).steps(name)
    folded = f"<details><summary>What was counted how</summary>{as_html([convention])}</details>"
    return f"{asked}{as_html(counts)}{folded}"


def _program(example: Example, student: bool) -> str:
    inputs, parameters = [*example.inputs, example.y], list(example.parameters.values())
    if student:
        source, words = compile(example.loss, [], [*inputs, *parameters]).source, "The loss as a program."
    else:
        source = compile(example.loss, parameters, inputs).source
        words = "The loss and all its derivatives as one straight-line program; what is computed once is used again."
    lines = len(source.splitlines())
    return f"<p>{words}</p><details><summary>{lines} lines</summary><pre>{escape(source)}</pre></details>"


# HTML


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of HTML under a header of plain words, which every number repeats for where there is no room for columns."""
    first, *others = map(escape, header)
    titles = "".join(f'<th scope="col" class="number">{words}</th>' for words in others)
    body = []
    for name, *cells in rows:
        numbers = zip(others, cells, strict=True)
        written = "".join(f'<td class="number" data-column="{words}">{cell}</td>' for words, cell in numbers)
        body.append(f'<tr><th scope="row">{name}</th>{written}</tr>')
    head = f'<thead><tr><th scope="col">{first}</th>{titles}</tr></thead>'
    return f'<div class="wide"><table>{head}<tbody>{"".join(body)}</tbody></table></div>'


def _name(v: Value) -> str:
    return notation.mathml(symbol(str(v.label)))
