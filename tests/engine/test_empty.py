"""Arrays without numbers through everything that takes arrays: NumPy's value and the engine's gradient, everywhere.

Where NumPy raises (the largest of nothing) the engine raises the same kind, in a sentence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from every_backend import answer, compiled, every_backend, from_source
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value, nn

Shape = tuple[int, ...]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


class Case(NamedTuple):
    """A function of arrays of these shapes, and NumPy's own formula for it."""

    function: Callable[..., Any]
    formula: Callable[..., Any]
    shapes: tuple[Shape, ...]


CASES: dict[str, Case] = {}


def case(name: str, function: Callable[..., Any], formula: Callable[..., Any], *shapes: Shape) -> None:
    CASES[f"{name} of {', '.join(map(str, shapes))}"] = Case(function, formula, shapes)


def log_softmax(x: np.ndarray, axis: int) -> np.ndarray:
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


for shape in ((0,), (2, 0, 3)):
    for name in ("exp", "expm1", "log", "log1p", "sqrt", "square", "tanh", "abs", "negative"):
        case(name, getattr(mg, name), getattr(np, name), shape)
    case("sigmoid", mg.sigmoid, sigmoid, shape)
    case("softplus", mg.softplus, lambda x: np.log1p(np.exp(x)), shape)
    case("relu", mg.relu, lambda x: np.maximum(x, 0.0), shape)
    case("x**2", lambda x: x**2, lambda x: x**2, shape)
    case("x**-1.5", lambda x: x**-1.5, lambda x: x**-1.5, shape)
    case("2**x", lambda x: 2.0**x, lambda x: 2.0**x, shape)
    case("where", lambda x: mg.where(x > 0.0, x, 1.0), lambda x: np.where(x > 0.0, x, 1.0), shape)
    case("astype", lambda x: mg.astype(x, np.float64), lambda x: x.astype(np.float64), shape)

for shapes in (((0, 3), (3,)), ((0, 1), (1, 3)), ((0,), ()), ((2, 0), (1,)), ((0, 2), (0, 2)), ((1,), (0,))):
    case("a + b", lambda a, b: a + b, lambda a, b: a + b, *shapes)
    case("a - b", lambda a, b: a - b, lambda a, b: a - b, *shapes)
    case("a * b", lambda a, b: a * b, lambda a, b: a * b, *shapes)
    case("a / b", lambda a, b: a / b, lambda a, b: a / b, *shapes)
    case("power", mg.power, np.power, *shapes)
    case("maximum", mg.maximum, np.maximum, *shapes)
    case("minimum", mg.minimum, np.minimum, *shapes)
    case("where by two", lambda a, b: mg.where(a < b, a, b), lambda a, b: np.where(a < b, a, b), *shapes)
    case("equal", lambda a, b: mg.where(mg.equal(a, b), a, b), lambda a, b: np.where(a == b, a, b), *shapes)

REDUCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("sum", "mean", "max", "min", "prod", "var", "std")},
    "norm": lambda x, **over: np.sqrt(np.sum(x**2, **over)),
    "logsumexp": lambda x, **over: np.log(np.sum(np.exp(x), **over)),
}
for axis, shapes in {
    None: ((0,), (2, 0), (0, 3)),
    0: ((0, 3), (2, 0), (0,)),
    -1: ((0, 3), (2, 0), (2, 0, 3)),
    (0, 1): ((0, 3), (3, 0, 2), (2, 3, 0)),
}.items():
    for shape in shapes:
        for keepdims in (False, True):
            options = {"axis": axis, "keepdims": keepdims}
            for name, formula in REDUCTIONS.items():
                function = partial(getattr(mg, name), **options)
                case(f"{name} {axis} {keepdims}", function, partial(formula, **options), shape)

for shape in ((0,), (2, 0), (0, 3), (2, 0, 3)):
    largest = partial(np.max, axis=0, initial=0.0)  # of sizes: 0 of none
    case("norm inf", lambda x: mg.norm(x, np.inf, 0), largest, shape)
    if len(shape) > 1:
        case("norm 1 of matrices", lambda x: mg.norm(x, 1, (1, 0)), lambda x, f=largest: f(np.sum(x, axis=1)), shape)
        case(
            "norm inf of matrices",
            lambda x: mg.norm(x, np.inf, (0, 1)),
            lambda x, f=largest: f(np.sum(x, axis=1)),
            shape,
        )

