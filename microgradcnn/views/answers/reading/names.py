"""The names that a formula may use: labels in all their spellings, families of them as vectors, and the functions."""

from __future__ import annotations

import copy
import difflib
import inspect
import re
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from microgradcnn.engine import functions
from microgradcnn.engine.functions import BUILT_IN
from microgradcnn.engine.record import TABLE, Primitive, free_names, input_names
from microgradcnn.views.answers.reading import notations

NOT_KNOWN = "is not known here"
_LOW = str.maketrans(notations.LOW)


class FormulaError(ValueError):
    """A text that is no formula in the known names; `steps` is how many steps it took to see that."""

    steps = 0


class Token(NamedTuple):
    """A piece of the text: what kind of piece, what it says, and the column where it stands."""

    kind: str
    text: str
    column: int


# Those that are made of primitives; a text is no argument that a formula gives.
_MADE: dict[Any, tuple[str, ...]] = dict.fromkeys([functions.gelu, functions.silu, functions.reciprocal], ("x",))
_MADE |= dict.fromkeys([functions.clip, functions.leaky_relu, functions.exp2, functions.sinc], ("x",))
_MADE |= {functions.logaddexp2: ("a", "b")}
_STATIC = {"clip": ["min", "max"], "leaky_relu": ["negative_slope"]}


@lru_cache(maxsize=256)
def _takes_numbers(op: Primitive) -> bool:
    """Whether a primitive is a function of numbers that can be called by its name: −x has a sign of its own."""
    if op.composed:  # layers, and functions that have names of their own, call them
        return False
    if op.name not in BUILT_IN:
        return bool(op.inputs) and (op.name.isidentifier() or canonical(op.name) is not None)
    if op.name in ("neg", "maximum", "minimum", "where"):
        return op.name != "neg"
    if isinstance(op.forward, np.ufunc):
        return op.forward.nin == 1 or op.opaque
    try:
        inspect.signature(op.forward).bind(0.0)
    except (TypeError, ValueError):
        return False
    return True


def spelled(match: re.Match[str]) -> str:
    """What a match of NAME is as a label: z_1 for z1, z_{1}, z₁; y_hat for ŷ; lambda for λ."""
    base, index = match["base"], match["index"].translate(_LOW)
    letters = re.findall(r"[A-Za-z]+", base)
    if base == "ŷ" or base.endswith("\u0302") or base.startswith(("\\hat", "\\widehat")):
        base = f"{'y' if base == 'ŷ' else letters[-1]}_hat"
    elif base in notations.GREEK:
        base = notations.GREEK[base]
    else:
        base = letters[-1]
        base = f"{base[:-3]}_hat" if re.fullmatch(r"[a-z]hat", base) else base
    return "_".join([base, *re.findall(r"[A-Za-z]+|[0-9]+", index)])


def canonical(name: str) -> str | None:
    """The spelling that a name has as a label, z_1 for z1, z_{1} or z₁; None for what is no name."""
    match = notations.NAME.fullmatch(name.strip())
    return None if match is None else spelled(match)


def shown(text: str) -> str:
    """A piece of the answer as an error shows it: short, and in ASCII where it could not be seen."""
    return f"'{text[:20]}'" if text[:20].isprintable() else ascii(text[:20])


