"""What the commands print: tables and texts for people, JSON for machines; and the history of a training."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from microgradcnn.cli.streams import escaped, takes
from microgradcnn.files import json_text, write_whole
from microgradcnn.system.terminal import coloured, columns, fitted
from microgradcnn.system.text_layout import text_table

Record = dict[str, Any]

HISTORY, PARAMETERS = "history.csv", "parameters.npz"  # what train writes


def write_history(path: Path, history: Sequence[Mapping[str, object]]) -> None:
    """Write the rows of a training's history as CSV, under their names. Raises FileError where that is refused."""
    lines = [list(row.values()) for row in history]
    lines[:0] = [list(row) for row in history[:1]]
    write_whole(path, "".join(",".join(map(str, line)) + "\n" for line in lines).encode())


def show(what: Any, as_json: bool) -> None:
    """Print a text, or a record as JSON."""
    print_as(what, "json" if as_json else "text")


def print_as(what: Any, form: str) -> None:
    """Print a text or a record so that it stays what it is, JSON or HTML, in the encoding of standard output.

    A "text" is broken where the terminal's lines end; in any other form, as a program, no line is.
    """
    if form == "json":
        text = json_text(what, indent=2)
        print(text if takes(text, sys.stdout) else json_text(what, indent=2, ensure_ascii=True))
    elif form == "mathml":
        print(what if takes(what, sys.stdout) else what.encode("ascii", "xmlcharrefreplace").decode())
    else:
        text = escaped(what, keep="\n\t")
        print(fitted(text, sys.stdout) if form == "text" else text)


def print_verdict(verdict: str, right: bool) -> None:
    """Print a line in green or red, where the terminal has colours."""
    print(coloured(fitted(escaped(verdict), sys.stdout), "green" if right else "red", sys.stdout))


def where_written(*paths: Path | str) -> str:
    """The line that says which files were written."""
    return f"written: {', '.join(escaped(str(path)) for path in paths)}"


def table(rows: list[Record]) -> str:
    """Rows with the same keys as columns under their names, numbers to the right, as wide as standard output is."""
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[_cell(row[name]) for name in names] for row in rows]
    right = [i for i, name in enumerate(names) if isinstance(rows[0][name], int | float)]
    return "\n".join(text_table([names, *cells], columns(sys.stdout), right))


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escaped(str(value))
