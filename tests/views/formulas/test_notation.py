"""Formulas: how a graph is written in four languages, where brackets go, and what simplification keeps."""

from __future__ import annotations

import inspect
import re
from fractions import Fraction
from itertools import chain, product, repeat
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import fill
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    call,
    derivative,
    divide,
    equation,
    minus,
    multiply,
    number,
    power,
    root,
    symbol,
    value,
)
from microgradcnn.views.formulas.notation import formula, latex, mathml, parsed, python, text
from microgradcnn.views.formulas.typeset import Typeable, indicated

a, b, c, y = map(symbol, "abcy")
y_hat, z, x = symbol("y_hat"), symbol("z_1"), symbol("x_1")
half = number(Fraction(1, 2))
sigmoid_rule = multiply(call("sigmoid", a), add(number(1), minus(z)))
links = multiply(derivative(a, z), derivative(z, x))
positive = Expr("compare", (a, number(0)), ">")

PRECEDENCE = [
    (multiply(number(2), add(y_hat, minus(y))), "2(ŷ − y)", r"2 (\hat{y} - y)", "2*(y_hat - y)"),
    (add(a, minus(add(b, minus(c)))), "a − (b − c)", "a - (b - c)", "a - (b - c)"),
    (add(minus(a), b), "−a + b", "-a + b", "-a + b"),
    (add(a, multiply(number(-3), b)), "a − 3b", "a - 3 b", "a - 3*b"),
    (multiply(a, minus(b)), "a(−b)", "a (-b)", "a*(-b)"),
    (power(add(a, b), number(2)), "(a + b)²", "(a + b)^{2}", "(a + b)**2"),
    (power(multiply(a, b), number(2)), "(ab)²", "(a b)^{2}", "(a*b)**2"),
    (power(minus(a), number(2)), "(−a)²", "(-a)^{2}", "(-a)**2"),
    (power(number(-2), number(2)), "(−2)²", "(-2)^{2}", "(-2)**2"),
    (minus(power(a, number(2))), "−a²", "-a^{2}", "-a**2"),
    (power(power(a, b), c), "(a^b)^c", "(a^{b})^{c}", "(a**b)**c"),
    (power(a, power(b, c)), "a^(b^c)", "a^{b^{c}}", "a**(b**c)"),
    (power(a, minus(b)), "a^(−b)", "a^{-b}", "a**(-b)"),
    (power(number(2), a), "2^a", "2^{a}", "2**a"),
    (power(half, a), "½^a", r"(\frac{1}{2})^{a}", "(1/2)**a"),
    (divide(a, multiply(b, c)), "a/(bc)", r"\frac{a}{b c}", "a/(b*c)"),
    (divide(add(a, b), number(4)), "(a + b)/4", r"\frac{a + b}{4}", "(a + b)/4"),
    (multiply(divide(a, b), c), "(a/b)c", r"\frac{a}{b} c", "(a/b)*c"),
    (divide(a, divide(b, c)), "a/(b/c)", r"\frac{a}{\frac{b}{c}}", "a/(b/c)"),
    (multiply(number(2), power(a, number(-1))), "2/a", r"\frac{2}{a}", "2/a"),
    (multiply(half, power(a, number(-2)), b), "b/(2a²)", r"\frac{b}{2 a^{2}}", "b/(2*a**2)"),
    (root(add(a, b)), "√(a + b)", r"\sqrt{a + b}", "(a + b)**(1/2)"),
    (power(root(a), number(2)), "(√a)²", r"\sqrt{a}^{2}", "(a**(1/2))**2"),
    (sigmoid_rule, "σ(a)(1 − z₁)", r"\sigma(a) (1 - z_{1})", "sigmoid(a)*(1 - z_1)"),
    (links, "(da/dz₁)(dz₁/dx₁)", r"\frac{da}{dz_{1}} \frac{dz_{1}}{dx_{1}}", "da_dz_1*dz_1_dx_1"),
    (multiply(number(2), half, half), "2·½·½", r"2 \cdot \frac{1}{2} \cdot \frac{1}{2}", "2*(1/2)*(1/2)"),
    (multiply(symbol("rate"), a), "rate·a", r"\mathit{rate} \cdot a", "rate*a"),
    (number(Fraction(3, 16)), "3/16", r"\frac{3}{16}", "3/16"),
    (multiply(number(Fraction(3, 16)), a), "(3/16)a", r"\frac{3}{16} a", "(3/16)*a"),
    (number(-0.25), "−¼", r"-\frac{1}{4}", "-1/4"),
    (number(0.1), "0.1", "0.1", "1/10"),
    (number(0.123456789), "0.123456789", "0.123456789", "123456789/1000000000"),
    (Expr("transpose", (Expr("matmul", (a, b)),)), "(ab)ᵀ", r"(a b)^{\top}", "(a @ b).T"),
    (Expr("hadamard", (a, add(b, c))), "a ⊙ (b + c)", r"a \odot (b + c)", "a*(b + c)"),
    (multiply(Expr("indicator", (positive,)), b), "[a > 0]b", "[a > 0] b", "where(a > 0, 1, 0)*b"),
]  # fmt: skip


