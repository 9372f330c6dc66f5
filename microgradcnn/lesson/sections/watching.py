"""Training before one's eyes on a page of the lesson: the network at its own sizes, on every data set that fits it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from microgradcnn.data import Dataset, split
from microgradcnn.experiment import fit_scaling
from microgradcnn.lesson.run import BUILT_IN, REGULARISE, data_set
from microgradcnn.networks import Network
from microgradcnn.training.convergence import default_rate, largest_stable_rate
from microgradcnn.training.schedule import OF_NETWORKS
from microgradcnn.views.pages.assets import literal
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import of_network
from microgradcnn.views.pages.training.page import engine_script, panel_script
from microgradcnn.views.pages.training.task import TaskRows, live_task

EPOCHS, TEST = 2000, 0.2
DIGITS = 3  # after the point, of the inputs, so that a page stays small


def watched(kind: type[Network], data: Mapping[str, Dataset], key: bool, boxes: bool) -> tuple[str, str]:
    """The HTML of the training, with its engine, and the script that starts it; nothing where no data set fits.

    Without `key` the page has no program of the gradient. With `boxes` the formulas in those of #exercise, whose
    problem is called `task`, can train beside it.
    """
    options: dict[str, Any] = {"regularise": REGULARISE} if "regularise" in kind.arguments() else {}
    network = kind(**options, seed=0)
    rows = list(_rows(network, data))
    if not rows or network.module is not None:
        return "", ""
    rate = default_rate(largest_stable_rate(network, rows[0].x, rows[0].y))
    schedule, kernels = replace(OF_NETWORKS, epochs=EPOCHS, rate=float(f"{rate:.2g}")), Kernels()
    try:
        task = live_task(of_network(network), rows[0], schedule, 0, kernels, key, rows[1:])
    except ValueError:  # what a page cannot compute: the curves of the trainings are there
        return "", ""
    written = "null"
    if boxes:
        forms = 'document.querySelectorAll("#exercise form.answer")'
        written = f"() => writtenGradient(task, {forms})"
    start = f'new TrainingPanel(document.getElementById("watched"), {literal(task)}, {written});'
    section = '<div class="training" id="watched" data-heading="h3" role="group" aria-label="Training"></div>'
    return section + engine_script(kernels), f"\n{panel_script()}\n{start}"


def _rows(network: Network, data: Mapping[str, Dataset]) -> Iterator[TaskRows]:
    """The data sets whose rows are as wide as the network, and whose classes it can tell, scaled, rounded and split."""
    for name in dict.fromkeys([*reversed(list(data)), *BUILT_IN]):
        found = data_set(name, data)
        classes = len(found.classes or ())
        told = classes == 2 if network.outputs == 1 else classes == network.outputs
        if found.x.shape[1] == network.inputs and told:
            learn, test = split(found, TEST, 0)
            scaling = fit_scaling(learn)
            (x, y), unseen = ((np.round(scaling.apply(part.x), DIGITS), part.y) for part in (learn, test))
            yield TaskRows(x, y, unseen, name, found.classes, network.image)
