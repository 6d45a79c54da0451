"""Reads the query of a GET: a text for each feature, as a form of HTML sends it."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from perennial_core.manifest import ColumnType
from perennial_predictor import problems

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def query_pairs(query: bytes) -> list[tuple[str, str]]:
    """Return the names and texts of a query such as ``x1=1&x2=2``.

    Raises:
        Problem: It is not percent-encoded UTF-8.
    """
    try:
        text = query.decode("ascii")
        if "%" in text or "+" in text:
            return parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise problems.malformed(f"The query cannot be read: {error}.") from None
    parts = [part.partition("=") for part in text.split("&") if part]  # as parse_qsl has it
    return [(name, value) for name, _, value in parts]


def value_of(text: str, kind: ColumnType) -> Any:
    """Return the value that a text gives a feature of this type.

    Raises:
        ValueError: It gives none; the message says why.
    """
    return _READERS[kind](text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{reprlib.repr(text)} is not a finite decimal number")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{reprlib.repr(text)} is out of range")
    return number


def _integer(text: str) -> int:
    number = _number(text)
    if not number.is_integer():
        raise ValueError(f"{reprlib.repr(text)} is not an integer")
    return int(text) if _INTEGER.fullmatch(text.strip()) else int(number)


def _boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{reprlib.repr(text)} is neither true nor false") from None


_READERS: dict[ColumnType, Callable[[str], Any]] = {
    ColumnType.FLOAT64: _number,
    ColumnType.FLOAT32: _number,
    ColumnType.INT64: _integer,
    ColumnType.BOOL: _boolean,
    ColumnType.STRING: str,
}
