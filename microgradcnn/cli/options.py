"""The arguments that several commands share, and how their values are read."""

from __future__ import annotations

import argparse
import math
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np

from microgradcnn.cli.loss_graphs import LossGraph, loss_graph
from microgradcnn.cli.user_scripts import is_script, network_in_script
from microgradcnn.data import KINDS
from microgradcnn.data.dataset import chosen_names
from microgradcnn.data.tables.missing import POLICIES
from microgradcnn.experiment import Trained, load_trained
from microgradcnn.files import FileError
from microgradcnn.networks import ACTIVATIONS, NETWORKS, Network
from microgradcnn.nn.models import MODELS
from microgradcnn.training.checkpoint import Checkpoints

_Number = TypeVar("_Number", int, float)

OWN = (
    "file.py:name is what a file of yours has, which is run: a Network class; a scalar loss, as a Value, as an Example "
    "or from a function, whose whole numbers as defaults are sizes, with leaves labelled x and y for inputs and "
    "targets; or a Module with an example, module.example = x, y, rows of inputs and their targets."
)
_GRAPHS = (
    "GRAPH is the name of a network (one example of it in scalars, drawn from the seed, with y = 1); a formula such as "
    "'z = sigmoid(w*x + b); (z - y)**2', in which every name that is not assigned is a leaf; or file.py:name. --at "
    "gives numbers to all leaves of a formula or to none: without it they too are drawn from the seed. "
) + OWN


def graph_arguments(parser: argparse.ArgumentParser) -> None:
    """What `chosen_graph` needs: a network, a formula or `file.py:name`, and the numbers of its leaves."""
    parser.epilog = _GRAPHS
    parser.add_argument("graph", metavar="GRAPH", help="a network's name, a formula, or file.py:name")
    parser.add_argument(
        "--at", type=_numbers, default={}, metavar="w=1,x=2", help="the numbers of leaves (drawn from the seed)"
    )
    network_options(parser)
    outputs_argument(parser)
    seed_argument(parser, "seed of the parameters and inputs (0)")


def chosen_graph(options: argparse.Namespace, arrays: bool = False) -> LossGraph:
    """The graph that the arguments of `graph_arguments` name. Raises ValueError in one sentence if there is none."""
    graph = loss_graph(options.graph, options.activation, options.regularise, options.seed, arrays, options.outputs)
    return graph.moved(options.at)


class _OrScript(tuple[str, ...]):
    """Names to choose from, or any file.py:name."""

    def __contains__(self, what: object) -> bool:
        return is_script(str(what)) or super().__contains__(what)


def network_argument(parser: argparse.ArgumentParser, models: bool = False) -> None:
    """Which of the six networks, or of the models as well, or what is in a file of the user's."""
    known = _OrScript((*NETWORKS, *MODELS) if models else NETWORKS)
    parser.add_argument("network", choices=known, metavar="NETWORK", help="one that `networks` lists, or file.py:name")
    parser.epilog = OWN


def chosen_kind(options: argparse.Namespace) -> type[Network] | None:
    """The class that `network_argument` names, of a file after it has run; None for a model. Raises ScriptError."""
    return network_in_script(options.network) if is_script(options.network) else NETWORKS.get(options.network)


def parameters_argument(parser: argparse.ArgumentParser) -> None:
    """The file of a trained network."""
    parser.add_argument(
        "--parameters", type=Path, required=True, metavar="FILE", help="the parameters.npz of a training"
    )


def chosen_trained(options: argparse.Namespace) -> Trained:
    """What `network_argument` and `parameters_argument` name. Raises FileError if the file holds another network."""
    trained = load_trained(options.parameters, chosen_kind(options) if is_script(options.network) else None)
    if trained.network.name != options.network and not is_script(options.network):
        raise FileError(f"{options.parameters} holds a {trained.network.name}, not a {options.network}")
    return trained


def _several(known: Iterable[str]) -> str:
    """Those that are known by these names and learn more than two classes."""
    return " and ".join(name for name in known if name in MODELS or NETWORKS[name].takes_outputs())


def outputs_argument(parser: argparse.ArgumentParser) -> None:
    """How many outputs a network has, where it may have several."""
    parser.add_argument(
        "--classes",
        dest="outputs",
        type=count,
        metavar="N",
        help=f"how many classes {_several(NETWORKS)} learns, with an output for each and softmax (one output)",
    )


