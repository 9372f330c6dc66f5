"""Train in two processes, each with half of the rows, and find the parameters that one process alone finds.

    python demos/two_processes.py --network single_layer --steps 200

This process starts the two and watches over them: when one dies it ends the other, which would wait for it otherwise.
On a cluster they would be on different machines. Needs JAX: pip install 'microgradcnn[jax]'
"""

import argparse
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from contextlib import ExitStack
from pathlib import Path

import numpy as np

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.data import load
from microgradcnn.extras import require
from microgradcnn.networks import NETWORKS

RATE = 0.5
CLOSE = 1e-9  # sums of rows are added up in another order: their last digits differ
SILENCE = 10  # seconds without a sign of life after which JAX takes a process for dead, and its peers end themselves
MEETING = 25  # seconds in which the processes have to find each other


class ProcessDied(Exception):  # noqa: N818  it is a sentence about a process, for the user
    """One of the processes did not do its work; the message is a sentence that says which."""


def main():
    """Parse the command line; the exit code is 0, 1 if a process died or the results differ, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", action="append", choices=NETWORKS, help="the network to train (default: two)")
    parser.add_argument("--steps", type=int, default=200, help="steps of gradient descent (default: 200)")
    for hidden in ("--process-id", "--processes", "--port"):
        parser.add_argument(hidden, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.network = arguments.network or ["single_layer", "two_conv_average_linear"]
    if arguments.process_id is not None:
        return work(arguments)
    try:
        return compare(arguments.network, arguments.steps)
    except ProcessDied as death:
        print(death, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped by Ctrl-C: all processes have ended", file=sys.stderr)
        return 130


def compare(networks, steps):
    """Train in two processes and in one, and print how much the parameters differ."""
    together, alone = trained_by(2, networks, steps), trained_by(1, networks, steps)
    worst = 0.0
    for name in networks:
        keys = [key for key in alone if key.startswith(f"{name}/")]
        difference = max(np.max(abs(together[key] / alone[key] - 1.0)) for key in keys)
        print(f"{name}: after {steps} steps the parameters differ by {difference:.1e} at most, relatively")
        worst = np.fmax(worst, difference) if np.isfinite(difference) else np.inf
    return 0 if worst <= CLOSE else 1


# The process that watches


def trained_by(processes, networks, steps):
    """Train the networks in so many processes; the parameters, by "network/name". Raises ProcessDied."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        options = [*(f"--network={n}" for n in networks), f"--steps={steps}", f"--processes={processes}"]
        options += [f"--port={port}", f"--folder={folder}"]
        workers = [stack.enter_context(start(i, options, folder)) for i in range(processes)]
        numbers = " and ".join(str(worker.pid) for worker in workers)
        print(f"processes {numbers}, each with half of the rows" if processes > 1 else f"process {numbers} alone")
        sys.stdout.flush()
        try:
            failed = first_failure(workers)
        finally:
            for worker in workers:
                worker.kill()  # not terminate(): JAX takes SIGTERM for a notice, and goes on
        if failed is not None:
            raise ProcessDied(obituary(failed, workers, folder))
        with np.load(folder / "parameters.npz") as file:
            return dict(file)


def start(number, options, folder):
    """Start process `number`. What it writes to stderr, and JAX writes a lot when a peer dies, goes into a file."""
    command = [sys.executable, __file__, f"--process-id={number}", *options]
    defaults = {"JAX_PLATFORMS": "cpu", "JAX_CPU_COLLECTIVES_IMPLEMENTATION": "gloo"}
    # Its stdin is a pipe that ends when this process does, however that happens. Ctrl-C is for this process alone.
    with open(folder / f"stderr{number}", "wb") as stderr:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stderr=stderr,
            env={**defaults, **os.environ, "no_grpc_proxy": "127.0.0.1"},  # a proxy cannot find it for us
            start_new_session=True,
        )


def first_failure(workers):
    """Wait until all have ended well, or one has not; the number of that one."""
    ended = queue.SimpleQueue()
    for number, worker in enumerate(workers):
        threading.Thread(target=lambda n=number, w=worker: ended.put((n, w.wait())), daemon=True).start()
    for _ in workers:
        number, code = ended.get()
        if code != 0:
            return number
    return None


def obituary(number, workers, folder):
    """Say in a sentence how a process ended."""
    who, code = f"process {number + 1} of {len(workers)}", workers[number].returncode
    if code < 0:
        return f"{who} died (signal {-code}): training was stopped; start it again"
    said = (folder / f"stderr{number}").read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line for line in reversed(said) if line.strip()), f"exit code {code}")
    return f"{who} failed, and training was stopped: {last}"


def free_port():
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# The processes that work


def work(arguments):
    """Train on this process's share of the rows; the first process tells how it goes, and saves the parameters."""
    threading.Thread(target=end_with_the_parent, daemon=True).start()
    user = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # JAX's collectives write to stdout, past Python
    try:
        if arguments.processes > 1:
            join(arguments)
        found = {}
        for name in arguments.network:
            parameters = descend(name, arguments, user)
            found |= {f"{name}/{key}": p for key, p in parameters.items()}
        if arguments.process_id == 0:
            np.savez(arguments.folder / "parameters.npz", **found)
    except Exception:
        traceback.print_exc()
        os._exit(1)  # at an ordinary exit JAX would wait for the other processes, and they wait for this one
    return 0


def end_with_the_parent():
    os.read(0, 1)  # not sys.stdin: Python could not end while a thread reads that
    os._exit(1)


def join(arguments):
    """Find the other processes. Must come before anything else that JAX does."""
    jax = require("jax", "jax", package="jax", needed_by="this demo")
    address = f"127.0.0.1:{arguments.port}"
    jax.distributed.initialize(
        address,
        num_processes=arguments.processes,
        process_id=arguments.process_id,
        coordinator_bind_address=address,  # without it, anyone on the network may connect
        cluster_detection_method="deactivate",
        initialization_timeout=MEETING,
        heartbeat_timeout_seconds=SILENCE,
        shutdown_timeout_seconds=SILENCE,
    )


def descend(name, arguments, user):
    """Gradient descent on every second row, or on every row if this process is alone; the parameters by name."""
    data = load("wedge" if name == "single_layer" else "bars")
    rows, targets = (array[arguments.process_id :: arguments.processes] for array in (data.x, data.y))
    x, y = Value(rows, label="x"), Value(targets, label="y")
    network = NETWORKS[name](seed=0)
    loss = network.loss(x, y)
    program = mg.compile(loss, wrt=list(network.parameters.values()), inputs=[x, y], backend="jax")
    trainer = program.bind(rows, targets)
    for step in range(arguments.steps):
        before = trainer.step(RATE)
        if arguments.process_id == 0 and step % max(arguments.steps // 4, 1) == 0:
            print(f"  {name}, step {step}: loss {float(before):.6f}", file=user, flush=True)
    trainer.parameters()
    return {key: p.data for key, p in network.parameters.items()}


if __name__ == "__main__":
    sys.exit(main())
