"""The numbers of every backend are the eager engine's: for every primitive and network, kinks, NaN, blocks and threads.

A loss is recorded at one point and its program called at others; the same loss, built anew there, is what is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from many_cases import slow_but
from test_primitives import CASES, COMPARISONS, draw

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE
from microgradcnn.networks import ACTIVATIONS, NETWORKS, Network
from microgradcnn.targets import python
from microgradcnn.targets.backends import numpy as in_blocks
from microgradcnn.targets.backends import threads
from microgradcnn.targets.native import jit, llvm
from microgradcnn.targets.scalars import OPENED

BACKENDS = ("numpy", "jit", "jax")
WAYS = ("numpy", "jit", "fused")  # the jit opens small programs into scalars, and fuses the operations of others
HERE = ("numpy", "jit")  # JAX takes a third of a second to compile a program: it gets many primitives in one
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}

every_dtype = pytest.mark.parametrize("dtype", slow_but("float64", among=TOLERANCE))
every_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


@pytest.fixture(params=slow_but("numpy", "jit", among=WAYS))
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backend; the jit twice."""
    if request.param == "fused":
        monkeypatch.setattr(jit, "OPENED", -1)
    return "numpy" if request.param == "numpy" else "jit"


@pytest.fixture(
    params=[("rows", "numpy"), ("rows", "jit"), ("rows", "fused"), ("scalars", "numpy"), ("scalars", "jit")]
)
def form_and_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """How a network is written, and what runs it."""
    form, way = request.param
    if way == "fused":
        monkeypatch.setattr(jit, "OPENED", -1)
    return form, "numpy" if way == "numpy" else "jit"


# What the tests measure with


