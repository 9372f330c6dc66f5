"""Where the output goes: encodings without σ, closed streams, full disks, readers that leave, Ctrl-C at any time."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from microgradcnn.cli import COMMANDS, main
from microgradcnn.commands.streams import escaped

NAMES = [module.__name__.split(".")[-1] for module in COMMANDS]
ENCODINGS = ("cp1252", "latin-1", "ascii")
ODD = "ηx = sigmoid(sigma_1*x_2 - ŷ)**2; sqrt(ηx) + relu(λ_12*x_2)/3"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a trained network, a worksheet and an answer, which the commands below read."""
    folder, before = tmp_path_factory.mktemp("workplace"), Path.cwd()
    os.chdir(folder)
    sys_out, sys.stdout = sys.stdout, io.StringIO()
    try:
        assert main(["train", "conv_linear", "--data", "side", "--epochs", "5", "--out", "run"]) == 0
        assert main(["worksheet", "conv_average", "--out", "sheets", "--questions", "2"]) == 0
        (folder / "answers").mkdir()
        for path in (folder / "sheets").glob("answers-*"):
            path.rename(folder / "answers" / "ŝtudent-σ.txt")
        yield folder
    finally:
        sys.stdout = sys_out
        os.chdir(before)


def said(encoding, *arguments):
    """The exit code of a command whose two streams have this encoding, and what they got."""
    raw, streams = [io.BytesIO(), io.BytesIO()], (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = (io.TextIOWrapper(each, encoding) for each in raw)
    try:
        code = main([str(argument) for argument in arguments])
        sys.stdout.flush(), sys.stderr.flush()
        return code, *(each.getvalue().decode(encoding) for each in raw)
    finally:
        sys.stdout, sys.stderr = streams


RUNS = [
    ["networks"],
    ["networks", "--json"],
    ["train", "conv_linear", "--data", "side", "--epochs", "3"],
    ["predict", "conv_linear", "--parameters", "run/parameters.npz", "--data", "side", "--json"],
    ["export", "conv_linear", "--parameters", "run/parameters.npz", "--out", "σ.onnx"],
    ["gradcheck", "conv_average"],
    ["gradcheck", "conv_average", "--json"],
    ["source", "two_conv_linear", "--wrt", "c_5"],
    *(
        ["explain", "two_conv_average", "--wrt", "c_5", "--format", form]
        for form in ("text", "latex", "mathml", "json")
    ),
    ["explain", ODD, "--wrt", "sigma_1,lambda_12"],
    ["explain", "single_layer", "--wrt", "w_1", "--through", "z", "--regularise", "0.1"],
    ["check", "single_layer", "--wrt", "w_1", "--answer", "√f z_1"],
    ["ledger", "conv_average"],
    ["ledger", ODD],
    ["worksheet", "conv_average", "--out", "ŝheets", "--questions", "2"],
    ["grade", "answers", "--key", "sheets"],
    ["graph", "conv_average", "-o", "σ.svg"],
    ["cost", "conv_average"],
    ["cost", "single_layer", "--json"],
    ["explain", ODD, "--wrt", "ψ"],
    ["ledger", "σ.py:f"],
]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", RUNS, ids=" ".join)
def test_every_command_speaks_in_every_encoding(workplace, encoding, arguments):
    code, out, err = said(encoding, *arguments)
    expected = said("utf-8", *arguments)
    assert code == expected[0]
    assert "Traceback" not in err
    assert len(err.splitlines()) == len(expected[2].splitlines())
    if "json" in arguments or "--json" in arguments:
        assert json.loads(out) == json.loads(expected[1])
    elif "mathml" in arguments:
        assert "&#963;" in out or encoding == "utf-8"
    else:
        assert len(out.splitlines()) == len(expected[1].splitlines())
        assert not re.search(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}", (out + err).replace("\\u015d", "")), "an escape"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", ["", *NAMES])
def test_every_help_speaks_in_every_encoding(encoding, command):
    code, out, err = said(encoding, *filter(None, [command]), "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: microgradcnn")
    assert not re.search(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}", out)


def test_signs_are_spelt_and_what_has_no_name_is_an_escape():
    code, out, _ = said("ascii", "explain", "sigmoid(λ_12*x_2) - ŷ**2/2", "--wrt", "λ_12")
    assert code == 0
    assert "f = sigma(lambda_12x_2) - y_hat^2/2" in out
    assert "df/dlambda_12 = " in out
    assert "Finite difference: " in out
    assert " ok" in out
    assert said("ascii", "ledger", "žena")[2] == (
        "microgradcnn: '\\u017eena' is no network: choose from single_layer, conv_average, conv_linear, "
        "two_conv_average, two_conv_average_linear, two_conv_linear, or write a formula\n"
    )


