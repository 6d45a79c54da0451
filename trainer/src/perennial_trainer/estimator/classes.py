"""Finds classes by their full names, in the allowed modules only."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from difflib import get_close_matches

from perennial_core.errors import brief
from perennial_trainer.failure import SpecError


def find_class(path: str, allowed_modules: Sequence[str], field: str) -> type:
    """Return a class.

    Args:
        path: Full name, such as ``sklearn.linear_model.LinearRegression``.
        allowed_modules: The class must be named by, and come from, one of these or below.
        field: Where the path stands in the spec, for messages.

    Raises:
        SpecError: The module is not allowed, or has no such class.
    """
    module_name, _, name = path.rpartition(".")
    if not _is_allowed(module_name, allowed_modules):
        raise _not_allowed(field, path, allowed_modules)
    try:
        found = getattr(importlib.import_module(module_name), name, None)
    except Exception as error:
        raise SpecError(f"{field}: {path} cannot be imported: {brief(error)}") from error
    if not inspect.isclass(found):
        raise SpecError(f"{field}: {module_name} has no class {name!r}{_hint(module_name, name)}")
    if not _is_allowed(found.__module__, allowed_modules):
        raise _not_allowed(field, f"{found.__module__}.{found.__qualname__}", allowed_modules)
    return found


def _is_allowed(module: str, allowed_modules: Sequence[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed_modules)


def _not_allowed(field: str, path: str, allowed_modules: Sequence[str]) -> SpecError:
    return SpecError(
        f"{field}: {path} is not allowed; classes may come from: {', '.join(allowed_modules)};"
        " to allow more, set PERENNIAL_ALLOWED_MODULES to a JSON list of them (chart value"
        " operator.allowedModules)"
    )


def _hint(module_name: str, name: str) -> str:
    known = [
        key
        for key, value in vars(importlib.import_module(module_name)).items()
        if inspect.isclass(value)
    ]
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
