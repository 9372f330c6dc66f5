"""A primitive of one's own is one statement, and every verb takes it: seven of them beside SymPy's derivatives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
import sympy
from conftest import needs_chromium

import microgradcnn as mg
from microgradcnn.cli import main

if TYPE_CHECKING:
    from playwright.sync_api import Page

Numbers = Callable[..., Any]
A, B = sympy.symbols("a b", real=True)


@dataclass
class Own:
    """What is handed to mg.primitive, and the same function as SymPy has it, of a and, if it takes two inputs, b."""

    name: str
    forward: Numbers
    chain: list[Numbers]
    notation: str
    exact: sympy.Expr
    static: dict[str, float] = field(default_factory=dict)
    opened: bool = True  # whether formulas write the notation out: where no input is in it twice
    targets: dict[str, str] | None = None

    def declare(self) -> mg.Primitive:
        """The one statement."""
        return mg.primitive(self.name, self.forward, self.chain, self.notation, targets=self.targets)

    def call(self, *inputs: Any) -> mg.Value:
        """The primitive of these inputs, with its static arguments."""
        value: mg.Value = self.declare()(*inputs, **self.static)
        return value

    @property
    def symbols(self) -> list[sympy.Symbol]:
        """Its inputs, in order."""
        return [s for s in (A, B) if s in self.exact.free_symbols]

    def of(self, *numbers: Any, by: tuple[sympy.Symbol, ...] = ()) -> np.ndarray[Any, Any]:
        """What SymPy says that it is, or its derivative `by` some inputs, with thirty digits on the way."""
        expression = self.exact
        for symbol in by:
            expression = sympy.diff(expression, symbol)

        def at(*point: float) -> float:
            places = {s: sympy.Float(float(p), 30) for s, p in zip(self.symbols, point, strict=True)}
            return float(expression.subs(places).evalf(30))

        return np.vectorize(at, otypes=[float])(*numbers)


def _mish_slope(x: Any) -> Any:
    t = mg.tanh(mg.log(1.0 + mg.exp(x)))
    return t + x * (1.0 - t**2) * mg.sigmoid(x)


def _mish(x: Any) -> Any:
    return x * np.tanh(np.log(1.0 + np.exp(x)))


EXACT_MISH = A * sympy.tanh(sympy.log(1 + sympy.exp(A)))
SOFTSIGN = Own(
    "own_softsign",
    lambda x: x / (1.0 + np.abs(x)),
    [lambda g, y, x: g / (1.0 + mg.abs(x)) ** 2],
    "x/(1 + abs(x))",
    A / (1 + sympy.sqrt(A**2)),  # |a|, with a derivative that SymPy takes wherever a is not 0
    opened=False,
)
MISH = Own("mish", _mish, [lambda g, y, x: g * _mish_slope(x)], "x*tanh(log(1 + exp(x)))", EXACT_MISH, opened=False)
HYPOT = Own(
    "own_hypot",
    np.hypot,
    [lambda g, y, p, q: g * p / y, lambda g, y, p, q: g * q / y],
    "sqrt(p**2 + q**2)",
    sympy.sqrt(A**2 + B**2),
)
LEAKY = Own(
    "leaky",
    lambda x, slope=0.1: np.maximum(x, slope * x),
    [lambda g, y, x, slope=0.1: g * mg.where(x > 0.0, 1.0, slope)],
    "maximum(x, slope*x)",
    sympy.Piecewise((A, A > 0), (A / 4, True)),
    static={"slope": 0.25},
    opened=False,
)
NESTED = Own(  # its notation and its rule name another primitive of one's own
    "twice_mish",
    lambda x: 2.0 * _mish(x) - 1.0,
    [lambda g, y, x: g * 2.0 * _mish_slope(x)],
    "2*mish(x) - 1",
    2 * EXACT_MISH - 1,
)
UNICODE = Own(
    "größe", lambda x: np.sqrt(1.0 + x * x), [lambda g, y, x: g * x / y], "sqrt(1 + x**2)", sympy.sqrt(1 + A**2)
)
TARGETS = Own(
    "own_sinh",
    np.sinh,
    [lambda g, y, x: g * mg.sqrt(1.0 + y * y)],
    "own_sinh(x)",
    sympy.sinh(A),
    targets={"python": "xp.sinh(x)", "javascript": "Math.sinh(x)", "llvm": "sinh", "onnx": "Sinh"},
)
OPAQUE = Own("own_atan", np.arctan, [lambda g, y, x: g / (1.0 + x * x)], "own_atan(x)", sympy.atan(A))
EVERYWHERE = [SOFTSIGN, MISH, HYPOT, LEAKY, NESTED, UNICODE, TARGETS]
every = pytest.mark.parametrize("own", EVERYWHERE, ids=lambda own: own.name)
with_opaque = pytest.mark.parametrize("own", [*EVERYWHERE, OPAQUE], ids=lambda own: own.name)

POINTS = np.array([-30.0, -2.5, -0.4, 0.3, 1.7, 30.0])
ROWS = np.array([-2.5, -0.4, 0.3, 1.7])
PLACE = {"a": 0.7, "b": -1.3, "y": 0.25}


@pytest.fixture(autouse=True)
def _declared(own_primitives: None) -> None:
    MISH.declare()  # for the notation of another


def _leaves(own: Own) -> list[mg.Value]:
    return [mg.Value(PLACE[str(s)], label=str(s)) for s in own.symbols]


def _loss(own: Own) -> tuple[mg.Value, list[mg.Value], mg.Value]:
    """(own(a, ...) − y)², its leaves and y."""
    leaves, y = _leaves(own), mg.Value(PLACE["y"], label="y")
    return (own.call(*leaves) - y) ** 2, leaves, y


def _slopes(own: Own, *numbers: Any, y: Any) -> list[np.ndarray[Any, Any]]:
    """The gradient of that loss at rows of numbers, from SymPy's derivatives."""
    return [2.0 * (own.of(*numbers) - y) * own.of(*numbers, by=(s,)) for s in own.symbols]


