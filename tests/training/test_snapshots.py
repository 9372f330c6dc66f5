"""Parameters kept over a training: which epochs', and that each is what the run had then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn import nn
from microgradcnn.fit import EpochEnd, Training, fit, train
from microgradcnn.networks import single_layer

X, Y = np.random.default_rng(0).uniform(size=(8, 2)), np.array([0.0, 1.0] * 4)


def model() -> nn.Module:
    rng = np.random.default_rng(1)
    return nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))


def test_of_a_model_they_are_what_callbacks_see() -> None:
    seen = {0: {path: p.data for path, p in model().named_parameters()}}

    def look(end: EpochEnd) -> None:
        seen[end.epoch] = {path: p.data for path, p in end.model.named_parameters()}

    run = fit(model(), X, Y, epochs=5, rate=0.1, snapshots=2, callbacks=[look])
    assert [snapshot.epoch for snapshot in run.snapshots] == [0, 2, 4, 5]
    for epoch, parameters in ((snapshot.epoch, snapshot.parameters) for snapshot in run.snapshots):
        assert {name: p.tolist() for name, p in parameters.items()} == {n: p.tolist() for n, p in seen[epoch].items()}


def test_of_a_network_they_are_what_shorter_runs_end_with() -> None:
    run = train(single_layer(seed=0), X, Y, epochs=6, rate=0.1, schedule="constant", snapshots=2)
    assert [snapshot.epoch for snapshot in run.snapshots] == [0, 2, 4, 6]
    for snapshot in run.snapshots[:3]:
        network = single_layer(seed=0)
        for name, p in network.parameters.items():
            p.data = snapshot.parameters[name]
        assert network.loss(X, Y).item() == pytest.approx(run.history[snapshot.epoch]["loss"], rel=1e-12)


def test_without_being_asked_none_are_kept_and_training_is_the_same(tmp_path: Path) -> None:
    plain, kept = (train(single_layer(seed=0), X, Y, epochs=3, snapshots=every) for every in (None, 1))
    assert list(plain.snapshots) == [] != list(kept.snapshots)
    assert plain.history == kept.history
    with pytest.raises(ValueError, match="snapshots must be"):
        train(single_layer(seed=0), X, Y, snapshots=0)
    saved: dict[str, Any] = {"checkpoint": tmp_path / "run", "every": 1}
    train(single_layer(seed=0), X, Y, epochs=3, **saved)
    resumed = train(single_layer(seed=0), X, Y, epochs=5, resume=True, snapshots=1, **saved)
    assert [snapshot.epoch for snapshot in resumed.snapshots] == [3, 4, 5]


def test_a_run_that_is_cut_and_resumed_has_all_of_them_again(tmp_path: Path) -> None:
    whole = fit(model(), X, Y, epochs=7, rate=0.1, snapshots=2)
    saved: dict[str, Any] = {"checkpoint": tmp_path / "run", "every": 1, "snapshots": 2, "rate": 0.1}
    cut = fit(model(), X, Y, epochs=3, **saved)
    again = fit(model(), X, Y, epochs=7, resume=True, **saved)
    assert [snapshot.epoch for snapshot in cut.snapshots] == [0, 2, 3]
    assert [snapshot.epoch for snapshot in again.snapshots] == [0, 2, 4, 6, 7]
    for one, other in zip(whole.snapshots, again.snapshots, strict=True):
        assert {n: p.tolist() for n, p in one.parameters.items()} == {
            n: p.tolist() for n, p in other.parameters.items()
        }


def test_results_that_were_stored_before_have_none() -> None:
    stored = Training.__new__(Training)
    stored.__dict__.update(rate=0.1, history=[])
    assert list(stored.snapshots) == []
