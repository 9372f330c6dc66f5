"""Primitives of one's own, each defined in one statement, in every view: formulas, derivations, costs, pages."""

from __future__ import annotations

import ast
import math
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from conftest import needs_pdflatex
from test_notation import check_latex, check_mathml

import microgradcnn as mg
from microgradcnn import Primitive, Value, nn
from microgradcnn.views.documents.standalone import latex_document
from microgradcnn.views.formulas.notation import definition, formula, latex, mathml, python, text
from microgradcnn.views.formulas.typeset import Typeable

pytestmark = pytest.mark.usefixtures("own_primitives")


def swish() -> Primitive:
    return mg.primitive(
        "swish",
        lambda x: x / (1 + np.exp(-x)),
        [lambda g, y, x: g * (mg.sigmoid(x) + y * (1 - mg.sigmoid(x)))],
        "x * sigmoid(x)",
        scalar=lambda x: x / (1 + math.exp(-x)),
    )


def swish_with_beta() -> Primitive:
    return mg.primitive(
        "swish_b",
        lambda x, beta: x / (1 + np.exp(-beta * x)),
        [lambda g, y, x, beta: g * (mg.sigmoid(beta * x) + beta * y * (1 - mg.sigmoid(beta * x)))],
        "x * sigmoid(beta * x)",
        scalar=lambda x, beta: x / (1 + math.exp(-beta * x)),
        symbol="ψ",
    )


def blend() -> Primitive:
    return mg.primitive(
        "blend",
        lambda a, b: a * b + a,
        [lambda g, y, a, b: g * (b + 1), lambda g, y, a, b: g * a],
        "a * b + a",
        scalar=lambda a, b: a * b + a,
    )


def hypotenuse() -> Primitive:
    return mg.primitive(
        "hypotenuse",
        np.hypot,
        [lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y],
        "sqrt(a ** 2 + b ** 2)",
        scalar=math.hypot,
    )


def cube() -> Primitive:
    return mg.primitive("cube", lambda x: x**3, [lambda g, y, x: 3 * g * x**2], scalar=lambda x: x**3)


def elu() -> Primitive:
    return mg.primitive(
        "elu",
        lambda x: np.where(x > 0, x, np.expm1(x)),
        [lambda g, y, x: mg.where(x > 0, g, g * (y + 1))],
        "where(x > 0, x, exp(x) - 1)",
        scalar=lambda x: x if x > 0 else math.expm1(x),
    )


def scalars(**numbers: float) -> list[Value]:
    return [Value(number, label=label) for label, number in numbers.items()]


# How it is written: the primitive of c_1·p_1 (and w), and what it stands for.

BY_HAND: list[tuple[Callable[[], Primitive], int, dict[str, Any], str, str, str, str | None]] = [
    (swish, 1, {}, "swish(c₁p₁)", r"\operatorname{swish}(c_{1} p_{1})", "swish(c_1*p_1)", "swish(x) = xσ(x)"),
    (
        *(swish_with_beta, 1, {"beta": 1.5}, "ψ(c₁p₁, 3/2)"),
        *(r"\psi\left(c_{1} p_{1}, \frac{3}{2}\right)", "swish_b(c_1*p_1, 3/2)", "ψ(x, β) = xσ(βx)"),
    ),
    (
        *(blend, 2, {}, "blend(c₁p₁, w)", r"\operatorname{blend}(c_{1} p_{1}, w)", "blend(c_1*p_1, w)"),
        "blend(a, b) = ab + a",
    ),
    (hypotenuse, 2, {}, "√[(c₁p₁)² + w²]", r"\sqrt{(c_{1} p_{1})^{2} + w^{2}}", "((c_1*p_1)**2 + w**2)**(1/2)", None),
    (cube, 1, {}, "cube(c₁p₁)", r"\operatorname{cube}(c_{1} p_{1})", "cube(c_1*p_1)", None),
    (
        *(elu, 1, {}, "elu(c₁p₁)", r"\operatorname{elu}(c_{1} p_{1})", "elu(c_1*p_1)"),
        "elu(x) = {x if x > 0, else exp(x) − 1}",
    ),
]


@pytest.mark.parametrize(("make", "inputs", "static", "unicode", "tex", "code", "meaning"), BY_HAND)
def test_it_is_written(
    make: Callable[[], Primitive],
    inputs: int,
    static: dict[str, Any],
    unicode: str,
    tex: str,
    code: str,
    meaning: str | None,
) -> None:
    c, p, w = scalars(c_1=0.5, p_1=2.0, w=-1.0)
    op = make()
    e = formula(op(*[c * p, w][:inputs], **static), {})
    assert (text(e), latex(e), python(e)) == (unicode, tex, code)
    check_latex(latex(e))
    check_mathml(mathml(e))
    meant = definition(op)
    assert meaning == (None if meant is None else text(meant))


