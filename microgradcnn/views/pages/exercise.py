"""The exercise of a page: a loss as its script knows it, boxes that check derivatives, training, and the landscape.

The boxes read and compare in the browser (assets/answers/exercise.js, on top of problem.js), and draw the paths that a
mistake is about (answer_paths.js). Without the key, the page knows the loss alone: its program, its nodes, and
each primitive with its local derivatives. From these it finds what an answer is compared with when it is asked, and
trains by finite differences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import named
from microgradcnn.targets.export.javascript import function
from microgradcnn.views.answers.assignments import given_names
from microgradcnn.views.answers.edits.inner import derived
from microgradcnn.views.answers.edits.program import LossProgram, nodes_of
from microgradcnn.views.answers.edits.table import SPECIFICATION
from microgradcnn.views.answers.evidence import distributions
from microgradcnn.views.answers.points import bounds_in
from microgradcnn.views.derivations.cancelling import probabilities
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import derivative, symbol
from microgradcnn.views.pages.assets import FORMULA, asset, compact, formula_script, literal, name_script

_ANSWERS = (
    *("program", "edits", "terms", "pairs", "evidence", "written", "search", "mistakes"),
    *("problem", "answer_paths", "exercise"),
)
_SCENES: tuple[str, ...] = (
    "elements",
    "boxes",
    "live",
    "guess",
    "opening",
    "forward",
    "loss_curve",
    "stations",
    "windows",
)
_SCENES += ("graph_steps", "landscape")
SCRIPTS = (*(*FORMULA, *(f"answers/{name}.js" for name in _ANSWERS)), *(f"lesson/{name}.js" for name in _SCENES))
_DRAWN = ("lesson/elements.js",)  # with which answers write and draw
DIGITS = 5  # significant digits of the data in a page
SPAN = 2.0  # the rate's slider reaches from a hundredth to a hundred times of a good rate


@dataclass(frozen=True)
class Problem:
    """The loss of one example, written in scalars, and what training it on rows of data needs.

    `columns` are the leaves that a row of `rows`, (n, columns), gives their numbers to, the target last. `start` and
    `trained` are numbers for the `parameters`: where descent begins, and where it once ended. `rate` is a good learning
    rate. Raises ValueError for a leaf without a label and for two of one name, for these are what answers speak of.
    """

    loss: Value
    parameters: Sequence[Value]
    columns: Sequence[Value]
    rows: Array
    start: Array
    trained: Array
    rate: float

    def __post_init__(self) -> None:
        labels = [leaf.label for leaf in self.leaves]
        if None in labels or len(set(labels)) < len(labels):
            raise ValueError(f"the leaves of a page's loss need a name each, all different, not {labels}")

    @property
    def leaves(self) -> list[Value]:
        """The parameters and the columns."""
        return [*self.parameters, *self.columns]

    @property
    def intermediates(self) -> list[Value]:
        """What is computed on the way to the loss and has a name."""
        return [node for node in topological(self.loss) if node.op is not None and node.label and node is not self.loss]

    @property
    def shares(self) -> list[Value]:
        """The shares of a softmax that derivations introduce, q_1 and so on, where nothing else has the name."""
        found, given = probabilities(self.loss), given_names(self.loss)
        return [named(share, name) for name, share in found.items() if name not in given]

    @property
    def activation(self) -> str:
        """What σ means in a formula: the graph's own activation."""
        ops = {node.op.name for node in topological(self.loss) if node.op is not None}
        return next((name for name in ("sigmoid", "relu", "tanh") if name in ops), "sigmoid")

    @property
    def squared(self) -> bool:
        """Whether the loss is (ŷ − y)², with the only target there is."""
        known = {str(node.label): node.item() for node in (*self.columns, *self.intermediates)}
        error = known.get("y_hat", math.nan) - known.get("y", math.nan)
        return math.isclose(error * error, self.loss.item(), rel_tol=1e-9, abs_tol=1e-12)

    def script(self, name: str, key: bool) -> str:
        """`const NAME = problem(...)`: with the program of the gradient if `key`, else by finite differences alone."""
        outputs = [self.loss, *self.intermediates, *self.shares]
        gradient = function(grad(self.loss, list(self.parameters)), self.leaves, "gradient") if key else "null"
        data = {
            "parameters": [p.label for p in self.parameters],
            "columns": [c.label for c in self.columns],
            "outputs": [self.loss.label or "f", *(node.label for node in outputs[1:])],
            "rows": _short(self.rows),
            "start": _short(self.start),
            "trained": _short(self.trained),
            "activation": self.activation,
            "squared": self.squared,
        }
        fields = {field: literal(value) for field, value in data.items()}
        fields |= {"program": compact(function(outputs, self.leaves)), "gradient": compact(gradient)}
        fields["graph"] = loss_graph(self.loss, [*given_names(self.loss).values(), *self.shares])
        inside = ",\n  ".join(f"{field}: {text}" for field, text in fields.items())
        return f"const {name} = problem({{\n  {inside},\n}});"


