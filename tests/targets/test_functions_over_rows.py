"""The functions that people meet in programs over rows, and at numbers that are not finite, or tie, on all backends."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from every_backend import compiled
from function_cases import EVERY, ONE, TWO, Case, arrays_of, numpys, ours, parts

import microgradcnn as mg
from microgradcnn import Value

BACKENDS = ["numpy", *(pytest.param(backend, marks=pytest.mark.slow) for backend in ("jit", "jax"))]
WITH_ROWS = [case for case in EVERY if len(case.shapes[0]) >= 2 and 0 not in case.shapes[0]]
NAMES = sorted({case.name for case in WITH_ROWS})
BY_ROW = {*ONE.split(), *TWO.split(), "clip"}  # which no number of rows stops


def at(case: Case, n: int, seed: int) -> Any:
    """n rows of numbers that the function is defined at."""
    one = arrays_of(case)[0]
    return np.random.default_rng(seed).permuted(np.resize(one, (n, *one.shape[1:])), axis=0)


def mean_of(case: Case) -> Callable[..., Value]:
    rest = arrays_of(case)[1:]

    def loss(x: Any, p: Any) -> Value:
        return sum((mg.mean(mg.square(y) + y) for y in parts(case(ours(case), [x * p, *rest]))), Value(0.0))

    return loss


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_rows_or_a_refusal(name: str, backend: str) -> None:
    taken = 0
    for case in [case for case in WITH_ROWS if case.name == name]:
        loss = mean_of(case)
        if case.name == "broadcast_to":  # to a shape that names the rows that it was recorded with
            continue
        program, refusal = None, ""
        try:
            program = compiled(backend, loss, [0.95], [at(case, 2, 0)])
        except ValueError as error:
            refusal = str(error)
        if program is None:
            assert refusal
            assert "\n" not in refusal
            assert case.name not in BY_ROW or len(case.shapes) > 1 or case.rest, refusal
            continue
        taken += 1
        for n in (5, 1):
            x, p = Value(at(case, n, n)), Value(0.95)
            expected = loss(x, p)
            found, (slope,) = program(x.data)
            np.testing.assert_allclose(found, expected.data, rtol=1e-10, atol=1e-10, err_msg=str(case))
            np.testing.assert_allclose(slope, mg.grad(expected, [p])[0].data, rtol=1e-10, atol=1e-10, err_msg=str(case))
    assert taken or name not in BY_ROW


# Numbers that are not finite, and ties

INF, NAN = math.inf, math.nan
POINTS = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, 750.0, -750.0, 40.0, -40.0, 0.5, 2.5, -3.0]
PAIRS = [np.ravel(x) for x in np.meshgrid(*[[NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 2.5, -0.7]] * 2)]
LINES = np.array(
    [
        *(
            [1.0, 1.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 0.0],
            [NAN, 1.0, 2.0, 3.0],
            [INF, 1.0, INF, 2.0],
            [-INF] * 4,
            [INF] * 4,
        ),
        *([-INF, -INF, 1.0, 0.0], [3.0, 1.0, 3.0, 2.0], [0.0, -0.0, 1.0, 0.0], [NAN] * 4, [2.0, NAN, INF, -INF]),
        *([5.0, 4.0, 5.0, 4.0], [1e200, 1.0, 0.0, -1e200], [1e-200, 0.0, 0.0, 1e-200]),
    ]
)
ODD: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    **{name: (getattr(mg, name), [np.array(POINTS)]) for name in ONE.split()},
    **{name: (getattr(mg, name), PAIRS) for name in TWO.split()},
    "gelu, tanh": (lambda x: mg.gelu(x, approximate="tanh"), [np.array(POINTS)]),
    "clip": (lambda x: mg.clip(x, -1.0, 1.0), [np.array(POINTS)]),
    "clip, crossed": (lambda x: mg.clip(x, 1.0, -1.0), [np.array(POINTS)]),
    "clip by Values": (lambda x: mg.clip(x, x[:, ::-1], 1.0), [LINES]),
    "isnan": (lambda x: mg.where(mg.isnan(x), 7.0, x), [np.array(POINTS)]),
    "isinf": (lambda x: mg.where(mg.isinf(x), 7.0, x), [np.array(POINTS)]),
    "isfinite": (lambda x: mg.where(mg.isfinite(x), x, 7.0), [np.array(POINTS)]),
    **{
        f: (lambda x, f=f: getattr(mg, f)(x, axis=1), [LINES])
        for f in "max min sum mean prod var std logsumexp norm cumsum sort".split()  # noqa: SIM905
    },
    **{f"norm {o}": (lambda x, o=o: mg.norm(x, o, axis=1), [LINES]) for o in (1, 3, 1.5, 0.5, -1, 0, INF, -INF)},
    "std, corrected": (lambda x: mg.std(x, axis=1, ddof=4), [LINES]),
    "max of two axes": (lambda x: mg.max(mg.reshape(x, (-1, 2, 2)), axis=(1, 2)), [LINES]),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ODD)
def test_numbers_that_are_not_finite_or_tie(name: str, backend: str) -> None:
    """The gradient with respect to a factor of the function is its value."""
    function, arrays = ODD[name]
    start = 1.2 if name == "arccosh" else 0.2
    calm = [np.linspace(start, start + 0.7, x.size).reshape(x.shape) for x in arrays]

    def loss(*leaves: Any) -> Value:
        return mg.sum(function(*leaves[:-1]) * leaves[-1])

    factor = np.ones(function(*map(Value, arrays)).shape)
    program = compiled(backend, loss, [*calm, factor])
    for p, x in zip(program.parameters, arrays, strict=False):
        p.data = x
    leaves = [Value(x) for x in [*arrays, factor]]
    for mine, theirs in zip(program()[1], mg.grad(loss(*leaves), leaves), strict=True):
        np.testing.assert_allclose(mine, theirs.data, rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0.5, -1, -2.5, 0, INF, -INF])
def test_norms_of_odd_vectors_are_those_of_numpy(order: Any) -> None:
    with np.errstate(all="ignore"):
        expected = np.linalg.norm(LINES, order, axis=1)
    np.testing.assert_allclose(mg.norm(Value(LINES), order, axis=1).data, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["max", "min", "sum", "mean", "prod", "var", "std", "cumsum", "sort"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")
def test_reductions_of_odd_vectors_are_those_of_numpy(name: str) -> None:
    found, expected = getattr(mg, name)(Value(LINES), axis=1), getattr(np, name)(LINES, axis=1)
    np.testing.assert_allclose(found.data, expected, rtol=1e-13)


@pytest.mark.parametrize("name", [*ONE.split(), *TWO.split()])
def test_functions_of_odd_numbers_are_those_of_numpy(name: str) -> None:
    function, arrays = ODD[name]
    with np.errstate(all="ignore"):
        expected = numpys(Case(name, ((1,),)))(*arrays)
    np.testing.assert_allclose(function(*map(Value, arrays)).data, expected, rtol=1e-13, atol=1e-300)


TAKING = {  # numbers by their place, of all rows or of each row
    "take": lambda i, x, p: mg.sum(x, axis=1) * mg.take(p, i, 0),
    "take_along_axis": lambda i, x, p: mg.take_along_axis(x * p, mg.reshape(i, -1, 1), 1),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", TAKING)
def test_what_is_no_place_is_not_taken_for_one(name: str, backend: str) -> None:
    """As a missing category would be: the loss is NaN, or there is an error, but no row is taken in its place."""
    places, x, p = np.array([0.0, 1.0, -1.0]), np.arange(9.0).reshape(3, 3), np.array([2.0, 3.0, 5.0])
    program = compiled(backend, lambda *leaves: mg.mean(TAKING[name](*leaves)), [p], [places, x])
    right = np.mean(x.sum(axis=1) * p if name == "take" else np.diag(x * p))
    assert program(places, x)[0] == pytest.approx(right, rel=1e-14)
    for wrong in (NAN, INF, -INF, 0.5, -0.5, 3.0, -4.0):
        found = math.nan
        try:
            found = program(np.array([0.0, wrong, 1.0]), x)[0]
        except (ValueError, IndexError) as error:
            assert re.search("is no place|out of bounds", str(error))  # noqa: PT017, either is right
        assert math.isnan(found), wrong
