"""Every primitive with a kink, at its kink, on every engine: the gradients are those written here by hand.

A family is a function of rows, (n, ...), with a result for every row; for each row stands what the gradient of the sum
of its results is. It is asked of parameters, and of rows as inputs, to which a parameter of zeros is added: the
gradient is the mean of the rows'. In a large program nothing is opened into scalars; in a small one everything is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from every_backend import HERE, WAYS, answer, compiled, every_size, every_way, every_way_here, padded
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value, nn

NAN = float("nan")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


class Family(NamedTuple):
    """A function of rows, and for some rows the gradient of the sum of what it gives."""

    function: Callable[[Any], Any]
    rows: Sequence[tuple[Any, Any]]

    @property
    def x(self) -> np.ndarray:
        return np.array([row for row, _ in self.rows], float)

    @property
    def gradient(self) -> np.ndarray:
        return np.array([gradient for _, gradient in self.rows], float)


THIRD = 1 / 3
SHARED = [  # what the largest gets, at ties of one to four
    ([1, 0, -1, -2], [1, 0, 0, 0]),
    ([1, 1, 0, -1], [0.5, 0.5, 0, 0]),
    ([-1, 2, 1, 2], [0, 0.5, 0, 0.5]),
    ([0, 3, 3, 3], [0, THIRD, THIRD, THIRD]),
    ([-1, -2, -1, -1], [THIRD, 0, THIRD, THIRD]),
    ([0, 0, 0, 0], [0.25] * 4),
    ([7, 7, 7, 7], [0.25] * 4),
]


def as_images(rows: Any, height: int, width: int) -> Any:
    return [tuple(np.reshape(part, (1, height, width)) for part in row) for row in rows]


def times(factor: Any, rows: Any) -> Any:
    return [(row, factor * np.array(gradient)) for row, gradient in rows]


def each(*pairs: tuple[float, float]) -> Any:
    """Numbers one beside the other in one row, each with its derivative."""
    return [tuple(zip(*pairs, strict=True))]


FOUR = np.array([[1.0, 2.0], [3.0, 4.0]])
FAMILIES: dict[str, Family] = {
    "max": Family(lambda x: mg.max(x, axis=1), SHARED),
    "max, the axis kept, scaled": Family(lambda x: 3.0 * mg.max(x, axis=-1, keepdims=True), times(3.0, SHARED)),
    "max over two axes": Family(
        lambda x: mg.max(x, axis=(1, 2)), [(np.reshape(r, (2, 2)), np.reshape(g, (2, 2))) for r, g in SHARED]
    ),
    "max over the last of two": Family(
        lambda x: mg.sum(mg.max(x, axis=2) * np.array([1.0, 2.0]), axis=1),
        [
            ([[1, 1, 0], [0, 0, 0]], [[0.5, 0.5, 0], [2 / 3] * 3]),
            ([[0, 0, 0], [2, 1, 2]], [[THIRD] * 3, [1, 0, 1]]),
            ([[3, 3, 3], [3, 3, 3]], [[THIRD] * 3, [2 / 3] * 3]),
        ],
    ),
    "max over the first of two": Family(
        lambda x: mg.sum(mg.max(x, axis=1) * np.array([1.0, 2.0, 6.0]), axis=1),
        [([[1, 1, 0], [1, 2, 0]], [[0.5, 0, 3], [0.5, 2, 3]])],
    ),
    "max of maxes": Family(  # a half for each row, then its share: not a third for each of three
        lambda x: mg.max(mg.max(x, axis=2), axis=1),
        [([[1, 1, 0], [1, 0, 0]], [[0.25, 0.25, 0], [0.5, 0, 0]]), ([[2] * 3] * 2, [[1 / 6] * 3] * 2)],
    ),
    "the least, as -max(-x)": Family(lambda x: -mg.max(-x, axis=1), [([-np.array(r), g]) for r, g in SHARED]),
    "max of relu": Family(
        lambda x: mg.max(mg.relu(x), axis=1),
        [([-1, 0, 0, -2], [0] * 4), ([2, 2, -1, 0], [0.5, 0.5, 0, 0]), ([0] * 4, [0] * 4)],
    ),
    "max of abs": Family(
        lambda x: mg.max(mg.abs(x), axis=1),
        [([1, -1, 1, 0], [THIRD, -THIRD, THIRD, 0]), ([0] * 4, [0] * 4), ([-2, 2, -2, 2], [-0.25, 0.25, -0.25, 0.25])],
    ),
    "max of products": Family(
        lambda x: mg.max(x * np.array([1.0, 2.0, 3.0, 4.0]), axis=1), [([0] * 4, [0.25, 0.5, 0.75, 1.0])]
    ),
    "max beside a number": Family(lambda x: mg.max(x, axis=1) * mg.max(x, axis=1), [([3, 3, 3, 0], [2, 2, 2, 0])]),
    "the numbers that are the largest": Family(
        lambda x: mg.where(x >= mg.max(x, axis=1, keepdims=True), x, 0.0),
        [(row, np.array(gradient) > 0) for row, gradient in SHARED],
    ),
    "max_pool2d": Family(lambda x: mg.max_pool2d(x, 2), as_images(SHARED, 2, 2)),
    "max_pool2d of a line": Family(lambda x: 3.0 * mg.max_pool2d(x, (1, 4)), as_images(times(3.0, SHARED), 1, 4)),
    "max_pool2d, windows of three": Family(
        lambda x: mg.max_pool2d(x, (1, 3)) * np.array([1.0, 2.0]),
        as_images([([1, 1, 1, 2, 0, 2], [THIRD, THIRD, THIRD, 1, 0, 1])], 1, 6),
    ),
    "max_pool2d, windows that overlap": Family(
        lambda x: mg.max_pool2d(x, 2, stride=1) * FOUR,
        as_images(
            [
                (np.ones(9), np.array([1, 3, 2, 4, 10, 6, 3, 7, 4]) / 4),
                ([0, 1, 0, 1, 0, 1, 0, 1, 0], [0, 1.5, 0, 2, 0, 3, 0, 3.5, 0]),
                ([0, 0, 0, 0, 5, 0, 0, 0, 0], [0, 0, 0, 0, 10, 0, 0, 0, 0]),
            ],
            *(3, 3),
        ),
    ),
    "max_pool2d, windows with gaps": Family(
        lambda x: mg.max_pool2d(x, (1, 2), stride=(1, 3)), as_images([([4, 4, 9, 4, 4], [0.5, 0.5, 0, 0.5, 0.5])], 1, 5)
    ),
    "relu": Family(mg.relu, each((0.0, 0), (-0.0, 0), (2, 1), (-2, 0))),
    "relu of a difference": Family(
        lambda x: mg.relu(x[:, 0] - x[:, 1]) + mg.relu(x[:, 1] - x[:, 0]), [([3, 3], [0, 0]), ([3, 2], [1, -1])]
    ),
    "relu of minus": Family(lambda x: mg.relu(-x) * 2.0, each((0.0, 0), (-1, -2), (1, 0))),
    "abs": Family(mg.abs, each((0.0, 0), (-0.0, 0), (2, 1), (-2, -1))),
    "abs of a difference": Family(lambda x: mg.abs(x[:, 0] - x[:, 1]), [([3, 3], [0, 0]), ([3, 4], [-1, 1])]),
    "hinge": Family(lambda x: mg.relu(1.0 - 1.0 * x), each((1, 0), (0, -1), (2, 0))),
    "maximum": Family(
        lambda x: mg.maximum(x[:, 0], x[:, 1]), [([1, 1], [0.5, 0.5]), ([0, 0], [0.5, 0.5]), ([2, 1], [1, 0])]
    ),
    "maximum with a number": Family(lambda x: mg.maximum(x, 1.0), each((1, 0.5), (2, 1), (0, 0))),
    "a number's maximum": Family(lambda x: mg.maximum(0.0, x), each((0.0, 0.5), (-0.0, 0.5), (2, 1), (-1, 0))),
    "maximum with itself": Family(lambda x: mg.maximum(x, x), each((1, 1), (0, 1))),
    "maximum with twice itself": Family(lambda x: mg.maximum(x, 2.0 * x), each((0, 1.5), (1, 2), (-1, 1))),
    "maximum of maximum": Family(  # as it is written: a quarter, a quarter, a half; not thirds
        lambda x: mg.maximum(mg.maximum(x[:, 0], x[:, 1]), x[:, 2]),
        [([1, 1, 1], [0.25, 0.25, 0.5]), ([1, 0, 1], [0.5, 0, 0.5]), ([2, 2, 1], [0.5, 0.5, 0])],
    ),
    "maximum of two pairs": Family(
        lambda x: mg.maximum(mg.maximum(x[:, 0], x[:, 1]), mg.maximum(x[:, 2], x[:, 3])),
        [([1] * 4, [0.25] * 4), ([1, 1, 1, 0], [0.25, 0.25, 0.5, 0])],
    ),
    "minimum": Family(
        lambda x: mg.minimum(x[:, 0], x[:, 1]), [([1, 1], [0.5, 0.5]), ([0, 0], [0.5, 0.5]), ([2, 1], [0, 1])]
    ),
    "minimum with a number": Family(lambda x: mg.minimum(1.0, x), each((1, 0.5), (2, 0), (0, 1))),
    "minimum of minimum": Family(
        lambda x: mg.minimum(x[:, 0], mg.minimum(x[:, 1], x[:, 2])), [([2, 2, 2], [0.5, 0.25, 0.25])]
    ),
    "clipped": Family(lambda x: mg.minimum(mg.maximum(x, 0.0), 1.0), each((0, 0.5), (1, 0.5), (0.5, 1), (2, 0))),
    "where >": Family(lambda x: mg.where(x > 0.0, 3.0 * x, x), each((0, 1), (1, 3), (-1, 1))),
    "where >=": Family(lambda x: mg.where(x >= 0.0, 3.0 * x, x), each((0, 3), (-0.0, 3), (1, 3), (-1, 1))),
    "where <": Family(lambda x: mg.where(x < 1.0, 3.0 * x, x), each((1, 1), (0, 3), (2, 1))),
    "where <=": Family(lambda x: mg.where(x <= 1.0, 3.0 * x, x), each((1, 3), (0, 3), (2, 1))),
    "where equal": Family(lambda x: mg.where(mg.equal(x, 0.0), 5.0 * x, x), each((0, 5), (1, 1))),
    "where by two": Family(
        lambda x: mg.where(x[:, 0] > x[:, 1], x[:, 0], x[:, 1]), [([1, 1], [0, 1]), ([2, 1], [1, 0])]
    ),
    "a mask as a factor": Family(lambda x: (x >= 0.0) * x, each((0, 1), (-1, 0))),
}


def agrees(found: Any, expected: Any, what: str = "") -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14, err_msg=what)


def repeated(size: str) -> int:
    return 60 if size == "large" else 1


@every_way_here
@every_size
def test_parameters_at_a_kink(size: str, way: str) -> None:
    def check(name: str) -> None:
        family, times = FAMILIES[name], repeated(size)
        x = np.concatenate([family.x] * times)
        loss, parameters, _ = padded(size, lambda p: mg.sum(family.function(p)), [x])
        _, (gradient, *_) = answer(way, loss, parameters)
        agrees(gradient, np.concatenate([family.gradient] * times))

    assert offenders(FAMILIES, check) == []


@every_way_here
@every_size
def test_rows_at_a_kink(size: str, way: str) -> None:
    def check(name: str) -> None:
        family = FAMILIES[name]

        def one_mean(x: Any, p: Any) -> Value:
            y = family.function(x + p)
            return mg.mean(mg.sum(y, axis=tuple(range(1, y.ndim))) if y.ndim > 1 else y)

        x = np.concatenate([family.x] * 3)
        loss, parameters, inputs = padded(size, one_mean, [np.zeros(x.shape[1:])], [x])
        _, (gradient, *_) = answer(way, loss, parameters, inputs)
        agrees(gradient, family.gradient.mean(0))

    assert offenders(FAMILIES, check) == []


@pytest.mark.slow
@pytest.mark.skipif("jax" not in WAYS, reason="JAX is not installed")
@every_size
def test_kinks_with_jax(size: str) -> None:
    def all_of_them(*xs: Any) -> Value:
        return sum(mg.sum(family.function(x)) for family, x in zip(FAMILIES.values(), xs, strict=True))

    loss, parameters, _ = padded(size, all_of_them, [family.x for family in FAMILIES.values()])
    _, gradients = answer("jax", loss, parameters)
    for (name, family), gradient in zip(FAMILIES.items(), gradients, strict=False):
        agrees(gradient, family.gradient, name)


# In scalars, the inputs a number for every row


IN_SCALARS: dict[str, tuple[Callable[..., Any], tuple[float, ...], list[float], list[Any]]] = {
    # loss of one example, parameters, a number for every row, the derivatives in every row
    "relu": (lambda x, a: mg.relu(a * x), (1.0,), [0.0, -0.0, 2.0, -2.0], [[0], [0], [2], [0]]),
    "relu of nothing": (lambda x, a: mg.relu(a * x), (0.0,), [0.0, 2.0, -2.0], [[0]] * 3),
    "abs": (lambda x, a: mg.abs(a * x), (0.0,), [0.0, 2.0, -2.0], [[0]] * 3),
    "abs of a difference": (lambda x, a: mg.abs(a - x), (1.0,), [0.0, 1.0, 2.0], [[1], [0], [-1]]),
    "maximum": (lambda x, a: mg.maximum(a * x, 0.0), (0.0,), [2.0, -4.0], [[1], [-2]]),
    "maximum of two": (lambda x, a, b: mg.maximum(a * x, b * x), (3.0, 3.0), [2.0, -4.0], [[1, 1], [-2, -2]]),
    "minimum of two": (lambda x, a, b: mg.minimum(a + x, x + b), (3.0, 3.0), [2.0, -4.0], [[0.5, 0.5]] * 2),
    "maximum of maximum": (
        lambda x, a, b, c: mg.maximum(mg.maximum(a * x, b * x), c * x),
        *((0.0, 0.0, 0.0), [4.0, -8.0], [[1, 1, 2], [-2, -2, -4]]),
    ),
    "maximum of the same": (lambda x, a: mg.maximum(a * x, a * x), (3.0,), [2.0, 0.0], [[2], [0]]),
    "where": (lambda x, a: mg.where(a * x > 0.0, 3.0 * a, a * x), (1.0,), [0.0, 2.0, -2.0], [[0], [3], [-2]]),
    "where equal": (lambda x, a: mg.where(mg.equal(x, a), x * a, 7.0 * a), (1.0,), [1.0, 2.0], [[1], [7]]),
}


@every_way
@pytest.mark.parametrize("name", IN_SCALARS)
def test_scalars_at_a_kink(name: str, way: str) -> None:
    loss, parameters, numbers, expected = IN_SCALARS[name]
    if way in HERE[:2]:
        found = [answer(way, loss, parameters, [x])[1] for x in numbers]
        agrees(found, expected)
    else:
        program = compiled(way, loss, parameters, [0.4])
        agrees(program(np.array(numbers))[1], np.mean(expected, axis=0))
        for x, derivatives in zip(numbers, expected, strict=True):
            agrees(program(x)[1], derivatives)


@every_way
@pytest.mark.parametrize("ties", [2, 3, 4])
def test_the_largest_of_scalars(ties: int, way: str) -> None:
    """Stacked, they share; one maximum in the other halves what is left."""
    numbers = [1.0] * ties + [0.0]
    _, stacked = answer(way, lambda *ps: mg.max(mg.stack(ps)), numbers)
    agrees(stacked, [1 / ties] * ties + [0])

    def folded(*ps: Any) -> Value:
        y = ps[0]
        for p in ps[1:]:
            y = mg.maximum(y, p)
        return y

    _, one_by_one = answer(way, folded, numbers)
    agrees(one_by_one, [0.5 ** (ties - 1), *[0.5 ** (ties - i) for i in range(1, ties)], 0])


# Second derivatives: away from the kink's own jump they are those of the pieces


@every_way
def test_second_derivatives_at_ties(way: str) -> None:
    """f = Σ max(x²) at |x| equal: df/dx = 2x/k, and Σ(df/dx)² has the gradient 8x/k², the shares being constant."""

    def penalty(x: Any) -> Value:
        (g,) = mg.grad(mg.sum(mg.max(x * x, axis=1)), [x])
        return mg.sum(g * g)

    x = np.array([[1.0, -1.0, 0.0, 0.5], [2.0, 2.0, -2.0, 1.0], [1.0, 1.0, -1.0, -1.0]])
    ties = np.array([[2], [3], [4]])
    _, (gradient,) = answer(way, penalty, [x])
    agrees(gradient, 8 * x * (x**2 == (x**2).max(1, keepdims=True)) / ties**2)


# NaN in, NaN out


NOT_A_NUMBER: dict[str, Callable[[Any], Any]] = {
    "relu": mg.relu,
    "abs": mg.abs,
    "maximum": lambda x: mg.maximum(x, 1.0),
    "a number's maximum": lambda x: mg.maximum(1.0, x),
    "minimum": lambda x: mg.minimum(x, 1.0),
    "a number's minimum": lambda x: mg.minimum(1.0, x),
    "max": lambda x: mg.max(x, axis=1),
    "max of all": mg.max,
    "max_pool2d": lambda x: mg.max_pool2d(x.reshape(1, 1, 2, 2), 2),
    "max_pool2d, overlapping": lambda x: mg.max_pool2d(x.reshape(1, 1, 1, 4), (1, 2), stride=1),
    "hinge": lambda x: nn.hinge_loss(x, np.ones((1, 4))),
    "square": mg.square,
    "x**2": lambda x: x**2,
    "x**3": lambda x: x**3,
    "x**0.5": lambda x: x**0.5,
    "x**-1": lambda x: x**-1,
    "x**a": lambda x: mg.power(x, np.full((1, 4), 2.0)),
    "a**x": lambda x: 2.0**x,
    "x/y": lambda x: x / x[:, ::-1],
    "1/x": lambda x: 1.0 / x,
    "sqrt": mg.sqrt,
    "exp": mg.exp,
    "expm1": mg.expm1,
    "log": mg.log,
    "log1p": mg.log1p,
    "tanh": mg.tanh,
    **{name: getattr(mg, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "erf")},
    **{name: getattr(mg, name) for name in ("arcsinh", "arccosh", "arctanh", "log2", "log10", "gelu", "silu")},
    "hypot": lambda x: mg.hypot(x, 1.0),
    "arctan2": lambda x: mg.arctan2(x, 1.0),
    "logaddexp": lambda x: mg.logaddexp(1.0, x),
    "sigmoid": mg.sigmoid,
    "softplus": mg.softplus,
    "softmax": lambda x: mg.softmax(x) * np.arange(4.0),
    "log_softmax": lambda x: mg.log_softmax(x) * np.arange(4.0),
    "relu of relu": lambda x: mg.relu(mg.relu(x)),
    "leaky": lambda x: mg.maximum(x, 0.01 * x),
    "clipped": lambda x: mg.minimum(mg.maximum(x, 0.0), 1.0),
    "matmul": lambda x: x @ x.T,
}
AT_NAN = np.array([[NAN, 2.0, 0.5, 1.5]])


@every_way_here
@every_size
def test_nan_in_is_nan_out(size: str, way: str) -> None:
    def check(name: str) -> None:
        loss, parameters, _ = padded(size, lambda p: mg.sum(NOT_A_NUMBER[name](p)), [AT_NAN])
        value, (gradient, *_) = answer(way, loss, parameters)
        assert np.isnan(value)
        assert np.isnan(gradient[0, 0])
        _, (expected, *_) = answer("eager", loss, parameters)
        agrees(gradient, expected)

    assert offenders(NOT_A_NUMBER, check) == []


@pytest.mark.slow
@pytest.mark.skipif("jax" not in WAYS, reason="JAX is not installed")
def test_nan_in_is_nan_out_with_jax() -> None:
    def all_of_them(*xs: Any) -> Value:
        return sum(mg.sum(function(x)) for function, x in zip(NOT_A_NUMBER.values(), xs, strict=True))

    parameters = [AT_NAN] * len(NOT_A_NUMBER)
    value, gradients = answer("jax", all_of_them, parameters)
    assert np.isnan(value)
    for name, gradient, expected in zip(
        NOT_A_NUMBER, gradients, answer("eager", all_of_them, parameters)[1], strict=True
    ):
        assert np.isnan(gradient[0, 0]), name
        agrees(gradient, expected, name)


SCALARS_AT_NAN = {
    "relu": lambda a, b: mg.relu(a),
    "abs": lambda a, b: mg.abs(a),
    "maximum": mg.maximum,
    "minimum": mg.minimum,
    "the other's maximum": lambda a, b: mg.maximum(b, a),
    "the other's minimum": lambda a, b: mg.minimum(b, a),
    "square": lambda a, b: a**2,
}


@every_way
@pytest.mark.parametrize("name", SCALARS_AT_NAN)
def test_nan_in_is_nan_out_for_scalars(name: str, way: str) -> None:
    value, gradients = answer(way, SCALARS_AT_NAN[name], [NAN, 1.0])
    assert np.isnan(value)
    assert np.isnan(gradients[0])
    agrees(gradients, answer("eager", SCALARS_AT_NAN[name], [NAN, 1.0])[1])


@every_way
def test_nan_in_the_branch_not_taken_stays_there(way: str) -> None:
    def loss(x: Any) -> Value:
        return mg.sum(mg.where(x > 0.0, mg.sqrt(x), 3.0 * x))

    value, (gradient,) = answer(way, loss, [np.array([-4.0, 4.0])])
    assert value == -10.0
    agrees(gradient, [3.0, 0.25])


# A maxout network from zero weights: every piece ties with every other


def maxout_by_hand(x: np.ndarray, y: np.ndarray, w: np.ndarray, v: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of (Σ v·max over pieces of x·w − y)² for w (features, units, pieces), and its gradient in w."""
    z = np.einsum("nf,fup->nup", x, w)
    hit = z == z.max(2, keepdims=True)
    off = z.max(2) @ v - y
    sent = 2 * off[:, None, None] / len(x) * v[None, :, None] * hit / hit.sum(2, keepdims=True)
    return float(np.mean(off**2)), np.einsum("nf,nup->fup", x, sent)


