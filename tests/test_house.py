"""The rules of the house, read from the source: who imports whom, how long a module may be, what must be documented."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import microgradcnn as mg

PACKAGE = Path(mg.__file__).parent

# Lowest first: a module imports its own room, or a room that stands before it. A room is a folder with the folders in
# it, or a module at the package's top; `__init__` is what `import microgradcnn as mg` gives.
ROOMS = (
    *("extras", "system", "files", "engine", "protocols", "checking", "nn", "data", "targets", "networks", "training"),
    *("views.formulas", "views.documents", "views.derivations", "views.answers", "views.cost", "views.drawing"),
    *("views.worksheets", "views.pages", "views", "fit", "estimator", "experiment"),
    *("lesson", "__init__", "cli", "__main__"),
)
MODULES = 10  # in a folder, at most
FLAT = {"cli.commands"}  # drawers that look alike
LINES = {"engine.value": 321, "any other module": 350, "the package": 53013, "JavaScript": 9874}
AT_IMPORT = dict.fromkeys(  # their classes descend from scikit-learn's; nothing else imports it
    ("estimator.classifier", "estimator.perceptron", "estimator.regressor"), "sklearn"
)
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}

SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}


@cache
def trees() -> dict[str, ast.Module]:
    return {name: ast.parse(source) for name, source in SOURCES.items()}


def imported(node: ast.AST, module: str) -> Iterator[str]:
    """The full names that an import statement asks for; of the package, with the module that each name is in."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        parent = ["microgradcnn", *module.split(".")][: -node.level] if node.level else []
        start = ".".join([*parent, *([node.module] if node.module else [])])
        yield from (f"{start}.{alias.name}" for alias in node.names)


def of_the_package(name: str) -> str | None:
    """The module of the package that the imported name is in, None for any other package's."""
    first, *rest = name.split(".")
    if first != "microgradcnn":
        return None
    while rest:
        for known in (".".join(rest), ".".join([*rest, "__init__"])):
            if known in SOURCES:
                return known
        rest.pop()
    return "__init__"


def room_of(module: str) -> str | None:
    """The innermost room of ROOMS that the module is in, None if it is in none."""
    holding = [room for room in ROOMS if module == room or module.startswith(room + ".")]
    return max(holding, key=len, default=None)


def at_module_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported: what is in no function."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from at_module_level(node)


def public_definitions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        yield inside + node.name, node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node, f"{inside}{node.name}.")


@cache
def imports() -> set[tuple[str, str]]:
    """Pairs of a module of the package and another one that it imports, in a function or not."""
    return {
        (module, target)
        for module, tree in trees().items()
        for node in ast.walk(tree)
        for name in imported(node, module)
        if (target := of_the_package(name)) not in (None, module)
    }


def test_every_module_has_a_room() -> None:
    assert [module for module in SOURCES if room_of(module) is None] == [], "new: give it a folder of ROOMS"
    assert [room for room in ROOMS if not any(room_of(module) == room for module in SOURCES)] == []


def test_a_folder_has_few_modules() -> None:
    counts = Counter(module.rpartition(".")[0] for module in SOURCES)
    assert {folder: n for folder, n in counts.items() if n > MODULES and folder not in FLAT} == {}


def test_imports_point_to_rooms_before() -> None:
    places = {room: place for place, room in enumerate(ROOMS)}
    wrong = [
        f"{module} imports {target}"
        for module, target in imports()
        if places[room_of(module) or ""] < places[room_of(target) or ""]
    ]
    assert wrong == []


def test_no_room_imports_in_a_circle() -> None:
    """Modules whose imports, followed inside their room, lead back to them."""
    after = {module: {target for importer, target in imports() if importer == module} for module in SOURCES}
    circles = []
    for module in SOURCES:
        seen, waiting = set(), [*after[module]]
        while waiting:
            if (target := waiting.pop()) not in seen and room_of(target) == room_of(module):
                seen.add(target)
                waiting += after[target]
        circles += [module] * (module in seen)
    assert circles == []


def test_no_private_name_is_imported_from_another_module() -> None:
    private = [
        f"{module}, line {node.lineno}: {name}"
        for module, tree in trees().items()
        for node in ast.walk(tree)
        for name in imported(node, module)
        if re.search(r"(^|\.)_(?!_)", name) and of_the_package(name) is not None
    ]
    assert private == []


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(
        node.name
        for tree in trees().values()
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_only_numpy_and_the_standard_library_at_import() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "microgradcnn"}
    wrong = [
        f"{module}, line {node.lineno}: import {name} inside the function that needs it"
        for module, tree in trees().items()
        for node in at_module_level(tree)
        for name in imported(node, module)
        if name.split(".")[0] not in allowed | {AT_IMPORT.get(module)}
    ]
    assert wrong == []


