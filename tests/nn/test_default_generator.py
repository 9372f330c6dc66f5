"""Layers that are given no generator: drawn in order from the process's own, which a seed starts anew."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from microgradcnn import nn

MAKERS: dict[str, Callable[..., nn.Module]] = {
    "Linear": lambda **rng: nn.Linear(2, 3, **rng),
    "Conv2d": lambda **rng: nn.Conv2d(1, 2, 3, **rng),
    "lenet": lambda **rng: nn.lenet(**rng),
}


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    nn.manual_seed(0)
    yield
    nn.manual_seed(0)


def numbers(model: nn.Module) -> list[Any]:
    return [p.data.tolist() for p in model.parameters()]


@pytest.mark.parametrize("name", MAKERS)
def test_a_seed_gives_the_same_layers_in_the_same_order(name: str) -> None:
    make = MAKERS[name]
    first, second = make(), make()
    assert numbers(first) != numbers(second)
    nn.manual_seed(0)
    assert [numbers(make()), numbers(make())] == [numbers(first), numbers(second)]
    nn.manual_seed(1)
    assert numbers(make()) not in (numbers(first), numbers(second))


@pytest.mark.parametrize("name", MAKERS)
def test_it_draws_as_the_same_generator_does(name: str) -> None:
    make, rng = MAKERS[name], np.random.default_rng(7)
    nn.manual_seed(7)
    assert [numbers(make()), numbers(make())] == [numbers(make(rng=rng)), numbers(make(rng=rng))]


def test_a_generator_that_is_given_draws_alone() -> None:
    drawn = numbers(nn.Linear(2, 3))
    nn.manual_seed(0)
    nn.lenet(rng=np.random.default_rng(1))
    assert numbers(nn.Linear(2, 3, rng=None)) == drawn


def test_dropout_draws_at_every_call() -> None:
    layer, x = nn.Dropout(), np.ones(50)
    first, second = layer(x), layer(x)
    assert not np.array_equal(first.data, second.data)
    nn.manual_seed(0)
    assert np.array_equal(layer(x).data, first.data)
    again, copied = pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)
    assert np.array_equal(again(x).data, second.data)  # each goes on by itself
    assert np.array_equal(copied(x).data, second.data)
    assert np.array_equal(layer(x).data, second.data)


def test_layers_may_be_made_in_several_threads() -> None:
    with ThreadPoolExecutor(4) as threads:
        layers = list(threads.map(lambda _: nn.Linear(2, 3), range(40)))
    drawn = {tuple(layer.weight.data.ravel()) for layer in layers}
    assert len(drawn) == 40


@pytest.mark.slow
def test_every_process_starts_at_the_documented_seed() -> None:
    code = "from microgradcnn import nn; print(nn.Linear(2, 3).weight.data.tolist())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(nn.Linear(2, 3).weight.data.tolist())
    assert "manual_seed(0)" in (inspect.getdoc(nn.manual_seed) or "")


@pytest.mark.parametrize(
    ("seed", "error", "message"),
    [
        (-1, ValueError, "a seed is a whole number ≥ 0, not -1"),
        (0.5, TypeError, "a seed is a whole number ≥ 0, not 0.5"),
        (None, TypeError, "a seed is a whole number ≥ 0, not None"),
    ],
)
def test_a_seed_that_is_none_is_refused(seed: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}$"):
        nn.manual_seed(seed)
