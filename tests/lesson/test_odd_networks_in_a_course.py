"""Networks at the edge in a course: vanishing gradients, infinities, odd labels, nothing labelled, colliding names."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from command_line import one_sentence, run
from conftest import needs_chromium
from once import once

ODD = """import microgradcnn as mg
from microgradcnn import Value


def line(label="w", number=0.5):
    w, x, y = Value(number, label=label), Value(1.0, label="x"), Value(2.0, label="y")
    return (w * x - y) ** 2


def chain(depth=20):
    h = Value(1.0, label="x")
    for i in range(1, depth + 1):
        h = (Value(0.5, label=f"w_{i}") * h + Value(0.1, label=f"b_{i}")).tanh()
    return (h - Value(1.0, label="y")) ** 2


def element():
    return line("<img src=x onerror=throw>")


def ends():
    return line("</script><b>w")


def reserved():
    w, c, x, y = (Value(0.5, label=label) for label in ("function", "class", "x", "y"))
    return ((w * x + c).tanh() - y) ** 2


def greek():
    return line("θ")


def prime():
    return line("w'")


def long():
    return line("a_very_long_name_of_a_weight_that_does_not_fit_anywhere_at_all")


def unlabelled():
    return (Value(0.5) * Value(1.0) - Value(2.0)) ** 2


def least():
    return line("w", 2.0)


def alone():
    return (Value(1.0, label="w") - 3.0) ** 2


def infinite():
    w, x, y = Value(0.0, label="w"), Value(1.0, label="x"), Value(2.0, label="y")
    return (mg.log(w * x) - y) ** 2


def twice():
    return (Value(0.5, label="w") * Value(0.7, label="w") * Value(1.0, label="x") - Value(2.0, label="y")) ** 2


def line_graph():
    return line()
"""
FINE = ("element", "ends", "reserved", "greek", "prime", "long", "unlabelled", "least", "alone")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def write(here: Path) -> None:
        (here / "odd.py").write_text(ODD, encoding="utf-8")
        done = run("lesson", *(f"{here}/odd.py:{name}" for name in FINE), "--out", here / "out")
        assert done.code == 0, done.err

    return once(tmp_path_factory, "odd", write) / "out"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("odd.py").write_text(ODD, encoding="utf-8")
    return tmp_path


@needs_chromium
@pytest.mark.parametrize("name", FINE)
def test_a_page_with_odd_labels_opens(page: Any, folder: Path, name: str) -> None:
    """The page fixture fails on any error of a script; nothing is wider than a telephone."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto((folder / f"{name}.html").as_uri())
        assert page.locator("main").count() == 1
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.goto((folder / f"{name}_graph.html").as_uri())
    page.wait_for_function("() => globalThis.microgradcnn")
    page.keyboard.press("End")


@pytest.mark.slow
@pytest.mark.parametrize("name", FINE)
def test_every_sentence_of_a_page_is_whole(folder: Path, name: str) -> None:
    text = (folder / f"{name}.html").read_text(encoding="utf-8")
    text = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    told = html.unescape(re.sub(r"<[^>]+>", "", text))
    assert "One example: ." not in told
    assert not re.search(r"\b1 (inputs|weights|questions|rows)\b", told)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["gradcheck", "lesson"])
def test_gradients_that_vanish_are_not_called_wrong(here: Path, verb: str) -> None:
    """Through twenty tanh they are a millionth of the last, and right: no network of the kind may be accused."""
    done = run(verb, "odd.py:chain")
    assert "WRONG" not in done.out
    assert "a gradient is wrong" not in done.out
    assert done.code == 0


@pytest.mark.slow
def test_a_loss_that_is_infinite_is_told_by_the_networks_name(here: Path) -> None:
    done = run("lesson", "odd.py:infinite")
    assert done.code == 2
    assert "Warning" not in done.err
    assert one_sentence(done.err.splitlines()[-1] + "\n")
    assert "infinite" in done.err.splitlines()[-1].partition(":")[2]


@pytest.mark.parametrize(
    ("names", "says"),
    [(["twice"], "2 leaves labelled w"), (["line", "line_graph"], "cannot be called line_graph")],
    ids=["label", "page"],
)
def test_two_of_one_name_are_told(here: Path, names: list[str], says: str) -> None:
    done = run("lesson", *(f"odd.py:{name}" for name in names))
    assert done.code == 2
    assert one_sentence(done.err)
    assert says in done.err
    assert not Path("lesson").exists()
