"""Training a model of layers, batch by batch, with a history of its loss and accuracy; and how right a model is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import bare_array
from microgradcnn.engine.value import Value, no_grad
from microgradcnn.nn.module import Module
from microgradcnn.nn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.nn.summary import in_mode
from microgradcnn.train import DivergedError, check_finite
from microgradcnn.training.batches import ENGINES, Array, Batches, batches, epoch, outputs
from microgradcnn.training.checkpoint import Checkpoints, digest, interval
from microgradcnn.training.descent import Descent, Recorder
from microgradcnn.training.progress import bar

Loss: TypeAlias = Callable[[Any, Any], Value]
Rows: TypeAlias = tuple[Array, Array]


@dataclass
class Fit:
    """What a training run did.

    `history` has one row an epoch: epoch, from 1, rate, loss and, for a loss of classes, accuracy, both over the rows
    as they were when their batch was stepped on; where there is a validation, validation_loss and validation_accuracy
    after the epoch. `status` is "epochs" (all are done) or "interrupted"; `message` says it in a sentence.
    """

    status: str = "epochs"
    message: str = ""
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    model: Module,
    x: Any,
    y: Any,
    *,
    loss: Loss = nn.cross_entropy,
    optimiser: str = "adam",
    rate: float = 1e-3,
    schedule: str = "constant",
    epochs: int = 20,
    batch: int = 64,
    shift: int = 0,
    seed: int = 0,
    engine: str = "numpy",
    progress: bool = False,
    validation: tuple[Any, Any] | None = None,
    checkpoint: str | Path | None = None,
    every: int | None = None,
    resume: bool = False,
) -> Fit:
    """Train `model` on rows x, (n, ...), and y, (n, ...), in batches of at most `batch`, shuffled with `seed`.

    `loss(outputs, y)` is a mean over rows, such as those of mg.nn. Rows take the type of the parameters. The model is
    in train() mode, for `validation`, rows and their y, in eval() mode. `engine` is "eager" or a backend of mg.compile;
    Dropout needs "eager". Rows that are images, (n, channels, height, width), are moved at random by up to `shift`
    pixels in every step, which teaches that a place says little about a class. The same arguments give the same bits.
    Ctrl-C keeps the parameters of the last whole epoch, and so does a DivergedError, raised where a loss or a parameter
    becomes NaN or infinite. Raises ValueError for arguments, rows or targets that do not fit, MissingExtra for an
    engine that is not installed. An epoch costs a forward and a backward pass over n rows.

    `checkpoint`, `every` and `resume` save the run and go on with it to the bit, as in train.train.
    """
    _check_arguments(epochs, batch, rate, {schedule: SCHEDULES, optimiser: OPTIMISERS, engine: ENGINES})
    _check_model(model, engine)
    every = interval(epochs, checkpoint, every, resume)
    x, y = _rows(model, x, y, loss)
    _check_shift(x, shift)
    unseen = None if validation is None else _rows(model, *validation, loss, "validation ")
    checkpoints = None
    if checkpoint is not None:
        settings = {"epochs": epochs, "rate": rate, "schedule": schedule, "optimiser": optimiser, "batch": batch}
        settings |= {"shift": shift, "seed": seed, "engine": engine}
        checkpoints = Checkpoints(checkpoint, _about(model, loss, (x, y), unseen) | settings)
    with in_mode(model, training=True):
        rows = batches(engine, _objective(model, loss), model.parameters(), x, y)
        descent = _Descent(rows, optimiser, seed, model)
        recorder = Recorder(checkpoints, every, descent, {})
        if checkpoints is not None and (found := checkpoints.begin(resume)) is not None:
            recorder.go_on(found)
        run, kept = Fit(history=descent.history), rows.flat
        try:
            for number in bar(epochs, progress, lambda: _note(run.history), len(run.history)):
                now = rate * SCHEDULES[schedule](number, epochs)
                means = epoch(rows, descent, batch, now, shift)
                _stop_if_diverged(means[0], rows.flat, number, rate, descent.optimiser.steps)
                row = {"epoch": number + 1, "rate": now, **dict(zip(("loss", "accuracy"), means, strict=False))}
                if unseen is not None:
                    rows.write()
                    row |= {f"validation_{name}": value for name, value in evaluate(model, *unseen, loss).items()}
                descent.see(row)
                kept = rows.flat
                recorder.epoch_done("epochs")
            recorder.save()
        except KeyboardInterrupt:
            run.status = "interrupted"
            recorder.save()
        finally:
            rows.flat = kept
            rows.write()
    run.message = _report(run, epochs)
    return run


def evaluate(model: Module, x: Any, y: Any, loss: Loss = nn.cross_entropy) -> dict[str, float]:
    """The `loss` of the model in eval() mode over rows x, (n, ...), and y, and its `accuracy` for a loss of classes.

    Cross-entropy is right about a row where no other class has as large a logit, the binary one and the hinge loss
    where the sign is right. Raises ValueError for rows that do not fit. Activations are in memory for some rows only.
    """
    x, y = _rows(model, x, y, loss)
    found = Value(outputs(model, x).astype(np.float64))
    with no_grad():
        measured = {"loss": float(loss(found, y))}
        return measured | ({"accuracy": float(ACCURACIES[loss](found, y))} if loss in ACCURACIES else {})


def _largest(logits: Value, target: Any) -> Value:
    """The share of rows whose target has the largest logit, and no other class one as large."""
    one = logits.dtype.type(1.0)
    hit = mg.equal(target.reshape(-1, 1), np.arange(logits.shape[1], dtype=logits.dtype))
    own = mg.sum(mg.where(hit, logits, 0.0 * one), axis=1, keepdims=True)
    return _share(mg.equal(mg.sum(mg.where(logits >= own, one, 0.0 * one), axis=1), one), one)


def _above(logits: Value, target: Any) -> Value:
    """The share of logits that are ≥ 0 where the target is 1, and below where it is 0."""
    one = logits.dtype.type(1.0)
    return _share(mg.equal(mg.where(logits >= 0.0, one, 0.0 * one), target), one)


def _signs(score: Value, target: Any) -> Value:
    """The share of scores that are ≥ 0 where the target is 1, and below where it is −1."""
    one = score.dtype.type(1.0)
    return _share(mg.equal(mg.where(score >= 0.0, one, -one), target), one)


def _share(right: Any, one: Any) -> Value:
    return mg.mean(mg.where(right, one, 0.0 * one))


ACCURACIES: dict[Loss, Callable[[Value, Any], Value]] = {
    nn.cross_entropy: _largest,
    nn.binary_cross_entropy_with_logits: _above,
    nn.hinge_loss: _signs,
}


class _Descent(Descent):
    """A descent that also keeps the generators of a model's Dropouts."""

    def __init__(self, rows: Batches, optimiser: str, seed: int, model: Module) -> None:
        super().__init__(rows, optimiser, seed)
        self._generators = [part.rng for _, part in model.named_modules() if isinstance(part, nn.Dropout)]

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """As Descent says."""
        state, arrays = super().snapshot()
        return {**state, "dropouts": [rng.bit_generator.state for rng in self._generators]}, arrays

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """As Descent says."""
        super().restore(state, arrays)
        for rng, was in zip(self._generators, state["dropouts"], strict=True):
            rng.bit_generator.state = was


