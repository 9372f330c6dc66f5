"""Arrays that are put together from parts, each with a place of its own: stacks, and what "assembled" lines are."""

from __future__ import annotations

from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.targets.lines import Line, lengths


def is_stack(line: Line) -> bool:
    """Whether arrays, not numbers, are put side by side along an axis."""
    return line.op == "stack" and all(len(arg.shape) == len(line.shape) - 1 > 0 for arg in line.args)


def places_in(line: Line) -> tuple[str, ...]:
    """The text of the index at which each argument of a stack of arrays, or of an assembled array, is put in it."""
    if is_stack(line):
        before = ":, " * (line.static["axis"] % len(line.shape))
        return tuple([f"[{before}{k}]" for k in range(len(line.args))])
    return tuple([f"[{index!r}]" for index in line.static["indices"]]) if line.op == "assembled" else ()


def has_runs(line: Line) -> bool:
    """Whether the numbers along the last axis of each part lie side by side in the line."""
    if is_stack(line):
        return line.static["axis"] % len(line.shape) < len(line.shape) - 1
    ends = [index[-1] if len(index) == len(line.shape) else slice(None) for index in line.static.get("indices", ())]
    return bool(ends) and all(type(end) is slice and end.step in (None, 1) for end in ends)


def is_tiled(line: Line) -> bool:
    """Whether the parts of a line cover it, each number once."""
    if line.op != "assembled":
        return is_stack(line)
    times = np.zeros(lengths(line.shape, 1), np.int8)
    for index in line.static["indices"]:
        times[index] += 1
    return bool((times == 1).all())


def assembled(*parts: Array, indices: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
    """Zeros of a shape, to which each part is added at an index of its own."""
    whole = np.zeros(shape, parts[0].dtype)
    for index, part in zip(indices, parts, strict=True):
        whole[index] += part
    return whole
