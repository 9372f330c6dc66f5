"""PyTorch's numbers for layers, losses and optimisers with options that people put together: files/pytorch_people.npz.

Written with PyTorch 2.14.1 by `pip install torch numpy && python tests/pytorch_people.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_layers import flat, start

PATH = Path(__file__).with_name("files") / "pytorch_people.npz"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """A layer, made by `make(nn)`, the shapes of its inputs and of its state, and arguments by name.

    `classes` says that the inputs are whole numbers below it; in train() mode `before` batches go through it first.
    """

    make: Callable[[Any], Any]
    inputs: list[Shape]
    state: list[Shape] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    classes: int = 0
    before: int = 0
    training: bool = False


PADDED = np.array([[0, 0, 0, 1], [0, 1, 0, 1]], bool)
SLOPE = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
HEADS = np.resize([0, 1, 0, 0, 0], (4, 3, 4)).astype(bool)
Q, K = (2, 3, 4), (2, 4, 4)
FUTURE = np.where(np.triu(np.ones((4, 4), bool), 1), -np.inf, 0.0)

LAYERS: dict[str, Layer] = {
    "GRU, both ways, two layers, batch first, without bias, started": Layer(
        lambda nn: nn.GRU(2, 3, 2, bias=False, batch_first=True, bidirectional=True), [(2, 4, 2)], [(4, 2, 3)]
    ),
    "LSTM, both ways, three layers, of one sequence, started": Layer(
        lambda nn: nn.LSTM(2, 2, num_layers=3, bidirectional=True), [(3, 2)], [(6, 2), (6, 2)]
    ),
    "RNN of relu, both ways, two layers, without bias": Layer(
        lambda nn: nn.RNN(2, 3, 2, nonlinearity="relu", bias=False, bidirectional=True), [(3, 2, 2)]
    ),
    "LSTM of one step": Layer(lambda nn: nn.LSTM(3, 1, batch_first=True, bidirectional=True), [(2, 1, 3)]),
    "GRUCell without bias": Layer(lambda nn: nn.GRUCell(2, 3, bias=False), [(4, 2)], [(4, 3)]),
    "LayerNorm over two axes without bias": Layer(lambda nn: nn.LayerNorm([3, 2], bias=False), [(2, 2, 3, 2)]),
    "LayerNorm over all axes, ε": Layer(lambda nn: nn.LayerNorm((2, 3), eps=0.5), [(2, 3)]),
    "BatchNorm1d of rows, mean of all batches": Layer(
        lambda nn: nn.BatchNorm1d(3, momentum=None), [(2, 3, 4)], before=3, training=True
    ),
    "BatchNorm1d of rows, mean of all batches, then eval": Layer(
        lambda nn: nn.BatchNorm1d(3, momentum=None, affine=False), [(2, 3, 4)], before=3
    ),
    "BatchNorm1d of one example in train": Layer(lambda nn: nn.BatchNorm1d(2), [(1, 2, 3)], training=True),
    "BatchNorm2d that stays": Layer(lambda nn: nn.BatchNorm2d(2, 0.1, 0.0), [(2, 2, 2, 1)], before=2, training=True),
    "BatchNorm2d, untracked and plain": Layer(
        lambda nn: nn.BatchNorm2d(2, affine=False, track_running_stats=False), [(2, 2, 3, 2)], before=1
    ),
    "attention, mask of numbers and padding of numbers": Layer(
        lambda nn: nn.MultiheadAttention(4, 2, batch_first=True),
        [Q, K, K],
        named={"attn_mask": SLOPE, "key_padding_mask": np.where(PADDED, -np.inf, 0.0), "average_attn_weights": False},
    ),
    "attention, mask for each head and padding": Layer(
        lambda nn: nn.MultiheadAttention(4, 2, bias=False),
        [(3, 2, 4), (4, 2, 4), (4, 2, 4)],
        named={"attn_mask": HEADS, "key_padding_mask": PADDED, "average_attn_weights": False},
    ),
    "attention, four heads, infinite numbers, padding, without weights": Layer(
        lambda nn: nn.MultiheadAttention(4, 4, batch_first=True),
        [K, K, K],
        named={"attn_mask": FUTURE, "key_padding_mask": np.where(PADDED, -np.inf, 0.0), "need_weights": False},
    ),
    "Embedding with the padding counted from the end": Layer(
        lambda nn: nn.Embedding(5, 2, padding_idx=-2), [(2, 3, 2)], classes=5
    ),
    "Embedding of one number": Layer(lambda nn: nn.Embedding(5, 3), [()], classes=5),
    "Linear of sequences without bias": Layer(lambda nn: nn.Linear(3, 2, bias=False), [(2, 2, 2, 3)]),
    "Linear of one row": Layer(lambda nn: nn.Linear(3, 2), [(3,)]),
    "Conv1d, groups, dilation, same, an even kernel": Layer(
        lambda nn: nn.Conv1d(4, 2, 4, padding="same", dilation=3, groups=2, bias=False), [(2, 4, 6)]
    ),
    "Conv2d, groups, dilation, same": Layer(
        lambda nn: nn.Conv2d(2, 4, (2, 3), padding="same", dilation=(3, 2), groups=2), [(2, 2, 4, 5)]
    ),
    "Conv2d, depthwise, strides, padding beyond the kernel": Layer(
        lambda nn: nn.Conv2d(3, 6, 2, stride=(3, 2), padding=(3, 2), groups=3), [(1, 3, 4, 3)]
    ),
    "ConvTranspose2d, output padding, groups, dilation": Layer(
        lambda nn: nn.ConvTranspose2d(
            4, 2, (2, 3), stride=(3, 2), padding=(1, 2), output_padding=(2, 1), groups=2, dilation=(2, 1), bias=False
        ),
        [(2, 4, 2, 3)],
    ),
    "MaxPool2d, ceil mode, padding, strides above the kernel": Layer(
        lambda nn: nn.MaxPool2d((2, 3), stride=(3, 4), padding=(1, 1), ceil_mode=True), [(2, 1, 6, 6)]
    ),
    "MaxPool2d, ceil mode, padding, dilation": Layer(
        lambda nn: nn.MaxPool2d(3, 2, 1, dilation=(1, 2), ceil_mode=True), [(1, 2, 6, 7)]
    ),
    "AvgPool2d, ceil mode, padding": Layer(lambda nn: nn.AvgPool2d((3, 2), (2, 3), 1, ceil_mode=True), [(1, 2, 6, 6)]),
    "AvgPool2d, ceil mode, padding, of pixels": Layer(
        lambda nn: nn.AvgPool2d(3, ceil_mode=True, padding=1, count_include_pad=False), [(1, 2, 6, 5)]
    ),
    "LeakyReLU that is steeper on the left": Layer(lambda nn: nn.LeakyReLU(1.5), [(2, 3)]),
    "LeakyReLU of a negative slope": Layer(lambda nn: nn.LeakyReLU(-0.5), [(2, 3)]),
    "Dropout of nothing": Layer(lambda nn: nn.Dropout(0.0), [(2, 3)], training=True),
    "Softmax over the middle": Layer(lambda nn: nn.Softmax(dim=1), [(2, 3, 2)]),
    "Flatten": Layer(lambda nn: nn.Flatten(), [(2, 3, 2)]),
}


# A loss, the shape of its logits or numbers, the kind of its target, and options; strings stand for drawn weights.
LOSSES: list[tuple[str, Shape, str, dict[str, Any]]] = [
    *(
        (
            "cross_entropy",
            (3, 4, 2, 3),
            "classes",
            {"weight": "classes", "label_smoothing": 0.3, **more, "reduction": r},
        )
        for r in ("mean", "sum", "none")
        for more in ({"ignore_index": 1}, {})
    ),
    ("cross_entropy", (3, 4, 2), "shares", {"weight": "classes", "label_smoothing": 0.3}),
    ("cross_entropy", (3, 4), "shares", {"weight": "classes", "label_smoothing": 1.0, "reduction": "none"}),
    ("cross_entropy", (4, 3), "classes", {"label_smoothing": 1.0, "ignore_index": 2}),
    ("nll_loss", (2, 3, 2, 2), "classes", {"weight": "classes", "ignore_index": 0}),
    ("nll_loss", (2, 3, 2, 2), "classes", {"weight": "classes", "ignore_index": 0, "reduction": "none"}),
    ("huber_loss", (3, 4), "numbers", {"delta": 2.5, "reduction": "sum"}),
    ("huber_loss", (3, 4), "numbers", {"delta": 0.05}),
    ("smooth_l1_loss", (3, 4), "numbers", {"beta": 0.0}),
    ("smooth_l1_loss", (3, 4), "numbers", {"beta": 3.0, "reduction": "none"}),
    ("l1_loss", (2, 3, 2), "numbers", {"reduction": "sum"}),
    ("mse_loss", (), "numbers", {}),
    ("binary_cross_entropy_with_logits", (2, 3, 2), "bits", {"pos_weight": "last", "weight": "all"}),
    ("binary_cross_entropy_with_logits", (4,), "bits", {"reduction": "sum"}),
]


def loss_case(number: int) -> tuple[Any, Any, dict[str, Any], np.random.Generator]:
    """What goes into a loss, its target and options, and the generator for what comes after."""
    _, shape, kind, options = LOSSES[number]
    rng = np.random.default_rng(1000 + number)
    a = np.asarray(2.0 * rng.normal(size=shape))
    if kind == "shares":
        target: Any = rng.random(shape)
        target /= target.sum(axis=1, keepdims=True)
    elif kind == "classes":
        target = rng.integers(shape[1], size=(shape[0], *shape[2:]))
        if "ignore_index" not in options:
            target.flat[::3] = -100
    else:
        target = {"bits": rng.integers(2, size=shape) * 1.0, "numbers": rng.normal(size=shape)}
        target = np.asarray(target[kind])
    sizes = {"classes": shape[min(1, len(shape) - 1) :][:1], "last": shape[-1:], "all": shape}
    options = {k: rng.uniform(0.2, 2.0, sizes[v]) if v in sizes else v for k, v in options.items()}
    return a, target, options, rng


# Fifty steps of a small perceptron: an optimiser, how gradients are clipped, a schedule.
RUNS: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, dict[str, Any]]]] = [
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2}, {"max_norm": 0.3}, ("CosineAnnealingLR", {"T_max": 50})),
    (
        "RMSprop",
        {"lr": 0.01, "centered": True, "momentum": 0.9, "weight_decay": 0.02},
        {"clip_value": 0.05},
        ("StepLR", {"step_size": 15, "gamma": 0.5}),
    ),
    ("Adagrad", {"lr": 0.2, "lr_decay": 0.01, "weight_decay": 0.05}, {"max_norm": 0.5, "norm_type": 1.0}, ("", {})),
    (
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"max_norm": 1.0},
        ("ExponentialLR", {"gamma": 0.95}),
    ),
    ("Adam", {"lr": 0.03, "betas": (0.5, 0.9), "weight_decay": 0.1}, {"clip_value": 0.1}, ("", {})),
]


def record_layers(torch: Any, written: dict[str, Any]) -> None:
    """Outputs, gradients and products of every layer."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    for number, case in enumerate(LAYERS.values()):
        rng = np.random.default_rng(number)
        layer = case.make(torch.nn)
        layer.load_state_dict({p: torch.as_tensor(a) for p, a in start_of(layer).items()})
        layer.train()
        for _ in range(case.before):
            layer(*[torch.from_numpy(np.asarray(rng.normal(size=s))) for s in case.inputs])
        layer.train(case.training)
        inputs = drawn_inputs(case, rng)
        xs = [torch.from_numpy(a) for a in inputs]
        hs = [torch.from_numpy(rng.normal(size=s)).requires_grad_() for s in case.state]
        leaves = [x.requires_grad_() for x in xs if not case.classes] + hs + list(layer.parameters())
        hx = [tuple(hs) if len(hs) > 1 else hs[0]] if hs else []
        named = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in case.named.items()}
        with sdpa_kernel(SDPBackend.MATH):
            outputs = flat(layer(*xs, *hx, **named))
            loss = sum(
                (y * torch.from_numpy(np.asarray(rng.normal(size=y.shape))) + 0.5 * y * y).sum() for y in outputs
            )
            gradients = torch.autograd.grad(loss, leaves, create_graph=True)
            along = [torch.from_numpy(np.asarray(rng.normal(size=tuple(leaf.shape)))) for leaf in leaves]
            slope = sum((g * v).sum() for g, v in zip(gradients, along, strict=True))
            products = torch.autograd.grad(slope, leaves, allow_unused=True)
        products = [torch.zeros_like(g) if p is None else p for p, g in zip(products, gradients, strict=True)]
        parts = [*outputs, *gradients, *products, *layer.buffers()]
        written[f"layer {number}"] = np.concatenate([p.detach().numpy().ravel() * 1.0 for p in parts])


