"""Networks that tests draw: micrograd's neurons, layers and MLP, written without labels, and LeNet of nn.Modules."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from microgradcnn import Value, nn

RNG = np.random.default_rng(0)


class Neuron:
    """As in micrograd."""

    def __init__(self, inputs: int) -> None:
        self.w = [Value(0.1 * (i + 1)) for i in range(inputs)]
        self.b = Value(0.0)

    def __call__(self, x: Sequence[Value]) -> Value:
        return sum((w * x for w, x in zip(self.w, x, strict=True)), self.b).tanh()


class Layer:
    def __init__(self, inputs: int, outputs: int) -> None:
        self.neurons = [Neuron(inputs) for _ in range(outputs)]

    def __call__(self, x: Sequence[Value]) -> Any:
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out


class MLP:
    def __init__(self, *sizes: int) -> None:
        self.layers = [Layer(a, b) for a, b in itertools.pairwise(sizes)]

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


def lenet() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, rng=RNG), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5, rng=RNG), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 120, rng=RNG), nn.ReLU(), nn.Linear(120, 84, rng=RNG)),
        *(nn.ReLU(), nn.Linear(84, 10, rng=RNG)),
    )
