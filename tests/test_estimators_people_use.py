"""Estimators beside scikit-learn's own, as people call both: the same lines for both, and what each then knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_linnerud
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from microgradcnn.estimator import MicrogradClassifier, MicrogradRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
BODIES, SPORTS = (StandardScaler().fit_transform(a) for a in load_linnerud(return_X_y=True))
QUICK: dict[str, Any] = {"max_iter": 4, "random_state": 0, "hidden_layer_sizes": (5,)}

both = pytest.mark.parametrize("kind", [MicrogradClassifier, MLPClassifier])
both_regressors = pytest.mark.parametrize("kind", [MicrogradRegressor, MLPRegressor])


def after(network: Any, *calls: Callable[[Any], Any]) -> tuple[int, int]:
    """How many epochs the last call took, and how many losses there are."""
    for call in calls:
        call(network)
    return network.n_iter_, len(network.loss_curve_)


def whole(network: Any) -> Any:
    return network.fit(X, Y)


def part(network: Any) -> Any:
    return network.partial_fit(X[:60], Y[:60], classes=[0, 1, 2])


@both
def test_epochs_are_counted_alike(kind: Any) -> None:
    assert after(kind(**QUICK), whole) == (4, 4)
    assert after(kind(**QUICK), whole, whole) == (4, 4)
    assert after(kind(**QUICK, warm_start=True), whole, whole) == (4, 8)
    assert after(kind(**QUICK), whole, part) == (1, 5)
    assert after(kind(**QUICK), part, part) == (1, 2)
    assert after(kind(**QUICK), part, whole) == (4, 4)


@both
def test_what_is_known_has_one_form(kind: Any) -> None:
    network = kind(**QUICK, early_stopping=True).fit(X, NAMES)
    assert network.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert [w.shape for w in network.coefs_] == [(4, 5), (5, 3)]
    assert [b.shape for b in network.intercepts_] == [(5,), (3,)]
    assert len(network.validation_scores_) == network.n_iter_ == 4
    assert network.best_validation_score_ == max(network.validation_scores_)
    assert network.loss_ == network.loss_curve_[-1] or kind is MLPClassifier
    np.testing.assert_allclose(network.predict_proba(X).sum(axis=1), 1.0)
    assert set(network.predict(X)) <= set(NAMES)


@both
@pytest.mark.parametrize(
    ("options", "call"),
    [
        ({}, lambda network: network.partial_fit(X, Y)),
        ({}, lambda network: network.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y + 1)),
        ({"early_stopping": True}, lambda network: network.partial_fit(X, Y, classes=[0, 1, 2])),
        ({"warm_start": True}, lambda network: network.fit(X, Y).fit(X[Y < 2], Y[Y < 2])),
        ({"hidden_layer_sizes": (0,)}, whole),
        ({"activation": "softplus"}, whole),
        ({"solver": "newton"}, whole),
        ({}, lambda network: network.fit(X, Y, sample_weight=np.zeros(150))),
        ({}, lambda network: network.fit(X, Y, sample_weight=np.ones(15))),
        ({}, lambda network: network.fit(X, Y).predict(X[:, :3])),
    ],
)
def test_what_one_refuses_the_other_does(kind: Any, options: dict[str, Any], call: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011, each in its own words
        call(kind(**QUICK | options))


@both
def test_verbose_ends_with_why(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for options, what in (({}, "Training loss"), ({"early_stopping": True}, "Validation score")):
        more = {"max_iter": 300, "tol": 0.5, "n_iter_no_change": 3, "verbose": True}
        network = kind(**QUICK | more | options).fit(X, Y)
        lines = [line for line in capsys.readouterr().out.splitlines() if line]
        assert lines[-1] == f"{what} did not improve more than tol=0.500000 for 3 consecutive epochs. Stopping."
        assert sum(line.startswith("Iteration") for line in lines) == network.n_iter_ < 300


def test_another_model_to_go_on_with_is_told_in_one_line() -> None:
    network = MicrogradRegressor(**QUICK).partial_fit(BODIES, SPORTS)
    says = (
        "to go on takes the model that was trained, Linear(in_features=3, out_features=5), ReLU(), "
        "Linear(in_features=5, out_features=3), and this asks for "
    )
    with pytest.raises(ValueError, match=re.escape(says)) as told:
        network.partial_fit(BODIES, SPORTS[:, 0])
    assert "\n" not in str(told.value)


@both_regressors
def test_shapes_of_numbers(kind: Any) -> None:
    assert kind(**QUICK).fit(BODIES, SPORTS).predict(BODIES).shape == (20, 3)
    assert kind(**QUICK).fit(BODIES, SPORTS[:, 0]).predict(BODIES).shape == (20,)
    assert kind(**QUICK).partial_fit(BODIES, SPORTS).partial_fit(BODIES, SPORTS).n_iter_ == 1
    weights = np.arange(20.0)
    assert kind(**QUICK).fit(BODIES, SPORTS, sample_weight=weights).predict(BODIES).shape == (20, 3)


def test_identity_is_a_linear_model_of_several_numbers_with_weights() -> None:
    """Two linear layers without a penalty have the least squares of one."""
    weights = np.random.default_rng(0).uniform(0.5, 2.0, 20)
    options: dict[str, Any] = {"alpha": 0.0, "batch_size": 20, "learning_rate_init": 0.02, "tol": 1e-12}
    network = MicrogradRegressor((4,), "identity", max_iter=3000, random_state=0, **options)
    network.fit(BODIES, SPORTS, sample_weight=weights)
    line = Ridge(alpha=1e-12).fit(BODIES, SPORTS, sample_weight=weights)
    np.testing.assert_allclose(network.predict(BODIES), line.predict(BODIES), atol=1e-3)


@pytest.mark.parametrize(
    ("network", "half"),
    [(MicrogradRegressor(), 1.0), (MLPRegressor(momentum=0.0, nesterovs_momentum=False), 0.5)],
    ids=["ours", "scikit-learn's"],
)
def test_a_step_of_sgd(network: Any, half: float) -> None:
    """Of the mean squared error, and in scikit-learn of half of it: a step is twice as long, beside the same alpha."""
    options: dict[str, Any] = {"hidden_layer_sizes": (), "solver": "sgd", "batch_size": 20, "alpha": 1.4}
    network = clone(network).set_params(**options, learning_rate_init=0.1, max_iter=1, random_state=0, warm_start=True)
    network.fit(BODIES, SPORTS[:, 0])
    (w,), (b,) = ([a.copy() for a in each] for each in (network.coefs_, network.intercepts_))
    network.fit(BODIES, SPORTS[:, 0])
    slopes = half * 2.0 / 20 * (BODIES @ w + b - SPORTS[:, :1])
    np.testing.assert_allclose(network.coefs_[0], w - 0.1 * (BODIES.T @ slopes + 1.4 / 20 * w), rtol=0, atol=1e-12)
    np.testing.assert_allclose(network.intercepts_[0], b - 0.1 * slopes.sum(axis=0), rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_grid_over_what_is_new_in_a_pipeline() -> None:
    network = MicrogradClassifier((8,), max_iter=30, random_state=0, learning_rate_init=0.05)
    pipeline = Pipeline([("scale", StandardScaler()), ("net", network)])
    grid = {
        "net__activation": ["logistic", "identity"],
        "net__class_weight": [None, "balanced"],
        "net__early_stopping": [False, True],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(load_iris().data, NAMES)
    assert search.best_score_ > 0.93
    assert len(search.cv_results_["params"]) == 8
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    assert clone(search.best_estimator_).get_params()["net__class_weight"] in (None, "balanced")


def test_weights_go_through_a_pipeline_and_frames_keep_their_names() -> None:
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler(), MicrogradClassifier(**QUICK))
    pipeline.fit(frame, pd.Series(NAMES), microgradclassifier__sample_weight=np.where(Y == 0, 3.0, 1.0))
    assert set(pipeline.predict(frame)) <= set(NAMES)
    network = MicrogradClassifier(**QUICK).fit(frame, NAMES)
    assert network.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        network.predict(frame[list("dcba")])


def test_a_class_weight_goes_by_the_names_of_classes() -> None:
    heavy = {"setosa": 0.0, "versicolor": 1.0, "virginica": 1.0}
    network = MicrogradClassifier(**QUICK | {"max_iter": 60}, learning_rate_init=0.05, class_weight=heavy)
    predicted = network.fit(X, NAMES).predict(X)
    assert "setosa" not in predicted
    assert np.mean(predicted[Y > 0] == NAMES[Y > 0]) > 0.9


@pytest.mark.slow
def test_scores_over_folds_are_those_of_scikit_learns_own() -> None:
    options: dict[str, Any] = {"learning_rate_init": 0.02, "max_iter": 60, "random_state": 0, "batch_size": 32}
    ours, theirs = (
        cross_val_score(make_pipeline(StandardScaler(), kind((20,), **options)), X, Y, cv=5).mean()
        for kind in (MicrogradClassifier, MLPClassifier)
    )
    assert abs(ours - theirs) < 0.04
