"""Write a contact sheet of the table: for every primitive and what is made of them its formula, derivative and cost.

python demos/primitives.py sheet.html
"""

import html
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

import microgradcnn as mg
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.record import TABLE
from microgradcnn.views.formulas.notation import equation, mathml
from microgradcnn.views.pages.assets import style


def on_one(*functions):
    """Calls of functions with x alone, by their names."""
    return {f.__name__: lambda x, y, f=f: f(x) for f in functions}


# On two numbers
RELATIONS = [TABLE[name] for name in ("less", "less_equal", "greater", "greater_equal", "equal")]
NUMBERS = {
    **{name: op for name, op in TABLE.items() if op.elementwise and op.inputs == 2},
    **{name: lambda x, y, f=op: f(x) for name, op in TABLE.items() if op.elementwise and op.inputs == 1},
    **{op.name: lambda x, y, f=op: mg.where(f(x, y), x, y) for op in RELATIONS},
    **on_one(mg.silu, mg.gelu, mg.leaky_relu, mg.exp2, mg.sinc, mg.reciprocal, mg.ceil, mg.deg2rad, mg.ones_like),
    "arccosh": lambda x, y: mg.arccosh(x + 1.0),
    "power": lambda x, y: x**3,
    "where": lambda x, y: mg.where(x > 0.0, x * y, y),
    "gelu, tanh": lambda x, y: mg.gelu(x, approximate="tanh"),
    "clip": lambda x, y: mg.clip(x, 0.0, 1.0),
    "stop_gradient": lambda x, y: x * mg.stop_gradient(x),
    "logaddexp2": mg.logaddexp2,
}

# On two vectors of n numbers, or on two images of n by n
VECTORS = {
    **{f.__name__: lambda x, y, f=f: f(x * y) for f in (mg.sum, mg.mean, mg.max, mg.min, mg.logsumexp)},
    "vector_norm": lambda x, y: mg.norm(x * y),
    "normalised": lambda x, y: mg.sum(mg.normalised(x) * y),
    "layer_norm": lambda x, y: mg.sum(mg.layer_norm(x, x.shape, y, y)),
    "batch_norm": lambda x, y: mg.sum(mg.batch_norm(x.reshape(-1, 1) * y, None, None, x, y, training=True)),
    "cross_entropy": lambda x, y: mg.cross_entropy(mg.stack([x, y]), [0, 1]),
    "linear": lambda x, y: mg.sum(mg.linear(x, x.reshape(1, -1) * y, y[:1])),
    "attention_weights": lambda x, y: mg.sum(
        mg.scaled_dot_product_attention(*[x.reshape(-1, 1)] * 2, y.reshape(-1, 1))
    ),
    "cumsum": lambda x, y: mg.sum(mg.cumsum(x) * y),
    "order, take_along_axis, scatter_add": lambda x, y: mg.sum(mg.sort(x) * y),
    "take, index_add": lambda x, y: mg.sum(mg.take(x, mg.where(x < y, 0.0, 1.0)) * y),
    "log_softmax": lambda x, y: mg.sum(mg.log_softmax(x) * y),
    "matmul": lambda x, y: x @ y,
    "reshape": lambda x, y: mg.sum(x.reshape(-1, 1) * y),
    "transpose": lambda x, y: mg.sum(x.reshape(-1, 1).T * y),
    "broadcast_to": lambda x, y: mg.sum(mg.broadcast_to(x[:1], y.shape) * y),
    "astype": lambda x, y: mg.sum(x.astype(np.float32)),
    "getitem, scatter": lambda x, y: mg.sum(x[1:] * y[1:]),
    "concatenate": lambda x, y: mg.sum(mg.square(mg.concatenate([x, y]))),
    "stack": lambda x, y: mg.sum(mg.square(mg.stack([x, y]))),
}
IMAGES = {
    "conv2d, conv2d_input, conv2d_kernel": lambda x, y: mg.sum(mg.conv2d(x, y[:, :, :2, :2])),
    "avg_pool2d, fold": lambda x, y: mg.sum(mg.square(mg.avg_pool2d(x, 2, 1))),
    "max_pool2d, unfold": lambda x, y: mg.sum(mg.square(mg.max_pool2d(x, 2, 1))),
}
SHAPES = [(NUMBERS, lambda n: ()), (VECTORS, lambda n: (n,)), (IMAGES, lambda n: (1, 1, n, n))]
COST = (
    "Cost for n counts one iteration of gradient descent on x and y of n numbers, or n by n in an image: the value, "
    "summed over what comes out, the gradient, and the update x ← x − η df/dx. An operation is one +, −, × or ÷ of two "
    "numbers; function values and comparisons are counted by name; moving numbers is free."
)
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 1.5rem auto; max-width: 76rem; padding: 0 1rem }
article { border-top: 1px solid #bbb; display: grid; gap: 1.5rem; grid-template-columns: 27rem 1fr; padding: 0.8rem 0 }
article > div { min-width: 0; overflow-x: auto }
h2 { font-size: 1rem; margin: 0 }
p { margin: 0.2rem 0; max-width: 60rem }
math[display=block] { margin: 0.35rem 0; text-align: left; width: fit-content }
svg { height: auto; max-width: 100% }
pre { background: #fff; font-size: 12px; margin: 0.4rem 0 0; overflow: auto; padding: 0.4rem 0.6rem }
"""


def leaves(shape):
    """x and y with that shape, no two of their numbers alike."""
    size = int(np.prod(shape))
    starts = (("x", 0.3), ("y", 0.4))
    return [mg.Value(np.linspace(start, start + 0.5, size).reshape(shape), label=label) for label, start in starts]


def used(f, values):
    """Those that f was computed from."""
    return [v for v in values if v in topological(f)]


def program(f, wrt):
    """The lines that compute f and its gradient."""
    lines = mg.compile(f, wrt).source.partition("def program")[2].splitlines()[1:]
    return "\n".join(line[4:] for line in lines if line.strip() and not line.startswith("    #"))


def work(function, shape):
    """What an iteration of gradient descent takes, with n numbers, or n by n in an image."""

    def build(n):
        values = leaves(shape(n) or (n,))
        f = mg.sum(function(*values))
        return f, used(f, values)

    total = mg.cost(build, ["n"], separately=False).total
    return ", ".join(f"{count} {kind}" for kind, count in {"operations": total.operations, **total.functions}.items())


def card(name, function, shape):
    """One row of the sheet."""
    values = leaves(shape(3))
    f = function(*values)
    f.label = "f"
    f.backward()
    wrt = used(f, values)
    formulas = "".join(mathml(equation(*sides), block=True) for sides in mg.explain(f, wrt).definitions)
    says = html.escape((getattr(getattr(mg, name, None), "__doc__", None) or "").partition("\n")[0])
    left = f"<h2>{name}</h2><p>{says}</p>{formulas}<p>Cost for n: {work(function, shape)}</p>"
    drawing = mg.draw(f).svg(prefix=re.sub(r"\W", "-", name))
    return f"<article><div>{left}</div><div>{drawing}<pre>{html.escape(program(f, wrt))}</pre></div></article>"


path = Path(sys.argv[1] if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "primitives.html")
cards = [card(name, function, shape) for functions, shape in SHAPES for name, function in functions.items()]
head = f'<meta charset="utf-8"><title>The table</title><style>{style("graph/page.css")}{STYLE}</style>'
path.write_text(
    f'<!doctype html><html lang="en">{head}<h1>The table, a row each</h1><p>{COST}</p>{"".join(cards)}</html>',
    encoding="utf-8",
)
print(f"{len(cards)} rows of formulas, drawings and lines: {path}")
