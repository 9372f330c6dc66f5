"""One neuron, its gradient by the chain rule on paper, and the same from the graph.

f = (σ(w·x + b) − y)², so df/dw = 2(ŷ − y) · ŷ(1 − ŷ) · x.
"""

import math

from microgradcnn import Value, grad

w, b = Value(0.5, label="w"), Value(-0.2, label="b")
x, y = 2.0, 1.0

prediction = (w * x + b).sigmoid()
f = (prediction - y).square()
f.backward()

p = 1.0 / (1.0 + math.exp(-(0.5 * 2.0 - 0.2)))
by_hand = 2.0 * (p - y) * p * (1.0 - p) * x
print(f"prediction  {prediction:.6f}   by hand {p:.6f}")
print(f"df/dw       {w.grad:.6f}  by hand {by_hand:.6f}")
print(f"df/db       {b.grad:.6f}")

# The lecture's shorthand 2√f for 2(ŷ − y) loses the sign whenever ŷ < y, as here.
print(f"with 2√f    {2.0 * math.sqrt(f.item()) * p * (1.0 - p) * x:+.6f}: the wrong direction")

# A gradient is a graph too: differentiate it again.
(slope,) = grad(f, [w])
(curvature,) = grad(slope, [w])
print(f"d²f/dw²     {curvature:.6f}")

print("\nfifty steps of gradient descent, w <- w - 2 df/dw:")
for step in range(51):
    f = ((w * x + b).sigmoid() - y).square()
    w.grad = b.grad = None
    f.backward()
    if step % 10 == 0:
        print(f"  step {step:2d}   f = {f:.6f}   w = {w:.4f}   b = {b:.4f}")
    w.data -= 2.0 * w.grad
    b.data -= 2.0 * b.grad
