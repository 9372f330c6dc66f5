"""The lesson's page of one network: its scenes, its scripts, what lies beside it; for students without the key."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html import escape

import numpy as np

from microgradcnn.data import Dataset
from microgradcnn.lesson.cost import network_cost
from microgradcnn.lesson.course import Course, LeftOutWarning
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.lesson.run import NetworkRow, own_rows
from microgradcnn.lesson.schematic import sliding
from microgradcnn.lesson.sections.evidence import checks, not_trained, size_of, table, trainings
from microgradcnn.lesson.sections.practice import exercise, fills, landscapes, mistakes, practice, problem, script
from microgradcnn.lesson.sections.stage import array_scripts, stage
from microgradcnn.lesson.sections.subject import Pieces, Subject, representatives, subject
from microgradcnn.lesson.sections.watching import watched
from microgradcnn.lesson.words import OPENING, Words, scene_words, section_titles
from microgradcnn.networks import Network
from microgradcnn.targets.program import compile
from microgradcnn.targets.row_axis import RowsError
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.derivations.named_graph import Graph
from microgradcnn.views.documents.html import as_html, html_lines
from microgradcnn.views.formulas import notation
from microgradcnn.views.formulas.expression import derivative, equation, symbol
from microgradcnn.views.pages.assets import asset
from microgradcnn.views.pages.exercise import scripts
from microgradcnn.views.pages.picture import draw
from microgradcnn.views.worksheets.worksheet import Worksheet, worksheet

__all__ = ["Page", "network_page", "problem", "representatives"]

QUESTIONS = (6, 4, 2)  # on a worksheet; fewer where there are not so many to ask
SECTION = re.compile(r'(?s)(?=<section id="(\w+)")(.*?</section>\n)')


@dataclass(frozen=True)
class Page:
    """A page of the lesson: its sections, its scripts, and the files that it shows beside itself, by their names."""

    sections: str
    script: str
    beside: dict[str, str]


def network_page(row: NetworkRow, data: Mapping[str, Dataset], student: bool, course: Course = LECTURE) -> Page:
    """The page of the network of a row of a course's table, trained on `data`, for teachers or students.

    What the graph has nothing for is left out: boxes and a worksheet for arrays, a training without data.
    """
    name, kind = row.network, course.networks[row.network]
    data = {which: rows for which, rows in own_rows(kind, data).items() if which in data or which in row.runs}
    network = kind()
    about, beside = subject(network), dict[str, str]()
    found: dict[str, Pieces | None] = {"network": _network(network, about, row, student)}
    derivation, running = Derivation(), list[str]()
    with _left_out(name, "numbers that can be changed"):
        staged, started = stage(network, about, key=not student)
        found |= {section: {**(found.get(section) or {}), **pieces} for section, pieces in staged.items()}
        running.append(started)
    if not student:
        beside[f"{name}_graph.html"] = draw(about.loss).html()  # before backward, which it steps through
        about.loss.backward()
        derivation = explain(about.loss, [about.parameters[label] for label in about.told])
        found |= {"graph": _graph(about, name, f"{name}_graph.html"), "derivation": _derived(about, derivation)}
    if about.asked:
        with _left_out(name, "boxes and no landscape"):
            data_here = {which: rows for which, rows in data.items() if which not in row.diverged}
            done, filled_in = practice(kind, data_here), fills(derivation, course.slips, about.labels)
            running.append(script(done, filled_in, key=not student))
            found |= {"exercise": exercise(done), "mistakes": mistakes(done, filled_in), "landscape": landscapes(done)}
        found["worksheet"], files = _worksheet(about, name, course.words, student)
        beside |= files
    found |= {"checks": checks(about, row, student), "training": trainings(row, network, data)}
    if (run := found["training"]) is not None:
        trained = [done.trained.network for done in row.runs.values()]
        run["watched"], starting = watched(kind, data, not student, "exercise" in found, trained)
        running.append(starting)
    found["cost"] = _cost(kind, name, student)
    with _left_out(name, "program"):
        found["program"] = _program(about, student)
    there = {section: pieces for section, pieces in found.items() if pieces is not None}
    noted = {section: course.words.noted(name, student, _of_words(section)) for section in there}
    for section, pieces in there.items():
        pieces |= {"about": _about(course.words, name, student, section), "name": escape(name)}
        pieces["slips"] = f'<p class="to-errata"><a href="#errata-{section}">Errata</a></p>' * bool(noted[section])
    if any(noted.values()):
        there["errata"] = {"errata": "".join(_noted(section, note) for section, note in noted.items() if note)}
    return Page(
        filled("network.html", there), "\n".join([scripts() if about.scalar else array_scripts(), *running]), beside
    )


def _of_words(section: str) -> str:
    """What words call a section: "" the one that a page begins with."""
    return "" if section == OPENING else section


def _about(words: Words, name: str, student: bool, section: str) -> str:
    """What a course says about a scene, else what is said of it on all pages."""
    return words.about(name, student, _of_words(section)) or scene_words().of_section(student, _of_words(section))


def _noted(section: str, note: str) -> str:
    title = section_titles()[section]
    return f'<h3 id="errata-{section}"><a href="#{section}">{title}</a></h3>{note}'


@contextmanager
def _left_out(name: str, what: str) -> Iterator[None]:
    """Goes on without what a graph cannot be written as, such as a primitive without a line, and says why."""
    try:
        yield
    except ValueError as error:
        warnings.warn(f"the page of {name} has no {what}: {error}", LeftOutWarning, stacklevel=4)


def filled(file: str, found: Mapping[str, Pieces]) -> str:
    """The sections in a file of templates that there are pieces for, with these in their places."""
    return "".join(
        text.format(**found[name]) for name, text in SECTION.findall(asset(f"lesson/{file}")) if name in found
    )


def _network(network: Network, about: Subject, row: NetworkRow, student: bool) -> Pieces:
    """What it is, and a drawing for where no number can be changed; of arrays a table of the parameters.

    What to do about a training that there is none of is the teacher's to know.
    """
    where = f"The network {row.network}" + (f", {row.section}" if row.section else "")
    sigma = "; σ is the sigmoid, σ(a) = 1/(1 + e<sup>−a</sup>)" if "sigmoid" in about.operations else ""
    weights = f"{row.parameters} weight{'s' * (row.parameters != 1)}"
    drawing = "" if about.scalar else _parameters(network, about)
    drawing += "".join(not_trained(which, why) for which, why in row.left_out.items() if not student)
    opening = "<p>It is too large for its numbers to be changed here.</p>"
    if about.scalar:
        opening = sliding(network, f"drawn-{row.network}") or _definitions(about)
    return {"where": escape(where), "weights": weights, "sigma": sigma, "drawing": drawing, "opening": opening}


def _definitions(about: Subject) -> str:
    graph = Graph(about.loss)
    nodes = [node for node in graph.order if node.op is not None and node in graph.names]
    lines = [(equation(graph.names[node], graph.definition(node)),) for node in nodes]
    return f'<div class="derivation">{"".join(html_lines(lines))}</div>'


def _parameters(network: Network, about: Subject) -> str:
    layers = "" if network.module is None else f"<pre>{escape(repr(network.module))}</pre>"
    rows = [
        (escape(notation.text(symbol(label))), size_of(p), str(np.size(p.data)))
        for label, p in about.parameters.items()
    ]
    return layers + table(["parameter", "size", "weights"], rows)


def _graph(about: Subject, name: str, file: str) -> Pieces:
    what = "One example" if about.scalar else "A batch, in arrays"
    link = f'<p>{what}. <a href="{file}">Open it in a window of its own</a>.</p>'
    return {"graph": f'{link}\n<iframe src="{file}" title="The graph of {escape(name)}" loading="lazy"></iframe>'}


def _derived(about: Subject, derivation: Derivation) -> Pieces:
    """One derivation for every kind of weight in full, and all results."""
    steps, f = [], symbol(str(about.loss.label))
    for i, label in enumerate(representatives(about)):
        title = notation.mathml(derivative(f, symbol(label)))
        told = explain(about.loss, [about.parameters[label]]).mathml()
        steps.append(f"<details{' open' * (i == 0)}><summary>{title}, step by step</summary>{told}</details>")
    lines = [(equation(derivative(f, symbol(x)), g),) for x, g in derivation.gradients.items()]
    which = "All of them" if len(about.told) == len(about.parameters) else "All of these"
    folded = f'<details><summary>{which}</summary><div class="derivation">{"".join(html_lines(lines))}</div></details>'
    return {"steps": "".join(steps), "all": folded}


def _cost(kind: type[Network], name: str, student: bool) -> Pieces | None:
    """The count of operations, which is the answer to a student's question; None for what it cannot be counted of."""
    try:
        *counts, convention = network_cost(kind).steps(name)
    except ValueError:
        return None
    folded = f"<details><summary>What was counted how</summary>{as_html([convention])}</details>"
    sizes = ", and with the sizes of the network" if len(kind.cost_sizes()) > 1 else ""
    return {"sizes": sizes, "cost": "" if student else f"{as_html(counts)}{folded}"}


