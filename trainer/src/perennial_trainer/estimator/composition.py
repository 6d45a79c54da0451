"""Checks how pipelines and ColumnTransformers are put together, before any data is read.

scikit-learn does so itself only when it fits, and then knows no field.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Iterable, Sequence
from typing import Any

from perennial_trainer.failure import SpecError

_WORDS = ("drop", "passthrough")
"""What may stand for a transformer."""


def check_step_names(names: Sequence[str], pipeline: type, field: str) -> None:
    """Refuse names that steps of a pipeline cannot have.

    Raises:
        SpecError: The text names the field and the name.
    """
    if len(set(names)) < len(names):
        raise SpecError(f"{field}: two steps have the same name")
    reserved = inspect.signature(pipeline).parameters
    for name in names:
        if name in reserved or "__" in name:
            why = "a pipeline has a parameter of that name" if name in reserved else "it has __"
            raise SpecError(f"{field}[{name}].name: a step cannot have this name, for {why}")


def check_transforms(steps: Iterable[tuple[str, Any]], field: str) -> None:
    """Refuse steps before the last one that do not transform.

    Raises:
        SpecError: The text names the step.
    """
    for name, step in steps:
        if not hasattr(step, "transform"):
            raise SpecError(
                f"{field}[{name}].class: {type(step).__name__} does not transform, and only the"
                " last step predicts"
            )


def check_transformers(transformers: Any, field: str) -> None:
    """Refuse what a ColumnTransformer cannot take apart.

    Args:
        transformers: Its parameter of this name.
        field: Where that stands in the spec.

    Raises:
        SpecError: The text names the field, and how it is to be written.
    """
    if not isinstance(transformers, list):
        raise SpecError(f"{field}: must be a list of [name, transformer, [column, ...]]")
    for position, entry in enumerate(transformers):
        place = f"{field}[{position}]"
        if not isinstance(entry, list | tuple) or len(entry) != 3:
            found = reprlib.repr(entry)
            raise SpecError(f"{place}: must be [name, transformer, [column, ...]], not {found}")
        if isinstance(entry[1], str) and entry[1] not in _WORDS:
            must = f"{place}[1]: must be {{class: {entry[1]}}}, drop or passthrough"
            raise SpecError(f"{must}, not {entry[1]!r}")
        _check_columns(entry[1], entry[2], f"{place}[2]")


def _check_columns(transformer: Any, columns: Any, field: str) -> None:
    """Refuse a column alone for what takes a table, and a list for what takes the texts of one."""
    is_own = type(transformer).__module__.startswith("sklearn.")
    if not is_own or _passes_on(transformer) or not hasattr(transformer, "__sklearn_tags__"):
        return
    from sklearn.utils import get_tags

    tags, name = get_tags(transformer), type(transformer).__name__
    if tags.no_validation:  # such as of a FunctionTransformer, which passes on what it gets
        return
    takes = tags.input_tags
    if takes.two_d_array and isinstance(columns, str | int):
        raise SpecError(f"{field}: {name} takes a list of columns; write [{columns}]")
    if takes.string and not takes.two_d_array and isinstance(columns, list):
        raise SpecError(f"{field}: {name} takes one column of texts; write its name, not a list")


def _passes_on(transformer: Any) -> bool:
    """Return whether others within it take the columns, of which its tags do not tell."""
    return hasattr(transformer, "steps") or hasattr(transformer, "transformer_list")
