"""A curve in characters, for a terminal: `train` ends with one of its loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgradcnn.engine.arrays import Array

HEIGHT, WIDEST = 6, 60  # rows, and columns of the curve at most
BLOCKS, PLAIN = " ▁▂▃▄▅▆▇█", " #"  # of a cell that is filled from below, by how much
FRAMES = {BLOCKS: ("┤", "│", "└", "─"), PLAIN: ("|", "|", "+", "-")}
_RATIO = 10.0  # from the least to the largest, from which on the axis is logarithmic


def text_chart(numbers: Sequence[float], name: str, ends: tuple[str, str], width: int, blocks: str = BLOCKS) -> str:
    """The numbers as columns over their order, in lines of less than `width` characters.

    The axis says the largest and the least and is logarithmic, which its title says, where they are apart and positive.
    A column stands for several numbers by their mean. `ends` are written below the first and the last. `blocks` is
    PLAIN where an encoding has no more than ASCII. Gives "" for fewer than two numbers or one that is not finite.
    """
    given = np.asarray(numbers, dtype=float)
    if len(given) < 2 or not np.isfinite(given).all():
        return ""
    low, high = float(given.min()), float(given.max())
    logarithmic = low > 0.0 and high >= _RATIO * low
    labels = [f"{x:.3g}" for x in (high, low)]
    margin = max(map(len, labels))
    room = max(min(width - margin - 4, WIDEST), 2)
    heights = _columns(np.log(given) if logarithmic else given, room)
    heights = (heights - heights.min()) / (float(np.ptp(heights)) or 1.0)
    parts = len(blocks) - 1
    filled = 1 + np.rint(heights * (HEIGHT * parts - 1)).astype(int)  # the least is still seen
    tick, side, corner, line = FRAMES[blocks]
    rows = [f"{name}{', logarithmic' * logarithmic}"]
    for row in range(HEIGHT - 1, -1, -1):
        label = {HEIGHT - 1: labels[0], 0: labels[1]}.get(row, "")
        cells = "".join(blocks[min(max(n - row * parts, 0), parts)] for n in filled.tolist())
        rows.append(f"{label:>{margin}} {tick if label else side}{cells}".rstrip())
    across = len(heights)
    first, last = ends
    rows.append(" " * (margin + 1) + corner + line * across)
    rows.append(" " * (margin + 2) + f"{first}{last:>{max(across - len(first), len(last) + 1)}}")
    return "\n".join(rows)


def _columns(numbers: Array, room: int) -> Array:
    """The numbers as columns that fill the room: each several times, or means of several."""
    if len(numbers) <= room:
        return np.repeat(numbers, room // len(numbers))
    edges = np.linspace(0, len(numbers), room + 1).astype(int)
    return np.add.reduceat(numbers, edges[:-1]) / np.diff(edges)
