"""The main job: six lines, every gradient right, every training converged; and it notices when that is not so."""

import json

import numpy as np
import pytest

from microgradcnn import lesson as lessons
from microgradcnn.cli import main
from microgradcnn.networks import NETWORKS


@pytest.fixture(scope="module")
def rows():
    return list(lessons.lesson())


def test_six_networks_right_and_converged(rows):
    assert [row.network for row in rows] == list(NETWORKS)
    for row in rows:
        assert row.checks.worst <= 1e-7
        assert set(row.runs) == {"side", "digits"}
        assert all(run.training.converged for run in row.runs.values())
        assert all(run.test_accuracy >= 0.97 for run in row.runs.values())
        assert row.right


def test_the_table_and_the_files(rows, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(lessons, "lesson", lambda *_, **__: iter(rows))
    assert main(["lesson", "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split()[0] for line in out.splitlines()[2:8]] == list(NETWORKS)
    assert all(line.endswith("right") for line in out.splitlines()[2:8])
    assert max(map(len, out.splitlines())) <= 130
    records = json.loads((tmp_path / "lesson.json").read_text())
    assert [record["right"] for record in records] == [True] * 6
    for name in NETWORKS:
        assert (tmp_path / name / "side" / "history.csv").stat().st_size > 0
        assert (tmp_path / name / "digits" / "parameters.npz").stat().st_size > 0


def test_without_scikit_learn_the_digits_are_left_out_in_a_sentence(rows, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    assert set(lessons.data_sets()) == {"side"}
    bare = [lessons.Row(r.network, r.section, r.loss, r.parameters, r.checks, {"side": r.runs["side"]}) for r in rows]
    monkeypatch.setattr(lessons, "lesson", lambda *_, **__: iter(bare))
    assert main(["lesson"]) == 0
    assert "pip install 'microgradcnn[data]'" in capsys.readouterr().out


@pytest.mark.parametrize("way", ["closed_form", "_scalar_gradient"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_wrong_gradient_is_noticed(monkeypatch, name, way):
    true = getattr(lessons, way)
    monkeypatch.setattr(lessons, way, lambda *a: {key: g * (1.0 + 1e-6) for key, g in true(*a).items()})
    checks = lessons.check_network(NETWORKS[name]())
    assert checks.worst == pytest.approx(1e-6, rel=1e-3)


def test_a_wrong_rule_is_noticed_by_differences(monkeypatch):
    from microgradcnn.record import TABLE

    square = TABLE["square"]
    monkeypatch.setattr(square, "chain", (lambda g, y, x: g * (2.000001 * x),))
    checks = lessons.check_network(NETWORKS["single_layer"]())
    assert checks.differences == pytest.approx(5e-7, rel=0.01)


def test_checks_leave_the_network_as_it_was():
    network = NETWORKS["two_conv_linear"](seed=5)
    before = {name: p.data.copy() for name, p in network.parameters.items()}
    parameters = dict(network.parameters)
    lessons.check_network(network)
    assert network.parameters == parameters
    assert all(np.array_equal(network.parameters[name].data, data) for name, data in before.items())
