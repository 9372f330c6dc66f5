"""Pages in which networks train: the same steps as in Python, and what they have to touch."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs_chromium
from playwright.sync_api import Page

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.data import load
from microgradcnn.fit import Training, fit, train
from microgradcnn.lesson.sections.practice import practice
from microgradcnn.lesson.sections.watching import watched
from microgradcnn.networks import NETWORKS, network_of_loss
from microgradcnn.training.schedule import OF_NETWORKS
from microgradcnn.views.pages.exercise import boxes, scripts
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import of_network
from microgradcnn.views.pages.training.page import training_page
from microgradcnn.views.pages.training.task import TaskRows, live_task

pytestmark = needs_chromium

EPOCHS = 100
# The training of a page, from the beginning, run to its end on the page itself.
RUN = """epochs => {
  const run = new trainingEngine.Run(trainingPanel.task, trainingPanel.told()[0]);
  while (run.epoch < epochs && run.status === "going") run.oneEpoch();
  return {history: run.history, parameters: Array.from(run.parameters)};
}"""


def rows(classes: int = 2, inputs: int = 2, n: int = 37) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, inputs)), np.arange(n) % classes * 1.0


def lecture(name: str, options: dict[str, Any], **how: Any) -> Callable[[Path], tuple[Training, np.ndarray]]:
    def run(page: Path) -> tuple[Training, np.ndarray]:
        network = NETWORKS[name](**options)
        data = load("bars") if network.image else load("wedge")
        done = train(network, data.x, data.y, epochs=EPOCHS, page=page, **how)
        return done, np.empty(0)  # the best parameters are kept, not the newest

    return run


def of_model(layers: Callable[[Any], list[Any]], **how: Any) -> Callable[[Path], tuple[Training, np.ndarray]]:
    def run(page: Path) -> tuple[Training, np.ndarray]:
        model = nn.Sequential(*layers(np.random.default_rng(0)))
        x, y = rows(3 if "loss" not in how else 2)
        x = x if "image" not in how else np.random.default_rng(2).normal(size=(37, 1, 5, 5))
        told = {name: value for name, value in how.items() if name != "image"}
        y = y[:, None] if "loss" in how else y
        done = fit(model, x, y, epochs=EPOCHS, page=page, validation=(x[:9], y[:9]), **told)
        return done, np.concatenate([np.ravel(p.data) for p in model.parameters()])

    return run


class StateOfZeros(nn.Module):
    """A recurrence of one's own over four steps of two numbers, its weights shared by all steps."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.W, self.U = mg.Value(rng.normal(size=(2, 3))), mg.Value(0.4 * rng.normal(size=(3, 3)))
        self.out = nn.Linear(3, 2, rng=rng)

    def forward(self, x: mg.Value) -> mg.Value:
        h: Any = np.zeros((x.shape[0], 3))
        for t in range(4):
            h = mg.tanh(x[:, t] @ self.W + h @ self.U)
        return self.out(h)


def of_any(make: Callable[[], nn.Module], shape: tuple[int, ...], **how: Any) -> Any:
    def run(page: Path) -> tuple[Training, np.ndarray]:
        random.seed(3)
        model, x = make(), np.random.default_rng(1).normal(size=(37, *shape))
        done = fit(model, x, np.prod(x[:, :2].reshape(37, -1), axis=1) > 0.0, epochs=EPOCHS, page=page, **how)
        return done, np.concatenate([np.ravel(p.data) for p in model.parameters()])

    return run


def two_bends(k: int = 3) -> mg.Value:
    """A loss of somebody's own: y against w·tanh(u x) + v, squared."""
    x, y, v = mg.Value(0.4, label="x"), mg.Value(1.0, label="y"), mg.Value(0.1, label="v")
    u = [mg.Value(0.3 * i - 0.5, label=f"u_{i}") for i in range(1, k + 1)]
    w = [mg.Value(0.5 / i, label=f"w_{i}") for i in range(1, k + 1)]
    found = v
    for i in range(k):
        z = mg.tanh(u[i] * x)
        z.label = f"z_{i + 1}"
        found = found + w[i] * z
    found.label = "y_hat"
    return (found - y) ** 2


def of_own(page: Path) -> tuple[Training, np.ndarray]:
    network = network_of_loss(two_bends, "two_bends")()
    x = np.linspace(-2.0, 2.0, 31)[:, None]
    return train(network, x, np.sin(x[:, 0]), epochs=EPOCHS, page=page), np.empty(0)


