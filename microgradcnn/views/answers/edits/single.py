"""The edits of one place, or of one kind of place in all paths: what each makes of the gradient, cheapest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import cast

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.answers.diagnosis import Diagnosis, Kind, listed
from microgradcnn.views.answers.edits.inner import inner_words, instead, is_inner
from microgradcnn.views.answers.edits.paths import Terms
from microgradcnn.views.answers.edits.program import Edge, Flow
from microgradcnn.views.answers.edits.table import INSTEAD, SAID
from microgradcnn.views.answers.evidence import letter, same

_MOST, _FOR_PAIRS = 64, 40  # nodes of the paths for which any two are looked at, and any two with names
_EDGES = 160  # of the paths
_KIN = 16  # names that may be taken for another one
_SHIFT = 8


@dataclass(frozen=True)
class Edit:
    """A wrong gradient but for the regularisation, what to say of it, and the local derivatives that it changes."""

    diagnosis: Diagnosis
    values: Array
    changed: Mapping[Edge, Array] = field(default_factory=dict)


def said(name: str, names: tuple[str, ...], **words: str) -> Diagnosis:
    """A mistake in the words of the table."""
    kind, sentence = SAID[name]
    nodes = tuple(words[key] for key in ("m", "n") if key in words)
    factor, direct = -1.0 if kind == "sign" else None, name.startswith("edge")
    return Diagnosis(cast(Kind, kind), sentence.format(**words), factor, names, nodes=nodes, direct=direct)


class Edits:
    """All edits of one kind of place of what flows from θ."""

    def __init__(self, flow: Flow, terms: Terms) -> None:
        self.flow, self.program, self.terms = flow, flow.program, terms

    def all(self) -> Iterator[Edit]:
        """The edits, cheapest first; none where there are too many paths to look at each."""
        if len(self.flow.edges) > _EDGES:
            return
        yield from self.weighed()
        yield from self.of_functions()
        yield from self.of_factors()
        yield from self.cut()
        yield from self.everywhere()
        yield from self.other_windows()
        yield from self.all_of_a_maximum()
        yield from self.sums()
        yield from self.of_others()

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
                n, p = edge[0], self.program.parents[edge[0]][edge[1]]
                along = flow.along(edge)
                if not (same(along, total) or same(along, flow.through(n)) or same(along, flow.through(p))):
                    changed = {edge: (1.0 + times) * flow.slope(edge)}
                    yield Edit(said(f"edge{how}", (), n=words(n), m=words(p)), total + times * along, changed)
        for n, m, link in self.links if len(self.flow.on) <= _FOR_PAIRS else ():
            down, up = flow.down[n], flow.up[m]
            if down is not None and up is not None and None not in (self.program.labels[n], self.program.labels[m]):
                along = down * link * up
                if not any(same(along, other) for other in (total, flow.through(n), flow.through(m))):
                    yield Edit(said("two nodes", (words(m), words(n)), n=words(n), m=words(m)), total - along)

    def replaced(self, diagnosis: Diagnosis, slopes: Mapping[Edge, Array]) -> Edit:
        """The edit that puts other local derivatives at some edges."""
        if len(slopes) == 1:
            ((edge, slope),) = slopes.items()
            return Edit(diagnosis, self.flow.total + self.flow.along(edge, slope - self.flow.slope(edge)), slopes)
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
        if len(self.flow.edges) > _EDGES:
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
            flow, name, through = self.flow, self.program.words(q), self.program.words(self.nearest(edge[0]))
            yield self.replaced(said("factor", (name,), q=name, n=through), {edge: self.program.ones})
            yield self.replaced(said("factor twice", (name,), q=name, n=through), {edge: flow.slope(edge) ** 2})
            for other in self.kin(q):
                there = self.program.labels[other]
                words = {"q": str(there), "p": name, "n": through}
                slopes = {edge: self.program.values[other]}
                yield self.replaced(said("sibling", (str(there), name), **words), slopes)

    def of_others(self) -> Iterator[Edit]:
        """Any other node where a factor belongs, in one place."""
        program = self.program
        named = [n for n, label in enumerate(program.labels[:-1]) if label is not None and letter(label) != "y"]
        for edge, q in self.factors:
            through = program.words(self.nearest(edge[0]))
            for other in named:
                if other != q and other not in self.kin(q):
                    names = (program.words(other), program.words(q))
                    wrong = self.flow.total + self.flow.along(edge, program.values[other] - self.flow.slope(edge))
                    yield Edit(said("sibling", names, q=names[0], p=names[1], n=through), wrong)

    def nearest(self, n: int) -> int:
        """The next node towards f that has a name, by which a path is called."""
        while self.program.labels[n] is None and n != self.flow.on[-1]:
            n = next(c for c, _ in self.flow.edges if n in self.program.parents[c])
        return n

    def instead(self, edges: list[Edge]) -> Iterator[Edit]:
        """What the table has in place of inner derivatives, in these edges together."""
        words = inner_words(self.program, edges)
        zs = tuple(self.program.words(n) for n, _ in edges)
        for kind, wrong, formula in INSTEAD:
            slopes = {edge: instead(self.program, edge, formula) for edge in edges}
            if not any(same(slope, self.flow.slope(edge)) for edge, slope in slopes.items()):
                yield self.replaced(Diagnosis(cast(Kind, kind), wrong.format(**words), None, zs, nodes=zs), slopes)

    def kin(self, q: int) -> list[int]:
        """The nodes with another index of the same letter."""
        label = self.program.labels[q]
        if label is None:
            return []
        place = {x: n for n, x in enumerate(self.program.labels) if x is not None}
        return [place[x] for x in kin(label, place)][:_KIN]

    @cached_property
    def links(self) -> list[tuple[int, int, Array]]:
        """Two nodes n and m of a path with dn/dm, the nearest first."""
        on, sent = self.flow.on if len(self.flow.on) <= _MOST else [], self.sent
        pairs = [(n, m) for n in on for m in on if m < n and sent[n][m] is not None]
        steps = {n: i for i, n in enumerate(on)}
        found = sorted(pairs, key=lambda pair: steps[pair[0]] - steps[pair[1]])
        return [(n, m, link) for n, m in found if (link := sent[n][m]) is not None]

    @cached_property
    def sent(self) -> dict[int, list[Array | None]]:
        """What every node of the paths sends down."""
        return {n: self.flow.sent(n) for n in self.flow.on}

    def lies_between(self, middle: int, n: int, m: int) -> bool:
        """Whether paths from m to n go through a node."""
        return m < middle <= n and self.sent[n][middle] is not None and self.sent[middle][m] is not None

    def cut(self) -> Iterator[Edit]:
        """The chain cut: what lies between two nodes is left out of the product."""
        flow, program = self.flow, self.program
        for n, m, link in self.links:
            down, up = flow.down[n], flow.up[m]
            if down is None or up is None or same(link, program.ones):
                continue
            inner = any(self.lies_between(edge[0], n, m) for edge in self.inner)
            names = (program.words(n), program.words(m))
            name = "cut inner" if inner else "cut"
            yield Edit(said(name, names, n=names[0], m=names[1]), flow.total + down * up * (1.0 - link))

    def everywhere(self) -> Iterator[Edit]:
        """One thing in the place of every edge of a kind."""
        for edges in self.alike.values():
            yield from self.of_another(edges)
        of_letter: dict[str, list[tuple[Edge, int]]] = {}
        for edge, q in self.factors:
            of_letter.setdefault(letter(self.program.labels[q] or ""), []).append((edge, q))
        for own, pairs in of_letter.items():
            names = tuple(dict.fromkeys(self.program.words(q) for _, q in pairs))
            if own and len(pairs) > 1:
                ones = {edge: self.program.ones for edge, _ in pairs}
                squares = {edge: self.flow.slope(edge) ** 2 for edge, _ in pairs}
                yield self.replaced(said("factors", names, q=listed(names)), ones)
                yield self.replaced(said("factors twice", names, q=listed(names)), squares)
                yield from self.shifted(pairs, names)

    def of_another(self, edges: list[Edge]) -> Iterator[Edit]:
        """The derivative at another node, as of the average in place of the average of derivatives."""
        program = self.program
        for q, label in enumerate(program.labels[:-1]):
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
        place = {label: n for n, label in enumerate(program.labels) if label is not None}
        for by in (x for n in range(1, _SHIFT + 1) for x in (n, -n)):
            moved = [place.get(moved_label(program.labels[q] or "", by), -1) for _, q in pairs]
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
        flow, program = self.flow, self.program
        place = {label: n for n, label in enumerate(program.labels) if label is not None}
        at_theta = [edge for edge in flow.edges if program.parents[edge[0]][edge[1]] == flow.theta]
        other = dict(self.factors)
        pairs = [(program.labels[other[edge]] or "", edge) for edge in at_theta if edge in other]
        pairs.sort(key=lambda pair: last_number(pair[0]))
        names = [label for label, _ in pairs]
        if not 4 <= len(names) == len(at_theta) or len({*map(letter, names)}) > 1 or last_number(names[0]) < 0:
            return
        tried = {tuple(names)}
        for columns, step, row in product(range(2, len(names) + 1), range(1, 4), range(1, _SHIFT + 1)):
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
            inputs = [program.parents[n][k] for n, k in edges]
            names = [program.words(p) for p in dict.fromkeys(inputs) if program.ops[p] != op]
            if len(names) > 1:
                slopes = dict.fromkeys(edges, program.ones)
                yield self.replaced(said("all of a maximum", tuple(names), op=op, p=listed(names)), slopes)

    def sums(self) -> Iterator[Edit]:
        """A product of sums, and the gradient with a sibling in place of a factor added to it."""
        flow = self.flow
        for zs in self.terms.families:
            nodes = [z for z in zs if z in flow.on]
            if len(nodes) > 1 and same(sum((flow.through(z) for z in nodes), 0.0 * flow.total), flow.total):
                downs, ups = ([x for z in nodes if (x := side[z]) is not None] for side in (flow.down, flow.up))
                wrong = np.sum(downs, axis=0) * np.sum(ups, axis=0)
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
