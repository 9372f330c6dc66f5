"""`microgradcnn cost`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.commands.options import network_argument, network_options
from microgradcnn.commands.output import Record, deliver, format_arguments
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.value import Value
from microgradcnn.views import notation
from microgradcnn.views.cost import Amounts, Cost, cost
from microgradcnn.views.document import Line, as_text
from microgradcnn.views.expression import add as plus
from microgradcnn.views.expression import equation, minus, number, power, symbol
from microgradcnn.views.html_document import as_html
from microgradcnn.views.latex_document import as_latex
from microgradcnn.views.polynomial import Polynomial
from microgradcnn.views.timing import Timing

SUMMARY = "count the operations of one iteration of gradient descent, as polynomials"

PARTS = {"S": "hidden layer", "c": "filters", "w": "final layer"}
IMAGE, KERNEL, SQUARED = symbol("image"), symbol("kernel"), number(2)
MEANINGS: dict[str, Line] = {
    "single_layer": ("n rows, m inputs, k hidden units",),
    "convolutional": (
        *("n images, F filters of ", equation(symbol("q"), power(KERNEL, SQUARED)), " weights, "),
        *(equation(symbol("P"), power(plus(IMAGE, minus(KERNEL), number(1)), SQUARED)), " positions of each"),
    ),
}
SIZES, SQUARES = range(2, 6), (4, 9, 16, 25)
COUNTED: dict[str, dict[str, Any]] = {
    "single_layer": dict.fromkeys("nmk", SIZES),
    "convolutional": {"n": SIZES, "F": SIZES, "P": SQUARES, "q": SQUARES},
}
MEASURED = {
    "single_layer": {"n": (200, 1000), "m": (200, 1000), "k": (10, 50)},
    "convolutional": {"n": (20, 80), "F": (4, 16), "P": (64, 256), "q": (9, 25)},
}

Graph = tuple[Value, dict[str, list[Value]]]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `cost` takes."""
    network_argument(parser)
    network_options(parser, activation="sigmoid", regularise=0.0)
    parser.add_argument("--measure", action="store_true", help="measure times as well, and fit their exponents")
    format_arguments(parser, "text", "latex", "mathml")


def run(options: argparse.Namespace) -> int:
    """The operations of one iteration as polynomials, and their orders; with `measure` the times as well."""
    name = options.network
    build, kind = builder(name, options.activation, options.regularise), _kind(name)
    found = cost(build, COUNTED[kind])
    sizes, lecture = _lecture(name, build)
    timing = found.measure(MEASURED[kind]) if options.measure else None
    steps = found.steps()
    steps[0].lines = [(f"{name}: ", *MEANINGS[kind]), *steps[0].lines, _at(sizes, lecture.total)]
    steps[2:2] = [] if timing is None else [timing.step()]
    network = {"network": name, "activation": options.activation, "regularise": options.regularise}
    deliver(
        options,
        f"The cost of {name}",
        lambda: {
            **network,
            "variables": "".join(p if isinstance(p, str) else notation.text(p) for p in MEANINGS[kind]),
            **_record(found, timing),
            "lecture": {**sizes, **_amounts(lecture.total)},
        },
        text=lambda: as_text(steps),
        latex=lambda: as_latex(steps),
        mathml=lambda: as_html(steps),
    )
    return 0


def builder(name: str, activation: str = "sigmoid", regularise: float = 0.0) -> Callable[..., Graph]:
    """What builds the graph of a network's objective: of n, m, k, or of n, F, P, q for a convolutional one.

    P, the positions of a filter, and q, the pixels under it, are squares, as image and kernel are.
    """

    def single_layer(n: int, m: int, k: int) -> Graph:
        return _graph(NETWORKS[name](m=m, k=k, activation=activation, regularise=regularise), n)

    def convolutional(n: int, F: int, P: int, q: int) -> Graph:
        positions, kernel = math.isqrt(P), math.isqrt(q)
        shapes = {"image": (positions + kernel - 1,) * 2, "kernel": (kernel, kernel)}
        return _graph(NETWORKS[name](filters=F, **shapes, activation=activation, regularise=regularise), n)

    return single_layer if _kind(name) == "single_layer" else convolutional


def _kind(name: str) -> str:
    return "single_layer" if name == "single_layer" else "convolutional"


def _graph(network: Network, n: int) -> Graph:
    rng = np.random.default_rng(0)
    loss = network.loss(rng.normal(size=(n, network.inputs)), rng.normal(size=n))
    return loss, {PARTS[p]: [value] for p, value in network.parameters.items()}


def _lecture(name: str, build: Callable[..., Graph]) -> tuple[dict[str, int], Cost]:
    """The sizes that the lecture fixes, and the cost in the others, counted anew: one filter needs no mean."""
    own = NETWORKS[name]().options()
    if name == "single_layer":
        fixed = {"k": own["k"]}
    else:
        (height, width), (rows, columns) = own["image"], own["kernel"]
        fixed = {"F": own["filters"], "P": (height - rows + 1) * (width - columns + 1), "q": rows * columns}
    return fixed, cost(partial(build, **fixed), {v: s for v, s in COUNTED[_kind(name)].items() if v not in fixed})


def _at(sizes: dict[str, int], total: Amounts) -> Line:
    where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    functions = (" and ", *total.pieces()) if total.functions else ()
    return f"In all, with the lecture's {where}: ", total.operations.formula, *functions, ", ", total.all.growth, "."


def _record(found: Cost, timing: Timing | None) -> Record:
    works = [(p.name, p.work) for p in found.parts] + [("total", found.total)]
    alone = [(p.name, p.separately) for p in found.parts[1:]] + [("total", found.separately)]
    record: Record = {
        "parts": [{"part": name, **_amounts(work)} for name, work in works],
        "every coordinate by itself": [{"part": name, **_amounts(work)} for name, work in alone],
        "graphs": {"interpolated": found.seen, "confirmed": found.others},
    }
    if timing is not None:
        record["measured"] = [{**m.sizes, "operations": m.operations, "seconds": m.seconds} for m in timing]
        record["exponents"] = {"time": timing.of_time, "operations": timing.of_operations}
    return record


def _amounts(amounts: Amounts) -> Record:
    functions = {name: _polynomial(count) for name, count in amounts.functions.items()}
    return {"operations": _polynomial(amounts.operations), "functions": functions, "order": amounts.all.order}


def _polynomial(polynomial: Polynomial) -> Record:
    """The text, and every term as its coefficient and the exponents of the variables."""
    terms = [
        {"coefficient": int(c) if c.denominator == 1 else str(c), **dict(zip(polynomial.variables, e, strict=True))}
        for e, c in polynomial.terms.items()
    ]
    return {"text": str(polynomial), "terms": terms}
