"""Deepcopy and pickle: leaves and graphs, deep ones too, with everything shared that was shared."""

from __future__ import annotations

import copy
import io
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Constant

WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    **{f"pickle-{p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)},
    "pickle in Python": lambda x: pickle._loads(pickle._dumps(x)),  # type: ignore[attr-defined]
}
FAST = ("deepcopy", f"pickle-{pickle.HIGHEST_PROTOCOL}")
every_way = pytest.mark.parametrize(
    "way", [pytest.param(way, id=name, marks=() if name in FAST else pytest.mark.slow) for name, way in WAYS.items()]
)


def some_graph() -> tuple[Value, Value, Value]:
    x, w = Value([[1.0, 2.0], [3.0, 4.0]], label="x"), Value([0.5, -0.5], label="w")
    hidden = (x @ w).sigmoid()
    hidden.label = "z"
    f = (mg.where(hidden > 0.4, hidden, hidden[np.array([0, 0])]) * np.array([1.0, 2.0])).sum() + hidden.sum(axis=0)
    f.label = "f"
    return x, w, f


def nodes_of(root: Value) -> list[Value]:
    seen, stack = {root: None}, [root]
    while stack:
        for p in stack.pop().parents:
            if p not in seen:
                seen[p] = None
                stack.append(p)
    return list(seen)


@every_way
@pytest.mark.parametrize("data", [2.0, [1.0, 2.0], np.float32(2), np.ones((2, 0), np.float32), np.ones((2, 2)).T])
def test_a_leaf(way: Callable[[Any], Any], data: Any) -> None:
    x = Value(data, label="x")
    y = way(x)
    assert y is not x
    assert type(y.data) is type(x.data)
    assert (y.dtype, y.shape, y.label, y.op, y.parents, y.has_grad) == (x.dtype, x.shape, "x", None, (), False)
    np.testing.assert_array_equal(y.data, x.data)
    assert not np.ndim(data) or not y.data.flags.writeable


@every_way
def test_a_graph(way: Callable[[Any], Any]) -> None:
    x, w, f = some_graph()
    f.backward()
    new_x, new_w, g = way((x, w, f))
    old, new = nodes_of(f), nodes_of(g)
    assert len(old) == len(new)
    assert not set(new) & {node for node in old if type(node) is not Constant}
    for a, b in zip(old, new, strict=True):
        assert type(a) is type(b)
        assert (a.label, a.op, a.shape, a.dtype) == (b.label, b.op, b.shape, b.dtype)
        assert [old.index(p) for p in a.parents] == [new.index(p) for p in b.parents]
        assert type(a.data) is type(b.data)
        np.testing.assert_array_equal(a.data, b.data)
        assert not b.shape or not b.data.flags.writeable
        np.testing.assert_equal(a.grad, b.grad)
        assert repr(a.static) == repr(b.static)
    assert new_x in new
    assert new_w in new
    for order in (1, 2):
        (f,), (g,) = mg.grad(f.sum(), [w]), mg.grad(g.sum(), [new_w])
        assert np.any(f.data), order
        np.testing.assert_array_equal(f.data, g.data)


@every_way
@pytest.mark.parametrize("flip", [False, True])
def test_identity_in_containers(way: Callable[[Any], Any], flip: bool) -> None:
    x, w, f = some_graph()
    things = [w, {"x": x, "w": w}, f] if flip else [f, {"x": x, "w": w}, w]
    copied = way(things)
    g, leaf = (copied[2], copied[0]) if flip else (copied[0], copied[2])
    assert leaf is copied[1]["w"]
    g.backward()
    assert leaf.has_grad
    assert copied[1]["x"].grad.shape == (2, 2)
    assert not any(v.has_grad for v in (w, x))


@every_way
def test_two_losses_keep_the_nodes_that_they_share(way: Callable[[Any], Any]) -> None:
    x = Value(3.0)
    shared = x * x
    a, b, leaf = way([shared + 1.0, shared * 2.0, x])
    assert a.parents[0] is b.parents[0]
    a.backward()
    b.backward()
    assert leaf.grad == 6.0 + 12.0
    assert way({x: "x", shared: "shared"}).keys() != {x, shared}


@every_way
def test_a_copy_is_independent(way: Callable[[Any], Any]) -> None:
    x = Value([1.0, 2.0])
    f = (x * x).sum()
    f.backward()
    g, y = way((f, x))
    y.grad[0] += 100.0
    assert x.grad.tolist() == [2.0, 4.0]
    g.backward()
    assert y.grad.tolist() == [104.0, 8.0]
    y.data = [5.0, 6.0]
    assert x.data.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="was changed"):
        g.backward()
    f.backward()
    assert x.grad.tolist() == [4.0, 8.0]


@every_way
def test_a_copy_of_a_leaf_learns_by_itself(way: Callable[[Any], Any]) -> None:
    x = Value(np.ones(2, np.float32), label="x")
    y = way(x)
    for _ in range(3):
        y.grad = None
        (y * y).sum().backward()
        y.data = y.data - 0.25 * y.grad
    assert y.dtype == np.float32
    assert y.data.tolist() == [0.125, 0.125]
    assert x.data.tolist() == [1.0, 1.0]


