"""HIPS autograd's own tests of NumPy's functions, run on Values, and the table that demos/guide/numpy_functions.md has.

Written with autograd 1.9.1:

    pip download --no-deps --no-binary :all: autograd==1.9.1 && tar xzf autograd-1.9.1.tar.gz
    python tests/hips_autograd.py autograd-1.9.1/tests

Modules that stand for autograd's give the tests NumPy itself, whose functions find ours when they get a Value, and a
check_grads of our own. It takes each call by itself: the value on Values is compared with that on arrays, the
derivatives of first and second order with differences in random directions. A call is refused if a TypeError,
ValueError, IndexError or AttributeError of one line says so, and wrong if it gives another number.
"""

from __future__ import annotations

import itertools
import os
import re
import sys
import types
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgradcnn as mg
from microgradcnn import Value
from microgradcnn.engine.gradient import topological

PAGE = Path(__file__).parents[1] / "demos" / "guide" / "numpy_functions.md"
FILES = ("test_numpy", "test_systematic", "test_binary_ops", "test_scalar_ops", "test_truediv", "test_graphs")
OTHERS = {"test_linalg": "norm", "test_jacobian": ""}  # files of which only tests with that in their name are about it
STEP = 1e-5
CLOSE = 1e-6  # as autograd's own check allows
ELSEWHERE = ("dict", "list", "tuple")  # autograd's own containers

Results = dict[str, list[tuple[str, str]]]  # by test: what each call came to, and the sentence
found: Results = defaultdict(list)
live: set[Value] = set()  # what a gradient may be taken with respect to, further out


class WrongError(AssertionError):
    """Another number than it should be."""


# Calls with several arguments, some of them nested in tuples and lists, on arrays and on Values


def flat(tree: Any) -> list[Any]:
    """The arrays, numbers and Values in an argument or a result."""
    return [leaf for part in tree for leaf in flat(part)] if isinstance(tree, tuple | list) else [tree]


def filled(tree: Any, leaves: Iterator[Any]) -> Any:
    """The same tree with other leaves."""
    return type(tree)(filled(part, leaves) for part in tree) if isinstance(tree, tuple | list) else next(leaves)


def data(x: Any) -> Any:
    return np.asarray(x.data if isinstance(x, Value) else x)


def check_grads(f: Callable[..., Any], argnum: Any = 0, modes: Any = None, order: int = 2) -> Callable[..., None]:
    """autograd's check of derivatives, by each call noted in `found`; it raises nothing."""

    def check(*args: Any, **settings: Any) -> None:
        chosen = argnum if isinstance(argnum, tuple | list) else range(len(args)) if argnum == 0 else [argnum]
        note(lambda: compare(lambda *xs: f(*xs, **settings), args, list(chosen), order), args)

    return check


def note(call: Callable[[], None], args: Sequence[Any] = ()) -> None:
    """Run a call, and put down what came of it."""
    test = re.split(r"[: ]+", os.environ["PYTEST_CURRENT_TEST"])[1].split("[")[0]
    if any(np.iscomplexobj(leaf) for leaf in flat(list(args)) if not isinstance(leaf, Value | str)):
        found[test].append(("complex", ""))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", mg.GraphLeft)
        try:
            call()
        except WrongError as error:
            found[test].append(("wrong", str(error)))
        except (TypeError, ValueError, IndexError, AttributeError, mg.GraphLeft) as error:
            own = "module 'numpy' has no attribute" in str(error)  # a function that autograd adds to NumPy's
            found[test].append(("elsewhere" if own else "wrong" if "\n" in str(error) else "refused", str(error)))
        except Exception as error:
            found[test].append(("wrong", f"{type(error).__name__}: {error}"))
        else:
            found[test].append(("passes", ""))


def compare(f: Callable[..., Any], args: Sequence[Any], chosen: list[int], order: int) -> None:
    """Raise WrongError unless the value of f is NumPy's, and its derivatives are what differences are."""
    given = [args[i] for i in chosen]
    start = [np.asarray(leaf, float) for leaf in flat(given)]

    def run(leaves: Sequence[Any]) -> list[Any]:
        parts = filled(given, iter(leaves))
        whole = list(args)
        for i, part in zip(chosen, parts, strict=True):
            whole[i] = part
        return flat(f(*whole))

    values = [Value(x) for x in start]
    live.clear()
    live.update(values)
    ours, plain = run(values), [np.asarray(y) for y in run([x[()] for x in start])]
    for a, b in zip(ours, plain, strict=True):
        if data(a).shape != b.shape or not np.allclose(data(a), b, 1e-10, 1e-12, equal_nan=True):
            raise WrongError(f"the value is {data(a)}, and NumPy's {b}")
    rng = np.random.default_rng(0)
    seeds = [rng.normal(size=y.shape) for y in plain]
    directions = [rng.normal(size=x.shape) for x in start]

    def value(leaves: Sequence[Any]) -> float:
        return float(sum(np.sum(np.asarray(y) * g) for y, g in zip(run(leaves), seeds, strict=True)))

    def slope(leaves: Sequence[Any]) -> Any:
        """Σ of direction times gradient, a Value if it can be differentiated again."""
        xs = [x if isinstance(x, Value) else Value(x) for x in leaves]
        live.update(xs)
        total = sum_of([y * g for y, g in zip(run(xs), seeds, strict=True) if isinstance(y, Value)])
        gradients = mg.grad(total, xs) if isinstance(total, Value) else []
        return sum_of([g * v for g, v in zip(gradients, directions, strict=False)])

    close("first", slope(values), differences(value, start, directions))
    if order > 1:
        again = [rng.normal(size=x.shape) for x in start]
        first = slope(values)
        second = mg.grad(first, values) if isinstance(first, Value) else []
        exact = sum(float(np.sum(g.data * v)) for g, v in zip(second, again, strict=False))
        close("second", exact, differences(lambda xs: float(data(slope(xs))), start, again))


