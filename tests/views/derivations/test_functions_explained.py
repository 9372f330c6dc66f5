"""The functions that people meet, explained, drawn, counted, in the ledger, and as a student's answer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from function_cases import EVERY, ONE, TWO, Case, arrays_of, ours, parts

import microgradcnn as mg
from microgradcnn import Value

NAMES = sorted({case.name for case in EVERY})


def graph(case: Case, n: int = 0) -> tuple[Value, list[Value]]:
    """A scalar loss of all results, and the labelled leaves."""
    leaves = [Value(x, label=letter) for x, letter in zip(arrays_of(case), "abcd", strict=False)]
    loss = sum((mg.sum(mg.square(y) + y) for y in parts(case(ours(case), list(leaves)))), Value(0.0))
    return loss, leaves


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_view_of_arrays(name: str) -> None:
    for case in [case for case in EVERY if case.name == name]:
        loss, leaves = graph(case)
        if not any(0 in shape for shape in case.shapes):
            for leaf, slope in zip(leaves, mg.grad(loss, leaves), strict=True):
                text = mg.explain(loss, leaf).text()
                assert "✗" not in text, case
                assert "Finite difference" not in text or "✓" in text or not np.any(slope.data), (case, text)
            assert mg.explain(loss, leaves[0]).latex()
            assert mg.explain(loss, leaves[0]).mathml()
        assert str(mg.ledger(loss))
        assert mg.draw(loss).svg().startswith("<svg")


@pytest.mark.parametrize("name", [*ONE.split(), *TWO.split()])
def test_a_derivation_is_right_and_an_answer_too(name: str) -> None:
    """What the derivation has for df/dw, typed in as an answer, is df/dw."""
    start = [1.7] if name == "arccosh" else [0.37, 1.4]
    leaves = [Value(x, label=letter) for x, letter in zip(start, "ab", strict=False)][: 2 if name in TWO.split() else 1]
    f = getattr(mg, name)(*leaves)
    for leaf, slope in zip(leaves, mg.grad(f, leaves), strict=True):
        text = mg.explain(f, leaf).text()
        assert "Finite difference" in text
        assert "✓" in text
        line = next(line.strip() for line in text.splitlines() if line.strip().startswith(f"df/d{leaf.label} ="))
        formula = line.rpartition(" = ")[2]
        if re.search("[≠⌊{]|t₁", line):  # cases and floors, which these answers have not
            continue
        assert mg.check_answer(formula, slope, loss=f).right, formula
        assert not mg.check_answer(f"7*({formula}) + 0.3", slope, loss=f).right


ELEMENTS = [name for name in ONE.split() if name not in ("zeros_like", "ones_like")]


@pytest.mark.parametrize("name", [*ELEMENTS, "cumsum", "sort", "prod", "logsumexp", "norm", "std", "var", "max", "min"])
def test_the_cost_grows_with_what_goes_in(name: str) -> None:
    def build(n: int) -> tuple[Value, list[Any]]:
        x = Value(np.linspace(1.1, 1.9, n) if name == "arccosh" else np.linspace(0.1, 0.9, n), label="x")
        return mg.sum(getattr(mg, name)(x)), [x]

    cost = mg.cost(build, {"n": (4, 8, 16, 32, 64)}) if name == "prod" else mg.cost(build, ["n"])
    assert "n" in str(cost.total.operations) or cost.total.functions, str(cost)


WRITTEN = [
    ("sin(w)", mg.sin),
    ("arctan2(w, 2)", lambda w: mg.arctan2(w, 2.0)),
    ("log2(w) + log10(w)", lambda w: mg.log2(w) + mg.log10(w)),
    ("gelu(w)", mg.gelu),
    ("erf(w)*sinh(w)", lambda w: mg.erf(w) * mg.sinh(w)),
    ("hypot(w, 3)", lambda w: mg.hypot(w, 3.0)),
    ("\\arctan(w)", mg.arctan),
]


@pytest.mark.parametrize(("answer", "function"), WRITTEN)
def test_answers_that_students_write(answer: str, function: Any) -> None:
    """d/dw of w·g is g where g does not move: the answer is the other factor."""
    w, u = Value(0.7, label="w"), Value(0.3, label="u")
    (slope,) = mg.grad(u * function(w), [u])
    assert mg.check_answer(answer, slope).right
