"""check_answer: right answers in any notation, wrong ones with the right diagnosis. All formulas are by hand."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from many_cases import slow_but
from test_formula import Tree, python_like, value_of

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers import answer as answers
from microgradcnn.views.answers import evidence, mistakes, points
from microgradcnn.views.answers.answer import Answer, check_answer
from microgradcnn.views.answers.edits import paths as terms
from microgradcnn.views.answers.edits import search, written
from microgradcnn.views.answers.tokens import FormulaError

WINDOWS = ((1, 2, 4, 5), (2, 3, 5, 6), (4, 5, 7, 8), (5, 6, 8, 9))
E_SINGLE = "(w1*z1 + w2*z2 + w3*z3 - y)"


@functools.cache
def asked(name: str, wrt: str, **options: Any) -> tuple[Value, Value, Value]:
    """df/dwrt of a network's scalar form, f and the parameter."""
    network = NETWORKS[name](seed=3, **options)
    x = np.random.default_rng(5).uniform(-1.0, 1.0, network.inputs)
    example = network.example(x, 1.0)
    theta = example.parameters[wrt]
    return mg.grad(example.loss, [theta])[0], example.loss, theta


def paths(j: int, first: int = 1, pattern: str = "z_{i}(1 - z_{i})p_{p}", windows: str = "1234") -> str:
    """Σ D_i q_ij over windows, for the z's from `first` on: formulas.md's A_j (first = 1) and B_j (first = 5)."""
    terms = [(first + int(w) - 1, WINDOWS[int(w) - 1][j - 1]) for w in windows]
    return " + ".join(pattern.replace("{i}", str(i)).replace("{p}", str(p)) for i, p in terms)


def weighted(j: int, first: int = 1) -> str:
    return paths(j, first, r"w_{i} z_{i}(1 - z_{i}) p_{p}")


SIGMAS = r"w_{i}\sigma(a_{i})\left(1 - \sigma(a_{i})\right)p_{p}"
RELU = {"activation": "relu"}
DECAY = {"regularise": 0.01}
K5 = {"k": 5, "m": 3}

RIGHT: list[tuple[str, dict[str, Any], str, str]] = [
    ("single_layer", {}, "w_1", "2*(w1*z1+w2*z2+w3*z3-y)*z1"),
    ("single_layer", {}, "w_1", "2(w_1 z_1 + w_2 z_2 + w_3 z_3 - y) z_1"),
    ("single_layer", {}, "w_2", r"2\left(\hat{y} - y\right)z_{2}"),
    ("single_layer", {}, "w_3", "2(ŷ − y)·z₃"),
    ("single_layer", {}, "w_3", "2·(ŷ−y)·σ(v_1 x_1 + v_2 x_2)"),
    ("single_layer", {}, "w_1", "(y_hat - y) * sigmoid(s1*x1 + s2*x2) / 0.5"),
    ("single_layer", {}, "w_1", "-2*(y - yhat)*z_1"),
    ("single_layer", {}, "s_1", "2*(y_hat - y)*w1*z1*(1 - z1)*x1"),
    ("single_layer", {}, "s_2", r"2(\hat y-y)w_1\sigma(s_1x_1+s_2x_2)(1-\sigma(s_1x_1+s_2x_2))x_2"),
    ("single_layer", {}, "s_2", "2(ŷ−y)w₁σ'(a₁)x₂"),
    ("single_layer", {}, "u_1", r"2 \cdot (\hat{y}-y) \cdot w_{2} z_{2} (1-z_{2}) x_{1}"),
    ("single_layer", {}, "u_1", r"2\times(w_1z_1+w_2z_2+w_3z_3-y)\times w_2\times(z_2-z_2^2)\times x_1"),
    ("single_layer", {}, "u_2", "2(ŷ−y)w_2(z_2 − z_2²)x_2"),
    ("single_layer", {}, "v_1", r"\frac{2(\hat{y}-y)w_3x_1}{(1+e^{-a_3})(1+e^{a_3})}"),
    ("single_layer", {}, "v_2", "2 (y_hat - y) w_3 exp(-a_3)/(1 + exp(-a_3))**2 x_2"),
    ("single_layer", {}, "v_2", "2*w3*x2*z3*(1-z3)*w1*z1 + 2*w3*x2*z3*(1-z3)*w2*z2 + 2*w3*x2*z3*(1-z3)*(w3*z3 - y)"),
    ("single_layer", {}, "v_2", "2f/(ŷ−y) w_3 z_3(1−z_3) x_2"),
    ("single_layer", DECAY, "s_1", "2(ŷ−y) w_1 z_1 (1−z_1) x_1 + 2λ s_1"),
    ("single_layer", DECAY, "w_2", r"2(\hat{y}-y)z_2 + 2\lambda w_2"),
    ("single_layer", DECAY, "w_2", "2*(y_hat - y)*z_2 + 0.02*w_2"),
    ("single_layer", DECAY, "u_2", "2*((y_hat-y)*w2*z2*(1-z2)*x2 + lambda*u2)"),
    ("single_layer", RELU, "s_1", "2(ŷ − y) w_1 [a_1 > 0] x_1"),
    ("single_layer", RELU, "u_2", "2(ŷ − y) w_2 relu'(a_2) x_2"),
    ("single_layer", RELU, "v_2", "2(ŷ − y) w_3 1[z_3 > 0] x_2"),
    ("single_layer", RELU, "v_1", "2(σ(a_3)w_3 + w_2*relu(a_2) + w_1 z_1 − y) w_3 step(a_3) x_1"),
    ("single_layer", RELU, "w_1", "2(ŷ − y) σ(s_1 x_1 + s_2 x_2)"),
    ("single_layer", K5, "s_1_2", "2(ŷ−y) w_1 z_1(1−z_1) x_2"),
    ("single_layer", K5, "s_5_3", "2(ŷ−y) w_5 z_5(1−z_5) x_3"),
    (
        "single_layer",
        K5,
        "s_5_3",
        "2(σ(s_{11}x_1 + s_{12}x_2 + s_{13}x_3)w_1 + w_2z_2 + w_3z_3 + w_4z_4 + w5 z5 − y)w_5z_5(1−z_5)x_3",
    ),
    ("conv_average", {}, "c_1", f"½(ŷ − y)({paths(1)})"),
    ("conv_average", {}, "c_2", f"1/2 * (y_hat - y) * ({paths(2)})"),
    ("conv_average", {}, "c_3", rf"\frac{{1}}{{2}}(\hat{{y}}-y)\left({paths(3)}\right)"),
    ("conv_average", {}, "c_4", rf"\frac12\left(\frac{{z_1+z_2+z_3+z_4}}{{4}}-y\right)[{paths(4)}]"),
    ("conv_average", {}, "c_1", "(ŷ−y)/2 (z1(1−z1)p_{11} + z2(1−z2)p_{22} + z3(1−z3)p_{44} + z4(1−z4)p_{55})"),
    ("conv_average", {}, "c_3", "½(ŷ−y)(z1(1−z1)p_{14} + z2(1−z2)p_{25} + z3(1−z3)p_{47} + z4(1−z4)p_{58})"),
    ("conv_average", {}, "c_1", f"2((z1+z2+z3+z4)/4 - y) * (1/4) * ({paths(1, 1, 'σ(a_{i})(1 − σ(a_{i}))p_{p}')})"),
    ("conv_average", RELU, "c_1", f"½(ŷ − y)({paths(1, 1, '[a_{i}>0]p_{p}')})"),
    ("conv_average", DECAY, "c_2", f"½(ŷ − y)({paths(2)}) + 2λc_2"),
    (
        "conv_average",
        {"image": (4, 4)},
        "c_1",
        "2/9(ŷ−y)(z1(1−z1)p1+z2(1−z2)p2+z3(1−z3)p3+z4(1−z4)p5+z5(1−z5)p6+z6(1−z6)p7+z7(1−z7)p9+z8(1−z8)p10+z9(1−z9)p11)",
    ),
    ("conv_linear", {}, "c_1", f"2(ŷ − y)({weighted(1)})"),
    ("conv_linear", {}, "c_2", f"2(w1z1 + w2z2 + w3z3 + w4z4 − y)({weighted(2)})"),
    ("conv_linear", {}, "c_3", rf"2(\hat{{y}}-y)\left({paths(3, 1, SIGMAS)}\right)"),
    ("conv_linear", {}, "c_4", "2*(yhat-y)*(" + paths(4, 1, "w{i}*z{i}*(1-z{i})*p{p}") + ")"),
    ("conv_linear", {}, "w_1", r"2(\hat{y}-y)\sigma(c_1 p_1 + c_2 p_2 + c_3 p_4 + c_4 p_5)"),
    ("conv_linear", {}, "w_4", "2(ŷ−y)σ(c_1p_{55} + c_2p_{56} + c_3p_{58} + c_4p_{59})"),
    ("conv_linear", RELU, "c_2", f"2(ŷ−y)({paths(2, 1, 'w_{i} (a_{i} > 0) p_{p}')})"),
    ("conv_linear", DECAY, "w_3", "2(ŷ − y)z_3 + 2λ w_3"),
    ("two_conv_average", {}, "c_1", f"¼(ŷ − y)({paths(1)})"),
    ("two_conv_average", {}, "c_5", f"(ŷ − y)/4({paths(1, 5)})"),
    ("two_conv_average", {}, "c_6", rf"\frac{{\hat{{y}}-y}}{{4}}\left[{paths(2, 5)}\right]"),
    ("two_conv_average", {}, "c_8", f"0.25(((z1+z2+z3+z4)/4 + (z5+z6+z7+z8)/4)/2 - y)({paths(4, 5)})"),
    ("two_conv_average", {}, "c_5", f"1/4*((z1+z2+z3+z4+z5+z6+z7+z8)/8 - y)*({paths(1, 5)})"),
    ("two_conv_average_linear", {}, "c_2", f"½(ŷ−y)w_1({paths(2)})"),
    ("two_conv_average_linear", {}, "c_7", f"w2/2*(y_hat-y)*({paths(3, 5)})"),
    ("two_conv_average_linear", {}, "w_1", "½(ŷ − y)(z_1 + z_2 + z_3 + z_4)"),
    ("two_conv_average_linear", {}, "w_2", r"2(\hat{y}-y)\frac{z_5+z_6+z_7+z_8}{4}"),
    ("two_conv_average_linear", {}, "w_2", "½(w1(z1+z2+z3+z4)/4 + w2(z5+z6+z7+z8)/4 − y)(z5+z6+z7+z8)"),
    ("two_conv_linear", {}, "w_7", "2(ŷ−y)z_7"),
    ("two_conv_linear", {}, "c_3", f"2(ŷ−y)({weighted(3)})"),
    ("two_conv_linear", {}, "c_8", f"2(ŷ−y)({weighted(4, 5)})"),
    ("two_conv_linear", {}, "c_5", f"2(ŷ−y)({paths(1, 5, SIGMAS)})"),
    ("two_conv_linear", DECAY, "c_6", f"2(ŷ−y)({weighted(2, 5)}) + 2λc_6"),
]

