"""Proofs that an answer is right: what is proved holds, and what does not hold is not proved, within bounds."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_derivation import graphs
from test_edits import SOFTMAX

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.views.answers import proof as symbolic
from microgradcnn.views.answers.answer import check_answer
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.parser import parse
from microgradcnn.views.answers.tokens import Names
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas.notation import python

x, y, w = (Value(v, label=n) for v, n in ((0.7, "x"), (1.3, "y"), (-0.4, "w")))
positive = x * x + 0.5

# A function of x, y and w, what to differentiate by, its derivative by hand, and something close that it is not.
DERIVATIVES: list[tuple[Value, Value, str, str]] = [
    (x**3, x, "3x²", "3x³"),
    ((x * y + w) ** -2, x, "-2y/(x y + w)^3", "-2y/(x y + w)^2"),
    (1.0 / x + x / 3.0, x, "1/3 - 1/x^2", "1/3 + 1/x^2"),
    ((x * y).exp(), x, "y e^{x y}", "y e^{x y} e^{x - x}/e^{y}"),
    ((2.0 * x).exp() * (-x).exp(), x, "e^x", "e^{-x}"),
    (x.tanh(), x, "1 - tanh(x)^2", "1 - tanh(x)"),
    (x.tanh(), x, "4/(e^x + e^{-x})^2", "2/(e^x + e^{-x})^2"),
    (x.tanh(), x, "4 sigmoid(2x)(1 − sigmoid(2x))", "4 sigmoid(x)(1 − sigmoid(x))"),
    ((-x * y).sigmoid(), y, "-x σ(x y)(1 - σ(x y))", "x σ(x y)(1 - σ(x y))"),
    ((x * y).sigmoid(), x, "y e^{-x y}/(1 + e^{-x y})^2", "y e^{x y}/(1 + e^{-x y})^2"),
    (mg.softplus(x * w), x, "w/(1 + e^{-x w})", "w/(1 + e^{x w})"),
    (mg.sin(x * y), x, "y cos(x y)", "cos(x y)"),
    (mg.sin(x) * mg.cos(x), x, "1 - 2 sin(x)^2", "1 + 2 sin(x)^2"),
    (mg.tan(x), x, "1/cos(x)^2", "1/cos(x)"),
    (mg.sinh(x), x, "(e^x + e^{-x})/2", "(e^x - e^{-x})/2"),
    (mg.cosh(x) ** 2 - mg.sinh(x) ** 2 + y * x, x, "y", "y + 1"),
    (mg.arcsin(x), x, "1/√(1 - x²)", "1/√(1 + x²)"),
    (mg.arctan(x * y), y, "x/(1 + x² y²)", "1/(1 + x² y²)"),
    (mg.log2(x), x, "1/(x ln(2))", "1/x"),
    (mg.log10(x) * mg.log(10.0), x, "1/x", "1/(x ln(10))"),
    (mg.erf(x), x, "2 e^{-x²}/√π", "2 e^{-x²}/π"),
    (mg.gelu(x), x, "(1 + erf(x/√2))/2 + x e^{-x²/2}/(√2√π)", "(1 + erf(x/√2))/2"),
    (mg.silu(x), x, "σ(x) + x σ(x)(1 - σ(x))", "σ(x)"),
    (mg.expm1(x), x, "e^x", "e^x - 1"),
    (mg.log(positive) * y, x, "2 x y/(x^2 + 1/2)", "2 x y/(x^2 + 1)"),
    (mg.log1p(x * x), x, "2x/(1 + x²)", "2x/(1 - x²)"),
    (x * mg.log(positive), x, "ln(x^2 + 0.5) + 2x^2/(x^2 + 0.5)", "ln(x^2 + 0.5) + 2x^2/(x^2 + 1)"),
    (positive.sqrt(), x, "x/√(x² + ½)", "x/√(x² + 1)"),
    (positive.sqrt(), x, "x √(x² + 1/2)/(x² + 1/2)", "x √(x² + 1/2)"),
    (positive**1.5, x, "3x(x² + 1/2)^{1/2}", "3x(x² + 1/2)^{3/2}"),
    (positive**1.5, x, "3x(x² + 1/2)/√(x² + 1/2)", "3x/√(x² + 1/2)"),
    (positive**y, x, "2 y x (x² + ½)^{y}/(x² + ½)", "2 y x (x² + ½)^{y}"),
    (positive**y, y, "ln(x² + ½)(x² + ½)^y", "(x² + ½)^y"),
    (positive ** (1.0 / 3.0), x, "2x/3 (x² + ½)^{-2/3}", "2x/3 (x² + ½)^{-1/3}"),
    (mg.relu(x * y), x, "y [x y > 0]", "y [x > 0]"),
    (mg.relu(x * y), x, "y step(x y) step(x y)", "y + step(x y)"),
    (mg.relu(x) * mg.relu(x), x, "2 relu(x)", "2x"),
    (mg.relu(mg.relu(x) * y), x, "y [x > 0][y > 0]", "y [x > 0]"),
    (abs(x * y), x, "y([x y > 0] - [x y < 0])", "y[x y > 0]"),
    (abs(x) * abs(x), x, "2x", "2|x|"),
    (mg.maximum(x, y) ** 2, x, "2x[x > y]", "2x[x < y]"),
    (mg.minimum(x * x, y), x, "2x[x² < y]", "2x[x < y]"),
    (mg.where(x > y, x * y, x * w), x, "y[x > y] + w(1 - [x > y])", "y[x > y] + w"),
    (mg.where(x < y, x * y, x), x, "1 + (y - 1)[y >= x]", "1 + y[y >= x]"),
    ((x + 0.1) * (x + 0.2), x, "2x + 0.3", "2x + 0.31"),
    (x * 0.0 + y, x, "0", "1"),
    (y * 1.0, x, "0", "y"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "by", "right", "wrong"), DERIVATIVES)
def test_what_is_right_is_proved_and_what_is_wrong_is_not(f: Value, by: Value, right: str, wrong: str) -> None:
    (gradient,) = mg.grad(f, [by])
    known = f if any(leaf in topological(f) for leaf in (x, y)) else None
    answer = check_answer(right, gradient, known, by)
    assert answer.right
    assert answer.proved, answer.verdict
    assert answer.verdict.endswith(", proved with SymPy.")
    assert not check_answer(wrong, gradient, known, by)


def test_what_is_right_and_not_proved_is_right_at_random_points() -> None:
    (gradient,) = mg.grad(x * mg.log(positive), [x])
    answer = check_answer("2ln(√(x² + ½)) + 2x²/(x² + ½)", gradient)
    assert (answer.right, answer.proved, answer.verdict) == (
        True, False, "Right: this is the gradient, at 96 random points."
    )  # fmt: skip


def test_denominators_that_are_alike_keep_a_proof_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the softmax of three classes: 40,000 products of terms without what they have in common."""
    monkeypatch.setattr(symbolic, "MOST_PRODUCTS", 2000)
    loss = read_assignments(SOFTMAX, iter(np.linspace(0.3, 0.9, 40).tolist()).__next__)[0]
    (w_1,) = (node for node in topological(loss) if node.label == "w_1")
    (gradient,) = mg.grad(loss, [w_1])
    answer = check_answer("(y_1 + y_2 + y_3) q_1 x − y_1 x", gradient, loss, w_1)
    assert (answer.right, answer.proved) == (True, True)
    assert not check_answer("(y_1 + y_2 + y_3) q_2 x − y_1 x", gradient, loss, w_1)


