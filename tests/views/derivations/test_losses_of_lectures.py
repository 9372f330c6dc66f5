"""Losses as lectures write them: where they end, nothing used before it is given, and every line against differences.

The losses are written as Python has them too, so that plain floats and `math` say what every line is worth.
"""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import needs_chromium, needs_pdflatex
from many_cases import slow_but
from playwright.sync_api import Page

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.views.derivations.derivation import Derivation
from microgradcnn.views.documents.standalone import html_page, latex_document
from microgradcnn.views.formulas.notation import text

O3 = "o_1 = v_1*x; o_2 = v_2*x; o_3 = v_3*x; "
TOTAL = "exp(o_1) + exp(o_2) + exp(o_3)"
SHARES = f"S = {TOTAL}; q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; q_3 = exp(o_3)/S; "
WITHOUT_S = "".join(f"q_{i} = exp(o_{i})/({TOTAL}); " for i in (1, 2, 3))
REST = "y_3 = 1 - y_1 - y_2; "
ENTROPY = "-(y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3))"
NUMBERS = "v_1=0.3,v_2=-0.2,v_3=0.5,x=0.7,"
ONE_HOT = NUMBERS + "y_1=0,y_2=1,y_3=0"
SMOOTH = NUMBERS + "y_1=0.2,y_2=0.5,y_3=0.3"
BINARY = "-(y*log(q) + (1 - y)*log(1 - q))"
ROWS = "-(y_1*log(q_1) + (1-y_1)*log(1-q_1) + y_2*log(q_2) + (1-y_2)*log(1-q_2))/2"

