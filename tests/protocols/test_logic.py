"""== and != between Values and everything else, and ~ & | ^ on booleans, against NumPy, on every backend."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import microgradcnn as mg
from microgradcnn import Value

X = np.array([-1.0, 0.0, 0.25, 1.0, 2.0, np.nan])
ALIKE = [0.25, 2, True, np.float64(1.0), np.float32(0.25), np.int64(2), np.array(1.0), X, X[::-1], X.astype(np.float32)]
ALIKE += [[-1.0, 0.0, 0.5, 1.0, 3.0, 1.0], (0.0,) * 6, range(6), X > 0, np.arange(6), pd.Series(X), pd.Index(X)]


@pytest.mark.parametrize("other", ALIKE, ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("compare", [operator.eq, operator.ne])
def test_equality_with_numbers_is_elementwise_on_both_sides(compare: Callable[..., Any], other: Any) -> None:
    expected = compare(X, np.asarray(other))
    for found in (compare(Value(X), other), compare(other, Value(X))):
        assert type(found) is Value
        assert found.dtype == bool
        np.testing.assert_array_equal(found.data, expected)


def test_equality_of_a_scalar() -> None:
    for found in (Value(2.0) == 2.0, 2.0 == Value(2.0), Value(2.0) != 3.0, 3.0 != Value(2.0)):  # noqa: SIM300
        assert found.data is True
    assert Value(np.nan) != np.nan


@pytest.mark.parametrize(
    "other", [None, "2.0", b"2", object(), {2.0: 1}, {2.0}, len, Ellipsis], ids=lambda other: type(other).__name__
)
def test_what_is_no_number_is_not_equal(other: Any) -> None:
    for v in (Value(2.0), Value(X)):
        assert [v == other, other == v, v != other, other != v] == [False, False, True, True]


def test_equality_between_values_is_identity() -> None:
    v, w = Value(X), Value(X)
    assert v == v
    assert (v == w) is False
    assert (v != w) is True
    assert {v: 1, w: 2}[w] == 2
    assert v in [w, v]


@pytest.mark.parametrize("other", [np.ones(2), ["a"], 1j, np.array(["a"]), [[1.0], [1.0, 2.0]]], ids=repr)
def test_arrays_that_do_not_fit_are_refused_on_both_sides(other: Any) -> None:
    for compare in (lambda v: v == other, lambda v: v != other):
        with pytest.raises((TypeError, ValueError)) as caught:
            compare(Value(X))
        assert "\n" not in str(caught.value)


def test_accuracy() -> None:
    p, y = Value([0.2, 0.7, 0.9, 0.4]), np.array([0.0, 1.0, 0.0, 0.0])
    assert np.mean((p > 0.5) == y).item() == 0.75
    assert mg.mean(y == (p > 0.5)).item() == 0.75
    assert np.mean((p > 0.5) != y).item() == 0.25


MASKS: dict[str, Callable[[Any], Any]] = {
    "not": lambda x: ~(x > 0),
    "equal": lambda x: x == 1.0,
    "not equal": lambda x: x != 1.0,
    "and": lambda x: (x > 0) & (x < 2),
    "or": lambda x: (x < 0) | (x >= 2),
    "xor": lambda x: (x > 0) ^ (x < 2),
    "with a bool": lambda x: True ^ ((x > 0) & True) | False,
    "all": lambda x: ~((x > 0) & (x < 1)) | (x == 2.0) ^ (x != 0.0),
}
UFUNCS: dict[str, Callable[[Any], Any]] = {
    "not_equal": lambda x: np.not_equal(x, 1.0),
    "logical_not": lambda x: np.logical_not(x > 0),
    "logical_and": lambda x: np.logical_and(x > 0, x < 2),
    "logical_or": lambda x: np.logical_or(x < 0, x > 1),
    "logical_xor": lambda x: np.logical_xor(x < 0, x < 1),
    "invert": lambda x: np.invert(x > 0),
    "bitwise_and": lambda x: np.bitwise_and(np.array([True, False] * 3), x < 2),
    "bitwise_or": lambda x: np.bitwise_or(x < 0, True),
    "bitwise_xor": lambda x: np.bitwise_xor(x < 0, x < 1),
}


@pytest.mark.parametrize("mask", [*MASKS.values(), *UFUNCS.values()], ids=[*MASKS, *UFUNCS])
def test_a_mask_is_what_numpy_has(mask: Callable[[Any], Any]) -> None:
    found = mask(Value(X))
    assert type(found) is Value
    assert found.dtype == bool
    np.testing.assert_array_equal(found.data, mask(X))
    if mask in MASKS.values():
        assert [mask(Value(x)).data for x in X.tolist()] == list(mask(X))


@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
@pytest.mark.parametrize("scalar", [False, True], ids=["rows", "scalar"])
@pytest.mark.parametrize("name", MASKS)
def test_a_mask_is_computed_anew_on_every_backend(name: str, backend: str, scalar: bool) -> None:
    x, w = Value(0.5 if scalar else X[:2], label="x"), Value(0.7, label="w")
    m = MASKS[name](x)
    f = mg.where(m, x * w, w * w) + m * w
    program = mg.compile(f if scalar else mg.mean(f), [w], [x], backend=backend)
    rows, w_ = np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), 0.7
    on = MASKS[name](rows)
    loss, (gradient,) = program(rows)
    assert loss == pytest.approx(np.mean(np.where(on, rows * w_, w_ * w_) + on * w_), rel=1e-6)
    assert gradient == pytest.approx(np.mean(np.where(on, rows, 2 * w_) + on), rel=1e-6)


NOT_BOOLEAN = [
    lambda v: ~v,
    lambda v: v & True,
    lambda v: True | v,
    lambda v: (v > 0) ^ v,
    lambda v: (v > 0) & 1,
    lambda v: (v > 0) & None,
    lambda v: np.ones(2) & (v > 0),
    lambda v: np.logical_and(v, v),
    lambda v: np.bitwise_not(v),
]


@pytest.mark.parametrize("use", NOT_BOOLEAN)
def test_what_is_not_boolean_is_refused(use: Callable[[Value], Any]) -> None:
    with pytest.raises(TypeError, match=r"~ & \| \^ take comparisons, as in .*\(x > 0\).*, and .* is no boolean"):
        use(Value([1.0, 2.0], label="v"))
