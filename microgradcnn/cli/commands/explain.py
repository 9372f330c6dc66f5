"""`microgradcnn explain`: a gradient derived step by step, printed or as a whole document."""

from __future__ import annotations

import argparse
import math

import numpy as np

from microgradcnn.cli.documents import deliver, format_arguments, text_width
from microgradcnn.cli.loss_graphs import LossGraph
from microgradcnn.cli.options import chosen_graph, graph_arguments, names
from microgradcnn.cli.output import Record
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.views.derivations.derivation import Derivation, Through, explain
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import derivative, symbol

_MOST_IN_TITLE = 19  # ten derivatives, with commas between
_MOST_IN_ERROR = 12  # names


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    graph_arguments(parser)
    parser.add_argument("--wrt", type=names, metavar="c_1,c_2", help="the names to differentiate by")
    parser.add_argument("--through", type=names, metavar="z", help="the intermediates that split the chain rule")
    parser.add_argument("--rate", type=float, default=0.1, metavar="η", help="the learning rate of the update (0.1)")
    format_arguments(parser, "text", "latex", "mathml")


def run(options: argparse.Namespace) -> int:
    """The page of chain rule for some leaves of a graph."""
    graph = chosen_graph(options)
    if options.wrt is None:
        some = ",".join([*graph.parameters][:_MOST_IN_ERROR])
        raise ValueError(f"say what to differentiate {graph.name} by, as --wrt {some}")
    wrt = graph.find(options.wrt)
    if not 0.0 < options.rate < math.inf:
        raise ValueError(f"the learning rate must be a positive number, not {options.rate}")
    derivation = explain(graph.loss, wrt, _through(graph, options.through), rate=options.rate)
    f = symbol(graph.loss.label or "f")
    slopes = [piece for x in wrt for piece in (", ", derivative(f, symbol(str(x.label))))][1:]
    deliver(
        options,
        (*slopes[:_MOST_IN_TITLE], " …" if len(slopes) > _MOST_IN_TITLE else "", f" of {graph.name}"),
        lambda: _record(options.graph, graph, wrt, derivation),
        text=lambda: derivation.text(text_width(options)),
        latex=derivation.latex,
        mathml=derivation.mathml,
    )
    return 0


def _through(graph: LossGraph, wanted: list[str] | None) -> Through:
    """The nodes of these names; z alone stands for z_1, z_2, ... where no node has that very name."""
    if not wanted:
        return None
    return wanted[0] if len(wanted) == 1 and graph.label(wanted[0]) is None else graph.find(wanted)


def _record(what: str, graph: LossGraph, wrt: list[Value], derivation: Derivation) -> Record:
    """Every gradient as a formula and a number, the leaves' numbers, and the page in all its formats."""
    formulas = {
        label: {"text": notation.text(e), "latex": notation.latex(e), "python": notation.python(e)}
        for label, e in derivation.gradients.items()
    }
    there = np.isfinite(graph.loss.data)
    values = [np.asarray(g.data).tolist() if there else None for g in grad(graph.loss, wrt)]
    gradients = [{"formula": formulas[label], "value": v} for label, v in zip(formulas, values, strict=True)]
    return {
        "graph": what,
        "loss": graph.loss.item(),
        "undefined": graph.undefined(wrt) or None,
        "at": {label: np.asarray(leaf.data).tolist() for label, leaf in {**graph.inputs, **graph.parameters}.items()},
        "gradients": dict(zip(formulas, gradients, strict=True)),
        "definitions": derivation.python().splitlines(),
        "text": derivation.text(),
        "latex": derivation.latex(),
        "mathml": derivation.mathml(),
    }
