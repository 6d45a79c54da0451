"""Finds classes by their full names, in the allowed modules only."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile

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
        hint = _hint(name, [], allowed_modules)
        raise SpecError(f"{field}: {path} cannot be imported: {brief(error)}{hint}") from error
    if not inspect.isclass(found):
        hint = _hint(name, _classes(module_name), allowed_modules)
        raise SpecError(f"{field}: {module_name} has no class {name!r}{hint}")
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


def _classes(module_name: str) -> list[str]:
    module = importlib.import_module(module_name)
    return [key for key, value in vars(module).items() if inspect.isclass(value)]


def _hint(name: str, beside: Sequence[str], allowed_modules: Sequence[str]) -> str:
    """Return which class may have been meant, for messages.

    Args:
        name: Of a class that is not there.
        beside: Names of the classes that are there.
        allowed_modules: Where others may come from.
    """
    elsewhere = _estimators(allowed_modules)
    close = get_close_matches(name, beside, n=1) or get_close_matches(name, elsewhere, n=1)
    meant = name if name in elsewhere else next(iter(close), None)
    if meant is None:
        return ""
    return f"; did you mean {meant if meant in beside else elsewhere[meant]}?"


def _estimators(allowed_modules: Sequence[str]) -> dict[str, str]:
    """Return the full names of scikit-learn's estimators, which takes a second, by their names."""
    from sklearn.utils import all_estimators

    paths = {name: f"{_public(found.__module__)}.{name}" for name, found in all_estimators()}
    return {name: path for name, path in paths.items() if _is_allowed(path, allowed_modules)}


def _public(module: str) -> str:
    """Return the module by which a class is imported, which is above the one that defines it."""
    return ".".join(takewhile(lambda part: not part.startswith("_"), module.split(".")))
