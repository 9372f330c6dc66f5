"""The demo of two processes: the same parameters as one process finds, and an end for all when one is killed."""

from __future__ import annotations

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

DEMO = ROOT / "demos" / "two_processes.py"
TESTS = os.pathsep.join([str(Path(__file__).parent), str(ROOT / "tests")])
SECONDS = 30  # in which the death of one process must have ended all
FOR_EVER = f"--steps={10**9}"


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, at work; it is killed with whatever it has started when the test is over."""
    command = [sys.executable, "-W", "error", str(DEMO), "--network=single_layer", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, start_new_session=True, **pipes) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def line(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    return demo.stdout.readline()


def workers(demo: subprocess.Popen[str]) -> list[int]:
    """The process numbers that the demo's first line tells."""
    return [int(number) for number in re.findall(r"\d+", line(demo))]


def wait_for_the_first_step(demo: subprocess.Popen[str]) -> None:
    assert "step 0: loss" in line(demo)


def alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(process, 0)
        return True
    return False


@contextmanager
def two(command: list[str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The command twice, with `{number}` and `{port}` filled in, as if on two machines: nobody watches over them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "no_grpc_proxy": "127.0.0.1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with ExitStack() as stack:
        both = []
        for number in range(2):
            filled = [word.format(number=number, port=port) for word in command]
            both.append(stack.enter_context(subprocess.Popen([sys.executable, *filled], env=environment, **pipes)))
            stack.callback(both[number].kill)
        yield both


@pytest.mark.slow
def test_two_processes_find_what_one_finds() -> None:
    command = [sys.executable, "-W", "error", str(DEMO), "--steps=20"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    found = dict(re.findall(r"^(\w+): after 20 steps the parameters differ by (\S+)", run.stdout, re.MULTILINE))
    assert list(found) == ["single_layer", "two_conv_average_linear"]
    assert all(float(difference) <= 1e-9 for difference in found.values())
    losses = re.findall(r"single_layer, step 15: loss (\S+)", run.stdout)
    assert len(losses) == 2  # in two processes, and in one
    assert losses[0] == losses[1]


def test_parameters_that_differ_are_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = runpy.run_path(str(DEMO))
    for difference, code in ((0.0, 0), (1e-10, 0), (1e-8, 1), (np.nan, 1)):
        found = {1: {"a/w": np.array([1.0, -2.0])}, 2: {"a/w": np.array([1.0, -2.0 + 2.0 * difference])}}
        monkeypatch.setitem(demo["compare"].__globals__, "trained_by", lambda n, *_, found=found: found[n])
        assert demo["compare"](["a"], 5) == code
    assert "a: after 5 steps the parameters differ by 1.0e-08 at most" in capsys.readouterr().out


@pytest.mark.slow
def test_an_error_in_a_worker_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jax.py").write_text("raise ModuleNotFoundError\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running() as demo:
        both = workers(demo)
        _, said = demo.communicate(timeout=SECONDS)
        assert demo.returncode == 1
        assert re.fullmatch(r"process [12] of 2 failed, and training was stopped: .*needs jax, .*\n", said)
        assert not any(map(alive, both))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_killed_in_training_ends_all(victim: int) -> None:
    with running(FOR_EVER) as demo:
        both = workers(demo)
        wait_for_the_first_step(demo)
        assert all(map(alive, both))
        os.kill(both[victim], signal.SIGKILL)
        _, said = demo.communicate(timeout=SECONDS)
        assert demo.returncode == 1
        assert said == f"process {victim + 1} of 2 died (signal 9): training was stopped; start it again\n"
        assert not any(map(alive, both))


@pytest.mark.slow
def test_a_worker_that_is_stuck_ends_too() -> None:
    with running(FOR_EVER) as demo:
        both = workers(demo)
        wait_for_the_first_step(demo)
        os.kill(both[0], signal.SIGSTOP)
        os.kill(both[1], signal.SIGKILL)
        _, said = demo.communicate(timeout=SECONDS)
        assert demo.returncode == 1
        assert said == "process 2 of 2 died (signal 9): training was stopped; start it again\n"
        assert not any(map(alive, both))


@pytest.mark.slow
def test_a_worker_killed_before_it_meets_the_other_ends_all() -> None:
    with running(FOR_EVER) as demo:
        both = workers(demo)
        os.kill(both[1], signal.SIGKILL)
        _, said = demo.communicate(timeout=SECONDS)
        assert demo.returncode == 1
        assert said == "process 2 of 2 died (signal 9): training was stopped; start it again\n"
        assert not any(map(alive, both))


@pytest.mark.slow
def test_ctrl_c_ends_all() -> None:
    with running(FOR_EVER) as demo:
        both = workers(demo)
        wait_for_the_first_step(demo)
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        _, said = demo.communicate(timeout=SECONDS)
        assert (demo.returncode, said) == (130, "stopped by Ctrl-C: all processes have ended\n")
        assert not any(map(alive, both))


@pytest.mark.slow
def test_workers_end_with_a_killed_parent() -> None:
    with running(FOR_EVER) as demo:
        workers(demo)
        wait_for_the_first_step(demo)
        demo.kill()
        demo.communicate(timeout=SECONDS)  # returns when nobody is left who holds the demo's stdout, as all three do
        assert demo.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_worker_without_a_parent_ends_when_nothing_is_heard_of_its_peer(tmp_path: Path) -> None:
    """A stopped process is what a machine without power looks like from outside, to either of the two."""
    hidden = ["--process-id={number}", "--processes=2", "--port={port}", f"--folder={tmp_path}"]
    with ExitStack() as stack:
        waiting = []
        for victim in range(2):
            both = stack.enter_context(two([str(DEMO), "--network=single_layer", FOR_EVER, *hidden]))
            assert both[0].stdout is not None
            assert b"step 0: loss" in both[0].stdout.readline()
            both[victim].send_signal(signal.SIGSTOP)
            waiting.append(both[1 - victim])
        assert [process.wait(timeout=SECONDS) != 0 for process in waiting] == [True, True]


MEET = """
import os
import sys
import jax
import numpy as np
import pytest

number, address, tests, devices = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4].split(",")
sys.path += tests.split(os.pathsep)
from test_jax_backend import joined, numbers, program, single_layer

jax.config.update("jax_num_cpu_devices", int(devices[number]))
jax.distributed.initialize(
    address, 2, number, cluster_detection_method="deactivate", heartbeat_timeout_seconds=10, shutdown_timeout_seconds=10
)
"""

ROWS_OF_ITS_OWN = """
(x, y, strength), parameters = numbers()
loss, gradients, also = single_layer(x, y, strength, *parameters)
mine = [x[4 * number : 4 * number + 4], y[4 * number : 4 * number + 4], strength]

for _ in range(2):
    found = program().evaluate(mine, parameters)
    assert abs(found[0] - loss) < 1e-12
    assert np.max(abs(joined(found[1]) - joined(gradients))) < 1e-12
    assert np.max(abs(np.array(found[2]) - also)) < 1e-12

trainer = program().bind(mine, parameters)
assert abs(float(trainer.step(0.5)) - loss) < 1e-12
assert np.max(abs(trainer.flat - (joined(parameters) - 0.5 * joined(gradients)))) < 1e-12
trainer.flat = joined(parameters)
assert abs(trainer.evaluate() - loss) < 1e-12

with pytest.raises(ValueError, match="the processes have different parameters"):
    trainer.flat = joined(parameters) + number
with pytest.raises(ValueError, match="the processes have different parameters"):
    program().bind(mine, [p + number for p in parameters])
with pytest.raises(ValueError, match="the processes have different parameters, or inputs without rows"):
    program().bind([*mine[:2], strength + number], parameters)
with pytest.raises(ValueError, match=r"3 \\+ 4 rows cannot be shared .* have every process pass the same number"):
    program().evaluate([mine[0][: 3 + number], mine[1][: 3 + number], strength], parameters)
print("all is well")
"""

DEVICES_OF_ITS_OWN = """
with pytest.raises(ValueError, match=r"the processes have 1 \\+ 2 devices: start all of them with the same number"):
    program().bind(*numbers())
print("all is well")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "devices"), [(ROWS_OF_ITS_OWN, "1,1"), (ROWS_OF_ITS_OWN, "2,2"), (DEVICES_OF_ITS_OWN, "1,2")]
)
def test_each_process_passes_rows_of_its_own(script: str, devices: str, tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(MEET + script, encoding="utf-8")
    with two(["-W", "error", str(path), "{number}", "127.0.0.1:{port}", TESTS, devices]) as both:
        for process in both:
            said, _ = process.communicate(timeout=2 * SECONDS)
            assert said.splitlines()[-1:] == [b"all is well"]
            assert process.returncode == 0
