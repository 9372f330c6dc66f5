"""How right predictions are, by the rule of their loss: the share told right, what was taken for what, or R²."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array, glimpse
from microgradcnn.engine.value import Value
from microgradcnn.system.text_layout import text_table


def at_least(threshold: float, below: float) -> Callable[[Value, Any], Value]:
    """The accuracy of numbers that are to be ≥ the threshold where the target is 1, and less where it is `below`."""

    def accuracy(found: Value, target: Any) -> Value:
        one = found.dtype.type(1.0)
        return _share(mg.equal(mg.where(found >= threshold, one, below * one), target), one)

    return accuracy


def _largest(logits: Value, target: Any) -> Value:
    """The share of rows whose target, or the most probable one, has the largest logit, and no other class one as large.

    A class number that is to be ignored is none, so its row is not right.
    """
    one, classes = logits.dtype.type(1.0), np.arange(logits.shape[1], dtype=logits.dtype)
    if np.shape(target) == logits.shape:
        hit = target >= mg.max(target, axis=1, keepdims=True)
    else:
        places = logits.shape[2:]
        hit = mg.equal(target.reshape(-1, 1, *places), classes.reshape(-1, *[1] * len(places)))
    own = mg.max(mg.where(hit, logits, -np.inf * one), axis=1, keepdims=True)
    return _share(mg.equal(mg.sum(mg.where(logits >= own, one, 0.0 * one), axis=1), one), one)


def _share(right: Any, one: Any) -> Value:
    return mg.mean(mg.where(right, one, 0.0 * one))


ACCURACIES: dict[Callable[[Any, Any], Value], Callable[[Value, Any], Value]] = {
    nn.cross_entropy: _largest,
    nn.binary_cross_entropy_with_logits: at_least(0.0, below=0.0),
    nn.hinge_loss: at_least(0.0, below=-1.0),
}


MANY = 20  # classes: with more of them a table of each against each is not read


@dataclass(frozen=True, eq=False)
class Confusion:
    """Which class rows were taken for: `counts`, (k, k), has a row for every true class, a column for every predicted.

    Printed it is a table, with the recall of every class; of more than 20 classes it has the recalls alone.
    """

    classes: tuple[str, ...]
    counts: Array

    @property
    def recall(self) -> Array:
        """The share of the rows of each class that were told right, (k,); NaN for a class without rows."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.diag(self.counts) / self.counts.sum(axis=1))

    def record(self) -> dict[str, Any]:
        """What JSON holds of it."""
        return {"classes": list(self.classes), "counts": self.counts.tolist(), "recall": self.recall.tolist()}

    def text(self, width: int | None = None) -> str:
        """The table in lines of at most `width` columns, or as long as they are."""
        names = [name if name.isprintable() else ascii(name)[1:-1] for name in self.classes]
        few = len(names) <= MANY
        lines = [["true \\ predicted", *names, "recall"] if few else ["true", "recall"]]
        for name, counts, recall in zip(names, self.counts.tolist(), self.recall.tolist(), strict=True):
            lines.append([name, *map(str, counts if few else ()), f"{recall:.3f}"])
        return "\n".join(text_table(lines, width, right=range(1, len(lines[0]))))

    def __str__(self) -> str:
        return self.text()


def confused(true: Array, predicted: Array, classes: Iterable[object]) -> Confusion:
    """The Confusion of rows by the numbers of their classes, both (n,): places in `classes`."""
    names = tuple(map(str, classes))
    counts = np.zeros((len(names), len(names)), int)
    np.add.at(counts, (np.asarray(true, int), np.asarray(predicted, int)), 1)
    return Confusion(names, counts)


class Evaluation(dict[str, float]):
    """The loss over rows, and for a loss of classes their accuracy, by name; printed with the table of `confusion`.

    That is None where the loss is not one of one class a row.
    """

    confusion: Confusion | None = None

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {number:.4g}" for name, number in self.items())
        return numbers if self.confusion is None else f"{numbers}\n{self.confusion}"


def evaluated(loss: Callable[[Any, Any], Value], found: Value, y: Array) -> Evaluation:
    """What the loss and its accuracy say of the outputs found for rows, and of targets y."""
    measured = Evaluation(loss=float(loss(found, y)))
    if loss in ACCURACIES:
        measured["accuracy"] = float(ACCURACIES[loss](found, y))
        measured.confusion = _confusion(loss, np.asarray(found.data), y)
    return measured


_NOT = {nn.binary_cross_entropy_with_logits: 0, nn.hinge_loss: -1}  # the target of rows that are not of class 1


def _confusion(loss: Callable[[Any, Any], Value], found: Array, y: Array) -> Confusion | None:
    """By the largest logit, the first of several, or by the sign; None where rows have several classes or none.

    Rows whose target is no class, such as one to be ignored, are left out.
    """
    if loss not in _NOT:
        classes = range(found.shape[1])
        known = np.isin(y, classes)
        return confused(y[known], found[known].argmax(axis=1), classes) if y.ndim == 1 else None
    if found.size != len(found) or not np.isin(y, (_NOT[loss], 1)).all():
        return None
    return confused(np.ravel(y) == 1, np.ravel(found) >= 0.0, (_NOT[loss], 1))


def r_squared(found: Array, y: Array) -> float:
    """R² of predictions of numbers y, both (n,): 1 − Σ(y − ŷ)²/Σ(y − mean)²; NaN if y are all the same."""
    spread = float(np.sum((y - y.mean()) ** 2))
    return 1.0 - float(np.sum((y - found) ** 2)) / spread if spread else math.nan


def mean_absolute_error(found: Array, y: Array) -> float:
    """The mean of |y − ŷ|, both (n,)."""
    return float(np.mean(np.abs(y - found)))


def check_loss(loss: object) -> None:
    """Raise TypeError for what is no function."""
    if not callable(loss):
        raise TypeError(f"a loss is a function of outputs and targets, such as nn.mse_loss, not {loss!r}")


def rows_and_targets(validation: Any) -> tuple[Any, Any]:
    """The pair that a validation is. Raises TypeError for anything else, such as a share of the rows."""
    if not isinstance(validation, tuple | list) or len(validation) != 2:
        raise TypeError(
            f"validation is a pair (x, y) of rows that are not trained on and their targets, not {glimpse(validation)}"
        )
    return validation[0], validation[1]
