"""`train --optimiser`: every optimiser that there is, by its name, in a record and in the parameters that are saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microgradcnn.cli import main
from microgradcnn.nn.optim import OPTIMISERS


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_an_optimiser_by_its_name(optimiser: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["train", "conv_average", "--data", "side", "--epochs", "200", "--optimiser", optimiser, "--json"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["train_accuracy"] > 0.9
    assert Path(record["parameters"]).is_file()
