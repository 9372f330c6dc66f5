"""Programs keep no numbers of the rows and parameters that they were recorded with: what would is loud."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.checking.constants import ConstantError
from microgradcnn.fit import fit, train
from microgradcnn.networks import network_of_loss

Call = Callable[[Value], Any]
X = np.random.default_rng(0).normal(size=(24, 3))
Y = X @ [[0.5], [-1.0], [0.25]]


class Between(nn.Module):
    """A function between two layers."""

    def __init__(self, function: Call) -> None:
        rng = np.random.default_rng(1)
        self.first, self.last, self.function = nn.Linear(3, 4, rng=rng), nn.Linear(4, 1, rng=rng), function

    def forward(self, x: Value) -> Any:
        return self.last(self.function(self.first(x)))


def under_no_grad(h: Value) -> Value:
    with mg.no_grad():
        return (h * h).mean()


def leaf(label: str, data: Any) -> Value:
    return Value(data, label=label)


# Ways in which a number of a graph, or of the rows behind it, comes back as a constant
CONSTANT: dict[str, Call] = {
    "data": lambda h: h * h.data,
    "made of data": lambda h: h / np.abs(h.data).max(),
    "a mask": lambda h: h * (h.data > 0.0),
    "item": lambda h: h * h.mean().item(),
    "float of data": lambda h: h * float(np.sum(h.data)),
    "format": lambda h: h * float(f"{h.mean():.6f}"),
    "asarray": lambda h: h + np.asarray(h.data).std(),
    "detach": lambda h: h * h.mean(axis=0).detach(),
    "no_grad": lambda h: h * under_no_grad(h),
    "a leaf": lambda h: h * Value(np.mean(h.data)),
    "an index": lambda h: h[:, [int(np.sum(np.abs(h.data)) * 1e6) % 4] * 4],
    "a draw": lambda h: h + np.random.default_rng().normal(),
}
ASKED: dict[str, Call] = {
    "if": lambda h: h if h.mean() > 0.0 else -h,
    "if of a number": lambda h: h if h.mean() else -h,
    "max": lambda h: h * max(h.mean(), h.sum()),
    "and": lambda h: h if h.mean() > 0.0 and h.sum() < 1.0 else -h,
}
RIGHT: dict[str, Call] = {
    "stop_gradient": lambda h: h * mg.stop_gradient(h.mean(axis=1, keepdims=True)),
    "where": lambda h: mg.where(h > 0.0, h, 0.1 * h),
    "the shape": lambda h: h / h.shape[1],
    "a constant": lambda h: h * Value([1.0, 2.0, 3.0, 4.0]) + Value(0.5).detach(),
    "an if over shapes": lambda h: h if len(h) > 0 and h.dtype == np.float64 else -h,
    "a check of data": lambda h: h if np.isfinite(h.data).all() else h / 0.0,
}


@pytest.mark.parametrize("function", CONSTANT.values(), ids=CONSTANT)
def test_a_model_that_takes_out_a_number_is_refused_with_what_to_write(function: Call) -> None:
    with pytest.raises(ConstantError, match=r"write mg\.(stop_gradient|where).*or take engine='eager'") as caught:
        fit(Between(function), X, Y, loss=nn.mse_loss, epochs=1, engine="numpy")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ASKED.values(), ids=ASKED)
def test_a_model_that_asks_a_number_is_refused(function: Call) -> None:
    with pytest.raises(ConstantError, match=r"asked by an if, max\(\) or sorted\(\).*write mg\.where"):
        fit(Between(function), X, Y, loss=nn.mse_loss, epochs=1, engine="numpy")


@pytest.mark.parametrize("function", [*CONSTANT.values(), *ASKED.values()], ids=[*CONSTANT, *ASKED])
def test_eager_steps_run_all_of_them(function: Call) -> None:
    assert fit(Between(function), X, Y, loss=nn.mse_loss, epochs=1, engine="eager").history


@pytest.mark.parametrize("function", RIGHT.values(), ids=RIGHT)
def test_what_a_program_computes_anew_is_as_before(function: Call) -> None:
    runs = [fit(Between(function), X, Y, loss=nn.mse_loss, epochs=3, engine=engine) for engine in ("numpy", "eager")]
    assert runs[0].history[-1]["loss"] == pytest.approx(runs[1].history[-1]["loss"], rel=1e-12)


LOSSES: dict[str, Callable[[Any, Any], Value]] = {
    "a number of the targets": lambda found, y: ((found - y) ** 2).mean() * np.mean(y.data),
    "a number of the outputs": lambda found, y: ((found - y) ** 2).mean() / found.data.std(),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_is_asked_as_the_model_is(loss: Callable[[Any, Any], Value]) -> None:
    with pytest.raises(ConstantError, match="has the constant"):
        fit(Between(mg.tanh), X, Y, loss=loss, epochs=1, engine="numpy")


def test_a_number_of_the_parameters_is_none_of_the_start() -> None:
    model = Between(mg.tanh)
    with pytest.raises(ConstantError, match="the constant 0"):
        fit(
            model,
            X,
            Y,
            loss=lambda found, y: nn.mse_loss(found, y) + 0.1 * np.square(model.first.weight.data).sum(),
            epochs=1,
            engine="numpy",
        )
    frozen = float(np.square(model.first.weight.data).sum())  # of before, which it stays
    fit(model, X, Y, loss=lambda found, y: nn.mse_loss(found, y) + 0.1 * frozen, epochs=1, engine="numpy")


def test_parameters_have_their_numbers_again_whatever_comes_of_it() -> None:
    for function in (CONSTANT["item"], ASKED["if"], CONSTANT["an index"]):
        model = Between(function)
        before = [p.data for p in model.parameters()]
        with pytest.raises(ConstantError):
            fit(model, X, Y, loss=nn.mse_loss, epochs=1, engine="numpy")
        assert all(p.data is data for p, data in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_rows_are_trained(rows: int) -> None:
    model = Between(mg.tanh)
    fit(model, X[:rows], Y[:rows], loss=nn.mse_loss, epochs=2, engine="numpy")
    fit(Between(mg.tanh), X[:rows], np.arange(rows) * 0, epochs=2, engine="numpy")


def test_classes_and_weights_are_no_constants() -> None:
    model = nn.Sequential(nn.Linear(3, 3, rng=np.random.default_rng(0)))
    fit(model, X, np.arange(24) % 3, epochs=2, engine="numpy", sample_weight=np.linspace(0.5, 1.5, 24))


# Files and pages of a model


@pytest.mark.parametrize("function", [CONSTANT["made of data"], CONSTANT["detach"], ASKED["if"]])
def test_a_file_of_a_model_that_takes_out_a_number_is_refused(function: Call, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ConstantError, match=r"write mg\."):
        mg.export_onnx(Between(function), tmp_path / "model.onnx", 3)
    assert not (tmp_path / "model.onnx").exists()


def test_a_page_of_such_a_model_replays(tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(Between(CONSTANT["item"]), X, Y, loss=nn.mse_loss, epochs=1, engine="eager", page=page)
    assert any("has the constant" in str(w.message) for w in caught) or "has the constant" in page.read_text("utf-8")


# A graph that somebody recorded: what can be seen in it


def told(function: Callable[[Value, Value, Value], Any]) -> list[str]:
    """What mg.compile warns of in (function(z, w, x) - y)² for z = tanh(w x)."""
    w, x, y = leaf("w", 0.3), leaf("x", 0.7), leaf("y", 1.0)
    z = (w * x).tanh()
    z.label = "z"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mg.compile((function(z, w, x) - y) ** 2, [w], [x, y], "numpy")
    assert all((each.category, each.filename) == (mg.GraphLeft, __file__) for each in caught)
    return [str(each.message) for each in caught]


SEEN: dict[str, tuple[Callable[[Value, Value, Value], Any], str]] = {
    "data": (lambda z, w, x: z * z.data, "the number of z, is a constant"),
    "item": (lambda z, w, x: z * z.item(), "the number of z, is a constant"),
    "detach": (lambda z, w, x: z * z.detach(), "the number of z, is a constant"),
    "a leaf": (lambda z, w, x: z * Value(z.data), "the number of z, is a constant"),
    "an input": (lambda z, w, x: z * x.detach(), "the number of x, is a constant"),
    "of no other use": (lambda z, w, x: z * (w * x + 1.0).detach(), "an unlabelled leaf, is a constant"),
    "no_grad": (lambda z, w, x: z * under_no_grad(w * x), "an unlabelled leaf, is a constant"),
    "if": (lambda z, w, x: z if z > 0.0 else 0.1 * z, "the number of z was asked by an if"),
    "max": (lambda z, w, x: max(z, 0.1 * z) + z, "the number of z was asked by an if"),
}
UNSEEN: dict[str, Callable[[Value, Value, Value], Any]] = {
    "plain": lambda z, w, x: z,
    "where": lambda z, w, x: mg.where(z > 0.0, z, 0.0) * 0.0 + mg.maximum(z, 1.0) + z.relu(),
    "the number of a leaf": lambda z, w, x: 0.7 * z + 1.0,
    "a parameter as it was": lambda z, w, x: z + (w - w.detach()) ** 2,
    "stop_gradient": lambda z, w, x: z * mg.stop_gradient(z),
    "a comparison": lambda z, w, x: mg.where((z > 0.0) & True, z, x),
}


@pytest.mark.parametrize(("function", "said"), SEEN.values(), ids=SEEN)
def test_a_program_of_a_recorded_graph_tells_of_a_constant(function: Any, said: str) -> None:
    (text,) = told(function)
    assert said in text
    assert "write mg." in text


@pytest.mark.parametrize("function", UNSEEN.values(), ids=UNSEEN)
def test_a_program_is_quiet_about_what_is_meant(function: Any) -> None:
    assert told(function) == []


def test_what_was_computed_before_the_last_step_is_no_constant_to_tell_of() -> None:
    w, before = leaf("w", 0.3), leaf("x", 0.7)
    running = under_no_grad(w * before)
    w.data -= 0.1
    x = leaf("x", 0.5)
    mg.compile((w * x / running).square(), [w], [x], "numpy")  # where a warning is an error
    with pytest.warns(mg.GraphLeft, match="is a constant of this program"):
        mg.compile((w * x / running).square(), [w], [before, x], "numpy")


def test_a_number_that_is_asked_when_the_loss_is_there_is_quiet() -> None:
    w, x = leaf("w", 0.3), leaf("x", 0.7)
    z = w * x
    loss = z.square()
    assert loss < 1.0
    assert z > 0.0
    mg.compile(loss, [w], [x], "numpy")  # where a warning is an error


def test_a_network_of_a_loss_tells_of_a_constant() -> None:
    def loss(taken: Callable[[Value], Any]) -> Value:
        z = leaf("w", 0.3) * leaf("x", 0.7)
        z.label = "z"
        return (z * taken(z) - leaf("y", 1.0)) ** 2

    with pytest.warns(mg.GraphLeft, match="the number of z, is a constant"):
        network_of_loss(loss(lambda z: z.item()), "own")
    with pytest.raises(ValueError, match=r"has a leaf labelled z, and computes a z: write mg.stop_gradient\(z\)"):
        network_of_loss(loss(lambda z: z.detach()), "own")
    network = network_of_loss(loss(mg.stop_gradient), "own")()
    assert train(network, X[:, :1], X[:, 1], epochs=1, rate=0.1, engine="numpy").history
