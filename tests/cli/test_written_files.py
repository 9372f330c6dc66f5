"""Files that commands write: their modes, links, names; and what holds of files that were changed afterwards."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import EXAMPLES, FORMULA, TRAINED, Done, embedded, one_sentence, prepare, run, strict
from documentation import MANUAL
from many_cases import slow_but
from page_folders import six_written

import microgradcnn as mg
from microgradcnn import nn
from microgradcnn.experiment import load_trained
from microgradcnn.files import FileError, write_whole

pytestmark = pytest.mark.slow

# A command for every kind of file that is written to a path of the user's; {} is the path
TO_A_PATH = {
    "export": ("export", "single_layer", "--parameters", TRAINED, "--out", "{}.onnx"),
    "explain .html": ("explain", FORMULA, "--wrt", "w", "--out", "{}.html"),
    "explain .txt": ("explain", FORMULA, "--wrt", "w", "--out", "{}.txt"),
    "explain .tex": ("explain", FORMULA, "--wrt", "w", "--out", "{}.tex"),
    "explain .json": ("explain", FORMULA, "--wrt", "w", "--out", "{}.json"),
    "ledger": ("ledger", FORMULA, "--out", "{}.txt"),
    "graph .svg": ("graph", FORMULA, "-o", "{}.svg"),
    "graph .dot": ("graph", FORMULA, "-o", "{}.dot"),
    "graph .html": ("graph", FORMULA, "-o", "{}.html"),
    "graph .png": ("graph", FORMULA, "-o", "{}.png"),
    "grade": ("grade", "answers", "--key", "keys", "-o", "{}.csv"),
    "cost": ("cost", "single_layer", "--out", "{}.txt"),
    "plot .svg": ("train", "conv_linear", "--data", "side", "--epochs", "2", "--out", "run", "--plot", "{}.svg"),
    "plot .png": ("train", "conv_linear", "--data", "side", "--epochs", "2", "--out", "run", "--plot", "{}.png"),
}
# ... and into a folder of the user's
TO_A_FOLDER = {
    "train": ("train", "single_layer", "--data", "table.csv", "--epochs", "2", "--out", "{}"),
    "train lenet": ("train", "lenet", "--data", "images.npz", "--epochs", "1", "--engine", "eager", "--out", "{}"),
    "checkpoints": ("train", "conv_linear", "--data", "side", "--epochs", "3", "--checkpoint", "{}", "--out", "{}"),
    "worksheet": ("worksheet", "conv_linear", "--questions", "2", "--out", "{}"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands read, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh copy of that folder, which the command runs in."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The mask that new files get; the one before is put back."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def filled(arguments: tuple[str, ...], path: str) -> tuple[str, ...]:
    return tuple(argument.replace("{}", path) for argument in arguments)


def written_to(arguments: tuple[str, ...], path: str) -> Path:
    """The file that the command writes, when {} is this path."""
    return Path(next(argument for argument in arguments if "{}" in argument).replace("{}", path))


def test_every_command_that_writes_is_here() -> None:
    """Whatever has --out, --plot or --checkpoint; the lesson has a test of its own."""
    commands = {arguments[0] for arguments in (*TO_A_PATH.values(), *TO_A_FOLDER.values())}
    helps = {arguments[0]: run(arguments[0], "--help").out for arguments in EXAMPLES.values()}
    assert {name for name, text in helps.items() if re.search(r"--out|--plot|--checkpoint", text)} == commands


# Modes


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_new_file_has_the_mode_of_the_umask(umask: int) -> None:
    found = {}
    for name, arguments in TO_A_PATH.items():
        assert run(*filled(arguments, "new")).code == 0, name
        found[name] = mode(written_to(arguments, "new"))
        written_to(arguments, "new").unlink()
    assert found == dict.fromkeys(TO_A_PATH, 0o666 & ~umask)


def is_of_the_key(path: Path) -> bool:
    return path.name.startswith("key")


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_new_files_in_a_folder_have_the_mode_of_the_umask_and_keys_are_secret(umask: int) -> None:
    keys = 0
    for name, arguments in TO_A_FOLDER.items():
        assert run(*filled(arguments, f"new {name}")).code == 0, name
        for path in Path(f"new {name}").rglob("*"):
            if path.is_file():
                expected = 0o600 if is_of_the_key(path) else 0o666 & ~umask
                assert (path.name, oct(mode(path))) == (path.name, oct(expected))
                keys += is_of_the_key(path)
            else:
                assert mode(path) == 0o777 & ~umask
    assert keys == 3  # .tex, .html and .json


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What `lesson` printed in ASCII, under the mask 0o027, and its folder."""
    return six_written(tmp_path_factory)