def dense(rng: Any, outputs: int = 3) -> list[Any]:
    return [nn.Linear(2, 6, rng=rng), nn.Tanh(), nn.Linear(6, 5, rng=rng), nn.ReLU(), nn.Linear(5, outputs, rng=rng)]


def convolutional(rng: Any) -> list[Any]:
    return [nn.Conv2d(1, 2, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(2, 3, rng=rng)]


CASES: dict[str, Callable[[Path], tuple[Training, np.ndarray]]] = {
    **{name: lecture(name, {}) for name in NETWORKS},
    "relu, λ and a cosine": lecture("single_layer", {"activation": "relu", "regularise": 0.01}, schedule="cosine"),
    "mini batches, momentum, clipped": lecture(
        "two_conv_linear", {"regularise": 1e-3}, batch=16, optimiser="momentum", clip=0.5, rate=0.05, seed=3
    ),
    "ten classes": lecture("single_layer", {"outputs": 2, "k": 4}, optimiser="nesterov", rate=0.02),
    "a loss of one's own": of_own,
    "Sequential, gradient descent": of_model(dense, optimiser="gradient_descent", rate=0.05, batch=10),
    "single numbers": of_any(lambda: nn.MLP(2, [4, 1]), (2,), loss=nn.binary_cross_entropy_with_logits, rate=0.02),
    "a recurrence from zeros": of_any(StateOfZeros, (4, 2), rate=0.02, batch=16),
    "Sequential, Adam": of_model(dense, rate=0.01),
    "Sequential, AdamW, exponential": of_model(dense, optimiser="adamw", schedule="exponential", rate=0.01, batch=8),
    "Sequential, RMSprop, squared": of_model(
        lambda rng: dense(rng, 1), optimiser="rmsprop", loss=nn.mse_loss, rate=1e-3, schedule="step"
    ),
    "Sequential, Adagrad, logits": of_model(
        lambda rng: dense(rng, 1), optimiser="adagrad", loss=nn.binary_cross_entropy_with_logits, clip_value=0.01
    ),
    "convolution": of_model(convolutional, image=True, rate=0.01, batch=12),
}


@pytest.mark.parametrize("case", CASES)
def test_a_page_trains_as_python_does(case: str, page: Page, tmp_path: Path) -> None:
    """The same start, rows, batches and schedule: every number of the history to 1e-9, over 100 epochs."""
    done, parameters = CASES[case](tmp_path / "run.html")
    page.goto((tmp_path / "run.html").as_uri())
    found = page.evaluate(RUN, len(done.history))
    assert len(found["history"]) >= len(done.history)
    for ours, theirs in zip(done.history, found["history"], strict=False):
        for name, number in ours.items():
            other = theirs[name.replace("validation_", "test_")]
            if other is None or math.isnan(number):
                assert math.isnan(number)
            else:
                assert abs(other - number) <= 1e-9 * max(1.0, abs(number)), (name, ours["epoch"])
    if parameters.size:
        np.testing.assert_allclose(found["parameters"], parameters, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["network", "model"])
def test_a_run_that_went_on_goes_on_in_its_page(kind: str, page: Page, tmp_path: Path) -> None:
    """From the checkpoint, with the optimiser's memories and the order of the batches: the rows of history.csv."""
    data, (x, y), path = load("wedge"), rows(), tmp_path / "run.html"

    def run(epochs: int, **how: Any) -> Training:
        how |= {"epochs": epochs, "checkpoint": tmp_path / "saved", "every": 5, "batch": 16, "rate": 0.02}
        if kind == "network":
            return train(NETWORKS["single_layer"](), data.x, data.y, schedule="inverse", optimiser="momentum", **how)
        model = nn.Sequential(*dense(np.random.default_rng(0)))
        return fit(model, x, y, schedule="cosine", validation=(x[:9], y[:9]), **how)

    run(20)
    done = run(60, resume=True, page=path)
    page.goto(path.as_uri())
    assert page.locator(".counter").inner_text() == "epoch 20"
    assert "Python had trained 20 epochs before" in page.locator(".note").inner_text()
    for theirs in (page.evaluate("trainingPanel.runs[0].rows"), page.evaluate(RUN, 60)["history"]):
        ours = done.history[:20] if theirs[0]["epoch"] == done.history[0]["epoch"] else done.history[20:]
        for row, told in zip(ours, theirs, strict=True):
            found = [told[name.replace("validation_", "test_")] for name in row]
            np.testing.assert_allclose(found, list(row.values()), rtol=1e-9)


def test_a_model_in_float32_is_trained_in_float32(page: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layers = [nn.Linear(2, 6, rng=rng, dtype=np.float32), nn.Tanh(), nn.Linear(6, 2, rng=rng, dtype=np.float32)]
    model, (x, y) = nn.Sequential(*layers), rows()
    done = fit(model, x, y, epochs=EPOCHS, rate=0.01, batch=8, page=tmp_path / "run.html")
    page.goto((tmp_path / "run.html").as_uri())
    found = page.evaluate(RUN, EPOCHS)
    assert "float32" in page.locator(".note").inner_text()
    np.testing.assert_array_equal(np.float32(found["parameters"]), found["parameters"])
    losses = [[row["loss"] for row in history] for history in (found["history"], done.history)]
    np.testing.assert_allclose(*losses, rtol=2e-5)
    np.testing.assert_allclose(
        found["parameters"], np.concatenate([p.data.ravel() for p in model.parameters()]), atol=1e-4
    )


VIEWS: dict[str, tuple[Callable[[Any], list[Any]], dict[str, Any], str, str]] = {
    "three classes of the plane": (dense, {}, ".planes .layer", "x₁, x₂;layer 1, Tanh;layer 3, ReLU;ŷ"),
    "a line": (
        lambda rng: [nn.Linear(1, 5, rng=rng), nn.Tanh(), nn.Linear(5, 1, rng=rng)],
        {"inputs": 1},
        ".unit",
        ";" * 4,
    ),
    "numbers": (
        lambda rng: [nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng)],
        {"inputs": 3},
        ".said-of figcaption",
        "ŷ against y of the rows; on the line they are equal",
    ),
    "numbers, some of them to test on": (
        lambda rng: [nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 1, rng=rng)],
        {"inputs": 3, "tested": True},
        ".said-of figcaption",
        "ŷ against y of the rows, of the test in orange; on the line they are equal",
    ),
    "a plane that is replayed": (
        lambda rng: [nn.Linear(2, 4, rng=rng), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3, rng=rng)],
        {"engine": "eager"},
        ".planes .layer",
        "x₁, x₂;layer 0, Linear;layer 2;ŷ",
    ),
}


