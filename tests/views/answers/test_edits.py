"""Wrong gradients of deep graphs: every kind of edit is named, no wrong answer is called right, and the search ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from answers_table import FILE, Case, cases, told_kinds
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological
from microgradcnn.views.answers import answer as answers
from microgradcnn.views.answers.answer import check_answer
from microgradcnn.views.answers.assignments import read_assignments
from microgradcnn.views.answers.edits.pairs import first_match, two_of
from microgradcnn.views.answers.edits.paths import solved
from microgradcnn.views.answers.edits.program import Flow, LossProgram, Steps
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.points import random_numbers
from microgradcnn.views.derivations.named_graph import recomputed

FILES = {file.stem: file for file in (FILE, FILE.with_name("mistakes.json"))}


@pytest.mark.parametrize("every", slow_but(12, among=[1, 12]))
@pytest.mark.parametrize("name", FILES)
def test_the_cases_get_what_they_should(name: str, every: int) -> None:
    rows = [(case, *told_kinds(case)) for case in cases(FILES[name])[::every]]
    assert [
        f"{case.told}: {kinds} {verdict}" for case, right, kinds, verdict in rows if not case.kept(right, kinds)
    ] == []


DEEP = "a_1 = u*x + b_1; h_1 = tanh(a_1); a_2 = v*h_1 + b_2; h_2 = sigmoid(a_2); y_hat = w*h_2; (y_hat - y)^2"
RNN = "h_1 = tanh(u*x_1); h_2 = tanh(u*x_2 + v*h_1); y_hat = w*h_2; (y_hat - y)^2"
WIDE = "z_1 = sigmoid(u_1*x); z_2 = sigmoid(u_2*x + s*z_1); z_3 = sigmoid(u_3*x + t*z_1); y_hat = w_2*z_2 + w_3*z_3; "
WIDE += "(y_hat - y)^2"
AGAIN = "h_1 = tanh(u*x); h_2 = tanh(u*h_1); (v*h_2 - y)^2"
SHARES = "e_1 = exp(a*k_1); e_2 = exp(a*k_2); S = e_1 + e_2; q_1 = e_1/S; q_2 = e_2/S; "
SHARES += "y_hat = q_1*v_1 + q_2*v_2; (y_hat - y)^2"
LARGEST = "z_1 = sigmoid(w*x_1); z_2 = sigmoid(w*x_2); y_hat = v*max(z_1, z_2); (y_hat - y)^2"
PENALTY = "y_hat = w*x + b; (y_hat - y)^2 + lambda*w^2"
WINDOWS = "; ".join(f"z_{i} = sigmoid(c*p_{n} + b)" for i, n in enumerate((1, 2, 4, 5), 1))
WINDOWS += "; y_hat = z_1 + z_2 + z_3 + z_4 + 0*p_3; (y_hat - y)^2"
HALF = "the sign is wrong: it is −df/dw; and the regularisation gives 2λw: you have 1/2 times that"
MAXIMUM = "a maximum sends its gradient to one input alone, not to each of z_1 and z_2"
RESIDUAL = "a = w*x; z = relu(a); r = v*z + x; s = tanh(w*r) + r; (s - y)^2"
TIED = "h = tanh(w_1*x_1 + w_2*x_2); r_1 = w_1*h; r_2 = w_2*h; (r_1 - x_1)^2 + (r_2 - x_2)^2"
TIED_ANSWER = "2(r_2−x_1)h + 2(r_2−x_1)w_1(1−h²)x_1 + 2(r_2−x_2)w_2(1−h²)x_1"
HINGE = "s = w*x + b; relu(1 - y*s)^2 + 0.05*w^2"
COSINE = "d = u_1*v_1 + u_2*v_2; n = sqrt(u_1^2 + u_2^2); m = sqrt(v_1^2 + v_2^2); 1 - d/(n*m)"
COSINE_TOLD = "the factor m is missing in the path through n; and the factor m is too much"
SUMMED = "z_1 = tanh(k*x_1); z_2 = tanh(k*x_2); (v*(z_1 + z_2) - y)^2"
KALMAN = "K = P/(P + R); m_1 = m_0 + K*(z - m_0); (m_1 - y)^2"
PIXELS = "p_1, p_2, p_3 and p_4 stand where p_1, p_2, p_4 and p_5 belong"
WORDS = [
    (DEEP, "u", "2(ŷ−y)w h2(1−h2) v x", "the inner derivative 1 − h_1² is missing"),
    (DEEP, "u", "2(ŷ−y)w h2(1−h2) v h1(1−h1) x", "the inner derivative of h_1 is 1 − h_1², not sigmoid's z(1 − z)"),
    (DEEP, "u", "2(ŷ−y)w σ'(h2) v (1−h1²) x", "the inner derivative of h_2 is h_2(1 − h_2), taken at a and not at z"),
    (DEEP, "u", "2(ŷ−y)w x", "dh_2/da_1 is missing in the chain"),
    (DEEP, "u", "2ŷ w h2(1−h2) v (1−h1²) x", "y_hat stands where y_hat − y belongs"),
    (DEEP, "u", "2(ŷ−y)w h2(1−h2) v + (1−h1²) x", "a sum stands where a product belongs"),
    (RNN, "u", "2(ŷ−y)w(1−h2²)x2", "the path through h_1 is missing"),
    (RNN, "u", "2(ŷ−y)w(1−h2²)(x2 + (1−h1²)x1)", "the factor v is missing in the path through h_2"),
    (WIDE, "u_1", "2(ŷ−y)w2 z2(1−z2)s z1(1−z1)x", "the path through z_3 is missing"),
    (WIDE, "u_1", "2(ŷ−y)(z2(1−z2)s + z3(1−z3)t)z1(1−z1)x", "the factors w_2 and w_3 are missing in all paths"),
    (AGAIN, "x", "2(v h2−y)v(1−h2²)(1−h1²)", "the factor u is missing in all paths"),
    (WIDE, "w_2", "2(ŷ−y)z2 + z3", "a term with z_3 is too much in a sum"),
    (DEEP, "w", "2(ŷ−y)(1 + h2)", "a term with 1 is too much in a sum"),
    (SHARES, "a", "2(ŷ−y)(v1 − v2)(k1 − k2)", "the factors q_1 and q_2 are missing"),
    (LARGEST, "w", "2(ŷ−y)v(z1(1−z1)x1 + z2(1−z2)x2)", MAXIMUM),
    (PENALTY, "w", "−2(ŷ−y)x + λw", HALF),
    (WINDOWS, "c", "2(ŷ−y)(z1(1−z1)p1 + z2(1−z2)p2 + z3(1−z3)p3 + z4(1−z4)p4)", PIXELS),
    (RESIDUAL, "x", "(2s−2y)(v w[a > 0] + w(1−tanh²(w r)) + 1)", "ds/d(vz) is missing in the chain"),
    (HINGE, "b", "−y [1 − y s > 0]", "the inner derivative 2(relu(1 − ys)) is missing for relu(1 − ys)²"),
    (HINGE, "w", "0.1w", "the term 2λw of the regularisation stands there alone: the rest of df/dw is missing"),
    (COSINE, "u_1", "d u_1/(m n²√(u_1² + u_2²)) − v_1/n", COSINE_TOLD),
    (SUMMED, "v", "2(v(z_1 + z_2) − y)", "the factor z₁ + z₂ is missing in the path through f"),
    (KALMAN, "m_0", "2(m_1 − y)", "the path through z − m₀ is missing"),
    (KALMAN, "m_0", "−2(m_1 − y)K", "the path from m_0 to m_1 is missing"),
    (TIED, "w_1", TIED_ANSWER, "r_2 stands once where r_1 belongs, in 2 places"),
]


def graph_of(text: str) -> Value:
    return read_assignments(text, iter(np.linspace(0.3, 0.9, 40).tolist()).__next__)[0]


def leaf(loss: Value, label: str) -> Value:
    (found,) = (node for node in topological(loss) if node.label == label)
    return found


@pytest.mark.parametrize(("graph", "wrt", "text", "clause"), WORDS, ids=range(len(WORDS)))
def test_a_mistake_is_told_in_the_words_of_the_graph(graph: str, wrt: str, text: str, clause: str) -> None:
    loss = graph_of(graph)
    theta = leaf(loss, wrt)
    (gradient,) = mg.grad(loss, [theta])
    assert str(check_answer(text, gradient, loss, theta)) == f"Not quite: {clause}."


TRIPLET = "e_1 = tanh(w*a); e_2 = tanh(w*p); e_3 = tanh(w*n); relu((e_1 - e_2)^2 - (e_1 - e_3)^2 + m)"
NOT_EXPLAINED = [  # by what is true of the numbers alone
    (RESIDUAL, "x", "v w(2s − 2y)(w(1 − tanh(w r)²) + 1)[a > 0] + 2s − 2y"),
    (HINGE, "w", "0.1w"),
    (TRIPLET, "w", "2(e_1 − e_2)(2a(1 − e_1²) − 3p(1 − e_2²))[(e_1 − e_2)² − (e_1 − e_3)² + m > 0]"),
]


@pytest.mark.parametrize(("graph", "wrt", "text"), NOT_EXPLAINED, ids=range(len(NOT_EXPLAINED)))
def test_no_mistake_is_told_that_takes_away_what_it_is_in(graph: str, wrt: str, text: str) -> None:
    """y − y for ŷ − y, one derivative edited twice, a chain cut where a path goes, 2 + x for 2x: all add up."""
    loss = graph_of(graph)
    theta = leaf(loss, wrt)
    (gradient,) = mg.grad(loss, [theta])
    answer = check_answer(text, gradient, loss, theta)
    assert not answer
    kinds = [diagnosis.kind for diagnosis in answer.diagnoses]
    assert kinds in (["unknown"], ["missing path"]), answer


def test_a_mistake_is_looked_for_along_the_paths_of_the_loss_that_was_differentiated() -> None:
    w, a, b, m = (Value(x, label=name) for x, name in ((0.8, "w"), (0.4, "a"), (0.7, "b"), (1.0, "m")))
    h, g = (w * a).tanh(), (w * b).tanh()
    h.label, g.label = "h", "g"
    (gradient,) = mg.grad(h * g - m * h + m * g, [w])  # neither ŷ − y nor a name
    assert str(check_answer("1", gradient)) == "Not quite: df/dw is missing in the chain."
    twice = "(g − m)a(1 − h²) + 2*(h + m)*b*(1 − g²)"
    assert str(check_answer(twice, gradient)) == "Not quite: the path through g is counted twice."


def test_an_answer_has_the_low_letters_of_a_derivation() -> None:
    loss = graph_of("e_a = tanh(w*a); e_p = tanh(w*p); u_r = 1 - e_a*e_p; (u_r - y)^2")
    theta = leaf(loss, "w")
    (gradient,) = mg.grad(loss, [theta])
    assert check_answer("−2(uᵣ − y)((1 − eₐ²)a eₚ + eₐ(1 − eₚ²)p)", gradient)
    assert not check_answer("−2(uᵣ − y)((1 − eₐ²)a eₐ + eₐ(1 − eₚ²)p)", gradient)


NODES = [  # that the paths concerned go through, below first
    (DEEP, "u", "2(ŷ−y)w h2(1−h2) v x", ("h_1",)),
    (DEEP, "u", "2(ŷ−y)w x", ("a_1", "h_2")),
    (DEEP, "u", "4(ŷ−y)w h2(1−h2) v (1−h1²) x", ()),
    (RNN, "u", "2(ŷ−y)w(1−h2²)x2", ("h_1",)),
    (RNN, "u", "2(ŷ−y)w(1−h2²)(x2 + (1−h1²)x1)", ("h_2",)),
    ("h = tanh(w*x); y_hat = h*w; (y_hat - y)^2", "w", "2(ŷ−y)w(1−h²)x", ("w", "y_hat")),
    (WIDE, "u_1", "2(ŷ−y)(w2 z2(1−z2)s + 2 w3 z3(1−z3)t)z1(1−z1)x", ("z_3",)),
    (WINDOWS, "c", "2(ŷ−y)(z1(1−z1)p1 + z4(1−z4)p5)", ("z_2", "z_3")),
    ("z = sigmoid(w); g = z*z + 3*z; (g - y)^2", "w", "2(g−y)·3z(1−z)", ("zz",)),
    ("z = sigmoid(w); g = z*z + 3*z; (g - y)^2", "w", "2(g−y)·2z·z(1−z)", ("3z",)),
]


@pytest.mark.parametrize(("graph", "wrt", "text", "nodes"), NODES, ids=range(len(NODES)))
def test_a_mistake_knows_the_nodes_that_it_is_at(graph: str, wrt: str, text: str, nodes: tuple[str, ...]) -> None:
    loss = graph_of(graph)
    theta = leaf(loss, wrt)
    (gradient,) = mg.grad(loss, [theta])
    answer = check_answer(text, gradient, loss, theta)
    assert [d.nodes for d in answer.diagnoses] == [nodes], answer
    assert [d.direct for d in answer.diagnoses] == ["y_hat" in nodes], answer


def test_the_place_of_a_wrong_name_is_told() -> None:
    loss = graph_of(WIDE)
    theta = leaf(loss, "u_1")
    (gradient,) = mg.grad(loss, [theta])
    right = "2(ŷ−y)(w2 z2(1−z2)s + w3 z3(1−z3)t)z1(1−z1)x"
    answer = check_answer(right.replace("w3", "w2"), gradient, loss, theta)
    assert [(d.kind, d.names, d.columns) for d in answer.diagnoses] == [
        ("index", ("w_2", "w_3"), (right.index("w3") + 1,))
    ]
    assert check_answer(right + " s", gradient, loss, theta).diagnoses[0].columns == (
        right.index("s") + 1,
        len(right) + 2,
    )
    assert check_answer(right.replace("t", ""), gradient, loss, theta).diagnoses[0].columns == ()


# No wrong answer is called right: random networks with two edits of the gradient, and other points to tell


class Written(NamedTuple):
    """A loss, and its gradient by u_1 as a sum of products of factors, with a number in front."""

    loss: str
    number: float
    paths: list[list[str]]


SLOPES = {"sigmoid": "{0}*(1 - {0})", "tanh": "(1 - {0}^2)"}


def network(rng: np.random.Generator) -> Written:
    """ŷ = Σ w_i φ(a_i) over one hidden layer, or over two of which the first has one unit on all paths."""
    units, deep = int(rng.integers(1, 4)), bool(rng.integers(2))
    phi, psi = rng.choice(list(SLOPES), 2).tolist()
    lines, paths = ["g_1 = u_1*x_1 + u_2*x_2", f"h_1 = {psi}(g_1)"], []
    for i in range(1, units + 1):
        inside = f"v_{i}*h_1 + b_{i}" if deep else f"u_1*x_{i} + b_{i}"
        lines += [f"a_{i} = {inside}", f"z_{i} = {phi}(a_{i})"]
        below = [f"v_{i}", SLOPES[psi].format("h_1"), "x_1"] if deep else [f"x_{i}"]
        paths.append([f"w_{i}", SLOPES[phi].format(f"z_{i}"), *below])
    lines.append("y_hat = " + " + ".join(f"w_{i}*z_{i}" for i in range(1, units + 1)))
    return Written(
        "; ".join([*(lines if deep else lines[2:]), "(y_hat - y)^2"]), 2.0, [["(y_hat - y)", *p] for p in paths]
    )


def edited(rng: np.random.Generator, right: Written) -> Written:
    """The gradient with one edit, which may undo another."""
    number, paths = right.number, [list(path) for path in right.paths]
    i = int(rng.integers(len(paths)))
    k = int(rng.integers(len(paths[i]))) if paths[i] else -1
    pool = [factor for path in right.paths for factor in path] or ["x_1"]
    edit = int(rng.integers(8))
    if edit == 0 and k >= 0:
        del paths[i][k]
    elif edit == 1 and k >= 0:
        paths[i].append(paths[i][k])
    elif edit == 2 and k >= 0:
        paths[i][k] = str(rng.choice(pool))
    elif edit == 3 and len(paths) > 1:
        del paths[i]
    elif edit == 4:
        paths.append(list(paths[i]))
    elif edit == 5:
        paths[i].append("(-1)")
    elif edit == 6:
        number *= float(rng.choice([0.5, 2.0, -1.0]))
    else:
        paths[i].append(str(rng.choice(["z_1", "(1 - z_1)", "w_1", "b_1", "1"])))
    return Written(right.loss, number, paths)


def text_of(written: Written) -> str:
    return f"{written.number}*({' + '.join('*'.join(path or ['1']) for path in written.paths)})"


def by_hand(written: Written) -> bool:
    """Whether the formula is the gradient: at points of this function's own, by a complex step of the loss."""
    rng = np.random.default_rng(7)
    names = dict.fromkeys(f"{letter}_{i}" for letter in "uvwxb" for i in range(1, 4)) | {"y": None}
    values: dict[str, Any] = {name: rng.normal(size=40).astype(complex) for name in names}
    functions = {"sigmoid": lambda a: 1.0 / (1.0 + np.exp(-a)), "tanh": np.tanh}

    def at(own: dict[str, Any]) -> dict[str, Any]:
        *lines, last = written.loss.replace("^", "**").split("; ")
        for line in (*lines, f"f = {last}"):
            name, _, right = line.partition(" = ")
            own[name] = eval(right, {**functions, **own})
        return own

    step = at({**values, "u_1": values["u_1"] + 1e-30j})["f"].imag / 1e-30
    found = eval(text_of(written).replace("^", "**"), at(dict(values)))
    return bool(np.allclose(np.real(found), step, rtol=1e-9, atol=1e-12))