@every_way
@pytest.mark.parametrize(
    ("form", "size"),
    [("tensors", "small"), pytest.param("tensors", "large", marks=pytest.mark.slow), ("scalars", "small")],
)
@pytest.mark.parametrize(("pieces", "steps"), [(2, 4), (3, 1), (4, 4)])
def test_a_maxout_from_zero_weights(pieces: int, steps: int, size: str, form: str, way: str) -> None:
    """Shares of 1/2 and 1/4 stay exact, so that the pieces tie for ever; thirds do so for a step."""
    units = 2 if size == "small" else 64
    x = np.array([[1.0, -1.0], [2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    y, v = np.array([1.0, 2.0, -1.0, 0.5]), np.resize([1.0, -0.5], units) * 2 / units
    w = np.zeros((2, units, pieces))

    def by_tensors(x: Any, y: Any, w: Any) -> Value:
        z = mg.max((x @ w).reshape(-1, units, pieces), axis=2)
        return mg.mean(mg.square(z @ v - y))

    def by_scalars(*w: Any) -> Value:
        half, rows = units * pieces, []
        numbers = np.arange(half).reshape(units, pieces).tolist()  # of the weights of the first feature
        for row, target in zip(x, y, strict=True):
            z = [mg.max(mg.stack([row[0] * w[i] + row[1] * w[half + i] for i in of_unit])) for of_unit in numbers]
            rows.append(mg.square(sum(z[u] * v[u] for u in range(units)) - target))
        return sum(rows) * 0.25

    for _ in range(steps + 1):
        loss, gradient = maxout_by_hand(x, y, w, v)
        if form == "tensors":
            found, (g,) = answer(way, by_tensors, [w.reshape(2, -1)], [x, y])
        else:
            found, g = answer(way, by_scalars, w.ravel().tolist())
        agrees(found, loss)
        agrees(np.reshape(g, w.shape), gradient)
        w = w - 0.25 * gradient
