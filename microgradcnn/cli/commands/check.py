"""`microgradcnn check`: is a formula the gradient, and if not, which mistake is it?"""

from __future__ import annotations

import argparse

from microgradcnn.cli.options import chosen_graph, graph_arguments, real
from microgradcnn.cli.output import print_verdict, show
from microgradcnn.engine.gradient import grad
from microgradcnn.views.answers.answer import check_answer
from microgradcnn.views.answers.diagnosis import listed
from microgradcnn.views.answers.reading.names import NOT_KNOWN, FormulaError

_MOST = 24  # names that an error lists


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    graph_arguments(parser)
    parser.add_argument("--wrt", required=True, metavar="c_1", help="the name to differentiate by")
    parser.add_argument("--answer", required=True, metavar="FORMULA", help="such as '(z1 - y)/2 * z1*(1-z1)*p1'")
    parser.add_argument("--tolerance", type=real, metavar="0.01", help="the share by which an answer may differ")


def run(options: argparse.Namespace) -> int:
    """Whether a formula is the gradient of a loss; 1 if it is not, with the mistake that explains it."""
    graph = chosen_graph(options)
    (theta,) = graph.find([options.wrt])
    if theta.shape:
        raise ValueError(f"{theta.label} of {graph.name} is an array, {theta.shape}: an answer is about one number")
    (gradient,) = grad(graph.loss, [theta])
    try:
        answer = check_answer(options.answer, gradient, graph.loss, theta, options.tolerance)
    except FormulaError as error:
        if NOT_KNOWN not in str(error):
            raise
        some = ", ".join([*list(graph.nodes)[:_MOST], *["..."] * (len(graph.nodes) > _MOST)])
        raise FormulaError(f"{error}; the names are {some}") from None
    kinds = [diagnosis.kind for diagnosis in answer.diagnoses]
    record: dict[str, object] = {
        "right": answer.right,
        "proved": answer.proved,
        "digits": answer.digits,
        "verdict": answer.verdict,
        "diagnoses": kinds,
    }
    lost = graph.undefined([theta])
    record |= {"read": answer.read, "undefined": lost or None}
    record["columns"] = [list(diagnosis.columns) for diagnosis in answer.diagnoses]
    places = [f"{d.names[0]} in column {listed([*map(str, d.columns)])}" for d in answer.diagnoses if d.columns]
    lines = [*places, f"read as: {answer.read}", *filter(None, [lost])]
    if not options.json:
        print_verdict(answer.verdict, answer.right)
    show(record if options.json else "\n".join(lines), options.json)
    return 0 if answer.right else 1
