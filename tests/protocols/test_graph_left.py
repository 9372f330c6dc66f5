"""A number that leaves a graph through float() says so, at the user's line; what is meant to leave it stays quiet."""

from __future__ import annotations

import array
import cmath
import copy
import io
import math
import operator
import re
import statistics
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.cli import main
from microgradcnn.data import load
from microgradcnn.experiment import experiment
from microgradcnn.fit import evaluate, fit
from microgradcnn.nn.optim import OPTIMISERS

Call = Callable[[Value], Any]


def recorded(call: Callable[[], Any], rule: str = "always") -> tuple[Any, list[warnings.WarningMessage]]:
    """What a call gives, and the warnings that it gave, under a rule of the warnings' filter."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(rule)
        result = call()
    return result, caught


def check_text(text: str, name: str) -> None:
    """One sentence with the node's name and what to write instead, and every name in it exists."""
    assert "\n" not in text
    assert name in text
    assert re.search(r"\.item\(\)|\.detach\(\)", text)
    names = re.findall(r"\bmg\.(\w+)", text)
    assert names, text
    assert all(hasattr(mg, name) for name in names), text


def leaf() -> Value:
    return Value(0.5, label="w")


def labelled() -> Value:
    node = leaf() * 1.0
    node.label = "half"
    return node


def gradient_of(w: Value) -> Value:
    return mg.grad(w * w * 0.5, [w])[0]


NODES: list[tuple[Callable[[], Value], str]] = [
    (leaf, "w"),
    (labelled, "half"),
    (lambda: Value(0.5), "an unlabelled leaf"),
    (lambda: leaf() * 1.0, "an unlabelled result of mul"),
    (lambda: Value([0.25, 0.25], label="v").sum(), "an unlabelled result of sum"),
    (lambda: Value([0.5, 1.5], label="v")[0], "an unlabelled result of getitem"),
    (lambda: Value([[0.5]], label="one_number"), "one_number"),
    (lambda: Value(np.float32(0.5), label="single"), "single"),
    (lambda: gradient_of(leaf()), "an unlabelled result of"),
]


@pytest.mark.parametrize(("node", "name"), NODES, ids=[name for _, name in NODES])
def test_the_warning_names_the_node_the_line_and_the_remedy(node: Callable[[], Value], name: str) -> None:
    left = lambda: float(v)  # noqa: E731, the line that the warning is about
    v = node()
    result, caught = recorded(left)
    assert (type(result), result) == (float, 0.5)
    assert [w.category for w in caught] == [mg.GraphLeft]
    check_text(str(caught[0].message), name)
    assert (caught[0].filename, caught[0].lineno) == (__file__, left.__code__.co_firstlineno)


def test_it_is_a_warning_for_the_user() -> None:
    assert issubclass(mg.GraphLeft, UserWarning)
    assert "GraphLeft" in mg.__all__


def filled(change: Callable[[Any, Value], Any]) -> Call:
    """A change to a new array, which gives the array."""

    def call(v: Value) -> Any:
        numbers = np.zeros((3, 2))
        change(numbers, v)
        return numbers.ravel()[0]

    return call


# fmt: off
ROUTES: list[tuple[str, Call, Any]] = [  # from a node of 0.5 to numbers, and the numbers
    ("float", lambda v: float(v), 0.5),
    ("complex", lambda v: complex(v), 0.5 + 0j),
    ("complex, imaginary", lambda v: complex(1.0, v), 1 + 0.5j),
    ("np.float64", lambda v: np.float64(v), 0.5),
    ("map", lambda v: next(map(float, [v])), 0.5),
    ("sum of floats", lambda v: sum([float(v), 1.0]), 1.5),
    ("math.exp", lambda v: math.exp(v), math.exp(0.5)),
    ("math.fsum", lambda v: math.fsum([v, 1.0]), 1.5),
    ("math.dist", lambda v: math.dist([v], [1.0]), 0.5),
    ("cmath.exp", lambda v: cmath.exp(v), cmath.exp(0.5)),
    ("statistics.fmean", lambda v: statistics.fmean([v, 1.5]), 1.0),
    ("statistics.geometric_mean", lambda v: statistics.geometric_mean([v, 2.0]), 1.0),
    ("array.array", lambda v: array.array("d", [v])[0], 0.5),
    ("struct.pack", lambda v: struct.unpack("d", struct.pack("d", v))[0], 0.5),
    ("np.fromiter", lambda v: np.fromiter([v], float)[0], 0.5),
    ("an element", filled(lambda a, v: operator.setitem(a, (0, 0), v)), 0.5),
    ("a flat element", filled(lambda a, v: operator.setitem(a.flat, 0, v)), 0.5),
    ("an element of a row", filled(lambda a, v: operator.setitem(a[0], 0, v)), 0.5),
    ("an element of float32", filled(lambda a, v: operator.setitem(a.view(np.float32), (0, 1), v)), None),
    ("fill", filled(lambda a, v: a.fill(v)), 0.5),
]
# fmt: on


