"""What a training run did and what it learnt, as one figure: its curves beside the boundary or the filters."""

from __future__ import annotations

from microgradcnn.classification import Classification
from microgradcnn.data import Dataset
from microgradcnn.experiment import Experiment, predict
from microgradcnn.views import plots


def training_figure(done: Experiment, data: Dataset) -> plots.Figure:
    """Loss and learning rate over the epochs; beside them the decision boundary where `data` have two columns, the
    filters of a convolutional network, or the weights of hidden units that look at images.

    Raises ValueError if there was no epoch, and MissingExtra without matplotlib.
    """
    network = done.trained.network
    figure = plots.figure()
    pictures = network.pictures(data.image)
    learnt = pictures is not None or network.inputs == 2
    axes = figure.subplot_mosaic([["loss", "learnt"], ["rate", "learnt"]] if learnt else [["loss"], ["rate"]])
    plots.loss(done.training.history, axes["loss"])
    plots.learning_rate(done.training.history, axes["rate"])
    if pictures is not None:
        plots.filters(pictures, axes["learnt"], name=network.unit_name)
    elif learnt:
        names = {"classes": data.classes or ("0", "1"), "features": data.features}
        plots.decision_boundary(lambda rows: predict(done.trained, rows), data.x, data.y, axes["learnt"], **names)
    return figure


def description(done: Experiment) -> str:
    """What the figure shows, in words, for those who cannot see it."""
    first, last = done.training.history[0], done.training.history[-1]
    return (
        f"{done.trained.network.name}: the loss goes from {first['loss']:.3g} to {last['loss']:.3g} in {last['epoch']} "
        f"epochs, while the learning rate goes from {first['rate']:.3g} to {last['rate']:.3g}; "
        f"accuracy {done.train_accuracy:.3f} in training, {done.test_accuracy:.3f} in the test."
    )


def model_figure(done: Classification) -> plots.Figure:
    """Loss and accuracy over the epochs, in training and in the test; beside them the filters of the first convolution.

    Raises ValueError if there was no epoch, and MissingExtra without matplotlib.
    """
    figure = plots.figure()
    axes = figure.subplot_mosaic([["loss", "learnt"], ["accuracy", "learnt"]])
    plots.loss(done.run.history, axes["loss"])
    plots.accuracy(done.run.history, axes["accuracy"])
    plots.filters(next(p for p in done.classifier.model.parameters() if p.ndim == 4), axes["learnt"])
    return figure


def model_description(done: Classification) -> str:
    """What that figure shows, in words."""
    first, last = done.run.history[0], done.run.history[-1]
    return (
        f"{done.classifier.name}: the loss goes from {first['loss']:.3g} to {last['loss']:.3g} in {last['epoch']} "
        f"epochs; accuracy {done.train['accuracy']:.4f} in training, {done.test['accuracy']:.4f} in the test."
    )
