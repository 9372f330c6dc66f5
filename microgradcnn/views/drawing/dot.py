"""A drawing as text in DOT, the language of Graphviz, for those who would rather have their graph laid out by it."""

from __future__ import annotations

import re

from microgradcnn.views.drawing.boxes import Box
from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.formulas.typeset import clean


def dot(drawing: Drawing) -> str:
    """A digraph from left to right, with a record for every node and the local derivative on every edge."""
    lines = ["digraph {", '  rankdir=LR; node [shape=record, fontname="Helvetica"]; edge [fontname="Helvetica"];']
    lines += [f"  n{i} [label={_quoted(_record(node))}];" for i, node in enumerate(drawing.boxes)]
    for edge in drawing.edges:
        style = "" if edge.flows else ", style=dashed"
        lines.append(f"  n{edge.source} -> n{edge.target} [label={_quoted(_escaped(edge.local))}{style}];")
    return "\n".join([*lines, "}", ""])


def _record(node: Box) -> str:
    rows = [node.words, *([node.note] if node.note else []), node.value, node.gradient]
    return "|".join(map(_escaped, rows))


def _escaped(text: str) -> str:
    """Text within a label: what a record would read as its own is plain."""
    return re.sub(r"([\\{}<>|\[\] ])", r"\\\1", clean(text)).replace("&", "&amp;")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