@pytest.mark.parametrize("case", VIEWS)
def test_what_there_is_to_look_at_is_drawn_as_it_learns(case: str, page: Page, tmp_path: Path) -> None:
    layers, how, parts, told = VIEWS[case]
    inputs, engine = how.get("inputs"), how.get("engine", "auto")
    x, y = rows(3, inputs or 2)
    model = nn.Sequential(*layers(np.random.default_rng(0)))
    y, loss = (x[:, :1] ** 2, nn.mse_loss) if inputs else (y, nn.cross_entropy)
    tested = {"validation": (x[:9], y[:9])} if "tested" in how else {}
    fit(model, x, y, epochs=4, rate=0.1, loss=loss, engine=engine, page=tmp_path / "run.html", **tested)
    page.goto((tmp_path / "run.html").as_uri())
    assert ";".join(page.locator(parts).all_text_contents()) == told
    drawn = """() => [...document.querySelectorAll(".learnt canvas")].map((c) => c.toDataURL()).join()
        + [...document.querySelectorAll(".learnt svg")].map((s) => s.outerHTML).join()"""
    before = page.evaluate(drawn)
    for _ in range(4):
        page.get_by_role("button", name="One epoch").click()
    counted(page, 4)
    page.wait_for_function(f"before => ({drawn})() !== before", arg=before)
    page.get_by_label("Look back").press("Home")
    counted(page, 0)
    page.wait_for_function(f"before => ({drawn})() === before", arg=before)


@pytest.fixture
def played(page: Page, tmp_path: Path) -> Page:
    """The page of a network in the plane, opened."""
    data = load("wedge")
    train(NETWORKS["single_layer"](), data.x, data.y, epochs=60, page=tmp_path / "run.html")
    page.goto((tmp_path / "run.html").as_uri())
    return page


def counted(page: Page, epoch: int) -> None:
    page.wait_for_function(f"document.querySelector('.counter').textContent === 'epoch {epoch}'")


