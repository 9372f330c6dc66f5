"""How signs are spelt where the output has no σ, and Ctrl-C while a command works."""

import io
import json
import os
import signal
import subprocess
import sys

import pytest

from microgradcnn.cli import main


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


@pytest.mark.slow
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
