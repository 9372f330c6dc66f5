"""Primitives of the user's own, each in one statement, in every target: values, first and second derivatives.

What is expected is the closed form of the value, of the chain that the user wrote, and of its derivative, with mpmath.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from conftest import needs_chromium
from every_backend import from_source

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.record import primitive_named
from microgradcnn.targets.export.javascript import function
from microgradcnn.targets.native import jit

pytestmark = pytest.mark.usefixtures("own_primitives")

TOLERANCE = {"float64": 1e-11, "float32": 2e-5}
POINTS = np.array([[-2.5, -1.0, -0.3], [0.4, 1.25, 3.0]])


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


# Each in one statement


def swish() -> Any:
    return mg.primitive(
        "swish",
        lambda x: x / (1.0 + np.exp(-x)),
        [lambda g, y, x: g * (mg.sigmoid(x) + y * (1.0 - mg.sigmoid(x)))],
        "x * sigmoid(x)",
    )


def squared_swish() -> Any:
    swish()
    return mg.primitive(
        "squared_swish",
        lambda x: (x / (1.0 + np.exp(-x))) ** 2,
        [lambda g, y, x: g * 2.0 * swish()(x) * (mg.sigmoid(x) * (1.0 + x * (1.0 - mg.sigmoid(x))))],
        "square(swish(x))",
    )


def hypotenuse() -> Any:
    return mg.primitive(
        "hypotenuse", np.hypot, [lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y], "sqrt(a ** 2 + b ** 2)"
    )


def elu() -> Any:
    return mg.primitive(
        "elu",
        lambda x, alpha: np.where(x > 0.0, x, alpha * np.expm1(x)),
        [lambda g, y, x, alpha: g * mg.where(x > 0.0, 1.0, y + alpha)],
        "where(x > 0, x, alpha * expm1(x))",
    )


def centred() -> Any:
    return mg.primitive(
        "centred",
        lambda x: x - x.mean(axis=1, keepdims=True),
        [lambda g, y, x: g - mg.mean(g, axis=1, keepdims=True)],
        "x - mean(x, axis=1, keepdims=True)",
    )


def step() -> Any:
    """Its chain is that of a sigmoid."""
    return mg.primitive(
        "step",
        lambda x: np.where(x > 0.0, np.ones_like(x), np.zeros_like(x)),
        [lambda g, y, x: g * (mg.sigmoid(x) * (1.0 - mg.sigmoid(x)))],
        "where(x > 0.0, 1.0 + 0.0 * x, 0.0 * x)",
        scalar=lambda x: 1.0 if x > 0.0 else 0.0,
    )


def reversal() -> Any:
    return mg.primitive("reversal", lambda x: x + 0.0, [lambda g, y, x: -g], "x")


def gelu() -> Any:
    return mg.primitive(
        "gelu",
        lambda x: 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
        [lambda g, y, x: mg.grad(_gelu(x), [x], g)[0] if isinstance(x, Value) else g * _gelu_slope(x)],
        "0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x ** 3)))",
    )


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + mg.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _gelu_slope(x: Any) -> Any:
    leaf = Value(x)
    return mg.grad(_gelu(leaf), [leaf], np.ones(leaf.shape, leaf.dtype))[0].data


def sinh() -> Any:
    return mg.primitive(
        "own_sinh",
        np.sinh,
        [lambda g, y, x: g * mg.sqrt(1.0 + y * y)],
        "own_sinh(x)",
        targets={"python": "xp.sinh(x)", "javascript": "Math.sinh(x)", "llvm": "sinh", "onnx": "Sinh"},
    )


def sine() -> Any:
    return mg.primitive("sine", np.sin, [lambda g, y, x: g * mg.sqrt(1.0 - y * y)])  # for |x| < π/2


class Own(NamedTuple):
    """A function of a 2×3 array that uses a primitive, with value, slope and curvature of one number by mpmath."""

    make: Callable[[], Callable[[Any], Any]]
    value: Callable[[Any], Any]
    slope: Callable[[Any], Any] | None = None  # the value's derivative unless the chain has another


def _logistic(x: Any) -> Any:
    return 1 / (1 + mpmath.exp(-x))


OWN = {
    "of one input": Own(swish, lambda x: x * _logistic(x)),
    "made of another": Own(squared_swish, lambda x: (x * _logistic(x)) ** 2),
    "of two inputs": Own(lambda: lambda x: hypotenuse()(x, 2.0 * x + 1.0), lambda x: mpmath.hypot(x, 2 * x + 1)),
    "with a static argument": Own(
        lambda: lambda x: elu()(x, alpha=0.5), lambda x: x if x > 0 else 0.5 * mpmath.expm1(x)
    ),
    "with the number pi": Own(
        gelu, lambda x: x * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))) / 2
    ),
    "with a chain of another function": Own(
        step, lambda x: mpmath.mpf(x > 0), lambda x: _logistic(x) * (1 - _logistic(x))
    ),
    "that is its input": Own(reversal, lambda x: x, lambda x: mpmath.mpf(-1)),
    "with lines of its own": Own(sinh, mpmath.sinh),
}
every_own = pytest.mark.parametrize("name", OWN)
PROGRAMS = [*product(OWN, ("numpy", "jit", "fused", "source"), TOLERANCE), *product(OWN, ["jax"], ["float64"])]
PROGRAMS += [("of one input", "jax", "float32")]  # a third of a second each
FILES = sorted({*product(OWN, TOLERANCE)} - {("with lines of its own", "float64")})  # onnxruntime has one Sinh only
C, D = np.array([[0.5, -1.5, 2.0], [1.0, -0.25, 0.75]]), np.array([[1.0, 0.5, -2.0], [-0.5, 1.5, 1.0]])


def expected(own: Own, at: Any = POINTS) -> tuple[Any, Any, Any]:
    """Σ C·f(x), its gradient C·f'(x), and the gradient of Σ D·C·f'(x), which is D·C·f''(x)."""
    slope = own.slope or (lambda x: mpmath.diff(own.value, x))
    with mpmath.workdps(40):
        value, first, second = (
            np.array([float(g(mpmath.mpf(float(x)))) for x in at.flat]).reshape(at.shape)
            for g in (own.value, slope, lambda x: mpmath.diff(slope, x, h=mpmath.mpf("1e-12")))
        )
    return float(np.sum(C * value)), C * first, D * C * second


def losses(own: Own, x: Value) -> tuple[Value, Value]:
    """Σ C·f(x), and Σ D·C·f'(x)."""
    f = mg.sum(np.asarray(C, x.dtype) * own.make()(x))
    return f, mg.sum(np.asarray(D, x.dtype) * mg.grad(f, [x])[0])