def start_of(layer: Any, seed: int = 0) -> dict[str, Any]:
    """Numbers to start from, for both."""
    return start({path: tuple(np.shape(a)) for path, a in layer.state_dict().items()}, seed)


def drawn_inputs(case: Layer, rng: np.random.Generator) -> list[Any]:
    """What goes into a layer."""
    return [
        np.asarray(rng.integers(case.classes, size=s) if case.classes else 1.5 * rng.normal(size=s))
        for s in case.inputs
    ]


def main() -> None:
    """Write the file."""
    import torch
    from torch.nn import functional

    torch.set_default_dtype(torch.float64)
    written: dict[str, Any] = {}
    record_layers(torch, written)
    for number, (name, *_) in enumerate(LOSSES):
        a, target, options, rng = loss_case(number)
        leaf = torch.from_numpy(a).requires_grad_()
        options = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
        y = getattr(functional, name)(leaf, torch.from_numpy(target), **options)
        loss = (y * torch.from_numpy(np.asarray(rng.normal(size=tuple(y.shape))))).sum()
        (g,) = torch.autograd.grad(loss, leaf, create_graph=True)
        slope = (g * torch.from_numpy(np.asarray(rng.normal(size=a.shape)))).sum() + 0.0 * leaf.sum()
        (product,) = torch.autograd.grad(slope, leaf)
        written[f"loss {number}"] = np.concatenate([p.detach().numpy().ravel() for p in (y, g, product)])

    rng = np.random.default_rng(7)
    x, y = torch.from_numpy(rng.normal(size=(20, 3))), torch.from_numpy(rng.integers(2, size=20))
    for number, (kind, options, clip, (schedule, more)) in enumerate(RUNS):
        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
        model.load_state_dict({p: torch.as_tensor(a) for p, a in start_of(model).items()})
        optimiser = getattr(torch.optim, kind)(model.parameters(), **options)
        scheduler = getattr(torch.optim.lr_scheduler, schedule)(optimiser, **more) if schedule else None
        losses = []
        for _ in range(50):
            optimiser.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            by = "clip_grad_value_" if "clip_value" in clip else "clip_grad_norm_"
            getattr(torch.nn.utils, by)(model.parameters(), **clip)
            optimiser.step()
            if scheduler:
                scheduler.step()
            losses.append(loss.item())
        written[f"run {number}"] = np.concatenate([losses, *(p.detach().numpy().ravel() for p in model.parameters())])
    np.savez_compressed(PATH, **written)


if __name__ == "__main__":
    main()
