"""draw: a picture of a graph, as SVG, PNG, PDF, DOT or LaTeX, a film of both passes or a page.

>>> import microgradcnn as mg
>>> x = mg.Value(3.0, label="x")
>>> mg.draw(x * x)
<Picture of the graph of t₁: 2 nodes, 1 of them leaves, from left to right up to t₁, which is 9.>
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.engine.arguments import check_value
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.extras import require
from microgradcnn.files import check_folder_of, write_whole
from microgradcnn.nn.module import Module
from microgradcnn.views.drawing import dot as graphviz
from microgradcnn.views.drawing import svg as vector
from microgradcnn.views.drawing.scene import Drawing, drawn
from microgradcnn.views.drawing.structure.namespace import Meaning, meaning, notebook_namespace
from microgradcnn.views.drawing.structure.neurons import neurons
from microgradcnn.views.formulas import notation
from microgradcnn.views.pages.exports.animation import gif, mp4
from microgradcnn.views.pages.exports.film import film
from microgradcnn.views.pages.exports.tikz import tikz
from microgradcnn.views.pages.exports.typst import pdf
from microgradcnn.views.pages.notebook import embedded
from microgradcnn.views.pages.page import page
from microgradcnn.views.pages.page_level import Level

SHARP = 2.0  # pixels of a PNG for one of the picture
FILMS = ("gif", "mp4")
FORMATS = {f".{name}": name for name in ("svg", "html", "dot", "png", "pdf", *FILMS)} | {".tex": "latex"}


class Picture:
    """The graph of `f` as it was when it was drawn. In a notebook it shows itself."""

    def __init__(self, f: Value, drawing: Drawing, wrt: Sequence[Value] = (), meant: Meaning | None = None) -> None:
        self.f, self.drawing, self.wrt, self.meant = f, drawing, wrt, meant or Meaning()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "meant" not in state:  # pickled when a page did not open groups: drawn anew
            state |= {"meant": Meaning(), "drawing": drawn(state["f"])}
        self.__dict__.update(state)

    @property
    def groups(self) -> list[str]:
        """The names of the groups that can be collapsed and opened."""
        return [group.name for group in self.drawing.groups]

    def svg(self, prefix: str = "") -> str:
        """The picture as an <svg> element, whose ids start with `prefix`."""
        return vector.svg(self.drawing.in_rows, prefix)

    def dot(self) -> str:
        """The graph in DOT, for Graphviz."""
        return graphviz.dot(self.drawing)

    def html(self) -> str:
        """A page that steps through the graph, derives its gradients, and computes them anew from changed numbers."""
        with self.meant.labelled():
            return page(self.f, self.drawing, self.wrt, self.meant.owners)

    def png(self) -> bytes:
        """The picture as PNG, two pixels for one. Raises MissingExtra without the extra `png`."""
        resvg = require("resvg_py", "png", package="resvg-py", needed_by="a picture as PNG")
        families = {"sans_serif_family": "DejaVu Sans", "serif_family": "DejaVu Serif"}  # where Arial and Times are not
        narrow = "text { font-stretch: condensed }"  # those are wider, and have narrow letters
        return bytes(resvg.svg_to_bytes(svg_string=self.svg(), zoom=SHARP, style_sheet=narrow, **families))

    def pdf(self) -> bytes:
        """The picture as PDF, to be enlarged at will. Raises MissingExtra without the extra `pdf`."""
        return pdf(self.drawing.in_rows)

    def latex(self) -> str:
        """The picture in TikZ, a document for pdflatex. Raises ValueError if it is too large for that."""
        return tikz(self._level(self.drawing.in_rows))

    def gif(self, progress: bool = False) -> bytes:
        """A film of both passes, a step a picture. Raises ValueError if it has too many, MissingExtra as `save`."""
        return gif(film(self._level()), progress)

    def mp4(self, progress: bool = False) -> bytes:
        """The same film in H.264, by ffmpeg, which has to be installed."""
        return mp4(film(self._level()), progress)

    def save(self, path: str | Path, progress: bool = False) -> Path:
        """Write the picture into a file, as its suffix says, one of FORMATS; gives the path.

        `progress` shows on a terminal how much of a film is drawn, which takes seconds. A file is written whole or not.
        Raises ValueError for another suffix, a film with too many steps or a graph too large for LaTeX, FileError where
        that is refused, MissingExtra for .png, .pdf, .gif and .mp4 without the extras `png`, `pdf` or `animation`, and
        for .mp4 without the program ffmpeg.
        """
        path = Path(path)
        name = FORMATS.get(path.suffix.lower())
        if name is None:
            raise ValueError(f"a picture is saved as {', '.join(FORMATS)}: {path.name!r} has none of these suffixes")
        check_folder_of(path)
        content: str | bytes = getattr(self, name)(**{"progress": progress} if name in FILMS else {})
        write_whole(path, content.encode() if isinstance(content, str) else content)
        return path

    def _level(self, drawing: Drawing | None = None) -> Level:
        """What is drawn, with its formulas and what every edge sends back."""
        with self.meant.labelled():
            return Level("", self.f, drawing or self.drawing, [v for v in topological(self.f) if v.op is None])

    def _repr_html_(self) -> str:
        return embedded(self.html(), self.drawing.in_rows)

    def __repr__(self) -> str:
        return f"<Picture of the graph of {notation.text(self.drawing.root)}: {self.drawing.about}>"


def draw(
    f: Value | Callable[..., Any],
    /,
    *example: Any,
    groups: Mapping[str, Iterable[Value]] | None = None,
    collapse: Iterable[str] | bool | None = None,
    open: Iterable[str] | bool | None = None,
    wrt: Sequence[Value] = (),
    names: Mapping[str, Any] | bool | None = None,
) -> Picture:
    """Draw the graph of f from left to right, with the values, gradients and local derivatives of this moment.

    `draw(model, example)` draws what a model computes for an example: arrays or Values, as its call takes them. Groups
    are drawn as one box if they are named in `collapse`, or above 500 nodes; those in `open` are not; True names all.
    They are found from labels (a_1 with its unlabelled terms is a group, z_1 to z_4 are the group z), from the layers
    and objects that hold the parameters and from loops over time (above 30 nodes collapsed), or given:
    `groups={"layer": [z_1, z_2]}`. `names=locals()` calls what has no label as the variables do; in a notebook these
    are its own variables, unless `names` is False. On the page gradient descent moves the leaves `wrt`; if none are
    named, those not called x, y, p or lambda. Raises TypeError for what is no Value and for a file's name, which is for
    `save`; ValueError for an unknown group or leaf.
    """
    namespace = dict(names) if isinstance(names, Mapping) else notebook_namespace() if names in (None, True) else {}
    chosen: dict[str, Any] = {"groups": groups, "collapse": collapse, "open": open, "wrt": wrt}
    if example and callable(f) and not isinstance(f, Value):
        namespace, root = _computed(f, example, namespace)
    else:
        root = f
        if example and isinstance(example[0], str | PathLike):
            raise TypeError(f"draw makes a picture and takes no file: mg.draw(f).save({str(example[0])!r}) writes it")
        chosen.update(zip(chosen, example, strict=False))  # in this order they need no names
    check_value(root, "draw takes a Value", "mg.draw({})")
    return _drawn(root, namespace, **chosen)


def _drawn(
    f: Value,
    namespace: Mapping[str, Any],
    groups: Mapping[str, Iterable[Value]] | None,
    collapse: Iterable[str] | bool | None,
    open: Iterable[str] | bool | None,
    wrt: Sequence[Value],
) -> Picture:
    nodes = topological(f)
    strangers = [v for v in wrt if v.op is not None or v not in nodes]
    if strangers:
        raise ValueError(f"{strangers[0].describe()} is no leaf of {f.describe()}: descent moves its leaves")
    meant = meaning(namespace, nodes)
    meant.owners |= neurons(nodes, meant.owners)
    with meant.labelled():
        return Picture(f, drawn(f, groups, collapse, open, meant.owners), wrt, meant)


def _computed(
    model: Callable[..., Any], example: Sequence[Any], namespace: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Any]:
    """The namespace with the model, its inputs and its output, and its first output."""
    whole = isinstance(model, Module)
    inputs = [_as_values(x, whole) for x in example]
    output = model(*inputs)
    while isinstance(output, list | tuple) and output:  # a recurrent layer also gives its last state
        output = output[0]
    called = {"model": model, "x": inputs[0] if len(inputs) == 1 else inputs, "output": output}
    return {**called, **namespace}, output


def _as_values(x: Any, whole: bool) -> Any:
    """Real numbers as leaves, an array as one; those in a list one by one, unless a Module takes numbers as a whole."""
    if isinstance(x, Value):
        return x
    if isinstance(x, list | tuple) and (not whole or any(isinstance(each, Value) for each in x)):
        return [_as_values(each, whole) for each in x]
    array = np.asarray(x)
    return Value(array if array.shape else float(array)) if array.dtype.kind == "f" or not whole else x