def test_the_stream_is_left_as_it_was():
    stream, before = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict"), sys.stdout
    sys.stdout = stream
    try:
        assert main(["networks"]) == 0
    finally:
        sys.stdout = before
    assert stream.errors == "strict"


HOSTILE = "a\nb\x1b[31m\x07\x85\u202e\udcff"


@pytest.mark.parametrize(
    "arguments",
    [
        ["ledger", f"{HOSTILE}.py:f"],
        ["explain", "w*x", "--wrt", "w", "--out", f"{HOSTILE}/x.tex"],
        ["explain", "w*x", "--wrt", "w", "--out", f"{HOSTILE}.txt"],
        ["graph", "w*x", "--out", f"{HOSTILE}.svg"],
        ["worksheet", "w*x*v*u", "--questions", "1", "--out", HOSTILE],
        ["predict", "conv_linear", "--parameters", HOSTILE, "--data", "side"],
        ["train", "conv_linear", "--data", f"{HOSTILE}.csv"],
        ["train", "conv_linear", "--data", "side", "--epochs", "2", "--out", f"{HOSTILE} run"],
        ["grade", HOSTILE, "--key", HOSTILE],
        ["check", HOSTILE, "--wrt", HOSTILE, "--answer", HOSTILE],
        [HOSTILE],
        ["networks", HOSTILE],
        ["networks", f"--{HOSTILE}"],
    ],
    ids=lambda arguments: ascii(" ".join(arguments)),
)
def test_a_name_neither_moves_the_cursor_nor_breaks_a_line(workplace, arguments):
    code, out, err = said("utf-8", *arguments)
    assert code in (0, 2)
    lines = (out + err).splitlines()
    assert not [line for line in lines if not line.isprintable() and line != escaped(line)]
    assert not [line for line in lines if line.startswith("b")], "a name broke a line"


# Processes of their own.


def command(folder, *arguments, form="module", **settings):
    """One run in a process: as a module, as the script that pip installs, or by its main."""
    script = folder / "bin" / "microgradcnn"
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        "import sys\nfrom microgradcnn.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
    )
    by = {"module": ["-m", "microgradcnn"], "script": [str(script)], "main": ["-c", script.read_text()]}[form]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    environment.pop("PYTHONUNBUFFERED", None)
    environment |= settings.pop("env", {})
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | settings
    return subprocess.run([sys.executable, *by, *arguments], env=environment, cwd=folder, text=True, **streams)


@pytest.mark.parametrize("form", ["module", "script", "main"])
def test_ctrl_c_while_modules_load_is_silent(tmp_path, form):
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    done = command(tmp_path, "networks", form=form)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_ctrl_c_in_a_program_that_imports_the_package_stays_an_exception(tmp_path):
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True: pass\n")
    program = "try:\n    import microgradcnn\nexcept KeyboardInterrupt:\n    print('mine')\n"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "mine\n", "")


def test_ctrl_c_while_a_command_works_is_one_line_and_while_it_leaves_is_silent(tmp_path):
    stop = "os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "now.py").write_text(f"import os, signal\n{stop}\nwhile True: pass\n")
    (tmp_path / "later.py").write_text(
        "import atexit, os, signal\nfrom microgradcnn import Value\n"
        f"f = Value(1.0) * 2.0\natexit.register(lambda: {stop})\n"
    )
    done = command(tmp_path, "ledger", "now.py:f", "--json", form="script")
    assert (done.returncode, done.stderr) == (130, "microgradcnn: interrupted\n")
    assert json.loads(done.stdout) == {"error": "interrupted", "exit_code": 130}
    done = command(tmp_path, "ledger", "later.py:f", form="script")
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    assert "v_1" in done.stdout


@pytest.mark.parametrize("arguments", [["networks"], ["--help"], ["networks", "--json"]], ids=" ".join)
def test_closed_full_and_left_streams(tmp_path, arguments):
    def close():
        os.close(1)

    done = command(tmp_path, *arguments, stdout=None, preexec_fn=close)
    assert (done.returncode, done.stderr) == (0, "")
    reading, writing = os.pipe()
    os.close(reading)
    done = command(tmp_path, *arguments, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
    with open("/dev/full", "w") as full:
        done = command(tmp_path, *arguments, stdout=full)
    assert (done.returncode, done.stderr) == (
        2,
        "microgradcnn: the output cannot be written: No space left on device\n",
    )


def test_both_streams_closed_and_an_encoding_from_outside(tmp_path):
    def close():
        os.close(1)
        os.close(2)

    for arguments, code in ((["networks"], 0), (["nothing", "--json"], 2)):
        assert command(tmp_path, *arguments, stdout=None, stderr=None, preexec_fn=close).returncode == code
    done = command(tmp_path, "networks", env={"PYTHONIOENCODING": "ascii", "TERM": "dumb"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "(w*sigma(Sx) - y)^2" in done.stdout
