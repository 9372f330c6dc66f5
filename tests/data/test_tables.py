"""Tables with text and without some values: one-hot columns and means, as pandas and scikit-learn make them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from command_line import one_sentence, run, strict
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer

from microgradcnn.data import DataError, load, split, with_target
from microgradcnn.data.columns import columns_of
from microgradcnn.data.dataset import Columns
from microgradcnn.experiment import KIND, experiment, load_trained, predict, save_trained
from microgradcnn.files import FileError, read_arrays, write_arrays


def mixed(n: int = 60, gaps: bool = True) -> pd.DataFrame:
    """Numbers and colours that decide a price, and who paid it; some values are missing."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"size": rng.normal(10.0, 2.0, n), "colour": rng.choice(["red", "green", "blue"], n)})
    frame["age"] = rng.normal(5.0, 2.0, n)
    frame["flag"] = rng.random(n) < 0.5
    frame["who"] = [f"p{i}" for i in range(n)]
    frame["price"] = 3.0 * frame["size"] + 20.0 * (frame.colour == "red") - 2.0 * frame.age
    if gaps:
        frame.loc[[3, 40], "age"], frame.loc[[5, 20], "colour"] = np.nan, None
    return frame


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    monkeypatch.chdir(tmp_path)
    frame = mixed()
    frame.to_csv("t.csv", index=False)
    return frame


def dummies(frame: pd.DataFrame) -> pd.DataFrame:
    """The features as pandas encodes them, NaN where the text is missing, in the order of the file."""
    encoded = pd.get_dummies(frame.astype({"flag": str}), columns=["colour", "flag"], dtype=float)
    encoded.loc[frame.colour.isna(), [name for name in encoded if name.startswith("colour_")]] = np.nan
    return encoded[["size", "colour_blue", "colour_green", "colour_red", "age", "flag_False", "flag_True"]]


def test_categories_are_one_hot_as_pandas_has_them(tmp_path: Path) -> None:
    frame = mixed(gaps=False)
    frame.to_csv(tmp_path / "t.csv", index=False)
    data, expected = load(tmp_path / "t.csv", drop=["who"]), dummies(frame)
    assert data.features == tuple(expected.columns)
    np.testing.assert_allclose(data.x, expected.to_numpy(), rtol=1e-15)
    assert data.categories == {"colour": ("blue", "green", "red"), "flag": ("False", "True")}
    assert (data.missing, data.left_out, data.dropped) == (None, 0, ("who",))


def test_a_missing_value_is_the_mean_as_an_imputer_has_it(table: pd.DataFrame) -> None:
    data, encoded = load("t.csv", drop=["who"], missing="mean"), dummies(table)
    np.testing.assert_allclose(data.x, SimpleImputer().fit_transform(encoded), rtol=1e-12)
    assert data.missing is not None
    np.testing.assert_array_equal(data.missing, encoded.isna())


def test_rows_without_a_value_are_dropped_as_pandas_does(table: pd.DataFrame) -> None:
    whole = table.dropna()
    data = load("t.csv", drop=["who"], missing="drop")
    np.testing.assert_allclose(data.x, dummies(whole).to_numpy(), rtol=1e-15)
    np.testing.assert_allclose(data.y, whole.price, rtol=1e-15)
    assert (data.left_out, data.missing) == (4, None)
    table.loc[7, "price"] = np.nan
    table.to_csv("t.csv", index=False)
    assert load("t.csv", drop=["who"], missing="drop").left_out == 5


def test_a_category_of_dropped_rows_only_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,hue,y\n1,red,0\n2,blue,1\n,violet,0\n4,red,1\n")
    data = load(tmp_path / "t.csv", missing="drop")
    assert data.categories == {"hue": ("blue", "red")}


