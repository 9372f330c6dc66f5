"""A training run that was stopped, by Ctrl-C, by a full disk, by kill -9, goes on to the bit as if it had not been."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn import nn
from microgradcnn.cli import main
from microgradcnn.files import FileError
from microgradcnn.fit import DivergedError, Training, fit, train
from microgradcnn.networks import Network, conv_linear, single_layer
from microgradcnn.nn.optim import OPTIMISERS
from microgradcnn.training.batches import ENGINES
from microgradcnn.training.checkpoint import Checkpoint, CheckpointFolder, CheckpointWarning
from microgradcnn.training.descent import Descent

Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk need not confirm what is written: no test here cuts the power."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def data() -> tuple[Array, Array]:
    """Rows without a rule, so that the loss goes up and down."""
    rng = np.random.default_rng(5)
    return rng.normal(size=(24, 9)), rng.integers(2, size=24).astype(float)


X, Y = data()
OPTIONS: dict[str, Any] = {
    "epochs": 10,  # the lowest loss is that of the last but one
    "rate": 0.4,
    "optimiser": "adam",
    "batch": 5,
    "schedule": "constant",
    "seed": 3,
}


def built(seed: int = 0) -> Network:
    return single_layer(m=9, k=2, seed=seed)


def numbers(network: Network) -> bytes:
    return b"".join(p.data.tobytes() for p in network.parameters.values())


def outcome(run: Training, network: Network) -> tuple[Any, ...]:
    """All that a training run gives, to the bit."""
    return numbers(network), run.stable_rate, run.rate, run.status, run.message, repr(run.history)


def straight(**options: Any) -> tuple[Any, ...]:
    """What a run without checkpoints gives."""
    network = built()
    return outcome(train(network, X, Y, **OPTIONS | options), network)


def stop_at(step: int, patch: pytest.MonkeyPatch, how: Callable[[], BaseException] = KeyboardInterrupt) -> None:
    """Ctrl-C at this step of the optimiser, in the middle of it."""
    real, steps = Descent.step, 0

    def stepped(self: Descent, rate: float) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            self.flat.data = self.flat.data + 1.0
            raise how()
        real(self, rate)

    patch.setattr(Descent, "step", stepped)


def stopped(folder: Path, step: int, **options: Any) -> Training:
    with pytest.MonkeyPatch.context() as patch:
        stop_at(step, patch)
        return train(built(), X, Y, checkpoint=folder, **OPTIONS | options)


def resumed(folder: Path, **options: Any) -> tuple[Any, ...]:
    """What the run gives that goes on in the folder, with a network that starts elsewhere."""
    network = built(seed=8)
    return outcome(train(network, X, Y, checkpoint=folder, resume=True, **OPTIONS | options), network)


def epochs_saved(folder: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("checkpoint-")) for path in folder.iterdir())


@pytest.mark.parametrize(("engine", "batch"), [("numpy", None), *((engine, 5) for engine in ENGINES)])
def test_every_engine_goes_on_to_the_bit(tmp_path: Path, engine: str, batch: int | None) -> None:
    run = stopped(tmp_path, 6, engine=engine, batch=batch)
    assert run.status == "interrupted"
    assert resumed(tmp_path, engine=engine, batch=batch) == straight(engine=engine, batch=batch)


@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("step", [6, 8, 10, 11, 20])
def test_every_optimiser_goes_on_to_the_bit_from_any_step(tmp_path: Path, optimiser: str, step: int) -> None:
    options = {"optimiser": optimiser, "schedule": "cosine", "epochs": 4}
    stopped(tmp_path, step, **options)
    assert epochs_saved(tmp_path)[-1] == (step - 1) // 5  # of whole epochs, with 5 batches each
    assert resumed(tmp_path, **options) == straight(**options)


@pytest.mark.parametrize(("every", "kept"), [(None, [9, 10]), (1, [9, 10]), (4, [8, 10]), (10, [10]), (100, [10])])
def test_checkpoints_change_nothing_about_a_run(tmp_path: Path, every: int | None, kept: list[int]) -> None:
    network = built()
    assert outcome(train(network, X, Y, checkpoint=tmp_path, every=every, **OPTIONS), network) == straight()
    assert epochs_saved(tmp_path) == kept


def test_a_run_is_saved_a_hundred_times_unless_told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(CheckpointFolder, "save", lambda self, epoch, state, arrays: saved.append(epoch))
    train(built(), X, Y, checkpoint=tmp_path, **OPTIONS | {"epochs": 1001, "batch": None, "rate": 1e-6})
    assert saved == [*range(10, 1001, 10), 1001]


def test_a_run_that_was_finished_gives_its_result_again_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, options, status in (
        ("epochs", {}, "epochs"),
        ("converged", {"batch": None, "epochs": 1000}, "converged"),
    ):
        network = built()
        run = train(network, X, Y, checkpoint=tmp_path / folder, **OPTIONS | options)
        assert run.status == status
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / folder).iterdir()}
        with monkeypatch.context() as patch:
            patch.setattr("microgradcnn.training.loop.LectureLoop.measure", None)
            assert resumed(tmp_path / folder, **options) == outcome(run, network)
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / folder).iterdir()} == before


def test_a_run_that_died_stays_dead(tmp_path: Path) -> None:
    """A large step leaves every relu at 0 for every row."""
    x, y, options = np.ones((2, 9)), np.array([0.0, 0.5]), {"rate": 1e6, "epochs": 9, "every": 1}
    results = []
    for resume in (False, True):
        network = single_layer(m=9, k=2, activation="relu", seed=0)
        run = train(network, x, y, checkpoint=tmp_path, resume=resume, **options)
        results.append(outcome(run, network))
    assert results[0] == results[1]
    assert run.status == "dead"


def test_a_start_with_equal_units_is_still_told_of_after_a_stop(tmp_path: Path) -> None:
    def equal(resume: bool) -> str:
        network = built()
        network.parameters["S"].data = np.ones((2, 9))
        network.parameters["w"].data = np.ones(2)
        return train(network, X, Y, checkpoint=tmp_path, resume=resume, **OPTIONS).message

    with pytest.MonkeyPatch.context() as patch:
        stop_at(30, patch)
        equal(resume=False)
    assert "hidden units 1 and 2 started equal" in equal(resume=True)


def test_divergence_leaves_the_checkpoints_and_comes_again(tmp_path: Path) -> None:
    options = {"rate": 1e200, "batch": None, "optimiser": "gradient_descent", "every": 1}
    with pytest.raises(DivergedError) as first:
        train(built(), X, Y, checkpoint=tmp_path, **OPTIONS | options)
    saved = epochs_saved(tmp_path)
    assert saved
    with pytest.raises(DivergedError) as again:
        resumed(tmp_path, **options)
    assert str(again.value) == str(first.value)
    assert epochs_saved(tmp_path) == saved


def test_a_run_stopped_before_its_first_epoch_was_done_starts_anew_and_says_so(tmp_path: Path) -> None:
    stopped(tmp_path, 1)
    assert epochs_saved(tmp_path) == []
    network = built()
    with pytest.warns(CheckpointWarning, match=f"{tmp_path} has no checkpoint: training starts anew"):
        run = train(network, X, Y, checkpoint=tmp_path, resume=True, **OPTIONS)
    assert outcome(run, network) == straight()


# The comparison above notices whatever is not restored.


def without(found: Checkpoint, part: str) -> Checkpoint:
    """A checkpoint in which one thing is as it was at the start."""
    state, arrays = dict(found.state), dict(found.arrays)
    if part == "generator":
        state["generator"] = np.random.default_rng(OPTIONS["seed"]).bit_generator.state
    elif part == "lowest":
        state["lowest"] = float("inf")
    elif part == "start":
        state["start"] = [1.0, *state["start"][1:]]
    elif part == "history":
        arrays["history"] = arrays["history"] + 0.0
        arrays["history"][0, 2] = np.nextafter(arrays["history"][0, 2], 9.0)
    elif part == "optimiser.steps":
        arrays[part] = np.array(0)
    else:
        arrays[part] = np.zeros_like(arrays[part])
    return replace(found, state=state, arrays=arrays)


EARLY = ("generator", "start", "history", "parameters", "optimiser.steps", "optimiser.first.0", "optimiser.second.0")


@pytest.mark.parametrize(("part", "step"), [*((part, 27) for part in EARLY), ("lowest", 47), ("best", 47)])
def test_a_wrong_restore_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, step: int) -> None:
    stopped(tmp_path, step)
    newest = CheckpointFolder.newest

    def wrong(self: CheckpointFolder) -> Checkpoint | None:
        found = newest(self)
        return found and without(found, part)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFolder, "newest", wrong)
        assert resumed(tmp_path) != straight()
    stopped(tmp_path / "right", step)
    assert resumed(tmp_path / "right") == straight()


# What is refused, and what a save that fails leaves.


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": 0.5}, "rate 0.4 instead of 0.5:"),
        ({"rate": None}, "rate 0.4 instead of null:"),
        ({"epochs": np.int64(11)}, "epochs 10 instead of 11:"),
        ({"batch": None}, "batch 5 instead of null:"),
        ({"schedule": "cosine"}, 'schedule "constant" instead of "cosine":'),
        ({"optimiser": "momentum", "seed": 4}, 'optimiser "adam" instead of "momentum", and seed 3 instead of 4:'),
        ({"engine": "eager"}, 'engine "numpy" instead of "eager":'),
    ],
)
def test_other_arguments_are_another_run(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    stopped(tmp_path, 27)
    before, network = epochs_saved(tmp_path), built()
    start = numbers(network)
    with pytest.raises(FileError, match=re.escape(f"is of another run, with {says}")):
        train(network, X, Y, checkpoint=tmp_path, resume=True, **OPTIONS | options)
    assert (epochs_saved(tmp_path), numbers(network)) == (before, start)


@pytest.mark.parametrize(
    ("network", "x", "y", "says"),
    [
        (built(), X, 1.0 - Y, r'data\.SHA-256 "\w{64}" instead of "\w{64}":'),
        (built(), np.nextafter(X, 9.0), Y, r'data\.SHA-256 "\w{64}" instead of "\w{64}":'),
        (built(), X[:-1], Y[:-1], r"data\.shape \[24, 9\] instead of \[23, 9\], and data\.SHA-256"),
        (single_layer(m=9, k=3), X, Y, r"options\.k 2 instead of 3:"),
        (single_layer(m=9, k=2, regularise=0.1), X, Y, r"options\.regularise 0.0 instead of 0.1:"),
        (conv_linear(), X, Y, 'network "single_layer" instead of "conv_linear", and options'),
    ],
)
def test_another_network_or_other_data_are_another_run(
    tmp_path: Path, network: Network, x: Array, y: Array, says: str
) -> None:
    stopped(tmp_path, 27)
    with pytest.raises(FileError, match=f"is of another run, with {says}"):
        train(network, x, y, checkpoint=tmp_path, resume=True, **OPTIONS)


def test_without_resume_a_used_folder_is_refused(tmp_path: Path) -> None:
    stopped(tmp_path, 27)
    with pytest.raises(FileError, match=r"checkpoint-00000005\.npz is there already: resume its run, or give another"):
        train(built(), X, Y, checkpoint=tmp_path, **OPTIONS)
    assert resumed(tmp_path) == straight()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"resume": True}, "every and resume need checkpoint, the folder that a run is saved in"),
        ({"every": 2}, "every and resume need checkpoint"),
        ({"every": 0, "checkpoint": "x"}, "every must be at least 1, not 0"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(tmp_path: Path, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        train(built(), X, Y, **OPTIONS | options)


@pytest.mark.parametrize("number", [1, 2, 7])
def test_a_full_disk_stops_training_in_a_sentence_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The disk is full at one of the saves; once there is room, the run goes on."""
    synced, network = 0, built()

    def full(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 2 * number - 1:  # a file, and its folder, each time
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError) as caught:
        train(network, X, Y, checkpoint=tmp_path, **OPTIONS)
    assert str(caught.value).startswith(f"{tmp_path / f'checkpoint-{number:08d}.npz'} cannot be written: No space left")
    assert str(caught.value).endswith(f"{number - 1:08d}.npz is whole: resume from there" if number > 1 else "device")
    assert np.isfinite(np.frombuffer(numbers(network))).all()
    assert epochs_saved(tmp_path) == [epoch for epoch in (number - 2, number - 1) if epoch > 0]
    if number > 1:
        assert resumed(tmp_path) == straight()


