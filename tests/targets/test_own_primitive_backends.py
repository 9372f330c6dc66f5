"""A primitive of the user's own on every backend: the engine's numbers, or one sentence that names the primitive.

Which of them a backend can run is its own affair; what may not be is another number, or an exception from inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from every_backend import BACKENDS, answer, compiled, every_backend, every_size, from_source, padded
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value

pytestmark = [
    pytest.mark.usefixtures("own_primitives"),
    pytest.mark.filterwarnings("ignore:NumPy runs a part of this program, not the jit. the primitive '"),
]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


# Primitives, each defined anew in every test


def sine() -> Any:
    return mg.primitive("sine", np.sin, [lambda g, y, x: g * cosine()(x)])


def cosine() -> Any:
    return mg.primitive("cosine", np.cos, [lambda g, y, x: -g * sine()(x)])


def cube() -> Any:
    """Its forward for Python floats, and a rule of mg functions alone."""
    return mg.primitive(
        "cube", lambda x: x * x * x, [lambda g, y, x: g * (3.0 * x * x)], "x ** 3", scalar=lambda x: x * x * x
    )


def arctan() -> Any:
    return mg.primitive("own_arctan", np.arctan, [lambda g, y, x: g / (1.0 + x * x)], scalar=math.atan)


def arctan_of_arrays() -> Any:
    """What stands in its forward takes arrays alone."""

    def forward(x: Any) -> Any:
        out = np.empty(np.shape(x))
        np.arctan(x, out=out)
        return out

    return mg.primitive("arctan_into", forward, [lambda g, y, x: g / (1.0 + x * x)])


def softsign() -> Any:
    return mg.primitive(
        "softsign", lambda x: x / (1.0 + np.abs(x)), [lambda g, y, x: g / (1.0 + mg.abs(x)) ** 2], "softsign(x)"
    )


def leak() -> Any:
    """With a static argument, and a branch in its scalar forward."""
    return mg.primitive(
        "leak",
        lambda x, slope: np.where(x > 0.0, x, slope * x),
        [lambda g, y, x, slope: mg.where(x > 0.0, g, slope * g)],
        scalar=lambda x, slope: x if x > 0.0 else slope * x,
    )


def hypotenuse() -> Any:
    return mg.primitive("hypotenuse", np.hypot, [lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y])


def damped() -> Any:
    """Two inputs, of which one has no gradient, and a static argument."""
    return mg.primitive(
        "damped", lambda a, b, rate: a * np.exp(-rate * b), [lambda g, y, a, b, rate: g * mg.exp(-rate * b), None]
    )


def log_sum_exp() -> Any:
    def forward(x: Any, axis: int) -> Any:
        m = np.max(x, axis=axis, keepdims=True)
        return np.log(np.sum(np.exp(x - m), axis=axis)) + np.squeeze(m, axis)

    def rule(g: Any, y: Any, x: Any, axis: int) -> Any:
        shape = tuple(1 if i == axis % len(x.shape) else n for i, n in enumerate(x.shape))
        return mg.reshape(g, shape) * mg.exp(x - mg.reshape(y, shape))

    return mg.primitive("log_sum_exp", forward, [rule])


def norm() -> Any:
    return mg.primitive("norm", lambda x: np.sqrt(np.sum(x * x)), [lambda g, y, x: g * x / y])


def rolled() -> Any:
    return mg.primitive(
        "rolled", lambda x, shift: np.roll(x, shift), [lambda g, y, x, shift: rolled()(g, shift=-shift)]
    )


def added_up() -> Any:
    return mg.primitive(
        "added_up", lambda x: np.cumsum(x, axis=-1), [lambda g, y, x: added_up()(g[..., ::-1])[..., ::-1]]
    )


def outer() -> Any:
    return mg.primitive("outer_product", np.multiply.outer, [lambda g, y, a, b: g @ b, lambda g, y, a, b: g.T @ a])


def bordered() -> Any:
    return mg.primitive("bordered", lambda x: np.pad(x, 1), [lambda g, y, x: g[1:-1, 1:-1]])


class Use(NamedTuple):
    """A loss that uses a primitive, and what it is asked at: parameters, and rows of inputs."""

    loss: Callable[..., Value]
    parameters: Sequence[Any]
    inputs: Sequence[Any] = ()


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


ELEMENTWISE: dict[str, Callable[[], Callable[[Any], Any]]] = {
    "sine": sine,
    "cube with scalar=": cube,
    "arctan with scalar=": arctan,
    "arctan into an array": arctan_of_arrays,
    "softsign": softsign,
    "leak with a static argument": lambda: lambda x: leak()(x, slope=0.1),
    "leak with NumPy's number": lambda: lambda x: leak()(x, slope=np.float64(0.1)),
    "hypotenuse with a number": lambda: lambda x: hypotenuse()(x, 3.0),
    "hypotenuse with itself": lambda: lambda x: hypotenuse()(x, x + 1.0),
    "damped": lambda: lambda x: damped()(x, 0.5, rate=2.0),
}
USES: dict[str, Callable[[], Use]] = {}
for name, make in ELEMENTWISE.items():
    USES[f"{name}, an array"] = lambda m=make: Use(lambda p: mg.sum(mg.tanh(m()(p)) * p), [numbers(3, 4)])
    USES[f"{name}, a large array"] = lambda m=make: Use(lambda p: mg.sum(mg.tanh(m()(p)) * p), [numbers(30, 40)])
    USES[f"{name}, a number"] = lambda m=make: Use(lambda p: m()(p) * p, [0.7])
    USES[f"{name}, twice"] = lambda m=make: Use(lambda p: mg.sum(m()(m()(p) * 0.5)), [numbers(5)])
    USES[f"{name}, rows"] = lambda m=make: Use(
        lambda x, p: mg.mean(mg.sum(m()(x * p), axis=1)), [numbers(4)], [numbers(6, 4, seed=1)]
    )
    USES[f"{name}, a layer"] = lambda m=make: Use(
        lambda x, p: mg.mean(m()(x @ p)), [numbers(30, 20)], [numbers(50, 30, seed=1)]
    )
    USES[f"{name}, rows in scalars"] = lambda m=make: Use(lambda x, p: m()(x * p), [0.7], [numbers(6, seed=1)])
    USES[f"{name}, parameters alone beside rows"] = lambda m=make: Use(
        lambda x, p: mg.mean(x @ p) + mg.sum(m()(p)), [numbers(4)], [numbers(6, 4, seed=1)]
    )
    USES[f"{name}, the gradient's square"] = lambda m=make: Use(
        lambda p: mg.sum(mg.square(mg.grad(mg.sum(m()(p) * p), [p])[0])), [numbers(5)]
    )
USES |= {
    "hypotenuse of two": lambda: Use(lambda a, b: mg.sum(hypotenuse()(a, b)), [numbers(3, 4), numbers(4, seed=1)]),
    "hypotenuse of two numbers": lambda: Use(lambda a, b: hypotenuse()(a, b), [0.5, -2.0]),
    "damped by a parameter": lambda: Use(
        lambda a, b: mg.sum(damped()(a, b, rate=0.5)), [numbers(3, 4), numbers(3, 1, seed=1)]
    ),
    "log_sum_exp": lambda: Use(lambda p: mg.sum(log_sum_exp()(p, axis=1)), [numbers(3, 4)]),
    "log_sum_exp, large": lambda: Use(lambda p: mg.sum(log_sum_exp()(p, axis=0)), [numbers(20, 30)]),
    "log_sum_exp, rows": lambda: Use(
        lambda x, p: mg.mean(log_sum_exp()(x * p, axis=1)), [numbers(4)], [numbers(6, 4, seed=1)]
    ),
    "norm": lambda: Use(lambda p: norm()(p), [numbers(3, 4)]),
    "norm, a term beside rows": lambda: Use(
        lambda x, p: mg.mean(x @ p) + norm()(p), [numbers(4)], [numbers(6, 4, seed=1)]
    ),
    "rolled": lambda: Use(lambda p: mg.sum(rolled()(p, shift=1) * p), [numbers(5)]),
    "rolled, large": lambda: Use(lambda p: mg.sum(rolled()(p, shift=3) * p), [numbers(900)]),
    "added_up": lambda: Use(lambda p: mg.sum(mg.square(added_up()(p))), [numbers(3, 4)]),
    "added_up, rows": lambda: Use(
        lambda x, p: mg.mean(mg.sum(mg.square(added_up()(x * p)), axis=1)), [numbers(4)], [numbers(6, 4, seed=1)]
    ),
    "outer_product": lambda: Use(lambda a, b: mg.sum(mg.tanh(outer()(a, b))), [numbers(3), numbers(4, seed=1)]),
    "bordered": lambda: Use(lambda p: mg.sum(mg.exp(bordered()(p))), [numbers(3, 4)]),
    "bordered, then convolved": lambda: Use(
        lambda p: mg.sum(mg.tanh(mg.conv2d(bordered()(p).reshape(1, 1, 5, 6), np.ones((1, 1, 2, 2))))), [numbers(3, 4)]
    ),
}
NAMES = ("sine", "cosine", "cube", "own_arctan", "arctan_into", "softsign", "leak", "hypotenuse", "damped")
NAMES += ("log_sum_exp", "norm", "rolled", "added_up", "outer_product", "bordered")


def or_one_sentence(ask: Callable[[], Any]) -> Any:
    """The answer, or None where one sentence says that there is none and names the primitive."""
    try:
        return ask()
    except (ValueError, TypeError, NotImplementedError) as error:
        said = str(error)
    assert said
    assert "\n" not in said, said
    assert any(f"'{name}'" in said or f" {name} " in f" {said} " for name in NAMES), said
    return None


def by_engine(use: Use) -> Any:
    """The engine's answer; with rows in scalars, the mean of every row's."""
    if not (use.inputs and np.ndim(use.inputs[0]) == 1):
        return answer("eager", use.loss, use.parameters, use.inputs)
    answers = [answer("eager", use.loss, use.parameters, [x]) for x in use.inputs[0]]
    return np.mean([f for f, _ in answers]), [np.mean([g for _, (g,) in answers])]


def by_program(backend: str, use: Use) -> Any:
    if not (use.inputs and np.ndim(use.inputs[0]) == 1):
        return answer(backend, use.loss, use.parameters, use.inputs)
    program = compiled(backend, use.loss, [0.3], [0.4])
    program.parameters[0].data = use.parameters[0]
    return program(*use.inputs)


def agree(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-13)
    for g, wanted in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(g, wanted, rtol=1e-12, atol=1e-13)
        assert np.shape(g) == np.shape(wanted)


@every_backend
def test_the_engines_numbers_or_one_sentence(backend: str) -> None:
    def check(name: str) -> None:
        use = USES[name]()
        expected = by_engine(use)
        found = or_one_sentence(lambda: by_program(backend, use))
        if found is not None:
            agree(found, expected)

    assert offenders(USES, check) == []


@every_size
@pytest.mark.parametrize("backend", [b for b in BACKENDS if b != "jax"])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_small_and_large_programs(name: str, backend: str, size: str) -> None:
    """The same few numbers, beside few and many others."""
    make = ELEMENTWISE[name]
    loss, parameters, _ = padded(size, lambda p: mg.sum(make()(p) * p), [numbers(5)])
    expected = answer("eager", loss, parameters)
    found = or_one_sentence(lambda: answer(backend, loss, parameters))
    if found is not None:
        agree(found, expected)


def test_the_source_gives_the_engines_numbers_or_there_is_none() -> None:
    def check(name: str) -> None:
        use = USES[name]()

        def run() -> Any:
            return from_source(
                compiled("numpy", use.loss, use.parameters, use.inputs).program, *use.inputs, *use.parameters
            )

        if use.inputs and np.ndim(use.inputs[0]) == 1:
            program = or_one_sentence(lambda: compiled("numpy", use.loss, [0.3], [0.4]).program)
            found = program and or_one_sentence(lambda: from_source(program, *use.inputs, *use.parameters))
        else:
            found = or_one_sentence(run)
        if found is not None:
            agree(found, by_engine(use))

    assert offenders(USES, check) == []


@every_backend
def test_training_by_a_program(backend: str) -> None:
    """Some steps of descent, by the loop that is written by hand and by the program's."""
    use = USES["softsign, a layer"]()
    (w,), (x,) = use.parameters, use.inputs
    leaf, rows = Value(w, label="w"), Value(x[:2], label="x")
    trainer = or_one_sentence(lambda: mg.compile(use.loss(rows, leaf), [leaf], [rows], backend).bind(x))
    if trainer is None:
        return
    for _ in range(3):
        f, (g,) = answer("eager", use.loss, [w], [x])
        np.testing.assert_allclose(trainer.step(0.5), f, rtol=1e-12)
        w = w - 0.5 * g