def gap(found: Any, expected: Any) -> float:
    """max|a − b| / max|b|; infinite if shapes, NaNs or infinities differ."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    finite = np.isfinite(expected)
    if found.shape != expected.shape or not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return np.inf
    off = np.max(np.abs(found[finite] - expected[finite]), initial=0.0)
    return float(off / (np.max(np.abs(expected[finite]), initial=0.0) or 1.0)) if np.isfinite(off) else np.inf


def joined(arrays: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays]) if len(arrays) else np.zeros(0)


def difference(found: tuple[Any, Sequence[Any]], expected: tuple[Any, Sequence[Any]]) -> float:
    """How far a loss and its gradients are off: the loss by itself, the gradients together, shape by shape."""
    (loss, gradients), (wanted, others) = found, expected
    if [np.shape(g) for g in gradients] != [np.shape(g) for g in others]:
        return np.inf
    return max(gap(loss, wanted), gap(joined(gradients), joined(others)))


def leaves(arrays: Sequence[Any], names: Sequence[str] | str, dtype: str = "float64") -> list[Value]:
    return [Value(np.asarray(a, dtype), label=name) for a, name in zip(arrays, names, strict=True)]


def by_engine(loss: Callable[..., Value], inputs: Sequence[Any], parameters: Sequence[Any], dtype: str) -> Any:
    """The loss and its gradients with respect to the parameters, by backward()."""
    xs, ps = (leaves(arrays, [""] * len(arrays), dtype) for arrays in (inputs, parameters))
    f = loss(*xs, *ps)
    f.backward()
    return f.data, [p.grad for p in ps]


def by_program(
    loss: Callable[..., Value],
    recorded: tuple[Sequence[Any], Sequence[Any]],
    at: tuple[Sequence[Any], Sequence[Any]],
    backend: str,
    dtype: str = "float64",
) -> Any:
    """The same by a program that was recorded elsewhere: both points are (inputs, parameters)."""
    xs, ps = (leaves(a, [f"{kind}{i}" for i in range(len(a))], dtype) for kind, a in zip("xp", recorded, strict=True))
    program = mg.compile(loss(*xs, *ps), ps, xs, backend=backend)
    for p, data in zip(ps, at[1], strict=True):
        p.data = np.asarray(data, dtype)
    return program(*[np.asarray(x, dtype) for x in at[0]])


# Every primitive has its row


ELEMENTWISE = {*(name for name, op in TABLE.items() if op.elementwise), "astype"}
RUN_BY_NUMPY = {*TABLE} - ELEMENTWISE - {"reshape"}  # where the jit opens arrays into scalars, nothing is left of these


def test_every_primitive_has_an_expression_in_python() -> None:
    assert set(python.EXPRESSIONS) == BUILT_IN, "add a row to EXPRESSIONS in targets/python.py"


def test_every_primitive_has_an_instruction_or_is_opened_into_scalars() -> None:
    tables = (llvm.BINARY, llvm.RELATIONS, llvm.FUNCTIONS, llvm.EMITTED, llvm.LIBRARY, ("power", "where"), RUN_BY_NUMPY)
    rows = [name for table in tables for name in table]
    rows += [name for name in ELEMENTWISE if TABLE[name].composed]  # which are opened by their notation
    assert sorted(rows) == sorted(TABLE), "give the primitive one row in targets/llvm.py, or say how it is opened"
    assert set(OPENED) <= RUN_BY_NUMPY


# Primitives without rows: the cases of test_primitives.py


def case_losses(name: str) -> list[tuple[Callable[..., Value], list[Any]]]:
    """A loss for every case of a primitive, and the arrays that it takes."""

    def loss(case: Any, *xs: Any) -> Value:
        given = [case.inputs[i] if i in case.fixed else x for i, x in enumerate(xs)]
        y = TABLE[name](*given, **case.static)
        if name in COMPARISONS:
            y = mg.where(y, xs[0] * xs[1], 2.0 * xs[1])
        return mg.sum(y * draw(*y.shape, low=0.5, high=1.5, seed=3))

    return [(lambda *xs, case=case: loss(case, *xs), list(case.inputs)) for case in CASES[name]]


@every_dtype
@pytest.mark.parametrize("backend", slow_but("numpy", among=HERE))
@pytest.mark.parametrize("name", CASES)
def test_a_primitive_on_parameters(name: str, backend: str, dtype: str) -> None:
    cases = case_losses(name)
    if dtype == "float32":
        cases = cases[:1]
    elif backend == "jit" and name.startswith("conv2d"):  # the longest programs
        cases = cases[:2]
    for loss, arrays in cases:
        found = by_program(loss, ([], arrays), ([], [0.9 * x for x in arrays]), backend, dtype)
        assert difference(found, by_engine(loss, [], [0.9 * x for x in arrays], dtype)) <= TOLERANCE[dtype]


@pytest.mark.slow
def test_primitives_on_parameters_with_jax() -> None:
    chosen = [(name, *case_losses(name)[-1]) for name in CASES]
    ends = np.cumsum([len(arrays) for _, _, arrays in chosen])

    def loss(*xs: Any) -> Value:
        parts = [f(*xs[end - len(arrays) : end]) for (_, f, arrays), end in zip(chosen, ends, strict=True)]
        return mg.mean(mg.stack(parts))

    arrays = [x for _, _, arrays in chosen for x in arrays]
    moved = [0.9 * x for x in arrays]
    (f, found), (wanted, expected) = (
        by_program(loss, ([], arrays), ([], moved), "jax"),
        by_engine(loss, [], moved, "float64"),
    )
    assert gap(f, wanted) <= 1e-12
    for (name, _, arrays), end in zip(chosen, ends, strict=True):
        for i in range(end - len(arrays), end):
            assert gap(found[i], expected[i]) <= 1e-12, name


# Primitives with rows: x is (n, 2, 3), p is (2, 3)


def in_steps(h: Any, steps: tuple[int, ...], axis: int) -> Any:
    """Parts of one array, each with a derivative of its own: their gradients may fill it, in any order, or overlap."""
    parts = [h[(slice(None),) * axis + (t,)] * (i + 1.0) for i, t in enumerate(steps)]
    return mg.tanh(mg.stack(parts, axis=axis))


def over_axes(reduce: Callable[..., Any]) -> list[Callable[[Any, Any], Any]]:
    """A reduction over one axis, over another that is kept, and over both behind the rows."""
    choices = ((1, False), (2, True), (-1, True), ((1, 2), False))
    return [lambda x, p, a=a, k=k: reduce(x * p, axis=a, keepdims=k) for a, k in choices]


def images(x: Any) -> Any:
    return x.reshape(-1, 1, *x.shape[1:])


STEP, NONE = {"stride": (1, 1)}, {"stride": (1, 1), "padding": (0, 0)}
ROWS: dict[str, list[Callable[[Any, Any], Any]]] = {
    "add": [lambda x, p: x + p, lambda x, p: p[0] + x],
    "sub": [lambda x, p: x - p, lambda x, p: p - x],
    "mul": [lambda x, p: x * p, lambda x, p: p[:, :1] * x],
    "div": [lambda x, p: x / (p * p + 1.0), lambda x, p: p / (x * x + 1.0)],
    "neg": [lambda x, p: -(x * p), lambda x, p: x + (-p)],
    "power": [lambda x, p, e=e: (x * p) ** e for e in (0, 1, 2, 3, 5, 11)]
    + [lambda x, p, e=e: (x * x + p * p + 1.0) ** e for e in (-1, -2, 0.5, 1.5, -0.5, -3.0, 9.5)],
    "pow": [lambda x, p: mg.power(x * x + 0.5, p), lambda x, p: 2.0 ** (x * p)],
    "square": [lambda x, p: mg.square(x * p), lambda x, p: x * mg.square(p)],
    "sqrt": [lambda x, p: mg.sqrt(x * x + p * p + 0.1)],
    "abs": [lambda x, p: mg.abs(x * p), lambda x, p: mg.abs(p) * x],
    "exp": [lambda x, p: mg.exp(x * p)],
    "expm1": [lambda x, p: mg.expm1(0.1 * x * p)],
    "log": [lambda x, p: mg.log(x * x + p * p)],
    "log1p": [lambda x, p: mg.log1p(x * x * p * p)],
    "tanh": [lambda x, p: mg.tanh(x * p)],
    "sigmoid": [lambda x, p: mg.sigmoid(x * p), lambda x, p: mg.sigmoid(400.0 * x * p)],
    "softplus": [lambda x, p: mg.softplus(x * p), lambda x, p: mg.softplus(400.0 * x * p)],
    **{name: [lambda x, p, f=TABLE[name]: f(x * p)] for name in ("sin", "cos", "sinh", "cosh", "erf")},
    **{name: [lambda x, p, f=TABLE[name]: f(0.9 * mg.tanh(x * p))] for name in ("tan", "arcsin", "arccos", "arctanh")},
    **{name: [lambda x, p, f=TABLE[name]: f(x * p)] for name in ("arctan", "arcsinh")},
    "arccosh": [lambda x, p: mg.arccosh(1.5 + x * x * p * p)],
    **{name: [lambda x, p, f=TABLE[name]: f(x * x + p * p)] for name in ("log2", "log10")},
    **{name: [lambda x, p, f=TABLE[name]: f(x, p) * p] for name in ("arctan2", "hypot", "logaddexp")},
    **{name: [lambda x, p, f=TABLE[name]: f(x * p) * p] for name in ("sign", "floor")},
    "mod": [lambda x, p: mg.mod(x * p, 0.7), lambda x, p: mg.mod(5.0 * x, p)],
    "log_softmax": [lambda x, p: mg.log_softmax(x * p), lambda x, p: mg.log_softmax(x + p, axis=1)],
    "less": [lambda x, p: mg.where(x < p, x * p, p), lambda x, p: (x < 0.5) * p],
    "less_equal": [lambda x, p: mg.where(x * p <= 0.5, x * p, p)],
    "greater": [lambda x, p: mg.where(x > p, x * p, p)],
    "greater_equal": [lambda x, p: mg.where(x * p >= 0.5, x * p, p)],
    "equal": [lambda x, p: mg.where(mg.equal(mg.relu(x), 0.0), p, x * p)],
    "where": [
        lambda x, p: mg.where(x > 0.0, mg.sqrt(p * p + 1.0), mg.exp(p * x)),
        lambda x, p: mg.where(x > 0, p, 2.0),
    ],
    "relu": [lambda x, p: mg.relu(x * p), lambda x, p: mg.relu(p) * x],
    "maximum": [lambda x, p: mg.maximum(x, p), lambda x, p: mg.maximum(x * p, 0.25)],
    "minimum": [lambda x, p: mg.minimum(x, p), lambda x, p: mg.minimum(0.25, x * p)],
    "sum": over_axes(mg.sum),
    "mean": over_axes(mg.mean),
    "max": over_axes(mg.max),
    "gelu_tanh": [lambda x, p: mg.gelu(x * p, "tanh"), lambda x, p: mg.gelu(p, "tanh") * x],
    "stop_gradient": [lambda x, p: mg.stop_gradient(x * p) * p, lambda x, p: mg.stop_gradient(p) * x * p],
    "normalised": [
        lambda x, p: p * mg.normalised(x * p, axis=-1),
        lambda x, p: p * mg.normalised(x + p, axis=1, eps=0.5),
    ],
    "linear": [lambda x, p: mg.linear(x, p, p[:, 0]), lambda x, p: mg.linear(x[:, 0], p, p[:, 1])],
    "layer_norm": [
        lambda x, p: mg.layer_norm(x * p, 3, p[0], p[1]),
        lambda x, p: mg.layer_norm(x, (2, 3), p, p * p, 0.5),
    ],
    "attention_weights": [
        lambda x, p: mg.scaled_dot_product_attention(x * p, x + p, x),
        lambda x, p: mg.scaled_dot_product_attention(x, p, p * p, is_causal=True),
        lambda x, p: mg.scaled_dot_product_attention(p, x, x * p, p[:, :2] * x[:, :, :2], scale=2.0),
    ],
    "min": over_axes(mg.min),
    "logsumexp": over_axes(mg.logsumexp),
    "vector_norm": over_axes(lambda x, axis, keepdims: mg.norm(x, axis=axis, keepdims=keepdims)),
    "cumsum": [lambda x, p: mg.cumsum(x * p, axis=2), lambda x, p: mg.cumsum(x + p, axis=-2)],
    "order": [lambda x, p: mg.sort(x * p), lambda x, p: mg.sort(x + p, axis=1)],
    "take": [
        lambda x, p: mg.take(p, x > 0.0, axis=0),
        lambda x, p: mg.take(x * p, mg.where(p > 0.0, 2.0, -2.0), axis=2),
    ],
    "index_add": [
        lambda x, p: TABLE["index_add"](x * p, mg.where(p[:, 0] > 1.5, 3.0, 0.0), axis=1, length=4),
        lambda x, p: TABLE["index_add"](x * p, mg.where(p > 1.5, 1.0, -3.0), axis=1, length=3),
    ],
    "take_along_axis": [
        lambda x, p: mg.take_along_axis(x * p, mg.where(x > 0.0, 2.0, -3.0), axis=2),
        lambda x, p: mg.take_along_axis(x * p, mg.where(x > 0.0, 1.0, 0.0), axis=1),
    ],
    "scatter_add": [
        lambda x, p: TABLE["scatter_add"](x * p, mg.where(x > 0.0, 2.0, -1.0), axis=2, length=4),
        lambda x, p: TABLE["scatter_add"](x * p, mg.where(x > 0.5, 1.0, 0.0), axis=-2, length=2),
    ],
    "matmul": [
        lambda x, p: x @ p.T,
        lambda x, p: x @ p[0],
        lambda x, p: p.T @ x,
        lambda x, p: x.reshape(-1, 6) @ p.reshape(6),
    ],
    "reshape": [lambda x, p: x.reshape(-1, 6) * p.reshape(6), lambda x, p: (x * p).reshape(x.shape[0], 3, 2)],
    "transpose": [lambda x, p: x.transpose(0, 2, 1) * p.T, lambda x, p: (x * p).transpose((1, 2, 0))],
    "broadcast_to": [lambda x, p: mg.broadcast_to((x * p)[:, None], (x.shape[0], 4, 2, 3)) * p.sum()],
    "astype": [lambda x, p: mg.astype(mg.astype(x * p, np.float32), np.float64) if x.dtype == "float64" else x * p],
    "getitem": [
        lambda x, p, i=i: (x * p)[i]
        for i in (
            (slice(None), 0),
            (slice(None), slice(None), slice(None, None, -1)),
            (..., 1),
            (slice(None), [0, 1, 1]),
            (slice(None), None),
        )
    ]
    + [
        lambda x, p, s=s, a=a: in_steps(x * p, s, axis=a)
        for s, a in [((0, 1), 1), ((-1, 0), 1), ((0, 1, 1), 1), ((2, 0, -2), 2), ((0, 2), 2)]
    ],
    "scatter": [
        lambda x, p: TABLE["scatter"](x * p, index=(slice(None), slice(1, 3)), shape=(x.shape[0], 4, 3)),
        lambda x, p: TABLE["scatter"](x * p, index=(slice(None), np.array([2, 2])), shape=(x.shape[0], 4, 3)),
    ],
    "concatenate": [
        lambda x, p: mg.concatenate([x * p, x], axis=1),
        lambda x, p: mg.concatenate([x, p * x, x], axis=-1),
    ],
    "stack": [lambda x, p: mg.stack([x * p, x], axis=1), lambda x, p: mg.stack([x, x + p], axis=-1)],
    "conv2d": [
        lambda x, p: mg.conv2d(images(x), p.reshape(1, 1, 2, 3)),
        lambda x, p: mg.conv2d(images(x), p.reshape(3, 1, 1, 2), stride=(1, 2), padding=(1, 2)),
    ],
    "conv2d_input": [lambda x, p: TABLE["conv2d_input"](images(x), p.reshape(1, 2, 1, 3), **NONE, image=(2, 5))],
    "unfold": [lambda x, p: TABLE["unfold"](images(x * p), size=(2, 2), **STEP)],
    "fold": [
        lambda x, p: TABLE["fold"](TABLE["unfold"](images(x * p), size=(1, 2), **STEP) ** 2, image=(2, 3), **STEP)
    ],
    "avg_pool2d": [lambda x, p: mg.avg_pool2d(images(x * p), (2, 1)), lambda x, p: mg.avg_pool2d(images(x * p), 2, 1)],
    "max_pool2d": [lambda x, p: mg.max_pool2d(images(x * p), (2, 1)), lambda x, p: mg.max_pool2d(images(x * p), 2, 1)],
}
WITHOUT_ROWS = {
    "conv2d_kernel": "a sum over rows, which only gradients may take: those of conv2d do",
    "batch_norm": "its statistics are those of all rows",
    "cross_entropy": "its class numbers are those of one batch",
}


def row_loss(function: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    return lambda x, p: mg.mean(mg.square(function(x, p) - 0.3))


def point(n: int, seed: int) -> tuple[list[Any], list[Any]]:
    """Inputs of n rows and parameters, on both sides of every kink."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, 2, 3))], [rng.normal(size=(2, 3))]


