"""What shows that a network's gradients are right and that it learns: numbers to check against, and trainings."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

import numpy as np

from microgradcnn.data import Dataset
from microgradcnn.engine.value import Value
from microgradcnn.experiment import Experiment
from microgradcnn.lesson.run import TOLERANCE, NetworkRow, data_set
from microgradcnn.lesson.sections.subject import Subject
from microgradcnn.networks import Network
from microgradcnn.views.derivations.named_graph import recomputed
from microgradcnn.views.drawing.boxes import shown
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import symbol
from microgradcnn.views.pages.charts import curves, tiles

STEP = 1e-5  # of the finite differences
WAYS = {2: "two", 3: "three", 4: "four"}
TILES = (120, 12)  # numbers of a parameter, and in a row of it, that are shown as tiles


def checks(about: Subject, row: NetworkRow, student: bool) -> dict[str, object]:
    """Numbers of the page's loss, with gradients by differences and, for teachers, by the chain rule."""
    if about.scalar:
        given = f"One example: {_values(about.given)}. Then" if about.given else "With the weights below"
        example = f"{given} {_values(about.found)}."
    else:
        sizes = ", ".join(f"<span>{_name(v)} of {size_of(v)}</span>" for v in about.given)
        example = f"A batch, {sizes}: {_name(about.loss)} = {shown(about.loss.item(), 6)}."
    return {"example": example, "numbers": _numbers(about, student), "agreement": _agreement(row)}


def _agreement(row: NetworkRow) -> str:
    """How far all ways to find the gradients are apart."""
    away = {
        "those in scalars": row.checks.scalar_form,
        "those of the closed form": row.checks.closed_form,
        "finite differences": row.checks.differences,
    }
    told = [f"from {way} by {far:.0e}" for way, far in away.items() if far is not None]
    decay = f" and with λ = {row.regularise:g}" if row.regularise else ""
    agree = "agree" if row.checks.worst <= TOLERANCE else "do not agree"
    listed = ", ".join(told[:-1]) + " and " * (len(told) > 1) + told[-1]
    return (
        f"Over random rows{decay} the gradients found in {WAYS[row.checks.ways]} ways {agree}. Relative to the "
        f"largest one, those in arrays differ {listed}."
    )


def _numbers(about: Subject, student: bool) -> str:
    """A line for every weight, or for some of them if they are many; of an array its first number has one."""
    first = [] if about.scalar else ["shape"]
    value = "value" if about.scalar else "its first number"
    header = ["weight", *first, value, "by finite differences", *([] if student else ["by the chain rule"])]
    rows = []
    for p in (about.parameters[label] for label in about.told):
        numbers = [_first(p.data), _difference(about.loss, p), *([] if student else [_first(p.grad)])]
        rows.append(
            [
                escape(notation.text(symbol(str(p.label)))),
                *([] if about.scalar else [size_of(p)]),
                *(shown(x, 6) for x in numbers),
            ]
        )
    return table(header, rows)


def _first(numbers: object) -> float:
    return float(np.ravel(np.asarray(numbers))[0])


def size_of(v: Value) -> str:
    """The shape of a Value, as 2×3."""
    return "×".join(map(str, v.shape)) or "one number"


def _difference(loss: Value, p: Value) -> float:
    """df/dp by a central difference, of an array by its first number."""
    move = np.zeros(p.shape)
    move.flat[0] = STEP
    above, _ = recomputed(loss, {p: p.data + move})
    below, _ = recomputed(loss, {p: p.data - move})
    return (above.item() - below.item()) / (2.0 * STEP)


def _values(nodes: Iterable[Value]) -> str:
    return ", ".join(f"<span>{_name(v)} = {shown(v.item(), 6)}</span>" for v in nodes)


def _name(v: Value) -> str:
    return notation.mathml(symbol(str(v.label)))


