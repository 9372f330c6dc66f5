"""Derivations: held against SymPy for the lecture's networks, against numbers for any graph, and read as they print."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from many_cases import slow_but
from test_notation import check_latex, check_mathml

import microgradcnn as mg
from microgradcnn import Value, networks, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas.algebra import simplified
from microgradcnn.views.formulas.expression import add, multiply, number, quantities, symbol
from microgradcnn.views.formulas.notation import python, text

WINDOWS = ((1, 2, 4, 5), (2, 3, 5, 6), (4, 5, 7, 8), (5, 6, 8, 9))
IMAGE = [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]


def sigma(a: Any) -> Any:
    return 1 / (1 + sympy.exp(-a))


def names(letter: str, count: int) -> list[Any]:
    return list(sympy.symbols(" ".join(f"{letter}_{i}" for i in range(1, count + 1)), seq=True))


def sympy_loss(network: str, sigma: Callable[[Any], Any] = sigma) -> Any:
    """The lecture's losses, written by hand."""
    y, w = sympy.Symbol("y"), names("w", 8)
    if network == "single_layer":
        x = names("x", 2)
        z = [sigma(row[0] * x[0] + row[1] * x[1]) for row in (names(letter, 2) for letter in "suv")]
        return (w[0] * z[0] + w[1] * z[1] + w[2] * z[2] - y) ** 2
    c, p = names("c", 8), [None, *names("p", 9)]
    z = [sigma(sum(k[j] * p[q[j]] for j in range(4))) for k in (c[:4], c[4:]) for q in WINDOWS]
    y_hat = {
        "conv_average": (z[0] + z[1] + z[2] + z[3]) / 4,
        "conv_linear": sum(w[i] * z[i] for i in range(4)),
        "two_conv_average": (sum(z[:4]) / 4 + sum(z[4:]) / 4) / 2,
        "two_conv_average_linear": w[0] * sum(z[:4]) / 4 + w[1] * sum(z[4:]) / 4,
        "two_conv_linear": sum(w[i] * z[i] for i in range(8)),
    }[network]
    return (y_hat - y) ** 2


def example(name: str, **options: Any) -> networks.Example:
    network = networks.NETWORKS[name](seed=1, **options)
    return network.example(np.linspace(-1.0, 1.0, network.inputs), 1.0)


def relu(a: Any) -> Any:
    return sympy.Max(0, a)


def positive(condition: Any, then: Any, otherwise: Any) -> Any:
    """[a > 0] as SymPy writes the derivative of its Max."""
    assert (condition.rhs, then, otherwise) == (0, 1, 0)
    return sympy.Heaviside(condition.lhs)


def read_back(derivation: Derivation) -> Any:
    """The gradient as SymPy reads the printed definitions, all intermediates put in."""
    known: dict[str, Any] = {"sigmoid": sigma, "relu": relu, "where": positive}
    for line in derivation.python().splitlines():
        left, right = line.split(" = ")
        leaves = {n: sympy.Symbol(n) for n in ("w_1", "x", "y")}  # S, N and E would be SymPy's own
        known[left] = sympy.sympify(right, locals=leaves | known)
    return known[left]


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but("single_layer", among=networks.NETWORKS))
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("regularise", [0.0, 0.003])
def test_the_lectures_gradients_are_sympys(name: str, activation: str, regularise: float) -> None:
    ex = example(name, activation=activation, regularise=regularise)
    loss = sympy_loss(name, sigma if activation == "sigmoid" else relu)
    loss += sympy.Rational(str(regularise)) * sum(sympy.Symbol(label) ** 2 for label in ex.parameters)
    for label, parameter in ex.parameters.items():
        found = read_back(explain(ex.loss, parameter, through="z"))
        assert is_zero(found - sympy.diff(loss, sympy.Symbol(label))), label


def is_zero(difference: Any) -> bool:
    """Exactly, with a symbol for every exp, max and step."""
    functions = sorted(difference.atoms(sympy.exp, sympy.Max, sympy.Heaviside), key=str)
    plain = difference.xreplace({a: sympy.Symbol(f"E{i}") for i, a in enumerate(functions)})
    return bool(sympy.expand(sympy.fraction(sympy.together(plain))[0]) == 0)