# network, options, parameter, answer, kind of the diagnosis, its factor, its names
WRONG: list[tuple[str, dict[str, Any], str, str, str, Any, tuple[str, ...]]] = [
    # a constant factor
    ("single_layer", {}, "w_1", f"{E_SINGLE} z_1", "factor", 0.5, ()),
    ("single_layer", {}, "s_1", "4(ŷ−y)w_1 z_1(1−z_1)x_1", "factor", 2.0, ()),
    ("single_layer", DECAY, "s_1", "(ŷ−y)w_1 z_1(1−z_1)x_1 + λ s_1", "factor", 0.5, ()),
    ("conv_average", {}, "c_1", f"2(ŷ − y)({paths(1)})", "factor", 4.0, ()),
    ("conv_average", {}, "c_2", f"¼(ŷ − y)({paths(2)})", "factor", 0.5, ()),
    ("two_conv_average", {}, "c_5", f"½(ŷ − y)({paths(1, 5)})", "factor", 2.0, ()),
    ("two_conv_average_linear", {}, "w_1", "2(ŷ − y)(z1+z2+z3+z4)", "factor", 4.0, ()),
    ("two_conv_linear", {}, "c_3", f"2(ŷ − y)({weighted(3)})/3", "factor", 1 / 3, ()),
    ("conv_average", {}, "c_3", f"0.4999(ŷ − y)({paths(3)})", "factor", 0.9998, ()),
    # the sign
    ("single_layer", {}, "w_2", "2(y − ŷ)z_2", "sign", -1.0, ()),
    ("single_layer", {}, "u_1", "2(ŷ−y)w_2 z_2(z_2 − 1)x_1", "sign", -1.0, ()),
    ("conv_linear", {}, "c_4", f"-2(ŷ − y)({weighted(4)})", "sign", -1.0, ()),
    ("two_conv_average", {}, "c_8", f"¼(y − ŷ)({paths(4, 5)})", "sign", -1.0, ()),
    # one path's sign
    ("conv_average", {}, "c_1", f"½(ŷ − y)({paths(1, 1, windows='134')} - z_2(1−z_2)p_2)", "sign", -1.0, ("z_2",)),
    # a missing path
    ("conv_average", {}, "c_1", f"½(ŷ − y)({paths(1, windows='124')})", "missing path", None, ("z_3",)),
    ("conv_average", {}, "c_2", f"½(ŷ − y)({paths(2, windows='1')})", "missing path", None, ("z_2", "z_3", "z_4")),
    ("conv_average", RELU, "c_1", f"½(ŷ − y)({paths(1, 1, '[a_{i}>0]p_{p}', '234')})", "missing path", None, ("z_1",)),
    (
        "conv_linear",
        {},
        "c_3",
        "2(ŷ−y)(" + paths(3, 1, "w_{i}z_{i}(1−z_{i})p_{p}", "123") + ")",
        "missing path",
        None,
        ("z_4",),
    ),
    ("two_conv_average", {}, "c_6", f"¼(ŷ − y)({paths(2, 5, windows='34')})", "missing path", None, ("z_5", "z_6")),
    ("two_conv_average_linear", {}, "c_3", f"½(ŷ−y)w_1({paths(3, windows='234')})", "missing path", None, ("z_1",)),
    ("two_conv_average_linear", {}, "w_2", "½(ŷ−y)(z_5+z_6+z_8)", "missing path", None, ("z_7",)),
    (
        "two_conv_linear",
        DECAY,
        "c_5",
        "2(ŷ−y)(" + paths(1, 5, "w_{i}z_{i}(1−z_{i})p_{p}", "134") + ") + 2λc_5",
        "missing path",
        None,
        ("z_6",),
    ),
    # an extra path
    (
        "two_conv_average",
        {},
        "c_1",
        f"¼(ŷ − y)({paths(1)} + {paths(1, 5)})",
        "extra path",
        None,
        ("z_5", "z_6", "z_7", "z_8"),
    ),
    ("two_conv_average", {}, "c_5", f"¼(ŷ − y)({paths(1, 5)} + z_1(1−z_1)p_1)", "extra path", None, ("z_1",)),
    ("two_conv_linear", {}, "c_6", f"2(ŷ − y)({weighted(2, 5)} + w_4z_4(1−z_4)p_6)", "extra path", None, ("z_4",)),
    (
        "two_conv_average_linear",
        {},
        "w_1",
        "½(ŷ−y)(z1+z2+z3+z4+z5+z6+z7+z8)",
        "extra path",
        None,
        ("z_5", "z_6", "z_7", "z_8"),
    ),
    ("conv_average", {}, "c_4", f"½(ŷ − y)({paths(4)} + z_1(1−z_1)p_5)", "extra path", None, ("z_1",)),
    # the inner derivative
    ("single_layer", {}, "s_1", "2(ŷ−y)w_1 x_1", "inner derivative", None, ("z_1",)),
    ("single_layer", {}, "u_2", "2(ŷ−y)w_2 z_2 x_2", "inner derivative", None, ("z_2",)),
    ("single_layer", {}, "v_1", "2(ŷ−y)w_3 (1−z_3) x_1", "inner derivative", None, ("z_3",)),
    ("single_layer", RELU, "v_1", "2(ŷ−y)w_3 x_1", "inner derivative", None, ("z_3",)),
    ("conv_average", {}, "c_1", "½(ŷ−y)(p_1+p_2+p_4+p_5)", "inner derivative", None, ("z_1", "z_2", "z_3", "z_4")),
    ("conv_average", {}, "c_1", f"½(ŷ−y)({paths(1, windows='123')} + p_5)", "inner derivative", None, ("z_4",)),
    ("conv_average", RELU, "c_3", "½(ŷ−y)(p_4+p_5+p_7+p_8)", "inner derivative", None, ("z_1", "z_2", "z_3", "z_4")),
    (
        "conv_linear",
        {},
        "c_2",
        f"2(ŷ−y)({paths(2, 1, 'w_{i}z_{i}p_{p}')})",
        "inner derivative",
        None,
        ("z_1", "z_2", "z_3", "z_4"),
    ),
    ("conv_linear", RELU, "c_2", f"2(ŷ−y)({weighted(2)})", "inner derivative", None, ("z_1", "z_2", "z_3", "z_4")),
    (
        "two_conv_average",
        {},
        "c_7",
        f"¼(ŷ−y)({paths(3, 5, '(1−z_{i})p_{p}')})",
        "inner derivative",
        None,
        ("z_5", "z_6", "z_7", "z_8"),
    ),
    (
        "two_conv_linear",
        {},
        "c_1",
        "2(ŷ−y)(" + paths(1, 1, "w_{i}a_{i}(1−a_{i})p_{p}") + ")",
        "inner derivative",
        None,
        ("z_1", "z_2", "z_3", "z_4"),
    ),
    # a factor of the chain
    ("single_layer", {}, "s_1", "2(ŷ−y)z_1(1−z_1)x_1", "missing factor", None, ("w_1",)),
    ("single_layer", {}, "s_2", "2(ŷ−y)w_1z_1(1−z_1)", "missing factor", None, ("x_2",)),
    ("single_layer", {}, "s_2", "2 w_1z_1(1−z_1)x_2", "missing factor", None, ("(ŷ − y)",)),
    ("single_layer", {}, "w_1", "2(ŷ−y)", "missing factor", None, ("z_1",)),
    ("single_layer", {}, "w_3", "2(ŷ−y)w_3z_3", "extra factor", None, ("w_3",)),
    ("two_conv_average_linear", {}, "c_1", f"½(ŷ−y)({paths(1)})", "missing factor", None, ("w_1",)),
    ("conv_average", {}, "c_2", f"½(ŷ−y)²({paths(2)})", "extra factor", None, ("(ŷ − y)",)),
    # an index
    ("single_layer", {}, "s_1", "2(ŷ−y)w_2z_1(1−z_1)x_1", "index", None, ("w_2", "w_1")),
    ("single_layer", {}, "u_1", "2(ŷ−y)w_2z_1(1−z_2)x_1", "index", None, ("z_1", "z_2")),
    ("single_layer", {}, "u_1", "2(ŷ−y)w_2σ(u_1x_1+u_2x_2)(1−σ(u_1x_2+u_2x_2))x_1", "index", None, ("x_2", "x_1")),
    ("conv_average", {}, "c_1", f"½(ŷ−y)({paths(1, windows='124')} + z_3(1−z_3)p_5)", "index", None, ("p_5", "p_4")),
    ("conv_linear", {}, "c_3", "2(ŷ−y)(" + weighted(3).replace("w_2", "w_3") + ")", "index", None, ("w_3", "w_2")),
    ("two_conv_average_linear", {}, "c_5", f"½(ŷ−y)w_1({paths(1, 5)})", "index", None, ("w_1", "w_2")),
    ("two_conv_linear", {}, "c_2", f"2(ŷ−y)({weighted(2).replace('p_5', 'p_4')})", "index", None, ("p_4", "p_5")),
    # another parameter's gradient
    ("single_layer", {}, "s_1", "2(ŷ−y)w_1z_1(1−z_1)x_2", "other parameter", None, ("s_2",)),
    ("single_layer", {}, "w_1", "2(ŷ−y)z_2", "other parameter", None, ("w_2",)),
    ("single_layer", K5, "s_2_3", "2(ŷ−y)w_3z_3(1−z_3)x_2", "other parameter", None, ("s_3_2",)),
    ("conv_average", {}, "c_3", f"½(ŷ−y)({paths(2)})", "other parameter", None, ("c_2",)),
    ("two_conv_average", {}, "c_5", f"¼(ŷ−y)({paths(1)})", "other parameter", None, ("c_1",)),
    ("two_conv_linear", DECAY, "w_3", "2(ŷ−y)z_7 + 2λw_7", "other parameter", None, ("w_7",)),
    # √f
    ("single_layer", {}, "w_1", r"2\sqrt{f}z_1", "root", None, ()),
    ("single_layer", {}, "s_1", r"2\sqrt{f}w_1 z_1(1-z_1)x_1", "root", None, ()),
    ("single_layer", {}, "s_2", r"2\sqrt f w_1\sigma(s_1x_1+s_2x_2)(1-\sigma(s_1x_1+s_2x_2))x_2", "root", None, ()),
    ("conv_average", {}, "c_1", rf"1/2 * \sqrt{{f}} * ({paths(1)})", "root", None, ()),
    ("conv_average", {}, "c_2", f"½√f({paths(2)})", "root", None, ()),
    ("conv_linear", {}, "c_1", rf"2\sqrt{{f}}({weighted(1)})", "root", None, ()),
    ("conv_linear", {}, "w_2", "2|ŷ − y|z_2", "root", None, ("y_hat", "y")),
    ("two_conv_average", {}, "c_5", f"√f/4({paths(1, 5)})", "root", None, ()),
    ("single_layer", DECAY, "w_1", "2√f z_1 + 2λw_1", "root", None, ()),
    # the regularisation
    ("single_layer", DECAY, "s_1", "2(ŷ−y)w_1z_1(1−z_1)x_1", "regularisation", -0.02, ("s_1",)),
    ("single_layer", DECAY, "w_3", "2(ŷ−y)z_3 + λw_3", "regularisation", -0.01, ("w_3",)),
    ("conv_average", DECAY, "c_4", f"½(ŷ−y)({paths(4)})", "regularisation", -0.02, ("c_4",)),
    ("two_conv_average_linear", DECAY, "w_2", "½(ŷ−y)(z5+z6+z7+z8) − 2λw_2", "regularisation", -0.04, ("w_2",)),
    ("two_conv_linear", {}, "w_2", "2(ŷ−y)z_2 + 0.02w_2", "regularisation", 0.02, ("w_2",)),
    # nothing, something that is not always a number, and nonsense
    ("single_layer", {}, "w_2", "0", "zero", None, ()),
    (
        "conv_average",
        RELU,
        "c_1",
        f"½(ŷ−y)({paths(1, 1, 'relu(a_{i})/a_{i}^1 p_{p}', '123')} + z_4/z_4 p_5)",
        "undefined",
        None,
        (),
    ),
    ("single_layer", {}, "w_2", "exp(x_1) + z_2^3", "unknown", None, ()),
]


