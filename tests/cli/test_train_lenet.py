"""`microgradcnn train lenet`: images of any size and any classes, from a data set's name or files, and what follows."""

from __future__ import annotations

import gzip
import io
import json
import re
import struct
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microgradcnn.cli import main
from microgradcnn.cli.commands.train import OF_LENET, SHIFT
from microgradcnn.data import Dataset, load, load_parts, resampling, shrink, split, with_classes
from microgradcnn.data.dataset import DataError, numbered
from microgradcnn.data.scaling import Scaling
from microgradcnn.experiment import KIND, ImageModel, Trained, experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError, read_arrays, write_arrays
from microgradcnn.nn.models import SIDE, new_model
from microgradcnn.training.descent import Descent

QUICK = ("--engine", "jit", "--json")


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = int(str(stop.code))
    return code, *capsys.readouterr()


def quadrants(n: int, seed: int, size: tuple[int, int] = (12, 10)) -> tuple[np.ndarray, np.ndarray]:
    """Images whose bright quarter is their class, 0 to 3."""
    rng, (height, width) = np.random.default_rng(seed), size
    y = np.arange(n) % 4
    images = rng.integers(0, 60, (n, height, width))
    for image, label in zip(images, y, strict=True):
        top, left = height // 2 * (label // 2), width // 2 * (label % 2)
        image[top : top + height // 2, left : left + width // 2] += 190
    return images.astype(np.uint8), y.astype(np.uint8)


def write_idx(folder: Path, part: str, images: np.ndarray, labels: np.ndarray, packed: bool = False) -> None:
    folder.mkdir(exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
        path = folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(content) if packed else content)


# Sizes and scaling


def test_pixels_between_pixels_by_hand() -> None:
    rows, columns = resampling((2, 1), 4)
    np.testing.assert_allclose(rows, [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]], rtol=1e-15)
    np.testing.assert_array_equal(columns, np.ones((4, 1)))


def test_a_plane_is_interpolated_exactly_inside() -> None:
    i, j = np.mgrid[0:8, 0:8]
    rows, columns = resampling((8, 8), SIDE)
    found = rows @ (3.0 * i - 2.0 * j + 1.0) @ columns.T
    at = (np.arange(SIDE) + 0.5) * 8 / SIDE - 0.5  # the centres of the new pixels among the old ones
    inside = (at >= 0) & (at <= 7)
    expected = 3.0 * at[:, None] - 2.0 * at + 1.0
    np.testing.assert_allclose(found[np.ix_(inside, inside)], expected[np.ix_(inside, inside)], rtol=0, atol=1e-12)
    assert inside.sum() == 24
    assert (found[0, 0], found[-1, -1]) == (1.0, 8.0)  # constant beyond the outermost centres


def test_large_images_are_averaged_as_shrink_does() -> None:
    pixels = np.random.default_rng(0).random((1, 56 * 84))
    data = Dataset(pixels, np.zeros(1), numbered("p", 56 * 84), "label", (56, 84), "large")
    rows, columns = resampling((56, 84), SIDE)
    np.testing.assert_allclose(
        rows @ pixels.reshape(56, 84) @ columns.T, shrink(data, SIDE).x.reshape(SIDE, SIDE), rtol=1e-14
    )


def test_what_the_model_gets() -> None:
    """(x − shift)/scale, brought to 28×28: written out with loops."""
    rng = np.random.default_rng(0)
    scaling = Scaling(rng.random(12), 1.0 + rng.random(12))
    done = Trained(ImageModel("lenet", 2, (3, 4)), scaling, ("a", "b"))
    x = rng.random((2, 12))
    found = done.network.images(scaling.apply(x))
    assert found.shape == (2, 1, SIDE, SIDE)
    scaled = ((x - scaling.shift) / scaling.scale).reshape(2, 3, 4)
    for i, j in ((0, 0), (13, 5), (27, 20)):
        place = np.clip([(i + 0.5) * 3 / SIDE - 0.5, (j + 0.5) * 4 / SIDE - 0.5], 0, [2, 3])
        (a, b), (u, v) = np.minimum(place.astype(int), [1, 2]), place - np.minimum(place.astype(int), [1, 2])
        near = scaled[:, a : a + 2, b : b + 2]
        expected = (1 - u) * ((1 - v) * near[:, 0, 0] + v * near[:, 0, 1])
        expected += u * ((1 - v) * near[:, 1, 0] + v * near[:, 1, 1])
        np.testing.assert_allclose(found[:, 0, i, j], expected, rtol=1e-13)