@pytest.mark.slow
def test_the_lesson_has_the_mode_of_the_umask(lesson: tuple[Done, Path]) -> None:
    done, folder = lesson
    assert (done.code, done.err) == (0, "")
    assert "The lesson is written" in done.out
    modes = {path.name: oct(mode(path)) for path in folder.rglob("*") if path.is_file()}
    assert len(modes) > 10
    assert modes == {name: "0o600" if name.startswith("key") else "0o640" for name in modes}


@pytest.mark.slow
def test_what_the_lesson_writes_for_machines_is_strict(lesson: tuple[Done, Path]) -> None:
    _, folder = lesson
    blocks = [block for page in folder.rglob("*.html") for block in embedded(page.read_text("utf-8"))]
    assert len(blocks) >= 6
    for path in folder.rglob("*.json"):
        strict(path.read_text("utf-8"))


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kept", [0o640, 0o444], ids=oct)
def test_an_existing_file_keeps_its_mode(kept: int) -> None:
    found = {}
    for name, arguments in TO_A_PATH.items():
        path = written_to(arguments, "old")
        path.write_bytes(b"old")
        path.chmod(kept)
        assert run(*filled(arguments, "old")).code == 0, name
        assert path.read_bytes() != b"old"
        found[name] = oct(mode(path))
        path.unlink()
    assert found == dict.fromkeys(TO_A_PATH, oct(kept))


@pytest.mark.slow
def test_existing_files_in_a_folder_keep_their_modes(here: Path) -> None:
    for name, arguments in TO_A_FOLDER.items():
        assert run(*filled(arguments, "again")).code == 0, name
        files = [path for path in (here / "again").rglob("*") if path.is_file() and not is_of_the_key(path)]
        for path in files:
            path.chmod(0o604)
        again = (*arguments, "--resume") if name == "checkpoints" else arguments
        assert run(*filled(again, "again")).code == 0, name
        assert {(path.name, oct(mode(path))) for path in files if path.exists()} == {
            (path.name, oct(0o604)) for path in files if path.exists()
        }
        for path in files:
            path.unlink(missing_ok=True)


# Links


@pytest.mark.parametrize("name", slow_but("explain .txt", "graph .svg", "grade", among=TO_A_PATH))
def test_a_link_stays_and_what_it_names_is_written(name: str, here: Path) -> None:
    arguments = TO_A_PATH[name]
    link = written_to(arguments, "link")
    (here / "elsewhere").mkdir()
    target = here / "elsewhere" / f"target{link.suffix}"
    for existing in (True, False):
        target.write_bytes(b"old")
        target.chmod(0o640)
        if not existing:
            target.unlink()
        link.symlink_to(Path("elsewhere") / target.name)
        assert run(*filled(arguments, "link")).code == 0
        assert link.is_symlink()
        assert os.readlink(link) == f"elsewhere/{target.name}"
        assert target.is_file()
        assert target.read_bytes() not in (b"", b"old")
        assert not existing or mode(target) == 0o640
        assert [path.name for path in (here / "elsewhere").iterdir()] == [target.name]
        link.unlink()


def test_links_in_the_folder_of_a_training(here: Path) -> None:
    (here / "elsewhere").mkdir()
    (here / "new").mkdir()
    for name in ("parameters.npz", "history.csv"):
        (here / "elsewhere" / name).write_bytes(b"old")
        (here / "new" / name).symlink_to(here / "elsewhere" / name)
    assert run(*filled(TO_A_FOLDER["train"], "new")).code == 0
    for name in ("parameters.npz", "history.csv"):
        assert (here / "new" / name).is_symlink()
        assert (here / "elsewhere" / name).read_bytes() != b"old"
    (here / "folder").symlink_to(here / "elsewhere")
    assert run(*filled(TO_A_FOLDER["worksheet"], "folder")).code == 0
    assert (here / "folder").is_symlink()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["explain .html", "graph .svg", "export", "grade", "cost"])
def test_links_that_lead_nowhere(name: str) -> None:
    arguments = TO_A_PATH[name]
    link = written_to(arguments, "link")
    for target in (link.name, "none/such"):
        link.symlink_to(target)
        done = run(*filled(arguments, "link"))
        assert (done.code, done.out) == (2, "")
        assert one_sentence(done.err), done.err
        assert link.is_symlink()
        link.unlink()


