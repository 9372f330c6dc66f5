"""Whatever takes the output: streams of few characters, closed, full or left by their reader; and Ctrl-C in imports."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from command_line import EXAMPLES, QUICK, Done, commands, prepare, run, strict
from many_cases import slow_but

import microgradcnn

EXPLAIN = ("explain", "two_conv_average", "--wrt", "c_5")
ENCODINGS = ("cp1252", "latin-1", "ascii")
COMMANDS = commands()
ESCAPE = re.compile(r"\\u[0-9a-f]{4}|\\x[0-9a-f]{2}")
ROOT = Path(microgradcnn.__file__).parents[1]


class Folders:
    """Prepared folders, a new one for every command; what each example does in UTF-8 is found once."""

    def __init__(self, root: Path) -> None:
        self.root, self.known, self.count = root, dict[tuple[str, ...], tuple[Done, dict[str, bytes]]](), 0
        (root / "prepared").mkdir()
        prepare(root / "prepared")

    def run(self, *arguments: str, encoding: str) -> tuple[Done, dict[str, bytes]]:
        """What the command printed, and the files that it wrote."""
        self.count += 1
        where = self.root / str(self.count)
        where.mkdir()
        for path in (self.root / "prepared").iterdir():
            (where / path.name).symlink_to(path)
        before = Path.cwd()
        os.chdir(where)
        try:
            done = run(*arguments, encoding=encoding)
        finally:
            os.chdir(before)
        written = [*where.glob("new*"), *where.glob("new*/**/*")]
        return done, {str(path.relative_to(where)): path.read_bytes() for path in written if path.is_file()}

    def as_utf_8(self, *arguments: str) -> tuple[Done, dict[str, bytes]]:
        if arguments not in self.known:
            self.known[arguments] = self.run(*arguments, encoding="utf-8")
        return self.known[arguments]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    return Folders(tmp_path_factory.mktemp("folders"))


@cache
def in_utf_8(*arguments: str) -> Done:
    """What a command that writes no file prints in UTF-8, found once."""
    return run(*arguments)


def readable(text: str, as_utf_8: str) -> bool:
    """Whether every word in plain letters is still there, and nothing became a question mark."""
    words = set(re.findall(r"[A-Za-z]{3,}", as_utf_8))
    return all(word in text for word in words) and text.count("?") == as_utf_8.count("?")


def test_every_command_has_an_example() -> None:
    assert {arguments[0] for arguments in EXAMPLES.values()} | {"lesson"} == set(COMMANDS)
    assert len(COMMANDS) >= 14


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", slow_but(*QUICK, among=EXAMPLES))
def test_a_command_prints_what_the_stream_takes(name: str, encoding: str, folders: Folders) -> None:
    (wanted, files), (found, same_files) = (
        folders.as_utf_8(*EXAMPLES[name]),
        folders.run(*EXAMPLES[name], encoding=encoding),
    )
    assert (found.code, wanted.code) == (0, 0), found.err
    assert readable(found.out, wanted.out)
    assert readable(found.err, wanted.err)
    assert same_files == files


@pytest.mark.parametrize("name", slow_but(*QUICK, among=EXAMPLES))
def test_json_says_the_same_in_ascii(name: str, folders: Folders) -> None:
    arguments = (*EXAMPLES[name], "--json")
    (wanted, _), (found, _) = folders.as_utf_8(*arguments), folders.run(*arguments, encoding="ascii")
    assert (found.code, wanted.code) == (0, 0), found.err
    assert strict(found.out) == strict(wanted.out)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", ["text", "latex", "mathml", "json"])
@pytest.mark.parametrize("arguments", slow_but(EXPLAIN, among=[EXPLAIN, ("cost", "single_layer")]))
def test_every_format_in_every_encoding(arguments: tuple[str, ...], form: str, encoding: str) -> None:
    wanted, found = in_utf_8(*arguments, "--format", form), run(*arguments, "--format", form, encoding=encoding)
    assert (found.code, found.err) == (0, "")
    assert readable(found.out, wanted.out)
    assert form != "text" or not ESCAPE.search(found.out)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=lambda command: " ".join(command) or "-")
def test_help_in_every_encoding(command: tuple[str, ...], encoding: str) -> None:
    wanted, found = (run(*command, "--help", encoding=e) for e in ("utf-8", encoding))
    assert (found.code, found.err) == (wanted.code, wanted.err) == (0, "")
    assert readable(found.out, wanted.out)
    assert not ESCAPE.search(found.out)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "single_layer", "--data", "side", "--regularise", "nan"),
        ("train", "single_layer", "--data", "σ.csv"),
        ("explain", "σ*x", "--wrt", "λ"),
        ("check", "single_layer", "--wrt", "w_1", "--answer", "ζ"),
        ("check", "x*x", "--wrt", "x", "--answer", "√f"),
    ],
)
def test_a_mistake_is_told_in_every_encoding(arguments: tuple[str, ...], encoding: str) -> None:
    wanted, found = (run(*arguments, encoding=e) for e in ("utf-8", encoding))
    assert found.code == wanted.code > 0
    assert readable(found.out, wanted.out)
    assert readable(found.err, wanted.err)
    assert found.err.count("\n") == (found.code == 2)


# Processes of their own


def process(*arguments: str, redirect: str = "", **environment: str) -> Done:
    """`microgradcnn ARGUMENTS` as a process, started by a shell that redirects its streams first."""
    line = f'exec "$0" -P -m microgradcnn "$@" {redirect}'
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""} | environment
    command = ["bash", "-c", line, sys.executable, *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env=settings, timeout=200)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    return Done(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))


@pytest.mark.slow
def test_a_process_obeys_its_environment() -> None:
    lines = (("networks",), ("explain", "--help"), ("explain", "conv_average", "--wrt", "c_1"))
    for arguments, encoding in zip(lines, ENCODINGS, strict=True):
        found = process(*arguments, PYTHONIOENCODING=encoding)
        assert (found.code, found.err) == (0, "")
        assert readable(found.out, run(*arguments).out)


@pytest.mark.slow
def test_the_locale_of_a_bare_machine(tmp_path: Path) -> None:
    """C, without Python's own mending: files are read and written as UTF-8 all the same."""
    (tmp_path / "σ.csv").write_text("α,β,κ\n" + "".join(f"{i},{i * i % 7},{'νμ'[i % 2]}\n" for i in range(20)), "utf-8")
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    out = tmp_path / "page.tex"
    found = process("explain", "conv_average", "--wrt", "c_1", "--out", str(out), **bare)
    assert (found.code, found.err) == (0, "")
    assert r"\hat{y}" in out.read_text("utf-8")
    where = ("--data", str(tmp_path / "σ.csv"), "--epochs", "2", "--out", str(tmp_path / "run"))
    found = process("train", "single_layer", *where, **bare)
    assert (found.code, found.err) == (0, "")
    found = process("predict", "single_layer", "--parameters", str(tmp_path / "run/parameters.npz"), *where[:2], **bare)
    assert (found.code, found.err) == (0, "")


