"""What the estimators share with scikit-learn's own perceptrons: weights, going on, early stopping, what they know."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_linnerud, load_wine
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.utils.class_weight import compute_sample_weight

from microgradcnn.estimator import MicrogradClassifier, MicrogradRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda a: np.maximum(a, 0.0),
    "tanh": np.tanh,
    "logistic": lambda a: 1.0 / (1.0 + np.exp(-a)),
    "sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)),
    "identity": lambda a: a,
}


def scaled(load: Callable[..., Any]) -> tuple[np.ndarray, np.ndarray]:
    x, y = load(return_X_y=True)
    return (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9), y


WINE, CLASSES = scaled(load_wine)
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(WINE)).astype(float)


def classifier(**options: Any) -> MicrogradClassifier:
    usual = {"hidden_layer_sizes": (6,), "learning_rate_init": 0.02, "max_iter": 5, "random_state": 0}
    return MicrogradClassifier(**usual | options)


# What is known after fit


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_the_probabilities_are_those_of_numpy_from_the_coefficients(activation: str) -> None:
    network = classifier(hidden_layer_sizes=(6, 4), activation=activation).fit(WINE, CLASSES)
    assert [w.shape for w in network.coefs_] == [(13, 6), (6, 4), (4, 3)]
    assert [b.shape for b in network.intercepts_] == [(6,), (4,), (3,)]
    a = WINE
    for w, b in zip(network.coefs_[:-1], network.intercepts_[:-1], strict=True):
        a = FUNCTIONS[activation](a @ w + b)
    odds = np.exp(a @ network.coefs_[-1] + network.intercepts_[-1])
    np.testing.assert_allclose(network.predict_proba(WINE), odds / odds.sum(axis=1, keepdims=True), rtol=1e-12)


def test_the_logarithms_of_probabilities_are_finite_where_these_are_0() -> None:
    network = classifier(hidden_layer_sizes=(6,), activation="identity").fit(WINE, CLASSES)
    near, far = network.predict_log_proba(WINE), network.predict_log_proba(1e4 * WINE)
    np.testing.assert_allclose(near, np.log(network.predict_proba(WINE)), rtol=1e-10)
    assert (network.predict_proba(1e4 * WINE) == 0.0).any()
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    logits = (1e4 * WINE @ w1 + b1) @ w2 + b2
    np.testing.assert_allclose(far, scipy.special.log_softmax(logits, axis=1), rtol=1e-9, atol=1e-9)
    assert np.isfinite(far).all()


def test_what_is_known_of_the_training() -> None:
    network = classifier()
    assert not hasattr(network, "coefs_")
    network.fit(WINE, CLASSES)
    assert network.n_iter_ == len(network.loss_curve_) == 5
    assert network.loss_ == network.loss_curve_[-1] < network.loss_curve_[0]
    assert network.validation_scores_ is None
    assert network.best_validation_score_ is None


def test_verbose_prints_what_scikit_learn_prints(capsys: pytest.CaptureFixture[str]) -> None:
    network = classifier(max_iter=2, early_stopping=True, verbose=True).fit(WINE, CLASSES)
    lines = []
    for n, (loss, score) in enumerate(zip(network.loss_curve_, network.validation_scores_, strict=True), 1):
        lines += [f"Iteration {n}, loss = {loss:.8f}", f"Validation score: {score:f}"]
    assert capsys.readouterr().out.splitlines() == lines
    classifier().fit(WINE, CLASSES)
    assert capsys.readouterr().out == ""


# Step by step with scikit-learn's own


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_steps_are_those_of_mlp_classifier(activation: str, solver: str, weights: Any) -> None:
    """Adam's ε stands in scikit-learn beside a second moment that is not corrected yet, so it is brought to ours."""
    kept = slice(None) if weights is None else weights > 0
    x, y, rows = WINE[kept], CLASSES[kept], None if weights is None else weights[kept]
    options: dict[str, Any] = {"hidden_layer_sizes": (7, 5), "activation": activation, "solver": solver, "alpha": 0.3}
    options |= {"batch_size": len(x), "learning_rate_init": 0.01, "random_state": 0}
    ours, theirs = MicrogradClassifier(**options), MLPClassifier(**options, nesterovs_momentum=False)
    theirs.partial_fit(x, y, classes=[0, 1, 2])
    del theirs._optimizer  # it starts anew, from our parameters
    start = ours._model(13, 3, np.random.default_rng(np.random.RandomState(0).randint(2**31)))
    for p, w in zip(start.parameters(), _in_order(theirs), strict=True):
        w[...] = p.data
    for t in range(1, 6):
        epsilon = 1e-8 * np.sqrt(1.0 - 0.999**t)
        setattr(*((theirs, "epsilon") if t == 1 else (theirs._optimizer, "epsilon")), epsilon)
        theirs.partial_fit(x, y, sample_weight=rows)
        ours.partial_fit(WINE, CLASSES, classes=[0, 1, 2], sample_weight=weights)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_[1:], rtol=0, atol=1e-11)
    for mine, yours in zip([*ours.coefs_, *ours.intercepts_], [*theirs.coefs_, *theirs.intercepts_], strict=True):
        np.testing.assert_allclose(mine, yours, rtol=0, atol=1e-10)


