"""`microgradcnn source`."""

from __future__ import annotations

import argparse

import numpy as np

from microgradcnn.commands.options import names, network_argument, network_options
from microgradcnn.commands.output import show
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.program import BACKENDS, compile
from microgradcnn.value import Value

SUMMARY = "print the program of a network's loss and gradients, forward and backward"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `source` takes."""
    network_argument(parser)
    parser.add_argument(
        "--wrt", type=names, default=[], metavar="c_1,c_2", help="the parameters to differentiate by (all)"
    )
    parser.add_argument(
        "--arrays", action="store_true", help="the network over rows, instead of one example in scalars"
    )
    parser.add_argument(
        "--backend", choices=tuple(BACKENDS), help="what this backend makes of it: NumPy's calls, LLVM's IR, the jaxpr"
    )
    network_options(parser, regularise=0.0)


def run(options: argparse.Namespace) -> int:
    """The program of a network's loss and gradients, in Python or as a backend has it."""
    network = NETWORKS[options.network](activation=options.activation, regularise=options.regularise)
    row = np.linspace(0.0, 1.0, network.inputs)
    if options.arrays:
        inputs = [Value(row[None], label=network.input_letter), Value([1.0], label="y")]
        loss, parameters = network.loss(*inputs), network.parameters
    else:
        example = network.example(row, 1.0)
        inputs, loss, parameters = [*example.inputs, example.y], example.loss, example.parameters
        inputs += [v for name, v in parameters.items() if options.wrt and name not in options.wrt]
    unknown = [name for name in options.wrt if name not in parameters]
    if unknown:
        raise ValueError(f"{options.network} has no parameter {unknown[0]!r}: it has {', '.join(parameters)}")
    wrt = [parameters[name] for name in options.wrt or parameters]
    program = compile(loss, wrt, inputs, options.backend or "numpy")
    text = program.lowered(*inputs) if options.backend else program.source
    record = {"network": options.network, "wrt": [v.label for v in wrt], "backend": options.backend, "source": text}
    show(record if options.json else text.rstrip(), options.json)
    return 0