@pytest.mark.parametrize(("call", "number"), [r[1:] for r in ROUTES], ids=[r[0] for r in ROUTES])
@pytest.mark.parametrize(("node", "name"), [NODES[0], NODES[3]], ids=["a leaf", "a result"])
def test_every_route_warns_and_gives_the_number_that_it_gave(
    call: Call, number: Any, node: Callable[[], Value], name: str
) -> None:
    result, caught = recorded(lambda: call(node()))
    assert number is None or result == pytest.approx(number, rel=1e-15)
    assert {w.category for w in caught} == {mg.GraphLeft}
    check_text(str(caught[0].message), name)
    assert {w.filename for w in caught} == {__file__}


LINES = [r for r in ROUTES if r[1].__name__ == "<lambda>"]


@pytest.mark.parametrize("call", [r[1] for r in LINES], ids=[r[0] for r in LINES])
def test_every_route_is_reported_where_the_user_wrote_it(call: Call) -> None:
    _, caught = recorded(lambda: call(leaf()))
    assert {(w.filename, w.lineno) for w in caught} == {(__file__, call.__code__.co_firstlineno)}


def test_an_assignment_is_reported_at_its_own_line() -> None:
    numbers, v = np.zeros(2), leaf()

    def assign() -> None:
        numbers[0] = v * v

    _, caught = recorded(assign)
    assert numbers.tolist() == [0.25, 0.0]
    assert [(w.category, w.filename, w.lineno) for w in caught] == [
        (mg.GraphLeft, __file__, assign.__code__.co_firstlineno + 1)
    ]


SHAPES_OF_ARGUMENTS = [(0.5,), (0.5, 0.75), (0.5, 2), ([0.5, 0.75],), ([0.5], [0.75]), (1.5,), (0.5, 0.75, 0.25)]


def calls(module: Any) -> Iterator[tuple[str, tuple[Any, ...], int]]:
    """Every call of a module's functions with floats that gives something, and each place in it for a Value."""
    for name in sorted(vars(module)):
        for arguments in SHAPES_OF_ARGUMENTS if callable(getattr(module, name)) and name[0] != "_" else ():
            try:
                getattr(module, name)(*arguments)
            except (TypeError, ValueError):
                continue
            for place, x in enumerate(arguments):
                if not isinstance(x, int):
                    yield name, arguments, place


def with_a_value(arguments: tuple[Any, ...], place: int) -> list[Any]:
    x = arguments[place]
    new = [Value(x[0], label="w"), *x[1:]] if isinstance(x, list) else Value(x, label="w")
    return [*arguments[:place], new, *arguments[place + 1 :]]


@pytest.mark.parametrize("module", [math, cmath], ids=lambda m: m.__name__)
def test_no_function_of_the_module_takes_a_number_out_of_a_graph_silently(module: Any) -> None:
    warned = set()
    for name, arguments, place in calls(module):
        function = getattr(module, name)
        with_values = with_a_value(arguments, place)
        try:
            result, caught = recorded(lambda f=function, a=with_values: f(*a))
        except TypeError:
            continue  # said, and no number came out
        if isinstance(result, Value):
            continue  # such as math.prod: the graph goes on
        assert result == function(*arguments), name
        assert caught, f"{module.__name__}.{name}{arguments} is silent about argument {place}"
        assert {w.category for w in caught} == {mg.GraphLeft}, name
        check_text(str(caught[0].message), "w")
        warned.add(name)
    assert warned >= {"exp", "sin", "sqrt", "log", "isclose", "isfinite"}
    assert len(warned) >= 15  # a module of C functions: nearly all of them


