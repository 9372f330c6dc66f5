"""What the sentence about a bad command line says, of the lines that test_bad_command_lines.py does not have."""

import json

import pytest

from microgradcnn.cli import main

SIDE = ["--data", "side"]
LONG = "n" * 300

MISTAKES = [
    # what is typed, and what the sentence says
    ([""], "'' is unknown"),
    (["-v"], "'-v' is unknown"),
    (["--jsn", "networks"], "a command's options follow the command"),
    (["networks", "extra"], "networks takes no 'extra'"),
    (["networks", "-x"], "networks takes no '-x'"),
    (["networks", "--js"], "did you mean --json?"),
    (["train", "single_layer", *SIDE, "--epoch", "3"], "did you mean --epochs?"),
    (["train", "single_layer", *SIDE, "--weight-decay", "3"], "did you mean --regularise?"),
    (["train", "single_layer", *SIDE, "--verbose"], "train has no --verbose: choose from --help, "),
    (["train", "single_layer", *SIDE, "--optimiser", "adm"], "did you mean adam?"),
    (["train", "single_layer", *SIDE, "--activation", "rleu"], "did you mean relu?"),
    (["train", "single_layer", *SIDE, "--rate", "１"], "'１' is no number"),
    (["train", "single_layer", *SIDE, "--rate", "1e999"], "'1e999' is no number"),
    (["train", "single_layer", *SIDE, "--epochs", "٣"], "is not a whole number of at least 1"),
    (["train", "single_layer", *SIDE, "--seed", "0.5"], "'0.5' is not a whole number of at least 0"),
    (["train", "single_layer", *SIDE, "--hidden", "9" * 14], "not enough memory"),
    (["train", "single_layer", *SIDE, "--hidden", "9" * 30], "is more than can be counted"),
    (["predict", "single_layer", *SIDE], "--parameters"),
    (["export", "single_layer", "--parameters", "none.npz", "--out", "m.onnx"], "none.npz does not exist"),
    (["gradcheck"], "NETWORK"),
    (["cost", "lenet"], "'lenet' is unknown"),
    (["cost", "conv_average", "--regularise", "x"], "'x' is no number"),
    (["explain", "w", "*", "x", "--wrt", "w"], "a formula with spaces goes in quotes"),
    (["explain", "w*x"], "say what to differentiate the formula by, as --wrt w"),
    (["check", "u*x", "--wrt", "u", "--answer", "p*x"], "p is not known here (column 1); the names are u, x, f"),
    (["explain", "conv_average", "--wrt", ","], "names nothing: write names between commas"),
    (["explain", "conv_average", "--wrt", "y_hatt"], "did you mean y_hat?"),
    (["explain", "conv_average", "--wrt", "f"], "its derivative is 0"),
    (["explain", "w" + "*1e9" * 35, "--wrt", "w"], "a number in this is too large"),
    (["explain", "w*1_0", "--wrt", "w"], "'_' in column 4 has no place in a formula"),
    (["explain", "w*１", "--wrt", "w"], "'１' in column 3 has no place in a formula"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=１,x=1"], "'w=１' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=1e400,x=1"], "'w=1e400' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "w=0x10,x=1"], "'w=0x10' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--at", "=1"], "'=1' is no name=number"),
    (["explain", "w*x", "--wrt", "w", "--out", "x.docx"], "end it in .txt, .tex, .html, .json"),
    (["explain", "bad.py:f", "--wrt", "w"], "bad.py, line 2: ZeroDivisionError"),
    (["explain", "array.py:f", "--wrt", "w"], "has shape (2,)"),
    (["explain", f"{LONG}.py:f", "--wrt", "w"], "nnn.py"),
    (["ledger", "lenet"], "lenet has no scalar form"),
    (["source", "conv_average", "--backend", "numba"], "'numba' is unknown: "),
    (["source", "conv_average", "--wrt", "z9"], "conv_average has no 'z9': did you mean z_"),
    (["source", "single_layer", "--arrays", "--backend", "numpy", "--wrt", "w"], "leave out --wrt or --backend"),
    (["worksheet", "conv_average", "--questions", "1000"], "1000"),
    (["worksheet", "conv_average", "--wrt", "q"], "conv_average has no 'q'"),
    (["grade", ".", "--key", "list.json"], "list.json cannot be used"),
    (["grade", ".", "--key", "deep.json"], "deep.json cannot be used"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with files that are not what a command wants."""
    folder = tmp_path_factory.mktemp("desk")
    files = {
        "bad.py": "# a comment\n1 / 0\n",
        "array.py": "from microgradcnn import Value\nw = Value([1.0, 2.0])\nf = w * 3.0\n",
        "list.json": "[]",
        "deep.json": "[" * 100_000,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
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
