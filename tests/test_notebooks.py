"""Every notebook runs from a fresh kernel, and was saved with what it prints and draws."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "demos").glob("*.ipynb"))

SAYS = {
    "1_a_neuron_by_hand": "by hand: -0.2653   from the graph: -0.2653",
    "2_the_six_networks": "df/dc_5 by hand -0.0587   by graph -0.0587",  # as formulas work it out for exercise 2
    "3_a_convolutional_network_on_digits": "digits never seen",
    "4_your_own_primitive": "the chain rule of wrong_softsign is wrong by itself",
    "5_from_scalars_to_machine_speed": "largest difference:",
    "coming_from_micrograd": "step 99   loss 0.0109783701   accuracy 100%",  # as micrograd's demonstration prints them
    "coming_from_pytorch": "the same to 12 digits: True",
}


def outputs(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for cell in notebook["cells"] for output in cell.get("outputs", [])]


def printed(notebook: dict[str, Any]) -> str:
    return "".join("".join(output["text"]) for output in outputs(notebook) if output["output_type"] == "stream")


def shown(notebook: dict[str, Any]) -> list[set[str]]:
    """The formats of everything that a cell shows besides what it prints."""
    return [set(output["data"]) for output in outputs(notebook) if output["output_type"] != "stream"]


def test_every_notebook_is_listed() -> None:
    assert [path.stem for path in NOTEBOOKS] == list(SAYS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_installs_in_colab_only(path: Path) -> None:
    first = next(c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code")
    _, _, condition, install = "".join(first["source"]).splitlines()
    assert condition.startswith('if "google.colab" in sys.modules:')
    assert re.fullmatch(r'    %pip install --quiet "microgradcnn(\[[a-z,]+\])?"', install)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path: Path) -> None:
    saved = json.loads(path.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--stdout", str(path)]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-2000:]
    again = json.loads(run.stdout)
    for notebook in (saved, again):
        assert SAYS[path.stem] in printed(notebook)
    assert shown(saved) == shown(again)
    assert path.stat().st_size < 300_000