def marked(row: tuple[Any, ...], given: bool) -> Answer:
    gradient, loss, theta = asked(row[0], row[2], **row[1])
    return check_answer(row[3], gradient, loss, theta) if given else check_answer(row[3], gradient)


@pytest.mark.parametrize("given", slow_but(True, among=[True, False]), ids=["loss and wrt given", "gradient alone"])
@pytest.mark.parametrize("row", RIGHT, ids=[f"{r[0]}-{r[2]}-{i}" for i, r in enumerate(RIGHT)])
def test_a_right_answer(row: tuple[Any, ...], given: bool) -> None:
    answer = marked(row, given)
    assert answer.right, (answer.verdict, answer.read)
    assert answer
    assert answer.verdict == str(answer) == f"Right: this is df/d{row[2]}, proved with SymPy."
    assert answer.diagnosis is None


@pytest.mark.parametrize("given", slow_but(True, among=[True, False]), ids=["loss and wrt given", "gradient alone"])
@pytest.mark.parametrize("row", WRONG, ids=[f"{r[0]}-{r[2]}-{r[4]}-{i}" for i, r in enumerate(WRONG)])
def test_a_wrong_answer(row: tuple[Any, ...], given: bool) -> None:
    answer = marked(row, given)
    assert not answer.right
    assert not answer
    diagnosis = answer.diagnosis
    assert diagnosis is not None
    assert diagnosis.kind == row[4], answer.verdict
    assert diagnosis.names == row[6], answer.verdict
    assert diagnosis.factor == (None if row[5] is None else pytest.approx(row[5], rel=1e-9)), answer.verdict
    assert len(answer.diagnoses) == 1, answer.verdict
    assert answer.verdict.startswith("Not quite: ")
    assert answer.verdict.endswith(".")
    assert "\n" not in answer.verdict