def test_ctrl_c_during_a_save_saves_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = 0

    def interrupt(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 7:  # in the fourth save
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        assert train(built(), X, Y, checkpoint=tmp_path, **OPTIONS).status == "interrupted"
    assert epochs_saved(tmp_path) == [3, 4]
    assert resumed(tmp_path) == straight()


def test_a_damaged_newest_checkpoint_costs_one_epoch(tmp_path: Path) -> None:
    stopped(tmp_path, 27)
    path = tmp_path / "checkpoint-00000005.npz"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(CheckpointWarning, match=r"00005\.npz is damaged, .* going on from .*checkpoint-00000004\.npz"):
        assert resumed(tmp_path) == straight()


# Checkpoints from before networks and models were trained by one loop, after the sixth of ten epochs.

OLD = Path(__file__).parents[1] / "files"
OLD_X, OLD_Y = (np.arange(216.0) * 37 % 101).reshape(24, 9) / 50 - 1, (np.arange(24) % 3 == 0).astype(float)
OLD_RUN: dict[str, Any] = OPTIONS | {"schedule": "cosine", "engine": "eager"}


def trained_as_of_old(what: str, **saving: Any) -> tuple[bytes, str, Any]:
    if what == "network":
        network = built()
        run = train(network, OLD_X, OLD_Y, **OLD_RUN | saving)
        return numbers(network), run.message, run.history
    first, drawn, last = (np.random.default_rng(seed) for seed in (1, 2, 3))
    model = nn.Sequential(nn.Linear(9, 4, rng=first), nn.Dropout(0.5, rng=drawn), nn.Linear(4, 2, rng=last))
    run = fit(model, OLD_X, OLD_Y, validation=(OLD_X[:6], OLD_Y[:6]), **OLD_RUN | saving)
    return b"".join(p.data.tobytes() for p in model.parameters()), run.message, run.history


@pytest.mark.parametrize("what", ["network", "model"])
def test_an_old_checkpoint_goes_on_as_if_it_had_never_stopped(tmp_path: Path, what: str) -> None:
    shutil.copy(OLD / f"checkpoint_of_{what}.npz", tmp_path / "checkpoint-00000006.npz")
    parameters, message, history = trained_as_of_old(what)
    resumed, same, rows = trained_as_of_old(what, checkpoint=tmp_path, every=6, resume=True)
    assert (epochs_saved(tmp_path), same, len(rows)) == ([6, 10], message, 10)
    np.testing.assert_allclose(np.frombuffer(resumed), np.frombuffer(parameters), rtol=1e-9)  # of another machine
    assert [list(row) for row in rows] == [list(row) for row in history]
    np.testing.assert_allclose([[*row.values()] for row in rows], [[*row.values()] for row in history], rtol=1e-9)


# The command line.

COMMAND = shlex.split(
    "train single_layer --data side --epochs 10 --batch 16 --optimiser adam --schedule constant --rate 0.5"
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def ran(*arguments: object) -> tuple[int, str, str]:
        code = main(list(map(str, arguments)))
        return code, *capsys.readouterr()

    return ran


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("parameters.npz", "history.csv")}


Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_ctrl_c_says_the_command_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run, form: list[str]
) -> None:
    assert run(*COMMAND, "--out", tmp_path / "straight")[0] == 0
    folder = ("--checkpoint", tmp_path / "my run", "--every", 2, "--out", tmp_path / "stopped")
    with monkeypatch.context() as patch:
        stop_at(12, patch)
        code, out, err = run(*COMMAND, *folder, *form)
    assert (code, err) == (130, "")
    command = json.loads(out)["resume"] if form else out.splitlines()[-1].removeprefix("to go on: ")
    assert command.startswith("microgradcnn train single_layer ")
    code, out, err = run(*shlex.split(command)[1:])
    assert (code, err) == (0, "")
    assert "go on" not in out
    assert "resume" not in out
    assert written(tmp_path / "stopped") == written(tmp_path / "straight")


