"""What mg.compile takes and refuses, what a program reads when it is called, and the trainer bound to it."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np
import pytest
from test_backends import BACKENDS, HERE, agree, by_engine, difference, gap, given, joined, program_of, rows_of

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.extras import MissingExtra
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.python import EXPRESSIONS

every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_backend_here = pytest.mark.parametrize("backend", HERE)
by_numpy = pytest.mark.filterwarnings("ignore:NumPy runs a part of this program, not the jit. the primitive .")


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


class Line:
    """ŷ = wx + b over rows, and its squared loss: (n, 2), (n,), (2,) and a number; with what NumPy makes of them."""

    def __init__(self, dtype: str = "float64", rows: int = 4) -> None:
        rng = np.random.default_rng(0)
        shapes = {"x": (rows, 2), "y": (rows,), "w": (2,), "b": ()}
        self.x, self.y, self.w, self.b = (Value(np.asarray(rng.normal(size=s), dtype), n) for n, s in shapes.items())

    @property
    def loss(self) -> Value:
        return mg.mean((self.x @ self.w + self.b - self.y) ** 2)

    def program(self, backend: str = "numpy", **options: Any) -> mg.Program:
        return mg.compile(self.loss, [self.w, self.b], [self.x, self.y], backend, **options)

    def expected(self, X: Any, Y: Any) -> tuple[Any, list[Any]]:
        X, Y = np.asarray(X, float), np.asarray(Y, float)
        off = X @ np.float64(self.w.data) + self.b.item() - Y
        return np.mean(off**2), [2.0 * off @ X / len(Y), np.mean(2.0 * off)]


X = np.array([[0.3, -1.0], [2.0, 0.5], [-0.7, 0.1], [1.0, 1.0], [0.2, 0.4]])
Y = np.array([1.0, -2.0, 0.5, 0.0, 3.0])


# What a program is


@every_backend
def test_a_line(backend: str) -> None:
    line = Line()
    program = line.program(backend)
    assert isinstance(program, mg.Program)
    loss, gradients = program(X, Y)
    assert type(loss) is float
    assert [np.shape(g) for g in gradients] == [(2,), ()]
    assert difference((loss, gradients), line.expected(X, Y)) <= 1e-14


@every_backend
def test_parameters_are_read_at_the_call(backend: str) -> None:
    line = Line()
    program = line.program(backend)
    for k in range(3):
        line.w.data, line.b.data = [0.5 * k, -1.0], 2.0 * k
        assert difference(program(X, Y), line.expected(X, Y)) <= 1e-14


@every_backend_here
def test_leaves_in_neither_list_are_constants(backend: str) -> None:
    line = Line()
    program = mg.compile(line.loss, [line.w], [line.x, line.y], backend)
    before = line.expected(X, Y)
    line.b.data = 100.0
    loss, (slope,) = program(X, Y)
    assert difference((loss, [slope]), (before[0], before[1][:1])) <= 1e-14


@every_backend_here
def test_what_a_call_gives_is_the_callers(backend: str) -> None:
    line = Line()
    program = line.program(backend)
    _, first = program(X, Y)
    kept = first[0].copy()
    program(2.0 * X, Y)
    assert np.array_equal(first[0], kept)
    first[0][...] = 0.0
    assert np.array_equal(program(X, Y)[1][0], kept)


@every_backend_here
def test_nothing_of_the_graph_is_changed(backend: str) -> None:
    line = Line()
    loss = line.loss
    before = [v.data for v in (line.x, line.y, line.w, line.b, loss)]
    program = mg.compile(loss, [line.w, line.b], [line.x, line.y], backend)
    program(X, Y)
    program.bind(X, Y).step(0.1)
    assert all(a is b for a, b in zip(before, [v.data for v in (line.x, line.y, line.w, line.b, loss)], strict=True))
    assert not line.w.has_grad
    loss.backward()  # is not stale
    assert line.w.has_grad


def test_no_node_is_made_while_the_program_runs() -> None:
    line = Line()
    loss, births = line.loss, []
    program = mg.compile(loss, [line.w, line.b], [line.x, line.y])
    for _ in range(2):
        births.append(Value(0.0)._birth)
        program(X, Y)
    births.append(Value(0.0)._birth)
    assert births == list(range(births[0], births[0] + 3))


def test_under_debug() -> None:
    line = Line()
    with mg.debug():
        assert difference(line.program()(X, Y), line.expected(X, Y)) <= 1e-14


@every_backend_here
def test_no_inputs(backend: str) -> None:
    w = Value([0.5, -2.0], label="w")
    program = mg.compile(mg.sum(mg.exp(w)), [w], backend=backend)
    w.data = [1.0, 2.0]
    assert difference(program(), (np.sum(np.exp([1.0, 2.0])), [np.exp([1.0, 2.0])])) <= 1e-15


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@every_backend_here
def test_no_parameters(backend: str, dtype: str) -> None:
    x, c = Value(np.asarray([0.5, 1.5], dtype), label="x"), Value(np.asarray(2.0, dtype), label="c")
    program = mg.compile(mg.mean(c * x) + c, [], [x, c], backend)
    loss, gradients = program([1.0, 2.0, 6.0], 4.0)
    assert (loss, gradients) == (16.0, [])


@every_backend_here
def test_a_loss_that_is_a_leaf(backend: str) -> None:
    w, u = Value(0.5, label="w"), Value(2.0, label="u")
    program = mg.compile(w, [w, u], backend=backend)
    w.data = 7.0
    assert program() == (7.0, [1.0, 0.0])


@every_backend_here
def test_a_loss_that_is_an_input(backend: str) -> None:
    x, w = Value(0.5, label="x"), Value(1.0, label="w")
    assert mg.compile(x, [w], [x], backend)(np.array([1.0, 2.0, 6.0])) == (3.0, [0.0])


@every_backend_here
def test_gradients_that_are_one_and_the_same(backend: str) -> None:
    a, b, x = (Value(v, label=name) for v, name in ((1.0, "a"), (2.0, "b"), (3.0, "x")))
    program = mg.compile((a + b) * x + b, [a, b], [x], backend)
    assert program(np.array([1.0, 5.0])) == (11.0, [3.0, 4.0])


# Inputs


@every_backend_here
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "given_as",
    [
        lambda a: a.tolist(),
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=0)[::2],
        lambda a: a[::-1][::-1],
        lambda a: np.stack([a, a], axis=-1)[..., 0],
        lambda a: a.astype(np.float32),
        lambda a: a.astype(">f8"),
        lambda a: Value(a),
        lambda a: np.broadcast_to(a, (3, *a.shape))[1],
        lambda a: np.frombuffer(a.tobytes()).reshape(a.shape),
        lambda a: np.frombuffer(b"." + a.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(a.shape),
    ],
    ids=[
        "list",
        "Fortran",
        "every other",
        "reversed twice",
        "strided",
        "float32",
        "big-endian",
        "Value",
        "broadcast",
        "read-only",
        "unaligned",
    ],
)
def test_inputs_in_any_form(given_as: Any, dtype: str, backend: str) -> None:
    line = Line(dtype)
    x, y = X.astype(np.float32), Y.astype(np.float32)  # numbers that both types have
    x, y = x.astype(np.float64), y.astype(np.float64)
    found = line.program(backend)(given_as(x), given_as(y))
    assert difference(found, line.expected(x, y)) <= (1e-14 if dtype == "float64" else 1e-6)


@every_backend_here
def test_integers_and_booleans_are_numbers(backend: str) -> None:
    line = Line()
    found = line.program(backend)(np.array([[1, 2], [3, 4]]), np.array([True, False]))
    assert difference(found, line.expected([[1.0, 2.0], [3.0, 4.0]], [1.0, 0.0])) <= 1e-14


@every_backend
def test_a_number_for_all_rows(backend: str) -> None:
    """In a loss of one example, an input given as one number is the same in every row."""
    x, y, w = (Value(v, label=name) for v, name in ((0.5, "x"), (1.0, "y"), (2.0, "w")))
    program = mg.compile((w * x - y) ** 2, [w], [x, y], backend)
    rows = np.array([1.0, 2.0, 6.0])
    assert difference(program(rows, 1.0), (np.mean((2 * rows - 1) ** 2), [np.mean(2 * (2 * rows - 1) * rows)])) <= 1e-15
    assert difference(program(3.0, 1.0), (25.0, [30.0])) <= 1e-15


@pytest.mark.parametrize(
    ("inputs", "error", "sentence"),
    [
        ((X,), TypeError, "the program takes 2 inputs (x, y), not 1"),
        ((X, Y, Y), TypeError, "the program takes 2 inputs (x, y), not 3"),
        ((X, Y[:3]), ValueError, "y must have shape (n,) with n = 5 rows, not (3,)"),
        ((X[:, :1], Y), ValueError, "x must have shape (n, 2) with n = 5 rows, not (5, 1)"),
        ((X[0], Y), ValueError, "x must have shape (n, 2) with n = 5 rows, not (2,)"),
        ((X, Y[:, None]), ValueError, "y must have shape (n,) with n = 5 rows, not (5, 1)"),
        ((X, 1.0), ValueError, "y must have shape (n,) with n = 5 rows, not ()"),
        ((X[:0], Y[:0]), ValueError, "there are no rows"),
    ],
)
def test_inputs_that_do_not_fit(inputs: Any, error: Any, sentence: str) -> None:
    for backend in BACKENDS:
        with pytest.raises(error, match=re.escape(sentence)):
            Line().program(backend)(*inputs)


def test_inputs_of_one_example_that_do_not_fit() -> None:
    x, y = Value(1.0, label="x"), Value(2.0, label="y")
    program = mg.compile(x * y, [], [x, y])
    with pytest.raises(ValueError, match=re.escape("y must have shape (n,) with n = 3 rows, not (2,)")):
        program(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=re.escape("x must have shape (n,)")):
        program(np.ones((3, 1)), np.ones(3))
    with pytest.raises(ValueError, match="there are no rows"):
        program(np.ones(0), np.ones(0))


@pytest.mark.parametrize("bad", ["text", [1.0, "a"], None, 1j * X])
def test_inputs_that_are_no_numbers(bad: Any) -> None:
    with pytest.raises(TypeError, match="x must be real numbers, not"):
        Line().program()(bad, Y)


# What compile refuses


@pytest.mark.parametrize("number", [1.5, True, np.float64(2.0), None, np.ones(2)])
def test_a_loss_that_has_left_the_graph(number: Any) -> None:
    with pytest.raises(TypeError, match=r"bool\(\), float\(\) and .item\(\) leave the graph"):
        mg.compile(number, [], [])


def test_a_branch_on_a_number_has_left_the_graph() -> None:
    w = Value(2.0, label="w")
    with pytest.raises(TypeError, match="leave the graph"):
        mg.compile((w * w).item(), [w], [])
    with pytest.raises(TypeError, match="leave the graph"):
        mg.compile(w * w, [w], [], also=[bool(w > 1.0)])


def test_what_is_refused() -> None:
    line = Line()
    loss, z = line.loss, line.x @ line.w
    cases: list[tuple[Any, type[Exception], str]] = [
        (lambda: mg.compile(z, [line.w]), ValueError, "an unlabelled result of matmul has shape (4,): compile takes"),
        (lambda: mg.compile(loss, [line.w], also=[z]), ValueError, "has shape (4,): compile takes"),
        (lambda: mg.compile(loss, [z]), ValueError, "an unlabelled result of matmul was computed: wrt holds leaves"),
        (
            lambda: mg.compile(loss, [], [z]),
            ValueError,
            "an unlabelled result of matmul was computed: inputs holds leaves",
        ),
        (lambda: mg.compile(loss, [np.ones(2)]), TypeError, "wrt holds Values, not array([1., 1.])"),
        (lambda: mg.compile(loss, [], [1.0]), TypeError, "inputs holds Values, not 1.0"),
        (lambda: mg.compile(loss, [line.w, line.w]), ValueError, "w is named twice"),
        (lambda: mg.compile(loss, [line.w], [line.x, line.y, line.w]), ValueError, "w is named twice"),
        (lambda: mg.compile(loss, [], [line.x, line.x]), ValueError, "x is named twice"),
        (
            lambda: mg.compile(loss, [line.w], backend="numba"),
            ValueError,
            "the backend is numpy, jit, jax, auto, not 'numba'",
        ),
    ]
    for call, error, sentence in cases:
        with pytest.raises(error, match=re.escape(sentence)):
            call()


def test_a_loss_that_is_a_comparison() -> None:
    w = Value(2.0, label="w")
    with pytest.raises(ValueError, match="a constant or a comparison: it has no gradient"):
        mg.compile(w > 1.0, [w])


def test_a_loss_computed_from_old_data() -> None:
    for changed in "xywb":
        line = Line()
        loss = line.loss
        leaf = getattr(line, changed)
        leaf.data = np.array(leaf.data)
        with pytest.raises(ValueError, match=f"{changed} was changed after an unlabelled result of mean was computed"):
            mg.compile(loss, [line.w, line.b], [line.x, line.y])


def test_parameters_of_two_types() -> None:
    a, b = Value(np.float32([1.0]), label="a"), Value([2.0], label="b")
    for backend in HERE:
        with pytest.raises(ValueError, match="one type, but a is float32, b is float64"):
            mg.compile(mg.sum(a * b), [a, b], backend=backend).bind()


@every_backend_here
def test_inputs_of_another_type_than_the_parameters(backend: str) -> None:
    x, w = Value(np.float32([[0.1, 0.2]]), label="x"), Value([0.3, -0.4], label="w")

    def loss(x: Any, w: Any) -> Value:
        return mg.mean(mg.tanh(x * np.float32(3.0)) @ w)

    found = mg.compile(loss(x, w), [w], [x], backend)(X)
    x, w = Value(X.astype(np.float32)), Value([0.3, -0.4])
    f = loss(x, w)
    f.backward()
    assert difference(found, (f.data, [w.grad])) <= 1e-6


@pytest.mark.parametrize(("backend", "package"), [("jit", "llvmlite"), ("jax", "jax")])
def test_a_backend_that_is_not_installed(backend: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=re.escape(f"microgradcnn[{backend}]")) as caught:
        Line().program(backend)(X, Y)
    assert "\n" not in str(caught.value)
    assert difference(Line().program("numpy")(X, Y), Line().expected(X, Y)) <= 1e-14


@by_numpy
@every_backend_here
def test_a_primitive_of_ones_own(backend: str, own_primitives: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(x: Any, times: float) -> Any:
        return times * x * x * x

    cube = mg.primitive("cube", forward, [lambda g, y, x, times: g * (3.0 * times * x * x)], scalar=forward)
    x, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(3), label="w")

    def loss(x: Any, w: Any) -> Value:
        return mg.mean(cube(x * w, times=2.0) - x)

    at = [np.arange(12.0).reshape(4, 3) / 5.0], [np.array([0.5, -1.0, 2.0])]
    program = mg.compile(loss(x, w), [w], [x], backend)
    w.data = at[1][0]
    assert difference(program(*at[0]), by_engine(loss, *at, "float64")) <= 1e-13
    with pytest.raises(ValueError, match=r"the primitive 'cube' has no line in Python.* targets="):
        program.source  # noqa: B018
    monkeypatch.setitem(EXPRESSIONS, "cube", "2.0 * {0} ** 3")
    assert "= 2.0 * t1 ** 3" in program.source


@by_numpy
@every_backend_here
def test_a_primitive_of_ones_own_that_gives_a_view(backend: str, own_primitives: None) -> None:
    turned = mg.primitive("turned", lambda x: x[:, ::-1], [lambda g, y, x: g[:, ::-1]])
    x, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(3), label="w")

    def loss(x: Any, w: Any) -> Value:
        z = x * w
        return mg.mean(mg.tanh(turned(z)) * mg.exp(mg.tanh(z) + 1.0))

    at = [X @ np.ones((2, 3)) + np.arange(3.0)], [np.array([0.5, -1.0, 0.2])]
    program = mg.compile(loss(x, w), [w], [x], backend)
    w.data = at[1][0]
    assert difference(program(*at[0]), by_engine(loss, *at, "float64")) <= 1e-13


@every_backend_here
def test_a_constant_loss_of_float32(backend: str) -> None:
    """The gradient's memory holds float32: nothing may write float64 there."""
    x = Value(np.full(3, 0.7, np.float32), label="x")
    slopes = mg.sum(mg.grad(mg.sum(x * np.float32([1.0, 2.0, 3.0])), [x])[0])
    program = mg.compile(slopes, [x], [], backend)
    assert "double" not in program.lowered()
    for _ in range(20):
        loss, (gradient,) = program()
        assert (loss, gradient.tolist(), gradient.dtype) == (6.0, [0.0, 0.0, 0.0], np.float32)


