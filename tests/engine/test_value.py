"""What a Value is: what it holds, what it refuses, what may be changed, and how it looks from outside."""

from __future__ import annotations

import copy
import math
import operator
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Constant


def frozen(x: Any) -> np.ndarray:
    array = np.array(x, float)
    array.setflags(write=False)
    return array


# What it holds

TAKEN = [  # what is given, the type of .data, its dtype, its shape
    (3.5, float, np.float64, ()),
    (3, float, np.float64, ()),
    (2**70, float, np.float64, ()),
    (-(10**300), float, np.float64, ()),
    (True, float, np.float64, ()),
    (np.float64(3), float, np.float64, ()),
    (np.float32(3), np.float32, np.float32, ()),
    (np.float16(3), float, np.float64, ()),
    (np.int8(3), float, np.float64, ()),
    (np.bool_(True), float, np.float64, ()),
    (np.array(3.0), float, np.float64, ()),
    (np.array(3, np.float32), np.float32, np.float32, ()),
    (float("nan"), float, np.float64, ()),
    ([1, 2, 3], np.ndarray, np.float64, (3,)),
    ((1.0, 2.0), np.ndarray, np.float64, (2,)),
    ([[1, 2], [3, 4]], np.ndarray, np.float64, (2, 2)),
    ([], np.ndarray, np.float64, (0,)),
    ([True, False], np.ndarray, np.float64, (2,)),
    (range(4), np.ndarray, np.float64, (4,)),
    (np.ones(3), np.ndarray, np.float64, (3,)),
    (np.ones(3, np.float32), np.ndarray, np.float32, (3,)),
    (np.ones(3, np.float16), np.ndarray, np.float64, (3,)),
    (np.ones(3, np.uint8), np.ndarray, np.float64, (3,)),
    (np.ones(3, bool), np.ndarray, np.float64, (3,)),
    (np.ones(3, ">f8"), np.ndarray, np.float64, (3,)),
    (np.ones(3, ">f4"), np.ndarray, np.float32, (3,)),
    (np.ones(3, ">i2"), np.ndarray, np.float64, (3,)),
    (np.ones((2, 3)).T[::-1], np.ndarray, np.float64, (3, 2)),
    (np.ones((0, 3)), np.ndarray, np.float64, (0, 3)),
    (np.ones(2).view(type("Sub", (np.ndarray,), {})), np.ndarray, np.float64, (2,)),
]


@pytest.mark.parametrize(("given", "kind", "dtype", "shape"), TAKEN, ids=lambda x: repr(x)[:30])
def test_what_it_takes(given: Any, kind: type, dtype: Any, shape: tuple[int, ...]) -> None:
    v = Value(given, label="x")
    assert type(v.data) is kind
    assert (v.dtype, v.shape, v.ndim) == (dtype, shape, len(shape))
    np.testing.assert_array_equal(v.data, np.asarray(given, float))
    assert (v.label, v.op, v.parents, v.has_grad) == ("x", None, (), False)


@pytest.mark.parametrize(("given", "kind", "dtype", "shape"), TAKEN, ids=lambda x: repr(x)[:30])
def test_a_raw_number_or_array_is_taken_alike(given: Any, kind: type, dtype: Any, shape: tuple[int, ...]) -> None:
    y = Value(np.zeros(shape, dtype)) + given
    assert (y.dtype, y.shape) == (dtype, shape)
    np.testing.assert_array_equal(y.data, np.asarray(given, float))


REFUSED = [
    *["1.5", b"1", None, 1j, object(), {1.0}, {"a": 1.0}, np.array(["a"]), np.array([1j]), np.array([None])],
    *[[1.0, "a"], [[1.0], [2.0, 3.0]], [1.0, [2.0]], [1.0, None], np.longdouble(1), np.ones(2, np.longdouble)],
    *[
        10**400,
        [1, 10**400],
        [1, 2**70],
        np.datetime64("2020-01-01"),
        np.zeros(2, [("a", float)]),
        (x for x in (1.0, 2.0)),
        len,
    ],
]


