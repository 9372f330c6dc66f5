"""Recurrent layers, attention, norms, embeddings and activations are PyTorch's, against numbers that it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytorch_layers import CASES, OPTIMISERS, batches, drawn, flat, models, recorded, start
from pytorch_numbers import descended
from threadpoolctl import threadpool_limits

import microgradcnn as mg
from microgradcnn import Value, nn
from microgradcnn.nn import optim

STATES, ARRAYS = recorded()
WITHOUT_RNG = {"BatchNorm1d", "BatchNorm2d", "LayerNorm", "LeakyReLU", "GELU", "SiLU"}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """For small products, which a second thread of BLAS only delays on a busy machine."""
    with threadpool_limits(1):
        yield


def layer(kind: str, *arguments: Any, **options: Any) -> nn.Module:
    return getattr(nn, kind)(
        *arguments, **options, **({} if kind in WITHOUT_RNG else {"rng": np.random.default_rng(0)})
    )


def started(name: str) -> nn.Module:
    """The layer of a case with the numbers that PyTorch's had."""
    case = CASES[name]
    made = layer(case.kind, **case.options).train(case.training)
    made.load_state_dict(start({path: np.shape(a) for path, a in made.state_dict().items()}))
    return made


def expected(name: str) -> dict[str, Any]:
    return {key.split("/")[1]: array for key, array in ARRAYS.items() if key.split("/")[0] == name}


@pytest.mark.parametrize("name", CASES)
def test_outputs_gradients_and_hessian_vector_products(name: str) -> None:
    case, made = CASES[name], started(name)
    inputs, states, rng = drawn(name)
    xs, hs = [x if case.classes else Value(x) for x in inputs], [Value(h) for h in states]
    leaves = {f"x{i}": x for i, x in enumerate(xs) if isinstance(x, Value)} | {f"h{i}": h for i, h in enumerate(hs)}
    leaves |= dict(made.named_parameters())
    hx = [tuple(hs) if len(hs) > 1 else hs[0]] if hs else []
    outputs = flat(made(*(xs * 3 if case.same else xs), *hx, **(case.named if case.ours is None else case.ours)))
    loss = sum((mg.sum(y * rng.normal(size=y.shape) + 0.5 * y * y) for y in outputs), start=Value(0.0))
    gradients = mg.grad(loss, list(leaves.values()))
    along = [np.asarray(rng.normal(size=leaf.shape)) for leaf in leaves.values()]
    products = mg.grad(sum((mg.sum(g * v) for g, v in zip(gradients, along, strict=True))), list(leaves.values()))
    found = {f"y{i}": y.data for i, y in enumerate(outputs)}
    for leaf, g, product in zip(leaves, gradients, products, strict=True):
        found |= {f"gradient of {leaf}": g.data, f"product of {leaf}": product.data}
    if case.training:
        found |= {f"{path} after": buffer.data for path, buffer in made.named_buffers()}
    assert set(found) == set(expected(name))
    for key, array in expected(name).items():
        np.testing.assert_allclose(found[key], array, rtol=1e-10, atol=1e-10, err_msg=key)


def test_states_have_pytorchs_names_and_shapes_in_pytorchs_order() -> None:
    """So that load_state_dict, which is strict, takes either's state for the other."""
    for name, case in CASES.items():
        state = layer(case.kind, **case.options).state_dict()
        assert [(path, a.shape) for path, a in state.items()] == list(STATES[name].items()), name
        assert all(a.dtype == (np.int64 if path.endswith("tracked") else np.float64) for path, a in state.items())


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_hundred_steps_of_a_model(name: str) -> None:
    model = models(nn, layer, np.asarray)[name]()
    assert [(path, a.shape) for path, a in model.state_dict().items()] == list(STATES[name].items())
    model.load_state_dict(start(STATES[name]))
    optimiser, options = OPTIMISERS[name]
    descent = getattr(optim, optimiser)(model.parameters(), **options)
    losses, seen = descended(descent, lambda x, y: nn.cross_entropy(model(x), y), model.state_dict, batches(name))
    np.testing.assert_allclose(losses, ARRAYS[f"{name}/losses"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(seen, ARRAYS[f"{name}/projections"], rtol=0, atol=1e-8)
    assert np.ptp(losses) > 0.1
