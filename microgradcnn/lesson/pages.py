"""The lesson as pages: an index and a page for each network, offline, in a teacher's and a student's edition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from microgradcnn.data import Dataset
from microgradcnn.lesson.course import Course
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.lesson.page import Page, filled, network_page
from microgradcnn.lesson.run import NetworkRow, score
from microgradcnn.lesson.schematic import schematic
from microgradcnn.lesson.sections.evidence import table
from microgradcnn.lesson.sections.subject import Pieces
from microgradcnn.lesson.words import as_line, titles_in
from microgradcnn.system.text_layout import how_many
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.pages.assets import asset, style
from microgradcnn.views.pages.charts import bars

TITLE, INDEX = "Backpropagation", "index.html"
SHORTCUTS = {
    "forward": "step forward",
    "graph": "step through the graph",
    "landscape": "descend",
    "exercise": "check an answer",
    "training": "train",
}
SCRIPTS = ("wide.js", "lesson/parts.js", "lesson/scenes.js")  # of every page, after those of its own
_FILES = re.compile(r'<script type="application/json" id="files">(.*?)</script>')
ABOUT = {
    False: "as far as the network has them, a number to drag, then one idea a scene: forward, the loss, one path and "
    "all of them, where a weight acts, its graph, the chain rule, boxes that check a student's formula, descent, "
    "mistakes, training on data, and a worksheet. PageDown and PageUp, or → and ←, go through the scenes, p is for the "
    "projector. <code>microgradcnn lesson --student</code> writes the edition for students, without the key.",
    True: "change numbers, and see what follows. Find the derivatives of the loss on paper, write them into the boxes, "
    "and have them tested at random points. A box says which of the usual mistakes it sees. Then train with your "
    "formulas, beside the true gradient. PageDown and PageUp, or → and ←, go through the scenes. The key is not in "
    "these pages: they find derivatives when they are asked, and show them when they have been guessed.",
}


def lesson_pages(
    rows: Sequence[NetworkRow],
    data: Mapping[str, Dataset],
    ladder: Mapping[str, float],
    student: bool = False,
    course: Course = LECTURE,
) -> Iterator[tuple[str, str]]:
    """The names of the files of a course and what is in them, index.html last, which lists the others.

    `rows` are those of its networks, `data` what they were trained on, and `ladder` the accuracies of its ladder. The
    student's edition has the programs of the losses, and no derivation, gradient or backward pass in its source.
    """
    names, words, files = [row.network for row in rows], course.words, list[str]()
    titles = {name: words.title_of(name) for name in names}
    for row in rows:
        page = network_page(row, data, student, course)
        files += [*page.beside, f"{row.network}.html"]
        yield from page.beside.items()
        lead = " · ".join(filter(None, [_called(row, course), _formula(row.loss)]))
        yield f"{row.network}.html", _page(row.network, titles[row.network], lead, page, titles)
    index: dict[str, Pieces] = {
        "about": {"course": words.course(student), "about": ABOUT[student]},
        "networks": {"cards": "".join(_card(row, course) for row in rows)},
        "ladder": _ladder(course, ladder, student),
        "results": {"results": _results(rows)},
        "errata": {"errata": _errata(course, names, student)},
    }
    shown = {section: pieces for section, pieces in index.items() if any(pieces.values())}
    lead = "Student's edition" if student else "Teacher's edition"
    page = Page(f"{filled('index.html', shown)}{_listed(files)}", "", {})
    yield INDEX, _page("index", words.title or TITLE, lead, page, titles)


def files_in(index: str) -> list[str] | None:
    """The files that an index of a course lists, in any order; None for a page that is none."""
    found = _FILES.search(index)
    try:
        listed = json.loads(found[1]) if found else None
    except ValueError:
        return None
    return [str(name) for name in listed] if isinstance(listed, list) else None


def _listed(files: Sequence[str]) -> str:
    """What `files_in` reads; a reader of the page does not see it."""
    return f'<script type="application/json" id="files">{json.dumps(files)}</script>'


def _ladder(course: Course, ladder: Mapping[str, float], student: bool) -> Pieces:
    """How far each network gets on one data set, if the course has such a comparison."""
    if course.ladder is None or not ladder:
        return {"ladder": ""}
    listed = ", ".join(f"{name} {share:.2f}" for name, share in ladder.items())
    chart = bars(ladder, f"The accuracy of each network on {course.ladder.data}: {listed}")
    title = course.ladder.title
    return {"title": escape(title), "ladder": f"{course.words.course(student, title)}{chart}"}


def _errata(course: Course, names: Sequence[str], student: bool) -> str:
    """A list of all errata, those about all networks first, then those about some of them, below the names of these."""
    about_all, grouped = "", dict[str, str]()
    for item, about in course.words.errata_about(student).items():
        known = [name for name in names if name in about]
        links = " · ".join(f'<a href="{name}.html">{escape(course.words.title_of(name))}</a>' for name in known)
        if len(known) in {0, len(names)}:
            about_all += f"<li><p>{item}</p></li>"
        else:
            grouped[links] = grouped.get(links, "") + f"<li><p>{item}</p></li>"
    return about_all + "".join(f"<li><p>{links}</p><ul>{items}</ul></li>" for links, items in grouped.items())


def _page(name: str, title: str, lead: str, page: Page, titles: Mapping[str, str]) -> str:
    links = [("index", "Lesson"), *titles.items()]
    items = "".join(
        f'<li><a href="{file}.html"{" aria-current=page" * (file == name)}>{escape(words)}</a></li>'
        for file, words in links
    )
    contents = "".join(f'<li><a href="#{at}">{words}</a></li>' for at, words in titles_in(page.sections).items())
    script = "\n".join([page.script, *map(asset, SCRIPTS)]).strip()
    told = (f'<p class="lead">{lead}</p>' if lead else "") + _shortcuts(page.sections)
    whole = asset("lesson/lesson.html").format(
        links=items, contents=contents, title=as_line(title), lead=told, sections=page.sections, script=script
    )
    return html_document(whole, title.replace("`", ""), style("lesson/lesson.css") + asset("training/training.css"))


def _shortcuts(sections: str) -> str:
    """Links from where a page opens to what can be done on it, as far as it has them."""
    there = titles_in(sections)
    links = [f'<a href="#{at}">{words}</a>' for at, words in SHORTCUTS.items() if at in there]
    return f'<p class="shortcuts">Try: {"&nbsp;· ".join(links)}</p>' if "network" in there else ""


def _called(row: NetworkRow, course: Course) -> str:
    """The name of a network, where its title is another, and where the course has it from."""
    called = f"<code>{escape(row.network)}</code>" if course.words.title_of(row.network) != row.network else ""
    return " · ".join(filter(None, [called, escape(row.section.capitalize())]))


def _formula(loss: str) -> str:
    """A loss as the table of networks writes it, with its subscripts low: w₁·mean of z₁ … z₄."""
    low = re.sub(r"(?<=[a-z])[0-9]", lambda digit: chr(ord("₀") + int(digit[0])), loss)
    return escape(low.replace("..", " … "))


def _card(row: NetworkRow, course: Course) -> str:
    title = as_line(course.words.title_of(row.network))
    drawing = (
        schematic(course.networks[row.network](), equations=False)
        or f"<p>{how_many(row.parameters, 'weight')}{', in arrays' * (not course.networks[row.network].scalar)}</p>"
    )
    return (
        f'<li><h3><a href="{row.network}.html">{title}</a></h3><p>{_called(row, course)}</p>'
        f"{drawing}<p>{_formula(row.loss)}</p></li>"
    )


def _ended(row: NetworkRow) -> str:
    """How the trainings of a network ended, in words."""
    diverged, going = list(row.diverged), [name for name in row.unfinished if name not in row.diverged]
    told = [
        f"{words} on {', '.join(names)}" for words, names in (("diverged", diverged), ("not converged", going)) if names
    ]
    return escape("; ".join(told)) or ("done" if row.runs else "none")


def _results(rows: Sequence[NetworkRow]) -> str:
    sets = list(dict.fromkeys(name for row in rows for name in row.runs))
    header = ["network", "weights", "gradients apart by", *(f"{name}: loss" for name in sets)]
    header += [f"{name}: test" for name in sets]
    ended = any(row.runs or row.diverged for row in rows)
    header += ["training"] * ended
    cells = [
        [
            f'<a href="{row.network}.html">{row.network}</a>',
            str(row.parameters),
            f"{row.checks.worst:.0e}",
            *(f"{row.runs[name].training.history[-1]['loss']:.4f}" if name in row.runs else "" for name in sets),
            *(f"{score(row.runs[name]):.3f}" if name in row.runs else "" for name in sets),
            *[_ended(row)] * ended,
        ]
        for row in rows
    ]
    return table(header, cells)
