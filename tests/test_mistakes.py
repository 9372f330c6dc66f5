"""Bad command lines: each gets one sentence that helps, exit code 2, and under --json an object; never a traceback."""

import json
import re
import zipfile

import numpy as np
import pytest

from microgradcnn.cli import COMMANDS, main

SIDE = ["--data", "side"]
DEEP = "(" * 20_000 + "w" + ")" * 20_000
LONG = "n" * 300

MISTAKES = [
    # what is typed, and what the sentence says
    (["trian"], "did you mean train?"),
    (["Train"], "did you mean train?"),
    ([""], "'' is unknown"),
    (["-v"], "'-v' is unknown"),
    (["--jsn", "networks"], "a command's options follow the command"),
    (["networks", "extra"], "networks takes no 'extra'"),
    (["networks", "-x"], "networks takes no '-x'"),
    (["networks", "--js"], "did you mean --json?"),
    (["train", "single_layer", *SIDE, "--optimizer", "adam"], "did you mean --optimiser?"),
    (["train", "single_layer", *SIDE, "--optimizer=adam"], "did you mean --optimiser?"),
    (["train", "single_layer", *SIDE, "--lr", "0.1"], "did you mean --rate?"),
    (["train", "single_layer", *SIDE, "--learning-rate", "0.1"], "did you mean --rate?"),
    (["train", "single_layer", *SIDE, "--epoch", "3"], "did you mean --epochs?"),
    (["train", "single_layer", *SIDE, "--batch-size", "3"], "did you mean --batch?"),
    (["train", "single_layer", *SIDE, "--weight-decay", "3"], "did you mean --regularise?"),
    (["train", "single_layer", *SIDE, "--regularize", "3"], "did you mean --regularise?"),
    (["train", "single_layer", *SIDE, "--verbose"], "train has no --verbose: choose from --help, "),
    (["train", "single_layer", *SIDE, "--optimiser", "adm"], "did you mean adam?"),
    (["train", "single_layer", *SIDE, "--activation", "rleu"], "did you mean relu?"),
    (["train", "single_layer", *SIDE, "--rate", "1_0"], "'1_0' is no number"),
    (["train", "single_layer", *SIDE, "--rate", "１"], "'１' is no number"),
    (["train", "single_layer", *SIDE, "--rate", "inf"], "'inf' is no number"),
    (["train", "single_layer", *SIDE, "--rate", "1e999"], "'1e999' is no number"),
    (["train", "single_layer", *SIDE, "--rate", "0,1"], "'0,1' is no number"),
    (["train", "single_layer", *SIDE, "--rate"], "expected one argument"),
    (["train", "single_layer", *SIDE, "--epochs", "1_0"], "'1_0' is not a whole number of at least 1"),
    (["train", "single_layer", *SIDE, "--epochs", "1e3"], "'1e3' is not a whole number of at least 1"),
    (["train", "single_layer", *SIDE, "--epochs", "٣"], "is not a whole number of at least 1"),
    (["train", "single_layer", *SIDE, "--seed", "-1"], "'-1' is not a whole number of at least 0"),
    (["train", "single_layer", *SIDE, "--seed", "0.5"], "'0.5' is not a whole number of at least 0"),
    (["train", "single_layer", *SIDE, "--hidden", "9" * 14], "not enough memory"),
    (["train", "single_layer", *SIDE, "--hidden", "9" * 30], "is more than can be counted"),
    (["train", "single_layer", *SIDE, "--plot", "p.doc"], ".svg"),
    (["train", "single_layer", *SIDE, "--resume"], "needs --checkpoint"),
    (["train", "single_layer", *SIDE, "--out", "file"], "file cannot be written"),
    (["train", "single_layer", "--data", ""], "''"),
    (["train", "single_layer", "--data", "empty.csv"], "empty.csv"),
    (["train", "single_layer", "--data", f"{LONG}.csv"], "nnn.csv"),
    (["predict", "single_layer", *SIDE], "--parameters"),
    (["predict", "single_layer", "--parameters", ".", *SIDE], ". cannot be read: Is a directory"),
    (["predict", "single_layer", "--parameters", "empty.csv", *SIDE], "is damaged, or no parameters file"),
    (["predict", "single_layer", "--parameters", "other.npz", *SIDE], "is damaged, or no parameters file"),
    (["export", "single_layer", "--parameters", "none.npz", "--out", "m.onnx"], "none.npz does not exist"),
    (["gradcheck"], "NETWORK"),
    (["gradcheck", "lenet"], "'lenet' is unknown"),
    (["cost", "lenet"], "'lenet' is unknown"),
    (["cost", "conv_average", "--regularise", "x"], "'x' is no number"),
    (["cost", "conv_average", "--out", "cost.png"], "end it in"),
    (["explain", "conv_average", "--wtr", "c_1"], "did you mean --wrt?"),
    (["explain", "w", "*", "x", "--wrt", "w"], "a formula with spaces goes in quotes"),
    (["explain", "conv_average", "--wrt", ""], "names nothing: write names between commas"),
    (["explain", "conv_average", "--wrt", ","], "names nothing: write names between commas"),
    (["explain", "conv_average", "--wrt", "y_hatt"], "did you mean y_hat?"),
    (["explain", "conv_average", "--wrt", "f"], "its derivative is 0"),
    (["explain", "conv_average", "--wrt", "c_1", "--rate", "nan"], "'nan' is no number"),
    (["explain", "", "--wrt", "w"], "the formula"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1_0,x=1"], "'w=1_0' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=１,x=1"], "'w=１' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=inf,x=1"], "'w=inf' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1e400,x=1"], "'w=1e400' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=0x10,x=1"], "'w=0x10' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "=1"], "'=1' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "q=1"], "the formula has no 'q'"),
    (["explain", DEEP, "--wrt", "w"], "4000 are the most"),
    (["explain", "w + import_os()", "--wrt", "w"], "column"),
    (["explain", "w*x", "--wrt", "w", "--out", "x.docx"], "end it in .txt, .tex, .html, .json"),
    (["explain", "file.py", "--wrt", "w"], "say what in file.py"),
    (["explain", "file.py:g", "--wrt", "w"], "file.py has no 'g': it has f"),
    (["explain", "bad.py:f", "--wrt", "w"], "bad.py, line 2: ZeroDivisionError"),
    (["explain", "syntax.py:f", "--wrt", "w"], "syntax.py, line 1: SyntaxError"),
    (["explain", "number.py:f", "--wrt", "w"], "number.py:f is of type int, not a Value"),
    (["explain", "array.py:f", "--wrt", "w"], "has shape (2,)"),
    (["explain", f"{LONG}.py:f", "--wrt", "w"], "nnn.py"),
    (["check", "conv_average", "--wrt", "c_1"], "--answer"),
    (["check", "conv_average", "--wrt", "c_1", "--answer", ""], "the end in column 1"),
    (["check", "conv_average", "--wrt", "c_1", "--answer", DEEP], "characters"),
    (["ledger", "array.py:f"], "shape (2,)"),
    (["ledger", "lenet"], "lenet has no scalar form"),
    (["source", "conv_average", "--backend", "numba"], "'numba' is unknown: "),
    (["source", "conv_average", "--wrt", "z9"], "conv_average has no 'z9': did you mean z_"),
    (["source", "single_layer", "--arrays", "--backend", "numpy", "--wrt", "w"], "leave out --wrt or --backend"),
    (["graph", "conv_average"], "--out"),
    (["graph", "conv_average", "-o", "g"], "a picture is saved as"),
    (["graph", "conv_average", "-o", "none/g.svg"], "none/g.svg cannot be written"),
    (["graph", "conv_average", "-o", "g.svg", "--collapse", "q"], "q"),
    (["worksheet", "conv_average", "--questions", "0"], "at least 1"),
    (["worksheet", "conv_average", "--questions", "1000"], "1000"),
    (["worksheet", "conv_average", "--wrt", "q"], "conv_average has no 'q'"),
    (["worksheet", "conv_average", "--out", "file"], "file cannot be written"),
    (["grade", "none", "--key", "key.json"], "none is no folder"),
    (["grade", ".", "--key", "none.json"], "none.json does not exist"),
    (["grade", ".", "--key", "file"], "file cannot be used"),
    (["grade", ".", "--key", "list.json"], "list.json cannot be used"),
    (["grade", ".", "--key", "deep.json"], "deep.json cannot be used"),
    (["lesson", "--out", "file"], "file cannot be written"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with files that are not what a command wants."""
    folder = tmp_path_factory.mktemp("desk")
    files = {
        "file": "not a folder",
        "empty.csv": "",
        "file.py": "from microgradcnn import Value\nw = Value(2.0)\nf = w * 3.0\n",
        "bad.py": "# a comment\n1 / 0\n",
        "syntax.py": "f = (\n",
        "number.py": "f = 3\n",
        "array.py": "from microgradcnn import Value\nw = Value([1.0, 2.0])\nf = w * 3.0\n",
        "list.json": "[]",
        "deep.json": "[" * 100_000,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    with zipfile.ZipFile(folder / "other.npz", "w") as archive:
        archive.writestr("readme.txt", "hello")
    np.save(folder / "array.npy", np.ones(3))
    return folder


@pytest.mark.parametrize(("arguments", "says"), MISTAKES, ids=[ascii(" ".join(a))[:90] for a, _ in MISTAKES])
def test_a_bad_command_line_gets_one_sentence(capsys, desk, monkeypatch, arguments, says):
    monkeypatch.chdir(desk)
    code = main(arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("microgradcnn: ")
    assert err.count("\n") == 1
    assert len(err) < 600
    code = main([*arguments, "--json"])
    out, err = capsys.readouterr()
    if code == 2:
        assert json.loads(out) == {"error": err.removeprefix("microgradcnn: ").rstrip("\n"), "exit_code": code}


def test_no_command_prints_the_commands(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    for module in COMMANDS:
        assert re.search(rf"\n    {module.__name__.split('.')[-1]}\s", err)


def test_there_are_enough_of_them():
    assert len({tuple(arguments) for arguments, _ in MISTAKES}) == len(MISTAKES) >= 60
