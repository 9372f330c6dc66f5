"""Training: the same path as HIPS autograd's, an honest word at the end, and a way out of what goes wrong."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import microgradcnn.fit as training
from microgradcnn.fit import DivergedError, accuracy, train
from microgradcnn.networks import NETWORKS, Network, conv_average, conv_linear, single_layer, two_conv_linear
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES, SGD
from microgradcnn.training.convergence import default_rate, largest_stable_rate

Array = np.ndarray[Any, Any]
NAMES = pytest.mark.parametrize("name", NETWORKS)
KEYS = ["epoch", "rate", "loss", "gradient_norm", "mean_squared_error", "accuracy"]

XOR = np.array([0.0, 1.0, 1.0, 0.0])
ZERO_ONE = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
PLUS_MINUS = 2.0 * ZERO_ONE - 1.0


def build(name: str, **options: Any) -> Network:
    """A network for rows of nine numbers."""
    return NETWORKS[name](**({"m": 9} if name == "single_layer" else {}), **options)


def side(n: int = 40) -> tuple[Array, Array]:
    """3×3 images whose left (0) or right (1) column is bright: every network can tell them apart."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2.0
    images = rng.normal(0.1, 0.1, size=(n, 3, 3))
    images[y == 0, :, 0] += 0.8
    images[y == 1, :, 2] += 0.8
    return images.reshape(n, 9), y


def bright_side() -> tuple[Array, Array]:
    """The same without a pixel below 0, as images have it."""
    x, y = side()
    return np.abs(x), y


def noise(seed: int, n: int = 10) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 9)), 3.0 * rng.normal(size=n)


def numbers(network: Network) -> Array:
    """All parameters as one vector."""
    return np.concatenate([p.data.ravel() for p in network.parameters.values()])


def move_to(network: Network, vector: Array) -> None:
    for p in network.parameters.values():
        p.data, vector = vector[: p.data.size].reshape(p.shape), vector[p.data.size :]


def gradient(network: Network, x: Array, y: Array) -> Array:
    for p in network.parameters.values():
        p.grad = None
    network.loss(x, y).backward()
    return np.concatenate([p.grad.ravel() for p in network.parameters.values()])


# The same path as HIPS autograd's, whose losses are written here a second time, without Values.


def hips_prediction(name: str, t: dict[str, Any], x: Array) -> Any:
    def σ(a: Any) -> Any:
        return 1.0 / (1.0 + anp.exp(-a))

    if name == "single_layer":
        return anp.dot(σ(anp.dot(x, t["S"].T)), t["w"])
    windows = [x[:, [0, 1, 3, 4]], x[:, [1, 2, 4, 5]], x[:, [3, 4, 6, 7]], x[:, [4, 5, 7, 8]]]
    z = [[σ(anp.dot(window, kernel.reshape(4))) for window in windows] for kernel in t["c"]]
    means = [(z1 + z2 + z3 + z4) / 4 for z1, z2, z3, z4 in z]
    if name == "conv_average":
        return means[0]
    if name == "conv_linear":
        return sum(t["w"][i] * z[0][i] for i in range(4))
    if name == "two_conv_average":
        return (means[0] + means[1]) / 2
    if name == "two_conv_average_linear":
        return t["w"][0] * means[0] + t["w"][1] * means[1]
    return sum(t["w"][i] * z[0][i] + t["w"][4 + i] * z[1][i] for i in range(4))


@pytest.mark.slow
@NAMES
def test_a_hundred_iterations_follow_hips_autograd(name: str) -> None:
    network, (x, y) = build(name, regularise=1e-3, seed=1), side()

    def loss(t: dict[str, Any]) -> Any:
        return anp.mean((hips_prediction(name, t, x) - y) ** 2) + 1e-3 * sum(anp.sum(p**2) for p in t.values())

    t, losses, norms = {label: p.data.copy() for label, p in network.parameters.items()}, [], []
    for epoch in range(101):
        value, slopes = autograd.value_and_grad(loss)(t)
        losses.append(value)
        norms.append(math.sqrt(sum((g**2).sum() for g in slopes.values())))
        if epoch < 100:
            t = {label: p - 0.2 / (1.0 + 10.0 * epoch / 101) * slopes[label] for label, p in t.items()}
    assert min(losses) == losses[-1]  # so that the best parameters are those after a hundred steps

    run = train(network, x, y, rate=0.2, schedule="inverse", epochs=101)

    assert run.status == "epochs"
    np.testing.assert_allclose([row["loss"] for row in run.history], losses, rtol=0, atol=1e-10)
    np.testing.assert_allclose([row["gradient_norm"] for row in run.history], norms, rtol=0, atol=1e-10)
    for label, p in network.parameters.items():
        np.testing.assert_allclose(p.data, t[label], rtol=0, atol=1e-10)


