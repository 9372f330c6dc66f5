"""Writes the guide's table of what every function, layer and loss is on every backend: `python tests/backends_page.py`.

With names after it only the rows that begin so are tried, and printed. The cases are in backend_cases.py. Each is asked
for its value, its gradient and a Hessian-vector product, at other numbers than it was recorded at, and with another
number of rows; the answers are compared with those of the engine in float64, and these with differences. A refusal is
an error of one line of the kinds that REFUSALS has; all else is wrong, and written so.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from backend_cases import CASES, Case

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.targets.export.javascript import function
from microgradcnn.targets.native import jit

PAGE = Path(__file__).parents[1] / "demos" / "guide" / "backends.md"
REFUSALS = (TypeError, ValueError, IndexError, NotImplementedError)
CLOSE, MEASURED = 1e-10, 1e-6  # how near backends are to the engine, and the engine to differences
SINGLE = 1e-4  # how near float32 is
STEP = 1e-4
RECORDED, CALLED = 3, 5  # rows
HERE, THERE = 1, 2  # seeds of numbers to call with, and to record at
YES, BY_NUMPY, FLOAT32 = "✓", "by NumPy", "float32"


class WrongError(AssertionError):
    """Another number than the engine's."""


# A loss of each case, whose gradient and Hessian-vector product are asked for


@dataclass
class Graph:
    """A case computed: its leaves, outputs, loss and that loss plus its derivative in a direction."""

    moving: list[Value]  # what a gradient is taken with respect to
    inputs: list[Value]  # what has a number for every row, if it is recorded for rows
    outputs: list[Value]
    first: Value  # a loss
    second: Value | None  # the loss and ∇loss·v: its gradient is ∇loss + Hv
    refused: str = ""  # why there is no second

    @property
    def losses(self) -> list[Value]:
        return [self.first] if self.second is None else [self.first, self.second]


def drawn(case: Case, seed: int, n: int) -> list[Any]:
    """The numbers of the arguments; those that do not move are the same for every seed."""
    rngs = [
        np.random.default_rng([i, seed if arg.moves else 0, n if arg.rows else 0]) for i, arg in enumerate(case.args)
    ]
    return [arg.draw(rng, n) for arg, rng in zip(case.args, rngs, strict=True)]


def batch(case: Case, arrays: Sequence[Any], shift: Sequence[Any] | None = None) -> Graph:
    """For these rows alone: the arguments and the layer's parameters move."""
    model = case.make()
    own = model.parameters() if hasattr(model, "parameters") else []
    given = [
        Value(array, label=f"x_{i}") if arg.moves else array
        for i, (arg, array) in enumerate(zip(case.args, arrays, strict=True), 1)
    ]
    moving = [v for v in given if isinstance(v, Value)] + list(own)
    for v, step in zip(moving, shift or [], strict=False):
        v.data = v.data + step
    outputs = _listed(case.build(model, *given))
    first = _sum([mg.mean(_bent(y) * _weights(y.shape)) for y in outputs])
    slopes = mg.grad(first, moving)
    second = first + _sum([mg.sum(g * v) for g, v in zip(slopes, directions(moving), strict=True)])
    return Graph(moving, [], outputs, first, second)


def rows(case: Case, arrays: Sequence[Any]) -> Graph:
    """For any number of rows: a gradient is taken with respect to factors of the arguments, and to parameters."""
    model = case.make()
    own = model.parameters() if hasattr(model, "parameters") else []
    inputs, factors, given, shared = [], [], [], []
    for i, (arg, array) in enumerate(zip(case.args, arrays, strict=True), 1):
        leaf = Value(array, label=f"x_{i}")
        if not arg.rows:
            given.append(leaf)
            shared.append(leaf)
            continue
        inputs.append(leaf)
        if arg.moves:
            factors.append(Value(np.linspace(0.9, 1.0, int(np.prod(arg.shape))).reshape(arg.shape), label=f"p_{i}"))
            leaf = leaf * factors[-1]
        given.append(leaf)
    outputs = _listed(case.build(model, *given))
    n = len(inputs[0].data) if inputs else 0
    each = [_bent(y) * (_weights(y.shape[1:]) if y.shape[0] == n else 1.0) if y.shape else y for y in outputs]
    first = _sum([mg.mean(e) if e.shape else e for e in each])
    moving = [*factors, *shared, *own]
    try:
        second = first + _of_rows(each, [z for z, arg in zip(given, case.args, strict=True) if arg.rows and arg.moves])
    except REFUSALS as error:
        return Graph(moving, inputs, outputs, first, None, str(error))
    return Graph(moving, inputs, outputs, first, second)


