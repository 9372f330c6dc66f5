"""The parser of answers: what is read how, what is refused, and that nothing hostile is ever evaluated."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from many_cases import offenders

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers import answer as answers
from microgradcnn.views.answers import parser as formula
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.parser import STEPS, parse, write
from microgradcnn.views.answers.tokens import FormulaError, Names
from microgradcnn.views.formulas import notation

LABELS = ["f", "y", "y_hat", "lambda", "x_1", "x_2", *(f"{x}_{i}" for x in "wza" for i in range(1, 5))]
PIXELS = [f"p_{i}" for i in range(1, 10)]
NAMES = Names([*LABELS, *PIXELS, "c_1", "s_1_2", "s_12_1"])
AT = {label: 0.3 + 0.1 * i for i, label in enumerate(NAMES.labels.values())}

# What is written, and the same with every product and bracket, as Python reads it.
READ = [
    ("2(w_1+w_2)z_1", "2*(w_1 + w_2)*z_1"),
    ("2 w_1 z_1", "2*w_1*z_1"),
    ("w1z1x1", "w_1*z_1*x_1"),
    ("w1 (1-z1) (x1)", "w_1*(1 - z_1)*x_1"),
    (r"2\cdot w_1\times z_1 · x_1 ∙ 3 × 2 ⋅ 2", "2*w_1*z_1*x_1*3*2*2"),
    (r"\left(w_1 + w_2\right)\left[z_1\right]{x_1}", "(w_1 + w_2)*z_1*x_1"),
    (r"\frac{w_1}{w_2}z_1", "(w_1/w_2)*z_1"),
    (r"\frac12 w_1 \dfrac{1}{4} \tfrac1{3}", "(1/2)*w_1*(1/4)*(1/3)"),
    (r"\frac w_1 2", "(w_1/2)"),
    ("1/2 x_1", "(1/2)*x_1"),
    ("1/2(x_1)", "(1/2)*x_1"),
    ("w_1/w_2 z_1/z_2", "((w_1/w_2)*z_1)/z_2"),
    ("w_1/w_2/z_1", "(w_1/w_2)/z_1"),
    ("√f/4(z_1+z_2)", "(sqrt(f)/4)*(z_1 + z_2)"),
    (r"\sqrt f w_1", "sqrt(f)*w_1"),
    (r"2\sqrt{f}w_1 z_1(1-z_1)x_1", "2*sqrt(f)*w_1*z_1*(1 - z_1)*x_1"),
    ("√4f", "sqrt(4)*f"),
    ("√f^2", "sqrt(f)**2"),
    ("√(f^2)", "sqrt(f**2)"),
    ("½√f + ¼ x_1 − ⅛x_2", "0.5*sqrt(f) + 0.25*x_1 - 0.125*x_2"),
    ("x_1^2 w_1", "x_1**2*w_1"),
    ("x_1**2*w_1", "x_1**2*w_1"),
    ("x_1²w_1³", "x_1**2*w_1**3"),
    ("x_1⁻²", "x_1**-2"),
    ("x_1^{-1} + x_1^-2", "x_1**-1 + x_1**-2"),
    ("x_1^{1/2}", "x_1**0.5"),
    ("x_1^12", "x_1**12"),
    ("2^{x_1}", "2**x_1"),
    ("-x_1^2", "-(x_1**2)"),
    ("- - x_1 + - x_2", "x_1 - x_2"),
    ("w_1 * -x_1", "w_1*(-x_1)"),
    ("x_1 − x_2 – w_1", "x_1 - x_2 - w_1"),
    ("z_1 - z_2 - z_3", "(z_1 - z_2) - z_3"),
    (r"\hat{y} - ŷ + y_hat - yhat + \hat y - y_{hat} + \widehat{y} - y" + "\u0302", "0*y"),
    ("z_{1}z_1z1z₁z_{ 1 }", "z_1**5"),
    ("s_{1,2} s_1_2 s_{1 2} s_{1_2}", "s_1_2**4"),
    ("s12", "s_1_2"),
    ("p_{11} + p_{22} + p_{47} + p_59 + p15", "p_1 + p_2 + p_7 + p_9 + p_5"),
    ("p_7 - p_{7}", "0*p_7"),
    ("λ + \\lambda + lambda", "3*lambda_"),
    ("e^{-a_1}", "exp(-a_1)"),
    ("1/(1 + e**(-a_1))", "1/(1 + exp(-a_1))"),
    ("e^x_1 x_2", "exp(x_1)*x_2"),
    (r"\exp(a_1)\ln(w_1)\log{(w_2)}\tanh(a_2)", "exp(a_1)*log(w_1)*log(w_2)*tanh(a_2)"),
    (r"\sigma(a_1) + σ(a_1) + sigma(a_1) + sigmoid(a_1)", "4*sigmoid(a_1)"),
    (r"\operatorname{relu}(a_1) + \mathrm{ReLU}(-a_1)", "relu(a_1) + relu(-a_1)"),
    ("σ'(a_1) - \\sigma'(a_1) + tanh'(a_1)", "1 - tanh(a_1)**2"),
    ("step(a_1) + relu'(a_2) + step(-a_1)", "2"),
    ("[a_1 > 0] + (a_1 <= 0) + 3[a_1 ≥ 5] w_1 1[a_1 < 5]", "1"),
    ("|x_1 - x_2||w_1 - 5|", "abs(x_1 - x_2)*abs(w_1 - 5)"),
    ("|(|-w_1|)-5|", "5 - w_1"),
    ("1e-3 x_1 + .5 + 2. + 0.25", "0.001*x_1 + 2.75"),
    (r"\sin(x_1)cos(x_2) + \arctan{(w_1)} - tan(w_2)", "sin(x_1)*cos(x_2) + atan(w_1) - tan(w_2)"),
    (r"2π x_1 + \frac{\pi}{2} - pi/2", "2*pi*x_1"),
    (r"⌊5x_1⌋ + \lfloor -x_2\rfloor + floor(w_1)", "floor(5*x_1) + floor(-x_2) + floor(w_1)"),
    ("fy", "f*y"),
    ("2f(x_1)", "2*f*x_1"),
    ("yz_1", "y*z_1"),
    (r"w_1\,z_1\;x_1\quad 	+ 1", "w_1*z_1*x_1 + 1"),
    ("z_1" + "\u00a0" + "z_2", "z_1*z_2"),
    (r"\displaystyle\frac{\frac{1}{2}}{4}", "1/8"),
    (" 1 \n", "1"),
    # signs of other keyboards
    ("2（w_1＋w_2）［z_1］／｛x_1｝－x_2", "(2*(w_1 + w_2)*z_1)/x_1 - x_2"),
    ("w_1 ∗ z_1 ⋅ x_1 • 2 ⁄ 4 ÷ x_2", "w_1*z_1*x_1*2/4/x_2"),
    (r"w_1 \ast z_1 \div 2 \lvert -x_1\rvert", "((w_1*z_1)/2)*x_1"),
    (r"w_{1}\sigma(a_{1})\{1-\sigma(a_{1})\}", "w_1*sigmoid(a_1)*(1 - sigmoid(a_1))"),
    ("$w_1 z_1$", "w_1*z_1"),
    (r"\(w_1 z_1\).", "w_1*z_1"),
    (r"\[\displaystyle w_1\,z_1\]", "w_1*z_1"),
    ("w_1 z_1.", "w_1*z_1"),
    ("w_1·2.", "2*w_1"),
    # decimal commas
    ("0,5", "0.5"),
    ("σ(0,5)w_1 − 0,25(x_1 + 1,5)", "sigmoid(0.5)*w_1 - 0.25*(x_1 + 1.5)"),
    ("max(0,5)", "5"),
    # functions
    ("sgn(-x_1) + sign(x_1) + |x_1|/x_1 + |-x_1|/(-x_1)", "0"),
    ("sech(a_1)^2 + tanh²(a_1)", "1"),
    (r"1-\tanh^2(a_1) - \operatorname{sech}^{2}(a_1)", "0"),
    (r"cot(x_1)tan(x_1) + sec(x_1)cos(x_1) + csc(x_1)\sin(x_1) + coth(x_1)tanh(x_1) + csch(x_1)sinh(x_1)", "5"),
    ("H(a_1) + H(-a_1) w_1", "1"),
    ("2π + pi e - e e^1", "2*pi + pi*exp(1) - exp(2)"),
    ("np.exp(x_1) + math.sqrt(x_2) + numpy.tanh(x_1)", "exp(x_1) + sqrt(x_2) + tanh(x_1)"),
    ("exp'(x_1) + sin'(x_1) + log'(x_2) + sqrt'(x_1)", "exp(x_1) + cos(x_1) + 1/x_2 + 1/(2*sqrt(x_1))"),
    (r"\sigma^\prime(a_1) - σ′(a_1) + \sigma^{\prime}(0)", "0.25"),
    ("lam w_1 + lmbda + lambda_", "lambda_*w_1 + 2*lambda_"),
    # what holds
    (r"2 1_{a_1>0} x_1 + \mathbb{1}[a_1 < 0] + \mathbb{1}_{a_1>0} + 𝟙[a_2>0]", "2*x_1 + 2"),
    (r"\mathbf{1}\{a_1 \gt 0\} + 1\{a_1 \lt 0\}", "1"),
    ("[x_1 ≠ x_2] + [x_1 != x_1] + [x_1 == x_1]", "2"),
    ("where(x_1 == x_1, 3, 4) + where(w_1 <= 0, 1, where(w_1 != 0, 5, 6))", "8"),
    (r"2\begin{cases} w_1 & \text{if } a_1 > 0 \\ 0 & \text{else} \end{cases} x_1", "2*w_1*x_1"),
    (r"\begin{cases} 1 & x_1 > x_2 \\ 2 & x_1 = x_1 \\ 3 & x_1 < x_2\end{cases}", "2"),
    # vectors
    ("w·z + w^T z", "2*(w_1*z_1 + w_2*z_2 + w_3*z_3 + w_4*z_4)"),
    (r"\vec{w}\cdot\vec z − \mathbf{w}^\top\boldsymbol{z}", "0"),
    ("np.dot(w, z) + w@z - 2dot(z, w) + w.T @ z - zᵀ w", "0"),
    ("2(w - 3z)·(z/2 + w)x_1", "2*x_1*sum((w - 3*z)*(z/2 + w) for w, z in zip(W, Z))"),
    ("w·σ(a)", "sum(w*sigmoid(a) for w, a in zip(W, A))"),
    ("(w_1, 2, y)·(x_1, x_2, 1)", "w_1*x_1 + 2*x_2 + y"),
    (r"\begin{pmatrix}w_1\\w_2\end{pmatrix}\cdot[z_1, z_2]", "w_1*z_1 + w_2*z_2"),
    ("w[0] z[3] + s[0][1] + s[0, 1]", "w_1*z_4 + 2*s_1_2"),
    # sums
    (r"\sum_{i=1}^{4} w_i z_i - y", "sum(w*z for w, z in zip(W, Z)) - y"),
    (r"\sum_i w_iz_i + \sum_{j} w_{j} + ∑ᵢ zᵢ + Σ_k z_k", "sum(w*z for w, z in zip(W, Z)) + sum(W) + 2*sum(Z)"),
    (r"\sum\limits_{i=1}^{m} i w_i (1 - z_i)^i", "sum(i*w*(1 - z)**i for i, w, z in zip((1, 2, 3, 4), W, Z))"),
    ("sum_{i=2}^3 w_{i+1}z_{i-1} x_1", "(w_3*z_1 + w_4*z_2)*x_1"),
    (r"\frac{e^{a_1}}{\sum_j e^{a_j}} x_1", "exp(a_1)/sum(exp(a) for a in A)*x_1"),
    (r"\sum_{i=1}^2 \sum_{j=1}^2 w_i z_j", "(w_1 + w_2)*(z_1 + z_2)"),
    ("1/∑_i w_i + 1", "1/sum(W) + 1"),
    # what names stand for
    ("2e z_1 where e = y_hat − y", "2*(y_hat - y)*z_1"),
    ("2e z_1, where e = d w_1 and d = y_hat - y.", "2*(y_hat - y)*w_1*z_1"),
    ("let e = y_hat - y; 2e z_1", "2*(y_hat - y)*z_1"),
    ("e = y_hat - y\n2e z_1", "2*(y_hat - y)*z_1"),
    (r"$2e z_1$ with $e = \hat y - y$", "2*(y_hat - y)*z_1"),
    (r"2e z_1 \text{ where } e = \hat{y} - y", "2*(y_hat - y)*z_1"),
    ("2y_hat w_1 where y_hat = w·z", "2*w_1*sum(w*z for w, z in zip(W, Z))"),
    ("e·z where e = (w_1, 1, 1, 1)", "w_1*z_1 + z_2 + z_3 + z_4"),
    ("df/dw_1 = 2z_1", "2*z_1"),
    (r"\frac{\partial f}{\partial w_1} = 2z_1", "2*z_1"),
]


def by_python(text: str) -> float:
    """The oracle: Python's own reading of a formula that this file wrote."""
    functions = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log, "tanh": math.tanh, "abs": abs, "pi": math.pi}
    functions |= {name: getattr(math, name) for name in ("sin", "cos", "tan", "atan", "floor")}
    functions |= {"sigmoid": lambda x: 1 / (1 + math.exp(-x)), "relu": lambda x: max(x, 0.0)}
    functions |= {name: getattr(math, name) for name in ("log", "sinh", "cosh")}
    functions |= {"sum": sum, "zip": zip}
    values: dict[str, Any] = {**AT, "lambda_": AT["lambda"]}
    values |= {letter.upper(): [AT[f"{letter}_{i}"] for i in range(1, 5)] for letter in "wza"}
    return float(eval(text, {"__builtins__": {}, **functions, **values}))


