"""Multilayer perceptrons as scikit-learn's estimators: they sit in a Pipeline, a GridSearchCV or a cross_val_score.

The arguments are those of scikit-learn's own MLPClassifier and MLPRegressor where both have them. This module, and no
other, imports scikit-learn when it is imported: what sits in its pipelines has to descend from its classes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array, check_unmasked
from microgradcnn.engine.value import Value
from microgradcnn.extras import require
from microgradcnn.training.batches import Objective, batches, outputs
from microgradcnn.training.descent import Descent, Recorder
from microgradcnn.training.loop import DivergedError, ModelLoop
from microgradcnn.training.schedule import OF_MODELS
from microgradcnn.training.stopping import GOING, Patience

require("sklearn", "data", package="scikit-learn", needed_by="microgradcnn.estimator")

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin  # noqa: E402
from sklearn.exceptions import ConvergenceWarning  # noqa: E402
from sklearn.utils import check_random_state, column_or_1d  # noqa: E402
from sklearn.utils.multiclass import check_classification_targets  # noqa: E402
from sklearn.utils.validation import check_is_fitted, validate_data  # noqa: E402

Loss = Callable[[Any, Any], Value]
P = TypeVar("P", bound="_Perceptron")

ACTIVATIONS: dict[str, tuple[type[nn.Module], str]] = {  # with the initialisation that suits them
    "relu": (nn.ReLU, "he"),
    "sigmoid": (nn.Sigmoid, "glorot"),
    "tanh": (nn.Tanh, "glorot"),
}
SOLVERS = {"adam": "adam", "sgd": "momentum"}  # scikit-learn's names of optimisers


class _Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share: the arguments, and training by a compiled program."""

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
        random_state: int | np.random.RandomState | None = None,
        backend: str = "numpy",
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.backend = backend

    def _train(self, x: Array, y: Array, outputs: int, loss: Loss) -> None:
        """Fit a new model to rows x, (n, inputs), and y, (n,)."""
        self._check_arguments()
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        self.model_ = self._model(x.shape[1], outputs, rng)
        rows = batches(self.backend, self._objective(len(x), loss), self.model_.parameters(), x, y)
        schedule = replace(OF_MODELS, epochs=self.max_iter, batch=self.batch_size)
        descent, stop = Descent(rows, SOLVERS[self.solver], rng), Patience(self.tol, self.n_iter_no_change)
        try:
            status = ModelLoop(Recorder(descent), schedule, self.learning_rate_init, stop, self.model_).run()
        except DivergedError:
            raise ValueError(
                f"training diverged in epoch {len(descent.history) + 1}: scale the inputs, as StandardScaler does, or "
                f"take a learning_rate_init below {self.learning_rate_init}"
            ) from None
        self.loss_curve_ = [row["loss"] for row in descent.history]
        self.n_iter_ = len(self.loss_curve_)
        if status == GOING:
            warnings.warn(
                f"training has not converged after max_iter={self.max_iter} epochs: allow more, or a larger tol",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _model(self, inputs: int, outputs: int, rng: np.random.Generator) -> nn.Sequential:
        layer, init = ACTIVATIONS[self.activation]
        sizes = [inputs, *np.atleast_1d(self.hidden_layer_sizes).astype(int).tolist()]
        hidden = [part for m, k in pairwise(sizes) for part in (nn.Linear(m, k, rng=rng, init=init), layer())]
        return nn.Sequential(*hidden, nn.Linear(sizes[-1], outputs, rng=rng, init="glorot"))

    def _objective(self, n: int, loss: Loss) -> Objective:
        """The loss, and the penalty (α/2)Σw² over the weights, which is shared by the rows of a batch."""
        model = self.model_

        def objective(x: Value, y: Value) -> list[Value]:
            if not self.alpha:
                return [loss(model(x), y)]
            penalties = [layer.weight.square().sum() for layer in model if isinstance(layer, nn.Linear)]
            share = 0.5 * self.alpha / min(self.batch_size, n)
            return [loss(model(x), y) + share * mg.stack(penalties).sum()]

        return objective

    def _outputs(self, X: Any) -> Array:
        """What the model gives for rows (n, inputs), (n, outputs)."""
        check_is_fitted(self)
        check_unmasked(X)
        return outputs(self.model_, validate_data(self, X, dtype=np.float64, reset=False))

    def _check_arguments(self) -> None:
        for name, known in (("activation", ACTIVATIONS), ("solver", SOLVERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {' or '.join(known)}, not {getattr(self, name)!r}")
        sizes = self.hidden_layer_sizes
        if min(np.atleast_1d(sizes).tolist(), default=1) < 1:
            raise ValueError(f"hidden_layer_sizes are numbers of at least 1, not {sizes}")
        for name in ("batch_size", "max_iter", "n_iter_no_change"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is at least 1, not {getattr(self, name)}")
        for name in ("alpha", "tol", "learning_rate_init"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is a number ≥ 0, not {getattr(self, name)}")


class MicrogradClassifier(ClassifierMixin, _Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for two or more classes, trained on the softmax cross-entropy.

    `hidden_layer_sizes` are the numbers of hidden units, `activation` is relu, sigmoid or tanh, `solver` adam or sgd
    (with momentum 0.9), `alpha` the weight of the penalty (α/2)Σw²/batch_size. Training ends when an epoch's loss has
    not fallen by `tol` for `n_iter_no_change` epochs, or after `max_iter` with a ConvergenceWarning. `backend` is one
    of mg.compile's. Scale the inputs first, as StandardScaler does. After fit: `classes_`, `model_` (an nn.Sequential
    that gives logits), `loss_curve_`, `n_iter_`, `n_features_in_`.
    """

    def fit(self: P, X: Any, y: Any) -> P:
        """Train on rows X, (n, inputs), and their labels y, (n,), of any type that sorts; returns the estimator.

        Raises ValueError for arguments, rows or labels that do not fit, and where training diverges.
        """
        check_unmasked([X, y])
        x, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        self._train(x, numbers.astype(float), len(self.classes_), nn.cross_entropy)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of every class, in the order of `classes_`, for rows (n, inputs): (n, classes)."""
        return np.asarray(mg.softmax(self._outputs(X)))

    def predict(self, X: Any) -> Array:
        """The most probable class of every row, (n,)."""
        logits = self._outputs(X)
        return np.asarray(self.classes_[np.argmax(logits, axis=1)])


class MicrogradRegressor(RegressorMixin, _Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for numbers, trained on the mean squared error; all else is as in MicrogradClassifier.

    Scale y as well where it is far from 1, as TransformedTargetRegressor does.
    """

    def fit(self: P, X: Any, y: Any) -> P:
        """Train on rows X, (n, inputs), and numbers y, (n,); returns the estimator. Raises ValueError as above."""
        check_unmasked([X, y])
        x, numbers = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._train(x, column_or_1d(numbers, warn=True).astype(float), 1, lambda out, y: nn.mse_loss(out[:, 0], y))
        return self

    def predict(self, X: Any) -> Array:
        """A number for every row, (n,)."""
        return self._outputs(X)[:, 0]
