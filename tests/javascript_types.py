"""The types of the pages' scripts, by TypeScript's own check: `python tests/javascript_types.py` lists what is wrong.

The scripts of a page share one scope and are one program, in the order of its module's SCRIPTS; what no page lists is
checked as one program as well. Types stand in JSDoc comments, and in a d.ts file of the folder for what Python writes
into a page.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import microgradcnn.lesson
import microgradcnn.views.pages

ASSETS = Path(microgradcnn.views.pages.__file__).parent / "assets"
SETTINGS = Path(__file__).parents[1] / ".ci" / "tsconfig.json"
_FOUND = re.compile(r"^(?P<file>[^\s(]+)\((?P<line>\d+),(?P<column>\d+)\): error (?P<code>TS\d+): (?P<words>.*)")
# A page with `await` outside functions is a module, and here a script: no d.ts file adds fields to a module's classes.
_ALLOWED = {"TS1375"}


def programs() -> dict[str, list[str]]:
    """The scripts of each page, as paths in the folder of assets, by the module that writes the page."""
    found: dict[str, list[str]] = {}
    for package in (microgradcnn.views.pages, microgradcnn.lesson):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            listed = getattr(importlib.import_module(module.name), "SCRIPTS", ())
            if listed:
                found[module.name] = [f"{script.removesuffix('.js')}.js" for script in listed]
    known = {script for scripts in found.values() for script in scripts}
    every = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))
    return found | {"none": [script for script in every if script not in known]}


def wrong(scripts: Sequence[str], more: str = "") -> Iterator[str]:
    """What the check says of the scripts of a page, and of `more` after them: file, line, column and why."""
    texts = [*((script, (ASSETS / script).read_text(encoding="utf-8")) for script in scripts), ("more", more)]
    places = [(name, line) for name, text in texts for line in range(1, text.count("\n") + 1)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "page.js").write_text("".join(text for _, text in texts), encoding="utf-8")
        settings = {"extends": str(SETTINGS), "files": ["page.js", *map(str, _declarations(scripts))]}
        Path(folder, "tsconfig.json").write_text(json.dumps(settings), encoding="utf-8")
        run = subprocess.run(["tsc", "--pretty", "false"], cwd=folder, capture_output=True, text=True)
    if run.returncode and not run.stdout:
        raise RuntimeError(f"tsc failed: {run.stderr}")
    for line in run.stdout.splitlines():
        found = _FOUND.match(line)
        if found is not None and found["code"] not in _ALLOWED:  # further lines say why
            file, at = found["file"], int(found["line"])
            file, at = places[at - 1] if file == "page.js" else (file, at)
            yield f"{file}:{at}:{found['column']}: {found['code']} {found['words']}"


def _declarations(scripts: Sequence[str]) -> list[Path]:
    """The d.ts files of the folders that scripts are in, and of the folder of all."""
    return [
        path for folder in {ASSETS, *((ASSETS / script).parent for script in scripts)} for path in folder.glob("*.d.ts")
    ]


def main() -> int:
    """Check every page; exit with 1 if something is wrong, with 2 where there is no TypeScript."""
    if shutil.which("tsc") is None:
        print("tsc is not installed: it is in Debian's node-typescript", file=sys.stderr)
        return 2
    pages = programs()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checked = zip(pages, pool.map(lambda scripts: list(wrong(scripts)), pages.values()), strict=True)
        found = [f"{line} (the page of {page})" for page, lines in checked for line in lines]
    print("\n".join(found) or f"the scripts of {len(pages)} pages have the types that they say")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
