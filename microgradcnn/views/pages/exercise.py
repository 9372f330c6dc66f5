"""The exercise of a page: a box for every derivative that checks a formula, and training with the formulas in them.

The boxes read and compare in the browser (assets/exercise.js). Without the key, the page knows the loss alone and finds
its derivatives by finite differences.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from math import log10

from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import derivative, symbol
from microgradcnn.views.pages.assets import literal
from microgradcnn.views.pages.problem import Problem

SPAN = 2.0  # the rate's slider reaches from a hundredth to a hundred times of a good rate


def boxes(problem: Problem, fills: Mapping[str, Mapping[str, str]]) -> str:
    """The boxes, one for each parameter, as HTML; `fills` names buttons that write formulas into them, by parameter."""
    names = [str(leaf.label) for leaf in [*problem.parameters, *problem.columns, *problem.intermediates]]
    f = problem.loss.label or "f"
    buttons = "".join(f"<button type=button data-fill={_quoted(name)}>{escape(name)}</button>" for name in fills)
    return f"""<p>Write as you like: <kbd>3*(w1*x1 - y)/4</kbd>, <kbd>¾(w_1 x_1 − y)</kbd>,
<kbd>\\frac{{3}}{{4}}\\hat{{y}}</kbd>. Enter checks the formula at 64 random points.</p>
<p class="names">Names: {_names([f, *names])}.</p>
<div class="boxes">{"".join(_box(str(p.label), f) for p in problem.parameters)}</div>
<p class="buttons">{buttons}<button type=button data-fill="">Clear all</button></p>"""


def training(problem: Problem) -> str:
    """Gradient descent with the formulas in the boxes beside the true gradient, as HTML."""
    return f"""<p>{_slider(problem.rate)}</p>
<svg class="chart" viewBox="0 0 640 285" role="img" aria-label="The loss over 200 steps of gradient descent,
with the true gradient and with your formulas; the words below say how they end."></svg>
<p class="legend"><span class="true">true gradient</span> <span class="yours">your formulas</span>
<span class="level">always guessing the mean</span></p>
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


def start_script(name: str, fills: Mapping[str, Mapping[str, str]]) -> str:
    """The call that brings boxes and training in #exercise, and the map in #landscape, to life."""
    return (
        f'exercise(document.getElementById("exercise"), {name}, {literal(fills)});\n'
        f'landscape(document.getElementById("landscape"), {name});'
    )


def _box(label: str, f: str) -> str:
    asked = notation.mathml(derivative(symbol(f), symbol(label)))
    where = escape(f"answer-{label}", quote=True)
    return (
        f'<form class="answer" data-parameter={_quoted(label)}><label for="{where}">{asked} =</label>'
        f'<input id="{where}" name="answer" autocomplete="off" autocapitalize="off" spellcheck="false">'
        '<button>Check</button><output aria-live="polite"></output></form>'
    )


def _slider(rate: float) -> str:
    middle = log10(rate)
    return (
        f'<label>learning rate <input name="rate" type="range" min="{middle - SPAN:.3f}" max="{middle + SPAN:.3f}" '
        f'step="any" value="{middle:.3f}"><output></output></label>'
    )


def _names(labels: list[str]) -> str:
    return ", ".join(f"<kbd>{escape(label)}</kbd>" for label in labels)


def _quoted(text: str) -> str:
    return f'"{escape(text, quote=True)}"'
