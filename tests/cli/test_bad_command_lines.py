"""Bad command lines: exit code 2, one sentence on stderr, nothing on stdout but that error as JSON where it is wanted.

Whoever adds a command or an option adds the ways to get it wrong to the tables here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from command_line import one_sentence, run, strict
from many_cases import slow_but

OWN = {
    "raises.py": "raise ValueError('one\\ntwo \\x1b[31mred')",
    "silent.py": "class Odd(Exception):\n    def __str__(self): raise RuntimeError('no text')\nraise Odd",
    "exits.py": "raise SystemExit(0)",
    "exits_in_words.py": "import sys\nsys.exit('bye\\nbye')",
    "stops.py": "class Stop(BaseException): pass\nraise Stop('enough')",
    "memory.py": "raise MemoryError",
    "deep.py": "def f(): return f()\n",
    "syntax.py": "def f(:\n",
    "nul.py": "x = 1\0",
    "imports.py": "import a_module_that_nobody_has",
    "prints.py": "print('hello')\nf = 3",
    "array.py": "from microgradcnn import Value\nf = Value([1.0, 2.0], label='w') * 2",
    "argument.py": "def f(x): return x",
    "nothing.py": "def f(): return None",
    "fails.py": "def f(): return {}['key']",
    "exits_inside.py": "def f(): raise SystemExit",
    "latin.py": None,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files good and bad, made once."""
    folder = tmp_path_factory.mktemp("whole")
    for name, text in OWN.items():
        (folder / name).write_bytes(b"name = '\xe9'\n" if text is None else text.encode())
    rows = "".join(f"{i},{i * i % 7},{'yes' if i % 2 else 'no'}\n" for i in range(20))
    (folder / "good.csv").write_text("a,b,kind\n" + rows)
    (folder / "three.csv").write_text("a,b,kind\n" + "".join(f"{i},{-i},{'rgb'[i % 3]}\n" for i in range(20)))
    (folder / "ragged.csv").write_text("a,b,kind\n1,2,x\n1,2\n")
    (folder / "words.csv").write_text("a,b,kind\n1,two,x\n2,three,y\n")
    (folder / "header.csv").write_text("a,b,kind\n")
    (folder / "empty.csv").write_bytes(b"")
    (folder / "bytes.csv").write_bytes(np.random.default_rng(0).bytes(500))
    (folder / "notes.txt").write_text("no folder, no key\n")
    (folder / "folder").mkdir()
    (folder / "folder.csv").mkdir()
    np.savez(folder / "other.npz", weight=np.ones(3))
    np.savez(folder / "pickle.npz", x=np.array([{}], dtype=object), y=np.array([1]))
    (folder / "cut.npz").write_bytes((folder / "other.npz").read_bytes()[:100])
    (folder / "key.json").write_text('{"sheet": 1}')
    (folder / "list.json").write_text("[1, 2")
    with zipfile.ZipFile(folder / "zip.npz", "w") as archive:
        archive.writestr("x.npy", b"no array")
    done = run("train", "single_layer", "--data", folder / "good.csv", "--epochs", 2, "--out", folder / "run")
    assert (done.code, done.err) == (0, "")
    return folder


