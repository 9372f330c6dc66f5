"""`==` and `!=` element by element with anything that is no Value, identity between Values; `~`, `&`, `|` and `^`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import microgradcnn as mg
from microgradcnn import Value

ROW = np.array([1.0, 2.0, 0.0, np.nan])
TABLE = np.array([[1.0, 2.0], [0.0, 2.0]])


def check(y: Any, expected: Any) -> None:
    """A boolean Value with these elements."""
    assert type(y) is Value
    assert y.dtype == bool
    assert y.shape == np.shape(expected)
    assert np.array_equal(y.data, expected)


# fmt: off
OTHERS: list[tuple[str, Any, Any]] = [  # what is compared with a Value, and the Value's number or array
    ("a float", 2.0, ROW),
    ("a whole number", 2, ROW),
    ("a bool", True, ROW),
    ("a float64", np.float64(2.0), ROW),
    ("a float32", np.float32(2.0), ROW),
    ("an int64", np.int64(2), ROW),
    ("a bool of NumPy's", np.bool_(True), ROW),
    ("NaN", float("nan"), ROW),
    ("a list", [1, 5.0, 0, 0], ROW),
    ("a list of bools", [True, False, False, True], ROW),
    ("a tuple", (1.0, 2.0, 3.0, 4.0), ROW),
    ("a range", range(4), ROW),
    ("an array", np.array([1.0, 5.0, 0.0, np.nan]), ROW),
    ("whole numbers", np.arange(4), ROW),
    ("an array of float32", np.array([1, 5, 0, 0], np.float32), ROW),
    ("an array of booleans", np.array([True, False, False, True]), ROW),
    ("an array of one number", np.array(2.0), ROW),
    ("a Series", pd.Series([1.0, 5.0, 0.0, 0.0]), ROW),
    ("a Series of booleans", pd.Series([True, False, False, True]), ROW),
    ("a Series with an index of its own", pd.Series([1.0, 5.0, 0.0, 0.0], index=list("dcba")), ROW),
    ("a column", np.array([[1.0], [2.0]]), ROW),
    ("a row of rows", np.array([1.0, 2.0]), TABLE),
    ("a list of lists", [[1.0, 0.0], [0.0, 0.0]], TABLE),
    ("a DataFrame", pd.DataFrame({"a": [1.0, 5.0], "b": [2.0, 2.0]}), TABLE),
    ("a float, of a number", 2.0, 2.0),
    ("another float, of a number", 3.0, 2.0),
    ("a whole number, of a number", 2, 2.0),
    ("a float64, of a number", np.float64(2.0), 2.0),
    ("an int32, of a number", np.int32(3), 2.0),
    ("an array of one number, of a number", np.array(2.0), 2.0),
    ("an array, of a number", np.array([2.0, 3.0]), 2.0),
    ("a list, of a number", [2.0, 3.0], 2.0),
    ("a Series, of a number", pd.Series([2.0, 3.0]), 2.0),
    ("nothing", [], np.zeros(0)),
]
# fmt: on


@pytest.mark.parametrize(("other", "data"), [o[1:] for o in OTHERS], ids=[o[0] for o in OTHERS])
@pytest.mark.parametrize("result", [False, True], ids=["a leaf", "a result"])
def test_a_value_and_anything_like_an_array_compare_by_elements(other: Any, data: Any, result: bool) -> None:
    v = Value(data, label="v") * 1.0 if result else Value(data, label="v")
    expected = np.equal(data, np.asarray(other))
    check(v == other, expected)
    check(other == v, expected)
    check(v != other, ~expected)
    check(other != v, ~expected)
    check(np.equal(v, np.asarray(other)), expected)
    check(np.equal(np.asarray(other), v), expected)
    check(np.not_equal(v, np.asarray(other)), ~expected)
    check(np.not_equal(np.asarray(other), v), ~expected)


def test_it_is_what_equal_is() -> None:
    for data in (np.array([0.1, 0.5], np.float32), np.float32(0.1), 0.1):
        for other in (0.1, np.float32(0.1), np.float64(0.1), np.array([0.1, 0.5]), np.array([0.1, 0.5], np.float32)):
            check(Value(data) == other, mg.equal(Value(data), other).data)
            check(other == Value(data), mg.equal(other, Value(data)).data)


def test_a_boolean_value_compares_by_elements_too() -> None:
    mask = Value(ROW) > 0.5
    for other in (True, 1, 1.0, np.array([True, False, True, False]), [1, 0, 1, 0], pd.Series([1.0, 0.0, 1.0, 0.0])):
        expected = np.equal([True, True, False, False], np.asarray(other))
        check(mask == other, expected)
        check(other == mask, expected)
        check(mask != other, ~expected)
        check(other != mask, ~expected)


def test_a_number_decides_an_if() -> None:
    assert Value(3.0) == 3
    assert Value(3.0) == 3.0
    assert not Value(3.0) == 4.0  # noqa: SIM201, == is what is tested
    assert Value(3.0) != np.float64(4.0)
    assert not Value(3.0) != 3.0  # noqa: SIM202
    assert type((Value(3.0) == 3.0).data) is bool


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, np.equal, np.not_equal], ids=lambda f: f.__name__)
def test_shapes_that_do_not_broadcast_are_refused_in_one_sentence(compare: Callable[[Any, Any], Any]) -> None:
    v, other = Value(np.ones(3), label="v"), np.ones(2)
    for a, b in ((v, other), (other, v)):
        with pytest.raises(ValueError, match=r"\bv\b.*\(3,\)") as caught:
            compare(a, b)
        assert "(2,)" in str(caught.value)
        assert "\n" not in str(caught.value)


# Identity


def test_between_values_it_is_identity() -> None:
    v, w = Value(3.0), Value(3.0)
    rows = Value(ROW), Value(ROW)
    for a, b in ((v, w), rows, (v > 1.0, w > 1.0), (v, w * 1.0)):
        assert (a == a, a == b, a != a, a != b) == (True, False, False, True)
        assert all(type(answer) is bool for answer in (a == a, a == b, a != a, a != b))
    check(mg.equal(*rows), [True, True, True, False])


def test_values_are_keys_and_members() -> None:
    v, w, row, again = Value(3.0), Value(3.0), Value(ROW), Value(ROW)
    values = [v, w, row, again]
    table = {value: i for i, value in enumerate(values)}
    assert [table[value] for value in values] == [0, 1, 2, 3]
    assert len({*values, *values}) == 4
    assert [values.index(value) for value in values] == [0, 1, 2, 3]
    assert all(value in values for value in values)
    assert row not in [v, w, again]
    assert values.count(row) == 1
    values.remove(w)
    assert [id(value) for value in values] == [id(v), id(row), id(again)]
    assert (v, row) == (v, row)
    assert (v, row) != (w, row)
    assert {row: 1} == {row: 1}
    assert {row} == {row}
    assert {row} != {again}
    assert hash(v) != hash(w)
    assert 3.0 not in {v: 1}  # another hash


UNLIKE = [None, "3", "", b"3", object(), {"a": 3.0}, {3.0}, len, Value, ...]


@pytest.mark.parametrize("other", UNLIKE, ids=lambda x: repr(x).split(" at ")[0])
@pytest.mark.parametrize("data", [3.0, ROW], ids=["a number", "an array"])
def test_what_is_no_number_is_unequal(other: Any, data: Any) -> None:
    for v in (Value(data), Value(data) * 1.0, Value(data) > 1.0):
        assert (v == other, other == v, v != other, other != v) == (False, False, True, True)
        assert all(type(answer) is bool for answer in (v == other, other == v, v != other, other != v))


# ~ & | ^

A = np.array([True, True, False, False])
B = np.array([True, False, True, False])

LOGIC: list[tuple[str, Callable[[Any, Any], Any], list[Any]]] = [
    ("and", operator.and_, [np.logical_and, np.bitwise_and]),
    ("or", operator.or_, [np.logical_or, np.bitwise_or]),
    ("xor", operator.xor, [np.logical_xor, np.bitwise_xor]),
]
TWO = pytest.mark.parametrize(("operate", "ufuncs"), [case[1:] for case in LOGIC], ids=[case[0] for case in LOGIC])


def mask(booleans: Any) -> Value:
    """A boolean Value, computed from numbers."""
    return Value(np.asarray(booleans, float), label="m") > 0.5


@TWO
def test_two_masks(operate: Callable[[Any, Any], Any], ufuncs: list[Any]) -> None:
    for other in (mask(B), B):
        check(operate(mask(A), other), operate(A, B))
        check(operate(other, mask(A)), operate(B, A))
    for ufunc in ufuncs:
        check(ufunc(mask(A), mask(B)), operate(A, B))
        check(ufunc(mask(A), B), operate(A, B))
        check(ufunc(B, mask(A)), operate(B, A))


@TWO
def test_a_mask_and_one_boolean(operate: Callable[[Any, Any], Any], ufuncs: list[Any]) -> None:
    for one in (True, False, np.True_, np.False_, np.array(True), mask(True), mask(False)):
        truth = np.bool_(one.data if isinstance(one, Value) else one)
        check(operate(mask(A), one), operate(A, truth))
        check(operate(one, mask(A)), operate(truth, A))
        for number in (True, False):
            check(operate(mask(number), one), operate(np.bool_(number), truth))
            check(operate(one, mask(number)), operate(truth, np.bool_(number)))
        for ufunc in ufuncs:
            check(ufunc(mask(A), one), operate(A, truth))


@TWO
def test_masks_broadcast(operate: Callable[[Any, Any], Any], ufuncs: list[Any]) -> None:
    column = B[:3, None]
    check(operate(mask(column), mask(A)), operate(column, A))
    check(operate(column, mask(A)), operate(column, A))
    check(operate(pd.Series(B), mask(A)), operate(B, A))
    check(operate(mask(A), pd.Series(B)), operate(A, B))
    for a, b in ((mask(A), mask(B[:3])), (mask(A), B[:3]), (B[:3], mask(A))):
        for function in (operate, *ufuncs):
            with pytest.raises(ValueError, match=r"\(4,\)") as caught:
                function(a, b)
            assert "\n" not in str(caught.value)


def test_not() -> None:
    for invert in (operator.invert, np.logical_not, np.bitwise_not, np.invert):
        check(invert(mask(A)), ~A)
        check(invert(mask(A[:, None])), ~A[:, None])
        check(invert(mask(True)), False)
        check(invert(mask(False)), True)
        check(invert(invert(mask(A))), A)


def test_masks_of_nan() -> None:
    v = Value(ROW)
    check(~(v == ROW), [False, False, False, True])
    check((v > 0.5) | (v != ROW), [True, True, False, True])
    check(~((v < 0.5) | (v > 1.5)), [True, False, False, True])


NUMBERS: list[tuple[str, Callable[[Any], Any]]] = [
    ("~v", lambda v: ~v),
    ("v & True", lambda v: v & True),
    ("True & v", lambda v: True & v),
    ("v | v", lambda v: v | v),
    ("v ^ 1", lambda v: v ^ 1),
    ("1 | v", lambda v: 1 | v),
    ("mask & v", lambda v: (v > 0.0) & v),
    ("v & mask", lambda v: v & (v > 0.0)),
    ("mask | 1.5", lambda v: (v > 0.0) | 1.5),
    ("1.5 | mask", lambda v: 1.5 | (v > 0.0)),
    ("mask & 2", lambda v: (v > 0.0) & 2),
    ("mask ^ numbers", lambda v: (v > 0.0) ^ np.ones(v.shape)),
    ("numbers ^ mask", lambda v: np.ones(v.shape) ^ (v > 0.0)),
    ("array & v", lambda v: np.ones(v.shape, bool) & v),
    ("np.logical_not", lambda v: np.logical_not(v)),
    ("np.logical_and", lambda v: np.logical_and(v, True)),
    ("np.logical_or", lambda v: np.logical_or(True, v)),
    ("np.logical_xor", lambda v: np.logical_xor(v, v)),
    ("np.bitwise_and", lambda v: np.bitwise_and(v > 0.0, v)),
    ("np.invert", lambda v: np.invert(v)),
]


@pytest.mark.parametrize("call", [n[1] for n in NUMBERS], ids=[n[0] for n in NUMBERS])
@pytest.mark.parametrize("data", [3.0, [3.0, 0.0]], ids=["a number", "an array"])
def test_numbers_are_no_masks(call: Callable[[Any], Any], data: Any) -> None:
    with pytest.raises(TypeError) as caught:
        call(Value(data, label="v"))
    assert "\n" not in str(caught.value)
    assert "bool" in str(caught.value).lower()
    assert "unsupported operand" not in str(caught.value)


def test_a_mask_gets_no_gradient_and_sends_none() -> None:
    x = Value(ROW[:3], label="x")
    chosen = ~(x == 0.0) & ((x > 1.5) | (x == 1)) ^ (x != 2)
    (chosen * x).sum().backward()
    assert x.grad.tolist() == chosen.data.astype(float).tolist()
    y = Value(2.0, label="y")
    f = (y == 2.0) * y + (y != 2.0) * y * 5.0
    assert [g.data for g in mg.grad(f, [y])] == [1.0]


# Masks of gradients, and in programs


def piecewise(x: Any) -> Any:
    """x² at 0 and above 2, 3x elsewhere."""
    return mg.where((x == 0) | (x > 2), x**2, 3.0 * x)


def slopes(x: np.ndarray) -> np.ndarray:
    return np.where((x == 0) | (x > 2), 2 * x, 3.0)


def opposite(x: Any) -> Any:
    """The same, by ~, &, ^ and !=."""
    return mg.where(~((x != 0) & ~(x > 2)) ^ False, x**2, 3.0 * x)


def reflected(x: Any) -> Any:
    """The same, with arrays and NumPy on the left."""
    zero = np.zeros(x.shape)
    return mg.where(np.logical_or(zero == x, np.not_equal(x <= 2.0, True)), x**2, 3.0 * x)


FORMS = pytest.mark.parametrize("function", [piecewise, opposite, reflected], ids=lambda f: f.__name__)
HERE = np.array([1.0, 5.0, 0.0, 2.0, -1.0])  # where programs are recorded ...
THERE = np.array([0.0, 2.0, 3.0, -0.0, 2.5])  # ... and where they are called


@FORMS
def test_masks_choose_in_gradients(function: Callable[[Any], Any]) -> None:
    for point in (HERE, THERE):
        x = Value(point, label="x")
        f = function(x).sum()
        f.backward()
        assert np.array_equal(x.grad, slopes(point))
        (g,) = mg.grad(f, [x])
        assert np.array_equal(g.data, slopes(point))
        (h,) = mg.grad(g.sum(), [x])
        assert np.array_equal(h.data, np.where((point == 0) | (point > 2), 2.0, 0.0))
        for number in point.tolist():
            y = Value(number, label="y")
            function(y).backward()
            assert y.grad == slopes(np.array(number))


@FORMS
@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
def test_programs_compute_masks_anew(function: Callable[[Any], Any], backend: str) -> None:
    x = Value(HERE, label="x")
    program = mg.compile(function(x).sum(), [x], backend=backend)
    for point in (HERE, THERE):
        x.data = point
        loss, (gradient,) = program()
        assert loss == pytest.approx(np.where((point == 0) | (point > 2), point**2, 3 * point).sum(), rel=1e-12)
        assert np.array_equal(gradient, slopes(point))


@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
def test_programs_over_rows_compute_masks_anew(backend: str) -> None:
    w, x = Value(2.0, label="w"), Value(1.0, label="x")
    program = mg.compile(mg.where((x == 0) | ~(x <= 2) & (w != 0.5), w**2, 3.0 * w * x), [w], [x], backend)
    for value in (2.0, 0.5):
        w.data = value
        squared = (THERE == 0) | ((THERE > 2) & (value != 0.5))
        loss, (slope,) = program(THERE)
        assert loss == pytest.approx(np.where(squared, value**2, 3 * value * THERE).mean(), rel=1e-12)
        assert slope == pytest.approx(np.where(squared, 2 * value, 3 * THERE).mean(), rel=1e-12)


def test_a_program_that_was_printed_computes_masks_anew() -> None:
    x = Value(HERE, label="x")
    names: dict[str, Any] = {}
    exec(f"import numpy\n{mg.compile(piecewise(x).sum(), [x]).source}", names)
    _, (gradient,) = names["program"](THERE)
    assert np.array_equal(gradient, slopes(THERE))


def test_the_graph_of_a_mask_can_be_checked() -> None:
    found = mg.check_gradients(lambda x: piecewise(x).sum(), Value([0.5, 3.5, -2.0], label="x"))
    assert found.verdict == "right"


# The accuracy

PREDICTED = np.array([0.9, 0.2, 0.7, 0.4])
TARGETS = [
    np.array([1.0, 0.0, 0.0, 0.0]),
    np.array([1, 0, 0, 0]),
    np.array([True, False, False, False]),
    np.array([1, 0, 0, 0], np.float32),
    [1, 0, 0, 0],
    [True, False, False, False],
    (1.0, 0.0, 0.0, 0.0),
    pd.Series([1, 0, 0, 0]),
    pd.Series([1.0, 0.0, 0.0, 0.0], index=[7, 5, 3, 1]),
    pd.Series([True, False, False, False]),
]


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: f"{type(t).__name__}-{np.asarray(t).dtype}")
def test_the_mean_of_what_is_right_is_the_accuracy(target: Any) -> None:
    p = Value(PREDICTED, label="p").exp().log()
    for right in ((p > 0.5) == target, target == (p > 0.5)):
        for mean in (np.mean, mg.mean, Value.mean):
            assert mean(right).item() == 0.75
        assert np.sum(right).item() == 3.0
        assert mg.where(right, 1.0, 0.0).data.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert np.mean((p > 0.5) != target).item() == 0.25
    column = p.reshape(4, 1)
    assert np.mean((column > 0.5) == np.asarray(target).reshape(4, 1)).item() == 0.75


def test_the_accuracy_of_scalars_is_a_sum_of_what_is_right() -> None:
    scores = [Value(p) for p in PREDICTED]
    assert sum((s > 0.5) == bool(t) for s, t in zip(scores, TARGETS[0], strict=True)) / 4 == 0.75
    assert sum(bool((s > 0.5) == t) for s, t in zip(scores, TARGETS[0].tolist(), strict=True)) == 3
