"""What micrograd's users read of a node, call and set: served, or refused with what is written here."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value

A, B = Value(2.0, label="a"), Value(-3.0, label="b")

OPERATIONS: list[tuple[Value, str, set[Value]]] = [
    (A, "", set()),
    (A + B, "+", {A, B}),
    (A * B, "*", {A, B}),
    (A - B, "-", {A, B}),
    (A / B, "/", {A, B}),
    (A + A, "+", {A}),
    (-A, "-", {A}),
    (A**3, "**3", {A}),
    (A**-1, "**-1", {A}),
    (A**0.5, "**0.5", {A}),
    (A**B, "**", {A, B}),
    (A.relu(), "ReLU", {A}),
    (A.tanh(), "tanh", {A}),
    (A.exp(), "exp", {A}),
    (A > B, ">", {A, B}),
    (Value(np.eye(2)) @ np.ones(2), "@", set()),
]


@pytest.mark.parametrize(("node", "op", "parents"), OPERATIONS, ids=[row[1] for row in OPERATIONS])
def test_what_made_a_node(node: Any, op: str, parents: set[Value]) -> None:
    assert node._op == op
    assert type(node._prev) is set
    assert node._prev == set(node.parents)
    assert not parents or node._prev == parents


def test_a_raw_number_is_among_the_parents_with_data_grad_and_no_operation() -> None:
    node: Any = 2 * A
    (two,) = node._prev - {A}
    assert ("%.4f %.4f" % (two.data, two.grad), two._op, two._prev) == ("2.0000 0.0000", "", set())  # noqa: UP031
    two._backward()


def test_backward_of_a_node_is_its_step() -> None:
    a: Any = Value(0.5)
    o = a.tanh() * 3.0
    o.grad = 1.0
    o._backward()
    o.parents[0]._backward()
    a._backward()
    assert a.grad == pytest.approx(3.0 * (1 - math.tanh(0.5) ** 2), rel=1e-15)


def by_hand(data: float, children: Any, op: str) -> Any:
    return Value(data, children, op)


WRITTEN: list[tuple[str, Callable[[Any], Any], type[Exception], str]] = [
    (
        "Value(d, (a, b), '+')",
        lambda v: by_hand(1.0, (A, B), "+"),
        TypeError,
        r"^Value\(1\.0, label='v'\) makes a leaf",
    ),
    ("Value(d, (a,), 'tanh')", lambda v: by_hand(1.0, (A,), "tanh"), TypeError, r"makes a leaf, and its label is text"),
    ("Value(d, (a, b))", lambda v: Value(1.0, (A, B)), TypeError, r"makes a leaf, and its label is text"),  # type: ignore
    ("_backward = ...", lambda v: setattr(v, "_backward", print), AttributeError, "^_backward of v cannot be set: "),
    ("_prev = ...", lambda v: setattr(v, "_prev", {A}), AttributeError, "^_prev of v cannot be set: "),
    ("_op = ...", lambda v: setattr(v, "_op", "+"), AttributeError, "^_op of v cannot be set: "),
]


@pytest.mark.parametrize(("write", "kind", "message"), [row[1:] for row in WRITTEN], ids=[row[0] for row in WRITTEN])
def test_a_node_is_not_made_by_hand(write: Callable[[Any], Any], kind: type[Exception], message: str) -> None:
    v = A * B
    v.label = "v"
    with pytest.raises(kind, match=message) as caught:
        write(v)
    ends = (
        "such as a + b, with the chain rules of the table, to which mg.primitive(name, forward, chain, notation) adds"
    )
    assert f"nodes are made by operators and functions of Values, {ends} one of your own" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert v._prev == {A, B}


def test_other_attributes_are_the_users_and_travel_with_copies() -> None:
    v: Any = Value(2.0, label="v")
    v.layer = 3
    f: Any = v * v
    f.momentum, f.start = [0.5], v
    for again in (copy.copy(f), copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert (again.momentum, again.start.layer, again.start) == ([0.5], 3, again.parents[0])
    assert copy.deepcopy(f).momentum is not f.momentum
    v.layer += 1
    del v.layer
    assert not hasattr(v, "layer")
    assert not hasattr(copy.deepcopy(f).start, "layer")


def test_attributes_that_name_each_other_are_copied() -> None:
    v: Any = Value(2.0)
    f: Any = v * 3.0
    v.used_by, f.itself = f, f
    for again in (copy.deepcopy(f), pickle.loads(pickle.dumps(f))):
        assert again.parents[0].used_by is again.itself is again


def test_an_attribute_is_no_part_of_the_graph() -> None:
    v: Any = Value(2.0)
    v.target = Value(5.0)
    mg.exp(v).backward()
    assert not v.target.has_grad
    assert v.target not in mg.exp(v)._prev  # type: ignore[attr-defined]
