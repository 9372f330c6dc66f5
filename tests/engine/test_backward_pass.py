"""The backward pass in its parts: how long it is, what IEEE, where() and broadcasting need, and what watchers are told.

A rule, or a part, that is wrong on purpose must be noticed: by another number, by an error, or by check_gradients.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine import gradient
from microgradcnn.engine.gradient import Watcher, cotangents, seed_of, topological, watching
from microgradcnn.engine.value import watcher

PARTS = ("_in_ieee_arithmetic", "_nothing_from_nothing", "_unbroadcast")


def test_the_pass_has_at_most_twenty_lines() -> None:
    """Of code, its first line counted and its docstring not; each part is shorter still."""
    tree = ast.parse(inspect.getsource(gradient))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    lengths = {}
    for name, function in functions.items():
        first, last = function.body[0], function.body[-1]
        docstring = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0
        lengths[name] = (last.end_lineno or 0) - function.lineno + 1 - docstring
    assert lengths["cotangents"] <= 20
    assert [part for part in PARTS if lengths[part] > 20 or not ast.get_docstring(functions[part])] == []


# What IEEE needs


def quotient(x: Value) -> Value:
    return 2.0 / x


def overflowing(x: Value) -> Value:
    return mg.exp(x) * 1e308


@pytest.fixture
def cube_root(own_primitives: None) -> Callable[[Value], Value]:
    """A primitive whose rule, written with Python's `**`, is complex for a negative float and NaN for an array."""
    return mg.primitive("cube_root", np.cbrt, [lambda g, y, x: g * x ** (-2 / 3) / 3.0], scalar=math.cbrt)


@pytest.mark.parametrize(("function", "at"), [(quotient, 0.0), (overflowing, 709.0), (mg.sqrt, 0.0), (mg.log, 0.0)])
def test_a_number_has_the_gradient_of_an_array(function: Callable[[Value], Value], at: float) -> None:
    number, array = Value(at), Value([at])
    function(number).backward()
    function(array).sum().backward()
    assert not math.isfinite(number.grad)
    assert type(number.grad) is float
    np.testing.assert_array_equal(number.grad, array.grad[0])


def test_a_rule_that_turns_complex_gives_what_arrays_give(cube_root: Callable[[Value], Value]) -> None:
    for data in (-8.0, np.array([-8.0])):
        x = Value(data)
        mg.sum(cube_root(x)).backward()
        assert np.isnan(x.grad).all()
        assert np.isnan(mg.grad(mg.sum(cube_root(x)), x)[0].data).all()
    x = Value(8.0)
    cube_root(x).backward()
    assert x.grad == pytest.approx(1.0 / 12.0)


@pytest.mark.usefixtures("own_primitives")
def test_an_error_in_a_rule_is_not_taken_for_arithmetic() -> None:
    def rule(g: Any, y: Any, x: Any) -> Any:
        raise FloatingPointError("always")  # an ArithmeticError, in IEEE arithmetic too

    with pytest.raises(FloatingPointError, match="always"):
        mg.primitive("always_wrong", lambda x: x, [rule])(Value(1.0)).backward()


@pytest.mark.usefixtures("own_primitives")
def test_a_rule_may_run_a_pass_of_its_own() -> None:
    """What is held while `.grad` is written, so that threads can add into one leaf, is not held while rules run."""
    held: list[bool] = []

    def rule(g: Any, y: Any, x: Any) -> Any:
        held.append(gradient._writing_gradients.locked())
        return g * 2.0

    mg.primitive("twice", lambda x: 2.0 * x, [rule])(Value(1.0)).backward()
    assert held == [False]


# What where() needs


def guarded(x: Value) -> Value:
    return mg.where(x > 0.0, mg.sqrt(x), 3.0 * x)


@pytest.mark.parametrize("data", [0.0, [0.0, 4.0]])
def test_what_where_did_not_take_sends_nothing(data: Any) -> None:
    x = Value(data)
    mg.sum(guarded(x)).backward()
    expected = np.where(np.asarray(data) > 0.0, 0.25, 3.0)  # sqrt'(4) = 1/4, and not 0·sqrt'(0) = 0·inf
    np.testing.assert_array_equal(x.grad, expected)
    np.testing.assert_array_equal(mg.grad(mg.sum(guarded(x)), x)[0].data, expected)


def test_nothing_else_is_kept_from_being_nan() -> None:
    x = Value(0.0)
    (0.0 * mg.sqrt(x)).backward()  # 0·inf, and nobody chose
    assert math.isnan(x.grad)
    y = Value(-1.0)
    mg.where(y < 0.0, mg.sqrt(y), y).backward()  # taken: its slope is NaN
    assert math.isnan(y.grad)


# What broadcasting needs