def known(label: str) -> Value:
    return Value(AT[label], label=label)


def read_again(found: Value, text: str) -> Value:
    """The formula as `write` has it, which is read as what was written, and written so again."""
    written = write(found, text)
    again = parse(written, NAMES, known)
    np.testing.assert_allclose(again.data, found.data, rtol=1e-12)
    assert write(again, written) == written
    return again


@pytest.mark.parametrize(("text", "meaning"), READ)
def test_what_is_read_how(text: str, meaning: str) -> None:
    found = parse(text, NAMES, known)
    assert found.item() == pytest.approx(by_python(meaning), rel=1e-14, abs=1e-15)
    read_again(found, text)


WRITTEN = [
    ("√f/4(z_1+z_2)", "(sqrt(f)/4)*(z_1 + z_2)"),
    ("2(ŷ−y)·z₁(1−z₁)x_1", "2*(y_hat - y)*z_1*(1 - z_1)*x_1"),
    ("-x_1^2 w_1 + ¼e^{-a_1}", "-x_1^2*w_1 + 0.25*exp(-a_1)"),
    ("[a_1 ≥ 0]|w_1|x_1^{2/3}", "[a_1 >= 0]*abs(w_1)*x_1^0.6666666666666666"),
    ("x_1^{-1} - (z_1 - y)", "x_1^(-1) - (z_1 - y)"),
    ("σ'(a_1) + tanh'(a_2)", "sigmoid(a_1)*(1 - sigmoid(a_1)) + 1 - tanh(a_2)^2"),
]