def test_a_second_ctrl_c_says_the_command_that_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    for given in ([], ["--resume"]):
        with monkeypatch.context() as patch:
            stop_at(12, patch)
            _, out, _ = run(*COMMAND, "--checkpoint", tmp_path / "run", "--out", tmp_path, *given)
        assert out.splitlines()[-1].count("--resume") == 1


def test_ctrl_c_without_checkpoints_says_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    stop_at(12, monkeypatch)
    code, out, _ = run(*COMMAND, "--out", tmp_path)
    assert code == 130
    assert "resume" not in out


def test_resuming_in_a_mistyped_folder_is_told_and_starts_anew(tmp_path: Path, run: Run) -> None:
    code, _, err = run(*COMMAND, "--checkpoint", tmp_path / "rnu", "--resume", "--out", tmp_path)
    assert (code, err) == (0, f"microgradcnn: {tmp_path / 'rnu'} has no checkpoint: training starts anew\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--resume"], "--resume needs --checkpoint DIR, the folder that a run is saved in"),
        (["--every", 5], "--every needs --checkpoint DIR, the folder that a run is saved in"),
        (["--checkpoint", "{}/used"], "00010.npz is there already: resume its run, or give another folder than"),
        (["--checkpoint", "{}/used", "--resume", "--rate", 0.1], "is of another run, with rate 0.5 instead of 0.1:"),
        (["--checkpoint", "{}/file"], "/file cannot be read: Not a directory"),
    ],
)
def test_bad_use_is_a_sentence(tmp_path: Path, run: Run, arguments: list[Any], says: str) -> None:
    (tmp_path / "file").touch()
    assert run(*COMMAND, "--checkpoint", tmp_path / "used", "--out", tmp_path)[0] == 0
    code, out, err = run(*COMMAND, "--out", tmp_path, *(str(a).format(tmp_path) for a in arguments))
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


