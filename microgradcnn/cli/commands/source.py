"""`microgradcnn source`: the program of a loss and its gradients, to read."""

from __future__ import annotations

import argparse

from microgradcnn.cli.options import chosen_graph, graph_arguments, names
from microgradcnn.cli.output import print_as
from microgradcnn.engine.gradient import topological
from microgradcnn.targets.program import BACKENDS, compile


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
    if options.arrays and options.backend and options.wrt:
        raise ValueError("over rows, --backend shows the program of all gradients: leave out --wrt or --backend")
    # A backend computes every gradient that a program is compiled for: over one example, other parameters are inputs.
    parameters = [] if options.backend and not options.arrays else graph.parameters.values()
    differentiated = list(dict.fromkeys([*parameters, *wrt]))
    leaves = [v for v in (*graph.inputs.values(), *graph.parameters.values()) if v not in differentiated]
    inputs = leaves if options.arrays or not any(node.shape for node in topological(graph.loss)) else []
    program = compile(graph.loss, differentiated, inputs, options.backend or "numpy")
    text = program.lowered(*inputs) if options.backend else program.source_of(wrt)
    record = {"graph": options.graph, "wrt": [v.label for v in wrt], "backend": options.backend, "source": text}
    print_as(*((record, "json") if options.json else (text.rstrip(), "program")))
    return 0
