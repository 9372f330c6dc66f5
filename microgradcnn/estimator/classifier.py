"""The estimator of classes: labels of any kind, weights of classes, probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array, check_unmasked
from microgradcnn.estimator.perceptron import Perceptron
from microgradcnn.targets.native.auto import AUTO
from microgradcnn.training.batches import row_weights

C = TypeVar("C", bound="MicrogradClassifier")


class MicrogradClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for two or more classes, trained on the softmax cross-entropy.

    `hidden_layer_sizes` are the numbers of hidden units, `activation` is relu, tanh, logistic (or sigmoid) or identity,
    `solver` adam or sgd (with momentum 0.9), `alpha` the weight of the penalty (α/2)Σw²/batch_size. `class_weight` is a
    dict of labels and weights or "balanced", n / (classes · rows of the class). Training ends when an epoch's loss has
    not fallen by `tol` for `n_iter_no_change` epochs, or after `max_iter` with a ConvergenceWarning. With
    `early_stopping` a share of the rows, `validation_fraction`, is kept for a score that has to rise by `tol`, and the
    best parameters are restored. With `warm_start` fit goes on from the parameters of the last one, with a new
    optimiser. `verbose` prints the loss of every epoch. `backend` is one of mg.compile's, "auto" the one that
    pays for all epochs. Scale the inputs first, as StandardScaler does.

    After fit: `classes_`, `model_` (an nn.Sequential that gives logits, one a class), its `coefs_` and `intercepts_`,
    `loss_` (with the penalty), `best_loss_`, `loss_curve_` (of all fits that went on), `n_iter_` (epochs of the last),
    `validation_scores_` and `best_validation_score_`, or None, `n_features_in_`, `n_layers_`, `n_outputs_`,
    `out_activation_`, and `backend_`, what computed.
    """

    _loss = staticmethod(nn.cross_entropy)
    classes_: Array

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int = 32,
        learning_rate_init: float = 1e-3,
        max_iter: int = 200,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        class_weight: Mapping[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        backend: str = AUTO,
    ) -> None:
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate_init=learning_rate_init,
            max_iter=max_iter,
            tol=tol,
            n_iter_no_change=n_iter_no_change,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            warm_start=warm_start,
            random_state=random_state,
            verbose=verbose,
            backend=backend,
        )
        self.class_weight = class_weight

    def fit(self: C, X: Any, y: Any, sample_weight: Any = None) -> C:
        """Train on rows X, (n, inputs), and their labels y, (n,), of any type that sorts; returns the estimator.

        A row of `sample_weight` 2, (n,), counts as the row twice. Raises ValueError for arguments, rows, labels or
        weights that do not fit, and where training diverges.
        """
        return self._learn(X, y, sample_weight)

    def partial_fit(self: C, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> C:
        """One epoch more, with the optimiser where it was, on rows as in `fit`; the first call needs all `classes`.

        Raises ValueError as `fit`, and for early_stopping or class_weight="balanced", which need all rows.
        """
        self._check_partial()
        if self.class_weight == "balanced":
            raise ValueError("partial_fit cannot balance classes that it has not seen: give class_weight as a dict")
        if classes is None and not hasattr(self, "classes_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._learn(X, y, sample_weight, partial=True, classes=classes)

    def _learn(self: C, X: Any, y: Any, sample_weight: Any, partial: bool = False, classes: Any = None) -> C:
        check_unmasked([X, y])
        goes_on = self._goes_on(partial)
        x, labels = validate_data(self, X, y, dtype=np.float64, reset=not goes_on)
        check_classification_targets(labels)
        found = np.unique(labels if classes is None else classes)
        of_a_part = partial and classes is None  # which need not have them all
        if goes_on and not (np.isin(found, self.classes_).all() if of_a_part else np.array_equal(found, self.classes_)):
            raise ValueError(
                f"the classes were {self.classes_.tolist()}, and now are {found.tolist()}: to go on takes the same"
            )
        if not goes_on:
            self.classes_ = found
        if others := np.setdiff1d(labels, self.classes_).tolist():
            raise ValueError(f"y has the class {others[0]!r}, and classes are {self.classes_.tolist()}")
        numbers = np.searchsorted(self.classes_, labels).astype(float)
        weights = row_weights(labels, self.class_weight, sample_weight, self.classes_)
        self._train(x, numbers, len(self.classes_), weights, partial)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of every class, in the order of `classes_`, for rows (n, inputs): (n, classes)."""
        return np.asarray(mg.softmax(self._outputs(X)))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of predict_proba, (n, classes), finite where a probability is too small for a number."""
        return np.asarray(mg.log_softmax(self._outputs(X)))

    def predict(self, X: Any) -> Array:
        """The most probable class of every row, (n,)."""
        logits = self._outputs(X)
        return np.asarray(self.classes_[np.argmax(logits, axis=1)])

    def _score(self, found: Array, y: Array, weights: Array | None = None) -> float:
        return float(accuracy_score(y, found.argmax(axis=1), sample_weight=weights))
