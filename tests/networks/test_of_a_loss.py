"""Losses that somebody has written become networks: what is what in them, over rows, in sizes, trained and saved."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn.data import Dataset
from microgradcnn.data.dataset import DataError
from microgradcnn.engine.value import Value
from microgradcnn.experiment import experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError
from microgradcnn.fit import accuracy, train
from microgradcnn.lesson.cost import network_cost
from microgradcnn.networks import NETWORKS, dot, network_of_loss
from microgradcnn.networks.roles import in_scalars, replayed, roles_of

RNG = np.random.default_rng(7)


def leaf(label: str, data: Any = 0.5) -> Value:
    return Value(data, label=label)


def leaves(letter: str, count: int, numbers: Any = 0.5) -> list[Value]:
    return [leaf(f"{letter}_{i}", v) for i, v in enumerate(np.resize(numbers, count).tolist(), start=1)]


def softmax(m: int = 2, k: int = 3, seed: int = 0) -> Value:
    """A linear classifier of k classes with biases, without a name for what it predicts."""
    rng = np.random.default_rng(seed)
    x, y = leaves("x", m), leaves("y", k, np.eye(k)[0])
    a = [dot(leaves(f"w_{j}", m, rng.normal(size=m)), x) + leaf(f"b_{j}", 0.1 * j) for j in range(1, k + 1)]
    total = mg.exp(a[0])
    for each in a[1:]:
        total = total + mg.exp(each)
    return mg.log(total) - dot(y, a)


def neuron() -> Value:
    z = (leaf("w", 0.5) * leaf("x", 2.0) + leaf("b", -0.3)).sigmoid()
    return (z - leaf("y", 1.0)) ** 2


def line(m: int = 2, n: int = 5) -> Value:
    """Least squares over a batch, in arrays."""
    rng = np.random.default_rng(1)
    x, y = leaf("x", rng.normal(size=(n, m))), leaf("y", rng.normal(size=n))
    return ((x @ leaf("w", np.zeros(m)) + leaf("b", 0.0) - y) ** 2).mean()


def hidden(m: int = 2, k: int = 3) -> Value:
    """The lecture's first network, of one example, in arrays."""
    network = NETWORKS["single_layer"](m=m, k=k, seed=3)
    S, w = (leaf(name, p.data) for name, p in network.parameters.items())
    return (w @ mg.sigmoid(S @ leaf("x", np.linspace(-1.0, 1.0, m))) - leaf("y", 1.0)).square()


def one_hot(m: int = 2, k: int = 3) -> Value:
    x, y = leaf("x", RNG.normal(size=(6, m))), leaf("y", np.eye(k)[np.arange(6) % k])
    logits = x @ leaf("W", RNG.normal(size=(m, k))) + leaf("b", np.zeros(k))
    return -(y * mg.log_softmax(logits, axis=1)).sum(axis=1).mean()


def test_a_softmax_over_rows_has_the_loss_and_gradients_of_the_closed_form() -> None:
    network = network_of_loss(softmax, "softmax")(m=4, k=3)
    x, y = RNG.normal(size=(9, 4)), np.arange(9) % 3
    W = np.array([[network.parameters[f"w_{j}_{i}"].item() for i in range(1, 5)] for j in range(1, 4)])
    b = np.array([network.parameters[f"b_{j}"].item() for j in range(1, 4)])
    a = x @ W.T + b
    p = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    loss = network.loss(x, y)
    assert loss.item() == pytest.approx(-np.log(p[np.arange(9), y]).mean(), rel=1e-13)
    assert np.allclose(network.predict(x).data, a, rtol=1e-13)
    loss.backward()
    slopes = (p - np.eye(3)[y]).T @ x / 9
    found = [[network.parameters[f"w_{j}_{i}"].grad for i in range(1, 5)] for j in range(1, 4)]
    assert np.allclose(found, slopes, rtol=1e-12)
    assert np.allclose([network.parameters[f"b_{j}"].grad for j in range(1, 4)], (p - np.eye(3)[y]).mean(axis=0))
    assert accuracy(network, x, y) == np.mean(a.argmax(axis=1) == y)