def _in_order(network: MLPClassifier) -> list[np.ndarray]:
    return [p for w, b in zip(network.coefs_, network.intercepts_, strict=True) for p in (w.T, b)]


# Weights


def test_a_row_of_weight_2_is_the_row_twice() -> None:
    times = WEIGHTS.astype(int)
    options = {"batch_size": 10_000, "alpha": 0.5}
    weighted = classifier(**options).fit(WINE, CLASSES, WEIGHTS)
    repeated = classifier(**options).fit(WINE.repeat(times, axis=0), CLASSES.repeat(times))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(weighted.predict_proba(WINE), repeated.predict_proba(WINE), rtol=1e-10)
    y = WINE[:, :2] * [2.0, -1.0]
    one, two = (MicrogradRegressor((4,), max_iter=5, random_state=0, **options) for _ in range(2))
    one.fit(WINE, y, sample_weight=WEIGHTS)
    two.fit(WINE.repeat(times, axis=0), y.repeat(times, axis=0))
    np.testing.assert_allclose(one.predict(WINE), two.predict(WINE), rtol=1e-10)


def test_class_weights_are_weights_of_rows() -> None:
    names = np.array(["red", "rosé", "white"])[CLASSES]
    for weight, rows in (("balanced", 1.0), ({"red": 3.0, "white": 0.5}, WEIGHTS)):
        by_class = classifier(class_weight=weight).fit(WINE, names, sample_weight=rows * np.ones(178))
        by_row = classifier().fit(WINE, names, sample_weight=rows * compute_sample_weight(weight, names))
        np.testing.assert_allclose(by_class.predict_proba(WINE), by_row.predict_proba(WINE), rtol=1e-9)
    balanced = [classifier(class_weight="balanced", batch_size=1000) for _ in range(2)]
    balanced[0].fit(WINE, names, sample_weight=WEIGHTS)
    balanced[1].fit(WINE.repeat(WEIGHTS.astype(int), axis=0), names.repeat(WEIGHTS.astype(int)))
    np.testing.assert_allclose(balanced[0].predict_proba(WINE), balanced[1].predict_proba(WINE), rtol=1e-9)
    with pytest.raises(ValueError, match="class_weight has a weight for 'pink', and y the classes red, rosé, white"):
        classifier(class_weight={"pink": 2.0}).fit(WINE, names)


# Going on


def test_partial_fits_are_the_epochs_of_a_fit() -> None:
    whole, parts = classifier(max_iter=6), classifier()
    whole.fit(WINE, CLASSES)
    for _ in range(3):
        parts.partial_fit(WINE, CLASSES, classes=[0, 1, 2])
    parts = pickle.loads(pickle.dumps(parts))
    for _ in range(3):
        parts.partial_fit(WINE, CLASSES)
    assert parts.loss_curve_ == whole.loss_curve_
    assert parts.n_iter_ == 1
    assert np.array_equal(parts.predict_proba(WINE), whole.predict_proba(WINE))
    assert classifier(max_iter=7).fit(WINE, CLASSES).loss_curve_ == whole.partial_fit(WINE, CLASSES).loss_curve_


def test_parts_of_all_kinds_go_on_as_in_a_new_process() -> None:
    """The program of one part serves the next only where it is the same."""
    here, there = classifier(batch_size=50), classifier(batch_size=50)
    changes: list[dict[str, Any]] = [{}, {}, {"alpha": 1.0}, {"alpha": 0.0}, {"batch_size": 20}, {"warm_start": True}]
    for step, change in enumerate(changes):
        part, weights = slice(step, 150 - 40 * (step % 2)), None if step % 3 else 0.5 + WEIGHTS
        there = pickle.loads(pickle.dumps(there))
        for network in (here, there):
            network.set_params(**change)
            if step == 1:
                network.model_.parameters()[0].data = np.ones((6, 13))
            rows = None if weights is None else weights[part]
            network.partial_fit(WINE[part], CLASSES[part], [0, 1, 2], sample_weight=rows)
        assert here.loss_curve_ == there.loss_curve_
    assert np.array_equal(here.predict_proba(WINE), there.predict_proba(WINE))


