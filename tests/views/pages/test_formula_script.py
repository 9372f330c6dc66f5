"""formula.js against the parser of answers: both read the same texts, to the same value, and refuse the same ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from conftest import needs_chromium
from hypothesis import given
from hypothesis import strategies as st
from test_formula import AT as VALUES
from test_formula import ATTACKS, MESSAGES, NAMES, READ, Tree, by_python, formulas, known, latex_like, python_like
from test_reading import REFUSED, RIGHT, WRONG

import microgradcnn as mg
from microgradcnn.cli.loss_graphs import loss_graph
from microgradcnn.networks import NETWORKS
from microgradcnn.views.answers.evidence import Evidence
from microgradcnn.views.answers.parser import parse, read, write
from microgradcnn.views.answers.tokens import FormulaError, Names, canonical
from microgradcnn.views.pages.assets import formula_script, literal

FILES = Path(__file__).parents[2] / "files"

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium

Read: TypeAlias = Callable[..., list[float | str]]

READ_ALL = """([texts, labels, activation, at]) => {
    const known = formula.names(labels, activation), values = new Map(Object.entries(at));
    return texts.map((text) => {
        try {
            return {value: String(formula.evaluator(formula.parse(text, known))(values))};
        } catch (error) {
            if (error instanceof formula.FormulaError) return {refusal: error.message};
            throw error;
        }
    });
}"""


@pytest.fixture(scope="module")
def by_page(browser: Browser) -> Iterator[Read]:
    """What a browser makes of texts: the value of each, or the sentence that refuses it."""
    page = browser.new_page()
    page.set_content(f"<!doctype html><script>{formula_script()}</script>")

    def values(
        texts: list[str], labels: Iterable[str] = VALUES, activation: str = "sigmoid", at: dict[str, float] = VALUES
    ) -> list[float | str]:
        found = page.evaluate(READ_ALL, [texts, list(labels), activation, at])
        return [x["refusal"] if "refusal" in x else float(x["value"].replace("Infinity", "inf")) for x in found]

    yield values
    page.close()


def test_what_is_read_has_the_value_that_python_gives_it(by_page: Read) -> None:
    for (text, meaning), value in zip(READ, by_page([text for text, _ in READ]), strict=True):
        assert value == pytest.approx(by_python(meaning), rel=1e-12, abs=1e-12), text


def test_sigma_is_the_activation_of_the_graph(by_page: Read) -> None:
    texts = ["σ(-a_1)", "σ'(-a_1)", "σ'(a_1)", "sigmoid(0)"]
    assert by_page(texts, activation="relu") == [0.0, 0.0, 1.0, 0.5]
    assert by_page(["σ(0)", "σ'(0)"], activation="tanh") == [0.0, 1.0]


def test_a_place_in_a_model_is_a_name(by_page: Read) -> None:
    at = {"layers.0.w.1": 2.0, "layers.0.w.10": 3.0, "x_1": 5.0}
    texts = ["2layers.0.w.1 x₁", "(layers.0.w.10·x1 - layers.0.w.1)^2", "layers.0.w.7", "layers.0.w.1.b"]
    found = by_page(texts, at, at=at)
    assert found[:2] == [20.0, 169.0]
    names = Names(at)
    for text, value in zip(texts, found, strict=True):
        with pytest.raises(FormulaError) if isinstance(value, str) else nullcontext():
            assert parse(text, names, lambda label: mg.Value(at[label], label=label)).item() == value
    assert all(str(value).startswith("layers is not known here") for value in found[2:])


def test_labels_win_over_everything_else(by_page: Read) -> None:
    assert (
        by_page(["e^y", "exp(y)", "s_112"], ["y", "s_1_12", "s_11_2"])[:2] == [pytest.approx(np.exp(VALUES["y"]))] * 2
    )
    assert by_page(["s_112"], ["s_1_12", "s_11_2"]) == ["s_112 could be s_11_2 or s_1_12: write one of them"]
    assert by_page(["constructor", "__proto__", "toString(1)", "z_1"], ["z_1"])[:3] == [
        "constructor is not known here (column 1)",
        "'_' in column 1 has no place in a formula",
        "toString is not known here (column 1)",
    ]


def test_refusals_say_the_same(by_page: Read) -> None:
    for (text, message), said in zip(MESSAGES, by_page([text for text, _ in MESSAGES]), strict=True):
        assert isinstance(said, str), text
        if "did you mean" in message:  # Python guesses by likeness, the page by the first letter
            message, said = message.split(":")[0], said.split(":")[0].split(" (")[0]
        assert said.replace("\\u0000", "\\x00") == message


def test_attacks_are_refused(by_page: Read) -> None:
    texts = [text[:100_000] for text in ATTACKS]  # megabytes take long to reach the browser, and are no worse
    for text, found in zip(texts, by_page(texts), strict=True):
        assert isinstance(found, str), ascii(text[:60])
        assert 10 < len(found) < 200


def by_parser(text: str) -> float | None:
    try:
        return parse(text, NAMES, known).item()
    except FormulaError:
        return None


@given(formulas())
def test_random_formulas_in_every_notation(by_page: Read, tree: Tree) -> None:
    texts = [python_like(tree), latex_like(tree)]
    texts.append(write(parse(texts[0], NAMES), texts[0]))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(by_page(texts), [by_parser(text) for text in texts], rtol=1e-12)


@given(
    st.lists(
        st.text(max_size=60) | st.text(alphabet="yz_12 ()[]{}|^*/+-√\\.σ'ŷ₁²½<>=efp,;·∑iw&$@Tdn", max_size=40),
        max_size=40,
    )
)
def test_any_text_is_read_by_both_or_by_none(by_page: Read, texts: list[str]) -> None:
    for text, found in zip(texts, by_page(texts), strict=True):
        value = by_parser(text)
        assert isinstance(found, str) == (value is None), text
        if value is not None:
            np.testing.assert_allclose(found, value, rtol=1e-12)


READ_CASES = """(cases) => cases.map(({answer, labels, activation, asked, values}) => {
    try {
        const known = formula.names(labels, activation, asked), {tree, digits} = formula.read(answer, known);
        const at = new Map(Object.entries(values));
        return {value: String(formula.evaluator(tree)(at)), digits};
    } catch (error) {
        if (error instanceof formula.FormulaError) return {refusal: error.message.split(":")[0]};
        throw error;
    }
})"""
SINGLE45, CONV43 = {"m": 4, "k": 5}, {"image": (4, 4), "kernel": (3, 3)}
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "graphs.py:single45": ("single_layer", SINGLE45),
    "graphs.py:single_relu": ("single_layer", {"activation": "relu"}),
    "graphs.py:conv43": ("conv_average", CONV43),
    "graphs.py:conv_lin43": ("conv_linear", CONV43),
    "graphs.py:conv_avg_lam": ("conv_average", {"regularise": 0.1}),
    "graphs.py:single_lam": ("single_layer", {"regularise": 0.1}),
    "graphs.py:conv_lin_relu": ("conv_linear", {"activation": "relu"}),
    "graphs.py:tcal_lam": ("two_conv_average_linear", {"regularise": 0.05}),
}


def evidence_of(graph: str, wrt: str) -> Evidence:
    """What an answer to a case is compared with."""
    name, settings = SETTINGS.get(graph, (graph, {}))
    if name in NETWORKS:
        network = NETWORKS[name](seed=1, **settings)
        example = network.example(np.linspace(-0.9, 1.1, network.inputs), 1.0)
        loss, x = example.loss, example.parameters[canonical(wrt) or wrt]
    else:
        found = loss_graph(graph)
        loss, (x,) = found.loss, found.find([wrt])
    return Evidence(mg.grad(loss, [x])[0], loss, x)


def test_answers_of_people_are_read_alike_by_both(browser: Browser) -> None:
    """All of files/answers.json and of the reading's own: the value at a point, the digits, or the refusal."""
    rows = json.loads((FILES / "answers.json").read_text(encoding="utf-8"))
    texts = [(row["graph"], row["wrt"], row["answer"]) for row in rows]
    texts += [case[:3] for case in (*RIGHT, *WRONG, *REFUSED) if "," not in case[1]]
    cases, expected = [], []
    for graph, wrt, answer in texts:
        evidence = evidence_of(graph, wrt)
        labels = [*evidence.values, *evidence.invented]
        names = Names(labels, evidence.activation, evidence.asked)
        try:
            reading = read(answer, names, evidence.mentioned)
            expected.append((float(evidence.points(reading.formula)[0]), reading.digits))
        except FormulaError as error:
            expected.append((str(error).split(":")[0], 0))
        values = {label: float(x[0]) for label, x in evidence.values.items()}  # of the derivatives that it names, too
        values = {**{label: float(evidence.points(n)[0]) for label, n in evidence.invented.items()}, **values}
        case = {"labels": labels, "activation": evidence.activation, "asked": evidence.asked, "values": values}
        cases.append({"answer": answer, **case})
    page = browser.new_page()
    page.set_content(f"<!doctype html><script>{formula_script()}</script>")
    found = page.evaluate(READ_CASES, cases)
    page.close()
    for (_, _, answer), (value, digits), row in zip(texts, expected, found, strict=True):
        if isinstance(value, str):
            assert row.get("refusal", "").split(" (")[0] == value.split(" (")[0], answer
        else:
            assert float(row.get("value", "nan")) == pytest.approx(value, rel=1e-10), (answer, row)
            assert row["digits"] == digits, answer


def test_a_literal_ends_no_script() -> None:
    assert literal({"</script><!--": [1.5, "ŷ"]}) == '{"\\u003c/script>\\u003c!--": [1.5, "ŷ"]}'
    with pytest.raises(ValueError, match="JSON"):
        literal(float("nan"))
