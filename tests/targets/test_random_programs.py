"""500 random programs on which every engine gives one answer; and that a wrong rule in one of them would be found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import random_programs
from random_programs import ENGINES, KINDS, disagreement, disagreements, drawn

import microgradcnn as mg
from microgradcnn import where
from microgradcnn.engine.record import TABLE

COUNT, SEED = 500, 12
PARTS = 10


@pytest.fixture(autouse=True)
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGRADCNN_CACHE", "")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_engine_gives_one_answer(part: int) -> None:
    """In parts, which run side by side; the programs that are shown on failure can be pasted."""
    for i, program, answers in disagreements(SEED, range(part, COUNT, PARTS)):
        pytest.fail(f"program {i} of seed {SEED}:\n{program.pasted()}\n{answers}")


def test_the_programs_are_of_every_kind_and_depend_on_seed_and_index_alone() -> None:
    programs = [drawn(SEED, i) for i in range(COUNT)]
    assert [drawn(SEED, i).pasted() for i in (7, 3)] == [programs[i].pasted() for i in (7, 3)]
    assert len({program.pasted() for program in programs}) > 0.95 * COUNT
    text = "\n".join(program.function() for program in programs)
    used = {name for name in TABLE if f"mg.{name}(" in text}
    assert used >= {"max", "maximum", "minimum", "abs", "relu", "where", "max_pool2d", "avg_pool2d", "conv2d", "sum"}
    assert used >= {"log_softmax", "mean", "reshape", "transpose", "broadcast_to", "stack", "concatenate", "power"}
    for i, kind in enumerate(KINDS):
        of_kind = programs[i :: len(KINDS)]
        assert sum(bool(program.inputs) for program in of_kind) > 20, f"{kind}: with rows"
        assert sum(not program.inputs for program in of_kind) > 20, f"{kind}: without"
        assert sum(program.penalty for program in of_kind) > 5, f"{kind}: with second derivatives"


@contextmanager
def changed(name: str, field: str, wrong: Any) -> Iterator[None]:
    right = getattr(TABLE[name], field)
    setattr(TABLE[name], field, wrong)
    try:
        yield
    finally:
        setattr(TABLE[name], field, right)


WRONG: list[tuple[str, str, str, Any]] = [
    # engine, primitive, field, what stands there instead
    ("numpy", "relu", "chain", (lambda g, y, x: where(x >= 0.0, g, 0.0),)),
    ("jit", "relu", "chain", (lambda g, y, x: where(x >= 0.0, g, 0.0),)),
    ("jit", "abs", "chain", (lambda g, y, x: where(x >= 0.0, g, -g),)),
    ("numpy", "maximum", "chain", (lambda g, y, a, b: where(a >= b, g, 0.0), lambda g, y, a, b: where(a < b, g, 0.0))),
    ("jit", "minimum", "chain", (lambda g, y, a, b: where(a <= b, g, 0.0), lambda g, y, a, b: where(a > b, g, 0.0))),
    ("eager", "max", "chain", (lambda g, y, x, axis, keepdims: g * where(x >= mg.max(x, axis, True), 1.0, 0.0),)),
    ("mg.grad", "sub", "chain", (lambda g, y, a, b: g, lambda g, y, a, b: g)),
    ("numpy", "tanh", "chain", (lambda g, y, x: g * (1.0 + 1e-10 - y * y),)),
    ("jit", "log_softmax", "chain", (lambda g, y, x, axis: g - mg.exp(y) * mg.sum(g, axis, True) * (1.0 + 1e-10),)),
    ("eager", "exp", "chain", (lambda g, y, x: 1.0000001 * g * y,)),
    ("eager", "max_pool2d", "forward", lambda x, size, stride: -right_pool(-x, size, stride)),
    ("numpy", "getitem", "chain", (None,)),
]  # fmt: skip
right_pool: Callable[..., Any] = TABLE["max_pool2d"].forward


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "name", "field", "wrong"),
    [pytest.param(*w, id=f"{w[0]}-{w[1]}", marks=pytest.mark.slow if w[0] == "jit" else ()) for w in WRONG],
)
def test_a_wrong_rule_in_one_engine_is_found_and_the_program_made_short(
    engine: str, name: str, field: str, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ENGINES[engine]

    def mistaken(*arguments: Any) -> list[Any]:
        with changed(name, field, wrong):
            return right(*arguments)

    compared = {each: ENGINES[each] for each in ("eager", "numpy" if engine == "eager" else engine)}
    monkeypatch.setattr(random_programs, "ENGINES", {**compared, engine: mistaken})
    _, program, answers = next(disagreements(SEED, range(COUNT)))
    assert len(program.lines) <= 4, program.function()
    assert disagreement(program) == answers
    namespace: dict[str, Any] = {}
    exec(program.pasted().split("\nfor backend")[0], namespace)  # it can be pasted
    assert np.isfinite(namespace["f"].data)
