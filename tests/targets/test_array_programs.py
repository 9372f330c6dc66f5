"""NumPy's functions of arrays in programs: with rows and without, on every backend, recorded at other numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from every_backend import BACKENDS, HERE, answer, from_source
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value

# Of x, (n, 3, 4) with n rows, and p, (3, 4), along axes behind the rows
PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "min": lambda x, p: mg.min(x * p, axis=2),
    "prod": lambda x, p: mg.prod(x * p, axis=-1) + mg.prod(x + p, axis=1)[:, :3],
    "var": lambda x, p: mg.var(x * p, axis=1),
    "std": lambda x, p: mg.std(x * p, axis=(1, 2), ddof=1),
    "norm": lambda x, p: mg.norm(x * p, axis=2) + mg.norm(x - p, 3, axis=2) + mg.norm(x - p, 1, axis=2),
    "logsumexp": lambda x, p: mg.logsumexp(x * p, axis=1),
    "cumsum": lambda x, p: mg.cumsum(x * p, axis=1),
    "einsum of products": lambda x, p: mg.einsum("nij,kj->nik", x, p),
    "einsum of rows": lambda x, p: mg.einsum("nij,nij,ij->nj", x, x, p),
    "einsum of scores": lambda x, p: mg.einsum("nij,nkj->nik", x * p, x),
    "tensordot": lambda x, p: mg.tensordot(x, p, ([1, 2], [0, 1])),
    "shapes": lambda x, p: mg.swapaxes(mg.moveaxis(x * p, 1, 2), 1, 2).squeeze() * mg.expand_dims(p, 0),
    "flip, roll": lambda x, p: mg.flip(x * p, 1) * mg.roll(x, 2, axis=2) + mg.roll(x * p, -1, axis=1),
    "repeat, tile": lambda x, p: mg.repeat(x * p, 2, axis=1) * mg.tile(p, (2, 1)),
    "pad": lambda x, p: mg.pad(x * p, ((0, 0), (1, 0), (2, 1))) * mg.pad(x, ((0, 0), (1, 0), (1, 2)), "edge"),
    "pad with ones": lambda x, p: mg.pad(x * p, ((0, 0), (1, 0), (2, 1)), constant_values=1.0),
    "split, hstack": lambda x, p: mg.hstack([mg.split(x * p, 2, axis=2)[1], mg.array_split(x, 2, axis=2)[0] * 2.0]),
    "diagonal": lambda x, p: mg.diagonal(x * p, 1, 1, 2),
    "tril, triu": lambda x, p: mg.tril(x * p) * 2.0 - mg.triu(x * p, 1),
    "sort": lambda x, p: mg.sort(x * p, axis=2) * p + mg.sort(x + p, axis=1),
    "take": lambda x, p: mg.take(x * p, [2, 0, 0], axis=1),
    "take of a table": lambda x, p: mg.take(p, mg.where(x[:, 0] > 0.0, 2.0, -3.0), 0),
    "take_along_axis": lambda x, p: mg.take_along_axis(x * p, mg.where(x > 0.0, 0.0, 3.0), 2),
}


def loss(name: str) -> Callable[..., Value]:
    def of(x: Any, p: Any) -> Value:
        y = PROGRAMS[name](x, p)
        return mg.mean(mg.mean(mg.square(y - 0.3), axis=tuple(range(1, y.ndim)))) if y.ndim > 1 else mg.mean(y * y)

    return of


def every_loss(x: Any, *ps: Any) -> Value:
    return mg.mean(mg.stack([loss(name)(x, p) for name, p in zip(PROGRAMS, ps, strict=True)]))


RNG = np.random.default_rng(0)
X, P = RNG.normal(size=(7, 3, 4)), RNG.normal(size=(3, 4))


def same(found: Any, expected: Any) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-10)
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("way", slow_but("numpy", among=[way for way in HERE if way in BACKENDS]))
@pytest.mark.parametrize("name", PROGRAMS)
def test_over_rows(name: str, way: str) -> None:
    same(answer(way, loss(name), [P], [X]), answer("eager", loss(name), [P], [X]))


@pytest.mark.parametrize("way", slow_but("numpy", among=[way for way in HERE if way in BACKENDS]))
@pytest.mark.parametrize("name", PROGRAMS)
def test_without_rows(name: str, way: str) -> None:
    same(answer(way, loss(name), [X[:2], P]), answer("eager", loss(name), [X[:2], P]))


@pytest.mark.slow
@pytest.mark.parametrize("way", BACKENDS)
def test_all_in_one_program_over_rows(way: str) -> None:
    ps = [P + 0.01 * i for i in range(len(PROGRAMS))]
    same(answer(way, every_loss, ps, [X]), answer("eager", every_loss, ps, [X]))


def test_the_source() -> None:
    x, ps = Value(X), [Value(P + 0.01 * i) for i in range(len(PROGRAMS))]
    program = mg.compile(every_loss(x, *ps), ps, [x])
    same(from_source(program, X, *[p.data for p in ps]), program(X))


def test_rows_that_mix_are_refused() -> None:
    x, p = Value(X, label="x"), Value(P, label="p")
    for y, why in (
        (mg.cumsum(x * p, axis=0), "mixes rows by cumsum along axis 0"),
        (mg.sort(x * p, axis=0), "mixes rows by order along axis 0"),
        (mg.take(x * p, Value(np.array([0.0] * 7)), 0), "mixes rows by take|another number of rows|compares every row"),
        (mg.roll(x * p, 1, axis=0), "mixes rows"),
        (mg.norm(x * p, axis=0), "mixes rows by vector_norm"),
    ):
        with pytest.raises(ValueError, match=why):
            mg.compile(mg.mean(y), [p], [x])


def embedded(i: Any, table: Any, w: Any) -> Value:
    """Tokens, (n, 2), looked up in a table, then a layer."""
    return mg.mean(mg.square(mg.take(table, i, 0).reshape(-1, 6) @ w - 1.0))


@pytest.mark.parametrize("way", slow_but("numpy", among=BACKENDS))
def test_places_that_are_inputs(way: str) -> None:
    table, w, i = RNG.normal(size=(5, 3)), RNG.normal(size=6), RNG.integers(0, 5, (9, 2)).astype(float)
    x, ps = Value(np.zeros((3, 2)), label="i"), [Value(0.1 + table), Value(0.1 + w)]
    program = mg.compile(embedded(x, *ps), ps, [x], way)
    for p, data in zip(ps, (table, w), strict=True):
        p.data = data
    same(program(i), answer("eager", embedded, [table, w], [i]))


@pytest.mark.parametrize("way", slow_but("numpy", among=BACKENDS))
def test_places_that_there_are_not(way: str) -> None:
    x, p = Value(np.zeros((3, 2)), label="i"), Value(np.arange(4.0), label="p")
    program = mg.compile(mg.mean(mg.sum(mg.take(p, x, 0), axis=1)), [p], [x], way)
    wrong = np.array([[0.0, 4.0]])
    if way == "numpy":
        with pytest.raises(IndexError, match="index 4 is out of bounds"):
            program(wrong)
        with pytest.raises(ValueError, match=r"0\.5 is no place"):
            program(np.array([[0.5, 0.0]]))
    else:
        assert np.isnan(program(wrong)[0])
    assert program(np.array([[3.0, -1.0]]))[0] == 6.0
