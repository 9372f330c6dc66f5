"""What a picture calls the parameters of models: by letters, numbered by layers, where nothing else is called so."""

from __future__ import annotations

import re

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.drawing.structure.parameters import shown_names


def labelled(*labels: str) -> Value:
    """The sum of arrays of these labels; a number for a label in a list, as a neuron's weight has."""
    parts = [Value(1.0 if label[-1].isdigit() else np.ones(1), label=label) for label in labels]
    return sum((part.sum() for part in parts), Value(0.0, label="start"))


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["0.weight", "0.bias", "2.weight", "2.bias"], ["W_1", "b_1", "W_2", "b_2"]),
        (["layers.0.neurons.3.w.1"], ["w_1_4_2"]),
        (["rnn.weight_ih", "rnn.weight_hh", "head.weight"], ["W_ih_1", "W_hh_1", "W_2"]),
        (["encoder.table", "decoder.scale"], ["table", "scale"]),
        (["W1", "0.weight"], ["W1", "0.weight"]),  # what is printed alike keeps its label
        (["a.w.0", "b.w.0"], ["a.w.0", "b.w.0"]),
        (["weight", "1e-3", "a..b"], ["weight", "1e-3", "a..b"]),  # no places in a model
    ],
)
def test_names(labels: list[str], shown: list[str]) -> None:
    names = {node.label: name for node, name in shown_names(topological(labelled(*labels))).items()}
    assert [names[label] for label in labels] == shown


def test_labels_stay_and_boxes_say_where_a_parameter_is() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    boxes = mg.draw(model(Value(np.ones((4, 2)), label="X")).sum()).drawing.boxes
    assert {box.words: box.note for box in boxes if box.leaf} == {
        "X": "4×2",
        **{"W₁": "0.weight, 3×2", "b₁": "0.bias, 3", "W₂": "2.weight, 1×3", "b₂": "2.bias, 1"},
    }
    assert [p.label for p in model.parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_leaf_without_a_label_is_called_the_same_in_the_graph_and_in_its_field() -> None:
    a, x = Value(2.0, label="a"), Value(3.0)
    picture = mg.draw(a * a * x)
    boxes = [box.words for box in picture.drawing.boxes if box.leaf]
    assert [
        re.sub(r"\s", "", name) for name in re.findall(r"<label>([^<]+)<input type=.number", picture.html())
    ] == boxes
