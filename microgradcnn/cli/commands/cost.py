"""`microgradcnn cost`: what one iteration costs a network, operations as polynomials and measured times."""

from __future__ import annotations

import argparse

from microgradcnn.cli.documents import deliver, format_arguments, text_width
from microgradcnn.cli.options import chosen_kind, network_argument, network_options
from microgradcnn.cli.output import Record
from microgradcnn.lesson.cost import network_cost
from microgradcnn.views.cost.cost import Amounts, Cost
from microgradcnn.views.cost.polynomial import Polynomial
from microgradcnn.views.cost.timing import Timing
from microgradcnn.views.documents.document import as_text
from microgradcnn.views.documents.html import as_html
from microgradcnn.views.documents.latex import as_latex
from microgradcnn.views.formulas import notation


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `cost` takes."""
    network_argument(parser)
    network_options(parser)
    parser.add_argument("--measure", action="store_true", help="measure times as well, and fit their exponents")
    format_arguments(parser, "text", "latex", "mathml")


def run(options: argparse.Namespace) -> int:
    """The operations of one iteration as polynomials, and their orders; with `measure` the times as well."""
    kind = chosen_kind(options)
    assert kind is not None  # models are no choice
    given = {name: getattr(options, name) for name in ("activation", "regularise")}
    for name, option in given.items():
        if option is not None and name not in kind.arguments():
            raise ValueError(f"--{name} is not for {options.network}: it has no such part")
    counted = network_cost(kind, **given)
    timed = {size: about.timed for size, about in kind.cost_sizes().items()}
    timing = counted.found.measure(timed) if options.measure else None
    steps = counted.steps(kind.name)
    steps[2:2] = [] if timing is None else [timing.step()]
    usual = {name: getattr(kind(), name) if name in kind.arguments() else None for name in given}
    network = {"network": options.network} | {name: given[name] or usual[name] for name in given}
    deliver(
        options,
        f"The cost of {kind.name}",
        lambda: {
            **network,
            "variables": "".join(p if isinstance(p, str) else notation.text(p) for p in counted.meaning),
            **_record(counted.found, timing),
            "lecture": {**counted.sizes, **_amounts(counted.lecture.total), "least": counted.lecture.least},
        },
        text=lambda: as_text(steps, text_width(options)),
        latex=lambda: as_latex(steps),
        mathml=lambda: as_html(steps),
    )
    return 0


def _record(found: Cost, timing: Timing | None) -> Record:
    works = [(p.name, p.work) for p in found.parts] + [("total", found.total)]
    alone = [(p.name, p.separately) for p in found.parts[1:]] + [("total", found.separately)]
    record: Record = {
        "parts": [{"part": name, **_amounts(work)} for name, work in works],
        "every coordinate by itself": [{"part": name, **_amounts(work)} for name, work in alone],
        "graphs": {"interpolated": found.seen, "confirmed": found.others},
        "least": found.least,
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
