"""A descent that can be stopped and gone on with: parameters, optimiser, generators, best parameters, history."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.nn.clipping import clip_grad_norm_, clip_grad_value_
from microgradcnn.nn.module import Buffer
from microgradcnn.nn.optim import OPTIMISERS
from microgradcnn.training.batches import Batches
from microgradcnn.training.checkpoint import Checkpoint, CheckpointFolder
from microgradcnn.training.stopping import GOING, History

KEPT = "snapshot_"  # what parameters that were kept are called in a checkpoint, with their epoch


class Descent:
    """An optimiser at work on the parameters of all batches as one vector, with rows shuffled from a seed.

    `history` has a row for every epoch, the newest perhaps of one that is under way. `dropouts` are the generators that
    a model draws from besides, `buffers` what its steps change besides the parameters. `clip` bounds the norm of the
    gradient, `clip_value` each number of it.
    """

    def __init__(
        self,
        rows: Batches,
        optimiser: str,
        seed: int | np.random.Generator,
        dropouts: Sequence[np.random.Generator] = (),
        buffers: Sequence[Buffer] = (),
        clip: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        self.rows, self.flat = rows, Value(rows.flat, label="the parameters")
        self.optimiser = OPTIMISERS[optimiser]([self.flat], error_if_nonfinite=False)  # training says so itself
        self.rng, self.dropouts, self.buffers = np.random.default_rng(seed), dropouts, buffers
        self.clip, self.clip_value = clip, clip_value
        self.lowest, self.best = math.inf, rows.flat.copy()
        self.best_buffers = [buffer.data for buffer in buffers]
        self.history: History = []

    def see(self, row: dict[str, float], cost: float) -> None:
        """Add a row to the history, and keep the parameters if their cost, such as its loss, is the lowest so far."""
        self.history.append(row)
        if cost < self.lowest:
            self.lowest, self.best = cost, self.rows.flat.copy()
            self.best_buffers = [buffer.data for buffer in self.buffers]

    def batches(self, rows: int, size: int) -> Iterator[Array]:
        """The numbers of all rows, shuffled, in parts of at most `size`."""
        yield from np.array_split(self.rng.permutation(rows), math.ceil(rows / size))

    def step(self, rate: float) -> None:
        """Move the parameters against the gradient that was found last."""
        self.flat.grad = self.rows.gradient
        if self.clip is not None:
            clip_grad_norm_(self.flat, self.clip)
        if self.clip_value is not None:
            clip_grad_value_(self.flat, self.clip_value)
        self.optimiser.step(rate)
        self.rows.flat = np.asarray(self.flat.data)

    def snapshot(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What the next epoch depends on: numbers that JSON can hold, and arrays that no step changes."""
        state = {"generator": self.rng.bit_generator.state, "lowest": self.lowest}
        state["dropouts"] = [rng.bit_generator.state for rng in self.dropouts]
        memories = {f"optimiser.{name}": memory for name, memory in self.optimiser.state_dict().items()}
        memories |= {f"buffer_{i}": buffer.data for i, buffer in enumerate(self.buffers)}
        memories |= {f"best_buffer_{i}": data for i, data in enumerate(self.best_buffers)}
        return state, {"parameters": self.rows.flat, "best": self.best, **memories}

    def restore(self, state: dict[str, Any], arrays: dict[str, Array]) -> None:
        """Go on from a snapshot."""
        self.optimiser.load_state_dict({n.removeprefix("optimiser."): a for n, a in arrays.items() if "." in n})
        self.rng.bit_generator.state = state["generator"]
        for rng, was in zip(self.dropouts, state.get("dropouts", ()), strict=True):
            rng.bit_generator.state = was
        for i, buffer in enumerate(self.buffers):
            buffer.data, self.best_buffers[i] = arrays[f"buffer_{i}"], arrays[f"best_buffer_{i}"]
        self.lowest, self.best = state["lowest"], arrays["best"]
        self.flat.data = self.rows.flat = arrays["parameters"]


@dataclass(frozen=True)
class Snapshot:
    """The parameters by their names, when so many epochs were done."""

    epoch: int
    parameters: dict[str, Array]


