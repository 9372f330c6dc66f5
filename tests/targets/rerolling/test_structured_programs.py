"""Random scalar programs with repeated structure, and some where it ends: the arrays give what the scalars give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import structured_programs
from structured_programs import TOLERANCE, check, check_network, difference, program

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.backends.numpy import Blocks
from microgradcnn.targets.backends.products import reordered
from microgradcnn.targets.plan import in_blocks
from microgradcnn.targets.rerolling.program import length, rerolled
from microgradcnn.targets.rerolling.running import RerolledBlocks

FEW, MANY, SEED = 12, 200, 3
PARTS = 4


def test_random_programs_agree() -> None:
    assert [i for i in range(FEW) if not check(SEED, i) <= TOLERANCE] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_more_random_programs_agree(part: int) -> None:
    assert [i for i in range(FEW + part, MANY, PARTS) if not check(SEED, i) <= TOLERANCE] == []


@pytest.mark.slow
@pytest.mark.parametrize(("way", "count"), [("jit", 4), ("jax", 2)])
def test_random_programs_agree_on_every_backend(way: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    assert [i for i in range(count) if not check(SEED, i, [way]) <= TOLERANCE] == []


def test_networks_agree_in_all_sizes() -> None:
    """The script has them all; here is the smallest of each."""
    found = dict(structured_programs.networks())
    largest = {
        "single_layer {'m': 20, 'k': 64}",
        "two_conv_linear {'image': (12, 12), 'kernel': (5, 5), 'filters': 16}",
    }
    assert len(found) == 59
    assert largest <= {*found}
    smallest = {name.split()[0]: net for name, net in reversed(found.items())}
    assert [name for name, net in smallest.items() if not check_network(net, ["numpy"]) <= TOLERANCE] == []


def test_most_random_programs_fold() -> None:
    found = [program(SEED, i)[0]._lines for i in range(FEW)]
    gains = [length(lines) / rerolled(lines).length for lines in found]
    assert sum(gain > 1.5 for gain in gains) > FEW / 2


def test_a_wrong_choice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = structured_programs.rerolled

    def wrong(lines: Any) -> Any:
        found = right(lines)
        found.lines.loss = found.lines.loss.args[0] if found.lines.loss.args else found.lines.loss
        return found

    monkeypatch.setattr(structured_programs, "rerolled", wrong)
    with pytest.raises((AssertionError, TypeError, ValueError)):
        assert all(check(SEED, i) <= TOLERANCE for i in range(3))


def of(*numbers: float) -> list[Value]:
    return [Value(v) for v in numbers]


P, X = (0.5, -0.25, 2.0, 1.0, 0.75, -1.5), (1.0, -2.0, 0.5)


# Where structure ends: the loss of scalars p and x, which have six and three of them.
IRREGULAR: dict[str, Callable[[list[Value], list[Value]], Value]] = {
    "one unit has another activation": lambda p, x: (
        mg.tanh(p[0] * x[0] + p[1] * x[1]) + mg.tanh(p[2] * x[0] + p[3] * x[1]) + mg.exp(p[4] * x[0] + p[5] * x[1])
    ),
    "units of several lengths": lambda p, x: (
        mg.tanh(p[0] * x[0]) * mg.tanh(p[1] * x[0] + p[2] * x[1]) * mg.tanh(p[3] * x[0] + p[4] * x[1] + p[5] * x[2])
    ),
    "a parameter in two roles": lambda p, x: mg.tanh(p[0] * x[0] + p[1] * x[1] + p[0]) * p[1] + p[2] * p[3] * p[4],
    "what is added twice": lambda p, x: mg.square(p[0] * x[0] + p[0] * x[0] + p[1] + p[1]) + (p[2] + p[2]) * x[1],
    "what is taken away": lambda p, x: mg.square((p[0] - p[1] * x[0]) - (p[2] * x[1] - p[3]) - (p[4] - p[5])),
    "negatives alone": lambda p, x: -(-p[0] - p[1]) * -x[0] - mg.tanh(-(p[2] * x[1]) - p[3] * x[2]),
    "a dot of a vector with itself": lambda p, x: unit_of(p[:3], p[:3]) + unit_of(x, x) * unit_of(p[3:], p[3:]),
    "a diagonal, and no grid": lambda p, x: sum_of(
        [mg.tanh(p[i] * x[i]) * mg.sigmoid(p[i + 3] * x[i]) for i in range(3)]
    ),
    "every one with every other": lambda p, x: sum_of([mg.tanh(p[i] * p[j]) for i in range(6) for j in range(6)]),
    "a triangle of them": lambda p, x: sum_of([mg.tanh(p[i] * x[j]) for i in range(3) for j in range(i, 3)]),
    "a chain": lambda p, x: mg.tanh(p[0] * mg.tanh(p[1] * mg.tanh(p[2] * mg.tanh(p[3] * x[0])))),
    "numbers that differ": lambda p, x: sum_of([mg.tanh(0.1 * (i + 1) * p[i] + float(i)) for i in range(6)]) * x[0],
    "maxima of three": lambda p, x: mg.maximum(mg.maximum(p[0] * x[0], p[1] * x[1]), p[2] * x[2]) * p[3],
    "unused parameters": lambda p, x: mg.square(p[0] * x[0]) + mg.square(p[1] * x[1]),
    "nothing but a parameter": lambda p, x: p[2],
    "no row in it": lambda p, x: sum_of([v * v for v in p]),
    "powers that differ": lambda p, x: sum_of([(p[i] * p[i] + 1.0) ** (i + 0.5) for i in range(6)]) * x[2],
    "where": lambda p, x: sum_of([mg.where(p[i] * x[0] > 0.1, p[i], -x[1]) for i in range(6)]),
    "a recurrence": lambda p, x: mg.tanh(
        p[0] * mg.tanh(p[0] * mg.tanh(p[0] + p[1] * x[0]) + p[1] * x[1]) + p[1] * x[2]
    ),
    "the same gradient for several": lambda p, x: mg.square((p[0] + p[1]) + (p[2] + p[3]) * x[0]),
}


def sum_of(terms: list[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def unit_of(a: list[Any], b: list[Any]) -> Any:
    return sum_of([u * v for u, v in zip(a, b, strict=True)])


@pytest.mark.parametrize("what", IRREGULAR)
def test_what_is_irregular_stays_right(what: str) -> None:
    p, x = of(*P), of(*X)
    compiled = mg.compile(IRREGULAR[what](p, x), p, x, also=[p[0] * x[0], p[1] + p[2]])
    columns = list(np.random.default_rng(0).standard_normal((3, 4)))
    expected = Blocks(in_blocks(compiled._lines)).trainer(p, columns, 4)
    loss = expected.evaluate()
    arrays = compiled.arrays()
    trainer = arrays.bind(*columns)
    assert difference([trainer.evaluate()], [loss]) <= TOLERANCE
    order = np.concatenate(arrays._found.parameters)
    assert difference(trainer.gradient, expected.gradient[order]) <= TOLERANCE
    assert difference(trainer.also, expected.also) <= TOLERANCE


def test_windows_may_be_taken_column_by_column() -> None:
    w, v, x = of(*P[:3]), of(*P[3:5]), of(*X[:2])
    image = [[mg.tanh(a * b) for a in w] for b in x]
    loss = sum_of([v[j] * mg.tanh(row[j] + row[j + 1]) for j in range(2) for row in image])
    lines = mg.compile(loss, [*w, *v], x)._lines
    columns = list(np.random.default_rng(0).standard_normal((2, 4)))
    assert structured_programs.disagreement(lines, [*w, *v], columns, 4, ["numpy"]) <= TOLERANCE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_rows_and_in_either_type(dtype: str) -> None:
    p = [Value(np.asarray(v, dtype)) for v in P]
    data = [np.asarray(v, dtype) for v in X]
    loss = mg.square(unit_of(p[:3], data) * unit_of(p[3:], data) - 1.0)
    compiled = mg.compile(loss, p)
    value, gradients = compiled.arrays()()
    assert {g.dtype for g in gradients if np.ndim(g)} <= {np.dtype(dtype)}
    close = 1e-12 if dtype == "float64" else 1e-5
    order = np.concatenate(compiled.arrays()._found.parameters)
    by_engine = np.array([g.item() for g in mg.grad(loss, p)])[order]
    assert abs(value - loss.item()) <= close * max(1.0, abs(loss.item()))
    assert difference(np.concatenate([np.ravel(g) for g in gradients]), by_engine) <= close


def test_what_is_not_finite_is_so_in_the_arrays() -> None:
    p, x = of(np.inf, 1.0, 2.0, -1.0, 0.0, 3.0), of(*X)
    loss = mg.tanh(unit_of(p[:3], x)) + mg.tanh(unit_of(p[3:], x))
    compiled = mg.compile(loss, p, x)
    columns = [np.array([1.0, 0.0, -1.0]), np.ones(3), np.ones(3)]
    expected = Blocks(in_blocks(compiled._lines)).trainer(p, columns, 3)
    assert difference([compiled.arrays()(*columns)[0]], [expected.evaluate()]) <= TOLERANCE


def test_comparisons_count_as_numbers_and_are_shares_of_the_rows() -> None:
    p, x = of(*P), of(*X)
    above = [a * b > 0.1 for a, b in zip(p, x, strict=False)]
    loss = sum_of([mg.square(a) * b for a, b in zip(p, above, strict=False)]) + sum_of([b * 0.5 for b in above])
    compiled = mg.compile(loss, p[:3], x, also=above[:2])
    columns = [np.linspace(-1.0, 2.0, 5), np.linspace(-2.0, 0.5, 5), np.ones(5)]
    expected = Blocks(in_blocks(compiled._lines)).trainer(p[:3], columns, 5)
    arrays = compiled.arrays().bind(*columns)
    assert difference([arrays.evaluate()], [expected.evaluate()]) <= TOLERANCE
    assert difference(arrays.gradient, expected.gradient) <= TOLERANCE
    assert (arrays.also, expected.also) == ([0.6, 0.6], [0.6, 0.6])


def test_products_of_arrays_are_taken_in_the_cheaper_order() -> None:
    """Two linear layers, x·A·B with three numbers a row in x and eight in x·A, are x·(A·B), as over arrays."""
    rng = np.random.default_rng(0)
    x, A, B = of(0.5, -0.25, 0.125), *([of(*row) for row in rng.standard_normal(shape)] for shape in ((8, 3), (5, 8)))
    hidden = [sum_of([w * v for w, v in zip(row, x, strict=True)]) for row in A]
    outputs = [sum_of([w * v for w, v in zip(row, hidden, strict=True)]) for row in B]
    compiled = mg.compile(sum_of([mg.tanh(v) for v in outputs]), [w for row in (*A, *B) for w in row], x, "numpy")
    arrays = rerolled(compiled._lines)
    text = RerolledBlocks(arrays).lowered([], [])
    assert text == Blocks(in_blocks(reordered(arrays.lines))).lowered([], [])
    assert text != Blocks(in_blocks(arrays.lines)).lowered([], [])
    columns = list(rng.standard_normal((3, 5)))
    expected = Blocks(in_blocks(compiled._lines)).trainer(compiled._wrt, columns, 5)
    found = RerolledBlocks(arrays).trainer(compiled._wrt, columns, 5)
    assert difference([found.evaluate(), found.gradient], [expected.evaluate(), expected.gradient]) <= TOLERANCE