@pytest.mark.parametrize("given", REFUSED, ids=lambda x: repr(x).split(" at 0x")[0][:30])
@pytest.mark.parametrize("take", [Value, lambda x: Value(1.0) * x, lambda x: mg.where(Value(1.0) > 0, x, 0.0)])
def test_what_it_refuses_in_one_sentence(given: Any, take: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=r"a Value (holds|needs)") as caught:
        take(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_value_in_a_value_is_refused() -> None:
    v = Value(1.0, label="v")
    with pytest.raises(TypeError, match=r"v is a Value already: v.detach\(\)"):
        Value(v)
    for given in ([v, v], (v, 1.0)):
        with pytest.raises(TypeError, match=r"mg\.stack"):
            Value(given)


RESULTS = [  # results of 0-d operations, and mixtures of dtypes
    (lambda: Value([1.0, 2.0]).sum(), float),
    (lambda: Value([1.0, 2.0])[0], float),
    (lambda: Value([1.0]) @ Value([2.0]), float),
    (lambda: Value([1.0, 2.0]).max(), float),
    (lambda: Value([[1.0]]).reshape(()), float),
    (lambda: Value(2.0) ** 2, float),
    (lambda: Value(2) * 3, float),
    (lambda: Value(2) / 0, float),
    (lambda: Value(2.0) * np.array(3), float),
    (lambda: mg.maximum(Value(0.5), True), float),
    (lambda: mg.minimum(False, Value(0.5)), float),
    (lambda: mg.where(Value(2.0) > 1, True, Value(0.5)), float),
    (lambda: mg.where(Value(2.0) > 1, True, False), bool),
    (lambda: mg.where(Value(2.0) > 1, Value(np.float32(1)), 0.0), np.float32),
    (lambda: (Value(2.0) > 1) * 3.0, float),
    (lambda: (Value(2.0) > 1) + (Value(2.0) > 1), bool),  # as for arrays
    (lambda: mg.relu(Value(2.0) > 1), float),
    (lambda: mg.sum(Value(2.0) > 1), float),
    (lambda: Value([2.0]).astype(np.float32)[0], np.float32),
    (lambda: Value(np.float32(2)) * 3.0, np.float32),
    (lambda: 3 - Value(np.float32(2)), np.float32),
    (lambda: Value(np.ones(2, np.float32)).mean(), np.float32),
    (lambda: Value(np.float32(2)).astype(float), float),
    (lambda: Value(np.float32(2)).sqrt().exp().sigmoid().log(), np.float32),
    (lambda: Value(2.0) > 1, bool),
    (lambda: Value(np.float32(2)) > 1, bool),
    (lambda: (Value([2.0]) > 1)[0], bool),
]


@pytest.mark.parametrize(("compute", "kind"), RESULTS)
def test_the_type_of_a_scalar_result(compute: Callable[[], Value], kind: type) -> None:
    assert type(compute().data) is kind


MIXED = [
    (lambda: Value(np.ones(2, np.float32)) * 2.0, np.float32),
    (lambda: Value(np.ones(2, np.float32)) * Value(2.0), np.float32),  # a Python float is weak, as in NumPy
    (lambda: Value(np.ones(2, np.float32)) * np.ones(2), np.float64),
    (lambda: Value(np.ones(2, np.float32)) @ Value(np.ones(2, np.float32)), np.float32),
    (lambda: mg.stack([Value(np.float32(1)), Value(np.float32(2))]), np.float32),
    (lambda: mg.concatenate([Value(np.ones(2, np.float32)), Value(np.ones(2))]), np.float64),
    (lambda: Value(np.ones(2)).astype("float32"), np.float32),
    (lambda: Value(np.ones(2, np.float32)) >= 1.0, np.bool_),
]


@pytest.mark.parametrize(("compute", "dtype"), MIXED)
def test_the_dtype_of_a_mixture(compute: Callable[[], Value], dtype: Any) -> None:
    assert compute().dtype == dtype


# Nobody else can change what it holds

HELD = [
    (np.array([1.0, 2.0]), lambda a: a.__setitem__(0, 99.0)),
    (np.array([[1.0, 2.0]], np.float32), lambda a: a.fill(99.0)),
    ([1.0, 2.0], lambda a: a.__setitem__(0, 99.0)),
    (np.array([1, 2]), lambda a: a.__setitem__(0, 99)),
    (np.array(2.0), lambda a: a.fill(99.0)),
]


@pytest.mark.parametrize(("given", "change"), HELD)
def test_the_callers_array_is_copied(given: Any, change: Callable[[Any], None]) -> None:
    given = copy.deepcopy(given)
    before = np.array(given, float)
    leaf, other = Value(given), Value(np.full(np.shape(given), 3.0))
    y = mg.sum(leaf * other + other * given + given * other + mg.where(other > 0, other * given, 0.0))
    change(given)
    y.backward()
    np.testing.assert_array_equal(leaf.data, before)
    np.testing.assert_array_equal(other.grad, 4 * before)
    (g,) = mg.grad(y, [other])
    np.testing.assert_array_equal(g.data, 4 * before)
    if np.ndim(before):
        with pytest.raises(ValueError, match="read-only"):
            change(leaf.data)


def test_a_window_on_a_writable_array_is_copied_though_it_is_read_only() -> None:
    base = np.ones(4)
    view = base[:2]
    view.setflags(write=False)
    leaf = Value(view)
    y = leaf * view
    base[0] = 99.0
    assert leaf.data.tolist() == [1.0, 1.0]
    y.backward(np.ones(2))
    assert leaf.grad.tolist() == [1.0, 1.0]


def test_a_read_only_array_is_shared() -> None:
    array = frozen([1.0, 2.0])
    assert Value(array).data is array
    assert (Value([1.0, 2.0]) * array).parents[1].data is array
    assert Value(array[1:]).data.base is array
    assert Value(np.frombuffer(np.ones(2).tobytes())).data.base is not None


EVERY_RESULT = [
    *[lambda x: x + 1.0, lambda x: x.T, lambda x: x[0], lambda x: x[:, ::-1], lambda x: x.reshape(-1), lambda x: x > 0],
    *[lambda x: x.sum(axis=0), lambda x: mg.broadcast_to(x, (2, 2, 3)), lambda x: x.softmax(), lambda x: x @ x.T],
    *[lambda x: mg.grad(x.sum(), [x])[0], lambda x: mg.grad((x * x).sum(), [x])[0], lambda x: x.detach()],
]


@pytest.mark.parametrize("compute", EVERY_RESULT)
def test_every_result_is_read_only(compute: Callable[[Value], Value]) -> None:
    data = compute(Value(np.ones((2, 3)))).data
    assert not data.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        data[...] = 7.0


# What may be changed: the data of a leaf


def test_new_data_for_a_scalar() -> None:
    p = Value(2.0, label="p")
    (p * p).backward()
    p.data -= 0.5 * p.grad
    assert p.data == 0.0
    p.data = np.int64(7)
    assert type(p.data) is float
    q = Value(np.float32(2))
    q.data -= 0.5
    assert type(q.data) is np.float32


def test_new_data_for_an_array() -> None:
    p = Value(np.ones(2), label="p")
    new = np.array([3.0, 4.0])
    p.data = new
    new[0] = 99.0
    assert p.data.tolist() == [3.0, 4.0]
    q = Value(np.ones(2, np.float32))
    for given in ([1, 2], np.array([1.0, 2.0]), np.array([1.0, 2.0], ">f8")):
        q.data = given
        assert q.dtype == np.float32
        assert q.data.tolist() == [1.0, 2.0]
        assert not q.data.flags.writeable


def by_index(p: Value) -> None:
    p.data[0] = 5.0


def everywhere(p: Value) -> None:
    p.data[...] = 5.0


def out_argument(p: Value) -> None:
    np.add(p.data, 1.0, out=p.data)


def sort(p: Value) -> None:
    p.data.sort()


def by_another_name(p: Value) -> None:
    array = p.data
    array -= 1.0


class Holder:
    w: Value


def subtract(p: Value) -> None:
    p.data -= 0.5 * np.array([4.0, 2.0])


def subtract_in_a_list(p: Value) -> None:
    [p][0].data -= 0.5 * np.array([4.0, 2.0])


def subtract_of_an_attribute(p: Value) -> None:
    holder = Holder()
    holder.w = p
    holder.w.data -= np.array([2.0, 1.0])


def multiply(p: Value) -> None:
    p.data *= 0.0


def at_the_end_of_a_long_script(p: Value) -> None:
    names = "".join(f"p.n{i} if 0 else 0\n" for i in range(400))
    exec(f"{names}p.data -= [2.0, 1.0]", {"p": p})


def by_a_new_name(p: Value) -> None:
    (q := p).data -= np.array([2.0, 1.0])
    assert q is p


def with_steps_within(p: Value) -> None:
    """The step of another Value is made, and one is refused, while p has got its array."""
    q, r = Value([9.0, 9.0]), Value([2.0, 1.0])

    def step_of_others() -> Any:
        q.data -= 1.0
        with pytest.raises(ValueError, match="broadcast"):
            q.data -= np.ones(3)
        r.data += 0.0 * q.data
        return r.data

    p.data -= step_of_others()
    assert q.data.tolist() == [8.0, 8.0]


def by_itself(p: Value) -> None:
    p.data -= p.data


def by_operators(p: Value) -> None:
    p.data += 1.0
    p.data **= 0.0
    p.data //= 2.0


STEPS = [subtract, subtract_in_a_list, subtract_of_an_attribute, multiply, at_the_end_of_a_long_script]
STEPS += [by_a_new_name, with_steps_within, by_itself, by_operators]


@pytest.mark.parametrize("step", STEPS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step_on_an_array_works_as_on_a_scalar(step: Callable[[Value], None], dtype: Any) -> None:
    before = frozen([2.0, 1.0]).astype(dtype)
    p = Value(before, label="p")
    f = (p * p).sum()
    step(p)
    assert (p.data.tolist(), before.tolist(), p.dtype) == ([0.0, 0.0], [2.0, 1.0], dtype)
    assert not p.data.flags.writeable
    with pytest.raises(ValueError, match="p was changed after"):
        f.backward()


def test_a_step_takes_the_array_that_it_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    p, holder = Value([2.0, 1.0]), Holder()
    holder.w = p
    monkeypatch.setattr("microgradcnn.engine.value.as_data", None)  # which would copy it
    p.data -= np.ones(2)
    holder.w.data -= np.ones(2, np.float32)
    [p][0].data *= 2.0
    assert p.data.tolist() == [0.0, -2.0]


class Looking:
    """An operand that does its part, or fails, and keeps something of the array that is changed."""

    def __init__(self, keep: Callable[[Any], Any], fails: bool) -> None:
        self.keep, self.fails = keep, fails

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any) -> Any:
        self.kept = self.keep(out[0])
        if self.fails:
            raise RuntimeError("the operand fails")
        return getattr(ufunc, method)(inputs[0], 1.0, out=out)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("keep", [lambda x: x, lambda x: x[:], lambda x: x.reshape(2, 1), memoryview, lambda x: [x.T]])
def test_who_looks_on_while_a_step_is_made_cannot_change_a_value(keep: Callable[[Any], Any], fails: bool) -> None:
    p, q, looking = Value([2.0, 1.0]), Value([1.0, 2.0, 3.0], label="q"), Looking(keep, fails)
    try:
        p.data -= looking
    except RuntimeError:
        assert fails
    kept = np.asarray(looking.kept).reshape(2)
    expected = [2.0, 1.0] if fails else [1.0, 0.0]
    kept[:] = 7.0
    assert p.data.tolist() == expected
    p.data = kept  # nor later
    kept[:] = 8.0
    assert p.data.tolist() == [7.0, 7.0]
    assert not p.data.flags.writeable
    with pytest.raises(ValueError, match="q has shape"):
        q.data = kept


def test_steps_in_threads_keep_apart() -> None:
    values = [Value(np.zeros(3)) for _ in range(4)]

    def descend(p: Value) -> None:
        for _ in range(500):
            p.data -= np.ones(3)

    threads = [threading.Thread(target=descend, args=(p,)) for p in values]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert [p.data.tolist() for p in values] == [[-500.0] * 3] * 4


def test_a_step_on_what_was_computed_is_refused() -> None:
    y = Value([1.0, 2.0]) * 2.0
    with pytest.raises(ValueError, match="computed by mul: only a leaf can be given new data"):
        y.data -= 1.0
    assert y.data.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    "change", [by_index, everywhere, out_argument, sort, by_another_name], ids=lambda f: f.__name__
)
def test_an_array_cannot_be_changed_in_place(change: Callable[[Value], None]) -> None:
    p = Value(np.array([2.0, 1.0]))
    f = (p * p).sum()
    with pytest.raises(ValueError, match="read-only"):
        change(p)
    f.backward()
    assert (p.data.tolist(), p.grad.tolist()) == ([2.0, 1.0], [4.0, 2.0])