# Trainers


@every_backend
@pytest.mark.parametrize("form", ["rows", "scalars"])
def test_descent_is_the_engines(form: str, backend: str) -> None:
    network = NETWORKS["single_layer"](regularise=0.01, seed=3)
    x, y = rows_of(network, 50)
    trainer = program_of(network, form, backend).bind(*given(form, x, y))
    for step in range(100):
        for p in network.parameters.values():
            p.grad = None
        loss = network.loss(x, y)
        loss.backward()
        assert float(trainer.step(0.2)) == pytest.approx(loss.item(), rel=1e-9), step
        for p in network.parameters.values():
            p.data = p.data - 0.2 * p.grad
    assert gap(trainer.flat, joined([p.data for p in network.parameters.values()])) <= 1e-9


@every_backend
def test_a_trainer(backend: str) -> None:
    line = Line()
    trainer = line.program(backend, also=[mg.mean(line.x @ line.w), mg.sum(line.w)]).bind(X, Y)
    loss, gradients = line.expected(X, Y)
    assert np.array_equal(trainer.flat, [*line.w.data, line.b.data])
    assert trainer.evaluate() == pytest.approx(loss, rel=1e-14)
    assert gap(trainer.gradient, joined(gradients)) <= 1e-14
    assert trainer.also == pytest.approx([np.mean(X @ line.w.data), np.sum(line.w.data)], rel=1e-13)
    before = np.array(trainer.flat)
    assert float(trainer.step(0.1)) == pytest.approx(loss, rel=1e-14)
    assert gap(trainer.flat, before - 0.1 * joined(gradients)) <= 1e-14


