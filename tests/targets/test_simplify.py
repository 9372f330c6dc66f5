"""Fewer lines, the same numbers: what each rule does, that NaN and infinity pass it, that a wrong rule is noticed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.arrays import quiet
from microgradcnn.engine.record import TABLE
from microgradcnn.targets import simplify
from microgradcnn.targets.lines import LEAVES, Line, Lines, in_order
from microgradcnn.targets.simplify import RULES, simplified
from microgradcnn.targets.trace import trace

POINTS = [0.7, -1.3, 3.0, math.inf, -math.inf, math.nan]


def values(lines: Lines, leaves: Sequence[Any]) -> list[Any]:
    """All outputs, line by line through the table of primitives, for one example."""
    found = dict(zip([*lines.inputs, *lines.parameters], leaves, strict=True))
    for line in in_order(lines.outputs):
        if line.op in LEAVES:
            found.setdefault(line, line.value)
        else:
            found[line] = TABLE[line.op].evaluate([found[arg] for arg in line.args], line.static)
    return [found[output] for output in lines.outputs]


def of(*outputs: Value, inputs: Sequence[Value] = (), wrt: Sequence[Value] = ()) -> tuple[Lines, Lines]:
    """The lines of some numbers, without their gradients, before and after."""
    lines = trace(outputs[0], wrt, inputs, outputs[1:])
    lines.gradients = []
    return lines, simplified(lines)


def operations(lines: Lines) -> list[str]:
    return [line.op for line in in_order(lines.outputs) if line.op not in LEAVES]


def close(found: Any, expected: Any) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-12, atol=0.0, equal_nan=True))


# What is dropped, merged and folded: an expression of x and p, and the operations that are left

KEPT: list[tuple[str, Any, list[str]]] = [
    ("times one", lambda x, p: 1.0 * (x * p) * 1.0, ["mul"]),
    ("plus nothing", lambda x, p: 0.0 + x * p + 0.0 - 0.0, ["mul"]),
    ("divided by one", lambda x, p: (x * p) / 1.0, ["mul"]),
    ("to the power of one", lambda x, p: (x * p) ** 1, ["mul"]),
    ("to the power of two", lambda x, p: (x * p) ** 2, ["mul", "square"]),
    ("minus minus", lambda x, p: mg.negative(-(x * p)), ["mul"]),
    ("four times minus", lambda x, p: mg.negative(-mg.negative(-(x * p))), ["mul"]),
    ("plus minus", lambda x, p: x + (-p), ["sub"]),
    ("minus plus", lambda x, p: -x + p, ["sub"]),
    ("minus minus in a difference", lambda x, p: x - (-p), ["add"]),
    ("times minus one", lambda x, p: -1.0 * mg.exp(x), ["exp", "neg"]),
    ("numbers together", lambda x, p: 2.0 * (x * 3.0) * 0.5, ["mul"]),
    ("numbers and a minus", lambda x, p: 2.0 * -(3.0 * -(x * p)), ["mul", "mul"]),
    ("numbers alone", lambda x, p: x * (mg.exp(Value(0.0)) + 2.0 * Value(3.0)), ["mul"]),
    ("duplicates", lambda x, p: mg.exp(x * p) + mg.exp(x * p), ["mul", "exp", "add"]),
    ("a product turned round is another", lambda x, p: mg.exp(2.0 * x) - mg.exp(x * 2.0), ["mul", "exp", "sub"]),
    ("minus itself stays", lambda x, p: x - x, ["sub"]),
    ("times zero stays", lambda x, p: 0.0 * x, ["mul"]),
    ("to the power of zero stays", lambda x, p: x**0, ["power"]),
    ("divided by itself stays", lambda x, p: x / x, ["div"]),
    ("over zero stays", lambda x, p: x / 0.0, ["div"]),
    ("times infinity stays", lambda x, p: (x * math.inf) * 0.0, ["mul", "mul"]),
    ("times NaN stays", lambda x, p: x * math.nan, ["mul"]),
    ("a small number times a large", lambda x, p: 1e200 * (1e200 * x), ["mul", "mul"]),
    ("two small numbers", lambda x, p: 1e-200 * (1e-200 * x), ["mul", "mul"]),
]
every_kept = pytest.mark.parametrize(("function", "left"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])


@every_kept
def test_what_is_left(function: Any, left: list[str]) -> None:
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    assert sorted(operations(of(function(x, p), inputs=[x, p])[1])) == sorted(left)


@every_kept
def test_the_same_numbers_before_and_after(function: Any, left: list[str]) -> None:
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    before, after = of(function(x, p), inputs=[x, p])
    for a in (*POINTS, 1e-150, 1e150):
        for b in POINTS:
            with np.errstate(all="ignore"):
                expected = quiet(lambda a=a, b=b: function(Value(a), Value(b)).data)
            assert close(values(before, [a, b])[0], expected)
            assert close(values(after, [a, b])[0], expected), (a, b)


def test_dead_lines_are_gone() -> None:
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    f = mg.tanh(p * x)
    lines = simplified(trace(f * 1.0, [p], [x]))
    assert sorted(operations(lines)) == ["mul", "mul", "mul", "sub", "tanh"]  # 1 − y², twice y; times x


def test_constants_are_computed_once() -> None:
    p, X = Value([1.0, 2.0], label="p"), np.array([[1.0, 2.0], [3.0, 4.0]])
    big = mg.exp(Value(X)) @ Value(X.T)
    lines = of(mg.sum(p * big[0]), wrt=[p])[1]
    assert operations(lines) == ["mul", "sum"]
    (constant,) = [line for line in in_order(lines.outputs) if line.op == "constant"]
    np.testing.assert_allclose(constant.value, (np.exp(X) @ X.T)[0], rtol=1e-15)


@pytest.mark.parametrize(("chosen", "guards"), [(mg.relu, 1), (lambda x: mg.where(x > 0.0, x, 2.0), 0), (mg.sqrt, 2)])
def test_the_guard_against_zero_times_infinity_stays_where_that_may_be(chosen: Any, guards: int) -> None:
    """Backward passes guard all that a where() chose between; what only chooses itself multiplies nothing."""
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    lines = simplified(trace(mg.where(p > 1.0, chosen(x), 0.0), [x], [p]))
    assert operations(lines).count("equal") == guards
    for at in (*POINTS, 0.0, math.nan):
        for switch in (2.0, 0.0):
            x = Value(at)
            with np.errstate(all="ignore"):
                mg.where(switch > 1.0, chosen(x), 0.0).backward()
                assert close(values(lines, [switch, at])[1], x.grad)


def test_a_constant_is_not_made_larger() -> None:
    p = Value(np.ones((50, 40)), label="p")
    lines = of(mg.sum(p * (np.ones((50, 1)) @ Value(np.ones((1, 40))))), wrt=[p])[1]
    assert max(np.size(line.value) for line in in_order(lines.outputs) if line.op == "constant") == 50


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_bad_numbers_are_folded_as_they_are(bad: float) -> None:
    x = Value(1.0, label="x")
    lines = of(x + (Value(bad) * 0.0), x * (Value(bad) + 1.0), inputs=[x])[1]
    assert operations(lines) == ["add", "mul"]
    found = values(lines, [2.0])
    assert math.isnan(found[0])
    assert np.array_equal(found[1], 2.0 * bad, equal_nan=True)


def test_a_truth_times_a_number_is_no_negation() -> None:
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    before, after = of((x < p) * -1.0, -1.0 * ((x < p) * p), inputs=[x, p])
    for a in (0.7, 3.0):
        assert values(after, [a, 1.1]) == values(before, [a, 1.1]) == [-(a < 1.1), -(a < 1.1) * 1.1]


# Arrays


ARRAYS: list[tuple[str, Any, list[str]]] = [
    ("transposed twice", lambda p: p.T.T, []),
    ("transposed twice by axes", lambda p: mg.transpose(p.T, (1, 0)), []),
    ("axes as they were, then transposed", lambda p: mg.transpose(p, (0, 1)).T, ["transpose"]),
    ("transposed, then axes as they are", lambda p: mg.transpose(p.T, (0, 1)), ["transpose"]),
    ("reshaped and back", lambda p: p.reshape(4).reshape(2, 2), []),
    ("reshaped twice", lambda p: p.reshape(4).reshape(1, 4), ["reshape"]),
    ("a shape that it has", lambda p: p.reshape(2, 2), []),
    ("a type that it has", lambda p: mg.astype(p, np.float64), []),
    ("broadcast for nothing", lambda p: mg.broadcast_to(p, (2, 2)), []),
    ("broadcast for a product", lambda p: mg.broadcast_to(p[0], (2, 2)) * p, ["getitem", "mul"]),
    ("broadcast and needed", lambda p: mg.broadcast_to(p[0], (2, 2)) * p[0], ["getitem", "broadcast_to", "mul"]),
    ("an axis for nothing", lambda p: p[0].reshape(1, 2) * p, ["getitem", "mul"]),
    ("a sum of one", lambda p: mg.sum(p.reshape(4, 1), axis=1), ["reshape"]),
    ("a sum over no axis", lambda p: mg.sum(p, axis=()), []),
    ("column times row", lambda p: p[:, :1] @ p[:1], ["getitem", "getitem", "mul"]),
    ("one number reshaped", lambda p: p[0, 0].reshape(1) + p[0], ["getitem", "getitem", "add"]),
]


@pytest.mark.parametrize(("function", "left"), [row[1:] for row in ARRAYS], ids=[row[0] for row in ARRAYS])
def test_arrays(function: Any, left: list[str]) -> None:
    p = Value(np.array([[1.0, 2.0], [3.0, 5.0]]), label="p")
    weights = np.cos(np.arange(4.0))[: function(p).data.size].reshape(function(p).shape)
    before = trace(mg.sum(function(p) * weights), [p], [])
    after = simplified(before)
    assert sorted(operations(of(mg.sum(mg.exp(function(p))), wrt=[p])[1])) == sorted([*left, "exp", "sum"])
    assert len(operations(after)) <= len(operations(before))
    at = np.array([[0.3, -1.0], [2.0, 0.1]])
    for found, expected in zip(values(after, [at]), values(before, [at]), strict=True):
        assert np.shape(found) == np.shape(expected)
        assert close(found, expected)
    assert close(values(after, [at])[0], np.sum(function(Value(at)).data * weights))


def test_long_indices_that_differ_in_the_middle_are_two() -> None:
    """NumPy prints an array of more than 1000 numbers with its ends alone."""
    index = np.arange(3000) % 3
    other = index.copy()
    other[1500] = (other[1500] + 1) % 3
    p = Value([1.0, 10.0, 100.0], label="p")
    before, after = of(mg.sum(p[index]) - mg.sum(p[other]), wrt=[p])
    at = np.array([1.0, 10.0, 100.0])
    assert values(after, [at]) == values(before, [at]) == [p.data[index[1500]] - p.data[other[1500]]]


def test_types_are_kept_apart() -> None:
    p = Value(np.float32([0.1, 0.2]), label="p")
    f = mg.sum(mg.astype(mg.exp(p), np.float64)) + mg.sum(mg.exp(mg.astype(p, np.float64)))
    program = mg.compile(f, [p], [])
    assert program()[0] == f.data
    assert program()[0] != 2.0 * np.sum(np.exp(np.float64([0.1, 0.2])))


# Any expression

NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.0, -0.5, 3.0, math.inf, -math.inf, math.nan])


def grown(inner: Any) -> Any:
    """Expressions of x and p, as functions."""
    return st.one_of(
        st.tuples(st.sampled_from(["+", "-", "*"]), inner, inner),
        st.tuples(st.sampled_from(["neg", "tanh", "square", "relu", "power 1", "power 2", "power 3"]), inner),
        st.tuples(st.just("/"), inner, st.sampled_from([1.0, -1.0, 2.0, 4.0])),
        st.tuples(st.just("where"), inner, inner, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(st.sampled_from(["x", "p"]), NUMBERS), grown, max_leaves=12)


def built(expression: Any, x: Any, p: Any) -> Any:
    if isinstance(expression, float):
        return Value(expression)
    if isinstance(expression, str):
        return {"x": x, "p": p}[expression]
    op, *rest = expression
    args = [a if op == "/" and i == 1 else built(a, x, p) for i, a in enumerate(rest)]
    if op == "neg":
        return -args[0]
    if op.startswith("power"):
        return args[0] ** int(op[-1])
    if op == "where":
        return mg.where(args[0] > 0.5, *args[1:])
    if len(args) == 1:
        return getattr(mg, op)(args[0])
    return {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[op](*args)


def notices(expression: Any) -> bool:
    """Whether the simplified lines of an expression and its slopes give other numbers than the engine."""
    x, p = Value(0.7, label="x"), Value(1.1, label="p")
    f = built(expression, x, p)
    after = simplified(trace(f, [p, x], []))
    for a, b in ((0.7, -1.3), (-2.0, 0.4), (3.0, 3.0), (math.inf, 0.7), (0.7, math.nan)):
        x, p = Value(a, label="x"), Value(b, label="p")
        f = built(expression, x, p)
        expected = [f.data, *(g.data for g in mg.grad(f, [p, x]))]
        if not close(values(after, [b, a]), expected):
            return True
    return False


@pytest.mark.slow
@given(EXPRESSIONS)
@settings(max_examples=150)
def test_any_expression(expression: Any) -> None:
    assert not notices(expression)


WRONG = {
    "a difference turned round": ("sub", lambda self, line: self.line("add", *line.args[::-1], like=line)),
    "minus dropped": ("neg", lambda self, line: line.args[0]),
    "times zero is zero": (
        "mul",
        lambda self, line: self.number(0.0, 0, line) if any(a.is_number(0.0) for a in line.args) else None,
    ),
    "minus itself is nothing": (
        "sub",
        lambda self, line: self.number(0.0, 0, line) if line.args[0] is line.args[1] else None,
    ),
    "cubes are squares": ("power", lambda self, line: self.line("square", *line.args, like=line)),
    "relu is nothing": ("relu", lambda self, line: line.args[0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [
        *[("-", "x", "p"), ("neg", ("tanh", "x")), ("*", 0.0, "x"), ("-", ("tanh", "p"), ("tanh", "p")), ("relu", "x")],
        ("power 3", ("+", "x", "p")),
    ]
    assert not any(map(notices, samples))
    op, rule = WRONG[name]
    monkeypatch.setitem(simplify.RULES, op, (rule, *RULES.get(op, ())))
    assert any(map(notices, samples))


def test_rules_are_for_primitives() -> None:
    assert set(RULES) <= set(TABLE)


def test_the_number_of_rows_is_a_number() -> None:
    """2/n·(x@w − y), with one factor for all of the mean's and the square's."""
    x, y, w = Value(np.ones((2, 3)), label="x"), Value(np.ones(2), label="y"), Value(np.ones(3), label="w")
    lines = simplified(trace(mg.mean((x @ w - y) ** 2), [w], [x, y]))
    numbers = {(line.value, line.power) for line in in_order(lines.outputs) if line.op == "number"}
    assert numbers == {(2.0, -1)}
    assert sorted(operations(lines)) == ["matmul", "matmul", "mean", "mul", "square", "sub"]


def test_a_line_with_two_places_in_the_chain_keeps_both() -> None:
    a, b = Value(1.0, label="a"), Value(2.0, label="b")
    lines = simplified(trace((a + b) * 1.0, [a, b], []))
    assert all(isinstance(line, Line) and line.is_number(1.0) for line in lines.gradients)