# Reproducibility

PROGRAM = """
import numpy as np
from microgradcnn.networks import two_conv_average_linear
from microgradcnn.fit import train

rng = np.random.default_rng(0)
x, y = rng.uniform(size=(30, 9)), rng.integers(0, 2, size=30)
network = two_conv_average_linear(seed=3)
run = train(network, x, y, epochs=20, batch=7, optimiser="adam", rate=0.01, seed={seed})
result = [p.data.tobytes().hex() for p in network.parameters.values()] + [str(run.history)]
"""


def result_here(seed: int) -> list[str]:
    names: dict[str, Any] = {}
    exec(PROGRAM.format(seed=seed), names)
    return names["result"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_in_this_process_and_another() -> None:
    program = PROGRAM.format(seed=5) + "print(result)"
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert elsewhere.stderr == ""
    assert result_here(5) == result_here(5) == eval(elsewhere.stdout)
    assert result_here(5) != result_here(6)


def test_batches_take_every_row_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    network, (x, _) = conv_average(), side(10)
    y, seen = np.arange(10.0), []
    objective = network.objective
    monkeypatch.setattr(network, "objective", lambda ŷ, rows: seen.append(rows.tolist()) or objective(ŷ, rows))
    train(network, x, y, epochs=2, batch=4, rate=0.1, engine="eager")

    passes = seen[1:]  # the first was for the stable rate
    assert [len(rows) for rows in passes] == [10, 4, 3, 3] * 2
    for epoch in (passes[:4], passes[4:]):
        assert epoch[0] == y.tolist()
        assert sorted(itertools.chain(*epoch[1:])) == y.tolist()
        assert epoch[1] != [0.0, 1.0, 2.0, 3.0]
    assert passes[1:4] != passes[5:]


def test_one_batch_of_all_rows_is_full_batch_gradient_descent() -> None:
    whole, batched, (x, y) = conv_linear(), conv_linear(), side()
    train(whole, x, y, epochs=50, rate=0.2)
    train(batched, x, y, epochs=50, rate=0.2, batch=40)
    np.testing.assert_allclose(numbers(whole), numbers(batched), rtol=1e-10)


# Convergence


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@NAMES
def test_an_easy_problem_converges_with_every_optimiser(name: str, optimiser: str) -> None:
    network, (x, y) = build(name, regularise=1e-3, seed=1), side()
    falling = (
        {"schedule": "cosine", "epochs": 2000} if optimiser == "rmsprop" else {}
    )  # its steps are as large as rates
    run = train(network, x, y, optimiser=optimiser, **falling)
    last = run.history[-1]
    assert run.converged
    assert run.message.startswith(f"converged at epoch {last['epoch']}: the gradient is ")
    assert last["accuracy"] == accuracy(network, x, y) == 1.0
    assert np.linalg.norm(gradient(network, x, y)) == pytest.approx(last["gradient_norm"], rel=1e-12)

    start, variance = run.history[0]["gradient_norm"], float(np.var(y))
    small = [row["gradient_norm"] <= 1e-3 * start and row["mean_squared_error"] < 0.9 * variance for row in run.history]
    assert small == [False] * (len(small) - 1) + [True]


def test_a_tiny_rate_changes_little_and_is_not_convergence() -> None:
    network, (x, y) = conv_linear(), side()
    run = train(network, x, y, rate=1e-9, schedule="constant", epochs=200)
    losses = [row["loss"] for row in run.history]
    assert max(abs(a - b) for a, b in itertools.pairwise(losses)) < 1e-8 * losses[0]
    assert (run.status, run.converged) == ("epochs", False)
    assert run.message.startswith("not converged after 200 epochs: the gradient is 1 of its start")


def test_a_small_gradient_at_the_variance_of_y_is_not_convergence() -> None:
    run = train(single_layer(k=3), PLUS_MINUS, XOR, schedule="constant", epochs=500)
    last = run.history[-1]
    assert last["gradient_norm"] < 1e-6 * run.history[0]["gradient_norm"]
    assert not run.converged
    assert "the mean squared error 0.25 is hardly better than that of always guessing (0.25)" in run.message


def test_the_history_has_a_row_for_every_epoch() -> None:
    network, (x, y) = conv_linear(regularise=0.01), side()
    before, start = accuracy(network, x, y), network.loss(x, y).item()
    error = float(np.mean((network.predict(x).data - y) ** 2))
    norm = float(np.linalg.norm(gradient(network, x, y)))
    run = train(network, x, y, rate=0.3, schedule="step", epochs=10)

    assert all(list(row) == KEYS for row in run.history)
    assert [row["epoch"] for row in run.history] == list(range(10))
    assert [row["rate"] for row in run.history] == [0.3 * SCHEDULES["step"](t, 10) for t in range(10)]
    assert run.history[0] == pytest.approx(
        dict(zip(KEYS, [0, 0.3, start, norm, error, before], strict=True)), rel=1e-12
    )
    assert start > error


def test_the_best_parameters_are_kept_when_the_epochs_run_out() -> None:
    network, (x, y) = conv_linear(seed=1), side()
    run = train(network, x, y, rate=8.0 * largest_stable_rate(network, x, y), schedule="constant", epochs=30)
    losses = [row["loss"] for row in run.history]
    assert min(losses) < losses[-1]
    assert network.loss(x, y).item() == pytest.approx(min(losses), rel=1e-12)


def test_accuracy_reads_one_half_as_class_1() -> None:
    black = np.zeros((2, 9))
    assert conv_average().predict(black).data.tolist() == [0.5, 0.5]
    assert accuracy(conv_average(), black, np.array([1.0, 0.0])) == 0.5
    assert accuracy(conv_average(), black, [1, 1]) == 1.0
    assert math.isnan(accuracy(conv_average(), black, np.array([1.0, 2.0])))


# Starts from which no training can come


def test_a_dead_relu_start_is_named_and_nothing_is_trained() -> None:
    network, (x, y) = two_conv_linear(activation="relu", regularise=1e-3), bright_side()
    network.parameters["c"].data = -np.abs(network.parameters["c"].data)
    before = numbers(network)
    run = train(network, x, y)
    assert (run.status, run.converged, run.history) == ("dead", False, [])
    assert run.message.startswith("a dead start: every relu is 0 for every row")
    assert numbers(network).tolist() == before.tolist()


def test_a_start_with_one_living_unit_is_trained() -> None:
    network, (x, y) = two_conv_linear(activation="relu"), bright_side()
    c = -np.abs(network.parameters["c"].data)
    network.parameters["c"].data = c * np.array([1.0, -1.0]).reshape(2, 1, 1, 1)
    assert train(network, x, y, epochs=5).status == "epochs"


@pytest.mark.parametrize("units", [(0, 2), (1, 2)])
def test_a_symmetric_start_is_named_and_stays(units: tuple[int, int]) -> None:
    network, (x, y) = build("single_layer"), side()
    S, w = network.parameters["S"].data.copy(), network.parameters["w"].data.copy()
    S[units[1]], w[units[1]] = S[units[0]], w[units[0]]
    network.parameters["S"].data, network.parameters["w"].data = S, w
    run = train(network, x, y, epochs=200)

    trained = network.parameters["S"].data
    assert f"hidden units {units[0] + 1} and {units[1] + 1} started equal and stay equal for ever" in run.message
    np.testing.assert_allclose(trained[units[0]], trained[units[1]], rtol=1e-9)
    assert np.abs(trained - S).max() > 0.1


def test_equal_filters_are_a_symmetric_start_only_if_their_weights_are_equal_too() -> None:
    x, y = side()
    for w, named in (([0.5, 0.5], True), ([0.5, -0.5], False)):
        network = build("two_conv_average_linear")
        network.parameters["c"].data = np.repeat(network.parameters["c"].data[:1], 2, axis=0)
        network.parameters["w"].data = np.array(w)
        assert ("hidden units 1 and 2 started equal" in train(network, x, y, epochs=3).message) is named


# The largest stable rate


def dense_hessian(network: Network, x: Array, y: Array, h: float = 1e-4) -> Array:
    """Central differences of the gradient, column by column."""
    start, columns = numbers(network), []
    for step in h * np.eye(start.size):
        move_to(network, start + step)
        above = gradient(network, x, y)
        move_to(network, start - step)
        columns.append((above - gradient(network, x, y)) / (2.0 * h))
    move_to(network, start)
    return (np.array(columns) + np.array(columns).T) / 2.0


def extremes(network: Network, x: Array, y: Array) -> tuple[float, float]:
    eigenvalues = np.linalg.eigvalsh(dense_hessian(network, x, y))
    return float(eigenvalues[0]), float(eigenvalues[-1])


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@NAMES
def test_the_largest_stable_rate_is_two_over_the_largest_curvature(name: str, activation: str) -> None:
    network, (x, y) = build(name, activation=activation, regularise=0.01, seed=3), noise(3)
    assert largest_stable_rate(network, x, y) == pytest.approx(2.0 / extremes(network, x, y)[1], rel=1e-5)


@pytest.mark.parametrize(("name", "seed"), [("conv_average", 23), ("conv_average", 15), ("two_conv_average", 14)])
def test_a_strong_negative_curvature_does_not_pass_for_the_largest(name: str, seed: int) -> None:
    network, (x, y) = build(name, seed=seed), noise(seed)
    least, largest = extremes(network, x, y)
    assert -least > 0.99 * largest > 0  # much stronger, or nearly the same, where power iteration crawls
    assert largest_stable_rate(network, x, y) == pytest.approx(2.0 / largest, rel=1e-4)


def test_without_positive_curvature_every_rate_is_stable() -> None:
    network = conv_average(image=(2, 2))  # ŷ = σ(c·p), at 0.9 against 0: concave in c_1
    network.parameters["c"].data = np.array([math.log(9.0), 0.0, 0.0, 0.0]).reshape(1, 1, 2, 2)
    x, y = np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([0.0])
    assert extremes(network, x, y)[0] < -0.1
    assert largest_stable_rate(network, x, y) == math.inf
    assert train(network, x, y, epochs=1).rate == default_rate(math.inf) == 100.0


@pytest.mark.parametrize(("share", "stable"), [(0.99, True), (1.01, False)])
def test_gradient_descent_on_the_quadratic_is_stable_just_below_the_rate_only(share: float, stable: bool) -> None:
    network, (x, y) = build("two_conv_average", activation="relu", regularise=0.01), noise(0)
    H = dense_hessian(network, x, y)
    assert np.linalg.eigvalsh(H)[0] > 0
    rate, θ = share * largest_stable_rate(network, x, y), np.ones(len(H))
    for _ in range(2000):
        θ = θ - rate * (H @ θ)
    assert np.linalg.norm(θ) < 1e-6 if stable else np.linalg.norm(θ) > 1e6


@pytest.mark.parametrize(
    ("optimiser", "stable", "rate"),
    [
        *(("gradient_descent", 0.3, 0.15), ("momentum", 0.3, 0.15), ("adam", 0.02, 0.01), ("adam", 30.0, 0.1)),
        *(("nesterov", 0.3, 0.15), ("adamw", 30.0, 0.1), ("rmsprop", 30.0, 0.01), ("adagrad", 30.0, 1.0)),
    ],
)
def test_the_default_rate_comes_from_the_stable_one(
    monkeypatch: pytest.MonkeyPatch, optimiser: str, stable: float, rate: float
) -> None:
    monkeypatch.setattr(training, "largest_stable_rate", lambda *_: stable)
    run = train(conv_average(), *side(), epochs=1, optimiser=optimiser)
    assert (run.stable_rate, run.rate) == (stable, rate)


# Divergence and Ctrl-C


def path_until_overflow(network: Network, x: Array, y: Array, rate: float) -> tuple[int, Array]:
    """Gradient descent by hand: the epoch whose loss or gradient is not finite, and the best parameters before it."""
    best, lowest = numbers(network), math.inf
    with np.errstate(all="ignore"):
        for epoch in range(1000):
            loss, g = network.loss(x, y).item(), gradient(network, x, y)
            if not (math.isfinite(loss) and math.isfinite((g**2).sum())):
                return epoch, best
            if loss < lowest:
                best, lowest = numbers(network), loss
            move_to(network, numbers(network) - rate * g)
    raise AssertionError


@pytest.mark.parametrize(
    ("name", "activation", "rate"),
    [
        ("single_layer", "sigmoid", 1000.0),
        ("single_layer", "relu", 1e300),
        ("conv_average", "relu", 1e300),
        ("conv_linear", "sigmoid", 50.0),
        ("two_conv_average_linear", "relu", 1e300),
        ("two_conv_linear", "sigmoid", 50.0),
    ],
)
def test_divergence_names_the_epoch_and_the_value_and_suggests_a_rate(name: str, activation: str, rate: float) -> None:
    network, twin, (x, y) = *(build(name, activation=activation, seed=1) for _ in range(2)), side()
    epoch, best = path_until_overflow(twin, x, y, rate)
    suggested = 0.5 * largest_stable_rate(network, x, y)
    with pytest.raises(DivergedError) as diverged:
        train(network, x, y, rate=rate, schedule="constant", engine="eager")

    message = str(diverged.value)
    assert message.startswith(f"training diverged at epoch {epoch}: ")
    assert " came out of " in message or "the norm of the gradient overflowed" in message
    assert message.endswith(f"; the rate {rate:.3g} is too large, try {suggested:.2g}")
    assert "\n" not in message
    assert numbers(network).tolist() == best.tolist()
    train(network, x, y, rate=float(f"{suggested:.2g}"), epochs=200)


def test_a_rate_that_should_be_stable_is_divided_by_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "largest_stable_rate", lambda *_: math.inf)
    with pytest.raises(DivergedError, match=r"the rate 50 is too large, try 5$"):
        train(conv_linear(), *side(), rate=50.0)