POINTWISE = ["exp", "tanh", "sigmoid", "relu", "abs", "softplus", "square", "negative", "log1p", "expm1"]
PAIRED = ["add", "sub", "mul", "div", "maximum", "minimum", "where", "power"]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Value, list[Value]]:
    """A scalar over every kind of scalar primitive, some nodes labelled, and its leaves."""
    numbers = st.floats(0.25, 2.0).map(lambda v: round(v, 3))
    leaves = [Value(draw(numbers) * draw(st.sampled_from([-1, 1])), label=label) for label in ("x", "y_1", "w_hat")]
    nodes: list[Value] = list(leaves)
    for i in range(draw(st.integers(1, 9))):
        a, b = (draw(st.sampled_from(nodes)) for _ in range(2))
        name = draw(st.sampled_from([*POINTWISE, *PAIRED]))
        safe = a.sigmoid() + 0.25  # for what has a domain
        node = {
            "add": lambda a=a, b=b: a + 3 * b,
            "sub": lambda a=a, b=b: 0.5 - a - b,
            "mul": lambda a=a, b=b: a * b * 0.123456789,
            "div": lambda a=a, b=b: a / (1.5 + b * b),
            "where": lambda a=a, b=b: mg.where(a > b, b.tanh(), 2 * a),
            "maximum": lambda a=a, b=b: mg.maximum(a, b),
            "minimum": lambda a=a, b=b: mg.minimum(a, b),
            "power": lambda s=safe, b=b: s ** b.tanh() + s**-1.5 + mg.sqrt(s),
            "exp": lambda a=a: a.tanh().exp(),
            "expm1": lambda a=a: mg.expm1(a.tanh()),
            "log1p": lambda s=safe: mg.log1p(s) - mg.log(s),
        }.get(name, lambda a=a, name=name: getattr(mg, name)(a))()
        if draw(st.booleans()):
            node.label = f"{draw(st.sampled_from('hz'))}_{i}"
        nodes.append(node)
    return nodes[-1] + nodes[-2] * leaves[0], leaves


SPACE = {
    name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "tanh", "sign", "where", "expm1", "log1p", "abs")
}
SPACE |= {"sigmoid": mg.sigmoid, "softplus": mg.softplus, "relu": mg.relu, "max": np.maximum, "min": np.minimum}


def evaluated(derivation: Derivation, leaves: list[Value]) -> float:
    """What the printed definitions give in floating point."""
    known: dict[str, Any] = SPACE | {str(leaf.label): leaf.data for leaf in leaves}
    source = derivation.python()
    exec(source.replace("sqrt(", "np.sqrt("), known)
    return float(known[source.splitlines()[-1].split(" = ")[0]])


@pytest.mark.slow
@given(graphs(), st.data())
@settings(max_examples=500)
def test_any_graph(graph: tuple[Value, list[Value]], data: st.DataObject) -> None:
    f, leaves = graph
    x = data.draw(st.sampled_from([leaf for leaf in leaves if leaf in topological(f)]))
    (expected,) = mg.grad(f, [x])
    found = evaluated(explain(f, x), leaves)
    assert found == pytest.approx(expected.item(), rel=1e-10, abs=1e-10)


def two_conv_average() -> networks.Example:
    """Exercise 2 with the numbers of the printed derivation."""
    network = networks.two_conv_average()
    network.parameters["c"].data = np.array([0.5, -0.5, 0.5, -0.5, 1.0, 0.0, -1.0, 0.5]).reshape(2, 1, 2, 2)
    return network.example(IMAGE, 1.0)


EXERCISE_2_C_5 = """\
1. Loss
   a₅ = c₅p₁ + c₆p₂ + c₇p₄ + c₈p₅
   a₆ = c₅p₂ + c₆p₃ + c₇p₅ + c₈p₆
   a₇ = c₅p₄ + c₆p₅ + c₇p₇ + c₈p₈
   a₈ = c₅p₅ + c₆p₆ + c₇p₈ + c₈p₉
   zᵢ = σ(aᵢ) for i = 5, …, 8
   ŷ = [(z₁ + z₂ + z₃ + z₄)/4 + (z₅ + z₆ + z₇ + z₈)/4]/2
   f = (ŷ − y)²

2. Where it acts
   c₅ acts through z₅, …, z₈; z₁, …, z₄ do not contain it.

3. Outer
   df/dzᵢ = 2(ŷ − y)·½·¼ = ¼(ŷ − y) for i = 5, …, 8

4. Inner
   dz₅/dc₅ = (dz₅/da₅)(da₅/dc₅) = z₅(1 − z₅)p₁
   dz₆/dc₅ = (dz₆/da₆)(da₆/dc₅) = z₆(1 − z₆)p₂
   dz₇/dc₅ = (dz₇/da₇)(da₇/dc₅) = z₇(1 − z₇)p₄
   dz₈/dc₅ = (dz₈/da₈)(da₈/dc₅) = z₈(1 − z₈)p₅

5. Sum of paths
   df/dc₅ = (df/dz₅)(dz₅/dc₅) + (df/dz₆)(dz₆/dc₅) + (df/dz₇)(dz₇/dc₅) + (df/dz₈)(dz₈/dc₅)
          = ¼(ŷ − y)[z₅(1 − z₅)p₁ + z₆(1 − z₆)p₂ + z₇(1 − z₇)p₄ + z₈(1 − z₈)p₅]

6. Numbers
   i  aᵢ   zᵢ      zᵢ(1 − zᵢ)  daᵢ/dc₅  product
   ────────────────────────────────────────────
   5  0.5  0.6225  0.235       p₁ = 0   0
   6  0    0.5     0.25        p₂ = 1   0.25
   7  0.5  0.6225  0.235       p₄ = 0   0
   8  0    0.5     0.25        p₅ = 1   0.25
   With ŷ = 0.5306, y = 1:
   df/dc₅ = ¼(ŷ − y)·0.5 = ¼(0.5306 − 1)·0.5 = −0.05867
   Finite difference: −0.05867 ✓
   Beware of 2√f for 2(ŷ − y): √f = |ŷ − y|, and here ŷ < y: it would give 0.05867 and step uphill.

7. Update
   c₅ ← c₅ − η(df/dc₅) = 1 − 0.1(−0.05867) = 1.00587
   f goes from 0.220322 to 0.219978 (c₅ alone).
"""


