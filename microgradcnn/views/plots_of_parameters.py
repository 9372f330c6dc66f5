"""Plots of what a network learns with: its filters, feature maps, gradients, and its parameters over a training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.training.descent import Snapshot
from microgradcnn.training.loop import Training
from microgradcnn.views.figures import (
    BLUE,
    COLOURS,
    SMALL,
    VERMILION,
    Axes,
    Figure,
    colour_bar,
    diverging_colours,
    draw_panels,
    literal_text,
    logarithmic,
    matplotlib,
    numbers_of,
    prepared_axes,
    write_numbers,
)

BESIDE, SLANTED = 50, 12  # letters of names that have room beside each other below an axis, and names slanted there
LEAST = 8  # points of a legend with many names
NAMED = 16  # filters at most that have room for a name, not for a number only
MOMENTS, LINES = 6, 12  # snapshots whose filters are shown, and numbers of a parameter that have a line


def filters(kernels: Array | Value | Module | Network, ax: Axes = None, name: str = "filter") -> Axes:
    """Filters as pictures: (n, height, width), or (n, channels, height, width) as a layer has them.

    Of a layer, a model or a network those of its first weights that have some; of a linear layer each unit's weights,
    as a square if their number is one. One scale for all, white at 0, with the numbers where they are few; the channels
    of a filter stand side by side. `name` says what else they are, such as the weights of a hidden unit. Raises
    ValueError for another shape, and for a layer without weights.
    """
    given = _weights(kernels) if isinstance(kernels, Module | Network) else np.asarray(numbers_of(kernels), dtype=float)
    if given.ndim not in (3, 4) or not given.size:
        shapes = "(n, height, width) or (n, channels, height, width)"
        raise ValueError(f"filters must have shape {shapes}, not {given.shape}")
    images = [_mosaic(kernel) for kernel in given] if given.ndim == 4 else list(given)
    largest = float(np.abs(given).max()) or 1.0
    ax = prepared_axes(ax, literal_text(f"{name.capitalize()}s"))
    names = [f"{name} {i}" if len(images) <= NAMED else f"{i}" for i in range(1, len(images) + 1)]
    drawn = draw_panels(ax, images, names, cmap=diverging_colours(), vmin=-largest, vmax=largest)
    write_numbers(ax, drawn, dark=lambda x: abs(x) > 0.6 * largest)
    colour_bar(ax, drawn[0], "weight")
    return ax


def feature_maps(maps: Array | Value, image: Array | None = None, ax: Axes = None) -> Axes:
    """What the filters make of one image: maps (n, height, width), and the image itself, (height, width), before them.

    The maps have one scale. Raises ValueError for another shape.
    """
    images = _images(maps, "feature maps")
    ax = prepared_axes(ax, "Feature maps")
    names = [f"z of filter {i}" for i in range(1, len(images) + 1)]
    low, high = float(images.min()), float(images.max())
    first = [] if image is None else list(_images(np.asarray(image)[None], "an image"))
    drawn = draw_panels(ax, [*first, *images], ["image"] * len(first) + names, cmap="cividis", vmin=low, vmax=high)
    for shown in drawn[: len(first)]:
        shown.set(cmap="gray", clim=(float(first[0].min()), float(first[0].max())))
    write_numbers(ax, drawn[len(first) :], dark=lambda x: x < 0.5 * (low + high))
    colour_bar(ax, drawn[-1], "z")
    return ax


def gradient_norms(layers: Mapping[str, Value | Sequence[float]], ax: Axes = None) -> Axes:
    """How large the gradient is, layer by layer: where it vanishes, nothing is learnt.

    A layer is given by a Value after backward, which makes a point at ‖.grad‖, or by its norms over the steps, a line;
    all in the same way. The axis is logarithmic; a point that is 0 lies below it. Raises ValueError if a Value has no
    gradient, or there is no layer.
    """
    if not layers:
        raise ValueError("gradient norms need at least one layer")
    points = all(isinstance(layer, Value) for layer in layers.values())
    norms = {literal_text(name): _norms(name, layer) for name, layer in layers.items()}
    ax = prepared_axes(ax, "Gradient norms", "layer" if points else "step", "‖gradient‖")
    if points:
        _draw_points(ax, [norm.item() for norm in norms.values()], list(norms))
        return ax
    for i, (name, steps) in enumerate(norms.items()):
        style = ("-", "--", ":", "-.")[i // len(COLOURS) % 4]
        ax.plot(steps, style, color=COLOURS[i % len(COLOURS)], linewidth=2.5, label=name)
    ax.legend(fontsize=SMALL)
    if all(steps.min() > 0.0 for steps in norms.values()):
        logarithmic(ax)
    return ax


def training(run: Training) -> Figure:
    """The loss, the weights over the epochs, and filters at some of them, where there are filters.

    A parameter has a colour, and of its numbers some have a line; filters of one row are of one epoch. Needs a run that
    kept snapshots, `fit(..., snapshots=10)`: raises ValueError for one that has fewer than two.
    """
    if len(run.snapshots) < 2:
        raise ValueError("the run kept no parameters to plot: snapshots=10 keeps those of every tenth epoch")
    shown = next((name for name, data in run.snapshots[0].parameters.items() if data.ndim > 2), None)
    figure = matplotlib("figure").Figure(figsize=(12.0, 6.5), layout="constrained")
    axes = figure.subplot_mosaic([["loss", "filters"], ["weights", "filters"]] if shown else [["loss", "weights"]])
    loss = prepared_axes(axes["loss"], "Loss", "epoch", "loss")
    losses = [row["loss"] for row in run.history]
    loss.plot([row["epoch"] for row in run.history], losses, color=BLUE, linewidth=2.5)
    if min(losses) > 0.0:
        logarithmic(loss)
    _draw_weights(axes["weights"], run.snapshots)
    if shown is not None:
        _draw_moments(axes["filters"], run.snapshots, shown)
    return figure


def _draw_points(ax: Axes, norms: Sequence[float], names: Sequence[str]) -> None:
    """A point a layer; one whose norm is 0 is a triangle at the lower edge, with its number."""
    ax.set_xticks(range(len(names)), names)
    if sum(map(len, names)) > BESIDE:
        slope = 35 if len(names) <= SLANTED else 90
        ax.set_xticks(ax.get_xticks(), names, rotation=slope, ha="right", va="center", rotation_mode="anchor")
    ax.margins(x=0.1)
    positive = [(i, norm) for i, norm in enumerate(norms) if norm > 0.0]
    if positive:
        ax.plot(*zip(*positive, strict=True), "o", color=BLUE, markersize=11)
        logarithmic(ax)
    for i in (i for i, norm in enumerate(norms) if norm == 0.0):
        edge = ax.get_xaxis_transform()
        ax.plot([i], [0.03], "v", color=VERMILION, markersize=11, transform=edge)
        ax.text(i, 0.08, "0", fontsize=SMALL, ha="center", transform=edge)


def _draw_weights(ax: Axes, snapshots: Sequence[Snapshot]) -> None:
    """Lines of some numbers of every parameter, evenly chosen, over the epochs."""
    prepared_axes(ax, "Weights", "epoch", "weight")
    epochs = [snapshot.epoch for snapshot in snapshots]
    for i, name in enumerate(snapshots[0].parameters):
        numbers = np.stack([np.ravel(snapshot.parameters[name]) for snapshot in snapshots])
        some = np.unique(np.linspace(0, numbers.shape[1] - 1, LINES).astype(int))
        style = {"color": COLOURS[i % len(COLOURS)], "linestyle": ("-", "--", ":", "-.")[i // len(COLOURS) % 4]}
        lines = ax.plot(epochs, numbers[:, some], alpha=0.8, linewidth=1.8, **style)
        lines[0].set_label(literal_text(name))
    rows = ax.get_window_extent().height / ax.figure.dpi * 72.0 / (1.5 * SMALL)  # that a legend has room for
    many = len(snapshots[0].parameters) > rows
    beside = math.ceil(len(snapshots[0].parameters) / (rows * SMALL / LEAST)) if many else 1
    ax.legend(fontsize=LEAST if many else SMALL, ncols=beside, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _draw_moments(ax: Axes, snapshots: Sequence[Snapshot], name: str) -> None:
    """The filters of some epochs, a row for each, all on one scale."""
    chosen = [snapshots[i] for i in np.unique(np.linspace(0, len(snapshots) - 1, MOMENTS).astype(int))]
    rows = [snapshot.parameters[name] for snapshot in chosen]
    images = [_mosaic(kernel) if kernel.ndim == 3 else kernel for row in rows for kernel in row]
    largest = max(float(np.abs(row).max()) for row in rows) or 1.0
    prepared_axes(ax, literal_text(f"Filters, {name}"))
    count = len(rows[0])
    names = [f"epoch {chosen[i // count].epoch}" if i % count == 0 else "" for i in range(len(images))]
    drawn = draw_panels(ax, images, names, count, cmap=diverging_colours(), vmin=-largest, vmax=largest)
    colour_bar(ax, drawn[0], "weight")


def _weights(owner: Module | Network) -> Array:
    """The first weights that are filters, (n, channels, height, width); else of the first layer, a picture a unit."""
    named = owner.named_parameters() if isinstance(owner, Module) else owner.parameters.items()
    found = [np.asarray(p.data, dtype=float) for _, p in named]
    weights = next((w for w in found if w.ndim > 2), next((w for w in found if w.ndim == 2), None))
    if weights is None:
        raise ValueError(f"{type(owner).__name__} has no weights that are filters")
    if weights.ndim == 2:
        side = math.isqrt(weights.shape[1])
        return weights.reshape(len(weights), *((side, side) if side**2 == weights.shape[1] else (1, -1)))
    return weights[:, :, None] if isinstance(owner, Module) and weights.ndim == 3 else weights


def _mosaic(kernel: Array) -> Array:
    """The channels of a filter, (channels, height, width), as one picture, with a gap between any two."""
    channels, height, width = kernel.shape
    if channels == 1:
        return kernel[0]
    columns = math.ceil(math.sqrt(channels))
    rows = -(-channels // columns)
    whole = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for i, channel in enumerate(kernel):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        whole[top : top + height, left : left + width] = channel
    return whole


def _images(given: Any, what: str) -> Array:
    images = np.asarray(numbers_of(given), dtype=float)
    if images.ndim == 4 and images.shape[1] == 1:
        images = images[:, 0]
    if images.ndim != 3 or not images.size:
        raise ValueError(f"{what} must have shape (n, height, width) or (n, 1, height, width), not {np.shape(given)}")
    return images


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
