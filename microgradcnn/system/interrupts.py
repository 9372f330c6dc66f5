"""Ctrl-C on the command line: an exception while a command works, the plain end of the process before and after.

Importing this module makes the difference, where the process is the command: a user may think again while NumPy loads,
and a traceback from there would tell nobody anything. So it imports nothing that takes time.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what `signal` gives names to, which takes far longer to load
import os
import sys


class Interruptible:
    """Ctrl-C raises KeyboardInterrupt in here, if it would end the process outside; other handlers are left alone."""

    def __enter__(self) -> None:
        self._ours = _signal.getsignal(_signal.SIGINT) == _signal.SIG_DFL
        if self._ours:
            _signal.signal(_signal.SIGINT, _signal.default_int_handler)

    def __exit__(self, *error: object) -> None:
        if self._ours:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _is_command() -> bool:
    """Whether this process is `microgradcnn`, `python -m microgradcnn` or `python -c` with its `main`."""
    program = sys.argv[0] if sys.argv else ""
    if program in ("-m", "-c"):  # what stands there until the module to run is found
        return any(part == "microgradcnn" or "microgradcnn.cli" in part for part in sys.orig_argv)
    return os.path.splitext(os.path.basename(program))[0] == "microgradcnn"


if _is_command() and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
