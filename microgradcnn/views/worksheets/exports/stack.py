"""What STACK adds to a question of Moodle: inputs, trees of tests, and the formulas of a loss as Maxima has them.

A formula is compared with the gradient at some points, as `check_answer` does: an answer may be in any names, and
Maxima would take minutes to simplify one with all intermediates put in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice
from random import Random
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.chain import ChainRule, chosen_stations
from microgradcnn.views.derivations.named_graph import Graph, recomputed
from microgradcnn.views.formulas.expression import Expr, functions, name_of, symbols
from microgradcnn.views.formulas.mathml import Python
from microgradcnn.views.formulas.notation import spelled_out
from microgradcnn.views.worksheets.stored_loss import from_plain

# Functions of the table that Maxima has, by its names, and those that a question has to define.
_OWN = {"exp": "exp", "log": "log", "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "sin": "sin", "cos": "cos"}
_OWN |= {"abs": "abs", "sqrt": "sqrt", "max": "max", "min": "min", "sign": "signum"}
_DEFINED = {
    "sigmoid": "sigmoid(x) := 1/(1+exp(-x))",
    "relu": "relu(x) := (x+abs(x))/2",
    "softplus": "softplus(x) := log(1+exp(x))",
    "expm1": "expm1(x) := exp(x)-1",
    "log1p": "log1p(x) := log(1+x)",
}
_INDICATOR = "ind(x) := (1+signum(x))/2"
_POINTS, _TRIES, _EXACT = 5, 1000, 1e-5  # where, and to which share of the largest gradient, formulas are compared
_SETTINGS = {
    "questionsimplify": "1",
    "assumepositive": "0",
    "assumereal": "1",
    "decimals": ".",
    "scientificnotation": "*10",
}
_SETTINGS |= {"multiplicationsign": "dot", "sqrtsign": "1", "complexno": "i", "inversetrig": "cos-1"}
_SETTINGS |= {"logicsymbol": "lang", "matrixparens": "[", "variantsselectionseed": ""}
_INPUT = {"boxsize": "40", "strictsyntax": "1", "insertstars": "0", "syntaxhint": "", "syntaxattribute": "0"}
_INPUT |= {"forbidwords": "", "allowwords": "", "forbidfloat": "0", "requirelowestterms": "0", "checkanswertype": "0"}
_INPUT |= {"mustverify": "1", "showvalidation": "1", "options": ""}


class Node(NamedTuple):
    """One test of an answer, the share of the mark where it holds, and what is said then; the next follows if not."""

    test: str
    given: str
    right: str
    share: float
    said: str
    options: str = ""


class _Maxima(Python):
    """A formula for Maxima. Raises ValueError for a function that it does not have."""

    signs = {"=": "=", "≤": "<=", "≥": ">=", "≠": "#"}  # noqa: RUF012

    def _number(self, e: Expr) -> str:
        return str(e.value) if isinstance(e.value, Fraction) else repr(float(e.value))

    def _symbol(self, e: Expr) -> str:
        return "%pi" if e.value == "pi" else maxima_name(e.value)

    def _power(self, e: Expr) -> str:
        return super()._power(e).replace("**", "^")

    def _call(self, e: Expr) -> str:
        if e.value not in _OWN and e.value not in _DEFINED:
            raise ValueError(f"Maxima has no {e.value}: export this sheet with --format moodle")
        return f"{_OWN.get(e.value, e.value)}({', '.join(map(self.emit, e.args))})"

    def _indicator(self, e: Expr) -> str:
        return self._indicated(e.args[0])

    def _cases(self, e: Expr) -> str:
        condition, then, otherwise = e.args
        if condition.value == "=":  # at single points, where ind is ½
            return f"({self.emit(otherwise)})"
        opposite = Expr("compare", condition.args[::-1], condition.value)
        sides = ((then, condition), (otherwise, opposite))
        return "({} + {})".format(*(f"({self.emit(e)})*{self._indicated(where)}" for e, where in sides))

    def _indicated(self, condition: Expr) -> str:
        """1 where a > b or a < b holds, else 0."""
        larger, smaller = condition.args if condition.value in (">", "≥") else condition.args[::-1]
        return f"ind({self.emit(larger)} - ({self.emit(smaller)}))"


def maxima_name(label: str) -> str:
    """A label as a student writes it in STACK: lam for λ, which is a word of Maxima's own, as are e and i."""
    return {"lambda": "lam", "λ": "lam", "e": "e_e", "i": "i_i"}.get(label, label)


