"""A course: networks by the names of their pages, what they are trained on, and what a teacher writes about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from microgradcnn.data import Dataset
from microgradcnn.lesson.words import Words
from microgradcnn.networks import Network


class LeftOutWarning(UserWarning):
    """A page of the lesson goes without one of its sections, in a sentence that says why."""


@dataclass(frozen=True)
class Ladder:
    """What one network adds to another, under a `title`: the accuracy of each of these on a built-in data set."""

    title: str
    data: str
    networks: Sequence[str]


@dataclass(frozen=True)
class Course:
    """What `microgradcnn lesson` makes pages of; a file may hold one, as lecture.py does.

    `data` gives the data sets that every network is trained on, by name; without any, each gets a built-in one that
    fits. `slips` are the formulas that a button writes into a page's boxes besides the right ones: what it is called,
    what stands in the right ones, and what is written for that.
    """

    networks: Mapping[str, type[Network]]
    data: Callable[[], Mapping[str, Dataset]] = dict
    words: Words = field(default_factory=Words)
    ladder: Ladder | None = None
    slips: Mapping[str, tuple[str, str]] = field(default_factory=dict)
