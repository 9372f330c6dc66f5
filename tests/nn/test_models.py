"""Models, compiled: with every backend they give what the engine gives, and they learn what they should."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from test_backends import difference
from threadpoolctl import threadpool_limits

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.nn import optim
from microgradcnn.targets.native import jit

BACKENDS = ("numpy", "jit", "fused", "jax")
WAYS = [(b, d) for b in BACKENDS for d in (np.float64, np.float32) if (b, d) != ("jax", np.float32)]


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1):
        yield


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A backend; the jit twice, where it opens arrays into scalars and where it fuses operations on them."""
    monkeypatch.setattr(jit, "OPENED", -1 if request.param == "fused" else 3000)
    return "jit" if request.param == "fused" else request.param


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def small_lenet(dtype: Any) -> nn.Sequential:
    """All that LeNet has, and the other kinds of layers, on images of 6×6."""
    options = {"rng": rng(), "dtype": dtype}
    return nn.Sequential(
        *(nn.Conv2d(1, 2, 3, **options), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(2, 3, 2, padding=1, **options), nn.Tanh(), nn.MaxPool2d(2, 1), nn.Flatten()),
        *(nn.Linear(12, 4, **options), nn.Sigmoid(), nn.Dropout(0.5, rng=rng()), nn.Linear(4, 3, **options)),
    )


def perceptron(outputs: int) -> Callable[[Any], nn.Sequential]:
    def build(dtype: Any) -> nn.Sequential:
        options = {"rng": rng(), "dtype": dtype}
        return nn.Sequential(nn.Linear(4, 5, **options), nn.ReLU(), nn.Linear(5, outputs, **options))

    return build


class Residual(nn.Module):
    """A model of one's own."""

    def __init__(self, dtype: Any) -> None:
        self.inner = nn.Linear(4, 4, rng=rng(), dtype=dtype)
        self.outer = nn.Linear(4, 2, bias=False, rng=rng(), dtype=dtype)

    def __call__(self, x: Any) -> Any:
        return self.outer(x + self.inner(x).tanh())


def classes(k: int) -> Callable[[int], Any]:
    return lambda n: np.arange(n) % k


# A model, the shape of its inputs, its loss, and n targets.
MODELS: dict[str, tuple[Callable[[Any], nn.Module], tuple[int, ...], Callable[..., Any], Callable[[int], Any]]] = {
    "lenet, smaller": (small_lenet, (1, 6, 6), nn.cross_entropy, classes(3)),
    "classes": (perceptron(3), (4,), nn.cross_entropy, classes(3)),
    "numbers": (perceptron(1), (4,), lambda y, t: nn.mse_loss(y[:, 0], t), lambda n: np.linspace(-1.0, 1.0, n)),
    "two classes": (
        perceptron(1),
        (4,),
        lambda y, t: nn.binary_cross_entropy_with_logits(y[:, 0], t),
        lambda n: np.arange(n) % 2,
    ),
    "margins": (perceptron(1), (4,), lambda y, t: nn.hinge_loss(y[:, 0], t), lambda n: 2.0 * (np.arange(n) % 2) - 1.0),
    "of one's own": (Residual, (4,), nn.cross_entropy, classes(2)),
}


@pytest.mark.parametrize(
    ("backend", "dtype"),
    [pytest.param(*way, marks=pytest.mark.slow if way[1] == np.float32 else ()) for way in WAYS],
    indirect=["backend"],
)
@pytest.mark.parametrize("name", MODELS)
def test_a_compiled_model_is_the_eager_one(name: str, backend: str, dtype: Any) -> None:
    build, shape, loss, targets = MODELS[name]
    model = build(dtype).eval()
    x, t = Value(np.zeros((2, *shape), dtype), label="x"), Value(targets(2).astype(dtype), label="t")
    program = mg.compile(loss(model(x), t), model.parameters(), [x, t], backend)
    for n in (1, 7) if backend != "jax" else (7,):  # JAX compiles for every number of rows anew
        at = rng(n).normal(size=(n, *shape)).astype(dtype)
        model.zero_grad()
        eager = loss(model(at), targets(n))
        eager.backward()
        found = program(at, targets(n))
        tolerance = 1e-12 if dtype == np.float64 else 2e-5
        assert difference(found, (eager.data, [p.grad for p in model.parameters()])) <= tolerance


@pytest.mark.parametrize("backend", ["numpy", "jit"], indirect=True)
def test_lenet_itself(backend: str) -> None:
    model = nn.lenet(rng=rng())
    x, t = Value(np.zeros((2, 1, 28, 28)), label="x"), Value([0.0, 1.0], label="t")
    program = mg.compile(nn.cross_entropy(model(x), t), model.parameters(), [x, t], backend)
    images, numbers = rng(1).random((5, 1, 28, 28)), np.arange(5)
    loss = nn.cross_entropy(model(images), numbers)
    loss.backward()
    assert difference(program(images, numbers), (loss.data, [p.grad for p in model.parameters()])) <= 1e-12
    assert "def program(x, t, _0_weight, _0_bias, _3_weight, _3_bias, " in program.source


@pytest.mark.slow
def test_jax_takes_classes_in_float32() -> None:
    """Without a warning that an array of float64 among the lines becomes one of float32."""
    model = perceptron(3)(np.float32)
    x, t = Value(np.ones((2, 4), np.float32), label="x"), Value(np.array([0, 2], np.float32), label="t")
    loss = nn.cross_entropy(model(x), t)
    found, _ = mg.compile(loss, model.parameters(), [x, t], "jax")(np.ones((2, 4)), [0, 2])
    assert found == pytest.approx(loss.item(), rel=1e-6)


def test_a_class_that_there_is_not_makes_the_loss_nan(backend: str) -> None:
    model = perceptron(3)(np.float64)
    x, t = Value(np.zeros((2, 4)), label="x"), Value([0.0, 1.0], label="t")
    program = mg.compile(nn.cross_entropy(model(x), t), model.parameters(), [x, t], backend)
    for wrong in (3, -1, 0.5):
        loss, gradients = program(np.ones((2, 4)), [wrong, 1])
        assert np.isnan(loss)
        assert all(np.isfinite(g).all() for g in gradients)


def test_steps_of_a_trainer_are_those_of_sgd() -> None:
    build, shape, loss, targets = MODELS["lenet, smaller"]
    images, numbers = rng(1).normal(size=(8, *shape)), targets(8)
    one, other = build(np.float64).eval(), build(np.float64).eval()
    x, t = Value(images[:2], label="x"), Value(numbers[:2], label="t")
    trainer = mg.compile(loss(one(x), t), one.parameters(), [x, t]).bind(images, numbers)
    descent = optim.SGD(other.parameters(), lr=0.3)
    for _ in range(20):
        descent.zero_grad()
        loss(other(images), numbers).backward()
        descent.step()
        trainer.step(0.3)
    trainer.parameters()
    for name, p in one.state_dict().items():
        np.testing.assert_allclose(p, other.state_dict()[name], rtol=1e-12, atol=1e-13)
