"""Programs in JavaScript, run in a real browser, against the engine: every primitive, network, array and odd label."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium
from hypothesis import given, settings
from hypothesis import strategies as st
from test_backends import case_losses, leaves
from test_primitives import CASES
from test_source import LABELS

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.export import javascript
from microgradcnn.targets.export.javascript import EXPRESSIONS, function, literal
from microgradcnn.targets.scalars import OPENED

Run = Callable[[str, Sequence[Sequence[float]]], Any]


@pytest.fixture(scope="module")
def run(browser: Any) -> Iterator[Run]:
    """What a function `program` gives at each of the points."""
    page = browser.new_page()

    def run(text: str, points: Sequence[Sequence[float]]) -> Any:
        return page.evaluate(f"(points) => {{ {text}; return points.map(program); }}", points)

    yield run
    page.close()


def apart(found: float, expected: float) -> float:
    """|found − expected| as a share of max(1, |expected|); 0 for the same infinity or NaN, inf for another."""
    if not (math.isfinite(found) and math.isfinite(expected)):
        return 0.0 if found == expected or (found != found and expected != expected) else math.inf
    return abs(found - expected) / max(1.0, abs(expected))


def far(found: Sequence[float], expected: Sequence[float]) -> float:
    return max((apart(a, b) for a, b in zip(found, expected, strict=True)), default=0.0)


def flat(values: Sequence[Value]) -> list[float]:
    return [float(x) for v in values for x in np.ravel(v.data)]


# Every primitive


# Opened into numbers, or by their notation.
WITHOUT_ROW = {name for name, op in TABLE.items() if not op.elementwise or op.composed} - {"astype"}


def test_every_primitive_on_numbers_has_a_row() -> None:
    assert sorted([*EXPRESSIONS, *WITHOUT_ROW]) == sorted(TABLE), "give it a row in targets/export/javascript.py"
    assert set(OPENED) <= WITHOUT_ROW


COMPARED = ("less", "less_equal", "greater", "greater_equal", "equal")
EXPONENTS = (-2, -0.5, 0, 0.5, 1, 2, 3, 7, math.inf, math.nan)
USES: dict[str, tuple[int, list[Callable[..., Any]]]] = {
    **{name: (2, [TABLE[name]]) for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum")},
    **{name: (2, [lambda a, b, op=TABLE[name]: op(a, b) * 2.0, TABLE[name]]) for name in COMPARED},
    **{name: (1, [TABLE[name]]) for name in ("neg", "square", "sqrt", "abs", "exp", "expm1", "log", "log1p", "tanh")},
    **{name: (1, [TABLE[name]]) for name in ("sigmoid", "softplus", "relu")},
    **{name: (1, [TABLE[name]]) for name in ("sin", "cos", "tan", "sinh", "cosh", "arcsin", "arccos", "arctan", "erf")},
    **{name: (1, [TABLE[name]]) for name in ("arcsinh", "arccosh", "arctanh", "log2", "log10", "sign", "floor")},
    **{name: (2, [TABLE[name]]) for name in ("arctan2", "logaddexp", "hypot", "mod")},
    "power": (1, [lambda x, e=e: x**e for e in EXPONENTS]),
    "where": (3, [lambda a, b, c: mg.where(a < b, c, a * b), lambda a, b, c: mg.where(a, b, c)]),
    "astype": (
        1,
        [lambda x: mg.astype(mg.astype(x, np.float32), np.float64), lambda x: mg.astype(x < 0.5, np.float64)],
    ),
}
numbers = st.floats() | st.floats(-4.0, 4.0) | st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan])


def derived(use: Callable[..., Any], point: Sequence[float]) -> tuple[list[Value], list[Value]]:
    """The leaves at this point; the value there, and the gradient if there is one."""
    xs = [Value(x, label=letter) for x, letter in zip(point, "abc", strict=False)]
    y = use(*xs)
    return xs, [y] if y.dtype == np.bool_ else [y, *mg.grad(y, xs)]


def test_every_row_is_used() -> None:
    assert sorted(USES) == sorted(EXPRESSIONS), "give the primitive a line in USES"


@needs_chromium
@pytest.mark.parametrize("name", USES)
@settings(max_examples=6)
@given(data=st.data())
def test_a_primitive(name: str, run: Run, data: Any) -> None:
    """Its value and gradient at any numbers, by the program that was recorded at others."""
    n, uses = USES[name]
    points = data.draw(st.lists(st.lists(numbers, min_size=n, max_size=n), min_size=20, max_size=20))
    for use in uses:
        xs, outputs = derived(use, (0.75, 1.5, -2.0)[:n])
        found = run(function(outputs, xs), points)
        for point, results in zip(points, found, strict=True):
            expected = flat(derived(use, point)[1])
            assert far(results, expected) <= 1e-12, (point, results, expected)


@needs_chromium
def test_a_wrong_row_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPRESSIONS, "tanh", "Math.tanh({0}) + 2e-12")
    xs, outputs = derived(mg.tanh, [0.5])
    assert far(run(function(outputs, xs), [[0.5]])[0], flat(outputs)) > 1e-12


@needs_chromium
@pytest.mark.parametrize("name", sorted(WITHOUT_ROW))
def test_arrays_are_opened(name: str, run: Run) -> None:
    """The loss, all gradients, and the gradient of a gradient, row by row."""
    for loss, arrays in case_losses(name)[:4]:
        xs = leaves(arrays, [f"x_{i}" for i in range(len(arrays))], "float64")
        f = loss(*xs)
        slopes = mg.grad(f, xs)
        text = function([f, *slopes, *mg.grad(mg.sum(slopes[0] * slopes[0]), xs[:1])], xs)
        moved = leaves([0.9 * x for x in arrays], ["x"] * len(arrays), "float64")
        g = loss(*moved)
        expected = mg.grad(g, moved)
        expected = [g, *expected, *mg.grad(mg.sum(expected[0] * expected[0]), moved[:1])]
        assert far(run(text, [flat(moved)])[0], flat(expected)) <= 1e-12


def test_every_array_primitive_has_a_case() -> None:
    assert set(CASES) >= WITHOUT_ROW


@needs_chromium
def test_arrays_among_the_outputs(run: Run) -> None:
    x = Value(np.arange(6.0).reshape(2, 3), label="x")
    assert run(function([x, x.T, 2.0 * x[0], mg.sum(x)], [x]), [range(6)]) == [
        [0, 1, 2, 3, 4, 5, 0, 3, 1, 4, 2, 5, 0, 2, 4, 15]
    ]


@needs_chromium
def test_float32_is_rounded_at_every_step(run: Run) -> None:
    x = Value(np.float32(0.1), label="x")
    y = ((x * 3.0 + 0.3) / 7.0) * x
    assert run(function([y], [x]), [[float(x.data)]]) == [[float(y.data)]]


@needs_chromium
def test_what_is_true_or_false_stays_so(run: Run) -> None:
    x = Value(1.0, label="x")
    both, either = TABLE["mul"](x < 2.0, x > 0.0), TABLE["add"](x < 2.0, x > 0.0)
    outputs = [both, either, x < 2.0, mg.where(either, x, -x), mg.equal(x < 2.0, x)]
    found = run(function(outputs, [x]), [[1.0], [3.0]])
    assert found[0] == flat(outputs) == [1.0, 1.0, 1.0, 1.0, 1.0]
    assert found[1] == [0.0, 1.0, 0.0, 3.0, 0.0]


# Networks


@needs_chromium
@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network(name: str, activation: str, run: Run) -> None:
    """Every value and every gradient of the graph, at parameters and inputs other than those it was recorded with."""

    def everything(seed: int) -> tuple[list[Value], list[Value]]:
        network = NETWORKS[name](activation=activation, regularise=0.1, seed=seed)
        x = np.random.default_rng(seed).normal(size=network.inputs)
        f = network.example(x, float(seed)).loss
        order = topological(f)
        return [v for v in order if v.op is None], [*order, *mg.grad(f, order)]

    xs, outputs = everything(0)
    moved, expected = everything(1)
    found = run(function(outputs, xs), [flat(xs), flat(moved)])
    assert far(found[0], flat(outputs)) <= 1e-12
    assert far(found[1], flat(expected)) <= 1e-12


# The text

NEURON = """\
function program(v) {
  function sigmoid(x) { // from exp(-|x|), which cannot overflow
    const e = Math.exp(-Math.abs(x));
    return x < 0 ? e / (1 + e) : 1 - e / (1 + e);
  }
  const [w, b] = v;
  const t1 = 2 * w;
  const t2 = t1 + b;
  const z = sigmoid(t2);
  const t3 = z - 1;
  const t4 = t3 * t3;
  const t5 = 2 * t3;
  const t6 = 1 - z;
  const t7 = z * t6;
  const t8 = t5 * t7;
  const df_dw = 2 * t8;
  return [t4, df_dw, t8];
}"""


def test_a_neuron() -> None:
    w, b, x, y = (Value(v, label=name) for v, name in ((0.5, "w"), (-0.2, "b"), (2.0, "x"), (1.0, "y")))
    z = mg.sigmoid(w * x + b)
    z.label = "z"
    f = (z - y) ** 2
    df_dw, df_db = mg.grad(f, [w, b])
    df_dw.label = "df_dw"
    assert function([f, df_dw, df_db], [w, b]) == NEURON


def test_literals() -> None:
    numbers = [1.0, -0.5, 1e22, 1e-7, math.inf, -math.inf, math.nan, -0.0, True, False]
    texts = ["1", "(-0.5)", "1e+22", "1e-07", "Infinity", "(-Infinity)", "NaN", "(-0)", "true", "false"]
    assert [literal(x) for x in numbers] == texts


@needs_chromium
def test_any_label(run: Run) -> None:
    labels = [*LABELS, "v", "program", "sigmoid", "pow", "Math", "NaN", "let", "yield", "arguments", "\ud800", "\u2028"]
    labels += ["</script><script>alert(1)</script>", "`${alert(1)}`", "x; alert(1)", "*/ alert(1)", "ß", "ſ", "ﬁ", "𞤀"]
    xs = [Value(0.01 * i, label=label) for i, label in enumerate(labels)]
    total: Any = 0.0
    for x in xs:
        total = total + mg.sigmoid(x) ** x
        total.label = x.label
    text = function([total], xs)
    assert not set(text) & set("\"'`$\\#")
    assert "</" not in text
    assert "alert(" not in text
    assert far(run(text, [[x.item() for x in xs]])[0], [total.item()]) <= 1e-12
    assert "alert" in function(xs[-4:], xs)


@needs_chromium
def test_trivial_outputs(run: Run) -> None:
    x, c = Value(2.0, label="x"), Value(3.0, label="c")
    assert run(function([x, c, x, c * c, mg.exp(x) * 0.0 + x], [x]), [[5.0]]) == [[5, 3, 5, 9, 5]]
    assert run(function([c], []), [[]]) == [[3]]


def test_what_it_refuses(own_primitives: None, monkeypatch: pytest.MonkeyPatch) -> None:
    x = Value(2.0, label="x")
    y = 2.0 * x
    with pytest.raises(ValueError, match="an unlabelled result of mul was computed: the function takes leaves"):
        function([y], [y])
    big = Value(np.ones((40, 40)), label="A")
    with pytest.raises(ValueError, match="more than 20000 operations on numbers"):
        function([mg.sum(big @ big)], [big])
    cube = mg.primitive("cube", lambda x: x * x * x, [lambda g, y, x: g * (3.0 * x * x)], scalar=lambda x: x * x * x)
    with pytest.raises(ValueError, match=r"'cube' has no line in JavaScript: its notation, cube\(x\), is not made of"):
        function([cube(x)], [x])
    monkeypatch.setitem(javascript.EXPRESSIONS, "cube", "{0} ** 3")
    assert "x ** 3" in function([cube(x)], [x])
    f = x * x
    x.data = 3.0
    with pytest.raises(ValueError, match="x was changed after"):
        function([f], [x])
