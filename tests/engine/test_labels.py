"""Labels of any length and of any characters: cut where they are shown, in time that grows with their length alone."""

import re

import pytest
from many_cases import slow_but

import microgradcnn as mg
from microgradcnn.cli import main
from microgradcnn.views.formulas import typeset as typesetting
from microgradcnn.views.formulas.expression import LONGEST_LABEL, cut, name_of, spelling
from microgradcnn.views.formulas.typeset import Run, shortened, width

KINDS = {
    "letters": lambda n, i: "abcdefghij"[i] * n + str(i),
    "subscripts": lambda n, i: "ab_" * (n // 3) + str(i),
    "digits": lambda n, i: "w_" + "1" * n + str(i),
    "Greek": lambda n, i: "alpha_beta_" * (n // 11) + str(i),
    "signs": lambda n, i: "∂é<&\\ %$#" * (n // 9) + str(i),
    "line feeds": lambda n, i: "a\nb" * (n // 3) + str(i),
}
VIEWS = {
    "svg": lambda f, w: mg.draw(f).svg(),
    "dot": lambda f, w: mg.draw(f).dot(),
    "page": lambda f, w: mg.draw(f).html(),
    "about": lambda f, w: repr(mg.draw(f)),
    "text": lambda f, w: mg.explain(f, w).text(),
    "latex": lambda f, w: mg.explain(f, w).latex(),
    "mathml": lambda f, w: mg.explain(f, w).mathml(),
    "ledger": lambda f, w: str(mg.ledger(f)),
    "source": lambda f, w: mg.compile(f, [w]).source,
}


def neuron(kind, n):
    w, x, y = (mg.Value((i + 1) / 3, label=KINDS[kind](n, i)) for i in range(3))
    z = (w * x).sigmoid()
    z.label = KINDS[kind](n, 3)
    return (z - y) ** 2, w


@pytest.mark.slow
@pytest.mark.parametrize("kind", slow_but("subscripts", "signs", among=KINDS))
@pytest.mark.parametrize("view", VIEWS)
def test_a_label_takes_as_much_room_with_a_hundred_thousand_characters_as_with_some_hundreds(view, kind):
    short, long = (VIEWS[view](*neuron(kind, n)) for n in (360, 99_990))
    assert len(long) <= 1.05 * len(short) + 2000  # a page packs all names once
    if view in ("text", "ledger"):
        assert len(long.splitlines()) == len(short.splitlines())
        assert max(map(len, long.splitlines())) < 12 * LONGEST_LABEL


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_differ_at_the_end_are_told_apart(kind):
    f, w = neuron(kind, 10_000)
    namespace = {}
    exec(mg.compile(f, [w]).source, namespace)
    loss, (slope,) = namespace["program"](w.data)
    assert loss == pytest.approx(f.item(), rel=1e-12)
    assert slope == pytest.approx(mg.grad(f, w)[0].item(), rel=1e-12)
    shown = {cut(KINDS[kind](10_000, i)) for i in range(4)}
    assert len(shown) == 4
    assert all(len(each) <= LONGEST_LABEL for each in shown)


def test_what_is_cut_keeps_its_index_and_its_identity():
    label = "w" * 1000 + "_17"
    assert name_of(label).subscripts == ("17",)
    assert name_of(label).base.startswith("www")
    assert "…" in name_of(label).base
    other = "w" * 1001 + "_17"
    assert spelling(label) != spelling(other)
    assert [cut("x" * n) == "x" * n for n in (LONGEST_LABEL, LONGEST_LABEL + 1)] == [True, False]


def test_a_heading_is_cut_in_one_pass(monkeypatch):
    measured, of_one = [], typesetting._width
    monkeypatch.setattr(typesetting, "_width", lambda text, font: measured.append(len(text)) or of_one(text, font))
    runs = [Run("m" * 20_000, True), Run("12" * 20_000, False, -1)]
    found = shortened(runs, 14.0, 215.0)
    assert sum(measured) <= 3 * 60_000
    assert width(found, 14.0) <= 215.0
    assert width([found[0]._replace(text=found[0].text + "m"), Run("…")], 14.0) > 215.0


def test_an_error_with_a_long_name_stays_one_short_line(capsys, tmp_path):
    (tmp_path / "long.py").write_text("from microgradcnn import Value\nf = Value([1.0], label='w' * 100_000) * 2.0\n")
    assert main(["ledger", f"{tmp_path}/long.py:{'f' * 5000}"]) == 2
    err = capsys.readouterr().err
    assert len(err) < 1100
    assert err.count("\n") == 1
    assert main(["explain", f"{tmp_path}/long.py:f", "--wrt", "w" * 100_000]) == 2
    assert re.fullmatch(r"microgradcnn: .{1,1000}\n", capsys.readouterr().err)
