"""Programs of scalars re-rolled into arrays: what they compute, how few lines they are, and what reads there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from every_backend import every_backend
from many_cases import slow_but
from structured_programs import TOLERANCE, difference

import microgradcnn as mg
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.backends.numpy import Blocks
from microgradcnn.targets.lines import Rows, in_order
from microgradcnn.targets.plan import in_blocks
from microgradcnn.targets.program import ArrayProgram, Program
from microgradcnn.targets.rerolling.running import ByRows, RerolledBlocks

SIX = (
    *("single_layer", "conv_average", "conv_linear"),
    *("two_conv_average", "two_conv_average_linear", "two_conv_linear"),
)
MOST_LINES = {
    "single_layer": 18,
    "conv_average": 21,
    "conv_linear": 24,
    "two_conv_average": 24,
    "two_conv_average_linear": 28,
    "two_conv_linear": 26,
}


def network(name: str, large: bool = False, **options: Any) -> Any:
    sizes: dict[str, Any] = {"m": 4, "k": 5} if large else {}
    if "conv" in name:
        sizes = {"image": (4, 5), "kernel": (2, 3)} if large else {}
        sizes |= {"filters": 3} if large and "two" in name else {}
    return NETWORKS[name](**sizes, **options)


def compiled(net: Any, backend: str = "numpy") -> Program:
    inputs = np.prod(net.image) if net.image else net.m
    example = net.example(np.linspace(-1.0, 1.0, int(inputs)), 0.5)
    return mg.compile(example.loss, list(example.parameters.values()), [*example.inputs, example.y], backend)


def rows(net: Any, n: int = 5) -> tuple[np.ndarray, np.ndarray]:
    inputs = int(np.prod(net.image) if net.image else net.m)
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, inputs)), rng.standard_normal(n)


def of_arrays(net: Any, x: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss and its gradient by the network over arrays, which knows nothing of its scalars."""
    loss = net.loss(x, y)
    return loss.item(), np.concatenate([np.ravel(g.data) for g in mg.grad(loss, list(net.parameters.values()))])


def joined(gradients: Sequence[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(g) for g in gradients])


def scalars(*numbers: float, label: str | None = None) -> list[mg.Value]:
    return [mg.Value(v, label=f"{label}_{i}" if label else None) for i, v in enumerate(numbers, start=1)]


def unit(weights: Sequence[Any], x: Sequence[Any]) -> Any:
    total = weights[0] * x[0]
    for w, v in zip(weights[1:], x[1:], strict=True):
        total = total + w * v
    return total


def lines_of(program: Program) -> int:
    arrays = program.arrays()
    assert isinstance(arrays, ArrayProgram)
    return arrays._found.length


# What they compute


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(("large", "options"), [(False, {}), (True, {"activation": "relu", "regularise": 0.1})])
def test_the_six_networks_are_what_they_are_over_arrays(name: str, large: bool, options: dict[str, Any]) -> None:
    net = network(name, large, **options)
    program, (x, y) = compiled(net), rows(net)
    assert isinstance(program._engine, RerolledBlocks | ByRows)
    loss, gradients = program(*x.T, y)
    arrays = program.arrays()
    assert difference((loss, gradients), of_arrays(net, x, y)) <= TOLERANCE
    assert difference((arrays(x, y)[0], joined(arrays(x, y)[1])), of_arrays(net, x, y)) <= TOLERANCE


@pytest.mark.slow
@every_backend
@pytest.mark.parametrize("name", SIX)
def test_every_backend_runs_the_arrays(name: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    net = network(name, large=True)
    x, y = rows(net, 6)
    loss, gradients = compiled(net, backend).arrays()(x, y)
    assert difference((loss, joined(gradients)), of_arrays(net, x, y)) <= TOLERANCE


def test_arrays_or_the_columns_that_they_are_made_of() -> None:
    net = network("single_layer")
    program, (x, y) = compiled(net), rows(net)
    arrays = program.arrays()
    loss, (of_S, of_w) = arrays(x, y)
    assert (of_S.shape, of_w.shape) == ((3, 2), (3,))
    assert arrays(*x.T, y)[0] == loss
    with pytest.raises(TypeError, match=r"the program takes 2 inputs \(x, y\), not 4"):
        arrays(*x.T, y, y)
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\) with n = 5 rows, not \(5, 1\)"):
        arrays(x[:, :1], y)


def test_the_arrays_start_from_the_scalars_of_the_moment() -> None:
    w, x = scalars(1.0, 2.0, label="w"), scalars(0.5, 0.25, label="x")
    arrays = mg.compile(mg.square(unit(w, x)), w, x).arrays()
    first = arrays(np.ones((1, 2)))[0]
    w[0].data = np.asarray(-2.0)
    assert (first, arrays(np.ones((1, 2)))[0]) == (9.0, 0.0)
    trainer = arrays.bind(np.ones((1, 2)))
    trainer.flat = np.array([1.0, 1.0])
    assert trainer.step(0.125) == 4.0
    assert trainer.parameters()[0].data.tolist() == [0.5, 0.5]


