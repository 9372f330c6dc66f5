"""Networks of several outputs: a ŷ for each class over the same hidden units, the softmax cross-entropy."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn.cli import main
from microgradcnn.data import Dataset
from microgradcnn.experiment import experiment, load_trained, predict, save_trained
from microgradcnn.fit import accuracy, train
from microgradcnn.lesson.run import TOLERANCE, check_network
from microgradcnn.lesson.schematic import schematic
from microgradcnn.networks import NETWORKS, Example, Network, conv_average, dot, single_layer

X = np.random.default_rng(5).normal(size=(9, 2))
Y = np.arange(9.0) % 3


def by_hand(x: list[float], y: int, S: list[list[float]], w: list[list[float]]) -> tuple[float, dict[str, float]]:
    """The loss of one row and its gradient by label, as one works it out with the chain rule on paper."""
    z = [1.0 / (1.0 + math.exp(-sum(s * v for s, v in zip(row, x, strict=True)))) for row in S]
    outputs = [sum(a * b for a, b in zip(row, z, strict=True)) for row in w]
    powers = [math.exp(output) for output in outputs]
    p = [power / sum(powers) for power in powers]
    e = [p_c - (c == y) for c, p_c in enumerate(p)]
    found = {f"w_{c + 1}_{j + 1}": e[c] * z[j] for c in range(len(w)) for j in range(len(z))}
    for j, letter in enumerate("suv"):
        reaching = sum(e[c] * w[c][j] for c in range(len(w)))
        found |= {f"{letter}_{i + 1}": reaching * z[j] * (1.0 - z[j]) * x[i] for i in range(len(x))}
    return -math.log(p[y]), found


@pytest.mark.parametrize("y", [0, 1, 2])
def test_the_gradient_is_the_one_worked_out_by_hand(y: int) -> None:
    network, x = single_layer(outputs=3, seed=2), [0.3, -1.2]
    S, w = (p.data.tolist() for p in network.parameters.values())
    loss, gradient = by_hand(x, y, S, w)
    example = network.example(x, y)
    example.loss.backward()
    assert example.loss.item() == pytest.approx(loss, rel=1e-13)
    assert network.loss(np.array([x]), np.array([y])).item() == pytest.approx(loss, rel=1e-13)
    assert {label: v.grad for label, v in example.parameters.items()} == pytest.approx(gradient, rel=1e-11)
    closed = network.closed_form(np.array(x), y)
    assert closed is not None
    labelled = {label: g for n, each in closed.items() for label, g in zip(network.labels(n), each.flat, strict=True)}
    assert labelled == pytest.approx(gradient, rel=1e-11)


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("regularise", [0.0, 0.1])
@pytest.mark.parametrize("outputs", [2, 3, 5])
def test_every_gradient_is_right_in_every_form(activation: str, regularise: float, outputs: int) -> None:
    network = single_layer(3, 4, activation, regularise, seed=1, outputs=outputs)
    assert check_network(network).worst <= TOLERANCE


def test_what_is_written_out() -> None:
    example = single_layer(outputs=3).example([0.5, 1.0], 2)
    assert [v.label for v in example.outputs] == ["y_hat_1", "y_hat_2", "y_hat_3"]
    assert [(v.label, v.item()) for v in example.targets] == [("y_1", 0.0), ("y_2", 0.0), ("y_3", 1.0)]
    told = mg.explain(example.loss, example.parameters["w_2_1"]).text()
    assert "f = log(exp(ŷ₁) + exp(ŷ₂) + exp(ŷ₃)) − (y₁ŷ₁ + y₂ŷ₂ + y₃ŷ₃)" in told
    assert "qᵢ" not in told
    assert "q₂ = exp(ŷ₂)/(exp(ŷ₁) + exp(ŷ₂) + exp(ŷ₃))\n" in told
    assert "= exp(ŷ₂)/(exp(ŷ₁) + exp(ŷ₂) + exp(ŷ₃)) − y₂ = q₂ − y₂\n" in told
    assert "= (q₂ − y₂)z₁\n" in told
    assert "3 outputs" in schematic(single_layer(outputs=3))
    for name in ("y", "prediction"):
        with pytest.raises(ValueError, match=r"this example has 3 (targets|outputs): take"):
            getattr(example, name)


def test_examples_from_before_have_one_output() -> None:
    now = single_layer().example([0.5, 1.0], 0.0)
    state = vars(now) | {"y": now.targets[0], "prediction": now.outputs[0]}
    old = object.__new__(Example)
    old.__setstate__({name: part for name, part in state.items() if name not in ("targets", "outputs")})
    assert (old.y, old.prediction, old.loss) == (now.y, now.prediction, now.loss)
    assert pickle.loads(pickle.dumps(now)).y.label == "y"


def test_what_is_no_class_is_refused() -> None:
    network = single_layer(outputs=3)
    for y in (3, -1, 0.5):
        with pytest.raises(ValueError, match="y must be one of the classes 0 to 2"):
            network.example([1.0, 2.0], y)
        with pytest.raises(ValueError, match="class numbers"):
            train(network, X, np.full(9, float(y)))
    with pytest.raises(ValueError, match="at least one of everything"):
        single_layer(outputs=0)


def test_one_output_is_what_it_always_was() -> None:
    assert "outputs" not in single_layer().options()
    assert single_layer(outputs=3).options()["outputs"] == 3
    assert single_layer(outputs=1).parameters["w"].shape == (3,)
    assert set(single_layer.cost_sizes()) == {"n", "m", "k"}


@pytest.mark.parametrize(
    "engine", ["eager", "numpy", *(pytest.param(e, marks=pytest.mark.slow) for e in ("jit", "jax"))]
)
def test_all_engines_take_the_same_steps(engine: str) -> None:
    histories = []
    for which in ("eager", engine):
        network = single_layer(outputs=3, regularise=1e-3)
        histories.append(train(network, X, Y, epochs=8, engine=which).history)
    for expected, found in zip(*histories, strict=True):
        assert found == pytest.approx(expected, rel=1e-9)
    assert list(histories[1][0]) == ["epoch", "rate", "loss", "gradient_norm", "cross_entropy", "accuracy"]


def test_what_is_measured() -> None:
    network = single_layer(outputs=3, regularise=0.01)
    first = train(network, X, Y, epochs=1).history[0]
    start = single_layer(outputs=3, regularise=0.01)
    logits = np.asarray(start.predict(X).data)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert first["cross_entropy"] == pytest.approx(-np.mean(np.log(p[np.arange(9), Y.astype(int)])), rel=1e-12)
    penalty = sum(float(np.sum(q.data**2)) for q in start.parameters.values())
    assert first["loss"] == pytest.approx(first["cross_entropy"] + 0.01 * penalty, rel=1e-12)
    assert accuracy(start, X, Y) == first["accuracy"] == np.mean(logits.argmax(axis=1) == Y)
    assert start.error_of_guessing(Y) == pytest.approx(math.log(3.0))


def test_a_net_that_learns_nothing_says_so() -> None:
    flat = train(single_layer(outputs=3), np.zeros((9, 2)), Y, epochs=3)
    assert "the cross entropy 1.1 is hardly better than that of always guessing (1.1)" in flat.message


class Softmax(Network):
    """ŷ_c = w_c·x for each class: a network of somebody else's, written out only."""

    name = "softmax"

    def __init__(
        self, m: int = 2, outputs: int = 1, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0
    ) -> None:
        self.m, self.outputs = m, outputs
        super().__init__(activation, regularise, seed)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return {"w": (self.outputs, self.m)}

    def write_out(
        self, x: list[mg.Value], p: dict[str, list[mg.Value]]
    ) -> tuple[list[mg.Value], mg.Value | list[mg.Value]]:
        found = [dot(p["w"][c * self.m : (c + 1) * self.m], x) for c in range(self.outputs)]
        return found, found if self.outputs > 1 else found[0]


