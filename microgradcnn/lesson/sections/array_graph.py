"""The graph of a loss over arrays without a key: every operation by itself, with what it sends back to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import cotangents, topological
from microgradcnn.engine.value import Value
from microgradcnn.lesson.sections.subject import Subject
from microgradcnn.targets.export.javascript_arrays import array_program
from microgradcnn.views.drawing.structure.layers import labelled_owners, layers
from microgradcnn.views.drawing.structure.time_steps import time_steps
from microgradcnn.views.pages.assets import compact, literal

MOST_BOXES = 60  # of a graph that is stepped through
ROOMY = 24  # boxes, with which elementary operations have theirs
ELEMENTARY = ("add", "sub", "mul", "neg", "div", "square", "sum", "mean")
MOVING = ("reshape", "transpose", "broadcast_to", "astype", "equal", "where", "getitem")  # numbers, and choosing them


def array_graph(about: Subject, shown: Sequence[Value] = ()) -> str | None:
    """The graph in JavaScript, for array_graph.js; None where it has too many boxes to be stepped through.

    A node is its operation, its inputs, its shape, and the place of a leaf among the numbers of all, of which the
    first `moved` are the parameters', or the numbers of a constant; the `shown` are told by their places. Boxes stand
    for what has a name and for operations, but for those that only move numbers. Raises ValueError for what
    JavaScript cannot compute.
    """
    order = topological(about.loss)
    nodes = list(dict.fromkeys(v for node in order for v in (*node.parents, node)))
    place = {node: n for n, node in enumerate(nodes)}
    boxes, edges = _boxes(about, nodes)
    if len(boxes) > MOST_BOXES:
        return None
    operations, texts, told = dict[Any, int](), list[str](), list[list[Any]]()
    at = _places([*about.parameters.values(), *about.given])
    for node in nodes:
        if node.op is None:
            told.append([-1, [], list(node.shape), at[node] if node in at else _numbers(node)])
            continue
        kind = (node.op.name, repr(node.static), *((p.shape, str(p.dtype)) for p in node.parents))
        if (number := operations.setdefault(kind, len(operations))) == len(texts):
            texts.append(_operation(node))
        told.append([number, [place[p] for p in node.parents], list(node.shape), None])
    names = called(about.loss, boxes)
    moving = _depending(nodes, set(about.parameters.values()))
    fields = {
        "f": about.loss.label or "f",
        "moved": sum(int(np.size(p.data)) for p in about.parameters.values()),
        "root": place[about.loss],
        "shown": [place[node] for node in shown],
        "nodes": told,
        "boxes": [[place[node], names[node], node in moving, node.label is not None] for node in boxes],
        "edges": [[place[a], place[b]] for a, b in edges],
    }
    written = ", ".join(f"{field}: {literal(value)}" for field, value in fields.items())
    return f"{{{written}, operations: [{', '.join(texts)}]}}"


def _boxes(about: Subject, nodes: Sequence[Value]) -> tuple[list[Value], list[tuple[Value, Value]]]:
    """What has a box, in the order of the forward pass, and the edges between these, past all that has none."""
    moving = _depending(nodes, set(about.parameters.values()))
    named = {*about.parameters.values(), *about.given, about.loss}

    def of(aside: Sequence[str]) -> list[Value]:
        drawn = {node for node in moving if node.op is not None and (node.label or node.op.name not in aside)}
        return [node for node in nodes if node in drawn or node in named]

    boxes = of(MOVING)
    if len(boxes) > ROOMY:
        boxes = of((*MOVING, *ELEMENTARY))
    known = set(boxes)
    return boxes, [(source, node) for node in boxes for source in _sources(node, known)]


def _sources(node: Value, boxes: set[Value]) -> list[Value]:
    """The boxes that a node is computed from without another box between them."""
    found, waiting, seen = dict[Value, None](), [*node.parents], set[Value]()
    while waiting:
        parent = waiting.pop()
        if parent in boxes:
            found[parent] = None
        elif parent not in seen:
            seen.add(parent)
            waiting += parent.parents
    return list(found)


def _depending(nodes: Sequence[Value], on: set[Value]) -> set[Value]:
    """The nodes, in the order of the forward pass, that are computed from some of these, or are one of them."""
    found = set[Value]()
    for node in nodes:
        if node in on or (node.dtype != np.bool_ and any(p in found for p in node.parents)):
            found.add(node)
    return found


def parts(loss: Value) -> dict[Value, str]:
    """What the layers of a model and the steps of a loop are called, by their last nodes; "" for others in them."""
    order = topological(loss)
    steps = time_steps(order)
    found = {i: "" for step in steps for i in step.members}
    for part in (*layers(order, labelled_owners(order), set(found)), *steps):
        found |= {i: found.get(i, "") for i in part.members} | {max(part.members): part.name}
    return {order[i]: name for i, name in found.items()}


def called(loss: Value, nodes: Sequence[Value]) -> dict[Value, str]:
    """Labels, and for what has none its layer or step, or its operation, with a number where several are alike."""
    meant = parts(loss)
    words = [v.label or meant.get(v) or (v.op.name.replace("_", " ") if v.op is not None else "") for v in nodes]
    return {
        node: word if node.label or words.count(word) == 1 else f"{word} {words[: i + 1].count(word)}"
        for i, (node, word) in enumerate(zip(nodes, words, strict=True))
    }


def _places(leaves: Sequence[Value]) -> dict[Value, int]:
    """Where the numbers of each leaf begin among those of all."""
    sizes = [int(np.size(leaf.data)) for leaf in leaves]
    return {leaf: sum(sizes[:i]) for i, leaf in enumerate(leaves)}


def _numbers(node: Value) -> list[float]:
    return [float(x) for x in np.ravel(node.data)]


def _operation(node: Value) -> str:
    """A primitive as two functions: of its inputs, and of what arrives at it and its inputs, to those in `to`."""
    op = node.op
    assert op is not None
    x = [Value(p.data, label=f"x_{i + 1}") for i, p in enumerate(node.parents)]
    y = op(*x, **node.static)
    fields = _function("value", [y], x)
    seed = Value(np.ones(y.shape, y.dtype if y.dtype != np.bool_ else float), label="g")
    found = cotangents(y, seed, [*x, y], on_values=True) if y.dtype != np.bool_ else {}
    to = [k for k, each in enumerate(x) if each in found]
    sent = [each if isinstance(each := found[x[k]], Value) else Value(each) for k in to]
    return f"{{to: {to}, {fields}, {_function('back', sent, [seed, *x])}}}"


def _function(name: str, outputs: Sequence[Value], leaves: Sequence[Value]) -> str:
    """A function with its constants, as a field of an object."""
    if not outputs:
        return f"{name}: () => []"
    text, constants = array_program(outputs, leaves, name)
    numbers = f"Float64Array.from({literal(constants.tolist())})"
    return f"{name}: (v) => ({compact(text)})(v, {numbers})"
