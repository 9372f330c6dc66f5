"""The numbers of PyTorch that the tests compare with, in data/pytorch.npz, and the draws that both start from.

Written with PyTorch 2.13.0 by `pip install torch numpy && python tests/pytorch_numbers.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("files") / "pytorch.npz"

STEPS, BATCH = 100, 4
RUNS: dict[str, tuple[str, dict[str, float]]] = {
    "SGD": ("SGD", {"lr": 0.05}),
    "SGD with momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
    "Adam": ("Adam", {}),
    "Adam with decay": ("Adam", {"lr": 0.002, "weight_decay": 0.01}),
}

# Every layer with what goes in: arguments by name, and the shape of the input.
LAYERS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "Linear": ("Linear", {"in_features": 3, "out_features": 2}, (4, 3)),
    "Linear in the last of three axes": ("Linear", {"in_features": 3, "out_features": 2, "bias": False}, (2, 2, 3)),
    "Conv2d": ("Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 2}, (2, 2, 4, 3)),
    "Conv2d with steps": (
        "Conv2d",
        {
            "in_channels": 2,
            "out_channels": 1,
            "kernel_size": (2, 3),
            "stride": (2, 1),
            "padding": (1, 2),
            "bias": False,
        },
        (1, 2, 4, 3),
    ),
    "AvgPool2d": ("AvgPool2d", {"kernel_size": 2}, (1, 2, 5, 4)),
    "AvgPool2d with steps": ("AvgPool2d", {"kernel_size": (3, 2), "stride": (1, 2)}, (1, 2, 5, 4)),
    "MaxPool2d": ("MaxPool2d", {"kernel_size": 2}, (1, 2, 5, 4)),
    "MaxPool2d with steps": ("MaxPool2d", {"kernel_size": (3, 2), "stride": 1}, (1, 2, 5, 4)),
    "Flatten": ("Flatten", {}, (2, 3, 1, 2)),
    "Flatten in the middle": ("Flatten", {"start_dim": -3, "end_dim": 2}, (2, 3, 1, 2)),
    "ReLU": ("ReLU", {}, (2, 3)),
    "Sigmoid": ("Sigmoid", {}, (2, 3)),
    "Tanh": ("Tanh", {}, (2, 3)),
    "Softmax": ("Softmax", {"dim": 1}, (2, 3, 2)),
    "Dropout": ("Dropout", {"p": 0.3}, (2, 3)),
}
LOSSES: dict[str, Callable[[np.random.Generator], tuple[Any, Any]]] = {
    "mse_loss": lambda rng: (rng.normal(size=(3, 2)), rng.normal(size=(3, 2))),
    "cross_entropy": lambda rng: (9.0 * rng.normal(size=(5, 4)), rng.integers(4, size=5)),
    "binary_cross_entropy_with_logits": lambda rng: (9.0 * rng.normal(size=7), rng.random(7)),
}


def start(shapes: Mapping[str, tuple[int, ...]], seed: int = 0) -> dict[str, Any]:
    """Parameters to start from, for both."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1.0, 1.0, shape) / math.sqrt(math.prod(shape[1:])) for name, shape in shapes.items()}


def batches(seed: int = 1) -> Iterator[tuple[Any, Any]]:
    """Images and classes for every step."""
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        yield rng.random((BATCH, 1, 28, 28)), rng.integers(10, size=BATCH)


def projections(parameters: Mapping[str, Any], seed: int = 2) -> list[float]:
    """Every parameter as one number: its product with a random direction."""
    rng = np.random.default_rng(seed)
    return [float(np.vdot(rng.normal(size=p.shape), p)) / math.sqrt(p.size) for p in parameters.values()]


def descended(
    descent: Any, loss: Callable[..., Any], state: Callable[[], Mapping[str, Any]], steps: Iterable[tuple[Any, Any]]
) -> tuple[list[float], list[list[float]]]:
    """The losses of an optimiser's steps on these batches, and the projections after every tenth: of either's model."""
    losses, seen = [], []
    for step, batch in enumerate(steps, start=1):
        descent.zero_grad()
        found = loss(*batch)
        found.backward()
        descent.step()
        losses.append(found.item())
        if step % 10 == 0:
            seen.append(projections(state()))
    return losses, seen


def inputs(name: str) -> tuple[Any, np.random.Generator]:
    """What goes into a layer of LAYERS, and the generator for what its output is multiplied with."""
    rng = np.random.default_rng(sorted(LAYERS).index(name))
    return rng.normal(size=LAYERS[name][2]), rng


def main() -> None:
    """Write the file."""
    import torch
    from torch import nn

    torch.set_default_dtype(torch.float64)
    lenet = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    shapes = {name: tuple(p.shape) for name, p in lenet.state_dict().items()}
    written: dict[str, Any] = {"lenet/shapes": json.dumps(shapes)}
    for run, (optimiser, options) in RUNS.items():
        lenet.load_state_dict({name: torch.from_numpy(p) for name, p in start(shapes).items()})
        descent = getattr(torch.optim, optimiser)(lenet.parameters(), **options)
        losses, seen = descended(
            descent,
            lambda x, y: nn.functional.cross_entropy(lenet(torch.from_numpy(x)), torch.from_numpy(y)),
            lambda: {name: p.numpy() for name, p in lenet.state_dict().items()},
            batches(),
        )
        written |= {f"{run}/losses": losses, f"{run}/projections": seen}

    for name, (kind, options, _) in LAYERS.items():
        layer = getattr(nn, kind)(**options).eval()
        layer.load_state_dict(
            {p: torch.from_numpy(a) for p, a in start({p: a.shape for p, a in layer.state_dict().items()}).items()}
        )
        x, rng = inputs(name)
        leaf = torch.from_numpy(x).requires_grad_()
        y = layer(leaf)
        (y * torch.from_numpy(rng.normal(size=y.shape))).sum().backward()
        written |= {f"{name}/y": y.detach().numpy(), f"{name}/gradient of x": leaf.grad.numpy()}
        written |= {f"{name}/gradient of {p}": v.grad.numpy() for p, v in layer.named_parameters()}

    for name, draw in LOSSES.items():
        a, target = draw(np.random.default_rng(3))
        leaf = torch.from_numpy(a).requires_grad_()
        loss = getattr(nn.functional, name)(leaf, torch.from_numpy(target))
        loss.backward()
        written |= {f"{name}/loss": loss.item(), f"{name}/gradient": leaf.grad.numpy()}

    torch.manual_seed(0)
    small = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3, bias=False)).float()
    x = np.random.default_rng(4).random((2, 1, 4, 4), np.float32)
    written |= {f"small/state/{name}": p.numpy() for name, p in small.state_dict().items()}
    written |= {"small/x": x, "small/y": small(torch.from_numpy(x)).detach().numpy()}
    np.savez_compressed(PATH, **written)


if __name__ == "__main__":
    main()
