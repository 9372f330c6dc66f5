"""The page of a training, one file, offline: play, step and look back, with all that it needs to train in it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.pages.assets import asset, literal, style
from microgradcnn.views.pages.training.instructions import Kernels

ENGINE = tuple(f"training/{name}" for name in ("columns", "shuffle", "optimisers", "run", "worker"))
SHOWN = ("charts", "rows", "pictures", "controls", "plane", "dots", "learnt", "replay", "panel", "formulas")
PANEL = tuple(f"training/{name}" for name in SHOWN)
SCRIPTS = (*ENGINE, *PANEL)
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


def _scripts(names: Sequence[str]) -> str:
    """The files one after the other; comments are for those who read these."""
    return re.sub(r"(?m)^ +|^ *// .*\n", "", "\n".join(asset(f"{name}.js") for name in names))


def training_page(task: Mapping[str, Any], kernels: Kernels, title: str) -> str:
    """The HTML of a page that trains, or replays, as its task says."""
    body = asset("training/training.html").format(
        title=escape(title), engine=engine_script(kernels), script=panel_script(), task=literal(task)
    )
    return html_document(body, title, style("training/training.css"), "alone")
