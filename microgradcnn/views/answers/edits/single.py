"""The edits of one place, or of one kind of place in all paths: what each makes of the gradient, cheapest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, product

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.answers.diagnosis import Diagnosis, listed
from microgradcnn.views.answers.edits.inner import inner_words, instead, is_inner
from microgradcnn.views.answers.edits.program import Edge, Flow, Steps
from microgradcnn.views.answers.edits.table import BOUNDS, INSTEAD, said, told
from microgradcnn.views.answers.points import letter, same

SHIFTS = [by for n in range(1, BOUNDS["shift"] + 1) for by in (n, -n)]


@dataclass(frozen=True)
class Edit:
    """A wrong gradient but for the regularisation, what to say of it, and the local derivatives that it changes.

    All that is `between` two nodes, the upper first, is left out.
    """

    diagnosis: Diagnosis
    values: Array
    changed: Mapping[Edge, Array] = field(default_factory=dict)
    between: tuple[int, int] | None = None


class Edits:
    """All edits of one kind of place of what flows from θ, which adds up over each of these families of nodes."""

    def __init__(self, flow: Flow, families: list[list[int]], steps: Steps) -> None:
        self.flow, self.program, self.families, self.steps = flow, flow.program, families, steps
        self.place = {label: n for n, label in enumerate(self.program.labels) if label is not None}
        self._kin: dict[int, list[int]] = {}
        self._sent: dict[int, dict[int, Array]] = {}

    def all(self) -> list[Edit]:
        """The edits whose numbers are finite, cheapest first; none where there are too many paths to look at each."""
        if len(self.flow.edges) > BOUNDS["edges"]:
            return []
        edits = chain(self.weighed(), self.of_functions(), self.of_factors(), self.cut(), self.everywhere())
        rarer = chain(self.other_windows(), self.all_of_a_maximum(), self.sums(), self.of_others())
        return self.finite(chain(edits, rarer))

    def finite(self, edits: Iterable[Edit]) -> list[Edit]:
        """Those whose numbers are finite; each is a step."""
        found = list(edits)
        self.steps.take(len(found))
        return [edit for edit in found if np.all(np.isfinite(edit.values))]

    def weighed(self) -> Iterator[Edit]:
        """A path left out, twice, or with the wrong sign."""
        flow, total, words = self.flow, self.flow.total, self.program.words
        nodes = sorted(flow.on[1:-1], key=lambda n: self.program.labels[n] is None)
        for times, how in ((-1.0, ""), (1.0, " twice"), (-2.0, " minus")):
            for n in nodes:
                through = flow.through(n)
                if not same(through, total):
                    changed = {edge: (1.0 + times) * flow.slope(edge) for edge in flow.edges if edge[0] == n}
                    name = self.program.labels[n]
                    names = () if name is None else (name,)
                    yield Edit(said(f"node{how}", names, n=words(n)), total + times * through, changed)
            for edge in flow.edges:
                n, p = edge[0], flow.parent(edge)
                along = flow.along(edge)
                if not (same(along, total) or same(along, flow.through(n)) or same(along, flow.through(p))):
                    changed = {edge: (1.0 + times) * flow.slope(edge)}
                    yield Edit(said(f"edge{how}", (), n=words(n), m=words(p)), total + times * along, changed)
        for n, m, link in self.links if len(flow.on) <= BOUNDS["named"] else ():
            if None not in (self.program.labels[n], self.program.labels[m]):
                along = flow.down[n] * link * flow.up[m]
                if not any(same(along, other) for other in (total, flow.through(n), flow.through(m))):
                    yield Edit(said("two nodes", (words(m), words(n)), n=words(n), m=words(m)), total - along)

    def replaced(self, diagnosis: Diagnosis, slopes: Mapping[Edge, Array]) -> Edit:
        """The edit that puts other local derivatives at some edges."""
        if len(slopes) == 1:
            ((edge, slope),) = slopes.items()
            return Edit(diagnosis, self.flow.total + self.flow.along(edge, slope - self.flow.slope(edge)), slopes)
        self.steps.take(len(self.flow.edges))
        return Edit(diagnosis, self.flow.with_slopes(slopes).total, slopes)

    @cached_property
    def inner(self) -> list[Edge]:
        """The edges into functions."""
        return [edge for edge in self.flow.edges if is_inner(self.program, edge)]

    @cached_property
    def factors(self) -> list[tuple[Edge, int]]:
        """The edges into products, with the other factor."""
        found = []
        for n, k in self.flow.edges:
            others = [p for i, p in enumerate(self.program.parents[n]) if i != k]
            if self.program.ops[n] == "mul" and not self.program.constant[others[0]]:
                found.append(((n, k), others[0]))
        return found

    def of_functions(self) -> Iterator[Edit]:
        """Something else where the derivative of a function belongs, in one place or in all of a kind."""
        if len(self.flow.edges) > BOUNDS["edges"]:
            return
        for edge in self.inner:
            yield from self.instead([edge])
        for edges in self.alike.values():
            yield from self.instead(edges)

    @cached_property
    def alike(self) -> dict[tuple[Edge, ...], list[Edge]]:
        """The edges into functions of one letter, and into those of one kind, where there are several."""
        groups: dict[str, list[Edge]] = {}
        for edge in self.inner:
            op, label = self.program.ops[edge[0]], self.program.labels[edge[0]]
            groups.setdefault(f"{op} {letter(label or '')}", []).append(edge)
            groups.setdefault(op, []).append(edge)
        return {tuple(edges): edges for edges in groups.values() if len(edges) > 1}

    def of_factors(self) -> Iterator[Edit]:
        """Something else where a factor belongs, in one place."""
        for edge, q in self.factors:
            name, through = self.program.words(q), self.program.words(self.nearest(edge))
            yield from self.left_out_or_twice("factor", [edge], (name,), q=name, n=through)
            yield from (self.instead_of(q, edge, other) for other in self.kin(q))

    def of_others(self) -> Iterator[Edit]:
        """Any other node where a factor belongs, in one place; none that is paired with others."""
        labels = self.program.labels[:-1]
        named = [n for n, label in enumerate(labels) if label is not None and letter(label) != "y"]
        for edge, q in self.factors:
            near = {q, *self.kin(q)}
            yield from (replace(self.instead_of(q, edge, n), changed={}) for n in named if n not in near)

    def left_out_or_twice(self, name: str, edges: list[Edge], names: tuple[str, ...], **words: str) -> Iterator[Edit]:
        """No factor at some edges, and two of each."""
        yield self.replaced(said(name, names, **words), dict.fromkeys(edges, self.program.ones))
        yield self.replaced(said(f"{name} twice", names, **words), {edge: self.flow.slope(edge) ** 2 for edge in edges})

    def instead_of(self, q: int, edge: Edge, other: int) -> Edit:
        """Another node at an edge where q is the factor."""
        names = (self.program.words(other), self.program.words(q))
        through = self.program.words(self.nearest(edge))
        told = said("sibling", names, q=names[0], p=names[1], n=through)
        return self.replaced(told, {edge: self.program.values[other]})

    def nearest(self, edge: Edge) -> int:
        """The next node towards f that has a name, by which a path is called; towards θ where none is before f."""
        n, root, flow = edge[0], self.flow.on[-1], self.flow
        while self.program.labels[n] is None and n != root:
            n = next(c for c, _ in flow.edges if n in self.program.parents[c])
        if n == root and flow.parent(edge) != flow.theta:
            n = flow.parent(edge)
            while self.program.labels[n] is None:
                n = next(flow.parent(below) for below in flow.edges if below[0] == n)
        return n

    def instead(self, edges: list[Edge]) -> Iterator[Edit]:
        """What the table has in place of inner derivatives, in these edges together."""
        words = inner_words(self.program, edges)
        zs = tuple(self.program.words(n) for n, _ in edges)
        for kind, wrong, formula in INSTEAD:
            slopes = {edge: instead(self.program, edge, formula) for edge in edges}
            if not any(same(slope, self.flow.slope(edge)) for edge, slope in slopes.items()):
                yield self.replaced(told(kind, wrong, zs, None, zs, **words), slopes)

    def kin(self, q: int) -> list[int]:
        """The nodes with another index of the same letter."""
        if q not in self._kin:
            label = self.program.labels[q]
            self._kin[q] = [self.place[x] for x in kin(label, self.place)][: BOUNDS["kin"]] if label is not None else []
        return self._kin[q]

    def sent(self, n: int) -> dict[int, Array]:
        """What a node of the paths sends down."""
        if n not in self._sent:
            self.steps.take(len(self.flow.edges))
            self._sent[n] = self.flow.sent(n)
        return self._sent[n]

    @cached_property
    def links(self) -> list[tuple[int, int, Array]]:
        """Two nodes n and m of a path with dn/dm, the nearest first."""
        on = self.flow.on if len(self.flow.on) <= BOUNDS["linked"] else []
        pairs = [(i - j, n, m) for i, n in enumerate(on) for j, m in enumerate(on[:i]) if m in self.sent(n)]
        return [(n, m, self.sent(n)[m]) for _, n, m in sorted(pairs)]

    def lies_between(self, middle: int, n: int, m: int) -> bool:
        """Whether paths from m to n go through a node."""
        return m < middle <= n and middle in self.sent(n) and m in self.sent(middle)

    def cut(self) -> Iterator[Edit]:
        """The chain cut: what lies between two nodes, of those that have a name first, is left out of the product."""
        flow, program = self.flow, self.program
        labels = program.labels
        for n, m, link in sorted(self.links, key=lambda link: None in (labels[link[0]], labels[link[1]])):
            if not same(link, program.ones):
                inner = any(self.lies_between(edge[0], n, m) for edge in self.inner)
                names = (program.words(n), program.words(m))
                wrong = flow.total + flow.down[n] * flow.up[m] * (1.0 - link)
                told = said(
                    "cut inner" if inner else "cut",
                    names,
                    n=names[0],
                    m=names[1],
                    slope=f"d{program.factor(n)}/d{program.factor(m)}",
                )
                yield Edit(told, wrong, between=(n, m))

    def places(self, edit: Edit) -> set[Edge]:
        """The edges that an edit is about, as far as they are known."""
        if edit.between is None:
            return set(edit.changed)
        n, m = edit.between
        below = [edge for edge in self.flow.edges if edge[0] == n or self.lies_between(edge[0], n, m)]
        return {edge for edge in below if self.flow.parent(edge) == m or m in self.sent(self.flow.parent(edge))}

    def everywhere(self) -> Iterator[Edit]:
        """One thing in the place of every edge of a kind; and the derivative at a sibling in the place of one."""
        for edges in self.alike.values():
            yield from self.of_another(edges, range(len(self.program.labels) - 1))
        for edge in self.inner:
            yield from self.of_another([edge], self.kin(edge[0]))
        of_letter: dict[str, list[tuple[Edge, int]]] = {}
        for edge, q in self.factors:
            of_letter.setdefault(letter(self.program.labels[q] or ""), []).append((edge, q))
        for own, pairs in of_letter.items():
            names = tuple(dict.fromkeys(self.program.words(q) for _, q in pairs))
            if own and len(pairs) > 1:
                name = "factors" if len(names) > 1 else "one factor"
                yield from self.left_out_or_twice(name, [edge for edge, _ in pairs], names, q=listed(names))
                yield from self.shifted(pairs, names)

    def of_another(self, edges: list[Edge], among: Iterable[int]) -> Iterator[Edit]:
        """The derivative at another node, as of the average in place of the average of derivatives."""
        program = self.program
        for q in among:
            label = program.labels[q]
            if program.ops[q] and label is not None and q not in [n for n, _ in edges]:
                value = program.values[q]
                slopes = {}
                for n, k in edges:
                    inputs = [program.values[p] for p in program.parents[n]]
                    inputs[k] = value
                    slopes[n, k] = program.slopes_at(n, value, *inputs)[k]
                zs = tuple(program.words(n) for n, _ in edges)
                yield self.replaced(said("of another", zs, q=label, zs=listed(zs)), slopes)

    def shifted(self, pairs: list[tuple[Edge, int]], names: tuple[str, ...]) -> Iterator[Edit]:
        """Other siblings in all paths: the index off by a number, or one for all."""
        program = self.program
        for by in SHIFTS:
            moved = [self.place.get(moved_label(program.labels[q] or "", by), -1) for _, q in pairs]
            if -1 not in moved:
                there = tuple(dict.fromkeys(program.words(q) for q in moved))
                slopes = {edge: program.values[q] for (edge, _), q in zip(pairs, moved, strict=True)}
                yield self.replaced(said("siblings", (there[0], names[0]), q=listed(there), p=listed(names)), slopes)
        first = pairs[0][1]
        for other in [first, *self.kin(first)] if len(names) > 1 else ():
            there = (program.words(other), names[0])
            slopes = {edge: program.values[other] for edge, _ in pairs}
            yield self.replaced(said("instead of siblings", there, q=there[0], p=listed(names)), slopes)

    def other_windows(self) -> Iterator[Edit]:
        """The pixels of windows that lie otherwise: in rows of another length, or with another stride."""
        flow, program, place = self.flow, self.program, self.place
        at_theta = [edge for edge in flow.edges if flow.parent(edge) == flow.theta]
        other = dict(self.factors)
        pairs = [(program.labels[other[edge]] or "", edge) for edge in at_theta if edge in other]
        pairs.sort(key=lambda pair: last_number(pair[0]))
        names = [label for label, _ in pairs]
        if not 4 <= len(names) == len(at_theta) or len({*map(letter, names)}) > 1 or last_number(names[0]) < 0:
            return
        tried = {tuple(names)}
        for columns, step, row in product(range(2, len(names) + 1), range(1, 4), range(1, BOUNDS["shift"] + 1)):
            moved = tuple(moved_label(names[0], step * (i % columns) + row * (i // columns)) for i in range(len(names)))
            if len(names) % columns == 0 and moved not in tried and place.keys() >= {*moved}:
                tried.add(moved)
                terms = [
                    flow.along(edge, program.values[place[to]]) for (_, edge), to in zip(pairs, moved, strict=True)
                ]
                told = said("siblings", (moved[-1], names[-1]), q=listed(moved), p=listed(names))
                yield Edit(told, np.sum(terms, axis=0))

    def all_of_a_maximum(self) -> Iterator[Edit]:
        """All inputs of maxima, or of minima, where the gradient goes to one of them alone."""
        program = self.program
        for op in ("maximum", "minimum"):
            edges = [edge for edge in self.flow.edges if program.ops[edge[0]] == op]
            inputs = dict.fromkeys(self.flow.parent(edge) for edge in edges)
            names = tuple(program.words(p) for p in inputs if program.ops[p] != op)
            if len(names) > 1:
                told = said("all of a maximum", names, op=op, p=listed(names))
                yield self.replaced(told, dict.fromkeys(edges, program.ones))

    def sums(self) -> Iterator[Edit]:
        """A product of sums, and the gradient with a sibling in place of a factor added to it."""
        flow = self.flow
        for zs in self.families:
            nodes = [z for z in zs if z in flow.on]
            if len(nodes) > 1 and same(sum((flow.through(z) for z in nodes), flow.nothing), flow.total):
                wrong = np.sum([flow.down[z] for z in nodes], axis=0) * np.sum([flow.up[z] for z in nodes], axis=0)
                yield Edit(said("product of sums", tuple(self.program.words(z) for z in nodes)), wrong)
        for edge, q in self.factors:
            for other in self.kin(q):
                names = (self.program.words(other), self.program.words(q))
                wrong = flow.total + flow.along(edge, self.program.values[other])
                yield Edit(said("another's path", names, q=names[0], p=names[1]), wrong)


def kin(label: str, labels: Iterable[str]) -> list[str]:
    """The names that are easily taken for this one: those with another index, then those with another letter."""
    index = label.removeprefix(letter(label))
    others = [x for x in labels if x != label and "_hat" not in x + label and letter(x) != "f"]
    alike = [x for x in others if letter(x) == letter(label)]
    return alike + [x for x in others if x not in alike and x.removeprefix(letter(x)) == index]


def moved_label(label: str, by: int) -> str:
    """The label with another number at its end; "" if it has none."""
    number = last_number(label)
    return f"{label.rpartition('_')[0]}_{number + by}" if number >= 0 else ""


def last_number(label: str) -> int:
    """The number at the end of a label, -1 if it has none."""
    number = label.rpartition("_")[2]
    return int(number) if number.isdigit() else -1
