"""Any choice among the scalars of an array is that choice, in whatever order the loops over it are nested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from microgradcnn.targets.export.source import source
from microgradcnn.targets.lines import FLOAT64, Line, Lines, Rows
from microgradcnn.targets.rerolling.picking import Picker, Stack, whole

Loops = Sequence[tuple[int, int]]  # lengths and strides, the innermost last

# Windows over images of so many numbers: the loops over their positions, and over what each of them holds.
WINDOWS: dict[str, tuple[int, Loops, Loops]] = {
    "2×2 over 2 channels of 3×3": (18, ((2, 3), (2, 1)), ((2, 9), (2, 3), (2, 1))),
    "2×2 over 2×3": (6, ((2, 1),), ((2, 3), (2, 1))),
    "2×1 over 5×2, by 2 rows": (10, ((2, 4), (2, 1)), ((2, 2),)),
    "two rows twice, 5×2, by 2 rows": (10, ((2, 4),), ((2, 2), (2, 2), (2, 1))),
}


def along(loops: Loops) -> np.ndarray:
    """The places that nested loops pass."""
    found = np.zeros(1, np.int64)
    for length, stride in loops:
        found = (found[:, None] + np.arange(length) * stride).ravel()
    return found


def indices(loops: Loops) -> Iterator[np.ndarray]:
    """Two axes that share these loops, in every way and in every order."""
    for order in dict.fromkeys(permutations(loops)):
        for cut in range(1, len(order)):
            yield along(order[:cut])[:, None] + along(order[cut:])


def picked(size: int, index: np.ndarray, n: int = 2) -> tuple[Stack, np.ndarray, np.ndarray]:
    """The choice among so many columns of n rows, its values, and what they should be."""
    leaf = Line("input", (), {}, (Rows(), size), FLOAT64, varies=True)
    columns = Stack(Line("transpose", (leaf,), {"axes": None}, (size, Rows()), FLOAT64, varies=True), (size,))
    found = whole(Picker().pick(columns, index), index.shape)
    names: dict[str, Any] = {}
    exec(source(Lines([leaf], [], found.line, [], [], per_example=False)), names)
    x = np.arange(float(n * size)).reshape(n, size)
    return found, names["program"](x)[0], np.moveaxis(x[:, index], 0, -1)


@pytest.mark.parametrize("what", WINDOWS)
def test_loops_in_any_order_pick_what_they_pass(what: str) -> None:
    size, positions, inside = WINDOWS[what]
    for index in indices((*positions, *inside)):
        _, found, expected = picked(size, index)
        assert np.array_equal(found, expected), index.tolist()


@pytest.mark.parametrize("what", [what for what in WINDOWS if "twice" not in what])
@pytest.mark.parametrize("turned", [False, True])
def test_windows_are_found(what: str, turned: bool) -> None:
    size, positions, inside = WINDOWS[what]
    index = along(positions)[:, None] + along(inside)
    found, values, expected = picked(size, index.T if turned else index)
    assert np.array_equal(values, expected)
    assert "unfold" in ops(found.line)


def ops(line: Line) -> set[str]:
    return {line.op}.union(*map(ops, line.args))
