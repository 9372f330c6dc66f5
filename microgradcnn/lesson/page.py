"""The lesson's page of one network: drawn, derived, checked, asked, trained; for students without the key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from microgradcnn.data import Dataset, load, two_classes
from microgradcnn.engine.arrays import Array
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
from microgradcnn.views.pages.assets import asset
from microgradcnn.views.pages.charts import curves, tiles
from microgradcnn.views.pages.exercise import Problem, boxes, landscape, scripts, start_script, training
from microgradcnn.views.pages.picture import draw

ROWS = 40  # of data in a page
STEP = 1e-5  # of the finite differences
UNREADABLE = {"cases", "compare", "indicator", "derivative"}  # in the formula of a box


@dataclass(frozen=True)
class Page:
    """A page of the lesson: its sections, its scripts, and the files that it shows beside itself, by their names."""

    sections: str
    script: str
    beside: dict[str, str]


def network_page(row: NetworkRow, data: Mapping[str, Dataset], student: bool) -> Page:
    """The page of the network of a row of the lesson's table, trained on `data`, for teachers or students."""
    network, task = NETWORKS[row.network](), problem(row.network, data)
    pieces = _about(network, task) | _checks(row) | _runs(row, data)
    example = network.hand_example()
    fills: dict[str, dict[str, str]] = {}
    derived, beside = "", dict[str, str]()
    if not student:
        beside[f"{row.network}_graph.html"] = draw(example.loss).html()  # before backward, which it steps through
        example.loss.backward()
        derivation = explain(example.loss, list(example.parameters.values()))
        fills = _fills(derivation)
        derived = _derived(row.network, example, derivation)
    sections = asset("network.html").format(
        **pieces,
        **_numbers(example, student),
        **_program(example, student),
        derived=derived,
        slips=note(student, *network.slips),
        root=note(student, "root", "quotient"),
        descent=note(student, "descent"),
        decay=note(student, *(["decay"] if "c" in network.parameters else [])),
        boxes=boxes(task, fills),
        cost="" if student else _cost(row.network),
    )
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


# What stands in assets/network.html


def _about(network: Network, task: Problem) -> dict[str, object]:
    where = f"of the lecture's {network.section}" if network.section else network.name
    first, last = (str(task.parameters[i].label) for i in (0, -1))
    return {
        "where": f"The network {where}",
        "weights": _flat(network).size,
        "sigma": "; σ is the sigmoid, σ(a) = 1/(1 + e<sup>−a</sup>)" if task.activation == "sigmoid" else "",
        "drawing": sliding(network, f"drawn-{network.name}"),
        "rows": len(task.rows),
        "what": "small images" if network.takes_images() else "points of <code>wedge</code>",
        "training": training(task),
        "landscape": landscape(task, first, last),
    }


def _derived(name: str, example: Example, derivation: Derivation) -> str:
    """The graph; one derivation for every kind of weight in full, and all results."""
    steps = []
    for i, label in enumerate(representatives(example)):
        title = notation.mathml(derivative(symbol("f"), symbol(label)))
        told = explain(example.loss, [example.parameters[label]]).mathml()
        steps.append(f"<details{' open' * (i == 0)}><summary>{title}, step by step</summary>{told}</details>")
    lines = [(equation(derivative(symbol("f"), symbol(x)), g),) for x, g in derivation.gradients.items()]
    pieces = {"chain": note(False, "chain"), "steps": "".join(steps), "all": "".join(html_lines(lines))}
    return asset("derived.html").format(name=name, file=f"{name}_graph.html", **pieces)


def representatives(example: Example) -> list[str]:
    """A weight of every kind: the first of each letter, and of a second filter the first as well."""
    labels = list(example.parameters)
    letters = {label.split("_")[0]: label for label in reversed(labels)}
    return sorted(
        {*letters.values(), *({"c_5"} & set(labels))}, key=lambda label: (label != "w_1", labels.index(label))
    )


def _checks(row: NetworkRow) -> dict[str, object]:
    """How far all ways to find the gradients are apart."""
    closed = row.checks.closed_form
    by_hand = "" if closed is None else f"the lecture's closed form (with the sign put right) {closed:.0e}, "
    ways = "three" if closed is None else "four"
    return {"checks": row.checks, "regularise": REGULARISE, "by_hand": by_hand, "ways": ways}


def _numbers(example: Example, student: bool) -> dict[str, str]:
    """The example's numbers, and gradients by differences."""
    header = ["weight", "value", "by finite differences", *([] if student else ["by the chain rule"])]
    rows = []
    for p in example.parameters.values():
        numbers = [p.item(), _difference(example.loss, p), *([] if student else [float(p.grad)])]
        rows.append([_name(p), *(shown(x, 6) for x in numbers)])
    given, found = [*example.inputs, example.y], [*example.z, example.prediction, example.loss]
    return {"given": _values(given), "found": _values(found), "numbers": table(header, rows)}


def _values(nodes: Iterable[Value]) -> str:
    return ", ".join(f"<span>{_name(v)} = {shown(v.item(), 6)}</span>" for v in nodes)


def _difference(loss: Value, p: Value) -> float:
    above, _ = recomputed(loss, {p: p.item() + STEP})
    below, _ = recomputed(loss, {p: p.item() - STEP})
    return (above.item() - below.item()) / (2.0 * STEP)


def _runs(row: NetworkRow, data: Mapping[str, Dataset]) -> dict[str, str]:
    pieces = [
        f"<h3>The data set <code>{escape(name)}</code></h3>{_classes(data[name])}{_run(done, data[name])}"
        for name, done in row.runs.items()
    ]
    losses = {name: [epoch["loss"] for epoch in done.training.history] for name, done in row.runs.items()}
    about = f"The loss of {row.network} over the epochs of training"
    return {"curves": curves(losses, about), "runs": "".join(pieces)}


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


def _cost(name: str) -> str:
    """The count of operations."""
    *counts, convention = network_cost(name).steps(name)
    folded = f"<details><summary>What was counted how</summary>{as_html([convention])}</details>"
    return f"{as_html(counts)}{folded}"


def _program(example: Example, student: bool) -> dict[str, object]:
    inputs, parameters = [*example.inputs, example.y], list(example.parameters.values())
    if student:
        source, words = compile(example.loss, [], [*inputs, *parameters]).source, "The loss as a program."
    else:
        source = compile(example.loss, parameters, inputs).source
        words = "The loss and all its derivatives as one straight-line program; what is computed once is used again."
    return {"program_is": words, "lines": len(source.splitlines()), "program": escape(source)}


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
