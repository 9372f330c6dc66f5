"""Optimisers with every option, clipping and schedulers: PyTorch's numbers, states that go on, and what is refused."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pytorch_losses import CLIPS, EPOCHS, PATH, RATE, RUNS, SCHEDULERS, START, STEPS, gradients

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.nn import optim
from microgradcnn.nn.schedules import SCHEDULES

runs = pytest.mark.parametrize("run", range(len(RUNS)), ids=[f"{kind} {options}" for kind, options in RUNS])
schedulers = pytest.mark.parametrize("number", range(len(SCHEDULERS)), ids=[f"{k} {[*o]}" for k, o in SCHEDULERS])


@pytest.fixture(scope="module")
def pytorch() -> dict[str, Any]:
    with np.load(PATH, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def started() -> list[Value]:
    return [Value(p, label=f"p_{i}") for i, p in enumerate(START)]


def flat(parameters: list[Value], what: str = "data") -> Any:
    return np.concatenate([np.ravel(getattr(p, what)) for p in parameters])


def stepped(optimiser: optim.Optimiser, parameters: list[Value], steps: Any) -> list[Any]:
    """The parameters after the steps whose numbers end in 0 or 9."""
    seen = []
    for step in steps:
        for p, g in zip(parameters, gradients([p.data for p in parameters], step), strict=True):
            p.grad = g
        optimiser.step()
        if step % 10 in (0, 9):
            seen.append(flat(parameters))
    return seen


@runs
def test_a_hundred_steps(run: int, pytorch: dict[str, Any]) -> None:
    kind, options = RUNS[run]
    parameters = started()
    seen = stepped(getattr(optim, kind)(parameters, **options), parameters, range(STEPS))
    np.testing.assert_allclose(np.concatenate(seen), pytorch["optimisers"][run], rtol=0, atol=1e-12)


@runs
def test_one_vector_of_all_parameters_moves_alike(run: int) -> None:
    """As in fit, where it moves what a compiled program gives gradients of."""
    kind, options = RUNS[run]
    parameters, vector = started(), Value(np.concatenate([np.ravel(p) for p in START]))
    apart, together = getattr(optim, kind)(parameters, **options), getattr(optim, kind)([vector], **options)
    for step in range(20):
        stepped(apart, parameters, [step])
        vector.grad = flat(parameters, "grad")
        together.step()
        np.testing.assert_array_equal(vector.data, flat(parameters))


@runs
def test_a_state_and_a_pickle_go_on_to_the_bit(run: int) -> None:
    kind, options = RUNS[run]
    through, stopped = started(), started()
    first, second = (getattr(optim, kind)(parameters, **options) for parameters in (through, stopped))
    stepped(first, through, range(30))
    stepped(second, stopped, range(10))
    unpickled = pickle.loads(pickle.dumps(second))
    resumed = [Value(p.data) for p in stopped]
    loaded = getattr(optim, kind)(resumed)
    loaded.load_state_dict(second.state_dict())
    for optimiser, parameters in ((unpickled, unpickled.parameters), (loaded, resumed)):
        stepped(optimiser, parameters, range(10, 30))
        assert np.array_equal(flat(parameters), flat(through))
    numbers = {name: getattr(loaded, name) for name in loaded.numbers}
    assert numbers == {name: getattr(first, name) for name in first.numbers}


def test_states_of_sgd_from_before_it_had_dampening_and_nesterov_are_those_of_today() -> None:
    before = {"steps", "lr", "weight_decay", "momentum", "velocities.0"}
    assert set(optim.SGD([Value(1.0)], lr=0.5, momentum=0.9).state_dict()) == before
    optimiser = optim.SGD([Value(1.0)], lr=0.5, momentum=0.9, nesterov=True)
    state = optimiser.state_dict()
    assert set(state) == before | {"nesterov"}
    del state["nesterov"]
    optimiser.load_state_dict(state)
    assert (optimiser.dampening, optimiser.nesterov) == (0.0, False)
    with pytest.raises(ValueError, match="the state lacks momentum"):
        optimiser.load_state_dict({name: a for name, a in state.items() if name != "momentum"})
    with pytest.raises(ValueError, match="the state has nesterov, which Adam has not"):
        optim.Adam([Value(1.0)]).load_state_dict(optim.Adam([Value(1.0)]).state_dict() | {"nesterov": np.array(True)})


def test_weights_decay_where_nothing_else_moves() -> None:
    w = Value([1.0, -2.0])
    w.grad = np.zeros(2)
    optim.AdamW([w], lr=0.1).step()
    np.testing.assert_allclose(w.data, [0.999, -1.998], rtol=1e-15)


def test_a_centered_mean_square_that_rounds_below_0_is_0() -> None:
    w = Value(0.0)
    optimiser = optim.RMSprop([w], lr=1e-9, alpha=0.5, centered=True)
    for _ in range(200):
        w.grad = 0.3
        optimiser.step()
    assert math.isfinite(w.item())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda w: optim.SGD([w], nesterov=True), "nesterov needs momentum and no dampening, not momentum=0.0"),
        (lambda w: optim.SGD([w], 0.1, 0.9, nesterov=True, dampening=0.1), "and dampening=0.1"),
        (lambda w: optim.RMSprop([w], alpha=-0.1), "alpha is a number ≥ 0, not -0.1"),
        (lambda w: optim.RMSprop([w], momentum=math.nan), "momentum is a number ≥ 0, not nan"),
        (lambda w: optim.Adagrad([w], lr_decay=-1.0), "lr_decay is a number ≥ 0, not -1.0"),
        (lambda w: optim.Adagrad([w], initial_accumulator_value=-1.0), "initial_accumulator_value is a number ≥ 0"),
        (lambda w: optim.AdamW([w], weight_decay=-1.0), "weight_decay=-1.0"),
        (lambda w: optim.StepLR(optim.SGD([w]), 0), "step_size is a number of epochs, 1 at least, not 0"),
        (lambda w: optim.CosineAnnealingLR(optim.SGD([w]), 0.5), "T_max is a number of epochs, 1 at least, not 0.5"),
        (lambda w: optim.clip_grad_norm_([w], -1.0), "max_norm is ≥ 0 and norm_type positive, not -1.0 and 2.0"),
        (lambda w: optim.clip_grad_norm_([w], 1.0, 0.0), "max_norm is ≥ 0 and norm_type positive, not 1.0 and 0.0"),
        (lambda w: optim.clip_grad_value_([w], math.nan), "clip_value is ≥ 0, not nan"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: Callable[[Value], Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the sentence is compared
        wrong(Value(1.0))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


# Clipping


@pytest.mark.parametrize("number", range(len(CLIPS)), ids=[str(options) for options in CLIPS])
def test_gradients_are_clipped(number: int, pytorch: dict[str, Any]) -> None:
    options, (norm, *expected) = CLIPS[number], pytorch["clipped"][number]
    parameters = [*started(), Value(1.0)]  # the last one has no gradient
    for p, g in zip(parameters, gradients(START, 0), strict=False):
        p.grad = g
    clip = mg.optim.clip_grad_value_ if "clip_value" in options else mg.optim.clip_grad_norm_
    found = clip(parameters, **options)
    assert found is None if "clip_value" in options else found == pytest.approx(norm, rel=1e-14)
    np.testing.assert_allclose(flat(parameters[:-1], "grad"), expected, rtol=1e-13)
    assert [np.shape(p.grad) for p in parameters[:-1]] == [np.shape(p) for p in START]
    assert not parameters[-1].has_grad


def test_clipping_takes_one_value_and_keeps_its_type() -> None:
    w = Value(np.ones(2, np.float32))
    w.grad = np.array([3.0, 4.0], np.float32)
    assert optim.clip_grad_norm_(w, 1) == 5.0
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-6)
    optim.clip_grad_value_(w, 0.7)
    np.testing.assert_allclose(w.grad, [0.6, 0.7], rtol=1e-6)
    assert w.grad.dtype == np.float32
    scalar = Value(1.0)
    scalar.grad = -3.0
    optim.clip_grad_value_(scalar, 2)
    assert (scalar.grad, type(scalar.grad)) == (-2.0, float)
    assert optim.clip_grad_norm_([Value(1.0)], 1.0, math.inf) == 0.0  # nothing has a gradient


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_norm_that_is_not_finite_is_refused_or_goes_on(bad: float) -> None:
    w, c = Value([1.0, 2.0]), Value(1.0)
    w.grad, c.grad = np.array([1.0, bad]), 1.0
    with pytest.raises(FloatingPointError, match=rf"^the norm of the gradients is {bad}, and no .* 0.5:"):
        optim.clip_grad_norm_([w, c], 0.5, error_if_nonfinite=True)
    assert (w.grad[0], c.grad) == (1.0, 1.0)
    assert not math.isfinite(optim.clip_grad_norm_([w, c], 0.5))
    assert math.isnan(w.grad[1])


# Schedulers


@schedulers
def test_thirty_epochs_have_pytorchs_rates(number: int, pytorch: dict[str, Any]) -> None:
    kind, options = SCHEDULERS[number]
    optimiser = optim.SGD([Value(1.0)], lr=RATE)
    scheduler = getattr(mg.optim, kind)(optimiser, **options)
    rates = [scheduler.get_last_lr()]
    for _ in range(EPOCHS):
        scheduler.step()
        rates.append(scheduler.get_last_lr())
        assert optimiser.lr == rates[-1][0]
    np.testing.assert_allclose(rates, pytorch["rates"][number][:, None], rtol=1e-12, atol=1e-15)


@schedulers
def test_a_schedulers_state_goes_on(number: int) -> None:
    kind, options = SCHEDULERS[number]
    first, second = (optim.Adam([Value(1.0)], lr=rate) for rate in (RATE, 7.0))
    through, other = (getattr(optim, kind)(optimiser, **options) for optimiser in (first, second))
    for _ in range(5):
        through.step()
    other.load_state_dict(through.state_dict())
    assert second.lr == first.lr
    for _ in range(5):
        through.step()
        other.step()
        assert (second.lr, other.last_epoch) == (first.lr, through.last_epoch)
    wrong = {name: a for name, a in through.state_dict().items() if name != "base_lr"}
    with pytest.raises(ValueError, match=r"^the state lacks base_lr$"):
        other.load_state_dict(wrong)


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_schedules_of_fit_move_an_optimiser_too(name: str) -> None:
    optimiser = optim.SGD([Value(1.0)], lr=RATE)
    scheduler = optim.LambdaLR(optimiser, lambda epoch: optim.SCHEDULES[name](epoch, EPOCHS))
    for epoch in range(EPOCHS):
        assert optimiser.lr == RATE * SCHEDULES[name](epoch, EPOCHS)
        scheduler.step()
