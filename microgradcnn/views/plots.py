"""Plots of training and of what was learnt, with matplotlib: `plots.loss(run.history)`.

They take plain arrays, histories and functions. Every function draws on `ax` and returns it; without one it makes a
figure with pyplot. Colours are those of Okabe and Ito, which colour-blind eyes tell apart; signed numbers are orange
below 0 and blue above.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.extras import require

Axes: TypeAlias = Any  # matplotlib.axes.Axes; this module is imported without matplotlib
Figure: TypeAlias = Any  # matplotlib.figure.Figure
History: TypeAlias = Sequence[Mapping[str, float]]

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#000000")
TITLE, LABEL, SMALL = 17, 15, 13  # points, to be read from the last row

FORMATS = (".png", ".svg", ".pdf")
GRID = 201  # predictions to a side of a decision boundary
_NUMBERED = 14  # cells to a side, at most, in which numbers are still readable


def loss(history: History, ax: Axes = None) -> Axes:
    """The loss over the epochs, and that of the validation, or the error without λ where that is another.

    `history` is Training.history or Fit.history. The axis is logarithmic if no loss is 0. Raises ValueError if there is
    no epoch.
    """
    epochs, losses = _column(history, "epoch"), _column(history, "loss")
    ax = _prepared(ax, "Loss", "epoch", "loss")
    ax.plot(epochs, losses, color=BLUE, linewidth=2.5, label="loss")
    for name in ("mean_squared_error", "cross_entropy", "validation_loss"):
        if name in history[0] and not np.allclose(others := _column(history, name), losses, rtol=1e-3):
            ax.plot(epochs, others, color=VERMILION, linewidth=2.5, linestyle="--", label=name.replace("_", " "))
            ax.legend(fontsize=SMALL)
    if losses.min() > 0.0:
        ax.set_yscale("log")
    return ax


def accuracy(history: History, ax: Axes = None) -> Axes:
    """The accuracy over the epochs, and that of the validation where there is one. Raises ValueError if it has none."""
    if history and "accuracy" not in history[0]:
        raise ValueError("the history has no accuracy: its loss is not one of classes")
    epochs = _column(history, "epoch")
    ax = _prepared(ax, "Accuracy", "epoch", "share that is right")
    for name, colour, style in (("accuracy", BLUE, "-"), ("validation_accuracy", VERMILION, "--")):
        if name in history[0]:
            label = "training" if name == "accuracy" else "validation"
            ax.plot(epochs, _column(history, name), color=colour, linewidth=2.5, linestyle=style, label=label)
    ax.legend(fontsize=SMALL)
    return ax


def learning_rate(history: History, ax: Axes = None) -> Axes:
    """The learning rate over the epochs. Raises ValueError if there is no epoch."""
    epochs, rates = _column(history, "epoch"), _column(history, "rate")
    ax = _prepared(ax, "Learning rate", "epoch", "η")
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
    predicted = np.asarray(_numbers(predict(rows)), dtype=float)
    if predicted.size != len(rows):
        raise ValueError(
            f"a decision boundary is drawn of one ŷ for each of the rows, ({len(rows)},), not of {predicted.shape}: of "
            "several classes give the probability of one, predict=lambda rows: model(rows)[:, 0]"
        )
    predicted = predicted.reshape(GRID, GRID)
    ax = _prepared(ax, "Decision boundary", *map(_literal, features))
    ax.grid(False)
    levels = np.linspace(0.0, 1.0, 11)
    filled = ax.contourf(across, down, predicted, levels=levels, cmap=_diverging(), alpha=0.6, extend="both")
    if predicted.min() < 0.5 < predicted.max():
        ax.contour(across, down, predicted, levels=[0.5], colors="black", linewidths=2.5)
    for label, (marker, colour) in enumerate((("o", "#9C5700"), ("^", "#00466E"))):
        style = {"marker": marker, "c": colour, "edgecolors": "white", "linewidths": 0.6}
        ax.scatter(*x[y == label].T, s=45, label=_literal(classes[label]), zorder=3, **style)
    _colour_bar(ax, filled, "ŷ")
    ax.legend(fontsize=SMALL, framealpha=0.9)
    return ax


def filters(kernels: Array | Value, ax: Axes = None, name: str = "filter") -> Axes:
    """Filters as pictures: (n, height, width), or (n, 1, height, width) as a network has them.

    One scale for all, white at 0, with the numbers where they are few. `name` says what else they are, such as the
    weights of a hidden unit. Raises ValueError for another shape.
    """
    images = _images(kernels, "filters")
    largest = float(np.abs(images).max()) or 1.0
    ax = _prepared(ax, _literal(f"{name.capitalize()}s"))
    names = [f"{name} {i}" for i in range(1, len(images) + 1)]
    drawn = _panels(ax, list(images), names, cmap=_diverging(), vmin=-largest, vmax=largest)
    _write_numbers(ax, drawn, dark=lambda x: abs(x) > 0.6 * largest)
    _colour_bar(ax, drawn[0], "weight")
    return ax


def feature_maps(maps: Array | Value, image: Array | None = None, ax: Axes = None) -> Axes:
    """What the filters make of one image: maps (n, height, width), and the image itself, (height, width), before them.

    The maps have one scale. Raises ValueError for another shape.
    """
    images = _images(maps, "feature maps")
    ax = _prepared(ax, "Feature maps")
    names = [f"z of filter {i}" for i in range(1, len(images) + 1)]
    low, high = float(images.min()), float(images.max())
    first = [] if image is None else list(_images(np.asarray(image)[None], "an image"))
    drawn = _panels(ax, [*first, *images], ["image"] * len(first) + names, cmap="cividis", vmin=low, vmax=high)
    for shown in drawn[: len(first)]:
        shown.set(cmap="gray", clim=(float(first[0].min()), float(first[0].max())))
    _write_numbers(ax, drawn[len(first) :], dark=lambda x: x < 0.5 * (low + high))
    _colour_bar(ax, drawn[-1], "z")
    return ax


def gradient_norms(layers: Mapping[str, Value | Sequence[float]], ax: Axes = None) -> Axes:
    """How large the gradient is, layer by layer: where it vanishes, nothing is learnt.

    A layer is given by a Value after backward, which makes a bar of ‖.grad‖, or by its norms over the steps, a line;
    all in the same way. Raises ValueError if a Value has no gradient, or there is no layer.
    """
    if not layers:
        raise ValueError("gradient norms need at least one layer")
    bars = all(isinstance(layer, Value) for layer in layers.values())
    norms = {_literal(name): _norms(name, layer) for name, layer in layers.items()}
    ax = _prepared(ax, "Gradient norms", "layer" if bars else "step", "‖gradient‖")
    if bars:
        ax.bar(list(norms), [norm.item() for norm in norms.values()], color=BLUE)
    else:
        for i, (name, steps) in enumerate(norms.items()):
            style = ("-", "--", ":", "-.")[i // len(COLOURS) % 4]
            ax.plot(steps, style, color=COLOURS[i % len(COLOURS)], linewidth=2.5, label=name)
        ax.legend(fontsize=SMALL)
    if all(steps.min() > 0.0 for steps in norms.values()):
        ax.set_yscale("log")
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
    ax = _prepared(ax, "Counted and measured", "operations, counted", "seconds, measured")
    each = times[counts.argmax()] / counts.max()
    ends = np.array([counts.min(), counts.max()])
    engineering = _matplotlib("ticker").EngFormatter
    rounded = engineering(unit="s", places=1)
    ax.plot(ends, each * ends, color=VERMILION, linewidth=2.5, label=f"{rounded(each)} for each operation")
    ax.plot(counts, times, "o", color=BLUE, markersize=9, label="measured")
    for name, count, time in zip(_size_names(sizes), counts, times, strict=True):
        ax.annotate(
            _literal(name), (count, time), xytext=(-8, 6), textcoords="offset points", fontsize=SMALL, ha="right"
        )
    ax.set(xscale="log", yscale="log")
    ax.yaxis.set_major_formatter(engineering(unit="s"))
    ax.margins(0.15)
    ax.legend(fontsize=SMALL, loc="lower right")
    return ax


def figure(width: float = 12.0, height: float = 6.5) -> Figure:
    """An empty figure, in inches, that pyplot knows nothing of. Raises MissingExtra without matplotlib."""
    return _matplotlib("figure").Figure(figsize=(width, height), layout="constrained")


def rendered(drawn: Figure | Axes, suffix: str, title: str, description: str) -> bytes:
    """A figure as a PNG, SVG or PDF file, which says in words what it shows. Raises ValueError for another suffix."""
    if suffix not in FORMATS:
        raise ValueError(f"a plot is written to {', '.join(FORMATS)}, not {suffix or 'a file without ending'}")
    words = {"Title": title, "Subject" if suffix == ".pdf" else "Description": description}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
    content = io.BytesIO()
    with _matplotlib().rc_context({"svg.hashsalt": "microgradcnn"}):  # the same plot gives the same file
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


def _matplotlib(part: str = "") -> Any:
    name = f"matplotlib.{part}" if part else "matplotlib"
    return require(name, "plot", package="matplotlib", needed_by="a plot")


def _prepared(ax: Axes, title: str, across: str = "", up: str = "") -> Axes:
    """The axes, new ones if there are none, with a title and, unless they hold pictures, labels."""
    if ax is None:
        _, ax = _matplotlib("pyplot").subplots(figsize=(8.0, 5.5), layout="constrained")
    ax.set_title(title, fontsize=TITLE)
    if not across:
        ax.set_axis_off()
        return ax
    ax.set_xlabel(across, fontsize=LABEL)
    ax.set_ylabel(up, fontsize=LABEL)
    ax.tick_params(which="both", labelsize=SMALL)
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _literal(text: str) -> str:
    """A user's text, which is no mathematics even where it has dollars."""
    return text.replace("$", r"\$")


