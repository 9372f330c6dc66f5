"""`microgradcnn new`: a file with two networks to start a course of one's own from, and one for its words."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from microgradcnn.cli.output import show
from microgradcnn.cli.streams import escaped
from microgradcnn.files import make_folder, write_whole

NETWORKS = '''"""A course of your own. `microgradcnn lesson {name}.py` writes its pages: open lesson/index.html.

{name}.md has the titles and words. Every command takes a network from here: `microgradcnn explain {name}.py:neuron`.
"""

import microgradcnn as mg
from microgradcnn.networks import Network, dot


def neuron():
    """One neuron, for one example, written number by number; the loss is what it returns."""
    x_1, x_2 = mg.Value(1.0, label="x_1"), mg.Value(-0.5, label="x_2")  # inputs are called x, with any index
    y = mg.Value(1.0, label="y")  # what is to come out; y_1, y_2, ... for classes, of which one is 1
    w_1, w_2 = mg.Value(0.5, label="w_1"), mg.Value(-1.0, label="w_2")  # all other letters are weights
    b = mg.Value(0.25, label="b")

    a = w_1 * x_1 + w_2 * x_2 + b  # what is to have a name on the pages gets a label
    a.label = "a"
    y_hat = a.tanh()
    y_hat.label = "y_hat"  # the prediction
    f = (y_hat - y) ** 2
    f.label = "f"
    return f


class Softmax(Network):
    """A softmax classifier with a bias: a network of any size, in a class."""

    formula = "−log softmax(Wx + b)"  # how the pages write its loss

    # m: how many numbers a row has. outputs: how many classes. A network of images takes image=(3, 3) in place of m.
    def __init__(self, m=2, outputs=2, activation="sigmoid", regularise=0.0, seed=0):
        self.m, self.outputs = m, outputs
        super().__init__(activation, regularise, seed)

    def shapes(self):
        """The weights, by name."""
        return {{"W": (self.outputs, self.m), "b": (self.outputs,)}}

    def write_out(self, x, p):
        """One example in scalars: the hidden units, of which there are none, and a prediction for each class."""
        rows = [p["W"][i * self.m : (i + 1) * self.m] for i in range(self.outputs)]
        return [], [dot(row, x) + b for row, b in zip(rows, p["b"])]


# A model of layers is taken as well. It needs an example, a batch of rows and what is to come out:
#
#     from microgradcnn import nn
#     model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
#     model.example = [[1.0, -0.5], [0.5, 2.0]], [0, 1]
#
# Networks are trained on a small data set that is built in, or on yours, with `--data rows.csv`; `--student` writes the
# pages without the key.
'''

WORDS = """# A course of my own

This is the beginning of the index. Paragraphs, lists, **bold**, *emphasis*, `code` and [links](neuron.html) are read.

## neuron: One neuron

This is the beginning of the page of neuron, and what stands after the colon is its title.

### Errata

- Some books write df/dw_1 = (ŷ − y)x_1. Teacher: The 2 of the square is missing, and the slope of tanh, 1 − ŷ²; only
  the teacher's edition says so. Student: Of which loss of which neuron would that be the derivative?

### One path

Words under the title of a scene stand in that scene, in place of those that it has otherwise.

## Softmax: A softmax classifier

### Trained on data

Errata about a scene are written under `### Errata: Trained on data`, and stand at the end of the page.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `new` takes."""
    parser.add_argument("file", type=Path, metavar="FILE.py", help="the file to write, and FILE.md beside it")


def run(options: argparse.Namespace) -> int:
    """Write both files; the exit code is 0. Raises ValueError rather than write over one that is there."""
    path: Path = options.file
    if path.suffix != ".py":
        raise ValueError(f"{path} is no Python file: end its name in .py, as in {path.with_suffix('.py')}")
    texts = {path: NETWORKS.format(name=path.stem), path.with_suffix(".md"): WORDS}
    for file in texts:
        if file.exists():
            raise ValueError(f"{file} is there already, and is not written over: choose another name")
    make_folder(path.parent)
    for file, text in texts.items():
        write_whole(file, text.encode())
    files = [str(file) for file in texts]
    told = f"{' and '.join(files)} are written: now run `microgradcnn lesson {shlex.quote(str(path))}`"
    show({"files": files} if options.json else escaped(told), options.json)
    return 0
