"""Derivations as they are taught: (q − y)x, steps that can be followed, every printed line right at the numbers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium, needs_pdflatex
from many_cases import slow_but
from playwright.sync_api import Browser
from seen import unpacked
from test_matrices import FUNCTIONS, Array, numbers
from test_notation import check_latex

import microgradcnn as mg
from microgradcnn import Value, networks, nn
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS
from microgradcnn.views.derivations.cancelling import known_sums, probabilities
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.documents.document import Table
from microgradcnn.views.documents.standalone import html_page, latex_document
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    derivative,
    divide,
    heads,
    multiply,
    number,
    power,
    quantities,
    symbol,
)
from microgradcnn.views.formulas.notation import latex, mathml, python, text

LOGISTIC = "a = w_1*x_1 + w_2*x_2 + b; q = sigmoid(a); -(y*log(q) + (1-y)*log(1-q))"
POWERS = "o_1 = v_1*x; o_2 = v_2*x; o_3 = v_3*x; e_1 = exp(o_1); e_2 = exp(o_2); e_3 = exp(o_3); S = e_1 + e_2 + e_3; "
SHARES = POWERS + "q_1 = e_1/S; q_2 = e_2/S; q_3 = e_3/S; "
ENTROPY = "-(y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3))"
SOFTMAX, ONE_HOT = SHARES + ENTROPY, "v_1=0.3,v_2=-0.2,v_3=0.5,x=0.7,y_1=0,y_2=1,y_3=0"
HIDDEN = (
    "z = sigmoid(u*x); o_1 = v_1*z; o_2 = v_2*z; q_1 = exp(o_1)/(exp(o_1) + exp(o_2)); "
    "q_2 = exp(o_2)/(exp(o_1) + exp(o_2)); y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))"
)
DEEP = "a_1 = u*x + b_1; z_1 = sigmoid(a_1); a_2 = v*z_1 + b_2; z_2 = sigmoid(a_2); y_hat = w*z_2 + b_3; (y_hat - y)^2"
RECURRENT = "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); h_3 = tanh(u*x_3 + v*h_2); y_hat = w*h_3; (y_hat - y)^2"
DECAY = LOGISTIC.replace("; -", "; lambda = 0.1; -") + " + lambda*(w_1^2 + w_2^2)"


def of_formula(formula: str, at: str = "") -> Any:
    graph = loss_graph(formula)
    return graph.moved({k: float(v) for k, v in (pair.split("=") for pair in at.split(","))}) if at else graph


ENDS = [  # formula, numbers, parameter, what is taught
    (LOGISTIC, "", "w_1", "(q − y)x₁"),
    (LOGISTIC, "", "b", "q − y"),
    (DECAY, "", "w_1", "(q − y)x₁ + 2λw₁"),
    (LOGISTIC.replace("-(y", "-3*(y"), "", "w_2", "3(q − y)x₂"),
    (
        "a_1 = u*x; z = tanh(a_1); a_2 = v*z; q = sigmoid(a_2); -(y*log(q) + (1-y)*log(1-q))",
        "",
        "u",
        "(q − y)v(1 − z²)x",
    ),
    (SHARES + "-log(q_2)", "", "v_2", "(q₂ − 1)x"),
    (SHARES + "-log(q_2)", "", "v_1", "q₁x"),
    (SOFTMAX, ONE_HOT, "v_2", "(q₂ − y₂)x"),
    (SOFTMAX, ONE_HOT.replace("y_1=0,y_2=1", "y_1=0.25,y_2=0.75"), "v_1", "(q₁ − y₁)x"),
    (SHARES + "y_3 = 1 - y_1 - y_2; " + ENTROPY, "", "v_3", "(q₃ − y₃)x"),
    (SOFTMAX, "", "v_2", "[(y₁ + y₂ + y₃)q₂ − y₂]x"),
    (POWERS + "log(S) - (y_1*o_1 + y_2*o_2 + y_3*o_3)", "", "v_2", "(q₂ − y₂)x"),
    (HIDDEN, "", "v_1", "(q₁ − y₁)z"),
]


@pytest.mark.parametrize(("formula", "at", "wrt", "end"), ENDS)
def test_logistic_and_softmax_losses_end_as_taught(formula: str, at: str, wrt: str, end: str) -> None:
    graph = of_formula(formula, at)
    (x,) = graph.find([wrt])
    derivation = explain(graph.loss, x)
    assert text(derivation.gradients[wrt]) == end
    assert f" = {end}\n" in derivation.text()
    assert derivation.text().count("✓") == 1
    left_out = "df/do" in derivation.text()  # there it is an outer derivative that something cancels in
    assert left_out or "Simplification" in derivation.text() or "→" in end or "a₂" in derivation.text()


def test_a_simplification_says_what_it_used() -> None:
    told = explain(*one(LOGISTIC, "w_1")).text()
    assert "= [(1 − y)/(1 − q) − y/q]q(1 − q)x₁\n" in told
    assert "   q(1 − q) goes into the brackets, where it cancels.\n" in told
    assert "   df/dw₁ = [(1 − y)q − y(1 − q)]x₁ = (q − y)x₁\n" in told
    told = explain(*one(SOFTMAX, "v_2", ONE_HOT)).text()
    assert "   e₂ = q₂S, because q₂ = e₂/S.\n" in told
    assert "   y₁ + y₂ + y₃ = 1: the labels are a distribution.\n" in told
    told = explain(*one(SHARES + "y_3 = 1 - y_1 - y_2; " + ENTROPY, "v_3")).text()
    assert "   y₁ + y₂ + y₃ = 1 by the definition of y₃.\n" in told
    told = explain(*one(SOFTMAX, "v_2")).text()  # labels that are any numbers
    assert "   Where the labels are a distribution, y₁ + y₂ + y₃ = 1, it is (q₂ − y₂)x.\n" in told


def one(formula: str, wrt: str, at: str = "") -> tuple[Value, Value]:
    graph = of_formula(formula, at)
    return graph.loss, graph.find([wrt])[0]


@pytest.mark.parametrize("anew", ["the sum", "the exponentials"])
def test_a_softmax_that_is_computed_anew_for_every_share_is_one(anew: str) -> None:
    x, v = Value(0.7, label="x"), [Value(number, label=f"v_{i}") for i, number in enumerate((0.5, -0.3, 0.2), 1)]
    o = [weight * x for weight in v]
    once = [mg.exp(each) for each in o]
    total = lambda: sum(once if anew == "the sum" else map(mg.exp, reversed(o)))  # noqa: E731
    q = [power / total() for power in (once if anew == "the sum" else map(mg.exp, o))]
    for i, share in enumerate(q, 1):
        share.label = f"q_{i}"
    y = [Value(number, label=f"y_{i}") for i, number in enumerate((0.0, 1.0, 0.0), 1)]
    f = -sum(label * mg.log(share) for label, share in zip(y, q, strict=True))
    assert [tuple(each.label for each in family) for family in known_sums(f)] == [("y_1", "y_2", "y_3")]
    assert probabilities(f) == {}  # every share is a node
    assert mg.check_answer("(q_2 - y_2) x", *mg.grad(f, [v[1]]))
    if anew == "the sum":
        assert "   y₁ + y₂ + y₃ = 1: the labels are a distribution.\n" in explain(f, v[1]).text()


def test_the_chain_rule_goes_through_what_has_a_label_before_what_gets_a_name() -> None:
    told = explain(*one(HIDDEN, "v_1")).text()
    assert "   v₁ acts through o₁" in told
    assert "   df/do₁ = (df/dt₁)(dt₁/do₁) = [1/t₃ − y₁/(q₁t₃)]t₁ = [1/t₃ − y₁/(q₁t₃)]q₁t₃ = q₁ − y₁\n" in told
    assert "   df/dv₁ = (df/do₁)(do₁/dv₁) = (q₁ − y₁)z\n" in told


def test_which_sums_of_labels_are_known() -> None:
    labels = lambda f: [tuple(v.label for v in family) for family in known_sums(f)]  # noqa: E731
    assert labels(of_formula(SOFTMAX, ONE_HOT).loss) == [("y_1", "y_2", "y_3")]
    assert labels(of_formula(SHARES + "y_3 = 1 - y_1 - y_2; " + ENTROPY).loss) == [("y_1", "y_2", "y_3")]
    assert labels(of_formula(HIDDEN).loss) == [("y_1", "y_2")]
    assert labels(of_formula(SOFTMAX).loss) == []  # any numbers
    assert labels(of_formula(SOFTMAX, ONE_HOT.replace("y_1=0,", "y_1=-1,").replace("y_3=0", "y_3=1")).loss) == []
    assert labels(of_formula("(w*x - y_1 - y_2)^2", "w=1,x=2,y_1=0,y_2=1").loss) == []  # they weigh no logarithms
    assert labels(of_formula(LOGISTIC).loss) == []
    two = "q_1 = sigmoid(v*x); q_2 = sigmoid(w*x); -(y_1*log(q_1) + y_2*log(q_2))"
    at = "v=0.3,w=-0.2,x=0.7,y_1=0,y_2=1"
    assert labels(of_formula(two, at).loss) == []  # two outputs that are no shares of one
    attention = "a = exp(s)/(exp(s) + exp(x)); " + two.replace("w*x", "w*a")
    assert labels(of_formula(attention, at + ",s=0.4").loss) == []
    for first in ("", "(1 - y_1)*log(1 - q_1) + (1 - y_2)*log(1 - q_2) + "):
        told = explain(*one(two.replace("(y_1", f"({first}y_1"), "v", at)).text()
        assert "labels" not in told
        assert "= 1" not in told


def test_shares_that_are_no_nodes_are_called_q() -> None:
    example = networks.single_layer(outputs=3).example([0.5, 1.0], 2)
    exponents = np.exp([v.item() for v in example.outputs])
    found = probabilities(example.loss)
    assert list(found) == ["q_1", "q_2", "q_3"]
    assert [v.item() for v in found.values()] == pytest.approx((exponents / exponents.sum()).tolist(), rel=1e-14)
    assert probabilities(of_formula(SOFTMAX).loss) == {}
    assert list(probabilities(of_formula(SHARES + "-log(q_2)").loss)) == ["q_1", "q_3"]
    w, q = Value(0.3, label="w"), Value(0.5, label="q_1")
    assert list(probabilities(mg.log(mg.exp(w * q) + mg.exp(w - q)))) == ["q_1_0", "q_2"]  # q_1 is taken


def test_the_answer_that_explain_gives_is_right() -> None:
    example = networks.single_layer(outputs=3).example([0.5, 1.0], 2)
    for label in ("w_2_1", "s_1"):
        x = example.parameters[label]
        written = text(explain(example.loss, x).gradients[label])
        assert mg.check_answer(written, mg.grad(example.loss, [x])[0], example.loss, x), written


# Every derivation of the six networks, their variants and formulas: what it is of, and by what.
GRAPHS = [*((name, {}) for name in NETWORKS), *((name, {"regularise": 0.1, "seed": 2}) for name in NETWORKS)]
GRAPHS += [("single_layer", {"outputs": 3}), ("conv_linear", {"activation": "relu", "seed": 5})]
FORMULAS = [LOGISTIC, SOFTMAX, DECAY, HIDDEN, DEEP, RECURRENT, SHARES + "-log(q_2)", "(w_1*w_2*x - y)^2"]
FORMULAS += ["s_1 = q*k_1; s_2 = q*k_2; g = sigmoid(s_1 - s_2); y_hat = g*v_1 + (1-g)*v_2; (y_hat-y)^2"]
FORMULAS += ["z = sigmoid(w*x); y_hat = v*z + x*w; (y_hat - y)^2", "(maximum(w*x, b) - y)^2", "|w*x - y| + 0.1*w^2"]
CASES = [*GRAPHS, *((formula, {}) for formula in FORMULAS)]
FAST = [("single_layer", {}), (RECURRENT, {}), (SOFTMAX, {}), ("single_layer", {"outputs": 3})]


def derivations(case: tuple[str, dict[str, Any]]) -> Iterator[tuple[Value, Derivation]]:
    graph = loss_graph(case[0], **case[1])
    for x in graph.parameters.values():
        yield graph.loss, explain(graph.loss, x)


def spread_out(line: tuple[str | Expr, ...]) -> list[Expr]:
    """The equations that one stands for, as in zᵢ = σ(aᵢ) for i = 5, …, 8."""
    e, *rest = line
    assert isinstance(e, Expr)
    if len(rest) != 3 or rest[0] != " for ":
        return [e]
    said = re.findall(r"\d+", str(rest[2]))
    indices = map(str, range(int(said[0]), int(said[-1]) + 1)) if "…" in str(rest[2]) else said
    return [at_index(e, i) for i in indices]


def at_index(e: Expr, i: str) -> Expr:
    if e.head == "symbol" and e.value.endswith("_i"):
        return symbol(e.value[:-1] + i)
    return Expr(e.head, tuple(at_index(a, i) for a in e.args), e.value)


def equations(derivation: Derivation, *without: str) -> list[Expr]:
    steps = (step for step in derivation.steps if step.title not in without)
    lines = (line for step in steps for line in step.lines if not isinstance(line, Table))
    displayed = (line for line in lines if isinstance(line[0], Expr) and line[0].head == "equation")
    return [e for line in displayed for e in spread_out(line) if e.args[0].head in ("symbol", "derivative")]


@pytest.mark.parametrize("case", slow_but(*FAST, among=CASES), ids=str)
def test_nothing_is_used_before_it_is_given(case: tuple[str, dict[str, Any]]) -> None:
    for _, derivation in derivations(case):
        told = equations(derivation, "Numbers", "Update")
        given = set[Expr]()
        for i, e in enumerate(told):
            later = {other.args[0] for other in told[i + 1 :]} - given - {e.args[0]}
            early = [text(q) for side in e.args[1:] for q in quantities(side) if q in later and is_no_link(q, told)]
            assert not early, (text(e), early)
            given.add(e.args[0])


def is_no_link(q: Expr, told: list[Expr]) -> bool:
    """Whether what is used is no dz/da of a product that the next side works out."""
    f = next(e.args[0].args[0] for e in reversed(told) if e.args[0].head == "derivative")
    return q.head != "derivative" or q.args[0] == f


def total(e: Expr, nodes: dict[Expr, Value]) -> float | None:
    """A derivative by the engine, None between what is not computed from each other."""
    top, bottom = (nodes.get(a) for a in e.args)
    connected = top is not None and bottom is not None and bottom in topological(top)
    return mg.grad(top, [bottom])[0].item() if connected and top is not None and bottom is not None else None


def direct(e: Expr, definition: Expr, known: dict[str, float]) -> float:
    """∂t/∂x as a difference of what t is computed as, with all else that stands there fixed."""
    x, h = str(e.args[1]), 1e-6
    up, down = (evaluated(definition, known | {x: known[x] + step}) for step in (h, -h))
    return (up - down) / (2 * h)


@pytest.mark.parametrize("case", slow_but(*FAST, among=CASES), ids=str)
def test_every_printed_line_is_right_at_the_numbers(case: tuple[str, dict[str, Any]]) -> None:
    for f, derivation in derivations(case):
        nodes = {name: node for node, name in Graph(f).names.items()}
        known = {str(e): node.item() for e, node in nodes.items()}
        known |= {str(symbol(name)): share.item() for name, share in probabilities(f).items()}
        checked, definitions = 0, dict[Expr, Expr]()
        for e in equations(derivation, "Update"):
            definitions.setdefault(e.args[0], e.args[-1])
            if e.args[0] not in nodes and e.args[0].head == "symbol":
                known.setdefault(str(e.args[0]), evaluated(e.args[-1], known))
            for q in (q for side in e.args for q in quantities(side) if q.head == "derivative"):
                if q.value:
                    known[str(q)] = direct(q, definitions[q.args[0]], known)
                elif (found := total(q, nodes)) is not None:
                    known[str(q)] = found
            if e.args[0].head == "derivative":
                known.setdefault(str(e.args[0]), evaluated(e.args[-1], known))
            rough = any("value" in heads(side) for side in e.args)
            for side in e.args:
                near = pytest.approx(known[str(e.args[0])], rel=2e-2 if rough else 1e-7, abs=2e-3 if rough else 1e-9)
                assert evaluated(side, known) == near, text(e)
                checked += 1
        assert checked > 5


def evaluated(e: Expr, known: dict[str, float]) -> float:
    """A side as Python has it, with a number for every symbol and derivative."""
    names: dict[str, Any] = {python(q): known[str(q)] for q in quantities(e)}
    functions = {"sqrt": np.sqrt, "sigmoid": mg.sigmoid, "log": np.log, "exp": np.exp, "tanh": np.tanh, "abs": abs}
    functions |= {"where": np.where, "relu": mg.relu, "max": np.maximum, "sign": np.sign}
    return float(np.asarray(eval(python(e), {**functions, "__builtins__": {}}, names)))


def test_a_total_and_a_direct_derivative_are_told_apart() -> None:
    derivation = explain(*one(RECURRENT, "u"))
    told = derivation.text()
    assert told.count("∂h₂/∂u is the direct derivative, with h₁ held fixed; dh₂/du has all paths.") == 1
    assert "\n   dh₁/du = (1 − h₁²)x₁\n   ∂h₂/∂u = (1 − h₂²)x₂\n   ∂h₃/∂u = (1 − h₃²)x₃\n" in told
    assert "df/du = (df/dh₁)(dh₁/du) + (df/dh₂)(∂h₂/∂u) + (df/dh₃)(∂h₃/∂u)" in told
    assert r"\frac{\partial h_{2}}{\partial u}" in derivation.latex()
    assert "<mi>∂</mi>" in derivation.mathml()
    assert "∂" not in explain(*one(DEEP, "u")).text()  # all go one way


@pytest.mark.parametrize("name", NETWORKS)
def test_lambda_has_its_name_and_its_number(name: str) -> None:
    example = NETWORKS[name](regularise=0.05).example([0.1] * NETWORKS[name]().inputs, 1.0)
    label, x = next(iter(example.parameters.items()))
    derivation = explain(example.loss, x)
    assert derivation.text().startswith("1. Loss\n   λ = 0.05\n")
    assert text(derivation.gradients[label]).endswith(f" + 2λ{text(symbol(label))}")
    assert derivation.python().startswith("lambda_ = 0.05\n") or derivation.python().startswith("lambda_ = 1/20\n")


def test_lambda_has_its_name_on_pages_too() -> None:
    """A raw number that has no box is told; a leaf is a symbol, as everywhere."""
    example = NETWORKS["single_layer"](regularise=0.05).example([0.1] * NETWORKS["single_layer"]().inputs, 1.0)
    leaf = of_formula(DECAY).loss
    for f, told in ((example.loss, "λ=0.05"), (leaf, "")):
        lines = unpacked(mg.draw(f).html(), "packed")
        assert told in re.sub("<[^>]*>", "", lines)
        assert "<mn>2</mn><mo>\u2062</mo><mi>λ</mi>" in lines
    for f, x in ((leaf, "w_1"), (of_formula(RECURRENT + " + lambda*(u^2 + v^2)").loss, "u")):
        derivation = explain(*(f, next(v for v in topological(f) if v.label == x)))
        assert f" + 2λ{text(symbol(x))}" in derivation.text()
        assert r"2 \lambda " in derivation.latex()
        assert "<mi>λ</mi>" in derivation.mathml()


def test_other_numbers_are_not_lambda() -> None:
    for formula in ("x^2 + 3*w^2", "(w*x + b - y)^2 + 0.1*w^2", "(w*x - y)^2 + 0.1*w*w*w"):
        assert "λ" not in explain(*one(formula, "w")).text(), formula
    assert "λ" in explain(*one("(w*x - y)^2 + 0.1*w^2", "w")).text()
    typed = explain(*one(RECURRENT + " + 0.01*(u^2 + v^2)", "u")).text()  # w is left out: a number as it was typed
    assert "+ 0.02u" in typed
    assert "λ" not in typed


def array(label: str, *shape: int, seed: int = 0) -> Value:
    return Value(np.random.default_rng(seed).normal(size=shape).round(2), label=label)


X, W, B = array("X", 4, 3), array("W", 3, 2, seed=1), array("b", 2, seed=2)
IMAGES = array("p", 1, 1, 4, 4)
LABELS = Value(np.eye(2)[[0, 1, 1, 0]], label="Y")
OVER_ARRAYS = {
    "maximum": (mg.maximum(X @ W, B).sum(), W, r"\begin{cases} 1 & \text{if } X W > b^{\top}"),
    "minimum": (mg.minimum(X @ W, B).sum(), W, r"\begin{cases} 1 & \text{if } X W < b^{\top}"),
    "where": (mg.where(X @ W > 0, X @ W, B).sum(), W, r"\begin{cases} X W & \text{if } X W > 0"),
    "index": ((W[0] * W[1]).sum(), W, r"\begin{cases} W[1] & \text{at [0]}"),
    "max pooling": (mg.max_pool2d(IMAGES, 2).sum(), IMAGES, r"\max_{i, j} p[2r + i, 2s + j]"),
    "max pooling backward": (mg.max_pool2d(IMAGES, 2).sum(), IMAGES, r"\sum_{r, s}"),
    "log-softmax": (-(mg.log_softmax(X @ W) * LABELS).sum(), W, r"\log(\sum_{k} \exp(t_{1}[i, k]))"),
    "cross-entropy": (nn.cross_entropy(X @ W, Value(np.array([0.0, 1, 1, 0]), label="y")), W, r"\begin{cases}"),
}


@pytest.mark.parametrize("name", OVER_ARRAYS)
def test_arrays_read_as_mathematics(name: str) -> None:
    f, x, tex = OVER_ARRAYS[name]
    derivation = explain(f, x)
    whole = derivation.text()
    assert not re.search(r"scatter|unfold|fold\(|max_pool2d|log_softmax|\{[^}]* if", whole), whole
    assert tex in derivation.latex()
    assert "scatter" not in derivation.latex() + derivation.mathml()
    assert "✗" not in whole
    check_latex(derivation.latex())
    if "\\begin{cases}" in tex:
        assert "⎧" in whole
        assert "<mtable>" in derivation.mathml()


def test_cases_stand_below_each_other_behind_a_brace() -> None:
    assert (
        "                         ⎧ 1  if XW > bᵀ\n"
        "   df/dW = Xᵀ[(df/dt₁) ⊙ ⎨ ½  if XW = bᵀ] (3×2)\n"
        "                         ⎩ 0  else\n"
    ) in explain(OVER_ARRAYS["maximum"][0], W).text()


@pytest.mark.parametrize("labels", [LABELS, Value(np.array([[0.5, 0.5]] * 4), label="Y")])
def test_softmax_over_arrays_ends_as_taught(labels: Value) -> None:
    f = -(mg.log_softmax(X @ W) * labels).sum() / 4
    derivation = explain(f, W)
    assert "df/dW = Xᵀ(df/dt₁) = ¼Xᵀ(exp(t₂) − Y) (3×2)\n" in derivation.text()
    last = next(e for e in equations(derivation) if e.args[0] == derivative(symbol("f"), symbol("W"))).args[-1]
    known = numbers(derivation, f)
    found = eval(python(last), {**FUNCTIONS, "__builtins__": {}}, known)
    assert np.allclose(found.data, mg.grad(f, W)[0].data, rtol=1e-12)
    powers = np.exp(X.data @ W.data)
    shares = powers / powers.sum(1, keepdims=True)
    assert np.allclose(found.data, X.data.T @ (shares - labels.data) / 4, rtol=1e-12)


def test_the_class_that_an_index_takes_is_one_hot() -> None:
    v = array("v", 3)
    derivation = explain(-mg.log_softmax(v)[1], v)
    assert "⎧ 1  at [1]\n" in derivation.text()
    assert r"= \exp(t_{1}) - \begin{cases} 1 & \text{at [1]} \\ 0 & \text{else} \end{cases}" in derivation.latex()
    (last,) = [e.args[-1] for e in equations(derivation) if e.args[0] == derivative(symbol("f"), symbol("v"))]
    one_hot = {"scatter": lambda x, index, shape: Array(x * (np.arange(shape[0]) == index))}
    known = {"t_1": Array(mg.log_softmax(v).data)}
    found = eval(python(last), {**FUNCTIONS, **one_hot, "__builtins__": {}}, known)
    assert np.allclose(found.data, mg.grad(-mg.log_softmax(v)[1], v)[0].data, rtol=1e-12)


def test_weights_that_are_no_distribution_stay() -> None:
    derivation = explain(-(mg.log_softmax(X @ W) * array("Y", 4, 2)).sum(), W)
    assert "softmax of each row" not in derivation.text()


def test_what_is_called_by_its_name_is_defined() -> None:
    told = explain((mg.gelu(X @ W, "tanh") ** 2).sum(), W).text()
    assert "gelu_tanh(x) = ½x[1 + tanh(√(2/π)(x + 0.044715x³))]\n" in told
    told = explain((mg.normalised(X @ W, 0) * LABELS).sum(), W).text()
    assert "normalised(x, axis, eps) = (x − mean(x, axis))/√[mean((x − mean(x, axis))², axis) + eps]" in told
    told = explain(mg.cross_entropy(X @ W, [1, 0, 1, 1]), W).text()
    assert "cross_entropy(x, index) = −mean(log_softmax(x, axis 1)[index])\n" in told


a, b, c, d = map(symbol, "abcd")


def test_fractions_are_no_smaller_than_an_index() -> None:
    nested = divide(a, add(b, divide(c, add(d, divide(a, multiply(b, d))))))
    assert latex(nested) == r"\frac{a}{b + \frac{c}{d + \tfrac{a}{b d}}}"
    assert mathml(nested).count('<mfrac displaystyle="false" scriptlevel="0">') == 1
    exponent = power(a, add(b, divide(c, d)))
    assert latex(exponent) == "a^{b + c/d}"
    assert "<mfrac" not in mathml(exponent)
    assert latex(power(a, number(2 / 3))) == "a^{2/3}"
    assert mg.check_answer(latex(nested), (leaf := {n: Value(0.7 + i, label=n) for i, n in enumerate("abcd")})["a"] / (
        leaf["b"] + leaf["c"] / (leaf["d"] + leaf["a"] / (leaf["b"] * leaf["d"]))))  # fmt: skip


@pytest.mark.slow
@needs_chromium
def test_no_letter_of_a_fraction_is_smaller_than_an_index(browser: Browser) -> None:
    page = browser.new_page()
    nested = a
    for _ in range(4):
        nested = divide(b, add(c, nested))
    page.set_content(f"<body>{mathml(nested, block=True)}{mathml(power(a, b))}</body>")
    sizes = page.evaluate("[...document.querySelectorAll('mi')].map(e => parseFloat(getComputedStyle(e).fontSize))")
    page.close()
    assert min(sizes) == sizes[-1]  # of the exponent


@pytest.mark.slow
@needs_pdflatex
def test_every_derivation_compiles(tmp_path: Path) -> None:
    derived = [derivation for case in CASES for _, derivation in list(derivations(case))[:1]]
    derived += [explain(f, x) for f, x, _ in OVER_ARRAYS.values()]
    body = "\n".join(each.latex() for each in derived)
    title = (derivative(symbol("f"), symbol("c_1")), " of conv_average, 50 %")
    (tmp_path / "all.tex").write_text(latex_document(body, title), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-3000:]
    assert r"\section*{$df/dc_{1}$ of conv\_average, 50 \%}" in (tmp_path / "all.tex").read_text(encoding="utf-8")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [390, 1280])
def test_no_equation_of_a_document_is_cut(browser: Browser, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    for case in (FAST[1], FAST[2], ("two_conv_average_linear", {"regularise": 0.1})):
        derivation = next(derivations(case))[1]
        page.set_content(
            html_page(derivation.mathml(), (derivative(symbol("f"), symbol("c_1")), " of " + "network" * 9))
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = """[...document.querySelectorAll('.derivation *')].filter(e => e.scrollWidth > e.clientWidth + 1 &&
            e.clientWidth && ['hidden', 'clip'].includes(getComputedStyle(e).overflowX)).length"""
        assert page.evaluate(cut) == 0
        unreached = """[...document.querySelectorAll('.wide, p')].filter(e => e.scrollWidth > e.clientWidth + 1 &&
            e.tabIndex < 0).map(e => e.textContent)"""
        assert page.evaluate(unreached) == []
    page.close()


def test_a_document_has_landmarks_and_names() -> None:
    derivation = explain(*one(RECURRENT, "u"))
    page = html_page(derivation.mathml(), (derivative(symbol("f"), symbol("c_1")), " of conv_average"))
    assert '<html lang="en">' in page
    assert "<title>df/dc₁ of conv_average</title>" in page
    assert re.search(r"<main>\s*<h1><math", page)
    assert page.count('role="heading" aria-level="2"') == len(derivation.steps)
    assert re.findall(r"<table(?! class=\"aligned\" role=\"presentation\")", page) == ["<table"]
    assert '<th scope="col"><math xmlns="http://www.w3.org/1998/Math/MathML" aria-label="∂hᵢ/∂u">' in page
    assert '<div class="wide" tabindex="0" role="group" aria-label="table">' in page


def test_a_ledger_shows_itself_in_formulas() -> None:
    w, x = Value(0.5, label="w"), Value(2.0, label="x_1")
    found = mg.ledger((w * x).sigmoid() ** 2)
    page = found._repr_html_()
    assert page == found.mathml()
    assert page.count("<tr>") == 1 + len(found)
    assert "<mi>σ</mi>" in page
    assert "<p>The pass starts from" in page
    assert r"t_{1} = w x_{1}" in found.latex()
    check_latex(found.latex())
    large = mg.ledger((array("A", 2, 2) * np.array([[1.0, 2.0], [3.0, 4.0]])).sum())  # numbers without a name
    assert "array (2, 2)" in large.mathml()
