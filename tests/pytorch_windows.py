"""PyTorch's convolutions and pooling with all their options, in files/pytorch_windows.npz: what the tests compare with.

Written with PyTorch 2.14.1 by `pip install torch numpy && python tests/pytorch_windows.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).with_name("files") / "pytorch_windows.npz"

Shape = tuple[int, ...]

# A function with its options, and the shapes of what goes in: images, and kernels where there are any.
CASES: dict[str, tuple[str, dict[str, Any], list[Shape]]] = {
    "dilated": ("conv2d", {"dilation": 2}, [(2, 2, 6, 7), (3, 2, 2, 3)]),
    "dilated by a pair": (
        "conv2d",
        {"stride": (2, 1), "padding": (1, 3), "dilation": (1, 3)},
        [(2, 2, 5, 6), (2, 2, 3, 3)],
    ),
    "in groups": ("conv2d", {"groups": 2}, [(2, 4, 4, 5), (6, 2, 2, 3)]),
    "depthwise": ("conv2d", {"groups": 3, "padding": 1}, [(2, 3, 4, 4), (3, 1, 3, 3)]),
    "depthwise, two filters each": ("conv2d", {"groups": 3, "stride": 2}, [(1, 3, 5, 4), (6, 1, 2, 2)]),
    "in groups with everything": (
        "conv2d",
        {"groups": 2, "stride": (1, 2), "padding": (2, 1), "dilation": (2, 1)},
        [(2, 4, 5, 6), (2, 2, 3, 2)],
    ),
    "same": ("conv2d", {"padding": "same"}, [(2, 2, 4, 5), (2, 2, 3, 3)]),
    "same, odd": ("conv2d", {"padding": "same"}, [(2, 1, 4, 5), (2, 1, 2, 4)]),
    "same, odd in one axis": ("conv2d", {"padding": "same", "dilation": (3, 2)}, [(1, 2, 5, 4), (2, 2, 2, 3)]),
    "same, larger than the images": ("conv2d", {"padding": "same", "groups": 2}, [(1, 2, 2, 3), (2, 1, 4, 5)]),
    "valid": ("conv2d", {"padding": "valid", "stride": 2}, [(1, 2, 5, 4), (2, 2, 2, 3)]),
    "of rows": ("conv1d", {}, [(2, 3, 7), (2, 3, 3)]),
    "of rows with everything": (
        "conv1d",
        {"stride": 2, "padding": 3, "dilation": 2, "groups": 2},
        [(2, 4, 7), (2, 2, 3)],
    ),
    "of rows, same": ("conv1d", {"padding": "same"}, [(2, 2, 5), (3, 2, 4)]),
    "transposed": ("conv_transpose2d", {}, [(2, 3, 3, 2), (3, 2, 2, 3)]),
    "transposed with strides": (
        "conv_transpose2d",
        {"stride": (2, 3), "padding": (1, 0), "output_padding": (1, 2)},
        [(2, 2, 3, 2), (2, 3, 3, 2)],
    ),
    "transposed in groups": ("conv_transpose2d", {"stride": 2, "groups": 2}, [(2, 4, 2, 3), (4, 2, 2, 3)]),
    "transposed and dilated": (
        "conv_transpose2d",
        {"stride": (1, 2), "dilation": (3, 2), "output_padding": (2, 1), "padding": (0, 2), "groups": 2},
        [(1, 4, 3, 4), (4, 1, 2, 3)],
    ),
    "transposed, strides smaller than the kernel's gaps": (
        "conv_transpose2d",
        {"stride": (1, 2), "dilation": (4, 4), "output_padding": (3, 3), "padding": (1, 2)},
        [(1, 2, 2, 3), (2, 1, 2, 2)],
    ),
    "mean, padded": ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, [(2, 2, 5, 6)]),
    "mean of pixels only": (
        "avg_pool2d",
        {"kernel_size": (3, 2), "stride": 1, "padding": (1, 0), "count_include_pad": False},
        [(2, 2, 4, 5)],
    ),
    "mean, the last sticks out": ("avg_pool2d", {"kernel_size": 2, "ceil_mode": True}, [(2, 2, 5, 3)]),
    "mean, padded, the last sticks out": (
        "avg_pool2d",
        {"kernel_size": 3, "stride": (2, 3), "padding": 1, "ceil_mode": True},
        [(1, 2, 6, 5)],
    ),
    "mean of pixels only, the last sticks out": (
        "avg_pool2d",
        {"kernel_size": 4, "stride": 3, "padding": (1, 2), "ceil_mode": True, "count_include_pad": False},
        [(1, 2, 5, 6)],
    ),
    "mean, smaller than the window": ("avg_pool2d", {"kernel_size": 3, "stride": 2, "ceil_mode": True}, [(1, 2, 2, 4)]),
    "largest, padded": ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, [(2, 2, 5, 6)]),
    "largest, dilated": ("max_pool2d", {"kernel_size": 2, "stride": 1, "dilation": (2, 3)}, [(2, 2, 5, 6)]),
    "largest, the last sticks out": ("max_pool2d", {"kernel_size": 2, "ceil_mode": True}, [(2, 2, 5, 3)]),
    "largest with everything": (
        "max_pool2d",
        {"kernel_size": (2, 3), "stride": (2, 3), "padding": 1, "dilation": (2, 1), "ceil_mode": True},
        [(2, 2, 6, 5)],
    ),
    "largest, far beyond the edge": (
        "max_pool2d",
        {"kernel_size": 2, "stride": 4, "padding": 1, "dilation": 3, "ceil_mode": True},
        [(1, 2, 5, 7)],
    ),
}

# Layers by their arguments, in PyTorch's order, and the shape of what goes in.
LAYERS: dict[str, tuple[str, tuple[Any, ...], Shape]] = {
    "Conv1d": ("Conv1d", (2, 3, 3, 2, 1), (2, 2, 7)),
    "Conv1d with everything": ("Conv1d", (2, 4, (3,), 1, "same", 2, 2, False), (2, 2, 7)),
    "Conv2d with everything": ("Conv2d", (4, 6, (3, 2), (2, 1), 1, (1, 2), 2), (2, 4, 5, 6)),
    "Conv2d, depthwise, of the same size": ("Conv2d", (3, 3, (2, 3), 1, "same", 1, 3, False), (2, 3, 4, 4)),
    "ConvTranspose2d": ("ConvTranspose2d", (2, 3, 2), (2, 2, 3, 3)),
    "ConvTranspose2d with everything": ("ConvTranspose2d", (4, 6, 3, 2, (1, 0), 1, 2, False, (1, 2)), (1, 4, 2, 3)),
    "AvgPool2d with everything": ("AvgPool2d", (3, 2, 1, True, False), (2, 2, 6, 5)),
    "MaxPool2d with padding and dilation": ("MaxPool2d", (3, (2, 1), 1, 2), (2, 2, 6, 7)),
}

# What PyTorch refuses.
REFUSED: dict[str, tuple[str, dict[str, Any], list[Shape]]] = {
    "groups that do not share the channels": ("conv2d", {"groups": 2}, [(1, 3, 4, 4), (2, 1, 2, 2)]),
    "groups that do not share the filters": ("conv2d", {"groups": 2}, [(1, 4, 4, 4), (3, 2, 2, 2)]),
    "no groups": ("conv2d", {"groups": 0}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "same with strides": ("conv2d", {"padding": "same", "stride": 2}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "another word": ("conv2d", {"padding": "full"}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "no dilation": ("conv2d", {"dilation": 0}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "too wide a window": ("conv2d", {"dilation": 4}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "kernels for images": ("conv1d", {}, [(1, 2, 4), (2, 2, 2, 2)]),
    "groups of rows": ("conv1d", {"groups": 3}, [(1, 2, 4), (2, 1, 2)]),
    "another number of channels": ("conv_transpose2d", {}, [(1, 2, 4, 4), (3, 2, 2, 2)]),
    "groups, transposed": ("conv_transpose2d", {"groups": 2}, [(1, 3, 4, 4), (3, 2, 2, 2)]),
    "more than a stride": ("conv_transpose2d", {"output_padding": 1}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "nothing left": ("conv_transpose2d", {"padding": 3}, [(1, 2, 4, 4), (2, 2, 2, 2)]),
    "mean, padding over half": ("avg_pool2d", {"kernel_size": 3, "padding": 2}, [(1, 2, 4, 4)]),
    "largest, padding over half": (
        "max_pool2d",
        {"kernel_size": (2, 3), "padding": (1, 2), "dilation": 3},
        [(1, 2, 6, 9)],
    ),
    "negative padding": ("max_pool2d", {"kernel_size": 2, "padding": -1}, [(1, 2, 4, 4)]),
    "no window, though it may stick out": (
        "max_pool2d",
        {"kernel_size": 5, "stride": 2, "ceil_mode": True},
        [(1, 1, 2, 6)],
    ),
}


def drawn(name: str) -> tuple[list[Any], list[Any]]:
    """What goes into a case, and a direction of the same shapes in which its gradients are differentiated."""
    rng = np.random.default_rng(sorted(CASES).index(name))
    shapes = CASES[name][2]
    return [rng.normal(size=shape) for shape in shapes], [rng.normal(size=shape) for shape in shapes]


def parameters(name: str, shape: Shape, shapes: dict[str, Shape]) -> tuple[Any, dict[str, Any]]:
    """What goes into a layer, and its parameters."""
    rng = np.random.default_rng(sorted(LAYERS).index(name))
    return rng.normal(size=shape), {p: rng.normal(size=shapes[p]) for p in sorted(shapes)}


def main() -> None:
    """Write the file."""
    import torch
    from torch.nn import functional

    written: dict[str, Any] = {}
    for name, (function, options, _) in CASES.items():
        arrays, direction = drawn(name)
        leaves = [torch.from_numpy(a).requires_grad_() for a in arrays]
        y = getattr(functional, function)(*leaves, **options)
        gradients = torch.autograd.grad((y**3).mean(), leaves, create_graph=True)
        slope = sum((g * torch.from_numpy(d)).sum() for g, d in zip(gradients, direction, strict=True))
        products = torch.autograd.grad(slope, leaves)
        written[f"{name}/y"] = y.detach().numpy()
        for i, (g, h) in enumerate(zip(gradients, products, strict=True)):
            written |= {f"{name}/gradient {i}": g.detach().numpy(), f"{name}/product {i}": h.numpy()}
    for name, (kind, arguments, shape) in LAYERS.items():
        layer = getattr(torch.nn, kind)(*arguments).double()
        x, state = parameters(name, shape, {p: tuple(a.shape) for p, a in layer.state_dict().items()})
        layer.load_state_dict({p: torch.from_numpy(a) for p, a in state.items()})
        written[f"layer {name}/y"] = layer(torch.from_numpy(x)).detach().numpy()
        written |= {f"layer {name}/{p}": np.array(a.shape) for p, a in state.items()}
    for name, (function, options, shapes) in REFUSED.items():
        try:
            getattr(functional, function)(*[torch.zeros(shape) for shape in shapes], **options)
        except (RuntimeError, ValueError):
            continue
        raise AssertionError(f"PyTorch takes {name}")
    np.savez_compressed(PATH, **written)


if __name__ == "__main__":
    main()
