"""Pickles from before the package had rooms: the modules that they name, found where their classes are now.

A pickle says in which module every class is, by the names of its day. Here graphs, models, optimisers, data sets, what
`train` and `fit` gave, pictures, derivations, answers and worksheets are found again. Not so what the two classes held
that are one with another now: the Classifier and the Classification of images, which save_trained keeps in a file.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

_PACKAGE = "microgradcnn"

# An old module, or a class of it that has gone another way than the rest, and where that is now. Importing a module
# sets an attribute of the package, so no row is called as a function there: the errors of the old `debug` are lost.
MOVED = {
    "augmentation": "data.images",
    "check": "checking.check",
    "columns": "data.columns",
    "copying": "protocols.copying",
    "dataset": "data.dataset",
    "functions": "engine.functions",
    "layers": "nn.layers",
    "leaving": "protocols.leaving",
    "logic": "protocols.logic",
    "models": "nn.models",
    "module": "nn.module",
    "optim": "nn.optim",
    "primitives": "engine.primitives",
    "readers": "data.readers",
    "readers.Dataset": "data.dataset.Dataset",
    "record": "engine.record",
    "scaling": "data.scaling",
    "summary": "nn.summary",
    "summary.Row": "nn.summary.LayerRow",
    "train": "fit",
    "trained": "experiment",
    "value": "engine.value",
    "views.boxes": "views.drawing.boxes",
    "views.colours": "views.drawing.colours",
    "views.derivation": "views.derivations.derivation",
    "views.diagnosis": "views.answers.diagnosis",
    "views.document": "views.documents.document",
    "views.expression": "views.formulas.expression",
    "views.groups": "views.drawing.groups",
    "views.handout": "views.worksheets.handout",
    "views.layout": "views.drawing.layout",
    "views.layout.Box": "views.drawing.layout.Place",
    "views.ledger": "views.derivations.ledger",
    "views.picture": "views.pages.picture",
    "views.polynomial": "views.cost.polynomial",
    "views.task": "views.worksheets.derivation_task",
    "views.timing": "views.cost.timing",
    "views.typesetting": "views.formulas.typeset",
    "views.work": "views.cost.work",
    "views.worksheet": "views.worksheets.worksheet",
}


class _OldModules:
    """Makes an old module, where no other finder has one of that name: it has all that is in the new place.

    It is no MetaPathFinder and Loader by descent: importlib.abc takes longer to import than the whole package.
    """

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, old = name.partition(".")
        return ModuleSpec(name, self) if package == _PACKAGE and old in MOVED else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Python makes one."""

    def exec_module(self, module: ModuleType) -> None:
        old = module.__name__.removeprefix(f"{_PACKAGE}.")
        there = vars(import_module(f"{_PACKAGE}.{MOVED[old]}"))
        vars(module).update({name: it for name, it in there.items() if name == "__doc__" or not name.startswith("__")})
        for row, place in MOVED.items():
            if row.startswith(f"{old}."):
                where, _, name = place.rpartition(".")
                setattr(module, row.removeprefix(f"{old}."), getattr(import_module(f"{_PACKAGE}.{where}"), name))


sys.meta_path.append(_OldModules())
