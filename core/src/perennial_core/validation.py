"""Says in words what is wrong with what a user wrote."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, core_schema


@dataclass(frozen=True)
class Matching:
    """Annotates a string that must match a pattern, and says in words what is expected.

    The schema that the API server enforces has the pattern, the messages here have the words.
    """

    pattern: str
    """A regular expression, of what RE2 and Python's re have in common."""
    expected: str
    max_length: int | None = None
    """In characters; checked first."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema(max_length=self.max_length)
        return core_schema.no_info_after_validator_function(self._checked, text)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(schema) | {"pattern": self.pattern}

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f"{text!r} is not {self.expected}")
        return text


def repeated(names: Iterable[str]) -> str | None:
    """Return a name that stands there twice; None: there is none."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


_PLAINLY = {
    "missing": "this field is required",
    "extra_forbidden": "there is no such field",
    "string_type": "must be a text; put it in quotes",
    "string_too_short": "must have a length of at least {min_length}",
    "string_too_long": "must have a length of at most {max_length}",
    "literal_error": "must be {expected}, not {input}",
    "enum": "must be {expected}, not {input}",
    "bool_type": "must be true or false, not {input}",
    "bool_parsing": "must be true or false, not {input}",
    "int_type": "must be a whole number, not {input}",
    "int_parsing": "must be a whole number, not {input}",
    "int_from_float": "must be a whole number, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "dict_type": "must be a mapping, not {input}",
    "model_type": "must be a mapping of fields, not {input}",
    "list_type": "must be a list, not {input}",
    "too_short": "must have a length of at least {min_length}",
    "too_long": "must have a length of at most {max_length}",
}
"""Kinds of pydantic's errors, as users of YAML would say them; other kinds keep their message."""


def describe(error: ValidationError) -> str:
    """Return one line that names each wrong field by its path, and says what is wrong."""
    items = error.errors(include_url=False)
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'resource'}: {plainly(item)}" for item in items
    )


def plainly(item: ErrorDetails) -> str:
    """Return what is wrong with one field."""
    if words := _PLAINLY.get(item["type"]):
        return words.format(input=reprlib.repr(item["input"]), **item.get("ctx", {}))
    return item["msg"].removeprefix("Value error, ")
