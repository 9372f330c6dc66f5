"""Every demo runs, warns of nothing, and says what it promises."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT
from matplotlib import image

from microgradcnn.engine.functions import BUILT_IN

DEMOS = ROOT / "demos"

SAYS = {
    "a_neuron_by_hand.py": "df/dw       -0.265270  by hand -0.265270",
    "the_six_networks.py": "df/dc_5 = -0.0587",  # as formulas work it out by hand for exercise 2
    "train_on_digits.py": "converged at epoch",
    "layers_on_digits.py": "accuracy 0.9",
    "two_processes.py": "single_layer: after 200 steps the parameters differ by",
    "your_own_primitive.py": "wrong_softsign",
    "scalars_to_arrays.py": "two_conv_linear           8 by 8              2248         17",
    "primitives.py": "rows of formulas, drawings and lines: ",
    "what_each_exercise_adds.py": "two_conv_linear           1.000",
}


# What is trained on real rows, each with the number that it says of itself, the bound of it, and its picture.
TRAINED = {
    "spiral_classifier.py": (r"accuracy ([\d.]+) on 450 points", 0.95, 1.0),
    "autoencoder_on_digits.py": (r"explain ([\d.]+) of the variance", 0.5, 1.0),
    "names_by_an_mlp.py": (r"loss ([\d.]+) at best on names never seen", 1.5, 2.7),
    "character_rnn.py": (r"([\d.]+) after 200 steps", 0.0, 0.4),
    "gpt_block.py": (r"it knows ([\d.]+) of the letters", 0.9, 1.0),
}


def output(demo, *arguments):
    command = [sys.executable, "-W", "error", str(DEMOS / demo), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_every_demo_is_listed():
    assert {path.name for path in DEMOS.glob("*.py")} == {*SAYS, *TRAINED}


@pytest.mark.slow
@pytest.mark.parametrize("demo", [name for name in SAYS if name != "what_each_exercise_adds.py"])
def test_demo(demo):
    assert SAYS[demo] in output(demo)


@pytest.mark.slow
def test_every_primitive_has_a_row_on_the_contact_sheet(tmp_path):
    assert str(tmp_path / "sheet.html") in output("primitives.py", tmp_path / "sheet.html")
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    names = [name for title in re.findall("<h2>(.*?)</h2>", page) for name in title.split(", ")]
    assert {*names} >= BUILT_IN
    for row in page.split("<article>")[1:]:
        assert all(part in row for part in ("<mfrac>", "Cost for n: ", "<svg", "return f, [")), row[:80]
        assert "NaN" not in row.partition("<svg")[0].partition("</p>")[2]


@pytest.mark.slow
@pytest.mark.parametrize("demo", TRAINED)
def test_what_is_trained_is_as_good_as_it_says_and_has_its_picture(demo, tmp_path):
    says, least, most = TRAINED[demo]
    picture = tmp_path / "picture.png"
    assert least <= float(re.search(says, output(demo, picture))[1]) <= most
    height, width, channels = image.imread(picture).shape
    assert min(height, width) > 500
    assert channels == 4


def test_what_is_trained_is_short():
    assert [demo for demo in TRAINED if len((DEMOS / demo).read_text(encoding="utf-8").splitlines()) > 80] == []


@pytest.mark.slow
def test_bars_are_a_ladder():
    """Each network of the lecture adds what the one before cannot do; the rungs are those of the worked lecture."""
    reached = dict(re.findall(r"^(\w+) +([\d.]+)$", output("what_each_exercise_adds.py"), re.MULTILINE))
    rungs = [float(r) for r in reached.values()]
    assert rungs == sorted(rungs)
    expected = {
        "conv_average": 0.73,
        "two_conv_average": 0.78,
        "conv_linear": 0.80,
        "two_conv_average_linear": 1.0,
        "two_conv_linear": 1.0,
    }
    assert list(reached) == list(expected)
    assert rungs == pytest.approx(list(expected.values()), abs=0.05)
