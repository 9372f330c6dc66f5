"""The JAX backend on a function written by hand: NumPy's numbers, the user's configuration kept, several devices."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from conftest import ROOT
from many_cases import slow_but

from microgradcnn.engine.value import Value
from microgradcnn.extras import MissingExtra
from microgradcnn.targets.backends.jax import JaxProgram, JaxTrainer

pytestmark = pytest.mark.slow

ROWS = 8
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
dtypes = pytest.mark.parametrize("dtype", slow_but("float64", among=TOLERANCE))


def single_layer(x: Any, y: Any, strength: Any, S: Any, w: Any, *, xp: Any = np) -> tuple[Any, list[Any], list[Any]]:
    """The mean of (w·σ(Sx) − y)² and λ times all squared weights, its gradients, and the mean of ŷ − y."""
    z = 1.0 / (1.0 + xp.exp(-(x @ S.T)))
    off = z @ w - y
    d_off = 2.0 * off / x.shape[0]
    d_a = d_off[:, None] * w * z * (1.0 - z)
    loss = xp.mean(off**2) + strength * (xp.sum(S**2) + xp.sum(w**2))
    return loss, [d_a.T @ x + 2.0 * strength * S, z.T @ d_off + 2.0 * strength * w], [xp.mean(off)]


class program(JaxProgram):  # noqa: N801, called as a function is
    """The function as a program, asked with arrays."""

    def __init__(self, dtype: str = "float64", function: Any = single_layer) -> None:
        super().__init__(function, np.dtype(dtype), [True, True, False])

    def bind(self, inputs: list[Any], parameters: list[Any]) -> JaxTrainer:
        return self.trainer([Value(p) for p in parameters], inputs, len(inputs[0]))

    def evaluate(self, inputs: list[Any], parameters: list[Any]) -> tuple[float, list[Any], list[float]]:
        trainer = self.bind(inputs, parameters)
        return trainer.evaluate(), trainer.parts(trainer.gradient), trainer.also

    def jaxpr(self, inputs: list[Any], parameters: list[Any]) -> str:
        return self.lowered([Value(p) for p in parameters], inputs)


def numbers(rows: int = ROWS, dtype: str = "float64") -> tuple[list[Any], list[Any]]:
    """Inputs and parameters."""
    rng = np.random.default_rng(0)
    x, y, S, w = (rng.normal(size=shape).astype(dtype) for shape in ((rows, 2), (rows,), (3, 2), (3,)))
    return [x, y, np.asarray(0.01, dtype)], [S, w]


def aligned(*shape: int) -> Any:
    """Memory that starts at a multiple of 64 bytes, which JAX on a CPU shares with NumPy instead of copying it."""
    memory = np.zeros(np.prod(shape) + 8)
    start = -memory.ctypes.data % 64 // 8
    return memory[start : start + np.prod(shape)].reshape(shape)


def joined(arrays: list[Any]) -> Any:
    return np.concatenate([np.ravel(a) for a in arrays])


class Traced:
    """Counts how often JAX traces the function; what is compiled is run without it."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, *arrays: Any, xp: Any) -> Any:
        self.times += 1
        return single_layer(*arrays, xp=xp)