@pytest.mark.parametrize(("text", "written"), WRITTEN)
def test_a_formula_is_written_as_it_was_read(text: str, written: str) -> None:
    assert write(parse(text, NAMES), text) == written


def read(text: str, names: Names) -> str:
    return write(parse(text, names), text)


def test_sigma_is_the_activation_of_the_graph() -> None:
    names = Names(LABELS, "relu")
    assert read("σ(a_1) + sigmoid(a_2) + σ'(a_3)", names) == "relu(a_1) + sigmoid(a_2) + [a_3 > 0]"


def test_a_name_that_could_be_two() -> None:
    names = Names(["s_1_12", "s_11_2"])
    assert read("s_1_12 + s_{11,2}", names) == "s_1_12 + s_11_2"
    with pytest.raises(FormulaError, match="s_112 could be s_11_2 or s_1_12: write one of them"):
        parse("s_112", names)


def test_labels_win_over_everything_else() -> None:
    names = Names(["e", "sigma", "exp", "w1", "p_1", "p_11", "y", "square"])
    assert read("e + sigma + exp + w_1 + p_{11} + y", names) == "e + sigma + exp + w1 + p_11 + y"
    assert read("sigma(y) exp(y)", names) == "sigmoid(y)*exp(y)"
    assert read("e^y square(y)", names) == "e^y*square*y"


# Functions: those of the table, a user's too


def test_every_primitive_of_one_number_is_a_function() -> None:
    texts = ["square(w_1)", "softplus(w_1)", "expm1(w_1)", "log(w_1)", "log1p(w_1)"]
    w = AT["w_1"]
    right = [w * w, math.log(1 + math.exp(w)), math.exp(w) - 1, math.log(w), math.log(1 + w)]
    assert [parse(text, NAMES, known).item() for text in texts] == pytest.approx(right, rel=1e-14)
    for text in ("neg(w_1)", "sum(w_1)", "add(w_1)", "reshape(w_1)", "astype(w_1)", "log_softmax(w_1)", "equal(y)"):
        with pytest.raises(FormulaError, match="is not known here"):
            parse(text, NAMES)


# Functions that are made of primitives, as formulas write them, and what NumPy makes of w_1.
MADE: list[tuple[str, Callable[[float], float]]] = [
    ("clip(w_1, 0, ½)", lambda w: float(np.clip(w, 0.0, 0.5))),
    ("clip(w_1, max=0.25)", lambda w: min(w, 0.25)),
    ("clip(w_1, min = -0.25)", lambda w: max(w, -0.25)),
    ("leaky_relu(-w_1)", lambda w: max(-w, -0.01 * w)),
    ("leaky_relu(-w_1, 0.2)", lambda w: max(-w, -0.2 * w)),
    ("leaky_relu(-w_1, negative_slope=0.2)", lambda w: max(-w, -0.2 * w)),
    ("exp2(w_1)", lambda w: 2.0**w),
    ("2sinc(w_1)", lambda w: 2.0 * float(np.sinc(w))),
    ("logaddexp2(w_1, 1)", lambda w: float(np.logaddexp2(w, 1.0))),
    ("gelu(w_1) + silu(w_1)", lambda w: w * (1 + math.erf(w / math.sqrt(2))) / 2 + w / (1 + math.exp(-w))),
]


@pytest.mark.parametrize(("text", "by_hand"), MADE, ids=[text for text, _ in MADE])
def test_functions_made_of_primitives_have_their_arguments(text: str, by_hand: Callable[[float], float]) -> None:
    found = parse(text, NAMES, known)
    assert found.item() == pytest.approx(by_hand(AT["w_1"]), rel=1e-13)
    assert parse(write(found, text), NAMES, known).item() == pytest.approx(found.item(), rel=1e-9)


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("scalar", [None, lambda x: x / (1.0 + math.exp(-x))], ids=["arrays", "scalar"])
def test_a_users_primitive_is_a_function(scalar: Any) -> None:
    rule = [lambda g, y, x: g * (mg.sigmoid(x) + y * (1.0 - mg.sigmoid(x)))]
    swish = mg.primitive("swish", lambda x: x / (1.0 + np.exp(-x)), rule, "x * sigmoid(x)", scalar)
    w, x, y = (Value(v, label=n) for v, n in ((0.7, "w"), (-1.3, "x"), (0.4, "y")))
    f = (swish(w * x) - y).square()
    (gradient,) = mg.grad(f, [w])
    slope = "(σ(wx) + swish(w*x)(1 − σ(wx)))"
    answer = answers.check_answer(f"2(swish(wx) − y){slope}x", gradient, f, w)
    assert (answer.right, answer.proved) == (True, False)
    assert answer.read == "2*(swish(w*x) - y)*(sigmoid(w*x) + swish(w*x)*(1 - sigmoid(w*x)))*x"
    wrong = answers.check_answer(f"(swish(wx) − y){slope}x", gradient, f, w)
    assert str(wrong) == "Not quite: a constant factor is wrong: it is 1/2 times df/dw."
    with pytest.raises(FormulaError, match=r"swsh is not known here: did you mean swish\? \(column 3\)"):
        answers.check_answer("2 swsh(wx)", gradient, f, w)
    with pytest.raises(FormulaError, match=r"swish in column 1 is a function: write swish\(...\)"):
        answers.check_answer("swish'(wx)", gradient, f, w)


