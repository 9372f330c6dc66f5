"""What a cell of a table is: a plain number, a text, or a sign that its value is missing."""

import re
from collections.abc import Iterable

# What stands for a missing value; among labels of text only what is no class of anybody's.
_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "?", "-", "."}
_MISSING_LABELS = {"NA", "N/A", "#N/A", "NULL", "null", "?"}

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_COMMAS = re.compile(r"[+-]?[0-9]+(,[0-9]+)+")
# A number with a sign of a currency before it, or something short after it: $5, -10%, 3 kg.
_WITH_UNIT = re.compile(r"([$€£¥]?) ?[+-]?(?:[0-9][0-9,]*\.?[0-9]*|\.[0-9]+) ?([^\W\d_]{1,5}|[%‰°$€£¥][^\W\d_]?|)")


def as_float(cell: str) -> float | None:
    """What Python's float makes of a cell, also of 1_000 and inf, which are no plain numbers; None if nothing."""
    try:
        return float(cell)
    except ValueError:
        return None


def is_plain(cell: str) -> bool:
    """Whether a cell that is a float is written in plain digits."""
    return _NUMBER.fullmatch(cell) is not None


def has_commas(cell: str) -> bool:
    """Whether it is a number with commas, of decimals or of thousands."""
    return _COMMAS.fullmatch(cell) is not None


def common_unit(cells: Iterable[str]) -> str | None:
    """The unit, % and kg say, that all of these texts have beside a number; None where they have none or several."""
    found = {matched and "".join(matched.groups()) for matched in map(_WITH_UNIT.fullmatch, cells)}
    return found.pop() or None if len(found) == 1 else None


def is_missing(cell: str) -> bool:
    """Whether it is empty or says that a value is missing, as NA and nan do."""
    return cell.lower().lstrip("+-") in _MISSING


def is_missing_label(cell: str) -> bool:
    """Whether a label is missing: it is empty, NaN, or what no class is called."""
    return cell in _MISSING_LABELS or cell.lower().lstrip("+-") in ("", "nan")


def is_text(cell: str) -> bool:
    """Whether it may name a category: it has a value, and is neither a number nor one with commas."""
    return not is_missing(cell) and as_float(cell) is None and not has_commas(cell)
