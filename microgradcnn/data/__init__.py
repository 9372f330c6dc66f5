"""Rows to learn from, with their labels: read, prepared, and brought to what something was trained on."""

from microgradcnn.data.built_in import BUILT_IN
from microgradcnn.data.dataset import DataError, Dataset
from microgradcnn.data.images import as_images, resampling, shrink
from microgradcnn.data.loading import (
    KINDS,
    check_numbers,
    class_name,
    class_names,
    dataset_of,
    load,
    load_parts,
    split,
    target_kind,
    two_classes,
    with_classes,
    with_target,
)

__all__ = [
    "BUILT_IN",
    "KINDS",
    "DataError",
    "Dataset",
    "as_images",
    "check_numbers",
    "class_name",
    "class_names",
    "dataset_of",
    "load",
    "load_parts",
    "resampling",
    "shrink",
    "split",
    "target_kind",
    "two_classes",
    "with_classes",
    "with_target",
]