def test_exercise_2_reads_as_it_should() -> None:
    ex = two_conv_average()
    assert str(explain(ex.loss, [ex.parameters["c_5"]], through="z")) == EXERCISE_2_C_5


A = ["z₁(1 − z₁)p{}", "z₂(1 − z₂)p{}", "z₃(1 − z₃)p{}", "z₄(1 − z₄)p{}"]
B = ["z₅(1 − z₅)p{}", "z₆(1 − z₆)p{}", "z₇(1 − z₇)p{}", "z₈(1 − z₈)p{}"]


def paths(terms: list[str], *subscripts: str, weights: str = "") -> str:
    pieces = [term.format(p) for term, p in zip(terms, subscripts, strict=True)]
    return (
        " + ".join(f"w{w}{piece}" for w, piece in zip(weights, pieces, strict=True)) if weights else " + ".join(pieces)
    )


PIXELS = {1: "₁₂₄₅", 2: "₂₃₅₆", 3: "₄₅₇₈", 4: "₅₆₈₉"}  # that the weight c_j meets in the four windows

PRINTED = {  # the lecture's results and its exercises, with 2(ŷ − y) where it has 2√f
    **{("single_layer", f"w_{j}"): f"2(ŷ − y)z{'₁₂₃'[j - 1]}" for j in (1, 2, 3)},
    ("single_layer", "s_1"): "2(ŷ − y)w₁z₁(1 − z₁)x₁",
    ("single_layer", "s_2"): "2(ŷ − y)w₁z₁(1 − z₁)x₂",
    ("single_layer", "u_1"): "2(ŷ − y)w₂z₂(1 − z₂)x₁",
    ("single_layer", "u_2"): "2(ŷ − y)w₂z₂(1 − z₂)x₂",
    ("single_layer", "v_1"): "2(ŷ − y)w₃z₃(1 − z₃)x₁",
    ("single_layer", "v_2"): "2(ŷ − y)w₃z₃(1 − z₃)x₂",
    **{("conv_average", f"c_{j}"): f"½(ŷ − y)[{paths(A, *PIXELS[j])}]" for j in PIXELS},
    **{("conv_linear", f"c_{j}"): f"2(ŷ − y)[{paths(A, *PIXELS[j], weights='₁₂₃₄')}]" for j in PIXELS},
    **{("conv_linear", f"w_{j}"): f"2(ŷ − y)z{'₁₂₃₄'[j - 1]}" for j in PIXELS},
    **{("two_conv_average", f"c_{j}"): f"¼(ŷ − y)[{paths(A, *PIXELS[j])}]" for j in PIXELS},
    **{("two_conv_average", f"c_{j + 4}"): f"¼(ŷ − y)[{paths(B, *PIXELS[j])}]" for j in PIXELS},
    ("two_conv_average_linear", "w_1"): "½(ŷ − y)(z₁ + z₂ + z₃ + z₄)",
    ("two_conv_average_linear", "w_2"): "½(ŷ − y)(z₅ + z₆ + z₇ + z₈)",
    **{("two_conv_average_linear", f"c_{j}"): f"½(ŷ − y)w₁[{paths(A, *PIXELS[j])}]" for j in PIXELS},
    **{("two_conv_average_linear", f"c_{j + 4}"): f"½(ŷ − y)w₂[{paths(B, *PIXELS[j])}]" for j in PIXELS},
    **{("two_conv_linear", f"w_{j}"): f"2(ŷ − y)z{'₁₂₃₄₅₆₇₈'[j - 1]}" for j in range(1, 9)},
    **{("two_conv_linear", f"c_{j}"): f"2(ŷ − y)[{paths(A, *PIXELS[j], weights='₁₂₃₄')}]" for j in PIXELS},
    **{("two_conv_linear", f"c_{j + 4}"): f"2(ŷ − y)[{paths(B, *PIXELS[j], weights='₅₆₇₈')}]" for j in PIXELS},
}


