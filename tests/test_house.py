"""The rules of the house, read from the source: who imports whom, how long a module may be, what must be documented."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import microgradcnn as mg

PACKAGE = Path(mg.__file__).parent

# Lowest first: a module imports only what stands before it. `__init__` is what `import microgradcnn as mg` gives. A
# line in a package starts with its name.
LAYERS = """
system: __init__ interrupts
engine: __init__ arrays record
system: callers
engine: value
protocols: __init__ leaving
engine: arguments gradient kernels primitives signatures functions logic
protocols: numpy copying
checking: __init__ debug check
extras
system: archives
files
training: __init__ checkpoint
nn: summary module layers models losses optim __init__
targets: __init__ lines naming row_axis trace simplify python source plan trainer
targets.backends: __init__ threads calls buffers numpy
targets: scalars
targets.native: __init__ llvm_functions llvm loop machine_code convolution pooling images fusion jit
targets.backends: jax devices
targets: program
targets.export: __init__ javascript onnx_writer onnx_operators onnx
data: augmentation
training: descent batches
estimator
views: __init__
views.formulas: __init__ expression arguments line_breaks algebra emitter latex mathml notation
views.documents: __init__ document latex html
views.derivations: __init__ undefined named_graph chain steps numbers windows matrices derivation
views.answers: __init__ tokens parser evidence diagnosis ratios proof paths mistakes answer
views.derivations: ledger
views.answers: assignments
views.documents: standalone
views.worksheets: __init__ stored_loss task planted predicted grading handout worksheet
views: plots
views.drawing: __init__ ordering placing layout groups
views.formulas: typeset
views.drawing: colours boxes scene svg dot
views.pages: __init__
views.pages.assets: __init__
views.pages: level templates page picture problem exercise
views.drawing: charts
views.cost: __init__ building operations work counting polynomial timing cost
__init__
data: dataset readers array_files other_files built_in loading columns scaling __init__
networks
lesson: closed_forms
trained
training: progress
engines train fit classifier experiment classification
cli: figure
lesson: run
cli: scripts graphs
lesson: schematic errata cost page pages __init__
cli.commands: __init__
cli: streams output options saving notices
cli.commands: networks train_model train predict gradcheck lesson source explain check ledger export worksheet
cli.commands: grade cost graph
cli: __init__
__main__
"""
ORDER = [
    f"{package}.{name}" if package else name
    for package, _, names in (line.rpartition(": ") for line in LAYERS.splitlines())
    for name in names.split()
]
LINES = {"value": 330, "any other module": 350, "the package": 26950, "JavaScript": 1300}
AT_IMPORT = {"estimator": "sklearn"}  # its classes descend from scikit-learn's; nothing else imports it
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}

SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(source) for name, source in SOURCES.items()}
every_module = pytest.mark.parametrize("module", SOURCES)


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


@every_module
def test_every_module_has_its_place(module: str) -> None:
    assert module in ORDER, f"{module}.py is new: put {module!r} into ORDER in {__file__}, above all that it imports"


def test_the_order_names_no_module_twice_or_in_vain() -> None:
    assert len(set(ORDER)) == len(ORDER)
    assert set(ORDER) <= set(SOURCES)


@every_module
def test_imports_point_downward(module: str) -> None:
    below = ORDER[: ORDER.index(module)]
    for node in ast.walk(TREES[module]):
        for name in imported(node, module):
            target = of_the_package(name)
            assert target in [None, *below], f"line {node.lineno}: {module} imports {target}, which is not below it"


@every_module
def test_only_numpy_and_the_standard_library_at_import(module: str) -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "microgradcnn", AT_IMPORT.get(module)}
    for node in at_module_level(TREES[module]):
        for name in imported(node, module):
            assert name.split(".")[0] in allowed, f"line {node.lineno}: import {name} inside the function that needs it"


@every_module
def test_a_module_keeps_to_its_lines(module: str) -> None:
    budget = LINES.get(module, LINES["any other module"])
    assert len(SOURCES[module].splitlines()) <= budget, f"{module}.py has more than its {budget} lines"


def test_the_package_keeps_to_its_lines() -> None:
    assert sum(len(source.splitlines()) for source in SOURCES.values()) <= LINES["the package"]


SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.js"))}


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


@every_module
def test_a_module_is_named_for_what_it_does(module: str) -> None:
    assert not VAGUE & set(module.split("."))


@every_module
def test_a_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(TREES[module])


@every_module
def test_everything_public_is_documented_and_annotated(module: str) -> None:
    for name, node in public_definitions(TREES[module]):
        decorators = [ast.unparse(d) for d in getattr(node, "decorator_list", [])]
        setter = any(d.endswith((".setter", ".deleter")) for d in decorators)
        assert setter or ast.get_docstring(node), f"line {node.lineno}: {name} has no docstring"
        if isinstance(node, ast.ClassDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        bare = [a.arg for a in arguments if a and a.annotation is None and a.arg not in ("self", "cls")]
        assert not bare, f"line {node.lineno}: {name} does not say what {', '.join(bare)} may be"
        assert node.returns is not None, f"line {node.lineno}: {name} does not say what it returns"


def test_what_the_package_offers() -> None:
    assert sorted(mg.__all__) == mg.__all__
    for name in mg.__all__:
        assert getattr(mg, name).__doc__, name


LEAKS = """
import gc, sys
import numpy as np
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
"""


def test_a_test_that_leaks_global_state_fails(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_leaks.py").write_text(LEAKS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rE", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    errors = {line.split("::")[1].split(" ")[0] for line in run.stdout.splitlines() if line.startswith("ERROR ")}
    leaking = {"switch", "watcher", "errors", "collector"}
    expected = {"new", "changed", "recursion", *leaking, *(f"{name}_back" for name in leaking)}
    assert errors == {f"test_{name}" for name in expected}, run.stdout
    assert "13 passed, 11 errors" in run.stdout
