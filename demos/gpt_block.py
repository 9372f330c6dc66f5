"""A small GPT: letters and places embedded, one block of attention and an MLP, until it knows its text by heart.

The block is that of GPT-2: normalise, attend to what came before, add; normalise, MLP with GELU, add. Needs matplotlib
for the picture: pip install 'microgradcnn[plot]'. Run it with a file to draw to, or gpt.png.
"""

import sys
from pathlib import Path

import numpy as np

from microgradcnn import nn, optim
from microgradcnn.views import plots

TEXT = "a sum is over paths, a path is a product, a product is of local derivatives; and a gradient is that sum. "
T, WIDTH, HEADS = 32, 48, 4
rng = np.random.default_rng(0)
letters = sorted(set(TEXT))
numbers = np.array([letters.index(letter) for letter in TEXT])
future = np.triu(np.ones((T, T), dtype=bool), 1)  # nobody may look there


class Block(nn.Module):
    """x + attention, then x + MLP, each after a normalisation of what goes in."""

    def __init__(self):
        self.before, self.between = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        """(n, T, WIDTH), and who attended to whom, (n, T, T)."""
        normal = self.before(x)
        attended, weights = self.attention(normal, normal, normal, attn_mask=future)
        x = x + attended
        return x + self.mlp(self.between(x)), weights


class GPT(nn.Module):
    """Logits of the next letter at every place."""

    def __init__(self):
        self.letter, self.place = nn.Embedding(len(letters), WIDTH), nn.Embedding(T, WIDTH)
        self.block, self.norm = Block(), nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(letters), bias=False)

    def forward(self, x):
        """Letters (n, T) to logits (n, T, letters), and the weights of attention."""
        x, weights = self.block(self.letter(x) + self.place(np.arange(T)))
        return self.head(self.norm(x)), weights


model = GPT()
optimiser = optim.AdamW(model.parameters(), lr=0.005)
history = []
for step in range(1, 151):
    starts = rng.integers(0, len(numbers) - T, 12)
    windows = numbers[starts[:, None] + np.arange(T + 1)]
    optimiser.zero_grad()
    loss = nn.cross_entropy(model(windows[:, :-1])[0].reshape(-1, len(letters)), windows[:, 1:].reshape(-1))
    loss.backward()
    optimiser.step()
    history.append({"epoch": step, "loss": loss.item()})
print(f"loss {history[0]['loss']:.3f} at first, {history[-1]['loss']:.3f} after {len(history)} steps")
logits, weights = model(numbers[None, :T])
print(f"it knows {np.mean(logits.data[0].argmax(axis=1) == numbers[1 : T + 1]):.2f} of the letters after the first")

drawn = plots.figure(12.0, 6.0)
losses, heat = drawn.subplots(1, 2)
plots.loss(history, losses)
losses.set_xlabel("step")
heat.imshow(weights.data[0], cmap="Blues")
shown = [letter.replace(" ", "␣") for letter in TEXT[:T]]
heat.set_xticks(np.arange(T), shown, fontsize=9)
heat.set_yticks(np.arange(T), shown, fontsize=9)
heat.set(title="What each letter attends to, on average over the heads")
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "gpt.png")
picture.write_bytes(plots.rendered(drawn, picture.suffix, "A GPT block", "The loss, and the weights of attention"))
print(f"the loss and the attention are drawn in {picture}")