@pytest.mark.parametrize(
    ("notation", "static", "meaning"),
    [
        ("x / sum(x, axis=-1, keepdims=True)", {}, "mine(x) = x/sum(x, axis −1)"),
        ("x[..., 1:] - x[..., :-1]", {}, "mine(x) = x[..., 1:] − x[..., :-1]"),
        ("x * sum(x, axis=along)", {"along": 0}, "mine(x, along) = x·sum(x, axis along)"),
        ("x @ x.T", {}, "mine(x) = xxᵀ"),
        ("pi * x * x", {}, "mine(x) = πxx"),
    ],
)
def test_what_a_notation_may_hold(notation: str, static: dict[str, int], meaning: str) -> None:
    op = mg.primitive("mine", lambda x, **static: np.asarray(x), [lambda g, y, x, **static: g], notation)
    (x,) = [Value(np.ones((2, 2)), label="x")]
    assert text(formula(op(x, **static), {})).startswith("mine(x")
    meant = definition(op)
    assert meant is not None
    assert text(meant) == meaning
    assert isinstance(ast.parse(python(meant)), ast.Module)


# What is derived: SymPy differentiates the closed form, and reads the lines that explain prints.


def sigma(x: Any) -> Any:
    return 1 / (1 + sympy.exp(-x))


C, P, W, Y = sympy.symbols("c_1 p_1 w y")
CLOSED: list[tuple[Callable[[], Primitive], int, dict[str, Any], Any]] = [
    (swish, 1, {}, C * P * sigma(C * P)),
    (swish_with_beta, 1, {"beta": 1.5}, C * P * sigma(sympy.Rational(3, 2) * C * P)),
    (blend, 2, {}, C * P * W + C * P),
    (hypotenuse, 2, {}, sympy.sqrt((C * P) ** 2 + W**2)),
    (cube, 1, {}, (C * P) ** 3),
    (elu, 1, {}, sympy.Piecewise((C * P, C * P > 0), (sympy.exp(C * P) - 1, True))),
]
SYMPY = {"sigmoid": sigma, "exp": sympy.exp, "cube": lambda x: x**3, "c_1": C, "p_1": P, "w": W, "y": Y}
SYMPY["where"] = lambda condition, then, otherwise: sympy.Piecewise((then, condition), (otherwise, True))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("make", "inputs", "static", "closed"), CLOSED)
def test_its_derivation(
    make: Callable[[], Primitive], inputs: int, static: dict[str, Any], closed: Any, named: bool
) -> None:
    c, p, w, y = scalars(c_1=0.5, p_1=-2.0, w=0.75, y=1.0)
    op = make()
    z = op(*[c * p, w][:inputs], **static)
    z.label = "z_1" if named else None
    derivation = mg.explain((z - y).square(), [c, p])
    known: dict[str, Any] = dict(SYMPY)
    for line in derivation.python().splitlines():
        left, right = line.split(" = ")
        assert isinstance(ast.parse(right), ast.Module)
        known[left] = eval(right, {}, known) if "lambda" not in right else eval(right, known)
    for x in (C, P):
        wrong = known[f"df_d{x}"] - sympy.diff((closed - Y) ** 2, x)
        for point in ((0.5, -2.0, 0.75, 1.0), (-1.25, -0.8, 0.3, -0.5)):
            assert abs(sympy.N(wrong.subs(dict(zip((C, P, W, Y), point, strict=True))))) < 1e-12
    assert "✗" not in str(derivation)
    meant = definition(op)
    if meant is not None:
        assert str(derivation).count(Typeable()(meant)) == 1
        assert latex(meant.args[0]) in derivation.latex()
    check_latex(derivation.latex())
    ElementTree.fromstring(derivation.mathml())


def test_what_its_chain_is_made_of_is_told_where_it_first_occurs() -> None:
    slope = mg.primitive(
        *("slope", lambda x: x + x * np.exp(x), [lambda g, y, x: g * (1 + mg.exp(x) + x * mg.exp(x))]), "x + x * exp(x)"
    )
    bump = mg.primitive("bump", lambda x: x * np.exp(x), [lambda g, y, x: g * slope(x)], "x * exp(x)")
    (x,) = scalars(x=0.5)
    lines = str(mg.explain(bump(x).square(), x)).splitlines()
    assert [line.strip() for line in lines if " = " in line][:4] == [
        *("f = bump(x)²", "bump(x) = x·exp(x)", "df/dx = 2bump(x)·slope(x)", "slope(x) = x + x·exp(x)")
    ]


