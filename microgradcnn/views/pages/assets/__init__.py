"""What pages are made of: these files, data as literals, and the tables of formula.js, the parser's own."""

from __future__ import annotations

import base64
import json
import re
from importlib.resources import files

from microgradcnn.engine import functions as mg
from microgradcnn.engine.value import Value
from microgradcnn.targets.export.javascript import function
from microgradcnn.views.answers.reading import notations
from microgradcnn.views.answers.reading.names import Names

_COMMENTS = re.compile(r"^ *(?:/\*\*.*\*/|// .*)\n", re.MULTILINE)


def asset(name: str) -> str:
    """The text of a file in this folder, by its path from here; a script without its lines of comment.

    A page is handed out: comments are for those who read the files.
    """
    text = files("microgradcnn.views.pages.assets").joinpath(name).read_text(encoding="utf-8")
    return _COMMENTS.sub("", text) if name.endswith(".js") else text


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


# What of views/answers/reading/notations.py formula.js reads with.
_PATTERNS: tuple[str, ...] = ("NAME", "SPACE", "NUMBER", "DECIMAL_COMMA", "RAISED", "INDEXED", "ENTRY", "SUM")
_PATTERNS += ("DERIVATIVE", "GRADIENT", "TRANSPOSED", "PRIME", "INDICATOR", "SYMBOL", "CASE", "MEANING", "IF", "ELSE")
_PATTERNS += ("CHOICE",)
_TABLES: tuple[str, ...] = ("GREEK", "FRACTIONS", "SPELLINGS", "SAME", "SAME_CHARACTERS", "LOW", "HIGH", "WHY")
_TABLES += ("CLOSING", "ALIASES", "DEFINED")
FORMULA = ("answers/formula_words.js", "answers/formula.js")
_BOUNDS = ("LENGTH", "DEPTH", "EXPONENT", "LARGEST", "STEPS", "TERMS", "MEANINGS")


def formula_script() -> str:
    """The scripts that read and evaluate a student's formula as views/answers/parser.py does, with its tables."""
    notation = {
        "patterns": {name: _ecmascript(getattr(notations, name).pattern) for name in _PATTERNS},
        "tables": {name: getattr(notations, name) for name in _TABLES},
        "bounds": {name: getattr(notations, name) for name in _BOUNDS},
        "yielding": sorted(notations.YIELDING),
        "dots": notations.DOTS,
        "wrappers": notations.WRAPPERS,
    }
    scripts = "\n".join(map(asset, FORMULA))
    return f"const NOTATION = {literal(notation)};\nconst FUNCTIONS = {_functions()};\n{scripts}"


def name_script() -> str:
    """The letters that Greek names stand for, with which lesson/elements.js writes names."""
    return f"const GREEK = new Map({literal([[name, letter] for letter, name in notations.GREEK.items()])});"


def _functions() -> str:
    """The functions that formulas may call and JavaScript can compute, with the names of what they take."""
    names, found = Names([]), []
    for name, op in names.functions.items():
        inputs, static = names.parameters(name)
        if op is mg.clip:  # whose bounds may be anything
            inputs, static = [*inputs, *static], []
        leaves = [Value(0.5, label=label) for label in inputs]
        try:
            text = function([op(*leaves)], leaves)
        except (TypeError, ValueError):  # what needs more arguments, and what nobody said in JavaScript
            continue
        found.append(
            f"{literal(name)}: {{inputs: {literal(inputs)}, static: {literal(static)}, apply: {compact(text)}}}"
        )
    return "{\n" + ",\n".join(found) + "\n}"


def _ecmascript(pattern: str) -> str:
    """A pattern of Python as JavaScript writes it: named groups, and no possessive *+, which is only faster."""
    return re.sub(r"\(\?P<", "(?<", pattern).replace(")*+)", ")*)")


def compact(text: str) -> str:
    """A function, or a script, without the spaces at the start of its lines."""
    return re.sub(r"\n +", "\n", text)
