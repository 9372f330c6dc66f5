"""A training that writes a page of itself: told beforehand what it starts from, and written however it ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from microgradcnn.engine.arrays import Array
from microgradcnn.engine.value import Value
from microgradcnn.files import FileError, make_folder, write_whole
from microgradcnn.networks import Network
from microgradcnn.nn.module import Module
from microgradcnn.system.callers import frames_to_the_user
from microgradcnn.training.schedule import Schedule
from microgradcnn.training.stopping import History
from microgradcnn.views.pages.training.instructions import Kernels
from microgradcnn.views.pages.training.learner import of_model, of_network
from microgradcnn.views.pages.training.page import training_page
from microgradcnn.views.pages.training.recording import Recording
from microgradcnn.views.pages.training.task import YOURS, TaskRows, about, live_task

Loss: TypeAlias = Callable[[Any, Any], Value]


def _warn(sentence: str) -> None:
    warnings.warn(sentence, PageWarning, stacklevel=len([*frames_to_the_user()]))


class PageWarning(UserWarning):
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
    test: tuple[Array, Array] | None = None,
) -> Iterator[Sequence[Callable[[History], None]]]:
    """A context to train in, from the parameters of this moment on; it gives what is to be called with the history.

    What is trained is a network, or a model with its loss, and why no page can take its steps, if that is so.
    At its end, whatever that is, the page is written. Raises FileError at once where the folder cannot be written to or
    the path is one, TypeError for what is no path; what else goes wrong is told in a PageWarning.
    """
    if not isinstance(page, str | Path | TrainingPage):
        raise TypeError(f"page is the path of a file to write, such as 'run.html', not {page!r}")
    told = page if isinstance(page, TrainingPage) else TrainingPage(page)
    path = Path(told.path)
    if path.is_dir():
        raise FileError(f"{path} is a folder: page takes a file in it, such as {path / 'run.html'}")
    make_folder(path.parent)
    of = of_network(trained) if isinstance(trained, Network) else of_model(*trained)
    kernels, (x, y) = Kernels(), rows
    image = x.shape[2:] if x.ndim == 4 else told.image
    given = TaskRows(x, y, told.test or test, told.name, told.classes, image)
    task: dict[str, Any] | None = None
    recording: Recording | None = None
    why = ""
    try:
        task = live_task(of, given, schedule, seed, kernels)
    except ValueError as error:
        recording, why = Recording(of, given), str(error)
    try:
        yield () if recording is None else (recording,)
    finally:
        if recording is not None:
            task = about(of, given, schedule, seed) | recording.told(why)
        if task is not None:
            try:
                write_whole(path, training_page(task, kernels, told.title or f"{of.name} in training").encode())
            except ValueError as error:
                _warn(f"the training is whole, its page is not written: {error}")