def test_the_tables_are_as_long_as_promised() -> None:
    assert len(RIGHT) >= 60
    assert len(WRONG) >= 60
    assert {row[0] for row in RIGHT} == {row[0] for row in WRONG} == set(NETWORKS)


# Every parameter of every network


def closed_form(network: str, label: str) -> str:
    """formulas.md's table, without the factor (ŷ − y)."""
    letter, j = label[0], int(label[-1])
    if network == "single_layer":
        row = "suv".find(letter) + 1
        return f"2z_{j}" if letter == "w" else f"2w_{row} z_{row}(1−z_{row}) x_{j}"
    if letter == "w":
        return (
            f"½({'+'.join(f'z_{4 * j + i - 3}' for i in range(4))})"
            if network.endswith("average_linear")
            else f"2z_{j}"
        )
    first, k = (5, j - 4) if j > 4 else (1, j)
    factor = {"conv_average": "½", "two_conv_average": "¼", "two_conv_average_linear": f"½w_{(first + 3) // 4}"}
    return f"{factor[network]}({paths(k, first)})" if network in factor else f"2({weighted(k, first)})"


PARAMETERS = [
    pytest.param(name, label, marks=() if name == "single_layer" else pytest.mark.slow)
    for name in NETWORKS
    for label in NETWORKS[name](seed=3).example([0.1] * NETWORKS[name]().inputs, 0).parameters
]