def _objective(model: Module, loss: Loss) -> Callable[[Any, Any], list[Value]]:
    def objective(x: Any, y: Any) -> list[Value]:
        found = model(x)
        return [loss(found, y), *([ACCURACIES[loss](found, y)] if loss in ACCURACIES else [])]

    return objective


def _rows(model: Module, x: Any, y: Any, loss: Loss, whose: str = "") -> Rows:
    """Rows and targets in the type of the parameters. Raises ValueError unless the model and the loss take them."""
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
    with no_grad(), in_mode(model, training=False):
        one = model(Value(x[:1])).data
        loss(Value(np.broadcast_to(one, (len(x), *one.shape[1:]))), y)  # says what is wrong with any of the targets
    return x, y


def _check_arguments(epochs: int, batch: int, rate: float, words: dict[str, Iterable[str]]) -> None:
    for word, known in words.items():
        if word not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")
    for name, number in (("epochs", epochs), ("batch", batch)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")
    if not 0 < rate < math.inf:
        raise ValueError(f"the learning rate must be a positive number, not {rate}")


def _check_shift(x: Array, shift: int) -> None:
    if shift and (x.ndim != 4 or not 0 < shift < min(x.shape[2:])):
        raise ValueError(
            f"shift moves images (n, channels, height, width) by fewer pixels than they have, not x of shape {x.shape} "
            f"by {shift}"
        )


def _check_model(model: Module, engine: str) -> None:
    if not isinstance(model, Module):
        raise TypeError(f"fit trains a Module, such as nn.Sequential(...), not {model!r}")
    types = {path: p.dtype for path, p in model.named_parameters()}
    if len(set(types.values())) != 1:
        listed = ", ".join(f"{path} is {dtype}" for path, dtype in types.items())
        raise ValueError(f"fit needs parameters, all of one type, but {listed or 'the model has none'}")
    random = [path for path, part in model.named_modules() if isinstance(part, nn.Dropout) and part.p > 0.0]
    if random and engine != "eager":
        raise ValueError(f"layer {random[0]} is a Dropout, which draws anew in every step: take engine='eager'")


def _stop_if_diverged(loss: float, flat: Array, epoch: int, rate: float, steps: int) -> None:
    if math.isfinite(loss) and np.isfinite(flat).all():
        return
    if not steps:
        raise DivergedError(f"training cannot start: the loss of the first batch is {loss}; bring x to a smaller scale")
    what = "a parameter became NaN or infinite" if math.isfinite(loss) else f"the loss became {loss}"
    raise DivergedError(
        f"training diverged in epoch {epoch + 1}: {what}; the rate {rate:.3g} is too large, try {0.1 * rate:.2g}"
    )


def _about(model: Module, loss: Loss, rows: Rows, unseen: Rows | None) -> dict[str, Any]:
    """What is trained on what, for the checkpoints of a run."""
    named = {"model": model.architecture(), "loss": getattr(loss, "__qualname__", type(loss).__qualname__)}
    data = {"shape": rows[0].shape, "SHA-256": digest(*rows)}
    return {**named, "data": data, "validation": None if unseen is None else digest(*unseen)}


def _note(history: list[dict[str, float]]) -> str:
    if not history:
        return ""
    shown = ("loss", "accuracy", "validation_accuracy")
    return ", ".join(f"{name.replace('_', ' ')} {history[-1][name]:.4g}" for name in shown if name in history[-1])


def _report(run: Fit, epochs: int) -> str:
    if run.status == "epochs":
        return f"trained for {epochs} epochs"
    if not run.history:
        return "interrupted in the first epoch: the parameters are as they were"
    return f"interrupted: the parameters after epoch {len(run.history)} of {epochs} are kept"
