"""Images changed at random in a way that leaves what they show: a model sees more of them than there are."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


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
