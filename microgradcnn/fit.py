"""Training, a network of the lecture until it has converged or a model of layers for some epochs; and how right it is.

`train` and `fit` check what they are given, and run the loop of training.loop under a Schedule, with Checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, TypeAlias, Unpack

import numpy as np

from microgradcnn import nn
from microgradcnn.data.images import check_shift
from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode
from microgradcnn.targets.native.auto import AUTO
from microgradcnn.targets.row_axis import RowsError
from microgradcnn.training.accuracy import Evaluation, check_loss, evaluated, rows_and_targets
from microgradcnn.training.batches import (
    ENGINES,
    check_finite,
    check_rows,
    model_objective,
    network_objective,
    outputs,
    resumable_batches,
    row_weights,
)
from microgradcnn.training.checkpoint import Checkpoints, described, digest
from microgradcnn.training.convergence import Converged, dead_start, default_rate, equal_units, largest_stable_rate
from microgradcnn.training.descent import Descent, Recorder
from microgradcnn.training.loop import DivergedError, LectureLoop, ModelLoop, Training
from microgradcnn.training.schedule import OF_MODELS, OF_NETWORKS, Schedule, Singly, check_known, check_whole, grouped
from microgradcnn.training.stopping import (
    Callback,
    EpochEnd,
    History,
    Patience,
    Stop,
    all_epochs,
    check_callbacks,
    ending,
    policy,
)

__all__ = [
    "Checkpoints",
    "DivergedError",
    "EpochEnd",
    "Patience",
    "Schedule",
    "Training",
    "accuracy",
    "evaluate",
    "fit",
    "train",
]

Loss: TypeAlias = Callable[[Any, Any], Value]
Rows: TypeAlias = tuple[Array, Array]


Fit = Training  # what fit gave before there was one of both: pickles of it find the class under that name


@np.errstate(over="ignore", invalid="ignore")  # divergence is an error of its own
def train(
    network: Network,
    x: Array,
    y: Array,
    schedule: Schedule | str | None = None,
    *,
    seed: int = 0,
    engine: str = AUTO,
    checkpoints: Checkpoints | None = None,
    progress: bool = False,
    page: Any = None,
    snapshots: int | None = None,
    **singly: Unpack[Singly],
) -> Training:
    """Train `network` on rows x, (n, inputs), and y, (n,), until it has converged or the epochs have run out.

    y are numbers, or the classes 0, 1, ... of a network of several outputs. Converged means ‖∇f‖ ≤ 1e-3 of its start
    and an error below 0.9 of that of guessing, the variance of numbers or the entropy of classes: under a decreasing
    rate a loss that hardly changes proves nothing. The rate is chosen from the largest stable one unless given. Steps
    take all rows, or `batch` of them shuffled with `seed`. Ctrl-C keeps the best parameters so far. `engine` is "eager"
    or a backend of mg.compile, "auto" the one that pays for all of the run; all take the same steps. An epoch costs a
    forward and backward pass of n rows, two with batches. `checkpoints` save the run, also at its end and on Ctrl-C, so
    that it goes on to the bit as if it had never stopped; the network's own numbers are not used then.

    A run that is finished goes on when it is resumed with more epochs: they are run at the rates that the longer
    schedule has for them. `page` is a file, such as "run.html", in which the network trains from the same start in the
    same steps, to play with, or a TrainingPage, which knows more of the rows; a PageWarning says why there is none.
    `snapshots=10` keeps the parameters after every tenth epoch for plots.training, those of the start and the end too;
    checkpoints hold them, so that a run that is resumed has all of them again.

    Without groups the arguments are epochs, rate, schedule (the decay), batch, optimiser, clip and clip_value, those of
    OF_NETWORKS unless given, and checkpoint (the folder), every and resume. Raises ValueError for bad arguments,
    DivergedError at the first NaN or infinity, MissingExtra for an engine that is not installed, FileError for a
    checkpoint that is damaged, of another run or cannot be written.
    """
    if len(np.shape(x)) != 2 or len(x) == 0 or np.shape(y) != (len(x),):
        raise ValueError(f"x must be (n, inputs) and y (n,) with n ≥ 1, not {np.shape(x)} and {np.shape(y)}")
    schedule, checkpoints = grouped(OF_NETWORKS, schedule, checkpoints, singly)
    check_whole("seed", seed, 0)
    check_whole("snapshots", 1 if snapshots is None else snapshots, 1)
    check_known(engine, ENGINES)
    x, y = _frozen(x), _frozen(y)
    check_finite(x, y)
    network.check_rows(x)
    about = {"network": network.name, "options": network.options(), "data": _about_data(x, y)}
    what = network_objective(network), list(network.parameters.values()), x, y
    rows = resumable_batches(engine, checkpoints, schedule.workload(len(x)), *what)
    about |= schedule.about() | {"seed": seed, "engine": rows.begun}
    folder = None if checkpoints is None else checkpoints.open(schedule.epochs, about)
    found = None if folder is None else folder.found
    start = found.state["start"] if found is not None else _start(network, x, y, schedule)
    stable, rate, equal = start
    if found is None and (dead := dead_start(network, x)) is not None:
        return Training(rate, stable, "dead", dead, engine=rows.engine)
    descent = Descent(rows, schedule.optimiser, seed, clip=schedule.clip, clip_value=schedule.clip_value)
    recorder, stop = Recorder(descent, folder, snapshots, start=start), Converged(network, y)
    watched = replace(schedule, rate=rate) if rate else schedule  # of rows that overflow it is 0, which the loop tells
    with _watched(page, network, (x, y), watched, seed, recorder) as watching:
        status = LectureLoop(recorder, schedule, rate, stop, network, stable, watching).run(progress)
    message = stop.report(status, descent.history)
    if equal is not None and descent.history:
        pair = f"hidden units {equal[0]} and {equal[1]}"
        message += f"; {pair} started equal and stay equal for ever: start them differently"
    kept = recorder.snapshots(network.parameters)
    return Training(rate, stable, status, message, descent.history, kept, rows.engine)


def fit(
    model: Module,
    x: Any,
    y: Any,
    schedule: Schedule | str | None = None,
    *,
    loss: Loss = nn.cross_entropy,
    shift: int = 0,
    seed: int = 0,
    engine: str = AUTO,
    validation: tuple[Any, Any] | None = None,
    stop: Stop = all_epochs,
    patience: int | None = None,
    class_weight: Mapping[Any, float] | str | None = None,
    sample_weight: Any = None,
    callbacks: Sequence[Callback] = (),
    checkpoints: Checkpoints | None = None,
    progress: bool = False,
    page: Any = None,
    snapshots: int | None = None,
    **singly: Unpack[Singly],
) -> Training:
    """Train `model` on rows x, (n, ...), and y, (n, ...), in batches shuffled with `seed`.

    `loss(outputs, y)` is a mean over rows, such as those of mg.nn. Rows take the type of the parameters. The model is
    in train() mode, for `validation`, rows and their y, in eval() mode. `engine` is "eager" or a backend of mg.compile,
    "auto" the one that pays for all of the run; Dropout and BatchNorm need "eager". Rows that are images, (n, channels,
    height, width), are moved at random by up to `shift` pixels in every step, which teaches that a place says little
    about a class. `stop` ends training before its epochs have run out, as Patience() does: a function of the history
    that gives "epochs" to go on, else the status to end with. `patience` is short for Patience(epochs=patience),
    watching "validation_loss" where there is one. Each of the `callbacks` is called after every epoch with an EpochEnd,
    and training ends where one returns True; resumed it goes on. An exception in one goes through, after the checkpoint
    of the epoch is saved.

    Rows count by `sample_weight`, (n,), and `class_weight`, a dict of classes and weights or "balanced", n / (classes ·
    rows of the class), as in scikit-learn: the loss of a batch is the weighted mean of its rows', a row of weight 2 is
    the row twice, one of weight 0 is not there. The accuracy and the validation count every row once.

    The same arguments give the same bits. Ctrl-C keeps the parameters of the last whole epoch, and so does a
    DivergedError, raised where a loss or a parameter becomes NaN or infinite. Raises ValueError for arguments, rows or
    targets that do not fit and for what a program would keep of some rows, MissingExtra for an engine that is not
    installed. An epoch costs a forward and a backward pass over n rows.

    `checkpoints`, `page`, `snapshots` and the arguments without groups are as in `train`, with the defaults of
    OF_MODELS; what a browser cannot train at a pace to watch is replayed on its page.
    """
    schedule, checkpoints = grouped(OF_MODELS, schedule, checkpoints, singly)
    check_whole("seed", seed, 0)
    check_whole("snapshots", 1 if snapshots is None else snapshots, 1)
    check_known(engine, ENGINES)
    if schedule.rate is None:
        raise ValueError("fit needs a learning rate, such as 1e-3: only train finds one")
    _check_model(model, engine)
    x, y = _rows(model, x, y, loss)
    check_shift(x, shift)
    unseen = None if validation is None else _rows(model, *rows_and_targets(validation), loss, "validation ")
    stop = policy(stop, patience, unseen is not None)
    check_callbacks(callbacks)
    weights = row_weights(y, class_weight, sample_weight)
    about = {"model": model.architecture(), "loss": described(loss)}
    about |= {"data": _about_data(x, y), "validation": None if unseen is None else digest(*unseen)}
    about |= schedule.about() | {"shift": shift, "seed": seed}
    if weights is not None:
        about["weights"] = digest(weights)
        x, y, weights = (array[weights > 0.0] for array in (x, y, weights))
        weights = (weights / weights.mean()).astype(x.dtype)
        check_rows(loss, model, x, y, weighed=True)
    if stop is not all_epochs:
        about["stop"] = described(stop)
    dropouts = [part.rng for _, part in model.named_modules() if isinstance(part, nn.Dropout)]
    with in_mode(model, training=True):
        what = model_objective(model, loss), model.parameters(), x, y, weights
        try:
            rows = resumable_batches(engine, checkpoints, schedule.workload(len(x)), *what)
        except RowsError as error:
            raise RowsError(f"{error}{_time_first(model)}") from None
        about["engine"] = rows.begun
        state = dropouts, model.buffers()
        descent = Descent(rows, schedule.optimiser, seed, *state, schedule.clip, schedule.clip_value)
        folder = None if checkpoints is None else checkpoints.open(schedule.epochs, about)
        recorder = Recorder(descent, folder, snapshots)

        def validate() -> dict[str, float]:
            measured = {} if unseen is None else evaluate(model, *unseen, loss)
            return {f"validation_{name}": value for name, value in measured.items()}

        drawn = "its images are moved at random" if shift else "its rows have weights" if weights is not None else ""
        with _watched(page, (model, loss, drawn), (x, y), schedule, seed, recorder, unseen) as watching:
            told = [*callbacks, *(lambda end, watch=watch: watch(end.history) for watch in watching)]
            status = ModelLoop(recorder, schedule, schedule.rate, stop, model, shift, validate, told).run(progress)
    history = descent.history
    kept = len(history)
    if isinstance(stop, Patience) and stop.restore_best and history:
        kept = 1 + int(np.argmin([stop.cost(row) for row in history]))
    kept_parameters = recorder.snapshots(path for path, _ in model.named_parameters())
    message = ending(status, len(history), kept, schedule.epochs)
    return Training(schedule.rate, None, status, message, history, kept_parameters, rows.engine)


def evaluate(model: Module, x: Any, y: Any, loss: Loss = nn.cross_entropy) -> Evaluation:
    """The `loss` of the model in eval() mode over rows x, (n, ...), and y, and its `accuracy` for a loss of classes.

    Cross-entropy is right about a row where no other class has as large a logit, the binary one and the hinge loss
    where the sign is right. `.confusion` has, of rows of one class each, which class they were taken for, a table with
    the `recall` of each; printed the Evaluation shows it. Raises ValueError for rows that do not fit. Activations are
    in memory for some rows only.
    """
    _check_model(model, "eager")
    x, y = _rows(model, x, y, loss)
    found = Value(outputs(model, x).astype(np.float64))
    with no_grad():
        return evaluated(loss, found, y)


def accuracy(network: Network, x: Array, y: Array) -> float:
    """The share of rows whose ŷ ≥ ½, or ≥ 0 of a logit, agrees with y, 0 or 1; NaN if y is neither.

    Of several outputs it is the share of rows whose class y has the largest ŷ.
    """
    with no_grad():
        prediction, y = np.asarray(network.predict(_frozen(x)).data), bare_array(y)
    if y.shape != prediction.shape[:1]:
        raise ValueError(f"y must have one number for each of the {len(prediction)} rows, not shape {y.shape}")
    if network.outputs > 1:
        return float(np.mean(prediction.argmax(axis=1) == y))
    if not np.isin(y, (0.0, 1.0)).all():
        return math.nan
    return float(np.mean((prediction >= network.threshold) == (y == 1.0)))


def _start(network: Network, x: Array, y: Array, schedule: Schedule) -> tuple[float, float, tuple[int, int] | None]:
    """What is known of a network before its first step: the largest stable rate, the rate, and units that are equal."""
    stable = largest_stable_rate(network, x, y)
    rate = default_rate(stable, schedule.optimiser) if schedule.rate is None else float(schedule.rate)
    return stable, rate, equal_units(network)


def _rows(model: Module, x: Any, y: Any, loss: Loss, whose: str = "") -> Rows:
    """Rows and targets in the type of the parameters. Raises ValueError unless the model and the loss take them."""
    check_loss(loss)
    dtype = next(iter(model.parameters())).dtype
    arrays = []
    for name, given in (("x", x), ("y", y)):
        array = bare_array(given)
        if array.dtype.kind not in "biuf":
            fix = ": number the classes from 0, as np.unique(y, return_inverse=True) does" if name == "y" else ""
            raise ValueError(f"{whose}{name} must be real numbers, not {array.dtype}{fix}")
        with np.errstate(over="ignore"):
            arrays.append(array.astype(dtype))
    x, y = arrays
    if not x.ndim or not y.ndim or not len(x) or len(x) != len(y):
        raise ValueError(f"{whose}x and y must have one row an example, n ≥ 1, not the shapes {x.shape} and {y.shape}")
    check_finite(x, y)
    check_rows(loss, model, x, y)
    return x, y


def _watched(page: Any, *told: Any) -> AbstractContextManager[Sequence[Callable[[History], object]]]:
    """The context of a training that writes a page, if it is to, with what is called after every epoch."""
    if page is None:
        return nullcontext(())
    from microgradcnn.views.pages.training.watching import watched

    return watched(page, *told)


def _frozen(array: Array) -> Array:
    """A read-only float64 copy, which Values share instead of copying it in every step."""
    copy = np.array(bare_array(array), dtype=np.float64)
    copy.setflags(write=False)
    return copy


def _check_model(model: Module, engine: str) -> None:
    if not isinstance(model, Module):
        fix = ": write class Net(nn.Module), of layers that are Modules too"
        fix = ", which train and accuracy take" if isinstance(model, Network) else fix
        raise TypeError(f"fit and evaluate take a Module, such as nn.Sequential(...), not {type(model).__name__}{fix}")
    types = {path: p.dtype for path, p in model.named_parameters()}
    if len(set(types.values())) != 1:
        listed = ", ".join(f"{path} is {dtype}" for path, dtype in types.items())
        raise ValueError(f"fit and evaluate need parameters, all of one type, but {listed or 'the model has none'}")
    for path, part in model.named_modules():
        if engine != "eager" and (does := part.in_each_step()):
            raise ValueError(f"layer {path} is a {type(part).__name__}, which {does}: take engine='eager'")


def _time_first(model: Module) -> str:
    """What to try where rows are mixed, and a layer takes sequences, (time, n, ...), as PyTorch has them."""
    found = next((path for path, part in model.named_modules() if getattr(part, "batch_first", True) is False), None)
    return "" if found is None else f"; layer {found} takes (time, n, features) unless it has batch_first=True"


def _about_data(x: Array, y: Array) -> dict[str, Any]:
    return {"shape": x.shape, "SHA-256": digest(x, y)}
