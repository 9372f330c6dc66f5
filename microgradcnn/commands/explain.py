"""`microgradcnn explain`."""

from __future__ import annotations

import argparse

import numpy as np

from microgradcnn.commands.options import names, network_argument, network_options, seed_argument
from microgradcnn.commands.output import show
from microgradcnn.networks import NETWORKS, Example
from microgradcnn.value import Value
from microgradcnn.views.derivation import explain

SUMMARY = "derive a gradient step by step, as the lecture does"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `explain` takes."""
    example_arguments(parser)
    parser.add_argument(
        "--wrt", type=names, required=True, metavar="c_1,c_2", help="the parameters to differentiate by"
    )
    parser.add_argument("--format", choices=("text", "latex", "mathml"), default="text", help="(text)")


def example_arguments(parser: argparse.ArgumentParser) -> None:
    """A network, and the seed of one example of it."""
    network_argument(parser)
    network_options(parser, regularise=0.0)
    seed_argument(parser, "seed of the parameters and inputs (0)")


def run(options: argparse.Namespace) -> int:
    """The page of chain rule for some parameters of a network, one example written out in scalars."""
    example = example_of(options)
    derivation = explain(example.loss, [parameter(example, options, name) for name in options.wrt])
    text = {"text": derivation.text, "latex": derivation.latex, "mathml": derivation.mathml}[options.format]()
    show({"network": options.network, "wrt": options.wrt, "derivation": text} if options.json else text, options.json)
    return 0


def example_of(options: argparse.Namespace) -> Example:
    """One example with inputs drawn from the seed, and y = 1."""
    network = NETWORKS[options.network](activation=options.activation, regularise=options.regularise, seed=options.seed)
    rng = np.random.default_rng(options.seed)
    return network.example(rng.normal(size=network.inputs).round(2), 1.0)


def parameter(example: Example, options: argparse.Namespace, name: str) -> Value:
    """The parameter of that name. Raises ValueError if there is none."""
    if name not in example.parameters:
        raise ValueError(f"{options.network} has no parameter {name!r}: it has {', '.join(example.parameters)}")
    return example.parameters[name]
