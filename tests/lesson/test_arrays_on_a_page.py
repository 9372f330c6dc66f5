"""The first scene and the steps of networks over arrays: what is shown of them, and what it is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.lesson.run import own_rows
from microgradcnn.lesson.sections.stage import stage
from microgradcnn.lesson.sections.subject import subject
from microgradcnn.lesson.sections.watching import watched
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


def recurrent(rows: int = 6) -> Any:
    model, x = Recurrent(), np.random.default_rng(1).normal(size=(rows, 4))
    model.example = x, x[:, 0]
    return model


def images(rows: int = 6) -> Any:
    """Six images through two convolutions: more than 20,000 operations on numbers."""
    rng = np.random.default_rng(0)
    layers = nn.Conv2d(1, 4, 3, padding=1, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, rng=rng), nn.ReLU()
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(24, 3, rng=rng))
    model.example = rng.normal(size=(rows, 1, 8, 8)), np.arange(rows) % 3
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


def test_what_fits_no_built_in_data_is_trained_on_the_rows_of_its_example() -> None:
    """Ten are enough, of numbers as of classes; the page looks at the first eight. A large program is left out."""
    few, many, large = (network_of_module(m, m.example, "own") for m in (recurrent(9), recurrent(10), images(10)))
    assert own_rows(few, {}) == {}
    assert subject(many()).given[0].shape == (8, 4)
    section, script = watched(many, own_rows(many, {}), key=True, boxes=False)
    assert 'id="watched"' in section
    assert '"name": "example"' in script
    assert own_rows(large, {})["example"].classes == ("0", "1", "2")
    assert watched(large, own_rows(large, {}), key=True, boxes=False) == ("", "")