TAUGHT = {  # formula, numbers, parameter, how the gradient ends
    "shares written out, one-hot": (O3 + WITHOUT_S + ENTROPY, ONE_HOT, "v_2", "(q₂ − y₂)x"),
    "shares written out, the last label is the rest": (O3 + WITHOUT_S + REST + ENTROPY, "", "v_3", "(q₃ − y₃)x"),
    "the first label is the rest, in brackets": (
        O3 + SHARES + "y_1 = 1 - (y_2 + y_3); " + ENTROPY, "", "v_1", "(q₁ − y₁)x"),
    "a distribution that is not one-hot": (O3 + SHARES + ENTROPY, SMOOTH, "v_1", "(q₁ − y₁)x"),
    "minus before every term": (
        O3 + SHARES + REST + "-y_1*log(q_1) - y_2*log(q_2) - y_3*log(q_3)", "", "v_2", "(q₂ − y₂)x"),
    "minus at the end": (
        O3 + SHARES + REST + "L = y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3); -L", "", "v_2", "(q₂ − y₂)x"),
    "logarithms first": (
        O3 + SHARES + REST + "-(log(q_1)*y_1 + log(q_2)*y_2 + log(q_3)*y_3)", "", "v_2", "(q₂ − y₂)x"),
    "logarithms with names": (
        O3 + SHARES + REST + "l_1 = log(q_1); l_2 = log(q_2); l_3 = log(q_3); -(y_1*l_1 + y_2*l_2 + y_3*l_3)",
        "", "v_2", "(q₂ − y₂)x"),
    "log(1/q)": (
        O3 + SHARES + REST + "y_1*log(1/q_1) + y_2*log(1/q_2) + y_3*log(1/q_3)", "", "v_2", "(q₂ − y₂)x"),
    "a mean over the classes": (O3 + SHARES + REST + ENTROPY + "/3", "", "v_2", "⅓(q₂ − y₂)x"),
    "relative entropy": (
        O3 + SHARES + ENTROPY + " + y_1*log(y_1) + y_2*log(y_2) + y_3*log(y_3)", SMOOTH, "v_2", "(q₂ − y₂)x"),
    "no name for a share": (
        O3 + f"-log(exp(o_2)/({TOTAL}))", "", "v_2", "(q₂ − 1)x"),
    "no name for a share, by another class": (O3 + f"-log(exp(o_2)/({TOTAL}))", "", "v_1", "q₁x"),
    "log Σ exp minus the output": (O3 + f"log({TOTAL}) - o_2", "", "v_2", "(q₂ − 1)x"),
    "other letters": (
        "z_1 = v_1*x; z_2 = v_2*x; p_1 = exp(z_1)/(exp(z_1) + exp(z_2)); p_2 = exp(z_2)/(exp(z_1) + exp(z_2)); "
        "t_2 = 1 - t_1; -(t_1*log(p_1) + t_2*log(p_2))", "", "v_1", "(p₁ − t₁)x"),
    "two classes, y and 1 − y": (
        "o_1 = v_1*x; o_2 = v_2*x; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; "
        "-(y*log(q_1) + (1 - y)*log(q_2))", "", "v_1", "(q₁ − y)x"),
    "biases": (
        "o_1 = v_1*x + b_1; o_2 = v_2*x + b_2; o_3 = v_3*x + b_3; " + SHARES + REST + ENTROPY, "", "b_3", "q₃ − y₃"),
    "a temperature": (
        "o_1 = v_1*x/T; o_2 = v_2*x/T; o_3 = v_3*x/T; " + SHARES + REST + ENTROPY, "", "v_2", "(q₂ − y₂)x/T"),
    "a hidden layer": (
        "z = sigmoid(u*x); o_1 = v_1*z; o_2 = v_2*z; o_3 = v_3*z; " + SHARES + REST + ENTROPY, "", "u",
        "[(q₁ − y₁)v₁ + (q₂ − y₂)v₂ + (q₃ − y₃)v₃]z(1 − z)x"),
    "two hidden layers": (
        "a = tanh(s*x); z = sigmoid(u*a); o_1 = v_1*z; o_2 = v_2*z; o_3 = v_3*z; " + SHARES + REST + ENTROPY, "", "s",
        "[(q₁ − y₁)v₁ + (q₂ − y₂)v₂ + (q₃ − y₃)v₃]z(1 − z)u(1 − a²)x"),
    "softmax and λ": (
        O3 + SHARES + REST + "lambda = 0.01; " + ENTROPY + " + lambda*(v_1^2 + v_2^2 + v_3^2)", "", "v_2",
        "(q₂ − y₂)x + 2λv₂"),
    "softmax and λ/2": (
        O3 + SHARES + REST + "lambda = 0.01; " + ENTROPY + " + lambda/2*(v_1^2 + v_2^2 + v_3^2)", "", "v_2",
        "(q₂ − y₂)x + λv₂"),
    "log-softmax, the last label is the rest": (
        O3 + REST + f"S = {TOTAL}; l_1 = o_1 - log(S); l_2 = o_2 - log(S); l_3 = o_3 - log(S); "
        "-(y_1*l_1 + y_2*l_2 + y_3*l_3)", "", "v_2", "(q₂ − y₂)x"),
    "log-softmax, one-hot": (
        O3 + f"S = {TOTAL}; -(y_1*(o_1 - log(S)) + y_2*(o_2 - log(S)) + y_3*(o_3 - log(S)))",
        ONE_HOT, "v_2", "(q₂ − y₂)x"),
    "Σ y log y − Σ y log q in brackets": (
        O3 + SHARES + "y_1*(log(y_1) - log(q_1)) + y_2*(log(y_2) - log(q_2)) + y_3*(log(y_3) - log(q_3))",
        SMOOTH, "v_2", "(q₂ − y₂)x"),
    "a product of powers": (O3 + SHARES + "-log(q_1^y_1*q_2^y_2*q_3^y_3)", ONE_HOT, "v_2", "(q₂ − y₂)x"),
    "softmax of two classes with 1 − q": (
        "o_1 = v_1*x; o_2 = v_2*x; q = exp(o_1)/(exp(o_1) + exp(o_2)); " + BINARY, "", "v_1", "(q − y)x"),
    "logistic": ("q = sigmoid(w*x + b); " + BINARY, "", "w", "(q − y)x"),
    "logistic, minus twice": ("q = sigmoid(w*x + b); -y*log(q) - (1-y)*log(1-q)", "", "w", "(q − y)x"),
    "logistic, y − 1": ("q = sigmoid(w*x + b); (y-1)*log(1-q) - y*log(q)", "", "w", "(q − y)x"),
    "logistic, the other term first": ("q = sigmoid(w*x + b); -((1-y)*log(1-q) + y*log(q))", "", "b", "q − y"),
    "logistic, with a": ("a = w*x + b; q = sigmoid(a); " + BINARY, "", "w", "(q − y)x"),
    "logistic, ŷ": ("y_hat = sigmoid(w*x + b); " + BINARY.replace("q", "y_hat"), "", "w", "(ŷ − y)x"),
    "logistic, two rows": (
        "q_1 = sigmoid(w*x_1 + b); q_2 = sigmoid(w*x_2 + b); " + ROWS, "", "w",
        "½[(q₁ − y₁)x₁ + (q₂ − y₂)x₂]"),
    "logistic, two hidden layers": (
        "a_1 = tanh(s*x); a_2 = tanh(u*a_1); q = sigmoid(v*a_2); " + BINARY, "", "s",
        "(q − y)v(1 − a₂²)u(1 − a₁²)x"),
    "logistic and λ": ("q = sigmoid(w*x + b); lambda = 0.1; " + BINARY + " + lambda*w^2", "", "w", "(q − y)x + 2λw"),
    "logistic with p = 1 − q": (
        "q = sigmoid(w*x + b); p = 1 - q; -(y*log(q) + (1 - y)*log(p))", "", "w", "(q − y)x"),
    "logistic, σ written out": ("a = w*x + b; q = 1/(1 + exp(-a)); " + BINARY, "", "w", "(q − y)x"),
    "logistic, exp(a)/(1 + exp(a))": ("a = w*x + b; q = exp(a)/(1 + exp(a)); " + BINARY, "", "w", "(q − y)x"),
}  # fmt: skip

