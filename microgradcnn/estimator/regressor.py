"""The estimator of numbers, one or several for every row."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from microgradcnn import nn
from microgradcnn.engine.arrays import Array, check_unmasked
from microgradcnn.estimator.perceptron import Perceptron
from microgradcnn.training.batches import row_weights

R = TypeVar("R", bound="MicrogradRegressor")


class MicrogradRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for numbers, one or several a row, trained on the mean squared error.

    All else is as in MicrogradClassifier, but for the classes. Scale y as well where it is far from 1, as
    TransformedTargetRegressor does.
    """

    _loss = staticmethod(nn.mse_loss)

    def fit(self: R, X: Any, y: Any, sample_weight: Any = None) -> R:
        """Train on rows X, (n, inputs), and numbers y, (n,) or (n, outputs); returns the estimator.

        Raises ValueError as above.
        """
        return self._learn(X, y, sample_weight)

    def partial_fit(self: R, X: Any, y: Any, sample_weight: Any = None) -> R:
        """One epoch more, with the optimiser where it was. Raises ValueError as above."""
        self._check_partial()
        return self._learn(X, y, sample_weight, partial=True)

    def _learn(self: R, X: Any, y: Any, sample_weight: Any, partial: bool = False) -> R:
        check_unmasked([X, y])
        options = {"dtype": np.float64, "y_numeric": True, "multi_output": True}
        x, numbers = validate_data(self, X, y, **options, reset=not self._goes_on(partial))
        if numbers.ndim == 1 or numbers.shape[1] == 1:
            numbers = column_or_1d(numbers, warn=True)
        numbers = numbers.reshape(len(x), -1).astype(float)
        self._train(x, numbers, numbers.shape[1], row_weights(numbers, None, sample_weight), partial)
        return self

    def predict(self, X: Any) -> Array:
        """A number for every row, (n,), or several, (n, outputs)."""
        found = self._outputs(X)
        return found[:, 0] if found.shape[1] == 1 else found

    def _score(self, found: Array, y: Array, weights: Array | None = None) -> float:
        return float(r2_score(y, found, sample_weight=weights))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
