"""A page as the output of a notebook's cell: a frame over its picture; one script and one style for all pages.

A frame is sandboxed, and sees neither the notebook nor other frames; what it needs is packed in it. Of a neuron that is
10 KB, and what all pages share 75 KB: only the first picture of a notebook has that, others ask the frames beside them.
"""

from __future__ import annotations

import base64
import gzip
import sys
from hashlib import sha256
from html import escape
from typing import Any

from microgradcnn.views.drawing.scene import Drawing
from microgradcnn.views.drawing.svg import image
from microgradcnn.views.pages.assets import asset, style
from microgradcnn.views.pages.page import script

# The frame lies on the picture, which shows through where no script runs, and alone where frames are taken out.
_STYLE = """.microgradcnn-page{display:grid;align-items:start}.microgradcnn-page>*{grid-area:1/1}
.microgradcnn-page>img:not(:last-child){max-width:100%;max-height:var(--high)}"""
_FRAME = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ margin: 0; font: 16px/1.45 system-ui, sans-serif }}
svg {{ max-width: 100%; height: auto }}
</style>
</head>
<body data-key="{key}">
<script type="text/plain" id="own">{own}</script>
<script type="text/plain" id="shared">{shared}</script>
<script type="module">
{script}
</script>
</body>
</html>
"""
SCRIPTS = ("notebook/frame",)
_carriers: dict[Any, str] = {}  # of every session of a notebook the cell whose pictures have the script


def embedded(page: str, drawing: Drawing, carrying: bool) -> str:
    """A page of a drawing as HTML for a notebook, with what all pages share if it is `carrying` that."""
    styles, scripts = style("graph/page.css"), script()
    before, found, after = page.partition(styles)
    start, also_found, end = after.rpartition(scripts)
    assert found and also_found  # noqa: PT018  pages have them as they are here
    shared = f"<style>{styles}</style><script>{scripts}</script>"
    text = _FRAME.format(
        title=escape(drawing.title),
        key=sha256(shared.encode()).hexdigest()[:12],
        own=_packed(before + start + end),
        shared=_packed(shared) if carrying else "",
        script="\n".join(asset(f"{name}.js") for name in SCRIPTS),
    )
    high = min(900, max(560, round(1.2 * drawing.layout.size[1]) + 180))
    frame = (
        f'<iframe sandbox="allow-scripts" title="{escape(drawing.title)}" '
        f'style="width:100%;height:{high}px;border:0" srcdoc="{escape(text)}"></iframe>'
    )
    picture = f'<div class="microgradcnn-page" style="--high:{high}px">{image(drawing)}{frame}</div>'
    return f"<style>{_STYLE}</style>{picture}"


def carries() -> bool:
    """Whether a picture that is shown now is to have the script: the first one of a notebook, and those in its cell.

    Run again, that cell has it again. Where outputs do not see each other, as in Colab, or nobody knows of cells, every
    picture has it. A frontend that tells no cells apart, such as nbconvert, runs each once: they differ by their text.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)()
    if not parent or "google.colab" in sys.modules:
        return True
    session = parent.get("header", {}).get("session")
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    return _carriers.setdefault(session, cell) == cell


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()
