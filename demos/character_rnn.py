"""A recurrent network that learns a text letter by letter, and the letters that it is in doubt about.

The text is this demo's own. Needs matplotlib for the picture: pip install 'microgradcnn[plot]'. Run it with a file to
draw to, or rnn.png.
"""

import sys
from pathlib import Path

import numpy as np

from microgradcnn import nn, optim
from microgradcnn.views import plots

TEXT = """a number goes in, a number comes out, and in between each number remembers what it was made of.
to learn is to ask, of every number in between: if you were a little larger, would the loss be smaller?
the last one knows. it tells those that made it, they tell those that made them, and each adds up what it is told.
"""
WINDOW, BATCH, HIDDEN = 24, 16, 64
rng = np.random.default_rng(0)
letters = sorted(set(TEXT))
numbers = np.array([letters.index(letter) for letter in TEXT])


class CharacterRNN(nn.Module):
    """The probability of the next letter, as logits, from all letters so far."""

    def __init__(self, letters):
        self.embedding = nn.Embedding(letters, 16)
        self.recurrent = nn.GRU(16, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, letters)

    def forward(self, x, state=None):
        """The logits for letters x (n, time), (n, time, letters), and the state to go on from."""
        hidden, state = self.recurrent(self.embedding(x), state)
        return self.head(hidden), state


model = CharacterRNN(len(letters))
optimiser = optim.Adam(model.parameters(), lr=0.01)
history = []
for step in range(1, 201):
    starts = rng.integers(0, len(numbers) - WINDOW, BATCH)
    windows = numbers[starts[:, None] + np.arange(WINDOW + 1)]
    optimiser.zero_grad()
    logits, _ = model(windows[:, :-1])
    loss = nn.cross_entropy(logits.reshape(-1, len(letters)), windows[:, 1:].reshape(-1))
    loss.backward()
    optim.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    history.append({"epoch": step, "loss": loss.item()})
print(f"loss {history[0]['loss']:.3f} at first, {history[-1]['loss']:.3f} after {len(history)} steps")

text, state = "a", None
while len(text) < 120:
    logits, state = model(np.array([[letters.index(text[-1])]]), state)
    text += letters[logits.data[0, -1].argmax()]
print(text.replace("\n", " / "))

logits, _ = model(numbers[None, :-1])
wrong = nn.cross_entropy(logits[0], numbers[1:], reduction="none").data
drawn = plots.figure(12.0, 6.0)
losses, reading = drawn.subplots(2, 1)
plots.loss(history, losses)
losses.set_xlabel("step")
shown = slice(0, 94)
reading.bar(np.arange(94), wrong[shown], color="#0072B2")
reading.set_xticks(np.arange(94), [letter.replace(" ", "␣") for letter in TEXT[1:95]], fontsize=9)
reading.set(title="−log p of each letter, from those before it: in doubt where a word begins", xlim=(-1, 94))
picture = Path(sys.argv[1] if len(sys.argv) > 1 else "rnn.png")
picture.write_bytes(plots.rendered(drawn, picture.suffix, "A character RNN", "The loss, and the doubt at every letter"))
print(f"the loss and the doubt are drawn in {picture}")
