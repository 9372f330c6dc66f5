"""Sums of products as matrix products, where every left row meets every right row once; over rows of the data too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgradcnn.targets.lines import Line, Rows, Shape
from microgradcnn.targets.rerolling.picking import Index, Picker, Stack, made, reshaped, whole


@dataclass(frozen=True)
class Grid:
    """Sums Σ_k a[left[i, k]]·b[right[j, k]] for all i and j; `places` says which i·columns + j every sum is."""

    left: Index
    right: Index
    places: Index

    @property
    def turned(self) -> Grid:
        """The same with a and b in each other's place."""
        i, j = np.divmod(self.places, len(self.right))
        return Grid(self.right, self.left, j * len(self.left) + i)

    @property
    def in_order(self) -> bool:
        """Whether the sums stand row by row."""
        return bool((self.places == np.arange(len(self.places))).all())


def grid(left: Index, right: Index, by_right: bool) -> Grid | None:
    """The sums Σ_k a[left[m, k]]·b[right[m, k]] as a grid, None if they are none; terms may stand in any order.

    Where they could be ordered by the places in b as well as in a, `by_right` decides.
    """
    found = [made for way in ((1, 0) if by_right else (0, 1)) if (made := _ordered(left, right, way)) is not None]
    return min(found, key=lambda g: len(g.left) + len(g.right), default=None)


def _ordered(left: Index, right: Index, way: int) -> Grid | None:
    first, second = (right, left) if way else (left, right)
    order = np.lexsort((second, first), axis=-1)
    rows, of_rows = _distinct(np.take_along_axis(left, order, -1))
    columns, of_columns = _distinct(np.take_along_axis(right, order, -1))
    places = of_rows * len(columns) + of_columns
    if len(rows) * len(columns) != len(left) or len(np.unique(places)) != len(places):
        return None
    return Grid(rows, columns, places)


def _distinct(rows: Index) -> tuple[Index, Index]:
    found, which = np.unique(rows, axis=0, return_inverse=True)
    return found, which.reshape(-1)


def product(picker: Picker, a: Stack, b: Stack, g: Grid) -> Stack:
    """The sums of a grid as an array (left rows, right rows), where a is the same for all rows of the data."""
    rows, columns = len(g.left), len(g.right)
    left, right = _operand(picker, a, g.left), _operand(picker, b, g.right.T)
    sizes = tuple([size for size in (rows, columns) if size > 1])
    of_left = reshaped(left, left.sizes[1:]).line if rows == 1 else left.line
    if not b.line.varies:
        of_right = reshaped(right, right.sizes[:1]).line if columns == 1 else right.line
        return reshaped(made("matmul", [of_left, of_right], {}, sizes), (rows, columns))
    shape: Shape = (*sizes[: rows > 1], Rows(columns))
    line = Line("matmul", (of_left, _flat(right)), {}, shape, a.line.dtype, True)
    return reshaped(Stack(line, (-1,)), (rows, columns))


def over_rows(picker: Picker, a: Stack, b: Stack, g: Grid) -> Stack:
    """The sums of a grid, added up over the rows of the data, as an array (left rows, right rows)."""
    left, right = (_flat(_operand(picker, x, index)) for x, index in ((a, g.left), (b, g.right)))
    if len(right.shape) == 2:
        right = Line("transpose", (right,), {"axes": None}, right.shape[::-1], right.dtype, True)
    sizes = tuple([size for size in (len(g.left), len(g.right)) if size > 1])
    return Stack(Line("matmul", (left, right), {}, sizes, left.dtype, False), sizes)


def _operand(picker: Picker, x: Stack, index: Index) -> Stack:
    """x.ravel()[index], in full."""
    return whole(picker.pick(x, index), index.shape)


def _flat(x: Stack) -> Line:
    """x with its last axis as further rows of the data, and without its first if that is of length 1."""
    outer, inner = x.sizes
    if inner == 1:
        return reshaped(x, () if outer == 1 else (outer,)).line
    line, label = (x.line.args[0], x.line.label) if x.line.op == "reshape" else (x.line, None)
    shape: Shape = (*(() if outer == 1 else (outer,)), Rows(inner))
    if line.shape == shape:
        return line
    return Line("reshape", (line,), {"shape": shape}, shape, line.dtype, True, label=label)
