"""What is kept for an array serves only that array, and only as long as it is what it was."""

from __future__ import annotations

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.engine.value import Value

X, CLASSES = np.random.default_rng(0).normal(size=(4, 3)), np.array([0, 2, 1, 1])
P = np.exp(X) / np.exp(X).sum(1, keepdims=True)
HIT = np.eye(3)[CLASSES]


@pytest.mark.parametrize("last", ["the picks", "the squares"])
def test_what_else_is_made_of_the_logarithms_counts_beside_what_is_picked(last: str) -> None:
    """Whichever sends first: the cotangent of the logarithms is picks alone until the other is added, in place."""
    x = Value(X)
    log_p = mg.log_softmax(x, 1)
    made = [lambda: nn.nll_loss(log_p, CLASSES), lambda: (log_p * log_p).sum()]
    parts = [part() for part in (made if last == "the squares" else made[::-1])]
    (parts[0] + parts[1]).backward()
    of_squares = 2.0 * np.log(P)
    of_squares -= P * of_squares.sum(1, keepdims=True)
    np.testing.assert_allclose(x.grad, (P - HIT) / 4 + of_squares, 1e-12, 1e-14)
