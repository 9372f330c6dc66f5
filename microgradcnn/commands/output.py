"""What the commands print: tables for people, JSON for machines."""

from __future__ import annotations

import json
from typing import Any

Record = dict[str, Any]


def show(what: Any, as_json: bool) -> None:
    """Print a text, or a record as JSON."""
    print(json.dumps(what, indent=2, ensure_ascii=False) if as_json else what)


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
    return f"{value:.4g}" if isinstance(value, float) else str(value)
