"""`microgradcnn networks`: the networks that are known by name, with their losses."""

from __future__ import annotations

import argparse

from microgradcnn.cli.output import show, table
from microgradcnn.networks import NETWORKS

LENET = "−log softmax(logits)_y, for any number of classes: to train, predict and export"


def arguments(parser: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> int:
    """The six networks with their places in the lecture and their losses, and the model that train takes besides."""
    rows = [
        {"network": name, "lecture": kind.section or "beyond it", "loss for one example": kind.formula}
        for name, kind in NETWORKS.items()
    ]
    rows.append({"network": "lenet", "lecture": "beyond it", "loss for one example": LENET})
    show(rows if options.json else table(rows), options.json)
    return 0