def scripts(scenes: bool = True) -> str:
    """All that runs in a page with problems: formulas, problems, exercises, and the `scenes` of a lesson."""
    edits = f"const EDITS = {literal(SPECIFICATION)};"
    names = [name for name in SCRIPTS[len(FORMULA) :] if scenes or name.startswith("answers/") or name in _DRAWN]
    whole = "\n".join([formula_script(), name_script(), edits, *map(asset, names)])
    return re.sub(r"(?m)^ +", "", whole)


def boxes(problem: Problem, fills: Mapping[str, Mapping[str, str]]) -> str:
    """The boxes, one for each parameter, as HTML; `fills` names buttons that write formulas into them, by parameter."""
    names = [str(leaf.label) for leaf in [*problem.parameters, *problem.columns, *problem.intermediates]]
    f = problem.loss.label or "f"
    shown = ", ".join(f"<kbd>{escape(label)}</kbd>" for label in [f, *names])
    if problem.shares:
        shares = ", ".join(f"<kbd>{escape(str(share.label))}</kbd>" for share in problem.shares)
        shown += f"; {shares} for the softmax, each power of e as a share of their sum"
    return f"""<p>Write as you like: <kbd>3*(w1*x1 - y)/4</kbd>, <kbd>¾(w_1 x_1 − y)</kbd>,
<kbd>\\frac{{3}}{{4}}\\hat{{y}}</kbd>. Enter checks the formula at 96 random points.</p>
<p class="names">Names: {shown}.</p>
<div class="boxes">{"".join(_box(str(p.label), f) for p in problem.parameters)}</div>
<figure class="wide paths" hidden></figure>
{fill_buttons(fills)}<p class="buttons"><button type=button data-fill="">Clear all</button></p>"""


def fill_buttons(fills: Mapping[str, Mapping[str, str]]) -> str:
    """Buttons that write formulas into all boxes, as HTML; nothing where there are none."""
    buttons = "".join(f"<button type=button data-fill={quoteattr(name)}>{escape(name)}</button>" for name in fills)
    return buttons and f'<p class="buttons"><span>Write into all boxes:</span>{buttons}</p>'


def training(problem: Problem) -> str:
    """Gradient descent with the formulas in the boxes beside the true gradient, as HTML."""
    level = ' <span class="level">always guessing the mean</span>' if problem.squared else ""
    return f"""<p>{_slider(problem.rate)}</p>
<div class="charted"><svg class="chart" viewBox="0 -8 640 308" role="img" aria-label="The loss over 200 steps of
gradient descent, with the true gradient and with your formulas; the words say how they end."></svg>
<p class="legend"><span class="true">true gradient</span> <span class="yours">your formulas</span>{level}</p></div>
<p><output class="told" aria-live="polite"></output></p>"""


def landscape(problem: Problem, across: str, up: str) -> str:
    """The loss over two weights, `across` and `up` at first, with the path of descent, as HTML."""
    labels = [str(p.label) for p in problem.parameters]

    def select(name: str, words: str, chosen: str) -> str:
        options = "".join(
            f"<option value={i}{' selected' * (label == chosen)}>{escape(notation.text(symbol(label)))}</option>"
            for i, label in enumerate(labels)
        )
        return f"<label>{words} <select name={name}>{options}</select></label>"

    rates = [("cautious", 0.05), ("good", 0.5), ("too large", 1.3)]
    buttons = "".join(f'<button type=button data-rate="{factor}">{words}</button>' for words, factor in rates)
    return f"""<p class="buttons">{select("across", "across", across)} {select("up", "up", up)}</p>
<p class="buttons">{_slider(problem.rate)} {buttons}</p>
<canvas width="480" height="480" tabindex="0" role="img" aria-label="The loss over two weights, dark where it is small,
with the path of gradient descent. Click, or use the arrow keys, to start elsewhere."></canvas>
<p><output class="told" aria-live="polite"></output></p>"""