def test_every_parameter_has_its_printed_result() -> None:
    assert set(PRINTED) == {(name, label) for name in networks.NETWORKS for label in example(name).parameters}


@pytest.mark.parametrize(("name", "label"), PRINTED)
def test_the_lectures_results(name: str, label: str) -> None:
    ex = example(name)
    derivation = explain(ex.loss, ex.parameters[label])
    assert text(derivation.gradients[label]) == PRINTED[name, label]
    assert f"= {PRINTED[name, label]}\n" in derivation.text()


@pytest.mark.parametrize("name", slow_but("single_layer", "conv_average", among=networks.NETWORKS))
@pytest.mark.parametrize("options", [{}, {"activation": "relu", "regularise": 0.001}])
def test_every_derivation_is_well_formed_and_agrees(name: str, options: dict[str, Any]) -> None:
    ex = example(name, **options)
    for parameter in ex.parameters.values():
        derivation = explain(ex.loss, parameter, written_out=True)
        assert "✓" in derivation.text()
        assert "✗" not in derivation.text()
        check_latex(derivation.latex())
        check_latex(derivation._repr_latex_())
        check_html(derivation._repr_html_())


def check_html(page: str) -> None:
    for element in ElementTree.fromstring(page).iter("{http://www.w3.org/1998/Math/MathML}math"):
        check_mathml(element)


def test_a_wrong_emission_is_caught() -> None:
    ex, x = example("conv_average"), sympy.Symbol("c_1")
    derivation = explain(ex.loss, ex.parameters["c_1"])
    right = sympy.diff(sympy_loss("conv_average"), x)
    left, gradient = derivation.definitions[-1]
    for wrong in (simplified(multiply(number(2), gradient)), add(gradient, symbol("p_1")), gradient.args[-1]):
        derivation.definitions[-1] = (left, wrong)
        point = {s: 0.1 * (i + 1) for i, s in enumerate(sorted(right.free_symbols, key=str))}
        assert abs((read_back(derivation) - right).subs(point)) > 1e-6


def test_relu_and_regularisation() -> None:
    ex = example("conv_linear", activation="relu", regularise=0.01)
    derivation = explain(ex.loss, ex.parameters["c_1"])
    total = " + ".join(f"w{i}[a{i} > 0]p{p}" for i, p in zip("₁₂₃₄", "₁₂₄₅", strict=True))
    assert text(derivation.gradients["c_1"]) == f"2(ŷ − y)({total}) + 2λc₁"
    assert "c₁ acts through z₁, …, z₄ and in f directly." in str(derivation)
    assert "[...] is 1 where the condition holds, else 0." in str(derivation)
    assert "Beware of" not in str(derivation)  # √f is not |ŷ − y| there


def test_a_long_regularisation_leaves_the_common_factor_of_the_paths_in_front() -> None:
    ex = example("two_conv_linear", regularise=0.01)
    derivation = explain(ex.loss, ex.parameters["c_5"])
    assert "df/dt₁" in str(derivation)  # the sum of all squared parameters has got a name
    paths = " + ".join(f"w{i}z{i}(1 − z{i})p{p}" for i, p in zip("₅₆₇₈", "₁₂₄₅", strict=True))
    assert text(derivation.gradients["c_5"]) == f"2(ŷ − y)[{paths}] + 2λc₅"


def test_the_sign_that_the_lecture_loses() -> None:
    network = networks.conv_average(seed=1)
    ex = network.example(IMAGE, 0.0)
    assert "√f = |ŷ − y| is the same while ŷ > y, as here" in str(explain(ex.loss, ex.parameters["c_1"]))


def test_several_parameters() -> None:
    ex = example("single_layer")
    derivation = explain(ex.loss, [ex.parameters["s_1"], ex.parameters["s_2"]])
    assert list(derivation.gradients) == ["s_1", "s_2"]
    titles = [line for line in str(derivation).splitlines() if line[:1].isdigit()]
    assert titles[:3] == ["1. Loss, s₁", "2. Where it acts, s₁", "3. Outer, s₁"]
    assert sum("Loss" in title for title in titles) == 1  # the second parameter's would be the same


def test_at_other_numbers() -> None:
    ex = example("single_layer")
    derivation = explain(ex.loss, ex.parameters["w_1"], at={"w_1": 2.0, "w_2": 0.0, "w_3": 0.0, "x_1": 0.0, "x_2": 0.0})
    assert "df/dw₁ = 2(1 − 1)·0.5 = 0" in str(derivation)
    assert ex.parameters["w_1"].data != 2.0
    with pytest.raises(ValueError, match=r"f has no leaf q: its leaves are x_1, x_2"):
        explain(ex.loss, ex.parameters["w_1"], at={"q": 1.0})


