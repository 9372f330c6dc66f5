"""The one loop of training: epochs of steps until they have run out, a stop policy says so, or Ctrl-C comes.

`train`, `fit`, the estimators and the command line run it. What an epoch measures, and which parameters are kept at the
end, differ: over all rows before its steps and the best ones for a network of the lecture, over the batches as they are
stepped on and the newest ones for a model of layers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from microgradcnn.checking.debug import NonFiniteError, debug
from microgradcnn.data.images import shifted
from microgradcnn.engine.arrays import Array
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.nn.summary import in_mode
from microgradcnn.training.descent import Recorder, Snapshot
from microgradcnn.training.progress import bar
from microgradcnn.training.schedule import Schedule
from microgradcnn.training.stopping import GOING, Callback, EpochEnd, History, Patience, Stop


class DivergedError(ArithmeticError):
    """A loss or a gradient became NaN or infinite; the parameters are the best, or the last, that were finite."""


@dataclass
class Training:
    """What a training run did, from the learning rate that it started at.

    `status` is "epochs" (they ran out), "interrupted", "converged" or "dead" for a network, or of a model what its stop
    policy said, such as "stalled", and "stopped" where a callback asked for it; `message` says it in a sentence.
    `history` has one row an epoch. A network's are epoch, from 0, rate, loss, gradient_norm, mean_squared_error (of
    several outputs cross_entropy) and accuracy over all rows, before the steps; a model's are epoch, from 1, rate, loss
    and, for a loss of classes, accuracy over the rows as they were when their batch was stepped on, and where there is
    a validation, validation_loss and validation_accuracy after the epoch. `stable_rate` is a network's 2/λmax at the
    start. `snapshots` are the parameters at the start, after every so many epochs and at the end, if some were to be
    kept; `engine` is what computed, under "auto" the one that was taken.
    """

    rate: float = math.nan  # of a pickled Fit, which had it in its history alone
    stable_rate: float | None = None
    status: str = GOING
    message: str = ""
    history: History = field(default_factory=list)
    snapshots: Sequence[Snapshot] = ()
    engine: str | None = None

    @property
    def converged(self) -> bool:
        """Whether the gradient became small and the mean squared error clearly smaller than the variance of y."""
        return self.status == "converged"


@dataclass
class TrainingLoop(ABC):
    """A recorder's descent, under a schedule that starts at `rate`.

    `status` says how it ended, GOING if the epochs ran out.
    """

    shown: ClassVar[tuple[str, ...]] = ("loss",)  # of the newest epoch, beside a progress bar

    recorder: Recorder
    schedule: Schedule
    rate: float
    stop: Stop

    def __post_init__(self) -> None:
        self.descent, self.status = self.recorder.descent, GOING
        self.rows, self.history = self.descent.rows, self.descent.history

    def run(self, progress: bool = False) -> str:
        """Train, give the parameters the numbers to keep, and return the status.

        Raises DivergedError, FileError where the run cannot be saved, and what the engine raises.
        """
        try:
            asked = self.recorder.status
            self.status = self.stop(self.history) if asked is None else asked
            first = len(self.history) if self.status == GOING else self.schedule.epochs
            for number in bar(self.schedule.epochs, progress, self._note, first):
                self.status = self.epoch(number, self.rate * self.schedule.share(number))
                self.recorder.epoch_done(self.status)
                if self.called_back() and self.status == GOING:
                    self.status = "stopped"
                if self.status != GOING:
                    break
            self.recorder.save()
        except KeyboardInterrupt:
            self.status = "interrupted"
            self.recorder.save()
        finally:
            self.rows.flat = self.kept()
            self.rows.write()
        return self.status

    @abstractmethod
    def epoch(self, number: int, rate: float) -> str:
        """One epoch, counted from 0, with its row in the history: what the stop policy says of it."""

    def called_back(self) -> bool:
        """Whether somebody who is told of the end of an epoch asks to stop."""
        return False

    @abstractmethod
    def kept(self) -> Array:
        """The parameters to end with."""

    @np.errstate(over="ignore", invalid="ignore")  # divergence is an error of its own
    def steps(self, rate: float, shift: int = 0) -> list[float]:
        """A step for every batch; the means of the loss, by weight, and of what the objective gives besides.

        Rows that are images are moved at random by up to `shift` pixels. It ends early where the loss is not finite.
        """
        n, totals = len(self.rows.x), np.zeros(())
        for batch in self.descent.batches(n, self.schedule.batch or n):
            x, *others = self.rows.some(batch)
            loss = self.rows.evaluate(shifted(x, shift, self.descent.rng) if shift else x, *others)
            totals = totals + np.array([self.rows.weight(batch) * loss, *(len(batch) * m for m in self.rows.also)])
            if not math.isfinite(loss):
                break
            self.descent.step(rate)
        means: list[float] = (totals / n).tolist()
        return means

    def diverged(self, what: str, slower: float) -> DivergedError:
        """The error of a run that went wrong where and how `what` says, and may go well at a rate that is slower."""
        return DivergedError(f"training diverged {what}; the rate {self.rate:.3g} is too large, try {slower:.2g}")

    def _note(self) -> str:
        newest = self.history[-1] if self.history else {}
        told = [f"{name.replace('_', ' ')} {newest[name]:.4g}" for name in self.shown if name in newest]
        return ", ".join([self.rows.engine, *told])


@dataclass
class ModelLoop(TrainingLoop):
    """Epochs of a model of layers, measured over its batches as they are stepped on, and by `validate` afterwards.

    Rows that are images are moved by up to `shift` pixels in every step. After every epoch the `callbacks` get the
    model; an exception in one ends the run, which is saved first.
    """

    shown = ("loss", "accuracy", "validation_accuracy")

    model: Module
    shift: int = 0
    validate: Callable[[], dict[str, float]] = dict
    callbacks: Sequence[Callback] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.recorder.note(self.recorder.status)

    def epoch(self, number: int, rate: float) -> str:
        """The steps; a row of epoch, from 1, rate, loss, accuracy where there is one, and what `validate` finds."""
        means = self.steps(rate, self.shift)
        self._stop_if_diverged(means[0], number)
        row = {"epoch": number + 1, "rate": rate, **dict(zip(("loss", "accuracy"), means, strict=False))}
        self.rows.write()
        row |= self.validate()
        self.descent.see(row, self.stop.cost(row) if isinstance(self.stop, Patience) else row["loss"])
        self.recorder.note(None)  # the epoch is whole, also where Ctrl-C comes while the stop policy is asked
        return self.stop(self.history)

    def called_back(self) -> bool:
        """Whether one of the callbacks, all of which are called, gave True."""
        try:
            end = EpochEnd(len(self.history), self.history, self.model)
            with in_mode(self.model, training=True):  # which a callback may change, to measure
                said = [callback(end) for callback in self.callbacks]
        except BaseException:
            self.recorder.save()
            raise
        return any(isinstance(word, bool | np.bool_) and bool(word) for word in said)

    def kept(self) -> Array:
        """Those after the last whole epoch, or the best where Patience is to restore them; the buffers of that time."""
        self.recorder.go_back()
        if not (isinstance(self.stop, Patience) and self.stop.restore_best):
            return self.rows.flat
        for buffer, data in zip(self.descent.buffers, self.descent.best_buffers, strict=True):
            buffer.data = data
        return self.descent.best

    def _stop_if_diverged(self, loss: float, number: int) -> None:
        if math.isfinite(loss) and np.isfinite(self.rows.flat).all():
            return
        if not self.descent.optimiser.steps:
            says = f"the loss of the first batch is {loss}; bring x to a smaller scale"
            raise DivergedError(f"training cannot start: {says}")
        what = "a parameter became NaN or infinite" if math.isfinite(loss) else f"the loss became {loss}"
        raise self.diverged(f"in epoch {number + 1}: {what}", 0.1 * self.rate)


@dataclass
class LectureLoop(TrainingLoop):
    """Epochs of a network of the lecture, measured over all rows before their steps; `stable` is its largest rate.

    Each of `watching` is called after every epoch, with the history; the network has the numbers of that moment.
    """

    network: Network
    stable: float
    watching: Sequence[Callable[[History], object]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._has_classes = self.network.outputs > 1 or bool(np.isin(self.rows.y, (0.0, 1.0)).all())

    @np.errstate(over="ignore", invalid="ignore")  # divergence is an error of its own
    def epoch(self, number: int, rate: float) -> str:
        """A row of epoch, from 0, rate and what is measured; the steps, unless the stop policy has seen enough."""
        measured = self.measure()
        self._stop_if_diverged(measured, number)
        self.descent.see({"epoch": number, "rate": rate, **measured}, measured["loss"])
        status = self.stop(self.history)
        if status == GOING and self.schedule.batch is None:
            self.descent.step(rate)
        elif status == GOING:
            self.steps(rate)
        return status

    def called_back(self) -> bool:
        """False, once those who watch have been called."""
        if self.watching:
            self.rows.write()
        for watch in self.watching:
            watch(self.history)
        return False

    def measure(self) -> dict[str, float]:
        """The loss, the norm of its gradient, the network's error, and the accuracy or NaN, over all rows."""
        loss = self.rows.evaluate()
        error, accuracy = self.rows.also
        norm = math.sqrt(float(np.dot(self.rows.gradient, self.rows.gradient)))
        accuracy = accuracy if self._has_classes else math.nan
        return {"loss": loss, "gradient_norm": norm, self.network.error_name: error, "accuracy": accuracy}

    def kept(self) -> Array:
        """Those that the loss was lowest at, unless training has converged."""
        return self.rows.flat if self.status == "converged" else self.descent.best

    def _stop_if_diverged(self, measured: dict[str, float], number: int) -> None:
        if math.isfinite(measured["loss"]) and math.isfinite(measured["gradient_norm"]):
            return
        what = "the norm of the gradient overflowed"
        try:
            with debug():  # the last pass again, by the graph, says where it went wrong
                self.rows.write()
                self.network.loss(self.rows.x, self.rows.y).backward()
        except NonFiniteError as error:
            what = error.brief
        if number == 0:
            raise DivergedError(f"training cannot start, at epoch 0: {what}; bring the inputs to a smaller scale")
        slower = 0.5 * self.stable if self.rate > self.stable else 0.1 * self.rate
        raise self.diverged(f"at epoch {number}: {what}", slower)