for shapes in (
    *(
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
        ((2, 3), (3, 0)),
        ((0, 0), (0, 0)),
        ((0,), (0,)),
        ((0, 3), (3,)),
        ((2, 0), (0,)),
    ),
    *(
        ((0,), (0, 2)),
        ((3,), (3, 0)),
        ((4, 0, 3), (3, 2)),
        ((0, 2, 3), (0, 3, 2)),
        ((2, 3, 0), (0, 2)),
        ((0, 2, 3), (3,)),
    ),
    *(((0, 2, 3), (3, 2)), ((2, 0), (4, 0, 3))),
):
    case("a @ b", lambda a, b: a @ b, lambda a, b: a @ b, *shapes)

for shape, new in (((0, 3), (3, 0)), ((0,), (0, 5)), ((0, 3), (0,)), ((2, 0, 3), (-1, 3)), ((0, 4), (0, 2, 2))):
    case(f"reshape {new}", lambda x, n=new: mg.reshape(x, n), lambda x, n=new: x.reshape(n), shape)
for axes, shape in ((None, (0, 3)), (None, (0,)), ((2, 0, 1), (2, 0, 3)), ((-1, 0, 1), (0, 2, 3))):
    case(f"transpose {axes}", lambda x, a=axes: mg.transpose(x, a), lambda x, a=axes: x.transpose(a), shape)
for shape, new in (((1, 3), (0, 3)), ((0, 1), (0, 3)), ((), (0,)), ((3,), (0, 3)), ((0,), (2, 0)), ((1,), (0,))):
    case(f"broadcast_to {new}", lambda x, n=new: mg.broadcast_to(x, n), lambda x, n=new: np.broadcast_to(x, n), shape)

NOTHING = np.array([], int)
INDICES: dict[str, tuple[Any, tuple[Shape, ...]]] = {
    "x[0:0]": (slice(0, 0), ((3,), (0,), (3, 2), (0, 2))),
    "x[5:]": (slice(5, None), ((3,), (0, 3))),
    "x[::-1]": (slice(None, None, -1), ((0,), (2, 0))),
    "x[:, 0:0]": ((slice(None), slice(0, 0)), ((2, 3), (0, 3), (2, 0))),
    "x[[]]": ([], ((3,), (3, 2), (0, 2), (2, 0))),
    "x[empty]": (NOTHING, ((3,), (0, 3))),
    "x[:, empty]": ((slice(None), NOTHING), ((2, 3), (0, 3))),
    "x[empty, empty]": ((NOTHING, NOTHING), ((2, 3), (0, 3))),
    "x[0, empty]": ((0, NOTHING), ((2, 3),)),
    "x[2x0]": (np.zeros((2, 0), int), ((3,), (3, 2))),
    "x[no]": (np.zeros(3, bool), ((3,), (3, 2))),
    "x[no, of none]": (np.zeros(0, bool), ((0,), (0, 2))),
    "x[...]": (..., ((0,), (2, 0))),
    "x[None]": (None, ((0,), (2, 0))),
    "x[:, None]": ((slice(None), None), ((0,), (2, 0))),
    "x[1]": (1, ((2, 0), (0, 3), (0,))),
    "x[:, 1]": ((slice(None), 1), ((0, 3), (2, 0))),
    "x[[1]]": ([1], ((2, 0), (0, 3))),
}
for name, (index, shapes) in INDICES.items():
    for shape in shapes:
        case(name, lambda x, i=index: x[i], lambda x, i=index: x[i], shape)

for axis, shapes in (
    *((0, ((0, 3), (2, 3))), (0, ((0,), (0,))), (1, ((2, 0), (2, 3))), (-1, ((0, 2), (0, 3))), (0, ((2,), (0,), (1,)))),
    *((1, ((2, 0, 3), (2, 0, 3))),),
):
    case(
        f"concatenate {axis}", lambda *x, a=axis: mg.concatenate(x, a), lambda *x, a=axis: np.concatenate(x, a), *shapes
    )
for axis, shapes in ((0, ((0,), (0,))), (1, ((0,), (0,))), (-1, ((2, 0), (2, 0), (2, 0))), (0, ((0, 3), (0, 3)))):
    case(f"stack {axis}", lambda *x, a=axis: mg.stack(x, a), lambda *x, a=axis: np.stack(x, a), *shapes)

