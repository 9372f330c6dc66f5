"""The user's code from which the package was called: which line it is, and whether it assigns what it reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from opcode import opmap
from types import FrameType

import numpy as np

# The package, the standard library, and what is installed beside NumPy: what calls from there the user has called.
_INSTALLED = os.path.dirname(os.path.dirname(np.__file__))
_FOLDERS = (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__), _INSTALLED)
_NOT_THE_USERS = tuple(os.path.abspath(folder) + os.sep for folder in _FOLDERS)

_EXTENDED, _LOAD, _COPY = (opmap[name] for name in ("EXTENDED_ARG", "LOAD_ATTR", "COPY"))


def frames_to_the_user() -> Iterator[FrameType]:
    """The frames being executed, from the caller's outwards; the last is the first that is the user's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        if not os.path.abspath(frame.f_code.co_filename).startswith(_NOT_THE_USERS):
            return
        frame = frame.f_back


def is_augmented(frame: FrameType) -> bool:
    """Whether the attribute that `frame` reads is to be assigned again, as in `p.data -= step`.

    CPython keeps a second reference to p for that, and does so before no other read.
    """
    code, at = frame.f_code.co_code, frame.f_lasti
    before = at - 2
    while code[before] == _EXTENDED:
        before -= 2
    return code[before] == _COPY and code[at] == _LOAD


class _Assigned:
    """Whose setter counts the references to what an augmented assignment brings it, and nobody else has."""

    count = 0

    @property
    def data(self) -> list[int]:
        return []

    @data.setter
    def data(self, data: list[int]) -> None:
        self.count = sys.getrefcount(data)


_assigned = _Assigned()
_assigned.data += [1]
ALONE = _assigned.count  # the references that a setter finds to what nobody else can change: a view, too, would be one
