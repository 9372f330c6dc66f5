"""The search for the edits that explain an answer: a factor, a term, a place, a name; then two of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Diagnosis, Found, is_close, is_tidy, scaled
from microgradcnn.views.answers.edits.inner import inner_words
from microgradcnn.views.answers.edits.pairs import along_a_path, first_match, two_of, with_a_factor
from microgradcnn.views.answers.edits.paths import Terms
from microgradcnn.views.answers.edits.single import Edit, Edits, said
from microgradcnn.views.answers.edits.written import Rewriting, rewritings, shortened
from microgradcnn.views.answers.evidence import Evidence, letter, ratio, same

_FEW_PATHS = 8  # of which each is tried with every factor


def used_names(answer: Value) -> set[str]:
    """The names that a formula speaks of."""
    return {node.label for node in topological(answer) if node.label is not None}


@dataclass(frozen=True)
class _Quantity:
    text: str
    values: Array
    family: str
    z: str = ""  # whose inner derivative it is


class Search:
    """The edits of a gradient and of an answer to it."""

    def __init__(self, evidence: Evidence, answer: Value) -> None:
        self.evidence, self.answer, self.flow = evidence, answer, evidence.flow
        self.terms = Terms(evidence, self.flow) if self.flow is not None else None

    def one(self, a: Array) -> Found:
        """One mistake in a factor, in the terms of a sum or in a name."""
        found = self.one_factor(a) or (self.terms.mistake(a) if self.terms is not None else ())
        found = found or self.difference(a) or (self.terms.inner(a) if self.terms is not None else ())
        found = found or self.edited(a, self.of_functions) or self.too_long(a) or self.rewritten(a, scale=False)
        return found or (self.terms.extra(a) if self.terms is not None else ()) or self.added(a)

    def too_long(self, a: Array) -> Found:
        """A term too much in a sum: what it is, if it is known."""
        besides = a - self.evidence.points(self.answer)
        for shorter in shortened(self.evidence, self.answer):
            if same(shorter.values + besides, self.evidence.g):
                found = (self.terms.extra(a) if self.terms is not None else ()) or self.added(a)
                return found if found and found[0].kind == "extra path" else (shorter.diagnosis,)
        return ()

    def added(self, a: Array) -> Found:
        """The gradient by another leaf, added to the right one."""
        for label, gradient in self.evidence.others().items():
            if same(a - self.evidence.g, gradient, 1e-7):
                clause = f"the paths from {label} to f are too much: they belong to df/d{label}"
                return (Diagnosis("extra path", clause, None, (label,)),)
        return ()

    def edited_or_rewritten(self, a: Array) -> Found:
        """One mistake anywhere, and a constant factor."""
        return self.edited(a) or self.rewritten(a, scale=True)

    @cached_property
    def quantities(self) -> list[_Quantity]:
        """What may be a factor too much or too little."""
        evidence = self.evidence
        values = {label: x for label, x in evidence.values.items() if np.ptp(x) and label != evidence.loss}
        found = [_Quantity(label, x, letter(label)) for label, x in values.items()]
        if evidence.error is not None:
            found.insert(0, _Quantity("(ŷ − y)", evidence.error, "error"))
        found += [_Quantity(text, own, "inner", z) for z, (text, own) in self.inner.items()]
        for label, x in evidence.values.items():
            if np.ptp(x) and (letter(label) == "z" or self.is_share(label)):
                found.append(_Quantity(f"(1 − {label})", 1.0 - x, "one minus", label))
        return [q for q in found if np.all(np.isfinite(q.values))][:200]

    def is_share(self, label: str) -> bool:
        """Whether a name is that of a value of σ, or of a softmax, which are between 0 and 1."""
        node, values = self.evidence.nodes.get(label), self.evidence.values[label]
        ops = ("sigmoid", "div")
        return (
            node is not None and node.op is not None and node.op.name in ops and bool(np.all(abs(values - 0.5) < 0.5))
        )

    @cached_property
    def inner(self) -> dict[str, tuple[str, Array]]:
        """The inner derivatives on the paths by the function's name: how each is written, and its values."""
        if self.flow is None or self.terms is None:
            return {}
        program, found = self.flow.program, dict[str, tuple[str, Array]]()
        for edge in Edits(self.flow, self.terms).inner:
            if (label := program.labels[edge[0]]) is not None and edge[0] < len(program.nodes) - 1:
                found[label] = inner_words(program, [edge])["inner"], self.flow.slope(edge)
        return found

    def one_factor(self, a: Array) -> Found:
        """A factor that is missing or too much, or one for another of its kind."""
        decay, g = self.evidence.regularisation, self.evidence.g
        found = self.factor_of(a, g)
        if found or not self.evidence.decay:
            return found
        of_fit = ratio(a - decay, g - decay)
        return scaled(of_fit, self.evidence.name) or self.factor_of(a - decay, g - decay)

    def factor_of(self, a: Array, g: Array) -> Found:
        """A factor that is missing in `a` or too much, or one for another of its kind, where it should be `g`."""
        for exactly in (True, False):
            for q in self.quantities:
                for kind, k in (("missing", ratio(a * q.values, g)), ("extra", ratio(a, g * q.values))):
                    fits = k is not None and (is_close(k, 1.0) or (not exactly and is_tidy(k)))
                    if fits and (kind == "missing" or not self.value_alone(q)):
                        return (self.factor_diagnosis(q, kind == "missing"), *scaled(k))
        used = used_names(self.answer)
        for q in self.quantities:
            for p in self.quantities if (q.z or q.text) in used else ():
                if p.family == q.family and p is not q:
                    k = ratio(a * p.values, g * q.values)
                    if k is not None and is_tidy(k):
                        clause = f"{q.text} stands where {p.text} belongs"
                        return (Diagnosis("index", clause, None, (q.z or q.text, p.z or p.text)), *scaled(k))
        return ()

    def value_alone(self, q: _Quantity) -> bool:
        """Whether a factor too much makes an inner derivative the value of its function, as for relu."""
        values = self.evidence.values
        return any(same(inner * q.values, values[z]) for z, (_, inner) in self.inner.items() if z in values)

    def factor_diagnosis(self, q: _Quantity, missing: bool) -> Diagnosis:
        """What to say of a factor that is missing or too much."""
        if not missing:
            return Diagnosis("extra factor", f"the factor {q.text} is too much", None, (q.text,))
        z = q.z or q.text
        if z not in self.inner:
            return Diagnosis("missing factor", f"the factor {q.text} is missing", None, (q.text,))
        if q.family == "inner":
            return Diagnosis("inner derivative", f"the inner derivative {q.text} is missing", None, (z,), nodes=(z,))
        clause = f"the inner derivative of {z} is {self.inner[z][0]}: {q.text} is missing"
        return Diagnosis("inner derivative", clause, None, (z,), nodes=(z,))

    def two_factors(self, a: Array) -> Found:
        """Two factors of a kind that are missing in all paths, as those of a softmax's derivative are."""
        rest = self.evidence.g - self.evidence.regularisation
        for i, p in enumerate(self.quantities):
            for q in self.quantities[i + 1 :]:
                if p.family == q.family and same((a - self.evidence.regularisation) * p.values * q.values, rest):
                    return (said("two factors", (p.text, q.text), p=p.text, q=q.text),)
        return ()

    # ŷ − y

    @cached_property
    def differences(self) -> list[tuple[str, str, Array, Array]]:
        """What the loss sends down to a node, where that is ŷ − y, or q − 1: the names and values of both."""
        evidence, flow = self.evidence, self.flow
        if flow is None:
            return []
        targets = [(x, evidence.values[x]) for x in evidence.values if letter(x) == "y" and x != "y_hat"]
        targets.append(("1", flow.program.ones))
        found = []
        for n in flow.on:
            for q, value in evidence.values.items():
                for y, own in targets:
                    sent = flow.down[n]
                    if sent is not None and q != y and ratio(sent, value - own) is not None:
                        found.append((q, y, value, own))
        return list({(q, y): (q, y, value, own) for q, y, value, own in found}.values())

    def difference(self, a: Array) -> Found:
        """ŷ or y for ŷ − y, ŷ + y for it."""
        evidence = self.evidence
        for q, y, value, own in self.differences:
            fit = (evidence.g - evidence.regularisation) / (value - own)
            wrong = {"minuend" if y != "1" else "one": value, "subtrahend": own, "plus": value + own}
            for name, instead in wrong.items():
                if name != "subtrahend" or y != "1":
                    k = ratio(a - evidence.regularisation, fit * instead)
                    if k is not None and is_tidy(k):
                        return (said(name, (q, y), q=q, y=y), *scaled(k))
        return ()

    # Edits

    @cached_property
    def singles(self) -> list[Edit]:
        """All edits of one kind of place whose numbers are finite."""
        if self.flow is None or self.terms is None:
            return []
        edits = [*Edits(self.flow, self.terms).all(), *self.in_one_path(self.flow.total)]
        return [edit for edit in edits if np.all(np.isfinite(edit.values))]

    def in_one_path(self, total: Array) -> Iterator[Edit]:
        """A factor that is missing in one of the paths, or too much."""
        own = self.terms.own if self.terms is not None else []
        for path in own if 1 < len(own) <= _FEW_PATHS else ():
            for q in self.quantities:
                names, words = (q.z or q.text, path.z), {"q": q.text, "n": path.z}
                yield Edit(said("factor", names, **words), total + path.total * (1.0 / q.values - 1.0))
                yield Edit(said("factor more", names, **words), total + path.total * (q.values - 1.0))

    @cached_property
    def of_functions(self) -> list[Edit]:
        """Those in which the derivative of a function goes wrong."""
        if self.flow is None or self.terms is None:
            return []
        return [edit for edit in Edits(self.flow, self.terms).of_functions() if np.all(np.isfinite(edit.values))]

    @cached_property
    def edit_values(self) -> Array:
        """The numbers of all edits."""
        return np.array([edit.values for edit in self.singles]).reshape(-1, len(self.evidence.g))

    def edited(self, a: Array, edits: Sequence[Edit] | None = None) -> Found:
        """An edit of one kind of place, or one and a constant factor."""
        rest, chosen = a - self.evidence.regularisation, self.singles if edits is None else edits
        values = self.edit_values if edits is None else np.array([edit.values for edit in edits])
        match = first_match(values.reshape(-1, len(a)), rest)
        return () if match is None else (chosen[match[0]].diagnosis, *scaled(match[1]))

    def rewritten(self, a: Array, scale: bool) -> Found:
        """Another name in the answer; with `scale` and a constant factor."""
        besides = a - self.evidence.points(self.answer)
        for rewriting in self.rewritings:
            values = rewriting.values + besides
            if not scale and same(values, self.evidence.g):
                return (rewriting.diagnosis,)
            k = ratio(values, self.evidence.g) if scale else None
            if k is not None and is_tidy(k):
                return (rewriting.diagnosis, *scaled(k, self.evidence.name))
        return ()

    @cached_property
    def rewritings(self) -> list[Rewriting]:
        """The answer with one thing rewritten."""
        return list(rewritings(self.evidence, self.answer))

    # Two at once

    def two(self, targets: Sequence[tuple[Array, Found]]) -> Found:
        """Two mistakes at once: one in the answer and one in the gradient, two here or two there."""
        for target, besides in targets:
            if found := self.two_factors(target):
                return (*found, *besides)
            offset = target - self.evidence.points(self.answer)
            for rewriting in self.rewritings:
                values = rewriting.values + offset
                found = self.edited(values) if np.all(np.isfinite(values)) else ()
                if len(found) == 1:
                    return (rewriting.diagnosis, *found, *besides)
            numbers = np.array([r.values for r in self.rewritings]).reshape(-1, len(target)) + offset
            if pair := two_of(numbers - target, self.evidence.g - target):
                return (*(self.rewritings[i].diagnosis for i in pair), *besides)
            rest, fit = target - self.evidence.regularisation, self.evidence.g - self.evidence.regularisation
            if pair := two_of(self.edit_values - fit, rest - fit):
                return (*(self.singles[i].diagnosis for i in pair), *besides)
            if self.flow is not None and (together := along_a_path(self.singles, self.flow, rest)):
                return (*(edit.diagnosis for edit in together), *besides)
            if match := with_a_factor(self.singles, [q.values for q in self.quantities], rest):
                factor = self.factor_diagnosis(self.quantities[match[1]], match[2])
                return (self.singles[match[0]].diagnosis, factor, *besides)
        return ()
