"""The folder that a course's pages go into: what an earlier run wrote there is taken away, and nobody else's is."""

from __future__ import annotations

import re
from pathlib import Path

from microgradcnn.files import FileError, write_whole
from microgradcnn.lesson.pages import INDEX, files_in

KEYS = ("key-*.html", "key-*.json", "key-*.tex", "*_graph.html")  # what a student's edition never has
_OURS = re.compile(r"[\w-]+\.(?:html|json|txt)")  # what a page may be called; never a path


def check_folder(folder: Path, student: bool) -> None:
    """Raise FileError for a folder with an index.html that is not a course's, or with keys beside students' pages.

    Keys that the run is to take away, as an earlier one wrote them, are no obstacle.
    """
    index = folder / INDEX
    written = _written(folder)
    if index.exists() and written is None:
        raise FileError(f"{index} is no index of a course that lists its files: give another folder, as in --out pages")
    keys = sorted(path.name for kind in KEYS for path in folder.glob(kind) if path.name not in (written or ()))
    if student and keys:
        raise FileError(f"{folder} holds {keys[0]}, which is not for students: give another folder, as in --out pages")


def write_pages(folder: Path, pages: dict[str, str]) -> None:
    """Write a course's files by their names, those with a key for their owner alone, in place of an earlier run's.

    The index comes first: it lists the others, so that they are known if the writing is cut short.
    Raises FileError where one cannot be written, or an old one not be removed.
    """
    for name in _written(folder) or []:
        if name not in pages:
            _remove(folder / name)
    for name in sorted(pages, key=lambda name: name != INDEX):
        write_whole(folder / name, pages[name].encode(), private=name.startswith("key-"))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{path} cannot be removed: {error.strerror or error}") from None


def _written(folder: Path) -> list[str] | None:
    """The files that the index in a folder lists, without it; None if there is no index, or one that lists none."""
    try:
        listed = files_in((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None
    return None if listed is None else [name for name in listed if _OURS.fullmatch(name) and name != INDEX]
