"""Derivations typeset by a real TeX: every one compiles, no line is too long, and no character is missing.

Many derivations share one document, in LaTeX's own article with its narrow lines.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs_pdflatex
from hypothesis import given, settings
from test_derivation import example, graphs, two_conv_average
from test_matrices import CASES, SECOND, weigh

import microgradcnn as mg
from microgradcnn import Value, networks
from microgradcnn.engine.gradient import topological
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.formulas.latex import words

pytestmark = [needs_pdflatex, pytest.mark.slow]

DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath,amssymb}
\showboxdepth=0 \showboxbreadth=0
\begin{document}
%s
\end{document}
"""


def complaints(bodies: Iterable[tuple[str, str]], folder: Path) -> list[str]:
    """What TeX says against named pieces of LaTeX, one page or more each."""
    pages = [f"\\typeout{{at {words(name)}}}\n{body}\n\\clearpage" for name, body in bodies]
    (folder / "page.tex").write_text(DOCUMENT % "\n".join(pages), encoding="ascii")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    log = (folder / "page.log").read_text(encoding="latin-1").splitlines()
    at, found = "", [] if run.returncode == 0 else ["no document"]
    for line in log:
        if line.startswith("at "):
            at = line
        elif line.startswith(("!", "Overfull", "Missing character", "LaTeX Warning", "LaTeX Font Warning")):
            found.append(f"{at}: {line}")
    return found


def clean(derivations: Iterable[tuple[str, Derivation]], folder: Path) -> None:
    assert complaints(((name, derivation.latex()) for name, derivation in derivations), folder) == []


OPTIONS: dict[str, dict[str, Any]] = {"sigmoid": {}, "relu, λ": {"activation": "relu", "regularise": 0.001}}


@pytest.mark.parametrize("options", OPTIONS)
def test_every_parameter_of_every_network(options: str, tmp_path: Path) -> None:
    examples = {name: example(name, **OPTIONS[options]) for name in networks.NETWORKS}
    told = [
        (f"{name} {label}", explain(ex.loss, parameter, written_out=True))
        for name, ex in examples.items()
        for label, parameter in ex.parameters.items()
    ]
    assert len(told) == 55
    clean(told, tmp_path)


def test_the_networks_over_arrays(tmp_path: Path) -> None:
    told, rng = [], np.random.default_rng(0)
    for name in networks.NETWORKS:
        for kind, options in OPTIONS.items():
            network = networks.NETWORKS[name](seed=1, **options)
            x, y = Value(rng.normal(size=(5, network.inputs)), label="X"), Value(rng.normal(size=5), label="y")
            told.append((f"{name} {kind}", explain(network.loss(x, y), [*network.parameters.values(), x])))
    clean(told, tmp_path)


def test_every_primitive_over_arrays(tmp_path: Path) -> None:
    told = [(name, explain(weigh(y), wrt)) for name, (y, wrt) in CASES.items()]
    second = {name: (weigh(mg.grad(weigh(y), [x])[0]), x) for name, (y, x) in SECOND.items()}
    clean([*told, *((f"second {name}", explain(g, x)) for name, (g, x) in second.items())], tmp_path)


def test_random_graphs(tmp_path: Path) -> None:
    drawn: list[tuple[Value, list[Value]]] = []

    @given(graphs())
    @settings(max_examples=80)
    def draw(graph: tuple[Value, list[Value]]) -> None:
        drawn.append(graph)

    draw()
    told = []
    for i, (f, leaves) in enumerate(drawn):
        used = [leaf for leaf in leaves if leaf in topological(f)]
        told.append((f"graph {i}", explain(f, used)))
    assert len(told) >= 80
    clean(told, tmp_path)


def test_more_than_the_lecture_has(tmp_path: Path) -> None:
    wide = networks.single_layer(m=12, k=15, seed=1, regularise=0.01).example(np.linspace(-1, 1, 12), 1.0)
    large = networks.two_conv_linear(image=(8, 8), kernel=(3, 3), seed=1).example(np.linspace(-1, 1, 64), 1.0)
    averaged = networks.conv_average(image=(9, 9), seed=1).example(np.linspace(-1, 1, 81), 1.0)
    told = {
        "wide": explain(wide.loss, wide.parameters["s_1_1"]),
        "large": explain(large.loss, large.parameters["c_1"], written_out=True),
        "averaged": explain(averaged.loss, averaged.parameters["c_4"], written_out=True),
        "several": explain(wide.loss, list(wide.parameters.values())[:3]),
    }
    clean(told.items(), tmp_path)


LABELS = [
    "a&b<50%_#1",
    "größe",
    "权重",
    "x\n\\end{document}",
    "$x",
    "ŷ",
    "Δt_0",
    "\x1b[2J",
    "\u202eabc",
    "~^\\{}",
    "œuvre",
    "",
]


def test_odd_labels(tmp_path: Path) -> None:
    told = []
    for label in LABELS:
        a, b = Value(0.5, label=label), Value(np.ones(2), label=label + "2")
        told += [(ascii(label), explain((a * a).tanh() * b.sum() + a, [a, b]))]
    clean(told, tmp_path)


def test_what_is_too_long_is_noticed(tmp_path: Path) -> None:
    said = complaints([("wide", r"\[" + "x + " * 60 + r"x\]"), ("right", "x")], tmp_path)
    assert len(said) == 1
    assert said[0].startswith("at wide: Overfull")
    assert complaints([("wrong", r"\nothing")], tmp_path)[0] == "no document"


def test_exercise_2_reads_as_it_should(tmp_path: Path) -> None:
    ex = two_conv_average()
    derivation = explain(ex.loss, [ex.parameters["c_5"]], through="z")
    clean([("exercise 2", derivation)], tmp_path)
    subprocess.run(["pdftotext", "-layout", "page.pdf"], cwd=tmp_path, check=True)
    lines = (tmp_path / "page.txt").read_text(encoding="utf-8")
    for said in ("2. Where it acts", "Finite difference:", "−0.05867 ✓", "(c5 alone)"):
        assert said in lines
