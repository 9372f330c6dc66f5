"""Derivatives that a formula names, dz_1/ds_1 and ∂z_1/∂s_1: their names, and what they are in a graph."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context

from microgradcnn.engine.gradient import cotangents, topological
from microgradcnn.engine.value import Constant, Value


def derivative_name(d: str, above: str, below: str) -> str:
    """The name that a derivative has in a formula, with d or ∂."""
    return f"{d}{above}/{d}{below}"


def above_and_below(name: str) -> tuple[str, str] | None:
    """What is differentiated by what in the name of a derivative; None for any other name."""
    above, slash, below = name[1:].partition(f"/{name[:1]}")
    return (above, below) if slash else None


def derivative_node(name: str, nodes: Mapping[str, Value]) -> Value:
    """The derivative with this name as a graph.

    dz/ds is the total one, over all paths between the two nodes, and so is ∂z/∂s where all of them go through other
    labelled nodes; else that is the direct one, with these held, as derivations write it.
    """
    above, below = above_and_below(name) or ("", "")
    order = topological(nodes[above])
    if name[0] == "∂" and nodes[below] in (direct := _direct(nodes[above], nodes[below])):
        order = [node for node in order if node in direct]
    found = Context().run(cotangents, nodes[above], 1.0, order, on_values=True)  # recorded under no_grad() too
    slope = found.get(nodes[below], 0.0)
    return slope if isinstance(slope, Value) else Value(slope)


def _direct(above: Value, below: Value) -> set[Value]:
    """`above`, what it was computed from without a labelled node in between, and `below` if that is reached so."""
    found, stack = {above}, [above]
    while stack:
        for parent in stack.pop().parents:
            if type(parent) is not Constant and parent not in found and (parent is below or parent.label is None):
                found.add(parent)
                stack += [] if parent is below else [parent]
    return found
