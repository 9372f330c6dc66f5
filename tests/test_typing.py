"""What a user's type checker sees: the guide's classes without a complaint, Values in and Values out, never Any."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documentation import CONTRIBUTING, MANUAL, blocks

import microgradcnn as mg

ROOT = Path(mg.__file__).parent.parent

USERS = '''
"""Models as users write them: every function annotated, none returning Any."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

import microgradcnn as mg
from microgradcnn import Value, nn


class Called(nn.Module):
    def __init__(self, rng: np.random.Generator) -> None:
        self.conv = nn.Conv2d(1, 4, 3, rng=rng)
        self.head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10, rng=rng))

    def __call__(self, x: Value) -> Value:
        return self.head(self.conv(x).relu())


class Forward(nn.Module):
    p: float

    def __init__(self, p: float, rng: np.random.Generator) -> None:
        self.p = p
        self.first, self.second = nn.Linear(3, 4, rng=rng), nn.Linear(4, 2, rng=rng)

    def forward(self, x: Value) -> Value:
        hidden = mg.tanh(self.first(x))
        return mg.softmax(self.second(hidden * self.p), axis=1)


class TwoInputs(nn.Module):
    def __init__(self, w: Value) -> None:
        self.w = w

    def __call__(self, x: Value, y: Value) -> tuple[Value, Value]:
        return x @ self.w, y * self.w


class OfArrays(nn.Module):
    def __init__(self, rng: np.random.Generator) -> None:
        self.layers = [nn.Linear(3, 3, rng=rng) for _ in range(2)]

    def __call__(self, x: npt.NDArray[np.float64] | Value) -> Value:
        y = self.layers[0](x)
        for layer in self.layers[1:]:
            y = layer(mg.relu(y))
        return y


def loss(w: Value, x: npt.NDArray[np.float64], y: Sequence[float]) -> Value:
    return mg.mean(mg.square(x @ w - y)) + 0.1 * mg.sum(w.abs()) - mg.log(w.square().sum())


def mixed(a: Value, b: Value) -> Value:
    chosen = mg.where(a > b, mg.maximum(a, 0.0), mg.minimum(1.0, b))
    return mg.concatenate([mg.stack([a, b]).reshape(-1), chosen.reshape(-1)]).max()


def train(model: nn.Module, x: Value, classes: npt.NDArray[np.int64]) -> float:
    optimiser = mg.optim.Adam(model.parameters(), lr=0.01)
    optimiser.zero_grad()
    loss = nn.cross_entropy(model(x), classes)
    loss.backward()
    optimiser.step()
    (gradient,) = mg.grad(loss, [x])
    return loss.item() + gradient.sum().item()


def evaluate(model: Called) -> Called:
    return model.eval()