# fmt: off
NEVER_SILENT: list[tuple[str, Call]] = [  # the number comes out with a warning, or not at all
    ("int", lambda v: int(v)),
    ("round", lambda v: round(v)),
    ("round to digits", lambda v: round(v, 2)),
    ("math.trunc", lambda v: math.trunc(v)),
    ("np.float32", lambda v: np.float32(v)),
    ("np.float16", lambda v: np.float16(v)),
    ("np.complex128", lambda v: np.complex128(v)),
    ("np.int64", lambda v: np.int64(v)),
    ("np.bool_", lambda v: np.bool_(v)),
    ("np.array", lambda v: np.array(v)),
    ("np.array of a list", lambda v: np.array([v, v])),
    ("np.array of a list and a type", lambda v: np.array([v, 1.0], dtype=float)),
    ("np.array of rows", lambda v: np.array([[v, 1.0], [1.0, v]])),
    ("np.asarray", lambda v: np.asarray([v], float)),
    ("np.full", lambda v: np.full(3, v)),
    ("np.full_like", lambda v: np.full_like(np.zeros(3), v)),
    ("np.linspace", lambda v: np.linspace(0.0, v, 3)),
    ("np.arange", lambda v: np.arange(0.0, v, 0.1)),
    ("np.copyto", lambda v: np.copyto(np.zeros(3), v)),
    ("np.put", lambda v: np.put(np.zeros(3), [0], v)),
    ("np.fill_diagonal", lambda v: np.fill_diagonal(np.zeros((3, 3)), v)),
    ("np.vectorize", lambda v: np.vectorize(math.exp)(v)),
    ("a slice", filled(lambda a, v: operator.setitem(a, slice(None), v))),
    ("a row", filled(lambda a, v: operator.setitem(a, 0, v))),
    ("a row of a list", filled(lambda a, v: operator.setitem(a, 0, [v, v]))),
    ("by a mask", filled(lambda a, v: operator.setitem(a, a == 0, v))),
    ("everything", filled(lambda a, v: operator.setitem(a, ..., v))),
    ("ndarray.put", filled(lambda a, v: a.put([0], v))),
    ("statistics.mean", lambda v: statistics.mean([v, v])),
    ("statistics.stdev", lambda v: statistics.stdev([v, 1.0])),
    ("statistics.harmonic_mean", lambda v: statistics.harmonic_mean([v, 1.0])),
    ("a draw", lambda v: np.random.default_rng(0).normal(v, 1.0)),
    ("another leaf's data", lambda v: setattr(Value(1.0), "data", v)),
    ("a list in a Value", lambda v: Value([v, 1.0])),
]
# fmt: on


@pytest.mark.parametrize("call", [c[1] for c in NEVER_SILENT], ids=[c[0] for c in NEVER_SILENT])
def test_no_other_route_is_silent(call: Call) -> None:
    try:
        _, caught = recorded(lambda: call(leaf() * 1.0))
    except TypeError as error:
        assert "\n" not in str(error)  # noqa: PT017, either is right
        return
    assert [w for w in caught if w.category is mg.GraphLeft]


def test_several_numbers_are_refused_as_before() -> None:
    for function in (float, complex, math.exp, math.isnan):
        with pytest.raises((TypeError, ValueError), match="only one number can become a Python float"):
            function(Value([1.0, 2.0], label="x"))


# How often


def test_a_line_says_it_once_by_pythons_own_rule_whatever_the_numbers_are() -> None:
    def loop() -> float:
        total = 0.0
        for number in (1.0, 2.0, 3.0):
            w = Value(number, label="w")
            total += math.exp(w * w)
            total += float(w)
        return total

    total, caught = recorded(loop, "default")
    assert total == sum(math.exp(x * x) + x for x in (1.0, 2.0, 3.0))
    first = loop.__code__.co_firstlineno + 4
    assert [w.lineno for w in caught] == [first, first + 1]


def test_as_an_error_it_stops_the_line_that_would_have_been_wrong() -> None:
    w = leaf()
    with pytest.raises(mg.GraphLeft, match=r"\bw\b"):
        w * math.exp(w)  # under pytest's filter, where warnings are errors