def sum_of(parts: Sequence[Any]) -> Any:
    return sum((mg.sum(part) for part in parts if part.dtype != bool), 0.0)


def differences(f: Callable[[Sequence[Any]], float], at: Sequence[Any], along: Sequence[Any]) -> float:
    """The derivative of f in a direction, from four values."""
    moved = [f([(x + k * STEP * v)[()] for x, v in zip(at, along, strict=True)]) for k in (-2, -1, 1, 2)]
    return (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * STEP)


def close(which: str, exact: Any, measured: float) -> None:
    exact = float(data(exact))
    if not abs(exact - measured) <= CLOSE * max(1.0, abs(measured)):
        raise WrongError(f"the {which} derivative is {exact}, and differences give {measured}")


def combo_check(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., None]:
    """autograd's check of all combinations of arguments and keywords."""

    def check(*args_of: Any, **settings_of: Any) -> None:
        names = list(settings_of)
        for chosen in itertools.product(*args_of):
            for settings in itertools.product(*settings_of.values()):
                check_grads(f, *args, **kwargs)(*chosen, **dict(zip(names, settings, strict=True)))

    return check


def grad(f: Callable[..., Any], argnum: Any = 0) -> Callable[..., Any]:
    """autograd's gradient of a function, with mg.grad; a graph again where the argument is one."""

    def gradient(*args: Any) -> Any:
        which = argnum if isinstance(argnum, tuple | list) else [argnum]
        outer = set(live)
        leaves = [args[i] if isinstance(args[i], Value) else Value(args[i]) for i in which]
        live.update(leaves)
        given = [leaves[list(which).index(i)] if i in which else x for i, x in enumerate(args)]
        y = f(*given)
        gradients = mg.grad(y, leaves) if isinstance(y, Value) else [0.0 * leaf for leaf in leaves]
        nested = isinstance(y, Value) and not outer.isdisjoint(topological(y))
        shown = [g if nested else g.data for g in gradients]
        return shown if isinstance(argnum, tuple | list) else shown[0]

    return gradient


def value_and_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    return lambda *args: (f(*args), grad(f, argnum)(*args))


def elementwise_grad(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    return grad(lambda *args: np.sum(f(*args)), argnum)


def jacobian(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """One gradient for each number of the value."""

    def of(*args: Any) -> Any:
        shape = np.shape(f(*args))
        places = list(np.ndindex(*shape))
        rows = [grad(lambda *xs, place=place: f(*xs)[place], argnum)(*args) for place in places]
        stacked = mg.stack(rows) if any(isinstance(row, Value) for row in rows) else np.stack(rows)
        return stacked.reshape(*shape, *rows[0].shape)

    return of


def stand_in() -> None:
    """Put the modules in the place of autograd's that its tests import."""
    functions = {f.__name__: f for f in (grad, value_and_grad, elementwise_grad, jacobian)}
    for name in ("isinstance", *ELSEWHERE):
        functions[name] = getattr(__builtins__, name, None) or __builtins__[name]  # type: ignore[index]
    modules = {"autograd": functions, "autograd.test_util": {"check_grads": check_grads, "combo_check": combo_check}}
    for name, content in modules.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        sys.modules[name] = module
    sys.modules["autograd"].numpy = sys.modules["autograd.numpy"] = np  # type: ignore[attr-defined, assignment]
    sys.modules["autograd.numpy.random"] = np.random


class Plugin:
    """Notes what came of the tests that check no derivative."""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if OTHERS.get(item.path.stem, "") in item.name]

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: Any) -> Any:
        before, error = len(found[pyfuncitem.originalname]), None
        try:
            yield
        except (Exception, pytest.fail.Exception) as raised:
            error = raised
        noted = len(found[pyfuncitem.originalname]) > before
        if not noted or not (error is None or isinstance(error, pytest.fail.Exception)):  # what it waits for is noted
            note(lambda: _again(error))
        return True


def _again(error: BaseException | None) -> None:
    if isinstance(error, AssertionError):
        raise WrongError(str(error).splitlines()[0])
    if error is not None:
        raise error


# The table


