"""One command of the command line, run in this process; an example of every command; JSON read strictly."""

from __future__ import annotations

import html
import io
import json
import re
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from microgradcnn.cli import main

TRAINED = "run/parameters.npz"
SIDE = ("train", "conv_linear", "--data", "side", "--epochs", "2", "--out", "new")
FORMULA = "z = sigmoid(w*x + b); (z - y)**2"

# A cheap example of every command, but for lesson, in a folder that `prepare` filled. Each ends with exit code 0.
EXAMPLES = {
    "networks": ("networks",),
    "new": ("new", "new.py"),
    "train": ("train", "single_layer", "--data", "table.csv", "--epochs", "3", "--out", "new"),
    "train --plot": (*SIDE, "--plot", "new/plot.svg"),
    "train --page": (*SIDE, "--page", "new/page.html"),
    "train --checkpoint": (*SIDE, "--checkpoint", "new"),
    "train lenet": ("train", "lenet", "--data", "images.npz", "--epochs", "1", "--engine", "eager", "--out", "new"),
    "predict": ("predict", "single_layer", "--parameters", TRAINED, "--data", "table.csv"),
    "export": ("export", "single_layer", "--parameters", TRAINED, "--out", "new.onnx"),
    "gradcheck": ("gradcheck", "conv_average"),
    "source": ("source", "conv_average", "--wrt", "c_1"),
    "source --arrays": ("source", "single_layer", "--arrays", "--backend", "numpy"),
    "explain": ("explain", "conv_average", "--wrt", "c_1"),
    "explain --out": ("explain", FORMULA, "--wrt", "w", "--out", "new.html"),
    "explain a file": ("explain", "own.py:f", "--wrt", "ζ"),
    "check": ("check", "single_layer", "--wrt", "w_1", "--answer", "2(w1*z1 + w2*z2 + w3*z3 - y)*z1"),
    "ledger": ("ledger", "conv_average"),
    "ledger --out": ("ledger", "own.py:f", "--out", "new.txt"),
    "worksheet": ("worksheet", "conv_linear", "--questions", "2", "--out", "new"),
    "grade": ("grade", "answers", "--key", "keys", "-o", "new.csv"),
    "graph": ("graph", FORMULA, "-o", "new.svg"),
    "graph as a page": ("graph", FORMULA, "-o", "new.html"),
    "graph as dot": ("graph", FORMULA, "-o", "new.dot"),
    "graph as png": ("graph", FORMULA, "-o", "new.png"),
    "cost": ("cost", "conv_average"),
    "cost --out": ("cost", "single_layer", "--out", "new.tex"),
}
QUICK = ("networks", "source", "explain", "explain a file", "check", "grade")  # stand for all while one works
OWN = """print("σ of λ")
from microgradcnn import Value
f = (Value(2.0, label="ζ") * Value(-1.5, label="naïve")).sigmoid()
"""


@dataclass(frozen=True)
class Done:
    """The exit code of a command, and all that it printed."""

    code: int
    out: str
    err: str


def run(*arguments: object, encoding: str = "utf-8") -> Done:
    """Run `microgradcnn ARGUMENTS` with streams of this encoding, as Python opens them for a pipe."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    err = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")  # as Python opens it
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return Done(code, printed(out), printed(err))


def printed(stream: io.TextIOWrapper) -> str:
    """What has been written to a stream that `run` made."""
    stream.flush()
    content = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return str(content.decode(stream.encoding))


def strict(text: str) -> Any:
    """JSON as the standard has it: one document, no NaN and no Infinity, no name twice in an object."""

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"a name is twice among {names}")
        return dict(pairs)

    return json.loads(text, parse_constant=constant, object_pairs_hook=object_of)


def embedded(page: str) -> list[Any]:
    """What a page holds as JSON, for its script to read."""
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    return [strict(html.unescape(block)) for block in blocks]


def one_sentence(err: str) -> bool:
    """Whether stderr has one line in which a terminal finds nothing to obey, and no traceback."""
    return err.endswith("\n") and err[:-1].isprintable() and err.startswith("microgradcnn") and "Traceback" not in err


def commands() -> list[str]:
    """What `microgradcnn --help` lists."""
    return re.findall(r"^    ([a-z]+)(?: |$)", run("--help").out, re.MULTILINE)


def prepare(folder: Path) -> None:
    """Fill the folder with the files that the examples read."""
    rows = "".join(f"{i},{i * i % 7},{'yes' if i % 2 else 'no'}\n" for i in range(20))
    (folder / "table.csv").write_text("a,b,kind\n" + rows, encoding="utf-8")
    (folder / "own.py").write_text(OWN, encoding="utf-8")
    np.savez(folder / "images.npz", x=np.random.default_rng(0).integers(0, 256, (20, 4, 4)), y=np.arange(20) % 2)
    trained = run("train", "single_layer", "--data", folder / "table.csv", "--epochs", 2, "--out", folder / "run")
    sheet = run("worksheet", "conv_linear", "--questions", 2, "--out", folder / "sheet")
    assert (trained.code, sheet.code) == (0, 0)
    for name, pattern in (("answers", "answers*.txt"), ("keys", "key*.json")):
        (folder / name).mkdir()
        for path in (folder / "sheet").glob(pattern):
            path.rename(folder / name / path.name)
    for path in (folder / "answers").iterdir():  # a student without an id would be told
        path.write_text(path.read_text(encoding="utf-8").replace("id:", "id: 7", 1), encoding="utf-8")
