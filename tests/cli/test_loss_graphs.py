"""What a user names on the command line: networks, formulas as graphs, Values in files of their own."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

import microgradcnn as mg
from microgradcnn.cli.loss_graphs import LossGraph, loss_graph
from microgradcnn.cli.user_scripts import ScriptError
from microgradcnn.engine.gradient import topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.tokens import FormulaError

AT = {"w": 0.7, "x": -1.3, "b": 0.4, "y": 0.9, "w_1": 1.1, "w_2": -0.6, "lambda": 0.3}

# What is typed, and what it means to SymPy.
FORMULAS = [
    ("(sigmoid(w*x + b) - y)**2", "(1/(1 + exp(-(w*x + b))) - y)**2"),
    ("(σ(wx + b) − y)²".replace("wx", "w x"), "(1/(1 + exp(-(w*x + b))) - y)**2"),
    (r"\left(\sigma(w \cdot x + b) - y\right)^{2}", "(1/(1 + exp(-(w*x + b))) - y)**2"),
    ("z = sigmoid(w*x + b); (z - y)**2", "(1/(1 + exp(-(w*x + b))) - y)**2"),
    ("a = w*x + b\nz = tanh(a)\nf = (z - y)^2", "(tanh(w*x + b) - y)**2"),
    ("w1*w_1*x + w₂/w_{1}", "w_1**2*x + w_2/w_1"),
    ("1/2*(x - y)^2 + λ*(w1^2 + w2^2)", "(x - y)**2/2 + lambda_*(w_1**2 + w_2**2)"),
    (r"\frac12 (x-y)^2", "(x - y)**2/2"),
    ("-x^2 - -y", "-x**2 + y"),
    ("-2*x*y/3/w", "-2*x*y/(3*w)"),
    ("2x(y - 1)", "2*x*(y - 1)"),
    ("w^3 + w^{-2} + w^{1/2}", "w**3 + w**(-2) + sqrt(w)"),
    ("2^x + w^y", "2**x + w**y"),
    ("exp(x)*e^{-x*y} + log(w) + sqrt(y)", "exp(x)*exp(-x*y) + log(w) + sqrt(y)"),
    ("|x|*abs(y) + relu(x) + relu(y)", "-x*y + y"),
    ("[x > 0]*w + [x <= 0]*b + step(y)*w*x", "b + w*x"),
    ("sigmoid'(x) + tanh'(y)*w + relu'(y)*x", "exp(-x)/(1 + exp(-x))**2 + (1 - tanh(y)**2)*w + x"),
    ("k = 3; e = w*x - y; k*e^2", "3*(w*x - y)**2"),
    ("sin(x)*y + cos(w x)^2 - tan(b)", "sin(x)*y + cos(w*x)**2 - tan(b)"),
    (r"\arctan(x) + arctan2(x, y) + sinh(y)", "atan(x) + atan2(x, y) + sinh(y)"),
    ("erf(x) + log2(w) + log_10(y) + log₂(w)", "erf(x) + 2*log(w, 2) + log(y, 10)"),
    ("gelu(x) + silu(w) + reciprocal(y)", "x*(1 + erf(x/sqrt(2)))/2 + w/(1 + exp(-w)) + 1/y"),
    ("out = w*x; out(1 - out)", "w*x*(1 - w*x)"),
]


@pytest.mark.parametrize(("typed", "meant"), FORMULAS, ids=[typed for typed, _ in FORMULAS])
def test_a_formula_has_the_value_and_gradients_that_sympy_gives_it(typed: str, meant: str) -> None:
    symbols = {name: sympy.Symbol(name.replace("lambda", "lambda_"), real=True) for name in AT}
    numbers = {symbols[name]: number for name, number in AT.items()}
    right = sympy.sympify(meant, locals={str(s): s for s in symbols.values()})
    graph = loss_graph(typed)
    leaves = [label for label in graph.nodes if label in AT]
    graph = graph.moved({name: AT[name] for name in leaves})
    assert graph.loss.item() == pytest.approx(float(right.subs(numbers)), rel=1e-12)
    for name, gradient in zip(leaves, mg.grad(graph.loss, graph.find(leaves)), strict=True):
        expected = float(sympy.diff(right, symbols[name]).subs(numbers))
        assert gradient.item() == pytest.approx(expected, rel=1e-12, abs=1e-14), name
    assert {str(s) for s in right.free_symbols} <= {name.replace("lambda", "lambda_") for name in leaves}


def test_every_primitive_of_one_number_is_a_function() -> None:
    loss, _ = read("softplus(w*x) + square(b) + expm1(w)")
    w, x, b = (node.item() for node in topological(loss) if node.op is None)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(w * x)) + b * b + math.exp(w) - 1, rel=1e-14)


@pytest.mark.usefixtures("own_primitives")
def test_a_users_primitive_is_a_function_and_a_name_where_it_is_assigned() -> None:
    mg.primitive("swish", lambda x: x / (1.0 + np.exp(-x)), [lambda g, y, x: g * mg.sigmoid(x)], "x * sigmoid(x)")
    loss, _ = read("(swish(w*x) - y)^2")
    assert [node.op.name for node in topological(loss) if node.op is not None] == ["mul", "swish", "sub", "power"]
    loss, _ = read("swish = w*x; swish(1 - swish)*softplus")
    assert [node.label or node.op.name for node in topological(loss)] == [
        "w",
        "x",
        "swish",
        "sub",
        "mul",
        "softplus",
        "f",
    ]


def read(text: str) -> tuple[Value, frozenset[str]]:
    return read_assignments(text, lambda: 0.5)


def test_what_is_written_twice_is_one_node() -> None:
    loss, _ = read("(w*x - y)*(w*x - y)")
    assert loss.parents[0] is loss.parents[1]
    assert [node.label or node.op.name for node in topological(loss)] == ["w", "x", "mul", "y", "sub", "f"]


def test_names_that_are_assigned_are_labels() -> None:
    loss, drawn = read("z1 = w*x; z_2 = w*z_1; c = 2; d = 1/2*3; L = c*d*(z1 + z2)")
    nodes = {node.label: node for node in topological(loss)}
    assert (loss.label, drawn) == ("L", {"w", "x"})
    assert nodes["z_2"].parents == (nodes["w"], nodes["z_1"])
    assert (nodes["c"].item(), nodes["d"].item()) == (2.0, 1.5)
    again, _ = read("v = w; f = 3*v; f*f")
    assert [node.label for node in topological(again)] == ["w", "f", None]


def test_the_leaves_of_a_formula_are_drawn_from_the_seed() -> None:
    first, same, other = (loss_graph("w*x + b", seed=seed) for seed in (1, 1, 2))
    numbers = [{label: v.item() for label, v in g.nodes.items()} for g in (first, same, other)]
    assert numbers[0] == numbers[1] != numbers[2]
    assert all(0.2 <= numbers[0][name] <= 1.3 for name in "wxb")


REFUSED = [
    ("", "the formula computes nothing from a name: write one such as '(sigmoid(w*x + b) - y)**2'"),
    (" ; ", "the formula computes nothing from a name: write one such as '(sigmoid(w*x + b) - y)**2'"),
    ("3*4", "the formula computes nothing from a name: write one such as '(sigmoid(w*x + b) - y)**2'"),
    ("x = 3", "the formula computes nothing from a name: write one such as '(sigmoid(w*x + b) - y)**2'"),
    ("(x", "the end in column 3 is not expected there: ) is missing"),
    ("z = w*x; (z - ", "the end in column 14 is not expected there"),
    ("z = w*x; z + * y", "'*' in column 14 is not expected there"),
    ("z = w*x;\n z + $", "'$' in column 15 has no place in a formula"),
    ("z = w = x", "'=' in column 7 is too much: give the right-hand side alone"),
    ("w*x == y", "'=' in column 5 is too much: give the right-hand side alone"),
    ("a; w*x = y", "'w*x' in column 4 is no name that can be assigned"),
    ("log = x; x", "'log' in column 1 is no name that can be assigned"),
    ("z*x; z = x", "z in column 6 has a meaning already: assign a name once, before it is used"),
    (
        "cot(x)",
        "'cot' in column 1 is none of the functions sqrt, exp, log, abs, tanh, sigmoid, relu, step, square, "
        "expm1, log1p, softplus, where, maximum, minimum, sin, cos, tan, sinh, cosh, arcsin, arccos, arctan, arcsinh, "
        "arccosh, arctanh, arctan2, log2, log10, erf, logaddexp, hypot, sign, floor, mod, gelu, silu, reciprocal, "
        "clip, leaky_relu, exp2, sinc, logaddexp2; write * for a product",
    ),
    ("(w, 2)", "',' in column 3 has no place here: decimals take a point"),
    ("clip(w, x)", "clip in column 1 is called as clip(x, min, max), and decimals take a point"),
    ("leaky_relu(w, slope=2)", "'=' in column 20 is too much: give the right-hand side alone"),
    ("x if y else w", "'if' in column 3 has no place in a formula"),
    ("e*x", "e is known in e^x only, or once it is assigned (column 1)"),
    ("sigmoid + x", "sigmoid in column 1 is a function: write sigmoid(...)"),
    ("x/0", "the formula divides by 0"),
    ("2/(1 - 1)*x", "the formula divides by 0"),
    ("k = 0; x/(k*x)", "the formula divides by 0"),
    ("x" + "+x" * 2000, "the formula has 4001 characters: 4000 are the most"),
    ("(" * 41 + "x" + ")" * 41, "the formula is nested more than 40 deep"),
]


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("z = clipp(w*x, 0); z - y", "'clipp' in column 5 is none of the functions sqrt, exp, log, abs"),
        ("f(w, 2)", "'f' in column 1 is none of the functions sqrt, exp, log, abs"),
        ("k = 2; sin(k(w, k))", "'k' in column 12 is none of the functions sqrt, exp, log, abs"),
    ],
)
def test_a_comma_tells_that_a_name_is_meant_for_a_function(text: str, starts: str) -> None:
    with pytest.raises(FormulaError) as caught:
        read(text)
    assert str(caught.value).startswith(starts)


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[text[:20] for text, _ in REFUSED])
def test_a_text_that_is_no_formula_is_refused_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(FormulaError) as caught:
        read(text)
    assert str(caught.value) == says


HOSTILE = [
    "__import__('os').system('touch {0}')",
    "open('{0}', 'w')",
    "x = __import__('os'); x.system('touch {0}')",
    "exec(x); x*x",
    "x.__class__",
    "(lambda: x)()",
    "[x for x in y]",
    "x if y else w",
    "9**9**9*x",
    "x^(9^9)",
    "import os; os.system('touch {0}')",
    "f'{{x}}'*x",
    "x\\input{{{0}}}",
    "x\x00*x",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_refused_and_nothing_runs(text: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    with pytest.raises(FormulaError):
        read(text.format(made))
    assert not made.exists()


def test_a_long_chain_of_assignments_stays_linear() -> None:
    text = "a1 = x*x;" + "".join(f"a{i} = a{i - 1}*a{i - 1};" for i in range(2, 150)) + "a149"
    loss, _ = read(text)
    assert len(topological(loss)) == 150


# Networks


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_one_example_with_inputs_from_the_seed(name: str) -> None:
    graph = loss_graph(name, activation="relu", regularise=0.1, seed=4)
    network = NETWORKS[name](activation="relu", regularise=0.1, seed=4)
    x = [leaf.item() for label, leaf in graph.inputs.items() if label != "y"]
    assert graph.loss.item() == pytest.approx(network.loss(np.array([x]), np.ones(1)).item(), rel=1e-12)
    assert list(graph.parameters) == list(network.example(x, 1.0).parameters)
    rows = loss_graph(name, activation="relu", regularise=0.1, seed=4, arrays=True)
    assert rows.loss.item() == pytest.approx(graph.loss.item(), rel=1e-12)
    assert list(rows.parameters) == list(network.parameters)


def test_numbers_for_leaves_give_another_graph() -> None:
    before = loss_graph("conv_average")
    after = before.moved({"p1": 0.0, "c_{1}": 0.5, "p_{47}": 2.0, "y": 0.25})
    leaves = {**before.inputs, **before.parameters}
    moved = {**after.inputs, **after.parameters}
    changed = {label: moved[label].item() for label in leaves if moved[label].item() != leaves[label].item()}
    assert changed == {"p_1": 0.0, "c_1": 0.5, "p_7": 2.0, "y": 0.25}
    assert list(moved) == list(leaves)
    network = NETWORKS["conv_average"]()
    network.parameters["c"].data = np.array([v.item() for v in after.parameters.values()]).reshape(1, 1, 2, 2)
    x = [leaf.item() for label, leaf in after.inputs.items() if label != "y"]
    assert after.loss.item() == pytest.approx(network.loss([x], [0.25]).item(), rel=1e-12)
    assert before.moved({}).loss.item() == before.loss.item()


def test_formulas_tell_inputs_from_parameters_by_their_letters() -> None:
    graph = loss_graph("(w1*x1 + w2*x2 + b - y)^2 + λ*w1^2")
    assert list(graph.inputs) == ["x_1", "x_2", "y", "lambda"]
    assert list(graph.parameters) == ["w_1", "w_2", "b"]
    assert list(loss_graph("x*y").parameters) == ["x", "y"]  # better than nothing to differentiate by


def given(what: str, **options: object) -> dict[str, object]:
    return {"what": what, **options}


NETWORK_ONLY = "is for networks: a formula or a file says itself what it computes"
WRONG = [
    (given("conv_averag"), {}, (), "'conv_averag' is no network: did you mean conv_average?"),
    (
        given("h"),
        {},
        (),
        "'h' is no network: choose from single_layer, conv_average, conv_linear, two_conv_average, "
        "two_conv_average_linear, two_conv_linear, or write a formula",
    ),
    (given("w*x", activation="relu"), {}, (), f"--activation {NETWORK_ONLY}"),
    (given("w*x", regularise=0.0), {}, (), f"--regularise {NETWORK_ONLY}"),
    (given("w*x", arrays=True), {}, (), "--arrays is for networks and files: a formula has scalars only"),
    (given("w*x + b"), {"x": 2.0}, (), "--at gives no number for b, w: write --at w=1,x=2,b=1"),
    (given("x = 2; w*x + b"), {"x": 3.0, "b": 1.0}, (), "--at gives no number for w: write --at x=3,w=1,b=1"),
    (given("bias*x"), {"bais": 2.0}, (), "the formula has no 'bais': did you mean bias? it has bias, x"),
    (given("w1*x"), {"w1": 2.0, "w_1": 2.0}, (), "--at gives one leaf two numbers: w1, w_1"),
    (given("conv_average"), {"z_1": 2.0}, (), "z_1 is computed: --at takes numbers for scalar leaves"),
    (given("single_layer", arrays=True), {"S": 2.0}, (), "S is an array, (3, 2): --at takes numbers for scalar leaves"),
    (
        given("conv_average"),
        {},
        ("d_1",),
        "conv_average has no 'd_1': it has c_1, c_2, c_3, c_4, p_1, p_2, p_3, p_4, p_5, p_6, p_7, p_8, ...",
    ),
]


@pytest.mark.parametrize(("graph", "at", "names", "says"), WRONG, ids=[str(case[3])[:40] for case in WRONG])
def test_what_is_not_there_is_named_with_a_guess(
    graph: dict[str, object], at: dict[str, float], names: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(says) + "$"):
        loss_graph(**graph).moved(at).find(names)


# Files

MODEL = """
import sys
from other import w1
from microgradcnn import Value
from microgradcnn.networks import single_layer
print("running", __name__, sys.argv)
x, y = Value(2.0, label="x"), 1.0
z = (w1 * x).sigmoid()
loss = (z - y) ** 2
example = single_layer().example([1.0, 2.0], 1.0)
number = 3.0
twins = Value(1.0, label="w") * Value(2.0, label="w")
bare = Value([1.0, 2.0]).sum()


