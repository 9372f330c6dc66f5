"""PyTorch's losses, optimisers, clipping and schedules with every option: files/pytorch_losses.npz, and their inputs.

Written with PyTorch 2.14.1 by `pip install torch numpy && python tests/pytorch_losses.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("files") / "pytorch_losses.npz"

REDUCTIONS = ("mean", "sum", "none")
Case = tuple[
    str, tuple[int, ...], str, dict[str, Any]
]  # a loss, the shape of what goes in, the kind of target, options


def cases() -> Iterator[Case]:
    """Every loss with every option; `weight=` and the like say which weights, as `drawn` draws them."""
    no, by_class = {}, {"weight": "classes"}
    for shape, reduction in product(((5, 4), (3, 4, 2)), REDUCTIONS):
        for weight, smoothing in product((no, by_class), (no, {"label_smoothing": 0.2})):
            options = {"reduction": reduction, **weight, **smoothing}
            yield "cross_entropy", shape, "classes", options
            yield "cross_entropy", shape, "classes, some -100", options
            yield "cross_entropy", shape, "classes", {**options, "ignore_index": 2}
            yield "cross_entropy", shape, "probabilities", options
        for weight, kind in product((no, by_class), ("classes", "classes, some -100")):
            yield "nll_loss", shape, kind, {"reduction": reduction, **weight}
        yield "nll_loss", shape, "classes", {"reduction": reduction, "ignore_index": 1}
    weights = (no, {"weight": "all"})
    for reduction, weight in product(REDUCTIONS, weights):
        yield "mse_loss", (3, 2), "numbers", {"reduction": reduction, **weight}
        yield "l1_loss", (3, 2), "numbers", {"reduction": reduction, **weight}
        for delta in (no, {"delta": 0.4}):
            yield "huber_loss", (3, 2), "numbers", {"reduction": reduction, **weight, **delta}
    for reduction, beta in product(REDUCTIONS, (no, {"beta": 0.4})):
        yield "smooth_l1_loss", (3, 2), "numbers", {"reduction": reduction, **beta}
    positive = ({}, {"pos_weight": "classes"}, {"pos_weight": "one"})
    for reduction, weight, more in product(REDUCTIONS, (no, by_class, *weights[1:]), positive):
        yield "binary_cross_entropy_with_logits", (4, 3), "shares", {"reduction": reduction, **weight, **more}


CASES = list(cases())


def drawn(number: int) -> tuple[Any, Any, dict[str, Any], Any, Any]:
    """What goes into a case, its target, its options, what the loss is multiplied with, and a direction."""
    loss, shape, kind, options = CASES[number]
    rng = np.random.default_rng(number)
    a = 2.0 * rng.normal(size=shape)
    if loss == "nll_loss":
        a = -abs(a)
    target: Any = rng.normal(size=shape)
    if kind == "probabilities":
        target = np.exp(target) / np.exp(target).sum(axis=1, keepdims=True)
    elif kind == "shares":
        target = rng.random(shape)
    elif kind != "numbers":
        target = rng.integers(shape[1], size=(shape[0], *shape[2:]))
        target.flat[0] = (options.get("ignore_index", 0) + 1) % shape[1]  # one at least that is not ignored
        if kind == "classes, some -100":
            target.flat[1::2] = -100
    sizes = {"classes": shape[1:2], "all": shape, "one": (1,)}
    options = {name: 0.2 + rng.random(sizes[o]) if o in sizes else o for name, o in options.items()}
    mean = options["reduction"] != "none"
    outputs = () if mean else (shape if loss not in ("cross_entropy", "nll_loss") else (shape[0], *shape[2:]))
    return a, target, options, rng.normal(size=outputs), rng.normal(size=shape)


STEPS = 100
RUNS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.02, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.5}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 1.0, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.02, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.02, "weight_decay": 0.3, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3}),
    ("RMSprop", {"momentum": 0.5, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"lr": 0.003, "alpha": 0.9, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.02}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1, "eps": 1e-3}),
]
START = [np.array([[1.0, -0.5, 2.0], [0.3, -1.2, 0.7]]), np.array([0.1, -0.2]), np.array(0.6)]


def gradients(parameters: list[Any], step: int) -> list[Any]:
    """Of ½θ² + θ⁴/10, with noise, at the arrays of this moment."""
    rng = np.random.default_rng(step)
    return [p + 0.4 * p**3 + 0.1 * rng.normal(size=np.shape(p)) for p in parameters]


EPOCHS = 30
RATE = 0.3
SCHEDULERS: list[tuple[str, dict[str, Any]]] = [
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.9}),
    ("ExponentialLR", {"gamma": 0.93}),
    ("CosineAnnealingLR", {"T_max": 30}),
    ("CosineAnnealingLR", {"T_max": 8, "eta_min": 0.05}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 1.0 / (1.0 + 0.2 * epoch)}),
]

CLIPS: list[dict[str, Any]] = [
    {"max_norm": 1.0},
    {"max_norm": 1000.0},
    {"max_norm": 0.5, "norm_type": 1},
    {"max_norm": 0.5, "norm_type": 3.0},
    {"max_norm": 0.5, "norm_type": math.inf},
    {"clip_value": 0.7},
]


def main() -> None:
    """Write the file."""
    import torch
    from torch.nn import functional

    torch.set_default_dtype(torch.float64)
    written: dict[str, Any] = {}
    found = []
    for number, (name, *_) in enumerate(CASES):
        a, target, options, weights, direction = drawn(number)
        options = {key: torch.from_numpy(o) if isinstance(o, np.ndarray) else o for key, o in options.items()}
        leaf = torch.from_numpy(a).requires_grad_()
        loss = getattr(functional, name)(leaf, torch.from_numpy(target), **options)
        (gradient,) = torch.autograd.grad((loss * torch.from_numpy(np.asarray(weights))).sum(), leaf, create_graph=True)
        along = (gradient * torch.from_numpy(direction)).sum() + 0.0 * leaf.sum()
        (product,) = torch.autograd.grad(along, leaf)
        found.append(np.concatenate([part.detach().numpy().ravel() for part in (loss, gradient, product)]))
    written["losses"] = np.concatenate(found)

    paths = []
    for kind, options in RUNS:
        parameters = [torch.from_numpy(p.copy()).requires_grad_() for p in START]
        optimiser = getattr(torch.optim, kind)(parameters, **options)
        for step in range(STEPS):
            arrays = [p.detach().numpy() for p in parameters]
            for p, g in zip(parameters, gradients(arrays, step), strict=True):
                p.grad = torch.from_numpy(np.asarray(g))
            optimiser.step()
            if step % 10 in (0, 9):
                paths.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    written["optimisers"] = np.array(paths).reshape(len(RUNS), -1)

    rates = []
    for kind, options in SCHEDULERS:
        optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
        scheduler = getattr(torch.optim.lr_scheduler, kind)(optimiser, **options)
        rates.append(scheduler.get_last_lr()[0])
        for _ in range(EPOCHS):
            optimiser.step()
            scheduler.step()
            rates.append(scheduler.get_last_lr()[0])
    written["rates"] = np.array(rates).reshape(len(SCHEDULERS), -1)

    clipped = []
    for options in CLIPS:
        parameters = [torch.from_numpy(p.copy()).requires_grad_() for p in START]
        for p, g in zip(parameters, gradients(START, 0), strict=True):
            p.grad = torch.from_numpy(np.asarray(g))
        name = "clip_grad_value_" if "clip_value" in options else "clip_grad_norm_"
        norm = getattr(torch.nn.utils, name)(parameters, **options)
        clipped.append(
            [0.0 if norm is None else norm.item(), *(x for p in parameters for x in p.grad.ravel().tolist())]
        )
    written["clipped"] = np.array(clipped)
    np.savez_compressed(PATH, **written)


if __name__ == "__main__":
    main()
