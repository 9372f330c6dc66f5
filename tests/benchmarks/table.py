"""Writes the guide's table of speed from `speed.json`, which the benchmarks wrote with --record. Needs nothing.

python tests/benchmarks/table.py            # writes it between the two markers
python tests/benchmarks/table.py --check    # exits with 1 if the page says something else
"""

import json
import sys
from pathlib import Path

from harness import SPEED, Target, duration, three_digits

PAGE = Path(__file__).parents[2] / "demos" / "guide" / "speed.md"
BEGIN, END = "<!-- speed: written by tests/benchmarks/table.py -->", "<!-- /speed -->"
HEAD = ["benchmark", "measured", "ours", "fastest peer", "result", "target"]


def table(results: dict) -> str:
    """Tables in Markdown with the sentences below them, one for each machine. Raises ValueError if there is no result.

    A ratio holds for the machine where both its times were taken: times of two machines stand in no table together.
    """
    entries = [entry for parts in results.values() for entry in parts.values()]
    if not entries:
        raise ValueError("there are no results")
    machines = []
    for entry in entries:
        if entry["machine"] not in machines:
            machines.append(entry["machine"])
    return "\n\n".join(_table(machine, [e for e in entries if e["machine"] == machine]) for machine in machines)


def written(text: str, results: dict) -> str:
    """`text` with the table between its markers. Raises ValueError unless each marker is there once, in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"there must be one {BEGIN} and, below it, one {END}")
    return f"{before}{BEGIN}\n{table(results)}\n{END}{after}"


def _table(machine: dict, entries: list[dict]) -> str:
    rows = [HEAD, ["---"] * len(HEAD)]
    for entry in entries:
        for i, (name, facts) in enumerate(entry["targets"].items()):
            rows.append([entry["title"] if i == 0 else "", name, *_cells(Target(**facts), entry["seconds"])])
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", *_sentences(machine, entries)])


def _cells(target: Target, seconds: dict) -> list[str]:
    ours = duration(seconds[target.ours]) if target.ours else ""
    peer = f"{target.peer}: {duration(seconds[target.peer])}" if target.peer else ""
    bound = f"{'≥' if target.least else '≤'} {target.limit:,g}"
    if target.unit:
        bound += f" {target.unit}"
    value = f"{three_digits(target.value)} {target.unit}".strip()
    return [ours, peer, value, bound if target.holds else f"{bound}, **missed**"]


def _sentences(machine: dict, entries: list[dict]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    missing = sorted({name for entry in entries for name in entry["missing"]})
    busy = [entry["title"] for entry in entries if entry["unclean"]]
    return [
        "Medians of a training step (loss, gradients, update) in float64 or the type named; all compute the same.",
        f"{machine['cores']} cores, {machine['processor']}, {machine['system']}; {versions}.",
        *([f"Not installed, so not among the peers: {', '.join(missing)}."] if missing else []),
        *([f"The machine was not always quiet during: {'; '.join(busy)}."] if busy else []),
    ]


def main() -> int:
    try:
        text, results = (path.read_text(encoding="utf-8") for path in (PAGE, SPEED))
        new = written(text, json.loads(results))
    except FileNotFoundError as error:
        print(f"{Path(error.filename).name} is not there: run the benchmarks with --record", file=sys.stderr)
        return 1
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if "--check" in sys.argv[1:]:
        print("the page's table is " + ("that of the results" if new == text else "not that of the results"))
        return 0 if new == text else 1
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
