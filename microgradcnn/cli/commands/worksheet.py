"""`microgradcnn worksheet`: a sheet of questions about a graph, its key, and a file for the answers."""

from __future__ import annotations

import argparse
from pathlib import Path

from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.cli.options import count, names, network_options
from microgradcnn.cli.output import show
from microgradcnn.cli.streams import escaped
from microgradcnn.files import make_folder, write_whole
from microgradcnn.views.worksheets.worksheet import MOST, worksheet

SUMMARY = "write a worksheet about the gradients of a graph, an answer file to fill in, and the key"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `worksheet` takes."""
    parser.add_argument("graph", metavar="GRAPH", help="a network's name, a formula, or file.py:name, as for explain")
    network_options(parser)
    parser.add_argument("--wrt", type=names, metavar="c_1,c_2", help="the names to differentiate by (the parameters)")
    parser.add_argument("--seed", default="0", metavar="TEXT", help="one for each student (0)")
    parser.add_argument("--questions", type=count, default=6, metavar="N", help=f"how many, up to {MOST} (6)")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the six files go (.)")
    parser.epilog = (
        "The same graph, seed and number of questions give the same files. Only the key names the seed; but a student "
        "who guesses it can make the key: for an exam take long seeds."
    )


def run(options: argparse.Namespace) -> int:
    """A sheet, an answer file and a key for this seed."""
    graph = loss_graph(options.graph, options.activation, options.regularise)
    wrt = graph.find(options.wrt) if options.wrt else list(graph.parameters.values())
    title = f"Backpropagation: {Path(graph.name).name}"
    sheet = worksheet(graph.loss, wrt, options.seed, options.questions, title)
    make_folder(options.out)
    files = {options.out / name: text for name, text in sheet.files().items()}
    for path, text in files.items():
        write_whole(path, text.encode("utf-8", "replace"), private=path.name.startswith("key-"))
    record = {"sheet": sheet.identifier, "seed": sheet.seed, "files": [str(path) for path in files]}
    lines = [f"sheet {sheet.identifier} from seed {escaped(sheet.seed)}, {len(sheet.tasks)} questions:"]
    lines += [escaped(path) for path in record["files"]]
    show(record if options.json else "\n".join(lines), options.json)
    return 0