def _numbers(own: Own) -> list[np.ndarray[Any, Any]]:
    return [ROWS, ROWS[::-1] + 0.05][: len(own.symbols)]


@with_opaque
def test_value_and_two_derivatives_are_sympys(own: Own) -> None:
    for point in POINTS:
        leaves = [mg.Value(float(point), label="a"), mg.Value(1.5, label="b")][: len(own.symbols)]
        numbers = [leaf.item() for leaf in leaves]
        f = own.call(*leaves)
        assert f.item() == pytest.approx(own.of(*numbers), rel=1e-14, abs=1e-14)
        for slope, s in zip(mg.grad(f, leaves), own.symbols, strict=True):
            assert slope.item() == pytest.approx(own.of(*numbers, by=(s,)), rel=1e-12, abs=1e-13)
            for curvature, t in zip(mg.grad(slope, leaves), own.symbols, strict=True):
                assert curvature.item() == pytest.approx(own.of(*numbers, by=(s, t)), rel=1e-9, abs=1e-12)


@with_opaque
def test_rules_are_right_by_differences(own: Own) -> None:
    values = [mg.Value(ROWS.reshape(4, 1), label="a"), mg.Value(np.array([2.0, -3.0]), label="b")]
    assert mg.check_gradients(own.call, *values[: len(own.symbols)]).verdict == "right"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@with_opaque
def test_arrays_are_broadcast_and_keep_their_type(own: Own, dtype: Any) -> None:
    shapes = {"none": (), "column": (3, 1), "nothing": (0,), "images": (2, 1, 3)}
    close = {"rtol": 1e-12 if dtype == np.float64 else 2e-6, "atol": 1e-12 if dtype == np.float64 else 2e-6}
    for what, shape in shapes.items():
        a = mg.Value(np.linspace(-3.1, 2.9, math.prod(shape)).reshape(shape).astype(dtype), label="a")
        b = mg.Value(np.array([0.5, -2.0], dtype).reshape(2, 1, 1), label="b")
        leaves = [a, b][: len(own.symbols)]
        f = own.call(*leaves)
        numbers = [np.asarray(leaf.data, float) for leaf in leaves]
        spread = np.broadcast_shapes(*(n.shape for n in numbers))
        assert f.shape == spread, what
        if shape:
            assert np.asarray(f.data).dtype == dtype, what
        if not math.prod(shape):
            continue
        np.testing.assert_allclose(f.data, own.of(*numbers), **close)
        for slope, s, leaf in zip(mg.grad(f.sum(), leaves), own.symbols, leaves, strict=True):
            assert slope.shape == leaf.shape
            full = np.broadcast_to(own.of(*numbers, by=(s,)), spread)
            extra = full.ndim - len(leaf.shape)
            axes = (*range(extra), *(i + extra for i, n in enumerate(leaf.shape) if n == 1))
            np.testing.assert_allclose(slope.data, full.sum(axis=axes).reshape(leaf.shape), **close)


