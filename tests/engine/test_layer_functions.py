"""The functions of layers, mg.linear to mg.cross_entropy: the steps that they stand for, in one node or two."""

from __future__ import annotations

import math
import re
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
ROWS, IMAGES, CLASSES = draw(6, 3, seed=12), draw(2, 3, 2, 4, seed=13), np.array([2, 0, 1, 1, 0, 2])
ADDED, LOOKS = draw(4, 5, seed=10), draw(2, 1, 4, 5, seed=11) > -0.8


def attention(q: Any, k: Any, v: Any, mask: Any = 0.0, scale: float = 0.5**0.5) -> Any:
    """The steps of attention, one after the other."""
    return mg.softmax((q * scale) @ mg.swapaxes(k, -1, -2) + mask) @ v


def of_batch(x: Any, weight: Any, bias: Any, axes: Any = 0, eps: float = 1e-5) -> Any:
    """The steps of batch normalisation."""
    centred = x - mg.mean(x, axes, keepdims=True)
    return centred / mg.sqrt(mg.mean(mg.square(centred), axes, keepdims=True) + eps) * weight + bias


def of_classes(x: Any, classes: Any) -> Any:
    """The steps of cross-entropy, without log_softmax and an index."""
    return mg.mean(mg.logsumexp(x, 1) - mg.sum(x * np.eye(x.shape[1], dtype=x.dtype)[classes], 1))


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
    "batch_norm": (lambda x, w, b: mg.batch_norm(x, None, None, w, b, True), of_batch, (ROWS, G, S), 1),
    "batch_norm of many rows": (
        lambda x, w, b: mg.batch_norm(x, weight=w, bias=b, training=True, eps=0.5),
        lambda x, w, b: of_batch(x, w, b, eps=0.5),
        (draw(120, 3), G, S),
        1,
    ),
    "batch_norm of sequences": (
        lambda x, w, b: mg.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: of_batch(x, w.reshape(4, 1), b.reshape(4, 1), (0, 2)),
        (X, M[:, 0], C[:, 0]),
        3,
    ),
    "batch_norm of images": (
        lambda x, w, b: mg.batch_norm(x, None, None, w, b, True),
        lambda x, w, b: of_batch(x, w.reshape(3, 1, 1), b.reshape(3, 1, 1), (0, 2, 3)),
        (IMAGES, G, S),
        3,
    ),
    "batch_norm without a bias": (
        lambda x, w: mg.batch_norm(x, None, None, w, None, True),
        lambda x, w: of_batch(x, w, 0.0),
        (ROWS, G),
        2,
    ),
    "batch_norm without a weight": (
        lambda x, b: mg.batch_norm(x, bias=b, training=True),
        lambda x, b: of_batch(x, 1.0, b),
        (ROWS, S),
        2,
    ),
    "batch_norm alone": (lambda x: mg.batch_norm(x, training=True), lambda x: of_batch(x, 1.0, 0.0), (ROWS,), 1),
    "batch_norm by given statistics": (
        lambda x, w, b: mg.batch_norm(x, S.astype(x.dtype), (G * G).astype(x.dtype), w, b, eps=0.1),
        lambda x, w, b: (x - S.astype(x.dtype)) / mg.sqrt((G * G).astype(x.dtype) + 0.1) * w + b,
        (ROWS, G, S),
        4,
    ),
    "batch_norm of images by given statistics": (
        lambda x: mg.batch_norm(x, S.astype(x.dtype), (G * G).astype(x.dtype), eps=0.1),
        lambda x: (x - S.reshape(3, 1, 1).astype(x.dtype)) / np.sqrt(G * G + 0.1).reshape(3, 1, 1).astype(x.dtype),
        (IMAGES,),
        2,
    ),
    "cross_entropy": (lambda x: mg.cross_entropy(x, CLASSES), lambda x: of_classes(x, CLASSES), (ROWS,), 1),
    "cross_entropy of many rows": (
        lambda x: mg.cross_entropy(x, np.arange(500) % 5),
        lambda x: of_classes(x, np.arange(500) % 5),
        (draw(500, 5),),
        1,
    ),
    "cross_entropy of one class": (lambda x: mg.cross_entropy(x, [0, 0]), lambda x: 0.0 * x.sum(), (draw(2, 1),), 1),
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
    assert mg.batch_norm(Value(ROWS[:0]), S, G * G, G, S).shape == (0, 3)
    for classes in ([], CLASSES[:0]):
        x = Value(ROWS[:0])
        f = mg.cross_entropy(x, classes)
        f.backward()
        assert math.isnan(f.data)
        assert x.grad.shape == (0, 3)


