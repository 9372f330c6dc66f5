"""Real data in, accuracy on unseen rows out: the figures that the guide and the lecture's networks stand for."""

from dataclasses import replace

import numpy as np
import pytest
from command_line import run
from many_cases import slow_but
from sklearn.datasets import load_diabetes, load_iris

from microgradcnn.data import DataError, Dataset, load, shrink, split, two_classes
from microgradcnn.data.loading import ClassesWarning
from microgradcnn.experiment import experiment, predict
from microgradcnn.networks import NETWORKS

SEEDS = range(10)


def accuracies(name, data, epochs):
    runs = [
        experiment(name, data, seed=seed, network={"regularise": 1e-3}, training={"epochs": epochs}) for seed in SEEDS
    ]
    return [run.test_accuracy for run in runs]


@pytest.mark.slow
def test_breast_cancer_over_ten_splits():
    data = two_classes(load("breast_cancer"))
    assert np.median(accuracies("single_layer", data, epochs=2000)) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_sixes_and_sevens_over_ten_splits(name):
    digits = shrink(two_classes(load("digits"), ("6", "7")), 3)
    assert np.median(accuracies(name, digits, epochs=1000)) >= 0.97


@pytest.mark.parametrize("name", slow_but("single_layer", among=NETWORKS))
def test_side_from_each_of_ten_starts(name):
    assert min(accuracies(name, two_classes(load("side")), epochs=500)) >= 0.97


def test_one_averaged_filter_learns_the_sides():
    run = experiment("conv_average", two_classes(load("side")), network={"regularise": 1e-3})
    signs = np.sign(run.trained.network.parameters["c"].data.reshape(2, 2))
    assert np.array_equal(signs[0], signs[1])
    assert signs[0, 0] == -signs[0, 1]


def test_without_scaling_the_lectures_rate_does_not_get_past_the_majority():
    data = two_classes(load("breast_cancer"))
    raw = experiment("single_layer", data, scale=False, training={"epochs": 1000, "rate": 0.1})
    scaled = experiment("single_layer", data, training={"epochs": 1000, "rate": 0.1})
    assert raw.test_accuracy < 0.7 < 0.85 < scaled.test_accuracy


def test_scaling_is_fitted_on_the_training_rows_and_applied_by_predict():
    data = two_classes(load("breast_cancer"))
    run = experiment("single_layer", data, training={"epochs": 50})
    assert not np.allclose(run.trained.scaling.shift, data.x.mean(axis=0), rtol=1e-6)
    by_hand = run.trained.network.predict((data.x - run.trained.scaling.shift) / run.trained.scaling.scale).data
    assert np.array_equal(predict(run.trained, data.x), by_hand)


def test_the_same_seed_gives_the_same_run_bit_for_bit():
    data = two_classes(load("side"))
    first, second = (experiment("two_conv_linear", data, seed=4, training={"epochs": 50}) for _ in range(2))
    assert first.training.history == second.training.history
    other = experiment("two_conv_linear", data, seed=5, training={"epochs": 50})
    assert other.training.history != first.training.history


def test_a_test_part_of_its_own_is_read_as_the_rows_to_train_on_are():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    numbers = Dataset(x, x @ [2.0, -1.0] + 7.0, ("a", "b"), "y", None, "numbers")
    whole = replace(numbers, y=np.round(numbers.y))
    done = experiment("single_layer", numbers, whole.rows(np.arange(20)), training={"epochs": 300})
    assert done.test_r2 > 0.9
    assert np.isnan(done.test_accuracy)
    named = replace(numbers, y=np.array(["low", "middle", "high"])[np.digitize(numbers.y, [6.0, 8.0])])
    few = named.rows(np.argsort(named.y)[[0, 25, 59]])
    done = experiment("single_layer", named, few, training={"epochs": 300})
    assert done.trained.classes == ("high", "low", "middle")
    assert done.test_accuracy == np.mean(predict(done.trained, few).argmax(axis=1) == [0, 1, 2])
    for data, test in ((numbers, named), (named, numbers)):
        with pytest.raises(DataError, match=r"classes in 'y' of numbers|has no class 'high'"):
            experiment("single_layer", data, test)