def test_a_program_over_arrays_is_its_own() -> None:
    w = mg.Value(np.ones(2), label="w")
    program = mg.compile(mg.square(w).sum(), [w])
    assert program.arrays() is program


def test_training_moves_the_scalars_in_the_order_they_were_named_in() -> None:
    rng = random.Random(0)
    W = [scalars(*(rng.uniform(-1, 1) for _ in range(3))) for _ in range(4)]
    out, x = scalars(0.5, -1.0, 0.25, 2.0), scalars(0.1, 0.2, 0.3)
    loss = mg.square(unit(out, [mg.tanh(unit(row, x)) for row in W]))
    wrt = [*out, *(w for row in W for w in row)]
    rng.shuffle(wrt)
    program = mg.compile(loss, wrt, x)
    data = list(np.random.default_rng(1).standard_normal((3, 6)))
    ours, expected = program.bind(*data), Blocks(in_blocks(program._lines)).trainer(wrt, data, 6)
    for scale in (1.0, -0.5):
        for trainer in (ours, expected):
            trainer.set_inputs([scale * column for column in data])
        assert difference([ours.step(0.1)], [expected.step(0.1)]) <= TOLERANCE
        assert difference(ours.flat, expected.flat) <= TOLERANCE
    for trainer in (ours, expected):
        trainer.flat = np.linspace(-1.0, 1.0, len(wrt))
    assert difference((ours.evaluate(), ours.gradient), (expected.evaluate(), expected.gradient)) <= TOLERANCE
    assert [v.item() for v in ours.parameters()] == np.linspace(-1.0, 1.0, len(wrt)).tolist()


def test_columns_of_one_array_are_read_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("microgradcnn.targets.rerolling.running.COPIED", 0)
    net = network("single_layer")
    x, y = rows(net)
    expected = of_arrays(net, x, y)
    turned = np.ascontiguousarray(x.T)
    for columns in (list(x.T), list(turned), [c.copy() for c in turned], list(x.T[::-1])[::-1], [*x.T[:1], turned[1]]):
        program = compiled(net)
        assert difference(program(*columns, y), expected) <= TOLERANCE


# How few lines they are


@pytest.mark.parametrize("name", SIX)
def test_lines_do_not_grow_with_the_network(name: str) -> None:
    small, large = (lines_of(compiled(network(name, large))) for large in (False, True))
    assert small <= MOST_LINES[name]
    assert large <= MOST_LINES[name]


def test_lines_grow_with_layers_and_not_with_units() -> None:
    def lines(*sizes: int) -> int:
        rng = random.Random(1)
        row: list[Any] = scalars(*[0.5] * sizes[0])
        x, wrt = row, []
        for count in sizes[1:]:
            weights = [scalars(*(rng.uniform(-1, 1) for _ in row)) for _ in range(count)]
            biases = scalars(*(rng.uniform(-1, 1) for _ in range(count)))
            row = [mg.tanh(b + unit(ws, row)) for ws, b in zip(weights, biases, strict=True)]
            wrt += [*(w for ws in weights for w in ws), *biases]
        return lines_of(mg.compile(mg.square(row[0] + row[1]), wrt, x))

    assert lines(2, 3, 2) == lines(5, 8, 2) < 40
    assert lines(3, 4, 5, 2) == lines(4, 6, 7, 2) < lines(2, 3, 2) + 16


def test_a_convolution_over_channels_and_steps_is_one_product() -> None:
    channels, size, kernel, step = 2, 5, 3, 2
    image = scalars(*np.linspace(-1.0, 1.0, channels * size * size), label="p")
    weights = [scalars(*np.linspace(0.0, 1.0, channels * kernel**2) * (f + 1)) for f in range(3)]
    places = [
        [
            c * size * size + (r + i) * size + s + j
            for c in range(channels)
            for i in range(kernel)
            for j in range(kernel)
        ]
        for r in range(0, size - kernel + 1, step)
        for s in range(0, size - kernel + 1, step)
    ]
    z = [mg.tanh(unit(w, [image[i] for i in window])) for w in weights for window in places]
    program = mg.compile(mg.square(unit(scalars(*[0.5] * len(z)), z)), [w for row in weights for w in row], image)
    assert "unfold(xp.reshape(p, (n, 2, 5, 5)), size=(3, 3), stride=(2, 2), xp=xp)" in program.arrays().source
    x = np.random.default_rng(0).standard_normal((2, len(image)))
    kernels = mg.Value(np.array([[w.item() for w in row] for row in weights]).reshape(3, channels, kernel, kernel))
    whole = mg.conv2d(mg.Value(x.reshape(2, channels, size, size)), kernels, stride=step)
    loss = mg.square(0.5 * mg.tanh(whole).sum(axis=(1, 2, 3))).mean()
    expected = loss.item(), np.ravel(mg.grad(loss, [kernels])[0].data)
    assert difference(program(*x.T), expected) <= TOLERANCE


