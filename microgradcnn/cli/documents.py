"""Documents as answers: printed, or written to a file, in the format that was asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from microgradcnn.cli.output import Record, print_as, show, where_written
from microgradcnn.files import json_text, write_whole
from microgradcnn.system.terminal import columns
from microgradcnn.views.documents.document import Line
from microgradcnn.views.documents.standalone import html_page, latex_document

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
        print_as(record() if form == "json" else texts[form]().rstrip(), form)
        return
    text = json_text(record(), indent=2) if form == "json" else texts[form]().rstrip()
    wrap = {"latex": latex_document, "mathml": html_page}.get(form)
    write_whole(options.out, ((wrap(text, title) if wrap else text).rstrip() + "\n").encode("utf-8", "replace"))
    written = {"written": str(options.out)}
    show(record() | written if options.json else where_written(options.out), options.json)


def text_width(options: argparse.Namespace) -> int | None:
    """The columns of a text: those of the terminal, or of COLUMNS; None for a pipe or a file."""
    return columns(sys.stdout) if options.out is None else None


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
