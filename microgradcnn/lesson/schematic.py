"""A network drawn as the lecture draws it: pixels with the filter sliding over them, or inputs, z's, the output.

An SVG that needs nothing around it. The filter slides by CSS alone; it stands still in print, and where the reader's
system asks for less motion.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import singledispatch
from html import escape

import numpy as np

from microgradcnn.engine.value import Value
from microgradcnn.lesson.layers import (
    Point,
    added,
    between,
    free_place,
    image_of,
    incoming,
    layers,
    lie_over_one_another,
    shown,
    stacked,
    told,
)
from microgradcnn.networks import ConvNetwork, Example, Network
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.drawing.svg import tspans
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr, equation, symbol
from microgradcnn.views.formulas.typeset import Run, shortened, typeset, width
from microgradcnn.views.pages.assets import asset

CELL, GAP, SPACING, RADIUS = 46.0, 64.0, 34.0, 19.0
LONGEST_TITLE = 12  # characters of a formula over a layer
MOST_SHOWN = 7  # inputs or hidden units; of more, the first ones and the last are drawn
SHARES = (0.66, 0.34, 0.5, 0.42, 0.74, 0.58, 0.26)  # of a line, where its label may stand
LONGEST_FORMULA = 620.0  # of which more would make all else small
LETTERS = 15.0  # how high they are
WIDER = 1.28  # some serif fonts than Times
SECONDS = 2  # that the filter stays in a place


def schematic(network: Network, equations: bool = True) -> str:
    """The drawing of a network, as an <svg> element with an alternative text.

    Nothing for what is none in scalars, and where the names of weights would lie on one another. With the `equations`
    below it, of the place that the filter is in, the filter slides.
    """
    return _schematic(network, equations)[0]


def sliding(network: Network, name: str, loss: bool = True) -> str:
    """The drawing with buttons that put the filter in its places, as HTML with the id `name`; or without the loss."""
    picture, places = _schematic(network, equations=True, loss=loss)
    if not picture:
        return ""
    picture = f'<div class="wide">{picture}</div>'
    if places == 1:
        return f'<figure class="network" id="{name}">{picture}</figure>'
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
        f'<fieldset class="places"><legend>Window</legend>{radios}</fieldset>{picture}</figure>'
    )


def _schematic(network: Network, equations: bool, loss: bool = True) -> tuple[str, int]:
    """The drawing, and in how many places its filter can be, 1 if there is none."""
    if not network.scalar:
        return "", 1
    x, y = network.drawn_rows(1, np.random.default_rng(0))
    example = network.example(x[0], float(np.ravel(y)[0]))
    if not (example.inputs and example.outputs and all(v.label for v in example.outputs)):
        return "", 1
    drawing = _Drawing(Graph(example.loss), equations, loss)
    about, places = _put(network, drawing, example)
    if lie_over_one_another(drawing.weights, LETTERS):
        return "", 1
    return drawing.svg(f"The network {network.name}: {about}.", places if equations else 1), places


class _Drawing:
    """Shapes and formulas that are put down one after the other."""

    def __init__(self, graph: Graph, equations: bool, loss: bool) -> None:
        self.graph, self.equations, self.loss = graph, equations, loss
        self.pieces: list[str] = []
        self.labels: list[str] = []  # above all else
        self.weights: list[tuple[Point, float]] = []  # the middles of their names, and how wide these are
        self.size = (0.0, 0.0)

    def svg(self, about: str, places: int) -> str:
        wide, high = (math.ceil(x) for x in self.size)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="schematic" width="{wide}" height="{high}" '
            f'style="--width:{wide}px;--height:{high}px" viewBox="0 0 {wide} {high}" role="img" '
            f'aria-label="{escape(about)}"><title>{escape(about)}</title>'
            f"<style>\n{asset('lesson/schematic.css')}{_slides(places) if places > 1 else ''}</style>"
            f"{''.join([*self.pieces, *self.labels])}</svg>"
        )

    def grow(self, x: float, y: float) -> None:
        self.size = max(self.size[0], x), max(self.size[1], y)

    def rect(self, x: float, y: float, wide: float, high: float, kind: str = "", of: str = "") -> None:
        size = f'width="{wide:.1f}" height="{high:.1f}" rx="3"'
        self.pieces.append(f'<rect class="{kind}"{_data("of", of)} x="{x:.1f}" y="{y:.1f}" {size}/>')
        self.grow(x + wide + 12, y + high + 12)

    def circle(self, at: Point, name: str, kind: str = "", radius: float = RADIUS, mean_of: Sequence[str] = ()) -> None:
        middle = f'cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="{radius:g}"'
        self.pieces.append(f'<circle class="{kind}"{_data("of", name)}{_data("mean", " ".join(mean_of))} {middle}/>')
        self.label(at, name)
        self.grow(at[0] + radius + 12, at[1] + radius + 12)

    def line(self, start: Point, end: Point, weight: str = "") -> None:
        (x, y), (u, v) = start, end
        self.pieces.append(f'<line{_data("weight", weight)} x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}"/>')

    def label(self, at: Point, name: str, kind: str = "", before: str = "") -> None:
        runs = [*([Run(before)] if before else []), *typeset(symbol(name))]
        self.labels.append(_text(at, runs, kind, name))
        if kind == "weight":
            self.weights.append((at, width(runs, LETTERS)))

    def title(self, at: Point, words: str) -> None:
        self.labels.append(_text(at, [Run(words)], "title"))

    def formula(self, at: Point, *formulas: Expr) -> None:
        """Equations in a row, from `at` to the right, if there are to be any."""
        if not self.equations:
            return
        runs: list[Run] = []
        for formula in formulas:
            runs += [*([Run(",   ")] if runs else []), *typeset(formula)]
        runs = shortened(runs, 15.0, LONGEST_FORMULA)
        self.pieces.append(_text(at, runs, "formula"))
        self.grow(at[0] + WIDER * width(runs, 15.0) + 12, at[1] + 20)

    def equation(self, node: Value) -> Expr:
        """A node's name and what it is computed from."""
        return equation(self.graph.names[node], self.graph.definition(node))

    def equations_of(self, node: Value) -> list[Expr]:
        """A node's equation, after that of the sum that it is a function of, if that has a name."""
        sums = [p for p in node.parents if p in self.graph.names and p.op is not None and len(node.parents) == 1]
        return [self.equation(each) for each in (*sums, node)]

    def grid(
        self, corner: Point, names: Sequence[str], columns: int, cell: float, kind: str = "", label: str = ""
    ) -> list[Point]:
        """Cells with names, row by row; the middle of each. Names that would not fit are left out."""
        middles = []
        for i, name in enumerate(names):
            x, y = corner[0] + i % columns * cell, corner[1] + i // columns * cell
            self.rect(x, y, cell, cell, kind, name)
            middles.append((x + cell / 2, y + cell / 2))
            if cell >= 26:
                self.label(middles[-1], name, label)
        return middles


