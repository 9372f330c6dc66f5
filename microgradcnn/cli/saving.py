"""The arguments that save a training run in a folder and go on with it."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from microgradcnn.cli.options import count


def saving_arguments(parser: argparse.ArgumentParser) -> None:
    """A folder for checkpoints, how often, and whether to go on from there."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="DIR", help="save the run in this folder, so that --resume can go on with it"
    )
    parser.add_argument("--every", type=count, metavar="N", help="save after every N epochs (a hundredth of all)")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint in the folder")


def chosen_saving(options: argparse.Namespace) -> dict[str, Any]:
    """What `saving_arguments` gave, as `train` takes it. Raises ValueError if there is no folder for it."""
    for given, flag in ((options.every, "--every"), (options.resume, "--resume")):
        if given and options.checkpoint is None:
            raise ValueError(f"{flag} needs --checkpoint DIR, the folder that a run is saved in")
    return {name: getattr(options, name) for name in ("checkpoint", "every", "resume")}


def how_to_resume(options: argparse.Namespace) -> str:
    """The command that goes on with a run that was stopped: the one that was typed, with --resume."""
    return shlex.join(["microgradcnn", *options.typed, *([] if options.resume else ["--resume"])])