UNKNOWN = {  # what is not known is not used
    "any labels": (O3 + SHARES + ENTROPY, "", "v_2"),
    "numbers that add up to more": (O3 + SHARES + ENTROPY, NUMBERS + "y_1=0.4,y_2=1,y_3=0.3", "v_2"),
    "numbers below 0": (O3 + SHARES + ENTROPY, NUMBERS + "y_1=-0.5,y_2=1,y_3=0.5", "v_2"),
    "numbers that add up to nearly 1": (O3 + SHARES + ENTROPY, NUMBERS + "y_1=0.4,y_2=0.6,y_3=1e-9", "v_2"),
    "a sign is wrong": (O3 + SHARES + "y_3 = 1 - y_1 + y_2; " + ENTROPY, "", "v_2"),
    "a label is left out": (O3 + SHARES + "y_3 = 1 - y_1; " + ENTROPY, "", "v_2"),
    "two of three add up": (O3 + SHARES + "y_2 = 1 - y_1; " + ENTROPY, "", "v_2"),
    "the classes weigh": (O3 + SHARES + REST + ENTROPY.replace("(y_1", "(2*y_1"), "", "v_2"),
    "a rest in the sum": (O3 + SHARES.replace(TOTAL, TOTAL + " + 1") + REST + ENTROPY, "", "v_2"),
    "two labels for one output": ("q = sigmoid(w*x + b); -(y_1*log(q) + y_2*log(1-q))", "", "w"),
    "a class that weighs more": ("q = sigmoid(w*x + b); -(y*log(q) + 2*(1-y)*log(1-q))", "", "w"),
}  # fmt: skip