def test_in_python(tmp_path: Path, umask: int) -> None:
    network, f = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0))), mg.Value(1.0, label="w").exp()
    f.backward()
    network.save(tmp_path / "net.npz")
    write_whole(tmp_path / "bytes", b"new")
    mg.draw(f).save(tmp_path / "f.svg")
    mg.draw(f).save(tmp_path / "f.html")
    mg.export_onnx(network, tmp_path / "net.onnx", (2,))
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == dict.fromkeys(
        ("net.npz", "bytes", "f.svg", "f.html", "net.onnx"), 0o666 & ~umask
    )
    (tmp_path / "link").symlink_to("bytes")
    (tmp_path / "bytes").chmod(0o646)
    write_whole(tmp_path / "link", b"newer")
    assert ((tmp_path / "bytes").read_bytes(), mode(tmp_path / "bytes")) == (b"newer", 0o646)
    assert (tmp_path / "link").is_symlink()


@pytest.mark.slow
def test_no_other_file_is_left(here: Path) -> None:
    for name, arguments in TO_A_PATH.items():
        before = {path.name for path in here.iterdir()}
        assert run(*filled(arguments, "one")).code == 0, name
        assert {path.name for path in here.iterdir()} - before <= {written_to(arguments, "one").name}


# Names

ODD = [
    "red\x1b[31m",
    "two\nlines",
    "bell\x07",
    "right\u202eleft",
    "c1\x9b31m",
    "carriage\rreturn",
    os.fsdecode(b"caf\xe9"),
]
OF_ALL = "\x1b[31m\n\x07\u202e\x9b1m\r\udce9"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", slow_but(ODD[0], among=[OF_ALL, *ODD]), ids=ascii)
def test_an_odd_name_is_told_so_that_a_terminal_obeys_nothing(name: str) -> None:
    """The name with all of that in it is told by every command, each of the others by two."""
    every = {**TO_A_PATH, **TO_A_FOLDER}
    for what, arguments in every.items() if name == OF_ALL else [(what, every[what]) for what in ("cost", "worksheet")]:
        done = run(*filled(arguments, f"odd {what[:5]} {name}"))
        assert done.code == 0, (what, done.err)
        assert done.err == ""
        assert written_to(arguments, f"odd {what[:5]} {name}").exists()
        assert all(line.isprintable() for line in done.out.split("\n")), (what, done.out)
        assert f"odd {what[:5]}" in done.out
        assert name not in done.out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ODD[:-1], ids=ascii)
def test_json_has_the_name_as_it_is(name: str) -> None:
    for what in ("graph .svg", "export", "explain .html", "train")[: None if name == ODD[0] else 1]:
        arguments = {**TO_A_PATH, **TO_A_FOLDER}[what]
        done = run(*filled(arguments, f"odd {name}"), "--json")
        assert done.code == 0, (what, done.err)
        assert any(f"odd {name}" in text for text in values(strict(done.out))), done.out


def values(record: Any) -> Iterator[Any]:
    """All strings in a JSON document."""
    if isinstance(record, dict):
        for value in record.values():
            yield from values(value)
    elif isinstance(record, list):
        for value in record:
            yield from values(value)
    elif isinstance(record, str):
        yield record


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_odd_names_of_what_is_read(name: str) -> None:
    Path(f"{name}.csv").write_bytes(Path("table.csv").read_bytes())
    Path(f"{name}.npz").write_bytes(Path(TRAINED).read_bytes())
    Path(f"{name}.py").write_bytes(Path("own.py").read_bytes())
    for arguments in (
        ("train", "single_layer", "--data", f"{name}.csv", "--epochs", "2", "--out", "new"),
        ("predict", "single_layer", "--parameters", f"{name}.npz", "--data", f"{name}.csv"),
        *([] if "\n" in name else [("explain", f"{name}.py:f", "--wrt", "ζ"), ("ledger", f"{name}.py:f")]),
    ):
        done = run(*arguments)
        assert done.code == 0, done.err
        assert all(line.isprintable() for line in (done.out + done.err).split("\n")), done.out


# Changed afterwards


def refusal(read: Callable[[], Any]) -> str | None:
    """The one sentence with which a file is refused; None where it is read."""
    try:
        read()
    except FileError as error:
        if not str(error).isprintable():
            raise
        return str(error)
    return None


