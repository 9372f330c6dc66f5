"""Plots of training and of what was learnt, with matplotlib: `plots.loss(run.history)`.

They take plain arrays, histories and functions. Every function draws on `ax` and returns it; without one it makes a
figure with pyplot. Colours are those of Okabe and Ito, which colour-blind eyes tell apart; signed numbers are orange
below 0 and blue above.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.figures import (
    BLUE,
    COLOURS,
    GREEN,
    LABEL,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    TITLE,
    VERMILION,
    Axes,
    Figure,
    colour_bar,
    diverging_colours,
    literal_text,
    logarithmic,
    matplotlib,
    numbers_of,
    prepared_axes,
)
from microgradcnn.views.plots_of_parameters import feature_maps, filters, gradient_norms, training

__all__ = [
    "BLUE",
    "COLOURS",
    "FORMATS",
    "GREEN",
    "GRID",
    "LABEL",
    "ORANGE",
    "PURPLE",
    "SKY",
    "SMALL",
    "TITLE",
    "VERMILION",
    "Axes",
    "Figure",
    "History",
    "accuracy",
    "cost",
    "decision_boundary",
    "feature_maps",
    "figure",
    "filters",
    "gradient_norms",
    "learning_rate",
    "loss",
    "rendered",
    "training",
]

History: TypeAlias = Sequence[Mapping[str, float]]

FORMATS = (".png", ".svg", ".pdf")
GRID = 201  # predictions to a side of a decision boundary


def loss(history: History, ax: Axes = None) -> Axes:
    """The loss over the epochs, and that of the validation, or the error without λ where that is another.

    `history` is Training.history or Fit.history. The axis is logarithmic if no loss is 0. Raises ValueError if there is
    no epoch.
    """
    epochs, losses = _column(history, "epoch"), _column(history, "loss")
    ax = prepared_axes(ax, "Loss", "epoch", "loss")
    ax.plot(epochs, losses, color=BLUE, linewidth=2.5, label="loss")
    for name in ("mean_squared_error", "cross_entropy", "validation_loss"):
        if name in history[0] and not np.allclose(others := _column(history, name), losses, rtol=1e-3):
            ax.plot(epochs, others, color=VERMILION, linewidth=2.5, linestyle="--", label=name.replace("_", " "))
            ax.legend(fontsize=SMALL)
    if losses.min() > 0.0:
        logarithmic(ax)
    return ax


def accuracy(history: History, ax: Axes = None) -> Axes:
    """The accuracy over the epochs, and that of the validation where there is one. Raises ValueError if it has none."""
    if history and "accuracy" not in history[0]:
        raise ValueError("the history has no accuracy: its loss is not one of classes")
    epochs = _column(history, "epoch")
    ax = prepared_axes(ax, "Accuracy", "epoch", "share that is right")
    for name, colour, style in (("accuracy", BLUE, "-"), ("validation_accuracy", VERMILION, "--")):
        if name in history[0]:
            label = "training" if name == "accuracy" else "validation"
            ax.plot(epochs, _column(history, name), color=colour, linewidth=2.5, linestyle=style, label=label)
    ax.legend(fontsize=SMALL)
    return ax


def learning_rate(history: History, ax: Axes = None) -> Axes:
    """The learning rate over the epochs. Raises ValueError if there is no epoch."""
    epochs, rates = _column(history, "epoch"), _column(history, "rate")
    ax = prepared_axes(ax, "Learning rate", "epoch", "η")
    ax.plot(epochs, rates, color=GREEN, linewidth=2.5)
    ax.set_ylim(0.0, 1.05 * rates.max())
    return ax


def decision_boundary(
    predict: Callable[[Array], Any],
    x: Array,
    y: Array,
    ax: Axes = None,
    classes: Sequence[str] = ("0", "1"),
    features: Sequence[str] = ("x₁", "x₂"),
) -> Axes:
    """ŷ over the plane of two inputs, the line ŷ = ½, and the rows x, (n, 2), with their classes y, 0 or 1.

    `predict` takes rows (n, 2) and gives ŷ, (n,), such as `network.predict`. Raises ValueError for other shapes.
    """
    x, y = np.asarray(x, dtype=float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2 or y.shape != (len(x),) or not len(x):
        raise ValueError(f"a decision boundary needs rows x, (n, 2), and y, (n,), not {x.shape} and {y.shape}")
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1.0)
    across, down = (np.linspace(a, b, GRID) for a, b in zip(low - margin, high + margin, strict=True))
    rows = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    predicted = np.asarray(numbers_of(predict(rows)), dtype=float)
    if predicted.size != len(rows):
        raise ValueError(
            f"a decision boundary is drawn of one ŷ for each of the rows, ({len(rows)},), not of {predicted.shape}: of "
            "several classes give the probability of one, predict=lambda rows: model(rows)[:, 0]"
        )
    predicted = predicted.reshape(GRID, GRID)
    ax = prepared_axes(ax, "Decision boundary", *map(literal_text, features))
    ax.grid(False)
    levels = np.linspace(0.0, 1.0, 11)
    filled = ax.contourf(across, down, predicted, levels=levels, cmap=diverging_colours(), alpha=0.6, extend="both")
    if predicted.min() < 0.5 < predicted.max():
        ax.contour(across, down, predicted, levels=[0.5], colors="black", linewidths=2.5)
    for label, (marker, colour) in enumerate((("o", "#9C5700"), ("^", "#00466E"))):
        style = {"marker": marker, "c": colour, "edgecolors": "white", "linewidths": 0.6}
        ax.scatter(*x[y == label].T, s=45, label=literal_text(classes[label]), zorder=3, **style)
    colour_bar(ax, filled, "ŷ")
    ax.legend(fontsize=SMALL, framealpha=0.9)
    return ax


def cost(
    sizes: Sequence[int | str | Mapping[str, int]],
    operations: Sequence[float],
    seconds: Sequence[float],
    ax: Axes = None,
) -> Axes:
    """Measured seconds against counted operations, a point for each size, and the line of time in proportion to them.

    The line goes through the largest count: small sizes lie above it where there is work beside the operations. Raises
    ValueError if the lengths differ or a number is not positive.
    """
    counts, times = np.asarray(operations, dtype=float), np.asarray(seconds, dtype=float)
    if not len(sizes) or counts.shape != (len(sizes),) or times.shape != (len(sizes),):
        raise ValueError(
            f"{len(sizes)} sizes need as many operations and seconds, not {counts.shape} and {times.shape}"
        )
    if min(counts.min(), times.min()) <= 0.0:
        raise ValueError("operations and seconds must be positive")
    ax = prepared_axes(ax, "Counted and measured", "operations, counted", "seconds, measured")
    each = times[counts.argmax()] / counts.max()
    ends = np.array([counts.min(), counts.max()])
    engineering = matplotlib("ticker").EngFormatter
    rounded = engineering(unit="s", places=1)
    ax.plot(ends, each * ends, color=VERMILION, linewidth=2.5, label=f"{rounded(each)} for each operation")
    ax.plot(counts, times, "o", color=BLUE, markersize=9, label="measured")
    for name, count, time in zip(_size_names(sizes), counts, times, strict=True):
        ax.annotate(
            literal_text(name), (count, time), xytext=(-8, 6), textcoords="offset points", fontsize=SMALL, ha="right"
        )
    ax.set(xscale="log", yscale="log")
    ax.yaxis.set_major_formatter(engineering(unit="s"))
    ax.margins(0.15)
    ax.legend(fontsize=SMALL, loc="lower right")
    return ax


def figure(width: float = 12.0, height: float = 6.5) -> Figure:
    """An empty figure, in inches, that pyplot knows nothing of. Raises MissingExtra without matplotlib."""
    return matplotlib("figure").Figure(figsize=(width, height), layout="constrained")


def rendered(drawn: Figure | Axes, suffix: str, title: str, description: str) -> bytes:
    """A figure as a PNG, SVG or PDF file, which says in words what it shows. Raises ValueError for another suffix."""
    if suffix not in FORMATS:
        raise ValueError(f"a plot is written to {', '.join(FORMATS)}, not {suffix or 'a file without ending'}")
    words = {"Title": title, "Subject" if suffix == ".pdf" else "Description": description}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
    content = io.BytesIO()
    with matplotlib().rc_context({"svg.hashsalt": "microgradcnn"}):  # the same plot gives the same file
        drawn.figure.savefig(content, format=suffix[1:], dpi=150, metadata={**words, **undated})
    return content.getvalue()


def _size_names(sizes: Sequence[int | str | Mapping[str, int]]) -> list[str]:
    """Every size in words; of several, such as n, m and k, those that vary."""
    named = [size for size in sizes if isinstance(size, Mapping)]
    varying = {k for size in named for k in size if len({other.get(k) for other in named}) > 1}
    return [
        ", ".join(f"{k} = {v:,}" for k, v in size.items() if k in varying) if isinstance(size, Mapping) else str(size)
        for size in sizes
    ]


def _column(history: History, name: str) -> Array:
    if not len(history):
        raise ValueError("the history has no epoch to plot")
    return np.array([row[name] for row in history], dtype=float)
