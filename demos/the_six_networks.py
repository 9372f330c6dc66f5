"""The lecture's six networks, written one scalar at a time as the lecture writes them, with every gradient."""

from microgradcnn import Value


def scalars(letter, numbers):
    """Labelled Values letter_1, letter_2, ..."""
    return [Value(number, label=f"{letter}_{i}") for i, number in enumerate(numbers, start=1)]


def show(name, f, parameters):
    f.backward()
    print(f"\n{name}: f = {f:.6f}")
    print("  " + "  ".join(f"df/d{p.label} = {p.grad:+.4f}" for p in parameters))


# Section 1: two inputs, three hidden units with weights s, u, v, output weights w.
x1, x2 = scalars("x", [1.0, -2.0])
s1, s2 = scalars("s", [0.4, 0.1])
u1, u2 = scalars("u", [-0.3, 0.2])
v1, v2 = scalars("v", [0.5, 0.6])
w1, w2, w3 = scalars("w", [0.7, -0.5, 0.3])
y = 1.0
z1 = (s1 * x1 + s2 * x2).sigmoid()
z2 = (u1 * x1 + u2 * x2).sigmoid()
z3 = (v1 * x1 + v2 * x2).sigmoid()
f = (w1 * z1 + w2 * z2 + w3 * z3 - y) ** 2
show("single_layer", f, [w1, w2, w3, s1, s2, u1, u2, v1, v2])

# From here on: a 3×3 image of pixels p1..p9, row by row, and 2×2 filters c1..c4 and c5..c8.
# (The lecture's p_{11}, p_{12}, p_{14}, p_{15} are p1, p2, p4, p5: the first index repeats the window's first pixel.)
p1, p2, p3, p4, p5, p6, p7, p8, p9 = scalars("p", [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
windows = [(p1, p2, p4, p5), (p2, p3, p5, p6), (p4, p5, p7, p8), (p5, p6, p8, p9)]


def filtered(c):
    """z of each of the four windows, for one filter."""
    return [(c[0] * q[0] + c[1] * q[1] + c[2] * q[2] + c[3] * q[3]).sigmoid() for q in windows]


def filters():
    return scalars("c", [0.5, -0.5, 0.5, -0.5, 1.0, 0.0, -1.0, 0.5])


# Section 2: one filter, average pooling.
c = filters()[:4]
z1, z2, z3, z4 = filtered(c)
show("conv_average", ((z1 + z2 + z3 + z4) / 4 - y) ** 2, c)

# Exercise 1: one filter, a linear classifier w of four.
c, w = filters()[:4], scalars("w", [0.7, -0.5, 0.3, 0.2])
z1, z2, z3, z4 = filtered(c)
show("conv_linear", (w[0] * z1 + w[1] * z2 + w[2] * z3 + w[3] * z4 - y) ** 2, c + w)

# Exercise 2: two filters, each averaged, then averaged again.
c = filters()
z1, z2, z3, z4 = filtered(c[:4])
z5, z6, z7, z8 = filtered(c[4:])
show("two_conv_average", (((z1 + z2 + z3 + z4) / 4 + (z5 + z6 + z7 + z8) / 4) / 2 - y) ** 2, c)

# Exercise 3: two filters, each averaged, a linear classifier w of two.
c, w = filters(), scalars("w", [0.7, -0.5])
z1, z2, z3, z4 = filtered(c[:4])
z5, z6, z7, z8 = filtered(c[4:])
show("two_conv_average_linear", (w[0] * (z1 + z2 + z3 + z4) / 4 + w[1] * (z5 + z6 + z7 + z8) / 4 - y) ** 2, c + w)

# Exercise 4: two filters, flattened, a linear classifier w of eight.
c, w = filters(), scalars("w", [0.7, -0.5, 0.3, 0.2, -0.1, 0.4, 0.6, -0.2])
z = filtered(c[:4]) + filtered(c[4:])
total = w[0] * z[0]
for weight, unit in zip(w[1:], z[1:], strict=True):
    total = total + weight * unit
show("two_conv_linear", (total - y) ** 2, c + w)