TWO = "o_1 = v_1*x; o_2 = v_2*x; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; "
H3 = "h_1 = tanh(u*x_1 + b); h_2 = tanh(u*x_2 + v*h_1 + b); h_3 = tanh(u*x_3 + v*h_2 + b); "
LONG = {  # formula, numbers, parameter
    "RNN, squared": (H3 + "y_hat = w*h_3; (y_hat - y)^2", "", "v"),
    "RNN, softmax": (
        H3 + "o_1 = w_1*h_3; o_2 = w_2*h_3; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; "
        "y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))", "", "u"),
    "RNN, an output each step": (
        "h_1 = tanh(u*x_1); o_1 = w*h_1; h_2 = tanh(u*x_2 + v*h_1); o_2 = w*h_2; h_3 = tanh(u*x_3 + v*h_2); "
        "o_3 = w*h_3; (o_1 - y_1)^2 + (o_2 - y_2)^2 + (o_3 - y_3)^2", "", "u"),
    "RNN with σ and λ": (
        "h_1 = sigmoid(u*x_1); h_2 = sigmoid(u*x_2 + v*h_1); h_3 = sigmoid(u*x_3 + v*h_2); lambda = 0.05; "
        "(w*h_3 - y)^2 + lambda*(u^2 + v^2 + w^2)", "", "v"),
    "two wide hidden layers under softmax": (
        "a_1 = tanh(s_1*x); a_2 = tanh(s_2*x); z_1 = sigmoid(u_1*a_1 + u_2*a_2); z_2 = sigmoid(r_1*a_1 + r_2*a_2); "
        "o_1 = v_1*z_1 + v_2*z_2; o_2 = w_1*z_1 + w_2*z_2; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; "
        "q_2 = exp(o_2)/S; y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))", "", "s_1"),
    "the greatest is taken off": (
        O3 + "m = maximum(maximum(o_1, o_2), o_3); e_1 = exp(o_1 - m); e_2 = exp(o_2 - m); e_3 = exp(o_3 - m); "
        "S = e_1 + e_2 + e_3; q_1 = e_1/S; q_2 = e_2/S; q_3 = e_3/S; " + REST + ENTROPY, "", "v_2"),
    "a skip": ("z = relu(u*x + b); y_hat = w*z + x; (y_hat - y)^2 + z*x", "", "u"),
    "its own entropy": (TWO + "-(q_1*log(q_1) + q_2*log(q_2))", "", "v_1"),
    "labels that x goes into": (
        "y_1 = sigmoid(x); y_2 = 1 - y_1; " + TWO + "-(y_1*log(q_1) + y_2*log(q_2))", "", "x"),
    "labels of a teacher": (
        "T = exp(s_1) + exp(s_2); y_1 = exp(s_1)/T; y_2 = exp(s_2)/T; " + TWO
        + "-(y_1*log(q_1) + y_2*log(q_2))", "", "s_1"),
    "by a label": (TWO + "y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))", "", "y_1"),
    "shares in shares": (
        "a_1 = u_1*x; a_2 = u_2*x; A = exp(a_1) + exp(a_2); p_1 = exp(a_1)/A; p_2 = exp(a_2)/A; "
        "o_1 = v_1*p_1; o_2 = v_2*p_2; S = exp(o_1) + exp(o_2); q_1 = exp(o_1)/S; q_2 = exp(o_2)/S; "
        "y_2 = 1 - y_1; -(y_1*log(q_1) + y_2*log(q_2))", "", "u_1"),
    "focal": ("q = sigmoid(w*x + b); -(y*(1-q)^2*log(q) + (1-y)*q^2*log(1-q))", "", "w"),
    "softmax, squared": (TWO + "(q_1 - y_1)^2 + (q_2 - y_2)^2", "", "v_1"),
    "weights of classes": (
        O3 + SHARES + REST + "-(c_1*y_1*log(q_1) + c_2*y_2*log(q_2) + c_3*y_3*log(q_3))", "", "v_2"),
}  # fmt: skip
EVERY = {n: case[:3] for n, case in TAUGHT.items()} | {f"unknown: {n}": case for n, case in UNKNOWN.items()} | LONG
FAST = ["two classes, y and 1 − y", "logistic and λ", "unknown: any labels", "RNN, squared"]
every_loss = pytest.mark.parametrize("name", slow_but(*FAST, among=EVERY))


def derived(formula: str, at: str, wrt: str) -> tuple[Any, Derivation]:
    graph = loss_graph(formula)
    if at:
        graph = graph.moved({k: float(v) for k, v in (pair.split("=") for pair in at.split(","))})
    return graph, mg.explain(graph.loss, graph.find([wrt])[0])


@pytest.mark.parametrize("name", TAUGHT)
def test_where_it_is_known_the_end_is_as_taught(name: str) -> None:
    formula, at, wrt, end = TAUGHT[name]
    _, derivation = derived(formula, at, wrt)
    assert text(derivation.gradients[wrt]) == end
    told = derivation.text()
    assert f" = {end}\n" in told
    assert told.count("✓") == 1


@pytest.mark.parametrize("name", UNKNOWN)
def test_where_it_is_not_known_it_is_not_used(name: str) -> None:
    formula, at, wrt = UNKNOWN[name]
    _, derivation = derived(formula, at, wrt)
    end = text(derivation.gradients[wrt])
    assert not re.fullmatch(r"\(q₂? − y[₁₂]?\)x", end), end
    assert derivation.text().count("✓") == 1


# What is printed against plain Python

FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sqrt": math.sqrt,
    "abs": abs,
    "max": max,
    "maximum": max,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": lambda a: 1.0 / (1.0 + math.exp(-a)),
    "where": lambda c, a, b: a if c else b,
}


def in_python(formula: str) -> list[tuple[str, str]]:
    """The assignments of a formula, f last."""
    statements = formula.replace("^", "**").replace("lambda", "lambda_").split(";")
    pairs = [each.strip().rpartition(" = ") for each in statements]
    return [(name or "f", value) for name, _, value in pairs]


def run(lines: list[tuple[str, str]], known: dict[str, float], moved: str = "", by: float = 0.0) -> dict[str, float]:
    """The names after the assignments, where one of them has a small number added to it."""
    names = known | ({moved: known[moved] + by} if moved in known else {})
    for name, value in lines:
        names[name] = eval(value, {**FUNCTIONS, "__builtins__": {}}, names) + (by if name == moved else 0.0)
    return names


