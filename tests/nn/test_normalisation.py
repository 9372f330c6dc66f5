"""Normalisation and the Buffers that it keeps: statistics, modes, states, files, copies, training and resuming it."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgradcnn import Value, nn
from microgradcnn.files import FileError
from microgradcnn.fit import DivergedError, evaluate, fit
from microgradcnn.nn import Buffer


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def perceptron(seed: int = 0, **options: Any) -> nn.Sequential:
    generator = rng(seed)
    return nn.Sequential(
        nn.Linear(3, 4, rng=generator), nn.BatchNorm1d(4, **options), nn.Tanh(), nn.Linear(4, 2, rng=generator)
    )


STATE = [
    *("0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"),
    *("3.weight", "3.bias"),
]
X, CLASSES = rng(5).normal(size=(20, 3)) + 1.0, np.arange(20) % 2


# What they compute


@given(st.integers(2, 5), st.integers(1, 4), st.lists(st.integers(1, 3), max_size=2), st.floats(-3.0, 3.0))
def test_a_batch_has_mean_0_and_variance_1_after_it(n: int, features: int, more: list[int], offset: float) -> None:
    layer = (nn.BatchNorm2d if len(more) == 2 else nn.BatchNorm1d)(features, eps=1e-12)
    y = layer(Value(rng().normal(offset, 2.0, size=(n, features, *more)))).data
    axes = (0, *range(2, 2 + len(more)))
    np.testing.assert_allclose(y.mean(axis=axes), 0.0, atol=1e-10)
    np.testing.assert_allclose(y.var(axis=axes), 1.0, rtol=1e-6)


@given(st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(2, 4), min_size=1, max_size=2))
def test_each_row_has_mean_0_and_variance_1_after_it(lead: list[int], shape: list[int]) -> None:
    y = nn.LayerNorm(tuple(shape), eps=1e-12)(Value(rng().normal(3.0, 2.0, size=(*lead, *shape)))).data
    axes = tuple(range(-len(shape), 0))
    np.testing.assert_allclose(y.mean(axis=axes), 0.0, atol=1e-10)
    np.testing.assert_allclose(y.var(axis=axes), 1.0, rtol=1e-6)


def test_running_statistics_follow_the_batches_in_train_mode_alone() -> None:
    layer = nn.BatchNorm1d(3, momentum=0.25)
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(3):
        batch = rng(seed).normal(size=(6, 3))
        layer(batch)
        mean, variance = 0.75 * mean + 0.25 * batch.mean(0), 0.75 * variance + 0.25 * batch.var(0, ddof=1)
    layer.eval()(X)
    np.testing.assert_allclose(layer.running_mean.data, mean, rtol=1e-13)
    np.testing.assert_allclose(layer.running_var.data, variance, rtol=1e-13)
    assert layer.num_batches_tracked.data == 3
    expected = (X - mean) / np.sqrt(variance + 1e-5)
    np.testing.assert_allclose(layer(X).data, expected, rtol=1e-12)


def test_without_momentum_they_are_means_over_all_batches() -> None:
    layer = nn.BatchNorm1d(3, momentum=None)
    batches = [rng(seed).normal(size=(6, 3)) for seed in range(4)]
    for batch in batches:
        layer(batch)
    np.testing.assert_allclose(layer.running_mean.data, np.mean([b.mean(0) for b in batches], axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.data, np.mean([b.var(0, ddof=1) for b in batches], axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("layer", "x", "says"),
    [
        (
            nn.BatchNorm1d(3),
            np.ones((4, 2)),
            "takes rows (n, 3) or sequences (n, 3, length), not an input of shape (4,",
        ),
        (nn.BatchNorm1d(3), np.ones(3), "takes rows (n, 3) or sequences (n, 3, length), not an input of shape (3,)"),
        (nn.BatchNorm2d(3), np.ones((4, 3)), "takes images (n, 3, height, width), not an input of shape (4, 3)"),
        (nn.BatchNorm1d(3), np.ones((1, 3)), "takes two numbers or more of each feature in train() mode, not an input"),
        (nn.LayerNorm((2, 3)), np.ones((2, 4)), "takes arrays (..., 2, 3), not an input of shape (2, 4)"),
        (nn.LayerNorm(3), 1.0, "takes arrays (..., 3), not an input of shape ()"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(layer: nn.Module, x: Any, says: str) -> None:
    model = nn.Sequential(nn.Tanh(), layer)
    with pytest.raises(ValueError, match=re.escape(says)) as refused:
        model(x)
    assert str(refused.value).startswith(f"layer 1, {type(layer).__name__}(")


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        (lambda: nn.BatchNorm1d(0), ValueError, "num_features must be at least 1, not 0"),
        (lambda: nn.BatchNorm2d(2, dtype=int), TypeError, "float64 or float32, not int64"),
        (lambda: nn.LayerNorm(()), ValueError, "normalized_shape has one axis of one number at least, not ()"),
        (lambda: nn.LayerNorm((2, 0)), ValueError, "normalized_shape has one axis of one number at least, not (2, 0)"),
    ],
)
def test_bad_arguments_are_refused(wrong: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=re.escape(says)):
        wrong()


# Buffers


def test_buffers_are_in_the_state_and_no_parameters() -> None:
    model = perceptron()
    assert list(model.state_dict()) == STATE
    assert [path for path, _ in model.named_parameters()] == [*STATE[:4], *STATE[7:]]
    assert [path for path, _ in model.named_buffers()] == STATE[4:7]
    assert [b.label for b in model.buffers()] == STATE[4:7]
    assert [model[1].running_mean, model[1].running_var, model[1].num_batches_tracked] == model.buffers()
    assert list(perceptron(track_running_stats=False, affine=False).state_dict()) == [*STATE[:2], *STATE[7:]]


def test_a_buffer_of_ones_own() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            self.seen = Buffer(np.zeros((), np.int64))
            self.scale = [Buffer([1.0, 2.0])]

        def forward(self, x: Any) -> Any:
            self.seen.data = self.seen.data + 1
            return x * self.scale[0].leaf()

    model = nn.Sequential(Counting())
    x = Value([3.0, 4.0])
    y = model(x)
    assert y.parents[1].label == "0.scale.0"
    assert {k: v.tolist() for k, v in model.state_dict().items()} == {"0.seen": 1, "0.scale.0": [1.0, 2.0]}
    assert repr(model[0].scale[0]) == "Buffer([1. 2.])"
    np.testing.assert_array_equal(np.asarray(model[0].scale[0]), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^0\.scale\.0 has shape \(2,\) and cannot take data of shape \(3,\)$"):
        model[0].scale[0].data = [1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        model[0].scale[0].data[0] = 5.0


def test_a_state_goes_to_another_model_with_its_buffers() -> None:
    one, other = perceptron(0), perceptron(1)
    for seed in range(3):
        one(rng(seed).normal(size=(5, 3)))
    state = one.state_dict()
    other.load_state_dict(state)
    assert np.array_equal(one.eval()(X).data, other.eval()(X).data)
    state["1.running_mean"] += 1.0  # a copy
    assert not np.array_equal(state["1.running_mean"], other[1].running_mean.data)
    assert other[1].num_batches_tracked.data.dtype == np.int64
    other.load_state_dict(state | {"1.num_batches_tracked": 7.0})
    assert other.state_dict()["1.num_batches_tracked"].dtype == np.int64


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"1.running_var": None}, "lacks 1.running_var"),
        ({"1.running_mean": np.ones(3)}, "has 1.running_mean as float64 of shape (3,), and Sequential as float64 of"),
        ({"1.running_mean": [0.0, np.nan, 0.0, 0.0]}, "has 1.running_mean with NaN or infinity in it"),
    ],
)
def test_a_state_whose_buffers_do_not_fit_changes_nothing(changes: dict[str, Any], says: str) -> None:
    model = perceptron()
    before = model.state_dict()
    state = {name: array for name, array in (before | {"0.bias": np.ones(4)} | changes).items() if array is not None}
    with pytest.raises(ValueError, match=re.escape(f"the state {says}")):
        model.load_state_dict(state)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_file_has_the_buffers(dtype: Any, tmp_path: Path) -> None:
    one, other = (nn.Sequential(nn.BatchNorm1d(3, dtype=dtype), nn.LayerNorm(3, dtype=dtype)) for _ in range(2))
    x = X.astype(dtype)
    assert one(x).dtype == dtype
    one.save(tmp_path / "model.npz")
    other.load(tmp_path / "model.npz")
    assert np.array_equal(one.eval()(x).data, other.eval()(x).data)
    assert other(x).dtype == dtype
    with pytest.raises(FileError, match=r"was written for a model with 0: BatchNorm1d\(num_features=3\), where this"):
        nn.Sequential(nn.BatchNorm1d(3, momentum=0.2), nn.LayerNorm(3)).load(tmp_path / "model.npz")


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_have_buffers_of_their_own(duplicate: Callable[[nn.Module], nn.Module]) -> None:
    model = perceptron()
    model(X)
    twin = duplicate(model)
    assert np.array_equal(model.eval()(X).data, twin.eval()(X).data)
    before = model.state_dict()
    twin.train()(X)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())
    assert not np.array_equal(before["1.running_mean"], twin[1].running_mean.data)


def test_the_table_does_not_move_them() -> None:
    model = perceptron()
    before = model.state_dict()
    found = model.summary(3)
    assert [(row.layer, row.parameters) for row in found.rows][1] == ("BatchNorm1d(num_features=4)", 8)
    assert all(np.array_equal(before[name], array) for name, array in model.state_dict().items())


# Training


def test_fit_trains_with_the_statistics_of_batches_and_evaluates_with_the_running_ones() -> None:
    model = perceptron()
    run = fit(model, X, CLASSES, epochs=3, batch=5, engine="eager", validation=(X, CLASSES))
    assert model[1].num_batches_tracked.data == 12
    assert run.history[-1]["validation_loss"] == pytest.approx(evaluate(model, X, CLASSES)["loss"])
    with pytest.raises(
        ValueError, match=r"^layer 1 is a BatchNorm1d, which takes the mean and the variance of the b.*'"
    ):
        fit(model, X, CLASSES, epochs=3, engine="numpy")


def test_going_on_from_a_checkpoint_goes_on_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"epochs": 4, "batch": 5, "engine": "eager", "validation": (X, CLASSES)}
    expected, stopped, resumed = perceptron(), perceptron(), perceptron()
    whole = fit(expected, X, CLASSES, **options)
    forward, calls = nn.Linear.forward, [0]

    def interrupted(self: nn.Linear, x: Any) -> Any:
        calls[0] += self.training
        if calls[0] == 2 * 4 * 2 + 3:  # two layers, four batches, in the third epoch
            raise KeyboardInterrupt
        return forward(self, x)

    with monkeypatch.context() as patch:
        patch.setattr(nn.Linear, "forward", interrupted)
        assert fit(stopped, X, CLASSES, **options, checkpoint=tmp_path, every=1).status == "interrupted"
    assert stopped[1].num_batches_tracked.data == 8  # as after the last whole epoch, like the parameters
    assert fit(resumed, X, CLASSES, **options, checkpoint=tmp_path, every=1, resume=True) == whole
    for name, array in expected.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array, err_msg=name)
    again = perceptron()
    fit(again, X, CLASSES, **options, checkpoint=tmp_path, every=1, resume=True)
    np.testing.assert_array_equal(again[1].running_var.data, expected[1].running_var.data)


def test_a_run_that_diverges_leaves_the_buffers_of_the_last_whole_epoch() -> None:
    model = perceptron()
    before = model.state_dict()
    with pytest.raises(DivergedError):
        fit(model, X, np.full((20, 2), 1e200), loss=nn.mse_loss, epochs=2, engine="eager")
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(before[name], array, err_msg=name)
