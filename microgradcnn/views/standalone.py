"""A piece of LaTeX or HTML as a whole file: a document that compiles, a page that opens without a network."""

from __future__ import annotations

from html import escape

from microgradcnn.views.expression import GREEK
from microgradcnn.views.latex import plain

_LATEX = r"""\documentclass[11pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath, amssymb}
\setlength{\parindent}{0pt}
%(letters)s
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
body { margin: 2em auto; max-width: 60em; padding: 0 1em; font: 1.15em/1.5 system-ui, sans-serif; overflow-x: auto }
math { font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "DejaVu Math TeX Gyre", math }
</style>
</head>
<body>
<h1>%(title)s</h1>
%(body)s
</body>
</html>
"""


def latex_document(body: str, title: str) -> str:
    """A document for pdflatex around a body that needs amsmath and amssymb; the title is plain text.

    Letters that pdflatex does not know, in labels, are declared: Greek ones as they are, any other as a question mark.
    """
    names = {letter: rf"\ensuremath{{\{name}}}" for name, letter in GREEK.items()}
    unknown = sorted({c for c in title + body if c > "\u017f" and not "\u2010" <= c <= "\u2027"})
    letters = "\n".join(rf"\DeclareUnicodeCharacter{{{ord(c):04X}}}{{{names.get(c, '?')}}}" for c in unknown)
    return _LATEX % {"title": plain(title), "body": body, "letters": letters}


def html_page(body: str, title: str) -> str:
    """A page around a piece of HTML; the title is plain text."""
    return _HTML % {"title": escape(title), "body": body}
