"""Pickles that older versions wrote: they load, compute and learn; only the names of their modules have changed.

`graphs_and_models.pickle`, `tables.pickle` and `results.pickle` are in tests/files as they were written before the
package had rooms, and `graph.joblib` by joblib.dump; the numbers that they gave then are here, or follow by hand.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import pickletools
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.data import load
from microgradcnn.protocols.old_pickles import MOVED
from microgradcnn.views.worksheets.grading import Key, read_answers

FILES = Path(__file__).parents[1] / "files"


@pytest.fixture(scope="module")
def things() -> Any:
    return pickle.loads((FILES / "graphs_and_models.pickle").read_bytes())


@pytest.fixture(scope="module")
def tables() -> Any:
    return pickle.loads((FILES / "tables.pickle").read_bytes())


def leaves_of(f: Value) -> dict[str, Value]:
    found, stack = {}, [f]
    while stack:
        node = stack.pop()
        stack += node.parents
        if node.op is None and node.label:
            found[node.label] = node
    return found


def test_a_graph_has_its_numbers_and_is_differentiated(things: Any) -> None:
    """f = Σ(σ(w·x) − 1)², so df/dw = Σ 2(z − 1) z(1 − z) x with z = σ(w·x)."""
    f = things["f"]
    w, x = leaves_of(f)["w"], leaves_of(f)["x"]
    z = 1.0 / (1.0 + np.exp(-0.5 * np.arange(3.0)))
    back = 2.0 * (z - 1.0) * z * (1.0 - z)
    assert f.data == pytest.approx(np.sum((z - 1.0) ** 2), rel=1e-15)
    assert w.grad == pytest.approx(np.sum(back * np.arange(3.0)), rel=1e-14)
    np.testing.assert_allclose(x.grad, 0.5 * back, rtol=1e-14)
    f.backward()
    np.testing.assert_allclose(x.grad, back, rtol=1e-14)
    assert mg.grad(f, [w])[0].data == pytest.approx(w.grad / 2.0)


def test_a_model_computes_and_learns_with_its_optimiser(things: Any) -> None:
    model, optimiser = things["model"], things["optimiser"]
    assert type(model) is nn.Sequential
    assert type(optimiser) is mg.optim.Adam
    x = np.ones((2, 3))
    assert model(x).data.tolist() == pytest.approx(np.full((2, 1), 0.42144012458520913), rel=1e-14)
    assert optimiser.parameters == model.parameters()
    assert optimiser.steps == 1
    before = model(x).square().mean()
    model.zero_grad()
    before.backward()
    optimiser.step()
    assert model(x).square().mean().data < before.data
    assert model[0].weight.label == "0.weight"


def test_a_data_set(things: Any) -> None:
    now = load("side")
    np.testing.assert_array_equal(things["side"].x, now.x)
    np.testing.assert_array_equal(things["side"].y, now.y)


def test_an_experiment(things: Any) -> None:
    done = things["experiment"]
    assert (done.training.status, done.test_accuracy, done.rows) == ("epochs", 1.0, (160, 40))
    output = done.trained.network.predict(load("side").x[:3])
    np.testing.assert_allclose(output.data, [0.39210956, 0.69313838, 0.43216808], rtol=1e-7)


def test_an_estimator_predicts(things: Any) -> None:
    rows = np.array([[-1.0, 0.5], [0.0, 0.0], [1.0, 1.0], [2.0, 2.5]])
    assert things["estimator"].predict(rows).tolist() == [1, 0, 1, 1]
    second = [0.5419937698898118, 0.4804161432733865, 0.6693882771999428, 0.8271520479068841]
    np.testing.assert_allclose(things["estimator"].predict_proba(rows)[:, 1], second, rtol=1e-12)


def test_a_graph_of_joblib() -> None:
    found = joblib.load(FILES / "graph.joblib")
    f, x, w = (found[name] for name in "fxw")
    z = 1.0 / (1.0 + np.exp(-np.array([-0.5, -0.5])))
    assert f.data == pytest.approx(z.sum())
    np.testing.assert_allclose(w.grad, (z * (1.0 - z)) @ x.data)
    w.grad = None
    f.backward()
    np.testing.assert_allclose(w.grad, (z * (1.0 - z)) @ x.data)


def test_what_was_found_of_a_graph_or_a_model(tables: Any) -> None:
    assert str(tables["summary"]) == str(nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0))).summary(2))
    assert [(entry.sender, entry.receiver, entry.sent) for entry in tables["ledger"]] == [
        ("t1", "a", 2.0),
        ("t1", "b", 3.0),
    ]
    assert tables["check"].ok
    assert tables["function"] is mg.relu
    assert tables["loss"] is nn.cross_entropy
    assert tables["network"].parameters["c"].shape == (1, 1, 2, 2)


@pytest.fixture(scope="module")
def results() -> Any:
    """Of f = (σ(2w + b) − 1)² at w = 0.5, b = −0.2, each pickled by itself."""
    found = pickle.loads((FILES / "results.pickle").read_bytes())
    return {name: pickle.loads(written) for name, written in found.items()}


def test_what_was_made_of_a_graph(results: Any, tmp_path: Path) -> None:
    z = 1.0 / (1.0 + np.exp(-0.8))
    slope = 4.0 * (z - 1.0) * z * (1.0 - z)
    assert f"= {slope:.4f}".replace("-", "−") in str(results["derivation"])
    assert "4(σ(2w + b) − 1)σ(2w + b)(1 − σ(2w + b))" in str(results["derivation"])
    assert results["right"]
    assert not results["wrong"]
    assert "none of the usual mistakes" in str(results["wrong"])
    for name in ("f.svg", "f.html"):
        results["picture"].save(tmp_path / name)
        assert f"{(z - 1.0) ** 2:.4g}" in (tmp_path / name).read_text(encoding="utf-8")


def test_a_worksheet(results: Any) -> None:
    """It asks what it asked, of w = 0.5 and b = −0.5, and its key marks what is right."""
    files = results["worksheet"].files()
    assert set(files) == {f"{what}-afb70397.{end}" for what in ("sheet", "key") for end in ("tex", "html")} | {
        "answers-afb70397.txt",
        "key-afb70397.json",
    }
    z = 1.0 / (1.0 + np.exp(-0.5))
    slope = 4.0 * (z - 1.0) * z * (1.0 - z)
    answers = files["answers-afb70397.txt"].replace("q1:", f"q1: {slope:.4f}")
    answers = answers.replace("q2:", "q2: 2(σ(2w + b) − 1)σ(2w + b)(1 − σ(2w + b))")
    key = Key(json.loads(files["key-afb70397.json"]))
    assert [mark.marks for mark in key.rows(read_answers(answers.encode()))] == [1.0, 1.0, 2.0]


def test_what_fit_gave(results: Any) -> None:
    done = results["fit"]
    assert (done.status, len(done.history), done.history[0]["rate"]) == ("epochs", 3, 0.1)
    assert done.history[-1]["loss"] < done.history[0]["loss"]
    assert not done.converged


@pytest.mark.parametrize("old", MOVED)
def test_everything_moved_is_where_the_table_says(old: str) -> None:
    place = MOVED[old]
    if place.split(".")[-1][0].isupper():
        module, _, name = old.rpartition(".")
        there = getattr(importlib.import_module(f"microgradcnn.{place.rpartition('.')[0]}"), place.split(".")[-1])
        assert getattr(importlib.import_module(f"microgradcnn.{module}"), name) is there
        return
    there = importlib.import_module(f"microgradcnn.{place}")
    here = importlib.import_module(f"microgradcnn.{old}")
    names = [
        name
        for name, thing in vars(there).items()
        if str(getattr(thing, "__module__", None)).startswith(there.__name__)
    ]
    assert names
    assert all(getattr(here, name) is getattr(there, name) for name in names)
    with pytest.raises(AttributeError, match=r"module 'microgradcnn\..*' has no attribute 'nobody'"):
        here.nobody  # noqa: B018, the attribute is asked for


@pytest.mark.parametrize("name", ["value", "layers", "microgradcnn.nobody", "microgradcnn.nn.value"])
def test_no_other_module_is_made_up(name: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_nothing_that_is_offered_is_covered_by_an_old_module() -> None:
    """Importing `microgradcnn.optim` sets mg.optim: to what has all of the optimisers, and lists them."""
    assert {*MOVED} & {*mg.__all__} == {"optim"}
    old = importlib.import_module("microgradcnn.optim")
    assert old.SGD is mg.optim.SGD
    assert {"Adam", "SGD", "SCHEDULES"} <= {*dir(old)} & {*dir(mg.optim)}


CODE = f"""
import pickle, sys
import microgradcnn as mg
before = dir(mg)
assert "sklearn" not in sys.modules and "importlib.abc" not in sys.modules
assert not [name for name in sys.modules if name.removeprefix("microgradcnn.") in {[*MOVED]}]
with open({str(FILES / "tables.pickle")!r}, "rb") as file:
    pickle.load(file)
import microgradcnn.layers
assert not {{"layers", "value", "summary", "check", "functions"}} & {{*dir(mg)}}, dir(mg)
assert callable(mg.debug)
assert {{*mg.__all__, *before}} <= {{*dir(mg)}}
"""


@pytest.mark.slow
def test_nobody_sees_the_old_modules() -> None:
    """Not in sys.modules before they are asked for, never in dir(mg), which is what a completion offers."""
    subprocess.run([sys.executable, "-c", CODE], check=True)


def test_what_is_written_now_names_modules_that_stay() -> None:
    model = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0)))
    loss = (model(np.ones((3, 2))) * 2.0).square().mean()
    written = pickle.dumps({"loss": loss, "model": model, "optimiser": mg.optim.SGD(model.parameters())})
    words = {arg for _, arg, _ in pickletools.genops(io.BytesIO(written)) if isinstance(arg, str)}
    assert {word for word in words if word.startswith("microgradcnn")} == {
        "microgradcnn.engine.record",
        "microgradcnn.engine.value",
        "microgradcnn.nn.layers.containers",
        "microgradcnn.nn.layers.linear",
        "microgradcnn.nn.optim",
    }
    assert "_blank" not in words