SEVERAL = [  # formulas with several arguments, and how they are written
    ("own_hypot(z_1, z_2)", "own_hypot(z_1, z_2)"),
    ("2own_hypot[z_1 + 1, |z_2|]", "2*own_hypot(z_1 + 1, abs(z_2))"),
    ("own_hypot(x_1, own_hypot(x_2, y))", "own_hypot(x_1, own_hypot(x_2, y))"),
    ("leaky(z_1)", "leaky(z_1)"),
    ("leaky(z_1, 0.25)", "leaky(z_1, slope=0.25)"),
    ("leaky(z_1, slope = -1/4)", "leaky(z_1, slope=-0.25)"),
    ("leaky(z_1, ¼)", "leaky(z_1, slope=0.25)"),
    ("scaled(z_1, k 2)", "scaled(z_1, k=2)"),  # as people read it
    ("scaled(z_1, k -2)", "scaled(z_1, k=-2)"),
    ("größe(z_1)", "größe(z_1)"),
    ("{größe{z_1}}", "größe(z_1)"),
    ("maximum(z_1, y) − minimum(z_1, 0)", "max(z_1, y) - min(z_1, 0)"),
    ("where(z_1 > 0, 1, 0.25)", "where(z_1 > 0, 1, 0.25)"),
    ("2{1 if z_1 > 0, else ¼}", "2*where(z_1 > 0, 1, 0.25)"),
    ("2{0 if y < 0, 1.7 if y > 1.7, else y}", "2*where(0 > y, 0, where(y > 1.7, 1.7, y))"),
    ("{1 if z_1 > 0, else {y if y ≥ x_1, else x_1}}", "where(z_1 > 0, 1, where(y >= x_1, y, x_1))"),
    ("where((z_1 > 0), 1, 0.25)", "where(z_1 > 0, 1, 0.25)"),
    ("where(z_1 > y, [x_1 > 0], x_2 > 0)", "where(z_1 > y, [x_1 > 0], [x_2 > 0])"),
]
MISCALLED = [
    ("own_hypot(z_1)", "own_hypot in column 1 is called as own_hypot(p, q)"),
    ("2*own_hypot(1, 2, 3)", "own_hypot in column 3 is called as own_hypot(p, q), and decimals take a point"),
    ("leaky(z_1, y)", "leaky in column 1 is called as leaky(x, slope), and decimals take a point"),
    ("leaky(z_1, 1/0)", "leaky in column 1 is called as leaky(x, slope), and decimals take a point"),
    ("leaky(z_1, 2, slope=2)", "leaky in column 1 is called as leaky(x, slope), and decimals take a point"),
    ("leaky(slope=2)", "leaky in column 1 is called as leaky(x, slope)"),
    ("leaky(z_1, slop=2)", "slop is not known here: did you mean log? (column 12)"),
    ("scaled(z_1)", "scaled in column 1 is called as scaled(x, k)"),
    ("where(z_1 > 0, 1)", "where in column 1 is called as where(condition, a, b)"),
    ("where(z_1, 1, 2)", "where in column 1 is called as where(condition, a, b)"),
    ("{1 if z_1, else 2}", "a condition is a comparison, such as a > 0"),
    ("max(1)", "max in column 1 is called as max(a, b)"),
    ("max(1, 2, 3)", "max in column 1 is called as max(a, b), and decimals take a point"),
    ("σ(0, 5)", "sigma in column 1 is called as sigma(x), and decimals take a point"),
    ("own_hypot((1, 2))", "',' in column 13 has no place here: decimals take a point"),
    ("own_hypot(|1, 2|)", "',' in column 13 is not expected there: | is missing"),
    ("own_hypot(1,, 2)", "',' in column 13 is not expected there"),
    ("own_hypot(1, 2", "the end in column 15 is not expected there: ) is missing"),
    ("größer(z_1)", "gr is not known here (column 1)"),
]


@pytest.fixture
def _own_functions(own_primitives: None) -> None:
    rules: list[Any] = [lambda g, y, p, q: g * p / y, lambda g, y, p, q: g * q / y]
    mg.primitive("own_hypot", np.hypot, rules, "sqrt(p**2 + q**2)")
    slopes = [lambda g, y, x, slope=0.1: g * mg.where(x > 0.0, 1.0, slope)]
    mg.primitive("leaky", lambda x, slope=0.1: np.maximum(x, slope * x), slopes, "maximum(x, slope*x)")
    mg.primitive("scaled", lambda x, *, k: k * x, [lambda g, y, x, k: k * g])
    mg.primitive("größe", lambda x: np.sqrt(1.0 + x * x), [lambda g, y, x: g * x / y], "sqrt(1 + x**2)")


@pytest.mark.usefixtures("_own_functions")
@pytest.mark.parametrize(("text", "written"), SEVERAL)
def test_functions_take_several_arguments_and_static_ones(text: str, written: str) -> None:
    names = Names(LABELS)
    found = parse(text, names, known)
    functions = {
        "own_hypot": math.hypot,
        "leaky": lambda x, slope=0.1: max(x, slope * x),
        "scaled": lambda x, k: k * x,
        "größe": lambda x: math.hypot(1.0, x),
        **{"max": max, "min": min, "abs": abs, "where": lambda condition, a, b: a if condition else b},
    }
    python = written.replace("[", "(").replace("]", ")")
    assert found.item() == pytest.approx(float(eval(python, {"__builtins__": {}}, {**functions, **AT})), rel=1e-14)
    assert write(found, text) == written
    assert write(parse(written, names, known), written) == written


@pytest.mark.usefixtures("_own_functions")
@pytest.mark.parametrize(("text", "message"), MISCALLED)
def test_a_wrong_call_is_one_sentence_that_says_how_it_is_called(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, Names(LABELS))
    assert str(caught.value) == message


def test_a_case_of_equality_is_read_after_another_case_only() -> None:
    names, text = Names(["w", "x"]), "x{1 if w > x, ½ if w = x, else 0}"
    for w, expected in ((3.0, 2.0), (2.0, 1.0), (1.0, 0.0)):
        found = parse(text, names, {"w": Value(w, label="w"), "x": Value(2.0, label="x")}.__getitem__)
        assert found.item() == expected
    assert write(found, text) == text
    for wrong in ("{1 if w = x, else 0}", "[w = x]", "{1 if w > x, ½ if w, else 0}", "{1, 2 if w > x, else 0}"):
        with pytest.raises(FormulaError):
            parse(wrong, names)