@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_a_run_goes_on_to_the_bit(name, tmp_path):
    found = {"iris": load_iris, "diabetes": load_diabetes}[name]()
    features = tuple(map(str, range(found.data.shape[1])))
    data = Dataset(found.data, found.target.astype(float), features, "y", None, name)
    whole = experiment("single_layer", data, training={"epochs": 40})
    experiment("single_layer", data, training={"epochs": 40, "checkpoint": tmp_path, "every": 10})
    again = experiment(
        "single_layer", data, training={"epochs": 40, "checkpoint": tmp_path, "every": 10, "resume": True}
    )
    assert again.training.history == whole.training.history or np.isnan(whole.training.history[0]["accuracy"])
    for one, other in zip(
        whole.trained.network.parameters.values(), again.trained.network.parameters.values(), strict=True
    ):
        assert np.array_equal(one.data, other.data)


# What is no data set or no network, and what of it the sentence names.
NOT_TO_BE_LEARNT = {
    "a typo": (("single", "side"), ValueError, r"'single' is none of .*, did you mean 'single_layer'\?"),
    "another": (("single_leyer", "side"), ValueError, r"'single_leyer' is none of .*, did you mean 'single_layer'\?"),
    "a frame": (("single_layer", [[1.0]]), TypeError, "data are a Dataset, such as load.* gives, .* not a list"),
    "no file": (("single_layer", "sidd"), DataError, "no file and no built-in data set is called 'sidd'"),
    "no file to test": (("single_layer", "side", "t.csv"), DataError, "t.csv does not exist"),
}


@pytest.mark.parametrize(("arguments", "kind", "says"), NOT_TO_BE_LEARNT.values(), ids=NOT_TO_BE_LEARNT)
def test_what_cannot_be_learnt_is_named(arguments, kind, says):
    with pytest.raises(kind, match=says):
        experiment(*arguments)


def test_a_name_or_a_file_is_loaded(tmp_path):
    from_name = experiment("single_layer", "side", training={"epochs": 5})
    assert (
        from_name.training.history == experiment("single_layer", load("side"), training={"epochs": 5}).training.history
    )
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i % 2}\n" for i in range(20)))
    assert experiment("single_layer", str(path), path, training={"epochs": 5}).rows == (20, 20)


def rare(n, labels):
    """n rows, the labels of the last of which are given, and 0 before them."""
    x = np.random.default_rng(0).normal(size=(n, 2))
    return Dataset(x, np.array([0.0] * (n - len(labels)) + labels), ("a", "b"), "y", None, "rare", ("no", "yes", "so"))


@pytest.mark.parametrize("seed", range(3))
def test_a_class_that_a_part_lacks_is_told(seed):
    data = rare(10, [2.0] + [1.0] * 4)
    with pytest.warns(ClassesWarning) as caught:
        done = experiment("single_layer", data, seed=seed, training={"epochs": 2})
    learn, unseen = split(data, 0.2, seed)
    said = [str(warning.message) for warning in caught]
    for part, use in ((learn, "to train on"), (unseen, "to test on")):
        absent = [name for label, name in enumerate(("no", "yes", "so")) if label not in part.y]
        named = ", ".join(map(repr, absent))
        sentences = [each for each in said if use in each]
        assert len(sentences) == bool(absent)
        assert all(f"{len(part.x)} rows {use}, none of class {named}: " in each for each in sentences)
    assert done.rows == (8, 2)


def test_the_command_tells_it_in_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i},{'yes' if i == 3 else 'no'}\n" for i in range(10)))
    done = run("train", "single_layer", "--data", "t.csv", "--epochs", 1)
    assert done.code == 0
    assert done.err.count("rows to test on, none of class 'yes'") == 1
    assert "not converged after 1 epoch: " in done.out


def test_a_test_of_ones_own_may_lack_a_class():
    data = rare(12, [1.0] * 3 + [2.0] * 3)
    assert experiment("single_layer", data, data.rows(np.arange(3)), training={"epochs": 2}).rows == (12, 3)
