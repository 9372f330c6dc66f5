"""Maps as SVG: each an image of one pixel for every cell, with its frame, and with numbers where they fit."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.drawing.boxes import shown
from microgradcnn.views.drawing.colours import Grey, Scale, largest
from microgradcnn.views.drawing.maps.tiles import Tiles

SHARP = 2.0  # pixels for one of the drawing, at least: what smooths an enlarged image leaves its cells square
LIGHT = 140  # a grey under black letters


def maps(tiles: Tiles, scale: Scale | Grey | None, x: float, y: float) -> str:
    """Maps with their left upper corner at a point: each a `<g class="map" data-map="its number">`.

    Without a scale, since nothing is computed yet, they are dashed frames.
    """
    return "".join(_map(tiles, k, scale, x, y) for k in range(len(tiles.maps)))


def image(cells: Array, scale: Scale | Grey, finest: float) -> str:
    """Cells as the address of a PNG, so many of its pixels to a cell that the smallest of them is sharp."""
    pixels = coloured(cells, scale)
    times = max(1, round(SHARP * finest))
    return "data:image/png;base64," + base64.b64encode(_png(pixels.repeat(times, 0).repeat(times, 1))).decode()


def coloured(cells: Array, scale: Scale | Grey) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The colours of numbers, with an axis for red, green and blue behind the others."""
    numbers, places = np.unique(cells, return_inverse=True)
    table = np.array([scale.rgb(float(x)) for x in numbers], dtype=np.uint8).reshape(-1, 3)
    return table[places.reshape(cells.shape)]


def scale_of(tiles: Tiles, scale: Callable[[float], Scale]) -> Scale | Grey:
    """The scale by what makes one from the largest number; pictures are grey."""
    most = largest([tiles.maps])
    return Grey(most) if tiles.grey else scale(most)


def short(x: float) -> str:
    """A number in five characters, as a cell has room for, with a real minus."""
    size = abs(x)
    if x == 0.0 or not math.isfinite(x):
        return shown(x)
    if size < 0.0095 or size >= 9999.0:
        digits, power = f"{x:.0e}".split("e")
        return f"{digits}e{int(power)}".replace("-", "−")
    return f"{round(x, 0 if size >= 9.95 else 1 if size >= 0.995 else 2):g}".replace("-", "−")


def _map(tiles: Tiles, k: int, scale: Scale | Grey | None, x: float, y: float) -> str:
    (left, top), (wide, high) = tiles.corner(k), tiles.side
    place = f'x="{x + left:.1f}" y="{y + top:.1f}" width="{wide:.1f}" height="{high:.1f}"'
    href, numbers, dashed = "", "", ' stroke-dasharray="3 3"'
    if scale is not None:
        href, dashed = f' href="{image(tiles.maps[k], scale, min(tiles.cell))}"', ""
        numbers = "".join(_numbers(tiles, k, scale, x + left, y + top)) if tiles.numbered else ""
    return (
        f'<g class="map" data-map="{tiles.places[k]}"><image {place} preserveAspectRatio="none"{href}/>'
        f'<rect class="frame" {place}{dashed}/>{numbers}</g>'
    )


def _numbers(tiles: Tiles, k: int, scale: Scale | Grey, x: float, y: float) -> Iterator[str]:
    wide, high = tiles.cell
    for (i, j), number in np.ndenumerate(tiles.maps[k]):
        fill = ' fill="#ffffff"' if isinstance(scale, Grey) and scale.rgb(number)[0] < LIGHT else ""
        yield f'<text class="cell" x="{x + (j + 0.5) * wide:.1f}" y="{y + (i + 0.5) * high + 3.5:.1f}"{fill}>'
        yield f"{short(float(number))}</text>"


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Colours (height, width, 3) as a PNG: its header, the rows without a filter, its end."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    parts = {b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)}
    parts |= {b"IDAT": zlib.compress(rows.tobytes(), 9), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