def two_edits(count: int, seed: int) -> Iterator[tuple[Written, bool]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        wrong = edited(rng, edited(rng, network(rng)))
        yield wrong, by_hand(wrong)


def verdicts(count: int, seed: int) -> list[str]:
    """The formulas that are called right and are not, or the other way round."""
    found = []
    for written, right in two_edits(count, seed):
        loss = graph_of(written.loss)
        theta = leaf(loss, "u_1")
        (gradient,) = mg.grad(loss, [theta])
        if check_answer(text_of(written), gradient, loss, theta).right != right:
            found.append(f"{written.loss}: {text_of(written)}")
    return found


def test_two_mistakes_at_once_are_never_right() -> None:
    assert verdicts(4, seed=0) == []
    assert sum(right for _, right in two_edits(100, seed=0)) > 0  # some undo each other


@pytest.mark.slow
def test_many_times_two_mistakes_are_never_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "diagnose", lambda *arguments: ())  # what is said of them is tested elsewhere
    assert verdicts(150, seed=1) == []


@pytest.mark.slow
def test_most_of_two_mistakes_are_named() -> None:
    named = [told_kinds(case)[1] for case in wrong_cases(60, seed=2)]
    assert sum("unknown" not in kinds for kinds in named) > 0.8 * len(named)