@pytest.mark.parametrize(("name", "label"), PARAMETERS)
def test_every_parameter_of_every_network(name: str, label: str) -> None:
    gradient, loss, theta = asked(name, label)
    body = closed_form(name, label)
    assert check_answer(f"(ŷ − y)·{body}", gradient)
    expected = {f"3(ŷ − y)·{body}": "factor", f"(y − ŷ)·{body}": "sign", f"√f·{body}": "root", body: "missing factor"}
    expected |= {f"(ŷ − y)·{body}·{label}": "extra factor", f"(ŷ − y)·{body} + 0.1{label}": "regularisation"}
    for text, kind in expected.items():
        answer = check_answer(text, gradient, loss, theta)
        assert not answer
        assert [d.kind for d in answer.diagnoses] == [kind], (text, answer.verdict)


@pytest.mark.parametrize(("name", "label"), PARAMETERS)
def test_every_parameter_with_relu_and_regularisation(name: str, label: str) -> None:
    gradient, loss, theta = asked(name, label, activation="relu", regularise=0.05)
    sigmoids = closed_form(name, label)
    body = re.sub(r"z_?(\d) ?\(1 ?[−-] ?z_?\d\)", r"[a_\1 > 0]", sigmoids)
    assert check_answer(f"(ŷ − y)·{body} + 2λ{label}", gradient)
    expected = {f"(ŷ − y)·{body}": ["regularisation"], f"√f·{body} + 2λ{label}": ["root"]}
    expected[f"3(ŷ − y)·{body}"] = ["factor", "regularisation"]
    if body != sigmoids:
        expected[f"(ŷ − y)·{sigmoids} + 2λ{label}"] = ["inner derivative"]
    for text, kinds in expected.items():
        answer = check_answer(text, gradient, loss, theta)
        assert not answer
        assert [d.kind for d in answer.diagnoses] == kinds, (text, answer.verdict)


@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_the_gradient_of_another_parameter_is_called_by_its_name(name: str) -> None:
    labels = [label for network, label in (p.values for p in PARAMETERS) if network == name]
    for label in labels[::3]:
        for other in labels:
            answer = check_answer(f"(ŷ − y)·{closed_form(name, other)}", asked(name, label)[0])
            assert answer.right == (other == label)
            if other != label:
                assert answer.diagnosis is not None
                assert (answer.diagnosis.kind, answer.diagnosis.names) == ("other parameter", (other,))


# Verdicts word by word


ROOT = "√f is |ŷ − y|, which has lost the sign where ŷ < y: right only if you read √f as ŷ − y"
VERDICTS = [
    ("single_layer", {}, "w_1", "(ŷ − y)z_1", "a constant factor is wrong: it is 1/2 times df/dw_1"),
    ("single_layer", {}, "w_1", "2(y − ŷ)z_1", "the sign is wrong: it is −df/dw_1"),
    (
        "single_layer",
        K5,
        "s_2_3",
        "2(ŷ−y)w_3z_3(1−z_3)x_2",
        "this is df/ds_3_2, not df/ds_2_3: the indices are exchanged",
    ),
    ("conv_average", {}, "c_1", f"½(ŷ − y)({paths(1, windows='14')})", "the paths through z_2 and z_3 are missing"),
    (
        "conv_average",
        {},
        "c_1",
        f"½(ŷ − y)({paths(1, windows='1334')})",
        "the path through z_2 is missing; and the path through z_3 is counted twice",
    ),
    (
        "two_conv_average",
        {},
        "c_5",
        f"¼(ŷ − y)({paths(1, 5)} + z_1(1−z_1)p_1)",
        "the path through z_1 is too much: that is how c_1 acts",
    ),
    (
        "conv_average",
        {},
        "c_1",
        "½(ŷ−y)(p_1+p_2+p_4+p_5)",
        "the inner derivative z_i(1 − z_i) is missing for z_1, z_2, z_3 and z_4",
    ),
    (
        "conv_average",
        RELU,
        "c_1",
        "½(ŷ−y)(p_1+p_2+p_4+[a_4>0]p_5)",
        "the inner derivative relu'(a_i) is missing for z_1, z_2 and z_3",
    ),
    ("single_layer", {}, "s_1", "2(ŷ−y)w_1z_1x_1", "the inner derivative of z_1 is z_1(1 − z_1): (1 − z_1) is missing"),
    ("single_layer", {}, "s_1", "2(ŷ−y)w_2z_1(1−z_1)x_1", "w_2 stands where w_1 belongs"),
    ("single_layer", {}, "w_1", "2√f z_1", ROOT),
    (
        "single_layer",
        DECAY,
        "w_1",
        "2√f z_1 + 2λw_1",
        "√f is not |ŷ − y| here, for f is not (ŷ − y)² alone: write ŷ − y",
    ),
    ("single_layer", DECAY, "s_2", "2(ŷ−y)w_1z_1(1−z_1)x_2", "the term 2λs_2 of the regularisation is missing"),
    (
        "single_layer",
        DECAY,
        "s_2",
        "2(ŷ−y)w_1z_1(1−z_1)x_2 + λs_2",
        "the regularisation gives 2λs_2: you have 1/2 times that",
    ),
    (
        "single_layer",
        {},
        "w_1",
        "z_1/(z_1 - z_1)",
        "your answer is not a number at some points where the gradient is one",
    ),
    (
        "conv_average",
        {},
        "c_1",
        f"½(ŷ − y)({paths(1, windows='124')} + 3z_3(1 − z_3)p_4)",
        "the path through z_3 is 3 times what it should be",
    ),
    # two mistakes
    (
        "single_layer",
        {},
        "s_1",
        r"\sqrt{f}w_1z_1(1-z_1)x_1",
        "a constant factor is wrong: it is 1/2 times df/ds_1; and √f is |ŷ − y|, which has lost the sign where ŷ < y: "
        "write ŷ − y",
    ),
    (
        "single_layer",
        DECAY,
        "s_1",
        "2(y−ŷ)w_1z_1(1−z_1)x_1",
        "the sign is wrong: it is −df/ds_1; and the term 2λs_1 of the regularisation is missing",
    ),
    (
        "conv_average",
        DECAY,
        "c_1",
        f"½(ŷ − y)({paths(1, windows='124')})",
        "the path through z_3 is missing; and the term 2λc_1 of the regularisation is missing",
    ),
    (
        "conv_average",
        {},
        "c_1",
        f"(ŷ − y)({paths(1, windows='124')})",
        "the path through z_3 is missing; and a constant factor is wrong: it is 2 times what it should be",
    ),
    (
        "single_layer",
        {},
        "s_1",
        "(ŷ − y)z_1(1−z_1)x_1",
        "the factor w_1 is missing; and a constant factor is wrong: it is 1/2 times what it should be",
    ),
]


