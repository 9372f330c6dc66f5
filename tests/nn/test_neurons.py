"""Neuron, Layer and MLP of single numbers: micrograd's demonstration, with the numbers that it prints."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_moons

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.nn import MLP, Layer, Neuron

# As the demonstration of micrograd (Karpathy 2020) prints them: the loss before each step, and the share of right rows.
PRINTED = [
    (0.8958441028683222, 0.5),
    (1.7235905336972022, 0.81),
    (0.7429006313851131, 0.77),
    (0.7705641260584198, 0.82),
]
PRINTED += [(0.3692793385976538, 0.84), (0.313545481918522, 0.86), (0.2814234349772435, 0.89)]
LAST = 0.010978370135492717, 1.0  # of 100 steps


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    before = random.getstate()
    random.seed(1337)
    yield
    random.setstate(before)


def moons() -> tuple[Any, Any]:
    x, y = make_moons(n_samples=100, noise=0.1, random_state=1337)
    return x, y * 2 - 1


def by_rows(model: MLP, x: Any, y: Any) -> tuple[Value, list[bool]]:
    """Every number a node, as the demonstration has it."""
    scores = [model([Value(number) for number in row]) for row in x]
    margins = [(1 + -target * score).relu() for target, score in zip(y, scores, strict=True)]
    loss = sum(margins) * (1.0 / len(margins)) + 1e-4 * sum(p * p for p in model.parameters())
    return loss, [(target > 0) == (score.data > 0) for target, score in zip(y, scores, strict=True)]


def by_columns(model: MLP, x: Any, y: Any) -> tuple[Value, Any]:
    """All rows at once."""
    scores = model([x[:, 0], x[:, 1]])
    loss = mg.relu(1.0 - y * scores).mean() + 1e-4 * sum(p * p for p in model.parameters())
    return loss, (y > 0) == (scores.data > 0)


def trained(way: Any, steps: int) -> list[tuple[float, float]]:
    """The loss before each step and the share of right rows, as the demonstration trains."""
    x, y = moons()
    model, told = MLP(2, [16, 16, 1]), []
    assert len(model.parameters()) == 337
    for k in range(steps):
        loss, hits = way(model, x, y)
        told.append((loss.item(), sum(hits) / len(hits)))
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= (1.0 - 0.9 * k / 100) * p.grad
    return told


@pytest.mark.parametrize(("way", "steps"), [(by_rows, 1), (by_columns, len(PRINTED))])
def test_the_demonstration_prints_the_same_numbers(way: Any, steps: int) -> None:
    np.testing.assert_allclose(trained(way, steps), PRINTED[:steps], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("way", "steps", "last"), [(by_rows, 5, PRINTED[4]), (by_columns, 100, LAST)])
def test_and_ends_where_it_does(way: Any, steps: int, last: tuple[float, float]) -> None:
    np.testing.assert_allclose(trained(way, steps)[-1], last, rtol=1e-9)


def test_a_neuron_is_its_sum() -> None:
    neuron = Neuron(3)
    drawn = random.Random(1337)
    assert [w.data for w in neuron.w] == [drawn.uniform(-1, 1) for _ in range(3)]
    assert neuron.b.data == 0.0
    x = [2.0, Value(-1.0), np.float64(0.5)]
    total = neuron.w[0].data * 2.0 - neuron.w[1].data + neuron.w[2].data * 0.5
    assert neuron(x).item() == max(total, 0.0)
    neuron.nonlin = False
    assert neuron(x).item() == total
    assert [p.label for p in neuron.parameters()] == ["w.0", "w.1", "w.2", "b"]


def test_a_layer_of_one_gives_its_number_and_others_a_list() -> None:
    assert isinstance(Layer(2, 1)([1.0, 2.0]), Value)
    assert [type(v) for v in Layer(2, 3)([1.0, 2.0])] == [Value] * 3
    assert len(MLP(3, [4, 4, 2])([1.0, 2.0, 3.0])) == 2


def test_they_are_modules() -> None:
    model = MLP(2, [2, 1])
    assert list(model.state_dict())[:3] == ["layers.0.neurons.0.w.0", "layers.0.neurons.0.w.1", "layers.0.neurons.0.b"]
    x = [0.5, -1.0]
    assert pickle.loads(pickle.dumps(model))(x).item() == model(x).item()
    other = MLP(2, [2, 1])
    other.load_state_dict(model.state_dict())
    assert other(x).item() == model(x).item()
    assert repr(Neuron(2)) == "Neuron(nin=2)"
    assert "Neuron(nin=2, nonlin=False)  " in repr(model)
    assert "total" in repr(model)


@pytest.mark.parametrize("x", [[1.0], np.ones((2, 2)), 3.0, [Value(1.0)] * 3, Value(np.ones((2, 2)))], ids=repr)
def test_what_is_no_example_is_refused(x: Any) -> None:
    said = (
        r"^layer layers\.0\.neurons\.0, Neuron\(nin=2\), takes a list of 2 numbers, one example, or of as many columns"
    )
    with pytest.raises(ValueError, match=said):
        MLP(2, [1, 1])(x)


def test_numbers_that_are_no_sizes_are_refused() -> None:
    for make in (lambda: Neuron(2.0), lambda: Layer(2, "3"), lambda: MLP(2, [1.5])):  # type: ignore
        with pytest.raises(TypeError, match="is a whole number, not"):
            make()


def test_a_star_import_takes_layers_for_arrays_only() -> None:
    assert not {"Neuron", "Layer", "MLP"} & {*nn.__all__}


@pytest.mark.parametrize("outputs", [1, 3])
def test_a_model_of_columns_is_summed_up_and_exported_for_rows(outputs: int, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model, rows = MLP(2, [4, outputs]), np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    assert model.summary(2).rows[0].shape == ("n",)
    mg.export_onnx(model, tmp_path / "mlp.onnx", 2)
    (found,) = onnxruntime.InferenceSession(tmp_path / "mlp.onnx").run(None, {"x": rows})
    np.testing.assert_allclose(found, model.of_rows(Value(rows.astype(float))).data, rtol=1e-5, atol=1e-6)
