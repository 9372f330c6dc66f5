"""A network of one's own is one class: two, written as the lecture writes its own, go through all that there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium

import microgradcnn as mg
from microgradcnn import networks
from microgradcnn.cli import main
from microgradcnn.data import load, two_classes
from microgradcnn.engine.value import Value
from microgradcnn.experiment import experiment, load_trained, predict, save_trained
from microgradcnn.lesson.cost import network_cost
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.lesson.run import NetworkRow, check_network, network_row
from microgradcnn.networks import Network, dot, named


class TwoHidden(Network):
    """m inputs, k units h = tanh(Ax + b), j units z = tanh(Bh), and ŷ = w·z + d."""

    formula = "(w·tanh(B·tanh(Ax + b)) + d − y)²"

    def __init__(
        self, m: int = 2, k: int = 3, j: int = 2, activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0
    ) -> None:
        self.m, self.k, self.j = m, k, j
        super().__init__(activation, regularise, seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"A": (self.k, self.m), "b": (self.k,), "B": (self.j, self.k), "w": (self.j,), "d": (1,)}

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        def layer(rows: list[Value], inputs: list[Value], letter: str, biases: list[Value]) -> list[Value]:
            many = len(inputs)
            sums = [dot(rows[i : i + many], inputs) for i in range(0, len(rows), many)]
            sums = [a + b for a, b in zip(sums, biases, strict=True)] if biases else sums
            return [named(a.tanh(), f"{letter}_{i}") for i, a in enumerate(sums, start=1)]

        h = layer(p["A"], x, "h", p["b"])
        z = layer(p["B"], h, "z", [])
        return [*h, *z], dot(p["w"], z) + p["d"][0]

    def worked_out(self, x: Any, y: float) -> dict[str, Any]:
        A, b, B, w, d = (p.data for p in self.parameters.values())
        h = np.tanh(A @ x + b)
        z = np.tanh(B @ h)
        e = w @ z + d[0] - y
        to_z = 2.0 * e * w * (1.0 - z**2)
        to_h = B.T @ to_z * (1.0 - h**2)
        return {"A": np.outer(to_h, x), "b": to_h, "B": np.outer(to_z, h), "w": 2.0 * e * z, "d": np.array([2.0 * e])}


class ConvMax(Network):
    """One filter of 2×2 over an image, σ, the largest of its z's, weighed: ŷ = w·max z."""

    formula = "(w·max(z1..z4) − y)²"

    def __init__(
        self, image: tuple[int, int] = (3, 3), activation: str = "sigmoid", regularise: float = 0.0, seed: int = 0
    ) -> None:
        self.image = tuple(image)
        super().__init__(activation, regularise, seed)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"c": (1, 1, 2, 2), "w": (1,)}

    def write_out(self, x: list[Value], p: dict[str, list[Value]]) -> tuple[list[Value], Value]:
        height, width = self.image
        corners = [r * width + s for r in range(height - 1) for s in range(width - 1)]
        z = [self.unit(p["c"], [x[i], x[i + 1], x[i + width], x[i + width + 1]], j) for j, i in enumerate(corners, 1)]
        largest = z[0]
        for j, other in enumerate(z[1:], start=2):
            largest = named(mg.maximum(largest, other), f"m_{j}")
        return z, p["w"][0] * largest

    def predict(self, x: Any) -> Value:
        pooled = mg.max_pool2d(self.hidden(x), (self.image[0] - 1, self.image[1] - 1))
        return named(pooled.reshape(-1) * self.parameters["w"], "y_hat")

    def hidden(self, x: Any) -> Value:
        self.check_rows(x)
        return self.activate(mg.conv2d(mg.reshape(x, (-1, 1, *self.image)), self.parameters["c"]))

    def worked_out(self, x: Any, y: float) -> dict[str, Any]:
        windows = np.lib.stride_tricks.sliding_window_view(x.reshape(self.image), (2, 2)).reshape(-1, 4)
        z, D = self.activated(windows @ self.parameters["c"].data.ravel())
        top, w = int(np.argmax(z)), self.parameters["w"].data[0]
        e = w * z[top] - y
        return {"c": 2.0 * e * w * D[top] * windows[top], "w": np.array([2.0 * e * z[top]])}


class NotWorkedOut(TwoHidden):
    """The same, without a closed form."""

    worked_out = Network.worked_out


CLASSES = [TwoHidden, ConvMax]
DATA = {"TwoHidden": "breast_cancer", "ConvMax": "side"}


@pytest.fixture(autouse=True, scope="module")
def known_by_name() -> Iterator[None]:
    """A row in NETWORKS for each, as long as these tests run."""
    before = dict(networks.NETWORKS)
    networks.NETWORKS.update({kind.name: kind for kind in (*CLASSES, NotWorkedOut)})
    yield
    networks.NETWORKS.clear()
    networks.NETWORKS.update(before)


