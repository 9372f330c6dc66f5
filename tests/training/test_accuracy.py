"""Accuracy where a target is a class number of each place, or probabilities; fit counts it on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from many_cases import slow_but

from microgradcnn import nn
from microgradcnn.fit import evaluate, fit
from microgradcnn.training.batches import ENGINES

LOGITS = np.array([[1.0, 2.0, 0.0], [3.0, 3.0, 1.0], [0.0, -1.0, 5.0], [-2.0, -1.0, -3.0]])
PLACES = np.stack([LOGITS, -LOGITS], axis=2)  # (n, classes, 2)
SHARES = np.array([[0.3, 0.5, 0.2], [0.4, 0.35, 0.25], [0.6, 0.2, 0.2], [0.45, 0.45, 0.1]])


class Given(nn.Module):
    """Gives what it is given."""

    def __init__(self) -> None:
        self.one = nn.Linear(1, 1).weight

    def forward(self, x: Any) -> Any:
        """x."""
        return x


@pytest.mark.parametrize(
    ("logits", "target", "right"),
    [
        (LOGITS, [1, 0, 2, 1], 0.75),  # a tie is not right
        (LOGITS, [1, -100, -100, 0], 0.25),  # nor is what is ignored
        (LOGITS, SHARES, 0.5),  # the most probable classes are 1, 0, 0, and 0 or 1
        (PLACES, [[1, 2], [0, 2], [2, 1], [1, 2]], 7 / 8),
    ],
)
def test_the_largest_logit_is_the_targets(logits: Any, target: Any, right: float) -> None:
    assert evaluate(Given(), logits, np.array(target))["accuracy"] == right


@pytest.mark.parametrize("engine", slow_but("eager", "numpy", among=ENGINES))
def test_fit_reaches_probabilities(engine: str) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 3, rng=rng))
    x = rng.normal(size=(40, 2))
    y = np.eye(3)[(x @ rng.normal(size=(2, 3))).argmax(axis=1)] * 0.9 + 0.1 / 3
    run = fit(model, x, y, epochs=40, rate=0.1, batch=8, engine=engine)
    assert run.history[-1]["accuracy"] > 0.9
    assert run.history[-1]["loss"] > 0.35  # the entropy of the targets is the least there is
