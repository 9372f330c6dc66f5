"""Gradients of parts of an array: however many there are, they fill its zeros once, and are right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, compile

W = np.random.default_rng(1).normal(size=(6, 4))

LOSSES: dict[str, Callable[[Value], Value]] = {
    "rows one by one": lambda x: sum(mg.sin(x[i] * (i + 1.0)).sum() for i in range(6)),
    "rows from the end": lambda x: sum(mg.sin(x[-1 - i] * (i + 1.0)).sum() for i in range(6)),
    "columns one by one": lambda x: sum(mg.sin(x[:, i] * (i + 1.0)).sum() for i in range(4)),
    "numbers one by one": lambda x: sum(mg.sin(x[i, j] * (i + j)) for i in range(6) for j in range(4)),
    "four gates": lambda x: (mg.sigmoid(x[:, :1]) * mg.tanh(x[:, 1:2]) * mg.exp(x[:, 2:3]) * x[:, 3:]).sum(),
    "halves": lambda x: (mg.sin(x[:3]) * mg.cos(x[3:])).sum(),
    "quarters": lambda x: (mg.sin(x[:3, :2]) * mg.cos(x[3:, :2]) * mg.exp(x[:3, 2:]) * x[3:, 2:]).sum(),
    "even and odd": lambda x: (mg.sin(x[::2]) * mg.cos(x[1::2])).sum(),
    "backwards": lambda x: (mg.sin(x[2::-1]) * mg.cos(x[3:])).sum(),
    "with a gap": lambda x: (mg.sin(x[:2]) * mg.cos(x[3:5])).sum(),
    "overlapping": lambda x: (mg.sin(x[:-1]) * mg.cos(x[1:])).sum(),
    "moving windows": lambda x: sum((mg.sin(x[i : i + 3]) * (i + 1.0)).sum() for i in range(4)),
    "three numbers": lambda x: mg.sin(x[0, 0]) * mg.cos(x[1, 2]) * mg.exp(x[-1, -1]),
    "the same of a part, twice": lambda x: mg.sin(x[1:3]).sum() + mg.sin(x[1:3]).sum() + mg.cos(x[4]).sum(),
    "the same of all rows, twice": lambda x: sum(mg.sin(x[i % 6]).sum() for i in range(12)),
    "a row twice": lambda x: (mg.sin(x[0]) * mg.cos(x[0]) * x[1]).sum(),
    "some, and the whole": lambda x: (mg.sin(x[0]) * mg.cos(x[1])).sum() + mg.exp(x).sum(),
    "the whole between them": lambda x: (mg.sin(x[0]) * (x * x).sum(0) * mg.cos(x[1])).sum(),
    "of what is computed": lambda x: sum(mg.sin(mg.tanh(x)[i] * (i + 1.0)).sum() for i in range(6)),
    "gates of what is computed": lambda x: sum((part * part).sum() for part in mg.split(mg.exp(x), 2, axis=1)),
    "products in their places": lambda x: mg.stack([x[:, :2] @ x[:2, :], x[:, 2:] @ x[2:4, :]]).sum(),
    "parts of parts": lambda x: (mg.sin(x[:4][0]) * mg.cos(x[:4][1]) * x[4] * x[5]).sum(),
}
RUNS = [("numpy", np.float64), ("jit", np.float64), ("numpy", np.float32), ("jit", np.float32), ("jax", np.float64)]


@pytest.mark.parametrize(("backend", "dtype"), RUNS)
@pytest.mark.parametrize("name", LOSSES)
def test_parts_of_a_parameter(name: str, backend: str, dtype: type) -> None:
    w = Value(W.astype(dtype), label="w")
    expected = LOSSES[name](w)
    expected.backward()
    loss, (gradient,) = compile(LOSSES[name](w), wrt=[w], backend=backend)()
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    assert abs(loss - expected.item()) <= tolerance * max(1.0, abs(expected.item()))
    np.testing.assert_allclose(gradient, w.grad, tolerance, tolerance)


@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
@pytest.mark.parametrize("name", LOSSES)
def test_parts_of_every_row(name: str, backend: str) -> None:
    """Parts of what is computed from rows, of which there is any number, and of a parameter that all rows share."""
    w, rows = Value(W, label="w"), np.random.default_rng(2).normal(size=(7, 6, 4))
    x, all_rows = Value(rows[:2], label="x"), Value(rows)

    def loss(x: Value) -> Value:
        h = mg.tanh(x * w)
        return mg.mean(sum((h[:, i] * h[:, i - 1] * w[i]).sum(1) for i in range(6))) + 0.1 * LOSSES[name](w)

    expected = loss(all_rows)
    expected.backward()
    value, (gradient,) = compile(loss(x), wrt=[w], inputs=[x], backend=backend)(rows)
    assert abs(value - expected.item()) <= 1e-12 * max(1.0, abs(expected.item()))
    np.testing.assert_allclose(gradient, w.grad, 1e-11, 1e-12)


@pytest.mark.parametrize("backend", ["numpy", "jit"])
@pytest.mark.parametrize("steps", [3, 12])
def test_zeros_are_filled_once_however_many_parts_there_are(steps: int, backend: str) -> None:
    x = Value(np.random.default_rng(0).normal(size=(5, steps, 8)), label="x")
    h = np.zeros((5, 2))
    for t in range(steps):
        gates = mg.tanh(x[:, t])
        h = mg.sigmoid(gates[:, :2]) * h + gates[:, 2:4] * mg.sigmoid(gates[:, 4:6])
    text = compile(h.sum(), wrt=[x], backend=backend).lowered()
    assert text.count("zeros") == text.count("scatter") == 0
    assert text.count(".fill(0.0)") <= 2 * steps  # one for the gates of each step, in two functions