@pytest.mark.parametrize(("e", "unicode", "tex", "code"), PRECEDENCE)
def test_brackets_only_where_they_are_needed(e: Expr, unicode: str, tex: str, code: str) -> None:
    assert text(e) == unicode
    assert latex(e).replace(r"\left", "").replace(r"\right", "") == tex
    assert python(e) == code


@pytest.mark.parametrize("e", [row[0] for row in PRECEDENCE])
def test_mathml_is_well_formed_and_only_core(e: Expr) -> None:
    check_mathml(mathml(e))


def check_mathml(page: str | ElementTree.Element) -> None:
    core = "math mrow mi mn mo mtext mfrac msqrt msup msub mover munder mtable mtr mtd"
    arity = {"mfrac": 2, "msup": 2, "msub": 2, "mover": 2, "munder": 2}
    for element in (ElementTree.fromstring(page) if isinstance(page, str) else page).iter():
        tag = element.tag.removeprefix("{http://www.w3.org/1998/Math/MathML}")
        assert tag in core.split()
        assert len(element) == arity.get(tag, len(element)), ElementTree.tostring(element)
        if tag in ("mi", "mn", "mo"):
            assert len(element) == 0
            assert element.text


def check_latex(tex: str) -> None:
    plain = re.sub(r"\\[{}\\]", "", tex)
    assert plain.count("{") == plain.count("}")
    assert tex.count(r"\left") - tex.count(r"\leftarrow") == tex.count(r"\right")
    assert tex.count(r"\begin") == tex.count(r"\end")
    assert tex.isascii(), [c for c in tex if not c.isascii()]