@every
def test_source_is_a_program_that_needs_numpy_only(own: Own) -> None:
    loss, leaves, y = _loss(own)
    source = mg.compile(loss, leaves, [y]).source
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    assert "microgradcnn" not in source
    for values in zip(*_numbers(own), strict=True):
        result, slopes = namespace["program"](PLACE["y"], *values)
        assert result == pytest.approx((own.of(*values) - PLACE["y"]) ** 2, rel=1e-13)
        assert slopes == pytest.approx(_slopes(own, *values, y=PLACE["y"]), rel=1e-11)


@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
@every
def test_every_backend_has_the_numbers_over_rows(own: Own, backend: str) -> None:
    """The parameter is a factor: df/dk of k·own(a, ...) is the mean over rows."""
    leaves, k = _leaves(own), mg.Value(1.5, label="k")
    loss, (slope,) = mg.compile(k * own.call(*leaves), [k], leaves, backend)(*_numbers(own))
    mean = own.of(*_numbers(own)).mean()
    assert (loss, slope) == pytest.approx((1.5 * mean, mean), rel=1e-12)
    loss, slopes = mg.compile(own.call(*leaves) ** 2, leaves, [], backend)()
    numbers = [PLACE[str(s)] for s in own.symbols]
    assert slopes == pytest.approx(_slopes(own, *numbers, y=0.0), rel=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "jit", "jax"])
@every
def test_every_backend_has_the_numbers_in_arrays(own: Own, backend: str) -> None:
    shapes = [(40, 1), (3,)][: len(own.symbols)]
    for dtype, close in ((np.float64, 1e-11), (np.float32, 2e-5)):
        numbers = [np.linspace(-2.9, 3.0, math.prod(shape)).reshape(shape).astype(dtype) for shape in shapes]
        leaves = [mg.Value(n, label=str(s)) for n, s in zip(numbers, own.symbols, strict=True)]
        loss, slopes = mg.compile(own.call(*leaves).sum(), leaves, [], backend)()
        wide = [np.asarray(n, float) for n in numbers]
        assert loss == pytest.approx(own.of(*wide).sum(), rel=close)
        for slope, s, n in zip(slopes, own.symbols, numbers, strict=True):
            full = own.of(*wide, by=(s,))
            exact = full if full.shape == n.shape else full.sum(axis=0 if n.ndim == 1 else 1, keepdims=n.ndim == 2)
            np.testing.assert_allclose(slope, exact, rtol=close, atol=close)


@pytest.mark.parametrize(
    ("own", "dtype"),
    [  # onnxruntime has Sinh in float32 only
        pytest.param(own, dtype, id=f"{own.name}-{dtype.__name__}")
        for own in EVERYWHERE
        for dtype in (np.float32, np.float64)
        if (own, dtype) != (TARGETS, np.float64)
    ],
)
def test_onnx_runs_value_and_gradient(own: Own, dtype: Any, tmp_path: Path) -> None:
    numbers = [n.astype(dtype) for n in _numbers(own)]
    leaves = [mg.Value(n, label=str(s)) for n, s in zip(numbers, own.symbols, strict=True)]
    f = own.call(*leaves)
    close = 1e-4 if dtype == np.float32 else 1e-11
    wide = [np.asarray(n, float) for n in numbers]
    for graph, exact in [(f, own.of(*wide)), (mg.grad(f.sum(), leaves)[0], own.of(*wide, by=(own.symbols[0],)))]:
        mg.export_onnx(graph, tmp_path / "own.onnx", leaves, dtype=dtype, dynamic=graph is f)
        session = onnxruntime.InferenceSession(tmp_path / "own.onnx")
        taken = [i.name for i in session.get_inputs()]
        (result,) = session.run(None, {str(s): n for s, n in zip(own.symbols, numbers, strict=True) if str(s) in taken})
        np.testing.assert_allclose(result, exact, rtol=close, atol=close)


