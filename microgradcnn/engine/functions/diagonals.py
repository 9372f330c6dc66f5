"""Functions of diagonals: taken, summed, laid into a matrix, and the triangles on either side."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine import primitives
from microgradcnn.engine.arguments import Operand, check_integers, explained, of_one
from microgradcnn.engine.functions.reductions import sum
from microgradcnn.engine.functions.shapes import getitem, moveaxis, ravel, shape


@of_one
@explained
def diagonal(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The numbers with equal indices along two axes, as a last axis; `offset` of them to the right."""
    check_integers(offset=offset)
    if len(shape(x)) < 2:
        raise ValueError(f"a diagonal is one of two axes, and there is shape {shape(x)}")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = shape(x)[-2:]
    first = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return getitem(x, (..., first - min(offset, 0), first + max(offset, 0)))


@of_one
@explained
def trace(x: Operand, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


@of_one
@explained
def diag(x: Operand, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix of zeros with a vector as its diagonal; `k` to the right."""
    check_integers(k=k)
    if len(shape(x)) == 2:
        return diagonal(x, k)
    if len(shape(x)) != 1:
        raise ValueError(f"diag takes a vector or a matrix, not shape {shape(x)}: see diagonal")
    places = np.arange(shape(x)[0])
    n = len(places) + abs(k)
    return primitives.scatter(x, index=(places - min(k, 0), places + max(k, 0)), shape=(n, n))


@of_one
@explained
def diagflat(x: Operand, k: int = 0) -> Any:
    """The matrix of zeros with all numbers of x as its diagonal."""
    return diag(ravel(x), k)


@of_one
@explained
def tril(x: Operand, k: int = 0) -> Any:
    """x with zeros above a diagonal of its last two axes, the one that is `k` to the right."""
    check_integers(k=k)
    return primitives.where(np.tri(*_matrix(x), k) > 0.0, x, 0.0)


@of_one
@explained
def triu(x: Operand, k: int = 0) -> Any:
    """x with zeros below a diagonal of its last two axes, the one that is `k` to the right."""
    check_integers(k=k)
    return primitives.where(np.tri(*_matrix(x), k - 1) > 0.0, 0.0, x)


def _matrix(x: Any) -> tuple[int, int]:
    """The lengths of the last two axes; of a vector, as NumPy has it, its own twice."""
    if not shape(x):
        raise ValueError("a triangle is one of two axes, and there is shape ()")
    rows, columns = (shape(x) * 2)[-2:] if len(shape(x)) == 1 else shape(x)[-2:]
    return rows, columns
