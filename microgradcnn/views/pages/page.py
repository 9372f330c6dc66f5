"""A page that runs a graph: one file, offline, which steps through both passes, derives, recomputes and descends.

The script on it is in assets/. The picture stands in the page as it is, so that it shows where no script may run; all
that only the script needs, formulas, derivations and the other levels' pictures, is packed beside it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
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
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import name_of, symbol
from microgradcnn.views.pages.assets import asset, style
from microgradcnn.views.pages.page_level import Level, cells
from microgradcnn.views.pages.templates import Derivations, derived, level_templates, math, slotted

MOST_FIELDS = 64  # for the numbers of one leaf
MOST_BOXES = 150  # of a level that nobody asked for
COMFORTABLE = 40  # boxes of the level that a page opens with, if there is one with so few
SCRIPTS = ("numbers", "page_levels", "paths", "canvas", "picture", "step_words", "derivation", "predicting", "descent")
SCRIPTS += ("page",)
DATA = frozenset({"x", "X", "y", "Y", "p", "λ"})  # leaves that descent does not move, unless told to


def page(f: Value, drawing: Drawing, wrt: Sequence[Value] = ()) -> str:
    """The HTML of the page. Descent moves the leaves in `wrt`, or if it is empty those not called as DATA."""
    levels = _levels(f, drawing)
    leaves = [v for v in topological(f) if v.op is None]
    moved = set(wrt or [v for v in leaves if name_of(v.label or "").base not in DATA] or leaves)
    told, packed = list(_leaves(leaves, moved)), list[str]()
    derivations = Derivations()
    described = [_level(level, i, derivations, packed) for i, level in enumerate(levels)]
    packed += derivations.templates()
    data = {
        "computed": _has_all_gradients(f),
        "leaves": told,
        "levels": described,
        "packed": base64.b64encode(gzip.compress(_written("".join(packed)), mtime=0)).decode(),
    }
    programs = ",\n".join(level.program or "null" for level in levels)
    why_not = levels[0].why_not
    classes = f"static{'' if levels[0].live else ' recorded'}{' single' if len(levels) == 1 else ''}"
    body = asset("page.html").format(
        title=escape(drawing.title),
        about=escape(drawing.about),
        note=f"\n<p>This page shows the numbers that were recorded: {escape(why_not)}.</p>" if why_not else "",
        options="".join(f'<option value="{i}">{level.title}</option>' for i, level in enumerate(levels)),
        fields="".join(_fields(told)) if levels[0].live else "",
        picture=svg.svg(levels[0].drawing),
        data=json_text(data, separators=(",", ":")).replace("<", "\\u003c"),
        script=f"const programs = [{programs}];\n" + "\n".join(asset(f"{name}.js") for name in SCRIPTS),
    )
    return _written(html_document(body, drawing.title, style("page.css"), classes)).decode()


def _has_all_gradients(f: Value) -> bool:
    """Whether a whole backward pass has been through, and not only some steps of one by hand."""
    reached = {f}
    for node in reversed(topological(f)):
        if node in reached and node.op is not None:
            flows = (p for k, p in enumerate(node.parents) if node.op.chain[k] is not None)
            reached.update(p for p in flows if type(p) is not Constant and p.dtype != np.bool_)
    return all(node.has_grad for node in reached)


def embedded(f: Value, drawing: Drawing, wrt: Sequence[Value] = ()) -> str:
    """The page in a frame for a notebook, with the picture behind it for where frames or scripts are taken out."""
    high = min(900, round(1.5 * drawing.layout.size[1]) + 450)
    frame = (
        f'<iframe class="microgradcnn-page" sandbox="allow-scripts" title="{escape(drawing.title)}" '
        f'style="width:100%;height:{high}px;border:0" srcdoc="{escape(page(f, drawing, wrt))}"></iframe>'
    )
    return f"<style>.microgradcnn-page+img{{display:none}}</style>{frame}{svg.image(drawing)}"


def _written(text: str) -> bytes:
    """The text as a file has it: half a surrogate pair, which a label may have, is no character."""
    return text.encode("utf-8", "replace")


def _levels(f: Value, drawing: Drawing) -> list[Level]:
    """The level as it was drawn and others, the first one comfortable to look at first."""
    leaves = [v for v in topological(f) if v.op is None]
    found = [Level(_title(drawing), f, drawing, leaves)]
    other = _other_drawing(f, drawing)
    if other is not None:
        found.append(Level(_title(other), f, other, leaves))
        if len(drawing.boxes) > COMFORTABLE and len(other.boxes) < len(drawing.boxes):
            found.reverse()
    if f.shape == () and found[0].live and any(v.shape for v in topological(f)):
        found += _scalar_level(f, leaves)
    return found


def _title(drawing: Drawing) -> str:
    collapsed = {node.group for node in drawing.boxes if node.group is not None}
    kinds = {group.kind for group in drawing.groups if group.name in collapsed}
    return "Operation by operation" if not kinds else "Formula by formula" if kinds == {"segment"} else "As drawn"


def _other_drawing(f: Value, drawing: Drawing) -> Drawing | None:
    """The same graph with every formula in one box if it was drawn by its operations, and the other way round."""
    title, order = _title(drawing), topological(f)
    if title == "As drawn":
        return None
    given = {group.name: [order[i] for i in group.members] for group in drawing.groups if group.kind == "given"}
    if title == "Formula by formula":
        return drawn(f, given, opened=True) if len(order) <= MOST_BOXES else None
    segments = [group.name for group in drawing.groups if group.kind == "segment" and len(group.members) > 1]
    return drawn(f, given, collapse=segments) if segments else None


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


def _level(level: Level, number: int, derivations: Derivations, packed: list[str]) -> dict[str, Any]:
    """What the script is told of a level; its formulas, and its picture if it is not the first, are packed."""
    pieces, steps = list(level_templates(level)), dict[int, Any]()
    if number:
        pieces.append(svg.svg(level.drawing, f"level-{number}-"))
    for x in derived(level):
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
            for k in level.links
        ],
        "passes": level.passes,
        "derivations": steps,
    }


def _box(level: Level, box: int) -> dict[str, Any]:
    node, drawing = level.nodes[box], level.drawing.boxes[box]
    if node is None:
        return {"name": drawing.words, "leaf": drawing.leaf}
    told: dict[str, Any] = {"name": notation.text(level.names[node]), "leaf": node.op is None}
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