@pytest.fixture(scope="module")
def trained() -> dict[str, Any]:
    """Each trained on real data."""
    return {
        kind.name: experiment(kind.name, two_classes(load(DATA[kind.name])), training={"epochs": 400})
        for kind in CLASSES
    }


each = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.name)


@each
@pytest.mark.parametrize("activation", networks.ACTIVATIONS)
def test_four_ways_to_find_the_gradients_agree(kind: type[Network], activation: str) -> None:
    for sizes in ({}, {"m": 4, "k": 2} if kind is TwoHidden else {"image": (4, 5)}):
        checks = check_network(kind(**sizes, activation=activation, regularise=0.1, seed=3))
        assert checks.scalar_form <= 1e-13
        assert checks.closed_form is not None
        assert checks.closed_form <= 1e-13
        assert checks.differences <= 1e-8


@pytest.mark.slow
def test_a_wrong_closed_form_is_noticed_and_none_is_none(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    right = TwoHidden.worked_out
    monkeypatch.setattr(TwoHidden, "worked_out", lambda *a: {n: 1.001 * g for n, g in right(*a).items()})
    assert check_network(TwoHidden()).worst > 1e-4
    checks = check_network(NotWorkedOut())
    assert checks.closed_form is None
    assert checks.worst <= 1e-8
    assert main(["gradcheck", "TwoHidden"]) == 1
    assert main(["gradcheck", "NotWorkedOut"]) == 0
    assert re.search(r"sigmoid +0 +\S+ +none ", capsys.readouterr().out)


@each
def test_scalars_columns_and_options_are_those_of_the_lectures_networks(kind: type[Network]) -> None:
    network = kind(seed=5)
    rows = np.random.default_rng(0).normal(size=(4, network.inputs))
    one_by_one = [network.example(row, 0.0).prediction.item() for row in rows]
    assert np.allclose(network.predict(rows).data, one_by_one, rtol=1e-13)
    assert np.allclose(Network.predict(network, rows).data, one_by_one, rtol=1e-13)
    assert Network.hidden(network, rows).shape == (4, len(network.example(rows[0], 0.0).z))
    again = kind(**json.loads(json.dumps(network.options())), seed=5)
    assert np.array_equal(again.predict(rows).data, network.predict(rows).data)
    with pytest.raises(ValueError, match=rf"{kind.name} takes rows of {network.inputs} numbers"):
        network.predict(rows[:, 1:])


def test_a_constructor_that_forgets_a_size_is_told_so() -> None:
    class Forgets(TwoHidden):
        def __init__(self, m: int = 2, seed: int = 0) -> None:
            Network.__init__(self, seed=seed)

    with pytest.raises(TypeError, match=r"^Forgets has no m: keep self\.m before super\(\)\.__init__\(\.\.\.\)$"):
        Forgets()


@pytest.mark.slow
@each
def test_it_learns_real_data_and_is_saved_and_loaded(
    kind: type[Network], trained: dict[str, Any], tmp_path: Path
) -> None:
    done, data = trained[kind.name], two_classes(load(DATA[kind.name]))
    assert done.test_accuracy >= 0.9
    save_trained(tmp_path / "trained.npz", done.trained)
    loaded = load_trained(tmp_path / "trained.npz")
    assert type(loaded.network) is kind
    assert np.array_equal(predict(loaded, data), predict(done.trained, data))


@each
def test_every_engine_takes_the_same_steps(kind: type[Network]) -> None:
    data = two_classes(load("side"))
    ends = [
        experiment(kind.name, data, training={"epochs": 5, "engine": engine}).training.history[-1]["loss"]
        for engine in ("eager", "numpy", "jit")
    ]
    assert ends == pytest.approx([ends[0]] * 3, rel=1e-10)


@each
def test_the_command_line_knows_it(kind: type[Network], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    name, data = kind.name, ["--data", DATA[kind.name]]
    assert main(["train", name, *data, "--epochs", "20"]) == 0
    assert main(["predict", name, *data, "--parameters", "parameters.npz"]) == 0
    assert main(["export", name, "--parameters", "parameters.npz", "--out", "network.onnx"]) == 0
    assert main(["networks"]) == 0
    assert f"{name:23s}  beyond it       {kind.formula}" in capsys.readouterr().out
    assert main(["train", name, *data, "--filters", "2"]) == 2
    assert f"--filters is not for {name}: it has no such part" in capsys.readouterr().err


@pytest.mark.slow
@each
def test_it_is_explained_drawn_traced_and_asked_about(kind: type[Network], tmp_path: Path, capsys: Any) -> None:
    example = kind().hand_example()
    first, *_, last = example.parameters.values()
    derivation = mg.explain(example.loss, [first, last])
    assert list(derivation.gradients) == [first.label, last.label]
    assert len(list(mg.ledger(example.loss))) > 10
    assert mg.draw(example.loss).html().startswith("<!DOCTYPE html>")
    (gradient,) = mg.grad(example.loss, [last])
    right = {"TwoHidden": "2*(y_hat - y)", "ConvMax": "2*(y_hat - y)*m_4"}[kind.name]
    assert mg.check_answer(right, gradient)
    assert not mg.check_answer(right.replace("2*", ""), gradient)
    some = ["--wrt", "w_1", "--questions", "3"] if kind is ConvMax else []  # its df/dc is too long to be asked for
    assert main(["worksheet", kind.name, *some, "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("sheet-*"))) == 2
    network = kind()
    arrays = network.loss(np.ones((3, network.inputs)), np.zeros(3))
    assert "gradient" in mg.draw(arrays).svg()
    assert mg.explain(arrays, list(network.parameters.values())).gradients.keys() == network.parameters.keys()


@pytest.mark.slow
@each
def test_its_cost_is_counted_in_its_own_sizes(kind: type[Network]) -> None:
    found = network_cost(kind.name)
    if kind is TwoHidden:
        assert found.sizes == {"k": 3, "j": 2}
        assert found.meaning == ("n rows", ", ", "m inputs", ", ", "k hidden units", ", ", "j")
        assert found.found.total.functions["tanh"].at(n=10, k=3, j=2).terms == {(0,): 10 * (3 + 2)}
        assert found.found["objective"].order == "O(nmk + nkj)"
    else:
        assert found.sizes == {}
        assert found.found["filters"].order == "O(n)"
        assert found.found.total.functions["max"].at(n=10).terms == {(): 10 * 3}


@pytest.fixture(scope="module")
def rows() -> list[NetworkRow]:
    """Both, and the one without a closed form, checked and trained as the lesson does it."""
    return [network_row(kind.name, {"side": two_classes(load("side"))}) for kind in (*CLASSES, NotWorkedOut)]


@pytest.mark.slow
def test_the_lesson_checks_and_trains_it(rows: list[NetworkRow], tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    assert all(row.right for row in rows)
    monkeypatch.setattr("microgradcnn.lesson.run.lesson", lambda *_, **__: iter(rows))
    monkeypatch.setattr("microgradcnn.lesson.run.ladder", lambda **_: iter([]))
    monkeypatch.setattr("microgradcnn.cli.commands.lesson.lesson_pages", lambda *_: iter([]))
    assert main(["lesson", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == [row.network for row in rows]
    assert all(line.endswith("right") for line in lines[2:5])
    assert lines[4].split()[3] == "none"
    assert json.loads((tmp_path / "lesson.json").read_text())[2]["checks"]["closed form"] is None


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, rows: list[NetworkRow]) -> Path:
    """The lesson's pages of them, as a teacher gets them."""
    folder, data = tmp_path_factory.mktemp("lesson"), {"side": two_classes(load("side"))}
    for name, text in lesson_pages(rows, data, {"conv_average": 0.73}):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


SECTIONS = [
    *("network", "forward", "loss", "path", "paths", "graph", "derivation"),
    *("exercise", "landscape", "mistakes", "training", "worksheet", "checks", "cost", "program"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["TwoHidden", "ConvMax", "NotWorkedOut"])
def test_a_page_of_the_lesson_tells_it_all(pages: Path, name: str) -> None:
    text = (pages / f"{name}.html").read_text(encoding="utf-8")
    sections = re.findall(r'<section id="(\w+)"', text)
    windows = ["windows"] if name == "ConvMax" else []
    assert sections == [*SECTIONS[:5], *windows, *SECTIONS[5:]]
    assert ("closed form" in text) == (name != "NotWorkedOut")
    assert ("σ is the sigmoid" in text) == (name == "ConvMax")
    assert f"The network {name}: {18 if name != 'ConvMax' else 5} weights" in text
    assert "the lecture's" not in text.split("</section>")[0]
    assert '<div class="note"></div>' not in text


@needs_chromium
@pytest.mark.parametrize("name", ["TwoHidden", "ConvMax", "NotWorkedOut", "index"])
def test_a_page_of_the_lesson_runs_in_a_browser(page: Any, pages: Path, name: str) -> None:
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((pages / f"{name}.html").as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("h1").count() == 1
    if name != "index":
        page.get_by_role("button", name="Right: ŷ − y").click()
        boxes = page.locator("form.answer output").all_text_contents()
        assert len(boxes) == (5 if name == "ConvMax" else 18)
        assert all(text.startswith("Right: this is df/d") for text in boxes)  # also behind a maximum: without ties
