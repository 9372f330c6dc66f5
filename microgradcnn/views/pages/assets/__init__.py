"""What pages are made of: these files, data as literals, and the tables of formula.js, the parser's own."""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files

from microgradcnn.views.answers import parser as formula
from microgradcnn.views.answers import tokens


def asset(name: str) -> str:
    """The text of a file in this folder."""
    return files("microgradcnn.views.pages.assets").joinpath(name).read_text(encoding="utf-8")


# STIXTwoMath.woff2 is what formulas need of STIX Two Math (@fontsource/stix-two-math 5.3.0), cut out by fonttools'
# pyftsubset with its MATH table: without a font that has one, browsers do not stretch brackets and roots.


def style(name: str) -> str:
    """The style sheet of a page: the font of formulas as "Maths", what is done with wide things, and the page's own."""
    woff2 = base64.b64encode(
        files("microgradcnn.views.pages.assets").joinpath("STIXTwoMath.woff2").read_bytes()
    ).decode()
    face = f'@font-face {{ font-family: "Maths"; src: url(data:font/woff2;base64,{woff2}) format("woff2") }}'
    return "\n".join([face, asset("wide.css"), asset(name)])


def literal(data: object) -> str:
    """Data as a JavaScript literal that may stand inside a <script>: JSON in which no tag can begin or end.

    Raises ValueError for NaN and infinities, which JSON does not have.
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def formula_script() -> str:
    """formula.js, which reads and evaluates a student's formula as views/answers/parser.py does, with its tables."""
    patterns = [tokens.NAME, tokens.SPACE, tokens.NUMBER, tokens.RAISED, tokens.SYMBOL]
    tables = [tokens.GREEK, tokens.FRACTIONS, tokens.SPELLINGS, tokens.SAME, tokens.WHY, tokens.CLOSING]
    bounds = [formula.LENGTH, formula.DEPTH, formula.EXPONENT, formula.LARGEST, formula.STEPS]
    notation = {"patterns": [_ecmascript(each.pattern) for each in patterns], "tables": tables, "bounds": bounds}
    return f"const NOTATION = {literal(notation)};\n{asset('formula.js')}"


def _ecmascript(pattern: str) -> str:
    """A pattern of Python as JavaScript writes it: named groups, and no possessive *+, which is only faster."""
    return re.sub(r"\(\?P<", "(?<", pattern).replace(")*+)", ")*)")
