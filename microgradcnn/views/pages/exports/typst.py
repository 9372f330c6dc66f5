"""Pictures set by Typst, as PDF or as PNGs: their text is in fonts that it brings and embeds."""

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

# Words come in as data, so that none is read as Typst's own.
_DOCUMENT = """#set document(title: sys.inputs.title, date: none)
#set page(width: auto, height: auto, margin: 0pt)
#image("picture.svg", alt: sys.inputs.about)
"""


def pdf(drawing: Drawing) -> bytes:
    """A page of the picture's size, with its title and what it shows in words. Raises MissingExtra without `pdf`."""
    words = {"title": drawing.title, "about": f"{drawing.title}: {drawing.about}"}
    typst = require("typst", "pdf", package="typst", needed_by="a picture as PDF")
    return bytes(_compiled(typst, svg(drawing), format="pdf", sys_inputs=words))


def pngs(pictures: Sequence[str], sharp: float, progress: bool = False) -> Generator[bytes, None, None]:
    """Pictures in SVG as PNGs with `sharp` pixels for one of theirs, as soon as each is drawn, on all cores.

    `progress` shows on a terminal how far it is. Raises MissingExtra without the extra `animation`.
    """
    typst = require("typst", "animation", package="typst", needed_by="a film")
    words, fonts = {"title": "", "about": ""}, typst.Fonts()  # found once, for all

    def draw(picture: str) -> bytes:  # one at a time: Typst keeps what it drew in its last ten calls
        return bytes(_compiled(typst, picture, format="png", ppi=96 * sharp, sys_inputs=words, font_paths=fonts))

    def in_order() -> Generator[bytes, None, None]:
        threads = ThreadPoolExecutor(os.cpu_count())
        try:
            drawn = [threads.submit(draw, picture) for picture in pictures]
            with closing(bar(len(pictures), progress, str, unit="picture")) as numbers:
                for i in numbers:
                    yield drawn[i].result()
        finally:
            threads.shutdown(cancel_futures=True)

    return in_order()


def _compiled(typst: Any, picture: str, **settings: Any) -> Any:
    with TemporaryDirectory() as name:
        document = Path(name) / "page.typ"
        document.with_name("picture.svg").write_bytes(picture.encode("utf-8", "replace"))
        document.write_text(_DOCUMENT, encoding="utf-8")
        return typst.compile(str(document), **settings)