class Recorder:
    """Takes note of a descent when an epoch is whole: goes back to that, and saves it when a checkpoint is due.

    After every `snapshots` epochs it keeps the parameters, unless that is None, and saves them too.

    `constants` are saved with it, as JSON holds them. Without checkpoints nothing is saved. With some that have
    `found` one, the descent goes on from there, and `status` is what it was then, None if the stop policy has not told.
    """

    def __init__(
        self,
        descent: Descent,
        checkpoints: CheckpointFolder | None = None,
        snapshots: int | None = None,
        **constants: Any,
    ) -> None:
        self.descent, self.checkpoints, self.constants = descent, checkpoints, constants
        self.status: str | None = GOING
        self._rows = array("d")  # the history in one block, so that a save takes it as it is
        if checkpoints is not None and checkpoints.found is not None:
            self._go_on(checkpoints.found)
        self._saved = len(descent.history)  # epochs
        self._noted: tuple[int, dict[str, Any], dict[str, Array]] | None = None
        self._every = snapshots
        self._kept = {} if snapshots is None else self._kept_before() or {self._saved: descent.rows.flat.copy()}

    def _go_on(self, found: Checkpoint) -> None:
        rows, columns, self.status = found.arrays["history"], found.state["columns"], found.state["status"]
        self.descent.restore(found.state, found.arrays)
        self._rows.frombytes(rows.tobytes())
        named = (dict(zip(columns, row, strict=True)) for row in rows.tolist())
        self.descent.history.extend(row | {"epoch": int(row["epoch"])} for row in named)

    def _kept_before(self) -> dict[int, Array]:
        """The parameters that the checkpoint holds of epochs before, by those."""
        found = None if self.checkpoints is None else self.checkpoints.found
        saved = {} if found is None else found.arrays
        return {int(name.removeprefix(KEPT)): flat for name, flat in saved.items() if name.startswith(KEPT)}

    def note(self, status: str | None) -> None:
        """Take note of the descent, whose newest epoch is whole, with the status of training if that is known."""
        state, arrays = self.descent.snapshot()
        self._noted = len(self.descent.history), {"status": status, **state}, arrays

    def go_back(self) -> None:
        """Bring the descent to what was noted last."""
        assert self._noted is not None
        epochs, state, arrays = self._noted
        self.descent.restore(state, arrays)
        del self.descent.history[epochs:]

    def epoch_done(self, status: str) -> None:
        """Take note of the descent at the end of an epoch, with the status of training then; save if it is time."""
        if self._every is not None and len(self.descent.history) % self._every == 0:
            self._kept[len(self.descent.history)] = self.descent.rows.flat.copy()
        if self.checkpoints is None:
            return
        self.note(status)
        if len(self.descent.history) % self.checkpoints.every == 0:
            self.save()

    def save(self) -> None:
        """Save what was noted last, if it has not been; takes time in proportion to all that is saved."""
        if self.checkpoints is None or self._noted is None or self._noted[0] == self._saved:
            return
        epochs, state, arrays = self._noted
        columns = list(self.descent.history[0])
        for row in self.descent.history[len(self._rows) // len(columns) : epochs]:
            self._rows.extend(row.values())
        history = np.frombuffer(self._rows[: epochs * len(columns)]).reshape(epochs, len(columns))
        kept = {f"{KEPT}{epoch}": flat for epoch, flat in self._kept.items() if epoch <= epochs}
        told = {**self.constants, **state, "columns": columns}
        self.checkpoints.save(epochs, told, {**arrays, **kept, "history": history})
        self._saved = epochs

    def snapshots(self, names: Iterable[str]) -> list[Snapshot]:
        """The parameters, called so, at the start, after every so many epochs, and now, at the end."""
        if self._every is None:
            return []
        found, labels = {**self._kept, len(self.descent.history): self.descent.rows.flat.copy()}, list(names)
        parts = self.descent.rows.parts
        return [Snapshot(epoch, dict(zip(labels, parts(flat), strict=True))) for epoch, flat in found.items()]
