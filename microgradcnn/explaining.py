"""The commands that explain a network's gradient: derivation, ledger, picture, and a student's formula checked."""

from __future__ import annotations

import argparse
import json

import numpy as np

from microgradcnn.gradient import grad
from microgradcnn.networks import NETWORKS, Example
from microgradcnn.value import Value
from microgradcnn.views.answers import check_answer
from microgradcnn.views.derivation import explain as derive
from microgradcnn.views.ledger import ledger as account
from microgradcnn.views.picture import draw


def explain(options: argparse.Namespace) -> int:
    """The page of chain rule for some parameters of a network, one example written out in scalars."""
    example = _example(options)
    derivation = derive(example.loss, [_parameter(example, options, name) for name in options.wrt])
    text = {"text": derivation.text, "latex": derivation.latex, "mathml": derivation.mathml}[options.format]()
    _print({"network": options.network, "wrt": options.wrt, "derivation": text}, text, options.json)
    return 0


def check(options: argparse.Namespace) -> int:
    """Whether a formula is the gradient of a network's loss; 1 if it is not, with the mistake that explains it."""
    example = _example(options)
    parameter = _parameter(example, options, options.wrt)
    (gradient,) = grad(example.loss, [parameter])
    answer = check_answer(options.answer, gradient, example.loss, parameter)
    kinds = [diagnosis.kind for diagnosis in answer.diagnoses]
    record = {"right": answer.right, "verdict": answer.verdict, "diagnoses": kinds, "read": answer.read}
    _print(record, f"{answer.verdict}\nread as: {answer.read}", options.json)
    return 0 if answer.right else 1


def ledger(options: argparse.Namespace) -> int:
    """Every addition into a gradient, in the order of the backward pass over one example."""
    entries = account(_example(options).loss)
    record = {"network": options.network, "entries": [[e.sender, e.receiver, e.sent, e.total] for e in entries]}
    _print(record, str(entries), options.json)
    return 0


def graph(options: argparse.Namespace) -> int:
    """A picture of one example's graph with its values and gradients, in the format that the file's suffix names."""
    loss = _example(options).loss
    loss.backward()
    picture = draw(loss, collapse=options.collapse, open=options.open)
    written = picture.save(options.out)
    record = {"network": options.network, "groups": picture.groups, "written": str(written)}
    _print(record, f"written: {written}", options.json)
    return 0


def _example(options: argparse.Namespace) -> Example:
    """One example with inputs drawn from the seed, and y = 1."""
    network = NETWORKS[options.network](activation=options.activation, regularise=options.regularise, seed=options.seed)
    rng = np.random.default_rng(options.seed)
    return network.example(rng.normal(size=network.inputs).round(2), 1.0)


def _parameter(example: Example, options: argparse.Namespace, name: str) -> Value:
    if name not in example.parameters:
        raise ValueError(f"{options.network} has no parameter {name!r}: it has {', '.join(example.parameters)}")
    return example.parameters[name]


def _print(record: object, text: str, as_json: bool) -> None:
    print(json.dumps(record, indent=2, ensure_ascii=False) if as_json else text)