# A whole training


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """LeNet on the ten digits, in less than half of its usual epochs, and what the command printed."""
    folder = tmp_path_factory.mktemp("digits")
    out = io.StringIO()
    with redirect_stdout(out):
        options = ("--data", "digits", "--epochs", "16", "--seed", "4", *QUICK, "--out", str(folder))
        assert main(["train", "lenet", *options]) == 0
    return folder, json.loads(out.getvalue())


@pytest.mark.slow
def test_the_ten_digits_are_learnt(digits: tuple[Path, dict[str, Any]]) -> None:
    folder, record = digits
    assert record["test_accuracy"] >= 0.985
    assert record["classes"] == list("0123456789")
    assert (record["image"], record["rows"], record["epochs"]) == ([8, 8], {"train": 1438, "test": 359}, 16)
    lines = (folder / "history.csv").read_text().splitlines()
    assert lines[0] == "epoch,rate,loss,accuracy,validation_loss,validation_accuracy"
    assert len(lines) == 17
    assert float(lines[-1].split(",")[-1]) == pytest.approx(record["test_accuracy"])


@pytest.mark.slow
def test_the_parameters_file_says_what_it_holds(digits: tuple[Path, dict[str, Any]]) -> None:
    about, arrays = read_arrays(digits[0] / "parameters.npz", KIND)
    assert about["network"] == "lenet"
    assert about["architecture"][1] == "0: Conv2d(in_channels=1, out_channels=6, kernel_size=(5, 5))"
    assert (about["classes"], about["options"]) == (list("0123456789"), {"classes": 10, "image": [8, 8]})
    assert {name: array.dtype for name, array in arrays.items()}["parameter_0.weight"] == np.float32
    np.testing.assert_array_equal(arrays["scale"], np.full(64, 16.0))