@pytest.mark.parametrize(
    ("label", "unicode", "tex"),
    [
        ("c_1", "c₁", "c_{1}"),
        ("w1", "w₁", "w_{1}"),
        ("c_12", "c₁₂", "c_{12}"),
        ("s_1_2", "s₁₂", "s_{1,2}"),
        ("s_11_2", "s₁₁,₂", "s_{11,2}"),
        ("sigma", "σ", r"\sigma"),
        ("y_hat", "ŷ", r"\hat{y}"),
        ("y_hat_3", "ŷ₃", r"\hat{y}_{3}"),
        ("theta_i", "θᵢ", r"\theta_{i}"),
        ("x_in", "xᵢₙ", r"x_{\mathit{in}}"),
        ("w_best", "w_best", r"w_{\mathit{best}}"),
        ("learning rate", "learning rate", r"\textit{learning rate}"),
        ("λ", "λ", r"\lambda"),
        ("Δx_1", "Δx₁", r"\textit{$\Delta$x}_{1}"),
        ("größe", "größe", r"\textit{gr\"{o}\ss{}e}"),
        ("50%_{a}", "50%_{a}", r"\textit{50\%}_{\textit{\{a\}}}"),
        ("权", "权", r"\textit{U+6743}"),
        ("a\x1b[2J\n", "a\ufffd[2J\ufffd", r"\textit{aU+FFFD[2JU+FFFD}"),
        ("", "_", r"\textit{\_}"),
        ("_3", "_₃", r"\textit{\_}_{3}"),
    ],
)
def test_labels_become_symbols(label: str, unicode: str, tex: str) -> None:
    assert (text(symbol(label)), latex(symbol(label))) == (unicode, tex)
    check_mathml(mathml(symbol(label)))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1 * 2 * (a + -b)", "2(a − b)"),
        ("2 * a / 2 / 4", "¼a"),
        ("a * (1 + -1 * a)", "a(1 − a)"),
        ("1 - (1 - a)", "a"),
        ("a + a + 2 * a", "4a"),
        ("a * a * b / a", "ab"),
        ("a - b - a", "−b"),
        ("-(a - b)", "b − a"),
        ("0 * a + b", "b"),
        ("sqrt(a) * sqrt(a)", "a"),
        ("(2 * a) ** 2", "4a²"),
        ("a ** 1 * b ** 0", "a"),
        ("0.25 * a + 0.25 * b", "¼(a + b)"),
        ("2 * a * b + 4 * a * c", "2a(b + 2c)"),
        ("-a * b - a * c", "−a(b + c)"),
        ("where(a > 0, b, 0)", "b[a > 0]"),
        ("where(a > 0, 0, b)", "b[a ≤ 0]"),
        ("where(a > 0, b, where(a < 0, -b, 0 * a))", "b·sign(a)"),
        ("where(a == a, b, c)", "b"),
        ("where(a + b > a + b, b, c)", "c"),
        ("where(a < c, where(a >= a, b, c), 0)", "b[a < c]"),
        ("where(a < b, 2, 3)", "{2 if a < b, else 3}"),
        ("a / 0", "a/0"),
    ],
)
def test_simplification(written: str, expected: str) -> None:
    assert text(factored(simplified(parsed(written, {})))) == expected


@st.composite
def expressions(draw: st.DrawFn, depth: int = 4) -> Expr:
    kind = draw(
        st.sampled_from(["symbol", "number"] if depth == 0 else ["symbol", "number", "+", "-", "*", "/", "^", "f"])
    )
    if kind == "symbol":
        return draw(st.sampled_from([a, b, c]))
    if kind == "number":
        return number(draw(st.fractions(-3, 3, max_denominator=12)))
    parts = [draw(expressions(depth=depth - 1)) for _ in range(draw(st.integers(2, 3)))]
    if kind == "^":
        return power(parts[0], draw(st.sampled_from([number(2), number(3), number(-1), number(1)])))
    return {
        "+": lambda: add(*parts),
        "-": lambda: add(parts[0], minus(parts[1])),
        "*": lambda: multiply(*parts),
        "/": lambda: divide(parts[0], parts[1]),
        "f": lambda: call("sin", parts[0]),
    }[kind]()


SYMBOLS = {name: sympy.Symbol(name) for name in "abc"}


def number_of(e: Any) -> complex:
    point = {SYMBOLS["a"]: 0.7310, SYMBOLS["b"]: -1.2345, SYMBOLS["c"]: 2.1719}
    return complex(sympy.sympify(e, locals=SYMBOLS).subs(point))


@pytest.mark.slow
@given(expressions())
def test_simplification_keeps_the_value(e: Expr) -> None:
    before = number_of(python(e))
    if not np.isfinite(before) or abs(before) > 1e6:
        return
    for new in (simplified(e), factored(simplified(e)), simplified(simplified(e))):
        assert number_of(python(new)) == pytest.approx(before, rel=1e-9, abs=1e-9)


