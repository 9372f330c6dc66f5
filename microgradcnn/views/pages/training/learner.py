"""What a page trains: a network of the lecture or a model of layers, its loss, its parameters, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import reached
from microgradcnn.engine.record import TABLE
from microgradcnn.engine.value import Value, switched
from microgradcnn.networks import Network
from microgradcnn.networks.network import ACTIVATIONS
from microgradcnn.networks.roles import replayed
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode, observer
from microgradcnn.training.accuracy import ACCURACIES
from microgradcnn.training.batches import Objective, model_objective, network_objective

MOST_SHOWN = 4000  # numbers of one layer for one row
MOST_TIED = 64  # parameters, of which it is found out whether they are shared by the steps of a recurrence
OUTPUT = "ŷ"
Loss: TypeAlias = Callable[[Any, Any], Value]
BENDING: dict[str, type[Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}  # to choose among
ACTIVATED = {"relu", "tanh", "sigmoid", "softplus", "sin", "cos", "arctan", "gelu_tanh"}  # what makes a hidden unit


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
        output = network.predict(x)
        return {**(found or hidden_layers(output, network.parameters.values())), OUTPUT: output}

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


def of_model(model: Module, loss: Loss, engine_only: str = "") -> Learner:
    """A model of layers with its loss; `engine_only` is why a page cannot take its steps, if it cannot."""
    parts = [(path, part, part.in_each_step()) for path, part in model.named_modules()]
    drawing = next((f"its layer {path}, a {type(part).__name__}, {does}" for path, part, does in parts if does), "")

    given, bending = _activations(model)

    @contextmanager
    def changed(activation: str) -> Iterator[None]:
        other = BENDING[activation or given]()
        for part in bending:
            vars(part)["forward"] = other.forward  # of this one layer, in place of its class's
        try:
            yield
        finally:
            for part in bending:
                del vars(part)["forward"]

    def shown(x: Any) -> dict[str, Value]:
        found: list[tuple[str, Module, Value]] = []
        names = {id(part): path for path, part in model.named_modules() if len(list(part.named_modules())) == 1}

        def called(part: Any, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
            output = part.forward(*inputs, **named)
            first = output[0] if isinstance(output, tuple) and output else output  # of a recurrence, and its state
            if id(part) in names and isinstance(first, Value):
                found.append((names[id(part)], part, first))
            return output

        with switched(observer, called), in_mode(model, training=False):
            output = model.of_rows(x)
        told = [(path if part in bending else f"{path}, {type(part).__name__}", v) for path, part, v in _told(found)]
        named = [(name if name.startswith("layer") else f"layer {name}", value) for name, value in told]
        layers = {name: value for name, value in named if value is not output}
        steps = len({name for name, _ in named}) < len(named)  # layers that are called again and again
        hidden = hidden_layers(output, model.parameters()) if steps or not layers else {}
        return {**(hidden or layers), OUTPUT: output}

    signed = loss in (nn.binary_cross_entropy_with_logits, nn.hinge_loss)
    also = ("accuracy",) if loss in ACCURACIES else ()
    parameters = dict(model.named_parameters())
    objective = model_objective(model, loss)
    name = type(model).__name__
    reason = engine_only or drawing
    threshold = 0.0 if signed else None
    told = Learner(name, objective, parameters, shown, also, "batches", threshold, why_not=reason)
    if not bending:
        return told
    return replace(told, activations=(given, *(other for other in BENDING if other != given)), with_activation=changed)


def _activations(model: Module) -> tuple[str, list[Module]]:
    """The activation that all layers of activation have, but the last layer of all, and those; "" and none if mixed."""
    leaves = [part for _, part in model.named_modules() if len(list(part.named_modules())) == 1]
    found = [(name, part) for part in leaves[:-1] for name, kind in BENDING.items() if type(part) is kind]
    names = {name for name, _ in found}
    return (names.pop(), [part for _, part in found]) if len(names) == 1 else ("", [])


def _told(found: Sequence[tuple[str, Module, Value]]) -> Iterator[tuple[str, Module, Value]]:
    """The layers worth a look: not those whose numbers an activation only bends, nor those that only flatten."""
    for i, (path, part, value) in enumerate(found):
        after = found[i + 1] if i + 1 < len(found) else None
        bent = after is not None and after[2].shape == value.shape and not after[1].parameters()
        if value.ndim > 1 and not bent and not isinstance(part, nn.Flatten) and _size(value) <= MOST_SHOWN:
            yield path, part, value


def _size(value: Value) -> int:
    return int(np.prod(value.shape[1:]))


def bendable(learner: Learner, x: Array, y: Array) -> Learner:
    """The learner with activations to choose where it had none, but all its hidden units, of rows x and y, have one.

    That one is whatever primitive of BENDING its graph has where parameters are multiplied by what comes of it.
    """
    if len(learner.activations) > 1:
        return learner
    parameters = [*learner.parameters.values()]
    names = {node.op.name for node in hidden_units(learner.objective(Value(x), Value(y)), parameters) if node.op}
    if len(names) != 1:
        return learner
    (given,) = names
    chosen = [given]

    def bent(outputs: Sequence[Value]) -> list[Value]:
        other = dict.fromkeys(hidden_units(outputs, parameters) if chosen[-1] != given else (), TABLE[chosen[-1]])
        return replayed(outputs, {}, other)

    def shown(rows: Any) -> dict[str, Value]:
        found = learner.shown(rows)
        names = [name.removeprefix(f"{given}, ") for name in found]
        return dict(zip(names, bent([*found.values()]), strict=True))

    @contextmanager
    def changed(activation: str) -> Iterator[None]:
        chosen.append(activation or given)
        try:
            with learner.with_activation("") if learner.with_activation is not None else nullcontext():
                yield
        finally:
            chosen.pop()

    return replace(
        learner,
        objective=lambda *rows: bent(learner.objective(*rows)),
        shown=shown,
        activations=(given, *(other for other in BENDING if other != given)),
        with_activation=changed,
    )


def hidden_units(outputs: Sequence[Value], parameters: Sequence[Value]) -> list[Value]:
    """The nodes of BENDING whose results are multiplied by what depends on parameters, on the way to the outputs."""
    order, weighed, later = reached(outputs), {*parameters}, set[Value]()
    for node in order:
        if any(parent in weighed for parent in node.parents):
            weighed.add(node)
    for node in reversed(order):
        product = node.op is not None and (node.op.name == "mul" or node.op.work == "product")
        for parent in node.parents:
            others = [other for other in node.parents if other is not parent]
            if node in later or (product and any(other in weighed for other in others)):
                later.add(parent)
    return [node for node in order if node in later and node.op is not None and node.op.name in BENDING]


def hidden_layers(output: Value, parameters: Iterable[Value]) -> dict[str, Value]:
    """The hidden units of a network that nobody has named: what each activation on the way to `output` gives.

    Those that are as many activations away from the inputs are a layer, (rows, ...), whether they are arrays or columns
    of numbers, and a step where all of them have parameters in common. Needs the graph of the output.
    """
    rows, fixed, depth = output.shape[:1], {*parameters}, dict[Value, int]()
    layers: dict[tuple[str, int], list[Value]] = {}
    few = fixed if len(fixed) <= MOST_TIED else ()
    near: dict[Value, set[Value]] = {p: {p} for p in few}  # the parameters since the last activation

    def of_a_row(v: Value) -> bool:
        return v in depth or (v.op is None and v not in fixed and v.shape[:1] == rows != ())

    shared: dict[str, set[Value]] = {}
    for node in reached([output]):
        near.setdefault(node, set()).update(*(near.get(p, ()) for p in node.parents))
        if node.op is None or not any(map(of_a_row, node.parents)):
            continue
        depth[node] = max(depth.get(parent, 0) for parent in node.parents)
        if node.op.name in ACTIVATED and node.shape[:1] == rows and node is not output:
            depth[node] += 1
            layers.setdefault((node.op.name, depth[node]), []).append(node)
            shared[node.op.name] = shared.get(node.op.name, near[node]) & near[node]
            near[node] = set()
    said = {output}  # and what only stands elsewhere in it
    for node in reversed(reached([output])):
        said |= {*node.parents} if node in said and node.op is not None and node.op.work == "moves" else set()
    found = {}
    for (op, deep), nodes in layers.items():
        units = [node.reshape(rows[0], -1) if len(nodes) > 1 else node for node in nodes]
        layer = mg.concatenate(units, axis=1) if len(units) > 1 else units[0]
        if not {*nodes} <= said and _size(layer) <= MOST_SHOWN:
            word = "step" if shared[op] and len([name for name, _ in layers if name == op]) > 1 else "layer"
            found[f"{op}, {word} {deep}"] = layer if layer.ndim > 1 else layer.reshape(-1, 1)
    return found


def shown_of(learner: Learner, x: Array) -> dict[str, Array]:
    """What a learner shows of rows x, as arrays, (rows, ...)."""
    return {name: np.asarray(value.data) for name, value in learner.shown(x).items()}
