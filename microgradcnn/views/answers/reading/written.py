"""A formula that was read, written anew in one notation."""

from __future__ import annotations

from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.reading.derivatives import above_and_below
from microgradcnn.views.formulas.arguments import settings
from microgradcnn.views.formulas.expression import Expr, call, derivative, symbol
from microgradcnn.views.formulas.mathml import Typed
from microgradcnn.views.formulas.notation import formula

_MOST_WRITTEN = 200  # parts of a formula that is written anew


def write(answer: Value, text: str) -> str:
    """The graph of the formula in `text` as it was understood, on one line, in a notation that can be read again.

    What has very many parts, or primes in primes, or an =, which is read in some places alone, stays as it was typed.
    """
    parts: dict[Value, int] = {}
    for node in topological(answer):
        parts[node] = 1 + sum(parts.get(p, 1) for p in node.parents)
    if parts[answer] > _MOST_WRITTEN or any(node.op is not None and node.op.name == "equal" for node in parts):
        return text.strip()
    own: dict[Value, Expr] = {}  # a user's functions by their names: a notation may repeat what is in it
    for node in topological(answer):
        if names := above_and_below(node.label or ""):
            own[node] = derivative(*map(symbol, names))
        elif node.op is not None and node.op.name not in BUILT_IN:
            static = settings(node.op.name, node.static).values()
            own[node] = call(node.op.name, *(formula(p, own) for p in node.parents), *static)
    return Typed()(formula(answer, own))
