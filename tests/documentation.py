"""The pages that a reader opens, README first: their examples, run as a reader runs them, and their links."""

from __future__ import annotations

import doctest
import io
import os
import re
import shlex
import warnings
from collections.abc import Iterator
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from command_line import run
from conftest import ROOT

README = ROOT / "README.md"
CONTRIBUTING = ROOT / ".github" / "CONTRIBUTING.md"
CHANGELOG = ROOT / ".github" / "CHANGELOG.md"
GUIDE = sorted((ROOT / "demos" / "guide").glob("*.md"))
MANUAL = [README, *GUIDE]
PAGES = [*MANUAL, CONTRIBUTING, CHANGELOG]

# Commands that take minutes as they stand: with more arguments, which leave the rest as it is, or not at all.
SHORTER = {"microgradcnn train lenet": ["--epochs", "1"]}
ELSEWHERE = {"microgradcnn lesson"}  # CI runs it as README says, test_written_files.py with --out
NOT_OURS = r"(python3? -m|\.venv/bin/|\.ci/run|pip|python|pytest|ruff|mypy)\b"  # tools, to be run by hand
SHOWN = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """What stands between two fences: its language, its text, and the line of the page where it begins."""

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The name that its first line gives it, `# model.py`."""
        found = re.match(r"# ([\w/]+\.py)\n", self.text)
        return found[1] if found else None


def blocks(page: Path, *languages: str) -> list[Block]:
    """The page's blocks in these languages; in all, if none is named."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(match[1], match[2], text[: match.start(2)].count("\n") + 1)
        for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ]
    return [block for block in found if not languages or block.language in languages]


def run_examples(page: Path, folder: Path) -> dict[str, Any]:
    """Run the page's examples in this folder, in order, and return the names that its Python has defined.

    Python blocks share their names; one whose first line is `# model.py` is written to that file as well. What is
    printed must be the block without a language that follows, or else the comments behind the calls of print, if there
    are any. A line of a shell block is a command that ends with exit code 0, or 1 where its comment says so; below
    `$ microgradcnn ...` in a console block stands what it prints. `...` stands for anything.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    with chdir(folder):
        found = blocks(page)
        for block, after in pairwise([*found, Block("", "", 0)]):
            where = f"{page.name}, line {block.line}"
            if block.language == "python":
                expected = after.text if not after.language else ""
                _check(where, _python(block, where, names), expected or _comments(block.text))
            elif block.language in ("sh", "console"):
                for command, expected in _commands(block):
                    _run(where, command, expected)
    return names


def _python(block: Block, where: str, names: dict[str, Any]) -> str:
    """What the block prints."""
    if block.file:
        Path(block.file).parent.mkdir(parents=True, exist_ok=True)
        Path(block.file).write_text(block.text, encoding="utf-8")
    printed = io.StringIO()
    lines = "\n" * (block.line - 1)  # so that a traceback names the line of the page
    with redirect_stdout(printed), warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile(lines + block.text, where, "exec"), names)
    return printed.getvalue()


def _comments(text: str) -> str:
    return "".join(f"{said}\n" for said in re.findall(r"^print\(.*\)  # (.+)$", text, re.MULTILINE))


def _commands(block: Block) -> Iterator[tuple[str, str]]:
    """Every command of the block with what is shown of its output."""
    if block.language == "sh":
        yield from ((line, "") for line in block.text.replace("\\\n", " ").splitlines() if line)
    else:
        first, *shown = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert first == "", "a console block begins with $"
        yield from ((text.partition("\n")[0], text.partition("\n")[2]) for text in shown)


def _run(where: str, command: str, expected: str) -> None:
    words = shlex.split(command, comments=True)
    if words[0] != "microgradcnn":
        assert re.match(NOT_OURS, command), f"{where}: what is {command!r}?"
        return
    start = " ".join(words[:3])
    if " ".join(words[:2]) in ELSEWHERE:
        return
    done = run(*words[1:], *SHORTER.get(start, []))
    assert done.code == (1 if "# exit code 1" in command else 0), f"{where}: {command}\n{done.err}"
    _check(f"{where}: {command}", done.out, expected)


def _check(where: str, printed: str, expected: str) -> None:
    same = SHOWN.check_output(expected.rstrip() + "\n", printed.rstrip() + "\n", doctest.ELLIPSIS)
    assert not expected or same, f"{where} prints\n{printed}\nnot\n{expected}"


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """Every link to a file or a place: as it is written, the file, and the place in it, "" for the whole."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for written in re.findall(r"\]\(([^)\s]+)\)", text):
        if not re.match(r"https?://", written):
            name, _, place = written.partition("#")
            yield written, Path(os.path.normpath(page.parent / name)) if name else page, place


def places(page: Path) -> set[str]:
    """What a link to a heading of the page may say after #, as GitHub makes it of the heading."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
