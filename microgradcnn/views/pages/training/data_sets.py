"""Small data sets of two classes in the plane to train on in a page, and rows as a page holds them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array

EACH = 100  # points of a class
NOISE = 0.08  # standard deviation, of points in about [-1, 1]²
FRACTIONS = (1, 16, 255, 1000)  # what pixels, and points of the plane, are fractions of


def _circles(t: Array) -> tuple[Array, Array]:
    angle = 2.0 * np.pi * t
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return 0.4 * ring, ring


def _moons(t: Array) -> tuple[Array, Array]:
    upper = np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], axis=1)
    return 0.65 * (upper - [0.5, 0.25]), 0.65 * ([0.5, 0.25] - upper)


def _spiral(t: Array) -> tuple[Array, Array]:
    angle = 3.0 * np.pi * t
    arm = t[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return arm, -arm


def _xor(t: Array) -> tuple[Array, Array]:
    drawn = np.random.default_rng(0).uniform(0.1, 1.0, (len(t), 2))
    sign = np.where(np.arange(len(t)) % 2, 1.0, -1.0)[:, None]
    return drawn * sign, drawn * sign * [1.0, -1.0]


def _gaussians(t: Array) -> tuple[Array, Array]:
    drawn = 0.3 * np.random.default_rng(0).normal(size=(2, len(t), 2))
    return drawn[0] - 0.5, drawn[1] + 0.5


PLANE: dict[str, Callable[[Array], tuple[Array, Array]]] = {
    "circles": _circles,
    "moons": _moons,
    "spiral": _spiral,
    "xor": _xor,
    "gaussians": _gaussians,
}


def in_the_plane(name: str, seed: int = 0) -> tuple[Array, Array]:
    """A data set of PLANE, with noise: points, (200, 2), in a shuffled order, and their classes 0 and 1, (200,)."""
    rng = np.random.default_rng(seed)
    x = np.concatenate(PLANE[name](np.linspace(0.02, 1.0, EACH)))
    y = np.repeat([0.0, 1.0], EACH)
    order = rng.permutation(len(x))
    return np.round(x + NOISE * rng.normal(size=x.shape), 3)[order], y[order]


def packed(array: Array, plain: bool = False) -> dict[str, Any]:
    """Numbers as a page holds them, to the bit: as fractions of one kind, by a table of few numbers, or as floats.

    Those that are `plain` can be read, to a thousandth, by who looks for what may be hidden.
    """
    flat, shape = np.ascontiguousarray(array, np.float64).ravel(), list(np.shape(array))
    if plain:
        return {"whole": np.rint(1000 * flat).astype(int).tolist(), "over": 1000, "shape": shape}
    for over in FRACTIONS:
        whole = np.rint(flat * over)
        if (np.abs(whole) < 2**15).all() and np.array_equal(whole / over, flat):
            return {**_places(whole), "over": over, "shape": shape}
    numbers, places = np.unique(flat, return_inverse=True)
    if 4 * len(numbers) < 3 * len(flat) and len(numbers) < 2**15:
        return {**_places(places), "table": _base64(numbers.astype("<f8")), "shape": shape}
    return {"floats": _base64(flat.astype("<f8")), "shape": shape}


def _places(whole: Array) -> dict[str, str]:
    """Whole numbers in as few bytes as they need."""
    if whole.min(initial=0) >= 0 and whole.max(initial=0) < 2**8:
        return {"bytes": _base64(whole.astype(np.uint8))}
    return {"shorts": _base64(whole.astype("<i2"))}


def _base64(array: Array) -> str:
    return base64.b64encode(array.tobytes()).decode()
