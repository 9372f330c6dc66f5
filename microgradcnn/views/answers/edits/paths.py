"""Cuts through the paths: nodes such that every path goes through exactly one, and what an answer has of each path.

df/dθ = Σ df/dz_i · dz_i/da_i · da_i/dθ. The answer is solved for the numbers by which such terms add up to it: the
right ones, those of another parameter, or those with something else in place of the inner derivative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.views.answers.diagnosis import Diagnosis, Found, Kind, listed, nice, number
from microgradcnn.views.answers.edits.inner import inner_words, instead, is_inner
from microgradcnn.views.answers.edits.program import Edge, Flow, Steps
from microgradcnn.views.answers.edits.table import BOUNDS, INSTEAD, SAID, said, scaled, told
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.points import letter, same


@dataclass(frozen=True)
class Path:
    """What one z contributes to df/dθ, at all points; and the edge of its inner derivative, if it has one.

    There is none where f depends on θ beside the z, not through it, as in df/dw_1 = 2(ŷ − y)z_1.
    """

    z: str
    total: Array
    inner: Edge | None = None


class Terms:
    """The gradient as a sum over a family of nodes, and what an answer has of its terms."""

    def __init__(self, evidence: Evidence, steps: Steps) -> None:
        self.evidence, self.flow, self.program, self.steps = evidence, evidence.flow, evidence.flow.program, steps

    @cached_property
    def families(self) -> list[list[int]]:
        """The labelled intermediates of the program by their letter, the z's first."""
        found: dict[str, list[int]] = {}
        for n, label in enumerate(self.program.labels[:-1]):
            if self.program.ops[n] and label in self.evidence.nodes and label != "y_hat":
                found.setdefault(letter(str(label)), []).append(n)
        return [found[key] for key in sorted(found, key=lambda key: key != "z") if len(found[key]) <= BOUNDS["cut"]]

    @cached_property
    def own(self) -> list[Path]:
        """How df/dθ adds up over a family; empty if it does not."""
        for zs in self.families:
            found = _through(zs, self.flow) or _beside(zs, self.flow)
            if found and same(sum((path.total for path in found), self.flow.nothing), self.flow.total):
                return found
        return []

    def of(self, leaf: int) -> list[Path]:
        """What flows from another leaf over a family."""
        self.steps.take(len(self.program.nodes))
        flow = Flow(self.program, leaf, self.flow.closed)
        return next((found for zs in self.families if (found := _through(zs, flow) or _beside(zs, flow))), [])

    def solved(self, columns: Sequence[Array], a: Array) -> Array | None:
        """The numbers by which columns add up to an answer but for the regularisation."""
        if not self.own or 2 * len(columns) > len(a):
            return None
        self.steps.take(len(columns) ** 2)
        return solved(columns, a - self.evidence.regularisation)

    def mistake(self, a: Array) -> Found:
        """Paths that are missing, counted twice or weighed wrongly."""
        k = self.solved([path.total for path in self.own], a)
        return () if k is None or not np.any(k) else _of_coefficients(self.own, k, self.evidence.name)

    def extra(self, a: Array) -> Found:
        """Terms that belong to a sibling of θ: too much, or in the place of θ's own."""
        theta, labels = str(self.program.labels[self.flow.theta]), self.program.labels
        for n, label in enumerate(labels if self.own else []):
            if self.program.ops[n] or n == self.flow.theta or label not in self.evidence.nodes:
                continue
            theirs = self.of(n) if letter(str(label)) == letter(theta) else []
            k = self.solved([path.total for path in (*self.own, *theirs)], a) if theirs else None
            if k is None:
                continue
            lost = [path.z for path, x in zip(self.own, k, strict=False) if x == 0.0]
            more = [path.z for path, x in zip(theirs, k[len(self.own) :], strict=True) if x != 0.0]
            if np.all(k[: len(self.own)] == 1.0) and more:
                return (said("paths of another", tuple(more), q=str(label), **_through_words(more)),)
            if more and more == lost:
                words = {"zs": listed(more), "q": str(label), "df": self.evidence.name}
                return (said("term of another", (str(label), theta), **words),)
        return ()

    def inner(self, a: Array) -> Found:
        """Something else in place of the inner derivative, in some of the terms or in all."""
        inner, flow = [path.inner for path in self.own if path.inner is not None], self.flow
        if len(inner) < len(self.own):
            return ()
        for kind, wrong, terms in _instead_of_inner(flow, inner) if self.own else ():
            k = self.solved([*(path.total for path in self.own), *terms], a)
            if k is None or not np.any(k):
                continue
            right, wrongly = k[: len(self.own)], k[len(self.own) :]
            usual = float(k[k != 0.0][0])
            if np.any(wrongly) and np.all(right + wrongly == usual) and np.all(right * wrongly == 0.0):
                edges = [edge for edge, x in zip(inner, wrongly, strict=True) if x != 0.0]
                words = inner_words(self.program, edges) | {"theta": self.program.words(flow.theta)}
                zs = tuple(str(self.program.labels[n]) for n, _ in edges)
                return (told(kind, wrong, zs, None, zs, **words), *scaled(usual))
        return ()