RECORDED = (
    [np.full((4, 2, 3), 3.0) + draw(4, 2, 3, low=0.0, high=0.5)],
    [1.0 + draw(2, 3, low=0.0, high=0.5)],
)  # one side


def test_every_primitive_has_a_loss_with_rows() -> None:
    assert sorted([*ROWS, *WITHOUT_ROWS]) == sorted(TABLE), "add rows to ROWS"


@every_dtype
@pytest.mark.parametrize("name", ROWS)
def test_a_primitive_over_rows(name: str, way: str, dtype: str) -> None:
    tolerance = TOLERANCE["float32" if name == "astype" else dtype]
    for i, function in enumerate(ROWS[name]):
        at = point(7, seed=i)
        found = by_program(row_loss(function), RECORDED, at, way, dtype)
        assert difference(found, by_engine(row_loss(function), *at, dtype)) <= tolerance, i


@pytest.mark.slow
@every_dtype
def test_primitives_over_rows_with_jax(dtype: str) -> None:
    functions = [(name, function) for name in ROWS for function in ROWS[name][: 2 if dtype == "float64" else 1]]
    functions = functions[:: 1 if dtype == "float64" else 3]

    def loss(x: Any, *ps: Any) -> Value:
        return mg.mean(mg.stack([row_loss(f)(x, p) for (_, f), p in zip(functions, ps, strict=True)]))

    (x,), (p,) = point(7, seed=1)
    at = [x], [p + 0.01 * i for i in range(len(functions))]
    f, found = by_program(loss, (RECORDED[0], RECORDED[1] * len(functions)), at, "jax", dtype)
    wanted, expected = by_engine(loss, *at, dtype)
    assert gap(f, wanted) <= TOLERANCE[dtype]
    for (name, _), a, b in zip(functions, found, expected, strict=True):
        assert gap(a, b) <= TOLERANCE["float32" if name == "astype" else dtype], name


