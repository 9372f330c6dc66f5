"""A drawing as SVG text, which needs nothing around it: its own background, colours, alternative text and legend.

What programs that show it may rely on: every node is `<g class="node" id="node-I" data-node="I">`, I its place in
`topological(f)`, with `<rect class="box">`, `<text class="value">` and `<text class="gradient">`; every edge is
`<g class="edge" data-from data-to data-argument>` with `<path>` and `<text class="local">`; a collapsed group is
`<g class="group" data-group="NAME">`. An edge at a group that stands for several has no `data-argument`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from microgradcnn.value import Value
from microgradcnn.views.colours import Grid, gradient_scale, value_scale
from microgradcnn.views.drawing import CELL, HEADER, ROW, SMALL, Drawing, Edge, Node, drawn, shown
from microgradcnn.views.layout import Box, Point
from microgradcnn.views.typesetting import Run, clean

_SCALES = {"value": value_scale, "gradient": gradient_scale}
MARGIN = 16.0
LEGEND = 64.0  # height of the legend
NARROWEST = 560.0  # the legend needs that

_STYLE = """
.microgradcnn-graph text{font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-size:12px;fill:#1b1f24}
.microgradcnn-graph .name{font-family:"STIX Two Text","Times New Roman",Times,"Liberation Serif",serif;font-size:14px}
.microgradcnn-graph .name .i{font-style:italic}
.microgradcnn-graph .name .s{font-size:10px}
.microgradcnn-graph .box{fill:#ffffff;stroke:#6b7280;stroke-width:1.2}
.microgradcnn-graph .root .box{stroke:#111827;stroke-width:2.4}
.microgradcnn-graph .leaf .box{fill:#f3f4f6}
.microgradcnn-graph .edge path{fill:none;stroke:#6b7280;stroke-width:1.2}
.microgradcnn-graph .edge.none path{stroke-dasharray:3 3}
.microgradcnn-graph .small,.microgradcnn-graph .local{font-size:10px}
.microgradcnn-graph .small,.microgradcnn-graph .local,.microgradcnn-graph .absent{fill:#4b5563}
.microgradcnn-graph .absent{font-size:10px;font-style:italic}
.microgradcnn-graph .value,.microgradcnn-graph .gradient,.microgradcnn-graph .name{text-anchor:middle}
.microgradcnn-graph .local{text-anchor:end}
""".strip()


def graph(f: Value, opened: Iterable[str] = (), collapse: Iterable[str] = (), prefix: str = "") -> str:
    """The SVG text of f's graph with these groups opened; every id starts with `prefix`."""
    return svg(drawn(f, collapse=collapse, opened=opened), prefix)


def svg(drawing: Drawing, prefix: str = "") -> str:
    """A drawing as an <svg> element; ids start with `prefix`, so that several can stand on one page."""
    inner = drawing.layout.size
    wide, high = max(inner[0], NARROWEST) + 2 * MARGIN, inner[1] + LEGEND + 2 * MARGIN
    title, about = f"{prefix}title", f"{prefix}about"
    pieces = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="microgradcnn-graph" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" role="img" aria-labelledby={quoteattr(title + " " + about)}>',
        f"<title id={quoteattr(title)}>{escape(drawing.title)}</title>",
        f"<desc id={quoteattr(about)}>{escape(drawing.about)}</desc>",
        f"<style>{_STYLE}</style>",
        f'<rect class="background" width="{wide:.0f}" height="{high:.0f}" rx="6" fill="#ffffff"/>',
        f'<g transform="translate({MARGIN + max(0.0, NARROWEST - inner[0]) / 2:.0f} {MARGIN:.0f})">',
    ]
    pieces += [
        _edge(edge, route, landing)
        for edge, route, landing in zip(drawing.edges, drawing.layout.routes, drawing.layout.landings, strict=True)
    ]
    last = len(drawing.nodes) - 1
    pieces += [
        _node(node, box, prefix, i == last)
        for i, (node, box) in enumerate(zip(drawing.nodes, drawing.layout.boxes, strict=True))
    ]
    pieces += ["</g>", _legend(drawing, inner[1] + 1.5 * MARGIN), "</svg>"]
    return "\n".join(pieces)


def static_page(drawing: Drawing) -> str:
    """An HTML page that shows the picture and runs nothing."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(drawing.title)}</title>"
        "<style>body{margin:0;padding:12px}main{overflow-x:auto}</style></head>\n"
        f"<body><main>{svg(drawing)}</main></body></html>\n"
    )


def image(drawing: Drawing) -> str:
    """An <img> that holds the picture: what is left of it where HTML is cleansed of all that might run."""
    data = base64.b64encode(svg(drawing).encode()).decode()
    about = quoteattr(f"{drawing.title}: {drawing.about}")
    return f'<img src="data:image/svg+xml;base64,{data}" alt={about}>'


def _node(node: Node, box: Box, prefix: str, root: bool) -> str:
    kinds = [*(["node"] if node.index is not None else []), *(["group"] if node.group is not None else [])]
    kinds += [*(["leaf"] if node.leaf else []), *(["root"] if root else [])]
    attributes = [f'class="{" ".join(kinds)}"']
    if node.index is not None:
        attributes += [f"id={quoteattr(f'{prefix}node-{node.index}')}", f'data-node="{node.index}"']
    if node.group is not None:
        attributes.append(f"data-group={quoteattr(clean(node.group))}")
    x, y, wide, high = box
    middle = x + wide / 2
    radius = 10 if node.leaf else 4
    pieces = [f"<g {' '.join(attributes)}><title>{escape(clean(node.about))}</title>"]
    if node.group is not None:
        pieces += [f'<rect class="box" {_place(x + d, y + d, wide, high)} rx="{radius}"/>' for d in (6, 3)]
    pieces.append(f'<rect class="box" {_place(x, y, wide, high)} rx="{radius}"/>')
    pieces.append(f'<text class="name" x="{middle:.1f}" y="{y + 15.5:.1f}">{_tspans(node.heading)}</text>')
    pieces += _arrays(node, box) if node.maps is not None else _numbers(node, box)
    return "".join([*pieces, "</g>"])


def _numbers(node: Node, box: Box) -> list[str]:
    x, y, wide, _ = box
    pieces = []
    for i, (kind, text, tint) in enumerate(
        zip(("value", "gradient"), (node.value, node.gradient), node.tints, strict=True)
    ):
        top = y + HEADER + i * ROW
        absent = " absent" if text == "not computed" else ""
        pieces.append(f'<rect class="{kind}-tint" {_place(x + 3, top, wide - 6, ROW - 1)} rx="3" fill="{tint}"/>')
        pieces.append(f'<text class="{kind}{absent}" x="{x + wide / 2:.1f}" y="{top + 12.3:.1f}">{escape(text)}</text>')
    return pieces


def _arrays(node: Node, box: Box) -> list[str]:
    assert node.maps is not None
    x, y, wide, _ = box
    pieces = [f'<text class="name small" x="{x + wide / 2:.1f}" y="{y + HEADER + 8:.1f}">{escape(node.shape)}</text>']
    for i, (kind, text, grid) in enumerate(
        zip(("value", "gradient"), (node.value, node.gradient), node.maps, strict=True)
    ):
        middle, top = x + wide * (0.27 + 0.46 * i), y + HEADER + 13
        pieces.append(_heat_map(grid, middle, top, kind))
        absent = " absent" if text == "not computed" else ""
        pieces.append(
            f'<text class="{kind}{absent}" style="font-size:{SMALL:g}px" x="{middle:.1f}" y="{top + CELL + 12:.1f}">'
            f"{escape(text)}</text>"
        )
    return pieces


def _heat_map(grid: Grid | None, middle: float, top: float, kind: str) -> str:
    if grid is None or not grid.size:
        return (
            f'<rect {_place(middle - CELL / 2, top, CELL, CELL)} fill="none" stroke="#9ca3af" stroke-dasharray="3 3"/>'
        )
    rows, columns = grid.shape
    cell = CELL / max(rows, columns)
    left, top = middle - cell * columns / 2, top + (CELL - cell * rows) / 2
    finite = grid[np.isfinite(grid)]
    scale = _SCALES[kind](float(np.abs(finite).max()) if finite.size else 0.0)
    cells = [
        f'<rect {_place(left + j * cell, top + i * cell, cell, cell)} fill="{scale.colour(float(grid[i, j]))}"/>'
        for i in range(rows)
        for j in range(columns)
    ]
    frame = f'<rect {_place(left, top, cell * columns, cell * rows)} fill="none" stroke="#9ca3af" stroke-width="0.8"/>'
    return f'<g class="{kind}-map">{"".join(cells)}{frame}</g>'


def _edge(edge: Edge, route: Sequence[Point], landing: float) -> str:
    end = route[-1]
    argument = f' data-argument="{edge.argument}"' if edge.argument is not None else ""
    kind = "edge" if edge.flows else "edge none"
    return (
        f'<g class="{kind}" data-from="{edge.parent}" data-to="{edge.child}"{argument}><path d="{_curve(route)}"/>'
        f'<text class="local" x="{end.x - 7:.1f}" y="{end.y - 3:.1f}">{escape(edge.local)}</text></g>'
    )


def _curve(route: Sequence[Point]) -> str:
    """Curves between columns, straight lines along them, and an open arrow head."""
    start, *rest = route
    pieces = [f"M{start.x:.1f} {start.y:.1f}"]
    for i in range(0, len(rest), 2):
        a, b = rest[i - 1] if i else start, rest[i]
        middle = (a.x + b.x) / 2
        pieces.append(f"C{middle:.1f} {a.y:.1f} {middle:.1f} {b.y:.1f} {b.x:.1f} {b.y:.1f}")
        pieces.append(f"H{rest[i + 1].x:.1f}")
    return "".join([*pieces, "m-5 -3l5 3l-5 3"])


def _tspans(runs: Sequence[Run]) -> str:
    pieces, level = [], 0
    for run in runs:
        shift = {-1: 3.0, 0: 0.0, 1: -5.0}
        dy = shift[run.level] - shift[level]
        level = run.level
        kinds = " ".join([*(["i"] if run.italic else []), *(["s"] if run.level else [])])
        attributes = (f' class="{kinds}"' if kinds else "") + (f' dy="{dy:g}"' if dy else "")
        text = escape(run.text)
        pieces.append(f"<tspan{attributes}>{text}</tspan>" if attributes else text)
    return "".join(pieces)


def _legend(drawing: Drawing, top: float) -> str:
    pieces = [f'<g class="legend" transform="translate({MARGIN:g} {top:.1f})">']
    for i, (scale, words) in enumerate(zip(drawing.scales, ("value", "gradient: d(last)/d(this)"), strict=True)):
        x = 230.0 * i
        pieces.append(f'<text class="small" x="{x:g}" y="9">{("upper number: ", "lower number: ")[i]}{words}</text>')
        steps = 24
        for k in range(steps):
            at = scale.largest * (2 * k / (steps - 1) - 1)
            pieces.append(f'<rect x="{x + 8 * k:g}" y="14" width="8.2" height="10" fill="{scale.colour(at)}"/>')
        low, high = shown(-scale.largest), shown(scale.largest)
        pieces.append(f'<text class="small" x="{x:g}" y="35">{low}</text>')
        pieces.append(f'<text class="small" x="{x + 96:g}" y="35" text-anchor="middle">0</text>')
        pieces.append(f'<text class="small" x="{x + 192:g}" y="35" text-anchor="end">{high}</text>')
    pieces.append('<text class="small" x="0" y="54">number at an arrow: d(where it ends)/d(where it starts)</text>')
    return "".join([*pieces, "</g>"])


def _place(x: float, y: float, wide: float, high: float) -> str:
    return f'x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"'
