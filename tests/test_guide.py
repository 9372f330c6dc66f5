"""README and the guide: every example runs and prints what stands there, every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import modules_page
import pytest
from conftest import ROOT
from documentation import CHANGELOG, GUIDE, MANUAL, PAGES, README, Block, blocks, links, places, run_examples
from many_cases import slow_but
from test_house import PACKAGE, ROOMS, SOURCES

from microgradcnn.protocols.numpy import BY_NUMPY_NAME

matplotlib.use("Agg")


QUICK = [page for page in MANUAL if page.name in ("README.md", "values.md", "primitives.md")]


def name(page: Path) -> str:
    return page.name


@pytest.mark.usefixtures("own_primitives")
@pytest.mark.parametrize("page", slow_but(*QUICK, among=MANUAL), ids=name)
def test_the_examples(page: Path, tmp_path: Path) -> None:
    from matplotlib import pyplot

    run_examples(page, tmp_path)
    pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = [
        written
        for written, file, place in links(page)
        if not file.exists() or (place and place not in places(file)) or not file.is_relative_to(ROOT)
    ]
    assert lost == []


def test_readme_is_short_and_leads_to_every_page_of_the_guide() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200
    assert {file for _, file, _ in links(README)} >= set(GUIDE)


def test_the_reading_order_is_within_the_first_two_screens() -> None:
    """The engine's modules, each linked, in the order in which they are read."""
    order = ["arrays", "record", "value", "kernels", "primitives", "gradient", "functions"]
    linked = [Path(written).stem for written, *_ in links(README) if "microgradcnn/engine/" in written]
    assert linked == order
    first = "\n".join(README.read_text(encoding="utf-8").splitlines()[:80])
    assert all(f"microgradcnn/engine/{module}" in first for module in order)


def test_the_plan_of_the_house_has_every_room_in_order() -> None:
    plan = README.read_text(encoding="utf-8").partition("| room |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)/?`", "".join(row.split("|")[1] for row in plan.splitlines()[2:]))
    rooms = list(dict.fromkeys(room.partition(".")[0] for room in ROOMS))
    assert set(named) <= set(rooms)
    assert {room for room in rooms if (PACKAGE / room).is_dir()} <= set(named)
    assert named == sorted(named, key=rooms.index)


@pytest.mark.slow
def test_the_page_of_modules_is_that_of_the_docstrings() -> None:
    assert modules_page.PAGE.read_text(encoding="utf-8") == modules_page.page(), "run python tests/modules_page.py"


def test_the_speed_that_readme_tells_was_measured() -> None:
    told = " ".join(README.read_text(encoding="utf-8").partition("## Speed\n")[2].partition("\n## ")[0].split())
    measured = (ROOT / "demos" / "guide" / "speed.md").read_text(encoding="utf-8")
    times = re.findall(r"[\d.]+ (?:µs|ms|s)\b", told)
    assert len(times) >= 3
    assert [time for time in times if time not in measured] == []
    assert ("One target is missed" in told) == (measured.count("**missed**") == 1)


def test_the_two_commands_are_there_once() -> None:
    """As .ci/run looks for them."""
    text = README.read_text(encoding="utf-8")
    for end in ("microgradcnn lesson", "python -m pytest .*"):
        assert len(re.findall(rf"^python3 -m venv .*{end}$", text, re.MULTILINE)) == 1


def test_every_block_has_a_language_or_is_what_the_one_before_prints() -> None:
    for page in PAGES:
        before = ""
        for block in blocks(page):
            assert block.language in ("python", "sh", "console", ""), f"{page.name}, line {block.line}"
            assert block.language or before == "python", f"{page.name}, line {block.line} follows no Python"
            before = block.language


def test_the_changelog_sends_to_modules_that_are_there() -> None:
    """A row has old names and the new one: a module, or the room in which they keep their names."""
    text = CHANGELOG.read_text(encoding="utf-8").partition("### Moved modules")[2].partition("\n## ")[0]
    rows = [
        [re.findall(r"`([\w.]+)`", cell) for cell in row.split("|")[1:3]] for row in text.splitlines() if "|" in row
    ]
    moved = [(before, now) for old, (now,) in rows[2:] for before in old]
    as_a_whole = {("commands", "cli.commands"), ("views.script", "views.pages.assets")}
    here = {*SOURCES, "engine.functions", "engine.kernels", "nn.layers", "experiment"}  # which are folders now
    lost = {pair for pair in moved if not {pair[1], f"{pair[1]}.{pair[0].rpartition('.')[2]}"} & here}
    assert len(rows) > 50
    assert lost == as_a_whole


PAGE = """# A page

```python
# given.py
a = 2
print(a)
```

```
{shown}
```

```python
print(a + 1)  # {comment}
```

```console
$ microgradcnn {command}
{printed}
```
"""
RIGHT = {
    "shown": "2",
    "comment": "3",
    "command": "check 'w*x' --wrt w --answer x",
    "printed": "Right: this is df/dw, ...",
}


def written(folder: Path, **changes: str) -> Path:
    page = folder / "page.md"
    page.write_text(PAGE.format(**RIGHT | changes), encoding="utf-8")
    return page


def test_what_runs_an_example_sees_what_it_prints(tmp_path: Path) -> None:
    page = written(tmp_path)
    assert run_examples(page, tmp_path)["a"] == 2
    assert (tmp_path / "given.py").read_text(encoding="utf-8").startswith("# given.py\na = 2\n")
    assert blocks(page, "console") == [Block("console", blocks(page)[-1].text, 18)]


@pytest.mark.parametrize(
    "changes",
    [
        {"shown": "3"},
        {"comment": "4"},
        {"printed": "Wrong"},
        {"command": "check 'w*x' --wrt w --answer w"},  # exit code 1
        {"command": "chek"},
    ],
    ids=str,
)
def test_an_example_that_says_something_else_fails(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(AssertionError):
        run_examples(written(tmp_path, **changes), tmp_path)


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Only this\n[a](#only-this) [b](#that) [c](none.md) [d](https://e.org)\n", encoding="utf-8")
    found = {written: file.exists() and place in places(file) for written, file, place in links(page)}
    assert found == {"#only-this": True, "#that": False, "none.md": False}


def test_no_row_about_hips_autograd_refuses_what_is_known_by_now() -> None:
    """The table takes a minute to write: a function that a change has added since would stand there as refused."""
    text = (ROOT / "demos" / "guide" / "numpy_functions.md").read_text(encoding="utf-8")
    refused = set(re.findall(r"np\.([\w.]+) does not know Values", text))
    assert len(refused) > 5
    assert refused & set(BY_NUMPY_NAME) == set()
