"""The table of the lesson: every network's gradients found four ways, its trainings, and the ladder of exercises."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgradcnn.checking.check import check_gradients
from microgradcnn.checking.debug import NonFiniteError, debug
from microgradcnn.data import DataError, Dataset, load, two_classes
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.experiment import Experiment, experiment
from microgradcnn.fit import DivergedError, Training, accuracy, train
from microgradcnn.lesson.course import Course, LeftOutWarning
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.networks import NETWORKS, ModuleNetwork, Network
from microgradcnn.networks.losses.written_loss import UntrainableError
from microgradcnn.networks.of_a_module import FEWEST_ROWS
from microgradcnn.networks.roles import replayed

OF_MODULES = {"epochs": 300, "rate": 0.01, "batch": 32}  # of what `fit` trains
BUILT_IN = ("side", "bars", "wedge")  # what a network is trained on where a course names no data
REGULARISE = 1e-3
TOLERANCE = 1e-7
ROWS = 4
LOGARITHM = re.compile("log|softplus")  # in the names of primitives
SAMPLE = 60  # parameters, of more, whose gradients are found by differences


@dataclass(frozen=True)
class Checks:
    """How far gradients are from the tensor form's: the largest difference, as a share of the largest component.

    `scalar_form` is None for a network that is written with arrays only, and `closed_form` for one whose gradients
    nobody has worked out.
    """

    scalar_form: float | None
    closed_form: float | None
    differences: float

    @property
    def worst(self) -> float:
        """The largest of all."""
        return max(self.scalar_form or 0.0, self.closed_form or 0.0, self.differences)

    @property
    def ways(self) -> int:
        """In how many ways gradients were found, the tensor form among them."""
        return 2 + (self.scalar_form is not None) + (self.closed_form is not None)


@dataclass(frozen=True)
class NetworkRow:
    """One network's line of the lesson's table.

    By the names of data sets, `diverged` has what became of trainings that left no parameters, and `left_out` why there
    were none; under "" why there was none on any built-in one.
    """

    network: str
    section: str
    loss: str
    parameters: int
    checks: Checks
    runs: dict[str, Experiment]
    regularise: float = REGULARISE
    diverged: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Whether every gradient agrees to 1e-7, and every training converged or, of a module, had its epochs."""
        return not self.wrong and not self.unfinished

    @property
    def wrong(self) -> bool:
        """Whether gradients found in different ways disagree by more than 1e-7."""
        return not self.checks.worst <= TOLERANCE

    @property
    def unfinished(self) -> dict[str, str]:
        """What became of the trainings that did not converge, by their data; those of modules only count epochs."""
        runs = {name: run.training for name, run in self.runs.items()}
        going = {name: run.message for name, run in runs.items() if not (run.converged or run.stable_rate is None)}
        return self.diverged | going


def lesson(seed: int = 0, progress: bool = False, course: Course = LECTURE) -> Iterator[NetworkRow]:
    """A row for each network of a course, the lecture's six unless another is given."""
    data = data_sets(course)
    for name in course.networks:
        yield network_row(name, data, seed, progress, course)


def network_row(
    name: str, data: Mapping[str, Dataset], seed: int = 0, progress: bool = False, course: Course = LECTURE
) -> NetworkRow:
    """The row of one network of a course, trained on each of the `data`, without any on built-in ones that fit.

    What it cannot be trained on is told in a LeftOutWarning. Raises KeyboardInterrupt if Ctrl-C ended a training.
    """
    kind = course.networks[name]
    known = name if NETWORKS.get(name) is kind else kind  # files of parameters have the name that it is known by
    options: dict[str, Any] = {"regularise": REGULARISE} if "regularise" in kind.arguments() else {}
    built = kind(**options, seed=seed)
    checks = check_network(built, seed)
    training = {"progress": progress} | (OF_MODULES if built.module is not None else {})
    cause = "no built-in data set fits it, so give one, as in --data rows.csv"
    if built.module is not None:
        cause += f", or an example of {FEWEST_ROWS} rows or more"
    runs, diverged, left_out = dict[str, Experiment](), dict[str, str](), dict[str, str]()
    for which, rows in (data or {**_built_in(built), **own_rows(kind, data)}).items():
        try:
            target = "number" if rows.classes is None else None
            done = experiment(known, rows, seed=seed, target_kind=target, network=options, training=training)
        except DivergedError as error:
            diverged[which] = _why_diverged(built, rows, error)
            continue
        except ValueError as error:
            cause = str(error) if isinstance(error, UntrainableError) else cause
            left_out[which] = error.sentence if isinstance(error, DataError) else str(error)
            continue
        uninterrupted(done.training)
        if not done.training.history:
            left_out[which] = done.training.message
            continue
        runs[which] = done
        if not data:
            break
    if not data:
        diverged, left_out = {}, {} if runs else {"": cause}
    for which, why in (diverged | left_out).items():
        _left_out(f"{name} is not trained{f' on {which}' if which else ''}: {why}")
    count = sum(np.size(p.data) for p in built.parameters.values())
    return NetworkRow(name, built.section, built.formula, count, checks, runs, built.regularise, diverged, left_out)


