"""Colours for numbers: two diverging scales around 0 that colour-blind eyes tell apart, and heat maps of arrays.

A value is orange below 0 and blue above; a gradient is purple below 0 and green above. Tints stay light enough for dark
text, and the sign is always written as well. The tint grows with the square root of |x| / largest, so that small
numbers beside a large one still show.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from microgradcnn.engine.arrays import Array, Data

MOST_IMAGES = 1000  # beside each other, before they are averaged
LARGEST_MAP = 16  # cells to a side of a heat map; larger arrays are averaged
NOT_FINITE = (217, 217, 217)

Colour = tuple[int, int, int]  # red, green and blue, up to 255


@dataclass(frozen=True)
class Scale:
    """A diverging scale: the colours at −largest and +largest, white at 0."""

    below: Colour
    above: Colour
    largest: float

    def rgb(self, x: float) -> Colour:
        """The tint of a number; grey for NaN."""
        if math.isnan(x):
            return NOT_FINITE
        share = 1.0 if math.isinf(x) else math.sqrt(min(1.0, abs(x) / self.largest)) if self.largest else 0.0
        red, green, blue = (round(255 + (c - 255) * share) for c in (self.below if x < 0 else self.above))
        return red, green, blue

    def colour(self, x: float) -> str:
        """The tint of a number, as #rrggbb."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb(x))


@dataclass(frozen=True)
class Grey:
    """The scale of a picture: black at 0, white at the largest."""

    largest: float

    def rgb(self, x: float) -> Colour:
        """The grey of a number; of the largest for one that is not finite."""
        level = round(255 * min(1.0, max(0.0, x / self.largest))) if self.largest and math.isfinite(x) else 0
        return level, level, level


def value_scale(largest: float) -> Scale:
    """Orange to blue."""
    return Scale((245, 158, 66), (104, 171, 222), largest)


def gradient_scale(largest: float) -> Scale:
    """Purple to green."""
    return Scale((190, 146, 210), (111, 191, 135), largest)


def largest(numbers: Iterable[Data]) -> float:
    """The largest finite size among numbers and arrays; 0 if there is none."""
    found = 0.0
    for x in numbers:
        if isinstance(x, float):
            found = max(found, abs(x)) if math.isfinite(x) else found
            continue
        sizes = np.abs(np.asarray(x, dtype=float))
        found = max(found, float(np.max(sizes, initial=0.0, where=np.isfinite(sizes))))
    return found


def plane(data: Data) -> Array:
    """An array as at most 16×16 cells: images and rows side by side or below each other, large ones averaged."""
    a = np.asarray(data, dtype=float)
    if a.ndim < 2:
        a = _wrapped(a.ravel())
    elif a.ndim > 2:
        a = _mosaic(a.reshape(math.prod(a.shape[:-2]), *a.shape[-2:]))
    return _averaged(_averaged(a).T).T


def _wrapped(row: Array) -> Array:
    """A row that is too long, as several below each other."""
    if not row.size:
        return row.reshape(0, 0)
    columns = row.size if row.size <= LARGEST_MAP else math.ceil(math.sqrt(row.size))
    filled = np.zeros(columns * -(-row.size // columns))
    filled[: row.size] = row
    return filled.reshape(-1, columns)


def _mosaic(images: Array) -> Array:
    """Images beside and below each other, nearly a square."""
    count, height, width = images.shape
    square = math.sqrt(max(count, 1) * max(height, 1) / max(width, 1))
    divisors = [n for n in range(1, min(count, MOST_IMAGES) + 1) if count % n == 0]
    columns = min(divisors, key=lambda n: max(n / square, square / n), default=1)
    rows = count // columns
    return images.reshape(rows, columns, height, width).swapaxes(1, 2).reshape(rows * height, columns * width)


def _averaged(a: Array) -> Array:
    """The rows put together to at most 16, each the mean of its share."""
    if len(a) <= LARGEST_MAP:
        return a
    edges = np.linspace(0, len(a), LARGEST_MAP + 1).astype(int)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.add.reduceat(a, edges[:-1], axis=0) / np.diff(edges)[:, None]
