"""The tables of conventions in primitives.py and elementary.py, read row by row, and held on every backend."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine import primitives
from microgradcnn.engine.table import elementary

INF, NAN = math.inf, math.nan


class Held(NamedTuple):
    """A convention's instance: the derivatives of f at a point, each a number or an array, and the value if it says."""

    f: Callable[..., Any]
    at: tuple[Any, ...]
    slopes: tuple[Any, ...]
    value: Any = None


def image(*pixels: float) -> np.ndarray:
    return np.array(pixels).reshape(1, 1, 2, -1)


def pooled(x: Any) -> Any:
    return mg.max_pool2d(x, x.shape[2:])


def mixed(first: int) -> Callable[..., Any]:
    """d(a**b)/da or d(a**b)/db, as a graph."""
    return lambda *ab: mg.grad(mg.sum(ab[0] ** ab[1]), [ab[first]])[0]


def second(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: mg.grad(mg.sum(f(x)), [x])[0]


# What each row of the table means. A row that is new, or says something else, has no check until one is written here.
HELD: dict[tuple[str, str], list[Held]] = {
    ("relu, at 0", "0"): [Held(mg.relu, (0.0,), (0.0,)), Held(mg.relu, (-0.0,), (0.0,))],
    ("abs, at 0", "0"): [Held(mg.abs, (0.0,), (0.0,)), Held(mg.abs, (-0.0,), (0.0,))],
    ("maximum, minimum, at a tie", "half to each side"): [
        *[Held(f, (2.0, 2.0), (0.5, 0.5), 2.0) for f in (mg.maximum, mg.minimum)],
        *[Held(f, (x, x), (0.5, 0.5), x) for f in (mg.maximum, mg.minimum) for x in (INF, -INF)],
    ],
    ("max, min, max_pool2d, at ties", "shared equally by the largest, or smallest"): [
        Held(mg.min, (np.array([1.0, 3.0, 1.0]),), (np.array([0.5, 0.0, 0.5]),)),
        Held(mg.max, (np.array([3.0, 1.0, 3.0]),), (np.array([0.5, 0.0, 0.5]),)),
        Held(pooled, (image(3.0, 1.0, 2.0, 3.0),), (image(0.5, 0.0, 0.0, 0.5),)),
    ],
    ("norm, std, at 0", "0, and its second derivatives as well"): [
        *[Held(mg.norm, (np.zeros(3),), (np.zeros(3),), 0.0), Held(second(mg.norm), (np.zeros(3),), (np.zeros(3),))],
        *[Held(mg.std, (np.full(3, c),), (np.zeros(3),), 0.0) for c in (0.0, 2.0)],
        Held(second(mg.std), (np.full(3, 2.0),), (np.zeros(3),)),
    ],
    ("sort, of equal numbers", "each its own, in the order in which they stand; NaN stands last"): [
        Held(
            lambda x: mg.sort(x) * np.arange(4.0), (np.array([2.0, 1.0, 2.0, 1.0]),), (np.array([2.0, 0.0, 3.0, 1.0]),)
        ),
        Held(
            lambda x: (mg.sort(x) * np.arange(1.0, 5.0))[:3],
            (np.array([NAN, 1.0, INF, 1.0]),),
            (np.array([0.0, 1.0, 3.0, 2.0]),),
        ),
    ],
    ("logsumexp, of -inf alone", "NaN"): [Held(mg.logsumexp, (np.full(2, -INF),), (np.full(2, NAN),), -INF)],
    ("any of these, with NaN", "NaN for everything that was compared with it"): [
        *[Held(f, (NAN,), (NAN,), NAN) for f in (mg.relu, mg.abs)],
        *[Held(second(f), (NAN,), (NAN,)) for f in (lambda x: mg.relu(x) * x, lambda x: mg.abs(x) * x)],
        *[Held(f, at, (NAN, NAN), NAN) for f in (mg.maximum, mg.minimum) for at in ((NAN, 1.0), (1.0, NAN))],
        Held(mg.maximum, (NAN, NAN), (NAN, NAN), NAN),
        *[Held(f, (np.array([1.0, NAN, 0.0]),), (np.full(3, NAN),), NAN) for f in (mg.max, mg.min)],
        Held(pooled, (image(1.0, NAN, 0.0, 2.0),), (image(*[NAN] * 4),)),
        Held(lambda x: nn.hinge_loss(x, np.ones(2)), (np.array([NAN, 0.0]),), (np.array([NAN, -0.5]),), NAN),
    ],
    ("x**0", "0 everywhere; x**1 has 1, x**2 has 0 and x**0.5 has inf at 0"): [
        *[Held(lambda x: x**0, (x,), (0.0,), 1.0) for x in (0.0, -2.0, INF, NAN)],
        *[Held(lambda x, e=e: x**e, (0.0,), (slope,), 0.0) for e, slope in ((1, 1.0), (2, 0.0), (0.5, INF))],
    ],
    ("power of Values, 0**b", "d/da is 0 for b = 0, d/db is 0 for b ≥ 0"): [
        *[Held(mg.power, (0.0, b), (a, 0.0), float(b == 0.0)) for b, a in ((0.0, 0.0), (0.5, INF), (1.0, 1.0))],
        *[Held(mg.power, (a, 2.0), (0.0, 0.0), 0.0) for a in (0.0, -0.0)],
    ],
    ("power of Values, 0**0, 0**1", "d²/da db is NaN in either order: its limits are inf and -inf"): [
        *[Held(mixed(0), (a, 1.0), (0.0, NAN), 1.0) for a in (0.0, -0.0)],
        *[Held(mixed(1), (a, 1.0), (NAN, 0.0), 0.0) for a in (0.0, -0.0)],
        Held(mixed(0), (0.0, 2.0), (2.0, 0.0), 0.0),
        Held(mixed(1), (0.0, 2.0), (0.0, 0.0), 0.0),
    ],
    ("sqrt, log, division, at 0", "as IEEE: sqrt'(0) = inf, log(0) = -inf, log'(0) = inf, 1/0 = inf, sqrt(-1) = NaN"): [
        *[Held(mg.sqrt, (0.0,), (INF,), 0.0), Held(mg.log, (0.0,), (INF,), -INF)],
        *[Held(lambda x: 1.0 / x, (0.0,), (-INF,), INF), Held(mg.sqrt, (-1.0,), (NAN,), NAN)],
    ],
    ("comparisons", "no gradient flows through them; with NaN they are False"): [
        Held(lambda x, y: mg.where(x > y, 3.0 * x, 5.0 * y), (2.0, 1.0), (3.0, 0.0), 6.0),
        Held(lambda x, y: mg.where(x > y, 3.0 * x, 5.0 * y), (1.0, 2.0), (0.0, 5.0), 10.0),
        *[
            Held(lambda x, y, r=relation: mg.where(r(x, y), 3.0 * x, 5.0 * y), (NAN, 2.0), (0.0, 5.0), 10.0)
            for relation in (
                *(lambda a, b: a < b, lambda a, b: a <= b, lambda a, b: a > b, lambda a, b: a >= b),
                *(mg.equal, lambda a, b: mg.equal(a, a)),
            )
        ],
    ],
    ("where", "the branch not taken gets 0, even if it is inf or NaN"): [
        *[Held(lambda x, f=f: mg.where(x > 1.0, f(x), 2.0 * x), (0.0,), (2.0,)) for f in (mg.log, mg.sqrt, mg.relu)],
        *[
            Held(lambda x, y, f=f: mg.where(x > 1.0, f(y), 2.0 * x), (0.0, NAN), (2.0, 0.0), 0.0)
            for f in (mg.relu, mg.abs, mg.exp, lambda y: mg.maximum(y, 1.0), lambda y: mg.minimum(1.0, y))
        ],
    ],
    ("sigmoid", "σ(x)(1 - σ(x)), right to 1e-16 absolute; losses take logits where the tail matters"): [
        Held(mg.sigmoid, (0.0,), (0.25,), 0.5),
        *[Held(mg.sigmoid, (x,), (math.exp(-40.0),)) for x in (40.0, -40.0)],
        Held(
            lambda x: nn.binary_cross_entropy_with_logits(x, np.ones(2)),
            *((np.array([-1000.0, 0.0]),), (np.array([-0.5, -0.25]),), (1000.0 + math.log(2.0)) / 2),
        ),
    ],
    ("sign, floor", "0; of NaN they are NaN"): [
        *[Held(f, (x,), (0.0,), y) for f in (mg.sign, mg.floor) for x, y in ((0.0, 0.0), (1.0, 1.0), (NAN, NAN))],
        Held(mg.floor, (2.5,), (0.0,), 2.0),
    ],
    ("arcsin, arccos, at 1", "inf and -inf, as IEEE has 1/0; outside NaN, with the value"): [
        *[Held(mg.arcsin, (x,), (INF,), math.asin(x)) for x in (1.0, -1.0)],
        *[Held(mg.arccos, (x,), (-INF,), math.acos(x)) for x in (1.0, -1.0)],
        *[Held(f, (1.5,), (NAN,), NAN) for f in (mg.arcsin, mg.arccos)],
    ],
    ("arccosh, arctanh, at 1", "inf; arctanh is NaN outside, its derivative 1/(1 - x²)"): [
        Held(mg.arccosh, (1.0,), (INF,), 0.0),
        *[Held(mg.arctanh, (x,), (INF,), math.copysign(INF, x)) for x in (1.0, -1.0)],
        Held(mg.arctanh, (2.0,), (-1 / 3,), NAN),
    ],
    ("arctan2, hypot, at (0, 0)", "NaN, as 0/0"): [
        Held(f, (0.0, 0.0), (NAN, NAN), 0.0) for f in (mg.arctan2, mg.hypot)
    ],
    ("mod, at a jump", "d/da is 1 and d/db is -⌊a/b⌋ there too; with b = 0 the value is NaN"): [
        Held(mg.mod, (3.0, 1.5), (1.0, -2.0), 0.0),
        Held(mg.mod, (1.0, 0.0), (1.0, -INF), NAN),
    ],
    ("logaddexp, at a tie", "half to each side; NaN where both are inf or both -inf"): [
        Held(mg.logaddexp, (1.0, 1.0), (0.5, 0.5), 1.0 + math.log(2.0)),
        *[Held(mg.logaddexp, (x, x), (NAN, NAN), x) for x in (INF, -INF)],
        Held(mg.logaddexp, (-INF, 1.0), (0.0, 1.0), 1.0),
    ],
    ("clip, at its bounds", "1 to x, as PyTorch before 2.14; of NaN NaN, with 1 to x"): [
        *[Held(lambda x: mg.clip(x, -1.0, 2.0), (x,), (1.0,), x) for x in (-1.0, 2.0, NAN)],
        Held(lambda x: mg.clip(x, -1.0, 2.0), (2.5,), (0.0,), 2.0),
    ],
    ("broadcasting", "as in NumPy, silently: (n, 1) - (n,) is (n, n), which the losses of mg.nn refuse"): [
        Held(
            lambda a, b: mg.mean(mg.square(a - b)),  # 0, −1, 1, 0 squared
            *(
                (np.array([[1.0], [2.0]]), np.array([1.0, 2.0])),
                (np.array([[-0.5], [0.5]]), np.array([-0.5, 0.5])),
                0.5,
            ),
        )
    ],
}


def table() -> dict[str, str]:
    """The rows of the docstring, by what they are about."""
    text = "\n".join([(module.__doc__ or "").partition("\nConventions ")[2] for module in (primitives, elementary)])
    rows = re.findall(r"^    (\S.*?) {2,}(\S.*)$", text, re.MULTILINE)
    assert len(rows) == len([line for line in text.splitlines() if line.startswith("    ")]), "a row that is none"
    return dict(rows)


def test_every_row_of_the_table_has_a_check() -> None:
    assert table() == dict(HELD.keys())


# The ways to a gradient: each gives the sum of what f gives, and its derivatives.

Way = Callable[[Callable[..., Any], tuple[Any, ...]], tuple[Any, list[Any]]]


def by_backward(f: Callable[..., Any], at: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value(x) for x in at]
    y = mg.sum(f(*leaves))
    y.backward()
    return y.data, [leaf.grad for leaf in leaves]


def by_graph(f: Callable[..., Any], at: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    leaves = [Value(x) for x in at]
    y = mg.sum(f(*leaves))
    return y.data, [g.data for g in mg.grad(y, leaves)]


def by_program(backend: str) -> Way:
    """Recorded at other numbers: what were not decided anew where the program runs would show."""

    def way(f: Callable[..., Any], at: tuple[Any, ...]) -> tuple[Any, list[Any]]:
        leaves = [Value(np.full(np.shape(x), 0.7 + i)) for i, x in enumerate(at)]
        program = mg.compile(mg.sum(f(*leaves)), leaves, backend=backend)
        for leaf, x in zip(leaves, at, strict=True):
            leaf.data = x
        return program()

    return way


WAYS: dict[str, Way] = {"backward": by_backward, "grad": by_graph, "numpy": by_program("numpy")}
WAYS |= {name: by_program(name) for name, needs in (("jit", "llvmlite"), ("jax", "jax")) if find_spec(needs)}
every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
every_row = pytest.mark.parametrize("row", HELD, ids=lambda row: row[0])


def agree(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-16)


@every_way
@every_row
def test_a_convention_holds(row: tuple[str, str], way: Way) -> None:
    for f, at, slopes, value in HELD[row]:
        found, gradients = way(f, at)
        for gradient, slope in zip(gradients, slopes, strict=True):
            agree(gradient, slope)
        if value is not None:
            agree(found, value)


ROWS, PLACE = 600, 251  # too many to be opened into scalars


@every_way
@every_row
def test_a_convention_holds_for_one_number_among_many(row: tuple[str, str], way: Way) -> None:
    """In arrays, which backends compute in blocks, in vectors and with masks."""
    here, weights = np.arange(ROWS) == PLACE, np.linspace(1.0, 2.0, ROWS)
    for f, at, slopes, _ in HELD[row]:
        if not any(map(np.shape, at)):
            columns = tuple([np.where(here, x, np.linspace(2.1, 3.1, ROWS) + 0.3 * i) for i, x in enumerate(at)])
            _, gradients = way(lambda *leaves, f=f: f(*leaves) * weights, columns)
            agree([g[PLACE] / weights[PLACE] for g in gradients], slopes)


LOSSES = [nn.mse_loss, nn.binary_cross_entropy_with_logits, nn.hinge_loss, nn.cross_entropy]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "shapes", [((3, 1), (3,)), ((3,), (3, 1)), ((3, 2), (2,)), ((3, 1), (1, 3)), ((), (3,))], ids=str
)
@pytest.mark.parametrize("kind", [Value, np.asarray])
def test_the_losses_refuse_what_broadcasting_would_mispair(loss: Any, shapes: Any, kind: Any) -> None:
    for prediction in (Value(np.ones(shapes[0])), np.ones(shapes[0])):
        with pytest.raises(ValueError, match=r"shape \(.*targets"):
            loss(prediction, kind(np.ones(shapes[1])))
