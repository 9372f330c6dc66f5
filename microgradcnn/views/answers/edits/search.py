"""The search for the edits that explain an answer: a factor, a term, a place, a name; then two of them at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.views.answers.diagnosis import Found, is_close, is_tidy
from microgradcnn.views.answers.edits import pairs
from microgradcnn.views.answers.edits.inner import inner_words
from microgradcnn.views.answers.edits.paths import Terms
from microgradcnn.views.answers.edits.program import Steps
from microgradcnn.views.answers.edits.single import Edit, Edits
from microgradcnn.views.answers.edits.table import BOUNDS, SAID, said, scaled, told
from microgradcnn.views.answers.edits.written import Rewriting, rewritings, shortened, size_of
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.points import letter, ratio, same


def used_names(answer: Value) -> set[str]:
    """The names that a formula speaks of."""
    return {node.label for node in topological(answer) if node.label is not None}


@dataclass(frozen=True)
class _Quantity:
    text: str
    values: Array
    family: str
    z: str = ""  # whose inner derivative it is

    @property
    def name(self) -> str:
        return self.z or self.text


class Search:
    """The edits of a gradient and of an answer to it. All that looks for one raises OutOfSteps."""

    def __init__(self, evidence: Evidence, answer: Value) -> None:
        self.evidence, self.answer, self.flow, self.steps = evidence, answer, evidence.flow, Steps()
        self.terms = Terms(evidence, self.steps)
        self.edits = Edits(self.flow, self.terms.families, self.steps)
        self.fit = evidence.g - evidence.regularisation  # what data give of the gradient
        self.values, self.size = evidence.points(answer), size_of(topological(answer))

    def one(self, a: Array) -> Found:
        """One mistake in a factor, in the terms of a sum or in a name."""
        found = self.one_factor(a) or self.terms.mistake(a) or self.difference(a) or self.terms.inner(a)
        found = (
            found
            or self.edited(a, self.of_functions, self.numbers(self.of_functions))
            or self.too_long(a)
            or self.rewritten(a, scale=False)
        )
        return found or self.left_out(a) or self.of_others(a)

    def left_out(self, a: Array) -> Found:
        """A path that is missing, and nothing else."""
        self.steps.take(len(self.paths_left_out))
        rest = a - self.evidence.regularisation
        return next(((edit.diagnosis,) for edit in self.paths_left_out if same(rest, edit.values)), ())

    @cached_property
    def paths_left_out(self) -> list[Edit]:
        """Those in which a path is missing."""
        paths = self.edits.weighed() if len(self.flow.edges) <= BOUNDS["edges"] else ()
        return self.edits.finite(edit for edit in paths if edit.diagnosis.kind == "missing path")

    def of_others(self, a: Array) -> Found:
        """Something of the gradient by another leaf, beside the right one or in it."""
        if found := self.terms.extra(a):
            return found
        for label, gradient in self.evidence.others.items():
            if same(a - self.evidence.g, gradient, 1e-7):
                return (said("gradient of another", (label,), q=label),)
        return ()

    def too_long(self, a: Array) -> Found:
        """A term too much in a sum: what it is, if it is known."""
        for shorter in self.shortened:
            if same(shorter.values + a - self.values, self.evidence.g):
                found = self.of_others(a)
                return found if found and found[0].kind == "extra path" else (shorter.diagnosis,)
        return ()

    @cached_property
    def shortened(self) -> list[Rewriting]:
        """The answer without one of its terms."""
        return self.counted(shortened(self.evidence, self.answer))

    @cached_property
    def rewritings(self) -> list[Rewriting]:
        """The answer with one thing rewritten."""
        return self.counted(rewritings(self.evidence, self.answer))

    def counted(self, found: Iterator[Rewriting]) -> list[Rewriting]:
        """Formulas that are computed anew, in steps by their size."""
        rewritten = list(found)
        self.steps.take(len(rewritten) * self.size)
        return rewritten

    def edited_or_rewritten(self, a: Array) -> Found:
        """One mistake anywhere, and a constant factor."""
        return self.edited(a, self.singles, self.rows.rows) or self.rewritten(a, scale=True)

    # A factor of the whole

    @cached_property
    def quantities(self) -> list[_Quantity]:
        """What may be a factor too much or too little."""
        evidence = self.evidence
        varied = {label: x for label, x in evidence.values.items() if np.ptp(x)}
        found = [_Quantity(label, x, letter(label)) for label, x in varied.items() if label != evidence.loss]
        if evidence.error is not None:
            found.insert(0, _Quantity("(ŷ − y)", evidence.error, "error"))
        found += [_Quantity(text, own, "inner", z) for z, (text, own) in self.inner.items()]
        for label, x in varied.items():
            if letter(label) == "z" or self.is_share(label):
                found.append(_Quantity(f"(1 − {label})", 1.0 - x, "one minus", label))
        return [q for q in found if np.all(np.isfinite(q.values))][: BOUNDS["quantities"]]

    def is_share(self, label: str) -> bool:
        """Whether a name is that of a value of σ, or of a softmax, which are between 0 and 1."""
        node, values = self.evidence.nodes.get(label), self.evidence.values[label]
        op = node.op.name if node is not None and node.op is not None else ""
        return op in ("sigmoid", "div") and bool(np.all(abs(values - 0.5) < 0.5))

    @cached_property
    def inner(self) -> dict[str, tuple[str, Array]]:
        """The inner derivatives on the paths by the function's name: how each is written, and its values."""
        program, found = self.flow.program, dict[str, tuple[str, Array]]()
        for edge in self.edits.inner:
            if (label := program.labels[edge[0]]) is not None and edge[0] < len(program.nodes) - 1:
                found[label] = inner_words(program, [edge])["inner"], self.flow.slope(edge)
        return found

    def one_factor(self, a: Array) -> Found:
        """A factor that is missing or too much, or one for another of its kind."""
        found = self.factor_of(a, self.evidence.g)
        if found or not self.evidence.decay:
            return found
        rest = a - self.evidence.regularisation
        return scaled(ratio(rest, self.fit), self.evidence.name) or self.factor_of(rest, self.fit)

    def factor_of(self, a: Array, g: Array) -> Found:
        """A factor that is missing in `a` or too much, or one for another of its kind, where it should be `g`."""
        self.steps.take(4 * len(self.quantities))
        for exactly in (True, False):
            for q in self.quantities:
                for missing, k in ((True, ratio(a * q.values, g)), (False, ratio(a, g * q.values))):
                    fits = k is not None and (is_close(k, 1.0) or (not exactly and is_tidy(k)))
                    if fits and (missing or not self.value_alone(q)):
                        return (*self.factor_said(q, missing), *scaled(k))
        used = used_names(self.answer)
        for q in self.quantities:
            for p in self.quantities if q.name in used else ():
                if p.family == q.family and p is not q:
                    self.steps.take(1)
                    k = ratio(a * p.values, g * q.values)
                    if k is not None and is_tidy(k):
                        return (said("another", (q.name, p.name), q=q.text, p=p.text), *scaled(k))
        return ()

    def value_alone(self, q: _Quantity) -> bool:
        """Whether a factor too much makes an inner derivative the value of its function, as for relu."""
        values = self.evidence.values
        return any(same(inner * q.values, values[z]) for z, (_, inner) in self.inner.items() if z in values)

    def factor_said(self, q: _Quantity, missing: bool) -> Found:
        """What to say of a factor that is missing or too much."""
        z = q.name
        if not missing or z not in self.inner:
            return (said("factor missing" if missing else "factor too much", (q.text,), q=q.text),)
        name = "inner missing" if q.family == "inner" else "of inner missing"
        return (told(*SAID[name], (z,), None, (z,), z=z, inner=self.inner[z][0], q=q.text),)

    def two_factors(self, a: Array) -> Found:
        """Two factors of a kind that are missing in all paths, as those of a softmax's derivative are."""
        rest, known = a - self.evidence.regularisation, self.quantities
        self.steps.take(len(known) ** 2)
        for i, p in enumerate(known):
            for q in known[i + 1 :]:
                if p.family == q.family and same(rest * p.values * q.values, self.fit):
                    return (said("two factors", (p.text, q.text), p=p.text, q=q.text),)
        return ()

    # ŷ − y

    @cached_property
    def differences(self) -> list[tuple[str, str, Array, Array]]:
        """What the loss sends down to a node, where that is ŷ − y, or q − 1: the names and values of both."""
        evidence, flow = self.evidence, self.flow
        targets = [(x, evidence.values[x]) for x in evidence.values if letter(x) == "y" and x != "y_hat"]
        targets.append(("1", flow.program.ones))
        names = [(q, y, value, own) for q, value in evidence.values.items() for y, own in targets if q != y]
        self.steps.take(len(flow.on) * len(names))
        rows, found = np.array([value - own for _, _, value, own in names]), dict[int, None]()
        for n in flow.on:
            found |= dict.fromkeys(i for i, _ in pairs.multiples(rows, flow.down[n]))
        return [names[i] for i in found]

    def difference(self, a: Array) -> Found:
        """ŷ or y for ŷ − y, ŷ + y for it."""
        rest = a - self.evidence.regularisation
        for q, y, value, own in self.differences:
            wrong = {"minuend": value, "subtrahend": own, "plus": value + own}
            for name, other in (wrong if y != "1" else {"one": value, "plus": value + own}).items():
                k = ratio(rest, self.fit / (value - own) * other)
                if k is not None and is_tidy(k):
                    return (said(name, (q, y), q=q, y=y), *scaled(k))
        return ()

    # Edits

    @cached_property
    def singles(self) -> list[Edit]:
        """All edits of one kind of place whose numbers are finite."""
        return [*self.edits.all(), *self.edits.finite(self.in_one_path())]

    def in_one_path(self) -> Iterator[Edit]:
        """A factor that is missing in one of the paths, or too much."""
        own, total = self.terms.own, self.flow.total
        for path in own if 1 < len(own) <= BOUNDS["paths"] else ():
            for q in self.quantities:
                names, words = (q.name, path.z), {"q": q.text, "n": path.z}
                yield Edit(said("factor", names, **words), total + path.total * (1.0 / q.values - 1.0))
                yield Edit(said("factor more", names, **words), total + path.total * (q.values - 1.0))

    @cached_property
    def of_functions(self) -> list[Edit]:
        """Those in which the derivative of a function goes wrong."""
        return self.edits.finite(self.edits.of_functions())

    def numbers(self, edits: Sequence[Edit] | Sequence[Rewriting]) -> Array:
        """What edits make of the gradient, or of the answer, a row each."""
        return np.array([edit.values for edit in edits]).reshape(-1, len(self.values))

    @cached_property
    def rows(self) -> pairs.SortedRows:
        """The numbers of all edits."""
        return pairs.SortedRows(self.numbers(self.singles), pairs.steepest(self.fit))

    def edited(self, a: Array, edits: Sequence[Edit], values: Array) -> Found:
        """An edit of one kind of place, or one and a constant factor; `values` are the numbers of these edits."""
        self.steps.take(len(edits))
        match = pairs.first_match(values, a - self.evidence.regularisation)
        return () if match is None else (edits[match[0]].diagnosis, *scaled(match[1]))

    def rewritten(self, a: Array, scale: bool) -> Found:
        """Another name in the answer; with `scale` and a constant factor."""
        self.steps.take(len(self.rewritings))
        for rewriting in self.rewritings:
            values = rewriting.values + a - self.values
            if not scale and same(values, self.evidence.g):
                return (rewriting.diagnosis,)
            k = ratio(values, self.evidence.g) if scale else None
            if k is not None and is_tidy(k):
                return (rewriting.diagnosis, *scaled(k, self.evidence.name))
        return ()

    # Two at once

    def apart(self, i: int, j: int) -> bool:
        """Whether two edits are of different edges, so that what they change adds up."""
        return self.edits.places(self.singles[i]).isdisjoint(self.edits.places(self.singles[j]))

    def two(self, a: Array) -> Found:
        """Two mistakes at once: one in the answer and one in the gradient, two here or two there."""
        if found := self.two_factors(a):
            return found
        singles, rest, steps = self.singles, a - self.evidence.regularisation, self.steps
        written = [rewriting for rewriting in self.rewritings if np.all(np.isfinite(rewriting.values))]
        numbers = self.numbers(written) + a - self.values
        for i in pairs.equal_rows(self.rows, numbers - self.evidence.regularisation, steps):
            if len(found := self.edited(numbers[i], singles, self.rows.rows)) == 1:
                return (written[i].diagnosis, *found)
        if pair := pairs.two_of(numbers - a, self.evidence.g - a, steps):
            return written[pair[0]].diagnosis, written[pair[1]].diagnosis
        if pair := pairs.two_of(self.rows.rows - self.fit, rest - self.fit, steps, self.apart):
            return singles[pair[0]].diagnosis, singles[pair[1]].diagnosis
        if together := pairs.along_a_path(self.edits, singles, rest):
            return together[0].diagnosis, together[1].diagnosis
        factors = np.array([q.values for q in self.quantities])
        if match := pairs.with_a_factor(self.rows.rows, factors, rest, steps):
            return (singles[match[0]].diagnosis, *self.factor_said(self.quantities[match[1]], match[2]))
        return ()
