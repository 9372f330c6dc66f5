"""The command line: `microgradcnn` and `python -m microgradcnn`.

Exit codes: 0 done, 1 the answer is no (a gradient is wrong, training diverged or never started), 2 bad use or bad
input, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from microgradcnn import __version__
from microgradcnn.commands import gradcheck, lesson, networks, predict, source, train
from microgradcnn.engines import ENGINES
from microgradcnn.explaining import check, explain, graph, ledger
from microgradcnn.extras import MissingExtra
from microgradcnn.networks import ACTIVATIONS, NETWORKS
from microgradcnn.optim import OPTIMISERS, SCHEDULES
from microgradcnn.targets.program import BACKENDS
from microgradcnn.train import DivergedError

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence, with a guess at what a mistyped name was meant to be."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            meant = difflib.get_close_matches(str(value), known, n=1)
            guess = f"did you mean {meant[0]}?" if meant else f"choose from {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value!r} is unknown: {guess}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a user did wrong is told in one sentence on stderr."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except (ValueError, MissingExtra, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _tell(error, 2)
    except DivergedError as error:
        return _tell(error, 1)
    except KeyboardInterrupt:
        return _tell("interrupted", INTERRUPTED)


def _tell(error: object, code: int) -> int:
    print(f"microgradcnn: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="microgradcnn",
        description="Backpropagation from first principles: the lecture's networks, checked and trained.",
        epilog="exit codes: 0 done, 1 the answer is no, 2 bad use or bad input",
    )
    parser.add_argument("--version", action="version", version=f"microgradcnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(run: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        added = commands.add_parser(run.__name__, help=summary, description=summary)
        added.add_argument("--json", action="store_true", help="print JSON for machines")
        added.set_defaults(run=run)
        return added

    command(networks, "list the six networks of the lecture")
    _lesson_arguments(command(lesson, "build, differentiate, check and train all six networks: the main job"))
    _train_arguments(command(train, "train a network on a CSV, NPZ or IDX file, or on a data set by name"))
    _predict_arguments(command(predict, "predict with the parameters that train wrote"))
    _gradcheck_arguments(command(gradcheck, "check every gradient of a network against three other ways to find it"))
    _source_arguments(command(source, "print the program of a network's loss and gradients, forward and backward"))
    _explain_arguments(command(explain, "derive a gradient step by step, as the lecture does"))
    _check_arguments(command(check, "check a formula for a gradient, and name the mistake if it is wrong"))
    _formula_arguments(command(ledger, "list every addition into a gradient, in the order of the backward pass"))
    _graph_arguments(command(graph, "draw the graph of one example, with every value and gradient"))
    return parser


def _formula_arguments(parser: argparse.ArgumentParser) -> None:
    _network_argument(parser)
    _network_options(parser, regularise=0.0)
    _seed_argument(parser, "seed of the parameters and inputs (0)")


def _explain_arguments(parser: argparse.ArgumentParser) -> None:
    _formula_arguments(parser)
    parser.add_argument(
        "--wrt", type=_names, required=True, metavar="c_1,c_2", help="the parameters to differentiate by"
    )
    parser.add_argument("--format", choices=("text", "latex", "mathml"), default="text", help="(text)")


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    _formula_arguments(parser)
    parser.add_argument("--wrt", required=True, metavar="c_1", help="the parameter")
    parser.add_argument("--answer", required=True, metavar="FORMULA", help="such as '(z1 - y)/2 * z1*(1-z1)*p1'")


def _graph_arguments(parser: argparse.ArgumentParser) -> None:
    _formula_arguments(parser)
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the picture: .svg, .html, .dot or .png"
    )
    parser.add_argument("--collapse", type=_names, metavar="z,a_*", help="groups to draw as one box: z, a_1 or all a_*")
    parser.add_argument("--open", type=_names, metavar="z,a_*", help="groups to draw open that would be collapsed")


def _source_arguments(parser: argparse.ArgumentParser) -> None:
    _network_argument(parser)
    parser.add_argument(
        "--wrt", type=_names, default=[], metavar="c_1,c_2", help="the parameters to differentiate by (all)"
    )
    parser.add_argument(
        "--arrays", action="store_true", help="the network over rows, instead of one example in scalars"
    )
    parser.add_argument(
        "--backend", choices=tuple(BACKENDS), help="what this backend makes of it: NumPy's calls, LLVM's IR, the jaxpr"
    )
    _network_options(parser, regularise=0.0)


def _network_options(parser: argparse.ArgumentParser, regularise: float) -> None:
    parser.add_argument("--activation", choices=tuple(ACTIVATIONS), default="sigmoid", help="(sigmoid)")
    parser.add_argument(
        "--regularise",
        type=float,
        default=regularise,
        metavar="λ",
        help=f"weight of the squared parameters ({regularise:g})",
    )


def _lesson_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the table and every training run here")
    _seed_argument(parser)


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    _network_argument(parser)
    _data_arguments(parser)
    parser.add_argument("--shrink", type=_count, metavar="N", help="average images down to N×N pixels first")
    parser.add_argument("--hidden", type=_count, metavar="K", help="hidden units of single_layer (3)")
    parser.add_argument("--filters", type=_count, metavar="N", help="filters of a convolutional network (1 or 2)")
    parser.add_argument("--kernel", type=_count, metavar="N", help="size of the N×N filters (2)")
    _network_options(parser, regularise=1e-3)
    parser.add_argument("--epochs", type=_count, default=20_000, metavar="N", help="at most this many (20000)")
    parser.add_argument("--rate", type=float, metavar="η", help="learning rate (half the largest stable one)")
    parser.add_argument(
        "--schedule", choices=tuple(SCHEDULES), default="inverse", help="how the rate decreases (inverse)"
    )
    parser.add_argument("--optimiser", choices=tuple(OPTIMISERS), default="gradient_descent", help="(gradient_descent)")
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default="numpy",
        help="what computes the gradients; all take the same steps (numpy)",
    )
    parser.add_argument("--batch", type=_count, metavar="N", help="rows a step (all)")
    parser.add_argument("--no-scale", dest="scale", action="store_false", help="leave the inputs as they are")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where history.csv and parameters.npz go (.)"
    )
    _seed_argument(parser)


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    _network_argument(parser)
    parser.add_argument(
        "--parameters", type=Path, required=True, metavar="FILE", help="the parameters.npz of a training"
    )
    _data_arguments(parser)


def _gradcheck_arguments(parser: argparse.ArgumentParser) -> None:
    _network_argument(parser)
    _seed_argument(parser)


def _network_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", choices=tuple(NETWORKS), metavar="NETWORK", help="one that `networks` lists")


def _data_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, metavar="FILE|NAME", help="a CSV, NPZ or IDX file, or a data set's name"
    )
    parser.add_argument("--target", metavar="COL", help="the label's column, by name or number from 0 (the last)")
    parser.add_argument("--classes", type=_two, metavar="A,B", help="the two classes to keep; A is 0 and B is 1")


def _seed_argument(
    parser: argparse.ArgumentParser, what: str = "seed of the split, the start and the batches (0)"
) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=what)


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _two(text: str) -> tuple[str, str]:
    parts = text.split(",")
    if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not two different classes, such as 6,7")
    return parts[0], parts[1]
