"""What the commands print or write: tables and texts for people, JSON for machines, whole documents."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from microgradcnn.cli.streams import escaped, takes
from microgradcnn.files import json_text, write_whole
from microgradcnn.views.documents.document import Line
from microgradcnn.views.documents.standalone import html_page, latex_document

Record = dict[str, Any]

HISTORY, PARAMETERS = "history.csv", "parameters.npz"  # what train writes

SUFFIXES = {"": "text", ".txt": "text", ".tex": "latex", ".html": "mathml", ".json": "json"}


def format_arguments(parser: argparse.ArgumentParser, *formats: str) -> None:
    """In which of these formats, and JSON, the answer is given, and the file that it is written to."""
    parser.add_argument(
        "--format",
        choices=(*formats, "json"),
        help="(text, or what the name of the file says); without a file --json is --format json",
    )
    suffixes = ", ".join(suffix for suffix, form in SUFFIXES.items() if suffix and form in (*formats, "json"))
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"write a whole document to this file: {suffixes}")


def deliver(
    options: argparse.Namespace, title: str | Line, record: Callable[[], Record], **texts: Callable[[], str]
) -> None:
    """Print the answer in the format that was asked for, or write it to the file that was asked for, under a title.

    `texts` make it in the formats of `format_arguments`, and `record` for JSON; a file in LaTeX or HTML is a whole
    document, and --json prints what is known and where it was written. Raises ValueError if the file's name says no
    format, and FileError where it cannot be written.
    """
    form = _format(options, [*texts, "json"])
    if options.out is None:
        _print(record() if form == "json" else texts[form]().rstrip(), form)
        return
    text = json_text(record(), indent=2) if form == "json" else texts[form]().rstrip()
    wrap = {"latex": latex_document, "mathml": html_page}.get(form)
    write_whole(options.out, ((wrap(text, title) if wrap else text).rstrip() + "\n").encode("utf-8", "replace"))
    written = {"written": str(options.out)}
    show(record() | written if options.json else where_written(options.out), options.json)


def _format(options: argparse.Namespace, known: list[str]) -> str:
    if options.json and options.out is None:
        return "json"
    if options.format:
        return str(options.format)
    form = SUFFIXES.get("" if options.out is None else options.out.suffix.lower())
    if form not in known:
        suffixes = [suffix for suffix, name in SUFFIXES.items() if suffix and name in known]
        raise ValueError(
            f"{options.out} says no format that there is: end it in {', '.join(suffixes)}, or give --format"
        )
    return str(form)


def write_history(path: Path, history: Sequence[Mapping[str, object]]) -> None:
    """Write the rows of a training's history as CSV, under their names. Raises FileError where that is refused."""
    lines = [list(row.values()) for row in history]
    lines[:0] = [list(row) for row in history[:1]]
    write_whole(path, "".join(",".join(map(str, line)) + "\n" for line in lines).encode())


def show(what: Any, as_json: bool) -> None:
    """Print a text, or a record as JSON."""
    _print(what, "json" if as_json else "text")


def _print(what: Any, form: str) -> None:
    """Print a text or a record so that it stays what it is, JSON or HTML, in the encoding of standard output."""
    if form == "json":
        text = json_text(what, indent=2)
        print(text if takes(text, sys.stdout) else json_text(what, indent=2, ensure_ascii=True))
    elif form == "mathml":
        print(what if takes(what, sys.stdout) else what.encode("ascii", "xmlcharrefreplace").decode())
    else:
        print(escaped(what, keep="\n\t"))


def where_written(*paths: Path | str) -> str:
    """The line that says which files were written."""
    return f"written: {', '.join(escaped(str(path)) for path in paths)}"


def table(rows: list[Record]) -> str:
    """Rows with the same keys as columns under their names, numbers to the right, separated by two spaces."""
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[i]) for line in cells)) for i, name in enumerate(names)]
    right = [isinstance(rows[0][name], int | float) for name in names]

    def line(texts: list[str]) -> str:
        padded = [t.rjust(w) if r else t.ljust(w) for t, w, r in zip(texts, widths, right, strict=True)]
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *map(line, cells)])


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escaped(str(value))