def test_modules_keep_to_their_lines() -> None:
    lengths = {module: len(source.splitlines()) for module, source in SOURCES.items()}
    assert {m: n for m, n in lengths.items() if n > LINES.get(m, LINES["any other module"])} == {}
    assert sum(lengths.values()) <= LINES["the package"]


SCRIPTS = {
    path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.js"))
}


def test_javascript_keeps_to_its_lines() -> None:
    assert sum(len(script.splitlines()) for script in SCRIPTS.values()) <= LINES["JavaScript"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs_no_text_and_asks_for_nothing(script: str) -> None:
    """What is on a page comes from users: it must stay text. Addresses are names of namespaces only."""
    forbidden = r"\beval\b|innerHTML|outerHTML|insertAdjacentHTML|document\.write|new Function|fetch|XMLHttp|import\("
    assert not re.findall(forbidden, SCRIPTS[script])
    assert set(re.findall(r"https?://[\w.]*", SCRIPTS[script])) <= {"http://www.w3.org"}
    assert max(len(line) for line in SCRIPTS[script].splitlines()) <= 120
    assert SCRIPTS[script].startswith("// ")


def test_modules_are_named_for_what_they_do_and_say_what_they_are_for() -> None:
    assert [module for module in SOURCES if VAGUE & set(module.split("."))] == []
    assert [module for module, tree in trees().items() if not ast.get_docstring(tree)] == []


def test_everything_public_is_documented_and_annotated() -> None:
    wrong = []
    for module, tree in trees().items():
        for name, node in public_definitions(tree):
            where = f"{module}, line {node.lineno}: {name}"
            decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
            setter = any(d.endswith((".setter", ".deleter")) for d in decorators)
            if not setter and not ast.get_docstring(node):
                wrong.append(f"{where} has no docstring")
            if isinstance(node, ast.ClassDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            arguments += [a for a in (node.args.vararg, node.args.kwarg) if a]
            bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
            if bare:
                wrong.append(f"{where} does not say what {', '.join(bare)} may be")
            if node.returns is None:
                wrong.append(f"{where} does not say what it returns")
    assert wrong == []


def test_what_the_package_offers() -> None:
    assert sorted(mg.__all__) == mg.__all__
    for name in mg.__all__:
        assert getattr(mg, name).__doc__, name


LEAKS = """
import gc, subprocess, sys
import numpy as np
import pytest
import microgradcnn as mg
from microgradcnn.engine import value

def test_nothing(): mg.Value(1.0).exp().backward()
def test_switch(): value._recording.set(False)
def test_switch_back(): value._recording.set(True)
def test_watcher(): value.watcher.set(object())
def test_watcher_back(): value.watcher.set(None)
def test_new(): mg.primitive("leak", np.exp, [lambda g, y, x: g * y])
def test_changed(): value.TABLE["exp"] = value.TABLE["log"]
def test_whole_table(): assert len(value.TABLE) > 40 and value.TABLE["exp"].name == "exp"
def test_errors(): np.seterr(all="raise")
def test_errors_back(): np.seterr(all="warn", under="ignore")
def test_collector(): gc.disable()
def test_collector_back(): gc.enable()
def test_recursion(): sys.setrecursionlimit(5000)
def test_process(): subprocess.run([sys.executable, "-c", ""])
@pytest.mark.slow
def test_slow_process(): subprocess.run([sys.executable, "-c", ""])
"""


@pytest.mark.slow
def test_a_test_that_leaks_global_state_or_starts_a_process_unmarked_fails(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rfE", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    told = re.findall(r"^(ERROR|FAILED) .*::test_(\w+)", run.stdout, re.MULTILINE)
    leaking = {"switch", "watcher", "errors", "collector"}
    expected = {"new", "changed", "recursion", *leaking, *(f"{name}_back" for name in leaking)}
    assert {name for outcome, name in told if outcome == "ERROR"} == expected, run.stdout
    assert [name for outcome, name in told if outcome == "FAILED"] == ["process"]
    assert "1 failed, 14 passed, 11 errors" in run.stdout
