"""A page that runs a graph: one file, offline, which steps through both passes, derives, recomputes and descends.

The script on it is in assets/. The picture stands in the page as it is, so that it shows where no script may run; all
that only the script needs, formulas, derivations and the other levels' pictures, is packed beside it.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Constant, Value
from microgradcnn.files import json_text
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.drawing import svg
from microgradcnn.views.drawing.colours import largest
from microgradcnn.views.drawing.maps.told import images_told, maps_told
from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.drawing.structure.namespace import Owners
from microgradcnn.views.drawing.structure.parameters import label_in_model, place_of, shown_names
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import cut, name_of, symbol
from microgradcnn.views.formulas.typeset import clean
from microgradcnn.views.pages.assets import asset, compact, style
from microgradcnn.views.pages.page_level import Level, cells
from microgradcnn.views.pages.shown_levels import levels_of, title_of
from microgradcnn.views.pages.templates import Derivations, derived, level_templates, math, slotted

MOST_FIELDS = 9  # for the numbers of one leaf; where it has more, one field goes to any of them
MOST_OPEN = 24  # numbers of a family whose fields are seen at once
MOST_EXPLAINED = 500  # nodes of a graph whose gradients are derived
IMAGES = ("images/windows", "images/grids", "images/window_words", "images/pixel")  # a pixel's window
ARRAYS = ("arrays/elements", "arrays/shapes", "arrays/axes", "arrays/products")  # what programs in arrays are made of
SCRIPTS = (
    *(*ARRAYS, "wide", "graph/numbers", "arrays/planes", "graph/page_levels", "canvas/grouping", "canvas/paths"),
    *("canvas/animated", "canvas/rows", "canvas/canvas", "canvas/address", "canvas/minimap", "canvas/arranging"),
    *("canvas/blocks", "images/maps"),
    *(
        "graph/picture",
        "images/pixels",
        "graph/step_words",
        "graph/derivation",
        "graph/predicting",
        "arrays/choosing",
        "graph/descent",
    ),
    *("graph/page", *IMAGES),
)
SHARED = "// The script of all pages like this one."  # from here on
SECTION, PIECE = "\x1d", "\x1e"  # what stands before each in what is packed: the group and record separators of ASCII
DATA = frozenset({"x", "X", "y", "Y", "p", "λ"})  # leaves that descent does not move, unless told to


def page(f: Value, drawing: Drawing, wrt: Sequence[Value] = (), owners: Owners | None = None) -> str:
    """The HTML of the page. Descent moves the leaves in `wrt`, or if it is empty the parameters of models, or if there
    are none the leaves not called as DATA; none that were computed, under no_grad() or with a detach().

    `owners` are the objects that parameters belong to, for these, and for the groups of other levels.
    """
    shown = levels_of(f, drawing, owners)
    first = shown.levels[0] if isinstance(shown.levels[0], Level) else shown.finest
    assert first is not None  # a view is one of the finest level
    leaves = [v for v in topological(f) if v.op is None]
    given = [v for v in leaves if "computed" not in v.static]  # not as running statistics are, which no step moves
    parameters = [v for v in given if v in (owners or {}) or label_in_model(v)]
    others = [v for v in given if name_of(v.label or "").base not in DATA]
    moved = set(wrt or parameters or others or leaves)
    told, packed = list(_leaves(topological(f), moved)), list[str]()
    derivations = Derivations()
    every = [*shown.levels, *(level for level in shown.own if level not in shown.levels)]
    described = [
        _level(level, i, derivations, packed, drawing) if isinstance(level, Level) else _view(level, drawing)
        for i, level in enumerate(every)
    ]
    packed += _section("lines", derivations.templates())
    groups = list(_groups(shown.finest, drawing, packed)) if shown.finest is not None else []
    live = any(level.live for level in shown.own)
    pictured = images_told(topological(f), not all(level.live for level in shown.own))
    numbers = [np.empty(0), *(np.ravel(v.data) for v in leaves if live)]
    numbers += [level.constants for level in every if isinstance(level, Level)]
    told_to_script = {
        "images": pictured,
        "computed": _has_all_gradients(f),
        "leaves": told if live else [],
        "levels": described,
        "finest": every.index(shown.finest) if shown.finest is not None else None,
        "groups": groups,
    }
    data = {
        "told": _packed(json_text(told_to_script, separators=(",", ":")).encode()),
        "packed": _packed(_written("".join(packed))),
        "numbers": _packed(np.concatenate(numbers).astype("<f8").tobytes()),
    }
    programs = ",\n".join((level.program if isinstance(level, Level) else "") or "null" for level in every)
    arrays = any(level.of_arrays and level.live for level in shown.own)
    unused = {*(() if arrays else ARRAYS), *(() if pictured else IMAGES)}
    scripts = [compact(asset(f"{name}.js")) for name in SCRIPTS if name not in unused]
    kind = " recorded" if not first.live else "" if first.gradients else " forward"
    classes = f"static{kind}{' single' if len(shown.levels) == 1 else ''}"
    titles = [level.title if isinstance(level, Level) else title_of(level) for level in shown.levels]
    body = asset("graph/page.html").format(
        title=escape(drawing.title),
        about=escape(drawing.about),
        note=f'\n<p data-error="{escape(first.error)}">{escape(first.why_not)}</p>' if first.why_not else "",
        options="".join(f'<option value="{i}">{title}</option>' for i, title in enumerate(titles)),
        fields="".join(_fields(told)) if first.live else "",
        picture=svg.svg(drawing_of(shown.levels[0])),
        data=json_text(data, separators=(",", ":")).replace("<", "\\u003c"),
        script="\n".join([f"const programs = [{programs}];", SHARED, *scripts]),
    )
    styles = "\n".join([style("graph/page.css"), *([asset("images/images.css")] if pictured else [])])
    return _written(html_document(body, drawing.title, styles, classes)).decode()


def _section(name: str, pieces: Iterable[str]) -> Iterator[str]:
    """A name, and pieces of HTML under it, as they are packed: the script reads each when it shows it."""
    yield SECTION + name
    yield from (PIECE + piece.replace(SECTION, "").replace(PIECE, "") for piece in pieces)


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def drawing_of(level: Level | Drawing) -> Drawing:
    """What a level draws; a view is its drawing."""
    return level.drawing if isinstance(level, Level) else level


def _view(view: Drawing, drawing: Drawing) -> dict[str, Any]:
    """What the script is told of a level that it makes itself from the finest one."""
    return {"title": title_of(view), "view": True, "closed": _closed(view, drawing)}


def _closed(shown: Drawing, drawing: Drawing) -> list[int]:
    """The groups that are drawn as one, by their places among all."""
    closed = {box.group for box in shown.boxes if box.group is not None}
    return [i for i, group in enumerate(drawing.groups) if group.name in closed]


def _groups(finest: Level, drawing: Drawing, packed: list[str]) -> Iterator[dict[str, Any]]:
    """What can be closed and opened, by the boxes of the finest level; what it looks like closed is packed."""
    place = {box.index: i for i, box in enumerate(finest.drawing.boxes) if box.index is not None}
    numbers = {group.name: i for i, group in enumerate(drawing.groups)}
    boxes = [drawing.closed(name) for name in numbers]
    packed += _section("groups", svg.boxes(boxes, "g-"))
    for group, box in zip(drawing.groups, boxes, strict=True):
        formula = group.head if group.kind == "segment" else None  # is called as the node that it computes
        yield {
            "columns": 1 if box.maps is None else box.maps[0].shape[1],
            "name": clean(cut(group.name)) if formula is None else notation.text(finest.symbols[finest.order[formula]]),
            "kind": group.kind,
            "members": sorted(place[i] for i in group.members),
            "head": None if group.head is None else place[group.head],
            "outer": None if group.outer is None else numbers[group.outer.name],
        } | maps_told(box)


def _has_all_gradients(f: Value) -> bool:
    """Whether a whole backward pass has been through, and not only some steps of one by hand."""
    reached = {f}
    for node in reversed(topological(f)):
        if node in reached and node.op is not None:
            flows = (p for k, p in enumerate(node.parents) if node.op.chain[k] is not None)
            reached.update(p for p in flows if type(p) is not Constant and p.dtype != np.bool_)
    return all(node.has_grad for node in reached)


def _written(text: str) -> bytes:
    """The text as a file has it: half a surrogate pair, which a label may have, is no character."""
    return text.encode("utf-8", "replace")


def _leaves(order: Sequence[Value], moved: set[Value]) -> Iterator[dict[str, Any]]:
    """Every leaf with its shape, where in a model it is, and its first number's place among those of all leaves."""
    place, names = 0, shown_names(order)
    for v in (v for v in order if v.op is None):
        family = notation.text(symbol(name_of(names[v]).base))
        text, within = notation.text(symbol(names[v])), place_of(v, names) if v.shape else ""
        yield {"name": text, "family": family, "shape": list(v.shape), "moves": v in moved, "place": place} | (
            {"within": clean(cut(within))} if within else {}
        )
        place += _size(v)