@pytest.mark.parametrize(("name", "options", "wrt", "text", "verdict"), VERDICTS)
def test_a_verdict_is_one_sentence(name: str, options: dict[str, Any], wrt: str, text: str, verdict: str) -> None:
    assert str(check_answer(text, *asked(name, wrt, **options))) == f"Not quite: {verdict}."


def test_an_answer_says_how_it_was_read() -> None:
    gradient, *_ = asked("two_conv_average", "c_1")
    assert check_answer("√f/4(z1 + z2)", gradient).read == "(sqrt(f)/4)*(z_1 + z_2)"


def test_what_nothing_explains_is_shown_at_a_point() -> None:
    answer = check_answer("z_1 + 7", asked("single_layer", "w_1")[0])
    assert answer.verdict.startswith("Not quite: none of the usual mistakes explains it; at z_1 = 0.")
    assert " it gives 7." in answer.verdict


def test_names_that_are_exchanged_or_stand_once_in_the_wrong_place() -> None:
    body = f"½(ŷ − y)({paths(1)})"
    turned = body.replace("p_2", "p_0").replace("p_4", "p_2").replace("p_0", "p_4")
    clauses = [check_answer(text, asked("conv_average", "c_1")[0]).diagnoses[0].clause for text in (
        turned, body.replace("p_4", "p_6"), body.replace("(1 - z_3)", "(1 - z_2)"))]  # fmt: skip
    assert clauses == ["p_2 and p_4 are exchanged", "p_6 stands where p_4 belongs", "z_2 stands once where z_3 belongs"]


def test_an_index_beside_a_forgotten_regularisation() -> None:
    answer = check_answer(f"½(ŷ − y)({paths(1)})".replace("p_4", "p_6"), asked("conv_average", "c_1", **DECAY)[0])
    assert [d.kind for d in answer.diagnoses] == ["index", "regularisation"]


@pytest.mark.parametrize(
    "text", ["exp(exp(20 x_1))", "1e9^20 z_1", "(1e9^20)^{1.5} x_1 z_1", "exp(700)x_1^19", "1/1e9^20", "x_1/0", "0/0"]
)
def test_numbers_without_measure(text: str) -> None:
    assert not check_answer(text, asked("single_layer", "s_1", **DECAY)[0])
    assert not check_answer(f"√f·{text}", asked("single_layer", "w_1")[0])


def test_a_parameter_of_zero() -> None:
    network = NETWORKS["conv_average"](seed=3)
    network.parameters["c"].data = np.zeros((1, 1, 2, 2))
    example = network.example(np.zeros(9), 0.0)
    (gradient,) = mg.grad(example.loss, [example.parameters["c_1"]])
    assert check_answer(f"½(ŷ − y)({paths(1)})", gradient)
    answer = check_answer(f"½(ŷ − y)({paths(1)} + {paths(2, windows='1')})", gradient)
    assert not answer
    assert check_answer(f"½(ŷ − y)({paths(1, windows='134')})", gradient).diagnoses[0].names == ("z_2",)


def test_more_paths_than_points_are_not_taken_apart() -> None:
    gradient, *_ = asked("conv_linear", "c_1", image=(8, 8))
    assert check_answer("2(ŷ − y)z_1(1 − z_1)p_1", gradient).diagnoses[0].kind == "unknown"
    gradient, *_ = asked("conv_average", "c_1", image=(12, 12))
    assert check_answer("2(ŷ − y)z_1(1 − z_1)p_1", gradient).diagnoses[0].kind == "unknown"


def test_the_search_for_an_index_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(written, "TRIES", 100)
    text = "2(ŷ−y)w_2σ(u_1x_1+u_2x_2)(1−σ(u_1x_2+u_2x_2))x_1"  # the index is wrong inside of a function
    answer = check_answer(text, asked("single_layer", "u_1")[0])
    assert answer.diagnoses[0].kind != "index"


# Graphs that are no network


def test_the_issues_own_example() -> None:
    gradient, *_ = asked("single_layer", "w_1")
    assert check_answer("2*(w1*z1+w2*z2+w3*z3-y)*z1", gradient)
    assert not check_answer(r"2\sqrt{f}w_1 z_1(1-z_1)x_1", gradient)


def test_a_gradient_of_any_function() -> None:
    x, w = Value(2.0, label="x"), Value(-0.5, label="w")
    f = (w * x).exp() * x.log() + x**3
    (dx,) = mg.grad(f, [x])
    assert check_answer("w e^{wx} ln(x) + e^{wx}/x + 3x^2", dx)
    assert str(check_answer("e^{wx}/x + 3x^2", dx, f, x)) == "Not quite: the path through wx is missing."
    assert str(check_answer("e^{wx}/x + 3x^2 + sin(w)", dx, f, x)).startswith("Not quite: none of the usual")
    assert str(check_answer("2w e^{wx} ln(x) + 2e^{wx}/x + 6x²", dx, f, x)) == (
        "Not quite: a constant factor is wrong: it is 2 times df/dx."
    )
    (second,) = mg.grad(dx, [x])
    assert check_answer("w² e^{wx} ln(x) + 2w e^{wx}/x − e^{wx}/x² + 6x", second)


def test_a_loss_with_another_name() -> None:
    w, f, y = (Value(v, label=n) for v, n in ((0.3, "w"), (2.0, "f"), (1.0, "y")))
    loss = (w * f - y).square()
    loss.label = "L"
    (dw,) = mg.grad(loss, [w])
    assert check_answer("2(w f − y) f", dw)
    assert check_answer("2√L f", dw, loss, w).diagnoses[0].kind == "root"
    assert check_answer("2(w f − y) f √f", dw, loss, w).diagnoses[0].kind != "root"


def test_an_answer_that_needs_the_loss_of_a_gradient_has_what_grad_gave_it_of() -> None:
    x, y = Value(0.7, label="x"), [Value(v, label=f"y_{i}") for i, v in ((1, 0.0), (2, 1.0))]
    w = [Value(v, label=f"w_{i}") for i, v in ((1, 0.5), (2, -0.3))]
    powers = [mg.exp(weight * x) for weight in w]
    q = [power / (powers[0] + powers[1]) for power in powers]
    for i, share in enumerate(q, 1):
        share.label = f"q_{i}"
    gradients = mg.grad(-(y[0] * mg.log(q[0]) + y[1] * mg.log(q[1])), w)  # a loss that nobody holds
    assert check_answer("(q_1 − y_1) x", gradients[0])  # the labels are one-hot, as in its derivation
    assert check_answer("((q_1 − y_1) x, (q_2 − y_2) x)", mg.stack(gradients))
    assert str(check_answer("(y_1 − q_1) x", gradients[0])).endswith("the sign is wrong: it is −df/dw_1.")
    (slope,) = mg.grad(w[0] ** 4 / x, w[0])
    (curvature,) = mg.grad(slope, w[0])
    assert check_answer("6 w_1^2/x", curvature).verdict.startswith("Not quite: a constant factor is wrong: it is 1/2")
    with pytest.raises(FormulaError, match="f is not known here"):  # the slope's derivative is no df/dw_1
        check_answer("12 f/w_1^2", curvature)


