"""backward and grad: what they write, what they refuse, and that deep, shared and parallel graphs are right too."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.value import Constant

# .grad


def test_no_node_has_a_grad_until_a_pass_reaches_it() -> None:
    x, unused = Value(2.0), Value(3.0)
    y = x * x
    f = y + 1.0
    other = x * unused
    assert not any(v.has_grad for v in (x, y, f))
    f.backward()
    assert (x.grad, y.grad, f.grad) == (4.0, 1.0, 1.0)
    assert not any(v.has_grad for v in (unused, other))


def test_a_cube_at_3_backward_twice_is_54() -> None:
    x = Value(3.0)
    f = x**3
    f.backward()
    assert x.grad == 27.0
    f.backward()
    assert x.grad == 54.0
    assert f.grad == 1.0


@pytest.mark.parametrize("data", [3.0, [3.0, -1.0], np.float32(3), np.ones((2, 2), np.float32)])
def test_leaves_accumulate_and_interior_nodes_hold_the_last_pass(data: Any) -> None:
    x = Value(data)
    y = x * x
    f, g = mg.sum(y), mg.sum(3.0 * y)
    for loss, total, last in ((f, 2, 1), (g, 8, 3), (f, 10, 1)):
        loss.backward()
        np.testing.assert_array_equal(x.grad, total * x.data)
        np.testing.assert_array_equal(y.grad, np.full(x.shape, last))
        assert type(x.grad) is type(x.data)
        assert np.asarray(x.grad).dtype == np.asarray(y.grad).dtype == x.dtype


@pytest.mark.parametrize("reset", [None, 0, 0.0])
@pytest.mark.parametrize("data", [3.0, [3.0, -1.0], np.float32(3), np.ones(2, np.float32)])
def test_reset(reset: Any, data: Any) -> None:
    x = Value(data)
    for _ in range(2):
        x.grad = reset
        mg.sum(x * x).backward()
        np.testing.assert_array_equal(x.grad, 2 * x.data)
        assert type(x.grad) is type(x.data)
        assert np.asarray(x.grad).dtype == x.dtype


def test_two_losses_that_share_nodes() -> None:
    x, w = Value([1.0, 2.0], label="x"), Value([3.0, 4.0], label="w")
    shared = (x * w).exp()
    first, second = shared.sum(), (shared * shared).mean()
    first.backward()
    second.backward()
    e = np.exp(x.data * w.data)
    np.testing.assert_allclose(x.grad, (e + e * e) * w.data)
    np.testing.assert_allclose(shared.grad, e)
    assert first.grad == second.grad == 1.0


def test_the_gradient_of_a_leaf_is_its_own_array() -> None:
    a, b = Value([1.0, 2.0]), Value([3.0, 4.0])
    y = a + b  # both rules send back the same array
    f = y.sum()
    f.backward()
    assert a.grad.flags.writeable
    assert b.grad.flags.writeable
    assert not np.shares_memory(a.grad, b.grad)
    assert not np.shares_memory(a.grad, y.grad)
    a.grad += 7.0
    a.grad[0] = -1.0
    assert b.grad.tolist() == y.grad.tolist() == [1.0, 1.0]
    f.backward()
    assert a.grad.tolist() == [0.0, 9.0]
    assert a.grad.flags.writeable


def test_the_gradient_of_an_interior_node_is_read_only() -> None:
    y = Value([1.0, 2.0]) * 3.0
    (y * y).sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        y.grad[0] = 5.0


def test_backward_leaves_the_seed_alone() -> None:
    x, seed = Value([1.0, 2.0]), np.array([3.0, 4.0])
    y = x + 0.0
    y.backward(seed)
    x.grad[...] = 9.0
    assert seed.flags.writeable
    assert seed.tolist() == [3.0, 4.0]
    seed[0] = 99.0
    assert y.grad.tolist() == [3.0, 4.0]


def test_a_leaf_may_be_the_loss() -> None:
    x = Value(5.0)
    x.backward()
    x.backward()
    assert x.grad == 2.0
    assert mg.grad(x, [x])[0].data == 1.0
    half = Value(np.float32(5))
    half.backward()
    assert type(half.grad) is type(mg.grad(half, [half])[0].data) is np.float32


def test_a_backward_that_fails_writes_nothing() -> None:
    a, b = Value(2.0, label="a"), Value(3.0, label="b")
    f = a * b
    b.data = 4.0
    with pytest.raises(ValueError, match="b was changed"):
        f.backward()
    with pytest.raises(ValueError, match="the seed has shape"):
        (a * b).backward([1.0])
    assert not any(v.has_grad for v in (a, b, f))


def test_comparisons_get_no_gradient_and_pass_none_on() -> None:
    for data in (3.0, [3.0, -3.0]):
        x = Value(data)
        mask = x > 0
        f = mg.sum(mask * x + mg.where(mask, x, 0.0) + mask)
        f.backward()
        assert not mask.has_grad
        np.testing.assert_array_equal(x.grad, 2.0 * mask.data)
        np.testing.assert_array_equal(mg.grad(f, [x])[0].data, x.grad)


# Seeds

SEEDS = [
    np.array([3.0, 4.0]),
    [3, 4],
    (3.0, 4.0),
    Value([3.0, 4.0]),
    np.array([3, 4]),
    np.array([3.0, 4.0], np.float32),
]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("dtype", [float, np.float32])
def test_a_seed_weights_the_elements(seed: Any, dtype: Any) -> None:
    x = Value(np.array([1.0, 2.0], dtype))
    y = x * x
    y.backward(seed)
    (g,) = mg.grad(y, [x], seed=seed)
    assert x.grad.dtype == y.grad.dtype == g.dtype == dtype
    assert type(x.grad) is np.ndarray
    assert x.grad.tolist() == g.data.tolist() == [6.0, 16.0]


def test_a_scalar_takes_a_seed_too() -> None:
    x = Value(3.0)
    (x * x).backward(2)
    assert x.grad == 12.0
    assert type(x.grad) is float


def test_a_seed_that_is_a_value_can_be_differentiated() -> None:
    x, seed = Value([1.0, 2.0]), Value([3.0, 4.0])
    (g,) = mg.grad(x**2, [x], seed=seed)
    assert mg.grad(g, [seed], seed=[1.0, 1.0])[0].data.tolist() == [2.0, 4.0]  # the derivative forwards


WRONG_SEEDS = [
    (1.0, r"the seed has shape \(\), but y has shape \(2,\)"),
    ([1.0], r"the seed has shape \(1,\), but y has shape \(2,\)"),
    (np.ones((2, 1)), r"the seed has shape \(2, 1\), but y has shape \(2,\)"),
    (Value(1.0), r"the seed has shape \(\)"),
    (None, r"y has shape \(2,\): take .sum\(\) or .mean\(\) of it first, or give a seed of that shape"),
]
PASSES: list[Callable[..., Any]] = [lambda y, x, seed: y.backward(seed), lambda y, x, seed: mg.grad(y, [x], seed)]


@pytest.mark.parametrize("run", PASSES, ids=["backward", "grad"])
@pytest.mark.parametrize(("seed", "message"), WRONG_SEEDS)
def test_a_wrong_seed_is_an_error(run: Callable[..., Any], seed: Any, message: str) -> None:
    x = Value([1.0, 2.0], label="x")
    y = x * x
    y.label = "y"
    with pytest.raises(ValueError, match=message):
        run(y, x, seed)
    with pytest.raises(TypeError, match="a Value holds real numbers"):
        run(y, x, "ab")


NO_LOSS = [
    (lambda x: x > 1, "an unlabelled result of greater is a constant or a comparison: it has no gradient"),
    (lambda x: (x + 1.0).parents[1], "is a constant or a comparison: it has no gradient"),
]


@pytest.mark.parametrize("run", PASSES, ids=["backward", "grad"])
@pytest.mark.parametrize(("loss", "message"), NO_LOSS)
def test_what_has_no_gradient_is_an_error(run: Callable[..., Any], loss: Callable[..., Any], message: str) -> None:
    x = Value(2.0)
    with pytest.raises(ValueError, match=message):
        run(loss(x), x, None)


# mg.grad


def test_grad_gives_values_and_writes_no_grad() -> None:
    x, w = Value([1.0, 2.0]), Value(3.0)
    f = (x * w).sum()
    gx, gw = mg.grad(f, [x, w])
    assert type(gx) is type(gw) is Value
    assert (gx.shape, gw.shape) == ((2,), ())
    assert (gx.data.tolist(), gw.data) == ([3.0, 3.0], 3.0)
    assert not any(v.has_grad for v in (x, w, f))


def test_grad_with_respect_to_one_value() -> None:
    x = Value(3.0)
    (g,) = mg.grad(x**2, x)
    assert g.data == 6.0
    assert mg.grad(x**2, []) == []
    assert [g.data for g in mg.grad(x**2, (v for v in [x]))] == [6.0]


def test_grad_with_respect_to_interior_nodes() -> None:
    x = Value(2.0)
    y = x**2
    z = y * y
    gz, gy, gx = mg.grad(z, [z, y, x])
    assert (gz.data, gy.data, gx.data) == (1.0, 8.0, 32.0)
    assert mg.grad(gy, [y])[0].data == 2.0


def test_grad_with_respect_to_the_same_value_twice() -> None:
    x = Value(3.0)
    assert [g.data for g in mg.grad(x**2, [x, x])] == [6.0, 6.0]


@pytest.mark.parametrize("data", [2.0, np.float32(2), np.ones((2, 3)), np.ones((2, 0), np.float32), [1.0]])
def test_the_gradient_of_an_unused_leaf_is_zeros(data: Any) -> None:
    unused, x = Value(data), Value(1.0)
    for f in (x * 2, Value(7.0), mg.where(x > 0, x, mg.sum(unused > 0))):
        (g,) = mg.grad(f, [unused])
        assert type(g) is Value
        assert (g.shape, g.dtype) == (unused.shape, unused.dtype)
        assert type(g.data) is type(unused.data)
        assert not np.any(g.data)


WRT = [
    (lambda x: [2.0], TypeError, r"grad differentiates with respect to Values, not 2.0: wrap it in Value\(...\) first"),
    (lambda x: [np.ones(2)], TypeError, "with respect to Values, not array"),
    (lambda x: [(x + 1.0).parents[1]], TypeError, "with respect to Values"),
    (lambda x: [x > 0], ValueError, "is a comparison: there is no gradient with respect to it"),
]


@pytest.mark.parametrize(("wrt", "kind", "message"), WRT)
def test_what_grad_cannot_differentiate_by(wrt: Callable[..., Any], kind: type[Exception], message: str) -> None:
    x = Value(2.0)
    with pytest.raises(kind, match=message):
        mg.grad(x * x, wrt(x))


@pytest.mark.parametrize("f", [3.0, np.float64(3), np.ones(2), None])
def test_grad_of_what_is_no_value(f: Any) -> None:
    with pytest.raises(TypeError, match=r"grad differentiates Values, not .*: no Value went into it"):
        mg.grad(f, [Value(1.0)])


def test_grad_under_no_grad_gives_leaves() -> None:
    x = Value(3.0)
    f = x**3
    with mg.no_grad():
        (g,) = mg.grad(f, [x])
    assert (g.data, g.op) == (27.0, None)


T = sympy.Symbol("t", positive=True)
CURVES = [
    (mg.sigmoid, 1 / (1 + sympy.exp(-T))),
    (mg.tanh, sympy.tanh(T)),
    (mg.softplus, sympy.log(1 + sympy.exp(T))),
    (lambda x: mg.exp(-x * x), sympy.exp(-(T**2))),
    (lambda x: mg.sqrt(1.0 + x**2), sympy.sqrt(1 + T**2)),
    (lambda x: mg.log(x) / x, sympy.log(T) / T),
    (lambda x: x**x, T**T),
    (lambda x: 2.0**x, 2**T),
    (lambda x: x**6, T**6),
    (lambda x: x**-1.5, T ** sympy.Rational(-3, 2)),
    (lambda x: mg.softmax(mg.stack([x, x * x, 1.0]))[1], sympy.exp(T**2) / (sympy.exp(T) + sympy.exp(T**2) + sympy.E)),
    (lambda x: mg.where(x > 0, mg.log1p(x), mg.sqrt(-x)), sympy.log(1 + T)),
]


@pytest.mark.parametrize(("function", "formula"), CURVES, ids=[str(c[1]) for c in CURVES])
def test_derivatives_to_order_4_are_sympys(function: Callable[..., Value], formula: Any) -> None:
    x = Value(0.7)
    y = function(x)
    for order in range(1, 5):
        (y,) = mg.grad(y, [x])
        expected = sympy.diff(formula, T, order).subs(T, sympy.Rational(7, 10)).evalf(30)
        assert y.data == pytest.approx(float(expected), rel=1e-12)


def test_mixed_derivatives_are_symmetric() -> None:
    x, w = Value([0.3, -0.5, 0.9]), Value([1.1, 0.2, -0.4])
    f = ((x @ w).sigmoid() * (x * w).exp().sum()).tanh()
    gx, gw = mg.grad(f, [x, w])
    for i in range(3):
        xw = mg.grad(gx[i], [w])[0].data
        np.testing.assert_allclose(xw, [mg.grad(gw[j], [x])[0].data[i] for j in range(3)], rtol=1e-13)


def test_a_gradient_takes_part_in_a_loss() -> None:
    x = Value(2.0)
    (g,) = mg.grad(x**3, [x])
    (x + g.square()).backward()  # 1 + 2·3x²·6x
    assert x.grad == 1.0 + 2 * 12.0 * 12.0


# Shared nodes, and how often a rule runs


@pytest.mark.usefixtures("own_primitives")
def test_a_rule_runs_once_for_each_input_that_needs_it() -> None:
    runs: list[int] = []

    def rule(i: int) -> Callable[..., Any]:
        return lambda g, y, a, b: (runs.append(i), 0.5 * g)[1]

    mean = mg.primitive("mean_of_two", lambda a, b: 0.5 * (a + b), [rule(0), rule(1)])
    x = Value(1.0)
    y = x
    for _ in range(60):  # 2**60 paths
        y = mean(y, y)
    y.backward()
    assert (x.grad, len(runs)) == (1.0, 120)
    runs.clear()
    z = mean(mean(x, 3.0), np.float64(4.0))
    z.backward()
    assert runs == [0, 0]  # raw numbers get none
    runs.clear()
    mg.grad(mean(x, z * 2.0), [x])
    assert runs == [0, 1, 0, 0]
    runs.clear()
    other = Value(1.0)
    mg.grad(mean(mean(x, x), other), [other])
    assert runs == [1]  # nothing that does not lead to what is asked for


def test_constant_subexpressions_are_shared_and_get_no_gradient() -> None:
    x, k = Value(2.0), np.array([1.0, 2.0, 3.0])
    c = Value(k) * 2.0
    f = (x * c + c * c + x * k + k * x).sum()
    f.backward()
    assert x.grad == 12.0 + 6.0 + 6.0
    constants = {p for node in nodes_of(f) for p in node.parents if type(p) is Constant}
    assert all(not p.has_grad for p in constants)
    assert mg.grad(f, [c])[0].data.tolist() == [2.0 + 4.0, 2.0 + 8.0, 2.0 + 12.0]


def nodes_of(root: Value) -> set[Value]:
    seen, stack = {root}, [root]
    while stack:
        for p in stack.pop().parents:
            if p not in seen:
                seen.add(p)
                stack.append(p)
    return seen


# Deep graphs


def chain(x: Value, depth: int) -> Value:
    y = x
    for _ in range(depth // 2):
        y = 1.0 - y
        y = y * 1.0
    return y


@pytest.mark.usefixtures("no_garbage_collector")
@pytest.mark.parametrize("depth", [10**4, pytest.param(10**6, marks=pytest.mark.slow)])
def test_a_million_nodes_deep(depth: int) -> None:
    x = Value(0.25)
    y = chain(x, depth)
    alive = weakref.ref(y.parents[0])
    assert y.data == 0.25
    y.backward()
    assert x.grad == 1.0
    del y
    assert alive() is None


@pytest.mark.usefixtures("no_garbage_collector")
@pytest.mark.parametrize("depth", [10**4, pytest.param(10**5, marks=pytest.mark.slow)])
def test_grad_of_a_hundred_thousand_nodes(depth: int) -> None:
    x = Value(0.25)
    y = chain(x, depth) * x
    (g,) = mg.grad(y, [x])
    (h,) = mg.grad(g, [x])
    assert (g.data, h.data) == (0.5, 2.0)
    alive = weakref.ref(g.parents[0])
    del y, g, h
    assert alive() is None


# Memory


def watched(*roots: Value) -> list[weakref.ref[Value]]:
    return [weakref.ref(node) for root in roots for node in nodes_of(root) if node.op is not None]


def network(x: Value, w: Value) -> Value:
    hidden = mg.where(x @ w > 0, mg.sigmoid(x @ w), mg.relu(x @ w) + mg.log_softmax(x @ w))
    return (mg.max(hidden, axis=1) ** 2).mean() + w.square().sum() * 1e-3


def with_backward(x: Value, w: Value) -> list[Value]:
    f = network(x, w)
    f.backward()
    f.backward()
    return [f]


def with_second_order(x: Value, w: Value) -> list[Value]:
    f = network(x, w)
    (g,) = mg.grad(f, [w])
    (h,) = mg.grad((g * g).sum(), [w])
    (h.sum() + f).backward()
    return [f, g, h]


def with_debug(x: Value, w: Value) -> list[Value]:
    with mg.debug():
        return with_second_order(x, w)


def after_errors(x: Value, w: Value) -> list[Value]:
    f = network(x, w)
    failures: list[Callable[[], Any]] = [
        lambda: x + np.ones((7, 7)),
        lambda: (f * x).backward(),
        lambda: f.backward([1.0]),
        lambda: mg.grad(f, [3.0]),
        lambda: f[5],
        lambda: np.cbrt(f),
        lambda: setattr(f, "data", 1.0),
    ]
    for fail in failures:
        with pytest.raises((TypeError, ValueError, IndexError)):
            fail()
    return [f]


def stale(x: Value, w: Value) -> list[Value]:
    f = network(x, w)
    w.data = w.data * 2.0
    with pytest.raises(ValueError, match="was changed"):
        f.backward()
    w.data = w.data * 0.5
    return [f]


LIVES = [with_backward, with_second_order, with_debug, after_errors, stale]


@pytest.mark.slow
@pytest.mark.usefixtures("no_garbage_collector")
@pytest.mark.parametrize("live", LIVES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("shape", [(3, 2), (4, 3)])
def test_no_node_outlives_its_last_name(live: Callable[..., list[Value]], shape: tuple[int, int]) -> None:
    x, w = (
        Value(np.linspace(-1, 1, np.prod(shape)).reshape(shape)),
        Value(np.linspace(0, 1, 4 * shape[1]).reshape(-1, 4)),
    )
    roots = live(x, w)
    refs = watched(*roots)
    assert len(refs) > 10
    assert all(ref() is not None for ref in refs)
    del roots
    assert [ref() for ref in refs if ref() is not None] == []


# Threads


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    """Threads change places as often as Python can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient_threads")
@pytest.mark.parametrize("data", [1.0, np.ones(4000)], ids=["scalar", "array"])  # NumPy lets go of the lock for many
def test_eight_threads_add_into_one_leaf(data: Any) -> None:
    shared, repetitions, threads = Value(data, label="w"), 400, 8
    barrier, failures = threading.Barrier(threads), []

    def work(k: int) -> None:
        try:
            own = Value(data)
            barrier.wait()
            for _ in range(repetitions):
                mg.sum(shared * float(k) + own * shared).backward()
            assert np.all(own.grad == repetitions)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    np.testing.assert_array_equal(shared.grad, repetitions * (sum(range(threads)) + threads) * np.ones(shared.shape))