def test_the_means_are_those_of_the_rows_to_train_on(table: pd.DataFrame) -> None:
    data = load("t.csv", drop=["who"], missing="mean")
    done = experiment("single_layer", data, seed=4, training={"epochs": 5})
    assert data.missing is not None
    rows = np.where(data.missing, np.nan, data.x)
    order = np.random.default_rng(4).permutation(len(rows))
    learn = rows[order[round(0.2 * len(rows)) :]]
    imputer = SimpleImputer().fit(learn)
    means = done.trained.columns.means
    assert means is not None
    assert list(means) == list(data.features)
    np.testing.assert_allclose(list(means.values()), imputer.statistics_, rtol=1e-12)
    np.testing.assert_allclose(done.trained.scaling.shift, imputer.transform(learn).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(predict(done.trained, data), predict(done.trained, imputer.transform(rows)), rtol=1e-12)
    np.testing.assert_allclose(split(data, 0.2, 4)[0].y, data.y[order[round(0.2 * len(rows)) :]])


def trained(*more: object) -> Any:
    done = run("train", "single_layer", "--data", "t.csv", "--drop", "who", "--epochs", 400, "--json", *more)
    assert done.code == 0, done.err
    return strict(done.out)


def predicted(path: str, *more: object) -> list[float]:
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", path, "--json", *more)
    assert done.code == 0, done.err
    return [row["prediction"] for row in strict(done.out)["predictions"]]


def test_what_was_trained_with_both_predicts_rows_with_both(table: pd.DataFrame) -> None:
    record = trained("--missing", "mean")
    assert record["test_r2"] > 0.9
    assert record["categories"] == {"colour": ["blue", "green", "red"], "flag": ["False", "True"]}
    assert record["values_filled_in"] == {"colour": 2, "age": 2}
    numbers = predicted("t.csv")
    assert len(numbers) == len(table)
    kept = load_trained(Path("parameters.npz"))
    means = kept.columns.means
    assert means is not None
    filled = dummies(table).fillna(means).to_numpy()
    np.testing.assert_allclose(numbers, predict(kept, filled), rtol=1e-12)
    np.testing.assert_allclose(predict(kept, table), numbers, rtol=1e-12)
    np.testing.assert_allclose(predict(kept, load("t.csv", drop=["who"], missing="mean")), numbers, rtol=1e-12)
    save_trained(Path("again.npz"), kept)
    assert load_trained(Path("again.npz")).columns == kept.columns


def test_in_any_order_of_columns_and_without_labels(table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    expected = predicted("t.csv")
    for order in ("colour age size flag", "age flag size colour", "flag colour size age", "price age colour flag size"):
        table[order.split()].to_csv("other.csv", index=False)
        assert predicted("other.csv") == expected
    table.drop(columns="who").to_csv("other.csv", index=False, header=False)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "other.csv", "--json")
    assert "by position they are taken for 'size', 'colour_blue'" in done.err
    assert [row["prediction"] for row in strict(done.out)["predictions"]] == expected


def test_a_few_rows_have_fewer_categories(table: pd.DataFrame) -> None:
    """What rows of one colour, or of one row only, are taken for does not depend on the others in the file."""
    trained("--missing", "mean")
    expected = predicted("t.csv")
    for chosen in ([0], [7], [3], [5], [0, 1], [5, 20]):
        table.iloc[chosen].to_csv("few.csv", index=False)
        assert predicted("few.csv") == pytest.approx([expected[i] for i in chosen], rel=1e-12)
    kept = load_trained(Path("parameters.npz"))
    reds = table[table.colour == "red"]
    reds.to_csv("few.csv", index=False)
    alone = load("few.csv", drop=["who"], missing="mean")
    assert alone.categories["colour"] == ("red",)
    np.testing.assert_allclose(predict(kept, alone), [expected[i] for i in reds.index], rtol=1e-12)


def test_an_unknown_category_is_named(table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    table.loc[1, "colour"] = "violet"
    table.to_csv("t.csv", index=False)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "t.csv")
    assert (done.code, done.out, one_sentence(done.err)) == (2, "", True)
    says = "'violet' is no category that training had in 'colour', which are 'blue', 'green', 'red'"
    assert "line 3, column 2 ('colour'): " + says in done.err
    kept = load_trained(Path("parameters.npz"))
    for data in (table, load("t.csv", drop=["who"], missing="mean")):
        with pytest.raises(DataError, match=says):
            predict(kept, data)


def test_trained_without_means_predict_refuses_what_is_missing(table: pd.DataFrame) -> None:
    assert trained("--missing", "drop")["rows_left_out"] == 4
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "t.csv")
    assert (done.code, done.out, one_sentence(done.err)) == (2, "", True)
    assert "or train with --missing mean, which predict then takes ('colour' lacks 2, 'age' lacks 2)" in done.err
    table.dropna().to_csv("whole.csv", index=False)
    assert len(predicted("whole.csv")) == len(table) - 4


