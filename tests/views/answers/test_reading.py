"""What students write about a graph: its derivatives, vectors for a whole gradient, left sides, names they explain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from many_cases import offenders

import microgradcnn as mg
from microgradcnn.cli.loss_graphs import LossGraph, loss_graph
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers.answer import Answer, check_answer
from microgradcnn.views.answers.parser import read
from microgradcnn.views.answers.reading.derivatives import derivative_node
from microgradcnn.views.answers.tokens import FormulaError, Names
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.typeset import Typeable

RECURRENT = "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); y_hat = w*h_2; (y_hat - y)^2"
BIAS = "a = w*x + b; h = tanh(a); y_hat = v*h + d; (y_hat - y)^2"

graph_of = cache(loss_graph)


def check(graph: LossGraph, wrt: str, answer: str) -> Answer:
    x = graph.find(wrt.split(","))
    gradients = mg.grad(graph.loss, x)
    if len(x) > 1:
        return check_answer(answer, mg.stack(gradients), graph.loss)
    return check_answer(answer, gradients[0], graph.loss, x[0])


ANGLE, SIZE = "x*sin(theta)^2", "x*sqrt(w_1^2 + w_2^2)"
CUT = "u = w*x - y; where(abs(u) <= 1, u^2/2, abs(u) - 1/2)"

RIGHT = [
    # functions of one name without brackets
    (ANGLE, "theta", r"2x\sin\theta\cos\theta"),
    (ANGLE, "theta", r"x \sin 2\theta"),
    (ANGLE, "theta", "2 cos θ · x sin θ"),
    (BIAS, "w", r"2(\hat y-y)\,v\,(1-\tanh^2 a)\,x"),
    (BIAS, "b", "2(ŷ−y)v(1-tanh a tanh a)"),
    # lengths
    (SIZE, "w_1", "w_1 x/‖w‖"),
    (SIZE, "w_2", r"\frac{w_2}{\|w\|}\,x"),
    (SIZE, "w_2", r"x\frac{w_2\lVert w\rVert}{\Vert (w_1, w_2)\Vert^2}"),
    (CUT, "w", "{u if ‖u‖ <= 1, else u/|u|}x"),
    # one of two numbers, as Python has it
    (CUT, "w", "clip(u, -1, 1) x"),
    (CUT, "w", "x*u if abs(u) <= 1 else x*sign(u)"),
    (CUT, "w", "x(1 if u > 1 else -1 if u < -1 else u)"),
    (CUT, "w", "max(-1, u if u < 1 else 1) x"),
    ("relu(w*x)^2", "w", "2relu(w x) * (x if w x > 0 else 0)"),
    ("d^2*clip(w*x, -d, d)", "d", "2d clip(w x, -d, d) + d^2 (1 if wx > d else -1 if wx < -d else 0)"),
    # derivatives of the graph
    ("single_layer", "s_1", "(df/dz1)(dz1/ds1)"),
    ("single_layer", "s_1", r"\frac{df}{dz_1}\frac{dz_1}{da_1}x_1"),
    ("single_layer", "s_1", r"\frac{\partial f}{\partial z_1}\,\frac{\partial z_1}{\partial a_1}\cdot x_1"),
    ("single_layer", "s_1", r"\dfrac{\mathrm{d} f}{\mathrm{d} \hat{y}} w_1 \tfrac{d z_1}{d s_1}"),
    ("single_layer", "s_1", "∂f/∂ŷ · ∂ŷ/∂z₁ · ∂z₁/∂s₁"),
    ("single_layer", "s_1", "2(yhat-y)w1 * dz1/ds1"),
    ("single_layer", "s_1", r"\sum_{i=1}^{3} \frac{df}{dz_i}\frac{dz_i}{ds_1}"),
    (RECURRENT, "u", "df/dh_2 dh_2/du"),
    (RECURRENT, "u", "(df/dh₁)(dh₁/du) + (df/dh₂)(∂h₂/∂u)"),
    (BIAS, "w", "2(ŷ−y)∂ŷ/∂h ∂h/∂a x"),
    (BIAS, "d", "2(v h + d − y)"),
    (BIAS, "w", "2(ŷ−y)v dh/da x"),  # d is a name, and would cancel
    (BIAS, "d", "df/dŷ dŷ/dd d/d"),
    # left sides
    ("single_layer", "s_1", "df/ds_1 = 2(yhat-y)w1 z1(1-z1)x1"),
    ("single_layer", "s_1", r"$\displaystyle\frac{\partial f}{\partial s_1} = 2(\hat y-y)w_1 z_1(1-z_1)x_1.$"),
    ("single_layer", "s_1", "∂L/∂s₁ = 2e w₁z₁(1−z₁)x₁, where e = ŷ − y"),
    (BIAS, "b", "df/db = 2(ŷ−y)v(1-tanh²(a))"),
    # a whole gradient, and its number that is asked for
    ("single_layer", "w_2", "2(ŷ − y)(z1, z2, z3)"),
    ("single_layer", "w_2", "df/dw = 2(w·z − y) z"),
    ("single_layer", "w_2", r"\nabla_w f = 2(\hat y - y)\vec{z}"),
    ("single_layer", "w_1,w_2,w_3", "2(ŷ − y)(z1, z2, z3)"),
    ("single_layer", "s_1,s_2", "2(yhat-y)*w[0]*z[0]*(1-z[0])*x"),
    # names that derivations invent, and that a formula gives to what its loss does not need
    ("m = max(w_1*x, max(w_2*x, w_3*x)); (m-y)^2", "w_1", "2(m-y)[w_1 x > t_1]x + 0·t_1"),
    ("o_1 = v_1*x; o_2 = v_2*x; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; -log(q_2)", "v_1", "q1 x"),
]
WRONG = [
    (RECURRENT, "u", "(df/dh_2)(∂h_2/∂u)", "(df/dh_2)*(∂h_2/∂u)"),  # the direct one alone
    (RECURRENT, "u", "(df/dh₁)(dh₁/du) + (df/dh₂)(dh₂/du)", "(df/dh_1)*(dh_1/du) + (df/dh_2)*(dh_2/du)"),
    ("single_layer", "w_2", "2(ŷ − y)(z1, z3, z2)", "2*(y_hat - y)*z_3"),
    ("single_layer", "w_2", "2(ŷ − y)z[2]", "2*(y_hat - y)*z_3"),
    (
        "single_layer",
        "w_1,w_2,w_3",
        "2(ŷ − y)(z1, z3, z2)",
        "(2*(y_hat - y)*z_1, 2*(y_hat - y)*z_3, 2*(y_hat - y)*z_2)",
    ),
    ("single_layer", "s_1", "2e w1 z1(1-z1)x1 where e = y - yhat", "2*(y - y_hat)*w_1*z_1*(1 - z_1)*x_1"),
    ("single_layer", "w_1", "2(yhat-y)z1 where yhat = w1 z1", "2*(w_1*z_1 - y)*z_1"),
]
REFUSED = [
    (ANGLE, "theta", r"\sin\theta x", "what sin in column 1 is of is not clear: put it in brackets"),
    (ANGLE, "theta", r"x\sin\theta/2", "what sin in column 2 is of is not clear: put it in brackets"),
    (ANGLE, "theta", r"\sin\theta^2", "what sin in column 1 is of is not clear: put it in brackets"),
    (SIZE, "w_1", "w_1 x/‖w", "the end in column 9 is not expected there: ‖ is missing"),
    (CUT, "w", "u x if u > 0", "the end in column 13 is not expected there: else is missing"),
    ("single_layer", "s_1", "df/ds_1", "df/ds_1 in column 1 is what is asked for: write it out"),
    ("single_layer", "s_1", "2 ∂f/∂s₁ - df/ds1", "df/ds_1 in column 3 is what is asked for: write it out"),
    ("single_layer", "s_1", "df/ds_2 = 2z_1", "df/ds_2 in column 1 is not df/ds_1, which is asked for"),
    ("single_layer", "s_1", "dz_1/ds_1 = 2z_1", "dz_1/ds_1 in column 1 is not df/ds_1, which is asked for"),
    ("single_layer", "s_1", "df/dq", "q is not known here (column 1)"),
    ("single_layer", "s_1", "df/dz_1 z_1 where z_1 = 2", "there is no derivative df/dz_1 here (column 1)"),
    ("single_layer", "w_2", "2(ŷ − y)(z1, z2)", "the answer is a vector of 2, and the gradient is one of 3"),
    ("single_layer", "w_1,w_2,w_3", "2(ŷ − y)z_1", "the answer is one number, and the gradient is a vector of 3"),
    (BIAS, "w", "(x, x)", "',' in column 3 has no place here: decimals take a point"),
]


def test_the_parameters_of_a_model_are_written_by_their_places() -> None:
    def squared(net: mg.nn.MLP) -> tuple[mg.Value, dict[str | None, mg.Value]]:
        found = net([mg.Value(1.0, label="x_1")])
        return (found - mg.Value(1.0, label="y")) ** 2, {p.label: p for p in net.parameters()}

    f, parameters = squared(mg.nn.MLP(1, [1]))
    (gradient,) = mg.grad(f, [parameters["layers.0.neurons.0.w.0"]])
    found = check_answer("2(layers.0.neurons.0.b + layers.0.neurons.0.w.0 x1 − y)x₁", gradient)
    assert found.right, found.verdict
    assert check_answer(found.read, gradient).right
    with pytest.raises(FormulaError, match="layers is not known here"):
        check_answer("layers.0.neurons.1.b", gradient)
    f, parameters = squared(mg.nn.MLP(1, [2, 1]))
    assert len(mg.worksheet(f, [*parameters.values()], questions=3).tasks) == 3


@pytest.mark.parametrize(("graph", "wrt", "answer"), RIGHT)
def test_a_right_answer_in_a_students_notation(graph: str, wrt: str, answer: str) -> None:
    found = check(graph_of(graph), wrt, answer)
    assert found.right, found.verdict
    assert check(graph_of(graph), wrt, found.read).right


@pytest.mark.parametrize(("graph", "wrt", "answer", "understood"), WRONG)
def test_a_wrong_answer_is_told_as_it_was_read(graph: str, wrt: str, answer: str, understood: str) -> None:
    found = check(graph_of(graph), wrt, answer)
    assert not found.right
    assert found.read == understood


@pytest.mark.parametrize(("graph", "wrt", "answer", "message"), REFUSED)
def test_what_cannot_be_read_is_one_sentence_with_the_place(graph: str, wrt: str, answer: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        check(graph_of(graph), wrt, answer)
    assert str(caught.value) == message


DIGITS = [("4/3 v", 0), ("0.5v", 0), ("1.3333 v³", 5), ("0.5·1.3333v", 5), ("1,333v + 0.0033333", 0), ("12.50v", 4)]
DIGITS[4] = ("13,33v + 0.0033333", 4)
DIGITS += [("0.00120v", 3), ("e v where e = 0.3333", 4)]


@pytest.mark.parametrize(("text", "digits"), DIGITS)
def test_how_many_digits_were_typed(text: str, digits: int) -> None:
    assert read(text, Names(["v"]), lambda label: mg.Value(1.0, label=label)).digits == digits


FORMULAS = [
    RECURRENT,
    BIAS,
    "lambda = 0.1; (w*x - y)^2 + lambda*abs(w)",
    "o_1 = v_1*x; o_2 = v_2*x; S = exp(o_1) + exp(o_2); q_2 = exp(o_2)/S; -log(q_2)",
    "m = max(w_1*x, max(w_2*x, w_3*x)); (m - y)^2",
    "relu(1 - y*(w*x + b))",
    "leaky_relu(w*x, 0.2)^2 + silu(w)",
    "gelu(w*x)^2 + log1p(exp(w*x))",
    "clip(w*x, 0, 1)^2 + min(w*x, 1)",
    "a_1 = s_1*x_1 + s_2*x_2; a_2 = t_1*x_1 + t_2*x_2; z_1 = tanh(a_1); z_2 = tanh(a_2); f = (z_1*z_2 + z_1 - y)^2",
]


def derivations() -> Iterator[tuple[str, LossGraph]]:
    """Graphs of every network, of a regularised one and one with relu too, and of formulas."""
    for name in NETWORKS:
        yield name, loss_graph(name)
    yield "with λ", loss_graph("conv_average", regularise=0.1)
    yield "with relu", loss_graph("two_conv_linear", activation="relu")
    yield from ((text, loss_graph(text)) for text in FORMULAS)


PRINTED: list[Callable[[Expr], str]] = [notation.text, Typeable(), notation.latex, notation.python]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "graph"), [pytest.param(*case, id=case[0][:20]) for case in derivations()])
def test_a_printed_gradient_is_read_back_and_right(name: str, graph: LossGraph) -> None:
    leaves = list(graph.parameters.values())
    printed: dict[str, Any] = mg.explain(graph.loss, leaves).gradients

    def right(case: tuple[str, Callable[[Expr], str]]) -> None:
        label, form = case
        answer = check(graph, label, form(printed[label]))
        assert answer.right, (form(printed[label]), answer.verdict)

    assert offenders([(label, form) for label in printed for form in PRINTED], right) == []


def test_derivatives_are_total_with_d_and_direct_with_a_curly_one() -> None:
    graph = graph_of(RECURRENT)
    at = {"u": 0.7, "v": -0.4, "w": 1.2, "x_1": 0.5, "x_2": -1.1, "y": 0.3}
    h_2, x_2 = (float(node.data) for node in graph.moved(at).find(["h_2", "x_2"]))
    up, down = (float(graph.moved(at | {"u": 0.7 + step}).find(["h_2"])[0].data) for step in (1e-6, -1e-6))
    nodes = graph.moved(at).nodes
    assert derivative_node("dh_2/du", nodes).item() == pytest.approx((up - down) / 2e-6, rel=1e-8)
    assert derivative_node("∂h_2/∂u", nodes).item() == pytest.approx((1.0 - h_2**2) * x_2, rel=1e-12)
    assert derivative_node("∂y_hat/∂u", nodes).item() == pytest.approx(1.2 * (up - down) / 2e-6, rel=1e-8)
    assert derivative_node("dx_1/du", nodes).item() == 0.0
