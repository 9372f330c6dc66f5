"""Kernels that have ways of their own for some arrays: each gives what NumPy's plain way gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine import kernels

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