def test_a_loss_in_arrays_is_the_network_that_it_is_written_after() -> None:
    """Opened into scalars, its loss, predictions and cost are those of the lecture's network, whose code is another."""
    own, lecture = network_of_loss(hidden, "hidden"), NETWORKS["single_layer"]
    network, same = own(m=3, k=2), lecture(m=3, k=2, seed=3)
    x, y = RNG.normal(size=(5, 3)), RNG.normal(size=5)
    assert network.loss(x, y).item() == pytest.approx(same.loss(x, y).item(), rel=1e-13)
    assert np.allclose(network.predict(x).data, same.predict(x).data, rtol=1e-13)
    assert not network.scalar
    with pytest.raises(ValueError, match=r"^hidden is computed over arrays: it has no example in scalars$"):
        network.example(x[0], 1.0)


@pytest.mark.slow
def test_the_cost_of_a_function_is_that_of_the_network_that_it_is_written_after() -> None:
    own, lecture = network_cost(network_of_loss(hidden, "hidden")), network_cost("single_layer")
    assert str(own.found.total.operations) == str(lecture.found.total.operations)
    assert own.found.total.functions == lecture.found.total.functions
    assert own.found["S"].operations == lecture.found["hidden layer"].operations


def test_a_batch_of_rows_is_trained_to_the_least_squares_solution() -> None:
    network = network_of_loss(line, "line")(m=3)
    x, y = RNG.normal(size=(40, 3)), RNG.normal(size=40)
    run = train(network, x, y, rate=0.2, schedule="constant", epochs=2000)
    right = np.linalg.lstsq(np.column_stack([x, np.ones(40)]), y, rcond=None)[0]
    assert run.converged
    assert np.allclose([*network.parameters["w"].data, network.parameters["b"].item()], right, atol=1e-3)
    assert np.allclose(network.predict(x).data, x @ network.parameters["w"].data + network.parameters["b"].item())


def test_one_hot_targets_of_a_batch_are_its_classes() -> None:
    network = network_of_loss(one_hot, "one_hot")(k=4)
    x, y = RNG.normal(size=(7, 2)), np.array([0, 3, 1, 2, 2, 0, 1])
    a = x @ network.parameters["W"].data
    assert network.loss(x, y).item() == pytest.approx(
        np.mean(np.log(np.exp(a).sum(axis=1)) - a[np.arange(7), y]), rel=1e-12
    )
    assert (network.outputs, network.inputs) == (4, 2)
    assert accuracy(network, x, y) == np.mean(a.argmax(axis=1) == y)


@pytest.mark.parametrize("make", [softmax, neuron, line, hidden, one_hot], ids=lambda make: make.__name__)
def test_every_engine_takes_the_same_steps(make: Callable[..., Value]) -> None:
    kind = network_of_loss(make, make.__name__)
    x, y = kind().drawn_rows(12, np.random.default_rng(0))
    ends = []
    for engine in ("eager", "numpy"):
        network = kind()
        ends.append(train(network, x, y, rate=0.1, epochs=5, engine=engine).history[-1]["loss"])
    assert ends[0] == pytest.approx(ends[1], rel=1e-12)
    assert ends[0] < kind().loss(x, y).item()


def test_the_example_is_the_graph_as_it_was_written() -> None:
    network = network_of_loss(neuron, "neuron")()
    by_hand = network.hand_example()
    assert [v.label for v in (*by_hand.inputs, *by_hand.targets)] == ["x", "y"]
    assert list(by_hand.parameters) == ["w", "b"]
    assert by_hand.loss.item() == neuron().item() == network.hand_graph().item()
    example = network.example([1.5], 0.0)
    assert example.loss.item() == pytest.approx((1.0 / (1.0 + np.exp(-0.45))) ** 2, rel=1e-14)
    assert network.loss([[1.5]], [0.0]).item() == pytest.approx(example.loss.item(), rel=1e-14)
    assert network.parameters["w"] not in example.parameters.values()


def bce() -> Value:
    p, y = (leaf("w") * leaf("x") + leaf("b")).sigmoid(), leaf("y", 1.0)
    p.label = "p"
    return -(y * mg.log(p) + (1.0 - y) * mg.log(1.0 - p))


def decayed() -> Value:
    w = leaf("w")
    z = mg.tanh(w * leaf("x"))
    z.label = "z"
    return (z - leaf("y")) ** 2 + leaf("lambda", 0.1) * w**2


def called() -> Value:
    z = leaf("w") * leaf("x")
    z.label = "y_hat"
    return (mg.sigmoid(z) - leaf("y")) ** 2


def absolute() -> Value:
    a = leaf("w") * leaf("x")
    a.label = "a"
    return mg.abs(leaf("y") - a)


