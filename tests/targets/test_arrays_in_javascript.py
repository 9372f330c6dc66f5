"""Programs over arrays in JavaScript, run in a real browser, against the engine: every primitive, shape and dtype."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium
from drawn_networks import lenet
from function_cases import EVERY, arrays_of, ours, parts
from test_javascript import apart
from test_primitives import CASES

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE
from microgradcnn.targets.export.javascript import EXPRESSIONS, NoLineError, TooLargeError
from microgradcnn.targets.export.javascript_arrays import ArrayFunction, array_program
from microgradcnn.views.pages.assets import asset
from microgradcnn.views.pages.page import ARRAYS

RUNTIME = "\n".join(asset(f"{name}.js") for name in ARRAYS)
Task = tuple[str, ArrayFunction, list[float], list[Value]]  # a name, a program, numbers of leaves, what it should give


def flat(values: Sequence[Value]) -> list[float]:
    return [float(x) for v in values for x in np.ravel(v.data)]


def run(browser: Any, tasks: Sequence[Task], before: str = "") -> list[list[tuple[list[int], list[float]]]]:
    """The shapes and numbers that every program gives, all of them in one page."""
    page = browser.new_page()
    programs = ",\n".join(program.text for _, program, _, _ in tasks)
    script = f"""(points) => {{
      {RUNTIME}\n{before}
      const told = (x) => Number.isFinite(x) ? x : String(x).replace("Infinity", "inf");
      const found = ({{ data, shape }}) => [shape, Array.from(data, told)];
      const given = JSON.parse(points, (_, x) => typeof x === "string" ? Number(x) : x);
      const numbers = given.map((list) => list.map((of) => Float64Array.from(of)));
      return JSON.stringify([{programs}].map((program, i) => program(...numbers[i]).map(found)));
    }}"""
    points = [[_told(point), _told(program.constants.tolist())] for _, program, point, _ in tasks]
    found = json.loads(page.evaluate(script, json.dumps(points)))
    page.close()
    return [[(shape, [*map(float, numbers)]) for shape, numbers in outputs] for outputs in found]


def _told(numbers: Sequence[float]) -> list[float | str]:
    """Numbers as JSON has them, others as texts."""
    return [x if math.isfinite(x) else str(x).replace("inf", "Infinity") for x in numbers]


def differences(browser: Any, tasks: Sequence[Task], near: float = 1e-12, before: str = "") -> list[str]:
    """Which programs give other shapes or numbers than the engine."""
    wrong = []
    for (name, _, _, expected), found in zip(tasks, run(browser, tasks, before), strict=True):
        for k, (v, (shape, numbers)) in enumerate(zip(expected, found, strict=True)):
            if tuple(shape) != v.shape:
                wrong.append(f"{name}, output {k}: shape {shape} for {v.shape}")
            elif (far := max(map(apart, numbers, flat([v])), default=0.0)) > near:
                wrong.append(f"{name}, output {k}: {far}")
    return wrong


def derived(f: Any, xs: Sequence[Any], dtype: str = "float64") -> tuple[list[Value], list[Value]]:
    """Leaves, and f of them with its gradients, and the gradient of a gradient."""
    leaves = [Value(np.asarray(x, dtype), label=f"x_{i}") for i, x in enumerate(xs)]
    y = f(*leaves)
    if y.dtype == np.bool_:
        return leaves, [y]
    slopes = mg.grad(mg.sum(y * (1.0 + 0.1 * np.arange(float(np.size(y.data))).reshape(y.shape))), leaves)
    return leaves, [y, *slopes, *mg.grad(mg.sum(slopes[0] * slopes[0]), leaves[:1])]


def task(name: str, f: Any, xs: Sequence[Any], elsewhere: Sequence[Any], dtype: str = "float64") -> Task:
    """A program recorded at `xs`, with numbers to run it at elsewhere."""
    leaves, outputs = derived(f, xs, dtype)
    moved, expected = derived(f, elsewhere, dtype)
    return name, array_program(outputs, leaves), flat(moved), expected


def of_case(name: str, k: int) -> Task:
    case = CASES[name][k]
    elsewhere = [x if i in case.fixed else 0.9 * np.asarray(x) for i, x in enumerate(case.inputs)]
    return task(f"{name} {k}", lambda *xs: TABLE[name](*xs, **case.static), case.inputs, elsewhere)


@needs_chromium
def test_every_primitive(browser: Any) -> None:
    assert differences(browser, [of_case(name, 0) for name in CASES]) == []


@pytest.mark.slow
@needs_chromium
def test_every_case_of_every_primitive(browser: Any) -> None:
    tasks = [of_case(name, k) for name in CASES for k in range(1, len(CASES[name]))]
    assert len(tasks) > 200
    assert differences(browser, tasks) == []


@pytest.mark.slow
@needs_chromium
def test_the_functions_that_people_meet(browser: Any) -> None:
    tasks = []
    for case in EVERY:
        for k in range(len(parts(case(ours(case), [Value(x) for x in arrays_of(case)])))):
            f = lambda *xs, case=case, k=k: parts(case(ours(case), list(xs)))[k]  # noqa: E731
            tasks.append(task(f"{case} {k}", f, [np.flip(x) for x in arrays_of(case)], arrays_of(case)))
    assert differences(browser, tasks, 1e-11) == []


# Shapes as they come


def some_shape(rng: np.random.Generator, axes: int = 4, longest: int = 3) -> tuple[int, ...]:
    return tuple(rng.integers(1, longest + 1, rng.integers(0, axes + 1)).tolist())


def broadcast(rng: np.random.Generator) -> Any:
    """Three arrays that go together, some of them shorter or repeated, now and then without a number."""
    shape = some_shape(rng)
    if shape and rng.random() < 0.1:
        shape = (0, *shape[1:])
    shapes = [tuple(1 if rng.random() < 0.3 else n for n in shape)[rng.integers(0, len(shape) + 1) :] for _ in "abc"]
    return lambda a, b, c: mg.where(a < b, a * b, mg.maximum(a, b) - c) / (1.0 + c * c), shapes


def reduction(rng: np.random.Generator) -> Any:
    shape = some_shape(rng)
    chosen = [a if rng.random() < 0.5 else a - len(shape) for a in range(len(shape)) if rng.random() < 0.5]
    over: Any = {"axis": tuple(chosen) if chosen else None, "keepdims": bool(rng.random() < 0.5)}
    function = [mg.sum, mg.mean, mg.max, mg.min, mg.logsumexp, mg.norm][rng.integers(0, 6)]
    return lambda x: function(x + 2.0 * mg.square(x), **over), [shape]


def index(rng: np.random.Generator) -> Any:
    """Parts by numbers, slices, new axes and one array of places or of truths, in any order."""
    shape = some_shape(rng)
    parts: list[Any] = []
    for n in shape:
        kinds = [int(rng.integers(-n, n)), slice(None, None, int(rng.choice([-2, -1, 2]))), slice(1, None), slice(None)]
        if not any(isinstance(part, np.ndarray) for part in parts):
            kinds += [rng.integers(-n, n, (2, 2)), rng.random(n) < 0.6]
        parts.append(kinds[rng.integers(0, len(kinds))])
    cut = int(rng.integers(0, len(parts) + 1))
    parts = [..., *parts[cut:]] if rng.random() < 0.3 else parts[:cut] if rng.random() < 0.5 else parts
    if rng.random() < 0.3:
        parts.insert(int(rng.integers(0, len(parts) + 1)), None)
    return lambda x: mg.square(x)[tuple(parts)], [shape]


def moved(rng: np.random.Generator) -> Any:
    shape = (*some_shape(rng, 3), 2)
    order = tuple(rng.permutation(len(shape)).tolist())
    axis = int(rng.integers(-len(shape), len(shape)))

    def f(x: Any, y: Any) -> Any:
        return mg.stack(
            [mg.concatenate(pair, axis=axis).transpose(order) for pair in ([x, y, x], [y, y, x])], axis=axis
        )

    return f, [shape, shape]


def product(rng: np.random.Generator) -> Any:
    stack, (m, k, n) = some_shape(rng, 2), rng.integers(1, 5, 3).tolist()
    left = [(*stack, m, k), (m, k), (k,)][rng.integers(0, 3)]
    right = [(*stack[1:], k, n), (k, n), (k,)][rng.integers(0, 3)]
    return lambda a, b: a @ b, [left, right]


def images(rng: np.random.Generator) -> Any:
    n, groups, each, filters = rng.integers(1, 3, 4).tolist()
    size, stride, padding, dilation = (
        tuple(rng.integers(low, high, 2).tolist()) for low, high in ((1, 4), (1, 3), (0, 3), (1, 3))
    )
    high = [dilation[i] * (size[i] - 1) + 1 + int(rng.integers(0, 4)) for i in (0, 1)]

    def f(x: Any, w: Any) -> Any:
        return mg.conv2d(x, w, stride, padding, dilation, groups)

    return f, [(n, groups * each, *high), (groups * filters, each, *size)]


def pooling(rng: np.random.Generator) -> Any:
    size, stride = (tuple(rng.integers(1, 4, 2).tolist()) for _ in "ab")
    pool = [mg.max_pool2d, mg.avg_pool2d][rng.integers(0, 2)]
    return lambda x: pool(x, size, stride), [(*rng.integers(1, 3, 2).tolist(), *rng.integers(3, 7, 2).tolist())]


def random_tasks(kind: Any, count: int) -> list[Task]:
    rng = np.random.default_rng(7)
    tasks = []
    for i in range(count):
        f, shapes = kind(rng)
        at, elsewhere = ([rng.normal(size=shape) for shape in shapes] for _ in "ab")
        tasks.append(task(f"{kind.__name__} {i} of {shapes}", f, at, elsewhere))
    return tasks


KINDS = (broadcast, reduction, index, moved, product, images, pooling)


@needs_chromium
def test_shapes_as_they_come(browser: Any) -> None:
    assert differences(browser, [t for kind in KINDS for t in random_tasks(kind, 8)]) == []


@pytest.mark.slow
@needs_chromium
def test_more_shapes_as_they_come(browser: Any) -> None:
    assert differences(browser, [t for kind in KINDS for t in random_tasks(kind, 80)]) == []


# What else may stand in a graph


@needs_chromium
def test_float32_is_rounded_to(browser: Any) -> None:
    def f(w: Any, x: Any) -> Any:
        return mg.log_softmax(mg.tanh(x @ w) / 3.0 + 0.1) * mg.mean(x)

    xs = [np.linspace(-1.0, 1.0, 12).reshape(4, 3), np.linspace(0.0, 2.0, 8).reshape(2, 4)]
    found = task("float32", f, xs, [x + 0.5 for x in xs], "float32")
    assert differences(browser, [found], 1e-6) == []
    for _, numbers in run(browser, [found])[0]:
        assert numbers == [float(np.float32(x)) for x in numbers]


@needs_chromium
def test_a_primitive_of_ones_own(browser: Any, own_primitives: None) -> None:
    """By its notation, by its line for numbers, and refused by name without both."""
    rule = [lambda g, y, x: g / mg.square(1.0 + mg.abs(x))]
    softsign = mg.primitive("softsign", lambda x: x / (1.0 + np.abs(x)), rule, "x / (1 + abs(x))")
    cubes = mg.primitive("cubes", lambda x: x**3, [lambda g, y, x: g * (3.0 * x * x)], targets={"javascript": "x ** 3"})
    x = np.linspace(-2.0, 2.0, 6).reshape(2, 3)
    assert differences(browser, [task(op.name, op, [x], [1.1 * x]) for op in (softsign, cubes)]) == []
    sums = mg.primitive("sums", np.cumsum, [lambda g, y, x: mg.cumsum(g[::-1])[::-1]])
    v = Value([1.0, 2.0], label="v")
    with pytest.raises(NoLineError, match="'sums' has no line in JavaScript") as refused:
        array_program([sums(v)], [v])
    assert refused.value.op == "sums"


@needs_chromium
def test_a_wrong_row_is_found(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXPRESSIONS, "tanh", "Math.tanh({0}) + 2e-12")
    assert len(differences(browser, [of_case("tanh", 0)])) >= 1
    assert len(differences(browser, [of_case("matmul", 0)], before="xp.matmul = (a, b) => a;")) >= 1


@needs_chromium
def test_constants_trivial_outputs_and_what_is_true_or_false(browser: Any) -> None:
    x = Value([[1.0, -2.0], [0.0, 3.0]], label="x")
    c = Value([math.inf, math.nan], label="c")
    long = np.linspace(0.0, 1.0, 40).reshape(2, 2, 10)
    outputs = [
        mg.sum(x.reshape(2, 2, 1) * long),
        x,
        c,
        x < 1.0,
        x * np.array([2.0, 3.0]),
        x * 0.0 + c,
        mg.sum(x < 1.0),
        x.T.T,
        Value(3.0) * 1.0,
    ]
    assert differences(browser, [("trivial", array_program(outputs, [x]), flat([x]), outputs)]) == []


@needs_chromium
def test_lenet_on_one_example(browser: Any) -> None:
    """Every value and every gradient, at other parameters than it was recorded with, and fast enough to play with."""
    model = lenet()

    def everything(scale: float) -> tuple[list[Value], list[Value]]:
        for p in model.parameters():
            p.data = scale * p.data
        x = Value(np.linspace(0.0, scale, 784).reshape(1, 1, 28, 28))
        order = topological(nn.cross_entropy(model(x), np.array([3])))
        return [v for v in order if v.op is None], [*order, *mg.grad(order[-1], order)]

    leaves, outputs = everything(1.0)
    program = array_program(outputs, leaves)
    assert len(program.text) < 10_000
    moved, expected = everything(0.9)
    assert differences(browser, [("LeNet", program, flat(moved), expected)]) == []


def test_what_it_refuses() -> None:
    x = Value(np.ones((2, 3)), label="x")
    y = 2.0 * x
    with pytest.raises(ValueError, match="an unlabelled result of mul was computed: the function takes leaves"):
        array_program([y], [y])
    big = Value(np.ones((300, 300)), label="A")
    with pytest.raises(TooLargeError, match="more than 10000000 operations on numbers"):
        array_program([big @ big], [big])


def test_every_primitive_has_a_way() -> None:
    """By a row for numbers, or by a function of its name."""
    of_arrays = [name for name in BUILT_IN if name not in EXPRESSIONS]
    missing = [name for name in of_arrays if f"\n  {name}" not in RUNTIME]
    assert missing == [], "give it a function in views/pages/assets/arrays"


def test_any_label() -> None:
    labels = ["xp", "v", "add", "Math", "</script>", "a b", "0.weight"]
    xs = [Value([1.0, 2.0], label=label) for label in labels]
    text = array_program([mg.sum(mg.stack(xs) + 1.0)], xs).text
    assert "const xp_ = xp.leaf(v, 0, [2]);" in text
    assert "</" not in text