BAD_DATA = [
    (
        lambda p, f: setattr(p, "data", np.ones(3)),
        ValueError,
        r"p has shape \(2,\) and cannot take data of shape \(3,\)",
    ),
    (lambda p, f: setattr(p, "data", 1.0), ValueError, r"p has shape \(2,\) and cannot take data of shape \(\)"),
    (lambda p, f: setattr(p, "data", "ab"), TypeError, "a Value holds real numbers"),
    (lambda p, f: setattr(p, "data", None), TypeError, "a Value holds real numbers"),
    (lambda p, f: setattr(p, "data", p * 2), TypeError, r"mg.stack joins Values, .data is the number or array inside"),
    (lambda p, f: setattr(f, "data", np.ones(2)), ValueError, "f was computed by mul: only a leaf"),
    (lambda p, f: setattr(f.parents[1], "data", 3.0), AttributeError, "no setter"),
    (lambda p, f: setattr(p, "shape", (2, 1)), AttributeError, "no setter"),
    (lambda p, f: setattr(p, "has_grad", True), AttributeError, "no setter"),
    (lambda p, f: setattr(p, "requires_grad", False), AttributeError, "all leaves get a gradient"),
    (lambda p, f: p.__setitem__(0, 1.0), TypeError, "no part of p can be changed: mg.where, mg.stack and"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD_DATA)
def test_data_that_is_refused_changes_nothing(change: Callable[..., Any], kind: type[Exception], message: str) -> None:
    p = Value([1.0, 2.0], label="p")
    f = p * 2.0
    f.label = "f"
    with pytest.raises(kind, match=message):
        change(p, f)
    assert p.data.tolist() == [1.0, 2.0]
    assert f.data.tolist() == [2.0, 4.0]
    f.backward(np.ones(2))
    assert p.grad.tolist() == [2.0, 2.0]


USES = [
    lambda f, p: f.backward(),
    lambda f, p: mg.grad(f, [p]),
    lambda f, p: mg.grad(f, [f]),
    lambda f, p: copy.deepcopy(f),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("new", [5.0, 2.0], ids=["other", "same"])
def test_a_graph_older_than_its_leaf_is_refused(use: Callable[..., Any], new: float) -> None:
    p, q = Value(2.0, label="p"), Value(3.0, label="q")
    f = (p * q).exp() * q
    f.label = "loss"
    p.data = new
    with pytest.raises(ValueError, match="p was changed after loss was computed: compute it again"):
        use(f, p)
    assert not any(v.has_grad for v in (p, q))
    use((p * q).exp() * q, p)


def test_a_gradient_older_than_its_leaf_is_refused_too() -> None:
    p = Value(2.0, label="p")
    (g,) = mg.grad(p**3, [p])
    p.data -= 1.0
    with pytest.raises(ValueError, match="p was changed after an unlabelled result of mul was computed"):
        mg.grad(g, [p])


def test_a_shallow_copy_of_a_stale_graph_is_as_stale() -> None:
    p = Value(2.0, label="p")
    f = p * p
    p.data = 5.0
    with pytest.raises(ValueError, match="p was changed"):
        copy.copy(f).backward()


# How it looks from outside


def test_what_a_result_knows() -> None:
    a, b = Value(2.0, label="a"), Value(3.0)
    y = a * b
    assert y.op is TABLE["mul"]
    assert y.op.name == "mul"
    assert repr(y.op) == "<primitive mul>"
    assert y.parents == (a, b)
    assert y.label is None
    y.label = "y"
    assert y.describe() == "y"
    z = y + 1.0
    assert type(z.parents[1]) is Constant
    assert z.parents[1].data == 1.0
    assert (z.shape, z.ndim, z.dtype) == ((), 0, np.float64)
    assert Value(np.ones((2, 3))).T.shape == (3, 2)
    assert Value(np.ones((2, 3))).sum(axis=1).static == {"axis": (1,), "keepdims": False}


REPRS = [
    (lambda: Value(0.25), "Value(0.25)"),
    (lambda: Value(3, label="c_1"), "Value(3.0, label='c_1')"),
    (lambda: Value(2.0) * 3, "Value(6.0, op='mul')"),
    (lambda: Value([1.0, 2.0]), "Value([1. 2.])"),
    (lambda: Value([[1.0], [2.0]], label="S"), "Value([[1.]\n       [2.]], label='S')"),
    (lambda: Value(1.0) > 2, "Value(False, op='greater')"),
    (lambda: Value(np.float32(0.5)), "Value(np.float32(0.5))"),
]


@pytest.mark.parametrize(("compute", "text"), REPRS)
def test_repr_and_format(compute: Callable[[], Value], text: str) -> None:
    v = compute()
    assert repr(v) == str(v) == f"{v}" == text


def test_format_with_a_specification() -> None:
    assert f"{Value(2 / 3):.3f} {Value([[0.5]]):6.2f}|" == "0.667   0.50|"
    with pytest.raises(ValueError, match=r"w has shape \(2,\): only one number"):
        f"{Value([1.0, 2.0], label='w'):.3f}"


@pytest.mark.parametrize("one", [2.5, [2.5], [[2.5]], np.float32(2.5)])
def test_one_number_becomes_a_python_float(one: Any) -> None:
    v = Value(one)
    for number in (v.item(), float(v.detach())):
        assert type(number) is float
        assert number == 2.5
    assert bool(v) is True
    assert bool(v - 2.5) is False


@pytest.mark.parametrize("many", [[1.0, 2.0], [], np.ones((2, 2))])
@pytest.mark.parametrize("use", [float, bool, Value.item])
def test_more_or_less_than_one_number_does_not(use: Callable[[Value], Any], many: Any) -> None:
    with pytest.raises(ValueError, match=r"w has shape .*: (only one number can become a Python float|ask np.all)"):
        use(Value(many, label="w"))


def test_comparisons_are_boolean_values() -> None:
    v = Value([1.0, 2.0, 3.0])
    two = np.float64(2.0)
    for y, expected in (
        (v < two, [1, 0, 0]),
        (v <= 2, [1, 1, 0]),
        (operator.lt(2, v), [0, 0, 1]),
        (two <= v, [0, 1, 1]),
    ):
        assert type(y) is Value
        assert y.dtype == bool
        assert y.data.tolist() == [bool(x) for x in expected]
    assert Value(2.0) > 1.0
    assert not Value(2.0) < 1.0
    assert type((Value(2.0) > 1.0).data) is bool


def test_sequences() -> None:
    v = Value([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(v) == 3
    first, *rest = v
    assert first.data.tolist() == [1.0, 2.0]
    assert [r.data.tolist() for r in rest] == [[3.0, 4.0], [5.0, 6.0]]
    assert [r.data[0] for r in reversed(v)] == [5.0, 3.0, 1.0]
    a, b = v[1]
    (a * b).backward()
    total = v[0].sum()
    total.backward()
    assert sum(v[2]).data == 11.0
    for use in (len, iter, list, lambda s: [*s]):
        with pytest.raises(TypeError, match="c_1 is a scalar: it has no length"):
            use(Value(1.0, label="c_1"))


def test_gradients_flow_through_unpacking() -> None:
    v = Value([2.0, 5.0])
    a, b = v
    (a * b).backward()
    assert v.grad.tolist() == [5.0, 2.0]


def test_detach() -> None:
    x = Value([2.0, 3.0], label="x")
    y = x * x
    y.label = "y"
    d = y.detach()
    assert (d.op, d.parents, d.label, d.has_grad) == (None, (), "y", False)
    assert d.data is y.data
    f = (d * x).sum()
    f.backward()
    np.testing.assert_array_equal(x.grad, y.data)
    np.testing.assert_array_equal(d.grad, x.data)
    assert mg.grad(f, [y])[0].data.tolist() == [0.0, 0.0]


NAMES = [
    (lambda: Value(1.0, label="c_1"), "c_1"),
    (lambda: Value(1.0), "an unlabelled leaf"),
    (lambda: Value(1.0).exp(), "an unlabelled result of exp"),
]


@pytest.mark.parametrize(("compute", "name"), NAMES)
def test_the_name_that_errors_use(compute: Callable[[], Value], name: str) -> None:
    assert compute().describe() == name


def test_an_error_names_labels_and_shapes() -> None:
    s, x = Value(np.ones((3, 2)), label="S"), Value(np.ones(3), label="x")
    with pytest.raises(ValueError, match=r"matmul cannot take S of shape \(3, 2\), x of shape \(3,\): ") as caught:
        s @ x
    assert "\n" not in str(caught.value)


# no_grad


def test_no_grad_records_nothing() -> None:
    x = Value([2.0], label="x")
    with mg.no_grad():
        y = (x * x).exp()
        z = x > 1
    assert (y.op, y.parents, y.label) == (None, (), None)
    assert z.op is None
    assert (x * x).op is not None
    f = y.sum() * x.sum()
    f.backward()
    assert x.grad[0] == pytest.approx(np.exp(4.0))


def test_no_grad_nests_and_ends_with_an_exception() -> None:
    x = Value(2.0)
    with mg.no_grad():
        with mg.no_grad():
            assert x.exp().op is None
        assert x.exp().op is None
        with pytest.raises(ZeroDivisionError), mg.no_grad():
            raise ZeroDivisionError
        assert x.exp().op is None
    assert x.exp().op is not None


def test_no_grad_as_a_decorator() -> None:
    @mg.no_grad()
    def predict(x: Value) -> Value:
        return x * 2

    assert predict(Value(1.0)).op is None
    assert (Value(1.0) * 2).op is not None


def test_no_grad_is_of_its_thread() -> None:
    entered, done, recorded = threading.Event(), threading.Event(), []

    def other() -> None:
        with mg.no_grad():
            entered.set()
            done.wait()
            recorded.append(Value(1.0).exp().op)

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    mine = Value(1.0).exp().op
    done.set()
    thread.join()
    assert mine is TABLE["exp"]
    assert recorded == [None]


# A primitive of the user's own


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_of_ones_own() -> None:
    cube = mg.primitive("cube", lambda x: x**3, [lambda g, y, x: g * (3.0 * mg.square(x))], "x ** 3")
    assert TABLE["cube"] is cube
    assert (cube.name, cube.notation, repr(cube)) == ("cube", "x ** 3", "<primitive cube>")
    assert cube(2.0) == 8.0
    assert cube(np.array([1.0, 2.0])).tolist() == [1.0, 8.0]
    for x in (Value(2.0), Value(np.full(3, 2.0)), Value(np.full(3, 2.0, np.float32))):
        y = cube(x)
        assert y.dtype == x.dtype
        y.backward(np.ones(x.shape))
        assert np.all(x.grad == 12.0)
        (g,) = mg.grad(y, [x], seed=np.ones(x.shape))
        (h,) = mg.grad(g, [x], seed=np.ones(x.shape))
        assert np.all(h.data == 12.0)


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_with_static_arguments_and_an_input_without_gradient() -> None:
    chosen = mg.primitive(
        "chosen", lambda x, i, *, scale: scale * x[i.astype(int)], [lambda g, y, x, i, scale: scale * g, None]
    )
    x, i = Value([1.0, 2.0, 3.0]), Value([2.0, 1.0, 0.0])
    y = chosen(x, i, scale=5.0)
    assert y.static == {"scale": 5.0}
    y.backward(np.ones(3))
    assert x.grad.tolist() == [5.0, 5.0, 5.0]
    assert not i.has_grad
    assert chosen.notation == "chosen(x_1, x_2)"


@pytest.mark.usefixtures("own_primitives")
def test_scalars_of_ones_own_primitive_fall_back_on_numpy() -> None:
    inverse = mg.primitive("inverse", lambda x: 1 / x, [lambda g, y, x: -g * y * y], scalar=lambda x: math.pow(x, -1))
    assert inverse(Value(2.0)).data == 0.5
    assert inverse(Value(0.0)).data == math.inf


BAD_PRIMITIVES = [  # forward, chain, error, message; called with two Values
    (np.multiply, [lambda g, y, a, b: g * b], TypeError, "the chain of the primitive 'mine' has 1 rules, one for each"),
    (np.add, [lambda g, y, a, b: g, lambda g, y, a, b: None], TypeError, "<primitive mine> gave None to b"),
    (np.add, [lambda g, y, a, b: g, lambda g, y, a, b: np.ones(3)], ValueError, r"shape \(3,\) to b of shape \(2,\)"),
    (np.add, [lambda g, y, a, b: g, lambda g, y, a, b: 1.0], ValueError, r"shape \(\) to b of shape \(2,\)"),
    (lambda a, b: (a + b) * 1j, [], TypeError, "mine cannot take a of shape .* not an array of complex128"),
    (lambda a, b: None, [], TypeError, r"mine cannot take a of shape \(2,\), b of shape \(2,\)"),
    (lambda a, b: ["x"], [], TypeError, r"mine cannot take a of shape \(2,\), b of shape \(2,\)"),
]


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize(("forward", "chain", "kind", "message"), BAD_PRIMITIVES)
def test_a_primitive_that_is_wrong(forward: Any, chain: Any, kind: type[Exception], message: str) -> None:
    mine = mg.primitive("mine", forward, chain)
    with pytest.raises(kind, match=message):
        mine(Value([1.0, 2.0], label="a"), Value([1.0, 2.0], label="b")).sum().backward()


def test_the_tables_own_names_are_taken() -> None:
    with pytest.raises(ValueError, match="'exp' is in the table already: choose another name"):
        mg.primitive("exp", np.exp, [lambda g, y, x: g * y])


@pytest.mark.usefixtures("own_primitives")
def test_ones_own_primitive_can_be_defined_again() -> None:
    for factor in (2.0, 3.0):
        scaled = mg.primitive("scaled", lambda x, f=factor: f * x, [lambda g, y, x, f=factor: f * g])
    assert TABLE["scaled"] is scaled
    assert scaled(Value(1.0)).data == 3.0