# kill -9 at fifty moments.

SERVER = """
import os, signal, sys, warnings
import numpy as np
from microgradcnn.networks import single_layer
from microgradcnn.fit import train

ROWS, CALLS = np.random.default_rng(5), ("open", "fsync", "chmod", "replace", "close", "unlink")
x, y = ROWS.normal(size=(24, 9)), ROWS.integers(2, size=24).astype(float)
warnings.filterwarnings("error")
warnings.filterwarnings("ignore", "[^ ]* has no checkpoint: training starts anew")

def run(folder, result, call, event):
    "Train in the folder, going on from what is there; be killed in that system call, or at that call of any function."
    left, events = call, 0
    def profile(frame, kind, argument):
        nonlocal events
        events += 1
        if events == event:
            os.kill(os.getpid(), signal.SIGKILL)
    def counted(real):
        def called(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)
        return called
    os.fsync = lambda descriptor: None  # it would wait for a power cut that does not come
    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    network = single_layer(m=9, k=2)
    sys.setprofile(profile)
    training = train(network, x, y, epochs=25, rate=0.4, optimiser="adam", batch=5, schedule="constant", seed=3,
                     checkpoint=folder, every=1, resume=True)
    sys.setprofile(None)
    with open(result, "wb") as file:
        file.write(b"".join(p.data.tobytes() for p in network.parameters.values()) + repr(training).encode())
    with open(result + ".events", "w") as file:
        file.write(str(events))

for line in sys.stdin:
    folder, result, call, event = line.split()
    child = os.fork()
    if child == 0:
        try:
            run(folder, result, int(call), int(event))
            os._exit(0)
        finally:
            os._exit(1)
    print(child, flush=True)
    sys.stdin.readline()  # until then the child's id is nobody else's
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Runs:
    """Starts training in processes of its own, which have imported everything when they begin."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self.ask, self.answer = server.stdin, server.stdout

    def start(self, folder: Path, call: int = 0, event: int = 0) -> None:
        """A new process goes on in the folder, and is killed in its system call, or function call, of that number."""
        print(folder, folder.with_suffix(".result"), call, event, file=self.ask, flush=True)
        self.answer.readline()

    def end(self) -> int:
        """The exit code of the process when it has ended, -9 if it was killed."""
        print(file=self.ask, flush=True)
        return int(self.answer.readline())


