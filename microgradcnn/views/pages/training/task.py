"""What a page that trains is told: the programs of a learner, its start, its rows, and how Python was to train it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import reached
from microgradcnn.engine.value import Value
from microgradcnn.training.batches import check_objective
from microgradcnn.training.schedule import Schedule
from microgradcnn.training.stopping import History
from microgradcnn.views.pages.training.data_sets import PLANE, in_the_plane, packed
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import OUTPUT, Learner, bendable, shown_of
from microgradcnn.views.pages.training.programs import NotTrainableError, flat, loss_program, view_program
from microgradcnn.views.pages.training.weights import shown_arrays, ties

MOST_OF_VARIANT = 60_000  # numbers of a program that a page has for every activation
MOST_ROWS = 50  # to find out which weights lead from which unit to which
MOST_CLASSES = 10  # that have a colour of their own in the plane
MOST_WORK = 3e8  # numbers of an epoch, which take a browser about half a second
SINGLE = "The parameters are float32, and the page rounds to that, as Python does."
MOST_IN_LINE = 24  # numbers of a row that are drawn as one line
YOURS = "your rows"
Part: TypeAlias = tuple[str, Array, Array, tuple[Array, Array] | None]


@dataclass(frozen=True)
class TaskRows:
    """What is trained on: x, (n, ...), and y, (n, ...), perhaps a `test` of the same kind, and what columns mean."""

    x: Array
    y: Array
    test: tuple[Array, Array] | None = None
    name: str = YOURS
    classes: Sequence[str] | None = None
    image: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Resumed:
    """Where Python goes on with a run: the history up to there, what is kept of the optimiser, and the generator.

    So many `epochs` are done, and `steps` of the optimiser; `memories` are its arrays, as long as all parameters, and
    `generator` is the state of what shuffles the rows.
    """

    epochs: int
    history: History
    steps: int
    memories: Sequence[Array]
    generator: dict[str, Any]


def live_task(
    learner: Learner,
    rows: TaskRows,
    schedule: Schedule,
    seed: int,
    kernels: Kernels,
    gradients: bool = True,
    others: Sequence[TaskRows] = (),
    resumed: Resumed | None = None,
) -> dict[str, Any]:
    """A task that the page trains by itself, from the parameters of this moment, as Python would with this `seed`.

    Where a run is `resumed` it goes on from there. Without `gradients` the page finds them by differences, and its
    source has none, and nothing packed. The `others` are rows of the same kind to choose instead. Raises
    NotTrainableError, or another ValueError, where a page cannot.
    """
    if learner.why_not:
        raise NotTrainableError(learner.why_not)
    parameters = list(learner.parameters.values())
    check_objective(learner.objective, parameters, rows.x, rows.y)
    few = rows.x[:3], rows.y[:3]
    if np.ndim(rows.y) == 1 and len(rows.y) > 2:  # one that the loss ignores is no class
        few = rows.x[: len(few[0])], np.sort(rows.y)[[0, -1, -1][: len(few[0])]]
    learner = bendable(learner, *few)
    variants: dict[str, Any] = {}
    for activation in learner.activations:
        if variants and len(variants[learner.activations[0]]["loss"]["each"]) > MOST_OF_VARIANT:
            break
        with learner.with_activation(activation) if learner.with_activation is not None else nullcontext():
            loss = loss_program(learner.objective, parameters, few, kernels, gradients)
            view = view_program(lambda x: list(learner.shown(x).values()), parameters, few[0], kernels)
        work = len(loss["each"]) * len(rows.x)
        if work > MOST_WORK:
            raise NotTrainableError(f"an epoch takes {work:,} steps")
        if (made := {"loss": loss, "view": view}) not in variants.values():  # it changes nothing
            variants[activation] = made
    found = about(learner, rows, schedule, seed) | {"variants": variants, "start": flat(parameters).tolist()}
    found["whole"] = _looks_up(learner.shown(Value(few[0]))[OUTPUT])
    if found["whole"]:
        found["view"] = "row"
    if found["view"] == "plane":
        found["ties"] = ties(learner, rows.x[:MOST_ROWS])
    found |= _begun(resumed) if resumed is not None else {}
    if loss["single"]:
        found["notes"] = [*found["notes"], SINGLE]
    planes = _planes(rows, seed) if found["view"] == "plane" else []
    parts = [*((each.name, each.x, each.y, each.test) for each in (rows, *others)), *planes]
    return found | {"data": [_part(*part, plain=not gradients) for part in parts]}


def about(learner: Learner, rows: TaskRows, schedule: Schedule, seed: int) -> dict[str, Any]:
    """What a page is told of a training, whether it trains or replays."""
    found = shown_of(learner, rows.x[:2])
    inputs = math.prod(np.shape(rows.x)[1:])
    image = image_of(rows)
    low, high = float(np.min(rows.y)), float(np.max(rows.y))
    return {
        "measured": learner.measured,
        "also": list(learner.also),
        "activation": learner.activations[0],
        "parameters": [
            {"name": array.name, "shape": list(array.shape), **array.where()}
            for array in shown_arrays(learner.parameters)
        ],
        "shown": [{"name": name, "shape": _of_a_row(array)} for name, array in found.items()],
        "schedule": dict(vars(schedule)),
        "lambda": learner.regularise,
        "generator": _generator(np.random.default_rng(seed).bit_generator.state),
        "inputs": inputs,
        "image": list(image) if image is not None else None,
        "row": list(np.shape(rows.x)[1:]) if np.ndim(rows.x) > 2 else list(image or [inputs]),
        "classes": None if rows.classes is None else list(rows.classes),
        "threshold": (low + high) / 2.0 if learner.threshold is None else learner.threshold,
        "accurate": "accuracy" in learner.also and _has_classes(learner, rows, found[OUTPUT]),
        "levels": [low, high],
        "view": view_of(rows, found[OUTPUT]),
        "notes": [],
    }


def image_of(rows: TaskRows) -> tuple[int, ...] | None:
    """The shape of a row's image; more numbers than a line has, if a square has as many, lie in one as pixels do."""
    inputs, side = np.shape(rows.x)[-1], math.isqrt(np.shape(rows.x)[-1])
    square = np.ndim(rows.x) == 2 and MOST_IN_LINE < inputs == side**2
    return rows.image or ((side, side) if square else None)


