"""Training by the graph and by compiled programs: the same steps, whatever computes them."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from many_cases import slow_but

from microgradcnn.data import load, shrink, two_classes
from microgradcnn.engine.value import Value
from microgradcnn.extras import MissingExtra
from microgradcnn.fit import accuracy, train
from microgradcnn.networks import NETWORKS, conv_average
from microgradcnn.nn.optim import OPTIMISERS
from microgradcnn.targets.native import auto
from microgradcnn.training.batches import ENGINES
from microgradcnn.training.checkpoint import CheckpointWarning


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MICROGRADCNN_CACHE", str(tmp_path))


def rows(name):
    if name == "single_layer":
        data = two_classes(load("breast_cancer"))
        return (data.x - data.x.mean(0)) / data.x.std(0), data.y
    data = shrink(two_classes(load("digits"), ("6", "7")), 3)
    return data.x / 16.0, data.y


def build(name, **options):
    sizes = {"m": 30} if name == "single_layer" else {}
    return NETWORKS[name](seed=3, regularise=1e-3, **sizes, **options)


def flat(network):
    return np.concatenate([p.data.ravel() for p in network.parameters.values()])


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
@pytest.mark.parametrize("activation", slow_but("sigmoid", among=["sigmoid", "relu"]))
def test_all_engines_follow_the_same_trajectory(name, activation):
    x, y = rows(name)
    runs = {}
    for which in ENGINES:
        network = build(name, activation=activation)
        run = train(network, x, y, epochs=100, rate=0.05, schedule="constant", engine=which)
        assert len(run.history) == 100
        runs[which] = flat(network), [list(row.values()) for row in run.history]
    for which in ENGINES[1:]:
        np.testing.assert_allclose(runs[which][0], runs["eager"][0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(runs[which][1], runs["eager"][1], rtol=1e-9)


@pytest.mark.parametrize("which", ENGINES)
@pytest.mark.parametrize("optimiser", [name for name in OPTIMISERS if name != "gradient_descent"])
def test_batches_and_other_optimisers(which, optimiser):
    x, y = rows("conv_linear")
    eager, other = build("conv_linear"), build("conv_linear")
    options = {"epochs": 5, "rate": 0.05, "batch": 100, "optimiser": optimiser, "seed": 4}
    train(eager, x, y, engine="eager", **options)
    train(other, x, y, engine=which, **options)
    np.testing.assert_allclose(flat(other), flat(eager), rtol=0, atol=1e-9)
    assert np.abs(flat(eager) - flat(build("conv_linear"))).max() > 0.01


@pytest.mark.parametrize("which", ENGINES)
def test_what_an_engine_measures(which):
    x, y = rows("two_conv_linear")
    network = build("two_conv_linear")
    prediction = network.predict(x).data
    weights = sum(float(np.sum(p.data**2)) for p in network.parameters.values())
    measured = train(network, x, y, epochs=1, engine=which).history[0]
    error = float(np.mean((prediction - y) ** 2))
    assert measured["mean_squared_error"] == pytest.approx(error, rel=1e-12)
    assert measured["loss"] == pytest.approx(error + 1e-3 * weights, rel=1e-12)
    assert measured["accuracy"] == pytest.approx(np.mean((prediction >= 0.5) == y), abs=1e-12)


@pytest.mark.parametrize("which", ENGINES)
def test_there_is_no_accuracy_without_classes(which):
    x, y = rows("conv_average")
    assert np.isnan(train(build("conv_average"), x, y + 0.25, epochs=1, engine=which).history[0]["accuracy"])


def test_accuracy_by_hand():
    network = conv_average()
    network.predict = lambda x: Value([0.5, 0.4, 0.9, -1.0])
    assert accuracy(network, np.zeros((4, 9)), np.array([1.0, 1.0, 0.0, 0.0])) == 0.5


@pytest.mark.parametrize(("which", "module"), [("jit", "llvmlite.binding"), ("jax", "jax")])
def test_an_engine_that_is_not_installed(which, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    x, y = rows("conv_average")
    with pytest.raises(MissingExtra, match=rf"pip install 'microgradcnn\[{which}\]'$"):
        train(build("conv_average"), x, y, engine=which)


def test_an_unknown_engine():
    x, y = rows("conv_average")
    with pytest.raises(ValueError, match="'numba' is none of eager, numpy, jit, jax"):
        train(build("conv_average"), x, y, engine="numba")


@pytest.mark.slow
def test_the_engine_that_a_run_pays_for_is_taken_and_told(monkeypatch):
    x, y = rows("conv_average")
    assert train(build("conv_average"), x, y, epochs=2).engine == "numpy"
    monkeypatch.setattr(auto, "TO_COMPILE", -1.0)
    assert train(build("conv_average"), x, y, epochs=2).engine == "jit"
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    assert train(build("conv_average"), x, y, epochs=2).engine == "numpy"
    assert train(build("conv_average"), x, y, epochs=2, engine="eager").engine == "eager"


@pytest.mark.parametrize("before", slow_but("eager", among=["eager", "jit"]))
def test_a_run_goes_on_with_the_engine_that_it_began_by(tmp_path, before):
    x, y = rows("conv_average")
    options = {"rate": 0.05, "schedule": "constant"}
    train(build("conv_average"), x, y, epochs=3, engine=before, checkpoint=tmp_path, **options)
    network, straight = build("conv_average"), build("conv_average")
    run = train(network, x, y, epochs=6, checkpoint=tmp_path, resume=True, **options)
    train(straight, x, y, epochs=6, engine=before, **options)
    assert run.engine == before
    np.testing.assert_array_equal(flat(network), flat(straight))


@pytest.mark.slow
def test_without_the_engine_that_a_run_began_by_numpy_goes_on_and_says_so(tmp_path, monkeypatch):
    x, y = rows("conv_average")
    options = {"rate": 0.05, "schedule": "constant", "checkpoint": tmp_path}
    train(build("conv_average"), x, y, epochs=3, engine="jit", **options)
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    network, straight = build("conv_average"), build("conv_average")
    with pytest.warns(CheckpointWarning, match=r"^this run began by jit: .* which is not installed: .*; NumPy goes on"):
        run = train(network, x, y, epochs=6, resume=True, **options)
    train(straight, x, y, epochs=6, engine="numpy", rate=0.05, schedule="constant")
    assert (run.engine, len(run.history)) == ("numpy", 6)
    np.testing.assert_allclose(flat(network), flat(straight), rtol=1e-12)
    with pytest.raises(MissingExtra):
        train(build("conv_average"), x, y, epochs=7, resume=True, engine="jit", **options)


def test_a_short_run_is_numpys_and_the_engine_is_told():
    x, y = rows("conv_average")
    for asked, told in (({}, "numpy"), ({"engine": "auto"}, "numpy"), ({"engine": "eager"}, "eager")):
        assert train(build("conv_average"), x, y, epochs=2, **asked).engine == told
