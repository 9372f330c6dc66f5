"""A loss taken into a page: its program in JavaScript, rows of data, and, in a teacher's edition, its gradient.

What a page does with it is in assets/problem.js.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Value
from microgradcnn.targets.export.javascript import function
from microgradcnn.views.pages.assets import asset, formula_script, literal

DIGITS = 5  # significant digits of the data in a page

Array = np.ndarray[Any, np.dtype[Any]]


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
    def activation(self) -> str:
        """What σ means in a formula: the graph's own activation."""
        ops = {node.op.name for node in topological(self.loss) if node.op is not None}
        return next((name for name in ("sigmoid", "relu", "tanh") if name in ops), "sigmoid")

    def script(self, name: str, key: bool) -> str:
        """`const NAME = problem(...)`: with the program of the gradient if `key`, else by finite differences alone."""
        outputs = [self.loss, *self.intermediates]
        gradient = function(grad(self.loss, list(self.parameters)), self.leaves, "gradient") if key else "null"
        data = {
            "parameters": [p.label for p in self.parameters],
            "columns": [c.label for c in self.columns],
            "outputs": [self.loss.label or "f", *(node.label for node in outputs[1:])],
            "rows": _short(self.rows),
            "start": _short(self.start),
            "trained": _short(self.trained),
            "activation": self.activation,
        }
        fields = {field: literal(value) for field, value in data.items()}
        fields |= {"program": _compact(function(outputs, self.leaves)), "gradient": _compact(gradient)}
        inside = ",\n  ".join(f"{field}: {text}" for field, text in fields.items())
        return f"const {name} = problem({{\n  {inside},\n}});"


def scripts() -> str:
    """All that runs in a page with problems: formulas, problems, exercises and landscapes."""
    return "\n".join([formula_script(), *map(asset, ("problem.js", "exercise.js", "landscape.js"))])


def _short(numbers: Array) -> Any:
    """Numbers as lists, with few digits."""
    return [_short(x) if np.ndim(x) else float(f"{x:.{DIGITS}g}") for x in np.asarray(numbers)]


def _compact(text: str) -> str:
    """A function without the spaces at the start of its lines."""
    return re.sub(r"\n +", "\n", text)