def test_whole_numbers_are_numbers() -> None:
    np.testing.assert_allclose(
        mg.scaled_dot_product_attention(np.eye(2, dtype=int), np.eye(2, dtype=int), np.eye(2)),
        attention(np.eye(2), np.eye(2), np.eye(2)),
    )
    counts = np.arange(6).reshape(3, 2) ** 2
    np.testing.assert_allclose(mg.batch_norm(counts, training=True), of_batch(counts, 1.0, 0.0))
    for logits in (counts, counts.tolist(), counts > 3):
        assert mg.cross_entropy(logits, [0, 1, 1]) == mg.cross_entropy(np.asarray(logits, float), [0, 1, 1])


OF_TYPES = ("int64", "int8", "int32", ">i8", "uint8", "uint64", "float32", "float64", "bool", "list")


@pytest.mark.parametrize("kind", OF_TYPES)
def test_class_numbers_of_any_type(kind: str) -> None:
    classes = (CLASSES > 1) if kind == "bool" else CLASSES
    x, given = Value(ROWS), classes.tolist() if kind == "list" else classes.astype(kind)
    f = mg.cross_entropy(x, given)
    if kind != "list":
        given[:] = 0  # what becomes of the caller's array is nothing to the graph
    f.backward()
    p = np.exp(ROWS) / np.exp(ROWS).sum(1, keepdims=True)
    np.testing.assert_allclose(f.data, -np.log(p[np.arange(6), classes.astype(int)]).mean(), 1e-14)
    np.testing.assert_allclose(x.grad, (p - np.eye(3)[classes.astype(int)]) / 6, 1e-13)


@pytest.mark.parametrize("function", [mg.cross_entropy, nn.cross_entropy])
def test_a_class_that_is_all_but_certain_loses_no_digits(function: Callable[..., Any]) -> None:
    """p − 1 is not taken from a p that was rounded, nor where it is differentiated again."""
    x = Value([[0.0, 40.0], [-50.0, 0.0]])
    f = function(x, [1, 1])
    f.backward()
    (g,) = mg.grad(f, x)
    far = np.exp([-40.0, -50.0])[:, None] * [[1.0, -1.0], [1.0, -1.0]] / 2.0
    np.testing.assert_allclose(x.grad, far, 1e-12)
    np.testing.assert_array_equal(g.data, x.grad)
    (h,) = mg.grad(mg.sum(g * [[1.0, 0.0], [0.0, 1.0]]), x)
    np.testing.assert_allclose(h.data, far * [[1.0], [-1.0]], 1e-12)


def test_numbers_without_end_warn_nobody() -> None:
    mean, x = np.zeros(3), Value(np.where(ROWS > 1.0, np.inf, ROWS))
    for _ in range(2):
        assert not np.isfinite(mg.batch_norm(x, mean, training=True).data).all()
    assert not np.isfinite(mean).all()


# Of numpy.arange(12) % 5 - 1.5: the running mean and variance after a step in training, y and df/dx at its first three
# numbers, df/dweight, df/dbias for f = Σy³, and y by these statistics, as PyTorch's function has them (torch 2.14.1).
PYTORCHS: dict[tuple[int, ...], list[list[float]]] = {
    (6, 2): [
        *([0.4, -0.25], [2.2, 0.825]),
        [-1.57329030594935, 1.43692673998823, 0.43465806118987],
        [3.78092724818689, 7.55297798664542, -6.82800542493393],
        *([16.6199199254934, 7.4807161026078], [40.4985664509706, 72.3234271725826]),
        [-1.81711746288949, 0.747175655164583, 0.200900919099447],
    ],
    (3, 2, 2): [
        *([0.5, -0.35], [2.48, 0.505]),
        [-1.62917125311271, -0.764585626556353, -0.838815041596666],
        [1.93587471082645, -3.87919967054639, 17.9643236828657],
        *([5.38205980066446, -14.2446043165468], [40.5454485049834, 71.9430215827338]),
        [-1.80117275157343, -0.850586375786717, -2.1688922485915],
    ],
}  # fmt: skip


