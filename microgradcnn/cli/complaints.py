"""What is said of an error, and its exit code: which were a user's mistakes, and which were ours."""

from __future__ import annotations

from microgradcnn.cli.user_scripts import told
from microgradcnn.data.dataset import DataError
from microgradcnn.extras import MissingExtra
from microgradcnn.fit import DivergedError


def complaint(error: Exception) -> tuple[object, int] | None:
    """A sentence, or an error that reads as one, and the exit code; None for a mistake of ours."""
    if isinstance(error, DivergedError):
        return error, 1
    sentence = _sentence(error)
    return None if sentence is None else (sentence, 2)


def _sentence(error: Exception) -> object:
    if (of_a_file := told(error)) is not None:
        return of_a_file
    if isinstance(error, OSError):  # without a file's name it is that of standard output
        nameless = f"the output cannot be written: {error.strerror or error}"
        return nameless if error.filename is None else error
    if isinstance(error, DataError):
        return error.sentence
    if isinstance(error, ValueError | MissingExtra):
        return error
    if isinstance(error, OverflowError):
        return "a number in this is too large to be computed with"
    if isinstance(error, MemoryError):
        return f"there is not enough memory for this: {error or 'choose smaller sizes'}"
    return "this is nested too deeply to be read" if isinstance(error, RecursionError) else None