@every_loss
def test_every_python_line_is_right(name: str) -> None:
    """A NameError is a name used before it is given; all are those of the formula as it was typed."""
    formula, at, wrt = EVERY[name]
    graph, derivation = derived(formula, at, wrt)
    known = {leaf.label.replace("lambda", "lambda_"): leaf.item() for leaf in leaves(graph.loss)}
    typed, printed = in_python(formula), [line.split(" = ") for line in derivation.python().splitlines()]
    lines = [(left, right) for left, right in printed]
    names = run(lines, known)
    expected = run(typed, known)
    for key in expected:
        assert names.get(key, expected[key]) == pytest.approx(expected[key], rel=1e-12), key
    definitions = [pair for pair in lines if not pair[0].startswith("df_d")]
    slopes = [left for left, _ in lines if left.startswith("df_d")]
    assert slopes[-1] == f"df_d{wrt}"
    for slope in slopes:
        h, variable = 1e-6, slope.removeprefix("df_d")
        up, down = (run(definitions, known, variable, step)["f"] for step in (h, -h))
        assert names[slope] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8), slope
    up, down = (run(typed, known, wrt, step)["f"] for step in (1e-6, -1e-6))
    assert names[slopes[-1]] == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-8)


def leaves(root: Value) -> list[Value]:
    seen, stack = dict[int, Value](), [root]
    while stack:
        node = stack.pop()
        if id(node) not in seen:
            seen[id(node)] = node
            stack += node.parents
    return [node for node in seen.values() if not node.parents and node.label]


# What is printed as text


def told_lines(derivation: Derivation) -> list[str]:
    """The printed lines before the numbers, each with the lines that it goes on in."""
    before = re.split(r"^\d+\. Numbers", derivation.text(), flags=re.MULTILINE)[0]
    return [line.strip() for line in before.splitlines() if line.strip()]


@every_loss
def test_nothing_stands_before_it_is_given(name: str) -> None:
    formula, at, wrt = EVERY[name]
    _, derivation = derived(formula, at, wrt)
    lines = told_lines(derivation)
    first: dict[str, int] = {}
    for i, line in enumerate(lines):
        if family := re.match(r"(df/d)?([^\W\d_])ᵢ = .* for i = ", line):
            for index in "₁₂₃":
                first.setdefault(f"{family[1] or ''}{family[2]}{index}", i)
        elif given := re.match(r"((?:df/d|∂\w+/∂)?\w+?[₁-₉]*) = ", line):
            first.setdefault(given[1], i)
    subscripted = {n: i for n, i in first.items() if re.search(r"[₁-₉]$", n) and not n.startswith("∂")}
    for given, i in subscripted.items():
        for line in lines[:i]:
            if "=" in line and "for i =" not in line:
                # df/dq₁ is no q₁, dt₁/dq₁ neither: only what stands free, or a derivative of f
                free = given if given.startswith("df/d") else rf"(?<![d∂ᵢ]){given}"
                assert not re.search(rf"{free}(?![₁-₉])", line), f"{given}, given later, is used in: {line}"


@every_loss
def test_no_side_is_printed_twice_in_a_row(name: str) -> None:
    formula, at, wrt = EVERY[name]
    _, derivation = derived(formula, at, wrt)
    before = re.split(r"^\d+\. Numbers", derivation.text(), flags=re.MULTILINE)[0]
    for line in re.sub(r"\n {6,}", " ", before).splitlines():
        sides = [side.strip() for side in line.split(" = ")]
        assert not [a for a, b in pairwise(sides) if a == b], line


@every_loss
def test_no_stand_in_and_no_code_is_printed(name: str) -> None:
    formula, at, wrt = EVERY[name]
    _, derivation = derived(formula, at, wrt)
    for printed in (derivation.text(), derivation.latex(), derivation.mathml(), derivation.python()):
        assert "\0" not in printed
        assert not re.search(r"scatter|None|Value\(|nan|lambda(?!_)(?<!\\lambda)", printed), printed


@every_loss
def test_no_cases_stand_in_a_line_of_code(name: str) -> None:
    formula, at, wrt = EVERY[name]
    told = derived(formula, at, wrt)[1].text()
    assert not re.search(r"\{[^}]* if ", told), told