def test_the_weights_between_units_are_drawn_when_they_come_into_view(played: Page) -> None:
    inks = "document.querySelector('.ties').getContext('2d').getImageData(0, 0, 400, 200).data.some((x) => x)"
    played.wait_for_function(inks)
    played.evaluate("document.querySelector('.training').style.display = 'none'")
    played.wait_for_function("document.querySelector('.ties').width === 0")
    played.evaluate("document.querySelector('.training').style.display = ''")
    played.wait_for_function(inks)


def test_a_training_is_played_stepped_looked_back_at_and_begun_again(played: Page) -> None:
    """By keyboard alone."""
    counted(played, 0)
    for name, epoch in (("One epoch", 1), ("One step", 2), ("Reset", 0)):
        played.get_by_role("button", name=name).press("Enter")
        counted(played, epoch)
    played.get_by_label("Speed").select_option(label="as fast as it goes")
    played.get_by_role("button", name="Play").press("Space")
    counted(played, 60)
    assert "All epochs" in played.locator(".said").inner_text()
    newest = played.evaluate("Array.from(trainingPanel.shown[0])")
    played.get_by_label("Look back").press("Home")
    counted(played, 0)
    start = played.evaluate("trainingPanel.task.start")
    assert played.evaluate("Array.from(trainingPanel.shown[0])") == start != newest
    played.get_by_label("over epochs").fill("70")
    played.get_by_label("over epochs").press("Enter")
    played.get_by_role("button", name="Play").press("Enter")
    counted(played, 70)


def test_what_is_chosen_is_trained_with(played: Page) -> None:
    """Other data, noise and activation begin again; a rate is taken up on the way; two rates are two curves."""
    first = played.evaluate("Array.from(trainingPanel.data.learn.columns[0])")
    for label, option in (("Data", "circles"), ("Noise on the rows", "0.1"), ("Activation", "relu")):
        played.get_by_role("button", name="One epoch").click()
        played.get_by_role("combobox", name=label, exact=True).select_option(label=option)
        counted(played, 0)
    assert played.evaluate("Array.from(trainingPanel.data.learn.columns[0])") != first
    played.get_by_role("button", name="÷2, Rate η").click()
    played.get_by_label("Beside it").select_option(label="a second rate")
    for _ in range(3):
        played.get_by_role("button", name="One epoch").click()
    counted(played, 3)
    rates = played.evaluate("trainingPanel.runs.map((run) => run.rate)")
    assert len(set(rates)) == 2
    assert played.locator("svg.curves").first.locator("polyline").count() == 4  # of both the training and the test
    played.get_by_label("Rate η", exact=True).fill("-1")
    played.get_by_label("Rate η", exact=True).press("Tab")
    assert played.get_by_label("Rate η", exact=True).get_attribute("aria-invalid") == "true"


