"""NumPy's functions of arrays as functions on Values: their values, gradients and Hessian-vector products.

The values are NumPy's; the derivatives are held against HIPS autograd's, where that has the function, and against
differences everywhere. Hypothesis draws the shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from test_primitives import EXACT, SHARP, derivatives, draw, errors, gap, positive, weights

import microgradcnn as mg
from microgradcnn import Value

Call = Callable[..., Any]

# A call by its name in NumPy, with the module n as mg, NumPy or autograd's NumPy, and the shapes of its inputs
CALLS: dict[str, tuple[Call, list[tuple[int, ...]]]] = {
    **{f"prod over {a}": (lambda n, x, a=a: n.prod(x, axis=a), [(2, 3, 4)]) for a in (None, 0, 1, -1)},
    "prod of two axes, kept": (lambda n, x: n.prod(x, axis=(0, 2), keepdims=True), [(2, 3, 5)]),
    **{f"var over {a}": (lambda n, x, a=a: n.var(x, axis=a), [(2, 3, 4)]) for a in (None, 0, -2, (0, 1))},
    "var, corrected": (lambda n, x: n.var(x, axis=1, ddof=1, keepdims=True), [(2, 3)]),
    **{f"std over {a}": (lambda n, x, a=a: n.std(x, axis=a), [(2, 3, 4)]) for a in (None, 0, -2)},
    "std, corrected": (lambda n, x: n.std(x, axis=0, ddof=1), [(4, 2)]),
    **{f"cumsum over {a}": (lambda n, x, a=a: n.cumsum(x, axis=a), [(2, 3)]) for a in (None, 0, -1)},
    "dot of numbers": (lambda n, a, b: n.dot(a, b), [(), (3,)]),
    "dot of vectors": (lambda n, a, b: n.dot(a, b), [(3,), (3,)]),
    "dot of a matrix and a vector": (lambda n, a, b: n.dot(a, b), [(2, 3), (3,)]),
    "dot of three axes and two": (lambda n, a, b: n.dot(a, b), [(2, 2, 3), (3, 4)]),
    "dot of two axes and three": (lambda n, a, b: n.dot(a, b), [(2, 3), (2, 3, 4)]),
    "dot of a vector and three axes": (lambda n, a, b: n.dot(a, b), [(3,), (2, 3, 4)]),
    "outer": (lambda n, a, b: n.outer(a, b), [(2,), (3,)]),
    "inner": (lambda n, a, b: n.inner(a, b), [(2, 3), (4, 3)]),
    "tensordot": (lambda n, a, b: n.tensordot(a, b, axes=((0, 2), (1, 0))), [(2, 3, 4), (4, 2)]),
    "kron": (lambda n, a, b: n.kron(a, b), [(2, 3), (2, 2)]),
    **{
        f"einsum {s}": (lambda n, *xs, s=s: n.einsum(s, *xs), shapes)
        for s, shapes in {
            "ij,jk->ik": [(2, 3), (3, 4)],
            "ij,j->i": [(2, 3), (3,)],
            "j,ij->i": [(3,), (2, 3)],
            "bij,bjk->bik": [(2, 3, 4), (2, 4, 2)],
            "bij,bkj->bik": [(2, 3, 4), (2, 2, 4)],
            "bhqd,bhkd->bhqk": [(2, 2, 3, 2), (2, 2, 4, 2)],
            "i,j->ij": [(2,), (3,)],
            "i,j->ji": [(2,), (3,)],
            "i,i": [(3,), (3,)],
            "i,i->i": [(3,), (3,)],
            "ij->": [(2, 3)],
            "ij->ji": [(2, 3)],
            "ijk->j": [(2, 3, 2)],
            "ij,kl->": [(2, 3), (2, 2)],
            "ij,jk,kl->il": [(2, 3), (3, 2), (2, 4)],
            "ij,jk,k->i": [(2, 3), (3, 2), (2,)],
            "...ij,...jk->...ik": [(2, 2, 3), (3, 2)],
            "...,...->...": [(2, 1), (3,)],
            "i...,i...->...": [(2, 3), (2, 3)],
            "ab,cd,abcd->ac": [(2, 2), (2, 3), (2, 2, 2, 3)],
        }.items()
    },
    "ravel": (lambda n, x: n.ravel(x) * np.arange(6.0), [(2, 3)]),
    "squeeze": (lambda n, x: n.squeeze(x, 1), [(2, 1, 3)]),
    "expand_dims": (lambda n, x: n.expand_dims(x, -2), [(2, 3)]),
    "swapaxes": (lambda n, x: n.swapaxes(x, 0, -1), [(2, 3, 4)]),
    "moveaxis": (lambda n, x: n.moveaxis(x, 2, 0), [(2, 3, 4)]),
    "flip": (lambda n, x: n.flipud(x) * n.fliplr(x), [(2, 3)]),
    "roll": (lambda n, x: n.roll(x, -2, axis=1), [(2, 3)]),
    "repeat": (lambda n, x: n.repeat(x, 2, axis=1), [(2, 3)]),
    "tile": (lambda n, x: n.tile(x, (2, 1, 2)), [(2, 3)]),
    "pad": (lambda n, x: n.pad(x, ((1, 0), (2, 1)), "constant"), [(2, 3)]),
    "hstack": (lambda n, a, b: n.hstack([a, b]), [(2, 3), (2, 1)]),
    "vstack": (lambda n, a, b: n.vstack([a, b]), [(3,), (2, 3)]),
    "split": (lambda n, x: n.split(x, 3, axis=1)[1] * 2.0, [(2, 6)]),
    "diag of a vector": (lambda n, x: n.diag(x, -1), [(3,)]),
    "trace": (lambda n, x: n.trace(x, offset=1), [(3, 4)]),
    "tril, triu": (lambda n, x: n.tril(x, -1) + 2.0 * n.triu(x, 1), [(2, 3, 3)]),
    "sort": (lambda n, x: n.sort(x), [(7,)]),
}
# What autograd lacks, or has no second derivative of
ALONE: dict[str, tuple[Call, list[tuple[int, ...]]]] = {
    **{f"sort over {a}": (lambda n, x, a=a: n.sort(x, axis=a), [(2, 3, 2)]) for a in (0, 1, -1, None)},
    **{f"min over {a}": (lambda n, x, a=a: n.min(x, axis=a), [(2, 3, 4)]) for a in (None, 0, -2, (0, 1))},
    **{
        f"pad with {m}": (lambda n, x, m=m: n.pad(x, ((1, 1), (0, 2)), mode=m), [(2, 3)])
        for m in ("edge", "reflect", "symmetric", "wrap")
    },
    "pad with 2": (lambda n, x: n.pad(x, 1, constant_values=2.0) * 3.0, [(2, 3)]),
    "take": (lambda n, x: n.take(x, [[3, 0], [0, -1]], axis=0), [(4, 2)]),
    "take_along_axis": (lambda n, x: n.take_along_axis(x, np.array([[2, 0], [1, 1]]), axis=1), [(2, 3)]),
    "diagonal": (lambda n, x: n.diagonal(x, 1), [(3, 4)]),
    "rot90": (lambda n, x: n.rot90(x, 3), [(2, 3)]),
    "cross": (lambda n, a, b: n.cross(a, b), [(2, 3), (3,)]),
    "diff": (lambda n, x: n.diff(x, 2, axis=0), [(4, 2)]),
}
NORMS: dict[str, Call] = {
    **{f"{o} of vectors": lambda n, x, o=o: n(x, o, axis=-1) for o in (None, 1, 2, 3, 1.5, -1, np.inf, -np.inf)},
    **{f"{o} of matrices": lambda n, x, o=o: n(x, o, axis=(0, 2)) for o in (None, "fro", 1, -1, np.inf, -np.inf)},
    "of all, kept": lambda n, x: n(x, keepdims=True),
}


def inputs(shapes: list[tuple[int, ...]]) -> list[Any]:
    return [draw(*shape, seed=i) if shape else 0.7 for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("name", [*CALLS, *ALONE])
def test_value_gradient_and_second_derivatives(name: str) -> None:
    call, shapes = (CALLS | ALONE)[name]
    arrays = inputs(shapes)
    y = call(mg, *map(Value, arrays))
    assert type(y) is Value
    np.testing.assert_allclose(y.data, call(np, *arrays), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(call(mg, *arrays), call(np, *arrays), rtol=1e-13, atol=1e-13)
    wrt = list(range(len(arrays)))
    assert max(errors(lambda *xs: call(mg, *xs), lambda *xs: call(np, *xs), arrays, wrt)) < SHARP


@pytest.mark.parametrize("name", CALLS)
def test_gradient_and_second_derivatives_against_autograd(name: str) -> None:
    call, shapes = CALLS[name]
    arrays = inputs(shapes)
    wrt = list(range(len(arrays)))
    first, second = derivatives(lambda *xs: call(mg, *xs), arrays, wrt)
    c = weights(np.shape(call(np, *arrays)), 3)

    def loss(*xs: Any) -> Any:
        return anp.sum(c * call(anp, *xs))

    def slope(*xs: Any) -> Any:
        gradients = autograd.grad(loss, wrt)(*xs)
        parts = [anp.sum(g * weights(np.shape(g), 4 + k)) for k, g in enumerate(gradients)]
        return sum(parts) + 0.0 * sum(anp.sum(x) for x in xs)

    for mine, theirs in zip(first, autograd.grad(loss, wrt)(*arrays), strict=True):
        assert gap(mine, theirs) < 10 * EXACT
    for mine, theirs in zip(second, autograd.grad(slope, wrt)(*arrays), strict=True):
        assert gap(mine, theirs) < 10 * EXACT


@pytest.mark.parametrize("name", NORMS)
def test_norms(name: str) -> None:
    x = positive(2, 3, 4)
    y = NORMS[name](mg.norm, Value(x))
    np.testing.assert_allclose(y.data, NORMS[name](np.linalg.norm, x), rtol=1e-14)
    assert max(errors(lambda x: NORMS[name](mg.norm, x), lambda x: NORMS[name](np.linalg.norm, x), [x], [0])) < SHARP


@pytest.mark.parametrize("name", [*CALLS, *ALONE])
def test_float32_is_kept_forth_and_back(name: str) -> None:
    call, shapes = (CALLS | ALONE)[name]
    leaves = [Value(np.asarray(x, np.float32)) for x in inputs(shapes)]
    y = call(mg, *leaves) if name != "ravel" else mg.ravel(leaves[0])
    assert y.dtype == np.float32
    assert [g.dtype for g in mg.grad(y, leaves, seed=np.ones(y.shape, np.float32))] == [np.float32] * len(leaves)


def test_logsumexp_and_what_cannot_overflow() -> None:
    x = Value(np.array([[1000.0, 1000.0], [-1000.0, -math.inf]]))
    y = mg.logsumexp(x, axis=1)
    np.testing.assert_allclose(y.data, [1000.0 + math.log(2.0), -1000.0])
    np.testing.assert_allclose(mg.grad(y.sum(), [x])[0].data, [[0.5, 0.5], [1.0, 0.0]], rtol=1e-12)
    assert mg.logsumexp(np.zeros(0)) == -math.inf


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 1, 4)])
def test_a_product_with_zeros_has_exact_derivatives_to_the_third(zeros: tuple[int, ...]) -> None:
    x = np.array([2.0, -3.0, 0.5, 4.0, 1.5])
    x[list(zeros)] = 0.0
    v = Value(x)

    def without(*places: int) -> float:
        return float(np.prod(np.delete(x, places)))

    (first,) = mg.grad(mg.prod(v), [v])
    assert first.data.tolist() == [without(i) for i in range(5)]
    (second,) = mg.grad(first[0], [v])
    assert second.data.tolist() == [0.0, *[without(0, i) for i in range(1, 5)]]
    (third,) = mg.grad(second[1], [v])
    assert third.data.tolist() == [0.0, 0.0, *[without(0, 1, i) for i in range(2, 5)]]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0)])
def test_nothing(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    for call in (
        *[lambda n, x: n.prod(x), lambda n, x: n.prod(x, axis=0), lambda n, x: n.sort(x), lambda n, x: n.cumsum(x)],
        *[lambda n, x: n.flip(x), lambda n, x: n.roll(x, 2), lambda n, x: n.tile(x, 2), lambda n, x: n.repeat(x, 2)],
        *[lambda n, x: n.pad(x, 1), lambda n, x: n.hstack([x, x]), lambda n, x: n.outer(x, x)],
        lambda n, x: n.einsum("...i,...i->...", x, x),
    ):
        y = call(mg, Value(x))
        np.testing.assert_array_equal(y.data, call(np, x))
        assert mg.grad(mg.sum(y), [Value(x)])[0].shape == shape


@pytest.mark.slow
@given(shape=array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4), data=st.data())
def test_shapes_axes_and_lengths(shape: tuple[int, ...], data: Any) -> None:
    """Every function of shapes moves each number to where NumPy moves it, and each cotangent back."""
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    other = data.draw(st.integers(-len(shape), len(shape) - 1))
    some = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True, min_size=1))
    by, times = data.draw(st.integers(-5, 5)), data.draw(st.integers(0, 3))
    calls: list[Call] = [
        *[lambda n, x: n.swapaxes(x, axis, other), lambda n, x: n.moveaxis(x, axis, other)],
        *[lambda n, x: n.flip(x, tuple(some)), lambda n, x: n.roll(x, by, axis), lambda n, x: n.roll(x, by)],
        *[lambda n, x: n.repeat(x, times, axis), lambda n, x: n.tile(x, (times, 2)), lambda n, x: n.tile(x, times)],
        *[lambda n, x: n.pad(x, (times, 1)), lambda n, x: n.expand_dims(x, axis), lambda n, x: n.ravel(x)],
        *[lambda n, x: n.cumsum(x, axis), lambda n, x: n.sort(x, axis), lambda n, x: n.squeeze(n.expand_dims(x, 0), 0)],
        *[lambda n, x: n.prod(x, tuple(some)), lambda n, x: n.prod(x, axis, keepdims=True)],
        lambda n, x: n.concatenate(n.array_split(x, 3, axis), axis),
    ]
    x = np.random.default_rng(0).normal(size=shape)
    for call in calls:
        v = Value(x)
        y, expected = call(mg, v), call(np, x)
        assert y.shape == expected.shape
        np.testing.assert_allclose(y.data, expected, rtol=1e-13)
        c = np.random.default_rng(1).normal(size=y.shape)
        (g,) = mg.grad(y, [v], seed=c)
        direction = np.random.default_rng(2).normal(size=shape)
        moved = [float(np.sum(c * call(np, x + k * 1e-6 * direction))) for k in (-1, 1)]
        assert abs(float(np.sum(g.data * direction)) - (moved[1] - moved[0]) / 2e-6) < 1e-6 * (1 + np.abs(c).sum())


LETTERS = "abcd"


@pytest.mark.slow
@given(data=st.data())
def test_einsum_of_any_letters(data: Any) -> None:
    lengths = {letter: data.draw(st.integers(1, 3)) for letter in LETTERS}
    part = st.text(LETTERS, max_size=3)
    parts = data.draw(st.lists(part, min_size=1, max_size=3))
    used = sorted({letter for text in parts for letter in text})
    behind = "".join(
        data.draw(st.permutations(data.draw(st.lists(st.sampled_from(used), unique=True)))) if used else ""
    )
    text = ",".join(parts) + data.draw(st.sampled_from(["", "->" + behind]))
    arrays = [draw(*[lengths[letter] for letter in part], seed=i) for i, part in enumerate(parts)]
    y = mg.einsum(text, *map(Value, arrays))
    expected = np.einsum(text, *arrays)
    assert np.shape(y.data) == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-12, atol=1e-12)


EINSUMS: list[tuple[Any, ...]] = [  # subscripts as people write them, and shapes
    ("...ij,...jk", (2, 2, 3), (3, 4)),
    (" b i j , b j k -> b i k ", (2, 2, 3), (2, 3, 2)),
    ("...", (2, 3)),
    ("...i->...", (3,)),
    ("i...->i", (2,)),
    ("ba", (2, 3)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("...ii->...i", (2, 3, 3)),
    ("iij,jk->ik", (2, 2, 3), (3, 2)),
    ("Ab,bA->A", (2, 3), (3, 2)),
    (",ij->ij", (), (2, 3)),
    ("ij,ij->ij", (1, 3), (2, 1)),
    ("ij,jk->ik", (2, 1), (3, 2)),
    ("i,i->", (1,), (3,)),
    ("bij,bjk->bik", (1, 2, 3), (4, 3, 2)),
]


@pytest.mark.parametrize("case", EINSUMS, ids=lambda case: case[0])
def test_einsum_as_numpy_reads_it(case: tuple[Any, ...]) -> None:
    text, *shapes = case
    arrays = [draw(*shape, seed=i) if shape else 0.7 for i, shape in enumerate(shapes)]
    y, expected = mg.einsum(text, *map(Value, arrays)), np.einsum(text, *arrays)
    assert np.shape(y.data) == np.shape(expected)
    np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-14)
    wrt = list(range(len(arrays)))
    assert max(errors(lambda *xs: mg.einsum(text, *xs), lambda *xs: np.einsum(text, *xs), arrays, wrt)) < SHARP


def test_einsum_in_lists_of_axes() -> None:
    a, b = draw(2, 3), draw(2, 3, 2)
    for call in ((a, [0, 1]), (a, [1, 0]), (a, [0, 1], [1]), (a, [0, 1], b, [..., 1, 2], [..., 0]), (b, [..., 0])):
        np.testing.assert_allclose(
            mg.einsum(*[Value(x) if isinstance(x, np.ndarray) else x for x in call]).data, np.einsum(*call), rtol=1e-13
        )


def test_places_in_a_value_are_whole_and_within_the_axis() -> None:
    table = Value(np.arange(6.0).reshape(3, 2), label="table")
    for places in (Value(2.0), Value([-1.0, 0.0]), [2, 0], np.array([[1]], np.int32), [1.0], True):
        raw = np.asarray(places.data if isinstance(places, Value) else places).astype(int)
        assert mg.take(table, places, 0).data.tolist() == np.take(table.data, raw, 0).tolist()
    for wrong, error, said in (
        (Value([0.5]), ValueError, "0.5 is no place: indices are whole numbers"),
        (Value(math.nan), ValueError, "nan is no place"),
        (Value([3.0]), IndexError, "take cannot take table of shape"),
        ([3], IndexError, "out of bounds"),
        ([0.5], ValueError, "0.5 is no place"),
    ):
        with pytest.raises(error, match=said) as caught:
            mg.take(table, wrong, 0)
        assert "\n" not in str(caught.value)


WRONG: list[tuple[Call, str]] = [
    (lambda v: mg.squeeze(v, 0), r"squeeze takes axes of length 1, and axis 0 of shape \(2, 3\) has 2"),
    (lambda v: mg.swapaxes(v, 0, 2), "swapaxes has no axis 2 to take: there are 2"),
    (lambda v: mg.flip(v, (0, 0)), r"flip takes every axis once, not \(0, 0\)"),
    (lambda v: mg.moveaxis(v, (0, 1), 0), "moveaxis moves as many axes as it has places"),
    (lambda v: mg.pad(v, ((1, 2, 3),)), r"pad_width is a number, a pair, or a pair for each axis of \(2, 3\)"),
    (lambda v: mg.pad(v, 1, "mean"), "the mode of pad is one of constant, edge, reflect, symmetric, wrap, not 'mean'"),
    (lambda v: mg.split(v, 2, 1), "3 along axis 1 are not 2 parts alike: see array_split"),
    (lambda v: mg.diag(v[None]), "diag takes a vector or a matrix"),
    (lambda v: mg.diagonal(v[0]), "a diagonal is one of two axes"),
    (lambda v: mg.einsum("ij,jk->ik", v), "einsum 'ij,jk->ik' is for 2 operands, and there are 1"),
    (lambda v: mg.einsum("ijk->i", v), "has 'ijk' for an operand of 2 axes"),
    (lambda v: mg.einsum("ij->ik", v), "has something behind its arrow twice, or what no operand has"),
    (lambda v: mg.einsum("ij,ij->i", v, v[:, :2]), "lengths 3 and 2: a product takes one"),
    (lambda v: mg.einsum("ii->i", v), "the diagonal 'i' is one of axes of 2 and 3"),
    (lambda v: mg.tensordot(v, v, 1), "tensordot adds over axes of equal length"),
    (lambda v: mg.cross(v, v[:, :2]), "cross takes vectors of three numbers, not of 3 and 2"),
    (lambda v: mg.diff(v, -1), "diff takes differences n times, not -1"),
    (lambda v: mg.select([v > 0.0], []), "select takes a choice for each condition, not 0 for 1"),
    (lambda v: mg.take_along_axis(v, np.array([0]), 1), "takes indices of 2 axes, as x has, not 1"),
]


@pytest.mark.parametrize(("call", "message"), WRONG)
def test_what_cannot_be_is_said_in_a_sentence(call: Call, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        call(Value(draw(2, 3)))
    assert "\n" not in str(caught.value)