def function_of(test: str) -> str:
    """NumPy's function that a test is named after: einsum for test_einsum_transpose."""
    words = test.removeprefix("test_").split("_")
    if words[0] in ("frobenius", "vector", "nuclear"):
        return "np.linalg.norm"
    for end in range(len(words), 0, -1):
        name = "_".join(words[:end])
        if hasattr(np, name) and callable(getattr(np, name)):
            return f"np.{name}"
        if hasattr(np.linalg, name):
            return f"np.linalg.{name}"
    return "operators, indices and methods"


def gist(sentence: str) -> str:
    """The start of a refusal, without what lists all functions."""
    short = re.split(r": compose it| without losing|: it is|; ", " ".join(sentence.split()))[0]
    short = re.sub(r"an unlabelled \w+( of \w+)?", "a Value", short)
    return (short if len(short) <= 110 else short[:107] + "...").replace("|", "\\|")


INTRO = """# NumPy's functions on Values

A function of NumPy that gets a Value is the function of that name in `mg`, and so is the method where NumPy's arrays
have it; whatever has no counterpart is refused in one sentence that names it. Arguments have NumPy's names and
defaults. What cannot hold for a graph, as `out=`, is refused by its name.

```python
import numpy as np

import microgradcnn as mg

v = mg.Value(np.array([3.0, 0.5, 2.0]), label="v")
print(np.prod(v).item(), mg.prod(v).item(), v.prod().item())  # 3.0 3.0 3.0
print(mg.grad(np.linalg.norm(v), [v])[0].data.round(3))  # [0.824 0.137 0.549]
print(np.sort(v).data, np.pad(v, 1).data)  # [0.5 2.  3. ] [0.  3.  0.5 2.  0. ]
print(np.einsum("i,j->ij", v, v).shape)  # (3, 3)
```

Most are made of a few primitives of [the table](../../microgradcnn/engine/primitives.py), so that they run, are
derived, drawn and exported as those are: shapes of `reshape`, `transpose` and indices, `einsum` of matrix products,
`prod` of products of halves, which are exact at zeros, `var` of means, `sort` of `order` and `take_along_axis`. New
primitives are those that would read or run badly otherwise, in
[`axes.py`](../../microgradcnn/engine/table/axes.py): `min` shares ties as `max` does; `vector_norm`, of which `norm`
and `std` are made, has the gradient 0 at 0; `logsumexp` has its own softmax as its rule; `cumsum` would be as many sums
as there are numbers; `order` has the places of numbers in ascending order, so that a program puts other numbers in
their own order; `take` and `take_along_axis` take numbers at places which may be a Value, as an input of a program is,
and `index_add` and `scatter_add` add them there, which is the rule of each for the other. `argmax`, `argmin` and
`argsort` give NumPy's integers of the moment, without a gradient, to index with.

## HIPS autograd's own tests

This table is written by [`tests/hips_autograd.py`](../../tests/hips_autograd.py), which runs HIPS autograd's tests of
NumPy's functions on Values. Each call of its `check_grads` is compared with NumPy in its value, and with differences
in its first and second derivatives. Of {counted} calls {passes} pass, {refused} are refused in the words of the last
column, and {wrong} give another number. {complex} more are about complex numbers, which a Value does not hold, and
{elsewhere} about functions that autograd adds to NumPy's.
"""
HEAD = ("| function | passes | refused | wrong | in these words |", "| --- | ---: | ---: | ---: | --- |")


def page(results: Results) -> str:
    """The table as Markdown."""
    rows: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for test, outcomes in results.items():
        rows[function_of(test)] += outcomes
    total = Counter(kind for outcomes in rows.values() for kind, _ in outcomes)
    counted = total["passes"] + total["refused"] + total["wrong"]
    intro = INTRO.format(
        counted=counted, **{k: total[k] for k in ("passes", "refused", "wrong", "complex", "elsewhere")}
    )
    lines = [*intro.splitlines(), "", *HEAD]
    for name in sorted(rows):
        counts = Counter(kind for kind, _ in rows[name])
        if counts["passes"] + counts["refused"] + counts["wrong"]:
            said = "; ".join(dict.fromkeys(gist(text) for kind, text in rows[name] if kind in ("refused", "wrong")))
            lines.append(
                f"| `{name}` | {counts['passes']} | {counts['refused'] or ''} | {counts['wrong'] or ''} | {said} |"
            )
    return "\n".join([*lines, ""])


def main(tests: str) -> None:
    """Run the tests in that folder, write the page, and print what is wrong."""
    stand_in()
    files = [os.path.join(tests, f"{name}.py") for name in (*FILES, *OTHERS)]
    pytest.main(["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tests, *files], plugins=[Plugin()])
    PAGE.write_text(page(found), encoding="utf-8")
    for test, outcomes in found.items():
        for kind, text in outcomes:
            if kind == "wrong":
                print(f"{test}: {text}")
    print(Counter(kind for outcomes in found.values() for kind, _ in outcomes))


if __name__ == "__main__":
    main(sys.argv[1])
