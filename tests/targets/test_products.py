"""The order of products: what costs less over many rows, with the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.backends.calls import Guard, guarded
from microgradcnn.targets.backends.products import reordered
from microgradcnn.targets.lines import Rows, in_order
from microgradcnn.targets.plan import in_blocks


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def program(function: Callable[..., Any], rest: tuple[int, ...], *shapes: tuple[int, ...]) -> tuple[Any, list[Value]]:
    x, ps = Value(draw(2, *rest)), [Value(draw(*shape, seed=i)) for i, shape in enumerate(shapes)]
    return mg.compile(function(x, *ps), wrt=ps, inputs=[x]), ps


def products_of_rows(lines: Any) -> list[tuple[Any, ...]]:
    """The shapes of what is multiplied where rows take part."""
    found = [line for line in in_order(lines.outputs) if line.op == "matmul"]
    return [tuple(arg.shape for arg in line.args) for line in found if any(arg.varies for arg in line.args)]


def test_an_embedding_before_a_layer_is_multiplied_once() -> None:
    """Of six products over rows, forward and backward, two are left."""
    made, _ = program(lambda x, E, W: (x @ E @ W).tanh().mean(), (3,), (3, 8), (8, 8))
    assert len(products_of_rows(made._lines)) == 6
    assert products_of_rows(reordered(made._lines)) == [((Rows(), 3), (3, 8)), ((3, Rows()), (Rows(), 8))]


def test_a_bottleneck_stays() -> None:
    made, _ = program(lambda x, A, B: (x @ A @ B).tanh().mean(), (8,), (8, 2), (2, 8))
    before = products_of_rows(made._lines)
    assert products_of_rows(reordered(made._lines)) == before


@pytest.mark.parametrize(
    ("rest", "shapes"),
    [((3,), [(3, 8), (8, 8)]), ((4, 3), [(3, 8), (8, 8)]), ((8,), [(8, 2), (2, 8)]), ((3,), [(3, 8), (8, 2)])],
)
def test_the_numbers_are_the_same(rest: tuple[int, ...], shapes: list[tuple[int, int]]) -> None:
    made, ps = program(lambda x, E, W: ((x @ E) @ W).tanh().mean(), rest, *shapes)
    x = draw(9, *rest, seed=7)
    loss, gradients = made(x)
    expected = ((Value(x) @ ps[0]) @ ps[1]).tanh().mean()
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for found, p in zip(gradients, ps, strict=True):
        np.testing.assert_allclose(found, p.grad, rtol=0, atol=1e-14)


def test_a_guard_is_one_step_for_numpy() -> None:
    made, _ = program(lambda x, A, B: mg.where(x > 0.0, (x @ A).tanh() @ B, 0.0).mean(), (5,), (5, 4), (4, 5))
    plan = in_blocks(made._lines)
    items = guarded(plan.each, plan.sums)
    guards = [item for item in items if isinstance(item, Guard)]
    assert guards
    assert [item.op for item in items if not isinstance(item, Guard) and item.dtype == np.bool_] == ["greater"]


@pytest.mark.parametrize("sent", [0.0, 2.0])
def test_a_guard_gives_0_for_0_times_infinity_alone(sent: float) -> None:
    """d(c·sqrt(x))/dx = c/(2·sqrt(x)) is infinite at 0, and its product with c = 0 is 0."""
    x, c = Value(np.array([0.0, 4.0, 9.0])), np.array([sent, 1.0, 0.0])
    loss = (mg.sqrt(x) * c).sum()
    loss.backward()
    _, (gradient,) = mg.compile(loss, wrt=[x])()
    np.testing.assert_array_equal(gradient, x.grad)


def test_short_lines_are_worth_a_longer_block() -> None:
    """Every line writes 8 bytes a row: blocks grow until a call is worth it."""
    from microgradcnn.targets.backends import numpy as in_numpy

    ps = [Value(0.1 * i) for i in range(4)]
    x = Value(0.5)
    total = x
    for _ in range(30):
        for p in ps:
            total = (total * p + x).tanh()
    trainer = mg.compile(total, wrt=ps, inputs=[x], backend="numpy").bind(np.linspace(0.0, 1.0, 3000))
    longest = max(b - a for lane in trainer.lanes for a, b in lane.blocks)
    assert longest * 8 * 2 >= in_numpy.BLOCK_BYTES / in_numpy.LINE_SHARE or longest == 3000
