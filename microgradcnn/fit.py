"""Training a model of layers, batch by batch, with a history of its loss and accuracy; and how right a model is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import numpy as np

import microgradcnn.functions as mg
from microgradcnn import nn
from microgradcnn.batches import ENGINES, Array, Batches, Descent, batches, outputs
from microgradcnn.module import Module
from microgradcnn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.progress import bar
from microgradcnn.summary import in_mode
from microgradcnn.train import DivergedError, _check_finite
from microgradcnn.value import Value, no_grad

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
) -> Fit:
    """Train `model` on rows x, (n, ...), and y, (n, ...), in batches of at most `batch`, shuffled with `seed`.

    `loss(outputs, y)` is a mean over rows, such as those of mg.nn. Rows take the type of the parameters. The model is
    in train() mode, for `validation`, rows and their y, in eval() mode. `engine` is "eager" or a backend of mg.compile;
    Dropout needs "eager". Rows that are images, (n, channels, height, width), are moved at random by up to `shift`
    pixels in every step, which teaches that a place says little about a class. The same arguments give the same bits.
    Ctrl-C keeps the parameters of the last whole epoch, and so does a DivergedError, raised where a loss or a parameter
    becomes NaN or infinite. Raises ValueError for arguments, rows or targets that do not fit, MissingExtra for an
    engine that is not installed. An epoch costs a forward and a backward pass over n rows.
    """
    _check_arguments(epochs, batch, rate, {schedule: SCHEDULES, optimiser: OPTIMISERS, engine: ENGINES})
    _check_model(model, engine)
    x, y = _rows(model, x, y, loss)
    _check_shift(x, shift)
    unseen = None if validation is None else _rows(model, *validation, loss, "validation ")
    with in_mode(model, training=True):
        rows = batches(engine, _objective(model, loss), model.parameters(), x, y)
        course = _Course(rows, optimiser, rate, seed)
        run = Fit(history=course.history)
        try:
            for epoch in bar(epochs, progress, lambda: _note(course.history)):
                measured = course.epoch(batch, rate * SCHEDULES[schedule](epoch, epochs), shift)
                course.note(measured | ({} if unseen is None else _unseen(model, *unseen, loss)))
        except KeyboardInterrupt:
            run.status = "interrupted"
        finally:
            course.finish()
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


class _Course:
    """Training as it goes: `history`, and `flat`, the parameters, are as they were after the last whole epoch."""

    def __init__(self, rows: Batches, optimiser: str, rate: float, seed: int) -> None:
        self.descent, self.rng = Descent(rows, partial(OPTIMISERS[optimiser], lr=rate)), np.random.default_rng(seed)
        self.flat, self.history = rows.flat, list[dict[str, float]]()

    def epoch(self, batch: int, rate: float, shift: int) -> dict[str, float]:
        """A step for every batch; what it measured. Raises DivergedError."""
        number = len(self.history) + 1
        means = self.descent.epoch(batch, self.rng, rate, shift)
        _stop_if_diverged(means[0], number, self.descent)
        self.descent.rows.write()
        return {"epoch": number, "rate": rate, **dict(zip(("loss", "accuracy"), means, strict=False))}

    def note(self, row: dict[str, float]) -> None:
        """An epoch is whole: this is its row of the history."""
        self.flat = self.descent.rows.flat
        self.history.append(row)

    def finish(self) -> None:
        """Give the model the parameters of the last whole epoch."""
        self.descent.rows.flat = self.flat
        self.descent.rows.write()


def _unseen(model: Module, x: Array, y: Array, loss: Loss) -> dict[str, float]:
    return {f"validation_{name}": value for name, value in evaluate(model, x, y, loss).items()}


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
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            fix = ": number the classes from 0, as np.unique(y, return_inverse=True) does" if name == "y" else ""
            raise ValueError(f"{whose}{name} must be real numbers, not {array.dtype}{fix}")
        with np.errstate(over="ignore"):
            arrays.append(array.astype(dtype))
    x, y = arrays
    if not x.ndim or not y.ndim or not len(x) or len(x) != len(y):
        raise ValueError(f"{whose}x and y must have one row an example, n ≥ 1, not the shapes {x.shape} and {y.shape}")
    _check_finite(x, y)
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


def _stop_if_diverged(loss: float, epoch: int, descent: Descent) -> None:
    if math.isfinite(loss) and np.isfinite(descent.rows.flat).all():
        return
    if descent.optimiser.steps == 0:
        raise DivergedError(f"training cannot start: the loss of the first batch is {loss}; bring x to a smaller scale")
    what = "a parameter became NaN or infinite" if math.isfinite(loss) else f"the loss became {loss}"
    rate = descent.optimiser.lr
    raise DivergedError(
        f"training diverged in epoch {epoch}: {what}; the rate {rate:.3g} is too large, try {0.1 * rate:.2g}"
    )


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
