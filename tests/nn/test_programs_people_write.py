"""A classifier of words, makemore's perceptron and a GPT: trained, saved, copied, compiled, exported, as one does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_backend import every_backend
from many_cases import slow_but
from pytorch_people import start_of
from pytorch_programs import CLASSES, LETTERS, MAX_NORM, OPTIMISER, PATH, T_MAX, WINDOW, batches, programs

import microgradcnn as mg
from microgradcnn import Value, nn, optim

with np.load(PATH) as archive:
    PYTORCHS = dict(archive)

NAMES = tuple(programs(nn))
every_program = pytest.mark.parametrize("name", NAMES)


def made(name: str, seed: int | None = 3) -> nn.Module:
    """The model, at the numbers that PyTorch's started from unless seed is None."""
    model = programs(nn)[name]()
    return model if seed is None else model.load_state_dict(start_of(model, seed)) or model


def letters(rows: int = 5) -> Any:
    return np.random.default_rng(1).integers(LETTERS, size=(rows, WINDOW))


def hundred_steps(name: str, model: Any) -> Any:
    """The losses of a hundred steps, the last batch's logits in eval mode, and the state, as PyTorch's were written."""
    optimiser = getattr(optim, OPTIMISER[0])(model.parameters(), **OPTIMISER[1])
    scheduler = optim.CosineAnnealingLR(optimiser, T_max=T_MAX)
    losses = []
    for x, y in batches(name):
        optimiser.zero_grad()
        loss = nn.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), MAX_NORM)
        optimiser.step()
        scheduler.step()
        losses.append(loss.item())
    model.eval()
    return np.concatenate([np.ravel(a) * 1.0 for a in (losses, model(x).data, *model.state_dict().values())])


@pytest.mark.slow
@every_program
def test_a_hundred_steps_are_pytorchs(name: str) -> None:
    model = made(name)
    assert list(model.state_dict()) == list(PYTORCHS[f"{name} keys"])
    found = hundred_steps(name, model)
    assert found[90:100].mean() < found[:10].mean()  # something was learnt
    np.testing.assert_allclose(found, PYTORCHS[name], rtol=0, atol=1e-8)


def exact_gelu(model: Any) -> None:
    model.first.mlp = nn.Sequential(model.first.mlp[0], nn.GELU(), model.first.mlp[2])


def other_epsilon(model: Any) -> None:
    model.norm.eps = 1e-6


def other_momentum(model: Any) -> None:
    model.layers[1].momentum = 0.11


def other_slope(model: Any) -> None:
    model.layers[5].negative_slope = 0.1001


def other_start(model: Any) -> None:
    model.head.bias.data = model.head.bias.data + 1e-6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("gpt", exact_gelu),
        ("gpt", other_epsilon),
        ("makemore", other_momentum),
        ("makemore", other_slope),
        ("words", other_start),
    ],
)
def test_a_layer_that_is_a_little_wrong_is_seen(name: str, wrong: Callable[[Any], None]) -> None:
    model = made(name)
    wrong(model)
    assert abs(hundred_steps(name, model) - PYTORCHS[name]).max() > 1e-7


def pytorchs_state(name: str) -> dict[str, Any]:
    """The state that PyTorch ended with, by its names."""
    flat, state, end = PYTORCHS[name], {}, len(PYTORCHS[name])
    for key, a in reversed(made(name, None).state_dict().items()):
        state[key] = flat[end - a.size : end].reshape(a.shape).astype(a.dtype)
        end -= a.size
    return dict(reversed(state.items()))


@every_program
def test_pytorchs_state_gives_pytorchs_answers_by_way_of_safetensors(name: str, tmp_path: Path) -> None:
    numpy = pytest.importorskip("safetensors.numpy")
    state = pytorchs_state(name)
    numpy.save_file({key: np.array(a, order="C") for key, a in state.items()}, tmp_path / "pytorchs.safetensors")
    model = made(name, None)
    model.load_state_dict(nn.load_safetensors(tmp_path / "pytorchs.safetensors"))
    model.eval()
    *_, (x, _) = batches(name)
    expected = PYTORCHS[name][100 : 100 + len(x) * CLASSES].reshape(-1, CLASSES)
    np.testing.assert_allclose(model(x).data, expected, rtol=0, atol=1e-10)

    nn.save_safetensors(model, tmp_path / "ours.safetensors")
    back = numpy.load_file(tmp_path / "ours.safetensors")
    assert set(back) == set(state)
    for key, a in state.items():
        assert back[key].dtype == a.dtype, key
        np.testing.assert_array_equal(back[key], a, err_msg=key)


