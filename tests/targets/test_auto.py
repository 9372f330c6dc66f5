"""The default: the jit where it is there and pays, by NumPy until then, and no error where it is not."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.extras import MissingExtra
from microgradcnn.targets import program as programs
from microgradcnn.targets.native import auto
from microgradcnn.targets.native.auto import Gain, Workload
from microgradcnn.targets.program import BACKENDS, compile_for

Array = np.ndarray[Any, Any]
ROWS = np.random.default_rng(0).normal(size=(3, 40))


def unit() -> tuple[Value, list[Value], list[Value]]:
    """(σ(w·x + b) − y)² of one example, its parameters and its inputs."""
    w, b = [Value(0.5, label="w_1"), Value(-0.25, label="w_2")], Value(0.1, label="b")
    x, y = [Value(1.0), Value(2.0)], Value(0.0)
    return ((w[0] * x[0] + w[1] * x[1] + b).sigmoid() - y) ** 2, [*w, b], [*x, y]


def layer(rows: int = 2) -> tuple[Value, list[Value], list[Value]]:
    """A layer of 30 tanh over arrays: too large for the jit to open."""
    W, x = Value(np.full((30, 30), 0.01)), Value(np.ones((rows, 30)))
    return mg.tanh(x @ W).square().mean(), [W], [x]


def steps(trainer: Any, count: int) -> Array:
    return np.array([[trainer.step(0.1), *trainer.flat] for _ in range(count)])


def lines_of(made: tuple[Value, list[Value], list[Value]]) -> Any:
    return mg.compile(*made, "numpy")._lines


# Which it takes


@pytest.mark.parametrize("absent", [("llvmlite", "llvmlite.binding"), ("llvmlite.binding",)])
@pytest.mark.parametrize("make", [unit, layer])
def test_without_llvmlite_numpy_runs_everything(monkeypatch: pytest.MonkeyPatch, absent: Any, make: Any) -> None:
    for module in absent:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(auto, "TO_COMPILE", -1.0)  # would be worth it at once
    rows = ROWS if make is unit else (np.ones((40, 30)),)
    found, expected = (mg.compile(*make(), *backend).bind(*rows) for backend in ((), ("numpy",)))
    np.testing.assert_array_equal(steps(found, 5), steps(expected, 5))
    assert compile_for(Workload(10**9, 40), *make(), "auto").backend == "numpy"
    with pytest.raises(
        MissingExtra, match=r"needs llvmlite, which is not installed: pip install 'microgradcnn\[jit\]'"
    ):
        mg.compile(*make(), "jit")


@pytest.mark.parametrize("make", [unit, layer])
def test_a_run_that_is_known_has_one_backend_for_all_of_it(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setitem(BACKENDS, "jit", BACKENDS["numpy"])  # none is to be compiled here
    gain = Gain(lines_of(make()))
    enough = int(gain.seconds / gain.of(1, 40)) + 1
    for evaluations, taken in ((1, "numpy"), (enough - 1, "numpy"), (enough, "jit"), (10**9, "jit")):
        program = compile_for(Workload(evaluations, 40), *make(), "auto")
        assert (program.backend, type(program.arrays()).__name__[-7:]) == (taken, "Program")
    assert Gain(lines_of(make())).of(enough, 4000) > 1.5 * gain.seconds  # more rows are worth it earlier


def own() -> tuple[Value, list[Value], list[Value]]:
    cube = mg.primitive("own_cube", lambda x: x**3, [lambda g, y, x: g * 3.0 * x * x])
    x, w = Value(2.0), Value(0.5)
    return cube(w * x), [w], [x]


def places() -> tuple[Value, list[Value], list[Value]]:
    table, x = Value(np.arange(4.0)), Value(np.array([1.0, 2.0]))
    return mg.take(table, x, 0).square().mean(), [table], [x]


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("make", [own, places])
def test_what_numpy_does_better_is_left_to_it_without_a_warning(make: Callable[[], Any]) -> None:
    program = mg.compile(*make())
    assert program.backend == "numpy"
    if make is places:
        with pytest.raises((IndexError, ValueError)):  # under the jit the loss would be NaN
            program(np.array([7.0]))


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize(("function", "taken"), [("cosh", "jit"), ("no_such_function", "numpy")])
def test_a_primitive_of_ones_own_with_a_function_of_c_is_the_jits(function: str, taken: str) -> None:
    lines = {"python": "xp.cosh(x)", "llvm": function}
    even = mg.primitive("own_even", np.cosh, [lambda g, y, x: g * mg.sqrt(y * y - 1.0)], "own_even(x)", targets=lines)
    x, w = Value(2.0), Value(0.5)
    program = mg.compile(even(w * x), [w], [x])
    assert program.backend == taken
    assert program(3.0)[0] == pytest.approx(np.cosh(1.5), rel=1e-12)


@pytest.mark.slow
def test_what_the_jit_compiles_is_its_own_program() -> None:
    run = Workload(10**9, 40)
    for make in (unit, layer):
        taken, asked = compile_for(run, *make(), "auto"), mg.compile(*make(), "jit")
        rows = ROWS if make is unit else (np.ones((40, 30)),)
        assert taken.backend == "jit"
        np.testing.assert_array_equal(steps(taken.bind(*rows), 3), steps(asked.bind(*rows), 3))
        assert taken.lowered(*rows) == asked.lowered(*rows)


# By NumPy at first


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In whose threads "the jit" was compiled, which is worth it after 8 evaluations: here NumPy plays it."""
    found = []

    def jit(lines: Any) -> Any:
        found.append(threading.current_thread().name)
        return programs._numpy(lines)

    monkeypatch.setitem(BACKENDS, "jit", jit)
    monkeypatch.setattr(Gain, "of", lambda self, evaluations, rows: evaluations * self.seconds / 7.99)
    return found