def _fields(leaves: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A field for every number, or one for all of a large array, by families with a tick for whether descent moves it.

    The field for a large array is made by the script.
    """
    families: dict[str, list[dict[str, Any]]] = {}
    for leaf in sorted(leaves, key=lambda leaf: not leaf["moves"]):
        families.setdefault(leaf["family"], []).append(leaf)
    for family, members in families.items():
        name, ticked = escape(family), " checked" if members[0]["moves"] else ""
        yield f"<fieldset><legend>{name} <label><input type='checkbox' data-family=\"{name}\"{ticked}> descent moves it"
        yield "</label></legend>"
        if len(members) > MOST_OPEN:
            yield f"<div class='one-of'><details><summary>{name}, {len(members)} numbers</summary><div class='fields'>"
            yield from (part for leaf in members for part in _fields_of(leaf))
            yield "</div></details></div>"
        else:
            yield from (part for leaf in members for part in _fields_of(leaf))
        yield "</fieldset>"


def _fields_of(leaf: Mapping[str, Any]) -> Iterator[str]:
    places = [f"[{', '.join(str(i + 1) for i in place)}]" * bool(place) for place in np.ndindex(*leaf["shape"])]
    if len(places) > MOST_FIELDS:
        yield f'<div class="one-of" data-leaf="{leaf["place"]}"></div>'
        return
    within = f" <small>{escape(leaf['within'])}</small>" if "within" in leaf else ""
    for i, place in enumerate(places):
        yield f"<label>{escape(leaf['name'])}{place}{within}"
        yield f' <input type="number" step="any" data-place="{leaf["place"] + i}"></label>'


def _level(level: Level, number: int, derivations: Derivations, packed: list[str], drawing: Drawing) -> dict[str, Any]:
    """What the script is told of a level; its formulas, and its picture if it is not the first, are packed."""
    pieces, steps = list(level_templates(level)), dict[int, Any]()
    prefix = f"level-{number}-"
    if number and level.drawing.layout.size[0]:
        packed += _section(f"picture {number}", [svg.svg(level.drawing, prefix)])
    elif number:
        packed += _section(f"boxes {number}", svg.boxes(level.drawing.boxes, prefix))
    for x in derived(level) if len(level.order) <= MOST_EXPLAINED else []:
        steps[level.nodes.index(x)], gradient = derivations.of(x, level)
        if (numbers := slotted(gradient, level)) is not None:
            pieces.append(math(numbers, substituted=level.nodes.index(x)))
    packed += _section(f"formulas {number}", pieces)
    return {
        "title": level.title,
        "live": level.live,
        "backward": level.live and bool(level.gradients),
        "arrays": level.of_arrays,
        "root": level.nodes.index(level.f) if level.f in level.names else len(level.nodes) - 1,
        "most": {"value": largest([v.data for v in level.names]), "gradient": level.drawing.scales[1].largest},
        "boxes": [_box(level, box) for box in range(len(level.nodes))],
        "links": [
            {"parent": k.parent, "child": k.child, "local": k.local is not None, "size": _size(k.sent)}
            | ({} if level.live else {"recorded": edge.local})
            for k, edge in zip(level.links, level.drawing.edges, strict=True)
        ],
        "passes": level.passes,
        "constants": level.constants.size,
        "derivations": steps,
        "closed": _closed(level.drawing, drawing) if level.drawing.root == drawing.root else None,
    }


def _box(level: Level, box: int) -> dict[str, Any]:
    node, drawing = level.nodes[box], level.drawing.boxes[box]
    if node is None:
        return {"name": drawing.words, "leaf": drawing.leaf}
    told: dict[str, Any] = {"name": notation.text(level.names[node]), "leaf": node.op is None, "node": drawing.index}
    if node in level.starts:
        told["place"] = level.starts[node]
        if node.label and node.label in level.places:
            told["within"] = clean(cut(node.label))
    if node in level.gradients:
        told["gradient"] = True
    told |= maps_told(drawing)
    if node.shape:
        told["shape"] = list(node.shape)
        if (places := cells(node)) is not None:
            told |= {"columns": places.shape[1], "cells": places.astype(int).ravel().tolist()}
    return told


def _size(v: Value | None) -> int:
    return 0 if v is None else int(np.size(v.data))