def close(found: Any, wanted: Any, dtype: str) -> None:
    np.testing.assert_allclose(found, wanted, TOLERANCE[dtype], TOLERANCE[dtype])


def check(name: str, dtype: str, run: Callable[[Value, Value], Any]) -> None:
    """`run(loss, leaf)` gives loss and gradient at POINTS; it is recorded elsewhere."""
    own, x = OWN[name], Value(np.full((2, 3), 0.7, dtype), label="x")
    value, first, second = expected(own)
    f, slopes = losses(own, x)
    (loss, gradient), (slope, curvature) = run(f, x), run(slopes, x)
    close(loss, value, dtype)
    close(gradient, first, dtype)
    close(slope, np.sum(D * first), dtype)
    close(curvature, second, dtype)


@pytest.mark.parametrize(("name", "backend", "dtype"), PROGRAMS)
def test_a_program(name: str, backend: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if backend == "fused":
        monkeypatch.setattr(jit, "OPENED", -1)
    way = {"fused": "jit", "source": "numpy"}.get(backend, backend)

    def run(f: Value, x: Value) -> Any:
        program = mg.compile(f, [x], [], way)
        if backend == "source":
            loss, (gradient,) = from_source(program, POINTS.astype(dtype))
            return loss, gradient
        before = x.data
        x.data = POINTS.astype(dtype)
        loss, (gradient,) = program()
        x.data = before
        return loss, gradient

    own, x = OWN[name], Value(np.full((2, 3), 0.7, dtype), label="x")
    value, first, second = expected(own)
    for which, (wanted, gradient) in enumerate([(value, first), (np.sum(D * first), second)]):
        found, found_gradient = run(losses(own, x)[which], x)  # anew: a leaf that was changed leaves its graph
        close(found, wanted, dtype)
        close(found_gradient, gradient, dtype)


@needs_chromium
@every_own
def test_javascript(name: str, page: Any) -> None:
    def run(f: Value, x: Value) -> Any:
        text = function([f, *mg.grad(f, [x])], [x])
        loss, *gradient = page.evaluate(f"(v) => {{ {text}; return program(v); }}", POINTS.ravel().tolist())
        return loss, np.reshape(gradient, (2, 3))

    check(name, "float64", run)


@pytest.mark.parametrize(("name", "dtype"), FILES)
def test_onnx(name: str, dtype: str, tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")

    def run(f: Value, x: Value) -> Any:
        found = []
        for output in (f, *mg.grad(f, [x])):
            mg.export_onnx(output, tmp_path / "x.onnx", x, dtype=dtype, dynamic=False)
            session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
            found += session.run(None, {"x": POINTS.astype(dtype)} if session.get_inputs() else {})
        return found

    check(name, dtype, run)


def test_one_of_arrays_with_rows() -> None:
    """A matrix by hand: J = I − 1/m in every row."""
    x, w, rows = Value(np.ones((2, 3)), label="x"), Value(np.ones(3), label="w"), np.array(POINTS[:, ::-1])
    loss = mg.mean(mg.sum(centred()(x * w) ** 2, axis=1))
    z = rows * POINTS[0]
    off = z - z.mean(axis=1, keepdims=True)
    for backend in ("numpy", "jit", "jax"):
        program = mg.compile(loss, [w], [x], backend)
        trainer = program.bind(rows)
        trainer.flat = POINTS[0]
        assert trainer.evaluate() == pytest.approx(np.mean(np.sum(off**2, axis=1)), rel=1e-13)
        np.testing.assert_allclose(trainer.gradient, np.mean(2.0 * off * rows, axis=0), rtol=1e-13)
    assert "xp.mean(t1, axis=(1,), keepdims=True)" in program.source


def test_what_is_shared_is_computed_once() -> None:
    x = Value(np.linspace(-1.0, 1.0, 5), label="x")
    source = mg.compile(mg.sum(swish()(x)), [x]).source
    assert source.count("xp.exp(") == 1
    assert "swish" not in source


def test_a_line_of_its_own_comes_before_the_notation() -> None:
    cube = mg.primitive(
        "cube",
        lambda x, times: times * x**3,
        [lambda g, y, x, times: g * (3.0 * times) * x * x],
        "times * x ** 3",
        targets={"python": "times * x * x * x", "javascript": "times * x.x * x"},
    )
    x = Value(np.array([-2.0]), label="w")
    program = mg.compile(mg.sum(cube(x, times=-2.0)), [x])
    assert "t1 = (-2.0) * w * w * w" in program.source
    assert program() == (16.0, [np.array([-24.0])])
    assert "(-2) * w_1.x * w_1" in function([cube(x, times=-2.0)], [x])
    assert mg.compile(mg.sum(cube(x, times=-2.0)), [x], [], "jit")() == (16.0, [np.array([-24.0])])


def test_static_arguments_are_attributes_of_an_operator(tmp_path: Any) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    celu = mg.primitive(
        "celu",
        lambda x, alpha: np.maximum(x, 0.0) + np.minimum(0.0, alpha * np.expm1(x / alpha)),
        [lambda g, y, x, alpha: g * mg.where(x > 0.0, 1.0, mg.exp(x / alpha))],
        targets={"onnx": "Celu"},
    )
    x = Value(np.float32(POINTS), label="x")
    mg.export_onnx(celu(x, alpha=2.0), tmp_path / "x.onnx", x)
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.float32(POINTS)})
    close(found, np.where(POINTS > 0.0, POINTS, 2.0 * np.expm1(POINTS / 2.0)), "float32")