def wrong_cases(count: int, seed: int) -> Iterator[Case]:
    for written, right in two_edits(count, seed):
        if not right:
            loss = graph_of(written.loss)
            yield Case(loss, leaf(loss, "u_1"), text_of(written), False, (), text_of(written))


# Rounded numbers, and how sure a verdict is


@pytest.mark.parametrize(
    ("text", "digits"),
    [("1.3333 v³", 5), ("1.333v^3", 4), ("1.33v^3", 3), ("v³/0.75", None), ("1.3v^3", 0), ("1.3334v^3", 0)],
)
def test_rounded_numbers_are_right_to_their_digits(text: str, digits: int | None) -> None:
    v = Value(0.5, label="v")
    (gradient,) = mg.grad(v**4 / 3.0, [v])
    answer = check_answer(text, gradient)
    assert answer.right == (digits != 0)
    assert answer.digits == (digits or None)
    if digits:
        assert str(answer) == f"Right, but rounded: right to {digits} digits."
    assert " 1 times" not in str(answer)


def test_a_tolerance_is_a_share() -> None:
    v = Value(0.5, label="v")
    (gradient,) = mg.grad(v**4 / 3.0, [v])
    assert check_answer("1.3v^3", gradient, tolerance=0.05).verdict == "Right within 0.05: this is nearly the gradient."
    assert not check_answer("1.3v^3", gradient, tolerance=0.01)
    for tolerance in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="a tolerance is a share between 0 and 1"):
            check_answer("1.3v^3", gradient, tolerance=tolerance)


