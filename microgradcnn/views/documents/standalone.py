"""A piece of LaTeX or HTML as a whole file: a document that compiles, a page that opens offline."""

from __future__ import annotations

from html import escape

from microgradcnn.views.documents.document import Line, text_line
from microgradcnn.views.documents.html import inline_html
from microgradcnn.views.documents.latex import inline_latex

_LATEX = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath, amssymb}
\setlength{\parindent}{0pt}
\begin{document}
\section*{%(title)s}
%(body)s
\end{document}
"""

_HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s</title>
<style>
%(style)s
</style>
</head>
<body%(classes)s>
%(body)s
</body>
</html>
"""

_STYLE = """
body { margin: 2em auto; max-width: 60em; padding: 0 1em; font: 1.15em/1.5 system-ui, sans-serif; overflow-x: auto }
h1 { overflow-wrap: anywhere }
math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "DejaVu Math TeX Gyre", math }
"""


def latex_document(body: str, title: str | Line) -> str:
    """A document for pdflatex around a body that needs amsmath and amssymb; the title is words, or with formulas."""
    return _LATEX % {"title": inline_latex(_line(title)), "body": body}


def html_document(body: str, title: str, style: str, classes: str = "") -> str:
    """A file of HTML with a style sheet and the classes of its body; the title is plain text."""
    words = {"title": escape(title), "style": style.strip(), "body": body.strip()}
    return _HTML % (words | {"classes": f' class="{classes}"' if classes else ""})


def html_page(body: str, title: str | Line) -> str:
    """A page around a piece of HTML, with its title above it; the title is words, or with formulas."""
    line = _line(title)
    main = f"<main>\n<h1>{inline_html(line)}</h1>\n{body}\n</main>"
    return html_document(main, text_line(line), _STYLE)


def _line(title: str | Line) -> Line:
    return (title,) if isinstance(title, str) else title
