"""Derivatives that a formula names, dz_1/ds_1 and ∂z_1/∂s_1: their names, and what they are in a graph."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Context

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.answers.reading.names import FormulaError


def derivative_name(d: str, above: str, below: str) -> str:
    """The name that a derivative has in a formula, with d or ∂."""
    return f"{d}{above}/{d}{below}"


def above_and_below(name: str) -> tuple[str, str] | None:
    """What is differentiated by what in the name of a derivative; None for any other name."""
    above, slash, below = name[1:].partition(f"/{name[:1]}")
    return (above, below) if slash else None


def derivative_node(name: str, nodes: Mapping[str, Value]) -> Value:
    """The derivative with this name as a graph: the total one, over all paths between the two labelled nodes.

    Raises FormulaError for a ∂ where the direct path alone, with what is labelled in between held, gives another one.
    """
    above, below = above_and_below(name) or ("", "")
    if name[0] == "∂" and _has_two(nodes[above], nodes[below]):
        raise FormulaError(
            f"{name} could be the direct or the total derivative: write d{above}/d{below} for the total one"
        )
    (found,) = Context().run(grad, nodes[above], [nodes[below]])  # recorded under no_grad() too
    return found


def _has_two(above: Value, below: Value) -> bool:
    """Whether paths lead from `below` to `above` both directly and through labelled nodes."""
    direct, held, stack, seen = False, list[Value](), [above], {above}
    while stack:
        for parent in stack.pop().parents:
            if type(parent) is Constant or parent in seen:
                continue
            seen.add(parent)
            if parent is below:
                direct = True
            elif parent.label is not None and parent.op is not None:
                held.append(parent)
            else:
                stack.append(parent)
    return direct and any(below in topological(node) for node in held)