def _of_rows(each: Sequence[Value], moving: Sequence[Value]) -> Value:
    """The mean over rows of the derivative in a direction that is the same for every row."""
    parts = [mg.grad(e, moving, mg.ones_like(e)) for e in each]  # of the rows there are, as e is
    return _sum([mg.mean(g * _weights(g.shape[1:])) for slopes in parts for g in slopes])


def _listed(y: Any) -> list[Value]:
    found = list(y) if isinstance(y, list | tuple) else [y]
    return [mg.where(each, 1.0, 0.0) if each.dtype == np.bool_ else each for each in found]


def _bent(y: Value) -> Value:
    """What makes a Hessian of a function that is straight."""
    return mg.square(y + 0.5)


def _weights(shape: tuple[int, ...]) -> Any:
    return np.cos(1.0 + np.arange(int(np.prod(shape)))).reshape(shape)


def directions(moving: Sequence[Value]) -> list[Any]:
    return [_weights(v.shape) + 0.1 * i for i, v in enumerate(moving)]


def _sum(parts: Sequence[Value]) -> Value:
    whole = parts[0] if parts else Value(0.0)
    for part in parts[1:]:
        whole = whole + part
    return whole


def numbers(loss: Value, moving: Sequence[Value]) -> list[Any]:
    """A value and its gradients, by the engine."""
    return [loss.data, *[g.data for g in mg.grad(loss, moving)]]


# The ways, each of which raises what it finds


def eager(case: Case) -> str:
    """The value is NumPy's where NumPy has the function, the derivatives of both orders are what differences are."""
    arrays = drawn(case, HERE, CALLED)
    graph = batch(case, arrays)
    _as_numpy(case, arrays, graph.outputs)
    along = directions(graph.moving)
    if case.still is not None:
        along[-1][case.still] = 0.0
    for loss, name in ((graph.first, "first"), (graph.second, "second")):
        assert loss is not None
        exact = sum(float(np.sum(g.data * v)) for g, v in zip(mg.grad(loss, graph.moving), along, strict=True))

        def at(k: int, which: str = name) -> float:
            moved = batch(case, arrays, [k * STEP * v for v in along])
            return float(getattr(moved, which).data)

        measured = (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * STEP)
        if not abs(exact - measured) <= MEASURED * max(1.0, abs(measured)):
            raise WrongError(f"the {name} derivative is {exact}, and differences give {measured}")
    return YES


def _as_numpy(case: Case, arrays: Sequence[Any], outputs: Sequence[Value]) -> None:
    if not case.name.startswith("mg.") or case.name == "mg.norm":
        return
    try:
        found = case.build(np, *arrays)
    except AttributeError:  # of our own
        return
    for y, plain in zip(outputs, found if isinstance(found, list | tuple) else [found], strict=True):
        near([y.data], [np.asarray(plain, float)], "the value is")


