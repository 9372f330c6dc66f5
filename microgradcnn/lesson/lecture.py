"""The lecture's own course, a file as anybody's: its networks, what they are trained on; lecture.md has the words."""

from __future__ import annotations

from contextlib import suppress
from importlib.resources import files

from microgradcnn.data import Dataset, load, shrink, two_classes
from microgradcnn.extras import MissingExtra
from microgradcnn.lesson.course import Course, Ladder
from microgradcnn.lesson.words import read_words
from microgradcnn.networks import NETWORKS


def data() -> dict[str, Dataset]:
    """`side`, and the digits 6 and 7 averaged down to 3×3 where scikit-learn is installed."""
    found = {"side": two_classes(load("side"))}
    with suppress(MissingExtra):
        found["digits"] = shrink(two_classes(load("digits"), ("6", "7")), 3)
    return found


EXERCISES = ("conv_average", "two_conv_average", "conv_linear", "two_conv_average_linear", "two_conv_linear")

LECTURE = Course(
    networks=NETWORKS,  # with those that have got a row of their own
    data=data,
    words=read_words(files("microgradcnn.lesson").joinpath("lecture.md").read_text(encoding="utf-8")),
    ladder=Ladder("What each exercise adds", "bars", EXERCISES),
    converges=True,
    extras={"digits": "The digits need scikit-learn: pip install 'microgradcnn[data]'"},
    slips={"The lecture's √f": ("(ŷ − y)", "√f ")},
)