def test_the_rate_named_is_the_one_that_was_asked_for() -> None:
    with pytest.raises(DivergedError, match=r"the rate 50 is too large, try 0\.\d+$"):
        train(conv_linear(), *side(), rate=50.0, schedule="exponential", epochs=300)


def test_divergence_between_batches_is_an_error_too() -> None:
    with pytest.raises(DivergedError, match=r"^training diverged at epoch \d+: .* came out of "):
        train(conv_linear(), *side(), rate=1e9, batch=1)


def test_inputs_that_overflow_at_the_start_are_not_blamed_on_the_rate() -> None:
    network, (x, y) = conv_linear(activation="relu"), side()
    before = numbers(network)
    with pytest.raises(
        DivergedError, match=r"^training cannot start, at epoch 0: an infinity came out of square: .*; "
    ):
        train(network, 1e200 * x, y)
    assert numbers(network).tolist() == before.tolist()


def raise_at(epoch: int) -> Any:
    def schedule(t: int, T: int) -> float:
        if t == epoch:
            raise KeyboardInterrupt
        return 1.0

    return schedule


def test_ctrl_c_keeps_the_best_parameters_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "constant", raise_at(25))
    network, (x, y) = conv_linear(seed=1), side()
    run = train(network, x, y, rate=8.0 * largest_stable_rate(network, x, y), schedule="constant")
    losses = [row["loss"] for row in run.history]
    assert (run.status, len(losses)) == ("interrupted", 25)
    assert run.message.startswith("interrupted at epoch 24: the best parameters so far are kept")
    assert min(losses) < losses[-1]
    assert network.loss(x, y).item() == pytest.approx(min(losses), rel=1e-12)