def test_a_column_more_is_refused_by_name_whatever_is_in_it(table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    table.assign(more=np.where(table.age > 4.0, np.nan, 1.0)).to_csv("more.csv", index=False)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "more.csv")
    assert (done.code, "has the columns 'more', which training had not" in done.err) == (2, True)
    table.drop(columns="colour").to_csv("less.csv", index=False)
    done = run("predict", "single_layer", "--parameters", "parameters.npz", "--data", "less.csv")
    assert (done.code, "lacks the columns 'colour', which training had" in done.err) == (2, True)
    with pytest.raises(DataError, match="the DataFrame lacks the columns 'colour', which training had"):
        predict(load_trained(Path("parameters.npz")), table.drop(columns="colour"))


def test_export_says_which_columns_there_are(table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    done = run("export", "single_layer", "--parameters", "parameters.npz", "--out", "m.onnx")
    assert "size, colour_blue, colour_green, colour_red, age, flag_False, flag_True" in done.out
    about = {entry.key: json.loads(entry.value) for entry in onnx.load("m.onnx").metadata_props}
    columns = load_trained(Path("parameters.npz")).columns
    assert about["categories"] == {name: list(texts) for name, texts in columns.categories.items()}
    assert about["means"] == columns.means


def test_what_is_said(table: pd.DataFrame) -> None:
    command = ("train", "single_layer", "--data", "t.csv", "--drop", "who", "--epochs", 3, "--missing")
    said = run(*command, "mean").out
    assert "\ncolour: a column for each of 'blue', 'green', 'red'\n" in said
    assert "\nmissing values: the mean of the rows to train on stands for 2 of colour, 2 of age\n" in said
    assert "\nmissing values: 4 rows are left out\n" in run(*command, "drop").out
    assert "--missing" in run("train", "--help").out


REFUSED = {
    "missing": (
        "a,b,y\n1,2,0\n,3,1\n4,,0\n5,NA,1\n",
        {},
        "line 3, column 1 ('a'): the cell is empty: fill it in, delete the row, or leave the "
        "column out with --drop a; --missing drop leaves such rows out, --missing mean takes the column's mean ('a' "
        "lacks 1, 'b' lacks 2)",
    ),
    "missing text": ("a,hue,y\n1,red,0\n2,,1\n3,red,0\n", {}, "line 3, column 2 ('hue'): the cell is empty: fill it"),
    "names": ("who,b,y\nAnn,1,0\nBob,2,1\nEve,3,1\n", {}, "line 2, column 1 ('who'): 'Ann' is not a plain number"),
    "names with a gap": (
        "who,b,y\nAnn,1,0\nBob,2,1\n,3,1\n",
        {"missing": "mean"},
        "leave the column out with --drop who",
    ),
    "dates": (
        "day,b,y\n2024-01-01,1,0\n2024-01-02,2,1\n",
        {},
        "every row has a text of its own there: leave the column out with --drop day",
    ),
    "text, then a number": ("a,b,y\nx,1,0\n2,1,1\nx,3,0\n", {}, "line 2, column 1 ('a'): 'x' is not a plain number"),
    "a number, then text": ("a,b,y\n2,1,0\nx,1,1\nx,3,0\n", {}, "line 3, column 1 ('a'): 'x' is not a plain number"),
    "decimal commas": ("a;b;y\n1,5;1;0\n1,5;2;1\n", {}, "decimals have a point"),
    "no value at all": (
        "a,b,y\n,1,0\nNA,2,1\n",
        {"missing": "mean"},
        "there is no value at all in 'a', and so no mean",
    ),
    "no whole row": ("a,b,y\n,1,0\n1,,1\n", {"missing": "drop"}, "has no row with all its values"),
    "a missing label among numbers": (
        "a,b,y\n1,1,0\n1,2,nan\n",
        {"missing": "mean"},
        "'nan' stands for a missing value: fill it in, or delete the row; --missing drop leaves such rows out",
    ),
    "a missing label among texts": (
        "a,b,y\n1,1,no\n1,2,NA\n",
        {},
        "'NA' stands for a missing label: delete the row, or fill it in; --missing drop leaves such rows out",
    ),
    "a missing label": ("a,b,y\n1,1,0\n1,2,\n", {"missing": "mean"}, "line 3, column 3 ('y'): the cell is empty"),
    "one name twice": ("a,a_x,y\nx,1,0\nx,2,1\nz,2,1\n", {}, "the categories make columns of one name, 'a_x'"),
    "a long text": (f"a,b,y\n{'t' * 101},1,0\nx,2,1\n", {}, "a text of 101 characters is longer than 100"),
}


# Texts of 40 rows: how many of them differ, how they are written, and what is said of the column.
NEARLY_UNIQUE = {
    "one twice": (
        39,
        "Ann {}",
        "2e3, and no category, for 39 texts differ in 40 rows there: leave the column out with --drop t",
    ),
    "just over half": (21, "Ann {}", "and no category, for 21 texts differ in 40 rows there"),
    "half": (20, "Ann {}", None),
    "percent": (39, "-{}%", "one with the unit '%' (write the numbers without it), and no category, for"),
    "a currency": (39, "${}.50", "one with the unit '$' (write the numbers without it)"),
    "thousands": (39, "${},000", "one with the unit '$' (write the numbers without it)"),
    "a unit": (40, "{} kg", "one with the unit 'kg' (write the numbers without it)"),
}


@pytest.mark.parametrize(("differ", "written", "says"), NEARLY_UNIQUE.values(), ids=NEARLY_UNIQUE)
def test_texts_that_hardly_come_twice_are_no_categories(
    differ: int, written: str, says: str | None, tmp_path: Path
) -> None:
    texts = [written.format(i % differ) for i in range(40)]
    rows = [f"{1000 + i}\t{text}\t{i % 2}" for i, text in enumerate(texts)]
    (tmp_path / "t.tsv").write_text("\n".join(["customer_id\tt\ty", *rows]) + "\n")
    if says is None:
        data = load(tmp_path / "t.tsv")
        assert (data.categories["t"], data.features[0]) == (tuple(sorted({*texts})), "customer_id")
        return
    with pytest.raises(DataError) as caught:
        load(tmp_path / "t.tsv")
    assert says in str(caught.value)
    assert "line 2, column 2 ('t')" in str(caught.value)


def test_a_unit_is_said_only_where_all_have_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t,b,y\n3 kg,1,0\n4 lb,2,1\n5 kg,1,1\n")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "t.csv")
    assert "the unit" not in str(caught.value)


def test_a_target_of_names_is_no_classes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,who\n" + "".join(f"{i},p{i % 29}\n" for i in range(30)))
    with pytest.raises(
        DataError, match=r"29 classes differ in 30 rows in 'who' of t\.csv: name the target with --target"
    ):
        with_target(load(tmp_path / "t.csv"))


@pytest.mark.parametrize(("text", "options", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text: str, options: dict[str, Any], says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        load(tmp_path / "t.csv", **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_policies_and_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="missing is drop or mean, not 'median'"):
        load("side", missing="median")
    np.savez(tmp_path / "t.npz", x=np.ones((4, 2)), y=np.arange(4.0))
    for source in ("side", tmp_path / "t.npz"):
        with pytest.raises(DataError, match="has numbers in all its places"):
            load(source, missing="mean")


def test_images_have_all_their_pixels(tmp_path: Path) -> None:
    lines = [f"{i},{i % 3},,3,{'ab'[i % 2]}" if i == 4 else f"{i},{i % 3},2,3,{'ab'[i % 2]}" for i in range(12)]
    (tmp_path / "t.csv").write_text("\n".join(["p_1,p_2,p_3,p_4,kind", *lines]) + "\n")
    command = ("train", "conv_average", "--data", tmp_path / "t.csv", "--epochs", 2, "--out", tmp_path, "--missing")
    done = run(*command, "mean")
    assert (done.code, "lacks some pixels of its images" in done.err) == (2, True)
    assert run(*command, "drop").code == 0


@pytest.mark.parametrize(
    "change",
    [
        {"categories": {"colour": ["red", "red"]}},
        {"categories": {"colour": "red"}},
        {"categories": ["red"]},
        {"means": {"age": "old"}},
        {"means": [1.0]},
        {"means": {"age": None}},
        {"means": {"age": 1.0}},
        {"categories": {"hue": ["red", "blue"]}},
    ],
    ids=json.dumps,
)
def test_damaged_tables_are_refused(change: dict[str, Any], table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    about, arrays = read_arrays(Path("parameters.npz"), KIND)
    about = {name: value for name, value in about.items() if name != "kind"}
    write_arrays(Path("parameters.npz"), KIND, about | {"columns": about["columns"] | change}, arrays)
    with pytest.raises(FileError, match="is damaged, or no parameters file"):
        load_trained(Path("parameters.npz"))


@pytest.mark.parametrize("target", [["a", 1.0], [1.0], [0.0, 0.0], 7, "ab", [1.0, 2.0, 3.0]], ids=json.dumps)
def test_a_damaged_scaling_of_the_target_is_refused(target: Any, table: pd.DataFrame) -> None:
    trained("--missing", "mean")
    about, arrays = read_arrays(Path("parameters.npz"), KIND)
    about = {name: value for name, value in about.items() if name != "kind"}
    write_arrays(Path("parameters.npz"), KIND, about | {"target": target}, arrays)
    with pytest.raises(FileError, match="is damaged, or no parameters file"):
        load_trained(Path("parameters.npz"))


def test_columns_and_data_from_before_are_as_they_were() -> None:
    assert Columns(("a",), "y") == Columns(("a",), "y", (), None, {}, None)
    later = ("categories", "missing", "means", "left_out")
    for now in (load("side"), Columns(("a",), "y")):
        old = object.__new__(type(now))
        old.__setstate__({name: part for name, part in vars(now).items() if name not in later})
        assert all(getattr(old, name) == part for name, part in vars(now).items() if name in later)
        assert pickle.loads(pickle.dumps(now)).categories == {}
    assert columns_of(pickle.loads(pickle.dumps(load("side")))) == columns_of(load("side"))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from(["1", "2.5", ""]), st.sampled_from(["x", "y", "z", "NA"])), min_size=2))
def test_any_table_of_numbers_and_texts_is_what_pandas_makes_of_it(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    rows = [*rows, ("1", "x"), ("1", "x")]  # no column without a value, and none of names
    path.write_text("a,hue,y\n" + "".join(f"{a},{hue},{i % 2}\n" for i, (a, hue) in enumerate(rows)))
    frame = pd.read_csv(path)
    encoded = pd.get_dummies(frame, columns=["hue"], dtype=float)
    encoded.loc[frame.hue.isna(), [name for name in encoded if name.startswith("hue_")]] = np.nan
    expected = encoded.drop(columns="y")
    data = load(path, missing="mean")
    assert data.features == tuple(expected.columns)
    np.testing.assert_allclose(data.x, SimpleImputer().fit_transform(expected), rtol=1e-12)
