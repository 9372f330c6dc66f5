"""What the arrays of a re-rolled program are called, after the labels of their scalars, and what is said about them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence

from microgradcnn.targets.lines import LEAVES, Line, lengths
from microgradcnn.targets.rerolling.picking import Index, Sizes, Stack

MOST = 4  # scalars of a row, or rows, that are listed; of more, the first two and the last


def name(labels: Sequence[str | None], sizes: Sizes) -> str | None:
    """What labels have in common without their numbers: z for z_1, z_2, and S for s_1, u_1 in a matrix."""
    if None in labels or not labels:
        return None
    if len(labels) == 1:
        return labels[0]
    stems = list(dict.fromkeys(_stem(label) for label in labels if label is not None))
    if len(stems) == 1:
        return stems[0]
    return stems[0].upper() if len(sizes) > 1 else "_".join(stems[:MOST])


def _stem(label: str) -> str:
    """A label without the numbers at its end."""
    return re.sub(r"(_\d+)+$", "", label) if re.search(r"._\d+$", label) else re.sub(r"(?<=.)[\d₀-₉]+$", "", label)


def listed(labels: Sequence[str], sizes: Sizes) -> str:
    """Labels as an array of these sizes would be written."""
    if not sizes:
        return labels[0]
    step = len(labels) // sizes[0]
    rows = [listed(labels[i * step : (i + 1) * step], sizes[1:]) for i in range(sizes[0])]
    return f"[{', '.join(_shortened(rows))}]"


def _shortened(parts: Sequence[str]) -> Sequence[str]:
    return parts if len(parts) <= MOST else [*parts[:2], "...", parts[-1]]


def named(made: Sequence[tuple[Stack, Sequence[Line]]], parts: Mapping[Line, Sequence[Line]]) -> dict[str, str]:
    """Give arrays that were made their labels and places in the chain rule; by label, which scalars they are.

    `parts` of sums are no arrays: their places in the chain rule are those of the shortest sum that is one.
    """
    arrays = {line: stack.line for stack, scalars in made for line in scalars}
    of_parts = {part: next((arrays[line] for line in sums if line in arrays), None) for part, sums in parts.items()}
    arrays = {**{part: array for part, array in of_parts.items() if array is not None}, **arrays}
    notes: dict[str, str] = {}
    done: set[Line] = set()
    for stack, scalars in made:
        line = stack.line
        if line in done or scalars[0].op in LEAVES:
            continue
        done.add(line)
        _explain(line, scalars[0], arrays)
        line.label = name([scalar.label for scalar in scalars], stack.sizes)
        if line.label is not None and stack.sizes:
            line.label = _new(line.label, notes)
            notes[line.label] = listed([str(scalar.label) for scalar in scalars], stack.sizes)
    return notes


def name_leaves(
    kind: str, leaves: Sequence[Line], scalars: Sequence[Sequence[Line]], places: Sequence[Index], notes: dict[str, str]
) -> None:
    """Give leaves their labels, or numbers of their kind, and add to `notes` which scalars they are."""
    for i, (leaf, own, index) in enumerate(zip(leaves, scalars, places, strict=True), start=1):
        sizes = lengths(leaf.shape[1:] if leaf.varies else leaf.shape, 1)
        leaf.label = name([scalar.label for scalar in own], sizes)
        if sizes:
            leaf.label = _new(leaf.label or f"{kind[0]}_{i}", notes)
            labels = [scalar.label or f"{kind} {k + 1}" for scalar, k in zip(own, index.tolist(), strict=True)]
            notes[leaf.label] = listed(labels, sizes)


def _new(label: str, taken: Container[str]) -> str:
    return _new(f"{label}_", taken) if label in taken else label


def _explain(array: Line, scalar: Line, arrays: Mapping[Line, Line]) -> None:
    """Give an array the place of its first scalar in the chain rule; `arrays` says which array a scalar is in."""
    array.sent, array.within = (_pair(pair, arrays) for pair in (scalar.sent, scalar.within))
    totals = dict.fromkeys(arrays[x] for x in scalar.totals if x in arrays)
    # What is the same for all rows has one gradient, the mean over them.
    array.totals = tuple(x for x in totals if x.varies or not array.varies)


def _pair(pair: tuple[Line, Line] | None, arrays: Mapping[Line, Line]) -> tuple[Line, Line] | None:
    if pair is None or any(line not in arrays for line in pair):
        return None
    return arrays[pair[0]], arrays[pair[1]]