def test_a_proof_is_worth_more_than_digits_that_were_lost() -> None:
    (gradient,) = mg.grad(x * x, [x])
    assert check_answer("(1e9 x + 2x) - 1e9 x + 1e8^2 - 1e8^2", gradient).proved
    near = check_answer("2x + 1e-13 x^2", gradient)
    assert (near.right, near.proved) == (True, False)


def test_rounded_numbers_are_right_but_not_proved() -> None:
    (gradient,) = mg.grad(x * x / 3.0, [x])
    assert check_answer("2x/3", gradient).proved
    rounded = check_answer("0.66666666667x", gradient)
    assert (rounded.right, rounded.proved) == (True, False)


def test_what_rounding_alone_makes_of_zero_is_proved() -> None:
    w, x, y = (Value(number, label=label) for number, label in ((0.3, "w"), (0.7, "x"), (1.1, "y")))
    f = w * x - w * x + y
    (gradient,) = mg.grad(f, [w])
    assert check_answer("(x + y) - x - y", gradient, f, w).proved
    assert not check_answer("(x + y) - x", gradient, f, w)


def test_no_proof_is_tried_of_what_is_plainly_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(symbolic, "_Graph", None)
    w = Value(0.3, label="w")
    (gradient,) = mg.grad(w * w, [w])
    assert not check_answer("w", gradient)
    with pytest.raises(TypeError):  # a proof is tried
        check_answer("2w", gradient)


def test_without_sympy(monkeypatch: pytest.MonkeyPatch) -> None:
    (gradient,) = mg.grad(x * x, [x])
    monkeypatch.setitem(sys.modules, "sympy.polys.rings", None)
    answer = check_answer("2x", gradient)
    assert (answer.right, answer.proved, str(answer)) == (
        True,
        False,
        "Right: this is the gradient, at 96 random points.",
    )
    assert not check_answer("3x", gradient)


@pytest.mark.slow
def test_sympy_is_imported_only_where_it_is_used() -> None:
    code = "import sys, microgradcnn, microgradcnn.views.answers.answer; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.usefixtures("own_primitives")
