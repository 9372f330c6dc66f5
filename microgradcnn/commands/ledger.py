"""`microgradcnn ledger`."""

from __future__ import annotations

import argparse

from microgradcnn.commands.explain import example_arguments, example_of
from microgradcnn.commands.output import show
from microgradcnn.views.ledger import ledger

SUMMARY = "list every addition into a gradient, in the order of the backward pass"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `ledger` takes."""
    example_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Every addition into a gradient, in the order of the backward pass over one example."""
    entries = ledger(example_of(options).loss)
    record = {"network": options.network, "entries": [[e.sender, e.receiver, e.sent, e.total] for e in entries]}
    show(record if options.json else str(entries), options.json)
    return 0
