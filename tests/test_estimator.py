"""scikit-learn's own checks of an estimator, and its tools at work with ours."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import microgradcnn as mg
from microgradcnn.estimator import MicrogradClassifier, MicrogradRegressor

QUICK = {"hidden_layer_sizes": (10,), "learning_rate_init": 0.02, "max_iter": 40}
# The one check that is left out skips itself, unless SciPy was told to take arrays of other libraries.
CHECKS = [
    pytest.param(estimator, check, id=f"{kind.__name__}-{check.func.__name__}-{i}")
    for kind in (MicrogradClassifier, MicrogradRegressor)
    for i, (estimator, check) in enumerate(estimator_checks_generator(kind(**QUICK)))
    if check.func.__name__ != "check_array_api_input"
]


def halves(data):
    """Training and test rows of a data set of scikit-learn's, four to one."""
    return train_test_split(data.data, data.target, test_size=0.2, random_state=0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_scikit_learn_has_many_checks():
    assert len(CHECKS) > 80


def test_breast_cancer_in_a_pipeline_and_a_grid_search():
    x, x_test, y, y_test = halves(load_breast_cancer())
    network = MicrogradClassifier((16,), max_iter=40, tol=1e-3, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    name = "microgradclassifier"
    grid = {f"{name}__alpha": [1e-4, 1.0]}
    with pytest.warns(ConvergenceWarning):
        search = GridSearchCV(pipeline, grid, cv=2).fit(x, y)
    assert search.score(x_test, y_test) >= 0.95
    assert set(search.best_params_) == set(grid)
    assert search.best_estimator_[-1].random_state == 0


def test_digits():
    x, x_test, y, y_test = halves(load_digits())
    network = MicrogradClassifier((64,), max_iter=25, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    with pytest.warns(ConvergenceWarning, match="max_iter=25 epochs"):
        pipeline.fit(x, y)
    assert pipeline.score(x_test, y_test) >= 0.95
    assert network.n_iter_ == len(network.loss_curve_) == 25
    probabilities = pipeline.predict_proba(x_test)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-12)
    assert np.array_equal(probabilities.argmax(axis=1), pipeline.predict(x_test))


def test_labels_are_what_they_were():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 2)) + np.repeat([[0.0, 5.0], [5.0, 0.0], [-5.0, -5.0]], 30, axis=0)
    y = np.repeat(["plum", "apple", "pear"], 30)
    network = MicrogradClassifier((8,), learning_rate_init=0.02, tol=1e-2, random_state=1).fit(x, y)
    assert network.classes_.tolist() == ["apple", "pear", "plum"]
    assert network.score(x, y) == 1.0


def test_without_hidden_layers_it_is_logistic_regression():
    x, _, y, _ = halves(load_breast_cancer())
    x = StandardScaler().fit_transform(x)[:, :3]
    alpha = 2.0
    network = MicrogradClassifier(
        (),
        alpha=alpha,
        batch_size=len(x),
        learning_rate_init=0.05,
        max_iter=3000,
        tol=1e-9,
        n_iter_no_change=100,
        random_state=0,
    ).fit(x, y)
    # Two logits share the penalty: the difference d of their weights w, -w costs (α/2)·d²/2.
    expected = LogisticRegression(C=2.0 / alpha).fit(x, y).predict_proba(x)
    np.testing.assert_allclose(network.predict_proba(x), expected, atol=1e-3)


def test_without_hidden_layers_the_regressor_is_ridge_regression():
    x, _, y, _ = halves(load_diabetes())
    x, y = StandardScaler().fit_transform(x), (y - y.mean()) / y.std()
    network = MicrogradRegressor(
        (), alpha=2.0, batch_size=len(x), learning_rate_init=0.02, max_iter=3000, tol=1e-9, random_state=0
    ).fit(x, y)
    np.testing.assert_allclose(network.predict(x), Ridge(alpha=1.0).fit(x, y).predict(x), atol=1e-3)


def test_a_regressor_of_a_curve():
    x = np.linspace(-3, 3, 200).reshape(-1, 1)
    y = 100.0 + 50.0 * np.sin(x[:, 0])
    network = MicrogradRegressor((30,), "tanh", learning_rate_init=0.02, max_iter=150, random_state=0)
    model = TransformedTargetRegressor(network, transformer=StandardScaler())
    assert model.fit(x, y).score(x, y) > 0.99