@pytest.mark.parametrize(
    ("make", "label"), [(bce, "p"), (decayed, "z"), (called, "y_hat"), (absolute, "a")], ids=lambda each: str(each)[:14]
)
def test_what_is_predicted_is_the_last_node_that_no_target_goes_into(make: Callable[[], Value], label: str) -> None:
    loss = make()
    roles = roles_of(loss, "loss")
    assert [node.label for node in roles.outputs] == [label]
    (prediction,) = replayed(roles.outputs, {roles.inputs[0]: Value(np.array([1.0, 2.0]))})
    assert prediction.shape == (2,)


def score() -> Value:
    return dot(leaves("w", 2, [1.0, -2.0]), leaves("x", 2)) + leaf("b", 0.25)


def of_logits(n: int = 4) -> Value:
    x, y = leaf("x", RNG.normal(size=(n, 2))), leaf("y", (np.arange(n) % 2).astype(float))
    return mg.nn.binary_cross_entropy_with_logits(x @ leaf("w", np.array([1.0, -2.0])) + leaf("b", 0.25), y)


def away_from_what_is_called_y_hat() -> Value:
    s = leaf("w", 0.0) * leaf("x", 1.0)
    named = s.sigmoid()
    named.label = "y_hat"
    return mg.softplus(s) - leaf("y", 1.0) * s + 0.0 * named


MEANT = [  # losses, and the prediction from which on they mean class 1
    (lambda: mg.softplus(s := score()) - leaf("y", 1.0) * s, 0.0),
    (lambda: mg.relu(1.0 - (2.0 * leaf("y", 1.0) - 1.0) * score()), 0.0),
    (lambda: (mg.tanh(score()) - (2.0 * leaf("y", 1.0) - 1.0)) ** 2, 0.0),
    (of_logits, 0.0),
    (lambda: (score() - leaf("y", 1.0)) ** 2, 0.5),
    (neuron, 0.5),
    (away_from_what_is_called_y_hat, 0.5),
]


@pytest.mark.parametrize(("make", "threshold"), MEANT)
def test_a_prediction_is_of_the_class_that_the_loss_means(make: Callable[..., Value], threshold: float) -> None:
    network = network_of_loss(make, "own")()
    x = RNG.normal(size=(50, network.inputs))
    found = np.asarray(network.predict(x).data)
    assert network.threshold == threshold
    assert accuracy(network, x, (found >= threshold).astype(float)) == 1.0
    run = train(network, x, (found >= threshold).astype(float), epochs=1, rate=1e-9, schedule="constant")
    assert run.history[0]["accuracy"] == 1.0


def counts() -> Value:
    s = score()
    return mg.exp(s) - leaf("y", 3.0) * s


NUMBERS = [
    (counts, False),
    (lambda: (score() - leaf("y", 1.0)) ** 2, True),
    (lambda: mg.abs(leaf("y", 1.0) - score()) + 0.01 * leaf("w_3", 2.0) ** 2, True),
    (line, True),
    (lambda: (mg.log(leaf("y", 2.0)) - score()) ** 2, False),
]


@pytest.mark.parametrize(("make", "scaled"), NUMBERS)
def test_targets_of_numbers_are_scaled_where_the_loss_is_one_of_differences(
    make: Callable[..., Value], scaled: bool
) -> None:
    x = RNG.normal(size=(40, 2))
    data = Dataset(x, np.exp(0.3 * x[:, 0]) + 2.0, ("u", "v"), "t", None, "numbers")
    done = experiment(network_of_loss(make, "own"), data, target_kind="number", training={"epochs": 2})
    target = done.trained.target
    assert target is not None
    assert (target.scale.item() != 1.0) is scaled
    assert (target.shift.item() != 0.0) is scaled


def deep(k: int = 2) -> Value:
    """Two layers of k units each, whose derivatives by themselves cost more than a square of k."""
    h: list[Value] = [leaf("x", 0.5)]
    for letter in "uv":
        h = [mg.tanh(dot(leaves(f"{letter}_{j}", len(h), 0.1 * j), h)) for j in range(1, k + 1)]
    return (dot(leaves("w", k), h) - leaf("y", 1.0)) ** 2


def test_rows_are_counted_for_any_number_also_where_all_sizes_have_numbers() -> None:
    assert network_cost(network_of_loss(of_logits, "of_logits")).sizes == {}  # n is no size that the file decides