@pytest.mark.slow
@every_backend
@every_program
def test_a_program_in_eval_mode_has_the_engines_numbers(name: str, backend: str) -> None:
    model = made(name)
    model.eval()
    x, y = Value(letters(2), label="x"), Value(np.array([0, 2]), label="y")
    program = mg.compile(nn.cross_entropy(model(x), y), model.parameters(), [x, y], backend)
    rows, classes = letters(7), np.arange(7) % CLASSES
    value, gradients = program(rows, classes)
    loss = nn.cross_entropy(model(rows), classes)
    np.testing.assert_allclose(value, loss.item(), rtol=1e-10)
    for p, mine, g in zip(model.parameters(), gradients, mg.grad(loss, model.parameters()), strict=True):
        np.testing.assert_allclose(mine, g.data, rtol=1e-9, atol=1e-12, err_msg=p.label)


@pytest.mark.parametrize("name", slow_but("makemore", among=NAMES))
def test_in_train_mode_it_is_the_same_program_or_is_refused_by_name(name: str) -> None:
    model = made(name)
    x, y = Value(letters(2), label="x"), Value(np.array([0, 2]), label="y")
    loss = nn.cross_entropy(model(x), y)
    if name == "makemore":
        with pytest.raises(ValueError, match=r"layers\.1\.centred mixes rows"):
            mg.compile(loss, model.parameters(), [x, y])
    else:
        rows, classes = letters(7), np.arange(7) % CLASSES
        value, _ = mg.compile(loss, model.parameters(), [x, y])(rows, classes)
        np.testing.assert_allclose(value, nn.cross_entropy(model(rows), classes).item(), rtol=1e-10)


@pytest.mark.slow
@every_program
def test_an_onnx_file_has_the_same_answers(name: str, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    model = made(name)
    mg.export_onnx(model, tmp_path / "model.onnx", (WINDOW,), dtype=np.float64)
    assert model.training  # it was exported in eval mode, and is as it was
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (logits,) = session.run(None, {session.get_inputs()[0].name: letters(7).astype(float)})
    model.eval()
    np.testing.assert_allclose(logits, model(letters(7)).data, rtol=0, atol=1e-10)


@every_program
def test_its_table_counts_every_parameter_and_moves_nothing(name: str) -> None:
    model = made(name)
    before = {key: a.copy() for key, a in model.state_dict().items()}
    table = str(model.summary(WINDOW))
    total = sum(p.data.size for p in model.parameters())
    assert table.splitlines()[-1].split()[1] == f"{total:,}"
    for key, a in model.state_dict().items():
        np.testing.assert_array_equal(a, before[key], err_msg=key)


@every_program
def test_a_deep_copy_goes_its_own_way(name: str) -> None:
    model = made(name)
    twin = copy.deepcopy(model)
    for each in (model, twin):
        each.eval()
    expected = model(letters()).data.copy()
    for p in twin.parameters():
        p.data = p.data + 1.0
    np.testing.assert_array_equal(model(letters()).data, expected)
    assert abs(twin(letters()).data - expected).max() > 1e-3


def parts() -> nn.Sequential:
    """Layers of all kinds in one that pickle knows by its name."""
    return nn.Sequential(
        nn.Embedding(LETTERS, 3), nn.Flatten(), nn.Linear(3 * WINDOW, 4), nn.BatchNorm1d(4), nn.GELU(), nn.Dropout(0.5)
    )


def test_a_pickle_has_the_running_statistics_the_mode_and_goes_on_drawing() -> None:
    model = parts()
    model(letters())
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(model(letters()).data, twin(letters()).data)  # the same mask of Dropout
    for (name, a), (_, b) in zip(model.state_dict().items(), twin.state_dict().items(), strict=True):
        np.testing.assert_array_equal(a, b, err_msg=name)
    assert not np.array_equal(model(letters()).data, model(letters()).data)


@every_program
def test_without_rng_a_seed_gives_the_same_model_and_the_next_is_another(name: str) -> None:
    states = []
    for seed in (5, 5, None, 6):
        if seed is not None:
            nn.manual_seed(seed)
        states.append(np.concatenate([p.data.ravel() for p in programs(nn)[name]().parameters()]))
    first, again, following, other = states
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, following)
    assert not np.array_equal(first, other)


@every_program
def test_a_saved_model_is_the_same_with_its_buffers(name: str, tmp_path: Path) -> None:
    model = made(name)
    model(letters())
    model.save(tmp_path / "model.npz")
    again = made(name, None).load(tmp_path / "model.npz")
    model.eval(), again.eval()
    np.testing.assert_array_equal(again(letters()).data, model(letters()).data)
    other = made(NAMES[NAMES.index(name) - 1], None)
    with pytest.raises(ValueError, match="written for a model with"):
        other.load(tmp_path / "model.npz")
