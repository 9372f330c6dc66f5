"""What micrograd calls a node's parents, operation and backward: `_prev`, `_op`, `_backward()`, to be read and called.

They are for notebooks that come from there. They cannot be set, for a graph here has the chain rules of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from microgradcnn.engine.record import NO_RULE_BY_HAND
from microgradcnn.engine.value import Value


def _prev(self: Value) -> set[Value]:
    """The parents, without order: `v.parents` has it, and twice what went in twice."""
    return set(self.parents)


def _op(self: Value) -> str:
    """The sign or the name of the operation, "" for a leaf: `v.op` is its primitive."""
    if self.op is None:
        return ""
    if self.op.name == "power":
        return f"**{self.static['exponent']}"
    return self.op.infix or {"relu": "ReLU", "neg": "-"}.get(self.op.name, self.op.name)


def _backward(self: Value) -> Callable[[], None]:
    """`v.backward_step`."""
    return self.backward_step


def _only_read(name: str, read: Callable[[Value], Any]) -> property:
    def refuse(self: Value, given: object) -> NoReturn:
        raise AttributeError(f"{name} of {self.describe()} cannot be set: {NO_RULE_BY_HAND}")

    return property(read, refuse)


for _read in (_prev, _op, _backward):
    setattr(Value, _read.__name__, _only_read(_read.__name__, _read))
