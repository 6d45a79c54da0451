"""What is stored: types that JSON is read into and written from, by msgspec.

What users write is for pydantic, which tells all that is wrong at once; but a predictor, which
reads a manifest before its first answer, would start a third later with it.
"""

from __future__ import annotations

import json
import math
from typing import Any, Self

import msgspec


class Malformed(ValueError):
    """What is read is no such record; the text names the field."""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A part of a stored record: immutable, camelCase in JSON, unknown fields passed over.

    What has its default is not written.
    """

    @classmethod
    def of_bytes(cls, text: bytes) -> Self:
        """Read a record as it is stored.

        Raises:
            Malformed: It is none of this type.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(_with_place_first(str(error))) from None

    def to_bytes(self) -> bytes:
        """Return the record as it is stored: JSON."""
        return msgspec.json.encode(self, enc_hook=_plain)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON has it."""
        document: dict[str, Any] = json.loads(self.to_bytes())
        return document

    def fields(self, kind: type[Record] | None = None) -> dict[str, Any]:
        """Return what it is made of, by the names of the fields: its own, or those of a base."""
        return {name: getattr(self, name) for name in (kind or type(self)).__struct_fields__}

    def changed(self, **fields: Any) -> Self:
        """Return the same with other values for some fields."""
        return msgspec.structs.replace(self, **fields)


def _plain(value: Any) -> Any:
    """Return a scalar of NumPy as one of Python."""
    if not hasattr(value, "item"):
        raise NotImplementedError
    return value.item()


def _with_place_first(message: str) -> str:
    """Return msgspec's message, ``what - at `$.place``` where it has one, as ``place: what``."""
    what, _, place = message.partition(" - at `$")
    name = place.removesuffix("`").removeprefix(".")
    return f"{name}: {what}" if name else what


def refuse_non_finite(name: str, *numbers: float) -> None:
    """Raise a ValueError where a field has a number that JSON has not."""
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name}: not a finite number")