# What falls back says so


FIX = r"give mg\.primitive a notation in mg functions that agrees with forward, or a line of its own, such as targets="


@pytest.mark.parametrize("size", [3, 900])
def test_the_jit_leaves_it_to_numpy_and_says_so(size: int) -> None:
    x = Value(np.linspace(-1.0, 1.0, size), label="x")
    f = mg.sum(sine()(x) * x)
    match = rf"^NumPy runs a part of this program, not the jit: the primitive 'sine' has no line in LLVM: .*; {FIX}"
    with pytest.warns(UserWarning, match=match) as caught:
        program = mg.compile(f, [x], [], "jit")
    assert caught[0].filename == __file__
    loss, (gradient,) = program()
    at = np.linspace(-1.0, 1.0, size)
    assert loss == pytest.approx(np.sum(np.sin(at) * at), rel=1e-13)
    np.testing.assert_allclose(gradient, np.sin(at) + at * np.cos(at), rtol=1e-13)


def test_a_page_shows_recorded_numbers_and_says_why(tmp_path: Any) -> None:
    x = Value(0.5, label="x")
    mg.draw(sine()(x) * 2.0).save(tmp_path / "opaque.html")
    said = (
        "The operation sine cannot be computed here: the page replays the numbers that were computed when it was made."
    )
    assert f">{said}</p>" in (tmp_path / "opaque.html").read_text()
    error = "the primitive &#x27;sine&#x27; has no line in JavaScript"
    assert f'data-error="{error}' in (tmp_path / "opaque.html").read_text()
    mg.draw(swish()(x) * 2.0).save(tmp_path / "live.html")
    assert "page replays" not in (tmp_path / "live.html").read_text()
    for own in (swish, centred, sinh):  # also number by number
        x = Value(POINTS, label="x")
        mg.draw(mg.sum(own()(x) * x)).save(tmp_path / "arrays.html")
        page = (tmp_path / "arrays.html").read_text()
        assert "page replays" not in page
        assert "Number by number" in page