@pytest.mark.slow
def test_predict_gives_classes_and_probabilities(
    digits: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = ("--parameters", digits[0] / "parameters.npz")
    code, out, _ = run(capsys, "predict", "lenet", *parameters, "--data", "digits", "--json")
    record, data = json.loads(out), load("digits")
    assert code == 0
    right = np.mean([row["class"] == str(int(y)) for row, y in zip(record["predictions"], data.y, strict=True)])
    assert record["accuracy"] == pytest.approx(right)
    assert all(0.1 < row["probability"] <= 1.0 for row in record["predictions"])
    _, test = split(with_classes(data), 0.2, 4)
    trained = load_trained(digits[0] / "parameters.npz")
    assert np.mean(predict(trained, test).argmax(axis=1) == test.y) == digits[1]["test_accuracy"]
    code, out, _ = run(capsys, "predict", "lenet", *parameters, "--data", "digits", "--classes", "6,7")
    assert (code, out.splitlines()[0].split()) == (0, ["row", "probability", "class"])


@pytest.mark.slow
def test_export_takes_rows_as_they_are_in_the_data(
    digits: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import onnxruntime

    parameters, file = digits[0] / "parameters.npz", tmp_path / "lenet.onnx"
    code, out, _ = run(capsys, "export", "lenet", "--parameters", parameters, "--out", file, "--json")
    record, data = json.loads(out), load("digits")
    assert code == 0
    assert (record["input"], record["output"]) == (
        {"name": "p", "shape": ["n", 64]},
        {"name": "probabilities", "shape": ["n", 10]},
    )
    (found,) = onnxruntime.InferenceSession(str(file)).run(None, {"p": data.x.astype(np.float32)})
    np.testing.assert_allclose(found, predict(load_trained(parameters), data), rtol=0, atol=1e-5)


@pytest.mark.slow
def test_files_of_others_are_told_apart(
    digits: tuple[Path, dict[str, Any]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lenet, other = digits[0] / "parameters.npz", tmp_path / "parameters.npz"
    run(capsys, "train", "single_layer", "--data", "wedge", "--epochs", 5, "--out", tmp_path)
    for network, file, says in (
        ("single_layer", lenet, "holds a lenet, not a single_layer"),
        ("lenet", other, "holds a single_layer, not a lenet"),
        ("lenet", tmp_path / "none.npz", "does not exist"),
    ):
        code, out, err = run(capsys, "predict", network, "--parameters", file, "--data", "digits")
        assert (code, out, says in err, err.count("\n")) == (2, "", True, 1), err
    write_idx(tmp_path / "idx", "t", *quadrants(8, 0))
    code, _, err = run(capsys, "predict", "lenet", "--parameters", lenet, "--data", tmp_path / "idx")
    assert (code, "has images of 12×10 pixels, but the model is trained on 8×8" in err) == (2, True)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    scaling, model = Scaling(np.zeros(9), np.ones(9)), ImageModel("lenet", 4, (3, 3))
    model.module = new_model("lenet", 3, 0)
    save_trained(tmp_path / "a.npz", Trained(model, scaling, ("a", "b", "c", "d")))
    with pytest.raises(FileError, match=r"written for a model with .*out_features=3.*, where this one has .*=4"):
        load_trained(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("description", "changes", "says"),
    [
        ({"classes": 7}, {}, "is damaged, or no parameters file"),
        ({"classes": []}, {}, "is damaged, or no parameters file"),
        ({"options": {"classes": 2, "image": [3]}}, {}, "is damaged, or no parameters file"),
        ({"architecture": None}, {}, "is damaged, or no parameters file"),
        ({"architecture": []}, {}, "written for a model with nothing more, where this one has the model: Sequential"),
        ({"options": {"classes": 2, "image": [3, 4]}}, {}, "has shift as float64 of shape (9,), and lenet as float64"),
        ({"options": {"classes": 3, "image": [3, 3]}}, {}, "written for a model with 11: Linear"),
        ({"options": {"classes": 2}}, {}, "is damaged, or no parameters file"),
        ({"classes": ["a", "b", "c"]}, {}, "has 3 classes, and a network for 2"),
        ({}, {"scale": np.full(9, np.nan)}, "has scale with NaN or infinity in it"),
        ({}, {"scale": None}, "lacks scale"),
        ({}, {"parameter_0.weight": None}, "lacks parameter_0.weight"),
        ({}, {"parameter_0.bias": np.zeros(6)}, "has parameter_0.bias as float64 of shape (6,), and lenet as float32"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_a_sentence(
    tmp_path: Path, description: dict[str, Any], changes: dict[str, Any], says: str
) -> None:
    done = Trained(ImageModel("lenet", 2, (3, 3)), Scaling(np.zeros(9), np.ones(9)), ("a", "b"))
    save_trained(tmp_path / "a.npz", done)
    loaded = load_trained(tmp_path / "a.npz")
    assert (loaded.classes, loaded.network.image) == (("a", "b"), (3, 3))
    about, arrays = read_arrays(tmp_path / "a.npz", KIND)
    about = {name: value for name, value in about.items() if name != "kind"} | description
    kept = {name: array for name, array in (arrays | changes).items() if array is not None}
    write_arrays(tmp_path / "b.npz", KIND, about, kept)
    with pytest.raises(FileError, match=re.escape(says)):
        load_trained(tmp_path / "b.npz")


# Data


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_mnists_own_test_part_is_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "mnist"
    write_idx(folder, "train", *quadrants(60, 0), packed)
    write_idx(folder, "t10k", *quadrants(24, 1), packed)
    options = ("--epochs", 12, *QUICK, "--out", tmp_path)
    code, out, err = run(capsys, "train", "lenet", "--data", folder, *options)
    record = json.loads(out)
    assert (code, err) == (0, "")
    assert (record["rows"], record["test_part"]) == ({"train": 60, "test": 24}, "its own")
    assert (record["classes"], record["image"]) == (["0", "1", "2", "3"], [12, 10])
    assert record["test_accuracy"] == 1.0
    code, out, _ = run(capsys, "train", "lenet", "--data", folder, "--classes", "3,1,0", *options)
    record = json.loads(out)
    assert (record["classes"], record["rows"]) == (["3", "1", "0"], {"train": 45, "test": 18})


def test_a_single_pair_is_split(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", "train", *quadrants(50, 0))
    where = tmp_path / "idx" / "train-images-idx3-ubyte"
    for source in (tmp_path / "idx", where):
        code, out, _ = run(
            capsys, "train", "lenet", "--data", source, "--epochs", 1, "--engine", "jit", "--out", tmp_path
        )
        assert (code, "40 rows to train on, 10 to test on (a fifth, drawn with the seed)" in out) == (0, True)
        assert "images of 12×10, brought to 28×28" in out


def test_a_folder_that_lacks_a_part_or_has_a_damaged_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images, labels = quadrants(8, 0)
    write_idx(tmp_path / "a", "train", images, labels)
    assert load_parts(tmp_path / "a") is None
    assert load_parts("digits") is None
    write_idx(tmp_path / "a", "t10k", images, labels)
    learn, test = load_parts(tmp_path / "a") or (None, None)
    assert (learn.name, test.name) == ("train-images-idx3-ubyte", "t10k-images-idx3-ubyte")
    code, _, err = run(capsys, "train", "lenet", "--data", tmp_path / "a", "--target", "y")
    assert (code, "has labels of its own: leave out the target 'y'" in err) == (2, True)
    (tmp_path / "b").mkdir()
    write_idx(tmp_path / "b", "train", images, labels)
    write_idx(tmp_path / "b", "t10k", *quadrants(8, 0, (8, 8)))
    code, _, err = run(capsys, "train", "lenet", "--data", tmp_path / "b")
    assert (code, "t10k-images-idx3-ubyte has images of 8×8 pixels, but the model is trained on 12×10" in err) == (2, 1)
    (tmp_path / "a" / "t10k-labels-idx1-ubyte").unlink()
    code, _, err = run(capsys, "train", "lenet", "--data", tmp_path / "a")
    assert (code, "t10k-labels-idx1-ubyte" in err, err.count("\n")) == (2, True, 1)


def test_images_from_a_table_with_labels_of_text(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images, y = quadrants(40, 0, (4, 4))
    names = np.array(["nw", "ne", "sw", "se"])[y]
    rows = [",".join([*map(str, image.ravel()), name]) for image, name in zip(images, names, strict=True)]
    header = ",".join([*(f"p_{i}" for i in range(1, 17)), "quarter"])
    (tmp_path / "images.csv").write_text("\n".join([header, *rows]) + "\n")
    code, out, _ = run(
        capsys, "train", "lenet", "--data", tmp_path / "images.csv", "--epochs", 10, *QUICK, "--out", tmp_path
    )
    record = json.loads(out)
    assert (code, record["classes"], record["image"]) == (0, ["ne", "nw", "se", "sw"], [4, 4])
    assert record["train_accuracy"] == 1.0


def test_classes_of_any_number() -> None:
    data = Dataset(np.arange(5.0).reshape(5, 1), np.array([7.0, 9.0, 8.0, 9.0, 7.0]), ("x_1",), "y", None, "made up")
    all_three = with_classes(data)
    assert (all_three.y.tolist(), all_three.classes) == ([0, 2, 1, 2, 0], ("7", "8", "9"))
    some = with_classes(data, ("9", "7"))
    assert (some.y.tolist(), some.x[:, 0].tolist(), some.classes) == ([1, 0, 0, 1], [0, 1, 3, 4], ("9", "7"))
    assert with_classes(all_three, ("9", "8")).classes == ("9", "8")
    with pytest.raises(DataError, match="one class only, '7': two are needed to tell apart"):
        with_classes(data, ("7",))


# Options


MISTAKES = [
    (["--hidden", "3"], "--hidden is not for lenet: it has no such part"),
    (["--filters", "3"], "--filters is not for lenet: it has no such part"),
    (["--kernel", "3"], "--kernel is not for lenet: it has no such part"),
    (["--activation", "relu"], "--activation is not for lenet: it has no such part"),
    (["--regularise", "0"], "--regularise is not for lenet: it has no such part"),
    (["--shrink", "7"], "--shrink is not for lenet: it brings images to 28×28 itself"),
    (["--shift", "28"], "shift moves images (n, channels, height, width) by fewer pixels than they have"),
    (["--shift", "-1"], "'-1' is not a whole number of at least 0"),
    (["--classes", "6,7,12"], "digits has no class '12'"),
    (["--classes", "6,7,6"], "'6,7,6' is not two different classes, such as 6,7, or more"),
    (["--epochs", "0"], "'0' is not a whole number of at least 1"),
    (["--rate", "-1"], "the learning rate must be a positive number, not -1.0"),
    (["--schedule", "cosin"], "did you mean cosine?"),
    (["--resume"], "--resume needs --checkpoint DIR"),
    (["--data", "breast_cancer"], "breast_cancer is a table, and no square image is made of its rows"),
    (["--data", "nowhere"], "no file and no built-in data set is called 'nowhere'"),
    (["--out", "file"], "file cannot be written to"),
]


@pytest.mark.parametrize(("options", "says"), MISTAKES, ids=[" ".join(options) for options, _ in MISTAKES])
def test_a_mistake_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    code, out, err = run(capsys, "train", "lenet", "--data", "digits", *options)
    assert (code, out, says in err, err.count("\n")) == (2, "", True, 1), err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_other_networks_move_no_images(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "train", "conv_average", "--data", "side", "--shift", "1")
    assert (code, err) == (2, "microgradcnn: --shift is not for conv_average: it moves the images of lenet\n")


def test_the_help_gives_the_defaults_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "train", "--help")
    words = " ".join(out.split())
    for option in ("epochs", "rate", "schedule", "optimiser", "batch"):
        assert f"; lenet: {OF_LENET.about()[option]})" in words, option
    assert f"at random in every step ({SHIFT})" in words
    for network in ("at most this many (20000;", "weight of the squared parameters (0.001)", "(sigmoid)", "(inverse;"):
        assert network in words


def test_the_defaults_are_those_that_are_said() -> None:
    data = with_classes(load("digits"), ("0", "1", "2"))
    few = Dataset(data.x[:60], data.y[:60], data.features, "digit", (8, 8), "few", data.classes)
    options = {"schedule": replace(OF_LENET, epochs=2), "shift": SHIFT, "engine": "jit"}
    done = experiment("lenet", few, seed=3, training=options)
    assert [row["rate"] for row in done.training.history] == pytest.approx([2e-3, 1e-3])
    assert done.rows == (48, 12)
    again = experiment("lenet", few, seed=3, training=options)
    assert again.training == done.training


@pytest.mark.slow
def test_the_plot_is_drawn(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_idx(tmp_path / "idx", "train", *quadrants(20, 0))
    plot = tmp_path / "plots" / "run.svg"
    code, out, _ = run(
        capsys,
        *("train", "lenet", "--data", tmp_path / "idx", "--epochs", 2, "--engine", "jit", "--out", tmp_path),
        *("--plot", plot),
    )
    assert (code, str(plot) in out) == (0, True)
    text = plot.read_text(encoding="utf-8")
    assert "lenet trained on train-images-idx3-ubyte" in text
    assert "accuracy" in text


def test_ctrl_c_and_resume_end_in_the_same_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "idx", "train", *quadrants(40, 0))
    command = ("train", "lenet", "--data", tmp_path / "idx", "--epochs", 4, "--batch", 16, "--engine", "jit")
    run(capsys, *command, "--out", tmp_path / "whole")
    real, steps = Descent.step, []

    def step(self: Descent, rate: float) -> None:
        steps.append(rate)
        if len(steps) == 6:
            raise KeyboardInterrupt
        real(self, rate)

    monkeypatch.setattr(Descent, "step", step)
    saving = ("--checkpoint", tmp_path / "saved", "--out", tmp_path / "stopped")
    code, out, _ = run(capsys, *command, *saving)
    assert code == 130
    assert "interrupted: the parameters after epoch 2 of 4 are kept" in out
    assert re.search(r"to go on: microgradcnn train lenet .* --resume$", out.strip())
    code, out, err = run(capsys, *command, *saving, "--resume")
    absent = "the split leaves 8 rows to test on, none of class '1': what is measured there says nothing of it"
    assert (code, err) == (0, f"microgradcnn: {absent}; another seed splits otherwise\n")
    for name in ("history.csv", "parameters.npz"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_its_program_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "source", "lenet", "--arrays")
    assert code == 0
    namespace: dict[str, Any] = {}
    exec(out, namespace)
    rng = np.random.default_rng(1)
    model = new_model("lenet", 10, 0)
    images, y = rng.random((3, 1, SIDE, SIDE)), np.array([4.0, 0.0, 9.0])
    loss, gradients = namespace["program"](images, y, *(p.data.astype(float) for p in model.parameters()))
    logits = model(images).data
    expected = -np.mean(logits[np.arange(3), [4, 0, 9]] - np.log(np.exp(logits).sum(axis=1)))
    assert loss == pytest.approx(expected, rel=1e-5)
    assert [g.shape for g in gradients] == [p.shape for p in model.parameters()]
    code, _, err = run(capsys, "source", "lenet")
    assert (code, "lenet has no scalar form: `microgradcnn graph lenet --arrays -o page.html`" in err) == (2, True)
