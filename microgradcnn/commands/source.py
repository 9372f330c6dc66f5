"""`microgradcnn source`."""

from __future__ import annotations

import argparse

from microgradcnn.commands.options import chosen_graph, graph_arguments, names
from microgradcnn.commands.output import show
from microgradcnn.targets.program import BACKENDS, compile

SUMMARY = "print the program of a loss and its gradients, forward and backward"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `source` takes."""
    graph_arguments(parser)
    parser.add_argument(
        "--wrt", type=names, default=[], metavar="c_1,c_2", help="the names to differentiate by (all parameters)"
    )
    parser.add_argument(
        "--arrays", action="store_true", help="over rows: axis 0 of the inputs (a network: one example in scalars)"
    )
    parser.add_argument(
        "--backend", choices=tuple(BACKENDS), help="what this backend makes of it: NumPy's calls, LLVM's IR, the jaxpr"
    )


def run(options: argparse.Namespace) -> int:
    """The program of a loss and its gradients, in Python or as a backend has it."""
    graph = chosen_graph(options, options.arrays)
    wrt = graph.find(options.wrt or graph.parameters)
    leaves = [leaf for leaf in (*graph.inputs.values(), *graph.parameters.values()) if leaf not in wrt]
    inputs = [leaf for leaf in leaves if options.arrays or not leaf.shape]
    program = compile(graph.loss, wrt, inputs, options.backend or "numpy")
    text = program.lowered(*inputs) if options.backend else program.source
    record = {"graph": options.graph, "wrt": [v.label for v in wrt], "backend": options.backend, "source": text}
    show(record if options.json else text.rstrip(), options.json)
    return 0
