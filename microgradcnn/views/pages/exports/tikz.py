"""A small graph in LaTeX: TikZ in a document that pdflatex compiles, with formulas that are LaTeX's own mathematics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from microgradcnn.engine.arrays import Array
from microgradcnn.views.drawing.boxes import HEADER, MAP, NOTE, ROW, STRIP, Box, map_size
from microgradcnn.views.drawing.colours import gradient_scale, largest, value_scale
from microgradcnn.views.drawing.layout import Place, Point
from microgradcnn.views.drawing.scene import Edge
from microgradcnn.views.formulas.expression import equation, heads
from microgradcnn.views.formulas.latex import InlineLatex, words
from microgradcnn.views.formulas.typeset import Run
from microgradcnn.views.pages.page_level import Level

MOST, CELLS = 60, 4000  # boxes, and cells of heat maps, that pdflatex sets in seconds
LONGEST = 300  # characters of a heading in LaTeX; of a longer formula the name stands alone
_MARGIN, _LEGEND = 16, 56  # pixels around the picture, and below it

_DOCUMENT = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern, amsmath, amssymb, tikz}
\usetikzlibrary{arrows.meta}
\usepackage[paperwidth=%(wide).2fpt, paperheight=%(high).2fpt, margin=0pt]{geometry}
\setlength{\parindent}{0pt}
\setlength{\topskip}{0pt}
\pagestyle{empty}
\newcommand{\fitted}[2]{\sbox0{#2}\ifdim\wd0>#1\resizebox{#1}{!}{\usebox0}\else\usebox0\fi}
\begin{document}
%% %(title)s
\begin{tikzpicture}[x=0.75pt, y=-0.75pt, >={Straight Barb[length=2.5pt, width=4pt]},
  box/.style={draw=black!60, line width=0.8pt, rounded corners=2pt, fill=white},
  leaf/.style={box, rounded corners=6pt, fill=black!5}, root/.style={box, draw=black, line width=1.6pt},
  edge/.style={->, draw=black!60, line width=0.8pt}, none/.style={dash pattern=on 2pt off 2pt},
  local/.style={anchor=south east, inner sep=1pt, font=\scriptsize, text=black!75},
  number/.style={inner sep=0pt, font=\scriptsize}, frame/.style={draw=black!40, line width=0.5pt}]
\path[use as bounding box] (0,0) rectangle (%(across).1f,%(down).1f);
%(body)s
\end{tikzpicture}
\end{document}
"""


def tikz(level: Level) -> str:
    """The document. Raises ValueError for more than MOST boxes, or CELLS numbers in them."""
    drawing = level.drawing
    cells = sum(grid.size for box in drawing.boxes for grid in box.maps or () if grid is not None)
    if len(drawing.boxes) > MOST or cells > CELLS:
        size = f"{len(drawing.boxes)} boxes" if len(drawing.boxes) > MOST else f"{cells} cells of heat maps"
        raise ValueError(
            f"LaTeX draws small graphs, of {MOST} boxes and {CELLS} cells at most: this one has {size}; collapse "
            "groups, or save it as .pdf or .svg"
        )
    (wide, high), placed = drawing.layout.size, drawing.layout
    across, down = max(wide, 400.0) + 2 * _MARGIN, high + _LEGEND + 2 * _MARGIN
    lines = [rf"\begin{{scope}}[shift={{({(across - wide) / 2:.1f},{_MARGIN})}}]"]
    lines += [_edge(edge, route) for edge, route in zip(drawing.edges, placed.routes, strict=True)]
    for i, at in enumerate(placed.boxes):
        lines += _box(level, i, at)
    lines += [r"\end{scope}", *_legend(level, high + 2 * _MARGIN)]
    sizes = {"across": across, "down": down, "wide": 0.75 * across, "high": 0.75 * down + 1}
    return _DOCUMENT % {**sizes, "title": words(drawing.title), "body": "\n".join(lines)}


def _edge(edge: Edge, route: Sequence[Point]) -> str:
    """Curves between columns and straight lines along them, as in the SVG, and the local derivative at the arrow."""
    at, path = route[0], [_at(*route[0])]
    for i in range(1, len(route), 2):
        to, end = route[i], route[i + 1]
        middle = (at.x + to.x) / 2
        path.append(f".. controls {_at(middle, at.y)} and {_at(middle, to.y)} .. {_at(*to)} -- {_at(*end)}")
        at = end
    kind = "edge" if edge.flows else "edge, none"
    drawn = rf"\draw[{kind}] {' '.join(path)};"
    end = route[-1]
    return drawn + (rf" \node[local] at {_at(end.x - 6, end.y)} {{{words(edge.local)}}};" if edge.local else "")


