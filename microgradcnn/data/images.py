"""Rows of pixels as images: found by the names of columns, brought to another size, moved at random."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace

import numpy as np

from microgradcnn.data.dataset import DataError, Dataset, listed, numbered
from microgradcnn.engine.arrays import Array

_PIXEL = re.compile(r"(?:p|px|pix|pixel)[ _]?(\d+)(?:[ _,x](\d+))?|(\d+)x(\d+)", re.IGNORECASE)


def as_images(data: Dataset, image: tuple[int, int] | None = None) -> Dataset:
    """Read every row as a grey image of (height, width); without `image`, of the size the data have.

    In a table the names of the columns have to say that they are pixels, and which: p_1, p_2, ... row by row, from 0 or
    from 1, of a square image, or pixel_0_0, pixel_0_1, ...; they are put in that order. Raises DataError if they do
    not, for four measurements are no image, or if a row has another number of pixels.
    """
    if data.missing is not None and data.missing.any():
        raise DataError(f"{data.name} lacks some pixels of its images: leave these rows out with --missing drop")
    if image is not None or data.image is not None:
        return replace(data, image=image or data.image)
    others = [name for name in data.features if not (data.named and _PIXEL.fullmatch(name))]
    if others:
        which = f"{listed(others)} are no pixels" if data.named else "its columns have no names"
        raise DataError(
            f"{data.name} is a table, and no square image is made of its rows, for {which}: name pixels p_1, p_2, ... "
            "row by row, leave other columns out with --drop, or write images as NPZ, x of shape (n, height, width)"
        )
    places = [pixel_place(name) for name in data.features]
    order, (height, width) = sorted(range(len(places)), key=places.__getitem__), _grid(places)
    if height * width == 0:
        raise DataError(f"{data.name} has rows of {len(places)} pixels, {listed(data.features)}, which make no image")
    return replace(data.columns(order), image=(height, width), missing=None)


def pixel_place(name: str) -> tuple[int, ...]:
    """The number, or row and column, that the name of a pixel ends in; nothing if it is no pixel's."""
    found = _PIXEL.fullmatch(name)
    return tuple(int(digits) for digits in found.groups() if digits) if found else ()


def _grid(places: list[tuple[int, ...]]) -> tuple[int, int]:
    """Height and width of the image that has a pixel at each of the places, counted from 0 or 1; (0, 0) if none has."""
    first, last = min(places), max(places)
    sides = [high - low + 1 for low, high in zip(first, last, strict=False)]
    side = math.isqrt(len(places))
    height, width = sides if len(sides) == 2 else (side, side)
    whole = set(places) == set(itertools.product(*(range(low, low + n) for low, n in zip(first, sides, strict=False))))
    once = len(set(places)) == len(places) == height * width
    return (height, width) if whole and once and max(first) <= 1 else (0, 0)


def shrink(data: Dataset, side: int) -> Dataset:
    """Average images, (n, h·w), down to side × side; every new pixel is the mean brightness of the area it covers.

    Raises DataError if the data are not images, or are smaller than that.
    """
    if data.image is None:
        raise DataError(f"{data.name} cannot be shrunk: its rows are not images")
    if not 1 <= side <= min(data.image):
        height, width = data.image
        raise DataError(f"{data.name} has images of {height}×{width}, which cannot be shrunk to {side}×{side}")
    rows, columns = (_averages(length, side) for length in data.image)
    images = rows @ data.x.reshape(-1, *data.image) @ columns.T
    size = side * side
    return replace(data, x=images.reshape(-1, size), features=numbered("p", size), image=(side, side))


def resampling(image: tuple[int, int], side: int) -> tuple[Array, Array]:
    """Matrices R, (side, h), and C, (side, w), that bring an image X, (h, w), to side × side pixels: R X Cᵀ.

    Rows and columns that become fewer are averaged, as `shrink` does. Those that become more are interpolated linearly
    between the centres of pixels, and constant beyond the outermost: bilinear interpolation, in PyTorch the one with
    align_corners=False.
    """
    rows, columns = (_averages(n, side) if n >= side else _interpolation(n, side) for n in image)
    return rows, columns


def _averages(length: int, side: int) -> Array:
    """Weights, (side, length), whose rows average `length` pixels into `side` equal parts, fractions of pixels too."""
    # Counted in 1/side of a pixel, every edge is a whole number, so the overlaps are exact.
    part, pixel = length * np.arange(side)[:, None], side * np.arange(length)
    overlap = np.minimum(part + length, pixel + side) - np.maximum(part, pixel)
    weights: Array = np.maximum(overlap, 0) / length
    return weights


def _interpolation(length: int, side: int) -> Array:
    """Weights, (side, length), whose rows interpolate between `length` pixels at `side` evenly spaced places."""
    place = np.clip((np.arange(side) + 0.5) * length / side - 0.5, 0, length - 1)
    weights: Array = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(length)))
    return weights


def shifted(images: Array, most: int, rng: np.random.Generator) -> Array:
    """Images (n, channels, height, width), each moved by up to `most` pixels down or up, and right or left.

    All moves are equally likely. What comes in at the edges is 0.
    """
    height, width = images.shape[2:]
    edges = (most, most)
    padded = np.pad(images, ((0, 0), (0, 0), edges, edges))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(2, 3))
    down, right = rng.integers(0, 2 * most + 1, (2, len(images)))
    moved: Array = windows[np.arange(len(images)), :, down, right]
    return moved


def check_shift(x: Array, shift: int) -> None:
    """Raise ValueError for a shift that `shifted` cannot make of x."""
    if shift and (x.ndim != 4 or not 0 < shift < min(x.shape[2:])):
        raise ValueError(
            f"shift moves images (n, channels, height, width) by fewer pixels than they have, not x of shape {x.shape} "
            f"by {shift}"
        )
