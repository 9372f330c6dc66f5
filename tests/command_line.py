"""One command of the command line, run in this process, with what it printed in any encoding; JSON read strictly."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, NoReturn

from microgradcnn.cli import main


@dataclass(frozen=True)
class Done:
    """The exit code of a command, and all that it printed."""

    code: int
    out: str
    err: str


def run(*arguments: object, encoding: str = "utf-8") -> Done:
    """Run `microgradcnn ARGUMENTS` with strict streams of this encoding, as a terminal or a pipe has them."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return Done(code, printed(out), printed(err))


def printed(stream: io.TextIOWrapper) -> str:
    """What has been written to a stream that `run` made."""
    stream.flush()
    content = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return str(content.decode(stream.encoding))


def strict(text: str) -> Any:
    """JSON as the standard has it: one document, no NaN and no Infinity, no name twice in an object."""

    def constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is no JSON")

    def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise ValueError(f"a name is twice among {names}")
        return dict(pairs)

    return json.loads(text, parse_constant=constant, object_pairs_hook=object_of)


def one_sentence(err: str) -> bool:
    """Whether stderr has one line in which a terminal finds nothing to obey, and no traceback."""
    return err.endswith("\n") and err[:-1].isprintable() and err.startswith("microgradcnn") and "Traceback" not in err
