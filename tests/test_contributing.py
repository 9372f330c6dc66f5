"""CONTRIBUTING does what it says: what its blocks add works wherever the package's own does."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
from command_line import run, strict
from conftest import needs_chromium
from documentation import CONTRIBUTING, run_examples
from every_backend import from_source

import microgradcnn as mg
from microgradcnn import cli, nn
from microgradcnn.data import load, two_classes
from microgradcnn.engine.record import TABLE
from microgradcnn.fit import fit, train
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.lesson.run import network_row
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.export.javascript import function
from microgradcnn.targets.program import BACKENDS


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the blocks define, and the folder that they were run in; what they add is taken out again."""
    tables: list[dict[str, Any]] = [TABLE, BACKENDS, NETWORKS]
    before = [dict(table) for table in tables]
    folder = tmp_path_factory.mktemp("contributing")
    yield run_examples(CONTRIBUTING, folder) | {"folder": folder}
    for table, was in zip(tables, before, strict=True):
        table.clear()
        table.update(was)


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


class Own(NamedTuple):
    """A primitive of the page at wx = 1.2: its value and d/dw by hand, what is told of it, and what is counted."""

    name: str
    value: float
    slope: float
    told: str
    answer: str
    operations: str

    def leaves(self) -> list[mg.Value]:
        """x and w."""
        return [mg.Value(X, label="x"), mg.Value(W, label="w")]


X, W = 0.8, 1.5
A, S = X * W, sigmoid(X * W)
PRIMITIVES = [
    Own(
        *("swish", A * S, X * S * (1.0 + A * (1.0 - S)), "swish(x) = xσ(x)"),
        *("x*sigmoid(w*x)*(1 + w*x*(1 - sigmoid(w*x)))", "2n − 1"),  # x·σ(x), and the sum
    ),
    Own("own_sinh", math.sinh(A), X * math.cosh(A), "f = own_sinh(wx)", "x*sqrt(1 + own_sinh(w*x)^2)", "n − 1"),
]
each_primitive = pytest.mark.parametrize("own", PRIMITIVES, ids=lambda own: own.name)


@each_primitive
def test_a_primitive_in_every_view(added: dict[str, Any], own: Own, tmp_path: Path) -> None:
    x, w = own.leaves()
    op = added[own.name]
    f = op(w * x)
    f.label = "f"
    (gradient,) = mg.grad(f, [w])
    assert (f.item(), gradient.item()) == pytest.approx((own.value, own.slope), rel=1e-14)
    derivation = mg.explain(f, w).text()
    assert own.told in derivation
    assert "✓" in derivation
    assert mg.ledger(f)[0].receiver == "t1"
    assert mg.check_answer(own.answer, gradient)
    assert not mg.check_answer(f"2*({own.answer})", gradient)
    found = mg.cost(lambda n: (op(v := mg.Value(np.ones(n), label="v")).sum(), [v]), ["n"])
    assert str(found["objective"].operations) == own.operations
    assert op.name in mg.draw(f).svg()
    assert len(mg.worksheet(f, [w], seed="mine", questions=3).files()) == 6
    typed = run("explain", f"{op.name}(w*x)", "--at", f"w={W},x={X}", "--wrt", "w")
    assert (typed.code, "✓" in typed.out) == (0, True)


@each_primitive
@pytest.mark.parametrize("way", ["source", "numpy", "jit", "jax", "as_written"])
def test_a_primitive_in_every_program(added: dict[str, Any], own: Own, way: str) -> None:
    x, w = own.leaves()
    program = mg.compile(added[own.name](w * x), [w], [x], "numpy" if way == "source" else way)
    loss, (found,) = from_source(program, X, W) if way == "source" else program(X)
    assert (loss, found) == pytest.approx((own.value, own.slope), rel=1e-12)


@needs_chromium
@each_primitive
def test_a_primitive_on_a_page(added: dict[str, Any], own: Own, page: Any) -> None:
    x, w = own.leaves()
    f = added[own.name](w * x)
    text = function([f, *mg.grad(f, [w])], [x, w])
    found = page.evaluate(f"(v) => {{ {text}; return program(v); }}", [X, W])
    assert found == pytest.approx([own.value, own.slope], rel=1e-12)


@each_primitive
def test_a_primitive_in_a_file(added: dict[str, Any], own: Own, tmp_path: Path) -> None:
    """onnxruntime has a Sinh of float32 alone."""
    x, w = own.leaves()
    f = added[own.name](w * x)
    for output, wanted in ((f, own.value), (mg.grad(f, [w])[0], own.slope)):
        mg.export_onnx(output, tmp_path / "f.onnx", [x], dynamic=False)
        (found,) = onnxruntime.InferenceSession(tmp_path / "f.onnx").run(None, {"x": np.array(X, np.float32)})
        assert found == pytest.approx(wanted, rel=1e-6)


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


def test_the_network(added: dict[str, Any]) -> None:
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


@pytest.mark.slow
def test_the_network_in_every_command(added: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved = ["--parameters", "parameters.npz"]
    for command in (
        ["networks"],
        ["gradcheck", "both"],
        ["explain", "both", "--wrt", "u_2"],
        ["check", "both", "--wrt", "u_2", "--answer", "2(z1 z2 - y) z1 z2 (1 - z2) x2"],
        ["ledger", "both"],
        ["source", "both", "--wrt", "u_2"],
        ["source", "both", "--arrays"],
        ["graph", "both", "-o", "both.svg"],
        ["worksheet", "both", "--out", "sheet"],
        ["cost", "both"],
        ["train", "both", "--data", "wedge", "--epochs", "300"],
        ["predict", "both", "--data", "wedge", *saved],
        ["export", "both", *saved, "--out", "both.onnx"],
    ):
        done = run(*command)
        assert done.code == 0, (command, done.err)
    assert "both                     beyond it       (z1·z2 − y)²" in run("networks").out
    rows, scores = load("wedge").x[:5], run("predict", "both", "--data", "wedge", *saved, "--json")
    (found,) = onnxruntime.InferenceSession("both.onnx").run(None, {"x": np.float32(rows)})
    assert np.ravel(found) == pytest.approx(
        [row["prediction"] for row in strict(scores.out)["predictions"][:5]], rel=1e-5
    )


def test_the_network_has_a_page_in_the_lesson(added: dict[str, Any]) -> None:
    data = {"side": two_classes(load("side"))}
    row = network_row("both", data)
    assert row.right
    pages = dict(lesson_pages([row], data, {}))
    assert "The network both: " in pages["both.html"]
    assert "both.html" in pages["index.html"]


def test_the_command(added: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = added["folder"] / "microgradcnn" / "cli" / "commands" / "sizes.py"
    spec = importlib.util.spec_from_file_location("microgradcnn.cli.commands.sizes", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, spec.name, module)
    monkeypatch.setitem(cli.COMMANDS, "sizes", "list the parameters of a network with their shapes")
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