def _slides(places: int) -> str:
    """The animation in which one of several places is seen at a time."""
    delays = "".join(f".schematic .at-{i + 1}{{animation-delay:{SECONDS * i}s}}" for i in range(places))
    return (
        f"@keyframes slide-{places}{{0%{{opacity:1}}{100 / places:.4g}%{{opacity:0}}100%{{opacity:0}}}}"
        "@media screen and (prefers-reduced-motion:no-preference){.schematic .at-1{opacity:0}"
        f".schematic .at{{animation:slide-{places} {SECONDS * places}s step-end infinite}}{delays}}}"
    )


@singledispatch
def _put(network: Network, drawing: _Drawing, example: Example) -> tuple[str, int]:
    """Put a network down, in layers as its graph has them: what it is in words, and the places of its filter."""
    sources, image = incoming(example), image_of(network, example)
    columns = layers(example, sources)
    places = _placed(drawing, example, columns, image)
    few = sum(len(sources[unit]) for unit in columns[1] if unit in sources) <= 12
    weights, taken = {*example.parameters.values()}, list[Point]()
    for unit in filter(places.__contains__, sources):
        if few or unit in example.outputs:
            for sign, bias in added(unit, sources, weights)[:1]:
                taken.append((places[unit][0], places[unit][1] - RADIUS - 11))
                drawing.label(taken[-1], bias, "weight", f"{sign} ")
    for layer in columns[1:]:
        for unit in filter(places.__contains__, layer):
            for source, weight in sources.get(unit, {}).items():
                if source in places:
                    (u, v), (x, y) = places[source], places[unit]
                    start, end = (u if image and source in example.inputs else u + RADIUS, v), (x - RADIUS, y)
                    drawing.line(start, end, weight)
                    if weight and (few or len(layer) == 1):
                        shares = (0.37, *SHARES) if len(layer) == 1 else SHARES
                        taken.append(free_place(start, end, shares, taken))
                        drawing.label(taken[-1], weight, "weight")
    for unit, at in places.items():
        kind = "output" if unit in example.outputs else "" if unit in example.inputs else "filter-1"
        if not (image and unit in example.inputs):
            drawing.circle(at, str(unit.label), kind)
    if image:
        cell = min(CELL, 6 * CELL / max(image))
        (x, y), pixels = places[example.inputs[0]], [str(v.label) for v in example.inputs]
        drawing.grid((x - cell / 2, y - cell / 2), pixels, image[1], cell, label="weight")
    below = drawing.size[1] + 16
    hidden = [unit for unit in sources if unit not in example.outputs]
    names = drawing.graph.names
    for node in told(example, names) if len(example.inputs) <= MOST_SHOWN or image else ():
        if node in places or node not in sources:
            drawing.formula((16, below), *drawing.equations_of(node))
            below += 26
    _put_loss(drawing, example, below)
    units = [sum(unit in hidden for unit in layer) for layer in columns]
    between = "".join(f"{count} hidden unit{'s' * (count > 1)}, " for count in units if count)
    outputs = "one output" if len(example.outputs) == 1 else f"{len(example.outputs)} outputs"
    inputs = "one input" if len(example.inputs) == 1 else f"{len(example.inputs)} inputs"
    return f"{inputs}, {between}{outputs}", 1


