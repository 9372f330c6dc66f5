"""Which levels of a graph a page shows, and which it opens with: as it was drawn, finer, coarser, number by number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.targets.lines import in_order
from microgradcnn.targets.scalars import IN_PAIRS, opened_arrays
from microgradcnn.targets.simplify import opened
from microgradcnn.targets.trace import recorded
from microgradcnn.views.drawing.scene import Drawing, drawn
from microgradcnn.views.drawing.structure.namespace import Owners
from microgradcnn.views.pages.page_level import Level

MOST_BOXES = 150  # of a level that nobody asked for
MOST_FINE = 20_000  # nodes of a graph whose groups open
MOST_TRIED = 3000  # nodes of a graph whose program is written, to see whether a page can carry it
COMFORTABLE = 40  # boxes of the level that a page opens with, if there is one with so few


@dataclass
class Shown:
    """What a page can show: its levels in the order of their names, views among them, and the finest level."""

    levels: list[Level | Drawing] = field(default_factory=list)
    finest: Level | None = None

    @property
    def own(self) -> list[Level]:
        """The levels with programs of their own: the listed ones, and the finest."""
        listed = [level for level in self.levels if isinstance(level, Level)]
        return listed if self.finest is None or self.finest in listed else [*listed, self.finest]


def levels_of(f: Value, drawing: Drawing, owners: Owners | None) -> Shown:
    """The level as it was drawn and others, the first one comfortable to look at first."""
    leaves, order = [v for v in topological(f) if v.op is None], topological(f)
    given = {group.name: [order[i] for i in group.members] for group in drawing.groups if group.kind == "given"}
    kinds = collapsed_kinds(drawing)
    if kinds - {"segment"}:
        if len(order) > MOST_FINE:
            return Shown([Level(title_of(drawing), f, drawing, leaves)])
        few = len(order) <= MOST_BOXES
        fine = drawn(f, given, opened=True, owners=owners, placed=few)
        level = Level(title_of(fine), f, fine, leaves, len(order) <= MOST_TRIED)
        return Shown([drawing, *([level] if few else [])], level)
    found = [Level(title_of(drawing), f, drawing, leaves)]
    segments = [group.name for group in drawing.groups if group.kind == "segment" and len(group.members) > 1]
    other = None
    if not kinds and segments:
        other = drawn(f, given, collapse=segments, opened=True, owners=owners)
    elif kinds and len(order) <= MOST_BOXES:
        other = drawn(f, given, opened=True, owners=owners)
    if other is not None:
        found.append(Level(title_of(other), f, other, leaves))
    finest = next((level for level in found if not collapsed_kinds(level.drawing)), None)
    if other is not None and len(drawing.boxes) > COMFORTABLE and len(other.boxes) < len(drawing.boxes):
        found.reverse()
    if f.shape == () and found[0].live and any(v.shape for v in order):
        found += _scalar_level(f, leaves)
    return Shown([*found], finest)


def collapsed_kinds(drawing: Drawing) -> set[str]:
    """The kinds of the groups that are drawn as one."""
    collapsed = {box.group for box in drawing.boxes if box.group is not None}
    return {group.kind for group in drawing.groups if group.name in collapsed}


def title_of(drawing: Drawing) -> str:
    """What a level is called."""
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