class Formulas:
    """The gradients of a loss in Maxima, and the points at which an answer is compared with them.

    Raises ValueError for a function that Maxima lacks, or if no points are found at which everything is finite.
    """

    def __init__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        self.graph = Graph(from_plain(entries))
        computed = [node for node in self.graph.order if node.op is not None and node in self.graph.names]
        self._definitions = {self.graph.label(n): spelled_out(self.graph.definition(n)) for n in computed}
        used = {name for e in self._definitions.values() for name in functions(e)}
        self.functions = ",".join(sorted(used & _DEFINED.keys() | {"ind"}))
        self._points = list(islice(self._drawn(Random(0)), _POINTS))
        if len(self._points) < _POINTS:
            raise ValueError("too few points were found at which the loss is finite: export it with --format moodle")

    def _drawn(self, rng: Random) -> Iterator[tuple[Value, dict[Value, Value]]]:
        """The loss at points where it is finite, with its nodes there."""
        leaves = [node for node in self.graph.order if node.op is None]
        for _ in range(_TRIES):
            with np.errstate(all="ignore"):
                at = {leaf: rng.choice((1, 1, -1)) * round(rng.uniform(0.2, 1.3), 2) for leaf in leaves}
                loss, nodes = recomputed(self.graph.f, at)
            if all(np.isfinite(node.item()) for node in nodes.values()):
                yield loss, nodes

    def variables(self, wrt: str) -> str:
        """The functions that Maxima lacks, the right answer `ta`, and its values, `right`, at some points."""
        x = self._node(wrt)
        rule = ChainRule(self.graph, x, chosen_stations(self.graph, x, None))
        gradient = rule.facts.without_shares(rule.gradient)
        needed = [_DEFINED[name] for name in self.functions.split(",") if name in _DEFINED]
        right = ",".join(f"{slope:.10g}" for slope in self._slopes(x))
        lines = [*needed, _INDICATOR, f"ta: {_Maxima()(spelled_out(gradient))}", f"right: [{right}]"]
        for i, (_, nodes) in enumerate(self._points, start=1):
            values = [f"{maxima_name(str(n.label))}={n.item():.10g}" for n in nodes.values() if n.label is not None]
            lines.append(f"at{i}: [{','.join(values)}]")
        return ";\n".join(lines) + ";"

    def values_of(self, answer: str) -> str:
        """`given`: the answer at these points."""
        each = [f"subst(at{i}, {answer})" for i in range(1, _POINTS + 1)]
        return f"given: float([{','.join(each)}]);"

    def nodes_for(self, wrt: str, factors: Iterable[tuple[str, float, str]]) -> list[Node]:
        """A test for each factor: whether the answer is so many times the gradient."""
        exact = f"{_EXACT * max(map(abs, self._slopes(self._node(wrt)))):.3g}"
        return [
            Node("NumAbsolute", f"lmax(abs(given - {factor}*right))", "0", share, said, exact)
            for factor, share, said in factors
        ]

    def _node(self, label: str) -> Value:
        return next(node for node in self.graph.order if node.label == label)

    def _slopes(self, x: Value) -> list[float]:
        return [grad(loss, [nodes[x]])[0].item() for loss, nodes in self._points]

    def how_to(self) -> str:
        """How an answer is typed."""
        odd = [label for label in self._labels() if maxima_name(label) != label or "hat" in label]
        names = "".join(f", {maxima_name(label)} for {_shown(label)}" for label in odd)
        return f"Write * for every product, as in 2*z_1*(1-z_1){names}, and ind(a) for what is 1 where a > 0, else 0."

    def _labels(self) -> list[str]:
        return list(dict.fromkeys([*self._definitions, *(s for e in self._definitions.values() for s in symbols(e))]))


def _shown(label: str) -> str:
    name = name_of(label)
    return " ".join(filter(None, [name.base, name.accent, *name.subscripts]))


def add_settings(question: Element, variables: str, feedback: str) -> None:
    """What a question of the type STACK has beside its text."""
    for tag, content in (("stackversion", ""), ("questionvariables", variables)):
        SubElement(SubElement(question, tag), "text").text = content
    for tag, content in (("specificfeedback", feedback), ("questionnote", ""), ("questiondescription", "")):
        SubElement(SubElement(question, tag, format="html"), "text").text = content
    for tag, content in _SETTINGS.items():
        SubElement(question, tag).text = content


def add_input(question: Element, name: str, kind: str, right: str, words: str = "") -> None:
    """A field to fill in; `words` are functions that an answer may have besides Maxima's."""
    field = SubElement(question, "input")
    for tag, content in ({"name": name, "type": kind, "tans": right} | _INPUT | {"allowwords": words}).items():
        SubElement(field, tag).text = content


def add_prt(question: Element, name: str, value: float, variables: str, nodes: Sequence[Node]) -> None:
    """A tree of tests that ends with the first that holds; an answer that none fits gets nothing."""
    tree = SubElement(question, "prt")
    for tag, content in {"name": name, "value": f"{value:g}", "autosimplify": "1", "feedbackstyle": "1"}.items():
        SubElement(tree, tag).text = content
    SubElement(SubElement(tree, "feedbackvariables"), "text").text = variables
    for i, node in enumerate(nodes):
        after = str(i + 1 if i + 1 < len(nodes) else -1)
        _add_node(SubElement(tree, "node"), f"{name}-{i + 1}", str(i), node, after)


def _add_node(element: Element, note: str, number: str, node: Node, after: str) -> None:
    test = {"name": number, "description": "", "answertest": node.test, "sans": node.given, "tans": node.right}
    for tag, content in (test | {"testoptions": node.options, "quiet": "1"}).items():
        SubElement(element, tag).text = content
    for holds, score, following, said in (("true", node.share, "-1", node.said), ("false", 0.0, after, "")):
        outcome = {"scoremode": "=", "score": f"{score:g}", "penalty": "", "nextnode": following}
        for tag, content in (outcome | {"answernote": f"{note}-{holds[0].upper()}"}).items():
            SubElement(element, holds + tag).text = content
        SubElement(SubElement(element, f"{holds}feedback", format="html"), "text").text = said