def test_the_gradient_that_the_warning_is_about() -> None:
    w = leaf()
    f, caught = recorded(lambda: w * math.exp(w))
    f.backward()
    assert w.grad == math.exp(0.5)  # not (1 + w) exp(w): the second factor is a constant
    assert len(caught) == 1
    right = leaf()
    (right * mg.exp(right)).backward()
    assert right.grad == pytest.approx(1.5 * math.exp(0.5), rel=1e-15)


FROM_THE_PACKAGE: list[tuple[str, Callable[[Call], Any]]] = [  # what calls a function of the user's
    ("check_gradients", lambda f: mg.check_gradients(f, Value(0.5, label="w"), order=1)),
    ("a layer", lambda f: nn.Sequential(layer(f))(leaf())),
]


def layer(function: Call) -> nn.Module:
    class Layer(nn.Module):
        def __call__(self, x: Value) -> Any:
            return function(x)

    return Layer()


@pytest.mark.parametrize("through", [f[1] for f in FROM_THE_PACKAGE], ids=[f[0] for f in FROM_THE_PACKAGE])
def test_the_line_is_the_users_where_the_package_calls_it(through: Callable[[Call], Any]) -> None:
    users = lambda w: w * math.exp(w)  # noqa: E731, the line that the warning is about
    _, caught = recorded(lambda: through(users))
    assert caught
    assert {(w.filename, w.lineno) for w in caught} == {(__file__, users.__code__.co_firstlineno)}


# What is quiet: under pytest's filter every warning is an error


QUIET: list[tuple[str, Call, Any]] = [
    ("item", lambda v: v.item(), 0.5),
    ("data", lambda v: v.data, 0.5),
    ("float of data", lambda v: float(v.data), 0.5),
    ("math of item", lambda v: math.exp(v.item()), math.exp(0.5)),
    ("np.float64 of item", lambda v: np.float64(v.item()), 0.5),
    ("format", lambda v: f"{v:.3f}", "0.500"),
    ("format in a column", lambda v: f"{v:>8.2e}", "5.00e-01"),
    ("format()", lambda v: format(v, "+.1f"), "+0.5"),
    ("str.format", lambda v: "{:.2f}".format(v), "0.50"),  # noqa: UP032
    ("repr", lambda v: repr(v)[:9], "Value(0.5"),
    ("str", lambda v: str(v)[:9], "Value(0.5"),
    ("no specification", lambda v: f"{v}"[:9], "Value(0.5"),
    ("%s", lambda v: ("%s" % v)[:9], "Value(0.5"),  # noqa: UP031
    ("print", lambda v: print(v, f"{v:.1f}", file=io.StringIO()), None),
    ("bool", lambda v: bool(v), True),
    ("not", lambda v: not v, False),
    ("and", lambda v: 1 if v and True else 0, 1),
    ("if", lambda v: "yes" if v > 0.0 else "no", "yes"),
    ("if on the right", lambda v: "yes" if np.float64(1.0) < v else "no", "no"),
    ("if of two", lambda v: "yes" if v < v + 1.0 else "no", "yes"),
    ("max", lambda v: max([v, v + 1.0]).item(), 1.5),
    ("sorted", lambda v: sorted([v + 1.0, v])[0].item(), 0.5),
    ("any", lambda v: any([v]), True),
    ("detach", lambda v: float(v.detach()), 0.5),
    ("math of detach", lambda v: math.exp(v.detach()), math.exp(0.5)),
    ("np.float64 of detach", lambda v: np.float64(v.detach()), 0.5),
    ("an element from item", filled(lambda a, v: operator.setitem(a, (0, 0), v.item())), 0.5),
    ("an element from detach", filled(lambda a, v: operator.setitem(a, (0, 0), v.detach())), 0.5),
    ("hash", lambda v: hash(v) == hash(v), True),
    ("a key", lambda v: {v: "found"}[v], "found"),
    ("np.shape", lambda v: np.shape(v), ()),
    ("deepcopy", lambda v: copy.deepcopy(v).item(), 0.5),
    ("a sum", lambda v: sum([v, v]).item(), 1.0),
]


