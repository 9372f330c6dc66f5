"""What is said of a call that does not fit: one sentence, with the right name or the call to write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value, nn

V = Value(np.ones((1, 1, 4, 4)), label="v")
K = Value(np.ones((1, 1, 2, 2)), label="k")

MISUSED: list[tuple[Callable[[], Any], str]] = [
    *[
        (lambda f=f: f(V, keepdim=True), rf"mg\.{f.__name__} is .*: it has no keepdim=, did you mean keepdims=\?")
        for f in (mg.sum, mg.mean, mg.max, Value.sum, Value.mean, Value.max)
    ],
    *[
        (lambda f=f: f(V, dim=1), rf"mg\.{f.__name__} is called as .*: it has no dim=, did you mean ax[ei]s=\?")
        for f in (
            mg.sum,
            mg.mean,
            mg.max,
            mg.softmax,
            mg.log_softmax,
            mg.stack,
            mg.concatenate,
            mg.transpose,
            V.softmax,
        )
    ],
    (lambda: np.sum(V, out=np.zeros(())), r"mg\.sum\(x, axis=None, keepdims=False\): it has no out=$"),
    (lambda: np.max(V, initial=0.0), "it has no initial=$"),
    (lambda: np.mean(V, where=np.ones((4, 4), bool)), "it has no where=$"),
    (lambda: mg.conv2d(V, K, strides=2), "it has no strides=, did you mean stride="),
    (lambda: mg.conv2d(V, K, pad=1), "it has no pad=, did you mean padding="),
    (lambda: V.max_pool2d(2, strides=2), "did you mean stride="),
    (lambda: mg.avg_pool2d(V, kernel=2), "did you mean kernel_size="),
    (lambda: np.reshape(V, shape=(4, 4)), r"mg\.reshape\(x, \*shape\): it has no shape=$"),
    (lambda: np.where(V > 0), r"mg\.where is called as mg\.where\(condition, a, b\)"),
    (
        lambda: mg.conv2d(V),
        r"mg\.conv2d\(x, w, stride=1, padding=0, dilation=1, groups=1\): missing a required argument: 'w'",
    ),
    (lambda: V.var(0, unbiased=True), r"it has no unbiased=, did you mean ddof=\?$"),
    (lambda: mg.grad(outputs=V, inputs=K), r"mg\.grad\(f, wrt, seed=None\): it has no outputs=, did you mean f=\?$"),
    (lambda: mg.grad(V, K, grad_outputs=V), r"it has no grad_outputs=, did you mean seed=\?$"),
    (lambda: mg.grad(V, K, create_graph=True), "it has no create_graph=, leave it out, for what mg.grad gives is alw"),
    (lambda: mg.grad(np.sum), "missing a required argument: 'wrt'"),
    (lambda: V.backward(retain_graph=True), r"v\.backward\(seed=None\): it has no retain_graph=, leave it out"),
    (lambda: mg.sum(V, 0, True, 1), "too many positional arguments"),
    (lambda: mg.softmax(V, axis=None), "is an integer, such as -1 for the last, not None"),
    (lambda: mg.log_softmax(V, axis=(0, 1)), r"is an integer, such as -1 for the last, not \(0, 1\)"),
    (lambda: mg.sum(V, axis=1.0), "is an integer, such as -1 for the last, not 1.0"),
    (lambda: mg.mean(V, axis="rows"), "is an integer, such as -1 for the last, not 'rows'"),
    (lambda: mg.max(V, axis=(0, None)), "is an integer, such as -1 for the last, not None"),
    (lambda: mg.stack(V, V), r"is an integer, not v: mg.stack and mg.concatenate take their Values in one list"),
    (lambda: mg.max(V, K), "is an integer, not k: .*mg.maximum and mg.minimum take two"),
    (lambda: mg.exp(V, out=np.zeros(3)), r"exp\(\) got an unexpected keyword argument 'out'"),
]


@pytest.mark.parametrize(("call", "message"), MISUSED)
def test_a_wrong_argument_is_answered_with_the_right_one(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_is_wrong_inside_is_not_taken_for_a_misuse() -> None:
    with pytest.raises(TypeError, match="a Value holds float64 or float32, not int64"):
        V.astype(np.int64)


def test_a_shape_of_one_number() -> None:
    s = Value(2.0)
    for spread in (mg.broadcast_to(s, 5), np.broadcast_to(s, np.int64(5)), mg.broadcast_to(s, shape=(5,))):
        assert spread.data.tolist() == [2.0] * 5
    mg.sum(mg.broadcast_to(s, 5)).backward()
    assert s.grad == 5.0


W = Value(2.0, label="w")
MODEL = nn.Sequential(nn.Linear(2, 2, rng=np.random.default_rng(0)), nn.Linear(2, 1, rng=np.random.default_rng(0)))


def loss_of(w: Value) -> Value:
    return w * w


VERBS: dict[str, Callable[[Any], Any]] = {
    "draw({})": mg.draw,
    "ledger({})": mg.ledger,
    "explain({}, wrt)": lambda f: mg.explain(f, W),
    "grad({}, wrt)": lambda f: mg.grad(f, W),
    "compile({}, wrt)": lambda f: mg.compile(f, W),
    "worksheet({}, wrt)": lambda f: mg.worksheet(f, W),
}
GIVEN = [  # what is given in place of a Value, and what is to be written
    (MODEL, "model(x)"),
    (loss_of, "loss_of(x)"),
    (lambda w: w, "f(x)"),
    ([W * W], "mg.stack([...]).sum()"),
    ((W, W), "mg.stack([...]).sum()"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("given", "written"), GIVEN, ids=[written for _, written in GIVEN])
def test_a_verb_names_the_call_to_write(verb: str, given: Any, written: str) -> None:
    with pytest.raises(TypeError) as caught:
        VERBS[verb](given)
    assert f"mg.{verb.format(written)}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("given", [2.0, True, None, np.ones(3), "x*x", np.float64(1.0)], ids=repr)
def test_a_verb_says_how_a_number_gets_a_graph(verb: str, given: Any) -> None:
    with pytest.raises(TypeError, match=r"no Value went into it, so compute it from w = mg\.Value\(\.\.\.\)") as caught:
        VERBS[verb](given)
    assert "\n" not in str(caught.value)


WRT: list[tuple[Any, str]] = [
    (MODEL, r"wrt is a Value or several, not a Sequential: write its \.parameters\(\)"),
    ({"w": W}, r"wrt is a Value or several, not \{.*\}: write its \.values\(\)"),
    (2.0, r"wrt is a Value or several, not 2\.0"),
    ("w", r"wrt is a Value or several, not 'w'"),
]


@pytest.mark.parametrize(("wrt", "message"), WRT, ids=["model", "dict", "number", "name"])
@pytest.mark.parametrize("verb", [mg.grad, mg.explain, mg.compile, mg.worksheet], ids=lambda f: f.__name__)
def test_what_to_differentiate_by_is_values(verb: Callable[..., Any], wrt: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        verb(W * W, wrt)


OTHERS: list[tuple[Callable[[Path], Any], str]] = [
    (lambda path: mg.check_gradients(W * W, W), "takes a function of its Values first, not Value"),
    (lambda path: mg.check_gradients(loss_of, MODEL), "needs Values of real numbers, and this is not one"),
    (lambda path: mg.check_answer("2*w", mg.grad(W * W, W)), r"write mg.check_answer\(.* with g, = mg.grad"),  # type: ignore[arg-type]
    (lambda path: mg.export_onnx(loss_of, path, [W]), r"mg.export_onnx\(loss_of\(x\), path, inputs\)"),  # type: ignore[arg-type]
    (lambda path: mg.compile(W * W, W, inputs=2.0), "inputs is a Value or several, not 2.0"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("call", "message"), OTHERS)
def test_the_other_verbs(call: Callable[[Path], Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message) as caught:
        call(tmp_path / "model.onnx")
    assert "\n" not in str(caught.value)