@pytest.mark.parametrize("images", [False, True])
@pytest.mark.parametrize("shape", PYTORCHS)
def test_batch_norm_is_pytorchs(shape: tuple[int, ...], images: bool) -> None:
    x = Value((np.arange(12.0) % 5 - 1.5).reshape((*shape, 1) if images and len(shape) == 3 else shape))
    mean, var, weight, bias = np.array([0.5, -0.5]), np.array([2.0, 0.25]), Value([1.5, -2.0]), Value([0.1, 0.2])
    y = mg.batch_norm(x, mean, var, weight, bias, True, 0.3, 0.01)
    (y**3).sum().backward()
    by_statistics = mg.batch_norm(x, mean, var, weight, bias, False, 0.3, 0.01)
    found = [mean, var, y.data, x.grad, weight.grad, bias.grad, by_statistics.data]
    for numbers, expected in zip(found, PYTORCHS[shape], strict=True):
        np.testing.assert_allclose(numbers.ravel()[: len(expected)], expected, 1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    ("layer", "shape"), [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 2)), (nn.BatchNorm2d, (2, 3, 2, 4))]
)
def test_running_statistics_follow_as_those_of_nn(layer: Any, shape: tuple[int, ...], dtype: Any) -> None:
    norm = layer(3, momentum=0.3, dtype=dtype)
    mean, var = np.zeros(3, dtype), np.ones(3, dtype)
    for step in range(3):
        x = Value(draw(*shape, seed=step, dtype=dtype))
        y = mg.batch_norm(x, mean, var, norm.weight, norm.bias, training=True, momentum=0.3)
        np.testing.assert_allclose(y.data, norm(x).data, 1e-5, 1e-6)
        np.testing.assert_allclose([mean, var], [norm.running_mean.data, norm.running_var.data], 1e-5)
    y = mg.batch_norm(x, mean, var, norm.weight, norm.bias)
    np.testing.assert_allclose(y.data, norm.eval()(x).data, 1e-5, 1e-6)
    assert y.dtype == mean.dtype == dtype


def test_one_of_the_running_statistics_may_follow_alone() -> None:
    mean, var = np.zeros(3), np.zeros(3)
    mg.batch_norm(ROWS, running_mean=mean, training=True, momentum=1.0)
    mg.batch_norm(ROWS, running_var=var, training=True, momentum=1.0)
    np.testing.assert_allclose([mean, var], [ROWS.mean(0), ROWS.var(0, ddof=1)])


UNWRITABLE = np.ones(3)
UNWRITABLE.setflags(write=False)
FOLLOWS = "writable arrays of floats, in place, and not "


@pytest.mark.parametrize("var", [[1.0, 1.0, 1.0], Value(np.ones(3)), np.ones(3, int), UNWRITABLE])
def test_running_statistics_that_cannot_follow_are_refused_and_the_other_does_not_move(var: Any) -> None:
    mean = np.zeros(3)
    with pytest.raises(TypeError, match=FOLLOWS):
        mg.batch_norm(Value(ROWS), mean, var, training=True)
    assert not mean.any()
    found = mg.batch_norm(ROWS, mean, var)  # by which one may normalise
    np.testing.assert_allclose(found.data if isinstance(found, Value) else found, ROWS / np.sqrt(1.0 + 1e-5))


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a weight for other inputs": (lambda: mg.linear(Value(X), W.T, B), "linear cannot take .* of shape"),
    "a weight of one axis": (lambda: mg.linear(Value(X), G, B), r"a weight is \(outputs, inputs\)"),
    "a bias for other outputs": (lambda: mg.linear(Value(X), W, G), r"a bias \(outputs,\)"),
    "another shape": (lambda: mg.layer_norm(Value(X), 4, G, S), r"whose last axes are 4, not those of \(2, 4, 3\)"),
    "no shape": (lambda: mg.layer_norm(Value(X), ()), "whose last axes are"),
    "a weight of more axes": (lambda: mg.layer_norm(Value(X), 3, M, S), "of the shape that is normalised"),
    "features of one axis": (lambda: mg.batch_norm(Value(G), training=True), r"not an x of shape \(3,\)$"),
    "a weight for other features": (
        lambda: mg.batch_norm(Value(ROWS), None, None, draw(6), None, True),
        r"statistics, weight and bias \(features,\), not an x of shape \(6, 3\) and \(6,\)",
    ),
    "statistics of rows": (lambda: mg.batch_norm(Value(ROWS), np.zeros((1, 3)), training=True), r"and \(1, 3\)"),
    "one number of each feature": (
        lambda: mg.batch_norm(Value(ROWS[:1]), training=True),
        r"two numbers or more of each feature, not x of shape \(1, 3\)",
    ),
    "no statistics": (lambda: mg.batch_norm(Value(ROWS), None, G), "needs running_mean and running_var, or training"),
    "no momentum": (lambda: mg.batch_norm(ROWS, S.copy(), training=True, momentum=None), "momentum is a number"),
    "a weight of the table's": (
        lambda: TABLE["batch_norm"](Value(X), G, S, axis=(0,), eps=0.1),
        "a weight and a bias have a number for each feature",
    ),
    "classes in a Value": (
        lambda: mg.cross_entropy(Value(ROWS), Value(CLASSES, label="t")),
        "class numbers in an array: of t write nn.cross_entropy",
    ),
    "logits of one row": (lambda: mg.cross_entropy(Value(G), 0), r"not logits of shape \(3,\)"),
    "logits of sequences": (lambda: mg.cross_entropy(Value(X), [0, 1]), r"not logits of shape \(2, 4, 3\)"),
    **{
        f"classes {classes}": (
            lambda classes=classes: mg.cross_entropy(Value(ROWS[:2]), classes),
            rf"takes logits \(n, classes\) and n class numbers from 0, not logits of shape \(2, 3\) and targets of "
            rf".*{last}.*: nn.cross_entropy also has an ignore_index, probabilities and more axes$",
        )
        for classes, last in (
            *(
                ([0, 3], 3),
                ([0, -1], -1),
                ([-100, 0], -100),
                ([0, 0.5], 0.5),
                ([0, np.nan], "nan"),
                ([0, np.inf], "inf"),
            ),
            *(([0, -np.inf], "-inf"), ([0, 1e300], "300"), (np.array([0, 2**64 - 1], "uint64"), 1), ("ab", "ab")),
            *(([0, 1, 2], 2), ([[0, 1]], 1), (0, 0), (None, None), ([0, 1j], 1), (["a", "b"], "b"), (np.eye(3)[:2], 0)),
        )
    },
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
    with pytest.raises((TypeError, ValueError), match=sentence):
        call()


