"""train and predict on tables as people have them: categories, gaps, other orders, and what is wrong with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import run, strict

from microgradcnn.data import DataError, Dataset, split
from microgradcnn.experiment import load_trained, predict

RNG = np.random.default_rng(0)
N = 60
AGE, INCOME = RNG.normal(40.0, 10.0, N).round(2), RNG.normal(50.0, 15.0, N).round(2)
CITY = RNG.choice(["Rome", "Paris", "Oslo"], N)
LABEL = np.where(AGE + 10.0 * (CITY == "Oslo") > 43.0, "yes", "no")
PRICE = (3.0 * AGE - INCOME + 20.0 * (CITY == "Rome") + 0.5).round(2)
TRAIN = ("train", "single_layer", "--epochs", "60", "--data")
PREDICT = ("predict", "single_layer", "--parameters", "parameters.npz", "--data")


def write(path: str, header: str, *columns: Sequence[Any]) -> str:
    rows = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
    Path(path).write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def gaps() -> str:
    """A table in which an age and two cities are missing."""
    age, city = [str(a) for a in AGE], list(CITY)
    age[3], city[5], city[20] = "", "NA", "?"
    return write("gaps.csv", "id,age,income,city,label", range(N), age, INCOME, city, LABEL)


def told(*command: str) -> Any:
    done = run(*command, "--json")
    assert done.code == 0, done.err
    return strict(done.out)


@pytest.mark.slow
def test_what_is_missing_where_one_predicts_is_what_training_took_for_it(folder: Path) -> None:
    gaps()
    told(*TRAIN, "gaps.csv", "--drop", "id", "--missing", "mean")
    learn, _ = split(Dataset(np.arange(N)[:, None] * 1.0, np.zeros(N), ("row",), "y", None, "rows"), 0.2, seed=0)
    rows = learn.x[:, 0].astype(int)
    age, income = AGE[rows[rows != 3]].mean(), INCOME[rows].mean()
    write("asked.csv", "city,income,age", ["Rome", "Oslo", "?"], ["", 50.0, 50.0], [40.0, "none", 40.0])
    write("filled.csv", "city,income,age", ["Rome", "Oslo"], [income, 50.0], [40.0, age])
    asked, filled = (
        [row["prediction"] for row in told(*PREDICT, f)["predictions"]] for f in ("asked.csv", "filled.csv")
    )
    np.testing.assert_allclose(asked[:2], filled, rtol=1e-12)
    cities = write("known.csv", "age,income,city", [40.0] * 3, [50.0] * 3, ["Oslo", "Paris", "Rome"])
    between = [row["prediction"] for row in told(*PREDICT, cities)["predictions"]]
    assert min(between) < asked[2] < max(between)


def test_a_frame_with_gaps_is_predicted_as_the_file_is(folder: Path) -> None:
    gaps()
    told(*TRAIN, "gaps.csv", "--drop", "id", "--missing", "mean")
    write("asked.csv", "city,age,income", ["Rome", "", "Oslo"], [40.0, "", 41.0], [50.0, 50.0, ""])
    frame = pd.DataFrame({"income": [50.0, 50.0, np.nan], "city": ["Rome", None, "Oslo"], "age": [40.0, np.nan, 41.0]})
    trained = load_trained(Path("parameters.npz"))
    asked = [row["prediction"] for row in told(*PREDICT, "asked.csv")["predictions"]]
    np.testing.assert_allclose(predict(trained, frame), asked, rtol=1e-14)
    known = predict(trained, frame.assign(city=pd.Categorical(["Rome", "Paris", "Oslo"])))
    np.testing.assert_allclose(known[[0, 2]], [asked[0], asked[2]], rtol=1e-14)
    with pytest.raises(DataError, match="'Berlin' is no category that training had in 'city'"):
        predict(trained, frame.assign(city="Berlin"))


def test_columns_come_in_any_order_and_the_target_and_dropped_ones_may_be_there_or_not(folder: Path) -> None:
    write("two.csv", "id,age,income,city,label", range(N), AGE, INCOME, CITY, LABEL)
    write("other.csv", "label,city,income,id,age", LABEL, CITY, INCOME, range(N), AGE)
    write("bare.csv", "city,age,income", CITY, AGE, INCOME)
    told(*TRAIN, "two.csv", "--drop", "id")
    answers = [
        told(*PREDICT, *rest)["predictions"]
        for rest in (["two.csv"], ["two.csv", "--drop", "id"], ["other.csv", "--target", "label"], ["bare.csv"])
    ]
    assert all([r["prediction"] for r in a] == [r["prediction"] for r in answers[0]] for a in answers[1:])


def test_a_table_that_training_did_not_know_is_refused_by_what_is_wrong(folder: Path) -> None:
    write("two.csv", "age,city,label", AGE, CITY, LABEL)
    told(*TRAIN, "two.csv")
    for header, columns, says in (
        (
            "age,city",
            (AGE, ["Berlin", *CITY[1:]]),
            "line 2, column 2 ('city'): 'Berlin' is no category that training had",
        ),
        ("age,label", (AGE, LABEL), "lacks the columns 'city', which training had"),
        ("age,city,more,label", (AGE, CITY, AGE, LABEL), "has the columns 'more', which training had not"),
        ("age,city,label", (["", *AGE[1:]], CITY, LABEL), "train with --missing mean, which predict then takes"),
        ("age,city", (["old", *AGE[1:]], CITY), "line 2, column 1 ('age'): 'old' is not a plain number"),
        ("age,city", (AGE, AGE), "column 2 ('city'): '"),
    ):
        done = run(*PREDICT, write("asked.csv", header, *columns))
        assert (done.code, done.out) == (2, ""), header
        assert says in done.err, header
        assert done.err.count("\n") == 1, header
        assert "--drop" not in done.err or "--drop more" in done.err, header  # what training had is needed
    says = "no column 'label' for the target, which may be left out here; names: 'age', 'city'"
    assert says in run(*PREDICT, "asked.csv", "--target", "label").err


def test_a_target_of_fractions_is_not_said_to_be_classes_as_well(folder: Path) -> None:
    """--target-kind classes refuses it; of whole numbers it may be the choice."""
    write("price.csv", "age,income,city,price", AGE, INCOME, CITY, PRICE)
    done = run(*TRAIN, "price.csv")
    assert "\ntarget: price is a number, learnt with the squared error\n" in done.out
    assert run(*TRAIN, "price.csv", "--target-kind", "classes").code == 2
    write("whole.csv", "age,income,city,price", AGE, INCOME, CITY, PRICE.astype(int))
    done = run(*TRAIN, "whole.csv")
    assert "learnt with the squared error (--target-kind classes takes it for classes)\n" in done.out
    assert run(*TRAIN, "whole.csv", "--target-kind", "classes").code == 0


@pytest.mark.slow
def test_a_number_keeps_its_units_with_categories_and_gaps(folder: Path) -> None:
    ages = [str(a) for a in AGE]
    ages[2] = "nan"
    write("price.csv", "age,income,city,price", ages, INCOME, CITY, PRICE)
    done = told("train", "single_layer", "--data", "price.csv", "--missing", "mean", "--epochs", "2000")
    assert done["test_r2"] > 0.9
    predictions = [row["prediction"] for row in told(*PREDICT, "price.csv")["predictions"]]
    assert np.corrcoef(predictions, PRICE)[0, 1] > 0.95
    assert np.mean(predictions) == pytest.approx(PRICE.mean(), abs=5.0)


def test_many_classes_of_text_are_told_in_few_words(folder: Path) -> None:
    write("many.csv", "a,b,label", RNG.normal(size=120), RNG.normal(size=120), [f"c{i % 40:02d}" for i in range(120)])
    done = run(*TRAIN, "many.csv")
    assert done.code == 0
    assert "classes: 0 is c00, 1 is c01, " in done.out
    assert ", 9 is c09, ..., 39 is c39; an output for each, with softmax\n" in done.out
    assert max(map(len, done.out.splitlines())) < 200
    assert len(told(*TRAIN, "many.csv")["confusion"]["counts"]) == 40


@pytest.mark.parametrize(
    ("header", "columns", "options", "says"),
    [
        ("a,label", ([], []), [], "line 1: the header has no rows below it"),
        ("a,label", (AGE, ["x"] * N), [], "has one class only, 'x': two are needed to tell apart"),
        ("a,y", (AGE, [3.5] * N), ["--target-kind", "number"], "there is one number only in 'y'"),
        (
            "a,y",
            (AGE, ["nan", *PRICE[1:]]),
            [],
            "line 2, column 2 ('y'): 'nan' stands for a missing value: fill it in, or delete the row",
        ),
        ("a,y", (AGE, ["", *PRICE[1:]]), ["--missing", "mean"], "--missing drop leaves such rows out"),
        ("a,y", (AGE, ["inf", *PRICE[1:]]), ["--missing", "drop"], "'inf' is not a finite number"),
        ("a,y", (AGE, [f"n{i}" for i in range(N)]), [], "every row has a class of its own in 'y'"),
        ("a,y", (AGE, LABEL), ["--target-kind", "number"], "there are classes in 'y'"),
        ("a,y", (AGE, LABEL), ["--drop", "aa"], "no column 'aa' to drop"),
        ("a,y", (AGE, LABEL), ["--drop", "a"], "no column is left for a feature"),
        ("a,y", (AGE, LABEL), ["--dorp", "a"], "train has no --dorp: did you mean --drop?"),
        ("a,y", (AGE, LABEL), ["--missing", "median"], "'median' is unknown: did you mean mean?"),
        ("a,y", (AGE, LABEL), ["--target", "z"], "no column 'z' for the target"),
        ("a,b,y", (AGE, [""] * N, LABEL), ["--missing", "mean"], "there is no value at all in 'b', and so no mean"),
        ("a,b,y", (AGE, [""] * N, LABEL), ["--missing", "drop"], "has no row with all its values"),
    ],
)
def test_a_table_that_cannot_be_learnt(header: str, columns: Any, options: list[str], says: str, folder: Path) -> None:
    done = run(*TRAIN, write("t.csv", header, *columns), *options)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_an_empty_file(folder: Path) -> None:
    Path("empty.csv").write_text("")
    assert run(*TRAIN, "empty.csv").err == "microgradcnn: empty.csv is empty\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_on_a_table_keeps_what_was_learnt_and_says_how_to_go_on(folder: Path) -> None:
    write("price.csv", "id,age,income,city,price", range(N), AGE, INCOME, CITY, PRICE)
    options = ["--drop", "id", "--epochs", "5000000", "--rate", "1e-7", "--checkpoint", "kept", "--every", "1"]
    command = [sys.executable, "-m", "microgradcnn", "train", "single_layer", "--data", "price.csv", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            while process.poll() is None and not any(Path("kept").glob("*.npz")):
                pass
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert "interrupted at epoch" in out
    assert "to go on: microgradcnn train single_layer --data price.csv --drop id" in out
    assert told(*PREDICT, "price.csv")["r2"] is not None
