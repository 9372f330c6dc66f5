"""Indices, axes, shapes, strides, exponents as NumPy's numbers, arrays, lists and tuples: the same as with plain ones.

A source needs NumPy and nothing else, so what stands in it is plain Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from every_backend import BACKENDS, answer, compiled, every_way_here, from_source
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value

Case = tuple[Callable[[Any], Any], Callable[[Any], Any], tuple[int, ...]]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


INTEGERS: dict[str, Callable[[int], Any]] = {
    "int64": np.int64,
    "int32": np.int32,
    "int8": np.int8,
    "uint8": lambda i: np.uint8(i) if i >= 0 else np.int16(i),
    "array": np.array,
}
MAKERS = {name: make for name, make in INTEGERS.items() if name != "array"}
CASES: dict[str, Case] = {}
SQUARE, CUBE, IMAGES = (3, 3), (2, 3, 4), (2, 2, 5, 6)


def indexed(name: str, index: Any, plain: Any, shape: tuple[int, ...] = CUBE) -> None:
    CASES[f"x[{name}]"] = (lambda x: x[index], lambda x: x[plain], shape)


for kind, n in INTEGERS.items():
    indexed(kind, n(1), 1)
    indexed(f"-{kind}", n(-1), -1)
    indexed(f":, {kind}", (slice(None), n(2)), (slice(None), 2))
    indexed(f"{kind}, {kind}, {kind}", (n(1), n(-2), n(3)), (1, -2, 3))
    indexed(f"..., {kind}", (..., n(0)), (..., 0))
    indexed(f"{kind}, None", (n(0), None), (0, None))
    indexed(f"{kind} beside an array", (n(1), np.array([0, 2])), (1, [0, 2]))
for kind, n in MAKERS.items():
    indexed(f"slices of {kind}", (slice(n(0), n(2)), slice(n(2), None, n(-1))), (slice(0, 2), slice(2, None, -1)))
    indexed(f"list of {kind}", [n(0), n(1), n(0)], [0, 1, 0])
    indexed(f":, list of {kind}", (slice(None), [n(2), n(0)]), (slice(None), [2, 0]))
    indexed(f"array of {kind}", np.array([1, 0, 1], dtype=n(1).dtype), [1, 0, 1])
    indexed(f"two arrays of {kind}", (np.array([1, 0], n(1).dtype), np.array([2, 2], n(1).dtype)), ([1, 0], [2, 2]))
indexed("tuple in a tuple", (slice(None), (np.int64(1), np.int64(2))), (slice(None), [1, 2]))
indexed("mask", np.array([True, False]), [True, False])
indexed("list of bool_", [np.bool_(False), np.bool_(True)], [False, True])
indexed(":, mask", (slice(None), np.array([True, False, True])), (slice(None), [True, False, True]))
indexed("bool_", np.bool_(True), True)
indexed("not bool_", (np.bool_(False),), (False,))
indexed("mask of all", np.arange(9).reshape(3, 3) % 2 == 0, np.arange(9).reshape(3, 3) % 2 == 0, SQUARE)

for kind, n in MAKERS.items():
    for name in ("sum", "mean", "max"):
        f, g = getattr(mg, name), getattr(np, name)
        CASES[f"{name} {kind}"] = (lambda x, f=f, n=n: f(x, axis=n(1)), lambda x, g=g: g(x, axis=1), CUBE)
        CASES[f"{name} -{kind}, kept"] = (
            lambda x, f=f, n=n: f(x, axis=n(-1), keepdims=True),
            lambda x, g=g: g(x, axis=-1, keepdims=True),
            CUBE,
        )
        CASES[f"{name} tuple of {kind}"] = (
            lambda x, f=f, n=n: f(x, axis=(n(0), n(-1))),
            lambda x, g=g: g(x, axis=(0, -1)),
            CUBE,
        )
        CASES[f"{name} list of {kind}"] = (
            lambda x, f=f, n=n: f(x, axis=[n(0), n(2)]),
            lambda x, g=g: g(x, axis=(0, 2)),
            CUBE,
        )
    CASES[f"a method's axis, {kind}"] = (lambda x, n=n: x.sum(axis=n(0)), lambda x: x.sum(axis=0), CUBE)
    CASES[f"reshape {kind}"] = (lambda x, n=n: x.reshape(n(6), n(-1)), lambda x: x.reshape(6, 4), CUBE)
    CASES[f"reshape tuple of {kind}"] = (lambda x, n=n: mg.reshape(x, (n(4), n(6))), lambda x: x.reshape(4, 6), CUBE)
    CASES[f"reshape list of {kind}"] = (lambda x, n=n: mg.reshape(x, [n(4), -1]), lambda x: x.reshape(4, 6), CUBE)
    CASES[f"reshape to one {kind}"] = (lambda x, n=n: mg.reshape(x, n(24)), lambda x: x.reshape(24), CUBE)
    CASES[f"transpose {kind}"] = (lambda x, n=n: x.transpose(n(2), n(0), n(1)), lambda x: x.transpose(2, 0, 1), CUBE)
    CASES[f"transpose one {kind}"] = (lambda x, n=n: x.transpose(n(0)), lambda x: x, (4,))
    CASES[f"transpose list of {kind}"] = (
        lambda x, n=n: mg.transpose(x, [n(-1), n(0), n(1)]),
        lambda x: x.transpose(2, 0, 1),
        CUBE,
    )
    CASES[f"broadcast_to {kind}"] = (
        lambda x, n=n: mg.broadcast_to(x, (n(2), n(3), n(3))),
        lambda x: np.broadcast_to(x, (2, 3, 3)),
        SQUARE,
    )
    CASES[f"stack {kind}"] = (lambda x, n=n: mg.stack([x, x], axis=n(1)), lambda x: np.stack([x, x], 1), CUBE)
    CASES[f"concatenate -{kind}"] = (
        lambda x, n=n: mg.concatenate([x, x], axis=n(-1)),
        lambda x: np.concatenate([x, x], -1),
        CUBE,
    )
    CASES[f"softmax {kind}"] = (
        lambda x, n=n: mg.softmax(x, axis=n(1)),
        lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
        CUBE,
    )
    CASES[f"log_softmax -{kind}"] = (
        lambda x, n=n: mg.log_softmax(x, n(-2)),
        lambda x: x - np.log(np.exp(x).sum(-2, keepdims=True)),
        CUBE,
    )
    CASES[f"x**{kind}"] = (lambda x, n=n: x ** n(3), lambda x: x**3, CUBE)
    CASES[f"x**-{kind}"] = (lambda x, n=n: mg.power(x, n(-2)), lambda x: x**-2.0, CUBE)
    CASES[f"conv2d {kind}"] = (
        lambda x, n=n: mg.conv2d(x, x[:, :, :2, :3], stride=n(2), padding=n(1)),
        lambda x: mg.conv2d(x, x[:, :, :2, :3], stride=2, padding=1),
        IMAGES,
    )
    CASES[f"conv2d pairs of {kind}"] = (
        lambda x, n=n: mg.conv2d(x, x[:, :, :2, :3], stride=(n(2), n(1)), padding=[n(0), n(1)]),
        lambda x: mg.conv2d(x, x[:, :, :2, :3], stride=(2, 1), padding=(0, 1)),
        IMAGES,
    )
    for name in ("avg_pool2d", "max_pool2d"):
        f = getattr(mg, name)
        CASES[f"{name} {kind}"] = (
            lambda x, f=f, n=n: f(x, n(2), stride=n(1)),
            lambda x, f=f: f(x, 2, stride=1),
            IMAGES,
        )
        CASES[f"{name} pairs of {kind}"] = (
            lambda x, f=f, n=n: f(x, (n(2), n(3)), stride=[n(1), n(2)]),
            lambda x, f=f: f(x, (2, 3), stride=(1, 2)),
            IMAGES,
        )
for kind, exponent in {"float64": np.float64(1.5), "float32": np.float32(0.5), "array": np.array(1.5)}.items():
    CASES[f"x**{kind}"] = (lambda x, e=exponent: x**e, lambda x, e=exponent: x ** float(e), CUBE)
for kind, dtype in {"name": "float64", "type": np.float64, "dtype": np.dtype("float64"), "float": float}.items():
    CASES[f"astype {kind}"] = (lambda x, d=dtype: mg.astype(x, d), lambda x: x, CUBE)

OTHER_KINDS = re.compile(r"\b(int8|int32|uint8)")  # of numbers: Python's and int64 stand for them
every_kind = pytest.mark.parametrize("others", [False, pytest.param(True, marks=pytest.mark.slow)])


def numbers(shape: tuple[int, ...]) -> np.ndarray:
    """Positive, and no two near each other."""
    return np.random.default_rng(5).permutation(0.5 + 0.07 * np.arange(np.prod(shape))).reshape(shape)


def weighed(y: Any) -> Any:
    return y * (0.3 + 0.1 * np.arange(np.prod(y.shape, dtype=int)).reshape(y.shape))


def loss_of(name: str) -> Callable[[Any], Value]:
    return lambda x: mg.sum(weighed(CASES[name][0](x)))


def plainly(name: str) -> Any:
    """The loss by NumPy, and its gradient by central differences, with plain static arguments."""
    _, formula, shape = CASES[name]
    x = numbers(shape)

    def loss(x: np.ndarray) -> float:
        return np.sum(weighed(formula(x)))

    slopes = np.zeros(x.size)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = 1e-5
        slopes[i] = (loss(x + step.reshape(shape)) - loss(x - step.reshape(shape))) / 2e-5
    return loss(x), slopes.reshape(shape)


def of_kind(others: bool) -> list[str]:
    return [name for name in CASES if bool(OTHER_KINDS.search(name)) == others]


@pytest.mark.slow
@every_way_here
@every_kind
def test_every_engine_takes_them(others: bool, way: str) -> None:
    def check(name: str) -> None:
        x = numbers(CASES[name][2])
        value, (gradient,) = answer(way, loss_of(name), [x])
        expected, slopes = plainly(name)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(gradient, answer("eager", loss_of(name), [x])[1][0], rtol=1e-12, atol=1e-13)

    assert offenders(of_kind(others), check) == []


@pytest.mark.slow
@pytest.mark.skipif("jax" not in BACKENDS, reason="JAX is not installed")
@pytest.mark.parametrize("part", range(4))
def test_jax_takes_them(part: int) -> None:
    names = list(CASES)[part::4]
    xs = [numbers(CASES[name][2]) for name in names]
    value, gradients = answer("jax", lambda *xs: sum(loss_of(name)(x) for name, x in zip(names, xs, strict=True)), xs)
    np.testing.assert_allclose(value, sum(plainly(name)[0] for name in names), rtol=1e-12)
    for name, x, gradient in zip(names, xs, gradients, strict=True):
        expected = answer("eager", loss_of(name), [x])[1][0]
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-13, err_msg=name)


@every_kind
def test_the_source_is_plain(others: bool) -> None:
    def check(name: str) -> None:
        x = numbers(CASES[name][2])
        program = compiled("numpy", loss_of(name), [x]).program
        assert "np." not in program.source
        value, (gradient,) = from_source(program, x)
        expected, (slopes,) = answer("eager", loss_of(name), [x])
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-13)

    assert offenders(of_kind(others), check) == []


ROWS: dict[str, Callable[[Any, Any], Any]] = {
    "one column": lambda x, p: mg.mean(x[:, np.int64(1)] * p[np.int32(0)]),
    "columns": lambda x, p: mg.mean(mg.sum(x[:, np.array([2, 0])] * p[[np.int64(1), np.int64(1)]], axis=np.int64(1))),
    "axis -1": lambda x, p: mg.mean(mg.max(x * p, axis=(np.int64(-1),))),
    "shape": lambda x, p: mg.mean(
        mg.sum((x * p).reshape(np.int64(-1), np.int8(3), np.int64(1)), axis=[np.int64(1), 2])
    ),
    "log_softmax": lambda x, p: mg.mean(mg.log_softmax(x * p, axis=np.int64(1))[:, np.int16(0)]),
}


@every_way_here
@pytest.mark.parametrize("name", ROWS)
def test_programs_over_rows_take_them(name: str, way: str) -> None:
    x, p = numbers((5, 3)), np.array([1.0, 2.0, -1.5])
    value, (gradient,) = answer(way, ROWS[name], [p], [x])
    expected, (slopes,) = answer("eager", ROWS[name], [p], [x])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ROWS)
def test_the_source_over_rows_is_plain(name: str) -> None:
    x, p = numbers((5, 3)), np.array([1.0, 2.0, -1.5])
    program = compiled("numpy", ROWS[name], [p], [x]).program
    value, (gradient,) = from_source(program, x, p)
    expected, (slopes,) = answer("eager", ROWS[name], [p], [x])
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(gradient, slopes, rtol=1e-12, atol=1e-13)
