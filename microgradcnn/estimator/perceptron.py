"""What both estimators share: their arguments, training by a compiled program, and what is known of the model after."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

import microgradcnn.engine.functions as mg
from microgradcnn import nn
from microgradcnn.engine.arrays import Array, check_unmasked
from microgradcnn.engine.value import Value
from microgradcnn.targets.native.auto import AUTO
from microgradcnn.training.batches import Batches, Objective, batches, outputs, weighted
from microgradcnn.training.descent import Descent, Recorder
from microgradcnn.training.loop import DivergedError, ModelLoop
from microgradcnn.training.schedule import OF_MODELS, check_number, check_whole
from microgradcnn.training.stopping import GOING, EpochEnd, Patience, all_epochs

ACTIVATIONS: dict[str, tuple[type[nn.Module] | None, str]] = {  # with the initialisation that suits them
    "relu": (nn.ReLU, "he"),
    "sigmoid": (nn.Sigmoid, "glorot"),
    "tanh": (nn.Tanh, "glorot"),
    "identity": (None, "glorot"),
    "logistic": (nn.Sigmoid, "glorot"),  # scikit-learn's name of the sigmoid
}
SOLVERS = {"adam": "adam", "sgd": "momentum"}  # scikit-learn's names of optimisers


class Perceptron(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A multilayer perceptron that is trained on `_loss`, and keeps what training goes on from.

    A kind of it says what `_score` its outputs have on rows that were kept for validation.
    """

    _loss: ClassVar[Callable[..., Value]]
    model_: nn.Sequential
    loss_curve_: list[float]
    _rng: np.random.Generator
    _memory: dict[str, Any]  # of the optimiser
    _compiled: tuple[Any, Batches] | None = None  # for parts of the data, with what the program depends on

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
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        backend: str = AUTO,
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
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.backend = backend

    @property
    def coefs_(self) -> list[Array]:
        """The weights of every layer, (inputs, outputs): x @ coefs_[0] + intercepts_[0] goes into the first units."""
        return [np.asarray(layer.weight.data).T for layer in self._layers()]

    @property
    def intercepts_(self) -> list[Array]:
        """The bias of every layer, (outputs,)."""
        return [np.asarray(p.data) for layer in self._layers() if (p := layer.bias) is not None]

    def _layers(self) -> list[nn.Linear]:
        return [layer for layer in self.model_ if isinstance(layer, nn.Linear)]

    def _goes_on(self, partial: bool) -> bool:
        """Whether training starts from the model that there is."""
        return (partial or self.warm_start) and hasattr(self, "model_")

    def _train(self, x: Array, y: Array, outputs: int, weights: Array | None, partial: bool) -> None:
        """Train on rows x, (n, inputs), and y: until the stop policy says so, or for one epoch that takes up the last.

        Rows of weight 0 are left out, so that they are not drawn for the validation either.
        """
        self._check_arguments()
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        goes_on, new = self._goes_on(partial), self._model(x.shape[1], outputs, rng)
        if not goes_on:
            self.model_, self.loss_curve_, self._compiled = new, [], None
        elif self.model_.architecture() != new.architecture():
            trained, asked = (", ".join(layer.line() for layer in model) for model in (self.model_, new))
            raise ValueError(f"to go on takes the model that was trained, {trained}, and this asks for {asked}")
        if weights is not None:
            x, y, weights = (array[weights > 0.0] for array in (x, y, weights))
        validation: list[Any] = []
        if self.early_stopping:
            (x, y, weights), validation = self._parted(x, y, weights, seed)
        rows = self._batches(x, y, weights)
        descent = Descent(rows, SOLVERS[self.solver], self._rng if goes_on and partial else rng)
        if goes_on and partial:
            descent.optimiser.load_state_dict(self._memory)
        status = self._descend(descent, validation, partial)
        if self.verbose and status == "stalled":
            what = "Validation score" if validation else "Training loss"
            without = f"did not improve more than tol={self.tol:f} for {self.n_iter_no_change} consecutive epochs"
            print(f"{what} {without}. Stopping.")
        if not partial:
            self._compiled = None  # which holds the rows
        self._rng, self._memory = descent.rng, descent.optimiser.state_dict()
        curve = [row["loss"] for row in descent.history]
        self.n_iter_, self.loss_curve_ = len(curve), [*self.loss_curve_, *curve]
        self.n_layers_, self.n_outputs_ = len(self._layers()) + 1, outputs
        self.out_activation_ = "softmax" if is_classifier(self) else "identity"
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.inf
        self.validation_scores_ = [row["validation_score"] for row in descent.history] if validation else None
        self.best_loss_ = None if validation else min(self.loss_curve_, default=math.inf)
        self.best_validation_score_ = max(self.validation_scores_) if self.validation_scores_ else None
        if status == "interrupted":
            warnings.warn(f"training was interrupted after epoch {self.n_iter_}, and is kept", stacklevel=3)
        if status == GOING and not partial:
            warnings.warn(
                f"training has not converged after max_iter={self.max_iter} epochs: allow more, or a larger tol",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _batches(self, x: Array, y: Array, weights: Array | None) -> Batches:
        """The rows with their compiled loss, that of the part of the data before where it is the same."""
        mean = 1.0 if weights is None else float(weights.mean())
        shares = None if weights is None else weights / mean
        size = mean * min(self.batch_size, len(x))
        needs = (self.backend, self.alpha, size, shares is None)
        if self._compiled is not None and self._compiled[0] == needs:
            self._compiled[1].take(x, y, shares)
        else:
            run = replace(OF_MODELS, epochs=self.max_iter, batch=self.batch_size).workload(len(x))
            rows = batches(self.backend, run, self._objective(size), self.model_.parameters(), x, y, shares)
            self._compiled = (needs, rows)
        self.backend_ = self._compiled[1].engine
        return self._compiled[1]

    def __getstate__(self) -> dict[str, Any]:
        """All but the program, which no process can hand to another."""
        return {name: value for name, value in super().__getstate__().items() if name != "_compiled"}

    def _descend(self, descent: Descent, validation: list[Any], partial: bool) -> str:
        """Run the loop of training, and give the status that it ended with. Raises ValueError where it diverges."""
        schedule = replace(OF_MODELS, epochs=1 if partial else self.max_iter, batch=self.batch_size)
        stop = Patience(self.tol, self.n_iter_no_change)
        if validation:
            stop = replace(stop, watch="validation_score", restore_best=True)

        def validate() -> dict[str, float]:
            x, *known = validation
            return {"validation_score": self._score(outputs(self.model_, x), *known)}

        loop = ModelLoop(
            Recorder(descent),
            schedule,
            self.learning_rate_init,
            all_epochs if partial else stop,
            self.model_,
            validate=validate if validation else dict,
            callbacks=[_print] if self.verbose else [],
        )
        try:
            return loop.run()
        except DivergedError:
            raise ValueError(
                f"training diverged in epoch {len(descent.history) + 1}: scale the inputs, as StandardScaler does, or "
                f"take a learning_rate_init below {self.learning_rate_init}"
            ) from None

    def _parted(self, x: Array, y: Array, weights: Array | None, seed: int) -> tuple[Any, list[Any]]:
        """The rows to train on and those to validate with: x, y and weights, None where there are none."""
        columns = (x, y) if weights is None else (x, y, weights)
        stratify = y if is_classifier(self) else None
        kept = math.ceil(self.validation_fraction * len(x))
        if kept < 2:
            raise ValueError(
                f"{kept} of {len(x)} rows is too few to validate with: take a validation_fraction above "
                f"{self.validation_fraction}, or more rows"
            )
        try:
            parts = train_test_split(*columns, test_size=self.validation_fraction, stratify=stratify, random_state=seed)
        except ValueError:
            least = np.unique(y, return_counts=True)[1].min()
            raise ValueError(
                f"early_stopping trains and validates with rows of every class, and of {len(x)} rows, the smallest "
                f"class with {least}, validation_fraction={self.validation_fraction} leaves none: take more rows, a "
                "larger share, or early_stopping=False"
            ) from None
        train, unseen = parts[::2], parts[1::2]
        return (*train, None)[:3], unseen

    def _model(self, inputs: int, outputs: int, rng: np.random.Generator) -> nn.Sequential:
        layer, init = ACTIVATIONS[self.activation]
        sizes = [inputs, *np.atleast_1d(self.hidden_layer_sizes).astype(int).tolist()]
        parts: list[nn.Module] = []
        for m, k in pairwise(sizes):
            parts += [nn.Linear(m, k, rng=rng, init=init), *([] if layer is None else [layer()])]
        return nn.Sequential(*parts, nn.Linear(sizes[-1], outputs, rng=rng, init="glorot"))

    def _objective(self, size: float) -> Objective:
        """The loss, and the penalty (α/2)Σw² over the weights, which is shared by a batch of this size."""
        model, loss = self.model_, type(self)._loss

        def objective(x: Value, y: Value, *weights: Value) -> list[Value]:
            found = weighted(loss, model(x), y, *weights)
            if not self.alpha:
                return [found]
            penalties = [layer.weight.square().sum() for layer in self._layers()]
            return [found + 0.5 * self.alpha / size * mg.stack(penalties).sum()]

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
        for size in np.atleast_1d(self.hidden_layer_sizes).tolist():
            check_whole("a number of hidden_layer_sizes", size, 1)
        for name in ("batch_size", "max_iter", "n_iter_no_change"):
            check_whole(name, getattr(self, name), 1)
        for name in ("alpha", "tol", "learning_rate_init", "validation_fraction"):
            check_number(name, getattr(self, name))
        for name in ("alpha", "tol", "learning_rate_init"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is a number ≥ 0, not {getattr(self, name)}")
        if not 0.0 < self.validation_fraction < 1.0:
            raise ValueError(f"validation_fraction is a share between 0 and 1, not {self.validation_fraction}")

    def _check_partial(self) -> None:
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True: it has no rows to validate with")


def _print(end: EpochEnd) -> None:
    """What MLPClassifier's `verbose` prints after an epoch."""
    row = end.history[-1]
    print(f"Iteration {end.epoch}, loss = {row['loss']:.8f}")
    if "validation_score" in row:
        print(f"Validation score: {row['validation_score']:.6f}")