def test_through_what_is_asked_for() -> None:
    ex = example("single_layer")
    s = ex.parameters["s_1"]
    assert "df/da₁ = 2(ŷ − y)w₁z₁(1 − z₁)" in str(explain(ex.loss, s, through="a"))
    assert "df/dŷ = 2(ŷ − y)" in str(explain(ex.loss, s, through=ex.prediction))
    with pytest.raises(ValueError, match="f was computed from nothing that is called q"):
        explain(ex.loss, s, through="q")


def test_second_derivatives() -> None:
    ex = example("conv_average")
    (g,) = mg.grad(ex.loss, [ex.parameters["c_1"]])
    g.label = "g"
    leaves = [*ex.inputs, ex.y, *ex.parameters.values()]
    for label in ("c_1", "c_2"):
        derivation = explain(g, ex.parameters[label], through="z")
        (expected,) = mg.grad(g, [ex.parameters[label]])
        assert evaluated(derivation, leaves) == pytest.approx(expected.item(), rel=1e-12)
        assert f"dg/d{text(symbol(label))} = " in str(derivation)
        assert "✓" in str(derivation)


def test_formulas_are_linear_in_the_graph() -> None:
    sizes = []
    for count in (20, 40, 80):
        x = Value(0.5, label="x")
        node = x
        for _ in range(count):
            node = node.sigmoid() * node + 0.1
        derivation = explain(node, x)
        sizes.append(len(derivation.python()))
        (expected,) = mg.grad(node, [x])
        assert evaluated(derivation, [x]) == pytest.approx(expected.item(), rel=1e-10)
    assert sizes[2] - sizes[1] < 2.2 * (sizes[1] - sizes[0])


def test_nested_kinks_stay_short() -> None:
    x, y = Value(-0.5, label="x"), Value(0.1, label="y")
    node = x
    for _ in range(12):
        node = mg.maximum(mg.where(node > y, node, 2 * node).abs().relu(), y)
    derivation = explain(node, x)
    (expected,) = mg.grad(node, [x])
    assert evaluated(derivation, [x, y]) == pytest.approx(expected.item(), rel=1e-10)
    assert len(derivation.python()) < 10_000


@pytest.mark.slow
def test_long_sums_and_deep_labelled_chains() -> None:
    x = Value(0.5, label="x_1")
    node = x
    for i in range(400):
        node = (node * 0.9).sin() if hasattr(node, "sin") else (node * 0.9 + 0.1).tanh()
        node.label = f"h_{i}"
    many = [Value(0.001 * i, label=f"v_{i}") for i in range(1, 1500)]
    total = node
    for v in many:
        total = total + v * v
    derivation = explain(total.square(), x)
    (expected,) = mg.grad(total.square(), [x])
    assert evaluated(derivation, [x, *many]) == pytest.approx(expected.item(), rel=1e-10)


def test_unlabelled_graphs() -> None:
    p, q = Value(0.5), Value(2.0)
    derivation = explain((p * q).tanh() * p, p)
    assert text(derivation.gradients["v_1"]) == "tanh(v₁v₂) + v₁(1 − tanh(v₁v₂)²)v₂"
    assert "✓" in str(derivation)


def test_two_leaves_of_one_label_are_told_apart() -> None:
    p, q = Value(0.5, label="w"), Value(2.0, label="w")
    assert text(explain(p * q, p).gradients["w"]) == "w₁"


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_arrays(name: str) -> None:
    network = networks.NETWORKS[name](seed=1)
    rng = np.random.default_rng(0)
    x, y = Value(rng.normal(size=(5, network.inputs)), label="X"), Value(rng.normal(size=5), label="y")
    derivation = explain(network.loss(x, y), list(network.parameters.values()))
    assert "✓" in str(derivation)
    assert "✗" not in str(derivation)
    assert "df/dŷ = (2/5)(ŷ − y) (5)" in str(derivation)
    check_latex(derivation.latex())
    check_html(derivation.mathml())


def test_paths_that_are_no_paths() -> None:
    x, y = Value(0.5, label="x"), Value(2.0, label="y")
    assert "x has no effect: its derivative is 0." in str(explain((x * 0.0).tanh() + y, x))
    assert "x has no effect: its derivative is 0." in str(explain(mg.where(x > 0, y, 2 * y), x))
    positive = x > 0  # used twice, so it has a name, and yet no gradient flows through it
    f = mg.where(positive, x * y, y) * mg.where(positive, 2 * y, x)
    assert evaluated(explain(f, x), [x, y]) == pytest.approx(8.0)
    v = Value(np.array([1.0, 2.0, 3.0]), label="v")
    for f in [
        mg.sum(mg.where(np.array([True, False, True]), v * 2, v.exp())),
        (v @ v) + mg.max(v),
        v.softmax()[1].log() + v[0] * v[2],
        mg.stack([v, v.tanh()]).mean() + mg.concatenate([v, v]).square().sum(),
    ]:
        assert "✓" in str(explain(f, v))
        assert "✗" not in str(explain(f, v))