# The same bits in every process

PROGRAM = """
import hashlib, random
import numpy as np
import microgradcnn as mg

rng = random.Random(3)
garbage = [object() for _ in range(int.from_bytes(__import__("os").urandom(2), "big"))]  # other addresses every time
leaves = [mg.Value(rng.uniform(-2, 2)) for _ in range(20)] + [mg.Value(np.random.default_rng(4).normal(size=(5, 5)))]
nodes = list(leaves)
for _ in range(600):
    a, b = rng.choice(nodes), rng.choice(nodes[-40:])
    nodes.append(rng.choice([lambda: a * b, lambda: a + b, lambda: (a - b).tanh(), lambda: a.sigmoid() * b])())
total = mg.sum(mg.stack([mg.mean(n) * rng.uniform(0.1, 9.0) for n in nodes[::3]]))
total.backward()
first = mg.grad(total, leaves)
second = mg.grad(mg.sum(mg.stack([mg.mean(g) for g in first])), leaves)
digest = hashlib.sha256()
for number in [total.data, *(v.grad for v in leaves), *(g.data for g in first), *(h.data for h in second)]:
    digest.update(np.asarray(number).tobytes())
print(digest.hexdigest(), float(np.sum(first[0].data)))
"""


@pytest.mark.slow
def test_gradients_are_the_same_bit_for_bit_in_every_process() -> None:
    seen = set()
    for hash_seed in ("0", "1", "random"):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digest, number = run.stdout.split()
        assert np.isfinite(float(number))
        assert float(number) != 0.0
        seen.add(digest)
    assert len(seen) == 1
