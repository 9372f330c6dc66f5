"""What is seen in pictures and pages: the colours of a map's cells, and the data that a page holds packed."""

from __future__ import annotations

import base64
import gzip
import io
import re

from PIL import Image


def unpacked(page: str, part: str) -> str:
    """A part of a page's data as text: "told", what its script is told, or "packed", formulas and pictures."""
    (found,) = re.findall(rf'"{part}":\s*"([^"]+)"', page)
    return gzip.decompress(base64.b64decode(found)).decode()


def cell_colours(href: str, rows: int, columns: int) -> list[tuple[int, ...]]:
    """Red, green, blue and opacity in the middle of each cell of a map, by the address of its image."""
    data = base64.b64decode(href.removeprefix("data:image/png;base64,"))
    image = Image.open(io.BytesIO(data)).convert("RGBA")
    wide, high = image.width / columns, image.height / rows
    places = [(int((j + 0.5) * wide), int((i + 0.5) * high)) for i in range(rows) for j in range(columns)]
    return [pixel for place in places if isinstance(pixel := image.getpixel(place), tuple)]