def test_an_intermediate_has_a_derivative_and_no_update() -> None:
    ex = example("single_layer")
    told = str(explain(ex.loss, ex.z[0]))
    assert "df/dz₁ = (df/dŷ)(dŷ/dz₁) = 2(ŷ − y)w₁" in told
    assert "✓" in told
    assert "Update" not in told


def test_written_out() -> None:
    ex = example("single_layer")
    told = str(explain(ex.loss, ex.parameters["s_1"], written_out=True))
    assert "df/ds₁ = 2(ŷ − y)w₁σ(s₁x₁ + s₂x₂)(1 − σ(s₁x₁ + s₂x₂))x₁" in told


def bent(w: Value, x: Value) -> Value:
    """A long formula of wx, whose derivative keeps its name."""
    v = w * x
    return 0.5 * v * (1.0 + mg.tanh(math.sqrt(2.0 / math.pi) * (v + 0.044715 * v**3)))


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        (bent, "With df/dt₁ = 1.083, x = 2:\n   df/dw = 1.083·2 = 2.166"),
        (lambda w, x: bent(w, x) ** 2 + w * w, "df/dw = "),
        (lambda w, x: bent(bent(w, x), x), "df/dw = "),
        (lambda w, x: bent(w, x) * mg.sin(bent(w * w, x)) + mg.tanh(bent(w, x)), "df/dw = "),
    ],
)
def test_numbers_stand_for_whole_derivatives(loss: Callable[[Value, Value], Value], told: str) -> None:
    w, x = Value(0.5, label="w"), Value(2.0, label="x")
    derivation = explain(loss(w, x), w, written_out=True)
    assert told in derivation.text()
    assert "✓" in derivation.text()
    assert not re.search(r"d[\d(]\S*/d|/d[\d(]", derivation.text())
    assert not re.search(r"\\frac\{d[^a-z]|\}\{d[^a-z]", derivation.latex())
    assert not re.search(r"<mi>d</mi>(<mrow>)*<m[no]", derivation.mathml())
    for _, right in derivation.definitions:
        named = [e for e in quantities(right) if e.head == "derivative"]
        assert all(part.head == "symbol" for e in named for part in e.args)


def test_labels_that_python_keeps_for_itself() -> None:
    rate = Value(0.5, label="lambda")
    w = Value(3.0, label="w")
    derivation = explain(rate * w.square(), w)
    assert derivation.python().splitlines()[-1] == "df_dw = 2*lambda_*w"
    assert text(derivation.gradients["w"]) == "2λw"


def test_arrays_in_matrix_notation() -> None:
    network = networks.single_layer(seed=1)
    x, y = Value(np.ones((5, 2)), label="X"), Value(np.zeros(5), label="y")
    derivation = explain(network.loss(x, y), list(network.parameters.values()))
    assert text(derivation.gradients["w"]) == "zᵀ(df/dŷ)"
    assert text(derivation.gradients["S"]) == "[(df/dz) ⊙ z ⊙ (1 − z)]ᵀX"
    unnamed = explain(network.loss(np.arange(10.0).reshape(5, 2), np.arange(5.0)), network.parameters["S"])
    assert "K₁ is of shape 5×2." in str(unnamed)


def test_broadcasting_is_explained() -> None:
    x, b = Value(np.ones((3, 2)), label="x"), Value(np.array([0.1, 0.2]), label="b")
    derivation = explain((x + b).square().sum(), b)
    assert "b (2) was repeated to 3×2: its gradient is summed over axis 0." in str(derivation)
    u = Value(np.array([0.1, 0.2]), label="u")
    derivation = explain(mg.broadcast_to(u, (3, 2)).exp().sum(), u)
    assert "u (2) was repeated to 3×2: its gradient is summed over axis 0." in str(derivation)


def test_errors_say_what_to_do() -> None:
    x, w = Value(np.ones(2), label="x"), Value(1.0, label="w")
    with pytest.raises(ValueError, match=r"x has shape \(2,\)|unlabelled result of mul has shape \(2,\)"):
        explain(x * 2, x)
    with pytest.raises(ValueError, match="was not computed from w: its derivative is 0"):
        explain(x.sum(), w)
    with pytest.raises(ValueError, match="w was computed from nothing"):
        explain(w, w)
    with pytest.raises(TypeError, match="wrap it in Value"):
        explain(w * 2, [1.0])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="needs a Value"):
        explain(w * 2, [])


def test_a_long_equation_of_the_page_takes_a_row_for_each_of_its_signs() -> None:
    example = networks.two_conv_average(seed=1).example(np.arange(9.0) / 9.0, 1.0)
    page = explain(example.loss, example.parameters["c_5"], through="z").mathml()
    *_, sums = page.split("Sum of paths")
    rows = sums.split("</table>")[0].split("<tr>")[1:]
    assert len(rows) == 2
    assert rows[1].startswith("<td></td><td><math")
    assert "<mrow><mo>=</mo>" in rows[1]


