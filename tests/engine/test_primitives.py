"""Every row of the table of primitives: its value and two derivatives, against NumPy, differences and HIPS autograd.

CASES is the tests' own table. A formula there is written with a module `n`, which is NumPy for the value and
autograd.numpy for the derivatives; the convolutions have loops over scalars for the value besides.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import autograd
import autograd.numpy as anp
import autograd.scipy.special
import numpy as np
import pytest
import scipy.special
from autograd.core import make_vjp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from many_cases import offenders, slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine import functions
from microgradcnn.engine.record import TABLE

STEP = 5e-4  # of the differences: their error is then about 1e-12
SHARP = 1e-9  # what a derivative may be off, relative to the largest; differences allow no less
EXACT = 1e-12  # the same against another library's exact derivative


class Case(NamedTuple):
    """One way to call a primitive; `formula(n, *inputs)` is what it should give."""

    formula: Callable[..., Any]
    inputs: tuple[Any, ...]
    static: dict[str, Any] = {}  # noqa: RUF012, never changed
    loops: Callable[..., Any] | None = None  # the value again, one number at a time
    fixed: tuple[int, ...] = ()  # inputs that have no gradient


def draw(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> np.ndarray:
    """Numbers of this shape, no two near each other or near those of another seed, and none near 0, where kinks are."""
    size = int(np.prod(shape))
    grid = np.linspace(low, high, size + 1)[:-1] + (high - low) / (2 * size or 1)
    return np.random.default_rng(seed + size).permutation(grid + 0.0031 + 0.0053 * seed).reshape(shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return draw(*shape, low=0.3, high=2.5, seed=seed)


def inside(*shape: int, seed: int = 0) -> np.ndarray:
    return draw(*shape, low=-0.9, high=0.9, seed=seed)


def above_one(*shape: int, seed: int = 0) -> np.ndarray:
    return draw(*shape, low=1.2, high=3.0, seed=seed)


# References that take more than a line


def windows(n: Any, x: Any, size: tuple[int, int], stride: tuple[int, int]) -> Any:
    rows, columns = [(x.shape[2 + i] - size[i]) // stride[i] + 1 for i in (0, 1)]
    parts = [
        x[:, :, i : i + stride[0] * rows : stride[0], j : j + stride[1] * columns : stride[1]]
        for i in range(size[0])
        for j in range(size[1])
    ]
    return n.reshape(n.stack(parts, axis=-1), (*x.shape[:2], rows, columns, *size))


def convolution(n: Any, x: Any, w: Any, stride: tuple[int, int], padding: tuple[int, int]) -> Any:
    if any(padding):
        x = n.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2), "constant")
    return n.einsum("ncrsij,fcij->nfrs", windows(n, x, w.shape[2:], stride), w)


def convolution_by_loops(x: Any, w: Any, stride: tuple[int, int], padding: tuple[int, int]) -> np.ndarray:
    (n, channels, height, width), (filters, _, kh, kw) = x.shape, w.shape
    rows, columns = (height + 2 * padding[0] - kh) // stride[0] + 1, (width + 2 * padding[1] - kw) // stride[1] + 1
    y = np.zeros((n, filters, rows, columns))
    for b, f, r, s in itertools.product(range(n), range(filters), range(rows), range(columns)):
        for c, i, j in itertools.product(range(channels), range(kh), range(kw)):
            row, column = r * stride[0] + i - padding[0], s * stride[1] + j - padding[1]
            if 0 <= row < height and 0 <= column < width:
                y[b, f, r, s] += x[b, c, row, column] * w[f, c, i, j]
    return y


def pooling_by_loops(x: Any, size: tuple[int, int], stride: tuple[int, int], pool: Callable[..., Any]) -> np.ndarray:
    rows, columns = [(x.shape[2 + i] - size[i]) // stride[i] + 1 for i in (0, 1)]
    y = np.zeros((*x.shape[:2], rows, columns))
    for b, c, r, s in itertools.product(*map(range, y.shape)):
        top, left = r * stride[0], s * stride[1]
        y[b, c, r, s] = pool(x[b, c, top : top + size[0], left : left + size[1]])
    return y


def adjoint(function: Callable[..., Any], at: np.ndarray, g: Any) -> Any:
    """What the linear `function` sends back for the cotangent g."""
    return make_vjp(function, at)[0](g)


def power_cases() -> list[Case]:
    return [
        Case(lambda n, x, e=e: x**e, (draw(2, 3) if float(e).is_integer() else positive(2, 3),), {"exponent": e})
        for e in (0, 1, 2, 3, -1, -2, 0.5, 1.5, -0.5, 2.0)
    ]


def normalised(n: Any, x: Any, axis: Any, eps: float) -> Any:
    return (x - n.mean(x, axis=axis, keepdims=True)) / n.sqrt(n.var(x, axis=axis, keepdims=True) + eps)


def reduction_cases(reduce: str, formula: Any = None) -> list[Case]:
    formula = formula or (lambda n, x, **s: getattr(n, reduce)(x, **s))
    axes: list[Any] = [None, (), (0,), (1,), (2,), (-1,), (-3,), (0, 1), (0, -1), (-2, 2), (0, 1, 2)]
    return [
        Case(
            lambda n, x, a=axis, k=keep: over_none(reduce, n, x) if a == () else formula(n, x, axis=a, keepdims=k),
            (draw(2, 3, 4),),
            {"axis": axis, "keepdims": keep},
        )
        for axis in axes
        for keep in (False, True)
    ]


def over_none(reduce: str, n: Any, x: Any) -> Any:
    return n.abs(x) if reduce == "vector_norm" else x * 1.0


TAKEN = [  # a shape, places and an axis
    *[((4, 3), np.array([[1.0, 0.0], [3.0, 3.0]]), 0), ((2, 4, 3), np.array([2.0, -1.0, 2.0]), 1), ((5,), 3.0, 0)],
    *[((2, 3), np.zeros((0,)), -1), ((2, 3, 2), np.array([[1.0], [1.0]]), -2)],
]
ALONG = [
    *[
        ((2, 3), np.array([[2.0, 0.0], [1.0, 1.0]]), 1),
        ((2, 3, 2), np.array([[[0.0, 1.0, 1.0]]] * 2).swapaxes(1, 2), 1),
    ],
    *[((4,), np.array([-1.0, 0.0, 0.0]), -1), ((3, 2), np.array([[2.0], [0.0], [2.0], [1.0]]), 0)],
]


def taken(x: Any, places: Any, axis: int) -> Any:
    return x[(*[slice(None)] * (axis % x.ndim), np.asarray(places).astype(int))]


def along(x: Any, places: Any, axis: int) -> Any:
    """np.take_along_axis, as an index: autograd has no rule for it."""
    axis, places = axis % x.ndim, places.astype(int)
    index = list(np.ix_(*[np.arange(n) for n in x.shape]))
    index[axis] = places
    return x[tuple(index)]


def index_add_case(shape: tuple[int, ...], places: Any, axis: int) -> Case:
    x = draw(*shape)
    g, length = draw(*taken(x, places, axis).shape), shape[axis]
    return Case(
        lambda n, g, i: adjoint(lambda x: taken(x, i, axis), x, g),
        (g, places),
        {"axis": axis, "length": length},
        None,
        (1,),
    )


def scatter_add_case(shape: tuple[int, ...], places: Any, axis: int) -> Case:
    x = draw(*shape)
    g, length = draw(*along(x, places, axis).shape), shape[axis]
    return Case(
        lambda n, g, i: adjoint(lambda x: along(x, i, axis), x, g),
        (g, places),
        {"axis": axis, "length": length},
        None,
        (1,),
    )


MATMULS = [
    *[((3,), (3,)), ((3,), (3, 2)), ((3,), (4, 3, 2)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((3, 3), (3, 3))],
    *[((2, 3), (4, 3, 2)), ((4, 2, 3), (3,)), ((4, 2, 3), (3, 2)), ((4, 2, 3), (4, 3, 2)), ((1, 2, 3), (4, 3, 2))],
    *[((4, 2, 3), (1, 3, 2)), ((1, 3), (3, 1))],
]


def contraction(n: Any, a: Any, b: Any) -> Any:
    """a @ b with einsum: autograd's own matmul gets no gradient for some of these shapes."""
    left = {1: "j", 2: "ij", 3: "zij"}[a.ndim]
    right = {1: "j", 2: "jk", 3: "zjk"}[b.ndim]
    if a.ndim == b.ndim == 3 and a.shape[0] != b.shape[0]:
        size = max(a.shape[0], b.shape[0])
        a, b = [n.concatenate([x] * (size // x.shape[0])) for x in (a, b)]
    out = "z" * (3 in (a.ndim, b.ndim)) + "i" * (a.ndim > 1) + "k" * (b.ndim > 1)
    return n.einsum(f"{left},{right}->{out}", a, b)


INDICES: list[Any] = [
    *[1, -1, (0, 2), (-2, -1, -3), slice(None), slice(1, None), slice(None, None, -1), slice(-1, None, -2)],
    *[(slice(None), slice(2, 0, -1)), None, (None, 1), (slice(None), None, slice(0, 2)), ..., (..., 0), (0, ..., None)],
    *[np.array([0, 1, 1, 1]), np.array([[0, 1], [1, 1]]), (np.array([0, 1, 1]), np.array([2, 0, 0]))],
    *[(slice(None), np.array([2, 2, 0])), (np.array([0, 0]), slice(None), np.array([1, 1])), (1, np.array([2, 2]))],
    *[draw(2, 3, 4) > 0, (slice(None), np.array([True, False, True])), np.array(1), (0, slice(None), np.array([3, 3]))],
    *[(np.array([1, 1]), None, ...), np.zeros((2, 3, 4), bool)],
]

CONVOLUTIONS = [  # images, kernels, stride, padding
    ((1, 1, 3, 3), (1, 1, 2, 2), (1, 1), (0, 0)),
    ((2, 3, 5, 4), (4, 3, 2, 3), (1, 1), (0, 0)),
    ((2, 2, 5, 6), (3, 2, 3, 2), (2, 1), (1, 0)),
    ((1, 2, 4, 7), (2, 2, 3, 3), (2, 3), (1, 2)),
    ((2, 1, 3, 4), (2, 1, 1, 1), (2, 2), (2, 1)),
    ((1, 2, 2, 3), (3, 2, 2, 3), (1, 1), (0, 0)),
    ((2, 2, 6, 5), (1, 2, 2, 2), (4, 3), (0, 0)),
]


def convolution_case(which: str, images: Any, kernels: Any, stride: Any, padding: Any) -> Case:
    x, w, s = draw(*images), draw(*kernels, seed=1), {"stride": stride, "padding": padding}
    g = draw(*convolution_by_loops(x, w, **s).shape, seed=2)
    if which == "conv2d":
        return Case(lambda n, x, w: convolution(n, x, w, **s), (x, w), s, lambda x, w: convolution_by_loops(x, w, **s))
    if which == "conv2d_input":
        return Case(
            lambda n, g, w: adjoint(lambda images: convolution(anp, images, w, **s), x, g),
            (g, w),
            {**s, "image": images[2:]},
        )
    return Case(
        lambda n, x, g: adjoint(lambda kernels: convolution(anp, x, kernels, **s), w, g),
        (x, g),
        {**s, "size": kernels[2:]},
    )


POOLS = [  # images, window, stride: disjoint, overlapping, with gaps and with a rest that no window covers
    *[((1, 1, 4, 4), (2, 2), (2, 2)), ((2, 3, 5, 4), (3, 2), (1, 1)), ((1, 2, 5, 7), (2, 2), (3, 2))],
    *[((2, 1, 5, 5), (3, 3), (2, 2)), ((1, 1, 2, 3), (2, 3), (2, 3))],
]


def pool_cases(formula: Callable[..., Any], pool: Callable[..., Any]) -> list[Case]:
    return [
        Case(
            lambda n, x, size=size, stride=stride: formula(n, windows(n, x, size, stride)),
            (draw(*images),),
            {"size": size, "stride": stride},
            loops=lambda x, size=size, stride=stride: pooling_by_loops(x, size, stride, pool),
        )
        for images, size, stride in POOLS
    ]


def fold_case(images: tuple[int, ...], size: tuple[int, int], stride: tuple[int, int]) -> Case:
    x = draw(*images)
    shape = windows(np, x, size, stride).shape
    return Case(
        lambda n, g: adjoint(lambda x: windows(anp, x, size, stride), x, g),
        (draw(*shape),),
        {"image": images[2:], "stride": stride},
    )


def scatter_case(index: Any) -> Case:
    x = draw(2, 3, 4)
    return Case(
        lambda n, g: adjoint(lambda x: x[index], x, g), (draw(*x[index].shape),), {"index": index, "shape": x.shape}
    )


def stable_log_softmax(n: Any, x: Any, axis: int) -> Any:
    return x - n.log(n.sum(n.exp(x), axis=axis, keepdims=True))


def unary(function: Callable[..., Any], draw: Callable[..., np.ndarray] = draw) -> list[Case]:
    return [Case(function, (draw(2, 3),))]


def binary(function: Callable[..., Any], left: Any = draw, right: Any = draw) -> list[Case]:
    return [Case(function, (left(2, 3), right(2, 3, seed=1))), Case(function, (left(2, 1), right(4, 1, 3, seed=1)))]


CASES: dict[str, list[Case]] = {
    "add": binary(lambda n, a, b: a + b),
    "sub": binary(lambda n, a, b: a - b),
    "mul": binary(lambda n, a, b: a * b),
    "div": binary(lambda n, a, b: a / b, right=positive),
    "neg": unary(lambda n, x: -x),
    "power": power_cases(),
    "pow": binary(lambda n, a, b: a**b, left=positive),
    "square": unary(lambda n, x: x * x),
    "sqrt": unary(lambda n, x: n.sqrt(x), positive),
    "abs": unary(lambda n, x: n.abs(x)),
    "exp": unary(lambda n, x: n.exp(x)),
    "expm1": unary(lambda n, x: n.exp(x) - 1.0),
    "log": unary(lambda n, x: n.log(x), positive),
    "log1p": unary(lambda n, x: n.log(1.0 + x), positive),
    "tanh": unary(lambda n, x: n.tanh(x)),
    "sigmoid": unary(lambda n, x: 1.0 / (1.0 + n.exp(-x))),
    "softplus": unary(lambda n, x: n.log(1.0 + n.exp(x))),
    **{name: unary(lambda n, x, f=name: getattr(n, f)(x)) for name in ("sin", "cos", "sinh", "cosh", "arctan")},
    "tan": unary(lambda n, x: n.sin(x) / n.cos(x), inside),
    "arcsin": unary(lambda n, x: n.arcsin(x), inside),
    "arccos": unary(lambda n, x: n.arccos(x), inside),
    "arcsinh": unary(lambda n, x: n.log(x + n.sqrt(x * x + 1.0))),
    "arccosh": unary(lambda n, x: n.log(x + n.sqrt(x * x - 1.0)), above_one),
    "arctanh": unary(lambda n, x: 0.5 * n.log((1.0 + x) / (1.0 - x)), inside),
    "arctan2": binary(lambda n, a, b: n.arctan2(a, b)),
    "log2": unary(lambda n, x: n.log(x) / n.log(2.0), positive),
    "log10": unary(lambda n, x: n.log(x) / n.log(10.0), positive),
    "erf": unary(lambda n, x: {np: scipy.special, anp: autograd.scipy.special}[n].erf(x)),
    "logaddexp": binary(lambda n, a, b: n.log(n.exp(a) + n.exp(b))),
    "hypot": binary(lambda n, a, b: n.sqrt(a * a + b * b)),
    "sign": unary(lambda n, x: n.sign(x)),
    "floor": unary(lambda n, x: n.floor(x)),
    "mod": binary(lambda n, a, b: a - b * n.floor(a / b), right=positive),
    "log_softmax": [
        Case(lambda n, x, a=a: stable_log_softmax(n, x, a), (draw(2, 3, 4),), {"axis": a}) for a in (-1, 0, 1, -2)
    ],
    "less": binary(lambda n, a, b: n.less(a, b)),
    "stop_gradient": [Case(lambda n, x: 1.0 * x, (draw(*shape),)) for shape in ((3,), (2, 3), (0, 2))],
    "less_equal": binary(lambda n, a, b: n.less_equal(a, b)),
    "greater": binary(lambda n, a, b: n.greater(a, b)),
    "greater_equal": binary(lambda n, a, b: n.greater_equal(a, b)),
    "equal": [*binary(lambda n, a, b: n.equal(a, b)), Case(lambda n, a, b: a == b, (draw(2, 3), draw(2, 3)))],
    "where": [
        Case(lambda n, c, a, b: n.where(c, a, b), (draw(2, 3) > 0, draw(2, 3, seed=1), draw(2, 3, seed=2)), fixed=(0,)),
        Case(lambda n, c, a, b: c * a + (1 - c) * b, (draw(4, 1, 3) > 0, draw(2, 1), draw(3)), fixed=(0,)),
    ],
    "relu": unary(lambda n, x: n.maximum(x, 0.0)),
    "maximum": binary(lambda n, a, b: n.maximum(a, b)),
    "minimum": binary(lambda n, a, b: n.minimum(a, b)),
    "sum": reduction_cases("sum"),
    "mean": reduction_cases("mean"),
    "max": reduction_cases("max"),
    "gelu_tanh": unary(lambda n, x: x / 2 * (1 + n.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    "normalised": [
        Case(lambda n, x, a=axis, e=eps: normalised(n, x, a, e), (draw(2, 3, 4),), {"axis": axis, "eps": eps})
        for axis, eps in (((0,), 1e-5), ((-1,), 1e-5), ((0, 2), 1e-3), (None, 0.1))
    ],
    "linear": [
        Case(lambda n, x, w, b: n.matmul(x, w.T) + b, (draw(*shape, 3), draw(2, 3, seed=1), draw(2, seed=2)))
        for shape in ((), (4,), (0,), (2, 4))
    ],
    "layer_norm": [
        Case(
            lambda n, x, w, b, a=axis: normalised(n, x, a, 0.1) * w + b,
            (draw(2, 3, 4), draw(*shape, seed=1), draw(*shape, seed=2)),
            {"axis": axis, "eps": 0.1},
        )
        for axis, shape in (((-1,), (4,)), ((-2, -1), (3, 4)))
    ],
    "batch_norm": [
        Case(
            lambda n, x, w, b, a=axis: normalised(n, x, a, 0.1) * w + b,
            (draw(*shape), draw(*of_features, seed=1), draw(*of_features, seed=2)),
            {"axis": axis, "eps": 0.1},
        )
        for axis, shape, of_features in (
            *(((0,), (4, 3), (3,)), ((0, 2), (2, 3, 4), (3, 1))),
            ((0, 2, 3), (2, 3, 2, 2), (3, 1, 1)),
        )
    ],
    "cross_entropy": [
        Case(
            lambda n, x, c=classes: -n.mean(stable_log_softmax(n, x, 1)[np.arange(len(c)), c]),
            (draw(len(classes), 4),),
            {"index": (np.arange(len(classes)), np.array(classes))},
        )
        for classes in ([3, 0, 2, 2, 1], [1])
    ],
    "attention_weights": [
        Case(
            lambda n, q, k, m: n.exp(stable_log_softmax(n, 0.7 * n.matmul(q, n.swapaxes(k, -1, -2)) + m, -1)),
            (draw(*q), draw(*k, seed=1), draw(*m, seed=2)),
            {"scale": 0.7},
        )
        for q, k, m in (((2, 3), (4, 3), (2, 4)), ((2, 3, 2), (3, 2), ()), ((2, 1, 3, 2), (2, 2, 4, 2), (4,)))
    ],
    "min": reduction_cases("min"),
    "logsumexp": reduction_cases("logsumexp", lambda n, x, **s: n.log(n.sum(n.exp(x), **s))),
    "vector_norm": reduction_cases("vector_norm", lambda n, x, **s: n.sqrt(n.sum(x * x, **s))),
    "cumsum": [Case(lambda n, x, a=a: n.cumsum(x, axis=a), (draw(2, 3, 4),), {"axis": a}) for a in (0, 1, 2, -1, -3)],
    "order": [Case(lambda n, x, a=a: np.argsort(x, axis=a) * 1.0, (draw(2, 3, 4),), {"axis": a}) for a in (0, 1, -1)],
    "take": [
        Case(lambda n, x, i, a=a: taken(x, i, a), (draw(*shape), i), {"axis": a}, fixed=(1,)) for shape, i, a in TAKEN
    ],
    "index_add": [index_add_case(*case) for case in TAKEN],
    "take_along_axis": [
        Case(lambda n, x, i, a=a: along(x, i, a), (draw(*shape), i), {"axis": a}, fixed=(1,)) for shape, i, a in ALONG
    ],
    "scatter_add": [scatter_add_case(*case) for case in ALONG],
    "matmul": [Case(contraction, (draw(*a), draw(*b, seed=1))) for a, b in MATMULS],
    "reshape": [
        Case(lambda n, x, s=s: n.reshape(x, s), (draw(2, 3, 4),), {"shape": s}) for s in ((6, 4), (24,), (4, -1, 1, 3))
    ],
    "transpose": [
        Case(lambda n, x, a=a: n.transpose(x, a), (draw(2, 3, 4),), {"axes": a})
        for a in (None, (0, 1, 2), (1, 2, 0), (2, 0, 1), (1, 0, 2))
    ],
    "broadcast_to": [
        Case(lambda n, x, s=s: x + n.zeros(s), (draw(3, 1),), {"shape": s})
        for s in ((3, 1), (3, 4), (2, 3, 4), (2, 3, 1))
    ],
    "astype": [Case(lambda n, x: x * 1.0, (draw(2, 3),), {"dtype": np.dtype(np.float64)})],
    "getitem": [Case(lambda n, x, i=i: x[i] * 1.0, (draw(2, 3, 4),), {"index": i}) for i in INDICES],
    "scatter": [scatter_case(i) for i in INDICES],
    "concatenate": [
        Case(lambda n, *xs: n.concatenate(xs, 0), (draw(2, 3), draw(1, 3), draw(0, 3)), {"axis": 0}),
        Case(lambda n, *xs: n.concatenate(xs, -1), (draw(2, 1), draw(2, 3), draw(2, 2, seed=1)), {"axis": -1}),
        Case(lambda n, x: x * 1.0, (draw(2, 3),), {"axis": 1}),
    ],
    "stack": [
        Case(lambda n, *xs, a=a: n.stack(xs, a), (draw(2, 3), draw(2, 3, seed=1), draw(2, 3, seed=2)), {"axis": a})
        for a in (0, 1, 2, -1, -3)
    ],
    "conv2d": [convolution_case("conv2d", *sizes) for sizes in CONVOLUTIONS],
    "conv2d_input": [convolution_case("conv2d_input", *sizes) for sizes in CONVOLUTIONS],
    "conv2d_kernel": [convolution_case("conv2d_kernel", *sizes) for sizes in CONVOLUTIONS],
    "unfold": [
        Case(lambda n, x, s=s, t=t: windows(n, x, s, t), (draw(*i),), {"size": s, "stride": t}) for i, s, t in POOLS
    ],
    "fold": [fold_case(*pool) for pool in POOLS],
    "avg_pool2d": pool_cases(lambda n, w: n.mean(w, axis=(4, 5)), np.mean),
    "max_pool2d": pool_cases(lambda n, w: n.max(w, axis=(4, 5)), np.max),
}

COMPARISONS = ("less", "less_equal", "greater", "greater_equal", "equal")
WITHOUT_GRADIENT = (*COMPARISONS, "order", "stop_gradient")
OF_WINDOWS = {"conv2d", "conv2d_input", "conv2d_kernel", "fold", "unfold", "avg_pool2d", "max_pool2d"}  # large cases
WITH_GRADIENT = [name for name in CASES if name not in WITHOUT_GRADIENT]
ELEMENT_BY_ELEMENT = [name for name in CASES if TABLE[name].scalar is not None]


# What the tests measure with


def differences(function: Callable[..., float], inputs: Sequence[Any], i: int) -> np.ndarray:
    """The gradient of a number with respect to input i, from five-point central differences, element by element."""
    gradient = np.zeros(np.shape(inputs[i]))
    for place in np.ndindex(gradient.shape):

        def moved(steps: int, place: Any = place) -> float:
            x = np.array(inputs[i])
            x[place] += steps * STEP
            return function(*inputs[:i], x[()], *inputs[i + 1 :])

        gradient[place] = (moved(-2) - 8 * moved(-1) + 8 * moved(1) - moved(2)) / (12 * STEP)
    return gradient


def gap(found: Any, expected: Any) -> float:
    """How far `found` is off, relative to the largest of `expected`; infinite if the shapes differ."""
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    if found.shape != expected.shape:
        return np.inf
    return float(np.max(np.abs(found - expected), initial=0.0) / np.max(np.abs(expected), initial=1.0))


def weights(shape: tuple[int, ...], seed: int) -> Any:
    """A cotangent that tells every element from every other."""
    return draw(*shape, low=0.5, high=1.5, seed=seed)[()]


def first_derivatives(function: Callable[..., Any], inputs: Sequence[Any], wrt: Sequence[int]) -> tuple[Any, Any]:
    """The leaves that the engine makes of `inputs`, and the gradients of Σ c·function with respect to them."""
    leaves = [Value(x) if i in wrt else x for i, x in enumerate(inputs)]
    y, chosen = function(*leaves), [leaves[i] for i in wrt]
    return chosen, mg.grad(y, chosen, seed=weights(y.shape, 3))


def derivatives(function: Callable[..., Any], inputs: Sequence[Any], wrt: Sequence[int]) -> tuple[list[Any], list[Any]]:
    """The gradients of Σ c·function, and those of Σ v·(these gradients), of the engine."""
    leaves, first = first_derivatives(function, inputs, wrt)
    total = mg.sum(mg.stack([mg.sum(g * weights(g.shape, 4 + k)) for k, g in enumerate(first)]))
    return [g.data for g in first], [g.data for g in mg.grad(total, leaves)]


def errors(
    function: Callable[..., Any], formula: Callable[..., Any], inputs: Sequence[Any], wrt: Sequence[int]
) -> tuple[float, float]:
    """How far the first and second derivatives of `function` are from differences.

    The first ones are measured by differences of `formula`, which is plain NumPy, the second ones by differences of the
    engine's first ones.
    """
    first, second = derivatives(function, inputs, wrt)
    c = weights(np.shape(formula(*inputs)), 3)

    def value(*xs: Any) -> float:
        return float(np.sum(c * formula(*xs)))

    def slope(*xs: Any) -> float:
        gradients = first_derivatives(function, xs, wrt)[1]
        return sum(float(np.sum(g.data * weights(g.shape, 4 + k))) for k, g in enumerate(gradients))

    once = max(gap(g, differences(value, inputs, i)) for g, i in zip(first, wrt, strict=True))
    twice = max(gap(h, differences(slope, inputs, i)) for h, i in zip(second, wrt, strict=True))
    return once, twice


# The table


def test_every_primitive_has_a_case() -> None:
    without = set(TABLE) - set(CASES)
    assert not without, f"add rows to CASES for {sorted(without)}"
    assert set(CASES) == set(TABLE)


@pytest.mark.parametrize("name", CASES)
def test_value(name: str) -> None:
    def check(case: Case) -> None:
        op, expected = TABLE[name], np.asarray(case.formula(np, *case.inputs))
        if case.loops is not None:
            assert gap(expected, case.loops(*case.inputs)) < 1e-14
        for found in (op(*case.inputs, **case.static), op(*map(Value, case.inputs), **case.static).data):
            assert np.shape(found) == expected.shape
            assert np.asarray(found).dtype == expected.dtype
            largest = float(np.max(np.abs(np.nan_to_num(expected, posinf=0.0, neginf=0.0)), initial=1.0))
            np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15 * largest)  # sums may run in any order

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize("name", slow_but(*{*WITH_GRADIENT} - OF_WINDOWS, among=WITH_GRADIENT))
def test_first_and_second_derivative_against_differences(name: str) -> None:
    def check(case: Case) -> None:
        wrt = [i for i in range(len(case.inputs)) if i not in case.fixed]
        found = errors(lambda *xs: TABLE[name](*xs, **case.static), lambda *xs: case.formula(np, *xs), case.inputs, wrt)
        assert max(found) < SHARP

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_first_and_second_derivative_against_autograd(name: str) -> None:
    def check(case: Case) -> None:
        wrt = [i for i in range(len(case.inputs)) if i not in case.fixed]
        first, second = derivatives(lambda *xs: TABLE[name](*xs, **case.static), case.inputs, wrt)
        c = weights(np.shape(case.formula(np, *case.inputs)), 3)

        def loss(*xs: Any) -> Any:
            return anp.sum(c * case.formula(anp, *xs)) + 0.0 * sum(anp.sum(xs[i]) for i in wrt)

        def slope(*xs: Any) -> Any:
            gradients = autograd.grad(loss, wrt)(*xs)
            parts = [anp.sum(g * weights(g.shape, 4 + k)) for k, g in enumerate(gradients)]
            return sum(parts) + 0.0 * sum(anp.sum(xs[i]) for i in wrt)

        for mine, theirs in zip(first, autograd.grad(loss, wrt)(*case.inputs), strict=True):
            assert gap(mine, theirs) < EXACT
        for mine, theirs in zip(second, autograd.grad(slope, wrt)(*case.inputs), strict=True):
            assert gap(mine, theirs) < EXACT

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize("name", WITH_GRADIENT)
def test_backward_gives_what_grad_gives(name: str) -> None:
    def check(case: Case) -> None:
        leaves = [Value(x) for x in case.inputs]
        y = TABLE[name](*leaves, **case.static)
        c = weights(y.shape, 3)
        y.backward(c)
        for i, (leaf, g) in enumerate(zip(leaves, mg.grad(y, leaves, seed=c), strict=True)):
            assert g.shape == leaf.shape
            if i in case.fixed:
                assert not leaf.has_grad
                assert not np.any(g.data)
            else:
                np.testing.assert_array_equal(leaf.grad, g.data)
                assert np.asarray(leaf.grad).dtype == leaf.dtype

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize("name", CASES)
def test_float32_is_kept(name: str) -> None:
    def check(case: Case) -> None:
        if name == "astype":
            case = case._replace(static={"dtype": np.dtype(np.float32)})
        leaves = [Value(np.asarray(x, np.float32)) if i not in case.fixed else x for i, x in enumerate(case.inputs)]
        y = TABLE[name](*leaves, **case.static)
        expected = np.asarray(case.formula(np, *case.inputs))
        assert y.dtype == (np.float32 if expected.dtype == float else expected.dtype)
        np.testing.assert_allclose(y.data, expected, rtol=1e-5, atol=1e-5)
        if name in WITHOUT_GRADIENT:
            return
        wrt = [x for x in leaves if isinstance(x, Value)]
        y.backward(np.asarray(weights(y.shape, 3), np.float32))
        doubles, _ = derivatives(
            lambda *xs: TABLE[name](*xs, **case.static),
            case.inputs,
            [i for i in range(len(leaves)) if i not in case.fixed],
        )
        for leaf, g, double in zip(wrt, mg.grad(y, wrt, seed=weights(y.shape, 3)), doubles, strict=True):
            assert leaf.grad.dtype == g.dtype == np.float32
            assert gap(leaf.grad, double) < 1e-5
            assert gap(g.data, double) < 1e-5

    assert offenders(CASES[name], check) == []


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ELEMENT_BY_ELEMENT)
def test_a_scalar_is_what_an_element_of_an_array_is(name: str, dtype: Any) -> None:
    for case in CASES[name]:
        inputs = [np.broadcast_to(x, np.broadcast_shapes(*map(np.shape, case.inputs))) for x in case.inputs]
        inputs = [x if x.dtype == bool else x.astype(dtype) for x in inputs]
        arrays = [x if x.dtype == bool else Value(x) for x in inputs]
        whole = TABLE[name](*arrays, **case.static)
        if name not in COMPARISONS:
            whole.backward(np.ones(whole.shape))
        for place in np.ndindex(whole.shape):
            scalars = [x[place] if x.dtype == bool else Value(x[place]) for x in inputs]
            y = TABLE[name](*scalars, **case.static)
            assert type(y.data) is (bool if name in COMPARISONS else float if dtype is np.float64 else np.float32)
            eps = float(np.finfo(dtype).eps)
            np.testing.assert_allclose(y.data, whole.data[place], rtol=4 * eps)
            if name in COMPARISONS:
                continue
            y.backward()
            for scalar, array in zip(scalars, arrays, strict=True):
                if isinstance(scalar, Value):
                    assert type(scalar.grad) is type(y.data)
                    np.testing.assert_allclose(scalar.grad, array.grad[place], rtol=4 * eps, atol=2 * eps)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3)])
