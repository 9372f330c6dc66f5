"""JSON for machines is JSON as the standard has it, in every command and file, also where numbers are not finite."""

from __future__ import annotations

import json
import math
import re
import shutil
import zipfile
from pathlib import Path

import pytest
from command_line import EXAMPLES, QUICK, embedded, prepare, run, strict
from many_cases import slow_but

OWN = """
from microgradcnn import Value
nan = Value(float("nan"), label="w") * Value(2.0, label="x")
inf = (Value([1.0, float("inf")], label="w") * Value([2.0, 1.0], label="x")).sum()
large = Value(1e200, label="w") * Value(1e200, label="x")
slope = Value(0.0, label="w").sqrt() * Value(1.0, label="x")
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands read, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    (folder / "odd.py").write_text(OWN)
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of that folder, which the command runs in."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["nan", "inf"])
def bare(request: pytest.FixtureRequest) -> str:
    return {"nan": "[NaN]", "inf": "[-Infinity]"}[request.param]


def test_the_reader_of_these_tests_is_strict(bare: str) -> None:
    assert json.loads(bare)
    with pytest.raises(ValueError, match="is no JSON"):
        strict(bare)
    with pytest.raises(ValueError, match="twice"):
        strict('{"a": 1, "a": 2}')


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", slow_but(*QUICK, among=EXAMPLES))
def test_every_command(name: str) -> None:
    done = run(*EXAMPLES[name], "--json")
    assert done.code == 0, done.err
    strict(done.out)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["explain --out", "ledger --out", pytest.param("cost --out", marks=pytest.mark.slow)])
def test_a_file_keeps_its_own_format_while_json_is_printed(name: str) -> None:
    assert run(*EXAMPLES[name]).code == 0
    path = Path(EXAMPLES[name][-1])
    content = path.read_bytes()
    found = strict(run(*EXAMPLES[name], "--json").out)
    assert path.read_bytes() == content
    assert found == strict(run(*EXAMPLES[name][:-2], "--json").out) | {"written": path.name}


# f, and where it or a derivative is NaN or infinite
POINTS = {
    "log(x)": "x=-1",
    "x*log(x)": "x=0",
    "sqrt(x)": "x=0",
    "exp(x)": "x=1000",
    "x/y": "x=1,y=0",
    "x**0.5 + y": "x=-2,y=1",
    "log(x)*y": "x=0,y=3",
    "tanh(exp(x))": "x=800",
    "z = exp(x); z - z": "x=1000",
    "x*y*z": "x=1e200,y=1e200,z=1",
    "(w*x - y)**2": "w=1e200,x=1e200,y=0",
}
GRAPHS = [
    *((formula, ("--at", at)) for formula, at in POINTS.items()),
    *((f"odd.py:{name}", ()) for name in ("nan", "inf", "large", "slope")),
]


def leaf(graph: str) -> str:
    return "w" if graph.startswith(("odd", "(w")) else "x"


@pytest.mark.parametrize(("graph", "at"), GRAPHS, ids=[graph for graph, _ in GRAPHS])
def test_every_command_of_a_graph_that_is_not_finite(here: Path, graph: str, at: tuple[str, ...]) -> None:
    wrt = ("--wrt", leaf(graph))
    for arguments in (
        ("explain", graph, *at, *wrt, "--json"),
        ("explain", graph, *at, *wrt, "--format", "json"),
        ("ledger", graph, *at, "--json"),
        ("ledger", graph, *at, "--format", "json"),
        ("check", graph, *at, *wrt, "--answer", "1", "--json"),
        ("source", graph, *at, "--json"),
        ("graph", graph, *at, "-o", "g.svg", "--json"),
    ):
        done = run(*arguments)
        found = strict(done.out)
        assert done.code in (0, 1, 2)
        assert (done.code == 2) == ("exit_code" in found)
        assert done.code != 2 or found["exit_code"] == 2
        assert "Traceback" not in done.err
        assert "Warning" not in done.err
    for command in ("explain", "ledger"):
        (here / "new.json").unlink(missing_ok=True)
        if run(command, graph, *at, *(wrt if command == "explain" else ()), "--out", "new.json").code == 0:
            strict((here / "new.json").read_text("utf-8"))


def test_a_number_that_is_not_finite_is_null_and_the_others_stay() -> None:
    entries = strict(run("ledger", "exp(x)", "--at", "x=1000", "--json").out)["entries"]
    assert entries[0][:2] == ["f", "x"]
    assert None in entries[0][2:]
    entries = strict(run("ledger", "x*y", "--at", "x=1e200,y=1e200", "--json").out)["entries"]
    assert {entry[1]: entry[2] for entry in entries} == {"x": 1e200, "y": 1e200}
    found = strict(run("explain", "x*y", "--wrt", "x", "--at", "x=1e200,y=1e200", "--json").out)
    assert found.get("loss", "absent") in (None, "absent") or "error" in found
    assert found.get("at", {"x": 1e200, "y": 1e200}) == {"x": 1e200, "y": 1e200}


@pytest.mark.parametrize(("graph", "at"), GRAPHS, ids=[graph for graph, _ in GRAPHS])
def test_what_a_page_of_a_graph_reads_is_strict(here: Path, graph: str, at: tuple[str, ...]) -> None:
    done = run("graph", graph, *at, "-o", "new.html")
    assert done.code == 0, done.err
    assert embedded((here / "new.html").read_text("utf-8"))


# Training and predicting

RATES = ["1e9", "1e100", "1e154", "1e300"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("network", ["single_layer", "conv_linear", "lenet"])
def test_a_training_that_diverges(network: str, rate: str) -> None:
    data = "images.npz" if network == "lenet" else "side"
    options = ("--data", data, "--rate", rate, "--epochs", "4", "--out", "new", "--json")
    for more in ((), ("--activation", "relu")) if network != "lenet" else (("--engine", "eager"),):
        done = run("train", network, *options, *more)
        found = strict(done.out)
        assert done.code in (0, 1)
        assert (done.code == 1) == ("exit_code" in found)


def test_predictions_that_overflow(here: Path) -> None:
    learnt = ("train", "single_layer", "--data", "table.csv", "--activation", "relu", "--epochs", "2", "--out", "new")
    assert run(*learnt, "--regularise", "0").code == 0
    (here / "large.csv").write_text("a,b,kind\n1e308,-1e308,yes\n-1e308,1e308,no\n1e308,1e308,yes\n")
    done = run("predict", "single_layer", "--parameters", "new/parameters.npz", "--data", "large.csv", "--json")
    found = strict(done.out)
    assert done.code in (0, 2)
    if done.code == 0:
        assert len(found["predictions"]) == 3
        for row in found["predictions"]:
            assert row["prediction"] is None or math.isfinite(row["prediction"])


def test_accuracy_of_unlabelled_rows_is_null(here: Path) -> None:
    (here / "bare.csv").write_text("a,b\n1,2\n3,4\n")
    done = run("predict", "single_layer", "--parameters", "run/parameters.npz", "--data", "bare.csv", "--json")
    assert (done.code, strict(done.out)["accuracy"]) == (0, None)


# Files


def test_descriptions_in_files_of_parameters_and_checkpoints(here: Path) -> None:
    run("train", "conv_linear", "--data", "side", "--epochs", "3", "--checkpoint", "new", "--out", "new")
    files = [path for path in here.rglob("*.npz") if path.name != "images.npz"]
    assert len(files) >= 3  # of the preparation, of this training, and its checkpoints
    for path in files:
        with zipfile.ZipFile(path) as archive:
            strict(archive.read("description.json").decode())


def test_keys_of_worksheets_and_marks(here: Path) -> None:
    (key,) = (here / "keys").glob("*.json")
    assert strict(key.read_text("utf-8"))
    (answers,) = (here / "answers").glob("*.txt")
    text = answers.read_text("utf-8")
    for number in ("nan", "inf", "1e999", "-1e999"):
        answers.write_text(re.sub(r"^(\d+[^\n]*:).*$", rf"\1 {number}", text, flags=re.MULTILINE), "utf-8")
        done = run("grade", "answers", "--key", "keys", "-o", "new.csv", "--json")
        assert done.code in (0, 1, 2)
        strict(done.out)


@pytest.mark.slow
def test_the_polynomials_of_a_cost(here: Path) -> None:
    for options in (("--json",), ("--format", "json")):
        assert strict(run("cost", "single_layer", *options).out)
    assert run("cost", "single_layer", "--out", "new.json").code == 0
    assert strict((here / "new.json").read_text("utf-8"))


@pytest.mark.slow
def test_times_and_their_exponents() -> None:
    done = run("cost", "single_layer", "--measure", "--json")
    assert done.code == 0
    strict(done.out)