@with_opaque
def test_explain_tells_what_the_name_stands_for(own: Own) -> None:
    loss, leaves, _ = _loss(own)
    text, latex = mg.explain(loss, leaves).text(), mg.explain(loss, leaves).latex()
    assert "✗" not in text
    assert text.count("✓") == len(leaves)
    lines = {
        "own_softsign": (
            "own_softsign(x) = x/(1 + |x|)",
            r"\operatorname{own\_softsign}(x) &= \frac{x}{1 + \left|x\right|}",
        ),
        "mish": ("mish(x) = x·tanh(log(1 + exp(x)))", r"\operatorname{mish}(x) &= x \tanh(\log(1 + \exp(x)))"),
        "own_hypot": ("f = [√(a² + b²) − y]²", r"f &= (\sqrt{a^{2} + b^{2}} - y)^{2}"),
        "leaky": ("leaky(x, slope) = maximum(x, slope·x)", r"\operatorname{maximum}(x, \mathit{slope} \cdot x)"),
        "twice_mish": ("mish(x) = x·tanh(log(1 + exp(x)))", r"\operatorname{mish}(x) &= x \tanh(\log(1 + \exp(x)))"),
        "größe": ("f = [√(1 + a²) − y]²", r"f &= (\sqrt{1 + a^{2}} - y)^{2}"),
        "own_sinh": ("f = (own_sinh(a) − y)²", r"\operatorname{own\_sinh}(a)"),
        "own_atan": ("df/da = 2(own_atan(a) − y)/(1 + a²)", r"\frac{2 (\operatorname{own\_atan}(a) - y)}{1 + a^{2}}"),
    }
    told, written = lines[own.name]
    assert told in text
    assert written in latex
    definition = told.startswith(own.name)
    assert definition == (not own.opened)
    slopes = _slopes(own, *(PLACE[str(s)] for s in own.symbols), y=PLACE["y"])
    for leaf, slope in zip(leaves, slopes, strict=True):  # the last number before the check mark is SymPy's
        assert f"{slope:.4g}".replace("-", "−") in text, leaf


@every
def test_formulas_of_the_derivation_are_sympys(own: Own) -> None:
    """The derivative that explain writes, read by SymPy, with the names as SymPy's functions, is SymPy's own."""
    loss, leaves, _ = _loss(own)
    written = dict(line.split(" = ", 1) for line in mg.explain(loss, leaves).python().splitlines() if " = " in line)
    y = sympy.Symbol("y", real=True)
    names: dict[str, Any] = {"a": A, "b": B, "y": y, "exp": sympy.exp, "log": sympy.log, "tanh": sympy.tanh}
    names |= {"abs": lambda v: sympy.sqrt(v**2), "sqrt": sympy.sqrt, "sigmoid": lambda v: 1 / (1 + sympy.exp(-v))}
    names |= {"where": lambda c, u, v: sympy.Piecewise((u, c), (v, True)), "maximum": sympy.Max}
    for other in EVERYWHERE:
        names[other.name] = lambda *v, exact=other.exact: exact.subs(dict(zip((A, B), v, strict=False)))
    for s in own.symbols:
        right = sympy.diff((own.exact - y) ** 2, s)
        formula = eval(written[f"df_d{s}"], {"__builtins__": {}}, names)
        for a, b in ((0.7, -1.3), (-2.1, 0.4)):
            place = {A: a, B: b, y: 0.25}
            assert float(formula.subs(place)) == pytest.approx(float(right.subs(place)), rel=1e-12)


@with_opaque
def test_ledger_sends_the_derivative(own: Own) -> None:
    loss, leaves, _ = _loss(own)
    entries = {entry.receiver: entry for entry in mg.ledger(loss).entries}
    numbers = [PLACE[str(s)] for s in own.symbols]
    for leaf, s, slope in zip(leaves, own.symbols, _slopes(own, *numbers, y=PLACE["y"]), strict=True):
        entry = entries[str(leaf.label)]
        assert entry.local == pytest.approx(own.of(*numbers, by=(s,)), rel=1e-12)
        assert entry.total == pytest.approx(slope, rel=1e-12)
        assert entry.operation.startswith(f"{own.name}(a")


