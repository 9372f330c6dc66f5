"""What a user names on the command line, a network, a formula or something in their own file, as a graph with a loss.

NETWORK                                   one example of a network, by its name
"z = sigmoid(w*x + b); (z - y)**2"        a formula: every name that is not assigned is a leaf
model.py:name                             a Network class, a loss or a function that gives one, or a Module, in a file
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgradcnn.cli.user_scripts import find_in_script, is_script
from microgradcnn.engine.arrays import Array
from microgradcnn.engine.gradient import grad, topological
from microgradcnn.engine.value import Value
from microgradcnn.networks import NETWORKS, Example, Network
from microgradcnn.nn import cross_entropy
from microgradcnn.nn.models import DTYPE, MODELS, SIDE, new_model
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.tokens import Names, canonical, shown
from microgradcnn.views.derivations.named_graph import recomputed
from microgradcnn.views.derivations.numbers import undefined
from microgradcnn.views.documents.document import text_line
from microgradcnn.views.formulas.expression import symbol

_MOST = 12  # names that an error lists
_INPUTS = ("x", "y", "p", "lambda")  # the letters of leaves that are no parameters, as in the lecture


@dataclass(frozen=True)
class LossGraph:
    """A loss, with the labelled nodes that it was computed from.

    `parameters` are the leaves to differentiate by unless others are named, `inputs` the other labelled leaves; in a
    formula or a file those are called x, y, p or lambda, with any index. `nodes` holds every labelled node by its
    label. `drawn` are the leaves of a formula that nobody gave a number.
    """

    name: str
    loss: Value
    parameters: dict[str, Value]
    inputs: dict[str, Value]
    nodes: dict[str, Value]
    drawn: frozenset[str] = frozenset()

    def label(self, name: str) -> str | None:
        """The label of the node that has this name in any of its spellings, None if there is none."""
        return name if name in self.nodes else Names(self.nodes).find(canonical(name) or name)

    def find(self, names: Iterable[str]) -> list[Value]:
        """The nodes with these names, in any of their spellings. Raises ValueError, with a guess, for another name."""
        return [self._found(name) for name in names]

    def undefined(self, wrt: Iterable[Value]) -> str:
        """What is not finite at the numbers of the graph: the loss or its gradient by one of these; "" if all is."""
        wanted = list(wrt)
        gradients = {x: g.data for x, g in zip(wanted, grad(self.loss, wanted), strict=True)}
        names = {x: symbol(x.label or "f") for x in (*wanted, self.loss)}
        return text_line(undefined(self.loss, gradients, names))

    def moved(self, at: Mapping[str, float]) -> LossGraph:
        """The same graph with other numbers at some leaves, computed again.

        Raises ValueError for a name that is no scalar leaf, and if other leaves of a formula have no number yet.
        """
        new = dict(zip(self.find(at), at.values(), strict=True))
        for node in new:
            if node.op is not None or node.shape:
                what = "is computed" if node.op is not None else f"is an array, {node.shape}"
                raise ValueError(f"{node.label} {what}: --at takes numbers for scalar leaves")
        if len(new) < len(at):
            raise ValueError(f"--at gives one leaf two numbers: {', '.join(at)}")
        given = {str(node.label): number for node, number in new.items()}
        if given and (missing := self.drawn - given.keys()):
            needed = [label for label in self.nodes if label in self.drawn | given.keys()]
            whole = ",".join(f"{label}={given.get(label, 1.0):g}" for label in needed)
            raise ValueError(f"--at gives no number for {', '.join(sorted(missing))}: write --at {whole}")
        loss, copies = recomputed(self.loss, new)
        inputs, parameters = (
            {label: copies.get(leaf, leaf) for label, leaf in leaves.items()}
            for leaves in (self.inputs, self.parameters)
        )
        return LossGraph(self.name, loss, parameters, inputs, _labelled(loss), self.drawn - given.keys())

    def _found(self, name: str) -> Value:
        label = self.label(name)
        if label is None:
            alike = [other for other in self.nodes if other[:1] == name[:1]]
            meant = difflib.get_close_matches(canonical(name) or name, alike, n=1)
            guess = f"did you mean {meant[0]}? " if meant else ""
            leaves = list(self.parameters | self.inputs)
            listed = ", ".join(leaves[:_MOST] + ["..."] * (len(leaves) > _MOST))
            raise ValueError(f"{self.name} has no {shown(name)}: {guess}it has {listed}")
        twins = sum(node.label == label for node in topological(self.loss))
        if twins > 1:
            raise ValueError(f"{self.name} has {twins} nodes labelled {label}: give each a label of its own")
        return self.nodes[label]


def loss_graph(
    what: str,
    activation: str | None = None,
    regularise: float | None = None,
    seed: int = 0,
    arrays: bool = False,
    outputs: int | None = None,
) -> LossGraph:
    """The graph of a network's or a model's name, a formula or `file.py:name`, which is run.

    Inputs of a network are drawn from the seed, with y = 1, and so are the leaves of a formula. `activation` (sigmoid),
    `regularise` (0) and `outputs` (1) are a network's, and so is `arrays`, the tensor form over one row in place of the
    scalar form. A network without scalar form has that over rows of its own.
    Raises ValueError, in one sentence, for what is none of these.
    """
    found = find_in_script(what) if is_script(what) else NETWORKS.get(what)
    if isinstance(found, type) and found.scalar:
        network = built_network(found, what, seed, activation=activation, regularise=regularise, outputs=outputs)
        return _of_network(what, network, np.random.default_rng(seed).normal(size=network.inputs).round(2), arrays)
    for option, given in {"--activation": activation, "--regularise": regularise, "--classes": outputs}.items():
        if given is not None:
            other = "a formula or a file" if what not in MODELS else what
            raise ValueError(f"{option} is for networks: {other} says itself what it computes")
    if what in MODELS:
        return _of_model(what, seed, arrays)
    if isinstance(found, type):
        return _of_arrays(what, found())
    if found is not None:
        return _of_value(what, found) if isinstance(found, Value) else _of_example(what, found)
    if arrays:
        raise ValueError("--arrays is for networks and files: a formula has scalars only")
    if what.isidentifier():
        meant = difflib.get_close_matches(what, NETWORKS, n=1)
        guess = f"did you mean {meant[0]}?" if meant else f"choose from {', '.join(NETWORKS)}, or write a formula"
        raise ValueError(f"{what!r} is no network: {guess}")
    return _of_formula(what, seed)


def built_network(kind: type[Network], what: str, seed: int, **options: Any) -> Network:
    """The network of a class that is called `what`, with those of its options that are given.

    Raises ValueError for one that it does not take.
    """
    given = {name: option for name, option in options.items() if option is not None}
    if given.get("outputs") == 1 and not kind.takes_outputs():
        del given["outputs"]
    for name, option in given.items():
        if name not in kind.arguments():
            flag = f"--classes {option} is" if name == "outputs" else f"--{name} is"
            raise ValueError(f"{flag} not for {what}: it has {'one output' if name == 'outputs' else 'no such part'}")
    return kind(seed=seed, **given)


def _of_network(name: str, network: Network, row: Array, arrays: bool) -> LossGraph:
    if not arrays:
        return _of_example(name, network.example(row, 1.0))
    inputs = {network.input_letter: Value(row[None], label=network.input_letter), "y": Value([1.0], label="y")}
    loss = network.loss(*inputs.values())
    return LossGraph(name, loss, network.parameters, inputs, _labelled(loss))


def _of_arrays(name: str, network: Network) -> LossGraph:
    loss = network.hand_graph()
    nodes = _labelled(loss)
    inputs = {label: v for label, v in nodes.items() if v.op is None and label not in network.parameters}
    return LossGraph(name, loss, network.parameters, inputs, nodes)


def _of_model(name: str, seed: int, arrays: bool) -> LossGraph:
    """The model's loss over two images of noise. Raises ValueError for the scalar form."""
    if not arrays:
        raise ValueError(
            f"{name} has no scalar form: `microgradcnn graph {name} --arrays -o page.html` draws it, and "
            f"`microgradcnn source {name} --arrays` prints its program"
        )
    model = new_model(name, 10, seed)
    images = np.random.default_rng(seed).random((2, 1, SIDE, SIDE)).astype(DTYPE)
    x, y = Value(images, label="x"), Value(np.arange(2, dtype=DTYPE), label="y")
    loss = cross_entropy(model(x), y)
    return LossGraph(name, loss, dict(model.named_parameters()), {"x": x, "y": y}, _labelled(loss))


