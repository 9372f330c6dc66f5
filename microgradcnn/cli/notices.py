"""Warnings that a command tells its user as sentences."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from microgradcnn.data.columns import PositionWarning
from microgradcnn.training.checkpoint import CheckpointWarning

TOLD = (CheckpointWarning, PositionWarning)


@contextmanager
def warnings_told() -> Iterator[None]:
    """Print what a warning about checkpoints or columns says as a sentence on stderr."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def tell(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, TOLD):
                print(f"microgradcnn: {message}", file=sys.stderr)
            else:
                others(message, category, *where)

        for category in TOLD:
            warnings.simplefilter("always", category)
        warnings.showwarning = tell  # type: ignore[assignment]  # the arguments after these are passed on
        yield
