"""What a page of a training shows of a network that nobody has named the parts of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.networks import ACTIVATIONS, NETWORKS, Network, dot
from microgradcnn.training.schedule import OF_NETWORKS
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import OUTPUT, Learner, bendable, of_model, of_network, shown_of
from microgradcnn.views.pages.training.task import TaskRows, image_of, live_task, view_of
from microgradcnn.views.pages.training.weights import shown_arrays, ties

X = np.random.default_rng(0).normal(size=(3, 2))


class OfNumbers(nn.Module):
    """micrograd's network over the columns of rows."""

    def __init__(self) -> None:
        self.mlp, rng = nn.MLP(2, [4, 3, 1]), np.random.default_rng(3)
        for p in self.mlp.parameters():
            p.data = rng.uniform(-0.5, 1.0)

    def forward(self, x: Any) -> Any:
        """(n,)."""
        return self.mlp([x[:, 0], x[:, 1]])


class OfArrays(nn.Module):
    """Layers that are written as mathematics."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.w, self.v = mg.Value(rng.normal(size=(2, 5))), mg.Value(rng.normal(size=(5, 1)))

    def forward(self, x: Any) -> mg.Value:
        """(n, 1)."""
        found: mg.Value = mg.sigmoid(mg.tanh(x @ self.w) @ self.v)
        return found


def test_hidden_units_are_found_by_their_activations() -> None:
    numbers, arrays = OfNumbers(), OfArrays()
    shown = shown_of(of_model(numbers, nn.mse_loss), X)
    assert {name: a.shape for name, a in shown.items()} == {
        "relu, layer 1": (3, 4),
        "relu, layer 2": (3, 3),
        OUTPUT: (3,),
    }
    first = [neuron([X[:, 0], X[:, 1]]).data for neuron in numbers.mlp.layers[0].neurons]
    np.testing.assert_array_equal(shown["relu, layer 1"], np.transpose(first))
    shown = shown_of(of_model(arrays, nn.mse_loss), X)
    np.testing.assert_array_equal(shown["tanh, layer 1"], np.tanh(X @ np.asarray(arrays.w.data)))
    assert list(shown) == ["tanh, layer 1", OUTPUT]


def test_the_states_of_a_recurrence_are_a_layer() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            self.rnn, self.head = nn.RNN(1, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x: Any) -> mg.Value:
            return self.head(self.rnn(x)[0][:, -1])

    x = np.random.default_rng(0).normal(size=(3, 6, 1))
    shown = shown_of(of_model(Reads(), nn.cross_entropy), x)
    assert {name: a.shape for name, a in shown.items()} == {"layer rnn, RNN": (3, 6, 4), OUTPUT: (3, 2)}


def test_activations_with_the_same_weights_are_steps() -> None:
    class Steps(nn.Module):
        def __init__(self) -> None:
            self.w, self.u = mg.Value(0.4), mg.Value(-0.3)

        def forward(self, x: Any) -> Any:
            h: Any = 0.0
            for column in x.T:
                h = mg.tanh(self.w * column + self.u * h)
            return 2.0 * h

    shown = shown_of(of_model(Steps(), nn.mse_loss), X)
    assert list(shown) == ["tanh, step 1", "tanh, step 2", OUTPUT]
    np.testing.assert_array_equal(shown["tanh, step 1"], np.tanh(0.4 * X[:, :1]))


def test_layers_that_are_called_again_and_again_are_told_by_their_steps() -> None:
    class Cells(nn.Module):
        def __init__(self) -> None:
            self.enter, self.again, self.head = nn.Linear(1, 4), nn.Linear(4, 4), nn.Linear(4, 1)

        def forward(self, x: Any) -> Any:
            h: Any = np.zeros((x.shape[0], 4))
            for t in range(x.shape[1]):
                h = mg.tanh(self.enter(x[:, t : t + 1]) + self.again(h))
            return self.head(h)

    assert list(shown_of(of_model(Cells(), nn.mse_loss), X)) == ["tanh, step 1", "tanh, step 2", OUTPUT]


@pytest.mark.parametrize(
    ("names", "arrays"),
    [
        (["w_1", "w_2", "b"], {"w": ((2,), [0, 1]), "b": ((), [2])}),
        (["u₂", "v", "u₁"], {"u": ((2,), [2, 0]), "v": ((), [1])}),
        (["w_1_1", "w_1_2", "w_2_1", "w_2_2"], {"w": ((2, 2), [0, 1, 2, 3])}),
        (["w_1_1", "w_1_2", "w_2_1"], {"w₁": ((2,), [0, 1]), "w₂₁": ((), [2])}),
        (["w_1", "w_01"], {"w": ((2,), [1, 0])}),
    ],
)
def test_numbers_of_like_names_are_one_array(
    names: list[str], arrays: dict[str, tuple[tuple[int, ...], list[int]]]
) -> None:
    found = shown_arrays({name: mg.Value(0.5) for name in names})
    assert {array.name: (array.shape, list(array.places)) for array in found} == arrays


class Square(nn.Module):
    """Two inputs, two units: the weights stand with a column for each unit."""

    def __init__(self) -> None:
        self.b, self.w = mg.Value(np.array([0.1, -0.2])), mg.Value(np.array([[1.0, -2.0], [0.5, 3.0]]))
        self.v = mg.Value(np.array([0.3, 0.7]))

    def forward(self, x: Any) -> mg.Value:
        """(n,)."""
        found: mg.Value = mg.tanh(x @ self.w + self.b) @ self.v
        return found


def learners() -> dict[str, tuple[Learner, list[list[list[int]] | None]]]:
    """Networks of two inputs, with the places of the weights between their layers."""
    rng = np.random.default_rng(0)
    layers = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))
    first, last = nn.Linear(2, 3, rng=rng), nn.Linear(3, 1, rng=rng)
    normalised = nn.Sequential(first, nn.ReLU(), nn.LayerNorm(3), last)  # which has two vectors like the last weights
    numbers = OfNumbers()  # w, w, b of each of four neurons, then w, w, w, w, b of each of three
    into = [[3 * j, 3 * j + 1] for j in range(4)]
    onward = [[12 + 5 * j + i for i in range(4)] for j in range(3)]
    return {
        "layers": (of_model(layers, nn.cross_entropy), [[[0, 1], [2, 3], [4, 5]], [[9, 10, 11], [12, 13, 14]]]),
        "columns": (of_model(Square(), nn.mse_loss), [[[2, 4], [3, 5]], [[6, 7]]]),
        "numbers": (of_model(numbers, nn.mse_loss), [into, onward, [[27, 28, 29]]]),
        "lecture": (of_network(NETWORKS["single_layer"]()), [[[0, 1], [2, 3], [4, 5]], [[6, 7, 8]]]),
        "normalised": (of_model(normalised, nn.mse_loss), [[[0, 1], [2, 3], [4, 5]], None, [[15, 16, 17]]]),
    }


@pytest.mark.parametrize("name", learners())
def test_weights_between_units_are_found_by_what_they_move(name: str) -> None:
    learner, places = learners()[name]
    before = [np.array(p.data) for p in learner.parameters.values()]
    found = ties(learner, np.random.default_rng(0).normal(size=(20, 2)))
    assert found == places
    for p, array in zip(learner.parameters.values(), before, strict=True):
        np.testing.assert_array_equal(p.data, array)


@pytest.mark.parametrize(
    ("x", "output", "image", "view"),
    [
        ((9, 2), (2,), None, "plane"),
        ((9, 2), (2, 10), None, "plane"),
        ((9, 2), (2, 11), None, "row"),
        ((9, 1), (2,), None, "line"),
        ((9, 1), (2, 3), None, "row"),
        ((9, 3), (2, 3), None, "row"),
        ((9, 2), (2,), (1, 2), "row"),
        ((9, 1, 2), (2,), None, "row"),
    ],
)
def test_what_there_is_to_look_at(x: tuple[int, ...], output: tuple[int, ...], image: Any, view: str) -> None:
    assert view_of(TaskRows(np.zeros(x), np.zeros(9), image=image), np.zeros(output)) == view


@pytest.mark.parametrize(
    ("x", "image", "found"),
    [
        ((9, 64), None, (8, 8)),
        ((9, 64), (4, 16), (4, 16)),
        ((9, 24), None, None),
        ((9, 16), None, None),
        ((9, 63), None, None),
        ((9, 3, 64), None, None),
    ],
)
def test_a_row_of_as_many_numbers_as_a_square_has_lies_in_one(x: tuple[int, ...], image: Any, found: Any) -> None:
    assert image_of(TaskRows(np.zeros(x), np.zeros(9), image=image)) == found


def test_arrays_are_shown_as_they_are() -> None:
    parameters = dict(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).named_parameters())
    found = shown_arrays(parameters)
    assert [array.name for array in found] == list(parameters)
    numbers = np.concatenate([np.ravel(p.data) for p in parameters.values()])
    for array, p in zip(found, parameters.values(), strict=True):
        np.testing.assert_array_equal(array.among(numbers), p.data)


@pytest.mark.parametrize(
    ("layers", "known"),
    [
        ([nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)], ["tanh", "relu", "sigmoid"]),
        ([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1), nn.Sigmoid()], ["relu", "tanh", "sigmoid"]),
        ([nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)], [""]),
        ([nn.Linear(2, 1), nn.Sigmoid()], [""]),
    ],
)
def test_another_activation_takes_the_place_of_all_but_the_last(layers: list[nn.Module], known: list[str]) -> None:
    model = nn.Sequential(*layers)
    learner = of_model(model, nn.mse_loss)
    assert list(learner.activations) == known
    before = np.asarray(model(X).data)
    if learner.with_activation is not None:
        with learner.with_activation("sigmoid"):
            inside = mg.sigmoid(layers[0](X))
            np.testing.assert_array_equal(layers[1](layers[0](X)).data, inside.data)
    np.testing.assert_array_equal(model(X).data, before)


class Straight(Network):
    """A network without hidden units, of which an activation changes nothing."""

    def __init__(self, m: int = 2, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0) -> None:
        self.m = m
        super().__init__(activation, regularise, seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"w": (self.m,)}

    def write_out(self, x: Any, p: Any) -> Any:
        return [], dot(p["w"], x)


@pytest.mark.parametrize(("kind", "count"), [(Straight, 1), (NETWORKS["single_layer"], len(ACTIVATIONS))])
def test_an_activation_is_to_be_chosen_where_it_changes_something(kind: type[Network], count: int) -> None:
    rows = TaskRows(X, np.array([0.0, 1.0, 1.0]))
    assert len(live_task(of_network(kind()), rows, OF_NETWORKS, 0, Kernels())["variants"]) == count


class Last(nn.Module):
    """What a recurrent layer has at the end."""

    def __init__(self, layer: Any) -> None:
        self.layer, self.head = layer, nn.Linear(3, 1)

    def forward(self, x: Any) -> mg.Value:
        return self.head(self.layer(x.reshape(-1, 2, 1))[0][:, -1])


@pytest.mark.parametrize(
    ("model", "known"),
    [
        (OfNumbers(), ["relu", "tanh", "sigmoid"]),
        (OfArrays(), ["tanh", "relu", "sigmoid"]),  # the last one, of its output, stays
        (Last(nn.RNN(1, 3, batch_first=True)), ["tanh", "relu", "sigmoid"]),
        (Last(nn.LSTM(1, 3, batch_first=True)), [""]),
        (nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()), [""]),
        (nn.Linear(2, 1), [""]),  # the relu of the loss is not the network's
    ],
    ids=["numbers", "arrays", "RNN", "LSTM", "an output", "a loss"],
)
def test_an_activation_that_is_called_is_known_by_what_it_is_multiplied_by(model: nn.Module, known: list[str]) -> None:
    y = np.array([1.0, -1.0, 1.0]).reshape(model(X).shape if not isinstance(model, OfNumbers) else (3,))
    learner = bendable(of_model(model, nn.hinge_loss), X, y)
    assert list(learner.activations) == known
    before = shown_of(learner, X)
    assert learner.with_activation is None or known[0]
    if learner.with_activation is not None:
        with learner.with_activation("sigmoid"):
            found = shown_of(learner, X)
        assert [a.shape for a in found.values()] == [a.shape for a in before.values()]
        assert not np.allclose(found[OUTPUT], before[OUTPUT])
    np.testing.assert_array_equal(shown_of(learner, X)[OUTPUT], before[OUTPUT])
