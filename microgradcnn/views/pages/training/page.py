"""The page of a training, one file, offline: play, step and look back, with all that it needs to train in it."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.pages.assets import asset, literal, style
from microgradcnn.views.pages.training.instructions import Kernels

ENGINE = ("columns", "shuffle", "optimisers", "run", "worker")
PANEL = ("charts", "pictures", "controls", "panel")


def engine_script(kernels: Kernels) -> str:
    """What trains, in an element of its own: the page makes a worker of its text."""
    texts = [kernels.script(), *(asset(f"training/{name}.js") for name in ENGINE)]
    return '<script id="engine">\n' + "\n".join(texts) + "</script>"


def panel_script() -> str:
    """What is shown of a training, and told to it."""
    return "\n".join(asset(f"training/{name}.js") for name in PANEL)


def training_page(task: Mapping[str, Any], kernels: Kernels, title: str) -> str:
    """The HTML of a page that trains, or replays, as its task says."""
    body = asset("training/training.html").format(
        title=escape(title), engine=engine_script(kernels), script=panel_script(), task=literal(task)
    )
    return html_document(body, title, style("training/training.css"), "alone")