@every_backend
def test_parameters_are_written_back_when_asked(backend: str) -> None:
    line = Line()
    program = line.program(backend)
    trainer = program.bind(X, Y)
    before = line.w.data
    trainer.step(0.1)
    assert line.w.data is before
    assert [v is w for v, w in zip(trainer.parameters(), (line.w, line.b), strict=True)] == [True, True]
    assert np.array_equal(np.array(trainer.flat), [*line.w.data, line.b.data])
    assert type(line.b.data) is float
    kept = line.w.data.copy()
    trainer.step(0.1)
    assert np.array_equal(line.w.data, kept)
    assert difference(program(X, Y), line.expected(X, Y)) <= 1e-14


@every_backend
def test_the_vector_may_be_assigned(backend: str) -> None:
    line = Line()
    trainer = line.program(backend).bind(X, Y)
    trainer.evaluate()
    vector = np.array([0.5, -1.0, 2.0])
    trainer.flat = vector
    vector[...] = 9.0  # is the caller's
    line.w.data, line.b.data = [0.5, -1.0], 2.0
    loss, gradients = line.expected(X, Y)
    assert trainer.evaluate() == pytest.approx(loss, rel=1e-14)
    assert gap(trainer.gradient, joined(gradients)) <= 1e-14


@every_backend_here
def test_the_vector_may_be_written_to(backend: str) -> None:
    line = Line()
    trainer = line.program(backend).bind(X, Y)
    flat = trainer.flat
    flat[...] = [0.5, -1.0, 2.0]
    line.w.data, line.b.data = [0.5, -1.0], 2.0
    assert trainer.evaluate() == pytest.approx(line.expected(X, Y)[0], rel=1e-14)
    trainer.step(0.1)
    assert trainer.flat is flat or np.shares_memory(trainer.flat, flat)


