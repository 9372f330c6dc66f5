"""What a training run did and what it learnt, as one figure, and its loss in characters for a terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from microgradcnn.cli.streams import takes
from microgradcnn.data import Dataset
from microgradcnn.experiment import Experiment, predict
from microgradcnn.system.terminal import USUAL, columns, is_terminal
from microgradcnn.views import plots
from microgradcnn.views.text_chart import BLOCKS, FRAMES, PLAIN, text_chart


def training_figure(done: Experiment, data: Dataset) -> plots.Figure:
    """Loss and learning rate, or accuracy of a model, over the epochs; beside them what was learnt.

    That are the filters of the first convolution, the weights of hidden units that look at images, or the decision
    boundary where `data` have two columns and two classes. Raises ValueError if there was no epoch, MissingExtra
    without matplotlib.
    """
    network, history = done.trained.network, done.training.history
    figure = plots.figure()
    pictures = network.pictures(data.image)
    two = len(data.classes or ("0", "1")) == 2 and network.outputs == 1
    plane = done.trained.target is None and two and network.inputs == 2
    learnt = pictures is not None or plane
    axes = figure.subplot_mosaic([["loss", "learnt"], ["below", "learnt"]] if learnt else [["loss"], ["below"]])
    plots.loss(history, axes["loss"])
    below = plots.accuracy if network.module is not None and "accuracy" in history[0] else plots.learning_rate
    below(history, axes["below"])
    if pictures is not None:
        plots.filters(pictures, axes["learnt"], name=network.unit_name)
    elif learnt:
        names = {"classes": data.classes or ("0", "1"), "features": data.features}
        plots.decision_boundary(lambda rows: predict(done.trained, rows), data.x, data.y, axes["learnt"], **names)
    return figure


def description(done: Experiment) -> str:
    """What the figure shows, in words, for those who cannot see it."""
    first, last = done.training.history[0], done.training.history[-1]
    rate = f", while the learning rate goes from {first['rate']:.3g} to {last['rate']:.3g}"
    rate, digits = ("", 4) if done.trained.network.module is not None else (rate, 3)
    name, train, test = "accuracy", done.train_accuracy, done.test_accuracy
    if done.train_r2 is not None and done.test_r2 is not None:
        name, train, test = "R²", done.train_r2, done.test_r2
    return (
        f"{done.trained.network.name}: the loss goes from {first['loss']:.3g} to {last['loss']:.3g} in {last['epoch']} "
        f"epochs{rate}; {name} {train:.{digits}f} in training, {test:.{digits}f} in the test."
    )


def print_chart(history: Sequence[Mapping[str, float]], wanted: bool | None) -> None:
    """Print the loss over the epochs in characters, if that is wanted; if nobody has said so, on a terminal."""
    if wanted is False or not (wanted or is_terminal(sys.stdout)) or not history:
        return
    blocks = BLOCKS if takes("".join([BLOCKS, *FRAMES[BLOCKS]]), sys.stdout) else PLAIN
    ends = f"epoch {history[0]['epoch']}", f"{history[-1]['epoch']}"
    losses = [row["loss"] for row in history]
    if chart := text_chart(losses, "loss", ends, columns(sys.stdout) or USUAL, blocks):
        print(chart)
