"""Reads long JSON bodies that hold nothing but numbers, without an object for each of them.

simdjson finds the numbers in half of the time of parsers that make lists of floats. It is asked for
what is plain beyond doubt alone: whatever else a body may be, and what is wrong with it, is for the
typed readers to tell, which read it anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from perennial_core.artifact.model import Array

NOT_PLAIN = (ValueError, TypeError, KeyError, AttributeError, RuntimeError)
"""What is raised for a body that is no JSON, or not of the shape that is asked for."""


def root_of(body: bytes) -> Any:
    """Return the object that a body is, as simdjson has it.

    Raises:
        NOT_PLAIN: It is none.
    """
    from simdjson import Parser  # takes time, and a first answer seldom needs it

    if not body.startswith(b"{"):  # nor does a mark of the byte order stand before it
        raise ValueError("no object")
    return Parser().parse(body)  # each its own: one that is kept holds what its longest took


def numbers_of(data: Any) -> Array:
    """Return the numbers of a list as float64, shape (n,), those of lists within it in a row.

    Raises:
        NOT_PLAIN: There is anything else in it, or a number that float64 has not.
    """
    return np.frombuffer(data.as_buffer(of_type="d"))


def instances_in(body: bytes, width: int) -> Array | None:
    """Return the rows of ``{"instances": [[number, ...], ...]}`` as float64, shape (n, width).

    None when it may be anything else.
    """
    if body.find(b"{", 1) > 0:  # instances by name
        return None
    try:
        root = root_of(body)
        rows = root["instances"]
        if len(root) > 1 or body.count(b"[") != len(rows) + 1 or set(map(len, rows)) != {width}:
            return None
        return numbers_of(rows).reshape(-1, width)
    except NOT_PLAIN:
        return None