@pytest.fixture
def here(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of that folder, which the command runs in."""
    shutil.copytree(whole, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


TRAIN = ("train", "single_layer", "--data", "side", "--epochs", "1")
IMAGES = ("train", "conv_linear", "--data", "side", "--epochs", "1")
TABLE = ("train", "single_layer", "--data", "good.csv", "--epochs", "1")
PREDICT = ("predict", "single_layer", "--parameters", "run/parameters.npz", "--data")
EXPLAIN = ("explain", "(w*x - y)**2", "--wrt", "w")
CHECK = ("check", "single_layer", "--wrt", "w_1", "--answer")
GRADE = ("grade", "folder", "--key")

# Commands and options that there are not, or not like this
OPTIONS = [
    (("trian",), "did you mean train?"),
    (("Train",), "did you mean train?"),
    (("--verison",), ""),
    (("networks", "--jsom"), "did you mean --json?"),
    (("networks", "lenet"), "lenet"),
    (("train",), "NETWORK"),
    (("train", "single_layer"), "--data"),
    ((*TRAIN, "--optimizer", "adam"), "did you mean --optimiser?"),
    ((*TRAIN, "--optimizer=adam"), "did you mean --optimiser?"),
    ((*TRAIN, "--lr", "0.1"), "--rate"),
    ((*TRAIN, "--learning-rate", "0.1"), "--rate"),
    ((*TRAIN, "--batch-size", "4"), "did you mean --batch?"),
    ((*TRAIN, "--regularize", "0"), "did you mean --regularise?"),
    ((*TRAIN, "--chekpoint", "run"), "did you mean --checkpoint?"),
    ((*TRAIN, "--qqqq", "1"), "--qqqq"),
    (("graph", "x*x", "--output", "g.svg"), "--out"),
    (("explain", "x*x", "--wtr", "x"), "--wrt"),
    (("cost", "single_layer", "--mesure"), "did you mean --measure?"),
    (("worksheet", "x*x", "--sede", "1"), "did you mean --seed?"),
    ((*TRAIN, "--rate"), "--rate"),
    (("check", "x*x", "--wrt", "x", "--answer"), "--answer"),
    (("graph", "x*x"), "--out"),
    (("export", "single_layer"), "--parameters"),
    (("grade", "folder"), "--key"),
]

# Values that an option does not take
VALUES = [
    ((*TRAIN, "--rate", "0"), "positive"),
    ((*TRAIN, "--rate", "nan"), "nan"),
    ((*TRAIN, "--rate", "inf"), "inf"),
    ((*TRAIN, "--rate", "1_0"), "1_0"),
    ((*TRAIN, "--rate", "0,1"), "0,1"),
    ((*TRAIN, "--epochs", "0"), "epochs"),
    ((*TRAIN, "--epochs", "1_0"), "1_0"),
    ((*TRAIN, "--epochs", "1e3"), "1e3"),
    ((*TRAIN, "--seed", "-1"), "seed"),
    ((*TRAIN, "--seed", "one"), "one"),
    ((*TRAIN, "--batch", "0"), "batch"),
    ((*TRAIN, "--hidden", "-2"), "at least 1"),
    ((*TRAIN, "--regularise", "-1"), "λ"),
    ((*TRAIN, "--activation", "ReLU"), "relu"),
    ((*TRAIN, "--optimiser", "Adam"), "adam"),
    ((*TRAIN, "--optimiser", "sgd"), "gradient_descent"),
    ((*TRAIN, "--engine", "numba"), "numpy"),
    ((*TRAIN, "--plot", "plot.doc"), ".png"),
    ((*TRAIN, "--shift", "1"), "--shift is not for single_layer"),
    ((*TRAIN, "--every", "3"), "--checkpoint"),
    ((*TRAIN, "--resume"), "--checkpoint"),
    ((*TRAIN, "--checkpoint", "run2", "--every", "0"), "every"),
    ((*IMAGES, "--kernel", "0"), "kernel"),
    ((*IMAGES, "--filters", "0"), "filters"),
    ((*IMAGES, "--shrink", "0"), "shrink"),
    ((*IMAGES, "--classes", "left,left"), "two different classes"),
    ((*IMAGES, "--classes", "left,up"), "up"),
    ((*IMAGES, "--target", "label"), "target"),
    (("source", "x*x", "--backend", "numppy"), "did you mean numpy?"),
    (("cost", "single_layer", "--format", "html"), "html"),
    (("worksheet", "x*x", "--questions", "0"), "questions"),
    (("worksheet", "x*x", "--questions", "25"), "24"),
    ((*EXPLAIN, "--at", "w=1_0,x=1,y=1"), "w=1_0"),
    ((*EXPLAIN, "--at", "w=inf,x=1,y=1"), "w=inf"),
    ((*EXPLAIN, "--at", "w=١,x=1,y=1"), "w=١"),
    ((*EXPLAIN, "--at", "w=1,x=1,y=1,q=2"), "q"),
    ((*EXPLAIN, "--through", "q"), "q"),
    ((*EXPLAIN, "--rate", "-1"), "positive"),
    (("explain", "x*x", "--wrt", ""), ""),
    (("graph", "x*x", "-o", "g.svg", "--collapse", "nobody"), "nobody"),
    (("graph", "single_layer", "-o", "g.bmp"), ".svg"),
    (("graph", "x*x", "-o", "svg"), ".svg"),
    (("graph", "x*x", "-o", "g.svg", "--arrays"), "--arrays"),
    (("gradcheck", "lenet"), "lenet"),
    (("cost", "x*x"), "single_layer"),
    (("gradcheck", "single_layer", "--seed", "-1"), "seed"),
]

# Files that are not there, or are something else; names that nothing has
FILES = [
    ((*TRAIN, "--out", "notes.txt"), "notes.txt"),
    ((*TRAIN, "--out", "notes.txt/run"), "notes.txt"),
    ((*TRAIN, "--plot", "notes.txt/plot.svg"), "notes.txt"),
    ((*TRAIN, "--checkpoint", "notes.txt"), "notes.txt"),
    ((*TABLE, "--target", "knid"), "did you mean 'kind'?"),
    ((*TABLE, "--target", "3"), "3"),
    ((*TABLE, "--target", "kind", "--classes", "yes,on"), "on"),
    (("train", "conv_linear", "--data", "three.csv"), "--classes"),
    (("train", "single_layer", "--data", "three.csv", "--target-kind", "number"), "no numbers"),
    (("train", "single_layer", "--data", "digit"), "did you mean 'digits'?"),
    (("train", "single_layer", "--data", ""), "''"),
    (("train", "single_layer", "--data", "god.csv"), "god.csv does not exist"),
    (("train", "single_layer", "--data", "folder"), "folder"),
    (("train", "single_layer", "--data", "folder.csv"), "folder.csv"),
    (("train", "single_layer", "--data", "ragged.csv"), "line 3"),
    (("train", "single_layer", "--data", "words.csv"), "two"),
    (("train", "single_layer", "--data", "header.csv"), "header.csv"),
    (("train", "single_layer", "--data", "empty.csv"), "empty"),
    (("train", "single_layer", "--data", "bytes.csv"), "bytes.csv"),
    (("train", "single_layer", "--data", "other.npz"), "other.npz"),
    (("train", "single_layer", "--data", "pickle.npz"), "pickle.npz"),
    (("train", "single_layer", "--data", "cut.npz"), "cut.npz"),
    (("train", "single_layer", "--data", "zip.npz"), "zip.npz"),
    (("train", "single_layer", "--data", "/proc/self/mem"), "/proc/self/mem"),
    (("train", "single_layer", "--data", "x" * 300 + ".csv"), "xxx"),
    (("train", "lenet", "--data", "good.csv", "--epochs", "1"), "image"),
    (("predict", "single_layer", "--parameters", "other.npz", "--data", "side"), "other.npz"),
    (("predict", "single_layer", "--parameters", "cut.npz", "--data", "side"), "cut.npz"),
    (("predict", "single_layer", "--parameters", "folder", "--data", "side"), "folder"),
    (("predict", "single_layer", "--parameters", "good.csv", "--data", "side"), "good.csv"),
    (("predict", "single_layer", "--parameters", "run", "--data", "good.csv"), "run"),
    (("predict", "conv_linear", *PREDICT[2:], "good.csv"), "holds a single_layer"),
    (("predict", "lenet", *PREDICT[2:], "good.csv"), "single_layer"),
    ((*PREDICT, "side"), "side"),
    ((*PREDICT, "none.csv"), "none.csv does not exist"),
    ((*PREDICT, "good.csv", "--target", "kinds"), "kind"),
    (("export", "conv_linear", "--parameters", "run/parameters.npz", "--out", "m.onnx"), "holds a single_layer"),
    (("export", "single_layer", "--parameters", "run/parameters.npz", "--out", "nowhere/m.onnx"), "nowhere"),
    (("export", "single_layer", "--parameters", "run/parameters.npz", "--out", "folder"), "folder"),
    (("lesson", "--out", "notes.txt"), "notes.txt"),
    (("worksheet", "single_layer", "--questions", "1", "--out", "notes.txt"), "notes.txt"),
    (("explain", "x*x", "--wrt", "x", "--out", "folder"), "folder"),
    (("explain", "x*x", "--wrt", "x", "--out", "nowhere/p.html"), "nowhere"),
    (("graph", "x*x", "-o", "folder.svg/g.svg"), "folder.svg"),
    (("cost", "single_layer", "--out", "nowhere/c.txt"), "nowhere"),
    (("cost", "single_layer", "--out", "c.pdf"), ".html"),
    (("ledger", "x*x", "--out", "l.tex"), ".json"),
    ((*GRADE, "none.json"), "none.json"),
    ((*GRADE, "key.json"), "key.json"),
    ((*GRADE, "list.json"), "list.json"),
    ((*GRADE, "notes.txt"), "notes.txt"),
    ((*GRADE, "folder"), "folder"),
    (("grade", "none", "--key", "key.json"), "none"),
    (("grade", "notes.txt", "--key", "key.json"), "notes.txt"),
    (("ledger", "good.csv:f"), ""),
    (("ledger", "folder:f"), ""),
    (("ledger", "none.py:f"), "none.py does not exist"),
    (("ledger", "prints.py"), "prints.py"),
    (("ledger", "prints.py:"), "prints.py"),
    (("ledger", "prints.py:g"), "g"),
    (("ledger", "prints.py:f"), "f"),
    (("ledger", "raises.py:f"), "raises.py"),
    (("ledger", "silent.py:f"), "silent.py"),
    (("ledger", "exits.py:f"), "exits.py"),
    (("ledger", "exits_in_words.py:f"), "exits_in_words.py"),
    (("ledger", "stops.py:f"), "stops.py"),
    (("ledger", "memory.py:f"), "memory.py"),
    (("ledger", "deep.py:f"), "deep.py"),
    (("ledger", "syntax.py:f"), "syntax.py"),
    (("ledger", "nul.py:f"), "nul.py"),
    (("ledger", "latin.py:f"), "latin.py"),
    (("ledger", "imports.py:f"), "a_module_that_nobody_has"),
    (("ledger", "array.py:f"), "shape (2,)"),
    (("explain", "argument.py:f", "--wrt", "x"), "argument.py"),
    (("graph", "nothing.py:f", "-o", "g.svg"), "nothing.py"),
    (("check", "fails.py:f", "--wrt", "x", "--answer", "1"), "fails.py"),
    (("source", "exits_inside.py:f"), "exits_inside.py"),
]

# Paths that no terminal should get as they are
PATHS = [
    (("train", "single_layer", "--data", "new\nline.csv"), "new"),
    (("train", "single_layer", "--data", "\x1b[31mred.csv"), "red.csv"),
    (("train", "single_layer", "--data", os.fsdecode(b"caf\xe9.csv")), "caf"),
    (("train", "single_layer", "--data", "nul\0.csv"), "nul"),
    ((*TRAIN, "--out", "notes.txt/new\nline"), "notes.txt"),
    ((*TRAIN, "--plot", "notes.txt/\x1b]0;title\x07.svg"), "notes.txt"),
    ((*TRAIN, "--\x1b[31mred"), "red"),
    ((*PREDICT, "\x9b31mred.csv"), "red.csv"),
    ((*PREDICT[:3], "new\nline.npz", "--data", "side"), "new"),
    ((*PREDICT[:3], os.fsdecode(b"\xff.npz"), "--data", "side"), ".npz"),
    (("train", "two\nlines", "--data", "side"), "two"),
    (("\x1b[31m",), "[31m"),
    (("export", "single_layer", *PREDICT[2:4], "--out", "nowhere/\x1b[1m.onnx"), "nowhere"),
    (("graph", "x*x", "-o", "nowhere\n/g.svg"), "nowhere"),
    (("graph", "x*x", "-o", "g\x1b[1m.bmp"), ".svg"),
    (("ledger", "\x1b[1mnone.py:f"), "none.py"),
    (("ledger", "prints.py:\x1b[1m"), "prints.py"),
    ((*GRADE, "\x1b[1mkey.json"), "key.json"),
    (("grade", "\x1b[1mfolder", "--key", "key.json"), "folder"),
    (("worksheet", "single_layer", "--questions", "1", "--out", "notes.txt/\x1b[1m"), "notes.txt"),
    (("explain", "x*x", "--wrt", "x", "--out", "nowhere/\u202egpj.html"), "nowhere"),
    ((*EXPLAIN, "--at", "w=1,x=1,y=1,\x1b[1m=2"), "[1m"),
    (("explain", "x*x", "--wrt", "\x1b[1m"), "[1m"),
]

NO_FORMULAS = (
    *("", " ", "1", "x +", "x y)", "(x", "x**", "x = ", "x; y = ", "z = x; z = y; z", "x = x; x", "'x'", "f'{x}'"),
    *("x.__class__", "().__class__.__bases__", "__import__('os')", "lambda: x", "[x for x in y]", "x if y else z"),
    *("x == y", "x := y", "print(x)", "log()", "log(x, y, z)", "exp(x=1)", "foo(x)", "9**9**9**9*x", "1e999*x", "x\0"),
    *("\x1b[31mx", "x\ny", "x @ y", "{x}", "*x", "x; ; y", "(" * 5000 + "x" + ")" * 5000, "-(" * 5000 + "x"),
)
FORMULAS = [
    *((("ledger", text), "") for text in NO_FORMULAS),
    *(((*CHECK, text), "") for text in NO_FORMULAS if text not in ("1", "-x")),
]

LINES = [*OPTIONS, *VALUES, *FILES, *PATHS, *FORMULAS]


def named(arguments: tuple[str, ...]) -> str:
    return ascii(" ".join(arguments))[1:60] or "nothing"


EVERY = [arguments for arguments, _ in LINES]
IDS = [named(arguments) for arguments, _ in LINES]


def test_there_are_many_lines() -> None:
    assert len({arguments for arguments, _ in LINES}) >= 60


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("arguments", "says"), LINES, ids=IDS)
def test_a_bad_line_gets_one_sentence_and_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    sentence = done.err.removeprefix("hello\n")  # what prints.py prints
    assert one_sentence(sentence), sentence
    assert says in sentence
    assert len(sentence) < 2000


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("arguments", slow_but(*EVERY[::10], among=EVERY), ids=IDS)
def test_with_json_it_is_an_object_as_well(arguments: tuple[str, ...]) -> None:
    done = run(arguments[0], "--json", *arguments[1:])
    found = strict(done.out)
    assert (done.code, set(found), found["exit_code"]) == (2, {"error", "exit_code"}, 2)
    assert isinstance(found["error"], str)
    assert found["error"]
    assert one_sentence(done.err.removeprefix("hello\n")), done.err
    assert found["error"] in done.err


@pytest.mark.slow
def test_nothing_is_written_before_a_bad_option_is_seen(here: Path) -> None:
    before = sorted(here.rglob("*"))
    for arguments, _ in [*OPTIONS, *VALUES]:
        run(*arguments)
    assert sorted(here.rglob("*")) == before


@pytest.mark.usefixtures("here")
def test_an_answer_of_no_is_exit_code_1_with_and_without_json() -> None:
    diverging = ("train", "single_layer", "--data", "side", "--rate", "1e9", "--epochs", "50")
    done = run(*diverging)
    assert (done.code, done.out) == (1, "")
    assert one_sentence(done.err), done.err
    done = run(*diverging, "--json")
    found = strict(done.out)
    assert (done.code, set(found), found["exit_code"]) == (1, {"error", "exit_code"}, 1)
    done = run("check", "x*x", "--wrt", "x", "--answer", "3*x", "--json")
    assert (done.code, strict(done.out)["right"], done.err) == (1, False, "")


# Odd, but not bad
ODD = [
    ("explain", "z = exp(x); z - z", "--wrt", "x"),
    ("graph", "z = exp(x); z - z", "-o", "g.html"),
    ("explain", "x - x", "--wrt", "x"),
    ("explain", "0*x", "--wrt", "x"),
    ("explain", "z = 0*x; z*z", "--wrt", "x"),
    ("source", "x - x"),
    ("check", "x - x", "--wrt", "x", "--answer", "0"),
    ("explain", "x**0", "--wrt", "x"),
    ("explain", "f = x*x; f", "--wrt", "x"),
]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("arguments", ODD, ids=map(named, ODD))
def test_an_odd_line_is_answered(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")


@pytest.mark.usefixtures("here")
def test_the_name_alone_prints_the_commands() -> None:
    done = run()
    assert done.code in (0, 2)
    for command in ("networks", "lesson", "train", "predict", "export", "gradcheck", "source", "explain", "check"):
        assert command in done.out + done.err
    for command in ("ledger", "worksheet", "grade", "graph", "cost"):
        assert command in done.out + done.err
    assert "Traceback" not in done.err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("shortened", ["--epoch", "--optimise", "--see", "--reg"])
def test_a_shortened_option_is_taken_or_completed(shortened: str) -> None:
    """Never something third: it does what the whole option does, or names it."""
    value = {"--epoch": "1", "--optimise": "adam", "--see": "0", "--reg": "0"}[shortened]
    done = run(*TRAIN, shortened, value)
    assert done.code == 0 or ("did you mean --" in done.err and shortened in done.err and one_sentence(done.err))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["iris", "wine", "mnist", "boston", "cifar10", "qqq"])
def test_a_name_of_no_data_set_gets_a_guess_that_is_near_or_none(name: str) -> None:
    done = run("train", "single_layer", "--data", name)
    assert one_sentence(done.err), done.err
    guesses = {"mnist": "mnist_5000"}
    if name in guesses:
        assert f"did you mean '{guesses[name]}'?" in done.err
    else:
        assert "did you mean" not in done.err


PROCESSES = [("train", "single_layer", "--data", os.fsdecode(b"\xff\xfe.csv")), ("ledger", "exits.py:f")]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", PROCESSES, ids=map(named, PROCESSES))
def test_a_process_of_its_own_says_the_same(here: Path, arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-P", "-m", "microgradcnn", *arguments]
    ended = subprocess.run(command, capture_output=True, check=False, cwd=here, timeout=100)
    done = run(*arguments)
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert one_sentence(ended.stderr.decode()), ended.stderr
    assert ended.stderr.decode() == done.err