def test_the_printed_gradient_of_a_maximum_is_a_right_answer() -> None:
    w, x = Value(0.7, label="w"), Value(0.2, label="x")
    f = mg.maximum(w * x, x + 1.0) ** 2
    (gradient,) = mg.grad(f, w)
    printed = mg.explain(f, w).gradients["w"]
    assert "if wx = x + 1" in notation.text(printed)
    assert mg.check_answer("2max(wx, x + 1){1 if wx > x + 1, else ½[wx ≥ x + 1]}x", gradient, f, w)
    assert mg.check_answer(notation.text(printed).replace("t₁", "max(w*x, x + 1)"), gradient, f, w)


def test_an_answer_is_a_graph_with_gradients() -> None:
    values = {"w": 0.7, "x": -1.3, "y": 0.4}
    leaves = {label: Value(v, label=label) for label, v in values.items()}
    text = r"\frac12 (σ(w x) − y)² + |w| x/3 + [w > 0]e^{x y}"
    found = parse(text, Names(values), leaves.__getitem__)

    def by_hand(w: float, x: float, y: float) -> float:
        return (1 / (1 + math.exp(-w * x)) - y) ** 2 / 2 + abs(w) * x / 3 + (w > 0) * math.exp(x * y)

    assert found.item() == pytest.approx(by_hand(**values), rel=1e-14)
    for label, gradient in zip(leaves, mg.grad(found, list(leaves.values())), strict=True):
        up, down = ({**values, label: values[label] + step} for step in (1e-6, -1e-6))
        assert gradient.item() == pytest.approx((by_hand(**up) - by_hand(**down)) / 2e-6, rel=1e-8)


def test_an_answer_at_many_points_at_once() -> None:
    leaves = [Value(1.0, label=label) for label in ("w", "x", "y")]
    evidence = Evidence((leaves[0] * leaves[1] - leaves[2]).square(), None, None)
    w, x, y = (evidence.values[label] for label in "wxy")
    found = parse("e^{-w x}(y + ½)^2 − √2/(1 + w²)", Names(evidence.values), evidence.mentioned)
    np.testing.assert_allclose(evidence.points(found), np.exp(-w * x) * (y + 0.5) ** 2 - 2**0.5 / (1 + w * w))


