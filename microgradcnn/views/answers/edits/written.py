"""The edits of what a student wrote: another name in one place or in all, a sum for a product."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis, listed, number
from microgradcnn.views.answers.edits.single import SHIFTS, kin, moved_label
from microgradcnn.views.answers.edits.table import BOUNDS, said
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.points import letter
from microgradcnn.views.answers.reading.names import FormulaError, Names
from microgradcnn.views.answers.tokens import tokenize

TRIES = BOUNDS["written"]


@dataclass(frozen=True)
class Rewriting:
    """A mistake, and the numbers of the answer without it."""

    diagnosis: Diagnosis
    values: Array


def size_of(order: Sequence[Value]) -> int:
    """The steps that a formula takes to compute: one for every mention of a name, and one for what is done with it."""
    return 2 * sum(node.label is not None for node in order) + 1


def rewritings(evidence: Evidence, answer: Value) -> Iterator[Rewriting]:
    """The answer with other names in it, or another operation, within TRIES steps."""
    order = topological(answer)
    sums = _sums(order)
    for diagnosis, new in islice(_changes(evidence, order), TRIES // size_of(order)):
        changed = evidence.points.changed(order, new)
        gone = any(not np.any(x) for x in changed.values()) or any(_cancels(evidence, own, changed) for own in sums)
        yield Rewriting(diagnosis, changed[order[-1]] * (math.nan if gone else 1.0))


def _sums(order: Sequence[Value]) -> list[list[tuple[Value, float]]]:
    """The terms of every sum with their signs; none of a sum that is a term of another."""
    found: dict[Value, list[tuple[Value, float]]] = {}
    for node in order:
        signs = {"add": (1.0, 1.0), "sub": (1.0, -1.0), "neg": (-1.0,)}.get(node.op.name if node.op else "")
        if signs is not None:
            parts = [(found.pop(p, [(p, 1.0)]), sign) for p, sign in zip(node.parents, signs, strict=True)]
            found[node] = [(term, sign * own) for terms, sign in parts for term, own in terms]
    return list(found.values())


def _cancels(evidence: Evidence, terms: list[tuple[Value, float]], changed: Mapping[Value, Array]) -> bool:
    """Whether two terms cancel now, as in y − y: paths that they were factors of are gone, and not mended."""
    if changed.keys().isdisjoint(term for term, _ in terms):
        return False
    values = np.array([sign * changed.get(term, evidence.points(term)) for term, sign in terms])
    pairs = np.argwhere(abs(values[:, None, 0] + values[:, 0]) <= 1e-12 * abs(values[:, 0]))
    return any(np.all(abs(values[i] + values[j]) <= 1e-12 * abs(values[i])) for i, j in pairs.tolist() if i < j)


def shortened(evidence: Evidence, answer: Value) -> Iterator[Rewriting]:
    """The answer without one of the terms of a sum in it."""
    order = topological(answer)
    signs = {"add": 1.0, "sub": -1.0}
    sums = [(node, signs[node.op.name]) for node in order if node.op is not None and node.op.name in signs]
    for node, sign in sums[: TRIES // size_of(order)]:
        a, b = (evidence.points(p) for p in node.parents)
        for term, own, rest in ((1, b, a), (0, a, sign * b)):
            names = sorted({x.label for x in topological(node.parents[term]) if x.label is not None})
            told = said("summand", tuple(names), q=listed(names or [number(float(own[0]))]))
            yield Rewriting(told, evidence.points.instead(order, {node: rest}))


def _changes(evidence: Evidence, order: list[Value]) -> Iterator[tuple[Diagnosis, dict[Value, Array]]]:
    """What is said of a mistake, and the values that some parts of the answer should have."""
    mentions: dict[str, list[Value]] = {}
    for node in order:
        if node.label is not None:
            mentions.setdefault(node.label, []).append(node)
    values = evidence.values
    for used in sorted(mentions):
        for right in kin(used, values):
            replaced = dict.fromkeys(mentions[used], values[right])
            names = (used, right)
            yield said("another", names, q=used, p=right), replaced
            if right in mentions:
                exchanged = {**replaced, **dict.fromkeys(mentions[right], values[used])}
                yield said("exchanged", names, q=used, p=right), exchanged
    yield from _shifted(mentions, values)
    for used in sorted(mentions):
        for right in kin(used, values) if len(mentions[used]) > 1 else ():
            for i, mention in enumerate(mentions[used]):
                told = said("another once", (used, right), q=used, p=right)
                yield replace(told, mention=i), {mention: values[right]}
    for node in order:
        if node.op is not None and node.op.name in ("add", "sub", "mul"):
            a, b = (evidence.points(p) if isinstance(p, Value) else p for p in node.parents)
            product = node.op.name == "mul"
            if not (product and any(x.op is None and x.label is None for x in node.parents)):  # 2x is no 2 + x
                yield said("multiplied" if product else "added"), {node: a + b if product else a * b}


def _shifted(
    mentions: Mapping[str, list[Value]], values: Mapping[str, Array]
) -> Iterator[tuple[Diagnosis, dict[Value, Array]]]:
    """All names of a letter with another number at the end."""
    for family in sorted({letter(used) for used in mentions}):
        names = sorted(used for used in mentions if letter(used) == family)
        for by in SHIFTS:
            moved = [moved_label(used, by) for used in names]
            if len(names) > 1 and all(label in values for label in moved):
                new = {m: values[label] for used, label in zip(names, moved, strict=True) for m in mentions[used]}
                yield said("siblings", (names[0], moved[0]), q=listed(names), p=listed(moved)), new


def located(diagnosis: Diagnosis, text: str, names: Names) -> Diagnosis:
    """A diagnosis with the columns of the name that is wrong, or too much, in the text of the answer."""
    if diagnosis.kind not in ("index", "extra factor") or not diagnosis.names:
        return diagnosis
    columns: list[int] = []
    with suppress(FormulaError):  # what stands around a formula is no part of it
        columns = [t.column for t in tokenize(text, names) if t.kind == "name" and t.text == diagnosis.names[0]]
    if diagnosis.mention is not None and diagnosis.mention < len(columns):
        columns = [columns[diagnosis.mention]]
    return replace(diagnosis, columns=tuple(columns))