def test_it_fits_a_telephone_and_trains_where_there_is_no_worker(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.add_init_script("delete window.Worker")
    train(NETWORKS["conv_linear"](), load("bars").x, load("bars").y, epochs=20, page=tmp_path / "run.html")
    page.goto((tmp_path / "run.html").as_uri())
    page.get_by_role("button", name="Play").click()
    counted(page, 20)
    ends = page.evaluate("['loss', 'accuracy'].map((column) => trainingPanel.runs[0].rows.at(-1)[column])")
    keys = page.locator(".charts .key").all_inner_texts()  # every chart has its own
    np.testing.assert_allclose([float(key.split()[-1]) for key in keys], ends, rtol=5e-3)
    page.get_by_role("button", name="Next row").click()
    page.wait_for_function("document.querySelector('.example').textContent.startsWith('Row 2 of 200 of the training')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [1280, 390])
def test_the_losses_stand_before_the_weights(played: Page, width: int) -> None:
    """Beside the plane, or under it on a telephone, where the weights are the last."""
    played.set_viewport_size({"width": width, "height": 844})
    tops = """parts => parts.map((part) => document.querySelector(`.panes > ${part}`).getBoundingClientRect().top)"""
    plane, charts, weights = played.evaluate(tops, [".learnt", ".charts", ".weighed"])
    assert plane == charts < weights if width > 390 else plane < charts < weights


def test_a_page_without_the_key_trains_by_differences(page: Page, tmp_path: Path) -> None:
    network, data, kernels = NETWORKS["conv_linear"](regularise=0.01), load("bars"), Kernels()
    schedule, x = replace(OF_NETWORKS, epochs=20, rate=0.1), np.round(data.x, 3)  # what nobody has packed is rounded
    task = live_task(of_network(network), TaskRows(x, data.y), schedule, 0, kernels, gradients=False)
    (tmp_path / "run.html").write_text(training_page(task, kernels, "Without the key"), encoding="utf-8")
    page.goto((tmp_path / "run.html").as_uri())
    found = page.evaluate(RUN, 20)
    done = train(network, x, data.y, schedule)
    losses = [row["loss"] for row in found["history"]]
    np.testing.assert_allclose(losses, [row["loss"] for row in done.history], rtol=1e-7)


def test_what_a_browser_cannot_train_is_replayed(page: Page, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(25, 6, rng=rng), nn.Tanh(), nn.Dropout(0.5, rng=rng), nn.Linear(6, 3, rng=rng)
    )
    x, y = rng.normal(size=(40, 1, 5, 5)), np.arange(40) % 3
    done = fit(model, x, y, epochs=7, engine="eager", page=tmp_path / "run.html", validation=(x[:6], y[:6]))
    page.goto((tmp_path / "run.html").as_uri())
    assert "replays the 7 epochs that Python trained" in page.locator("p.settings").inner_text()
    page.get_by_label("Speed").select_option(label="as fast as it goes")
    page.get_by_role("button", name="Play").click()
    counted(page, 7)
    rows = page.evaluate("trainingPanel.runs[0].rows")
    assert [row["test_loss"] for row in rows] == [row["validation_loss"] for row in done.history]
    weights = page.evaluate("Array.from(trainingPanel.learnt.at(7).numbers.subarray(0, 150))")
    largest = page.evaluate("trainingPanel.learnt.at(7).largest[0]")
    assert np.abs(np.array(weights) * largest / 127 - np.ravel(model[1].weight.data)).max() <= largest / 250


def test_the_formulas_of_a_student_train_beside_the_gradient(page: Page, tmp_path: Path) -> None:
    """Without a formula nothing does; with the true one both runs are one, with its sign wrong the second climbs."""
    kind = NETWORKS["single_layer"]
    problem = practice(kind, {}).problem
    section, start = watched(kind, {}, key=True, boxes=True)
    start = start.replace("new TrainingPanel", "window.panel = new TrainingPanel")
    script = f"{scripts()}\n{problem.script('task', key=True)}\n{start}"
    body = f'<section id="exercise">{boxes(problem, {})}</section>{section}<script>{script}</script>'
    (tmp_path / "page.html").write_text(f'<!doctype html><meta charset="utf-8">{body}', encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    beside = page.get_by_label("Beside it")
    beside.select_option(label="your formulas")
    page.wait_for_function("document.querySelector('.said').textContent.startsWith('Write a formula')")
    for formula, sign in (("2(ŷ − y) z_1", 1), ("−2(ŷ − y) z_1", -1)):
        page.locator('form[data-parameter="w_1"] input').fill(formula)
        beside.select_option(label="no other run")
        beside.select_option(label="your formulas")
        for _ in range(4):
            page.get_by_role("button", name="One epoch").click()
        counted(page, 4)
        true, own = page.evaluate("panel.runs.map((run) => run.rows.map((row) => row.loss))")
        assert (abs(own[-1] - true[-1]) < 1e-12) == (sign == 1)


def asked_mlp() -> tuple[nn.Module, Any, str, str]:
    return nn.MLP(2, [2, 1]), nn.hinge_loss, "layers.1.neurons.0.w.0", "−y h_1 H(1 − y y_hat)"


def asked_layers() -> tuple[nn.Module, Any, str, str]:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Tanh(), nn.Linear(2, 1, rng=rng), nn.Flatten(0))
    return model, nn.mse_loss, "2.weight_1_1", "2(ŷ − y) h_1"


def asked_recurrence() -> tuple[nn.Module, Any, str, str]:
    class Numbers(nn.Module):
        def __init__(self) -> None:
            self.w, self.u, self.v = mg.Value(0.4), mg.Value(-0.3), mg.Value(0.9)

        def forward(self, x: mg.Value) -> mg.Value:
            h: Any = 0.0
            for column in x.T:
                h = mg.tanh(self.w * column + self.u * h)
            return self.v * h

    through_time = "2(ŷ − y) v (1 − h_2²)(x_2 + u (1 − h_1²) x_1)"
    return Numbers(), nn.mse_loss, "w", through_time


@pytest.mark.parametrize("asked", [asked_mlp, asked_layers, asked_recurrence])
def test_formulas_train_beside_the_gradient_of_a_model_of_ones_own(asked: Any, page: Page, tmp_path: Path) -> None:
    """100 epochs by the right formula are Python's to 1e-9; by one that is wrong they are not, and its box says why."""
    random.seed(3)
    model, loss, parameter, right = asked()
    x = np.random.default_rng(1).normal(size=(37, 2))
    y = np.where(x[:, 0] > x[:, 1], 1.0, -1.0)
    told = {"optimiser": "gradient_descent", "rate": 0.05, "batch": 10, "page": tmp_path / "run.html"}
    done = fit(model, x, y, loss=loss, epochs=EPOCHS, **told)
    page.goto((tmp_path / "run.html").as_uri())
    page.locator("summary").click()
    page.locator(f'button[data-parameter="{parameter}"]').click()
    box = page.locator(f'form[data-parameter="{parameter}"]')
    page.get_by_label("Beside it").select_option(label="your formulas")
    page.wait_for_function("document.querySelector('.said').textContent.startsWith('Write a formula')")
    for text, state in ((right, "right"), (f"2({right})", "wrong")):
        box.locator("input").fill(text)
        box.get_by_role("button").click()
        page.wait_for_function("state => document.querySelector(`output[data-state=${state}]`)", arg=state)
        page.get_by_role("button", name="Reset").click()
        run = RUN.replace("told()[0]", "told()[1]")
        losses = [row["loss"] for row in page.evaluate(run, EPOCHS)["history"]]
        agree = np.allclose(losses, [row["loss"] for row in done.history], rtol=1e-9)
        assert agree == (state == "right")


def test_many_parameters_or_classes_have_no_boxes(page: Page, tmp_path: Path) -> None:
    x, y = rows()
    for layers in ([nn.Linear(2, 9), nn.Linear(9, 2)], [nn.Linear(2, 2)]):
        kept = {"page": tmp_path / "run.html", "epochs": 1}
        fit(nn.Sequential(*layers), x, y, **kept)
        text = (tmp_path / "run.html").read_text(encoding="utf-8")
        assert ('id="exercise"' in text) == (len(layers) == 1)


class Written(nn.Module):
    """Layers that are written as mathematics, with an activation that is called."""

    def __init__(self, activation: Callable[[Any], Any]) -> None:
        rng = np.random.default_rng(4)
        self.w, self.u = mg.Value(rng.normal(size=(2, 5))), mg.Value(rng.normal(size=(5, 4)))
        self.v, self.activation = mg.Value(rng.normal(size=(4,))), activation

    def forward(self, x: mg.Value) -> mg.Value:
        return self.activation(self.activation(x @ self.w) @ self.u) @ self.v


def scalars(activation: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        model = nn.MLP(2, [4, 1])
        if activation != "relu":
            for neuron in model.layers[0].neurons:
                neuron.forward = lambda x, neuron=neuron: mg.tanh(  # type: ignore[method-assign, misc]
                    sum((w * xi for w, xi in zip(neuron.w, x, strict=True)), neuron.b)
                )
        return model

    return make


@pytest.mark.parametrize(
    ("here", "there", "chosen"),
    [(lambda: Written(mg.tanh), lambda: Written(mg.relu), "relu"), (scalars("relu"), scalars("tanh"), "tanh")],
    ids=["arrays", "single numbers"],
)
def test_a_called_activation_is_chosen_in_the_page(
    here: Callable[[], nn.Module], there: Callable[[], nn.Module], chosen: str, page: Page, tmp_path: Path
) -> None:
    """What is chosen trains as the model does that was written with it, whose loss has a relu of its own."""
    runs = []
    x = np.random.default_rng(1).normal(size=(37, 2))
    for make, name in ((here, "here.html"), (there, "there.html")):
        random.seed(3)
        y = np.where(x[:, 0] > x[:, 1], 1.0, -1.0)
        told = {"loss": nn.hinge_loss, "rate": 0.01, "epochs": EPOCHS}
        runs.append(fit(make(), x, y, page=tmp_path / name, **told))  # type: ignore[arg-type]
    page.goto((tmp_path / "here.html").as_uri())
    page.get_by_label("Activation").select_option(label=chosen)
    found = page.evaluate(RUN, EPOCHS)["history"]
    losses = [[row["loss"] for row in rows] for rows in (found, runs[1].history)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-9)
    assert abs(losses[0][-1] - runs[0].history[-1]["loss"]) > 1e-6
