"""The lesson as pages: an index and a page for each network, offline, in a teacher's and a student's edition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from microgradcnn.data import Dataset
from microgradcnn.lesson.errata import SLIPS
from microgradcnn.lesson.page import network_page, table
from microgradcnn.lesson.run import NetworkRow
from microgradcnn.lesson.schematic import schematic
from microgradcnn.networks import NETWORKS
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.pages.assets import asset, style
from microgradcnn.views.pages.charts import bars

TITLE = "Backpropagation, network by network"
ABOUT = {
    False: "the network drawn, its graph, the chain rule step by step, numbers to check against, boxes that check a "
    "student's formula and train with it, the loss as a landscape, training on real data, and the program. "
    "<code>microgradcnn lesson --student</code> writes the edition for students, without the key.",
    True: "find the derivatives of the loss on paper, write them into the boxes, and have them tested at random "
    "points. A box says which of the usual mistakes it sees. Then train with your formulas, beside the true gradient. "
    "The key is not in these pages: they find their derivatives by differences.",
}


def lesson_pages(
    rows: Sequence[NetworkRow], data: Mapping[str, Dataset], ladder: Mapping[str, float], student: bool = False
) -> Iterator[tuple[str, str]]:
    """The names of the lesson's files and what is in them, index.html last.

    `rows` are the lesson's, `data` what their networks were trained on, and `ladder` the accuracies on `bars`. The
    student's edition has the programs of the losses, and no derivation, gradient or backward pass in its source.
    """
    names = [row.network for row in rows]
    for row in rows:
        page = network_page(row, data, student)
        yield from page.beside.items()
        lead = ": ".join(filter(None, [escape(row.section.capitalize()), _formula(row.loss)]))
        yield f"{row.network}.html", _page(row.network, lead, page.sections, names, page.script)
    lead = "Student's edition" if student else "Teacher's edition"
    sections = asset("index.html").format(
        about=ABOUT[student],
        cards="".join(map(_card, rows)),
        ladder=bars(
            ladder, f"The accuracy of each network on bars: {', '.join(f'{n} {a:.2f}' for n, a in ladder.items())}"
        ),
        results=_results(rows),
        errata="".join(f"<li>{slip.told(student)}</li>" for slip in SLIPS.values()),
    )
    yield "index.html", _page(TITLE, lead, sections, names)


def _page(title: str, lead: str, sections: str, names: Sequence[str], script: str = "") -> str:
    links = [("index.html", "Lesson"), *((f"{name}.html", name) for name in names)]
    items = "".join(
        f'<li><a href="{file}"{" aria-current=page" * (name == title)}>{escape(name)}</a></li>' for file, name in links
    )
    script = f"{script}\n{asset('wide.js')}".strip()
    whole = asset("lesson.html").format(links=items, title=escape(title), lead=lead, sections=sections, script=script)
    return html_document(whole, title, style("lesson.css"))


def _formula(loss: str) -> str:
    """A loss as the table of networks writes it, with its subscripts low: w₁·mean of z₁ … z₄."""
    low = re.sub(r"(?<=[a-z])[0-9]", lambda digit: chr(ord("₀") + int(digit[0])), loss)
    return escape(low.replace("..", " … "))


def _card(row: NetworkRow) -> str:
    return (
        f'<li><h3><a href="{row.network}.html">{row.network}</a></h3><p>{escape(row.section.capitalize())}</p>'
        f"{schematic(NETWORKS[row.network](), equations=False)}<p>{_formula(row.loss)}</p></li>"
    )


def _results(rows: Sequence[NetworkRow]) -> str:
    sets = list(rows[0].runs)
    header = ["network", "weights", "gradients apart by", *(f"{name}: loss" for name in sets)]
    header += [f"{name}: test" for name in sets]
    cells = [
        [
            f'<a href="{row.network}.html">{row.network}</a>',
            str(row.parameters),
            f"{row.checks.worst:.0e}",
            *(f"{run.training.history[-1]['loss']:.4f}" for run in row.runs.values()),
            *(f"{run.test_accuracy:.3f}" for run in row.runs.values()),
        ]
        for row in rows
    ]
    return table(header, cells)
