"""Plots: what is drawn is the data, on the axes that were given, in letters that can be read from afar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.text import Text

from microgradcnn import nn
from microgradcnn.cli import main
from microgradcnn.cli.figure import description, training_figure
from microgradcnn.data import load, shrink, two_classes
from microgradcnn.data.dataset import Dataset
from microgradcnn.engine.value import Value
from microgradcnn.experiment import Experiment, experiment
from microgradcnn.extras import MissingExtra
from microgradcnn.fit import train
from microgradcnn.networks import conv_average, single_layer
from microgradcnn.views import plots

matplotlib.use("Agg")

# Okabe and Ito, Color universal design (2008), and black.
OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}

HISTORY = [{"epoch": epoch, "rate": 0.1 / (1 + epoch)} for epoch in range(3)]


@pytest.fixture
def ax() -> Any:
    return plots.figure().add_subplot()


@pytest.fixture(autouse=True)
def no_figure_is_left() -> Iterator[None]:
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    yield
    assert pyplot.get_fignums() == before, "pyplot was asked for a figure although there were axes"


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return shrink(two_classes(load("digits"), ("6", "7")), 3)


@pytest.fixture(scope="module")
def trained(digits: Dataset) -> Experiment:
    return experiment("two_conv_linear", digits, network={"regularise": 1e-3}, training={"epochs": 60})


@pytest.fixture(scope="module")
def cancer() -> Dataset:
    """Two columns of breast cancer: mean radius and mean texture."""
    whole = two_classes(load("breast_cancer"))
    return Dataset(whole.x[:, :2], whole.y, whole.features[:2], whole.target, None, whole.name, whole.classes)


def words(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_accuracy_and_loss_have_their_validation_beside_them(ax: Any) -> None:
    names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
    history = [{"epoch": i, **{name: (i + j) / 10 for j, name in enumerate(names, 1)}} for i in (1, 2)]
    assert plots.accuracy(history, ax) is ax
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.3, 0.4], [0.5, 0.6]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["training", "validation"]
    losses = plots.loss(history, ax.figure.add_subplot())
    assert [line.get_ydata().tolist() for line in losses.lines] == [[0.2, 0.3], [0.4, 0.5]]
    assert [text.get_text() for text in losses.get_legend().get_texts()] == ["loss", "validation loss"]
    with pytest.raises(ValueError, match="the history has no accuracy: its loss is not one of classes"):
        plots.accuracy(HISTORY, ax)


def test_loss_and_rate_are_those_of_the_history(trained: Experiment, ax: Any) -> None:
    history = trained.training.history
    assert plots.loss(history, ax) is ax
    losses, errors = ax.lines
    assert losses.get_xdata().tolist() == [row["epoch"] for row in history]
    assert losses.get_ydata().tolist() == [row["loss"] for row in history]
    assert errors.get_ydata().tolist() == [row["mean_squared_error"] for row in history]
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "epoch", "loss")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "mean squared error"]

    rate = plots.learning_rate(history, ax.figure.add_subplot())
    assert rate.lines[0].get_ydata().tolist() == [row["rate"] for row in history]
    assert rate.get_ylim()[0] == 0.0


@pytest.mark.parametrize(
    ("losses", "numbers"),
    [
        ((2.85, 1.92), ["2", "2.2", "2.4", "2.6", "2.8"]),
        ((3.3, 0.14), ["0.2", "0.5", "1", "2"]),
        ((1.5, 1e-5), [f"$\\mathdefault{{10^{{{i}}}}}$" for i in range(-5, 1)]),
    ],
)
def test_numbers_at_a_logarithm_are_written_as_people_do(
    losses: tuple[float, ...], numbers: list[str], ax: Any
) -> None:
    plots.loss([{"epoch": i, "loss": loss} for i, loss in enumerate(losses)], ax)
    shown = {label.get_position()[1]: label.get_text() for label in ax.yaxis.get_ticklabels(which="both")}
    low, high = ax.get_ylim()
    assert [text for place, text in sorted(shown.items()) if text and low <= place <= high] == numbers


def test_a_loss_without_regularisation_is_one_line_and_one_of_0_is_not_on_a_logarithm(ax: Any) -> None:
    history = [{"epoch": i, "loss": x, "mean_squared_error": x, "rate": 0.1} for i, x in enumerate((2.0, 1.0, 0.0))]
    plots.loss(history, ax)
    assert len(ax.lines) == 1
    assert ax.get_yscale() == "linear"
    for plot in (plots.loss, plots.learning_rate):
        with pytest.raises(ValueError, match="no epoch to plot"):
            plot([], ax)


def boundary(ax: Any) -> np.ndarray:
    (line,) = [c for c in ax.collections if list(getattr(c, "levels", [])) == [0.5]]
    return np.concatenate([path.vertices for path in line.get_paths()])


def test_the_boundary_of_a_line_is_that_line(ax: Any) -> None:
    x = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, -1.0], [0.5, 0.5]])
    y = np.array([0.0, 1.0, 0.0, 1.0])
    plots.decision_boundary(lambda rows: rows @ [0.25, 0.5], x, y, ax, ("no", "yes"), ("a", "b"))
    assert boundary(ax) @ [0.25, 0.5] == pytest.approx(0.5, abs=1e-12)
    zero, one = (c.get_offsets().tolist() for c in ax.collections[-2:])
    assert (zero, one) == (x[y == 0].tolist(), x[y == 1].tolist())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["no", "yes"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    low, high = ax.get_xlim()
    assert low < 0.0
    assert high > 2.0


def test_the_boundary_of_a_network_on_real_data(cancer: Dataset, ax: Any) -> None:
    x = (cancer.x - cancer.x.mean(axis=0)) / cancer.x.std(axis=0)
    network = single_layer(k=4, seed=1)
    for _ in range(200):
        network.loss(x, cancer.y).backward()
        for p in network.parameters.values():
            p.data, p.grad = p.data - 0.3 * p.grad, None
    plots.decision_boundary(network.predict, x, cancer.y, ax)
    assert np.abs(network.predict(boundary(ax)).data - 0.5).max() < 1e-3
    assert sum(len(c.get_offsets()) for c in ax.collections[-2:]) == len(x)


def test_dollars_in_a_users_names_are_no_mathematics(ax: Any) -> None:
    x, y, odd = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0.0, 1.0]), r"$\no_such{$"
    plots.decision_boundary(lambda rows: rows[:, 0], x, y, ax, (odd, "a $b$"), (odd, odd))
    plots.gradient_norms({odd: [1.0], "b": [2.0]}, ax.figure.add_subplot())
    plots.filters(np.ones((1, 2, 2)), ax.figure.add_subplot(), name=odd)
    plots.cost([odd], [1], [1.0], ax.figure.add_subplot())
    ax.figure.canvas.draw()  # which is when mathematics would be parsed


def test_no_boundary_where_one_class_is_everywhere(ax: Any) -> None:
    x, y = np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0.0, 0.0])
    plots.decision_boundary(lambda rows: np.zeros(len(rows)), x, y, ax)
    assert not [c for c in ax.collections if list(getattr(c, "levels", [])) == [0.5]]
    for rows, classes in ((np.ones((2, 3)), y), (x, np.ones(3)), (np.ones((0, 2)), np.ones(0))):
        with pytest.raises(ValueError, match="needs rows x"):
            plots.decision_boundary(lambda rows: rows[:, 0], rows, classes, ax)


def test_filters_are_the_weights_on_a_scale_around_0(trained: Experiment, ax: Any) -> None:
    c = trained.trained.network.parameters["c"]
    plots.filters(c, ax)
    assert [image.get_array().tolist() for image in ax.images] == c.data[:, 0].tolist()
    largest = np.abs(c.data).max()
    assert {image.get_clim() for image in ax.images} == {(-largest, largest)}
    assert words(ax)[:2] == ["filter 1", "filter 2"]
    assert words(ax)[2:] == [f"{x:.2f}".replace("-", "−") for x in c.data.ravel()]
    negative, zero, positive = ax.images[0].cmap([0.0, 0.5, 1.0])
    assert negative[0] > negative[2] + 0.3  # orange
    assert positive[2] > positive[0] + 0.3  # blue
    assert zero[:3].tolist() == pytest.approx([1.0, 1.0, 1.0], abs=0.01)


def test_many_filters_stand_in_rows_and_do_not_touch(ax: Any) -> None:
    kernels = np.random.default_rng(0).normal(size=(9, 5, 3))
    plots.filters(kernels, ax, name="hidden unit")
    assert words(ax) == [f"hidden unit {i}" for i in range(1, 10)]  # too many cells for numbers
    places = [image.get_extent() for image in ax.images]  # left, right, bottom, top; downwards
    assert {(right - left, bottom - top) for left, right, bottom, top in places} == {(3.0, 5.0)}
    for i, (left, right, bottom, top) in enumerate(places):
        for other_left, other_right, other_bottom, other_top in places[:i]:
            assert other_right < left or right < other_left or other_bottom < top or bottom < other_top
    assert len({top for *_, top in places}) == 2
    for wrong in (np.ones((2, 2)), np.ones((2, 3, 2, 2, 2)), np.ones((0, 2, 2))):
        with pytest.raises(ValueError, match=r"filters must have shape \(n, height, width\)"):
            plots.filters(wrong, ax)


def test_feature_maps_are_what_the_filters_see(digits: Dataset, ax: Any) -> None:
    network = conv_average(seed=2)
    image = digits.x[0].reshape(3, 3)
    plots.feature_maps(network.hidden(digits.x[:1])[0], image, ax)
    c = network.parameters["c"].data[0, 0]
    by_hand = [[1.0 / (1.0 + np.exp(-np.sum(c * image[i : i + 2, j : j + 2]))) for j in (0, 1)] for i in (0, 1)]
    shown, of_filter = ax.images
    assert shown.get_array().tolist() == image.tolist()
    assert np.asarray(of_filter.get_array()) == pytest.approx(np.array(by_hand), rel=1e-12)
    assert of_filter.get_clim() == pytest.approx((np.min(by_hand), np.max(by_hand)), rel=1e-12)
    assert shown.get_clim() == (image.min(), image.max())
    assert words(ax)[:2] == ["image", "z of filter 1"]


def test_gradient_norms_by_layer(ax: Any) -> None:
    rng = np.random.default_rng(0)
    layers, z = {}, Value(rng.normal(size=(20, 6)))
    for i in range(1, 5):
        layers[f"W{i}"] = Value(0.5 * rng.normal(size=(6, 6)), label=f"W_{i}")
        z = (z @ layers[f"W{i}"]).sigmoid()
    with pytest.raises(ValueError, match="W1 has no gradient yet: call backward"):
        plots.gradient_norms(layers, ax)
    z.square().mean().backward()
    plots.gradient_norms(layers, ax)
    by_hand = [np.sqrt(np.sum(W.grad**2)) for W in layers.values()]
    (points,) = ax.lines
    assert points.get_ydata() == pytest.approx(by_hand, rel=1e-12)
    assert (points.get_marker(), points.get_linestyle(), len(ax.patches)) == ("o", "None", 0)
    assert (ax.get_yscale(), ax.get_xlabel()) == ("log", "layer")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == list(layers)


def test_a_layer_that_does_not_learn_lies_below_the_others(ax: Any) -> None:
    dead, alive = Value([1.0, 2.0], label="dead"), Value([3.0], label="alive")
    ((dead * 0.0).sum() + alive.sum()).backward()
    plots.gradient_norms({"dead": dead, "alive": alive, "again": alive}, ax)
    points, triangle = ax.lines
    assert (points.get_xdata().tolist(), points.get_ydata().tolist()) == ([1, 2], [1.0, 1.0])
    assert (list(triangle.get_xdata()), triangle.get_marker(), ax.get_yscale()) == ([0], "v", "log")
    assert triangle.get_transform() == ax.get_xaxis_transform()
    plots.gradient_norms({"dead": dead}, plots.figure().add_subplot())


@pytest.mark.parametrize(
    ("names", "slope"),
    [
        (["0.weight", "0.bias"], 0.0),
        ([f"attention.{i}.weight" for i in range(6)], 35.0),
        (list(map(str, range(40))), 90.0),
    ],
)
def test_names_of_many_layers_lie_aslant(names: list[str], slope: float, ax: Any) -> None:
    x = Value(1.0)
    x.square().backward()
    plots.gradient_norms(dict.fromkeys(names, x), ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == names
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {slope}


def test_gradient_norms_over_the_steps(ax: Any) -> None:
    norms = {f"layer {i}": np.linspace(1.0, 0.0, 5) * i for i in range(1, 10)}
    plots.gradient_norms(norms, ax)
    assert [line.get_ydata().tolist() for line in ax.lines] == [steps.tolist() for steps in norms.values()]
    assert ax.get_yscale() == "linear"  # 0 has no logarithm
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 9
    with pytest.raises(ValueError, match="at least one layer"):
        plots.gradient_norms({}, ax)
    with pytest.raises(ValueError, match=r"S needs a norm for each step, \(steps,\), not \(2, 2\)"):
        plots.gradient_norms({"S": np.ones((2, 2))}, ax)


def test_cost_counted_and_measured(ax: Any) -> None:
    sizes = [{"n": n, "m": 2} for n in (10, 1000, 100_000)]
    operations, seconds = [400, 40_000, 4_000_000], [1e-5, 6e-5, 8e-3]
    plots.cost(sizes, operations, seconds, ax)
    line, points = ax.lines
    assert (points.get_xdata().tolist(), points.get_ydata().tolist()) == (operations, seconds)
    assert line.get_ydata() == pytest.approx(np.array([400, 4_000_000]) * 2e-9, rel=1e-12)
    assert words(ax) == ["n = 10", "n = 1,000", "n = 100,000"]  # m is the same everywhere
    assert ax.get_legend().get_texts()[0].get_text() == "2.0 ns for each operation"
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    for wrong in (([1], [1, 2], [1.0, 2.0]), ([], [], []), ([1], [0], [1.0]), ([1], [1], [-1.0])):
        with pytest.raises(ValueError, match="operations and seconds"):
            plots.cost(*wrong, ax)


def all_plots(trained: Experiment, cancer: Dataset) -> list[tuple[Any, ...]]:
    network = trained.trained.network
    z = network.hidden(np.ones((1, 9))).data[0]
    return [
        (plots.loss, trained.training.history),
        (plots.learning_rate, trained.training.history),
        (plots.decision_boundary, lambda rows: rows[:, 0] / 30.0, cancer.x, cancer.y),
        (plots.filters, network.parameters["c"].data),
        (plots.feature_maps, z),
        (plots.gradient_norms, {"S": [2.0, 1.0]}),
        (plots.cost, [1, 2], [10, 20], [1.0, 2.0]),
    ]


def test_every_plot_draws_on_the_given_axes_and_can_be_read(trained: Experiment, cancer: Dataset) -> None:
    for function, *arguments in all_plots(trained, cancer):
        given = plots.figure().add_subplot()
        assert function(*arguments, ax=given) is given
        given.figure.canvas.draw()
        assert given.get_title()
        texts = [text for text in given.figure.findobj(Text) if text.get_text() and text.get_visible()]
        assert min(text.get_fontsize() for text in texts if not text.get_text().isspace()) >= 13, function.__name__


def test_without_axes_pyplot_makes_a_figure(trained: Experiment, cancer: Dataset) -> None:
    from matplotlib import pyplot

    for function, *arguments in all_plots(trained, cancer):
        made = function(*arguments)
        assert pyplot.gcf() is made.figure
        pyplot.close(made.figure)


def test_the_colours_are_those_of_okabe_and_ito() -> None:
    assert set(plots.COLOURS) < OKABE_ITO
    assert len(set(plots.COLOURS)) == len(plots.COLOURS)


@pytest.mark.slow
def test_a_rendered_plot_says_what_it_shows_and_is_the_same_again() -> None:
    files = {}
    for suffix in plots.FORMATS:
        twice = [
            plots.rendered(plots.learning_rate(HISTORY, plots.figure(3, 2).add_subplot()), suffix, "<b>&", "falls")
            for _ in range(2)
        ]
        assert twice[0] == twice[1]
        files[suffix] = twice[0]
    assert b"<title>&lt;b&gt;&amp;</title>" in files[".svg"]
    assert b"<dc:description>falls</dc:description>" in files[".svg"]
    assert b"Description\x00falls" in files[".png"]
    assert b"/Subject (falls)" in files[".pdf"]
    with pytest.raises(ValueError, match=r"written to \.png, \.svg, \.pdf, not \.gif"):
        plots.rendered(plots.figure(), ".gif", "", "")


def test_without_matplotlib_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    for wanted in (plots.figure, lambda: plots.cost([1], [1], [1.0])):
        with pytest.raises(MissingExtra, match=r"a plot needs matplotlib, .*: pip install 'microgradcnn\[plot\]'"):
            wanted()


# The figure of a training run


def test_the_figure_of_a_training_run_shows_what_was_learnt(
    trained: Experiment, digits: Dataset, cancer: Dataset
) -> None:
    loss, learnt, rate, _ = training_figure(trained, digits).axes
    assert [ax.get_title() for ax in (loss, rate, learnt)] == ["Loss", "Learning rate", "Filters"]
    assert learnt.images[0].get_array().tolist() == trained.trained.network.parameters["c"].data[0, 0].tolist()

    hidden = experiment("single_layer", digits, training={"epochs": 3})
    learnt = training_figure(hidden, digits).axes[1]
    assert learnt.get_title() == "Hidden units"
    assert learnt.images[1].get_array().ravel().tolist() == hidden.trained.network.parameters["S"].data[1].tolist()

    on_two = experiment("single_layer", cancer, training={"epochs": 30})
    learnt = training_figure(on_two, cancer).axes[1]
    scaled = on_two.trained.scaling.apply(boundary(learnt))
    assert np.abs(on_two.trained.network.predict(scaled).data - 0.5).max() < 1e-3
    assert learnt.get_xlabel() == "mean radius"
    history = on_two.training.history
    assert f"from {history[0]['loss']:.3g} to {history[-1]['loss']:.3g} in 29 epochs" in description(on_two)

    whole = two_classes(load("breast_cancer"))
    assert len(training_figure(experiment("single_layer", whole, training={"epochs": 3}), whole).axes) == 2


@pytest.mark.slow
def test_train_plots(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    plot = tmp_path / "new" / "run.svg"
    arguments = ["train", "conv_average", "--data", "side", "--epochs", "20", "--out", str(tmp_path)]
    assert main([*arguments, "--plot", str(plot)]) == 0
    assert capsys.readouterr().out.rstrip().endswith(str(plot))
    assert "<title>conv_average trained on side</title>" in plot.read_text()


@pytest.mark.parametrize(
    ("plot", "says"), [("run.gif", "'run.gif' does not end in .png, .svg, .pdf"), ("file/run.png", "cannot be written")]
)
def test_train_refuses_a_bad_plot_before_the_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plot: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    arguments = ["train", "conv_average", "--data", "side", "--plot", plot]
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main(arguments))
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert says in err
    assert not (tmp_path / "history.csv").exists()


def test_train_without_matplotlib_says_so_before_the_work(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    arguments = ["train", "conv_average", "--data", "side", "--out", str(tmp_path), "--plot", str(tmp_path / "a.png")]
    assert main(arguments) == 2
    assert "pip install 'microgradcnn[plot]'" in capsys.readouterr().err
    assert not (tmp_path / "history.csv").exists()


def test_a_plane_of_three_classes_is_no_boundary(ax: Any) -> None:
    def predict(rows: Any) -> Any:
        return np.ones((len(rows), 3)) / 3.0

    x, y = np.random.default_rng(0).normal(size=(6, 2)), np.arange(6) % 2
    with pytest.raises(ValueError, match=r"one ŷ for each of the rows.*, 3\): of several classes give the prob"):
        plots.decision_boundary(predict, x, y, ax)
    assert plots.decision_boundary(lambda rows: predict(rows)[:, 0], x, y, ax) is ax
    assert plots.decision_boundary(lambda rows: predict(rows)[:, :1], x, y, ax) is ax


def panels(ax: Any) -> list[Any]:
    return [np.asarray(image.get_array()) for image in ax.images]


def test_filters_of_a_layer_a_model_and_an_array(ax: Any) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(1, 3, 2, rng=rng), nn.ReLU(), nn.Conv2d(3, 2, 2, rng=rng))
    for given, weights in ((model, model[0].weight.data[:, 0]), (model[0], model[0].weight.data[:, 0])):
        plots.filters(given, ax)
        assert [panel.tolist() for panel in panels(ax)] == weights.tolist()
        ax.clear()
    for given in (model[2], model[2].weight, model[2].weight.data):
        plots.filters(given, ax)
        for shown, kernel in zip(panels(ax), model[2].weight.data, strict=True):  # channels 1 and 2, below them 3
            assert shown.shape == (5, 5)
            corners = [shown[:2, :2], shown[:2, 3:], shown[3:, :2]]
            assert [corner.tolist() for corner in corners] == kernel.tolist()
            assert np.isnan(shown[2]).all()
            assert np.isnan(shown[3:, 3:]).all()
        assert words(ax)[:2] == ["filter 1", "filter 2"]
        ax.clear()


def test_strips_are_in_more_rows_than_squares(ax: Any) -> None:
    rows = []
    for images in (np.zeros((8, 3, 3)), np.zeros((8, 1, 9))):
        plots.filters(images, ax)
        rows.append(len({panel.get_extent()[3] for panel in ax.get_images()}))
        ax.clear()
    assert rows == [2, 3]


def test_filters_of_what_has_no_images(ax: Any) -> None:
    rng = np.random.default_rng(0)
    square, row, sound = nn.Linear(4, 2, rng=rng), nn.Linear(3, 2, rng=rng), nn.Conv1d(2, 3, 4, rng=rng)
    shapes = {}
    for name, layer in (("square", square), ("row", row), ("sound", sound)):
        plots.filters(layer, ax, name="unit")
        shapes[name] = [panel.shape for panel in panels(ax)]
        ax.clear()
    assert shapes == {"square": [(2, 2)] * 2, "row": [(1, 3)] * 2, "sound": [(1, 9)] * 3}
    with pytest.raises(ValueError, match="ReLU has no weights that are filters"):
        plots.filters(nn.ReLU(), ax)
    with pytest.raises(ValueError, match=r"\(n, height, width\) or \(n, channels, height, width\), not \(2, 3\)"):
        plots.filters(np.ones((2, 3)), ax)


def test_a_training_shows_its_weights_and_filters_over_time() -> None:
    x, y = np.random.default_rng(0).uniform(size=(6, 9)), np.array([0.0, 1.0] * 3)
    network = conv_average(seed=0)
    start = {name: np.array(p.data) for name, p in network.parameters.items()}
    run = train(network, x, y, epochs=7, snapshots=3)
    figure = plots.training(run)
    axes = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    weights = axes["Weights"]
    assert {tuple(line.get_xdata()) for line in weights.lines} == {(0, 3, 6, 7)}
    assert [line.get_ydata()[0] for line in weights.lines] == np.ravel(start["c"]).tolist()
    assert [line.get_ydata()[-1] for line in weights.lines] == np.ravel(network.parameters["c"].data).tolist()
    filters = axes["Filters, c"]
    assert [text for text in words(filters) if text] == ["epoch 0", "epoch 3", "epoch 6", "epoch 7"]
    assert panels(filters)[0].tolist() == np.reshape(start["c"], (2, 2)).tolist()
    with pytest.raises(ValueError, match="the run kept no parameters to plot: snapshots=10 keeps"):
        plots.training(train(conv_average(seed=0), x, y, epochs=2))
