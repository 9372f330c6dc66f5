"""The parser of answers: what is read how, what is refused, and that nothing hostile is ever evaluated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from many_cases import offenders

import microgradcnn as mg
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers import answer as answers
from microgradcnn.views.answers import parser as formula
from microgradcnn.views.answers.parser import FUNCTIONS, STEPS, Apply, Expression, Name, Number, evaluate, parse, write
from microgradcnn.views.answers.tokens import FormulaError, Names

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
    ("fy", "f*y"),
    ("2f(x_1)", "2*f*x_1"),
    ("yz_1", "y*z_1"),
    (r"w_1\,z_1\;x_1\quad 	+ 1", "w_1*z_1*x_1 + 1"),
    ("z_1" + "\u00a0" + "z_2", "z_1*z_2"),
    (r"\displaystyle\frac{\frac{1}{2}}{4}", "1/8"),
    (" 1 \n", "1"),
]


def by_python(text: str) -> float:
    """The oracle: Python's own reading of a formula that this file wrote."""
    functions = {"sqrt": math.sqrt, "exp": math.exp, "log": math.log, "tanh": math.tanh, "abs": abs}
    functions |= {"sigmoid": lambda x: 1 / (1 + math.exp(-x)), "relu": lambda x: max(x, 0.0)}
    values = {**AT, "lambda_": AT["lambda"]}
    return float(eval(text, {"__builtins__": {}}, {**functions, **values}))


@pytest.mark.parametrize(("text", "meaning"), READ)
def test_what_is_read_how(text: str, meaning: str) -> None:
    tree = parse(text, NAMES)
    assert float(evaluate(tree, AT)) == pytest.approx(by_python(meaning), rel=1e-14, abs=1e-15)
    assert parse(write(tree), NAMES) == tree


def test_sigma_is_the_activation_of_the_graph() -> None:
    tree = parse("σ(a_1) + sigmoid(a_2) + σ'(a_3)", Names(LABELS, "relu"))
    assert write(tree) == "relu(a_1) + sigmoid(a_2) + relu'(a_3)"


def test_a_name_that_could_be_two() -> None:
    names = Names(["s_1_12", "s_11_2"])
    assert write(parse("s_1_12 + s_{11,2}", names)) == "s_1_12 + s_11_2"
    with pytest.raises(FormulaError, match="s_112 could be s_11_2 or s_1_12: write one of them"):
        parse("s_112", names)


def test_labels_win_over_everything_else() -> None:
    names = Names(["e", "sigma", "exp", "w1", "p_1", "p_11", "y"])
    assert write(parse("e + sigma + exp + w_1 + p_{11} + y", names)) == "e + sigma + exp + w1 + p_11 + y"
    assert write(parse("sigma(y) exp(y)", names)) == "sigmoid(y)*exp(y)"
    assert write(parse("e^y", names)) == "e^y"


MESSAGES = [
    ("zz_1", "zz_1 is not known here: did you mean z_1? (column 1)"),
    ("2*y_hta", "y_hta is not known here: did you mean y_hat? (column 3)"),
    ("sigmod(a_1)", "sigmod is not known here: did you mean sigmoid? (column 1)"),
    ("qqqqqqqqqq", "qqqqqqqqqq is not known here (column 1)"),
    ("dz_1/dx_1", "dz_1 is a derivative: write it out (column 1)"),
    ("df/dw_1", "df is a derivative: write it out (column 1)"),
    ("f = y", "'=' in column 3 is too much: give the right-hand side alone"),
    ("0,5", "',' in column 2 has no place here: decimals take a point"),
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
    ("sigma a_1", "sigma in column 1 is a function: write sigma(...)"),
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
]


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_a_refusal_is_one_sentence_that_says_why(text: str, message: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text, NAMES)
    assert str(caught.value) == message


def test_long_formulas_are_read() -> None:
    text = "+".join(["z_1"] * 1000)
    assert float(evaluate(parse(text, NAMES), AT)) == pytest.approx(1000 * AT["z_1"])
    deep = "(" * 39 + "z_1" + ")" * 39
    assert parse(deep, NAMES) == Name("z_1")


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
    *("factorial(9)", "range(9)", "sum([1])", "max(1, 2)", "pow(2, 9)", "divmod(1, 2)", "round(2)", "bytes(9)"),
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
]


def test_there_are_two_hundred_attacks() -> None:
    assert len(set(ATTACKS)) >= 200


@pytest.fixture(scope="module")
def gradient() -> Any:
    example = NETWORKS["single_layer"](seed=1).example([0.5, -1.0], 1.0)
    return mg.grad(example.loss, [example.parameters["w_1"]])[0]


