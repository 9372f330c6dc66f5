"""Functions called as they are not meant to be: NumPy's answer where it has one, otherwise one sentence that helps."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from every_backend import answer, every_way

import microgradcnn as mg
from microgradcnn import Value

A = np.arange(6.0).reshape(2, 3) / 3.0 + 0.1
CUBE = np.arange(24.0).reshape(2, 3, 4) / 7.0
REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "norm"]
ALONG_ONE = ["cumsum", "sort", "softmax", "log_softmax"]
PLACES = ["argmax", "argmin", "argsort"]


def refused(call: Callable[[], Any], kind: type[Exception] | tuple[type[Exception], ...], *words: str) -> None:
    with pytest.raises(kind) as caught:
        call()
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 400
    for word in words:
        assert word in said, said


def named(cases: list[Any]) -> list[Any]:
    return [pytest.param(*case, id=name) for name, *case in cases]


# Axes


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG_ONE])
@pytest.mark.parametrize("axis", [1.0, "0", (0, None), ((0,),), True, np.bool_(True)], ids=repr)
def test_what_is_no_axis(name: str, axis: Any) -> None:
    x = Value(A, label="x")
    refused(lambda: getattr(mg, name)(x, axis=axis), TypeError, "the axis of", "is an integer")


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG_ONE, *PLACES])
def test_an_axis_that_there_is_not(name: str) -> None:
    x = Value(A, label="x")
    for axis in (2, -3):
        refused(lambda axis=axis: getattr(mg, name)(x, axis=axis), (IndexError, ValueError), str(axis))  # type: ignore[misc]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_an_axis_twice(name: str) -> None:
    refused(lambda: getattr(mg, name)(Value(A, label="x"), axis=(0, 0)), ValueError, "axis")
    refused(lambda: getattr(mg, name)(Value(A, label="x"), axis=(0, -2)), ValueError, "axis")


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG_ONE, *PLACES])
def test_a_value_is_no_axis(name: str) -> None:
    refused(lambda: getattr(mg, name)(Value(A), axis=Value(1.0, label="k")), TypeError, "k")


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("axis", [[0, 1], np.int64(1), np.array(1), np.array([0, 1])], ids=repr)
def test_axes_in_other_clothes(name: str, axis: Any) -> None:
    meant = tuple(np.ravel(axis).tolist()) if np.ndim(axis) else int(axis)
    found, expected = getattr(mg, name)(Value(A), axis=axis), getattr(mg, name)(Value(A), axis=meant)
    np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.parametrize("name", PLACES)
def test_what_is_no_axis_of_places(name: str) -> None:
    for axis in (1.0, "0", [0, 1]):
        refused(lambda axis=axis: getattr(mg, name)(Value(A), axis=axis), TypeError, f"the axis of {name}")  # type: ignore[misc]


# Keywords and ways of NumPy that cannot hold

KEYWORDS: list[Any] = [
    *[
        (f"{f} {k}", lambda v, f=f, k=k: getattr(np, f)(v, **{k: np.zeros(())}), f"it has no {k}=")
        for f in ("sum", "prod", "std", "var", "min", "max", "mean", "cumsum")
        for k in ("out",)
    ],
    *[
        (f"{f} where", lambda v, f=f: getattr(np, f)(v, where=A > 1.0), "it has no where=")
        for f in ("sum", "mean", "std", "var", "min")
    ],
    *[
        (f"{f} initial", lambda v, f=f: getattr(np, f)(v, initial=1.0), "it has no initial=")
        for f in ("sum", "prod", "min", "max")
    ],
    *[
        (f"{f} dtype", lambda v, f=f: getattr(np, f)(v, dtype=np.float32), "it has no dtype=")
        for f in ("sum", "prod", "std", "mean", "cumsum", "zeros_like", "ones_like")
    ],
    *[
        (f"{f} out=", lambda v, f=f: getattr(np, f)(v, out=np.zeros(A.shape)), f"np.{f} with out= cannot record")
        for f in ("sin", "arctan", "sign", "floor", "reciprocal", "log2", "isnan")
    ],
    *[
        (f"{f} where=", lambda v, f=f: getattr(np, f)(v, where=A > 1.0), f"np.{f} with where= cannot record")
        for f in ("cos", "cosh", "log10")
    ],
    ("reduce", lambda v: np.minimum.reduce(v), "np.minimum.reduce cannot record a graph"),
    ("accumulate", lambda v: np.add.accumulate(v), "np.add.accumulate cannot record a graph"),
    ("outer", lambda v: np.arctan2.outer(v, v), "np.arctan2.outer cannot record a graph"),
    ("at", lambda v: np.sin.at(v, [0]), "np.sin.at cannot record a graph"),
    ("out is a Value", lambda v: np.sin(A, out=v), "np.sin with out= cannot record"),
    ("sort kind", lambda v: np.sort(v, kind="stable"), "it has no kind="),
    ("argsort kind", lambda v: np.argsort(v, kind="stable"), "it has no kind="),
    ("ravel order", lambda v: np.ravel(v, order="F"), "it has no order="),
    ("flatten order", lambda v: v.flatten("F"), "mg.flatten is called as mg.flatten(x)"),
    ("take mode", lambda v: np.take(v, [9], mode="clip"), "it has no mode="),
    ("clip out", lambda v: v.clip(0.0, 1.0, out=A.copy()), "it has no out="),
    ("einsum optimize", lambda v: np.einsum("ij->i", v, optimize=True), "it has no optimize="),
    ("einsum out", lambda v: np.einsum("ij->i", v, out=np.zeros(2)), "it has no out="),
    ("pad odd", lambda v: np.pad(v, 1, "reflect", reflect_type="odd"), "it has no reflect_type="),
    ("torch's dim", lambda v: v.std(dim=0), "it has no dim=, did you mean axis=?"),
    ("torch's keepdim", lambda v: v.prod(0, keepdim=True), "it has no keepdim=, did you mean keepdims=?"),
    ("torch's unbiased", lambda v: v.var(unbiased=True), "it has no unbiased="),
    ("NumPy 2's correction", lambda v: np.var(v, correction=1), "it has no correction="),
    ("std's mean", lambda v: np.std(v, mean=1.0), "it has no mean="),
    ("hstack dtype", lambda v: np.hstack([v, v], dtype=np.float32), "it has no dtype="),
    ("zeros_like shape", lambda v: np.zeros_like(v, shape=(2,)), "it has no shape="),
    ("argmax out", lambda v: np.argmax(v, out=np.zeros((), int)), "it has no out="),
    ("logsumexp b", lambda v: mg.logsumexp(v, b=A), "it has no b="),
    ("descending", lambda v: mg.sort(v, descending=True), "it has no descending="),
]


@pytest.mark.parametrize(("call", "words"), named(KEYWORDS))
def test_a_keyword_that_cannot_hold(call: Callable[[Any], Any], words: str) -> None:
    refused(lambda: call(Value(A, label="x")), TypeError, words)


UNKNOWN = "cumprod round trunc rint cbrt median ptp unique any all count_nonzero nansum average allclose isclose copy"
UNKNOWN += " fmod fmax fmin floor_divide heaviside full_like empty_like nonzero percentile convolve"
MORE_ARGUMENTS = {"allclose": 1, "isclose": 1, "fmod": 1, "fmax": 1, "fmin": 1, "floor_divide": 1, "heaviside": 1}
MORE_ARGUMENTS |= {"full_like": 1, "percentile": 1, "convolve": 1}


@pytest.mark.parametrize("name", UNKNOWN.split())
def test_a_function_that_is_not_known_is_named(name: str) -> None:
    more = [1.0] * MORE_ARGUMENTS.get(name, 0)
    refused(lambda: getattr(np, name)(Value(A[0]), *more), TypeError, f"np.{name} does not know Values")


@pytest.mark.parametrize("name", ["sinn", "asin", "atan2", "arcsine", "flaten", "cum_sum", "logsumexpp"])
def test_a_name_that_there_is_not(name: str) -> None:
    refused(lambda: getattr(mg, name), AttributeError, name)
    refused(lambda: getattr(Value(1.0), name), AttributeError, name)


# Places and indices


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda x: mg.take(x, [0, 5], 1), IndexError, "index 5 is out of bounds"),
        (lambda x: mg.take(x, -4, 1), IndexError, "index -4 is out of bounds"),
        (lambda x: mg.take(x, [0.5], 1), ValueError, "0.5 is no place"),
        (lambda x: mg.take(x, [math.nan], 0), ValueError, "nan is no place"),
        (lambda x: mg.take(x, [math.inf], 0), ValueError, "inf is no place"),
        (lambda x: mg.take(x, Value([3.0]), 1), IndexError, "take"),
        (lambda x: mg.take(x, [0], 2), ValueError, "take has no axis 2"),
        (lambda x: mg.take(x, [0], 1.0), TypeError, "the axis of take is an integer"),
        (lambda x: mg.take(x, [0], Value(0.0, label="k")), TypeError, "k"),
        (lambda x: mg.take(Value(np.zeros((0, 3))), [0], 0), IndexError, "out of bounds"),
        (lambda x: mg.take_along_axis(x, np.array([0, 1]), 1), ValueError, "indices of 2 axes"),
        (lambda x: mg.take_along_axis(x, np.array([[3], [0]]), 1), IndexError, "index 3 is out of bounds"),
        (lambda x: mg.take_along_axis(x, np.array([[0.5], [0]]), 1), ValueError, "0.5 is no place"),
        (lambda x: mg.take_along_axis(x, np.array([[0], [1]]), None), ValueError, "indices of 1 axes"),
        (lambda x: x[Value(0.0)], TypeError, "an index cannot be a Value"),
        (lambda x: x[x > 0.5], TypeError, "an index cannot be a Value"),
        (lambda x: x[0.0], IndexError, "x of shape (2, 3)"),
        (lambda x: x[2], IndexError, "index 2 is out of bounds"),
        (lambda x: x[0, 0, 0], IndexError, "too many indices"),
        (lambda x: x[::0], ValueError, "step"),
        (lambda x: mg.take(x, "a", 0), TypeError, "indices are whole numbers"),
        (lambda x: mg.take(x, None, 0), TypeError, "indices are whole numbers"),
    ],
)
def test_a_place_that_there_is_not(call: Callable[[Any], Any], kind: Any, words: str) -> None:
    refused(lambda: call(Value(A, label="x")), kind, words)


def test_a_number_taken_twice_gets_both_gradients() -> None:
    x = Value(A)
    (g,) = mg.grad(mg.sum(mg.take(x, [0, 0, -3, 1], 1) * np.arange(1.0, 5.0)), [x])
    np.testing.assert_array_equal(g.data, [[6.0, 4.0, 0.0]] * 2)
    (g,) = mg.grad(mg.sum(mg.take(x, Value([[0.0, -1.0], [2.0, 0.0]]))), [x])
    np.testing.assert_array_equal(g.data, [[2.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    (g,) = mg.grad(mg.sum(mg.take_along_axis(x, np.array([[1, 1, -2], [0, -3, 2]]), 1)), [x])
    np.testing.assert_array_equal(g.data, [[0.0, 3.0, 0.0], [2.0, 0.0, 1.0]])


# Lengths, shifts and parts

SHAPES: list[Any] = [
    ("squeeze", lambda x: mg.squeeze(x, 0), ValueError, "squeeze takes axes of length 1"),
    ("squeeze far", lambda x: mg.squeeze(x, 5), ValueError, "squeeze has no axis 5"),
    ("expand_dims", lambda x: mg.expand_dims(x, 5), ValueError, "expand_dims has no axis 5"),
    ("expand_dims twice", lambda x: mg.expand_dims(x, (0, 0)), ValueError, "every axis once"),
    ("expand_dims none", lambda x: mg.expand_dims(x, None), TypeError, "the axis of expand_dims is an integer"),
    ("swapaxes", lambda x: mg.swapaxes(x, 0, 0.5), TypeError, "the axis of swapaxes is an integer"),
    ("moveaxis", lambda x: mg.moveaxis(x, (0, 1), 1), ValueError, "as many axes as it has places"),
    ("transpose", lambda x: mg.transpose(x, (0, 0)), ValueError, "repeated axis"),
    ("reshape", lambda x: mg.reshape(x, (4, 2)), ValueError, "cannot reshape array of size 6"),
    ("reshape twice", lambda x: mg.reshape(x, (-1, -1)), ValueError, "one unknown dimension"),
    ("reshape a Value", lambda x: mg.reshape(x, Value(6.0, label="k")), TypeError, "k is a Value"),
    ("flip", lambda x: mg.flip(x, 2), ValueError, "flip has no axis 2"),
    ("split unequal", lambda x: mg.split(x, 4, 1), ValueError, "are not 4 parts alike: see array_split"),
    ("hstack", lambda x: mg.hstack([x, x[0]]), ValueError, "number of dimensions"),
    ("stack", lambda x: mg.stack([x, x[0]]), ValueError, "same shape"),
    ("concatenate", lambda x: mg.concatenate([x, x], axis=2), IndexError, "axis 2"),
    ("concatenate two", lambda x: mg.concatenate(x, x), TypeError, "take their Values in one list"),
    ("nothing to stack", lambda x: mg.stack([]), ValueError, "at least one"),
    ("diagonal", lambda x: mg.diagonal(x[0]), ValueError, "a diagonal is one of two axes"),
    ("diagonal of one axis", lambda x: mg.diagonal(x, 0, 1, 1), ValueError, "every axis once"),
    ("diag", lambda x: mg.diag(x[0, 0]), ValueError, "diag takes a vector or a matrix"),
    ("pad mode", lambda x: mg.pad(x, 1, "mean"), ValueError, "the mode of pad is one of"),
    ("pad three", lambda x: mg.pad(x, (1, 2, 3)), ValueError, "pad_width is a number, a pair"),
    ("pad nothing", lambda x: mg.pad(Value(np.zeros((0, 2))), 1, "edge"), ValueError, "empty axis 0"),
    ("pad text", lambda x: mg.pad(x, 1, constant_values="a"), TypeError, "real numbers"),
    ("repeat axis", lambda x: mg.repeat(x, 2, 5), ValueError, "repeat has no axis 5"),
    ("broadcast", lambda x: mg.broadcast_to(x, (3, 2)), ValueError, "broadcast_to cannot take x of shape (2, 3)"),
    ("astype", lambda x: mg.astype(x, int), TypeError, "float64 or float32, not int64"),
    ("pad edge 1.5", lambda x: mg.pad(x, 1.5, "edge"), TypeError, "pad_width"),
    ("split 0", lambda x: mg.split(x, 0, 1), ValueError, "split"),
    ("split -1", lambda x: mg.split(x, -1, 1), ValueError, "split"),
    ("array_split 0", lambda x: mg.array_split(x, 0, 1), ValueError, "split"),
    ("split 1.5", lambda x: mg.split(x, 1.5, 1), TypeError, "split"),
    ("split at 0.5", lambda x: mg.split(x, [0.5], 1), TypeError, "split"),
    ("split a Value", lambda x: mg.split(x, Value(2.0, label="k")), TypeError, "split"),
    ("hstack nothing", lambda x: mg.hstack([]), ValueError, "at least one"),
    ("pad negative", lambda x: mg.pad(x, -1), ValueError, "pad_width"),
    ("pad 1.5", lambda x: mg.pad(x, 1.5), TypeError, "pad_width"),
    ("pad None", lambda x: mg.pad(x, None), TypeError, "pad_width"),
    ("pad a Value", lambda x: mg.pad(x, Value(1.0, label="k")), TypeError, "pad_width"),
    ("pad with a Value", lambda x: mg.pad(x, 1, constant_values=Value(1.0, label="k")), TypeError, "constant_values"),
    ("roll 1.5", lambda x: mg.roll(x, 1.5), TypeError, "roll"),
    ("roll 1.5 on an axis", lambda x: mg.roll(x, 1.5, 0), TypeError, "roll"),
    ("roll a Value", lambda x: mg.roll(x, Value(1.0, label="k")), TypeError, "roll"),
    ("repeat negative", lambda x: mg.repeat(x, -1), ValueError, "repeat"),
    ("repeat a Value", lambda x: mg.repeat(x, Value(2.0, label="k")), TypeError, "repeat"),
    ("tile negative", lambda x: mg.tile(x, -1), ValueError, "tile"),
    ("tile 1.5", lambda x: mg.tile(x, 1.5), TypeError, "tile"),
    ("tile None", lambda x: mg.tile(x, None), TypeError, "tile"),
    ("tile a Value", lambda x: mg.tile(x, Value(2.0, label="k")), TypeError, "tile"),
    ("rot90", lambda x: mg.rot90(x, 1, (0,)), ValueError, "rot90 turns in the plane of two axes, not (0,)"),
    ("rot90 of none", lambda x: mg.rot90(x, 1, None), TypeError, "the axis of rot90 is an integer"),
    ("rot90 half", lambda x: mg.rot90(x, 1.5), TypeError, "k is a whole number, not 1.5"),
    ("rollaxis", lambda x: mg.rollaxis(x, 0, None), TypeError, "start is a whole number, not None"),
    ("transpose to one", lambda x: mg.transpose(x, 0), ValueError, "axes"),
    ("transpose to text", lambda x: mg.transpose(x, "ab"), TypeError, "the axis of transpose is an integer"),
    ("tensordot", lambda x: mg.tensordot(x, x, None), ValueError, "or those in two lists, not None"),
    ("tensordot of one list", lambda x: mg.tensordot(x, x, ([0],)), ValueError, "or those in two lists, not ([0],)"),
    ("diff 1.5", lambda x: mg.diff(x, 1.5), TypeError, "n is a whole number, not 1.5"),
    ("diagonal None", lambda x: mg.diagonal(x, None), TypeError, "offset is a whole number, not None"),
    ("trace None", lambda x: mg.trace(x, None), TypeError, "offset is a whole number, not None"),
    ("diag 1.5", lambda x: mg.diag(x[0], 1.5), TypeError, "k is a whole number, not 1.5"),
    ("tril None", lambda x: mg.tril(x, None), TypeError, "k is a whole number, not None"),
    ("triu text", lambda x: mg.triu(x, "1"), TypeError, "k is a whole number, not '1'"),
    ("split twice", lambda x: mg.split(x, [[1], [2]], 1), ValueError, "at places in one list, not [[1], [2]]"),
    ("append", lambda x: mg.append(x, x, ()), TypeError, "the axis of concatenate is an integer"),
    *[
        (f"{name} along two", lambda x, f=f: f(x, (0, 1)), TypeError, f"the axis of {name} is an integer")
        for name, f in {
            "repeat": lambda x, axis: mg.repeat(x, 2, axis),
            "split": lambda x, axis: mg.split(x, 1, axis),
            "array_split": lambda x, axis: mg.array_split(x, 1, axis),
            "diff": lambda x, axis: mg.diff(x, 1, axis),
            "take": lambda x, axis: mg.take(x, [0], axis),
            "take_along_axis": lambda x, axis: mg.take_along_axis(x, np.array([[0]]), axis),
            "swapaxes": lambda x, axis: mg.swapaxes(x, axis, 0),
            "rollaxis": mg.rollaxis,
        }.items()
    ],
    ("tril of a number", lambda x: mg.tril(x[0, 0]), ValueError, "triangle"),
]


@pytest.mark.parametrize(("call", "kind", "words"), named(SHAPES))
def test_lengths_that_cannot_be(call: Callable[[Any], Any], kind: Any, words: str) -> None:
    refused(lambda: call(Value(A, label="x")), kind, words)


# einsum


@pytest.mark.parametrize(
    "call",
    [
        lambda x: mg.einsum("ij,jk", x),
        lambda x: mg.einsum("ijk->", x),
        lambda x: mg.einsum("i1->i", x),
        lambda x: mg.einsum("ij-i", x),
        lambda x: mg.einsum("ij->>i", x),
        lambda x: mg.einsum("ij->i->j", x),
        lambda x: mg.einsum("", x),
        lambda x: mg.einsum("i..j->ij", x),
        lambda x: mg.einsum("....ij", x),
        lambda x: mg.einsum("...i...j", x),
        lambda x: mg.einsum("ij->ii", x),
        lambda x: mg.einsum("ij->k", x),
        lambda x: mg.einsum("...j->j", x),
        lambda x: mg.einsum("ii", x),
        lambda x: mg.einsum("ij,jk->ik", x, x),
        lambda x: mg.einsum("ij,ij->ij", x, 2.0),
        lambda x: mg.einsum(x, [0, 1], [5]),
        lambda x: mg.einsum(x, [0, 99]),
        lambda x: mg.einsum(x, [0, -1]),
        lambda x: mg.einsum(x, "ij"),
        lambda x: mg.einsum(x, [0, 1.0]),
        lambda x: mg.einsum(x),
        lambda x: mg.einsum(x, [0, 1], x),
    ],
)
def test_subscripts_that_do_not_fit(call: Callable[[Any], Any]) -> None:
    refused(lambda: call(Value(A, label="x")), ValueError)


# What goes in


@pytest.mark.parametrize(
    "name",
    [
        "sin",
        "cos",
        "tan",
        "arctan",
        "sinh",
        "cosh",
        "erf",
        "gelu",
        "silu",
        "sign",
        "floor",
        "sort",
        "cumsum",
        "std",
        "tril",
    ],
)
def test_integers_and_booleans_count_as_numbers(name: str) -> None:
    for given in (np.array([[1, 2], [0, 3]]), np.array([[True, False], [False, True]]), [[1, 2], [0, 3]]):
        leaf = Value(given)
        assert leaf.dtype == np.float64
        expected = getattr(mg, name)(Value(np.asarray(given, float))).data
        np.testing.assert_array_equal(getattr(mg, name)(leaf).data, expected)


@pytest.mark.parametrize("given", [1j, np.array([1j]), "a", None, np.array([1.0, None]), [[1.0, 2.0], [3.0]]], ids=repr)
def test_what_is_no_number_goes_into_no_value(given: Any) -> None:
    refused(lambda: Value(given), (TypeError, ValueError), "")
    for name in ("arctan2", "hypot", "maximum", "power", "mod", "logaddexp"):
        refused(lambda name=name: getattr(mg, name)(Value(np.ones(2)), given), (TypeError, ValueError), "")  # type: ignore[misc]


def test_much_and_far() -> None:
    x = Value(np.linspace(-1.0, 1.0, 200_000))
    for f in (mg.sin, mg.cumsum, mg.sort, mg.logsumexp, mg.norm, mg.std, mg.prod, lambda v: mg.roll(v, 10**15)):
        (g,) = mg.grad(mg.sum(f(x)), [x])
        assert np.isfinite(g.data).all()
    c = Value(CUBE)
    np.testing.assert_array_equal(mg.tril(c, 10**6).data, CUBE)
    np.testing.assert_array_equal(mg.triu(c, 10**6).data, 0.0 * CUBE)
    assert mg.diagonal(c, 10**6).shape == (4, 0)
    assert mg.roll(c, -(10**12), 1).shape == CUBE.shape


@pytest.mark.parametrize("plus", [operator.pos, np.positive])
def test_plus_gives_the_same_numbers_in_a_node_of_its_own(plus: Any) -> None:
    for numbers in (2.0, A[0], np.float32(1.5) * np.ones((2, 1), np.float32)):
        x = Value(numbers, label="x")
        y = plus(x)
        np.testing.assert_array_equal(y.data, numbers)
        assert (y.dtype, y.label) == (x.dtype, None)
        assert x in y.parents
        mg.sum(plus(y * y)).backward()
        np.testing.assert_array_equal(x.grad, 2.0 * numbers)


@every_way
def test_plus_is_nothing_to_compute(way: str) -> None:
    """The mean of x·p + p is that of x times p, and p: its gradient has 1/2 of the mean of each column, and of 1."""
    x, p = np.arange(6.0).reshape(3, 2), np.array([2.0, 3.0])
    loss, (g,) = answer(way, lambda x, p: mg.mean((+x) * (+p) + +p), [p], [x])
    assert loss == pytest.approx(np.mean(x * p + p), rel=1e-14)
    np.testing.assert_allclose(g, (x.mean(axis=0) + 1.0) / 2.0, rtol=1e-14)


MOVES = [
    *(lambda x: x.T, mg.transpose, lambda x: mg.transpose(x, ()), lambda x: x.reshape(()), mg.squeeze, lambda x: x[()]),
    *(lambda x: mg.broadcast_to(x, ()), lambda x: mg.reshape(x.reshape(1, 1).T, ())),
]


@pytest.mark.parametrize("kind", [float, np.float32])
@pytest.mark.parametrize("move", MOVES)
def test_a_number_is_moved_nowhere_and_so_is_its_gradient(move: Callable[[Any], Any], kind: Any) -> None:
    x = Value(kind(3.0))
    y = move(x) * move(x)
    y.backward()
    (g,) = mg.grad(y, x)
    assert (type(y.data), y.data, type(x.grad), x.grad, g.data) == (kind, 9.0, kind, 6.0, 6.0)
