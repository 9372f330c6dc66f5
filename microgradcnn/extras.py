"""Optional packages, imported where they are used and missed in one sentence."""

from importlib import import_module
from types import ModuleType


class MissingExtra(ImportError):  # noqa: N818  it says what to do, so it reads better without Error
    """An optional package is not installed; the message says which one and how to install it."""


def require(module: str, extra: str, *, package: str, needed_by: str) -> ModuleType:
    """Import an optional module.

    `package` is the name that pip knows it by, `needed_by` is what the user asked for.
    Raises MissingExtra if the module, or one that it imports, is absent.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"{needed_by} needs {package}, which is not installed: pip install 'microgradcnn[{extra}]'", name=module
        ) from error
