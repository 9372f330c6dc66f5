"""A number is printed where it holds: polynomials of costs from the smallest size on, derivatives where f is finite."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from command_line import run, strict
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn.networks import NETWORKS
from microgradcnn.views.cost.counting import counted

PARTS = {"S": "hidden layer", "c": "filters", "w": "final layer"}
OPTIONS = [(), ("--regularise", "0.1"), ("--activation", "relu"), ("--activation", "relu", "--regularise", "1")]
Counts = dict[str, dict[str, int]]


def direct(name: str, options: tuple[str, ...], **sizes: int) -> Counts:
    """The operations of one iteration at these sizes, part by part, counted in the graph that has them."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    more: dict[str, Any] = {"activation": given.get("--activation", "sigmoid")}
    more["regularise"] = float(given.get("--regularise", 0))
    if name == "single_layer":
        network = NETWORKS[name](m=sizes["m"], k=sizes["k"], **more)
    else:
        positions, kernel = (int(np.sqrt(sizes[size])) for size in "Pq")
        image = (positions + kernel - 1,) * 2
        network = NETWORKS[name](filters=sizes["F"], image=image, kernel=(kernel, kernel), **more)
    rng = np.random.default_rng(0)
    loss = network.loss(rng.normal(size=(sizes["n"], network.inputs)), rng.normal(size=sizes["n"]))
    found = counted(loss, {PARTS[label]: [p] for label, p in network.parameters.items()}, separately=False)
    return {part: {kind: int(n) for kind, n in count.work.items() if n} for part, count in found.items()}


def evaluated(terms: list[dict[str, Any]], sizes: dict[str, int]) -> Fraction:
    """A polynomial as the JSON has it, at these sizes."""
    total = Fraction(0)
    for term in terms:
        product = Fraction(term["coefficient"])
        for variable, exponent in term.items():
            product *= 1 if variable == "coefficient" else Fraction(sizes[variable]) ** exponent
        total += product
    return total


def printed(amounts: dict[str, Any], sizes: dict[str, int]) -> dict[str, int]:
    """What the JSON says of a part at these sizes, by kind of work, without what is nothing."""
    kinds = {"operations": amounts["operations"], **amounts["functions"]}
    values = {kind: evaluated(polynomial["terms"], sizes) for kind, polynomial in kinds.items()}
    return {kind: int(value) if value.denominator == 1 else value for kind, value in values.items() if value}  # type: ignore[misc]


def summed(counts: Counts) -> dict[str, int]:
    total: dict[str, int] = {}
    for kinds in counts.values():
        for kind, number in kinds.items():
            total[kind] = total.get(kind, 0) + number
    return total


Costs = Callable[[str, tuple[str, ...]], tuple[Any, str]]


@pytest.fixture(scope="module")
def costs() -> Costs:
    """What `cost --json` and `cost` say of a network, found once."""

    @cache
    def found(name: str, options: tuple[str, ...]) -> tuple[Any, str]:
        done = run("cost", name, *options, "--json")
        assert done.code == 0, done.err
        return strict(done.out), run("cost", name, *options).out

    return found


every_network = pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
every_option = pytest.mark.parametrize("options", OPTIONS[:2], ids=" ".join)


BEYOND_1 = r"\b{} (≥ ([2-9]|1\d)|> 1)"  # how a text says from which size on a polynomial holds


def lecture_sizes(record: Any) -> dict[str, int]:
    return {name: size for name, size in record["lecture"].items() if isinstance(size, int)}


@pytest.mark.slow
@every_option
@every_network
def test_both_lines_say_the_same_at_the_lectures_sizes(name: str, options: tuple[str, ...], costs: Costs) -> None:
    record, text = costs(name, options)
    others = [{"n": n, "m": m} for n in range(2, 6) for m in ((2, 3, 9) if name == "single_layer" else (9,))]
    for other in others:
        sizes = lecture_sizes(record) | other
        counts = {part["part"]: printed(part, sizes) for part in record["parts"]}
        counts.pop("total", None)
        truth = direct(name, options, **sizes)
        assert printed(record["lecture"], sizes) == summed(truth), sizes
        assert counts == truth or any(re.search(BEYOND_1.format(size), text) for size in sizes if sizes[size] == 1), (
            sizes
        )


