"""A worksheet or its key as a whole document: LaTeX that needs amsmath alone, or one HTML file that prints well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from microgradcnn.views.documents.html import STYLE, html_lines
from microgradcnn.views.documents.latex import latex_lines
from microgradcnn.views.documents.standalone import html_document
from microgradcnn.views.formulas.expression import cut
from microgradcnn.views.formulas.latex import words
from microgradcnn.views.worksheets.derivation_task import Lines


@dataclass(frozen=True)
class Section:
    """A heading, what stands under it, and the room below to write in, in centimetres."""

    heading: str
    lines: Lines
    room: float = 0.0


# A4 with margins of 2 cm, without a package.
_PREAMBLE = r"""\documentclass[a4paper,11pt]{article}
\usepackage{amsmath}
\pdfpagewidth=\paperwidth \pdfpageheight=\paperheight
\setlength{\textwidth}{17cm} \setlength{\oddsidemargin}{-0.54cm} \setlength{\evensidemargin}{-0.54cm}
\setlength{\textheight}{24.2cm} \setlength{\topmargin}{-1.4cm} \setlength{\headsep}{0.6cm}
\setlength{\parindent}{0pt} \setlength{\parskip}{3pt} \raggedbottom
\providecommand{\checkmark}{\surd}
\pagestyle{myheadings}"""
_HEAD = 60  # characters of a title at the head of a page
_LINE, _SHORT_LINE, _APART = r"\hrulefill", r"\makebox[4cm]{\hrulefill}", r"\hfill"

Owner: TypeAlias = tuple[str, str]  # name and id of the student whose sheet it is; empty ones are to be filled in


def as_latex(title: str, sheet: str, sections: Iterable[Section], owner: Owner | None = None) -> str:
    """The document; a sheet has its `owner` below the title, a key has none."""
    head = words(title)
    pieces = [
        _PREAMBLE,
        rf"\markright{{{words(cut(title, _HEAD))}, sheet {sheet}}}",
        r"\begin{document}\setlength{\abovedisplayshortskip}{6pt}",
    ]
    pieces += [rf"{{\Large\bfseries\raggedright {head}\par}}\hfill sheet \texttt{{{sheet}}}\par\medskip"]
    if owner is not None:
        name, student = map(words, owner)
        pieces += [rf"Name {name + _APART if name else _LINE}\quad Id {student or _SHORT_LINE}\par"]
    for section in sections:
        body = re.sub(r"\\par\}\n(?=\\\[|\\begin)", "}\n", "\n".join(latex_lines(section.lines)))
        apart = "" if body.startswith(r"\[") else r"\par"  # a display makes a line of its own
        room = rf"\vspace*{{{section.room:g}cm}}" if section.room else ""
        pieces += [r"\bigskip\noindent\begin{minipage}{\linewidth}\setlength{\parskip}{3pt}"]
        pieces += [rf"\textbf{{{words(section.heading)}}}{apart}", body, rf"{room}\end{{minipage}}\par"]
    return "\n".join([*pieces, r"\end{document}", ""])


_STYLE = """
@page { size: A4; margin: 1.5cm }
body { font: 11pt/1.5 Georgia, "Times New Roman", serif; max-width: 18cm; margin: 1cm auto; padding: 0 1cm }
header { display: flex; justify-content: space-between; align-items: baseline; border-bottom: 1px solid #000 }
h1 { font-size: 1.4em; margin: 0 } h2 { font-size: 1em; margin: 1.4em 0 0.2em }
p { margin: 0.3em 0 } code { font-size: 1em }
.aligned { font-size: 0.92em } .derivation .aligned td:nth-last-child(2) { text-align: right }
.derivation .aligned td:nth-last-child(3) { padding-right: 2em }
.blank { display: flex; gap: 1em; margin: 1em 0 } .blank span { flex: 2; border-bottom: 1px solid #000 }
.blank span + span, .blank span:last-child { flex: 1 }
section { break-inside: avoid }
.room { border-bottom: 1px dotted #999 }
@media screen and (width < 500px) {
  body { margin: 0.5em; padding: 0 } header { flex-direction: column }
  .derivation :is(th, td) { padding: 0.15em 0.2em } .derivation table { font-size: 0.75em }
  .derivation .aligned { font-size: 0.8em } .aligned, .aligned :is(tbody, tr) { display: block }
  .derivation .aligned tr { margin: 0.5em 0 } .derivation .aligned td { display: inline; padding: 0 }
}
@media print { body { margin: 0; padding: 0; max-width: none } }
"""


def as_html(title: str, sheet: str, sections: Sequence[Section], owner: Owner | None = None) -> str:
    """The document, in one file that needs no network; a sheet has its `owner` below the title, a key has none."""
    pieces = [f"<header><h1>{escape(title)}</h1><span>sheet <code>{sheet}</code></span></header>", "<main>"]
    if owner is not None:
        name, student = map(escape, owner)
        pieces += [f'<p class="blank">Name <span>{name}</span> Id <span>{student}</span></p>']
    for section in sections:
        pieces += [f"<section><h2>{escape(section.heading)}</h2>", *html_lines(section.lines)]
        pieces += [f'<div class="room" style="height: {section.room:g}cm"></div>'] if section.room else []
        pieces.append("</section>")
    pieces.append("</main>")
    return html_document("\n".join(pieces), f"{title}, sheet {sheet}", STYLE + _STYLE, "derivation")
