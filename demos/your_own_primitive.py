"""Add a primitive in one statement: its value, its chain rule, its notation. Then differentiate through it, twice."""

import numpy as np

import microgradcnn as mg

# softsign(x) = x / (1 + |x|), and d/dx = 1 / (1 + |x|)². A rule gets g = df/dy, the value y and the input x; it is
# written with operators and mg functions, so that the one rule serves numbers, arrays and graphs.
softsign = mg.primitive(
    "softsign",
    forward=lambda x: x / (1.0 + np.abs(x)),
    chain=[lambda g, y, x: g / (1.0 + mg.abs(x)) ** 2],
    notation="x / (1 + abs(x))",
)

x = mg.Value(np.array([-2.0, 0.5, 3.0]), label="x")
f = softsign(x).square().sum()
f.backward()
print("softsign(x)  ", softsign(x).data)
print("df/dx        ", x.grad)

(slope,) = mg.grad(f, [x])
(curvature,) = mg.grad(slope.sum(), [x])
print("d²f/dx²      ", curvature.data)

# Never trust a rule that nobody checked.
print(mg.check_gradients(lambda v: softsign(v).square().sum(), x))

wrong = mg.primitive("wrong_softsign", softsign.forward, [lambda g, y, x: g / (1.0 + mg.abs(x))])
print(mg.check_gradients(lambda v: wrong(v).square().sum(), x))

# The notation says what it is made of: so it has a program, here the source, and is counted, exported and explained.
print(mg.compile(f, [x]).source)
