"""What plots share: axes with titles that can be read from the last row, pictures side by side, colours."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.extras import require

Axes: TypeAlias = Any  # matplotlib.axes.Axes; this module is imported without matplotlib
Figure: TypeAlias = Any  # matplotlib.figure.Figure

BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#000000")
TITLE, LABEL, SMALL = 17, 15, 13  # points, to be read from the last row
_NUMBERED = 14  # cells to a side, at most, in which numbers are still readable


def matplotlib(part: str = "") -> ModuleType:
    """Matplotlib, or a module of it. Raises MissingExtra without the extra `plot`."""
    name = f"matplotlib.{part}" if part else "matplotlib"
    return require(name, "plot", package="matplotlib", needed_by="a plot")


def prepared_axes(ax: Axes, title: str, across: str = "", up: str = "") -> Axes:
    """The axes, new ones if there are none, with a title and, unless they hold pictures, labels."""
    if ax is None:
        _, ax = matplotlib("pyplot").subplots(figsize=(8.0, 5.5), layout="constrained")
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


def logarithmic(ax: Axes) -> None:
    """Make the upward axis logarithmic, with numbers as people write them, 0.5 and no 5 × 10⁻¹, if they are not far."""
    ticker = matplotlib("ticker")
    ax.set_yscale("log")
    low, high = ax.get_ylim()
    if low > 1e-3 and high < min(1e5, 100.0 * low):
        ax.yaxis.set_minor_locator(ticker.LogLocator(subs=(2.0, 5.0)))  # or others, of a narrow axis
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")


def literal_text(text: str) -> str:
    """A user's text, which is no mathematics even where it has dollars."""
    return text.replace("$", r"\$")


def diverging_colours() -> Any:
    """The colour map of signed numbers, white at 0."""
    colours = matplotlib("colors").LinearSegmentedColormap
    return colours.from_list("orange and blue", ["#B35C00", "#F5B04D", "#FFFFFF", "#6FB3DE", "#00588A"])


def numbers_of(given: Any) -> Any:
    """The numbers of a Value; anything else as it is."""
    return given.data if isinstance(given, Value) else given


def draw_panels(
    ax: Axes, images: Sequence[Array], names: Sequence[str], columns: int | None = None, **style: Any
) -> list[Any]:
    """Images side by side, each under its name; in rows of so many `columns`, or so that all are twice as wide as high.

    Strips are in more rows than squares.
    """
    height, width = (max(image.shape[axis] for image in images) for axis in (0, 1))
    gap, drawn = 0.25 * max(height, width), []
    longer = (width + gap) / (height + 2.0 * gap) / (1.25 / 1.5)  # than a square with its gaps
    columns = columns or math.ceil(len(images) / max(1, round(math.sqrt(len(images) / 2 * longer))))
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        left, top = (i % columns) * (width + gap), (i // columns) * (height + 2.0 * gap)
        ax.text(left + width / 2, top - 0.2 * gap, literal_text(name), fontsize=SMALL, ha="center", va="bottom")
        left, top = left + (width - image.shape[1]) / 2, top + (height - image.shape[0]) / 2
        extent = (left, left + image.shape[1], top + image.shape[0], top)
        drawn.append(ax.imshow(image, extent=extent, interpolation="nearest", **style))
    rows = math.ceil(len(images) / columns)
    ax.set_xlim(-0.2 * gap, columns * (width + gap) - 0.8 * gap)
    ax.set_ylim(rows * (height + 2.0 * gap) - 1.8 * gap, -1.2 * gap)
    ax.set_aspect("equal")
    return drawn


def write_numbers(ax: Axes, drawn: Sequence[Any], dark: Callable[[float], bool]) -> None:
    """The number in each cell, white on dark colours, where there is room."""
    if max(*ax.get_xlim(), *ax.get_ylim()) > _NUMBERED:
        return
    for shown in drawn:
        left, _, _, top = shown.get_extent()
        for (i, j), x in np.ndenumerate(np.asarray(shown.get_array())):
            if np.isnan(x):
                continue
            colour = "white" if dark(float(x)) else "black"
            place = (left + j + 0.5, top + i + 0.5)
            ax.text(*place, f"{x:.2f}".replace("-", "−"), fontsize=SMALL, ha="center", va="center", color=colour)


def colour_bar(ax: Axes, shown: Any, label: str) -> None:
    """A colour bar beside the axes, its label above it."""
    bar = ax.figure.colorbar(shown, ax=ax, shrink=0.8)
    bar.ax.set_title(label, fontsize=LABEL)
    bar.ax.tick_params(labelsize=SMALL)
