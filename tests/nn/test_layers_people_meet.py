"""Layers, losses and optimisers with options put together are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from many_cases import offenders
from pytorch_layers import flat
from pytorch_people import LAYERS, LOSSES, PADDED, PATH, RUNS, SLOPE, drawn_inputs, loss_case, start_of

import microgradcnn as mg
from microgradcnn import Value, nn, optim

with np.load(PATH) as archive:
    PYTORCHS = dict(archive)


def joined(*arrays: Any) -> Any:
    return np.concatenate([np.ravel(a) * 1.0 for a in arrays])


def of_layer(name: str) -> tuple[Value, list[Value], list[Any], np.random.Generator]:
    """A loss of the layer's outputs, its leaves, what is compared besides, and the generator for what comes after."""
    case = LAYERS[name]
    rng = np.random.default_rng(list(LAYERS).index(name))
    layer = case.make(nn)
    layer.load_state_dict(start_of(layer))
    layer.train()
    for _ in range(case.before):
        layer(*[Value(rng.normal(size=s)) for s in case.inputs])
    layer.train(case.training)
    inputs = drawn_inputs(case, rng)
    xs = [a if case.classes else Value(a) for a in inputs]
    hs = [Value(rng.normal(size=s)) for s in case.state]
    leaves = [x for x in xs if not case.classes] + hs + list(layer.parameters())
    hx = [tuple(hs) if len(hs) > 1 else hs[0]] if hs else []
    outputs = flat(layer(*xs, *hx, **case.named))
    loss = sum((mg.sum(y * rng.normal(size=y.shape) + 0.5 * y * y) for y in outputs), start=Value(0.0))
    buffers = [buffer.data for _, buffer in layer.named_buffers()]
    return loss, leaves, [[y.data for y in outputs], buffers], rng


def of_loss(number: int) -> tuple[Value, list[Value], list[Any], np.random.Generator]:
    """The same for a loss."""
    a, target, options, rng = loss_case(number)
    leaf = Value(a)
    y = getattr(nn, LOSSES[number][0])(leaf, target, **options)
    return mg.sum(y * rng.normal(size=y.shape)), [leaf], [[y.data], []], rng


def derived(case: str | int, backend: str | None = None) -> Any:
    """Values, gradients, Hessian-vector products and buffers, by the engine or as programs."""
    loss, leaves, (outputs, buffers), rng = of_layer(case) if isinstance(case, str) else of_loss(case)
    gradients = mg.grad(loss, leaves)
    along = [np.asarray(rng.normal(size=leaf.shape)) for leaf in leaves]
    slope = sum((mg.sum(g * v) for g, v in zip(gradients, along, strict=True)), start=Value(0.0))
    if backend is None:
        found = [[a.data for a in each] for each in (gradients, mg.grad(slope, leaves))]
    else:
        found = [mg.compile(f, leaves, (), backend)()[1] for f in (loss, slope)]
    return joined(*outputs, *found[0], *found[1], *buffers)


def expected(case: str | int) -> Any:
    return PYTORCHS[f"layer {list(LAYERS).index(case)}" if isinstance(case, str) else f"loss {case}"]


@pytest.mark.parametrize("case", [*LAYERS, *range(len(LOSSES))])
def test_values_gradients_and_products_of_layers_and_losses(case: str | int) -> None:
    np.testing.assert_allclose(derived(case), expected(case), rtol=1e-10, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numpy", "jit"])
def test_they_are_the_same_as_programs(backend: str) -> None:
    """Under JAX too, which takes minutes to compile all, so it gets a few."""

    def check(case: str | int) -> None:
        np.testing.assert_allclose(derived(case, backend), expected(case), rtol=1e-10, atol=1e-10)

    assert offenders([*LAYERS, *range(len(LOSSES))], check) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", [name for name in LAYERS if "ConvT" in name or "padding of numbers" in name])
def test_they_are_the_same_under_jax(case: str) -> None:
    pytest.importorskip("jax")
    np.testing.assert_allclose(derived(case, "jax"), expected(case), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_fifty_steps_clipped_and_scheduled(number: int) -> None:
    kind, options, clip, (schedule, more) = RUNS[number]
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=(20, 3)), rng.integers(2, size=20)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    model.load_state_dict(start_of(model))
    optimiser = getattr(optim, kind)(model.parameters(), **options)
    scheduler = getattr(optim, schedule)(optimiser, **more) if schedule else None
    losses = []
    for _ in range(50):
        optimiser.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        getattr(optim, "clip_grad_value_" if "clip_value" in clip else "clip_grad_norm_")(model.parameters(), **clip)
        optimiser.step()
        if scheduler:
            scheduler.step()
        losses.append(loss.item())
    found = joined(losses, *(p.data for p in model.parameters()))
    np.testing.assert_allclose(found, PYTORCHS[f"run {number}"], rtol=1e-10, atol=1e-10)


def test_padding_of_truths_beside_a_mask_of_numbers_is_padding_of_infinities() -> None:
    """PyTorch says that it will refuse such a pair one day, and until then takes it so."""
    layer = nn.MultiheadAttention(4, 2, batch_first=True)
    rng = np.random.default_rng(0)
    query, key = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 4, 4))
    output, weights = layer(query, key, key, attn_mask=SLOPE, key_padding_mask=PADDED)
    infinite = np.where(PADDED, -np.inf, 0.0)
    expected, shares = layer(query, key, key, attn_mask=SLOPE, key_padding_mask=infinite)
    np.testing.assert_allclose(output.data, expected.data, rtol=1e-12)
    np.testing.assert_allclose(weights.data, shares.data, rtol=1e-12)
    assert (weights.data[0, :, 3] == 0.0).all()
    assert (weights.data[0, :, 0] > 0.0).all()


def test_a_row_without_an_axis_for_rows_is_taken_as_one_row_and_its_targets_as_one_number() -> None:
    """As PyTorch does: the loss of four logits alike is log 4, whichever the class."""
    assert nn.cross_entropy(Value(np.zeros(4)), np.asarray(2)).item() == pytest.approx(np.log(4.0), rel=1e-15)
    with pytest.raises(ValueError, match=r"cross_entropy takes logits \(n, classes\).*shape \(4,\)"):
        nn.cross_entropy(Value(np.zeros(4)), np.asarray([2, 1]))


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("AdamW", {"betas": (1.0, 0.9)}, r"betas are two numbers from 0 to below 1, .* not \(1.0, 0.9\)"),
        ("Adam", {"betas": (0.9, -0.1)}, "betas are two numbers from 0 to below 1"),
        ("Adam", {"eps": -1e-8}, "eps is a number ≥ 0, not -1e-08"),
        ("RMSprop", {"alpha": -0.1}, "alpha is a number ≥ 0"),
        ("Adagrad", {"lr_decay": -0.1}, "lr_decay is a number ≥ 0"),
        ("SGD", {"momentum": -0.9}, "momentum is a number ≥ 0, not -0.9"),
        ("SGD", {"nesterov": True}, "nesterov needs momentum"),
        ("SGD", {"weight_decay": -0.1}, "lr and weight_decay ≥ 0"),
    ],
)
def test_an_optimiser_refuses_what_pytorchs_does(kind: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        getattr(optim, kind)(nn.Linear(2, 2).parameters(), **options)
