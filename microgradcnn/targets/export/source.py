"""A program as source: one line an operation, each backward line with the step of the chain rule that it is.

The source needs NumPy only; with `xp=jax.numpy` it runs on JAX.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from microgradcnn.targets.export.python_functions import DEFINITIONS
from microgradcnn.targets.lines import Line, Lines, in_order
from microgradcnn.targets.python import definitions, expression, number

PER_LINE = 100  # characters before a list is broken into lines
LONGEST = 60  # characters of a name; of one that is longer, the beginning and the end
STEPS = frozenset({"transpose", "reshape", "matmul"})  # written within the line that uses them, where notes are


def source(lines: Lines, notes: Mapping[str, str] | None = None) -> str:
    """The program `lines` as a module: `def program(<inputs>, <wrt>, xp=numpy)`, with the functions that it needs.

    It returns the loss, the list of gradients and, if there are any, the list of further numbers. A program written for
    one example in scalars takes arrays with a number for every row as well, and returns means. `notes` say which
    scalars the arrays of a label stand for: products and new shapes without a name are written where they are used.
    """
    order = [line for line in in_order(lines.outputs) if line.op != "number"]
    within = set() if notes is None else _within(lines, order)
    names = _Names(lines, [line for line in order if line not in within], notes or {})
    forward = names.forward
    order = [line for line in order if line not in within]
    said = [(names[leaf], (notes or {}).get(leaf.label or "")) for leaf in _leaves(lines)]
    body = [f"# {name}: {note}" for name, note in said if note]
    body += [""] if body else []
    for heading, part in (
        ("forward", [line for line in order if line in forward]),
        ("backward: the chain rule, from the loss to the leaves", [line for line in order if line not in forward]),
    ):
        computed = [line for line in part if line.op not in ("input", "parameter")]
        if computed:
            body += [f"# {heading}", *(names.line(line) for line in computed), ""]
    body.append(_returned(lines, names))
    if any(re.search(r"\bn\b", text.split("#")[0]) for text in body):  # no line is called n
        body = [_counting(lines, names), "", *body]
    arguments = ", ".join([*(names[leaf] for leaf in _leaves(lines)), "xp=numpy"])
    program = [f"def program({arguments}):", *(f"    {text}".rstrip() for text in body)]
    return "\n\n\n".join(["import numpy", *definitions(order), "\n".join(program)]) + "\n"


def _leaves(lines: Lines) -> list[Line]:
    return [*lines.inputs, *lines.parameters]


def _within(lines: Lines, order: Sequence[Line]) -> set[Line]:
    """What is written within the one line that uses it."""
    uses = Counter(arg for line in order for arg in line.args)
    uses.update(lines.outputs * 2)
    said = {part for line in order for pair in (line.sent, line.within, line.totals) for part in pair or ()}
    steps = {line for line in order if line.op in STEPS and (uses[line] == 1 or _is_leaf_turned(line))}
    return {line for line in steps - said if line.label is None and not line.sent and not line.totals}


def _is_leaf_turned(line: Line) -> bool:
    return line.op == "transpose" and line.static["axes"] is None and line.args[0].op in ("input", "parameter")


def _counting(lines: Lines, names: _Names) -> str:
    first = next(leaf for leaf in lines.inputs if leaf.varies)
    return f"n = len({names[first]})  # rows"


def _returned(lines: Lines, names: _Names) -> str:
    def text(line: Line) -> str:
        return f"xp.mean({names[line]})" if lines.per_example and line.varies else names[line]

    parts = [text(lines.loss), f"[{', '.join(map(text, lines.gradients))}]"]
    if lines.also:
        parts.append(f"[{', '.join(map(text, lines.also))}]")
    whole = f"return {', '.join(parts)}"
    if len(whole) <= PER_LINE:
        return whole
    items = "".join(f"        {text(line)},\n" for line in lines.gradients)
    return f"return {parts[0]}, [\n{items}    ]{''.join(f', {part}' for part in parts[2:])}"


def _identifier(label: str) -> str:
    """A label as a name of Python's, which takes x² for x2 and other letters for one another."""
    name = "".join(c if f"_{c}".isidentifier() else "_" for c in unicodedata.normalize("NFKC", label))
    return name if name.isidentifier() and not keyword.iskeyword(name) else f"_{name}"


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


