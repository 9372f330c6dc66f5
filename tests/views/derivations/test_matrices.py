"""Derivations in matrix notation: every formula, read back by a small reader of its own, gives the engine's numbers.

The reader knows what the notation means and nothing of the engine: vectors are columns, so axes are aligned at the
left; convolutions, pooling and softmax are written out in loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import microgradcnn as mg
from microgradcnn import Value, networks
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import TABLE
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas.notation import python

rng = np.random.default_rng(0)


class Array:
    """Numbers in the notation's sense: a vector is a column; what has fewer axes stands on the left."""

    __array_ufunc__ = None

    def __init__(self, data: Any) -> None:
        self.data = np.asarray(data)

    def with_axes(self, ndim: int) -> Any:
        return self.data.reshape(self.data.shape + (1,) * (ndim - self.data.ndim))

    @property
    def T(self) -> Array:  # noqa: N802, the notation's name
        return Array(self.matrix().T)

    def matrix(self) -> Any:
        """With two axes; axes of length 1 at the end are none."""
        data = self.data
        while data.ndim > 2 and data.shape[-1] == 1:
            data = data[..., 0]
        return Array(data).with_axes(2)

    def __matmul__(self, other: Array) -> Array:
        return Array(self.matrix() @ other.matrix())

    def __getitem__(self, index: Any) -> Array:
        return Array(self.data[index])

    def __neg__(self) -> Array:
        return Array(-self.data)