def made():
    a = Value(3.0, label="a")
    return a * a


def needy(a):
    return a


def broken():
    return 1 / 0


if __name__ == "__main__":
    raise SystemExit("nobody asked for this")
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "other.py").write_text("from microgradcnn import Value\nw1 = Value(0.5)\n")
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path / "model.py"


@pytest.fixture(autouse=True)
def no_leaked_modules() -> object:
    yield
    sys.modules.pop("other", None)


def of_file(path: Path, name: str) -> LossGraph:
    return loss_graph(f"{path}:{name}")


def test_a_value_of_a_file_with_the_names_that_it_has_there(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv, folders = list(sys.argv), list(sys.path)
    graph = of_file(model, "loss")
    assert (list(graph.parameters), list(graph.inputs)) == (["w_1"], ["x"])
    assert [node.label for node in topological(graph.loss)] == ["w_1", "x", None, "z", None, "loss"]
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"running script ['{model}']\n")
    assert (sys.argv, sys.path) == (argv, folders)


def test_a_function_and_an_example_of_a_file(model: Path) -> None:
    made = of_file(model, "made")
    assert made.loss.item() == 9.0
    assert made.moved({"a": 2.0}).loss.item() == 4.0
    example = of_file(model, "example")
    assert list(example.inputs) == ["x_1", "x_2", "y"]
    assert len(example.parameters) == 9