MESSAGES = [
    ("zz_1", "zz_1 is not known here: did you mean z_1? (column 1)"),
    ("2*y_hta", "y_hta is not known here: did you mean y_hat? (column 3)"),
    ("sigmod(a_1)", "sigmod is not known here: did you mean sigmoid? (column 1)"),
    ("qqqqqqqqqq", "qqqqqqqqqq is not known here (column 1)"),
    ("dz_1/dx_1", "dz_1 is a derivative: write it out (column 1)"),
    ("df/dw_1", "df is a derivative: write it out (column 1)"),
    ("f = y", "'=' in column 3 is too much: give the right-hand side alone"),
    ("0, 5", "',' in column 2 has no place here: decimals take a point"),
    ("1,000 y", "1,000 in column 1 could be 1.000 or 1000"),
    ("z_1 2", "'2' in column 5 is not expected there: write the number in front, or * before it"),
    ("2 2", "'2' in column 3 is not expected there: write the number in front, or * before it"),
    ("2½", "'½' in column 2 is not expected there: write the number in front, or * before it"),
    ("(z_1", "the end in column 5 is not expected there: ) is missing"),
    ("(z_1]", "']' in column 5 is not expected there: ) is missing"),
    ("z_1)", "')' in column 4 is not expected there"),
    (r"2\alfa", r"'\alfa' in column 2 has no place in a formula"),
    (r"\input{y}", r"'\input' in column 1 has no place in a formula"),
    ("y\x00", "'\\x00' in column 2 has no place in a formula"),
    ("", "the end in column 1 is not expected there"),
    ("2*", "the end in column 3 is not expected there"),
    ("sigma + a_1", "sigma in column 1 is a function: write sigma(...)"),
    ("step'(a_1)", "step in column 1 is a function: write step(...)"),
    ("x_1^x_2^2", "a power of a power in column 8: put brackets"),
    ("x_1^{21}", "an exponent is a number up to 20, a fraction or a name: no powers in it"),
    ("x_1^{2*3*4}", "an exponent is a number up to 20, a fraction or a name: no powers in it"),
    ("x_1^{(x_2^2)}", "an exponent is a number up to 20, a fraction or a name: no powers in it"),
    ("99999999999 x_1", "the number in column 1 is too large: 1e+09 is the most"),
    (r"\sqrt[3]{x_1}", "only square roots are known: write x^{1/3} for others"),
    ("(" * 41 + "1" + ")" * 41, "the formula is nested more than 40 deep"),
    ("1+" * 2000 + "1", "the formula has 4001 characters: 4000 are the most"),
    ("p_{21}", "p_21 is not known here: did you mean p_2? (column 1)"),
    # vectors
    ("2 z", "z in column 3 is a vector of 4, where one number belongs"),
    ("z(1 - z)", "z in column 7 is a vector of 4, where one number belongs"),
    ("w*z", "two vectors meet in column 2: write w·z or w^T z for their scalar product"),
    ("w z", "two vectors meet in column 3: write w·z or w^T z for their scalar product"),
    ("w z^T", "two vectors meet in column 3: write w·z or w^T z for their scalar product"),
    ("w·x", "the vector in column 3 has 2 numbers, and the one in column 1 has 4"),
    ("2(w_1, z_1)", "',' in column 6 has no place here: decimals take a point"),
    ("(0,5, 1)", "the commas after column 1 could be decimal: write points"),
    ("y^T", "'^T' in column 2 is not expected there: it is for vectors"),
    ("w[4]", "'w[4]' in column 1 is none of w_1 to w_4: Python counts from 0, and w[0] is w_1"),
    ("w[-1]", "the index of w in column 1 is no whole number from 0"),
    ("dot(w, y)", "dot is called as dot(w, z), with two vectors such as w for w_1, w_2, ..."),
    # sums
    (r"\sum_{i=1}^{5} w_i", "w_5 is not known here: did you mean w_4? (column 16)"),
    (r"\sum_i w_i x_i", "the sum in column 1 needs bounds, as in \\sum_{i=1}^{3}"),
    (r"\sum_i y", "the sum in column 1 needs bounds, as in \\sum_{i=1}^{3}"),
    (r"\sum_{i=1}^{101} y", "the sum in column 1 has 1 to 100 terms, not from 1 to 101"),
    (r"\sum_{i=3}^{1} w_i", "the sum in column 1 has 1 to 100 terms, not from 3 to 1"),
    (r"1/\sum_i w_i z_1", "where the sum in column 3 ends is not clear: put brackets around it"),
    (r"\sum_{i=1}^{99}" * 9 + "y", "the formula takes more than 40000 steps to read"),
    ("w_i", "w_i is not known here: did you mean w_4? (column 1)"),
    # functions and signs
    ("tanh^{-1}(y)", "tanh in column 1 to a power is (tanh(...))^...: put brackets"),
    (r"\mathbb{1} y", r"'\mathbb{1}' in column 1 belongs before a comparison: 1[a > 0]"),
    # what names stand for
    ("2y where e = y", "e is given a meaning, and is not in the formula"),
    ("2e where e = y, e = z_1", "e in column 17 has a meaning already"),
    ("2d where d = 3d", "d is not known here (column 15)"),
    ("e = y - z_1", "'=' in column 3 is too much: give the right-hand side alone"),
    ("df/dw_1 = 2z_1 = 3", "'=' in column 16 is too much: give the right-hand side alone"),
    ("2m where m = n, n = m", "m is not known here (column 21)"),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_a_refusal_is_one_sentence_that_says_why(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, NAMES)
    assert str(caught.value) == message


def test_long_formulas_are_read() -> None:
    text = "+".join(["z_1"] * 1000)
    assert parse(text, NAMES, known).item() == pytest.approx(1000 * AT["z_1"])
    deep = parse("(" * 39 + "z_1" + ")" * 39, NAMES)
    assert (deep.label, deep.op) == ("z_1", None)


LARGE = {
    "a long sum": "+".join(["z_1"] * 1000),
    "a long quotient": "z_1" + "/2" * 1900,
    "products and quotients": "z_1" + "/2*y" * 900,
    "primes in primes": "σ'(" * 38 + "z_1" + ")" * 38,
    "a user's function, which mentions its argument three times": "thrice(" * 38 + "z_1" + ")" * 38,
    "powers in brackets": "(" * 39 + "z_1" + "^2)" * 39,
}


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("kind", LARGE)
def test_what_is_long_or_nested_is_checked_and_written_in_bounded_steps(kind: str) -> None:
    mg.primitive("thrice", lambda x: 3.0 * x, [lambda g, y, x: 3.0 * g], "x + x + x")
    z, y = Value(0.3, label="z_1"), Value(0.9, label="y")
    answer = answers.check_answer(LARGE[kind], (z * z * y).sqrt())
    assert not answer
    assert len(answer.read) <= 2 * len(LARGE[kind])


# Hostile strings

ATTACKS = [
    # attributes, dunder names
    *("z_1.data", "z_1.__class__", "().__class__.__bases__", "f.backward()", "z_1.grad=0", "y.__init__.__globals__"),
    *("''.__class__.__mro__[1].__subclasses__()", "__builtins__", "__import__", "__file__", "_", "__", "z_1__class__"),
    *("getattr(z_1,'data')", "z_1 .data", "z_1. data", "(z_1).data", "1 .real", "1..real", "x_1.T", "z_1\\.data"),
    # calls and imports
    *(
        "__import__('os').system('true')",
        "import os",
        "from os import system",
        "eval('1')",
        "exec('1')",
        "compile('1')",
    ),
    *("open('/etc/passwd').read()", "print(1)", "input()", "exit()", "quit()", "globals()", "locals()", "vars()"),
    *(
        "breakpoint()",
        "help()",
        "dir()",
        "type(z_1)",
        "id(y)",
        "hash(y)",
        "repr(y)",
        "str(y)",
        "int(y)",
        "float('inf')",
    ),
    *(
        "os.system('ls')",
        "sys.exit()",
        "subprocess.run(['ls'])",
        "np.zeros(10**9)",
        "numpy.load('x')",
        "mg.grad(f,w_1)",
    ),
    *("factorial(9)", "range(9)", "sum([1])", "max([1, 2])", "pow(2, 9)", "divmod(1, 2)", "round(2)", "bytes(9)"),
    # statements and everything else in Python
    *("lambda: 0", "lambda x: x", "(lambda: 1)()", "[x for x in y]", "{x: y}", "{x for x in y}", "(x for x in y)"),
    *("f'{y}'", 'f"{y}"', "rb''", "'a'*9", '"a"', "`ls`", "$(ls)", "${y}", "%s", "%(y)s", "{0!r}", "{0.__class__}"),
    *(
        "y := 1",
        "(y := 1)",
        "y = 1",
        "y == 1",
        "y != 1",
        "y += 1",
        "del y",
        "global y",
        "return y",
        "yield y",
        "await y",
    ),
    *("y if y else y", "y and y", "y or y", "not y", "y is y", "y in y", "while True: pass", "for i in y: i", "pass"),
    *(
        "class A: pass",
        "def g(): pass",
        "try: y",
        "with y: y",
        "raise y",
        "assert y",
        "y; y",
        "y, y",
        "*y",
        "**y",
        "y...y",
    ),
    *(
        "...",
        "y[0]y[::2]",
        "y[1:2]",
        "y[:, 0]",
        "y@y",
        "y//y",
        "y%y",
        "~y",
        "y&y",
        "y^^y",
        "y<<9",
        "y>>9",
        "y<y<y",
        "y!",
    ),
    *(
        "1_000",
        "0x10",
        "0b1",
        "1j",
        "1e400",
        "1e-",
        "1e999999999",
        "inf",
        "nan",
        "NaN",
        "None",
        "True",
        "Ellipsis",
        "@y",
    ),
    # power towers and huge numbers
    *(
        "9**9**9**9",
        "9^9^9^9",
        "y^y^y",
        "2^(2^(2^2))",
        "y**(9**9)",
        "y**99",
        "y^{y^y}",
        "e^e^e^e",
        "9^{9^{9}}",
        "y^1e9",
    ),
    *("9" * 400, "1" + "0" * 100, "9" * 3999, "1e308*1e308", "0." + "9" * 5000, "y^" + "9" * 50, "y**-99", "2**1000"),
    *(
        "y" + "^2" * 500,
        "2" + "**2" * 500,
        "y²²^2",
        "y^2²",
        "^".join("y" * 300),
        "e" + "^e" * 900,
        "y^(1+1+1+1)",
        "y^-y^-y",
    ),
    # nesting, brackets that do not close
    *(
        "(" * 3000,
        ")" * 3000,
        "(" * 1500 + "1" + ")" * 1500,
        "[" * 2000,
        "{" * 2000,
        "((",
        "())",
        "(]",
        "[)",
        "{]",
        "|y",
    ),
    *(
        "√" * 3000,
        "√" * 3000 + "y",
        r"\sqrt" * 700,
        r"\frac" * 700,
        r"\frac{" * 600,
        "-(" * 1900,
        "|(" * 1900,
        "exp(" * 900,
    ),
    *("e^{" * 1300, "σ(" * 1900, "1/(" * 1300, "y^(" * 1300, r"\sqrt{" * 600, "σ'(" * 1300, "[y>" * 900, "1[" * 1900),
    # megabytes
    *(
        "y" * 10**6,
        "(" * 10**6,
        "1+" * 10**6,
        " " * 10**7 + "y",
        "9" * 10**7,
        "\x00" * 10**6,
        "√" * 10**6,
        "\n" * 10**6 + "y",
    ),
    # a hundred thousand characters, deep and flat
    *("(" * 50_000 + "y" + ")" * 50_000, "y+" * 50_000 + "y", "-" * 10**5 + "y", "z_1" * 33_333, "y^" + "1" * 10**5),
    *("{[(" * 33_333, "|" * 10**5, "e^(" * 33_333, "w_1·" * 25_000, "1e" + "9" * 10**5, "y²" * 50_000),
    # lines, NULs, control characters
    *(
        "y\ny",
        "y\r\ny",
        "y\x00",
        "\x00y",
        "y\x00+\x00y",
        "y\x1b[2J",
        "y\x07",
        "y\x08",
        "y\x7f",
        "y\u2028y",
        "y\u2029y",
        "y\fy",
    ),
    *("y\vy", "y # comment", "y \\ \n y", "y // y", "/* y */", "y -- y --", "% y", "\ufeffy"),
    # what looks like something else in Unicode
    *(
        "ｙ",
        "у",
        "𝑦",
        "ｅｖａｌ",
        "y\u202e",
        "\u202ey",
        "y\u200by",
        "y\u200d",
        "１+１",
        "٣",
        "⅐",
        "①",
        "z_١",
        "z_１",
        "Ⅳ",
        "ﬁ",
    ),
    *(
        "ᴢ_1",
        "ѡ_1",
        "ⱳ_1",
        "ƒ",
        "ℯ^y",
        "ⅇ",
        "ℎ",
        "ý",
        "ỹ",
        "z‗1",
        "z﹍1",
        "y\u2062y",
        "y\u2061(y)",
        "y\u00ady",
        "𝟏",
        "²y",
    ),
    *("y⁹⁹", "y^1e99", "y^{1e99}", "y^-1e99", "e^{1e99}y^{999}", "y^(10+10+10)", "1e10", "10^{10}^{10}"),
    *(
        "y\u0301",
        "ŷ\u0302",
        "\u0302y",
        "y\ufe0f",
        "y≠y",
        "y∈y",
        "∞",
        "∑y",
        "∫y",
        "∂y",
        "∇f",
        "y‼",
        "“y”",
        "\ud800",
        "y\U000e0041",
    ),
    # LaTeX that does more than write
    *(
        r"\input{/etc/passwd}",
        r"\write18{ls}",
        r"\def\x{y}\x",
        r"\csname y\endcsname",
        r"\let\y=y",
        r"\immediate",
        r"\loop",
    ),
    *(r"\newcommand{\a}{\a}\a", r"\expandafter", r"\catcode`y", r"\text{y", r"\mathrm{os}", r"\operatorname{eval}(y)"),
    *(
        r"\begin{matrix}y\end{matrix}",
        "\\",
        "\\\\",
        r"\frac",
        r"\frac{y}",
        r"\sqrt",
        r"\hat",
        r"\hat{}",
        r"\left(",
        r"\right)",
    ),
    *(
        "z_1.constructor",
        "constructor.constructor('alert(1)')()",
        "__proto__.x",
        "hasOwnProperty(y)",
        "toString()",
        "valueOf(y)",
        r"\operatorname{constructor}(y)",
        "w_{__proto__}",
        "globalThis",
        "window.alert(y)",
        "prototype",
        "y_{constructor}",
    ),
    *(
        "y_{" * 900,
        "y_{",
        "y_",
        "y__1",
        "y_{}",
        "z_{1" * 500,
        "a" * 3999,
        "z_" + "1" * 3900,
        "p_" + "1" * 3900,
        "y" + "'" * 900,
    ),
    # sums, vectors, cases and explanations that take forever, or have no end
    *(
        r"\sum_{i=1}^{99}" * 9 + "y",
        r"\sum_{i=1}^{100}\sum_{j=1}^{100}\sum_{k=1}^{100} y",
        r"\sum_{i=1}^{999999999} y",
        r"\sum_{i=1}^{" + "9" * 900 + "} y",
        r"\sum_i \sum_{j=1}^{99}\sum_{k=1}^{99} w_i",
        r"\sum_i" * 600 + "w_i",
        r"\sum_{i=1}^{3}" * 280,
        r"\sum_{i=1}^{3} w_{" + "i+" * 1900 + "i}",
        r"\sum_{x=1}^{2} __import__",
        "∑" * 3999,
    ),
    *(
        "w·" * 1300,
        "w[" + "0," * 1900 + "0]",
        "w[9999999999]",
        "w[-1]",
        "w[y]",
        "w[0].data",
        "w[0:2]",
        "w.T.T.data @ z",
    ),
    *("(w, w)·z", "w^T" * 1300, "dot(w)", "dot(w, z, w)", "dot.__class__(w, z)", "np.dot", "np."),
    *("math.exp", "numpy.linalg.norm(w)", "np.random.rand(9)", "np.__class__", "np.np.np.y.data", "torch.load(y)"),
    *(r"\begin{cases}" * 300, r"\begin{cases} y \end{cases}", r"\begin{cases} 1 & y \end{cases}", r"y & y \\ y"),
    *(
        "2e where e = " + "(" * 2000,
        "where " * 660,
        "e = e",
        "a = b; " * 500 + "y",
        "2c where c = c",
        "y where a = eval(1)",
    ),
    *(
        "2c where c = d, d = b, b = c",
        ", ".join(["y where a_1 = 1", *(f"a_{i} = 1" for i in range(2, 20))]),
        "y where y",
    ),
    *("import os; y = 1; os.system(y)", "y where __class__ = 1", "y where y.data = 1", "let y; y", "y = 1; y = 2; y"),
    *("$" * 3999, "$y", r"\(y", r"y\)", "$$$y$$", r"\[\[y\]", "y..", "..y", "1.2.3", "1,2,3", "1,5,", ",5", "1,,5"),
    *("df/d" * 900, "d" * 3999, r"\frac{d" * 500, "∂/∂y", "d/dy", "∂f/∂", r"\frac{\partial}{\partial y}", "∇_y f"),
    *(
        r"\mathbb{1}" * 390,
        "1_" * 1900,
        "1_{y}",
        "𝟙",
        "tanh^2",
        "tanh^{-1}(y)",
        "tanh^y(y)",
        "tanh^{2^2}(y)",
        "exp^99(y)",
    ),
]


def test_there_are_two_hundred_attacks() -> None:
    assert len(set(ATTACKS)) >= 200


@pytest.fixture(scope="module")
def gradient() -> Any:
    example = NETWORKS["single_layer"](seed=1).example([0.5, -1.0], 1.0)
    return mg.grad(example.loss, [example.parameters["w_1"]])[0]


@pytest.mark.slow
def test_an_attack_is_refused_within_the_bounds_and_python_sees_nothing_of_it(
    gradient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluated(*arguments: Any, **named: Any) -> Any:
        raise AssertionError("evaluated")

    names = Names(Evidence(gradient, None, None).values)

    def check(text: str) -> None:
        with monkeypatch.context() as patched:
            for function in ("eval", "exec", "compile", "open", "__import__"):
                patched.setattr(builtins, function, evaluated)
            try:
                parse(text, names)
                refused = None
            except FormulaError as error:
                refused = error
        assert refused is not None
        assert refused.steps <= STEPS + 1  # the one that is refused
        with pytest.raises(FormulaError) as caught:
            answers.check_answer(text, gradient)
        message = str(caught.value)
        assert message == str(refused)
        assert message.isprintable()
        assert 10 < len(message) < 200

    for function in ("proved", "same", "diagnose", "write"):  # nor does the checker evaluate it
        monkeypatch.setattr(answers, function, evaluated)
    assert offenders(ATTACKS, check) == []


def refusal(text: str) -> FormulaError | None:
    try:
        found = parse(text, NAMES, known)
    except FormulaError as error:
        return error
    read_again(found, text)
    return None


@pytest.mark.slow
@given(st.text(max_size=60) | st.text(alphabet="yz_12 ()[]{}|^*/+-√\\.σ'ŷ₁²½<>=efp,;·∑iw&$@Tdn", max_size=80))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    error = refusal(text)
    assert error is None or (error.steps <= STEPS + 1 and str(error).isprintable())


def test_the_worst_that_is_read_stays_within_the_steps() -> None:
    for text in ("+-" * 1999 + "y", "y" * 4000, "(y)" * 1333, "|y|" * 1333, "1[y>0]" * 600, "y" + "*-y" * 1300):
        parser = formula._Parser(NAMES, known)
        try:
            parser.formula(text)
        except FormulaError:
            continue
        assert parser.steps <= STEPS


def test_the_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formula, "STEPS", 20)
    assert parse("z_1 + z_2", NAMES).op is not None
    with pytest.raises(FormulaError, match="takes more than 20 steps to read") as caught:
        parse("+".join(["z_1"] * 20), NAMES)
    assert caught.value.steps == 21


# Random formulas, written in several notations and read back


Tree: TypeAlias = tuple[Any, ...] | str | float  # what is applied and to what; a name; a number

FUNCTIONS: dict[str, Any] = {
    "sum": lambda *terms: reduce(operator.add, terms),
    "product": lambda *factors: reduce(operator.mul, factors),
    "negative": operator.neg,
    "inverse": lambda x: 1.0 / np.float64(x),
    "power": lambda x, exponent: np.float64(x) ** exponent,
    "greater": operator.gt,
    "at least": operator.ge,
    "step": lambda x: x > 0.0,
    "sigmoid'": lambda x: mg.sigmoid(x) * (1.0 - mg.sigmoid(x)),
    **{name: getattr(mg, name) for name in ("sqrt", "exp", "log", "abs", "tanh", "sigmoid", "relu")},
}


def formulas() -> st.SearchStrategy[Tree]:
    leaves: st.SearchStrategy[Tree] = st.sampled_from(["y_hat", "y", "z_1", "w_2", "x_1", "f", "lambda", "s_1_2"])
    leaves |= st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 12.0, 0.001, 1234.5])
    functions = ["sqrt", "exp", "log", "abs", "tanh", "sigmoid", "relu", "step", "sigmoid'", "negative", "inverse"]

    def larger(inside: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        several = st.lists(inside, min_size=2, max_size=4)
        return (
            several.map(lambda terms: ("sum", *terms))
            | several.map(lambda factors: ("product", *factors))
            | st.tuples(st.sampled_from(functions), inside)
            | st.tuples(st.just("power"), inside, st.sampled_from([2.0, 3.0]))
            | st.tuples(st.sampled_from(["greater", "at least"]), inside, inside)
        )

    return st.recursive(leaves, larger, max_leaves=12)


def value_of(tree: Tree, values: Mapping[str, Any] = AT) -> Any:
    """The oracle: the value of a tree, from functions of numbers and arrays."""
    if isinstance(tree, tuple):
        return FUNCTIONS[tree[0]](*[value_of(part, values) for part in tree[1:]])
    return values[tree] if isinstance(tree, str) else tree


def python_like(x: Tree) -> str:
    """Every bracket there could be, and ** and * written out."""
    if isinstance(x, str):
        return x
    if isinstance(x, float):
        return np.format_float_positional(x)
    function, *arguments = x
    inside = [f"({python_like(y)})" for y in arguments]
    signs = {"sum": " + ", "product": "*", "power": "**", "greater": " > ", "at least": " >= "}
    prefixes = {"negative": "-", "inverse": "1/"}
    if function in signs:
        return f"({signs[function].join(inside)})"
    return f"({prefixes.get(function, function)}{inside[0]})"


def latex_like(x: Tree) -> str:
    r"""\frac, \sqrt, \hat{y}, juxtaposition and \left( \right)."""
    if isinstance(x, str):
        letter, *index = x.split("_")
        if x == "y_hat":
            return r"\hat{y}"
        return r"\lambda " if letter == "lambda" else f"{letter}_{{{','.join(index)}}}" if index else letter
    if isinstance(x, float):
        return np.format_float_positional(x, trim="-")
    function, *arguments = x
    inside = [latex_like(y) for y in arguments]
    brackets = [rf"\left({y}\right)" for y in inside]
    if function == "sum":
        return "+".join(brackets)
    if function == "product":
        return "".join(brackets)
    if function == "power":
        return f"{brackets[0]}^{{{inside[1]}}}"
    if function in ("greater", "at least"):
        return rf"\left[{inside[0]} {'>' if function == 'greater' else chr(92) + 'geq'} {inside[1]}\right]"
    special = {
        "negative": f"-{brackets[0]}",
        "inverse": rf"\frac{{1}}{{{inside[0]}}}",
        "sqrt": rf"\sqrt{{{inside[0]}}}",
    }
    special |= {"exp": f"e^{{{inside[0]}}}", "abs": f"|{brackets[0]}|", "sigmoid": rf"\sigma{brackets[0]}"}
    special |= {"sigmoid'": rf"\sigma'{brackets[0]}", "log": rf"\ln{brackets[0]}", "tanh": rf"\tanh{brackets[0]}"}
    return special.get(function, rf"\operatorname{{{function}}}{brackets[0]}")


@pytest.mark.slow
@given(formulas())
def test_random_formulas_in_python_and_in_latex(tree: Tree) -> None:
    with np.errstate(all="ignore"):
        right = float(value_of(tree))
    for text in (python_like(tree), latex_like(tree)):
        found = parse(text, NAMES, known)
        np.testing.assert_allclose(found.data, right, rtol=1e-12)
        read_again(found, text)
