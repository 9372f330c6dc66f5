"""Passes over rows that are reduced on the way, parts that are written where they belong, compared with the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.native import jit
from microgradcnn.targets.native.fused.groups import FusedGroup, in_one_piece, strides_and_lengths
from microgradcnn.targets.native.fusion import grouped, written_out
from microgradcnn.targets.plan import in_blocks

MASK = np.tri(3, 5, 1, dtype=bool)


@pytest.fixture(autouse=True)
def _never_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    monkeypatch.setattr(jit, "OPENED", -1)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def attention(x: Any, p: Any) -> Any:
    """Two heads whose queries, keys and values lie side by side, so that backward passes stack their gradients."""
    n, T, _ = x.shape
    qkv = (x @ p).reshape(n, T, 3, 2, -1)
    q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    scores = mg.where(np.tri(T, dtype=bool), q @ k.transpose(0, 1, 3, 2), -np.inf)
    return (mg.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(n, T, -1).square().mean()


def recurrent(x: Any, p: Any) -> Any:
    h, states = mg.tanh(x[:, 0]), []
    for t in range(1, x.shape[1]):
        h = mg.tanh(x[:, t] + h @ p)
        states.append(h)
    return (mg.stack(states, axis=1) * 0.5).exp().mean()


Loss = Callable[[Any, Any], Any]
LOSSES: dict[str, tuple[Loss, tuple[int, ...], tuple[int, ...]]] = {
    "softmax": (lambda x, p: (mg.softmax(x * p) * p).sum(axis=-1).square().mean(), (5,), (5,)),
    "long rows": (lambda x, p: (mg.log_softmax(x * p) * p).mean(), (83,), (83,)),
    "a layer norm": (lambda x, p: (mg.normalised(x * p, -1) * p + x).tanh().mean(), (3, 5), (5,)),
    "means without an axis": (lambda x, p: ((x * p).exp().mean(axis=-1).tanh() * 2.0).mean(), (3, 5), (5,)),
    "the largest and the least": (lambda x, p: ((x * p).max(axis=1) - (x + p).min(axis=1)).exp().mean(), (5,), (5,)),
    "a column beside": (lambda x, p: (mg.softmax(x) * p).sum(axis=-1, keepdims=True).exp().mean(), (3, 5), (3, 1)),
    "a matrix beside": (lambda x, p: mg.exp(mg.log_softmax(x + p) * 0.5).mean(), (3, 5), (3, 5)),
    "a constant mask": (lambda x, p: mg.softmax(mg.where(MASK, x * p, -np.inf)).square().mean(), (3, 5), (5,)),
    "rows of one number": (lambda x, p: ((x * p).sum(axis=-1, keepdims=True).exp() * p).mean(), (3, 1), (1,)),
    "square without rows": (
        lambda x, p: (mg.softmax(p @ p) + p.mean(axis=1)).exp().mean() + 0.0 * x.mean(),
        (2,),
        (5, 5),
    ),
    "attention": (attention, (4, 6), (6, 12)),
    "recurrent": (recurrent, (4, 5), (5, 5)),
}


@pytest.mark.parametrize("name", slow_but("softmax", "a layer norm", "attention", among=LOSSES))
@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_losses(name: str, backend: str) -> None:
    function, rest, shape = LOSSES[name]
    p, x = Value(draw(*shape, seed=1)), draw(7, *rest)
    recorded = Value(draw(2, *rest, seed=2))
    loss, (gradient,) = mg.compile(function(recorded, p), wrt=[p], inputs=[recorded], backend=backend)(x)
    expected = function(Value(x), p)
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, p.grad, rtol=0, atol=1e-13 * max(1.0, np.abs(p.grad).max()))


def groups_of(function: Loss, rest: tuple[int, ...], shape: tuple[int, ...]) -> list[Any]:
    p, x = Value(draw(*shape, seed=1)), Value(draw(2, *rest))
    program = mg.compile(function(x, p), wrt=[p], inputs=[x])
    return grouped(in_blocks(written_out(program._lines)))


def test_a_layer_norm_and_what_is_beside_it_are_one_pass() -> None:
    items = groups_of(*LOSSES["a layer norm"])
    groups = [item for item in items if isinstance(item, FusedGroup)]
    assert len(groups) == 1
    assert groups[0].width == 5
    assert not {line.op for item in items if item not in groups for line in [item]} & {"mean", "sub", "div"}


def test_a_comparison_goes_wherever_it_is_needed() -> None:
    for item in groups_of(*LOSSES["softmax"]):
        assert isinstance(item, FusedGroup) or item.dtype != np.bool_


def test_a_result_may_lie_where_an_operand_did() -> None:
    """An operand that is read after a result of the same pass is there: the last one's memory is written last."""
    b = Value(np.array([1.0, 1.0]))
    total = b @ b
    loss = mg.sum(mg.where(mg.equal(total, b), total, b) * np.array([-0.5, 0.25]))
    value, (gradient,) = mg.compile(loss, wrt=[b], backend="jit")()
    assert value == -0.25
    assert gradient.tolist() == [-0.5, 0.25]


@pytest.mark.parametrize(
    ("shape", "strides", "keep_last", "expected"),
    [
        ((6, 4, 5), [(20, 5, 1)], False, [1, 1, 120, 0, 0]),
        ((6, 4, 5), [(20, 5, 1)], True, [1, 24, 5, 0, 5]),
        ((6, 4, 5), [(20, 5, 1), (0, 0, 1)], False, [1, 24, 5, 0, 5, 0, 0]),
        ((6, 4, 5), [(40, 5, 1), (20, 5, 1)], False, [1, 6, 20, 0, 40, 0, 20]),
        ((6, 4, 5), [(20, 5, 1), (0, 5, 1)], True, [6, 4, 5, 20, 5, 0, 5]),
        ((1, 4, 5), [(99, 5, 1)], True, [1, 4, 5, 0, 5]),
    ],
)
def test_axes_that_lie_as_one_are_taken_together(
    shape: tuple[int, ...], strides: list[tuple[int, ...]], keep_last: bool, expected: list[int]
) -> None:
    assert strides_and_lengths(shape, strides, 2, keep_last) == expected


def test_strides_in_one_piece() -> None:
    assert in_one_piece((2, 3, 4)) == [12, 4, 1]
