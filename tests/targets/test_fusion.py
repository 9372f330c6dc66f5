"""Fused passes: arrays too many to be opened into scalars, compared with the engine and with NumPy by hand."""

from __future__ import annotations

import numpy as np
import pytest
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.backends import numpy as in_blocks
from microgradcnn.targets.lines import Line
from microgradcnn.targets.native import jit, llvm
from microgradcnn.targets.native.fusion import FusedGroup, grouped


@pytest.fixture(autouse=True)
def _never_opened(monkeypatch, tmp_path):
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    monkeypatch.setattr(jit, "OPENED", -1)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def compiled(function, x, parameters, backend="jit"):
    leaves = [Value(p, label=f"p{i}") for i, p in enumerate(parameters)]
    recorded = Value(x[:2], label="x")
    return mg.compile(function(recorded, *leaves), wrt=leaves, inputs=[recorded], backend=backend)


def by_engine(function, x, parameters):
    leaves = [Value(p) for p in parameters]
    loss = function(x, *leaves)
    loss.backward()
    return loss.item(), [leaf.grad for leaf in leaves]


def assert_same(found, expected, tolerance=1e-12):
    assert abs(found[0] - expected[0]) <= tolerance * abs(expected[0])
    scale = max(np.abs(g).max() for g in expected[1])
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)


