"""Layers, losses, optimisers and names are PyTorch's: against numbers that it wrote, as pytorch_numbers.py says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from pytorch_numbers import LAYERS, LOSSES, PATH, RUNS, batches, descended, inputs, start
from threadpoolctl import threadpool_limits

from microgradcnn import Value, nn
from microgradcnn.nn import optim


@pytest.fixture(scope="module")
def pytorch() -> dict[str, Any]:
    with np.load(PATH, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.fixture
def one_thread() -> Iterator[None]:
    """For small products, which a second thread of BLAS only delays on a busy machine."""
    with threadpool_limits(1):
        yield


def built(name: str) -> nn.Module:
    kind, options, _ = LAYERS[name]
    draws = {"rng": np.random.default_rng(0)} if kind in ("Linear", "Conv2d", "Dropout") else {}
    return getattr(nn, kind)(**options, **draws).eval()


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("run", RUNS)
def test_a_hundred_steps_of_lenet(run: str, pytorch: dict[str, Any]) -> None:
    model = nn.lenet(rng=np.random.default_rng(7))
    model.load_state_dict(start({name: p.shape for name, p in model.named_parameters()}))
    optimiser, options = RUNS[run]
    descent = getattr(optim, optimiser)(model.parameters(), **options)
    losses, seen = descended(descent, lambda x, y: nn.cross_entropy(model(x), y), model.state_dict, batches())
    np.testing.assert_allclose(losses, pytorch[f"{run}/losses"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(seen, pytorch[f"{run}/projections"], rtol=0, atol=1e-8)
    assert np.ptp(losses) > 0.1


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_and_its_gradients(name: str, pytorch: dict[str, Any]) -> None:
    layer = built(name)
    layer.load_state_dict(start({path: p.shape for path, p in layer.named_parameters()}))
    numbers, rng = inputs(name)
    x = Value(numbers)
    y = layer(x)
    y.backward(rng.normal(size=y.shape))
    found = {"y": y.data, "gradient of x": x.grad}
    found |= {f"gradient of {path}": p.grad for path, p in layer.named_parameters()}
    expected = {key.split("/")[1]: array for key, array in pytorch.items() if key.split("/")[0] == name}
    assert set(found) == set(expected)
    for key, array in expected.items():
        np.testing.assert_allclose(found[key], array, rtol=1e-12, atol=1e-14, err_msg=key)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient(name: str, pytorch: dict[str, Any]) -> None:
    numbers, target = LOSSES[name](np.random.default_rng(3))
    for kind in (np.asarray, Value):
        a = Value(numbers)
        loss = getattr(nn, name)(a, kind(target))
        loss.backward()
        np.testing.assert_allclose(loss.data, pytorch[f"{name}/loss"], rtol=1e-13)
        np.testing.assert_allclose(a.grad, pytorch[f"{name}/gradient"], rtol=1e-11, atol=1e-16)


def test_lenet_has_pytorchs_names_and_shapes_in_pytorchs_order(pytorch: dict[str, Any]) -> None:
    """So that load_state_dict, which is strict, takes either's state for the other."""
    expected = json.loads(str(pytorch["lenet/shapes"]))
    state = nn.lenet(rng=np.random.default_rng(0)).state_dict()
    assert [(name, list(p.shape)) for name, p in state.items()] == list(expected.items())
    assert all(p.flags.writeable and p.flags.owndata for p in state.values())  # from_numpy warns of others


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-6), (np.float64, 1e-6)])
def test_a_state_that_pytorch_wrote(dtype: Any, tolerance: float, pytorch: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, rng=rng, dtype=dtype),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(8, 3, bias=False, rng=rng, dtype=dtype),
    )
    prefix = "small/state/"
    state = {name.removeprefix(prefix): p for name, p in pytorch.items() if name.startswith(prefix)}
    assert list(state) == list(model.state_dict())
    model.load_state_dict(state)
    assert all(p.dtype == dtype for p in model.parameters())
    np.testing.assert_allclose(model(pytorch["small/x"]).data, pytorch["small/y"], rtol=tolerance)
    for name, p in model.state_dict().items():
        np.testing.assert_array_equal(p.astype(np.float32), state[name])  # every bit of it