@pytest.mark.parametrize("name", ELEMENT_BY_ELEMENT)
def test_empty_and_0d(name: str, shape: tuple[int, ...]) -> None:
    case = CASES[name][0]
    leaves = [Value(np.asarray(positive(*shape), np.float64)) for _ in case.inputs]
    y = TABLE[name](*leaves, **case.static)
    assert y.shape == shape
    if name not in COMPARISONS:
        y.backward(np.ones(shape))
        first = mg.grad(y, leaves, seed=np.ones(shape))
        for i, (leaf, g) in enumerate(zip(leaves, first, strict=True)):
            assert g.shape == shape
            assert i in case.fixed or np.shape(leaf.grad) == shape
            (second,) = mg.grad(mg.sum(g), [leaf])
            assert second.shape == shape


EMPTY = [  # a call, the shapes of its inputs, the shape of its value
    (lambda x: x.sum(), [(0, 3)], ()),
    (lambda x: x.sum(axis=0), [(0, 3)], (3,)),
    (lambda x: x.sum(axis=1, keepdims=True), [(0, 3)], (0, 1)),
    (lambda x: x.mean(axis=1), [(0, 3)], (0,)),
    (lambda x: x.max(axis=1), [(0, 3)], (0,)),
    (lambda x: x.reshape(3, 0), [(0, 3)], (3, 0)),
    (lambda x: x.T, [(0, 3)], (3, 0)),
    (lambda x: x.softmax(), [(0, 3)], (0, 3)),
    (lambda x: x.log_softmax(0), [(3, 0)], (3, 0)),
    (lambda x: x[1:], [(0,)], (0,)),
    (lambda x: x[[]], [(3,)], (0,)),
    (lambda x: mg.broadcast_to(x, (0, 3)), [(1, 3)], (0, 3)),
    (lambda a, b: a @ b, [(0, 3), (3, 2)], (0, 2)),
    (lambda a, b: a @ b, [(2, 0), (0, 3)], (2, 3)),
    (lambda a, b: a @ b, [(0,), (0,)], ()),
    (lambda a, b: mg.concatenate([a, b]), [(0,), (2,)], (2,)),
    (lambda a, b: mg.stack([a, b], axis=1), [(0,), (0,)], (0, 2)),
    (lambda x, w: x.conv2d(w), [(0, 2, 4, 4), (3, 2, 2, 2)], (0, 3, 3, 3)),
    (lambda x: x.avg_pool2d(2), [(0, 2, 4, 4)], (0, 2, 2, 2)),
    (lambda x: x.max_pool2d(2), [(0, 2, 4, 4)], (0, 2, 2, 2)),
]