# Primitives written in scalars for one example, and called with rows

SCALARS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, p: x + p,
    "sub": lambda x, p: p - x,
    "mul": lambda x, p: x * p,
    "div": lambda x, p: x / (p * p + 1.0),
    "neg": lambda x, p: -(x * p),
    "power": lambda x, p: (x * p) ** 3 + (x * x + p * p) ** -1.5,
    "pow": lambda x, p: mg.power(x * x + 0.5, p),
    "square": lambda x, p: mg.square(x + p),
    "sqrt": lambda x, p: mg.sqrt(x * x + p * p),
    "abs": lambda x, p: mg.abs(x * p),
    "exp": lambda x, p: mg.exp(x * p),
    "expm1": lambda x, p: mg.expm1(x * p),
    "log": lambda x, p: mg.log(x * x + p * p),
    "log1p": lambda x, p: mg.log1p(x * x * p * p),
    "tanh": lambda x, p: mg.tanh(x * p),
    "sigmoid": lambda x, p: mg.sigmoid(x * p),
    "softplus": lambda x, p: mg.softplus(x * p),
    **{name: lambda x, p, f=TABLE[name]: f(x * p) for name in ("sin", "cos", "sinh", "cosh", "erf", "gelu_tanh")},
    "stop_gradient": lambda x, p: mg.stop_gradient(x * p) * p,
    **{name: lambda x, p, f=TABLE[name]: f(0.9 * mg.tanh(x * p)) for name in ("tan", "arcsin", "arccos")},
    **{name: lambda x, p, f=TABLE[name]: f(x * p) for name in ("arctan", "arcsinh")},
    "arctanh": lambda x, p: mg.arctanh(0.9 * mg.tanh(x * p)),
    "arccosh": lambda x, p: mg.arccosh(1.5 + x * x * p * p),
    **{name: lambda x, p, f=TABLE[name]: f(x * x + p * p) for name in ("log2", "log10")},
    **{name: lambda x, p, f=TABLE[name]: f(x, p) for name in ("arctan2", "hypot", "logaddexp", "mod")},
    **{name: lambda x, p, f=TABLE[name]: f(x * p) * p for name in ("sign", "floor")},
    "less": lambda x, p: mg.where(x < p, x * p, p),
    "less_equal": lambda x, p: mg.where(x <= p, x * p, p),
    "greater": lambda x, p: mg.where(x > p, x * p, p),
    "greater_equal": lambda x, p: mg.where(x >= p, x * p, p),
    "equal": lambda x, p: mg.where(mg.equal(mg.relu(x), 0.0), x * p, p),
    "where": lambda x, p: mg.where(x * p > 0.2, mg.log(x * p), mg.exp(p)),
    "relu": lambda x, p: mg.relu(x * p) + mg.relu(p),
    "maximum": lambda x, p: mg.maximum(x, p),
    "minimum": lambda x, p: mg.minimum(x, p),
}