@every_way
def test_graphs_of_gradients(way: Callable[[Any], Any]) -> None:
    x = Value(2.0)
    (g,) = mg.grad(x**3 + mg.relu(x), [x])
    h, y = way((g, x))
    assert h.data == 13.0
    assert mg.grad(h, [y])[0].data == 12.0


@every_way
def test_a_stale_graph_is_refused(way: Callable[[Any], Any]) -> None:
    x = Value(2.0, label="x")
    f = x * x
    x.data = 3.0
    with pytest.raises(ValueError, match="x was changed after an unlabelled result of mul was computed"):
        way(f)
    assert way(x).data == 3.0
    assert way((x, x * x))[1].data == 9.0


def chain(depth: int) -> tuple[Value, Value]:
    x = y = Value(0.5, label="x")
    for _ in range(depth // 2):
        y = 1.0 - y
        y = y * 1.0
    return x, y


@pytest.mark.parametrize("name", ["deepcopy", f"pickle-{pickle.HIGHEST_PROTOCOL}"])
@pytest.mark.parametrize("depth", [10**4, pytest.param(10**5, marks=pytest.mark.slow)])
def test_many_thousand_nodes_deep(name: str, depth: int) -> None:
    x, y = chain(depth)
    z, leaf = WAYS[name]((y, x))
    z.backward()
    assert leaf.grad == 1.0
    assert leaf.label == "x"
    assert not x.has_grad


def test_pickle_after_pickle_of_what_shares_a_deep_trunk() -> None:
    _, trunk = chain(4000)
    a, b = trunk * 2.0, trunk * 3.0
    for things in ((a, b), trunk, (b, trunk, a), trunk):
        pickle.loads(pickle.dumps(things))
        copy.deepcopy(things)


class UnpicklableError(Exception):
    """Raised by a label that refuses to be pickled."""


class BadLabel(str):
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise UnpicklableError


def test_pickle_after_a_pickle_that_failed() -> None:
    _, trunk = chain(4000)
    middle = trunk.parents[0]
    bad = Value(1.0, label=BadLabel("bad"))
    for things in ((trunk * bad, trunk), (bad * trunk,)):
        with pytest.raises(UnpicklableError):
            pickle.dumps(things)
        assert len(pickle.loads(pickle.dumps((trunk, middle)))) == 2
        assert pickle.loads(pickle.dumps(middle)).data == 0.5


def test_one_pickler_for_several_dumps() -> None:
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    x, y = chain(4000)
    for thing in (y * 2.0, y, x):
        pickler.dump(thing)
    assert pickle.loads(pickle.dumps(y)).data == 0.5
    file.seek(0)
    unpickler = pickle.Unpickler(file)
    loaded = [unpickler.load() for _ in range(3)]
    assert loaded[0].parents[0] is loaded[1]
    loaded[0].backward()
    assert loaded[2].grad == 2.0


@pytest.mark.usefixtures("own_primitives")
def test_a_graph_with_ones_own_primitive() -> None:
    double = mg.primitive("double", lambda x: 2.0 * x, [lambda g, y, x: 2.0 * g])
    x = Value(3.0)
    pickled = pickle.dumps((double(x), x))
    f, y = pickle.loads(pickled)
    assert f.op is double
    f.backward()
    assert y.grad == 2.0
    assert copy.deepcopy(double(x)).op is double
    assert copy.deepcopy(double) is copy.copy(double) is pickle.loads(pickle.dumps(double)) is double
    del TABLE["double"]
    with pytest.raises(ValueError, match=r"there is no primitive 'double': define it with mg.primitive before loading"):
        pickle.loads(pickled)


def test_a_shallow_copy_shares_everything_but_itself() -> None:
    x = Value([1.0, 2.0], label="x")
    f = (x * x).sum()
    f.backward()
    g = copy.copy(f)
    assert g is not f
    assert (g.op, g.parents, g.data, g.grad) == (f.op, f.parents, f.data, f.grad)
    y = copy.copy(x)
    assert y.data is x.data
    y.label = "y"
    y.data = [7.0, 8.0]
    assert (x.label, x.data.tolist()) == ("x", [1.0, 2.0])
    g.backward()
    assert x.grad.tolist() == [4.0, 8.0]


@pytest.mark.parametrize("way", [*WAYS.values(), copy.copy])
def test_a_constant_stays_one(way: Callable[[Any], Any]) -> None:
    for constant in ((Value(1.0) + 2.0).parents[1], mg.where(np.array([True]), Value(1.0), 0.0).parents[0]):
        again = way(constant)
        assert type(again) is Constant
        assert again.dtype == constant.dtype
        np.testing.assert_array_equal(again.data, constant.data)


@pytest.mark.usefixtures("no_garbage_collector")
@every_way
def test_copying_keeps_nothing_alive(way: Callable[[Any], Any]) -> None:
    x, w, f = some_graph()
    g = way(f)
    refs = [weakref.ref(node) for root in (f, g) for node in nodes_of(root)]
    del x, w, f, g
    assert [ref() for ref in refs if ref() is not None] == []