def test_a_trainer_begins_by_numpy_and_goes_on_in_the_same_memory(compiled: list[str]) -> None:
    program = mg.compile(*unit())
    trainer, expected = program.bind(*ROWS), mg.compile(*unit(), "numpy").bind(*ROWS)
    flat, gradient = trainer.flat, trainer.gradient
    for k in range(12):
        assert trainer.step(0.1) == pytest.approx(expected.step(0.1), rel=1e-14)
        assert np.shares_memory(trainer.flat, flat)
        np.testing.assert_allclose(flat, expected.flat, rtol=1e-14)
        np.testing.assert_allclose(gradient, expected.gradient, rtol=1e-14)
        assert program._engine.final == (k >= 7)
    assert compiled == ["microgradcnn compiles"]  # beside, and once
    trainer.set_inputs([2.0 * x for x in ROWS])
    assert trainer.evaluate() != expected.evaluate()
    assert [p.item() for p in trainer.parameters()] == flat.tolist()


def test_calls_and_trainers_are_counted_together(compiled: list[str]) -> None:
    program = mg.compile(*unit())
    first, second = program.bind(*ROWS), program.bind(*ROWS[:, :10])
    for _ in range(3):
        first.step(0.1), second.step(0.1)
    assert not program._engine.final
    found = [program(*ROWS) for _ in range(4)]
    assert program._engine.final
    assert all(each == found[0] for each in found)
    first.step(0.1)
    assert type(first.parameters()[0]) is Value


def test_one_call_compiles_nothing(compiled: list[str]) -> None:
    mg.compile(*unit())(*ROWS)
    assert compiled == []


@pytest.mark.parametrize(
    "error", [RuntimeError("LLVM has no such processor"), OSError("no libLLVM"), ImportError("no")]
)
def test_where_llvm_fails_numpy_stays(monkeypatch: pytest.MonkeyPatch, compiled: list[str], error: Exception) -> None:
    def broken(lines: Any) -> Any:
        raise error

    monkeypatch.setitem(BACKENDS, "jit", broken)
    program = mg.compile(*unit())
    expected = mg.compile(*unit(), "numpy").bind(*ROWS)
    np.testing.assert_array_equal(steps(program.bind(*ROWS), 12), steps(expected, 12))
    assert compile_for(Workload(10**9, 40), *unit(), "auto").backend == "numpy"


