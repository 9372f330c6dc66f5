"""The command that counts what one iteration of gradient descent costs a network, and measures it."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from microgradcnn.files import write_whole
from microgradcnn.networks import NETWORKS, Network
from microgradcnn.value import Value
from microgradcnn.views import document
from microgradcnn.views.cost import Amounts, Cost
from microgradcnn.views.cost import cost as count
from microgradcnn.views.document import Line
from microgradcnn.views.polynomial import Polynomial
from microgradcnn.views.timing import Timing

PARTS = {"S": "hidden layer", "c": "filters", "w": "final layer"}
MEANINGS = {
    "single_layer": "n rows, m inputs, k hidden units",
    "convolutional": "n images, F filters of q = kernel² weights, P = (image − kernel + 1)² positions of each",
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


def cost(options: argparse.Namespace) -> int:
    """The operations of one iteration as polynomials, and their orders; with `measure` the times as well."""
    name = options.network
    build, kind = builder(name, options.activation, options.regularise), _kind(name)
    found = count(build, COUNTED[kind])
    sizes, lecture = _lecture(name, build)
    timing = found.measure(MEASURED[kind]) if options.measure else None
    if options.json:
        network = {"network": name, "activation": options.activation, "regularise": options.regularise}
        record = {**network, "variables": MEANINGS[kind], **_record(found, timing)}
        text = json.dumps({**record, "lecture": {**sizes, **_amounts(lecture.total)}}, indent=2, ensure_ascii=False)
    else:
        steps = found.steps()
        steps[0].lines = [(f"{name}: {MEANINGS[kind]}",), *steps[0].lines, _at(sizes, lecture.total)]
        steps[2:2] = [] if timing is None else [timing.step()]
        languages = {"text": document.as_text, "latex": document.as_latex, "mathml": document.as_html}
        text = languages[options.format](steps).rstrip()
    if options.out is None:
        print(text)
    else:
        write_whole(options.out, f"{text}\n".encode())
        print(f"written: {options.out}")
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
    return fixed, count(partial(build, **fixed), {v: s for v, s in COUNTED[_kind(name)].items() if v not in fixed})


def _at(sizes: dict[str, int], total: Amounts) -> Line:
    where = ", ".join(f"{name} = {size}" for name, size in sizes.items())
    functions = (" and ", *total.pieces()) if total.functions else ()
    return f"In all, with the lecture's {where}: ", total.operations.formula, *functions, ", ", total.all.growth, "."


def _record(found: Cost, timing: Timing | None) -> dict[str, Any]:
    works = [(p.name, p.work) for p in found.parts] + [("total", found.total)]
    alone = [(p.name, p.separately) for p in found.parts[1:]] + [("total", found.separately)]
    record: dict[str, Any] = {
        "parts": [{"part": name, **_amounts(work)} for name, work in works],
        "every coordinate by itself": [{"part": name, **_amounts(work)} for name, work in alone],
        "graphs": {"interpolated": found.seen, "confirmed": found.others},
    }
    if timing is not None:
        record["measured"] = [{**m.sizes, "operations": m.operations, "seconds": m.seconds} for m in timing]
        record["exponents"] = {"time": timing.of_time, "operations": timing.of_operations}
    return record


def _amounts(amounts: Amounts) -> dict[str, Any]:
    functions = {name: _polynomial(count) for name, count in amounts.functions.items()}
    return {"operations": _polynomial(amounts.operations), "functions": functions, "order": amounts.all.order}


def _polynomial(polynomial: Polynomial) -> dict[str, Any]:
    """The text, and every term as its coefficient and the exponents of the variables."""
    terms = [
        {"coefficient": int(c) if c.denominator == 1 else str(c), **dict(zip(polynomial.variables, e, strict=True))}
        for e, c in polynomial.terms.items()
    ]
    return {"text": str(polynomial), "terms": terms}
