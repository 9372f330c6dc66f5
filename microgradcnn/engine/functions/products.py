"""Products that are sums of products: the matrix product."""

from __future__ import annotations

from typing import Any

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, of_two


@of_two
def matmul(a: Operand, b: Operand) -> Any:
    """The matrix product a @ b, for one or more axes each, as in NumPy."""
    return primitives.matmul(a, b)
