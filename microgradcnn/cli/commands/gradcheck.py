"""`microgradcnn gradcheck`: every gradient of a network, beside three other ways to find it."""

from __future__ import annotations

import argparse

import microgradcnn.lesson.run as lessons
from microgradcnn.cli.loss_graphs import built_network
from microgradcnn.cli.options import network_argument, outputs_argument, seed_argument
from microgradcnn.cli.output import Record, show, table
from microgradcnn.networks import ACTIVATIONS, NETWORKS

SUMMARY = "check every gradient of a network against three other ways to find it"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `gradcheck` takes."""
    network_argument(parser)
    outputs_argument(parser)
    seed_argument(parser)


def run(options: argparse.Namespace) -> int:
    """The gradients of a network, sigmoid and relu, λ = 0 and 0.1, found in four ways; 1 if they disagree."""
    rows, kind = [], NETWORKS[options.network]
    for activation in ACTIVATIONS:
        for regularise in (0.0, 0.1):
            given = {"activation": activation, "regularise": regularise, "outputs": options.outputs}
            network = built_network(kind, options.network, options.seed, **given)
            checks = lessons.check_network(network, options.seed)
            rows.append({"activation": activation, "λ": regularise, **checks_record(checks)})
    right = all(row["worst"] <= lessons.TOLERANCE for row in rows)
    verdict = "every gradient is right" if right else "a gradient is wrong"
    explained = f"{verdict}: the largest difference from the tensor form's, as a share of the largest component"
    shown = [{way: "none" if found is None else found for way, found in row.items()} for row in rows]
    show({"right": right, "checks": rows} if options.json else f"{table(shown)}\n{explained}", options.json)
    return 0 if right else 1


def checks_record(checks: lessons.Checks) -> Record:
    """What the checks found, for JSON."""
    return {
        "scalar form": checks.scalar_form,
        "closed form": checks.closed_form,
        "differences": checks.differences,
        "worst": checks.worst,
    }
