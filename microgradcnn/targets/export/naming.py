"""What lines are called in a program's source: as was wanted, as far as the language allows, and nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from microgradcnn.targets.lines import Line

LONGEST = 60  # characters of a name; of one that is longer, the beginning and the end


class Naming(dict[Line, str]):
    """The names of lines; none is among those `taken`, and `identifier` makes a wanted name one of the language."""

    def __init__(self, taken: Iterable[str], identifier: Callable[[str], str]) -> None:
        self._taken, self._identifier = set(taken), identifier

    def give(self, line: Line, wanted: str) -> None:
        """Call the line as is wanted, with underscores behind it as long as that name is taken."""
        name = self._identifier(wanted)
        name = name if len(name) <= LONGEST else name[:40] + name[-20:]
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self[line] = name