def test_half_a_square() -> None:
    w, x, y = (Value(v, label=n) for v, n in ((0.3, "w"), (2.0, "x"), (1.0, "y")))
    f = 0.5 * (w * x - y).square()
    (dw,) = mg.grad(f, [w])
    assert check_answer("(w x − y) x", dw)
    assert (
        check_answer("(wx − y)·2x", dw, f, w).verdict == "Not quite: a constant factor is wrong: it is 2 times df/dw."
    )
    assert "for f is not" not in check_answer("√f x", dw).verdict
    assert "for f is not (ŷ − y)² alone" in check_answer("√f x", dw, f, w).verdict


def test_several_rows() -> None:
    w = Value(0.3, label="w")
    rows = [
        (Value(x, label=f"x_{i}"), Value(y, label=f"y_{i}")) for i, (x, y) in enumerate([(1.0, 2.0), (-1.0, 0.5)], 1)
    ]
    first, second = [(w * x - y).square() for x, y in rows]
    f = (first + second) / 2.0
    (dw,) = mg.grad(f, [w])
    assert check_answer("(w x_1 − y_1)x_1 + (w x_2 − y_2)x_2", dw, f, w)
    verdict = check_answer("√f (x_1 + x_2)", dw, f, w).verdict
    assert verdict == "Not quite: √f is not ŷ − y: over several rows it is no single difference."


def test_arrays_in_the_graph() -> None:
    w, x, y = Value(np.array([0.5, -1.0]), label="w"), Value(np.array([1.0, 2.0]), label="x"), Value(1.0, label="y")
    prediction = w @ x
    prediction.label = "y_hat"
    f = (prediction - y).square() + 0.1 * w.square().sum()
    (dy,) = mg.grad(f, [y])
    assert check_answer("-2(ŷ - y)", dy)
    assert check_answer("2(ŷ - y)", dy, f, y).verdict == "Not quite: the sign is wrong: it is −df/dy."
    with pytest.raises(FormulaError, match="w is not known here"):
        check_answer("w", dy)
    with pytest.raises(ValueError, match=r"an answer is about one number, and .* has shape \(2,\)"):
        check_answer("x", mg.grad(f, [w])[0])


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_of_ones_own() -> None:
    cube = mg.primitive("cube", lambda x: x * x * x, [lambda g, y, x: g * (3.0 * x * x)], "x ** 3")
    x = Value(2.0, label="x")
    (dx,) = mg.grad(cube(x), [x])
    assert check_answer("3x²", dx)
    assert not check_answer("3x³", dx)


def test_a_gradient_of_zero() -> None:
    x, w = Value(2.0, label="x"), Value(1.0, label="w")
    gradient = mg.grad(x * (w * 0.0), [x])[0]
    assert check_answer("0", gradient)
    assert check_answer("w", gradient).diagnosis == answers.Diagnosis(
        "zero", "the gradient is 0 at every point, and your answer is not"
    )


def test_what_f_does_not_depend_on() -> None:
    x, w = Value(2.0, label="x"), Value(1.0, label="w")
    (gradient,) = mg.grad(x * x, [w])
    assert check_answer("0", gradient)
    assert not check_answer("1", gradient)


def test_a_leaf_without_a_label_is_a_constant() -> None:
    x, half = Value(2.0, label="x"), Value(0.5)
    (gradient,) = mg.grad(half * x * x, [x])
    assert check_answer("x", gradient)
    assert check_answer("2x", gradient).verdict == "Not quite: a constant factor is wrong: it is 2 times the gradient."


def test_parameters_that_cannot_be_told_apart() -> None:
    a, b, y = (Value(v, label=n) for v, n in ((0.3, "a"), (2.0, "b"), (1.0, "y")))
    f = (a + b - y).square()
    (gradient,) = mg.grad(f, [b])
    assert check_answer("2(a + b − y)", gradient).verdict == "Right: this is the gradient, proved with SymPy."
    assert check_answer("2(a + b − y)", gradient, f, b).verdict == "Right: this is df/db, proved with SymPy."


def test_where_nothing_is_recorded() -> None:
    gradient, loss, theta = asked("single_layer", "w_1")
    with mg.no_grad():
        assert check_answer("2(ŷ − y)z_1", gradient, loss, theta)
        assert check_answer("2(y − ŷ)z_1", gradient).verdict == "Not quite: the sign is wrong: it is −df/dw_1."


def test_an_answer_that_is_no_number_is_told_and_not_an_error_of_the_graph() -> None:
    gradient, loss, theta = asked("single_layer", "w_1")
    with mg.debug():
        answer = check_answer("2(ŷ − y)z_1 + ln(-1)", gradient, loss, theta)
    assert str(answer) == "Not quite: your answer is not a number at some points where the gradient is one."


def test_labels_that_two_values_share_are_no_names() -> None:
    a, b = Value(2.0, label="x"), Value(3.0, label="x")
    with pytest.raises(FormulaError, match="x is not known here"):
        check_answer("x", mg.grad(a * a * b, [a])[0])


def test_bad_use() -> None:
    x = Value(-2.0, label="x")
    with pytest.raises(TypeError, match="check_answer takes a formula and a gradient"):
        check_answer(3, x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="check_answer takes a formula and a gradient"):
        check_answer("x", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="is not finite at random points near its data"):
        check_answer("x", (x * x + 1.0).sqrt() / 0.0)
    f = x * x
    (dx,) = mg.grad(f, [x])
    x.data = 3.0
    with pytest.raises(ValueError, match="x was changed"):
        check_answer("2x", dx)


# How it is found out


def trees() -> st.SearchStrategy[Tree]:
    """The right answer with something in it replaced: a number, a name, a function, the order, a part left out."""
    error, slope = ("sum", "y_hat", ("negative", "y")), ("sum", 1.0, ("negative", "z_1"))
    right = ("product", 2.0, error, "w_1", "z_1", slope, "x_1")
    return st.lists(st.tuples(st.integers(0, 40), st.sampled_from(CHANGES)), min_size=1, max_size=2).map(
        lambda changes: functools.reduce(lambda tree, change: changed(tree, *change)[0], changes, right)
    )