@every_backend_here
def test_a_vector_of_another_shape(backend: str) -> None:
    trainer = Line().program(backend).bind(X, Y)
    for wrong in (np.ones(2), np.ones(4), np.ones((3, 1)), np.ones(1), 1.0):
        with pytest.raises(ValueError, match="the parameters are a vector of 3 numbers, not of shape"):
            trainer.flat = wrong


@every_backend_here
def test_two_trainers_of_one_program(backend: str) -> None:
    line = Line()
    program = line.program(backend)
    first, second = program.bind(X, Y), program.bind(X[:2], Y[:2])
    for trainer in (first, second, first):
        trainer.step(0.1)
    again = program.bind(X, Y)
    again.step(0.1)
    again.step(0.1)
    assert np.array_equal(again.flat, first.flat)
    assert not np.array_equal(first.flat, second.flat)


@every_backend_here
@pytest.mark.parametrize("form", ["rows", "scalars"])
def test_other_rows_as_many_as_before(form: str, backend: str) -> None:
    network = NETWORKS["two_conv_linear"](seed=3)
    program = program_of(network, form, backend)
    trainer = program.bind(*given(form, *rows_of(network, 9, seed=1)))
    trainer.evaluate()
    x, y = rows_of(network, 9, seed=2)
    trainer.set_inputs([np.asarray(a) for a in given(form, x, y)])
    assert trainer.evaluate() == program(*given(form, x, y))[0]


