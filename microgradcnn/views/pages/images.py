"""What the script of a page is told of images: which nodes are, their windows, and their numbers where it has none."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.ledger import node_names
from microgradcnn.views.drawing.boxes import Box
from microgradcnn.views.drawing.maps.images import Images, images_of
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import symbol

MOST_PIXELS = 40_000  # of a node whose numbers are recorded
MAPS = ("images/maps",)  # before the picture, which paints them
SCRIPTS = ("images/windows", "images/grids", "images/window_words", "images/pixel")  # after the page's own


def images_told(order: Sequence[Value], recorded: bool) -> dict[str, Any] | None:
    """The images of a graph by the places of their nodes, None if it has none; with their numbers if `recorded`.

    Of several examples it has the first one's, as 32-bit floats, which four digits on a page do not tell from others.
    """
    images = images_of(order)
    if not images.kinds:
        return None
    names, places = node_names(list(order)), _places(images)
    return {
        "names": {i: notation.text(symbol(names[order[i]])) for i in places},
        "kinds": images.kinds,
        "shapes": {i: order[i].shape for i in places},
        "windows": [asdict(windows) for windows in images.windows],
        "steps": {i: asdict(step) for i, step in images.steps.items()},
        "recorded": {i: _numbers(order[i], images.kinds.get(i)) for i in places} if recorded else {},
    }


def maps_told(box: Box) -> dict[str, Any]:
    """How the maps of a box are cut out of its numbers; nothing for a box without."""
    if box.tiles is None:
        return {}
    kind, (_, rows, columns) = box.tiles[0].kind, box.tiles[0].maps.shape
    cut = {"columns": columns, "rows": rows} if kind == "row" else {}
    return {"maps": {"kind": kind, "stacked": box.stacked, **cut}}


def _places(images: Images) -> list[int]:
    """The images, and the biases that are added to them."""
    biases = {step.bias for step in images.steps.values() if step.bias is not None}
    return sorted({*images.kinds, *biases})


def _numbers(node: Value, kind: str | None) -> list[str] | None:
    whole = kind in ("filters", None) or not node.shape[0]
    value, gradient = (a if whole else a[0] for a in (np.asarray(node.data), np.asarray(node.grad)))
    if value.size > MOST_PIXELS:
        return None
    return [_written(value), *([_written(gradient)] if node.has_grad else [])]


def _written(numbers: Array) -> str:
    return base64.b64encode(np.asarray(numbers, dtype="<f4").tobytes()).decode()
