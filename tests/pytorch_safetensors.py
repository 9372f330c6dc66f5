"""A LeNet that PyTorch wrote as safetensors, in files/lenet_of_pytorch.safetensors.gz, and the numbers that are in it.

Written with PyTorch 2.14.1 by `pip install torch numpy safetensors && python tests/pytorch_safetensors.py`, from the
root of a checkout that is on the PYTHONPATH: what microgradcnn writes, PyTorch has to read as well.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("files") / "lenet_of_pytorch.safetensors.gz"


def numbers(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Parameters as float32 that have few digits, so that the file packs well."""
    rng = np.random.default_rng(0)
    return {name: (rng.integers(-4, 5, shape) / 32).astype(np.float32) for name, shape in shapes.items()}


def main() -> None:
    """Write the file, and let PyTorch read what microgradcnn makes of it."""
    import torch
    from safetensors.torch import load_file, save
    from torch import nn

    import microgradcnn as mg

    lenet = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    state = numbers({name: tuple(p.shape) for name, p in lenet.state_dict().items()})
    lenet.load_state_dict({name: torch.from_numpy(a) for name, a in state.items()})
    content = save(lenet.state_dict())
    with gzip.GzipFile(PATH, "wb", mtime=0) as file:
        file.write(content)

    with tempfile.TemporaryDirectory() as folder:
        theirs, ours = Path(folder) / "theirs.safetensors", Path(folder) / "ours.safetensors"
        theirs.write_bytes(content)
        model = mg.nn.lenet(dtype=np.float32)
        model.load_state_dict(mg.nn.load_safetensors(theirs))
        mg.nn.save_safetensors(model, ours)
        back = load_file(ours)
        assert list(lenet.load_state_dict(back)) == [[], []]
        assert all(np.array_equal(back[name].numpy(), a) for name, a in state.items())
        assert ours.read_bytes() == content


if __name__ == "__main__":
    main()
