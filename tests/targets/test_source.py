"""The source of a program: it reads as one writes it by hand, and runs by itself with NumPy or JAX, as printed."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_backends import ROWS, agree, by_engine, difference, gap, given, leaves, point, program_of, row_loss, rows_of

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.networks import NETWORKS
from microgradcnn.targets.python import DEFINITIONS, EXPRESSIONS

every_network = pytest.mark.parametrize("name", NETWORKS)
every_form = pytest.mark.parametrize("form", ["rows", "scalars"])


def executed(source: str) -> Any:
    """The function `program` of a source that sees nothing of this process."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "<source>", "exec"), namespace)
    return namespace["program"]


def literal(x: Any) -> str:
    return f"numpy.array({np.asarray(x).tolist()!r})"


# It runs by itself

SHOW = """
result = program({arguments})
print(json.dumps([float(result[0]), [numpy.asarray(g).tolist() for g in result[1]], sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def alone() -> dict[tuple[str, str], tuple[Any, Any, Any, Any]]:
    """Every network in both forms, and what an empty interpreter makes of its source, with NumPy and nothing else."""
    cases, scripts = [], []
    for name in NETWORKS:
        for form in ("rows", "scalars"):
            network = NETWORKS[name](regularise=0.1, activation="relu" if name == "conv_linear" else "sigmoid", seed=8)
            x, y = rows_of(network, 6)
            numbers = [p.data for p in network.parameters.values()]
            if form == "scalars":
                numbers = [v for p in numbers for v in p.ravel()]
            arguments = ", ".join(map(literal, [*given(form, x, y), *numbers]))
            scripts.append(program_of(network, form, "numpy").source + SHOW.format(arguments=arguments))
            cases.append((name, form, network, x, y))
    script = "import json, sys\n" + "\n".join(scripts)
    run = subprocess.run([sys.executable, "-I", "-W", "error"], input=script, capture_output=True, text=True, cwd="/")
    assert run.returncode == 0, run.stderr
    found = [json.loads(line) for line in run.stdout.splitlines()]
    return {case[:2]: (*case[2:], result) for case, result in zip(cases, found, strict=True)}


@pytest.mark.slow
@every_network
@every_form
def test_an_empty_interpreter_gives_the_same_numbers(name: str, form: str, alone: Any) -> None:
    network, x, y, (loss, gradients, modules) = alone[name, form]
    assert agree(network, (loss, gradients), x, y)
    assert not [module for module in modules if module.split(".")[0] in ("microgradcnn", "jax", "scipy")]


@pytest.mark.slow
@every_network
@every_form
def test_the_source_with_jax(name: str, form: str) -> None:
    network = NETWORKS[name](regularise=0.1, seed=8)
    x, y = rows_of(network, 5)
    numbers = [p.data for p in network.parameters.values()]
    if form == "scalars":
        numbers = [v for p in numbers for v in p.ravel()]
    program = executed(program_of(network, form, "numpy").source)
    with jax.enable_x64(True):
        arrays = [jnp.asarray(a) for a in (*given(form, x, y), *numbers)]
        loss, gradients = program(*arrays, xp=jnp)
        assert all(isinstance(g, jax.Array) and g.dtype == np.float64 for g in gradients)
    assert agree(network, (loss, gradients), x, y)


@pytest.mark.parametrize("name", ROWS)
def test_the_source_of_every_primitive(name: str) -> None:
    for i, function in enumerate(ROWS[name]):
        (x,), (p,) = (leaves(arrays, "x") for arrays in point(3, seed=1))
        p.label = "p"
        source = mg.compile(row_loss(function)(x, p), [p], [x]).source
        at = point(6, seed=i)
        found = executed(source)(*at[0], *at[1])
        tolerance = 1e-5 if name == "astype" else 1e-12
        assert difference(found, by_engine(row_loss(function), *at, "float64")) <= tolerance, i
        reads_well(source)


def test_numbers_that_python_does_not_write() -> None:
    x = Value(0.5, label="x")
    f = (
        mg.where(x > 1.0, -math.inf, x * -2.5)
        + mg.where(x < 0.0, math.nan, 0.0)
        + 1e-320
        + mg.sum(x * mg.exp(Value([0.1, -math.inf])))
    )
    program = executed(mg.compile(f, [x], []).source)
    assert program(np.array(0.5))[0] == f.data
    assert program(np.array(2.0))[0] == -math.inf
    assert math.isnan(program(np.array(-1.0))[0])


def test_further_numbers_come_third() -> None:
    x, w = Value(2.0, label="x"), Value(0.5, label="w")
    program = mg.compile((w * x) ** 2, [w], [x], also=[mg.exp(w * x), 3.0 * w])
    X = np.array([1.0, -2.0, 0.5])
    loss, (slope,), (of_x, of_w) = executed(program.source)(X, 0.5)
    assert loss == pytest.approx(np.mean((0.5 * X) ** 2))
    assert slope == pytest.approx(np.mean(2.0 * 0.5 * X**2))
    assert (of_x, of_w) == (pytest.approx(np.mean(np.exp(0.5 * X))), 1.5)


# It reads well

HEADING = "    # backward: the chain rule, from the loss to the leaves"
NOTHING = {ast.Mult: (1,), ast.Div: (1,), ast.Add: (0,), ast.Sub: (0,), ast.Pow: (1,)}


def assignments(source: str) -> tuple[list[tuple[str, ast.expr]], ast.Return]:
    (program,) = [
        node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "program"
    ]
    *lines, last = program.body
    assert isinstance(last, ast.Return)
    pairs = []
    for line in lines:
        assert isinstance(line, ast.Assign)
        (target,) = line.targets
        assert isinstance(target, ast.Name)
        assert line.lineno == line.end_lineno
        pairs.append((target.id, line.value))
    return pairs, last


def names_in(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def reads_well(source: str) -> None:
    """No line is repeated, in vain, does nothing or assigns a name again."""
    pairs, last = assignments(source)
    names, values = [name for name, _ in pairs], [ast.unparse(value) for _, value in pairs]
    assert len(set(names)) == len(names)
    assert len(set(values)) == len(values), [value for value in values if values.count(value) > 1]
    used = names_in(last).union(*(names_in(value) for _, value in pairs))
    assert set(names) <= used, set(names) - used
    for _, value in pairs:
        for node in ast.walk(value):
            assert not (isinstance(value, ast.Name | ast.Constant)), ast.unparse(value)
            if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant):
                assert node.right.value not in NOTHING.get(type(node.op), ()), ast.unparse(value)
            if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
                assert node.left.value not in {ast.Mult: (1,), ast.Add: (0,)}.get(type(node.op), ()), ast.unparse(value)
            if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
                assert not isinstance(node.operand, ast.UnaryOp), ast.unparse(value)
    for name in DEFINITIONS:
        calls = re.findall(rf"(?<!def )\b{name}\(", source)
        assert (f"def {name}(" in source) == bool(calls), name


@every_network
@every_form
@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_no_line_is_one_too_many(name: str, form: str, strength: float) -> None:
    for activation in ("sigmoid", "relu"):
        network = NETWORKS[name](regularise=strength, activation=activation)
        reads_well(program_of(network, form, "numpy").source)


@every_network
@every_form
def test_every_backward_line_says_which_step_it_is(name: str, form: str) -> None:
    source = program_of(NETWORKS[name](regularise=0.1), form, "numpy").source
    forward, backward = source.split(HEADING)
    assert "    # forward\n" in forward
    lines = [line for line in backward.split("    return ")[0].splitlines() if line.strip()]
    assert lines
    assert not [line for line in lines if "  # " not in line]
    assert all(line.split("  # ")[1].startswith(("df/d", "dloss/d", "for d")) for line in lines)


def test_only_a_factor_is_called_one() -> None:
    """df/dŷ in another shape is not dŷ/dz, though it is on the way to df/dz; z(1 − z) is dz/da."""
    pairs, _ = assignments(program_of(NETWORKS["single_layer"](), "rows", "numpy").source)
    factors = {name: names_in(value) for name, value in pairs if name.startswith("d") and not name.startswith("dloss_")}
    assert factors
    assert not [name for name, used in factors.items() if any(other.startswith("dloss_") for other in used)]


def test_labels_are_names() -> None:
    network = NETWORKS["conv_average"]()
    pairs, _ = assignments(program_of(network, "scalars", "numpy").source)
    names = [name for name, _ in pairs]
    assert {"a_1", "z_1", "a_4", "z_4", "y_hat", "f", "df_dy_hat", "df_dz_1", "df_da_4", "df_dc_1"} <= set(names)


def test_long_arrays_are_written_out() -> None:
    numbers = np.sin(np.arange(2000.0))
    p = Value(np.ones(2000), label="p")
    program = executed(mg.compile(mg.sum(p * numbers), [p], []).source)
    assert program(np.ones(2000))[0] == pytest.approx(np.sum(numbers), rel=1e-12)


NEURON = """\
import numpy