@pytest.mark.parametrize(("call", "result"), [q[1:] for q in QUIET], ids=[q[0] for q in QUIET])
@pytest.mark.parametrize("node", [leaf, lambda: leaf() * 1.0], ids=["a leaf", "a result"])
def test_what_is_meant_to_leave_is_quiet(call: Call, result: Any, node: Callable[[], Value]) -> None:
    assert call(node()) == result


def test_what_was_made_under_no_grad_has_left_already() -> None:
    w = leaf()
    with mg.no_grad():
        inside, several = w * 2.0, Value([1.0, 2.0], label="v").sum()
        assert float(inside) == 1.0
        assert float(w) == 0.5  # nothing would have been recorded here
        assert math.exp(w) == math.exp(0.5)
        np.zeros(1)[0] = w
    for v in (inside, several):
        assert float(v) == v.item()
        assert math.exp(v) == math.exp(v.item())
        assert np.float64(v) == v.item()


def test_what_is_computed_from_a_constant_node_and_a_leaf_has_not_left() -> None:
    with mg.no_grad():
        constant = Value(2.0) * 2.0
    _, caught = recorded(lambda: float(constant * leaf()))
    assert [w.category for w in caught] == [mg.GraphLeft]
    _, caught = recorded(lambda: float(leaf().detach() + leaf()))
    assert [w.category for w in caught] == [mg.GraphLeft]


def test_no_grad_ends() -> None:
    with mg.no_grad():
        pass
    _, caught = recorded(lambda: float(leaf()))
    assert [w.category for w in caught] == [mg.GraphLeft]


def test_the_gradient_of_a_leaf_that_the_loss_does_not_use_stays_zeros() -> None:
    x, unused, matrix = leaf(), Value(3.0, label="unused"), Value(np.ones((2, 3)), label="M")
    gradients = mg.grad(x * x, [unused, matrix, x])
    assert (gradients[0].data, gradients[2].data) == (0.0, 1.0)
    assert np.array_equal(gradients[1].data, np.zeros((2, 3)))
    f, caught = recorded(lambda: x * float(unused))
    assert len(caught) == 1
    assert [g.data for g in mg.grad(f, [x, unused])] == [3.0, 0.0]


# The package itself asks no Value for a float


def neuron() -> tuple[Value, list[Value]]:
    w, b, x, y = (Value(n, label=name) for n, name in ((0.5, "w"), (-0.2, "b"), (2.0, "x"), (1.0, "y")))
    z = (w * x + b).sigmoid()
    z.label = "z"
    return (z - y) ** 2, [w, b, x, y]


def by_hand() -> None:
    f, (w, b, _, _) = neuron()
    optimiser = mg.optim.Adam([w, b])
    for _ in range(3):
        optimiser.zero_grad()
        f = neuron()[0]
        f.backward()
        for p in (w, b):
            p.grad = 1.0
        optimiser.step()
        w.data -= 0.1 * w.grad


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 4))
    return x, (x.sum(1) > 0).astype(int)


def layers() -> nn.Sequential:
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Dropout(0.5, rng=rng), nn.ReLU(), nn.Linear(3, 2, rng=rng))


def fitted() -> None:
    model = layers()
    fit(model, *rows(), epochs=2, batch=5, engine="eager", validation=rows())
    evaluate(model, *rows())
    smooth = nn.Sequential(nn.Linear(4, 2, rng=np.random.default_rng(0)))
    fit(smooth, *rows(), epochs=2, batch=5, engine="numpy")
    str(model.summary((4,)))
    model.eval()(rows()[0])


def estimated() -> None:
    from microgradcnn.estimator import MicrogradClassifier, MicrogradRegressor

    for kind in (MicrogradClassifier, MicrogradRegressor):
        kind(hidden_layer_sizes=(3,), max_iter=12, tol=1e9, random_state=0).fit(*rows()).predict(rows()[0])


def compiled(backend: str) -> Callable[[], None]:
    def run() -> None:
        f, (w, b, x, y) = neuron()
        program = mg.compile(f, [w, b], [x, y], backend)
        program(2.0, 1.0)
        trainer = program.bind(np.linspace(-1, 1, 5), np.zeros(5))
        trainer.step(0.1)
        trainer.parameters()

    return run


