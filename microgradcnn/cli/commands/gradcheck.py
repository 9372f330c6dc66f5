"""`microgradcnn gradcheck`: every gradient of a network, beside all other ways that there are to find it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

import microgradcnn.lesson.run as lessons
from microgradcnn.cli.loss_graphs import built_network
from microgradcnn.cli.options import OWN, chosen_kind, network_argument, outputs_argument, seed_argument
from microgradcnn.cli.output import Record, print_verdict, show, table
from microgradcnn.engine.gradient import grad
from microgradcnn.engine.value import Value
from microgradcnn.networks import ACTIVATIONS, Network
from microgradcnn.targets.program import compile
from microgradcnn.targets.row_axis import RowsError

WAYS = (
    "The ways are the scalar form, the closed form and finite differences; where nobody has worked out a closed form, "
    "the compiled program stands for it, and what is computed over arrays has no scalar form. "
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `gradcheck` takes."""
    network_argument(parser)
    parser.epilog = WAYS + OWN
    outputs_argument(parser)
    seed_argument(parser)


def run(options: argparse.Namespace) -> int:
    """The gradients of a network, sigmoid and relu, λ = 0 and 0.1, found in four ways; 1 if they disagree."""
    kind = chosen_kind(options)
    assert kind is not None  # models are no choice
    tried: dict[str, Sequence[Any]] = {"activation": list(ACTIVATIONS), "regularise": (0.0, 0.1)}
    has = [name for name in tried if name in kind.arguments()]
    rows = []
    for given in product(*[tried[name] for name in has]):
        chosen = dict(zip(has, given, strict=True))
        network = built_network(kind, options.network, options.seed, outputs=options.outputs, **chosen)
        checks = checks_record(lessons.check_network(network, options.seed))
        if checks["closed form"] is None:
            checks["program"] = _of_a_program(network, options.seed)
            checks["worst"] = max(checks.pop("worst"), checks["program"] or 0.0)
        rows.append({"λ" if name == "regularise" else name: option for name, option in chosen.items()} | checks)
    right = all(row["worst"] <= lessons.TOLERANCE for row in rows)
    verdict = "every gradient is right" if right else "a gradient is wrong"
    explained = f"{verdict}: the largest difference from the tensor form's, as a share of the largest component"
    shown = [{way: "none" if found is None else found for way, found in row.items()} for row in rows]
    show({"right": right, "checks": rows} if options.json else table(shown), options.json)
    if not options.json:
        print_verdict(explained, right)
    return 0 if right else 1


def _of_a_program(network: Network, seed: int) -> float | None:
    """How far the gradients of the compiled program are from the engine's; None where it takes no rows one by one."""
    x, y = network.drawn_rows(lessons.ROWS, np.random.default_rng(seed))
    parameters, inputs = list(network.parameters.values()), [Value(x, label="x"), Value(y, label="y")]
    try:
        _, found = compile(network.loss(*inputs), parameters, inputs)(x, y)
    except RowsError:
        return None
    wanted = [np.asarray(g.data) for g in grad(network.loss(x, y), parameters)]
    scale = max(float(np.abs(g).max()) for g in wanted) or 1.0
    return max(float(np.abs(g - right).max()) for g, right in zip(found, wanted, strict=True)) / scale


def checks_record(checks: lessons.Checks) -> Record:
    """What the checks found, for JSON."""
    return {
        "scalar form": checks.scalar_form,
        "closed form": checks.closed_form,
        "differences": checks.differences,
        "worst": checks.worst,
    }