@pytest.mark.slow
@given(expressions())
def test_every_emitter_writes_what_is_meant(e: Expr) -> None:
    """The Unicode line read back by a small reader of its own gives what the Python line gives."""
    before = number_of(python(e))
    if not np.isfinite(before) or abs(before) > 1e6:
        return
    assert number_of(read_unicode(text(e))) == pytest.approx(before, rel=1e-9, abs=1e-9)
    check_latex(latex(e))
    check_mathml(mathml(e))


GLYPHS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅛": "1/8"}


def read_unicode(line: str) -> str:
    """A line of mathematics as Python: juxtaposed factors bind more tightly than a slash to their left."""
    line = line.replace("−", "-").replace("[", "(").replace("]", ")").replace("·", "*").replace("sin", "S")
    for glyph, fraction in GLYPHS.items():
        line = line.replace(glyph, f"({fraction})")
    line = re.sub(
        "[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "**(" + m[0].translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) + ")", line
    )
    line = line.replace("^", "**")
    line = re.sub(r"(?<=[\w)])(?=[abcS(])", "*", line)
    return line.replace("S*(", "sin(")


STATIC: dict[str, Any] = {"axis": (0,), "axes": (1, 0), "keepdims": False, "index": (0,), "dtype": np.dtype(np.float32)}
STATIC |= {"shape": (3, 2), **dict.fromkeys(("size", "stride", "image", "padding"), (1, 1))}


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_primitive_prints(name: str) -> None:
    op = TABLE[name]
    parameters = list(inspect.signature(op.forward).parameters) if not isinstance(op.forward, np.ufunc) else []
    count = len(op.chain) if isinstance(op.chain, tuple) else 2
    static = {p: STATIC[p] for p in parameters if p in STATIC}
    static |= {"axis": 1} if name in ("concatenate", "stack", "log_softmax") else {}
    nodes = [Value(np.arange(6.0).reshape(2, 3), label=label) for label in "ABC"[:count]]
    node = fill(Value.__new__(Value), np.ones((2, 3)), None, op, tuple(nodes), static)
    e = formula(node, {})
    assert set("ABC"[:count]) <= set(text(e))
    check_latex(latex(e))
    check_mathml(mathml(e))
    assert python(e)


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_of_ones_own_prints() -> None:
    swish = mg.primitive("swish", lambda x: x / (1 + np.exp(-x)), [lambda g, y, x: g], notation="x * sigmoid(x)")
    ratio = mg.primitive(
        "ratio", lambda a, b: b / a, [lambda g, y, a, b: g, lambda g, y, a, b: g], notation="b / (a + 1)"
    )
    p, q = Value(2.0, label="p"), Value(3.0, label="q_2")
    assert text(formula(swish(p), {})) == "swish(p)"
    assert text(formula(ratio(p, q), {})) == "q₂/(p + 1)"
    unwritten = mg.primitive("unwritten", np.exp, [lambda g, y, x: g])
    assert text(formula(unwritten(p), {})) == "unwritten(p)"
    bad = mg.primitive("bad", np.exp, [lambda g, y, x: g], notation="x if x else 1")
    with pytest.raises(ValueError, match="arithmetic on the inputs"):
        formula(bad(p), {})


def test_a_graph_is_written_down_to_what_has_a_name() -> None:
    w, x, t = Value(2.0, label="w"), Value(3.0, label="x"), Value(1.0, label="y")
    a = w * x
    f = (a.sigmoid() - t).square()
    assert text(formula(f, {})) == "(σ(wx) − y)²"
    assert text(formula(f, {a: symbol("a")})) == "(σ(a) − y)²"
    assert text(formula(a, {a: symbol("a")}, top=True)) == "wx"
    assert text(formula(a, {a: symbol("a")})) == "a"


