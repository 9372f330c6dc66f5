"""What a page trains: a network of the lecture or a model of layers, its loss, its parameters, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn import nn
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value, no_grad, switched
from microgradcnn.networks import Network
from microgradcnn.networks.network import ACTIVATIONS
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode, observer
from microgradcnn.training.accuracy import ACCURACIES
from microgradcnn.training.batches import Objective, model_objective, network_objective

MOST_SHOWN = 4000  # numbers of one layer for one row
OUTPUT = "ŷ"


@dataclass(frozen=True)
class Learner:
    """`objective(x, y)` and the `parameters` that it moves, by their names; `shown(x)`, values of rows by their names.

    The history of its training has the names in `also`, and is measured `before` the steps of an epoch or in its
    `batches`. Predictions of one number are of the second class above the `threshold`, None where that is halfway
    between the classes. `activations` are those that `with_activation` can give it, and `why_not` says why no page can
    train it, if that is so.
    """

    name: str
    objective: Objective
    parameters: Mapping[str, Value]
    shown: Callable[[Any], dict[str, Value]]
    also: Sequence[str]
    measured: str
    threshold: float | None
    regularise: float = 0.0
    activations: Sequence[str] = ("",)
    with_activation: Callable[[str], Any] | None = None
    why_not: str = ""


def of_network(network: Network) -> Learner:
    """A network of the lecture, or one with a loss of its own; λ Σ θ² is left to the page."""

    @contextmanager
    def changed(activation: str) -> Iterator[None]:
        held = network.activation, network.regularise
        network.activation, network.regularise = activation or network.activation, 0.0
        try:
            yield
        finally:
            network.activation, network.regularise = held

    def shown(x: Any) -> dict[str, Value]:
        found = {}
        with suppress(ValueError):  # a loss that has no z
            found["z"] = type(network).hidden(network, x)  # an attribute of this name may be how many there are
        return {**found, OUTPUT: network.predict(x)}

    given = network.activation
    others = [name for name in ACTIVATIONS if name != given] if "activation" in network.arguments() else []
    return Learner(
        network.name,
        network_objective(network),
        network.parameters,
        shown,
        (network.error_name, "accuracy"),
        "before",
        None if network.threshold == Network.threshold else network.threshold,
        network.regularise,
        (given, *others),
        changed,
    )


def of_model(model: Module, loss: Callable[[Any, Any], Value], engine_only: str = "") -> Learner:
    """A model of layers with its loss; `engine_only` is why a page cannot take its steps, if it cannot."""
    parts = [(path, part, part.in_each_step()) for path, part in model.named_modules()]
    drawing = next((f"its layer {path}, a {type(part).__name__}, {does}" for path, part, does in parts if does), "")

    def shown(x: Any) -> dict[str, Value]:
        found: list[tuple[str, Module, Value]] = []
        names = {id(part): path for path, part in model.named_modules() if len(list(part.named_modules())) == 1}

        def called(part: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
            output = part.forward(*inputs, **named)
            if id(part) in names and isinstance(output, Value):
                found.append((names[id(part)], part, output))
            return output

        with switched(observer, called), in_mode(model, training=False):
            output = model(x)
        told = [(f"layer {path}, {type(part).__name__}", value) for path, part, value in _told(found)]
        layers = {name: value for name, value in told if value is not output}
        return {**layers, OUTPUT: output}

    signed = loss in (nn.binary_cross_entropy_with_logits, nn.hinge_loss)
    also = ("accuracy",) if loss in ACCURACIES else ()
    parameters = dict(model.named_parameters())
    objective = model_objective(model, loss)
    name = type(model).__name__
    reason = engine_only or drawing
    return Learner(name, objective, parameters, shown, also, "batches", 0.0 if signed else None, why_not=reason)


def _told(found: Sequence[tuple[str, Module, Value]]) -> Iterator[tuple[str, Module, Value]]:
    """The layers worth a look: not those whose numbers an activation only bends, nor those that only flatten."""
    for i, (path, part, value) in enumerate(found):
        after = found[i + 1] if i + 1 < len(found) else None
        bent = after is not None and after[2].shape == value.shape and not after[1].parameters()
        if value.ndim > 1 and not bent and not isinstance(part, nn.Flatten) and _size(value) <= MOST_SHOWN:
            yield path, part, value


def _size(value: Value) -> int:
    return int(np.prod(value.shape[1:]))


def shown_of(learner: Learner, x: Array) -> dict[str, Array]:
    """What a learner shows of rows x, as arrays, (rows, ...)."""
    with no_grad():
        return {name: np.asarray(value.data) for name, value in learner.shown(x).items()}
