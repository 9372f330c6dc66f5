"""A page that runs a graph: one file, offline, which steps through both passes, derives, recomputes and descends.

The script on it is in assets/. The picture stands in the page as it is, so that it shows where no script may run; all
that only the script needs, formulas, derivations and the other levels' pictures, is packed beside it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.files import json_text
from microgradcnn.targets.lines import in_order
from microgradcnn.targets.scalars import IN_PAIRS, opened_arrays
from microgradcnn.targets.simplify import opened
from microgradcnn.targets.trace import recorded
from microgradcnn.views.derivations.ledger import node_names
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.drawing import svg
from microgradcnn.views.drawing.colours import largest
from microgradcnn.views.drawing.scene import Drawing, drawn
from microgradcnn.views.drawing.structure.namespace import Owners
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import cut, name_of, symbol
from microgradcnn.views.formulas.typeset import clean
from microgradcnn.views.pages.assets import asset, style
from microgradcnn.views.pages.page_level import Level, cells
from microgradcnn.views.pages.templates import Derivations, derived, level_templates, math, slotted

MOST_FIELDS = 64  # for the numbers of one leaf
MOST_BOXES = 150  # of a level that nobody asked for
MOST_FINE, MOST_EXPLAINED = 3000, 500  # nodes of a graph whose groups open, and of one whose gradients are derived
COMFORTABLE = 40  # boxes of the level that a page opens with, if there is one with so few
SCRIPTS = (
    *("graph/numbers", "graph/page_levels", "canvas/grouping", "canvas/paths", "canvas/canvas", "canvas/address"),
    *("canvas/minimap", "canvas/arranging", "canvas/blocks", "graph/picture", "graph/step_words", "graph/derivation"),
    *("graph/predicting", "graph/descent", "graph/page"),
)
DATA = frozenset({"x", "X", "y", "Y", "p", "λ"})  # leaves that descent does not move, unless told to


def page(f: Value, drawing: Drawing, wrt: Sequence[Value] = (), owners: Owners | None = None) -> str:
    """The HTML of the page. Descent moves the leaves in `wrt`, or if it is empty those not called as DATA.

    `owners` are the objects that parameters belong to, for the groups of other levels.
    """
    shown = _levels(f, drawing, owners)
    first = shown.levels[0] if isinstance(shown.levels[0], Level) else shown.finest
    assert first is not None  # a view is one of the finest level
    leaves = [v for v in topological(f) if v.op is None]
    moved = set(wrt or [v for v in leaves if name_of(v.label or "").base not in DATA] or leaves)
    told, packed = list(_leaves(leaves, moved)), list[str]()
    derivations = Derivations()
    every = [*shown.levels, *(level for level in shown.own if level not in shown.levels)]
    described = [
        _level(level, i, derivations, packed, drawing) if isinstance(level, Level) else _view(level, drawing)
        for i, level in enumerate(every)
    ]
    packed += derivations.templates()
    groups = list(_groups(shown.finest, drawing, packed)) if shown.finest is not None else []
    live = any(level.live for level in shown.own)
    data = {
        "computed": _has_all_gradients(f),
        "leaves": told if live else [],
        "levels": described,
        "finest": every.index(shown.finest) if shown.finest is not None else None,
        "groups": groups,
        "packed": base64.b64encode(gzip.compress(_written("".join(packed)), mtime=0)).decode(),
    }
    programs = ",\n".join((level.program if isinstance(level, Level) else "") or "null" for level in every)
    why_not = first.why_not
    classes = f"static{'' if first.live else ' recorded'}{' single' if len(shown.levels) == 1 else ''}"
    titles = [level.title if isinstance(level, Level) else _title(level) for level in shown.levels]
    body = asset("graph/page.html").format(
        title=escape(drawing.title),
        about=escape(drawing.about),
        note=f"\n<p>This page shows the numbers that were recorded: {escape(why_not)}.</p>" if why_not else "",
        options="".join(f'<option value="{i}">{title}</option>' for i, title in enumerate(titles)),
        fields="".join(_fields(told)) if first.live else "",
        picture=svg.svg(drawing_of(shown.levels[0])),
        data=json_text(data, separators=(",", ":")).replace("<", "\\u003c"),
        script=f"const programs = [{programs}];\n" + "\n".join(asset(f"{name}.js") for name in SCRIPTS),
    )
    return _written(html_document(body, drawing.title, style("graph/page.css"), classes)).decode()


def drawing_of(level: Level | Drawing) -> Drawing:
    """What a level draws; a view is its drawing."""
    return level.drawing if isinstance(level, Level) else level


def _view(view: Drawing, drawing: Drawing) -> dict[str, Any]:
    """What the script is told of a level that it makes itself from the finest one."""
    return {"title": _title(view), "view": True, "closed": _closed(view, drawing)}


def _closed(shown: Drawing, drawing: Drawing) -> list[int]:
    """The groups that are drawn as one, by their places among all."""
    closed = {box.group for box in shown.boxes if box.group is not None}
    return [i for i, group in enumerate(drawing.groups) if group.name in closed]


def _groups(finest: Level, drawing: Drawing, packed: list[str]) -> Iterator[dict[str, Any]]:
    """What can be closed and opened, by the boxes of the finest level; what it looks like closed is packed."""
    place = {box.index: i for i, box in enumerate(finest.drawing.boxes) if box.index is not None}
    numbers = {group.name: i for i, group in enumerate(drawing.groups)}
    boxes = [drawing.closed(name) for name in numbers]
    packed.append(f'<section id="packed-groups">{svg.boxes(boxes, "g-")}</section>')
    for group, box in zip(drawing.groups, boxes, strict=True):
        yield {
            "columns": 1 if box.maps is None else box.maps[0].shape[1],
            "name": clean(cut(group.name)),
            "kind": group.kind,
            "members": sorted(place[i] for i in group.members),
            "head": None if group.head is None else place[group.head],
            "outer": None if group.outer is None else numbers[group.outer.name],
        }


def _has_all_gradients(f: Value) -> bool:
    """Whether a whole backward pass has been through, and not only some steps of one by hand."""
    reached = {f}
    for node in reversed(topological(f)):
        if node in reached and node.op is not None:
            flows = (p for k, p in enumerate(node.parents) if node.op.chain[k] is not None)
            reached.update(p for p in flows if type(p) is not Constant and p.dtype != np.bool_)
    return all(node.has_grad for node in reached)


def embedded(text: str, drawing: Drawing) -> str:
    """A page in a frame for a notebook, with the picture behind it for where frames or scripts are taken out."""
    high = min(900, max(560, round(1.2 * drawing.layout.size[1]) + 180))
    frame = (
        f'<iframe class="microgradcnn-page" sandbox="allow-scripts" title="{escape(drawing.title)}" '
        f'style="width:100%;height:{high}px;border:0" srcdoc="{escape(text)}"></iframe>'
    )
    return f"<style>.microgradcnn-page+img{{display:none}}</style>{frame}{svg.image(drawing)}"


def _written(text: str) -> bytes:
    """The text as a file has it: half a surrogate pair, which a label may have, is no character."""
    return text.encode("utf-8", "replace")


@dataclass
class _Shown:
    """What a page can show: its levels in the order of their names, views among them, and the finest level."""

    levels: list[Level | Drawing] = field(default_factory=list)
    finest: Level | None = None

    @property
    def own(self) -> list[Level]:
        """The levels with programs of their own: the listed ones, and the finest."""
        listed = [level for level in self.levels if isinstance(level, Level)]
        return listed if self.finest is None or self.finest in listed else [*listed, self.finest]


def _levels(f: Value, drawing: Drawing, owners: Owners | None) -> _Shown:
    """The level as it was drawn and others, the first one comfortable to look at first."""
    leaves, order = [v for v in topological(f) if v.op is None], topological(f)
    given = {group.name: [order[i] for i in group.members] for group in drawing.groups if group.kind == "given"}
    kinds = collapsed_kinds(drawing)
    if kinds - {"segment"}:
        if len(order) > MOST_FINE:
            return _Shown([Level(_title(drawing), f, drawing, leaves)])
        few = len(order) <= MOST_BOXES
        fine = drawn(f, given, opened=True, owners=owners, placed=few)
        level = Level(_title(fine), f, fine, leaves)
        return _Shown([drawing, *([level] if few else [])], level)
    found = [Level(_title(drawing), f, drawing, leaves)]
    segments = [group.name for group in drawing.groups if group.kind == "segment" and len(group.members) > 1]
    other = None
    if not kinds and segments:
        other = drawn(f, given, collapse=segments, owners=owners)
    elif kinds and len(order) <= MOST_BOXES:
        other = drawn(f, given, opened=True, owners=owners)
    if other is not None:
        found.append(Level(_title(other), f, other, leaves))
    finest = next((level for level in found if not collapsed_kinds(level.drawing)), None)
    if other is not None and len(drawing.boxes) > COMFORTABLE and len(other.boxes) < len(drawing.boxes):
        found.reverse()
    if f.shape == () and found[0].live and any(v.shape for v in order):
        found += _scalar_level(f, leaves)
    return _Shown([*found], finest)


def collapsed_kinds(drawing: Drawing) -> set[str]:
    """The kinds of the groups that are drawn as one."""
    collapsed = {box.group for box in drawing.boxes if box.group is not None}
    return {group.kind for group in drawing.groups if group.name in collapsed}


def _title(drawing: Drawing) -> str:
    kinds = collapsed_kinds(drawing) - {"segment"}
    if not kinds:
        return "Formula by formula" if collapsed_kinds(drawing) else "Operation by operation"
    return (
        "Step by step in time" if "step" in kinds else "Layer by layer" if kinds <= {"layer", "object"} else "As drawn"
    )


def _scalar_level(f: Value, leaves: Sequence[Value]) -> Iterator[Level]:
    """The graph of the same numbers one by one, if it is small and its derivatives are those of the arrays."""
    lines = opened(recorded([f], leaves), "javascript")
    if any(line.op in IN_PAIRS for line in in_order([lines.loss])):
        return
    (loss,), grids = opened_arrays([lines.loss], lines.inputs)
    g = loss.item()
    if isinstance(g, Value) and len(topological(g)) <= MOST_BOXES:
        numbers: list[Any] = [v for grid in grids for v in grid.ravel()]
        yield Level("Number by number", g, drawn(g), numbers)


def _leaves(leaves: Sequence[Value], moved: set[Value]) -> Iterator[dict[str, Any]]:
    """Every leaf with its numbers, and the place of the first among those of all leaves."""
    place = 0
    for v, name in node_names(list(leaves)).items():
        numbers = [float(x) for x in np.ravel(v.data)]
        family = notation.text(symbol(name_of(name).base))
        # JSON has no word for what is not finite
        given = [x if np.isfinite(x) else repr(x).replace("inf", "Infinity").replace("nan", "NaN") for x in numbers]
        yield {
            "name": notation.text(symbol(name)),
            "family": family,
            "numbers": given,
            "moves": v in moved,
            "place": place,
        }
        place += len(numbers)


def _fields(leaves: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A field for every number, by families of leaves, with a tick for whether descent moves it."""
    families: dict[str, list[dict[str, Any]]] = {}
    for leaf in sorted(leaves, key=lambda leaf: not leaf["moves"]):
        families.setdefault(leaf["family"], []).append(leaf)
    for family, members in families.items():
        name, ticked = escape(family), " checked" if members[0]["moves"] else ""
        yield f"<fieldset><legend>{name} <label><input type='checkbox' data-family=\"{name}\"{ticked}> descent moves it"
        yield "</label></legend>"
        for leaf in members:
            many = len(leaf["numbers"]) > 1
            for i in range(min(len(leaf["numbers"]), MOST_FIELDS)):
                yield f"<label>{escape(leaf['name'])}{f'[{i + 1}]' if many else ''}"
                yield f' <input type="number" step="any" data-place="{leaf["place"] + i}"></label>'
        yield "</fieldset>"