def test_a_long_sum_is_one_sum() -> None:
    terms = [Value(float(i), label=f"x_{i}") for i in range(3000)]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    e = formula(total, {})
    assert len(e.args) == 3000
    assert text(simplified(e)).count("+") == 2999


def test_arrays_are_written_as_matrices() -> None:
    S, w, x = (Value(np.ones(s) * 0.5, label=n) for n, s in [("S", (3, 2)), ("w", (3,)), ("X", (5, 2))])
    assert text(formula((x @ S.T).sigmoid() @ w, {})) == "σ(XSᵀ)w"
    assert text(formula(w @ S, {})) == "Sᵀw"
    assert text(formula(w * w.exp(), {})) == "w ⊙ exp(w)"
    assert text(formula(2 * w, {})) == "2w"
    assert text(formula(mg.sum(S, axis=0), {})) == "sum(S, axis 0)"
    assert text(formula(S[1:, 0], {})) == "S[1:, 0]"
    assert text(formula(mg.stack([w, w]), {})) == "stack(w, w)"


def test_an_array_without_a_name_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"a constant of shape \(2,\) has no name to write it by: give it a label"):
        formula(Value(1.0, label="x") * np.array([1.0, 2.0]), {})


def test_words_are_escaped() -> None:
    odd = symbol("a&b<50%_#1")
    check_latex(latex(odd))
    check_mathml(mathml(equation(odd, call("f<g", odd))))


def test_cases_and_comparisons() -> None:
    e = parsed("where(a >= 0, b, -b)", {})
    assert text(e) == "{b if a ≥ 0, else −b}"
    assert latex(e) == r"\begin{cases} b & \text{if } a \ge 0 \\ -b & \text{else} \end{cases}"
    assert python(e) == "where(a >= 0, b, -b)"
    check_mathml(mathml(e))


def test_measured_numbers() -> None:
    numbers = [value(-0.0586741), value(1.00587, 6), value(2e-12), value(-0.0)]
    assert list(map(text, numbers)) == ["−0.05867", "1.00587", "2·10⁻¹²", "0"]
    assert list(map(latex, numbers)) == ["-0.05867", "1.00587", r"2 \cdot 10^{-12}", "0"]
    assert text(multiply(half, value(2e-12), value(-3))) == "½(2·10⁻¹²)(−3)"
    for number_ in numbers:
        check_mathml(mathml(number_))


def test_infinite_numbers() -> None:
    assert list(map(text, map(number, chain([np.inf, -np.inf], repeat(np.nan, 1))))) == ["∞", "−∞", "NaN"]
    assert latex(number(np.inf)) == r"\infty"


TEN = number(Fraction(1, 10**5))


@pytest.mark.parametrize(
    ("e", "unicode", "tex", "markup"),
    [
        (add(a, TEN), "a + 10⁻⁵", "a + 10^{-5}", "<msup><mn>10</mn><mn>−5</mn></msup>"),
        (minus(TEN), "−10⁻⁵", "-10^{-5}", "<mo>−</mo><msup><mn>10</mn><mn>−5</mn></msup>"),
        (multiply(a, number(1e-7)), "a·10⁻⁷", r"a \cdot 10^{-7}", "<mo>·</mo>"),
        (multiply(number(3e-7), a), "(3·10⁻⁷)a", r"(3 \cdot 10^{-7}) a", "<mn>3</mn><mo>·</mo><msup>"),
        (power(TEN, a), "(10⁻⁵)^a", "(10^{-5})^{a}", None),
        (number(10**16), "10¹⁶", "10^{16}", "<mn>16</mn>"),
        (multiply(y, call("cos", a)), "y·cos(a)", r"y \cos(a)", 'rspace="0.1667em"'),
        (Expr("matmul", (a, Expr("transpose", (symbol("0.w"),)))), "a·0.wᵀ", r"a \cdot \text{0.w}^{\top}", None),
        (multiply(symbol("enc.in_proj"), a), "enc.in_proj·a", r"\text{enc.in\_proj} \cdot a", "<mi>enc.in_proj</mi>"),
    ],
)  # fmt: skip
def test_numbers_functions_and_paths_stand_apart(e: Expr, unicode: str, tex: str, markup: str | None) -> None:
    assert text(e) == unicode
    assert latex(e) == tex
    assert (markup or "") in mathml(e)
    check_mathml(mathml(e))


