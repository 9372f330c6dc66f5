"""The table of the lesson: every network's gradients found four ways, its trainings, and the ladder of exercises."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from microgradcnn.checking.check import check_gradients
from microgradcnn.data import Dataset, load, shrink, two_classes
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.experiment import Experiment, experiment
from microgradcnn.extras import MissingExtra
from microgradcnn.fit import Training, accuracy, train
from microgradcnn.networks import NETWORKS, Network

REGULARISE = 1e-3
TOLERANCE = 1e-7
ROWS = 4


@dataclass(frozen=True)
class Checks:
    """How far gradients are from the tensor form's: the largest difference, as a share of the largest component.

    `closed_form` is None for a network whose gradients nobody has worked out.
    """

    scalar_form: float
    closed_form: float | None
    differences: float

    @property
    def worst(self) -> float:
        """The largest of all."""
        return max(self.scalar_form, self.closed_form or 0.0, self.differences)


@dataclass(frozen=True)
class NetworkRow:
    """One network's line of the lesson's table."""

    network: str
    section: str
    loss: str
    parameters: int
    checks: Checks
    runs: dict[str, Experiment]

    @property
    def right(self) -> bool:
        """Whether every gradient agrees to 1e-7 and every training converged."""
        return self.checks.worst <= TOLERANCE and all(run.training.converged for run in self.runs.values())


def lesson(seed: int = 0, progress: bool = False) -> Iterator[NetworkRow]:
    """A row for each of the six networks; digits are trained on only where scikit-learn is installed."""
    data = data_sets()
    for name in NETWORKS:
        yield network_row(name, data, seed, progress)


def network_row(name: str, data: Mapping[str, Dataset], seed: int = 0, progress: bool = False) -> NetworkRow:
    """The row of one network, trained on each of the `data`. Raises KeyboardInterrupt if Ctrl-C ended a training."""
    runs = {}
    for which, rows in data.items():
        network, training = {"regularise": REGULARISE}, {"progress": progress}
        runs[which] = experiment(name, rows, seed=seed, network=network, training=training)
        uninterrupted(runs[which].training)
    built = NETWORKS[name](regularise=REGULARISE, seed=seed)
    count = sum(np.size(p.data) for p in built.parameters.values())
    return NetworkRow(name, built.section, built.formula, count, check_network(built, seed), runs)


def data_sets() -> dict[str, Dataset]:
    """The lesson's data: `side`, and the digits 6 and 7 averaged down to 3×3 where scikit-learn is installed."""
    found = {"side": two_classes(load("side"))}
    with suppress(MissingExtra):
        found["digits"] = shrink(two_classes(load("digits"), ("6", "7")), 3)
    return found


def uninterrupted(run: Training) -> None:
    """Raises KeyboardInterrupt if Ctrl-C ended a training that is one part of a whole."""
    if run.status == "interrupted":
        raise KeyboardInterrupt


def ladder(starts: int = 4, epochs: int = 4000) -> Iterator[tuple[str, float]]:
    """What each exercise adds, on the data set `bars`: every convolutional network and its accuracy on all rows.

    It is the best of some starts, by gradient descent at η = 0.5 with λ = 0; one start that is always right will do.
    """
    bars = load("bars")
    for name in ("conv_average", "two_conv_average", "conv_linear", "two_conv_average_linear", "two_conv_linear"):
        best = 0.0
        for seed in range(starts):
            network = NETWORKS[name](seed=seed)
            uninterrupted(train(network, bars.x, bars.y, rate=0.5, schedule="constant", epochs=epochs))
            best = max(best, accuracy(network, bars.x, bars.y))
            if best == 1.0:
                break
        yield name, best


def check_network(network: Network, seed: int = 0) -> Checks:
    """The gradients of the mean loss over four random rows, found in four ways.

    Two have ŷ above y and two below; of several outputs the rows go through the classes.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, network.inputs))
    if network.outputs == 1:
        y = network.predict(x).data + np.array([0.7, -0.7, 1.3, -1.3])
    else:
        y = np.arange(ROWS) % network.outputs
    tensor = _gradient(network, x, y)
    scale = max(float(np.abs(g).max()) for g in tensor.values())

    rows = list(zip(x, y.tolist(), strict=True))

    def distance(each: Sequence[dict[str, Array]]) -> float:
        errors = [np.abs(sum(g[name] for g in each) / ROWS - wanted).max() for name, wanted in tensor.items()]
        return float(max(errors)) / scale

    closed = [gradients for row in rows if (gradients := network.closed_form(*row)) is not None]
    return Checks(
        distance([_scalar_gradient(network, *row) for row in rows]),
        distance(closed) if closed else None,
        _differences(network, x, y),
    )


def _gradient(network: Network, x: Array, y: Array) -> dict[str, Array]:
    for p in network.parameters.values():
        p.grad = None
    network.loss(x, y).backward()
    return {name: np.asarray(p.grad) for name, p in network.parameters.items()}


def _scalar_gradient(network: Network, row: Array, target: float) -> dict[str, Array]:
    """The scalar form's gradients, put back into the shapes of the tensors."""
    example = network.example(row, target)
    example.loss.backward()
    grads = {label: v.grad or 0.0 for label, v in example.parameters.items()}
    return {
        name: np.array([grads[label] for label in network.labels(name)]).reshape(p.shape)
        for name, p in network.parameters.items()
    }


def _differences(network: Network, x: Array, y: Array) -> float:
    names, held = list(network.parameters), dict(network.parameters)

    def loss(*values: Value) -> Value:
        network.parameters = dict(zip(names, values, strict=True))
        return network.loss(x, y)

    try:
        found = check_gradients(loss, *held.values(), order=1)
        return math.inf if found.verdict == "undecidable" else found.error
    finally:
        network.parameters = held
