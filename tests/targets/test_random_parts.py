"""Random programs of parts of arrays, of parts of these, and of what is put together from them, against the engine."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value, compile

SHAPE, LARGEST = (5, 4), 500  # of the parameter, and how many numbers an array may have


def a_slice(draw: random.Random, length: int) -> slice:
    start = draw.randrange(length)
    stop, step = draw.randrange(start + 1, length + 1), draw.choice([1, 1, 1, 2, -1])
    return slice(start, stop, step) if step > 0 else slice(stop - 1, start - 1 if start else None, -1)


def an_index(draw: random.Random, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Numbers, from the end too, slices, whole axes, and axes left out."""
    chances = ((n, draw.random()) for n in shape)
    parts = [draw.randrange(-n, n) if c < 0.3 else a_slice(draw, n) if c < 0.75 else slice(None) for n, c in chances]
    return tuple(parts[: draw.randrange(1, len(shape) + 1)])


def a_step(draw: random.Random, v: Value) -> Value:
    kind = draw.randrange(8) if v.ndim else 0
    if kind == 1 and v.ndim == 2:
        return mg.tanh(v @ v.T)
    if kind == 2:
        return mg.flip(v, 0)
    if kind == 3:
        return mg.concatenate([v, v * 0.5], axis=draw.randrange(v.ndim))
    if kind == 4:
        return mg.stack([v, mg.sin(v)], axis=draw.randrange(v.ndim + 1))
    if kind == 5:
        return mg.where(v > 0.1, v, 0.3 * v)
    if kind == 6:
        return v.T
    return v * mg.sigmoid(v) if kind == 7 else mg.sin(v * 1.3)


def a_loss(seed: int, x: Value) -> Value:
    """Steps and parts of earlier ones; the loss asks for all of them, and for parts, some of them twice."""
    draw, made = random.Random(seed), [x]
    for _ in range(draw.randrange(3, 9)):
        v = draw.choice(made)
        new = v[an_index(draw, v.shape)] if v.ndim and draw.random() < 0.65 else a_step(draw, v)
        if np.size(new.data) < LARGEST:
            made.append(new)
    f = mg.stack([mg.mean(mg.square(v)) * (0.3 + 0.1 * i) for i, v in enumerate(made)]).sum()
    for v in draw.choices([v for v in made if v.ndim], k=4):
        f = f + mg.mean(mg.sin(v[an_index(draw, v.shape)]))
    return f


@pytest.mark.parametrize("seed", slow_but(*range(12), among=range(60)))
def test_a_program_of_parts(seed: int) -> None:
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-3)):
        x = Value(np.random.default_rng(seed).normal(size=SHAPE).astype(dtype), label="x")
        loss = a_loss(seed, x)
        loss.backward()
        for backend in ("numpy", "jit"):
            found, (gradient,) = compile(loss, wrt=[x], backend=backend)()
            assert gradient.dtype == dtype, (backend, dtype)
            assert abs(found - loss.item()) <= tolerance * max(1.0, abs(found)), (backend, dtype)
            np.testing.assert_allclose(gradient, x.grad, tolerance, tolerance, err_msg=f"{backend} {dtype}")