def test_python_multiplies_functions() -> None:
    assert python(multiply(y, call("cos", a))) == "y*cos(a)"


def test_sums_and_roots_as_they_are_meant() -> None:
    terms = [Value(float(i), label=f"a_{i}") for i in range(3)]
    assert text(formula(sum(terms), {})) == "a₀ + a₁ + a₂"
    assert text(formula(Value(0.0) + Value(0.0), {})) == "0"
    v = Value([0.3, -1.2, 0.8], label="v")
    assert text(formula(v.std(), {})).endswith("/√3")
    for n in (2, 3, 12, 999):
        assert text(formula(v * n**0.5, {})) == f"v·√{n}"
    assert text(formula(v * 1.7320508, {})) == "v·1.7320508"


indicator, other = Expr("indicator", (positive,)), Expr("cases", (positive, b, c))


@pytest.mark.parametrize(
    ("e", "simple"),
    [
        (power(indicator, number(2)), indicator),
        (multiply(indicator, b, indicator), multiply(indicator, b)),
        (Expr("hadamard", (indicator, b, indicator)), Expr("hadamard", (indicator, b))),
        (multiply(indicator, other), multiply(indicator, b)),
        (multiply(Expr("indicator", (Expr("compare", positive.args, "≤"),)), power(other, number(2))), None),
        (Expr("hadamard", (other, indicator)), Expr("hadamard", (b, indicator))),
    ],
)
def test_indicators_decide_cases_and_are_their_own_squares(e: Expr, simple: Expr | None) -> None:
    found = simplified(e)
    assert simplified(found) == found
    assert found == simple or (simple is None and text(found) == "[a ≤ 0]c²")


def test_the_rule_of_log_softmax_is_taken_together_and_nothing_else_is() -> None:
    keeping = multiply(call("exp", y), add(a, minus(b)))
    short = add(a, minus(multiply(call("exp", y), b)))
    assert simplified(add(keeping, minus(multiply(a, call("expm1", y))))) == simplified(short)
    assert text(simplified(add(keeping, multiply(number(-3), a, call("expm1", y))))).count("expm1") == 1
    for other in (
        add(keeping, minus(multiply(c, call("expm1", y)))),
        add(keeping, minus(multiply(a, call("expm1", b)))),
        add(keeping, multiply(call("exp", y), call("expm1", y))),
        add(keeping, minus(multiply(a, b, call("expm1", y)))),
    ):
        assert "expm1" in text(simplified(other))


@pytest.mark.parametrize(
    ("cases", "written"),
    [
        ("where(a > b, 2, where(a == b, 1, 0))", "[a > b] + [a ≥ b]"),
        ("where(a > b, 1, where(a == b, 1/2, 0))*x", "(½[a > b] + ½[a ≥ b])x"),
        ("where(a > b, a, b)", "a[a > b] + b[a ≤ b]"),
        ("where(a > b, 0, where(c > 0, x, 1))", "x[a ≤ b][c > 0] + [a ≤ b][c ≤ 0]"),
    ],
)
def test_cases_of_scalars_are_sums_of_conditions(cases: str, written: str) -> None:
    e = parsed(cases, {})
    assert Typeable()(e) == written
    for a, b, c in product((0.0, 1.0), repeat=3):
        names = {"a": a, "b": b, "c": c, "x": 3.0, "where": lambda condition, then, other: then if condition else other}
        assert eval(python(indicated(e)), names) == eval(cases, names)