def _column(history: History, name: str) -> Array:
    if not len(history):
        raise ValueError("the history has no epoch to plot")
    return np.array([row[name] for row in history], dtype=float)


def _diverging() -> Any:
    colours = _matplotlib("colors").LinearSegmentedColormap
    return colours.from_list("orange and blue", ["#B35C00", "#F5B04D", "#FFFFFF", "#6FB3DE", "#00588A"])


def _numbers(given: Any) -> Any:
    return given.data if isinstance(given, Value) else given


def _images(given: Any, what: str) -> Array:
    images = np.asarray(_numbers(given), dtype=float)
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or not images.size:
        raise ValueError(f"{what} must have shape (n, height, width) or (n, 1, height, width), not {np.shape(given)}")
    return images


def _panels(ax: Axes, images: Sequence[Array], names: Sequence[str], **style: Any) -> list[Any]:
    """Images side by side, in rows if they are many, each under its name."""
    columns = math.ceil(len(images) / max(1, round(math.sqrt(len(images) / 2))))
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    gap, drawn = 0.25 * max(height, width), []
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        left, top = (i % columns) * (width + gap), (i // columns) * (height + 2.0 * gap)
        ax.text(left + width / 2, top - 0.2 * gap, _literal(name), fontsize=SMALL, ha="center", va="bottom")
        left, top = left + (width - image.shape[1]) / 2, top + (height - image.shape[0]) / 2
        extent = (left, left + image.shape[1], top + image.shape[0], top)
        drawn.append(ax.imshow(image, extent=extent, interpolation="nearest", **style))
    rows = math.ceil(len(images) / columns)
    ax.set_xlim(-0.2 * gap, columns * (width + gap) - 0.8 * gap)
    ax.set_ylim(rows * (height + 2.0 * gap) - 1.8 * gap, -1.2 * gap)
    ax.set_aspect("equal")
    return drawn


def _write_numbers(ax: Axes, drawn: Sequence[Any], dark: Callable[[float], bool]) -> None:
    """The number in each cell, white on dark colours, where there is room."""
    if max(*ax.get_xlim(), *ax.get_ylim()) > _NUMBERED:
        return
    for shown in drawn:
        left, _, _, top = shown.get_extent()
        for (i, j), x in np.ndenumerate(np.asarray(shown.get_array())):
            colour = "white" if dark(float(x)) else "black"
            place = (left + j + 0.5, top + i + 0.5)
            ax.text(*place, f"{x:.2f}".replace("-", "−"), fontsize=SMALL, ha="center", va="center", color=colour)


def _colour_bar(ax: Axes, shown: Any, label: str) -> None:
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    bar.ax.set_title(label, fontsize=LABEL)
    bar.ax.tick_params(labelsize=SMALL)


def _norms(name: str, layer: Value | Sequence[float]) -> Array:
    """The norm of a Value's gradient, or the norms that were given, at least one."""
    if not isinstance(layer, Value):
        norms = np.asarray(layer, dtype=float)
        if norms.ndim != 1 or not norms.size:
            raise ValueError(f"{name} needs a norm for each step, (steps,), not {norms.shape}")
        return norms
    if not layer.has_grad:
        raise ValueError(f"{name} has no gradient yet: call backward() first")
    return np.array([np.linalg.norm(np.ravel(layer.grad))])