@pytest.mark.parametrize("spike", ["[v > 50]", "max(v - 50, 0)", "1/(1 + 1e9 v²)^9"])
def test_an_answer_that_may_differ_elsewhere_is_told_to_be_unproved(spike: str) -> None:
    v = Value(0.5, label="v")
    (gradient,) = mg.grad(v * v, [v])
    assert "no proof" in check_answer(f"2v + {spike}", gradient).verdict
    assert "no proof" not in check_answer("2v", gradient).verdict


SOFTMAX = "; ".join(f"e_{i} = exp(w_{i}*x)" for i in (1, 2, 3)) + "; S = e_1 + e_2 + e_3; "
SOFTMAX += "; ".join(f"q_{i} = e_{i}/S" for i in (1, 2, 3)) + "; -(y_1*log(q_1) + y_2*log(q_2) + y_3*log(q_3))"


@pytest.mark.parametrize(("targets", "right"), [((0, 1, 0), True), ((0.2, 0.5, 0.3), True), ((0.5, 0.6, 0.7), False)])
def test_an_answer_may_count_on_targets_that_are_a_distribution(targets: tuple[float, ...], right: bool) -> None:
    loss = graph_of("; ".join(f"y_{i} = {y}" for i, y in enumerate(targets, 1)) + "; " + SOFTMAX)
    theta = leaf(loss, "w_2")
    (gradient,) = mg.grad(loss, [theta])
    assert check_answer("(q_2 − y_2)x", gradient, loss, theta).right == right
    assert check_answer("(q_2(y_1 + y_2 + y_3) − y_2)x", gradient, loss, theta)
    assert not check_answer("(q_2 + y_2)x", gradient, loss, theta)