@pytest.fixture
def runs() -> Iterator[Runs]:
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a fork copies no threads
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread) as server:
        yield Runs(server)
        server.stdin.close()


@pytest.mark.slow
def test_kill_9_at_fifty_random_moments(tmp_path: Path, runs: Runs) -> None:
    """Half in every call of a save in turn, half at any time; the run then goes on and ends with the same bits."""
    runs.start(tmp_path / "straight")
    assert runs.end() == 0
    expected = (tmp_path / "straight.result").read_bytes()
    events, calls = int((tmp_path / "straight.result.events").read_text()), iter(range(20, 200))  # every call in turn
    times = np.random.default_rng(0)
    killed, half_written, epochs = 0, 0, set()
    for moment in range(200):
        folder = tmp_path / str(moment)
        if killed % 2:
            runs.start(folder, call=next(calls))
        else:
            runs.start(folder, event=int(times.integers(1, events)))
        if runs.end() != -9:
            continue  # it was done before
        killed += 1
        there = list(folder.glob("checkpoint-*"))
        half_written += len(list(folder.glob(".*")))
        epochs |= {path.name for path in there}
        runs.start(folder)
        assert runs.end() == 0
        assert folder.with_suffix(".result").read_bytes() == expected
        assert not list(folder.glob(".*"))
        shutil.rmtree(folder)
        if killed == 50:
            break
    assert killed == 50
    assert half_written >= 5
    assert len(epochs) >= 12
