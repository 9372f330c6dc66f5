"""Pictures set by Typst, a page each, as PDF or as PNGs: their text is in fonts that it brings and embeds."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from microgradcnn.extras import require
from microgradcnn.training.progress import bar
from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.drawing.svg import svg

BATCH = 6  # pictures of a film that Typst draws at once: it lets other threads run, and finds its fonts each time

# Words come in as data, so that none is read as Typst's own.
_DOCUMENT = """#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt)
"""
_PAGE = '#page[#image("{}.svg", alt: sys.inputs.about)]\n'


def pdf(drawing: Drawing) -> bytes:
    """A page of the picture's size, with its title and what it shows in words. Raises MissingExtra without `pdf`."""
    words = {"title": drawing.title, "about": f"{drawing.title}: {drawing.about}"}
    typst = require("typst", "pdf", package="typst", needed_by="a picture as PDF")
    return bytes(_compiled(typst, [svg(drawing)], format="pdf", sys_inputs=words))


def pngs(pictures: Sequence[str], sharp: float, progress: bool = False) -> Generator[bytes, None, None]:
    """Pictures in SVG as PNGs with `sharp` pixels for one of theirs, as soon as each is drawn, on all cores.

    `progress` shows on a terminal how far it is. Raises MissingExtra without the extra `animation`.
    """
    typst = require("typst", "animation", package="typst", needed_by="a film")
    words = {"title": "", "about": ""}
    batches = [pictures[i : i + BATCH] for i in range(0, len(pictures), BATCH)]

    def draw(batch: Sequence[str]) -> Sequence[bytes]:
        found = _compiled(typst, batch, format="png", ppi=96 * sharp, sys_inputs=words)
        return [found] if isinstance(found, bytes) else found

    def in_order() -> Generator[bytes, None, None]:
        threads = ThreadPoolExecutor(os.cpu_count())
        try:
            drawn = [threads.submit(draw, batch) for batch in batches]
            with closing(bar(len(pictures), progress, str, unit="picture")) as numbers:
                for i in numbers:
                    yield drawn[i // BATCH].result()[i % BATCH]
        finally:
            threads.shutdown(cancel_futures=True)

    return in_order()


def _compiled(typst: Any, pictures: Sequence[str], **settings: Any) -> Any:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for i, picture in enumerate(pictures):
            (folder / f"{i}.svg").write_bytes(picture.encode("utf-8", "replace"))
        document = folder / "pictures.typ"
        document.write_text(_DOCUMENT + "".join(map(_PAGE.format, range(len(pictures)))), encoding="utf-8")
        return typst.compile(str(document), **settings)
