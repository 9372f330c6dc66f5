"""Random gradients with two random mistakes at once: what is wrong is never called right, what is right never wrong.

A graph is a list of nodes, each a Python expression and its local derivatives, written down here; its gradient is the
sum over paths of their products, which is compared with finite differences. An edited sum is told from the right one
by its numbers at random points, and checked as the text that a student would type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from many_cases import offenders, slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.views.answers import answer as answers

Array = np.ndarray[Any, Any]
Paths = list[list[str]]  # a list of factors for every path
POINTS = 64
ON_NUMBERS: dict[str, Any] = {
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "tanh", "sin", "cos", "sign", "abs")},
    "sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)),
    "relu": lambda a: np.maximum(a, 0.0),
    "step": lambda a: np.where(a > 0.0, 1.0, 0.0),
}
ON_VALUES = {name: getattr(mg, name) for name in ("exp", "log", "tanh", "sin", "abs", "sigmoid", "relu")}
ACTIVATIONS = {  # of a_i, with the derivative in terms of a_i and of the node z_i itself
    "sigmoid(a)": "z*(1 - z)",
    "tanh(a)": "(1 - z**2)",
    "relu(a)": "step(a)",
    "log(1 + exp(a))": "sigmoid(a)",
    "sin(a)": "cos(a)",
    "a*sigmoid(a)": "(sigmoid(a) + z*(1 - sigmoid(a)))",
}


@dataclass
class Node:
    """An expression in the labels of other nodes and leaves, and the derivative by each of them."""

    expression: str
    by: dict[str, str]


@dataclass
class Graph:
    """Nodes in the order in which they are computed, f the last; `labels` are one-hot if there are several."""

    nodes: dict[str, Node] = field(default_factory=dict)
    leaves: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def leaf(self, name: str) -> str:
        if name not in self.leaves:
            self.leaves.append(name)
        return name

    def add(self, name: str, expression: str, by: dict[str, str]) -> str:
        self.nodes[name] = Node(expression, by)
        return name

    def paths(self, wrt: str, start: str = "f") -> Iterator[list[str]]:
        """The local derivatives along every path from `start` back to `wrt`."""
        if start == wrt:
            yield []
        for parent, derivative in self.nodes[start].by.items() if start in self.nodes else ():
            yield from ([derivative, *rest] for rest in self.paths(wrt, parent))

    def numbers(self, at: dict[str, Array]) -> dict[str, Array]:
        """Every node at these numbers of the leaves."""
        known = dict(at)
        for name, node in self.nodes.items():
            known[name] = evaluated(node.expression, known)
        return known

    def values(self, at: dict[str, float]) -> dict[str, Value]:
        """The graph in labelled Values, by their labels."""
        known = {name: Value(number, label=name.replace("λ", "lambda")) for name, number in at.items()}
        for name, node in self.nodes.items():
            known[name] = eval(node.expression, {"__builtins__": {}}, ON_VALUES | known)
            known[name].label = name
        return known


def evaluated(expression: str, numbers: dict[str, Array]) -> Array:
    """What the expression is at each point."""
    return eval(expression, {"__builtins__": {}}, ON_NUMBERS | numbers) + np.zeros(POINTS)


def written(paths: Paths) -> str:
    """The sum over paths of the products along them."""
    return " + ".join("*".join(factor for factor in path if factor != "1") or "1" for path in paths) or "0"


def factored(paths: Paths) -> str:
    """The same sum with a factor that all paths have in front of it."""
    common = [factor for factor in paths[0] if all(factor in path for path in paths)]
    if len(paths) == 1 or not common:
        return written(paths)
    rests = [[*path[: (place := path.index(common[0]))], *path[place + 1 :]] for path in paths]
    return f"{common[0]}*({written(rests)})"


def draw(rng: np.random.Generator, of: Any) -> Any:
    """One of them."""
    items = list(of)
    return items[rng.integers(len(items))]


def weighted(graph: Graph, name: str, weights: list[str], nodes: list[str], bias: str | None) -> str:
    """The node w_1 n_1 + w_2 n_2 + ... + b."""
    pairs = list(zip(weights, nodes, strict=True))
    terms = [f"{weight}*{node}" for weight, node in pairs] + ([bias] if bias else [])
    by = dict(pairs) | {node: weight for weight, node in pairs}
    return graph.add(name, " + ".join(terms), by | ({bias: "1"} if bias else {}))


def squared(graph: Graph, outputs: list[str]) -> None:
    y = graph.leaf("y")
    graph.add("f", f"({outputs[0]} - {y})**2", {outputs[0]: f"2*({outputs[0]} - {y})"})


def absolute(graph: Graph, outputs: list[str]) -> None:
    y = graph.leaf("y")
    graph.add("f", f"abs({outputs[0]} - {y})", {outputs[0]: f"sign({outputs[0]} - {y})"})


def logistic(graph: Graph, outputs: list[str]) -> None:
    y = graph.leaf("y")
    graph.add("q", f"sigmoid({outputs[0]})", {outputs[0]: "q*(1 - q)"})
    graph.add("f", f"-({y}*log(q) + (1 - {y})*log(1 - q))", {"q": f"((1 - {y})/(1 - q) - {y}/q)"})


def softmax(graph: Graph, outputs: list[str]) -> None:
    classes = range(1, len(outputs) + 1)
    graph.labels = [graph.leaf(f"y_{j}") for j in classes]
    for j in classes:
        graph.add(f"e_{j}", f"exp({outputs[j - 1]})", {outputs[j - 1]: f"e_{j}"})
    graph.add("S", " + ".join(f"e_{j}" for j in classes), {f"e_{j}": "1" for j in classes})
    for j in classes:
        graph.add(f"q_{j}", f"e_{j}/S", {f"e_{j}": "1/S", "S": f"(-e_{j}/S**2)"})
    cost = "-(" + " + ".join(f"y_{j}*log(q_{j})" for j in classes) + ")"
    graph.add("f", cost, {f"q_{j}": f"(-y_{j}/q_{j})" for j in classes})


def regularised(graph: Graph, weights: list[str]) -> None:
    """λ(w_1² + w_2² + ...) added to the loss."""
    rate = graph.leaf("λ")
    loss = graph.nodes["f"]
    loss.expression += f" + {rate}*({' + '.join(f'{weight}**2' for weight in weights)})"
    loss.by |= {weight: f"2*{rate}*{weight}" for weight in weights}


def random_graph(rng: np.random.Generator) -> Graph:
    """One to four layers of one or two units, some with weights of the layer before, with a skip or with λ."""
    graph = Graph()
    nodes = [graph.leaf(f"x_{i}") for i in range(1, rng.integers(2, 4))]
    lend: list[str] = []
    units = 0
    for letter in "stuv"[: rng.integers(1, 5)]:
        activation, biased, layer = draw(rng, ACTIVATIONS), rng.random() < 0.5, []
        width = int(rng.integers(1, 3))
        own = [f"{letter}_{i}" for i in range(1, width * len(nodes) + 1)]
        weights = lend if len(lend) == len(own) and rng.random() < 0.4 else own
        for unit in range(width):
            units += 1
            row = [graph.leaf(weight) for weight in weights[unit * len(nodes) : (unit + 1) * len(nodes)]]
            a = weighted(graph, f"a_{units}", row, nodes, graph.leaf(f"b_{units}") if biased else None)
            expression, derivative = (
                re.sub(r"\b([az])\b", rf"\1_{units}", part) for part in (activation, ACTIVATIONS[activation])
            )
            z = graph.add(f"z_{units}", expression, {a: derivative})
            if unit < len(nodes) and rng.random() < 0.25:
                z = graph.add(f"r_{units}", f"{z} + {nodes[unit]}", {z: "1", nodes[unit]: "1"})
            layer.append(z)
        nodes, lend = layer, weights
    loss = draw(rng, (squared, squared, logistic, absolute, softmax))
    count = int(rng.integers(2, 4)) if loss is softmax else 1
    names = [f"o_{j}" for j in range(1, count + 1)] if count > 1 else ["y_hat" if loss is not logistic else "o"]
    head = [graph.leaf(f"w_{i}") for i in range(1, count * len(nodes) + 1)]
    for j, name in enumerate(names):
        weighted(graph, name, head[j * len(nodes) : (j + 1) * len(nodes)], nodes, None)
    loss(graph, names)
    if rng.random() < 0.25:
        regularised(graph, head)
    return graph


# Mistakes: each gives other paths, or the same where it finds nothing to get wrong.
Mistake = Callable[[np.random.Generator, Paths, Graph], Paths]


def changed(rng: np.random.Generator, paths: Paths, change: Callable[[list[str]], list[str]]) -> Paths:
    """One path changed, or all of them alike."""
    chosen = range(len(paths)) if rng.random() < 0.4 or not paths else [int(rng.integers(len(paths)))]
    return [change(path) if i in chosen else path for i, path in enumerate(paths)]


def path_left_out(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    left = int(rng.integers(len(paths)))
    return paths[:left] + paths[left + 1 :] if len(paths) > 1 else paths


def path_invented(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    other = draw(rng, [node for node in graph.nodes if node != "f"])
    return [*paths, [*draw(rng, paths)[:-1], other]]


def factor_left_out(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    left = draw(rng, draw(rng, paths))
    return changed(rng, paths, lambda path: [factor for factor in path if factor != left] or ["1"])


def factor_doubled(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    twice = draw(rng, draw(rng, paths))
    return changed(rng, paths, lambda path: [*path, twice] if twice in path else path)


def factor_of_another(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    old, new = draw(rng, draw(rng, paths)), draw(rng, draw(rng, paths))
    return changed(rng, paths, lambda path: [new if factor == old else factor for factor in path])


def another_index(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    old = draw(rng, re.findall(r"\b[a-z]+_\d+\b", written(paths)) or ["none"])
    alike = [name for name in (*graph.nodes, *graph.leaves) if name != old and name.split("_")[0] == old.split("_")[0]]
    new = draw(rng, alike or [old])
    return changed(rng, paths, lambda path: [re.sub(rf"\b{old}\b", new, factor) for factor in path])


def sign(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    return changed(rng, paths, lambda path: ["(-1)", *path])


def constant(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    number = draw(rng, ("2", "(1/2)", "(1/4)", "3"))
    return changed(rng, paths, lambda path: [number, *path])


def sum_for_product(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    return changed(rng, paths, lambda path: [f"({path[0]} + {'*'.join(path[1:])})"] if len(path) > 1 else path)


def product_of_sums(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    if len(paths) == 1 or any(len(path) == 1 for path in paths):
        return paths
    return [[f"({written([path[:-1] for path in paths])})", f"({written([path[-1:] for path in paths])})"]]


SLIPS = (  # a derivative, and what is written for it
    (r"\((\w+) - (y|y_hat)\)", r"(\1)"),
    (r"\((\w+) - (y|y_hat)\)", r"(\2)"),
    (r"\((\w+) - (y|y_hat)\)", r"(\2 - \1)"),
    (r"2\*\(y_hat - y\)", "2*sqrt(f)"),
    (r"(\w+)\*\(1 - \1\)", r"(1 - \1)"),
    (r"(\w+)\*\(1 - \1\)", r"(1 - \1**2)"),
    (r"\(1 - (\w+)\*\*2\)", r"\1*(1 - \1)"),
    (r"\(1 - (\w+)\*\*2\)", r"(1 - \1)"),
    (r"z_(\d+)\*\(1", r"a_\1*(1"),
    (r"step\(a_(\d+)\)", r"z_\1"),
    (r"cos\(", r"sin("),
    (r"sigmoid\((\w+)\)", r"sigmoid(\1)*(1 - sigmoid(\1))"),
    (r"sign\((.*)\)", r"(\1)"),
    (r"2\*λ\*\w+", "2*λ"),
    (r"2\*λ", "λ"),
)


def wrong_derivative(rng: np.random.Generator, paths: Paths, graph: Graph) -> Paths:
    pattern, slip = draw(rng, [rule for rule in SLIPS if re.search(rule[0], written(paths))] or SLIPS)
    return changed(rng, paths, lambda path: [re.sub(pattern, slip, factor) for factor in path])


MISTAKES: tuple[Mistake, ...] = (
    *(path_left_out, path_invented, factor_left_out, factor_doubled, factor_of_another, another_index, sign, constant),
    *(sum_for_product, product_of_sums, wrong_derivative, wrong_derivative),  # the last has many kinds
)


@dataclass
class Case:
    """A typed answer; `right` is None where it is right for one-hot labels only, or too close to tell."""

    typed: str
    wrt: str
    right: bool | None
    graph: Graph = field(repr=False)
    numbers: dict[str, float] = field(repr=False)
    formula: str


def drawn_points(rng: np.random.Generator, graph: Graph, one_hot: bool) -> dict[str, Array]:
    """Numbers of the leaves at each point; several labels are one-hot, and the same ones at all points, or are not."""
    points = {name: rng.normal(size=POINTS) for name in graph.leaves}
    if "λ" in points:
        points["λ"] = np.abs(points["λ"])
    if "q" in graph.nodes:
        points["y"] = rng.random(POINTS)
    if one_hot:
        known = draw(rng, graph.labels or [""])
        points |= {name: np.full(POINTS, float(name == known)) for name in graph.labels}
    return points


def far(edited: Array, right: Array) -> float:
    """How far they are apart, relatively, at the point where it is most, of those with numbers."""
    apart = np.abs(edited - right) / np.maximum(1e-3, np.maximum(np.abs(edited), np.abs(right)))
    return float(np.max(apart[np.isfinite(apart)]))


def shuffled(rng: np.random.Generator, paths: Paths) -> Paths:
    """The same sum in another order."""
    return [[path[i] for i in rng.permutation(len(path))] for path in (paths[i] for i in rng.permutation(len(paths)))]


@np.errstate(divide="ignore", invalid="ignore", over="ignore")  # where a σ is 1
def random_case(seed: int) -> Case:
    """A graph, a leaf of it, and the gradient with two mistakes, or with none in every fifth case."""
    rng = np.random.default_rng([16, seed])
    few: list[tuple[str, Paths]] = []
    while not few:
        graph = random_graph(rng)
        leaves = [leaf for leaf in graph.leaves if leaf[0] not in "yλ"]
        found = [(leaf, list(graph.paths(leaf))) for leaf in leaves]
        few = [(leaf, paths) for leaf, paths in found if 1 <= len(paths) <= 8]
    wrt, right = draw(rng, few)
    edited = right
    for place in rng.permutation(len(MISTAKES))[:2] if seed % 5 else ():
        edited = MISTAKES[place](rng, edited, graph)
    one_hot = drawn_points(rng, graph, one_hot=True)
    known, free = graph.numbers(one_hot), graph.numbers(drawn_points(rng, graph, one_hot=False))
    check_paths(graph, wrt, right, one_hot, known)
    edited = shuffled(rng, edited)
    text = factored(edited) if rng.random() < 0.5 else written(edited)
    apart = [far(evaluated(text, at), evaluated(written(right), at)) for at in (known, free)]
    verdict = False if apart[0] > 1e-6 else True if max(apart) < 1e-11 else None
    typed = re.sub(r"(?<!\*)\*(?!\*)", draw(rng, "*·"), text).replace("**", draw(rng, ("^", "**")))
    formula = "; ".join(f"{name} = {node.expression}" for name, node in graph.nodes.items())
    numbers = {name: float(column[0]) for name, column in one_hot.items()}
    return Case(typed, wrt, verdict, graph, numbers, formula)


def check_paths(graph: Graph, wrt: str, paths: Paths, at: dict[str, Array], known: dict[str, Array]) -> None:
    """The sum over paths is the gradient: central differences agree, but for points beside a kink."""
    up, down = (graph.numbers(at | {wrt: at[wrt] + step})["f"] for step in (1e-6, -1e-6))
    summed = evaluated(written(paths), known)
    agree = np.abs((up - down) / 2e-6 - summed) <= 1e-5 * (1.0 + np.abs(summed))
    assert np.mean(agree) > 0.95, f"{written(paths)} is not the gradient by {wrt}"


def check(case: Case) -> None:
    """What is wrong is not called right, what is right not wrong, and nothing is unread."""
    values = case.graph.values(case.numbers)
    (gradient,) = mg.grad(values["f"], [values[case.wrt]])
    answer = mg.check_answer(case.typed, gradient, values["f"], values[case.wrt])
    if answer.right != case.right:
        pytest.fail(f"{answer.verdict} In {case.formula}")


# Seeds: a few for every day; more, of which the mistakes are looked for too; and the rest of the first 300.
PARTS = [range(12), range(12, 60)]
UNSEARCHED = range(60, 300)


def test_most_cases_can_be_told() -> None:
    """Two mistakes seldom cancel; what has none is right."""
    told = [random_case(seed).right for seed in range(100)]
    assert told.count(False) > 60
    assert told.count(True) > 20
    assert told.count(None) < 10


@pytest.mark.parametrize("seeds", slow_but(PARTS[0], among=PARTS), ids=lambda seeds: f"{seeds[0]}-{seeds[-1]}")
def test_two_mistakes_are_never_right(seeds: range) -> None:
    """Nor is a right answer wrong."""
    assert offenders((case for case in map(random_case, seeds) if case.right is not None), check) == []


@pytest.mark.slow
def test_more_of_two_mistakes_are_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "diagnose", lambda *arguments: ())  # what is right is known before
    test_two_mistakes_are_never_right(UNSEARCHED)
