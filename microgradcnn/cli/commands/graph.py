"""`microgradcnn graph`: a graph drawn, with its gradients, as a picture or a page to step through."""

from __future__ import annotations

import argparse
from pathlib import Path

from microgradcnn.cli.options import chosen_graph, graph_arguments, names
from microgradcnn.cli.output import show, where_written
from microgradcnn.views.pages.picture import draw


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `graph` takes."""
    graph_arguments(parser)
    parser.add_argument("--arrays", action="store_true", help="a network over rows, instead of one example in scalars")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="a page, .html; a picture, .svg, .png, .pdf, .dot or .tex; a film of both passes, .gif or .mp4",
    )
    parser.add_argument("--collapse", type=names, metavar="z,a_*", help="groups to draw as one box: z, a_1 or all a_*")
    parser.add_argument("--open", type=names, metavar="z,a_*", help="groups to draw open that would be collapsed")


def run(options: argparse.Namespace) -> int:
    """A picture of a loss with its values and gradients, in the format that the file's suffix names."""
    graph = chosen_graph(options, options.arrays)
    graph.loss.backward()
    picture = draw(graph.loss, collapse=options.collapse, open=options.open, wrt=list(graph.parameters.values()))
    written = picture.save(options.out, progress=True)
    lost = graph.undefined(graph.parameters.values())
    record = {"graph": options.graph, "groups": picture.groups, "written": str(written), "undefined": lost or None}
    lines = [where_written(written), *filter(None, [lost])]
    show(record if options.json else "\n".join(lines), options.json)
    return 0
