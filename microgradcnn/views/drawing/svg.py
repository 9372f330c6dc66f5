"""A drawing as SVG text, which needs nothing around it: its own background, colours, alternative text and legend.

What a program that shows it may rely on: every node is `<g class="node" id="node-I" data-node="I">`, I its place in
`topological(f)`, with `<rect class="box">`, `<text class="value">`, `<text class="gradient">` and, behind the numbers,
`<rect class="value-tint">` and `<rect class="gradient-tint">`, or for arrays `<g class="value-map">` and `<g
class="gradient-map">` with an `<image>` of a colour for each cell and a frame; of images they hold, for each map,
`<g class="map" data-map="K">` with the same. Every edge is `<g class="edge" data-from="I"
data-to="J" data-argument="K">`, node I being argument K of node J, with `<path>` and `<text class="local">`. A
collapsed group is `<g class="group" data-group="NAME">`, a node as well if it is a segment; an edge at a group that
stands for several has no `data-argument`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from importlib.resources import files
from xml.sax.saxutils import escape, quoteattr

from microgradcnn.engine.arrays import Array
from microgradcnn.views.drawing import layout
from microgradcnn.views.drawing.boxes import HEADER, MAP, NONE, NOT_COMPUTED, NOTE, ROW, STRIP, Box, map_size, shown
from microgradcnn.views.drawing.colours import gradient_scale, largest, value_scale
from microgradcnn.views.drawing.layout import Point
from microgradcnn.views.drawing.maps import drawn
from microgradcnn.views.drawing.scene import Drawing, Edge
from microgradcnn.views.formulas.expression import cut
from microgradcnn.views.formulas.typeset import Run, clean, typeset

MARGIN = 16.0
LEGEND_WIDTH, LEGEND_HEIGHT = 470.0, 62.0
STEPS = 24  # of a legend's bar, which is 192 pixels long
_SCALES = {"value": value_scale, "gradient": gradient_scale}
_KINDS = ("value", "gradient")

_STYLE = files("microgradcnn.views.drawing").joinpath("graph.css").read_text(encoding="utf-8").strip()


def svg(drawing: Drawing, prefix: str = "") -> str:
    """A drawing as an <svg> element; ids start with `prefix`, so that several can stand on one page."""
    wide, high = _size(drawing)
    left = (wide - drawing.layout.size[0]) / 2
    title, about = f"{prefix}title", f"{prefix}about"
    placed = drawing.layout
    last = len(drawing.boxes) - 1
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradcnn-graph" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-labelledby={quoteattr(f"{title} {about}")}>',
        f"<title id={quoteattr(title)}>{escape(drawing.title)}</title>",
        f"<desc id={quoteattr(about)}>{escape(drawing.about)}</desc>",
        f"<style>{_STYLE}</style>",
        f'<rect class="background" width="{wide:.0f}" height="{high:.0f}" fill="#ffffff"/>',
        f'<g transform="translate({left:.1f} {MARGIN:g})">',
        *(_edge(edge, route) for edge, route in zip(drawing.edges, placed.routes, strict=True)),
        *(
            _node(box, at, prefix, i == last)
            for i, (box, at) in enumerate(zip(drawing.boxes, placed.boxes, strict=True))
        ),
        "</g>",
        f'<g class="legend" transform="translate({MARGIN:g} {high - LEGEND_HEIGHT - 0.6 * MARGIN:.1f})">',
        f"{_legend(drawing)}</g>",
        "</svg>",
    ]
    return "\n".join(pieces)


def boxes(drawn: Sequence[Box], prefix: str) -> list[str]:
    """The boxes alone, each at the origin, for a page that arranges them."""
    return [_node(box, layout.Place(0.0, 0.0, *box.size), prefix, False) for box in drawn]


def _size(drawing: Drawing) -> tuple[float, float]:
    """The width and height of the whole, with margins and the legend."""
    width, height = drawing.layout.size
    return max(width, LEGEND_WIDTH) + 2 * MARGIN, height + LEGEND_HEIGHT + 3 * MARGIN


def image(drawing: Drawing) -> str:
    """An <img> that holds the picture.

    GitHub, JupyterLab before a notebook is trusted and nbconvert take out or break <svg> in HTML, because it might run
    something; an image cannot, and they leave it.
    """
    data = base64.b64encode(svg(drawing).encode()).decode()
    about = quoteattr(f"{drawing.title}: {drawing.about}")
    return f'<img src="data:image/svg+xml;base64,{data}" alt={about}>'


def _node(box: Box, at: layout.Place, prefix: str, root: bool) -> str:
    kinds = {"node": box.index is not None, "group": box.group is not None, "leaf": box.leaf, "root": root}
    attributes = [f'class="{" ".join(kind for kind, holds in kinds.items() if holds)}"']
    if box.index is not None:
        attributes += [f"id={quoteattr(f'{prefix}node-{box.index}')}", f'data-node="{box.index}"']
    if box.group is not None:
        attributes.append(f"data-group={quoteattr(clean(cut(box.group)))}")
    radius = 10 if box.leaf else 4
    middle = at.y + (at.height - box.size[1]) / 2  # a box with many edges is higher than what it says
    inner = at._replace(y=middle, height=box.size[1])
    shadows = (6, 3) if box.group is not None else ()
    return "".join(
        [
            f"<g {' '.join(attributes)}><title>{escape(box.about)}</title>",
            *(f'<rect class="box" {_place(at.x + d, at.y + d, at.width, at.height)} rx="{radius}"/>' for d in shadows),
            f'<rect class="box" {_place(*at)} rx="{radius}"/>',
            f'<text class="name" x="{at.x + at.width / 2:.1f}" y="{inner.y + 15.5:.1f}">{tspans(box.heading)}</text>',
            *(_images(box, inner) if box.tiles else _arrays(box, inner) if box.maps else _numbers(box, inner)),
            "</g>",
        ]
    )


def _numbers(box: Box, at: layout.Place) -> Iterable[str]:
    for i, (kind, text, tint) in enumerate(zip(_KINDS, (box.value, box.gradient), box.tints, strict=True)):
        top = at.y + HEADER + i * ROW
        yield f'<rect class="{kind}-tint" {_place(at.x + 3, top, at.width - 6, ROW - 1)} rx="3" fill="{tint}"/>'
        yield _text(kind, text, at.x + at.width / 2, top + 12.3)


def _arrays(box: Box, at: layout.Place) -> Iterable[str]:
    assert box.maps is not None
    yield f'<text class="note" x="{at.x + at.width / 2:.1f}" y="{at.y + HEADER + 9:.1f}">{escape(box.note)}</text>'
    base = at.y + at.height
    for i, (kind, text, grid) in enumerate(zip(_KINDS, (box.value, box.gradient), box.maps, strict=True)):
        middle = at.x + at.width * (0.27 + 0.46 * i)
        yield _heat_map(grid, middle, (at.y + HEADER + base - 5) / 2, kind)
        yield _text(kind, text, middle, base - 6, "small")


def _images(box: Box, at: layout.Place) -> Iterable[str]:
    """Maps of the value, and beside them, or below where they are wide, of the gradient, each with its range.

    They are frames where the box's `maps` have no numbers, as those of an earlier step.
    """
    assert box.tiles is not None
    assert box.maps is not None
    values, _ = box.tiles
    known = [grid is not None and grid.size > 0 for grid in box.maps]
    yield f'<text class="note" x="{at.x + at.width / 2:.1f}" y="{at.y + HEADER + 9:.1f}">{escape(box.note)}</text>'
    (wide, high), top = values.size, at.y + HEADER + NOTE + 3.0
    for i, (kind, text, tiles) in enumerate(zip(_KINDS, (box.value, box.gradient), box.tiles, strict=True)):
        middle = at.x + at.width * (0.5 if box.stacked else 0.27 + 0.46 * i)
        y = top + i * box.stacked * (high + NOTE + 4.0)
        scale = drawn.scale_of(tiles, _SCALES[kind]) if tiles is not None and known[i] else None
        yield f'<g class="{kind}-map">{drawn.maps(tiles or values, scale, middle - wide / 2, y)}</g>'
        yield _text(kind, text, middle, y + high + 13.0, "small")


def _text(kind: str, text: str, x: float, y: float, more: str = "") -> str:
    kinds = " ".join(filter(None, (kind, more, "absent" if text in (NOT_COMPUTED, NONE) else "")))
    return f'<text class="{kinds}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _heat_map(grid: Array | None, x: float, y: float, kind: str) -> str:
    """A heat map with its middle at a point."""
    width, height = map_size(grid)
    if grid is None or not grid.size:
        frame = _place(x - MAP / 2, y - STRIP / 2, MAP, STRIP)
        return f'<g class="{kind}-map"><rect class="frame" {frame} stroke-dasharray="3 3"/></g>'
    rows, columns = grid.shape
    href = drawn.image(grid, _SCALES[kind](largest([grid])), min(width / columns, height / rows))
    place = _place(x - width / 2, y - height / 2, width, height)
    cells = f'<image {place} preserveAspectRatio="none" href="{href}"/>'
    return f'<g class="{kind}-map">{cells}<rect class="frame" {place}/></g>'


def _edge(edge: Edge, route: Sequence[Point]) -> str:
    argument = f' data-argument="{edge.argument}"' if edge.argument is not None else ""
    kind = "edge" if edge.flows else "edge none"
    x, y = route[-1]
    return (
        f'<g class="{kind}" data-from="{edge.parent}" data-to="{edge.child}"{argument}><path d="{_curve(route)}"/>'
        f'<text class="local" x="{x - 6:.1f}" y="{y - 3:.1f}">{escape(edge.local)}</text></g>'
    )


def _curve(route: Sequence[Point]) -> str:
    """Curves between columns, straight lines along them, and an open arrow head."""
    at, pieces = route[0], [f"M{route[0].x:.1f} {route[0].y:.1f}"]
    for i in range(1, len(route), 2):
        to, end = route[i], route[i + 1]
        middle = (at.x + to.x) / 2
        pieces.append(f"C{middle:.1f} {at.y:.1f} {middle:.1f} {to.y:.1f} {to.x:.1f} {to.y:.1f}H{end.x:.1f}")
        at = end
    return "".join([*pieces, "m-5 -3l5 3l-5 3"])


def tspans(runs: Sequence[Run], down: float = 3.0, up: float = 5.0) -> str:
    """Set runs inside <text>: classes i and s for italic and small, subscripts `down` and exponents `up`."""
    shift = {-1: down, 0: 0.0, 1: -up}
    pieces, level = [], 0
    for run in runs:
        dy, level = shift[run.level] - shift[level], run.level
        kinds = " ".join(kind for kind, holds in (("i", run.italic), ("s", run.level)) if holds)
        attributes = (f' class="{kinds}"' if kinds else "") + (f' dy="{dy:g}"' if dy else "")
        pieces.append(f"<tspan{attributes}>{escape(run.text)}</tspan>" if attributes else escape(run.text))
    return "".join(pieces)


def _legend(drawing: Drawing) -> str:
    root = [Run("lower or right: gradient, d"), *typeset(drawing.root), Run("/d(this)")]
    if not drawing.scales[1].largest and all(box.gradient in (NOT_COMPUTED, NONE) for box in drawing.boxes):
        root = [Run("lower or right: gradient, after backward()")]
    pieces = []
    for i, (scale, words) in enumerate(zip(drawing.scales, ([Run("upper or left: value")], root), strict=True)):
        x = 240.0 * i
        pieces.append(f'<text x="{x:g}" y="10">{tspans(words)}</text>')
        for k in range(STEPS):
            at = scale.largest * (2 * k / (STEPS - 1) - 1)
            pieces.append(f'<rect x="{x + 8 * k:g}" y="15" width="8.2" height="10" fill="{scale.colour(at)}"/>')
        pieces.append(f'<rect class="frame" {_place(x, 15, 8 * STEPS, 10)}/>')
        for offset, anchor, number in ((0, "start", -scale.largest), (96, "middle", 0.0), (192, "end", scale.largest)):
            pieces.append(f'<text x="{x + offset:g}" y="37" text-anchor="{anchor}">{shown(number)}</text>')
    pieces.append('<text x="0" y="56">at an arrow: local derivative, d(its end)/d(its start)</text>')
    return "".join(pieces)


def _place(x: float, y: float, width: float, height: float) -> str:
    return f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