def some_sizes(name: str) -> Iterator[dict[str, int]]:
    """Sizes from the smallest that a network takes, but for one row, where a mean takes no division."""
    if name == "single_layer":
        yield from ({"n": n, "m": m, "k": k} for n, m, k in itertools.product((2, 5), (1, 2, 7), (1, 2, 6)))
    else:
        yield from (
            {"n": n, "F": F, "P": P, "q": q}
            for n, F, P, q in itertools.product((2, 3), (1, 2, 3), (1, 4, 9), (1, 4, 9))
        )


@every_network
def test_every_polynomial_holds_from_the_smallest_size_or_says_from_which(name: str, costs: Costs) -> None:
    record, text = costs(name, ())
    variables = set(record["parts"][0]["operations"]["terms"][0]) - {"coefficient"}
    fixed = {size: number for size, number in lecture_sizes(record).items() if size not in variables}
    least = {size: int(number) for size, number in re.findall(r"([a-zA-Z]) ≥ (\d+)", text.partition("In all")[0])}
    assert least == record["least"]
    for sizes in some_sizes(name):
        if all(sizes[size] == number for size, number in fixed.items()):
            counts = {part["part"]: printed(part, sizes) for part in record["parts"]}
            counts.pop("total", None)
            assert counts == direct(name, (), **sizes) or any(sizes[size] < least[size] for size in least), sizes
    assert all(number <= 4 for number in least.values())  # that one number is more than 1 and square


@every_network
def test_text_and_json_have_the_same_polynomials(name: str, costs: Costs) -> None:
    record, text = costs(name, ())
    for part in record["parts"]:
        assert part["operations"]["text"] in text
    assert record["lecture"]["operations"]["text"] in text


# mg.cost


def mean_of_rows(n: int, m: int) -> tuple[mg.Value, dict[str, Any]]:
    w, b = mg.Value(np.full(m, 0.5), label="w"), mg.Value(0.5, label="b")
    return (np.ones((n, m)) @ w + b - np.ones(n)).square().mean(), {"slopes": w, "intercept": b}


def sum_of_rows(n: int, m: int) -> tuple[mg.Value, dict[str, Any]]:
    w = mg.Value(np.full(m, 0.5), label="w")
    return mg.sum((np.ones((n, m)) @ w - np.ones(n)).square()), {"w": w}


def mean_of_means(n: int, m: int) -> tuple[mg.Value, dict[str, Any]]:
    w = mg.Value(np.full((n, m), 0.5), label="w")
    return w.exp().mean(axis=1).square().mean(), {"w": w}


def in_scalars(n: int, m: int) -> tuple[mg.Value, dict[str, Any]]:
    weights = [mg.Value(0.5, label=f"w_{i}") for i in range(m)]
    rows = [sum((w * 2.0 for w in weights[1:]), weights[0] * 2.0) for _ in range(n)]
    return sum((row * row for row in rows[1:]), rows[0] * rows[0]) / n, {"w": weights}


BUILDERS = [mean_of_rows, sum_of_rows, mean_of_means, in_scalars]


def counts_of(build: Callable[..., Any], **sizes: int) -> Counts:
    loss, groups = build(**sizes)
    lists = {name: group if isinstance(group, list) else [group] for name, group in groups.items()}
    found = counted(loss, lists, separately=False)
    return {part: {kind: int(n) for kind, n in count.work.items() if n} for part, count in found.items()}


def answer(asked: Callable[[], Any]) -> Any:
    """What a function gives, or the ValueError with which it refuses, which is one sentence."""
    try:
        return asked()
    except ValueError as error:
        if not str(error).isprintable():
            raise
        return error


def without_nothing(counts: Counts) -> Counts:
    return {part: {kind: number for kind, number in kinds.items() if number} for part, kinds in counts.items()}


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("start", [1, 2])
def test_counts_are_right_at_all_sizes_that_were_asked_for(build: Callable[..., Any], start: int) -> None:
    """Also from one row on, where a mean takes no division: then there is no polynomial, or it holds there too."""
    found = answer(lambda: mg.cost(build, {"n": range(start, start + 7), "m": range(start, start + 7)}))
    if isinstance(found, ValueError):
        assert start == 1
        return
    for n, m in itertools.product((start, start + 1, start + 5, 11), repeat=2):
        assert without_nothing(found.counts(n=n, m=m)) == counts_of(build, n=n, m=m), (n, m)


