"""Programs without inputs, which are computed whole: in buffers, in fused passes, and constants only once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value

BLOCK = np.random.default_rng(1).integers(0, 4, (16, 3))
CLASSES = np.random.default_rng(2).integers(0, 3, 16)


def batch_norm(E: Value, W: Value, b: Value) -> Value:
    h = mg.tanh(mg.normalised(E[BLOCK].reshape(16, -1) @ W.T, 0) * b + 0.5)
    return mg.nn.cross_entropy(h @ W[:, :3] - b[:3], CLASSES)


def convolution(E: Value, W: Value, b: Value) -> Value:
    images = mg.relu(mg.conv2d(W.reshape(1, 1, 20, 24), E.reshape(2, 1, 4, 4))) * b[:2].reshape(1, 2, 1, 1)
    return mg.mean(mg.square(images - 0.1))


def results_go_on(E: Value, W: Value, b: Value) -> Value:
    total = mg.sum(mg.exp(b))  # whose value is also the gradient of its logarithm's argument, and more
    return mg.log(total) * total + mg.sum(E * E.T[0, 0])


LOSSES: dict[str, Callable[[Value, Value, Value], Value]] = {
    "BatchNorm": batch_norm,
    "convolution": convolution,
    "results that go on": results_go_on,
    "a constant gradient": lambda E, W, b: mg.sum(2.0 * E) + mg.sum(W) + mg.mean(b),
    "a parameter as gradient": lambda E, W, b: mg.sum(W[:4, :8] * E) + b[0] * b[1],
    "one gradient twice": lambda E, W, b: mg.sum(mg.sin(E + W[:4, :8])),
    "a gelu in columns": lambda E, W, b: mg.mean(mg.gelu(W * b.reshape(-1, 1), "tanh") / (1.0 + W**4) + W**3),
    "a branch": lambda E, W, b: mg.sum(mg.where(W > 0.1, mg.log(W), W * b.reshape(20, 1))),
}


def parameters(dtype: str) -> list[Value]:
    rng = np.random.default_rng(3)
    return [Value(rng.normal(size=shape).astype(dtype)) for shape in ((4, 8), (20, 24), (20,))]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("backend", ["numpy", "jit"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_program_gives_the_eager_numbers_at_every_step(loss: str, backend: str, dtype: str) -> None:
    wrt = parameters(dtype)
    trainer: Any = mg.compile(LOSSES[loss](*wrt), wrt, backend=backend).bind()
    for _ in range(3):
        f = LOSSES[loss](*wrt)
        gradient = np.concatenate([np.ravel(g.data) for g in mg.grad(f, wrt)])
        near = {"rtol": 1e-10, "atol": 1e-12} if dtype == "float64" else {"rtol": 2e-4, "atol": 2e-5}
        np.testing.assert_allclose(trainer.step(0.1), f.item(), **near)
        np.testing.assert_allclose(trainer.gradient, gradient, **near)
        wrt = [Value(v.data) for v in trainer.parameters()]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_further_numbers_may_be_on_the_way_to_the_loss(backend: str) -> None:
    _, W, b = parameters("float64")
    total, part = mg.sum(mg.exp(b)), mg.mean(W[0])
    program: Any = mg.compile(mg.log(total) * part, [W, b], backend=backend, also=[part, total])
    trainer = program.bind()
    trainer.evaluate()
    np.testing.assert_allclose(trainer.also, [part.item(), total.item()], rtol=1e-14)
