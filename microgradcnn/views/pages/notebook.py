"""A page as the output of a notebook's cell: a frame over its picture; one script and one style for all like it.

A frame is sandboxed, and sees neither the notebook nor other frames; what it needs is packed in it. Of a neuron that is
10 KB, and what pages share 75 KB: only the first of them in a notebook has that, others ask the frames beside them.
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
from microgradcnn.views.pages.assets import asset
from microgradcnn.views.pages.page import SHARED

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
_carriers: dict[tuple[Any, str], Any] = {}  # of every session and script the cell whose pictures have it


def embedded(page: str, drawing: Drawing, carrying: bool | None = None) -> str:
    """A page of a drawing as HTML for a notebook, with what such pages share if it is `carrying` that.

    Unless that is said, the first picture of a notebook has it, and those in its cell.
    """
    head, styles, rest = _parted(page, "<style>", "</style>")
    start, scripts, end = _parted(rest, SHARED, "</script>")
    shared = f"<style>{styles}</style><script>{scripts}</script>"
    key = sha256(shared.encode("utf-8", "replace")).hexdigest()[:12]
    text = _FRAME.format(
        title=escape(drawing.title),
        key=key,
        own=_packed(head + start + end),
        shared=_packed(shared) if (_carries(key) if carrying is None else carrying) else "",
        script="\n".join(asset(f"{name}.js") for name in SCRIPTS),
    )
    high = min(900, max(560, round(1.2 * drawing.layout.size[1]) + 180))
    frame = (
        f'<iframe sandbox="allow-scripts" title="{escape(drawing.title)}" '
        f'style="width:100%;height:{high}px;border:0" srcdoc="{escape(text)}"></iframe>'
    )
    picture = f'<div class="microgradcnn-page" style="--high:{high}px">{image(drawing)}{frame}</div>'
    return f"<style>{_STYLE}</style>{picture}"


def _carries(key: str) -> bool:
    """Whether a picture that is shown now is to have the script of this key.

    The cell of the first one has it, also when it is run again. Where outputs do not see each other, as in Colab, or
    nobody knows of cells, every picture has it. A frontend that does not name its cells, such as nbconvert, runs each
    once: they differ by their text.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    parent: dict[str, Any] = getattr(shell, "get_parent", dict)()
    if not parent or "google.colab" in sys.modules:
        return True
    session = parent.get("header", {}).get("session")
    cell = parent.get("metadata", {}).get("cellId") or parent.get("content", {}).get("code")
    return bool(_carriers.setdefault((session, key), cell) == cell)


def _parted(text: str, start: str, end: str) -> tuple[str, str, str]:
    """What is before and with the first `start`, what is between it and the next `end`, and the rest."""
    at = text.index(start) + len(start)
    until = text.index(end, at)
    return text[:at], text[at:until], text[until:]


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()
