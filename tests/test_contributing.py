"""CONTRIBUTING does what it says: what its blocks add works wherever the package's own does."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from command_line import run, strict
from documentation import CONTRIBUTING, run_examples

import microgradcnn as mg
from microgradcnn import cli, nn
from microgradcnn.engine.record import TABLE
from microgradcnn.fit import fit, train
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.export.onnx_operators import OPERATORS
from microgradcnn.targets.program import BACKENDS
from microgradcnn.targets.python import EXPRESSIONS


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the blocks define, and the folder that they were run in; what they add is taken out again."""
    tables: list[dict[str, Any]] = [TABLE, BACKENDS, EXPRESSIONS, OPERATORS, NETWORKS]
    before = [dict(table) for table in tables]
    folder = tmp_path_factory.mktemp("contributing")
    yield run_examples(CONTRIBUTING, folder) | {"folder": folder}
    for table, was in zip(tables, before, strict=True):
        table.clear()
        table.update(was)


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def test_the_primitive(added: dict[str, Any], tmp_path: Path) -> None:
    """Its derivative by hand is σ(a)(1 + a(1 − σ(a))), a = wx."""
    x, w = mg.Value(0.8, label="x"), mg.Value(1.5, label="w")
    f = added["swish"](w * x)
    f.label = "f"
    a = 0.8 * 1.5
    slope = 0.8 * sigmoid(a) * (1.0 + a * (1.0 - sigmoid(a)))
    (gradient,) = mg.grad(f, [w])
    assert gradient.item() == pytest.approx(slope, rel=1e-14)
    assert "wxσ(wx)" in mg.explain(f, w).text()
    assert mg.ledger(f)[0].receiver == "t1"
    assert mg.check_answer("x*sigmoid(w*x)*(1 + w*x*(1 - sigmoid(w*x)))", gradient)
    mg.draw(f).save(tmp_path / "f.html")
    for backend in ("numpy", "jit", "jax", "as_written"):
        loss, (found,) = mg.compile(f, [w], [x], backend)(0.8)
        assert (loss, found) == pytest.approx((a * sigmoid(a), slope), rel=1e-12)
    mg.export_onnx(f, tmp_path / "f.onnx", [x], dtype=np.float64, dynamic=False)
    (found,) = onnxruntime.InferenceSession(tmp_path / "f.onnx").run(None, {"x": np.array(0.8)})
    assert found == pytest.approx(a * sigmoid(a), rel=1e-12)


def test_the_layer(added: dict[str, Any], tmp_path: Path) -> None:
    model = added["model"]
    x = np.random.default_rng(0).normal(size=(40, 2))
    y = 3.0 * x[:, :1] - x[:, 1:]
    assert fit(model, x, y, loss=nn.mse_loss, rate=0.05, epochs=60).history[-1]["loss"] < 0.05
    assert "Scale(features=2)" in str(model.summary((2,)))
    model.save(tmp_path / "model.npz")
    again = nn.Sequential(added["Scale"](2), nn.Linear(2, 1, rng=np.random.default_rng(1))).load(tmp_path / "model.npz")
    assert np.array_equal(again(x).data, model(x).data)
    mg.export_onnx(model, tmp_path / "model.onnx", (2,))


def test_the_network(added: dict[str, Any], tmp_path: Path) -> None:
    """Its gradient by hand is df/du_2 = 2(ŷ − y) z_1 z_2(1 − z_2) x_2."""
    network = added["Both"](m=3)
    x, y = np.random.default_rng(0).normal(size=(30, 3)), np.zeros(30)
    y[(x[:, 0] > 0.0) & (x[:, 1] > 0.0)] = 1.0
    example = network.example(x[0], 1.0)
    assert example.loss.item() == pytest.approx(network.loss(x[:1], np.ones(1)).item(), rel=1e-14)
    z = [sigmoid(x[0] @ network.parameters[name].data) for name in "su"]
    by_hand = 2.0 * (z[0] * z[1] - 1.0) * z[0] * z[1] * (1.0 - z[1]) * x[0, 1]
    (gradient,) = mg.grad(example.loss, [example.parameters["u_2"]])
    assert gradient.item() == pytest.approx(by_hand, rel=1e-12)
    start = network.loss(x, y).item()
    for engine in ("eager", "numpy", "jit"):
        trained = added["Both"](**network.options())
        assert train(trained, x, y, epochs=200, engine=engine).history[-1]["loss"] < 0.8 * start
    for command in (
        ["explain", "both", "--wrt", "u_2"],
        ["check", "both", "--wrt", "u_2", "--answer", "2(z1 z2 - y) z1 z2 (1 - z2) x2"],
        ["ledger", "both"],
        ["source", "both", "--wrt", "u_2"],
        ["source", "both", "--arrays"],
        ["graph", "both", "-o", tmp_path / "both.svg"],
        ["worksheet", "both", "--out", tmp_path / "sheet"],
    ):
        assert run(*command).code == 0, command


def test_the_command(added: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = added["folder"] / "microgradcnn" / "cli" / "commands" / "sizes.py"
    spec = importlib.util.spec_from_file_location("microgradcnn.cli.commands.sizes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, module))
    assert "list the parameters of a network" in run("--help").out
    done = run("sizes", "conv_linear")
    assert (done.code, done.out.split()) == (0, ["parameter", "shape", "c", "(1,", "1,", "2,", "2)", "w", "(4,)"])
    assert strict(run("sizes", "conv_linear", "--json").out) == [
        {"parameter": "c", "shape": "(1, 1, 2, 2)"},
        {"parameter": "w", "shape": "(4,)"},
    ]
    assert run("sizes", "conv_lnear").code == 2


def test_the_backend(added: dict[str, Any]) -> None:
    w = mg.Value(np.ones(3), label="w")
    x, y = mg.Value(np.ones((2, 3)), label="x"), mg.Value(np.ones(2), label="y")
    loss = (x @ w - y).square().mean()
    rows, targets = np.random.default_rng(0).normal(size=(50, 3)), np.linspace(0.0, 1.0, 50)
    found = {name: mg.compile(loss, [w], [x, y], name)(rows, targets) for name in ("as_written", "numpy")}
    assert found["as_written"][0] == pytest.approx(found["numpy"][0], rel=1e-12)
    assert found["as_written"][1][0] == pytest.approx(found["numpy"][1][0], rel=1e-12)
    trainer = mg.compile(loss, [w], [x, y], "as_written").bind(rows, targets)
    losses = [trainer.step(0.1) for _ in range(20)]
    assert losses[-1] < losses[0]
    assert "def program(" in mg.compile(loss, [w], [x, y], "as_written").lowered(rows, targets)
