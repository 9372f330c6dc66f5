"""What optimisers refuse: a parameter that they have already, a gradient that is not finite; and mispaired losses."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine import primitives
from microgradcnn.fit import DivergedError, fit
from microgradcnn.nn.optim import OPTIMISERS, Optimiser

NAN, INF = float("nan"), float("inf")


def subclasses(kind: type) -> list[type]:
    return [kind] * (not inspect.isabstract(kind)) + [c for sub in kind.__subclasses__() for c in subclasses(sub)]


KINDS = {kind.__name__: kind for kind in subclasses(Optimiser) if kind.__module__.startswith(mg.__name__)}
MAKERS: dict[str, Callable[..., Any]] = {
    **KINDS,
    **{name: make for name, make in OPTIMISERS.items() if make not in KINDS.values()},
}
every_optimiser = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def test_there_are_optimisers() -> None:
    assert {"SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "momentum", "nesterov"} <= set(MAKERS)


# The same parameter twice


def leaves() -> tuple[Value, Value, Value]:
    return Value([1.0, 2.0], label="w"), Value(3.0, label="c_1"), Value(np.ones((2, 2), np.float32))


TWICE: list[tuple[str, Callable[[Value, Value, Value], Any], str]] = [
    ("side by side", lambda w, c, u: [w, w], "w"),
    ("apart", lambda w, c, u: [c, w, u, c], "c_1"),
    ("three times", lambda w, c, u: [c, c, c], "c_1"),
    ("a generator", lambda w, c, u: (p for p in (w, u, w)), "w"),
    ("a tuple", lambda w, c, u: (w, c, w), "w"),
    ("without a label", lambda w, c, u: [w, u, u], "an unlabelled leaf"),
]


@every_optimiser
@pytest.mark.parametrize(("parameters", "name"), [t[1:] for t in TWICE], ids=[t[0] for t in TWICE])
def test_a_parameter_twice_is_refused_by_its_name(make: Any, parameters: Callable[..., Any], name: str) -> None:
    with pytest.raises(ValueError, match=rf"(^|\W){name}(\W|$)") as caught:
        make(parameters(*leaves()))
    assert "\n" not in str(caught.value)
    assert "twice" in str(caught.value)


@every_optimiser
def test_a_models_parameters_twice_are_refused(make: Any) -> None:
    layer = nn.Linear(2, 2, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="weight"):
        make(layer.parameters() + layer.parameters())
    make(nn.Sequential(layer, nn.ReLU(), layer).parameters())  # a layer in two places is listed once


FIRST_STEP = {"RMSprop": 10.0, "nesterov": 1.9}  # against a gradient of 1, in learning rates; 1 for the others


@pytest.mark.parametrize("name", MAKERS)
def test_equal_numbers_and_equal_labels_are_other_parameters(name: str) -> None:
    w, same = Value([1.0, 2.0], label="w"), Value([1.0, 2.0], label="w")
    optimiser = MAKERS[name]([w, same], lr=0.5, weight_decay=0.0)
    w.grad, same.grad = np.ones(2), -np.ones(2)
    optimiser.step()
    moved = 0.5 * FIRST_STEP.get(name, 1.0)
    np.testing.assert_allclose(w.data, [1.0 - moved, 2.0 - moved], rtol=1e-6)
    np.testing.assert_allclose(same.data, [1.0 + moved, 2.0 + moved], rtol=1e-6)


# A gradient that is not finite


def gradients(bad: float) -> list[tuple[str, Value, Any]]:
    """The name of a parameter, the parameter, and a gradient with a number in it that is not finite."""
    single = np.array([[1.0, 2.0], [bad, 4.0]], np.float32)
    return [
        ("c_1", Value(3.0, label="c_1"), bad),
        ("w", Value([1.0, 2.0, 3.0], label="w"), np.array([1.0, bad, 1.0])),
        ("S", Value(np.ones((2, 2), np.float32), label="S"), single),
        ("an unlabelled leaf", Value([1.0]), np.array([bad])),
    ]


def stepped(optimiser: Any) -> list[warnings.WarningMessage]:
    """The warnings of one step, and whether they are of the line of step()."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1
        optimiser.step(0.1)
    assert {(w.filename, w.lineno) for w in caught} <= {(__file__, line)}
    return caught