@dtypes
def test_numpys_numbers(dtype: str) -> None:
    inputs, parameters = numbers(dtype=dtype)
    loss, gradients, also = program(dtype).evaluate(inputs, parameters)
    expected = single_layer(*inputs, *parameters)
    assert loss == pytest.approx(expected[0], rel=TOLERANCE[dtype])
    assert also == pytest.approx(expected[2], rel=TOLERANCE[dtype])
    assert [g.dtype for g in gradients] == [dtype, dtype]
    for found, g in zip(gradients, expected[1], strict=True):
        np.testing.assert_allclose(found, g, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@dtypes
def test_descent_as_numpy_descends(dtype: str) -> None:
    inputs, parameters = numbers(dtype=dtype)
    trainer = program(dtype).bind(inputs, parameters)
    for _ in range(50):
        expected = single_layer(*inputs, *parameters)
        before = trainer.step(0.5)
        assert (before.shape, before.dtype) == ((), dtype)
        assert float(before) == pytest.approx(expected[0], rel=TOLERANCE[dtype])
        parameters = [p - np.asarray(0.5, dtype) * g for p, g in zip(parameters, expected[1], strict=True)]
    trainer.synchronise()
    close = {"rtol": 10 * TOLERANCE[dtype], "atol": 10 * TOLERANCE[dtype]}
    np.testing.assert_allclose(trainer.flat, joined(parameters), **close)
    np.testing.assert_allclose(trainer.gradient, joined(expected[1]), **close)
    np.testing.assert_allclose(trainer.also, expected[2], **close)
    assert trainer.flat.dtype == trainer.gradient.dtype == dtype


def test_evaluating_moves_nothing() -> None:
    inputs, parameters = numbers()
    trainer = program().bind(inputs, parameters)
    loss, gradients, also = single_layer(*inputs, *parameters)
    for _ in range(2):
        assert trainer.evaluate() == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(trainer.gradient, joined(gradients), rtol=1e-12)
    assert trainer.also == pytest.approx(also, rel=1e-12)
    assert trainer.flat.tolist() == joined(parameters).tolist()


def test_parameters_as_a_vector() -> None:
    inputs, parameters = numbers()
    trainer = program().bind(inputs, parameters)
    vector = aligned(9)
    vector[:] = np.linspace(-1.0, 1.0, 9)
    trainer.flat = vector
    vector[:] = np.nan  # the trainer has copies, and so has the caller
    trainer.flat[:] = np.nan
    assert trainer.flat.tolist() == np.linspace(-1.0, 1.0, 9).tolist()
    S, w = np.split(np.linspace(-1.0, 1.0, 9), [6])
    assert trainer.evaluate() == pytest.approx(single_layer(*inputs, S.reshape(3, 2), w)[0], rel=1e-12)
    with pytest.raises(ValueError, match=r"a vector of 9 numbers, not of shape \(8,\)"):
        trainer.flat = np.ones(8)


def test_what_is_bound_is_copied() -> None:
    (drawn, *others), parameters = numbers()
    x = aligned(*drawn.shape)
    x[:] = drawn
    trainer = program().bind([x, *others], parameters)
    before = trainer.evaluate()
    x[:] = 0.0
    assert trainer.evaluate() == before


def test_vectors_survive_the_steps_after_them() -> None:
    """Steps reuse the memory of the parameters, which NumPy may be looking at."""
    trainer = program().bind(*numbers())
    seen = []
    for _ in range(5):
        trainer.step(0.5)
        seen.append((trainer.flat, trainer.flat.tolist(), trainer.gradient, trainer.gradient.tolist()))
    assert all(v.tolist() == was and g.tolist() == had for v, was, g, had in seen)
    assert len({tuple(was) for _, was, _, _ in seen}) == 5


def test_nothing_to_tell_before_the_first_evaluation() -> None:
    trainer = program().bind(*numbers())
    with pytest.raises(RuntimeError, match="nothing has been evaluated yet"):
        _ = trainer.gradient
    with pytest.raises(RuntimeError, match="nothing has been evaluated yet"):
        _ = trainer.also


def test_nothing_is_traced_twice() -> None:
    traced = Traced()
    counting = program(function=traced)
    for _ in range(3):
        counting.evaluate(*numbers())
    assert traced.times == 1
    counting.evaluate(*numbers(rows=9))  # other shapes are another program
    assert traced.times == 2
    trainer = counting.bind(*numbers())
    for rate in (0.5, 0.25, 1, np.float64(0.1)):
        trainer.step(rate)
    assert traced.times == 3
    trainer.flat = trainer.flat
    counting.bind(*numbers()).step(0.5)
    trainer.step(0.5)
    assert traced.times == 3


@pytest.mark.slow
def test_the_same_bits_every_time() -> None:
    def descent() -> list[float]:
        trainer = program().bind(*numbers(rows=1000))
        return [float(trainer.step(0.5)) for _ in range(20)] + trainer.flat.tolist()

    assert descent() == descent()
    first, second = (program().evaluate(*numbers(rows=1000)) for _ in range(2))
    assert (first[0], joined(first[1]).tolist(), first[2]) == (second[0], joined(second[1]).tolist(), second[2])


@dtypes
@pytest.mark.parametrize("wide", [False, True])
def test_the_users_configuration_stays(dtype: str, wide: bool) -> None:
    before = jax.config.jax_enable_x64
    with jax.enable_x64(wide):
        trainer = program(dtype).bind(*numbers(dtype=dtype))
        trainer.step(0.5)
        trainer.evaluate()
        program(dtype).evaluate(*numbers(dtype=dtype))
        program(dtype).jaxpr(*numbers(dtype=dtype))
        assert jax.config.jax_enable_x64 is wide
        assert jax.numpy.ones(1).dtype == ("float64" if wide else "float32")
        assert trainer.step(0.5).dtype == dtype
    assert jax.config.jax_enable_x64 is before


def test_the_jaxpr() -> None:
    assert "f64[8,2]" in program().jaxpr(*numbers())
    text = program("float32").jaxpr(*numbers(dtype="float32"))
    assert "f32[8,2]" in text
    assert "f64" not in text
    assert text.count("dot_general") == 4


def test_float32_is_kept_where_the_user_has_switched_on_float64() -> None:
    def with_ones(*arrays: Any, xp: Any) -> Any:
        loss, gradients, _ = single_layer(*arrays, xp=xp)
        return loss, gradients, [xp.ones(())]  # of whatever dtype JAX gives when nobody asks for one

    with jax.enable_x64(True):
        assert "f64" in program("float64", with_ones).jaxpr(*numbers())
        assert "f64" not in program("float32", with_ones).jaxpr(*numbers(dtype="float32"))


def test_without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(MissingExtra, match="jax") as missing:
        program()
    assert str(missing.value) == "backend=\"jax\" needs jax, which is not installed: pip install 'microgradcnn[jax]'"


FOUR_DEVICES = """
import jax
import numpy as np
from test_jax_backend import joined, numbers, program, single_layer

assert jax.device_count() == 4
inputs, parameters = numbers()
expected = single_layer(*inputs, *parameters)
first, second = (program().evaluate(inputs, parameters) for _ in range(2))
assert abs(first[0] - expected[0]) < 1e-12
assert np.max(abs(joined(first[1]) - joined(expected[1]))) < 1e-12
assert (first[0], joined(first[1]).tolist()) == (second[0], joined(second[1]).tolist())

trainer = program().bind(inputs, parameters)
parts = {a.shape: {s.data.shape for s in a.addressable_shards} for a in jax.live_arrays()}
assert parts == {(8, 2): {(2, 2)}, (8,): {(2,)}, (): {()}, (3, 2): {(3, 2)}, (3,): {(3,)}}, parts
for _ in range(500):  # nobody waits for them: steps that overlap would lock each other out
    trainer.step(0.5)
for _ in range(500):
    loss, gradients, _ = single_layer(*inputs, *parameters)
    parameters = [p - 0.5 * g for p, g in zip(parameters, gradients)]
assert np.max(abs(trainer.flat - joined(parameters))) < 1e-12

for rows in (7, 3):
    for use in (program().evaluate, program().bind):
        try:
            use(*numbers(rows=rows))
        except ValueError as error:
            print(error)
"""


@pytest.mark.slow
def test_four_devices() -> None:
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    environment = {
        **os.environ,
        **flags,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(ROOT / "tests")]),
    }
    command = [sys.executable, "-W", "error", "-c", FOUR_DEVICES]
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    seven = "7 rows cannot be shared evenly by 4 devices: pass 4 or 8 rows"
    three = "3 rows cannot be shared evenly by 4 devices: pass 4 rows"
    assert run.stdout.splitlines() == [seven, seven, three, three]
