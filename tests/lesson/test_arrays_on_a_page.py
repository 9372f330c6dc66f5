"""The first scene and the steps of networks over arrays: what is shown of them, and what it is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.lesson.sections.stage import stage
from microgradcnn.lesson.sections.subject import subject
from microgradcnn.networks.of_a_module import network_of_module


class Recurrent(nn.Module):
    """A recurrence over the columns of a row."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.enter, self.again, self.head = (nn.Linear(*size, rng=rng) for size in ((1, 4), (4, 4), (4, 1)))

    def __call__(self, x: Any) -> Any:
        h: Any = np.zeros((x.shape[0], 4))
        for t in range(x.shape[1]):
            h = mg.tanh(self.enter(x[:, t : t + 1]) + self.again(h))
        return self.head(h)


def recurrent() -> nn.Module:
    model = Recurrent()
    model.example = np.random.default_rng(1).normal(size=(6, 4)), np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    return model


def images() -> nn.Module:
    """Six images through two convolutions: more than 20,000 operations on numbers."""
    rng = np.random.default_rng(0)
    layers = nn.Conv2d(1, 4, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, rng=rng), nn.ReLU()
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 3, rng=rng))
    model.example = rng.normal(size=(6, 1, 8, 8)), np.arange(6) % 3
    return model


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (recurrent, ["step 1", "step 2", "step 3", "step 4", "head"]),
        (images, ["conv2d 2", "relu", "linear 3", "log softmax"]),
    ],
    ids=["steps", "layers"],
)
def test_arrays_have_the_names_of_layers_and_steps(model: Callable[[], Any], names: list[str]) -> None:
    """A student's page has the graph to step through as well, however many operations on numbers it takes."""
    made = model()
    network = network_of_module(made, made.example, "own")()
    found, started = stage(network, subject(network), key=False)
    told, _ = json.JSONDecoder().raw_decode(started, started.index("{"))
    assert [each["name"] for each in told["steps"]] == names
    assert 'name="next"' in str(found["graph"])
