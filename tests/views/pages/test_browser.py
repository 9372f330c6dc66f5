"""The browser that other tests use: it shows a page, without a network, and an error on it fails the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, needs_chromium
from playwright.sync_api import Error, Page

pytestmark = needs_chromium

WRONG = """
def test_script(page): page.set_content("<script>undefined_name</script>")
def test_console(page): page.set_content("<script>console.error('no')</script>")
def test_picture(page): page.set_content("<img src='https://example.org/a.png'>")
def test_right(page): page.set_content("<script>console.log('yes')</script>")
"""


def test_a_page_is_shown(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<!doctype html><p id='p'></p><script>p.textContent = 6 * 7</script>", encoding="utf-8")
    page.goto(file.as_uri())
    assert page.locator("p").inner_text() == "42"
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        page.goto("http://example.org")


@pytest.mark.slow
def test_an_error_on_a_page_fails_its_test(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_wrong.py").write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "4 passed, 3 errors" in run.stdout, run.stdout
