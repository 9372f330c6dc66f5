"""What a user is told who writes what does not exist: one sentence, with what to write, in names that exist."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documentation import CONTRIBUTING, MANUAL

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.networks import single_layer

Call = Callable[[], Any]

x = Value(np.arange(6.0).reshape(2, 3) + 1.0, label="x")
s = Value(2.0, label="s")
f = x.square().sum()
array = np.ones((3, 3))
model = nn.Sequential(nn.Linear(3, 4, rng=np.random.default_rng(0)), nn.ReLU())
network = single_layer()


def attribute(root: Any, path: str) -> bool:
    """Whether a dotted name leads somewhere."""
    for name in path.split("."):
        if not hasattr(root, name):
            return False
        root = getattr(root, name)
    return True


def sentence(call: Call, *kinds: type[Exception]) -> str:
    """The message of what a call raises: one sentence, without an address, and every name in it exists."""
    with pytest.raises(kinds) as caught:
        call()
    text = str(caught.value)
    assert text
    assert "\n" not in text, text
    assert " object at 0x" not in text, text
    assert len(text) < 1000, text
    for root, prefix in ((mg, "mg"), (np, "np")):
        for name in re.findall(rf"\b{prefix}\.([A-Za-z_][\w.]*\w|[A-Za-z])", text):
            assert attribute(root, name), f"{prefix}.{name} does not exist: {text}"
    for listed in re.findall(r"mg functions \(([^)]*)\)", text):
        missing = [name for name in listed.split(", ") if not attribute(mg, name.removeprefix("mg."))]
        assert not missing, f"mg has no {', '.join(missing)}: {text}"
    return text


def seen(text: str, words: tuple[str, ...]) -> None:
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"


def table(rows: list[tuple[str, Any, tuple[str, ...]]]) -> Any:
    return pytest.mark.parametrize(("call", "words"), [r[1:] for r in rows], ids=[r[0] for r in rows])


# Assigning to elements


def assigned(target: Any, index: Any, value: Any) -> Call:
    return lambda: operator.setitem(target, index, value)


@table(
    [
        ("a number", assigned(x, 0, 5.0), ("x",)),
        ("a slice", assigned(x, slice(None), 0.0), ("x",)),
        ("an element", assigned(x, (0, 1), 1.0), ("x",)),
        ("everything", assigned(x, ..., array), ("x",)),
        ("by a mask", assigned(x, x.data > 2.0, 0.0), ("x",)),
        ("by a mask that is a Value", assigned(x, x > 2.0, 0.0), ("x",)),
        ("another Value", assigned(x, 0, s), ("x",)),
        ("of a scalar", assigned(s, 0, 1.0), ("s",)),
        ("of a result", assigned(x * 2.0, 0, 1.0), ("an unlabelled result of mul",)),
    ]
)
def test_a_value_takes_no_new_elements(call: Call, words: tuple[str, ...]) -> None:
    seen(sentence(call, TypeError), (*words, "mg.where", "mg.stack", "mg.concatenate"))


def test_nor_do_its_elements_change_in_place_or_go() -> None:
    def add() -> None:
        v = Value([1.0, 2.0], label="v")
        v[0] += 1.0

    seen(sentence(add, TypeError), ("v", "mg.where", "mg.stack", "mg.concatenate"))
    assert "item deletion" not in sentence(lambda: operator.delitem(x, 0), TypeError)


# p.data in place


def minus(p: Value, step: Any) -> None:
    p.data -= step


def plus(p: Value, step: Any) -> None:
    p.data += step


def times(p: Value, step: Any) -> None:
    p.data *= step


def over(p: Value, step: Any) -> None:
    p.data /= step


def to_the(p: Value, step: Any) -> None:
    p.data **= step


IN_PLACE = {minus: operator.sub, plus: operator.add, times: operator.mul, over: operator.truediv, to_the: operator.pow}


@pytest.mark.parametrize("change", IN_PLACE, ids=lambda op: op.__name__)
@pytest.mark.parametrize("start", [2.0, [1.0, 2.0], np.ones((2, 2), np.float32)], ids=["number", "array", "float32"])
def test_data_changes_in_place(change: Callable[[Value, Any], None], start: Any) -> None:
    given = np.array(start)
    given.flags.writeable = False  # so that the Value may share it
    p = Value(given, label="p")
    loss = (p * p).sum()
    loss.backward()
    expected = IN_PLACE[change](np.array(start), np.asarray(0.5 * p.grad, given.dtype))
    change(p, 0.5 * p.grad)
    np.testing.assert_allclose(p.data, expected, rtol=1e-6)
    assert p.dtype == given.dtype
    np.testing.assert_array_equal(given, start)
    np.testing.assert_allclose(loss.data, np.sum(np.square(start)))
    with pytest.raises(ValueError, match="p was changed after"):
        loss.backward()


def test_no_change_of_data_is_lost() -> None:
    """What NumPy lets a user do to p.data is done, or refused: a copy would be changed in vain."""
    changes: list[Callable[[Value], Any]] = [
        lambda p: operator.setitem(p.data, 0, 5.0),
        lambda p: operator.setitem(p.data, ..., 5.0),
        lambda p: np.add(p.data, 1.0, out=p.data),
        lambda p: p.data.fill(7.0),
        lambda p: p.data.sort(),
        lambda p: np.copyto(p.data, 3.0),
        lambda p: operator.isub(p.data.reshape(2, 1), 1.0),
    ]
    for change in changes:
        p = Value([2.0, 1.0], label="p")
        loss = (p * p).sum()
        try:
            change(p)
        except ValueError:
            assert p.data.tolist() == [2.0, 1.0]
            continue
        assert p.data.tolist() != [2.0, 1.0]
        with pytest.raises(ValueError, match="p was changed after"):
            loss.backward()


# NumPy's functions

UNKNOWN: list[tuple[str, Call]] = [  # by NumPy's full name
    ("np.spacing", lambda: np.spacing(x)),
    ("np.rint", lambda: np.rint(s)),
    ("np.i0", lambda: np.i0(x)),
    ("np.cbrt", lambda: np.cbrt(x)),
    ("np.copysign", lambda: np.copysign(x, 1.0)),
    ("np.floor_divide", lambda: np.floor_divide(x, 2.0)),
    ("np.linalg.cond", lambda: np.linalg.cond(x)),
    ("np.linalg.det", lambda: np.linalg.det(x)),
    ("np.linalg.inv", lambda: np.linalg.inv(x)),
    ("np.linalg.solve", lambda: np.linalg.solve(array, x)),
    ("np.linalg.eigh", lambda: np.linalg.eigh(x)),
    ("np.fft.fft", lambda: np.fft.fft(x)),
    ("np.fft.rfft2", lambda: np.fft.rfft2(x)),
    ("np.cumprod", lambda: np.cumprod(x)),
    ("np.nanprod", lambda: np.nanprod(x)),
    ("np.partition", lambda: np.partition(x, 0)),
    ("np.nanstd", lambda: np.nanstd(x)),
    ("np.interp", lambda: np.interp(x, [0.0, 1.0], [0.0, 1.0])),
]


@pytest.mark.parametrize(("name", "call"), UNKNOWN, ids=[name for name, _ in UNKNOWN])
def test_a_function_of_numpys_that_is_not_here_is_called_by_its_full_name(name: str, call: Call) -> None:
    text = sentence(call, TypeError)
    assert re.search(rf"{re.escape(name)}(?![\w.]\w)", text), text
    assert "mg.primitive" in text, text


NUMPYS_ARGUMENTS: list[tuple[str, Call, tuple[str, ...]]] = [
    ("np.sum out", lambda: np.sum(x, out=np.zeros(())), ("np.sum", "out")),
    ("np.sum dtype", lambda: np.sum(x, dtype=np.float32), ("np.sum", "dtype")),
    ("np.sum where", lambda: np.sum(x, where=np.ones((2, 3), bool)), ("np.sum", "where")),
    ("np.sum initial", lambda: np.sum(x, initial=1.0), ("np.sum", "initial")),
    ("np.mean out", lambda: np.mean(x, axis=0, out=np.zeros(3)), ("np.mean", "out")),
    ("np.mean dtype", lambda: np.mean(x, dtype=np.float32), ("np.mean", "dtype")),
    ("np.max out", lambda: np.max(x, axis=0, out=np.zeros(3)), ("np.max", "out")),
    ("np.max initial", lambda: np.max(x, initial=0.0), ("np.max", "initial")),
    ("np.concatenate out", lambda: np.concatenate([x, x], out=np.zeros((4, 3))), ("np.concatenate", "out")),
    ("np.stack out", lambda: np.stack([x, x], out=np.zeros((2, 2, 3))), ("np.stack", "out")),
    ("np.reshape order", lambda: np.reshape(x, (3, 2), order="F"), ("np.reshape", "order")),
    ("np.matmul out", lambda: np.matmul(x, np.ones((3, 2)), out=np.zeros((2, 2))), ("np.matmul", "out")),
    ("np.exp out", lambda: np.exp(x, out=np.zeros((2, 3))), ("np.exp", "out")),
    ("np.where of one", lambda: np.where(x > 1.0), ("np.where", "mg.where")),
    ("np.concatenate axis=None", lambda: np.concatenate([x, x], axis=None), ("concatenate", "axis")),
]


@table(NUMPYS_ARGUMENTS)
def test_an_argument_of_numpys_that_is_not_here_is_named_with_the_function(call: Call, words: tuple[str, ...]) -> None:
    text = sentence(call, TypeError)
    seen(text, words)
    assert "unexpected keyword" not in text
    assert "positional argument" not in text


# Our functions

i4 = Value(np.ones((1, 1, 4, 4)), label="i")

SPELLINGS: list[tuple[str, Call, tuple[str, ...]]] = [
    *[(f"mg.{g.__name__} dim", lambda g=g: g(x, dim=0), (g.__name__, "axis")) for g in (mg.sum, mg.mean, mg.max)],
    *[(f"mg.{g.__name__} keepdim", lambda g=g: g(x, 0, keepdim=True), ("keepdims",)) for g in (mg.sum, mg.mean)],
    *[(f"mg.{g.__name__} dim", lambda g=g: g(x, dim=1), ("axis",)) for g in (mg.softmax, mg.log_softmax)],
    *[(f"mg.{g.__name__} dim", lambda g=g: g([x, x], dim=1), ("axis",)) for g in (mg.concatenate, mg.stack)],
    *[(f"mg.{g.__name__} out", lambda g=g: g(x, out=array), (g.__name__, "out")) for g in (mg.sum, mg.exp)],
    ("x.sum dim", lambda: x.sum(dim=0), ("sum", "axis")),
    ("x.mean keepdim", lambda: x.mean(1, keepdim=True), ("mean", "keepdims")),
    ("x.max dim and keepdim", lambda: x.max(dim=1, keepdim=True), ("max", "axis")),
    ("x.softmax dim", lambda: x.softmax(dim=1), ("softmax", "axis")),
    ("x.log_softmax dim", lambda: x.log_softmax(dim=1), ("log_softmax", "axis")),
    ("mg.sum axes", lambda: mg.sum(x, axes=0), ("sum", "axis")),
    ("mg.sum keep_dims", lambda: mg.sum(x, keep_dims=True), ("sum", "keepdims")),
]


@table(SPELLINGS)
def test_another_spelling_of_an_argument_is_put_right(call: Call, words: tuple[str, ...]) -> None:
    seen(sentence(call, TypeError), words)


AXES: list[tuple[str, Call, tuple[str, ...]]] = [
    ("softmax None", lambda: mg.softmax(x, axis=None), ("softmax", "axis")),
    ("log_softmax None", lambda: mg.log_softmax(x, axis=None), ("log_softmax", "axis")),
    ("x.softmax None", lambda: x.softmax(axis=None), ("softmax", "axis")),
    ("x.log_softmax None", lambda: x.log_softmax(None), ("log_softmax", "axis")),
    ("stack None", lambda: mg.stack([x, x], axis=None), ("stack", "axis")),
    ("concatenate None", lambda: mg.concatenate([x, x], axis=None), ("concatenate", "axis")),
    ("softmax of two axes", lambda: mg.softmax(x, (0, 1)), ("softmax", "axis")),
    ("softmax 1.0", lambda: mg.softmax(x, 1.0), ("softmax", "axis")),
    ("sum '0'", lambda: mg.sum(x, "0"), ("sum", "axis")),
    ("sum 1.5", lambda: mg.sum(x, 1.5), ("sum", "axis")),
    ("mean of a Value", lambda: mg.mean(x, s), ("mean", "axis")),
    ("max [0.5]", lambda: mg.max(x, [0.5]), ("max", "axis")),
    ("mg.where of one", lambda: mg.where(x > 1.0), ("mg.where",)),
    ("mg.where of two", lambda: mg.where(x > 1.0, x), ("mg.where",)),
]


@table(AXES)
def test_an_argument_of_another_kind_is_named(call: Call, words: tuple[str, ...]) -> None:
    text = sentence(call, TypeError)
    seen(text, words)
    assert not re.search(r"NoneType|cannot be interpreted|not iterable|positional argument", text), text


@pytest.mark.parametrize("function", [mg.broadcast_to, np.broadcast_to], ids=["mg", "np"])
@pytest.mark.parametrize("shape", [5, np.int64(5)], ids=["int", "np.int64"])
def test_a_shape_of_one_number_is_taken_or_spelled_out(function: Callable[..., Any], shape: Any) -> None:
    try:
        y = function(s, shape)
    except TypeError as error:
        text = str(error)
    else:
        assert y.shape == (5,)
        return
    assert "(5,)" in text
    assert "\n" not in text


# What is no Value

VERBS: dict[str, Callable[[Any], Any]] = {
    "draw": lambda f: mg.draw(f),
    "ledger": lambda f: mg.ledger(f),
    "explain": lambda f: mg.explain(f, x),
    "grad": lambda f: mg.grad(f, [x]),
    "compile": lambda f: mg.compile(f, [x]),
    "worksheet": lambda f: mg.worksheet(f, [s]),
}
every_verb = pytest.mark.parametrize("verb", VERBS)


@every_verb
@pytest.mark.parametrize("layers", [model, model[0], nn.Flatten()], ids=["Sequential", "Linear", "Flatten"])
def test_a_model_in_place_of_its_loss_is_told_the_call_to_write(verb: str, layers: nn.Module) -> None:
    text = sentence(lambda: VERBS[verb](layers), TypeError)
    assert verb in text, text
    assert re.search(r"\w\(x[,)]", text), f"no call like model(x) in: {text}"


def test_draw_of_a_model_says_draw_of_its_output() -> None:
    assert "mg.draw(model(x))" in sentence(lambda: mg.draw(model), TypeError)


NO_VALUES: list[tuple[str, Any]] = [
    ("a number", 3.0),
    ("None", None),
    ("text", "f"),
    ("an array", array),
    ("a list of Values", [f, x]),
    ("parameters", model.parameters()),
    ("a function", lambda x: x),
    ("a loss", nn.cross_entropy),
    ("a class", Value),
    ("a network", network),
    ("a program", mg.compile(f, [x])),
    ("an optimiser", mg.optim.SGD([x])),
]


@every_verb
@pytest.mark.parametrize("given", [g[1] for g in NO_VALUES], ids=[g[0] for g in NO_VALUES])
def test_what_is_no_value_is_refused_by_the_verb(verb: str, given: Any) -> None:
    text = sentence(lambda: VERBS[verb](given), TypeError)
    assert verb in text, text
    assert "has no attribute" not in text


LEAVES: dict[str, Callable[[Any], Any]] = {
    "grad": lambda wrt: mg.grad(f, wrt),
    "explain": lambda wrt: mg.explain(f, wrt),
    "compile": lambda wrt: mg.compile(f, wrt),
}


@pytest.mark.parametrize("verb", LEAVES)
def test_a_model_in_place_of_its_parameters_is_told_the_call_to_write(verb: str) -> None:
    for given in (model, [model], [x, model]):
        seen(sentence(lambda v=verb, g=given: LEAVES[v](g), TypeError), ("parameters()",))


NO_LEAVES = [(name, given) for name, given in NO_VALUES if name not in ("a list of Values", "parameters", "None")]


@pytest.mark.parametrize("given", [n[1] for n in NO_LEAVES], ids=[n[0] for n in NO_LEAVES])
@pytest.mark.parametrize("verb", LEAVES)
def test_what_is_no_leaf_is_refused_in_one_sentence(verb: str, given: Any) -> None:
    for wrt in (given, [given]):
        sentence(lambda v=verb, g=wrt: LEAVES[v](g), TypeError)


AMONG_NUMBERS: list[tuple[str, Call]] = [
    ("Value(model)", lambda: Value(model)),
    ("mg.exp(model)", lambda: mg.exp(model)),
    ("mg.softmax(model)", lambda: mg.softmax(model)),
    ("mg.sum(model)", lambda: mg.sum(model)),
    ("x * model", lambda: x * model),
    ("model * x", lambda: model * x),
    ("x @ model", lambda: x @ model),
    ("x + network", lambda: x + network),
    ("mg.where", lambda: mg.where(x > 1.0, model, x)),
    ("mg.stack", lambda: mg.stack([x, model])),
    ("mse_loss", lambda: nn.mse_loss(model, x)),
    ("model(model)", lambda: model(model)),
    ("check_gradients", lambda: mg.check_gradients(lambda x: x, model)),
    ("check_gradients of a Value", lambda: mg.check_gradients(f, x)),
    ("check_answer", lambda: mg.check_answer("x", model)),
    ("cost of a Value", lambda: mg.cost(f, ["n"])),
    ("cost of a model", lambda: mg.cost(model, ["n"])),
    ("SGD(model)", lambda: mg.optim.SGD(model)),
    ("Adam([model])", lambda: mg.optim.Adam([model])),
    ("backward(model)", lambda: x.backward(model)),
    ("grad seed", lambda: mg.grad(x, [x], seed=model)),
    ("data = model", lambda: setattr(Value(1.0), "data", model)),
    ("export_onnx", lambda: mg.export_onnx(array, "never.onnx", 3)),
]


@pytest.mark.parametrize("call", [a[1] for a in AMONG_NUMBERS], ids=[a[0] for a in AMONG_NUMBERS])
def test_a_model_among_numbers_is_refused_in_one_sentence(call: Call) -> None:
    text = sentence(call, TypeError, ValueError)
    assert "is not callable" not in text
    assert "not iterable" not in text


# Names in messages

PACKAGE = Path(mg.__file__).parent


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Every text in a module, its lines of documentation included, with the line where it is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.slow
def test_every_name_of_ours_that_a_text_in_the_package_mentions_exists() -> None:
    found, missing = 0, []
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, text in strings(path):
            for name in re.findall(r"(?<![\w./])mg\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", text):
                found += 1
                if not attribute(mg, name):
                    missing.append(f"{path.relative_to(PACKAGE)}, line {line}: mg.{name}")
    assert found > 20
    assert not missing, "\n".join(missing)


def test_every_name_of_ours_that_a_page_mentions_exists() -> None:
    names = {
        (page.name, name)
        for page in (*MANUAL, CONTRIBUTING)
        for name in re.findall(r"(?<![\w./])mg\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)", page.read_text(encoding="utf-8"))
    }
    assert len({name for page, name in names if page == "README.md"}) > 10
    assert not [(page, name) for page, name in sorted(names) if not attribute(mg, name)]