@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_was_repeated_is_summed(shape: tuple[int, ...], dtype: Any) -> None:
    """Σ a·x over the numbers of the whole, by each number of x: the sum of a over the places that it went to."""
    a = np.arange(6.0).reshape(2, 3) ** 2
    x = Value(np.ones(shape, dtype))
    mg.sum(a * x).backward()
    whole = np.broadcast_shapes(shape, a.shape)
    places = np.broadcast_to(np.arange(math.prod(shape)).reshape(shape), whole)
    expected = [np.broadcast_to(a, whole)[places == i].sum() for i in range(math.prod(shape))]
    assert np.ravel(x.grad).tolist() == expected
    assert np.shape(x.grad) == shape
    assert np.asarray(x.grad).dtype == dtype


def test_a_comparison_gets_nothing_and_its_rule_is_not_run(own_primitives: None) -> None:
    runs: list[int] = []
    times = mg.primitive("times", lambda a, b: a * b, [lambda g, y, a, b: (runs.append(0), g)[1], lambda g, y, a, b: g])
    x = Value([2.0, -3.0])
    mask = x > 0
    mg.sum(times(mask, x)).backward()
    assert (mask.has_grad, runs) == (False, [])


# Rules, and parts, that are wrong on purpose

WRONG_RULES: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("none", lambda g, y, x: None, TypeError, "the chain rule of <primitive wrong> gave None to x: return a gradient"),
    ("shape", lambda g, y, x: np.ones(7), ValueError, r"gave a gradient of shape \(7,\) to x of shape \(2,\)"),
    ("rank", lambda g, y, x: 1.0, ValueError, r"gave a gradient of shape \(\) to x of shape \(2,\)"),
]


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize(("rule", "kind", "message"), [w[1:] for w in WRONG_RULES], ids=[w[0] for w in WRONG_RULES])
@pytest.mark.parametrize("chosen", [False, True])
def test_a_rule_that_gives_what_cannot_be_sent(
    rule: Callable[..., Any], kind: type[Exception], message: str, chosen: bool
) -> None:
    wrong = mg.primitive("wrong", lambda x: 2.0 * x, [rule])
    x = Value([1.0, 2.0], label="x")
    y = mg.where(x > 0.0, wrong(x), x) if chosen else wrong(x)
    for run in (lambda: mg.sum(y).backward(), lambda: mg.grad(mg.sum(y), x)):
        with pytest.raises(kind, match=message):
            run()


def scaled_division(x: Value) -> Value:
    return mg.sum(x / np.array([[2.0], [4.0]]))


BROKEN: list[tuple[str, Callable[..., Any], Callable[[Value], Value], Any, list[float]]] = [
    ("_in_ieee_arithmetic", lambda rule, arguments, static: 0.0, quotient, 0.0, [-math.inf]),
    ("_nothing_from_nothing", lambda sent, g: sent, guarded, 0.0, [3.0]),
    ("_unbroadcast", lambda sent, parent, node: sent[0], scaled_division, [1.0, 1.0], [0.75, 0.75]),
]


