"""Training before one's eyes on a page of the lesson: the network at its own sizes, on every data set that fits it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microgradcnn.data import Dataset, split
from microgradcnn.data.scaling import standardised, unscaled
from microgradcnn.engine.arrays import bare_array
from microgradcnn.experiment import fit_scaling
from microgradcnn.lesson.run import BUILT_IN, OF_MODULES, REGULARISE, data_set
from microgradcnn.networks import ModuleNetwork, Network
from microgradcnn.training.convergence import default_rate, largest_stable_rate
from microgradcnn.training.schedule import OF_MODELS, OF_NETWORKS, Schedule, grouped
from microgradcnn.views.pages.assets import literal
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import Learner, of_model, of_network
from microgradcnn.views.pages.training.page import engine_script, panel_script
from microgradcnn.views.pages.training.task import TaskRows, live_task

EPOCHS, TEST = 2000, 0.2
MOST_PROGRAMS = 180_000  # characters of a task's programs: with more a page would be too large
DIGITS = 3  # after the point, of the inputs, so that a page stays small


def watched(
    kind: type[Network], data: Mapping[str, Dataset], key: bool, boxes: bool, trained: Iterable[Network] = ()
) -> tuple[str, str]:
    """The HTML of the training, with its engine, and the script that starts it; nothing where no data set fits.

    Without `key` the page has no program of the gradient. With `boxes` the formulas in those of #exercise, whose
    problem is called `task`, can train beside it. Where no data set fits the network at its own sizes, it trains at
    those of the first of `trained` that has one, without boxes.
    """
    options: dict[str, Any] = {"regularise": REGULARISE} if "regularise" in kind.arguments() else {}
    own, *others = (kind(**each, seed=0) for each in (options, *(other.options() for other in trained)))
    fitting = ((network, rows) for network in (own, *others) if (rows := [*_rows(network, data)]))
    network, rows = next(fitting, (own, []))
    if not rows:
        return "", ""
    kernels = Kernels()
    try:
        task = live_task(*_learner(network, rows[0]), 0, kernels, key, rows[1:])
    except ValueError:  # what a page cannot compute: the curves of the trainings are there
        return "", ""
    if len(literal(task["variants"])) > MOST_PROGRAMS:
        task["variants"] = {task["activation"]: task["variants"][task["activation"]]}
    if len(literal(task["variants"])) > MOST_PROGRAMS:
        return "", ""
    written = "null"
    if boxes and network is own:
        forms = 'document.querySelectorAll("#exercise form.answer")'
        written = f"() => writtenGradient(task, {forms})"
    start = f'new TrainingPanel(document.getElementById("watched"), {literal(task)}, {written});'
    section = '<div class="training" id="watched" data-heading="h3" role="group" aria-label="Training"></div>'
    return section + engine_script(kernels), f"\n{panel_script()}\n{start}"


def _learner(network: Network, rows: TaskRows) -> tuple[Learner, TaskRows, Schedule]:
    """What is trained, on what, and how: a network as the lecture has it, one of a module as `fit` does."""
    if isinstance(network, ModuleNetwork):
        assert rows.test is not None
        (x, y), test = (
            (bare_array(network.shaped(x)), bare_array(network.targets(y))) for x, y in ((rows.x, rows.y), rows.test)
        )
        schedule, _ = grouped(OF_MODELS, None, None, OF_MODULES)
        return of_model(network.module, network.criterion), replace(rows, x=x, y=y, test=test), schedule
    rate = default_rate(largest_stable_rate(network, rows.x, rows.y))
    return of_network(network), rows, replace(OF_NETWORKS, epochs=EPOCHS, rate=float(f"{rate:.2g}"))


def _rows(network: Network, data: Mapping[str, Dataset]) -> Iterator[TaskRows]:
    """The data sets whose rows are as wide as the network, and whose classes it can tell, scaled, rounded and split."""
    for name in dict.fromkeys([*reversed(list(data)), *BUILT_IN]):
        found = data_set(name, data)
        classes = len(found.classes or ())
        numbers = found.classes is None and network.of_differences
        told = numbers or classes == 2 if network.outputs == 1 else classes == network.outputs
        if found.x.shape[1] == network.inputs and told:
            learn, test = split(found, TEST, 0)
            scaling = fit_scaling(learn)
            target = standardised(learn.y[:, None]) if numbers else unscaled(1)
            (x, y), unseen = (
                (np.round(scaling.apply(part.x), DIGITS), target.apply(part.y[:, None])[:, 0]) for part in (learn, test)
            )
            yield TaskRows(x, y, unseen, name, found.classes, network.image)