def by_engine_row_by_row(loss: Callable[..., Value], xs: Sequence[Any], ps: Sequence[Any], dtype: str) -> Any:
    """The means over rows of the loss and its gradients, each row by the engine, added up in float64."""
    rows = [by_engine(loss, row, ps, dtype) for row in zip(*xs, strict=True)]
    losses, gradients = zip(*rows, strict=True)
    return np.mean(np.float64(losses)), list(np.mean(np.float64(gradients), axis=0))


def test_every_primitive_on_numbers_has_a_loss_in_scalars() -> None:
    assert set(SCALARS) == ELEMENTWISE - {"astype"}


@every_dtype
@pytest.mark.parametrize("backend", BACKENDS)
def test_primitives_in_scalars(backend: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    xs, ps = [rng.normal(size=20)], list(rng.normal(size=len(SCALARS)))

    def loss(x: Any, *ps: Any) -> Any:
        parts = [mg.square(f(x, p) - 0.3) for f, p in zip(SCALARS.values(), ps, strict=True)]
        return sum(parts[1:], parts[0])

    recorded = [3.0], [1.0 + 0.01 * i for i in range(len(ps))]
    loss_found, found = by_program(loss, recorded, (xs, ps), backend, dtype)
    wanted, expected = by_engine_row_by_row(loss, xs, ps, dtype)
    assert gap(loss_found, wanted) <= TOLERANCE[dtype]
    largest = np.max(np.abs(expected))
    for name, a, b in zip(SCALARS, found, expected, strict=True):
        assert abs(a - b) <= TOLERANCE[dtype] * largest, name


# The networks


def program_of(network: Network, form: str, backend: str, n: int = 3, **options: Any) -> mg.Program:
    """A network's program in one of its forms, recorded with n rows where it has rows."""
    rng = np.random.default_rng(3)
    if form == "scalars":
        example = network.example(rng.normal(size=network.inputs), 1.0)
        return mg.compile(
            example.loss, list(example.parameters.values()), [*example.inputs, example.y], backend, **options
        )
    x, y = Value(rng.normal(size=(n, network.inputs)), label="x"), Value(rng.normal(size=n), label="y")
    return mg.compile(network.loss(x, y), list(network.parameters.values()), [x, y], backend, **options)


def rows_of(network: Network, n: int, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, network.inputs)), rng.normal(size=n)