def network_options(
    parser: argparse.ArgumentParser, activation: str | None = None, regularise: float | None = None
) -> None:
    """A network's activation (sigmoid) and λ (0), with other defaults if they are given."""
    parser.add_argument("--activation", choices=tuple(ACTIVATIONS), default=activation, help="(sigmoid)")
    parser.add_argument(
        "--regularise",
        type=float,
        default=regularise,
        metavar="λ",
        help=f"weight of the squared parameters ({regularise or 0.0:g})",
    )


def data_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """A data set, its target column, the columns to leave out and its classes."""
    parser.add_argument(
        "--data",
        required=required,
        metavar="FILE|NAME",
        help="a CSV, NPZ or IDX file (or in gzip), or a data set's name",
    )
    parser.add_argument("--target", metavar="COL", help="the label's column, by name or number from 0 (the last)")
    parser.add_argument(
        "--drop", type=names, default=[], metavar="COL,COL", help="columns to leave out, by name or number from 0"
    )
    parser.add_argument(
        "--classes",
        type=_classes,
        metavar="A,B",
        help=f"the classes to keep: A is 0 and B is 1; {_several([*NETWORKS, *MODELS])} take any number",
    )


def table_arguments(parser: argparse.ArgumentParser) -> None:
    """What the target is, and what is done about missing values."""
    parser.add_argument(
        "--target-kind",
        choices=KINDS,
        help="what the target is (classes if it is text, two values or few whole numbers, else number)",
    )
    parser.add_argument(
        "--missing", choices=POLICIES, help="rows with missing values: drop them, or take the column's mean (refused)"
    )


def saving_arguments(parser: argparse.ArgumentParser) -> None:
    """A folder for checkpoints, how often, and whether to go on from there."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="save the run in this folder, so that --resume can go on with it"
    )
    parser.add_argument("--every", type=count, metavar="N", help="save after every N epochs (a hundredth of all)")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest checkpoint in the folder, where a run has finished with more --epochs",
    )


def chosen_checkpoints(options: argparse.Namespace) -> Checkpoints | None:
    """What `saving_arguments` gave. Raises ValueError for a part of it without a folder."""
    for given, flag in ((options.every, "--every"), (options.resume, "--resume")):
        if given and options.checkpoint is None:
            raise ValueError(f"{flag} needs --checkpoint DIR, the folder that a run is saved in")
    return None if options.checkpoint is None else Checkpoints(options.checkpoint, options.every, options.resume)


def how_to_resume(options: argparse.Namespace) -> str:
    """The command that goes on with a run that was stopped: the one that was typed, with --resume."""
    return shlex.join(["microgradcnn", *options.typed, *([] if options.resume else ["--resume"])])


def seed_argument(
    parser: argparse.ArgumentParser, what: str = "seed of the split, the start and the batches (0)"
) -> None:
    """The seed of everything random."""
    parser.add_argument("--seed", type=count_or_0, default=0, metavar="N", help=what)


def count(text: str) -> int:
    """A whole number of at least 1, which NumPy can count to."""
    number = _at_least(text, 1)
    if number > np.iinfo(np.int64).max:
        raise argparse.ArgumentTypeError(f"{text!r} is more than can be counted")
    return number


def count_or_0(text: str) -> int:
    """A whole number of at least 0."""
    return _at_least(text, 0)


def real(text: str) -> float:
    """A finite number, written in plain digits."""
    if (number := _read(text, float)) is None or not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is no number: write it in plain digits, as in 0.05 or 5e-2")
    return number


def names(text: str) -> list[str]:
    """Names between commas."""
    found = [*chosen_names(text)]
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names nothing: write names between commas")
    return found


def _read(text: str, kind: Callable[[str], _Number]) -> _Number | None:
    """A number as data files write it: Python would take 1_0 for 10, and the digits of any script."""
    try:
        return kind(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def _at_least(text: str, least: int) -> int:
    number = _read(text, int)
    if number is None or number < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
    return number


def _numbers(text: str) -> dict[str, float]:
    """Numbers for names, as in w=1,x=.5."""
    found: dict[str, float] = {}
    for part in filter(str.strip, text.split(",")):
        name, equals, number = (piece.strip() for piece in part.partition("="))
        value = _read(number, float)
        if not name or not equals or value is None or not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{part.strip()!r} is no name=number: write it as in w=1,x=2")
        if name in found:
            raise argparse.ArgumentTypeError(f"{name} is given twice")
        found[name] = value
    return found


def _classes(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    if len(parts) < 2 or not all(parts) or len(set(parts)) < len(parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not two different classes, such as 6,7, or more")
    return parts
