"""The guide's table of what every backend computes has every name, and says what is so."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
from backend_cases import CASES, NO_FUNCTIONS, NO_LAYERS, NO_LOSSES, Case
from backends_page import FLOAT32, PAGE, PLAIN, WAYS, YES, WrongError, as_written, near, page, tried, written
from many_cases import offenders, slow_but

import microgradcnn as mg
from microgradcnn import nn

NEEDS = {"jit": "llvmlite", "jax": "jax", "onnx": "onnxruntime"}  # a way's extra
EVERY = {"eager": 1, "source": 4, "numpy": 4, "numpy, rows": 4}  # which cases of the table are tried again
SOME = 45


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


def test_every_function_layer_and_loss_has_a_case() -> None:
    had = {case.name for case in CASES}
    functions = {name for name in mg.__all__ if name[0].islower()}
    assert {name for name in functions if f"mg.{name}" not in had} == NO_FUNCTIONS
    assert {name for name in nn.__all__ if f"nn.{name}" not in had} == NO_LAYERS | NO_LOSSES
    assert [key for key, count in Counter(case.key for case in CASES).items() if count > 1] == []


def test_the_page_has_every_case_and_nothing_is_wrong() -> None:
    """Each cell holds, or is a sentence that the page has; a page that is written again from its rows is the same."""
    table = written()
    assert list(table) == [case.key for case in CASES], "run python tests/backends_page.py"
    cells = {cell for row in table.values() for cell in row.values()} - {*PLAIN}
    assert sorted(cell for cell in cells if "✗" in cell or len(cell.split()) < 4) == []
    assert {row["eager"] for row in table.values()} == {YES}, "the engine refuses none"
    assert page(table) == PAGE.read_text(encoding="utf-8")


def test_a_wrong_number_and_a_refusal_without_a_sentence_are_found() -> None:
    with pytest.raises(WrongError, match="it gives"):
        near([1.0, 2.0], [1.0, 2.0 + 1e-9])

    def broken(m: object, x: object) -> object:
        raise KeyError("t12")

    assert tried(Case("mg.broken", "", broken), "eager") == "✗KeyError: 't12'"

    def silent(m: object, x: object) -> object:
        raise ValueError("None")

    assert tried(Case("mg.silent", "", silent), "eager").startswith("✗no sentence")


@pytest.mark.parametrize("way", slow_but(among=WAYS))
def test_what_the_page_says_is_so(way: str) -> None:
    kind = way.partition(",")[0]  # releases of onnxruntime differ in what they have for float32 alone
    if kind in NEEDS:
        pytest.importorskip(NEEDS[kind])
    if kind == "page" and shutil.which("node") is None:
        pytest.skip("node is not installed")
    table = written()

    def check(case: Case) -> None:
        found, said = as_written(tried(case, way)), table[case.key][way]
        assert found == said or {found, said} == {YES, FLOAT32}, f"{found}, and the page says {said}"

    assert offenders(CASES[[*WAYS].index(way) :: EVERY.get(way, SOME)], check) == []
