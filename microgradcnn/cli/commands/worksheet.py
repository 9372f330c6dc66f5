"""`microgradcnn worksheet`: a sheet of questions about a graph, its key, and a file for the answers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.cli.options import count, names, network_options
from microgradcnn.cli.output import Record, show, table
from microgradcnn.cli.streams import escaped
from microgradcnn.files import make_folder, read_whole, write_whole
from microgradcnn.system.text_layout import how_many
from microgradcnn.views.worksheets.exports.moodle import as_moodle, as_stack
from microgradcnn.views.worksheets.exports.notebook import as_notebook
from microgradcnn.views.worksheets.roster import read_roster
from microgradcnn.views.worksheets.worksheet import MOST, Worksheet, sheets_of

FORMATS: dict[str, Callable[[Worksheet], dict[str, str]]] = {
    "moodle": as_moodle,
    "stack": as_stack,
    "notebook": as_notebook,
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `worksheet` takes."""
    parser.add_argument("graph", metavar="GRAPH", help="a network's name, a formula, or file.py:name, as for explain")
    network_options(parser)
    parser.add_argument("--wrt", type=names, metavar="c_1,c_2", help="the names to differentiate by (the parameters)")
    parser.add_argument("--seed", metavar="TEXT", help="one for each student (0)")
    parser.add_argument("--roster", type=Path, metavar="CSV", help="a class list: a sheet for each id, with their name")
    parser.add_argument("--secret", metavar="TEXT", help="with --roster: what every student's seed is made from")
    parser.add_argument("--questions", type=count, default=6, metavar="N", help=f"how many, up to {MOST} (6)")
    parser.add_argument(
        "--format", choices=tuple(FORMATS), help="in place of files to print: questions to import, with their answers"
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where the files go (.)")
    parser.epilog = (
        "The same graph, seed and number of questions give the same files. Only the key names the seed; but a student "
        "who guesses it can make the key: for an exam take long seeds."
    )


def run(options: argparse.Namespace) -> int:
    """A sheet, an answer file and a key for this seed."""
    graph = loss_graph(options.graph, options.activation, options.regularise)
    wrt = graph.find(options.wrt) if options.wrt else list(graph.parameters.values())
    title = f"Backpropagation: {Path(graph.name).name}"
    make = sheets_of(graph.loss, wrt, options.questions, title)
    if options.roster is not None or options.secret is not None:
        return _for_class(make, options)
    sheet = make("0" if options.seed is None else options.seed)
    make_folder(options.out)
    paths = _written(sheet.files() if options.format is None else FORMATS[options.format](sheet), options.out)
    record = {"sheet": sheet.identifier, "seed": sheet.seed, "files": [str(path) for path in paths]}
    lines = [f"sheet {sheet.identifier} from seed {escaped(sheet.seed)}, {how_many(len(sheet.tasks), 'question')}:"]
    lines += [escaped(path) for path in record["files"]]
    show(record if options.json else "\n".join(lines), options.json)
    return 0


def _for_class(make: Callable[[str], Worksheet], options: argparse.Namespace) -> int:
    """A folder of sheets, in it one for each student, and a folder of keys."""
    if options.roster is None or not options.secret:
        raise ValueError("--roster and --secret go together: a class list, and a long text that only you know")
    if options.seed is not None or options.format is not None:
        other = "--seed" if options.seed is not None else "--format"
        raise ValueError(f"{other} is for one sheet: --roster writes one for each student, to print, from --secret")
    roster = read_roster(read_whole(options.roster, "class list, a CSV file"), str(options.roster))
    sheets, keys = options.out / "sheets", options.out / "keys"
    make_folder(keys)
    made: list[Record] = []
    for student in roster.students:
        sheet, folder = student.sheet(make, options.secret), sheets / student.folder
        make_folder(folder)
        files = sheet.files()
        _written({name: text for name, text in files.items() if _is_key(name)}, keys)
        _written({name: text for name, text in files.items() if not _is_key(name)}, folder)
        made.append({"id": student.id, "name": student.name, "sheet": sheet.identifier, "folder": str(folder)})
    said = f"{table(made)}\n{escaped(str(keys))}: their keys"
    show({"keys": str(keys), "sheets": made} if options.json else said, options.json)
    return 0


def _written(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Where the files are now, those with answers for their owner alone."""
    for name, text in files.items():
        write_whole(folder / name, text.encode("utf-8", "replace"), private=_is_key(name))
    return [folder / name for name in files]


def _is_key(name: str) -> bool:
    return not name.startswith(("sheet-", "answers-"))
