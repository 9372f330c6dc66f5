"""Not equal, and not, and, or, exclusive or of boolean Values: `!=`, `~`, `&`, `|`, `^`.

They are made of the table's comparisons: False < True, so a > (not b) is a and b, and a ≥ (not b) is a or b.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arrays import dtype_of, glimpse
from microgradcnn.engine.functions import Operand, equal
from microgradcnn.engine.value import Value


def not_equal(a: Operand, b: Operand) -> Any:
    """Where a differs from b, as booleans; `!=` between Values asks whether they are different nodes."""
    return logical_not(equal(a, b))


def logical_not(x: Operand) -> Any:
    """Where the booleans x do not hold; also `~x`. Raises TypeError for what is not boolean."""
    _check_booleans("~(x > 0)", x)
    return equal(x, False)


def logical_and(a: Operand, b: Operand) -> Any:
    """Where the booleans a and b both hold; also `a & b`. Raises TypeError for what is not boolean."""
    _check_booleans("(x > 0) & (x < 1)", a, b)
    return primitives.greater(a, logical_not(b))


def logical_or(a: Operand, b: Operand) -> Any:
    """Where at least one of the booleans a and b holds; also `a | b`. Raises TypeError for what is not boolean."""
    _check_booleans("(x > 0) | (x < -1)", a, b)
    return primitives.greater_equal(a, logical_not(b))


def logical_xor(a: Operand, b: Operand) -> Any:
    """Where one of the booleans a and b holds, not both; also `a ^ b`. Raises TypeError for what is not boolean."""
    _check_booleans("(x > 0) ^ (y > 0)", a, b)
    return not_equal(a, b)


def _check_booleans(example: str, *operands: Any) -> None:
    for x in operands:
        if (dtype_of(x) if hasattr(x, "dtype") else np.asarray(x).dtype).kind != "b":
            what = x.describe() if isinstance(x, Value) else glimpse(x)
            raise TypeError(f"~ & | ^ take comparisons, as in {example}, and {what} is no boolean")


for _name, _operator in {
    "__invert__": logical_not,
    "__and__": logical_and,
    "__rand__": logical_and,  # the other way round is the same
    "__or__": logical_or,
    "__ror__": logical_or,
    "__xor__": logical_xor,
    "__rxor__": logical_xor,
}.items():
    setattr(Value, _name, _operator)
