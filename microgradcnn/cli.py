"""The command line: `microgradcnn` and `python -m microgradcnn`.

Exit codes: 0 done, 1 the answer is no (a wrong gradient or formula, a training that diverged or never started), 2 bad
use or bad input, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from microgradcnn import __version__
from microgradcnn.commands import (
    check,
    cost,
    explain,
    export,
    gradcheck,
    grade,
    graph,
    ledger,
    lesson,
    networks,
    predict,
    source,
    train,
    worksheet,
)
from microgradcnn.extras import MissingExtra
from microgradcnn.train import DivergedError

# In the order of the help.
COMMANDS = (
    *(networks, lesson, train, predict, export, gradcheck, source, explain, check, ledger, worksheet, grade),
    *(graph, cost),
)
INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence, with a guess at what a mistyped name was meant to be; formulas may start with a minus."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._negative_number_matcher = re.compile(r"-[^-]")  # what may stand where a value is expected

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            meant = difflib.get_close_matches(str(value), known, n=1)
            guess = f"did you mean {meant[0]}?" if meant else f"choose from {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value!r} is unknown: {guess}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a user did wrong is told in one sentence on stderr."""
    typed = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(typed)
    options.typed = typed
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except (ValueError, MissingExtra, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader of our output, such as `head`, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _tell(error, 2)
    except DivergedError as error:
        return _tell(error, 1)
    except KeyboardInterrupt:
        return _tell("interrupted", INTERRUPTED)


def _tell(error: object, code: int) -> int:
    print(f"microgradcnn: {error}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="microgradcnn",
        description="Backpropagation from first principles: the lecture's networks, checked and trained.",
        epilog="exit codes: 0 done, 1 the answer is no, 2 bad use or bad input",
    )
    parser.add_argument("--version", action="version", version=f"microgradcnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    for module in COMMANDS:
        command = commands.add_parser(module.__name__.split(".")[-1], help=module.SUMMARY, description=module.SUMMARY)
        command.add_argument("--json", action="store_true", help="print JSON for machines")
        command.set_defaults(run=module.run)
        module.arguments(command)
    return parser