def one_batch(backend: str) -> Callable[[Case], str]:
    """A program without inputs, recorded at other numbers."""

    def way(case: Case) -> str:
        at = batch(case, drawn(case, HERE, CALLED))

        def answer(which: int) -> None:
            graph = batch(case, drawn(case, THERE, CALLED))
            program = mg.compile(graph.losses[which], graph.moving, (), "numpy" if backend == "source" else backend)
            for v, there in zip(graph.moving, at.moving, strict=True):
                v.data = there.data
            if backend == "source":
                namespace: dict[str, Any] = {"numpy": np}
                exec(program.source, namespace)
                value, slopes = namespace["program"](*[v.data for v in graph.moving])
            else:
                value, slopes = program()
            near([value, *slopes], numbers(at.losses[which], at.moving))

        return _both(at, answer)

    return way


def any_rows(backend: str) -> Callable[[Case], str]:
    """A program recorded with three rows, called with five; the jit opens it into scalars, and fuses it."""

    def way(case: Case) -> str:
        if not any(arg.rows for arg in case.args):
            return ""
        arrays = drawn(case, HERE, CALLED)
        at = rows(case, arrays)
        data = [array for arg, array in zip(case.args, arrays, strict=True) if arg.rows]

        def answer(which: int) -> None:
            graph, opened = rows(case, drawn(case, THERE, RECORDED)), jit.OPENED
            programs = []
            for most in (opened, -1) if backend == "jit" else (opened,):
                try:
                    jit.OPENED = most
                    programs.append(mg.compile(graph.losses[which], graph.moving, graph.inputs, backend))
                finally:
                    jit.OPENED = opened
            for v, there in zip(graph.moving, at.moving, strict=True):
                v.data = there.data
            for program in programs:
                value, slopes = program(*data)
                near([value, *slopes], numbers(at.losses[which], at.moving))

        return _both(at, answer)

    return way


def _both(graph: Graph, answer: Callable[[int], None]) -> str:
    """The loss plus its derivative in a direction at once, or what is refused of it."""
    try:
        if graph.second is None:
            raise ValueError(graph.refused)
        answer(1)
    except REFUSALS as error:
        answer(0)  # the gradient is refused as well, or it is not
        return f"∇{one_sentence(error)}"
    return YES


def onnx_rows(case: Case) -> str:
    """The outputs, by onnxruntime from a file for any number of rows, in which what has no rows is written."""
    if not any(arg.rows for arg in case.args):
        return ""
    arrays, there = drawn(case, HERE, CALLED), drawn(case, THERE, RECORDED)
    mixed = [b if arg.rows else a for arg, a, b in zip(case.args, arrays, there, strict=True)]
    graph, at = rows(case, mixed), rows(case, arrays)
    data = [array for arg, array in zip(case.args, arrays, strict=True) if arg.rows]
    for y, expected in zip(graph.outputs, at.outputs, strict=True):
        cell = as_file(y, graph.inputs, data, expected.data, dynamic=True)
    return cell


def onnx_batch(case: Case) -> str:
    """The loss, its gradient and a Hessian-vector product, added up to one number, from a file for these rows alone."""
    arrays = drawn(case, HERE, CALLED)
    graph, at = batch(case, drawn(case, THERE, CALLED)), batch(case, arrays)
    inputs = graph.moving[: sum(arg.moves for arg in case.args)]  # a layer's parameters are written in the file

    def answer(which: int) -> None:
        def whole(g: Graph) -> Value:
            slopes = mg.grad(g.losses[which], g.moving)
            return g.losses[which] + _sum([mg.sum(d * v) for d, v in zip(slopes, directions(g.moving), strict=True)])

        data = [v.data for v in at.moving[: len(inputs)]]
        cells.append(as_file(whole(graph), inputs, data, whole(at).data, dynamic=False))

    cells: list[str] = []
    cell = _both(graph, answer)
    return cell if cell != YES else cells[-1]


def as_file(y: Value, inputs: Sequence[Value], data: Sequence[Any], expected: Any, dynamic: bool) -> str:
    """✓, or "float32" where onnxruntime has the operators of the file for that alone; raises WrongError."""
    from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoKernelError

    try:
        near([run_onnx(y, inputs, data, dynamic, np.float64)], [expected])
    except NoKernelError:
        near([run_onnx(y, inputs, data, dynamic, np.float32)], [expected], within=SINGLE)
        return FLOAT32
    return YES


