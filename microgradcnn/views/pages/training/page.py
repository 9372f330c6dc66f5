"""The page of a training, one file, offline: play, step and look back, with all that it needs to train in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from html import escape
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import Network
from microgradcnn.networks.example import Example
from microgradcnn.networks.roles import Roles, in_scalars
from microgradcnn.nn.module import Module
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.pages.assets import asset, literal
from microgradcnn.views.pages.exercise import Problem, boxes, scripts
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import Learner, Loss, hidden_units
from microgradcnn.views.pages.training.programs import flat
from microgradcnn.views.pages.training.task import TaskRows

ENGINE = tuple(f"training/{name}" for name in ("columns", "shuffle", "optimisers", "run", "worker"))
SHOWN = ("charts", "rows", "pictures", "controls", "plane", "dots", "learnt", "replay", "panel", "formulas")
PANEL = tuple(f"training/{name}" for name in SHOWN)
SCRIPTS = (*ENGINE, *PANEL)
FORMULAS = """<details class="training formulas" id="exercise"><summary>Your own formulas beside the gradient</summary>
<p>Write the derivatives of one row's loss f; those that you leave out are the true ones. Then choose “your formulas”
beside “Beside it”, in the settings; Reset takes what you have changed.</p>
{}</details>"""
NOT_ASKED = {"formulas": "", "asked": "", "written": ""}
MOST_ASKED = 24  # parameters, with a box each
OFFERED = "{BLOCK, RowProgram, Generator, Snapshots, Run, engine}"  # of the engine, to the panel


def engine_script(kernels: Kernels) -> str:
    """What trains, in an element of its own: the page makes a worker of its text."""
    inside = f"{kernels.script()}\n{_scripts(ENGINE)}\nreturn {OFFERED};"
    return f'<script id="engine">\nconst trainingEngine = (() => {{\n{inside}\n}})();\n</script>'


def panel_script() -> str:
    """What is shown of a training and told to it: the class TrainingPanel and what formulas give."""
    offered = "{TrainingPanel, writtenGradient}"
    inside = f"const {OFFERED} = trainingEngine;\n{_scripts(PANEL)}\nreturn {offered};"
    return f"const {offered} = (() => {{\n{inside}\n}})();"


def asked_of(trained: Network | tuple[Module, Loss, str], learner: Learner, rows: TaskRows) -> dict[str, str]:
    """Boxes for the derivatives of one row's loss by every parameter: formulas in them train beside the gradient.

    As parts of the page, NOT_ASKED where parameters are many or a target is no number. Raises ValueError where the loss
    cannot be written in JavaScript.
    """
    problem = _problem(trained, learner, rows)
    if problem is None:
        return NOT_ASKED
    start = "exercise(document.getElementById('exercise'), asked, {});"
    return {
        "formulas": FORMULAS.format(boxes(problem, {})),
        "asked": f"{scripts(scenes=False)}\n{problem.script('asked', key=True)}\n{start}",
        "written": ", () => writtenGradient(asked, document.querySelectorAll('#exercise form.answer'))",
    }


def _problem(trained: Network | tuple[Module, Loss, str], learner: Learner, rows: TaskRows) -> Problem | None:
    """The loss of one row in scalars. What nobody has named is called y_hat in it, and hidden units h_1, h_2, ..."""
    x, y = np.asarray(rows.x)[:2], np.asarray(rows.y)[:2]
    if sum(np.size(p.data) for p in learner.parameters.values()) > MOST_ASKED or y[0].size > 1:
        return None
    if isinstance(trained, tuple):
        found = _in_scalars(*trained[:2], x[:1], y[:1])
    elif trained.scalar and trained.outputs == 1:
        with learner.with_activation("") if learner.with_activation is not None else nullcontext():  # without λ
            found = trained.example(x[0], float(y[0]))
    else:
        return None
    parameters, columns = [*found.parameters.values()], [*found.inputs, *found.targets]
    if not set(found.targets) <= set(topological(found.loss)):
        return None
    start = flat(parameters)
    return Problem(found.loss, parameters, columns, np.column_stack([x.reshape(len(x), -1), y]), start, start, 1.0)


def _in_scalars(model: Module, loss: Loss, x: Array, y: Array) -> Example:
    """The loss of one row, with parameters, inputs and the target, all single numbers."""
    row, target = Value(x, label="x"), Value(y, label="y")
    output = model.of_rows(row)
    leaves = {name: [p] for name, p in model.named_parameters()}
    found = in_scalars(Roles(loss(output, target), leaves, [row], [target], [output]))
    parameters = {str(scalar.label): scalar for scalars in found.parameters.values() for scalar in scalars}
    hidden = hidden_units([found.loss], [*parameters.values()])
    for letter, nodes in (("x", found.inputs), ("y", found.targets), ("h", hidden), ("y_hat", found.outputs)):
        for i, node in enumerate(nodes, 1):
            node.label = letter if len(nodes) == 1 else f"{letter}_{i}"
    columns = list(found.inputs), list(found.targets)
    return Example(*columns, parameters, z=hidden, outputs=list(found.outputs), loss=found.loss)


def _scripts(names: Sequence[str]) -> str:
    """The files one after the other; comments are for those who read these."""
    return re.sub(r"(?m)^ +|^ *// .*\n", "", "\n".join(asset(f"{name}.js") for name in names))


def training_page(task: Mapping[str, Any], kernels: Kernels, title: str, asked: Mapping[str, str] = NOT_ASKED) -> str:
    """The HTML of a page that trains, or replays, as its task says, with the boxes that `asked_of` gives."""
    places = {"title": escape(title), "engine": engine_script(kernels), "script": panel_script()}
    places |= {"task": literal(task), **asked}
    body = asset("training/training.html").format(**places)
    return html_document(body, title, asset("training/training.css"), "alone")