class _Names:
    """What every line is called in the source, and the comment beside it."""

    def __init__(self, lines: Lines, order: Sequence[Line], notes: Mapping[str, str]) -> None:
        self._notes = notes
        taken = {"xp", "numpy", "n", "program", "float", "len", "max", "slice", "__debug__", *DEFINITIONS}
        self._names = Naming(taken, _identifier)
        self._count = 0
        self._known_after: dict[Line, Line | None] = {}
        self._known_before: dict[Line, Line | None] = {}
        self.forward = {line: i for i, line in enumerate(in_order([lines.loss, *lines.also]))}
        self._users: dict[Line, list[Line]] = {}
        for line in self.forward:
            for arg in line.args:
                self._users.setdefault(arg, []).append(line)
        self._first_user = {arg: line for line in reversed(order) for arg in line.args}
        self._gradient = {x: line for line in order for x in line.totals}  # df/dx by x
        for leaf in _leaves(lines):
            self._names.give(leaf, leaf.label or leaf.op)
        for line in order:
            if line not in self._names and line in self.forward:
                self._names.give(line, line.label or ("loss" if line is lines.loss else self._next()))
        self.loss = self._names.get(lines.loss, "f")
        # The factor dy/dx of df/dy * dy/dx, where it took a line of its own: what df/dy has not gone into.
        of_f: set[Line] = set()
        for line in order:
            if line not in self.forward and (line.sent or line.totals or any(arg in of_f for arg in line.args)):
                of_f.add(line)
        self._factors = {
            arg for line in order for arg in line.args if line.sent and arg.within == line.sent and arg not in of_f
        }
        for line in order:
            if line not in self._names:
                self._names.give(line, self._backward_name(line))

    def __getitem__(self, line: Line) -> str:
        if line.op == "number":
            return number(line)
        if line in self._names:
            return self._names[line]
        text = self._expression(line)
        return f"({text})" if line.op == "matmul" else text

    def line(self, line: Line) -> str:
        """The line of source that computes it."""
        text = f"{self[line]} = {self._expression(line)}"
        comment = self._notes.get(line.label or "", "") if line in self.forward else self._comment(line)
        return f"{text}  # {comment}" if comment else text

    def _expression(self, line: Line) -> str:
        args = [self[arg] for arg in line.args]
        if line.op == "reshape" and args[0].startswith("("):
            args = [args[0][1:-1]]
        if line not in self._names and line.op == "reshape" and line.shape == (*line.args[0].shape, 1):
            return f"{self[line.args[0]]}[{'...' if line.shape[2:] else ':'}, None]"
        return expression(line, args)

    def _next(self) -> str:
        self._count += 1
        return f"t{self._count}"

    def _backward_name(self, line: Line) -> str:
        if line.totals:
            return f"d{self.loss}_d{self._one_of(line.totals)}"
        if line.sent is not None and self._after(line.sent[0]):
            y, x = line.sent
            return f"d{self.loss}_d{self._before(x)}_by_{self._after(y)}"
        if line in self._factors and line.within is not None and self._after(line.within[0]):
            y, x = line.within
            return f"d{self._after(y)}_d{self._before(x)}"
        return line.label or self._next()

    def _comment(self, line: Line) -> str:
        """The step of the chain rule that the line is."""
        f = self.loss
        if line.sent is not None:
            y, x = self._after(line.sent[0]), self._before(line.sent[1])
            others = [self._names[t] for t in line.totals if t.label and self._names.get(t, x) != x]
            alike = f", the same for {', '.join(sorted(set(others)))}" if others else ""
            return f"d{f}/d{y} * d{y}/d{x}{alike}" if y and y != f else f"d{f}/d{x}{alike}"
        if line.totals:
            return f"d{f}/d{self._one_of(line.totals)}: all paths to it, added up"
        if line.within is not None and self._after(line.within[0]):
            y, x = self._after(line.within[0]), self._before(line.within[1])
            return f"for d{y}/d{x}"
        if line.op == "add" and line.args[-1].sent is not None:
            return f"d{f}/d{self._before(line.args[-1].sent[1])} so far"
        return f"for {self._names[self._first_user[line]]}" if line in self._first_user else ""

    def _one_of(self, lines: Sequence[Line]) -> str:
        """Of lines with the same gradient, the name of the first that the user named."""
        known = sorted((t for t in lines if t in self._names), key=lambda t: self.forward.get(t, -1))
        named = [t for t in known if t.label] or known
        return self._names[named[0]] if named else self._next()

    def _after(self, y: Line) -> str:
        """The name of y, or of what y is a term of, which has the same gradient; empty if y is no line any more."""
        named = self._named(y, lambda line: self._users.get(line, ()), self._known_after)
        return self._names.get(named, "") if named in self.forward else ""  # a derivative may be the same line

    def _before(self, x: Line) -> str:
        """The name of x, or, if it is a sum without a name, that of a term, which has the same gradient."""
        named = self._named(x, lambda line: line.args, self._known_before)
        written = self._names.get(named) if named in self.forward else None  # a number has no name
        return written or _identifier(x.label or x.op)

    def _named(self, line: Line, nexts: Callable[[Line], Sequence[Line]], known: dict[Line, Line | None]) -> Line:
        """The first line with a name that `nexts` leads to while the gradient is the same; the line itself if none.

        What is `known` from one walk shortens the next: a sum of many terms is walked once.
        """
        gradient, path = self._gradient.get(line), []
        at: Line | None = line
        while at is not None and at.label is None and at not in known:
            path.append(at)
            at = next((o for o in nexts(at) if gradient is not None and self._gradient.get(o) is gradient), None)
        found = known.get(at, at) if at is not None else None
        known.update(dict.fromkeys(path, found))
        return found or line