each_number = pytest.mark.parametrize("bad", [NAN, INF, -INF])
each_parameter = pytest.mark.parametrize("place", range(4), ids=["number", "array", "float32", "unlabelled"])


@every_optimiser
@each_number
@each_parameter
def test_it_is_told_at_the_users_line(make: Any, bad: float, place: int) -> None:
    name, p, gradient = gradients(bad)[place]
    good = Value([1.0, 2.0], label="good")
    p.grad, good.grad = gradient, np.ones(2)
    for parameters in ([p], [good, p], [p, good]):
        caught = stepped(make(parameters))
        assert [w.category for w in caught] == [RuntimeWarning]
        text = str(caught[0].message)
        assert "\n" not in text
        assert re.search(rf"(^|\W){name}(\W|$)", text)
        assert "good" not in text
        assert re.search(r"not finite|NaN|infinit", text)
        p.data = np.ones(p.shape)  # what the step made of it


@every_optimiser
@each_number
@each_parameter
def test_it_is_refused_before_anything_moves(make: Any, bad: float, place: int) -> None:
    name, p, gradient = gradients(bad)[place]
    good = Value([1.0, 2.0], label="good")
    optimiser = make([good, p], error_if_nonfinite=True)
    p.grad, good.grad = np.ones(p.shape), np.ones(2)
    optimiser.step(0.1)
    p.grad = gradient
    state, data = optimiser.state_dict(), [np.copy(good.data), np.copy(p.data)]
    with pytest.raises(FloatingPointError, match=rf"(^|\W){name}(\W|$)") as caught:
        optimiser.step(0.1)
    assert "\n" not in str(caught.value)
    assert np.array_equal(good.data, data[0])
    assert np.array_equal(p.data, data[1])
    after = optimiser.state_dict()
    assert list(after) == list(state)
    assert all(np.array_equal(after[key], state[key]) for key in state)


@every_optimiser
@each_number
@each_parameter
def test_it_is_silenced(make: Any, bad: float, place: int) -> None:
    _, p, gradient = gradients(bad)[place]
    p.grad = gradient
    optimiser = make([p], error_if_nonfinite=False)
    optimiser.step(0.1)  # under pytest's filter, where warnings are errors
    assert not np.all(np.isfinite(p.data))


@every_optimiser
@pytest.mark.parametrize("choice", [None, True, False])
def test_what_is_finite_is_stepped_on_alike(make: Any, choice: bool | None) -> None:
    largest = np.finfo(float).max
    w, plain, tiny = Value([1.0, -2.0], label="w"), Value([1.0, -2.0], label="w"), Value(1.0, label="tiny")
    optimiser = make([w, tiny], error_if_nonfinite=choice, weight_decay=0.0)
    usual = make([plain], weight_decay=0.0)
    for gradient in (np.array([0.5, -1e3]), np.zeros(2), np.array([1e-300, -0.0])):
        w.grad = plain.grad = gradient
        tiny.grad = 0.0
        optimiser.step(0.1)
        usual.step(0.1)
        assert np.array_equal(w.data, plain.data)
    assert tiny.data == 1.0
    huge = Value(0.0, label="huge")
    huge.grad = largest / 1e200
    make([huge], error_if_nonfinite=choice).step(0.1)


@every_optimiser
@pytest.mark.parametrize("choice", [None, True, False])
def test_no_gradient_is_another_matter(make: Any, choice: bool | None) -> None:
    optimiser = make([Value(1.0, label="w")], error_if_nonfinite=choice)
    with pytest.raises(ValueError, match="w has no gradient"):
        optimiser.step(0.1)


@every_optimiser
def test_every_parameter_in_question_is_found(make: Any) -> None:
    a, b = Value(1.0, label="alpha"), Value([1.0, 1.0], label="beta")
    for first, second, name in ((NAN, 1.0, "alpha"), (1.0, INF, "beta")):
        optimiser = make([a, b], error_if_nonfinite=True)
        a.grad, b.grad = first, np.array([1.0, second])
        with pytest.raises(FloatingPointError, match=name):
            optimiser.step(0.1)


