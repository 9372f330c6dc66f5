"""Long programs of scalars, whose compiled functions are cut into pieces, and what they compute."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets import program as programs
from microgradcnn.targets.native import loop, machine_code
from microgradcnn.targets.plan import planned


def chain(steps: int) -> tuple[Value, list[Value], Value]:
    """x through `steps` units one after another, each with two parameters."""
    x, ps = Value(0.3), [Value(0.1 + 0.01 * i) for i in range(2 * steps)]
    total = x
    for weight, bias in zip(ps[::2], ps[1::2], strict=True):
        total = (weight * total + bias).tanh()
    return (total - 0.5).square(), ps, x


@pytest.mark.parametrize("steps", [20, pytest.param(60, marks=pytest.mark.slow)])
def test_pieces_give_the_same(steps: int, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    loss, ps, x = chain(steps)
    rows = np.linspace(-1.0, 1.0, 37)
    found = {}
    for piece in (20, 100_000):
        monkeypatch.setattr(loop, "PIECE", piece)
        monkeypatch.setattr(loop, "SHORT_PIECE", piece)
        program = mg.compile(loss, wrt=ps, inputs=[x], backend="jit")
        cuts = re.findall("^piece", program.lowered(rows), re.M)
        assert len(cuts) > steps if piece == 20 else not cuts
        found[piece] = program.bind(rows).step(0.1), *program(rows)
    (step, value, gradients), (_, expected, gradients_expected) = found.values()
    assert step == value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(gradients, gradients_expected, rtol=1e-11, atol=1e-15)


def test_no_piece_is_long() -> None:
    """Between two cuts there is no more text than a piece and one line of the program."""
    loss, ps, x = chain(200)
    plan = planned(mg.compile(loss, wrt=ps, inputs=[x])._lines, by_terms=False)
    functions = re.findall(r"define [^@]*@(rows|sums|finish)\((.*?)\n}", loop.module(plan, 32), re.S)
    assert [name for name, _ in functions] == ["rows", "sums", "finish"]
    for name, text in functions:
        lengths = [len(piece.splitlines()) for piece in re.split(r"^piece\d+:$", text, flags=re.M)]
        assert len(lengths) > 5
        assert max(lengths) <= (loop.PIECE if name == "rows" else loop.SHORT_PIECE) + 50


def layers(*widths: int) -> tuple[Value, list[Value], list[Value]]:
    """(ŷ − 1)² of a tanh network in scalars, its weights and its inputs."""
    row = inputs = [Value(0.1 * i) for i in range(widths[0])]
    weights = []
    for width in widths[1:]:
        weights += [[Value(np.sin(len(weights) + j + k)) for k in range(len(row))] for j in range(width)]
        row = [sum(w * v for w, v in zip(ws, row, strict=True)).tanh() for ws in weights[-width:]]
    return (row[0] - 1.0).square(), [w for ws in weights for w in ws], inputs


@pytest.mark.slow
def test_the_jit_takes_long_programs_as_arrays_over_some_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))
    loss, wrt, inputs = layers(3, 8, 6, 1)
    expected = mg.compile(loss, wrt, inputs, "jit")
    monkeypatch.setattr(programs, "LONG", 100)
    monkeypatch.setattr(programs, "CROSSOVER", 32 * programs.length(expected._lines) ** 3)
    program = mg.compile(loss, wrt, inputs, "jit")
    rows = np.random.default_rng(0).normal(size=(3, 32))
    assert "dot(" in program.lowered(*rows)
    assert "dot(" not in program.lowered(*rows[:, 1:]) == expected.lowered(*rows[:, 1:])
    for some in (rows, rows[:, 1:]):
        trainer, other = program.bind(*some), expected.bind(*some)
        for _ in range(3):
            assert trainer.step(0.1) == pytest.approx(other.step(0.1), rel=1e-12)
        np.testing.assert_allclose(trainer.flat, other.flat, rtol=1e-11, atol=1e-14)


@pytest.mark.slow
def test_long_texts_are_compiled_with_fewer_passes_to_the_same_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")
    loss, ps, x = chain(12)
    rows, found = np.linspace(-1.0, 1.0, 37), []
    for short, long in ((10**9, 10**9), (0, 10**9), (0, 0)):
        monkeypatch.setattr(machine_code, "SHORT", short)
        monkeypatch.setattr(machine_code, "LONG", long)
        value, gradients = mg.compile(loss, ps, x, "jit")(rows)
        found.append([value, *gradients])
    np.testing.assert_allclose(found[1:], [found[0]] * 2, rtol=1e-12, atol=1e-16)