def test_the_notation_of_a_users_primitive_proves_nothing() -> None:
    wrong = mg.primitive("thrice", lambda a: 3.0 * a, [lambda g, y, a: 3.0 * g], "2 * a")
    (gradient,) = mg.grad(wrong(x).square(), [x])
    assert not check_answer("12x", gradient)
    answer = check_answer("18x", gradient)
    assert (answer.right, answer.proved) == (True, False)


def test_arrays_in_the_graph_prove_nothing() -> None:
    v = Value(np.array([0.5, -1.0]), label="v")
    (gradient,) = mg.grad((x * (v @ v)).square(), [x])
    with pytest.raises(ValueError, match="v is not known"):
        check_answer("v", gradient)
    (gradient,) = mg.grad(x * y + (v @ v), [x])
    assert check_answer("y", gradient).proved


LARGE = [
    "(x + y + w + 1)^20 (x - y + w + 1)^20 (x + y - w + 1)^20",
    "((x + y)^20 + (y + w)^20)^20",
    "1/(1/(x + y) + 1/(y + w) + 1/(w + x) + 1/(x - y) + 1/(y - w))^20",
    " + ".join(f"e^{{{i} x}}" for i in range(1, 60)),
    " + ".join(f"e^{{x/{i}}}" for i in range(1, 60)),
    " + ".join(f"√(x + {i})" for i in range(1, 60)),
    "√x^19 √(√x + 1)^19 √(√(√x + 1) + 1)^19 √(√(√(√x + 1) + 1) + 1)^19",
    "relu(x) + relu(relu(x) + y) + relu(relu(relu(x) + y) + w)" * 9,
    "(|x| + |y| + |w| + |x - y| + |y - w| + |x - w|)^20",
    "x^y" * 500,
    "e^{(x + y + w)^20}",
    "(1e9)^{20} x^20 y^20 w^20",
]


@pytest.mark.slow
@pytest.mark.parametrize("text", LARGE)
def test_a_proof_is_given_up_in_bounded_steps(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0
    product = symbolic.Ratios.product

    def counted(algebra: Any, p: Any, q: Any) -> Any:
        nonlocal steps
        found = product(algebra, p, q)
        steps += len(p) * len(q)
        return found

    monkeypatch.setattr(symbolic.Ratios, "product", counted)
    (gradient,) = mg.grad(x * x * y * w, [x])
    evidence = Evidence(gradient, None, None)
    assert not symbolic.proved(evidence, parse(text, Names(evidence.values), evidence.mentioned))
    assert steps <= symbolic.MOST_PRODUCTS


def test_a_huge_graph_is_left_alone() -> None:
    leaves = [Value(0.1, label=f"v_{i}") for i in range(200)]
    total = x
    for leaf in leaves:
        total = (total + leaf).tanh()
    (gradient,) = mg.grad(total, [x])
    assert not symbolic.proved(Evidence(gradient, None, None), Value(0.0))


# Against random graphs: the printed formula of a gradient is proved, or not refuted, and never something else


@pytest.mark.slow
@given(graphs(), st.sampled_from([0.0, 1.0]), st.data())
@settings(max_examples=100)
def test_no_formula_is_proved_that_numbers_refute(
    graph: tuple[Value, list[Value]], shift: float, data: st.DataObject
) -> None:
    f, leaves = graph
    by = data.draw(st.sampled_from([leaf for leaf in leaves if leaf in topological(f)]))
    (gradient,) = mg.grad(f, [by])
    evidence = Evidence(gradient, None, None)
    labels = [label for label, node in evidence.nodes.items() if node.op is not None]
    assume(str(by.label) in evidence.named)
    used = evidence.mentioned(data.draw(st.sampled_from(labels or [str(by.label)])))
    answer = used + Value(shift) * evidence.mentioned(str(by.label))
    if symbolic.proved(evidence, answer):
        np.testing.assert_allclose(evidence.points(answer), evidence.g, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_a_graph_is_what_its_definition_says() -> None:
    """The printed definition, given as an answer, is proved to be the node, but for a few that are too large."""
    proofs: list[bool] = []

    @given(graphs())
    @settings(max_examples=150)
    def compare(graph: tuple[Value, list[Value]]) -> None:
        f, _ = graph
        f.label = "F"
        evidence = Evidence(f, None, None)
        definition = python(Graph(f).definition(f)).replace("**", "^")
        try:
            answer = parse(definition, Names(evidence.values, "sigmoid"), evidence.mentioned)
        except ValueError:  # where(...) and some functions are none that a student may write
            return
        np.testing.assert_allclose(evidence.points(answer), evidence.g, rtol=1e-9)
        proofs.append(symbolic.proved(evidence, answer))

    compare()
    assert len(proofs) > 60
    assert sum(proofs) > 0.9 * len(proofs)