def _box(level: Level, i: int, at: Place) -> Iterator[str]:
    box = level.drawing.boxes[i]
    kind = "leaf" if box.leaf else "root" if i == len(level.drawing.boxes) - 1 else "box"
    for shift in (6, 3, 0) if box.group is not None else (0,):
        x, y = at.x + shift, at.y + shift
        yield rf"\draw[{kind}] {_at(x, y)} rectangle {_at(x + at.width, y + at.height)};"
    top = at.y + (at.height - box.size[1]) / 2
    middle = at.x + at.width / 2
    room = f"{0.75 * (at.width - 8):.1f}pt"
    yield rf"\node[inner sep=0pt] at {_at(middle, top + 11)} {{\fitted{{{room}}}{{{_heading(level, i)}}}}};"
    if box.maps is None:
        for row, (said, tint) in enumerate(zip((box.value, box.gradient), box.tints, strict=True)):
            y = top + HEADER + row * ROW
            yield _filled(tint, at.x + 3, y, at.width - 6, ROW - 1, "rounded corners=1.5pt")
            yield _number(said, middle, y + ROW / 2 - 0.5)
        return
    yield rf"\node[number] at {_at(middle, top + HEADER + 4)} {{{words(box.note)}}};"
    yield from _maps(box, at._replace(y=top, height=box.size[1]))


def _maps(box: Box, at: Place) -> Iterator[str]:
    assert box.maps is not None
    base, middle_of_maps = at.y + at.height, (at.y + HEADER + NOTE + at.y + at.height - NOTE) / 2
    scales = value_scale, gradient_scale
    for k, (grid, said) in enumerate(zip(box.maps, (box.value, box.gradient), strict=True)):
        x = at.x + at.width * (0.27 + 0.46 * k)
        yield from _heat_map(grid, x, middle_of_maps, scales[k](largest([grid]) if grid is not None else 0.0).colour)
        yield _number(said, x, base - 9)


def _heading(level: Level, i: int) -> str:
    r"""A box's name and formula as mathematics; in words a group that people have named, and cases, to be on a line."""
    node, formula, box = level.nodes[i], level.formulas[i], level.drawing.boxes[i]
    said = "".join(run.text for run in box.heading)
    if node is None or (formula is not None and ("=" not in said or "cases" in heads(formula))):
        return "".join(map(_run, box.heading))
    name = InlineLatex()(level.names[node])
    tex = name if formula is None else InlineLatex()(equation(level.names[node], formula))
    shortened = len(tex) > LONGEST or said.endswith("…")
    return rf"${name} = \dots$" if shortened and formula is not None else f"${tex}$"


def _run(run: Run) -> str:
    said = rf"\textit{{{words(run.text)}}}" if run.italic else words(run.text)
    return {-1: rf"\textsubscript{{{said}}}", 0: said, 1: rf"\textsuperscript{{{said}}}"}[run.level]


def _heat_map(grid: Array | None, x: float, y: float, colour: Callable[[float], str]) -> Iterator[str]:
    """A heat map with its middle at a point; an empty frame where nothing is computed."""
    if grid is None or not grid.size:
        corners = f"{_at(x - MAP / 2, y - STRIP / 2)} rectangle {_at(x + MAP / 2, y + STRIP / 2)}"
        yield rf"\draw[frame, none] {corners};"
        return
    wide, high = map_size(grid)
    left, top, (rows, columns) = x - wide / 2, y - high / 2, grid.shape
    for i in range(rows):
        for j in range(columns):
            tint = colour(float(grid[i, j]))
            yield _filled(tint, left + j * wide / columns, top + i * high / rows, wide / columns, high / rows)
    yield rf"\draw[frame] {_at(left, top)} rectangle {_at(left + wide, top + high)};"


def _legend(level: Level, top: float) -> Iterator[str]:
    """What a box's numbers are, and the one at an arrow."""
    slope = rf"$d{InlineLatex()(level.symbols[level.f])}/d$(this)"
    told = ("upper or left: value", f"lower or right: gradient, {slope}", "at an arrow: local derivative")
    for i, line in enumerate(told):
        yield rf"\node[number, anchor=base west] at {_at(_MARGIN, top + 8 + 17 * i)} {{{line}}};"


def _number(said: str, x: float, y: float) -> str:
    return rf"\node[number] at {_at(x, y)} {{{words(said)}}};"


def _filled(tint: str, x: float, y: float, wide: float, high: float, style: str = "") -> str:
    red, green, blue = (int(tint[i : i + 2], 16) for i in (1, 3, 5))
    colour = f"fill={{rgb,255:red,{red};green,{green};blue,{blue}}}"
    return rf"\path[{', '.join(filter(None, (colour, style)))}] {_at(x, y)} rectangle {_at(x + wide, y + high)};"


def _at(x: float, y: float) -> str:
    return f"({x:.1f},{y:.1f})"