@pytest.mark.parametrize(("part", "broken", "function", "data", "expected"), BROKEN, ids=PARTS)
def test_a_broken_part_is_noticed(
    part: str,
    broken: Callable[..., Any],
    function: Callable[[Value], Value],
    data: Any,
    expected: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = Value(data)
    function(x).backward()
    assert np.ravel(x.grad).tolist() == expected
    monkeypatch.setattr(gradient, part, broken)
    x.grad = None
    function(x).backward()
    assert np.ravel(x.grad).tolist() != expected


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("summed", [False, True])
def test_a_rule_that_sums_what_broadcasting_repeated_twice_is_found(summed: bool) -> None:
    """The sum of a's copies is the pass's to take: a rule that takes one of them only is wrong by itself."""
    rule = (lambda g, y, a, b: g * b) if summed else (lambda g, y, a, b: (g * b)[:1])
    times = mg.primitive("times", lambda a, b: a * b, [rule, lambda g, y, a, b: g * a])
    a, b = Value([[1.0, 2.0]], label="a"), Value([[3.0, 4.0], [5.0, 6.0]], label="b")
    found = mg.check_gradients(lambda a, b: mg.sum(times(a, b)), a, b, order=1)
    assert (found.verdict, found.primitive) == (("right", None) if summed else ("wrong", "times"))


# Watchers


class Notes(Watcher):
    """Everything that a watcher is told, by the labels of the nodes."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.starts: list[Any] = []
        self.pieces: list[Any] = []

    def value(self, node: Value) -> None:
        self.values.append(node.data)

    def start(self, f: Value, seed: Any) -> None:
        self.starts.append((f.label, seed))

    def gradient(self, node: Value, k: int, parent: Value, g: Any, sent: Any, total: Any) -> None:
        assert node.parents[k] is parent
        raw = [x.data if isinstance(x, Value) else x for x in (g, sent, total)]
        self.pieces.append((node.label, k, parent.label, *raw))


def labelled(name: str, node: Value) -> Value:
    node.label = name
    return node


def product_of_a_sum() -> tuple[Value, Value, Value]:
    """x = 3, y = 4, s = x·x + 2·y and f = s·x."""
    x, y = Value(3.0, label="x"), Value(4.0, label="y")
    square, twice = labelled("q", x * x), labelled("d", 2.0 * y)
    return x, y, labelled("f", labelled("s", square + twice) * x)


# df/ds = x = 3 and s = 17 to x; then 3 to q and d; from d 2·3 to y; from q 3·3 twice to x.
PIECES = [
    ("f", 0, "s", 1.0, 3.0, 3.0),
    ("f", 1, "x", 1.0, 17.0, 17.0),
    ("s", 0, "q", 3.0, 3.0, 3.0),
    ("s", 1, "d", 3.0, 3.0, 3.0),
    ("d", 1, "y", 3.0, 6.0, 6.0),
    ("q", 0, "x", 3.0, 9.0, 26.0),
    ("q", 1, "x", 3.0, 9.0, 35.0),
]


def test_a_watcher_is_told_of_values_starts_and_pieces() -> None:
    with watching(notes := Notes()):
        x, y, f = product_of_a_sum()
        assert notes.values == [9.0, 8.0, 17.0, 51.0]
        f.backward()
    assert notes.starts == [("f", 1.0)]
    assert notes.pieces == PIECES
    assert notes.values[4:] == []  # on numbers the rules compute no Values
    assert (x.grad, y.grad) == (35.0, 6.0)


def test_the_same_pieces_are_told_of_a_gradient_that_is_a_graph() -> None:
    x, y, f = product_of_a_sum()
    with watching(notes := Notes()):
        gx, gy = mg.grad(f, [x, y])
    assert notes.pieces == PIECES
    assert (gx.data, gy.data) == (35.0, 6.0)
    assert gx.data in notes.values  # the rules are computed in Values, and told as well


def test_only_what_is_asked_for_is_told() -> None:
    _, y, f = product_of_a_sum()
    with watching(notes := Notes()):
        mg.grad(f, y)
    assert notes.pieces == [PIECES[i] for i in (0, 3, 4)]


def test_pieces_of_arrays_are_told_as_they_are_sent() -> None:
    a, b = Value([[1.0, 2.0], [3.0, 4.0]], label="a"), Value([10.0, 20.0], label="b")
    y = labelled("y", a * b)
    with watching(notes := Notes()):
        y.backward([[1.0, 1.0], [1.0, 2.0]])
    (_, _, _, _, to_a, _), (name, k, parent, g, to_b, total) = notes.pieces
    assert (name, k, parent) == ("y", 1, "b")
    assert to_a.tolist() == [[10.0, 20.0], [10.0, 40.0]]
    assert to_b.tolist() == total.tolist() == [4.0, 10.0]  # 1·1 + 1·3 and 1·2 + 2·4
    assert notes.starts == [("y", g)] or g is notes.starts[0][1]


def test_what_a_where_did_not_take_is_told_as_sent() -> None:
    x = Value(0.0, label="x")
    y = guarded(x)
    with watching(notes := Notes()):
        y.backward()
    assert [piece[4] for piece in notes.pieces if piece[2] == "x"] == [3.0, 0.0]


def test_one_watches_at_a_time_and_the_one_before_again_after() -> None:
    outer, inner = Notes(), Notes()
    x = Value(np.ones(2))
    with watching(outer):
        with pytest.raises(ValueError, match="has shape"), watching(inner):
            (x + 1.0).backward()
        x[0] + 2.0
    assert watcher.get() is None
    assert outer.values == [1.0, 3.0]
    assert np.array_equal(inner.values, [[2.0, 2.0]])


def test_a_watcher_that_wants_to_know_nothing() -> None:
    with watching(Watcher()):
        x, y, f = product_of_a_sum()
        f.backward()
    assert (x.grad, y.grad) == (35.0, 6.0)


def test_cotangents_are_of_the_nodes_that_are_given() -> None:
    x, _, f = product_of_a_sum()
    found = cotangents(f, seed_of(f, None), topological(f))
    assert {node.label: g for node, g in found.items()} == {"f": 1.0, "s": 3.0, "q": 3.0, "d": 3.0, "y": 6.0, "x": 35.0}
    s = f.parents[0]
    assert cotangents(f, 1.0, [s, f]) == {f: 1.0, s: 3.0}
    assert [g.data for g in cotangents(f, 1.0, [x, f], on_values=True).values() if isinstance(g, Value)] == [17.0]