def start_script(name: str, fills: Mapping[str, Mapping[str, str]], mapped: bool = True) -> str:
    """The calls that bring the boxes in #exercise to life, training in #mistakes or beside them, the map in #landscape.

    The map is there if it is `mapped`.
    """
    practice = 'document.getElementById("mistakes") ?? undefined'
    start = f'exercise(document.getElementById("exercise"), {name}, {literal(fills)}, {practice});'
    return f'{start}\nlandscape(document.getElementById("landscape"), {name});' if mapped else start


def _short(numbers: Array) -> Any:
    """Numbers as lists, with few digits."""
    return [_short(x) if np.ndim(x) else float(f"{x:.{DIGITS}g}") for x in np.asarray(numbers)]


def loss_graph(loss: Value, named: Sequence[Value]) -> str:
    """The nodes of a loss in JavaScript, and its operations: functions of their values and of their local derivatives.

    A node is its operation, its inputs, its label, what sentences call it, and the number of a leaf. After the loss, at
    `root`, come those that the `named` Values beside it have. Each family of `targets` adds up to 1; what is `held` is
    a number, and `bounds` keep their signs and their order.
    """
    program = LossProgram(loss, lambda node: np.asarray(node.data), 1)
    beside = [node for value in named for node in nodes_of(value)]
    order = list(dict.fromkeys([*program.nodes, *beside]))
    place, places = {node: i for i, node in enumerate(order)}, dict[Any, int]()
    operations, nodes = list[str](), list[Any]()
    for n, node in enumerate(order):
        at, number = -1, float(node.data)
        if node.op is not None:
            at = places.setdefault((node.op.name, repr(node.static), len(node.parents)), len(places))
            if at == len(operations):
                operations.append(_operation(node))
        unsaid = n >= len(program.nodes) or (node.op is None and node.label is None)
        words = node.label or "" if unsaid else program.words(n)
        nodes.append([at, [place[p] for p in node.parents], node.label, words, None if node.op is not None else number])
    families, given = distributions(loss)
    fields: dict[str, Any] = {"root": len(program.nodes) - 1, "held": [y.label for y in given], "nodes": nodes}
    fields["bounds"] = [bound.label for bound in bounds_in(loss)]
    fields["targets"] = [[y.label for y in labels] for labels in families]
    written = ", ".join(f"{field}: {literal(value)}" for field, value in fields.items())
    return f"{{{written}, operations: [{', '.join(operations)}]}}"


def _operation(node: Value) -> str:
    """A primitive's value as a function of its inputs, and its local derivatives as one of its value and its inputs."""
    op = node.op
    assert op is not None
    x = [Value(p.data, label=f"x_{i + 1}") for i, p in enumerate(node.parents)]
    y = Value(node.data, label="y_0")
    rules = [op.chain[k] for k in range(len(x))]
    slopes = [Value(0.0) if rule is None else rule(Value(1.0), y, *x, **node.static) for rule in rules]
    value = function([op(*x, **node.static)], x, "value")
    told = f"name: {literal(op.name)}, derived: {literal(derived(node))}"
    return compact(f"{{{told}, value: {value}, slopes: {function(slopes, [y, *x], 'slopes')}}}")


def _box(label: str, f: str) -> str:
    asked = notation.mathml(derivative(symbol(f), symbol(label)))
    where = escape(f"answer-{label}", quote=True)
    return (
        f'<form class="answer" data-parameter={quoteattr(label)}><label for="{where}">{asked} =</label>'
        f'<input id="{where}" name="answer" autocomplete="off" autocapitalize="off" spellcheck="false">'
        '<button>Check</button><output aria-live="polite"></output></form>'
    )


def _slider(rate: float) -> str:
    middle = math.log10(rate)
    return (
        f'<label>learning rate <input name="rate" type="range" min="{middle - SPAN:.3f}" max="{middle + SPAN:.3f}" '
        f'step="any" value="{middle:.3f}"><output></output></label>'
    )