@every_optimiser
def test_the_first_nan_of_a_plain_loop_is_told(make: Any) -> None:
    w = Value(1.0, label="w")
    optimiser = make([w], lr=0.3)
    finite = []

    def loop() -> None:
        for _ in range(100):
            optimiser.zero_grad()
            loss = mg.sqrt(w) + w * 3.0  # falls until w is below 0
            loss.backward()
            finite.append(np.isfinite(loss.data))
            optimiser.step()

    with pytest.raises(RuntimeWarning, match=r"\bw\b"):
        loop()
    assert finite == [True] * (len(finite) - 1) + [False]


@every_optimiser
def test_a_loop_that_goes_well_is_quiet(make: Any) -> None:
    w = Value([2.0, -1.0], label="w")
    optimiser = make([w], lr=0.1)
    start = w.square().sum().item()
    for _ in range(30):
        optimiser.zero_grad()
        w.square().sum().backward()
        optimiser.step()
    assert w.square().sum().item() < start


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("engine", ["eager", "numpy"])
def test_fit_says_that_it_diverged_in_its_own_way(name: str, engine: str) -> None:
    model = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0)))
    x, y = np.full((4, 2), 1e200), np.ones((4, 1))
    with pytest.raises(DivergedError):
        fit(model, x, y, loss=nn.mse_loss, optimiser=name, rate=1e300, epochs=3, engine=engine)


def test_the_argument_is_documented() -> None:
    for name, kind in MAKERS.items():
        assert "error_if_nonfinite" in inspect.signature(kind).parameters, name
    assert "error_if_nonfinite" in (inspect.getdoc(Optimiser) or "")


# (n, 1) against (n,)

COLUMN, FLAT = np.array([[1.0], [-1.0], [1.0], [1.0]]), np.array([1.0, 1.0, -1.0, 1.0])
PAIRED = [nn.mse_loss, nn.hinge_loss, nn.binary_cross_entropy_with_logits]


@pytest.mark.parametrize("loss", PAIRED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("target", [np.asarray, Value, list], ids=["array", "Value", "list"])
def test_losses_refuse_a_column_against_a_row(loss: Any, target: Any) -> None:
    ones = np.ones(4)
    for prediction, wanted in ((COLUMN, ones), (FLAT, ones[:, None]), (COLUMN, ones[:3, None]), (FLAT, np.ones(()))):
        with pytest.raises((ValueError, TypeError)) as caught:
            loss(Value(prediction, label="p"), target(wanted) if target is not list else wanted.tolist())
        assert "\n" not in str(caught.value)
        assert str(wanted.shape) in str(caught.value)
        assert str(prediction.shape) in str(caught.value)


def test_cross_entropy_refuses_a_column_of_classes() -> None:
    for wrong in (np.zeros((4, 1)), np.zeros((1, 4)), np.zeros(3), np.zeros((4, 2))):
        with pytest.raises(ValueError, match=r"\(") as caught:
            nn.cross_entropy(Value(np.ones((4, 2))), wrong)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", PAIRED, ids=lambda f: f.__name__)
def test_fit_refuses_a_column_against_a_row(loss: Any) -> None:
    model = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0)))
    with pytest.raises(ValueError, match=r"\(") as caught:
        fit(model, np.ones((4, 2)), np.ones(4), loss=loss, epochs=1)
    assert "\n" not in str(caught.value)


def test_plain_operations_broadcast_as_numpy_does_and_the_conventions_say_so() -> None:
    p = Value(COLUMN, label="p")
    f = (p - FLAT).square().mean()
    assert f.item() == ((COLUMN - FLAT) ** 2).mean()
    f.backward()
    np.testing.assert_allclose(p.grad, 2 * (COLUMN - FLAT).sum(1, keepdims=True) / 16, rtol=1e-15)
    assert "(n,1)" in (primitives.__doc__ or "").replace(" ", "")