def test_an_attack_is_refused_within_the_bounds_and_nothing_is_evaluated(
    gradient: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluated(*arguments: Any) -> Any:
        raise AssertionError("evaluated")

    def check(text: str) -> None:
        with pytest.raises(FormulaError) as caught:
            answers.check_answer(text, gradient)
        assert caught.value.steps <= STEPS
        message = str(caught.value)
        assert message.isprintable()
        assert 10 < len(message) < 200

    monkeypatch.setattr(answers, "evaluate", evaluated)
    monkeypatch.setattr(formula, "_value", evaluated)
    monkeypatch.setattr(formula, "FUNCTIONS", dict.fromkeys(FUNCTIONS, evaluated))
    assert offenders(ATTACKS, check) == []


def refusal(text: str) -> FormulaError | None:
    try:
        tree = parse(text, NAMES)
    except FormulaError as error:
        return error
    assert parse(write(tree), NAMES) == tree
    return None


@pytest.mark.slow
@given(st.text(max_size=60) | st.text(alphabet="yz_12 ()[]{}|^*/+-√\\.σ'ŷ₁²½<>=efp", max_size=80))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    error = refusal(text)
    assert error is None or (error.steps <= STEPS and str(error).isprintable())


def test_the_worst_that_is_read_stays_within_the_steps() -> None:
    for text in ("+-" * 1999 + "y", "y" * 4000, "(y)" * 1333, "|y|" * 1333, "1[y>0]" * 600, "y" + "*-y" * 1300):
        parser = formula._Parser(NAMES)
        try:
            parser.formula(text)
        except FormulaError:
            continue
        assert parser.steps <= STEPS


def test_the_steps_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formula, "STEPS", 20)
    assert parse("z_1 + z_2", NAMES)
    with pytest.raises(FormulaError, match="takes more than 20 steps to read") as caught:
        parse("+".join(["z_1"] * 20), NAMES)
    assert caught.value.steps == 21


# Random formulas, written in several notations and read back


def formulas() -> st.SearchStrategy[Expression]:
    leaves = st.sampled_from([Name(x) for x in ("y_hat", "y", "z_1", "w_2", "x_1", "f", "lambda", "s_1_2")])
    leaves |= st.sampled_from([Number(x) for x in (0.0, 0.25, 0.5, 1.0, 2.0, 3.0, 12.0, 0.001, 1234.5)])
    functions = ["sqrt", "exp", "log", "abs", "tanh", "sigmoid", "relu", "step", "sigmoid'", "negative", "inverse"]

    def larger(inside: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(inside, min_size=2, max_size=4).map(tuple)
        return (
            st.builds(Apply, st.just("sum"), several)
            | st.builds(Apply, st.just("product"), several)
            | st.builds(Apply, st.sampled_from(functions), st.tuples(inside))
            | st.builds(Apply, st.just("power"), st.tuples(inside, st.sampled_from([Number(2.0), Number(3.0)])))
            | st.builds(Apply, st.sampled_from(["greater", "at least"]), st.tuples(inside, inside))
        )

    return st.recursive(leaves, larger, max_leaves=12)


def python_like(x: Expression) -> str:
    """Every bracket there could be, and ** and * written out."""
    if isinstance(x, Name):
        return x.label
    if isinstance(x, Number):
        return np.format_float_positional(x.value)
    inside = [f"({python_like(y)})" for y in x.arguments]
    signs = {"sum": " + ", "product": "*", "power": "**", "greater": " > ", "at least": " >= "}
    prefixes = {"negative": "-", "inverse": "1/"}
    if x.function in signs:
        return f"({signs[x.function].join(inside)})"
    return f"({prefixes.get(x.function, x.function)}{inside[0]})"


def latex_like(x: Expression) -> str:
    r"""\frac, \sqrt, \hat{y}, juxtaposition and \left( \right)."""
    if isinstance(x, Name):
        letter, *index = x.label.split("_")
        if x.label == "y_hat":
            return r"\hat{y}"
        return r"\lambda " if letter == "lambda" else f"{letter}_{{{','.join(index)}}}" if index else letter
    if isinstance(x, Number):
        return np.format_float_positional(x.value, trim="-")
    inside = [latex_like(y) for y in x.arguments]
    brackets = [rf"\left({y}\right)" for y in inside]
    if x.function == "sum":
        return "+".join(brackets)
    if x.function == "product":
        return "".join(brackets)
    if x.function == "power":
        return f"{brackets[0]}^{{{inside[1]}}}"
    if x.function in ("greater", "at least"):
        return rf"\left[{inside[0]} {'>' if x.function == 'greater' else chr(92) + 'geq'} {inside[1]}\right]"
    special = {
        "negative": f"-{brackets[0]}",
        "inverse": rf"\frac{{1}}{{{inside[0]}}}",
        "sqrt": rf"\sqrt{{{inside[0]}}}",
    }
    special |= {"exp": f"e^{{{inside[0]}}}", "abs": f"|{brackets[0]}|", "sigmoid": rf"\sigma{brackets[0]}"}
    special |= {"sigmoid'": rf"\sigma'{brackets[0]}", "log": rf"\ln{brackets[0]}", "tanh": rf"\tanh{brackets[0]}"}
    return special.get(x.function, rf"\operatorname{{{x.function}}}{brackets[0]}")


def agree(tree: Expression, text: str) -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(evaluate(parse(text, NAMES), AT), evaluate(tree, AT), rtol=1e-12)


@given(formulas())
def test_random_formulas_are_read_back_as_they_were_written(tree: Expression) -> None:
    agree(tree, write(tree))
    read = parse(write(tree), NAMES)
    assert parse(write(read), NAMES) == read


@given(formulas())
def test_random_formulas_in_python_and_in_latex(tree: Expression) -> None:
    agree(tree, python_like(tree))
    agree(tree, latex_like(tree))