def small_model() -> Any:
    return nn.Sequential(
        nn.Linear(3, 2, rng=np.random.default_rng(4)), nn.ReLU(), nn.Linear(2, 1, rng=np.random.default_rng(5))
    )


def changes(whole: bytes) -> Iterator[tuple[str, bytes]]:
    """A file with a bit flipped at every third byte, with bytes put before, into and after it, or taken away."""
    bits = np.random.default_rng(0).integers(8, size=len(whole)).tolist()
    for i, bit in list(enumerate(bits))[::3]:
        yield f"bit {bit} of byte {i}", whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1 :]
    for tail in (b"\0", b"\n", b"PK", bytes(1000), whole[-22:], np.random.default_rng(1).bytes(64)):
        yield f"{tail[:4]!r} after it", whole + tail
        yield f"{tail[:4]!r} before it", tail + whole
        for i in np.random.default_rng(2).integers(1, len(whole), size=20).tolist():
            yield f"{tail[:4]!r} at {i}", whole[:i] + tail + whole[i:]
    for i in np.random.default_rng(3).integers(1, len(whole), size=40).tolist():
        yield f"{i} bytes only", whole[:i]
        yield f"without byte {i}", whole[:i] + whole[i + 1 :]


def test_a_changed_model_is_refused_or_its_content_is_the_same(tmp_path: Path) -> None:
    model, path = small_model(), tmp_path / "net.npz"
    model.save(path)
    wanted, taken, refused = model.state_dict(), [], 0
    for what, content in changes(path.read_bytes()):
        path.write_bytes(content)
        other = small_model()
        for parameter in other.parameters():
            parameter.data = parameter.data * 0.0
        if refusal(lambda: other.load(path)) is not None:  # noqa: B023  called at once
            refused += 1
            assert not any(array.any() for array in other.state_dict().values()), what  # nothing was taken of it
        else:
            taken.append(what)
            found = other.state_dict()
            assert found.keys() == wanted.keys(), what
            assert all(np.array_equal(found[name], array) for name, array in wanted.items()), what
    assert refused > 500
    said = " ".join("".join(page.read_text("utf-8") for page in MANUAL).split())
    assert not taken or "takes nothing that was changed by a bit" not in said, taken[:5]


def test_changed_parameters_are_refused_or_the_same(here: Path) -> None:
    path = here / "changed.npz"
    wanted, whole = load_trained(Path(TRAINED)), Path(TRAINED).read_bytes()
    refused = 0
    for what, content in changes(whole):
        path.write_bytes(content)
        if refusal(lambda: load_trained(path)) is not None:
            refused += 1
        else:
            found = load_trained(path)
            assert (found.classes, found.shrink) == (wanted.classes, wanted.shrink), what
            assert found.network.options() == wanted.network.options(), what
            for name, parameter in wanted.network.parameters.items():
                assert np.array_equal(found.network.parameters[name].data, parameter.data), what
            assert np.array_equal(found.scaling.shift, wanted.scaling.shift), what
            assert np.array_equal(found.scaling.scale, wanted.scaling.scale), what
    assert refused > 500


def test_changed_checkpoints_give_the_same_end_or_are_left_out(here: Path) -> None:
    arguments = ("train", "conv_linear", "--data", "side", "--epochs", "6", "--every", "2")
    whole = (*arguments, "--checkpoint", "whole", "--out", "whole")
    assert run(*whole).code == 0
    names = sorted(path.name for path in (here / "whole").glob("checkpoint-*.npz"))
    newest = (here / "whole" / names[-1]).read_bytes()
    chosen = list(changes(newest))[:: len(newest) // 60]
    assert len(chosen) > 15
    (here / "again").mkdir()
    for what, content in chosen:
        for path in (here / "again").iterdir():
            path.unlink()
        for name in names[:-1]:
            (here / "again" / name).write_bytes((here / "whole" / name).read_bytes())
        (here / "again" / names[-1]).write_bytes(content)
        done = run(*arguments, "--checkpoint", "again", "--resume", "--out", "again")
        assert done.code == 0, (what, done.err)
        assert done.err == "" or one_sentence(done.err), done.err
        ended, wanted = (load_trained(here / folder / "parameters.npz") for folder in ("again", "whole"))
        for name, parameter in wanted.network.parameters.items():
            assert np.array_equal(ended.network.parameters[name].data, parameter.data), what