def _placed(
    drawing: _Drawing, example: Example, columns: Sequence[Sequence[Value]], image: tuple[int, int] | None
) -> dict[Value, Point]:
    """Where each input and unit is put, layer by layer from left to right, an image as its pixels; and the titles."""
    inputs = {*example.inputs}
    sequence = any(unit in inputs for layer in columns[1:] for unit in layer)  # whose inputs make a row below the units
    rows = [[unit for unit in layer if unit not in inputs or not sequence] for layer in columns]
    drawn = [shown(layer, MOST_SHOWN) for layer in rows]
    cell = min(CELL, 6 * CELL / max(image)) if image else 0.0
    high = max(62.0 * max(map(len, drawn[1:] if image else drawn)), image[0] * cell if image else 0.0)
    places: dict[Value, Point] = {}
    for column, layer in enumerate(drawn):
        x = 40.0 + 210.0 * column - 30.0 * (column == len(columns) - 1)
        if image is not None:
            x += (image[1] - 1) * cell / (1 if column else 2)
        drawing.title((x, 16), _title(drawing, column, columns) if column or image is None else "image")
        if image is not None and not column:
            top = 40 + (high - (image[0] - 1) * cell) / 2
            for i, pixel in enumerate(example.inputs):
                places[pixel] = (40.0 + i % image[1] * cell, top + i // image[1] * cell)
            continue
        for unit, at in zip(layer, stacked(len(layer), (x, 40 + high / 2), high / max(1, len(layer))), strict=True):
            if unit is None:
                drawing.title(at, "⋮")
            else:
                places[unit] = at
        below = [unit for unit in columns[column] if sequence and unit in inputs]
        places |= {unit: (x, 40 + high + 31.0 + 62.0 * i) for i, unit in enumerate(below)}
    return places


def _title(drawing: _Drawing, column: int, layers: Sequence[Sequence[Value]]) -> str:
    """What stands over a layer: of the z's the formula without its numbers, z = σ(a)."""
    if column in (0, len(layers) - 1):
        many = "s" if len(layers[column]) > 1 else ""
        return f"output{many}" if column else f"input{many}"
    formula = re.sub("[₀-₉]", "", notation.text(drawing.equation(layers[column][0])))
    return formula if len(formula) <= LONGEST_TITLE else formula.partition(" = ")[0]


@_put.register
def _put_convolution(network: ConvNetwork, drawing: _Drawing, example: Example) -> tuple[str, int]:
    """An image, its filters, the z's of each, and what is made of them; below it the equations of every place."""
    (height, across), (tall, wide), (rows, columns) = network.image, network.kernel, network.positions
    count, filters, pooled, linear = rows * columns, network.filters, network.pooling, network.linear
    cell = min(CELL, 6 * CELL / max(height, across))
    small = min(cell, 40.0)
    block = max(max(tall, rows) * small + 44, 0 if pooled else count * SPACING + 10)
    middle = 40 + max(height * cell, filters * block - 44) / 2
    centres = [middle + (i - (filters - 1) / 2) * block for i in range(filters)]
    image = (16.0, middle - height * cell / 2)
    kernels = image[0] + across * cell + GAP
    maps = kernels + wide * small + GAP
    right = maps + columns * small
    features_at = right + GAP
    output = (features_at + (2 * GAP if linear or filters > 1 else 0.0), middle)
    drawing.title((image[0] + across * cell / 2, 16), "image")
    drawing.title((kernels + wide * small / 2, 16), "filter" if filters == 1 else "filters")
    drawing.title((maps + columns * small / 2, 16), "z = σ(a)")
    drawing.title((features_at, 16), "average" if pooled else "flattened")
    drawing.grid(image, [str(p.label) for p in example.inputs], across, cell)
    weights, size = list(example.parameters), tall * wide
    radius = RADIUS if pooled else 14.0
    z_middles: list[Point] = []
    features: list[Point] = []
    for i, y in enumerate(centres):
        kind = f"filter-{i % 3 + 1}"
        drawing.grid((kernels, y - tall * small / 2), weights[i * size : (i + 1) * size], wide, small, kind)
        names = [str(z.label) for z in example.z[i * count : (i + 1) * count]]
        z_middles += drawing.grid((maps, y - rows * small / 2), names, columns, small, kind)
        made = [f"z_bar_{i + 1}" if filters > 1 else "z_bar"] if pooled else names
        for name, at in zip(made, stacked(len(made), (features_at, y), SPACING), strict=True):
            features.append(at)
            drawing.line((right, y), (at[0] - radius, at[1]))
            if at != output:
                drawing.circle(at, name, kind, radius, names if pooled else ())
    for i, (x, y) in enumerate(features if features != [output] else []):
        start, end = (x + radius, y), (output[0] - RADIUS, output[1])
        weight = weights[filters * size + i] if linear else ""
        drawing.line(start, end, weight)
        if linear and len(features) <= 8:
            drawing.label(between(start, end, 0.4), weight, "weight")
    drawing.circle(output, "y_hat", "output")
    drawing.title((output[0], output[1] + RADIUS + 14), "output")
    below = drawing.size[1] + 16
    for i in range(count):
        x, y = image[0] + i % columns * cell, image[1] + i // columns * cell
        drawing.pieces.append(f'<g class="at at-{i + 1}">')
        drawing.rect(x, y, wide * cell, tall * cell, "window")
        for j, centre in enumerate(centres):
            z, (u, v) = example.z[j * count + i], z_middles[j * count + i]
            drawing.line((x + wide * cell, y + tall * cell / 2), (kernels - 2, centre))
            drawing.line((kernels + wide * small, centre), (maps, v))
            drawing.rect(u - small / 2, v - small / 2, small, small, f"filter-{j % 3 + 1} lit")
            drawing.formula((16, below + j * 26), drawing.equation(z.parents[0]), drawing.equation(z))
        drawing.pieces.append("</g>")
    _put_loss(drawing, example, below + filters * 26)
    words = f"{filters} filter{'s' * (filters > 1)} of {tall}×{wide} over an image of {height}×{across} pixels"
    head = ", weighed and added up" if linear else ", averaged again" if filters > 1 else ""
    return f"{words}: {count} z's each, {'averaged' if pooled else 'flattened'}{head}", count


def _put_loss(drawing: _Drawing, example: Example, y: float) -> None:
    for node in (*example.outputs, example.loss) if drawing.loss else ():
        drawing.formula((16, y), *drawing.equations_of(node))
        y += 26


def _text(at: Point, runs: Sequence[Run], kind: str = "", of: str = "") -> str:
    words = tspans(runs, down=4.0, up=6.0)
    return f'<text class="{kind}"{_data("of", of)} x="{at[0]:.1f}" y="{at[1] + 5:.1f}">{words}</text>'


def _data(name: str, label: str) -> str:
    """What is drawn for a number of the graph says so to the page's script, which shows it there."""
    return f' data-{name}="{escape(label)}"' if label else ""