def test_powers_of_values() -> None:
    x = Value(0.7, label="x")
    assert text(explain(x**x, x).gradients["x"]) == "x^x + f·log(x)"
    y = Value(1.3, label="y")
    for exponent, slope in ((y, "yx^(y − 1)"), (x * y, "y[x^(xy) + f·log(x)]"), (y**2, "y²x^(y² − 1)")):
        assert text(explain(x**exponent, x).gradients["x"]) == slope
    told = str(explain(x ** (x**x), x))
    assert "f·log(x)x^x + f·log(x)²x^x" in told
    assert " if " not in told


def test_nested_cases_are_named() -> None:
    x, y = Value(0.7, label="x"), Value(1.3, label="y")
    f = mg.maximum(mg.maximum(x, y), mg.minimum(x * y, mg.where(x > y, x, y * y)))
    told = str(explain(f, x))
    assert "t₁ = x[x > y] + y²[x ≤ y]\n" in told
    assert "t₂ = min(xy, t₁)" in told
    assert "✓" in told


def test_numbers_of_single_precision() -> None:
    v, w = Value(np.full(3, 0.3, np.float32), label="v"), Value(0.3, label="w")
    for f, by in (((v * 2).tanh().sum(), v), ((v * w).sum().tanh(), w), ((v * w).sum().tanh(), v)):
        assert "✓" in str(explain(f, by))
        assert "✗" not in str(explain(f, by))


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: (x - 2.0).sqrt(), "f = NaN is not finite at"),
        (lambda x: (x - 2.0).log(), "f = NaN is not finite at"),  # whose rule gives a finite number, 1/(x − 2)
        (lambda x: (x * 1000.0).exp().exp(), "f = ∞ is not finite at"),
        (lambda x: (x - 0.7) / 0.0, "f = NaN is not finite at"),
        (lambda x: (x * 0.0).log() * x, "f = −∞ is not finite at"),
        (lambda x: (x - 0.7).sqrt(), "df/dx = ∞ is not finite at"),
        (lambda x: (x - 0.7).sqrt() * (x - 0.7), "df/dx = NaN is not finite at"),
        (lambda x: mg.concatenate([mg.reshape(x - 2.0, (1,)), [1.0]]).log().sum(), "f = NaN is not finite at"),
        (lambda x: mg.sqrt(mg.stack([x - 0.7, x])).mean(), "df/dx = ∞ is not finite at"),
    ],
)
def test_what_is_not_finite_is_said_in_place_of_numbers_and_an_update(f: Callable[[Value], Value], says: str) -> None:
    x = Value(0.7, label="x")
    derivation = explain(f(x), x)
    assert f"{says} these numbers: " in str(derivation)
    titles = [step.title for step in derivation.steps]
    assert titles[-1] == "Numbers"
    assert "Finite difference" not in str(derivation)
    assert "finite difference" not in str(derivation)
    check_latex(derivation.latex())
    check_html(derivation.mathml())


def test_arrays_where_f_is_not_finite() -> None:
    w = Value([-1.0, 2.0], label="w")
    assert "f = NaN is not finite at these numbers: it has no derivative there, and descent no step." in str(
        explain(w.log().sum(), w)
    )
    w = Value([0.0, 2.0], label="w")
    assert "df/dw is not finite at these numbers: descent has no step there." in str(explain(w.sqrt().sum(), w))


def test_a_step_that_leaves_where_f_is_finite_says_so() -> None:
    x = Value(0.05, label="x")
    assert "NaN (x alone): the step leaves where it is finite" in str(explain(x.log(), x))
    w = Value([0.05, 2.0], label="w")
    assert "NaN (w alone): the step leaves where it is finite" in str(explain(w.log().sum(), w))


def test_kinks_are_not_called_right() -> None:
    x = Value(0.0, label="x")
    assert "✗: a kink nearby, rounding, or a chain rule that is wrong" in str(explain(mg.relu(x), x))


@pytest.mark.usefixtures("own_primitives")
def test_a_wrong_rule_of_ones_own_is_noticed() -> None:
    cube = mg.primitive("cube", lambda a: a**3, [lambda g, y, a: g * (2.0 * a * a)], "a ** 3")
    x = Value(0.5, label="x")
    derivation = explain(cube(x) * x, x)
    assert "f = a³x" not in str(derivation)
    assert "f = x³x" in str(derivation)
    assert "✗" in str(derivation)


def test_arrays_without_numbers() -> None:
    empty, x = Value(np.zeros((0, 3)), label="E"), Value(0.5, label="x")
    f = empty.sum() + x * x
    assert "df/dx = 2x" in str(explain(f, x))
    assert "(0×3)" in str(explain(f, empty))


