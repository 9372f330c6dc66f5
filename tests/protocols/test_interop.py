"""NumPy's functions on Values: each that has a counterpart gives a graph, every other one refuses in one sentence."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.protocols.numpy import BY_NUMPY_NAME

A = np.array([[0.5, 1.5, 2.5], [0.25, 3.0, 0.75]])
B = np.array([[2.0, 0.5, 1.5], [0.5, 4.0, 0.25]])

ONE: dict[str, list[Callable[[Any], Any]]] = {  # by NumPy's name: calls with one array
    **{
        name: [getattr(np, name)]
        for name in ("exp", "expm1", "log", "log1p", "sqrt", "square", "tanh", "negative", "positive")
    },
    **{
        name: [getattr(np, name)]
        for name in ("sin", "cos", "tan", "sinh", "cosh", "arctan", "arcsinh", "log2", "log10")
    },
    **{name: [lambda x, f=name: getattr(np, f)(x / 9)] for name in ("arcsin", "arccos", "arctanh")},
    **{
        name: [getattr(np, name)]
        for name in ("arcsinh", "exp2", "sinc", "deg2rad", "rad2deg", "radians", "degrees", "fabs")
    },
    **{name: [getattr(np, name)] for name in ("sign", "floor", "ceil", "reciprocal", "isnan", "isinf", "isfinite")},
    **{name: [getattr(np, name)] for name in ("zeros_like", "ones_like", "nan_to_num", "fabs")},
    "arccosh": [lambda x: np.arccosh(x + 1.0)],
    "clip": [lambda x: np.clip(x, 0.5, 2), lambda x: np.clip(x, a_min=1, a_max=None), lambda x: np.clip(x, max=B)],
    "absolute": [np.absolute, np.abs, abs],
    "abs": [np.abs],
    "sum": [np.sum, lambda x: np.sum(x, axis=1), lambda x: np.sum(x, 0, keepdims=True)],
    "mean": [np.mean, lambda x: np.mean(x, axis=(0, 1)), lambda x: np.mean(x, -1, keepdims=True)],
    "max": [np.max, lambda x: np.max(x, axis=1)],
    "amax": [np.amax, lambda x: np.amax(x, axis=0, keepdims=True)],
    "reshape": [lambda x: np.reshape(x, (3, 2)), lambda x: np.reshape(x, -1), lambda x: np.reshape(x, [6])],
    "transpose": [np.transpose, lambda x: np.transpose(x, (1, 0)), lambda x: np.transpose(x, axes=(0, 1))],
    "broadcast_to": [lambda x: np.broadcast_to(x, (4, 2, 3)), lambda x: np.broadcast_to(x, shape=(1, 2, 3))],
    "astype": [lambda x: np.astype(x, np.float64)],
    "min": [np.min, lambda x: np.min(x, axis=1)],
    "amin": [np.amin, lambda x: np.amin(x, axis=0, keepdims=True)],
    "prod": [np.prod, lambda x: np.prod(x, 1), lambda x: np.prod(x, axis=0, keepdims=True)],
    "var": [np.var, lambda x: np.var(x, axis=0, ddof=1), lambda x: np.var(x, (0, 1), keepdims=True)],
    "std": [np.std, lambda x: np.std(x, axis=-1, ddof=1), lambda x: np.std(x, 0, keepdims=True)],
    "linalg.norm": [
        *[lambda x, o=o: np.linalg.norm(x, o) for o in (None, "fro", 1, -1, np.inf, -np.inf)],
        *[lambda x, o=o: np.linalg.norm(x, o, 1) for o in (None, 1, 2, 3, 1.5, -1, -2, np.inf, -np.inf)],
        lambda x: np.linalg.norm(x, axis=0, keepdims=True),
        lambda x: np.linalg.norm(x, 1, (1, 0), True),
    ],
    "cumsum": [np.cumsum, lambda x: np.cumsum(x, axis=0), lambda x: np.cumsum(x, -1)],
    "ravel": [np.ravel],
    "squeeze": [lambda x: np.squeeze(np.expand_dims(x, 0)), lambda x: np.squeeze(np.expand_dims(x, 1), axis=1)],
    "expand_dims": [lambda x: np.expand_dims(x, -1), lambda x: np.expand_dims(x, axis=(0, 3))],
    "swapaxes": [lambda x: np.swapaxes(x, 0, 1), lambda x: np.swapaxes(x, axis1=-1, axis2=-1)],
    "moveaxis": [lambda x: np.moveaxis(np.expand_dims(x, 0), 2, 0), lambda x: np.moveaxis(x, (0, 1), (-1, 0))],
    "rollaxis": [lambda x: np.rollaxis(x, 1), lambda x: np.rollaxis(x, axis=0, start=2)],
    "flip": [np.flip, lambda x: np.flip(x, axis=1), lambda x: np.flip(x, (0, -1))],
    "flipud": [np.flipud],
    "fliplr": [np.fliplr],
    "rot90": [np.rot90, *[lambda x, k=k: np.rot90(x, k=k, axes=(1, 0)) for k in (-1, 0, 2, 5)]],
    "atleast_1d": [np.atleast_1d, lambda x: np.atleast_1d(np.sum(x))],
    "atleast_2d": [np.atleast_2d, lambda x: np.atleast_2d(np.ravel(x)), lambda x: np.atleast_2d(np.sum(x))],
    "atleast_3d": [np.atleast_3d, lambda x: np.atleast_3d(np.ravel(x)), lambda x: np.atleast_3d(np.sum(x))],
    "roll": [
        *[lambda x: np.roll(x, 2), lambda x: np.roll(x, -1, axis=1), lambda x: np.roll(x, (1, 5), axis=(0, 1))],
        *[lambda x: np.roll(x, 1, axis=(0, 1)), lambda x: np.roll(x, (1, 2))],
    ],
    "repeat": [lambda x: np.repeat(x, 2), lambda x: np.repeat(x, [2, 0], axis=0), lambda x: np.repeat(x, 3, axis=-1)],
    "tile": [lambda x: np.tile(x, 2), lambda x: np.tile(x, (2, 1, 3)), lambda x: np.tile(np.ravel(x), (2, 1))],
    "pad": [
        *[lambda x, w=w: np.pad(x, w) for w in (0, 2, (1,), (1, 2), ((1, 2),), ((0, 1), (2, 0)))],
        *[lambda x, m=m: np.pad(x, ((1, 1), (2, 1)), mode=m) for m in ("edge", "reflect", "symmetric", "wrap")],
        lambda x: np.pad(x, ((1, 2), (0, 1)), constant_values=((1.0, 2.0), (3.0, 4.0))),
        lambda x: np.pad(x, 1, "constant", constant_values=(5.0, 6.0)),
    ],
    "diagonal": [np.diagonal, lambda x: np.diagonal(x, 1), lambda x: np.diagonal(x, offset=-1, axis1=1, axis2=0)],
    "trace": [np.trace, lambda x: np.trace(x, 2), lambda x: np.trace(x, -1)],
    "diag": [np.diag, lambda x: np.diag(x, 1), lambda x: np.diag(np.ravel(x), -2), lambda x: np.diag(x, k=-1)],
    "diagflat": [np.diagflat, lambda x: np.diagflat(x, k=1)],
    "tril": [np.tril, lambda x: np.tril(x, -1), lambda x: np.tril(np.ravel(x), k=1)],
    "triu": [np.triu, lambda x: np.triu(x, k=1), lambda x: np.triu(np.ravel(x))],
    "sort": [np.sort, lambda x: np.sort(x, axis=0), lambda x: np.sort(x, None)],
    "take": [
        lambda x: np.take(x, [5, 0, -1]),
        lambda x: np.take(x, [[2, 0], [1, 1]], axis=1),
        lambda x: np.take(x, 1, 0),
    ],
    "take_along_axis": [
        lambda x: np.take_along_axis(x, np.array([[2, 0], [1, 1]]), axis=1),
        lambda x: np.take_along_axis(x, np.array([4, 0]), axis=None),
    ],
    "diff": [np.diff, lambda x: np.diff(x, n=2, axis=1), lambda x: np.diff(x, axis=0)],
}
TWO: dict[str, list[Callable[[Any, Any], Any]]] = {  # calls with two arrays
    **{name: [getattr(np, name)] for name in ("maximum", "minimum", "equal")},
    **{name: [getattr(np, name)] for name in ("arctan2", "hypot", "logaddexp", "logaddexp2")},
    "mod": [operator.mod],
    "remainder": [np.remainder, np.mod],
    "add": [np.add, operator.add],
    "subtract": [np.subtract, operator.sub],
    "multiply": [np.multiply, operator.mul],
    "divide": [np.divide, np.true_divide, operator.truediv],
    "power": [np.power, operator.pow],
    "less": [np.less, operator.lt],
    "less_equal": [np.less_equal, operator.le],
    "greater": [np.greater, operator.gt],
    "greater_equal": [np.greater_equal, operator.ge],
    "not_equal": [np.not_equal],
    "matmul": [lambda a, b: np.matmul(a, np.ones((3, 2)) @ b), lambda a, b: (a @ np.ones((3, 2))) @ b],
    "where": [lambda a, b: np.where(A > 1, a, b), lambda a, b: np.where(b > a, a, b * 0.5)],
    "concatenate": [lambda a, b: np.concatenate([a, b]), lambda a, b: np.concatenate((a, b), axis=-1)],
    "stack": [lambda a, b: np.stack([a, b]), lambda a, b: np.stack((a, b), axis=2)],
    "hstack": [lambda a, b: np.hstack([a, b]), lambda a, b: np.hstack([np.ravel(a), np.ravel(b)])],
    "vstack": [lambda a, b: np.vstack([a, b]), lambda a, b: np.vstack([np.ravel(a), np.ravel(b)])],
    "dstack": [lambda a, b: np.dstack([a, b]), lambda a, b: np.dstack([np.ravel(a), np.ravel(b)])],
    "column_stack": [lambda a, b: np.column_stack([a, b]), lambda a, b: np.column_stack([np.ravel(a), np.ravel(b)])],
    "append": [lambda a, b: np.append(a, b), lambda a, b: np.append(a, b, axis=1)],
    "cross": [
        np.cross,
        lambda a, b: np.cross(a, np.transpose(b), axisb=0, axisc=0),
        lambda a, b: np.cross(np.transpose(a), np.transpose(b), axis=0),
    ],
    "select": [
        lambda a, b: np.select([A > 1.0, B > 1.0], [a * 2.0, b], -1.0),
        lambda a, b: np.select([A > B], [a * b]),
    ],
    "dot": [lambda a, b: np.dot(a, np.transpose(b)), lambda a, b: np.dot(np.expand_dims(a, 0), np.transpose(b))],
    "inner": [np.inner, lambda a, b: np.inner(np.ravel(a), np.ravel(b))],
    "vdot": [np.vdot],
    "outer": [np.outer],
    "linalg.outer": [lambda a, b: np.linalg.outer(np.ravel(a), np.ravel(b))],
    "kron": [np.kron, lambda a, b: np.kron(np.ravel(a), b)],
    "tensordot": [np.tensordot, lambda a, b: np.tensordot(a, b, 0), lambda a, b: np.tensordot(a, b, ([0], [0]))],
    "linalg.tensordot": [lambda a, b: np.linalg.tensordot(a, b, axes=([1], [1]))],
    "linalg.matmul": [lambda a, b: np.linalg.matmul(a, np.transpose(b))],
    "einsum": [
        *[lambda a, b, s=s: np.einsum(s, a, b) for s in ("ij,ij->ij", "ij,ij", "ij,kj->ik", "ij,ij->j", "ij,kl->kilj")],
        lambda a, b: np.einsum("ij,...j->i...", a, b),
        lambda a, b: np.einsum(a, [0, 1], b, [2, 1], [0, 2]),
    ],
}
LISTS: dict[str, list[Callable[[Any], Any]]] = {  # functions that give several arrays
    "split": [lambda x: np.split(x, 2), lambda x: np.split(x, [1, 2], axis=1)],
    "array_split": [lambda x: np.array_split(x, 2, axis=1), lambda x: np.array_split(x, [2, 1], axis=-1)],
    "hsplit": [lambda x: np.hsplit(x, 3), lambda x: np.hsplit(np.ravel(x), [4])],
    "vsplit": [lambda x: np.vsplit(x, [1])],
    "dsplit": [lambda x: np.dsplit(np.expand_dims(x, 0), 3)],
}
PLACES: dict[str, list[Callable[[Any], Any]]] = {  # plain integers of NumPy
    "argmax": [np.argmax, lambda x: np.argmax(x, axis=1), lambda x: np.argmax(x, 0, keepdims=True)],
    "argmin": [np.argmin, lambda x: np.argmin(x, axis=0)],
    "argsort": [np.argsort, lambda x: np.argsort(x, axis=0), lambda x: np.argsort(x, None)],
}
NUMBERS: dict[str, Callable[[Any], Any]] = {"shape": np.shape, "ndim": np.ndim, "size": np.size}
OURS_ONLY = {"sigmoid", "relu", "softplus", "softmax", "log_softmax", "conv2d", "avg_pool2d", "max_pool2d"}
OURS_ONLY |= {"erf", "flatten", "gelu", "leaky_relu", "silu"}
LOGIC = {f"{kind}_{name}" for kind in ("logical", "bitwise") for name in ("and", "or", "xor")}  # in test_logic.py
LOGIC |= {"logical_not", "invert"}
UNARY = [pytest.param(name, call, id=f"{name}-{i}") for name, calls in ONE.items() for i, call in enumerate(calls)]
BINARY = [pytest.param(name, call, id=f"{name}-{i}") for name, calls in TWO.items() for i, call in enumerate(calls)]


def test_every_name_has_a_case() -> None:
    assert set(BY_NUMPY_NAME) == {*ONE, *TWO, *NUMBERS, *LISTS, *PLACES} | OURS_ONLY | LOGIC


def check(y: Any, expected: Any, leaves: list[Value]) -> None:
    assert type(y) is Value
    assert y.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(y.data, expected, rtol=1e-15)
    if y.dtype != bool:
        y.backward(np.ones(y.shape))
        assert all(leaf.has_grad for leaf in leaves)


@pytest.mark.parametrize(("name", "call"), UNARY)
def test_a_function_of_one_array(name: str, call: Callable[..., Any]) -> None:
    x = Value(A)
    check(call(x), call(A), [x])


@pytest.mark.parametrize(("name", "call"), BINARY)
def test_a_function_of_two_arrays_with_a_value_on_either_side(name: str, call: Callable[..., Any]) -> None:
    v, w = Value(A), Value(B)
    check(call(v, w), call(A, B), [v, w])
    check(call(v, B), call(A, B), [v])
    check(call(A, w), call(A, B), [w])


BINARY_UFUNCS = [name for name, calls in TWO.items() if isinstance(calls[0], np.ufunc)]


@pytest.mark.parametrize("other", [np.float64(1.5), np.float32(1.5), np.int64(2), np.array(1.5), 1.5, 2], ids=repr)
@pytest.mark.parametrize("name", BINARY_UFUNCS)
def test_a_ufunc_of_a_scalar(name: str, other: Any) -> None:
    ufunc, v = getattr(np, name), Value(0.5)
    for y, expected in ((ufunc(v, other), ufunc(0.5, float(other))), (ufunc(other, v), ufunc(float(other), 0.5))):
        assert type(y) is Value
        assert y.data == pytest.approx(expected, rel=1e-7)
        assert y.op is not None


@pytest.mark.parametrize("name", NUMBERS)
def test_what_leaves_the_graph_as_a_number(name: str) -> None:
    for data in (A, A[0], 2.0, np.ones((0, 3))):
        assert NUMBERS[name](Value(data)) == NUMBERS[name](data)


@pytest.mark.parametrize("name", LISTS)
def test_what_gives_several_arrays(name: str) -> None:
    for call in LISTS[name]:
        x = Value(A)
        found, expected = call(x), call(A)
        assert len(found) == len(expected)
        for y, part in zip(found, expected, strict=True):
            check(y, part, [x])


@pytest.mark.parametrize("name", PLACES)
def test_places_are_numpys_integers(name: str) -> None:
    for call in PLACES[name]:
        found, expected = call(Value(A)), call(A)
        assert type(found) is type(expected)
        np.testing.assert_array_equal(found, expected)


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda v: np.array([v, v]), "NumPy cannot make an array of x without losing its graph: mg.stack joins Values"),
    (lambda v: np.array(v), "without losing its graph"),
    (lambda v: np.asarray(v), "without losing its graph"),
    (lambda v: np.asarray([[v], [v]]), "without losing its graph"),
    (lambda v: np.array([v, v], dtype=object), "without losing its graph"),
    (lambda v: np.asarray(v, dtype=float), "without losing its graph"),
    (lambda v: np.ones(3)[v], "without losing its graph|index"),
    (lambda v: np.digitize(v, [0, 1]), "np.digitize does not know Values"),
    (lambda v: np.gradient(v), "np.gradient does not know Values"),
    (lambda v: np.cbrt(v), r"np.cbrt does not know Values: compose it .* or leave the graph with .data"),
    (lambda v: np.any(v), r"^np.any does not know Values: write np.any\(v.data\) or np.all\(v.data\)$"),
    (lambda v: np.all(v), r"^np.all does not know Values: write np.any\(v.data\) or np.all\(v.data\)$"),
    (lambda v: np.median(v), r"^np.median does not know Values: take a place of mg.sort\(v\), or np.median\(v.data\)"),
    (lambda v: np.quantile(v, 0.5), r"np.quantile does not know Values: take a place of mg.sort\(v\)"),
    (lambda v: np.copy(v), r"np.copy does not know Values: take v itself"),
    (lambda v: np.signbit(v), "np.signbit does not know Values"),
    (lambda v: np.linalg.inv(v), "np.linalg.inv does not know Values: compose it from what mg has"),
    (lambda v: np.linalg.diagonal(v), "np.linalg.diagonal does not know Values"),
    (lambda v: v.__array_function__(np.cov, (), (v, v), {}), "np.cov does not know Values"),
    (lambda v: np.cov(v, A), "np.cov does not know Values"),
    (lambda v: np.einsum_path("i->", v), "does not know Values"),
    (lambda v: np.median(v), "np.median does not know Values"),
    (lambda v: np.argpartition(v, 1), "np.argpartition does not know Values"),
    (lambda v: np.prod(v, initial=2.0), "it has no initial="),
    (lambda v: np.std(v, out=np.zeros(())), "it has no out="),
    (lambda v: v.sort(), "x is not put in order where it is: mg.sort"),
    (lambda v: np.block([v, v]), "does not know Values"),
    (lambda v: np.floor_divide(v, 2), "np.floor_divide does not know Values"),
    (lambda v: np.ones(3) // v, "np.floor_divide does not know Values"),
    (lambda v: np.divmod(np.ones(3), v), "np.divmod does not know Values"),
    (lambda v: np.nextafter(v, 1.0), "np.nextafter does not know Values"),
    (lambda v: np.modf(v), "np.modf does not know Values"),
    (lambda v: np.add(v, v, out=np.zeros(3)), "np.add with out= cannot record a graph"),
    (lambda v: np.add(v, 1.0, np.zeros(3)), "np.add with out= cannot record a graph"),
    (lambda v: np.exp(v, where=np.ones(3, bool)), "np.exp with where= cannot record a graph"),
    (lambda v: np.multiply(v, v, dtype=np.float32), "np.multiply with dtype= cannot record a graph"),
    (lambda v: np.add.reduce(v), "np.add.reduce cannot record a graph"),
    (lambda v: np.add.accumulate(v), "np.add.accumulate cannot record a graph"),
    (lambda v: np.multiply.outer(v, v), "np.multiply.outer cannot record a graph"),
    (lambda v: np.add.at(np.zeros(3), [0], v), "np.add.at cannot record a graph"),
    (lambda v: np.add.at(v, [0], 1.0), "np.add.at cannot record a graph"),
    (lambda v: operator.iadd(np.zeros(3), v), r"np.add with out= cannot record a graph: write .*a = a \+ v"),
    (lambda v: operator.imul(np.ones(3), v), "np.multiply with out= cannot record a graph"),
    (lambda v: operator.imatmul(np.ones((3, 3)), v), "cannot record a graph"),
    (lambda v: operator.setitem(np.zeros((2, 3)), 0, v), "without losing its graph|sequence"),
    (lambda v: np.fft.fft(v), "np.fft.fft does not know Values"),
    (lambda v: scipy.special.erfinv(v), "^erfinv does not know Values"),
    (lambda v: np.sum(v, dtype=np.float32), r"mg.sum\(x, axis=None, keepdims=False\): it has no dtype="),
    (lambda v: np.sum(v, axis=0, out=np.zeros(())), "it has no out="),
    (lambda v: np.sin(v, out=np.zeros(3)), "np.sin with out= cannot record a graph"),
    (lambda v: np.clip(v, 0, 1, out=np.zeros(3)), "mg.clip is called as mg.clip.*it has no out="),
    (lambda v: np.zeros_like(v, dtype=int), r"mg.zeros_like is called as mg.zeros_like\(x\): it has no dtype="),
    (lambda v: np.nan_to_num(v, copy=False), "mg.nan_to_num is called as .*it has no copy="),
    (lambda v: np.where(v), r"mg.where is called as mg.where\(condition, a, b\): missing a required argument: 'a'"),
    (lambda v: np.reshape(v, (3, 1), order="F"), "order"),
    (lambda v: np.concatenate([v, v], axis=None), "integer"),
]


def test_a_norm_that_counts_and_norms_that_take_a_decomposition() -> None:
    assert np.linalg.norm(Value([[0.0, 2.0], [0.0, 0.0]]), 0, axis=1).data.tolist() == [1.0, 0.0]
    for order, axes in (("nuc", "2 axes"), (2, "2 axes"), (-2, "2 axes")):
        with pytest.raises(ValueError, match=f"norm has no ord={order!r} over {axes}: .* singular values"):
            np.linalg.norm(Value(A), order)
    with pytest.raises(ValueError, match="norm has no ord='fro' over 1 axis: of one axis it takes a number"):
        np.linalg.norm(Value(A[0]), "fro")


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_everything_else_refuses_in_one_sentence(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        call(Value([1.0, 2.0, 3.0], label="x"))
    assert "\n" not in str(caught.value)


def test_the_refusal_says_where_what_mg_has_is_listed_and_names_the_way_to_more() -> None:
    with pytest.raises(TypeError, match=r"what mg has, as dir\(mg\) lists it, .* mg.primitive"):
        np.cbrt(Value(1.0))
    ours = {name for name in vars(mg.engine.functions) if name in mg.__all__}
    assert len({name.removeprefix("linalg.") for name in BY_NUMPY_NAME} & ours) > 100
    assert ours <= {*dir(mg)}


def test_in_place_operators_on_a_value_make_a_new_value() -> None:
    v = x = Value([1.0, 2.0])
    v += np.ones(2)
    v *= 2.0
    v -= x
    v /= 2.0
    v **= 2
    assert x.data.tolist() == [1.0, 2.0]
    assert v.data.tolist() == [((1 + 1) * 2 - 1) ** 2 / 4, ((2 + 1) * 2 - 2) ** 2 / 4]
    v.sum().backward()
    assert x.grad.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("function", [math.exp, math.sin, math.sqrt, math.floor, math.isnan, math.fabs, np.float64])
def test_what_asks_for_a_float_leaves_the_graph(function: Callable[[Any], Any]) -> None:
    assert function(Value(2.25).detach()) == function(2.25)
    assert type(function(Value(2.25).detach())) is type(function(2.25))
    with pytest.raises((TypeError, ValueError), match=r"only one number can become|without losing its graph"):
        function(Value([1.0, 2.0]))


def test_sums_of_lists() -> None:
    values = [Value(1.0), Value(2.0), Value(3.0)]
    total = sum(values)
    assert type(total) is Value
    total.backward()
    assert [v.grad for v in values] == [1.0, 1.0, 1.0]
    assert mg.sum(mg.stack(values)).data == 6.0
    with pytest.raises(TypeError, match=r"mg\.stack"):
        mg.sum(values)
    with pytest.raises(TypeError, match=r"mg\.stack"):
        np.sum(values)


def test_arrays_of_the_left_defer() -> None:
    for left in (np.ones(3), np.float64(2), np.float32(2), np.int32(2), np.array(2.0), np.ones((3, 3))):
        for operate in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt):
            y = operate(left, Value(np.full(3, 2.0)))
            assert type(y) is Value
            assert y.data.dtype != object
    assert (np.ones((3, 3)) @ Value(np.ones(3))).shape == (3,)
