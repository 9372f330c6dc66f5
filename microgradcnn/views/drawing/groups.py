"""Parts of a graph that a picture can draw as one: segments, families, groups that the user names or meant, layers.

A labelled node and the unlabelled ones that only it is computed from are its segment: c_1·p_1 + ... is a_1. Labels that
differ in their subscripts are a family: z_1, ..., z_4 are z. Drawn as one, no part may be both before and after
another: a family for which that would happen is none.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.drawing.layout import columns_of
from microgradcnn.views.drawing.structure.drawable import drawn_as_one, sorted_items
from microgradcnn.views.drawing.structure.layers import Meant
from microgradcnn.views.formulas.expression import name_of

MANY = 500  # nodes: with more of them a picture starts with its groups collapsed
READABLE = 50  # nodes and groups that such a picture shows, about
LARGEST = 60  # nodes in a segment's formula: a longer one is cut at functions, and where a node is used more than once
FULL = 12  # items of a column: more become a layer
MOST_TOGETHER = 200  # items of a layer: more are opened part by part
PLENTY = 30  # nodes: with more of them what the user meant as one thing starts collapsed
MEANT = ("layer", "object", "step")  # kinds of groups that structure/ finds

Names = Iterable[str] | bool | None


@dataclass
class Group:
    """Nodes by their places in the order; `kind` is segment, family, given, column or one of MEANT.

    `head` is the last node of a segment, or of other groups the only one that is used outside.
    """

    name: str
    kind: str
    members: list[int]
    head: int | None = None
    outer: Group | None = None


@dataclass
class Grouping:
    """All groups by name, the innermost group of each node, and the names of those that are drawn as one."""

    groups: dict[str, Group] = field(default_factory=dict)
    inner: list[Group | None] = field(default_factory=list)
    collapsed: set[str] = field(default_factory=set)

    def drawn_as(self, node: int) -> int | str:
        """The outermost collapsed group that a node is in, by name, else the node."""
        found: int | str = node
        group = self.inner[node]
        while group is not None:
            found = group.name if group.name in self.collapsed else found
            group = group.outer
        return found

    def items(self) -> list[int | str]:
        """What each node is drawn as."""
        return [self.drawn_as(node) for node in range(len(self.inner))]

    def add(self, group: Group) -> None:
        """Put a group around its members: around the outermost groups that they are in so far."""
        self.groups[group.name] = group
        for node in group.members:
            inner = self.inner[node]
            if inner is None:
                self.inner[node] = group
                continue
            while inner.outer is not None:
                inner = inner.outer
            if inner is not group:
                inner.outer = group


def grouping(
    order: Sequence[Value],
    names: Sequence[str],
    given: Mapping[str, Iterable[Value]] | None = None,
    collapse: Names = None,
    opened: Names = None,
    parts: Sequence[Meant] = (),
) -> Grouping:
    """The groups of a graph whose nodes are in `order` and called `names`, and which of them start collapsed.

    `parts` are what the user meant as one thing, the inner ones first; steps are groups of graphs that are not small,
    or where they are named, and not where a family is named that they tear apart. `collapse` and `opened` name groups,
    with * or ? for any letters, or are True for all; where all is opened, what is named in `collapse` is not. Raises
    ValueError for a name that no group has, and for given groups that share a node or cannot be drawn as one.
    """
    place = {node: i for i, node in enumerate(order)}
    edges = [(place[p], i) for i, node in enumerate(order) for p in node.parents if type(p) is not Constant]
    refused: ValueError | None = None
    first = len(order) > PLENTY or all(part.kind != "step" for part in parts)
    for tried in (parts, ()) if first else ((), parts):
        try:
            found = _with_parts(order, names, given, edges, () if given else tried, opened)
            found.collapsed |= _chosen(collapse, found.groups)
            found.collapsed -= _chosen(None if opened is True else opened, found.groups)
        except ValueError as error:
            refused = refused or error
        else:
            return found
    assert refused is not None
    raise refused


def _with_parts(
    order: Sequence[Value],
    names: Sequence[str],
    given: Mapping[str, Iterable[Value]] | None,
    edges: Sequence[tuple[int, int]],
    parts: Sequence[Meant],
    opened: Names,
) -> Grouping:
    found = Grouping(inner=[None] * len(order))
    meant = drawn_as_one(parts, len(order), edges)
    inside = [0] * len(order)
    for number, part in reversed(list(enumerate(meant, start=1))):
        for i in part.members:
            inside[i] = number
    _add_segments(found, order, names, edges, inside)
    _add_meant(found, names, meant)
    if given:
        _add_given(found, order, edges, given)
    _add_families(found, order, names, edges)
    if opened is not True:
        if len(order) > PLENTY:
            found.collapsed |= {g.name for g in found.groups.values() if g.kind in MEANT}
        if len(order) > MANY:
            _collapse_until_readable(found, edges)
    users = _users(len(order), edges)
    for group in found.groups.values():
        held = set(group.members)
        ends = [i for i in group.members if not users[i] or not users[i] <= held]
        group.head = ends[0] if len(ends) == 1 else None
    return found


def family_of(label: str | None) -> str | None:
    """What a label with subscripts is called without them."""
    name = name_of(label or "")
    return "_".join(filter(None, (name.base, name.accent))) if name.subscripts else None


def _users(count: int, edges: Collection[tuple[int, int]]) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in range(count)]
    for a, b in edges:
        found[a].add(b)
    return found


def _add_segments(
    found: Grouping,
    order: Sequence[Value],
    names: Sequence[str],
    edges: Collection[tuple[int, int]],
    inside: Sequence[int],
) -> None:
    users = _users(len(order), edges)
    head = list(range(len(order)))
    for node in range(len(order) - 1, -1, -1):
        if order[node].label is None and order[node].op is not None and len(users[node]) > 0:
            heads = {head[user] for user in users[node]}
            alone = len(heads) == 1 and inside[node] == inside[min(heads)]
            head[node] = heads.pop() if alone else node
    written = [1] * len(order)  # how long the formula of each node is within its segment, what is used twice twice
    for parent, child in edges:  # by children
        if head[parent] == head[child]:
            written[child] = min(written[child] + written[parent], LARGEST + 1)
    for node in range(len(order) - 1, -1, -1):
        if written[head[node]] > LARGEST and head[node] != node:
            cut = len(users[node]) > 1 or len(order[node].parents) == 1
            head[node] = node if cut else head[next(iter(users[node]))]
    members: dict[int, list[int]] = {}
    for node, h in enumerate(head):
        members.setdefault(h, []).append(node)
    for h, nodes in members.items():
        if len(nodes) > 1:
            found.add(Group(names[h], "segment", nodes, head=h))


def _add_meant(found: Grouping, names: Sequence[str], parts: Sequence[Meant]) -> None:
    for part in parts:
        name = part.name
        while name in found.groups or name in names:
            name += "'"
        found.add(Group(name, part.kind, part.members))


def _add_given(
    found: Grouping, order: Sequence[Value], edges: Collection[tuple[int, int]], given: Mapping[str, Iterable[Value]]
) -> None:
    place, taken = {node: i for i, node in enumerate(order)}, dict[int, str]()
    segment_of = {g.head: g for g in found.groups.values()}
    for name, values in given.items():
        nodes: list[int] = []
        for value in values:
            if value not in place:
                root = order[-1].describe()
                raise ValueError(f"{value.describe()} is in the group {name!r}, but not in the graph of {root}")
            head = place[value]
            nodes += segment_of[head].members if head in segment_of else [head]
        for node in nodes:
            if taken.setdefault(node, name) != name:
                raise ValueError(f"{order[node].describe()} is in two groups, {taken[node]!r} and {name!r}")
    for group in list(found.groups.values()):
        if len({taken.get(node) for node in group.members}) > 1:  # torn apart: no segment any more
            del found.groups[group.name]
            for node in group.members:
                found.inner[node] = None
    for name in given:
        if name in found.groups:
            raise ValueError(f"the group {name!r} has the name of a node that is a group by itself: call it otherwise")
        found.add(Group(name, "given", sorted(node for node, by in taken.items() if by == name)))
        found.collapsed.add(name)
        if sorted_items(found.items(), edges) is None:
            raise ValueError(f"the group {name!r} cannot be drawn as one: what is between its nodes is not in it")
    found.collapsed.clear()


def _add_families(
    found: Grouping, order: Sequence[Value], names: Sequence[str], edges: Collection[tuple[int, int]]
) -> None:
    kinds = ("given", *MEANT)
    given = {node for group in found.groups.values() if group.kind in kinds for node in group.members}
    families: dict[str, list[int]] = {}
    for node, value in enumerate(order):
        if (base := family_of(value.label)) is not None and node not in given:
            families.setdefault(base, []).append(node)
    trial = Grouping(found.groups, found.inner, {g.name for g in found.groups.values()})
    segment_of = {g.head: g for g in found.groups.values() if g.kind == "segment"}
    items = trial.items()
    for base, heads in families.items():
        if len(heads) < 2:
            continue
        name = base if base not in found.groups and base not in names else f"all {base}"
        nodes = [n for head in heads for n in (segment_of[head].members if head in segment_of else [head])]
        joined = list(items)
        for node in nodes:
            joined[node] = name
        if sorted_items(joined, edges) is not None:
            items = joined
            found.add(Group(name, "family", sorted(nodes)))


def _collapse_until_readable(found: Grouping, edges: Collection[tuple[int, int]]) -> None:
    for kinds in (MEANT, ("segment",), ("given", "family")):
        found.collapsed |= {g.name for g in found.groups.values() if g.kind in kinds}
        found.collapsed |= {g.name for g in found.groups.values() if g.kind == "family" and len(g.members) > FULL}
        if len(set(found.items())) <= READABLE:
            return
    _add_layers(found, edges)


def _add_layers(found: Grouping, edges: Collection[tuple[int, int]]) -> None:
    """Put what is still too much into layers: a full column, or several next to each other, and what is too much for
    one picture into parts of a layer; leaves that are a group stay apart."""
    items = found.items()
    drawn = sorted_items(items, edges)
    assert drawn is not None
    place = {item: i for i, item in enumerate(drawn)}
    links = {(place[items[a]], place[items[b]]) for a, b in edges if items[a] != items[b]}
    computed = {b for _, b in links}
    columns: dict[int, list[int]] = {}
    for i, column in enumerate(columns_of(len(drawn), sorted(links))):
        if i in computed or isinstance(drawn[i], int):
            columns.setdefault(column, []).append(i)
    members: dict[int | str, list[int]] = {}
    for node, item in enumerate(items):
        members.setdefault(item, []).append(node)
    for number, layer in enumerate(_layers([columns[c] for c in sorted(columns)]), start=1):
        held = [drawn[i] for i in layer]
        name = _name_of_layer(found, held, number)
        count = -(-len(held) // MOST_TOGETHER)
        ends = [round(part * len(held) / count) for part in range(count + 1)]
        for part in range(count if count > 1 else 0):  # each after the one before, so that they can be drawn as one
            nodes = [node for item in held[ends[part] : ends[part + 1]] for node in members[item]]
            found.add(Group(f"{name}.{part + 1}", "column", sorted(nodes)))
        found.add(Group(name, "column", sorted(node for item in held for node in members[item])))
    found.collapsed |= {group.name for group in found.groups.values() if group.kind == "column"}


def _name_of_layer(found: Grouping, held: Sequence[int | str], number: int) -> str:
    """A layer's number; of one that holds steps alone, which these are."""
    groups = [found.groups[item] for item in held if isinstance(item, str)]
    steps = len(groups) == len(held) > 1 and all(group.kind == "step" for group in groups)
    ends = [group.name.rpartition(" ")[2] for group in groups]
    name = f"steps {ends[0]} to {ends[-1]}" if steps else f"layer {number}"
    while name in found.groups:
        name += "'"
    return name


def _layers(columns: Sequence[list[int]]) -> Iterator[list[int]]:
    """The full columns; or, if that leaves too many boxes, columns put together until they are full."""
    full = [column for column in columns if len(column) > FULL]
    if len(full) + sum(len(column) for column in columns if len(column) <= FULL) <= READABLE:
        yield from full
        return
    most = max(FULL, -(-sum(map(len, columns)) // (READABLE // 2)))
    layer: list[int] = []
    for column in columns:
        if layer and len(layer) + len(column) > most:
            yield layer
            layer = []
        layer += column
    yield layer


def _chosen(names: Names, groups: Mapping[str, Group]) -> set[str]:
    """The groups that the names mean, which may have * and ? in them."""
    if names is None or isinstance(names, bool):
        return set(groups) if names else set()
    found: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        known = [name] if name in groups else [group for group in groups if fnmatch.fnmatchcase(group, name)]
        if not known:
            meant = difflib.get_close_matches(name, groups, n=1)
            guess = f"did you mean {meant[0]!r}?" if meant else f"it has {', '.join(groups) or 'none'}"
            raise ValueError(f"the graph has no group {name!r}: {guess}")
        found.update(known)
    return found
