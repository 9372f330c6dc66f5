"""The benchmarks compute what they say: ours against NumPy written by hand, without the peers and without a clock."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if path.stem != "harness")


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a benchmark by name, and forgets it and its harness afterwards."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    yield importlib.import_module
    for name in {"harness", *SCRIPTS} - before:
        sys.modules.pop(name, None)


def test_no_benchmark_is_collected_as_a_test() -> None:
    assert SCRIPTS == ["deep_chain", "eager_scalar", "eager_tensor", "import_time"]
    assert not [path.name for path in BENCHMARKS.rglob("*.py") if path.name.startswith("test_")]


def test_eager_scalar_is_the_network_that_it_says(script: Any) -> None:
    benchmark = script("eager_scalar")
    step, parameters = benchmark.ours()
    loss = step()

    points, targets = map(np.array, benchmark.data())
    layers = [np.array([[*ws, b] for ws, b in layer]) for layer in benchmark.weights()]
    inputs, h = [], points
    for layer in layers:
        inputs.append(np.c_[h, np.ones(len(h))])
        h = inputs[-1] @ layer.T
        h = h if layer is layers[-1] else np.maximum(h, 0.0)
    margins = 1.0 - targets * h[:, 0]
    penalty = benchmark.PENALTY
    assert loss == pytest.approx(np.maximum(margins, 0.0).mean() + penalty * sum(np.sum(w * w) for w in layers))

    g, gradients = np.where(margins > 0.0, -targets, 0.0)[:, None] / len(points), []
    for layer, x in zip(reversed(layers), reversed(inputs), strict=True):
        gradients.insert(0, g.T @ x + 2.0 * penalty * layer)
        g = (g @ layer[:, :-1]) * (x[:, :-1] > 0.0)
    assert [p.grad for p in parameters] == pytest.approx(np.concatenate([gradient.ravel() for gradient in gradients]))


@pytest.mark.parametrize("contender", ["ours", "ours_writeable"])
def test_eager_tensor_is_the_step_that_it_says(script: Any, contender: str) -> None:
    benchmark = script("eager_tensor")
    for size in benchmark.SIZES:
        x, y, S, w = benchmark.data(*size)
        task = getattr(benchmark, contender)(x, y, S, w)
        task.step()
        f, gradient_S, gradient_w = task.outcome()  # after one step
        for _ in range(2):
            h = 1.0 / (1.0 + np.exp(-x @ S.T))
            residual = h @ w - y
            g = residual * (2.0 / len(y))
            by_hand = [np.mean(residual**2), (h * (1.0 - h) * w * g[:, None]).T @ x, g @ h]
            S, w = S - benchmark.RATE * by_hand[1], w - benchmark.RATE * by_hand[2]
        for found, expected in zip([f, gradient_S, gradient_w], by_hand, strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_deep_chain_checks_its_own_gradient(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    benchmark = script("deep_chain")
    links = 5 * sys.getrecursionlimit()
    found = benchmark.measure(links)
    assert set(found) == {"seconds", "bytes"}
    monkeypatch.setattr("microgradcnn.value.Value.backward", lambda y: None)
    with pytest.raises((ValueError, TypeError)):
        benchmark.chain(10)


def test_import_time_imports_what_it_says(script: Any) -> None:
    benchmark = script("import_time")
    assert benchmark.IMPORTS["microgradcnn"].endswith("microgradcnn")
    assert all(benchmark.wall(code) > 0.0 for code in benchmark.IMPORTS.values())


def test_the_harness_refuses_what_is_not_the_same_computation(script: Any) -> None:
    harness = script("harness")
    one = np.array([1.0, 2.0])
    harness.check_equal({"a": [one], "b": [one * (1.0 + 1e-12)]}, 1e-9)
    with pytest.raises(ValueError, match=r"b is 1\.0e-06 away from a"):
        harness.check_equal({"a": [one], "b": [np.array([1.0, 2.0 + 2e-6])]}, 1e-9)
