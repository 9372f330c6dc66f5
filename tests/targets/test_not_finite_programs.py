"""What is NaN or infinite in the engine is so in every program: nothing is cancelled as if all numbers were finite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value

NAN, INF = np.nan, np.inf
CANCELLED: dict[str, Callable[[Any], Any]] = {
    "x - x": lambda x: x - x,
    "x + (-x)": lambda x: x + (-x),
    "2x - x - x": lambda x: 2.0 * x - x - x,
    "(1 - x) + x": lambda x: (1.0 - x) + x,
    "xy - xy": lambda x: x * 3.0 - x * 3.0,
    "x/x": lambda x: x / x,
    "0x": lambda x: 0.0 * x,
    "inf x": lambda x: x * INF,
    "x - x, squared": lambda x: (x - x).square(),
    "exp(x - x)": lambda x: (x - x).exp(),
}


@pytest.mark.parametrize("backend", ["numpy", "jit"])
@pytest.mark.parametrize("function", CANCELLED.values(), ids=CANCELLED)
@pytest.mark.parametrize("size", [3, 600], ids=["opened", "arrays"])
def test_nothing_is_cancelled(
    backend: str, function: Callable[[Any], Any], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    x = Value(np.linspace(0.5, 1.5, size), label="x")
    program = mg.compile(function(x).sum(), x, backend=backend)
    for special in (NAN, INF, -INF, 0.0, 2.0):
        x.data = np.r_[special, np.linspace(0.5, 1.5, size - 1)]
        f = function(x).sum()
        (slope,) = mg.grad(f, [x])
        loss, (found,) = program()
        np.testing.assert_allclose(loss, f.data, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(found, slope.data, rtol=1e-12, atol=1e-12)
