"""What the formulas of a network are written with, value by value: named, total, dot and mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from microgradcnn.engine.value import Value

V = TypeVar("V", bound=Value)


def named(value: V, label: str) -> V:
    """The value, with a label."""
    value.label = label
    return value


def total(values: Sequence[Value]) -> Value:
    """v1 + v2 + ..., from left to right."""
    found = values[0]
    for value in values[1:]:
        found = found + value
    return found


def dot(a: Sequence[Value], b: Sequence[Value]) -> Value:
    """a1 b1 + a2 b2 + ..."""
    return total([u * v for u, v in zip(a, b, strict=True)])


def mean(values: Sequence[Value]) -> Value:
    """(v1 + v2 + ...)/n."""
    return total(values) / len(values)