@pytest.mark.slow
def test_the_cost_of_layers_of_one_size_is_counted_at_as_many_sizes_as_it_takes() -> None:
    cost = network_cost(network_of_loss(deep, "deep")).found
    assert "k⁴" in str(cost.separately.operations)
    assert cost.total.at(k=2).operations(n=5) == cost.total.operations(n=5, k=2)


def test_what_a_cross_entropy_takes_the_logarithm_of_is_predicted() -> None:
    x = leaf("x")
    o = [leaf("w_1") * x, leaf("w_2") * x]
    e = [node.exp() for node in o]
    q = [each / (e[0] + e[1]) for each in e]
    q[0].label, q[1].label = "q_1", "q_2"
    loss = -(leaf("y_1", 1.0) * mg.log(q[0]) + leaf("y_2", 0.0) * mg.log(q[1]))
    assert [node.label for node in roles_of(loss, "loss").outputs] == ["q_1", "q_2"]


def test_a_leaf_called_lambda_is_a_constant_and_without_parameters_all_are() -> None:
    roles = roles_of(decayed(), "loss")
    assert (list(roles.parameters), [v.label for v in roles.inputs], [v.label for v in roles.targets]) == (
        ["w"],
        ["x"],
        ["y"],
    )
    bare = roles_of(leaf("x") * leaf("y"), "loss")
    assert (list(bare.parameters), bare.inputs, bare.targets) == (["x", "y"], [], [])


def test_arrays_inside_a_loss_of_numbers_are_opened() -> None:
    x, w = leaves("x", 3, [1.0, -2.0, 0.5]), leaves("w", 3, [0.3, 0.2, -0.7])
    loss = (mg.stack([a * b for a, b in zip(x, w, strict=True)]).sum() - leaf("y", 1.0)) ** 2
    opened = in_scalars(roles_of(loss, "loss"))
    assert opened.is_scalar
    assert opened.loss.item() == pytest.approx(loss.item(), rel=1e-14)
    network = network_of_loss(loss, "stacked")()
    rows = RNG.normal(size=(4, 3))
    assert np.allclose(network.predict(rows).data, rows @ [0.3, 0.2, -0.7])


@pytest.mark.usefixtures("own_primitives")
def test_a_primitive_of_ones_own_is_taken_over_columns() -> None:
    """Without a notation: nothing but its forward function says what it is."""
    swish = mg.primitive("swish", lambda x: x / (1.0 + np.exp(-x)), [lambda g, y, x: g * mg.sigmoid(x)])
    network = network_of_loss((swish(leaf("w", 0.7) * leaf("x")) - leaf("y")) ** 2, "own")()
    x = RNG.normal(size=(5, 1))
    assert np.allclose(network.predict(x).data, 0.7 * x[:, 0] / (1.0 + np.exp(-0.7 * x[:, 0])), rtol=1e-13)


REFUSED = [
    (lambda: Value(2.0) * leaf("x"), "net has a leaf without a label: write Value(2.0, label='w')"),
    (lambda: leaf("w") * leaf("w"), "net has 2 leaves labelled w: give each a label of its own"),
    (lambda: leaf("w", [1.0, 2.0]) * 2.0, "net has shape (2,): a loss is one number, such as its mean()"),
]