CLOSINGS = [
    (("networks",), ">&-", {0, 2}),
    (("networks",), ">&- 2>&-", {0, 2}),
    (("networks",), "2>&- <&-", {0}),
    (("ledger", "x*x", "--json"), ">/dev/full", {2}),
    (("networks",), ">/dev/full 2>/dev/full", {2}),
    (("--help",), ">/dev/full", {2}),
    (("--version",), ">&-", {0, 2}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "redirect", "codes"), CLOSINGS)
def test_streams_that_are_closed_or_full(arguments: tuple[str, ...], redirect: str, codes: set[int]) -> None:
    done = process(*arguments, redirect=redirect)
    assert done.code in codes, done.err
    assert done.err.count("\n") <= 1 or "--help" in arguments  # which argparse prints where it can
    assert "Traceback" not in done.err
    assert "Exception ignored" not in done.err


@pytest.mark.slow
def test_a_mistake_with_closed_streams() -> None:
    for redirect in (">&- 2>&-", "2>/dev/full"):
        done = process("explain", "x*", "--wrt", "x", "--json", redirect=redirect)
        assert done.code == 2
        assert "Traceback" not in done.out + done.err


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("--help",), ("explain", "two_conv_linear", "--wrt", "c_1")], ids=" ".join)
def test_a_pipe_whose_reader_has_left(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-P", "-m", "microgradcnn", *arguments]
    settings = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False, env=settings, timeout=100)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_the_first_line_is_enough_for_head() -> None:
    done = process("source", "lenet", "--arrays", redirect="| head -n 1; exit ${PIPESTATUS[0]}")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1


@pytest.mark.slow
def test_a_disk_that_is_full_is_told() -> None:
    done = process("ledger", "two_conv_linear", redirect=">/dev/full")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "No space left" in done.err


# Ctrl-C while modules are imported: sent by the import itself, so that no clock decides

INTERRUPTING = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
"""
SCRIPT = "import sys\nfrom microgradcnn.cli import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def interrupted(tmp_path: Path, module: str, *command: str) -> Done:
    """Run Python with these arguments, and Ctrl-C when it starts to import the module."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING.format(module=module))
    settings = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-P", *command], capture_output=True, text=True, check=False, env=settings, timeout=100
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "entry"),
    [
        ("numpy", "-m"),
        ("numpy.linalg", "script"),
        ("microgradcnn.views", "script"),
        ("microgradcnn.cli", "-m"),
        ("microgradcnn.cli.commands.networks", "-c"),
    ],
)
def test_ctrl_c_while_modules_are_imported(module: str, entry: str, tmp_path: Path) -> None:
    (tmp_path / "microgradcnn").write_text(SCRIPT)
    how = {"-m": ("-m", "microgradcnn"), "-c": ("-c", SCRIPT), "script": (str(tmp_path / "microgradcnn"),)}
    done = interrupted(tmp_path, module, *how[entry], "networks")
    assert done.code in (130, -signal.SIGINT)
    assert done.out == ""
    assert done.err.count("\n") <= 1
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_ctrl_c_while_a_command_imports_what_it_needs(tmp_path: Path) -> None:
    plot = ("train", "conv_linear", "--data", "side", "--epochs", "2", "--out", str(tmp_path), "--plot", "p.svg")
    for module, arguments in (("matplotlib", plot), ("sklearn", ("train", "lenet", "--data", "digits"))):
        done = interrupted(tmp_path, module, "-m", "microgradcnn", *arguments)
        assert done.code in (130, -signal.SIGINT)
        assert (done.err.count("\n"), "Traceback" in done.err) == (1, False)


@pytest.mark.slow
def test_ctrl_c_in_a_program_that_imports_the_package_stays_its_own(tmp_path: Path) -> None:
    program = "try:\n    import microgradcnn\nexcept KeyboardInterrupt:\n    print('caught')\n"
    for module in ("numpy", "microgradcnn.engine.value"):
        done = interrupted(tmp_path, module, "-c", program)
        assert (done.code, done.out, done.err) == (0, "caught\n", "")
    done = interrupted(tmp_path, "microgradcnn.engine.value", "-c", "import microgradcnn")
    assert (done.code, "KeyboardInterrupt" in done.err) == (-signal.SIGINT, True)
