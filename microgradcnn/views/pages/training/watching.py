"""A training that writes a page of itself: told beforehand what it starts from, and written however it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgradcnn.engine.arrays import Array, bare_array
from microgradcnn.files import FileError, make_folder, write_whole
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.system.advice import Advice
from microgradcnn.system.callers import frames_to_the_user
from microgradcnn.targets.row_axis import RowsError
from microgradcnn.training.descent import Recorder
from microgradcnn.training.schedule import Schedule
from microgradcnn.training.stopping import History
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import Learner, Loss, of_model, of_network
from microgradcnn.views.pages.training.page import NOT_ASKED, asked_of, training_page
from microgradcnn.views.pages.training.recording import Recording
from microgradcnn.views.pages.training.task import YOURS, Resumed, TaskRows, about, live_task

SUFFIXES = (".html", ".htm")


def _warn(sentence: str) -> None:
    warnings.warn(sentence, PageWarning, stacklevel=len([*frames_to_the_user()]))


class PageWarning(Advice):
    """Why the page of a training could not be made; the training itself is whole."""


@dataclass(frozen=True)
class TrainingPage:
    """The file that a training writes a page of itself to, and what the page can say of its rows.

    `test` are rows and targets that are not trained on, `classes` the names of the targets 0, 1, ..., `image` the
    height and width of rows that are pictures. `name` is what the rows are called.
    """

    path: str | Path
    title: str = ""
    test: tuple[Any, Any] | None = None
    name: str = YOURS
    classes: Sequence[str] | None = None
    image: tuple[int, ...] | None = None


@contextmanager
def watched(
    page: str | Path | TrainingPage,
    trained: Network | tuple[Module, Loss, str],
    rows: tuple[Array, Array],
    schedule: Schedule,
    seed: int,
    recorder: Recorder,
    test: tuple[Array, Array] | None = None,
) -> Iterator[Sequence[Callable[[History], None]]]:
    """A context to train in, from the parameters of this moment on; it gives what is to be called with the history.

    What is trained is a network, or a model with its loss, and why no page can take its steps, if that is so.
    Where its `recorder` goes on with a run, the parameters become those of its checkpoint. At its end, whatever that
    is, the page is written. Raises FileError at once where the folder cannot be written to or the path is one or not
    that of a page, TypeError for what is no path, ValueError for a test of other rows; what else goes wrong is told in
    a PageWarning.
    """
    if not isinstance(page, str | Path | TrainingPage):
        raise TypeError(f"page is the path of a file to write, such as 'run.html', not {page!r}")
    told = page if isinstance(page, TrainingPage) else TrainingPage(page)
    path = Path(told.path)
    if path.is_dir():
        raise FileError(f"{path} is a folder: page takes a file in it, such as {path / 'run.html'}")
    if path.suffix.lower() not in SUFFIXES:
        raise FileError(f"a page is a file of HTML, such as {path.with_suffix('.html')}, not {path}")
    make_folder(path.parent)
    of = of_network(trained) if isinstance(trained, Network) else of_model(*trained)
    kernels, (x, y) = Kernels(), rows
    image = x.shape[2:] if x.ndim == 4 else told.image
    unseen = _like(x, y, test if told.test is None else told.test)
    given = TaskRows(x, y, unseen, told.name, told.classes, image)
    resumed = _resumed(recorder, of.measured)
    history = [] if resumed is None else resumed.history
    task: dict[str, Any] | None = None
    asked = NOT_ASKED
    recording: Recording | None = None
    try:
        task = live_task(of, given, schedule, seed, kernels, resumed=resumed)
        with suppress(ValueError, TypeError, LookupError, ArithmeticError):  # then the page has no boxes
            asked = asked_of(trained, of, given)
    except RowsError:
        recording = _recording(of, given, "its rows are not computed one by one", history)
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:  # whatever it is, the training goes on
        recording = _recording(of, given, str(error), history)
    try:
        yield () if recording is None else (recording,)
    finally:
        try:
            if recording is not None:
                task = about(of, given, schedule, seed) | recording.told()
            title = told.title or f"{of.name} in training"
            if task is not None:
                write_whole(path, training_page(task, kernels, title, asked).encode())
        except ValueError as error:
            _warn(f"the training is whole, its page is not written: {error}")


def _resumed(recorder: Recorder, measured: str) -> Resumed | None:
    """Where a run goes on, from numbers that its parameters have from now on; None for one that begins."""
    descent, history = recorder.descent, [*recorder.descent.history]
    if not history:
        return None
    descent.rows.write()
    if measured == "before" and recorder.status == "converged":
        history.pop()  # of an epoch that was measured, and whose steps were not taken
    optimiser = descent.optimiser
    memories = [np.asarray(getattr(optimiser, name)[0]) for name in optimiser.memories]
    return Resumed(len(history), history, optimiser.steps, memories, dict(descent.rng.bit_generator.state))


def _like(x: Array, y: Array, test: tuple[Any, Any] | None) -> tuple[Array, Array] | None:
    """The rows of a test as arrays. Raises ValueError unless they are as wide as x and y."""
    if test is None:
        return None
    found = bare_array(test[0]).astype(np.float64), bare_array(test[1]).astype(np.float64)
    if [a.shape[1:] for a in found] != [x.shape[1:], y.shape[1:]] or len(found[0]) != len(found[1]):
        shapes = f"{found[0].shape} and {found[1].shape}"
        raise ValueError(f"the test of a page has rows like x {x.shape} and y {y.shape}, not the shapes {shapes}")
    return found


def _recording(learner: Learner, rows: TaskRows, why: str, history: History) -> Recording | None:
    """A recording instead of a training in the page, or a warning where there is nothing to record."""
    try:
        return Recording(learner, rows, why, history)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        _warn(f"{learner.name} has no page: {error}")
        return None