@pytest.mark.parametrize(("make", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_is_no_loss_is_refused_in_a_sentence(make: Callable[[], Value], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        network_of_loss(make, "net")


def test_a_loss_that_does_not_say_what_it_predicts_is_told_so_where_that_matters() -> None:
    x, y = leaves("x", 1), leaves("y", 2, [1.0, 0.0])
    network = network_of_loss((leaf("w") * x[0] - y[0] - y[1]) ** 2, "net")()
    assert network.loss([[1.0]], [0]).item() == pytest.approx(0.25)
    with pytest.raises(ValueError, match="does not say what it predicts: label y_hat_1 to y_hat_2 what is compared"):
        network.predict([[1.0]])


# Data


def rows(columns: int, classes: int = 0, n: int = 30) -> Dataset:
    """Rows whose class, or number, can be told from them."""
    x = np.random.default_rng(3).normal(size=(n, columns))
    y = np.arange(n) % classes if classes else x.sum(axis=1)
    names = tuple("abcdef"[:classes]) if classes else None
    return Dataset(x + 3.0 * (y[:, None] if classes else 0.0), y.astype(float), tuple("uvwxyz"[:columns]), "t", None,
                   "rows", names)  # fmt: skip


def test_the_sizes_are_those_that_the_data_decide() -> None:
    kind = network_of_loss(softmax, "softmax")
    assert kind.arguments() == ["m", "k"]
    assert kind().options() == {"m": 2, "k": 3}
    assert kind.sizes_for(rows(4, 5)) == {"m": 4, "k": 5}
    assert network_of_loss(line, "line").sizes_for(rows(3)) == {"m": 3}
    assert list(kind.cost_sizes()) == ["n", "m", "k"]
    assert (kind.takes_outputs(), network_of_loss(neuron, "neuron").takes_outputs()) == (True, False)
    with pytest.raises(TypeError, match=r"^softmax has no size j: it has m, k$"):
        kind(j=3)


MISFITS = [
    (neuron, rows(2, 2), "neuron takes rows of 1 number, and rows has 2"),
    (neuron, rows(1, 3), "neuron has one output, and rows has 3 classes"),
    (softmax, rows(2), "softmax has an output for each of 3 classes, and rows has numbers"),
    (lambda: leaf("w") * leaf("x"), rows(1), "net has no target: call what is to be learnt y, or y_1, y_2, ..."),
]


@pytest.mark.parametrize(("make", "data", "says"), MISFITS, ids=[case[2] for case in MISFITS])
def test_data_that_do_not_fit_are_told_in_a_sentence(make: Callable[..., Value], data: Dataset, says: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(says)}"):
        network_of_loss(make, getattr(make, "__name__", "").replace("<lambda>", "net")).sizes_for(data)


@pytest.mark.parametrize(("make", "classes"), [(softmax, 3), (line, 0), (one_hot, 3)], ids=["softmax", "line", "batch"])
def test_a_loss_is_trained_on_data_saved_and_loaded(make: Callable[..., Value], classes: int, tmp_path: Path) -> None:
    kind, data, path = network_of_loss(make, make.__name__), rows(3, classes), tmp_path / "parameters.npz"
    done = experiment(kind, data, training={"epochs": 60})
    measure = done.test_accuracy if classes else done.test_r2
    assert measure is not None
    assert measure > 0.8
    save_trained(path, done.trained)
    again = load_trained(path, kind)
    assert np.array_equal(predict(again, data), predict(done.trained, data))
    assert again.network.options() == json.loads(json.dumps(done.trained.network.options()))
    with pytest.raises(FileError, match=rf"holds a {make.__name__}, not a neuron$"):
        load_trained(path, network_of_loss(neuron, "neuron"))
    with pytest.raises(FileError, match=rf"holds a {make.__name__}, which is none of single_layer, "):
        load_trained(path)


def test_a_file_of_other_sizes_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "parameters.npz"
    save_trained(path, experiment(network_of_loss(softmax, "net"), rows(2, 3), training={"epochs": 2}).trained)
    with pytest.raises(FileError, match=r"holds a net with m=2, k=3, which it is not built with now: net has no size"):
        load_trained(path, network_of_loss(neuron, "net"))
    with pytest.raises(FileError, match=r"parameters.npz lacks parameter_S, parameter_w and has "):
        load_trained(path, network_of_loss(hidden, "net"))


def shares(k: int = 3) -> Value:
    """Probabilities by name, which are no logits."""
    x, y = leaves("x", 1), leaves("y", k, np.eye(k)[0])
    powers = [mg.exp(leaf(f"w_{j}", 0.3 * j) * x[0]) for j in range(1, k + 1)]
    total = powers[0] + powers[1] + powers[2]
    found = [power / total for power in powers]
    for j, p in enumerate(found, start=1):
        p.label = f"y_hat_{j}"
    return -dot(y, [mg.log(p) for p in found])


def test_probabilities_are_told_as_they_are() -> None:
    done = experiment(network_of_loss(shares, "shares"), rows(1, 3), training={"epochs": 3})
    found = predict(done.trained, rows(1, 3))
    assert np.allclose(found.sum(axis=1), 1.0)
    assert np.array_equal(found, done.trained.network.predict(done.trained.scaled(rows(1, 3).x)).data)
    x = done.trained.scaled(np.array([[2.0]]))
    w = np.array([p.item() for p in done.trained.network.parameters.values()])
    powers = np.exp(w * x[0, 0])
    assert np.allclose(predict(done.trained, np.array([[2.0]])), powers / powers.sum())
