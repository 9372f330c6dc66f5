"""LeNet, and the table of the models that are trained and saved by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microgradcnn.nn.layers import AvgPool2d, Conv2d, Flatten, Linear, ReLU, Sequential
from microgradcnn.nn.module import Module

SIDE = 28  # pixels of the images of MODELS
DTYPE = np.float32  # of their parameters: half the memory and the time of float64, and as right


def lenet(
    classes: int = 10, *, rng: np.random.Generator | None = None, init: str = "uniform", dtype: Any = np.float64
) -> Sequential:
    """A network for images (n, 1, 28, 28) that gives logits (n, classes): two convolutions, pooled, and three layers.

    It is LeNet-5 (LeCun et al. 1998, figure 2) as it is built today: relu for tanh, every kernel of the second
    convolution over all channels, no padding, means of 2×2 pixels without weights of their own.
    """
    options: dict[str, Any] = {"rng": rng, "init": init, "dtype": dtype}
    return Sequential(
        *(Conv2d(1, 6, 5, **options), ReLU(), AvgPool2d(2)),
        *(Conv2d(6, 16, 5, **options), ReLU(), AvgPool2d(2), Flatten()),
        *(Linear(256, 120, **options), ReLU(), Linear(120, 84, **options), ReLU(), Linear(84, classes, **options)),
    )


# By name, what makes a model of a number of classes for images of SIDE × SIDE pixels.
MODELS: dict[str, Callable[..., Module]] = {"lenet": lenet}


def new_model(name: str, classes: int, seed: int) -> Module:
    """The model with random weights, from N(0, 2/fan_in), as suits relu."""
    return MODELS[name](classes, rng=np.random.default_rng(seed), init="he", dtype=DTYPE)
