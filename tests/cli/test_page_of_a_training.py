"""`train --page` with the names that people mistype: nothing that is there is written over by a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgradcnn.cli import main
from microgradcnn.files import FileError

TABLE = "a,b,kind\n" + "".join(f"{i % 7},{i % 5},{'odd' if i % 2 else 'even'}\n" for i in range(40))


@pytest.mark.parametrize("name", ["rows.csv", "rows", "run.png", "run.html.gz"])
def test_a_page_is_called_html(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(TABLE)
    assert main(["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", name]) == 2
    said = capsys.readouterr().err
    assert said == f"microgradcnn: argument --page: {name!r} does not end in .html, .htm\n"
    assert Path("rows.csv").read_text() == TABLE
    assert [path.name for path in Path().iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    ("name", "said"), [("pages", "pages is a folder: page takes a file in it"), ("", "is a folder")]
)
def test_a_folder_is_told(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(TABLE)
    Path("pages").mkdir()
    assert main(["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", name]) == 2
    assert said in capsys.readouterr().err


def test_a_file_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(TABLE)
    for folder in ("rows.csv", "rows.csv/new"):
        told = ["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", f"{folder}/x.html"]
        assert main(told) == 2
        said = f"microgradcnn: {folder} cannot be written to: rows.csv is a file, no folder: name another folder\n"
        assert capsys.readouterr().err == said
    assert Path("rows.csv").read_text() == TABLE


def test_a_page_that_is_not_written_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, *_: object) -> None:
        raise FileError(f"{path} cannot be written: No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("microgradcnn.views.pages.training.watching.write_whole", full)
    Path("rows.csv").write_text(TABLE)
    assert main(["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", "run.html"]) in (0, 1)
    why = "the training is whole, its page is not written: run.html cannot be written: No space left on device"
    assert f"microgradcnn: {why}\n" in capsys.readouterr().err


def test_a_page_that_is_there_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(TABLE)
    Path("run.html").write_text("another page")
    assert main(["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", "run.html"]) in (0, 1)
    assert "another page" not in Path("run.html").read_text(encoding="utf-8")


def test_a_page_of_upper_case_is_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rows.csv").write_text(TABLE)
    assert main(["train", "single_layer", "--data", "rows.csv", "--epochs", "2", "--page", "RUN.HTM"]) in (0, 1)
    assert Path("RUN.HTM").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
