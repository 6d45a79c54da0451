"""Turns Arrow columns into what scikit-learn takes: numbers as float64, texts as objects."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial_core.errors import shortened
from perennial_trainer.data.rows import Rows
from perennial_trainer.failure import DataError

Array = NDArray[Any]

_DECIMAL_COMMA = r"([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]+"
_THOUSANDS_COMMA = r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"
_COMMA_NUMBER = re.compile(rf"\s*[-+]?({_DECIMAL_COMMA}|{_THOUSANDS_COMMA})\s*")

_LONGEST_TYPE = 60
"""Of nested data a type has the name of every field."""


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "numbers"
    INTEGER = "whole numbers"
    BOOL = "true and false"
    TEXT = "text"
    EMPTY = "nothing"


_NUMERIC = {Kind.NUMBER, Kind.INTEGER, Kind.BOOL}


def kind_of(rows: Rows, name: str) -> Kind:
    """Return what a column holds, in all files together.

    Raises:
        DataError: It holds what no estimator takes, or text in one file and numbers in another.
    """
    found: dict[Kind, str] = {}
    for file, arrow_type in rows.types(name):
        kind = kind_in_file(arrow_type)
        if kind is None:
            raise DataError(f"{file}: column {name!r} {_not_taken(rows, name, arrow_type)}")
        if kind is not Kind.EMPTY:
            found.setdefault(kind, file)
    if Kind.TEXT in found and len(found) > 1:
        other = next(kind for kind in found if kind is not Kind.TEXT)
        raise DataError(
            f"{found[Kind.TEXT]}: column {name!r} holds text, but {other} in {found[other]};"
            " give it one type in all files"
        )
    if len(found) > 1:
        return Kind.INTEGER if set(found) == {Kind.INTEGER, Kind.BOOL} else Kind.NUMBER
    return next(iter(found), Kind.EMPTY)


def kind_in_file(arrow_type: pa.DataType) -> Kind | None:
    """Return what a column of a file holds; None for what no estimator takes."""
    is_a = pa.types
    if is_a.is_dictionary(arrow_type):
        return kind_in_file(arrow_type.value_type)
    if is_a.is_integer(arrow_type):
        return Kind.INTEGER
    if is_a.is_floating(arrow_type) or is_a.is_decimal(arrow_type):
        return Kind.NUMBER
    if is_a.is_boolean(arrow_type):
        return Kind.BOOL
    if is_a.is_string(arrow_type) or is_a.is_large_string(arrow_type):
        return Kind.TEXT
    if is_a.is_string_view(arrow_type):
        return Kind.TEXT
    return Kind.EMPTY if is_a.is_null(arrow_type) else None


def _not_taken(rows: Rows, name: str, arrow_type: pa.DataType) -> str:
    if pa.types.is_binary(arrow_type):  # so pyarrow reads texts that it cannot decode
        return f"is not UTF-8 text ({_undecodable(rows, name)}); save the file as UTF-8"
    temporal = pa.types.is_temporal(arrow_type)
    what = "dates or times" if temporal else shortened(str(arrow_type), _LONGEST_TYPE)
    other = "list the columns to use in spec.training.data.features"
    if name == rows.target:
        other = "name another target in spec.training.data.target"
    return f"holds {what}, which estimators do not take; turn it into numbers or text, or {other}"


def _undecodable(rows: Rows, name: str) -> str:
    row = 0
    for chunk in rows.chunks(name):
        for value in chunk.to_pylist():
            try:
                if isinstance(value, bytes):
                    value.decode()
            except UnicodeDecodeError:
                return rows.place(row)
            row += 1
    return rows.name


def numbers(rows: Rows, name: str, out: Array) -> None:
    """Write a column's numbers into ``out``, shape (rows,), float64; missing ones as NaN.

    The pieces of a file are put together first: for each that is copied by itself a thread beside
    others would wait for the interpreter.
    """
    start = 0
    for column in rows.columns(name):
        out[start : start + len(column)] = _numbers(column.combine_chunks())
        start += len(column)


def _numbers(chunk: pa.Array) -> Array:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    if pa.types.is_boolean(chunk.type) or pa.types.is_null(chunk.type):
        chunk = pc.cast(chunk, pa.float32())
    elif pa.types.is_decimal(chunk.type):
        chunk = pc.cast(chunk, pa.float64())
    values: Array = chunk.to_numpy(zero_copy_only=False)
    return values


def integers(rows: Rows, name: str) -> Array:
    """Return a column of whole numbers or bools without missing ones as int64."""
    casted = [pc.cast(_decoded(chunk), pa.int64()) for chunk in rows.chunks(name)]
    return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in casted])


def texts(rows: Rows, name: str) -> Array:
    """Return a column of texts as objects, shape (rows,), missing ones as NaN."""
    chunks = [pc.cast(_decoded(chunk), pa.large_string()) for chunk in rows.chunks(name)]
    values = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in chunks])
    missing = np.concatenate([chunk.is_null().to_numpy(zero_copy_only=False) for chunk in chunks])
    values[missing] = np.nan
    return values


def _decoded(chunk: pa.Array) -> pa.Array:
    return chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk


def is_comma_number(text: str) -> bool:
    """Return whether a text is a number but for commas, be it before decimals or thousands."""
    return _COMMA_NUMBER.fullmatch(text) is not None


def is_numeric(kind: Kind | None) -> bool:
    return kind in _NUMERIC