REFUSING: dict[str, Callable[[Value, Any], Any]] = {
    "Python": lambda x, path: mg.compile(mg.sum(sine()(x)), [x]).source,
    "Python ": lambda x, path: mg.compile(mg.sum(sine()(x)), [x], [], "jax"),
    "JavaScript": lambda x, path: function([mg.sum(sine()(x))], [x]),
    "ONNX": lambda x, path: mg.export_onnx(sine()(x), path, x),
}


@pytest.mark.parametrize("language", REFUSING)
def test_others_refuse_it_by_name(language: str, tmp_path: Any) -> None:
    x = Value(np.ones((2, 3)), label="x")
    match = rf"^the primitive 'sine' has no line in {language.strip()}: its notation, .*{FIX}"
    with pytest.raises(ValueError, match=match):
        REFUSING[language](x, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


# Notations that are not what they seem

WRONG: dict[str, tuple[Callable[..., Any], str, str]] = {
    "another function": (lambda x: x * x, "2 * x", r"2 \* x, gives \S+ at \S+, where its forward gives"),
    "another one far away": (
        lambda x: np.logaddexp(0.0, x),
        "log(1 + exp(x))",
        r"log\(1 \+ exp\(x\)\), gives inf at 800, where its forward gives 800",
    ),
    "another shape": (lambda x: x + 1.0, "sum(x + 1)", r"gives shape \(\) where its forward gives \(3,\)"),
    "no expression": (lambda x: x, "x =", "x =, is no Python expression"),
    "nothing of mg's": (lambda x: x, "cbrt(x)", "'cbrt' in its notation is no function of mg"),
    "an unknown name": (lambda x: x, "k * x", r"its notation, k \* x, has the names k, x for 1 input;"),
    "itself": (lambda x: x, "odd(x) * 1", r"odd\(x\) \* 1, is not made of mg functions"),
    "text to run": (lambda x: x, "__import__('os').getcwd()", "in its notation is nothing that the targets know"),
    "an attribute": (lambda x: x, "x.data", r"'x\.data' in its notation is nothing"),
    "a power without end": (lambda x: x, "x * 9 ** 9 ** 9 ** 9", "cannot be taken"),
    "a constant": (lambda x: np.ones_like(x), "1.0", r"gives shape \(\) where its forward gives \(3,\)"),
    "arguments that there are not": (lambda x: x, "exp(x, base=2)", "cannot be taken: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_notation_that_differs_is_found_and_said(name: str) -> None:
    forward, notation, said = WRONG[name]
    odd = mg.primitive("odd", forward, [lambda g, y, x: g], notation)
    x = Value(np.array([0.25, 1.0, 2.0]), label="x")
    program = mg.compile(mg.sum(odd(x)), [x])
    with pytest.raises(ValueError, match=said) as caught:
        _ = program.source
    assert "\n" not in str(caught.value)
    assert program()[0] == pytest.approx(np.sum(forward(x.data)), rel=1e-15)


def test_a_notation_that_is_right_in_float64_alone() -> None:
    """arsinh by its formula loses all digits of float32 at −800."""
    arsinh = mg.primitive("arsinh", np.arcsinh, [lambda g, y, x: g / mg.sqrt(1.0 + x * x)], "log(x + sqrt(x ** 2 + 1))")
    for dtype, opened in (("float64", True), ("float32", False)):
        x = Value(np.array([0.5, 1.0], dtype), label="x")
        program = mg.compile(mg.sum(arsinh(x)), [x])
        if opened:
            assert "xp.log(" in program.source
        else:
            with pytest.raises(ValueError, match=r"gives -7\.40148 at -800, where its forward gives -7\.37"):
                _ = program.source


def test_another_definition_is_compared_anew() -> None:
    """Also where a primitive stays and what it is made of changes."""
    rule = [lambda g, y, x: g]
    mg.primitive("inner", lambda x: x + 1.0, rule, "x + 1")
    outer = mg.primitive("outer", lambda x: 2.0 * (x + 1.0), rule, "2 * inner(x)")
    x = Value(np.array([0.5]), label="x")
    assert "outer" not in mg.compile(mg.sum(outer(x)), [x]).source
    mg.primitive("inner", lambda x: x + 3.0, rule, "x + 3")
    program = mg.compile(mg.sum(outer(x)), [x])
    with pytest.raises(ValueError, match=r"2 \* inner\(x\), gives .* where its forward gives"):
        _ = program.source
    assert program()[0] == 3.0


def test_static_arguments_with_defaults() -> None:
    leak = mg.primitive(
        "leak",
        lambda x, slope=0.25: np.where(x > 0.0, x, slope * x),
        [lambda g, y, x, slope=0.25: g * mg.where(x > 0.0, 1.0, slope)],
        "where(x > 0, x, slope * x)",
    )
    x = Value(np.array([-2.0, 1.0]), label="x")
    for backend in ("numpy", "jit", "jax"):
        program = mg.compile(mg.sum(leak(x) + leak(x, slope=0.5)), [x], [], backend)
        assert program()[0] == 0.5
        np.testing.assert_array_equal(program()[1][0], [0.75, 2.0])
        assert "leak" not in program.source


def test_two_that_are_made_of_each_other() -> None:
    make = mg.primitive
    one = make("one", lambda x: x, [lambda g, y, x: g], "other(x)")
    make("other", lambda x: x, [lambda g, y, x: g], "one(x)")
    x = Value(1.0, label="x")
    with pytest.raises(ValueError, match=r"the primitive 'one' has no line in Python: its notation, other\(x\), is"):
        _ = mg.compile(one(x), [x]).source


def test_rows_that_mix_are_refused() -> None:
    shares = mg.primitive("shares", lambda x: mg.softmax(x, axis=0), [lambda g, y, x: g], "softmax(x, axis=0)")
    x, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(3), label="w")
    for backend in ("numpy", "jit", "jax"):
        with pytest.raises(ValueError, match="mixes rows by log_softmax along axis 0"):
            mg.compile(mg.mean(shares(x * w) * x), [w], [x], backend)


def test_what_mg_primitive_refuses() -> None:
    with pytest.raises(ValueError, match="the targets of a primitive are python, javascript, llvm, onnx, not 'C'"):
        mg.primitive("odd", np.sin, [None], targets={"C": "sin"})


def test_an_operator_that_onnx_does_not_have(tmp_path: Any) -> None:
    odd = mg.primitive("odd", np.sinh, [lambda g, y, x: g], targets={"onnx": "Sinhh"})
    x = Value(np.ones(3), label="x")
    said = "^the primitive 'odd' is Sinhh in ONNX, which has no such operator in opset 16$"
    with pytest.raises(ValueError, match=said):
        mg.export_onnx(odd(x), tmp_path / "x.onnx", x)


# Lines for Python and for numbers that are not what forward computes

LINES: dict[str, tuple[Callable[..., Any], str, str]] = {
    "another function": (lambda x: 2 * x, "3*x", r"3\*x, gives \S+ at \S+, where its forward gives"),
    "another one far away": (
        lambda x: np.logaddexp(0.0, x),
        "xp.log(1 + xp.exp(x))",
        "gives inf at 800, where its forward",
    ),
    "another shape": (lambda x: x + 1.0, "xp.sum(x)", r"gives shape \(\) where its forward gives \(3,\)"),
    "another type": (lambda x: np.where(x > 0.0, 1.0, 0.0), "x > 0.0", "gives bool where its forward gives float64"),
    "nothing of NumPy's": (lambda x: x, "xp.no_such(x)", "cannot be taken: module 'numpy' has no attribute 'no_such'"),
    "an unknown name": (lambda x: x, "x * k", "cannot be taken: name 'k' is not defined"),
}


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("name", LINES)
def test_a_line_in_python_that_differs_is_found_and_said(name: str, backend: str) -> None:
    """The notation, which is right for the first, does not stand in for it."""
    forward, line, said = LINES[name]
    odd = mg.primitive("odd", forward, [lambda g, y, x: g], "2*x", targets={"python": line})
    x = Value(np.array([0.25, 1.0, 2.0]), label="x")
    said = rf"^the primitive 'odd' cannot be written in Python: its line, .*{said}.*; correct its line in targets=$"
    with pytest.raises(ValueError, match=said):
        _ = mg.compile(mg.sum(odd(x)), [x], [], backend).source
    assert mg.compile(mg.sum(odd(x)), [x])()[0] == pytest.approx(np.sum(forward(x.data)), rel=1e-15)


def test_a_line_in_python_that_cannot_be_compared_is_taken_as_given() -> None:
    """Numbers that are drawn are no probabilities; the entropy of a fair coin is log 2."""

    def forward(x: Any) -> Any:
        if np.any(x <= 0.0) or not np.isclose(np.sum(x), 1.0):
            raise ValueError("these are no probabilities")
        return -np.sum(x * np.log(x))

    entropy = mg.primitive("entropy", forward, [None], targets={"python": "-xp.sum(x * xp.log(x))"})
    x, w = Value(np.array([0.5, 0.5]), label="x"), Value(3.0, label="w")
    program = mg.compile(entropy(x) * w, [w])
    assert "-xp.sum(" in program.source
    loss, (gradient,) = from_source(program, 3.0)
    assert (loss, gradient) == pytest.approx((3.0 * math.log(2.0), math.log(2.0)), rel=1e-15)


def test_a_line_has_the_default_of_a_static_argument() -> None:
    leak = mg.primitive(
        "leak",
        lambda x, slope=0.25, unused=None: np.where(x > 0.0, x, slope * x),
        [lambda g, y, x, slope=0.25: g * mg.where(x > 0.0, 1.0, slope)],
        "leak(x)",
        targets={"python": " xp.where(x > 0, x, slope * x)", "javascript": "x > 0 ? x : slope * x"},
    )
    x = Value(np.array([-2.0, 1.0]), label="x")
    loss, (gradient,) = from_source(mg.compile(mg.sum(leak(x) + leak(x, slope=0.5)), [x]), x.data)
    assert loss == 0.5
    np.testing.assert_array_equal(gradient, [0.75, 2.0])
    assert "x_1 > 0 ? x_1 : 0.25 * x_1" in function([leak(x)], [x])


def test_a_line_that_is_no_python_is_refused_at_once() -> None:
    said = r"^the primitive 'odd' cannot be written in Python: 'xp\.sinh\(x' is no Python expression$"
    with pytest.raises(ValueError, match=said):
        mg.primitive("odd", np.sinh, [None], targets={"python": "xp.sinh(x"})
    with pytest.raises(ValueError, match="there is no primitive 'odd'"):
        primitive_named("odd")


# name: forward, scalar, what is said
SCALARS: dict[str, tuple[Callable[..., Any], Callable[..., Any], str]] = {
    "of one input": (lambda x: 2 * x, lambda x: 3 * x, "gives 2.1 at 0.7, where its forward gives 1.4"),
    "of two": (np.subtract, lambda a, b: b - a, "gives -2 at 0.7, -1.3, where its forward gives 2"),
    "for x < 0 alone": (np.abs, lambda x: x, "gives -1.3 at -1.3, where its forward gives 1.3"),
    "with a default": (lambda x, k=2.0: k * x, lambda x, k=3.0: k * x, "gives 2.1 at 0.7, where its forward gives 1.4"),
    "no number": (np.sqrt, lambda x: abs(x) ** 0.5, "gives 1.1401754251 at -1.3, where its forward gives nan"),
}


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_that_differs_is_refused_at_once(name: str) -> None:
    forward, scalar, said = SCALARS[name]
    rules = [None] * (2 if name == "of two" else 1)
    said = rf"^the scalar of the primitive 'odd' {re.escape(said)}: both must be the same function$"
    with pytest.raises(ValueError, match=said):
        mg.primitive("odd", forward, rules, scalar=scalar)
    with pytest.raises(ValueError, match="there is no primitive 'odd'"):
        primitive_named("odd")


@pytest.mark.parametrize(
    ("forward", "scalar"),
    [
        (np.sqrt, math.sqrt),  # raises below 0
        (np.sqrt, lambda x: math.sqrt(x) if x >= 0.0 else math.nan),
        (lambda x, k: k * x, lambda x, k: k * x),
        (lambda x: 1.0 / np.floor(x), lambda x: 1.0 / math.floor(x)),  # inf, and raises at 0.7
    ],
)
def test_a_scalar_that_agrees_where_it_is_compared(forward: Any, scalar: Any) -> None:
    assert mg.primitive("even", forward, [None], scalar=scalar).scalar is scalar


def test_a_function_that_c_does_not_have() -> None:
    odd = mg.primitive("odd", np.sin, [lambda g, y, x: g], targets={"llvm": "no_such_function"})
    x = Value(1.0, label="x")
    with pytest.raises(ValueError, match="the primitive 'odd' is no_such_function for LLVM, which C's library"):
        mg.compile(odd(x), [x], [], "jit")