def test_arrays() -> None:
    S, x = (Value(np.linspace(-1.0, 1.0, n).reshape(shape), label=s) for s, n, shape in [("S", 6, (3, 2)), ("x", 2, 2)])
    derivation = mg.explain(swish()(S @ x).sum(), S)
    assert "swish(x) = xσ(x)" in str(derivation)
    assert "✗" not in str(derivation)


def test_a_long_input_has_a_name() -> None:
    """The rule of swish speaks of x three times."""
    a, b, c, d = scalars(a=0.5, b=2.0, c=-1.0, d=0.25)
    told = str(mg.explain(swish()(a * b + c * d), a))
    assert "t₁ = ab + cd" in told
    assert "σ(t₁)" in told


def test_the_ledger() -> None:
    c, p = scalars(c_1=0.5, p_1=2.0)
    z = swish()(c * p)
    z.label = "z"
    first, *_ = mg.ledger(z)
    assert (first.sender, first.operation) == ("z", "swish(t1)")
    s = 1 / (1 + math.exp(-1.0))
    assert first.local == pytest.approx(s + s * (1 - s), abs=1e-15)
    assert mg.ledger(blend()(c, p))[0].operation == "blend(c_1, p_1)"
    assert mg.ledger(swish_with_beta()(c, beta=1.5))[0].operation == "swish_b(c_1, beta=1.5)"


# A wrong chain


def test_a_wrong_chain_is_noticed() -> None:
    wrong = mg.primitive(
        *("wrong_swish", lambda x: x / (1 + np.exp(-x)), [lambda g, y, x: g * mg.sigmoid(x)], "x * sigmoid(x)"),
        scalar=lambda x: x / (1 + math.exp(-x)),
    )
    c, p = scalars(c_1=0.5, p_1=2.0)
    report = mg.check_gradients(lambda c, p: wrong(c * p), c, p)
    assert not report
    assert "wrong_swish" in str(report)
    assert mg.check_gradients(lambda c, p: swish()(c * p), c, p)
    derivation = mg.explain(wrong(c * p), c)
    assert "✗" in str(derivation)
    right = "(σ(c_1 p_1) + c_1 p_1 σ(c_1 p_1)(1 - σ(c_1 p_1))) p_1"
    for op, is_right in ((swish(), True), (wrong, False)):
        (gradient,) = mg.grad(op(c * p), [c])
        assert bool(mg.check_answer(right, gradient)) is is_right


# Costs


def kinds(part: Any) -> dict[str, str]:
    return {kind: str(count) for kind, count in part.work.kinds.items()}


def test_the_cost_is_that_of_the_notation() -> None:
    op = swish()

    def build(n: int, m: int) -> Any:
        w = Value(np.ones(m), label="w")
        return (op(np.ones((n, m)) @ w) - 1.0).square().mean(), {"weights": w}

    found = mg.cost(build, ["n", "m"])
    # Xw: n(2m − 1); x·σ(x): n and n σ; − 1: n; squares: n; the mean: n
    assert kinds(found["objective"]) == {"operations": "2nm + 3n", "sigmoid": "n"}
    # g = 2/n·e: n; 1 − σ, times y, plus σ, times g: 4n, σ known; Xᵀg: m(2n − 1); the update: 2m
    assert kinds(found["weights"]) == {"operations": "2nm + 5n + m"}
    assert "n σ" in str(found)


@pytest.mark.parametrize(
    ("notation", "options", "objective"),
    [
        ("x + 2 * x ** 2", {}, {"operations": "4n − 1"}),  # x·x, 2·, +, and the sum
        ("abs(x)", {}, {"operations": "n − 1", "abs": "n"}),
        (None, {}, {"operations": "n − 1", "mine": "n"}),
        ("x @@ x", {}, {"operations": "n − 1", "mine": "n"}),
        (None, {"work": "moves"}, {"operations": "n − 1"}),
    ],
)
def test_the_cost_of_any_notation(notation: str | None, options: dict[str, Any], objective: dict[str, str]) -> None:
    op = mg.primitive("mine", lambda x: x + 0.0, [lambda g, y, x: g], notation, **options)
    found = mg.cost(lambda n: (op(w := Value(np.ones(n), label="w")).sum(), [w]), ["n"])
    assert {kind: count for kind, count in kinds(found["objective"]).items() if count != "0"} == objective


