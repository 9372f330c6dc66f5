"""The functions that people meet, each in three spellings: values of NumPy and SciPy, derivatives of HIPS autograd.

A case is a call by name: the shapes of the arrays that are differentiated, what else is given, and keywords. The same
row is called as mg.f(...), as np.f(...) on Values and as a method. What is linear is held against its own matrix,
which NumPy gives by its action on unit vectors, so that no derivative is written twice.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import autograd.scipy.special as asp
import numpy as np
import pytest
from function_cases import EVERY, ONE, OURS, TWO, Case, arrays_of, log_softmax, numpys, of_each_name, ours, parts, phi

import microgradcnn as mg
from microgradcnn import Value

CLOSE = 1e-10


# What autograd differentiates: by name where it has none, or another


def _autograd_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Of vectors by its definition; what autograd's own has wrong, or has not, does not come in."""
    if ord in (None, "fro") or (ord == 2 and not isinstance(axis, tuple)):
        return anp.sqrt(anp.sum(x * x, axis=axis, keepdims=keepdims))
    if isinstance(axis, tuple):
        rows, columns = axis
        along, over = (rows, columns) if abs(ord) == 1 else (columns, rows)
        pick = anp.max if ord > 0 else anp.min
        sums = anp.sum(anp.abs(x), axis=along, keepdims=True)
        return anp.sum(pick(sums, axis=over, keepdims=True), axis=axis, keepdims=keepdims)
    if math.isinf(ord):
        return (anp.max if ord > 0 else anp.min)(anp.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return 0.0 * anp.sum(x, axis=axis, keepdims=keepdims)
    return anp.sum(anp.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1.0 / ord)


def _cut(x: Any, lower: Any, upper: Any) -> Any:
    low = x if lower is None else (x < lower) * lower + (x >= lower) * x
    return low if upper is None else (low > upper) * upper + (low <= upper) * low


LEVI_CIVITA = np.cross(np.eye(3)[:, None], np.eye(3)[None])
AUTOGRADS: dict[str, Callable[..., Any]] = {
    "norm": _autograd_norm,
    "erf": asp.erf,
    "logsumexp": asp.logsumexp,
    "softmax": lambda x, axis: anp.exp(log_softmax(anp, asp.logsumexp, x, axis)),
    "log_softmax": lambda x, axis: log_softmax(anp, asp.logsumexp, x, axis),
    "sigmoid": lambda x: 1.0 / (1.0 + anp.exp(-x)),
    "softplus": lambda x: anp.log1p(anp.exp(x)),
    "relu": lambda x: anp.where(x > 0.0, x, 0.0),
    "silu": lambda x: x / (1.0 + anp.exp(-x)),
    "gelu": lambda x, approximate="none": phi(anp, asp.erf, x, approximate),
    "leaky_relu": lambda x, negative_slope=0.01: anp.where(x > 0.0, x, negative_slope * x),
    "sign": lambda x: 0.0 * x,
    "floor": lambda x: 0.0 * x,
    "ceil": lambda x: 0.0 * x,
    "zeros_like": lambda x: 0.0 * x,
    "ones_like": lambda x: 0.0 * x,
    "nan_to_num": lambda x: x,
    "hypot": lambda a, b: anp.sqrt(a * a + b * b),
    "logaddexp2": lambda a, b: anp.log2(2.0**a + 2.0**b),
    "mod": lambda a, b: a - b * np.floor(np.divide(getattr(a, "_value", a), getattr(b, "_value", b))),
    "maximum": lambda a, b: (a > b) * a + (a <= b) * b,
    "minimum": lambda a, b: (a < b) * a + (a >= b) * b,
    "outer": lambda a, b: anp.reshape(a, (-1, 1)) * anp.reshape(b, (1, -1)),
    "vdot": lambda a, b: anp.sum(a * b),
    "cross": lambda a, b: anp.tensordot(anp.expand_dims(a, -1) * anp.expand_dims(b, -2), LEVI_CIVITA),
    "where": lambda a, b: anp.where(a > 0.3, a, b),
    "clip": lambda x, min=None, max=None: _cut(x, min, max),
    "exp2": lambda x: 2.0**x,
}
NONLINEAR = {*ONE.split(), *TWO.split()} | set(AUTOGRADS)
NONLINEAR |= {
    "einsum",
    "max",
    "min",
    "prod",
    "var",
    "std",
    "dot",
    "outer",
    "inner",
    "tensordot",
    "vdot",
    "kron",
    "cross",
    "sort",
}
NONLINEAR -= {"where", "sort", "negative"}  # a permutation that stays the same nearby, or of a fixed condition


def same(found: Any, expected: Any, close: float = 1e-13) -> None:
    for mine, theirs in zip(parts(found), parts(expected), strict=True):
        assert type(mine) is Value
        assert mine.shape == np.shape(theirs)
        np.testing.assert_allclose(mine.data, theirs, rtol=close, atol=close)


# Loss and derivatives


def weights(y: Any, seed: int) -> list[Any]:
    return [np.random.default_rng([seed, i]).normal(size=np.shape(part)) for i, part in enumerate(parts(y))]


def second_order(case: Case, arrays: list[Any], square: bool) -> tuple[list[Any], list[Any]]:
    """The gradient of Σ c·y (and c·y²/2), and its Hessian times a vector, by mg."""
    leaves = [Value(x) for x in arrays]
    y = case(ours(case), list(leaves))
    loss = Value(0.0)
    for part, c in zip(parts(y), weights(case(numpys(case), list(arrays)), 1), strict=True):
        loss = loss + mg.sum(c * part) + (mg.sum(0.5 * c * part * part) if square else 0.0)
    first = mg.grad(loss, leaves)
    direction = weights(arrays, 2)
    along = Value(0.0)
    for g, d in zip(first, direction, strict=True):
        along = along + mg.sum(g * d)
    return [g.data for g in first], [g.data for g in mg.grad(along, leaves)]


def second_order_of_autograd(case: Case, arrays: list[Any], square: bool) -> tuple[list[Any], list[Any]]:
    function = AUTOGRADS.get(case.name) or getattr(anp, case.name)
    cs, direction = weights(case(numpys(case), list(arrays)), 1), weights(arrays, 2)
    every = list(range(len(arrays)))
    arrays = [np.asarray(x) for x in arrays]

    def loss(*xs: Any) -> Any:
        total = 0.0 * sum(anp.sum(x) for x in xs)
        for part, c in zip(parts(case(function, list(xs))), cs, strict=True):
            total = total + anp.sum(c * part) + (anp.sum(0.5 * c * part * part) if square else 0.0)
        return total

    def along(*xs: Any) -> Any:
        slopes = autograd.grad(loss, every)(*xs)
        return sum(anp.sum(g * d) for g, d in zip(slopes, direction, strict=True)) + 0.0 * sum(
            anp.sum(x * x) for x in xs
        )

    return list(autograd.grad(loss, every)(*arrays)), list(autograd.grad(along, every)(*arrays))


def second_order_of_matrix(case: Case, arrays: list[Any]) -> tuple[list[Any], list[Any]]:
    """For y = A x + b, of which NumPy gives the columns of A: the gradient is Aᵀ(c(1 + y)), the product Aᵀ(c A v)."""
    sizes = [np.size(x) for x in arrays]
    flat = np.concatenate([np.ravel(x) for x in arrays])

    def value(x: Any) -> Any:
        pieces = np.split(x, np.cumsum(sizes)[:-1])
        y = case(numpys(case), [p.reshape(np.shape(a)) for p, a in zip(pieces, arrays, strict=True)])
        return np.concatenate([np.ravel(part) for part in parts(y)])

    if case.name in ("sort", "where"):  # linear as long as nothing changes its place
        step, base = 1e-3 * _smallest_gap(flat), value(flat)
        columns = [np.round((value(flat + step * e) - base) / step, 6) for e in np.eye(flat.size)]
    else:
        base = value(np.zeros_like(flat))
        columns = [value(e) - base for e in np.eye(flat.size)]
    a = np.array(columns).reshape(flat.size, base.size).T
    c = np.concatenate([np.ravel(w) for w in weights(case(numpys(case), list(arrays)), 1)])
    v = np.concatenate([np.ravel(w) for w in weights(arrays, 2)])
    first, second = a.T @ (c * (1.0 + value(flat))), a.T @ (c * (a @ v))
    shaped = [
        [p.reshape(np.shape(x)) for p, x in zip(np.split(whole, np.cumsum(sizes)[:-1]), arrays, strict=True)]
        for whole in (first, second)
    ]
    return shaped[0], shaped[1]


def _smallest_gap(x: Any) -> float:
    return float(np.min(np.diff(np.sort(np.append(x, 0.3))), initial=1.0))


@of_each_name(EVERY)
def test_value_and_derivatives(case: Case) -> None:
    arrays = arrays_of(case)
    same(case(ours(case), [Value(x) for x in arrays]), case(numpys(case), list(arrays)))
    if case.name in NONLINEAR and not (case.name == "einsum" and len(arrays) == 1):
        found = second_order(case, arrays, square=False)
        expected = second_order_of_autograd(case, arrays, square=False)
    else:
        found, expected = second_order(case, arrays, square=True), second_order_of_matrix(case, arrays)
    for order in (0, 1):
        for mine, theirs in zip(found[order], expected[order], strict=True):
            assert np.shape(mine) == np.shape(theirs)
            np.testing.assert_allclose(mine, theirs, rtol=CLOSE, atol=CLOSE)


NUMPY_HAS_NOT = {
    "erf",
    "gelu",
    "silu",
    "leaky_relu",
    "sigmoid",
    "relu",
    "softplus",
    "logsumexp",
    "softmax",
    "log_softmax",
}
NUMPY_HAS_NOT |= {"flatten"}


def spellings(case: Case) -> dict[str, Callable[..., Any]]:
    """np.f and v.f, where there are such."""
    ways: dict[str, Callable[..., Any]] = {}
    if case.name == "norm":
        ways["np"] = np.linalg.norm
    elif case.name not in NUMPY_HAS_NOT | set(OURS):
        ways["np"] = getattr(np, case.name)
    if hasattr(Value, case.name) and case.name != "sort" and not case.listed:
        ways["method"] = lambda x, *rest, **keywords: getattr(x, case.name)(*rest, **keywords)
    return ways


@of_each_name(EVERY)
def test_every_spelling_does_the_same(case: Case) -> None:
    arrays = arrays_of(case)
    for function in spellings(case).values():
        leaves, others = [Value(x) for x in arrays], [Value(x) for x in arrays]
        found, expected = case(function, list(leaves)), case(ours(case), list(others))
        for mine, theirs in zip(parts(found), parts(expected), strict=True):
            assert type(mine) is Value
            np.testing.assert_array_equal(mine.data, theirs.data)
            seed = np.ones(mine.shape)
            for g, h in zip(mg.grad(mine, leaves, seed=seed), mg.grad(theirs, others, seed=seed), strict=True):
                np.testing.assert_array_equal(g.data, h.data)


@of_each_name(EVERY)
def test_plain_numbers_and_arrays_give_plain_results(case: Case) -> None:
    arrays = arrays_of(case)
    for mine, theirs in zip(
        parts(case(ours(case), list(arrays))), parts(case(numpys(case), list(arrays))), strict=True
    ):
        assert not isinstance(mine, Value)
        assert np.shape(mine) == np.shape(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-13)


FLOAT64_BOUNDS = next(case for case in EVERY if case.name == "clip" and np.ndim(case.rest[0] if case.rest else 0))


@of_each_name([case for case in EVERY if case is not FLOAT64_BOUNDS])
def test_float32_stays_float32(case: Case) -> None:
    arrays = arrays_of(case)
    leaves = [Value(np.asarray(x, np.float32)) for x in arrays]
    found, exact = (parts(case(ours(case), list(xs))) for xs in (leaves, map(Value, arrays)))
    for mine, theirs in zip(found, exact, strict=True):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-4, atol=1e-5)
        for g, x in zip(mg.grad(mine, leaves, seed=np.ones(mine.shape, np.float32)), leaves, strict=True):
            assert g.dtype == np.float32
            assert g.shape == x.shape


