"""`microgradcnn lesson`: the main job, its table printed and its pages written."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import microgradcnn.lesson.run as lessons
from microgradcnn.cli.commands.gradcheck import checks_record
from microgradcnn.cli.commands.train import run_record, write_run
from microgradcnn.cli.options import seed_argument
from microgradcnn.cli.output import Record, show
from microgradcnn.cli.streams import escaped
from microgradcnn.files import json_text, make_folder, write_whole
from microgradcnn.lesson.pages import lesson_pages

SUMMARY = "build, differentiate, check and train all six networks, and write the lesson's pages: the main job"
FOLDERS = {False: "lesson", True: "lesson-student"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `lesson` takes."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where the pages, the table and every training run go (lesson, or lesson-student)",
    )
    parser.add_argument("--student", action="store_true", help="the edition for students: without the key")
    seed_argument(parser)


def run(options: argparse.Namespace) -> int:
    """A line for each network as soon as it is done, then the pages; 0 if gradients agree and training converged."""
    rows, out = [], options.out or Path(FOLDERS[options.student])
    make_folder(out)
    for row in lessons.lesson(options.seed, progress=True):
        rows.append(row)
        _tell(options, _lesson_line(row, header=len(rows) == 1))
        for data_name, done in row.runs.items():
            write_run(out / row.network / data_name, done)
    records = [_lesson_record(row) for row in rows]
    write_whole(out / "lesson.json", (json_text(records, indent=2) + "\n").encode())
    _tell(options, f"{_lesson_verdict(rows)}\nWhat each exercise adds, right on bars:")
    ladder = {}
    for name, share in lessons.ladder():
        ladder[name] = share
        _tell(options, f"  {name:24s} {share:.3f}")
    for file, text in lesson_pages(rows, lessons.data_sets(), ladder, options.student):
        write_whole(out / file, text.encode())
    show(records if options.json else f"The lesson is written: open {escaped(str(out / 'index.html'))}", options.json)
    return 0 if all(row.right for row in rows) else 1


def _tell(options: argparse.Namespace, text: str) -> None:
    """Say what is done so far, to a person."""
    if not options.json:
        print(text, flush=True)


def _lesson_line(row: lessons.NetworkRow, header: bool) -> str:
    """One network's line, below two lines of titles for the first: fixed widths, as each is printed when it is done."""
    checks = row.checks
    closed = "none" if checks.closed_form is None else f"{checks.closed_form:.0e}"
    told: dict[str, list[tuple[str, int, object]]] = {
        "": [("network", 24, row.network), ("lecture", 15, row.section), ("weights", 8, row.parameters)],
        "gradients apart by": [
            ("scalar", 8, f"{checks.scalar_form:.0e}"),
            ("closed", 8, closed),
            ("differences", 12, f"{checks.differences:.0e}"),
        ],
    }
    for name, run in row.runs.items():
        loss = f"{run.training.history[-1]['loss']:.4f}"
        told[name] = [("epochs", 8, len(run.training.history)), ("loss", 8, loss)]
        told[name].append(("test", 7, f"{run.test_accuracy:.3f}"))
    columns = [column for part in told.values() for column in part]
    text = "".join(f"{cell!s:{width}}" for _, width, cell in columns) + _mark(row.right)
    groups = "".join(group.ljust(sum(width for _, width, _ in part)) for group, part in told.items())
    titles = "".join(title.ljust(width) for title, width, _ in columns)
    return "\n".join([groups.rstrip(), titles.rstrip(), text]) if header else text


def _lesson_verdict(rows: list[lessons.NetworkRow]) -> str:
    worst = max(row.checks.worst for row in rows)
    gradients = f"gradients: at most {worst:.1e} apart (relative to the largest component), in four ways"
    failed = [
        f"{row.network} on {name}: {run.training.message}"
        for row in rows
        for name, run in row.runs.items()
        if not run.training.converged
    ]
    training = "every training converged" if not failed else "; ".join(failed)
    lines = [
        "scalar, closed and differences: the scalar form, the lecture's closed form and finite differences against the",
        "tensor form; test: accuracy on the fifth of the rows that training did not see; λ = 1e-3.",
        f"{gradients}; {training}.",
    ]
    if "digits" not in rows[0].runs:
        lines.append("The digits need scikit-learn: pip install 'microgradcnn[data]'")
    return "\n".join(lines)


def _mark(right: bool) -> str:
    text = "right" if right else "WRONG"
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{32 if right else 31}m{text}\033[0m"


def _lesson_record(row: lessons.NetworkRow) -> Record:
    runs = {name: run_record(run) for name, run in row.runs.items()}
    shown = {"network": row.network, "lecture": row.section, "loss": row.loss, "parameters": row.parameters}
    return {**shown, "checks": checks_record(row.checks), "runs": runs, "right": row.right}