def network_by_engine(network: Network, x: np.ndarray, y: np.ndarray) -> tuple[float, list[np.ndarray]]:
    """The loss and its gradients by the engine, from the tensor form."""
    for p in network.parameters.values():
        p.grad = None
    loss = network.loss(x, y)
    loss.backward()
    return loss.item(), [np.array(p.grad) for p in network.parameters.values()]


def given(form: str, x: np.ndarray, y: np.ndarray) -> tuple[Any, ...]:
    return (x, y) if form == "rows" else (*x.T, y)


def agree(network: Network, found: tuple[Any, Any], x: np.ndarray, y: np.ndarray) -> bool:
    loss, gradients = network_by_engine(network, x, y)
    return gap(found[0], loss) <= 1e-12 and gap(joined(found[1]), joined(gradients)) <= 1e-12


every_network = pytest.mark.parametrize("name", slow_but("single_layer", "two_conv_linear", among=NETWORKS))
every_form = pytest.mark.parametrize("form", ["rows", "scalars"])


@every_network
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_networks(name: str, form_and_backend: tuple[str, str], activation: str, strength: float) -> None:
    form, backend = form_and_backend
    network = NETWORKS[name](activation=activation, regularise=strength, seed=5)
    program = program_of(network, form, backend)
    for n in (1, 2, 3, 7, 64, 1000):
        x, y = rows_of(network, n)
        assert agree(network, program(*given(form, x, y)), x, y), n


@pytest.mark.slow
@every_network
@every_form
def test_networks_with_jax(name: str, form: str) -> None:
    network = NETWORKS[name](activation="relu" if form == "rows" else "sigmoid", regularise=0.1, seed=5)
    x, y = rows_of(network, 7)
    assert agree(network, program_of(network, form, "jax")(*given(form, x, y)), x, y)


