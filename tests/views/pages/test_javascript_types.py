"""The type check of the scripts finds what is wrong, and where."""

from __future__ import annotations

import shutil

import pytest
from javascript_types import ASSETS, programs, wrong

CALL = """
canvas.zoom("far");
levels[0].comput([1]);
state.prediction.tell();
animated();
canvas.zoom(2);
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tsc") is None, reason="tsc is not installed")
def test_a_wrong_call_is_found_beside_scripts_that_have_none() -> None:
    scripts = programs()["microgradcnn.views.pages.page"]
    found = [line.split(":", 3) for line in wrong(scripts, CALL)]
    codes = [(file, int(line), words.split()[0]) for file, line, _, words in found]
    assert codes == [("more", 2, "TS2345"), ("more", 3, "TS2551"), ("more", 4, "TS2531"), ("more", 5, "TS2554")]


def test_every_script_is_checked() -> None:
    found = {script for scripts in programs().values() for script in scripts}
    assert found == {path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js")}
