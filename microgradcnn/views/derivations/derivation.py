"""explain: which steps the derivation of a gradient has, for scalars and for arrays, and the forms it is given in.

print(explain(f, c1))                       steps for a terminal
explain(f, c1, through="z").latex()         ... through the z's, for LaTeX
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from microgradcnn.engine.arguments import check_value, no_value, several
from microgradcnn.engine.value import Constant, Value
from microgradcnn.views.derivations.chain import ChainRule, chosen_stations
from microgradcnn.views.derivations.matrices import Cotangents, tensor_numbers, tensor_steps
from microgradcnn.views.derivations.named_graph import Graph, recomputed
from microgradcnn.views.derivations.numbers import numbers_step, undefined_step, update_step
from microgradcnn.views.derivations.steps import chain_steps, loss_step, where_step
from microgradcnn.views.documents.document import Step, as_text
from microgradcnn.views.documents.html import as_html, notebook_bundle
from microgradcnn.views.documents.latex import as_latex, equations
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import Expr

Through = str | Value | Sequence[Value] | None


@dataclass(repr=False)
class Derivation:
    """A gradient derived step by step.

    `gradients` maps the label of each parameter to its final formula; `definitions` holds every symbol with its
    formula, in an order in which each is defined by earlier ones, the intermediate derivatives among them.
    """

    steps: list[Step] = field(default_factory=list)
    gradients: dict[str, Expr] = field(default_factory=dict)
    definitions: list[tuple[Expr, Expr]] = field(default_factory=list)

    def text(self, width: int | None = None) -> str:
        """The steps in Unicode, for a terminal of so many columns, or for any: then tables are as wide as they are."""
        return as_text(self.steps, width)

    def latex(self) -> str:
        """The steps as the body of a LaTeX document with amsmath."""
        return as_latex(self.steps)

    def mathml(self) -> str:
        """The steps as HTML whose formulas are MathML Core."""
        return as_html(self.steps)

    def python(self) -> str:
        """The definitions as assignments, `df_dc_1 = ...` last; those of scalars are Python that SymPy reads."""
        functions = notation.definitions([right for _, right in self.definitions], set())
        equations = [notation.equation(*sides) for sides in self.definitions]
        return "\n".join(map(notation.python, [*functions, *equations]))

    def __repr__(self) -> str:
        return self.text()

    def _repr_latex_(self) -> str:
        return equations(self.steps)

    def _repr_html_(self) -> str:
        return self.mathml()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return notebook_bundle(self.mathml(), self.text())


def explain(
    f: Value,
    wrt: Value | Sequence[Value],
    through: Through = None,
    at: Mapping[str, float] | None = None,
    rate: float = 0.1,
    written_out: bool = False,
) -> Derivation:
    """Derive df/d(each of `wrt`) as the lecture does, from the graph of the scalar f.

    `through` names the intermediates that split the chain rule: a label without its subscripts ("z" for z_1, z_2, ...)
    or Values; the largest family of labelled intermediates if it is not given. `at` gives leaves other numbers, by
    label; `rate` is the η of the update; `written_out` adds the gradient with σ(...) in place of
    z. Where arrays are between f and a parameter, the steps are cotangents in matrix notation. Where f or a derivative
    is not finite, that is said in place of numbers and an update. Raises ValueError if f is no scalar, does not depend
    on a parameter, or has no intermediate or leaf of the name asked for.
    """
    targets = several(wrt)
    _check(f, targets)
    if at:
        f, targets, through = _moved(f, targets, through, at)
    graph, derivation = Graph(f, with_lambda=True), Derivation()
    _check_dependence(graph, targets)
    defined: dict[Expr, Expr] = {}
    for x in targets:
        rule: ChainRule | Cotangents
        lost = undefined_step(graph, x)
        if any(node.shape for node in graph.depending_on(x)):
            rule = Cotangents(graph, x)
            told = tensor_steps(rule)
            told += [lost] if lost else [tensor_numbers(rule), update_step(rule, rate)]
        else:
            rule = ChainRule(graph, x, chosen_stations(graph, x, through))
            told = [loss_step(rule), where_step(rule), *chain_steps(rule, written_out)]
            told += [lost] if lost else [numbers_step(rule)]
            told += [update_step(rule, rate)] if x.op is None and not lost else []
        for step in told:
            step.subject = graph.names[x] if len(targets) > 1 else None
        before = [step.lines for step in derivation.steps]
        derivation.steps += [step for step in told if step.lines not in before]
        derivation.gradients[graph.label(x)] = rule.gradient
        for left, right in rule.definitions():
            defined.setdefault(left, right)
    derivation.definitions = list(defined.items())
    functions: set[str] = set()
    for step in derivation.steps:
        step.define_functions(functions)
    return derivation


def _check(f: Value, targets: Sequence[Value]) -> None:
    check_value(f, "explain derives the gradient of a Value", "mg.explain({}, wrt)")
    if f.shape != ():
        raise ValueError(
            f"{f.describe()} has shape {f.shape}: explain derives the gradient of a scalar, such as a loss"
        )
    if f.op is None:
        raise ValueError(f"{f.describe()} was computed from nothing: there is no chain rule to write")
    if not targets:
        raise ValueError("explain needs a Value to differentiate with respect to")
    for x in targets:
        if not isinstance(x, Value) or type(x) is Constant:
            raise TypeError(f"explain differentiates with respect to Values, not {no_value(x)}")


def _check_dependence(graph: Graph, targets: Sequence[Value]) -> None:
    for x in targets:
        if x not in graph.place or x is graph.f:
            raise ValueError(f"{graph.f.describe()} was not computed from {x.describe()}: its derivative is 0")
        if x not in graph.names:
            graph.give_name(x)


def _moved(
    f: Value, targets: list[Value], through: Through, at: Mapping[str, float]
) -> tuple[Value, list[Value], Through]:
    """The same with leaves at other numbers."""
    leaves = {node.label: node for node in Graph(f).order if node.op is None and node.label}
    unknown = [label for label in at if label not in leaves]
    if unknown:
        raise ValueError(f"{f.describe()} has no leaf {unknown[0]}: its leaves are {', '.join(map(str, leaves))}")
    f, copies = recomputed(f, {leaves[label]: data for label, data in at.items()})
    if isinstance(through, Value):
        through = [through]
    if through is not None and not isinstance(through, str):
        through = [copies[node] for node in through]
    return f, [copies[x] for x in targets], through
