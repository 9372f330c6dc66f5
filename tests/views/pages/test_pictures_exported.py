"""Pictures as files of other programs: a film of both passes, step by step, PDF, and LaTeX that compiles."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from conftest import needs_pdflatex

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.cli import main
from microgradcnn.extras import MissingExtra
from microgradcnn.networks import NETWORKS
from microgradcnn.views.pages.exports import animation, tikz, typst
from microgradcnn.views.pages.exports.film import MOST, WIDEST, film
from microgradcnn.views.pages.picture import FORMATS, Picture, draw

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = 'a_1 <b>&"$x^2$ \\end{document} %#~{ŷ∑漢\ud800'


def neuron(label: str = "w") -> Value:
    """f = (σ(wx) − 1)², with w twice: f + w."""
    w, x = Value(0.5, label=label), Value(2.0, label="x")
    a = w * x
    a.label = "a"
    f = (a.sigmoid() - 1.0) ** 2 + w
    f.label = "f"
    return f


def arrays() -> Value:
    w, x = Value(np.array([[1.0, -2.0, 0.5]]), label="W"), Value(np.ones((3, 2)), label=HOSTILE)
    f = (w @ x).tanh().square().sum()
    f.backward()
    return f


def network() -> Value:
    example = NETWORKS["two_conv_linear"](seed=0).example([0, 1, 0, 0, 1, 0, 0, 1, 0], y=1.0)
    example.loss.backward()
    return example.loss


PICTURES: dict[str, Callable[[], Picture]] = {
    "neuron": lambda: draw(neuron()),
    "hostile": lambda: draw(neuron(HOSTILE)),
    "arrays": lambda: draw(arrays()),
    "collapsed": lambda: draw(network(), collapse=True),
    "leaf": lambda: draw(Value(1.0, label="x")),
}


def frames(picture: Picture) -> list[ElementTree.Element]:
    return [ElementTree.fromstring(frame) for frame in film(picture._level())]


def texts(root: ElementTree.Element, name: str) -> list[str]:
    return ["".join(e.itertext()) for e in root.iter(f"{SVG}text") if name in e.get("class", "").split()]


def captions(picture: Picture) -> list[str]:
    return [texts(frame, "name")[-1] for frame in frames(picture)]


def count(root: ElementTree.Element, *names: str) -> int:
    return sum({*names} <= {*e.get("class", "").split()} for e in root.iter(f"{SVG}g"))


def test_a_film_goes_forward_box_by_box_and_backward_edge_by_edge() -> None:
    f = neuron()
    picture = draw(f)
    shown = frames(picture)
    computed = [box for box in picture.drawing.boxes if not box.leaf]
    assert len(shown) == 1 + len(computed) + 1 + len(picture.drawing.edges) + 1
    assert [count(frame, "later", "node") for frame in shown[: len(computed) + 1]] == [*range(len(computed), -1, -1)]
    assert all(count(frame, "later") == 0 for frame in shown[len(computed) :])
    assert [count(frame, "lit", "edge") for frame in shown[len(computed) + 2 : -1]] == [1] * len(picture.drawing.edges)
    assert count(shown[0], "lit") == count(shown[-1], "lit") == 0
    assert not any(texts(shown[0], "local"))  # an arrow has its derivative once both its ends have values
    f.backward()
    last = ElementTree.fromstring(draw(f).svg())
    for kind in ("value", "gradient", "local"):
        assert texts(shown[-1], kind) == texts(last, kind)


def test_captions_have_the_formulas_with_their_numbers() -> None:
    said = captions(draw(neuron()))
    assert "a = wx = 0.5·2 = 1" in said
    assert "df/df = 1" in said
    assert "df/dw += (df/da)(da/dw) = −0.1058·2 = −0.2115  →  0.7885" in said  # 1 came along f = … + w
    assert "t₁ = tanh(" not in "".join(said)
    over_arrays = captions(draw(arrays()))
    assert any(caption.startswith("dt4/dW += (dt4/dt1)") for caption in over_arrays)
    one = mg.log_softmax(Value(np.array([0.5, -1.0]), label="x"))[0]  # what it sends has no formula
    assert re.search(r"^dt2/dx \+= −?0\.\d+ … 0\.\d+$", captions(draw(one))[-2])


def test_a_group_with_many_results_shows_what_was_recorded() -> None:
    picture = PICTURES["collapsed"]()
    shown = frames(picture)
    assert texts(shown[-1], "gradient") == [box.gradient for box in picture.drawing.boxes]
    assert texts(shown[0], "gradient") == [""] * len(picture.drawing.boxes)
    before = draw(NETWORKS["single_layer"](seed=0).example([1.0, 2.0], y=1.0).loss, collapse=True)
    assert "gradient" not in "".join(captions(before))  # nobody has called backward


def test_of_a_wide_picture_a_film_shows_what_is_around_the_step() -> None:
    wide = Value(0.5, label="x")
    for _ in range(12):
        wide = wide.tanh()
    picture = draw(wide)
    assert picture.drawing.layout.size[0] > WIDEST
    shown = frames(picture)
    assert {(frame.get("width"), frame.get("height")) for frame in shown} == {(f"{WIDEST:.0f}", shown[0].get("height"))}
    seen = [[float(x) for x in frame.find(f"{SVG}svg").get("viewBox").split()] for frame in shown]  # type: ignore[union-attr]
    starts = [start for start, _, across, _ in seen if across == WIDEST]
    forward = starts[:12]
    assert forward == sorted(forward)
    assert (forward[0], forward[-1] > 0.0) == (0.0, True)
    assert seen[0] == seen[-1]
    assert seen[0][2] > picture.drawing.layout.size[0]  # the whole, at the start and at the end


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_every_kind_of_graph_is_written(make: Callable[[], Picture], tmp_path: Path) -> None:
    picture = make()
    pdf = picture.save(tmp_path / "f.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile" in pdf  # text, in fonts that are embedded
    widths = [int(wide) for wide in re.findall(rb"/Width (\d+)", pdf)]
    maps = sum(grid is not None for box in picture.drawing.boxes for grid in box.maps or ())
    assert len(widths) == len(re.findall(rb"/Subtype ?/Image", pdf)) <= maps  # images are heat maps, and nothing else
    assert max(widths, default=0) <= 100
    assert picture.latex().count(r"\draw[") >= len(picture.drawing.boxes) + len(picture.drawing.edges)
    assert len(frames(picture)) >= 2
    assert picture.pdf() == picture.pdf()


def test_a_gif_shows_every_step_and_the_last_one_longer() -> None:
    from PIL import Image

    picture = draw(Value(2.0, label="x") * 3.0)
    shown = Image.open(io.BytesIO(picture.gif()))
    assert (shown.format, shown.n_frames, shown.info["loop"]) == ("GIF", len(film(picture._level())), 0)
    seconds = []
    for i in range(shown.n_frames):
        shown.seek(i)
        seconds.append(shown.info["duration"] / 1000)
    assert seconds == [animation.SECONDS] * (shown.n_frames - 1) + [animation.LAST]
    shown.seek(1)
    reds = [colour for _, colour in shown.convert("RGB").getcolors(2**24) if colour[0] > 200 and colour[2] < 20]
    assert reds  # what is marked


@pytest.mark.slow
def test_an_mp4_is_written_by_ffmpeg_or_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = draw(Value(2.0, label="x") * 3.0)
    if shutil.which("ffmpeg") is not None:
        assert picture.save(tmp_path / "f.mp4").read_bytes()[4:8] == b"ftyp"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtra, match=r"needs the program ffmpeg.*apt install ffmpeg.*or save the film as \.gif"):
        picture.save(tmp_path / "g.mp4")


@pytest.mark.parametrize("suffix", ["gif", pytest.param("mp4", marks=pytest.mark.slow)])
def test_a_film_shows_how_far_it_is_and_leaves_nothing_half_done(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    if suffix == "mp4" and shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    picture = draw(Value(2.0, label="x") * 3.0)
    picture.save(tmp_path / f"f.{suffix}", progress=True)
    assert isinstance(sys.stderr, Terminal)
    assert f"/{len(film(picture._level()))} [" in sys.stderr.getvalue()

    def interrupted(pictures: list[str], sharp: float, progress: bool) -> Iterator[bytes]:
        yield from typst.pngs(pictures[:1], sharp, progress)
        raise KeyboardInterrupt

    monkeypatch.setattr(animation, "pngs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        picture.save(tmp_path / f"g.{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"f.{suffix}"]


def test_a_film_is_drawn_one_picture_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typst keeps what it drew in its last ten calls: ten pictures, be the film as long as it may."""
    calls = list[tuple[int, object]]()

    class Typst:
        Fonts = object

        @staticmethod
        def compile(document: str, font_paths: object, **settings: object) -> bytes:
            calls.append((Path(document).read_text(encoding="utf-8").count("#image("), font_paths))
            return b""

    monkeypatch.setitem(sys.modules, "typst", Typst)  # type: ignore[arg-type]
    assert len([*typst.pngs(film(draw(neuron())._level()), 1.0)]) == len(calls) > 10
    assert calls == [(1, calls[0][1])] * len(calls)


