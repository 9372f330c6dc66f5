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


def recurrence(x: Value, W: Value, V: Value) -> Value:
    """h ← tanh(h W + x_t) over the middle axis of x; V is too small for its products to be put together."""
    h = x[:, 0]
    for t in range(1, x.shape[1]):
        h = mg.tanh(h @ W + x[:, t])
    return (h @ V).square().mean()


@pytest.mark.parametrize(("width", "rows", "count"), [(40, Rows(4), 1), (8, Rows(1), 4)])
def test_the_gradient_of_a_recurrence_is_one_product(width: int, rows: Rows, count: int) -> None:
    """Of large matrices: of small ones, stacks would be larger than what is added up."""
    made, _ = program(recurrence, (5, width), (width, width), (width, 2))
    found = products_of_rows(reordered(made._lines))
    assert [pair for pair in found if pair[0][0] == pair[1][1] == width] == [((width, rows), (rows, width))] * count


@pytest.mark.parametrize("backend", ["numpy", pytest.param("jit", marks=pytest.mark.slow)])
def test_a_recurrence_has_the_same_numbers(backend: str) -> None:
    x, W, V = Value(draw(7, 6, 40)), Value(draw(40, 40, seed=1) / 6.0), Value(draw(40, 2, seed=2))
    expected = recurrence(x, W, V)
    expected.backward()
    row = Value(x.data[:2])
    loss, gradients = mg.compile(recurrence(row, W, V), wrt=[W, V], inputs=[row], backend=backend)(x.data)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    for found, p in zip(gradients, (W, V), strict=True):
        np.testing.assert_allclose(found, p.grad, rtol=1e-11, atol=1e-14)
    turned, _ = program(lambda x, W: recurrence(x, W.T, W[:, :2]), (6, 40), (40, 40))
    found, (gradient,) = turned(x.data)
    assert "ascontiguousarray" in turned.lowered(x.data)
    W = Value(draw(40, 40))
    (loss := recurrence(x, W.T, W[:, :2])).backward()
    assert found == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, W.grad, rtol=1e-9, atol=1e-12)


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