@with_opaque
def test_pictures_name_it_and_pages_have_its_numbers(own: Own) -> None:
    loss, leaves, _ = _loss(own)
    loss.backward()
    value = f"{own.of(*(PLACE[str(s)] for s in own.symbols)):.4g}".replace("-", "−")
    svg = mg.draw(loss).svg()
    assert value in svg
    assert own.name in svg or own.opened
    page = mg.draw(loss, wrt=leaves).html()
    assert ('body class="static recorded"' in page) == (own is OPAQUE)
    assert ("own_atan" in page and "has no line in JavaScript" in page) == (own is OPAQUE)


COMPUTED = """() => {
  const [level] = microgradcnn.levels;
  const {values, gradients} = level.compute(microgradcnn.state.numbers);
  const titles = [...document.querySelectorAll(".node title")].map((title) => title.textContent);
  const place = titles.findIndex((title) => title.startsWith("a:"));
  return [values[place][0], gradients[place][0]];
}"""  # the value and the gradient of a, as the page's own program has them


@needs_chromium
@every
def test_a_page_computes_it_again_from_changed_numbers(own: Own, page: Page, tmp_path: Path) -> None:
    """The primitive in JavaScript, and its rule: f and df/da in a browser, at numbers that Python has not seen."""
    loss, leaves, _ = _loss(own)
    file = mg.draw(loss, wrt=leaves).save(tmp_path / "own.html")
    page.goto(file.as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    for a in (-2.5, -0.4, 1.75):
        numbers = [a, PLACE["b"]][: len(own.symbols)]
        page.locator("input[data-place='0']").first.fill(str(a))
        value, slope = page.evaluate(COMPUTED)
        assert value == a
        assert slope == pytest.approx(_slopes(own, *numbers, y=PLACE["y"])[0], rel=1e-11)


COSTS: list[tuple[Own, int, dict[str, int]]] = [  # n − 1 sums, 2n for the update, and so many operations a number:
    (MISH, 7, {"exp": 1, "log": 1, "tanh": 1, "sigmoid": 1}),  # 1 + e, x·t; t², 1 − t², x·, ·σ, t +
    (HYPOT, 3, {"sqrt": 1}),  # p² and the sum, as q² is known; p/y
    (OPAQUE, 3, {"own_atan": 1}),  # x², 1 + x², 1/
]


@pytest.mark.parametrize(("own", "operations", "functions"), COSTS, ids=lambda case: getattr(case, "name", ""))
def test_cost_counts_its_notation(own: Own, operations: int, functions: dict[str, int]) -> None:
    def build(n: int) -> tuple[mg.Value, dict[str, mg.Value]]:
        w, ones = mg.Value(np.linspace(0.1, 0.9, n), label="w"), mg.Value(np.ones(n), label="x")
        return own.call(*[w, ones][: len(own.symbols)]).sum(), {"w": w}

    total = mg.cost(build, ["n"]).total
    for n in (3, 10):
        wanted = {"operations": (operations + 3) * n - 1} | {name: times * n for name, times in functions.items()}
        assert {kind: polynomial(n=n) for kind, polynomial in total.kinds.items()} == wanted


ANSWERS = [  # right and wrong formulas for df/da, with the name in them
    (SOFTSIGN, "2*(own_softsign(a) - y)/(1 + abs(a))^2", True),
    (SOFTSIGN, "2*(own_softsign(a) - y)*(1 - abs(own_softsign(a)))^2", True),
    (SOFTSIGN, "2*(own_softsign(a) - y)/(1 + abs(a))", False),
    (SOFTSIGN, "2*(own_softsign(a) - y)/(1 + a)^2", False),
    (MISH, "2*(mish(a) - y)*(mish(a)/a + a*(1 - (mish(a)/a)^2)*sigmoid(a))", True),
    (MISH, "2*(mish(a) - y)*(tanh(log(1 + exp(a))) + a*(1 - tanh(log(1 + exp(a)))^2)*sigmoid(a))", True),
    (MISH, "2*(mish(a) - y)*mish(a)/a", False),
    (NESTED, "4*(2*mish(a) - 1 - y)*(mish(a)/a + a*(1 - (mish(a)/a)^2)*sigmoid(a))", True),
    (HYPOT, "2*(sqrt(a^2 + b^2) - y)*a/sqrt(a^2 + b^2)", True),
    (HYPOT, "2*(sqrt(a^2 + b^2) - y)*b/sqrt(a^2 + b^2)", False),
    (UNICODE, "2*(sqrt(1 + a^2) - y)*a/sqrt(1 + a^2)", True),
    (TARGETS, "2*(own_sinh(a) - y)*sqrt(1 + own_sinh(a)^2)", True),
    (TARGETS, "2*(own_sinh(a) - y)*own_sinh(a)", False),
    (OPAQUE, "2*(own_atan(a) - y)/(1 + a^2)", True),
    (OPAQUE, "2*(own_atan(a) - y)*(1 + a^2)", False),
    (HYPOT, "2*(own_hypot(a, b) - y)*a/own_hypot(a, b)", True),
    (HYPOT, "2*(own_hypot(a, b) - y)*b/own_hypot(a, b)", False),
    (LEAKY, "2*(leaky(a, 0.25) - y)*where(a > 0, 1, 0.25)", True),
    (LEAKY, "2*(leaky(a, slope=0.25) - y)*{1 if a > 0, else ¼}", True),
    (LEAKY, "2*(maximum(a, 0.25*a) - y)*where(a > 0, 1, 0.25)", True),
    (LEAKY, "2*(leaky(a, 0.25) - y)", False),
    (LEAKY, "2*(leaky(a) - y)*where(a > 0, 1, 0.25)", False),
    (UNICODE, "2*(größe(a) - y)*a/größe(a)", True),
]


def _checked(own: Own, answer: str) -> mg.Answer:
    loss, leaves, _ = _loss(own)
    (gradient,) = mg.grad(loss, [leaves[0]])
    return mg.check_answer(answer, gradient, loss, leaves[0])


@pytest.mark.parametrize(("own", "answer", "right"), ANSWERS, ids=lambda case: getattr(case, "name", str(case)))
def test_answers_may_use_the_name(own: Own, answer: str, right: bool) -> None:
    assert _checked(own, answer).right is right


@with_opaque
def test_worksheets_have_the_right_gradients_in_their_keys(own: Own) -> None:
    loss, leaves, _ = _loss(own)
    files = mg.worksheet(loss, leaves, seed="7", questions=4).files()
    (key,) = (json.loads(text) for name, text in files.items() if name.startswith("key") and name.endswith(".json"))
    asked = {kind: [q for q in key["questions"] if q["kind"] == kind] for kind in ("number", "derive")}
    by_label = dict(zip(map(str, own.symbols), leaves, strict=True))
    for question in asked["derive"]:
        leaf = by_label[question["label"]]
        assert mg.check_answer(question["answer"], mg.grad(loss, [leaf])[0], loss, leaf).right
    numbers = [key["numbers"][label] for label in by_label]
    values = [q["answer"] for q in asked["number"] if q["what"] == "value"]
    assert values == [pytest.approx((own.of(*numbers) - key["numbers"]["y"]) ** 2, rel=1e-12)]


COMMANDS = [
    (["explain", "(mish(a) - y)**2", "--at", "a=0.7,y=0.25", "--wrt", "a"], "mish(x) = x·tanh(log(1 + exp(x)))"),
    (["ledger", "(own_softsign(a) - y)**2", "--at", "a=0.7,y=0.25"], "own_softsign(a)"),
    (["source", "(twice_mish(a) - y)**2", "--wrt", "a"], "xp.tanh("),
    (["source", "(own_sinh(a) - y)**2", "--wrt", "a"], "xp.sinh(a)"),
    (["check", "(own_atan(a) - y)**2", "--wrt", "a", "--answer", "2(own_atan(a) - y)/(1 + a^2)"], "Right"),
]


@pytest.mark.parametrize(("command", "said"), COMMANDS, ids=lambda case: case[1] if isinstance(case, list) else "")
def test_formulas_on_the_command_line_know_the_name(
    command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for own in [*EVERYWHERE, OPAQUE]:
        own.declare()
    assert main(command) == 0
    assert said in capsys.readouterr().out


EXPLAINED = [  # a formula of several inputs or with a static argument, and a gradient as `explain` writes it
    ("(own_hypot(a, b) - y)**2", "a", "2[√(a² + b²) − y]a/√(a² + b²)"),
    ("(leaky(a, 0.25) - y)**2", "a", "2(leaky(a, ¼) − y)([a > 0] + ¼[a ≤ 0])"),
    ("(leaky(a, slope=0.25) - y*b)**2", "a", "2(leaky(a, ¼) − yb)([a > 0] + ¼[a ≤ 0])"),
    ("z = leaky(a, slope=0.25); (b*z - y)**2", "b", "2(bz − y)z"),
    ("(where(a > b, a, 2*b) - y)**2", "b", "4(2b − y)[a ≤ b]"),
    ("(maximum(a, b) - y)**2", "b", "(max(a, b) − y)([b > a] + [b ≥ a])"),
]
CASES = [  # the same with braces
    ("(leaky(a, 0.25) - y)**2", "a", "2(leaky(a, ¼) − y){1 if a > 0, else ¼}"),
    ("(where(a > b, a, 2*b) - y)**2", "b", "4({a if a > b, else 2b} − y)[a ≤ b]"),
    ("(maximum(a, b) - y)**2", "b", "(max(a, b) − y){2 if b > a, 1 if b = a, else 0}"),
]


@pytest.mark.parametrize(("formula", "wrt", "gradient"), EXPLAINED)
def test_what_explain_writes_of_several_inputs_is_an_answer(
    formula: str, wrt: str, gradient: str, capsys: pytest.CaptureFixture[str]
) -> None:
    HYPOT.declare()
    LEAKY.declare()
    assert main(["explain", formula, "--wrt", wrt]) == 0
    assert f"df/d{wrt} = {gradient}\n" in capsys.readouterr().out
    assert main(["check", formula, "--wrt", wrt, "--answer", gradient]) == 0
    assert "Right" in capsys.readouterr().out


@pytest.mark.parametrize(("formula", "wrt", "gradient"), CASES)
def test_cases_with_braces_are_answers(
    formula: str, wrt: str, gradient: str, capsys: pytest.CaptureFixture[str]
) -> None:
    LEAKY.declare()
    assert main(["check", formula, "--wrt", wrt, "--answer", gradient]) == 0
    assert "Right" in capsys.readouterr().out


SENTENCE = r"the primitive 'own_atan' has no line in {}: its notation, own_atan\(x\), is not made of mg functions; give"


def test_what_cannot_be_opened_is_run_by_numpy_and_told(tmp_path: Path) -> None:
    loss, leaves, y = _loss(OPAQUE)
    exact = _slopes(OPAQUE, PLACE["a"], y=PLACE["y"])
    assert mg.compile(loss, leaves, [])()[1] == pytest.approx(exact, rel=1e-13)
    with pytest.warns(UserWarning, match="NumPy runs a part of this program, not the jit: " + SENTENCE.format("LLVM")):
        program = mg.compile(loss, leaves, [y], "jit")
    rows = np.array([0.25, 1.0, -2.0])
    assert program(rows)[1] == pytest.approx([np.mean(_slopes(OPAQUE, PLACE["a"], y=rows))], rel=1e-13)
    refused: list[tuple[str, Callable[[], object]]] = [
        ("Python", lambda: mg.compile(loss, leaves, [y]).source),
        ("Python", lambda: mg.compile(loss, leaves, [y], "jax")),
        ("ONNX", lambda: mg.export_onnx(loss, tmp_path / "own.onnx", [*leaves, y])),
    ]
    for target, use in refused:
        with pytest.raises(ValueError, match=SENTENCE.format(target)):
            use()
    assert not list(tmp_path.iterdir())


WRONG = [  # a notation for 2x, and what is said of it where the source is asked for
    ("3*x", r"its notation, 3\*x, gives \S+ at \S+, where its forward gives"),
    ("2x", "its notation, 2x, is no Python expression"),
    ("foo(x)", "'foo' in its notation is no function of mg"),
    ("__import__('os').getcwd()", "in its notation is nothing that the targets know"),
    ("x if x > 0 else 2*x", "in its notation is nothing that the targets know"),
    ("x + z", "its notation, x \\+ z, has the names x, z for 1 input"),
]


@pytest.mark.parametrize(("notation", "said"), WRONG)
def test_a_wrong_notation_is_refused_by_what_is_wrong(notation: str, said: str) -> None:
    double = mg.primitive("double", lambda x: 2.0 * x, [lambda g, y, x: 2.0 * g], notation)
    x = mg.Value(0.7, label="x")
    with pytest.raises(ValueError, match=said):
        _ = mg.compile(double(x) ** 2, [x], []).source
    assert mg.compile(double(x) ** 2, [x], [])() == (pytest.approx(1.96), pytest.approx([5.6]))
