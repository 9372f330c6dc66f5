"""Every command that takes a graph or a network takes file.py:name, for each kind of thing that a name can be."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import Done, commands, one_sentence, run, strict
from many_cases import slow_but

from microgradcnn.cli.user_scripts import ScriptError, course_in_script, find_in_script, network_in_script
from microgradcnn.engine.record import TABLE
from microgradcnn.lesson.course import LeftOutWarning
from microgradcnn.networks import LossNetwork, ModuleNetwork, Network

OWN = '''
"""A network class, a loss of one example and one over a batch, and a module."""

import numpy as np

from microgradcnn import Value, nn
from microgradcnn.networks import Network, dot, named, single_layer


class Neuron(Network):
    """y_hat = σ(w·x + b)."""

    formula = "(σ(w·x + b) − y)²"

    def __init__(self, m=2, activation="sigmoid", regularise=0.0, seed=0):
        self.m = m
        super().__init__(activation, regularise, seed)

    def shapes(self):
        return {"w": (self.m,), "b": (1,)}

    def write_out(self, x, p):
        z = named(self.activate(named(dot(p["w"], x) + p["b"][0], "a")), "z_1")
        return [z], z


def line(m=2):
    """The squared error of a straight line."""
    x = [Value(0.5 * i, label=f"x_{i}") for i in range(1, m + 1)]
    w = [Value(1.0 / i, label=f"w_{i}") for i in range(1, m + 1)]
    z = named(dot(w, x), "z")
    return (z - Value(1.0, label="y")) ** 2


w_1, x_1, x_2, y = Value(0.5), Value(2.0), Value(-1.0), Value(0.4)
z = w_1 * x_1 + Value(0.3, label="v") * x_2
loss = (z - y) ** 2
example = single_layer().example([1.0, -0.5], 1.0)


def arrays(m=2):
    """One example, in arrays."""
    x, w = Value(np.arange(1.0, m + 1.0), label="x"), Value(np.full((3, m), 0.1), label="w_1")
    return (Value(np.ones(3), label="v") @ (w @ x) - Value(1.0, label="y")).square()


def batch(m=2):
    """The same over four rows, in arrays."""
    x, y = Value(np.arange(4.0 * m).reshape(4, m) / 8.0, label="x"), Value([0.0, 1.0, 1.0, 0.0], label="y")
    return ((x @ Value(np.ones(m), label="w_1") - y) ** 2).mean()


rng = np.random.default_rng(0)
model = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))
model.example = rng.normal(size=(6, 2)), np.arange(6) % 2
bare = nn.Linear(2, 1)


def helper(of):
    return of


if __name__ == "__main__":
    raise SystemExit("nobody asked for this")
print("the file runs")
'''

KINDS = ("Neuron", "line", "loss", "example", "arrays", "batch", "model")
ARRAYS = ("arrays", "batch", "model")
WRT = {"model": "2.bias"}  # of all others w_1

# What is typed after a command, with the kind, what to differentiate by and an answer in the places of braces.
VERBS = {
    "explain": ("own.py:{kind}", "--wrt", "{wrt}"),
    "check": ("own.py:{kind}", "--wrt", "{wrt}", "--answer", "{answer}"),
    "graph": ("own.py:{kind}", "--out", "{kind}.svg"),
    "ledger": ("own.py:{kind}",),
    "source": ("own.py:{kind}",),
    "cost": ("own.py:{kind}",),
    "worksheet": ("own.py:{kind}", "--questions", "1", "--out", "sheet"),
    "grade": ("answers", "--key", "keys", "--out", "grades.csv", "--graph", "own.py:{kind}"),
    "gradcheck": ("own.py:{kind}",),
    "train": ("own.py:{kind}", "--data", "table.csv", "--epochs", "3", "--out", "{kind}"),
    "predict": ("own.py:{kind}", "--data", "table.csv", "--parameters", "{kind}/parameters.npz"),
    "export": ("own.py:{kind}", "--parameters", "{kind}/parameters.npz", "--out", "{kind}.onnx"),
    "lesson": ("own.py:{kind}", "--data", "table.csv", "--out", "{kind}"),
}
OTHERS = {"networks", "new"}  # which take none
CASES = [(verb, kind) for verb in VERBS for kind in KINDS]
QUICK = [case for case in CASES if case[0] != "lesson"]  # which trains until it has converged
ANSWERS = {"Neuron": "2*(y_hat - y)*y_hat*(1 - y_hat)*x_1", "example": "2*(y_hat - y)*z_1"}  # of all others the line's

# What a kind cannot, in one sentence.
CANNOT = {
    ("check", "arrays"): "w_1 of own.py:arrays is an array, (3, 2): an answer is about one number",
    ("check", "batch"): "w_1 of own.py:batch is an array, (2,): an answer is about one number",
    ("check", "model"): "2.bias of own.py:model is an array, (2,): an answer is about one number",
    ("worksheet", "arrays"): "is or takes an array: write the graph out in scalars",
    ("worksheet", "batch"): "is or takes an array: write the graph out in scalars",
    ("worksheet", "model"): "is or takes an array: write the graph out in scalars",
}

# A part of what is printed, for every kind or for one.
SAYS = {
    "explain": r"With η|← .* − η",
    "check": "Right",
    "graph": r"written: \w+\.svg",
    "ledger": r"df/dfrom|d\w+/dfrom",
    "source": r"def program\(",
    "cost": "One iteration of gradient descent",
    "worksheet": "1 question:",
    "grade": r"grades\.csv: 1 row",
    "gradcheck": "every gradient is right",
    "train": r"accuracy .* in training, .* in the test",
    "predict": r"^ *12  ",
    "export": r"written: \w+\.onnx",
    "lesson": r"The lesson is written: open \w+/index\.html",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's file, a table for it, what was trained on that, and a sheet that is answered."""
    found = tmp_path_factory.mktemp("own")
    (found / "own.py").write_text(OWN, encoding="utf-8")
    x = np.random.default_rng(1).normal(size=(40, 2))
    rows = "".join(f"{a:.3f},{b:.3f},{'yes' if a + b > 0 else 'no'}\n" for a, b in x)
    (found / "table.csv").write_text("a,b,kind\n" + rows, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        for kind in KINDS:
            assert run("train", *typed("train", kind)).code == 0
        assert run("worksheet", "own.py:loss", "--questions", "1", "--out", "sheet").code == 0
        for part, pattern in (("answers", "answers*.txt"), ("keys", "key*.json")):
            Path(part).mkdir()
            next(Path("sheet").glob(pattern)).rename(Path(part, f"one{pattern[-5:].replace('*', '')}"))
    return found


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def typed(verb: str, kind: str) -> list[str]:
    parts = {"kind": kind, "wrt": WRT.get(kind, "w_1"), "answer": ANSWERS.get(kind, "2*(z - y)*x_1")}
    return [part.format(**parts) for part in VERBS[verb]]


def refused(done: Done, says: str) -> bool:
    """Whether it is an error in one sentence, which holds these words; of a file that has run, on the second line."""
    err = done.err.removeprefix("the file runs\n")
    return done.code == 2 and one_sentence(err) and done.out == "" and says in err


def test_the_table_has_every_command() -> None:
    assert {*VERBS, *OTHERS} == set(commands())


@pytest.mark.parametrize("case", slow_but(*QUICK, among=CASES), ids="-".join)
def test_every_command_takes_every_kind(case: tuple[str, str]) -> None:
    verb, kind = case
    done = run(verb, *typed(verb, kind))
    if (says := CANNOT.get((verb, kind))) is not None:
        assert refused(done, says), done
        return
    assert done.code == 0, done
    assert re.search(SAYS[verb], done.out, re.MULTILINE), done.out
    assert done.err.startswith("the file runs\n")
    assert done.err.count("the file runs") == 1  # once for a command


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_name_stands_for_is_a_class_that_builds_itself(kind: str) -> None:
    found = network_in_script(f"own.py:{kind}")
    assert issubclass(found, {"model": ModuleNetwork, "Neuron": Network}.get(kind, LossNetwork))
    network = found()
    x, y = network.drawn_rows(3, np.random.default_rng(0))
    assert (found.name, network.scalar) == (kind, kind not in ARRAYS)
    assert (x.shape, network.predict(x).shape[0], network.loss(x, y).shape) == ((3, network.inputs), 3, ())


def test_a_file_offers_what_stands_for_itself() -> None:
    """Not z, which is a step towards the loss, nor what needs arguments."""
    with pytest.warns(LeftOutWarning, match=r"^own\.py:bare has no example: write bare\.example = x, y, a batch of"):
        found = course_in_script("own.py")
    assert list(found.networks) == ["Neuron", "line", "loss", "example", "arrays", "batch", "model"]
    Path("none.py").write_text("x = 3\n")
    with pytest.raises(ScriptError, match=r"^none\.py offers nothing: write a function that returns a loss"):
        course_in_script("none.py")


LEFT_OUT = {
    "def net(m=2):\n    v = mg.Value(2.0)\n": "own2.py:net gives None: let it return its loss",
    "def net(n, other, m=2):\n    return mg.Value(2.0) * n\n": "own2.py:net needs n, other: give every",
    "net = nn.Linear(2, 1)\n": "own2.py:net has no example: write net.example = x, y",
    "class Net(single_layer):\n    def __init__(self, m):\n        super().__init__(m)\n": "own2.py:Net is built by",
}


@pytest.mark.parametrize(("what", "says"), LEFT_OUT.items(), ids=LEFT_OUT.values())
def test_what_a_course_goes_without_is_told_by_name(what: str, says: str) -> None:
    """Alone it is an error; beside a network only what could have been one is told, and the rest of the course made."""
    begun = (
        "import microgradcnn as mg\nfrom microgradcnn import nn\nfrom microgradcnn.networks import single_layer\n\n\n"
    )
    Path("own2.py").write_text(begun + what)
    with pytest.raises(ScriptError, match=f"^{re.escape(says)}"):
        course_in_script("own2.py")
    Path("own2.py").write_text(f"{begun}{what}\n\ndef fine():\n    return mg.Value(2.0, label='w') ** 2\n")
    if "needs" in says:  # a helper
        assert list(course_in_script("own2.py").networks) == ["fine"]
        return
    with pytest.warns(LeftOutWarning, match=f"^{re.escape(says)}.*; the course goes without$"):
        assert list(course_in_script("own2.py").networks) == ["fine"]


def test_the_options_of_a_network_are_those_of_the_lectures() -> None:
    relu = run("explain", "own.py:Neuron", "--wrt", "w_1", "--activation", "relu", "--regularise", "0.1")
    assert "relu(a)" in relu.out
    assert "0.1" in relu.out
    assert "def program(x, y, w, b" in run("source", "own.py:Neuron", "--arrays").out
    assert refused(
        run("explain", "own.py:Neuron", "--wrt", "w_1", "--classes", "3"), "own.py:Neuron: it has one output"
    )
    assert refused(run("cost", "own.py:line", "--activation", "relu"), "own.py:line: it has no such part")
    said = [strict(run("cost", f"own.py:{kind}", "--json").out) for kind in ("Neuron", "loss")]
    assert [(each["activation"], each["regularise"]) for each in said] == [("sigmoid", 0.0), (None, None)]
    assert refused(run("train", "own.py:line", "--data", "side", "--hidden", "3"), "it has no such part")
    assert refused(run("ledger", "own.py:line", "--activation", "relu"), "a formula or a file says itself what it comp")


def test_a_cost_is_a_polynomial_in_the_sizes_of_a_function() -> None:
    """m products and m − 1 sums, a difference and a square, for each of n rows; and their mean."""
    assert re.search(r"objective +2nm \+ 2n +O\(nm\)", run("cost", "own.py:line").out)
    assert "line: n rows, m\n" in run("cost", "own.py:line").out


MISTAKES = {
    "own.py:Neurn": "own.py has no 'Neurn': did you mean Neuron?",
    "own.py": "say what in own.py, as own.py:name; it has Neuron, line, z, loss, example, arrays, batch, model, bare",
    "own.py:helper": "own.py:helper needs arguments: name a Value, or a function without any",
    "own.py:bare": "own.py:bare has no example: write bare.example = x, y, a batch of inputs and its targets",
    "own.py:rng": "own.py:rng is of type Generator, not a Value, an Example, a Network class or a Module",
    "away.py:f": "away.py does not exist",
    "broken.py:Late": "broken.py, line 12: KeyError: 'v'",
    "broken.py:falls": "broken.py, line 16: ZeroDivisionError: division by zero",
    "broken.py:Unwritten": "broken.py:Unwritten is a Network without shapes and write_out: write that",
    "broken.py:Layers": "broken.py:Layers is a class, not a Value, an Example, a Network class or a Module: name",
    "broken.py:Unseeded": "broken.py:Unseeded is built by itself, and from a seed: let its constructor take seed=0",
}
BROKEN = """from microgradcnn.nn import Module
from microgradcnn.networks import Network, dot

class Late(Network):
    def __init__(self, activation="sigmoid", regularise=0.0, seed=0):
        self.m = 2
        super().__init__(activation, regularise, seed)
    def shapes(self):
        return {"w": (2,)}
    def write_out(self, x, p):
        \"\"\"Nothing is called v.\"\"\"
        return [], p["v"][0]


def falls():
    return 1 / 0


class Unseeded(Late):
    def __init__(self, m=2):
        super().__init__()


class Unwritten(Network):
    m = 2


class Layers(Module):
    pass
"""


@pytest.mark.parametrize("verb", ["explain", "gradcheck", "cost", "train"])
@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_in_the_file_is_one_sentence(what: str, verb: str) -> None:
    Path("broken.py").write_text(BROKEN, encoding="utf-8")
    more = {"explain": ["--wrt", "w_1"], "train": ["--data", "table.csv"]}.get(verb, [])
    if (verb, what) == ("explain", "own.py:bare"):
        more = ["--wrt", "weight"]
    done = run(verb, what, *more)
    assert refused(done, MISTAKES[what]), done


def test_what_another_network_or_another_size_was_trained_on_is_refused() -> None:
    parameters = ("--parameters", "line/parameters.npz", "--data", "table.csv")
    assert refused(run("predict", "own.py:loss", *parameters), "line/parameters.npz holds a line, not a loss")
    Path("longer.py").write_text(OWN.replace("def line(m=2)", "def line(k=2)").replace("m + 1", "k + 1"))
    says = "line/parameters.npz holds a line with m=2, which it is not built with now: line has no size m: it has k"
    assert refused(run("predict", "longer.py:line", *parameters), says)
    assert refused(
        run("predict", "single_layer", *parameters), "holds a line, which is none of single_layer, conv_aver"
    )


def test_layers_that_draw_in_every_step_are_trained_eagerly() -> None:
    Path("dropout.py").write_text(OWN.replace("nn.Tanh()", "nn.BatchNorm1d(3), nn.Dropout(0.1)"), encoding="utf-8")
    assert run("train", "dropout.py:model", "--data", "table.csv", "--epochs", "2", "--out", "d").code == 0
    done = run("train", "dropout.py:model", "--data", "table.csv", "--epochs", "2", "--engine", "numpy", "--out", "d")
    assert refused(done, "take engine='eager'")


def test_the_graph_of_a_value_keeps_its_own_labels() -> None:
    found = find_in_script("own.py:loss")
    assert isinstance(find_in_script("own.py:Neuron"), type)
    assert not isinstance(found, type)


OWN_PRIMITIVE = """import numpy as np
import microgradcnn as mg

swish = mg.primitive("swish", lambda x: x / (1.0 + np.exp(-x)), [lambda g, y, x: g * mg.sigmoid(x)], "x * sigmoid(x)")
w, x, y = (mg.Value(v, label=label) for v, label in ((0.5, "w"), (2.0, "x"), (1.0, "y")))
loss = (swish(w * x) - y) ** 2
"""


@pytest.mark.usefixtures("own_primitives")
def test_gradcheck_says_no_to_a_chain_rule_that_is_wrong() -> None:
    """Of x σ(x) it is σ(x) alone."""
    Path("wrong.py").write_text(OWN_PRIMITIVE, encoding="utf-8")
    done = run("gradcheck", "wrong.py:loss")
    assert done.code == 1
    assert "a gradient is wrong" in done.out


@pytest.mark.usefixtures("own_primitives")
def test_a_sheet_on_a_primitive_of_ones_own_is_graded_once_its_file_has_run() -> None:
    Path("primitive.py").write_text(OWN_PRIMITIVE.replace("mg.sigmoid(x)]", "(mg.sigmoid(x) * (1 + x - y))]"))
    assert run("worksheet", "primitive.py:loss", "--questions", "1", "--out", "primitive").code == 0
    Path("primitives").mkdir()
    (answers,) = Path("primitive").glob("answers*.txt")
    answers.rename("primitives/one.txt")
    (key,) = Path("primitive").glob("key*.json")
    del TABLE["swish"]
    grade = ("grade", "primitives", "--key", key, "--out", "g.csv")
    assert "there is no primitive 'swish'" in run(*grade).err
    assert run(*grade, "--graph", "primitive.py").code == 0
    assert refused(run(*grade, "--graph", "primitives.py"), "primitives.py does not exist")


@pytest.mark.slow
def test_ctrl_c_ends_a_file_that_does_not_end() -> None:
    Path("endless.py").write_text("def f():\n    print('started')\n    while True:\n        pass\n")
    command = [sys.executable, "-m", "microgradcnn", "gradcheck", "endless.py:f"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    assert process.stderr is not None
    assert process.stderr.readline() == "started\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "microgradcnn: interrupted\n")
