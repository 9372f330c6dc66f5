"""Pictures set by Typst, a page each, as PDF or as PNGs: their text is in fonts that it brings and embeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from microgradcnn.extras import require
from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.drawing.svg import svg

# Words come in as data, so that none is read as Typst's own.
_DOCUMENT = """#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt)
"""
_PAGE = '#page[#image("{}.svg", alt: sys.inputs.about)]\n'


def pdf(drawing: Drawing) -> bytes:
    """A page of the picture's size, with its title and what it shows in words. Raises MissingExtra without `pdf`."""
    words = {"title": drawing.title, "about": f"{drawing.title}: {drawing.about}"}
    return bytes(_compiled([svg(drawing)], "pdf", "a picture as PDF", sys_inputs=words))


def pngs(pictures: Sequence[str], sharp: float) -> list[bytes]:
    """Pictures in SVG as PNGs with `sharp` pixels for one of theirs. Raises MissingExtra without `animation`."""
    words = {"title": "", "about": ""}
    found = _compiled(pictures, "animation", "a film", format="png", ppi=96 * sharp, sys_inputs=words)
    return [found] if isinstance(found, bytes) else list(found)


def _compiled(pictures: Sequence[str], extra: str, needed_by: str, **settings: Any) -> Any:
    typst = require("typst", extra, package="typst", needed_by=needed_by)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for i, picture in enumerate(pictures):
            (folder / f"{i}.svg").write_bytes(picture.encode("utf-8", "replace"))
        document = folder / "pictures.typ"
        document.write_text(_DOCUMENT + "".join(map(_PAGE.format, range(len(pictures)))), encoding="utf-8")
        return typst.compile(str(document), **settings)