MIXED: dict[str, Callable[[Value], Any]] = {
    "batch_norm": lambda x: mg.batch_norm(x, None, None, np.ones(3), np.zeros(3), True),
    "normalised, of batch_norm alone": lambda x: mg.batch_norm(x, training=True),
    "batch_norm of pixels": lambda x: mg.batch_norm(x.reshape(-1, 1, 3), None, None, np.ones(1), np.ones(1), True),
    "cross_entropy": lambda x: mg.cross_entropy(x, [0, 1, 2, 0]),
    "cross_entropy of the only row": lambda x: mg.cross_entropy(mg.mean(x, 1, keepdims=True).T, [0]),
    "layer_norm": lambda x: mg.layer_norm(x.T, len(x), np.ones(len(x)), np.zeros(len(x))),
    "attention_weights of keys": lambda x: mg.scaled_dot_product_attention(np.ones((2, 3)), x, x),
    "attention_weights of features": lambda x: mg.scaled_dot_product_attention(x.T, x.T, x.T),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_program_for_any_number_of_rows_refuses_to_mix_them(name: str) -> None:
    x = Value(draw(4, 3), label="x")
    w = Value(1.0)
    with pytest.raises(RowsError, match=re.split(r"\W", name)[0]):
        mg.compile(mg.mean(w * MIXED[name](x)), [w], [x])


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_class_numbers_of_one_batch_are_refused_however_many(n: int) -> None:
    x, w = Value(draw(n, 3), label="x"), Value(1.0)
    with pytest.raises(RowsError, match="cross_entropy"):
        mg.compile(mg.cross_entropy(w * x, np.zeros(n)), [w], [x])


def test_a_batch_norm_by_given_statistics_keeps_rows_apart() -> None:
    x, w = Value(draw(4, 3), label="x"), Value(G)
    program = mg.compile(mg.mean(mg.batch_norm(x, S, G * G, w).square()), [w], [x], backend="numpy")
    loss, (gradient,) = program(ROWS)
    again = Value(G)
    expected = mg.mean(mg.batch_norm(ROWS, S, G * G, again).square())
    expected.backward()
    np.testing.assert_allclose(loss, expected.data, 1e-12)
    np.testing.assert_allclose(gradient, again.grad, 1e-12)


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
    "batch_norm": ((IMAGES, G.reshape(3, 1, 1), S.reshape(3, 1, 1)), {"axis": (0, 2, 3), "eps": 0.1}),
    "cross_entropy": ((ROWS,), {"index": (np.arange(6), CLASSES)}),
    "attention_weights": ((Q, K, ADDED), {"scale": 0.7}),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_what_is_composed_is_its_notation(dtype: Any) -> None:
    """Targets take that as given."""
    assert set(COMPOSED) == {name for name, op in TABLE.items() if op.composed}
    for name, (arrays, static) in COMPOSED.items():
        inputs = [x.astype(dtype) for x in arrays]
        found, expected = by_notation(TABLE[name], inputs, static), TABLE[name].forward(*inputs, **static)
        assert np.asarray(found).dtype == expected.dtype == dtype
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