@pytest.mark.slow
def test_rows_come_in_parts() -> None:
    x, y = scaled(load_digits)
    network = MicrogradClassifier((32,), learning_rate_init=0.01, random_state=0)
    for _ in range(8):
        for start in range(0, 1400, 200):
            network.partial_fit(x[start : start + 200], y[start : start + 200], classes=range(10))
    assert network.score(x[1400:], y[1400:]) > 0.9


def test_a_part_without_some_of_the_classes() -> None:
    network = classifier(class_weight={0: 2.0}).partial_fit(WINE[CLASSES > 0], CLASSES[CLASSES > 0], classes=[0, 1, 2])
    assert network.classes_.tolist() == [0, 1, 2]
    assert network.predict_proba(WINE).shape == (178, 3)


@pytest.mark.parametrize(
    ("options", "first", "again", "says"),
    [
        ({}, {}, None, "classes must be passed on the first call to partial_fit"),
        ({}, {"classes": [0, 1]}, None, r"y has the class 2, and classes are \[0, 1\]"),
        ({}, {"classes": [0, 1, 2]}, {"classes": [0, 1, 2, 3]}, r"the classes were \[0, 1, 2\], and now are \[0, 1, 2"),
        ({}, {"classes": [0, 1, 2]}, {"classes": [0, 1]}, r"the classes were \[0, 1, 2\], and now are \[0, 1\]: to go"),
        ({"class_weight": "balanced"}, {"classes": [0, 1, 2]}, None, "partial_fit cannot balance classes that it has"),
        ({"early_stopping": True}, {"classes": [0, 1, 2]}, None, "partial_fit does not support early_stopping=True"),
    ],
)
def test_parts_that_do_not_fit(options: Any, first: Any, again: Any, says: str) -> None:
    network = classifier(**options)
    with pytest.raises(ValueError, match=says):
        network.partial_fit(WINE, CLASSES, **first).partial_fit(WINE, CLASSES, **again)


def test_a_class_that_no_row_is_left_of_to_validate_with() -> None:
    rows = [*range(60), 177]  # one of class 2
    with pytest.raises(ValueError, match=r"of 61 rows, the smallest class with 1, .*=0\.1 leaves none: .* early_st"):
        classifier(early_stopping=True).fit(WINE[rows], CLASSES[rows])