def test_small_programs_and_those_without_likeness_stay_scalars() -> None:
    a, b, c = (mg.Value(v, label=label) for v, label in ((0.5, "a"), (0.25, "b"), (2.0, "c")))
    x = mg.Value(1.0, label="x")
    program = mg.compile(mg.exp(a * x) + mg.tanh(b / (c + x)), [a, b, c], [x])
    assert not isinstance(program._engine, RerolledBlocks | ByRows)
    arrays = program.arrays()
    assert [line.op for line in in_order(arrays._lines.outputs) if line.shape not in ((), (Rows(),))] == []
    x_data = np.linspace(0.0, 1.0, 4)
    assert difference((program.arrays()(x_data)[0], program.arrays()(x_data)[1]), program(x_data)) <= TOLERANCE


# What reads there


def test_a_small_network_over_many_rows_is_taken_as_scalars() -> None:
    """As its columns are faster there: the text has no windows then, and the numbers are the same."""
    example = NETWORKS["conv_average"]().example(np.linspace(-1.0, 1.0, 9), 1.0)
    program = mg.compile(example.loss, list(example.parameters.values()), [*example.inputs, example.y], "numpy")
    rows = np.random.default_rng(0).normal(size=(10, 10_000))
    few, many = program.lowered(*rows[:, :100]), program.lowered(*rows)
    assert many.count("multiply(") > 2 * few.count("multiply(")
    whole, parts = program(*rows), [program(*rows[:, i : i + 2500]) for i in range(0, 10_000, 2500)]
    assert whole[0] == pytest.approx(np.mean([part[0] for part in parts]), rel=1e-12)
    assert np.array(whole[1]) == pytest.approx(np.mean([part[1] for part in parts], axis=0), rel=1e-11)


def test_the_source_is_what_a_student_would_write_next() -> None:
    assert compiled(network("single_layer")).arrays().source == SINGLE_LAYER


SINGLE_LAYER = """import numpy


def program(x, y, S, w, xp=numpy):
    n = len(x)  # rows

    # x: [x_1, x_2]
    # S: [[s_1, s_2], [u_1, u_2], [v_1, v_2]]
    # w: [w_1, w_2, w_3]

    # forward
    a = S @ x.T  # [a_1, a_2, a_3]
    z = 1.0 / (1.0 + xp.exp(-a))  # [z_1, z_2, z_3]
    y_hat = w @ z
    t1 = y_hat - y
    t2 = t1 * t1
    f = xp.mean(t2)

    # backward: the chain rule, from the loss to the leaves
    df_dy_hat = 2.0 * t1  # df/dy_hat
    df_dz = df_dy_hat * w[:, None]  # df/dy_hat * dy_hat/dz
    t3 = 1.0 - z  # for dz/da
    dz_da = z * t3  # for dz/da
    df_da = df_dz * dz_da  # df/dz * dz/da
    df_dS = (df_da @ x) / n  # df/da * da/dS
    df_dw = (df_dy_hat @ z.T) / n  # df/dy_hat * dy_hat/dw

    return f, [df_dS, df_dw]
"""


def test_labels_name_the_arrays_and_decide_nothing() -> None:
    net = network("two_conv_linear")
    program = compiled(net)
    nameless = compiled(net)
    for leaf in (*nameless._lines.inputs, *nameless._lines.parameters):
        leaf.label = None
    assert "def program(p, y, c, w, xp=numpy):" in program.arrays().source
    assert "def program(i_1, input, p_1, p_2, xp=numpy):" in nameless.arrays().source
    assert lines_of(nameless) == lines_of(program)
    for i, leaf in enumerate(nameless._lines.parameters):
        leaf.label = f"{'abc'[i % 3]}{i}"
    assert lines_of(nameless) == lines_of(program)
    x, y = rows(net)
    assert difference(nameless.arrays()(x, y)[1][0], program.arrays()(x, y)[1][0]) <= TOLERANCE


def test_long_arrays_are_shortened_and_nameless_ones_counted() -> None:
    weights = [scalars(*[0.5] * 6) for _ in range(5)]
    x = scalars(*range(6), label="x")
    loss = mg.square(unit(scalars(*[1.0] * 5, label="v"), [mg.tanh(unit(row, x)) for row in weights]))
    source = mg.compile(loss, [w for row in weights for w in row], x).arrays().source
    assert "# x: [x_1, x_2, ..., x_6]" in source
    row = "[parameter {}, parameter {}, ..., parameter {}]"
    rows_said = [row.format(6 * i + 1, 6 * i + 2, 6 * i + 6) for i in (0, 1, 4)]
    assert f"# p_1: [{rows_said[0]}, {rows_said[1]}, ..., {rows_said[2]}]" in source


@pytest.mark.parametrize("name", slow_but("single_layer", among=SIX))
def test_two_readings_are_one_text(name: str) -> None:
    texts = {compiled(network(name, large=True)).arrays().source for _ in range(2)}
    assert len(texts) == 1
