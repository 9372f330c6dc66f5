"""The line of the user's code from which the package was called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import FrameType

import numpy as np

# The package, NumPy and the standard library: whatever calls from there was itself called by the user.
_NOT_THE_USERS = tuple(os.path.dirname(os.path.abspath(file)) + os.sep for file in (__file__, np.__file__, os.__file__))


def frames_to_the_user() -> Iterator[FrameType]:
    """The frames being executed, from the caller's outwards; the last is the first that is the user's own."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        if not os.path.abspath(frame.f_code.co_filename).startswith(_NOT_THE_USERS):
            return
        frame = frame.f_back
