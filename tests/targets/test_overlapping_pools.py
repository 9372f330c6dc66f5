"""Max pooling whose windows overlap, eager and compiled, against loops over windows written out here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, compile

POOLS: dict[str, dict[str, Any]] = {
    "3x3 by 2, padded": {"kernel_size": 3, "stride": 2, "padding": 1},
    "3x3 by 1": {"kernel_size": 3, "stride": 1},
    "2x3 by 2x1": {"kernel_size": (2, 3), "stride": (2, 1)},
    "2x2 by 2": {"kernel_size": 2},
    "3x2, less than its stride": {"kernel_size": (2, 1), "stride": 3},
}
WAYS = [(way, dtype) for way in ("eager", "turned", "numpy", "jit") for dtype in (np.float64, np.float32)]
KINDS = ["distinct", "ties", "all alike", "nan"]


def images(kind: str, dtype: type) -> np.ndarray:
    x = np.random.default_rng(3).normal(size=(3, 2, 7, 8))
    if kind == "ties":
        x = np.round(x)
    elif kind == "all alike":
        x[...] = 0.5
    elif kind == "nan":
        x[1, 0, 2, 3] = np.nan
    return x.astype(dtype)


def by_loops(x: np.ndarray, weights: Any, kernel_size: Any, stride: Any = None, padding: int = 0) -> tuple[Any, Any]:
    """The largest of each window, and the gradient of Σ weights·largest: shares to all pixels that are as large."""
    kh, kw = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
    sh, sw = (kh, kw) if stride is None else (stride, stride) if isinstance(stride, int) else stride
    n, c, h, w = x.shape
    wide = np.full((n, c, h + 2 * padding, w + 2 * padding), -np.inf)
    wide[:, :, padding : padding + h, padding : padding + w] = x
    rows, columns = (wide.shape[2] - kh) // sh + 1, (wide.shape[3] - kw) // sw + 1
    y, sent = np.empty((n, c, rows, columns)), np.zeros_like(wide)
    for a, b, r, s in np.ndindex(y.shape):
        here = (a, b, slice(r * sh, r * sh + kh), slice(s * sw, s * sw + kw))
        y[a, b, r, s] = wide[here].max()
        hit = wide[here] >= y[a, b, r, s]
        with np.errstate(all="ignore"):
            sent[here] += (weights(y.shape)[a, b, r, s] * hit) / np.float64(hit.sum())
    return y, sent[:, :, padding : padding + h, padding : padding + w]


def weights(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(4).normal(size=shape)


@pytest.mark.parametrize(("way", "dtype"), WAYS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pool", POOLS)
def test_values_and_gradients(pool: str, kind: str, way: str, dtype: type) -> None:
    given = images(kind, dtype)
    y, sent = by_loops(given, weights, **POOLS[pool])
    if way == "turned":  # as convolutions lay images out, the rows innermost
        given = np.ascontiguousarray(given.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    x = Value(given, label="x")
    pooled = mg.max_pool2d(x, **POOLS[pool])
    loss = (pooled * weights(y.shape).astype(dtype)).sum()
    if way in ("eager", "turned"):
        loss.backward()
        gradient = x.grad
    else:
        _, (gradient,) = compile(loss, wrt=[x], backend=way)()
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    np.testing.assert_allclose(pooled.data, y, tolerance, tolerance)
    np.testing.assert_allclose(gradient, sent, tolerance, tolerance)


@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_rows_of_a_network(backend: str) -> None:
    rng = np.random.default_rng(0)
    w, rows = Value(rng.normal(size=(4, 2, 2, 2)), label="w"), rng.normal(size=(9, 2, 7, 8))
    x = Value(rows[:2], label="x")

    def loss(x: Value) -> Value:
        pooled = mg.max_pool2d(mg.relu(mg.conv2d(x, w)), 3, stride=2, padding=1)
        return mg.mean(mg.square(mg.max_pool2d(pooled, 2, stride=1)))

    expected = loss(Value(rows))
    expected.backward()
    program = compile(loss(x), wrt=[w], inputs=[x], backend=backend)
    value, (gradient,) = program(rows)
    assert value == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, w.grad, 1e-11, 1e-13)
    assert ", 3, 3, rows)" not in program.lowered(rows)  # no memory for the pixels of all windows


def test_a_second_derivative() -> None:
    x = Value(images("distinct", np.float64))
    f = mg.square(mg.max_pool2d(x, 3, stride=2)).sum()
    (slope,) = mg.grad(f, [x])
    (curvature,) = mg.grad(slope.sum(), [x])
    y, _ = by_loops(x.data, weights, kernel_size=3, stride=2)
    _, count = by_loops(x.data, np.ones, kernel_size=3, stride=2)  # of the windows in which a pixel is the largest
    found = np.where(count > 0, 2.0 * count, 0.0)
    np.testing.assert_allclose(curvature.data, found, 1e-12)
    assert y.shape == (3, 2, 3, 3)