def losses() -> None:
    logits, score = Value([[1.0, 2.0], [0.5, -1.0]]), Value([0.5, -2.0])
    for loss in (
        nn.cross_entropy(logits, [0, 1]),
        nn.mse_loss(score, [1.0, 0.0]),
        nn.hinge_loss(score, [1.0, -1.0]),
        nn.binary_cross_entropy_with_logits(score, [1.0, 0.0]),
    ):
        loss.backward()


def every_primitive_on_numbers() -> None:
    for function in (mg.exp, mg.sqrt, mg.log, mg.relu, mg.abs, mg.softplus, mg.sigmoid, mg.tanh, mg.expm1, mg.log1p):
        for x in (leaf(), Value(np.float32(0.5)), Value([0.5])):
            y = function(x)
            y.backward(np.ones(y.shape))
            (g,) = mg.grad(function(leaf()) ** 2, [leaf()])
            g.item()
    for a, b in ((leaf(), 2.0), (leaf(), np.float64(2.0)), (2.0, leaf()), (leaf(), leaf()), (np.ones(2), leaf())):
        for operate in (operator.add, operator.mul, operator.truediv, operator.pow, operator.sub, mg.maximum, mg.equal):
            operate(a, b)


def debugged() -> None:
    with mg.debug():
        f, _ = neuron()
        f.backward()


def parts(*names: str) -> list[tuple[Value, list[Value]]]:
    f, leaves = neuron()
    return [(f, [p for p in leaves if p.label in names])]


def networks_at_work(engine: str, optimiser: str) -> Callable[[], None]:
    def run() -> None:
        training = {"epochs": 5, "engine": engine, "optimiser": optimiser, "batch": 7}
        done = experiment("single_layer", load("side"), training=training)
        done.trained.network.predict(np.zeros((2, 9)))

    return run


INSIDE: list[tuple[str, Callable[[], Any]]] = [
    ("a loop by hand", by_hand),
    ("every primitive", every_primitive_on_numbers),
    ("losses", losses),
    ("fit", fitted),
    ("estimators", estimated),
    *[
        (f"train {name} {engine}", networks_at_work(engine, name))
        for engine in ("eager", "numpy")
        for name in OPTIMISERS
    ],
    *[(f"compile {backend}", compiled(backend)) for backend in ("numpy", "jit", "jax")],
    ("explain", lambda: [mg.explain(f, wrt).latex() for f, wrt in parts("w", "b")]),
    ("explain at", lambda: [mg.explain(f, wrt, at={"w": 2.0}).text() for f, wrt in parts("w")]),
    ("draw", lambda: mg.draw(neuron()[0]).svg()),
    ("ledger", lambda: str(mg.ledger(neuron()[0]))),
    ("check_answer", lambda: [mg.check_answer("2(z - y)*z*(1-z)*x", mg.grad(f, w)[0]) for f, w in parts("w")]),
    ("check_gradients", lambda: mg.check_gradients(lambda w: w.exp() * w, Value(0.5, label="w"))),
    ("worksheet", lambda: [mg.worksheet(f, wrt, questions=2).files() for f, wrt in parts("w", "b")]),
    ("debug", debugged),
]


@pytest.mark.slow
@pytest.mark.parametrize("use", [i[1] for i in INSIDE], ids=[i[0] for i in INSIDE])
def test_the_package_is_quiet_inside(use: Callable[[], Any]) -> None:
    use()


COMMANDS = [
    ["train", "single_layer", "--data", "side", "--epochs", "5", "--out", "run"],
    ["gradcheck", "single_layer"],
    ["explain", "(w*x + b)**2", "--at", "w=1,x=2,b=0", "--wrt", "w"],
    ["check", "single_layer", "--wrt", "w_1", "--answer", "2(w1*z1 + w2*z2 + w3*z3 - y)*z1"],
    ["ledger", "single_layer"],
    ["ledger", "loss.py:loss"],
    ["source", "conv_average", "--wrt", "c_1"],
    ["graph", "(w*x)**2", "-o", "graph.svg"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_commands_are_quiet(
    command: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    script = "import microgradcnn as mg\nw = mg.Value(0.5, label='w')\nloss = (w * 2.0 - 1.0) ** 2\n"
    Path("loss.py").write_text(script, encoding="utf-8")
    assert main(list(command)) == 0 or command[0] == "train"
    assert "GraphLeft" not in capsys.readouterr().err
