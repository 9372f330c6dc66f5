"""Optimisers against the published updates written out step by step, and the schedules of learning rates."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES, SGD, Adam

CURVATURES = np.array([1.0, 4.0, 0.25])
RATES = [0.1, 0.1, 0.08, 0.05, 0.05, 0.02, 0.01]


def gradient(θ: Any) -> Any:
    """∇ of ½ Σ c θ² + Σ θ⁴, so that it differs at every step."""
    return CURVATURES * θ + 4.0 * θ**3


def gradient_descent(θ: Any, λ: float = 0.0) -> Any:
    for η in RATES:
        θ = θ - η * (gradient(θ) + λ * θ)
    return θ


def momentum(θ: Any, β: float = 0.9, λ: float = 0.0) -> Any:
    v = 0.0
    for η in RATES:
        v = β * v + gradient(θ) + λ * θ
        θ = θ - η * v
    return θ


def adam(θ: Any, β1: float = 0.9, β2: float = 0.999, ε: float = 1e-8, λ: float = 0.0) -> Any:
    """Kingma and Ba 2015, algorithm 1."""
    m = v = 0.0
    for t, α in enumerate(RATES, start=1):
        g = gradient(θ) + λ * θ
        m = β1 * m + (1 - β1) * g
        v = β2 * v + (1 - β2) * g**2
        θ = θ - α * (m / (1 - β1**t)) / (np.sqrt(v / (1 - β2**t)) + ε)
    return θ


START = np.array([1.0, -0.5, 2.0])


@pytest.mark.parametrize(
    ("optimiser", "by_hand"),
    [
        (SGD, gradient_descent),
        (OPTIMISERS["momentum"], momentum),
        (lambda p: SGD(p, momentum=0.5), lambda θ: momentum(θ, β=0.5)),
        (lambda p: SGD(p, weight_decay=0.1), lambda θ: gradient_descent(θ, λ=0.1)),
        (lambda p: SGD(p, momentum=0.9, weight_decay=0.1), lambda θ: momentum(θ, λ=0.1)),
        (Adam, adam),
        (lambda p: Adam(p, weight_decay=0.1), lambda θ: adam(θ, λ=0.1)),
        (lambda p: Adam(p, betas=(0.8, 0.9), eps=1e-3), lambda θ: adam(θ, β1=0.8, β2=0.9, ε=1e-3)),
    ],
)
def test_several_steps_follow_the_published_update(optimiser: Any, by_hand: Callable[[Any], Any]) -> None:
    array, scalars = Value(START, label="w"), [Value(v, label="w") for v in START.tolist()]
    tensors, numbers = optimiser([array]), optimiser(scalars)
    for rate in RATES:
        array.grad = gradient(array.data)
        tensors.step(rate)
        for scalar, g in zip(scalars, gradient(np.array([s.data for s in scalars])).tolist(), strict=True):
            scalar.grad = g
        numbers.step(rate)
    np.testing.assert_allclose(array.data, by_hand(START), rtol=1e-13)
    np.testing.assert_allclose([s.data for s in scalars], by_hand(START), rtol=1e-13)
    assert all(type(s.data) is float for s in scalars)


def test_adams_first_step_is_the_rate_whatever_the_size_of_the_gradient() -> None:
    for size in (1e-3, 1.0, 1e6):
        w = Value([1.0, 1.0], label="w")
        w.grad = np.array([size, -size])
        Adam([w]).step(0.1)
        np.testing.assert_allclose(w.data, [0.9, 1.1], rtol=1e-5)


def test_a_step_without_a_rate_takes_the_optimisers_own_and_zero_grad_forgets() -> None:
    w = Value([1.0, 2.0], label="w")
    for optimiser, moved in ((SGD([w], lr=0.5), [0.5, 1.5]), (SGD([w]), [0.499, 1.499])):
        w.grad = np.ones(2)
        optimiser.step()
        assert w.data.tolist() == moved
        optimiser.zero_grad()
        assert not w.has_grad


W = Value([1.0, 2.0], label="w")


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: SGD([]), ValueError, "not 0 parameters"),
        (lambda: SGD([Value(1.0)], lr=-1.0), ValueError, "lr=-1.0"),
        (lambda: Adam([Value(1.0)], lr=math.nan), ValueError, "lr=nan"),
        (lambda: Adam([Value(1.0)], weight_decay=-0.1), ValueError, "weight_decay=-0.1"),
        (lambda: SGD([{"params": [W]}]), TypeError, "not a dict: make an optimiser for every group"),
        (lambda: SGD([1.0]), TypeError, r"as model.parameters\(\) lists them, not a float"),
        (lambda: SGD([[W], [W]]), TypeError, r"as model.parameters\(\) lists them, not a list"),
        (lambda: SGD([{"params": [W]}]), TypeError, r"as model.parameters\(\) lists them, not a dict"),
    ],
)
def test_bad_arguments_are_refused(wrong: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        wrong()


def tied() -> nn.Module:
    """A model whose two layers share their weight."""
    model = nn.Sequential(*[nn.Linear(2, 2, rng=np.random.default_rng(seed)) for seed in (0, 1)])
    model[1].weight = model[0].weight
    return model


SHARING: dict[str, tuple[Callable[[], list[Value]], str]] = {
    "one list": (lambda: [Value(1.0, label="b"), W, W], "w"),
    "two models": (lambda: tied().parameters() + tied().parameters()[:1] * 2, "0.weight"),
    "a model and its part": (lambda: [*(model := tied()).parameters(), *model[0].parameters()], "0.weight"),
    "without a label": (lambda: [Value(1.0)] * 2, "an unlabelled leaf"),
    "many scalars": (lambda: [*(leaves := [Value(1.0, label=f"w_{i}") for i in range(5000)]), leaves[4321]], "w_4321"),
}


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("sharing", SHARING)
def test_a_parameter_that_is_there_twice_is_refused_by_name(name: str, sharing: str) -> None:
    parameters, label = SHARING[sharing]
    message = f"{label} is among the parameters twice, and every step would move it twice: list it once"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        OPTIMISERS[name](parameters())


def test_a_model_lists_what_its_parts_share_once() -> None:
    model = tied()
    (shared, *_), loss = model.parameters(), model(Value(np.ones((1, 2)))).sum()
    loss.backward()
    before = shared.data
    SGD(model.parameters(), lr=0.5).step()
    np.testing.assert_array_equal(shared.data, before - 0.5 * shared.grad)


NOT_FINITE = [math.nan, math.inf, -math.inf, np.array([1.0, math.nan]), np.array([math.inf, 1.0], np.float32)]


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("bad", NOT_FINITE, ids=repr)
def test_a_gradient_that_is_not_finite_is_told_at_the_step(name: str, bad: Any) -> None:
    def optimiser(error_if_nonfinite: bool | None = None) -> tuple[Value, Value, Any]:
        dtype = getattr(bad, "dtype", None)
        b, w = Value(1.0, label="b"), Value(np.ones(np.shape(bad), dtype), label="w")
        b.grad, w.grad = 0.5, bad
        return b, w, OPTIMISERS[name]([b, w], error_if_nonfinite=error_if_nonfinite)

    told = r"^the gradient of w is (NaN|an infinity)( in 1 of 2 places)?: .*mg\.debug\(\)"
    b, w, adviser = optimiser()
    with pytest.warns(RuntimeWarning, match=told) as caught, np.errstate(invalid="ignore"):
        adviser.step(0.1)
    assert [warning.filename for warning in caught] == [__file__]
    assert not np.isfinite(w.data).all()
    assert b.data != 1.0  # it goes on, as before
    b, w, strict = optimiser(True)
    with pytest.raises(FloatingPointError, match=told):
        strict.step(0.1)
    assert b.data == 1.0
    assert np.all(w.data == 1.0)  # nothing has moved
    b, w, silent = optimiser(False)
    with np.errstate(invalid="ignore"):
        silent.step(0.1)  # a warning would be an error
    assert not np.isfinite(w.data).all()


def test_the_first_nan_of_a_loop_written_by_hand_is_told_once() -> None:
    w = Value(4.0, label="w")
    optimiser = SGD([w], lr=1.0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):  # 4, then log(-1)
            optimiser.zero_grad()
            (mg.log(w) * 5.0 * w).backward()
            optimiser.step()
    assert [str(warning.message)[:28] for warning in caught] == ["the gradient of w is NaN: no"]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_moves_nothing_if_one_parameter_has_no_gradient(name: str) -> None:
    c, w = Value([1.0, 2.0], label="c"), Value(3.0, label="w")
    c.grad = np.ones(2)
    says = (
        r"^w has no gradient: call backward\(\) on the loss before step\(\), or, if that was done, the loss does not d"
    )
    with pytest.raises(ValueError, match=says) as caught:
        OPTIMISERS[name]([c, w]).step(0.1)
    assert all(cause in str(caught.value) for cause in ("no_grad()", ".data", ".item()", "detach()", "leave it out"))
    assert c.data.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_float32_parameter_stays_one(name: str) -> None:
    w = Value(np.ones(2, np.float32), label="w")
    w.square().sum().backward()
    OPTIMISERS[name]([w]).step(0.1)
    assert w.dtype == np.float32
    assert (w.data < 1.0).all()


@pytest.mark.parametrize(
    ("name", "start", "middle", "end"),
    [
        ("constant", 1.0, 1.0, 1.0),
        ("step", 1.0, 1 / 4, 1 / 16),
        ("inverse", 1.0, 1 / 6, 1 / 10.9),
        ("exponential", 1.0, 1 / 10, 0.01**0.99),
        ("cosine", 1.0, 1 / 2, (1.0 + math.cos(0.99 * math.pi)) / 2.0),
    ],
)
def test_a_schedule_starts_at_one_and_decreases(name: str, start: float, middle: float, end: float) -> None:
    share = SCHEDULES[name]
    assert [share(t, 100) for t in (0, 50, 99)] == pytest.approx([start, middle, end], rel=1e-12)
    for epochs in (1, 2, 7, 100):
        shares = [share(t, epochs) for t in range(epochs)]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == 1.0
        assert shares[-1] > 0.0


def test_every_schedule_is_in_the_test_above() -> None:
    assert list(SCHEDULES) == ["constant", "step", "inverse", "exponential", "cosine"]


def steps(optimiser: Any, parameters: list[Value], rates: list[float]) -> None:
    for rate in rates:
        for p in parameters:
            p.grad = p.data + 4.0 * p.data**3
        optimiser.step(rate)


def start() -> list[Value]:
    return [Value(np.outer([1.0, -0.4], START).astype(np.float32), label="W"), Value(START), Value(-0.5), Value(2.0)]


MAKERS: list[Callable[..., Any]] = [
    lambda p: SGD(p, lr=0.1),
    lambda p: SGD(p, momentum=0.7, weight_decay=0.1),
    lambda p: Adam(p, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.01),
]


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("before", [0, 1, 4])
def test_a_loaded_state_goes_on_to_the_bit(maker: Callable[..., Any], before: int) -> None:
    through, stopped = start(), start()
    first, second = maker(through), maker(stopped)
    steps(first, through, RATES)
    steps(second, stopped, RATES[:before])
    state = second.state_dict()
    kept = {name: array.copy() for name, array in state.items()}
    goes_on = type(second)(resumed := [Value(p.data) for p in stopped])
    goes_on.load_state_dict(state)
    steps(goes_on, resumed, RATES[before:])
    for p, q in zip(through, resumed, strict=True):
        assert np.array_equal(p.data, q.data)
        assert type(p.data) is type(q.data)
        assert p.dtype == q.dtype
    assert {name: array.tolist() for name, array in state.items()} == {n: a.tolist() for n, a in kept.items()}
    assert (goes_on.lr, goes_on.weight_decay, goes_on.steps) == (second.lr, second.weight_decay, len(RATES))


def test_a_state_is_flat_arrays() -> None:
    optimiser = Adam([Value([1.0, 2.0]), Value(3.0)], lr=1)
    state = optimiser.state_dict()
    numbers = ["steps", "lr", "weight_decay", "betas", "eps"]
    assert list(state) == [*numbers, "first.0", "first.1", "second.0", "second.1"]
    assert {name: (str(array.dtype), array.shape) for name, array in state.items()} == {
        "steps": ("int64", ()),
        **dict.fromkeys(("lr", "weight_decay", "eps", "first.1", "second.1"), ("float64", ())),
        **dict.fromkeys(("betas", "first.0", "second.0"), ("float64", (2,))),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"second.0": None}, "the state lacks second.0"),
        ({"velocities.0": np.ones(3)}, "the state has velocities.0, which Adam has not"),
        (
            {"first.0": np.ones(2)},
            r"the state has first.0 as float64 of shape \(2,\), and Adam as float64 of shape \(3",
        ),
        (
            {"second.0": np.ones(3, np.float32)},
            r"the state has second.0 as float32 of shape \(3,\), and Adam as float6",
        ),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, Any], message: str) -> None:
    optimiser = Adam(parameters := [Value(START)])
    steps(optimiser, parameters, RATES)
    before = optimiser.state_dict()
    other = Adam([Value(START)], lr=0.5).state_dict() | change
    with pytest.raises(ValueError, match=message):
        optimiser.load_state_dict({name: array for name, array in other.items() if array is not None})
    assert {name: array.tolist() for name, array in optimiser.state_dict().items()} == {
        name: array.tolist() for name, array in before.items()
    }