for axis, shape in ((-1, (0, 3)), (1, (0, 3)), (2, (2, 0, 3)), (0, (3, 0)), (1, (2, 3, 0))):
    case(f"log_softmax {axis}", lambda x, a=axis: mg.log_softmax(x, a), lambda x, a=axis: log_softmax(x, a), shape)
    case(f"softmax {axis}", lambda x, a=axis: mg.softmax(x, a), lambda x, a=axis: np.exp(log_softmax(x, a)), shape)
for shape, axis in (((0,), 0), ((2, 0), 1), ((2, 0, 3), 1), ((2, 3, 0), -1)):  # of no classes
    case(f"log_softmax {axis}", lambda x, a=axis: mg.log_softmax(x, a), lambda x: x, shape)

for shapes, out in (
    *((((0, 2, 4, 4), (3, 2, 2, 2)), (0, 3, 3, 3)), (((2, 1, 4, 4), (0, 1, 2, 2)), (2, 0, 3, 3))),
    *((((2, 0, 4, 4), (3, 0, 2, 2)), (2, 3, 3, 3)), (((0, 1, 2, 2), (0, 1, 2, 2)), (0, 0, 1, 1))),
):
    case("conv2d", mg.conv2d, lambda *x, o=out: np.zeros(o), *shapes)
for shapes, out in ((((0, 2, 4, 4), (3, 2, 2, 2)), (0, 3, 3, 2)), (((2, 0, 4, 4), (1, 0, 2, 2)), (2, 1, 3, 2))):
    case(
        "conv2d stride 2 padding (1, 0)",
        lambda x, w: mg.conv2d(x, w, stride=2, padding=(1, 0)),
        lambda *x, o=out: np.zeros(o),
        *shapes,
    )
for shape in ((0, 2, 4, 4), (2, 0, 4, 4)):
    for name in ("avg_pool2d", "max_pool2d"):
        case(name, partial(getattr(mg, name), kernel_size=2), lambda x: np.zeros((*x.shape[:2], 2, 2)), shape)
        case(
            f"{name} stride 1",
            partial(getattr(mg, name), kernel_size=(2, 3), stride=1),
            lambda x: np.zeros((*x.shape[:2], 3, 2)),
            shape,
        )

case("mse_loss", nn.mse_loss, lambda a, b: np.mean((a - b) ** 2), (0,), (0,))
case("hinge_loss", lambda x: nn.hinge_loss(x, np.zeros(0)), lambda x: np.mean(x), (0,))
case("cross_entropy", lambda x: nn.cross_entropy(x, np.zeros(0)), lambda x: np.mean(x), (0, 3))
case(
    "binary_cross_entropy_with_logits",
    lambda x: nn.binary_cross_entropy_with_logits(x, np.zeros((0, 2))),
    lambda x: np.mean(x),
    (0, 2),
)

PARTS = 3


def arrays(shapes: tuple[Shape, ...]) -> list[np.ndarray]:
    """Numbers from 1 on, where there are any; and a parameter more that is not empty."""
    return [np.asarray(1.0 + np.arange(np.prod(s, dtype=int)).reshape(s)) for s in (*shapes, (2,))]


def loss_of(name: str) -> Callable[..., Value]:
    """The sum of what the function gives, and the squares of a parameter that has numbers."""
    return lambda *ps: mg.sum(CASES[name].function(*ps[:-1])) + mg.sum(mg.square(ps[-1]))


