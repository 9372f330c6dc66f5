"""The two passes through a graph as a film: a picture a step, with what it computes written below.

Forward every box gets its value, backward every edge adds what it sends to a gradient. Boxes that are not reached yet
are pale; the box and the edges of the step are marked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import escape

import numpy as np

from microgradcnn.engine.arrays import Data, shape_of
from microgradcnn.views.drawing.boxes import NONE, NOT_COMPUTED, Box, said
from microgradcnn.views.drawing.colours import plane
from microgradcnn.views.drawing.maps.tiles import tiles
from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.drawing.svg import MARGIN, svg, tspans
from microgradcnn.views.formulas.expression import derivative, equation, multiply, substituted, symbol, value
from microgradcnn.views.formulas.typeset import Run, clean, shortened, typeset
from microgradcnn.views.pages.page_level import Level

MOST = 200  # steps of a film
NARROWEST, WIDEST, HIGHEST = 640.0, 1280.0, 800.0  # pixels of a film; of a larger picture the step's surroundings
CAPTION, FORMULA = 78.0, 20.0  # pixels of what is below the picture, and of its formula
_STYLE = """.microgradcnn-graph .later{opacity:.28}
.microgradcnn-graph .lit.edge path,.microgradcnn-graph .lit .box{stroke:#d55e00;stroke-width:3}
.microgradcnn-graph .lit .local{fill:#a34700;font-weight:bold}
.caption text{text-anchor:middle;font-family:Helvetica,Arial,"Liberation Sans",
sans-serif;font-size:14px;fill:#4b5563}.caption .name{font-family:"STIX Two Text","Times New Roman",Times,
"Liberation Serif",serif;font-size:20px;fill:#1b1f24}.caption .i{font-style:italic}.caption .s{font-size:14px}"""


@dataclass
class _Step:
    """What a step is about, its boxes and edges, and what is known after it.

    `computed` are the boxes that have their values, `gradients` what has arrived in boxes so far, None for all of it.
    """

    words: str
    formula: list[Run]
    boxes: list[int] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    computed: frozenset[int] = frozenset()
    gradients: dict[int, Data] = field(default_factory=dict)


def film(level: Level) -> list[str]:
    """An SVG for each step. Raises ValueError for more than MOST steps."""
    steps = list(_steps(level))
    if len(steps) > MOST:
        raise ValueError(
            f"a film of {len(steps)} steps is too long, {MOST} are the most: collapse groups, all of them with "
            "collapse=True or --collapse '*', or save the picture as .html, a page to step through"
        )
    return [_frame(level, step, i, len(steps) - 1) for i, step in enumerate(steps)]


def _steps(level: Level) -> Iterator[_Step]:
    boxes = level.drawing.boxes
    computed = frozenset(i for i, box in enumerate(boxes) if box.leaf)
    yield _Step("The leaves have their numbers; nothing is computed yet.", [], computed=computed)
    for i in range(len(boxes)):
        if not boxes[i].leaf:
            computed |= {i}
            into = [k for k, edge in enumerate(level.drawing.edges) if edge.target == i]
            yield _Step("Forward", _computing(level, i), [i], into, computed)
    yield from _sending(level, computed) if level.gradients else _recorded(level, computed)


def _sending(level: Level, computed: frozenset[int]) -> Iterator[_Step]:
    """The backward pass, an edge a step, each with what it adds to a gradient."""
    root, totals = level.nodes.index(level.f), dict[int, Data]()
    totals[root] = level.gradients[level.f].data
    name = level.names[level.f]
    start = typeset(equation(derivative(name, name), value(1.0)))
    yield _Step("Backward: it starts at the end", start, [root], [], computed, dict(totals))
    for k in level.passes:
        link = level.links[k]
        assert link.sent is not None
        sent = link.sent.data
        formula = _added(level, k, totals.get(link.parent))
        totals[link.parent] = sent if link.parent not in totals else totals[link.parent] + sent
        yield _Step("Backward", formula, [link.child, link.parent], [k], computed, dict(totals))
    nodes = [(i, node) for i, node in enumerate(level.nodes) if node is not None and node in level.gradients]
    every = {i: level.gradients[node].data for i, node in nodes}
    yield _Step("All gradients are known.", [], computed=computed, gradients=every)


def _recorded(level: Level, computed: frozenset[int]) -> Iterator[_Step]:
    """The backward pass of a graph whose numbers were recorded: a box a step, with the whole gradient that it has."""
    boxes = level.drawing.boxes
    known: dict[int, Data] = {}
    for i in reversed(range(len(boxes))):
        if boxes[i].gradient not in (NOT_COMPUTED, NONE):
            known[i] = None
            out = [k for k, edge in enumerate(level.drawing.edges) if edge.source == i and edge.flows]
            said = [Run("the gradient of "), *boxes[i].heading, Run(f":  {boxes[i].gradient}")]
            yield _Step("Backward", said, [i], out, computed, dict(known))
    yield _Step("All gradients are known." if known else "All values are known.", [], [], [], computed, dict(known))


def _computing(level: Level, i: int) -> list[Run]:
    """name = formula = formula with numbers = value"""
    node, formula, box = level.nodes[i], level.formulas[i], level.drawing.boxes[i]
    if node is None or formula is None or not level.live:
        return [*box.heading, Run(f":  {box.value}")]
    sides = [level.names[node], formula]
    if node.shape:
        return [*typeset(equation(*sides)), Run(f",  {box.note}: {box.value}")]
    numbers = {level.names[v]: value(v.item()) for v in level.nodes if v is not None and not v.shape}
    result = value(node.item()) if node.dtype != np.bool_ else symbol(box.value)
    sides += [side for side in (substituted(formula, numbers), result) if side != sides[-1]]
    return typeset(equation(*sides))


def _added(level: Level, k: int, before: Data) -> list[Run]:
    """df/dx += df/dz · dz/dx = number · number = number, and what the gradient is then."""
    link = level.links[k]
    child, parent = level.nodes[link.child], level.nodes[link.parent]
    assert child is not None
    assert parent is not None
    assert link.sent is not None
    f, top, bottom = level.names[level.f], level.names[child], level.names[parent]
    slope = derivative(f, bottom)
    if link.local is None:
        if link.sent_formula is None:
            return [*typeset(slope), Run(f" += {said(link.sent.data)}")]
        return [*typeset(equation(slope, link.sent_formula, sign="+=")), Run(f",  {said(link.sent.data)}")]
    factors = [value(level.gradients[child].item()), value(link.local.item())]
    sent = link.sent.item()
    right = [multiply(derivative(f, top), derivative(top, bottom)), multiply(*factors), value(sent)]
    runs = typeset(equation(slope, equation(*right), sign="+="))
    total = None if before is None else value(float(before) + sent)
    return runs if total is None else [*runs, Run("  →  "), *typeset(total)]


def _frame(level: Level, step: _Step, number: int, last: int) -> str:
    """The picture as it is after a step, with its caption below."""
    drawing = level.drawing
    shown = [_box(level, i, box, step) for i, box in enumerate(drawing.boxes)]
    ends = [{edge.source, edge.target} <= step.computed for edge in drawing.edges]
    edges = [e if known else replace(e, local="") for e, known in zip(drawing.edges, ends, strict=True)]
    kinds = [_class(k in step.edges, known) for k, known in enumerate(ends)]
    kinds += [_class(i in step.boxes, i in step.computed) for i in range(len(shown))]
    classes = iter(kinds)
    picture = svg(replace(drawing, boxes=shown, edges=edges))
    picture = re.sub(r'(?<=<g class=")(?=edge|node|group)', lambda _: next(classes), picture)
    whole = [float(x) for x in re.findall(r'(?:width|height)="(\d+)"', picture)[:2]]
    inner, high = min(whole[0], WIDEST), min(whole[1], HIGHEST)
    wide = max(inner, NARROWEST)
    runs = shortened(step.formula, FORMULA, wide - 40)
    head = f"{step.words}" if number in (0, last) else f"{step.words}, step {number} of {last}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high + CAPTION:.0f}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#ffffff"/>'
        f'<svg x="{(wide - inner) / 2:.0f}" width="{inner:.0f}" height="{high:.0f}" '
        f'viewBox="{_seen(drawing, step, whole, (inner, high))}">{picture}</svg>'
        f'<g class="caption" transform="translate({wide / 2:.0f} {high:.0f})">'
        f'<text y="14">{escape(clean(head))}</text><text class="name" y="48">{tspans(runs, 4.0, 7.0)}</text></g></svg>'
    )


def _seen(drawing: Drawing, step: _Step, whole: Sequence[float], window: Sequence[float]) -> str:
    """What is seen of a picture, as a viewBox: a window around the step's boxes; where it has none, the whole."""
    if not step.boxes:
        return f"0 0 {whole[0]:.0f} {whole[1]:.0f}"
    places = [drawing.layout.boxes[i] for i in step.boxes]
    left = (whole[0] - drawing.layout.size[0]) / 2
    across = _middle([at.x for at in places], [at.x + at.width for at in places])
    down = _middle([at.y for at in places], [at.y + at.height for at in places])
    middle = left + across, MARGIN + down
    corner = [min(max(m - w / 2, 0.0), all_of_it - w) for m, w, all_of_it in zip(middle, window, whole, strict=True)]
    return " ".join(f"{x:.0f}" for x in (*corner, *window))


def _middle(starts: Sequence[float], ends: Sequence[float]) -> float:
    return (min(starts) + max(ends)) / 2


def _class(lit: bool, known: bool) -> str:
    return "lit " if lit else "" if known else "later "


def _box(level: Level, i: int, box: Box, step: _Step) -> Box:
    """A box with the value and the gradient that it has after a step."""
    value_tint, gradient_tint = box.tints
    text, maps, shown = box.value, box.maps, box.tiles
    if i not in step.computed:
        text, value_tint = "", "#ffffff"
        maps = maps and (np.empty((0, 0)), None)
    elif i in step.gradients and step.gradients[i] is not None:
        g = step.gradients[i]
        if shape_of(g):
            maps = maps and (maps[0], plane(g))
            shown = shown and (shown[0], tiles(np.asarray(g), shown[0].kind))
        else:
            gradient_tint = level.drawing.scales[1].colour(float(g))
        return replace(box, gradient=said(g), tints=(value_tint, gradient_tint), maps=maps, tiles=shown)
    gradient = box.gradient
    if i not in step.gradients:
        gradient, gradient_tint, maps = "", "#ffffff", maps and (maps[0], None)
    return replace(box, value=text, gradient=gradient, tints=(value_tint, gradient_tint), maps=maps)