@of_each_name(EVERY)
def test_backward_adds_up_what_grad_gives(case: Case) -> None:
    leaves = [Value(x) for x in arrays_of(case)]
    for part in parts(case(ours(case), list(leaves))):
        expected = mg.grad(part, leaves, seed=np.ones(part.shape))
        for leaf in leaves:
            leaf.grad = None
        part.backward(np.ones(part.shape))
        for leaf, g in zip(leaves, expected, strict=True):
            np.testing.assert_array_equal(leaf.grad, g.data)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({case.name for case in EVERY}))
def test_a_check_of_gradients_and_a_copy(name: str) -> None:
    for case in [case for case in EVERY if case.name == name and not any(0 in shape for shape in case.shapes)]:
        cs = weights(case(numpys(case), arrays_of(case)), 1)

        def loss(*xs: Any, case: Case = case, cs: list[Any] = cs) -> Any:
            return sum((mg.sum(c * y) for y, c in zip(parts(case(ours(case), list(xs))), cs, strict=True)), Value(0.0))

        leaves = [Value(x) for x in arrays_of(case)]
        assert mg.check_gradients(loss, *leaves).verdict == "right", case
        y, copied = pickle.loads(pickle.dumps((loss(*leaves), leaves)))
        for mine, theirs in zip(mg.grad(y, copied), mg.grad(loss(*leaves), leaves), strict=True):
            np.testing.assert_array_equal(mine.data, theirs.data)