def test_what_is_known_of_the_layers_and_losses_has_the_names_of_scikit_learn() -> None:
    ours, theirs = (kind((4, 3), max_iter=2).fit(WINE, CLASSES) for kind in (MicrogradClassifier, MLPClassifier))
    for name in ("n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.best_loss_ == min(ours.loss_curve_)
    assert classifier(early_stopping=True).fit(WINE, CLASSES).best_loss_ is None
    assert MicrogradRegressor((4,), max_iter=1).fit(WINE, WINE[:, :2]).out_activation_ == "identity"


def test_a_warm_start_goes_on_from_the_parameters() -> None:
    network = classifier(warm_start=True).fit(WINE, CLASSES)
    before = network.predict_proba(WINE)
    network.set_params(learning_rate_init=0.0, max_iter=2).fit(WINE, CLASSES)
    assert np.array_equal(network.predict_proba(WINE), before)
    assert (network.n_iter_, len(network.loss_curve_)) == (2, 7)
    network.set_params(learning_rate_init=0.02).fit(WINE, CLASSES)
    assert network.loss_ < network.loss_curve_[4]
    cold = clone(network).set_params(warm_start=False, max_iter=5)
    again = cold.fit(WINE, CLASSES).predict_proba(WINE)
    assert np.array_equal(cold.fit(WINE, CLASSES).predict_proba(WINE), again)
    assert np.array_equal(again, before)


@pytest.mark.parametrize(
    ("change", "keep", "says"),
    [
        ({}, CLASSES < 2, r"the classes were \[0, 1, 2\], and now are \[0, 1\]: to go on takes the same"),
        ({"hidden_layer_sizes": (7,)}, CLASSES < 3, "to go on takes the model that was trained"),
    ],
)
def test_a_warm_start_with_something_else(change: Any, keep: Any, says: str) -> None:
    network = classifier(warm_start=True, max_iter=1).fit(WINE, CLASSES)
    with pytest.raises(ValueError, match=says):
        network.set_params(**change).fit(WINE[keep], CLASSES[keep])


# Early stopping


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_early_stopping_restores_the_best_epoch(weights: Any) -> None:
    options: dict[str, Any] = {"n_iter_no_change": 4, "tol": 0.002, "max_iter": 60, "learning_rate_init": 0.01}
    stopped = classifier(early_stopping=True, validation_fraction=0.25, **options).fit(WINE, CLASSES, weights)
    assert stopped.n_iter_ < 60
    kept = weights > 0 if weights is not None else np.ones(178, bool)
    columns = [WINE[kept], CLASSES[kept], np.ones(178)[kept] if weights is None else weights[kept]]
    seed = np.random.RandomState(0).randint(2**31)
    parts = train_test_split(*columns, test_size=0.25, stratify=columns[1], random_state=seed)
    replayed, scores, found = classifier(**options), [], []
    for _ in range(stopped.n_iter_):
        replayed.partial_fit(parts[0], parts[2], [0, 1, 2], sample_weight=None if weights is None else parts[4])
        scores.append(replayed.score(parts[1], parts[3], parts[5]))
        found.append(replayed.predict_proba(WINE))
    assert stopped.validation_scores_ == pytest.approx(scores, abs=1e-12)
    assert stopped.best_validation_score_ == pytest.approx(max(scores), abs=1e-12)
    np.testing.assert_allclose(stopped.predict_proba(WINE), found[int(np.argmax(scores))], rtol=1e-12)
    assert not np.array_equal(found[-1], found[int(np.argmax(scores))])
    best, waited, ends = -np.inf, 0, []
    for score in scores:
        waited = 0 if score >= best + 0.002 else waited + 1
        best = max(best, score)
        ends.append(waited == 4)
    assert ends == [False] * (len(scores) - 1) + [True]


def test_a_regressor_stops_by_its_r_squared() -> None:
    x, _ = scaled(load_breast_cancer)
    y = x[:, :1] * 2.0 + x[:, 1:3]
    network = MicrogradRegressor(
        (8,), learning_rate_init=0.01, early_stopping=True, n_iter_no_change=3, tol=1e-3, random_state=0
    ).fit(x, y)
    assert network.n_iter_ < 200
    assert network.best_validation_score_ == max(network.validation_scores_) > 0.9
    assert network.score(x, y) > 0.9


@pytest.mark.parametrize(
    ("options", "rows", "says"),
    [
        ({"validation_fraction": 0.0}, 178, "validation_fraction is a share between 0 and 1, not 0.0"),
        ({"validation_fraction": 0.1}, 8, "1 of 8 rows is too few to validate with"),
    ],
)
def test_too_few_rows_to_validate_with(options: Any, rows: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MicrogradRegressor(early_stopping=True, **options).fit(WINE[:rows], WINE[:rows, 0])


# Several numbers a row


def test_several_outputs_are_ridge_regression_without_hidden_layers() -> None:
    x, y = scaled(load_linnerud)
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    # The loss is the mean over outputs too: each shares the penalty with the others.
    network = MicrogradRegressor(
        (), alpha=2.0 / 3.0, batch_size=20, learning_rate_init=0.02, max_iter=3000, tol=1e-10, random_state=0
    )
    found = network.fit(x, y).predict(x)
    assert found.shape == (20, 3)
    np.testing.assert_allclose(found, Ridge(alpha=1.0).fit(x, y).predict(x), atol=1e-3)
    assert network.score(x, y) == pytest.approx(Ridge(alpha=1.0).fit(x, y).score(x, y), abs=1e-3)


def test_one_output_in_a_column_is_one_number_a_row() -> None:
    x, _ = scaled(load_iris)
    row, column = (MicrogradRegressor((4,), max_iter=2, random_state=0) for _ in range(2))
    with pytest.warns(DataConversionWarning):
        column.fit(x, x[:, :1])
    assert np.array_equal(row.fit(x, x[:, 0]).predict(x), column.predict(x))
    assert column.predict(x).shape == (150,)


def test_a_fit_that_has_not_converged_warns_and_a_part_does_not(recwarn: pytest.WarningsRecorder) -> None:
    classifier().partial_fit(WINE, CLASSES, classes=[0, 1, 2])
    assert not recwarn.list
    with pytest.warns(ConvergenceWarning, match="max_iter=5 epochs"):
        classifier().fit(WINE, CLASSES)
