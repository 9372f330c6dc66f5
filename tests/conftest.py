"""What every test gets: checks that it leaks no global state and is marked slow if it starts a process; a browser.

Hypothesis runs without chance or clock.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if "PYTEST_XDIST_WORKER" in os.environ:  # read as NumPy is imported, here and in processes that tests start:
    # each worker has a core, and threads of BLAS that wait for one take six times the time of a training
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings

from microgradcnn.engine import value

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).parents[1]  # of the checkout
os.environ.pop("COLUMNS", None)  # which xdist sets for its workers, and lines would be broken there

needs_chromium = pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
needs_pdflatex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in its background, and its children
    signal.signal(signal.SIGINT, signal.default_int_handler)


SLOW = (
    "slow: needs a browser, TeX, a process of its own or seconds of computing, or is one more case of a kind for which "
    "fast ones stand; `pytest -m 'not slow'` leaves these out while one works"
)


def pytest_configure(config: pytest.Config) -> None:
    """What the mark means, as `pytest --markers` says it."""
    config.addinivalue_line("markers", SLOW)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Slow by nature: what opens a page in the browser; JAX and, but for test_backends.py, machine code as one case."""
    cases = item.callspec.id.split("-") if hasattr(item, "callspec") else []
    compiled = "jax" in cases or ("jit" in cases and item.path.name != "test_backends.py")
    if "browser" in getattr(item, "fixturenames", ()) or compiled:
        item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fails a test that starts a process, of Python, a browser or TeX, and is not marked slow."""

    def refuse(*command: Any, **settings: Any) -> NoReturn:
        pytest.fail(f"{item.name} starts a process, {command[1:] or settings}: mark it with pytest.mark.slow")

    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("slow") is None:
            patch.setattr(subprocess.Popen, "__init__", refuse)
        return (yield)


def pytest_collection() -> None:
    """Nothing of what tests import and of their cases is garbage: looking for some takes a quarter of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What all tests have imported stays: the garbage collector need not look through it again, a second each time.

    What tests import themselves stays as well, and is looked through a tenth as often as usual.
    """
    gc.enable()
    gc.collect()
    gc.freeze()
    *young, old = gc.get_threshold()
    gc.set_threshold(*young, 10 * old)


def _global_state() -> dict[str, Any]:
    return {
        "whether operations are recorded": value._recording.get(),
        "the watcher of mg.debug()": value.watcher.get(),
        "the table of primitives": dict(value.TABLE),
        "NumPy's error handling": np.geterr(),
        "the garbage collector's switch": gc.isenabled(),
        "the recursion limit": sys.getrecursionlimit(),
    }


@pytest.fixture(autouse=True)
def no_leaked_state() -> Iterator[None]:
    """Fails a test that leaves global state changed, and puts the table right for the tests after it."""
    before = _global_state()
    yield
    after = _global_state()
    _restore(before["the table of primitives"])
    leaked = [what for what in before if before[what] != after[what]]
    assert not leaked, f"the test changed {' and '.join(leaked)}"


@pytest.fixture
def own_primitives() -> Iterator[None]:
    """For a test that defines primitives with mg.primitive: takes them out of the table again."""
    before = dict(value.TABLE)
    yield
    _restore(before)


@pytest.fixture
def no_garbage_collector() -> Iterator[None]:
    """For a test that nodes are freed by reference counts alone."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium, for tests marked with `needs_chromium`. While it runs, asyncio.run has to be in a thread."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def offline(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of the browser without a network, in which every test has a page of its own.

    One more stays open: when its last page is closed Chromium ends what the next would go on with, half of the work.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    context.new_page()
    yield context
    context.close()


@pytest.fixture
def page(offline: BrowserContext) -> Iterator[Page]:
    """An empty page, 1280×900, without a network; the test fails on an error in a script or on the console."""
    errors: list[str] = []
    new = offline.new_page()
    new.on("pageerror", lambda error: errors.append(str(error)))
    new.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield new
    new.close()
    assert not errors, errors


def _restore(table: dict[str, Any]) -> None:
    value.TABLE.clear()
    value.TABLE.update(table)
