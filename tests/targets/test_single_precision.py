"""A program of float32 computes and returns float32, also where an array is made of numbers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, compile

X = np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32)
LOSSES: dict[str, Callable[[Value], Value]] = {
    "mean of a product": lambda x: (x @ x).mean(),
    "sum of a product": lambda x: (x @ x).sum(),
    "masked product": lambda x: (mg.tril(x) @ x).mean(),
    "a mean, repeated": lambda x: (mg.broadcast_to(x.mean(), (4, 4)) @ x).mean(),
    "stacked numbers": lambda x: (mg.stack([x[0, 0], x.mean(), x[1, 2], x.max()]) @ x).sum(),
    "a stack with a constant": lambda x: (mg.stack([x[0, 0], np.float32(0.5), x[1, 2], np.float32(2.0)]) @ x).sum(),
    "a padded product": lambda x: (mg.pad(x @ x, 1) @ mg.pad(x, 1)).mean(),
    "mean of a stack of products": lambda x: (mg.stack([x, x]) @ mg.stack([x, x])).mean(),
    "mean of a convolution": lambda x: mg.conv2d(x.reshape(1, 1, 4, 4), x[:2, :2].reshape(1, 1, 2, 2)).mean(),
    "mean of an average pooling": lambda x: mg.avg_pool2d((x @ x).reshape(1, 1, 4, 4), 2).mean(),
}


def found(x: Value, loss: Value, way: str) -> tuple[Any, Any]:
    program = compile(loss, wrt=[x], backend="numpy" if way == "source" else way)
    if way != "source":
        value, (gradient,) = program()
        return value, gradient
    namespace: dict[str, Any] = {}
    exec(program.source, namespace)
    value, (gradient,) = namespace["program"](x.data)
    return value, gradient


@pytest.mark.parametrize("way", ["numpy", "jit", "jax", "source"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_program_of_float32(name: str, way: str) -> None:
    x = Value(X, label="x")
    loss = LOSSES[name](x)
    value, gradient = found(x, loss, way)
    wide = Value(X.astype(np.float64))
    expected = LOSSES[name](wide)
    expected.backward()
    assert gradient.dtype == np.float32
    assert abs(value - expected.item()) <= 1e-5 * max(1.0, abs(expected.item()))
    np.testing.assert_allclose(gradient, wide.grad, 1e-5, 1e-5)
