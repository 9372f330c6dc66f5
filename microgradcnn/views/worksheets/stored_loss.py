"""A graph of scalars as plain data, which JSON can hold, and the graph again: a key that knows the graph it marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.record import primitive_named
from microgradcnn.engine.value import Constant, Value, apply
from microgradcnn.views.answers.answer import Answer, check_answer


def as_plain(root: Value, labels: Mapping[Value, str]) -> list[dict[str, Any]]:
    """One entry for each node that `root` was computed from, inputs first and `root` last.

    `labels` overrules the nodes' own. An operation names its primitive, its inputs, as places in the list or
    {"constant": number}, and its static arguments. Raises ValueError for an array.
    """
    order = topological(root)
    place = {node: i for i, node in enumerate(order)}
    return [_entry(node, labels.get(node, node.label), place) for node in order]


def _entry(node: Value, label: str | None, place: Mapping[Value, int]) -> dict[str, Any]:
    if node.shape != () or any(p.shape != () for p in node.parents):
        raise ValueError(f"{node.describe()} is or takes an array: write the graph out in scalars")
    entry: dict[str, Any] = {} if label is None else {"label": label}
    if node.op is None:
        return {**entry, "value": _number(node)}
    inputs = [{"constant": _number(p)} if type(p) is Constant else place[p] for p in node.parents]
    return {**entry, "op": node.op.name, "inputs": inputs, "static": dict(node.static)}


def _number(node: Value) -> float | bool | str:
    """The number, or its name where JSON has none for it: "inf"."""
    number: float | bool = np.asarray(node.data).item()
    return number if np.isfinite(number) else repr(number)


def _named(number: float | bool | str) -> float | bool:
    return float(number) if isinstance(number, str) else number


def from_plain(entries: Sequence[Mapping[str, Any]]) -> Value:
    """The graph that `as_plain` described, computed anew. Raises ValueError for a primitive that is not known here.

    Anything else that is no such description raises KeyError, IndexError or TypeError.
    """
    nodes: list[Value] = []
    for entry in entries:
        if "op" in entry:
            inputs = [nodes[i] if isinstance(i, int) else _named(i["constant"]) for i in entry["inputs"]]
            nodes.append(apply(primitive_named(entry["op"]), *inputs, **entry["static"]))
        else:
            nodes.append(Value(_named(entry["value"])))
        nodes[-1].label = entry.get("label")
    return nodes[-1]


class StoredLoss:
    """A loss that `as_plain` described, and its gradients: what answers are compared with."""

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.loss = from_plain(entries)
        self.nodes = {str(node.label): node for node in topological(self.loss)}
        self._gradients: dict[str, Value] = {}

    def check(self, wrt: str, answer: str) -> Answer:
        """The verdict on a formula for df/d`wrt`. Raises FormulaError for what is no formula."""
        x = self.nodes[wrt]
        if wrt not in self._gradients:
            (self._gradients[wrt],) = grad(self.loss, [x])
        return check_answer(answer, self._gradients[wrt], self.loss, x)