def _through(zs: list[int], flow: Flow) -> list[Path]:
    """df/dz_i · dz_i/dθ for every z_i that depends on θ."""
    found = []
    for z in zs:
        if z in flow.up and np.any(flow.up[z]):
            inner = next((edge for edge in flow.edges if edge[0] == z and is_inner(flow.program, edge)), None)
            found.append(Path(str(flow.program.labels[z]), flow.through(z), inner))
    return found


def _beside(zs: list[int], flow: Flow) -> list[Path]:
    """df/dθ where dŷ/dθ is a sum over the z's, as for the weights of a linear head."""
    program, terms = flow.program, [flow.nothing for _ in zs]
    for n, k in flow.edges:
        if flow.parent((n, k)) == flow.theta:
            others = [p for p in program.parents[n] if p != flow.theta]
            if program.ops[n] != "mul" or len(others) != 1:
                return []
            sent = program.sent(others[0])
            terms = [
                term + flow.down[n] * sent.get(z, 0.0) * program.values[z] for z, term in zip(zs, terms, strict=True)
            ]
    if not same(sum(terms, flow.nothing), flow.total):
        return []
    return [Path(str(program.labels[z]), term) for z, term in zip(zs, terms, strict=True) if np.any(term)]


def _of_coefficients(own: Sequence[Path], k: Array, name: str) -> Found:
    usual = 1.0 if np.any(k == 1.0) else float(Counter(k[k != 0.0].tolist()).most_common(1)[0][0])
    groups: dict[float, list[str]] = {}
    for path, x in zip(own, k.tolist(), strict=True):
        groups.setdefault(nice(x / usual), []).append(path.z)
    found: list[Diagnosis] = []
    for x, zs in groups.items():
        if x != 1.0:
            found.append(weighed(zs, x))
    return (*found, *scaled(usual, "" if found else name))


def weighed(zs: Sequence[str], x: float) -> Diagnosis:
    """What to say of paths that stand x times where they belong once."""
    how = {0.0: "missing", 2.0: "twice", -1.0: "minus"}.get(x, "times")
    factor = None if x in (0.0, 2.0) else x
    return told(*SAID[f"paths {how}"], tuple(zs), factor, tuple(zs), **_through_words(zs), k=number(x))


def _through_words(zs: Sequence[str]) -> dict[str, str]:
    """The path through z_1, or the paths through z_1 and z_2, with their verbs."""
    paths, are, have = ("paths", "are", "have") if len(zs) > 1 else ("path", "is", "has")
    return {"through": f"the {paths} through {listed(zs)}", "are": are, "have": have}


def _instead_of_inner(flow: Flow, edges: Sequence[Edge]) -> Iterator[tuple[Kind, str, list[Array]]]:
    """The kind of a mistake in the inner derivatives, its words, and the terms that it makes of the right ones."""
    for kind, words, formula in INSTEAD:
        yield kind, words, [flow.along(edge, instead(flow.program, edge, formula)) for edge in edges]
    yield *SAID["last"], [flow.down[edge[0]] * flow.slope(edge) for edge in edges]


def solved(columns: Sequence[Array], target: Array) -> Array | None:
    """The numbers by which the columns add up to the target at all points, tidied up; None if there are none.

    A column that those before it add up to gets 0.
    """
    if 2 * len(columns) > len(target) or not all(np.all(np.isfinite(column)) for column in (*columns, target)):
        return None
    directions, above = list[Array](), list[list[float]]()  # Gram and Schmidt: what each column has of those before
    for column in columns:
        rest, own = column, list[float]()
        for direction in directions:
            own.append(float(rest @ direction))
            rest = rest - own[-1] * direction
        size = float(np.sqrt(rest @ rest))
        kept = size > 1e-9 * float(np.sqrt(column @ column))
        directions.append(rest / size if kept else 0.0 * rest)
        above.append([*own, size if kept else 0.0])
    k, rest = np.zeros(len(columns)), target
    wanted = []
    for direction in directions:
        wanted.append(float(rest @ direction))
        rest = rest - wanted[-1] * direction
    for i in range(len(columns) - 1, -1, -1):
        if above[i][i]:
            k[i] = (wanted[i] - sum(above[j][i] * k[j] for j in range(i + 1, len(columns)))) / above[i][i]
    k = np.array([nice(x) for x in k.tolist()])
    return k if same(np.stack(columns, axis=1) @ k, target, 1e-7) else None
