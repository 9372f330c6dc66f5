"""What the script of a page is told of images: which nodes are, their windows, and their numbers where it has none."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.views.drawing.boxes import Box
from microgradcnn.views.drawing.maps.images import Images, image_shape, images_of
from microgradcnn.views.drawing.structure.parameters import shown_names
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import symbol

MOST_PIXELS = 40_000  # of a node whose numbers are recorded


def images_told(order: Sequence[Value], recorded: bool) -> dict[str, Any] | None:
    """The images of a graph by the places of their nodes, None if it has none; with their numbers if `recorded`.

    Those of raw arrays, which no program computes, it always has. Of several examples it has the first one's, as 32-bit
    floats, which four digits on a page do not tell from others.
    """
    images = images_of(order)
    if not images.kinds:
        return None
    numbers, names = _Numbers(), shown_names(order)
    nodes = {i: order[i] for i in _places(images) if i >= 0} | {i: v for v, i in images.given.items()}
    return {
        "names": {i: notation.text(symbol(names[v])) if i >= 0 else "the input" for i, v in nodes.items()},
        "kinds": images.kinds,
        "shapes": {i: image_shape(v) for i, v in nodes.items()},
        "windows": [asdict(windows) for windows in images.windows],
        "steps": {i: asdict(step) for i, step in images.steps.items()},
        "recorded": {i: numbers.of(v, images.kinds.get(i)) for i, v in nodes.items() if recorded or i < 0},
        "numbers": numbers.packed(),
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


class _Numbers:
    """Numbers one after another, compressed; each array is known by the place of its first."""

    def __init__(self) -> None:
        self.parts: list[Array] = []
        self.count = 0

    def of(self, node: Value, kind: str | None) -> dict[str, int]:
        """Where the value and the gradient of a node begin, and how many numbers each has; nothing of a large one."""
        whole = kind in ("filters", None) or not node.shape[0]
        arrays = {"value": np.asarray(node.data)} | ({"gradient": np.asarray(node.grad)} if node.has_grad else {})
        found = {which: np.ravel(a if whole else a[0]) for which, a in arrays.items()}
        if found["value"].size > MOST_PIXELS:
            return {}
        return {"size": found["value"].size, **{which: self._placed(a) for which, a in found.items()}}

    def packed(self) -> str:
        """All of them, as base64 of gzip."""
        whole = b"".join(np.asarray(part, dtype="<f4").tobytes() for part in self.parts)
        return base64.b64encode(gzip.compress(whole, mtime=0)).decode()

    def _placed(self, numbers: Array) -> int:
        self.parts.append(numbers)
        self.count += numbers.size
        return self.count - numbers.size
