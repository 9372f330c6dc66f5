"""The command line: `microgradcnn` and `python -m microgradcnn`.

Exit codes: 0 done, 1 the answer is no (a wrong gradient or formula, a training that diverged or never started), 2 bad
use or bad input, 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from typing import Any, NoReturn

from microgradcnn import __version__
from microgradcnn.cli.commands import COMMANDS
from microgradcnn.cli.streams import discard_output, escaped, lenient_streams, tell
from microgradcnn.system.advice import Advice
from microgradcnn.system.interrupts import Interruptible
from microgradcnn.system.terminal import USUAL, columns, fitted

INTERRUPTED = 130
LONGEST = 1000  # characters of an error
MEANT = {"--lr": "--rate", "--learning-rate": "--rate", "--lambda": "--regularise", "--weight-decay": "--regularise"}


class UsageError(ValueError):
    """A command line that says nothing that could be done."""


class _Parser(argparse.ArgumentParser):
    """Errors in one sentence, with a guess at what a mistyped name was meant to be; formulas may start with a minus."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_formatter, **settings)
        self._negative_number_matcher = re.compile(r"-[^-]")  # what may stand where a value is expected

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse_known_args(  # type: ignore[override]  # always called with the arguments
        self, args: Sequence[str], namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self._check_options(args)
        found, more = super().parse_known_args(args, namespace)
        if more:
            self.error(f"{self._command} takes no {more[0]!r} here: a formula with spaces goes in quotes")
        return found, more

    def _check_options(self, args: Sequence[str]) -> None:
        """Refuse an unknown option before what is missing, for that may be what it was meant to be."""
        for arg in args:
            if arg == "--" or (self._subparsers and not arg.startswith("-")):  # the command takes the rest
                return
            name = arg.partition("=")[0]
            if name.startswith("--") and name not in self._option_string_actions:
                known = [option for option in self._option_string_actions if option.startswith("--")]
                meant = MEANT.get(name)
                guess = _guess(meant if meant in known else name, known, cutoff=0.7)
                guess = "a command's options follow the command" if self._subparsers else guess
                self.error(f"{self._command} has no {name}: {guess}")

    def _print_message(self, message: str, file: Any = None) -> None:
        stream = file or sys.stderr
        print(fitted(message, stream), end="", file=stream)  # argparse would say nothing of a full disk

    @property
    def _command(self) -> str:
        return self.prog.split()[-1]

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(action, f"{value!r} is unknown: {_guess(str(value), known)}")


def _formatter(prog: str) -> argparse.HelpFormatter:
    # argparse would import shutil for the width, and with it all kinds of archives
    return argparse.HelpFormatter(prog, width=(columns(sys.stdout) or USUAL) - 2)


def _guess(name: str, known: Sequence[str], cutoff: float = 0.6) -> str:
    from difflib import get_close_matches  # for mistakes only: importing it takes 1 ms

    close = get_close_matches(name, known, 1, cutoff)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what a user did wrong is told in one sentence on stderr.

    With --json it is an object on stdout as well. Characters that a stream's encoding lacks are written in ASCII.
    """
    typed = sys.argv[1:] if arguments is None else list(arguments)
    with lenient_streams():
        try:
            with Interruptible():
                code = _run(typed)
                sys.stdout.flush()
                return code
        except KeyboardInterrupt:
            return _tell(typed, "interrupted", INTERRUPTED)
        except BrokenPipeError:  # the reader of our output, such as `head`, has left
            discard_output()
            return 0
        except Exception as error:
            complaint = _complaint(error)
            if complaint is None:
                raise
            return _tell(typed, *complaint)


def _complaint(error: Exception) -> tuple[object, int] | None:
    # what tells all mistakes apart loads most of the package, which the help and the version do without
    return import_module("microgradcnn.cli.complaints").complaint(error)


def _run(typed: list[str]) -> int:
    parser = _parser(next((word for word in typed if not word.startswith("-")), None))
    if not typed:
        parser.print_help(sys.stderr)
        return 2
    try:
        options = parser.parse_args(typed)
    except SystemExit:  # the help or the version is printed
        return 0
    options.typed = typed
    with _warnings_told():
        code: int = options.run(options)
    return code


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Print what an Advice says as a sentence on stderr."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, Advice):
                tell(message)
            else:
                others(message, category, *where)

        warnings.simplefilter("always", Advice)
        warnings.showwarning = show  # type: ignore[assignment]  # the arguments after these are passed on
        yield


def _tell(typed: list[str], error: object, code: int) -> int:
    """Say in one line on stderr what went wrong, and where JSON was asked for as an object on stdout."""
    from microgradcnn.cli.output import show  # what the help and the version do without
    from microgradcnn.views.formulas.expression import cut

    sentence = cut(escaped(str(error)), LONGEST)
    try:
        tell(sentence, failed=True)
        if "--json" in typed or "--format=json" in typed or ("--format", "json") in pairwise(typed):
            show({"error": sentence, "exit_code": code}, True)
        sys.stdout.flush()
    except OSError:  # nobody listens
        discard_output()
    return code


def _parser(called: str | None) -> argparse.ArgumentParser:
    """All commands with what they are for; the one that is called, with its arguments: the others are not loaded."""
    parser = _Parser(
        prog="microgradcnn",
        description="Backpropagation from first principles: the lecture's networks, checked and trained.",
        epilog="exit codes: 0 done, 1 the answer is no, 2 bad use or bad input, 130 Ctrl-C",
    )
    parser.add_argument("--version", action="version", version=f"microgradcnn {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, add_help=name == called)
        if name == called:
            command.add_argument("--json", action="store_true", help="print JSON for machines")
            _complete(command, import_module(f"microgradcnn.cli.commands.{name}"))
    return parser


def _complete(command: argparse.ArgumentParser, module: Any) -> None:
    from microgradcnn.cli.options import real  # it loads all that arguments choose from

    command.register("type", float, real)  # what type=float means in every command
    command.set_defaults(run=module.run)
    module.arguments(command)
