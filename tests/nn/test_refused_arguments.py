"""Arguments of another kind than is meant, refused by their names in a sentence instead of Python's own."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
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


def moved() -> list[Value]:
    parameters = w()
    mg.sum(parameters[0] * 2.0).backward()
    return parameters


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
    "True for one": (lambda: nn.Linear(True, 2), "in_features is a whole number, not True", TypeError),
    "True for a size": (lambda: nn.MaxPool2d(2, 2, 0, True), "dilation is a number or a pair, not True", TypeError),
    "True for groups": (lambda: nn.Conv2d(2, 2, 3, groups=True), "groups is a number, not True", TypeError),
    "a row of none": (lambda: nn.Embedding(5, 2, 1.5), "padding_idx is a whole number, not 1.5", TypeError),  # type: ignore[arg-type]
    "no axis": (lambda: nn.Softmax(None), "dim is a whole number, not None", TypeError),  # type: ignore[arg-type]
    "axes": (lambda: nn.Flatten((1, 2)), "start_dim is a whole number, not (1, 2)", TypeError),  # type: ignore[arg-type]
    "a slope": (lambda: nn.LeakyReLU("0.1"), "negative_slope is a number, not '0.1'", TypeError),  # type: ignore[arg-type]
    "a probability": (lambda: nn.LSTM(3, 2, 2, dropout=None), "p is a number, not None", TypeError),  # type: ignore[arg-type]
    "ε": (lambda: nn.BatchNorm1d(3, None), "eps is a number, not None", TypeError),  # type: ignore[arg-type]
    "a momentum": (lambda: nn.BatchNorm2d(3, momentum="0.1"), "momentum is a number, not '0.1'", TypeError),  # type: ignore[arg-type]
    "ε of rows": (lambda: nn.LayerNorm(3, (1, 2)), "eps is a number, not (1, 2)", TypeError),  # type: ignore[arg-type]
    "no shape": (lambda: nn.LayerNorm(None), "normalized_shape is a whole number, not None", TypeError),  # type: ignore[arg-type]
    "half a shape": (lambda: nn.LayerNorm((2, 1.5)), "normalized_shape is a whole number, not 1.5", TypeError),  # type: ignore[arg-type]
    "statistics in a list": (
        lambda: mg.batch_norm(X, [0.0] * 3, training=True),  # type: ignore[arg-type]
        "batch_norm moves running statistics, writable arrays of floats, in place, and not [0.0, 0.0, 0.0]",
        TypeError,
    ),
    "statistics in a Buffer": (
        lambda: mg.batch_norm(X, nn.BatchNorm1d(3).running_mean, training=True),  # type: ignore[arg-type]
        "batch_norm moves running statistics, writable arrays of floats, in place, and not Buffer(",
        TypeError,
    ),
    "whole statistics": (
        lambda: mg.batch_norm(X, None, np.ones(3, int), training=True),
        "batch_norm moves running statistics, writable arrays of floats, in place, and not array([1, 1, 1])",
        TypeError,
    ),
    "no momentum": (
        lambda: mg.batch_norm(X, training=True, momentum=None),  # type: ignore[arg-type]
        "momentum is a number, not None",
        TypeError,
    ),
    "a closure": (lambda: optim.SGD(moved()).step(lambda: 1.0), "rate is a number, not <function", TypeError),  # type: ignore[arg-type]
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


RECURRENT = "input_size hidden_size num_layers bias batch_first dropout bidirectional"
CONVOLUTION = "in_channels out_channels kernel_size stride padding"

# PyTorch's arguments in its order, up to the last that is here too; models and optimisers come first.
ORDERS: dict[str, str] = {
    "Linear": "in_features out_features bias",
    "Embedding": "num_embeddings embedding_dim padding_idx",
    **dict.fromkeys(("Conv1d", "Conv2d"), f"{CONVOLUTION} dilation groups bias"),
    "ConvTranspose2d": f"{CONVOLUTION} output_padding groups bias dilation",
    "AvgPool2d": "kernel_size stride padding ceil_mode count_include_pad",
    "MaxPool2d": "kernel_size stride padding dilation return_indices ceil_mode",
    "Flatten": "start_dim end_dim",
    "LeakyReLU": "negative_slope inplace",
    "GELU": "approximate",
    "Softmax": "dim",
    "Dropout": "p inplace",
    **dict.fromkeys(("BatchNorm1d", "BatchNorm2d"), "num_features eps momentum affine track_running_stats"),
    "LayerNorm": "normalized_shape eps elementwise_affine bias",
    "RNN": RECURRENT.replace("bias", "nonlinearity bias"),
    **dict.fromkeys(("LSTM", "GRU"), RECURRENT),
    "RNNCell": "input_size hidden_size bias nonlinearity",
    **dict.fromkeys(("LSTMCell", "GRUCell"), "input_size hidden_size bias"),
    "MultiheadAttention": "embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first",
    "SGD": "parameters lr momentum dampening weight_decay nesterov",
    **dict.fromkeys(("Adam", "AdamW"), "parameters lr betas eps weight_decay amsgrad"),
    "RMSprop": "parameters lr alpha eps weight_decay momentum centered",
    "Adagrad": "parameters lr lr_decay weight_decay initial_accumulator_value eps",
    "StepLR": "optimiser step_size gamma last_epoch",
    "ExponentialLR": "optimiser gamma last_epoch",
    "CosineAnnealingLR": "optimiser T_max eta_min last_epoch",
    "LambdaLR": "optimiser lr_lambda last_epoch",
    "clip_grad_norm_": "parameters max_norm norm_type error_if_nonfinite",
    "clip_grad_value_": "parameters clip_value",
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_argument_by_its_place_is_the_one_that_pytorch_has_there(name: str) -> None:
    given = signature(getattr(nn, name, None) or getattr(optim, name)).parameters.values()
    names = [p.name for p in given if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert names == ORDERS[name].split()[: len(names)]


def test_numbers_of_numpys_are_numbers() -> None:
    layer = nn.Linear(np.int64(3), np.int32(2))  # type: ignore[arg-type]
    optimiser = optim.Adam(layer.parameters(), np.float32(0.1), (np.float64(0.9), 0.0))
    optim.StepLR(optimiser, np.int64(2), np.float32(0.5))  # type: ignore[arg-type]
    optim.SGD(w(), lr=np.array(0.1))  # type: ignore[arg-type]
