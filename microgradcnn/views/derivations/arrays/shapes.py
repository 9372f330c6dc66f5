"""The shapes of formulas: a vector is a column, and what has fewer axes stands on the left."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.record import TABLE
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas.arguments import indexed
from microgradcnn.views.formulas.expression import Expr

Shape: TypeAlias = tuple[int, ...] | None  # None for what is not known

_BY_ELEMENT = {"sum", "product", "quotient", "hadamard", "power", "cases", "compare", "indicator"}
_REDUCING = {"sum", "mean", "max", "min", "logsumexp", "vector_norm"}
_KEEPING = {"log_softmax", "cumsum", "order", "normalised", "layer_norm", "batch_norm"}


class Shapes:
    """Of the formulas of a graph. Called on one, it gives the shape."""

    def __init__(self, graph: Graph) -> None:
        self._of = {name: node.shape for node, name in graph.names.items()}
        taken = (node.static["index"] for node in graph.order if node.op is not None and node.op.name == "getitem")
        self._indices = {indexed(Expr(""), index).value[1]: index for index in taken}

    def __call__(self, e: Expr) -> Shape:
        """The shape of a formula; of a matrix with one column it may be that of the vector."""
        if not e.args:
            return self._of.get(e, ()) if e.head == "symbol" else ()
        if e.head == "derivative":
            return self(e.args[1])
        if e.head == "call":
            return self._of_call(e)
        shapes = [self(a) for a in e.args]
        if any(shape is None for shape in shapes):
            return None
        known = [shape for shape in shapes if shape is not None]
        if e.head in _BY_ELEMENT:
            return _together(known)
        if e.head == "transpose":
            return _matrix(known[0])[::-1]
        if e.head == "matmul":
            return _matrix(known[0])[0], _matrix(known[-1])[1]
        if e.head == "index" and e.value[1] in self._indices:
            return np.broadcast_to(0.0, known[0])[self._indices[e.value[1]]].shape
        return None

    def _of_call(self, e: Expr) -> Shape:
        said = dict(a.value[1].split("=", 1) for a in e.args if a.head == "text" and "=" in a.value[1])
        if "shape" in said:
            shape: tuple[int, ...] = literal_eval(said["shape"])
            return shape
        shapes = [self(a) for a in e.args if a.head != "text"]
        known = [shape for shape in shapes if shape is not None]
        if len(known) < len(shapes):
            return None
        if e.value in _KEEPING:
            return known[0]
        by_element = (TABLE[e.value].elementwise if e.value in TABLE else True) or len(known) > 1
        if e.value in _REDUCING and len(known) == 1:
            return without(known[0], literal_eval(said["axis"])) if "axis" in said else ()
        return _together(known) if by_element else None


def without(shape: tuple[int, ...], axis: Any) -> tuple[int, ...]:
    """A shape without an axis, or without several."""
    gone = {a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))}
    return tuple([n for i, n in enumerate(shape) if i not in gone])


def _together(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple([max(lengths) for lengths in zip_longest(*shapes, fillvalue=1)])


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    rows, columns, *_ = (*shape, 1, 1)
    return rows, columns