@pytest.mark.parametrize(("text", "alone"), [("2√f w h2", False), ("7√f u", False), ("2√f h2", True), ("√f h2", False)])
def test_a_root_is_called_readable_only_where_nothing_else_is_wrong(text: str, alone: bool) -> None:
    loss = graph_of(RNN)
    theta = leaf(loss, "w")
    (gradient,) = mg.grad(loss, [theta])
    answer = check_answer(text, gradient, loss, theta)
    assert not answer
    assert ("right only if you read √f as ŷ − y" in answer.verdict) == alone
    assert answer.diagnoses[-1].kind == "root"
    assert (len(answer.diagnoses) == 1) == alone


@pytest.mark.parametrize("text", ["(q_2 − 1)x", "-1/q_2 · q_2(1 − q_2)x", "(e_2/(e_1 + e_2 + e_3) − 1)x"])
def test_an_answer_may_count_on_one_hot_targets_that_a_text_gives(text: str) -> None:
    loss = graph_of(f"y_1 = 0; y_2 = 1; y_3 = 0; {SOFTMAX}")
    theta = leaf(loss, "w_2")
    (gradient,) = mg.grad(loss, [theta])
    assert check_answer(text, gradient, loss, theta)
    assert not check_answer("q_2 x", gradient, loss, theta)
    copy, copies = recomputed(loss, {leaf(loss, "x"): 0.3})  # no text: its targets may be those of any other row
    (gradient,) = mg.grad(copy, [copies.get(theta, theta)])
    assert check_answer("(q_2 − y_2)x", gradient, copy, copies.get(theta, theta))
    assert not check_answer(text, gradient, copy, copies.get(theta, theta))