def _level(level: Level, number: int, derivations: Derivations, packed: list[str], drawing: Drawing) -> dict[str, Any]:
    """What the script is told of a level; its formulas, and its picture if it is not the first, are packed."""
    pieces, steps = list(level_templates(level)), dict[int, Any]()
    if number and level.drawing.layout.size[0]:
        pieces.append(svg.svg(level.drawing, f"level-{number}-"))
    elif number:
        pieces.append(svg.boxes(level.drawing.boxes, f"level-{number}-"))
    for x in derived(level) if len(level.nodes) <= MOST_EXPLAINED else []:
        steps[level.nodes.index(x)], gradient = derivations.of(x, level)
        if (numbers := slotted(gradient, level)) is not None:
            pieces.append(math(numbers, substituted=level.nodes.index(x)))
    packed.append(f'<section id="packed-{number}">{"".join(pieces)}</section>')
    return {
        "title": level.title,
        "live": level.live,
        "root": level.nodes.index(level.f) if level.f in level.names else len(level.nodes) - 1,
        "most": {"value": largest([v.data for v in level.names]), "gradient": level.drawing.scales[1].largest},
        "boxes": [_box(level, box) for box in range(len(level.nodes))],
        "links": [
            {"parent": k.parent, "child": k.child, "local": k.local is not None, "size": _size(k.sent)}
            | ({} if level.live else {"recorded": edge.local})
            for k, edge in zip(level.links, level.drawing.edges, strict=True)
        ],
        "passes": level.passes,
        "derivations": steps,
        "closed": _closed(level.drawing, drawing) if level.drawing.root == drawing.root else None,
    }


def _box(level: Level, box: int) -> dict[str, Any]:
    node, drawing = level.nodes[box], level.drawing.boxes[box]
    if node is None:
        return {"name": drawing.words, "leaf": drawing.leaf}
    told: dict[str, Any] = {"name": notation.text(level.names[node]), "leaf": node.op is None, "node": drawing.index}
    if node in level.leaves:
        told["place"] = sum(_size(v) for v in level.leaves[: level.leaves.index(node)])
    if node in level.gradients:
        told["gradient"] = True
    if node.shape:
        told["shape"] = list(node.shape)
        if (places := cells(node)) is not None:
            told |= {"columns": places.shape[1], "cells": places.astype(int).ravel().tolist()}
    return told


def _size(v: Value | None) -> int:
    return 0 if v is None else int(np.size(v.data))
