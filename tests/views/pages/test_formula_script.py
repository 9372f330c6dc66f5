"""formula.js against the parser of answers: both read the same texts, to the same value, and refuse the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from conftest import needs_chromium
from hypothesis import given
from hypothesis import strategies as st
from test_formula import AT as VALUES
from test_formula import ATTACKS, MESSAGES, NAMES, READ, Tree, by_python, formulas, known, latex_like, python_like

from microgradcnn.views.answers.parser import parse, write
from microgradcnn.views.answers.tokens import FormulaError
from microgradcnn.views.pages.assets import formula_script, literal

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
def read(browser: Browser) -> Iterator[Read]:
    """What a browser makes of texts: the value of each, or the sentence that refuses it."""
    page = browser.new_page()
    page.set_content(f"<!doctype html><script>{formula_script()}</script>")

    def values(texts: list[str], labels: Iterable[str] = VALUES, activation: str = "sigmoid") -> list[float | str]:
        found = page.evaluate(READ_ALL, [texts, list(labels), activation, VALUES])
        return [x["refusal"] if "refusal" in x else float(x["value"].replace("Infinity", "inf")) for x in found]

    yield values
    page.close()


def test_what_is_read_has_the_value_that_python_gives_it(read: Read) -> None:
    for (text, meaning), value in zip(READ, read([text for text, _ in READ]), strict=True):
        assert value == pytest.approx(by_python(meaning), rel=1e-12, abs=1e-12), text


def test_sigma_is_the_activation_of_the_graph(read: Read) -> None:
    texts = ["σ(-a_1)", "σ'(-a_1)", "σ'(a_1)", "sigmoid(0)"]
    assert read(texts, activation="relu") == [0.0, 0.0, 1.0, 0.5]
    assert read(["σ(0)", "σ'(0)"], activation="tanh") == [0.0, 1.0]


def test_labels_win_over_everything_else(read: Read) -> None:
    assert read(["e^y", "exp(y)", "s_112"], ["y", "s_1_12", "s_11_2"])[:2] == [pytest.approx(np.exp(VALUES["y"]))] * 2
    assert read(["s_112"], ["s_1_12", "s_11_2"]) == ["s_112 could be s_11_2 or s_1_12: write one of them"]
    assert read(["constructor", "__proto__", "toString(1)", "z_1"], ["z_1"])[:3] == [
        "constructor is not known here (column 1)",
        "'_' in column 1 has no place in a formula",
        "toString is not known here (column 1)",
    ]


def test_refusals_say_the_same(read: Read) -> None:
    for (text, message), said in zip(MESSAGES, read([text for text, _ in MESSAGES]), strict=True):
        assert isinstance(said, str), text
        if "did you mean" in message:  # Python guesses by likeness, the page by the first letter
            message, said = message.split(":")[0], said.split(":")[0].split(" (")[0]
        assert said.replace("\\u0000", "\\x00") == message


def test_attacks_are_refused(read: Read) -> None:
    texts = [text[:9999] for text in ATTACKS]  # megabytes take long to reach the browser, and are no worse than this
    for text, found in zip(texts, read(texts), strict=True):
        assert isinstance(found, str), ascii(text[:60])
        assert 10 < len(found) < 200


def by_parser(text: str) -> float | None:
    try:
        return parse(text, NAMES, known).item()
    except FormulaError:
        return None


@given(formulas())
def test_random_formulas_in_every_notation(read: Read, tree: Tree) -> None:
    texts = [python_like(tree), latex_like(tree)]
    texts.append(write(parse(texts[0], NAMES), texts[0]))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(read(texts), [by_parser(text) for text in texts], rtol=1e-12)


@given(
    st.lists(st.text(max_size=60) | st.text(alphabet="yz_12 ()[]{}|^*/+-√\\.σ'ŷ₁²½<>=efp", max_size=40), max_size=40)
)
def test_any_text_is_read_by_both_or_by_none(read: Read, texts: list[str]) -> None:
    for text, found in zip(texts, read(texts), strict=True):
        value = by_parser(text)
        assert isinstance(found, str) == (value is None), text
        if value is not None:
            np.testing.assert_allclose(found, value, rtol=1e-12)


def test_a_literal_ends_no_script() -> None:
    assert literal({"</script><!--": [1.5, "ŷ"]}) == '{"\\u003c/script>\\u003c!--": [1.5, "ŷ"]}'
    with pytest.raises(ValueError, match="JSON"):
        literal(float("nan"))