@pytest.mark.parametrize(
    ("make", "work"),
    [(swish, 2), (elu, 4), (cube, 1)],  # x·σ(x); >, where, exp, −; a function of which nothing is known
)
def test_the_summary_counts_the_notation(make: Callable[[], Primitive], work: int) -> None:
    op = make()

    class Activated(nn.Module):
        def __init__(self) -> None:
            self.first = nn.Linear(3, 2, rng=np.random.default_rng(0))

        def forward(self, x: Value) -> Any:
            return op(self.first(x))

    linear = 2 * (2 * 3 - 1) + 2
    assert Activated().summary(3).operations == linear + 2 * work


def test_work_and_names_that_there_are_not() -> None:
    with pytest.raises(ValueError, match="'moves', 'sum' or 'product', not 'much'"):
        mg.primitive("lazy", np.exp, [None], work="much")
    with pytest.raises(ValueError, match="'' is none"):
        mg.primitive("", np.exp, [None])


# Sheets and pages


@pytest.mark.parametrize(
    ("make", "inputs", "static", "closed"), [case for case in CLOSED if case[0] in (swish, blend, swish_with_beta)]
)
def test_a_worksheet(make: Callable[[], Primitive], inputs: int, static: dict[str, Any], closed: Any) -> None:
    c, p, w, y = scalars(c_1=0.5, p_1=2.0, w=0.75, y=1.0)
    a = c * p
    a.label = "a_1"
    op = make()
    z = op(*[a, w][:inputs], **static)
    z.label = "z_1"
    f = (z - y).square()
    f.label = "f"
    sheet = mg.worksheet(f, [c], seed="mine")
    meant = definition(op)
    assert meant is not None
    assert all(latex(meant.args[1]) in content for name, content in sheet.files().items() if name.endswith(".tex"))
    (gradient,) = mg.grad(f, [c])
    answers = [task.record["answer"] for task in sheet.tasks if task.kind == "derive"]
    assert answers
    assert all(mg.check_answer(answer, gradient) for answer in answers)


def test_pictures_and_pages() -> None:
    c, p, y = scalars(c_1=0.5, p_1=2.0, y=1.0)
    z = swish()(c * p)
    z.label = "z"
    f = (z - y).square()
    f.backward()
    picture = mg.draw(f)
    said = "".join(ElementTree.fromstring(picture.svg()).itertext())
    assert "swish(t" in said
    assert "swish" in picture.dot()
    assert "swish" in picture.html()


# Names that one language or another would stumble over

NAMES = [
    *("swïsh", "α_soft", "名前", "a_b__c", "2nd", "for", "x y", r"\frac{x}", "{", "$%&#~^_", "<b>&amp;\"'</b>", "a\nb"),
    *("--", "%", "(", "λ" * 5, "long_" * 60, "\ue000\ue001", "\ud800", "lim"),
]


@pytest.mark.parametrize("notation", [None, "x * exp(x)"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_any_kind(name: str, notation: str | None) -> None:
    op = mg.primitive(name, lambda x: x * np.exp(x), [lambda g, y, x: g * (mg.exp(x) + y)], notation)
    c, p = scalars(c_1=0.5, p_1=2.0)
    f = op(c * p).square()
    derivation = mg.explain(f, c)
    assert "✗" not in str(derivation)
    assert str(derivation).replace("\n", "").isprintable()
    assert ("x·exp(x)" in str(derivation)) is (notation is not None)
    check_latex(derivation.latex())
    ElementTree.fromstring(derivation.mathml())
    assert all(isinstance(line, ast.Assign) for line in ast.parse(derivation.python()).body)
    found = mg.ledger(f)
    assert len(str(found).splitlines()) == 1 + len(found) + len(found.notes)
    ElementTree.fromstring(mg.draw(f).svg())
    mg.draw(f).html().encode()
    assert str(mg.cost(lambda n: (op(w := Value(np.ones(n), label="w")).sum(), [w]), ["n"])).encode()


@needs_pdflatex
@pytest.mark.slow
def test_latex_takes_every_name(tmp_path: Path) -> None:
    c, p = scalars(c_1=0.5, p_1=2.0)
    bodies = []
    for name in NAMES:
        op = mg.primitive(name, lambda x: x * np.exp(x), [lambda g, y, x: g * (mg.exp(x) + y)], "x * exp(x)")
        bodies.append(mg.explain(op(c * p).square(), c).latex())
    (tmp_path / "names.tex").write_text(latex_document("\n".join(bodies), "names"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "names.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert run.returncode == 0, run.stdout[-2000:]
