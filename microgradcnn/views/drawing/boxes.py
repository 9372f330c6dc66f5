"""What a box of a picture says and how large it is: heading, value, gradient, and heat maps where there are many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgradcnn.engine.arrays import Array, Data, shape_of
from microgradcnn.views.drawing.colours import LARGEST_MAP, Scale, plane
from microgradcnn.views.drawing.maps import tiles as tiled
from microgradcnn.views.drawing.maps.images import Kind
from microgradcnn.views.drawing.maps.tiles import Tiles
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.typeset import Run, clean, sans_width, shortened, typeset, width

FORMULA, NUMBER, SMALL = 14.0, 12.0, 12.0  # sizes of the text
HEADER, ROW, NOTE = 21.0, 17.0, 14.0  # heights: of the heading, of a number, of a line of small text
MAP, STRIP = 46.0, 11.0  # a heat map's longer side, and the least that its shorter one has
STACKED = 110.0  # the maps of a value that are wider, and wider than high, have those of the gradient below them
NARROWEST, WIDEST = 56.0, 215.0  # what is inside a box; a longer heading is cut
NOT_COMPUTED, NONE = "not computed", "none"  # what stands for a gradient: before backward, and of a comparison

Heading = Sequence[Expr | str]


@dataclass(frozen=True)
class Box:
    """A node of the graph, or a collapsed group of them (`group` is its name).

    `index` is the place in `topological(f)`, of a segment's last node if the group is one, else None. `heading` is set,
    `words` is the same as plain text; `note` a line below it. `value` and `gradient` are texts, `tints` their colours,
    `maps` heat maps of both where they are arrays, the second None before backward, and `tiles` what is drawn instead
    where they are images. `size` is the least that it needs.
    """

    index: int | None
    group: str | None
    heading: list[Run]
    words: str
    note: str
    value: str
    gradient: str
    tints: tuple[str, str]
    maps: tuple[Array, Array | None] | None
    leaf: bool
    size: tuple[float, float]
    tiles: tuple[Tiles, Tiles | None] | None = None

    @property
    def stacked(self) -> bool:
        """Whether the maps of the gradient lie below those of the value, and not beside them."""
        return self.tiles is not None and self.tiles[0].size[0] > max(STACKED, self.tiles[0].size[1])

    @property
    def about(self) -> str:
        """All that it says, in words."""
        note = f"{self.note}, " if self.note else ""
        return f"{self.words}: {note}value {self.value}, gradient {self.gradient}"


def box(
    heading: Heading,
    value: Data,
    gradient: Data,
    scales: tuple[Scale, Scale],
    note: str = "",
    index: int | None = None,
    group: str | None = None,
    leaf: bool = False,
    kind: Kind | None = None,
) -> Box:
    """The box of a number or an array and its gradient, None if that is not computed; `kind` if it is an image."""
    runs = [run for part in heading for run in ([Run(part)] if isinstance(part, str) else typeset(part))]
    runs = shortened(runs, FORMULA, WIDEST)
    words = clean("".join(part if isinstance(part, str) else notation.text(part) for part in heading))
    texts = said(value), said(gradient) if gradient is not None else NONE if _is_bool(value) else NOT_COMPUTED
    maps = (plane(value), None if gradient is None else plane(gradient)) if shape_of(value) else None
    tints = (_tint(value, scales[0]), _tint(gradient, scales[1]))
    kind = kind or ("row" if tiled.is_row(shape_of(value), LARGEST_MAP) else None)
    tiles = None
    if kind and np.size(value):
        values = tiled.tiles(np.asarray(value), kind)
        tiles = values, None if gradient is None else tiled.tiles(np.asarray(gradient), values.kind)
        note += tiled.left_out(values, shape_of(value))
    made = Box(index, group, runs, words, note, *texts, tints, maps, leaf, (0.0, 0.0), tiles)
    return replace(made, size=_size(made))


def map_size(grid: Array | None) -> tuple[float, float]:
    """The width and height of a heat map: square cells, but no strip that is too thin to see."""
    rows, columns = grid.shape if grid is not None and grid.size else (1, 1)
    longest = max(rows, columns)
    return max(STRIP, MAP * columns / longest), max(STRIP, MAP * rows / longest)


def said(data: Data) -> str:
    """A number, or the smallest and the largest of an array."""
    if not shape_of(data):
        return str(bool(data)).lower() if _is_bool(data) else shown(float(data))
    numbers = np.asarray(data, dtype=float)
    if not numbers.size:
        return "empty"
    low, high = (f"{x:.0f}" if 100 <= abs(x) < 1e5 else shown(x, 2) for x in (numbers.min(), numbers.max()))
    low, high = low.replace("-", "−"), high.replace("-", "−")
    return low if low == high else f"{low} … {high}"


def shown(x: float, digits: int = 4) -> str:
    """A number with so many significant digits and a real minus."""
    if not math.isfinite(x):
        return "NaN" if math.isnan(x) else "∞" if x > 0 else "−∞"
    return f"{x + 0.0:.{digits}g}".replace("-", "−")


def _is_bool(data: Data) -> bool:
    return np.asarray(data).dtype == np.bool_


def _tint(data: Data, scale: Scale) -> str:
    return "#ffffff" if data is None or shape_of(data) else scale.colour(float(data))


def _size(box: Box) -> tuple[float, float]:
    heading, texts, maps = width(box.heading, FORMULA) + 4.0, (box.value, box.gradient), box.maps
    if maps is None:
        widths = [sans_width(text, SMALL if text == NOT_COMPUTED else NUMBER) + 8.0 for text in texts]
        return max(heading, *widths, NARROWEST) + 10.0, HEADER + 2 * ROW + 3.0
    wide, high = box.tiles[0].size if box.tiles else (MAP, max(map_size(grid)[1] for grid in maps))
    each, both = max(wide, *(sans_width(text, SMALL) for text in texts)) + 14.0, 1 if box.stacked else 2
    high += NOTE + 4.0 * (box.tiles is not None)
    room = HEADER + NOTE + 4.0 + 3.0 * (box.tiles is not None)
    return max(heading, sans_width(box.note, SMALL), both * each) + 10.0, room + high * (3 - both)