def test_ctrl_c_in_the_middle_of_a_step_leaves_no_half_moved_network(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = itertools.count()

    def direction(self: SGD, i: int, gradient: Array) -> Array:
        if next(calls) == 3:  # in the fourth step
            raise KeyboardInterrupt
        return gradient

    monkeypatch.setattr(SGD, "direction", direction)
    network, (x, y) = conv_linear(), side()
    run = train(network, x, y, rate=0.1)
    assert (run.status, len(run.history)) == ("interrupted", 4)
    assert network.loss(x, y).item() == pytest.approx(min(row["loss"] for row in run.history), rel=1e-12)


def test_ctrl_c_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "constant", raise_at(0))
    network = conv_linear()
    before = numbers(network)
    run = train(network, *side(), schedule="constant")
    assert (run.status, run.history) == ("interrupted", [])
    assert run.message == "interrupted before the first step: the parameters are as they were"
    assert numbers(network).tolist() == before.tolist()


# What networks without biases can and cannot learn


def test_xor_in_0_and_1_is_learnt_with_two_hidden_units() -> None:
    network = single_layer(k=2, seed=5)
    run = train(network, ZERO_ONE, XOR, optimiser="adam", schedule="constant", epochs=2000)
    assert run.converged
    assert accuracy(network, ZERO_ONE, XOR) == 1.0
    assert run.history[-1]["mean_squared_error"] < 0.01


