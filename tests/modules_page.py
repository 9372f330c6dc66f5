"""Writes the guide's table of modules from their docstrings: `python tests/modules_page.py`; --check only compares.

It has the rooms in the order of test_house.py, and in a room every module after those that it imports.
"""

from __future__ import annotations

import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

from test_house import ROOMS, SOURCES, imports, room_of, trees

PAGE = Path(__file__).parents[1] / "demos" / "guide" / "modules.md"
HEAD = """# Every module, with its first sentence

First what stands at the package's top, then the rooms: a room imports only rooms that come before it, and in a room
every module comes after those that it imports. This page is written by
[`tests/modules_page.py`](../../tests/modules_page.py) from the docstrings;
[README](../../README.md#reading-order) says where to begin to read.
"""
TOP = "microgradcnn"


def main() -> int:
    """Write the page; with --check exit with 1 if it says something else."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The page in Markdown: a heading and a table for each folder; modules at the top come first, together."""
    order = list(TopologicalSorter({module: _imported(module) for module in SOURCES}).static_order())
    rooms = [room_of(module) for module in order]
    folders: dict[str, list[str]] = {TOP: []}
    for room in ROOMS:
        for module in (module for module, its in zip(order, rooms, strict=True) if its == room):
            folder = module.rpartition(".")[0]
            folders.setdefault(f"{TOP}/{folder.replace('.', '/')}" if folder else TOP, []).append(module)
    return HEAD + "".join(_section(folder, modules) for folder, modules in folders.items())


def _imported(module: str) -> list[str]:
    """What it imports of its own room, where there is no circle, in an order that is always the same."""
    return sorted(target for importer, target in imports() if importer == module and room_of(target) == room_of(module))


def _section(folder: str, modules: list[str]) -> str:
    about = [_sentence(module) for module in modules if module.endswith("__init__")] if folder != TOP else []
    rows = [
        f"| [`{module.rpartition('.')[2]}`](../../{TOP}/{module.replace('.', '/')}.py) | {_sentence(module)} |"
        for module in modules
        if folder == TOP or not module.endswith("__init__")
    ]
    table = ["| module | |", "| --- | --- |", *rows] if rows else []
    return "\n".join(["", f"## {folder}", "", *[f"{sentence}\n" for sentence in about], *table, ""])


def _sentence(module: str) -> str:
    """The first sentence of the module's docstring."""
    docstring = trees()[module].body[0].value.value  # type: ignore[attr-defined]  # test_house.py: every module has one
    first = re.split(r"(?<=\.)\s|\n\n", docstring.strip())[0]
    return " ".join(first.split()).replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
