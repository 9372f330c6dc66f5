"""`microgradcnn ledger`: every addition into a gradient, in the order of the backward pass."""

from __future__ import annotations

import argparse

import numpy as np

from microgradcnn.cli.documents import deliver, format_arguments, text_width
from microgradcnn.cli.options import chosen_graph, graph_arguments
from microgradcnn.views.derivations.ledger import ledger
from microgradcnn.views.formulas.expression import symbol


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `ledger` takes."""
    graph_arguments(parser)
    format_arguments(parser, "text", "mathml")


def run(options: argparse.Namespace) -> int:
    """Every addition into a gradient, in the order of the backward pass from a loss."""
    graph = chosen_graph(options)
    if graph.loss.label is None and "f" not in graph.nodes:
        graph.loss.label = "f"  # as the other commands call it
    entries = ledger(graph.loss)
    rows = [[e.sender, e.receiver, np.asarray(e.sent).tolist(), np.asarray(e.total).tolist()] for e in entries]
    deliver(
        options,
        ("The ledger of ", symbol(entries.start), f" of {graph.name}"),
        lambda: {"graph": options.graph, "entries": rows, "notes": entries.notes},
        text=lambda: entries.text(text_width(options)),
        mathml=entries.mathml,
    )
    return 0
