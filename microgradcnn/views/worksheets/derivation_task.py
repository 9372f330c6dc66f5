"""A gradient to derive, and what every kind of question is made from: a graph, its labels, its derivations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from microgradcnn.engine.value import Value
from microgradcnn.views.answers.tokens import FormulaError
from microgradcnn.views.derivations.chain import ChainRule, chosen_stations
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.derivations.steps import chain_steps, defined, in_order, where_step
from microgradcnn.views.documents.document import Block
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.algebra import factored, simplified
from microgradcnn.views.formulas.expression import (
    Expr,
    add,
    derivative,
    functions,
    heads,
    multiply,
    size,
    substituted,
    symbol,
)
from microgradcnn.views.worksheets.stored_loss import StoredLoss, as_plain

Lines = Sequence[Block]
_LONGEST = 300  # the size of a gradient that is asked for


@dataclass(frozen=True)
class Task:
    """One question: `asked` is printed on the sheet, `solution` on the key; `record` is what `grade` needs to mark it.

    `kind` is 'derive', 'mistake' or 'number'; `label` names what it is about; `room` is how many centimetres a student
    gets to write in. `shown` are the formulas that it gives, and `secret` those that no other question may give.
    """

    kind: str
    label: str
    asked: Lines
    room: float
    solution: Lines
    record: dict[str, Any]
    shown: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()

    def answers(self, other: Task) -> bool:
        """Whether one of the two gives what the other asks for."""
        return self.label == other.label or bool(self.secret & other.shown or self.shown & other.secret)


class Material:
    """A loss written out in scalars, the labels of what to differentiate it by, and the loss as a key stores it.

    Raises ValueError for arrays, for what has no label, and for a gradient that an answer could not be compared with.
    """

    def __init__(self, loss: Value, wrt: Sequence[Value]) -> None:
        self.graph = Graph(loss)
        self.nodes = {self.graph.label(node): node for node in self.graph.order if node in self.graph.names}
        self.entries = as_plain(loss, {node: label for label, node in self.nodes.items()})
        self.stored = StoredLoss(self.entries)
        self.rules: dict[str, ChainRule] = {}
        for x in wrt:
            if x.label is None or self.nodes.get(x.label) is not x or x is loss:
                raise ValueError(f"{loss.describe()} was not computed from {x.describe()} under a label of its own")
            self.rules[x.label] = ChainRule(self.graph, x, chosen_stations(self.graph, x, None))
            self._check(x.label)

    @property
    def loss(self) -> Value:
        """f."""
        return self.graph.f

    @property
    def leaves(self) -> dict[str, Value]:
        """What the numbers are put in for, by label."""
        return {label: node for label, node in self.nodes.items() if node.op is None}

    @cached_property
    def functions(self) -> list[Expr]:
        """What the functions in f and in its gradients stand for that somebody defined, as equations."""
        computed = [self.graph.definition(node) for node in self.nodes.values() if node.op is not None]
        return notation.definitions([*computed, *(rule.gradient for rule in self.rules.values())], set())

    @cached_property
    def taken(self) -> set[str]:
        """The names of what f takes of something: sigmoid, log, maximum, ..."""
        in_graph = {node.op.name for node in self.graph.order if node.op is not None}
        return in_graph.union(*(functions(e) for e in self.functions))

    @cached_property
    def has_conditions(self) -> bool:
        """Whether an answer says where something holds, as it has to for a maximum."""
        return any({"indicator", "cases"} & heads(rule.gradient) for rule in self.rules.values())

    def formula(self, wrt: str) -> str:
        """df/dwrt as a student may write it: of values alone, and with [a > b] for what holds on one side of a kink."""
        rule, outer = self.rules[wrt], dict[Expr, Expr]()
        for station, e in rule.derivatives.items():  # f's side first
            outer[rule.symbol(station)] = gradient = substituted(e, outer)
            if size(gradient) > _LONGEST:
                raise FormulaError("it is too long to be written without derivatives of intermediates")
        if "cases" in heads(gradient) or gradient != rule.gradient:
            gradient = factored(simplified(sided(gradient)))
        return notation.text(notation.spelled_out(rule.facts.without_shares(gradient)))

    def definitions(self) -> Lines:
        """What is computed from what, in this order, families of equations that read alike as one; then functions."""
        nodes = [n for n in self.nodes.values() if n.op is not None]
        lines = [line for members in in_order(nodes, self.graph) for line in defined(self.graph, members)]
        return [*lines, *((e,) for e in self.functions)]

    def _check(self, wrt: str) -> None:
        """The formula that the key will print is the gradient."""
        formula = ""
        try:
            formula = self.formula(wrt)
            answer = self.stored.check(wrt, formula)
        except FormulaError as error:
            shown = f", {formula[:80]}," if formula else ""
            raise ValueError(
                f"the gradient by {wrt}{shown} cannot be asked for: {error}; leave {wrt} out of wrt"
            ) from None
        if not answer:
            raise ValueError(f"check_answer does not confirm the gradient by {wrt}, {formula[:80]}: {answer}")


def sided(e: Expr) -> Expr:
    """The formula as an answer has it, [a > b] u + [b > a] v for u where a > b, else v; a = b is left aside."""
    args = tuple([sided(a) for a in e.args])
    if e.head != "cases" or e.args[0].head != "compare" or e.args[0].value not in (">", "="):
        return Expr(e.head, args, e.value) if args else e
    condition, then, otherwise = args
    if condition.value == "=":
        return otherwise
    return add(multiply(_holds(*condition.args), then), multiply(_holds(*condition.args[::-1]), otherwise))


def _holds(a: Expr, b: Expr) -> Expr:
    return Expr("indicator", (Expr("compare", (a, b), ">"),))


def derive(material: Material, wrt: str) -> Task:
    """A gradient to derive."""
    rule = material.rules[wrt]
    solution = [line for step in (where_step(rule), *chain_steps(rule, False)) for line in step.lines]
    x = material.graph.names[rule.x]
    asked: Lines = [("Derive ", derivative(material.graph.names[material.loss], x), ".")]
    answer = material.formula(wrt)
    secret = frozenset({notation.text(rule.gradient), answer})
    return Task("derive", wrt, asked, 6.0, solution, {"answer": answer}, secret=secret)


_NAMED = re.compile(r"((?:(?<=/d)|(?<![A-Za-z_/]))[A-Za-z]+_\w+)")  # but for the d of df/dc_1


def with_symbols(words: str) -> list[str | Expr]:
    """Words that speak of c_1 or df/dc_1, with these names as symbols."""
    return [symbol(piece) if _NAMED.fullmatch(piece) else piece for piece in _NAMED.split(words) if piece]
