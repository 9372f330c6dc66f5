"""backward_step: the chain rule node by node, by hand, against the whole pass and derivatives in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from function_cases import EVERY, Case, arrays_of, ours, parts
from many_cases import offenders
from seen import unpacked

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological


def walk(f: Value) -> None:
    """The backward pass by hand, over all that f was computed from."""
    f.grad = 1.0
    for node in reversed(topological(f)):
        if node.has_grad:
            node.backward_step()


def numbers_after(run: Callable[[Value], None], f: Value) -> list[tuple[bool, Any]]:
    nodes = topological(f)
    for node in nodes:
        node.grad = None
    run(f)
    return [(node.has_grad, np.array(node.grad)) for node in nodes]


def check_as_backward(f: Value) -> None:
    """Every node, leaf or not, has what the whole pass gives it."""
    by_hand, whole = numbers_after(walk, f), numbers_after(Value.backward, f)
    assert [known for known, _ in by_hand] == [known for known, _ in whole]
    for (_, mine), (_, theirs) in zip(by_hand, whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-13, atol=1e-15, strict=True)


def test_a_neuron_walked_through_has_the_derivatives_of_paper() -> None:
    x1, x2, w1, w2 = (Value(x, label=label) for x, label in ((2.0, "x1"), (0.5, "x2"), (-3.0, "w1"), (1.0, "w2")))
    p1, p2 = x1 * w1, x2 * w2
    n = p1 + p2 + 6.0
    o = n.tanh()
    slope = 1 - math.tanh(0.5) ** 2
    o.grad = 1.0
    o.backward_step()
    assert n.grad == pytest.approx(slope, rel=1e-15)
    assert not any(v.has_grad for v in (p1, p2, x1, w1))  # one step is one step
    n.backward_step()
    n.parents[0].backward_step()
    assert (p1.grad, p2.grad) == (n.grad, n.grad)
    p1.backward_step()
    p2.backward_step()
    by_paper = [-3.0 * slope, 1.0 * slope, 2.0 * slope, 0.5 * slope]
    np.testing.assert_allclose([x1.grad, x2.grad, w1.grad, w2.grad], by_paper, rtol=1e-15)


def test_a_node_that_goes_in_twice_gets_both() -> None:
    a = Value(3.0)
    b = a + a
    b.grad = 1.0
    b.backward_step()
    assert a.grad == 2.0
    c = a * a
    c.grad = 2.0
    c.backward_step()
    assert a.grad == 2.0 + 2.0 * 6.0


def test_what_is_used_twice_adds_up_whether_it_is_a_leaf_or_not() -> None:
    a, b = Value(-2.0), Value(3.0)
    d, e = a * b, a + b
    f, g = d * e, d * d
    f.grad = g.grad = 1.0
    f.backward_step()
    g.backward_step()
    assert d.grad == 1.0 + 2 * -6.0
    d.backward_step()
    d.backward_step()  # a second step sends once more
    assert a.grad == 2 * d.grad * 3.0


GRAPHS: dict[str, Callable[[], Value]] = {
    "pyramid": lambda: _pyramid(Value(-4.0)),
    "a layer": lambda: (mg.sigmoid(Value(np.ones((2, 3))) @ Value(np.arange(3.0)) + Value(0.5)) ** 2).sum(),
    "broadcasting": lambda: (Value(np.ones((2, 1))) * Value(np.arange(3.0)) / Value(2.0)).mean(),
    "float32": lambda: (Value(np.ones((2, 3), np.float32)) * Value(np.float32(2)) * 3.0).sum(),
    "convolution": lambda: (
        mg.avg_pool2d(mg.conv2d(Value(np.arange(32.0).reshape(1, 2, 4, 4)), Value(np.ones((3, 2, 2, 2)))).tanh(), 2)
        .square()
        .sum()
    ),
    "parts": lambda: _parts(Value([1.0, 2.0, 3.0])),
    "a branch": lambda: _branch(Value([-1.0, 2.0])),
    "joined": lambda: (mg.stack([v := Value(2.0), v * 3.0, v]) ** 2).sum(),
    "softmax": lambda: mg.log_softmax(Value([0.1, -0.7, 2.0]) * Value(1.5))[1],
}


def _pyramid(x: Value) -> Value:
    z = 2 * x + 2 + x
    q = z.relu() + z * x
    return (z * z).relu() + q + q * x


def _parts(x: Value) -> Value:
    return x[0] * x[1] + x[1:].sum() * x[0]


def _branch(x: Value) -> Value:
    return mg.where(x > 0.0, x * 3.0, x.exp()).sum()


@pytest.mark.parametrize("graph", GRAPHS)
def test_all_steps_are_the_pass(graph: str) -> None:
    check_as_backward(GRAPHS[graph]())


def of_function(case: Case) -> None:
    made = ours(case)
    leaves = [Value(a) for a in arrays_of(case)]
    f = sum((mg.sum(y * 1.7) for y in parts(case(made, leaves)) if isinstance(y, Value)), Value(0.0))
    check_as_backward(f)


@pytest.mark.parametrize("part", range(4))
def test_every_function_step_by_step(part: int) -> None:
    assert offenders(EVERY[part::4], of_function) == []


def test_a_primitive_of_ones_own(own_primitives: None) -> None:
    cube = mg.primitive("cube_by_hand", lambda x: x**3, [lambda g, y, x: g * 3.0 * x * x])
    x = Value(2.0)
    f = cube(x)
    f.grad = 1.0
    f.backward_step()
    assert x.grad == 12.0


def test_arrays_have_gradients_of_their_own() -> None:
    x, b = Value(np.ones((2, 3))), Value(np.zeros((2, 3)))
    y = x + b
    y.grad = np.arange(6.0).reshape(2, 3)
    y.backward_step()
    x.grad[0, 0] = 9.0
    assert y.grad[0, 0] == b.grad[0, 0] == 0.0


def test_a_leaf_and_a_comparison_send_nothing() -> None:
    x = Value(2.0)
    x.backward_step()
    (x > 1.0).backward_step()
    (2.0 * x).parents[0].backward_step()
    assert not x.has_grad


def test_without_a_gradient_there_is_nothing_to_send() -> None:
    n = Value(2.0) * 3.0
    with pytest.raises(ValueError, match="an unlabelled result of mul has no gradient to send back yet: take the step"):
        n.backward_step()
    n.label = "n"
    with pytest.raises(ValueError, match=r"^n has no gradient .* or set its \.grad, which is 1\.0 for the last$"):
        n.backward_step()
    n.grad = 0
    n.backward_step()
    assert (n.parents[0].grad, n.parents[0].has_grad) == (0.0, True)


def test_a_parent_that_was_changed_is_refused() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    c = a * b
    c.grad = 1.0
    a.data = 5.0
    with pytest.raises(ValueError, match="a was changed after an unlabelled result of mul was computed: compute it"):
        c.backward_step()
    assert not b.has_grad


def test_debug_looks_on() -> None:
    with mg.debug():
        y = Value(0.0, label="x").sqrt()
        y.grad = 1.0
        with pytest.raises(mg.NonFiniteError, match=r"chain rule of sqrt for x, computed at .*test_backward_step\.py"):
            y.backward_step()


def test_a_pass_afterwards_overwrites_what_is_inside_and_adds_to_leaves() -> None:
    a = Value(2.0)
    b = a * 3.0
    f = b * b
    walk(f)
    f.backward()
    assert (f.grad, b.grad, a.grad) == (1.0, 12.0, 2 * 36.0)


def test_a_picture_shows_how_far_the_steps_have_come() -> None:
    a = Value(2.0, label="a")
    b = a * 3.0
    f = b.tanh()
    f.label, b.label = "f", "b"
    f.grad = 1.0
    for uncomputed in (2, 1, 0):
        assert mg.draw(f).dot().count("|not") == uncomputed
        assert f'"computed":{"false" if uncomputed else "true"}' in unpacked(mg.draw(f).html(), "told")
        {2: f, 1: b, 0: a}[uncomputed].backward_step()


def test_a_page_after_a_pass_has_all_gradients_where_none_flows_to_some() -> None:
    x = Value([1.0, -2.0], label="x")
    f = mg.where((x - 0.5) > 0.0, x, 0.0).sum()
    f.backward()
    assert '"computed":true' in unpacked(mg.draw(f).html(), "told")