def _program(about: Subject, student: bool) -> Pieces:
    """The program of the loss, and of its gradients if it is no student's; in scalars, and beside it in arrays."""
    parameters = list(about.parameters.values())
    try:
        program = compile(about.loss, parameters, about.given)
    except RowsError:  # one example, written with arrays
        program = compile(about.loss, parameters)
    words = "The loss and all its derivatives as one straight-line program; what is computed once is used again."
    scalars, arrays = program.source, program.arrays()
    stacked = arrays.source
    if student:
        scalars, stacked, words = program.source_of([]), arrays.source_of([]), "The loss as a program."
    lines, fewer = (len(text[text.index("def program") :].splitlines()) for text in (scalars, stacked))
    if fewer >= lines:
        return {"program_is": words, "lines": f"{lines} lines", "program": f"<pre>{escape(scalars)}</pre>"}
    words += " In arrays, the units of a layer, or the windows of a filter, are one matrix product."
    both = [("In scalars", scalars), ("In arrays", stacked)]
    shown = "".join(f"<div><h3>{title}</h3><pre>{escape(text)}</pre></div>" for title, text in both)
    said = f"{lines} lines in scalars, {fewer} in arrays"
    return {"program_is": words, "lines": said, "program": f'<div class="both">{shown}</div>'}