CHANGES: list[Callable[[Tree], Tree]] = [
    lambda x: "z_2" if x == "z_1" else "x_2" if isinstance(x, str) else 3.0,
    lambda x: "w_2" if x == "w_1" else "w_1",
    lambda x: ("product", x, 1.0),
    lambda x: ("negative", x),
    lambda x: ("product", 0.5, ("sum", x, x)),
    lambda x: ("sqrt", ("power", x, 2.0)),
    lambda x: ("sum", x, "f"),
    lambda x: (x[0], *x[:0:-1]) if isinstance(x, tuple) else x,
    lambda x: (x[0], *x[2:]) if isinstance(x, tuple) and len(x) > 3 else x,
]


def changed(x: Tree, at: int, change: Callable[[Tree], Tree]) -> tuple[Tree, int]:
    """x with its part number `at` changed, and how many parts are still to pass."""
    if at == 0:
        return change(x), -1
    at -= 1
    if not isinstance(x, tuple):
        return x, at
    arguments = []
    for argument in x[1:]:
        new, at = changed(argument, at, change) if at >= 0 else (argument, at)
        arguments.append(new)
    return (x[0], *arguments), at


def by_hand(tree: Tree) -> bool:
    """Whether the formula is df/ds_1, at points of this function's own and from the closed form."""
    rng = np.random.default_rng(99)
    s, x, w = rng.normal(size=(3, 2, 50)), rng.normal(size=(2, 50)), rng.normal(size=(3, 50))
    y, a = rng.normal(size=50), np.einsum("kmn,mn->kn", s, x)
    z = 1.0 / (1.0 + np.exp(-a))
    y_hat = np.sum(w * z, axis=0)
    values: dict[str, Any] = {"y": y, "y_hat": y_hat, "f": (y_hat - y) ** 2, "s_1": s[0, 0]}
    for letter, rows in (("w", w), ("z", z), ("a", a), ("x", x)):
        values |= {f"{letter}_{i}": row for i, row in enumerate(rows, start=1)}
    found = value_of(tree, values) + np.zeros(50)
    return bool(np.allclose(found, 2.0 * (y_hat - y) * w[0] * z[0] * (1.0 - z[0]) * x[0], rtol=1e-9, atol=0.0))


@pytest.mark.slow
@given(trees())
def test_changed_formulas_are_right_if_and_only_if_they_are(tree: Tree) -> None:
    answer = check_answer(python_like(tree), asked("single_layer", "s_1")[0])
    assert answer.right == by_hand(tree)
    assert answer.right == (not answer.diagnoses)


def test_the_values_stay_as_they_are() -> None:
    gradient, loss, theta = asked("single_layer", "s_1")
    nodes = list(dict.fromkeys([*topological(gradient), *topological(loss)]))
    before = [(n.data, n.grad, n.label, n.op, n.parents, n._birth) for n in nodes]
    check_answer("2(ŷ−y)x_1", gradient, loss, theta)
    check_answer("2√f x_1", gradient, loss, theta)
    assert [(n.data, n.grad, n.label, n.op, n.parents, n._birth) for n in nodes] == before


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_the_error_takes_both_signs_and_every_unit_both_slopes(name: str, activation: str) -> None:
    label = "w_1" if name == "single_layer" else "c_1"
    found = evidence.Evidence(asked(name, label, activation=activation)[0], None, None)
    assert found.error is not None
    assert found.g.shape == (points.COUNT,)
    signs = np.sign(found.error)
    assert min((signs > 0).sum(), (signs < 0).sum()) >= 10
    for unit in (x for label, x in found.values.items() if label.startswith("a_")):
        assert min((unit > 0).sum(), (unit < 0).sum()) >= 10


def test_no_test_here_depends_on_lucky_points() -> None:
    for seed in range(5):
        for row in RIGHT[::7] + WRONG[::7]:
            drawn = points.Points([asked(row[0], row[2], **row[1])[0]], seed=seed)
            assert np.isfinite(drawn(asked(row[0], row[2], **row[1])[0])).all()


def mistaken_rows() -> int:
    """How many rows of the tables are not judged as they should be."""
    found = 0
    for row in RIGHT[::4]:
        found += not marked(row, given=False).right
    for row in (row for i, row in enumerate(WRONG) if i % 3 == 2 or row[4] in ("root", "index")):
        answer = marked(row, given=False)
        found += answer.right or answer.diagnosis is None or answer.diagnosis.kind != row[4]
    return found


def one_sided(gradient: Value, *others: Any) -> Any:
    """Points at which ŷ > y only."""
    drawn, _ = SAMPLED(gradient, *others)
    nodes = {node.label: node for node in topological(gradient)}
    drawn.keep(drawn(nodes["y_hat"]) > drawn(nodes["y"]))
    return drawn, drawn(gradient)


SAMPLED = evidence._sampled
BREAKAGES = {
    "everything is the same": (answers, "same", lambda a, b, tolerance=0.0: True),
    "nothing is the same": (answers, "same", lambda a, b, tolerance=0.0: False),
    "one in a thousand is near enough": (answers, "same", lambda a, b: bool(np.allclose(a, b, rtol=1e-3))),
    "the sign is not looked at": (answers, "same", lambda a, b: points.same(abs(a), abs(b))),
    "one point is enough": (answers, "same", lambda a, b: bool(np.isclose(a[:5], b[:5]).any())),
    "ŷ > y at all points": (evidence, "_sampled", one_sided),
    "no path is looked at": (terms, "solved", lambda columns, target: None),
    "no ratio is constant": (mistakes, "ratio", lambda a, b: None),
    "no index is tried": (search, "rewritings", lambda *arguments: ()),
    "no √f is seen": (mistakes, "_with_error", lambda *arguments: None),
    "no other parameter is tried": (mistakes, "_other", lambda *arguments: ()),
    "SymPy proves everything": (answers, "proved", lambda evidence, answer: True),
}


@pytest.mark.parametrize("symbolic", slow_but(False, among=[True, False]), ids=["with SymPy", "without"])
def test_the_checker_judges_the_tables_rightly(symbolic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not symbolic:
        without_sympy(monkeypatch)
    assert mistaken_rows() == 0


def without_sympy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sympy.polys.rings", None)


@pytest.mark.slow
@pytest.mark.parametrize("breakage", slow_but(*list(BREAKAGES)[:2], among=BREAKAGES))
def test_a_broken_checker_is_noticed(breakage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_sympy(monkeypatch)  # which would make up for some
    monkeypatch.setattr(*BREAKAGES[breakage])
    assert mistaken_rows() > 0


@pytest.mark.parametrize("answer", ["", "   ", "\n"], ids=repr)
def test_an_empty_answer_is_called_empty(answer: str) -> None:
    w = Value(1.0, label="w")
    with pytest.raises(FormulaError, match=r"^the answer is empty: write a formula, such as 2\*w$"):
        check_answer(answer, mg.grad(w * w, [w])[0])
