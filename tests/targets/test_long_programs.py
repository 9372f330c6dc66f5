"""Long programs of scalars, whose compiled functions are cut into pieces, and what they compute."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.native import loop
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
