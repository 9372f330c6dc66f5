"""Softmax and logistic losses over arrays, however they are written: each ends in (q − Y), each line at its numbers."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from test_matrices import FUNCTIONS, agree, check, numbers

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.engine.gradient import topological
from microgradcnn.views.derivations.derivation import Derivation, explain
from microgradcnn.views.documents.document import Table
from microgradcnn.views.formulas.expression import Expr
from microgradcnn.views.formulas.notation import python, text


def array(label: str, *shape: int, seed: int = 0) -> Value:
    return Value(np.random.default_rng(seed).normal(size=shape).round(2), label=label)


X, W, B, XT = array("X", 4, 3), array("W", 3, 2, seed=1), array("b", 2, seed=2), array("X", 3, 4)
U, V, W1, B1 = array("U", 3, 5, seed=7), array("V", 5, 2, seed=8), array("w", 3, seed=9), Value(0.3, label="b")
ONE, CLASSES = array("x", 3, seed=11), np.array([0, 1, 1, 0])
ONE_HOT = np.eye(2)[CLASSES]
Y, YT, Y1 = Value(ONE_HOT, label="Y"), Value(ONE_HOT.T.copy(), label="Y"), Value(CLASSES * 1.0, label="y")
SMOOTH = Value(np.array([[0.3, 0.7], [0.5, 0.5], [1.0, 0.0], [0.25, 0.75]]), label="Y")
ANY, LAMBDA = array("Y", 4, 2, seed=12), Value(0.1, label="lambda")


def softmax(z: Value, axis: int = 1, names: str = "") -> Value:
    """exp(z)/Σ exp(z), where E, S and Q have these names if they are among `names`."""
    powers = named(mg.exp(z), "E", names)
    return named(powers / named(powers.sum(axis=axis, keepdims=True), "S", names), "Q", names)


def named(v: Value, label: str, among: str) -> Value:
    v.label = label if label in among else None
    return v


def cross_entropy(q: Value, labels: Value = Y) -> Value:
    return -(mg.log(q) * labels).sum() / 4


def binary(q: Value, labels: Value = Y) -> Value:
    return -(labels * mg.log(q) + (1 - labels) * mg.log(1 - q)).sum()


def logistic(z: Value) -> Value:
    return 1 / (1 + mg.exp(-z))


def shifted(z: Value) -> Value:
    return cross_entropy(softmax(z - mg.max(z, axis=1, keepdims=True)))


def opposite(q: Value, p: Value) -> Value:
    return -(Y * mg.log(q) + (1 - Y) * mg.log(named(p, "P", "P"))).sum()


S = "sum(t₁, axis 1)"
TAUGHT: dict[str, tuple[Callable[[], Value], Value, str | None]] = {
    "softmax": (lambda: cross_entropy(softmax(X @ W)), W, f"¼Xᵀ(t₁/{S} − Y)"),
    "mean of sums": (lambda: -(mg.log(softmax(X @ W)) * Y).sum(axis=1).mean(), W, f"¼Xᵀ(t₁/{S} − Y)"),
    "no distribution in ones": (lambda: cross_entropy(softmax(X @ W), SMOOTH), W, f"¼Xᵀ(t₁/{S} − Y)"),
    "bias": (lambda: cross_entropy(softmax(X @ W + B)), B, f"¼sum(t₁/{S} − Y, axis 0)"),
    "with a bias": (lambda: cross_entropy(softmax(X @ W + B)), W, f"¼Xᵀ(t₁/{S} − Y)"),
    "E and Q": (lambda: cross_entropy(softmax(X @ W, names="EQ")), W, "¼Xᵀ(Q − Y)"),
    "E, S and Q": (lambda: cross_entropy(softmax(X @ W, names="ESQ")), W, "¼Xᵀ(Q − Y)"),
    "Q": (lambda: cross_entropy(softmax(X @ W, names="Q")), W, "¼Xᵀ(Q − Y)"),
    "S": (lambda: cross_entropy(softmax(X @ W, names="S")), W, "¼Xᵀ(t₁/S − Y)"),
    "by the logits": (lambda: cross_entropy(softmax(array("Z", 4, 2), names="Q")), array("Z", 4, 2), "¼(Q − Y)"),
    "examples are columns": (
        lambda: cross_entropy(softmax(W.T @ XT, 0), YT), W, "¼X(t₁/sum(t₁, axis 0)ᵀ − Y)ᵀ"),
    "labels are transposed": (lambda: -(mg.log(softmax(X @ W)) * YT.T).sum(), W, f"Xᵀ(t₁/{S} − Yᵀ)"),
    "the sum is not kept": (
        lambda: (lambda e: cross_entropy(e / e.sum(axis=0), YT))(mg.exp(W.T @ XT)), W, "¼X(t₁/sum(t₁, axis 0)ᵀ − Y)ᵀ"),
    "a hidden layer": (
        lambda: cross_entropy(softmax(mg.tanh(X @ U) @ V)), U, f"¼Xᵀ([(t₁/{S} − Y)Vᵀ] ⊙ (1 − tanh(XU)²))"),
    "a hidden layer with a name": (
        lambda: cross_entropy(softmax(named(mg.tanh(X @ U), "H", "H") @ V, names="Q")), U,
        "¼Xᵀ([(Q − Y)Vᵀ] ⊙ (1 − H²))"),
    "the greatest is taken off": (lambda: shifted(X @ W), W, "¼Xᵀ(t₃/sum(t₃, axis 1) − Y)"),
    "class numbers": (lambda: -mg.log(softmax(X @ W))[np.arange(4), CLASSES].mean(), W, None),
    "class numbers of Q": (lambda: -mg.log(softmax(X @ W, names="Q")[np.arange(4), CLASSES]).mean(), W, None),
    "class numbers of a share": (lambda: -mg.log(softmax(X @ W)[np.arange(4), CLASSES]).mean(), W, None),
    "z − log S": (
        lambda: (lambda z: -((z - mg.log(mg.exp(z).sum(axis=1, keepdims=True))) * Y).sum())(X @ W), W,
        "Xᵀ(exp(t₁)/sum(exp(t₁), axis 1) − Y)"),
    "z − logsumexp": (
        lambda: (lambda z: -((z - mg.logsumexp(z, axis=1, keepdims=True)) * Y).sum())(X @ W), W,
        "Xᵀ(exp(t₁ − t₂) − Y)"),
    "logsumexp − z": (
        lambda: (lambda z: (mg.logsumexp(z, axis=1) - (z * Y).sum(axis=1)).mean())(X @ W), W, "¼Xᵀ(exp(t₁ − t₂) − Y)"),
    "one example": (
        lambda: (lambda e: -(mg.log(e / e.sum()) * Value(np.array([0.0, 1.0]), label="y")).sum())(
            mg.exp(W.T @ ONE + B)), B, "t₁/sum(t₁) − y"),
    "λ": (
        lambda: cross_entropy(softmax(X @ W)) + LAMBDA * (W**2).sum(), W, f"2λW + ¼Xᵀ(t₁/{S} − Y)"),
    "log(1/q)": (lambda: (mg.log(1 / softmax(X @ W)) * Y).sum(), W, f"Xᵀ(t₁/{S} − Y)"),
    "relative entropy": (
        lambda: (SMOOTH * (mg.log(SMOOTH + 1e-9) - mg.log(softmax(X @ W)))).sum(), W, f"Xᵀ(t₁/{S} − Y)"),
    "mg.softmax": (lambda: cross_entropy(mg.softmax(X @ W)), W, "¼Xᵀ(exp(t₂) − Y)"),
    "log-softmax of columns": (lambda: -(mg.log_softmax(W.T @ XT, axis=0) * YT).sum(), W, "X(exp(t₂) − Y)ᵀ"),
    "nn.cross_entropy": (lambda: nn.cross_entropy(X @ W, CLASSES), W, None),
    "three axes": (lambda: nn.cross_entropy((X @ W).reshape(2, 2, 2), CLASSES.reshape(2, 2)), W, None),
    "any labels": (lambda: cross_entropy(softmax(X @ W), ANY), W, f"¼Xᵀ(sum(Y, axis 1) ⊙ t₁/{S} − Y)"),
    "logistic": (lambda: binary(mg.sigmoid(X @ W)), W, "Xᵀ(t₁ − Y)"),
    "logistic, Q": (lambda: binary(named(mg.sigmoid(X @ W), "Q", "Q")), W, "Xᵀ(Q − Y)"),
    "logistic, bias": (lambda: binary(mg.sigmoid(X @ W + B)), B, "sum(t₁ − Y, axis 0)"),
    "logistic, one output": (
        lambda: -(Y1 * mg.log(mg.sigmoid(X @ W1 + B1)) + (1 - Y1) * mg.log(1 - mg.sigmoid(X @ W1 + B1))).mean(), W1,
        "¼Xᵀ(σ(Xw + b) − y)"),
    "logistic, bias of one output": (
        lambda: (lambda q: -(Y1 * mg.log(q) + (1 - Y1) * mg.log(1 - q)).mean())(mg.sigmoid(X @ W1 + B1)), B1,
        "¼sum(t₁ − y, axis 0)"),
    "logistic, minus twice": (
        lambda: (lambda q: (-Y * mg.log(q) - (1 - Y) * mg.log(1 - q)).sum())(mg.sigmoid(X @ W)), W, "Xᵀ(t₁ − Y)"),
    "logistic, y − 1": (
        lambda: (lambda q: ((Y - 1) * mg.log(1 - q) - Y * mg.log(q)).sum())(mg.sigmoid(X @ W)), W, "Xᵀ(t₁ − Y)"),
    "logistic, two sums": (
        lambda: (lambda q: -(Y * mg.log(q)).sum() - ((1 - Y) * mg.log(1 - q)).sum())(mg.sigmoid(X @ W)), W,
        "Xᵀ(t₁ − Y)"),
    "logistic, P = 1 − Q": (
        lambda: (lambda q: opposite(q, 1 - q))(named(mg.sigmoid(X @ W), "Q", "Q")), W, "Xᵀ(Q − Y)"),
    "logistic, any labels": (lambda: binary(mg.sigmoid(X @ W), ANY), W, "Xᵀ(t₁ − Y)"),
    "logistic, examples are columns": (lambda: binary(mg.sigmoid(W.T @ XT), YT), W, "X(t₁ − Y)ᵀ"),
    "logistic, a hidden layer": (
        lambda: binary(mg.sigmoid(mg.tanh(X @ U) @ V)), U, "Xᵀ([(t₁ − Y)Vᵀ] ⊙ (1 − tanh(XU)²))"),
    "σ written out": (lambda: binary(logistic(X @ W)), W, "Xᵀ(t₁ − Y)"),
    "σ written out, Q": (lambda: binary(named(logistic(X @ W), "Q", "Q")), W, "Xᵀ(Q − Y)"),
    "σ written out twice": (
        lambda: -(Y * mg.log(logistic(X @ W)) + (1 - Y) * mg.log(1 - logistic(X @ W))).sum(), W,
        "Xᵀ[1/(1 + exp(−XW)) − Y]"),
    "exp(z)/(1 + exp(z))": (lambda: (lambda e: binary(e / (1 + e)))(mg.exp(X @ W)), W, "Xᵀ(t₂ − Y)"),
}  # fmt: skip


def told(derivation: Derivation) -> list[Expr]:
    """The equations of derivatives, as they are told."""
    steps = (step for step in derivation.steps if step.title == "Backward")
    lines = (line for step in steps for line in step.lines if not isinstance(line, Table))
    found = [line[0] for line in lines if isinstance(line[0], Expr) and line[0].head == "equation"]
    return [e for e in found if e.args[0].head == "derivative"]


@pytest.mark.parametrize("name", TAUGHT)
def test_it_ends_in_the_difference(name: str) -> None:
    build, x, end = TAUGHT[name]
    f = build()
    (x,) = (leaf for leaf in topological(f) if leaf.op is None and leaf.label == x.label)
    derivation = explain(f, x)
    last = told(derivation)[-1].args[-1]
    if end is None:
        assert "the label is 1 at one place." in derivation.text()
        assert re.search(r" − \{1 at \[.*\], else 0\}", text(last)), text(last)
    else:
        assert text(last) == end
    check(f, x)
    every_side_is_right(derivation, f)


def every_side_is_right(derivation: Derivation, f: Value) -> None:
    known = numbers(derivation, f)
    for e in told(derivation):
        value = np.asarray(getattr(known[python(e.args[0])], "data", known[python(e.args[0])]))
        for side in e.args[1:]:
            agree(eval(python(side), {**FUNCTIONS, "__builtins__": {}}, known), value, text(side))


def test_a_simplification_says_what_it_used() -> None:
    printed = explain(TAUGHT["E, S and Q"][0](), W).text()
    assert "Q is the softmax of each row, and the labels Y of each row add up to 1.\n" in printed
    assert "E = Q ⊙ S, because Q = E/S.\n" in printed
    assert "Q ⊙ S goes into the brackets, where it cancels.\n" in printed
    printed = explain(TAUGHT["logistic, Q"][0](), W).text()
    assert "df/dQ = (1 − Y)/(1 − Q) − Y/Q (4×2)\n" in printed
    assert "= Xᵀ[(1 − Y) ⊙ Q − Y ⊙ (1 − Q)] = Xᵀ(Q − Y) (3×2)\n" in printed
    printed = explain(TAUGHT["any labels"][0](), W).text()
    assert f"Where the labels Y of each add up to 1, it is ¼Xᵀ(t₁/{S} − Y).\n" in printed


ROWS = Value(np.array([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]), label="X")
UNKNOWN: dict[str, tuple[Callable[[], Value], Value]] = {
    "two σ with targets 0 and 1": TAUGHT["logistic, Q"][:2],
    "numbers that are no labels": (
        lambda: (softmax(ROWS @ W) * ROWS[:, :2] / ROWS.sum(axis=1, keepdims=True)).sum(),
        W,
    ),
    "labels that add up to more": (lambda: cross_entropy(softmax(X @ W), Value(ONE_HOT * 2, label="Y")), W),
    "labels below 0": (lambda: cross_entropy(softmax(X @ W), Value(2 * ONE_HOT - 0.5, label="Y")), W),
    "labels that are learned": (lambda: cross_entropy(softmax(X @ W), Y), Y),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_not_used(name: str) -> None:
    build, x = UNKNOWN[name]
    f = build()
    derivation = explain(f, x)
    assert not re.search(r"(?<!Where the )labels \w+ of each row add up to 1", derivation.text())
    check(f, x)
    every_side_is_right(derivation, f)