@every_backend_here
def test_bad_numbers_in_bad_numbers_out(backend: str) -> None:
    """A NaN in a row, the first or among the last that fill no vector, is in the loss."""
    line = Line()
    program = line.program(backend)
    for n in (1, 3, 8, 9, 17):
        for row in {0, n // 2, n - 1}:
            rng = np.random.default_rng(n)
            x, y = rng.normal(size=(n, 2)), rng.normal(size=n)
            x[row, 0] = np.nan
            loss, (of_w, of_b) = program(x, y)
            assert np.isnan([loss, *of_w, of_b]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_parameters_with_jax(bad: float) -> None:
    line = Line()
    program = line.program("jax")
    line.w.data = [bad, 1.0]
    loss, (of_w, of_b) = program(np.abs(X), Y)
    assert np.array_equal([loss, *of_w, of_b], [bad] * 4, equal_nan=True)


@every_backend_here
@pytest.mark.parametrize("form", ["rows", "scalars"])
def test_compiled_while_nothing_is_recorded(form: str, backend: str) -> None:
    network = NETWORKS["single_layer"](seed=1)
    x, y = rows_of(network, 4)
    if form == "rows":
        leaves = [Value(x, "x"), Value(y, "y")]
        loss, wrt = network.loss(*leaves), list(network.parameters.values())
    else:
        example = network.example(x[0], y[0])
        leaves, loss, wrt = [*example.inputs, example.y], example.loss, list(example.parameters.values())
    with mg.no_grad():
        program = mg.compile(loss, wrt, leaves, backend)
        found = program(*given(form, x, y))
    assert agree(network, found, x, y)


@pytest.mark.parametrize("backend", ["numpy", *[pytest.param(name, marks=pytest.mark.slow) for name in ("jit", "jax")]])
def test_what_no_gradient_goes_through_is_computed_anew(backend: str) -> None:
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    program = mg.compile((w * mg.stop_gradient(mg.tanh(w * x)) - 1.0) ** 2, [w], [x], backend)
    for at in (2.0, -5.0):
        z = np.tanh(0.5 * at)
        loss, (slope,) = program(at)
        np.testing.assert_allclose([loss, slope], [(0.5 * z - 1.0) ** 2, 2.0 * (0.5 * z - 1.0) * z], rtol=1e-12)