@pytest.mark.parametrize("classes", [2, 3])
def test_the_factor_that_cancels_is_named(classes: int) -> None:
    """A sum of exponentials that has no name, by its own exponent."""
    total = " + ".join(f"exp(o_{i})" for i in range(1, classes + 1))
    for loss in (f"-log(exp(o_1)/({total}))", f"q_1 = exp(o_1)/({total}); -log(q_1)"):
        _, derivation = derived(loss, "", "o_1")
        assert text(derivation.gradients["o_1"]) == "q₁ − 1"
        said = re.findall(r"(.*) goes into the brackets", derivation.text())
        assert said
        assert all(re.fullmatch(r"\s*[\w()₁-₉ +]+", each) and "exp(o₂)" in each for each in said), said
        assert "\0" not in derivation.text() + derivation.latex() + derivation.mathml()


def test_the_labels_that_are_defined_are_told_one_by_one() -> None:
    told = derived(*LONG["labels that x goes into"])[1].text()
    assert "y₁ + y₂ = 1 by the definition of y₁, y₂.\n" in told


@pytest.mark.parametrize("classes", [4, 5, 10])
@pytest.mark.parametrize("wrt", ["o_1", "v_1"])
def test_the_number_of_classes_changes_no_end(classes: int, wrt: str) -> None:
    outputs = "".join(f"o_{i} = v_{i}*x; " for i in range(1, classes + 1)) if wrt == "v_1" else ""
    total = " + ".join(f"exp(o_{i})" for i in range(1, classes + 1))
    _, derivation = derived(f"{outputs}q_1 = exp(o_1)/({total}); -log(q_1)", "", wrt)
    assert text(derivation.gradients[wrt]) == ("(q₁ − 1)x" if wrt == "v_1" else "q₁ − 1")


def test_total_and_direct_in_three_steps() -> None:
    for wrt, first in (("u", "x₁"), ("v", "h₁")):
        told = derived(LONG["RNN, squared"][0], "", wrt)[1].text()
        told_of = {m[1]: m.start() for m in re.finditer(rf"^   [d∂](h[₁₂₃])/[d∂]{wrt} = ", told, re.MULTILINE)}
        assert f"∂h₃/∂{wrt} = (1 − h₃²)" in told
        assert f"dh₃/d{wrt} = " not in told
        assert f"df/d{wrt} = (df/d" in told
        assert told.index("is the direct derivative") < min(i for h, i in told_of.items() if h == "h₃")
        assert first in told
    bias = derived(LONG["RNN, squared"][0], "", "b")[1].text()
    assert "∂h₃/∂b = 1 − h₃²\n" in bias


# As documents


@pytest.mark.slow
@needs_pdflatex
def test_pdflatex_sets_every_loss(tmp_path: Path) -> None:
    body = "\n".join(derived(*case)[1].latex() for case in EVERY.values())
    (tmp_path / "all.tex").write_text(latex_document(body, ("losses of lectures, 100 % & more",)), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    overfull = [float(m) for m in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", done.stdout)]
    assert not [m for m in overfull if m > 1.0], overfull
    assert "Missing character" not in done.stdout


CUT = """(width) => {
  const bad = [];
  const scroller = (e) => { for (; e; e = e.parentElement) {
      const o = getComputedStyle(e).overflowX; if (o === 'auto' || o === 'scroll') return e; } return null; };
  for (const math of document.querySelectorAll('math')) {
    const box = math.getBoundingClientRect();
    if (!box.width) continue;
    for (const part of math.querySelectorAll('mi, mn, mo, mtext')) {
      const r = part.getBoundingClientRect();
      if (r.width && (r.right > width + 0.5 || r.left < -0.5) && !scroller(part)) bad.push(part.textContent);
    }
  }
  return bad;
}"""


@pytest.mark.slow
@needs_chromium
def test_no_line_of_a_page_is_cut_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    found = {}
    for name, case in EVERY.items():
        page.set_content(html_page(derived(*case)[1].mathml(), (f"df/d{case[2]}: {name}",)))
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 390 or page.evaluate(CUT, 390):
            found[name] = (width, page.evaluate(CUT, 390)[:5])
    assert found == {}


WIDE = """[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent)"""


@pytest.mark.slow
@needs_chromium
def test_every_equation_is_seen_whole_on_a_phone(page: Page) -> None:
    """Not by scrolling it sideways either: terms, factors and arguments go into the next row."""
    page.set_viewport_size({"width": 390, "height": 800})
    found = {}
    for name, case in EVERY.items():
        page.set_content(html_page(derived(*case[:3])[1].mathml(), (name,)))
        if wide := page.evaluate(WIDE):
            found[name] = wide
    assert found == {}