class Names:
    """The names that a formula may use, in all their spellings, its functions, and what σ means.

    Every primitive of numbers with a name is a function, where a bracket follows it and no label has its name. `asked`
    is the derivative that an answer is for, the names of above and below; where it is known, dz_1/ds_1 is a name too.
    `place` is given where all of a gradient is asked for: which number of it this is, from 0, and of how many.
    """

    def __init__(
        self,
        labels: Iterable[str],
        activation: str = "sigmoid",
        asked: tuple[str, str] | None = None,
        place: tuple[int, int] | None = None,
    ) -> None:
        self.activation, self.asked, self.place = activation, asked, place
        self.functions: dict[str, Any] = {canonical(f.__name__) or f.__name__: f for f in _MADE}
        self.functions |= {canonical(op.name) or op.name: op for op in TABLE.values() if _takes_numbers(op)}
        for short in ("max", "min"):  # as formulas write them
            self.functions.setdefault(short, TABLE[f"{short}imum"])
        self.labels: dict[str, str] = {}  # by the canonical spelling, as s_1_2
        self.tight: dict[str, set[str]] = {}  # by the spelling without underscores, as s12
        self.places: tuple[str, ...] = ()  # of parameters in a model, as layers.0.w.1: written as they are
        self._add(labels)

    def _add(self, labels: Iterable[str]) -> None:
        self._families: dict[tuple[str, str], dict[int, str]] = {}
        for label in labels:
            if (name := canonical(label)) is not None and label == label.strip():
                self.labels[name] = label
                self.tight.setdefault(name.replace("_", ""), set()).add(label)
            elif re.fullmatch(r"\w+(\.\w+)+", label):
                self.places += (label,)

    def also(self, labels: Iterable[str]) -> Names:
        """These names and others."""
        more = copy.copy(self)
        more.labels, more.tight = dict(self.labels), {key: set(found) for key, found in self.tight.items()}
        more._add(labels)
        return more

    def place_at(self, text: str, at: int) -> re.Match[str] | None:
        """The place in a model that stands in the text, if one does."""
        longest_first = map(re.escape, sorted(self.places, key=len, reverse=True))
        return re.compile(rf"({'|'.join(longest_first)})(?![\w.])").match(text, at) if self.places else None

    def find(self, name: str) -> str | None:
        """The label that the canonical `name` stands for. Raises FormulaError if it could be two."""
        if name in self.labels:
            return self.labels[name]
        labels = self.tight.get(name.replace("_", ""), set())
        if len(labels) > 1:
            raise FormulaError(f"{name} could be {' or '.join(sorted(labels))}: write one of them")
        if not labels and re.fullmatch(r"p(_[0-9]+)+", name):
            labels = self._pixel(name.removeprefix("p").replace("_", ""))
        return next(iter(labels), self.labels.get(notations.ALIASES.get(name, name)))

    def _pixel(self, digits: str) -> set[str]:
        """p_b for the lecture's p_ab: a is the first pixel of a window, b a pixel of it."""
        splits = [(digits[:i], digits[i:]) for i in range(1, len(digits)) if len(digits) <= 8]
        return {
            self.labels[f"p_{b}"]
            for a, b in splits
            if f"p_{a}" in self.labels and f"p_{b}" in self.labels and int(a) <= int(b)
        }

    def family(self, name: str, after: str = "") -> dict[int, str]:
        """The labels w_1, w_2, ... by their numbers for `name` w; s_1_2, s_2_2, ... for s and _2 after the number."""
        if (name, after) not in self._families:
            shape = re.compile(rf"{re.escape(name)}_([0-9]+){after}")
            found = {int(match[1]): label for other, label in self.labels.items() if (match := shape.fullmatch(other))}
            self._families[name, after] = dict(sorted(found.items()))
        return self._families[name, after]

    def component(self) -> tuple[int, int] | None:
        """Which number of a vector an answer is about, and of how many: 0 of 3 for df/dw_1; None where unknown."""
        if self.place is not None:
            return self.place
        base, _, index = (canonical(self.asked[1]) or "").rpartition("_") if self.asked else ("", "", "")
        family = list(self.family(base)) if base and index.isdigit() else []
        return (family.index(int(index)), len(family)) if family else None

    def constant(self, name: str) -> bool:
        """Whether a name that no label has is a number's: π or Euler's."""
        return (name == "pi" and self.find("i") is None) or (name == "e" and self.find("e") is None)

    def function_names(self) -> list[str]:
        """The functions by their names, the lecture's first."""
        primitives = (op.name for op in self.functions.values() if isinstance(op, Primitive))
        return list(dict.fromkeys([*notations.LECTURE, *primitives, *(f.__name__ for f in _MADE)]))

    def parameters(self, function: str) -> tuple[list[str], list[str]]:
        """What a function's inputs are called, and its static arguments in the order in which formulas write them."""
        op = self.functions.get(function)
        if function == "dot":
            return ["w", "z"], []
        if op in _MADE:
            return [*_MADE[op]], [*_STATIC.get(function, [])]
        if op is None or (op.inputs == 1 and op.name in BUILT_IN):
            return ["x"], []
        try:
            inputs, free = input_names(op, op.inputs or 0, ()), free_names(op)
        except ValueError:  # a notation that Python does not read
            inputs, free = [f"x_{i + 1}" for i in range(op.inputs or 0)], []
        named: list[inspect.Parameter] = []
        with suppress(ValueError):  # some functions written in C have no signature, and a ufunc's is about arrays
            named = [] if isinstance(op.forward, np.ufunc) else [*inspect.signature(op.forward).parameters.values()]
        given = [p.name for p in named if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][len(inputs) :]
        return inputs, [name for name in dict.fromkeys([*free, *given]) if name not in inputs]

    def takes_one(self, function: str) -> bool:
        """Whether a function takes one number and nothing else."""
        op = self.functions.get(function)
        if function == "dot" or (isinstance(op, Primitive) and op.inputs != 1):
            return False
        inputs, static = self.parameters(function)
        return len(inputs) + len(static) == 1

    def refuse_arguments(self, called: Token) -> None:
        """Raise FormulaError where a name has brackets with a comma inside, and so is meant for a function."""

    def unknown(self, name: str) -> str:
        """What to say about a name that is not known."""
        shown = name if len(name) <= 30 else name[:27] + "..."
        if name[:1] == "d" and len(name) > 1 and self.find("_".join(re.findall(r"[A-Za-z]+|[0-9]+", name[1:]))):
            return f"{shown} is a derivative: write it out"
        seldom = {*notations.ELEMENTARY, *notations.YIELDING}
        known = [*self.labels.values(), *(name for name in notations.SPELLINGS if name not in seldom)]
        meant = difflib.get_close_matches(shown, known, n=1, cutoff=0.5)
        meant = meant or difflib.get_close_matches(shown, self.function_names(), n=1, cutoff=0.75)
        meant = [] if len(name) == 1 and meant and meant[0] not in self.labels.values() else meant  # p is no exp
        guess = f": did you mean {meant[0]}?" if meant and meant[0] != shown else ""
        return f"{shown} {NOT_KNOWN}{guess}"