def each(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function element by element, for Arrays."""

    def of(*arguments: Any) -> Array:
        arrays = [x if isinstance(x, Array) else Array(x) for x in arguments]
        ndim = max(x.data.ndim for x in arrays)
        return Array(function(*[x.with_axes(ndim) for x in arrays]))

    return of


for _name, _ufunc in {
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power},
    **{"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal},
    **{"eq": np.equal, "ne": np.not_equal},
}.items():
    setattr(Array, f"__{_name}__", each(_ufunc))
    setattr(Array, f"__r{_name}__", each(lambda a, b, ufunc=_ufunc: ufunc(b, a)))


def reduction(function: Any, two: Any = None) -> Callable[..., Any]:
    def of(x: Array, *others: Any, axis: Any = None) -> Array:
        return each(two)(x, *others) if others else Array(function(x.data, axis=axis))

    return of


def windows(x: Any, size: Any, stride: Any, padding: Any = (0, 0)) -> Any:
    """(n, c, rows, columns, *size), in loops."""
    padded = np.zeros((*x.shape[:2], x.shape[2] + 2 * padding[0], x.shape[3] + 2 * padding[1]))
    padded[:, :, padding[0] : padding[0] + x.shape[2], padding[1] : padding[1] + x.shape[3]] = x
    rows, columns = ((padded.shape[2 + i] - size[i]) // stride[i] + 1 for i in (0, 1))
    found = np.zeros((*x.shape[:2], rows, columns, *size))
    for r in range(rows):
        for s in range(columns):
            a, b = r * stride[0], s * stride[1]
            found[:, :, r, s] = padded[:, :, a : a + size[0], b : b + size[1]]
    return found


def adjoint(function: Callable[[Any], Any], g: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of a linear function, from what it does to every unit array."""
    units = np.eye(math.prod(shape)).reshape(-1, *shape)
    return np.array([np.sum(function(unit) * g) for unit in units]).reshape(shape)


def conv2d(x: Any, w: Any, stride: Any, padding: Any) -> Any:
    return np.einsum("ncrsij,fcij->nfrs", windows(x, w.shape[2:], stride, padding), w)


def conv2d_input(g: Any, w: Any, stride: Any, padding: Any, image: Any) -> Any:
    return adjoint(lambda x: conv2d(x, w, stride, padding), g, (g.shape[0], w.shape[1], *image))


def conv2d_kernel(x: Any, g: Any, stride: Any, padding: Any, size: Any) -> Any:
    return adjoint(lambda w: conv2d(x, w, stride, padding), g, (g.shape[1], x.shape[1], *size))


def fold(g: Any, image: Any, stride: Any) -> Any:
    return adjoint(lambda x: windows(x, g.shape[4:], stride), g, (*g.shape[:2], *image))


def spread(g: Any, size: Any, image: Any, stride: Any) -> Any:
    rows, columns = ((image[i] - size[i]) // stride[i] + 1 for i in (0, 1))
    wide = np.broadcast_to(Array(g).with_axes(6), (*g.shape[:2], rows, columns, *size))
    return fold(wide, image, stride)


def scatter(g: Any, index: Any, shape: Any) -> Any:
    return adjoint(lambda x: x[index], g, shape)


def taken(x: Any, indices: Any, axis: int) -> Any:
    return np.take(x, indices.astype(int), axis)


def index_add(g: Any, indices: Any, axis: int, length: int) -> Any:
    shape = (*g.shape[:axis], length, *g.shape[axis + indices.ndim :])
    return adjoint(lambda x: taken(x, indices, axis), g, shape)


def along(x: Any, indices: Any, axis: int) -> Any:
    return np.take_along_axis(x, indices.astype(int), axis)


def scatter_add(g: Any, indices: Any, axis: int, length: int) -> Any:
    shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
    return adjoint(lambda x: along(x, indices, axis), g, shape)


def log_softmax(x: Any, axis: int) -> Any:
    return np.log(np.exp(x) / np.exp(x).sum(axis, keepdims=True))


def of_data(function: Callable[..., Any]) -> Callable[..., Array]:
    return lambda *arrays, **static: Array(function(*[getattr(x, "data", x) for x in arrays], **static))


def normalised(x: np.ndarray, eps: float, axis: tuple[int, ...] | None = None) -> np.ndarray:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + eps)


def in_rows(v: np.ndarray, x: np.ndarray) -> np.ndarray:
    """What is added to each row of x: a vector is a column here."""
    return v if v.shape == x.shape else v.T


CIRCULAR = ("sin", "cos", "tan", "sinh", "cosh", "arctan")
INVERSE = ("arcsin", "arccos", "arctanh")
FUNCTIONS: dict[str, Any] = {
    **{name: each(getattr(np, name)) for name in ("exp", "log", "tanh", "sqrt", "abs", "sign", "expm1", "log1p")},
    **{name: each(getattr(np, name)) for name in (*CIRCULAR, *INVERSE, "arcsinh", "arccosh", "log2", "log10", "floor")},
    **{name: each(getattr(np, name)) for name in ("arctan2", "logaddexp", "hypot", "mod")},
    "erf": each(scipy.special.erf), "pi": np.pi, "stop_gradient": each(lambda x: x),
    "gelu_tanh": each(lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    **{name: of_data(function) for name, function in {
        "conv2d": conv2d, "conv2d_input": conv2d_input, "conv2d_kernel": conv2d_kernel, "fold": fold, "spread": spread,
        "unfold": lambda x, size, stride: windows(x, size, stride), "scatter": scatter, "log_softmax": log_softmax,
        "normalised": normalised, "linear": lambda x, w, b: x @ w.T + b.reshape(-1),
        "layer_norm": lambda x, w, b, eps, axis: normalised(x, eps, axis) * in_rows(w, x) + in_rows(b, x),
        "batch_norm": lambda x, w, b, eps, axis: normalised(x, eps, axis) * in_rows(w, x) + in_rows(b, x),
        "cross_entropy": lambda x, index: -np.mean(log_softmax(x, -1)[index]),
        "attention_weights": lambda q, k, m, scale: np.exp(log_softmax(scale * (q @ k.T) + m, -1)),
        "avg_pool2d": lambda x, size, stride: windows(x, size, stride).mean((4, 5)),
        "max_pool2d": lambda x, size, stride: windows(x, size, stride).max((4, 5)),
        "cumsum": np.cumsum, "order": np.argsort, "take": taken, "index_add": index_add,
        "take_along_axis": along, "scatter_add": scatter_add,
        "reshape": np.reshape, "transpose": np.transpose, "matmul": np.matmul,
        "concatenate": lambda *xs, axis: np.concatenate(xs, axis), "stack": lambda *xs, axis: np.stack(xs, axis),
    }.items()},
    "sigmoid": each(lambda x: 1 / (1 + np.exp(-x))), "softplus": each(lambda x: np.log1p(np.exp(x))),
    "relu": each(lambda x: x * (x > 0)), "where": each(np.where), "sum": reduction(np.sum), "mean": reduction(np.mean),
    "vector_norm": reduction(np.linalg.norm), "logsumexp": reduction(lambda x, axis: np.log(np.sum(np.exp(x), axis))),
    "max": reduction(np.max, np.maximum), "min": reduction(np.min, np.minimum), "s_": np.s_,
}  # fmt: skip


def numbers(derivation: Derivation, f: Value) -> dict[str, Any]:
    """Every name of the printed lines, and what the reader computes for it from the leaves alone."""
    graph = Graph(f)
    known = {python(name): Array(node.data) for node, name in graph.names.items() if node.op is None}
    exec(derivation.python(), {**FUNCTIONS, "__builtins__": {}}, known)
    return known


def check(f: Value, *wrt: Value) -> str:
    """Values, cotangents and gradients are the engine's, and the gradients what f does between two points."""
    derivation, graph = explain(f, wrt), Graph(f)
    found = numbers(derivation, f)
    names = {node: python(name) for node, name in graph.names.items()}
    checked = 0
    for node in graph.order:
        if node.op is not None and node in names:
            agree(found[names[node]], node.data, names[node])
        if (symbol := f"d{names[graph.f]}_d{names.get(node)}") in found:
            agree(found[symbol], mg.grad(f, [node])[0].data, symbol)
            checked += 1
    assert checked >= len(wrt)
    for x in wrt:
        agree(found[f"d{names[graph.f]}_d{names[x]}"], differences(f, x), "finite differences", 1e-6)
    assert "✗" not in derivation.text()
    return derivation.text()


def agree(found: Any, expected: Any, name: str, tolerance: float = 1e-10) -> None:
    wide = (found if isinstance(found, Array) else Array(found)).with_axes(np.ndim(expected))
    wide = wide.reshape(np.shape(expected)) if wide.size == np.size(expected) else wide
    np.testing.assert_allclose(np.broadcast_to(wide, np.shape(expected)), expected, tolerance, tolerance, err_msg=name)


def differences(f: Value, x: Value) -> Any:
    """Central differences for every element of a leaf, by the engine's forward pass alone."""
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        ends = []
        for step in (1e-5, -1e-5):
            moved = np.array(x.data, dtype=float)
            moved[place] += step
            known: dict[Value, Any] = {x: moved}
            for node in topological(f):
                if node.op is None:
                    known.setdefault(node, node.data)
                else:
                    known[node] = node.op.evaluate([known.get(p, p.data) for p in node.parents], node.static)
            ends.append(float(known[f]))
        found[place] = (ends[0] - ends[1]) / 2e-5
    return found


def leaf(label: str, *shape: int) -> Value:
    return Value(rng.normal(size=shape), label=label)


X, Y, B, v, u = leaf("X", 3, 2), leaf("Y", 3, 2), leaf("B", 2, 4), leaf("v", 3), leaf("u", 2)
P, Q, cube = leaf("P", 2, 3, 4), leaf("Q", 2, 4, 2), leaf("C", 2, 3, 2)
images, kernels = leaf("p", 2, 2, 5, 4), leaf("k", 3, 2, 2, 2)
picture, maps = leaf("q", 1, 1, 4, 4), leaf("m", 2, 3, 4, 3)
mask = rng.normal(size=(3, 2)) > 0
t = Value(0.7, label="t")


def weigh(y: Value) -> Value:
    """A scalar in which every element counts differently."""
    return (y * np.linspace(-1.0, 2.0, y.data.size).reshape(y.shape)).sum() if y.shape else y * 1.5


SMOOTH = ("exp", "expm1", "tanh", "sigmoid", "softplus", "relu")

# Named for the primitive that it is about: a value of any shape, and what to differentiate by.
CASES: dict[str, tuple[Value, list[Value]]] = {
    "sum": (X.sum(axis=0) * u, [X]),
    "stop_gradient": (X * mg.stop_gradient(Y), [X]),
    "sum, kept": (X.sum(axis=0, keepdims=True) * X, [X]),
    "sum, kept on the right": (X.sum(axis=-1, keepdims=True) * X, [X]),
    "sum of a middle axis": (P.sum(axis=1, keepdims=True) * P, [P]),
    "sum of two axes": (P.sum(axis=(0, 2)) * v, [P]),
    "mean": (X.mean(axis=1) * v, [X]),
    "mean of everything": (X.mean() * X, [X]),
    "max": (X.max(axis=0) * u, [X]),
    "max, kept": (X.max(axis=1, keepdims=True) * X.exp(), [X]),
    "max of everything": ((2 * X).max() * v, [X, v]),
    "matmul": (X @ B, [X, B]),
    "matmul of vectors": (v @ (2 * v), [v]),
    "matmul by a vector": (X @ u, [X, u]),
    "matmul of a vector": (v @ X, [v, X]),
    "matmul in a stack": (P @ Q, [P, Q]),
    "matmul of a stack by a matrix": (Q @ B, [Q, B]),
    "matmul of a matrix by a stack": (X @ Q.transpose(0, 2, 1), [X, Q]),
    "matmul of a stack by a vector": (Q @ u, [Q, u]),
    "matmul of a vector by a stack": (u @ Q.transpose(0, 2, 1), [u, Q]),
    "reshape": (X.reshape(2, 3).tanh(), [X]),
    "reshape to a row": (v.reshape(1, 3) * v.reshape(3, 1), [v]),
    "reshape from a row": (X[0:1].reshape(2) * u, [X, u]),
    "transpose": (X.T @ Y, [X, Y]),
    "transpose of three axes": (P.transpose(2, 0, 1) * P.transpose(2, 0, 1), [P]),
    "transpose of all axes": (P.T.exp(), [P]),
    "transpose that is none": (X.transpose(0, 1).exp() * X, [X]),
    "transpose of a vector": (v.T * v, [v]),
    "broadcast_to": (mg.broadcast_to(u, (3, 2)) * X, [u, X]),
    "astype": (X.astype(np.float64).exp(), [X]),
    "getitem": (X[1] * u, [X, u]),
    "getitem of slices": (P[:, 1:, ::2].exp(), [P]),
    "getitem of a number": (X[2, 1] * X[0, 0], [X]),
    "getitem of a list": (X[[0, 2, 2, 0]].square(), [X]),
    "getitem of a mask": (X[mask].square(), [X]),
    "getitem of the last axis": (P[..., 1].square(), [P]),
    "concatenate": (mg.concatenate([X, Y * X]).square(), [X, Y]),
    "concatenate to the right": (mg.concatenate([X, Y * X], axis=1).square(), [X, Y]),
    "stack": (mg.stack([v, v * v]) @ v, [v]),
    "stack to the right": (mg.stack([v, v * v], axis=-1) * X, [v, X]),
    "log_softmax": (X.log_softmax() * Y, [X]),
    "log_softmax over rows": ((2 * X).log_softmax(axis=0) * Y, [X]),
    "log_softmax of a vector": (v.softmax() * v, [v]),
    "gelu, tanh": (mg.gelu(X * u, approximate="tanh") * Y, [X, u]),
    "normalised": (mg.normalised(X * u, axis=0) * Y, [X, u]),
    "normalised rows": (mg.normalised(X * Y, axis=-1, eps=0.1).square(), [X, Y]),
    "normalised, all numbers": (mg.normalised(X) * Y, [X]),
    "linear": (mg.linear(X * Y, Y, v) * leaf("R", 3, 3), [X, Y, v]),
    "layer_norm": (mg.layer_norm(X * Y, 2, u, u * u, 0.1).square(), [X, u]),
    "layer_norm of a matrix": (mg.layer_norm(X * X, (3, 2), Y, X) * Y, [X, Y]),
    "batch_norm": (mg.batch_norm(X * Y, None, None, u, u * u, True, eps=0.1).square(), [X, u]),
    "cross_entropy": (mg.cross_entropy(X * Y, [1, 0, 1]) * t, [X, Y, t]),
    "attention_weights": (mg.scaled_dot_product_attention(X, Y * X, Y), [X, Y]),
    "attention_weights, masked": (mg.scaled_dot_product_attention(X, Y, X, leaf("N", 3, 3)), [X, Y]),
    "conv2d": (mg.conv2d(images, kernels), [images, kernels]),
    "conv2d with a stride and padding": (mg.conv2d(images, kernels, (2, 1), 1), [images, kernels]),
    "conv2d twice": (mg.conv2d(mg.conv2d(picture, kernels[:, :1]).tanh(), leaf("l", 1, 3, 2, 2)), [picture]),
    "avg_pool2d": (mg.avg_pool2d(images, 2).square(), [images]),
    "avg_pool2d with a stride": (mg.avg_pool2d(images, (2, 3), 1).square(), [images]),
    "max_pool2d": (mg.max_pool2d(images.exp(), 2).square(), [images]),
    "max_pool2d with a stride": (mg.max_pool2d(images, (3, 2), (1, 2)), [images]),
    "add, a vector to rows": ((X + u).exp(), [X, u]),
    "sub, a column from columns": ((X - v.reshape(3, 1)).exp(), [X, v]),
    "sub, what is known to the left": (np.linspace(0.0, 1.0, 2) - X * u, [X, u]),
    "mul": (X * Y * t * u, [X, Y, t, u]),
    "mul, by what three axes have": (P * B[:1].reshape(4), [P, B]),
    "mul, by a matrix in a stack": (P * leaf("M", 3, 4), [P]),
    "div": (X / (1.5 + Y * Y) / t, [X, Y, t]),
    "div by a vector": (X / u, [X, u]),
    "neg": (-X * -Y, [X, Y]),
    "power": ((X * X + 1.0) ** -1.5, [X]),
    "pow": ((X * X + 1.0) ** Y, [X, Y]),
    "pow of a vector": ((X * X + 1.0) ** u, [X, u]),
    "square": ((X + Y).square(), [X]),
    "sqrt": ((X * X + 1.0).sqrt(), [X]),
    "abs": (abs(X * Y), [X]),
    **{name: (getattr(mg, name)(X * u) * Y, [X, u]) for name in SMOOTH},
    "log": (mg.log(X * X + 1.0), [X]),
    "log1p": (mg.log1p(X * X), [X]),
    **{name: (getattr(mg, name)(X * u) * Y, [X, u]) for name in (*CIRCULAR, "arcsinh", "erf", "gelu", "silu")},
    **{name: (getattr(mg, name)(0.9 * mg.tanh(X)) * Y, [X]) for name in INVERSE},
    **{name: (getattr(mg, name)(X * X + 1.5) * Y, [X]) for name in ("arccosh", "log2", "log10", "reciprocal", "exp2")},
    **{name: (getattr(mg, name)(X, u) * Y, [X, u]) for name in ("arctan2", "logaddexp", "hypot")},
    **{name: (getattr(mg, name)(X) * Y, [X, Y]) for name in ("sign", "floor", "leaky_relu", "sinc")},
    **{name: (getattr(mg, name)(X) * Y, [X, Y]) for name in ("deg2rad", "ones_like", "zeros_like")},
    "mod": (mg.mod(X, u) * Y, [X, u]),
    "clip": (X.clip(-0.5, 0.5) * Y, [X]),
    "clip to arrays": (mg.clip(X, -0.5, u) * Y, [X, u]),
    "maximum": (mg.maximum(X, u), [X, u]),
    "minimum": (mg.minimum(X, Y) * X, [X, Y]),
    "min": ((X * Y).min(axis=1), [X, Y]),
    "norm": (mg.norm(X * u, axis=1) * mg.norm(Y), [X, Y, u]),
    "logsumexp": (mg.logsumexp(X * u, axis=0) * mg.logsumexp(Y), [X, Y, u]),
    "cumsum": (mg.cumsum(X * u, axis=1), [X, u]),
    "sort": (mg.sort(X * u, axis=0) * Y, [X, u]),
    "take": (mg.take(X, Value(np.array([[2.0, 0.0], [2.0, 2.0]]), label="i"), 0), [X]),
    "where": (mg.where(mask, X * Y, X), [X, Y]),
    "where, by what is computed": (mg.where(u < X, X * Y, u), [X, Y, u]),
    "where, of three axes": (mg.where(P > 0, P * 2, 0.5), [P]),
    "less": (mg.where(X < Y, X, 3 * Y), [X, Y]),
    "less_equal": (mg.where(X <= 0.2, X, Y), [X, Y]),
    "greater": (mg.where(X > 0.2, X, Y), [X, Y]),
    "greater_equal": (mg.where(X >= Y, Y, X * X), [X, Y]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_formula_gives_the_engines_numbers(name: str) -> None:
    y, wrt = CASES[name]
    check(weigh(y), *wrt)


# What only the rules of others use, first of all: the derivative of a derivative.
SECOND: dict[str, tuple[Value, Value]] = {
    "conv2d_input": (mg.conv2d(images, kernels).square(), images),
    "conv2d_kernel": (mg.conv2d(images, kernels, 2, 1).square(), kernels),
    "fold, unfold": (mg.max_pool2d(images * images, 2).square(), images),
    "fold of what is spread": (mg.avg_pool2d(images, 2, 1).exp(), images),
    "scatter": (X[1:].exp(), X),
    "scatter, what is named twice": (X[[0, 2, 2]].exp(), X),
    "equal": ((X * X) ** (Y * Y), Y),
    "take, index_add": (mg.take(X * X, Value(np.array([2.0, 0.0, 2.0]), label="i"), 0).square(), X),
    "sort, scatter_add": (mg.sort(X * X, axis=0) ** 3, X),
    "sigmoid": ((X @ B).sigmoid(), B),
    "log_softmax": (X.log_softmax() * Y, X),
    "max": (X.max(axis=0) ** 3, X),
    "stack": (mg.stack([v, v.exp()]) * u.reshape(2, 1), v),
}


@pytest.mark.parametrize("name", SECOND)
def test_derivatives_of_derivatives(name: str) -> None:
    y, x = SECOND[name]
    (g,) = mg.grad(weigh(y), [x])
    check(weigh(g), x)


def test_every_primitive_is_checked() -> None:
    seen = {node.op.name for y, wrt in CASES.values() for node in topological(weigh(y)) if node.op is not None}
    for y, x in SECOND.values():
        seen |= {node.op.name for node in topological(mg.grad(weigh(y), [x])[0]) if node.op is not None}
    assert set(TABLE) <= seen


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("options", [{}, {"activation": "relu", "regularise": 0.01}], ids=["sigmoid", "relu, λ"])
def test_the_six_networks(name: str, options: dict[str, Any]) -> None:
    network = networks.NETWORKS[name](seed=1, **options)
    x, y = leaf("X", 5, network.inputs), leaf("y", 5)
    check(network.loss(x, y), *network.parameters.values(), x)


def test_a_wrong_formula_is_caught() -> None:
    f = weigh(X @ B)
    derivation = explain(f, X)
    for wrong in ("B", "df_dX", "df_dX.T"):
        bad = Derivation(definitions=derivation.definitions)
        lines = derivation.python() + f"\ndf_dX = {wrong} * 2"
        bad.python = lambda lines=lines: lines  # type: ignore[method-assign]
        with pytest.raises((AssertionError, ValueError)):
            agree(numbers(bad, f)["df_dX"], mg.grad(f, [X])[0].data, "df_dX")
