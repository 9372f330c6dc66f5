"""`microgradcnn lesson`: the main job, its table printed and its pages written."""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import microgradcnn.lesson.run as lessons
from microgradcnn.cli.commands.gradcheck import checks_record
from microgradcnn.cli.commands.train import run_record, write_run
from microgradcnn.cli.lesson_folder import check_folder, write_pages
from microgradcnn.cli.options import data_arguments, seed_argument, table_arguments
from microgradcnn.cli.output import Record, show
from microgradcnn.cli.streams import escaped
from microgradcnn.cli.user_scripts import course_in_script, did_you_mean, is_script
from microgradcnn.data import load, with_target
from microgradcnn.files import json_text, make_folder, write_whole
from microgradcnn.lesson.course import Course, LeftOutWarning
from microgradcnn.lesson.lecture import LECTURE
from microgradcnn.lesson.pages import lesson_pages
from microgradcnn.lesson.sections.evidence import WAYS
from microgradcnn.lesson.words import Words, read_words, section_titles
from microgradcnn.system.terminal import coloured, columns, fitted
from microgradcnn.system.text_layout import wrapped

OF_DATA = ("target", "drop", "classes", "missing", "target_kind")  # options that say something about --data
FOLDERS = {False: "lesson", True: "lesson-student"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `lesson` takes."""
    parser.epilog = (
        "With file.py:name, or file.py for all that a file has, it makes a course of networks of your own: a Network "
        "class, a function that returns a labelled loss, or a Module with an example; `microgradcnn new` writes a file "
        "to start from. Pages have a section for everything that a network has."
    )
    parser.add_argument(
        "networks", nargs="*", metavar="FILE[:NAME]", help="networks of your own, as file.py:name or file.py (the six)"
    )
    data_arguments(parser, required=False)
    table_arguments(parser)
    parser.add_argument(
        "--text", type=Path, metavar="FILE", help="titles, words and errata in Markdown (the .md beside the file.py)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where the pages, the table and every training run go (lesson, or lesson-student)",
    )
    parser.add_argument("--student", action="store_true", help="the edition for students: without the key")
    seed_argument(parser)


def run(options: argparse.Namespace) -> int:
    """A line for each network as soon as it is done, then the pages.

    0 if gradients agree and, in the lecture's lesson, training converged. Raises FileError as `check_folder` does.
    """
    course, rows, out = _course(options), list[lessons.NetworkRow](), options.out or Path(FOLDERS[options.student])
    sections = any(kind.section for kind in course.networks.values())
    make_folder(out)
    check_folder(out, options.student)
    for row in lessons.lesson(options.seed, progress=True, course=course):
        header = not rows or list(row.runs) != list(rows[-1].runs)
        rows.append(row)
        _tell(options, _lesson_line(row, header, sections))
        for data_name, done in row.runs.items():
            write_run(out / row.network / data_name, done)
    records = [_lesson_record(row) for row in rows]
    write_whole(out / "lesson.json", (json_text(records, indent=2) + "\n").encode())
    _tell(options, _lesson_verdict(rows, course))
    if course.ladder is not None:
        _tell(options, f"{course.ladder.title}, right on {course.ladder.data}:")
    ladder = {}
    for name, share in lessons.ladder(course=course):
        ladder[name] = share
        _tell(options, f"  {name:24s} {share:.3f}")
    write_pages(out, dict(lesson_pages(rows, lessons.data_sets(course), ladder, options.student, course)))
    show(records if options.json else f"The lesson is written: open {escaped(str(out / 'index.html'))}", options.json)
    return 0 if all(row.right or not (row.wrong or course.converges) for row in rows) else 1


def _course(options: argparse.Namespace) -> Course:
    """The lecture's, or that of the files that are named, with the data and the words that are given.

    Raises ValueError, in one sentence, for what is no file, and for files and data that are not as they should be.
    """
    course = LECTURE
    for i, what in enumerate(options.networks):
        if what in LECTURE.networks:
            raise ValueError(f"{what!r} is one of the lecture's networks, all of which `microgradcnn lesson` writes")
        if not is_script(what):
            no_file = "Python file" if Path(what).exists() else "file of yours"
            guess = f"; {meant}" if (meant := did_you_mean(Path(what))) else ""
            raise ValueError(f"{what!r} is no {no_file}: write file.py:name, or file.py for all that it has{guess}")
        found = course_in_script(what)
        beside = Path(what.rpartition(".py")[0] + ".md")
        if beside.is_file() and options.text is None:
            found = replace(found, words=_read(beside))
        course = course.and_also(found) if i else found
    if options.text is not None:
        course = replace(course, words=_read(options.text))
    if options.data is not None:
        read = load(options.data, options.target, options.drop, missing=options.missing)
        loaded = with_target(read, options.target_kind, options.classes)
        course = replace(course, data=lambda: {Path(loaded.name).stem: loaded})
    elif flags := [flag for flag in OF_DATA if getattr(options, flag)]:
        raise ValueError(f"--{flags[0].replace('_', '-')} is about data: give them, as in --data rows.csv")
    if options.networks:
        # A file of words beside one.py is about all of it, and was told of as such; --text is for this course.
        whole = options.text is not None or all(what.endswith(".py") for what in options.networks)
        _tell_unplaced("about", course.words.names if whole else [], [*course.networks, *course.others])
        _tell_unplaced("under", course.words.sections, list(section_titles()), "or the titles that a page shows")
        ladder = [] if course.ladder is None else [course.ladder.title.lower()]
        _tell_unplaced("of the index under", course.words.index_sections, ladder, "errata")
    return course


def _tell_unplaced(where: str, names: list[str], known: list[str], more: str = "") -> None:
    """Warn of the first name in the words that has no place in the pages; there are those known, and `more`."""
    if unknown := [name for name in names if name not in known]:
        there = ", ".join(filter(None, [*known, more]))
        sentence = f"the words {where} {unknown[0]!r} have no place: there are {there}"
        warnings.warn(sentence, LeftOutWarning, stacklevel=2)


def _read(path: Path) -> Words:
    try:
        return read_words(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8: save it as such") from None


def _tell(options: argparse.Namespace, text: str) -> None:
    """Say what is done so far, to a person."""
    if not options.json:
        print(text, flush=True)


def _lesson_line(row: lessons.NetworkRow, header: bool, sections: bool) -> str:
    """One network's line, below two lines of titles for the first: fixed widths, as each is printed when it is done.

    Where the terminal is narrower it is a line for the network, one for its gradients, one for each training.
    """
    told, room = _told(row, sections), columns(sys.stdout)
    cells = [cell for part in told.values() for cell in part]
    if room is not None and room < sum(width for _, width, _ in cells) + len("not converged"):
        titled = {name: ", ".join([f"{title} {cell}" for title, _, cell in part]) for name, part in told.items()}
        lines = [f"  {name}: {part}" if name else part for name, part in titled.items()]
        return "\n".join([*[broken for line in lines for broken in wrapped(line, room, 4)], f"  {_mark(row)}"])
    groups = "".join(group.ljust(sum(width for _, width, _ in part)) for group, part in told.items())
    titles = "".join(title.ljust(width) for title, width, _ in cells)
    text = "".join(f"{cell!s:{width}}" for _, width, cell in cells) + _mark(row)
    return "\n".join([groups.rstrip(), titles.rstrip(), text]) if header else text


def _told(row: lessons.NetworkRow, sections: bool) -> dict[str, list[tuple[str, int, object]]]:
    """What a network's line says, in groups: title, width and cell; with `sections` where the lecture has it."""
    checks = row.checks
    scalar, closed = ("none" if far is None else f"{far:.0e}" for far in (checks.scalar_form, checks.closed_form))
    section: list[tuple[str, int, object]] = [("lecture", 15, row.section)] if sections else []
    told: dict[str, list[tuple[str, int, object]]] = {
        "": [("network", 24, row.network), *section, ("weights", 8, row.parameters)],
        "gradients apart by": [
            ("scalar", 8, scalar),
            ("closed", 8, closed),
            ("differences", 12, f"{checks.differences:.0e}"),
        ],
    }
    for name, run in row.runs.items():
        history = run.training.history
        loss = f"{history[-1]['loss']:.4f}"
        epochs = int(history[-1]["epoch"]) if run.training.converged else len(history)  # as the message counts them
        told[name] = [("epochs", 8, epochs), ("loss", 8, loss), ("test", 7, f"{lessons.score(run):.3f}")]
    return told


def _lesson_verdict(rows: list[lessons.NetworkRow], course: Course) -> str:
    worst = max(row.checks.worst for row in rows)
    ways = " or ".join(WAYS[count] for count in sorted({row.checks.ways for row in rows}))
    gradients = f"gradients: at most {worst:.1e} apart (relative to the largest component), in {ways} ways"
    failed = [f"{row.network} on {name}: {said}" for row in rows for name, said in row.unfinished.items()]
    trained = any(row.runs for row in rows)
    training = "; ".join(failed) or ("every training converged" if trained else "nothing was trained")
    whose = "the lecture's" if all(row.section for row in rows) else "a"
    idle = sum(not (row.runs or row.unfinished) for row in rows)
    training += f"; {idle} of {len(rows)} networks not trained" if 0 < idle < len(rows) else ""
    lines = [
        f"scalar, closed and differences: the scalar form, {whose} closed form and finite differences against the",
        f"tensor form{_about_training(rows) if trained else ''}.",
        f"{gradients}; {training}.",
    ]
    lines += [sentence for name, sentence in course.extras.items() if name not in rows[0].runs]
    if columns(sys.stdout) is None:
        return "\n".join(lines)
    return fitted("\n".join([f"{lines[0]} {lines[1]}", *lines[2:]]), sys.stdout)


def _about_training(rows: list[lessons.NetworkRow]) -> str:
    """What the columns of trainings are, as far as there are any."""
    measures = {"accuracy" if run.test_r2 is None else "R²" for row in rows for run in row.runs.values()}
    measure = " or, of numbers, ".join(sorted(measures, reverse=True)) or "accuracy"
    decays = sorted({row.regularise for row in rows if row.runs and row.regularise})
    decay = "".join(f"; λ = {decay:.0e}".replace("e-0", "e-") for decay in decays)
    return f"; test: {measure} on the fifth of the rows that training did not see{decay}"


def _mark(row: lessons.NetworkRow) -> str:
    text = "right" if row.right else "WRONG" if row.wrong else "not converged"
    return coloured(text, "green" if row.right else "red", sys.stdout)


def _lesson_record(row: lessons.NetworkRow) -> Record:
    runs = {name: run_record(run) for name, run in row.runs.items()}
    shown = {"network": row.network, "lecture": row.section, "loss": row.loss, "parameters": row.parameters}
    return {**shown, "checks": checks_record(row.checks), "runs": runs, "right": row.right}
