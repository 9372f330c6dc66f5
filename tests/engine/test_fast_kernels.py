"""Kernels that have ways of their own for some arrays: each gives what NumPy's plain way gives."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine import kernels, normalising, primitives
from microgradcnn.engine.kernels import windows
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.table import elementary, images

DTYPES = [np.float32, np.float64]
LARGE = kernels.WORTH_ONES  # numbers, from which sums are products


def numbers(*shape: int, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, (), (0,), (0, 1), (1,), (2,), (-1,), (0, 2), (0, 1, 2), (1, 0)])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, LARGE, 3), (LARGE, 2, 7), (5, 6, 300)])
def test_sums_and_means(shape: tuple[int, ...], axis: Any, keepdims: bool, dtype: Any) -> None:
    for x in (numbers(*shape, dtype=dtype), numbers(*shape[::-1], dtype=dtype).T):
        wide, close = x.astype(np.float64), {np.float32: 1e-3, np.float64: 1e-9}[dtype]
        for found, expected in (
            (kernels.total(x, axis, keepdims), wide.sum(axis=axis, keepdims=keepdims)),
            (kernels.mean(x, axis, keepdims), wide.mean(axis=axis, keepdims=keepdims)),
        ):
            assert (np.shape(found), found.dtype) == (np.shape(expected), dtype)
            np.testing.assert_allclose(found, expected, rtol=close, atol=close)


@pytest.mark.parametrize("axis", [(0,), (-1,)])
def test_what_is_not_finite_stays_where_it_is(axis: tuple[int, ...]) -> None:
    x = np.ones((LARGE, 4))
    x[3, 1], x[5, 2], x[6, 2] = np.nan, np.inf, -np.inf
    found, expected = Value(x).sum(axis=axis).data, np.add.reduce(np.where(np.isfinite(x), x, np.nan), axis=axis)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(np.asarray(found)[finite], expected[finite])
    assert np.isfinite(found).tolist() == finite.tolist()


def test_an_embedding_of_what_is_not_finite_keeps_it_in_its_row() -> None:
    table = Value(np.zeros((3, 2)))
    weights = np.array([[np.inf, 1.0], [np.nan, 2.0], [1.0, 3.0]])
    (table[np.array([2, 0, 2])] * weights).sum().backward()
    np.testing.assert_array_equal(table.grad, [[np.nan, 2.0], [0.0, 0.0], [np.inf, 4.0]])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("b", [0.0, -0.0, 2.5, -np.inf, np.nan, 1e300, "array"])
@pytest.mark.parametrize("mask", [(4, 5), (5,), (3, 4, 5), (1, 5), (3, 1, 1)])
def test_where(mask: tuple[int, ...], b: Any, dtype: Any) -> None:
    condition, a = numbers(*mask) > 0, numbers(3, 4, 5, dtype=dtype)
    other = a[::-1].copy() if isinstance(b, str) else b
    with np.errstate(all="ignore"):
        found, expected = kernels.where(condition, a, other), np.where(condition, a, other)
    assert (found.dtype, found.shape, found.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


@pytest.mark.parametrize(
    ("a", "b"),
    [((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)), ((2, 0, 4), (4, 5)), ((2, 3, 0), (0, 5)), ((2, 3, 4), (2, 4, 1))],
)
def test_products_of_a_stack(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, w = Value(numbers(*a)), Value(numbers(*b))
    y = x @ w
    np.testing.assert_allclose(y.data, np.matmul(x.data, w.data), rtol=1e-13, atol=1e-13)
    seed = numbers(*y.shape)
    y.backward(seed)
    rows, columns = (("...ij,jk->...ik", "jk") if len(b) == 2 else ("...ij,j->...i", "j")) if len(b) < 3 else ("", "")
    if rows:
        out = rows.split("->")[1]
        np.testing.assert_allclose(x.grad, np.einsum(f"{out},{columns}->...ij", seed, w.data), rtol=1e-12, atol=1e-13)
        summed = np.einsum(f"{out.replace('...', 'n')},nij->{columns}", seed, x.data)
        np.testing.assert_allclose(w.grad, summed, rtol=1e-12, atol=1e-13)


def test_a_stack_that_does_not_fit_is_refused_in_its_own_shape() -> None:
    with pytest.raises(ValueError, match=r"matmul cannot take .* of shape \(2, 3, 4\)"):
        _ = Value(np.ones((2, 3, 4))) @ Value(np.ones((5, 6)))


PARTS: list[Any] = [0, -1, slice(1, 3), (slice(None), 2), (slice(None), slice(0, 3, 2)), np.array([1, 1, 0]), ..., None]
PARTS += [(slice(None), np.array([0, 2, 2])), np.array([True, False, True]), np.array([[-1], [1]], np.int8), (1, 3)]


@given(st.lists(st.sampled_from(range(len(PARTS))), min_size=1, max_size=6), st.integers(0, 6), st.booleans())
def test_parts_of_an_array_send_to_where_they_lie(chosen: list[int], whole: int, first: bool) -> None:
    """As the sum of g among zeros does, whatever parts there are, in whatever order, and besides them the whole."""
    leaf = Value(numbers(3, 4))
    x = leaf * 2.0 if first else leaf
    terms = [x[PARTS[k]].square().sum() for k in chosen]
    terms.insert(min(whole, len(terms)), (3.0 * x).sum())
    mg.sum(mg.stack(terms)).backward()
    expected = np.full((3, 4), 3.0)
    for k in chosen:
        places = np.zeros((3, 4))
        np.add.at(places, PARTS[k], 2.0 * x.data[PARTS[k]])
        expected += places
    np.testing.assert_allclose(x.grad, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(mg.grad(mg.sum(mg.stack(terms)), x)[0].data, expected, rtol=1e-12, atol=1e-12)
    for term in terms:
        for node in term.parents:
            if node.op is not None and node.op.name == "square":
                np.testing.assert_array_equal(node.grad, np.ones(node.shape))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("odd", [False, True])
def test_log_softmax_of_many_short_rows_is_that_of_each(odd: bool, axis: int, dtype: Any) -> None:
    """Whether one is the largest or several, by however much, infinite or NaN."""
    rows = 3.0 * numbers(normalising.MANY // 4, 4, dtype=dtype)
    rows[:9] = [
        *(
            [0.0, 0.0, -1.0, 0.0],
            [50.0, 0.0, 1.0, -3.0],
            [-300.0, -330.0, -np.inf, -320.0],
            [-np.inf, 2.0, -np.inf, 2.0],
        ),
        *(
            [7.0, -np.inf, -np.inf, -np.inf],
            [np.nan, 1.0, 2.0, 3.0],
            [np.inf, 1.0, 2.0, 3.0],
            [-np.inf] * 4,
            [1e30] * 4,
        ),
    ]
    x = np.moveaxis(rows.reshape(2, -1, 4), -1, axis)
    with np.errstate(all="ignore"):
        found = np.moveaxis(normalising.log_softmax(x, axis), axis, -1).reshape(rows.shape)
        each = np.concatenate([normalising.log_softmax(row[None], -1) for row in rows])
    np.testing.assert_allclose(found, each, rtol=4 * np.finfo(dtype).eps, atol=0.0)


@pytest.mark.parametrize("index", [(0,), (slice(None), 1), (slice(1, 3), slice(None, None, -2)), (..., 2), (None, 0)])
def test_a_part_is_given_back_among_zeros(index: Any) -> None:
    g = numbers(3, 4)[index].copy()
    expected = np.zeros((3, 4))
    np.add.at(expected, index, g)
    np.testing.assert_array_equal(kernels.scatter(g, index, (3, 4)), expected)


RULES_WITH_KERNELS: list[tuple[Any, dict[str, Any]]] = [
    (primitives.log_softmax, {"axis": -1}),
    (primitives.log_softmax, {"axis": 0}),
    *((primitives.normalised, {"axis": axis, "eps": 1e-5}) for axis in (None, (0,), (-1,), (1, 0), (0, -1))),
    (elementary.gelu_tanh, {}),
    (primitives.relu, {}),
]
IMAGES_WITH_KERNELS: list[tuple[Any, dict[str, Any]]] = [
    (images.avg_pool2d, {"size": (2, 3), "stride": (2, 3)}),
    (images.avg_pool2d, {"size": (3, 2), "stride": (1, 2), "padding": ((1, 0), (0, 1))}),
    (images.max_pool2d, {"size": (2, 3), "stride": (2, 3)}),
    (images.max_pool2d, {"size": (3, 2), "stride": (1, 2), "padding": ((1, 0), (0, 1))}),
    (images.max_pool2d, {"size": (2, 2), "stride": (1, 1), "dilation": (2, 3)}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("op", "static", "shape"),
    [
        *((*rule, shape) for rule in RULES_WITH_KERNELS for shape in [(3, 4), (40, 30), (2, 20, 30)]),
        *((*rule, (2, 3, 6, 9)) for rule in IMAGES_WITH_KERNELS),
    ],
)
def test_a_kernel_of_a_rule_gives_its_very_numbers(
    op: Any, static: dict[str, Any], shape: tuple[int, ...], dtype: Any
) -> None:
    """Also for a value of which nothing was kept; what goes in stays as it was."""
    x = 3.0 * numbers(*shape, dtype=dtype)
    y, (rule,) = op.forward(x, **static), op.chain
    g = numbers(*y.shape, dtype=dtype)[::-1].copy()
    before = x.copy(), y.copy(), g.copy()
    for value in (y, y.copy()):
        found, expected = rule(g, value, x, **static), rule.__wrapped__(g, value, x, **static)
        assert (found.dtype, found.shape) == (x.dtype, x.shape)
        np.testing.assert_array_equal(found, expected)
    for array, was in zip((x, y, g), before, strict=True):
        np.testing.assert_array_equal(array, was)


def test_every_rule_with_a_kernel_is_held_against_it() -> None:
    held = {op.name for op, _ in RULES_WITH_KERNELS + IMAGES_WITH_KERNELS}
    rules = {name: op.chain for name, op in TABLE.items() if isinstance(op.chain, tuple)}
    assert {name for name, chain in rules.items() if any(hasattr(rule, "__wrapped__") for rule in chain)} == held


def test_what_is_kept_lives_as_long_as_the_array_it_is_for() -> None:
    y, made = np.ones(3), np.zeros(2)
    normalising.keep(y, made)
    assert normalising.kept(y) is made
    assert normalising.kept(y.copy()) is None
    there = weakref.ref(made)
    del made, y
    gc.collect()
    assert there() is None


def test_a_graph_goes_back_twice() -> None:
    """What the way there kept is there again, and was not written over."""
    x = Value(numbers(LARGE, 3))
    y = mg.gelu(mg.normalised(x, -1), approximate="tanh")
    f = mg.sum(mg.log_softmax(y, 0) * numbers(LARGE, 3))
    f.backward()
    once = np.array(x.grad)
    f.backward()
    np.testing.assert_array_equal(x.grad, 2.0 * once)


USES = {
    "itself": lambda x, c: x + c,
    "twice": lambda x, c: x + x,
    "less": lambda x, c: c - x,
    "times": lambda x, c: x * c,
    "part": lambda x, c: c + x[1],
    "whole part": lambda x, c: x[:],
    "turned": lambda x, c: x.T.T + c,
}


@given(st.lists(st.sampled_from(sorted(USES)), min_size=2, max_size=6), st.booleans())
def test_sums_of_cotangents_are_written_into_no_array_of_another_node(chosen: list[str], first: bool) -> None:
    """Rules hand g itself on, so nodes share cotangents; each has its own in the end, and the seed its numbers."""
    leaf, c, seed = Value(numbers(3, 3)), numbers(3, 3), numbers(3, 3)[::-1].copy()
    x = leaf * 2.0 if first else leaf
    terms = [USES[name](x, c) for name in chosen]
    f = terms[0]
    for term in terms[1:]:
        f = f + term
    given_, nodes = seed.copy(), [x, *terms, f]
    f.backward(seed)
    np.testing.assert_array_equal(seed, given_)
    for node, expected in zip(nodes, mg.grad(f, nodes, seed=seed), strict=True):
        np.testing.assert_allclose(node.grad, expected.data, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("repeats", [1, 200])
def test_numbers_are_added_where_an_index_of_every_axis_names_them(repeats: int) -> None:
    """Few, or as many as are worth their places in one axis."""
    rows, columns = np.array([0, -1, 2, 0] * repeats), np.array([1, 1, -2, 1] * repeats, np.int8)
    every: list[Any] = [(rows, columns), (rows, slice(None)), (None, rows, columns), (rows[:8, None], columns)]
    for index in every:
        expected, found = numbers(3, 2), numbers(3, 2)
        g = numbers(*expected[index].shape)
        np.add.at(expected, index, g)
        kernels.add_at(found, g, index)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "index", [np.array([2, 0, -1]), np.array([[1], [1]]), np.array([], int), np.array([1], np.int8)]
)
def test_rows_that_an_index_names(index: np.ndarray) -> None:
    for x in (numbers(3, 4), numbers(4, 3).T, numbers(3)):
        np.testing.assert_array_equal(kernels.part(x, index), x[index])
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        kernels.part(numbers(3, 4), np.array([3]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_sends_back_nothing_where_it_is_zero_and_nan_where_it_is_nan(dtype: Any) -> None:
    (rule,) = primitives.relu.chain
    x = np.array([-1.0, -1.0, 0.0, -0.0, -np.inf, 2.0, np.inf, 3.0], dtype)
    g = np.array([np.inf, np.nan, -5.0, 5.0, 1.0, -np.inf, 4.0, np.nan], dtype)
    sent = np.array([0.0, 0.0, 0.0, 0.0, 0.0, -np.inf, 4.0, np.nan], dtype)
    np.testing.assert_array_equal(rule(g, kernels.relu(x), x), sent)
    x, g, sent = (np.append(a, dtype(last)) for a, last in ((x, np.nan), (g, 1.0), (sent, np.nan)))
    np.testing.assert_array_equal(rule(g, kernels.relu(x), x), sent)


@pytest.mark.parametrize("dtype", DTYPES)
def test_relu_is_the_maximum_with_zero(dtype: Any) -> None:
    x = numbers(3, 4, 5, dtype=dtype)
    x[0, 0] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    for given_ in (x, x.T, x[::2, ::-1], x[:0], np.array(x[0, 0, 2]), x[0, 0, 1], np.array([-2, 3]), -1.5):
        found, expected = kernels.relu(given_), np.maximum(given_, 0.0)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    assert kernels.relu(x.T).strides == x.T.strides


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("rows", "width"), [(3, 5), (kernels.FEW_ROWS, 16), (kernels.FEW_ROWS + 1, 17), (9, 2), (8, 2), (4, 1), (2, 0)]
)
@pytest.mark.parametrize("worst", [1.0, 1e30, np.inf, np.nan])
def test_rows_are_added_where_an_index_names_them(rows: int, width: int, dtype: Any, worst: float) -> None:
    """By a product with ones and zeros, or one number after the other where that would spread what is not finite."""
    index = np.random.default_rng(0).integers(-rows, rows, (7, 4))
    g, total = numbers(7, 4, width, dtype=dtype), numbers(rows, width, dtype=dtype)
    g[2:3, 1, :1] = worst
    expected = total.astype(np.float64)
    with np.errstate(invalid="ignore"):
        np.add.at(expected, index, g)
        kernels.add_at(total, g, index)
    assert total.dtype == dtype
    np.testing.assert_allclose(total, expected, rtol={np.float32: 1e-5, np.float64: 1e-12}[dtype], atol=1e-5)


def images_lie_innermost(x: np.ndarray) -> bool:
    return x.transpose(1, 2, 3, 0).flags.c_contiguous


def test_images_lie_innermost_from_one_convolution_to_the_next() -> None:
    """So a convolution copies no images that another has made."""
    x, bias = Value(numbers(5, 2, 8, 8)), Value(numbers(1, 3, 1, 1))
    v, w = Value(numbers(3, 2, 3, 3)), Value(numbers(4, 3, 2, 2))
    chain = [mg.conv2d(x, v)]
    for step in (lambda y: y + bias, mg.relu, mg.tanh, mg.sigmoid, lambda y: mg.avg_pool2d(y, 2)):
        chain.append(step(chain[-1]))
    chain.append(mg.conv2d(chain[-1], w))
    assert all(images_lie_innermost(node.data) for node in chain)
    chain[-1].backward(numbers(*chain[-1].shape))
    assert all(images_lie_innermost(node.grad) for node in chain[:-1])


@pytest.mark.parametrize(("copied", "n"), [(1, 3), (60, 3), (1500, 3), (1 << 17, 3), (1, 35)])
@pytest.mark.parametrize("groups", [1, 2])
def test_blocks_of_a_convolution_give_what_the_whole_gives(
    copied: int, n: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, w = numbers(n, 4, 7, 6), numbers(6, 4 // groups, 2, 3)
    options: dict[str, Any] = {"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1), "groups": groups}
    y = kernels.convolve(x, w, **options)
    g = numbers(*y.shape)
    calls = [
        (kernels.convolve, (x, w), {}),
        (kernels.convolve_input, (g, w), {"image": (7, 6)}),
        (kernels.convolve_kernel, (x, g), {"size": (2, 3)}),
    ]
    whole = [f(*arrays, **options, **more) for f, arrays, more in calls]
    np.testing.assert_allclose(np.vdot(g, whole[0]), np.vdot(x, whole[1]), rtol=1e-12)  # adjoints of each other
    np.testing.assert_allclose(np.vdot(g, whole[0]), np.vdot(w, whole[2]), rtol=1e-12)
    monkeypatch.setattr(windows, "COPIED", copied)
    for (f, arrays, more), expected in zip(calls, whole, strict=True):
        np.testing.assert_allclose(f(*arrays, **options, **more), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("n", "channels", "filters"), [(0, 2, 3), (2, 0, 3), (2, 2, 0)])
def test_convolutions_of_nothing_are_zeros(n: int, channels: int, filters: int) -> None:
    x, w, g = np.ones((n, channels, 4, 4)), np.ones((filters, channels, 2, 2)), np.ones((n, filters, 3, 3))
    for found, like in (
        (kernels.convolve(x, w, (1, 1), (0, 0)), g),
        (kernels.convolve_input(g, w, (1, 1), (0, 0), (4, 4)), x),
        (kernels.convolve_kernel(x, g, (1, 1), (0, 0), (2, 2)), w),
    ):
        np.testing.assert_array_equal(found, np.zeros_like(like))


@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation", "groups"),
    [
        ((1, 1), (1, 1), (0, 0), (1, 1), 1),
        ((1, 1), (1, 1), (1, 0), (1, 1), 2),
        ((1, 1), (2, 3), (0, 0), (1, 1), 1),
        ((4, 4), (4, 4), (0, 0), (1, 1), 1),
        ((2, 3), (3, 4), (1, 2), (1, 1), 2),
        ((2, 2), (4, 3), (0, 0), (3, 2), 1),
    ],
)
def test_windows_that_are_apart_are_sent_back_in_few_passes(
    size: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> None:
    """What each pixel receives is the adjoint, Σ g·(x * w) = Σ x·(what g sends), and is not added up in zeros first."""
    x, w = numbers(8, 4, 12, 12), numbers(6, 4 // groups, *size)
    g = numbers(*windows.convolve(x, w, stride, padding, dilation, groups).shape)
    tracemalloc.start()
    try:
        sent = windows.convolve_input(g, w, stride, padding, (12, 12), dilation, groups)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    expected = np.vdot(g, windows.convolve(x, w, stride, padding, dilation, groups))
    np.testing.assert_allclose(np.vdot(x, sent), expected, rtol=1e-12)
    padded = (12 + 2 * padding[0]) * (12 + 2 * padding[1])
    assert peak < 8 * (8 * 4 * padded + g.size * (1 + w[0].size * groups / len(w))) * 1.02 + 4096