def trainings(row: NetworkRow, network: Network, data: Mapping[str, Dataset]) -> dict[str, object] | None:
    """The loss over the epochs, and what was learnt from each data set; None if the network was trained on none.

    `network` has the sizes that the page is about.
    """
    if not row.runs and not row.diverged:
        return None
    losses = {name: [epoch["loss"] for epoch in done.training.history] for name, done in row.runs.items()}
    drawn = any(0.0 < loss < math.inf for each in losses.values() for loss in each)
    pieces = [
        f"<h3>The data set <code>{escape(name)}</code></h3>{_classes(rows)}{_resized(done, network, name)}"
        f"{_run(done, rows, row.regularise)}"
        for name, done in row.runs.items()
        for rows in [data_set(name, data)]
    ]
    pieces += [not_trained(name, why) for name, why in row.diverged.items()]
    about = f"The loss of {row.network} over the epochs of training"
    return {"curves": curves(losses, about) if drawn else "", "runs": "".join(pieces)}


def not_trained(name: str, why: str) -> str:
    """The sentence that says why there is no training on the data of a name, or on any if that is ""."""
    return f"<p>Not trained{f' on <code>{escape(name)}</code>' if name else ''}: {escape(why)}.</p>"


def _resized(done: Experiment, network: Network, data: str) -> str:
    """A sentence about the sizes that were chosen for the data, where they are not those of the page."""
    own, taken = network.options(), done.trained.network.options()
    differ = [name for name in own if taken.get(name, own[name]) != own[name] and name != "regularise"]
    if not differ:
        return ""
    here, there = (", ".join(f"{name} = {_sized(sizes[name])}" for name in differ) for sizes in (own, taken))
    return f"<p>Trained with {there}, as <code>{escape(data)}</code> needs it; the rest of this page has {here}.</p>"


def _sized(size: object) -> str:
    return "×".join(map(str, size)) if isinstance(size, list | tuple) else str(size)


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


def _run(done: Experiment, data: Dataset, regularise: float) -> str:
    run, what = done.training, "images" if data.image is not None else "rows"
    decay = f", λ = {regularise:g}" if regularise else ""
    right = (
        f"{100 * done.test_accuracy:.3g}% of the test {what} are told right"
        if done.test_r2 is None
        else f"R² on the test {what} is {done.test_r2:.3g}"
    )
    stable = "" if run.stable_rate is None else f" (the largest stable one is {run.stable_rate:.3g})"
    facts = (
        f"<p>{done.rows[0]} {what} to train on and {done.rows[1]} to test on. Rate {run.rate:.3g} at first{stable}"
        f"{decay}. {escape(run.message.capitalize())}. Loss {run.history[-1]['loss']:.4f}; {right}.</p>"
    )
    scaling = done.trained.scaling
    scaled = np.any(np.asarray(scaling.shift)) or np.any(np.asarray(scaling.scale) != 1.0)
    to = "pixels between 0 and 1" if data.image is not None else "columns of mean 0 and standard deviation 1"
    what_of = f" (its inputs scaled to {to})" if scaled else ""
    return f'{facts}<p>What it has learnt{what_of}:</p><div class="row">{"".join(_learnt(done, data))}</div>'


def _learnt(done: Experiment, data: Dataset) -> Iterator[str]:
    """The weights that meet the inputs as pictures, if they can be, and all other parameters that are small."""
    network = done.trained.network
    rest, pictures = dict(network.parameters), network.pictures(data.image)
    if pictures is not None:
        unit = "filter" if rest.pop(next(iter(rest))).ndim == 4 else network.unit_name
        for i, picture in enumerate(pictures, start=1):
            yield tiles(picture, f"{unit} {i}" if len(pictures) > 1 else unit)
    single: dict[str, list[float]] = {}
    for name, p in rest.items():
        if not p.shape:
            single.setdefault(name.partition("_")[0], []).append(p.item())
        elif np.size(p.data) <= TILES[0] and p.shape[-1] <= TILES[1]:
            yield tiles(np.asarray(p.data).reshape(-1, p.shape[-1]), name)
    for letter, numbers in single.items():
        for i in range(0, len(numbers), TILES[1]):
            yield tiles(np.array(numbers[i : i + TILES[1]]), letter)


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
