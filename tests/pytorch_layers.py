"""The numbers of PyTorch that tests/nn/test_layers_of_pytorch.py compares with, in files/pytorch_layers.npz.

Outputs, gradients and Hessian-vector products of every layer and option, and a hundred steps of three models. Written
with PyTorch 2.14.1 by `pip install torch numpy && python tests/pytorch_layers.py`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_numbers import descended

PATH = Path(__file__).with_name("files") / "pytorch_layers.npz"

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Case:
    """A layer with its arguments, the shapes of its inputs, and masks or switches by name; in eval() mode unless not.

    `classes` is set where the input holds whole numbers below it. `state` has the shapes of hx, `same` an input that
    goes in three times, `ours` what our layer is called with besides.
    """

    kind: str
    options: dict[str, Any]
    inputs: list[Shape]
    named: dict[str, Any] = field(default_factory=dict)
    training: bool = False
    classes: int = 0
    state: list[Shape] = field(default_factory=list)
    same: bool = False
    ours: dict[str, Any] | None = None


BLOCKED = np.array([[0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1]], bool)
CAUSAL = np.triu(np.ones((3, 3), bool), 1)
PADDING = np.array([[0, 0, 0, 1], [0, 1, 0, 0]], bool)
NUMBERS = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
MANY = np.resize([0, 0, 1, 0, 1], (4, 3, 4)).astype(bool)  # 2 examples of 2 heads

E4 = {"embed_dim": 4, "num_heads": 2}
SEQUENCES: dict[str, tuple[dict[str, Any], Shape, Shape | None]] = {
    "": ({}, (3, 2, 2), None),
    "batch first": ({"batch_first": True}, (2, 3, 2), None),
    "one sequence": ({"batch_first": True}, (3, 2), None),
    "one of two layers, started": ({"num_layers": 2}, (2, 2), (2, 3)),
    "without bias": ({"bias": False}, (2, 2, 2), None),
    "both ways": ({"bidirectional": True}, (3, 2, 2), None),
    "two layers": ({"num_layers": 2}, (3, 2, 2), None),
    "all": ({"num_layers": 2, "bidirectional": True, "batch_first": True}, (2, 3, 2), (4, 2, 3)),
    "dropout, off": ({"num_layers": 2, "dropout": 0.5}, (2, 1, 2), None),
}


def recurrent() -> Iterator[tuple[str, Case]]:
    """Every recurrent layer and cell with its options."""
    for kind, more in {"RNN": {}, "LSTM": {}, "GRU": {}, "RNN of relu": {"nonlinearity": "relu"}}.items():
        count = 2 if kind == "LSTM" else 1
        for what, (options, x, h) in SEQUENCES.items():
            built = {"input_size": 2, "hidden_size": 3, **options, **more}
            yield f"{kind} {what}".strip(), Case(kind.split()[0], built, [x], state=[h] * count if h else [])
        cell = kind.replace(kind.split()[0], kind.split()[0] + "Cell")
        for what, options, lead, started in (
            ("", {}, (2,), False),
            ("started", {}, (2,), True),
            ("of one row", {}, (), True),
            ("without bias", {"bias": False}, (2,), True),
        ):
            built = {"input_size": 2, "hidden_size": 3, **options, **more}
            state = [(*lead, 3)] * count if started else []
            yield f"{cell} {what}".strip(), Case(cell.split()[0], built, [(*lead, 2)], state=state)


def attention() -> Iterator[tuple[str, Case]]:
    """Attention with its options: among other things masks."""
    first = {**E4, "batch_first": True}
    query, key = (2, 3, 4), (2, 4, 4)
    for what, options, shapes, named in (
        ("", E4, [(3, 2, 4), (4, 2, 4), (4, 2, 4)], {}),
        ("batch first", first, [query, key, key], {}),
        ("of one sequence", first, [(3, 4), (4, 4), (4, 4)], {}),
        ("one head, without bias", {**first, "num_heads": 1, "bias": False}, [query, key, key], {}),
        ("without weights", first, [query, key, key], {"need_weights": False}),
        ("all weights", first, [query, key, key], {"average_attn_weights": False}),
        ("all weights of one", first, [(3, 4), (4, 4), (4, 4)], {"average_attn_weights": False}),
        ("mask", first, [query, key, key], {"attn_mask": BLOCKED}),
        ("mask for each head", E4, [(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"attn_mask": MANY}),
        ("mask of numbers", first, [query, key, key], {"attn_mask": NUMBERS}),
        ("padding", E4, [(3, 2, 4), (4, 2, 4), (4, 2, 4)], {"key_padding_mask": PADDING}),
        ("padding of numbers", first, [query, key, key], {"key_padding_mask": np.where(PADDING, -np.inf, 0.5)}),
        ("padding of one", first, [(3, 4), (4, 4), (4, 4)], {"key_padding_mask": PADDING[1]}),
        ("mask and padding", first, [query, key, key], {"attn_mask": BLOCKED, "key_padding_mask": PADDING}),
        ("dropout, off", {**first, "dropout": 0.5}, [query, key, key], {}),
    ):
        yield f"MultiheadAttention {what}".strip(), Case("MultiheadAttention", options, shapes, named)
    causal = {"attn_mask": CAUSAL}
    yield "self-attention", Case("MultiheadAttention", first, [query], causal, same=True)
    yield (
        "self-attention, causal",
        Case("MultiheadAttention", first, [query], causal, same=True, ours={"is_causal": True}),
    )


def norms() -> Iterator[tuple[str, Case]]:
    """Both kinds of normalisation."""
    for kind, shape in (("1d", (4, 3)), ("1d", (3, 3, 2)), ("2d", (2, 3, 2, 2))):
        for what, options in {
            "": {},
            "ε and momentum": {"eps": 0.1, "momentum": 0.3},
            "mean of all": {"momentum": None},
            "plain": {"affine": False},
            "untracked": {"track_running_stats": False},
        }.items():
            for training in (True, False):
                name = f"BatchNorm{kind} {len(shape)} axes, {what or 'default'}, {'train' if training else 'eval'}"
                yield name, Case(f"BatchNorm{kind}", {"num_features": 3, **options}, [shape], training=training)
    for what, options, shape in (
        ("", {"normalized_shape": 4}, (3, 4)),
        ("of images", {"normalized_shape": (2, 3), "eps": 0.1}, (2, 2, 2, 3)),
        ("without bias", {"normalized_shape": 4, "bias": False}, (3, 4)),
        ("plain", {"normalized_shape": (4,), "elementwise_affine": False}, (2, 3, 4)),
    ):
        yield f"LayerNorm {what}".strip(), Case("LayerNorm", options, [shape])


CASES: dict[str, Case] = {
    "Embedding": Case("Embedding", {"num_embeddings": 4, "embedding_dim": 3}, [(2, 3)], classes=4),
    "Embedding of numbers": Case("Embedding", {"num_embeddings": 2, "embedding_dim": 3}, [(5,)], classes=2),
    "Embedding with padding": Case(
        "Embedding", {"num_embeddings": 4, "embedding_dim": 3, "padding_idx": 1}, [(4, 3)], classes=4
    ),
    "Embedding with padding at the end": Case(
        "Embedding", {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": -1}, [(6,)], classes=3
    ),
    **dict(norms()),
    **dict(recurrent()),
    **dict(attention()),
    "LeakyReLU": Case("LeakyReLU", {}, [(3, 4)]),
    "LeakyReLU with slope": Case("LeakyReLU", {"negative_slope": 0.2}, [(3, 4)]),
    "GELU": Case("GELU", {}, [(3, 4)]),
    "GELU by tanh": Case("GELU", {"approximate": "tanh"}, [(3, 4)]),
    "SiLU": Case("SiLU", {}, [(3, 4)]),
}


def generator(name: str) -> np.random.Generator:
    """For all that is drawn for a case."""
    return np.random.default_rng(sorted(CASES).index(name))


def start(shapes: Mapping[str, Shape], seed: int = 0) -> dict[str, Any]:
    """A state to start from, for both: variances are positive, and three batches have been seen."""
    rng = np.random.default_rng(seed)
    state: dict[str, Any] = {}
    for name, shape in shapes.items():
        low = 0.5 if name.endswith(("running_var", "norm.weight")) else -1.0
        state[name] = (
            np.int64(3) if name.endswith("tracked") else rng.uniform(low, 1.5, shape) / max(shape[1:2], default=1)
        )
    return state


def drawn(name: str) -> tuple[list[Any], list[Any], np.random.Generator]:
    """The inputs of a case, its states, and the generator for the directions that come after them."""
    rng, case = generator(name), CASES[name]
    inputs = [rng.integers(case.classes, size=s) if case.classes else 2.0 * rng.normal(size=s) for s in case.inputs]
    return inputs, [rng.normal(size=s) for s in case.state], rng


def flat(output: Any) -> list[Any]:
    """All outputs, those in tuples too."""
    if isinstance(output, tuple):
        return [part for each in output for part in flat(each)]
    return [] if output is None else [output]


# Models

VOCABULARY, LENGTH, BATCH, STEPS = 5, 4, 3, 100
OPTIMISERS: dict[str, tuple[str, dict[str, float]]] = {
    "LSTM of characters": ("Adam", {"lr": 0.01}),
    "BatchNorm MLP": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "GPT block": ("Adam", {"lr": 0.01}),
}


def models(nn: Any, layer: Callable[..., Any], array: Callable[[Any], Any]) -> dict[str, Callable[[], Any]]:
    """The three models, of layers that `layer` makes by their kind, with constants as `array` makes them."""

    class CharLSTM(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = layer("Embedding", VOCABULARY, 3)
            self.lstm = layer("LSTM", 3, 4, num_layers=2, batch_first=True)
            self.head = layer("Linear", 4, VOCABULARY)

        def forward(self, x: Any) -> Any:
            h, _ = self.lstm(self.embed(x))
            return self.head(h).reshape(-1, VOCABULARY)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.place = layer("Embedding", VOCABULARY, 4), layer("Embedding", LENGTH, 4)
            self.first_norm, self.second_norm = layer("LayerNorm", 4), layer("LayerNorm", 4)
            self.attention = layer("MultiheadAttention", 4, 2, batch_first=True)
            self.mlp = nn.Sequential(layer("Linear", 4, 8), nn.GELU(), layer("Linear", 8, 4))
            self.head = layer("Linear", 4, VOCABULARY)
            self.mask, self.places = array(np.triu(np.ones((LENGTH, LENGTH), bool), 1)), array(np.arange(LENGTH))

        def forward(self, x: Any) -> Any:
            h = self.embed(x) + self.place(self.places)
            before = self.first_norm(h)
            h = h + self.attention(before, before, before, attn_mask=self.mask, need_weights=False)[0]
            h = h + self.mlp(self.second_norm(h))
            return self.head(h).reshape(-1, VOCABULARY)

    def perceptron() -> Any:
        parts = layer("Linear", LENGTH, 6), layer("BatchNorm1d", 6), nn.Tanh()
        return nn.Sequential(*parts, layer("Linear", 6, 6), layer("BatchNorm1d", 6), nn.SiLU(), layer("Linear", 6, 5))

    return {"LSTM of characters": CharLSTM, "BatchNorm MLP": perceptron, "GPT block": Block}


def batches(name: str) -> Iterator[tuple[Any, Any]]:
    """Inputs and classes for every step."""
    rng = np.random.default_rng(len(name))
    for _ in range(STEPS):
        if name == "BatchNorm MLP":
            yield rng.normal(size=(6, LENGTH)), rng.integers(VOCABULARY, size=6)
        else:
            text = rng.integers(VOCABULARY, size=(BATCH, LENGTH + 1))
            yield text[:, :-1], text[:, 1:].ravel()


def recorded() -> tuple[dict[str, dict[str, Shape]], dict[str, Any]]:
    """What PyTorch gave: the shapes of every state by its names, and all arrays by theirs."""
    with np.load(PATH, allow_pickle=False) as archive:
        index, numbers = json.loads(str(archive["index"])), archive["numbers"]
    shapes = {name: tuple(shape) for name, shape in index["arrays"].items()}
    parts = np.split(numbers, np.cumsum([math.prod(shape) for shape in shapes.values()])[:-1])
    arrays = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
    return {n: {p: tuple(shape) for p, shape in state.items()} for n, state in index["states"].items()}, arrays


def main() -> None:
    """Write the file."""
    import torch
    from torch import nn
    from torch.nn.attention import SDPBackend, sdpa_kernel

    torch.set_default_dtype(torch.float64)
    written: dict[str, Any] = {}
    states_of: dict[str, dict[str, Shape]] = {}
    for name, case in CASES.items():
        layer = getattr(nn, case.kind)(**case.options).train(case.training)
        shapes = {path: tuple(a.shape) for path, a in layer.state_dict().items()}
        layer.load_state_dict({path: torch.as_tensor(a) for path, a in start(shapes).items()})
        inputs, states, rng = drawn(name)
        xs, hs = [torch.from_numpy(a) for a in inputs], [torch.from_numpy(a).requires_grad_() for a in states]
        leaves = {f"x{i}": x.requires_grad_() for i, x in enumerate(xs) if not case.classes}
        leaves |= {f"h{i}": h for i, h in enumerate(hs)} | dict(layer.named_parameters())
        hx = [tuple(hs) if len(hs) > 1 else hs[0]] if hs else []
        named = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in case.named.items()}
        with sdpa_kernel(SDPBackend.MATH):  # the others have no second derivatives
            outputs = flat(layer(*(xs * 3 if case.same else xs), *hx, **named))
            loss = sum((y * torch.from_numpy(rng.normal(size=y.shape)) + 0.5 * y * y).sum() for y in outputs)
            gradients = torch.autograd.grad(loss, list(leaves.values()), create_graph=True)
            along = [torch.as_tensor(rng.normal(size=tuple(leaf.shape))) for leaf in leaves.values()]
            slope = sum((g * v).sum() for g, v in zip(gradients, along, strict=True))
            products = torch.autograd.grad(slope, list(leaves.values()), allow_unused=True)
        states_of[name] = shapes
        written |= {f"{name}/y{i}": y.detach().numpy() for i, y in enumerate(outputs)}
        for leaf, g, product in zip(leaves, gradients, products, strict=True):
            written[f"{name}/gradient of {leaf}"] = g.detach().numpy()
            written[f"{name}/product of {leaf}"] = np.zeros(g.shape) if product is None else product.numpy()
        if case.training:
            written |= {f"{name}/{path} after": a.numpy() for path, a in layer.named_buffers()}

    for name, build in models(nn, lambda kind, *a, **k: getattr(nn, kind)(*a, **k), torch.from_numpy).items():
        model, (optimiser, options) = build(), OPTIMISERS[name]
        shapes = {path: tuple(a.shape) for path, a in model.state_dict().items()}
        model.load_state_dict({path: torch.as_tensor(a) for path, a in start(shapes).items()})
        descent = getattr(torch.optim, optimiser)(model.parameters(), **options)
        losses, seen = descended(
            descent,
            lambda x, y, model=model: nn.functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y)),
            lambda model=model: {path: a.numpy() for path, a in model.state_dict().items()},
            batches(name),
        )
        written |= {f"{name}/losses": losses, f"{name}/projections": seen}
        states_of[name] = shapes
    arrays = {name: np.asarray(array, float) for name, array in written.items()}
    index = json.dumps({"states": states_of, "arrays": {name: array.shape for name, array in arrays.items()}})
    np.savez_compressed(PATH, index=index, numbers=np.concatenate([array.ravel() for array in arrays.values()]))


if __name__ == "__main__":
    main()