'''

VALUE, NUMBERS = r"microgradcnn\.engine\.value\.Value", r".*(float|ndarray).*"

REVEALED: list[tuple[str, str]] = [  # an expression, and a pattern of its type; none is Any
    ("w.data", NUMBERS),
    ("w.grad", NUMBERS),
    ("w.has_grad", r"(builtins\.)?bool"),
    ("w.backward_step()", "None"),
    ("w.grad + 1.0", NUMBERS),
    ("w.label", r".*\bstr\b.*"),
    ("w.shape", r"tuple\[int, \.\.\.\]"),
    ("w.parents", r"tuple\[.*Value, \.\.\.\]"),
    ("w.item()", r"float"),
    ("float(w)", r"float"),
    ("w * 2", VALUE),
    ("2 * w", VALUE),
    ("w + w", VALUE),
    ("w - 1.5", VALUE),
    ("w / w", VALUE),
    ("w ** 2", VALUE),
    ("2.0 ** w", VALUE),
    ("-w", VALUE),
    ("abs(w)", VALUE),
    ("w @ x", VALUE),
    ("w[0]", VALUE),
    ("w[:, None]", VALUE),
    ("w.T", VALUE),
    ("w > 0", VALUE),
    ("w.detach()", VALUE),
    ("w.backward()", r"None"),
    *[(f"w.{name}()", VALUE) for name in ("sum", "mean", "max", "exp", "log", "sqrt", "square", "abs")],
    *[(f"w.{name}()", VALUE) for name in ("sigmoid", "tanh", "relu", "softplus", "softmax", "transpose")],
    *[(f"w.{name}()", VALUE) for name in ("sin", "arctan", "erf", "gelu", "floor", "isnan")],
    ("w.clip(0.0, max=x)", VALUE),
    ("w % 2.0", VALUE),
    *[(f"mg.{name}(w)", VALUE) for name in ("cos", "log2", "silu", "sign", "isfinite", "zeros_like")],
    *[(f"mg.{name}(2.0, w)", VALUE) for name in ("arctan2", "hypot", "logaddexp", "mod")],
    ("w.reshape(2, 3)", VALUE),
    ("w.maximum(0.0)", VALUE),
    ("w.matmul(x)", VALUE),
    *[(f"mg.{name}(w)", VALUE) for name in ("exp", "log", "sqrt", "square", "abs", "sigmoid", "tanh", "relu")],
    *[(f"mg.{name}(w)", VALUE) for name in ("expm1", "log1p", "softplus", "negative", "softmax", "log_softmax")],
    *[(f"mg.{name}(w)", VALUE) for name in ("sum", "mean", "max", "transpose")],
    ("mg.sum(w, axis=0, keepdims=True)", VALUE),
    *[(f"mg.{name}(w, x)", VALUE) for name in ("maximum", "minimum", "power", "matmul", "equal")],
    ("mg.maximum(w, 0.0)", VALUE),
    ("mg.maximum(0.0, w)", VALUE),
    ("mg.matmul(array, w)", VALUE),
    ("mg.where(w > 0, w, 0.0)", VALUE),
    ("mg.where(w > 0, 0.0, w)", VALUE),
    ("mg.reshape(w, 2, 3)", VALUE),
    ("mg.broadcast_to(w, (2, 3))", VALUE),
    ("mg.getitem(w, 0)", VALUE),
    ("mg.astype(w, np.float32)", VALUE),
    ("mg.stack([w, x])", VALUE),
    ("mg.concatenate([w, x])", VALUE),
    ("mg.conv2d(w, x)", VALUE),
    ("mg.avg_pool2d(w, 2)", VALUE),
    ("mg.max_pool2d(w, 2)", VALUE),
    ("mg.grad(w * 2, [w])", r"list\[.*Value\]"),
    ("mg.grad(w * 2, w)[0]", VALUE),
    ("linear(x)", VALUE),
    ("sequential(x)", VALUE),
    ("linear.weight", VALUE),
    ("nn.GRUCell(3, 2, rng=rng)(x)", VALUE),
    ("nn.LSTMCell(3, 2, rng=rng)(x)", rf"tuple\[{VALUE}, {VALUE}\]"),
    ("nn.RNN(3, 2, rng=rng)(x)", rf"tuple\[{VALUE}, {VALUE}\]"),
    ("nn.LSTM(3, 2, rng=rng)(x)", rf"tuple\[{VALUE}, tuple\[{VALUE}, {VALUE}\]\]"),
    ("nn.MultiheadAttention(4, 2, rng=rng)(x, x, x)[0]", VALUE),
    ("nn.Embedding(3, 2, rng=rng)(array)", VALUE),
    ("sequential.parameters()", r"list\[.*Value\]"),
    ("nn.lenet(rng=rng)(x)", VALUE),
    *[(f"nn.{name}(w, array)", VALUE) for name in ("mse_loss", "hinge_loss", "cross_entropy")],
    ("mg.optim.SGD([w]).step()", r"None"),
    ("mg.compile(w, [w])(array)[0]", r"float"),
    ("mg.no_grad()", r".*ContextManager.*"),
    ("mg.draw(w)", r".*\.Picture"),
    ("mg.explain(w, x).text()", r"str"),
]

RAW = ["mg.exp(array)", "mg.sum(array)", "mg.maximum(array, 0.0)", "mg.softmax(array)"]  # as the numbers that they are

BEFORE = """import numpy as np

import microgradcnn as mg
from microgradcnn import Value, nn

rng = np.random.default_rng(0)
array = np.ones((2, 3))
w, x = Value(np.ones(3), label="w"), Value(np.ones(3), label="x")
linear = nn.Linear(3, 2, rng=rng)
sequential = nn.Sequential(linear, nn.ReLU())
"""


def programs() -> dict[str, str]:
    """README's, the guide's and CONTRIBUTING's programs that define a class or a function, by the place of each."""
    return {
        f"{page.stem.lower()}_{block.line}.py": block.text
        for page in (*MANUAL, CONTRIBUTING)
        for block in blocks(page, "python")
        if re.search(r"^\s*(class|def) ", block.text, re.MULTILINE)
    }


def checked(folder: Path, files: dict[str, str]) -> list[str]:
    """What one run of mypy --strict says about these files, line by line."""
    for name, text in files.items():
        (folder / name).write_text(text.lstrip("\n"), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    command += ["--no-error-summary", "--cache-dir", str(folder / "cache"), *files]
    environment = os.environ | {"MYPYPATH": str(ROOT), "NO_COLOR": "1"}
    run = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    assert not run.stderr, run.stderr  # such as "No module named mypy", which is in an extra
    return run.stdout.splitlines()


def without_arrays(name: str) -> str:
    """A type, with what arrays and NumPy's numbers are made of left out: their shape may be open."""
    name = re.sub(r"tuple\[[^\[\]]*\]", "tuple", name)
    while name != (shorter := re.sub(r"numpy\.\w+\[[^\[\]]*\]", "numpy", name)):
        name = shorter
    return name


def complaint(said: list[str], kind: str | None) -> str:
    """What is wrong with what mypy says of a line that reveals a type; nothing where it is of its kind."""
    text = " ".join(line.partition(" ")[2] for line in said)
    name = "".join(re.findall(r'Revealed type is "(.*)"', text)).replace("builtins.", "")
    if "error:" in text or not name:
        return text or "not revealed"
    if kind is None:
        return name if "microgradcnn" in name else ""
    return "" if re.fullmatch(kind, name) and not re.search(r"\bAny\b", without_arrays(name)) else name


def test_the_guide_has_such_programs() -> None:
    assert any("(nn.Module)" in program for program in programs().values())
    assert len(programs()) >= 2


@pytest.mark.slow
def test_the_guides_programs_and_users_models_pass_and_every_type_is_known(tmp_path: Path) -> None:
    """One run of mypy, which takes seconds, for all of it."""
    files = {"users.py": USERS} | programs()
    asked: list[tuple[str, str | None]] = [*REVEALED, *[(expression, None) for expression in RAW]]
    reveals = "".join(f"reveal_type({expression})\n" for expression, _ in asked)
    lines = checked(tmp_path, {**files, "revealed.py": BEFORE + reveals})
    errors = [line for line in lines if ": error:" in line and not line.startswith("revealed.py:")]
    for number, (expression, kind) in enumerate(asked, start=BEFORE.count("\n") + 1):
        if wrong := complaint([line for line in lines if line.startswith(f"revealed.py:{number}:")], kind):
            errors.append(f"{expression} is revealed as {wrong}")
    assert not errors, "\n".join(errors)


@pytest.mark.parametrize(
    ("name", "kind", "wrong"),
    [
        ("Any", VALUE, True),
        ("microgradcnn.engine.value.Value", VALUE, False),
        ("microgradcnn.engine.value.Value | Any", VALUE, True),
        ("float | numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]", NUMBERS, False),
        ("float | numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.floating[Any]]] | None", NUMBERS, False),
        ("float | Any", NUMBERS, True),
        ("list[Any]", r"list\[.*\]", True),
        ("microgradcnn.engine.value.Value", None, True),
        ("numpy.ndarray[tuple[Any, ...], numpy.dtype[Any]]", None, False),
        ("Any", None, False),
    ],
)
def test_what_is_taken_for_a_known_type(name: str, kind: str | None, wrong: bool) -> None:
    assert bool(complaint([f'a.py:1: note: Revealed type is "{name}"'], kind)) == wrong
