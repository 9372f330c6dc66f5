"""The arguments that several commands share, and how their values are read."""

from __future__ import annotations

import argparse

from microgradcnn.networks import ACTIVATIONS, NETWORKS


def network_argument(parser: argparse.ArgumentParser) -> None:
    """Which of the six networks."""
    parser.add_argument("network", choices=tuple(NETWORKS), metavar="NETWORK", help="one that `networks` lists")


def network_options(parser: argparse.ArgumentParser, regularise: float) -> None:
    """The activation and λ, `regularise` unless it is given."""
    parser.add_argument("--activation", choices=tuple(ACTIVATIONS), default="sigmoid", help="(sigmoid)")
    parser.add_argument(
        "--regularise",
        type=float,
        default=regularise,
        metavar="λ",
        help=f"weight of the squared parameters ({regularise:g})",
    )


def data_arguments(parser: argparse.ArgumentParser) -> None:
    """A data set, its target column and the two classes."""
    parser.add_argument(
        "--data", required=True, metavar="FILE|NAME", help="a CSV, NPZ or IDX file, or a data set's name"
    )
    parser.add_argument("--target", metavar="COL", help="the label's column, by name or number from 0 (the last)")
    parser.add_argument("--classes", type=_two, metavar="A,B", help="the two classes to keep; A is 0 and B is 1")


def seed_argument(
    parser: argparse.ArgumentParser, what: str = "seed of the split, the start and the batches (0)"
) -> None:
    """The seed of everything random."""
    parser.add_argument("--seed", type=int, default=0, metavar="N", help=what)


def count(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def names(text: str) -> list[str]:
    """Names between commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _two(text: str) -> tuple[str, str]:
    parts = text.split(",")
    if len(parts) != 2 or not all(parts) or parts[0] == parts[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not two different classes, such as 6,7")
    return parts[0], parts[1]