@pytest.mark.slow
@pytest.mark.parametrize("make", [unit, layer])
def test_runs_repeat_to_the_bit_and_the_jit_takes_over(monkeypatch: pytest.MonkeyPatch, make: Any) -> None:
    monkeypatch.setattr(auto, "TO_COMPILE", 8 * Gain(lines_of(make())).of(1, 40))
    monkeypatch.setattr(auto, "A_LINE", 0.0)
    monkeypatch.setattr(auto, "A_LINE_OF_ARRAYS", 0.0)
    rows = ROWS if make is unit else (np.random.default_rng(1).normal(size=(40, 30)),)
    found = []
    for _ in range(2):
        program = mg.compile(*make())
        trainer = program.bind(*rows)
        found.append(steps(trainer, 12))
        assert program._engine.final
    np.testing.assert_array_equal(*found)
    for backend, part in (("numpy", slice(7)), ("jit", slice(7, 12))):
        trainer = mg.compile(*make(), backend).bind(*rows)
        trainer.flat = found[0][6, 1:] if backend == "jit" else trainer.flat
        np.testing.assert_allclose(steps(trainer, 12)[: part.stop - (part.start or 0)], found[0][part], rtol=1e-13)


# Long programs, which begin line by line


def odd() -> tuple[Value, list[Value], list[Value]]:
    """All kinds of lines: masks, numbers, a parameter without rows, powers."""
    a, b, x, y = Value(0.5, label="a"), Value(-1.5, label="b"), Value(0.3), Value(0.2)
    z = mg.where(x > 0.1, mg.log(a * x + 3.0), mg.exp(b * x)) + mg.maximum(a, y).relu() ** 3 / (1.0 + mg.square(b))
    return (z - y) ** 2 + 0.01 * (a**2 + b**2), [a, b], [x, y]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_line_by_line_it_is_the_same(dtype: str) -> None:
    w, x = Value(np.array(0.5, dtype)), Value(np.array(2.0, dtype))
    small = mg.tanh(w * x) * 3.0, [w], [x]
    for made, rows in ((odd(), ROWS[:2]), (unit(), ROWS), (small, ROWS[:1].astype(dtype))):
        lines, tolerance = lines_of(made), 1e-13 if rows.dtype == np.float64 else 1e-5
        trainer = auto.LineByLine(lines).trainer(made[1], list(rows), rows.shape[1])
        expected = mg.compile(*made, "numpy").bind(*rows)
        np.testing.assert_allclose(steps(trainer, 4), steps(expected, 4), rtol=tolerance)
        np.testing.assert_allclose(trainer.gradient, expected.gradient, rtol=tolerance)
        assert trainer.flat.dtype == rows.dtype


def test_a_long_program_is_not_prepared_before_its_first_step(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str]
) -> None:
    monkeypatch.setattr(auto, "LONG", 5)
    monkeypatch.setattr(auto, "A_LINE_READ", 0.0002)
    expected = mg.compile(*odd(), "numpy").bind(*ROWS[:2])
    monkeypatch.setitem(BACKENDS, "numpy", lambda lines: pytest.fail("it was prepared"))
    program = mg.compile(*odd(), also=[odd()[1][0] * 2.0])
    trainer = program.bind(*ROWS[:2])
    assert trainer.step(0.1) == pytest.approx(expected.step(0.1), rel=1e-13)
    assert trainer.also == [1.0]
    assert compiled == []
    for _ in range(12):
        trainer.step(0.1), expected.step(0.1)
    np.testing.assert_allclose(trainer.flat, expected.flat, rtol=1e-12)
    assert len(compiled) == 1
    assert program._engine.final
    monkeypatch.setattr(auto, "IN_MEMORY", 40)  # more numbers than are to be in memory are the jit's at once
    mg.compile(*odd())(*ROWS[:2])
    assert len(compiled) == 2


def test_a_long_program_that_llvm_cannot_compile_is_numpys(
    monkeypatch: pytest.MonkeyPatch, compiled: list[str]
) -> None:
    monkeypatch.setattr(auto, "LONG", 5)
    monkeypatch.setattr(auto, "A_LINE_READ", 1.0)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.setitem(BACKENDS, "jit", lambda lines: programs._jit(lines))
    program = mg.compile(*odd())
    expected = mg.compile(*odd(), "numpy")
    assert type(program._engine.engine).__name__ == "LineByLine"
    assert program(*ROWS[:2])[0] == pytest.approx(expected(*ROWS[:2])[0], rel=1e-13)
    assert type(program._engine.engine) is type(expected._engine)