def expected(name: str) -> Any:
    """NumPy's value, or the exception that it raises."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return CASES[name].formula(*arrays(CASES[name].shapes)[:-1])
    except (ValueError, IndexError) as error:
        return error


def test_numpys_value_and_gradients_in_their_shapes() -> None:
    def check(name: str) -> None:
        wanted, given = expected(name), arrays(CASES[name].shapes)
        value = CASES[name].function(*[Value(x) for x in given[:-1]])
        np.testing.assert_array_equal(value.data, wanted)
        assert value.shape == np.shape(wanted)
        for way in ("eager", "grad"):
            loss, gradients = answer(way, loss_of(name), given)
            assert [np.shape(g) for g in gradients] == [x.shape for x in given]
            np.testing.assert_array_equal(loss, np.sum(wanted) + 5.0)
            np.testing.assert_array_equal(gradients[-1], [2.0, 4.0])

    assert offenders(COMPILED, check) == []


@pytest.mark.parametrize("name", [name for name in CASES if isinstance(expected(name), Exception)])
def test_what_numpy_refuses_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(type(expected(name))) as raised:
        answer("eager", loss_of(name), arrays(CASES[name].shapes))
    assert "\n" not in str(raised.value)


COMPILED = [name for name in CASES if not isinstance(expected(name), Exception)]  # the others have no loss


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@every_backend
def test_a_program_gives_the_engines_answer(backend: str, part: int) -> None:
    """In parts, which run side by side."""

    def check(name: str) -> None:
        agree(answer(backend, loss_of(name), arrays(CASES[name].shapes)), name)

    assert offenders(COMPILED[part::PARTS], check) == []


@pytest.mark.slow
def test_the_source_gives_the_engines_answer() -> None:
    def check(name: str) -> None:
        given = arrays(CASES[name].shapes)
        with warnings.catch_warnings(action="ignore"):
            agree(from_source(compiled("numpy", loss_of(name), given).program, *given), name)

    assert offenders(COMPILED, check) == []


def agree(found: Any, name: str) -> None:
    loss, gradients = answer("eager", loss_of(name), arrays(CASES[name].shapes))
    np.testing.assert_array_equal(found[0], loss)
    assert [np.shape(g) for g in found[1]] == [np.shape(g) for g in gradients]
    for g, wanted in zip(found[1], gradients, strict=True):
        np.testing.assert_array_equal(g, wanted)


# Without rows: the mean of nothing is NaN, which the engine and the source say; a program's mean refuses, by name


ROWS: dict[str, tuple[Callable[..., Value], list[Any], list[Any]]] = {
    # loss, parameters, inputs of two rows
    "a sum": (lambda x, p: mg.mean(mg.sum(x * p, axis=1)), [np.ones(3)], [np.ones((2, 3))]),
    "relu": (lambda x, p: mg.mean(mg.relu(x * p)), [np.ones(3)], [np.ones((2, 3))]),
    "max": (lambda x, p: mg.mean(mg.max(x * p, axis=1)), [np.ones(3)], [np.ones((2, 3))]),
    "a layer": (lambda x, p: mg.mean(mg.square(x @ p)), [np.ones((3, 2))], [np.ones((2, 3))]),
    "and a term": (lambda x, p: mg.mean(x @ p) + mg.sum(p * p), [np.ones(3)], [np.ones((2, 3))]),
    "classes": (lambda x, y, p: nn.cross_entropy(x @ p, y), [np.ones((3, 2))], [np.ones((2, 3)), np.zeros(2)]),
    "images": (
        lambda x, p: mg.mean(mg.max_pool2d(mg.conv2d(x, p), 2)),
        [np.ones((2, 1, 2, 2))],
        [np.ones((2, 1, 5, 5))],
    ),
    "large": (lambda x, p: mg.mean(mg.sum(mg.tanh(x * p), axis=1)), [np.ones(700)], [np.ones((2, 700))]),
    "wide layers": (lambda x, p: mg.mean(mg.tanh(x @ p)), [np.ones((40, 30))], [np.ones((2, 40))]),
}


@every_backend
@pytest.mark.parametrize("name", ROWS)
def test_a_program_without_rows(name: str, backend: str) -> None:
    loss, parameters, inputs = ROWS[name]
    program = compiled(backend, loss, parameters, inputs)
    with pytest.raises(ValueError, match="there are no rows: a mean needs one at least"):
        program(*[x[:0] for x in inputs])


@pytest.mark.parametrize("name", ROWS)
def test_the_source_without_rows(name: str) -> None:
    loss, parameters, inputs = ROWS[name]
    none = [x[:0] for x in inputs]
    with warnings.catch_warnings(action="ignore"):
        value, gradients = from_source(compiled("numpy", loss, parameters, inputs).program, *none, *parameters)
    assert np.isnan(value)
    for found, wanted in zip(gradients, answer("eager", loss, parameters, none)[1], strict=True):
        np.testing.assert_array_equal(found, wanted)


@every_backend
def test_numbers_without_rows(backend: str) -> None:
    program = compiled(backend, lambda x, a: mg.square(a * x - 1.0), [2.0], [3.0])
    with pytest.raises(ValueError, match="there are no rows: a mean needs one at least"):
        program(np.zeros(0))
