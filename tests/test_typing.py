"""What type checkers make of code that uses the package: no complaint under mypy --strict, and nothing that is Any."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import microgradcnn as mg

ROOT = Path(mg.__file__).parents[1]
BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
NET = next(i for i, block in enumerate(BLOCKS) if "class Net(nn.Module)" in block)  # the next block goes on with it
PROGRAMS = [*BLOCKS[:NET], BLOCKS[NET] + BLOCKS[NET + 1], *BLOCKS[NET + 2 :]]

PREAMBLE = """
import numpy as np
import microgradcnn as mg
from microgradcnn import Value, nn

w, b, rng = Value(0.5, label="w"), Value(np.ones((2, 2))), np.random.default_rng(0)
f, image = w**2, np.ones((1, 1, 4, 4))
f.backward()


class Scaled(nn.Module):
    def __init__(self) -> None:
        self.weight = Value(np.ones((2, 2)))

    def forward(self, x: Value, factor: float = 1.0) -> Value:
        return factor * (x @ self.weight)


class Called(nn.Module):
    def __call__(self, x: Value | np.ndarray, *, twice: bool = False) -> Value:
        return nn.Linear(2, 2, rng=rng)(x)


def either(x: Value | float) -> Value | float:
    return x


class Anything(nn.Module):
    pass


p = Value(1.0)
p.grad = None
p.grad = 0.0
p.data = [1.0, 2.0]
p.data = p.data - 0.1 * w.grad
for q in [w, b]:
    q.data = q.data - 0.1 * q.grad
print(f"{w.grad:.4f} {w.data:.4f} {f:.4f}", float(w.grad) + 1.0, w.item())
"""
NUMBERS = "float | numpy.ndarray[Any, numpy.dtype[Any]]"
REVEALED = {
    **dict.fromkeys(("w.grad", "w.data"), NUMBERS),
    **dict.fromkeys(
        (
            *(
                "w * 2",
                "2 * w",
                "w + b",
                "1.0 - w",
                "w / 2",
                "2 / w",
                "w**2",
                "2.0**w",
                "-w",
                "abs(w)",
                "b @ b",
                "image @ b",
            ),
            *("w < 1.0", "w >= b", "b[0]", "b.T", "w.exp()", "b.sum(axis=0)", "b.reshape(4)", "w.detach()"),
            *(
                f"mg.{name}(w)"
                for name in ("exp", "log", "relu", "sigmoid", "tanh", "softplus", "sqrt", "square", "abs")
            ),
            *(f"mg.{name}(b, axis=0)" for name in ("sum", "mean", "max", "softmax", "log_softmax")),
            *("mg.reshape(b, 4)", "mg.transpose(b)", "mg.astype(b, np.float32)", "mg.getitem(b, 0)"),
            *(
                "mg.maximum(w, 0.0)",
                "mg.minimum(0.0, w)",
                "mg.power(2.0, w)",
                "mg.matmul(b, image)",
                "mg.equal(w, 1.0)",
            ),
            *("mg.where(w > 0.0, 1.0, 0.0)", "mg.where(True, 1.0, w)", "mg.where(image, w, 0.0)"),
            *("mg.stack([w, w])", "mg.concatenate((b, b), axis=1)", "mg.broadcast_to(w, (2, 2))"),
            *("mg.conv2d(image, b, stride=2)", "mg.max_pool2d(b, 2)", "mg.avg_pool2d(b, (2, 2), stride=1)"),
            *("nn.mse_loss(w, 1.0)", "nn.cross_entropy(b, [0, 1])"),
            *("Scaled()(b)", "Scaled()(b, factor=2.0)", "Called()(image)", "Called()(b, twice=True)"),
            *("nn.Linear(2, 2, rng=rng)(image)", "nn.ReLU()(w)", "nn.Sequential(nn.Flatten(), nn.Sigmoid())(w)"),
            *("nn.lenet(rng=rng)(image)", "mg.grad(f, [w])[0]"),
        ),
        "microgradcnn.value.Value",
    ),
    "w.backward()": "None",
    "mg.grad(f, [w])": "list[microgradcnn.value.Value]",
    "Scaled().parameters()": "list[microgradcnn.value.Value]",
    "w.item()": "float",
    # What may be either stays so, and plain data are no Values.
    **dict.fromkeys(("mg.exp(1.0)", "mg.maximum(1.0, image)", "mg.sum(image)", "Anything()(w)"), "Any"),
    "mg.exp(either(w))": "microgradcnn.value.Value | Any",
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy --strict says of README's programs, and of a module with all expressions that are to be revealed."""
    folder = tmp_path_factory.mktemp("typing")
    for i, program in enumerate(PROGRAMS):
        (folder / f"readme_{i}.py").write_text(program, encoding="utf-8")
    asked = "".join(f"reveal_type({expression})\n" for expression in REVEALED)
    (folder / "revealed.py").write_text(PREAMBLE + asked, encoding="utf-8")
    options = ["--strict", "--ignore-missing-imports", "--no-color-output", "--cache-dir", str(folder / "cache")]
    command = [sys.executable, "-m", "mypy", *options, "."]
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment).stdout


def test_mypy_has_no_complaint(checked: str) -> None:
    assert [line for line in checked.splitlines() if ": error:" in line] == []
    assert checked.splitlines()[-1].startswith("Success: no issues found"), checked


def test_nothing_is_revealed_as_any(checked: str) -> None:
    found = re.findall(r'revealed\.py:\d+: note: Revealed type is "(.*)"', checked)
    assert dict(zip(REVEALED, found, strict=True)) == REVEALED
