"""mg.debug(): the first NaN or infinity is named with its primitive, its inputs and the line that computed it."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import NonFiniteError, Value
from microgradcnn.engine.value import watcher


def failure(compute: Callable[[], Any]) -> NonFiniteError:
    """What mg.debug() raises in `compute`."""
    with pytest.raises(NonFiniteError) as caught, mg.debug():
        compute()
    return caught.value


def place(compute: Any, line: int) -> str:
    """How an error speaks of that line of the function `compute`, whose `def` is line 0."""
    return f"computed at {__file__}, line {compute.__code__.co_firstlineno + line}: "


def test_a_value() -> None:
    x = Value(-2.0, label="x")

    def compute() -> None:
        y = x * 0.5
        y.log()

    assert str(failure(compute)) == f"NaN came out of log, {place(compute, 2)}input 0 = -1.0"


def test_a_value_of_arrays_and_labels() -> None:
    a, b = Value([1.0, 2.0, 3.0], label="a"), Value([2.0, 0.0, -1.0], label="b")

    def compute() -> Value:
        return a / b

    assert str(failure(compute)) == (
        f"an infinity came out of div, {place(compute, 1)}a = array (3,) from 1 to 3, b = array (3,) from -1 to 2"
    )


VALUES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: mg.sqrt(x - 4.0), "NaN came out of sqrt"),
    (lambda x: 1.0 / (x - 2.0), "an infinity came out of div"),
    (lambda x: mg.exp(x * 1000.0), "an infinity came out of exp"),
    (lambda x: x * np.inf, "an infinity came out of mul"),
    (lambda x: mg.where(x > 0, np.array([1.0, np.nan]), x), "NaN came out of where.*input 1 = array"),
    (lambda x: mg.where(x > 0, np.array([np.nan, np.nan]), x), "nothing finite, 2 of them NaN or infinite"),
    (lambda x: np.log(x - 2.0), "an infinity came out of log"),
    (lambda x: mg.stack([x, float("nan")]), "NaN came out of stack"),
    (lambda x: Value(np.zeros((0, 2))).mean() * x, "NaN came out of mean.*array"),
]


@pytest.mark.parametrize(("compute", "message"), VALUES)
def test_values_of_every_kind(compute: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(NonFiniteError, match=message) as caught, mg.debug():
        compute(Value(2.0, label="x"))
    assert f"{__file__}, line " in str(caught.value)
    assert "\n" not in str(caught.value)
    compute(Value(2.0))  # outside nothing is raised


def gradient_by_backward(f: Value, x: Value) -> None:
    f.backward()


def gradient_by_grad(f: Value, x: Value) -> None:
    mg.grad(f, [x])


def gradient_with_a_seed(f: Value, x: Value) -> None:
    f.reshape(1).backward([1.0])


RUNS = [gradient_by_backward, gradient_by_grad, gradient_with_a_seed]


@pytest.mark.parametrize("run", RUNS, ids=lambda f: f.__name__)
def test_a_gradient(run: Callable[..., None]) -> None:
    x = Value(0.0, label="x")

    def compute() -> None:
        y = 3.0 * x
        z = y.sqrt()
        run(z * 2.0, x)

    assert str(failure(compute)) == (
        f"an infinity came out of the chain rule of sqrt for an unlabelled result of mul, {place(compute, 2)}"
        "df/dy = 2.0, y = 0.0, input 0 = 0.0"
    )
    assert not x.has_grad


@pytest.mark.parametrize("run", RUNS, ids=lambda f: f.__name__)
def test_a_gradient_of_arrays(run: Callable[..., None]) -> None:
    x = Value([1.0, 0.0, 4.0], label="x")

    def compute() -> None:
        f = (x**0.5).sum()
        run(f, x)

    assert str(failure(compute)) == (
        f"an infinity came out of the chain rule of power for x, {place(compute, 1)}"
        "df/dy = array (3,) from 1 to 1, y = array (3,) from 0 to 2, x = array (3,) from 0 to 4"
    )


@pytest.mark.parametrize("run", RUNS, ids=lambda f: f.__name__)
def test_a_sum_of_gradients_that_overflows(run: Callable[..., None]) -> None:
    x = Value(1e-300, label="x")
    error = failure(lambda: run(x * 1.5e308 + x * 1.5e308, x))
    assert "an infinity came out of the chain rule of mul for x" in str(error)


def test_a_second_derivative() -> None:
    x = Value(0.0, label="x")

    def compute() -> None:
        (g,) = mg.grad(x**1.5, [x])
        mg.grad(g, [x])

    error = failure(compute)
    assert f"the chain rule of power for x, {place(compute, 1)}" in str(error)
    assert str(error).endswith("x = 0.0")


def test_the_line_of_a_call_over_several_lines_and_of_a_helper() -> None:
    def helper(x: Value) -> Value:
        return x.log()

    def compute() -> Value:
        return helper(
            Value(0.0)  #
        )

    assert place(helper, 1) in str(failure(compute))


@pytest.mark.parametrize("data", [float("nan"), float("inf"), [1.0, float("nan")]])
@pytest.mark.parametrize("run", [lambda f: f.backward(), lambda f: mg.grad(f, [f])])
def test_a_loss_that_was_nan_before_the_context(run: Callable[[Value], Any], data: Any) -> None:
    x = Value(data, label="x")
    f = mg.sum(x * 1.0)
    f.label = "loss"
    kind = "an infinity" if data == float("inf") else "NaN"
    assert str(failure(lambda: run(f))).startswith(
        f"loss is {kind} before any gradient is taken, computed at a line outside mg.debug(): input 0 = "
    )
    run(f)


def test_a_gradient_of_a_node_made_before_the_context() -> None:
    x = Value(0.0, label="x")
    f = x.sqrt()
    assert "chain rule of sqrt for x, computed at a line outside mg.debug()" in str(failure(f.backward))


def test_a_seed_that_is_not_finite() -> None:
    x = Value([1.0, 2.0])
    y = x * 2.0
    with pytest.raises(NonFiniteError, match="the seed is NaN before any gradient is taken"), mg.debug():
        y.backward([1.0, float("nan")])


def test_what_is_finite_passes() -> None:
    x = Value([0.0, 4.0], label="x")
    with mg.debug():
        f = (mg.where(x > 0, mg.sqrt(x), 0.0) + mg.softmax(x) + mg.relu(x) * (x > 1)).sum()
        f.backward()
        (g,) = mg.grad(f, [x])  # 0/0 inside where's untaken branch is nobody's gradient
        (h,) = mg.grad(g.sum(), [x])
    assert np.all(np.isfinite(x.grad))
    np.testing.assert_array_equal(g.data, x.grad)
    assert np.all(np.isfinite(h.data))


def test_afterwards_everything_is_as_before() -> None:
    assert watcher.get() is None
    with pytest.raises(NonFiniteError), mg.debug():
        Value(0.0).log()
    assert watcher.get() is None
    assert Value(0.0).log().data == -np.inf
    with mg.debug():
        outer = watcher.get()
        with mg.debug():
            assert watcher.get() is not outer
        assert watcher.get() is outer
        with pytest.raises(NonFiniteError):
            Value(0.0).log()
    Value(0.0).log().backward()


def test_a_graph_is_the_same_inside() -> None:
    x = Value(2.0)
    with mg.debug():
        y = x.exp() * x
        (g,) = mg.grad(y, [x])
    assert y.op is not None
    assert mg.grad(g, [x])[0].data == pytest.approx(4 * np.exp(2.0))


def test_it_is_of_its_thread() -> None:
    entered, done, found = threading.Event(), threading.Event(), []

    def compute() -> Value:
        return Value(-1.0, label="t").sqrt()

    def other() -> None:
        with mg.debug():
            entered.set()
            done.wait()
            try:
                compute()
            except NonFiniteError as error:
                found.append(str(error))

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    mine = Value(-1.0).sqrt()  # this thread is not watched
    done.set()
    thread.join()
    assert np.isnan(mine.data)
    assert found == [f"NaN came out of sqrt, {place(compute, 1)}t = -1.0"]


def test_under_no_grad() -> None:
    with pytest.raises(NonFiniteError, match="NaN came out of log"), mg.debug(), mg.no_grad():
        Value(-1.0).log()


@pytest.mark.usefixtures("own_primitives")
def test_ones_own_primitive() -> None:
    bad = mg.primitive("bad", lambda x: x * 1.0, [lambda g, y, x: g * float("nan")])
    with pytest.raises(NonFiniteError, match="NaN came out of the chain rule of bad for w"), mg.debug():
        bad(Value(1.0, label="w")).backward()


def test_the_error() -> None:
    error = failure(lambda: Value(0.0, label="x").log())
    assert isinstance(error, ArithmeticError)
    assert error.brief == "an infinity came out of log: x = 0.0"
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert (str(again), again.brief) == (str(error), error.brief)
