"""A loss over rows, some of them at a time: by the graph or a compiled program, with all parameters in one vector."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from inspect import signature
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.checking.constants import ConstantError, called, check_constants
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.extras import MissingExtra
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode
from microgradcnn.targets.backends.trainer import Trainer
from microgradcnn.targets.native.auto import AUTO, Workload
from microgradcnn.targets.program import BACKENDS, compile_for
from microgradcnn.targets.row_axis import RowsError
from microgradcnn.training.accuracy import ACCURACIES, at_least
from microgradcnn.training.checkpoint import Checkpoints, CheckpointWarning

Objective: TypeAlias = Callable[..., Sequence[Value]]  # of x, y and perhaps weights: the loss, further means over rows

ENGINES = ("eager", *BACKENDS, AUTO)
BLOCK = 256  # rows whose activations are in memory at once where there is nothing to differentiate


class Batches(ABC):
    """Rows x and y, and the loss of any of them, at parameters that are all in one vector, `flat`: assign it.

    `evaluate` sets `gradient`, a vector too, and `also`, what the objective gives besides the loss. `weights`, (n,) of
    mean 1, are what the rows count, None where all count the same. `engine` is what
    computes, and `begun` what the run began by, which a run that is resumed where that is not installed has not.
    """

    engine: str
    begun: str
    flat: Array
    gradient: Array
    also: list[float]

    def __init__(self, parameters: Sequence[Value], x: Array, y: Array, weights: Array | None = None) -> None:
        self.parameters = parameters
        self.take(x, y, weights)

    def take(self, x: Array, y: Array, weights: Array | None = None) -> None:
        """Go on with other rows like those before, from the numbers that the parameters have now."""
        self.x, self.y, self.weights = x, y, weights
        self.flat = _joined(p.data for p in self.parameters)

    @abstractmethod
    def evaluate(self, *rows: Array) -> float:
        """The loss at `flat` over the rows that are given, as `some` gives them, or over all."""

    def some(self, numbers: Any) -> tuple[Array, ...]:
        """The rows of these numbers: x, y, and where there are weights those, brought to a mean of 1."""
        if self.weights is None:
            return self.x[numbers], self.y[numbers]
        weights = self.weights[numbers]
        return self.x[numbers], self.y[numbers], weights / weights.mean()

    def weight(self, numbers: Array) -> float:
        """What the rows of these numbers count together."""
        return len(numbers) if self.weights is None else float(self.weights[numbers].sum())

    def write(self) -> None:
        """Give the parameters the numbers of `flat`."""
        for p, part in zip(self.parameters, self.parts(self.flat), strict=True):
            p.data = part

    def parts(self, flat: Array) -> list[Array]:
        """Numbers of all parameters in one vector as arrays, one for each."""
        ends = np.cumsum([np.size(p.data) for p in self.parameters])
        pairs = zip(self.parameters, np.split(flat, ends[:-1]), strict=True)
        return [part.reshape(p.shape) for p, part in pairs]


class Eager(Batches):
    """Builds the graph anew for every evaluation and runs the chain rule over it."""

    engine = begun = "eager"

    def __init__(self, objective: Objective, parameters: Sequence[Value], *rows: Any) -> None:
        super().__init__(parameters, *rows)
        self._objective = objective

    def evaluate(self, *rows: Array) -> float:
        """As Batches says."""
        self.write()
        for p in self.parameters:
            p.grad = None
        loss, *also = self._objective(*(rows or self.some(slice(None))))
        loss.backward()
        self.gradient = _joined(p.grad for p in self.parameters)
        self.also = [v.item() for v in also]
        return loss.item()


class Compiled(Batches):
    """Runs a program that was compiled once, with one of the backends of mg.compile, for all of a run."""

    def __init__(
        self, objective: Objective, parameters: Sequence[Value], backend: str, run: Workload, *rows: Any
    ) -> None:
        super().__init__(parameters, *rows)
        targets = np.reshape(self.y, (len(self.y), -1))
        two = [targets.min(axis=1).argmin(), targets.max(axis=1).argmax()]  # one that the loss ignores is no class
        inputs = _leaves(self.some(two))
        try:
            check_objective(objective, parameters, self.x, self.y, self.weights)
            loss, *also = objective(*inputs)
            self._program = compile_for(run, loss, parameters, inputs, backend, also)
        except (RowsError, ConstantError) as error:
            raise type(error)(f"{error}; or take engine='eager', which runs any loss") from None
        self.engine = self.begun = self._program.backend
        self._trainers: dict[int | None, Trainer] = {}  # by their number of rows; None has all, as they are

    def evaluate(self, *rows: Array) -> float:
        """As Batches says."""
        key = len(rows[0]) if rows else None
        if key not in self._trainers:
            self._trainers[key] = self._program.bind(*(rows or self.some(slice(None))))
        elif rows:
            self._trainers[key].set_inputs(rows)
        trainer = self._trainers[key]
        trainer.flat = self.flat
        loss = float(trainer.evaluate())
        self.gradient, self.also = trainer.gradient, [float(v) for v in trainer.also]
        return loss


def check_objective(
    objective: Objective, parameters: Sequence[Value], x: Array, y: Array, weights: Array | None = None
) -> None:
    """Raise ConstantError if the objective has constants, or a way by an if, that depend on its rows or parameters.

    It is called for batches that differ, at parameters that move a little in between. All have the least and the
    largest target, as one of these may be ignored, which is another loss.
    """
    n, held = len(y), [p.data for p in parameters]
    table, targets = (np.reshape(part, (n, -1)) for part in (x, y))
    low, high = targets.min(axis=1).argsort(kind="stable"), targets.max(axis=1).argsort(kind="stable")[::-1]
    far, apart = table.sum(axis=1), np.linspace(0, n - 1, 4).astype(int)
    inputs, calls = [], []
    try:
        for i, other in enumerate((high[1 % n], low[1 % n], far.argmin(), far.argmax(), *apart)):
            numbers = [*((high[0], low[0]) if i % 2 else (low[0], high[0])), other]
            inputs.append(_leaves([part[numbers] for part in (x, y, weights) if part is not None]))
            calls.append(called(objective, inputs[-1], parameters))
            for p in parameters:
                p.data = 1.01 * p.data + 0.001
    finally:
        for p, data in zip(parameters, held, strict=True):
            p.data = data
    for leaves, call in zip(inputs[1:], calls[1:], strict=True):
        check_constants(calls[0], call, {*parameters, *inputs[0], *leaves})


def _leaves(rows: Sequence[Array]) -> list[Value]:
    return [Value(part, label=name) for part, name in zip(rows, ("x", "y", "weights"), strict=False)]


def network_objective(network: Network) -> Objective:
    """Of rows x and y the objective of a network, its error, and the share of rows that it is right about."""
    right = at_least(network.threshold, below=0.0) if network.outputs == 1 else ACCURACIES[nn.cross_entropy]

    def objective(x: Any, y: Any) -> list[Value]:
        objective, error, prediction = network.measured(x, y)
        return [objective, error, right(prediction, y)]

    return objective


def model_objective(model: Module, loss: Callable[[Any, Any], Value]) -> Objective:
    """Of rows x and y, and perhaps weights, the loss of a model, and of a loss of classes its accuracy."""

    def objective(x: Any, y: Any, *weights: Any) -> list[Value]:
        found = model.of_rows(x)
        return [weighted(loss, found, y, *weights), *([ACCURACIES[loss](found, y)] if loss in ACCURACIES else [])]

    return objective


def batches(
    engine: str,
    run: Workload,
    objective: Objective,
    parameters: Sequence[Value],
    x: Array,
    y: Array,
    weights: Array | None = None,
) -> Batches:
    """Rows x, (n, ...), and y, (n, ...), whose loss is computed by "eager" or a backend of mg.compile.

    "auto" takes the backend that the run is worth, and keeps to it. With `weights`, (n,) of mean 1, the objective is
    given those of its rows as well. Raises MissingExtra where an engine is not installed, and what mg.compile raises.
    """
    if engine == "eager":
        return Eager(objective, parameters, x, y, weights)
    return Compiled(objective, parameters, engine, run, x, y, weights)


def resumable_batches(engine: str, checkpoints: Checkpoints | None, run: Workload, *what: Any) -> Batches:
    """The same, by the engine of the run that is resumed where "auto" is asked for.

    Without the extra of that one NumPy goes on, and a CheckpointWarning says so.
    """
    before = checkpoints.begun("engine") if checkpoints is not None and engine == AUTO else None
    try:
        return batches(before or engine, run, *what)
    except MissingExtra as error:
        if before is None:
            raise
        said = f"this run began by {before}: {error}; NumPy goes on with it, the same but for the last digits"
        warnings.warn(said, CheckpointWarning, stacklevel=3)
        rows = batches("numpy", run, *what)
        rows.begun = before
        return rows


def weighted(loss: Callable[..., Value], found: Any, y: Any, *weights: Any) -> Value:
    """`loss(found, y)`, a mean over rows, or with `weights`, (n,) of mean 1, the mean that they weigh.

    A loss weighs rows itself if it takes `sample_weight`, as one has to whose mean leaves rows out or weighs them.
    Raises ValueError for a loss that cannot say what each row costs.
    """
    if not weights:
        return loss(found, y)
    if "sample_weight" in signature(loss).parameters:
        return loss(found, y, sample_weight=weights[0])
    if "reduction" not in signature(loss).parameters:
        name = getattr(loss, "__qualname__", type(loss).__qualname__)
        raise ValueError(f"weights need what each row costs: let {name} take reduction='none', as the losses of mg.nn")
    rows = loss(found, y, reduction="none")
    return mg.mean(weights[0] * (mg.mean(rows, axis=tuple(range(1, rows.ndim))) if rows.ndim > 1 else rows))


def check_rows(loss: Callable[..., Value], model: Module, x: Array, y: Array, weighed: bool = False) -> None:
    """Raise what the loss raises of any of the targets, if every row has the outputs of the first.

    ValueError, too, where the model gives none for each row, where the loss takes classes and there is one number a
    row, and where rows are to be weighed, and weights of 1 change the loss: its mean is not that of its rows.
    """
    with no_grad():
        one = outputs(model, x[:1])
        if one.shape[:1] != (1,):
            raise ValueError(
                f"the model gives an output of shape {one.shape} for the row of shape {x[:1].shape}: it takes rows, "
                "(n, ...), and gives one output for each, (n, ...); x[:, 0] is a column, and so is each in x.T"
            )
        found = Value(np.broadcast_to(one, (len(x), *one.shape[1:])))
        try:
            plain = loss(found, y)
        except ValueError as error:
            if loss is not nn.cross_entropy or one.size > 1:
                raise
            raise ValueError(f"{error}: {_one_output(one, y)}") from None
        if not weighed:
            return
        with_ones = weighted(loss, found, y, np.ones(len(y), x.dtype))
    if abs(with_ones.item() - plain.item()) > 1e-4 * abs(plain.item()):
        name = getattr(loss, "__qualname__", type(loss).__qualname__)
        raise ValueError(
            f"with weights of 1 the loss would be {with_ones.item():.6g} instead of {plain.item():.6g}, as the mean of "
            f"{name} is not that of what each row costs: let it take sample_weight, (n,), as nn.cross_entropy does"
        )


def _one_output(found: Array, y: Array) -> str:
    """What loss to take for targets y where a model gives one number a row, and cross_entropy takes one a class."""
    signs = bool(np.isin(y, (-1.0, 1.0)).all())
    zeros = bool(np.isin(y, (0.0, 1.0)).all())
    fit = ("hinge_loss", "binary_cross_entropy_with_logits", "mse_loss")[0 if signs else 1 if zeros else 2]
    column = " and y.reshape(-1, 1)" if y.ndim == 1 and found.ndim == 2 else ""
    return f"the model gives one number a row; for these targets take loss=nn.{fit}{column}"


def check_finite(x: Array, y: Array) -> None:
    """Raise ValueError, naming the first, where x or y has a NaN or an infinity."""
    for name, array in (("x", x), ("y", y)):
        if not np.isfinite(array).all():
            where = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
            raise ValueError(f"{name}[{', '.join(map(str, where))}] is {array[where]}: training needs finite numbers")


def row_weights(
    y: Array, class_weight: Mapping[Any, float] | str | None, sample_weight: Any = None, classes: Array | None = None
) -> Array | None:
    """What every row counts, (n,): its `sample_weight` times the weight of its class y; None where neither is given.

    As in scikit-learn "balanced" is n / (classes · rows of the class), where rows are counted by their own weights, and
    a class that a dict leaves out counts 1.
    `classes` are all that there may be, those of y unless given. Raises ValueError for weights that are no finite
    numbers ≥ 0, one for each row, or all 0, for rows of several classes or of numbers that are none, and for a dict
    whose classes are not those of y.
    """
    if class_weight is None and sample_weight is None:
        return None
    found = np.ones(len(y)) if sample_weight is None else bare_array(sample_weight).astype(np.float64)
    if found.shape != (len(y),):
        raise ValueError(f"sample_weight must have a number for each of the {len(y)} rows, not shape {found.shape}")
    if class_weight is not None:
        found = found * _of_classes(y, class_weight, found, y if classes is None else classes)
    if not (np.isfinite(found) & (found >= 0.0)).all() or not found.any():
        span = f"go from {found.min()} to {found.max()}"
        raise ValueError(f"weights of rows must be finite numbers ≥ 0 that are not all zero, and these {span}")
    return found


def _of_classes(y: Array, class_weight: Mapping[Any, float] | str, rows: Array, known: Array) -> Array:
    if y.size != len(y):
        raise ValueError(f"class_weight needs one class a row, not y of shape {y.shape}")
    if y.dtype.kind == "f" and np.any(y % 1):
        raise ValueError("class_weight is for classes, and y has fractions: weigh its rows by sample_weight")
    classes, numbers = np.unique(y, return_inverse=True)
    numbers = numbers.reshape(-1)
    if isinstance(class_weight, Mapping):
        there = np.unique(known).tolist()
        if (others := [c for c in class_weight if c not in there]) and not set(there) <= set(class_weight):
            raise ValueError(
                f"class_weight has a weight for {others[0]!r}, and y the classes {', '.join(map(str, there))}"
            )
        weights = np.array([class_weight.get(c, 1.0) for c in classes.tolist()], np.float64)
    elif isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(numbers, rows)
        weights = rows.sum() / (np.count_nonzero(counts) * np.where(counts, counts, np.inf))
    else:
        raise ValueError(f"class_weight is a dict of classes and weights, 'balanced' or None, not {class_weight!r}")
    return weights[numbers]


def outputs(model: Module, x: Array) -> Array:
    """What the model gives in eval() mode for rows x, (n, ...), computed some rows at a time."""
    starts = range(0, max(len(x), 1), BLOCK)
    with no_grad(), in_mode(model, training=False):
        found = [model.of_rows(Value(x[start : start + BLOCK])) for start in starts]
    if not isinstance(found[0], Value):
        raise TypeError(f"fit takes one Value of a model, not a {type(found[0]).__name__}: give it mg.concatenate(...)")
    return np.concatenate([output.data for output in found])


def _joined(arrays: Iterable[Any]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays])
