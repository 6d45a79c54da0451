"""Times, versions and values in a few characters: pure functions."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

NOTHING = "-"
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def age(at: datetime | None, now: datetime) -> str:
    """Return how long ago it was, such as 3d, 5h, 12m or 40s."""
    if at is None:
        return NOTHING
    seconds = max(0, int((now - at).total_seconds()))
    unit, size = next((item for item in _UNITS if seconds >= 2 * item[1]), _UNITS[-1])
    return f"{seconds // size}{unit}"


def shown(value: Any) -> str:
    """Return a value as a cell: nothing as a dash, what is not text as JSON."""
    if value is None or value == "" or value == [] or value == {}:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value) if isinstance(value, dict | list | bool) else str(value)


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """Return a text in which what others wrote moves no cursor and changes no colour: control
    characters but for tabs and line ends are spelled out."""
    return _CONTROLS.sub(lambda match: repr(match[0])[1:-1], text)


def in_a_line(text: str) -> str:
    """Return such a text as one line."""
    return harmless(" ".join(text.splitlines()) if "\n" in text else text)


def listed(numbers: list[int]) -> str:
    """Return numbers with commas between."""
    return ", ".join(map(str, numbers)) or NOTHING
