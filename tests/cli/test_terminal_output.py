"""What commands write on a terminal: within its width, in its colours, with a chart; and plainly in pipes."""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from microgradcnn.cli import main
from microgradcnn.system.text_layout import columns

EXPLAIN = ["explain", "two_conv_average_linear", "--wrt", "c_1"]
CHECK = ["check", "w*x", "--at", "w=2,x=3", "--wrt", "w", "--answer"]


class Terminal(io.TextIOWrapper):
    """Standard output that is a terminal, in an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding)

    def isatty(self) -> bool:
        return True

    def read_all(self) -> str:
        self.flush()
        content = self.buffer
        assert isinstance(content, io.BytesIO)
        return content.getvalue().decode(self.encoding)


@pytest.fixture
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    def run(*command: str, encoding: str = "utf-8") -> str:
        stream = Terminal(encoding)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            main(command)
        return stream.read_all()

    return run


@pytest.fixture(autouse=True)
def _usual_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def widest(text: str) -> int:
    return max(map(columns, text.splitlines()))


def test_a_derivation_stays_within_the_columns(
    on_a_terminal: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    assert main(EXPLAIN) == 0
    in_a_pipe = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "60")
    told = on_a_terminal(*EXPLAIN)
    assert widest(told) <= 60 < widest(in_a_pipe) <= 100
    assert "".join(told.split()) == "".join(in_a_pipe.split())  # only the breaks differ
    sides = [line.index("=") for line in told.splitlines() if line.startswith(("   df/dc₁ = ½", "          = "))]
    assert len(sides) >= 3
    assert len({*sides}) == 1  # aligned
    assert main([*EXPLAIN, "--out", str(tmp_path / "page.txt")]) == 0
    assert (tmp_path / "page.txt").read_text(encoding="utf-8") == in_a_pipe  # a file has no columns
    capsys.readouterr()
    assert main(EXPLAIN) == 0
    assert capsys.readouterr().out == told  # COLUMNS counts in a pipe as well
    monkeypatch.setenv("COLUMNS", "200")
    assert on_a_terminal(*EXPLAIN) == in_a_pipe


WIDE = {  # what is wider than 60 columns in a pipe
    "a table of polynomials": ["cost", "single_layer"],
    "a ledger": ["ledger", "w*x + sigmoid(w*x + b)"],
    "a table of words": ["networks"],
    "a table of numbers": ["gradcheck", "conv_average"],
    "a sentence": ["check", "w*x", "--at", "w=2,x=3", "--wrt", "w", "--answer", "x + w*w*w*w + sigmoid(w*x) + x*x"],
    "the help, with a long choice": ["train", "--help"],
    "a mistake": ["explain", "nothing_is_called_this", "--wrt", "w"],
    "words as names": [
        "explain",
        "f = weight_of_it*number_going_in*weight_of_it*(1 + weight_of_it)",
        "--wrt",
        "weight_of_it",
    ],
}


@pytest.mark.parametrize("command", WIDE.values(), ids=WIDE)
def test_all_that_is_printed_stays_within_the_columns_and_nothing_is_cut(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(command)
    in_a_pipe = "".join(capsys.readouterr())
    assert widest(in_a_pipe) > 60
    monkeypatch.setenv("COLUMNS", "60")
    main(command)
    told = "".join(capsys.readouterr())
    assert widest(told) <= 60
    assert not Counter(re.sub(r"[\s─]", "", in_a_pipe)) - Counter(told)


def test_a_program_and_a_path_stay_whole_to_be_copied(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source, path = ["source", "conv_average", "--wrt", "c_1"], tmp_path / f"{'long' * 20}.dot"
    main(source)
    in_a_pipe = capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "60")
    main(source)
    assert capsys.readouterr().out == in_a_pipe
    main(["graph", "w*x", "-o", str(path)])
    assert str(path) in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            40,
            [
                "network neuron, weights 1",
                "  gradients apart by: scalar 0e+00,",
                "      closed none, differences ",
                "  right",
            ],
        ),
        (
            80,
            [
                "network                 weights scalar  closed  differences",
                "neuron                  1       0e+00   none",
            ],
        ),
    ],
)
def test_a_network_of_a_lesson_has_a_line_or_a_few_where_there_is_no_room(
    width: int, lines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(
        "import microgradcnn as mg\n"
        "def neuron():\n"
        "    w, x, y = (mg.Value(0.5, label=name) for name in 'wxy')\n"
        "    return (mg.sigmoid(w * x) - y) ** 2\n"
    )
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("microgradcnn.cli.commands.lesson.lesson_pages", lambda *_: {})
    assert main(["lesson", str(tmp_path / "own.py"), "--out", str(tmp_path / "lesson")]) == 0
    told = capsys.readouterr().out.partition("The lesson is written")[0]
    assert widest(told) <= width
    shown = told.splitlines()
    assert [any(line.startswith(start) for line in shown) for start in lines] == [True] * len(lines)


@pytest.mark.parametrize(("answer", "verdict", "colour"), [("x", "Right", 32), ("w", "Not quite", 31)])
def test_verdicts_are_coloured_on_a_terminal_only(
    answer: str,
    verdict: str,
    colour: int,
    on_a_terminal: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = on_a_terminal(*CHECK, answer)
    assert told.startswith(f"\033[{colour}m{verdict}")
    main([*CHECK, answer])
    plain = capsys.readouterr().out
    assert "\033" not in plain
    assert told.replace(f"\033[{colour}m", "").replace("\033[0m", "") == plain
    monkeypatch.setenv("NO_COLOR", "1")
    assert on_a_terminal(*CHECK, answer) == plain
    assert "\033" not in on_a_terminal(*CHECK, answer, "--json")


def test_an_error_is_marked_where_colours_are_forced(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main([*CHECK[:-2], "z", "--answer", "x"])
    plain = capsys.readouterr().err
    assert plain.startswith("microgradcnn: ")
    monkeypatch.setenv("FORCE_COLOR", "1")
    main([*CHECK[:-2], "z", "--answer", "x"])
    assert capsys.readouterr().err == plain.replace("microgradcnn:", "\033[31mmicrogradcnn:\033[0m", 1)


def test_a_training_ends_with_a_chart_on_a_terminal(
    on_a_terminal: Callable[..., str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    train = ["train", "single_layer", "--data", "wedge", "--epochs", "20", "--out", str(tmp_path)]
    chart = on_a_terminal(*train).partition("parameters.npz\n")[2]
    assert chart.startswith("loss")
    assert "█" in chart
    assert chart.rstrip().endswith("19")
    assert widest(chart) < 80
    in_ascii = on_a_terminal(*train, encoding="ascii").partition("parameters.npz\n")[2]
    assert "###" in in_ascii
    assert on_a_terminal(*train, "--no-chart").endswith("parameters.npz\n")
    json.loads(on_a_terminal(*train, "--json", "--chart"))
    main(train)
    assert capsys.readouterr().out.endswith("parameters.npz\n")  # a pipe gets none unless it asks
    main([*train, "--chart"])
    assert capsys.readouterr().out.partition("parameters.npz\n")[2] == chart
