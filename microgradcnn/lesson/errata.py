"""Where the lecture slips, told to teachers, and asked of students where the answer would be a part of the key."""

from __future__ import annotations

from typing import NamedTuple


class Slip(NamedTuple):
    """What is written, what is meant, and what a student is asked instead; HTML, with places for no values."""

    written: str
    meant: str
    asked: str = ""

    def told(self, student: bool) -> str:
        """The slip as a paragraph, for the edition."""
        return f"<p>{self.written} {self.asked if student and self.asked else self.meant}</p>"


SLIPS = {
    "root": Slip(
        "The lecture writes <b>2√f</b> in front of its derivatives (½√f and √f/4 for the convolutional networks).",
        "Meant is <b>2(ŷ − y)</b>: √f is |ŷ − y|, which has lost the sign. Wherever ŷ &lt; y the step goes uphill.",
        "Put one of them into a box, and train with it. What is √f where ŷ &lt; y, and where does the step go?",
    ),
    "quotient": Slip("√f/4(…) is to be read as (√f/4)·(…),", "and the boxes read it so."),
    "chain": Slip(
        "The lecture writes dσ/df(x), and dz/dσ.",
        "Meant are d σ(f(x))/dx = σ(f(x))(1 − σ(f(x)))·df/dx, and dz/da, for z is σ(a).",
        "By what is z = σ(a) to be differentiated, and which factor does dσ/df(x) leave out?",
    ),
    "pixels": Slip(
        "The lecture numbers pixels twice: p<sub>ab</sub> is pixel b, in the window whose first pixel is a.",
        "Here they are p<sub>1</sub> to p<sub>9</sub>, row by row: p<sub>22</sub> is p<sub>2</sub>, p<sub>47</sub> is "
        "p<sub>7</sub>. The boxes know both.",
    ),
    "correlation": Slip(
        "What the lecture calls convolution is cross-correlation: the filter is not flipped.",
        "So it is in every deep-learning library.",
    ),
    "bias": Slip(
        "The networks have no biases.",
        "So ŷ(x) + ŷ(−x) is the sum of the weights into ŷ, whatever is learnt; and a network that averages answers ½ "
        "to a black image.",
    ),
    "again": Slip("“Averaged again” is the mean of all eight z's,", "for both filters have as many."),
    "decay": Slip("The lecture regularises s, u, v and w.", "That the filters c are regularised as well is ours."),
    "descent": Slip(
        "“The negative gradient is the direction of steepest descent” holds for an infinitely small step.",
        "How far it is good for depends on the curvature; and where descent ends, the gradient is 0, which need not be "
        "a minimum.",
    ),
}


def note(student: bool, *keys: str) -> str:
    """Some slips in a box, as HTML; nothing if there are none."""
    return f'<div class="note">{"".join(SLIPS[key].told(student) for key in keys)}</div>' if keys else ""
