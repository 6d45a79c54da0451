"""Holds parameters against what scikit-learn's own declarations allow, before any data is read.

scikit-learn does so itself only when it fits, and then knows no field. Its names for it are
private: where a release has others, the tests of wrong parameters say so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from perennial_core.errors import brief
from perennial_trainer.failure import SpecError

_PARAMETER = re.compile(r"The '(\w+)' parameter of ")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?")


def check_values(made: Any, params: Mapping[str, Any], field: str) -> None:
    """Refuse an object that no fit would take as it is.

    Args:
        made: An object of a class, which may declare what its parameters can be.
        params: As they stand in the spec.
        field: Where the object stands there.

    Raises:
        SpecError: The text names the parameter's field, what it can be and what it is.
    """
    is_own = type(made).__module__.startswith("sklearn.")  # a subclass may take more
    if not is_own or not hasattr(made, "_parameter_constraints"):
        return
    try:
        made._validate_params()
    except (TypeError, ValueError) as error:
        named = _PARAMETER.match(str(error))
        name = f".{named[1]}" if named else ""
        remedy = _as_yaml_has_it(params.get(named[1])) if named else ""
        raise SpecError(f"{field}.params{name}: {brief(error)}{remedy}") from error


def _as_yaml_has_it(value: Any) -> str:
    """Return how to write what was meant, where YAML took it for a text."""
    if value == "None":
        return " To YAML None is a text; write null"
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return f" To YAML {value!r} is a text; write {Decimal(value):f}, without quotes"
    return ""