def _why_diverged(network: Network, rows: Dataset, error: DivergedError) -> str:
    """What the error says, and what can be done: of a loss that is none of numbers no rate is small enough."""
    loss = network.loss(*network.drawn_rows(1, np.random.default_rng(0)))
    logarithms = any(node.op is not None and LOGARITHM.search(node.op.name) for node in topological(loss))
    if rows.classes is None and logarithms:
        what = str(error).partition(";")[0]
        return (
            f"{what}; a loss with a logarithm, as cross-entropy is one, takes y = 0 or 1, and {rows.target} is a number"
        )
    return f"{error} (a lesson takes no rate, `microgradcnn train` does)"


def score(done: Experiment) -> float:
    """The accuracy on the rows of the test, for numbers R²."""
    return done.test_accuracy if done.test_r2 is None else done.test_r2


def _built_in(network: Network) -> dict[str, Dataset]:
    """The small data sets that are always there, those as wide as the network is by itself first."""
    found = {name: data_set(name, {}) for name in BUILT_IN}
    return dict(sorted(found.items(), key=lambda item: item[1].x.shape[1] != network.inputs))


def own_rows(kind: type[Network], data: Mapping[str, Dataset]) -> Mapping[str, Dataset]:
    """What a course has as data; where that is nothing the rows that a module was given with, if they are enough."""
    if data or not issubclass(kind, ModuleNetwork) or (rows := kind.given_rows()) is None:
        return data
    return {rows.name: rows}


def data_set(name: str, data: Mapping[str, Dataset]) -> Dataset:
    """The data set of a name: one of `data`, or a built-in one of two classes."""
    return data[name] if name in data else two_classes(load(name))


def _left_out(sentence: str) -> None:
    warnings.warn(sentence, LeftOutWarning, stacklevel=2)


def data_sets(course: Course = LECTURE) -> dict[str, Dataset]:
    """The data sets of a course; the lecture's are `side`, and digits where scikit-learn is installed."""
    return dict(course.data())


def uninterrupted(run: Training) -> None:
    """Raises KeyboardInterrupt if Ctrl-C ended a training that is one part of a whole."""
    if run.status == "interrupted":
        raise KeyboardInterrupt


def ladder(starts: int = 4, epochs: int = 4000, course: Course = LECTURE) -> Iterator[tuple[str, float]]:
    """What each network adds, if the course has a ladder: the names in it, and each one's accuracy on all its rows.

    It is the best of some starts, by gradient descent at η = 0.5 with λ = 0; one start that is always right will do.
    """
    if course.ladder is None:
        return
    rows = load(course.ladder.data)
    for name in course.ladder.networks:
        best = 0.0
        for seed in range(starts):
            network = course.networks[name](seed=seed)
            uninterrupted(train(network, rows.x, rows.y, rate=0.5, schedule="constant", epochs=epochs))
            best = max(best, accuracy(network, rows.x, rows.y))
            if best == 1.0:
                break
        yield name, best


def check_network(network: Network, seed: int = 0) -> Checks:
    """The gradients of the mean loss over four rows that the network draws, found in up to four ways.

    Of squared losses two rows have ŷ above y and two below; of several outputs the rows go through the classes. Raises
    ValueError where the loss depends on no parameter, or is not finite.
    """
    x, y = network.drawn_rows(ROWS, np.random.default_rng(seed))
    _check_finite(network, x, y)
    if network.error_name == "mean_squared_error":
        y = network.predict(x).data + np.array([0.7, -0.7, 1.3, -1.3])
    tensor = _gradient(network, x, y)
    scale = max(float(np.abs(g).max()) for g in tensor.values()) or 1.0

    rows = list(zip(x, y.tolist(), strict=True))

    def distance(each: Sequence[dict[str, Array]]) -> float:
        errors = [np.abs(sum(g[name] for g in each) / ROWS - wanted).max() for name, wanted in tensor.items()]
        return float(max(errors)) / scale

    closed = [gradients for row in rows if (gradients := network.closed_form(*row)) is not None]
    return Checks(
        distance([_scalar_gradient(network, *row) for row in rows]) if network.scalar else None,
        distance(closed) if closed else None,
        _differences(network, x, y),
    )


def _check_finite(network: Network, x: Array, y: Array) -> None:
    """Raises ValueError, with the primitive that it came out of, for a loss that is NaN or infinite to begin with."""
    if np.isfinite(network.loss(x, y).data):
        return
    where = ", ".join(f"{name} = {p.item():g}" for name, p in network.parameters.items() if not p.shape)
    try:
        with debug():
            network.loss(x, y)
    except NonFiniteError as error:
        at = f" at {where}" if where else ""
        raise ValueError(f"the loss of {network.name} has no gradient{at}, where {error.brief}") from None


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
    """All parameters are checked as one array, so that errors are a share of the largest component of all.

    Of many that are Values of their own a sample is, as check_gradients takes one of an array's elements.
    """
    parameters, rng = list(network.parameters.values()), np.random.default_rng(0)
    if len(parameters) > SAMPLE:
        parameters = [parameters[i] for i in rng.permutation(len(parameters))[:SAMPLE]]
    written, sizes = network.loss(x, y), [np.size(p.data) for p in parameters]
    ends = np.cumsum(sizes).tolist()

    def loss(numbers: Value) -> Value:
        taken = [
            numbers[end - size : end].reshape(p.shape) for p, size, end in zip(parameters, sizes, ends, strict=True)
        ]
        return replayed([written], dict(zip(parameters, taken, strict=True)))[0]

    found = check_gradients(loss, Value(np.concatenate([np.ravel(p.data) for p in parameters])), order=1)
    return math.inf if found.verdict == "undecidable" else found.error