@pytest.mark.parametrize(
    "options", [{"solver": "sgd", "learning_rate_init": 0.05}, {"activation": "sigmoid"}, {"backend": "jit"}]
)
def test_the_same_seed_gives_the_same_network(options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(70, 3))
    y = (x.sum(axis=1) > 0).astype(int)
    first, again, other = (
        MicrogradClassifier((5,), learning_rate_init=0.01, max_iter=3, random_state=seed) for seed in (0, 0, 1)
    )
    for network in (first, again, other):
        with pytest.warns(ConvergenceWarning):
            network.set_params(**options).fit(x, y)
    assert np.array_equal(first.predict_proba(x), again.predict_proba(x))
    assert not np.array_equal(first.predict_proba(x), other.predict_proba(x))
    assert first.loss_curve_[-1] < first.loss_curve_[0]


def test_names_of_features_are_those_of_training():
    """As everywhere in scikit-learn: other names are refused, and so is another order."""
    frame = load_breast_cancer(as_frame=True)
    names = frame.data.columns[:3]
    network = MicrogradClassifier((4,), tol=1e9, n_iter_no_change=1, random_state=0)
    network.fit(frame.data[names], frame.target)
    assert list(network.feature_names_in_) == list(names)
    for other in (frame.data[names[::-1]], frame.data[names].rename(columns=str.upper), frame.data[names[:2]]):
        with pytest.raises(ValueError, match="feature names should match those that were passed during fit"):
            network.predict(other)


WRONG = {
    "activation": ("cosine", "activation is relu or sigmoid or tanh or identity or logistic, not 'cosine'"),
    "solver": ("lbfgs", "solver is adam or sgd, not 'lbfgs'"),
    "batch_size": (0, "batch_size must be at least 1, not 0"),
    "max_iter": (0, "max_iter must be at least 1, not 0"),
    "alpha": (-1.0, "alpha is a number ≥ 0, not -1.0"),
    "learning_rate_init": (np.inf, "learning_rate_init is a number ≥ 0, not inf"),
    "hidden_layer_sizes": ((5, 0), "a number of hidden_layer_sizes must be at least 1, not 0"),
    "backend": ("cuda", "the backend is numpy, jit, jax, auto, not 'cuda'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name):
    value, message = WRONG[name]
    with pytest.raises(ValueError, match=f"^{message}$"):
        MicrogradClassifier(**{name: value}).fit(np.eye(4), [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("name", "value"), [("batch_size", "auto"), ("max_iter", 2.5), ("hidden_layer_sizes", "8"), ("alpha", "small")]
)
def test_an_argument_of_another_type_is_named(name, value):
    with pytest.raises(TypeError, match=rf"{name} must be a (whole )?number, not {value!r}$"):
        MicrogradClassifier(**{name: value}).fit(np.eye(4), [0, 1, 0, 1])


def test_ctrl_c_keeps_what_is_learnt_and_is_told(monkeypatch):
    def ctrl_c(end):
        if end.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("microgradcnn.estimator.perceptron._print", ctrl_c)
    network = MicrogradClassifier((4,), random_state=0, verbose=True)
    with pytest.warns(UserWarning, match=r"^training was interrupted after epoch 3, and is kept$"):
        network.fit(np.eye(6), list("ababab"))
    assert network.n_iter_ == 3


def test_divergence_is_told():
    x = np.linspace(-1e6, 1e6, 50).reshape(-1, 1)
    with pytest.raises(ValueError, match=r"training diverged in epoch \d+: scale the inputs, as StandardScaler does"):
        MicrogradRegressor(solver="sgd", learning_rate_init=0.1, random_state=0).fit(x, x[:, 0])


def test_the_model_is_an_ordinary_one(tmp_path):
    network = MicrogradClassifier((4,), max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        network.fit(np.eye(6), list("ababab"))
    mg.export_onnx(network.model_, tmp_path / "model.onnx", network.n_features_in_)
    assert [p.shape for p in network.model_.parameters()] == [(4, 6), (4,), (2, 4), (2,)]


@pytest.mark.slow
def test_without_scikit_learn_there_is_one_sentence():
    code = "import sys; sys.modules['sklearn'] = None\nimport microgradcnn as mg\nmg.estimator"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stderr.splitlines()[-1] == (
        "microgradcnn.extras.MissingExtra: microgradcnn.estimator needs scikit-learn, which is not installed: "
        "pip install 'microgradcnn[data]'"
    )
    code = "import sys; import microgradcnn; assert 'sklearn' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