@pytest.mark.parametrize("seed", range(5))
def test_xor_in_plus_and_minus_1_cannot_be_learnt(seed: int) -> None:
    network = single_layer(k=3, seed=seed)
    opposite = network.predict(PLUS_MINUS).data + network.predict(-PLUS_MINUS).data
    np.testing.assert_allclose(opposite, network.parameters["w"].data.sum(), rtol=1e-12)  # ŷ(x) + ŷ(−x) = Σw

    run = train(network, PLUS_MINUS, XOR, optimiser="adam", epochs=300)
    assert min(row["mean_squared_error"] for row in run.history) >= 0.25 - 1e-12
    assert not run.converged


@pytest.mark.parametrize("name", ["conv_average", "two_conv_average"])
def test_an_averaging_network_answers_one_half_to_a_black_image(name: str) -> None:
    for seed in range(5):
        assert NETWORKS[name](seed=seed).predict(np.zeros((1, 9))).item() == 0.5


# Arguments

X9, Y4 = np.zeros((4, 9)), np.zeros(4)
NAN = X9 + np.where(np.arange(36).reshape(4, 9) == 30, np.nan, 0.0)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros(9), Y4, {}, "x must be (n, inputs) and y (n,) with n ≥ 1, not (9,) and (4,)"),
        (X9, np.zeros((4, 1)), {}, "x must be (n, inputs) and y (n,) with n ≥ 1, not (4, 9) and (4, 1)"),
        (X9, np.zeros(3), {}, "x must be (n, inputs) and y (n,) with n ≥ 1, not (4, 9) and (3,)"),
        (np.zeros((0, 9)), np.zeros(0), {}, "x must be (n, inputs) and y (n,) with n ≥ 1, not (0, 9) and (0,)"),
        (np.zeros((4, 8)), Y4, {}, "conv_average takes rows of 9 numbers, (n, 9), not (4, 8)"),
        (NAN, Y4, {}, "x[3, 3] is nan: training needs finite numbers"),
        (X9, np.array([0.0, 1.0, np.inf, 0.0]), {}, "y[2] is inf: training needs finite numbers"),
        (X9, Y4, {"epochs": 0}, "epochs must be at least 1, not 0"),
        (X9, Y4, {"batch": 0}, "batch must be at least 1, not 0"),
        (X9, Y4, {"rate": 0.0}, "the learning rate must be a positive number, not 0.0"),
        (X9, Y4, {"rate": -0.1}, "the learning rate must be a positive number, not -0.1"),
        (X9, Y4, {"rate": math.nan}, "the learning rate must be a positive number, not nan"),
        (X9, Y4, {"schedule": "linear"}, "'linear' is none of constant, step, inverse, exponential, cosine"),
        (
            X9,
            Y4,
            {"optimiser": "sgd"},
            "'sgd' is none of gradient_descent, momentum, nesterov, adam, adamw, rmsprop, adagrad",
        ),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(x: Array, y: Array, options: dict[str, Any], message: str) -> None:
    network = conv_average()
    before = numbers(network)
    with pytest.raises(ValueError) as refused:  # noqa: PT011, the whole sentence is compared
        train(network, x, y, **options)
    assert str(refused.value) == message
    assert numbers(network).tolist() == before.tolist()


def test_accuracy_refuses_a_column() -> None:
    with pytest.raises(ValueError, match=r"^y must have one number for each of the 4 rows, not shape \(4, 1\)$"):
        accuracy(conv_average(), X9, np.zeros((4, 1)))


def test_a_relu_network_that_a_step_killed_is_stopped_and_named():
    x, y = np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 1.0]]), np.array([0.0, 1.0, 0.0])
    network = NETWORKS["single_layer"](m=2, k=1, activation="relu")
    network.parameters["S"].data, network.parameters["w"].data = np.array([[0.5, 0.5]]), np.array([2.0])
    run = train(network, x, y, rate=10.0, schedule="constant", epochs=100)
    assert run.status == "dead"
    assert "the gradient is exactly 0" in run.message
    assert run.history[-1]["gradient_norm"] == 0.0
    assert len(run.history) < 100
