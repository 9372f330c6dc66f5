"""`.grad`: a zero until it is computed, what it takes, how it is reset, and who tells the zero from a real one."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import microgradcnn as mg
from microgradcnn import Value, optim
from microgradcnn.views.drawing.boxes import NOT_COMPUTED
from microgradcnn.views.drawing.scene import drawn

DATA = [3.0, np.float32(3), [3.0, -1.0], np.ones((2, 3), np.float32), np.ones((2, 0)), [[2.0]]]
every_kind = pytest.mark.parametrize("data", DATA, ids=repr)


def same(found: Any, expected: Any) -> None:
    """To the bit, in type, shape and dtype."""
    assert type(found) is type(expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(found, expected, strict=True)


def zero_of(x: Value) -> Any:
    return x.data * 0.0


# Before a pass


@every_kind
def test_before_a_pass_it_is_a_zero_in_the_shape_and_dtype_of_the_data(data: Any) -> None:
    x = Value(data)
    y = x * 2.0
    for v in (x, y):
        same(v.grad, zero_of(v))
        assert not v.has_grad
    assert np.sum(x.grad + 1.0) == np.size(x.data)


def test_a_zero_that_prints_formats_adds_and_compares() -> None:
    v = Value(2.0, label="v")
    assert ("%.4f" % v.grad, f"{v.grad:.4f}", str(v.grad)) == ("0.0000", "0.0000", "0.0")  # noqa: UP031, as they write
    assert v.grad == 0
    assert v.grad + 1.5 == 1.5
    assert v.grad < 1e-9
    v.data -= 0.1 * v.grad
    assert v.data == 2.0


def test_what_never_gets_a_gradient_reads_as_zero_too() -> None:
    x = Value([1.0, -1.0])
    mask, constant = x > 0.0, (x * 2.0).parents[1]
    same(mask.grad, np.zeros(2))
    same((x.sum() > 0.0).grad, 0.0)
    same(constant.grad, 0.0)
    assert not any(v.has_grad for v in (mask, constant))
    (x * mask).sum().backward()
    assert not mask.has_grad


def test_adding_in_place_starts_from_the_zero() -> None:
    x, w = Value(2.0), Value(np.ones((2, 3), np.float32))
    x.grad += 1
    assert (x.grad, x.has_grad) == (1.0, True)
    w.grad *= 0
    assert w.has_grad
    w.grad += np.arange(3)
    same(w.grad, np.array([[0, 1, 2]] * 2, np.float32))
    w.grad[0] += 1.0
    assert w.grad[0].tolist() == [1.0, 2.0, 3.0]


def test_a_part_of_the_zero_cannot_be_changed_for_it_would_be_lost() -> None:
    w = Value([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        w.grad[0] = 1.0
    found = w.grad
    with pytest.raises(ValueError, match="read-only"):
        found += 1.0
    assert not w.has_grad


# Set and reset

RESETS: dict[str, Callable[[Value], Any]] = {
    "None": lambda p: None,
    "0": lambda p: 0,
    "0.0": lambda p: 0.0,
    "np.float64": lambda p: np.float64(0),
    "zeros": lambda p: np.zeros(p.shape),
    "times 0": lambda p: p.grad * 0,
}


@pytest.mark.parametrize("after_a_pass", [False, True])
@pytest.mark.parametrize("reset", RESETS)
@every_kind
def test_after_a_reset_the_next_pass_gives_exactly_the_gradient(data: Any, reset: str, after_a_pass: bool) -> None:
    p, fresh = Value(data), Value(data)
    loss = (p * p * p).sum()
    if after_a_pass:
        loss.backward()
    p.grad = RESETS[reset](p)
    same(p.grad, zero_of(p))
    assert p.has_grad is (reset != "None")
    loss.backward()
    (fresh * fresh * fresh).sum().backward()
    same(p.grad, fresh.grad)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=3), elements=st.floats(-5, 5)), st.integers())
def test_a_number_counts_for_every_element(data: Any, number: int) -> None:
    p = Value(data)
    p.grad = number % 100
    np.testing.assert_array_equal(p.grad, np.full(p.shape, float(number % 100)))
    assert np.asarray(p.grad).dtype == p.dtype


def test_what_is_set_is_kept_as_it_is_where_it_fits_and_in_the_dtype_of_the_data_where_not() -> None:
    w, half = Value([1.0, 2.0]), Value(np.float32(1))
    given = np.array([3.0, 4.0])
    w.grad = given
    assert w.grad is given
    w.grad = [5, 6]
    same(w.grad, np.array([5.0, 6.0]))
    half.grad = 0.1
    same(half.grad, np.float32(0.1))
    half.grad = half.grad * np.float64(2)
    same(half.grad, np.float32(0.2))
    half.grad = 1e300
    assert half.grad == np.inf


REFUSED: list[tuple[Any, type[Exception], str]] = [
    (np.ones(3), ValueError, r"w has shape \(2,\) and cannot take a gradient of shape \(3,\)"),
    (np.ones((2, 1)), ValueError, r"w has shape \(2,\) and cannot take a gradient of shape \(2, 1\)"),
    ("one", TypeError, "a Value holds real numbers"),
    (1j, TypeError, "a Value holds real numbers"),
    (Value([1.0, 2.0], label="g"), TypeError, ".data is the number or array inside"),
]


@pytest.mark.parametrize(("gradient", "kind", "message"), REFUSED, ids=[row[2][:30] for row in REFUSED])
def test_what_is_no_gradient_of_it_is_refused_and_changes_nothing(
    gradient: Any, kind: type[Exception], message: str
) -> None:
    w = Value([1.0, 2.0], label="w")
    w.grad = [3.0, 4.0]
    with pytest.raises(kind, match=message):
        w.grad = gradient
    assert w.grad.tolist() == [3.0, 4.0]


def test_a_constant_can_be_reset_like_all_nodes_of_a_graph_and_takes_no_gradient() -> None:
    x = Value(3.0)
    f = 2.0 * x
    for node in (f, *f.parents):
        node.grad = 0.0
    f.parents[0].grad = None
    with pytest.raises(ValueError, match=r"2\.0 is a constant, which has no gradient: Value\(2\.0\) in its place has"):
        f.parents[0].grad = 1.0


# Who tells the zero from a real one


def test_a_picture_shows_no_zero_that_was_not_computed() -> None:
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    f = w * x

    def without() -> list[str]:
        boxes = drawn(f).boxes
        assert mg.draw(f).dot().count("|not") == sum(box.gradient == NOT_COMPUTED for box in boxes)
        return [box.words for box in boxes if box.gradient == NOT_COMPUTED]

    assert without() == ["w", "x", "t₁ = wx"]
    w.grad = 0
    assert without() == ["x", "t₁ = wx"]  # that was set: a number like others
    w.grad = None
    assert without() == ["w", "x", "t₁ = wx"]
    f.backward()
    assert without() == []
    x.grad = None
    assert without() == ["x"]


def test_an_optimiser_moves_by_a_zero_that_is_real_only() -> None:
    w = Value(2.0, label="w")
    sgd = optim.SGD([w], lr=0.5, weight_decay=0.1)
    with pytest.raises(ValueError, match="w has no gradient: call backward"):
        sgd.step()
    w.grad = 0
    sgd.step()  # as PyTorch: weight decay goes on
    assert w.data == 2.0 - 0.5 * 0.1 * 2.0
    sgd.zero_grad()
    assert (w.grad, w.has_grad) == (0.0, False)


def test_clipping_leaves_out_what_was_not_computed() -> None:
    w, unused = Value([3.0, 4.0]), Value(1.0)
    (w * w).sum().backward()
    assert optim.clip_grad_norm_([w, unused], 1.0) == 10.0
    optim.clip_grad_value_([w, unused], 0.5)
    assert not unused.has_grad


def test_a_ledger_says_what_was_there() -> None:
    w = Value(2.0, label="w")
    f = w * 3.0
    assert mg.ledger(f).closings[0].before is None
    w.grad = 0
    assert mg.ledger(f).closings[0].before == 0.0
    assert not any("reset" in note for note in mg.ledger(f).notes)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_know_it(again: Callable[[Value], Value]) -> None:
    never, zero = Value([1.0]), Value([1.0])
    zero.grad = 0
    assert [again(v).has_grad for v in (never, zero)] == [False, True]


def test_it_cannot_be_said_to_be_there() -> None:
    v: Any = Value(1.0)
    with pytest.raises(AttributeError):
        v.has_grad = True
