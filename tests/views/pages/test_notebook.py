"""Pictures in one notebook: which of them has the script of all, and that the others get it from there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import needs_chromium
from playwright.sync_api import Browser, Frame, Page

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.views.pages import notebook
from microgradcnn.views.pages import page as pages
from microgradcnn.views.pages.notebook import embedded
from microgradcnn.views.pages.picture import Picture


def picture(data: float = 2.0) -> Picture:
    x = Value(data, label="x")
    f = x * x
    f.backward()
    return mg.draw(f, names=False)


def html(data: float, carrying: bool) -> str:
    drawn = picture(data)
    return embedded(drawn.html(), drawn.drawing, carrying)


def has_script(output: str) -> bool:
    return "id=&quot;shared&quot;&gt;&lt;/script&gt;" not in output


class Frontend:
    """IPython with a kernel that is asked by a frontend to run cells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parent: dict[str, Any] = {}
        shell = SimpleNamespace(user_ns={}, get_parent=lambda: self.parent)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
        monkeypatch.setattr(notebook, "_carriers", {})

    def run(self, code: str, cell: str | None = None, session: str = "s") -> bool:
        """Whether what a cell draws has the script."""
        metadata = {} if cell is None else {"cellId": cell}
        self.parent = {"header": {"session": session}, "metadata": metadata, "content": {"code": code}}
        return has_script(picture()._repr_html_())


@pytest.fixture
def frontend(monkeypatch: pytest.MonkeyPatch) -> Frontend:
    return Frontend(monkeypatch)


def test_the_first_cell_that_draws_has_the_script_whenever_it_is_run(frontend: Frontend) -> None:
    runs = [("draw(f)", "a"), ("draw(g)", "b"), ("draw(f)", "a"), ("draw(f, open=True)", "a"), ("draw(f)", "c")]
    assert [frontend.run(*run) for run in runs] == [True, False, True, True, False]
    assert frontend.run("draw(g)", "b", "of the notebook opened again")
    assert not frontend.run("draw(g)", "b", "s")


def test_pages_with_another_script_have_theirs(frontend: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    frontend.run("draw(f)", "a")
    assert not frontend.run("draw(g)", "b")
    monkeypatch.setattr(pages, "SCRIPTS", [name for name in pages.SCRIPTS if name != "graph/descent"])
    assert frontend.run("draw(g)", "b")
    assert not frontend.run("draw(h)", "c")


def test_cells_without_a_name_differ_by_their_text(frontend: Frontend) -> None:
    assert [frontend.run(code) for code in ("draw(f)", "draw(g)", "draw(f)")] == [True, False, True]


def test_where_outputs_do_not_see_each_other_each_has_the_script(
    frontend: Frontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    assert frontend.run("draw(f)", "a")
    assert frontend.run("draw(g)", "b")
    frontend.parent = {}
    monkeypatch.delitem(sys.modules, "google.colab")
    assert has_script(picture()._repr_html_())
    assert has_script(picture()._repr_html_())  # no frontend: a terminal, or no IPython at all


def test_the_script_takes_most_of_a_picture(frontend: Frontend) -> None:
    frontend.run("draw(f)", "a")
    first = picture()._repr_html_()
    frontend.run("draw(g)", "b")
    second = picture()._repr_html_()
    assert len(second) < 45_000 < 90_000 < len(first) < 200_000
    assert second.count("<img") == 1


def page_frames(page: Page, count: int) -> Iterator[Frame]:
    for i in range(count):
        handle = page.locator("iframe").nth(i).element_handle()
        assert handle is not None
        frame = handle.content_frame()
        assert frame is not None
        yield frame


@needs_chromium
@pytest.mark.parametrize("carrier", [0, 2])
def test_all_pictures_run_wherever_the_script_is(carrier: int, browser: Browser) -> None:
    page = browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<p>text</p>".join(html(i + 2.0, i == carrier) for i in range(3)))
    for i, frame in enumerate(page_frames(page, 3)):
        frame.locator("#where", has_text="Step 4 of 4").wait_for()
        assert frame.locator("text.value").all_text_contents()[-1] == f"{(i + 2) ** 2}"
        assert frame.title() == "The graph of t₁"
    assert not errors
    page.close()


@needs_chromium
def test_without_the_script_the_picture_is_shown_and_a_later_output_brings_it_to_life(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(html(2.0, False))
    (frame,) = page_frames(page, 1)
    frame.locator("p", has_text="The script of this page is in another picture").wait_for()
    assert frame.locator("svg text.value").all_text_contents() == ["2", "4"]
    page.evaluate("html => document.body.append(document.createRange().createContextualFragment(html))", html(3, True))
    frame.locator("#where", has_text="Step 4 of 4").wait_for()
    page.close()


@needs_chromium
def test_where_no_script_runs_the_picture_shows_through_the_frame(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(html(2.0, True).replace("allow-scripts", ""))
    seen = page.locator(".microgradcnn-page").screenshot()
    page.set_content(html(2.0, True).replace("<iframe", "<template").replace("</iframe>", "</template>"))
    page.locator("img").evaluate("img => img.decode()")
    with_the_picture_alone = page.locator("img").screenshot()
    assert len(seen) > 0.8 * len(with_the_picture_alone)  # a blank frame is a tenth of that
    page.close()


@needs_chromium
@pytest.mark.parametrize("trusted", [True, False])
def test_where_formulas_are_taken_out_of_a_notebook_it_shows_their_text(page: Page, trusted: bool) -> None:
    """JupyterLab leaves of an output that is not trusted no style sheet and no MathML, but what these hold."""
    x = Value(2.0, label="x")
    f = (x * x).sigmoid()
    for shown in (mg.explain(f, x), mg.ledger(f)):
        output = shown._repr_mimebundle_()["text/html"]
        if not trusted:
            output = re.sub(r"</?(?:math|mrow|mi|mo|mn|mfrac|msup|msub|mtext)\b[^>]*>", "", output)
            output = re.sub(r"<style>.*?</style>", "", output, flags=re.DOTALL)
        page.set_content(output)
        assert page.locator("pre").is_visible() is not trusted
        assert page.locator(".derivation").is_visible() is trusted
        assert page.locator("pre").inner_text().strip() == str(shown).strip()
