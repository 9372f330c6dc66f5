"""Modules with an example become networks: their loss, their rows, trained by fit, saved with their buffers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.data import Dataset
from microgradcnn.data.dataset import DataError
from microgradcnn.engine.value import Value
from microgradcnn.experiment import experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError
from microgradcnn.lesson.cost import network_cost
from microgradcnn.networks import network_of_module

RNG = np.random.default_rng(5)
X, CLASSES, NUMBERS = RNG.normal(size=(8, 2)), np.arange(8) % 3, RNG.normal(size=8)


def layers(outputs: int, *more: nn.Module) -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(2, 4, rng=rng), *more, nn.Tanh(), nn.Linear(4, outputs, rng=rng))


def test_the_loss_is_cross_entropy_for_classes_and_the_squared_error_for_numbers() -> None:
    model = layers(3)
    network = network_of_module(model, (X, CLASSES), "model")()
    a = model(X).data
    right = np.mean(np.log(np.exp(a).sum(axis=1)) - a[np.arange(8), CLASSES])
    assert network.loss(X, CLASSES).item() == network.hand_graph().item() == pytest.approx(right, rel=1e-13)
    assert np.array_equal(network.predict(X).data, a)
    assert (network.outputs, network.inputs, network.scalar, type(network).arguments()) == (3, 2, False, [])
    one = network_of_module(layers(1), (X, NUMBERS), "one")()
    found = one.predict(X).data
    assert found.shape == (8,)
    assert one.loss(X, NUMBERS).item() == pytest.approx(np.mean((found - NUMBERS) ** 2), rel=1e-13)


def test_a_module_may_have_a_loss_of_its_own() -> None:
    model: Any = layers(1)
    model.loss = lambda prediction, y: mg.abs(prediction.reshape(-1) - y).mean()
    network = network_of_module(model, (X, NUMBERS), "model")()
    right = np.mean(np.abs(model(X).data.ravel() - NUMBERS))
    assert network.loss(X, NUMBERS).item() == pytest.approx(right, rel=1e-13)
    model.loss = nn.binary_cross_entropy_with_logits
    network = network_of_module(model, (X, np.zeros((8, 1))), "model")()
    assert np.allclose(network.predict(X).data, 1.0 / (1.0 + np.exp(-model(X).data.ravel())))  # ½ parts the classes
    assert network.loss(X, np.ones(8)).item() == pytest.approx(np.mean(np.log1p(np.exp(-model(X).data))), rel=1e-12)


def test_a_network_is_a_copy_in_eval_mode_that_takes_other_parameters() -> None:
    model = layers(3, nn.Dropout(0.5))
    kind = network_of_module(model, (X, CLASSES), "model")
    network, before = kind(), [np.array(p.data) for p in model.parameters()]
    assert network.loss(X, CLASSES).item() == network.loss(X, CLASSES).item()
    for p in network.parameters.values():
        p.data = p.data + 1.0
    assert all(np.array_equal(p.data, old) for p, old in zip(model.parameters(), before, strict=True))
    assert network.loss(X, CLASSES).item() != kind().loss(X, CLASSES).item()
    moved, fresh = network.loss(X, CLASSES).item(), kind()
    fresh.parameters = {name: Value(p.data, label=name) for name, p in network.parameters.items()}
    assert fresh.loss(X, CLASSES).item() == moved
    with pytest.raises(ValueError, match=r"^model is computed over arrays: it has no example in scalars$"):
        network.example(X[0], 0)


def test_rows_are_brought_to_the_shape_of_the_example() -> None:
    images = RNG.random((4, 1, 3, 3))
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    kind = network_of_module(model, (images, np.arange(4) % 2), "images")
    network = kind()
    assert (kind.takes_images(), network.image, network.inputs, network.input_letter) == (True, (3, 3), 9, "p")
    assert np.array_equal(network.predict(images.reshape(4, 9)).data, model(images).data)
    pictures = network.pictures(None)
    assert pictures is not None
    assert pictures.shape == (2, 2, 2)
    words = np.array([[0, 1], [2, 3], [4, 0]])
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 2))
    network = network_of_module(model, (words, np.array([0, 1, 0])), "words")()
    assert network.whole_inputs
    assert np.array_equal(network.predict(words.astype(float)).data, model(words).data)


@pytest.mark.slow
def test_the_cost_is_counted_by_rows() -> None:
    """A linear layer of 2 inputs and 3 outputs: 2·2 operations for each of 3 numbers, and 3 biases."""
    model = nn.Linear(2, 3)
    found = network_cost(network_of_module(model, (X, RNG.normal(size=(8, 3))), "linear"))
    squared = 3 * 3  # a difference, a square and its part of the sum, for each of 3 numbers
    assert found.found["objective"].operations(n=10) == 10 * (3 * 4) + 10 * squared
    assert found.sizes == {}


def rows(classes: int = 3, columns: int = 2, n: int = 60) -> Dataset:
    x = np.random.default_rng(3).normal(size=(n, columns))
    y = np.arange(n) % classes if classes else x @ np.arange(1.0, columns + 1.0)
    names = tuple("abcdef"[:classes]) if classes else None
    data = x + 3.0 * y[:, None] * np.where(np.arange(columns) % 2, -1.0, 1.0) if classes else x
    return Dataset(data, y.astype(float), tuple("uvw"[:columns]), "t", None, "rows", names)


@pytest.mark.parametrize("classes", [3, 0], ids=["classes", "numbers"])
def test_it_is_trained_by_fit_saved_and_loaded(classes: int, tmp_path: Path) -> None:
    model = layers(classes or 1, nn.BatchNorm1d(4))
    kind = network_of_module(model, (X, CLASSES if classes else NUMBERS), "model")
    data, training = rows(classes), {"epochs": 150, "rate": 3e-2, "engine": "eager"}
    done = experiment(kind, data, training=training)
    assert (done.test_accuracy if classes else done.test_r2 or 0.0) > 0.8
    assert done.train_loss is not None
    path = tmp_path / "parameters.npz"
    save_trained(path, done.trained)
    with np.load(path) as file:
        assert {"buffer_1.running_mean", "parameter_0.weight"} <= set(file.files)
    again = load_trained(path, kind)
    assert np.array_equal(predict(again, data), predict(done.trained, data))
    other = network_of_module(layers(classes or 1), (X, CLASSES if classes else NUMBERS), "model")
    with pytest.raises(FileError, match="was written for a model with 1: BatchNorm1d"):
        load_trained(path, other)
    with pytest.raises(FileError, match=r"holds a model, not a linear$"):
        load_trained(path, network_of_module(nn.Linear(2, 1), (X, NUMBERS), "linear"))


MISFITS = [
    (rows(columns=1, classes=0), "model takes rows of 2 numbers, and rows has 1"),
    (rows(classes=4), "model has an output for each of 3 classes, and rows has 4 classes"),
    (rows(classes=0), "model has an output for each of 3 classes, and rows has numbers"),
]


@pytest.mark.parametrize(("data", "says"), MISFITS, ids=[says for _, says in MISFITS])
def test_data_that_do_not_fit_are_told_in_a_sentence(data: Dataset, says: str) -> None:
    with pytest.raises(DataError, match=f"^{re.escape(says)}$"):
        network_of_module(layers(3), (X, CLASSES), "model").sizes_for(data)


BAD = [
    (X, "the example of model is a pair of inputs and targets: write model.example = x, y"),
    ((X, CLASSES[:3]), "the example of model is a batch: as many rows of inputs as of targets, not (8, 2) and (3,)"),
    ((X, 1.0), "the example of model is a batch: as many rows of inputs as of targets, not (8, 2) and ()"),
]


@pytest.mark.parametrize(("example", "says"), BAD, ids=[says for _, says in BAD])
def test_an_example_that_is_no_batch_is_refused(example: Any, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        network_of_module(layers(3), example, "model")


def test_a_module_without_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^model has no parameters: there is nothing in it to learn$"):
        network_of_module(nn.Tanh(), (X, X), "model")