def _worksheet(about: Subject, name: str, words: Words, student: bool) -> tuple[Pieces | None, dict[str, str]]:
    """Links to a worksheet, to its key for teachers, and these files; None where there is too little to ask."""
    course = words.title or "Backpropagation"
    title = f"{course}{'' if course.endswith(('?', '!', '.')) else ':'} {words.title_of(name)}"
    if (sheet := _sheet(about, name, title)) is None:
        return None, {}
    which = [(f"sheet-{sheet.identifier}.html", "the sheet"), (f"answers-{sheet.identifier}.txt", "a file for answers")]
    if not student:
        which += [(f"key-{sheet.identifier}.html", "its key"), (f"key-{sheet.identifier}.json", "the key for grading")]
    files, asked = sheet.files(), len(sheet.tasks)
    links = ", ".join(f'<a href="{file}">{words}</a>' for file, words in which)
    return {"questions": f"{asked} question{'s' * (asked != 1)}", "links": links}, {
        file: files[file] for file, _ in which
    }


def _sheet(about: Subject, name: str, title: str) -> Worksheet | None:
    """A worksheet about all parameters, or about those whose derivatives can be asked for; None where none can."""

    def asking(labels: Sequence[str], questions: int) -> Worksheet | None:
        with suppress(ValueError):
            wrt = [about.parameters[label] for label in labels]
            return worksheet(about.loss, wrt, name, questions, title)
        return None

    if (whole := asking(list(about.parameters), QUESTIONS[0])) is not None:
        return whole
    able = [label for label in representatives(about) if asking([label], 1) is not None]
    return next((sheet for questions in QUESTIONS if (sheet := asking(able, questions)) is not None), None)