@every_network
@pytest.mark.parametrize("backend", HERE)
def test_networks_against_the_lectures_formulas(name: str, backend: str) -> None:
    network = NETWORKS[name](regularise=0.1, seed=6)
    x, y = rows_of(network, 9)
    expected = [network.closed_form(*row) for row in zip(x, y, strict=True)]
    means = [np.mean([g[p] for g in expected], axis=0) for p in network.parameters]
    for form in ("rows", "scalars"):
        assert gap(joined(program_of(network, form, backend)(*given(form, x, y))[1]), joined(means)) <= 1e-12


@pytest.mark.parametrize("recorded", [1, 2, 6])
@pytest.mark.parametrize("backend", HERE)
def test_the_number_of_rows_that_was_recorded_leaves_nothing_behind(recorded: int, backend: str) -> None:
    network = NETWORKS["two_conv_average_linear"](regularise=0.1)
    program = program_of(network, "rows", backend, n=recorded)
    assert program.source == program_of(network, "rows", backend, n=4).source
    for n in (1, 2, 5, 6, 12):
        x, y = rows_of(network, n)
        assert agree(network, program(x, y), x, y)


# Any program over rows

UNARY: list[Callable[[Any], Any]] = [
    *[mg.tanh, mg.sigmoid, mg.relu, mg.abs, mg.square, mg.softplus, lambda a: -a, lambda a: mg.exp(mg.tanh(a))],
    *[lambda a: mg.sqrt(a * a + 1.0), lambda a: mg.log_softmax(a.reshape(a.shape[0], -1)), lambda a: mg.tanh(a) ** 3],
    *[lambda a: a[..., ::-1] if a.ndim > 1 else a, lambda a: a.reshape(-1, 1), lambda a: a[:, None]],
    *[lambda a: a.reshape(a.shape[0], -1)[:, 0], lambda a: mg.sum(a.reshape(a.shape[0], -1), axis=1)],
    *[
        lambda a: mg.max(a.reshape(a.shape[0], -1), axis=1),
        lambda a: mg.concatenate([a, a], axis=-1) if a.ndim > 1 else a,
    ],
    *[lambda a: a.T.T, lambda a: mg.mean(a, axis=-1, keepdims=True) if a.ndim > 1 else a],
]
BINARY: list[Callable[[Any, Any], Any]] = [
    *[lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / (b * b + 1.0)],
    *[mg.maximum, mg.minimum, lambda a, b: mg.where(a > b, a, 0.5 * b)],
]
STEPS = st.lists(
    st.tuples(st.integers(0, len(UNARY) + 2 * len(BINARY) - 1), st.integers(0, 50), st.integers(0, 50)),
    min_size=2,
    max_size=14,
)


def built(steps: Sequence[tuple[int, int, int]], x: Any, y: Any, p: Any, q: Any, W: Any) -> Any:
    """A loss in which what was computed is used again and again, in one shape and another."""
    pool = [x, y, x * p, mg.tanh(x @ W), y * q]
    for which, i, j in steps:
        a = pool[i % len(pool)]
        if which < len(UNARY):
            made = UNARY[which](a)
        else:
            alike = [b for b in pool if b.shape == a.shape]
            made = BINARY[(which - len(UNARY)) % len(BINARY)](a, [*alike, q][j % (len(alike) + 1)])
        pool.append(0.5 * made if which % 2 else made)
    last = [mg.mean(mg.square(mg.tanh(v))) for v in pool[-3:]]
    return last[0] + 2.0 * last[1] + 0.1 * mg.sum(W * W) - last[2]


@pytest.mark.slow
@given_(STEPS, st.sampled_from(WAYS))
@settings(max_examples=100)
def test_any_program(steps: list[tuple[int, int, int]], way: str) -> None:
    def loss(*leaves: Any) -> Any:
        return built(steps, *leaves)

    def anywhere(n: int, seed: int) -> tuple[list[Any], list[Any]]:
        rng = np.random.default_rng(seed)
        return [rng.normal(size=(n, 3)), rng.normal(size=n)], [
            rng.normal(size=3),
            rng.normal(),
            rng.normal(size=(3, 3)),
        ]

    at = anywhere(7, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_blocks, "BLOCK_BYTES", 0)
        patch.setattr(in_blocks, "LEAST_ROWS", 3)
        if way == "fused":
            patch.setattr(jit, "OPENED", -1)
        found = by_program(loss, anywhere(5, 0), at, "numpy" if way == "numpy" else "jit")
    assert difference(found, by_engine(loss, *at, "float64")) <= 1e-11


# Blocks and threads


