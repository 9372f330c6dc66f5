"""mg.linear, mg.layer_norm and mg.scaled_dot_product_attention: the steps they stand for, in one node or two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.engine import kernels
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value
from microgradcnn.targets.notation import by_notation
from microgradcnn.targets.row_axis import RowsError


def draw(*shape: int, seed: int = 0, dtype: Any = np.float64) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


X, W, B = draw(2, 4, 3), draw(5, 3, seed=1), draw(5, seed=2)
G, S, M, C = draw(3, seed=3), draw(3, seed=4), draw(4, 3, seed=5), draw(4, 3, seed=6)
Q, K, V = draw(2, 3, 4, 2, seed=7), draw(2, 3, 5, 2, seed=8), draw(2, 3, 5, 3, seed=9)
ADDED, LOOKS = draw(4, 5, seed=10), draw(2, 1, 4, 5, seed=11) > -0.8


def attention(q: Any, k: Any, v: Any, mask: Any = 0.0, scale: float = 0.5**0.5) -> Any:
    """The steps of attention, one after the other."""
    return mg.softmax((q * scale) @ mg.swapaxes(k, -1, -2) + mask) @ v


def forbidding(allowed: Any) -> Any:
    return np.where(allowed, 0.0, -np.inf)


# What is called, the steps that it stands for, its arguments, and how many nodes it records.
CASES: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...], int]] = {
    "linear": (mg.linear, lambda x, w, b: x @ w.T + b, (X, W, B), 1),
    "linear of a vector": (mg.linear, lambda x, w, b: x @ w.T + b, (X[0, 0], W, B), 1),
    "linear of many small rows": (mg.linear, lambda x, w, b: x @ w.T + b, (draw(60, 3), W, B), 1),
    "linear without a bias": (mg.linear, lambda x, w: x @ w.T, (X, W), 2),
    "layer_norm": (
        lambda x, w, b: mg.layer_norm(x, 3, w, b),
        lambda x, w, b: mg.normalised(x, -1) * w + b,
        (X, G, S),
        1,
    ),
    "layer_norm of two axes": (
        lambda x, w, b: mg.layer_norm(x, (4, 3), w, b, 0.5),
        lambda x, w, b: mg.normalised(x, (1, 2), 0.5) * w + b,
        (X, M, C),
        1,
    ),
    "layer_norm without a bias": (
        lambda x, w: mg.layer_norm(x, [3], w),
        lambda x, w: mg.normalised(x, -1) * w,
        (X, G),
        2,
    ),
    "layer_norm without a weight": (
        lambda x, b: mg.layer_norm(x, 3, bias=b),
        lambda x, b: mg.normalised(x, -1) + b,
        (X, S),
        2,
    ),
    "layer_norm alone": (lambda x: mg.layer_norm(x, 3), lambda x: mg.normalised(x, -1), (X,), 1),
    "attention": (mg.scaled_dot_product_attention, attention, (Q, K, V), 2),
    "attention of matrices": (mg.scaled_dot_product_attention, attention, (Q[0, 0], K[0, 0], V[0, 0]), 2),
    "attention to the same keys": (mg.scaled_dot_product_attention, attention, (Q, K[:, :1], V[0]), 2),
    "attention, a mask that is learned": (mg.scaled_dot_product_attention, attention, (Q, K, V, ADDED), 2),
    "attention, a boolean mask": (
        lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, LOOKS),
        lambda q, k, v: attention(q, k, v, forbidding(LOOKS)),
        (Q, K, V),
        2,
    ),
    "attention, causal": (
        lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, is_causal=True),
        lambda q, k, v: attention(q, k, v, forbidding(np.tri(4, 5, dtype=bool))),
        (Q, K, V),
        2,
    ),
    "attention, scaled": (
        lambda q, k, v: mg.scaled_dot_product_attention(q, k, v, scale=3.0),
        lambda q, k, v: attention(q, k, v, scale=3.0),
        (Q, K, V),
        2,
    ),
    "attention, rows far below others": (
        mg.scaled_dot_product_attention,
        attention,
        (Q * np.array([1.0, 400.0, 1.0, 900.0])[:, None], K, V),
        2,
    ),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("name", CASES)
def test_it_is_its_steps(name: str, dtype: Any) -> None:
    """The value, the gradient and a product with the Hessian; backward adds up the very numbers of grad."""
    function, steps, arrays, nodes = CASES[name]
    close = {np.float64: 1e-12, np.float32: 2e-4}[dtype]
    leaves, others = ([Value(x.astype(dtype)) for x in arrays] for _ in range(2))
    y, expected = function(*leaves), steps(*others)
    cs = draw(*y.shape, seed=20, dtype=dtype)
    assert y.dtype == dtype
    assert len(graph_of(y)) - len(leaves) == nodes
    np.testing.assert_allclose(y.data, expected.data, close, close)
    np.testing.assert_array_equal(y.data, function(*[x.data for x in leaves]))
    found, wanted = mg.grad(mg.sum(cs * y), leaves), mg.grad(mg.sum(cs * expected), others)
    mg.sum(cs * y).backward()
    moved = [draw(*x.shape, seed=30 + i, dtype=dtype) for i, x in enumerate(leaves)]
    second = [
        mg.grad(sum((mg.sum(g * d) for g, d in zip(gs, moved, strict=True)), Value(0.0)), xs)
        for gs, xs in ((found, leaves), (wanted, others))
    ]
    for leaf, g in zip(leaves, found, strict=True):
        np.testing.assert_array_equal(leaf.grad, g.data)
    for g, w in [*zip(found, wanted, strict=True), *zip(*second, strict=True)]:
        assert g.dtype == dtype
        scale = float(np.abs(w.data).max())
        np.testing.assert_allclose(g.data, w.data, 1e3 * close, close * scale)


def graph_of(y: Value) -> set[Value]:
    found, stack = {y}, [y]
    while stack:
        for parent in stack.pop().parents:
            if parent not in found and not parent.static.get("detached"):
                found.add(parent)
                stack.append(parent)
    return found


def test_a_mask_may_be_a_value_of_booleans() -> None:
    by = Value(ADDED)
    y = mg.scaled_dot_product_attention(Value(Q), K, V, by > 0.0)
    np.testing.assert_allclose(y.data, attention(Q, K, V, forbidding(ADDED > 0.0)), 1e-12)


def test_heads_of_one_projection_lie_as_it_does() -> None:
    """Queries, keys and values that are parts of one array, as a block makes them: the numbers are the same."""
    parts = Value(draw(2, 4, 3, 3, 2))
    q, k, v = (parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    y = mg.scaled_dot_product_attention(q, k, v, is_causal=True)
    mask = forbidding(np.tri(4, dtype=bool))
    expected = attention(*[np.ascontiguousarray(x.data) for x in (q, k, v)], mask)
    np.testing.assert_allclose(y.data, expected, 1e-12)
    f = mg.sum(y * draw(*y.shape, seed=1))
    f.backward()
    (g,) = mg.grad(f, parts)
    np.testing.assert_array_equal(parts.grad, g.data)
    assert mg.check_gradients(lambda p: mg.sum(heads_of(p) * draw(*y.shape, seed=1)), parts).verdict == "right"


def heads_of(parts: Value) -> Any:
    q, k, v = (parts[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
    return mg.scaled_dot_product_attention(q, k, v, is_causal=True)


def test_who_may_look_nowhere_is_nan_and_alone() -> None:
    looks = np.ones((4, 5), bool)
    looks[1] = False
    y = mg.scaled_dot_product_attention(Value(Q), K, V, looks)
    assert np.isnan(y.data).all((0, 1, 3)).tolist() == [False, True, False, False]
    assert np.isnan(y.data).any((0, 1, 3)).tolist() == [False, True, False, False]


def test_of_nothing() -> None:
    assert mg.linear(Value(X[:0]), W, B).shape == (0, 4, 5)
    assert mg.layer_norm(Value(X[:0]), 3, G, S).shape == (0, 4, 3)
    assert mg.scaled_dot_product_attention(Value(Q[:0]), K[:0], V[:0]).shape == (0, 3, 4, 3)


def test_whole_numbers_are_numbers() -> None:
    np.testing.assert_allclose(
        mg.scaled_dot_product_attention(np.eye(2, dtype=int), np.eye(2, dtype=int), np.eye(2)),
        attention(np.eye(2), np.eye(2), np.eye(2)),
    )


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a weight for other inputs": (lambda: mg.linear(Value(X), W.T, B), "linear cannot take .* of shape"),
    "a weight of one axis": (lambda: mg.linear(Value(X), G, B), r"a weight is \(outputs, inputs\)"),
    "a bias for other outputs": (lambda: mg.linear(Value(X), W, G), r"a bias \(outputs,\)"),
    "another shape": (lambda: mg.layer_norm(Value(X), 4, G, S), r"whose last axes are 4, not those of \(2, 4, 3\)"),
    "no shape": (lambda: mg.layer_norm(Value(X), ()), "whose last axes are"),
    "a weight of more axes": (lambda: mg.layer_norm(Value(X), 3, M, S), "of the shape that is normalised"),
    "two masks": (
        lambda: mg.scaled_dot_product_attention(Value(Q), K, V, LOOKS, is_causal=True),
        "an attn_mask or is_causal=True, not both",
    ),
    "vectors": (lambda: mg.scaled_dot_product_attention(Value(G), K, V), "length, features"),
    "keys of other features": (lambda: mg.scaled_dot_product_attention(Value(Q), V, V), "cannot take"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_refuses(name: str) -> None:
    call, sentence = REFUSED[name]
    with pytest.raises(ValueError, match=sentence):
        call()


MIXED: dict[str, Callable[[Value], Any]] = {
    "layer_norm": lambda x: mg.layer_norm(x.T, len(x), np.ones(len(x)), np.zeros(len(x))),
    "keys": lambda x: mg.scaled_dot_product_attention(np.ones((2, 3)), x, x),
    "features": lambda x: mg.scaled_dot_product_attention(x.T, x.T, x.T),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_program_for_any_number_of_rows_refuses_to_mix_them(name: str) -> None:
    x = Value(draw(4, 3), label="x")
    w = Value(1.0)
    with pytest.raises(RowsError):
        mg.compile(mg.mean(w * MIXED[name](x)), [w], [x])


def test_queries_may_be_the_rows() -> None:
    x, w = Value(draw(4, 2), label="x"), Value(0.7)
    loss = mg.mean(mg.scaled_dot_product_attention(w * x, K[0, 0], V[0, 0]))
    program = mg.compile(loss, [w], [x], backend="numpy")
    rows = draw(6, 2, seed=3)
    expected = mg.mean(mg.scaled_dot_product_attention(0.7 * rows, K[0, 0], V[0, 0]))
    np.testing.assert_allclose(program(rows)[0], expected, 1e-12)


def test_a_layer_norm_of_nn_is_one_node() -> None:
    layer = nn.LayerNorm(3)
    y = layer(Value(X))
    assert y.op is not None
    assert y.op.name == "layer_norm"
    np.testing.assert_allclose(y.data, mg.normalised(X, -1), 1e-12)


COMPOSED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "gelu_tanh": ((X,), {}),
    "stop_gradient": ((X,), {}),
    "normalised": ((X,), {"axis": (0, 2), "eps": 0.1}),
    "linear": ((X, W, B), {}),
    "layer_norm": ((X, G, S), {"axis": (-1,), "eps": 0.1}),
    "attention_weights": ((Q, K, ADDED), {"scale": 0.7}),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_what_is_composed_is_its_notation(dtype: Any) -> None:
    """Targets take that as given."""
    assert set(COMPOSED) == {name for name, op in TABLE.items() if op.composed}
    for name, (arrays, static) in COMPOSED.items():
        inputs = [x.astype(dtype) for x in arrays]
        found, expected = by_notation(TABLE[name], inputs, static), TABLE[name].forward(*inputs, **static)
        assert found.dtype == expected.dtype == dtype
        np.testing.assert_allclose(found, expected, {np.float64: 1e-12, np.float32: 1e-4}[dtype], 1e-6, err_msg=name)


def test_wide_layers_in_float32_are_opened_although_large_numbers_cancel() -> None:
    x, w, b = (draw(*shape, dtype=np.float32) for shape in ((4, 128), (32, 128), (32,)))
    weight = Value(w)
    assert " @ " in mg.compile(mg.mean(mg.linear(x, weight, b).square()), [weight]).source


# Products: (shape, axes to transpose), left and right
LEFT = {"rows": ((60, 8), None), "turned": ((8, 60), (1, 0)), "one row": ((1, 8), None), "vector": ((8,), None)}
RIGHT = {"rows": ((8, 5), None), "turned": ((5, 8), (1, 0)), "parts": ((8, 10), None), "vector": ((8,), None)}
STACKS = {
    "rows": ((2, 3, 4, 8), (2, 3, 8, 5), None),
    "turned on the right": ((2, 3, 4, 8), (2, 3, 5, 8), (0, 1, 3, 2)),
    "heads side by side": ((2, 3, 4, 8), (2, 8, 3, 5), (0, 2, 1, 3)),
    "one stack for all": ((2, 3, 4, 8), (3, 8, 5), None),
    "one matrix for all": ((2, 3, 4, 8), (5, 8), (1, 0)),
    "a vector and a stack": ((8,), (2, 3, 8, 5), None),
    "no matrices": ((0, 3, 4, 8), (0, 3, 8, 5), None),
    "matrices of nothing": ((2, 4, 0), (2, 0, 5), None),
}
PAIRS = {
    **{f"{a}, {b}": (*LEFT[a], *RIGHT[b]) for a in LEFT for b in RIGHT},
    **{name: (a, None, b, axes) for name, (a, b, axes) in STACKS.items()},
}


@pytest.mark.parametrize("dtypes", [(np.float64, np.float64), (np.float32, np.float32), (np.float32, np.float64)])
@pytest.mark.parametrize("name", PAIRS)
def test_a_product_is_numpys_however_its_factors_lie(name: str, dtypes: tuple[Any, Any]) -> None:
    left, turned, right, axes = PAIRS[name]
    a, b = draw(*left, dtype=dtypes[0]), draw(*right, seed=1, dtype=dtypes[1])
    a = a if turned is None else a.transpose(turned)
    b = b if axes is None else b.transpose(axes)
    if "parts" in name:
        b = b[:, ::2]
    found, expected = kernels.matmul(a, b), np.matmul(a, b)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert not np.shares_memory(found, a)
    assert not np.shares_memory(found, b)
    np.testing.assert_allclose(found, expected, 1e-5 if np.float32 in dtypes else 1e-12, 1e-6)