def run_onnx(y: Value, inputs: Sequence[Value], data: Sequence[Any], dynamic: bool, dtype: Any) -> Any:
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.onnx"
        mg.export_onnx(y, path, inputs, dtype=dtype, dynamic=dynamic)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        feeds = {i.name: np.asarray(x, dtype) for i, x in zip(session.get_inputs(), data, strict=True)}
        return session.run(None, feeds)[0]


def javascript(case: Case) -> str:
    """A page's function of numbers, into which arrays are opened: loss, gradient and Hessian-vector product."""
    graph, at = batch(case, drawn(case, THERE, RECORDED)), batch(case, drawn(case, HERE, RECORDED))

    def answer(which: int) -> None:
        outputs = [graph.losses[which], *mg.grad(graph.losses[which], graph.moving)]
        text = function(outputs, graph.moving)
        given = [float(x) for v in at.moving for x in np.ravel(v.data)]
        script = f"{text}\nconsole.log(JSON.stringify(program({json.dumps(given)})));"
        ran = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)
        expected = np.concatenate([np.ravel(x) for x in numbers(at.losses[which], at.moving)])
        near([np.array(json.loads(ran.stdout), float)], [expected])

    return _both(graph, answer)


def near(found: Sequence[Any], expected: Sequence[Any], what: str = "it gives", within: float = CLOSE) -> None:
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or not np.allclose(a, b, within, within):
            raise WrongError(f"{what} {np.ravel(a)[:3]} {a.shape}, not {np.ravel(b)[:3]} {b.shape}")


WAYS: dict[str, Callable[[Case], str]] = {
    "eager": eager,
    "source": one_batch("source"),
    "numpy": one_batch("numpy"),
    "jit": one_batch("jit"),
    "jax": one_batch("jax"),
    "numpy, rows": any_rows("numpy"),
    "jit, rows": any_rows("jit"),
    "jax, rows": any_rows("jax"),
    "onnx": onnx_batch,
    "onnx, rows": onnx_rows,
    "page": javascript,
}


def one_sentence(error: BaseException) -> str:
    """A refusal in its words; raises WrongError if it is none."""
    text = str(error).strip()
    if not text or "\n" in text or not re.search(r"[a-z].* .*[a-z]", text) or isinstance(error, KeyError):
        raise WrongError(f"no sentence: {type(error).__name__}: {text[:200]!r}")
    return text


def tried(case: Case, way: str) -> str:
    """A cell: ✓, "by NumPy", a refusal's sentence, after ∇ if the gradient holds, or what is wrong after ✗."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            cell = WAYS[way](case)
        except REFUSALS as error:
            try:
                cell = one_sentence(error)
            except WrongError as wrong:
                return f"✗{wrong}"
        except Exception as error:
            return f"✗{type(error).__name__}: {error}"
    if cell == YES and any("NumPy runs a part" in str(w.message) for w in warned):
        return BY_NUMPY
    return cell


# The page

INTRO = """# What every backend computes

