"""A network drawn as the lecture draws it: an image with its pixels, the filter sliding over it, the z's, the output.

An SVG that needs nothing around it. The filter slides by CSS alone; it stands still in print, and where the reader's
system asks for less motion.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.networks import ConvNetwork, Example, Network, SingleLayer
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.formulas.expression import Expr, equation, symbol
from microgradcnn.views.formulas.typeset import Run, typeset, width

CELL, GAP, SPACING, RADIUS = 46.0, 88.0, 34.0, 19.0
MOST_SHOWN = 7  # inputs or hidden units; of more, the first ones and the last are drawn
SECONDS = 2  # that the filter stays in a place

Point = tuple[float, float]

_STYLE = """
.schematic{color:#1b1f24;background:#fff;color:var(--ink,#1b1f24);background:var(--paper,#fff);max-width:100%;height:auto}
.schematic text{font:15px "STIX Two Text","Times New Roman",Times,"Liberation Serif",serif;fill:currentColor;
text-anchor:middle}
.schematic text.weight{paint-order:stroke;stroke:#fff;stroke:var(--paper,#fff);stroke-width:4px;stroke-linejoin:round}
.schematic .i{font-style:italic}.schematic .s{font-size:72%}
.schematic text.title{font:13px Helvetica,Arial,"Liberation Sans",sans-serif;opacity:.75}
.schematic text.formula{text-anchor:start}
.schematic rect,.schematic circle{fill:none;stroke:currentColor;stroke-width:1.2}
.schematic line{stroke:currentColor;stroke-width:1.1;opacity:.55}
.schematic .filter-1{stroke:#0072b2;fill:#0072b226}.schematic .filter-2{stroke:#d55e00;fill:#d55e0026}
.schematic .filter-3{stroke:#009e73;fill:#009e7326}
.schematic .window{stroke-width:4;fill:#f0e44266}
.schematic .lit{stroke-width:4}
.schematic .at{opacity:0}.schematic .at-1{opacity:1}
"""


def schematic(network: Network, equations: bool = True) -> str:
    """The drawing of a network, as an <svg> element with an alternative text.

    With the `equations` below it, of the place that the filter is in, the filter slides.
    """
    example = network.example(np.zeros(network.inputs), 0.0)
    drawing = _Drawing(Graph(example.loss), equations)
    if isinstance(network, SingleLayer):
        _draw_layer(drawing, network, example)
        about, places = f"{network.m} inputs, {network.k} hidden units, one output", 1
    else:
        assert isinstance(network, ConvNetwork)
        _draw_convolution(drawing, network, example)
        rows, columns = network.positions
        about, places = _about(network), rows * columns
    return drawing.svg(f"The network {network.name}: {about}.", places if equations else 1)


def sliding(network: Network, name: str) -> str:
    """The drawing with buttons that put the filter in its places, one by one, as HTML; `name` is the element's id."""
    if isinstance(network, SingleLayer):
        return f'<figure class="network" id="{name}"><div class="wide">{schematic(network)}</div></figure>'
    assert isinstance(network, ConvNetwork)
    places = math.prod(network.positions)
    radios = "".join(
        f'<label><input type="radio" name="{name}-place" value="{i}"{" checked" if i == 0 else ""}>'
        f"{i if i else 'slide'}</label>"
        for i in range(places + 1)
    )
    still = f"#{name}:has(input:checked:not([value='0'])) .at{{animation:none;opacity:0}}"
    chosen = "".join(
        f"#{name}:has(input[value='{i}']:checked) .at-{i}{{animation:none;opacity:1}}" for i in range(1, places + 1)
    )
    return (
        f'<figure class="network" id="{name}"><style>{still}{chosen}</style>'
        f'<div class="wide">{schematic(network)}</div>'
        f'<fieldset class="places"><legend>Window</legend>{radios}</fieldset></figure>'
    )


def _about(network: ConvNetwork) -> str:
    height, across = network.image
    filters = f"{network.filters} filter{'s' * (network.filters > 1)} of {network.kernel[0]}×{network.kernel[1]}"
    pooled = ", averaged" if network.pooling else ", flattened"
    head = ", weighed and added up" if network.linear else ", averaged again" if network.filters > 1 else ""
    places = math.prod(network.positions)
    return f"{filters} over an image of {height}×{across} pixels: {places} z's each{pooled}{head}"


class _Drawing:
    """Shapes and formulas that are put down one after the other."""

    def __init__(self, graph: Graph, equations: bool) -> None:
        self.graph, self.equations = graph, equations
        self.pieces: list[str] = []
        self.labels: list[str] = []  # above all else
        self.size = (0.0, 0.0)

    def svg(self, about: str, places: int) -> str:
        wide, high = (math.ceil(x) for x in self.size)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="schematic" width="{wide}" height="{high}" '
            f'style="--width:{wide}px" viewBox="0 0 {wide} {high}" role="img" '
            f'aria-label="{escape(about)}"><title>{escape(about)}</title>'
            f"<style>{_STYLE}{_slides(places) if places > 1 else ''}</style>"
            f"{''.join([*self.pieces, *self.labels])}</svg>"
        )

    def grow(self, x: float, y: float) -> None:
        self.size = max(self.size[0], x), max(self.size[1], y)

    def rect(self, x: float, y: float, wide: float, high: float, kind: str = "") -> None:
        self.pieces.append(
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="3"/>'
        )
        self.grow(x + wide + 12, y + high + 12)

    def circle(self, at: Point, name: str, kind: str = "", radius: float = RADIUS) -> None:
        self.pieces.append(f'<circle class="{kind}" cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"/>')
        self.label(at, name)
        self.grow(at[0] + radius + 12, at[1] + radius + 12)

    def line(self, start: Point, end: Point) -> None:
        (x, y), (u, v) = start, end
        self.pieces.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}"/>')

    def label(self, at: Point, name: str, kind: str = "") -> None:
        self.labels.append(_text(at, typeset(symbol(name)), kind))

    def title(self, at: Point, words: str) -> None:
        self.labels.append(_text(at, [Run(words)], "title"))

    def formula(self, at: Point, *formulas: Expr) -> None:
        """Equations in a row, from `at` to the right, if there are to be any."""
        if not self.equations:
            return
        runs: list[Run] = []
        for formula in formulas:
            runs += [*([Run(",   ")] if runs else []), *typeset(formula)]
        self.pieces.append(_text(at, runs, "formula"))
        self.grow(at[0] + 1.06 * width(runs, 15.0) + 12, at[1] + 20)

    def equation(self, node: Value) -> Expr:
        """A node's name and what it is computed from."""
        return equation(self.graph.names[node], self.graph.definition(node))

    def open(self, kind: str) -> None:
        self.pieces.append(f'<g class="{kind}">')

    def close(self) -> None:
        self.pieces.append("</g>")

    def grid(self, corner: Point, names: Sequence[str], columns: int, cell: float, kind: str = "") -> list[Point]:
        """Cells with names, row by row; the middle of each. Names that would not fit are left out."""
        middles = []
        for i, name in enumerate(names):
            x, y = corner[0] + i % columns * cell, corner[1] + i // columns * cell
            self.rect(x, y, cell, cell, kind)
            middles.append((x + cell / 2, y + cell / 2))
            if cell >= 26:
                self.label(middles[-1], name)
        return middles


def _slides(places: int) -> str:
    """The animation in which one of several places is seen at a time."""
    delays = "".join(f".schematic .at-{i + 1}{{animation-delay:{SECONDS * i}s}}" for i in range(places))
    return (
        f"@keyframes slide-{places}{{0%{{opacity:1}}{100 / places:.4g}%{{opacity:0}}100%{{opacity:0}}}}"
        "@media screen and (prefers-reduced-motion:no-preference){.schematic .at-1{opacity:0}"
        f".schematic .at{{animation:slide-{places} {SECONDS * places}s step-end infinite}}{delays}}}"
    )


def _draw_convolution(drawing: _Drawing, network: ConvNetwork, example: Example) -> None:
    (height, across), (tall, wide), (rows, columns) = network.image, network.kernel, network.positions
    count, filters = rows * columns, network.filters
    cell = min(CELL, 6 * CELL / max(height, across))
    small = min(cell, 40.0)
    block = max(tall, rows) * small + 44
    if not network.pooling:
        block = max(block, count * SPACING + 10)
    middle = 40 + max(height * cell, filters * block - 44) / 2
    centres = [middle + (i - (filters - 1) / 2) * block for i in range(filters)]
    image = (16.0, middle - height * cell / 2)
    kernels = image[0] + across * cell + GAP
    maps = kernels + wide * small + GAP
    features_at = maps + columns * small + GAP
    outputs = features_at + (GAP + 40 if network.linear or filters > 1 else 0.0)
    drawing.title((image[0] + across * cell / 2, 16), "image")
    drawing.title((kernels + wide * small / 2, 16), "filter" if filters == 1 else "filters")
    drawing.title((maps + columns * small / 2, 16), "z = σ(a)")
    drawing.title((features_at, 16), "average" if network.pooling else "flattened")
    drawing.grid(image, [str(p.label) for p in example.inputs], across, cell)
    labels = list(example.parameters)
    size = tall * wide
    z_middles: list[Point] = []
    features: list[Point] = []
    for i, y in enumerate(centres):
        kind = f"filter-{i % 3 + 1}"
        drawing.grid((kernels, y - tall * small / 2), labels[i * size : (i + 1) * size], wide, small, kind)
        names = [str(z.label) for z in example.z[i * count : (i + 1) * count]]
        z_middles += drawing.grid((maps, y - rows * small / 2), names, columns, small, kind)
        right = maps + columns * small
        if network.pooling:
            features.append((features_at, y))
            drawing.line((right, y), (features_at - RADIUS, y))
            if filters > 1 or network.linear:
                drawing.circle(features[-1], f"z_bar_{i + 1}" if filters > 1 else "z_bar", kind)
        else:
            for j, name in enumerate(names):
                features.append((features_at, y + (j - (count - 1) / 2) * SPACING))
                drawing.line((right, y), (features_at - 14, features[-1][1]))
                drawing.circle(features[-1], name, kind, 14)
    radius = RADIUS if network.pooling else 14.0
    _draw_head(drawing, features, radius, (outputs, middle), labels[filters * size :])
    _draw_places(drawing, network, example, image, cell, small, z_middles, [(kernels, y) for y in centres])


def _draw_head(drawing: _Drawing, features: list[Point], radius: float, output: Point, weights: Sequence[str]) -> None:
    """The lines from the features to ŷ, with their weights."""
    for i, (x, y) in enumerate(features):
        if (x, y) != output:
            start, end = (x + radius, y), (output[0] - RADIUS, output[1])
            drawing.line(start, end)
            if weights and len(weights) <= 8:
                drawing.label(_between(start, end, 0.4), weights[i], "weight")
    drawing.circle(output, "y_hat", "output")
    drawing.title((output[0], output[1] + RADIUS + 14), "output")


def _draw_places(
    drawing: _Drawing,
    network: ConvNetwork,
    example: Example,
    image: Point,
    cell: float,
    small: float,
    z_middles: list[Point],
    kernels: list[Point],
) -> None:
    """For every place of the window: the window, the z's that it gives, and their equations; and ŷ and f below."""
    (tall, wide), (rows, columns) = network.kernel, network.positions
    count, below = rows * columns, drawing.size[1] + 16
    for i in range(count):
        x, y = image[0] + i % columns * cell, image[1] + i // columns * cell
        drawing.open(f"at at-{i + 1}")
        drawing.rect(x, y, wide * cell, tall * cell, "window")
        for j in range(network.filters):
            u, v = z_middles[j * count + i]
            drawing.line((x + wide * cell, y + tall * cell / 2), (kernels[j][0] - 2, kernels[j][1]))
            drawing.line((kernels[j][0] + wide * small, kernels[j][1]), (u - small / 2, v))
            drawing.rect(u - small / 2, v - small / 2, small, small, f"filter-{j % 3 + 1} lit")
            z = example.z[j * count + i]
            drawing.formula((16, below + j * 26), drawing.equation(z.parents[0]), drawing.equation(z))
        drawing.close()
    _draw_loss(drawing, example, below + network.filters * 26)


def _draw_loss(drawing: _Drawing, example: Example, y: float) -> None:
    drawing.formula((16, y), drawing.equation(example.prediction))
    drawing.formula((16, y + 26), drawing.equation(example.loss))


def _draw_layer(drawing: _Drawing, network: SingleLayer, example: Example) -> None:
    rows = network.labels("S")
    inputs, hidden = list(_some(network.m)), list(_some(network.k))
    high = 62.0 * max(len(inputs), len(hidden))
    left, middle, right = 40.0, 250.0, 430.0
    xs = {i: (left, y) for i, y in zip(inputs, _spread(len(inputs), high), strict=True)}
    zs = {j: (middle, y) for j, y in zip(hidden, _spread(len(hidden), high), strict=True)}
    output = (right, 40 + high / 2)
    drawing.title((left, 16), "inputs")
    drawing.title((middle, 16), "z = σ(a)")
    drawing.title((right, 16), "output")
    few = len(xs) * len(zs) <= 12
    for j, (x, y) in zs.items():
        for i, (u, v) in xs.items():
            if i is None or j is None:
                continue
            start, end = (u + RADIUS, v), (x - RADIUS, y)
            drawing.line(start, end)
            if few:
                drawing.label(_between(start, end, 0.74 - 0.16 * (i % 3)), rows[j * network.m + i], "weight")
        if j is not None:
            drawing.line((x + RADIUS, y), (output[0] - RADIUS, output[1]))
            drawing.label(_between((x, y), output, 0.4), f"w_{j + 1}", "weight")
    for letter, places, kind in (("x", xs, ""), ("z", zs, "filter-1")):
        for i, at in places.items():
            if i is None:
                drawing.title(at, "⋮")
            else:
                drawing.circle(at, f"{letter}_{i + 1}", kind)
    drawing.circle(output, "y_hat", "output")
    below = drawing.size[1] + 16
    shown = [z for j, z in enumerate(example.z) if j in zs] if network.m <= MOST_SHOWN else []
    for z in shown:
        drawing.formula((16, below), drawing.equation(z.parents[0]), drawing.equation(z))
        below += 26
    _draw_loss(drawing, example, below)


def _some(count: int) -> Iterable[int | None]:
    """The numbers of those that are drawn; None stands for the dots in the place of the others."""
    if count <= MOST_SHOWN:
        return range(count)
    return [*range(MOST_SHOWN - 2), None, count - 1]


def _spread(count: int, high: float) -> list[float]:
    return [40 + high * (i + 0.5) / count for i in range(count)]


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _text(at: Point, runs: Sequence[Run], kind: str = "") -> str:
    pieces, level = [], 0
    for run in runs:
        dy = {-1: 4.0, 0: 0.0, 1: -6.0}[run.level] - {-1: 4.0, 0: 0.0, 1: -6.0}[level]
        level = run.level
        kinds = " ".join([*(["i"] if run.italic else []), *(["s"] if run.level else [])])
        pieces.append(f'<tspan class="{kinds}"{f""" dy="{dy:g}" """ if dy else ""}>{escape(run.text)}</tspan>')
    return f'<text class="{kind}" x="{at[0]:.1f}" y="{at[1] + 5:.1f}">{"".join(pieces)}</text>'