@pytest.fixture
def many_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A few rows fill a block, and a second thread pays at once; how many parts the rows went into, each time."""
    counts: list[int] = []

    def counted(work: Any, parts: Sequence[Any]) -> list[Any]:
        counts.append(len(parts))
        return threads.in_lanes(work, parts)

    monkeypatch.setattr(in_blocks, "in_lanes", counted)
    monkeypatch.setattr(jit, "in_lanes", counted)
    monkeypatch.setattr(in_blocks, "BLOCK_BYTES", 1 << 13)
    monkeypatch.setattr(in_blocks, "WORTH_THREADS", 0)
    monkeypatch.setattr(jit, "WORTH_THREADS", 0)
    monkeypatch.setattr(jit, "ASIDE", 192)
    return counts


@pytest.mark.slow
@every_network
@pytest.mark.parametrize("copied", [1 << 25, 0], ids=["laid out", "copied in parts"])
def test_networks_over_many_blocks(
    name: str, form_and_backend: tuple[str, str], copied: int, many_blocks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    form, backend = form_and_backend
    monkeypatch.setattr(jit, "COPIED", copied)
    network = NETWORKS[name](regularise=0.1, seed=7)
    program = program_of(network, form, backend)
    for n in (1023, 3001):
        x, y = rows_of(network, n)
        assert agree(network, program(*given(form, x, y)), x, y), n
        trainer = program.bind(*given(form, x, y))
        before = trainer.flat.copy()
        loss = trainer.step(0.5)
        assert agree(network, (loss, [trainer.gradient]), x, y), n
        assert gap(trainer.flat, before - 0.5 * trainer.gradient) <= 1e-15
    assert len(many_blocks) == 4
    assert min(many_blocks) > 2


def bits(trainer: Any) -> tuple[float, bytes]:
    return trainer.evaluate(), trainer.gradient.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("copied", [1 << 25, 0], ids=["laid out", "copied in parts"])
def test_a_run_repeats_bit_for_bit_however_many_threads(
    form_and_backend: tuple[str, str], copied: int, many_blocks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    form, backend = form_and_backend
    monkeypatch.setattr(jit, "COPIED", copied)
    network = NETWORKS["two_conv_linear"](regularise=0.1)
    program = program_of(network, form, backend)
    found = []
    for cores in (1, 2, 2, 3):
        monkeypatch.setattr(threads, "cores", lambda cores=cores: cores)
        trainer = program.bind(*given(form, *rows_of(network, 5003)))
        found += [bits(trainer), bits(trainer)]
    assert len(set(found)) == 1
    assert min(many_blocks) > 2


# NaN and infinity

BAD = [np.nan, np.inf, -np.inf, 1e200, -1e200, 1e-320, 0.0]


def one_by_one(network: Network) -> list[tuple[Value, Any]]:
    """Every parameter with the places of its first and last number."""
    return [(p, place) for p in network.parameters.values() for place in {0, p.data.size - 1}]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", ["single_layer", "two_conv_average_linear"])
def test_bad_numbers_among_the_parameters(name: str, form_and_backend: tuple[str, str], activation: str) -> None:
    form, backend = form_and_backend
    network = NETWORKS[name](activation=activation)
    x, y = rows_of(network, 11)
    trainer = program_of(network, form, backend).bind(*given(form, x, y))
    for p, place in one_by_one(network):
        before = p.data
        for bad in BAD:
            changed = np.array(before)
            changed.flat[place] = bad
            p.data = changed
            trainer.flat[...] = joined([v.data for v in network.parameters.values()])
            assert agree(network, (trainer.evaluate(), [trainer.gradient]), x, y), (p.label, place, bad)
        p.data = before


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_infinite_parameter_makes_nan_of_rows_of_both_signs(backend: str) -> None:
    """It must not be taken out of the sum over rows: inf·(2 − 1) is no NaN."""
    x, w, u = Value(1.0, label="x"), Value(1.0, label="w"), Value(1.0, label="u")
    program = mg.compile(w * x + u, [w, u], [x], backend)
    w.data = np.inf
    loss, gradients = program(np.array([2.0, -1.0]))
    assert np.isnan(loss)
    assert gradients == [0.5, 1.0]


@pytest.mark.slow
@pytest.mark.parametrize("backend", HERE)
def test_a_sum_of_more_terms_than_python_calls_deep(backend: str) -> None:
    x, *ws = leaves([1.0, *np.linspace(-1.0, 1.0, 1500)], ["x", *(f"w_{i}" for i in range(1500))])
    total = ws[0] * x
    for w in ws[1:]:
        total = total + w * x * x
    program = mg.compile(total, ws[:2], [x], backend)
    assert difference(program(np.array([1.0, 3.0])), (-2.0 + 5.0, [2.0, 5.0])) <= 1e-12
    assert len(program.source.splitlines()) > 1500
