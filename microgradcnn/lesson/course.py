"""A course: networks by the names of their pages, what they are trained on, and what a teacher writes about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from microgradcnn.data import Dataset
from microgradcnn.lesson.words import Words
from microgradcnn.networks import Network
from microgradcnn.system.advice import Advice


class LeftOutWarning(Advice):
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
    what stands in the right ones, and what is written for that. `converges` says that a training which does not
    converge is a mistake. `extras` are sentences to tell where data of a name are not there. `others` are what the
    file has besides: words about them are no mistake. Raises ValueError for a network whose page would have the name of
    another file.
    """

    networks: Mapping[str, type[Network]]
    data: Callable[[], Mapping[str, Dataset]] = dict
    words: Words = field(default_factory=Words)
    ladder: Ladder | None = None
    slips: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    converges: bool = False
    extras: Mapping[str, str] = field(default_factory=dict)
    others: Sequence[str] = ()

    def __post_init__(self) -> None:
        files = {"index", *(f"{name}_graph" for name in self.networks)}
        for name in self.networks:
            if name in files:
                raise ValueError(f"a network cannot be called {name} in a course: another page of it is")

    def and_also(self, other: Course) -> Course:
        """This course, and after it the networks of another and the words about them. Raises ValueError for twins."""
        for name in other.networks:
            if name in self.networks:
                raise ValueError(f"two networks of the course are called {name}: give one of them another name")
        networks, others = {**self.networks, **other.networks}, (*self.others, *other.others)
        return replace(self, networks=networks, others=others, words=self.words.and_also(other.words))