FILE_MISTAKES = [
    ("lost", "has no 'lost': did you mean loss?"),
    ("qqq", "has no 'qqq': it has z, loss, example, twins, bare, made, broken"),
    ("", "say what in {0}, as {0}:name; it has z, loss, example, twins, bare, made, broken"),
    ("number", "{0}:number is of type float, not a Value"),
    ("needy", "{0}:needy needs arguments: name a Value, or a function without any; it has "),
    ("broken", "{0}, line 26: ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize(("name", "says"), FILE_MISTAKES)
def test_what_a_file_does_not_have(model: Path, name: str, says: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(says.format(model))):
        of_file(model, name)


def test_equal_and_missing_labels_are_told(model: Path) -> None:
    with pytest.raises(ValueError, match="has 2 nodes labelled w: give each a label of its own"):
        of_file(model, "twins").find(["w"])
    assert list(of_file(model, "bare").parameters) == ["v_1"]


BROKEN = [
    ("x = 1\ny = (\n", "line 2: SyntaxError: '(' was never closed"),
    ("\n\nimport nowhere\n", "line 3: ModuleNotFoundError: No module named 'nowhere'"),
    ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
    ("\nraise ValueError('one\\ntwo')\n", "line 2: ValueError: one"),
    ("assert False\n", "line 1: AssertionError"),
    ("import json\n\njson.loads('{')\n", "line 3: JSONDecodeError: Expecting property name"),
    ("def f():\n    return f()\nf()\n", "line 2: RecursionError: maximum recursion depth exceeded"),
    ("x = 1\0\n", "SyntaxError: source code string cannot contain null bytes"),
]


@pytest.mark.parametrize(("source", "says"), BROKEN)
def test_an_error_in_a_file_is_told_with_its_line(tmp_path: Path, source: str, says: str) -> None:
    (tmp_path / "broken.py").write_text(source)
    with pytest.raises(ScriptError, match=re.escape(says)) as caught:
        of_file(tmp_path / "broken.py", "f")
    assert str(caught.value).startswith(f"{tmp_path}/broken.py")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=re.escape("model.py does not exist")):
        of_file(Path("model.py"), "f")