def view_of(rows: TaskRows, output: Array) -> str:
    """What there is to see of what a network says: the plane of two inputs, ŷ over one, or else a row at a time."""
    inputs, outputs = math.prod(np.shape(rows.x)[1:]), math.prod(output.shape[1:])
    if rows.image is not None or np.ndim(rows.x) > 2 or outputs > MOST_CLASSES or (inputs == 1 and outputs > 1):
        return "row"
    return {1: "line", 2: "plane"}.get(inputs, "row")


def told_history(history: History) -> list[dict[str, float | None]]:
    """The rows of a history as a page has them: what was measured of a validation is that of the test."""
    return [
        {name.replace("validation_", "test_"): float(x) if math.isfinite(x) else None for name, x in row.items()}
        for row in history
    ]


def _begun(resumed: Resumed) -> dict[str, Any]:
    """What a page is told of a run that goes on."""
    done = "one epoch" if resumed.epochs == 1 else f"{resumed.epochs:,} epochs"
    return {
        "begun": {
            "epoch": resumed.epochs,
            "steps": resumed.steps,
            "memories": [np.ravel(memory).tolist() for memory in resumed.memories],
            "history": told_history(resumed.history),
        },
        "generator": _generator(resumed.generator),
        "notes": [f"Python had trained {done} before this page begins: their losses are here, their weights are not."],
    }


def _generator(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """The state of NumPy's PCG64; its whole numbers have more digits than JavaScript's."""
    half = drawn["uinteger"] if drawn["has_uint32"] else None
    return {"state": str(drawn["state"]["state"]), "inc": str(drawn["state"]["inc"]), "half": half}


def _looks_up(output: Value) -> bool:
    """Whether rows are places in a table, as words of an embedding are, which no noise may change."""
    return any(node.op is not None and node.op.name in ("take", "take_along_axis") for node in reached([output]))


def _has_classes(learner: Learner, rows: TaskRows, output: Array) -> bool:
    """Whether an accuracy means anything: a network with one output may learn numbers as well."""
    return learner.measured == "batches" or np.ndim(output) > 1 or bool(np.isin(rows.y, (0.0, 1.0)).all())


def _of_a_row(array: Array) -> list[int]:
    """The shape of what is shown of one row; a single number has none."""
    shape = list(np.shape(array)[1:])
    return [] if shape == [1] else shape


def _part(name: str, x: Array, y: Array, test: tuple[Array, Array] | None, plain: bool) -> dict[str, Any]:
    parts = {"learn": (x, y), "test": test}
    told = {
        part: None if pair is None else {letter: packed(array, plain) for letter, array in zip("xy", pair, strict=True)}
        for part, pair in parts.items()
    }
    return {"name": name, **told}


def _planes(rows: TaskRows, seed: int) -> list[Part]:
    """The data sets of the plane, a fifth of each for the test, with the two targets that the rows have."""
    targets = np.unique(rows.y)
    if len(targets) != 2 or np.ndim(rows.x) != 2:
        return []
    found: list[Part] = []
    for name in PLANE:
        x, y = in_the_plane(name, seed)
        y = targets[y.astype(int)].reshape(-1, *np.shape(rows.y)[1:])
        found.append((name, x[40:], y[40:], (x[:40], y[:40])))
    return found