@pytest.mark.parametrize(("call", "shapes", "expected"), EMPTY)
def test_empty_arrays(call: Callable[..., Value], shapes: list[Any], expected: tuple[int, ...]) -> None:
    leaves = [Value(draw(*shape, seed=i), label="ab"[i]) for i, shape in enumerate(shapes)]
    y = call(*leaves)
    assert y.shape == expected
    total = mg.sum(y)
    total.backward()
    for leaf, g in zip(leaves, mg.grad(total, leaves), strict=True):
        assert g.shape == np.shape(leaf.grad) == leaf.shape
        assert np.all(np.isfinite(leaf.grad))
        assert np.all(np.isfinite(mg.grad(mg.sum(g), [leaf])[0].data))


def test_the_mean_of_nothing_is_nan_and_its_gradient_is_empty() -> None:
    x = Value(np.zeros((0, 3)))
    f = x.mean()
    f.backward()
    assert np.isnan(f.data)
    assert x.grad.shape == (0, 3)
    assert mg.grad(x.mean(), [x])[0].shape == (0, 3)


def test_the_largest_of_nothing_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"max cannot take z of shape \(0,\)"):
        Value(np.zeros(0), label="z").max()


# NumPy's own numbers and arrays around a Value

ARRAY = np.array([[0.7, 1.1, 1.9], [0.4, 2.2, 1.3]])
OPERATIONS = [
    *[lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b],
    *[lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b],
]
OTHERS = [
    *[np.ones(3), ARRAY, np.ones((2, 1)), np.array(2.0), np.float64(2), np.float32(2), 2, 2.5, True, np.int64(3)],
    *[np.array([1, 2, 3]), np.array([True, True, True]), np.ones(3, np.float32)],
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mine", [ARRAY[0], 1.7], ids=["array", "scalar"])
def test_numbers_and_arrays_on_either_side(operation: Any, mine: Any) -> None:
    def check(other: Any) -> None:
        for flip in (False, True):
            both = (lambda a, b: operation(b, a)) if flip else operation
            v = Value(mine)
            y = both(v, other)
            assert type(y) is Value
            expected = np.asarray(both(np.asarray(mine), np.asarray(other, float)))
            np.testing.assert_allclose(y.data, expected, rtol=1e-6 if y.dtype == np.float32 else 1e-15)
            assert y.shape == expected.shape
            if y.dtype == bool:
                continue
            (g,) = mg.grad(y, [v], seed=np.ones(y.shape))
            y.backward(np.ones(y.shape))
            slope = differences(
                lambda x, both=both: float(np.sum(both(x, np.asarray(other, float)))), [np.asarray(mine)], 0
            )
            assert gap(v.grad, slope) < (1e-6 if np.asarray(other).dtype == np.float32 else SHARP)
            np.testing.assert_array_equal(g.data, v.grad)
            assert v.grad.dtype == v.dtype if np.ndim(mine) else type(v.grad) is float

    assert offenders(OTHERS, check) == []


@pytest.mark.parametrize("other", [ARRAY, ARRAY[0], [1.0, 2.0, 3.0], np.ones((4, 2, 3))])
def test_matrix_products_with_raw_arrays_on_either_side(other: Any) -> None:
    v, turned = Value(np.arange(1.0, 4.0)), np.swapaxes(other, -1, -2) if np.ndim(other) > 1 else other
    for y in (other @ v, v @ turned):
        assert type(y) is Value
        np.testing.assert_allclose(y.data, np.asarray(other) @ v.data)


# Broadcasting

PARTIALS: dict[str, Callable[..., tuple[Any, ...]]] = {  # by hand, without broadcasting
    "add": lambda a, b: (1.0 + 0 * a, 1.0 + 0 * b),
    "sub": lambda a, b: (1.0 + 0 * a, -1.0 + 0 * b),
    "mul": lambda a, b: (b, a),
    "div": lambda a, b: (1 / b, -a / b**2),
    "pow": lambda a, b: (b * a ** (b - 1), a**b * np.log(a)),
    "maximum": lambda a, b: ((a > b) + 0.5 * (a == b), (b > a) + 0.5 * (a == b)),
    "minimum": lambda a, b: ((a < b) + 0.5 * (a == b), (b < a) + 0.5 * (a == b)),
    "where": lambda c, a, b: (None, 1.0 * c, 1.0 * ~c),
}
BY_NUMPY: dict[str, Any] = {"sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power}


def gathered(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """g, with everything added up that broadcasting made of one and the same element."""
    size = int(np.prod(shape))
    source = np.broadcast_to(np.arange(size).reshape(shape), g.shape)
    return np.bincount(source.ravel(), g.ravel(), minlength=size).reshape(shape)


@pytest.mark.parametrize("name", slow_but("mul", "where", "less", among=[*PARTIALS, *COMPARISONS]))
@given(data=st.data())
def test_broadcasting(name: str, data: st.DataObject) -> None:
    count = 3 if name == "where" else 2
    shapes = data.draw(mutually_broadcastable_shapes(num_shapes=count, min_side=0, max_side=3, max_dims=4)).input_shapes
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    inputs = [np.asarray(rng.integers(1, 9, shape) / 4) for shape in shapes]
    if name == "where":
        inputs[0] = inputs[0] > 1
    raw = [x if x.dtype == bool else Value(x) for x in inputs]
    y = TABLE[name](*raw)
    expected = np.asarray(BY_NUMPY.get(name, getattr(np, name, None))(*inputs))
    assert y.shape == expected.shape
    np.testing.assert_allclose(y.data, expected, rtol=1e-15)
    if name in COMPARISONS:
        return
    c = rng.integers(1, 9, expected.shape) / 4
    y.backward(c)
    leaves = [v for v in raw if isinstance(v, Value)]
    graphs = iter(mg.grad(y, leaves, seed=c))
    partials = PARTIALS[name](*[np.broadcast_to(x, expected.shape) for x in inputs])
    for v, partial in zip(raw, partials, strict=True):
        if isinstance(v, Value):
            wanted = gathered(np.asarray(c * partial), v.shape)
            assert np.shape(v.grad) == v.shape
            assert gap(v.grad, wanted) < 1e-14
            np.testing.assert_array_equal(next(graphs).data, v.grad)


# What the functions make of their arguments before the table sees them

SPELLINGS = [  # two ways to say the same
    (lambda x: x.sum(axis=-1), lambda x: x.data.sum(-1)),
    (lambda x: x.sum(np.int64(1), keepdims=True), lambda x: x.data.sum(1, keepdims=True)),
    (lambda x: mg.mean(x, axis=[0, 2]), lambda x: x.data.mean((0, 2))),
    (lambda x: mg.max(x, (1, -1)), lambda x: x.data.max((1, 2))),
    (lambda x: x.reshape(4, 6), lambda x: x.data.reshape(4, 6)),
    (lambda x: x.reshape((4, 6)), lambda x: x.data.reshape(4, 6)),
    (lambda x: mg.reshape(x, [-1]), lambda x: x.data.ravel()),
    (lambda x: x.transpose(), lambda x: x.data.T),
    (lambda x: x.transpose(1, 0, 2), lambda x: x.data.transpose(1, 0, 2)),
    (lambda x: x.transpose((-1, 0, 1)), lambda x: x.data.transpose(2, 0, 1)),
    (lambda x: mg.transpose(x, [2, -2, 0]), lambda x: x.data.T),
    (lambda x: mg.stack([x, x], axis=-1), lambda x: np.stack([x.data] * 2, -1)),
    (
        lambda x: mg.concatenate((x, np.ones((2, 1, 4))), axis=1),
        lambda x: np.concatenate([x.data, np.ones((2, 1, 4))], 1),
    ),
    (lambda x: mg.concatenate(x), lambda x: x.data.reshape(6, 4)),
    (lambda x: x[[0, 0, 1]], lambda x: x.data[[0, 0, 1]]),
    (lambda x: x[(0, 0),], lambda x: x.data[[0, 0]]),
    (lambda x: x[range(2)], lambda x: x.data),
    (lambda x: x[1, [True, False, True]], lambda x: x.data[1, [0, 2]]),
    (lambda x: x[np.int64(1), np.uint8(2)], lambda x: x.data[1, 2]),
    (lambda x: x.abs() ** 3, lambda x: np.abs(x.data) ** 3),
    (lambda x: abs(x), lambda x: np.abs(x.data)),
    (lambda x: mg.negative(x), lambda x: -x.data),
    (lambda x: mg.power(x, 2), lambda x: x.data**2),
    (lambda x: x ** np.float32(2), lambda x: x.data**2),
    (lambda x: x ** np.array(2), lambda x: x.data**2),
    (lambda x: 2**x, lambda x: 2**x.data),
    (lambda x: x * 2**70, lambda x: x.data * 2.0**70),
    (lambda x: (x * 0.5) ** 2**60, lambda x: (x.data * 0.5) ** 2.0**60),
    (lambda x: mg.expm1(x), lambda x: np.expm1(x.data)),
    (lambda x: mg.log1p(x.square()), lambda x: np.log1p(x.data**2)),
]


@pytest.mark.parametrize(("ours", "numpys"), SPELLINGS)
def test_arguments_as_numpy_takes_them(ours: Callable[..., Value], numpys: Callable[..., Any]) -> None:
    x = Value(draw(2, 3, 4))
    y = ours(x)
    np.testing.assert_allclose(y.data, numpys(x), rtol=1e-15)
    c = weights(y.shape, 3)
    y.backward(c)
    slope = differences(lambda a: float(np.sum(c * ours(Value(a)).data)), [x.data], 0)
    assert gap(x.grad, slope) < SHARP


@pytest.mark.parametrize("function", functions.METHODS, ids=lambda f: f.__name__)
def test_a_function_is_a_method_and_takes_raw_numbers(function: Callable[..., Any]) -> None:
    images, kernel = draw(2, 3, 4, 4), draw(2, 3, 2, 2)
    extra = {"astype": (np.float32,), "avg_pool2d": (2,), "conv2d": (kernel,), "matmul": (kernel[0, 0].repeat(2, 0),)}
    extra |= {"dot": (kernel[0, 0].repeat(2, 0),), "repeat": (2,), "swapaxes": (0, 2), "take": ([1, 5],)}
    extra |= {"max_pool2d": (2,), "maximum": (0.1,), "minimum": (0.1,), "reshape": (-1,)}
    extra |= dict.fromkeys(("arctan2", "hypot", "logaddexp", "logaddexp2", "mod"), (0.7,))
    arguments = extra.get(function.__name__, ())
    plain = function(np.abs(images), *arguments)
    assert not isinstance(plain, Value)
    for y in (
        function(Value(np.abs(images)), *arguments),
        getattr(Value(np.abs(images)), function.__name__)(*arguments),
    ):
        np.testing.assert_array_equal(y.data if isinstance(y, Value) else y, plain)


PAIRS = [(2, (2, 2)), ((1, 2), (1, 2)), (np.int64(2), (2, 2)), ([2, 1], (2, 1))]


@pytest.mark.parametrize(("given", "meant"), PAIRS)
def test_sizes_strides_and_paddings_are_numbers_or_pairs(given: Any, meant: tuple[int, int]) -> None:
    x, w = Value(draw(2, 3, 5, 6)), draw(2, 3, 2, 2)
    np.testing.assert_array_equal(x.conv2d(w, given, given).data, x.conv2d(w, stride=meant, padding=meant).data)
    for pool in (mg.avg_pool2d, mg.max_pool2d):
        np.testing.assert_array_equal(pool(x, given).data, pool(x, meant, stride=meant).data)
        np.testing.assert_array_equal(pool(x, 2, given).data, pool(x, (2, 2), stride=meant).data)


WRONG_ARGUMENTS = [
    (lambda x: x.conv2d(np.ones((1, 3, 2, 2)), stride=0), ValueError, "stride must be at least 1, not 0"),
    (lambda x: x.conv2d(np.ones((1, 3, 2, 2)), padding=-1), ValueError, "padding must be at least 0, not -1"),
    (lambda x: x.conv2d(np.ones((1, 2, 2, 2))), ValueError, "conv2d cannot take x of shape .* same number of channels"),
    (lambda x: x.conv2d(np.ones((1, 3, 9, 2))), ValueError, "a window of .* does not fit"),
    (lambda x: x.conv2d(np.ones((3, 2, 2))), ValueError, "conv2d cannot take x"),
    (lambda x: x[0].max_pool2d(2), ValueError, r"images are \(n, channels, height, width\)"),
    (lambda x: x.avg_pool2d(0), ValueError, "kernel_size must be at least 1"),
    (lambda x: x.max_pool2d((2.5, 2)), TypeError, "integer"),
    (lambda x: x.sum(axis=7), IndexError, r"sum cannot take x of shape \(2, 3, 5, 6\): axis 7 is out of bounds"),
    (lambda x: x.sum(axis=1.5), TypeError, "the axis of sum is an integer"),
    (lambda x: x.mean(axis=(1, 1)), ValueError, "duplicate"),
    (lambda x: x.transpose(0, 1, 2, 7), IndexError, "transpose cannot take x of shape .*axis 7"),
    (lambda x: x.transpose(0, 1), ValueError, "transpose cannot take x"),
    (lambda x: x.reshape(7, -1), ValueError, "reshape cannot take x of shape"),
    (lambda x: mg.concatenate([x, x[0]]), ValueError, "concatenate cannot take x of shape"),
    (lambda x: mg.concatenate([x, x], axis=None), TypeError, "integer"),
    (lambda x: mg.stack([x, x[0]]), ValueError, "stack cannot take x of shape"),
    (lambda x: mg.broadcast_to(x, (2, 2)), ValueError, "broadcast_to cannot take x"),
    (lambda x: mg.broadcast_to(x[:1], (3, 5, 6)), ValueError, "broadcast_to cannot take"),
    (lambda x: x + np.ones(5), ValueError, r"add cannot take x of shape \(2, 3, 5, 6\), an unlabelled leaf of shape"),
    (lambda x: x @ np.ones(5), ValueError, "matmul cannot take x of shape"),
    (lambda x: x[9], IndexError, r"getitem cannot take x of shape \(2, 3, 5, 6\): index 9 is out of bounds"),
    (lambda x: x[1.0], IndexError, "getitem cannot take x"),
    (lambda x: x["a"], IndexError, "getitem cannot take x"),
    (lambda x: x[Value(1.0)], TypeError, "an index cannot be a Value: mg.where"),
    (lambda x: x[0, Value(1.0)], TypeError, "an index cannot be a Value: mg.where"),
    (lambda x: x[Value(1.0) :], TypeError, "getitem cannot take x"),
    (
        lambda x: x.transpose(-2, -1),
        ValueError,
        r"of 4 axes in the order \(-2, -1\): .*swapaxes\(-2, -1\) exchanges two",
    ),
    (lambda x: x.softmax(4), IndexError, "log_softmax cannot take x"),
    (lambda x: x.astype(int), TypeError, "a Value holds float64 or float32, not int64"),
    (lambda x: x**10**400, TypeError, "a Value holds real numbers"),
    (lambda x: x + "1", TypeError, "a Value holds real numbers .* not '1'"),
    (lambda x: None * x, TypeError, "a Value holds real numbers .* not None"),
    (lambda x: x * 1j, TypeError, "a Value holds real numbers .* not 1j"),
]


@pytest.mark.parametrize(("call", "kind", "message"), WRONG_ARGUMENTS)
def test_wrong_arguments_get_one_sentence(call: Callable[..., Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        call(Value(draw(2, 3, 5, 6), label="x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", INDICES)
def test_an_index_that_the_caller_changes_afterwards(index: Any) -> None:
    parts = [np.array(p) if isinstance(p, np.ndarray) else p for p in (index if isinstance(index, tuple) else (index,))]
    x = Value(draw(2, 3, 4))
    y = x[tuple(parts)]
    for part in parts:
        if isinstance(part, np.ndarray):
            part[...] = 0
    y.backward(np.ones(y.shape))
    expected = np.zeros(x.shape)
    np.add.at(expected, index, 1.0)
    np.testing.assert_array_equal(x.grad, expected)


# The adjoints


@pytest.mark.parametrize(("images", "kernels", "stride", "padding"), CONVOLUTIONS)
def test_the_three_convolutions_are_dual(images: Any, kernels: Any, stride: Any, padding: Any) -> None:
    x, w, s = draw(*images), draw(*kernels, seed=1), {"stride": stride, "padding": padding}
    y = TABLE["conv2d"](x, w, **s)
    g = draw(*y.shape, seed=2)
    expected = np.sum(y * g)
    np.testing.assert_allclose(np.sum(x * TABLE["conv2d_input"](g, w, **s, image=images[2:])), expected, rtol=1e-12)
    np.testing.assert_allclose(np.sum(w * TABLE["conv2d_kernel"](x, g, **s, size=kernels[2:])), expected, rtol=1e-12)


@pytest.mark.parametrize("index", INDICES)
def test_getitem_and_scatter_are_dual(index: Any) -> None:
    x = draw(2, 3, 4)
    g = draw(*x[index].shape, seed=1)
    back = TABLE["scatter"](g, index=index, shape=x.shape)
    np.testing.assert_allclose(np.sum(x[index] * g), np.sum(x * back), rtol=1e-12, atol=1e-15)


# A wrong rule is caught by what catches wrong rules above

WRONG_RULES: dict[str, tuple[Any, tuple[Any, ...], tuple[Callable[..., Any], ...], tuple[bool, bool]]] = {
    # forward, inputs, rules; whether the first derivative is caught, and the second as no derivative of the first
    "right": (np.multiply, (draw(2, 3), draw(3)), (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a), (False, False)),
    "sign": (np.exp, (draw(3),), (lambda g, y, x: -(g * y),), (True, True)),
    "a factor": (lambda x: x**3, (draw(3),), (lambda g, y, x: g * x**2 * 3.0000001,), (True, False)),
    "an addend": (np.sin, (0.5 * draw(3),), (lambda g, y, x: g * (mg.sqrt(1.0 - y * y) + 1e-8),), (True, True)),
    "swapped": (
        np.multiply,
        (draw(3), draw(3, seed=1)),
        (lambda g, y, a, b: g * a, lambda g, y, a, b: g * b),
        (True, False),
    ),
    "not transposed": (
        np.matmul,
        (draw(3, 3), draw(3, 3, seed=1)),
        (lambda g, y, a, b: g @ b, lambda g, y, a, b: a.T @ g),
        (True, False),
    ),
    "forgets g": (np.square, (draw(3),), (lambda g, y, x: 2.0 * x,), (True, False)),
    "leaves the graph": (np.square, (draw(3),), (lambda g, y, x: g * (2.0 * getattr(x, "data", x)),), (False, True)),
    "one element": (np.square, (draw(3),), (lambda g, y, x: g * x * np.array([2.0, 2.0, 1.999]),), (True, False)),
}


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("what", WRONG_RULES)
def test_a_wrong_rule_is_caught(what: str) -> None:
    forward, inputs, rules, caught = WRONG_RULES[what]
    mine = mg.primitive("mine", forward, rules)
    once, twice = errors(mine, forward, inputs, range(len(inputs)))
    assert (once > SHARP, twice > SHARP) == caught
