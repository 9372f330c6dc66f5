"""Arguments of another kind than is meant, refused by their names in a sentence instead of Python's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.fit import evaluate, fit
from microgradcnn.nn import optim

X, Y = np.ones((4, 3)), np.array([0, 1, 0, 1])


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 2))


def w() -> list[Value]:
    return [Value(1.0, label="w")]


def adam(**options: Any) -> Any:
    return optim.AdamW(w(), **options)


# What is called, how the error starts, and whether it is a ValueError.
REFUSED: dict[str, tuple[Callable[[], Any], str, type[Exception]]] = {
    "Linear": (lambda: nn.Linear("3", 2), "in_features is a whole number, not '3'", TypeError),  # type: ignore[arg-type]
    "Linear, a float": (lambda: nn.Linear(3, 2.5), "out_features is a whole number, not 2.5", TypeError),  # type: ignore[arg-type]
    "Conv1d": (lambda: nn.Conv1d(None, 2, 3), "in_channels is a whole number, not None", TypeError),  # type: ignore[arg-type]
    "Conv2d": (lambda: nn.Conv2d("1", 2, 3), "in_channels is a whole number, not '1'", TypeError),  # type: ignore[arg-type]
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(1, "2", 3), "out_channels is a whole number, not '2'", TypeError),  # type: ignore[arg-type]
    "Embedding": (lambda: nn.Embedding("5", 2), "num_embeddings is a whole number, not '5'", TypeError),  # type: ignore[arg-type]
    "GRU": (lambda: nn.GRU("3", 2), "input_size is a whole number, not '3'", TypeError),  # type: ignore[arg-type]
    "LSTMCell": (lambda: nn.LSTMCell(3, None), "hidden_size is a whole number, not None", TypeError),  # type: ignore[arg-type]
    "layers of an RNN": (lambda: nn.RNN(3, 2, "2"), "num_layers is a whole number, not '2'", TypeError),  # type: ignore[arg-type]
    "attention": (lambda: nn.MultiheadAttention(4, "2"), "num_heads is a whole number, not '2'", TypeError),  # type: ignore[arg-type]
    "BatchNorm": (lambda: nn.BatchNorm1d("3"), "num_features is a whole number, not '3'", TypeError),  # type: ignore[arg-type]
    "words": (
        lambda: nn.Embedding(5, 2)(np.array(["a"])),
        "Embedding(num_embeddings=5, embedding_dim=2) takes whole numbers from 0 to 4, not an array of <U1",
        ValueError,
    ),
    "no rate": (lambda: optim.SGD(w(), lr=None), "lr is a number, not None", TypeError),  # type: ignore[arg-type]
    "a decay": (lambda: adam(weight_decay="0"), "weight_decay is a number, not '0'", TypeError),
    "rates": (lambda: optim.SGD(w(), lr=np.ones(2)), "lr is a number, not array([1., 1.])", TypeError),  # type: ignore[arg-type]
    "alpha": (lambda: optim.RMSprop(w(), alpha=None), "alpha is a number, not None", TypeError),  # type: ignore[arg-type]
    "β above 1": (
        lambda: adam(betas=(0.9, 1.2)),
        "betas are two numbers from 0 to below 1, such as (0.9, 0.999), not (0.9, 1.2)",
        ValueError,
    ),
    "β of 1": (lambda: adam(betas=(1.0, 0.9)), "betas are two numbers from 0 to below 1", ValueError),
    "one β": (lambda: adam(betas=(0.9,)), "betas are two numbers from 0 to below 1", ValueError),
    "β alone": (lambda: adam(betas=0.9), "betas are two numbers from 0 to below 1", ValueError),
    "β of text": (lambda: optim.Adam(w(), betas=("a", 0.9)), "betas are two numbers", ValueError),  # type: ignore[arg-type]
    "a model": (
        lambda: optim.CosineAnnealingLR(model(), 10),  # type: ignore[arg-type]
        "CosineAnnealingLR moves an optimiser, such as SGD(...), not a Sequential",
        TypeError,
    ),
    "no epochs": (lambda: optim.StepLR(optim.SGD(w()), None), "step_size is a number, not None", TypeError),  # type: ignore[arg-type]
    "γ": (lambda: optim.ExponentialLR(optim.SGD(w()), "0.9"), "gamma is a number, not '0.9'", TypeError),  # type: ignore[arg-type]
    "no function": (lambda: optim.LambdaLR(optim.SGD(w()), 0.1), "lr_lambda is a function of the epoch", TypeError),  # type: ignore[arg-type]
    "a loss": (
        lambda: fit(model(), X, Y, loss="mse", epochs=1),  # type: ignore[arg-type]
        "a loss is a function of outputs and targets, such as nn.mse_loss, not 'mse'",
        TypeError,
    ),
    "a loss to measure": (lambda: evaluate(model(), X, Y, "mse"), "a loss is a function of outputs", TypeError),  # type: ignore[arg-type]
    "a share": (
        lambda: fit(model(), X, Y, validation=0.2, epochs=1),  # type: ignore[arg-type]
        "validation is a pair (x, y) of rows that are not trained on and their targets, not 0.2",
        TypeError,
    ),
    "rows alone": (lambda: fit(model(), X, Y, validation=(X,), epochs=1), "validation is a pair (x, y)", TypeError),  # type: ignore[arg-type]
    "a frame below 0": (lambda: np.pad(Value(X), -1), "pad_width is 0 or more, not ", ValueError),  # type: ignore[call-overload]
    "half a frame": (lambda: mg.pad(Value(X), ((0, 1.5), (0, 0))), "pad_width is an integer", TypeError),
}


@pytest.mark.parametrize(("act", "starts", "kind"), REFUSED.values(), ids=REFUSED)
def test_another_kind_of_argument_is_named(act: Callable[[], Any], starts: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        act()
    assert str(caught.value).startswith(starts)
    assert "\n" not in str(caught.value)


def test_numbers_of_numpys_are_numbers() -> None:
    layer = nn.Linear(np.int64(3), np.int32(2))  # type: ignore[arg-type]
    optimiser = optim.Adam(layer.parameters(), np.float32(0.1), (np.float64(0.9), 0.0))
    optim.StepLR(optimiser, np.int64(2), np.float32(0.5))  # type: ignore[arg-type]
    optim.SGD(w(), lr=np.array(0.1))  # type: ignore[arg-type]