def test_a_seventh_network_has_several_outputs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(NETWORKS, "softmax", Softmax)
    assert check_network(Softmax(outputs=4)).worst <= TOLERANCE
    x = np.repeat(3.0 * np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]]), 10, axis=0)
    x += np.random.default_rng(0).normal(size=x.shape)
    y = np.repeat(["red", "green", "blue"], 10)
    data = Dataset(x, y, ("a", "b"), "colour", None, "made")
    done = experiment("softmax", data, training={"epochs": 200})
    assert done.trained.network.outputs == 3
    assert done.train_accuracy >= 0.9
    save_trained(tmp_path / "p.npz", done.trained)
    again = predict(load_trained(tmp_path / "p.npz"), data)
    np.testing.assert_array_equal(again, predict(done.trained, data))
    np.testing.assert_allclose(again.sum(axis=1), 1.0)
    logits = np.asarray(done.trained.network.predict(done.trained.scaled(x)).data)
    np.testing.assert_allclose(again, mg.softmax(logits))
    assert np.mean(np.array(done.trained.classes)[again.argmax(axis=1)] == y) >= 0.9


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradcheck", "single_layer", "--classes", "3"]) == 0
    assert main(["explain", "single_layer", "--classes", "3", "--wrt", "w_3_1"]) == 0
    assert "ŷ₃ = w₃₁z₁ + w₃₂z₂ + w₃₃z₃" in capsys.readouterr().out
    for command in (["gradcheck", "conv_average"], ["ledger", "conv_average"]):
        assert main([*command, "--classes", "3"]) == 2
        assert "--classes 3 is not for conv_average: it has one output" in capsys.readouterr().err
    assert main(["ledger", "x**2", "--classes", "3"]) == 2
    assert "--classes is for networks" in capsys.readouterr().err
    assert conv_average().outputs == 1