# The parts


def test_random_numbers_are_lehmers() -> None:
    state, found = 1, []
    for _ in range(1000):
        state = state * 48271 % (2**31 - 1)
        found.append(state / (2**31 - 1))
    np.testing.assert_array_equal(random_numbers(1000), found)


def test_what_flows_through_a_cut_is_the_gradient() -> None:
    loss = graph_of(WIDE)
    theta = leaf(loss, "u_1")
    evidence = Evidence(mg.grad(loss, [theta])[0], loss, theta)
    flow = evidence.flow
    assert flow is not None
    place = {label: n for n, label in enumerate(flow.program.labels)}
    np.testing.assert_allclose(flow.total, evidence.g, rtol=1e-12)
    np.testing.assert_allclose(flow.through(place["z_2"]) + flow.through(place["z_3"]), evidence.g, rtol=1e-10)
    np.testing.assert_allclose(flow.through(place["z_1"]), evidence.g, rtol=1e-10)
    doubled = {edge: 2.0 * flow.slope(edge) for edge in flow.edges if edge[0] == place["z_1"]}
    np.testing.assert_allclose(flow.with_slopes(doubled).total, 2.0 * evidence.g, rtol=1e-10)


def test_a_program_is_of_scalars() -> None:
    w = Value(np.ones(3), label="w")
    with pytest.raises(ValueError, match="is an array, or made of one"):
        LossProgram((w * w).sum(), lambda node: np.asarray(node.data), 1)


def test_columns_that_depend_on_each_other_get_nothing() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 20))
    np.testing.assert_array_equal(solved([a, 2.0 * a, b], 3.0 * a - b), [3.0, 0.0, -1.0])
    assert solved([a, b], a * b) is None
    assert solved([a] * 11, a) is None


def test_matches_of_rows() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 20))
    assert first_match(rows, 0.5 * rows[3]) == (3, pytest.approx(0.5))
    assert first_match(rows, 0.12345 * rows[3]) is None
    assert two_of(rows, rows[1] + rows[4], Steps()) == (1, 4)
    assert two_of(rows, rows[1] * rows[4], Steps()) is None
    assert two_of(rows[:0], rows[1], Steps()) is None


def test_closed_edges_carry_nothing() -> None:
    loss = graph_of(RNN)
    theta = leaf(loss, "u")
    evidence = Evidence(mg.grad(loss, [theta])[0], loss, theta)
    assert evidence.flow is not None
    program = evidence.flow.program
    closed = frozenset(edge for edge in evidence.flow.edges if program.parents[edge[0]][edge[1]] == evidence.flow.theta)
    np.testing.assert_array_equal(Flow(program, evidence.flow.theta, closed).total, 0.0)