def test_what_is_missing_or_too_large_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = Value(0.5, label="x")
    for _ in range(MOST // 2):
        chain = chain.tanh()
    with pytest.raises(ValueError, match=r"a film of 203 steps is too long, 200 are the most: collapse groups"):
        draw(chain).gif()
    with pytest.raises(ValueError, match=rf"of {tikz.MOST} boxes .* this one has 101 boxes; collapse groups"):
        draw(chain).latex()
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match=r"a GIF needs Pillow, .*microgradcnn\[animation\]"):
        draw(neuron()).gif()
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(MissingExtra, match=r"PDF needs typst, .*microgradcnn\[pdf\]"):
        draw(neuron()).pdf()
    with pytest.raises(MissingExtra, match=r"a film needs typst, .*microgradcnn\[animation\]"):
        animation.pngs([], 1.0)


def test_the_command_lists_what_it_can_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["graph", "--help"]) == 0
    told = capsys.readouterr().out
    assert [suffix for suffix in FORMATS if suffix not in told] == []
    assert main(["graph", "w*x", "--at", "w=2,x=3", "-o", str(tmp_path / "f.tex")]) == 0
    assert "= w x$" in (tmp_path / "f.tex").read_text(encoding="utf-8")


def test_in_latex_a_heading_is_a_line_and_every_sign_is_written() -> None:
    x = Value(np.array([0.5, -1.0]), label="x")
    tex = draw(mg.where(x > 0.0, x, 0.1 * x).sum()).latex()
    assert r"\begin{cases}" not in tex
    assert " if " in tex
    with np.errstate(all="ignore"):
        f = mg.log(Value(0.0, label="x"))
        f.backward()
    tex = draw(f).latex()
    assert r"$-$$\infty$" in tex
    assert "U+" not in tex


@pytest.mark.slow
@needs_pdflatex
@pytest.mark.parametrize("name", ["hostile", "arrays", "collapsed"])
def test_pdflatex_sets_the_picture_on_one_page(name: str, tmp_path: Path) -> None:
    PICTURES[name]().save(tmp_path / "f.tex")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "f.tex"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    if "tikz.sty' not found" in run.stdout:
        pytest.skip("TikZ is not installed")
    assert run.returncode == 0, run.stdout[-3000:]
    assert re.search(r"Output written on f\.pdf \(1 page", run.stdout)
    assert "Missing character" not in run.stdout