def program(x, y, w, b, xp=numpy):
    # forward
    t1 = w * x
    t2 = t1 + b
    t3 = 1.0 / (1.0 + xp.exp(-t2))
    t4 = t3 - y
    f = t4 * t4

    # backward: the chain rule, from the loss to the leaves
    df_dt3 = 2.0 * t4  # df/dt4
    t5 = 1.0 - t3  # for dt3/dt2
    dt3_dt2 = t3 * t5  # for dt3/dt2
    df_db = df_dt3 * dt3_dt2  # df/dt3 * dt3/dt2, the same for b
    df_dw = df_db * x  # df/dt1 * dt1/dw

    return xp.mean(f), [xp.mean(df_dw), xp.mean(df_db)]
"""


def test_a_neuron() -> None:
    x, y, w, b = (Value(v, label=name) for v, name in ((2.0, "x"), (1.0, "y"), (0.5, "w"), (-0.2, "b")))
    f = (mg.sigmoid(w * x + b) - y) ** 2
    f.label = "f"
    assert mg.compile(f, [w, b], [x, y]).source == NEURON


# Labels

LABELS = [
    *[
        "xp",
        "n",
        "numpy",
        "program",
        "len",
        "float",
        "slice",
        "xp_",
        "mean",
        "None",
        "lambda",
        "def",
        "match",
        "__debug__",
    ],
    *[
        "",
        " ",
        "1",
        "2x",
        "x y",
        "x-y",
        "x.y",
        "x²",
        "ℓ",
        "l",
        "λ",
        "ŷ",
        "θ_1",
        "𝑥",
        "重み",
        "🙂",
        "'",
        '"',
        "a\nb = 1 / 0",
        "#",
        "\\",
    ],
    *["t1", "t2", "t3", "df_dw", "loss", "f", "input", "parameter", "unfold", "scatter", "conv2d", "a", "a", "a", "a_"],
]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("form", ["rows", "scalars"])
def test_any_label(label: str, form: str) -> None:
    """As the name of an input, of a parameter and of every other line, all at once."""
    data = (0.5, -1.5) if form == "scalars" else (np.array([[0.5, 1.0]]), np.array([-1.5, 2.0]))
    x, w = (Value(v, label=label) for v in data)
    u = Value(math.inf, label=label)
    z = mg.tanh(x * w)
    y = mg.where(z < u, z * z, u)
    loss = mg.mean(mg.exp(y) * w) if form == "rows" else mg.exp(y) * w
    for value in (z, y, loss):
        value.label = label
    program = executed(mg.compile(loss, [w], [x]).source)
    loss.backward()
    found, (slope,) = program(*data)
    assert gap(found, loss.data) <= 1e-14
    assert gap(slope, w.grad) <= 1e-14


def test_names_of_labels() -> None:
    labels = ["x y", "class", "7", "λ", "x²", "xp", "λ", ""]
    values = [Value(1.0 + i, label=label) for i, label in enumerate(labels)]
    source = mg.compile(sum(values[1:], values[0]), values, []).source
    assert "def program(x_y, _class, _7, λ, x2, xp_, λ_, parameter, xp=numpy):" in source


# What has no expression


def test_a_primitive_of_ones_own_has_no_expression(own_primitives: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cube = mg.primitive("cube", lambda x: x * x * x, [lambda g, y, x: g * (3.0 * x * x)], scalar=lambda x: x * x * x)
    w = Value(np.array([0.5, -2.0]), label="w")
    f = mg.sum(cube(w))
    program = None
    for backend in ("numpy", "jax"):
        with pytest.raises(ValueError, match=r"'cube' has no line in Python: .* targets=\{'python': 'xp"):
            program = mg.compile(f, [w], [], backend).source
    assert program is None
    monkeypatch.setitem(EXPRESSIONS, "cube", "{0} * {0} * {0}")
    for backend in ("numpy", "jax"):
        program = mg.compile(f, [w], [], backend)
        assert difference(program(), (-7.875, [np.array([0.75, 12.0])])) <= 1e-15
        assert difference(executed(program.source)(w.data), (-7.875, [np.array([0.75, 12.0])])) <= 1e-15


SHARED = {  # losses with a derivative that is computed as something of theirs is
    "a repeated part": lambda x, y: mg.sum(mg.broadcast_to(x[:1], y.shape) * y),
    "a repeated product": lambda x, y: mg.sum(mg.broadcast_to(x[:1] * 2.0, (3, 3)) * y),
    "a stack": lambda x, y: mg.sum(mg.stack([x, x]) * mg.stack([y, y])),
    "a reshape": lambda x, y: mg.sum(x.reshape(-1, 1) * y),
    "a transpose": lambda x, y: mg.sum(x.reshape(-1, 1).T * y),
    "places": lambda x, y: mg.sum(mg.sort(x) * y),
    "a softmax": lambda x, y: mg.sum(mg.log_softmax(x) * y),
    "an exponential": lambda x, y: mg.sum(mg.exp(x) * mg.exp(y) / (x * y)),
    "half of each": lambda x, y: mg.sum(mg.maximum(x, y) * mg.minimum(x, y)),
}


@pytest.mark.parametrize("case", SHARED)
def test_comments_differentiate_what_the_loss_is_made_of(case: str) -> None:
    x, y = (Value(np.linspace(start, start + 0.5, 3), label=label) for label, start in (("x", 0.3), ("y", 0.4)))
    f = SHARED[case](x, y)
    f.label = "f"
    forward, _, backward = mg.compile(f, [x, y]).source.partition("def program")[2].partition("# backward")
    computed = {"x", "y", *re.findall(r"^    (\w+) = ", forward, re.MULTILINE)}
    steps = re.findall(r"(?<!\w)d(\w+)/d(\w+)", " ".join(re.findall("#(.*)", backward)))
    assert steps
    assert {name for step in steps for name in step} <= computed