@pytest.mark.parametrize("build", BUILDERS)
def test_a_size_is_filled_in_only_where_the_polynomial_holds(build: Callable[..., Any]) -> None:
    """`at` and `counts` give what the graph of that size gives, or refuse in a sentence."""
    found = mg.cost(build, ["n", "m"])
    for n, m in [(1, 1), (1, 3), (3, 1), (2, 2), (9, 4)]:
        for asked in (lambda n=n, m=m: found.counts(n=n, m=m), lambda n=n, m=m: found.at(n=n).counts(m=m)):
            counts = answer(asked)
            if isinstance(counts, ValueError):
                assert 1 in (n, m)
            else:
                assert without_nothing(counts) == counts_of(build, n=n, m=m), (n, m)


def test_a_convolutional_network_with_one_filter_in_python() -> None:
    """What the lecture's first convolutional network costs, from the polynomials for any number of filters."""

    def build(n: int, F: int) -> tuple[mg.Value, dict[str, Any]]:
        network = NETWORKS["conv_average"](filters=F)
        return network.loss(np.ones((n, 9)), np.ones(n)), {"filters": network.parameters["c"]}

    found = mg.cost(build, ["n", "F"])
    for n in (2, 3, 7):
        counts = answer(lambda n=n: found.at(F=1).counts(n=n))
        assert "F" in str(counts) if isinstance(counts, ValueError) else summed(counts)["operations"] == 80 * n + 4


# Where f or a derivative is not finite

NOT_FINITE = [
    ("log(x)", "x=-1"),
    ("log(x)", "x=0"),
    ("x*log(x)", "x=-2"),
    ("sqrt(x)", "x=-1"),
    ("1/x", "x=0"),
    ("y/x + y", "x=0,y=1"),
    ("exp(x)", "x=1000"),
    ("exp(x) - exp(x + 1)", "x=800"),
    ("x**y", "x=-1,y=0.5"),
    ("z = log(x); z*z + y", "x=-3,y=1"),
    ("(w*x)**2", "w=1e160,x=1e160"),
]
NO_SLOPE = [("sqrt(x)", "x=0"), ("x**0.5", "x=0"), ("sqrt(x*x)", "x=0")]


@pytest.mark.parametrize(("formula", "at"), NOT_FINITE, ids=[f"{f} {at}" for f, at in NOT_FINITE])
def test_that_f_is_not_finite_is_said_instead_of_a_derivative(formula: str, at: str) -> None:
    done = run("explain", formula, "--wrt", "x", "--at", at)
    told = done.out + done.err
    assert done.code in (0, 1, 2)
    assert "Traceback" not in told
    assert "not finite" in told
    assert "←" not in told  # no step is taken
    assert "✓" not in told
    assert not re.search(r"df/dx = [^\n]*(NaN|∞|inf)\b", told), told
    assert "goes from" not in told


@pytest.mark.parametrize(("formula", "at"), NO_SLOPE, ids=[f"{f} {at}" for f, at in NO_SLOPE])
def test_that_a_derivative_is_not_finite_is_said_instead_of_a_step(formula: str, at: str) -> None:
    told = run("explain", formula, "--wrt", "x", "--at", at)
    assert "not finite" in told.out + told.err
    assert "←" not in told.out
    assert "✓" not in told.out


@pytest.mark.parametrize("form", ["text", "latex", "mathml", "json"])
def test_in_every_format(form: str) -> None:
    done = run("explain", "log(x)", "--wrt", "x", "--at", "x=-1", "--format", form)
    assert "finite" in done.out + done.err
    assert "←" not in done.out
    assert r"\leftarrow" not in done.out


def test_a_finite_derivative_keeps_its_step() -> None:
    told = run("explain", "log(x)", "--wrt", "x", "--at", "x=2").out
    assert "✓" in told
    assert "x ← x − η(df/dx) = 2 − 0.1·0.5 = 1.95" in told
    assert "not finite" not in told


def test_in_python() -> None:
    x = mg.Value(-1.0, label="x")
    told = mg.explain(x.log(), wrt=x).text()
    assert "not finite" in told
    assert "←" not in told
