"""PyTorch's hundred steps of three programs, as its users write them: files/pytorch_programs.npz.

Written with PyTorch 2.14.1 by `pip install torch numpy && python tests/pytorch_programs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pytorch_people import start_of

PATH = Path(__file__).with_name("files") / "pytorch_programs.npz"

LETTERS, WINDOW, CLASSES = 7, 5, 3


def programs(nn: Any) -> dict[str, Callable[[], Any]]:
    """A classifier of words, makemore's perceptron, and a GPT of two blocks, as one writes them in PyTorch."""

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(LETTERS, 3, padding_idx=0)
            self.lstm = nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=True)
            self.head = nn.Linear(8, CLASSES)

        def forward(self, x: Any) -> Any:
            out, _ = self.lstm(self.embed(x))
            return self.head(out[:, -1])

    class Makemore(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(LETTERS, 2)
            self.layers = nn.Sequential(
                *(nn.Linear(2 * WINDOW, 6, bias=False), nn.BatchNorm1d(6), nn.Tanh()),
                *(nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6, momentum=0.05), nn.LeakyReLU(0.1)),
                nn.Linear(6, CLASSES),
            )

        def forward(self, x: Any) -> Any:
            return self.layers(self.embed(x).reshape(-1, 2 * WINDOW))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(4), nn.LayerNorm(4)
            self.attn = nn.MultiheadAttention(4, 2, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(4, 8), nn.GELU(approximate="tanh"), nn.Linear(8, 4))

        def forward(self, x: Any, mask: Any) -> Any:
            h = self.ln1(x)
            x = x + self.attn(h, h, h, attn_mask=mask, need_weights=False)[0]
            return x + self.mlp(self.ln2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(LETTERS, 4), nn.Embedding(WINDOW, 4)
            self.first, self.second = Block(), Block()
            self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, CLASSES, bias=False)

        def forward(self, x: Any) -> Any:
            places, mask = np.arange(WINDOW), np.triu(np.ones((WINDOW, WINDOW), bool), 1)
            if hasattr(x, "new_tensor"):  # PyTorch's
                places, mask = x.new_tensor(places), x.new_tensor(mask, dtype=bool_of(x))
            h = self.token(x) + self.place(places)
            h = self.second(self.first(h, mask), mask)
            return self.head(self.norm(h))[:, -1]

    return {"words": Words, "makemore": Makemore, "gpt": GPT}


def bool_of(x: Any) -> Any:
    """PyTorch's type of truth values."""
    return (x == x).dtype


STEPS = 100


def batches(name: str) -> Iterator[tuple[Any, Any]]:
    """What goes in and its classes, for every step: the letters tell the class, so that there is what to learn."""
    rng = np.random.default_rng(len(name))
    for _ in range(STEPS):
        x = rng.integers(LETTERS, size=(6, WINDOW))
        yield x, (x[:, -1] + 2 * x[:, 1]) % CLASSES


OPTIMISER = ("AdamW", {"lr": 0.02, "weight_decay": 0.1})
T_MAX, MAX_NORM = 120, 0.5


def main() -> None:
    """Write the file."""
    import torch
    from torch.nn import functional

    torch.set_default_dtype(torch.float64)
    written: dict[str, Any] = {}
    for name, build in programs(torch.nn).items():
        model = build()
        model.load_state_dict({p: torch.as_tensor(a) for p, a in start_of(model, 3).items()})
        optimiser = getattr(torch.optim, OPTIMISER[0])(model.parameters(), **OPTIMISER[1])
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=T_MAX)
        losses = []
        for x, y in batches(name):
            optimiser.zero_grad()
            loss = functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y), label_smoothing=0.1)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
            optimiser.step()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        logits = model(torch.from_numpy(x)).detach().numpy().ravel()
        state = model.state_dict()
        written[name] = np.concatenate([losses, logits, *(a.numpy().ravel() * 1.0 for a in state.values())])
        written[f"{name} keys"] = np.array(list(state))
    np.savez_compressed(PATH, **written)


if __name__ == "__main__":
    main()