def test_labels_that_look_alike_are_told_apart() -> None:
    labels = ["c1", "c_1", "lambda", "λ", "2", "exp", "df_dc1", "a b", "a-b", "", "\x1b[2J"]
    leaves = [Value(0.5 + 0.1 * i, label=label) for i, label in enumerate(labels)]
    f = leaves[0].exp()
    for leaf in leaves[1:]:
        f = f * leaf
    derivation = explain(f, leaves[0])
    names = [text(name) for name in Graph(f).names.values()]
    assert len(set(names)) == len(names) == len(labels) + 1
    known: dict[str, Any] = {python(name): node.data for node, name in Graph(f).names.items() if node.op is None}
    exec(derivation.python(), SPACE, known)
    assert known["df_dc1"] == pytest.approx(f.item(), rel=1e-12)
    assert "\x1b" not in str(derivation) + derivation.latex() + derivation.mathml()


@pytest.mark.slow
@pytest.mark.parametrize("label", [None, "h"])
def test_deep_graphs(label: str | None) -> None:
    x = Value(0.5, label="x")
    node = x
    for i in range(400):
        node = (node * 0.9 + 0.1).tanh()
        node.label = None if label is None else f"{label}_{i}"
    derivation = explain(node, x)
    assert evaluated(derivation, [x]) == pytest.approx(mg.grad(node, [x])[0].item(), rel=1e-10)
    check_latex(derivation.latex())
    check_html(derivation.mathml())


def test_several_outputs_share_a_page() -> None:
    w, x = Value(0.3, label="w"), Value(2.0, label="x")
    outputs = [(w * x).tanh(), (w * w).sigmoid()]
    for output, label in zip(outputs, ("o_1", "o_2"), strict=True):
        output.label = label
    f = (outputs[0] - 1.0).square() + outputs[1].square()
    derivation = explain(f, w)
    assert "w acts through o₁, o₂." in str(derivation)
    assert "df/dw = (df/do₁)(do₁/dw) + (df/do₂)(do₂/dw)" in str(derivation)
    assert "✓" in str(derivation)


@pytest.mark.parametrize(
    ("loss", "written"),
    [
        (lambda w, x, b: mg.maximum(w * x, b), "{1 if wx > b, ½ if wx = b, else 0}x"),
        (lambda w, x, b: mg.minimum(b, w * x), "{1 if wx < b, ½ if wx = b, else 0}x"),
        (lambda w, x, b: 3.0 * mg.minimum(w, x) * b, "b{3 if w < x, 3/2 if w = x, else 0}"),
        (lambda w, x, b: mg.clip(w, 0.0, 1.5) ** 2 * x, "2xw[w ≥ 0][w ≤ 3/2]"),
        (lambda w, x, b: mg.clip(w, 0.0, 1.5) ** 2 + b * mg.clip(w, 0.0, 1.5), None),
        (lambda w, x, b: mg.where(w > 0, x, w) * mg.where(w > 0, b, w), None),
    ],
)
def test_cases_are_read_one_by_one_and_keep_their_ties(loss: Callable[..., Value], written: str | None) -> None:
    for point in ((-0.5, 2.0, 1.0), (0.0, 2.0, 0.0), (0.5, 2.0, 1.0), (1.5, 1.5, 2.25), (1.8, 1.0, 0.3)):
        leaves = [Value(v, label=name) for v, name in zip(point, "wxb", strict=True)]
        derivation = explain(loss(*leaves), leaves[0])
        assert evaluated(derivation, leaves) == mg.grad(loss(*leaves), leaves[0])[0].item()
        assert written is None or text(derivation.gradients["w"]) == written


def test_a_measured_one_is_no_factor() -> None:
    w, x, b, y = (Value(v, label=name) for v, name in zip((0.5, 2.0, 0.3, 1.0), "wxby", strict=True))
    told = explain(mg.sin(w * x + b) * y, w)
    assert "= cos(0.5·2 + 0.3)·2 = " in told.text()
    assert "df/dw = 2·1 = 2" in explain(y * w * x, w).text()


@pytest.mark.parametrize(
    "loss",
    [
        lambda z: nn.cross_entropy(z, np.array([0, 2])),
        lambda z: (mg.softmax(z) ** 2).sum(),
        lambda z: -2.0 * mg.log_softmax(z)[0, 1],
    ],
)
def test_softmax_reads_as_every_class_needs_it(loss: Callable[[Value], Value]) -> None:
    z = Value(np.array([[0.3, -1.2, 0.8], [0.1, 0.2, 0.3]]), label="Z")
    derivation = explain(loss(z), z)
    assert text(derivation.gradients["Z"]) == "df/dt₁ − exp(t₁) ⊙ sum(df/dt₁, axis −1)"
    assert derivation.text().count("✓") == 6