LOSSES = {
    "a number a row": (lambda x, p: ((x * p).tanh() * (x @ p).reshape(-1, 1)).square().mean(), (5,)),
    "one row for all": (lambda x, p: ((x + p).sigmoid() * (x - p).exp()).mean(), (5,)),
    "one row with an axis": (lambda x, p: ((x + p).sigmoid() * x).mean(), (1, 5)),
    "one number for all": (lambda x, p: ((x * p).sigmoid() * (x + p)).mean(), ()),
    "a constant array": (lambda x, p: (mg.exp(x * np.linspace(-1.0, 1.0, 5)) * (x * p).sigmoid()).mean(), (5,)),
    "masks inside": (lambda x, p: mg.where(x * p > 0.1, (x * p).exp(), 0.3 * x * p).mean(), (5,)),
    "masks used twice": (lambda x, p: ((x * p).relu() * (p - x).relu() * mg.maximum(x, p).abs()).mean(), (5,)),
    "powers": (lambda x, p: ((x * x + 1.0) ** 2.5 * (x * p) ** 3).mean(), (5,)),
    "views in between": (lambda x, p: (((x @ p).sigmoid().T * 2.0).T.exp() + (x @ p).T.T).mean(), (5, 7)),
    "a product of products": (lambda x, p: ((x @ p).tanh() @ p.T).sigmoid().mean(), (5, 9)),
    "logarithms": (lambda x, p: (x * x + p * p + 0.5).log().mean(), (5,)),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", slow_but(1, 8, among=[1, 3, 8, 100]))
def test_losses(name, n):
    function, shape = LOSSES[name]
    x, p = draw(n, 5), draw(*shape, seed=1)
    assert_same(compiled(function, draw(2, 5, seed=2), [p])(x), by_engine(function, x, [p]))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_networks(name, activation):
    network = NETWORKS[name](activation=activation, regularise=0.1, seed=1)
    rows, targets = draw(50, network.inputs), draw(50, seed=1)
    x, y = Value(rows[:3]), Value(targets[:3])
    wrt = list(network.parameters.values())
    program = mg.compile(network.loss(x, y), wrt=wrt, inputs=[x, y], backend="jit")
    network.loss(rows, targets).backward()
    assert_same(program(rows, targets), (network.loss(rows, targets).item(), [p.grad for p in wrt]))


def test_one_layer_by_hand_over_blocks_and_threads(monkeypatch):
    monkeypatch.setattr(in_blocks, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr(in_blocks, "WORTH_THREADS", 0)
    x, y, S, w = draw(1001, 5), draw(1001, seed=1), draw(13, 5, seed=2), draw(13, seed=3)
    parameters, inputs = [Value(S), Value(w)], [Value(x[:2]), Value(y[:2])]
    loss = ((inputs[0] @ parameters[0].T).sigmoid() @ parameters[1] - inputs[1]).square().mean()
    trainer = mg.compile(loss, wrt=parameters, inputs=inputs, backend="jit").bind(x, y)
    z = 1.0 / (1.0 + np.exp(-x @ S.T))
    e = z @ w - y
    of_w = 2.0 * e @ z / len(x)
    of_S = ((2.0 * e / len(x))[:, None] * w * z * (1.0 - z)).T @ x
    assert trainer.evaluate() == pytest.approx(np.mean(e**2), rel=1e-12)
    np.testing.assert_allclose(trainer.gradient, np.concatenate([of_S.ravel(), of_w]), rtol=0, atol=1e-13)
    first = trainer.gradient.tobytes()
    trainer.evaluate()
    assert trainer.gradient.tobytes() == first


def test_float32():
    function, _ = LOSSES["one row for all"]
    x, p = draw(20, 5).astype(np.float32), draw(5, seed=1).astype(np.float32)
    loss, (gradient,) = compiled(function, x, [p])(x)
    expected, (of_p,) = by_engine(function, x.astype(float), [p.astype(float)])
    assert gradient.dtype == np.float32
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(gradient, of_p, rtol=0, atol=1e-5 * np.abs(of_p).max())


def test_nan_in_nan_out():
    function, _ = LOSSES["one row for all"]
    loss, (gradient,) = compiled(function, draw(2, 5), [np.array([0.1, np.nan, 0.2, 0.3, 0.4])])(draw(9, 5))
    assert np.isnan(loss)
    assert np.isnan(gradient).tolist() == [False, True, False, False, False]


def items(function, x, p):
    return grouped(compiled(function, x, [p], backend="numpy")._engine.plan)


def test_what_goes_together():
    found = items(lambda x, p: ((x @ p).sigmoid() * 3.0 - 1.0).exp().mean(), draw(4, 5), draw(5, 6))
    groups = [item for item in found if isinstance(item, FusedGroup)]
    assert [line.op for line in groups[0].lines][:4] == ["sigmoid", "mul", "sub", "exp"]
    assert len(groups) == 1  # the backward pass needs no product in between: it goes with the forward one
    assert {line.op for line in found if isinstance(line, Line)} == {"matmul", "transpose"}


def test_a_cheap_line_alone_is_left_to_numpy():
    found = items(lambda x, p: ((x @ p) + 1.0).sum(axis=1).mean(), draw(4, 5), draw(5, 6))
    assert not [item for item in found if isinstance(item, FusedGroup)]


def test_a_wrong_pass_is_noticed(monkeypatch):
    monkeypatch.setitem(llvm.BINARY, "sub", "fadd")
    function, _ = LOSSES["one row for all"]
    x, p = draw(20, 5), draw(5, seed=1)
    with pytest.raises(AssertionError):
        assert_same(compiled(function, x, [p])(x), by_engine(function, x, [p]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_steps_in_time_share_their_functions(dtype: type) -> None:
    """A recurrence is compiled once, however many steps it has."""
    w = Value(draw(6, 6, seed=1).astype(dtype), label="w")

    def unrolled(steps: int) -> Value:
        x, h = draw(5, steps, 6).astype(dtype), np.zeros((5, 6), dtype)
        for t in range(steps):
            h = mg.tanh(x[:, t] + h @ w) * mg.sigmoid(h)
        return (h * h).mean()

    few, many = (mg.compile(unrolled(steps), wrt=[w], backend="jit") for steps in (4, 12))
    assert few.lowered().count("define") == many.lowered().count("define") > 0
    loss, (gradient,) = many()
    expected = unrolled(12)
    expected.backward()
    tolerance = 1e-5 if dtype is np.float32 else 1e-12
    assert abs(loss - expected.item()) <= tolerance
    np.testing.assert_allclose(gradient, w.grad, tolerance, tolerance)