A row is a function of `mg`, a layer or a loss of `nn`, with the options that change how it is computed. Each was asked
for its value, its gradient and a Hessian-vector product, at other numbers than it was recorded at; ✓ says that all
three are those of the engine in float64, to 10⁻¹⁰. The engine's own are compared with differences, its values with
NumPy's where NumPy has the function; [PyTorch's numbers](../../tests/nn) and
[HIPS autograd's tests](numpy_functions.md#hips-autograds-own-tests) are compared with elsewhere.

- **eager**: `mg.grad`, twice. **source**: `.source` of a program of these rows alone, run with nothing but NumPy.
- **numpy, jit, jax**: `mg.compile` with that backend: first for these rows alone, all arguments in `wrt`, then for any
  number of rows, recorded with 3 and called with 5, which the jit did opened into scalars and fused.
- **onnx**: `mg.export_onnx`, run by onnxruntime: value, gradient and product for these rows alone (`dynamic=False`),
  then the outputs for any number of rows. "float32" says that onnxruntime has its operators for float32 alone.
- **page**: the function of numbers that a page of `mg.draw` has, in JavaScript, with arrays opened into numbers.

A number is that of the sentence [below](#refusals) that refuses; after ∇ the value and the gradient hold, and the
Hessian-vector product is refused: for any number of rows that of a loss which is a mean already, where
`reduction="none"` has one. Nothing stands where there is nothing to ask: weights have no rows. "by NumPy"
would say that the jit left a part to NumPy, as it does with [a primitive of your own](primitives.md) without a
notation; `argmax`, `argmin` and `argsort` give integers of the moment of recording, and no graph. This page is written
by [`tests/backends_page.py`](../../tests/backends_page.py) from the cases in
[`tests/backend_cases.py`](../../tests/backend_cases.py).

"""
HEAD = (
    "| | eager | source | numpy | jit | jax | numpy, rows | jit, rows | jax, rows | onnx | onnx, rows | page |",
    "| --- |" + " :-: |" * 11,
)
ESCAPED = str.maketrans({mark: f"\\{mark}" for mark in "|<*"})
PLAIN = ("", YES, BY_NUMPY, FLOAT32)
Results = dict[str, dict[str, str]]  # by the key of a case and by way: a cell in full


def page(results: Results) -> str:
    """The table as Markdown, and under it the sentences that its numbers mean."""
    notes: dict[str, int] = {}

    def cell(text: str) -> str:
        if text in PLAIN or text.startswith("✗"):
            return text
        mark, sentence = ("∇ ", text[1:]) if text.startswith("∇") else ("", text)
        return f"{mark}{notes.setdefault(gist(sentence), len(notes) + 1)}"

    table = [f"| `{key}` | {' | '.join(cell(row[way]) for way in WAYS)} |" for key, row in results.items()]
    sentences = [f"{number}. {sentence.translate(ESCAPED)}" for sentence, number in notes.items()]
    return "\n".join([INTRO + "\n".join(HEAD), *table, "", "## Refusals", "", *sentences, ""])


def gist(sentence: str) -> str:
    """A refusal without the labels, shapes and advice of the case."""
    short = re.split(r"; (?!the )|: operands could| with shapes ", " ".join(sentence.split()))[0]
    return re.sub(r"an unlabelled (?:result of \w+|leaf)(?: of shape \([^)]*\))?", "a Value", short)


def written() -> Results:
    """What the page says, with the sentences in the place of their numbers."""
    text = PAGE.read_text(encoding="utf-8")
    notes = dict(re.findall(r"^(\d+)\. (.*)$", text.partition("\n## Refusals")[2].replace("\\", ""), re.MULTILINE))
    rows = re.findall(r"^\| `([^`]*)` \| (.*) \|$", text, re.MULTILINE)
    cells = {
        key: [re.sub(r"\b\d+$", lambda n: notes[n[0]], c) if c not in PLAIN else c for c in row.split(" | ")]
        for key, row in rows
    }
    return {key: dict(zip(WAYS, (c.replace("∇ ", "∇") for c in row), strict=True)) for key, row in cells.items()}


def as_written(cell: str) -> str:
    """A cell with the gist of its sentence, as `written` gives it."""
    return cell if cell in PLAIN else "∇" + gist(cell[1:]) if cell.startswith("∇") else gist(cell)


def main(names: Sequence[str]) -> None:
    """Try all cases and write the page; or try those whose names are given, and print them."""
    results: Results = {}
    for case in CASES:
        if not names or case.key.startswith(tuple(names)):
            results[case.key] = {way: tried(case, way) for way in WAYS}
            print(case.key, *[f"  {way}: {cell}" for way, cell in results[case.key].items() if cell != YES], sep="\n")
    if not names:
        PAGE.write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