def _of_example(name: str, example: Example) -> LossGraph:
    inputs = {str(leaf.label): leaf for leaf in (*example.inputs, *example.targets)}
    return LossGraph(name, example.loss, example.parameters, inputs, _labelled(example.loss))


def _of_formula(text: str, seed: int) -> LossGraph:
    rng = np.random.default_rng(seed)
    loss, drawn = read_assignments(text, lambda: round(rng.uniform(0.2, 1.3), 2))
    return _of_value("the formula", loss, drawn)


def _of_value(name: str, loss: Value, drawn: frozenset[str] = frozenset()) -> LossGraph:
    """A loss whose leaves are told apart by their letters."""
    nodes = _labelled(loss)
    leaves = {label: node for label, node in nodes.items() if node.op is None}
    inputs = {label: leaf for label, leaf in leaves.items() if label.partition("_")[0] in _INPUTS}
    parameters = {label: leaf for label, leaf in leaves.items() if label not in inputs}
    if not parameters:
        inputs, parameters = {}, leaves
    return LossGraph(name, loss, parameters, inputs, nodes, drawn & leaves.keys())


def _labelled(loss: Value) -> dict[str, Value]:
    nodes: dict[str, Value] = {}
    for node in topological(loss):
        if node.label is not None:
            nodes.setdefault(node.label, node)
    return nodes
