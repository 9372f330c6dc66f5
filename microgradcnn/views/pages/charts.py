"""Small charts of a page, as SVG text that needs no library: curves of a loss, bars, arrays as tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.drawing.colours import value_scale

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640.0, 292.0, 56.0, 20.0, 616.0, 230.0
POINTS = 300  # of a curve, at most
TILE = 26.0
HIGH = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def curves(losses: Mapping[str, Sequence[float]], about: str, step: str = "epochs") -> str:
    """Losses over the steps, on a logarithmic scale, and a legend, as HTML.

    Only positive, finite numbers have a place in it. Raises ValueError if there are none.
    """
    known = [loss for each in losses.values() for loss in each if 0.0 < loss < math.inf]
    if not known:
        raise ValueError(f"a chart of losses needs one above 0: {', '.join(losses) or 'nothing'} has none")
    low, high = math.floor(math.log10(min(known))), math.ceil(math.log10(max(known)))
    high = max(high, low + 1)
    longest = max(max(map(len, losses.values())) - 1, 1)

    def x(i: float) -> float:
        return LEFT + (RIGHT - LEFT) * i / longest

    def y(loss: float) -> float:
        return TOP + (BOTTOM - TOP) * (high - math.log10(loss)) / (high - low)

    pieces = [_open("chart", WIDTH, HEIGHT, about)]
    for power in range(low, high + 1):
        at = y(10.0**power)
        pieces.append(f'<line class="grid" x1="{LEFT:g}" x2="{RIGHT:g}" y1="{at:.1f}" y2="{at:.1f}"/>')
        pieces.append(_text(LEFT - 6, at + 5, _power(power), "end"))
    pieces += [_text(x(i), BOTTOM + 30, f"{i}", "middle") for i in range(0, longest + 1, _apart(longest))]
    pieces += [_text(RIGHT, BOTTOM + 56, step, "end"), _text(LEFT + 8, TOP - 6, "loss", "start")]
    for number, each in enumerate(losses.values(), start=1):
        places = np.unique(np.linspace(0, len(each) - 1, min(len(each), POINTS)).astype(int)).tolist()
        points = " ".join(f"{x(i):.1f},{y(each[i]):.1f}" for i in places if 0.0 < each[i] < math.inf)
        pieces.append(f'<polyline class="series-{number}" points="{points}"/>')
    legend = " ".join(f'<span class="series-{i}">{escape(name)}</span>' for i, name in enumerate(losses, start=1))
    return f'{"".join(pieces)}</svg><p class="legend">{legend}</p>'


def bars(shares: Mapping[str, float], about: str, least: float = 0.5) -> str:
    """Shares from `least` to 1 as bars with their names and numbers, as HTML that fits any width."""
    rows = "".join(
        f'<span>{escape(name)}</span><span><i style="width:{80.0 * max(0.0, share - least) / (1.0 - least):.1f}%"></i>'
        f"{share:.2f}</span>"
        for name, share in shares.items()
    )
    rows += f"<span></span><small>bars begin at {least:g}</small>"
    return f'<div class="bars" role="img" aria-label="{escape(about, quote=True)}">{rows}</div>'


def tiles(array: Array, name: str, grey: bool = False) -> str:
    """A small array as tiles, orange below 0 and blue above, with its numbers; or grey, from 0 to 1, without them."""
    grid = np.atleast_2d(np.asarray(array, dtype=float))
    rows, columns = grid.shape
    scale = value_scale(float(np.abs(grid).max()))
    size = TILE if grey else 1.7 * TILE
    listed = "; ".join(", ".join(_number(v) for v in row) for row in grid.tolist())
    pieces = [_open("tiles", columns * size, rows * size, f"{name}: {listed}")]
    for i, row in enumerate(grid.tolist()):
        for j, v in enumerate(row):
            level = round(255 * min(1.0, max(0.0, v)))
            fill = f"#{level:02x}{level:02x}{level:02x}" if grey else scale.colour(v)
            pieces.append(f'<rect x="{j * size:g}" y="{i * size:g}" width="{size:g}" height="{size:g}" fill="{fill}"/>')
            if not grey:
                pieces.append(_text((j + 0.5) * size, (i + 0.5) * size + 5, _number(v), "middle"))
    return f'<figure class="tiles">{"".join(pieces)}</svg><figcaption>{escape(name)}</figcaption></figure>'


def _apart(longest: int) -> int:
    """A round number that goes into `longest` at most six times."""
    ten = 10 ** max(0, math.floor(math.log10(longest)) - 1)
    return next(k * ten for k in (1, 2, 5, 10, 20) if longest <= 6 * k * ten)


def _power(power: int) -> str:
    """A power of ten as it is read best: 0.01, 1000, 10⁻⁶."""
    return f"{10.0**power:g}" if -3 < power < 4 else "10" + str(power).translate(HIGH)


def _number(v: float) -> str:
    return f"{v:.2f}".replace("-", "−")


def _open(kind: str, wide: float, high: float, about: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{kind}" width="{wide:g}" height="{high:g}" '
        f'viewBox="0 0 {wide:g} {high:g}" role="img" aria-label="{escape(about, quote=True)}">'
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
