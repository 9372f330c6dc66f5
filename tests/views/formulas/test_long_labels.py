"""Labels of a hundred thousand characters: cut where they are shown, whole in the graph, and no work without end.

Work is counted in calls, of functions in Python and in C, so that no clock decides.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from command_line import one_sentence, run, strict
from many_cases import slow_but

import microgradcnn as mg

LENGTH = 100_000
CALLS = 2_000_000  # twenty for each character, ten times what a short label takes
LABELS = {
    "letters": "a" * LENGTH,
    "subscripts": "a_" * (LENGTH // 2) + "b",
    "indices": "w_" + "1," * (LENGTH // 2) + "1",
    "digits": "w" + "1" * LENGTH,
    "words": "of the layer " * (LENGTH // 13),
    "Greek": "λ" * LENGTH,
    "wide": "図" * LENGTH,
    "accents": "é" * LENGTH,
    "markup": "<&>" * (LENGTH // 3),
    "LaTeX": "\\frac{1}{2}" * (LENGTH // 11),
    "brackets": "(" * LENGTH,
    "dots": "a." * (LENGTH // 2) + "weight",
    "spaces": " " * LENGTH + "a",
}
every_label = pytest.mark.parametrize("kind", slow_but("words", "markup", among=LABELS))


class TooManyCallsError(AssertionError):
    """What is measured has made more calls than it may."""


def counted(act: Callable[[], Any], most: int = CALLS) -> Any:
    """What a function gives; it is stopped after so many calls."""
    calls = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > most:
            sys.setprofile(None)
            raise TooManyCallsError(f"more than {most} calls")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        return act()
    finally:
        sys.setprofile(before)


def graph(label: str) -> tuple[mg.Value, mg.Value]:
    """A neuron whose weight, whose sum and whose output have a long label; and the weight."""
    w, x = mg.Value(0.5, label=label), mg.Value(2.0, label="x")
    total = w * x + mg.Value(1.0, label=label + "b")
    total.label = label + "z"
    f = (total.sigmoid() - 1.0) ** 2
    f.label = label + "f"
    f.backward()
    return f, w


VIEWS: dict[str, tuple[Callable[[mg.Value, mg.Value], str], str]] = {
    "draw as svg": (lambda f, w: mg.draw(f).svg(), "…"),
    "draw as dot": (lambda f, w: mg.draw(f).dot(), "…"),
    "draw collapsed": (lambda f, w: mg.draw(f, collapse=True).svg(), "…"),
    "page": (lambda f, w: mg.draw(f).html(), "…"),
    "explain": (lambda f, w: mg.explain(f, wrt=w).text(), "…"),
    "explain in LaTeX": (lambda f, w: mg.explain(f, wrt=w).latex(), r"…|\\l?dots"),
    "explain in MathML": (lambda f, w: mg.explain(f, wrt=w).mathml(), "…|&#8230;|&hellip;"),
    "ledger": (lambda f, w: str(mg.ledger(f)), "…"),
    "source": (lambda f, w: mg.compile(f, wrt=[w]).source, ""),
}


@pytest.mark.slow
@every_label
@pytest.mark.parametrize("view", VIEWS)
def test_what_is_shown_is_cut(view: str, kind: str) -> None:
    show, ellipsis = VIEWS[view]
    plain = show(*graph("w"))
    f, w = graph(LABELS[kind])
    shown = counted(lambda: show(f, w))
    assert len(shown) < len(plain) + 40_000
    assert re.search(ellipsis, shown)
    assert w.label == LABELS[kind]
    assert f.label == LABELS[kind] + "f"


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "draw collapsed"])
def test_a_short_label_is_not_cut(view: str) -> None:
    show, _ = VIEWS[view]
    shown = show(*graph("first_layer"))
    assert "…" not in shown or "…" in show(*graph("w"))  # the page's own words
    assert "layer" in shown


def test_labels_that_differ_at_their_ends_stay_apart() -> None:
    """Cut, they look alike; what is computed must not be mixed up."""
    one, two = (mg.Value(x, label="a" * LENGTH + end) for x, end in ((2.0, "1"), (5.0, "2")))
    f = one * one * two
    f.backward()
    assert counted(lambda: mg.draw(f).svg()).count("</svg>") == 1
    told = counted(lambda: mg.explain(f, wrt=[one, two]).text())
    assert "20" in told
    assert "✓" in told
    program = counted(lambda: mg.compile(f, wrt=[one, two]))
    loss, gradients = program()
    assert (loss, [float(g) for g in gradients]) == (20.0, [20.0, 4.0])
    namespace: dict[str, Any] = {}
    exec(program.source, namespace)
    assert len(program.source) < 20_000


def test_arrays_with_long_labels() -> None:
    S, x = mg.Value(np.full((3, 2), 0.5), label="S" * LENGTH), mg.Value(np.ones((4, 2)), label="x" * LENGTH)
    f = (x @ S.T).sigmoid().mean()
    f.backward()
    for show in (lambda: mg.draw(f).svg(), lambda: mg.explain(f, wrt=S).text(), lambda: str(mg.ledger(f))):
        shown = counted(show)
        assert len(shown) < 80_000
        assert "…" in shown


def test_many_long_labels() -> None:
    leaves = [mg.Value(float(i), label=f"{i}" + "ab" * 5_000) for i in range(40)]
    f = mg.stack(leaves).square().sum()
    f.backward()
    assert len(counted(lambda: mg.draw(f).svg(), 4_000_000)) < 600_000
    assert len(counted(lambda: str(mg.ledger(f)), 4_000_000)) < 45 * 45 * 100  # lines that name forty leaves


def test_messages_cut_them_too() -> None:
    w = mg.Value(np.ones(2), label="w" * LENGTH)
    for act in (
        lambda: mg.explain(w * 2.0, wrt=w),
        lambda: (w * 2.0).backward(),
        lambda: mg.optim.SGD([w, w], lr=0.1),
        lambda: mg.explain(mg.sum(w), wrt=mg.Value(1.0, label="q" * LENGTH)),
        lambda: mg.Value(1.0, label="v" * LENGTH) @ w,
    ):
        with pytest.raises((ValueError, TypeError)) as caught:
            counted(act)
        assert len(str(caught.value)) < 2_000


# The command line


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(
        "from microgradcnn import Value\n"
        f"label = 'ab' * {LENGTH // 2}\n"
        "f = (Value(2.0, label=label) * Value(3.0, label='w') + Value(1.0, label=label + 'c')).sigmoid()\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "own.py:f", "--wrt", "w"),
        ("explain", "own.py:f", "--wrt", "w", "--format", "latex"),
        ("explain", "own.py:f", "--wrt", "w", "--format", "mathml"),
        ("explain", "own.py:f", "--wrt", "ab" * (LENGTH // 2)),
        ("ledger", "own.py:f"),
        ("source", "own.py:f"),
        ("source", "own.py:f", "--backend", "numpy"),
        ("check", "own.py:f", "--wrt", "w", "--answer", "1"),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
@pytest.mark.usefixtures("own")
def test_a_command_prints_little(arguments: tuple[str, ...]) -> None:
    done = counted(lambda: run(*arguments))
    assert done.code in (0, 1), done.err[:300]
    assert len(done.out) + len(done.err) < 60_000
    if arguments[0] in ("explain", "ledger"):
        assert re.search(r"…|dots|8230", done.out)


@pytest.mark.slow
def test_files_are_small(own: Path) -> None:
    for suffix in ("svg", "dot", "html", "png"):
        assert counted(lambda suffix=suffix: run("graph", "own.py:f", "-o", f"new.{suffix}")).code == 0
    for suffix in ("txt", "tex"):
        assert counted(lambda s=suffix: run("explain", "own.py:f", "--wrt", "w", "--out", f"new.{s}")).code == 0
    assert counted(lambda: run("explain", "own.py:f", "--wrt", "w", "--out", "page.html")).code == 0
    sizes = {path.name: path.stat().st_size for path in own.glob("*.*")}
    assert {name: size for name, size in sizes.items() if size > 300_000} == {}


@pytest.mark.usefixtures("own")
def test_json_has_them_in_full() -> None:
    found = strict(counted(lambda: run("explain", "own.py:f", "--wrt", "w", "--json")).out)
    assert "ab" * (LENGTH // 2) in found["at"]


NAME = "ab" * (LENGTH // 2)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    "arguments",
    [
        ("explain", "x*y", "--wrt", NAME),
        ("explain", "own.py:f", "--wrt", NAME + "q"),
        ("explain", "x*y", "--wrt", "x", "--at", f"{NAME}=1"),
        ("explain", "x*y", "--wrt", "x", "--at", NAME),
        ("explain", "x*y", "--wrt", "x", "--through", NAME),
        ("explain", NAME + "(x)", "--wrt", "x"),
        ("explain", f"own.py:{NAME}", "--wrt", "x"),
        ("check", "x*y", "--wrt", "x", "--answer", NAME),
        ("graph", "x*y", "-o", "g.svg", "--collapse", NAME),
        ("graph", "x*y", "-o", NAME + ".svg"),
        ("train", NAME, "--data", "side"),
        ("train", "single_layer", "--data", NAME),
        ("train", "single_layer", "--data", NAME + ".csv"),
        ("train", "single_layer", "--data", "side", "--rate", NAME),
        ("train", "single_layer", "--data", "side", f"--{NAME}"),
        ("train", "conv_linear", "--data", "side", "--classes", f"left,{NAME}"),
        (NAME,),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_a_mistake_in_a_long_name_is_told_in_a_short_sentence(arguments: tuple[str, ...]) -> None:
    done = counted(lambda: run(*arguments))
    assert (done.code, done.out) == (2, "")
    assert one_sentence(done.err), done.err[:300]
    assert len(done.err) < 2_000
