"""Where the maps of an array lie, and how large their cells are: every channel and every filter is a map of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.drawing.maps.images import Kind

GAP = 4.0  # between two maps
ALONE, BESIDE, CROWDED, TINY = 98.0, 60.0, 32.0, 18.0  # the longer side of one map, of a few, of MANY, and of more
MANY, MOST = 12, 64  # maps; of more than MOST the first are drawn, but of filters, which are tiny
FILTERS, CHANNELS = 16, 8  # rows and columns of kernels, at most
LARGEST_CELL, WITH_NUMBER, FINEST = 12.0, 32.0, 64  # a cell's side, what its number needs, cells to a side of a map
NUMBERED = 9  # numbers of an array whose maps say them
LONGEST_ROW, STRIP, ROWS = 128, 13.0, 8  # cells of a strip, its height, and how many strips a row is cut into at most


@dataclass(frozen=True)
class Tiles:
    """Maps, (count, rows, columns), `across` of them in a row, with cells of `cell` (width, height).

    `places` are their numbers among all maps of the array. `grey` ones are pictures, from black at 0 to white.
    """

    kind: Kind
    maps: Array
    places: list[int]
    across: int
    cell: tuple[float, float]
    grey: bool

    @property
    def side(self) -> tuple[float, float]:
        """The width and height of a map."""
        return self.maps.shape[2] * self.cell[0], self.maps.shape[1] * self.cell[1]

    @property
    def size(self) -> tuple[float, float]:
        """The width and height of all."""
        down = -(-len(self.maps) // self.across)
        return self.across * (self.side[0] + GAP) - GAP, down * (self.side[1] + GAP) - GAP

    @property
    def numbered(self) -> bool:
        """Whether cells have room for their numbers."""
        return self.cell[0] >= WITH_NUMBER

    def corner(self, k: int) -> tuple[float, float]:
        """The left upper corner of map k."""
        return (k % self.across) * (self.side[0] + GAP), (k // self.across) * (self.side[1] + GAP)


def tiles(data: Array, kind: Kind) -> Tiles:
    """The maps of an array: of images those of the first, of filters a row for each, of a row of units its strips."""
    numbers = np.asarray(data, dtype=float)
    if kind == "row":
        return _strips(numbers.ravel())
    if numbers.ndim == 3:  # signals: images of one row
        numbers = numbers[:, :, None]
    maps = numbers[0] if kind != "filters" else numbers.reshape(-1, *numbers.shape[2:])
    count, channels = len(maps), numbers.shape[1]
    places, across = list(range(min(count, MOST))), _across(min(count, MOST))
    if kind == "filters" and channels > 1:
        across = min(channels, CHANNELS)
        places = [f * channels + c for f in range(min(len(numbers), FILTERS)) for c in range(across)]
    chosen = maps[places]
    cell = _cell(len(places), chosen.shape[1:])
    grey = kind == "picture" and bool((numbers >= 0.0).all())
    return Tiles(kind, _coarse(chosen), places, across, (cell, cell), grey)


def is_row(shape: tuple[int, ...], shortest: int) -> bool:
    """Whether an array is a row of units that is drawn as strips: of more than the `shortest`, and not of too many."""
    return math.prod(shape[:-1]) == 1 and len(shape) in (1, 2) and shortest < shape[-1] <= LONGEST_ROW * ROWS


def left_out(tiles: Tiles, shape: tuple[int, ...]) -> str:
    """What of an array of that shape the maps do not show, in words: "" if they show all."""
    first = []
    if tiles.kind == "filters" and len(tiles.places) < shape[0] * shape[1]:
        across = tiles.across if shape[1] > 1 else 1
        first = [f"{len(tiles.places) // across}×{across}"]
    elif tiles.kind in ("picture", "maps"):
        first = ["one"] * (shape[0] > 1) + [f"{len(tiles.places)} maps"] * (len(tiles.places) < shape[1])
    return f": first {', '.join(first)}" if first else ""


def _cell(count: int, shape: tuple[int, ...]) -> float:
    rows, columns = min(shape[0], FINEST), min(shape[1], FINEST)
    if count * rows * columns <= NUMBERED:
        return WITH_NUMBER
    longest = ALONE if count == 1 else BESIDE if count <= MANY else CROWDED if count <= MOST else TINY
    return min(LARGEST_CELL, max(0.5, math.floor(2.0 * longest / max(rows, columns)) / 2.0))


def _across(count: int) -> int:
    """Maps in a row: rather fewer than below each other, since values and gradients lie side by side."""
    best = math.sqrt(0.6 * max(count, 1))
    even = min((n for n in range(1, count + 1) if count % n == 0), key=lambda n: max(n / best, best / n), default=1)
    return even if max(even / best, best / even) < 1.7 else round(best)


def _strips(numbers: Array) -> Tiles:
    count = -(-numbers.size // LONGEST_ROW)
    columns = -(-numbers.size // count)
    filled = np.full(count * columns, np.nan)
    filled[: numbers.size] = numbers
    cell = min(LARGEST_CELL, 1.5 * LONGEST_ROW / columns), STRIP
    return Tiles("row", filled.reshape(count, 1, columns), list(range(count)), 1, cell, False)


def _coarse(maps: Array) -> Array:
    """Maps of at most FINEST cells to a side, each the mean of its share."""
    for axis in (1, 2):
        if (length := maps.shape[axis]) > FINEST:
            edges = np.linspace(0, length, FINEST + 1).astype(int)
            shares = np.diff(edges).reshape([-1 if k == axis else 1 for k in range(3)])
            maps = np.add.reduceat(maps, edges[:-1], axis=axis) / shares
    return maps
